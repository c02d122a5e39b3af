//! Tests: voice calls, USSD and raw AT through the real binary — who sets off which rule, what becomes of the call, what the
//! network answers, and that messages go on meanwhile. Never tests what a rule's action does: `rules.rs` does.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_types,
    clippy::disallowed_methods
)]

mod support;

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use support::{Bench, PATIENCE, Setup, wait_until};

const BOSS: &str = "+12025550155";
const THIEF: &str = "+12025550666";
/// No rule knows it.
const STRANGER: &str = "+12025550199";

/// A rule for calls of `BOSS` that sends its own text.
fn rule(name: &str, more: &str) -> String {
    format!(
        "config call_rule '{name}'\n option enabled '1'\n option action 'send_status'\n option message '{name}'\n{more}\n"
    )
}

fn only(tel: &str) -> String {
    format!(" option allowed_phone 'single'\n option tel '{tel}'\n")
}

fn action(action: &str) -> String {
    format!("config call 'call'\n option action '{action}'\n")
}

fn wait_call(bench: &Bench, state: &str) {
    let patience = PATIENCE.as_millis();
    bench.control(&format!(
        "wait-for {{\"call\":\"{state}\",\"timeout_ms\":{patience}}}"
    ));
}

fn wait_heard(bench: &Bench, line: &str, count: usize) {
    let patience = PATIENCE.as_millis();
    let order = json!({"at": line, "count": count, "timeout_ms": patience as u64});
    bench.control(&format!("wait-for {order}"));
}

fn heard(bench: &Bench, beginning: &str) -> usize {
    let log = bench.control("at-log");
    let lines = log["heard"].as_array().unwrap().iter();
    lines
        .filter(|heard| heard["line"].as_str().unwrap().starts_with(beginning))
        .count()
}

/// Kinds and facts of the events about calls.
fn events(bench: &Bench) -> Vec<(String, Value)> {
    let (_, page) = bench.api("GET", "/events?after=0&limit=200", None);
    let events = page["events"].as_array().unwrap().iter();
    let calls = events.filter(|event| event["type"].as_str().unwrap().starts_with("call."));
    calls
        .map(|event| {
            (
                String::from(event["type"].as_str().unwrap()),
                event["data"].clone(),
            )
        })
        .collect()
}

fn wait_events(bench: &Bench, count: usize) -> Vec<(String, Value)> {
    wait_until(PATIENCE, "the events", || events(bench).len() >= count);
    let events = events(bench);
    assert_eq!(events.len(), count, "{events:?}");
    events
}

fn calls(bench: &Bench) -> Value {
    bench.api("GET", "/calls", None).1["calls"].clone()
}

fn wait_state(bench: &Bench, state: &str) {
    wait_until(PATIENCE, state, || calls(bench)[0]["state"] == state);
}

fn wait_no_call(bench: &Bench) {
    wait_until(PATIENCE, "no call", || calls(bench) == json!([]));
}

fn texts(bench: &Bench) -> Vec<String> {
    let mut texts: Vec<String> = bench
        .air()
        .iter()
        .map(|one| String::from(one["text"].as_str().unwrap()))
        .collect();
    texts.sort();
    texts
}

fn problem(answer: (u16, Value)) -> (u16, String) {
    (
        answer.0,
        String::from(answer.1["code"].as_str().unwrap_or_default()),
    )
}

fn ask(bench: &Bench, path: &str, body: Value) -> (u16, Value) {
    bench.api("POST", path, Some(&body))
}

fn start(sections: &str) -> Bench {
    Bench::start(&Setup {
        sections: String::from(sections),
        ..Setup::default()
    })
}

/// The rules: two for the boss, one for the thief, one switched off, one for everybody who shows a number.
fn rules() -> String {
    rule("one", &only(BOSS))
        + &rule("two", &only(BOSS))
        + &rule("thief", &only(THIEF))
        + &rule("off", &only(BOSS)).replace("enabled '1'", "enabled '0'")
}

