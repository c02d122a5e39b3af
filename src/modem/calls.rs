//! Decider: the voice call there is, from what rings, what the modem lists and what was done here: one piece of news for
//! each turn it takes, however often it is told. Never answers, rejects or asks.
//!
//! ```text
//!            RING, +CLIP, +CLCC                 answered, +CLCC 0
//!   (none) ---------------------> Ringing --------------------------> Active
//!      |    dialled                                                     ^
//!      +------------> Dialling --> Alerting ----------------------------+   from all: NO CARRIER, no longer listed,
//!                                                                           silence, hung up -> (none)
//! ```

use std::time::Duration;

use super::replies::ListedCall;
use crate::message::Number;
use crate::signal::{Call, CallState};
use crate::time::{Now, Tick};

/// Rings come every five seconds or so; after this long without one it is another call.
const SILENCE: Duration = Duration::from_secs(12);

/// Between two looks at the list of calls.
const LOOK: Duration = Duration::from_secs(2);

/// After we hung up, a last ring may still come. A new call rings again after that.
const ECHO: Duration = Duration::from_secs(1);

/// A call that is missing from so many lists is over; a modem may need a moment to list the one it just dialled.
const MISSES: u8 = 2;

/// What happened to the call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum News {
    /// Somebody calls: who, unless withheld. Once for each call.
    Incoming(Option<Number>),
    /// It was taken.
    Answered(Call),
    /// It is over, and why.
    Ended(Call, &'static str),
}

#[derive(Debug)]
struct Current {
    call: Call,
    announced: bool,
    /// Last rung or listed.
    seen: Tick,
    misses: u8,
}

/// The call there is, if one is.
#[derive(Debug)]
pub(super) struct Calls {
    current: Option<Current>,
    look_at: Tick,
    /// The modem lists its calls.
    lists: bool,
    /// Rings are told on this port.
    hears: bool,
    deaf_until: Tick,
}

impl Default for Calls {
    fn default() -> Calls {
        Calls {
            current: None,
            look_at: Tick(0),
            lists: true,
            hears: false,
            deaf_until: Tick(0),
        }
    }
}

impl Calls {
    /// The call, for everybody.
    pub(super) fn current(&self) -> Option<&Call> {
        self.current.as_ref().map(|current| &current.call)
    }

    /// It rings. With the second ring it is clear that no number comes.
    pub(super) fn on_ring(&mut self, now: Now) -> Vec<News> {
        let second = self.current.is_some();
        self.rings(now, |current| match second {
            true => current.announce(None),
            false => None,
        })
    }

    /// Who calls.
    pub(super) fn on_caller(&mut self, number: Option<Number>, now: Now) -> Vec<News> {
        self.rings(now, |current| current.announce(number))
    }

    fn rings(&mut self, now: Now, then: impl FnOnce(&mut Current) -> Option<News>) -> Vec<News> {
        self.hears = true;
        if now.tick < self.deaf_until {
            return Vec::new();
        }
        let mut news = self.on_time(now.tick);
        let current = self.begin(true, None, CallState::Ringing, now);
        if current.call.state == CallState::Ringing {
            current.seen = now.tick;
            news.extend(then(current));
        }
        news
    }

    /// The call there is, or a new one.
    fn begin(
        &mut self,
        incoming: bool,
        number: Option<Number>,
        state: CallState,
        now: Now,
    ) -> &mut Current {
        if self.current.is_none() {
            self.look_at = now.tick + LOOK;
        }
        self.current.get_or_insert(Current {
            call: Call {
                incoming,
                number,
                state,
                started_at: now.wall,
            },
            announced: !incoming,
            seen: now.tick,
            misses: 0,
        })
    }

    /// It was dialled.
    pub(super) fn dialled(&mut self, to: Number, now: Now) {
        self.begin(false, Some(to), CallState::Dialling, now);
    }

    /// It was taken here.
    pub(super) fn answered(&mut self) -> Vec<News> {
        let answered = self
            .current
            .as_mut()
            .and_then(|current| current.becomes(CallState::Active));
        answered.into_iter().collect()
    }

    /// We have ended it; what still rings is that call.
    pub(super) fn hung_up(&mut self, now: Tick) -> Vec<News> {
        self.deaf_until = now + ECHO;
        self.on_end("hung up here")
    }

