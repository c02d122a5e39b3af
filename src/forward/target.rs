//! Edge: one target's task — takes the next event, pushes it, waits. Never passes an event over that the receiver has not
//! taken (a message that its owner deleted first, a text too long for any URL, a mail that its server refuses for good, and
//! what `to_sms` and `reply` do not send are the exceptions, and logged).
//!
//! The cursor moves after the 2xx. A cut between the two repeats the push after the restart, with the same `webhook-id`:
//! at least once, never less; a mail is repeated with the same `Message-ID`. What goes by SMS goes exactly once: who has it
//! is noted with the cursor in the batch that submits it, and the outbox keeps an `Idempotency-Key` for each event.

use std::cell::RefCell;
use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;

use serde_json::json;
use tokio::sync::watch;

use super::cursor::Cursors;
use super::http::{self, Failure, Taken, Way};
use super::kinds::{self, Target};
use super::queue::Queue;
use super::reply;
use super::retry::Retry;
use super::to_sms::{self, Plan};
use super::to_smtp::{self, Outcome};
use super::webhook::{self, Request, Unfit};
use super::{Health, Rooms, Targets};
use crate::config::{Config, ToHttp, ToSms, ToSmtp};
use crate::feed::Listener;
use crate::inbox::Stored;
use crate::mail;
use crate::message::{Event, EventKind, Extra, Number, Received, Submission};
use crate::net::{Dialer, Stream};
use crate::outbox::Refusal;
use crate::status_text::Facts;
use crate::store::WhyNot;
use crate::system;

/// Events that are not for a target move its cursor in memory; flash follows when it lags behind by more than this.
const LAG: u64 = 50;
/// How long a mail server may take over one reply.
const PATIENCE: Duration = Duration::from_secs(60);
/// In the facts of a `push.failed` event: the number of the event that is not tried again.
const PASSED_OVER: &str = "passed_over";
/// So many events are looked at in one borrow of the store.
const LOOK: usize = 32;

/// What the tasks of all targets share.
#[derive(Clone)]
pub(super) struct Common {
    pub(super) rooms: Rooms,
    pub(super) targets: Targets,
    pub(super) cursors: Rc<RefCell<Cursors>>,
    pub(super) dialer: Dialer,
}

/// Pushes to the target `name` until its section is gone or disabled. A new configuration waits for the push on its way.
pub(super) async fn run(name: String, mut config: watch::Receiver<Rc<Config>>, common: Common) {
    let mut bell = common.rooms.feed.listen();
    loop {
        let current = Rc::clone(&config.borrow_and_update());
        let Some(mut work) = Work::new(&name, current, common.clone()) else {
            return;
        };
        if !work.serve(&mut bell, &mut config).await {
            return;
        }
    }
}

/// One target under one configuration. It begins without a pause: whatever was wrong may be put right now.
pub(super) struct Work {
    name: String,
    /// Its cursor's name.
    pub(super) id: String,
    config: Rc<Config>,
    pub(super) common: Common,
    pub(super) queue: Queue,
    retry: Retry,
    /// Open between two pushes of which one follows the other at once, never while there is nothing to do.
    line: Option<Stream>,
}

impl Work {
    pub(super) fn new(name: &str, config: Rc<Config>, common: Common) -> Option<Work> {
        let id = kinds::named(&config, name)?.id();
        let at = common.cursors.borrow().at(&id)?;
        Some(Work {
            name: String::from(name),
            id,
            queue: Queue::new(at),
            retry: Retry::default(),
            line: None,
            config,
            common,
        })
    }

    /// Works until there is a new configuration (true) or nobody left to work for (false).
    async fn serve(
        &mut self,
        bell: &mut Listener,
        config: &mut watch::Receiver<Rc<Config>>,
    ) -> bool {
        loop {
            match config.has_changed() {
                Ok(false) => self.look(),
                Ok(true) => return true,
                Err(_main_is_gone) => return false,
            }
            let now = self.common.rooms.clock.now().tick;
            let wake = self.retry.next_wake();
            if let Some(seq) = self.queue.front()
                && wake.is_none_or(|wake| wake <= now)
            {
                self.push(seq, bell).await;
                continue;
            }
            self.line = None;
            tokio::select! {
                rung = bell.changed() => if !rung { return false },
                changed = config.changed() => return changed.is_ok(),
                () = self.common.rooms.clock.sleep_until(wake) => self.retry.pause_is_over(),
            }
        }
    }

