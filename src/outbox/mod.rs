//! Room: messages to send — submit, schedule, retry by cause, match delivery reports. Never talks to the modem: the
//! modem's one worker takes the next part when the radio is free and says what became of it.

mod asked;
mod limits;
mod outcome;
mod queue;
mod replace;
mod report;
mod retry;
mod schedule;
mod stored;
#[cfg(test)]
mod tests;

use std::fmt;
use std::rc::Rc;
use std::time::Duration;

use tokio::sync::Notify;

use self::limits::Limits;
use self::queue::{About, Queue, Waiting};
use self::stored::{Answered, Content, State};
use crate::counters;
use crate::feed::Feed;
use crate::inbox::Query;
use crate::message::{Extra, MessageId, Number, Outgoing, SendError, Status, Submission};
use crate::sms::{self, BadText, Preview, StatusReport, SubmitOptions};
use crate::store::{Change, Key, Kind, Shared, WhyNot};
use crate::time::{Now, Tick, WallTime};

pub use self::asked::Asked;
pub use self::limits::{Budget, Window};
pub use self::report::same_party;
pub use outcome::Outcome;

/// One part for the modem.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// The message.
    pub id: MessageId,
    /// Which part, from 0.
    pub part: u8,
    /// The SMS-SUBMIT TPDU, without service centre.
    pub tpdu: Vec<u8>,
    /// More parts of this message follow at once: keep the link (`+CMMS`).
    pub more: bool,
    /// The message, for a flash sender that takes text instead of a PDU.
    pub submission: Submission,
}

/// Why a submission is not accepted. Nothing was kept.
#[derive(Debug)]
pub enum Refusal {
    /// The text cannot be sent.
    Text(BadText),
    /// The recipient is a name, not a number.
    Alphanumeric,
    /// No room or no flash: try again later.
    Store(WhyNot),
    /// The `Idempotency-Key` was used before with other content.
    KeyReused,
    /// `limits` (`deny`, `only`) let nothing be sent to this recipient: no use to try again.
    Denied(Number),
    /// `limits` (`per_hour`, `per_day`) leave no room for it now: try again later, unless it never fits.
    Budget(Budget),
}

impl fmt::Display for Refusal {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refusal::Text(why) => why.fmt(out),
            Refusal::Alphanumeric => out.write_str("nothing can be sent to a name"),
            Refusal::Store(why) => why.fmt(out),
            Refusal::KeyReused => {
                out.write_str("this Idempotency-Key was used before for another request")
            }
            Refusal::Denied(to) => {
                let to = to.masked();
                write!(out, "limits let nothing be sent to {to}")
            }
            Refusal::Budget(budget) => budget.fmt(out),
        }
    }
}

impl std::error::Error for Refusal {}

/// What became of a wish to delete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Removed {
    /// It waited and will not be sent; its record stays, status `cancelled`.
    Cancelled,
    /// It was finished; its record is gone.
    Deleted,
    /// A part is at the modem just now: too late, and too early.
    Busy,
    /// There is no such message.
    Unknown,
}

/// The keeper of outgoing messages.
#[derive(Debug)]
pub struct Outbox {
    store: Shared,
    queue: Queue,
    bell: Rc<Notify>,
    codec: Codec,
    limits: Limits,
    /// The parts of the message that was taken last.
    made: Option<(MessageId, Tpdus)>,
}

/// All parts of a message, coded.
type Tpdus = Vec<Vec<u8>>;

/// What the outbox asks of `sms/`; tests answer it themselves.
#[derive(Clone, Copy, Debug)]
struct Codec {
    preview: fn(&str) -> Result<Preview, BadText>,
    submit: fn(&str, &SubmitOptions) -> Result<Tpdus, BadText>,
}

const SMS: Codec = Codec {
    preview: sms::preview,
    submit: sms::submit,
};

/// How long an `Idempotency-Key` counts, in seconds.
const KEY_COUNTS_S: i64 = 24 * 3600;
/// How many of them are kept at most.
const KEYS: usize = 256;

