//! Words: what every room speaks of — numbers, ids, messages, events. Never stored as bytes here (that is
//! `store/` and the rooms that own the record) and never shown to the outside (that is `api/`'s JSON).

use std::fmt;
use std::str::FromStr;
use std::sync::atomic::{AtomicBool, Ordering};

use serde::{Deserialize, Serialize};

use crate::time::WallTime;

/// A message's or an event's place in the one sequence the store hands out: never reused, growing, kept over restarts.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct MessageId(pub u64);

impl fmt::Display for MessageId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(out)
    }
}

/// The text in small letters, letter by letter: [`str::to_lowercase`] knows where a Greek word ends, by 2 KB of tables.
pub fn lowered(text: &str) -> String {
    text.chars().flat_map(char::to_lowercase).collect()
}

/// Why a text is not a number that can be sent to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadNumber {
    /// Nothing was given.
    Empty,
    /// More than 20 digits, the limit of a TP-DA (23.040 9.1.2.5).
    TooLong,
    /// Something other than digits, `*`, `#` and one leading `+` (or `00`).
    NotDigits,
}

impl fmt::Display for BadNumber {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            BadNumber::Empty => "the number is empty",
            BadNumber::TooLong => "the number has more than 20 digits",
            BadNumber::NotDigits => "the number may hold digits, * and # after one leading + or 00",
        })
    }
}

impl std::error::Error for BadNumber {}

static NUMBERS_IN_FULL: AtomicBool = AtomicBool::new(false);

/// Whether [`Number::masked`] shows numbers in full (`log_numbers`).
pub fn log_numbers_in_full(in_full: bool) {
    NUMBERS_IN_FULL.store(in_full, Ordering::Relaxed);
}

/// The other party: `+` and digits (international), bare digits (national or short), or a sender's name
/// (alphanumeric, received only). Two numbers are the same party when they are equal.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Number(String);

impl Number {
    /// A number to send to, as a person or RutOS writes it: `+12025550155`, `0012025550155` (the same),
    /// `12345`; blanks, hyphens, dots and brackets between the digits are dropped.
    ///
    /// # Errors
    /// [`BadNumber`] says which rule it breaks.
    pub fn parse(text: &str) -> Result<Number, BadNumber> {
        let bare: String = text
            .chars()
            .filter(|c| !matches!(c, ' ' | '-' | '.' | '(' | ')' | '/'))
            .collect();
        let (plus, digits) = match (bare.strip_prefix('+'), bare.strip_prefix("00")) {
            (Some(rest), _) => ("+", rest),
            (None, Some(rest)) => ("+", rest),
            (None, None) => ("", bare.as_str()),
        };
        if digits.is_empty() {
            return Err(if bare.is_empty() {
                BadNumber::Empty
            } else {
                BadNumber::NotDigits
            });
        }
        let service_code = plus.is_empty();
        if !digits
            .bytes()
            .all(|b| b.is_ascii_digit() || (service_code && matches!(b, b'*' | b'#')))
        {
            return Err(BadNumber::NotDigits);
        }
        if digits.len() > 20 {
            return Err(BadNumber::TooLong);
        }
        Ok(Number(format!("{plus}{digits}")))
    }

    /// A sender exactly as the network gave it: digits with or without `+`, or a name. Never fails.
    pub fn as_received(text: impl Into<String>) -> Number {
        Number(text.into())
    }

    /// The text, as the API shows it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// A name such as `InternetSMS`, to which nothing can be sent.
    pub fn is_alphanumeric(&self) -> bool {
        Number::parse(&self.0).is_err()
    }

    /// For the log: all but the last three characters hidden (`***155`), unless the owner asked for numbers in full.
    pub fn masked(&self) -> String {
        if NUMBERS_IN_FULL.load(Ordering::Relaxed) {
            return self.0.clone();
        }
        let count = self.0.chars().count();
        let tail: String = self.0.chars().skip(count.saturating_sub(3)).collect();
        if count <= 3 {
            String::from("***")
        } else {
            format!("***{tail}")
        }
    }
}

impl fmt::Display for Number {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

impl FromStr for Number {
    type Err = BadNumber;
    fn from_str(text: &str) -> Result<Number, BadNumber> {
        Number::parse(text)
    }
}

/// The alphabet of a message's user data (23.038 clause 4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Encoding {
    /// GSM 7-bit default alphabet with its extension table.
    Gsm7,
    /// 8-bit data.
    Data,
    /// UCS-2, read and written as UTF-16.
    Ucs2,
}

/// One slot of the modem's message stores.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Slot {
    /// Which store (27.005 3.1).
    pub memory: Memory,
    /// The index `+CMTI` and `+CMGL` give.
    pub index: u16,
}

/// The modem's message stores that are used (27.005 3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Memory {
    /// `SM`: the SIM.
    #[serde(rename = "SM")]
    Sim,
    /// `ME`: the modem's own.
    #[serde(rename = "ME")]
    Modem,
}

