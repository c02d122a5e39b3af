//! Tests: a message that is only tried out — what is told of it, and that nothing is counted, used up or kept. Never tests what
//! runs: `table.rs` holds each trial against the truth.

use serde_json::{Value, json};

use crate::router::{Router, SETTLE};
use crate::support::{Bench, PATIENCE, wait_until};
use crate::{BOSS, THIEF, code_now, own, rule};

fn tried(bench: &Bench, from: &str, text: &str) -> Value {
    let asked = json!({"from": from, "text": text});
    let (status, trial) = bench.api("POST", "/rules/test", Some(&asked));
    assert_eq!(status, 200, "{trial}");
    trial
}

fn metric(bench: &Bench, result: &str) -> u32 {
    let text = bench.metrics();
    let beginning = format!("rut_agent_rule_orders_total{{result=\"{result}\"}} ");
    let mut lines = text.lines();
    let value = lines.find_map(|line| line.strip_prefix(&beginning));
    value.unwrap().parse().unwrap()
}

fn rules() -> String {
    let totp = " option authorization 'totp'\n option secret 'GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ'\n option respond '1'\n";
    String::from(SETTLE)
        + &own("reload", "config_reload", "go", "")
        + &rule("code", "config_reload", "code", totp)
        + &own(
            "pulse",
            "io_set",
            "pulse",
            " option io 'dout1'\n option timeout '1'\n",
        )
        + &own(
            "quiet",
            "reboot",
            "reboot",
            " option respond '0'\n option status_sms '0'\n",
        )
}

#[test]
fn a_trial_tells_which_rule_takes_a_message_or_why_none_does() {
    let router = Router::start(&rules());
    let bench = &router.bench;
    let other = "the text, or what must stand before it, is another";
    let passed = |rule: &str, why: &str| json!({"rule": rule, "why": why});
    let trial = tried(bench, BOSS, " xyzzy123  GO \n");
    assert_eq!(trial["rule"], Value::Null, "{trial}");
    assert_eq!(trial["why"], "no rule takes it");
    let wrong = "the password, serial number or code is wrong";
    let all = [
        passed("reload", wrong),
        passed("code", other),
        passed("pulse", other),
        passed("quiet", other),
    ];
    assert_eq!(trial["passed_over"], json!(all));
    let trial = tried(bench, THIEF, "Xyzzy123 go");
    assert_eq!(trial["rule"], Value::Null);
    assert_eq!(
        trial["passed_over"][0],
        passed("reload", "this number may not")
    );
    assert_eq!(
        (&trial["programs"], &trial["recipients"]),
        (&json!([]), &json!([]))
    );
    let trial = tried(bench, "00 1 202 555 0155", "Xyzzy123 go");
    assert_eq!(
        trial,
        json!({"rule": "reload", "action": "config_reload", "why": null, "passed_over": [],
            "programs": [["reload_config"]], "reply": "config_reload: done", "recipients": [BOSS]})
    );
    // What is set back later belongs to it; a reboot that nobody wants to hear of is not answered.
    router.says("ubus list ioman.*", "ioman.gpio.dout1\n");
    let list = json!(["ubus", "list", "ioman.*"]);
    let update = |value| {
        json!([
            "ubus",
            "call",
            "ioman.gpio.dout1",
            "update",
            format!("{{\"value\":\"{value}\"}}")
        ])
    };
    let trial = tried(bench, BOSS, "Xyzzy123 pulse");
    assert_eq!(trial["programs"], json!([list, update(1), list, update(0)]));
    let trial = tried(bench, BOSS, "Xyzzy123 reboot");
    assert_eq!(
        (&trial["programs"], &trial["reply"]),
        (&json!([["reboot"]]), &Value::Null)
    );
    assert_eq!(trial["recipients"], json!([]));
    assert_eq!(router.ran(), ["ubus|list|ioman.*"; 2]);
    for (body, code) in [
        (json!({"text": "x"}), "bad_shape"),
        (json!({"from": BOSS}), "bad_shape"),
        (json!({"from": BOSS, "text": "x", "to": "y"}), "bad_shape"),
        (json!({"from": "", "text": "x"}), "bad_number"),
    ] {
        let (status, problem) = bench.api("POST", "/rules/test", Some(&body));
        assert_eq!((status, &problem["code"]), (422, &json!(code)), "{body}");
    }
}

/// Every file of the state directory with its bytes.
fn kept(bench: &Bench) -> Vec<(std::path::PathBuf, Vec<u8>)> {
    let files = std::fs::read_dir(bench.state_dir()).unwrap();
    let mut files: Vec<_> = files.map(|file| file.unwrap().path()).collect();
    files.retain(|path| path.is_file());
    files.sort();
    let read = |path: std::path::PathBuf| (path.clone(), std::fs::read(path).unwrap());
    files.into_iter().map(read).collect()
}

