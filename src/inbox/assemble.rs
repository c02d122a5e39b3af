//! Decider: which parts wait for which siblings, and what text they make (23.040 9.2.3.24.1). Never writes: the inbox
//! puts each part on flash first.
//!
//! ```text
//! first part --> waiting --last sibling--> joined
//!                  |  ^---- a part already here: known
//!                  |--- waited too long since the last one came ------------> joined with gaps
//!                  '--- another text under a place already taken: the ------> joined with gaps, and a new group begins
//!                       sender uses its reference for a new message
//! ```

use std::time::Duration;

use crate::message::{Encoding, MessageId, Number};
use crate::sms::{Body, Concat, Deliver};
use crate::sorted::Sorted;
use crate::time::{Tick, WallTime};

/// Stands in the text for parts that never came, once for each gap.
pub(super) const GAP: &str = " […] ";

/// A part on flash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Part {
    /// Its record's id.
    pub(super) id: MessageId,
    /// Decoded.
    pub(super) deliver: Deliver,
    /// As it came: a character cut between two parts is mended from it.
    pub(super) pdu: Vec<u8>,
    /// When it came.
    pub(super) received_at: WallTime,
}

/// What the parts of one message have in common.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Group {
    from: Number,
    wide: bool,
    reference: u16,
    total: u8,
}

impl Group {
    /// The group this part belongs to, and its place there; `None` for a message that is whole by itself.
    pub(super) fn of(deliver: &Deliver) -> Option<(Group, u8)> {
        let concat: Concat = deliver.concat?;
        if concat.total < 2 || !(1..=concat.total).contains(&concat.sequence) {
            return None;
        }
        let group = Group {
            from: deliver.from.clone(),
            wide: concat.wide,
            reference: concat.reference,
            total: concat.total,
        };
        Some((group, concat.sequence))
    }

    /// Parts in all.
    pub(super) fn total(&self) -> u8 {
        self.total
    }
}

/// What a part means to those already here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is here already, under this id.
    Known(MessageId),
    /// Siblings are missing.
    Waits,
    /// It is the last one.
    Completes,
    /// Its place is taken by another text: those waiting belong to an older message.
    Replaces,
}

#[derive(Debug, Default)]
struct Waiting {
    parts: Sorted<u8, Part>,
    last_came: Tick,
}

/// All parts that wait.
#[derive(Debug)]
pub(super) struct Assembly {
    groups: Sorted<Group, Waiting>,
    timeout: Duration,
    not_before: Tick,
}

impl Assembly {
    /// Nothing waits yet; parts will be waited for `timeout`.
    pub(super) fn new(timeout: Duration) -> Assembly {
        Assembly {
            groups: Sorted::default(),
            timeout,
            not_before: Tick(0),
        }
    }

    /// What a part with this body would be.
    pub(super) fn judge(&self, group: &Group, sequence: u8, body: &Body) -> Verdict {
        let Some(waiting) = self.groups.get(group) else {
            return Verdict::Waits;
        };
        match waiting.parts.get(&sequence) {
            Some(here) if here.deliver.body == *body => Verdict::Known(here.id),
            Some(_) => Verdict::Replaces,
            None if waiting.parts.iter().count() + 1 == usize::from(group.total) => {
                Verdict::Completes
            }
            None => Verdict::Waits,
        }
    }

    /// A part that is on flash now.
    pub(super) fn add(&mut self, group: Group, sequence: u8, part: Part, now: Tick) {
        let mut waiting = self.groups.remove(&group).unwrap_or_default();
        waiting.last_came = now;
        waiting.parts.insert(sequence, part);
        self.groups.insert(group, waiting);
    }

    /// The waiting parts of a group, by sequence.
    pub(super) fn parts(&self, group: &Group) -> Vec<(u8, &Part)> {
        let waiting = self.groups.get(group);
        let parts = waiting.into_iter().flat_map(|waiting| waiting.parts.iter());
        parts.map(|(sequence, part)| (*sequence, part)).collect()
    }

    /// The parts that wait, to be changed.
    pub(super) fn all(&mut self) -> impl Iterator<Item = &mut Part> {
        let groups = self.groups.values_mut();
        groups.flat_map(|waiting| waiting.parts.values_mut())
    }

    /// The group was handed on.
    pub(super) fn forget(&mut self, group: &Group) {
        self.groups.remove(group);
    }

    /// The groups that waited long enough.
    pub(super) fn overdue(&self, now: Tick) -> Vec<Group> {
        let overdue = |waiting: &Waiting| waiting.last_came + self.timeout <= now;
        let groups = self.groups.iter();
        groups
            .filter(|(_, waiting)| overdue(waiting))
            .map(|(group, _)| group.clone())
            .collect()
    }

    /// Handing on failed: not again before `later`.
    pub(super) fn postpone(&mut self, later: Tick) {
        self.not_before = later;
    }

    /// When the next group will be overdue.
    pub(super) fn next_wake(&self) -> Option<Tick> {
        let due = self
            .groups
            .values()
            .map(|waiting| waiting.last_came + self.timeout);
        due.min().map(|due| due.max(self.not_before))
    }
}

/// The text of parts in order of their sequence, with [`GAP`] where some are missing.
pub(super) fn join(parts: &[(u8, &Part)], total: u8) -> String {
    let mut text = String::new();
    let mut before: Option<&Part> = None;
    let mut expected = 1;
    for (sequence, part) in parts {
        if *sequence != expected {
            text.push_str(GAP);
            before = None;
        }
        let own = text_of(&part.deliver.body);
        match before.and_then(|before| cut_character(before, part)) {
            Some(mended) => {
                text.pop();
                text.push(mended);
                text.extend(own.chars().skip(1));
            }
            None => text.push_str(&own),
        }
        before = Some(part);
        expected = sequence.saturating_add(1);
    }
    let last = parts.last().map_or(0, |(sequence, _)| *sequence);
    if last < total {
        text.push_str(GAP);
    }
    text
}

/// A body as text: data as Latin-1 characters.
pub(super) fn text_of(body: &Body) -> String {
    match body {
        Body::Text(text) => text.clone(),
        Body::Data(bytes) => bytes.iter().map(|byte| char::from(*byte)).collect(),
    }
}

/// The character whose two UTF-16 units lie at the end of one part and the beginning of the next. Phones cut there
/// although 23.040 9.2.3.24.1 forbids it, and each half alone reads as U+FFFD.
fn cut_character(before: &Part, after: &Part) -> Option<char> {
    let (Body::Text(first), Body::Text(second)) = (&before.deliver.body, &after.deliver.body)
    else {
        return None;
    };
    let ucs2 = |part: &Part| part.deliver.encoding == Encoding::Ucs2;
    let cut = first.ends_with('\u{FFFD}') && second.starts_with('\u{FFFD}');
    if !cut || !ucs2(before) || !ucs2(after) {
        return None;
    }
    // The user data is the last field of the TPDU.
    let high = before.pdu.last_chunk::<2>()?;
    let start = after
        .pdu
        .len()
        .checked_sub(2 * second.encode_utf16().count())?;
    let low = after.pdu.get(start..)?.first_chunk::<2>()?;
    let units = [u16::from_be_bytes(*high), u16::from_be_bytes(*low)];
    char::decode_utf16(units)
        .next()?
        .ok()
        .filter(|mended| mended.len_utf16() == 2)
}
