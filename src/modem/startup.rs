//! Decider: the conversation that makes a modem ours to use — echo off, numeric errors, PDU mode, PIN, memories,
//! notifications. A guest reads first and changes only what it must. Never sends anything itself, never enters a PIN
//! that was refused, and takes a command the modem does not know for no reason to stop.
//!
//! ```text
//!   Echo - Errors - Identity - Pin --------------------> Sim - Messages - Memories - Notify - Changes - Done(Ready)
//!                              |  ^ pause                                 | ^          | ^
//!                              v  |                                       v |          v |
//!                         Tries - Enter ---> Done(SimPin)               set, verify   next fallback
//! ```

use std::time::Duration;

use super::commands::{self, Command};
use super::conversation::{Answer, Refused};
use super::quirks::{self, NOTIFY_EXCLUSIVE, NOTIFY_GUEST, Quirks};
use super::replies::{self, Memories, Notifying};
use crate::config;
use crate::message::Memory;
use crate::signal::{Identity, Sim, Slots};

/// A SIM that is still waking up is asked again after this.
const PAUSE: Duration = Duration::from_secs(1);

/// And so often.
const PATIENCE: u8 = 10;

/// What to do next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Ask this, and [`Startup::hear`] the answer.
    Ask(Command),
    /// Wait, then go on.
    Pause(Duration),
    /// This is how the modem stands.
    Done(Standing),
}

/// How start-up ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// Messages can go and come.
    Ready,
    /// No SIM.
    SimAbsent,
    /// The SIM wants a PIN that is missing, was refused or is down to its last tries, or a PUK.
    SimPin,
}

/// What was learnt.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Facts {
    /// Who the modem is.
    pub identity: Identity,
    /// Who the SIM is.
    pub sim: Sim,
    /// Where new messages are kept: the configured memory unless the modem refused it.
    pub memory: Option<Memory>,
    /// The memory that is read and deleted from just now.
    pub reading: Option<Memory>,
    /// Messages were kept here before the memory was changed, and some may still lie there.
    pub elsewhere: Option<Memory>,
    /// The modem counts its messages.
    pub counts: bool,
    /// How full the memory for new messages is, as far as that is known.
    pub slots: Option<Slots>,
    /// Direct deliveries want `AT+CNMA`.
    pub acknowledges: bool,
    /// New messages are told, and by this setting; `None`: only looking finds them.
    pub notifies: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Echo,
    Errors,
    Identity(usize),
    PinState,
    PinTries,
    EnterPin,
    Imsi,
    Iccid(usize),
    PduMode,
    ServiceCentre,
    Service,
    Memories,
    SetMemories,
    SetReading,
    VerifyMemories,
    Notifications,
    SetNotifications(usize),
    DirectService,
    Changes(usize),
    Done(Standing),
}

/// The start-up of one modem.
#[derive(Debug)]
pub(super) struct Startup {
    stage: Stage,
    pause: bool,
    tries: u8,
    entered: bool,
    refused_pin: Option<String>,
    modem: config::Modem,
    quirks: &'static Quirks,
    known_by_usb: bool,
    facts: Facts,
}

impl Startup {
    /// A start-up by `modem`'s options. `quirks`: `None` when only the modem can say who it is. `refused_pin`: the PIN
    /// a SIM refused before.
    pub(super) fn new(
        modem: config::Modem,
        quirks: Option<&'static Quirks>,
        refused_pin: Option<String>,
    ) -> Startup {
        Startup {
            stage: Stage::Echo,
            pause: false,
            tries: 0,
            entered: false,
            refused_pin,
            modem,
            quirks: quirks.unwrap_or(&quirks::STANDARD),
            known_by_usb: quirks.is_some(),
            facts: Facts::default(),
        }
    }

    /// What was learnt so far.
    pub(super) fn facts(&self) -> &Facts {
        &self.facts
    }

