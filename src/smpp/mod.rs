//! Room: the SMPP 3.4 server — sessions, what clients ask, and what they are told. Never says that a message is taken
//! before it is on flash, and never forgets one that the client has not taken.
//!
//! ```text
//! server  listeners, networks, bytes     session  what a PDU means, windows, patience
//!    |                                      pdu, short: the octets
//!    +--> desk  submit, query, cancel, replace --> outbox         text: alphabets, headers; when: times
//!    +--> delivery  events since the cursor --> deliver_sm        receipt: what became of a message
//! ```

#[cfg(test)]
pub(crate) mod day;
mod delivery;
mod desk;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
mod pdu;
mod receipt;
mod server;
mod session;
mod short;
#[cfg(test)]
mod tests;
mod text;
mod when;

pub use server::run;

use std::cell::RefCell;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;

use crate::clock::Clock;
use crate::feed::Feed;
use crate::inbox::Inbox;
use crate::outbox::Outbox;
use crate::store::Shared;
use crate::time::WallTime;

/// Where the messages of SMPP clients come from, in the outbox's words.
const ORIGIN: &str = "smpp";

/// True for the requests that bring a message.
fn submits(command: u32) -> bool {
    matches!(command, pdu::SUBMIT_SM | pdu::SUBMIT_MULTI | pdu::DATA_SM)
}

/// What the server works with.
#[derive(Clone, Debug)]
pub struct Rooms {
    /// Events and the cursor.
    pub store: Shared,
    /// Received messages.
    pub inbox: Rc<RefCell<Inbox>>,
    /// Messages to send.
    pub outbox: Rc<RefCell<Outbox>>,
    /// The bell.
    pub feed: Feed,
    /// The clocks.
    pub clock: Clock,
}

/// A bound session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// Its number since the agent started.
    pub id: u32,
    /// Where the client is.
    pub peer: IpAddr,
    /// `transmitter`, `receiver` or `transceiver`.
    pub mode: &'static str,
    /// interface_version as the client gave it: 0x34 is 3.4.
    pub version: u8,
    /// When it was bound.
    pub since: WallTime,
    /// Messages it handed over.
    pub submitted: u64,
    /// Messages and receipts it took.
    pub delivered: u64,
    /// deliver_sm that it has not answered.
    pub in_flight: usize,
}

/// What happened since the agent started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Sessions bound now.
    pub sessions: usize,
    /// Binds refused.
    pub refused: u64,
    /// Messages taken over.
    pub submitted: u64,
    /// Requests answered with an error, throttled ones among them.
    pub failed: u64,
    /// Messages and receipts that clients took.
    pub delivered: u64,
}

/// What others may see of the server. Copies show the same.
#[derive(Clone, Debug, Default)]
pub struct Handle(Rc<RefCell<Seen>>);

#[derive(Debug, Default)]
struct Seen {
    listening: Vec<SocketAddr>,
    sessions: Vec<Session>,
    counts: Counts,
}

impl Seen {
    fn session(&mut self, id: u32) -> Option<&mut Session> {
        self.sessions.iter_mut().find(|session| session.id == id)
    }
}

impl Handle {
    /// The bound sessions.
    pub fn sessions(&self) -> Vec<Session> {
        self.0.borrow().sessions.clone()
    }

    /// The addresses that are served.
    pub fn listening(&self) -> Vec<SocketAddr> {
        self.0.borrow().listening.clone()
    }

    /// Counts since the agent started.
    pub fn counts(&self) -> Counts {
        let seen = self.0.borrow();
        Counts {
            sessions: seen.sessions.len(),
            ..seen.counts
        }
    }
}
