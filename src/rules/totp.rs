//! Codec: time-based one-time codes (RFC 6238 with SHA-1, six digits, steps of 30 s). Never remembers which were used.

use subtle::ConstantTimeEq;

use crate::time::WallTime;

/// RFC 6238 4.1: X.
const STEP_S: i64 = 30;

/// The time step whose code `text` is, among this one, the one before and the one after (RFC 6238 5.2), all newer than
/// `used`.
pub(super) fn step_of(key: &[u8], text: &str, now: WallTime, used: Option<u64>) -> Option<u64> {
    let current = u64::try_from(now.unix_s().div_euclid(STEP_S)).ok()?;
    let mut found = None;
    for step in current.saturating_sub(1)..=current + 1 {
        let right = code(key, step).as_bytes().ct_eq(text.as_bytes());
        if right.into() && used.is_none_or(|used| step > used) {
            found = Some(step);
        }
    }
    found
}

/// RFC 4226 5.3.
fn code(key: &[u8], step: u64) -> String {
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, key);
    let tag = ring::hmac::sign(&key, &step.to_be_bytes());
    let offset = tag
        .as_ref()
        .last()
        .map_or(0, |last| usize::from(last & 0xF));
    let four = tag
        .as_ref()
        .get(offset..)
        .and_then(|rest| rest.first_chunk());
    let number = four.map_or(0, |four| u32::from_be_bytes(*four) & 0x7FFF_FFFF);
    format!("{:06}", number % 1_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &[u8] = b"12345678901234567890";

    #[test]
    fn codes_are_those_of_the_standard() {
        for (at, expected) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_234_567_890, "005924"),
            (20_000_000_000, "353130"),
        ] {
            let step = at / 30;
            assert_eq!(code(KEY, step), expected);
            for (near, good) in [(-1, true), (0, true), (1, true), (2, false), (-2, false)] {
                let now = WallTime::from_unix_s((i64::try_from(step).unwrap() + near) * 30);
                assert_eq!(step_of(KEY, expected, now, None), good.then_some(step));
            }
        }
    }

    #[test]
    fn a_code_is_good_once() {
        let now = WallTime::from_unix_s(59);
        assert_eq!(step_of(KEY, "287082", now, Some(0)), Some(1));
        assert_eq!(step_of(KEY, "287082", now, Some(1)), None);
        for wrong in ["", "28708", "2870820", "28708２", "abcdef"] {
            assert_eq!(step_of(KEY, wrong, now, None), None, "{wrong}");
        }
        assert_eq!(step_of(KEY, "287082", WallTime(-1), None), None);
    }
}
