//! Tests: bad input and bad manners at the real binary's API — each gets a clear answer or a clean close, and the rest
//! is served on. What an answer means for a message on its way is in `faults.rs`.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]
#![allow(clippy::disallowed_types, clippy::disallowed_methods)]

#[path = "api/full.rs"]
mod full;
#[path = "api/manners.rs"]
mod manners;
mod support;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;

use serde_json::{Value, json};

use support::http::{self, Response};
use support::process::Process;
use support::{Bench, PATIENCE, Setup, TOKEN, process, wait_until};

/// A request with the token, and what more fields it should have.
fn ask(bench: &Bench, line: (&str, &str), fields: &[(&str, &str)], body: &[u8]) -> Response {
    let bearer = format!("Bearer {TOKEN}");
    let mut all = vec![("Authorization", bearer.as_str())];
    all.extend(fields);
    http::request(bench.address, line.0, line.1, &all, body).unwrap()
}

/// The stable code of an answer, once it is known to be a problem of RFC 9457.
fn code(answer: &Response) -> String {
    let body = answer.json();
    let kind = answer.header("content-type");
    assert_eq!(kind, Some("application/problem+json"), "{answer:?}");
    assert_eq!(body["status"], answer.status, "{body}");
    assert!(
        body["title"].is_string() && body["detail"].is_string(),
        "{body}"
    );
    String::from(body["code"].as_str().unwrap())
}

/// `\r\n`-joined lines with the token: a request head.
fn head(lines: &[&str]) -> Vec<u8> {
    let lines = lines.join("\r\n");
    format!("{lines}\r\nAuthorization: Bearer {TOKEN}\r\n\r\n").into_bytes()
}

/// All that comes until the agent closes.
fn until_closed(stream: &mut TcpStream) -> String {
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut bytes = Vec::new();
    // A reset ends it as well; what came before counts.
    let _ = stream.read_to_end(&mut bytes);
    String::from_utf8_lossy(&bytes).into_owned()
}

fn is_served(bench: &Bench) {
    assert_eq!(bench.api("GET", "/signal", None).0, 200);
}

fn inbox(bench: &Bench) -> Vec<String> {
    let mut texts = Vec::new();
    let mut after = String::from("0");
    loop {
        let (_, page) = bench.api("GET", &format!("/messages?limit=200&after={after}"), None);
        let messages = page["messages"].as_array().unwrap();
        texts.extend(
            messages
                .iter()
                .map(|m| String::from(m["text"].as_str().unwrap())),
        );
        match page["next"].as_str() {
            Some(next) => after = String::from(next),
            None => return texts,
        }
    }
}