    /// Takes in the events that are new since the last look, as far as the rules have looked at them.
    pub(super) fn look(&mut self) {
        let judged = self.common.rooms.inbox.borrow().judged();
        loop {
            let news: Vec<Event> = {
                let store = self.common.rooms.store.borrow();
                let events = store.events_after(self.queue.seen());
                events
                    .take_while(|event| {
                        event.seq <= judged || event.kind != EventKind::MessageReceived
                    })
                    .take(LOOK)
                    .collect()
            };
            if news.is_empty() {
                break;
            }
            for event in news {
                let wanted = self.wants(&event);
                self.queue.see(event.seq, wanted);
            }
        }
        self.settle(LAG);
    }

    fn wants(&self, event: &Event) -> bool {
        let message = || stored(&self.common.rooms, event);
        kinds::named(&self.config, &self.name)
            .is_some_and(|target| target.wants(&self.config, event, message))
    }

    pub(super) fn event(&self, seq: u64) -> Option<Event> {
        let store = self.common.rooms.store.borrow();
        let next = store.events_after(seq.saturating_sub(1)).next();
        next.filter(|event| event.seq == seq)
    }

    pub(super) async fn push(&mut self, seq: u64, bell: &mut Listener) {
        let name = &self.name;
        let Some(event) = self.event(seq) else {
            log::warn!("push to '{name}': event {seq} is gone from the store; passed over");
            return self.done();
        };
        let message = stored(&self.common.rooms, &event).map(|stored| stored.message);
        if event.kind == EventKind::MessageReceived && message.is_none() {
            log::info!("push to '{name}': message {seq} was deleted before it went; passed over");
            return self.done();
        }
        let config = Rc::clone(&self.config);
        match (kinds::named(&config, name), message) {
            (Some(Target::Http(target)), message) => {
                self.push_http(target, &event, message.as_ref(), bell).await;
            }
            (Some(Target::Sms(target)), Some(message)) => {
                let plan = self.forwarded(target, &message);
                self.submit(&event, plan);
                // A backlog is flash work without a pause: the modem's and the API's turn comes between.
                tokio::task::yield_now().await;
            }
            (Some(Target::Reply(_)), Some(message)) => {
                let plan = self.replied(&message);
                self.submit(&event, plan);
                // A backlog is flash work without a pause: the modem's and the API's turn comes between.
                tokio::task::yield_now().await;
            }
            (Some(Target::Smtp(target)), Some(message)) => {
                self.push_mail(target, &event, &message, bell).await;
            }
            (Some(Target::Sms(_) | Target::Smtp(_) | Target::Reply(_)), None) | (None, _) => {
                self.done();
            }
        }
    }

    async fn push_http(
        &mut self,
        target: &ToHttp,
        event: &Event,
        message: Option<&Received>,
        bell: &mut Listener,
    ) {
        let now = self.common.rooms.clock.now().wall;
        match webhook::request(target, event, message, now) {
            Ok(request) => match self.send(target, request, bell).await {
                Ok(taken) => {
                    self.line = taken.line;
                    self.worked(event);
                }
                Err(failure) => self.failed(event, failure.to_string()),
            },
            Err(Unfit::Url(why)) => self.failed(event, why.to_string()),
            Err(long @ Unfit::TooLong(_)) => self.pass_over(event, long.to_string()),
        }
    }

