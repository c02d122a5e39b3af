//! Tests: what a call sets off, over real rooms and without a modem. Never runs a program.

use std::cell::RefCell;
use std::rc::Rc;

use tokio::sync::watch;

use crate::clock::Clock;
use crate::config;
use crate::feed::Feed;
use crate::inbox::Inbox;
use crate::message::Number;
use crate::outbox::Outbox;
use crate::rules::{Rooms, Rules};
use crate::signal::Signal;
use crate::store::Store;

const CALLS: &str = "config agent 'agent'\n option name 'boat'\n\
    config call_rule 'tell'\n option enabled '1'\n option action 'send_status'\n option message '%rn: %cs'\n\
    config call_rule 'me'\n option enabled '1'\n option action 'send_status'\n option message 'only me'\n option allowed_phone 'single'\n option tel '+4915100'\n\
    config call_rule 'off'\n option action 'reboot'\n";

fn rooms(dir: &std::path::Path) -> Rooms {
    let clock = Clock::start();
    let store = Rc::new(RefCell::new(Store::open(dir, 65_536).unwrap()));
    let feed = Feed::new(0);
    let wait = std::time::Duration::from_secs(60);
    let inbox = Inbox::new(store.clone(), feed.clone(), wait, clock.now());
    let outbox = Outbox::new(store.clone(), feed.clone(), clock.now()).unwrap();
    Rooms {
        inbox: Rc::new(RefCell::new(inbox)),
        outbox: Rc::new(RefCell::new(outbox)),
        signal: Rc::new(RefCell::new(Signal::new(feed.clone()))),
        store,
        feed,
        clock,
    }
}

/// Texts asked for by rules, newest first, once there are so many.
async fn told(rooms: &Rooms, count: usize) -> Vec<String> {
    loop {
        let day = std::time::Duration::from_secs(86_400);
        let now = rooms.clock.now().wall;
        let asked = rooms.outbox.borrow().recent("rule:", day, now);
        if asked.len() >= count {
            return asked.into_iter().map(|asked| asked.text).collect();
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn each_rule_for_calls_that_lets_the_caller_in_gives_its_order_once_a_call() {
    let dir = tempfile::tempdir().unwrap();
    let (config, _) = config::read(CALLS, "f");
    let (_live, watched) = watch::channel(Rc::new(config.unwrap()));
    let (_stopper, stop) = crate::stop::pair();
    let rooms = rooms(dir.path());
    let (rules, calls) = Rules::new(watched, rooms.clone());
    let work = async {
        calls.on_call(&Number::as_received("+12025550155"));
        assert_eq!(told(&rooms, 1).await, ["boat: Disconnected"]);
        calls.on_call(&Number::as_received("+4915100"));
        assert_eq!(
            told(&rooms, 3).await,
            ["only me", "boat: Disconnected", "boat: Disconnected"]
        );
        assert_eq!(
            rooms.inbox.borrow().judged(),
            u64::MAX,
            "no message waits for rules for calls"
        );
    };
    let local = tokio::task::LocalSet::new();
    local
        .run_until(async {
            tokio::select! { () = work => {}, () = rules.run(stop) => panic!("they ended") }
        })
        .await;
}
