//! Tests: mail to SMS through the real binary — Debian's Dovecot with its mails as files, and a server that lies. Never
//! tests the fine points of MIME: those have tests beside them.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_types,
    clippy::disallowed_methods
)]

#[path = "mail_in/dovecot.rs"]
mod dovecot;
#[path = "mail_in/fake.rs"]
mod fake;
mod support;

use serde_json::{Value, json};

use dovecot::Dovecot;
use fake::{Act, Fake};
use support::certificates::certificates;
use support::{Bench, PATIENCE, Setup, wait_until};

const BOSS: &str = "+12025550155";
const WIFE: &str = "+12025550177";

/// A section `pop3` for this port of 127.0.0.1, with more options as `name value` lines.
fn pop3(port: u16, more: &[&str]) -> String {
    let mut text = format!(
        "config pop3 'pop3'\n\toption enabled '1'\n\toption host '127.0.0.1'\n\toption port '{port}'\n"
    );
    let own = |name: &str| more.iter().any(|line| line.starts_with(name));
    for line in ["username joe", "password secret"].iter().chain(more) {
        let (name, value) = line.split_once(' ').unwrap();
        if more.contains(line) || !own(name) {
            text.push_str(&format!("\toption {name} '{value}'\n"));
        }
    }
    text + "\n"
}

fn bench(sections: &str) -> Bench {
    Bench::start(&Setup {
        sections: String::from(sections),
        ..Setup::default()
    })
}

/// The configuration is read anew, and with it a round begins.
fn again(bench: &Bench, sections: &str) {
    bench.write_config("", sections);
    bench.reload();
}

/// Every message on the air, its parts joined: recipient and text.
fn told(air: &[Value]) -> Vec<(String, String)> {
    let mut all: Vec<(String, String)> = Vec::new();
    for one in air {
        let text = one["text"].as_str().unwrap();
        if one["concat"]["seq"].as_u64().is_some_and(|seq| seq > 1) {
            all.last_mut().unwrap().1.push_str(text);
        } else {
            all.push((
                String::from(one["to"].as_str().unwrap()),
                String::from(text),
            ));
        }
    }
    all
}

fn wait_log(bench: &Bench, what: &str, times: usize) {
    wait_until(PATIENCE, what, || {
        bench.log().matches(what).count() >= times
    });
}

/// Name, mail, and what must arrive of it.
type Case = (&'static str, Vec<u8>, Vec<(&'static str, String)>);

fn mails() -> Vec<Case> {
    let to_boss = |text: &str| vec![(BOSS, String::from(text))];
    let picture = "--b\nContent-Type: image/jpeg\nContent-Transfer-Encoding: base64\n\n";
    let mixed = "Content-Type: multipart/mixed; boundary=b\n\n";
    let large = format!(
        "Subject: {BOSS}\n{mixed}--b\n\nthe camera saw somebody\n{picture}{}--b--\n",
        format!("{}\n", "QUJD".repeat(19)).repeat(20 * 1024 * 1024 / 77)
    );
    let long = format!("Subject: {BOSS}\n\n{}\n", "a long story ".repeat(100));
    vec![
        ("01", b"From: a@b\nSubject: +12025550155\n\n.the pump\nstands still\n\n-- \nPump 2\n".to_vec(),
            to_boss(".the pump\nstands still")),
        ("02", b"Subject: 0012025550155\nContent-Type: text/html\n\n<p>Tank <b>1</b> &amp; 2</p>\n".to_vec(),
            to_boss("Tank 1 & 2")),
        ("03", b"Subject: =?utf-8?q?+12025550155?=\nContent-Type: multipart/alternative; boundary=b\n\n\
            --b\nContent-Type: text/html\n\n<p>HTML</p>\n--b\n\nplain\n--b--\n".to_vec(), to_boss("plain")),
        ("04", b"Subject: +12025550155\nContent-Type: text/plain; charset=iso-8859-2\n\
            Content-Transfer-Encoding: base64\n\ncPjtbGm5IL5sdbtvdejr/Q==\n".to_vec(), to_boss("příliš žluťoučëý")),
        ("05", b"Subject: +12025550155\nContent-Type: text/plain; charset=utf-8\n\nbro\xFFken\n".to_vec(),
            to_boss("bro\u{fffd}ken")),
        ("06", format!("Subject: {BOSS}\n{mixed}{picture}QUJD\n--b--\n").into_bytes(), Vec::new()),
        ("07", large.into_bytes(), to_boss("the camera saw somebody")),
        ("08", b"Subject: +1 202 555 0155\n\nalmost\n".to_vec(), Vec::new()),
        ("09", b"Subject: +12025550155, 0012025550177\n\nboth of you\n".to_vec(),
            vec![(BOSS, "both of you".into()), (WIFE, "both of you".into())]),
        ("10", long.into_bytes(), to_boss(&format!("{}a lo...", "a long story ".repeat(23)))),
    ]
}

