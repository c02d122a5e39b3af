//! Keeper: the messages that are not finished, in memory as they stand and on flash as soon as it takes them. Never
//! decides what an answer means (`schedule.rs`) and never codes a message.

use std::time::Duration;

use super::Outcome;
use super::report;
use super::schedule::{self, Times};
use super::stored::{self, Content, State};
use crate::counters;
use crate::feed::Feed;
use crate::message::{MessageId, Number, Outgoing, Status};
use crate::sms::StatusReport;
use crate::sorted::Sorted;
use crate::store::{Change, Shared, WhyNot};
use crate::time::{Now, Tick, WallTime};

/// After a refused write, the pause before the next try.
const WRITE_PAUSE: Duration = Duration::from_secs(10);
/// Reports kept that came before the modem's answer to their own part.
const EARLY: usize = 8;

/// A message that is not finished, or whose end is not on flash yet.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) state: State,
    pub(super) times: Times,
    to: Number,
    parts: u8,
    /// The state differs from what is on flash.
    unwritten: bool,
    /// What listeners are to be told with the next write.
    news: Vec<(State, WallTime)>,
    /// TP-MR and TP-ST of reports that came while a part was at the modem.
    early: Vec<(u8, u8)>,
}

impl Waiting {
    /// True between `begin` and `finish`.
    pub(super) fn is_at_modem(&self) -> bool {
        self.state.status == Status::Sending
    }

    fn is_queued(&self) -> bool {
        self.state.status == Status::Queued
    }

    /// Something happened: remembers what to write and to tell.
    fn changed(&mut self, before: Status, now: WallTime) {
        self.unwritten = true;
        if self.state.status != before {
            counters::message_became(self.state.status);
        }
        if self.state.status != before && schedule::event(self.state.status).is_some() {
            self.news.push((self.state.clone(), now));
        }
    }
}

/// The part a delivery report speaks of.
#[derive(Debug)]
pub(super) struct About {
    pub(super) id: MessageId,
    pub(super) to: Number,
    pub(super) state: State,
    /// Among the parts taken.
    pub(super) place: usize,
}

/// All of them.
#[derive(Debug)]
pub(super) struct Queue {
    store: Shared,
    feed: Feed,
    waiting: Sorted<MessageId, Waiting>,
    /// Writing is tried again at this time.
    write_again: Option<Tick>,
}

impl Queue {
    /// An empty one.
    pub(super) fn new(store: Shared, feed: Feed) -> Queue {
        Queue {
            store,
            feed,
            waiting: Sorted::default(),
            write_again: None,
        }
    }

    /// A message of before the restart: due now, or when its owner said.
    pub(super) fn found(&mut self, id: MessageId, content: &Content, state: State, now: Now) {
        let tried_s = schedule::tried_s(content.validity_s, content.wait_s);
        let left_s = schedule::left_after_restart(&state, tried_s, content.created_at, now.wall);
        let wait_s = content
            .wait_s
            .saturating_sub(tried_s.saturating_sub(left_s));
        self.add(
            id,
            (&content.to, content.parts),
            (state, left_s, wait_s),
            now,
        );
    }

    /// A new message that is on flash: due now, or when its owner said.
    pub(super) fn submitted(&mut self, message: &Outgoing, now: Now) {
        let wait_s = message.extra.wait_s;
        let left_s = schedule::tried_s(message.submission.validity_s, wait_s);
        let state = schedule::fresh(left_s);
        let whom = (&message.submission.to, message.parts);
        self.add(message.id, whom, (state, left_s, wait_s), now);
    }

    fn add(
        &mut self,
        id: MessageId,
        (to, parts): (&Number, u8),
        (state, left_s, wait_s): (State, u32, u32),
        now: Now,
    ) {
        let times = Times {
            due: now.tick + Duration::from_secs(u64::from(wait_s)),
            deadline: now.tick + Duration::from_secs(u64::from(left_s)),
        };
        let waiting = Waiting {
            state,
            times,
            to: to.clone(),
            parts,
            unwritten: false,
            news: Vec::new(),
            early: Vec::new(),
        };
        self.waiting.insert(id, waiting);
    }

    /// One of them, to be put right: whoever changes it writes it.
    pub(super) fn get_mut(&mut self, id: MessageId) -> Option<&mut State> {
        self.waiting.get_mut(&id).map(|waiting| &mut waiting.state)
    }

    /// One of them.
    pub(super) fn get(&self, id: MessageId) -> Option<&Waiting> {
        self.waiting.get(&id)
    }

