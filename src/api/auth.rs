//! Decider: who may ask — token, host name, origin — and how long a wrong one has to wait. Never waits itself, and
//! never keeps or logs a token that was tried.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};
use subtle::{Choice, ConstantTimeEq};

use super::head::Head;
use super::problem::{Code, Problem};
use crate::time::Tick;

/// Wrong tokens before an address is shut out.
const TRIES: u32 = 10;
/// For so long; an address that behaves for so long is forgotten.
const SHUT_OUT: Duration = Duration::from_secs(600);
/// Sites remembered; the one silent for longest makes room.
const OFFENDERS: usize = 64;
/// Addresses remembered that gave the right token; the oldest makes room.
const FRIENDS: usize = 64;

/// Says whether a request may be served.
///
/// # Errors
/// The problem to answer with. Only [`Code::TokenWrong`] counts against the address.
pub fn admit(head: &Head, peer: IpAddr, token: Option<&str>) -> Result<(), Problem> {
    same_origin(head)?;
    match (token, given(head)) {
        (Some(token), Some(given)) if same(&given, token.as_bytes()).into() => Ok(()),
        (Some(_), Some(_)) => Err(challenge(Code::TokenWrong, "this is not the token")),
        (Some(_), None) => Err(challenge(
            Code::TokenMissing,
            "send the token as Bearer, or as the password of any user",
        )),
        (None, _) if !peer.is_loopback() => Err(Problem::new(
            Code::TokenNotSet,
            "set option token in section api, then ask with it",
        )),
        (None, _) => literal_host(head),
    }
}

fn challenge(code: Code, detail: &str) -> Problem {
    Problem::new(code, detail)
        .with("WWW-Authenticate", "Bearer realm=\"rut-agent\"")
        .with(
            "WWW-Authenticate",
            "Basic realm=\"rut-agent\", charset=\"UTF-8\"",
        )
}

/// The token a client sent: after `Bearer`, or as the password of `Basic` (RFC 7617). Unreadable ones are wrong ones.
fn given(head: &Head) -> Option<Vec<u8>> {
    let (scheme, value) = head.field("authorization")?.split_once(' ')?;
    if scheme.eq_ignore_ascii_case("bearer") {
        return Some(value.trim().as_bytes().to_vec());
    }
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let pair = STANDARD.decode(value.trim()).unwrap_or_default();
    let colon = pair.iter().position(|byte| *byte == b':');
    Some(
        colon
            .and_then(|at| pair.get(at + 1..))
            .unwrap_or_default()
            .to_vec(),
    )
}

/// Compares hashes — of tokens, names, passwords — so that neither content nor length of the token shows in the time it takes.
pub fn same(given: &[u8], token: &[u8]) -> Choice {
    Sha256::digest(given).ct_eq(&Sha256::digest(token))
}

/// A browser names the page's site in Origin: a page of another site may not use what the browser remembers.
fn same_origin(head: &Head) -> Result<(), Problem> {
    let host = head.field("host").unwrap_or_default();
    let foreign = head.all("origin").any(|origin| {
        !origin
            .split_once("://")
            .is_some_and(|(_, site)| site.eq_ignore_ascii_case(host))
    });
    if foreign {
        return Err(Problem::new(
            Code::ForeignOrigin,
            "a web page of another site may not ask here",
        ));
    }
    Ok(())
}

/// Without a token a name that somebody made to point at 127.0.0.1 must not lead here (DNS rebinding).
fn literal_host(head: &Head) -> Result<(), Problem> {
    let literal = |host: &str| {
        let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
        name.eq_ignore_ascii_case("localhost")
            || name.parse::<IpAddr>().is_ok()
            || host.parse::<SocketAddr>().is_ok()
            || host
                .strip_prefix('[')
                .and_then(|rest| rest.strip_suffix(']'))
                .is_some_and(|inner| inner.parse::<IpAddr>().is_ok())
    };
    if head.all("host").all(literal) {
        return Ok(());
    }
    Err(Problem::new(
        Code::ForeignOrigin,
        "without a token the agent is asked as localhost or by its address",
    ))
}