#[test]
fn dovecots_mails_become_messages_and_go_and_the_others_stay() {
    let dovecot = Dovecot::start(None);
    let mut expected: Vec<(String, String)> = Vec::new();
    for (name, mail, messages) in mails() {
        dovecot.deliver(name, &mail);
        expected.extend(
            messages
                .into_iter()
                .map(|(to, text)| (String::from(to), text)),
        );
    }
    let section = |more: &[&str]| pop3(dovecot.port, &[&["limit 2"], more].concat());
    let mut bench = bench(&section(&[]));
    let parts = expected.len() + 1;
    let mut air = told(&bench.wait_air(parts));
    air.sort_unstable();
    expected.sort_unstable();
    assert_eq!(air, expected);
    wait_until(PATIENCE, "the sent mails are gone", || {
        dovecot.mails() == ["06", "08"]
    });
    for why in [
        "is not sent and stays on the server: it has no text",
        "no phone number stays",
    ] {
        assert_eq!(bench.log().matches(why).count(), 1, "{why}");
    }
    println!(
        "10 mails in, {} messages on the air, 06 and 08 stay; the first: {:?}",
        air.len(),
        air[0]
    );

    again(&bench, &section(&["delete_other 1"]));
    wait_until(PATIENCE, "a mail for nobody goes", || {
        dovecot.mails() == ["06"]
    });
    bench.restart();
    dovecot.deliver("11", b"Subject: +12025550155\n\nafter the restart\n");
    again(&bench, &section(&[]));
    let air = bench.wait_air(parts + 1);
    assert_eq!(air.len(), parts + 1, "none was sent twice");
    assert_eq!(
        bench.log().matches("it has no text").count(),
        1,
        "it is said once"
    );
    for secret in ["pump", "story", "12025550155", "secret"] {
        assert!(
            !bench.log().contains(secret),
            "{secret} is nobody's business"
        );
    }
}

#[test]
fn the_line_is_secured_as_asked_and_nobody_is_believed_without_proof() {
    let made = certificates();
    let dir = made.path();
    let signed = Dovecot::start(Some((dir, "signed")));
    let ca = format!("ca_file {}", dir.join("ca.crt").display());
    let ca = ca.as_str();
    let mail = b"Subject: +12025550155\n\nover TLS\n";

    signed.deliver("1", mail);
    let bench = bench(&pop3(signed.port, &[ca]));
    bench.wait_air(1);
    signed.deliver("2", mail);
    again(&bench, &pop3(signed.tls_port, &["ssl 1", ca]));
    bench.wait_air(2);
    wait_until(PATIENCE, "two logins", || {
        signed.log().matches("Login: ").count() >= 2
    });
    let log = signed.log();
    let logins = log.lines().filter(|line| line.contains("Login: "));
    assert!(logins.clone().all(|line| line.contains(", TLS, ")), "{log}");

    let own = Dovecot::start(Some((dir, "own")));
    own.deliver("3", mail);
    let refused = |section: String, why: &str| {
        again(&bench, &section);
        wait_log(&bench, why, 1);
    };
    let other = Dovecot::start(Some((dir, "other")));
    let old = Dovecot::start(Some((dir, "old")));
    let old_ca = format!("ca_file {}", dir.join("old.crt").display());
    refused(pop3(own.port, &[ca]), "certificate is self-signed");
    refused(
        pop3(other.tls_port, &["ssl 1", ca]),
        "is for another name: ",
    );
    refused(
        pop3(old.tls_port, &["ssl 1", &old_ca]),
        "certificate expired at 2020-02-01",
    );
    refused(
        pop3(old.port, &["ssl 1", ca]),
        "does not speak TLS on this port",
    );
    refused(
        pop3(signed.port, &["password wrong1", ca]),
        "refuses PASS and says: [AUTH]",
    );
    assert!(!bench.log().contains("wrong1"));
    for dovecot in [&own, &other, &old] {
        assert!(
            !dovecot.log().contains("Login: "),
            "no password was shown to them"
        );
    }
    assert_eq!(
        (own.mails(), bench.air().len()),
        (vec![String::from("3")], 2)
    );

    again(&bench, &pop3(own.port, &["ssl_verify 0"]));
    assert_eq!(told(&bench.wait_air(3))[2].1, "over TLS");
    println!(
        "4 servers, STLS and TLS: 3 mails in, 3 messages on the air; 5 refusals, no password shown"
    );
}

