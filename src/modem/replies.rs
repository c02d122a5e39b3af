//! Codec: what the lines of a reply say, as facts. Never sends a command and never fails: what cannot be read is `None`.

use crate::message::{Memory, Number};
use crate::signal::{CallState, Registration, Slots, Technology};

/// The part of `line` after `prefix`, trimmed.
pub(super) fn after<'a>(line: &'a str, prefix: &str) -> Option<&'a str> {
    line.strip_prefix(prefix).map(str::trim)
}

/// The comma-separated fields, trimmed, quotes kept; a comma inside quotes divides nothing.
pub(super) fn fields(text: &str) -> Vec<&str> {
    let mut quoted = false;
    text.split(move |character| {
        quoted ^= character == '"';
        character == ',' && !quoted
    })
    .map(str::trim)
    .collect()
}

/// A field without its quotes.
pub(super) fn unquoted(field: &str) -> &str {
    field.trim().trim_matches('"')
}

fn text(field: Option<&&str>) -> Option<String> {
    field
        .map(|field| unquoted(field).to_owned())
        .filter(|text| !text.is_empty())
}

fn number<T: std::str::FromStr>(field: Option<&&str>) -> Option<T> {
    field.and_then(|field| unquoted(field).parse().ok())
}

/// A number and its type (24.008 10.5.4.7); some modems leave the plus of an international one (145) off. `None`: not
/// told.
pub(super) fn party(number: Option<&&str>, kind: Option<&&str>) -> Option<Number> {
    let digits = text(number)?;
    let plus = kind == Some(&"145") && !digits.starts_with('+');
    Some(Number::as_received(match plus {
        true => format!("+{digits}"),
        false => digits,
    }))
}

/// A line of `+CLCC` (27.007 7.18).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ListedCall {
    /// The other party called.
    pub incoming: bool,
    /// How far it has come.
    pub state: CallState,
    /// The other party.
    pub number: Option<Number>,
}

/// The voice calls; the data call that Quectel's list among them is none.
pub(super) fn calls(lines: &[String]) -> Vec<ListedCall> {
    let calls = lines.iter().filter_map(|line| after(line, "+CLCC:"));
    let voice = calls.map(fields).filter(|call| call.get(3) == Some(&"0"));
    voice.filter_map(|call| listed_call(&call)).collect()
}

fn listed_call(call: &[&str]) -> Option<ListedCall> {
    let state = match *call.get(2)? {
        "0" => CallState::Active,
        "1" => CallState::Held,
        "2" => CallState::Dialling,
        "3" => CallState::Alerting,
        "4" => CallState::Ringing,
        "5" => CallState::Waiting,
        _other => return None,
    };
    Some(ListedCall {
        incoming: *call.get(1)? == "1",
        state,
        number: party(call.get(5), call.get(6)),
    })
}

/// `"SM"`, `"ME"` or `"MT"` (all of the modem's, read through `ME`); `None` for any other store.
pub(super) fn memory(field: &str) -> Option<Memory> {
    match unquoted(field) {
        "SM" => Some(Memory::Sim),
        "ME" | "MT" => Some(Memory::Modem),
        _other => None,
    }
}

/// The three memories of `AT+CPMS?` (27.005 3.2.2) and how full the first, the one that is read, is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Memories {
    /// Reading, writing, receiving; `None` where it is none of ours.
    pub names: [Option<Memory>; 3],
    /// It says which they are; some modems only count, as in the answer to `AT+CPMS=`.
    pub named: bool,
    /// Of the first.
    pub slots: Slots,
}

/// `+CPMS: "SM",3,10,"SM",3,10,"SM",3,10`.
pub(super) fn memories(lines: &[String]) -> Option<Memories> {
    let rest = lines.iter().find_map(|line| after(line, "+CPMS:"))?;
    let fields = fields(rest);
    let name = |at: usize| fields.get(at).and_then(|field| memory(field));
    let named = number::<u16>(fields.first()).is_none();
    let counts = usize::from(named);
    Some(Memories {
        names: [name(0), name(3), name(6)],
        named,
        slots: Slots {
            used: number(fields.get(counts))?,
            total: number(fields.get(counts + 1))?,
        },
    })
}

