//! Keeper: what the outbox tells its forwarders of what was asked before, and the limits they all obey. Never changes a
//! message.

use std::time::Duration;

use super::limits::Level;
use super::stored::{self, Answered, Content, State};
use super::{Outbox, Refusal};
use crate::config::Limits;
use crate::message::{EventKind, MessageId, Number};
use crate::store::{Change, Kind};
use crate::time::{Jump, Now, WallTime};

/// A message that was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// The recipient.
    pub to: Number,
    /// The text.
    pub text: String,
}

impl Outbox {
    /// From now on these limits hold. What waits already is sent.
    pub fn obey(&mut self, limits: &Limits, now: Now) {
        self.limits.obey(limits, self.queue.parts_left(), now.tick);
    }

    /// True when `deny` and `only` let this number be sent to.
    pub fn may_send_to(&self, number: &Number) -> bool {
        self.limits.allow(number)
    }

    /// What was asked for by origins that begin with `origin`, within the last `within`; one that the clock puts into the
    /// future counts too. What its owner deleted since is forgotten.
    pub fn recent(&self, origin: &str, within: Duration, now: WallTime) -> Vec<Asked> {
        let store = self.store.borrow();
        let newest_first = store.range(Kind::Outgoing, 0).rev();
        newest_first
            .filter_map(|(_, value)| stored::read::<Content>(value))
            .take_while(|content| content.created_at.after(within) > now)
            .filter(|content| content.origin.starts_with(origin))
            .map(|content| Asked {
                to: content.to,
                text: content.text,
            })
            .collect()
    }

    /// The clock was set: the changes that put right what was noted of messages with ids above `since`, so that whoever asks
    /// what was [`Outbox::recent`] is not misled.
    pub fn mend(&mut self, jump: &Jump, since: u64) -> Vec<Change> {
        let mut changes = Vec::new();
        let store = self.store.borrow();
        for (id, value) in store.range(Kind::Outgoing, since + 1) {
            if let Some(mut content) = stored::read::<Content>(value)
                && jump.mend(&mut content.created_at)
            {
                changes.push(stored::put_asked(MessageId(id), &content));
            }
        }
        for (id, value) in store.range(Kind::OutgoingState, since + 1) {
            let id = MessageId(id);
            let mended = match self.queue.get_mut(id) {
                Some(waiting) => waiting.mend(jump).then(|| waiting.clone()),
                None => stored::read(value)
                    .and_then(|mut state: State| state.mend(jump).then_some(state)),
            };
            if let Some(state) = mended {
                changes.push(stored::put_state(id, &state));
            }
        }
        changes
    }

    /// True when a submission under this `Idempotency-Key` was accepted lately.
    pub fn has_answered(&self, key: &str) -> bool {
        let store = self.store.borrow();
        let record = store.get(stored::answered_key(key));
        record.and_then(stored::read::<Answered>).is_some()
    }

    /// Refuses what the limits do not allow; else what to tell of, and its change.
    pub(super) fn within_limits(
        &mut self,
        parts: u32,
        now: Now,
    ) -> Result<Vec<(Level, u64, Change)>, Refusal> {
        let standing = self.queue.parts_left();
        let crossed = match self.limits.check(parts, standing, now.tick) {
            Ok(crossed) => crossed,
            Err((budget, crossed)) => {
                log::warn!("outbox: a message is refused: {budget}");
                let news = self.told(crossed, now);
                self.tell_of_limits(news);
                return Err(Refusal::Budget(budget));
            }
        };
        Ok(self.told(crossed, now))
    }

    fn told(&mut self, crossed: Vec<Level>, now: Now) -> Vec<(Level, u64, Change)> {
        let mut store = self.store.borrow_mut();
        let mut tell = |level: Level| {
            let facts = level.facts();
            let (event, change) = store.event(EventKind::LimitReached, now.wall, None, facts);
            (level, event.seq, change)
        };
        crossed.into_iter().map(&mut tell).collect()
    }

    /// A refusal's own news; one that the flash does not take is told with the next refusal.
    fn tell_of_limits(&mut self, news: Vec<(Level, u64, Change)>) {
        for (level, seq, change) in news {
            if self.store.borrow_mut().apply(&[change]).is_ok() {
                self.limits.told(level);
                self.queue.ring(seq);
            }
        }
    }
}
