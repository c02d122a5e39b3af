//! Tests: the SMPP server through the real binary — our own plain client first, then Debian's Kannel, smpplib, node's smpp
//! and aiosmpplib, and restarts in the middle of a thousand.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_types,
    clippy::disallowed_methods
)]

mod support;

#[path = "smpp/client.rs"]
mod client;
#[path = "smpp/peers.rs"]
mod peers;
#[path = "smpp/restarts.rs"]
mod restarts;

use std::collections::BTreeSet;
use std::io::Write;
use std::net::{Ipv6Addr, SocketAddr, TcpStream};

use serde_json::{Value, json};

use client::{Client, Pdu, RESPONSE, submit};
use support::{Bench, PATIENCE, Setup, free_address, wait_until};

const TX: u32 = 2;
const RX: u32 = 1;
const TRX: u32 = 9;

/// A section `smpp` on a free port of 127.0.0.1.
fn section(at: SocketAddr, more: &str) -> String {
    let (ip, port) = (at.ip(), at.port());
    format!(
        "config smpp 'smpp'\n\toption enabled '1'\n\tlist listen '{ip}'\n\toption port '{port}'\n\
         \toption username 'kannel'\n\toption password 's3cret'\n{more}\n"
    )
}

/// A bench with the server on, and where it is.
fn bench(more: &str) -> (Bench, SocketAddr) {
    let at = free_address();
    let bench = Bench::start(&Setup {
        sections: section(at, more),
        ..Setup::default()
    });
    wait_until(PATIENCE, "the SMPP server", || {
        TcpStream::connect(at).is_ok()
    });
    (bench, at)
}

fn deliver(bench: &Bench, from: &str, text: &str) {
    bench.control(&format!("deliver {}", json!({"from": from, "text": text})));
}

fn sessions(bench: &Bench) -> Vec<Value> {
    let (status, smpp) = bench.api("GET", "/smpp", None);
    assert_eq!(status, 200);
    smpp["sessions"].as_array().unwrap().clone()
}

#[test]
fn a_message_goes_out_and_its_receipt_comes_back() {
    let (bench, at) = bench("");
    let mut client = Client::bound(at, TRX);
    let answer = client.ask(4, &submit("12025550155", 0, 0, 1, b"hello"));
    assert_eq!((answer.command, answer.status), (4 | RESPONSE, 0));
    let id = answer.text();
    let air = bench.wait_air(1);
    assert_eq!(
        (&air[0]["to"], &air[0]["text"]),
        (&json!("+12025550155"), &json!("hello"))
    );
    let receipt = client.wait(5);
    let text = receipt.short_message();
    assert!(
        text.starts_with(&format!("id:{id} sub:001 dlvrd:001 submit date:")),
        "{text}"
    );
    assert!(text.ends_with("stat:DELIVRD err:000 text:hello"), "{text}");
    assert_eq!(
        receipt.parameter(0x001E),
        Some(format!("{id}\0").into_bytes())
    );
    assert_eq!(receipt.parameter(0x0427), Some(vec![2]));
    client.answer(&receipt, 0);
    let query = client.ask(3, format!("{id}\0\0\0\0").as_bytes());
    assert_eq!(query.status, 0);
    assert_eq!(query.body[query.body.len() - 2..], [2, 0]);
    let (_, message) = bench.api("GET", &format!("/messages/{id}"), None);
    assert_eq!(message["status"], "delivered");
    let (_, status) = bench.api("GET", "/status", None);
    assert_eq!(status["smpp"]["sessions"], 1);
    assert_eq!(status["smpp"]["submitted"], 1);
    let metrics = bench.metrics();
    assert!(metrics.contains("\nrut_agent_smpp_sessions 1\n"));
    assert!(metrics.contains("\nrut_agent_smpp_submitted_total 1\n"));
    let listed = &sessions(&bench)[0];
    assert_eq!(
        (&listed["mode"], &listed["version"]),
        (&json!("transceiver"), &json!("3.4"))
    );
    assert_eq!(client.ask(6, b"").command, 6 | RESPONSE);
    wait_until(PATIENCE, "the end of the session", || {
        sessions(&bench).is_empty()
    });
}

