//! Edge: the answers about the agent, the modem and the targets. Never asks the modem: the worker has told
//! [`crate::signal`] before.

use std::time::Duration;

use super::answer::Answer;
use super::ask::Ask;
use super::desk::Desk;
use super::json::{
    Agent, Inbox, Location, Modem, NetworkJson, NewStorage, Push, Queues, SignalJson, Sim,
    SmppCounts, SmppJson, StatusJson, Storage, Target,
};
use super::messages;
use super::problem::{Code, Problem};
use crate::message::Memory;
use crate::time::WallTime;

/// `GET /status`.
pub fn get(desk: &Desk, ask: &Ask) -> Result<Answer, Problem> {
    ask.params()?.done()?;
    let radio = desk.rooms.signal.borrow();
    let targets = desk.rooms.targets.borrow();
    let last_received_at = desk.rooms.inbox.borrow().last_received_at();
    let status = StatusJson {
        agent: agent(desk),
        modem: Modem {
            state: radio.state,
            tty: radio.tty.clone(),
            manufacturer: radio.identity.manufacturer.clone(),
            model: radio.identity.model.clone(),
            revision: radio.identity.revision.clone(),
            imei: radio.identity.imei.clone(),
            temperature_c: radio.network.radio.temperature_c,
        },
        sim: Sim {
            state: radio.sim.state.clone(),
            iccid: radio.sim.iccid.clone(),
            imsi: radio.sim.imsi.clone(),
            smsc: radio.sim.smsc.clone(),
        },
        network: NetworkJson::from(&radio.network),
        signal: SignalJson::from(&radio.levels),
        storage: slots(desk),
        queues: Queues {
            outbox: desk.rooms.outbox.borrow().waiting(),
            push: targets.iter().map(|target| target.queued).sum(),
        },
        smpp: SmppCounts::from(desk.rooms.smpp.counts()),
        inbox: Inbox {
            last_received_at: last_received_at.map(WallTime::rfc3339),
        },
    };
    Ok(Answer::json(200, &status))
}

fn agent(desk: &Desk) -> Agent {
    let store = desk.rooms.store.borrow();
    let (state_bytes, state_limit) = store.usage();
    let now = desk.now();
    let up = Duration::from_millis(now.tick.0);
    let started = i64::try_from(now.tick.0).unwrap_or_default();
    Agent {
        version: env!("CARGO_PKG_VERSION"),
        uptime_s: up.as_secs(),
        name: desk.agent_name(),
        started_at: WallTime(now.wall.0.saturating_sub(started)).rfc3339(),
        state_bytes,
        state_limit,
        flash_written: store.written(),
    }
}

fn slots(desk: &Desk) -> Storage {
    let slots = desk.rooms.signal.borrow().slots;
    let config = desk.config();
    Storage {
        location: match config.modem.storage {
            Memory::Sim => Location::Sm,
            Memory::Modem => Location::Me,
        },
        used: slots.map(|slots| slots.used),
        total: slots.map(|slots| slots.total),
        leave_free: config.modem.free,
    }
}

/// `GET /signal`. With `live=1` the modem is asked to measure for the next one who asks.
pub fn signal(desk: &Desk, ask: &Ask) -> Result<Answer, Problem> {
    let mut params = ask.params()?;
    let live = params.number("live", 1)? == Some(1);
    params.done()?;
    if live {
        desk.rooms.modem.measure();
    }
    let radio = desk.rooms.signal.borrow();
    Ok(Answer::json(200, &SignalJson::from(&radio.levels)))
}

/// `GET /storage`.
pub fn storage(desk: &Desk, ask: &Ask) -> Result<Answer, Problem> {
    ask.params()?.done()?;
    Ok(Answer::json(200, &slots(desk)))
}

/// `PUT /storage`: into the configuration file, and from there into force.
pub fn set_storage(desk: &Desk, ask: &Ask) -> Result<Answer, Problem> {
    ask.params()?.done()?;
    let new: NewStorage = messages::read(ask)?;
    let mut storage = slots(desk);
    let mut options = Vec::new();
    if let Some(location) = new.location.filter(|new| *new != storage.location) {
        options.push(("msg_storage", location.as_str()));
        // How full the other one is, the modem is asked when it starts anew.
        (storage.location, storage.used, storage.total) = (location, None, None);
    }
    let free = new.leave_free.map(|free| free.to_string());
    if let Some(free) = &free {
        options.push(("free", free));
    }
    if !options.is_empty() {
        desk.rooms
            .settings
            .set("modem", &options)
            .map_err(|why| Problem::new(Code::Unavailable, why))?;
    }
    storage.leave_free = new.leave_free.map_or(storage.leave_free, u16::from);
    Ok(Answer::json(200, &storage))
}

/// `GET /smpp`.
pub fn smpp(desk: &Desk, ask: &Ask) -> Result<Answer, Problem> {
    ask.params()?.done()?;
    Ok(Answer::json(200, &SmppJson::from(&desk.rooms.smpp)))
}

/// `GET /push`.
pub fn push(desk: &Desk, ask: &Ask) -> Result<Answer, Problem> {
    ask.params()?.done()?;
    let targets = desk.rooms.targets.borrow();
    let push = Push {
        targets: targets.iter().map(Target::from).collect(),
    };
    Ok(Answer::json(200, &push))
}