    /// Mails the message to those who do not have it yet.
    async fn push_mail(
        &mut self,
        target: &ToSmtp,
        event: &Event,
        message: &Received,
        bell: &mut Listener,
    ) {
        let config = Rc::clone(&self.config);
        let Some(account) = config.email(&target.account) else {
            return self.failed(event, String::from("its email section is gone"));
        };
        let router = self.router();
        let router = router.as_deref().unwrap_or_default();
        let mut mail =
            self.with_facts(|facts| to_smtp::mail(target, account, (event, message), facts));
        let everybody = mail.to.len();
        {
            let cursors = self.common.cursors.borrow();
            mail.to.retain(|to| !cursors.has_reached(&self.id, to));
        }
        let some_have_it = mail.to.len() < everybody;
        if mail.to.is_empty() {
            return self.worked(event);
        }
        let dialer = self.common.dialer.clone();
        let sending = mail::send(&dialer, account, router, &mail, PATIENCE);
        match self.meanwhile(sending, bell).await {
            Ok(verdicts) => {
                let outcome = to_smtp::judge(&mail.to, verdicts);
                self.mailed(event, outcome, some_have_it);
            }
            Err(failure) => self.failed(event, failure.to_string()),
        }
    }

    /// What follows from the verdicts on a mail that `some_have_it` from an earlier try.
    pub(super) fn mailed(&mut self, event: &Event, outcome: Outcome<'_>, some_have_it: bool) {
        if !outcome.later.is_empty() {
            let noted = {
                let mut cursors = self.common.cursors.borrow_mut();
                cursors.reached(&self.id, &outcome.taken)
            };
            if let Err(why) = noted {
                log::debug!(
                    "mail of '{}': a restart would repeat some: {why}",
                    self.name
                );
            }
            return self.failed(event, outcome.later);
        }
        if outcome.taken.is_empty() && !some_have_it {
            return self.pass_over(event, outcome.never);
        }
        self.worked(event);
        if !outcome.never.is_empty() {
            log::warn!("'{}': message {}: {}", self.name, event.seq, outcome.never);
            self.announce(event, &outcome.never, false);
            self.health(|health| health.last_error = Some(outcome.never));
        }
    }

    fn forwarded(&self, target: &ToSms, message: &Received) -> Plan {
        let rooms = &self.common.rooms;
        let outbox = rooms.outbox.borrow();
        let recent = outbox.recent("to_sms:", to_sms::ECHO, rooms.clock.now().wall);
        let cursors = self.common.cursors.borrow();
        let has_it = |to: &Number| cursors.has_reached(&self.id, to.as_str());
        to_sms::plan(target, message, &recent, |to| {
            outbox.may_send_to(to) && !has_it(to)
        })
    }

    fn replied(&self, message: &Received) -> Plan {
        let rooms = &self.common.rooms;
        let now = rooms.clock.now().wall;
        let interval = self.config.limits.reply_interval;
        let recent = rooms.outbox.borrow().recent(reply::ORIGIN, interval, now);
        self.with_facts(|facts| reply::plan(&self.config, message, &recent, facts))
    }

    /// What the router is called: as configured, else as its system says.
    fn router(&self) -> Option<String> {
        let named = self.config.agent.name.clone();
        named.or_else(system::host_name)
    }