#[test]
fn a_trial_uses_no_code_up_counts_no_wrong_password_and_writes_nothing() {
    let router = Router::start(&rules());
    let bench = &router.bench;
    router.settle();
    wait_until(PATIENCE, "the end of all sending", || {
        bench.api("GET", "/status", None).1["queues"]["outbox"] == 0
    });
    let before = kept(bench);
    let code = format!("{} code", code_now());
    for _ in 0..3 {
        assert_eq!(tried(bench, THIEF, &code)["rule"], "code");
    }
    for text in ["Xyzzy124 go", "000000 code", "Xyzzy123 reboot"] {
        for _ in 0..12 {
            // From this machine itself nobody is slowed down: it is the owner's.
            let (_, out, _) = bench.cli(&["rule-test", text, "--from", BOSS]);
            assert!(!out.contains("not heard"), "{out}");
        }
    }
    assert_eq!(kept(bench), before, "nothing is written");
    for result in ["done", "failed", "refused"] {
        assert_eq!(metric(bench, result), 0, "{result}");
    }
    assert!(router.ran().is_empty());
    assert_eq!(router.ask(BOSS, "Xyzzy123 go"), "config_reload: done");
    assert_eq!(router.ask(THIEF, &code), "config_reload: done");
    let again = tried(bench, THIEF, &code);
    assert_eq!(
        again["rule"],
        Value::Null,
        "a code that was used is wrong: {again}"
    );
    for _ in 0..10 {
        router.deliver(THIEF, "000000 code");
    }
    router.settle();
    let deaf = tried(bench, THIEF, &code);
    assert!(
        deaf["why"].as_str().unwrap().contains("for an hour"),
        "{deaf}"
    );
    let counts = ["done", "failed", "refused"].map(|result| metric(bench, result));
    assert_eq!(counts, [2, 0, 10]);
    let log = bench.log();
    assert!(!log.contains("Xyzzy12") && !log.contains("000000"), "{log}");
}

#[test]
fn over_the_network_ten_wrong_passwords_end_the_trials_and_nothing_else() {
    let router = Router::start(&rules());
    let bench = &router.bench;
    for _ in 0..10 {
        assert_eq!(tried(bench, BOSS, "Guess123 go")["rule"], Value::Null);
    }
    let asked = json!({"from": BOSS, "text": "Xyzzy123 go"});
    let (status, problem) = bench.api("POST", "/rules/test", Some(&asked));
    assert_eq!((status, &problem["code"]), (429, &json!("shut_out")));
    assert_eq!(bench.api("GET", "/status", None).0, 200);
    assert_eq!(
        bench.cli(&["rule-test", "Xyzzy123 go", "--from", BOSS]).0,
        Some(0)
    );
    assert_eq!(router.ask(BOSS, "Xyzzy123 go"), "config_reload: done");
}

#[test]
fn the_command_line_tells_it_in_words_and_by_its_exit_code() {
    let router = Router::start(&rules());
    let bench = &router.bench;
    router.says("ubus list ioman.*", "ioman.gpio.dout1\n");
    let words = ["rule-test", "Xyzzy123 pulse", "--from", BOSS];
    let (exit, out, why) = bench.cli(&words);
    let set =
        |value| format!("runs      ubus call ioman.gpio.dout1 update {{\"value\":\"{value}\"}}\n");
    let expected =
        String::from("not for   reload: the text, or what must stand before it, is another\n")
            + "not for   code: the text, or what must stand before it, is another\n"
            + "rule      pulse\naction    io_set\nruns      ubus list ioman.*\n"
            + &set(1)
            + "runs      ubus list ioman.*\n"
            + &set(0)
            + "answers   io_set: done\nto        +12025550155\n";
    assert_eq!((exit, out, why), (Some(0), expected, String::new()));
    let (exit, out, _) = bench.cli(&["rule-test", "hello", "--from", BOSS]);
    assert_eq!(exit, Some(1));
    assert!(out.ends_with("nobody    no rule takes it\n"), "{out}");
    let (exit, out, _) = bench.cli(&["rule-test", "hello", "--from", BOSS, "--json"]);
    assert_eq!((exit, out.contains("\"passed_over\":[")), (Some(1), true));
    let (exit, _, why) = bench.cli(&["rule-test", "hello"]);
    assert_eq!(exit, Some(2));
    assert!(why.contains("--from NUMBER"), "{why}");
    let (exit, _, why) = bench.cli(&["rule-test", "hello", "--from", "me"]);
    assert_eq!(exit, Some(1), "{why}");
    let nowhere = ["rule-test", "x", "--from", BOSS, "--socket", "/nowhere/s"];
    assert_eq!(bench.cli(&nowhere).0, Some(3));
}

#[test]
fn a_trial_tells_of_a_program_that_is_not_there() {
    let sections = own("gone", "fw_upgrade", "fw", "");
    let router = Router::start(&sections);
    router.lacks("rut_fota");
    let trial = tried(&router.bench, BOSS, "Xyzzy123 fw");
    assert_eq!(trial["reply"], "fw_upgrade: this router has no rut_fota");
    assert_eq!(
        router.ask(BOSS, "Xyzzy123 fw"),
        "fw_upgrade: this router has no rut_fota"
    );
}
