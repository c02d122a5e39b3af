//! Keeper: writing a message to flash with what the limits want to tell, and another text for one that still waits. Never
//! touches a message of which a part is out.

use super::{Outbox, Refusal, schedule, stored};
use crate::message::{Extra, MessageId, Outgoing, Status, Submission};
use crate::store::Change;
use crate::time::Now;

impl Outbox {
    /// Another submission in the place of `id`, which keeps its id. `false`: there is no such message, or a part of it is
    /// at the modem or sent. Ok means it is on flash.
    ///
    /// # Errors
    /// [`Refusal`]; the message is as before.
    pub fn replace(
        &mut self,
        id: MessageId,
        asked: (Submission, Extra),
        now: Now,
    ) -> Result<bool, Refusal> {
        let Some(waiting) = self.queue.get(id) else {
            return Ok(false);
        };
        if waiting.state.status != Status::Queued || !waiting.state.taken.is_empty() {
            return Ok(false);
        }
        let before = self.get(id).map_or(0, |message| message.parts);
        let mut message = self.prepare(asked, None, now)?;
        message.id = id;
        let more = message.parts.saturating_sub(before);
        self.apply(Outbox::records(&message).to_vec(), u32::from(more), now)?;
        // A worker that holds the old one is told so when it asks to begin.
        self.made = None;
        self.queue.submitted(&message, now);
        self.bell.notify_one();
        Ok(true)
    }

    /// What a new message is on flash.
    pub(super) fn records(message: &Outgoing) -> [Change; 2] {
        let left_s = schedule::tried_s(message.submission.validity_s, message.extra.wait_s);
        [
            stored::put_content(message),
            stored::put_state(message.id, &schedule::fresh(left_s)),
        ]
    }

    /// Writes what brings `parts` more to send, if the limits let it.
    pub(super) fn apply(
        &mut self,
        mut changes: Vec<Change>,
        parts: u32,
        now: Now,
    ) -> Result<(), Refusal> {
        let levels = self.within_limits(parts, now)?;
        changes.extend(levels.iter().map(|(_, _, change)| change.clone()));
        let applied = self.store.borrow_mut().apply(&changes);
        applied.map_err(Refusal::Store)?;
        for (level, seq, _) in levels {
            self.limits.told(level);
            self.queue.ring(seq);
        }
        Ok(())
    }
}