#[test]
fn every_alphabet_and_every_way_of_being_long_reaches_the_air() {
    let (bench, at) = bench("");
    let mut client = Client::bound(at, TX);
    let ok = |answer: Pdu| assert_eq!(answer.status, 0, "{answer:?}");
    ok(client.ask(4, &submit("123", 0, 0, 0, b"\x00 \x1b\x65")));
    ok(client.ask(4, &submit("123", 0, 3, 0, b"gr\xfc\xdf")));
    ok(client.ask(4, &submit("123", 0, 8, 0, &[0x04, 0x42])));
    ok(client.ask(4, &submit("123", 0, 4, 0, &[1, 2, 0xff])));
    ok(client.ask(4, &submit("123", 0, 0xF0, 0, b"flash")));
    let mut by_unit = submit("123", 0, 0, 0, b"flash two");
    by_unit.extend_from_slice(&[0x00, 0x05, 0, 1, 1]);
    ok(client.ask(4, &by_unit));
    let air = bench.wait_air(6);
    let texts = ["@ €", "grüß", "т"];
    for (place, text) in texts.iter().enumerate() {
        assert_eq!(air[place]["text"], *text);
    }
    let data = air[3]["pdu"].as_str().unwrap();
    assert!(data.ends_with("030102FF"), "{data}");
    assert_eq!((&air[4]["class"], &air[5]["class"]), (&json!(0), &json!(0)));

    // By header, part after part, with the client's own reference.
    for part in [1u8, 2] {
        let mut text = vec![5, 0, 3, 0x77, 2, part];
        text.extend_from_slice(&[0x61; 153]);
        ok(client.ask(4, &submit("124", 0x40, 0, 0, &text)));
    }
    // By sar_*.
    for part in [1u8, 2] {
        let mut body = submit("125", 0, 0, 0, b"part ");
        body.extend_from_slice(&[
            2, 0x0C, 0, 2, 0x12, 0x34, 2, 0x0E, 0, 1, 2, 2, 0x0F, 0, 1, part,
        ]);
        ok(client.ask(4, &body));
    }
    // By message_payload.
    let mut body = submit("126", 0, 0, 0, b"");
    body.extend_from_slice(&[0x04, 0x24, 0x01, 0x90]);
    body.extend_from_slice(&[0x62; 400]);
    ok(client.ask(4, &body));
    let air = bench.wait_air(13);
    for (place, (reference, part)) in [(0x77, 1), (0x77, 2), (0x34, 1), (0x34, 2)]
        .iter()
        .enumerate()
    {
        let concat = &air[6 + place]["concat"];
        assert_eq!(
            (&concat["ref"], &concat["seq"], &concat["total"]),
            (&json!(reference), &json!(part), &json!(2)),
            "{}",
            air[6 + place]
        );
    }
    let long: String = (10..13)
        .map(|place| air[place]["text"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(long, "b".repeat(400));
}

#[test]
fn packed_and_latin_1_are_options_and_long_messages_come_in_parts_when_asked() {
    let (bench, at) = bench(
        "\toption alphabet 'packed'\n\toption long 'parts'\n\toption number '+37060000000'\n",
    );
    let mut client = Client::bound(at, TRX);
    // "hello" as septets
    client.ask(4, &submit("123", 0, 0, 0, &[0xE8, 0x32, 0x9B, 0xFD, 0x06]));
    assert_eq!(bench.wait_air(1)[0]["text"], "hello");
    deliver(&bench, "+12025550155", &"ж".repeat(100));
    let first = client.wait(5);
    let second = client.wait(5);
    for (part, pdu) in [(1u8, &first), (2, &second)] {
        let message = pdu.message();
        assert_eq!((message[0], message[4], message[5]), (5, 2, part));
        assert_eq!(pdu.esm_class(), 0x40);
        client.answer(pdu, 0);
    }
    assert_eq!(first.message().len() + second.message().len(), 212);
    assert_eq!(
        first.addresses(),
        (String::from("12025550155"), String::from("37060000000"))
    );
}

#[test]
fn what_came_waits_for_a_receiver_and_goes_to_one_of_them() {
    let (mut bench, at) = bench("");
    deliver(&bench, "+12025550155", "kept");
    deliver(&bench, "Bank", &"long ".repeat(60));
    wait_until(PATIENCE, "both", || {
        let (_, page) = bench.api("GET", "/messages?box=inbox", None);
        page["messages"].as_array().unwrap().len() == 2
    });
    bench.restart();
    wait_until(PATIENCE, "the SMPP server", || {
        TcpStream::connect(at).is_ok()
    });
    let mut transmitter = Client::bound(at, TX);
    let mut one = Client::bound(at, RX);
    let first = one.wait(5);
    assert_eq!(
        (first.short_message().as_str(), first.esm_class()),
        ("kept", 0)
    );
    let second = one.wait(5);
    assert_eq!(second.addresses().0, "Bank");
    assert_eq!(
        second.parameter(0x0424),
        Some("long ".repeat(60).into_bytes())
    );
    // The first is answered; the session dies before the second is: another gets that one alone.
    one.answer(&first, 0);
    one.ask(0x15, b"");
    drop(one);
    let mut two = Client::bound(at, TRX);
    let again = two.wait(5);
    assert_eq!(again.parameter(0x0424), second.parameter(0x0424));
    assert_eq!(
        again.parameter(0x0204),
        second.parameter(0x0204),
        "the same reference"
    );
    two.answer(&again, 0x58);
    let offered = two.wait(5);
    assert_eq!(offered.parameter(0x0204), second.parameter(0x0204));
    two.answer(&offered, 0);
    two.ask(0x15, b"");
    bench.restart();
    wait_until(PATIENCE, "the SMPP server", || {
        TcpStream::connect(at).is_ok()
    });
    let mut three = Client::bound(at, RX);
    deliver(&bench, "+12025550155", "new");
    assert_eq!(three.wait(5).short_message(), "new");
    assert!(
        transmitter.is_over(),
        "the old session ended with the agent"
    );
}

/// A client of a bench with a phone group `friends`, and numbers that are denied.
fn with_limits() -> (Bench, Client) {
    let at = free_address();
    let group = "config phone 'friends'\n\tlist tel '+111111111'\n\tlist tel '+122222222'\n";
    let bench = Bench::start(&Setup {
        sections: section(at, "") + group + "config limits 'limits'\n\tlist deny '0900'\n",
        ..Setup::default()
    });
    wait_until(PATIENCE, "the SMPP server", || {
        TcpStream::connect(at).is_ok()
    });
    (bench, Client::bound(at, TX))
}

#[test]
fn messages_are_scheduled_replaced_and_cancelled() {
    let (bench, mut client) = with_limits();
    let scheduled = |to: &str, text: &str| client::submit_at(to, b"000000010000000R", b"", text);
    let one = client.ask(4, &scheduled("123", "later")).text();
    let two = client.ask(4, &scheduled("124", "never")).text();
    let mut status = |command: u32, body: &[u8]| client.ask(command, body).status;
    let replaced = format!("{one}\0\0\0\0000000000000000R\0\0\0\0\x03now");
    assert_eq!(status(7, replaced.as_bytes()), 0);
    let cancel = format!("\0{two}\0\0\0\0\0\0\0");
    assert_eq!(status(8, cancel.as_bytes()), 0);
    assert_eq!(status(8, cancel.as_bytes()), 0x11);
    assert_eq!(status(8, b"\0999999\0\0\0\0\0\0\0"), 0x0C);
    assert_eq!(status(3, b"999999\0\0\0\0"), 0x0C);
    assert_eq!(bench.wait_air(1)[0]["text"], "now");
    let late = format!("{one}\0\0\0\0\0\0\0\0\x03no!");
    assert_eq!(status(7, late.as_bytes()), 0x13);
    // All of one number and sender, by no message_id.
    for text in ["a", "b"] {
        assert_eq!(status(4, &scheduled("125", text)), 0);
    }
    assert_eq!(status(8, b"\0\0\0\0me\0\0\x00125\0"), 0);
    assert_eq!(status(8, b"\0\0\0\0me\0\0\x00125\0"), 0x11);
    let deleted = client.ask(3, format!("{two}\0\0\0\0").as_bytes());
    assert_eq!(deleted.body[deleted.body.len() - 2], 4);
    assert_eq!(bench.air().len(), 1);
}

#[test]
fn one_message_goes_to_phones_and_groups_and_by_data_sm() {
    let (bench, mut client) = with_limits();
    let mut body = b"\0\0\0me\0\x03".to_vec();
    body.extend_from_slice(b"\x01\0\x01126\0\x02friends\0\x01\0\x010900123\0");
    body.extend_from_slice(b"\0\0\0\0\0\0\0\0\0\x04many");
    let many = client.ask(0x21, &body);
    assert_eq!(many.status, 0);
    assert!(
        many.body.ends_with(b"\x01\0\x010900123\0\0\0\0\x0b"),
        "{many:?}"
    );
    let air = bench.wait_air(3);
    let to: BTreeSet<&str> = air.iter().filter_map(|sent| sent["to"].as_str()).collect();
    assert_eq!(to, BTreeSet::from(["126", "+111111111", "+122222222"]));
    let data = b"\0\0\0me\0\x01\x01127\0\0\0\0\x04\x24\0\x04data";
    assert_eq!(client.ask(0x103, data).status, 0);
    assert_eq!(bench.wait_air(4)[3]["to"], "+127");
}

#[test]
fn what_cannot_be_sent_is_refused_with_its_reason() {
    let (bench, mut client) = with_limits();
    for (body, expected) in [
        (submit("0900123", 0, 0, 0, b"x"), 0x0B),
        (submit("nobody", 0, 0, 0, b"x"), 0x0B),
        (submit("123", 0, 5, 0, b"x"), 0x104),
        (submit("123", 0, 4, 0, &[0; 200]), 0x01),
        (submit("123", 0x40, 0, 0, b"\x09"), 0x43),
        (client::submit_at("123", b"tomorrow", b"", "x"), 0x61),
        (
            client::submit_at("123", b"", b"200101000000000+", "x"),
            0x62,
        ),
        (b"\0\0\0".to_vec(), 0x02),
    ] {
        assert_eq!(client.ask(4, &body).status, expected);
    }
    assert!(bench.air().is_empty());
}

#[test]
fn only_the_right_name_and_password_get_in_and_ten_wrong_ones_shut_out() {
    let (bench, at) = bench("");
    for (name, password) in [
        ("kannel", "wrong"),
        ("wrong", "s3cret"),
        ("kannel", ""),
        ("", ""),
    ] {
        let mut client = Client::new(at);
        let answer = client.bind(TRX, name, password);
        assert_eq!(
            (answer.command, answer.status),
            (TRX | RESPONSE, 0x0D),
            "{name} {password}"
        );
        assert!(client.is_over());
    }
    let mut client = Client::bound(at, TRX);
    assert_eq!(client.bind(TRX, "kannel", "s3cret").status, 5);
    let log = bench.log();
    assert!(log.contains("127.0.0.1 gave a wrong system_id or password"));
    assert!(!log.contains("s3cret") && !log.contains("wrong\0"));
    let (_, status) = bench.api("GET", "/status", None);
    assert_eq!(status["smpp"]["refused"], 4);
    let (_, events) = bench.api("GET", "/events", None);
    let bound = |event: &&Value| event["type"] == "smpp.session";
    assert!(
        events["events"]
            .as_array()
            .unwrap()
            .iter()
            .any(|event| bound(&event)),
        "{events}"
    );
}

#[test]
fn a_network_that_is_not_allowed_gets_no_answer() {
    let (bench, at) = bench("\tlist allow '10.0.0.0/8'\n");
    let mut client = Client::new(at);
    client.request(0x15, b"");
    assert!(client.try_read().is_err() && client.is_over());
    assert!(bench.log().contains("127.0.0.1 is in no allowed network"));
}

#[test]
fn malformed_pdus_are_answered_or_end_their_own_session_only() {
    let (bench, at) = bench("");
    let mut good = Client::bound(at, TRX);
    let enquire = |length: u32| {
        let words = [length, 0x15, 0, 7];
        words
            .iter()
            .flat_map(|word| word.to_be_bytes())
            .collect::<Vec<u8>>()
    };
    for length in [0, 7, 15, 0x7FFF_FFFF, u32::MAX] {
        let mut bad = Client::bound(at, TRX);
        bad.send(&enquire(length));
        let nack = bad.read();
        assert_eq!((nack.command, nack.status, nack.sequence), (RESPONSE, 2, 7));
        assert!(bad.is_over());
        let mut stranger = Client::new(at);
        stranger.send(&enquire(length));
        assert_eq!(stranger.read().command, RESPONSE);
        assert!(stranger.is_over());
    }
    let mut odd = Client::bound(at, TRX);
    assert_eq!(odd.ask(0x777, b"?").command, RESPONSE);
    let body = submit("123", 0, 0, 0, b"hello");
    for cut in 0..body.len() {
        assert_eq!(odd.ask(4, &body[..cut]).status, 2, "cut at {cut}");
    }
    let mut parameter = body.clone();
    parameter.extend_from_slice(&[2, 4, 0, 9, 1]);
    assert_eq!(odd.ask(4, &parameter).status, 0xC0);
    for byte in enquire(16) {
        odd.send(&[byte]);
    }
    assert_eq!(odd.read().command, 0x15 | RESPONSE);
    odd.send(&[enquire(16), enquire(16)].concat());
    assert_eq!((odd.read().sequence, odd.read().sequence), (7, 7));
    // A thousand that say nothing keep nobody out.
    let idle: Vec<TcpStream> = (0..200)
        .filter_map(|_| TcpStream::connect(at).ok())
        .collect();
    assert_eq!(good.ask(0x15, b"").status, 0);
    let mut late = Client::bound(at, TRX);
    assert_eq!(late.ask(0x15, b"").status, 0);
    drop(idle);
    assert_eq!(good.ask(4, &body).status, 0);
    bench.wait_air(1);
}

#[test]
fn one_that_waits_for_its_refusal_makes_room_at_once() {
    let (bench, at) = bench("");
    let wrong = || {
        let mut client = Client::new(at);
        client.request(TRX, b"kannel\0guess\0\0\x34\0\0\0");
        client
    };
    // The last of these waits four seconds.
    let wrong: Vec<Client> = (0..5).map(|_| wrong()).collect();
    wait_until(PATIENCE, "five refusals to come", || {
        bench.log().matches("gave a wrong system_id").count() == 5
    });
    let idle: Vec<Client> = (0..16).map(|_| Client::new(at)).collect();
    wait_until(PATIENCE, "room", || {
        bench.log().contains("another needs its place")
    });
    drop((wrong, idle));
}

#[test]
fn a_reload_moves_the_door_and_a_stop_says_unbind() {
    let (mut bench, at) = bench("");
    let mut client = Client::bound(at, TRX);
    let other = SocketAddr::from((Ipv6Addr::LOCALHOST, free_address().port()));
    bench.write_config("", &section(other, ""));
    bench.reload();
    let unbind = client.wait(6);
    client.answer(&unbind, 0);
    assert!(client.is_over());
    wait_until(PATIENCE, "the new door", || {
        TcpStream::connect(other).is_ok()
    });
    wait_until(PATIENCE, "the old door's end", || {
        TcpStream::connect(at).is_err()
    });
    let mut client = Client::bound(other, TRX);
    let pid = bench.agent().pid();
    let stopped = std::thread::spawn(move || {
        let unbind = client.wait(6);
        client.answer(&unbind, 0);
        client.is_over()
    });
    assert!(pid > 0);
    assert_eq!(bench.terminate(), Some(0));
    assert!(stopped.join().unwrap());
}

#[test]
fn a_full_outbox_throttles_and_the_limits_do_too() {
    let at = free_address();
    let bench = Bench::start(&Setup {
        sections: section(at, "") + "config limits 'limits'\n\toption per_hour '2'\n",
        ..Setup::default()
    });
    wait_until(PATIENCE, "the SMPP server", || {
        TcpStream::connect(at).is_ok()
    });
    let mut client = Client::bound(at, TX);
    let body = submit("123", 0, 0, 0, b"x");
    let said: Vec<u32> = (0..3).map(|_| client.ask(4, &body).status).collect();
    assert_eq!(said, [0, 0, 0x58]);
    bench.wait_air(2);
}

#[test]
fn without_a_password_the_configuration_is_refused_and_says_why() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("config");
    let text = "config smpp 'smpp'\n\toption enabled '1'\n\tlist listen '127.0.0.1'\n\toption username 'me'\n";
    std::fs::File::create(&file)
        .unwrap()
        .write_all(text.as_bytes())
        .unwrap();
    let command = support::process::agent_command();
    let done = std::process::Command::new(&command[0])
        .args(&command[1..])
        .args(["check", "--config"])
        .arg(&file)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&[done.stdout, done.stderr].concat()).into_owned();
    assert_eq!(done.status.code(), Some(1));
    assert!(
        said.contains("smpp is enabled and has no password"),
        "{said}"
    );
}
