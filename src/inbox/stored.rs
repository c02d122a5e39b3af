//! Codec: the inbox's records on flash. Never reads or writes the store.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::json;
use crate::message::{Encoding, Memory, MessageId, Number, Received, Slot};
use crate::sms;
use crate::store::{Change, Keep, Key, Kind, Store};
use crate::time::WallTime;

/// A [`Received`] without its id (the key) and its slots (their own records).
#[derive(Serialize, Deserialize)]
struct StoredReceived {
    #[serde(rename = "f")]
    from: Number,
    #[serde(rename = "t")]
    text: String,
    #[serde(rename = "s", default, skip_serializing_if = "Option::is_none")]
    sent_at: Option<WallTime>,
    #[serde(rename = "r")]
    received_at: WallTime,
    #[serde(rename = "p")]
    parts: u8,
    #[serde(rename = "c")]
    complete: bool,
    #[serde(rename = "l", default, skip_serializing_if = "Option::is_none")]
    class: Option<u8>,
    #[serde(rename = "e")]
    encoding: Encoding,
    /// Fingerprints of the PDUs that the network may bring again: a direct delivery whose answer got lost, and the parts of
    /// a long message.
    #[serde(rename = "h", default, skip_serializing_if = "Vec::is_empty")]
    repeatable: Vec<u64>,
}

/// A waiting part. Its PDU is hexadecimal because a sender chooses its bytes: raw, they could look like a record of the
/// journal's own.
#[derive(Serialize, Deserialize)]
struct StoredPart {
    #[serde(rename = "r")]
    received_at: WallTime,
    #[serde(rename = "b")]
    pdu: String,
}

fn key(kind: Kind, id: MessageId) -> Key {
    Key { kind, id: id.0 }
}

/// The key of a received message.
pub(super) fn message_key(id: MessageId) -> Key {
    key(Kind::Received, id)
}

/// The key of what its owner did with it.
pub(super) fn mark_key(id: MessageId) -> Key {
    key(Kind::ReceivedMark, id)
}

/// The key of a part.
pub(super) fn part_key(id: MessageId) -> Key {
    key(Kind::Part, id)
}

/// The key of a slot.
pub(super) fn slot_key(slot: Slot) -> Key {
    let memory = match slot.memory {
        Memory::Sim => 1,
        Memory::Modem => 2,
    };
    Key {
        kind: Kind::Slot,
        id: memory << 16 | u64::from(slot.index),
    }
}

/// The slot whose key has this id.
pub(super) fn slot_of(id: u64) -> Option<Slot> {
    let memory = match id >> 16 {
        1 => Memory::Sim,
        2 => Memory::Modem,
        _ => return None,
    };
    let index = u16::try_from(id & 0xFFFF).ok()?;
    Some(Slot { memory, index })
}

/// What a slot held when it was taken over, and the message or part made of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Holding {
    pub(super) fingerprint: u64,
    pub(super) owner: MessageId,
}

/// Eight bytes that tell PDUs apart.
pub(super) fn fingerprint(pdu: &[u8]) -> u64 {
    let digest = Sha256::digest(pdu);
    digest
        .first_chunk()
        .map_or(0, |bytes| u64::from_be_bytes(*bytes))
}

/// Sets what a slot holds.
pub(super) fn put_slot(slot: Slot, holding: Holding) -> Change {
    let mut value = holding.fingerprint.to_be_bytes().to_vec();
    value.extend_from_slice(&holding.owner.0.to_be_bytes());
    Change::Put {
        key: slot_key(slot),
        value,
        keep: Keep::Always,
    }
}

/// What a slot holds.
pub(super) fn read_slot(value: &[u8]) -> Option<Holding> {
    let (fingerprint, rest) = value.split_first_chunk()?;
    Some(Holding {
        fingerprint: u64::from_be_bytes(*fingerprint),
        owner: MessageId(u64::from_be_bytes(*rest.first_chunk()?)),
    })
}

/// Sets a message.
pub(super) fn put_message(message: &Received, repeatable: Vec<u64>) -> Change {
    let stored = StoredReceived {
        from: message.from.clone(),
        text: message.text.clone(),
        sent_at: message.sent_at,
        received_at: message.received_at,
        parts: message.parts,
        complete: message.complete,
        class: message.class,
        encoding: message.encoding,
        repeatable,
    };
    Change::Put {
        key: message_key(message.id),
        value: serde_json::to_vec(&stored).unwrap_or_default(),
        keep: Keep::UntilRoom,
    }
}

/// A message, its slots not yet filled in, and the fingerprints of what the network may bring again.
pub(super) fn read_message(id: u64, value: &[u8]) -> Option<(Received, Vec<u64>)> {
    let stored: StoredReceived = json::read(value).ok()?;
    let message = Received {
        id: MessageId(id),
        from: stored.from,
        text: stored.text,
        sent_at: stored.sent_at,
        received_at: stored.received_at,
        parts: stored.parts,
        complete: stored.complete,
        class: stored.class,
        encoding: stored.encoding,
        slots: Vec::new(),
    };
    Some((message, stored.repeatable))
}

/// Sets a waiting part.
pub(super) fn put_part(id: MessageId, pdu: &[u8], received_at: WallTime) -> Change {
    let stored = StoredPart {
        received_at,
        pdu: sms::to_hex(pdu),
    };
    Change::Put {
        key: part_key(id),
        value: serde_json::to_vec(&stored).unwrap_or_default(),
        keep: Keep::Always,
    }
}

/// A waiting part: its PDU and when it came.
pub(super) fn read_part(value: &[u8]) -> Option<(Vec<u8>, WallTime)> {
    let stored: StoredPart = json::read(value).ok()?;
    Some((sms::from_hex(&stored.pdu).ok()?, stored.received_at))
}

/// What was done with a message.
#[derive(Default, Serialize, Deserialize)]
struct StoredMark {
    #[serde(default)]
    read: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    rule: Option<String>,
}

/// Sets whether a message was read, and which rule took it.
pub(super) fn put_mark(id: MessageId, read: bool, rule: Option<&str>) -> Change {
    let rule = rule.map(String::from);
    Change::Put {
        key: mark_key(id),
        value: serde_json::to_vec(&StoredMark { read, rule }).unwrap_or_default(),
        keep: Keep::UntilRoom,
    }
}

/// Whether a message was read, and which rule took it.
pub(super) fn read_mark(store: &Store, id: MessageId) -> (bool, Option<String>) {
    let mark = store.get(mark_key(id));
    let mark: StoredMark = mark
        .and_then(|value| json::read(value).ok())
        .unwrap_or_default();
    (mark.read, mark.rule)
}
