//! Edge: one open port and the conversation on it — asks, waits for the answer, keeps what is told meanwhile. Never
//! decides what to ask.

use std::collections::VecDeque;
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

/// A tty that takes no bytes for so long hangs.
const WRITE: Duration = Duration::from_secs(5);

/// Notifications kept while a command runs; far more than a modem has slots.
const TOLD: usize = 512;

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
        }
    }

    /// True once the modem answered anything.
    pub(super) fn answered(&self) -> bool {
        self.answered
    }

    /// The oldest thing told that nobody has looked at.
    pub(super) fn take_told(&mut self) -> Option<Notification> {
        self.told.pop_front()
    }

    /// Forgets what was told so far, but for what only was told (direct deliveries).
    pub(super) fn forget_settled(&mut self) {
        self.told
            .retain(|told| matches!(told, Notification::Message(_) | Notification::Report(_)));
    }

    /// Asks, and waits for the answer. Late answers of an earlier command or an earlier agent are flushed first.
    ///
    /// # Errors
    /// [`Leave::Gone`], [`Leave::Silent`].
    pub(super) async fn ask(&mut self, command: Command) -> Result<Answer, Leave> {
        if self.talk.is_late() {
            self.catch_up().await?;
        }
        self.exchange(command).await
    }

    /// Leaves a prompt without a PDU. What the modem says to that is of no interest.
    ///
    /// # Errors
    /// As [`Session::ask`].
    pub(super) async fn escape(&mut self) -> Result<(), Leave> {
        self.exchange(commands::escape()).await.map(|_| ())
    }

    async fn exchange(&mut self, command: Command) -> Result<Answer, Leave> {
        // What was read already cannot be the answer.
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
            if !self.read_until(self.talk.next_wake()).await?
                && let Some(silence) = self.talk.on_time(self.clock.now().tick)
            {
                log::debug!("modem: no answer");
                return Ok(silence);
            }
        }
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
            match self.talk.on(item, now) {
                Heard::Answer(answer) => return Some(answer),
                Heard::Nothing | Heard::Notification(Notification::Noise) => {}
                Heard::Notification(told) if self.told.len() < TOLD => self.told.push_back(told),
                Heard::Notification(_) => log::warn!("modem: it tells more than can be kept"),
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

    /// After an unanswered command, and on a port just opened: `AT` until it is answered, then quiet, so that questions and answers pair again.
    async fn catch_up(&mut self) -> Result<(), Leave> {
        for _try in 0..SILENCES {
            if self.talk.silences() >= SILENCES {
                return Err(Leave::Silent);
            }
            if self.exchange(commands::attention()).await?.is_ok() {
                self.quieten().await?;
                self.talk.flushed();
                return Ok(());
            }
            // A prompt left open, as by an agent killed there, swallows every command.
            self.escape().await?;
        }
        Err(Leave::Silent)
    }

    /// Reads until the line is quiet; a modem that never stops telling things has said its late answer by then.
    async fn quieten(&mut self) -> Result<(), Leave> {
        let end = self.clock.now().tick + QUIET * 10;
        loop {
            let now = self.clock.now().tick;
            if now >= end || !self.read_until(Some(now + QUIET)).await? {
                return Ok(());
            }
            let _late = self.hear();
        }
    }
}
