//! Tests: flash messages through uqmi, with the real binary — a shell script stands in for uqmi and writes down the words
//! it was given. Never asserts what the decider's own tests do.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::os::unix::fs::PermissionsExt;

use serde_json::{Value, json};

use support::{Bench, PATIENCE, Setup, wait_for, wait_until};

/// An agent whose uqmi writes down its words, each ended by a NUL, and then does `end`.
fn bench(flash_via: &str, end: &str) -> Bench {
    let mut bench = Bench::sim_only(&Setup::default());
    let here = |name: &str| bench.path(name).display().to_string();
    let script = format!(
        "#!/bin/sh\nfor word in \"$@\"; do printf '%s\\000' \"$word\"; done > '{0}.new'\nmv '{0}.new' '{0}'\n{end}\n",
        here("words")
    );
    std::fs::write(bench.path("uqmi"), script).unwrap();
    let executable = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(bench.path("uqmi"), executable).unwrap();
    std::fs::write(bench.path("cdc-wdm0"), "").unwrap();
    let options = format!(
        "\toption flash_via '{flash_via}'\n\toption uqmi '{}'\n\toption qmi '{}'\n",
        here("uqmi"),
        here("cdc-wdm0")
    );
    bench.write_config(&options, "");
    bench.start_agent();
    bench.wait_ready();
    bench
}

fn flash(text: &str) -> Value {
    json!({"to": "+12025550155", "text": text, "flash": true, "report": false})
}

fn wait_status(bench: &Bench, id: &str, status: &str) -> Value {
    let path = format!("/messages/{id}");
    wait_for(PATIENCE, &format!("{path} {status}"), || {
        let (_, message) = bench.api("GET", &path, None);
        (message["status"] == status).then_some(message)
    })
}

/// The words uqmi was given last; they are forgotten.
fn take_words(bench: &Bench) -> Vec<String> {
    let path = bench.path("words");
    let words = std::fs::read_to_string(&path).unwrap();
    std::fs::remove_file(path).unwrap();
    words.split_terminator('\0').map(String::from).collect()
}

fn was_run(bench: &Bench) -> bool {
    bench.path("words").exists()
}

#[test]
fn a_flash_message_without_report_reaches_uqmi_word_by_word_whatever_its_text() {
    let bench = bench("auto", "exit 0");
    for text in [
        "Stand up now",
        "; reboot & (x) 'single' \"double\" #",
        "--help",
        "-d /dev/null",
        "-- a",
        "two\nlines * ? % !",
        "  spaces  ",
    ] {
        let id = bench.submit(&flash(text));
        let sent = wait_status(&bench, &id, "sent");
        assert_eq!(sent["error"], Value::Null, "{sent}");
        let expected = [
            "-t",
            "12000",
            "-d",
            &bench.path("cdc-wdm0").display().to_string(),
            "--send-message",
            text,
            "--send-message-target",
            "+12025550155",
            "--send-message-flash",
        ];
        assert_eq!(take_words(&bench), expected);
        assert!(!bench.log().contains(text), "{text} is in the log");
    }
    assert!(bench.air().is_empty(), "nothing of it went over AT");
}

#[test]
fn what_uqmi_would_spoil_goes_over_at() {
    let bench = bench("auto", "exit 0");
    let mut messages: Vec<Value> = ["a@b", "5 €", "[x]", "Größe", "$(reboot)", "`id`"]
        .map(flash)
        .to_vec();
    messages.push(flash(&"long ".repeat(40)));
    // A report is asked for unless the request says otherwise.
    messages.push(json!({"to": "+12025550155", "text": "hello", "flash": true}));
    messages.push(json!({"to": "+12025550155", "text": "hello", "report": false}));
    for message in &messages {
        let id = bench.submit(message);
        wait_until(PATIENCE, "it is sent", || {
            let (_, message) = bench.api("GET", &format!("/messages/{id}"), None);
            message["status"] == "sent" || message["status"] == "delivered"
        });
    }
    assert!(!was_run(&bench));
    let air = bench.air();
    assert_eq!(air.len(), messages.len() + 1, "one has two parts");
    assert!(
        air.iter().any(|sent| sent["text"] == "$(reboot)"),
        "{air:?}"
    );
}

#[test]
fn a_uqmi_that_cannot_open_the_device_leaves_the_message_to_at() {
    let bench = bench("auto", "echo Failed to open device >&2; exit 2");
    let id = bench.submit(&flash("over AT then"));
    wait_status(&bench, &id, "sent");
    assert!(was_run(&bench));
    assert_eq!(bench.air().len(), 1);
    std::fs::remove_file(bench.path("cdc-wdm0")).unwrap();
    take_words(&bench);
    let id = bench.submit(&flash("no device"));
    wait_status(&bench, &id, "sent");
    assert!(!was_run(&bench), "without a device uqmi is not asked");
    assert_eq!(bench.air().len(), 2);
}

#[test]
fn a_uqmi_that_says_nothing_clear_leaves_the_message_unconfirmed_and_others_flow() {
    let bench = bench("auto", "echo 'Request timed out' >&2; exit 255");
    let doubtful = bench.submit(&flash("perhaps"));
    let next = bench.submit(&json!({"to": "+12025550155", "text": "surely", "report": false}));
    wait_status(&bench, &doubtful, "unconfirmed");
    wait_status(&bench, &next, "sent");
    assert_eq!(bench.air().len(), 1, "the doubtful one is not sent again");
}

#[test]
fn a_uqmi_that_hangs_is_killed_and_others_flow() {
    let bench = bench("auto", "exec sleep 600");
    let hanging = bench.submit(&flash("hangs"));
    let next = bench.submit(&json!({"to": "+12025550155", "text": "surely", "report": false}));
    wait_status(&bench, &hanging, "unconfirmed");
    wait_status(&bench, &next, "sent");
    assert_eq!(bench.air().len(), 1);
}

#[test]
fn an_agent_killed_while_uqmi_runs_does_not_send_again() {
    let mut bench = bench("auto", "exec sleep 20");
    let id = bench.submit(&flash("perhaps"));
    wait_until(PATIENCE, "uqmi runs", || was_run(&bench));
    take_words(&bench);
    bench.restart();
    wait_status(&bench, &id, "unconfirmed");
    assert!(!was_run(&bench) && bench.air().is_empty());
}

#[test]
fn uqmi_alone_fails_what_it_cannot_say_and_at_alone_never_runs_it() {
    let strict = bench("uqmi", "exit 0");
    let id = strict.submit(&flash("5 €"));
    let failed = wait_status(&strict, &id, "failed");
    let cause = failed["error"]["cause"].as_str().unwrap();
    assert!(cause.contains("uqmi"), "{cause}");
    // Its owner wants uqmi although it cannot ask for a report.
    let reported = json!({"to": "+12025550155", "text": "hello", "flash": true});
    wait_status(&strict, &strict.submit(&reported), "sent");
    assert!(was_run(&strict) && strict.air().is_empty());

    let plain = bench("at", "exit 0");
    wait_status(&plain, &plain.submit(&flash("hello")), "sent");
    assert!(!was_run(&plain));
    assert_eq!(plain.air().len(), 1);
}
