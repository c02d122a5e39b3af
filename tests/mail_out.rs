//! Tests: messages that go on by mail, through the real binary — to OpenSMTPD, to aiosmtpd over TLS, and to a server that
//! refuses and breaks off as it is told.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_types,
    clippy::disallowed_methods
)]

mod support;

#[path = "mail_out/fake.rs"]
mod fake;
#[path = "mail_out/servers.rs"]
mod servers;

use std::path::Path;

use serde_json::{Value, json};

use fake::FakeServer;
use servers::{Aiosmtpd, OpenSmtpd};
use support::certificates::certificates;
use support::{Bench, PATIENCE, Setup, free_address, wait_until};

const PHONE: &str = "+37060000001";

/// An account and the target NAME that sends from it, with these options (`name value`, one a line; those of the account
/// are known by name).
fn to_smtp(name: &str, port: u16, options: &str) -> String {
    let mut target = format!(
        "config to_smtp '{name}'\n\toption enabled '1'\n\toption email_name '{name}_account'\n"
    );
    let mut account = format!(
        "config email '{name}_account'\n\toption smtp_ip '127.0.0.1'\n\toption smtp_port '{port}'\n\
         \toption senderemail 'admin@router.lan'\n"
    );
    for line in options.lines() {
        let (option, value) = line.trim().split_once(' ').unwrap();
        let (kind, section) = match option {
            "recipemail" => ("list", &mut target),
            "sender_num" | "subject" | "delete_sms" | "mode" | "group" => ("option", &mut target),
            _ => ("option", &mut account),
        };
        section.push_str(&format!("\t{kind} {option} '{value}'\n"));
    }
    target + &account
}

fn bench(sections: &[String]) -> Bench {
    Bench::start(&Setup {
        sections: sections.concat(),
        ..Setup::default()
    })
}

fn deliver(bench: &Bench, text: &str) {
    bench.control(&format!("deliver {}", json!({"from": PHONE, "text": text})));
}

fn wait_delivered(bench: &Bench, name: &str, count: u64) {
    wait_until(PATIENCE, &format!("{count} delivered to {name}"), || {
        bench.health(name)["delivered"] == count
    });
}

fn inbox(bench: &Bench) -> Vec<String> {
    let (_, page) = bench.api("GET", "/messages?box=inbox&limit=100", None);
    let messages = page["messages"].as_array().unwrap().iter();
    messages
        .map(|one| String::from(one["text"].as_str().unwrap()))
        .collect()
}

/// Target and error of every push.failed event, and what it passed over.
fn failures(bench: &Bench) -> Vec<Value> {
    let (_, page) = bench.api("GET", "/events?after=0", None);
    let events = page["events"].as_array().unwrap().iter();
    let failed = events.filter(|event| event["type"] == "push.failed");
    failed.map(|event| event["data"].clone()).collect()
}

/// The trial push: status and answer.
fn trial(bench: &Bench, name: &str) -> (u16, Value) {
    bench.api("POST", &format!("/push/{name}/test"), None)
}

#[test]
fn opensmtpd_gets_mime_and_its_550_is_no_success() {
    let server = OpenSmtpd::start();
    let bench = bench(&[
        to_smtp(
            "host",
            server.port,
            "recipemail readers@sms.lan\nrecipemail boss@sms.lan\nsender_num 1\nsubject Grüße von %rn",
        ),
        to_smtp(
            "wrong",
            server.port,
            "recipemail admin@router.lan\nsubject SMS",
        ),
    ]);
    deliver(&bench, "Tür offen 💖\n.\n..Ende");
    // Two recipients, two files.
    let mails = server.wait(2);
    println!(
        "OpenSMTPD: in \"Tür offen 💖\\n.\\n..Ende\" from {PHONE}; arrived: {:?}",
        mails[0]
    );
    for (mail, to) in mails.iter().zip(["boss", "readers"]) {
        assert!(
            mail.contains(&format!("Delivered-To: {to}@sms.lan\n")),
            "{mail}"
        );
        for header in [
            "From: <admin@router.lan>\n",
            "To: <readers@sms.lan>,\n <boss@sms.lan>\n",
            "Subject: =?utf-8?B?R3LDvMOfZSB2b24gYmVuY2g=?=\n",
            "Auto-Submitted: auto-generated\n",
            "MIME-Version: 1.0\n",
            "Content-Type: text/plain; charset=utf-8\n",
            "Content-Transfer-Encoding: quoted-printable\n",
        ] {
            assert!(mail.contains(header), "{header}{mail}");
        }
        assert!(mail.contains("Received: from bench ("), "{mail}");
        let body = format!("\n\nT=C3=BCr offen =F0=9F=92=96\n.\n..Ende\nfrom: {PHONE}\n");
        assert!(mail.ends_with(&body), "{mail}");
        assert_eq!(mail.matches("\nMessage-ID: <").count(), 1, "{mail}");
    }
    let error = bench.wait_last_error("wrong");
    assert_eq!(
        error,
        "the mail server refused the mail to admin@router.lan: 550 Invalid recipient: <admin@router.lan>"
    );
    let (status, answer) = trial(&bench, "wrong");
    assert_eq!((status, &answer["code"]), (502, &json!("push_failed")));
    assert_eq!(answer["detail"], json!(error));
    assert_eq!(
        trial(&bench, "host"),
        (200, json!({"delivered": true, "status": 250}))
    );
    let mails = server.wait(4);
    assert!(
        mails
            .iter()
            .any(|mail| mail.ends_with("\n\nrut-agent test\nfrom: bench\n")),
        "{mails:?}"
    );
}

