//! Tests: the agent is killed in the middle of a thousand submits and a thousand delivers.

use std::collections::{BTreeMap, BTreeSet};
use std::net::TcpStream;

use super::client::{Client, Pdu, RESPONSE, submit};
use super::support::{PATIENCE, wait_until};
use super::{RX, TX, bench, deliver};

const MANY: usize = 1000;
const WINDOW: usize = 10;

/// Submits `texts` with a window, until all are answered or the line ends; the message_id of each that was answered.
fn submit_all(client: &mut Client, texts: &[String], enough: usize) -> BTreeMap<String, String> {
    let mut sent: BTreeMap<u32, String> = BTreeMap::new();
    let mut answered = BTreeMap::new();
    let mut left = texts.iter();
    let mut next = |client: &mut Client, sent: &mut BTreeMap<u32, String>| {
        if let Some(text) = left.next() {
            let sequence = client.request(4, &submit("123", 0, 0, 0, text.as_bytes()));
            sent.insert(sequence, text.clone());
        }
    };
    for _ in 0..WINDOW {
        next(client, &mut sent);
    }
    while answered.len() < texts.len().min(enough) {
        let answer = client.read();
        assert_eq!((answer.command, answer.status), (4 | RESPONSE, 0));
        answered.insert(sent.remove(&answer.sequence).unwrap(), answer.text());
        next(client, &mut sent);
    }
    answered
}

#[test]
fn of_a_thousand_submits_none_that_was_answered_is_lost_over_a_kill() {
    let (mut bench, at) = bench("");
    bench.control("registration 2");
    let texts: Vec<String> = (0..MANY).map(|number| format!("text {number}")).collect();
    let mut client = Client::bound(at, TX);
    let mut answered = submit_all(&mut client, &texts, MANY / 2);
    bench.kill9();
    bench.start_agent();
    wait_until(PATIENCE, "the SMPP server", || {
        TcpStream::connect(at).is_ok()
    });
    let rest: Vec<String> = texts
        .iter()
        .filter(|text| !answered.contains_key(*text))
        .cloned()
        .collect();
    let mut client = Client::bound(at, TX);
    answered.extend(submit_all(&mut client, &rest, MANY));
    let ids: BTreeSet<&String> = answered.values().collect();
    assert_eq!((answered.len(), ids.len()), (MANY, MANY));
    // Each id is still its message; what had no answer before the kill may be there twice, a window of it.
    let mut stored = Vec::new();
    let mut after = String::new();
    loop {
        let (_, page) = bench.api("GET", &format!("/messages?box=sent&limit=200{after}"), None);
        stored.extend(page["messages"].as_array().unwrap().clone());
        match page["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => break,
        }
    }
    assert!(
        (MANY..=MANY + WINDOW).contains(&stored.len()),
        "{}",
        stored.len()
    );
    let by_id: BTreeMap<&str, &str> = stored
        .iter()
        .map(|message| {
            (
                message["id"].as_str().unwrap(),
                message["text"].as_str().unwrap(),
            )
        })
        .collect();
    for (text, id) in &answered {
        assert_eq!(by_id.get(id.as_str()), Some(&text.as_str()));
    }
}

#[test]
fn of_a_thousand_delivers_none_is_lost_over_a_kill_and_only_those_on_their_way_come_twice() {
    let (mut bench, at) = bench("");
    for number in 0..MANY {
        deliver(&bench, "+12025550155", &format!("text {number}"));
    }
    let mut seen: BTreeMap<String, Vec<Pdu>> = BTreeMap::new();
    let take = |client: &mut Client, seen: &mut BTreeMap<String, Vec<Pdu>>| {
        let pdu = client.wait(5);
        client.answer(&pdu, 0);
        seen.entry(pdu.short_message()).or_default().push(pdu);
    };
    let mut client = Client::bound(at, RX);
    while seen.len() < MANY / 2 {
        take(&mut client, &mut seen);
    }
    bench.kill9();
    bench.start_agent();
    wait_until(PATIENCE, "the SMPP server", || {
        TcpStream::connect(at).is_ok()
    });
    let mut client = Client::bound(at, RX);
    while seen.len() < MANY {
        take(&mut client, &mut seen);
    }
    let twice: Vec<&Vec<Pdu>> = seen.values().filter(|pdus| pdus.len() > 1).collect();
    assert!(twice.len() <= WINDOW, "{} came twice", twice.len());
    for pdus in twice {
        assert_eq!(pdus[0].parameter(0x0204), pdus[1].parameter(0x0204));
    }
}
