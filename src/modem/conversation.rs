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
    /// they hold already (a `+CMGS` without its `OK`).
    pub(super) fn on_time(&mut self, now: Tick) -> Option<Answer> {
        let waiting = self.waiting.take_if(|waiting| waiting.deadline <= now)?;
        self.paired = false;
        self.silences = self.silences.saturating_add(1);
        if waiting.command.end == End::CtrlZ && !waiting.lines.is_empty() {
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
        // A header's PDU is the next line but for notifications, or it is lost.
        let header = self.header.take();
        if let Some(header) = header.filter(|_| is_pdu(&line)) {
            return Heard::Notification(header.with(&line));
        }
        if let Some(result) = final_result(&line) {
            return match result {
                Ok(()) => self.on_ok(now),
                Err(refused) => self.finish(Err(refused)),
            };
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
        let bare = |waiting: &Waiting| waiting.command.expect == Expect::Bare;
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
            Expect::Nothing | Expect::Bare | Expect::Prompt => false,
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
mod tests {
    use super::super::feed::Intake;
    use super::*;
    use crate::message::Memory;

    const NOW: Tick = Tick(1000);

    /// Feeds `said` in two pieces, cut at `cut`; the answer and the notifications.
    fn converse(command: Command, said: &[u8], cut: usize) -> (Option<Answer>, Vec<Notification>) {
        let mut talk = Conversation::default();
        talk.begin(command, NOW);
        let mut intake = Intake::default();
        let (mut answer, mut told) = (None, Vec::new());
        for piece in [&said[..cut], &said[cut..]] {
            intake.push(piece);
            while let Some(item) = intake.next(talk.awaits_prompt()) {
                match talk.on(item, NOW) {
                    Heard::Answer(got) => answer = Some(got),
                    Heard::Notification(notification) => told.push(notification),
                    Heard::Nothing => {}
                }
            }
        }
        (answer, told)
    }

    fn lines(text: &[&str]) -> Answer {
        Ok(text.iter().map(|line| String::from(*line)).collect())
    }

    /// command, what the modem says, the answer, what is told beside it
    fn chats() -> Vec<(Command, &'static str, Answer, Vec<Notification>)> {
        let stored = |index| Notification::Stored(Some(Memory::Sim), index);
        let [manufacturer, ..] = commands::identity();
        vec![
            (commands::attention(), "AT\r\r\nOK\r\n", lines(&[]), vec![]),
            (
                manufacturer,
                "AT+CGMI\r\r\nQuectel\r\n\r\nOK\r\n",
                lines(&["Quectel"]),
                vec![],
            ),
            (
                commands::list_messages(),
                "\r\n+CMGL: 1,1,,23\r\n0011\r\n+CMTI: \"SM\",4\r\n+CMGL: 2,1,,23\r\n\r\nRING\r\n0022\r\n\r\nOK\r\n",
                lines(&["+CMGL: 1,1,,23", "0011", "+CMGL: 2,1,,23", "0022"]),
                vec![stored(4), Notification::Ring],
            ),
            (
                commands::read_message(1),
                "\r\n+CMT: ,23\r\nRING\r\n00AA\r\n+CMGR: 1,,23\r\n00BB\r\n+CDS: 24\r\n00CC\r\nOK\r\n",
                lines(&["+CMGR: 1,,23", "00BB"]),
                vec![
                    Notification::Ring,
                    Notification::Message(String::from("00AA")),
                    Notification::Report(String::from("00CC")),
                ],
            ),
            (
                commands::send_message(20),
                "\r\n+CMTI: \"SM\",9\r\n\r\n> ",
                lines(&[]),
                vec![stored(9)],
            ),
            (
                commands::send_message(20),
                "\r\n+CMS ERROR: 331\r\n",
                Err(Refused::Cms(331)),
                vec![],
            ),
            (
                commands::message_pdu(String::from("00AABB")),
                "00AABB\u{1A}\r\n+CMGS: 17\r\n\r\nOK\r\n",
                lines(&["+CMGS: 17"]),
                vec![],
            ),
            (
                commands::pin_state(),
                "\r\n+CME ERROR: SIM not inserted\r\n",
                Err(Refused::Cme(10)),
                vec![],
            ),
            (
                commands::signal(),
                "\r\nNO CARRIER\r\n\r\nERROR\r\n",
                Err(Refused::Error),
                vec![Notification::CallEnded],
            ),
        ]
    }

    #[test]
    fn every_chat_cut_at_every_byte_comes_out_the_same() {
        for (command, said, answer, told) in chats() {
            for cut in 0..=said.len() {
                let got = converse(command.clone(), said.as_bytes(), cut);
                assert_eq!(
                    got,
                    (Some(answer.clone()), told.clone()),
                    "{said:?} at {cut}"
                );
            }
        }
    }

    #[test]
    fn a_registration_notification_during_its_own_read_is_not_the_reply() {
        let said =
            b"\r\n+CREG: 1,\"00C3\",\"01A2\",7\r\n\r\n+CREG: 2,5,\"00C3\",\"01A2\",7\r\n\r\nOK\r\n";
        let (answer, told) = converse(commands::registration(), said, 0);
        assert_eq!(answer, Some(lines(&["+CREG: 2,5,\"00C3\",\"01A2\",7"])));
        assert!(matches!(told[..], [Notification::Registration(_)]));
    }

    #[test]
    fn on_a_port_just_opened_an_earlier_answer_may_still_come() {
        assert!(Conversation::default().is_late());
    }

    #[test]
    fn a_registration_without_n_is_the_reply_when_no_other_comes() {
        let (answer, told) = converse(commands::registration(), b"\r\n+CREG: 5\r\nOK\r\n", 0);
        assert_eq!(answer, Some(lines(&["+CREG: 5"])));
        assert_eq!(told.len(), 1);
    }

    #[test]
    fn an_ok_too_many_is_neither_prompt_nor_reference() {
        let said = b"\r\nOK\r\n\r\n> ";
        let (answer, _) = converse(commands::send_message(20), said, 0);
        assert_eq!(answer, Some(lines(&[])));
        let said = b"\r\nOK\r\n\r\n+CMGS: 4\r\nOK\r\n";
        let pdu = commands::message_pdu(String::from("00"));
        assert_eq!(converse(pdu, said, 0).0, Some(lines(&["+CMGS: 4"])));
    }

    #[test]
    fn a_mere_ok_is_doubted_until_the_modem_repeats_it_and_for_ever_after_a_stray_one() {
        let mut talk = Conversation::default();
        assert!(talk.doubts(&commands::registration()) && talk.doubts(&commands::list_messages()));
        assert!(!talk.doubts(&commands::pdu_mode()));
        talk.is_laconic();
        assert!(!talk.doubts(&commands::registration()));
        talk.on(Item::Line(String::from("OK")), NOW);
        assert!(talk.doubts(&commands::registration()));
    }

    #[test]
    fn refusals_to_send_come_in_the_numbers_of_the_message_service() {
        for (said, code) in [
            ("+CME ERROR: 30", Some(331)),
            ("+CME ERROR: 14", Some(314)),
            ("+CME ERROR: SIM not inserted", Some(310)),
            ("+CMS ERROR: SIM busy", Some(314)),
            ("+CMS ERROR: Network timeout", Some(332)),
            ("+CMS ERROR: 38", Some(38)),
            ("+CME ERROR: 38", Some(500)),
            ("+CMS ERROR: gremlins", None),
            ("ERROR", None),
        ] {
            let heard = format!("{said}\r\n");
            let (answer, _) = converse(commands::send_message(20), heard.as_bytes(), 0);
            assert_eq!(answer.unwrap().unwrap_err().code(), code, "{said}");
        }
    }

    #[test]
    fn a_reply_without_end_is_bounded_in_bytes_and_in_time() {
        let mut talk = Conversation::default();
        talk.begin(commands::list_messages(), NOW);
        let line = format!("+CMGL: {}", "9".repeat(1000));
        let mut now = NOW;
        for _ in 0..1000 {
            now = now + Duration::from_secs(1);
            talk.on(Item::Line(line.clone()), now);
        }
        assert!(talk.waiting.as_ref().unwrap().kept <= LONGEST_REPLY);
        assert_eq!(talk.on_time(now), Some(Err(Refused::TimedOut)));
    }

    #[test]
    fn silence_is_noticed_and_a_late_answer_answers_nothing() {
        let mut talk = Conversation::default();
        talk.begin(commands::signal(), NOW);
        let deadline = talk.next_wake().unwrap();
        assert_eq!(talk.on_time(NOW), None);
        assert_eq!(talk.on_time(deadline), Some(Err(Refused::TimedOut)));
        assert_eq!((talk.is_late(), talk.silences()), (true, 1));
        for late in ["+CSQ: 20,99", "OK"] {
            let heard = talk.on(Item::Line(String::from(late)), deadline);
            assert!(!matches!(heard, Heard::Answer(_)), "{late}");
        }
        assert_eq!(talk.silences(), 0);
        talk.flushed();
        assert!(!talk.is_late());
    }

    #[test]
    fn a_reference_without_its_ok_still_counts_as_sent() {
        let mut talk = Conversation::default();
        talk.begin(commands::message_pdu(String::from("00")), NOW);
        talk.on(Item::Line(String::from("+CMGS: 9")), NOW);
        let deadline = talk.next_wake().unwrap();
        assert_eq!(talk.on_time(deadline), Some(lines(&["+CMGS: 9"])));
    }

    #[test]
    fn a_direct_delivery_that_lost_its_pdu_takes_no_other_s() {
        let said = b"\r\n+CMT: ,23\r\n\r\n+CMGR: 1,,23\r\n00BB\r\n\r\nOK\r\n";
        let (answer, told) = converse(commands::read_message(1), said, 0);
        assert_eq!(
            (answer, told),
            (Some(lines(&["+CMGR: 1,,23", "00BB"])), vec![])
        );
    }

    #[test]
    fn rubbish_ends_nothing() {
        let rubbish = [
            &b"\xFF\xFE\0\0\r\n"[..],
            b"\r\n\r\n+\r\nO\r\nK\r\n",
            &[b'A'; 9000],
        ]
        .concat();
        let (answer, told) = converse(commands::signal(), &rubbish, 3);
        assert_eq!((answer, told), (None, vec![]));
    }
}