/// An aiosmtpd for each kind of certificate.
struct Secured {
    starttls: Aiosmtpd,
    tls: Aiosmtpd,
    old: Aiosmtpd,
    other: Aiosmtpd,
}

impl Secured {
    fn start(made: &Path) -> Secured {
        Secured {
            starttls: Aiosmtpd::start("starttls", made, "signed"),
            tls: Aiosmtpd::start("tls", made, "own"),
            old: Aiosmtpd::start("starttls", made, "old"),
            other: Aiosmtpd::start("starttls", made, "other"),
        }
    }

    /// Targets that get through.
    fn good(&self, made: &Path) -> Vec<String> {
        vec![
            secured("up", &self.starttls, "starttls", &ca_file(made, "ca")),
            secured("tls", &self.tls, "tls", &ca_file(made, "own")),
            secured("ignore", &self.old, "starttls", "verify_cert ignore"),
        ]
    }

    /// Targets that do not, each with its name and what is said of it.
    fn bad(&self, made: &Path) -> Vec<(&'static str, String, &'static str)> {
        let one = |name, server, how, options: &str, why| {
            (name, secured(name, server, how, options), why)
        };
        let wrong = ca_file(made, "own") + "\npassword hushhush";
        let (ca, old) = (ca_file(made, "ca"), ca_file(made, "old"));
        let (starttls, tls) = (&self.starttls, &self.tls);
        let refused = "refused the user name or password: 535";
        vec![
            one("wrong", tls, "tls", &wrong, refused),
            one(
                "expired",
                &self.old,
                "starttls",
                &old,
                "expired at 2020-02-01",
            ),
            one("name", &self.other, "starttls", &ca, "for another name"),
            one("stranger", tls, "tls", &ca, "self-signed"),
            one(
                "system",
                starttls,
                "starttls",
                "verify_cert verify",
                "signed by nobody we know",
            ),
            one(
                "open",
                starttls,
                "none",
                "verify_cert verify",
                "offers no login",
            ),
        ]
    }
}

fn ca_file(made: &Path, name: &str) -> String {
    format!("ca_file {}/{name}.crt", made.display())
}

/// A target that logs in as `joe`.
fn secured(name: &str, server: &Aiosmtpd, how: &str, options: &str) -> String {
    let login = "recipemail a@sms.lan\nsender_num 1\ncredentials 1\nusername joe\npassword secret";
    to_smtp(
        name,
        server.port,
        &format!("{login}\nsecure_conn {how}\n{options}"),
    )
}

#[test]
fn aiosmtpd_gets_it_over_starttls_and_tls_and_every_bad_certificate_is_told() {
    let dir = certificates();
    let servers = Secured::start(dir.path());
    let bad = servers.bad(dir.path());
    let mut sections = servers.good(dir.path());
    sections.extend(bad.iter().map(|(_, section, _)| section.clone()));
    let bench = bench(&sections);
    deliver(&bench, "sealed");
    for (name, server) in [
        ("up", &servers.starttls),
        ("tls", &servers.tls),
        ("ignore", &servers.old),
    ] {
        wait_delivered(&bench, name, 1);
        let mails = server.wait();
        assert_eq!(mails.len(), 1, "{name}: nobody else got through: {mails:?}");
        let mail = &mails[0];
        println!("aiosmtpd, {name}: in \"sealed\" from {PHONE}; arrived: {mail}");
        assert_eq!(mail["helo"], "bench");
        assert_eq!(
            (&mail["secured"], &mail["login"]),
            (&json!(true), &json!(true)),
            "{name}"
        );
        assert_eq!(
            (&mail["from"], &mail["to"]),
            (&json!("admin@router.lan"), &json!(["a@sms.lan"]))
        );
        let content = mail["content"].as_str().unwrap();
        assert!(
            content.ends_with(&format!("\r\n\r\nsealed\r\nfrom: {PHONE}\r\n")),
            "{content}"
        );
    }
    for (name, _, why) in &bad {
        let error = bench.wait_last_error(name);
        assert!(error.contains(why), "{name}: {error}");
        let (status, answer) = trial(&bench, name);
        assert_eq!((status, &answer["detail"]), (502, &json!(error)), "{name}");
        assert_eq!(bench.health(name)["queued"], 1, "{name}: it is kept");
    }
    assert!(servers.other.mails().is_empty());
    assert!(!bench.log().contains("hushhush") && !bench.log().contains("aHVzaGh1c2"));
}