#[derive(Clone, Copy, Debug)]
struct Offender {
    site: IpAddr,
    /// The last address there that was wrong: only its own right token makes that good.
    peer: IpAddr,
    wrong: u32,
    last: Tick,
}

/// Remembers who gave wrong tokens. A host has as many IPv6 addresses as it likes in its /64, so a /64 counts as one;
/// those there who have given the right token, and no wrong one since, do not suffer for the others.
#[derive(Debug, Default)]
pub struct Gate {
    offenders: Vec<Offender>,
    friends: Vec<IpAddr>,
}

/// The address, or the /64 of an IPv6 one.
fn site(peer: IpAddr) -> IpAddr {
    match peer {
        IpAddr::V4(_) => peer,
        IpAddr::V6(peer) => Ipv6Addr::from_bits(peer.to_bits() >> 64 << 64).into(),
    }
}

/// What a wrong token leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Penalty {
    /// The answer waits so long.
    pub pause: Duration,
    /// This was the one too many: say so in the log.
    pub shut_out: bool,
}

impl Gate {
    /// How long this address is still shut out.
    pub fn shut_out(&self, peer: IpAddr, now: Tick) -> Option<Duration> {
        let site = site(peer);
        let offender = self.offenders.iter().find(|one| one.site == site)?;
        if self.friends.contains(&peer) {
            return None;
        }
        let left = SHUT_OUT.checked_sub(now.since(offender.last))?;
        (offender.wrong >= TRIES && !left.is_zero()).then_some(left)
    }

    /// A wrong token came.
    pub fn wrong(&mut self, peer: IpAddr, now: Tick) -> Penalty {
        self.offenders.retain(|one| now.since(one.last) < SHUT_OUT);
        self.friends.retain(|friend| *friend != peer);
        let site = site(peer);
        let before = self.offenders.iter().position(|one| one.site == site);
        let wrong = match before {
            Some(at) => self.offenders.swap_remove(at).wrong.saturating_add(1),
            None => 1,
        };
        if self.offenders.len() >= OFFENDERS {
            let quietest = (0..).zip(&self.offenders).min_by_key(|(_, one)| one.last);
            if let Some((at, _)) = quietest {
                self.offenders.swap_remove(at);
            }
        }
        self.offenders.push(Offender {
            site,
            peer,
            wrong,
            last: now,
        });
        Penalty {
            pause: Duration::from_millis(250 << wrong.saturating_sub(1).min(4)),
            shut_out: wrong == TRIES,
        }
    }

    /// The right token came: what this address did is forgiven.
    pub fn right(&mut self, peer: IpAddr) {
        self.offenders.retain(|one| one.peer != peer);
        if peer.is_ipv6() && !self.friends.contains(&peer) {
            if self.friends.len() >= FRIENDS {
                self.friends.remove(0);
            }
            self.friends.push(peer);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LAN: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 168, 1, 9));
    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    fn head(fields: &str) -> Head {
        Head::of(&format!("GET / HTTP/1.1\r\n{fields}\r\n"))
    }

    fn refused(fields: &str, peer: IpAddr, token: Option<&str>) -> Code {
        admit(&head(fields), peer, token).unwrap_err().code
    }

    #[test]
    fn the_token_opens_as_bearer_and_as_anybodys_password() {
        let basic = |pair: &str| format!("Authorization: basic {}\r\n", STANDARD.encode(pair));
        for fields in [
            String::from("Authorization: Bearer s3:cret\r\n"),
            basic("root:s3:cret"),
            basic(":s3:cret"),
        ] {
            assert_eq!(
                admit(&head(&fields), LAN, Some("s3:cret")),
                Ok(()),
                "{fields}"
            );
        }
        for fields in [
            String::from("Authorization: Bearer s3:cre\r\n"),
            String::from("Authorization: Bearer \t\r\n"),
            String::from("Authorization: Basic !!!\r\n"),
            basic("s3:cret"),
            basic("nocolon"),
        ] {
            let code = refused(&fields, LAN, Some("s3:cret"));
            assert!(
                matches!(code, Code::TokenWrong | Code::TokenMissing),
                "{fields}"
            );
        }
        assert_eq!(refused("", LAN, Some("x")), Code::TokenMissing);
        assert_eq!(
            refused("Authorization: Digest a\r\n", LAN, Some("x")),
            Code::TokenMissing
        );
    }

