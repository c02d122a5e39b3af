//! Edge: one open port and the conversation on it — asks, waits for the answer, keeps what is told meanwhile. Never
//! decides what to ask.

use std::cell::Cell;
use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Duration;

use super::commands::{self, Command};
use super::conversation::{Answer, Conversation, Heard};
use super::feed::Intake;
use super::notify::Notification;
use super::port::Port;
use crate::clock::Clock;
use crate::time::Tick;

/// Unanswered commands in a row that make a modem unresponsive.
const SILENCES: u8 = 3;

/// After a late answer the line must be quiet so long before a new question is asked.
const QUIET: Duration = Duration::from_millis(300);

/// The same after an answer that may have been an earlier command's.
const MOMENT: Duration = Duration::from_millis(100);

/// A tty that takes no bytes for so long hangs.
const WRITE: Duration = Duration::from_secs(5);

/// Notifications kept while a command runs; far more than a modem has slots.
const TOLD: usize = 512;

/// That they are more is said so often at most: a modem that went mad must not fill the router's log.
const COMPLAIN: Duration = Duration::from_secs(60);

/// Why a session is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Leave {
    /// The port hung up: find it again.
    Gone,
    /// The modem answers nothing: close the port, try again.
    Silent,
    /// The modem has lost our settings, or they changed: start it again.
    Again,
    /// The configuration names another port or other settings: find the port anew.
    Changed,
    /// The agent stops.
    Stopped,
}

/// A conversation on an open port.
#[derive(Debug)]
pub(super) struct Session {
    port: Port,
    clock: Clock,
    intake: Intake,
    talk: Conversation,
    told: VecDeque<Notification>,
    answered: bool,
    spoke: Rc<Cell<Option<Tick>>>,
    complained: Option<Tick>,
}

impl Session {
    /// A session on a port just opened.
    pub(super) fn new(port: Port, clock: Clock) -> Session {
        Session {
            port,
            clock,
            intake: Intake::default(),
            talk: Conversation::default(),
            told: VecDeque::new(),
            answered: false,
            spoke: Rc::default(),
            complained: None,
        }
    }

    /// True once the modem answered anything.
    pub(super) fn answered(&self) -> bool {
        self.answered
    }

    /// When the modem last answered or told something; kept up to date while a command waits.
    pub(super) fn spoke(&self) -> Rc<Cell<Option<Tick>>> {
        self.spoke.clone()
    }

    /// The oldest thing told that nobody has looked at.
    pub(super) fn take_told(&mut self) -> Option<Notification> {
        self.told.pop_front()
    }

    /// Forgets what was told so far, but for what only was told (direct deliveries) and what was told of the SIM since it
    /// was asked for.
    pub(super) fn forget_settled(&mut self) {
        self.told.retain(|told| {
            matches!(
                told,
                Notification::Message(_) | Notification::Report(_) | Notification::Pin(_)
            )
        });
    }

    /// Forgets what was told of the SIM: it has just been asked for.
    pub(super) fn forget_sim(&mut self) {
        self.told
            .retain(|told| !matches!(told, Notification::Pin(_)));
    }

    /// Forgets what was told of a call.
    pub(super) fn forget_calls(&mut self) {
        let of_a_call = |told: &Notification| {
            matches!(
                told,
                Notification::Ring | Notification::Caller(_) | Notification::CallEnded(_)
            )
        };
        self.told.retain(|told| !of_a_call(told));
    }

    /// True when it told that it has just started; that is settled now.
    pub(super) fn take_restarted(&mut self) -> bool {
        let before = self.told.len();
        self.told.retain(|told| *told != Notification::Restarted);
        self.told.len() < before
    }

    /// Asks, and waits for the answer. Late answers of an earlier command or an earlier agent are flushed first.
    ///
    /// # Errors
    /// [`Leave::Gone`], [`Leave::Silent`].
    pub(super) async fn ask(&mut self, command: Command) -> Result<Answer, Leave> {
        if self.talk.is_late() {
            // On a port just opened nobody was silent yet: what an earlier agent asked is answered at once or never.
            let quiet = match self.talk.silences() {
                0 => MOMENT,
                _ => QUIET,
            };
            self.catch_up(quiet).await?;
        }
        let again = self.talk.doubts(&command).then(|| command.clone());
        let answer = self.exchange(command).await?;
        match again {
            Some(command) if answer.as_ref().is_ok_and(Vec::is_empty) => {
                self.ask_again(command).await
            }
            Some(_) | None => Ok(answer),
        }
    }

    /// A mere `OK` to a question may have been one too many of the command before: once the line is quiet, the question
    /// is asked again.
    async fn ask_again(&mut self, command: Command) -> Result<Answer, Leave> {
        self.catch_up(MOMENT).await?;
        let answer = self.exchange(command).await?;
        if answer.as_ref().is_ok_and(Vec::is_empty) {
            self.talk.is_laconic();
        }
        Ok(answer)
    }

