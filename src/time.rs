//! Words: the two clocks, as values. Never reads one: edges do, and pass the result on.
//!
//! A router without a battery clock starts in 1970 and jumps when NTP answers. So everything that waits
//! counts [`Tick`]s (monotonic); only what people read carries [`WallTime`], and [`ClockWatch`] notices the jump so that what
//! was noted before is put right.

use std::fmt;
use std::ops::{Add, Sub};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use time::format_description::well_known::Rfc3339;
use time::{OffsetDateTime, UtcOffset};

/// Milliseconds of the monotonic clock since the agent started. Good for waiting, meaningless to people.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tick(pub u64);

impl Tick {
    /// Time passed since `earlier`; zero when `earlier` lies ahead.
    pub fn since(self, earlier: Tick) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Duration> for Tick {
    type Output = Tick;
    fn add(self, pause: Duration) -> Tick {
        Tick(
            self.0
                .saturating_add(u64::try_from(pause.as_millis()).unwrap_or(u64::MAX)),
        )
    }
}

impl Sub<Duration> for Tick {
    type Output = Tick;
    fn sub(self, pause: Duration) -> Tick {
        Tick(
            self.0
                .saturating_sub(u64::try_from(pause.as_millis()).unwrap_or(u64::MAX)),
        )
    }
}

/// Milliseconds since 1970-01-01T00:00:00Z, as the router's clock tells it (it may be wrong).
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct WallTime(pub i64);

/// 2024-01-01: a clock that says less has not been set since the router started.
const SET: WallTime = WallTime(1_704_067_200_000);

impl WallTime {
    /// True when the clock that told this time had been set: nothing here is older than this program.
    pub fn is_set(self) -> bool {
        self >= SET
    }

    /// From whole seconds since 1970.
    pub fn from_unix_s(seconds: i64) -> WallTime {
        WallTime(seconds.saturating_mul(1000))
    }

    /// Whole seconds since 1970, rounded down.
    pub fn unix_s(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// This time plus `pause`, saturating.
    pub fn after(self, pause: Duration) -> WallTime {
        WallTime(
            self.0
                .saturating_add(i64::try_from(pause.as_millis()).unwrap_or(i64::MAX)),
        )
    }

    /// RFC 3339 in UTC with whole seconds, such as `2026-11-21T20:35:14Z`: the API's form of a time.
    pub fn rfc3339(self) -> String {
        OffsetDateTime::from_unix_timestamp(self.unix_s())
            .ok()
            .and_then(|at| at.to_offset(UtcOffset::UTC).format(&Rfc3339).ok())
            .unwrap_or_else(|| String::from("1970-01-01T00:00:00Z"))
    }

    /// Reads RFC 3339; `None` when it is not.
    pub fn parse_rfc3339(text: &str) -> Option<WallTime> {
        let at = OffsetDateTime::parse(text, &Rfc3339).ok()?;
        i64::try_from(at.unix_timestamp_nanos() / 1_000_000)
            .ok()
            .map(WallTime)
    }
}

impl fmt::Display for WallTime {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.rfc3339())
    }
}

/// Both clocks, read at one moment by an edge.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Now {
    /// For waiting.
    pub tick: Tick,
    /// For people.
    pub wall: WallTime,
}

/// A wall clock that runs ahead of the monotonic one by more than this between two looks was set, milliseconds.
const SET_BY: i64 = 60_000;

/// The wall clock was set forward: what it told before can be put right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Jump {
    first: WallTime,
    last: WallTime,
    by_ms: i64,
}

impl Jump {
    /// Puts `at` right if the clock told it since the agent's start and before the jump; true when it did.
    pub fn mend(&self, at: &mut WallTime) -> bool {
        let wrong = (self.first..=self.last).contains(at);
        if wrong {
            at.0 = at.0.saturating_add(self.by_ms);
        }
        wrong
    }
}

/// Notices that the wall clock was set forward. Backward is nobody's business: those times cannot be told apart.
#[derive(Clone, Copy, Debug, Default)]
pub struct ClockWatch {
    seen: Option<Now>,
}

impl ClockWatch {
    /// To be told both clocks now and then.
    pub fn look(&mut self, now: Now) -> Option<Jump> {
        let seen = self.seen.replace(now)?;
        let ms = |tick: Tick| i64::try_from(tick.0).unwrap_or(i64::MAX);
        let passed = ms(now.tick).saturating_sub(ms(seen.tick));
        let by_ms = now.wall.0.saturating_sub(seen.wall.0) - passed;
        // What was told after the jump, but before this look, is right and lies behind the last wrong one.
        (by_ms > SET_BY).then(|| Jump {
            first: WallTime(seen.wall.0.saturating_sub(ms(seen.tick))),
            last: WallTime(seen.wall.0.saturating_add(passed.min(by_ms - 1))),
            by_ms,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// So many seconds after the start, the clock saying this.
    fn at(tick_s: u64, wall_s: i64) -> Now {
        Now {
            tick: Tick(tick_s * 1000),
            wall: WallTime::from_unix_s(wall_s),
        }
    }

    #[test]
    fn times_told_before_the_clock_was_set_are_put_right_and_no_others() {
        let mut watch = ClockWatch::default();
        assert_eq!(watch.look(at(0, 20)), None);
        assert_eq!(watch.look(at(30, 50)), None);
        let jump = watch.look(at(35, 1_795_293_335)).unwrap();
        for (told, right) in [
            (19, 19),
            (20, 1_795_293_300),
            (54, 1_795_293_334),
            (56, 56),
            (1_795_293_331, 1_795_293_331),
        ] {
            let mut at = WallTime::from_unix_s(told);
            assert_eq!(jump.mend(&mut at), told != right, "{told}");
            assert_eq!(at, WallTime::from_unix_s(right), "{told}");
        }
        assert_eq!(watch.look(at(36, 1_795_293_336)), None);
    }

    #[test]
    fn a_clock_that_is_drawn_along_or_set_back_is_no_jump() {
        let mut watch = ClockWatch::default();
        watch.look(at(0, 1_000_000));
        assert_eq!(watch.look(at(10, 1_000_070)), None);
        assert_eq!(watch.look(at(20, 900_000)), None);
        assert!(watch.look(at(30, 1_000_000)).is_some());
    }

    #[test]
    fn what_was_told_between_jump_and_look_stays_when_the_look_comes_late() {
        let mut watch = ClockWatch::default();
        watch.look(at(100, 1_000_000));
        // Set by 120 s at tick 110 and noticed at 400.
        let jump = watch.look(at(400, 1_000_420)).unwrap();
        let mut early = WallTime::from_unix_s(1_000_009);
        let mut late = WallTime::from_unix_s(1_000_131);
        assert!(jump.mend(&mut early) && !jump.mend(&mut late));
        assert_eq!(early, WallTime::from_unix_s(1_000_129));
    }

    #[test]
    fn a_wall_time_reads_back_what_it_prints() {
        let at = WallTime::from_unix_s(1_795_293_314);
        assert_eq!(at.rfc3339(), "2026-11-21T20:35:14Z");
        assert_eq!(
            WallTime::parse_rfc3339("2026-11-21T21:35:14+01:00"),
            Some(at)
        );
        assert_eq!(WallTime::parse_rfc3339("yesterday"), None);
    }

    #[test]
    fn ticks_never_wrap() {
        assert_eq!(Tick(5) - Duration::from_secs(1), Tick(0));
        assert_eq!(Tick(5).since(Tick(9)), Duration::ZERO);
        assert_eq!(Tick(u64::MAX) + Duration::from_secs(1), Tick(u64::MAX));
    }
}
