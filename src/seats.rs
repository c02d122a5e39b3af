//! Keeper: who is connected, and who has to go when all seats are taken. Never closes a connection itself: it hands
//! out the bell of the one that shall leave.
//!
//! A client that has sent its request is *busy* and stays. One that still owes us bytes *waits*; when seats run out the
//! one that has waited longest makes room. So a thousand silent connections never shut out one that speaks. A host has
//! as many IPv6 addresses as it likes in its /64: those who wait there never have all seats, and evict each other.

use std::fmt;
use std::net::IpAddr;

use crate::gate::site;
use crate::time::Tick;

/// Connections let in before one of them has a turn: too few to evict each other, and more than one, or those inside
/// who talk without end would keep a good client waiting outside.
pub const AT_ONCE: usize = 8;

/// Who is at the other end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Peer {
    /// A program on this router, through the Unix socket.
    Local,
    /// An address; IPv4 seen through IPv6 counts as IPv4.
    Ip(IpAddr),
}

impl Peer {
    /// Whose addresses count together.
    fn site(self) -> Peer {
        match self {
            Peer::Local => self,
            Peer::Ip(address) => Peer::Ip(site(address)),
        }
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Peer::Local => out.write_str("the Unix socket"),
            Peer::Ip(address) => address.fmt(out),
        }
    }
}

#[derive(Debug)]
struct Seat<B> {
    id: u32,
    peer: Peer,
    waits_since: Option<Tick>,
    bell: B,
}

/// The seats; `B` is what makes a connection leave.
#[derive(Debug)]
pub struct Seats<B> {
    seats: Vec<Seat<B>>,
    newest: u32,
}

/// What became of a wish to sit down.
#[derive(Debug, PartialEq, Eq)]
pub enum Taken<B> {
    /// The seat's number, and the bell of the one who has to leave for it.
    Seat(u32, Option<B>),
    /// All seats are busy: close the newcomer.
    Full,
}

impl<B> Default for Seats<B> {
    fn default() -> Seats<B> {
        Seats::new()
    }
}

impl<B> Seats<B> {
    /// Connections in all.
    pub const TOTAL: usize = 64;
    /// Connections of one peer.
    pub const PER_PEER: usize = 16;
    /// Waiting connections of one IPv6 /64. More than of one peer: its good hosts are among them.
    pub const PER_SITE: usize = Self::TOTAL - Self::PER_PEER;

    /// Empty seats.
    pub fn new() -> Seats<B> {
        Seats {
            seats: Vec::new(),
            newest: 0,
        }
    }

    /// A seat for `peer`, who waits from `now`.
    pub fn take(&mut self, peer: Peer, bell: B, now: Tick) -> Taken<B> {
        let count =
            |counts: &dyn Fn(&Seat<B>) -> bool| self.seats.iter().filter(|one| counts(one)).count();
        let of_peer = count(&|seat| seat.peer == peer);
        let waiting = count(&|seat| seat.waits_since.is_some() && seat.peer.site() == peer.site());
        let evicted = if of_peer >= Self::PER_PEER {
            self.evict(&|other| other == peer)
        } else if waiting >= Self::PER_SITE {
            self.evict(&|other| other.site() == peer.site())
        } else if self.seats.len() >= Self::TOTAL {
            self.evict(&|_| true)
        } else {
            None
        };
        let full = of_peer >= Self::PER_PEER || self.seats.len() >= Self::TOTAL;
        if full && evicted.is_none() {
            return Taken::Full;
        }
        self.newest = self.newest.wrapping_add(1);
        self.seats.push(Seat {
            id: self.newest,
            peer,
            waits_since: Some(now),
            bell,
        });
        Taken::Seat(self.newest, evicted)
    }

    /// Takes the seat from the one of these that has waited longest, and gives its bell.
    fn evict(&mut self, of: &dyn Fn(Peer) -> bool) -> Option<B> {
        let longest = self
            .seats
            .iter()
            .enumerate()
            .filter(|(_, seat)| of(seat.peer))
            .filter_map(|(at, seat)| Some((seat.waits_since?, at)))
            .min()?;
        Some(self.seats.swap_remove(longest.1).bell)
    }

