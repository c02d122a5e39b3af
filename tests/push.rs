//! Tests: pushes through the real binary — the exact bytes in every dialect, TLS good and bad, receivers that misbehave,
//! order over outages and kills, who gets what, and the trial push.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_types,
    clippy::disallowed_methods
)]

mod support;

#[path = "push/https.rs"]
mod https;

use std::io::{BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::thread;

use serde_json::{Value, json};

use support::push::{Answer, PushReceiver, Request};
use support::{Bench, PATIENCE, Setup, free_address, http, wait_until};

/// A section `to_http`, enabled, with these options (`name value`, one a line).
fn to_http(name: &str, url: &str, options: &str) -> String {
    let mut text = format!("config to_http '{name}'\n\toption enabled '1'\n\toption url '{url}'\n");
    for line in options.lines() {
        let (option, value) = line.trim().split_once(' ').unwrap();
        let kind = if ["tel", "events"].contains(&option) {
            "list"
        } else {
            "option"
        };
        text.push_str(&format!("\t{kind} {option} '{value}'\n"));
    }
    text + "\n"
}

fn bench(sections: &[String]) -> Bench {
    Bench::start(&Setup {
        sections: sections.concat(),
        ..Setup::default()
    })
}

fn deliver(bench: &Bench, from: &str, text: &str) {
    bench.control(&format!("deliver {}", json!({"from": from, "text": text})));
}

fn inbox(bench: &Bench) -> Vec<Value> {
    let (status, page) = bench.api("GET", "/messages?box=inbox&limit=100", None);
    assert_eq!(status, 200);
    page["messages"].as_array().unwrap().clone()
}

/// The request's text, where it is a `json` push of a message.
fn text_of(request: &Request) -> String {
    String::from(request.json()["data"]["text"].as_str().unwrap())
}

#[test]
fn get_and_post_are_rutos_to_the_byte() {
    let names = ["plain", "full", "query", "post"];
    let receivers = names.map(|_| PushReceiver::start());
    let six = PushReceiver::on("[::1]:0");
    let full = "sender_num 1\nnumber_name from\nmessage_name body\nmessage_encode_b64 1\nextra_name1 key\nextra_value1 a&b\nextra_name2 n\nextra_value2 é";
    let sections = [
        to_http("plain", &receivers[0].url("/sms_in"), ""),
        to_http("full", &receivers[1].url("/sms_in"), full),
        to_http(
            "query",
            &receivers[2].url("/in?token=t1"),
            "sender_num 1\nnumber_name sender",
        ),
        to_http(
            "post",
            &receivers[3].url("/in?x=1"),
            "method post\nsender_num 1\nnumber_name sender",
        ),
        to_http("six", &six.url("/sms_in"), ""),
    ];
    assert!(six.url("").starts_with("http://[::1]:"));
    let bench = bench(&sections);
    deliver(&bench, "+37060000001", "Grüße & so");
    let text = "Gr%C3%BC%C3%9Fe%20%26%20so";
    let came = |receiver: &PushReceiver| receiver.wait(1, PATIENCE)[0].clone();
    let plain = came(&receivers[0]);
    assert_eq!(plain.line, format!("GET /sms_in?&message={text} HTTP/1.1"));
    let address = receivers[0].address.to_string();
    let fields = [
        ("host", address.as_str()),
        (
            "user-agent",
            concat!("rut-agent/", env!("CARGO_PKG_VERSION")),
        ),
        ("accept", "*/*"),
        ("connection", "close"),
    ];
    assert_eq!(
        plain.headers,
        fields.map(|(name, value)| (String::from(name), String::from(value)))
    );
    assert_eq!(
        came(&receivers[1]).target(),
        "/sms_in?&body=R3LDvMOfZSAmIHNv&from=%2B37060000001&key=a%26b&n=%C3%A9"
    );
    assert_eq!(
        came(&receivers[2]).target(),
        format!("/in?token=t1&message={text}&sender=%2B37060000001")
    );
    let post = came(&receivers[3]);
    assert_eq!(post.line, "POST /in?x=1 HTTP/1.1");
    assert_eq!(
        post.text(),
        format!("&message={text}&sender=%2B37060000001")
    );
    assert_eq!(
        post.header("content-type"),
        Some("application/x-www-form-urlencoded")
    );
    assert_eq!(
        came(&six).line,
        format!("GET /sms_in?&message={text} HTTP/1.1")
    );
    assert_eq!(
        came(&six).header("host"),
        Some(six.address.to_string().as_str())
    );
    for name in ["plain", "full", "query", "post", "six"] {
        wait_until(PATIENCE, "all delivered", || {
            bench.health(name)
                == json!({"name": name, "queued": 0, "delivered": 1, "failed": 0, "last_error": null})
        });
    }
}

/// The signature as Python's own library computes it.
fn signed_by_python(secret: &str, request: &Request) -> String {
    let program = "import sys,hmac,hashlib,base64\n\
        key=base64.b64decode(sys.argv[1].removeprefix('whsec_'))\n\
        said='.'.join(sys.argv[2:4]).encode()+b'.'+sys.stdin.buffer.read()\n\
        print('v1,'+base64.b64encode(hmac.new(key,said,hashlib.sha256).digest()).decode())";
    let mut python = Command::new("python3")
        .args(["-c", program, secret])
        .args(["webhook-id", "webhook-timestamp"].map(|name| request.header(name).unwrap()))
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .expect("this test needs python3");
    let mut stdin = python.stdin.take().unwrap();
    stdin.write_all(&request.body).unwrap();
    drop(stdin);
    let said = python.wait_with_output().unwrap();
    String::from(String::from_utf8(said.stdout).unwrap().trim())
}

#[test]
fn a_json_push_is_a_standard_webhook_with_a_true_signature() {
    let receiver = PushReceiver::start();
    receiver.answer_next(&[Answer::Status(500)]);
    let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    let options = format!("method json\nsecret {secret}");
    let bench = bench(&[to_http("hook", &receiver.url("/hook"), &options)]);
    deliver(&bench, "+37060000001", "Say \"hi\" 💖");
    let pushed = receiver.wait(2, PATIENCE);
    for request in &pushed {
        assert_eq!(request.line, "POST /hook HTTP/1.1");
        assert_eq!(request.header("content-type"), Some("application/json"));
        assert_eq!(
            request.header("webhook-signature"),
            Some(signed_by_python(secret, request).as_str())
        );
        let body = request.json();
        assert_eq!(body["type"], "message.received");
        assert_eq!(body["timestamp"], body["data"]["received_at"]);
        let data = &body["data"];
        assert_eq!(
            (&data["from"], &data["to"], &data["text"]),
            (
                &json!("+37060000001"),
                &Value::Null,
                &json!("Say \"hi\" 💖")
            )
        );
        assert_eq!(
            (&data["parts"], &data["complete"]),
            (&json!(1), &json!(true))
        );
        assert!(
            data["sent_at"].is_string() && data["id"].is_string(),
            "{data}"
        );
    }
    assert_eq!(
        pushed[0].header("webhook-id"),
        pushed[1].header("webhook-id")
    );
    assert_eq!(pushed[0].body, pushed[1].body);
    assert!(!bench.log().contains(secret));
}

#[test]
fn a_target_gets_the_events_it_lists_and_no_others() {
    let receiver = PushReceiver::start();
    let options =
        "method json\nevents message.delivered\nevents message.failed\nevents modem.state";
    let bench = bench(&[to_http("hook", &receiver.url("/hook"), options)]);
    let kinds = || -> Vec<String> {
        let requests = receiver.requests();
        let kind = |request: &Request| String::from(request.json()["type"].as_str().unwrap());
        requests.iter().map(kind).collect()
    };
    let push_of = |kind: &str| {
        wait_until(PATIENCE, kind, || kinds().iter().any(|one| one == kind));
        let requests = receiver.requests();
        let found = requests
            .iter()
            .find(|request| request.json()["type"] == kind);
        found.unwrap().json()["data"].clone()
    };
    deliver(&bench, "+37060000001", "not for it");
    let order = json!({"to": "+12025550155", "text": "hello", "report": true});
    let (_, sent) = bench.api("POST", "/messages", Some(&order));
    let delivered = push_of("message.delivered");
    assert_eq!(
        delivered["id"].as_str().unwrap(),
        sent["messages"][0]["id"].as_str().unwrap()
    );
    bench.control("fail 1 1 +19999999999");
    let order = json!({"to": "+19999999999", "text": "nobody"});
    let (_, sent) = bench.api("POST", "/messages", Some(&order));
    let failed = push_of("message.failed");
    assert_eq!(
        failed["id"].as_str().unwrap(),
        sent["messages"][0]["id"].as_str().unwrap()
    );
    let before = kinds().iter().filter(|kind| *kind == "modem.state").count();
    bench.control("unplug");
    wait_until(PATIENCE, "modem.state", || {
        kinds().iter().filter(|kind| *kind == "modem.state").count() > before
    });
    assert!(
        !kinds()
            .iter()
            .any(|kind| kind == "message.received" || kind == "message.sent")
    );
    assert_eq!(inbox(&bench).len(), 1);
}

/// A receiver that says `head` to each request and then `body` for ever; its URL.
fn endless(head: &'static str, body: &'static [u8]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/in", listener.local_addr().unwrap());
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            thread::spawn(move || {
                // The request comes in one piece.
                if stream.read(&mut [0; 8192]).is_ok() {
                    let _gone = stream.write_all(head.as_bytes());
                    while !body.is_empty() && stream.write_all(body).is_ok() {}
                }
            });
        }
    });
    url
}

