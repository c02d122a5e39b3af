//! Tests: one target's pushes, for the day of `src/day`. Never sends one.

use super::cursor::Cursors;
use crate::message::{Event, EventKind};
use crate::store::{Shared, WhyNot};

/// One target that wants received messages.
pub(crate) struct Pushes {
    cursors: Cursors,
    store: Shared,
}

impl Pushes {
    pub(crate) fn open(store: &Shared) -> Result<Pushes, WhyNot> {
        let mut cursors = Cursors::new(store.clone());
        cursors.follow(&[String::from("t")])?;
        let store = store.clone();
        Ok(Pushes { cursors, store })
    }

    /// The next one that is due.
    pub(crate) fn next(&self) -> Option<Event> {
        let at = self.cursors.at("t")?;
        let store = self.store.borrow();
        let mut events = store.events_after(at);
        events.find(|event| event.kind == EventKind::MessageReceived)
    }

    /// The receiver has it.
    pub(crate) fn done(&mut self, event: u64) -> Result<(), WhyNot> {
        self.cursors.move_to("t", event);
        self.settle()
    }

    /// Whatever happens next, the edge writes the place if it could not before.
    pub(crate) fn settle(&mut self) -> Result<(), WhyNot> {
        self.cursors.keep("t", 0)
    }
}
