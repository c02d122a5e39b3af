//! Keeper: what the rules must know after a power cut — how far they have looked, who failed how often, which codes were
//! used, and which orders are under way. Never decides anything: it counts and remembers.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::json;
use crate::message::{EventKind, Number};
use crate::store::{Change, Keep, Key, Kind, Shared, WhyNot};
use crate::time::WallTime;

/// So many failed authorizations make a number deaf.
const FAILURES: u8 = 10;
/// For so long; and so long after the last one they are forgotten.
const DEAF: Duration = Duration::from_secs(3600);
/// So many numbers are watched; the one that failed longest ago goes.
const NUMBERS: usize = 32;
/// Events that are no message move the cursor in memory; flash follows when it lags behind by more than this.
const LAG: u64 = 50;

const CURSOR: Key = Key {
    kind: Kind::Cursor,
    id: u64::from_be_bytes(*b"rules\0\0\0"),
};
const STATE: Key = Key {
    kind: Kind::Rules,
    id: 0,
};

/// An order that was taken and is not answered yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Pending {
    /// Its message, or a number of its own for a call.
    #[serde(rename = "i")]
    pub(super) id: u64,
    /// Who gave it.
    #[serde(rename = "n")]
    pub(super) from: Number,
    /// The rule's name.
    #[serde(rename = "r")]
    pub(super) rule: String,
}

/// A number's failed authorizations.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Failures {
    #[serde(rename = "n")]
    number: Number,
    #[serde(rename = "c")]
    count: u8,
    #[serde(rename = "a")]
    last: WallTime,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct State {
    #[serde(rename = "f", default, skip_serializing_if = "Vec::is_empty")]
    failures: Vec<Failures>,
    /// A key's fingerprint and the last time step whose code was used.
    #[serde(rename = "t", default, skip_serializing_if = "Vec::is_empty")]
    codes: Vec<(u64, u64)>,
    #[serde(rename = "p", default, skip_serializing_if = "Vec::is_empty")]
    pending: Vec<Pending>,
}

/// The keeper.
#[derive(Debug)]
pub(super) struct Kept {
    store: Shared,
    state: State,
    at: u64,
    /// The cursor on flash; none while nobody need wait for the rules.
    on_flash: Option<u64>,
}

impl Kept {
    /// What the store holds.
    pub(super) fn open(store: Shared) -> Kept {
        let (state, on_flash, newest) = {
            let store = store.borrow();
            let state = store.get(STATE).map(json::read);
            let cursor = store.get(CURSOR).and_then(|value| value.first_chunk());
            let cursor = cursor.map(|bytes| u64::from_be_bytes(*bytes));
            (state, cursor, store.newest())
        };
        let state = state.unwrap_or_else(|| Ok(State::default()));
        let state = state.unwrap_or_else(|why| {
            log::error!("rules: what they remembered cannot be read ({why}); used codes and failures are forgotten");
            State::default()
        });
        Kept {
            store,
            state,
            // Never ahead of the store: one that was wiped would keep its messages from the rules.
            at: on_flash.unwrap_or(newest).min(newest),
            on_flash,
        }
    }

    /// Whether there are rules that messages wait for. New ones begin after the newest event; without any the cursor goes,
    /// so that the store need keep nothing for it.
    ///
    /// # Errors
    /// [`WhyNot`]: a restart would find it as it was.
    pub(super) fn follow(&mut self, rules: bool) -> Result<(), WhyNot> {
        if rules == self.on_flash.is_some() {
            return Ok(());
        }
        self.at = self.store.borrow().newest();
        self.on_flash = rules.then_some(self.at);
        let change = match rules {
            true => self.cursor(self.at),
            false => Change::Delete { key: CURSOR },
        };
        self.store.borrow_mut().apply(&[change])
    }

    /// The last event that was looked at.
    pub(super) fn at(&self) -> u64 {
        self.at
    }