impl Memory {
    /// The two letters of 27.005.
    pub fn as_str(self) -> &'static str {
        match self {
            Memory::Sim => "SM",
            Memory::Modem => "ME",
        }
    }
}

/// A received message, whole (or handed on incomplete after the waiting time).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Received {
    /// Its id; also the sequence number of its `message.received` event.
    pub id: MessageId,
    /// TP-OA.
    pub from: Number,
    /// The text; for 8-bit data, its bytes as Latin-1 characters.
    pub text: String,
    /// TP-SCTS of the first part, by the service centre's clock.
    pub sent_at: Option<WallTime>,
    /// When the first part came, by the router's clock.
    pub received_at: WallTime,
    /// How many parts the sender made of it.
    pub parts: u8,
    /// False when parts never came.
    pub complete: bool,
    /// Message class 0..=3 when the data coding names one (23.038 clause 4); 0 is flash.
    pub class: Option<u8>,
    /// Alphabet of the first part.
    pub encoding: Encoding,
    /// The modem slots that hold it.
    pub slots: Vec<Slot>,
}

#[cfg(any(test, fuzzing))]
impl Received {
    /// One that the unit tests take for any: whole, of one part, in no slot.
    pub fn sample(from: &str, text: &str) -> Received {
        Received {
            id: MessageId(7),
            from: Number::as_received(from),
            text: String::from(text),
            sent_at: None,
            received_at: WallTime(0),
            parts: 1,
            complete: true,
            class: None,
            encoding: Encoding::Gsm7,
            slots: Vec::new(),
        }
    }
}

/// Where an outgoing message stands (SPEC section 4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// On flash, waiting for the radio or for its next try.
    Queued,
    /// A part is at the modem.
    Sending,
    /// The network took every part.
    Sent,
    /// The recipient's phone has every part.
    Delivered,
    /// Given up; `error` says why.
    Failed,
    /// Its validity ran out while it waited here or at the service centre.
    Expired,
    /// Deleted by its owner while it waited.
    Cancelled,
    /// The modem or the agent died between hand-over and answer: it may be on the air. Never sent again by itself.
    Unconfirmed,
}

impl Status {
    /// True when nothing more will happen to it here.
    pub fn is_final(self) -> bool {
        match self {
            Status::Queued | Status::Sending => false,
            Status::Sent
            | Status::Delivered
            | Status::Failed
            | Status::Expired
            | Status::Cancelled
            | Status::Unconfirmed => true,
        }
    }
}

/// Why a message failed or waits: the network's or modem's number, and words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SendError {
    /// `+CMS ERROR` number (27.005 3.2.5), TP-ST (23.040 9.2.3.15), or absent.
    pub code: Option<u16>,
    /// In words.
    pub cause: String,
}

/// What somebody asks to be sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Submission {
    /// The recipient.
    pub to: Number,
    /// The text, not empty.
    pub text: String,
    /// Class 0: shown at once, not stored by the phone.
    pub flash: bool,
    /// Ask for a delivery report.
    pub report: bool,
    /// How long the service centre and we may try, in seconds; `None`: the service centre's own limit, and one day here.
    pub validity_s: Option<u32>,
    /// Who asked, for logs and loops: `api`, `post_get`, `reply`, `to_sms:NAME`, `pop3`, `smpp`, `rule:NAME`.
    pub origin: String,
}

impl Submission {
    /// One that asks for nothing but to be sent: no flash, no report, the usual validity.
    pub fn plain(to: Number, text: &str, origin: &str) -> Submission {
        Submission {
            to,
            text: String::from(text),
            flash: false,
            report: false,
            validity_s: None,
            origin: String::from(origin),
        }
    }
}

/// A message of one part whose sender coded it: it goes out exactly so.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ready {
    /// TP-PID.
    pub pid: u8,
    /// TP-DCS.
    pub dcs: u8,
    /// TP-UDHI: `user_data` begins with a header.
    pub udhi: bool,
    /// The header, then the text: septets, one an octet, where TP-DCS says GSM 7-bit; octets otherwise.
    pub user_data: Vec<u8>,
}

/// What a protocol that knows more than a [`Submission`] asks besides.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Extra {
    /// Sent instead of the text, which is only shown then.
    pub ready: Option<Ready>,
    /// Not before so many seconds have passed.
    pub wait_s: u32,
    /// What the one who asked wants to know again later. Nobody else reads it.
    pub note: String,
}

/// An outgoing message as it stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outgoing {
    /// Its id.
    pub id: MessageId,
    /// What was asked.
    pub submission: Submission,
    /// What was asked besides.
    #[serde(skip)]
    pub extra: Extra,
    /// Alphabet chosen.
    pub encoding: Encoding,
    /// Number of parts.
    pub parts: u8,
    /// When it was accepted.
    pub created_at: WallTime,
    /// Where it stands.
    pub status: Status,
    /// The last error, if there was one.
    pub error: Option<SendError>,
    /// When the network took the last part.
    pub sent_at: Option<WallTime>,
    /// When the recipient had the last part.
    pub delivered_at: Option<WallTime>,
}