    /// The bell of the one that has waited longest, who has no seat any more.
    pub fn make_room(&mut self) -> Option<B> {
        self.evict(&|_| true)
    }

    /// It owes us bytes since `since`; `None`: it is busy.
    pub fn mark(&mut self, id: u32, since: Option<Tick>) {
        if let Some(seat) = self.seats.iter_mut().find(|seat| seat.id == id) {
            seat.waits_since = since;
        }
    }

    /// It left; leaving twice is no error.
    pub fn leave(&mut self, id: u32) {
        self.seats.retain(|seat| seat.id != id);
    }

    /// Taken seats.
    #[cfg(test)]
    fn len(&self) -> usize {
        self.seats.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(last: u8) -> Peer {
        Peer::Ip(IpAddr::from([10, 0, 0, last]))
    }

    #[test]
    fn an_address_that_fills_its_seats_evicts_only_itself() {
        let mut seats = Seats::new();
        assert_eq!(seats.take(peer(1), 1000, Tick(0)), Taken::Seat(1, None));
        for n in 0..16 {
            assert!(matches!(
                seats.take(peer(2), n, Tick(10)),
                Taken::Seat(_, None)
            ));
        }
        seats.mark(2, None);
        assert_eq!(seats.take(peer(2), 16, Tick(20)), Taken::Seat(18, Some(1)));
        assert_eq!(seats.len(), 17);
    }

    #[test]
    fn when_all_seats_are_taken_the_longest_waiter_goes_and_the_busy_stay() {
        let mut seats = Seats::new();
        let mut ids = Vec::new();
        for n in 0..64u8 {
            let Taken::Seat(id, None) = seats.take(peer(n), n, Tick(100 - u64::from(n))) else {
                panic!("no seat for {n}");
            };
            ids.push(id);
        }
        seats.mark(ids[63], None);
        assert!(matches!(
            seats.take(peer(99), 99, Tick(200)),
            Taken::Seat(_, Some(62))
        ));
        for id in ids {
            seats.mark(id, None);
        }
        seats.make_room();
        assert!(
            matches!(seats.take(peer(98), 98, Tick(200)), Taken::Seat(id, None) if {
                seats.mark(id, None);
                true
            })
        );
        assert_eq!(seats.take(peer(97), 97, Tick(200)), Taken::Full);
        seats.leave(1);
        seats.leave(1);
        assert!(matches!(
            seats.take(peer(97), 97, Tick(200)),
            Taken::Seat(_, None)
        ));
    }

    #[test]
    fn the_addresses_of_one_ipv6_network_never_wait_on_all_seats_and_are_busy_on_their_own() {
        let host =
            |network: u16, n: u16| Peer::Ip(IpAddr::from([0xfd00, 0, 0, network, 0, 0, 0, n]));
        let mut seats = Seats::new();
        assert_eq!(seats.take(host(1, 1), 1000, Tick(0)), Taken::Seat(1, None));
        for n in 0..48 {
            let taken = seats.take(host(2, n), n, Tick(10));
            assert!(matches!(taken, Taken::Seat(_, None)));
        }
        let taken = seats.take(host(2, 99), 48, Tick(20));
        assert_eq!(taken, Taken::Seat(50, Some(0)));
        assert_eq!(seats.len(), 49);
        for id in 1..=50 {
            seats.mark(id, None);
        }
        let taken = seats.take(host(2, 100), 49, Tick(30));
        assert_eq!(taken, Taken::Seat(51, None));
    }

    #[test]
    fn a_flood_keeps_the_table_bounded() {
        let mut seats = Seats::new();
        for n in 0..10_000u32 {
            let from = peer(u8::try_from(n % 200).unwrap());
            assert!(matches!(
                seats.take(from, n, Tick(u64::from(n))),
                Taken::Seat(..)
            ));
            assert!(seats.len() <= Seats::<u32>::TOTAL);
        }
    }
}