/// One stored PDU.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct StoredPdu {
    /// Its index; 0 for `+CMGR`, which does not say.
    pub index: u16,
    /// 27.005 3.1 `<stat>`: 0 and 1 received, 2 and 3 ours.
    pub status: u8,
    /// In hexadecimal.
    pub pdu: String,
}

impl StoredPdu {
    /// It came from the network.
    pub(super) fn is_received(&self) -> bool {
        self.status < 2
    }
}

/// The slots in a list, also those whose PDU was lost on the way.
pub(super) fn listed_slots(lines: &[String]) -> Vec<u16> {
    let headers = lines.iter().filter_map(|line| after(line, "+CMGL:"));
    headers
        .filter_map(|rest| number(fields(rest).first()))
        .collect()
}

/// `+CMGL: index,stat,[alpha],length` and a PDU, repeated (27.005 4.1). A header without its PDU is left out.
pub(super) fn listed(lines: &[String]) -> Vec<StoredPdu> {
    pairs(lines, "+CMGL:", |fields| {
        Some((number(fields.first())?, number(fields.get(1))?))
    })
}

/// `+CMGR: stat,[alpha],length` and a PDU (27.005 4.2); `None` for an empty slot.
pub(super) fn read(lines: &[String]) -> Option<StoredPdu> {
    pairs(lines, "+CMGR:", |fields| Some((0, number(fields.first())?))).pop()
}

fn pairs(
    lines: &[String],
    prefix: &str,
    head: impl Fn(&[&str]) -> Option<(u16, u8)>,
) -> Vec<StoredPdu> {
    let mut found = Vec::new();
    let mut header = None;
    for line in lines {
        if let Some(rest) = after(line, prefix) {
            header = head(&fields(rest));
        } else if let Some((index, status)) = header.take() {
            let pdu = line.clone();
            found.push(StoredPdu { index, status, pdu });
        }
    }
    found
}

/// `+CNMI: mode,mt,bm,ds,bfr` (27.005 3.4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Notifying {
    /// 0: kept in the modem and never told.
    pub mode: u8,
    /// 1: stored and told (`+CMTI`); 2 and 3: delivered directly.
    pub mt: u8,
    /// Status reports: 1 directly (`+CDS`), 2 stored (`+CDSI`).
    pub ds: u8,
}

/// Reads it.
pub(super) fn notifying(lines: &[String]) -> Option<Notifying> {
    let fields = fields(lines.iter().find_map(|line| after(line, "+CNMI:"))?);
    Some(Notifying {
        mode: number(fields.first())?,
        mt: number(fields.get(1))?,
        ds: number(fields.get(3)).unwrap_or(0),
    })
}

/// `+CSMS: service,…`: true for service 1 (phase 2+), where direct deliveries are acknowledged.
pub(super) fn acknowledges(lines: &[String]) -> bool {
    let first = lines
        .iter()
        .find_map(|line| after(line, "+CSMS:"))
        .and_then(|rest| number::<u8>(fields(rest).first()));
    first == Some(1)
}

/// `+CPIN: code` (27.007 8.3), such as `READY` or `SIM PIN`.
pub(super) fn pin_code(lines: &[String]) -> Option<String> {
    let rest = lines.iter().find_map(|line| after(line, "+CPIN:"))?;
    Some(unquoted(rest).to_owned())
}

/// The same as everybody is told it: `sim-pin`.
pub(super) fn pin_word(code: &str) -> String {
    code.to_ascii_lowercase().replace(' ', "-")
}

/// Tries left for the PIN: `+CPINR: SIM PIN,3,3` or `+QPINC: "SC",3,10`.
pub(super) fn tries_left(lines: &[String]) -> Option<u8> {
    lines.iter().find_map(|line| {
        let rest = after(line, "+CPINR:").or_else(|| after(line, "+QPINC:"))?;
        number(fields(rest).get(1))
    })
}