#[test]
fn a_rejected_call_sets_off_each_rule_of_its_caller_once() {
    let bench = start(&(rules() + &action("reject")));
    bench.control(&format!("ring {BOSS}"));
    wait_call(&bench, "none");
    bench.wait_air(2);
    assert_eq!(texts(&bench), ["one", "two"]);
    let [incoming, ended] = &wait_events(&bench, 2)[..] else {
        unreachable!()
    };
    assert_eq!(
        *incoming,
        (String::from("call.incoming"), json!({"from": BOSS}))
    );
    let reason = json!({"direction": "incoming", "number": BOSS, "reason": "hung up here"});
    assert_eq!(*ended, (String::from("call.ended"), reason));
    // Another call, another turn.
    bench.control(&format!("ring {THIEF}"));
    wait_call(&bench, "none");
    bench.wait_air(3);
    assert_eq!(texts(&bench), ["one", "thief", "two"]);
    assert_eq!(heard(&bench, "AT+CHUP"), 2);
    assert_eq!(heard(&bench, "ATA"), 0);
}

#[test]
fn an_ignored_call_rings_on_and_sets_off_each_rule_once_though_it_rings_again() {
    let bench = start(&(rules() + &action("ignore")));
    bench.control(&format!("ring {BOSS}"));
    bench.wait_air(2);
    wait_state(&bench, "ringing");
    let call = &calls(&bench)[0];
    assert_eq!(
        (&call["direction"], &call["number"]),
        (&json!("incoming"), &json!(BOSS))
    );
    // Two looks at the list are more than one RING apart.
    wait_heard(&bench, "AT+CLCC", 3);
    bench.control("ring stop");
    wait_no_call(&bench);
    let events = wait_events(&bench, 2);
    assert_eq!(events[1].1["reason"], "no carrier");
    assert_eq!(texts(&bench), ["one", "two"]);
    assert_eq!(
        heard(&bench, "AT+CHUP") + heard(&bench, "ATH") + heard(&bench, "ATA"),
        0
    );
    let looked = heard(&bench, "AT+CLCC");
    wait_heard(&bench, "AT+CPMS?", heard(&bench, "AT+CPMS?") + 1);
    assert_eq!(
        heard(&bench, "AT+CLCC"),
        looked,
        "without a call nobody asks for calls"
    );
}

#[test]
fn an_answered_call_is_up_until_the_other_party_or_the_owner_ends_it() {
    let bench = start(&(rules() + &action("answer")));
    bench.control(&format!("ring {BOSS}"));
    wait_call(&bench, "active");
    bench.wait_air(2);
    wait_state(&bench, "active");
    bench.control("call end");
    wait_no_call(&bench);
    let kinds: Vec<String> = wait_events(&bench, 3)
        .into_iter()
        .map(|one| one.0)
        .collect();
    assert_eq!(kinds, ["call.incoming", "call.answered", "call.ended"]);
    bench.control(&format!("ring {THIEF}"));
    wait_call(&bench, "active");
    bench.wait_air(3);
    wait_state(&bench, "active");
    assert_eq!(bench.api("DELETE", "/calls/current", None).0, 204);
    wait_call(&bench, "none");
    wait_no_call(&bench);
    assert_eq!(texts(&bench), ["one", "thief", "two"]);
}