    /// How many are not finished.
    pub(super) fn len(&self) -> usize {
        let all = self.waiting.values();
        all.filter(|waiting| !waiting.state.status.is_final())
            .count()
    }

    /// Parts that are still to be sent.
    pub(super) fn parts_left(&self) -> u32 {
        let unfinished = |waiting: &&Waiting| !waiting.state.status.is_final();
        let left = |waiting: &Waiting| {
            let taken = u32::try_from(waiting.state.taken.len()).unwrap_or(u32::MAX);
            u32::from(waiting.parts).saturating_sub(taken)
        };
        self.waiting.values().filter(unfinished).map(left).sum()
    }

    /// There is news.
    pub(super) fn ring(&self, seq: u64) {
        self.feed.ring(seq);
    }

    /// Those whose validity ran out while they waited here.
    pub(super) fn overdue(&self, now: Tick) -> Vec<MessageId> {
        let over = |waiting: &Waiting| waiting.is_queued() && waiting.times.is_over(now);
        let all = self.waiting.iter();
        all.filter(|(_, waiting)| over(waiting))
            .map(|(id, _)| *id)
            .collect()
    }

    /// Those that wait, oldest first, and whether each is held back: while the network does not take one message to a
    /// number, later ones to it keep their place behind it.
    fn queued(&self) -> impl Iterator<Item = (MessageId, &Waiting, bool)> {
        let mut troubled: Vec<&Number> = Vec::new();
        let all = self.waiting.iter();
        all.filter(|(_, waiting)| waiting.is_queued())
            .map(move |(id, waiting)| {
                let held = troubled.contains(&&waiting.to);
                if !held && schedule::waits_for_the_network(&waiting.state) {
                    troubled.push(&waiting.to);
                }
                (*id, waiting, held)
            })
    }

    /// The one that has been due longest.
    pub(super) fn due(&self, now: Tick) -> Option<MessageId> {
        let due = |waiting: &Waiting, held: bool| !held && waiting.times.is_due(now);
        self.queued()
            .filter(|(_, waiting, held)| due(waiting, *held))
            .min_by_key(|(id, waiting, _)| (waiting.times.due, *id))
            .map(|(id, ..)| id)
    }

    /// When the next one is due or over, or writing is tried again.
    pub(super) fn next_wake(&self) -> Option<Tick> {
        let wakes = self.queued().map(|(_, waiting, held)| match held {
            true => waiting.times.deadline,
            false => waiting.times.wake(),
        });
        wakes.chain(self.write_again).min()
    }

    /// Changes a state in memory; the next flush writes it.
    pub(super) fn change(&mut self, id: MessageId, now: Now, how: impl FnOnce(&mut State)) {
        if let Some(waiting) = self.waiting.get_mut(&id) {
            let before = waiting.state.status;
            how(&mut waiting.state);
            waiting.changed(before, now.wall);
        }
    }

    /// A part goes to the modem: on flash first.
    pub(super) fn begin(&mut self, id: MessageId, now: Now) -> Result<(), WhyNot> {
        self.flush(now)?;
        let gone = || std::io::Error::other("the message was cancelled meanwhile");
        let waiting = self
            .waiting
            .get_mut(&id)
            .filter(|waiting| waiting.is_queued());
        let waiting = waiting.ok_or_else(|| WhyNot::Io(gone()))?;
        let mut state = waiting.state.clone();
        state.status = Status::Sending;
        state.left_s = waiting.times.left_s(now.tick);
        self.store
            .borrow_mut()
            .apply(&[stored::put_state(id, &state)])?;
        waiting.state = state;
        waiting.early.clear();
        Ok(())
    }

    /// What became of the part.
    pub(super) fn finish(&mut self, id: MessageId, outcome: &Outcome, now: Now) {
        let Some(waiting) = self.waiting.get_mut(&id) else {
            return;
        };
        if waiting.state.status.is_final() {
            return;
        }
        let written = waiting.is_at_modem();
        let pause = schedule::answered(&mut waiting.state, outcome, waiting.parts, now.wall);
        if let Some(pause) = pause {
            counters::PART_RETRIES.add(1);
            waiting.times.due = now.tick + pause;
        }
        if written || *outcome != Outcome::NotHandedOver {
            waiting.changed(Status::Sending, now.wall);
        }
        let before = waiting.state.status;
        let early = std::mem::take(&mut waiting.early);
        if let Outcome::Accepted {
            reference: Some(reference),
        } = outcome
        {
            let place = waiting.state.taken.len().saturating_sub(1);
            for (_, status) in early.iter().filter(|(early, _)| early == reference) {
                schedule::reported(&mut waiting.state, place, *status, now.wall);
            }
        }
        schedule::conclude(&mut waiting.state, now.wall);
        if waiting.state.status != before {
            waiting.changed(before, now.wall);
        }
    }

