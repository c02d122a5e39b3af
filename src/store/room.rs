//! Decider: is there room for a batch, and which finished records go for it. Never removes anything itself.
//!
//! ```text
//! limit |<- live records ->|<- for state changes ->|<- for listeners ->|<- for sending ->|<- for headers ->|<- for cleaning one segment ->|
//!                  new messages stop       states stop      listeners stop    all growth stops
//! ```
//! What shrinks the store is always let in, so a full one can be emptied. A listener that writes something new as it
//! moves on, such as an automatic reply, comes late to a stop: nothing that it has before it may go, so if it had to wait
//! for room that others take first, it and everybody would wait for ever. Only what waits to be sent comes later: it goes
//! when it is sent, and a listener that asked for much of it waits for that room.

use super::index::{Entry, Index};
use super::{Change, Keep, Key, Kind, StoredEvent, record};
use crate::json;

/// Events kept when every listener has handled them.
pub(super) const EVENTS: usize = 500;
/// Events at which a batch that carries nothing but events is refused: a listener is far behind, and a flapping modem
/// must not take the room of messages.
const EVENTS_ALONE: usize = 2 * EVENTS;
/// At most so many old events go with one batch.
const TRIM: usize = 16;

/// The journal's measures, in bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Space {
    /// What the directory may hold, less what other files hold.
    pub(super) limit: usize,
    /// A segment's size.
    pub(super) segment: usize,
    /// The largest segment there is, at least `segment`: what cleaning it may take.
    pub(super) largest: usize,
}

/// The records that must go so that `changes`, as a record of `length` bytes, can be written; `None`: it cannot be.
pub(super) fn plan(
    index: &Index,
    space: Space,
    changes: &[Change],
    length: usize,
) -> Option<Vec<Key>> {
    let growth = usize::try_from(growth(index, changes)).unwrap_or(0);
    let fits_anyhow = index.live() + length + space.segment / 2 <= space.limit;
    if growth == 0 && (length <= space.segment || fits_anyhow) {
        return Some(Vec::new());
    }
    if index.events() >= EVENTS_ALONE && changes.iter().all(is_event) {
        return None;
    }
    let kept_free = if goes_on(index, changes) {
        space.segment
    } else if moves_on(changes) {
        space.segment + space.segment / 4
    } else if is_new(index, changes) {
        2 * space.segment
    } else {
        space.segment + space.segment / 2
    };
    let apart = space.largest.max(length + record::HEADER) + kept_free;
    let cap = space.limit.saturating_sub(apart);
    let wanted = index.live() + growth.max(length);
    let missing = wanted.saturating_sub(cap);
    if missing == 0 {
        return Some(Vec::new());
    }
    let (going, freed) = finished(index, changes, missing + space.segment / 4);
    (freed >= missing).then_some(going)
}

/// True when new messages of a `share`-th of the limit would fit.
pub(super) fn has_room(index: &Index, space: Space, share: usize) -> bool {
    let wanted = space.limit / share.max(1);
    let cap = space
        .limit
        .saturating_sub(space.largest + 2 * space.segment);
    let missing = (index.live() + wanted).saturating_sub(cap);
    missing == 0 || finished(index, &[], missing).1 >= missing
}

/// The oldest events that may go when `changes` bring new ones.
pub(super) fn old_events(index: &Index, changes: &[Change]) -> Vec<Change> {
    let coming = changes.iter().filter(|change| is_event(change)).count();
    let over = (index.events() + coming).saturating_sub(EVENTS);
    if coming == 0 || over == 0 {
        return Vec::new();
    }
    let passed = index.passed().all;
    index
        .range(Kind::Event, 0)
        .map(|(id, _)| id)
        .take_while(|id| *id <= passed)
        .take(over.min(TRIM))
        .map(|id| {
            delete(Key {
                kind: Kind::Event,
                id,
            })
        })
        .collect()
}

/// A change that removes a record.
pub(super) fn delete(key: Key) -> Change {
    Change::Delete { key }
}

fn growth(index: &Index, changes: &[Change]) -> i64 {
    let signed = |size: usize| i64::try_from(size).unwrap_or(i64::MAX);
    changes
        .iter()
        .map(|change| match change {
            Change::Put { key, value, .. } => {
                signed(record::size(*key, Some(value))) - signed(index.size(*key))
            }
            Change::Delete { key } => -signed(index.size(*key)),
        })
        .sum()
}

fn is_event(change: &Change) -> bool {
    matches!(change, Change::Put { key, .. } if key.kind == Kind::Event)
}

