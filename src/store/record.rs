//! Codec: the journal's bytes — segment header, records, changes. Never reads a file and never decides what may go.
//!
//! ```text
//! segment  "rutj" version:u8 0 0 0 floor:u64 crc:u32               the floor: no id up to it is given out again
//! record   FF 'R' FE 'J' length:u32 crc:u32 payload                 crc over length and payload
//! payload  { tag:u8 id:varint [length:varint bytes] }*              tag: kind, 0x40 may go, 0x80 delete
//! ```
//! All little-endian. The marker's FF and FE never occur in UTF-8, so no text of a message can look like a record.

use crc::{CRC_32_ISO_HDLC, Crc};

use super::{Change, Keep, Key, Kind};

/// Bytes of a segment's header.
pub(super) const HEADER: usize = 20;
/// Bytes of a record besides its payload.
pub(super) const OVERHEAD: usize = 12;

const MAGIC: &[u8; 4] = b"rutj";
const VERSION: u8 = 1;
const MARKER: &[u8; 4] = b"\xFFR\xFEJ";
const DELETE: u8 = 0x80;
const MAY_GO: u8 = 0x40;

/// All kinds.
pub(super) const KINDS: [Kind; 12] = [
    Kind::Received,
    Kind::ReceivedMark,
    Kind::Part,
    Kind::Slot,
    Kind::Outgoing,
    Kind::OutgoingState,
    Kind::Idempotency,
    Kind::Event,
    Kind::Cursor,
    Kind::Mail,
    Kind::Rules,
    Kind::Signal,
];

/// The CRC-32 of Ethernet and zip; its table is 1 KB, where crc32fast's are 16.
static CRC: Crc<u32> = Crc::<u32>::new(&CRC_32_ISO_HDLC);

/// A segment's header.
pub(super) fn header(floor: u64) -> Vec<u8> {
    let mut out = Vec::with_capacity(HEADER);
    out.extend_from_slice(MAGIC);
    out.extend_from_slice(&[VERSION, 0, 0, 0]);
    out.extend_from_slice(&floor.to_le_bytes());
    let crc = CRC.checksum(&out);
    out.extend_from_slice(&crc.to_le_bytes());
    out
}

/// The floor a segment's header names; `None` when the header is damaged or of another version.
pub(super) fn floor(segment: &[u8]) -> Option<u64> {
    let (head, rest) = segment.split_at_checked(HEADER - 4)?;
    let crc = u32::from_le_bytes(*rest.first_chunk()?);
    let whole = head.starts_with(MAGIC) && head.get(4) == Some(&VERSION);
    let floor = u64::from_le_bytes(*head.last_chunk()?);
    (whole && crc == CRC.checksum(head)).then_some(floor)
}

/// One record that carries `changes`.
pub(super) fn emit<'a>(changes: impl Iterator<Item = &'a Change>) -> Vec<u8> {
    let mut payload = Vec::new();
    for change in changes {
        emit_change(change, &mut payload);
    }
    let length = u32::try_from(payload.len())
        .unwrap_or(u32::MAX)
        .to_le_bytes();
    let mut out = Vec::with_capacity(OVERHEAD + payload.len());
    out.extend_from_slice(MARKER);
    out.extend_from_slice(&length);
    out.extend_from_slice(&checksum(length, &payload).to_le_bytes());
    out.append(&mut payload);
    out
}

/// The bytes a change takes inside a record.
pub(super) fn size(key: Key, value: Option<&[u8]>) -> usize {
    let bytes = value.map_or(0, |value| varint_len(value.len() as u64) + value.len());
    1 + varint_len(key.id) + bytes
}

fn emit_change(change: &Change, out: &mut Vec<u8>) {
    match change {
        Change::Put { key, value, keep } => {
            let may_go = match keep {
                Keep::Always => 0,
                Keep::UntilRoom => MAY_GO,
            };
            out.push(key.kind as u8 | may_go);
            emit_varint(key.id, out);
            emit_varint(value.len() as u64, out);
            out.extend_from_slice(value);
        }
        Change::Delete { key } => {
            out.push(key.kind as u8 | DELETE);
            emit_varint(key.id, out);
        }
    }
}

fn checksum(length: [u8; 4], payload: &[u8]) -> u32 {
    let mut crc = CRC.digest();
    crc.update(&length);
    crc.update(payload);
    crc.finalize()
}

fn varint_len(value: u64) -> usize {
    let bits = (64 - value.leading_zeros()).max(1);
    bits.div_ceil(7) as usize
}

fn emit_varint(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push((value & 0x7F) as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// What lies in a segment after its header, one after the other.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// A whole record.
    Batch(Vec<Change>),
    /// So many bytes that are no record, up to the next good one or to the end.
    Lost(usize),
}

/// Walks a segment's records; a damaged one is stepped over by looking for the next marker.
pub(super) struct Records<'a> {
    rest: &'a [u8],
}

impl<'a> Records<'a> {
    /// The records of a whole segment. A damaged header is stepped over too.
    pub(super) fn of(segment: &'a [u8]) -> Records<'a> {
        let rest = match floor(segment) {
            Some(_) => segment.get(HEADER..).unwrap_or_default(),
            None => segment,
        };
        Records { rest }
    }

    /// Bytes not walked yet.
    pub(super) fn left(&self) -> usize {
        self.rest.len()
    }
}

impl Iterator for Records<'_> {
    type Item = Found;

