//! Room: pushing events to targets — cursors on flash, retry with growing pauses, order per target, HTTP in three
//! methods. Never loses an event: a cursor moves only after the receiver said 2xx, and one slow target holds up no other.
//!
//! `who` (`mode`, `tel`, `group`) chooses among received messages only; every other kind of event is pushed to each target
//! that lists it in `events`.

mod cursor;
mod http;
mod queue;
mod retry;
mod sign;
mod target;
#[cfg(test)]
mod tests;
mod trial;
mod webhook;

pub use trial::trial;

use std::cell::RefCell;
use std::rc::Rc;

use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinSet};

use self::cursor::Cursors;
use self::target::Common;
use crate::clock::Clock;
use crate::config::{Config, ToHttp};
use crate::feed::Feed;
use crate::inbox::Inbox;
use crate::message::{Event, EventKind};
use crate::modem::Handle;
use crate::net::Dialer;
use crate::stop::Stop;
use crate::store::Shared;

/// What the forwarders work with.
#[derive(Debug, Clone)]
pub struct Rooms {
    /// Events and cursors.
    pub store: Shared,
    /// The messages that events speak of.
    pub inbox: Rc<RefCell<Inbox>>,
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
            if !running.iter().any(|(name, _)| *name == target.name) {
                let work = target::run(target.name.clone(), config.clone(), common.clone());
                running.push((target.name.clone(), tasks.spawn_local(work)));
            }
        }
        while tasks.try_join_next().is_some() {}
        tokio::select! {
            () = stop.wait() => return,
            changed = config.changed() => if changed.is_err() { return },
        }
    }
}

/// Takes over a configuration: cursors, health, and certificates to be read anew.
fn follow(config: &Config, common: &Common) {
    let names: Vec<&str> = enabled(config).map(|target| target.name.as_str()).collect();
    if let Err(why) = common.cursors.borrow_mut().follow(&names) {
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

fn enabled(config: &Config) -> impl Iterator<Item = &ToHttp> {
    let switched_on = |target: &&ToHttp| target.forwarding.enabled;
    config.to_http.iter().filter(switched_on)
}

/// Deletes the messages that every enabled target has passed by now and that one with `delete_sms` has taken.
fn delete_passed(config: &Config, rooms: &Rooms, cursors: &mut Cursors) {
    let (from, to) = cursors.newly_passed_by_all();
    let deleting = |target: &&ToHttp| target.forwarding.delete_sms;
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
        let Some(message) = target::message(rooms, &event) else {
            continue;
        };
        let taken = enabled(config)
            .filter(deleting)
            .filter(|target| cursors.has_done(&target.name, event.seq))
            .any(|target| target::takes(config, target, &event, &message));
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
