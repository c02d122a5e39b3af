//! Decider: whether a change of the signal is worth an event. Never writes one, and never tells of a level that merely
//! wavers around a threshold.
//!
//! ```text
//!   told bars --- 3 dB beyond the threshold, or another technology, or lost, or found ---> told anew
//! ```

use std::time::Duration;

use super::{Levels, Technology};
use crate::time::Tick;

/// A level has to be so far beyond a threshold of the bars, dB.
const HYSTERESIS: i16 = 3;
/// Between two events: each is written to flash.
const PAUSE: Duration = Duration::from_secs(300);

/// What was told last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Threshold {
    told: Option<(Option<u8>, Option<Technology>)>,
    at: Option<Tick>,
}

/// A change to be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Crossed {
    /// Bars told before, 0 to 5.
    pub bars_before: Option<u8>,
    /// Bars now.
    pub bars: Option<u8>,
}

impl Threshold {
    /// Judges a measurement. The first one is told to nobody: everything after it is compared with it.
    pub fn judge(&mut self, levels: &Levels, now: Tick) -> Option<Crossed> {
        let seen = (levels.bars(), levels.technology);
        let Some((before, technology)) = self.told else {
            self.told = Some(seen);
            return None;
        };
        let rose = levels.bars_with(-HYSTERESIS) > before;
        let fell = levels.bars_with(HYSTERESIS) < before;
        // Nothing measured says nothing about the technology.
        let moved = seen.1.is_some() && seen.1 != technology;
        let soon = self.at.is_some_and(|at| now.since(at) < PAUSE);
        if soon || !(rose || fell || moved) {
            return None;
        }
        self.told = Some((seen.0, seen.1.or(technology)));
        self.at = Some(now);
        Some(Crossed {
            bars_before: before,
            bars: seen.0,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lte(rsrp: i16) -> Levels {
        Levels {
            technology: Some(Technology::Lte),
            rsrp_dbm: Some(rsrp),
            ..Levels::default()
        }
    }

    /// The bars told for each RSRP measured ten minutes after the one before.
    fn told(levels: &[i16]) -> Vec<Option<u8>> {
        let mut threshold = Threshold::default();
        let ticks = (0..).map(|n| Tick(n * 600_000));
        levels
            .iter()
            .zip(ticks)
            .filter_map(|(rsrp, tick)| threshold.judge(&lte(*rsrp), tick))
            .map(|crossed| crossed.bars)
            .collect()
    }

    #[test]
    fn a_level_that_wavers_around_a_threshold_is_told_once() {
        assert_eq!(told(&[-94, -96, -94, -97, -93, -96]), []);
        assert_eq!(told(&[-94, -99, -94, -96, -94]), [Some(2)]);
        assert_eq!(told(&[-94, -99, -92]), [Some(2), Some(3)]);
        assert_eq!(told(&[-60, -120]), [Some(0)]);
    }

    #[test]
    fn lost_and_found_and_another_technology_are_told_but_not_every_minute() {
        let mut threshold = Threshold::default();
        assert_eq!(threshold.judge(&lte(-90), Tick(0)), None);
        let lost = threshold.judge(&Levels::default(), Tick(60_000)).unwrap();
        assert_eq!((lost.bars_before, lost.bars), (Some(3), None));
        assert_eq!(threshold.judge(&lte(-90), Tick(120_000)), None);
        let found = threshold.judge(&lte(-90), Tick(360_000)).unwrap();
        assert_eq!((found.bars_before, found.bars), (None, Some(3)));
        let umts = Levels {
            technology: Some(Technology::Umts),
            ..lte(-90)
        };
        assert!(threshold.judge(&umts, Tick(700_000)).is_some());
        assert_eq!(threshold.judge(&umts, Tick(1_100_000)), None);
    }
}