/// True for a batch in which a listener moves on.
fn moves_on(changes: &[Change]) -> bool {
    let moves =
        |change: &Change| matches!(change, Change::Put { key, .. } if key.kind == Kind::Cursor);
    changes.iter().any(moves)
}

/// True for a batch in which a message that waits is sent: what that takes, its end gives back.
fn goes_on(index: &Index, changes: &[Change]) -> bool {
    let waits = |change: &Change| match change {
        Change::Put { key, .. } => {
            key.kind == Kind::OutgoingState
                && index
                    .get(*key)
                    .is_some_and(|entry| entry.keep == Keep::Always)
        }
        Change::Delete { .. } => false,
    };
    changes.iter().any(waits)
}

/// True for what a listener of received messages alone never looks at: a sent message, or an event about one. What tells that
/// a push was given up is about none, and counts until all have passed the message.
fn is_of_sent(index: &Index, key: Key) -> bool {
    match key.kind {
        Kind::Outgoing | Kind::OutgoingState => true,
        Kind::Event => {
            let value = index.get(key).map(|entry| &*entry.value);
            let event = value.and_then(|value| json::read::<StoredEvent>(value).ok());
            event.is_some_and(|event| event.message.is_some_and(|message| message.0 != key.id))
        }
        Kind::Received
        | Kind::ReceivedMark
        | Kind::Part
        | Kind::Slot
        | Kind::Idempotency
        | Kind::Cursor
        | Kind::Rules
        | Kind::Signal
        | Kind::Mail => false,
    }
}

/// True for a batch that brings something new, false for one that says how something here stands.
fn is_new(index: &Index, changes: &[Change]) -> bool {
    let brings = |change: &Change| match change {
        Change::Put { key, .. } => match key.kind {
            Kind::Received | Kind::Part | Kind::Outgoing | Kind::Idempotency => {
                index.get(*key).is_none()
            }
            Kind::ReceivedMark
            | Kind::Slot
            | Kind::OutgoingState
            | Kind::Event
            | Kind::Cursor
            | Kind::Rules
            | Kind::Signal
            | Kind::Mail => false,
        },
        Change::Delete { .. } => false,
    };
    changes.iter().any(brings) || changes.iter().all(is_event)
}

/// True for kinds whose id is a place in the one sequence: those of one message share it.
pub(super) fn sequenced(kind: Kind) -> bool {
    match kind {
        Kind::Received
        | Kind::ReceivedMark
        | Kind::Part
        | Kind::Outgoing
        | Kind::OutgoingState
        | Kind::Event => true,
        Kind::Slot | Kind::Idempotency | Kind::Cursor | Kind::Rules | Kind::Signal | Kind::Mail => {
            false
        }
    }
}

fn all_sequenced() -> impl Iterator<Item = Kind> {
    record::KINDS.into_iter().filter(|kind| sequenced(*kind))
}

/// Finished records, lowest id first, until `enough` bytes would be free; and the bytes they free. All records of one id
/// go together or not at all, and none that a listener still has before it or that `changes` speak of.
fn finished(index: &Index, changes: &[Change], enough: usize) -> (Vec<Key>, usize) {
    let passed = index.passed();
    let touched = |id: u64| {
        changes.iter().any(|change| match change {
            Change::Put { key, .. } | Change::Delete { key } => sequenced(key.kind) && key.id == id,
        })
    };
    let (mut going, mut freed) = (Vec::new(), 0);
    let mut from = Some(0);
    while freed < enough
        && let Some(id) = from.and_then(|from| next_id(index, from))
        && id <= passed.other
    {
        let group = || {
            let keys = all_sequenced().map(move |kind| Key { kind, id });
            keys.filter_map(|key| Some((key, index.get(key)?)))
        };
        let may_go = |(key, entry): (Key, &Entry)| {
            entry.keep == Keep::UntilRoom && (id <= passed.all || is_of_sent(index, key))
        };
        if !touched(id) && group().all(may_go) {
            going.extend(group().map(|(key, _)| key));
            freed += group().map(|(key, _)| index.size(key)).sum::<usize>();
        }
        from = id.checked_add(1);
    }
    (going, freed)
}

/// The lowest id from `from` on in the one sequence. The index is walked as it lies: a list of all keys would be a fifth
/// of the store's size, and made in the middle of everything else.
fn next_id(index: &Index, from: u64) -> Option<u64> {
    let first = |kind| index.range(kind, from).next().map(|(id, _)| id);
    all_sequenced().filter_map(first).min()
}

#[cfg(test)]
mod tests {
    use super::super::Store;
    use super::super::sim::SimFlash;
    use super::*;
    use crate::message::{EventKind, MessageId};
    use crate::time::WallTime;