    /// Events up to `to` are of no interest.
    pub(super) fn pass(&mut self, to: u64) {
        self.at = self.at.max(to);
        if self
            .on_flash
            .is_some_and(|on_flash| self.at.saturating_sub(on_flash) > LAG)
            && let Err(why) = self.keep(Vec::new(), self.at)
        {
            log::debug!("rules: a restart would look at the last events again: {why}");
        }
    }

    /// Message `to` is judged: with `changes`, the cursor and the state as it is now, all or nothing.
    pub(super) fn keep(&mut self, mut changes: Vec<Change>, to: u64) -> Result<(), WhyNot> {
        if self.on_flash.is_some() {
            changes.push(self.cursor(to));
        }
        changes.extend(self.changed());
        self.store.borrow_mut().apply(&changes)?;
        self.at = self.at.max(to);
        self.on_flash = self.on_flash.map(|_| to);
        Ok(())
    }

    fn cursor(&self, at: u64) -> Change {
        let mut value = at.to_be_bytes().to_vec();
        value.extend_from_slice(&at.to_be_bytes());
        value.extend_from_slice(b"rules");
        Change::Put {
            key: CURSOR,
            value,
            keep: Keep::Always,
        }
    }

    /// The state's record, if it is another than on flash.
    fn changed(&self) -> Option<Change> {
        let value = serde_json::to_vec(&self.state).unwrap_or_default();
        let same = match self.store.borrow().get(STATE) {
            Some(known) => known == value,
            None => value == b"{}",
        };
        (!same).then_some(Change::Put {
            key: STATE,
            value,
            keep: Keep::Always,
        })
    }

    /// True while nothing is heard from `number`.
    pub(super) fn is_deaf_to(&self, number: &Number, now: WallTime) -> bool {
        let mut all = self.state.failures.iter();
        all.any(|one| one.number == *number && one.count >= FAILURES && one.last.after(DEAF) > now)
    }

    /// A wrong password or code came from `number`; the event when that was the last one heard for an hour.
    pub(super) fn failed(&mut self, number: &Number, now: WallTime) -> Option<Change> {
        let known = &mut self.state.failures;
        known.retain(|one| one.last.after(DEAF) > now);
        let place = known.iter().position(|one| one.number == *number);
        let before = place.map_or(0, |place| known.remove(place).count);
        if known.len() >= NUMBERS {
            known.remove(0);
        }
        let count = before.saturating_add(1);
        known.push(Failures {
            number: number.clone(),
            count,
            last: now,
        });
        if count != FAILURES {
            return None;
        }
        log::warn!(
            "rules: {count} wrong passwords or codes from {}; rules do not hear that number for an hour",
            number.masked()
        );
        let facts = serde_json::json!({"from": number, "failures": count, "for_s": DEAF.as_secs()});
        let mut store = self.store.borrow_mut();
        Some(store.event(EventKind::RuleLocked, now, None, facts).1)
    }

    /// The last time step of which a code made with this key was used.
    pub(super) fn used(&self, key: u64) -> Option<u64> {
        let mut codes = self.state.codes.iter();
        codes
            .find(|(known, _)| *known == key)
            .map(|(_, step)| *step)
    }

    /// An order is taken: its sender's failures are forgotten, the code it came with is used up.
    pub(super) fn taken(&mut self, order: Pending, code: Option<(u64, u64)>) {
        self.state.failures.retain(|one| one.number != order.from);
        if let Some((key, step)) = code {
            self.state.codes.retain(|(known, _)| *known != key);
            self.state.codes.push((key, step));
        }
        self.state.pending.push(order);
    }

    /// Forgets what [`Kept::taken`] and [`Kept::failed`] said since the last [`Kept::keep`].
    pub(super) fn undo(&mut self) {
        let store = self.store.borrow();
        let state = store.get(STATE).and_then(|value| json::read(value).ok());
        self.state = state.unwrap_or_default();
    }

