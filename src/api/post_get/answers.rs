//! Codec: RutOS's plain-text answers, to the letter (firmware 7.0x). Never decides what to say.

use crate::api::answer::Answer;
use crate::api::problem::Problem;
use crate::inbox::Stored;
use crate::signal::Slots;
use crate::time::WallTime;
use crate::zone::Zone;

/// Done.
pub const OK: &str = "OK";
/// `sms_send`: not a number. `sms_delete`: no such message.
pub const WRONG_NUMBER: &str = "WRONG_NUMBER";
/// `sms_read`: no such message.
pub const OUT_OF_RANGE: &str = "out of range";
/// The modem has not said.
pub const TIMEOUT: &str = "TIMEOUT";
/// `sms_list`: not one of new, read, all.
pub const UNKNOWN_STATE: &str = "Unknown state argument";
/// `sms_send`: nobody named.
pub const NO_RECIPIENT: &str = "\"number\" or \"group\" parameter is required";
/// `sms_send`: nothing to say.
pub const NO_TEXT: &str = "\"text\" parameter is required";
/// `sms_send`: no section `phone` of that name.
pub const NO_GROUP: &str = "Group not found";
/// `sms_send`: it has no number.
pub const EMPTY_GROUP: &str = "Phone group is empty";

/// `mobile_data`: neither on nor off was asked for.
pub const NO_VALUE: &str = "No 'value' given";
/// `mobile_data`: neither on nor off.
pub const WRONG_VALUE: &str = "Wrong value given, must be 'on' or 'off'";
/// The router's configuration could not be written.
pub const UCI_ERROR: &str = "UCI ERROR";
/// The router's programs would not do it.
pub const ERROR: &str = "ERROR";
/// `mobile_sim_pin`: done.
pub const PIN_SET: &str = "Set SIM PIN successfully";
/// `mobile_sim_pin`: not 4 to 8 digits.
pub const PIN_WRONG: &str = "PIN is not specified or it's format is incorrect";
/// `mobile_sim_pin`: nobody knows how the SIM stands.
pub const PIN_STATE: &str = "Could not get SIM PIN state";
/// `mobile_sim_pin`: the router's configuration could not be written.
pub const PIN_CONFIG: &str = "Failed to set PIN in config file";
/// `mobile_sim_pin`: written, but not taken up.
pub const PIN_RELOAD: &str = "Failed to reload mobile connection";

/// Between the records of a list, and after the last.
const RULE: &str = "------------------------------\n";

/// A text as an answer.
pub fn plain(status: u16, text: impl Into<String>) -> Answer {
    Answer {
        status,
        content_type: String::from("text/plain;charset=utf-8"),
        body: text.into().into_bytes(),
        ..Answer::default()
    }
}

/// A no: its status, and its words alone.
pub fn refused(problem: &Problem) -> Answer {
    let mut answer = plain(problem.answer().status, problem.detail.as_str());
    let fields = problem.fields.iter();
    answer.fields = fields
        .map(|(name, value)| (String::from(*name), value.clone()))
        .collect();
    answer
}

/// One message, as `sms_read` shows it. Line ends in a text stay: clients read up to `Status:`.
pub fn record(stored: &Stored, zone: Zone, out: &mut String) {
    let message = &stored.message;
    // A sender's name may hold line ends (23.038 6.2.1), which would make lines of their own.
    let sender = message.from.as_str().replace(char::is_control, " ");
    let date = date(message.sent_at.unwrap_or(message.received_at), zone);
    let status = if stored.read { "read" } else { "unread" };
    for (name, value) in [
        ("Index", message.id.to_string().as_str()),
        ("Date", &date),
        ("Sender", &sender),
        ("Text", &message.text),
        ("Status", status),
    ] {
        out.push_str(name);
        out.push_str(": ");
        out.push_str(value);
        out.push('\n');
    }
}

/// One message, as `sms_list` shows it.
pub fn entry(stored: &Stored, zone: Zone, out: &mut String) {
    record(stored, zone, out);
    out.push_str(RULE);
}

/// `sms_total`.
pub fn total(slots: Slots) -> String {
    format!("Used: {}\nTotal: {}\n", slots.used, slots.total)
}

/// `Wed Dec 28 17:19:31 2022`, the day with a blank before one digit (C's `%a %b %e %H:%M:%S %Y`), in local time.
fn date(at: WallTime, zone: Zone) -> String {
    let at = zone.local(at);
    let (weekday, month) = (at.weekday().to_string(), at.month().to_string());
    format!(
        "{:.3} {:.3} {:2} {:02}:{:02}:{:02} {}",
        weekday,
        month,
        at.day(),
        at.hour(),
        at.minute(),
        at.second(),
        at.year()
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::{MessageId, Received};

    fn stored(from: &str, text: &str) -> Stored {
        Stored {
            message: Received {
                id: MessageId(4),
                sent_at: Some(WallTime::from_unix_s(1_672_247_971)),
                ..Received::sample(from, text)
            },
            read: false,
            rule: None,
        }
    }

    #[test]
    fn a_record_is_rutos_to_the_letter() {
        let mut out = String::new();
        entry(
            &stored("Tarifinfo", "Mit der\n…"),
            Zone::default(),
            &mut out,
        );
        assert_eq!(
            out,
            "Index: 4\nDate: Wed Dec 28 17:19:31 2022\nSender: Tarifinfo\nText: Mit der\n…\nStatus: unread\n\
             ------------------------------\n"
        );
        let mut out = String::new();
        record(
            &stored("A\nStatus: read\r", ""),
            Zone::of("CET-1CEST,M3.5.0,M10.5.0/3"),
            &mut out,
        );
        assert!(out.contains("Date: Wed Dec 28 18:19:31 2022\n"), "{out}");
        assert!(out.contains("\nSender: A Status: read \nText: \n"), "{out}");
    }

    #[test]
    fn the_day_is_padded_with_a_blank() {
        let at = WallTime::parse_rfc3339("2025-09-06T23:35:05Z").unwrap();
        assert_eq!(date(at, Zone::default()), "Sat Sep  6 23:35:05 2025");
        let never = WallTime(i64::MAX);
        assert_eq!(date(never, Zone::default()), "Thu Jan  1 00:00:00 1970");
    }
}
