//! Tests: what the clients of the API do in a day — they submit, repeat what they asked, cancel, mark as read and delete.
//! Never stop asking before they were answered.

use super::agent::{Agent, Dead};
use super::world::{CANCELLED, Wish, World};
use crate::inbox::Query;
use crate::message::{MessageId, Number, Submission};
use crate::outbox::Refusal;
use crate::time::Now;

/// What is sent for a wish.
pub(super) fn asked(wish: &Wish) -> Submission {
    Submission {
        flash: wish.flash,
        report: true,
        validity_s: wish.validity_s,
        ..Submission::plain(Number::as_received(wish.to), &wish.text, "api")
    }
}

impl Agent {
    /// One new request a round; what was not answered is asked again. After a start everything is, whether it was answered or
    /// not: the answer is the first one.
    pub(super) fn requests(&mut self, world: &mut World, now: Now) -> Result<(), Dead> {
        let due = world.round + 1;
        for (number, wish) in world.clients.iter_mut().enumerate().take(due) {
            if wish.answered && self.heard_again {
                continue;
            }
            wish.asked = true;
            let key = format!("key {number}");
            let answer = self
                .outbox
                .borrow_mut()
                .submit(vec![asked(wish)], Some(&key), now);
            self.alive()?;
            let Ok(messages) = answer else {
                let answer = answer.err();
                assert!(matches!(answer, Some(Refusal::Store(_))), "{answer:?}");
                continue;
            };
            let ids: Vec<MessageId> = messages.iter().map(|message| message.id).collect();
            if wish.answered {
                wish.repeated = Some(ids);
            } else {
                wish.ids = ids;
            }
            wish.answered = true;
        }
        self.heard_again = true;
        self.cancel(world, now)
    }

    fn cancel(&mut self, world: &mut World, now: Now) -> Result<(), Dead> {
        let wish = world.clients.iter().find(|wish| wish.text == CANCELLED);
        let Some(id) = wish.and_then(|wish| wish.ids.first()) else {
            return Ok(());
        };
        if world.removed.is_none() {
            let removed = self.outbox.borrow_mut().remove(*id, now);
            self.alive()?;
            world.removed = removed.ok();
        }
        Ok(())
    }

    /// Marks what came in as read, and deletes what everybody was told of.
    pub(super) fn tidy_up(&mut self, world: &mut World) -> Result<(), Dead> {
        let id_of = |agent: &Agent, text: &str| {
            let here = agent.inbox.borrow().list(&Query::default());
            let mut own = here.iter().filter(|stored| stored.message.text == text);
            own.next().map(|stored| stored.message.id)
        };
        for act in world.reads.iter_mut().filter(|act| !act.answered) {
            if let Some(id) = id_of(self, act.text) {
                let marked = self.inbox.borrow_mut().mark(id, true);
                self.alive()?;
                act.answered = marked.is_ok();
            }
        }
        if world.deletion.answered || !self.all_are_told() {
            return Ok(());
        }
        let Some(id) = id_of(self, world.deletion.text) else {
            world.deletion.answered = world.deletion.asked;
            return Ok(());
        };
        world.deletion.asked = true;
        let deleted = self.inbox.borrow_mut().delete(id);
        self.alive()?;
        world.deletion.answered = deleted.is_ok();
        Ok(())
    }
}