#[test]
fn receivers_that_misbehave_hold_up_neither_the_others_nor_the_api() {
    let hanging = PushReceiver::start();
    hanging.answer(Answer::Silence);
    let refusing = PushReceiver::start();
    refusing.answer(Answer::Status(500));
    let leaving = PushReceiver::start();
    leaving.answer(Answer::HangUp);
    let middle = endless("HTTP/1.1 200 OK\r\nContent-Le", b"");
    let moved = endless(
        "HTTP/1.1 301 Moved\r\nLocation: http://127.0.0.1:1/\r\n\r\n",
        b"",
    );
    // Its two gigabytes end when the agent has read enough.
    let flood = endless(
        "HTTP/1.1 200 OK\r\nContent-Length: 2000000000\r\n\r\n",
        &[b'x'; 65_536],
    );
    let head = endless("HTTP/1.1 200 OK\r\nX: ", &[b'y'; 65_536]);
    let good = PushReceiver::start();
    let sections = [
        to_http("hanging", &hanging.url("/in"), ""),
        to_http("refusing", &refusing.url("/in"), ""),
        to_http("leaving", &leaving.url("/in"), ""),
        to_http("middle", &middle, ""),
        to_http("moved", &moved, ""),
        to_http("flood", &flood, ""),
        to_http("head", &head, ""),
        to_http("good", &good.url("/in"), ""),
    ];
    let bench = bench(&sections);
    for n in 1..=10 {
        deliver(&bench, "+37060000001", &format!("n{n}"));
        let pushed = good.wait(n, PATIENCE);
        assert_eq!(pushed[n - 1].target(), format!("/in?&message=n{n}"));
    }
    for (name, why) in [
        ("refusing", "answered 500"),
        ("leaving", "closed the connection"),
        ("middle", "closed the connection"),
        ("moved", "redirects are not followed"),
        ("head", "head is too long"),
    ] {
        let error = bench.wait_last_error(name);
        assert!(error.contains(why), "{name}: {error}");
        assert_eq!(bench.health(name)["queued"], 10, "{name}");
    }
    wait_until(PATIENCE, "the flood is a yes", || {
        bench.health("flood")["delivered"] == 10
    });
    // The ten that wait for `hanging` wait still, behind the first.
    assert_eq!(hanging.requests().len(), 1);
    assert_eq!(bench.health("hanging")["queued"], 10);

    // A trial push may wait for its receiver, but nobody waits for the trial push.
    thread::scope(|scope| {
        let trial = scope.spawn(|| bench.api("POST", "/push/hanging/test", None));
        hanging.wait(2, PATIENCE);
        assert_eq!(bench.api("GET", "/status", None).0, 200);
        let (status, second) = bench.api("POST", "/push/good/test", None);
        assert_eq!((status, &second["code"]), (503, &json!("unavailable")));
        answered_meanwhile(&bench, &trial);
    });
    assert_eq!(bench.api("POST", "/push/nobody/test", None).0, 404);
    assert_eq!(bench.api("GET", "/push/good/test", None).0, 405);
}

