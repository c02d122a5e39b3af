//! Room: what must outlive a power cut — a journal of checksummed records behind a small key/value face. The only
//! place that writes flash. Never interprets a value: the room that owns the record does.
//!
//! Every [`Change`] batch is one record: after a cut it is there whole or not at all. `apply` returns Ok only after
//! fsync. Values live in memory too (the store is bounded at some hundred kilobytes), so reading costs no I/O.

use std::cell::RefCell;
use std::fmt;
use std::path::Path;
use std::rc::Rc;

use crate::message::{Event, EventKind, MessageId};
use crate::time::WallTime;

/// What a record is about; with an id it is the key. The numbers are the bytes on flash: never reuse one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Kind {
    /// A whole received message (`inbox/`), id: message.
    Received = 1,
    /// What its owner did with it: read, handled by a rule (`inbox/`), id: message.
    ReceivedMark = 2,
    /// A part waiting for its siblings (`inbox/`), id: from the sequence.
    Part = 3,
    /// What a modem slot held when it was last taken over (`inbox/`), id: memory and index.
    Slot = 4,
    /// What was asked to be sent (`outbox/`), id: message.
    Outgoing = 5,
    /// Where it stands (`outbox/`), id: message.
    OutgoingState = 6,
    /// An `Idempotency-Key` and what it was answered with (`outbox/`), id: hash.
    Idempotency = 7,
    /// An event (`store/` itself), id: its sequence number.
    Event = 8,
    /// How far a listener has come (`forward/`, `smpp/`), id: hash of its name.
    Cursor = 9,
}

/// A record's key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// What it is about.
    pub kind: Kind,
    /// Which one.
    pub id: u64,
}

/// Whether a record may go when room is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// Only its owner removes it.
    Always,
    /// Finished: may go, lowest id first, once every cursor has passed it.
    UntilRoom,
}

/// One change of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Sets a record.
    Put {
        /// Its key.
        key: Key,
        /// Its bytes.
        value: Vec<u8>,
        /// Whether it may go.
        keep: Keep,
    },
    /// Removes a record; removing what is not there is no error.
    Delete {
        /// Its key.
        key: Key,
    },
}

/// Why the store did not take a change. Nothing of the batch was kept.
#[derive(Debug)]
pub enum WhyNot {
    /// The limit is reached and nothing finished can go: the caller leaves the thing where it is and tries later.
    Full,
    /// The file system refused (full disk, read-only, I/O error): as `Full`, and the log says what it said.
    Io(std::io::Error),
}

impl fmt::Display for WhyNot {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            WhyNot::Full => out
                .write_str("the state directory's limit is reached and nothing in it is finished"),
            WhyNot::Io(error) => write!(out, "the state directory cannot be written: {error}"),
        }
    }
}

impl std::error::Error for WhyNot {}

/// The store, shared by the rooms of the one runtime thread. Borrow it for one call, never across an await.
pub type Shared = Rc<RefCell<Store>>;

/// The journal and its index.
#[derive(Debug)]
pub struct Store {}

#[expect(
    unused_variables,
    clippy::unimplemented,
    reason = "the store's helper fills these in"
)]
impl Store {
    /// Opens or makes the journal in `dir` (made 0700 if missing), replays it, and logs what had to be repaired.
    ///
    /// # Errors
    /// When the directory cannot be made, read or locked.
    pub fn open(dir: &Path, limit: u32) -> std::io::Result<Store> {
        unimplemented!()
    }

    /// The next number of the one sequence. Kept over restarts once a batch that uses it was applied.
    pub fn next_id(&mut self) -> MessageId {
        unimplemented!()
    }

    /// Applies all changes or none; Ok means they are on flash.
    ///
    /// # Errors
    /// [`WhyNot`]; the store is as before.
    pub fn apply(&mut self, changes: &[Change]) -> Result<(), WhyNot> {
        unimplemented!()
    }

    /// A record's bytes.
    pub fn get(&self, key: Key) -> Option<&[u8]> {
        unimplemented!()
    }

    /// The records of one kind with an id of at least `from`, by growing id.
    pub fn range(
        &self,
        kind: Kind,
        from: u64,
    ) -> Box<dyn DoubleEndedIterator<Item = (u64, &[u8])> + '_> {
        unimplemented!()
    }

    /// An event to go into the caller's batch, and its change. For `MessageReceived` pass the message's own id as `seq`.
    pub fn event(
        &mut self,
        kind: EventKind,
        at: WallTime,
        message: Option<MessageId>,
        facts: serde_json::Value,
    ) -> (Event, Change) {
        unimplemented!()
    }

    /// The events after `seq`, by growing number.
    pub fn events_after(&self, seq: u64) -> Box<dyn Iterator<Item = Event> + '_> {
        unimplemented!()
    }

    /// The highest id given out so far.
    pub fn newest(&self) -> u64 {
        unimplemented!()
    }

    /// Bytes on flash now, and the limit.
    pub fn usage(&self) -> (u32, u32) {
        unimplemented!()
    }

    /// Journal bytes written since the agent started (flash wear).
    pub fn written(&self) -> u64 {
        unimplemented!()
    }
}
