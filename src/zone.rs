//! Codec: a POSIX time zone such as `CET-1CEST,M3.5.0,M10.5.0/3` (POSIX.1 8.3, `TZ`), as the router writes it. Never reads
//! a zone file, and never guesses: what cannot be read is UTC.

use std::str::FromStr;

use time::{Date, Month, OffsetDateTime};

use crate::time::WallTime;

/// A day of each year and seconds after its midnight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Rule {
    day: Day,
    seconds: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Day {
    /// `Jn`: 1 to 365, 29 February never counted.
    Julian(i64),
    /// `n`: 0 to 365.
    Counted(i64),
    /// `Mm.w.d`: month, week (5: the last), day of the week from Sunday.
    Weekly(u8, i64, i64),
}

/// Summer time: seconds east of UTC, from one rule to the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Summer {
    east: i64,
    from: Rule,
    to: Rule,
}

/// A time zone; the default is UTC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Zone {
    east: i64,
    summer: Option<Summer>,
}

const HOUR: i64 = 3600;
const DAY: i64 = 24 * HOUR;

impl Zone {
    /// Of a `TZ` text; UTC when it cannot be read.
    pub fn of(text: &str) -> Zone {
        parse(text).unwrap_or_default()
    }

    /// The local clock at `at`, as if it were UTC's.
    pub fn local(self, at: WallTime) -> OffsetDateTime {
        let utc = at.unix_s();
        let east = match self.summer {
            Some(summer) if self.is_summer(summer, utc) => summer.east,
            Some(_) | None => self.east,
        };
        OffsetDateTime::from_unix_timestamp(utc.saturating_add(east))
            .unwrap_or(OffsetDateTime::UNIX_EPOCH)
    }

    /// Each change is written in the time that ends with it.
    fn is_summer(self, summer: Summer, utc: i64) -> bool {
        let year = OffsetDateTime::from_unix_timestamp(utc.saturating_add(self.east))
            .map_or(1970, OffsetDateTime::year);
        let (Some(from), Some(to)) = (summer.from.local(year), summer.to.local(year)) else {
            return false;
        };
        let (from, to) = (from - self.east, to - summer.east);
        match from < to {
            true => (from..to).contains(&utc),
            false => !(to..from).contains(&utc),
        }
    }
}

impl Rule {
    /// Local seconds since 1970 in that year.
    fn local(self, year: i32) -> Option<i64> {
        let start = |month| Date::from_calendar_date(year, month, 1).ok();
        let since = |date: Date| i64::from(date.to_julian_day()) - 2_440_588;
        let january = start(Month::January)?;
        let day = match self.day {
            Day::Counted(day) => since(january) + day,
            Day::Julian(day) => {
                let leap = day > 59 && time::util::is_leap_year(year);
                since(january) + day - 1 + i64::from(leap)
            }
            Day::Weekly(month, week, weekday) => {
                let month = Month::try_from(month).ok()?;
                let first = start(month)?;
                let wanted = weekday - i64::from(first.weekday().number_days_from_sunday());
                let day = wanted.rem_euclid(7) + (week - 1) * 7;
                let length = i64::from(month.length(year));
                since(first) + if day < length { day } else { day - 7 }
            }
        };
        Some(day * DAY + self.seconds)
    }
}

fn parse(text: &str) -> Option<Zone> {
    let mut rest = name(text)?;
    let east = -clock(&mut rest)?;
    if rest.is_empty() {
        return Some(Zone { east, summer: None });
    }
    rest = name(rest)?;
    let mut summer = east + HOUR;
    if !rest.starts_with(',') {
        summer = -clock(&mut rest)?;
    }
    let mut rules = rest.strip_prefix(',')?.split(',');
    let (from, to) = (rule(rules.next()?)?, rule(rules.next()?)?);
    let summer = Summer {
        east: summer,
        from,
        to,
    };
    rules.next().is_none().then_some(Zone {
        east,
        summer: Some(summer),
    })
}

/// What follows `CET` or `<+03>`.
fn name(text: &str) -> Option<&str> {
    if let Some(quoted) = text.strip_prefix('<') {
        return quoted.split_once('>').map(|(_, rest)| rest);
    }
    let rest = text.trim_start_matches(|letter: char| letter.is_ascii_alphabetic());
    (text.len() - rest.len() >= 3).then_some(rest)
}

/// `[+-]hh[:mm[:ss]]` as seconds; `text` is what follows.
fn clock(text: &mut &str) -> Option<i64> {
    let sign = if text.starts_with('-') { -1 } else { 1 };
    let bare = text.strip_prefix(['-', '+']).unwrap_or(text);
    let rest = bare.trim_start_matches(|sign: char| sign.is_ascii_digit() || sign == ':');
    let (mut seconds, mut unit) = (0, HOUR);
    for field in bare.get(..bare.len() - rest.len())?.split(':') {
        let field: i64 = whole(field, 0, if unit == HOUR { 167 } else { 59 })?;
        seconds += field * unit;
        unit /= 60;
    }
    *text = rest;
    Some(sign * seconds)
}

