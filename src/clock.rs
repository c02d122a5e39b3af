//! Edge: reads the two clocks, and is the only file that does. Never interprets what it read.
#![allow(clippy::disallowed_methods)]

use std::io;
use std::os::fd::{AsFd, AsRawFd, RawFd};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use nix::sys::time::TimeSpec;
use nix::sys::timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};
use tokio::io::unix::AsyncFd;

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
                let at = self.start + Duration::from_millis(ms);
                tokio::time::sleep_until(at.into()).await;
            }
            None => std::future::pending().await,
        }
    }
}

/// A file of the kernel's that becomes readable when its time has come.
#[derive(Debug)]
struct Timer(TimerFd);

impl AsRawFd for Timer {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_fd().as_raw_fd()
    }
}

/// A timer of the kernel's for whoever sleeps most of the time: it wakes once. tokio's own nears a moment in steps, and
/// wakes the router at each of them.
#[derive(Debug)]
pub struct Alarm {
    clock: Clock,
    timer: Option<AsyncFd<Timer>>,
}

impl Alarm {
    /// An alarm by this clock; where the kernel gives no timer it is tokio's.
    pub fn new(clock: Clock) -> Alarm {
        let flags = TimerFlags::TFD_NONBLOCK | TimerFlags::TFD_CLOEXEC;
        let timer = TimerFd::new(ClockId::CLOCK_MONOTONIC, flags).map(Timer);
        #[expect(
            deprecated,
            reason = "its successor is unsafe for types that change their descriptor; a Timer keeps its own"
        )]
        let timer = timer.ok().and_then(|timer| AsyncFd::new(timer).ok());
        Alarm { clock, timer }
    }

    /// Sleeps as [`Clock::sleep_until`].
    pub async fn sleep_until(&self, wake: Option<Tick>) {
        let (Some(timer), Some(Tick(ms))) = (&self.timer, wake) else {
            return self.clock.sleep_until(wake).await;
        };
        let at = self.clock.start + Duration::from_millis(ms);
        if ring(timer, at.saturating_duration_since(Instant::now()))
            .await
            .is_err()
        {
            self.clock.sleep_until(wake).await;
        }
    }
}

/// Ends when `wait` is over.
async fn ring(timer: &AsyncFd<Timer>, wait: Duration) -> io::Result<()> {
    // None at all would switch the timer off.
    let wait = wait.max(Duration::from_nanos(1));
    let once = Expiration::OneShot(TimeSpec::from_duration(wait));
    timer.get_ref().0.set(once, TimerSetTimeFlags::empty())?;
    loop {
        let mut ready = timer.readable().await?;
        if let Ok(rung) = ready.try_io(|timer| Ok(timer.get_ref().0.wait()?)) {
            return rung;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alarm_set_anew_rings_once_and_never_for_what_it_was_set_to_before() {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = runtime.enable_all().build();
        runtime.unwrap().block_on(async {
            let clock = Clock::start();
            let alarm = Alarm::new(clock);
            assert!(alarm.timer.is_some());
            let after = |ms| Some(clock.now().tick + Duration::from_millis(ms));
            alarm.sleep_until(Some(Tick(0))).await;
            tokio::select! {
                biased;
                () = alarm.sleep_until(after(1)) => {}
                () = tokio::task::yield_now() => {}
            }
            let until = after(40);
            alarm.sleep_until(until).await;
            assert!(Some(clock.now().tick) >= until);
        });
    }
}
