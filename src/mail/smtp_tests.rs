//! Tests: conversations with mail servers, reply by reply, and servers that stop in the middle of one.
#![allow(clippy::disallowed_types)]

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::send;
use super::smtp_reply::{Parsed, Reply, parse};
use super::smtp_talk::{Mail, Step, Talk, Verdict};
use crate::config::{Email, Security};
use crate::net::Dialer;

fn account(security: Security, login: bool) -> Email {
    Email {
        host: String::from("mail.lan"),
        security,
        login: login.then(|| (String::from("us\u{e9}r"), String::from("secret"))),
        sender: String::from("r@lan"),
        ..Email::default()
    }
}

fn mail() -> Mail {
    Mail {
        to: vec![String::from("a@b"), String::from("c@d")],
        content: b"Subject: x\r\n\r\n.hidden\r\n..\r\n".to_vec(),
    }
}

fn reply(text: &str) -> Reply {
    let bytes = text.replace('|', "\r\n") + "\r\n";
    match parse(bytes.as_bytes()) {
        Parsed::Got(reply, used) if used == bytes.len() => reply,
        other @ (Parsed::Got(..) | Parsed::NotYet | Parsed::Bad(_)) => panic!("{text}: {other:?}"),
    }
}

/// What is said after each of these replies (`|` parts their lines), and how it ends: words of the verdicts.
fn converse(account: &Email, replies: &[&str]) -> (Vec<String>, String) {
    let mail = mail();
    let mut talk = Talk::new(account, "the boat", &mail);
    let mut said = Vec::new();
    for (turn, text) in replies.iter().enumerate() {
        let mut step = match talk.on(&reply(text)) {
            Ok(step) => step,
            Err(failure) => return (said, format!("{failure:?}")),
        };
        if step == Step::Secure {
            said.push(String::from("(TLS)"));
            step = talk.secured();
        }
        match step {
            Step::Say(words) => {
                assert!(words.ends_with(b"\r\n"));
                said.push(String::from(String::from_utf8(words).unwrap().trim_end()));
            }
            Step::Secure => panic!("secured twice"),
            Step::Over => {
                assert_eq!(turn + 1, replies.len(), "over too early");
                return (said, format!("{:?}", talk.verdicts()));
            }
        }
    }
    (said, String::from("(waits)"))
}

const OPEN: &str = "250-mail.lan|250-SIZE 1000|250-8BITMIME|250-AUTH LOGIN PLAIN|250 STARTTLS";

#[test]
fn a_mail_goes_to_both_with_its_dots_doubled() {
    let account = account(Security::None, false);
    let replies = [
        "220 hi",
        OPEN,
        "250 ok",
        "250 ok",
        "251 ok",
        "354 go",
        "250 taken",
    ];
    let (said, end) = converse(&account, &replies);
    assert_eq!(
        said,
        [
            "EHLO the-boat",
            "MAIL FROM:<r@lan> SIZE=27",
            "RCPT TO:<a@b>",
            "RCPT TO:<c@d>",
            "DATA",
            "Subject: x\r\n\r\n..hidden\r\n...\r\n."
        ]
    );
    assert_eq!(end, "[Taken, Taken]");
    for cut in 0..replies.len() {
        assert_eq!(converse(&account, &replies[..cut]).1, "(waits)");
    }
}

#[test]
fn starttls_comes_before_anything_else_and_what_was_offered_before_counts_no_more() {
    let account = account(Security::StartTls, true);
    let (said, end) = converse(
        &account,
        &[
            "220 hi",
            OPEN,
            "220 go",
            "250-x|250 AUTH=LOGIN",
            "334 VXNlcm5hbWU6",
            "334 UGFzc3dvcmQ6",
            "235 in",
            "250 ok",
        ],
    );
    assert_eq!(
        said,
        [
            "EHLO the-boat",
            "STARTTLS",
            "(TLS)",
            "EHLO the-boat",
            "AUTH LOGIN",
            "dXPDqXI=",
            "c2VjcmV0",
            "MAIL FROM:<r@lan>",
            "RCPT TO:<a@b>"
        ]
    );
    assert_eq!(end, "(waits)");
}

