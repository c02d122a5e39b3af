//! Room: what a message or a call makes the router do — who may, which action, what is answered. Never hands a word of a
//! message to a shell, and never does an order twice.
//!
//! ```text
//! inbox --event--> judge: first rule that fits --> [mark, cursor, code, order] on flash --> runner: step by step --> outbox
//!                    |                                                                        ^
//!                    +-- "judged up to here" --> forward/ goes on          after a restart: --+ told of, not done again
//! ```
//! `matching` says whether a message fits, [`actions`](self) is the table of what can be done, each action a plain function
//! over a `script` of steps.

mod access;
mod actions;
mod crypt;
#[cfg(test)]
pub(crate) mod day;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
mod judge;
mod kept;
mod matching;
mod mobile;
mod pages;
mod power;
mod raw;
mod reply;
mod runner;
mod script;
mod services;
mod signals;
#[cfg(test)]
mod tests;
mod totp;
mod trial;
mod ubus;
mod uci;
mod wake;

#[cfg(feature = "sim")]
pub use actions::help;
pub use trial::Trial;

use std::cell::RefCell;
use std::rc::Rc;

use tokio::sync::{mpsc, watch};

use self::judge::Judge;
use self::kept::Kept;
use self::runner::Runner;
use crate::clock::Clock;
use crate::config::Config;
use crate::feed::Feed;
use crate::inbox::Inbox;
use crate::message::Number;
use crate::outbox::Outbox;
use crate::signal::Signal;
use crate::stop::Stop;
use crate::store::Shared;
use crate::system;

/// What the rules work with.
#[derive(Debug, Clone)]
pub struct Rooms {
    /// Events, and what must be remembered.
    pub store: Shared,
    /// The messages that events speak of.
    pub inbox: Rc<RefCell<Inbox>>,
    /// Where answers go.
    pub outbox: Rc<RefCell<Outbox>>,
    /// What the radio is like, for %-parameters.
    pub signal: Rc<RefCell<Signal>>,
    /// The bell.
    pub feed: Feed,
    /// The clocks.
    pub clock: Clock,
}

/// How a call comes in, and how a message is tried out. Copies reach the same rules.
#[derive(Clone, Debug)]
pub struct Handle {
    calls: mpsc::Sender<Number>,
    judge: Judge,
    runner: Runner,
}

impl Handle {
    /// `caller` rings: each rule for calls that lets that number in gives its order, once for each time this is said. A
    /// withheld number is nobody: it is not told here. Never waits.
    pub fn on_call(&self, caller: &Number) {
        if self.calls.try_send(caller.clone()).is_err() {
            log::warn!("rules: too many calls at once; one is not looked at");
        }
    }
}

/// The rules, ready to run.
#[derive(Debug)]
pub struct Rules {
    judge: Judge,
    runner: Runner,
    calls: mpsc::Receiver<Number>,
    jobs: mpsc::UnboundedReceiver<reply::Job>,
}

impl Rules {
    /// From now on whoever hands messages on waits for the rules, if there are any: begin this before those.
    pub fn new(config: watch::Receiver<Rc<Config>>, rooms: Rooms) -> (Rules, Handle) {
        let (sender, jobs) = mpsc::unbounded_channel();
        let (caller, calls) = mpsc::channel(4);
        let kept = Rc::new(RefCell::new(Kept::open(rooms.store.clone())));
        let root = system::root();
        let judge = Judge {
            rooms: rooms.clone(),
            config: config.clone(),
            kept: kept.clone(),
            jobs: sender.clone(),
            root: root.clone(),
            serial: None,
        };
        judge.follow(&config.borrow());
        let runner = Runner {
            rooms,
            config,
            kept,
            jobs: sender,
            root,
            pages: Rc::default(),
        };
        let handle = Handle {
            calls: caller,
            judge: judge.clone(),
            runner: runner.clone(),
        };
        let rules = Rules {
            judge,
            runner,
            calls,
            jobs,
        };
        (rules, handle)
    }

    /// Judges and runs until told to stop. Runs inside a `LocalSet`.
    pub async fn run(self, stop: Stop) {
        tokio::join!(
            self.judge.run(self.calls, stop.clone()),
            self.runner.run(self.jobs, stop),
        );
    }
}
