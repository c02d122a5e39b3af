//! Tests: a reboot by SMS with its status, the power cut at ten places from the message's way in to the status that is sent. The
//! router reboots once at most, and one status goes out. Never cuts in the middle of a write: the store's tests do.

use serde_json::{Value, json};

use crate::router::{Router, SETTLE};
use crate::support::{PATIENCE, wait_until};
use crate::{BOSS, own};

type Place = (&'static str, fn(&mut Router));

/// Where the power is cut, and how the test knows that it is there.
const PLACES: &[Place] = &[
    (
        "the message came while nothing ran, and the agent starts",
        |router| {
            router.bench.kill9();
            order(router);
            router.bench.start_agent();
        },
    ),
    ("the modem was just told of it", order),
    ("it is being read", |router| {
        let heard = commands(router);
        order(router);
        wait_command(router, "AT+CMG", heard);
    }),
    ("it is on flash", |router| {
        let before = inbox(router);
        order(router);
        wait_until(PATIENCE, "the inbox", || inbox(router) > before);
    }),
    ("the order is taken and its program just begins", |router| {
        let before = orders(router);
        order(router);
        wait_until(PATIENCE, "the order", || orders(router) > before);
    }),
    ("the program runs", |router| {
        router.hangs("reboot");
        order(router);
        router.wait_ran("reboot");
    }),
    ("the router goes down", goes_down),
    ("it is up again and finds no network", |router| {
        goes_down(router);
        router.bench.control("registration 2");
        router.bench.kill9();
        router.bench.start_agent();
        router.bench.wait_modem_state("searching");
    }),
    ("the status waits in the outbox", |router| {
        goes_down(router);
        router.bench.control("fail 1000 38");
        router.cut();
        wait_until(PATIENCE, "a try", || {
            let (_, page) = router
                .bench
                .api("GET", "/messages?box=sent&limit=200", None);
            let sent = page["messages"].as_array().unwrap();
            sent.iter().any(|one| one["error"]["code"] == 38)
        });
    }),
    (
        "the status is on the air and the modem has not said so",
        |router| {
            goes_down(router);
            let before = router.told().len();
            router.bench.control("delay 600000");
            router.cut();
            router.bench.wait_air(before + 1);
        },
    ),
];

fn order(router: &mut Router) {
    router.deliver(BOSS, "Xyzzy123 reboot");
}

fn goes_down(router: &mut Router) {
    let lines = |router: &Router| router.bench.log().matches("the router reboots").count();
    let before = lines(router);
    order(router);
    wait_until(PATIENCE, "the reboot", || lines(router) > before);
}

fn orders(router: &Router) -> usize {
    router.bench.log().matches("by rule 'reboot'").count()
}

fn inbox(router: &Router) -> usize {
    let (_, page) = router
        .bench
        .api("GET", "/messages?box=inbox&limit=200", None);
    page["messages"].as_array().unwrap().len()
}

/// How many commands the modem has heard.
fn commands(router: &Router) -> Value {
    router.bench.control("at-log 1")["count"].clone()
}

fn wait_command(router: &Router, beginning: &str, since: Value) {
    let patience = PATIENCE.as_millis() as u64;
    let order = json!({"at": beginning, "count": 1, "since": since, "timeout_ms": patience});
    router.bench.control(&format!("wait-for {order}"));
}

/// The statuses on the air since the first `before` messages.
fn statuses(router: &Router, before: usize) -> usize {
    let told = router.told();
    let told = told[before..].iter();
    told.filter(|(to, text)| to == BOSS && text == "bench is back")
        .count()
}

#[test]
fn a_reboot_is_done_once_and_its_status_sent_once_with_the_power_cut_at_ten_places() {
    assert_eq!(PLACES.len(), 10);
    for (number, (place, go)) in PLACES.iter().enumerate() {
        let rule = own(
            "reboot",
            "reboot",
            "reboot",
            " option message '%rn is back'\n",
        );
        let mut router = Router::start(&(String::from(SETTLE) + &rule));
        go(&mut router);
        router.bench.control("calm");
        router.works("reboot");
        router.cut();
        // Cut before the order was taken, the router reboots only now, as it was told.
        let down = || router.bench.log().contains("the router reboots");
        wait_until(PATIENCE, place, || down() || statuses(&router, 0) > 0);
        if statuses(&router, 0) == 0 {
            router.cut();
        }
        wait_until(PATIENCE, place, || statuses(&router, 0) > 0);
        router.settle();
        // Whatever comes after: neither again.
        router.cut();
        router.settle();
        let reboots = router.ran().iter().filter(|line| *line == "reboot").count();
        println!(
            "| {place} | reboot ran {reboots} | {} status |",
            statuses(&router, 0)
        );
        assert_eq!(statuses(&router, 0), 1, "{place}: {:?}", router.told());
        // A cut between "taken" and "begun" is the reboot itself.
        let may_be_none = number < 5;
        assert!(reboots == 1 || (reboots == 0 && may_be_none), "{place}");
    }
}
