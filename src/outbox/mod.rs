//! Room: messages to send — submit, schedule, retry by cause, match delivery reports. Never talks to the modem: the
//! modem's one worker takes the next part when the radio is free and says what became of it.

use std::fmt;
use std::time::Duration;

use crate::feed::Feed;
use crate::inbox::Query;
use crate::message::{MessageId, Outgoing, Submission};
use crate::sms::{BadText, StatusReport};
use crate::store::{Shared, WhyNot};
use crate::time::{Now, Tick};

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

/// What became of a part at the modem.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// `+CMGS: mr`; the network has it.
    Accepted {
        /// TP-MR.
        reference: u8,
    },
    /// The modem refused it or reported the network's refusal: `+CMS ERROR` (27.005 3.2.5) or `+CME ERROR`; `None` for
    /// a bare `ERROR`. It is not on the air.
    Refused {
        /// The number.
        code: Option<u16>,
    },
    /// It was never handed over (no prompt, port gone before the PDU): tried again, no attempt spent.
    NotHandedOver,
    /// It was handed over and no answer came: it may be on the air.
    Unknown,
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
pub struct Outbox {}

#[expect(
    unused_variables,
    clippy::unimplemented,
    reason = "the store's helper fills these in"
)]
impl Outbox {
    /// An outbox over what the store holds. A message found `sending` becomes `unconfirmed` (with its event).
    ///
    /// # Errors
    /// [`WhyNot`].
    pub fn new(store: Shared, feed: Feed, now: Now) -> Result<Outbox, WhyNot> {
        unimplemented!()
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
        unimplemented!()
    }

    /// Resolves when there may be a part to send now: something was submitted, or a pause is over. Never across a
    /// borrow: take [`Outbox::bell`] out first.
    pub fn bell(&self) -> std::rc::Rc<tokio::sync::Notify> {
        unimplemented!()
    }

    /// The part to send now, if one is due. Marks nothing; expires what is overdue.
    pub fn next(&mut self, now: Now) -> Option<Job> {
        unimplemented!()
    }

    /// When [`Outbox::next`] will have something if nothing is submitted meanwhile.
    pub fn next_wake(&self) -> Option<Tick> {
        unimplemented!()
    }

    /// Writes "this part is at the modem" to flash. Called between prompt and PDU; after a crash the message is
    /// `unconfirmed`.
    ///
    /// # Errors
    /// [`WhyNot`]: do not hand the PDU over.
    pub fn begin(&mut self, job: &Job, now: Now) -> Result<(), WhyNot> {
        unimplemented!()
    }

    /// What became of the part. Keeps the outcome in memory and tries again to write it when the flash refuses.
    pub fn finish(&mut self, job: &Job, outcome: Outcome, now: Now) {
        unimplemented!()
    }

    /// A delivery report. `true` when a message was waiting for it. Ok means it is on flash and may be acknowledged.
    ///
    /// # Errors
    /// [`WhyNot`]: offer it again later.
    pub fn report(&mut self, report: &StatusReport, now: Now) -> Result<bool, WhyNot> {
        unimplemented!()
    }

    /// Messages by growing id.
    pub fn list(&self, query: &Query) -> Vec<Outgoing> {
        unimplemented!()
    }

    /// One message.
    pub fn get(&self, id: MessageId) -> Option<Outgoing> {
        unimplemented!()
    }

    /// Cancels or deletes.
    ///
    /// # Errors
    /// [`WhyNot`].
    pub fn remove(&mut self, id: MessageId, now: Now) -> Result<Removed, WhyNot> {
        unimplemented!()
    }

    /// Messages not finished.
    pub fn waiting(&self) -> usize {
        unimplemented!()
    }

    /// The pause before attempt `attempt` (1 = the first retry) after a temporary cause.
    pub fn pause(attempt: u32) -> Duration {
        unimplemented!()
    }
}
