//! Decider: how long an address that gave wrong secrets has to wait, at every door; and the comparison that tells nothing.
//! Never waits itself, and never keeps or logs what was tried.

use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use sha2::{Digest, Sha256};
use subtle::{Choice, ConstantTimeEq};

use crate::time::Tick;

/// Wrong tokens before an address is shut out.
const TRIES: u32 = 10;
/// For so long; an address that behaves for so long is forgotten.
const SHUT_OUT: Duration = Duration::from_secs(600);
/// Sites remembered, more than one network of IPv4 has (a /24): who takes all its addresses in turn is forgotten by none.
/// The one silent for longest makes room.
const OFFENDERS: usize = 256;
/// Addresses remembered that gave the right token; the oldest makes room.
const FRIENDS: usize = 64;

/// Compares hashes — of tokens, names, passwords — so that neither content nor length of the token shows in the time it takes.
pub fn same(given: &[u8], token: &[u8]) -> Choice {
    Sha256::digest(given).ct_eq(&Sha256::digest(token))
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
pub fn site(peer: IpAddr) -> IpAddr {
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
        for n in 0..1000u16 {
            let [high, low] = n.to_be_bytes();
            gate.wrong(IpAddr::from([10, 0, high, low]), Tick(u64::from(n)));
        }
        assert_eq!(gate.offenders.len(), OFFENDERS);
        gate.right(IpAddr::from([10, 0, 3, 231]));
        assert_eq!(gate.offenders.len(), OFFENDERS - 1);
    }

    #[test]
    fn who_takes_every_address_of_a_network_in_turn_is_shut_out_with_all_of_them() {
        let mut gate = Gate::default();
        let mut tries = 0;
        for n in 0..20_000u64 {
            let host = IpAddr::from([192, 168, 1, u8::try_from(n % 254).unwrap() + 1]);
            if gate.shut_out(host, Tick(n)).is_none() {
                gate.wrong(host, Tick(n));
                tries += 1;
            }
        }
        assert_eq!(tries, 254 * TRIES);
    }
}