/// Orders are done in their row: had the stranger given one, it would be on the air before the last two.
#[test]
fn each_action_is_done_to_every_caller_and_only_the_allowed_one_sets_rules_off() {
    for (what, end, state, events) in [
        ("reject", "", "none", 2),
        ("answer", "call end", "active", 3),
        ("ignore", "ring stop", "ringing", 2),
    ] {
        let bench = start(&(rules() + &action(what)));
        for (call, caller) in [BOSS, STRANGER, BOSS].into_iter().enumerate() {
            bench.control(&format!("ring {caller}"));
            if !end.is_empty() {
                wait_state(&bench, state);
                bench.control(end);
            }
            wait_no_call(&bench);
            let seen = wait_events(&bench, events * (call + 1));
            assert_eq!(seen[events * call].1, json!({ "from": caller }));
            let sent = [2, 2, 4][call];
            bench.wait_air(sent);
            println!("| {what} | {caller} | {state} | {sent} orders in all |");
        }
        assert_eq!(texts(&bench), ["one", "one", "two", "two"], "{what}");
    }
}

#[test]
fn a_withheld_number_is_nobody_and_a_stranger_sets_nothing_off() {
    let everybody = rule("all", " option allowed_phone 'all'\n");
    let bench = start(&(rules() + &everybody + &action("reject")));
    bench.control("ring withheld");
    wait_call(&bench, "none");
    assert_eq!(wait_events(&bench, 2)[0].1, json!({"from": null}));
    bench.control(&format!("ring {STRANGER}"));
    wait_call(&bench, "none");
    wait_events(&bench, 4);
    bench.wait_air(1);
    // Orders are done in their row: had one been given before, it would be on the air.
    assert_eq!(texts(&bench), ["all"]);
}

#[test]
fn where_no_ring_is_told_a_call_is_found_by_looking() {
    let bench = Bench::start(&Setup {
        modem: String::from("\toption poll '1'"),
        sections: rules() + &action("reject"),
        ..Setup::default()
    });
    bench.control("mute on");
    bench.control(&format!("ring {BOSS}"));
    wait_call(&bench, "none");
    bench.wait_air(2);
    assert_eq!(texts(&bench), ["one", "two"]);
    wait_events(&bench, 2);
}

#[test]
fn a_modem_that_lists_no_calls_is_heard_ringing() {
    let bench = Bench::start(&Setup {
        model: "minimal",
        sections: rules() + &action("answer"),
        ..Setup::default()
    });
    bench.control(&format!("ring {BOSS}"));
    wait_call(&bench, "active");
    bench.wait_air(2);
    bench.control("call end");
    wait_no_call(&bench);
    assert_eq!(texts(&bench), ["one", "two"]);
    assert_eq!(
        problem(ask(&bench, "/ussd", json!({"code": "*100#"}))),
        (502, String::from("modem_refused"))
    );
}

#[test]
fn who_asked_for_nothing_keeps_the_call_and_takes_it_himself() {
    let bench = start("");
    bench.control(&format!("ring {BOSS}"));
    wait_state(&bench, "ringing");
    let (status, answer) = ask(&bench, "/calls/current/answer", json!({}));
    assert_eq!(
        (status, &answer["calls"][0]["state"]),
        (200, &json!("active")),
        "{answer}"
    );
    wait_call(&bench, "active");
    assert_eq!(
        problem(ask(&bench, "/calls", json!({"to": BOSS}))),
        (409, String::from("modem_busy"))
    );
    assert_eq!(bench.api("DELETE", "/calls/current", None).0, 204);
    let none = (404, String::from("no_call"));
    assert_eq!(problem(bench.api("DELETE", "/calls/current", None)), none);
    assert_eq!(
        problem(ask(&bench, "/calls/current/answer", json!({}))),
        none
    );
}

#[test]
fn messages_come_and_go_while_it_rings_and_while_the_call_is_up() {
    let bench = start("");
    let both = |round: usize| {
        bench.submit(&json!({"to": BOSS, "text": format!("out {round}")}));
        bench.control(&format!(
            "deliver {{\"from\":\"{BOSS}\",\"text\":\"in {round}\"}}"
        ));
        bench.wait_air(round);
        wait_until(PATIENCE, "the message", || {
            let (_, page) = bench.api("GET", "/messages?box=inbox", None);
            page["messages"].as_array().unwrap().len() == round
        });
    };
    bench.control(&format!("ring {BOSS}"));
    wait_state(&bench, "ringing");
    both(1);
    assert_eq!(calls(&bench)[0]["state"], "ringing");
    ask(&bench, "/calls/current/answer", json!({}));
    both(2);
    assert_eq!(calls(&bench)[0]["state"], "active");
    bench.control("call end");
    wait_no_call(&bench);
    assert_eq!(ask(&bench, "/calls", json!({"to": "112"})).0, 202);
    both(3);
    wait_state(&bench, "alerting");
    assert_eq!(bench.control("state")["number"], "112");
}

