//! Codec: received messages as they are made of what came — one DELIVER, parts, or bytes nobody can read. Never gives an
//! id: the store does, when the message is on flash.

use super::Arrival;
use super::assemble::{self, Part};
use crate::message::{Encoding, MessageId, Number, Received};
use crate::sms::{self, Deliver};
use crate::time::{Now, WallTime};

/// A message of one DELIVER.
pub(super) fn whole(deliver: &Deliver, now: Now) -> Received {
    Received {
        id: MessageId(0),
        from: deliver.from.clone(),
        text: assemble::text_of(&deliver.body),
        sent_at: deliver.sent_at,
        received_at: now.wall,
        parts: 1,
        complete: true,
        class: deliver.class,
        encoding: deliver.encoding,
        slots: Vec::new(),
    }
}

/// A message of bytes nobody can read.
pub(super) fn unreadable(arrival: &Arrival, now: Now) -> Received {
    Received {
        id: MessageId(0),
        from: Number::as_received("unknown"),
        text: sms::to_hex(&arrival.pdu),
        sent_at: None,
        received_at: now.wall,
        parts: 1,
        complete: true,
        class: None,
        encoding: Encoding::Data,
        slots: Vec::new(),
    }
}

/// A message of parts, in order of their sequence.
pub(super) fn joined(parts: &[(u8, &Part)], total: u8) -> Received {
    let first = parts.first().map(|(_, part)| &part.deliver);
    let earliest = parts.iter().min_by_key(|(_, part)| part.id);
    Received {
        id: MessageId(0),
        from: first.map_or_else(
            || Number::as_received("unknown"),
            |first| first.from.clone(),
        ),
        text: assemble::join(parts, total),
        sent_at: first.and_then(|first| first.sent_at),
        received_at: earliest.map_or_else(WallTime::default, |(_, part)| part.received_at),
        parts: total,
        complete: parts.len() == usize::from(total),
        class: first.and_then(|first| first.class),
        encoding: first.map_or(Encoding::Data, |first| first.encoding),
        slots: Vec::new(),
    }
}
