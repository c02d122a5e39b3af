//! Edge: looks at each message before anybody hands it on, and takes those that a rule wants. Never does what a rule says.

use std::cell::RefCell;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use sha2::{Digest as _, Sha256};
use tokio::sync::mpsc::{Receiver, UnboundedSender};
use tokio::sync::watch;

use super::actions;
use super::kept::{Kept, Pending};
use super::matching::{self, Claim, Known};
use super::reply::Job;
use super::{Rooms, crypt};
use crate::config::{Authorization, Config, Rule};
use crate::counters;
use crate::message::{Event, EventKind, Number, Received};
use crate::stop::Stop;
use crate::store::{Change, WhyNot};
use crate::system;

/// So many orders wait at most; more are dropped.
const ROW: usize = 16;
/// When the flash takes nothing, the pause before the next try.
const PAUSE: Duration = Duration::from_secs(10);
/// For the router's serial number.
const SERIAL: Duration = Duration::from_secs(10);
/// A call's order has a number above all messages'.
const CALL: u64 = 1 << 62;

/// Why a rule does not take a message.
const OTHER_NUMBER: &str = "this number may not";
const OTHER_TEXT: &str = "the text, or what must stand before it, is another";
const WRONG: &str = "the password, serial number or code is wrong";

/// The judge.
#[derive(Clone, Debug)]
pub(super) struct Judge {
    pub(super) rooms: Rooms,
    pub(super) config: watch::Receiver<Rc<Config>>,
    pub(super) kept: Rc<RefCell<Kept>>,
    pub(super) jobs: UnboundedSender<Job>,
    pub(super) root: PathBuf,
    pub(super) serial: Option<String>,
}

/// A rule that takes a message: its arguments, and the key and step of the code that came with it.
pub(super) type Taken<'a> = (&'a Rule, String, Option<(u64, u64)>);

/// What the rules make of a message.
#[derive(Debug, Default)]
pub(super) struct Verdict<'a> {
    /// The first one that takes it.
    pub(super) taken: Option<Taken<'a>>,
    /// A password or code was wrong.
    pub(super) wrong: bool,
    /// Nothing is heard from its sender for a while.
    pub(super) deaf: bool,
    /// The names of those that do not take it, and why.
    pub(super) passed: Vec<(&'a str, &'static str)>,
}

impl Judge {
    /// Takes over the configuration: from now on others wait for the judge, or need not.
    pub(super) fn follow(&self, config: &Config) {
        let rules = !config.sms_rules.is_empty();
        let mut kept = self.kept.borrow_mut();
        if let Err(why) = kept.follow(rules) {
            log::warn!("rules: a restart would not know where they began: {why}");
        }
        let mut inbox = self.rooms.inbox.borrow_mut();
        // Only a change is told: this edge hears the bell, too.
        if rules == (inbox.judged() == u64::MAX) {
            inbox.set_judged(if rules { kept.at() } else { u64::MAX });
            self.rooms.feed.nudge();
        }
    }

    /// Judges until told to stop.
    pub(super) async fn run(mut self, mut calls: Receiver<Number>, mut stop: Stop) {
        let mut bell = self.rooms.feed.listen();
        loop {
            let config = Rc::clone(&self.config.borrow_and_update());
            self.follow(&config);
            let mut wait = None;
            while !config.sms_rules.is_empty()
                && let Some(event) = self.next()
            {
                if let Err(why) = self.look(&config, &event).await {
                    log::debug!("rules: message {} waits: {why}", event.seq);
                    wait = Some(self.rooms.clock.now().tick + PAUSE);
                    break;
                }
            }
            tokio::select! {
                () = stop.wait() => return,
                rung = bell.changed() => if !rung { return },
                changed = self.config.changed() => if changed.is_err() { return },
                Some(caller) = calls.recv() => self.called(&config, &caller),
                () = self.rooms.clock.sleep_until(wait) => {}
            }
        }
    }

    /// The next message that nobody has looked at.
    fn next(&self) -> Option<Event> {
        let mut kept = self.kept.borrow_mut();
        let (event, newest) = {
            let store = self.rooms.store.borrow();
            let mut events = store.events_after(kept.at());
            let event = events.find(|event| event.kind == EventKind::MessageReceived);
            (event, store.newest())
        };
        kept.pass(
            event
                .as_ref()
                .map_or(newest, |event| event.seq.saturating_sub(1)),
        );
        event
    }

    async fn look(&mut self, config: &Config, event: &Event) -> Result<(), WhyNot> {
        let stored = event
            .message
            .and_then(|id| self.rooms.inbox.borrow().get(id));
        let fresh = stored.filter(|stored| stored.rule.is_none() && stored.message.complete);
        match fresh {
            Some(stored) => self.judge(config, &stored.message).await?,
            None => self.kept.borrow_mut().pass(event.seq),
        }
        self.rooms.inbox.borrow_mut().set_judged(event.seq);
        let newest = self.rooms.store.borrow().newest();
        self.rooms.feed.ring(newest);
        self.rooms.feed.nudge();
        Ok(())
    }

