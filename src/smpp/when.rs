//! Codec: SMPP's times (3.4 clause 7.1.1), absolute and relative, and the dates of a receipt. Never reads a clock.

use crate::time::WallTime;

/// A time that is no time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NoTime;

/// Seconds from `now` until `time`; 0 for one that is past, `None` for an empty one.
pub(super) fn seconds_until(time: &[u8], now: WallTime) -> Result<Option<u32>, NoTime> {
    if time.is_empty() {
        return Ok(None);
    }
    let digits = time.iter().take(15).all(u8::is_ascii_digit);
    if time.len() != 16 || !digits {
        return Err(NoTime);
    }
    // YY MM DD hh mm ss t nn p
    let mut two = time.chunks(2).map(|pair| {
        let digit = |octet: &u8| u32::from(octet.saturating_sub(b'0'));
        pair.iter()
            .take(2)
            .fold(0, |sum, octet| sum * 10 + digit(octet))
    });
    let mut next = || two.next().unwrap_or(0);
    let [year, month, day, hour, minute, second] = [(); 6].map(|()| next());
    if time.last() == Some(&b'R') {
        let days = year * 365 + month * 30 + day;
        let seconds = days * 86_400 + hour * 3600 + minute * 60 + second;
        return Ok(Some(seconds));
    }
    let sign = match time.last() {
        Some(b'+') => '+',
        Some(b'-') => '-',
        Some(_) | None => return Err(NoTime),
    };
    let tail = time.get(13..15).and_then(|tail| str::from_utf8(tail).ok());
    let quarters: u32 = tail.and_then(|tail| tail.parse().ok()).ok_or(NoTime)?;
    let (ahead, minutes) = (quarters / 4, quarters % 4 * 15);
    let at = format!(
        "20{year:02}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}{sign}{ahead:02}:{minutes:02}"
    );
    let at = WallTime::parse_rfc3339(&at).ok_or(NoTime)?;
    if !now.is_set() {
        // It would lie half a century ahead.
        return Err(NoTime);
    }
    let left = at.unix_s().saturating_sub(now.unix_s()).max(0);
    Ok(Some(u32::try_from(left).unwrap_or(u32::MAX)))
}

/// `YYMMDDhhmmss` in UTC.
fn compact(at: WallTime) -> String {
    let text = at.rfc3339();
    let digits = text.chars().filter(char::is_ascii_digit);
    digits.skip(2).take(12).collect()
}

/// An absolute time.
pub(super) fn absolute(at: WallTime) -> String {
    compact(at) + "000+"
}

/// `YYMMDDhhmm`, as in a receipt.
pub(super) fn minute(at: WallTime) -> String {
    let mut text = compact(at);
    text.truncate(10);
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    const NOW: WallTime = WallTime(1_795_293_314_000); // 2026-11-21T20:35:14Z

    fn until(time: &str) -> Result<Option<u32>, NoTime> {
        seconds_until(time.as_bytes(), NOW)
    }

    #[test]
    fn both_forms_are_read() {
        assert_eq!(until(""), Ok(None));
        assert_eq!(until("000000010000000R"), Ok(Some(3600)));
        assert_eq!(until("000001000000000R"), Ok(Some(86_400)));
        assert_eq!(until("010100000001000R"), Ok(Some(395 * 86_400 + 1)));
        assert_eq!(until("261121203514000+"), Ok(Some(0)));
        assert_eq!(until("261121203515000+"), Ok(Some(1)));
        assert_eq!(until("261121213514004+"), Ok(Some(0)));
        assert_eq!(until("261121163514008-"), Ok(Some(0)), "18:35:14 is past");
        assert_eq!(until("261121193514008-"), Ok(Some(3600)));
        assert_eq!(until("200101000000000+"), Ok(Some(0)));
    }

    #[test]
    fn an_absolute_time_is_refused_while_the_clock_is_not_set() {
        let now = WallTime::from_unix_s(70);
        let until = |time: &str| seconds_until(time.as_bytes(), now);
        assert_eq!(until("261121203515000+"), Err(NoTime));
        assert_eq!(until("000000010000000R"), Ok(Some(3600)));
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for time in [
            "1",
            "0000000100000000",
            "26112120351400+",
            "261321203514000+",
            "2611212035140000+",
            "26112x203514000+",
            "261121203514000Z",
            "261121203514099+",
        ] {
            assert_eq!(until(time), Err(NoTime), "{time}");
        }
    }

    #[test]
    fn what_is_written_reads_back() {
        assert_eq!(absolute(NOW), "261121203514000+");
        assert_eq!(
            until(&absolute(NOW.after(Duration::from_secs(60)))),
            Ok(Some(60))
        );
        assert_eq!(minute(NOW), "2611212035");
    }
}