fn whole<T: FromStr + PartialOrd>(text: &str, least: T, most: T) -> Option<T> {
    text.parse()
        .ok()
        .filter(|value| (least..=most).contains(value))
}

fn rule(text: &str) -> Option<Rule> {
    let (day, mut time) = text.split_once('/').unwrap_or((text, "2"));
    let seconds = clock(&mut time).filter(|_| time.is_empty())?;
    let day = if let Some(weekly) = day.strip_prefix('M') {
        let mut fields = weekly.splitn(3, '.');
        let month = whole(fields.next()?, 1, 12)?;
        Day::Weekly(
            month,
            whole(fields.next()?, 1, 5)?,
            whole(fields.next()?, 0, 6)?,
        )
    } else if let Some(julian) = day.strip_prefix('J') {
        Day::Julian(whole(julian, 1, 365)?)
    } else {
        Day::Counted(whole(day, 0, 365)?)
    };
    Some(Rule { day, seconds })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn local(zone: &str, at: &str) -> String {
        let at = Zone::of(zone).local(WallTime::parse_rfc3339(at).unwrap());
        WallTime::from_unix_s(at.unix_timestamp()).rfc3339()
    }

    #[test]
    fn summer_begins_and_ends_to_the_second() {
        let berlin = "CET-1CEST,M3.5.0,M10.5.0/3";
        for (utc, expected) in [
            ("2026-03-29T00:59:59Z", "2026-03-29T01:59:59Z"),
            ("2026-03-29T01:00:00Z", "2026-03-29T03:00:00Z"),
            ("2026-10-25T00:59:59Z", "2026-10-25T02:59:59Z"),
            ("2026-10-25T01:00:00Z", "2026-10-25T02:00:00Z"),
            ("2025-12-31T23:30:00Z", "2026-01-01T00:30:00Z"),
        ] {
            assert_eq!(local(berlin, utc), expected, "{utc}");
        }
    }

    #[test]
    fn zones_of_all_sides_of_the_earth() {
        for (zone, utc, expected) in [
            ("UTC", "2026-07-01T12:00:00Z", "2026-07-01T12:00:00Z"),
            (
                "<+0545>-5:45",
                "2026-07-01T12:00:00Z",
                "2026-07-01T17:45:00Z",
            ),
            (
                "EST5EDT,M3.2.0,M11.1.0",
                "2026-03-08T06:59:59Z",
                "2026-03-08T01:59:59Z",
            ),
            (
                "EST5EDT,M3.2.0,M11.1.0",
                "2026-03-08T07:00:00Z",
                "2026-03-08T03:00:00Z",
            ),
            (
                "EST5EDT,M3.2.0,M11.1.0",
                "2026-11-01T06:00:00Z",
                "2026-11-01T01:00:00Z",
            ),
            (
                "AEST-10AEDT,M10.1.0,M4.1.0/3",
                "2026-01-01T00:00:00Z",
                "2026-01-01T11:00:00Z",
            ),
            (
                "AEST-10AEDT,M10.1.0,M4.1.0/3",
                "2026-07-01T00:00:00Z",
                "2026-07-01T10:00:00Z",
            ),
            (
                "<-02>2<-01>,M3.5.0/-1,M10.5.0/0",
                "2026-07-01T00:00:00Z",
                "2026-06-30T23:00:00Z",
            ),
            (
                "XXX0YYY,J60,300/1",
                "2028-03-01T01:59:59Z",
                "2028-03-01T01:59:59Z",
            ),
            (
                "XXX0YYY,J60,300/1",
                "2028-03-01T02:00:00Z",
                "2028-03-01T03:00:00Z",
            ),
        ] {
            assert_eq!(local(zone, utc), expected, "{zone} {utc}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_utc_and_nothing_panics() {
        let good = "CET-1CEST,M3.5.0,M10.5.0/3";
        for cut in 0..good.len() {
            let zone = Zone::of(&good[..cut]);
            assert!(zone == Zone::default() || zone.east == HOUR, "{cut}");
        }
        for bad in [
            "",
            "C",
            "CET",
            "CET-x",
            "<+03",
            "CET-1CEST,M13.1.0,M1.1.0",
            "CET-1CEST,M3.5.0,366",
            "ä-1",
            "CET999",
        ] {
            assert_eq!(parse(bad), None, "{bad}");
        }
        Zone::of(good).local(WallTime(i64::MAX));
        Zone::of(good).local(WallTime(i64::MIN));
    }
}
