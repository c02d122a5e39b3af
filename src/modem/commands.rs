//! Table: every AT text the agent sends, with the replies it expects and how long they may take. Never sends one.
//!
//! Clauses: V.250, 3GPP TS 27.005 (SMS), 3GPP TS 27.007 (the rest); vendor commands carry their vendor's name.

use std::borrow::Cow;
use std::time::Duration;

use crate::message::Memory;

/// Which lines before the final result belong to the command; everything else is a notification.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Expect {
    /// None.
    Nothing,
    /// Any line that is no known notification (`+CGMI` and its like answer without a prefix).
    Bare,
    /// Lines with one of these prefixes.
    Lines(Vec<&'static str>),
    /// Lines with this prefix, each followed by a line with a PDU.
    Pdus(&'static str),
    /// A registration read (`+CREG: n,stat…`), told from its notification (`+CREG: stat…`) by the second field.
    Registration(&'static str),
    /// The `> ` of 27.005 3.5.1.
    Prompt,
    /// None, but V.250's words for a call that comes to nothing (6.3.1) or to something end it as `OK` does.
    Call,
    /// Whatever is no notification, and what carries a name that stands in the command.
    Anything,
}

/// The byte that closes what is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// CR: a command.
    Return,
    /// Ctrl-Z: a PDU.
    CtrlZ,
    /// ESC: no PDU after all.
    Escape,
}

/// A command as a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Command {
    /// What is sent, without its end.
    pub text: Cow<'static, str>,
    /// What closes it.
    pub end: End,
    /// What belongs to it.
    pub expect: Expect,
    /// From the last byte sent, and again from each line of the reply.
    pub timeout: Duration,
}

impl Command {
    fn new(text: impl Into<Cow<'static, str>>, expect: Expect, seconds: u64) -> Command {
        Command {
            text: text.into(),
            end: End::Return,
            expect,
            timeout: Duration::from_secs(seconds),
        }
    }

    /// For the log: its text, but no PIN and no message.
    pub(super) fn shown(&self) -> &str {
        match self.end {
            End::CtrlZ => "(PDU)",
            End::Escape => "(ESC)",
            End::Return if self.text.starts_with("AT+CPIN=") => "AT+CPIN=(hidden)",
            // Numbers, codes and what the owner asks are nobody else's.
            End::Return if self.text.starts_with("ATD") => "ATD(hidden)",
            End::Return if self.text.starts_with("AT+CUSD=1,") => "AT+CUSD=(hidden)",
            End::Return if self.expect == Expect::Anything => "(raw)",
            End::Return => &self.text,
        }
    }

    /// True when an answer says something: a mere `OK` means that a slot is empty, or that it was not the answer.
    pub(super) fn is_question(&self) -> bool {
        match self.expect {
            Expect::Nothing | Expect::Prompt | Expect::Call | Expect::Anything => false,
            Expect::Bare | Expect::Pdus(_) | Expect::Registration(_) => true,
            Expect::Lines(_) => self.end == End::Return && !self.text.contains('='),
        }
    }

    /// True when lines that came are an answer even without the `OK` that never does.
    pub(super) fn may_end_open(&self) -> bool {
        self.end == End::CtrlZ || matches!(self.expect, Expect::Lines(_))
    }

    /// True for a line without a prefix that may be the answer. What stands behind another name is not: makers tell
    /// things of their own at any time (`+ZUSIMR: 2` of ZTE's, `#QSS: 1` of Telit's).
    pub(super) fn takes_bare(&self, line: &str) -> bool {
        let own = self.text.trim_start_matches("AT+");
        match self.expect {
            Expect::Anything => true,
            Expect::Bare => line
                .strip_prefix(['+', '#', '%'])
                .and_then(|line| line.split_once(':'))
                .is_none_or(|(name, _)| own.contains(name) || name.contains(own)),
            Expect::Nothing
            | Expect::Lines(_)
            | Expect::Pdus(_)
            | Expect::Registration(_)
            | Expect::Prompt
            | Expect::Call => false,
        }
    }

    /// Both questions on one command line (V.250 5.2.1), where `self` and `other` are extended-syntax questions.
    pub(super) fn with(mut self, other: &Command) -> Command {
        let tail = other.text.strip_prefix("AT").unwrap_or(&other.text);
        self.text = format!("{};{tail}", self.text).into();
        if let (Expect::Lines(mine), Expect::Lines(theirs)) = (&mut self.expect, &other.expect) {
            mine.extend(theirs);
        }
        self.timeout = self.timeout.max(other.timeout);
        self
    }
}

