//! Edge: what the worker tells everybody else — state, identity, events — and its log lines that must not repeat. Never
//! talks to the modem. Everything here is written when it changes, and only then.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::oneshot;

use super::Rooms;
use super::calls::News;
use super::quirks::Quirks;
use super::serving::Kept;
use super::startup::{Facts, Standing};
use crate::counters;
use crate::message::{EventKind, Memory, Number};
use crate::signal::{Call, Levels, ModemState, Network, Slots};

/// Incomplete messages that could not be written are tried again after this.
const INBOX_PAUSE: Duration = Duration::from_secs(10);

/// Between two looks at the room in state_dir.
const STORE_PAUSE: Duration = Duration::from_secs(10);

/// Records put right in one batch.
const MENDED: usize = 16;

/// Keeps an event and rings for it.
fn event(rooms: &Rooms, kind: EventKind, facts: Value) {
    let at = rooms.clock.now().wall;
    let mut store = rooms.store.borrow_mut();
    let (event, change) = store.event(kind, at, None, facts);
    let kept = store.apply(&[change]);
    drop(store);
    match kept {
        Ok(()) => rooms.signal.borrow().feed().ring(event.seq),
        Err(why) => log::warn!(
            "modem: the event {} could not be kept: {why}",
            kind.as_str()
        ),
    }
}

/// The modem's state; an event when it changed.
pub(super) fn state(rooms: &Rooms, state: ModemState) {
    let mut signal = rooms.signal.borrow_mut();
    if signal.state == state {
        return;
    }
    signal.state = state;
    drop(signal);
    event(rooms, EventKind::ModemState, json!({ "state": state }));
}

/// A measurement: kept, and an event when it crossed a threshold.
pub(super) fn levels(rooms: &Rooms, levels: Levels) {
    let now = rooms.clock.now();
    let mut signal = rooms.signal.borrow_mut();
    let technology = levels.technology.or(signal.network.technology);
    signal.levels = Levels {
        at: Some(now.wall),
        technology,
        ..levels
    };
    let levels = signal.levels;
    signal
        .history
        .add(&levels, now, &mut rooms.store.borrow_mut());
    let crossed = signal.threshold.judge(&levels, now.tick);
    drop(signal);
    if let Some(crossed) = crossed {
        let facts = json!({
            "bars": crossed.bars, "bars_before": crossed.bars_before, "technology": technology,
            "rsrp_dbm": levels.rsrp_dbm, "rssi_dbm": levels.rssi_dbm,
        });
        event(rooms, EventKind::SignalChanged, facts);
    }
}

/// The port is gone: what was known of the radio is known no more.
pub(super) fn lost(rooms: &Rooms, now: ModemState) {
    let mut signal = rooms.signal.borrow_mut();
    signal.network = Network::default();
    signal.levels = Levels::default();
    (signal.slots, signal.call, signal.sim.state) = (None, None, None);
    if now == ModemState::Absent {
        signal.tty = None;
    }
    drop(signal);
    state(rooms, now);
}

/// Who modem and SIM are.
pub(super) fn identity(rooms: &Rooms, facts: &Facts, standing: Standing) {
    let mut signal = rooms.signal.borrow_mut();
    // Nobody asks for the network until there is a SIM that can be used.
    if standing != Standing::Ready {
        (signal.network, signal.levels) = (Network::default(), Levels::default());
    }
    signal.identity = facts.identity.clone();
    signal.sim = facts.sim.clone();
}

/// One line on how start-up ended.
pub(super) fn started(facts: &Facts, standing: Standing, quirks: &Quirks) {
    counters::MODEM_STARTS.add(1);
    let model = facts.identity.model.as_deref().unwrap_or(quirks.name);
    match standing {
        Standing::Ready => {
            let told = if facts.notifies {
                "it tells"
            } else {
                "only looking finds them"
            };
            let slots = facts.slots.unwrap_or_default();
            log::info!(
                "modem: {model} is ready; {} of {} slots used; new messages: {told}",
                slots.used,
                slots.total
            );
        }
        Standing::SimAbsent => {
            log::warn!("modem: {model} has no SIM; it is looked for every ten seconds")
        }
        Standing::SimPin => log::warn!(
            "modem: the SIM of {model} is locked ({}); nothing is sent or received until it is unlocked",
            facts.sim.state.as_deref().unwrap_or("unknown")
        ),
    }
}

