//! Room: the AT conversation — feed parser, commands as values, quirks table, finding the port, the one worker.
//! Never keeps a message: it takes the next part from `outbox/` and gives what came to `inbox/`, and only what they
//! hold on flash is acknowledged or deleted.

mod agenda;
mod aside;
mod calls;
mod cells;
mod commands;
mod conversation;
mod errands;
mod feed;
mod find;
mod flash;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
mod levels;
mod measure;
mod notify;
mod port;
mod quirks;
mod raw;
mod receive;
mod replies;
mod send;
mod serving;
mod session;
mod startup;
mod tell;
#[cfg(test)]
mod tests;
mod uqmi;
mod ussd;
mod worker;

pub use find::{Part, Plugged, look};

use std::cell::RefCell;
use std::fmt;
use std::rc::Rc;

use tokio::sync::{mpsc, oneshot, watch};

use crate::clock::Clock;
use crate::config::Config;
use crate::inbox::Inbox;
use crate::message::{Number, Slot};
use crate::outbox::Outbox;
use crate::signal::Signal;
use crate::stop::Stop;
use crate::store::Shared;

/// What other rooms ask of the modem's worker.
#[derive(Debug)]
pub enum Request {
    /// Delete these slots when the radio is free; a slot that cannot be deleted is logged and tried at the next look.
    FreeSlots(Vec<Slot>),
    /// Look for messages now.
    Look,
    /// The SIM's PIN, which goes before the configured one until the agent ends; entered when the SIM asks for one.
    Pin(String),
    /// Somebody watches the signal: measure as soon as the idle budget allows.
    Measure,
    /// Is it there? Answered with true when the modem answers `AT` now (for `/healthz`).
    Alive(oneshot::Sender<bool>),
    /// Do this when it is its turn; answered when it is done.
    Errand(Errand, oneshot::Sender<Result<Done, NotDone>>),
}

/// What the modem can be asked to do besides messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Errand {
    /// Begin a voice call. The number has digits only, and perhaps a plus.
    Dial(Number),
    /// Take the call that rings.
    Answer,
    /// End the call, or reject it.
    HangUp,
    /// Begin a USSD session with this code, or go on with it: visible ASCII without a quote.
    Ussd(String),
    /// One AT line; which ones are let through, `raw.rs` says.
    Raw(String),
}

/// What an errand came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Done {
    /// Done, no more to say.
    Nothing,
    /// The network's answer.
    Ussd {
        /// What it says.
        text: String,
        /// It waits for an answer, for a minute.
        more: bool,
    },
    /// The modem's answer.
    Raw {
        /// The lines before the result.
        lines: Vec<String>,
        /// `OK`, `ERROR`, `+CME ERROR: 3` and the like.
        result: String,
    },
}

/// Why an errand was not done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotDone {
    /// There is no call: nothing to hang up or to take.
    NoCall,
    /// There is a call already, or a code that waits for its answer: later.
    Busy,
    /// This line is not let through; another one may be.
    NotAllowed(&'static str),
    /// Modem or network said no, in these words.
    Refused(String),
    /// No answer in time; it may have been done.
    Late,
    /// There is no modem now, or it has too much to do.
    Unavailable,
}

impl fmt::Display for NotDone {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            NotDone::NoCall => "there is no call",
            NotDone::Busy => "another call or code is on its way",
            NotDone::NotAllowed(why) => why,
            NotDone::Refused(word) => return write!(out, "refused: {word}"),
            NotDone::Late => "no answer in time",
            NotDone::Unavailable => "the modem is not there, or has too much to do",
        })
    }
}

/// How other rooms reach the worker. Copies reach the same one.
#[derive(Clone, Debug)]
pub struct Handle {
    requests: mpsc::Sender<Request>,
}

impl Handle {
    /// A handle and the worker's end of it.
    pub fn new() -> (Handle, mpsc::Receiver<Request>) {
        let (requests, receiver) = mpsc::channel(16);
        (Handle { requests }, receiver)
    }

    /// Asks for slots to be freed. Never waits: when the worker has too much to do, the `free` rule gets them later.
    pub fn free_slots(&self, slots: Vec<Slot>) {
        if !slots.is_empty() && self.requests.try_send(Request::FreeSlots(slots)).is_err() {
            log::debug!("modem: busy, the slots are freed later");
        }
    }

    /// Gives the SIM's PIN; a SIM that waits for one gets it at once, and once only.
    pub fn use_pin(&self, pin: String) {
        if self.requests.try_send(Request::Pin(pin)).is_err() {
            log::warn!("modem: busy, the PIN is not entered now; option pincode keeps one");
        }
    }

    /// Asks for a fresh measurement of the signal. Never waits.
    pub fn measure(&self) {
        // A worker with a full queue has more urgent things to do.
        let _later = self.requests.try_send(Request::Measure);
    }

    /// Has an errand done. Waits as long as the modem needs: USSD a minute and more.
    ///
    /// # Errors
    /// As [`NotDone`] says.
    pub async fn run(&self, errand: Errand) -> Result<Done, NotDone> {
        let (answer, heard) = oneshot::channel();
        let asked = self.requests.try_send(Request::Errand(errand, answer));
        asked.map_err(|_full| NotDone::Unavailable)?;
        heard.await.unwrap_or(Err(NotDone::Unavailable))
    }

    /// True when the modem answers; false when it does not, or has no time to say.
    pub async fn alive(&self) -> bool {
        let (answer, heard) = oneshot::channel();
        self.requests.try_send(Request::Alive(answer)).is_ok() && heard.await.unwrap_or(false)
    }
}

/// What the worker works with.
#[derive(Debug)]
pub struct Rooms {
    /// Takes what came.
    pub inbox: Rc<RefCell<Inbox>>,
    /// Gives what shall leave.
    pub outbox: Rc<RefCell<Outbox>>,
    /// Told about the radio.
    pub signal: Rc<RefCell<Signal>>,
    /// For `modem.state` and the calls' events.
    pub store: Shared,
    /// Told of each call that comes in, once.
    pub on_call: OnCall,
    /// The clocks.
    pub clock: Clock,
}

/// Who wants to know that this number calls: the rules. Must not wait.
pub struct OnCall(pub Box<dyn Fn(&Number)>);

impl fmt::Debug for OnCall {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("OnCall")
    }
}

/// Works until told to stop: finds the port, starts the modem, receives, sends, measures, and begins again whenever the
/// port vanishes or the modem falls silent. Returns only when stopped, after the current command is finished.
pub async fn run(
    config: watch::Receiver<Rc<Config>>,
    rooms: Rooms,
    requests: mpsc::Receiver<Request>,
    stop: Stop,
) {
    let ears = serving::Ears {
        config,
        requests,
        stop,
    };
    worker::work(&rooms, ears, &find::Roots::default()).await;
}