fn set(text: impl Into<Cow<'static, str>>) -> Command {
    Command::new(text, Expect::Nothing, 5)
}

fn ask(text: &'static str, prefix: &'static str) -> Command {
    Command::new(text, Expect::Lines(vec![prefix]), 5)
}

fn bare(text: &'static str) -> Command {
    Command::new(text, Expect::Bare, 5)
}

/// Are you there?
pub(super) fn attention() -> Command {
    Command::new("AT", Expect::Nothing, 2)
}

/// Echo off (V.250 6.2.4).
pub(super) fn echo_off() -> Command {
    Command::new("ATE0", Expect::Nothing, 2)
}

/// Errors as numbers (27.007 9.1).
pub(super) fn numeric_errors() -> Command {
    set("AT+CMEE=1")
}

/// 27.007 5.1 to 5.4: manufacturer, model, revision, serial number.
pub(super) fn identity() -> [Command; 4] {
    ["AT+CGMI", "AT+CGMM", "AT+CGMR", "AT+CGSN"].map(bare)
}

/// What does the SIM want (27.007 8.3)?
pub(super) fn pin_state() -> Command {
    ask("AT+CPIN?", "+CPIN:")
}

/// How many tries does the PIN have left (27.007 8.65)?
pub(super) fn pin_tries() -> Command {
    ask("AT+CPINR=\"SIM PIN\"", "+CPINR:")
}

/// The same, Quectel's way.
pub(super) fn quectel_pin_tries() -> Command {
    ask("AT+QPINC=\"SC\"", "+QPINC:")
}

/// Enter the PIN (27.007 8.3). Spends a try when it is wrong.
pub(super) fn enter_pin(pin: &str) -> Command {
    Command::new(format!("AT+CPIN=\"{pin}\""), Expect::Nothing, 15)
}

/// IMSI (27.007 5.6).
pub(super) fn imsi() -> Command {
    bare("AT+CIMI")
}

/// ICCID (27.007 8.94); some answer with the bare number.
pub(super) fn iccid() -> Command {
    bare("AT+CCID")
}

/// ICCID, Quectel.
pub(super) fn quectel_iccid() -> Command {
    ask("AT+QCCID", "+QCCID:")
}

/// ICCID, MeigLink; some firmware leaves the plus off.
pub(super) fn meig_iccid() -> Command {
    Command::new(
        "AT+ICCID",
        Expect::Lines(vec!["+ICCID:", "ICCID:", "+CCID:"]),
        5,
    )
}

/// PDU mode (27.005 3.2.3).
pub(super) fn pdu_mode() -> Command {
    set("AT+CMGF=0")
}

/// The service centre (27.005 3.3.1).
pub(super) fn service_centre() -> Command {
    ask("AT+CSCA?", "+CSCA:")
}

/// Which message service (27.005 3.2.1): with 1, direct deliveries want `AT+CNMA`.
pub(super) fn message_service() -> Command {
    ask("AT+CSMS?", "+CSMS:")
}

/// Message service 1 (phase 2+).
pub(super) fn message_service_2plus() -> Command {
    Command::new("AT+CSMS=1", Expect::Lines(vec!["+CSMS:"]), 5)
}

/// The three preferred memories and how full they are (27.005 3.2.2).
pub(super) fn memories() -> Command {
    ask("AT+CPMS?", "+CPMS:")
}

/// All three memories to `memory`: the first alone leaves incoming messages where they were.
pub(super) fn set_memories(memory: Memory) -> Command {
    let name = memory.as_str();
    Command::new(
        format!("AT+CPMS=\"{name}\",\"{name}\",\"{name}\""),
        Expect::Lines(vec!["+CPMS:"]),
        10,
    )
}

/// Only the memory that is read and deleted from.
pub(super) fn set_reading_memory(memory: &str) -> Command {
    Command::new(
        format!("AT+CPMS=\"{memory}\""),
        Expect::Lines(vec!["+CPMS:"]),
        10,
    )
}

/// How new messages are told (27.005 3.4.1).
pub(super) fn notifications() -> Command {
    ask("AT+CNMI?", "+CNMI:")
}