impl Outbox {
    /// An outbox over what the store holds. A message found `sending` becomes `unconfirmed` (with its event).
    ///
    /// # Errors
    /// [`WhyNot`].
    pub fn new(store: Shared, feed: Feed, now: Now) -> Result<Outbox, WhyNot> {
        Outbox::with(store, feed, now, SMS)
    }

    fn with(store: Shared, feed: Feed, now: Now, codec: Codec) -> Result<Outbox, WhyNot> {
        let mut queue = Queue::new(store.clone(), feed);
        let stored = store.borrow();
        let mut cut_short = Vec::new();
        let mut taken = Vec::new();
        for (id, value) in stored.range(Kind::OutgoingState, 0) {
            let id = MessageId(id);
            let Some(state) = stored::read::<State>(value) else {
                continue;
            };
            taken.extend(state.taken.iter().map(|part| part.at));
            if state.status.is_final() {
                continue;
            }
            let content = stored.get(stored::content_key(id));
            let Some(content) = content.and_then(stored::read::<Content>) else {
                log::error!("outbox: message {id} cannot be read and is not sent");
                continue;
            };
            if state.status == Status::Sending {
                cut_short.push(id);
            }
            queue.found(id, &content, state, now);
        }
        drop(stored);
        let mut limits = Limits::default();
        let reference = taken.iter().copied().fold(now.wall, WallTime::max);
        for at in taken {
            limits.found(at, reference, now.tick);
        }
        for id in cut_short {
            limits.sent(now.tick);
            log::warn!(
                "outbox: message {id} was at the modem when the agent stopped; it is not sent again"
            );
            queue.change(id, now, schedule::unconfirmed);
        }
        // A full store keeps nobody from starting: a message found `sending` is found so again until it could be written.
        if let Err(why @ WhyNot::Io(_)) = queue.flush(now) {
            return Err(why);
        }
        Ok(Outbox {
            store,
            queue,
            bell: Rc::new(Notify::new()),
            codec,
            limits,
            made: None,
        })
    }

    /// Accepts all of `submissions` or none, in one batch. With `key` (an `Idempotency-Key`, kept 24 h) a repeat gives
    /// the first answer's messages as they stand now. Ok means they are on flash.
    ///
    /// # Errors
    /// [`Refusal`].
    pub fn submit(
        &mut self,
        submissions: Vec<Submission>,
        key: Option<&str>,
        now: Now,
    ) -> Result<Vec<Outgoing>, Refusal> {
        let plain = |submission| (submission, Extra::default());
        let submissions = submissions.into_iter().map(plain).collect();
        self.submit_with(submissions, key, Vec::new(), now)
    }

    /// The same with what a protocol asks besides, and with further changes of the caller's in the same batch: what he
    /// must know after a power cut exactly when the messages are there. A key knows a request by the submissions alone,
    /// and its repeat writes nothing.
    ///
    /// # Errors
    /// [`Refusal`].
    pub fn submit_with(
        &mut self,
        submissions: Vec<(Submission, Extra)>,
        key: Option<&str>,
        also: Vec<Change>,
        now: Now,
    ) -> Result<Vec<Outgoing>, Refusal> {
        let asked = submissions.iter().map(|(submission, _)| submission);
        let fingerprint = key.map_or(0, |_| stored::request(&asked.collect::<Vec<_>>()));
        let key = key.map(stored::answered_key);
        if let Some(first) = key.and_then(|key| self.first_answer(key, now)) {
            if first.fingerprint != fingerprint {
                return Err(Refusal::KeyReused);
            }
            return Ok(first.ids.iter().filter_map(|id| self.get(*id)).collect());
        }
        let mut messages: Vec<Outgoing> = Vec::with_capacity(submissions.len());
        for asked in submissions {
            let message = self.prepare(asked, messages.last(), now)?;
            messages.push(message);
        }
        let parts = messages
            .iter()
            .map(|message| u32::from(message.parts))
            .sum();
        let mut changes = also;
        changes.extend(messages.iter().flat_map(Outbox::records));
        if let Some(key) = key {
            let answered = Answered {
                fingerprint,
                ids: messages.iter().map(|message| message.id).collect(),
                at: now.wall,
            };
            changes.extend(self.outdated_keys(now));
            changes.push(stored::put_answered(key, &answered));
        }
        self.apply(changes, parts, now)?;
        for message in &messages {
            self.queue.submitted(message, now);
        }
        self.bell.notify_one();
        Ok(messages)
    }