    #[test]
    fn an_ipv6_network_counts_as_one_and_its_good_clients_do_not_suffer() {
        let host = |n: u128| IpAddr::from(Ipv6Addr::from_bits(0xfd00 << 112 | n));
        let mut gate = Gate::default();
        gate.right(host(1));
        for n in 10..20 {
            assert!(gate.shut_out(host(n), Tick(0)).is_none());
            assert_eq!(gate.wrong(host(n), Tick(0)).shut_out, n == 19);
            gate.right(host(1));
        }
        assert!(gate.shut_out(host(99), Tick(0)).is_some());
        assert!(gate.shut_out(host(1), Tick(0)).is_none());
        assert!(gate.shut_out(host(1 << 64), Tick(0)).is_none());
        gate.wrong(host(1), Tick(0));
        assert!(gate.shut_out(host(1), Tick(0)).is_some());
    }

    #[test]
    fn without_a_token_only_loopback_by_address_or_localhost_is_served() {
        assert_eq!(refused("", LAN, None), Code::TokenNotSet);
        for host in [
            "localhost",
            "127.0.0.1:8240",
            "[::1]:8240",
            "[::1]",
            "LOCALHOST:80",
        ] {
            assert_eq!(
                admit(&head(&format!("Host: {host}\r\n")), HERE, None),
                Ok(()),
                "{host}"
            );
        }
        assert_eq!(admit(&head(""), HERE, None), Ok(()));
        for host in [
            "evil.example",
            "evil.example:8240",
            "127.0.0.1.nip.io",
            "[::1",
            "",
        ] {
            assert_eq!(
                refused(&format!("Host: {host}\r\n"), HERE, None),
                Code::ForeignOrigin,
                "{host}"
            );
        }
        assert_eq!(
            refused("Host: localhost\r\nHost: evil.example\r\n", HERE, None),
            Code::ForeignOrigin
        );
    }

    #[test]
    fn a_page_of_another_site_is_refused_even_with_the_token() {
        let with = |origin: &str| {
            head(&format!(
                "Host: rut:8240\r\nOrigin: {origin}\r\nAuthorization: Bearer x\r\n"
            ))
        };
        assert_eq!(admit(&with("http://RUT:8240"), LAN, Some("x")), Ok(()));
        for origin in ["http://evil.example", "http://rut:80", "null", ""] {
            let problem = admit(&with(origin), LAN, Some("x")).unwrap_err();
            assert_eq!(problem.code, Code::ForeignOrigin, "{origin}");
        }
    }

    #[test]
    fn wrong_tokens_wait_longer_and_longer_and_the_tenth_shuts_out() {
        let mut gate = Gate::default();
        let pauses: Vec<u128> = (0..9)
            .map(|_| {
                let penalty = gate.wrong(LAN, Tick(0));
                assert!(!penalty.shut_out);
                penalty.pause.as_millis()
            })
            .collect();
        assert_eq!(pauses, [250, 500, 1000, 2000, 4000, 4000, 4000, 4000, 4000]);
        assert_eq!(gate.shut_out(LAN, Tick(0)), None);
        assert!(gate.wrong(LAN, Tick(1000)).shut_out);
        assert_eq!(gate.shut_out(LAN, Tick(1000)), Some(SHUT_OUT));
        assert_eq!(gate.shut_out(HERE, Tick(1000)), None);
        assert_eq!(gate.shut_out(LAN, Tick(601_000)), None);
        assert_eq!(gate.wrong(LAN, Tick(601_000)).pause.as_millis(), 250);
    }

    #[test]
    fn the_right_token_forgives_and_the_table_stays_small() {
        let mut gate = Gate::default();
        for n in 0..200u8 {
            gate.wrong(IpAddr::from([10, 0, 0, n]), Tick(u64::from(n)));
        }
        assert_eq!(gate.offenders.len(), OFFENDERS);
        gate.right(IpAddr::from([10, 0, 0, 199]));
        assert_eq!(gate.offenders.len(), OFFENDERS - 1);
    }
}