/// Sets it, such as `2,1,0,1,0`.
pub(super) fn set_notifications(how: &str) -> Command {
    set(format!("AT+CNMI={how}"))
}

/// Registration tells itself, with area, cell and technology (27.007 7.2, 10.1.22); callers' numbers too (7.6): on
/// this port alone, and unread, for the question `+CLIP?` goes to the network.
pub(super) fn tell_changes() -> [Command; 3] {
    ["AT+CREG=2", "AT+CEREG=2", "AT+CLIP=1"].map(|text| Command::new(text, Expect::Nothing, 15))
}

/// Registration, circuit side (27.007 7.2).
pub(super) fn registration() -> Command {
    Command::new("AT+CREG?", Expect::Registration("+CREG:"), 5)
}

/// Registration, LTE (27.007 10.1.22).
pub(super) fn lte_registration() -> Command {
    Command::new("AT+CEREG?", Expect::Registration("+CEREG:"), 5)
}

/// Registration, packet side (27.007 10.1.20): for modems that know no other.
pub(super) fn packet_registration() -> Command {
    Command::new("AT+CGREG?", Expect::Registration("+CGREG:"), 5)
}

/// Operator as a name, and as MCC and MNC (27.007 7.3): set the format, ask; twice.
pub(super) fn operator() -> [Command; 4] {
    let format = |text| Command::new(text, Expect::Nothing, 5);
    let ask = || Command::new("AT+COPS?", Expect::Lines(vec!["+COPS:"]), 10);
    [format("AT+COPS=3,2"), ask(), format("AT+COPS=3,0"), ask()]
}

/// Signal (27.007 8.5): RSSI alone.
pub(super) fn signal() -> Command {
    ask("AT+CSQ", "+CSQ:")
}

/// Extended signal (27.007 8.69).
pub(super) fn extended_signal() -> Command {
    ask("AT+CESQ", "+CESQ:")
}

/// Signal, Quectel (EC25&EC21 AT Commands Manual, `AT+QCSQ`).
pub(super) fn quectel_signal() -> Command {
    ask("AT+QCSQ", "+QCSQ:")
}

/// The serving cell, MeigLink: `NAME:value`, one a line. Only levels, band and channel are listened for.
pub(super) fn meig_signal() -> Command {
    let levels = vec![
        "RSSI:", "RSRP:", "RSRQ:", "SINR:", "RSCP:", "ECIO:", "BAND:", "CHANNEL:",
    ];
    Command::new("AT+SGCELLINFO", Expect::Lines(levels), 5)
}

/// Cell, neighbours and temperature, Quectel (QuecCell manual, `AT+QENG`; `AT+QTEMP`), on one line.
pub(super) fn quectel_cells() -> Command {
    let text = "AT+QENG=\"servingcell\";+QENG=\"neighbourcell\";+QTEMP";
    Command::new(text, Expect::Lines(vec!["+QENG:", "+QTEMP:"]), 10)
}

/// The serving cell alone, Quectel.
pub(super) fn quectel_cell() -> Command {
    Command::new("AT+QENG=\"servingcell\"", Expect::Lines(vec!["+QENG:"]), 5)
}

/// Signal, modems that follow Huawei.
pub(super) fn huawei_signal() -> Command {
    ask("AT^HCSQ?", "^HCSQ:")
}

/// All messages of the reading memory (27.005 4.1), whatever their status.
pub(super) fn list_messages() -> Command {
    Command::new("AT+CMGL=4", Expect::Pdus("+CMGL:"), 20)
}

/// One message (27.005 4.2).
pub(super) fn read_message(index: u16) -> Command {
    Command::new(format!("AT+CMGR={index}"), Expect::Pdus("+CMGR:"), 5)
}

/// Delete one message (27.005 3.5.4).
pub(super) fn delete_message(index: u16) -> Command {
    Command::new(format!("AT+CMGD={index}"), Expect::Nothing, 10)
}

/// Acknowledge a direct delivery (27.005 4.7).
pub(super) fn acknowledge() -> Command {
    set("AT+CNMA")
}

/// Keep the link between messages (27.005 3.5.6).
pub(super) fn keep_link() -> Command {
    set("AT+CMMS=2")
}

/// And let it go.
pub(super) fn let_link_go() -> Command {
    set("AT+CMMS=0")
}

