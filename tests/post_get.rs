//! Tests: RutOS's old Post/Get interface through the real agent, with the clients that used it — curl and BSD's ftp —
//! and answers to the letter.
#![allow(clippy::disallowed_types, clippy::disallowed_methods)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

#[path = "post_get/router.rs"]
mod router;
mod support;

use std::net::SocketAddr;
use std::process::Command;

use serde_json::{Value, json};

use support::{Bench, PATIENCE, Setup, free_address, http, wait_until};

const LOGIN: &str = "username=user1&password=secret_7";
const WRONG: &str = "username=user1&password=secret_8";

struct Old {
    bench: Bench,
    address: SocketAddr,
    sections: String,
}

impl Old {
    fn start(more: &str) -> Old {
        Old::prepare(more, None).go()
    }

    /// Without its agent. `pin`: the SIM asks for it.
    fn prepare(more: &str, pin: Option<&'static str>) -> Old {
        // Not the API's address: a client that knocks too early must not take the port it knocks at.
        let address = SocketAddr::from(([127, 0, 0, 2], free_address().port()));
        let sections = format!(
            "config post_get 'post_get'\n\toption enabled '1'\n\tlist listen '{address}'\n\toption username 'user1'\n\
             \toption password 'secret_7'\n{more}\n"
        );
        let setup = Setup {
            sections: sections.clone(),
            pin,
            ..Setup::default()
        };
        Old {
            bench: Bench::sim_only(&setup),
            address,
            sections,
        }
    }

    /// Starts its agent, which must not be running.
    fn go(mut self) -> Old {
        self.bench.start_agent();
        self.bench.wait_ready();
        wait_until(PATIENCE, "Post/Get", || self.listens());
        self
    }

    fn listens(&self) -> bool {
        std::net::TcpStream::connect(self.address).is_ok()
    }

    fn url(&self, call: &str) -> String {
        format!("http://{}/cgi-bin/{call}", self.address)
    }

    /// GET with user name and password: the answer's body.
    fn get(&self, call: &str, more: &str) -> String {
        let (status, body) = curl(&[&self.url(&format!("{call}?{LOGIN}{more}"))]);
        assert_eq!(status, 200, "{call} {more}: {body}");
        body
    }

    fn receive(&self, from: &str, text: &str) {
        let message = json!({"from": from, "text": text});
        let before = self.inbox().len();
        self.bench.control(&format!("deliver {message}"));
        wait_until(PATIENCE, "the message", || self.inbox().len() > before);
    }

    fn inbox(&self) -> Vec<Value> {
        let (_, page) = self.bench.api("GET", "/messages", None);
        page["messages"].as_array().unwrap().clone()
    }

    /// A record without its dashes, with the date the API knows.
    fn record(&self, at: usize, status: &str) -> String {
        let message = &self.inbox()[at];
        let text = |name: &str| String::from(message[name].as_str().unwrap());
        let sent = Command::new("date")
            .args(["-u", "-d", &text("sent_at"), "+%a %b %e %H:%M:%S %Y"])
            .env("LC_ALL", "C")
            .output()
            .unwrap();
        format!(
            "Index: {}\nDate: {}\nSender: {}\nText: {}\nStatus: {status}\n",
            text("id"),
            String::from_utf8(sent.stdout).unwrap().trim_end(),
            text("from"),
            text("text"),
        )
    }
}

/// curl's view: status and body.
fn curl(arguments: &[&str]) -> (u16, String) {
    let done = Command::new("curl")
        .args(["-s", "-g", "-m", "60", "-w", "%{stderr}%{http_code}"])
        .args(arguments)
        .output()
        .expect("curl is installed");
    let status = String::from_utf8(done.stderr).unwrap();
    (
        status.parse().unwrap_or_else(|_| panic!("{status}")),
        String::from_utf8(done.stdout).unwrap(),
    )
}

/// BSD's ftp, as on OpenBSD: its exit code and what it wrote to its output.
fn tnftp(url: &str) -> (Option<i32>, String) {
    let done = Command::new("tnftp")
        .args(["-V", "-o", "-", url])
        .output()
        .expect("tnftp is installed");
    (done.status.code(), String::from_utf8(done.stdout).unwrap())
}