#[test]
fn a_dialled_call_is_answered_busy_or_not_answered() {
    let bench = start("");
    for (what, reason) in [
        ("busy", "busy"),
        ("no-answer", "no answer"),
        ("end", "no carrier"),
    ] {
        let (status, answer) = ask(&bench, "/calls", json!({"to": "00 1 (202) 555-0155"}));
        let call = &answer["calls"][0];
        assert_eq!(
            (status, &call["number"], &call["direction"], &call["state"]),
            (202, &json!(BOSS), &json!("outgoing"), &json!("dialling")),
            "{answer}"
        );
        wait_call(&bench, "dialling");
        bench.control(&format!("call {what}"));
        wait_no_call(&bench);
        assert_eq!(events(&bench).last().unwrap().1["reason"], reason);
    }
    assert_eq!(ask(&bench, "/calls", json!({"to": BOSS})).0, 202);
    wait_state(&bench, "alerting");
    bench.control("call answer");
    wait_state(&bench, "active");
    assert_eq!(bench.api("DELETE", "/calls/current", None).0, 204);
    wait_call(&bench, "none");
    assert_eq!(heard(&bench, &format!("ATD{BOSS};")), 4);
    let answered = events(&bench)
        .into_iter()
        .filter(|one| one.0 == "call.answered");
    assert_eq!(answered.count(), 1);
}

#[test]
fn a_call_is_over_with_its_modem_and_the_same_one_when_only_the_options_change() {
    let bench = start(&(rules() + &action("ignore")));
    bench.control(&format!("ring {BOSS}"));
    bench.wait_air(2);
    bench.write_config("\toption exclusive '1'", &(rules() + &action("ignore")));
    let starts = heard(&bench, "ATE0");
    bench.reload();
    wait_heard(&bench, "ATE0", starts + 1);
    let looked = heard(&bench, "AT+CLCC");
    wait_heard(&bench, "AT+CLCC", looked + 3);
    assert_eq!(wait_events(&bench, 1)[0].0, "call.incoming");
    bench.control("unplug");
    let events = wait_events(&bench, 2);
    assert_eq!(events[1].1["reason"], "modem lost");
    assert_eq!(calls(&bench), json!([]));
    assert_eq!(texts(&bench), ["one", "two"]);
    let answer = problem(ask(&bench, "/calls", json!({"to": BOSS})));
    assert_eq!(answer, (503, String::from("unavailable")));
}

#[test]
fn only_numbers_are_dialled() {
    let bench = start("");
    for to in [
        "*100#",
        "**21*+12025550155#",
        "",
        "Alice",
        "+1202;+CFUN=0",
        "12\r3",
        "@group",
        "+",
        "1234567890123456789012",
    ] {
        let answer = problem(ask(&bench, "/calls", json!({ "to": to })));
        assert_eq!(answer, (422, String::from("bad_number")), "{to}");
    }
    for body in [
        json!({}),
        json!({"to": 112}),
        json!({"to": "1", "x": 1}),
        json!([]),
    ] {
        assert_eq!(ask(&bench, "/calls", body.clone()).0, 422, "{body}");
    }
    assert_eq!(heard(&bench, "ATD"), 0);
    bench.control("registration 0");
    assert_eq!(
        problem(ask(&bench, "/calls", json!({"to": BOSS}))),
        (502, String::from("modem_refused"))
    );
    assert_eq!(calls(&bench), json!([]));
}