/// A call comes in, is taken, or is over.
pub(super) fn call(rooms: &Rooms, news: &News) {
    let who = |number: &Option<Number>| {
        let masked = number.as_ref().map(Number::masked);
        masked.unwrap_or_else(|| String::from("somebody"))
    };
    let call = |call: &Call| json!({ "direction": call.direction(), "number": call.number });
    match news {
        News::Incoming(number) => {
            log::info!("modem: {} calls", who(number));
            event(rooms, EventKind::CallIncoming, json!({ "from": number }));
        }
        News::Answered(taken) => event(rooms, EventKind::CallAnswered, call(taken)),
        News::Ended(over, why) => {
            log::info!("modem: the call with {} is over: {why}", who(&over.number));
            let mut facts = call(over);
            if let Some(facts) = facts.as_object_mut() {
                facts.insert(String::from("reason"), json!(why));
            }
            event(rooms, EventKind::CallEnded, facts);
        }
    }
}

/// The `free` rule finds nothing more that it may delete: soon the network cannot deliver.
pub(super) fn store_low(rooms: &Rooms, memory: Memory, slots: Slots) {
    log::error!(
        "modem: {} of {} slots of {} are used and nothing in them may be deleted; when it is full no message can come in",
        slots.used,
        slots.total,
        memory.as_str()
    );
    let facts = json!({ "location": memory, "used": slots.used, "total": slots.total });
    event(rooms, EventKind::StorageLow, facts);
}

/// Looks now and then whether state_dir fills with what may not go; an event once, until there is room again.
pub(super) fn tend_store(rooms: &Rooms, kept: &mut Kept) {
    let now = rooms.clock.now().tick;
    if now < kept.store_at {
        return;
    }
    kept.store_at = now + STORE_PAUSE;
    let share = if kept.store_low { 4 } else { 8 };
    let low = !rooms.store.borrow().has_room(share);
    if low && !kept.store_low {
        let (used, limit) = rooms.store.borrow().usage();
        log::error!(
            "store: state_dir fills with messages that wait for a receiver or for the radio; when it is full, new ones are refused"
        );
        let facts = json!({ "location": "state_dir", "used": used, "total": limit });
        event(rooms, EventKind::StorageLow, facts);
    }
    kept.store_low = low;
}

/// Logs a complaint once, until things go well again or it is another one.
pub(super) fn complain(kept: &mut Kept, complaint: String) {
    if kept.complaint.as_ref() != Some(&complaint) {
        log::warn!("modem: {complaint}");
        kept.complaint = Some(complaint);
    }
}

/// Answers whoever asked whether the modem is alive.
pub(super) fn alive(askers: &mut Vec<oneshot::Sender<bool>>, alive: bool) {
    for asker in askers.drain(..) {
        // Whoever asked may have gone away.
        let _heard = asker.send(alive);
    }
}

/// While nothing can be sent, what waits too long expires all the same; the part that is offered is left where it is.
pub(super) fn expire(rooms: &Rooms) {
    let now = rooms.clock.now();
    let mut outbox = rooms.outbox.borrow_mut();
    if outbox.next_wake().is_some_and(|wake| wake <= now.tick) {
        let _later = outbox.next(now);
    }
}

/// When the clock was set: puts right when the messages of this run came, were asked for and left. Events keep the time they
/// were told with: it is part of what receivers know them by.
pub(super) fn tend_clock(rooms: &Rooms, kept: &mut Kept) {
    let now = rooms.clock.now();
    let newest = rooms.store.borrow().newest();
    let since = *kept.since.get_or_insert(newest);
    let Some(jump) = kept.clock.look(now) else {
        return;
    };
    let mut changes = rooms.inbox.borrow_mut().mend(&jump, since);
    changes.extend(rooms.outbox.borrow_mut().mend(&jump, since));
    log::info!(
        "the clock was set: it is {}; records noted by the old time and put right: {}",
        now.wall,
        changes.len()
    );
    for some in changes.chunks(MENDED) {
        if let Err(why) = rooms.store.borrow_mut().apply(some) {
            return log::warn!("store: the rest keeps its old time: {why}");
        }
    }
}

/// Hands on messages whose parts never came, modem or no modem.
pub(super) fn tend_inbox(rooms: &Rooms, kept: &mut Kept) {
    let now = rooms.clock.now();
    let due = rooms
        .inbox
        .borrow()
        .next_wake()
        .is_some_and(|wake| wake <= now.tick);
    if !due || now.tick < kept.inbox_at {
        return;
    }
    let handed_on = rooms.inbox.borrow_mut().hand_on_incomplete(now);
    match handed_on {
        Ok(orphans) => kept.remember_to_free(orphans),
        Err(why) => {
            kept.inbox_at = now.tick + INBOX_PAUSE;
            complain(
                kept,
                format!("an incomplete message waits until it can be kept: {why}"),
            );
        }
    }
}
