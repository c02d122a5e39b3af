//! Codec: a time as seven semi-octet pairs, for TP-SCTS, TP-DT and an absolute TP-VP (23.040 9.2.3.11); it never guesses
//! at digits that are no date.

use time::{Date, Month, OffsetDateTime, PrimitiveDateTime, Time, UtcOffset};

use crate::time::WallTime;

const QUARTER_HOUR_S: i64 = 900;
/// In the zone octet's first digit: west of Greenwich.
const WEST: u8 = 0x08;

/// The moment that year, month, day, hour, minute, second and zone name; `None` when they are no date or fewer than
/// seven. Years 90 to 99 lie in the last century.
pub fn parse_scts(octets: &[u8]) -> Option<WallTime> {
    let &[year, month, day, hour, minute, second, zone] = octets.first_chunk::<7>()?;
    let year = i32::from(digits(year)?);
    let date = Date::from_calendar_date(
        if year < 90 { 2000 + year } else { 1900 + year },
        Month::try_from(digits(month)?).ok()?,
        digits(day)?,
    )
    .ok()?;
    let time = Time::from_hms(digits(hour)?, digits(minute)?, digits(second)?).ok()?;
    let quarters = i64::from(digits(zone & !WEST)?);
    let east_s = if zone & WEST == 0 { 1 } else { -1 } * quarters * QUARTER_HOUR_S;
    let local_s = PrimitiveDateTime::new(date, time)
        .assume_utc()
        .unix_timestamp();
    Some(WallTime::from_unix_s(local_s - east_s))
}

/// The seven octets of `at` by a clock `quarters` quarter-hours east of Greenwich (-79..=79); `None` when no such date
/// can be written.
pub fn emit_scts(at: WallTime, quarters: i8) -> Option<[u8; 7]> {
    let offset = UtcOffset::from_whole_seconds(i32::from(quarters) * 900).ok()?;
    let local = OffsetDateTime::from_unix_timestamp(at.unix_s())
        .ok()?
        .to_offset(offset);
    let west = if quarters < 0 { WEST } else { 0 };
    Some([
        octet(u8::try_from(local.year().rem_euclid(100)).ok()?),
        octet(u8::from(local.month())),
        octet(local.day()),
        octet(local.hour()),
        octet(local.minute()),
        octet(local.second()),
        octet(quarters.unsigned_abs().min(79)) | west,
    ])
}

/// Two digits, the tens in the low half.
fn digits(octet: u8) -> Option<u8> {
    let (tens, units) = (octet & 0x0f, octet >> 4);
    (tens < 10 && units < 10).then_some(tens * 10 + units)
}

fn octet(number: u8) -> u8 {
    ((number % 10) << 4) | (number / 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zones_count_quarter_hours_either_way() {
        let at = |zone| parse_scts(&[0x20, 0x80, 0x62, 0x91, 0x73, 0x14, zone]).unwrap();
        assert_eq!(at(0x00).rfc3339(), "2002-08-26T19:37:41Z");
        assert_eq!(at(0x80).rfc3339(), "2002-08-26T17:37:41Z");
        assert_eq!(at(0x48).rfc3339(), "2002-08-26T20:37:41Z");
        assert_eq!(at(0x22).rfc3339(), "2002-08-26T14:07:41Z");
    }

    #[test]
    fn impossible_digits_are_no_time() {
        for octets in [
            [0x00; 7],
            [0xff; 7],
            [0x51, 0x31, 0x10, 0x00, 0x00, 0x00, 0x00],
            [0x51, 0x20, 0x03, 0x00, 0x00, 0x00, 0x00],
            [0x51, 0x10, 0x10, 0x42, 0x00, 0x00, 0x00],
            [0x51, 0x10, 0x10, 0x00, 0x00, 0x06, 0x00],
            [0x51, 0x10, 0x10, 0x00, 0x00, 0x00, 0xf0],
        ] {
            assert_eq!(parse_scts(&octets), None, "{octets:02x?}");
        }
        assert_eq!(parse_scts(&[0x51, 0x11, 0x72]), None);
    }

    #[test]
    fn a_written_time_reads_back() {
        for quarters in -79..=79 {
            let at = WallTime::from_unix_s(1_795_293_314 + 86_400 * i64::from(quarters));
            let octets = emit_scts(at, quarters).unwrap();
            assert_eq!(parse_scts(&octets), Some(at), "{quarters}");
        }
    }
}
