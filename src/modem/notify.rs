//! Codec: the lines a modem sends unasked. Never decides what to do about them.

use super::conversation::Refused;
use super::replies::{Registered, after, fields, memory, party, registration, unquoted};
use super::ussd::{self, Said};
use crate::message::{Memory, Number};

/// What a modem told unasked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Notification {
    /// `+CMTI`, `+CDSI` (27.005 3.4.1): a message or report lies in this slot. `None`: in a memory that is not used here.
    Stored(Option<Memory>, u16),
    /// `+CDSI` for a memory that holds nothing but reports (27.005 3.1 "SR"): its name, the index.
    ReportApart(String, u16),
    /// `+CMT` and its PDU, in hexadecimal: delivered directly, kept nowhere else.
    Message(String),
    /// `+CDS` and its PDU: a status report, kept nowhere else.
    Report(String),
    /// `+CREG` (27.007 7.2): the circuit side.
    Registration(Registered),
    /// `+CEREG` (27.007 10.1.22).
    LteRegistration(Registered),
    /// `RING` or `+CRING`.
    Ring,
    /// `+CLIP` (27.007 7.6): who calls; `None` when withheld.
    Caller(Option<Number>),
    /// `NO CARRIER`, `BUSY` and their like: the call is over, and why.
    CallEnded(&'static str),
    /// `+CUSD` (27.007 7.15).
    Ussd(Said),
    /// `+CME ERROR` that answers no command: the network's answer to a USSD code, where a modem words it so.
    Failed(Refused),
    /// `+CPIN`: the SIM changed its mind, or was taken out.
    Pin(String),
    /// `RDY` and its like: the modem has just started, and knows none of our settings.
    Restarted,
    /// The message store is full (`+QIND: "smsfull"`, `^SMMEMFULL`).
    StoreFull,
    /// Vendor noise.
    Noise,
}

/// A header whose PDU comes on the next line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Header {
    /// `+CMT`.
    Message,
    /// `+CDS`.
    Report,
    /// `+CBM`: a cell broadcast, dropped.
    Broadcast,
}

impl Header {
    /// The header in this line, if it is one.
    pub(super) fn parse(line: &str) -> Option<Header> {
        [
            ("+CMT:", Header::Message),
            ("+CDS:", Header::Report),
            ("+CBM:", Header::Broadcast),
        ]
        .into_iter()
        .find(|(prefix, _)| line.starts_with(prefix))
        .map(|(_, header)| header)
    }

    /// The notification, once its PDU is here.
    pub(super) fn with(self, pdu: &str) -> Notification {
        match self {
            Header::Message => Notification::Message(pdu.to_owned()),
            Header::Report => Notification::Report(pdu.to_owned()),
            Header::Broadcast => Notification::Noise,
        }
    }
}

const RESTARTED: &[&str] = &["RDY", "^SYSSTART", "+CFUN: 1", "PB DONE"];
/// How a call ends, and what that is called here.
const ENDED: &[(&str, &str)] = &[
    ("NO CARRIER", "no carrier"),
    ("BUSY", "busy"),
    ("NO ANSWER", "no answer"),
    ("NO DIALTONE", "no carrier"),
    ("NO DIAL TONE", "no carrier"),
    ("+CEND:", "ended"),
    ("^CEND:", "ended"),
    ("VOICE CALL: END", "ended"),
];
const NOISE: &[&str] = &[
    "^",
    "$",
    "*",
    "+Q",
    "+CIEV:",
    "+CTZ",
    "+CGEV:",
    "+CGREG:",
    "+CCWA:",
    "+CSSI",
    "+CSSU",
    "DST:",
    "SMS DONE",
    "SMS READY",
    "CALL READY",
    "+CSQ:",
    "+CESQ:",
];

/// Reads a line; `None` when it is no notification known here.
pub(super) fn parse(line: &str) -> Option<Notification> {
    if let Some(rest) = after(line, "+CMTI:") {
        // An index of -1, or none, has been seen: the list tells.
        return stored(rest).or(Some(Notification::Stored(None, 0)));
    }
    if let Some(rest) = after(line, "+CDSI:") {
        return report_apart(rest).or_else(|| stored(rest));
    }
    if let Some(rest) = after(line, "+CREG:") {
        return registration(rest, false).map(Notification::Registration);
    }
    if let Some(rest) = after(line, "+CEREG:") {
        return registration(rest, false).map(Notification::LteRegistration);
    }
    if let Some(rest) = after(line, "+CLIP:") {
        let fields = fields(rest);
        let number = party(fields.first(), fields.get(1));
        let withheld = fields.get(5) == Some(&"1");
        return Some(Notification::Caller(number.filter(|_| !withheld)));
    }
    if let Some(rest) = after(line, "+CPIN:") {
        return Some(Notification::Pin(rest.to_owned()));
    }
    if line == "RING" || line.starts_with("+CRING:") {
        return Some(Notification::Ring);
    }
    if let Some(rest) = after(line, "+CUSD:") {
        return ussd::parse(rest).map(Notification::Ussd);
    }
    if let Some(why) = call_ended(line) {
        return Some(Notification::CallEnded(why));
    }
    let noise = NOISE.iter().any(|start| begins(line, start));
    if line.contains("smsfull") || line.starts_with("^SMMEMFULL") {
        Some(Notification::StoreFull)
    } else if RESTARTED.contains(&line) {
        Some(Notification::Restarted)
    } else {
        noise.then_some(Notification::Noise)
    }
}