    /// The message of a submission. One text to many is measured once.
    fn prepare(
        &self,
        (submission, extra): (Submission, Extra),
        before: Option<&Outgoing>,
        now: Now,
    ) -> Result<Outgoing, Refusal> {
        if submission.to.is_alphanumeric() {
            return Err(Refusal::Alphanumeric);
        }
        if !self.may_send_to(&submission.to) {
            return Err(Refusal::Denied(submission.to));
        }
        let alike = before.filter(|before| {
            before.submission.text == submission.text && before.extra.ready == extra.ready
        });
        let (encoding, parts) = match (alike, &extra.ready) {
            (Some(before), _) => (before.encoding, before.parts),
            (None, Some(ready)) => {
                let read = sms::read_ready(ready).ok_or(Refusal::Text(BadText::TooLong(2)))?;
                (read.0, 1)
            }
            (None, None) => {
                let preview = (self.codec.preview)(&submission.text).map_err(Refusal::Text)?;
                (preview.encoding, preview.parts)
            }
        };
        Ok(Outgoing {
            id: self.store.borrow_mut().next_id(),
            submission,
            extra,
            encoding,
            parts,
            created_at: now.wall,
            status: Status::Queued,
            error: None,
            sent_at: None,
            delivered_at: None,
        })
    }

    fn first_answer(&self, key: Key, now: Now) -> Option<Answered> {
        let store = self.store.borrow();
        let first: Answered = stored::read(store.get(key)?)?;
        (!report::is_older(first.at, now.wall, KEY_COUNTS_S)).then_some(first)
    }

    /// Removes keys that count no more, and the oldest of too many.
    fn outdated_keys(&self, now: Now) -> Vec<Change> {
        let store = self.store.borrow();
        let keys = store.range(Kind::Idempotency, 0);
        let mut keys: Vec<(Option<MessageId>, bool, u64)> = keys
            .map(|(id, value)| match stored::read::<Answered>(value) {
                Some(answered) => {
                    let over = report::is_older(answered.at, now.wall, KEY_COUNTS_S);
                    (answered.ids.first().copied(), over, id)
                }
                None => (None, true, id),
            })
            .collect();
        keys.sort_unstable();
        let too_many = (keys.len() + 1).saturating_sub(KEYS);
        let outdated = keys.into_iter().enumerate();
        outdated
            .filter(|(place, (_, over, _))| *over || *place < too_many)
            .map(|(_, (_, _, id))| Change::Delete {
                key: Key {
                    kind: Kind::Idempotency,
                    id,
                },
            })
            .collect()
    }

    /// Resolves when there may be a part to send now: something was submitted, or a pause is over. Never across a
    /// borrow: take [`Outbox::bell`] out first.
    pub fn bell(&self) -> Rc<Notify> {
        self.bell.clone()
    }

    /// The part to send now, if one is due. Marks nothing; expires what is overdue.
    pub fn next(&mut self, now: Now) -> Option<Job> {
        self.queue.flush_or_wait(now);
        for id in self.queue.overdue(now.tick) {
            log::info!("outbox: message {id} is given up, its validity ran out");
            self.queue.change(id, now, schedule::expired);
        }
        self.queue.flush_or_wait(now);
        while let Some(id) = self.queue.due(now.tick) {
            if let Some(job) = self.make(id, now) {
                return Some(job);
            }
            log::error!("outbox: message {id} cannot be coded and is given up");
            self.queue.change(id, now, |state| {
                state.status = Status::Failed;
                state.error = Some(SendError {
                    code: None,
                    cause: String::from("the stored message cannot be coded"),
                });
            });
            self.queue.flush_or_wait(now);
        }
        None
    }

