//! Tests: what the agent sends by itself, through the real binary — forwarding to phones, the automatic reply, and the
//! limits that hold for all. Never tests the deciders' fine points: they have tests beside them.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_types,
    clippy::disallowed_methods
)]

mod support;

use serde_json::{Value, json};

use support::{Bench, PATIENCE, Setup, wait_until};

const BOSS: &str = "+12025550155";
const WIFE: &str = "+12025550177";
const PHONE: &str = "+37060000001";

fn bench(sections: &str) -> Bench {
    Bench::start(&Setup {
        sections: String::from(sections),
        ..Setup::default()
    })
}

fn deliver(bench: &Bench, from: &str, text: &str) {
    bench.control(&format!("deliver {}", json!({"from": from, "text": text})));
}

/// Recipient and text of everything on the air.
fn told(air: &[Value]) -> Vec<(&str, &str)> {
    let all = air.iter();
    all.map(|one| (one["to"].as_str().unwrap(), one["text"].as_str().unwrap()))
        .collect()
}

fn inbox(bench: &Bench) -> usize {
    let (_, page) = bench.api("GET", "/messages?box=inbox&limit=100", None);
    page["messages"].as_array().unwrap().len()
}

/// Waits until the log says that a message was passed over for this reason.
fn wait_passed_over(bench: &Bench, why: &str) {
    wait_until(PATIENCE, why, || bench.log().contains(why));
}

#[test]
fn messages_go_on_to_every_phone_but_the_sender_with_the_senders_number_below() {
    let bench = bench(&format!(
        "config to_sms 'family'\n\toption enabled '1'\n\toption sender_num '1'\n\toption delete_sms '1'\n\
         \tlist fwd_number '{BOSS}'\n\tlist fwd_number '{WIFE}'\n\
         config phone 'known'\n\tlist tel '{PHONE}'\n\tlist tel '{BOSS}'\n\
         config to_sms 'picky'\n\toption enabled '1'\n\toption mode 'user_group'\n\toption group 'known'\n\
         \tlist fwd_number '0012025550199'\n"
    ));
    deliver(&bench, "+49151000", "from a stranger");
    let air = bench.wait_air(2);
    let signed = "from a stranger\nfrom: +49151000";
    assert_eq!(told(&air), [(BOSS, signed), (WIFE, signed)]);
    deliver(&bench, BOSS, "on my way");
    let air = bench.wait_air(4);
    let signed = format!("on my way\nfrom: {BOSS}");
    let mut rest = told(&air[2..]);
    rest.sort_unstable();
    assert_eq!(
        rest,
        [(WIFE, signed.as_str()), ("+12025550199", "on my way")]
    );
    wait_until(PATIENCE, "delete_sms", || inbox(&bench) == 0);
    let (_, push) = bench.api("GET", "/push", None);
    let names: Vec<&Value> = push["targets"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["name"])
        .collect();
    assert_eq!(names, ["family", "picky"]);
}

