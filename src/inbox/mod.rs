//! Room: received messages — take over, assemble parts, list, mark, delete. Never says Ok before the thing is on flash,
//! and never talks to the modem: it tells which slots may be freed, the modem's worker frees them.

use crate::feed::Feed;
use crate::message::{MessageId, Number, Received, Slot};
use crate::store::{Shared, WhyNot};
use crate::time::{Now, Tick, WallTime};
use std::time::Duration;

/// What the modem hands over: one PDU and where it lay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// The slot; `None` for direct delivery (`+CMT`).
    pub slot: Option<Slot>,
    /// The PDU, service centre first. One that no codec can read is kept as a message that shows its hexadecimal.
    pub pdu: Vec<u8>,
}

/// What became of an arrival. Whichever it is, the arrival is on flash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Accepted {
    /// It was, or completed, this message.
    Message(MessageId),
    /// A part; its siblings are waited for.
    Waiting,
    /// This slot's content was taken over before, or the part is here already.
    Known,
}

/// Which messages a listing wants.
#[derive(Clone, Debug, Default)]
pub struct Query {
    /// Only ids above this one.
    pub after: Option<MessageId>,
    /// At most so many.
    pub limit: usize,
    /// Only this other party.
    pub number: Option<Number>,
    /// Only texts that hold this, case ignored.
    pub text: Option<String>,
}

/// A stored message and what its owner did with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// The message.
    pub message: Received,
    /// It was read.
    pub read: bool,
}

/// The keeper of received messages.
#[derive(Debug)]
pub struct Inbox {}

#[expect(
    unused_variables,
    clippy::unimplemented,
    reason = "the store's helper fills these in"
)]
impl Inbox {
    /// An inbox over what the store holds. Parts are waited for `part_timeout`.
    pub fn new(store: Shared, feed: Feed, part_timeout: Duration, now: Now) -> Inbox {
        unimplemented!()
    }

    /// Takes over one PDU from the modem (a DELIVER, or bytes nobody can read). Ok means it is on flash, the event is
    /// written and the bell was rung; only then may it be acknowledged or its slot freed.
    ///
    /// # Errors
    /// [`WhyNot`]: leave it where it is and offer it again later.
    pub fn accept(&mut self, arrival: &Arrival, now: Now) -> Result<Accepted, WhyNot> {
        unimplemented!()
    }

    /// True when this slot's very content was taken over before.
    pub fn knows(&self, slot: Slot, pdu: &[u8]) -> bool {
        unimplemented!()
    }

    /// Hands on what waited too long for its siblings, marked incomplete.
    ///
    /// # Errors
    /// [`WhyNot`]: nothing was handed on; it is tried again at the next wake.
    pub fn hand_on_incomplete(&mut self, now: Now) -> Result<(), WhyNot> {
        unimplemented!()
    }

    /// When [`Inbox::hand_on_incomplete`] has something to do.
    pub fn next_wake(&self) -> Option<Tick> {
        unimplemented!()
    }

    /// The slots whose content is on flash here, oldest first: what the `free` rule may remove from the modem.
    pub fn removable(&self) -> Vec<Slot> {
        unimplemented!()
    }

    /// The slot was freed or found empty.
    ///
    /// # Errors
    /// [`WhyNot`].
    pub fn slot_is_free(&mut self, slot: Slot) -> Result<(), WhyNot> {
        unimplemented!()
    }

    /// Messages by growing id.
    pub fn list(&self, query: &Query) -> Vec<Stored> {
        unimplemented!()
    }

    /// One message.
    pub fn get(&self, id: MessageId) -> Option<Stored> {
        unimplemented!()
    }

    /// Marks as read; `false` when there is no such message.
    ///
    /// # Errors
    /// [`WhyNot`].
    pub fn mark_read(&mut self, id: MessageId) -> Result<bool, WhyNot> {
        unimplemented!()
    }

    /// Deletes; the slots that the modem's worker should now free, or `None` when there is no such message.
    ///
    /// # Errors
    /// [`WhyNot`].
    pub fn delete(&mut self, id: MessageId) -> Result<Option<Vec<Slot>>, WhyNot> {
        unimplemented!()
    }

    /// When the newest message came; for `/status`.
    pub fn last_received_at(&self) -> Option<WallTime> {
        unimplemented!()
    }
}