    fn make(&mut self, id: MessageId, now: Now) -> Option<Job> {
        let mut message = self.get(id)?;
        let waiting = self.queue.get(id)?;
        let part = waiting.state.taken.len();
        if part == 0 || self.made.as_ref().is_none_or(|(made, _)| *made != id) {
            let asked = &message.submission;
            let left_s = waiting.times.left_s(now.tick);
            let options = SubmitOptions {
                to: asked.to.clone(),
                flash: asked.flash,
                report: asked.report,
                validity_s: asked.validity_s.map(|_| left_s.max(1)),
                // Consecutive messages to one recipient must not share it.
                reference: id.0.to_le_bytes()[0],
            };
            let parts = match &message.extra.ready {
                Some(ready) => vec![sms::submit_ready(ready, &options)?],
                None => (self.codec.submit)(&asked.text, &options).ok()?,
            };
            self.made = Some((id, parts));
        }
        // A sender that takes text could not send this one as it is coded.
        message.submission.flash &= message.extra.ready.is_none();
        let (_, parts) = self.made.as_ref()?;
        Some(Job {
            id,
            part: u8::try_from(part).ok()?,
            tpdu: parts.get(part)?.clone(),
            more: part + 1 < parts.len(),
            submission: message.submission,
        })
    }

    /// When [`Outbox::next`] will have something if nothing is submitted meanwhile.
    pub fn next_wake(&self) -> Option<Tick> {
        self.queue.next_wake()
    }

    /// Writes "this part is at the modem" to flash. Called between prompt and PDU; after a crash the message is
    /// `unconfirmed`.
    ///
    /// # Errors
    /// [`WhyNot`]: do not hand the PDU over. Also when its owner cancelled or replaced it since [`Outbox::next`].
    pub fn begin(&mut self, job: &Job, now: Now) -> Result<(), WhyNot> {
        if self.made.is_none() {
            let replaced = std::io::Error::other("the message was replaced meanwhile");
            return Err(WhyNot::Io(replaced));
        }
        self.queue.begin(job.id, now)
    }

    /// What became of the part. Keeps the outcome in memory and tries again to write it when the flash refuses.
    pub fn finish(&mut self, job: &Job, outcome: Outcome, now: Now) {
        if self.queue.get(job.id).is_none() {
            return; // cancelled at the prompt
        }
        self.queue.finish(job.id, &outcome, now);
        if let Some(message) = self.get(job.id) {
            let accepted = matches!(outcome, Outcome::Accepted { .. });
            counters::PARTS_SENT.add(u32::from(accepted));
            if accepted || message.status == Status::Unconfirmed {
                self.limits.sent(now.tick);
            }
            log_outcome(&message, job, &outcome);
        }
        self.queue.flush_or_wait(now);
    }

    /// A delivery report. `true` when a message was waiting for it. Ok means it is on flash and may be acknowledged.
    ///
    /// # Errors
    /// [`WhyNot`]: offer it again later.
    pub fn report(&mut self, report: &StatusReport, now: Now) -> Result<bool, WhyNot> {
        self.queue.flush(now)?;
        match self.about(report, now) {
            Some(about) => self
                .queue
                .reported(about, report.status, now)
                .map(|()| true),
            None => Ok(self.queue.came_early(report)),
        }
    }

