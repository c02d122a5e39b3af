//! Words: the two clocks, as values. Never reads one: edges do, and pass the result on.
//!
//! A router without a battery clock starts in 1970 and jumps when NTP answers. So everything that waits
//! counts [`Tick`]s (monotonic); only what people read carries [`WallTime`].

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

#[cfg(test)]
mod tests {
    use super::*;

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
