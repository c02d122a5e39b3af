//! Edge: reads the two clocks, and is the only file that does. Never interprets what it read.
#![allow(clippy::disallowed_methods)]

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use crate::time::{Now, Tick, WallTime};

#[cfg(test)]
thread_local! {
    static SCRIPTED: std::cell::Cell<Option<Now>> = const { std::cell::Cell::new(None) };
}

/// Tests: what every clock of this thread tells from now on; `None`: the time.
#[cfg(test)]
pub(crate) fn tell(now: Option<Now>) {
    SCRIPTED.set(now);
}

/// The running agent's clocks. Copies tell the same time.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    start: Instant,
}

impl Clock {
    /// A clock whose ticks count from this call.
    pub fn start() -> Clock {
        Clock {
            start: Instant::now(),
        }
    }

    /// Both clocks, now.
    pub fn now(&self) -> Now {
        #[cfg(test)]
        if let Some(now) = SCRIPTED.get() {
            return now;
        }
        let tick = Tick(u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX));
        let wall = match SystemTime::now().duration_since(UNIX_EPOCH) {
            Ok(since) => WallTime(i64::try_from(since.as_millis()).unwrap_or(i64::MAX)),
            Err(before) => {
                WallTime(-i64::try_from(before.duration().as_millis()).unwrap_or(i64::MAX))
            }
        };
        Now { tick, wall }
    }

    /// Sleeps until `wake` by the monotonic clock; for ever when there is nothing to wake for.
    pub async fn sleep_until(&self, wake: Option<Tick>) {
        match wake {
            Some(Tick(ms)) => {
                let at = self.start + std::time::Duration::from_millis(ms);
                tokio::time::sleep_until(at.into()).await;
            }
            None => std::future::pending().await,
        }
    }
}
