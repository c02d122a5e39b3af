//! Tests: the agent of the day — the real keepers of every room over one store, and what the edges do with them, in the
//! order in which they do it. Never goes on when the power is gone: the world sees nothing of what was not kept before.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use super::owner::asked;
use super::world::World;
use crate::clock::{self, Clock};
use crate::feed::Feed;
use crate::forward::{self, day::Pushes};
use crate::inbox::{Accepted, Arrival, Inbox};
use crate::mail::day as mail;
use crate::message::{Extra, Memory, MessageId, Slot};
use crate::modem::Handle;
use crate::outbox::{Outbox, Outcome};
use crate::rules::day::Orders;
use crate::signal::Signal;
use crate::smpp::{self, day::Client};
use crate::store::sim::SimFlash;
use crate::store::{Change, Keep, Key, Kind, Shared, WhyNot};
use crate::time::{Now, Tick, WallTime};

/// So small that the journal is cleaned several times a day, and so large that nothing has to go for want of room.
const LIMIT: usize = 24 * 1024;
const SEGMENT: usize = 2 * 1024;
/// Bytes of signal levels, written anew each round: so the journal turns over.
const LEVELS: usize = 1200;

/// The power is gone, or the agent could not begin.
#[derive(Debug)]
pub(super) struct Dead;

impl From<WhyNot> for Dead {
    fn from(_: WhyNot) -> Dead {
        Dead
    }
}

pub(super) struct Agent {
    flash: SimFlash,
    store: Shared,
    pub(super) inbox: Rc<RefCell<Inbox>>,
    pub(super) outbox: Rc<RefCell<Outbox>>,
    pushes: Pushes,
    orders: Orders,
    client: Client,
    started: usize,
    /// The clients have asked again for all that they asked for before.
    pub(super) heard_again: bool,
}

impl Drop for Agent {
    fn drop(&mut self) {
        clock::tell(None);
    }
}

impl Agent {
    /// A start, and what it tells of the life before.
    pub(super) fn start(flash: &SimFlash, world: &mut World) -> Result<Agent, Dead> {
        let store: Shared = Rc::new(RefCell::new(flash.open(LIMIT, SEGMENT).map_err(|_| Dead)?));
        let now = at(world.round, world.round);
        clock::tell(Some(now));
        let (feed, clock) = (Feed::new(0), Clock::start());
        let hour = Duration::from_secs(3600);
        let inbox = Rc::new(RefCell::new(Inbox::new(
            store.clone(),
            feed.clone(),
            hour,
            now,
        )));
        let outbox = Outbox::new(store.clone(), feed.clone(), now)?;
        let outbox = Rc::new(RefCell::new(outbox));
        let rooms = smpp::Rooms {
            store: store.clone(),
            inbox: inbox.clone(),
            outbox: outbox.clone(),
            feed: feed.clone(),
            clock,
        };
        let (mut orders, cut_short) = Orders::open(&store)?;
        for order in cut_short {
            world.cut_short.push(order);
            // Told of again after another cut, never done again.
            let _later = orders.done(order);
        }
        inbox.borrow_mut().set_judged(orders.look());
        let pushes = Pushes::open(forward::Rooms {
            store: store.clone(),
            inbox: inbox.clone(),
            outbox: outbox.clone(),
            signal: Rc::new(RefCell::new(Signal::new(feed.clone()))),
            feed,
            modem: Handle::new().0,
            clock,
        });
        let agent = Agent {
            pushes,
            client: Client::open(&rooms)?,
            orders,
            flash: flash.clone(),
            store,
            inbox,
            outbox,
            started: world.round,
            heard_again: false,
        };
        agent.alive()?;
        Ok(agent)
    }

    /// `Ok` while there is power.
    pub(super) fn alive(&self) -> Result<(), Dead> {
        match self.flash.is_cut() {
            true => Err(Dead),
            false => Ok(()),
        }
    }

    /// One round of everything.
    pub(super) fn round(&mut self, world: &mut World) -> Result<(), Dead> {
        let now = at(world.round, self.started);
        clock::tell(Some(now));
        world.fill_sim();
        self.look(world, now)?;
        self.hear(world, now)?;
        self.requests(world, now)?;
        self.submissions(world, now)?;
        self.mails(world, now)?;
        self.judge(world)?;
        self.push(world)?;
        self.mail(world)?;
        self.tell(world, now)?;
        self.tidy_up(world)?;
        self.send(world, now)?;
        self.report(world, now)?;
        let levels = Change::Put {
            key: Key {
                kind: Kind::Signal,
                id: 1,
            },
            value: vec![b'l'; LEVELS],
            keep: Keep::UntilRoom,
        };
        let _next_time = self.store.borrow_mut().apply(&[levels]);
        self.alive()?;
        world.round += 1;
        Ok(())
    }

    fn look(&mut self, world: &mut World, now: Now) -> Result<(), Dead> {
        for index in 0..world.sim.len() {
            let Some(pdu) = world.sim[index].clone() else {
                continue;
            };
            let slot = Slot {
                memory: Memory::Sim,
                index: u16::try_from(index).unwrap(),
            };
            let arrival = Arrival {
                slot: Some(slot),
                pdu,
            };
            let accepted = self.inbox.borrow_mut().accept(&arrival, now);
            self.alive()?;
            // As the modem's worker does: only what is known to lie there just now.
            let known = self.inbox.borrow().knows(slot, &arrival.pdu);
            let known = known || matches!(accepted, Ok(Accepted::Known));
            if known && !world.lingers(&arrival.pdu) {
                world.free(slot);
                let _noted_later = self.inbox.borrow_mut().slot_is_free(slot);
                self.alive()?;
            }
        }
        Ok(())
    }