#[test]
fn bsd_ftp_sends_blanks_and_an_emoji_raw_and_one_ucs2_message_goes_out() {
    let old = Old::start("");
    let url = old.url(&format!(
        "sms_send?{LOGIN}&number=0012025550155&text=a b 💖"
    ));
    assert_eq!(tnftp(&url), (Some(0), String::from("OK")));
    let air = old.bench.wait_air(1);
    assert_eq!(
        (&air[0]["to"], &air[0]["text"], &air[0]["alphabet"]),
        (&json!("+12025550155"), &json!("a b 💖"), &json!("ucs2")),
        "{air:?}"
    );
    let (_, sent) = old.bench.api("GET", "/messages?box=sent", None);
    assert_eq!(sent["messages"][0]["parts"], 1, "{sent}");
    assert_eq!(sent["messages"].as_array().unwrap().len(), 1);
    old.receive("+12025550156", "grüß dich, 💖");
    let list = old.url(&format!("sms_list?{LOGIN}"));
    let dashes = "-".repeat(30);
    let expected = format!("{}{dashes}\n", old.record(0, "unread"));
    assert_eq!(tnftp(&list), (Some(0), expected));
}

#[test]
fn messages_are_listed_read_counted_and_deleted_to_the_letter() {
    let mut old = Old::start("");
    assert_eq!(old.get("sms_list", ""), "");
    assert_eq!(old.get("sms_total", ""), "Used: 0\nTotal: 50\n");
    old.receive("+12025550155", "first");
    old.receive("Tarifinfo", "second\nof two lines");
    let dashes = "-".repeat(30);
    let list = |old: &Old, statuses: [&str; 2]| {
        let records = (0..)
            .zip(statuses)
            .map(|(at, status)| old.record(at, status));
        records
            .map(|one| {
                format!(
                    "{one}{dashes}
"
                )
            })
            .collect::<String>()
    };
    assert_eq!(old.get("sms_list", ""), list(&old, ["unread", "unread"]));
    wait_until(PATIENCE, "two slots", || {
        old.get("sms_total", "") == "Used: 2\nTotal: 50\n"
    });
    let index = |old: &Old, at: usize| String::from(old.inbox()[at]["id"].as_str().unwrap());
    let second = index(&old, 1);
    let number = format!("&number={second}");
    assert_eq!(old.get("sms_read", &number), old.record(1, "unread"));
    assert_eq!(old.get("sms_read", &number), old.record(1, "read"));
    let new = format!("{}{dashes}\n", old.record(0, "unread"));
    assert_eq!(old.get("sms_list", "&state=new"), new);
    let read = format!("{}{dashes}\n", old.record(1, "read"));
    assert_eq!(old.get("sms_list", "&state=read"), read);
    assert_eq!(old.get("sms_list", "&state=x"), "Unknown state argument");
    // OK is on flash; the index is the message's over a power cut, and after others are gone.
    assert_eq!(old.get("sms_send", "&number=112&text=kept"), "OK");
    old.bench.restart();
    let (_, sent) = old.bench.api("GET", "/messages?box=sent", None);
    assert_eq!(sent["messages"][0]["text"], "kept", "{sent}");
    wait_until(PATIENCE, "Post/Get", || old.listens());
    assert_eq!(
        old.get("sms_list", "&state=all"),
        list(&old, ["unread", "read"])
    );
    let first = format!("&number={}", index(&old, 0));
    assert_eq!(old.get("sms_delete", &first), "OK");
    assert_eq!(old.get("sms_delete", &first), "WRONG_NUMBER");
    assert_eq!(old.get("sms_list", ""), read);
    wait_until(PATIENCE, "a free slot", || {
        old.get("sms_total", "") == "Used: 1\nTotal: 50\n"
    });
    assert_eq!(old.get("sms_read", &number), old.record(0, "read"));
    for none in [&first, "&number=999", "&number=x", "&number=-1", ""] {
        assert_eq!(old.get("sms_read", none), "out of range", "{none}");
        assert_eq!(old.get("sms_delete", none), "WRONG_NUMBER", "{none}");
    }
}