    fn next(&mut self) -> Option<Found> {
        if self.rest.is_empty() {
            return None;
        }
        if let Some((changes, rest)) = parse(self.rest) {
            self.rest = rest;
            return Some(Found::Batch(changes));
        }
        let mut lost = 1;
        while let Some(later) = self.rest.get(lost..).filter(|later| !later.is_empty()) {
            if later.starts_with(MARKER) && parse(later).is_some() {
                break;
            }
            lost += 1;
        }
        self.rest = self.rest.get(lost..).unwrap_or_default();
        Some(Found::Lost(lost))
    }
}

/// A record at the beginning of `bytes`, and what follows it.
fn parse(bytes: &[u8]) -> Option<(Vec<Change>, &[u8])> {
    let rest = bytes.strip_prefix(MARKER)?;
    let (length, rest) = rest.split_first_chunk::<4>()?;
    let (crc, rest) = rest.split_first_chunk::<4>()?;
    let count = usize::try_from(u32::from_le_bytes(*length)).ok()?;
    let (payload, rest) = rest.split_at_checked(count)?;
    if checksum(*length, payload) != u32::from_le_bytes(*crc) {
        return None;
    }
    Some((parse_payload(payload)?, rest))
}

fn parse_payload(mut bytes: &[u8]) -> Option<Vec<Change>> {
    let mut changes = Vec::new();
    while let Some((tag, rest)) = bytes.split_first() {
        bytes = rest;
        let id = parse_varint(&mut bytes)?;
        let value = match tag & DELETE {
            0 => {
                let length = usize::try_from(parse_varint(&mut bytes)?).ok()?;
                let (value, rest) = bytes.split_at_checked(length)?;
                bytes = rest;
                Some(value.to_vec())
            }
            _ => None,
        };
        // A kind of a later version is stepped over: the rest of the batch is still good.
        let Some(kind) = kind_of(tag & !(DELETE | MAY_GO)) else {
            continue;
        };
        let key = Key { kind, id };
        changes.push(match value {
            Some(value) => Change::Put {
                key,
                value,
                keep: if tag & MAY_GO == 0 {
                    Keep::Always
                } else {
                    Keep::UntilRoom
                },
            },
            None => Change::Delete { key },
        });
    }
    Some(changes)
}

fn kind_of(byte: u8) -> Option<Kind> {
    KINDS.into_iter().find(|kind| *kind as u8 == byte)
}

fn parse_varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0u64;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(byte & 0x7F).checked_shl(shift)?;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn some_changes() -> Vec<Change> {
        vec![
            Change::Put {
                key: Key {
                    kind: Kind::Received,
                    id: 300,
                },
                value: vec![b'x'; 200],
                keep: Keep::UntilRoom,
            },
            Change::Delete {
                key: Key {
                    kind: Kind::Slot,
                    id: u64::MAX,
                },
            },
        ]
    }

    #[test]
    fn a_batch_reads_back_as_it_was_written_and_its_size_is_foretold() {
        let changes = some_changes();
        let record = emit(changes.iter());
        let segment = [header(7), record.clone(), record.clone()].concat();
        assert_eq!(floor(&segment), Some(7));
        let found: Vec<Found> = Records::of(&segment).collect();
        assert_eq!(
            found,
            [Found::Batch(changes.clone()), Found::Batch(changes.clone())]
        );
        let foretold: usize = changes
            .iter()
            .map(|change| match change {
                Change::Put { key, value, .. } => size(*key, Some(value)),
                Change::Delete { key } => size(*key, None),
            })
            .sum();
        assert_eq!(record.len(), OVERHEAD + foretold);
    }

    #[test]
    fn a_segment_cut_at_any_byte_gives_its_whole_records_and_counts_the_rest_as_lost() {
        let changes = some_changes();
        let record = emit(changes.iter());
        let segment = [header(7), record.clone(), record.clone()].concat();
        for cut in 0..segment.len() {
            let part = &segment[..cut];
            let whole = cut.saturating_sub(HEADER) / record.len();
            let found: Vec<Found> = Records::of(part).collect();
            let batches = found
                .iter()
                .filter(|found| matches!(found, Found::Batch(_)));
            assert_eq!(batches.count(), whole, "cut at {cut}");
            assert_eq!(floor(part).is_some(), cut >= HEADER);
        }
    }

    #[test]
    fn a_flipped_bit_costs_one_record_and_never_a_panic() {
        let changes = some_changes();
        let record = emit(changes.iter());
        let segment = [header(7), record.clone(), record.clone(), record].concat();
        for bit in 0..segment.len() * 8 {
            let mut bad = segment.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            let whole = Records::of(&bad)
                .filter(|found| *found == Found::Batch(changes.clone()))
                .count();
            assert_eq!(whole, if bit / 8 < HEADER { 3 } else { 2 }, "bit {bit}");
        }
    }

    #[test]
    fn rubbish_is_lost_whole() {
        let rubbish: Vec<u8> = (0..2000u32).map(|n| ((n * 7919) >> 3) as u8).collect();
        let found: Vec<Found> = Records::of(&rubbish).collect();
        assert_eq!(found, [Found::Lost(2000)]);
    }
}
