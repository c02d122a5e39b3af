//! Tests: a router without a battery clock, through the real binary under libfaketime — it starts in 1970, messages come and
//! wait, and the clock is set while it runs. Skipped under qemu, where libfaketime cannot reach.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]
#![allow(clippy::disallowed_types, clippy::disallowed_methods)]

mod support;

use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

use support::{Bench, PATIENCE, Setup, free_address, wait_for, wait_until};

const BOSS: &str = "+12025550155";

/// A bench whose agent believes the file `clock`, which says 1970; none where that cannot be played.
fn in_1970(setup: &Setup) -> Option<Bench> {
    if std::env::var_os("RUT_AGENT_RUNNER").is_some() {
        println!("skipped: libfaketime cannot reach into another processor's program");
        return None;
    }
    let mut bench = Bench::sim_only(setup);
    std::fs::write(bench.path("clock"), "@1970-01-01 00:01:10\n").unwrap();
    bench.env = support::clock::in_file(&bench.path("clock"));
    bench.start_agent();
    bench.wait_ready();
    Some(bench)
}

/// What NTP does.
fn set_the_clock(bench: &Bench) {
    std::fs::write(bench.path("clock"), "+0\n").unwrap();
}

fn message(bench: &Bench, id: &str) -> Value {
    bench.api("GET", &format!("/messages/{id}"), None).1
}

fn inbox(bench: &Bench) -> Vec<Value> {
    let (_, page) = bench.api("GET", "/messages?box=inbox", None);
    page["messages"].as_array().unwrap().clone()
}

fn is_of_1970(time: &Value) -> bool {
    time.as_str().unwrap().starts_with("1970-01-01T00:0")
}

/// Seconds since 1970 of an API's time, by the `date` command.
fn seconds(time: &Value) -> i64 {
    let date = Command::new("date")
        .args(["-u", "+%s", "-d", time.as_str().unwrap()])
        .output()
        .unwrap();
    String::from_utf8(date.stdout)
        .unwrap()
        .trim()
        .parse()
        .unwrap()
}

fn now() -> i64 {
    seconds(&json!("now"))
}

/// All that happened did so between `begin` and now, in its order; the second message still waits.
fn times_are_right(bench: &Bench, (sent, waits): (&str, &str), begin: i64) {
    let (one, two) = (message(bench, sent), message(bench, waits));
    let came = &inbox(bench)[0]["received_at"];
    let times = [&one["created_at"], &one["sent_at"], &two["created_at"]];
    for time in times.into_iter().chain([came]) {
        let at = seconds(time);
        assert!(
            (begin - 1..=now()).contains(&at),
            "{time}: not since {begin}"
        );
    }
    assert!(times.is_sorted_by_key(|time| seconds(time)), "{times:?}");
    assert_eq!(
        two["status"], "queued",
        "neither sent nor expired by the jump"
    );
}

#[test]
fn messages_of_before_the_clock_was_set_get_their_true_times_and_go_on_waiting() {
    let setup = Setup {
        modem: String::from("\toption poll '1'\n"),
        sections: String::from("config limits 'limits'\n\toption per_hour '3'\n"),
        ..Setup::default()
    };
    let begin = now();
    let Some(mut bench) = in_1970(&setup) else {
        return;
    };
    bench.control(&format!(
        "deliver {}",
        json!({"from": BOSS, "text": "in the dark"})
    ));
    let sent = bench.submit(&json!({"to": BOSS, "text": "one", "report": false}));
    bench.wait_air(1);
    wait_until(PATIENCE, "it is sent", || {
        message(&bench, &sent)["status"] == "sent"
    });
    bench.control("registration 2");
    bench.wait_modem_state("searching");
    let waits = bench.submit(&json!({"to": BOSS, "text": "two", "validity_s": 3600}));
    let long = "x".repeat(200);
    bench.control(&format!(
        "deliver {}",
        json!({"from": BOSS, "text": long, "drop": [2]})
    ));
    wait_until(PATIENCE, "the message is in", || inbox(&bench).len() == 1);
    assert!(is_of_1970(&inbox(&bench)[0]["received_at"]));
    assert!(is_of_1970(&message(&bench, &sent)["sent_at"]));
    assert!(is_of_1970(&message(&bench, &waits)["created_at"]));

    set_the_clock(&bench);
    wait_until(PATIENCE, "the times are right", || {
        !is_of_1970(&message(&bench, &waits)["created_at"])
    });
    assert!(bench.log().contains("the clock was set: it is 20"));
    let check = |bench: &Bench| times_are_right(bench, (&sent, &waits), begin);
    check(&bench);

    // A restart finds the same, and the budget still knows the part of before the jump.
    bench.kill9();
    bench.start_agent();
    bench.wait_modem_state("searching");
    check(&bench);
    let more = json!({"to": BOSS, "text": "y".repeat(200)});
    assert_eq!(bench.api("POST", "/messages", Some(&more)).0, 429);
    bench.control("registration 1");
    bench.wait_air(2);
}

/// `openssl s_server`, which answers any GET with a page; killed when dropped.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn tls_says_that_the_clock_is_not_set_and_works_soon_after_it_is() {
    let made = support::certificates::certificates();
    let at = free_address();
    let file = |name: &str| made.path().join(name).display().to_string();
    let server = Command::new("openssl")
        .args(["s_server", "-www", "-quiet", "-accept", &at.to_string()])
        .args(["-cert", &file("signed.crt"), "-key", &file("signed.key")])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    let _server = Server(server.unwrap());
    wait_until(PATIENCE, "the server", || {
        std::net::TcpStream::connect(at).is_ok()
    });
    let target = format!(
        "config to_http 'host'\n\toption enabled '1'\n\toption url 'https://{at}/in'\n\toption ca_file '{}'\n",
        file("ca.crt")
    );
    let Some(bench) = in_1970(&Setup {
        sections: target,
        ..Setup::default()
    }) else {
        return;
    };
    bench.control(&format!("deliver {}", json!({"from": BOSS, "text": "hi"})));
    let why = bench.wait_last_error("host");
    assert!(why.contains("1970-01-01") && why.contains("clock"), "{why}");
    set_the_clock(&bench);
    wait_for(PATIENCE, "the push", || {
        (bench.health("host")["delivered"] == 1).then_some(())
    });
}
