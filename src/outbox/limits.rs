//! Decider: how many parts may still be sent, and to whom. Never reads a clock or the store.
//!
//! A part counts from the moment it is accepted: while it waits, and for an hour and a day after the network took it. So
//! no hour ever sees more than `per_hour`, however long the messages waited. Sent parts are counted by the minute, and a
//! minute is forgotten when all of it is outside; the counts are found again in the stored messages after a restart (as
//! many of them as the store still holds).

use std::collections::VecDeque;
use std::fmt;

use crate::config;
use crate::message::Number;
use crate::time::{Tick, WallTime};

/// The two windows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Window {
    /// 60 minutes.
    Hour,
    /// 24 hours.
    Day,
}

impl Window {
    const ALL: [Window; 2] = [Window::Hour, Window::Day];

    fn minutes(self) -> i64 {
        match self {
            Window::Hour => 60,
            Window::Day => 24 * 60,
        }
    }

    /// The option's name.
    pub fn as_str(self) -> &'static str {
        match self {
            Window::Hour => "per_hour",
            Window::Day => "per_day",
        }
    }
}

/// A budget that a submission does not fit in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// Which.
    pub window: Window,
    /// Parts allowed.
    pub limit: u32,
    /// Parts used, sent and waiting.
    pub used: u32,
    /// Parts asked for.
    pub asked: u32,
}

impl Budget {
    /// True when waiting helps nothing.
    pub fn never_fits(&self) -> bool {
        self.asked > self.limit
    }
}

impl fmt::Display for Budget {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Budget {
            window,
            limit,
            used,
            asked,
        } = self;
        let window = window.as_str();
        write!(
            out,
            "limits.{window} allows {limit} parts, {used} are used and {asked} are asked for"
        )
    }
}

/// A budget that is 80 % or wholly used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Level {
    window: Window,
    percent: u8,
    used: u32,
    limit: u32,
}

impl Level {
    /// For the event.
    pub(super) fn facts(&self) -> serde_json::Value {
        serde_json::json!({
            "limit": self.window.as_str(),
            "percent": self.percent,
            "used": self.used,
            "of": self.limit,
        })
    }
}

/// What was sent lately, and the limits.
#[derive(Debug, Default)]
pub(super) struct Limits {
    config: config::Limits,
    /// Minute since the start of the agent (before it: negative) and parts taken by the network in it.
    sent: VecDeque<(i64, u32)>,
    /// The percentages that listeners know of.
    told: [u8; 2],
}

impl Limits {
    /// A part was sent before the restart. `reference` is now, or the newest such time where the clock is behind it.
    pub(super) fn found(&mut self, at: WallTime, reference: WallTime, now: Tick) {
        let age = reference.0.saturating_sub(at.0).max(0) / 60_000;
        if age <= Window::Day.minutes() {
            self.add(minute(now) - age);
        }
    }

    /// The network took a part, or may have.
    pub(super) fn sent(&mut self, now: Tick) {
        let now = minute(now);
        while self
            .sent
            .front()
            .is_some_and(|(then, _)| is_past(*then, Window::Day, now))
        {
            self.sent.pop_front();
        }
        self.add(now);
    }

    fn add(&mut self, minute: i64) {
        let place = self.sent.partition_point(|(then, _)| *then < minute);
        match self.sent.get_mut(place).filter(|(then, _)| *then == minute) {
            Some((_, count)) => *count = count.saturating_add(1),
            None => self.sent.insert(place, (minute, 1)),
        }
    }

    /// Takes over the limits. What is used already is no news.
    pub(super) fn obey(&mut self, config: &config::Limits, waiting: u32, now: Tick) {
        if self.config == *config {
            return;
        }
        self.config = config.clone();
        self.told = Window::ALL.map(|window| {
            let used = self.used(window, waiting, now);
            percent(used, self.limit(window))
        });
    }

    /// True when this number may be sent to.
    pub(super) fn allow(&self, number: &Number) -> bool {
        let begins = |prefix: &String| number.as_str().starts_with(prefix.as_str());
        let only = &self.config.only;
        (only.is_empty() || only.iter().any(begins)) && !self.config.deny.iter().any(begins)
    }

    /// Whether `asked` parts fit beside those that wait, and in either case what listeners should hear.
    pub(super) fn check(
        &mut self,
        asked: u32,
        waiting: u32,
        now: Tick,
    ) -> Result<Vec<Level>, (Budget, Vec<Level>)> {
        let mut crossed = Vec::new();
        let mut refused = None;
        for (place, window) in Window::ALL.into_iter().enumerate() {
            let limit = self.limit(window);
            let used = self.used(window, waiting, now);
            let budget = Budget {
                window,
                limit,
                used,
                asked,
            };
            let fits = limit == 0 || used.saturating_add(asked) <= limit;
            let before = percent(used, limit);
            let told = self.told.get_mut(place);
            let Some(told) = told else { continue };
            if before == 0 {
                *told = 0;
            }
            let after = match fits {
                true => percent(used.saturating_add(asked), limit),
                // A refusal while much is left is the asker's affair.
                false if before > 0 => 100,
                false => 0,
            };
            if after > *told {
                let used = if fits {
                    used.saturating_add(asked)
                } else {
                    used
                };
                crossed.push(Level {
                    window,
                    percent: after,
                    used,
                    limit,
                });
            }
            if !fits {
                refused = refused.or(Some(budget));
            }
        }
        match refused {
            None => Ok(crossed),
            Some(budget) => {
                crossed.retain(|level| level.percent == 100 && level.window == budget.window);
                Err((budget, crossed))
            }
        }
    }