/// Why the call is over, if that is what the line says.
pub(super) fn call_ended(line: &str) -> Option<&'static str> {
    let found = ENDED.iter().find(|(start, _)| begins(line, start));
    found.map(|(_, why)| *why)
}

/// "Call Ready", "CALL READY": makers differ.
fn begins(line: &str, start: &str) -> bool {
    line.get(..start.len())
        .is_some_and(|head| head.eq_ignore_ascii_case(start))
}

fn report_apart(rest: &str) -> Option<Notification> {
    let fields = fields(rest);
    let name = unquoted(fields.first()?);
    let plain = name.len() == 2 && name.bytes().all(|byte| byte.is_ascii_uppercase());
    let index = fields.get(1)?.parse().ok()?;
    (plain && memory(name).is_none()).then(|| Notification::ReportApart(name.to_owned(), index))
}

fn stored(rest: &str) -> Option<Notification> {
    let fields = fields(rest);
    let memory = memory(fields.first()?);
    let index = fields.get(1)?.parse().ok()?;
    Some(Notification::Stored(memory, index))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signal::Registration;

    #[test]
    fn each_notification_is_read() {
        let sim = Some(Memory::Sim);
        let chat = [
            ("+CMTI: \"SM\",3", Notification::Stored(sim, 3)),
            (
                "+CMTI:\"ME\", 0",
                Notification::Stored(Some(Memory::Modem), 0),
            ),
            (
                "+CDSI: \"SR\",7",
                Notification::ReportApart(String::from("SR"), 7),
            ),
            ("+CDSI: \"?\",7", Notification::Stored(None, 7)),
            ("+CMTI: SM,3", Notification::Stored(sim, 3)),
            ("+CMTI: \"SM\",-1", Notification::Stored(None, 0)),
            ("+CMTI: ,-1", Notification::Stored(None, 0)),
            ("Call Ready", Notification::Noise),
            ("RING", Notification::Ring),
            ("+CRING: VOICE", Notification::Ring),
            (
                "+CLIP: \"+12025550155\",145,,,,0",
                Notification::Caller(Some(Number::as_received("+12025550155"))),
            ),
            (
                "+CLIP: \"12025550155\",145,\"\",128,\"\",0",
                Notification::Caller(Some(Number::as_received("+12025550155"))),
            ),
            ("+CLIP: \"\",128,,,,1", Notification::Caller(None)),
            ("+CLIP: ,129,,,,1", Notification::Caller(None)),
            ("+CLIP: \"015155\",129,,,,1", Notification::Caller(None)),
            ("NO CARRIER", Notification::CallEnded("no carrier")),
            ("Busy", Notification::CallEnded("busy")),
            ("VOICE CALL: END: 000017", Notification::CallEnded("ended")),
            ("^CEND:1,0,29,16", Notification::CallEnded("ended")),
            (
                "+CPIN: NOT READY",
                Notification::Pin(String::from("NOT READY")),
            ),
            ("RDY", Notification::Restarted),
            ("+QIND: \"smsfull\",\"SM\"", Notification::StoreFull),
            ("+QIND: \"csq\",20,99", Notification::Noise),
            ("^RSSI: 20", Notification::Noise),
        ];
        for (line, expected) in chat {
            assert_eq!(parse(line), Some(expected), "{line}");
        }
        for rubbish in [
            "",
            "+CDSI:",
            "+CDSI: \"SM\"",
            "+CDSI: \"SM\",99999",
            "hello",
            "+CREG:",
        ] {
            assert_eq!(parse(rubbish), None, "{rubbish}");
        }
    }

    #[test]
    fn registration_tells_itself_with_area_and_cell() {
        let told = parse("+CEREG: 5,\"00C3\",\"01A2B3C4\",7");
        let Some(Notification::LteRegistration(told)) = told else {
            panic!("{told:?}");
        };
        assert_eq!(told.registration, Registration::Roaming);
        assert_eq!(told.area.as_deref(), Some("00C3"));
    }

    #[test]
    fn a_direct_delivery_has_a_header_and_a_pdu() {
        assert_eq!(Header::parse("+CMT: ,23"), Some(Header::Message));
        assert_eq!(Header::parse("+CMTI: \"SM\",1"), None);
        assert_eq!(
            Header::Report.with("00AA"),
            Notification::Report(String::from("00AA"))
        );
    }
}