const GROUPS: &str = "\nconfig phone 'family'\n\tlist tel '+12025550101'\n\tlist tel '0012025550102'\n\
                      \tlist tel '0012025550101'\n\nconfig phone 'nobody'\n";

#[test]
fn what_cannot_be_sent_is_told_in_rutos_words() {
    let old = Old::start(GROUPS);
    for (more, said) in [
        ("", "\"number\" or \"group\" parameter is required"),
        ("&text=a", "\"number\" or \"group\" parameter is required"),
        ("&number=0012025550155", "\"text\" parameter is required"),
        (
            "&number=0012025550155&text=",
            "\"text\" parameter is required",
        ),
        ("&number=mum&text=a", "WRONG_NUMBER"),
        ("&number=12a4&text=a", "WRONG_NUMBER"),
        ("&number=123456789012345678901&text=a", "WRONG_NUMBER"),
        ("&group=friends&text=a", "Group not found"),
        ("&group=nobody&text=a", "Phone group is empty"),
    ] {
        assert_eq!(old.get("sms_send", more), said, "{more}");
    }
    assert_eq!(old.bench.air().len(), 0);
}

#[test]
fn limits_refuse_in_plain_words_and_tell_of_eighty_percent() {
    let old = Old::start("\nconfig limits 'limits'\n\toption per_hour '5'\n\tlist deny '+1900'\n");
    let send = |number: &str| {
        let call = format!("sms_send?{LOGIN}&number={number}&text=a");
        curl(&[&old.url(&call)])
    };
    let (status, said) = send("0019005550155");
    assert_eq!(status, 403, "{said}");
    assert!(said.contains("limits") && !said.contains('{'), "{said}");
    for _ in 0..4 {
        assert_eq!(send("0012025550155"), (200, String::from("OK")));
    }
    let (_, page) = old.bench.api("GET", "/events?after=0", None);
    let events = page["events"].as_array().unwrap().iter();
    let reached = events.filter(|event| event["type"] == "limit.reached");
    let levels: Vec<&Value> = reached.map(|event| &event["data"]["percent"]).collect();
    assert_eq!(levels, [80], "{page}");
    assert_eq!(send("0012025550155").0, 200);
    let (status, said) = send("0012025550155");
    assert_eq!(status, 429, "{said}");
    assert!(said.contains("per_hour") && !said.contains('{'), "{said}");
}

#[test]
fn numbers_groups_and_long_texts_are_sent_and_what_is_too_long_is_refused_clearly() {
    let old = Old::start(GROUPS);
    let send = |more: &str| old.get("sms_send", more);
    assert_eq!(send("&number=%2B12025550155&text=one"), "OK");
    assert_eq!(send("&number=+12025550155&text=two"), "OK");
    assert_eq!(send("&group=family&text=three&modem=1-1"), "OK");
    let url = old.url("sms_send");
    let form = |text: &str| {
        let text = format!("text={text}");
        let fields = [LOGIN, "number=0012025550155"].join("&");
        curl(&["-d", &fields, "--data-urlencode", &text, &url])
    };
    assert_eq!(form("four & 100% grüß"), (200, String::from("OK")));
    let long = "0123456789".repeat(2_000);
    assert_eq!(form(&long), (200, String::from("OK")));
    // 20,000 characters are 131 parts of 153.
    let air = old.bench.wait_air(5 + 131);
    let said: Vec<(&str, &str)> = air[..5]
        .iter()
        .map(|one| (one["to"].as_str().unwrap(), one["text"].as_str().unwrap()))
        .collect();
    assert_eq!(
        said,
        [
            ("+12025550155", "one"),
            ("+12025550155", "two"),
            ("+12025550101", "three"),
            ("+12025550102", "three"),
            ("+12025550155", "four & 100% grüß"),
        ]
    );
    let rest: String = air[5..]
        .iter()
        .map(|one| one["text"].as_str().unwrap())
        .collect();
    assert_eq!(rest, long);
    // What RutOS had no words for says so, by its status as well.
    let refused = |answer: (u16, String), status: u16, words: &str| {
        assert_eq!(answer.0, status, "{}", answer.1);
        assert!(answer.1.contains(words), "{}", answer.1);
    };
    let query = |text: &str| format!("{url}?{LOGIN}&number=0012025550155&text={text}");
    refused(curl(&[&query(&long)]), 431, "8,192 bytes");
    refused(curl(&[&query("gr%FC%DF")]), 400, "text is not UTF-8");
    refused(form(&"Ж".repeat(20_000)), 413, "65,536 bytes");
    refused(form(&"9".repeat(50_000)), 422, "parts");
    refused(curl(&["-I", &query("head")]), 405, "");
    refused(curl(&["-X", "PUT", &query("put")]), 405, "GET or POST");
    assert_eq!(old.bench.air().len(), 5 + 131);
}

