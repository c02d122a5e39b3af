//! Decider: one command at a time. Tells replies from notifications, also when they come mixed, and notices silence.
//! Never reads or writes the port and never looks at a clock.
//!
//! ```text
//!          begin                    final result, prompt
//!   Idle ---------> Waiting -----------------------------> Idle
//!     ^                |  no line for `timeout`: TimedOut, and late until the answer that may still come is flushed
//!     +----------------+
//! ```

use std::fmt;
use std::time::Duration;

use super::commands::{self, Command, ERROR_TEXTS, End, Expect};
use super::feed::Item;
use super::notify::{self, Header, Notification};
use super::replies::is_registration_read;
use super::ussd;
use crate::time::Tick;

/// Bytes kept of one reply; 255 slots with the longest PDUs take less.
const LONGEST_REPLY: usize = 128 * 1024;

/// The longest PDU line: a service centre and 164 octets take less.
const LONGEST_PDU: usize = 512;

/// A PDU was answered but for its `OK` or its reference: so long the rest may take.
const REST: Duration = Duration::from_secs(5);

/// Why a command was not done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// A bare `ERROR`: not known, or not now.
    Error,
    /// `+CMS ERROR` (27.005 3.2.5).
    Cms(u16),
    /// `+CME ERROR` (27.007 9.2).
    Cme(u16),
    /// No answer in time: it may have been done.
    TimedOut,
}

impl fmt::Display for Refused {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refused::Error => out.write_str("ERROR"),
            Refused::Cms(code) => write!(out, "CMS ERROR {code}"),
            Refused::Cme(code) => write!(out, "CME ERROR {code}"),
            Refused::TimedOut => out.write_str("no answer"),
        }
    }
}

impl Refused {
    /// The number of 27.005 3.2.5, for whoever sent a message; a number of 27.007 9.2 is put into its words.
    pub(super) fn code(self) -> Option<u16> {
        match self {
            Refused::Cms(code) => Some(code),
            Refused::Cme(code) => Some(commands::message_error(code)),
            Refused::Error | Refused::TimedOut => None,
        }
    }
}

/// What a command came to: the lines of its reply, or why not.
pub(super) type Answer = Result<Vec<String>, Refused>;

/// What a line turned out to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Heard {
    /// The command's answer; the conversation is idle again.
    Answer(Answer),
    /// Something told unasked.
    Notification(Notification),
    /// Part of a reply, an echo or rubbish: nothing to do.
    Nothing,
}

#[derive(Debug)]
struct Waiting {
    command: Command,
    lines: Vec<String>,
    /// Bytes in them.
    kept: usize,
    /// A registration without `n`: the reply, unless a better one comes.
    spare: Option<String>,
    pdu_owed: bool,
    deadline: Tick,
}

/// The conversation with one modem.
#[derive(Debug, Default)]
pub(super) struct Conversation {
    waiting: Option<Waiting>,
    header: Option<Header>,
    /// Nothing asked earlier, not even by whoever had the port before, can be answered any more.
    paired: bool,
    silences: u8,
    /// A `+CUSD` whose text has more lines.
    menu: Option<String>,
    /// An `OK` came that nothing was waiting for.
    strays: bool,
    /// A question was answered with a mere `OK` twice: it is this modem's way.
    laconic: bool,
}

impl Conversation {
    /// Begins a command; the bytes to write.
    pub(super) fn begin(&mut self, command: Command, now: Tick) -> Vec<u8> {
        let mut bytes = command.text.as_bytes().to_vec();
        bytes.push(match command.end {
            End::Return => b'\r',
            End::CtrlZ => 0x1A,
            End::Escape => 0x1B,
        });
        self.waiting = Some(Waiting {
            deadline: now + command.timeout,
            pdu_owed: false,
            lines: Vec::new(),
            kept: 0,
            spare: None,
            command,
        });
        bytes
    }

    /// True while a `>` would be a prompt.
    pub(super) fn awaits_prompt(&self) -> bool {
        self.waiting
            .as_ref()
            .is_some_and(|waiting| waiting.command.expect == Expect::Prompt)
    }