    /// Gives `write` what texts with %-parameters are filled in from.
    fn with_facts<T>(&self, write: impl FnOnce(&Facts<'_>) -> T) -> T {
        let rooms = &self.common.rooms;
        let (router, firmware) = (self.router(), system::firmware());
        write(&Facts {
            router: router.as_deref(),
            firmware: firmware.as_deref(),
            at: rooms.clock.now().wall,
            zone: system::time_zone(),
            signal: &rooms.signal.borrow(),
            asked: &[],
        })
    }

    /// Hands messages to the outbox: all in one batch, or one after the other where the store has no room for all of them. Who
    /// has his is noted in the same batch, so a repeat after a cut asks for the others alone. The key is that of the last
    /// batch: the event is done.
    fn submit(&mut self, event: &Event, plan: Plan) {
        let (name, seq) = (&self.name, event.seq);
        let submissions: Vec<Submission> = match plan {
            Plan::Send(submissions) => submissions,
            Plan::Pass(why) => {
                log::info!("'{name}' passes message {seq} over: {why}");
                return self.done();
            }
        };
        let mut refused = self.hand_over(seq, &submissions, true);
        if let (Err(Refusal::Store(WhyNot::Full)), [rest @ .., last]) = (&refused, &*submissions)
            && !rest.is_empty()
        {
            let each = |one| self.hand_over(seq, std::slice::from_ref(one), false);
            refused = rest.iter().try_for_each(each);
            refused = refused.and_then(|()| self.hand_over(seq, std::slice::from_ref(last), true));
        }
        match refused {
            // Under another configuration, before a cut.
            Ok(()) | Err(Refusal::KeyReused) => self.worked(event),
            Err(Refusal::Budget(budget)) if !budget.never_fits() => {
                self.failed(event, budget.to_string());
            }
            Err(Refusal::Store(why)) => self.failed(event, why.to_string()),
            Err(
                why @ (Refusal::Text(_)
                | Refusal::Alphanumeric
                | Refusal::Denied(_)
                | Refusal::Budget(_)),
            ) => self.pass_over(event, why.to_string()),
        }
    }

    fn hand_over(&self, seq: u64, what: &[Submission], last: bool) -> Result<(), Refusal> {
        let rooms = &self.common.rooms;
        let mut cursors = self.common.cursors.borrow_mut();
        let to: Vec<&str> = what.iter().map(|one| one.to.as_str()).collect();
        let key = last.then(|| sms_key(&self.id, seq));
        let note = cursors.reaching(&self.id, &to);
        let plain = |one: &Submission| (one.clone(), Extra::default());
        let asked = what.iter().map(plain).collect();
        let now = rooms.clock.now();
        let mut outbox = rooms.outbox.borrow_mut();
        outbox.submit_with(asked, key.as_deref(), note, now)?;
        cursors.know_reached(&self.id, &to);
        Ok(())
    }

    async fn send(
        &mut self,
        target: &ToHttp,
        request: Request,
        bell: &mut Listener,
    ) -> Result<Taken, Failure> {
        let dialer = self.common.dialer.clone();
        let way = Way {
            line: self.line.take(),
            more: self.queue.len() > 1,
        };
        self.meanwhile(http::send(&dialer, target, request, way), bell)
            .await
    }

    /// Sends, and meanwhile takes in what is new, so that `queued` is right while a receiver is slow.
    async fn meanwhile<T>(&mut self, sending: impl Future<Output = T>, bell: &mut Listener) -> T {
        let mut verdict = pin!(sending);
        loop {
            tokio::select! {
                verdict = &mut verdict => return verdict,
                true = bell.changed() => self.look(),
            }
        }
    }

    pub(super) fn worked(&mut self, event: &Event) {
        let name = &self.name;
        log::debug!("push to '{name}': event {} delivered", event.seq);
        let failures = self.retry.worked();
        if failures > 0 {
            log::info!("push to '{name}' works again after {failures} tries that failed");
        }
        self.health(|health| {
            health.delivered += 1;
            health.last_error = None;
        });
        self.done();
    }

    fn failed(&mut self, event: &Event, error: String) {
        let now = self.common.rooms.clock.now();
        // The milliseconds of the wall clock are as good a die as any here.
        let [jitter, ..] = now.wall.0.to_le_bytes();
        let failed = self.retry.failed(now.tick, jitter, now.wall);
        let (name, pause) = (&self.name, failed.pause.as_secs());
        if failed.first {
            log::warn!(
                "push to '{name}' failed: {error}; it is kept and tried again in {pause} s, later every 10 min"
            );
            self.announce(event, &error, false);
        } else {
            log::debug!("push to '{name}' failed again: {error}; next try in {pause} s");
        }
        self.health(|health| {
            health.failed += 1;
            health.last_error = Some(error);
        });
    }

    /// It would be refused again: it is reported, and the next one's turn comes.
    fn pass_over(&mut self, event: &Event, error: String) {
        let (name, seq) = (&self.name, event.seq);
        // The event keeps `delete_sms` from deleting the message: without it, no passing over.
        if !self.announce(event, &error, true) {
            return self.failed(event, error);
        }
        log::warn!("'{name}' passes message {seq} over, it stays in the inbox: {error}");
        self.retry.worked();
        self.health(|health| {
            health.failed += 1;
            health.last_error = Some(error);
        });
        self.done();
    }

    /// Writes a `push.failed` event; false when it is not on flash. The push of one raises none: two targets that fail
    /// could feed each other for ever.
    fn announce(&self, about: &Event, error: &str, passed_over: bool) -> bool {
        if about.kind == EventKind::PushFailed {
            return true;
        }
        let rooms = &self.common.rooms;
        let mut facts = json!({"target": self.name, "error": error});
        if passed_over && let Some(facts) = facts.as_object_mut() {
            facts.insert(String::from(PASSED_OVER), json!(about.seq));
        }
        let written = {
            let mut store = rooms.store.borrow_mut();
            let at = rooms.clock.now().wall;
            let (event, change) = store.event(EventKind::PushFailed, at, None, facts);
            store.apply(&[change]).map(|()| event.seq)
        };
        match written {
            Ok(seq) => rooms.feed.ring(seq),
            Err(why) => {
                log::debug!("the push.failed event is not kept: {why}");
                return false;
            }
        }
        true
    }

    fn done(&mut self) {
        self.queue.done();
        self.settle(0);
    }

    /// Moves the cursor. What every target has passed is deleted first, where a target says so: a cut between the two
    /// finds no message to push, instead of one that nobody would delete any more.
    pub(super) fn settle(&self, lag: u64) {
        let name = &self.name;
        let mut cursors = self.common.cursors.borrow_mut();
        cursors.move_to(&self.id, self.queue.cursor());
        super::delete_passed(&self.config, &self.common.rooms, &mut cursors);
        if let Err(why) = cursors.keep(&self.id, lag) {
            // The store says aloud that it takes nothing; here it would be said at every event.
            log::debug!("push to '{name}': a restart would repeat the last pushes: {why}");
        }
        drop(cursors);
        self.health(|health| health.queued = self.queue.len());
    }

    fn health(&self, change: impl FnOnce(&mut Health)) {
        let mut targets = self.common.targets.borrow_mut();
        if let Some(health) = targets.iter_mut().find(|one| one.name == self.name) {
            change(health);
        }
    }
}

/// The received message that `event` announces.
pub(super) fn stored(rooms: &Rooms, event: &Event) -> Option<Stored> {
    if event.kind != EventKind::MessageReceived {
        return None;
    }
    rooms.inbox.borrow().get(event.message?)
}

/// The `Idempotency-Key` of what goes by SMS, such as `to_sms:boss:17`, behind a control character that no HTTP header
/// can carry: nobody else may use it up.
fn sms_key(id: &str, seq: u64) -> String {
    format!("\u{1}{id}:{seq}")
}

/// True when `target`, having done the event, has handed its message on instead of passing it over. `reply` takes all of
/// its `mode`, answered or not: its owner does not want them kept.
pub(super) fn takes(
    config: &Config,
    rooms: &Rooms,
    target: Target<'_>,
    (event, stored): (&Event, &Stored),
) -> bool {
    let went = match target {
        Target::Http(http) => {
            webhook::request(http, event, Some(&stored.message), event.at).is_ok()
        }
        Target::Smtp(smtp) => !was_passed_over(rooms, &smtp.name, event.seq),
        Target::Sms(_) => {
            let outbox = rooms.outbox.borrow();
            outbox.has_answered(&sms_key(&target.id(), event.seq))
        }
        Target::Reply(_) => true,
    };
    went && target.wants(config, event, || Some(stored.clone()))
}

/// True when the store holds the `push.failed` event with which this target passed this one over.
fn was_passed_over(rooms: &Rooms, name: &str, seq: u64) -> bool {
    let store = rooms.store.borrow();
    let mut later = store.events_after(seq);
    later.any(|event| {
        event.kind == EventKind::PushFailed
            && event.facts.get(PASSED_OVER).is_some_and(|it| *it == seq)
            && event.facts.get("target").is_some_and(|it| it == name)
    })
}