/// A registration (27.007 7.2).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Registered {
    /// Status.
    pub registration: Registration,
    /// Location or tracking area, hexadecimal.
    pub area: Option<String>,
    /// Cell, hexadecimal.
    pub cell: Option<String>,
    /// Technology.
    pub technology: Option<Technology>,
}

/// True when the fields are a read's `n,stat…`, false when they are a notification's `stat…`: an area code is quoted
/// or four digits long.
pub(super) fn is_registration_read(rest: &str) -> bool {
    fields(rest)
        .get(1)
        .is_some_and(|field| field.len() <= 2 && field.bytes().all(|b| b.is_ascii_digit()))
}

/// Reads `[n,]stat[,area,cell[,AcT]]`.
pub(super) fn registration(rest: &str, read: bool) -> Option<Registered> {
    let fields = fields(rest);
    let mut fields = fields.iter();
    if read {
        fields.next()?;
    }
    let stat: u8 = number(fields.next())?;
    Some(Registered {
        registration: by_stat(stat),
        area: text(fields.next()),
        cell: text(fields.next()),
        technology: number(fields.next()).and_then(technology),
    })
}

/// 27.007 7.2 `<stat>`; 6 and 7 are "SMS only", 9 and 10 "CSFB not preferred".
fn by_stat(stat: u8) -> Registration {
    match stat {
        0 => Registration::NotRegistered,
        1 | 6 | 9 => Registration::Home,
        2 => Registration::Searching,
        3 | 8 => Registration::Denied,
        5 | 7 | 10 => Registration::Roaming,
        _unknown => Registration::Unknown,
    }
}

/// 27.007 7.3 `<AcT>`.
pub(super) fn technology(act: u8) -> Option<Technology> {
    match act {
        0 | 1 | 3 | 8 => Some(Technology::Gsm),
        2 | 4 | 5 | 6 => Some(Technology::Umts),
        7 | 9 => Some(Technology::Lte),
        _newer => None,
    }
}

/// `+COPS: mode,format,oper[,AcT]` (27.007 7.3): format, operator, technology.
pub(super) fn operator(lines: &[String]) -> Option<(u8, String, Option<Technology>)> {
    let fields = fields(lines.iter().find_map(|line| after(line, "+COPS:"))?);
    Some((
        number(fields.get(1))?,
        text(fields.get(2))?,
        number(fields.get(3)).and_then(technology),
    ))
}

/// A bare reply's text, with or without the prefix some modems put before it.
pub(super) fn words(lines: &[String]) -> Option<String> {
    let line = lines.first()?;
    let text = match line.strip_prefix('+').and_then(|rest| rest.split_once(':')) {
        Some((_name, rest)) => rest,
        None => line,
    };
    Some(unquoted(text).to_owned()).filter(|text| !text.is_empty())
}

/// The first field after a prefix such as `+CSCA:`, `+QCCID:` or `ICCID:`.
pub(super) fn first_field(lines: &[String]) -> Option<String> {
    let (_name, rest) = lines.first()?.split_once(':')?;
    text(fields(rest).first())
}