    /// The network delivers a message directly, until it hears that it was taken.
    fn hear(&mut self, world: &mut World, now: Now) -> Result<(), Dead> {
        let Some(pdu) = world.direct.clone() else {
            return Ok(());
        };
        let arrival = Arrival { slot: None, pdu };
        let accepted = self.inbox.borrow_mut().accept(&arrival, now);
        self.alive()?;
        if accepted.is_ok() {
            world.direct = None;
        }
        Ok(())
    }

    /// One new request of the SMPP client a round.
    fn submissions(&mut self, world: &mut World, now: Now) -> Result<(), Dead> {
        let due = world.round + 1;
        for wish in world.smpp.iter_mut().take(due).filter(|wish| !wish.asked) {
            wish.asked = true;
            let taken = self.client.submit(&wish.text, now);
            self.alive()?;
            // A refusal is an answer: the client may ask again.
            (wish.asked, wish.answered) = (taken, taken);
        }
        Ok(())
    }

    fn mails(&mut self, world: &mut World, now: Now) -> Result<(), Dead> {
        let due = world.round;
        for (uid, wish) in world
            .mails
            .clone()
            .into_iter()
            .filter(|(uid, _)| *uid <= due as u64)
        {
            if !mail::is_sent(&self.store, uid) {
                let submissions = vec![(asked(&wish), Extra::default())];
                let mut outbox = self.outbox.borrow_mut();
                let taken = outbox.submit_with(submissions, None, vec![mail::sent(uid)], now);
                drop(outbox);
                self.alive()?;
                if taken.is_err() {
                    continue;
                }
            }
            world.mails.retain(|(known, _)| *known != uid);
        }
        let listed: Vec<u64> = world.mails.iter().map(|(uid, _)| *uid).collect();
        mail::forget_all_but(&self.store, &listed);
        self.alive()
    }

    fn judge(&mut self, world: &mut World) -> Result<(), Dead> {
        while let Some(event) = self.orders.next() {
            let id = event.message.unwrap_or(MessageId(event.seq));
            let text = self
                .inbox
                .borrow()
                .get(id)
                .map(|stored| stored.message.text);
            let order = text.is_some_and(|text| text.starts_with("go "));
            let mark = order.then(|| self.inbox.borrow().taken(id, "r"));
            let kept = self.orders.judge(event.seq, mark);
            self.alive()?;
            if kept.is_err() {
                break;
            }
            if order {
                world.done.push(id.0);
                let _told_as_cut_short = self.orders.done(event.seq);
                self.alive()?;
            }
        }
        self.inbox.borrow_mut().set_judged(self.orders.look());
        self.alive()
    }

    /// To the web hook, by SMS, and the automatic reply.
    fn push(&mut self, world: &mut World) -> Result<(), Dead> {
        self.pushes.look();
        self.alive()?;
        while let Some(seq) = self.pushes.http() {
            let stored = self.inbox.borrow().get(MessageId(seq));
            let text = stored.map(|stored| stored.message.text).unwrap_or_default();
            world.pushed.push((seq, text));
            self.pushes.http_worked(seq);
            self.alive()?;
        }
        while self.pushes.submit() {
            self.alive()?;
        }
        self.alive()
    }

    /// What the server puts off is offered again.
    fn mail(&mut self, world: &mut World) -> Result<(), Dead> {
        while let Some((seq, to)) = self.pushes.mail() {
            let verdicts = world.mail(seq, &to);
            self.pushes.mailed(seq, &to, verdicts);
            self.alive()?;
        }
        Ok(())
    }

    fn tell(&mut self, world: &mut World, now: Now) -> Result<(), Dead> {
        while let Some((ticket, bodies)) = self.client.next(now) {
            let count = bodies.len();
            world.told.extend(bodies);
            let _again_after_a_cut = self.client.done(ticket, count, now);
            self.alive()?;
        }
        Ok(())
    }

    /// A few parts a round.
    fn send(&mut self, world: &mut World, now: Now) -> Result<(), Dead> {
        for _ in 0..6 {
            let job = self.outbox.borrow_mut().next(now);
            self.alive()?;
            let Some(job) = job else {
                break;
            };
            let begun = self.outbox.borrow_mut().begin(&job, now);
            self.alive()?;
            if begun.is_err() {
                self.outbox
                    .borrow_mut()
                    .finish(&job, Outcome::NotHandedOver, now);
                break;
            }
            let outcome = world.send(&job);
            self.outbox.borrow_mut().finish(&job, outcome, now);
            self.alive()?;
        }
        Ok(())
    }

    /// The network tells again what was not acknowledged.
    fn report(&mut self, world: &mut World, now: Now) -> Result<(), Dead> {
        for report in std::mem::take(&mut world.reports) {
            let taken = self.outbox.borrow_mut().report(&report, now);
            if self.flash.is_cut() || taken.is_err() {
                world.reports.push(report);
            }
        }
        self.alive()
    }

    /// Everything that came in was judged, pushed, mailed and answered.
    pub(super) fn all_are_told(&self) -> bool {
        self.orders.next().is_none() && self.pushes.are_done()
    }

    /// Nothing here waits either.
    pub(super) fn is_quiet(&self) -> bool {
        self.outbox.borrow().waiting() == 0 && self.all_are_told()
    }

    pub(super) fn judge_day(&self, world: &World, cuts: usize) {
        world.judge_air(&self.outbox.borrow(), cuts);
        world.judge_inbox(&self.inbox.borrow(), cuts);
    }
}

/// A round is a minute; ticks count from the start of this life.
fn at(round: usize, started: usize) -> Now {
    Now {
        tick: Tick((round - started) as u64 * 60_000),
        wall: WallTime::from_unix_s(1_795_293_600 + round as i64 * 60),
    }
}
