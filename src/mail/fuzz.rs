//! Tests: what mail servers and mails may say, as fuzz targets. Never in the program.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use super::pop3_reply::{Lines, Reply, offers_stls, uidl};
use super::smtp_reply::{self, Parsed};
use super::smtp_talk::{Mail, Step, Talk};
use super::{fetch_plan, mime as codec, subject};
use crate::config::Email;
use crate::message::Number;

/// A mail: its subject, its text, and the messages it becomes.
pub(crate) fn mime(data: &[u8]) {
    let named = codec::subject(data).and_then(|subject| subject::recipients(&subject));
    let _text = codec::text(data);
    let to = named.unwrap_or_else(|| vec![Number::as_received("+12025550155")]);
    let _plan = fetch_plan::plan(data, to, 10, |_| true);
}

/// A reply of one line, then one of many.
pub(crate) fn pop3(data: &[u8]) {
    let mut bytes = data.iter();
    let mut line = Reply::new(None);
    let _status = bytes.find_map(|byte| line.take(*byte));
    let (mut lines, mut listed, mut kept) = (Lines::default(), 0, 0);
    let mut sink = |byte| {
        kept += 1;
        if let Some(line) = lines.take(byte) {
            listed += usize::from(uidl(&line).is_some() || offers_stls(&line));
        }
    };
    let mut many = Reply::new(Some(&mut sink));
    let _status = bytes.find_map(|byte| many.take(*byte));
    drop(many);
    assert!(kept <= data.len() && listed <= kept);
}

/// Replies one after another, to a conversation.
pub(crate) fn smtp(data: &[u8]) {
    let account = Email {
        login: Some((String::from("me"), String::from("secret"))),
        ..Email::default()
    };
    let mail = Mail {
        to: vec![String::from("a@example.org"), String::from("b@example.org")],
        content: b"Subject: x\r\n\r\n.text\r\n".to_vec(),
    };
    let mut talk = Talk::new(&account, &String::from_utf8_lossy(data), &mail);
    let mut rest = data;
    while let Parsed::Got(reply, used) = smtp_reply::parse(rest) {
        assert!(used > 0);
        rest = &rest[used..];
        let _told = reply.told();
        match talk.on(&reply) {
            Ok(Step::Say(_)) => {}
            Ok(Step::Secure) => {
                let _hello = talk.secured();
            }
            Ok(Step::Over) => break,
            Err(_) => return,
        }
    }
    assert!(talk.verdicts().len() <= mail.to.len());
}
