//! Keeper: the simulated modem's whole state, its timers and its notifications. Never reads a clock or a port: bytes
//! and times come in, bytes go out.
//!
//! ```text
//! bytes -> engine.rs -> command.rs -> commands/ -+-> reply
//!                                                +-> submit.rs  -> network (air)
//! control.rs ------------------> network (queue) +-> inbound.rs -> store, +CMTI, +CMT, +CDS
//! ```

use std::collections::VecDeque;
use std::path::PathBuf;
use std::time::Duration;

use super::control;
use super::faults::Faults;
use super::models::Profile;
use super::network::{Incoming, Network};
use super::store::Stores;
use super::submit::{Job, Sent};
use crate::message::Memory;
use crate::time::{Now, Tick};

/// What `ATZ`, a reset or a replug sets back.
#[derive(Debug)]
pub(super) struct Settings {
    pub(super) echo: bool,
    pub(super) verbose: bool,
    pub(super) quiet: bool,
    pub(super) cmee: u16,
    pub(super) cmgf: u8,
    pub(super) cnmi: [u8; 5],
    pub(super) csms: u8,
    pub(super) cmms: u16,
    pub(super) memories: [Memory; 3],
    /// `<n>` of `+CREG`, `+CGREG`, `+CEREG`.
    pub(super) registration: [u16; 3],
    /// `<format>` of `+COPS`.
    pub(super) operator_format: u16,
    pub(super) clip: bool,
    pub(super) charset: String,
    pub(super) urc_port: String,
}

impl Settings {
    fn of(profile: &Profile) -> Settings {
        Settings {
            echo: true,
            verbose: true,
            quiet: false,
            cmee: 0,
            cmgf: profile.cmgf,
            cnmi: profile.cnmi,
            csms: 0,
            cmms: 0,
            memories: profile.memories,
            registration: [0; 3],
            operator_format: 0,
            clip: false,
            charset: String::from("GSM"),
            urc_port: String::from("usbat"),
        }
    }
}

/// What the SIM wants before it works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lock {
    Open,
    Pin,
    Puk,
}

/// The SIM.
#[derive(Debug)]
pub(super) struct SimCard {
    pub(super) present: bool,
    pub(super) lock: Lock,
    pub(super) pin: String,
    /// Tries left.
    pub(super) attempts: u8,
}

/// A voice call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Call {
    pub(super) number: String,
    pub(super) incoming: bool,
    pub(super) active: bool,
}

/// What bytes from the port mean just now.
#[derive(Debug)]
pub(super) enum Mode {
    /// Part of a command line.
    Line(String),
    /// A PDU after the prompt.
    Pdu(Job, Vec<u8>),
    /// Nothing until the answer is out; bytes wait.
    Busy,
}

/// What happens later.
#[derive(Debug)]
pub(super) enum Action {
    /// The network's answer to a send.
    FinishSubmit(Sent),
    /// Nobody acknowledged the direct delivery of that number.
    AckMissing(u32),
    /// The network tries again to deliver.
    Retry,
    /// The phone rings again.
    Ring,
    /// A notification.
    Notify(String),
    /// The hang is over.
    Unhang,
    /// A control line.
    Order(String),
}

/// A scripted answer: this line (or lines with this beginning) gets these lines.
#[derive(Debug)]
pub(super) struct Scripted {
    pub(super) line: String,
    pub(super) beginning: bool,
    pub(super) reply: Vec<String>,
}

/// A command line as it came in.
#[derive(Clone, Debug)]
pub(super) struct Heard {
    pub(super) at_ms: u64,
    pub(super) line: String,
}

/// The port the modem hangs on.
#[derive(Debug)]
pub(super) struct Plug {
    pub(super) plugged: bool,
    pub(super) link: PathBuf,
    /// Grows with every replug, so that a fast unplug and replug is seen too.
    pub(super) generation: u32,
}

/// The modem.
#[derive(Debug)]
pub(super) struct Modem {
    pub(super) profile: &'static Profile,
    pub(super) settings: Settings,
    pub(super) stores: Stores,
    pub(super) network: Network,
    pub(super) faults: Faults,
    pub(super) sim: SimCard,
    pub(super) call: Option<Call>,
    pub(super) mode: Mode,
    pub(super) input: VecDeque<u8>,
    pub(super) output: VecDeque<u8>,
    pub(super) last_line: String,
    pub(super) scripts: Vec<Scripted>,
    pub(super) heard: Vec<Heard>,
    pub(super) plug: Plug,
    /// A direct delivery that waits for `+CNMA`, with its number.
    pub(super) unacknowledged: Option<(u32, Incoming)>,
    /// Notifications that wait for the end (or the middle) of a reply.
    pub(super) held: Vec<String>,
    /// Notifications that CNMI mode 0 keeps back.
    pub(super) buffered: Vec<String>,
    pub(super) deliveries: u32,
    timers: Vec<(Tick, Action)>,
}

/// Output nobody reads is dropped beyond this, as a USB port drops it; the list of a full memory is 92 KB long.
const OUTPUT_LIMIT: usize = 262_144;

