//! Room: the AT conversation — feed parser, commands as values, quirks table, finding the port, the one worker.
//! Never keeps a message: it takes the next part from `outbox/` and gives what came to `inbox/`, and only what they
//! hold on flash is acknowledged or deleted.

mod agenda;
mod calls;
mod cells;
mod commands;
mod conversation;
mod feed;
mod find;
mod flash;
mod levels;
mod measure;
mod notify;
mod port;
mod quirks;
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
mod worker;

use std::cell::RefCell;
use std::rc::Rc;

use tokio::sync::{mpsc, oneshot, watch};

use crate::clock::Clock;
use crate::config::Config;
use crate::inbox::Inbox;
use crate::message::Slot;
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
    /// For `modem.state` and `call.incoming` events.
    pub store: Shared,
    /// The clocks.
    pub clock: Clock,
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
