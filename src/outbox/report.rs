//! Decider: what a delivery report says, and whether it can be about a part (23.040 9.2.3.15). Never writes.

use crate::message::Number;
use crate::time::WallTime;

/// What TP-ST says about a part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// The recipient has it.
    Delivered,
    /// The service centre goes on trying.
    Trying,
    /// Its validity ran out at the service centre.
    Expired,
    /// The service centre gave up.
    Failed,
}

/// How long a part's report is waited for.
const WAITED_S: i64 = 3 * 24 * 3600;
/// Trailing digits in which two forms of one number agree.
const TRAILING: usize = 7;

/// What a TP-ST means.
pub(super) fn fate(status: u8) -> Fate {
    match status {
        0x00..=0x1F => Fate::Delivered,
        0x20..=0x3F => Fate::Trying,
        0x46 => Fate::Expired,
        0x40..=0x45 | 0x47..=0xFF => Fate::Failed,
    }
}

/// A TP-ST in words.
pub(super) fn words(status: u8) -> &'static str {
    match status {
        0x00 => "the recipient has it",
        0x01 => "passed on; the service centre cannot confirm more",
        0x02 => "replaced by the service centre",
        0x03..=0x1F => "done",
        0x20 | 0x60 => "congestion",
        0x21 | 0x61 => "the recipient's phone is busy",
        0x22 | 0x62 => "no answer from the recipient's phone",
        0x23 | 0x63 => "the service was rejected",
        0x24 | 0x44 | 0x64 => "the quality of service is not available",
        0x25 | 0x65 => "error in the recipient's phone",
        0x26..=0x3F => "the service centre goes on trying",
        0x40 => "error at the far end",
        0x41 => "the destination cannot take it",
        0x42 => "the recipient's side rejected the connection",
        0x43 => "the recipient cannot be obtained",
        0x45 => "no way to the recipient's network",
        0x46 => "its validity ran out at the service centre",
        0x47 => "deleted by its sender",
        0x48 => "deleted by the service centre's staff",
        0x49 => "the service centre does not have it any more",
        0x4A..=0x5F => "the service centre gave up: permanent error",
        0x66..=0x7F => "the service centre gave up after trying",
        0x80..=0xFF => "the service centre gave an unknown status",
    }
}

/// True when a report that comes now may still be about a part that was sent at `sent_at`.
pub(super) fn awaited(sent_at: WallTime, now: WallTime) -> bool {
    !is_older(sent_at, now, WAITED_S)
}

/// True when `at` lies more than `seconds` back, as far as the router's clock can tell.
pub(super) fn is_older(at: WallTime, now: WallTime, seconds: i64) -> bool {
    at.is_set() && now.unix_s() - at.unix_s() > seconds
}

/// True when two forms may be one number: networks turn national numbers into international ones and back.
pub fn same_party(one: &Number, other: &Number) -> bool {
    let digits = |number: &Number| -> Vec<u8> {
        let bytes = number.as_str().bytes().rev();
        bytes.filter(|byte| *byte != b'+').collect()
    };
    let (one, other) = (digits(one), digits(other));
    let compared = one.len().min(other.len()).min(TRAILING);
    let short = one.len().min(other.len()) < TRAILING;
    one.get(..compared) == other.get(..compared) && (!short || one.len() == other.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_status_has_a_fate_and_words() {
        for status in 0..=255 {
            assert!(!words(status).is_empty());
            let expected = match status {
                0..32 => Fate::Delivered,
                32..64 => Fate::Trying,
                0x46 => Fate::Expired,
                _ => Fate::Failed,
            };
            assert_eq!(fate(status), expected, "{status:#x}");
        }
    }

    #[test]
    fn a_number_is_known_in_its_national_and_international_form() {
        let same = |one: &str, other: &str| {
            same_party(&Number::as_received(one), &Number::as_received(other))
        };
        assert!(same("+12025550155", "12025550155"));
        assert!(same("+12025550155", "02025550155"));
        assert!(same("5550155", "+12025550155"));
        assert!(same("1234", "1234"));
        assert!(
            !same("1234", "+12025551234"),
            "a short number is itself only"
        );
        assert!(!same("+12025550155", "+12025550156"));
        assert!(!same("12345", "2345"));
    }

    #[test]
    fn a_report_is_awaited_three_days_and_longer_only_when_the_clock_was_not_set() {
        let at = WallTime::from_unix_s;
        assert!(awaited(at(1_795_000_000), at(1_795_000_000 + 259_200)));
        assert!(!awaited(at(1_795_000_000), at(1_795_000_000 + 259_201)));
        assert!(awaited(at(70), at(1_795_000_000)));
    }
}
