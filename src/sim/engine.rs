//! Decider: bytes from the port into command lines, commands into replies (V.250 5, 27.005 3.2). Never knows what a
//! single command does: that is `commands/`.

use super::command::{self, Command};
use super::commands;
use super::faults::UnplugAfter;
use super::modem::{Heard, Mode, Modem};
use super::submit::Job;
use crate::time::Now;

/// Why a command fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// `+CME ERROR` (27.007 9.2).
    Cme(u16),
    /// `+CMS ERROR` (27.005 3.2.5).
    Cms(u16),
}

/// 27.007 9.2: operation not allowed.
pub(super) const NOT_ALLOWED: Failure = Failure::Cme(3);
/// 27.007 9.2: operation not supported.
pub(super) const NOT_SUPPORTED: Failure = Failure::Cme(4);
/// 27.007 9.2: incorrect parameters.
pub(super) const BAD_PARAMETERS: Failure = Failure::Cme(50);

/// What a command that does not fail leads to.
#[derive(Debug)]
pub(super) enum Reply {
    /// These lines, and OK. A line may hold a line break where header and PDU belong together.
    Lines(Vec<String>),
    /// This instead of OK.
    Final(&'static str),
    /// The prompt, and a PDU is awaited.
    Prompt(Job),
    /// The answer comes later.
    Later,
}

/// What a command leads to.
pub(super) type Answer = Result<Reply, Failure>;

/// Plain OK.
pub(super) fn ok() -> Answer {
    Ok(Reply::Lines(Vec::new()))
}

/// One line, and OK.
pub(super) fn line(text: impl Into<String>) -> Answer {
    Ok(Reply::Lines(vec![text.into()]))
}

/// A line longer than this is no command line.
const LINE_LIMIT: usize = 2048;

impl Modem {
    /// Bytes from the port.
    pub(super) fn feed(&mut self, bytes: &[u8], now: Now) {
        if self.faults.hung || !self.plug.plugged {
            return;
        }
        self.input.extend(bytes);
        self.work(now);
        self.on_time(now);
    }

    /// Takes what waits in the input, as far as the modem is free.
    pub(super) fn work(&mut self, now: Now) {
        while !matches!(self.mode, Mode::Busy)
            && let Some(byte) = self.input.pop_front()
        {
            if self.settings.echo && byte != 0x1a {
                self.output.push_back(byte);
            }
            self.take(byte, now);
        }
    }

    fn take(&mut self, byte: u8, now: Now) {
        match &mut self.mode {
            Mode::Line(held) => match byte {
                b'\r' => {
                    let whole = std::mem::take(held);
                    self.on_line(&whole, now);
                }
                b'\n' => {}
                8 => {
                    held.pop();
                }
                _ if held.len() < LINE_LIMIT => {
                    held.push(char::from(byte));
                    if held.eq_ignore_ascii_case("a/") {
                        held.clear();
                        let again = self.last_line.clone();
                        self.on_line(&again, now);
                    }
                }
                _ => {}
            },
            Mode::Pdu(..) if self.faults.unplugs(UnplugAfter::Start) => self.unplug(),
            Mode::Pdu(_, held) => match byte {
                0x1a => self.end_of_pdu(now),
                0x1b => {
                    self.mode = Mode::Line(String::new());
                    self.finish(&[], "OK");
                }
                _ if held.len() < LINE_LIMIT => held.push(byte),
                _ => {}
            },
            Mode::Busy => {}
        }
    }

    fn end_of_pdu(&mut self, now: Now) {
        let mode = std::mem::replace(&mut self.mode, Mode::Line(String::new()));
        if let Mode::Pdu(job, held) = mode {
            self.on_pdu(job, &held, now);
        }
    }

    fn on_line(&mut self, line: &str, now: Now) {
        let start = line.to_ascii_uppercase().find("AT");
        let Some(whole) = start.and_then(|start| line.get(start..)) else {
            return;
        };
        self.heard.push(Heard {
            at_ms: now.tick.0,
            line: String::from(whole.trim_end()),
        });
        self.last_line = String::from(whole);
        if self.scripted(whole.trim_end()) {
            return;
        }
        self.run(command::split(whole.get(2..).unwrap_or("")), now);
    }