    /// True while an answer to an earlier question may still be on its way: after a silence, and on a port just opened,
    /// where an agent that was killed may have asked something.
    pub(super) fn is_late(&self) -> bool {
        !self.paired
    }

    /// The line was quiet after an answered `AT`: question and answer belong together again.
    pub(super) fn flushed(&mut self) {
        self.paired = true;
    }

    /// Commands in a row that were not answered.
    pub(super) fn silences(&self) -> u8 {
        self.silences
    }

    /// True when a mere `OK` to this command may be an earlier command's: it is worth asking twice.
    pub(super) fn doubts(&self, command: &Command) -> bool {
        command.is_question() && (self.strays || !self.laconic)
    }

    /// It answered the same when it was asked again.
    pub(super) fn is_laconic(&mut self) {
        self.laconic = true;
    }

    /// When [`Conversation::on_time`] has something to do.
    pub(super) fn next_wake(&self) -> Option<Tick> {
        self.waiting.as_ref().map(|waiting| waiting.deadline)
    }

    /// The time is `now`: the timeout, if it is over. Lines that came so far are the answer of a command whose result
    /// they hold already (a `+CMGS` without its `OK`; Wavecom's `+CPIN` never has one).
    pub(super) fn on_time(&mut self, now: Tick) -> Option<Answer> {
        let waiting = self.waiting.take_if(|waiting| waiting.deadline <= now)?;
        self.paired = false;
        self.silences = self.silences.saturating_add(1);
        if waiting.command.may_end_open() && !waiting.lines.is_empty() {
            return Some(Ok(waiting.lines));
        }
        Some(Err(Refused::TimedOut))
    }

    /// The modem said something.
    pub(super) fn on(&mut self, item: Item, now: Tick) -> Heard {
        self.silences = 0;
        match item {
            Item::Prompt => self.finish(Ok(Vec::new())),
            Item::Line(line) => self.on_line(line, now),
        }
    }

    fn on_line(&mut self, line: String, now: Tick) -> Heard {
        let line = match self.menu.take() {
            Some(menu) if !is_result(&line) => menu + "\n" + &line,
            Some(_) | None => line,
        };
        if ussd::goes_on(&line) {
            self.menu = Some(line);
            return Heard::Nothing;
        }
        // A header's PDU is the next line but for notifications, or it is lost.
        let header = self.header.take();
        if let Some(header) = header.filter(|_| is_pdu(&line)) {
            return Heard::Notification(header.with(&line));
        }
        if let Some(result) = final_result(&line) {
            return match result {
                Ok(()) => self.on_ok(now),
                Err(refused @ Refused::Cme(_)) if self.waiting.is_none() => {
                    Heard::Notification(Notification::Failed(refused))
                }
                Err(refused) => self.finish(Err(refused)),
            };
        }
        if self
            .waiting
            .as_ref()
            .is_some_and(|w| w.command.expect == Expect::Call)
            && (line == "CONNECT" || notify::call_ended(&line).is_some())
        {
            return self.finish(Ok(vec![line]));
        }
        if self.waiting.as_mut().is_some_and(|w| w.takes(&line)) {
            return self.keep(line, now);
        }
        self.header = Header::parse(&line);
        if self.header.is_some() {
            return Heard::Nothing;
        }
        if let Some(notification) = notify::parse(&line) {
            self.header = header;
            return Heard::Notification(notification);
        }
        let bare = |waiting: &Waiting| waiting.command.takes_bare(&line);
        if self.waiting.as_ref().is_some_and(bare) && !line.starts_with("AT") {
            return self.keep(line, now);
        }
        log::debug!(
            "modem: a line of {} characters has no meaning here",
            line.len()
        );
        Heard::Nothing
    }

    /// `OK` is the end of an answer; but not where a prompt or a reference must come, which one too many cannot replace.
    fn on_ok(&mut self, now: Tick) -> Heard {
        let Some(waiting) = &mut self.waiting else {
            self.strays = true;
            return Heard::Nothing;
        };
        if waiting.command.expect == Expect::Prompt {
            return Heard::Nothing;
        }
        if waiting.command.end == End::CtrlZ && waiting.lines.is_empty() {
            waiting.deadline = waiting.deadline.min(now + REST);
            return Heard::Nothing;
        }
        let mut lines = std::mem::take(&mut waiting.lines);
        if lines.is_empty() {
            lines.extend(waiting.spare.take());
        }
        self.finish(Ok(lines))
    }