#[test]
fn whom_the_owner_lets_nobody_text_nobody_calls_and_112_always() {
    let bench = start("config limits 'limits'\n list deny '+1900'\n list only '+1'\n");
    for to in ["+19005550155", "001900123", "+4930123", "0900123", "110"] {
        let answer = problem(ask(&bench, "/calls", json!({ "to": to })));
        assert_eq!(answer, (403, String::from("number_denied")), "{to}");
        assert_eq!(bench.cli(&["call", to]).0, Some(1), "{to}");
    }
    assert_eq!(heard(&bench, "ATD"), 0);
    for to in [BOSS, "112", "911"] {
        assert_eq!(ask(&bench, "/calls", json!({ "to": to })).0, 202, "{to}");
        assert_eq!(bench.api("DELETE", "/calls/current", None).0, 204);
        wait_no_call(&bench);
    }
}

/// The minute is real: nothing but the clock ends it.
#[test]
fn a_code_that_the_network_never_answers_ends_after_a_minute_and_messages_go_on_meanwhile() {
    let bench = start("");
    bench.control("ussd *105# none");
    let began = Instant::now();
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| bench.cli(&["ussd", "*105#"]));
        wait_heard(&bench, "AT+CUSD=1", 1);
        bench.submit(&json!({"to": BOSS, "text": "meanwhile"}));
        bench.wait_air(1);
        let (exit, out, why) = waiting.join().unwrap();
        assert_eq!((exit, out.as_str()), (Some(1), ""));
        assert!(why.contains("no answer in time"), "{why}");
    });
    assert!(began.elapsed() >= Duration::from_secs(60));
    wait_heard(&bench, "AT+CUSD=2", 1);
    let (status, answer) = ask(&bench, "/ussd", json!({"code": "*100#"}));
    assert_eq!(status, 200, "{answer}");
}

#[test]
fn the_network_answers_a_code_in_either_alphabet_and_a_menu_goes_on() {
    let bench = start("");
    bench.control("ussd *101# {\"text\":\"Баланс: 5 €\",\"dcs\":72}");
    bench.control("ussd *102# {\"m\":1,\"text\":\"Menu\\n1 Data\\n2 \\\"Voice\\\"\"}");
    bench.control("ussd 1 {\"m\":2,\"text\":\"1 GB\"}");
    let code = |code: &str| ask(&bench, "/ussd", json!({ "code": code }));
    let said = |text: &str, more: bool| (200, json!({"text": text, "more": more}));
    assert_eq!(code("*100#"), said("Your balance is 12.34 EUR.", false));
    assert_eq!(code("*101#"), said("Баланс: 5 €", false));
    assert_eq!(code("*102#"), said("Menu\n1 Data\n2 \"Voice\"", true));
    assert_eq!(code("1"), said("1 GB", false));
    let refused = (502, String::from("modem_refused"));
    assert_eq!(problem(code("*999#")), refused);
    let long = "1".repeat(183);
    for bad in ["", "*1\"#", "*1\r#", "*1€#", &long] {
        assert_eq!(
            problem(code(bad)),
            (422, String::from("bad_command")),
            "{bad}"
        );
    }
    assert_eq!(
        bench.cli(&["ussd", "*101#"]),
        (Some(0), String::from("Баланс: 5 €\n"), String::new())
    );
    let (exit, out, why) = bench.cli(&["ussd", "*999#"]);
    assert_eq!((exit, out.as_str()), (Some(1), ""), "{why}");
    let (_, menu, _) = bench.cli(&["ussd", "*102#"]);
    assert!(
        menu.starts_with("Menu\n1 Data\n2 \"Voice\"\n(the network waits"),
        "{menu}"
    );
}