    /// The orders under way.
    pub(super) fn pending(&self) -> Vec<Pending> {
        self.state.pending.clone()
    }

    /// True until an order is done, or another of its rule stands for it.
    pub(super) fn is_pending(&self, id: u64) -> bool {
        self.state.pending.iter().any(|order| order.id == id)
    }

    /// Of this rule's orders, only `id` is still to be ended: an output that is set anew is set back once.
    pub(super) fn stands_for_all(&mut self, rule: &str, id: u64) {
        self.end(&|order| order.rule == rule && order.id != id);
    }

    /// An order is done and answered.
    pub(super) fn done(&mut self, id: u64) {
        self.end(&|order| order.id == id);
    }

    fn end(&mut self, over: &dyn Fn(&Pending) -> bool) {
        self.state.pending.retain(|order| !over(order));
        if let Err(why) = self.keep(Vec::new(), self.at) {
            log::warn!(
                "rules: a restart would take an order that is done for one that was cut short: {why}"
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Store;
    use std::cell::RefCell;
    use std::rc::Rc;

    fn at(seconds: i64) -> WallTime {
        WallTime::from_unix_s(1_795_293_314 + seconds)
    }

    fn open(dir: &std::path::Path) -> Kept {
        let store = Store::open(dir, 65_536).unwrap();
        Kept::open(Rc::new(RefCell::new(store)))
    }

    #[test]
    fn ten_failures_make_a_number_deaf_for_an_hour_over_a_restart() {
        let dir = tempfile::tempdir().unwrap();
        let mut kept = open(dir.path());
        let (bad, good) = (Number::as_received("+1666"), Number::as_received("+1555"));
        for count in 1..=10 {
            assert!(!kept.is_deaf_to(&bad, at(count)));
            let event = kept.failed(&bad, at(count));
            assert_eq!(event.is_some(), count == 10);
            kept.keep(event.into_iter().collect(), 0).unwrap();
        }
        drop(kept);
        let mut kept = open(dir.path());
        assert!(kept.is_deaf_to(&bad, at(11)) && !kept.is_deaf_to(&good, at(11)));
        assert!(kept.is_deaf_to(&bad, at(3609)) && !kept.is_deaf_to(&bad, at(3610)));
        assert!(kept.failed(&bad, at(4000)).is_none());
        assert!(!kept.is_deaf_to(&bad, at(4000)), "it begins anew");
    }

    #[test]
    fn many_numbers_take_no_more_room_than_thirty_two() {
        let dir = tempfile::tempdir().unwrap();
        let mut kept = open(dir.path());
        for number in 0..100 {
            kept.failed(&Number::as_received(format!("+1{number}")), at(number));
        }
        assert_eq!(kept.state.failures.len(), NUMBERS);
    }

    #[test]
    fn orders_codes_and_the_place_outlive_a_cut_and_a_success_forgives() {
        let dir = tempfile::tempdir().unwrap();
        let mut kept = open(dir.path());
        let from = Number::as_received("+1555");
        kept.follow(true).unwrap();
        kept.failed(&from, at(0));
        let order = Pending {
            id: 7,
            from,
            rule: String::from("r"),
        };
        kept.taken(order.clone(), Some((99, 5)));
        kept.keep(Vec::new(), 7).unwrap();
        kept.taken(
            Pending {
                id: 8,
                ..order.clone()
            },
            Some((99, 6)),
        );
        kept.undo();
        drop(kept);
        let mut kept = open(dir.path());
        assert_eq!(kept.pending(), [order]);
        assert_eq!((kept.used(99), kept.used(98)), (Some(5), None));
        assert!(kept.state.failures.is_empty());
        kept.done(7);
        drop(kept);
        let mut kept = open(dir.path());
        assert!(kept.pending().is_empty());
        kept.follow(false).unwrap();
        assert!(kept.store.borrow().get(CURSOR).is_none());
    }
}