#[test]
fn nothing_is_said_in_the_open_where_starttls_was_wanted() {
    let account = account(Security::StartTls, true);
    for (replies, why) in [
        (vec!["220 hi", "250-x|250 AUTH PLAIN"], "NoStartTls"),
        (vec!["220 hi", "502 what?", "250 x"], "NoStartTls"),
        (
            vec!["220 hi", OPEN, "454 not now"],
            "Refused(\"STARTTLS\", \"454 not now\")",
        ),
    ] {
        let (said, end) = converse(&account, &replies);
        assert_eq!(end, why);
        assert!(
            said.iter()
                .all(|line| !line.starts_with("AUTH") && !line.starts_with("MAIL"))
        );
    }
}

#[test]
fn a_login_is_by_plain_where_it_can_be_and_a_refusal_ends_it() {
    let secure = account(Security::Tls, true);
    let (said, end) = converse(&secure, &["220 hi", OPEN, "535 5.7.8 wrong"]);
    assert_eq!(
        said[1],
        format!("AUTH PLAIN {}", STANDARD.encode("\0us\u{e9}r\0secret"))
    );
    assert_eq!(
        end,
        "Refused(\"the user name or password\", \"535 5.7.8 wrong\")"
    );
    for none in ["250 x", "250-x|250 AUTH CRAM-MD5", "250-x|250 AUTH"] {
        assert_eq!(converse(&secure, &["220 hi", none]).1, "NoLogin");
    }
    // In the open where the owner wants it so.
    let open = converse(&account(Security::None, true), &["220 hi", OPEN, "235 in"]);
    assert_eq!(open.0[2], "MAIL FROM:<r@lan> SIZE=27");
    // No password is said to a server that asks for something else.
    let odd = converse(&secure, &["220 hi", "250-x|250 AUTH LOGIN", "250 ok"]);
    assert!(odd.1.starts_with("Refused"), "{odd:?}");
}

#[test]
fn an_old_server_is_greeted_with_helo() {
    let (said, _) = converse(
        &account(Security::None, false),
        &["220 hi", "500 what?", "250 x"],
    );
    assert_eq!(
        said,
        ["EHLO the-boat", "HELO the-boat", "MAIL FROM:<r@lan>"]
    );
    let (_, end) = converse(
        &account(Security::None, true),
        &["220 hi", "500 what?", "250 x"],
    );
    assert_eq!(end, "NoLogin");
}

#[test]
fn each_recipient_has_a_verdict_by_its_code() {
    let account = account(Security::None, false);
    let upto = |more: &[&str]| {
        let mut all = vec!["220 hi", "250 x", "250 ok"];
        all.extend(more);
        converse(&account, &all)
    };
    let never = "Never(\"550 who?\")";
    let later = "Later(\"451 wait\")";
    for (replies, end) in [
        (
            vec!["550 who?", "250 ok", "354 go", "250 ok"],
            format!("[{never}, Taken]"),
        ),
        (
            vec!["451 wait", "250 ok", "354 go", "250 ok"],
            format!("[{later}, Taken]"),
        ),
        (vec!["451 wait", "550 who?"], format!("[{later}, {never}]")),
        (
            vec!["550 who?", "250 ok", "354 go", "451 wait"],
            format!("[{never}, {later}]"),
        ),
        (
            vec!["250 ok", "250 ok", "354 go", "550 who?"],
            format!("[{never}, {never}]"),
        ),
        (
            vec!["250 ok", "250 ok", "451 wait"],
            format!("[{later}, {later}]"),
        ),
    ] {
        let (said, ended) = upto(&replies);
        assert_eq!(ended, end, "{replies:?}");
        let data = said.iter().any(|line| line == "DATA");
        assert_eq!(data, replies.contains(&"250 ok"), "no DATA for nobody");
    }
}

