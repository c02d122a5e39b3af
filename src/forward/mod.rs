//! Room: handing events on to targets — cursors on flash, retry with growing pauses, order per target, HTTP in three
//! methods, SMS, mail, the automatic reply. Never loses an event: a cursor moves only after the receiver said 2xx (or, to a
//! mail, 5xx, which is reported) or the outbox has the message on flash, and one slow target holds up no other.
//!
//! `who` (`mode`, `tel`, `group`) chooses among received messages only; every other kind of event is pushed to each target
//! that lists it in `events`.

mod cursor;
mod http;
mod kinds;
mod queue;
mod reply;
mod retry;
mod sign;
mod target;
#[cfg(test)]
mod tests;
mod to_sms;
mod to_smtp;
mod trial;
mod webhook;

pub use trial::Trial;

use std::cell::RefCell;
use std::rc::Rc;

use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinSet};

use self::cursor::Cursors;
use self::kinds::{Target, enabled};
use self::target::Common;
use crate::clock::Clock;
use crate::config::Config;
use crate::feed::Feed;
use crate::inbox::Inbox;
use crate::message::{Event, EventKind};
use crate::modem::Handle;
use crate::net::Dialer;
use crate::outbox::Outbox;
use crate::signal::Signal;
use crate::stop::Stop;
use crate::store::Shared;
use crate::task::Task;

/// What the forwarders work with.
#[derive(Debug, Clone)]
pub struct Rooms {
    /// Events and cursors.
    pub store: Shared,
    /// The messages that events speak of.
    pub inbox: Rc<RefCell<Inbox>>,
    /// Where messages to be sent go.
    pub outbox: Rc<RefCell<Outbox>>,
    /// What the radio is like, for %-parameters.
    pub signal: Rc<RefCell<Signal>>,
    /// The bell.
    pub feed: Feed,
    /// Frees the slots of messages deleted by `delete_sms`.
    pub modem: Handle,
    /// The clocks.
    pub clock: Clock,
}

/// How a target fares, for `GET /push` and `/status`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Health {
    /// The section's name.
    pub name: String,
    /// Events that wait for it.
    pub queued: u64,
    /// Delivered since the agent started.
    pub delivered: u64,
    /// Tries that failed, since then, too.
    pub failed: u64,
    /// What went wrong last, if the last try did.
    pub last_error: Option<String>,
}

/// How all targets fare, shared with the API.
pub type Targets = Rc<RefCell<Vec<Health>>>;

/// Runs every configured target until told to stop; follows configuration changes. Never ends for a target's fault. Runs
/// inside a `LocalSet`. A push on its way when it stops is made again after the restart.
pub async fn run(
    mut config: watch::Receiver<Rc<Config>>,
    rooms: Rooms,
    targets: Targets,
    mut stop: Stop,
) {
    let common = Common {
        cursors: Rc::new(RefCell::new(Cursors::new(Rc::clone(&rooms.store)))),
        dialer: Dialer::default(),
        rooms,
        targets,
    };
    let mut tasks = JoinSet::new();
    let mut running: Vec<(String, AbortHandle)> = Vec::new();
    loop {
        let current = Rc::clone(&config.borrow_and_update());
        follow(&current, &common);
        running.retain(|(_, task)| !task.is_finished());
        for target in enabled(&current) {
            let name = target.name();
            if !running.iter().any(|(known, _)| known == name) {
                let work = target::run(String::from(name), config.clone(), common.clone());
                let work: Task = Box::pin(work);
                running.push((String::from(name), tasks.spawn_local(work)));
            }
        }
        while tasks.try_join_next().is_some() {}
        tokio::select! {
            () = stop.wait() => return,
            changed = config.changed() => if changed.is_err() { return },
        }
    }
}

/// Takes over a configuration: limits, cursors, health, and certificates to be read anew.
fn follow(config: &Config, common: &Common) {
    let (outbox, now) = (&common.rooms.outbox, common.rooms.clock.now());
    outbox.borrow_mut().obey(&config.limits, now);
    let names: Vec<&str> = enabled(config).map(Target::name).collect();
    let ids: Vec<String> = enabled(config).map(Target::id).collect();
    if let Err(why) = common.cursors.borrow_mut().follow(&ids) {
        log::warn!("push: a restart would not know the new targets: {why}");
    }
    let mut targets = common.targets.borrow_mut();
    let known = std::mem::take(&mut *targets);
    targets.extend(names.iter().map(|name| {
        let found = known.iter().find(|health| health.name == *name).cloned();
        found.unwrap_or_else(|| Health {
            name: String::from(*name),
            ..Health::default()
        })
    }));
    common.dialer.forget();
}

/// Deletes the messages that every enabled target has passed by now and that one with `delete_sms` has taken.
fn delete_passed(config: &Config, rooms: &Rooms, cursors: &mut Cursors) {
    let (from, to) = cursors.newly_passed_by_all();
    let deleting = |target: &Target| target.forwarding().delete_sms;
    if from >= to || !enabled(config).any(|target| deleting(&target)) {
        return;
    }
    let received: Vec<Event> = {
        let store = rooms.store.borrow();
        let passed = store.events_after(from).take_while(|event| event.seq <= to);
        passed
            .filter(|event| event.kind == EventKind::MessageReceived)
            .collect()
    };
    for event in received {
        let Some(stored) = target::stored(rooms, &event) else {
            continue;
        };
        let message = &stored.message;
        let taken = enabled(config)
            .filter(deleting)
            .filter(|target| cursors.has_done(&target.id(), event.seq))
            .any(|target| target::takes(config, rooms, target, (&event, &stored)));
        if !taken {
            continue;
        }
        match rooms.inbox.borrow_mut().delete(message.id) {
            Ok(slots) => rooms.modem.free_slots(slots.unwrap_or_default()),
            Err(why) => {
                log::warn!(
                    "message {} is pushed but cannot be deleted: {why}",
                    message.id
                );
            }
        }
    }
}
