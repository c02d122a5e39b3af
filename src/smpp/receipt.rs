//! Codec: what is remembered of a submission, as text in the outbox, and the delivery receipt made of it (SMPP 3.4
//! 5.2.12, 5.2.28 and Appendix B). Never decides whether one is due beyond what the client asked for.

use super::pdu::put_parameter;
use super::short::{Address, Deliver};
use super::when;
use crate::message::{MessageId, Number, Outgoing, Status};
use crate::time::WallTime;

/// Optional parameters (5.3.2).
pub(super) const USER_MESSAGE_REFERENCE: u16 = 0x0204;
const RECEIPTED_MESSAGE_ID: u16 = 0x001E;
const MESSAGE_STATE: u16 = 0x0427;
const NETWORK_ERROR_CODE: u16 = 0x0423;

/// esm_class: the short message is a delivery receipt.
const RECEIPT: u8 = 0x04;

/// What is remembered of a submission.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Note {
    /// Its place among the recipients of a submit_multi: all have the first one's message_id.
    pub(super) place: u64,
    /// registered_delivery.
    pub(super) registered: u8,
    /// data_coding, for a replace_sm, which has none.
    pub(super) data_coding: u8,
    /// user_message_reference.
    pub(super) reference: Option<u16>,
    /// The source address, as Latin-1.
    pub(super) ton: u8,
    pub(super) npi: u8,
    pub(super) source: String,
}

impl Note {
    /// As the outbox keeps it.
    pub(super) fn to_text(&self) -> String {
        let reference = self.reference.map_or(-1, i32::from);
        let (place, registered, data_coding) = (self.place, self.registered, self.data_coding);
        let (ton, npi, source) = (self.ton, self.npi, &self.source);
        format!("{place} {registered} {data_coding} {reference} {ton} {npi} {source}")
    }

    /// Reads it back.
    pub(super) fn parse(text: &str) -> Option<Note> {
        let mut words = text.splitn(7, ' ');
        let mut number = || words.next()?.parse::<i64>().ok();
        let octet = |number: Option<i64>| u8::try_from(number?).ok();
        Some(Note {
            place: u64::try_from(number()?).ok()?,
            registered: octet(number())?,
            data_coding: octet(number())?,
            reference: u16::try_from(number()?).ok(),
            ton: octet(number())?,
            npi: octet(number())?,
            source: String::from(words.next()?),
        })
    }

    /// The message_id the client was told.
    pub(super) fn told(&self, id: MessageId) -> MessageId {
        MessageId(id.0.saturating_sub(self.place))
    }

    /// True when the client wants to hear of this end (5.2.17): 1 of every one, 2 of a bad one.
    pub(super) fn wants(&self, status: Status) -> bool {
        match self.registered & 0x03 {
            1 => true,
            2 => status != Status::Delivered,
            _ => false,
        }
    }
}

/// message_state (5.2.28), and the word that receipts have for it.
pub(super) fn state(message: &Outgoing) -> (u8, &'static str) {
    match message.status {
        Status::Queued | Status::Sending => (1, "ENROUTE"),
        // Without a report from the network there will be no more to know.
        Status::Sent if message.submission.report => (1, "ENROUTE"),
        Status::Sent => (6, "ACCEPTD"),
        Status::Delivered => (2, "DELIVRD"),
        Status::Expired => (3, "EXPIRED"),
        Status::Cancelled => (4, "DELETED"),
        Status::Failed => (5, "UNDELIV"),
        Status::Unconfirmed => (7, "UNKNOWN"),
    }
}

/// When a message came to its end, if it did.
pub(super) fn ended(message: &Outgoing) -> Option<WallTime> {
    let at = message.delivered_at.or(message.sent_at);
    message
        .status
        .is_final()
        .then(|| at.unwrap_or(message.created_at))
}

/// The body of the deliver_sm that tells of a message's end at `done`; with optional parameters if `modern` (3.4 and later).
pub(super) fn receipt(message: &Outgoing, note: &Note, done: WallTime, modern: bool) -> Vec<u8> {
    let told = note.told(message.id).to_string();
    let (number, word) = state(message);
    let error = message.error.as_ref().and_then(|error| error.code);
    let delivered = u8::from(message.status == Status::Delivered);
    let visible = |character: char| match character {
        ' '..='~' => character,
        _ => '?',
    };
    let text: String = message
        .submission
        .text
        .chars()
        .take(20)
        .map(visible)
        .collect();
    let said = format!(
        "id:{told} sub:001 dlvrd:00{delivered} submit date:{} done date:{} stat:{word} err:{:03} text:{text}",
        when::minute(message.created_at),
        when::minute(done),
        error.unwrap_or(0)
    );
    let source: Vec<u8> = octets(&note.source);
    let mut body = Deliver {
        source: address(&message.submission.to),
        to: Address {
            ton: note.ton,
            npi: note.npi,
            text: &source,
        },
        esm_class: RECEIPT,
        data_coding: 0,
        message: said.as_bytes(),
    }
    .emit();
    if modern {
        put_parameter(RECEIPTED_MESSAGE_ID, (told + "\0").as_bytes(), &mut body);
        put_parameter(MESSAGE_STATE, &[number], &mut body);
        if let Some(error) = error {
            let [high, low] = error.to_be_bytes();
            put_parameter(NETWORK_ERROR_CODE, &[3, high, low], &mut body);
        }
        if let Some(reference) = note.reference {
            put_parameter(USER_MESSAGE_REFERENCE, &reference.to_be_bytes(), &mut body);
        }
    }
    body
}

