//! Keeper: how far each target has come, in memory and on flash. Never moves one back, and writes only when there is
//! something to lose.

use sha2::{Digest as _, Sha256};

use super::kinds::KINDS;
use crate::store::{Change, Keep, Key, Kind, Shared, WhyNot};

/// The cursors of all enabled targets.
#[derive(Debug)]
pub(super) struct Cursors {
    store: Shared,
    places: Vec<Place>,
    passed_by_all: u64,
}

#[derive(Debug)]
struct Place {
    /// [`super::kinds::Target::id`].
    name: String,
    /// The newest event when it was new: that one and all before it never were its.
    begin: u64,
    at: u64,
    on_flash: u64,
}

impl Cursors {
    /// No target yet.
    pub(super) fn new(store: Shared) -> Cursors {
        Cursors {
            store,
            places: Vec::new(),
            passed_by_all: 0,
        }
    }

    /// Follows exactly these targets: a known one goes on, one with a record goes on from there, a new one begins after
    /// the newest event; the records of all others go, so that the store need keep nothing for them.
    ///
    /// # Errors
    /// [`WhyNot`]: all is followed, but a restart would find the records as they were.
    pub(super) fn follow(&mut self, names: &[String]) -> Result<(), WhyNot> {
        let newest = self.store.borrow().newest();
        let mut changes = self.strangers(names);
        let mut places = Vec::with_capacity(names.len());
        for name in names {
            let found = self.take(name).or_else(|| self.recorded(name, newest));
            places.push(found.unwrap_or_else(|| {
                let place = Place {
                    name: name.clone(),
                    begin: newest,
                    at: newest,
                    on_flash: newest,
                };
                changes.push(place.put());
                place
            }));
        }
        let first = self.places.is_empty() && self.passed_by_all == 0;
        self.places = places;
        if first {
            self.passed_by_all = self.floor();
        }
        self.store.borrow_mut().apply(&changes)
    }

    /// The last event that `name` has done; `None` when it is not followed.
    pub(super) fn at(&self, name: &str) -> Option<u64> {
        self.place(name).map(|place| place.at)
    }

    /// True when `event` came in the time of `name` and is done there.
    pub(super) fn has_done(&self, name: &str, event: u64) -> bool {
        self.place(name)
            .is_some_and(|place| place.begin < event && event <= place.at)
    }

    /// `name` has done everything up to and including `to`.
    pub(super) fn move_to(&mut self, name: &str, to: u64) {
        if let Some(place) = self.places.iter_mut().find(|place| place.name == name) {
            place.at = place.at.max(to);
        }
    }

    /// Writes the place of `name` when flash lags behind by more than `lag`.
    ///
    /// # Errors
    /// [`WhyNot`]: a later call writes it; a restart before that repeats what was done since.
    pub(super) fn keep(&mut self, name: &str, lag: u64) -> Result<(), WhyNot> {
        let Some(place) = self.places.iter_mut().find(|place| place.name == name) else {
            return Ok(());
        };
        if place.at.saturating_sub(place.on_flash) > lag {
            self.store.borrow_mut().apply(&[place.put()])?;
            place.on_flash = place.at;
        }
        Ok(())
    }

    /// Events that every target has passed since the last call: after the first, up to and including the second.
    pub(super) fn newly_passed_by_all(&mut self) -> (u64, u64) {
        let from = self.passed_by_all;
        self.passed_by_all = from.max(self.floor());
        (from, self.passed_by_all)
    }

    fn floor(&self) -> u64 {
        self.places.iter().map(|place| place.at).min().unwrap_or(0)
    }

    fn place(&self, name: &str) -> Option<&Place> {
        self.places.iter().find(|place| place.name == name)
    }

    fn take(&mut self, name: &str) -> Option<Place> {
        let index = self.places.iter().position(|place| place.name == name)?;
        Some(self.places.swap_remove(index))
    }

    /// A place from flash; never ahead of the store, or a store that was wiped would keep its news to itself.
    fn recorded(&self, name: &str, newest: u64) -> Option<Place> {
        let store = self.store.borrow();
        let (on_flash, begin, _) = read(store.get(key(name))?)?;
        Some(Place {
            name: String::from(name),
            begin: begin.min(newest),
            at: on_flash.min(newest),
            on_flash,
        })
    }

    fn strangers(&self, names: &[String]) -> Vec<Change> {
        let gone = |value: &[u8]| {
            read(value).is_some_and(|(_, _, name)| {
                KINDS.iter().any(|kind| name.starts_with(kind))
                    && !names.iter().any(|known| known == name)
            })
        };
        self.store
            .borrow()
            .range(Kind::Cursor, 0)
            .filter(|(_, value)| gone(value))
            .map(|(id, _)| Change::Delete {
                key: Key {
                    kind: Kind::Cursor,
                    id,
                },
            })
            .collect()
    }
}

/// The first eight bytes of SHA-256 over such as `to_http:NAME`, big-endian.
fn key(name: &str) -> Key {
    let hash = Sha256::digest(name);
    Key {
        kind: Kind::Cursor,
        id: hash
            .first_chunk()
            .map_or(0, |first| u64::from_be_bytes(*first)),
    }
}

impl Place {
    /// Eight bytes big-endian, as the store reads every cursor; then where it began, likewise, and whose it is.
    fn put(&self) -> Change {
        let mut value = self.at.to_be_bytes().to_vec();
        value.extend_from_slice(&self.begin.to_be_bytes());
        value.extend_from_slice(self.name.as_bytes());
        Change::Put {
            key: key(&self.name),
            value,
            keep: Keep::Always,
        }
    }
}

/// Reads a record back: place, beginning, whose.
fn read(value: &[u8]) -> Option<(u64, u64, &str)> {
    let (at, rest) = value.split_first_chunk()?;
    let (begin, name) = rest.split_first_chunk()?;
    let name = str::from_utf8(name).ok()?;
    Some((u64::from_be_bytes(*at), u64::from_be_bytes(*begin), name))
}