    /// The modem's quirks, as far as they are known by now.
    pub(super) fn quirks(&self) -> &'static Quirks {
        self.quirks
    }

    /// The PIN that must not be entered again: refused, or on its way and not accepted yet. To be remembered before
    /// each command, so that not even a port that vanishes leads to a second try.
    pub(super) fn refused_pin(&self) -> Option<&String> {
        self.refused_pin.as_ref()
    }

    fn notify_settings(&self) -> &'static [&'static str] {
        if self.modem.exclusive {
            NOTIFY_EXCLUSIVE
        } else {
            NOTIFY_GUEST
        }
    }

    /// What to do next.
    pub(super) fn next(&mut self) -> Step {
        if std::mem::take(&mut self.pause) {
            return Step::Pause(PAUSE);
        }
        loop {
            if let Some(command) = self.command() {
                return Step::Ask(command);
            }
            if let Stage::Done(standing) = self.stage {
                return Step::Done(standing);
            }
            self.stage = after_list(self.stage);
        }
    }

    fn command(&self) -> Option<Command> {
        let from = |list: &[Command], at: usize| list.get(at).cloned();
        Some(match self.stage {
            Stage::Echo => commands::echo_off(),
            Stage::Errors => commands::numeric_errors(),
            Stage::Identity(at) => return from(&commands::identity(), at),
            Stage::PinState => commands::pin_state(),
            Stage::PinTries => (self.quirks.pin_tries)(),
            Stage::EnterPin => commands::enter_pin(self.modem.pincode.as_deref()?),
            Stage::Imsi => commands::imsi(),
            Stage::Iccid(at) => return self.quirks.iccid.get(at).map(|question| question()),
            Stage::PduMode => commands::pdu_mode(),
            Stage::ServiceCentre => commands::service_centre(),
            Stage::Service => commands::message_service(),
            Stage::Memories | Stage::VerifyMemories => commands::memories(),
            Stage::SetMemories => commands::set_memories(self.modem.storage),
            Stage::SetReading => commands::set_reading_memory(self.modem.storage.as_str()),
            Stage::Notifications => commands::notifications(),
            Stage::SetNotifications(at) => {
                commands::set_notifications(self.notify_settings().get(at)?)
            }
            Stage::DirectService => commands::message_service_2plus(),
            Stage::Changes(at) => return from(&commands::tell_changes(), at),
            Stage::Done(_) => return None,
        })
    }

    /// The answer to the command of [`Startup::next`].
    pub(super) fn hear(&mut self, answer: Answer) {
        self.stage = match self.stage {
            Stage::Echo => Stage::Errors,
            Stage::Errors => Stage::Identity(0),
            Stage::Identity(at) => self.heard_identity(at, &answer),
            Stage::PinState => self.heard_pin_state(answer),
            Stage::PinTries => self.heard_pin_tries(&answer),
            Stage::EnterPin => self.heard_entered(&answer),
            Stage::Imsi => {
                self.facts.sim.imsi = answer.ok().and_then(|lines| replies::words(&lines));
                Stage::Iccid(0)
            }
            Stage::Iccid(at) => self.heard_iccid(at, answer),
            // In text mode nothing that comes can be read, and every send is refused for good.
            Stage::PduMode if answer.is_err() => self.again(Stage::PduMode, Stage::ServiceCentre),
            Stage::PduMode => Stage::ServiceCentre,
            Stage::ServiceCentre => {
                self.facts.sim.smsc = answer.ok().and_then(|lines| replies::first_field(&lines));
                Stage::Service
            }
            Stage::Service => {
                self.facts.acknowledges = answer.is_ok_and(|lines| replies::acknowledges(&lines));
                Stage::Memories
            }
            Stage::Memories => self.heard_memories(&answer),
            Stage::SetMemories => self.heard_memories_set(&answer),
            Stage::SetReading => Stage::VerifyMemories,
            Stage::VerifyMemories => self.heard_verified(&answer),
            Stage::Notifications => self.heard_notifications(&answer),
            Stage::SetNotifications(at) => self.heard_notifications_set(at, &answer),
            Stage::DirectService => {
                self.facts.acknowledges = answer.is_ok();
                self.facts.notifies = true;
                log::info!(
                    "modem: it delivers messages past its store; each is acknowledged once it is on flash"
                );
                Stage::Changes(0)
            }
            Stage::Changes(at) => Stage::Changes(at + 1),
            Stage::Done(standing) => Stage::Done(standing),
        };
    }

    fn heard_identity(&mut self, at: usize, answer: &Answer) -> Stage {
        let words = answer.as_ref().ok().and_then(|lines| replies::words(lines));
        let identity = &mut self.facts.identity;
        match at {
            0 => identity.manufacturer = words,
            1 => identity.model = words,
            2 => identity.revision = words,
            _last => identity.imei = words,
        }
        if !self.known_by_usb {
            let (manufacturer, model) = (&identity.manufacturer, &identity.model);
            self.quirks = quirks::by_words(manufacturer.as_deref(), model.as_deref());
        }
        Stage::Identity(at + 1)
    }

    /// Asks once more after a pause, or gives up.
    fn again(&mut self, stage: Stage, tired: Stage) -> Stage {
        self.tries += 1;
        if self.tries >= PATIENCE {
            self.tries = 0;
            return tired;
        }
        self.pause = true;
        stage
    }

    fn heard_pin_state(&mut self, answer: Answer) -> Stage {
        let absent = Stage::Done(Standing::SimAbsent);
        let state = match answer {
            Ok(lines) => replies::pin_code(&lines),
            Err(Refused::Cme(10)) => return self.sim_is_absent(),
            // SIM failure, busy, wrong; or no answer while the card starts.
            Err(Refused::Cme(13..=15) | Refused::TimedOut) => {
                return self.again(Stage::PinState, absent);
            }
            // A modem that does not know the question has nothing to say against going on.
            Err(Refused::Error | Refused::Cms(_) | Refused::Cme(_)) => None,
        };
        let code = state.unwrap_or_else(|| String::from("READY"));
        self.facts.sim.state = Some(replies::pin_word(&code));
        match code.as_str() {
            "READY" => {
                self.tries = 0;
                self.refused_pin = None;
                Stage::Imsi
            }
            "SIM PIN" => self.wants_pin(),
            "NOT READY" => self.again(Stage::PinState, absent),
            "NOT INSERTED" => absent,
            _puk_or_lock => Stage::Done(Standing::SimPin),
        }
    }

    fn sim_is_absent(&mut self) -> Stage {
        self.facts.sim.state = Some(String::from("absent"));
        Stage::Done(Standing::SimAbsent)
    }

    fn wants_pin(&mut self) -> Stage {
        let stop = Stage::Done(Standing::SimPin);
        if self.entered {
            return self.again(Stage::PinState, stop);
        }
        match &self.modem.pincode {
            None => {
                log::warn!("modem: the SIM wants a PIN and none is configured (option pincode)");
                stop
            }
            Some(pin) if self.refused_pin.as_ref() == Some(pin) => stop,
            Some(_) => Stage::PinTries,
        }
    }

    /// After a restart nobody remembers a refusal; the SIM does. With a try already spent the PIN is not entered.
    fn heard_pin_tries(&mut self, answer: &Answer) -> Stage {
        let left = answer
            .as_ref()
            .ok()
            .and_then(|lines| replies::tries_left(lines));
        self.refused_pin.clone_from(&self.modem.pincode);
        if left.is_some_and(|left| left < 3) {
            log::error!(
                "modem: the SIM has fewer than three tries for its PIN left; the configured PIN is not tried. \
                Enter the right PIN once elsewhere, or configure it, then try again"
            );
            return Stage::Done(Standing::SimPin);
        }
        Stage::EnterPin
    }

    fn heard_entered(&mut self, answer: &Answer) -> Stage {
        self.entered = true;
        match answer {
            Ok(_) | Err(Refused::TimedOut) => self.again(Stage::PinState, Stage::PinState),
            Err(Refused::Error | Refused::Cms(_) | Refused::Cme(_)) => {
                log::error!(
                    "modem: the SIM refused the configured PIN; it is not tried again until another is configured"
                );
                Stage::Done(Standing::SimPin)
            }
        }
    }

    fn heard_iccid(&mut self, at: usize, answer: Answer) -> Stage {
        self.facts.sim.iccid = answer
            .ok()
            .and_then(|lines| replies::first_field(&lines).or_else(|| replies::words(&lines)));
        match self.facts.sim.iccid {
            Some(_) => Stage::PduMode,
            None => Stage::Iccid(at + 1),
        }
    }

    /// A modem that does not say which memory it uses has, for all we know, one: the configured one.
    fn note_memories(&mut self, found: Option<&Memories>) {
        let facts = &mut self.facts;
        let named = found.filter(|found| found.named);
        let ours = Some(self.modem.storage);
        let [reading, _writing, receiving] = named.map_or([ours; 3], |found| found.names);
        facts.reading = reading;
        facts.memory = receiving.or(reading).or(ours);
        facts.counts = found.is_some();
        let same = reading == facts.memory;
        facts.slots = found.filter(|_| same).map(|found| found.slots);
    }

    fn all_right(&self, found: Option<&Memories>) -> bool {
        found.is_some_and(|found| found.names == [Some(self.modem.storage); 3])
    }

    fn heard_memories(&mut self, answer: &Answer) -> Stage {
        // Taken for the configured one, another memory's messages would all come once more.
        if is_starting(answer) {
            return self.again(Stage::Memories, Stage::SetMemories);
        }
        if has_left(answer) {
            return self.sim_is_absent();
        }
        let found = answer
            .as_ref()
            .ok()
            .and_then(|lines| replies::memories(lines));
        self.note_memories(found.as_ref());
        if self.all_right(found.as_ref()) {
            return Stage::Notifications;
        }
        // Even where nothing lies: a message may come before the memory is changed.
        let names = found.filter(|found| found.named).map(|found| found.names);
        let mut names = names.into_iter().flatten().flatten();
        self.facts.elsewhere = names.find(|memory| *memory != self.modem.storage);
        Stage::SetMemories
    }

    fn heard_memories_set(&mut self, answer: &Answer) -> Stage {
        match answer {
            Ok(_) => Stage::VerifyMemories,
            Err(_) if is_starting(answer) => self.again(Stage::SetMemories, Stage::SetReading),
            Err(_) if has_left(answer) => self.sim_is_absent(),
            Err(_) => Stage::SetReading,
        }
    }

    fn heard_verified(&mut self, answer: &Answer) -> Stage {
        if is_starting(answer) {
            let stage = self.again(Stage::VerifyMemories, Stage::Notifications);
            if stage == Stage::VerifyMemories {
                return stage;
            }
        }
        if has_left(answer) {
            return self.sim_is_absent();
        }
        let found = answer
            .as_ref()
            .ok()
            .and_then(|lines| replies::memories(lines));
        self.note_memories(found.as_ref());
        if self.facts.memory != Some(self.modem.storage) {
            log::warn!(
                "modem: it does not keep its messages where msg_storage says ({}); they are read where it does",
                self.modem.storage.as_str()
            );
        }
        Stage::Notifications
    }

    fn heard_notifications(&mut self, answer: &Answer) -> Stage {
        let now = answer
            .as_ref()
            .ok()
            .and_then(|lines| replies::notifying(lines));
        if now.is_some_and(|now| self.suffices(now)) {
            self.facts.notifies = true;
            return Stage::Changes(0);
        }
        Stage::SetNotifications(0)
    }

    /// Told at once, kept in the store; reports told on our port too, or kept.
    fn suffices(&self, now: Notifying) -> bool {
        let reports = now.ds == 2 || (now.ds == 1 && self.modem.exclusive);
        (1..=3).contains(&now.mode) && now.mt == 1 && reports
    }

    fn heard_notifications_set(&mut self, at: usize, answer: &Answer) -> Stage {
        if answer.is_err() {
            let last = at + 1 == self.notify_settings().len();
            if last {
                log::warn!(
                    "modem: it will not tell of new messages; it is asked every poll seconds"
                );
            }
            return Stage::SetNotifications(at + 1);
        }
        let direct = |how: &&str| how.split(',').nth(1) == Some("2");
        if self.notify_settings().get(at).is_some_and(direct) {
            return Stage::DirectService;
        }
        self.facts.notifies = true;
        Stage::Changes(0)
    }
}