    /// Leaves a prompt without a PDU. What the modem says to that is of no interest.
    ///
    /// # Errors
    /// As [`Session::ask`].
    pub(super) async fn escape(&mut self) -> Result<(), Leave> {
        self.exchange(commands::escape()).await.map(|_| ())
    }

    async fn exchange(&mut self, command: Command) -> Result<Answer, Leave> {
        // What has come already cannot be the answer.
        self.read_rest()?;
        let _late = self.hear();
        log::trace!("modem: > {}", command.shown());
        let bytes = self.talk.begin(command, self.clock.now().tick);
        let wrote = tokio::time::timeout(WRITE, self.port.write_all(&bytes)).await;
        match wrote {
            Ok(Ok(())) => {}
            Ok(Err(_gone)) => return Err(Leave::Gone),
            Err(_elapsed) => return Err(Leave::Silent),
        }
        loop {
            if let Some(answer) = self.hear() {
                self.answered = true;
                log::trace!(
                    "modem: < {}",
                    if answer.is_ok() { "done" } else { "refused" }
                );
                return Ok(answer);
            }
            // Even while it tells other things.
            if let Some(silence) = self.talk.on_time(self.clock.now().tick) {
                log::debug!("modem: no answer");
                return Ok(silence);
            }
            self.read_until(self.talk.next_wake()).await?;
        }
    }

    /// Reads what lies there, without waiting.
    fn read_rest(&mut self) -> Result<(), Leave> {
        let mut buffer = [0; 1024];
        let read = self.port.read_now(&mut buffer);
        let read = read.map_err(|_gone| Leave::Gone)?;
        self.intake.push(buffer.get(..read).unwrap_or_default());
        Ok(())
    }

    /// Reads what comes; `false` when `until` came first.
    async fn read_until(&mut self, until: Option<Tick>) -> Result<bool, Leave> {
        let mut buffer = [0; 1024];
        tokio::select! {
            biased;
            read = self.port.read(&mut buffer) => {
                let read = read.map_err(|_gone| Leave::Gone)?;
                self.intake.push(buffer.get(..read).unwrap_or_default());
                Ok(true)
            }
            () = self.clock.sleep_until(until) => Ok(false),
        }
    }

    /// Goes through what was read, up to an answer.
    fn hear(&mut self) -> Option<Answer> {
        let now = self.clock.now().tick;
        while let Some(item) = self.intake.next(self.talk.awaits_prompt()) {
            let heard = self.talk.on(item, now);
            if heard != Heard::Nothing {
                self.spoke.set(Some(now));
            }
            match heard {
                Heard::Answer(answer) => return Some(answer),
                Heard::Nothing | Heard::Notification(Notification::Noise) => {}
                Heard::Notification(told) if self.told.len() < TOLD => self.told.push_back(told),
                Heard::Notification(_) => {
                    let lately = |at: Tick| now.since(at) < COMPLAIN;
                    if !self.complained.is_some_and(lately) {
                        self.complained = Some(now);
                        log::warn!("modem: it tells more than can be kept");
                    }
                }
            }
        }
        None
    }

    /// Waits until something was told.
    ///
    /// # Errors
    /// [`Leave::Gone`].
    pub(super) async fn listen(&mut self) -> Result<(), Leave> {
        let _late = self.hear();
        while self.told.is_empty() {
            self.read_until(None).await?;
            let _late = self.hear();
        }
        Ok(())
    }

    /// After an unanswered command, and on a port just opened: `ATE0`, then `AT`, until one is answered, then quiet, so
    /// that questions and answers pair again. There are modems that say nothing before `ATE0`, and some that refuse it.
    async fn catch_up(&mut self, quiet: Duration) -> Result<(), Leave> {
        for attempt in 0..SILENCES {
            if self.talk.silences() >= SILENCES {
                return Err(Leave::Silent);
            }
            let probe = match attempt {
                0 => commands::echo_off(),
                _ => commands::attention(),
            };
            if self.exchange(probe).await?.is_ok() {
                self.quieten(quiet).await?;
                self.talk.flushed();
                return Ok(());
            }
            // A prompt left open, as by an agent killed there, swallows every command.
            self.escape().await?;
        }
        Err(Leave::Silent)
    }

    /// Reads until the line is quiet; a modem that never stops telling things has said its late answer by then.
    async fn quieten(&mut self, quiet: Duration) -> Result<(), Leave> {
        let end = self.clock.now().tick + QUIET * 10;
        loop {
            let now = self.clock.now().tick;
            if now >= end || !self.read_until(Some(now + quiet)).await? {
                return Ok(());
            }
            let _late = self.hear();
        }
    }
}