#[test]
fn a_mail_over_the_servers_size_is_refused_by_either_of_us() {
    let account = account(Security::None, false);
    let small = converse(&account, &["220 hi", "250-x|250 SIZE 20"]);
    assert!(
        small
            .1
            .starts_with("[Never(\"the server takes mails of 20 bytes"),
        "{small:?}"
    );
    let told = converse(&account, &["220 hi", "250-x|250 SIZE", "552 too big"]);
    assert_eq!(told.0[1], "MAIL FROM:<r@lan> SIZE=27");
    assert!(
        told.1.starts_with("[Never(\"552 too big\"), Never"),
        "{told:?}"
    );
}

#[test]
fn a_server_that_goes_away_has_refused_nobody() {
    let account = account(Security::None, false);
    let whole = [
        "220 hi", OPEN, "250 ok", "250 ok", "250 ok", "354 go", "250 ok",
    ];
    for turn in 0..whole.len() {
        let mut replies = whole[..turn].to_vec();
        replies.push("421 shutting down");
        let (_, end) = converse(&account, &replies);
        assert!(end.starts_with("Refused"), "{turn}: {end}");
    }
    let refused = converse(&account, &["220 hi", OPEN, "550 5.7.1 sender denied"]);
    assert_eq!(
        refused.1,
        "Refused(\"the sender\", \"550 5.7.1 sender denied\")"
    );
    assert!(
        converse(&account, &["554 no service"])
            .1
            .starts_with("Refused")
    );
}

#[test]
fn a_router_without_a_usable_name_has_one_all_the_same() {
    let (account, mail) = (account(Security::None, false), mail());
    let mut talk = Talk::new(&account, "..", &mail);
    let said = talk.on(&reply("220 hi")).unwrap();
    assert_eq!(said, Step::Say(b"EHLO rut-agent\r\n".to_vec()));
}

/// A server that says these bytes, as if each came alone, and then nothing more, with the line open.
async fn mute_after(said: &'static str) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        for byte in said.as_bytes() {
            let _client_may_be_gone = stream.write_all(&[*byte]).await;
            tokio::task::yield_now().await;
        }
        let mut heard = Vec::new();
        let _until_the_client_leaves = stream.read_to_end(&mut heard).await;
    });
    port
}

#[tokio::test]
async fn a_server_that_falls_silent_is_left_after_the_patience_wherever_it_does() {
    let replies = [
        "",
        "220 hi",
        "220 hi\r\n",
        "220 hi\r\n250-x\r\n250",
        "220 hi\r\n250 x\r\n250 ok\r\n",
    ];
    for said in replies {
        let account = Email {
            host: String::from("127.0.0.1"),
            port: mute_after(said).await,
            ..account(Security::None, false)
        };
        let patience = Duration::from_millis(100);
        let sent = send(&Dialer::default(), &account, "boat", &mail(), patience).await;
        assert_eq!(
            sent.unwrap_err().to_string(),
            "no answer within 0 s",
            "{said:?}"
        );
    }
}

#[tokio::test]
async fn a_mail_is_over_with_the_last_reply_even_if_nobody_says_goodbye() {
    let account = Email {
        host: String::from("127.0.0.1"),
        port: mute_after(
            "220 hi\r\n250 x\r\n250 ok\r\n250 ok\r\n550 no\r\n354 go\r\n250 taken\r\n",
        )
        .await,
        ..account(Security::None, false)
    };
    let verdicts = send(
        &Dialer::default(),
        &account,
        "boat",
        &mail(),
        Duration::from_secs(20),
    )
    .await
    .unwrap();
    assert_eq!(
        verdicts,
        [Verdict::Taken, Verdict::Never(String::from("550 no"))]
    );
}