/// What happened, for listeners: kind and facts. The store keeps it; the feed only rings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// Its place in the store's sequence.
    pub seq: u64,
    /// When, by the router's clock.
    pub at: WallTime,
    /// What kind.
    pub kind: EventKind,
    /// The message it speaks of, if any (for `MessageReceived` always `seq` itself).
    pub message: Option<MessageId>,
    /// Further facts as JSON (numbers, states; never a message's text).
    pub facts: serde_json::Value,
}

/// The kinds of event; their names are SPEC section 4's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum EventKind {
    /// A message came in and is on flash.
    #[serde(rename = "message.received")]
    MessageReceived,
    /// The network took every part.
    #[serde(rename = "message.sent")]
    MessageSent,
    /// The recipient has it.
    #[serde(rename = "message.delivered")]
    MessageDelivered,
    /// Given up, expired, or unconfirmed.
    #[serde(rename = "message.failed")]
    MessageFailed,
    /// Somebody calls.
    #[serde(rename = "call.incoming")]
    CallIncoming,
    /// The other party, or the agent, took the call.
    #[serde(rename = "call.answered")]
    CallAnswered,
    /// The call is over, whether anybody took it or not.
    #[serde(rename = "call.ended")]
    CallEnded,
    /// A threshold was crossed.
    #[serde(rename = "signal.changed")]
    SignalChanged,
    /// The modem came, went, or changed state.
    #[serde(rename = "modem.state")]
    ModemState,
    /// The modem's store or our own is nearly full.
    #[serde(rename = "storage.low")]
    StorageLow,
    /// A push did not get through at its first try.
    #[serde(rename = "push.failed")]
    PushFailed,
    /// A limit is close or reached.
    #[serde(rename = "limit.reached")]
    LimitReached,
    /// A number gave the wrong password or code too often: rules do not hear it for an hour.
    #[serde(rename = "rule.locked")]
    RuleLocked,
    /// An SMPP client bound, or its session ended.
    #[serde(rename = "smpp.session")]
    SmppSession,
}

impl EventKind {
    /// Every kind, in SPEC's order: for `check`, for the README, for subscriptions.
    pub const ALL: [EventKind; 14] = [
        EventKind::MessageReceived,
        EventKind::MessageSent,
        EventKind::MessageDelivered,
        EventKind::MessageFailed,
        EventKind::CallIncoming,
        EventKind::CallAnswered,
        EventKind::CallEnded,
        EventKind::SignalChanged,
        EventKind::ModemState,
        EventKind::StorageLow,
        EventKind::PushFailed,
        EventKind::LimitReached,
        EventKind::RuleLocked,
        EventKind::SmppSession,
    ];

    /// SPEC's name.
    pub fn as_str(self) -> &'static str {
        match self {
            EventKind::MessageReceived => "message.received",
            EventKind::MessageSent => "message.sent",
            EventKind::MessageDelivered => "message.delivered",
            EventKind::MessageFailed => "message.failed",
            EventKind::CallIncoming => "call.incoming",
            EventKind::CallAnswered => "call.answered",
            EventKind::CallEnded => "call.ended",
            EventKind::SignalChanged => "signal.changed",
            EventKind::ModemState => "modem.state",
            EventKind::StorageLow => "storage.low",
            EventKind::PushFailed => "push.failed",
            EventKind::LimitReached => "limit.reached",
            EventKind::RuleLocked => "rule.locked",
            EventKind::SmppSession => "smpp.session",
        }
    }

    /// The kind of that name.
    pub fn from_name(name: &str) -> Option<EventKind> {
        EventKind::ALL
            .into_iter()
            .find(|kind| kind.as_str() == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_people_write_them() {
        assert_eq!(
            Number::parse("0012025550155").unwrap().as_str(),
            "+12025550155"
        );
        assert_eq!(
            Number::parse("+1 (202) 555-0155").unwrap().as_str(),
            "+12025550155"
        );
        assert_eq!(Number::parse("1234").unwrap().as_str(), "1234");
        assert_eq!(Number::parse("*100#").unwrap().as_str(), "*100#");
        assert_eq!(Number::parse(""), Err(BadNumber::Empty));
        assert_eq!(Number::parse("+"), Err(BadNumber::NotDigits));
        assert_eq!(Number::parse("12a4"), Err(BadNumber::NotDigits));
        assert_eq!(Number::parse("1+2"), Err(BadNumber::NotDigits));
        // Three bytes each, but seven characters.
        assert_eq!(Number::parse("１２３４５６７"), Err(BadNumber::NotDigits));
        assert_eq!(
            Number::parse("123456789012345678901"),
            Err(BadNumber::TooLong)
        );
    }

    #[test]
    fn a_number_is_masked_for_the_log() {
        assert_eq!(Number::as_received("+12025550155").masked(), "***155");
        assert_eq!(Number::as_received("112").masked(), "***");
    }

    #[test]
    fn every_event_kind_reads_back_by_its_name() {
        for kind in EventKind::ALL {
            assert_eq!(EventKind::from_name(kind.as_str()), Some(kind));
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.as_str());
        }
    }
}
