//! Decider: when a push that failed is tried again. Never gives up and never looks at a clock.
//!
//! ```text
//!   ready --failed--> pausing 1 s -> 5 s -> 30 s -> 2 min -> 10 min -> 10 min …
//!     ^                  |
//!     +----- worked -----+
//! ```

use std::time::Duration;

use crate::time::{Tick, WallTime};

/// The pauses in seconds after the first failures of a streak; the last one for ever.
const PAUSES: [u64; 5] = [1, 5, 30, 120, 600];

/// The pause that stays while the clock is not set, among [`PAUSES`].
const NO_CLOCK: usize = 2;

/// One target's streak of failures.
#[derive(Debug, Default)]
pub(super) struct Retry {
    failures: u32,
    wake: Option<Tick>,
}

/// What a failure means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Failed {
    /// Nothing had failed before: people should hear of it.
    pub(super) first: bool,
    /// Until the next try.
    pub(super) pause: Duration,
}

impl Retry {
    /// A try failed at `now`. `jitter` (0..=255, any source) makes the pause up to a tenth longer, so that many routers do
    /// not come back to one receiver at the same moment. While the router's `clock` is not set it stays short: most likely that
    /// was the reason, and passes soon.
    pub(super) fn failed(&mut self, now: Tick, jitter: u8, clock: WallTime) -> Failed {
        let last = if clock.is_set() {
            PAUSES.len()
        } else {
            NO_CLOCK
        };
        let step = usize::try_from(self.failures).unwrap_or(usize::MAX);
        let step = step.min(last);
        let seconds = PAUSES.get(step).or(PAUSES.last()).copied().unwrap_or(600);
        let pause = Duration::from_millis(seconds * 1000 + seconds * 100 * u64::from(jitter) / 255);
        let first = self.failures == 0;
        self.failures = self.failures.saturating_add(1);
        self.wake = Some(now + pause);
        Failed { first, pause }
    }

    /// A try worked: how many had failed before it.
    pub(super) fn worked(&mut self) -> u32 {
        self.wake = None;
        std::mem::take(&mut self.failures)
    }

    /// The wait is over: the next try may be made.
    pub(super) fn pause_is_over(&mut self) {
        self.wake = None;
    }

    /// When the next try may be made; `None`: at once.
    pub(super) fn next_wake(&self) -> Option<Tick> {
        self.wake
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SET: WallTime = WallTime(1_795_293_314_000);

    #[test]
    fn while_the_clock_is_not_set_pauses_stay_short_and_grow_from_there() {
        let mut retry = Retry::default();
        for expected in [1, 5, 30, 30, 30, 30] {
            let failed = retry.failed(Tick(0), 0, WallTime::from_unix_s(70));
            assert_eq!(failed.pause.as_secs(), expected);
        }
        assert_eq!(retry.failed(Tick(0), 0, SET).pause.as_secs(), 600);
    }

    #[test]
    fn pauses_grow_to_ten_minutes_and_never_end() {
        let mut retry = Retry::default();
        let mut pauses = Vec::new();
        for _ in 0..7 {
            pauses.push(retry.failed(Tick(1000), 0, SET).pause.as_secs());
        }
        assert_eq!(pauses, [1, 5, 30, 120, 600, 600, 600]);
        assert_eq!(retry.next_wake(), Some(Tick(601_000)));
        retry.failures = u32::MAX;
        assert_eq!(retry.failed(Tick(0), 0, SET).pause.as_secs(), 600);
    }

    #[test]
    fn only_the_first_failure_of_a_streak_is_news() {
        let mut retry = Retry::default();
        assert!(retry.failed(Tick(0), 0, SET).first);
        assert!(!retry.failed(Tick(0), 0, SET).first);
        assert_eq!(retry.worked(), 2);
        assert_eq!(retry.next_wake(), None);
        assert!(retry.failed(Tick(0), 0, SET).first);
        assert_eq!(retry.failed(Tick(0), 0, SET).pause.as_secs(), 5);
    }

    #[test]
    fn jitter_only_lengthens_and_by_a_tenth_at_most() {
        for jitter in 0..=u8::MAX {
            let pause = Retry::default().failed(Tick(0), jitter, SET).pause;
            assert!(pause >= Duration::from_millis(1000) && pause <= Duration::from_millis(1100));
        }
    }
}