/// Looks at the API until the trial has its answer: the true reason, after the whole time a receiver is given.
fn answered_meanwhile(bench: &Bench, trial: &thread::ScopedJoinHandle<'_, (u16, Value)>) {
    wait_until(PATIENCE, "the trial's end", || {
        assert_eq!(bench.api("GET", "/push", None).0, 200);
        trial.is_finished()
    });
}

#[test]
fn fifty_messages_come_in_order_over_outages_and_two_kills() {
    let receiver = PushReceiver::start();
    let mut bench = bench(&[to_http("hook", &receiver.url("/hook"), "method json")]);
    let texts: Vec<String> = (0..50).map(|n| format!("number {n}")).collect();
    let (first, rest) = texts.split_at(17);
    let (second, third) = rest.split_at(17);
    let deliver_all = |bench: &Bench, texts: &[String]| {
        for text in texts {
            deliver(bench, "+37060000001", text);
        }
    };
    // Five are taken, the receiver falls ill, and the agent is killed while twelve wait.
    receiver.answer_next(&[Answer::Status(200); 5]);
    receiver.answer(Answer::Status(503));
    deliver_all(&bench, first);
    receiver.wait(6, PATIENCE);
    wait_until(PATIENCE, "all on flash", || inbox(&bench).len() == 17);
    bench.kill9();
    receiver.answer_next(&[Answer::HangUp]);
    receiver.answer(Answer::Status(200));
    bench.restart();
    wait_until(PATIENCE, "the seventeenth", || {
        let requests = receiver.requests();
        requests
            .last()
            .is_some_and(|last| text_of(last) == texts[16])
    });
    // It is killed again while they go out.
    let before = receiver.requests().len();
    deliver_all(&bench, second);
    receiver.wait(before + 5, PATIENCE);
    bench.restart();
    deliver_all(&bench, third);
    wait_until(PATIENCE, "the last", || {
        receiver
            .requests()
            .last()
            .is_some_and(|last| text_of(last) == texts[49])
    });
    let mut pushed: Vec<(String, String)> = receiver
        .requests()
        .iter()
        .map(|request| {
            (
                text_of(request),
                String::from(request.header("webhook-id").unwrap()),
            )
        })
        .collect();
    // A repeat has the same id and comes before anything else.
    pushed.dedup();
    let ids: std::collections::BTreeSet<&String> = pushed.iter().map(|(_, id)| id).collect();
    assert_eq!(ids.len(), 50);
    let came: Vec<&String> = pushed.iter().map(|(text, _)| text).collect();
    assert_eq!(came, texts.iter().collect::<Vec<_>>());
}

