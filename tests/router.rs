//! Tests: the main job through the real binary — a message in and pushed, a message out and delivered. `scripts/test`
//! runs this file a second and a third time with the MIPS binaries under qemu.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_types
)]

mod support;

use std::process::Command;

use nix::sys::signal::Signal;
use serde_json::{Value, json};

use support::push::{Answer, PushReceiver};
use support::{Bench, PATIENCE, Setup, process, wait_for};

fn pushing_to(receiver: &PushReceiver, more: &str) -> Setup {
    let url = receiver.url("/sms_in");
    Setup {
        sections: format!(
            "config to_http 'host'\n\toption enabled '1'\n\toption url '{url}'\n{more}"
        ),
        ..Setup::default()
    }
}

fn sent(bench: &Bench, id: &Value, status: &str) -> Value {
    let path = format!("/messages/{}", id.as_str().unwrap());
    wait_for(PATIENCE, &format!("{path} {status}"), || {
        let (_, message) = bench.api("GET", &path, None);
        (message["status"] == status).then_some(message)
    })
}

#[test]
fn a_message_that_comes_in_is_pushed_byte_for_byte_as_rutos_does() {
    let receiver = PushReceiver::start();
    let bench = Bench::start(&pushing_to(&receiver, ""));
    bench.control(r#"deliver {"from":"+12025550155","text":"Test message"}"#);
    let pushed = receiver.wait(1, PATIENCE);
    assert_eq!(
        pushed[0].line,
        "GET /sms_in?&message=Test%20message HTTP/1.1"
    );

    bench.control(r#"deliver {"from":"+12025550155","text":"ÿ 💖 {€}"}"#);
    let pushed = receiver.wait(2, PATIENCE);
    let text = "%C3%BF%20%F0%9F%92%96%20%7B%E2%82%AC%7D";
    assert_eq!(pushed[1].target(), format!("/sms_in?&message={text}"));

    let (status, inbox) = bench.api("GET", "/messages?box=inbox", None);
    assert_eq!(status, 200);
    assert_eq!(inbox["messages"][1]["text"], "ÿ 💖 {€}");
    assert_eq!(inbox["messages"][1]["from"], "+12025550155");
}

#[test]
fn a_message_is_sent_and_its_delivery_is_reported() {
    let bench = Bench::start(&Setup::default());
    let order = json!({"to": "0012025550155", "text": "hello", "report": true});
    let (status, answer) = bench.api("POST", "/messages", Some(&order));
    assert_eq!(status, 202, "{answer}");
    let queued = &answer["messages"][0];
    assert_eq!(
        (&queued["to"], &queued["encoding"], &queued["parts"]),
        (&json!("+12025550155"), &json!("gsm7"), &json!(1))
    );
    let message = sent(&bench, &queued["id"], "delivered");
    assert!(
        message["sent_at"].is_string() && message["delivered_at"].is_string(),
        "{message}"
    );
    let air = bench.air();
    assert_eq!(air.len(), 1);
    assert_eq!(
        (&air[0]["to"], &air[0]["text"]),
        (&json!("+12025550155"), &json!("hello"))
    );
}

#[test]
fn a_long_message_leaves_in_parts_and_a_long_one_that_came_is_one_again() {
    let receiver = PushReceiver::start();
    let bench = Bench::start(&pushing_to(&receiver, "\toption method 'json'\n"));
    let text: String = "Žluťoučký kůň 💖 ".repeat(12);
    let order = json!({"to": ["+12025550155", "12345"], "text": text});
    let (status, answer) = bench.api("POST", "/messages", Some(&order));
    assert_eq!(status, 202, "{answer}");
    let parts = usize::try_from(answer["messages"][0]["parts"].as_u64().unwrap()).unwrap();
    let air = bench.wait_air(2 * parts);
    let joined: String = air
        .iter()
        .take(parts)
        .map(|part| part["text"].as_str().unwrap())
        .collect();
    assert_eq!(joined, text);

    let order = json!({"from": "+37060000001", "text": text, "parts": [3, 1, 4, 2], "dup": [2]});
    bench.control(&format!("deliver {order}"));
    let pushed = receiver.wait(1, PATIENCE);
    let body = pushed[0].json();
    assert_eq!(body["type"], "message.received");
    assert_eq!(body["data"]["text"], json!(text));
    assert_eq!(body["data"]["complete"], true);
    assert!(pushed[0].header("webhook-id").is_some());
}

#[test]
fn a_push_is_repeated_in_order_until_the_receiver_has_it_even_over_a_restart() {
    let receiver = PushReceiver::start();
    receiver.answer(Answer::Status(500));
    let mut bench = Bench::start(&pushing_to(&receiver, "\toption method 'json'\n"));
    bench.control(r#"deliver {"from":"+12025550155","text":"one"}"#);
    let first = receiver.wait(1, PATIENCE)[0].clone();
    bench.control(r#"deliver {"from":"+12025550155","text":"two"}"#);
    bench.control(r#"wait-for {"delivered":2,"timeout_ms":30000}"#);
    bench.restart();
    receiver.answer(Answer::Status(204));
    let pushed = wait_for(PATIENCE, "the push of two", || {
        let requests = receiver.requests();
        let last = requests.last()?.json();
        (last["data"]["text"] == "two").then_some(requests)
    });
    let (last, earlier) = pushed.split_last().unwrap();
    assert!(
        earlier
            .iter()
            .all(|request| request.json()["data"]["text"] == "one")
    );
    assert!(
        earlier
            .iter()
            .all(|request| request.header("webhook-id") == first.header("webhook-id"))
    );
    assert_ne!(last.header("webhook-id"), first.header("webhook-id"));
}

#[test]
fn the_command_line_asks_over_the_unix_socket() {
    let bench = Bench::start(&Setup::default());
    let run = |words: &[&str]| {
        let mut line = process::agent_command();
        line.extend(words.iter().map(ToString::to_string));
        let (program, words) = line.split_first().unwrap();
        let output = Command::new(program)
            .args(words)
            .env("RUT_AGENT_SOCKET", bench.socket())
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        (
            output.status.code(),
            text + &String::from_utf8_lossy(&output.stderr),
        )
    };
    let (code, text) = run(&["send", "+12025550155", "from the shell", "--wait"]);
    assert_eq!(code, Some(0), "{text}");
    bench.control(r#"deliver {"from":"+12025550155","text":"to the shell"}"#);
    wait_for(PATIENCE, "the listing", || {
        run(&["list"]).1.contains("to the shell").then_some(())
    });
    let (code, text) = run(&["status"]);
    assert!(code == Some(0) && text.contains("ready"), "{text}");
    assert_eq!(run(&["send", "not-a-number", "x"]).0, Some(1));
    assert_eq!(run(&["send"]).0, Some(2));
    assert_eq!(run(&["status", "--socket", "/nonexistent"]).0, Some(3));
}

#[test]
fn a_program_that_breaks_says_where_before_it_dies() {
    let mut bench = Bench::start(&Setup::default());
    bench.agent().signal(Signal::SIGTRAP);
    wait_for(PATIENCE, "the last words", || {
        let log = bench.log();
        let line = log
            .lines()
            .find(|line| line.contains("broken (signal 5) at 0x"))?;
        assert!(!line.contains(" at 0x0 "), "{line}");
        Some(())
    });
    bench.restart();
    bench.wait_ready();
}
