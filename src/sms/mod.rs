//! Room: the SMS codec — TPDUs, addresses, alphabets, splitting and user data headers (3GPP TS 23.040, 23.038). Pure:
//! bytes in, facts out; it never reads, waits, logs or panics, whatever a device sends.

mod address;
mod alphabet;
mod dcs;
mod decode;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
mod hex;
mod reader;
mod ready;
mod scts;
mod septets;
mod split;
mod submit;
mod tables;
mod udh;
mod user_data;
mod validity;

use std::fmt;

use crate::message::{Encoding, Number};
use crate::time::WallTime;

pub use address::Address;
pub use alphabet::{Tables, encode as encode_septets};
pub use decode::decode;
pub use hex::{from_hex, to_hex};
pub use ready::{read_ready, submit_ready};
pub use scts::{emit_scts, parse_scts};
pub use septets::{pack as pack_septets, unpack as unpack_septets};
pub use split::{Limits, Split, cut, preview, split};
pub use submit::{SubmitTpdu, Validity, submit};
pub use user_data::Payload;
pub use validity::{relative_validity, validity_minutes};

/// A concatenated message's place among its siblings (23.040 9.2.3.24.1 and .8).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Concat {
    /// Reference number, 8 or 16 bits.
    pub reference: u16,
    /// True for the 16-bit form; the two number spaces are apart.
    pub wide: bool,
    /// Parts in all, 1..=255.
    pub total: u8,
    /// This part, 1..=total.
    pub sequence: u8,
}

/// What user data says, decoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// Text of either alphabet.
    Text(String),
    /// 8-bit data (also WAP push and the like).
    Data(Vec<u8>),
}

/// An SMS-DELIVER (23.040 9.2.2.1), read leniently.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deliver {
    /// The service centre, where the PDU carried it.
    pub smsc: Option<Number>,
    /// TP-OA.
    pub from: Number,
    /// TP-PID.
    pub pid: u8,
    /// TP-DCS.
    pub dcs: u8,
    /// Alphabet by TP-DCS.
    pub encoding: Encoding,
    /// Message class by TP-DCS, 0..=3.
    pub class: Option<u8>,
    /// TP-SCTS; `None` when its digits are no date.
    pub sent_at: Option<WallTime>,
    /// Concatenation, where the user data header has it.
    pub concat: Option<Concat>,
    /// Application ports: destination, originator (9.2.3.24.3 and .4).
    pub ports: Option<(u16, u16)>,
    /// The user data.
    pub body: Body,
}

/// An SMS-STATUS-REPORT (23.040 9.2.2.3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatusReport {
    /// TP-MR of the SMS-SUBMIT it speaks of.
    pub reference: u8,
    /// TP-RA.
    pub to: Number,
    /// TP-SCTS.
    pub sent_at: Option<WallTime>,
    /// TP-DT.
    pub discharged_at: Option<WallTime>,
    /// TP-ST (9.2.3.15).
    pub status: u8,
}

/// An SMS-SUBMIT as read back from a store (23.040 9.2.2.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Submit {
    /// The service centre, where the PDU carried it.
    pub smsc: Option<Number>,
    /// TP-MR.
    pub reference: u8,
    /// TP-DA.
    pub to: Number,
    /// TP-DCS.
    pub dcs: u8,
    /// TP-VP in minutes, where it is relative.
    pub validity_minutes: Option<u32>,
    /// Concatenation, where the user data header has it.
    pub concat: Option<Concat>,
    /// The user data.
    pub body: Body,
}

/// What a PDU turned out to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tpdu {
    /// A message to us.
    Deliver(Deliver),
    /// A report on one of ours.
    StatusReport(StatusReport),
    /// One of ours, stored.
    Submit(Submit),
}

/// Why bytes are no TPDU. The caller keeps the bytes and says so; asking again will not help.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadPdu {
    /// A character that is no hexadecimal digit, or half an octet.
    NotHex,
    /// It ends inside the field named.
    Truncated(&'static str),
    /// The field named has a value that 23.040 forbids.
    Forbidden(&'static str),
}

impl fmt::Display for BadPdu {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BadPdu::NotHex => out.write_str("the PDU is not hexadecimal"),
            BadPdu::Truncated(field) => write!(out, "the PDU ends inside {field}"),
            BadPdu::Forbidden(field) => write!(out, "the PDU's {field} has a forbidden value"),
        }
    }
}

impl std::error::Error for BadPdu {}

/// Which way a PDU travels: the message type indicator's two bits mean different things (23.040 9.2.3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From the service centre: DELIVER, STATUS-REPORT.
    FromNetwork,
    /// From us, as `+CMGL` shows with status 2 and 3: SUBMIT.
    ToNetwork,
}

/// What a text costs, for `/messages/preview`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Preview {
    /// The alphabet it needs.
    pub encoding: Encoding,
    /// Parts it makes, 1..=255.
    pub parts: u8,
    /// Characters as a person counts them (extended grapheme clusters are not joined: Unicode scalar values).
    pub characters: usize,
    /// Septets (GSM 7-bit) or UTF-16 units (UCS-2) still free in the last part.
    pub left_in_part: usize,
}

/// Why a text cannot be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadText {
    /// Nothing to send.
    Empty,
    /// It needs this many parts; 255 are the limit of the concatenation header.
    TooLong(usize),
}

impl fmt::Display for BadText {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BadText::Empty => out.write_str("the text is empty"),
            BadText::TooLong(parts) => write!(
                out,
                "the text needs {parts} parts; 255 is the most a message can have"
            ),
        }
    }
}

impl std::error::Error for BadText {}

/// What all parts of a message to send have in common.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubmitOptions {
    /// TP-DA.
    pub to: Number,
    /// Class 0 when set.
    pub flash: bool,
    /// TP-SRR.
    pub report: bool,
    /// TP-VP as relative, seconds, rounded up to what the format can say; `None`: no TP-VP.
    pub validity_s: Option<u32>,
    /// The concatenation reference, used when there is more than one part (8-bit form).
    pub reference: u8,
}