/// Ask to send a TPDU of so many octets (27.005 4.3).
pub(super) fn send_message(octets: usize) -> Command {
    Command::new(format!("AT+CMGS={octets}"), Expect::Prompt, 5)
}

/// The PDU after the prompt. The network may take two minutes.
pub(super) fn message_pdu(hex: String) -> Command {
    Command {
        end: End::CtrlZ,
        ..Command::new(hex, Expect::Lines(vec!["+CMGS:"]), 120)
    }
}

/// Leave the prompt without a PDU.
pub(super) fn escape() -> Command {
    Command {
        end: End::Escape,
        ..Command::new("", Expect::Nothing, 1)
    }
}

/// Dial a voice call (27.007 6.2: the semicolon); `OK` comes at once.
pub(super) fn dial(number: &str) -> Command {
    Command::new(format!("ATD{number};"), Expect::Call, 20)
}

/// Take the call that rings (V.250 6.3.5).
pub(super) fn answer() -> Command {
    Command::new("ATA", Expect::Call, 20)
}

/// Hang up, or reject (27.007 6.5; V.250 6.3.6 where the first is not known).
pub(super) fn hang_up() -> [Command; 2] {
    ["AT+CHUP", "ATH"].map(|text| Command::new(text, Expect::Nothing, 20))
}

/// Which calls are there (27.007 7.18)?
pub(super) fn list_calls() -> Command {
    ask("AT+CLCC", "+CLCC:")
}

/// USSD (27.007 7.15); the answer is told later. The coding is GSM 7-bit, language unspecified (23.038 clause 5).
pub(super) fn ussd(code: &str) -> Command {
    Command::new(format!("AT+CUSD=1,\"{code}\",15"), Expect::Nothing, 20)
}

/// End the USSD session.
pub(super) fn end_ussd() -> Command {
    set("AT+CUSD=2")
}

/// What the owner asks.
pub(super) fn raw(line: String) -> Command {
    Command::new(line, Expect::Anything, 30)
}

/// Error texts of modems that ignore `AT+CMEE=1`, and the numbers of 27.007 9.2 and 27.005 3.2.5 they stand for.
pub(super) const ERROR_TEXTS: &[(&str, u16)] = &[
    ("phone failure", 0),
    ("operation not allowed", 3),
    ("operation not supported", 4),
    ("SIM not inserted", 10),
    ("SIM PIN required", 11),
    ("SIM PUK required", 12),
    ("SIM failure", 13),
    ("SIM busy", 14),
    ("SIM wrong", 15),
    ("incorrect password", 16),
    ("SIM PIN2 required", 17),
    ("SIM PUK2 required", 18),
    ("memory full", 20),
    ("invalid index", 21),
    ("invalid memory index", 21),
    ("memory failure", 23),
    ("no network service", 30),
    ("network timeout", 31),
    ("unknown", 100),
    ("unknown error", 100),
];

/// The number of 27.005 3.2.5 that means the same as one of 27.007 9.2: what is about the message service has both.
pub(super) fn message_error(equipment: u16) -> u16 {
    match equipment {
        0 => 300,
        3 => 302,
        4 => 303,
        5..=7 => 312,
        10 => 310,
        11 | 16 => 311,
        12 => 316,
        13..=15 => 300 + equipment,
        17 | 18 => 300 + equipment,
        20 => 322,
        21 | 22 => 321,
        23 => 320,
        30 | 32 => 331,
        31 => 332,
        _other => 500,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_never_shows_a_pin_or_a_message() {
        assert_eq!(enter_pin("1234").shown(), "AT+CPIN=(hidden)");
        assert_eq!(message_pdu(String::from("0011AA")).shown(), "(PDU)");
        assert_eq!(memories().shown(), "AT+CPMS?");
    }

    #[test]
    fn two_questions_go_on_one_line() {
        let both = memories().with(&quectel_signal());
        assert_eq!(both.text, "AT+CPMS?;+QCSQ");
        assert_eq!(both.expect, Expect::Lines(vec!["+CPMS:", "+QCSQ:"]));
        assert_eq!(memories().with(&huawei_signal()).text, "AT+CPMS?;^HCSQ?");
    }

    #[test]
    fn all_three_memories_are_set_at_once() {
        assert_eq!(
            set_memories(Memory::Modem).text,
            "AT+CPMS=\"ME\",\"ME\",\"ME\""
        );
    }
}