const MAIL: &str = "Subject: +12025550155\n\nonce\n";

fn say(text: &str) -> Act {
    Act::Say(String::from(text))
}

/// Each lie, and what the log says of it.
fn lies() -> Vec<(&'static str, Act, &'static str)> {
    let close = |text: &str| Act::SayAndClose(String::from(text));
    vec![
        ("", say("SSH-2.0-OpenSSH\r\n"), "does not speak POP3"),
        ("", close(""), "closed the connection at the greeting"),
        (
            "",
            say("-ERR [SYS/TEMP] busy\r\n"),
            "refuses the greeting and says: [SYS/TEMP] busy",
        ),
        ("", Act::Flood("+"), "does not speak POP3"),
        ("CAPA", say("+OK\r\nSTLS\r\n.\r\n"), "TLS: "),
        ("USER", say("-ERR who?\r\n"), "refuses USER and says: who?"),
        ("PASS", close("-ER"), "closed the connection at PASS"),
        ("UIDL", say("-ERR no\r\n"), "refuses UIDL"),
        (
            "UIDL",
            Act::Flood("1 a\r\n"),
            "the answer to UIDL is longer than 2 MB",
        ),
        ("UIDL", close("+OK\r\n1 a"), "closed the connection at UIDL"),
        (
            "TOP 1 0",
            close("+OK\r\nSubject: +1202"),
            "closed the connection at TOP",
        ),
        (
            "TOP 1 8",
            close("+OK\r\nSubject: +12025550155\r\n\r\nhalf"),
            "closed the connection at TOP",
        ),
        (
            "TOP",
            Act::Flood("all work and no play\r\n"),
            "the answer to TOP is longer than 2 MB",
        ),
    ]
}

#[test]
fn a_lying_server_is_survived_and_its_mail_sent_once_when_it_comes_to_its_senses() {
    let fake = Fake::start();
    let section = pop3(fake.port, &[]);
    let bench = bench(&section);
    for (at, act, why) in lies() {
        fake.set(&[("a", MAIL)], &[(at, act)]);
        let before = bench.log().matches(why).count();
        again(&bench, &section);
        wait_log(&bench, why, before + 1);
        assert!(
            bench
                .log()
                .contains("fetching from 127.0.0.1 failed, next try in 1 min")
        );
    }
    assert_eq!(bench.air().len(), 0);

    // STLS is offered and taken, and then there is no TLS: no password goes out.
    fake.set(
        &[("a", MAIL)],
        &[
            ("CAPA", say("+OK\r\nSTLS\r\n.\r\n")),
            ("STLS", say("-ERR later\r\n")),
        ],
    );
    again(&bench, &section);
    wait_log(&bench, "refuses STLS and says: later", 1);
    fake.set(
        &[("a", MAIL)],
        &[
            ("CAPA", say("+OK\r\nSTLS\r\n.\r\n")),
            ("STLS", say("+OK\r\n+OK\r\n+OK\r\n")),
        ],
    );
    again(&bench, &section);
    let commands = fake.wait("STLS");
    assert_eq!(commands, ["CAPA", "STLS"], "nothing was said in clear text");

    // A server without TOP, one mail twice, numbers that are none.
    let uidl = "+OK 99 messages\r\n0 z\r\n1 a\r\n1 a\r\nx y\r\n2 a\r\n7 gone\r\n.\r\n";
    let no_top = ("TOP", say("-ERR unknown command\r\n"));
    fake.set(
        &[("a", MAIL), ("a", MAIL)],
        &[
            ("UIDL", say(uidl)),
            no_top,
            ("RETR 7", say("-ERR none\r\n")),
        ],
    );
    again(&bench, &section);
    fake.wait("QUIT");
    assert_eq!(bench.wait_air(1).len(), 1);
    wait_until(PATIENCE, "both are gone", || fake.mails().is_empty());
    wait_log(&bench, "the server refuses RETR and says: none", 1);
}