impl Modem {
    /// A modem at power-on, its port at `link`; a SIM without PIN lock unless `pin` is given.
    pub(super) fn new(profile: &'static Profile, link: PathBuf, pin: Option<String>) -> Modem {
        let mut modem = Modem {
            profile,
            settings: Settings::of(profile),
            stores: Stores::new(profile.slots, profile.first_index),
            network: Network::new(),
            faults: Faults::default(),
            sim: SimCard {
                present: true,
                lock: if pin.is_some() { Lock::Pin } else { Lock::Open },
                pin: pin.unwrap_or_default(),
                attempts: 3,
            },
            call: None,
            mode: Mode::Line(String::new()),
            input: VecDeque::new(),
            output: VecDeque::new(),
            last_line: String::new(),
            scripts: Vec::new(),
            heard: Vec::new(),
            plug: Plug {
                plugged: true,
                link,
                generation: 0,
            },
            unacknowledged: None,
            held: Vec::new(),
            buffered: Vec::new(),
            deliveries: 0,
            timers: Vec::new(),
        };
        modem.greet();
        modem
    }

    /// Back to what the factory set, as `ATZ` does.
    pub(super) fn set_back(&mut self) {
        self.settings = Settings::of(self.profile);
    }

    /// Vanishes from the bus; a send that waits for its answer never gets one.
    pub(super) fn unplug(&mut self) {
        self.plug.plugged = false;
        self.mode = Mode::Line(String::new());
        self.input.clear();
        self.output.clear();
        self.held.clear();
        self.buffered.clear();
        self.call = None;
        if let Some((_, incoming)) = self.unacknowledged.take() {
            self.network.queue.push_front(incoming);
        }
        for (due, action) in std::mem::take(&mut self.timers) {
            match action {
                Action::FinishSubmit(sent) => self.abandon(sent),
                Action::Order(_) | Action::Unhang => self.timers.push((due, action)),
                Action::AckMissing(_) | Action::Retry | Action::Ring | Action::Notify(_) => {}
            }
        }
    }

    /// Comes back, freshly started, under a new port; the stores are as they were.
    pub(super) fn replug(&mut self, link: Option<PathBuf>, now: Now) {
        self.unplug();
        self.plug.link = link.unwrap_or_else(|| self.plug.link.clone());
        self.plug.plugged = true;
        self.plug.generation += 1;
        self.faults.hung = false;
        self.set_back();
        if !self.sim.pin.is_empty() && self.sim.lock == Lock::Open {
            self.sim.lock = Lock::Pin;
        }
        self.greet();
        self.pump(now);
    }

    fn greet(&mut self) {
        for line in self.profile.greeting {
            if self.sim.present && self.sim.lock == Lock::Open || !line.contains("READY") {
                self.notify(line);
            }
        }
    }

    /// A notification, now or as soon as it may come.
    pub(super) fn notify(&mut self, line: &str) {
        if self.faults.muted || self.faults.hung || !self.plug.plugged {
            return;
        }
        if self.faults.interleave || matches!(self.mode, Mode::Pdu(..)) {
            self.held.push(String::from(line));
        } else {
            self.say(&format!("\r\n{line}\r\n"));
        }
    }

    /// Bytes to the port.
    pub(super) fn say(&mut self, text: &str) {
        if self.plug.plugged && self.output.len() < OUTPUT_LIMIT {
            self.output.extend(text.as_bytes());
        }
    }

    /// What goes to the port next; a few bytes only when output is cut in pieces.
    pub(super) fn take_output(&mut self) -> Vec<u8> {
        let piece = if self.faults.cut {
            1 + self.faults.random() as usize % 7
        } else {
            self.output.len()
        };
        self.output.drain(..piece.min(self.output.len())).collect()
    }

    /// `action` happens `ms` milliseconds from `now`.
    pub(super) fn later(&mut self, now: Now, ms: u64, action: Action) {
        self.timers
            .push((now.tick + Duration::from_millis(ms), action));
    }

    /// Forgets every action that `goes` names.
    pub(super) fn forget(&mut self, goes: impl Fn(&Action) -> bool) {
        self.timers.retain(|(_, action)| !goes(action));
    }

    /// When something happens by itself.
    pub(super) fn next_wake(&self) -> Option<Tick> {
        self.timers.iter().map(|(due, _)| *due).min()
    }

    /// Does what is due, earliest first.
    pub(super) fn on_time(&mut self, now: Now) {
        while let Some(due) = self.next_wake().filter(|due| *due <= now.tick) {
            let Some(at) = self.timers.iter().position(|(when, _)| *when == due) else {
                return;
            };
            let (_, action) = self.timers.remove(at);
            self.act(action, now);
        }
    }

    fn act(&mut self, action: Action, now: Now) {
        match action {
            Action::FinishSubmit(sent) => {
                self.finish_submit(sent, now);
                self.work(now);
            }
            Action::AckMissing(number) => self.ack_missing(number, now),
            Action::Retry => self.pump(now),
            Action::Ring => self.ring(now),
            Action::Notify(line) => self.notify(&line),
            Action::Unhang => self.hang(false, now),
            Action::Order(line) => {
                let answer = control::execute(self, &line, now);
                log::debug!("sim: {line}: {answer}");
            }
        }
    }

    /// Stops or starts answering. What was sent to a hung modem is gone; what the network has for it comes when it wakes.
    pub(super) fn hang(&mut self, hung: bool, now: Now) {
        self.faults.hung = hung;
        self.forget(|action| matches!(action, Action::Unhang));
        if !hung {
            self.pump(now);
        }
    }
}
