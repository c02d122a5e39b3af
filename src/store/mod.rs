//! Room: what must outlive a power cut — a journal of checksummed records behind a small key/value face. The only
//! place that writes flash. Never interprets a value: the room that owns the record does.
//!
//! Every [`Change`] batch is one record: after a cut it is there whole or not at all. `apply` returns Ok only after
//! fsync. Values live in memory too (the store is bounded at some hundred kilobytes), so reading costs no I/O.
//!
//! ```text
//! put, delete --> room: does it fit, what finished must go --> journal: append, sync --> index: takes effect
//!                                                                 |
//!                          oldest segment <-- its live records are written anew at the end, then it is removed
//! ```
//! The journal is a row of segments, each an eighth of the limit. A delete is a record too; it may vanish with its
//! segment because no older segment is left that could hold the put.

mod flash;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
mod index;
mod journal;
mod record;
mod room;
#[cfg(any(test, fuzzing))]
#[cfg_attr(fuzzing, allow(dead_code))]
pub(crate) mod sim;
#[cfg(test)]
mod tests;

use std::cell::RefCell;
use std::fmt;
use std::path::Path;
use std::rc::Rc;

use serde::{Deserialize, Serialize};

use self::flash::{Disk, Flash};
use self::index::Index;
use self::journal::Journal;
use self::record::HEADER;
use crate::json;
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
    /// How far a listener has come (`forward/`, `rules/`, `smpp/`), id: hash of its name. Never goes; [`Keep::UntilRoom`]
    /// says of it that its listener needs of all that lies before it the received messages alone.
    Cursor = 9,
    /// What became of a mail that may still lie on its server (`mail/`), id: hash of account and unique-id.
    Mail = 10,
    /// What the rules must remember (`rules/`), id: 0.
    Rules = 11,
    /// Six hours of signal levels (`signal/`), id: which six hours since 1970.
    Signal = 12,
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
pub struct Store {
    journal: Journal,
    index: Index,
    newest: u64,
    /// The last change was refused, and the log says so.
    refusing: bool,
}

/// Live records are written anew in records of about so many bytes, or half a segment.
const COPY: usize = 4096;

/// An event's value on flash; its number is the key.
#[derive(Serialize, Deserialize)]
struct StoredEvent {
    #[serde(rename = "a")]
    at: WallTime,
    #[serde(rename = "k")]
    kind: EventKind,
    #[serde(rename = "m", default, skip_serializing_if = "Option::is_none")]
    message: Option<MessageId>,
    #[serde(
        rename = "f",
        default,
        skip_serializing_if = "serde_json::Value::is_null"
    )]
    facts: serde_json::Value,
}

impl Store {
    /// Opens or makes the journal in `dir` (made 0700 if missing), replays it, and logs what had to be repaired.
    ///
    /// # Errors
    /// When the directory cannot be made, read or locked.
    pub fn open(dir: &Path, limit: u32) -> std::io::Result<Store> {
        let segment = (limit as usize / 8).max(4096);
        Store::on(Box::new(Disk::open(dir)?), limit as usize, segment)
    }

    fn on(flash: Box<dyn Flash>, limit: usize, segment: usize) -> std::io::Result<Store> {
        let mut index = Index::default();
        let mut newest = 0;
        let (journal, floor) = Journal::open(flash, limit, segment, &mut |number, changes| {
            for change in &changes {
                if let Change::Put { key, .. } = change
                    && room::sequenced(key.kind)
                {
                    newest = newest.max(key.id);
                }
                index.take(number, change);
            }
        })?;
        let mut store = Store {
            journal,
            index,
            newest: newest.max(floor),
            refusing: false,
        };
        if let Err(error) = store.obey_lowered_limit() {
            log::warn!("store: the journal cannot be brought below its limit now: {error}");
        }
        Ok(store)
    }

    /// Segments of a larger limit's size leave no room for cleaning under a smaller one: their live records move.
    fn obey_lowered_limit(&mut self) -> std::io::Result<()> {
        for _old_segment in 0..self.journal.count() {
            let space = self.journal.space();
            if self.journal.total() + space.largest <= space.limit {
                break;
            }
            self.clean_oldest()?;
        }
        Ok(())
    }

    /// The next number of the one sequence. Kept over restarts once a batch that uses it was applied.
    pub fn next_id(&mut self) -> MessageId {
        self.newest += 1;
        MessageId(self.newest)
    }

    /// Applies all changes or none; Ok means they are on flash.
    ///
    /// # Errors
    /// [`WhyNot`]; the store is as before.
    pub fn apply(&mut self, changes: &[Change]) -> Result<(), WhyNot> {
        if changes.is_empty() {
            return Ok(());
        }
        let result = self.try_apply(changes);
        match &result {
            Ok(()) if self.refusing => log::info!("store: changes are taken again"),
            Err(why) if !self.refusing => {
                log::error!("store: a change was refused, whoever asked tries again later: {why}");
            }
            Ok(()) | Err(_) => {}
        }
        self.refusing = result.is_err();
        result
    }