    /// It is over. A call that nobody was told of is announced all the same.
    pub(super) fn on_end(&mut self, why: &'static str) -> Vec<News> {
        let Some(mut current) = self.current.take() else {
            return Vec::new();
        };
        let mut news: Vec<News> = current.announce(None).into_iter().collect();
        news.push(News::Ended(current.call, why));
        news
    }

    /// The modem's list of voice calls.
    pub(super) fn on_list(&mut self, listed: &[ListedCall], now: Now) -> Vec<News> {
        self.look_at = now.tick + LOOK;
        let incoming = self.current().map(|call| call.incoming);
        let same = |call: &&ListedCall| incoming.is_none_or(|incoming| incoming == call.incoming);
        let Some(call) = listed.iter().find(same) else {
            return self.is_missing();
        };
        if now.tick < self.deaf_until {
            return Vec::new();
        }
        let current = self.begin(call.incoming, call.number.clone(), call.state, now);
        (current.seen, current.misses) = (now.tick, 0);
        let announced = current.announce(call.number.clone());
        let answered = current.becomes(call.state);
        announced.into_iter().chain(answered).collect()
    }

    fn is_missing(&mut self) -> Vec<News> {
        let over = self.current.as_mut().is_some_and(|current| {
            current.misses += 1;
            current.misses >= MISSES
        });
        match over {
            true => self.on_end("ended"),
            false => Vec::new(),
        }
    }

    /// The modem has no such list, or none now.
    pub(super) fn cannot_list(&mut self) {
        self.lists = false;
    }

    /// It was started again: it may have one.
    pub(super) fn may_list(&mut self) {
        self.lists = true;
    }

    /// Calls may come that nobody tells of: Quectel's tell one port only, which is the vendor daemon's.
    pub(super) fn may_miss(&self) -> bool {
        self.lists && !self.hears
    }

    /// Time for a look at the list.
    pub(super) fn is_due(&self, now: Tick) -> bool {
        self.lists && self.current.is_some() && self.look_at <= now
    }

    /// A call that rings no more is over.
    pub(super) fn on_time(&mut self, now: Tick) -> Vec<News> {
        match self.silent_at().is_some_and(|at| at <= now) {
            true => self.on_end("no carrier"),
            false => Vec::new(),
        }
    }

    fn silent_at(&self) -> Option<Tick> {
        let ringing = |current: &&Current| current.call.state == CallState::Ringing;
        let current = self.current.as_ref().filter(ringing);
        current.map(|current| current.seen + SILENCE)
    }

    /// When [`Calls::is_due`] or [`Calls::on_time`] has something.
    pub(super) fn next_wake(&self) -> Option<Tick> {
        let look = self.current.as_ref().map(|_| self.look_at);
        let look = look.filter(|_| self.lists);
        look.into_iter().chain(self.silent_at()).min()
    }
}

impl Current {
    /// News, if nobody was told yet.
    fn announce(&mut self, number: Option<Number>) -> Option<News> {
        if std::mem::replace(&mut self.announced, true) {
            return None;
        }
        self.call.number.clone_from(&number);
        Some(News::Incoming(number))
    }