#[test]
fn a_line_is_kept_while_pushes_follow_each_other_and_a_closed_one_is_no_failure() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/in", listener.local_addr().unwrap());
    // Answers two requests a line, as if for ever, and closes it then.
    let server = thread::spawn(move || -> Vec<String> {
        let mut lines = Vec::new();
        while !lines.iter().any(|line: &String| line.contains("=last ")) {
            let (stream, _) = listener.accept().unwrap();
            let mut reader = BufReader::new(&stream);
            for _ in 0..2 {
                let mut line = String::new();
                std::io::BufRead::read_line(&mut reader, &mut line).unwrap();
                if line.is_empty() {
                    break;
                }
                http::read_headers(&mut reader).unwrap();
                let mut answer: &TcpStream = &stream;
                let status = if lines.is_empty() {
                    "503 Not yet"
                } else {
                    "200 OK"
                };
                let _gone = write!(answer, "HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n");
                lines.push(line);
            }
        }
        lines
    });
    let bench = bench(&[to_http("keeper", &url, "")]);
    for text in ["first", "a", "b", "c", "d", "last"] {
        deliver(&bench, "+37060000001", text);
    }
    let lines = server.join().unwrap();
    let texts: Vec<&str> = lines
        .iter()
        .map(|line| line.split(['=', ' ']).nth(2).unwrap())
        .collect();
    assert_eq!(texts, ["first", "first", "a", "b", "c", "d", "last"]);
    wait_until(PATIENCE, "all six", || {
        bench.health("keeper")["delivered"] == 6
    });
    let failed = bench.log().matches("push to 'keeper' failed").count();
    assert_eq!(failed, 1, "only the 503 is a failure");
}

