//! Keeper: how far each target has come, in memory and on flash. Never moves one back, and writes only when there is
//! something to lose.
//!
//! A mail may be taken for some recipients and put off for others. Who has the one that waits is kept beside the place, as
//! four bytes of each address's hash, until the place moves on: nobody gets it twice.

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
    partly: Partly,
}

/// Who has the first event behind a place already.
type Partly = Vec<[u8; 4]>;

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
                    partly: Partly::new(),
                };
                changes.push(place.put(&[]));
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
        if let Some(place) = self.places.iter_mut().find(|place| place.name == name)
            && to > place.at
        {
            place.at = to;
            place.partly.clear();
        }
    }

    /// True when `name` has handed the event that waits on to this recipient.
    pub(super) fn has_reached(&self, name: &str, recipient: &str) -> bool {
        self.place(name)
            .is_some_and(|place| place.partly.contains(&mark(recipient)))
    }

    /// `name` has handed the event that waits on to these recipients, and not yet to all.
    ///
    /// # Errors
    /// [`WhyNot`]: it is known, but a restart would hand it to them again.
    pub(super) fn reached(&mut self, name: &str, recipients: &[&str]) -> Result<(), WhyNot> {
        let note = self.reaching(name, recipients);
        self.know_reached(name, recipients);
        self.store.borrow_mut().apply(&note)
    }

    /// The change that notes that `name` hands the event that waits on to these recipients, for the batch that does so.
    pub(super) fn reaching(&self, name: &str, recipients: &[&str]) -> Vec<Change> {
        let put = |place: &Place| {
            let mut partly = place.partly.clone();
            partly.extend(recipients.iter().copied().map(mark));
            place.put(&partly)
        };
        self.place(name).map(put).into_iter().collect()
    }

    /// What [`Cursors::reaching`] notes is so.
    pub(super) fn know_reached(&mut self, name: &str, recipients: &[&str]) {
        if let Some(place) = self.places.iter_mut().find(|place| place.name == name) {
            place.partly.extend(recipients.iter().copied().map(mark));
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
            self.store.borrow_mut().apply(&[place.put(&place.partly)])?;
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
        let (on_flash, begin, _, partly) = read(store.get(key(name))?)?;
        Some(Place {
            name: String::from(name),
            begin: begin.min(newest),
            at: on_flash.min(newest),
            on_flash,
            // Of a place that the store has lost, nothing is known of the next event either.
            partly: if on_flash > newest {
                Partly::new()
            } else {
                partly
            },
        })
    }

    fn strangers(&self, names: &[String]) -> Vec<Change> {
        let gone = |value: &[u8]| {
            read(value).is_some_and(|(_, _, name, _)| {
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

/// The first four bytes of an address's SHA-256.
fn mark(recipient: &str) -> [u8; 4] {
    let hash = Sha256::digest(recipient);
    hash.first_chunk().copied().unwrap_or_default()
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
    /// Eight bytes big-endian, as the store reads every cursor; then where it began, likewise, whose it is, and behind a
    /// NUL who has the next event already.
    fn put(&self, partly: &[[u8; 4]]) -> Change {
        let mut value = self.at.to_be_bytes().to_vec();
        value.extend_from_slice(&self.begin.to_be_bytes());
        value.extend_from_slice(self.name.as_bytes());
        if !partly.is_empty() {
            value.push(0);
            value.extend(partly.iter().flatten());
        }
        let [_http, others @ ..] = KINDS;
        Change::Put {
            key: key(&self.name),
            value,
            // All but `to_http` hand on received messages, and look at nothing else.
            keep: match others.iter().any(|kind| self.name.starts_with(kind)) {
                true => Keep::UntilRoom,
                false => Keep::Always,
            },
        }
    }
}

/// Reads a record back: place, beginning, whose, and who has the next event.
fn read(value: &[u8]) -> Option<(u64, u64, &str, Partly)> {
    let (at, rest) = value.split_first_chunk()?;
    let (begin, rest) = rest.split_first_chunk()?;
    let mut pieces = rest.splitn(2, |byte| *byte == 0);
    let name = str::from_utf8(pieces.next()?).ok()?;
    let (marks, _) = pieces.next().unwrap_or_default().as_chunks();
    let (at, begin) = (u64::from_be_bytes(*at), u64::from_be_bytes(*begin));
    Some((at, begin, name, marks.to_vec()))
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::rc::Rc;

    use super::*;
    use crate::store::Store;

    #[test]
    fn who_has_the_waiting_mail_is_known_over_a_restart_until_the_place_moves() {
        let directory = tempfile::tempdir().unwrap();
        let open = || {
            let store = Store::open(directory.path(), 512 * 1024).unwrap();
            let mut cursors = Cursors::new(Rc::new(RefCell::new(store)));
            cursors.follow(&[String::from("to_smtp:boss")]).unwrap();
            cursors
        };
        let mut cursors = open();
        cursors.reached("to_smtp:boss", &["a@b"]).unwrap();
        cursors.reached("to_smtp:boss", &["c@d"]).unwrap();
        drop(cursors);
        let mut cursors = open();
        let has = |cursors: &Cursors, who| cursors.has_reached("to_smtp:boss", who);
        assert!(has(&cursors, "a@b") && has(&cursors, "c@d") && !has(&cursors, "e@f"));
        let at = cursors.at("to_smtp:boss").unwrap();
        cursors.move_to("to_smtp:boss", at);
        assert!(has(&cursors, "a@b"), "it stays where it is");
        cursors.move_to("to_smtp:boss", at + 1);
        assert!(!has(&cursors, "a@b"), "the next mail is another one");
        cursors.keep("to_smtp:boss", 0).unwrap();
        let place = cursors.place("to_smtp:boss").unwrap();
        let Change::Put { value, .. } = place.put(&[[7; 4]]) else {
            panic!("a place is put");
        };
        assert_eq!(read(&value).unwrap().2, "to_smtp:boss");
        for cut in 0..value.len() {
            let _never_a_panic = read(&value[..cut]);
        }
    }
}
