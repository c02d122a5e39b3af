//! Tests: the agent on modems that differ from each other in every way the standards and cheap simulators allow — each
//! takes a message that lay there, one that comes, and sends one with its delivery report.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_types
)]

#[path = "dialects/dialect.rs"]
mod dialect;
#[path = "dialects/modem.rs"]
mod modem;
#[path = "dialects/pdu.rs"]
mod pdu;
#[path = "dialects/rig.rs"]
mod rig;
mod support;
#[path = "dialects/table.rs"]
mod table;

use std::thread;
use std::time::Duration;

use dialect::{Dialect, Reports, Tells};
use rig::Rig;

/// A modem's whole day: what lay there, what comes, what leaves.
fn a_day(dialect: &Dialect) {
    let rig = Rig::start(dialect);
    let status = rig.wait_state("ready");
    let tty = status["modem"]["tty"].as_str().unwrap_or_default();
    assert!(
        tty.starts_with("/dev/pts/") || tty.ends_with("/modem"),
        "{status}"
    );
    if !dialect.replies.iter().any(|(start, _)| *start == "AT+CG") {
        assert_eq!(status["modem"]["manufacturer"], "Stranger Inc.");
    }
    rig.wait_inbox(&["before"]);
    rig.modem().deliver("it comes", 2);
    rig.wait_inbox(&["before", "it comes"]);
    let path = rig.submit("it leaves");
    let last = match dialect.reports {
        Reports::Never => "sent",
        Reports::Direct | Reports::Stored(_) => "delivered",
    };
    rig.wait_sent(&path, last);
    rig.modem().deliver("the last", 3);
    rig.wait_inbox(&["before", "it comes", "the last"]);
    assert_eq!(
        rig.inbox(),
        ["before", "it comes", "the last"],
        "one of each"
    );
    let (code, health) = rig.api("GET", "/healthz", "").unwrap();
    assert_eq!(code, 200, "{health}");
    let state = rig.modem().state();
    assert_eq!(state.sent.len(), 1, "one copy on the air");
    assert!(state.faults.is_empty(), "{:?}", state.faults);
    if dialect.acknowledge {
        assert!(state.acknowledged >= 1, "acknowledged");
    }
    if matches!(dialect.tells, Tells::Stored(_)) && dialect.config.is_empty() {
        assert_eq!(
            state.slots.len(),
            3,
            "a guest leaves what it may not need to take"
        );
    }
    assert!(state.pins.len() <= 1, "{:?}", state.pins);
}

#[test]
fn every_dialect_is_understood() {
    let only = std::env::var("DIALECT").unwrap_or_default();
    let chosen = table::all()
        .into_iter()
        .filter(|dialect| dialect.name.contains(&only));
    let days: Vec<_> = chosen
        .map(|dialect| {
            let name = dialect.name;
            let day = thread::Builder::new().name(String::from(name));
            (name, day.spawn(move || a_day(&dialect)).unwrap())
        })
        .collect();
    assert!(!days.is_empty());
    let failed: Vec<&str> = days
        .into_iter()
        .filter_map(|(name, day)| day.join().is_err().then_some(name))
        .collect();
    assert!(failed.is_empty(), "{failed:?}");
}

#[test]
fn a_modem_that_ends_and_another_at_the_same_link_lose_and_double_nothing() {
    let dialect = Dialect::plain("ends");
    let mut rig = Rig::start(&dialect);
    rig.wait_state("ready");
    rig.wait_inbox(&["before"]);
    let path = rig.submit("one");
    rig.wait_sent(&path, "delivered");
    let state = rig.plugged.take().unwrap().unplug();
    let status = rig.wait_state("absent");
    assert!(status["modem"]["tty"].is_null(), "{status}");
    let waiting = rig.submit("two");
    let next = Dialect {
        first_index: 0,
        reports: Reports::Never,
        ..Dialect::plain("another")
    };
    let mut moved = modem::State::default();
    moved.slots = state.slots;
    rig.plug(next, moved);
    rig.wait_state("ready");
    rig.wait_sent(&waiting, "sent");
    rig.modem().deliver("it comes", 2);
    rig.wait_inbox(&["before", "it comes"]);
    assert_eq!(rig.inbox().len(), 2);
    assert_eq!(rig.modem().state().sent.len(), 1);
}

#[test]
fn a_wrong_pin_is_entered_once_however_often_the_modem_begins_anew() {
    let dialect = Dialect {
        config: "\toption pincode '1111'",
        pin: Some("4321"),
        ..Dialect::plain("locked")
    };
    let mut rig = Rig::start(&dialect);
    rig.wait_state("sim-pin");
    assert_eq!(rig.modem().state().pins, ["1111"]);
    rig.modem().say("RDY");
    let starts = |rig: &Rig| {
        let state = rig.modem().state();
        state
            .heard
            .iter()
            .filter(|line| *line == "AT+CMEE=1")
            .count()
    };
    support::wait_until(rig::PATIENCE, "a second start", || starts(&rig) >= 2);
    let state = rig.plugged.take().unwrap().unplug();
    assert_eq!(state.pins, ["1111"]);
    rig.wait_state("absent");
    rig.plug(dialect, modem::State::default());
    let status = rig.wait_state("sim-pin");
    assert_eq!(status["sim"]["state"], "sim-pin");
    assert!(rig.modem().state().pins.is_empty());
}

#[test]
fn a_modem_that_is_busy_sending_is_healthy() {
    let dialect = Dialect {
        network: Duration::from_secs(4),
        ..Dialect::plain("busy sending")
    };
    let rig = Rig::start(&dialect);
    rig.wait_state("ready");
    rig.wait_inbox(&["before"]);
    let path = rig.submit("it takes its time");
    let is_sending = || {
        let state = rig.modem().state();
        state.heard.last().is_some_and(|line| line.ends_with('^'))
    };
    support::wait_until(rig::PATIENCE, "the PDU", is_sending);
    // Longer than the one who asks for its health waits.
    let (code, health) = rig.api("GET", "/healthz", "").unwrap();
    assert_eq!(code, 200, "{health}");
    assert!(is_sending(), "it was busy all the time");
    rig.wait_sent(&path, "delivered");
}