    /// News, if it is taken with that.
    fn becomes(&mut self, state: CallState) -> Option<News> {
        let before = std::mem::replace(&mut self.call.state, state);
        let taken = matches!(
            before,
            CallState::Ringing | CallState::Dialling | CallState::Alerting | CallState::Waiting
        );
        (taken && state == CallState::Active).then(|| News::Answered(self.call.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::WallTime;

    fn at(ms: u64) -> Now {
        Now {
            wall: WallTime(1_700_000_000_000),
            tick: Tick(ms),
        }
    }

    fn number() -> Option<Number> {
        Some(Number::as_received("+12025550155"))
    }

    fn listed(incoming: bool, state: CallState) -> ListedCall {
        ListedCall {
            incoming,
            state,
            number: number(),
        }
    }

    /// The news in short.
    fn told(news: Vec<News>) -> Vec<String> {
        news.into_iter()
            .map(|one| match one {
                News::Incoming(None) => String::from("incoming"),
                News::Incoming(Some(number)) => format!("incoming {number}"),
                News::Answered(_) => String::from("answered"),
                News::Ended(_, why) => String::from(why),
            })
            .collect()
    }

    #[test]
    fn a_call_that_rings_three_times_is_announced_once() {
        let mut calls = Calls::default();
        let mut heard = Vec::new();
        for ms in [0, 5000, 10_000] {
            heard.extend(told(calls.on_ring(at(ms))));
            heard.extend(told(calls.on_caller(number(), at(ms + 10))));
        }
        heard.extend(told(calls.on_end("no carrier")));
        heard.extend(told(calls.on_caller(number(), at(16_000))));
        assert_eq!(
            heard,
            [
                "incoming +12025550155",
                "no carrier",
                "incoming +12025550155"
            ]
        );
    }

    #[test]
    fn a_call_without_a_number_is_announced_with_its_second_ring_or_its_end() {
        let mut calls = Calls::default();
        assert!(calls.on_ring(at(0)).is_empty());
        assert_eq!(told(calls.on_ring(at(5000))), ["incoming"]);
        assert!(calls.on_ring(at(10_000)).is_empty());
        assert_eq!(told(calls.on_end("no carrier")), ["no carrier"]);
        assert!(calls.on_ring(at(11_000)).is_empty());
        assert_eq!(told(calls.on_end("no carrier")), ["incoming", "no carrier"]);
        assert!(calls.on_end("no carrier").is_empty());
    }

    #[test]
    fn after_a_long_silence_it_is_another_call() {
        let mut calls = Calls::default();
        assert_eq!(told(calls.on_caller(None, at(0))), ["incoming"]);
        assert_eq!(calls.next_wake(), Some(Tick(2000)));
        calls.cannot_list();
        assert_eq!(calls.next_wake(), Some(Tick(12_000)));
        assert_eq!(
            told(calls.on_caller(None, at(20_000))),
            ["no carrier", "incoming"]
        );
        assert_eq!(told(calls.on_time(Tick(32_000))), ["no carrier"]);
        assert_eq!(calls.next_wake(), None);
    }

    #[test]
    fn the_last_ring_of_a_call_that_was_rejected_is_no_new_call() {
        let mut calls = Calls::default();
        assert_eq!(calls.on_caller(number(), at(0)).len(), 1);
        assert_eq!(told(calls.hung_up(Tick(100))), ["hung up here"]);
        assert!(calls.on_ring(at(110)).is_empty());
        assert!(calls.on_caller(number(), at(120)).is_empty());
        assert!(
            calls
                .on_list(&[listed(true, CallState::Ringing)], at(130))
                .is_empty()
        );
        assert_eq!(calls.current(), None);
        assert_eq!(calls.on_caller(number(), at(4000)).len(), 1);
    }

    #[test]
    fn a_dialled_call_is_answered_and_ends_as_the_list_says() {
        let mut calls = Calls::default();
        calls.dialled(Number::as_received("+12025550155"), at(0));
        assert!(!calls.is_due(Tick(1999)) && calls.is_due(Tick(2000)));
        assert!(calls.on_list(&[], at(2000)).is_empty());
        assert!(
            calls
                .on_list(&[listed(false, CallState::Alerting)], at(4000))
                .is_empty()
        );
        let answered = calls.on_list(&[listed(false, CallState::Active)], at(6000));
        assert_eq!(told(answered), ["answered"]);
        assert!(
            calls
                .on_list(&[listed(false, CallState::Active)], at(8000))
                .is_empty()
        );
        assert!(calls.on_list(&[], at(10_000)).is_empty());
        assert_eq!(told(calls.on_list(&[], at(12_000))), ["ended"]);
        assert!(!calls.is_due(Tick(20_000)));
    }

    #[test]
    fn a_ring_whose_number_is_not_told_gets_it_from_the_list() {
        let mut calls = Calls::default();
        assert!(calls.on_ring(at(0)).is_empty());
        let listed = [listed(true, CallState::Ringing)];
        assert_eq!(
            told(calls.on_list(&listed, at(2000))),
            ["incoming +12025550155"]
        );
        assert!(calls.on_caller(number(), at(3000)).is_empty());
    }

    #[test]
    fn where_nothing_rings_the_list_tells() {
        let mut calls = Calls::default();
        let listed = [listed(true, CallState::Ringing)];
        assert!(calls.may_miss());
        assert_eq!(calls.on_list(&listed, at(0)).len(), 1);
        assert!(calls.may_miss());
        assert!(calls.on_ring(at(10)).is_empty());
        assert!(!calls.may_miss());
    }

    #[test]
    fn a_call_taken_here_is_active_at_once() {
        let mut calls = Calls::default();
        assert!(calls.answered().is_empty());
        assert_eq!(calls.on_caller(number(), at(0)).len(), 1);
        assert_eq!(told(calls.answered()), ["answered"]);
        assert!(calls.answered().is_empty());
        assert!(calls.on_ring(at(100)).is_empty());
    }
}