    async fn judge(&mut self, config: &Config, message: &Received) -> Result<(), WhyNot> {
        let (id, from) = (message.id, &message.from);
        let verdict = self.weigh(config, from, &message.text).await;
        let Verdict { taken, wrong, .. } = verdict;
        for (rule, why) in verdict.passed {
            log::debug!("rules: message {id}: not for rule '{rule}': {why}");
        }
        let now = self.rooms.clock.now().wall;
        let mut kept = self.kept.borrow_mut();
        let mut changes: Vec<Change> = Vec::new();
        let mut job = None;
        if let Some((rule, args, code)) = taken {
            changes.push(self.rooms.inbox.borrow().taken(id, &rule.name));
            if kept.pending().len() < ROW {
                let order = Pending {
                    id: id.0,
                    from: from.clone(),
                    rule: rule.name.clone(),
                };
                kept.taken(order.clone(), code);
                job = Some(Job::new(order, rule, &args));
            } else {
                log::warn!("rules: too many orders wait; that of message {id} is dropped");
            }
        } else if wrong {
            counters::ORDERS_REFUSED.add(1);
            changes.extend(kept.failed(from, now));
        }
        if let Err(why) = kept.keep(changes, id.0) {
            kept.undo();
            return Err(why);
        }
        if let Some(job) = job {
            // The runner ends only with the agent; then the order is found again.
            let _taken = self.jobs.send(job);
        }
        Ok(())
    }

    /// Looks at a message, and remembers nothing of it.
    pub(super) async fn weigh<'a>(
        &mut self,
        config: &'a Config,
        from: &Number,
        text: &str,
    ) -> Verdict<'a> {
        let now = self.rooms.clock.now().wall;
        let mut verdict = Verdict {
            deaf: self.kept.borrow().is_deaf_to(from, now),
            ..Verdict::default()
        };
        if verdict.deaf {
            return verdict;
        }
        for rule in &config.sms_rules {
            let (Some(trigger), Some(action)) = (&rule.trigger, actions::named(&rule.action))
            else {
                continue;
            };
            if !config.takes(&rule.who, from) {
                verdict.passed.push((&rule.name, OTHER_NUMBER));
                continue;
            }
            let key = match &trigger.authorization {
                Authorization::Totp(key) => fingerprint(key),
                Authorization::Serial => {
                    self.learn_serial().await;
                    0
                }
                Authorization::No | Authorization::Password | Authorization::Local(_) => 0,
            };
            let known = Known {
                serial: self.serial.as_deref(),
                now: self.rooms.clock.now().wall,
                used: self.kept.borrow().used(key),
            };
            let takes_arguments = !action.args.is_empty();
            let claim = matching::weigh(text, trigger, takes_arguments, known);
            let (granted, code) = match claim {
                Claim::None => {
                    verdict.passed.push((&rule.name, OTHER_TEXT));
                    continue;
                }
                Claim::Wrong => (None, None),
                Claim::Granted(args) => (Some(args), None),
                Claim::Code(step, args) => (Some(args), Some((key, step))),
                Claim::Hash(word, hash, args) => {
                    let right = self.is_hash_of(word, hash).await;
                    (right.then_some(args), None)
                }
            };
            match granted {
                Some(args) => {
                    verdict.taken = Some((rule, String::from(args), code));
                    break;
                }
                None => {
                    verdict.wrong = true;
                    verdict.passed.push((&rule.name, WRONG));
                }
            }
        }
        verdict
    }

    async fn learn_serial(&mut self) {
        if self.serial.is_some() {
            return;
        }
        let said = system::run("mnf_info", &["--sn"], SERIAL).await;
        let said = said.ok().filter(system::Output::is_good);
        self.serial = said.map(|said| String::from(said.stdout.trim()));
        self.serial.take_if(|serial| serial.is_empty());
        if self.serial.is_none() {
            log::warn!(
                "rules: the router's serial number is not known; rules that want it take nothing"
            );
        }
    }

    /// Hashing takes up to a second on a router, in which the others go on.
    async fn is_hash_of(&self, word: &str, hash: Option<&str>) -> bool {
        let words: Vec<String> = matching::spellings(word).collect();
        let hashes = match hash {
            Some(hash) => vec![String::from(hash)],
            None => crypt::system_hashes(&self.root),
        };
        let hashing = move || words.iter().any(|word| crypt::is_one(word, &hashes));
        tokio::task::spawn_blocking(hashing).await.unwrap_or(false)
    }

    /// Every rule for calls that lets this number in gives its order.
    fn called(&self, config: &Config, caller: &Number) {
        let mut kept = self.kept.borrow_mut();
        let rules = config.call_rules.iter();
        let first = self.rooms.clock.now().wall.0.unsigned_abs() | CALL;
        let ids = (first..).zip(rules.filter(|rule| config.takes(&rule.who, caller)));
        let room = ROW.saturating_sub(kept.pending().len());
        let mut jobs = Vec::new();
        for (id, rule) in ids.take(room) {
            let order = Pending {
                id,
                from: caller.clone(),
                rule: rule.name.clone(),
            };
            kept.taken(order.clone(), None);
            jobs.push(Job::new(order, rule, ""));
        }
        let at = kept.at();
        if let Err(why) = kept.keep(Vec::new(), at) {
            log::warn!("rules: what a call asks for is not done: {why}");
            return kept.undo();
        }
        for job in jobs {
            let _taken = self.jobs.send(job);
        }
    }
}

/// Tells keys apart without keeping them.
fn fingerprint(key: &[u8]) -> u64 {
    let hash = Sha256::digest(key);
    let first = hash.first_chunk();
    first.map_or(0, |first| u64::from_be_bytes(*first))
}
