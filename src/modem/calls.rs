//! Decider: one event for one call, however often it rings and in whichever order ring and number come. Never answers.

use std::time::Duration;

use crate::time::Tick;

/// Rings come every five seconds or so; after this long without one it is another call.
const SILENCE: Duration = Duration::from_secs(12);

/// The call that rings, if one does.
#[derive(Debug, Default)]
pub(super) struct Calls {
    last_ring: Option<Tick>,
    announced: bool,
}

/// A call to be announced: who calls, if the network says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Incoming(pub Option<String>);

impl Calls {
    /// It rings. With the second ring it is clear that no number comes.
    pub(super) fn on_ring(&mut self, now: Tick) -> Option<Incoming> {
        let second = self.is_ringing(now);
        self.rings(now);
        let announce = second && !self.announced;
        self.announced |= announce;
        announce.then_some(Incoming(None))
    }

    /// Who calls.
    pub(super) fn on_caller(&mut self, number: Option<String>, now: Tick) -> Option<Incoming> {
        self.rings(now);
        (!std::mem::replace(&mut self.announced, true)).then_some(Incoming(number))
    }

    /// It is over.
    pub(super) fn on_end(&mut self) -> Option<Incoming> {
        let unannounced = self.last_ring.is_some() && !self.announced;
        *self = Calls::default();
        unannounced.then_some(Incoming(None))
    }

    fn is_ringing(&self, now: Tick) -> bool {
        self.last_ring.is_some_and(|last| now.since(last) < SILENCE)
    }

    fn rings(&mut self, now: Tick) {
        if !self.is_ringing(now) {
            self.announced = false;
        }
        self.last_ring = Some(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(number: &str) -> Option<Incoming> {
        Some(Incoming(Some(String::from(number))))
    }

    #[test]
    fn a_call_that_rings_three_times_is_announced_once() {
        let mut calls = Calls::default();
        let number = || Some(String::from("+12025550155"));
        assert_eq!(calls.on_ring(Tick(0)), None);
        assert_eq!(calls.on_caller(number(), Tick(10)), from("+12025550155"));
        assert_eq!(calls.on_ring(Tick(5000)), None);
        assert_eq!(calls.on_caller(number(), Tick(5010)), None);
        assert_eq!(calls.on_end(), None);
        assert_eq!(calls.on_caller(number(), Tick(6000)), from("+12025550155"));
    }

    #[test]
    fn a_call_without_a_number_is_announced_with_its_second_ring_or_its_end() {
        let mut calls = Calls::default();
        assert_eq!(calls.on_ring(Tick(0)), None);
        assert_eq!(calls.on_ring(Tick(5000)), Some(Incoming(None)));
        assert_eq!(calls.on_ring(Tick(10_000)), None);
        assert_eq!(calls.on_end(), None);
        assert_eq!(calls.on_ring(Tick(11_000)), None);
        assert_eq!(calls.on_end(), Some(Incoming(None)));
    }

    #[test]
    fn after_a_long_silence_it_is_another_call() {
        let mut calls = Calls::default();
        assert!(calls.on_caller(None, Tick(0)).is_some());
        assert!(calls.on_caller(None, Tick(20_000)).is_some());
    }
}