/// Where a stage goes whose list has come to its end.
fn after_list(stage: Stage) -> Stage {
    match stage {
        Stage::Identity(_) => Stage::PinState,
        Stage::Iccid(_) => Stage::PduMode,
        Stage::SetNotifications(_) => Stage::Changes(0),
        Stage::EnterPin => Stage::Done(Standing::SimPin),
        Stage::Changes(_)
        | Stage::Echo
        | Stage::Errors
        | Stage::PinState
        | Stage::PinTries
        | Stage::Imsi
        | Stage::PduMode
        | Stage::ServiceCentre
        | Stage::Service
        | Stage::Memories
        | Stage::SetMemories
        | Stage::SetReading
        | Stage::VerifyMemories
        | Stage::Notifications
        | Stage::DirectService
        | Stage::Done(_) => Stage::Done(Standing::Ready),
    }
}

/// SIM failure, busy, wrong; unknown error of a modem whose card still starts.
fn is_starting(answer: &Answer) -> bool {
    matches!(
        answer,
        Err(Refused::Cms(313..=315 | 500) | Refused::Cme(13..=15 | 100))
    )
}

/// Not inserted, or one that wants a PIN, although it was there and wanted none.
fn has_left(answer: &Answer) -> bool {
    let code = answer.as_ref().err().and_then(|refused| refused.code());
    matches!(code, Some(310..=312 | 316..=318))
}