    fn scripted(&mut self, line: &str) -> bool {
        let fits = |known: &str, beginning: bool| match line.get(..known.len()) {
            Some(head) => {
                head.eq_ignore_ascii_case(known) && (beginning || line.len() == known.len())
            }
            None => false,
        };
        let found = self
            .scripts
            .iter()
            .rev()
            .find(|script| fits(&script.line, script.beginning));
        let Some(reply) = found.map(|script| script.reply.clone()) else {
            return false;
        };
        if let Some((last, info)) = reply.split_last() {
            self.finish(info, last);
        }
        true
    }

    fn run(&mut self, line: Vec<Command>, now: Now) {
        let mut info = Vec::new();
        for command in line {
            match commands::run(self, &command, now) {
                Ok(Reply::Lines(lines)) => info.extend(lines),
                Ok(Reply::Final(text)) => return self.finish(&info, text),
                Ok(Reply::Later) => return,
                Ok(Reply::Prompt(job)) => return self.prompt(job),
                Err(failure) => {
                    let text = self.failure_text(failure);
                    return self.finish(&info, &text);
                }
            }
            if !self.plug.plugged {
                return;
            }
        }
        self.finish(&info, "OK");
    }

    /// The words for a failure, as CMEE wants them.
    pub(super) fn failure_text(&self, failure: Failure) -> String {
        let (kind, code) = match failure {
            Failure::Cme(code) => ("CME", code),
            Failure::Cms(code) => ("CMS", code),
        };
        let shown = self.settings.cmee > 0 || kind == "CMS" && self.profile.cms_always;
        match words(failure).filter(|_| self.settings.cmee == 2) {
            _ if !shown => String::from("ERROR"),
            Some(words) => format!("+{kind} ERROR: {words}"),
            None => format!("+{kind} ERROR: {code}"),
        }
    }

    /// Writes a whole reply: information, then the final result; notifications that waited come behind it, or between.
    pub(super) fn finish(&mut self, info: &[String], result: &str) {
        let between = self.faults.interleave;
        let mut waiting = std::mem::take(&mut self.held);
        if self.settings.quiet {
            return;
        }
        let (edge, end) = if self.settings.verbose {
            ("\r\n", "\r\n")
        } else {
            ("", "\r\n")
        };
        if !info.is_empty() {
            self.say(edge);
        }
        for (at, one) in info.iter().enumerate() {
            self.say(&format!("{one}{end}"));
            if between && at == 0 {
                self.release(&mut waiting);
            }
        }
        if between {
            self.release(&mut waiting);
        }
        self.say(&match result {
            "OK" if !self.settings.verbose => String::from("0\r"),
            "ERROR" if !self.settings.verbose => String::from("4\r"),
            _ => format!("{edge}{result}{end}"),
        });
        self.release(&mut waiting);
    }

    fn release(&mut self, waiting: &mut Vec<String>) {
        for urc in waiting.drain(..) {
            self.say(&format!("\r\n{urc}\r\n"));
        }
    }
}

/// CMEE 2's words for the errors that matter (27.007 9.2, 27.005 3.2.5).
fn words(failure: Failure) -> Option<&'static str> {
    match failure {
        Failure::Cme(3) => Some("operation not allowed"),
        Failure::Cme(4) => Some("operation not supported"),
        Failure::Cme(10) => Some("SIM not inserted"),
        Failure::Cme(11) => Some("SIM PIN required"),
        Failure::Cme(12) => Some("SIM PUK required"),
        Failure::Cme(16) => Some("incorrect password"),
        Failure::Cme(50) => Some("Incorrect parameters"),
        Failure::Cms(310) => Some("SIM not inserted"),
        Failure::Cms(321) => Some("Invalid memory index"),
        Failure::Cms(331) => Some("No network service"),
        Failure::Cme(_) | Failure::Cms(_) => None,
    }
}