    /// The event of this level is on flash.
    pub(super) fn told(&mut self, level: Level) {
        let places = Window::ALL.into_iter().zip(&mut self.told);
        for (_, told) in places.filter(|(window, _)| *window == level.window) {
            *told = level.percent;
        }
    }

    fn limit(&self, window: Window) -> u32 {
        match window {
            Window::Hour => self.config.per_hour,
            Window::Day => self.config.per_day,
        }
    }

    fn used(&self, window: Window, waiting: u32, now: Tick) -> u32 {
        let now = minute(now);
        let inside = self
            .sent
            .iter()
            .filter(|(then, _)| !is_past(*then, window, now));
        inside.fold(waiting, |sum, (_, count)| sum.saturating_add(*count))
    }
}

fn minute(tick: Tick) -> i64 {
    i64::try_from(tick.0 / 60_000).unwrap_or(i64::MAX)
}

/// True when all of that minute lies outside the window that ends in `now`.
fn is_past(then: i64, window: Window, now: i64) -> bool {
    now - then > window.minutes()
}

/// 0, 80 or 100: how much listeners care.
fn percent(used: u32, limit: u32) -> u8 {
    let (used, limit) = (u64::from(used), u64::from(limit));
    match limit {
        0 => 0,
        limit if used >= limit => 100,
        limit if used * 100 >= limit * 80 => 80,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: u64 = 60_000;

    fn limits(per_hour: u32, per_day: u32) -> Limits {
        let config = config::Limits {
            per_hour,
            per_day,
            ..config::Limits::default()
        };
        let mut limits = Limits::default();
        limits.obey(&config, 0, Tick(0));
        limits
    }

    fn percents(levels: &[Level]) -> Vec<(&'static str, u8)> {
        levels
            .iter()
            .map(|level| (level.window.as_str(), level.percent))
            .collect()
    }

    #[test]
    fn prefixes_deny_and_only_decide_who_is_sent_to() {
        let mut limits = limits(0, 0);
        let allow = |limits: &Limits, number| limits.allow(&Number::parse(number).unwrap());
        assert!(allow(&limits, "+12025550155"));
        limits.config.deny = vec![String::from("+1900"), String::from("0900")];
        assert!(
            allow(&limits, "+12025550155")
                && !allow(&limits, "+19005550155")
                && !allow(&limits, "0900123")
        );
        limits.config.only = vec![String::from("+1")];
        assert!(
            allow(&limits, "0012025550155")
                && !allow(&limits, "+4930123")
                && !allow(&limits, "112")
        );
        assert!(!allow(&limits, "+19005550155"), "deny stands above only");
    }

    #[test]
    fn what_waits_counts_and_a_sent_part_counts_for_its_window() {
        let mut limits = limits(3, 5);
        assert!(limits.check(3, 0, Tick(0)).is_ok());
        let (budget, _) = limits.check(3, 1, Tick(0)).unwrap_err();
        assert_eq!(
            (budget.window, budget.used, budget.never_fits()),
            (Window::Hour, 1, false)
        );
        assert!(limits.check(4, 0, Tick(0)).unwrap_err().0.never_fits());
        for _ in 0..3 {
            limits.sent(Tick(0));
        }
        assert!(limits.check(1, 0, Tick(60 * MINUTE)).is_err());
        assert!(limits.check(2, 0, Tick(61 * MINUTE)).is_ok());
        let (budget, _) = limits.check(3, 0, Tick(61 * MINUTE)).unwrap_err();
        assert_eq!(budget.window, Window::Day);
        assert!(limits.check(3, 0, Tick((24 * 60 + 1) * MINUTE)).is_ok());
        limits.sent(Tick((24 * 60 + 1) * MINUTE));
        assert_eq!(limits.sent.len(), 1, "what is past is forgotten");
    }

    #[test]
    fn no_limit_refuses_nothing() {
        let mut limits = limits(0, 0);
        assert_eq!(limits.check(u32::MAX, u32::MAX, Tick(0)), Ok(Vec::new()));
    }

    #[test]
    fn eighty_and_a_hundred_percent_are_told_once_until_it_fell_below() {
        let mut limits = limits(10, 0);
        let mut step = |asked, waiting, at| {
            let levels = match limits.check(asked, waiting, Tick(at)) {
                Ok(levels) | Err((_, levels)) => levels,
            };
            levels.iter().for_each(|level| limits.told(*level));
            percents(&levels)
        };
        assert_eq!(step(7, 0, 0), []);
        assert_eq!(step(1, 7, 0), [("per_hour", 80)]);
        assert_eq!(step(1, 8, 0), []);
        assert_eq!(step(5, 9, 0), [("per_hour", 100)]);
        assert_eq!(step(1, 9, 0), []);
        assert_eq!(step(1, 10, 0), []);
        assert_eq!(
            step(20, 1, 0),
            [],
            "too much for an empty budget is no news"
        );
        assert_eq!(step(9, 1, 0), [("per_hour", 100)], "it had fallen below");
    }

    #[test]
    fn parts_of_before_a_restart_count_by_their_age_even_with_a_clock_that_is_behind() {
        let mut limits = limits(2, 4);
        let at = |minutes: i64| WallTime(1_795_293_314_000 + minutes * 60_000);
        for minutes in [0, 100, 101, 25 * -60] {
            limits.found(at(minutes), at(101), Tick(0));
        }
        assert_eq!(limits.used(Window::Hour, 0, Tick(0)), 2);
        assert_eq!(limits.used(Window::Day, 0, Tick(0)), 3);
        assert_eq!(limits.used(Window::Hour, 0, Tick(61 * MINUTE)), 0);
    }
}
