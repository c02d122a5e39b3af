//! Tests: what the rules keep, for the day of `src/day`. Never does an order.

use super::kept::{Kept, Pending};
use crate::message::{Event, EventKind, Number};
use crate::store::{Change, Shared, WhyNot};

/// One rule.
pub(crate) struct Orders {
    kept: Kept,
    store: Shared,
}

impl Orders {
    /// Also the orders that were under way.
    pub(crate) fn open(store: &Shared) -> Result<(Orders, Vec<u64>), WhyNot> {
        let mut kept = Kept::open(store.clone());
        kept.follow(true)?;
        let cut = kept.pending().iter().map(|order| order.id).collect();
        let store = store.clone();
        Ok((Orders { kept, store }, cut))
    }

    /// The next message to judge.
    pub(crate) fn next(&self) -> Option<Event> {
        let store = self.store.borrow();
        let mut events = store.events_after(self.kept.at());
        events.find(|event| event.kind == EventKind::MessageReceived)
    }

    /// How far they have looked, as the runner does when no message waits for it.
    pub(crate) fn look(&mut self) -> u64 {
        if self.next().is_none() {
            let newest = self.store.borrow().newest();
            self.kept.pass(newest);
        }
        self.kept.at()
    }

    /// It is judged; with `mark` the rule takes it.
    pub(crate) fn judge(&mut self, event: u64, mark: Option<Change>) -> Result<(), WhyNot> {
        if mark.is_some() {
            let order = Pending {
                id: event,
                from: Number::as_received("+12025550155"),
                rule: String::from("r"),
            };
            self.kept.taken(order, None);
        }
        let kept = self.kept.keep(mark.into_iter().collect(), event);
        if kept.is_err() {
            self.kept.undo();
        }
        kept
    }

    /// It is done and answered.
    pub(crate) fn done(&mut self, order: u64) -> Result<(), WhyNot> {
        self.kept.done(order);
        self.kept.keep(Vec::new(), self.kept.at())
    }
}
