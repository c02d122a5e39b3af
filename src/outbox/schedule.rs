//! Decider: which message is next, when it is tried again, and what an answer or a report makes of it. Never writes and
//! never sends.
//!
//! ```text
//! queued --begin--> sending --accepted--> queued, next part ... --last part--> sent --reports--> delivered
//!   ^  |               |                                                        '---report----> failed, expired
//!   |  |               |--impossible, or refused: permanent, or too often--> failed
//!   |  |               |--no answer, doubt, or a crash------> unconfirmed
//!   |  |               |--refused: temporary, not ready --.
//!   |  |               '--never handed over --------------|
//!   '--|---------------------- after a pause -------------'
//!      |--validity over--> expired
//!      '--its owner------> cancelled
//! ```

use std::time::Duration;

use super::Outcome;
use super::report::{self, Fate};
use super::retry::{self, Effect};
use super::stored::{State, Taken};
use crate::message::{EventKind, SendError, Status};
use crate::time::{Tick, WallTime};

/// How long a message without validity is tried here, in seconds.
pub(super) const A_DAY_S: u32 = 24 * 3600;
/// Off for longer than this, a router's clock is not believed.
const BELIEVED_S: i64 = 7 * 24 * 3600;

/// When a message that is not finished moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Times {
    /// Not before.
    pub(super) due: Tick,
    /// Not after.
    pub(super) deadline: Tick,
}

impl Times {
    /// True when it may go now.
    pub(super) fn is_due(&self, now: Tick) -> bool {
        self.due <= now && !self.is_over(now)
    }

    /// True when its validity has run out.
    pub(super) fn is_over(&self, now: Tick) -> bool {
        self.deadline <= now
    }

    /// When one of the two comes.
    pub(super) fn wake(&self) -> Tick {
        self.due.min(self.deadline)
    }

    /// Seconds of validity left.
    pub(super) fn left_s(&self, now: Tick) -> u32 {
        u32::try_from(self.deadline.since(now).as_secs()).unwrap_or(u32::MAX)
    }
}

/// How long a message is tried here from its acceptance on, in seconds.
pub(super) fn tried_s(validity_s: Option<u32>, wait_s: u32) -> u32 {
    validity_s.unwrap_or(A_DAY_S.saturating_add(wait_s))
}

/// A message nobody has tried yet.
pub(super) fn fresh(left_s: u32) -> State {
    State {
        status: Status::Queued,
        error: None,
        attempts: 0,
        taken: Vec::new(),
        sent_at: None,
        delivered_at: None,
        left_s,
    }
}

/// Seconds of validity left after a restart: by the wall clock where it can be believed, else as last written.
pub(super) fn left_after_restart(
    state: &State,
    validity_s: u32,
    created_at: WallTime,
    now: WallTime,
) -> u32 {
    let passed = now.unix_s() - created_at.unix_s();
    if !(0..=BELIEVED_S).contains(&passed) {
        return state.left_s;
    }
    let by_clock = validity_s.saturating_sub(u32::try_from(passed).unwrap_or(u32::MAX));
    state.left_s.min(by_clock)
}

/// What an answer makes of a message of `parts` parts: the pause before it is due again, or `None` when it keeps its
/// place or is final.
pub(super) fn answered(
    state: &mut State,
    outcome: &Outcome,
    parts: u8,
    now: WallTime,
) -> Option<Duration> {
    let handed_over = state.status == Status::Sending;
    state.status = Status::Queued;
    match outcome {
        Outcome::Accepted { reference } => {
            state.taken.push(Taken {
                reference: *reference,
                at: now,
                report: None,
            });
            state.attempts = 0;
            state.error = None;
            if state.taken.len() >= usize::from(parts) {
                state.status = Status::Sent;
                state.sent_at = Some(now);
            }
            None
        }
        Outcome::Refused { code } => refused(state, *code, handed_over),
        Outcome::NotHandedOver => Some(retry::NOT_HANDED_OVER),
        Outcome::Unknown => {
            unconfirmed(state);
            None
        }
        Outcome::Impossible { cause } => {
            state.status = Status::Failed;
            state.error = Some(SendError {
                code: None,
                cause: String::from(*cause),
            });
            None
        }
    }
}

fn refused(state: &mut State, code: Option<u16>, handed_over: bool) -> Option<Duration> {
    let (effect, words) = retry::cause(code);
    let cause = String::from(words);
    state.error = Some(SendError { code, cause });
    let given_up = match effect {
        Effect::NotReady => return Some(retry::NOT_READY),
        Effect::Doubtful if handed_over => {
            state.status = Status::Unconfirmed;
            return None;
        }
        Effect::Permanent => true,
        Effect::Temporary | Effect::Doubtful => false,
        Effect::Unclear => state.attempts + 1 >= retry::TRIES,
    };
    state.attempts = state.attempts.saturating_add(1);
    if given_up {
        state.status = Status::Failed;
        return None;
    }
    Some(retry::pause(state.attempts))
}

/// True for a message that was refused for the network's or the modem's trouble and not for its own.
pub(super) fn waits_for_the_network(state: &State) -> bool {
    let code = state.error.as_ref().map(|error| error.code);
    let effect = code.map(|code| retry::cause(code).0);
    matches!(effect, Some(Effect::Temporary | Effect::NotReady))
}

/// The modem or the agent died between hand-over and answer.
pub(super) fn unconfirmed(state: &mut State) {
    state.status = Status::Unconfirmed;
    state.error = Some(SendError {
        code: None,
        cause: String::from("handed to the modem, but no answer came: it may have been sent"),
    });
}

/// Its validity ran out here.
pub(super) fn expired(state: &mut State) {
    state.status = Status::Expired;
    if state.error.is_none() {
        state.error = Some(SendError {
            code: None,
            cause: String::from("its validity ran out before the modem could send it"),
        });
    }
}

/// What a report on the part at `place` makes of a message; `false` when it changes nothing.
pub(super) fn reported(state: &mut State, place: usize, status: u8, now: WallTime) -> bool {
    let fate = report::fate(status);
    let Some(part) = state.taken.get_mut(place) else {
        return false;
    };
    if fate == Fate::Trying || part.report.is_some() {
        return false;
    }
    part.report = Some(status);
    conclude(state, now);
    true
}

/// Draws the conclusion from all reports so far, once every part was sent or one was lost.
pub(super) fn conclude(state: &mut State, now: WallTime) {
    if !matches!(state.status, Status::Queued | Status::Sent) {
        return;
    }
    let reports = state.taken.iter().map(|part| part.report);
    let lost = reports
        .flatten()
        .find_map(|status| match report::fate(status) {
            Fate::Delivered | Fate::Trying => None,
            Fate::Expired => Some((Status::Expired, status)),
            Fate::Failed => Some((Status::Failed, status)),
        });
    if let Some((status, code)) = lost {
        state.status = status;
        state.error = Some(SendError {
            code: Some(u16::from(code)),
            cause: String::from(report::words(code)),
        });
    } else if state.status == Status::Sent && state.taken.iter().all(|part| part.report.is_some()) {
        state.status = Status::Delivered;
        state.delivered_at = Some(now);
    }
}

/// The event that tells of a new status.
pub(super) fn event(status: Status) -> Option<EventKind> {
    match status {
        Status::Queued | Status::Sending | Status::Cancelled => None,
        Status::Sent => Some(EventKind::MessageSent),
        Status::Delivered => Some(EventKind::MessageDelivered),
        Status::Failed | Status::Expired | Status::Unconfirmed => Some(EventKind::MessageFailed),
    }
}