    /// Keeps a report that came before the modem's answer to its part; `false` when no part it could be about is out.
    pub(super) fn came_early(&mut self, report: &StatusReport) -> bool {
        let mut out = self.waiting.values_mut();
        let about = |waiting: &&mut Waiting| {
            waiting.is_at_modem() && report::same_party(&waiting.to, &report.to)
        };
        match out.find(about) {
            Some(waiting) if waiting.early.len() < EARLY => {
                waiting.early.push((report.reference, report.status));
                true
            }
            Some(_) | None => false,
        }
    }

    /// A report on a part: on flash, with the event if it settles the message.
    pub(super) fn reported(&mut self, about: About, report: u8, now: Now) -> Result<(), WhyNot> {
        let About {
            id,
            to,
            mut state,
            place,
        } = about;
        let before = state.status;
        if !schedule::reported(&mut state, place, report, now.wall) {
            return Ok(());
        }
        let mut changes = vec![stored::put_state(id, &state)];
        let mut ring = 0;
        if state.status != before {
            ring = self.tell(id, &to, (&state, now.wall), &mut changes);
        }
        self.store.borrow_mut().apply(&changes)?;
        self.feed.ring(ring);
        if state.status != before {
            counters::message_became(state.status);
        }
        if state.status.is_final() {
            self.waiting.remove(&id);
        } else if let Some(waiting) = self.waiting.get_mut(&id) {
            waiting.state = state;
        }
        Ok(())
    }

    /// Its owner does not want it sent any more.
    pub(super) fn cancel(&mut self, id: MessageId, now: Now) -> Result<(), WhyNot> {
        let Some(waiting) = self.waiting.get(&id) else {
            return Ok(());
        };
        let mut state = waiting.state.clone();
        state.status = Status::Cancelled;
        state.left_s = waiting.times.left_s(now.tick);
        self.store
            .borrow_mut()
            .apply(&[stored::put_state(id, &state)])?;
        counters::message_became(Status::Cancelled);
        self.waiting.remove(&id);
        Ok(())
    }

    /// As [`Queue::flush`], but a refusal only puts the next try off.
    pub(super) fn flush_or_wait(&mut self, now: Now) {
        if self.write_again.is_some_and(|again| now.tick < again) {
            return;
        }
        if let Err(why) = self.flush(now) {
            log::debug!("outbox: a state is kept in memory until the flash takes it: {why}");
        }
    }

    /// Writes what is not on flash yet, and tells of it.
    pub(super) fn flush(&mut self, now: Now) -> Result<(), WhyNot> {
        let unwritten = self.waiting.iter().filter(|(_, waiting)| waiting.unwritten);
        let unwritten: Vec<MessageId> = unwritten.map(|(id, _)| *id).collect();
        for id in unwritten {
            if let Err(why) = self.write(id, now) {
                self.write_again = Some(now.tick + WRITE_PAUSE);
                return Err(why);
            }
        }
        self.write_again = None;
        Ok(())
    }

    fn write(&mut self, id: MessageId, now: Now) -> Result<(), WhyNot> {
        let Some(waiting) = self.waiting.get(&id) else {
            return Ok(());
        };
        let mut state = waiting.state.clone();
        state.left_s = waiting.times.left_s(now.tick);
        let mut changes = vec![stored::put_state(id, &state)];
        let mut ring = 0;
        for (then, at) in &waiting.news {
            ring = self.tell(id, &waiting.to, (then, *at), &mut changes);
        }
        self.store.borrow_mut().apply(&changes)?;
        self.feed.ring(ring);
        if state.status.is_final() {
            self.waiting.remove(&id);
        } else if let Some(waiting) = self.waiting.get_mut(&id) {
            waiting.unwritten = false;
            waiting.news.clear();
        }
        Ok(())
    }

    /// Adds the event of a new status to a batch; its number.
    fn tell(
        &self,
        id: MessageId,
        to: &Number,
        (state, at): (&State, WallTime),
        changes: &mut Vec<Change>,
    ) -> u64 {
        let Some(kind) = schedule::event(state.status) else {
            return 0;
        };
        let mut facts = serde_json::json!({"to": to, "status": state.status});
        if let (Some(error), Some(facts)) = (&state.error, facts.as_object_mut()) {
            facts.insert(String::from("error"), serde_json::json!(error));
        }
        let (event, change) = self.store.borrow_mut().event(kind, at, Some(id), facts);
        changes.push(change);
        event.seq
    }
}
