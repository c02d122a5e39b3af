//! Tests: `to_sms` to many numbers out of a store that holds little — what waits for room gets it. Never more than the
//! smallest `state_limit`.

use super::targets::{House, to_boss, to_sms};
use super::*;
use crate::inbox::{Arrival, Query};
use crate::message::{Number, Outgoing, Status};
use crate::outbox::Outcome;
use crate::store::sim::{Fault, SimFlash};
use crate::time::Now;

/// The smallest that the configuration allows.
const LIMIT: usize = 65_536;

/// To so many numbers.
fn to_many(count: usize) -> Config {
    let number = |number| Number::parse(&format!("+1202555{number:04}")).unwrap();
    to_sms(crate::config::ToSms {
        to: (0..count).map(number).collect(),
        ..to_boss()
    })
}

impl House {
    /// Takes a message in, if there is room.
    fn take(&self, text: &str) -> bool {
        let arrival = Arrival {
            slot: None,
            pdu: crate::day::deliver(text, None, 1),
        };
        let now = self.rooms.clock.now();
        let mut inbox = self.rooms.inbox.borrow_mut();
        inbox.accept(&arrival, now).is_ok()
    }

    /// Sends what is due so long after the start; the recipients and texts.
    fn send(&self, after: Duration, air: &mut Vec<(String, String)>) {
        let mut outbox = self.rooms.outbox.borrow_mut();
        let Now { tick, wall } = self.rooms.clock.now();
        let tick = tick + after;
        let now = Now { tick, wall };
        while let Some(job) = outbox.next(now) {
            if outbox.begin(&job, now).is_err() {
                outbox.finish(&job, Outcome::NotHandedOver, now);
                return;
            }
            air.push((job.submission.to.to_string(), job.submission.text.clone()));
            let reference = Some(1);
            outbox.finish(&job, Outcome::Accepted { reference }, now);
        }
    }

    fn unsent(&self) -> Vec<Outgoing> {
        let outbox = self.rooms.outbox.borrow();
        let mut all = outbox.list(&Query::default());
        all.retain(|one| one.status != Status::Sent);
        all
    }
}

/// Forwards `texts` that are in the store to `count` numbers: each to each, once and in order.
async fn all_get_through(count: usize, texts: impl Fn(usize) -> String, most: usize) {
    let house = House::over(SimFlash::default().store(LIMIT, LIMIT / 8));
    let config = Rc::new(to_many(count));
    let (change, seen) = watch::channel(Rc::clone(&config));
    let mut air = Vec::new();
    house.live(seen.clone(), std::future::ready(())).await;
    let taken = (0..most).take_while(|at| house.take(&texts(*at))).count();
    let sending = async {
        for round in 0..1000 {
            house.send(Duration::from_secs(round * 11), &mut air);
            if air.len() >= taken * count {
                return;
            }
            // A new configuration ends the pause.
            change.send_replace(Rc::clone(&config));
            for _turn in 0..5 {
                tokio::task::yield_now().await;
            }
        }
    };
    house.live(seen, sending).await;
    let health = house.targets.borrow()[0].clone();
    let waiting = house.unsent().len();
    assert_eq!(
        air.len(),
        taken * count,
        "{taken} came in, {waiting} wait: {health:?}"
    );
    for to in &config.to_sms[0].to {
        let got = air.iter().filter(|(number, _)| number == to.as_str());
        let got: Vec<&str> = got.map(|(_, text)| text.as_str()).collect();
        let expected: Vec<String> = (0..taken).map(&texts).collect();
        assert_eq!(got, expected, "{to}");
    }
    assert!(house.take("one more"), "the store is full for ever");
}

#[tokio::test]
async fn one_message_to_more_numbers_than_the_store_has_room_for() {
    all_get_through(250, |_| "long ".repeat(13), 1).await;
}

#[tokio::test]
async fn a_store_full_of_messages_that_each_go_to_one_number() {
    all_get_through(1, |at| format!("message {at}"), 1000).await;
}

#[tokio::test]
async fn a_store_full_of_messages_that_each_go_to_twenty_numbers() {
    all_get_through(20, |at| format!("message {at}"), 1000).await;
}

/// The power goes at every step while one message is handed on, number by number; each gets it once.
#[tokio::test]
async fn a_cut_between_two_numbers_leaves_nobody_out_and_doubles_nobody() {
    let config = Rc::new(to_many(250));
    let (_keep, seen) = watch::channel(Rc::clone(&config));
    let flash = SimFlash::default();
    let house = House::over(flash.store(LIMIT, LIMIT / 8));
    house.live(seen.clone(), std::future::ready(())).await;
    assert!(house.take(&"long ".repeat(13)));
    drop(house);
    let mut cuts = 0;
    for steps in (0..400).step_by(23) {
        let dying = flash.twin();
        let house = House::over(dying.store(LIMIT, LIMIT / 8));
        dying.fail(Fault::Cut(steps));
        let turns = async {
            for _turn in 0..5 {
                tokio::task::yield_now().await;
            }
        };
        house.live(seen.clone(), turns).await;
        for left in dying.after_cut() {
            let house = House::over(left.store(LIMIT, LIMIT / 8));
            let mut air = Vec::new();
            let (change, seen) = watch::channel(Rc::clone(&config));
            let sending = async {
                for round in 0..50 {
                    house.send(Duration::from_secs(round * 11), &mut air);
                    change.send_replace(Rc::clone(&config));
                    for _turn in 0..5 {
                        tokio::task::yield_now().await;
                    }
                }
            };
            house.live(seen, sending).await;
            let mut got: Vec<&str> = air.iter().map(|(to, _)| to.as_str()).collect();
            got.sort_unstable();
            let all: Vec<&str> = config.to_sms[0].to.iter().map(Number::as_str).collect();
            assert_eq!(got, all, "cut at step {steps}");
            cuts += 1;
        }
    }
    assert!(cuts > 20, "only {cuts} cuts");
    println!("{cuts} cuts were tried");
}