    /// Each line earns the next one time, as long as there is room for it.
    fn keep(&mut self, line: String, now: Tick) -> Heard {
        if let Some(waiting) = &mut self.waiting
            && waiting.kept + line.len() <= LONGEST_REPLY
        {
            let reference = waiting.command.end == End::CtrlZ;
            waiting.deadline = now
                + if reference {
                    REST
                } else {
                    waiting.command.timeout
                };
            waiting.kept += line.len() + 1;
            waiting.lines.push(line);
        }
        Heard::Nothing
    }

    fn finish(&mut self, answer: Answer) -> Heard {
        match self.waiting.take() {
            Some(_) => Heard::Answer(answer),
            None => Heard::Nothing,
        }
    }
}

impl Waiting {
    /// True when the line belongs to the reply by its prefix, or as the PDU its header promised.
    fn takes(&mut self, line: &str) -> bool {
        match &self.command.expect {
            Expect::Nothing | Expect::Bare | Expect::Prompt | Expect::Call => false,
            Expect::Anything => {
                let name = line
                    .split(':')
                    .next()
                    .filter(|name| name.starts_with(['+', '^', '$', '*']));
                let asked = self.command.text.to_ascii_uppercase();
                let named = name.is_some_and(|name| asked.contains(name));
                let pdu = self.pdu_owed && is_pdu(line);
                self.pdu_owed = named;
                named || pdu
            }
            Expect::Lines(prefixes) => prefixes.iter().any(|prefix| line.starts_with(prefix)),
            Expect::Registration(prefix) => {
                let read = line.strip_prefix(prefix).map(is_registration_read);
                if read == Some(false) {
                    self.spare = Some(line.to_owned());
                }
                read == Some(true)
            }
            Expect::Pdus(prefix) => {
                let header = line.starts_with(prefix);
                let pdu = self.pdu_owed && is_pdu(line);
                self.pdu_owed = header || (self.pdu_owed && !pdu);
                header || pdu
            }
        }
    }
}

/// A line of hexadecimal digits, as PDUs are written.
fn is_pdu(line: &str) -> bool {
    (2..=LONGEST_PDU).contains(&line.len()) && line.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// A line that no text of the network's is, though one may begin with the plus of a number.
fn is_result(line: &str) -> bool {
    let name = line.strip_prefix(['+', '^']);
    name.is_some_and(|name| name.starts_with(|c: char| c.is_ascii_uppercase()))
        || line == "RING"
        || final_result(line).is_some()
}

/// The final result of a command line (V.250 5.7.1, 27.007 9.2, 27.005 3.2.5).
fn final_result(line: &str) -> Option<Result<(), Refused>> {
    if line == "OK" {
        return Some(Ok(()));
    }
    if line == "ERROR" || line == "COMMAND NOT SUPPORT" {
        return Some(Err(Refused::Error));
    }
    let numbered = |prefix: &str, wrap: fn(u16) -> Refused| {
        let rest = line.strip_prefix(prefix)?.trim();
        Some(Err(error_number(rest).map_or(Refused::Error, wrap)))
    };
    // Words are looked up among the numbers of 27.007; those of 27.005 begin with 300, and the network's below 256 have
    // no words.
    let in_words = |code: u16| Refused::Cms(commands::message_error(code));
    let cms = |code: u16| Refused::Cms(code);
    let spelt = !line.ends_with(|last: char| last.is_ascii_digit());
    numbered("+CMS ERROR:", if spelt { in_words } else { cms })
        .or_else(|| numbered("+CME ERROR:", Refused::Cme))
}

fn error_number(text: &str) -> Option<u16> {
    text.parse().ok().or_else(|| {
        ERROR_TEXTS
            .iter()
            .find(|(words, _)| words.eq_ignore_ascii_case(text))
            .map(|(_, number)| *number)
    })
}

#[cfg(test)]
#[path = "conversation_tests.rs"]
mod tests;
