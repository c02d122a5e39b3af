//! Edge: `GET /metrics` — METRICS, one row for each gauge, and the counters of [`crate::counters`], in Prometheus' text
//! format 0.0.4. Never asks the modem.

use std::fmt::Write;

use super::answer::Answer;
use super::ask::Ask;
use super::desk::Desk;
use super::problem::Problem;
use crate::counters;
use crate::signal::{ModemState, Signal, Tenths};

/// Writes a metric's samples.
type Read = fn(&Desk, &mut Lines);

/// Name after `rut_agent_`, type, help, and where its value comes from. A new line is a new row.
#[rustfmt::skip]
const METRICS: &[(&str, &str, &str, Read)] = &[
    ("build_info", "gauge", "Always 1; the label says which version runs.", |_, lines| {
        lines.labelled("version", env!("CARGO_PKG_VERSION"), 1);
    }),
    ("uptime_seconds", "gauge", "Time since the agent started.", |desk, lines| lines.sample("", Tenths(i64::try_from(desk.now().tick.0 / 100).unwrap_or(i64::MAX)))),
    ("modem_state", "gauge", "1 for the state the modem is in.", |desk, lines| {
        let now = desk.rooms.signal.borrow().state;
        for (state, name) in STATES {
            lines.labelled("state", name, u64::from(now == state));
        }
    }),
    ("modem_temperature_celsius", "gauge", "The modem's warmest sensor.", |desk, lines| {
        lines.known(desk, |radio| radio.network.radio.temperature_c.map(Tenths::whole));
    }),
    ("signal_bars", "gauge", "Signal, 0 to 5.", |desk, lines| lines.known(desk, |radio| radio.levels.bars().map(Tenths::whole))),
    ("signal_rssi_dbm", "gauge", "Received power.", |desk, lines| lines.known(desk, |radio| radio.levels.rssi_dbm.map(Tenths::whole))),
    ("signal_rsrp_dbm", "gauge", "Reference signal power (4G).", |desk, lines| lines.known(desk, |radio| radio.levels.rsrp_dbm.map(Tenths::whole))),
    ("signal_rsrq_db", "gauge", "Reference signal quality (4G).", |desk, lines| lines.known(desk, |radio| radio.levels.rsrq_db)),
    ("signal_sinr_db", "gauge", "Signal to interference and noise (4G).", |desk, lines| lines.known(desk, |radio| radio.levels.sinr_db)),
    ("signal_rscp_dbm", "gauge", "Code power (3G).", |desk, lines| lines.known(desk, |radio| radio.levels.rscp_dbm.map(Tenths::whole))),
    ("signal_ecio_db", "gauge", "Chip energy to interference (3G).", |desk, lines| lines.known(desk, |radio| radio.levels.ecio_db)),
    ("store_slots_used", "gauge", "Used slots of the modem's message store.", |desk, lines| {
        lines.known(desk, |radio| radio.slots.map(|slots| Tenths::whole(slots.used)));
    }),
    ("store_slots", "gauge", "Slots of the modem's message store.", |desk, lines| {
        lines.known(desk, |radio| radio.slots.map(|slots| Tenths::whole(slots.total)));
    }),
    ("outbox_messages", "gauge", "Messages to send that are not finished.", |desk, lines| {
        lines.plain(desk.rooms.outbox.borrow().waiting() as u64);
    }),
    ("push_queued_events", "gauge", "Events that wait for a target.", |desk, lines| {
        for target in desk.rooms.targets.borrow().iter() {
            lines.labelled("target", &target.name, target.queued);
        }
    }),
    ("push_delivered_total", "counter", "Events that a target took.", |desk, lines| {
        for target in desk.rooms.targets.borrow().iter() {
            lines.labelled("target", &target.name, target.delivered);
        }
    }),
    ("push_failures_total", "counter", "Tries at a target that failed.", |desk, lines| {
        for target in desk.rooms.targets.borrow().iter() {
            lines.labelled("target", &target.name, target.failed);
        }
    }),
    ("push_up", "gauge", "1 while a target's last try worked.", |desk, lines| {
        for target in desk.rooms.targets.borrow().iter() {
            lines.labelled("target", &target.name, u64::from(target.last_error.is_none()));
        }
    }),
    ("smpp_sessions", "gauge", "SMPP clients that are bound.", |desk, lines| lines.plain(desk.rooms.smpp.counts().sessions as u64)),
    ("smpp_submitted_total", "counter", "Messages taken over from SMPP clients.", |desk, lines| lines.plain(desk.rooms.smpp.counts().submitted)),
    ("smpp_delivered_total", "counter", "Messages and receipts that SMPP clients took.", |desk, lines| lines.plain(desk.rooms.smpp.counts().delivered)),
    ("smpp_errors_total", "counter", "SMPP requests answered with an error.", |desk, lines| lines.plain(desk.rooms.smpp.counts().failed)),
    ("smpp_refused_total", "counter", "SMPP binds refused.", |desk, lines| lines.plain(desk.rooms.smpp.counts().refused)),
    ("state_bytes", "gauge", "Size of the state directory.", |desk, lines| lines.plain(u64::from(desk.rooms.store.borrow().usage().0))),
    ("state_limit_bytes", "gauge", "What it may become.", |desk, lines| lines.plain(u64::from(desk.rooms.store.borrow().usage().1))),
    ("flash_written_bytes_total", "counter", "Bytes written to flash.", |desk, lines| lines.plain(desk.rooms.store.borrow().written())),
];