#[test]
fn messages_go_on_while_the_network_keeps_a_code_waiting() {
    let bench = start("");
    bench.control("ussd *103# none");
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| ask(&bench, "/ussd", json!({"code": "*103#"})));
        wait_heard(&bench, "AT+CUSD=1", 1);
        bench.submit(&json!({"to": BOSS, "text": "meanwhile"}));
        bench.wait_air(1);
        let busy = (409, String::from("modem_busy"));
        assert_eq!(
            problem(ask(&bench, "/ussd", json!({"code": "*100#"}))),
            busy
        );
        bench.control("urc +CUSD: 2");
        assert_eq!(
            problem(waiting.join().unwrap()),
            (502, String::from("modem_refused"))
        );
    });
    assert_eq!(heard(&bench, "AT+CUSD=1"), 1);
}

#[test]
fn raw_at_is_off_unless_the_owner_allows_it_and_lets_no_prompt_through() {
    let bench = start("");
    let at = |command: &str| ask(&bench, "/at", json!({ "command": command }));
    assert_eq!(problem(at("AT+CSQ")), (403, String::from("at_not_allowed")));
    assert_eq!(bench.cli(&["at", "AT+CSQ"]).0, Some(1));
    assert_eq!(heard(&bench, "AT+CSQ"), 0);
    bench.write_config("\toption allow_at '1'", "");
    bench.reload();
    wait_until(PATIENCE, "allow_at", || at("AT").0 == 200);
    let done = |lines: Value, result: &str| (200, json!({"lines": lines, "result": result}));
    assert_eq!(at("AT"), done(json!([]), "OK"));
    assert_eq!(at("at+cpin?"), done(json!(["+CPIN: READY"]), "OK"));
    assert_eq!(
        at("AT+CREG?"),
        done(json!(["+CREG: 2,1,\"5A1C\",\"01A2D003\",7"]), "OK")
    );
    assert_eq!(at("AT+NONSENSE"), done(json!([]), "+CME ERROR: 4"));
    let sent = bench.control("at-log")["count"].clone();
    for bad in [
        "AT+CMGS=20",
        "ATD112;",
        "AT+CSQ\rAT+CMGD=1,4",
        "A/",
        "AT+CFUN=0",
        "",
        "ATE1",
        "AT&F",
    ] {
        assert_eq!(
            problem(at(bad)),
            (422, String::from("bad_command")),
            "{bad}"
        );
    }
    let log = bench.control(&format!("at-log {}", 50));
    let after = log["count"].as_u64().unwrap() - sent.as_u64().unwrap();
    assert!(after < 8, "none of them was sent: {log}");
    assert_eq!(
        bench.cli(&["at", "AT+CGMM"]),
        (Some(0), String::from("EC25\nOK\n"), String::new())
    );
    let (exit, out, _) = bench.cli(&["at", "AT+NONSENSE", "--json"]);
    assert_eq!(exit, Some(1));
    let answer: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(answer["result"], "+CME ERROR: 4");
    // And the modem still does its work.
    bench.submit(&json!({"to": BOSS, "text": "after"}));
    bench.wait_air(1);
}

#[test]
fn the_command_line_calls_and_hangs_up() {
    let bench = start("");
    let none = bench.cli(&["hangup"]);
    assert_eq!((none.0, none.1.as_str()), (Some(1), ""), "{}", none.2);
    let called = bench.cli(&["call", BOSS]);
    assert_eq!(
        called,
        (Some(0), format!("dialling to {BOSS}\n"), String::new())
    );
    wait_call(&bench, "dialling");
    assert_eq!(bench.cli(&["hangup", "--json"]).0, Some(0));
    wait_call(&bench, "none");
    assert_eq!(bench.cli(&["call", "*100#"]).0, Some(1));
    assert_eq!(bench.cli(&["call"]).0, Some(2));
    let elsewhere = ["call", BOSS, "--socket", "/nonexistent"];
    assert_eq!(bench.cli(&elsewhere).0, Some(3));
}