#[test]
fn twenty_messages_are_forwarded_once_and_in_order_although_the_agent_is_killed_twice() {
    let mut bench = bench(&format!(
        "config to_sms 'boss'\n\toption enabled '1'\n\tlist fwd_number '{BOSS}'\n"
    ));
    let texts: Vec<String> = (0..20).map(|number| format!("message {number}")).collect();
    for (number, text) in texts.iter().enumerate() {
        if number == 7 || number == 14 {
            // What was delivered is forwarded, or waits in the SIM, the inbox or the outbox.
            bench.kill9();
            deliver(&bench, PHONE, text);
            bench.start_agent();
            bench.wait_ready();
        } else {
            deliver(&bench, PHONE, text);
        }
    }
    wait_until(PATIENCE, "all forwarded and settled", || {
        let (_, page) = bench.api("GET", "/messages?box=sent&limit=100", None);
        let sent = page["messages"].as_array().unwrap();
        let settled = |one: &Value| one["status"] != "queued" && one["status"] != "sending";
        sent.len() >= 20 && sent.iter().all(settled)
    });
    let (_, page) = bench.api("GET", "/messages?box=sent&limit=100", None);
    let asked: Vec<&str> = page["messages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["text"].as_str().unwrap())
        .collect();
    assert_eq!(asked, texts, "each is asked for once, in order");
    // One that was at the modem at a kill is unconfirmed, never doubled.
    let air = bench.air();
    let on_air: Vec<&str> = told(&air).into_iter().map(|(_, text)| text).collect();
    let mut once = on_air.clone();
    once.dedup();
    assert_eq!(on_air, once);
    assert!(on_air.len() >= 18, "{on_air:?}");
}

#[test]
fn each_section_serves_whom_its_mode_names_and_one_that_is_off_nobody() {
    let three = |last: u8| format!("+3706000000{last}");
    let sections = |reply: &str| {
        format!(
            "config phone 'friends'\n\tlist tel '{}'\n\
             config reply 'reply'\n\toption enabled '1'\n\toption msg 'read'\n\toption delete_sms '1'\n{reply}\n\
             config to_sms 'listed'\n\toption enabled '1'\n\toption mode 'list_number'\n\
             \tlist tel '0037060000001'\n\tlist fwd_number '{WIFE}'\n\
             config to_sms 'grouped'\n\toption enabled '1'\n\toption mode 'user_group'\n\
             \toption group 'friends'\n\tlist fwd_number '{BOSS}'\n\
             config to_sms 'off'\n\tlist fwd_number '+12025550199'\n\
             config to_http 'off_too'\n\toption url 'http://127.0.0.1:9/in'\n",
            three(2)
        )
    };
    let listed = "\toption mode 'list_number'\n\tlist tel '+37060000001'\n";
    let bench = bench(&sections(listed));
    for last in 1..=3 {
        deliver(&bench, &three(last), &format!("from {last}"));
    }
    let air = bench.wait_air(3);
    let mut told_so_far = told(&air);
    told_so_far.sort_unstable();
    let (one, two) = (three(1), three(2));
    assert_eq!(
        told_so_far,
        [(BOSS, "from 2"), (WIFE, "from 1"), (one.as_str(), "read")]
    );
    wait_until(PATIENCE, "the answered one is gone", || inbox(&bench) == 2);
    bench.write_config(
        "",
        &sections("\toption mode 'user_group'\n\toption group 'friends'\n"),
    );
    bench.reload();
    wait_until(PATIENCE, "the reload", || {
        bench.log().contains("is in force")
    });
    deliver(&bench, &one, "again from 1");
    deliver(&bench, &two, "again from 2");
    let air = bench.wait_air(6);
    let mut rest = told(&air[3..]);
    rest.sort_unstable();
    assert_eq!(
        rest,
        [
            (BOSS, "again from 2"),
            (WIFE, "again from 1"),
            (two.as_str(), "read")
        ]
    );
    let (_, push) = bench.api("GET", "/push", None);
    assert!(!push.to_string().contains("off"), "{push}");
}

fn sent(bench: &Bench) -> Vec<Value> {
    let (_, page) = bench.api("GET", "/messages?box=sent&limit=100", None);
    page["messages"].as_array().unwrap().clone()
}

#[test]
fn fifty_messages_wait_while_the_network_takes_none_and_two_kills_and_go_once_and_in_order() {
    let mut bench = bench(&format!(
        "config to_sms 'boss'\n\toption enabled '1'\n\tlist fwd_number '{BOSS}'\n"
    ));
    bench.control("fail 1000 38");
    let texts: Vec<String> = (0..50).map(|number| format!("message {number}")).collect();
    for (round, some) in texts.chunks(17).enumerate() {
        for text in some {
            deliver(&bench, PHONE, text);
        }
        let before = round * 17;
        wait_until(PATIENCE, "all asked for, the first one refused", || {
            let sent = sent(&bench);
            sent.len() == before + some.len() && sent[0]["error"]["code"] == 38
        });
        // Killed where nothing is at the modem: what is there is unconfirmed and never doubled.
        bench.control("registration 2");
        bench.wait_modem_state("searching");
        if round < 2 {
            bench.kill9();
            bench.start_agent();
            bench.wait_modem_state("searching");
            bench.control("registration 1");
            bench.wait_ready();
        }
    }
    assert_eq!(bench.air().len(), 0);
    bench.terminate();
    bench.control("fail off");
    bench.control("registration 1");
    bench.start_agent();
    let air = bench.wait_air(50);
    let expected: Vec<(&str, &str)> = texts.iter().map(|text| (BOSS, text.as_str())).collect();
    assert_eq!(told(&air), expected);
    wait_until(PATIENCE, "all sent", || {
        sent(&bench).iter().all(|one| one["status"] == "sent")
    });
    assert_eq!((sent(&bench).len(), bench.air().len()), (50, 50));
}

#[test]
fn a_message_that_comes_back_from_its_recipient_goes_round_no_more() {
    let bench = bench(&format!(
        "config to_sms 'other_agent'\n\toption enabled '1'\n\toption sender_num '1'\n\
         \tlist fwd_number '{BOSS}'\n\tlist fwd_number '{WIFE}'\n"
    ));
    deliver(&bench, PHONE, "hello");
    bench.wait_air(2);
    deliver(
        &bench,
        BOSS,
        &format!("hello\nfrom: {PHONE}\nfrom: +12025550100"),
    );
    wait_passed_over(
        &bench,
        "it is an echo of one that was forwarded to its sender",
    );
    deliver(&bench, PHONE, "bye");
    let air = bench.wait_air(4);
    let bye = format!("bye\nfrom: {PHONE}");
    assert_eq!(
        told(&air[2..]),
        [(BOSS, bye.as_str()), (WIFE, bye.as_str())]
    );
}

#[test]
fn a_person_is_answered_once_in_the_interval_over_a_restart_and_a_service_never() {
    let mut bench = bench(
        "config reply 'reply'\n\toption enabled '1'\n\toption msg '%rn is at sea.%nl%cs, WAN %wi, 100%%'\n",
    );
    deliver(&bench, PHONE, "where are you?");
    let answer = "bench is at sea.\nConnected, WAN N/A, 100%";
    assert_eq!(told(&bench.wait_air(1)), [(PHONE, answer)]);
    deliver(&bench, PHONE, "hello?");
    wait_passed_over(&bench, "its sender was answered within reply_interval");
    bench.restart();
    for (from, at) in [
        (PHONE, None),
        ("Bank", None),
        ("22333", None),
        (WIFE, Some("2026-01-01T00:00:00Z")),
    ] {
        let mut order = json!({"from": from, "text": "x"});
        if let Some(at) = at {
            order["at"] = json!(at);
        }
        bench.control(&format!("deliver {order}"));
    }
    deliver(&bench, BOSS, "and you?");
    let air = bench.wait_air(2);
    assert_eq!(told(&air), [(PHONE, answer), (BOSS, answer)]);
    assert_eq!(inbox(&bench), 7, "nothing was deleted");
}

#[test]
fn limits_refuse_with_a_code_tell_of_it_and_hold_over_restart_and_reload() {
    let limits = |per_hour: u32| {
        format!(
            "config limits 'limits'\n\toption per_hour '{per_hour}'\n\tlist deny '001900'\n\tlist only '+1'\n"
        )
    };
    let mut bench = bench(&limits(5));
    let send = |bench: &Bench, to: &str| {
        let (status, answer) =
            bench.api("POST", "/messages", Some(&json!({"to": to, "text": "hi"})));
        (status, answer["code"].as_str().map(String::from))
    };
    let no = |status: u16, code: &str| (status, Some(String::from(code)));
    assert_eq!(send(&bench, "+19005550155"), no(403, "number_denied"));
    assert_eq!(send(&bench, "112"), no(403, "number_denied"));
    for _ in 0..5 {
        assert_eq!(send(&bench, BOSS), (202, None));
    }
    assert_eq!(send(&bench, BOSS), no(429, "limit_reached"));
    bench.wait_air(5);
    bench.restart();
    assert_eq!(send(&bench, BOSS), no(429, "limit_reached"));
    let (_, page) = bench.api("GET", "/events?after=0", None);
    let levels: Vec<&Value> = page["events"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|event| event["type"] == "limit.reached")
        .map(|event| &event["data"]["percent"])
        .collect();
    assert_eq!(levels, [80, 100], "{page}");
    bench.write_config("", &limits(6));
    bench.reload();
    wait_until(PATIENCE, "the wider limit", || {
        send(&bench, BOSS) == (202, None)
    });
    assert_eq!(send(&bench, BOSS), no(429, "limit_reached"));
}

#[test]
fn the_readme_names_every_parameter() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/README.md");
    let readme = std::fs::read_to_string(path).unwrap();
    for parameter in rut_agent::status_text::PARAMETERS {
        let name = format!("`%{}`", parameter.name);
        assert!(readme.contains(&name), "{name}: {}", parameter.help);
    }
}