#[rustfmt::skip]
const BODIES: &[(&str, u16, &str)] = &[
    ("", 400, "malformed_json"),
    ("{", 400, "malformed_json"),
    ("to=%2B12025550155&text=hello", 400, "malformed_json"),
    (r#"{"to":"+12025550155","text":"a"} x"#, 400, "malformed_json"),
    (r#"{"to":"+12025550155","text":"\ud800"}"#, 400, "malformed_json"),
    ("null", 422, "bad_shape"),
    ("[]", 422, "bad_shape"),
    ("7", 422, "bad_shape"),
    (r#"["+12025550155","a"]"#, 422, "bad_shape"),
    (r#"{"to":"+12025550155"}"#, 422, "bad_shape"),
    (r#"{"to":"+12025550155","text":7}"#, 422, "bad_shape"),
    (r#"{"to":"+12025550155","text":"a","text":"b"}"#, 422, "bad_shape"),
    (r#"{"to":"+12025550155","text":"a","flash":"yes"}"#, 422, "bad_shape"),
    (r#"{"to":"+12025550155","text":"a","txet":"b"}"#, 422, "bad_shape"),
    (r#"{"to":"+12025550155","text":"a","validity_s":-1}"#, 422, "bad_shape"),
    (r#"{"to":"+12025550155","text":"a","validity_s":1}"#, 422, "bad_validity"),
    (r#"{"to":"+12025550155","text":""}"#, 422, "empty_text"),
    (r#"{"text":"a"}"#, 422, "bad_recipients"),
    (r#"{"to":null,"text":"a"}"#, 422, "bad_recipients"),
    (r#"{"to":12025550155,"text":"a"}"#, 422, "bad_recipients"),
    (r#"{"to":{},"text":"a"}"#, 422, "bad_recipients"),
    (r#"{"to":[],"text":"a"}"#, 422, "bad_recipients"),
    (r#"{"to":[[]],"text":"a"}"#, 422, "bad_recipients"),
    (r#"{"to":"","text":"a"}"#, 422, "bad_number"),
    (r#"{"to":"+","text":"a"}"#, 422, "bad_number"),
    (r#"{"to":"Mum","text":"a"}"#, 422, "bad_number"),
    (r#"{"to":"+1202555015512025550155120","text":"a"}"#, 422, "bad_number"),
    (r#"{"to":["+12025550155","1;2"],"text":"a"}"#, 422, "bad_number"),
    (r#"{"to":"12345\r\nAT+CFUN=0","text":"a"}"#, 422, "bad_number"),
    (r#"{"to":"@nobody","text":"a"}"#, 422, "unknown_group"),
    (r#"{"to":"@","text":"a"}"#, 422, "unknown_group"),
];

#[test]
fn a_body_that_cannot_be_a_message_is_refused_by_a_stable_code_and_nothing_is_sent() {
    let bench = Bench::start(&Setup::default());
    let post = |body: &[u8]| ask(&bench, ("POST", "/api/v1/messages"), &[], body);
    for (body, status, name) in BODIES {
        let answer = post(body.as_bytes());
        assert_eq!(
            (answer.status, code(&answer).as_str()),
            (*status, *name),
            "{body}"
        );
    }
    let order = |to: Value, text: String| json!({"to": to, "text": text}).to_string();
    let to = json!("+12025550155");
    let hundred_and_one: Vec<String> = (0..101).map(|n| format!("+120255501{n:03}")).collect();
    let hundred = json!(hundred_and_one[..100]);
    for (body, name) in [
        (order(to.clone(), "a".repeat(300 * 153)), "text_too_long"),
        (order(to.clone(), "Ж".repeat(300 * 67)), "text_too_long"),
        (
            order(to.clone(), "e\u{301}".repeat(21_000)),
            "text_too_long",
        ),
        (
            order(json!(hundred_and_one), String::from("a")),
            "bad_recipients",
        ),
        (order(hundred, "a".repeat(30_000)), "bad_recipients"),
        (order(to.clone(), "a".repeat(66_000)), "body_too_long"),
        (format!("{{\"to\":{}", "[".repeat(60_000)), "malformed_json"),
    ] {
        assert_eq!(code(&post(body.as_bytes())), name);
    }
    assert_eq!(code(&post(b"{\"to\":\"1\",\"text\":\"\xff\"}")), "not_utf8");
    let none = code(&ask(
        &bench,
        ("POST", "/api/v1/messages/preview"),
        &[],
        b"{\"text\":\"\"}",
    ));
    assert_eq!(none, "empty_text");
    let (_, sent) = bench.api("GET", "/messages?box=sent", None);
    assert_eq!(sent["messages"], json!([]));

    // What `curl -d` sends, and the most that can be said.
    let form = ("Content-Type", "application/x-www-form-urlencoded");
    let body = order(to.clone(), String::from("from curl -d"));
    let answer = ask(
        &bench,
        ("POST", "/api/v1/messages"),
        &[form],
        body.as_bytes(),
    );
    assert_eq!(answer.status, 202, "{answer:?}");
    assert_eq!(
        post(order(to, "b".repeat(255 * 153)).as_bytes()).status,
        202
    );
    let air = bench.wait_air(3);
    assert_eq!(air[0]["text"], "from curl -d");
}

#[rustfmt::skip]
const LINES: &[(&str, u16, &str)] = &[
    ("GET /api/v1/status HTTP/1.1", 200, ""),
    ("GET http://rut/api/v1/status HTTP/1.1", 200, ""),
    ("GET /api/v1/messages?box=inbox&q=grüß dich, 💖 HTTP/1.1", 200, ""),
    ("GET /api/v1/messages?&box=sent& HTTP/1.0", 200, ""),
    ("GET /api/v1/messages?q=%00&from=%2B1 HTTP/1.1", 200, ""),
    ("OPTIONS /api/v1/messages HTTP/1.1", 405, "method_not_allowed"),
    ("BREW /api/v1/messages HTTP/1.1", 405, "method_not_allowed"),
    ("DELETE /api/v1/messages HTTP/1.1", 405, "method_not_allowed"),
    ("get /api/v1/messages HTTP/1.1", 405, "method_not_allowed"),
    ("OPTIONS * HTTP/1.1", 404, "not_found"),
    ("GET /api/v1/../../etc/passwd HTTP/1.1", 404, "not_found"),
    ("GET /%2e%2e/%2e%2e/etc/passwd HTTP/1.1", 404, "not_found"),
    ("GET //api/v1/status HTTP/1.1", 404, "not_found"),
    ("GET /api/v1/messages/.. HTTP/1.1", 404, "no_such_message"),
    ("GET /api/v1/messages/%00 HTTP/1.1", 404, "no_such_message"),
    ("GET /api/v1/messages/1;reboot HTTP/1.1", 404, "no_such_message"),
    ("GET /api/v1/messages/99999999999999999999 HTTP/1.1", 404, "no_such_message"),
    ("DELETE /api/v1/messages/4711 HTTP/1.1", 404, "no_such_message"),
    ("GET /api/v1/messages?limit=-1 HTTP/1.1", 400, "bad_parameter"),
    ("GET /api/v1/messages?limit=1&limit=2 HTTP/1.1", 400, "bad_parameter"),
    ("GET /api/v1/messages?box=spam HTTP/1.1", 400, "bad_parameter"),
    ("GET /api/v1/messages?lmit=1 HTTP/1.1", 400, "bad_parameter"),
    ("GET /api/v1/events?wait=61 HTTP/1.1", 400, "bad_parameter"),
    ("GET /api/v1/messages?q=%ff HTTP/1.1", 400, "not_utf8"),
    ("GET /a\0b HTTP/1.1", 400, "bad_request"),
    ("GET HTTP/1.1", 400, "bad_request"),
    ("CONNECT rut:80 HTTP/1.1", 400, "bad_request"),
    ("GET /", 400, "bad_request"),
    ("GET / HTTP/1.1\r\nA: b\r\n c: folded", 400, "bad_request"),
    ("GET / HTTP/1.1\r\nno colon", 400, "bad_request"),
    ("GET / HTTP/1.1\r\nIdempotency-Key: a b", 400, "bad_parameter"),
    ("GET / HTTP/3.0", 505, "bad_version"),
    ("GET / HTTP/1.1\r\nExpect: miracles", 417, "expectation_failed"),
    ("POST / HTTP/1.1\r\nContent-Length: 3000000000", 413, "body_too_long"),
    ("POST / HTTP/1.1\r\nContent-Length: 99999999999999999999", 413, "body_too_long"),
    ("POST / HTTP/1.1\r\nContent-Length: -5", 400, "bad_request"),
    ("POST / HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 5", 400, "bad_request"),
    ("POST / HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked", 400, "bad_request"),
    ("POST / HTTP/1.1\r\nTransfer-Encoding: chunked", 411, "length_required"),
];

#[test]
fn whatever_the_request_line_and_fields_say_the_answer_is_clear() {
    let bench = Bench::start(&Setup::default());
    let long = |n: usize| format!("GET /api/v1/messages?q={} HTTP/1.1", "q".repeat(n));
    let fields = format!("GET / HTTP/1.1{}", "\r\nA: b".repeat(70));
    let more = [
        (long(7_000), 200, ""),
        (long(9_000), 431, "head_too_long"),
        (fields, 431, "head_too_long"),
    ];
    let table = LINES
        .iter()
        .map(|(line, status, name)| (String::from(*line), *status, *name));
    for (line, status, name) in table.chain(more) {
        let answer = http::raw(bench.address, &head(&[&line])).unwrap();
        assert_eq!(answer.status, status, "{line}: {answer:?}");
        if !name.is_empty() {
            assert_eq!(code(&answer), name, "{line}");
        }
        if status == 405 {
            assert!(
                answer
                    .header("allow")
                    .is_some_and(|allow| allow.contains("POST"))
            );
        }
    }
    // Requests in one go are answered in their order; HEAD has no body; HTTP/1.0 ends the connection.
    let mut stream = TcpStream::connect(bench.address).unwrap();
    let requests = [
        head(&["GET /api/v1/storage HTTP/1.1"]),
        head(&["HEAD /api/v1/status HTTP/1.1"]),
        head(&[
            "POST /api/v1/messages/preview HTTP/1.1",
            "Content-Length: 12",
        ]),
        b"{\"text\":\"x\"}".to_vec(),
        head(&["GET /nowhere HTTP/1.0"]),
        head(&["GET /api/v1/storage HTTP/1.1"]),
    ];
    stream.write_all(&requests.concat()).unwrap();
    let text = until_closed(&mut stream);
    let statuses: Vec<&str> = text
        .split("HTTP/1.1 ")
        .skip(1)
        .map(|one| &one[..3])
        .collect();
    assert_eq!(statuses, ["200", "200", "200", "404"], "{text}");
    assert_eq!(text.matches("leave_free").count(), 1, "{text}");
    assert!(!text.contains("uptime_s"), "HEAD has no body: {text}");
    assert!(text.ends_with(r#""code":"not_found"}"#), "{text}");
}

#[test]
fn an_idempotency_key_gives_the_first_answer_again_even_after_a_power_cut() {
    let mut bench = Bench::start(&Setup::default());
    let post = |bench: &Bench, key: &str, text: &str| {
        let body = json!({"to": ["+12025550155", "+12025550156"], "text": text}).to_string();
        ask(
            bench,
            ("POST", "/api/v1/messages"),
            &[("Idempotency-Key", key)],
            body.as_bytes(),
        )
    };
    let ids = |answer: &Response| -> Vec<Value> {
        assert_eq!(answer.status, 202, "{answer:?}");
        let body = answer.json();
        body["messages"]
            .as_array()
            .unwrap()
            .iter()
            .map(|m| m["id"].clone())
            .collect()
    };
    let first = ids(&post(&bench, "k-1", "once"));
    assert_eq!(ids(&post(&bench, "k-1", "once")), first);
    let reused = post(&bench, "k-1", "another text");
    assert_eq!((reused.status, code(&reused).as_str()), (409, "key_reused"));
    bench.wait_air(2);
    bench.restart();
    assert_eq!(ids(&post(&bench, "k-1", "once")), first);
    assert_ne!(ids(&post(&bench, "k-2", "once")), first);
    assert_eq!(bench.wait_air(4).len(), 4);
}

#[test]
fn a_message_can_be_cancelled_while_it_waits_and_deleted_once_it_is_sent() {
    let bench = Bench::start(&Setup::default());
    bench.control("fail 100 38 +12025550100");
    let submit = |to: &str| {
        let (_, answer) = bench.api("POST", "/messages", Some(&json!({"to": to, "text": "x"})));
        format!(
            "/messages/{}",
            answer["messages"][0]["id"].as_str().unwrap()
        )
    };
    let waiting = submit("+12025550100");
    wait_until(PATIENCE, "its first try", || {
        let message = bench.api("GET", &waiting, None).1;
        message["status"] == "queued" && message["error"]["code"] == 38
    });
    let (status, message) = bench.api("DELETE", &waiting, None);
    assert_eq!((status, &message["status"]), (200, &json!("cancelled")));
    let sent = submit("+12025550155");
    wait_until(PATIENCE, "delivered", || {
        bench.api("GET", &sent, None).1["status"] == "delivered"
    });
    for gone in [&sent, &waiting] {
        assert_eq!(bench.api("DELETE", gone, None).0, 204);
        assert_eq!(bench.api("DELETE", gone, None).1["code"], "no_such_message");
        assert_eq!(bench.api("GET", gone, None).0, 404);
    }
    assert_eq!(bench.air().len(), 1);

    assert_eq!(bench.api("GET", "/healthz", None).0, 200);
    bench.control("hang on");
    wait_until(PATIENCE, "503", || {
        bench.api("GET", "/healthz", None).1["code"] == "modem_silent"
    });
    is_served(&bench);
    bench.control("hang off");
    wait_until(PATIENCE, "200", || {
        bench.api("GET", "/healthz", None).0 == 200
    });
}

/// Follows the stream after event `last` for at most `most` messages: the new `last`.
fn follow(address: SocketAddr, last: u64, most: usize, texts: &mut Vec<String>) -> u64 {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let fields = format!("Accept: text/event-stream\r\nLast-Event-ID: {last}");
    stream
        .write_all(&head(&["GET /api/v1/events HTTP/1.1", &fields]))
        .unwrap();
    let (mut seq, mut came) = (last, 0);
    for line in BufReader::new(stream).lines() {
        let line = line.unwrap();
        if let Some(id) = line.strip_prefix("id: ") {
            assert!(id.parse::<u64>().unwrap() > seq, "{id} after {seq}");
            seq = id.parse().unwrap();
        }
        let Some(data) = line.strip_prefix("data: ") else {
            continue;
        };
        let event: Value = serde_json::from_str(data).unwrap();
        assert_eq!(event["seq"], seq);
        if event["type"] == "message.received" {
            texts.push(String::from(event["data"]["text"].as_str().unwrap()));
            came += 1;
        }
        if came == most {
            break;
        }
    }
    seq
}

#[test]
fn events_by_stream_over_disconnects_and_by_long_poll_miss_and_double_nothing() {
    const COUNT: usize = 30;
    let bench = Bench::start(&Setup::default());
    let expected: Vec<String> = (0..COUNT).map(|n| format!("number {n}")).collect();
    std::thread::scope(|scope| {
        let streamed = scope.spawn(|| {
            let (mut texts, mut last) = (Vec::new(), 0);
            while texts.len() < COUNT {
                let most = (texts.len() % 4 + 1).min(COUNT - texts.len());
                last = follow(bench.address, last, most, &mut texts);
            }
            texts
        });
        let polled = scope.spawn(|| {
            let (mut texts, mut after) = (Vec::new(), Value::from(0));
            while texts.len() < COUNT {
                let path = format!("/events?after={after}&wait=30&limit=5");
                let (status, page) = bench.api("GET", &path, None);
                assert_eq!(status, 200, "{page}");
                let events = page["events"].as_array().unwrap().iter();
                let received = events.filter(|event| event["type"] == "message.received");
                texts.extend(received.map(|e| String::from(e["data"]["text"].as_str().unwrap())));
                after = page["next"].clone();
            }
            texts
        });
        for text in &expected {
            bench.control(&format!(
                "deliver {}",
                json!({"from": "+12025550155", "text": text})
            ));
        }
        assert_eq!(streamed.join().unwrap(), expected);
        assert_eq!(polled.join().unwrap(), expected);
    });
}

#[test]
fn the_unix_socket_is_its_owners_and_a_second_agent_is_refused() {
    let bench = Bench::start(&Setup::default());
    let mode = std::fs::metadata(bench.socket())
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    let mut stream = UnixStream::connect(bench.socket()).unwrap();
    stream
        .write_all(b"GET /api/v1/status HTTP/1.0\r\n\r\n")
        .unwrap();
    let status = http::read_response(&mut BufReader::new(stream)).unwrap();
    assert_eq!(status.json()["modem"]["state"], "ready");

    let path = |name: &str| bench.path(name).display().to_string();
    let second = |config: &str, socket: &str| {
        let mut line = process::agent_command();
        line.extend(
            ["run", "--config", &path(config), "--socket", &path(socket)].map(String::from),
        );
        let mut agent = Process::start(&line, &bench.path("second.log"));
        assert_eq!(agent.wait(PATIENCE), Some(1));
        let log = std::fs::read_to_string(bench.path("second.log")).unwrap();
        std::fs::remove_file(bench.path("second.log")).unwrap();
        log
    };
    let same_state = second("config", "socket2");
    assert!(
        same_state.contains("another rut-agent works in"),
        "{same_state}"
    );
    let text = std::fs::read_to_string(bench.config()).unwrap();
    std::fs::write(bench.path("config2"), text.replace("/state'", "/state2'")).unwrap();
    let same_socket = second("config2", "socket");
    assert!(
        same_socket.contains("another agent answers on"),
        "{same_socket}"
    );
    bench.control(r#"deliver {"from":"+12025550155","text":"still here"}"#);
    wait_until(PATIENCE, "the message", || inbox(&bench) == ["still here"]);
}
