//! Decider: who may ask — token, host name, origin. Never keeps or logs a token that was tried.

use std::net::{IpAddr, SocketAddr};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::head::Head;
use super::problem::{Code, Problem};
pub use crate::gate::{Gate, same};

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
}