#[test]
fn a_server_that_says_nothing_holds_up_nobody() {
    let fake = Fake::start();
    fake.set(&[], &[("", Act::Silence)]);
    let bench = bench(&pop3(fake.port, &[]));
    let (status, _) = bench.api(
        "POST",
        "/messages",
        Some(&json!({"to": BOSS, "text": "meanwhile"})),
    );
    assert_eq!((status, bench.wait_air(1).len()), (202, 1));
    fake.set(&[("a", MAIL)], &[]);
    again(&bench, &pop3(fake.port, &[]));
    assert_eq!(told(&bench.wait_air(2))[1].1, "once");
    fake.set(&[("b", MAIL)], &[("UIDL", Act::Silence)]);
    again(&bench, &pop3(fake.port, &[]));
    fake.wait("UIDL");
    let mut bench = bench;
    assert_eq!(
        bench.terminate(),
        Some(0),
        "it stops in the middle of a round, too"
    );
}

#[test]
fn a_mail_is_sent_once_though_the_agent_dies_before_it_is_deleted() {
    let fake = Fake::start();
    let mut bench = bench(&pop3(fake.port, &[]));
    for (round, at) in ["DELE", "QUIT"].into_iter().enumerate() {
        let uid = format!("uid-{round}");
        fake.set(&[(&uid, MAIL)], &[(at, Act::Silence)]);
        again(&bench, &pop3(fake.port, &[]));
        fake.wait(at);
        // Killed in the middle of handing it over, it would be unconfirmed and rightly never sent again.
        bench.wait_air(round + 1);
        bench.kill9();
        fake.set(&[(&uid, MAIL)], &[]);
        bench.start_agent();
        bench.wait_ready();
        let commands = fake.wait("QUIT");
        assert!(
            !commands.iter().any(|command| command.starts_with("TOP")),
            "{commands:?}"
        );
        wait_until(PATIENCE, "it is deleted", || fake.mails().is_empty());
        let again = bench.wait_air(round + 1);
        assert_eq!(again.len(), round + 1, "{again:?}");
    }
    // A server that never deletes is not sent from twice either.
    fake.set(&[("c", MAIL)], &[("DELE", say("-ERR read-only\r\n"))]);
    for _round in 0..3 {
        again(&bench, &pop3(fake.port, &[]));
        fake.wait("QUIT");
        fake.set(&[("c", MAIL)], &[("DELE", say("-ERR read-only\r\n"))]);
    }
    assert_eq!(bench.wait_air(3).len(), 3);
    // What the server lists no more is forgotten: the same id is another mail.
    fake.set(&[], &[]);
    again(&bench, &pop3(fake.port, &[]));
    fake.wait("QUIT");
    fake.set(&[("c", MAIL)], &[]);
    again(&bench, &pop3(fake.port, &[]));
    assert_eq!(bench.wait_air(4).len(), 4);
}

#[test]
fn limits_hold_for_mails_too() {
    let fake = Fake::start();
    let limits = |lines: &str| format!("config limits 'limits'\n{lines}\n{}", pop3(fake.port, &[]));
    let both = "Subject: +12025550155 +12025550177\n\nhi\n";
    fake.set(&[("a", both), ("b", MAIL)], &[]);
    let bench = bench(&limits(
        "\toption per_hour '2'\n\tlist deny '+12025550177'\n",
    ));
    bench.wait_air(2);
    fake.wait("QUIT");
    assert!(told(&bench.air()).iter().all(|(to, _)| to == BOSS));
    wait_until(PATIENCE, "both are gone", || fake.mails().is_empty());

    fake.set(
        &[("c", &both.replace(BOSS, "")), ("d", MAIL), ("e", MAIL)],
        &[],
    );
    again(
        &bench,
        &limits("\toption per_hour '2'\n\tlist deny '+12025550177'\n"),
    );
    wait_log(&bench, "limits allow none of its recipients", 1);
    wait_log(&bench, "a message is refused: limits.per_hour allows 2", 1);
    fake.wait("QUIT");
    assert_eq!(fake.mails(), ["c", "d", "e"], "what cannot be sent stays");
    again(&bench, &limits("\toption per_hour '4'\n"));
    bench.wait_air(4);
    wait_until(PATIENCE, "d and e are gone", || fake.mails() == ["c"]);
    assert_eq!(bench.log().matches("limits allow none").count(), 1);

    let asleep = "config phone 'nobody'\n\tlist tel '+1'\n";
    again(&bench, asleep);
    wait_log(&bench, "is in force", 3);
    fake.set(&[("f", MAIL)], &[]);
    again(&bench, asleep);
    wait_log(&bench, "is in force", 4);
    bench.api("POST", "/messages", Some(&json!({"to": BOSS, "text": "x"})));
    assert_eq!(told(&bench.wait_air(5))[4].1, "x", "disabled means asleep");
    assert_eq!(fake.mails(), ["f"]);
}