    fn try_apply(&mut self, changes: &[Change]) -> Result<(), WhyNot> {
        let trimmed = room::old_events(&self.index, changes);
        let batch: Vec<&Change> = changes.iter().chain(&trimmed).collect();
        let bytes = record::emit(batch.iter().copied());
        let going = room::plan(&self.index, self.journal.space(), changes, bytes.len())
            .ok_or(WhyNot::Full)?;
        if !going.is_empty() {
            log::info!("store: {} finished records go to make room", going.len());
            let going: Vec<Change> = going.into_iter().map(room::delete).collect();
            let going: Vec<&Change> = going.iter().collect();
            self.write(&going, record::emit(going.iter().copied()))?;
        }
        self.write(&batch, bytes)
    }

    fn write(&mut self, batch: &[&Change], bytes: Vec<u8>) -> Result<(), WhyNot> {
        self.clean_for(bytes.len()).map_err(WhyNot::Io)?;
        let segment = self
            .journal
            .append(&bytes, self.newest)
            .map_err(WhyNot::Io)?;
        self.journal.sync().map_err(WhyNot::Io)?;
        for change in batch {
            self.index.take(segment, change);
        }
        Ok(())
    }

    /// Cleans oldest segments until a record of `length` bytes fits, or until nothing dead is left worth the wear
    /// (which only happens when the limit was lowered: then what shrinks the store goes beyond it).
    fn clean_for(&mut self, length: usize) -> std::io::Result<()> {
        for _turn in 0..=self.journal.count() {
            let space = self.journal.space();
            let total = self.journal.total();
            let apart = space.largest.max(length + HEADER);
            let dead = total.saturating_sub(self.index.live() + HEADER * self.journal.count());
            if total + length + HEADER + apart <= space.limit || dead < space.segment / 4 {
                break;
            }
            self.clean_oldest()?;
        }
        Ok(())
    }

    fn clean_oldest(&mut self) -> std::io::Result<()> {
        let Some(oldest) = self.journal.oldest(self.newest)? else {
            return Ok(());
        };
        let live = self.index.lying_in(oldest);
        let mut moved = Vec::with_capacity(live.len());
        let enough = COPY.min(self.journal.space().segment / 2);
        while let Some(rest) = live.get(moved.len()..).filter(|rest| !rest.is_empty()) {
            let copies = self.index.copies(rest, enough);
            let segment = self
                .journal
                .append(&record::emit(copies.iter()), self.newest)?;
            moved.extend(rest.iter().take(copies.len()).map(|key| (*key, segment)));
        }
        self.journal.sync()?;
        for (key, segment) in moved {
            self.index.moved(key, segment);
        }
        self.journal.remove_oldest()
    }

    /// A record's bytes.
    pub fn get(&self, key: Key) -> Option<&[u8]> {
        self.index.get(key).map(|entry| &*entry.value)
    }

    /// The records of one kind with an id of at least `from`, by growing id.
    pub fn range(
        &self,
        kind: Kind,
        from: u64,
    ) -> Box<dyn DoubleEndedIterator<Item = (u64, &[u8])> + '_> {
        Box::new(self.index.range(kind, from))
    }

    /// An event to go into the caller's batch, and its change. For `MessageReceived` pass the message's own id as `seq`.
    pub fn event(
        &mut self,
        kind: EventKind,
        at: WallTime,
        message: Option<MessageId>,
        facts: serde_json::Value,
    ) -> (Event, Change) {
        let seq = match (kind, message) {
            (EventKind::MessageReceived, Some(id)) => id.0,
            _ => self.next_id().0,
        };
        let stored = StoredEvent {
            at,
            kind,
            message,
            facts,
        };
        let change = Change::Put {
            key: Key {
                kind: Kind::Event,
                id: seq,
            },
            value: serde_json::to_vec(&stored).unwrap_or_default(),
            keep: Keep::UntilRoom,
        };
        let event = Event {
            seq,
            at,
            kind,
            message,
            facts: stored.facts,
        };
        (event, change)
    }

    /// The events after `seq`, by growing number.
    pub fn events_after(&self, seq: u64) -> Box<dyn Iterator<Item = Event> + '_> {
        let from = seq.saturating_add(1);
        Box::new(
            self.index
                .range(Kind::Event, from)
                .filter_map(|(seq, value)| {
                    let stored: StoredEvent = json::read(value).ok()?;
                    Some(Event {
                        seq,
                        at: stored.at,
                        kind: stored.kind,
                        message: stored.message,
                        facts: stored.facts,
                    })
                }),
        )
    }

    /// The highest id given out so far.
    pub fn newest(&self) -> u64 {
        self.newest
    }

    /// Bytes on flash now, and the limit.
    pub fn usage(&self) -> (u32, u32) {
        let (used, limit) = self.journal.usage();
        let narrow = |bytes: usize| u32::try_from(bytes).unwrap_or(u32::MAX);
        (narrow(used), narrow(limit))
    }

    /// True when messages of a `share`-th of the limit more would fit, finished ones gone for them.
    pub fn has_room(&self, share: usize) -> bool {
        room::has_room(&self.index, self.journal.space(), share)
    }

    /// Journal bytes written since the agent started (flash wear).
    pub fn written(&self) -> u64 {
        self.journal.written()
    }
}