/// `+CMGS: mr` (27.005 4.3).
pub(super) fn message_reference(lines: &[String]) -> Option<u8> {
    let rest = lines.iter().find_map(|line| after(line, "+CMGS:"))?;
    number(fields(rest).first())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn voice_calls_are_listed_and_a_data_call_is_none() {
        let said = [
            "+CLCC: 1,1,0,1,0,\"\",128",
            "+CLCC: 2,0,3,0,0,\"12025550155\",145",
            "+CLCC: 3,1,4,0,0,\"015112345\",129,\"Anna\"",
            "+CLCC: 4,1,5,0,0",
            "+CLCC: 5,1,9,0,0",
            "+CLCC:",
        ];
        let lines = said.map(String::from);
        let found: Vec<_> = calls(&lines)
            .into_iter()
            .map(|call| {
                (
                    call.incoming,
                    call.state,
                    call.number.map(|n| n.to_string()),
                )
            })
            .collect();
        let number = |text: &str| Some(String::from(text));
        assert_eq!(
            found,
            [
                (false, CallState::Alerting, number("+12025550155")),
                (true, CallState::Ringing, number("015112345")),
                (true, CallState::Waiting, None),
            ]
        );
    }

    fn lines(text: &[&str]) -> Vec<String> {
        text.iter().map(|line| String::from(*line)).collect()
    }

    #[test]
    fn fields_are_divided_outside_quotes_only() {
        assert_eq!(fields("0,0,\"A, B\",7"), ["0", "0", "\"A, B\"", "7"]);
        assert_eq!(fields(""), [""]);
    }

    #[test]
    fn memories_are_read_as_ec25_and_slm750_write_them() {
        let asked = memories(&lines(&["+CPMS: \"SM\",3,10,\"ME\",0,23,\"MT\",3,33"])).unwrap();
        assert_eq!(
            asked.names,
            [Some(Memory::Sim), Some(Memory::Modem), Some(Memory::Modem)]
        );
        assert_eq!(asked.slots, Slots { used: 3, total: 10 });
        let counted = memories(&lines(&["+CPMS: 1,20,1,20"])).unwrap();
        assert_eq!((counted.names, counted.named), ([None; 3], false));
        assert_eq!(counted.slots, Slots { used: 1, total: 20 });
    }

    #[test]
    fn a_list_survives_a_missing_pdu() {
        let found = listed(&lines(&[
            "+CMGL: 1,0,,23",
            "0011",
            "+CMGL: 2,1,\"\",24",
            "+CMGL: 7,3,,25",
            "0022",
        ]));
        assert_eq!(found.len(), 2);
        assert_eq!(
            listed_slots(&lines(&["+CMGL: 1,0,,23", "0011", "+CMGL: 2,1,\"\",24"])),
            [1, 2]
        );
        assert_eq!((found[0].index, found[0].is_received()), (1, true));
        assert_eq!((found[1].index, found[1].is_received()), (7, false));
        assert_eq!(read(&lines(&["+CMGR: 1,,23", "00AA"])).unwrap().pdu, "00AA");
        assert_eq!(read(&[]), None);
    }

    #[test]
    fn a_read_registration_is_told_from_a_notification() {
        assert!(is_registration_read("2,1"));
        assert!(is_registration_read("2,1,\"00C3\",\"01A2\",7"));
        assert!(!is_registration_read("1"));
        assert!(!is_registration_read("1,\"00C3\",\"01A2\",7"));
        assert!(!is_registration_read("1,00C3,01A2"));
        let read = registration("2,5,\"00C3\",\"01A2B3\",7", true).unwrap();
        assert_eq!(read.registration, Registration::Roaming);
        assert_eq!(read.cell.as_deref(), Some("01A2B3"));
        assert_eq!(read.technology, Some(Technology::Lte));
    }

    #[test]
    fn identity_is_read_with_and_without_a_prefix() {
        assert_eq!(words(&lines(&["Quectel"])).as_deref(), Some("Quectel"));
        assert_eq!(
            words(&lines(&["+CGMM: \"SLM750\""])).as_deref(),
            Some("SLM750")
        );
        assert_eq!(
            first_field(&lines(&["+CSCA: \"+12025550100\",145"])).as_deref(),
            Some("+12025550100")
        );
        assert_eq!(
            first_field(&lines(&["ICCID: 8986012345"])).as_deref(),
            Some("8986012345")
        );
    }

    #[test]
    fn rubbish_is_nothing() {
        for rubbish in [
            "",
            ":",
            "+CPMS:",
            "+CNMI: x",
            "+COPS: 0",
            "+CMGS:",
            "\"",
            "+CPINR: ,",
        ] {
            let rubbish = lines(&[rubbish]);
            assert_eq!(memories(&rubbish), None);
            assert_eq!(notifying(&rubbish), None);
            assert_eq!(operator(&rubbish), None);
            assert_eq!(message_reference(&rubbish), None);
            assert_eq!(tries_left(&rubbish), None);
            assert!(!acknowledges(&rubbish));
            assert!(listed(&rubbish).is_empty());
        }
    }
}