/// A number with its type: international, a name, or unknown.
pub(super) fn address(number: &Number) -> Address<'_> {
    let text = number.as_str();
    let (ton, npi, text) = match text.strip_prefix('+') {
        Some(digits) => (1, 1, digits),
        None if number.is_alphanumeric() => (5, 0, text),
        None => (0, 1, text),
    };
    Address {
        ton,
        npi,
        text: text.as_bytes(),
    }
}

/// Latin-1.
pub(super) fn octets(text: &str) -> Vec<u8> {
    let octets = text
        .chars()
        .map(|character| u8::try_from(character).unwrap_or(b'?'));
    octets.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::{Encoding, Extra, SendError, Submission};
    use crate::smpp::pdu::SUBMIT_SM;
    use crate::smpp::short::{Short, To};

    fn message(status: Status) -> Outgoing {
        Outgoing {
            id: MessageId(42),
            submission: Submission {
                to: Number::as_received("+12025550155"),
                text: String::from("Grüße, a text of more than twenty"),
                flash: false,
                report: true,
                validity_s: None,
                origin: String::from("smpp"),
            },
            extra: Extra::default(),
            encoding: Encoding::Gsm7,
            parts: 1,
            created_at: WallTime(1_795_293_314_000),
            status,
            error: None,
            sent_at: None,
            delivered_at: None,
        }
    }

    fn note() -> Note {
        Note {
            place: 2,
            registered: 1,
            data_coding: 8,
            reference: Some(0x1234),
            ton: 5,
            npi: 0,
            source: String::from("My Bank é"),
        }
    }

    #[test]
    fn a_note_reads_back() {
        for note in [note(), Note::default()] {
            assert_eq!(Note::parse(&note.to_text()), Some(note));
        }
        assert_eq!(Note::parse(""), None);
        assert_eq!(Note::parse("1 2 3 4 5 6"), None);
    }

    #[test]
    fn a_receipt_says_what_became_of_the_message_twice() {
        let done = WallTime(1_795_293_374_000);
        let body = receipt(&message(Status::Delivered), &note(), done, true);
        let read = Short::parse(SUBMIT_SM, &body).unwrap();
        let text = "id:40 sub:001 dlvrd:001 submit date:2611212035 done date:2611212036 stat:DELIVRD err:000 text:Gr??e, a text of mor";
        assert_eq!(String::from_utf8_lossy(read.message), text);
        assert_eq!(
            (read.source.ton, read.source.text),
            (1, &b"12025550155"[..])
        );
        let to = Address {
            ton: 5,
            npi: 0,
            text: b"My Bank \xe9",
        };
        assert_eq!((read.to, read.esm_class), (vec![To::Address(to)], 4));
        assert_eq!(read.parameters.get(0x001E), Some(&b"40\0"[..]));
        assert_eq!(read.parameters.number(0x0427), Some(2));
        assert_eq!(read.parameters.number(0x0204), Some(0x1234));

        let mut failed = message(Status::Failed);
        failed.error = Some(SendError {
            code: Some(38),
            cause: String::new(),
        });
        let body = receipt(&failed, &note(), done, true);
        let read = Short::parse(SUBMIT_SM, &body).unwrap();
        let text = String::from_utf8_lossy(read.message).into_owned();
        assert!(text.contains("dlvrd:000") && text.contains("stat:UNDELIV err:038"));
        assert_eq!(read.parameters.get(0x0423), Some(&[3, 0, 38][..]));
        let old = receipt(&failed, &note(), done, false);
        let read = Short::parse(SUBMIT_SM, &old).unwrap();
        assert_eq!(read.parameters.get(0x001E), None, "3.3 has no parameters");
    }

    #[test]
    fn a_receipt_is_made_for_those_who_asked() {
        for (registered, delivered, failed) in [
            (0, false, false),
            (1, true, true),
            (2, false, true),
            (0x11, true, true),
        ] {
            let note = Note {
                registered,
                ..note()
            };
            assert_eq!(note.wants(Status::Delivered), delivered);
            assert_eq!(note.wants(Status::Failed), failed);
        }
    }
}