    /// The newest message that asked for reports with a part that waits for this one, and the part's place.
    fn about(&self, report: &StatusReport, now: Now) -> Option<About> {
        let store = self.store.borrow();
        let states = store.range(Kind::OutgoingState, 0).rev();
        for (id, value) in states {
            let id = MessageId(id);
            let state = match self.queue.get(id) {
                Some(waiting) => Some(waiting.state.clone()),
                None => stored::read::<State>(value),
            };
            let Some(state) = state else { continue };
            let place = state.taken.iter().rposition(|part| {
                part.reference == Some(report.reference)
                    && part.report.is_none()
                    && report::awaited(part.at, now.wall)
            });
            let Some(place) = place else { continue };
            let content = store.get(stored::content_key(id));
            let Content {
                to, report: asked, ..
            } = content.and_then(stored::read)?;
            if asked && report::same_party(&to, &report.to) {
                return Some(About {
                    id,
                    to,
                    state,
                    place,
                });
            }
        }
        None
    }

    /// Messages by growing id.
    pub fn list(&self, query: &Query) -> Vec<Outgoing> {
        let store = self.store.borrow();
        let messages = store.range(Kind::Outgoing, query.first());
        messages
            .filter_map(|(id, value)| Some((MessageId(id), stored::read::<Content>(value)?)))
            .filter(|(_, content)| query.wants(&content.to, &content.text))
            .filter_map(|(id, content)| self.standing(id, content))
            .take(query.most())
            .collect()
    }

    /// One message.
    pub fn get(&self, id: MessageId) -> Option<Outgoing> {
        let store = self.store.borrow();
        let content = stored::read(store.get(stored::content_key(id))?)?;
        self.standing(id, content)
    }

    /// What was asked, with where it stands.
    fn standing(&self, id: MessageId, content: Content) -> Option<Outgoing> {
        if let Some(waiting) = self.queue.get(id) {
            return Some(stored::outgoing(id, content, &waiting.state));
        }
        let store = self.store.borrow();
        let state: State = stored::read(store.get(stored::state_key(id))?)?;
        Some(stored::outgoing(id, content, &state))
    }

    /// Cancels or deletes.
    ///
    /// # Errors
    /// [`WhyNot`].
    pub fn remove(&mut self, id: MessageId, now: Now) -> Result<Removed, WhyNot> {
        self.queue.flush(now)?;
        match self.queue.get(id).map(Waiting::is_at_modem) {
            Some(true) => return Ok(Removed::Busy),
            Some(false) => {
                self.queue.cancel(id, now)?;
                return Ok(Removed::Cancelled);
            }
            None => {}
        }
        let keys = [stored::content_key(id), stored::state_key(id)];
        let mut store = self.store.borrow_mut();
        if keys.iter().all(|key| store.get(*key).is_none()) {
            return Ok(Removed::Unknown);
        }
        store.apply(&keys.map(|key| Change::Delete { key }))?;
        Ok(Removed::Deleted)
    }

    /// Messages not finished.
    pub fn waiting(&self) -> usize {
        self.queue.len()
    }

    /// The pause before attempt `attempt` (1 = the first retry) after a temporary cause.
    pub fn pause(attempt: u32) -> Duration {
        retry::pause(attempt)
    }
}

/// One line for the person at 3 a.m.: what became of a part, and what happens next.
fn log_outcome(message: &Outgoing, job: &Job, outcome: &Outcome) {
    let (id, part) = (job.id, job.part + 1);
    let to = message.submission.to.masked();
    match outcome {
        Outcome::Accepted { .. } => {
            log::info!("outbox: part {part} of message {id} to {to} is sent");
        }
        Outcome::Refused { code } => {
            let cause = retry::cause(*code).1;
            let then = match (message.status, message.status.is_final()) {
                (Status::Unconfirmed, _) => "it is not sent again",
                (_, true) => "it is given up",
                (_, false) => "it is tried again later",
            };
            log::warn!("outbox: part {part} of message {id} to {to} was refused ({cause}); {then}");
        }
        Outcome::NotHandedOver => {
            log::info!(
                "outbox: part {part} of message {id} did not reach the modem; it is tried again"
            );
        }
        Outcome::Unknown => {
            log::warn!(
                "outbox: no answer to part {part} of message {id} to {to}; it may be on the air and is not sent again"
            );
        }
        Outcome::Impossible { cause } => {
            log::warn!("outbox: message {id} to {to} is given up: {cause}");
        }
    }
}
