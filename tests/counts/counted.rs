//! Tests: work whose instructions `scripts/bench` counts — `counted WHAT N` does one thing N times, and the difference
//! between N and 2N is the thing. Never asserts a count: compilers differ.

#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

use std::hint::black_box;

use rut_agent::message::Number;
use rut_agent::sms::{Direction, SubmitOptions, decode, from_hex, submit, to_hex};
// The two files below belong to a private room and import these; they are taken in here as they are.
use rut_agent::{message, signal};

#[allow(dead_code)]
#[path = "../../src/modem/feed.rs"]
mod feed;
#[allow(dead_code)]
#[path = "../../src/modem/replies.rs"]
mod replies;

/// What a port gives in one go.
const PIECE: usize = 512;

fn gsm7() -> String {
    "The quick brown fox at the modem. ".repeat(5)[..160].to_owned()
}

fn ucs2() -> String {
    "Быстрая лиса у модема. ".chars().cycle().take(70).collect()
}

fn encode(text: &str) -> Vec<u8> {
    let options = SubmitOptions {
        to: Number::parse("+12025550155").unwrap(),
        flash: false,
        report: true,
        validity_s: None,
        reference: 0,
    };
    let parts = submit(black_box(text), &options).unwrap();
    assert_eq!(parts.len(), 1);
    parts.concat()
}

/// An SMS-DELIVER with the text, as a modem gives it: its submit's user data under another head.
fn delivered(text: &str, dcs: u8) -> Vec<u8> {
    let tpdu = encode(text);
    // Behind TP-MTI and its neighbours, TP-MR, TP-DA (its length, its type, 11 digits), TP-PID and TP-DCS.
    let user_data = tpdu.get(2 + 8 + 2..).unwrap();
    let mut pdu = from_hex("0791947101670000040B912120550551F500").unwrap();
    pdu.push(dcs);
    pdu.extend(from_hex("62112230238300").unwrap());
    pdu.extend(user_data);
    pdu
}

/// `AT+CMGL=4` answered with fifty messages.
fn cmgl() -> String {
    let pdu = delivered(&gsm7(), 0);
    let one = |index| {
        format!(
            "\r\n+CMGL: {index},1,,{}\r\n{}",
            pdu.len() - 8,
            to_hex(&pdu)
        )
    };
    (0..50).map(one).collect::<String>() + "\r\n\r\nOK\r\n"
}

fn list(answer: &str) -> usize {
    let mut intake = feed::Intake::default();
    let mut lines = Vec::new();
    for piece in black_box(answer).as_bytes().chunks(PIECE) {
        intake.push(piece);
        while let Some(item) = intake.next(false) {
            match item {
                feed::Item::Line(line) => lines.push(line),
                feed::Item::Prompt => panic!("nothing asked for a prompt"),
            }
        }
    }
    replies::listed(&lines).len()
}

fn read(pdu: &[u8]) {
    black_box(decode(black_box(pdu), Direction::FromNetwork).unwrap());
}

fn main() {
    let mut words = std::env::args().skip(1);
    let what = words.next().unwrap_or_default();
    let times: usize = words.next().unwrap_or_default().parse().unwrap_or(0);
    let (gsm7, ucs2, answer) = (gsm7(), ucs2(), cmgl());
    let (gsm7_pdu, ucs2_pdu) = (delivered(&gsm7, 0), delivered(&ucs2, 8));
    assert_eq!(list(&answer), 50);
    for _ in 0..times {
        match what.as_str() {
            "gsm7" => drop(black_box(encode(&gsm7))),
            "gsm7_back" => read(&gsm7_pdu),
            "ucs2" => drop(black_box(encode(&ucs2))),
            "ucs2_back" => read(&ucs2_pdu),
            "cmgl" => drop(black_box(list(&answer))),
            _ => panic!("there is nothing {what:?} to count"),
        }
    }
}