const STATES: [(ModemState, &str); 7] = [
    (ModemState::Absent, "absent"),
    (ModemState::Starting, "starting"),
    (ModemState::SimAbsent, "sim-absent"),
    (ModemState::SimPin, "sim-pin"),
    (ModemState::Searching, "searching"),
    (ModemState::Ready, "ready"),
    (ModemState::Unresponsive, "unresponsive"),
];

/// The text so far, and the metric whose samples are being written.
struct Lines {
    out: String,
    name: &'static str,
}

impl Lines {
    fn begin(&mut self, name: &'static str, kind: &str, help: &str) {
        self.name = name;
        let _ok = write!(
            self.out,
            "# HELP rut_agent_{name} {help}\n# TYPE rut_agent_{name} {kind}\n"
        );
    }

    fn sample(&mut self, labels: &str, value: Tenths) {
        let name = self.name;
        let _ok = match labels {
            "" => writeln!(self.out, "rut_agent_{name} {value}"),
            labels => writeln!(self.out, "rut_agent_{name}{{{labels}}} {value}"),
        };
    }

    fn plain(&mut self, value: u64) {
        self.sample("", whole(value));
    }

    fn labelled(&mut self, label: &str, text: &str, value: u64) {
        let text = text.replace('\\', "\\\\").replace('"', "\\\"");
        self.sample(&format!("{label}=\"{text}\""), whole(value));
    }

    /// What is not known has no sample.
    fn known(&mut self, desk: &Desk, read: fn(&Signal) -> Option<Tenths>) {
        if let Some(value) = read(&desk.rooms.signal.borrow()) {
            self.sample("", value);
        }
    }
}

fn whole(value: u64) -> Tenths {
    Tenths::whole(i64::try_from(value).unwrap_or(i64::MAX))
}

/// All of them.
pub fn get(desk: &Desk, ask: &Ask) -> Result<Answer, Problem> {
    ask.params()?.done()?;
    let mut lines = Lines {
        out: String::with_capacity(6 * 1024),
        name: "",
    };
    for (name, kind, help, read) in METRICS {
        lines.begin(name, kind, help);
        read(desk, &mut lines);
    }
    for counter in counters::ALL {
        if lines.name != counter.name {
            lines.begin(counter.name, "counter", counter.help);
        }
        lines.sample(counter.labels, whole(counter.get().into()));
    }
    Ok(Answer {
        status: 200,
        content_type: String::from("text/plain; version=0.0.4; charset=utf-8"),
        fields: Vec::new(),
        body: lines.out.into_bytes(),
    })
}