#[test]
fn who_chooses_the_messages_and_delete_sms_takes_them_away() {
    let (listed, grouped) = (PushReceiver::start(), PushReceiver::start());
    let sections = [
        String::from(
            "config phone 'friends'\n\tlist tel '+37060000002'\n\tlist tel '+37060000003'\n\n",
        ),
        to_http(
            "listed",
            &listed.url("/in"),
            "mode list_number\ntel +37060000001",
        ),
        to_http(
            "grouped",
            &grouped.url("/in"),
            "mode user_group\ngroup friends\ndelete_sms 1",
        ),
    ];
    let bench = bench(&sections);
    for last in 1..=4 {
        deliver(
            &bench,
            &format!("+3706000000{last}"),
            &format!("from {last}"),
        );
    }
    assert_eq!(
        listed.wait(1, PATIENCE)[0].target(),
        "/in?&message=from%201"
    );
    let pushed = grouped.wait(2, PATIENCE);
    let targets: Vec<&str> = pushed.iter().map(Request::target).collect();
    assert_eq!(targets, ["/in?&message=from%202", "/in?&message=from%203"]);
    wait_until(
        PATIENCE,
        "what was pushed and is to be deleted is gone",
        || {
            let left: Vec<Value> = inbox(&bench)
                .iter()
                .map(|one| one["from"].clone())
                .collect();
            left == [json!("+37060000001"), json!("+37060000004")]
        },
    );
    wait_until(PATIENCE, "and from the SIM too", || {
        let slots = bench.control("slots");
        slots["SM"]["used"].as_array().unwrap().len() <= 2
    });
    assert_eq!((listed.requests().len(), grouped.requests().len()), (1, 2));
}

#[test]
fn a_removed_target_blocks_no_longer_and_a_new_one_starts_at_the_present() {
    let (good, new) = (PushReceiver::start(), PushReceiver::start());
    let dead = format!("http://{}/in", free_address());
    let deleting = to_http("good", &good.url("/in"), "delete_sms 1");
    let bench = bench(&[to_http("dead", &dead, ""), deleting.clone()]);
    deliver(&bench, "+37060000001", "one");
    good.wait(1, PATIENCE);
    assert!(bench.wait_last_error("dead").contains("refused"));
    assert_eq!(inbox(&bench).len(), 1);

    bench.write_config(
        "",
        &[deleting, to_http("new", &new.url("/in"), "")].concat(),
    );
    bench.reload();
    wait_until(
        PATIENCE,
        "the message that only the removed target held",
        || inbox(&bench).is_empty(),
    );
    assert_eq!(bench.health("new")["queued"], 0);
    deliver(&bench, "+37060000001", "two");
    assert_eq!(new.wait(1, PATIENCE)[0].target(), "/in?&message=two");
    assert_eq!(good.wait(2, PATIENCE)[1].target(), "/in?&message=two");
    let (_, push) = bench.api("GET", "/push", None);
    assert_eq!(push["targets"].as_array().unwrap().len(), 2);
}

#[test]
fn a_trial_push_says_that_it_is_one_and_moves_no_cursor() {
    let receiver = PushReceiver::start();
    receiver.answer(Answer::Status(204));
    let bench = bench(&[to_http("hook", &receiver.url("/hook"), "method json")]);
    let (status, answer) = bench.api("POST", "/push/hook/test", None);
    assert_eq!(
        (status, answer),
        (200, json!({"delivered": true, "status": 204}))
    );
    let trial = receiver.wait(1, PATIENCE)[0].json();
    assert_eq!(trial["type"], "message.received");
    assert_eq!(
        (&trial["data"]["from"], &trial["data"]["text"]),
        (&json!("bench"), &json!("rut-agent test"))
    );
    assert_eq!(bench.health("hook")["delivered"], 0);
    deliver(&bench, "+37060000001", "real");
    assert_eq!(text_of(&receiver.wait(2, PATIENCE)[1]), "real");
}