#[test]
fn strangers_are_told_so_slowed_down_and_shut_out_and_nobody_logs_what_they_tried() {
    let old = Old::start("\tlist allow 'sms_send'\n\tlist allow 'mobile_data'\n");
    let url = |call: &str, login: &str| old.url(&format!("{call}?{login}"));
    for call in ["sms_list", "sms_read", "sms_total", "sms_delete"] {
        let (status, said) = curl(&[&url(call, LOGIN)]);
        assert_eq!(status, 405, "{said}");
        assert!(said.contains("list allow"), "{said}");
    }
    assert_eq!(curl(&[&url("mobile_sim_pin", LOGIN)]).0, 405);
    for call in ["mobile", "", "sms_send/x"] {
        assert_eq!(curl(&[&url(call, LOGIN)]).0, 404, "{call}");
    }
    let no = (401, String::from("Bad username or password"));
    assert_eq!(curl(&[&url("sms_send", "")]), no);
    assert_eq!(curl(&["-d", WRONG, &url("sms_send", "")]), no);
    let (code, said) = tnftp(&url("sms_send", WRONG));
    assert!(code != Some(0) && said.is_empty(), "{code:?} {said}");
    let answer = http::request(old.address, "GET", "/cgi-bin/sms_send", &[], b"").unwrap();
    assert_eq!(
        answer.header("content-type"),
        Some("text/plain;charset=utf-8")
    );
    assert_eq!(answer.header("www-authenticate"), None);
    // The right one is forgiven; ten in a row are not, and the other entrance is none the wiser.
    assert_eq!(curl(&[&url("sms_send", LOGIN)]).0, 200);
    std::thread::scope(|scope| {
        for _ in 0..10 {
            scope.spawn(|| assert_eq!(curl(&[&url("sms_send", WRONG)]).0, 401));
        }
    });
    let (status, said) = curl(&[&url("sms_send", LOGIN)]);
    assert_eq!(status, 429, "{said}");
    assert_eq!(old.bench.api("GET", "/status", None).0, 200);
    let log = old.bench.log();
    assert!(log.contains("post_get: 127.0.0.1 gave ten wrong passwords and is shut out"));
    assert!(!log.contains("secret_"), "a password is in the log");
}

#[test]
fn a_disabled_interface_has_no_listener_and_a_changed_one_follows() {
    let old = Old::start("");
    let off = old.sections.replace("enabled '1'", "enabled '0'");
    old.bench.write_config("", &off);
    old.bench.reload();
    wait_until(PATIENCE, "no listener", || !old.listens());
    let other = old.sections.replace("secret_7", "another");
    old.bench.write_config("", &other);
    old.bench.reload();
    wait_until(PATIENCE, "a listener", || old.listens());
    assert_eq!(curl(&[&old.url(&format!("sms_total?{LOGIN}"))]).0, 401);
    let url = old.url("sms_total?username=user1&password=another");
    assert_eq!(curl(&[&url]).0, 200);
    // The JSON API is not behind this door, nor Post/Get behind the other.
    assert_eq!(
        curl(&[&format!(
            "http://{}/api/v1/status?username=user1&password=another",
            old.address
        )])
        .0,
        404
    );
    let (status, _) = curl(&[&format!(
        "http://{}/cgi-bin/sms_total?username=user1&password=another",
        old.bench.address
    )]);
    assert_eq!(status, 401);
}