#[test]
fn only_the_groups_messages_go_on_and_a_target_that_is_off_can_be_tried() {
    let server = FakeServer::start();
    let group = "config phone 'known'\n\tlist tel '+37060000009'\n";
    let picky = to_smtp(
        "picky",
        server.port,
        "recipemail a@x.lan\nmode user_group\ngroup known",
    );
    let off = "config to_smtp 'off'\n";
    let silent = to_smtp("silent", server.port, "recipemail b@x.lan");
    let silent = silent.replace("enabled '1'", "enabled '0'");
    let bench = bench(&[String::from(group), picky, silent, String::from(off)]);
    deliver(&bench, "a stranger's");
    bench.control(r#"deliver {"from":"+37060000009","text":"a friend's"}"#);
    wait_delivered(&bench, "picky", 1);
    assert_eq!(server.mails()[0].body(), "a friend's\r\n");
    // One that is off sends nothing, and can be tried.
    assert_eq!(server.mails().len(), 1);
    let (status, answer) = trial(&bench, "silent");
    assert_eq!(status, 200, "{answer}");
    assert_eq!(server.mails().last().unwrap().to, ["b@x.lan"]);
    let (status, answer) = trial(&bench, "off");
    assert_eq!(
        (status, &answer["detail"]),
        (502, &json!("it has no email_name"))
    );
    assert_eq!(trial(&bench, "nobody").0, 404);
}

#[test]
fn who_has_a_mail_gets_it_no_second_time_while_others_are_put_off_or_refused() {
    let server = FakeServer::start();
    server.once("RCPT TO:<b@", "451 4.7.1 come back later");
    server.always("RCPT TO:<c@", "550 5.1.1 who is that?");
    let options = "recipemail a@x.lan\nrecipemail b@x.lan\nrecipemail c@x.lan\ndelete_sms 1";
    let mut bench = bench(&[to_smtp("three", server.port, options)]);
    deliver(&bench, "one");
    let error = bench.wait_last_error("three");
    assert_eq!(
        error,
        "the mail server put off the mail to b@x.lan: 451 4.7.1 come back later"
    );
    // What is known of `a` is on flash.
    bench.kill9();
    bench.start_agent();
    bench.wait_ready();
    wait_delivered(&bench, "three", 1);
    deliver(&bench, "two");
    wait_delivered(&bench, "three", 2);
    let mails = server.mails();
    let to: Vec<Vec<String>> = mails.iter().map(|mail| mail.to.clone()).collect();
    assert_eq!(
        to,
        [vec!["a@x.lan"], vec!["b@x.lan"], vec!["a@x.lan", "b@x.lan"]]
    );
    let ids: Vec<&str> = mails.iter().map(|mail| mail.header("Message-ID")).collect();
    assert_eq!(ids[0], ids[1], "the same mail");
    assert_ne!(ids[0], ids[2]);
    assert_eq!(mails[1].body(), "one\r\n");
    let refused = "the mail server refused the mail to c@x.lan: 550 5.1.1 who is that?";
    assert_eq!(bench.health("three")["last_error"], refused);
    let told: Vec<Value> = failures(&bench)
        .iter()
        .map(|it| it["error"].clone())
        .collect();
    assert_eq!(told, [json!(error), json!(refused), json!(refused)]);
    wait_until(PATIENCE, "delete_sms", || inbox(&bench).is_empty());
}

#[test]
fn a_mail_refused_for_good_is_reported_stays_in_the_inbox_and_holds_up_no_other() {
    let server = FakeServer::start();
    let slow = FakeServer::start();
    slow.once("", "");
    server.once(".", "554 5.7.1 looks like spam");
    let bench = bench(&[
        to_smtp("host", server.port, "recipemail a@x.lan\ndelete_sms 1"),
        to_smtp("slow", slow.port, "recipemail a@x.lan"),
    ]);
    deliver(&bench, "bad");
    deliver(&bench, "good");
    wait_delivered(&bench, "host", 1);
    wait_delivered(&bench, "slow", 2);
    assert_eq!(server.mails()[0].body(), "good\r\n");
    wait_until(PATIENCE, "delete_sms", || inbox(&bench) == ["bad"]);
    let events = failures(&bench);
    let passed: Vec<&Value> = events
        .iter()
        .filter(|it| it["passed_over"].is_u64())
        .collect();
    assert_eq!(passed.len(), 1, "{events:?}");
    assert_eq!(passed[0]["target"], "host");
    assert!(bench.log().contains("passes message"), "{}", bench.log());
}

#[test]
fn servers_that_break_off_or_talk_nonsense_get_the_mail_when_they_are_well_again() {
    let giant = "250-x\r\n".repeat(20_000) + "250 x";
    let slow_reader = "220-welcome\r\n220-to the\r\n220 fake";
    let ills = [
        (
            "greeting",
            "",
            "421 too busy",
            "refused the connection: 421 too busy",
        ),
        ("nonsense", "", "HTTP/1.1 400 Bad Request", "it is no SMTP"),
        ("giant", "EHLO", giant.as_str(), "it is too long"),
        ("ends", "RCPT", "", "closed the connection in the middle"),
        ("vanishes", ".", "", "closed the connection in the middle"),
        (
            "full",
            ".",
            "452 4.3.1 no space",
            "put off the mail to a@x.lan: 452 4.3.1 no space",
        ),
        (
            "shuts",
            "RCPT",
            "421 shutting down",
            "refused a recipient: 421 shutting down",
        ),
        (
            "denied",
            "MAIL",
            "550 not you",
            "refused the sender: 550 not you",
        ),
    ];
    let servers = ills.map(|(name, line, answer, _)| {
        let server = FakeServer::start();
        server.once(line, answer);
        server.always("", slow_reader);
        (name, server)
    });
    let sections: Vec<String> = servers
        .iter()
        .map(|(name, server)| to_smtp(name, server.port, "recipemail a@x.lan"))
        .collect();
    let bench = bench(&sections);
    deliver(&bench, "once");
    for ((name, server), (_, _, _, why)) in servers.iter().zip(ills) {
        wait_delivered(&bench, name, 1);
        assert_eq!(server.mails().len(), 1, "{name}");
        let events = failures(&bench);
        let told = events.iter().find(|it| it["target"] == *name).unwrap();
        assert!(
            told["error"].as_str().unwrap().contains(why),
            "{name}: {told}"
        );
        assert_eq!(bench.health(name)["last_error"], Value::Null);
    }
}

#[test]
fn where_starttls_is_wanted_nothing_is_said_in_the_open() {
    let bare = FakeServer::start();
    let injected = FakeServer::start();
    injected.always("EHLO", "250-fake\r\n250-AUTH PLAIN\r\n250 STARTTLS");
    injected.always("STARTTLS", "220 go on\r\n250-fake\r\n250 AUTH PLAIN");
    let options =
        "recipemail a@x.lan\nsecure_conn starttls\ncredentials 1\nusername joe\npassword secret";
    let bench = bench(&[
        to_smtp("bare", bare.port, options),
        to_smtp("injected", injected.port, options),
    ]);
    deliver(&bench, "hush");
    assert!(bench.wait_last_error("bare").contains("offers no STARTTLS"));
    assert!(
        bench
            .wait_last_error("injected")
            .contains("somebody may sit on the line")
    );
    assert_eq!(bare.lines(), ["EHLO bench"]);
    assert_eq!(injected.lines(), ["EHLO bench", "STARTTLS"]);
}

#[test]
fn fifty_mails_arrive_in_order_and_once_after_the_server_was_down_all_the_time() {
    let address = free_address();
    let section = to_smtp("host", address.port(), "recipemail a@x.lan\nsubject SMS");
    let mut bench = bench(&[section]);
    let texts: Vec<String> = (0..50).map(|number| format!("message {number}")).collect();
    for (number, text) in texts.iter().enumerate() {
        if number == 17 || number == 34 {
            bench.wait_last_error("host");
            bench.kill9();
            deliver(&bench, text);
            bench.start_agent();
            bench.wait_ready();
        } else {
            deliver(&bench, text);
        }
    }
    wait_until(PATIENCE, "all wait", || {
        bench.health("host")["queued"] == 50
    });
    bench.wait_last_error("host");
    let server = FakeServer::on(&address.to_string());
    // The pause has grown by now; a start begins without one.
    bench.restart();
    wait_delivered(&bench, "host", 50);
    let mails = server.mails();
    let bodies: Vec<&str> = mails.iter().map(|mail| mail.body().trim_end()).collect();
    assert_eq!(bodies, texts);
    let mut ids: Vec<&str> = mails.iter().map(|mail| mail.header("Message-ID")).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 50);
}