    const LIMIT: usize = 8 * 1024;
    const SEGMENT: usize = 1024;

    fn put(kind: Kind, id: u64, value: &[u8], keep: Keep) -> Change {
        Change::Put {
            key: Key { kind, id },
            value: value.to_vec(),
            keep,
        }
    }

    fn cursor(at: u64) -> Change {
        put(Kind::Cursor, 99, &at.to_be_bytes(), Keep::Always)
    }

    #[test]
    fn before_a_listener_of_received_messages_what_tells_of_sent_ones_may_go_and_nothing_else() {
        let flash = SimFlash::default();
        let mut store = flash.store(LIMIT, SEGMENT);
        let place = |keep| put(Kind::Cursor, 99, &0_u64.to_be_bytes(), keep);
        store.apply(&[place(Keep::UntilRoom)]).unwrap();
        let mut event = |kind, message| {
            let facts = serde_json::Value::Null;
            let (event, change) = store.event(kind, WallTime(0), message, facts);
            store.apply(&[change]).unwrap();
            event.seq
        };
        let given_up = event(EventKind::PushFailed, None);
        let sent = event(EventKind::MessageSent, Some(MessageId(77)));
        let mut is_kept_in_a_full_store = |keep| {
            store.apply(&[place(keep)]).unwrap();
            let id = store.next_id().0;
            let new = |length| put(Kind::Received, id, &vec![b'x'; length], Keep::Always);
            let mut length = 0;
            while store.apply(&[new(length)]).is_ok() {
                length += 20;
            }
            let all: Vec<u64> = store.events_after(0).map(|event| event.seq).collect();
            [given_up, sent].map(|seq| all.contains(&seq))
        };
        assert_eq!(is_kept_in_a_full_store(Keep::Always), [true, true]);
        assert_eq!(is_kept_in_a_full_store(Keep::UntilRoom), [true, false]);
    }

    #[test]
    fn a_listener_that_answers_gets_through_a_store_that_others_have_filled_up_behind_it() {
        let flash = SimFlash::default();
        let mut store = flash.store(LIMIT, SEGMENT);
        store.apply(&[cursor(0)]).unwrap();
        let mut fill = |kind: Kind, bytes: usize| {
            let first = store.newest() + 1;
            loop {
                let id = if kind == Kind::Received {
                    store.next_id().0
                } else {
                    first - 1
                };
                let length = store
                    .get(Key { kind, id })
                    .map_or(bytes, |held| held.len() + bytes);
                let batch = [put(kind, id, &vec![b'x'; length], Keep::UntilRoom)];
                if store.apply(&batch).is_err() {
                    break id;
                }
            }
        };
        let last = fill(Kind::Received, 120);
        fill(Kind::OutgoingState, 20);
        assert!(last > 20, "only {last} messages fitted");
        for at in 1..last {
            let id = store.next_id().0;
            let answer = put(Kind::Outgoing, id, &[b'a'; 40], Keep::UntilRoom);
            store.apply(&[answer, cursor(at)]).unwrap();
            let state = put(Kind::OutgoingState, id, b"sent", Keep::UntilRoom);
            let _refused_at_first = store.apply(&[state]);
        }
        let id = store.next_id().0;
        let new = put(Kind::Received, id, &[b'y'; 50], Keep::UntilRoom);
        store.apply(&[new]).unwrap();
        assert!(flash.most() <= LIMIT, "{}", flash.most());
    }

    #[test]
    fn cleaning_moves_a_record_on_flash_and_leaves_it_where_it_is_in_memory() {
        let mut store = SimFlash::default().store(LIMIT, SEGMENT);
        let key = |id: u64| Key {
            kind: Kind::Outgoing,
            id,
        };
        for id in 1..=9 {
            let waiting = put(Kind::Outgoing, id, &[b'w'; 90], Keep::Always);
            store.apply(&[waiting]).unwrap();
        }
        let lies = |store: &Store| -> Vec<(*const u8, u32)> {
            let entries = (1..=9).filter_map(|id| store.index.get(key(id)));
            entries
                .map(|entry| (entry.value.as_ptr(), entry.segment))
                .collect()
        };
        let before = lies(&store);
        for at in 0..1000 {
            store.apply(&[cursor(at)]).unwrap();
        }
        let after = lies(&store);
        assert_eq!(after.len(), 9);
        for ((memory, segment), (same, later)) in before.into_iter().zip(after) {
            assert!(later > segment, "it was never moved");
            assert_eq!(same, memory);
        }
    }
}
