//! Keeper: the live records in memory, and where on flash each one lies. Never touches flash.

use std::collections::BTreeMap;

use super::{Change, Keep, Key, Kind, record};

/// A live record.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) value: Box<[u8]>,
    pub(super) keep: Keep,
    /// The segment that holds its last put.
    pub(super) segment: u32,
}

/// How far listeners have come: all of them, and those that need more than received messages.
#[derive(Clone, Copy, Debug)]
pub(super) struct Passed {
    pub(super) all: u64,
    pub(super) other: u64,
}

/// All live records.
#[derive(Debug, Default)]
pub(super) struct Index {
    map: BTreeMap<Key, Entry>,
    live: usize,
    events: usize,
}

impl Index {
    /// A change that lies in `segment` takes effect.
    pub(super) fn take(&mut self, segment: u32, change: &Change) {
        match change {
            Change::Put { key, value, keep } => {
                self.forget(*key);
                self.live += record::size(*key, Some(value));
                self.events += usize::from(key.kind == Kind::Event);
                let entry = Entry {
                    value: value.as_slice().into(),
                    keep: *keep,
                    segment,
                };
                self.map.insert(*key, entry);
            }
            Change::Delete { key } => self.forget(*key),
        }
    }

    fn forget(&mut self, key: Key) {
        if let Some(old) = self.map.remove(&key) {
            self.live = self
                .live
                .saturating_sub(record::size(key, Some(&old.value)));
            self.events -= usize::from(key.kind == Kind::Event);
        }
    }

    /// Bytes that all live records would take, written afresh.
    pub(super) fn live(&self) -> usize {
        self.live
    }

    /// How many events are kept.
    pub(super) fn events(&self) -> usize {
        self.events
    }

    /// A record.
    pub(super) fn get(&self, key: Key) -> Option<&Entry> {
        self.map.get(&key)
    }

    /// The bytes the record of this key takes; 0 when there is none.
    pub(super) fn size(&self, key: Key) -> usize {
        self.get(key)
            .map_or(0, |entry| record::size(key, Some(&entry.value)))
    }

    /// All records, by kind and id.
    pub(super) fn all(&self) -> impl Iterator<Item = (Key, &Entry)> {
        self.map.iter().map(|(key, entry)| (*key, entry))
    }

    /// One kind's records from an id on.
    pub(super) fn range(
        &self,
        kind: Kind,
        from: u64,
    ) -> impl DoubleEndedIterator<Item = (u64, &[u8])> {
        let bounds = Key { kind, id: from }..=Key { kind, id: u64::MAX };
        self.map
            .range(bounds)
            .map(|(key, entry)| (key.id, &*entry.value))
    }

    /// What every listener has handled, and what all have that need more than received messages: the smallest cursors.
    /// Without listeners, everything.
    pub(super) fn passed(&self) -> Passed {
        let mut passed = Passed {
            all: u64::MAX,
            other: u64::MAX,
        };
        let bounds = [0, u64::MAX].map(|id| Key {
            kind: Kind::Cursor,
            id,
        });
        let [first, last] = bounds;
        for entry in self.map.range(first..=last).map(|(_, entry)| entry) {
            let at = entry.value.first_chunk();
            let at = at.map_or(0, |bytes| u64::from_be_bytes(*bytes));
            passed.all = passed.all.min(at);
            if entry.keep == Keep::Always {
                passed.other = passed.other.min(at);
            }
        }
        passed
    }

    /// The live records whose last put lies in `segment`.
    pub(super) fn lying_in(&self, segment: u32) -> Vec<Key> {
        self.all()
            .filter(|(_, entry)| entry.segment == segment)
            .map(|(key, _)| key)
            .collect()
    }

    /// The first of `keys` as puts: about `enough` bytes, at least one.
    pub(super) fn copies(&self, keys: &[Key], enough: usize) -> Vec<Change> {
        let mut bytes = 0;
        keys.iter()
            .filter_map(|key| Some((*key, self.get(*key)?)))
            .take_while(|(_, entry)| {
                let fits = bytes < enough;
                bytes += entry.value.len();
                fits
            })
            .map(|(key, entry)| Change::Put {
                key,
                value: entry.value.to_vec(),
                keep: entry.keep,
            })
            .collect()
    }

    /// A record was written anew and lies in `segment` now; its value stays where it is in memory.
    pub(super) fn moved(&mut self, key: Key, segment: u32) {
        if let Some(entry) = self.map.get_mut(&key) {
            entry.segment = segment;
        }
    }
}
