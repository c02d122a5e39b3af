//! Tests: messages and where they are kept — read, search, page, mark, delete; SIM or modem; slots kept free and swept;
//! the alarm before a store is full.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod support;

use serde_json::{Value, json};

use support::{Bench, PATIENCE, Setup, wait_for, wait_until};

fn deliver(bench: &Bench, text: &str) {
    let message = json!({"from": "+12025550155", "text": text});
    bench.control(&format!("deliver {message}"));
}

fn page(bench: &Bench, query: &str) -> (Vec<Value>, Value) {
    let (status, page) = bench.api("GET", &format!("/messages?{query}"), None);
    assert_eq!(status, 200, "{page}");
    (
        page["messages"].as_array().unwrap().clone(),
        page["next"].clone(),
    )
}

fn texts(bench: &Bench, query: &str) -> Vec<String> {
    let text = |one: &Value| String::from(one["text"].as_str().unwrap());
    page(bench, query).0.iter().map(text).collect()
}

/// Delivers and waits until the agent has it.
fn receive(bench: &Bench, texts_to_come: &[&str]) {
    let before = texts(bench, "limit=200").len();
    for text in texts_to_come {
        deliver(bench, text);
    }
    wait_until(PATIENCE, "the messages", || {
        texts(bench, "limit=200").len() == before + texts_to_come.len()
    });
}

/// Slots in use of `SM` or `ME`.
fn used(bench: &Bench, memory: &str) -> usize {
    bench.control("slots")[memory]["used"]
        .as_array()
        .unwrap()
        .len()
}

fn storage(bench: &Bench) -> Value {
    bench.api("GET", "/storage", None).1
}

fn put(bench: &Bench, body: Value) -> (u16, Value) {
    bench.api("PUT", "/storage", Some(&body))
}

fn wait_storage(bench: &Bench, expected: &Value) {
    wait_until(PATIENCE, &expected.to_string(), || {
        storage(bench) == *expected
    });
}

fn alarms(bench: &Bench) -> Vec<Value> {
    let (_, page) = bench.api("GET", "/events?after=0&limit=200", None);
    let events = page["events"].as_array().unwrap().iter();
    let low = events.filter(|event| event["type"] == "storage.low");
    low.map(|event| event["data"].clone()).collect()
}

#[test]
fn messages_are_searched_paged_marked_and_deleted() {
    let bench = Bench::start(&Setup::default());
    receive(
        &bench,
        &["Grüße one", "two", "three", "grüsse FOUR", "GRÜSSE five"],
    );
    assert_eq!(
        texts(&bench, "q=GRÜ"),
        ["Grüße one", "grüsse FOUR", "GRÜSSE five"]
    );
    assert_eq!(
        texts(&bench, "q=o&from=%2B12025550155&limit=2"),
        ["Grüße one", "two"]
    );
    assert!(texts(&bench, "from=%2B1202").is_empty());
    let (mut seen, mut query) = (Vec::new(), String::from("limit=2"));
    loop {
        let (messages, next) = page(&bench, &query);
        seen.extend(
            messages
                .iter()
                .map(|one| String::from(one["id"].as_str().unwrap())),
        );
        match next.as_str() {
            Some(next) => query = format!("limit=2&after={next}"),
            None => break,
        }
    }
    assert_eq!(seen.len(), 5);
    let path = format!("/messages/{}", seen[1]);
    let mark = |read: bool| bench.api("PATCH", &path, Some(&json!({ "read": read })));
    let is_read = |bench: &Bench| page(bench, "limit=5").0[1]["read"].clone();
    let (status, marked) = mark(true);
    assert_eq!((status, &marked["read"]), (200, &json!(true)), "{marked}");
    assert_eq!(is_read(&bench), true);
    assert_eq!(mark(false).1["read"], false);
    assert_eq!(mark(false).0, 200);
    assert_eq!(is_read(&bench), false);
    assert_eq!(bench.api("GET", &path, None).1["read"], true);
    for (bad, status) in [
        (json!({}), 422),
        (json!({"read": 1}), 422),
        (json!({"text": "x"}), 422),
    ] {
        assert_eq!(bench.api("PATCH", &path, Some(&bad)).0, status, "{bad}");
    }
    assert_eq!(bench.api("DELETE", &path, None).0, 204);
    assert_eq!(mark(true).0, 404);
    // What was sent has no such mark.
    let sent = bench.submit(&json!({"to": "+12025550155", "text": "out"}));
    let to_sent = bench.api(
        "PATCH",
        &format!("/messages/{sent}"),
        Some(&json!({"read": true})),
    );
    assert_eq!(to_sent.0, 404, "{}", to_sent.1);
    wait_until(PATIENCE, "its slot", || used(&bench, "SM") == 4);
}

#[test]
fn a_long_message_leaves_the_sim_with_all_its_slots() {
    let bench = Bench::start(&Setup::default());
    receive(&bench, &["0123456789".repeat(40).as_str()]);
    wait_until(PATIENCE, "three slots", || used(&bench, "SM") == 3);
    let id = page(&bench, "").0[0]["id"].clone();
    let path = format!("/messages/{}", id.as_str().unwrap());
    assert_eq!(bench.api("DELETE", &path, None).0, 204);
    wait_until(PATIENCE, "no slot", || used(&bench, "SM") == 0);
}

#[test]
fn a_memory_full_of_long_messages_is_read_to_its_end() {
    let mut bench = Bench::sim_only(&Setup::default());
    // Three parts of 140 octets each: the longest list there can be.
    for number in 0..85 {
        deliver(&bench, &format!("{number:03} 漢字. ").repeat(22));
    }
    assert_eq!(used(&bench, "ME"), 255);
    bench.start_agent();
    bench.wait_ready();
    wait_until(PATIENCE, "all of them", || {
        texts(&bench, "limit=200").len() == 85
    });
}

#[test]
fn the_location_and_the_free_slots_are_chosen_over_the_api_and_stay_chosen() {
    let mut bench = Bench::start(&Setup {
        modem: String::from("\toption msg_storage 'sm' # the SIM\n"),
        ..Setup::default()
    });
    receive(&bench, &["on the SIM"]);
    wait_storage(
        &bench,
        &json!({"location": "sm", "used": 1, "total": 50, "leave_free": 5}),
    );
    let (status, answer) = put(&bench, json!({"location": "me"}));
    assert_eq!(status, 200, "{answer}");
    assert_eq!(
        answer,
        json!({"location": "me", "used": null, "total": null, "leave_free": 5})
    );
    let total = bench.control("slots")["ME"]["total"].clone();
    wait_storage(
        &bench,
        &json!({"location": "me", "used": 0, "total": total, "leave_free": 5}),
    );
    receive(&bench, &["in the modem", "there as well"]);
    wait_until(PATIENCE, "the modem's store", || used(&bench, "ME") == 2);
    assert_eq!(used(&bench, "SM"), 1);
    let file = std::fs::read_to_string(bench.config()).unwrap();
    assert!(
        file.contains("option msg_storage 'me'") && !file.contains("'sm'"),
        "{file}"
    );
    // As many free as there are slots but one: the oldest goes.
    let all = total.as_u64().unwrap().min(255);
    assert_eq!(put(&bench, json!({"leave_free": all - 1})).0, 200);
    if all == total.as_u64().unwrap() {
        deliver(&bench, "a third");
        wait_until(PATIENCE, "one slot", || used(&bench, "ME") == 1);
    }
    bench.restart();
    assert_eq!(storage(&bench)["location"], "me");
    assert_eq!(storage(&bench)["leave_free"], all - 1);
}

#[test]
fn what_is_no_choice_of_storage_changes_nothing() {
    let bench = Bench::start(&Setup::default());
    let before = std::fs::read_to_string(bench.config()).unwrap();
    let (_, same) = put(&bench, json!({}));
    assert_eq!(same["location"], "sm");
    for bad in [
        json!({"location": "sd"}),
        json!({"leave_free": 256}),
        json!({"used": 1}),
        json!([]),
    ] {
        assert_eq!(put(&bench, bad.clone()).0, 422, "{bad}");
    }
    assert_eq!(std::fs::read_to_string(bench.config()).unwrap(), before);
    // Where nothing can be written the file stays as it is.
    let beside = bench.path(".config.new");
    std::fs::create_dir(&beside).unwrap();
    let (status, why) = put(&bench, json!({"location": "me"}));
    assert_eq!(status, 503, "{why}");
    assert_eq!(std::fs::read_to_string(bench.config()).unwrap(), before);
    assert_eq!(storage(&bench)["location"], "sm");
    std::fs::remove_dir(&beside).unwrap();
    // A file that its owner is writing just now is not touched.
    std::fs::write(
        bench.config(),
        "config modem 'modem'\n\toption free 'many'\n",
    )
    .unwrap();
    let (status, why) = put(&bench, json!({"location": "me"}));
    assert_eq!(status, 503, "{why}");
    assert!(
        why["detail"].as_str().unwrap().contains("config:2"),
        "{why}"
    );
    assert!(
        std::fs::read_to_string(bench.config())
            .unwrap()
            .contains("'many'")
    );
}

#[test]
fn slots_of_parts_whose_siblings_never_came_are_swept() {
    let bench = Bench::start(&Setup {
        modem: String::from("\toption part_timeout '10'\n"),
        ..Setup::default()
    });
    receive(&bench, &["stays where it is"]);
    let text = "0123456789".repeat(40);
    let order = json!({"from": "+12025550155", "text": text, "drop": [2]});
    bench.control(&format!("deliver {order}"));
    wait_until(PATIENCE, "two parts", || used(&bench, "SM") == 3);
    let incomplete = wait_for(PATIENCE, "what came of it", || {
        page(&bench, "")
            .0
            .into_iter()
            .find(|one| one["complete"] == false)
    });
    assert_eq!(incomplete["parts"], 3, "{incomplete}");
    wait_until(PATIENCE, "the parts' slots", || used(&bench, "SM") == 1);
}

#[test]
fn slots_of_delivery_reports_are_swept() {
    // A modem that keeps reports among the messages and tells nobody.
    let bench = Bench::start(&Setup {
        modem: String::from("\toption poll '1'\n"),
        ..Setup::default()
    });
    let id = bench.submit(&json!({"to": "+12025550155", "text": "reported"}));
    let path = format!("/messages/{id}");
    wait_until(PATIENCE, "delivered", || {
        bench.api("GET", &path, None).1["status"] == "delivered"
    });
    wait_until(PATIENCE, "no report left", || used(&bench, "SM") == 0);
}

#[test]
fn an_alarm_comes_before_the_sim_is_full_once_until_there_is_room_again() {
    let stubborn = "on AT+CMGD* -> +CMS ERROR: 500";
    let bench = Bench::start(&Setup {
        chat: format!("size SM 10\n{stubborn}\n"),
        ..Setup::default()
    });
    let low = |used: u64| json!({"location": "SM", "used": used, "total": 10});
    receive(&bench, &["1", "2", "3", "4", "5", "6", "7"]);
    assert!(alarms(&bench).is_empty());
    receive(&bench, &["8"]);
    wait_until(PATIENCE, "the alarm", || alarms(&bench) == [low(8)]);
    receive(&bench, &["9", "10"]);
    wait_until(PATIENCE, "a full SIM", || storage(&bench)["used"] == 10);
    assert_eq!(alarms(&bench), [low(8)]);
    // On a port opened anew the modem deletes: the SIM is drained, and the next alarm is another one.
    bench.control("forget AT+CMGD*");
    bench.control("unplug");
    bench.wait_modem_state("absent");
    bench.control("replug");
    wait_until(PATIENCE, "five free slots", || used(&bench, "SM") == 5);
    assert_eq!(alarms(&bench), [low(8)]);
    bench.control(stubborn);
    receive(&bench, &["11", "12", "13"]);
    wait_until(PATIENCE, "the second alarm", || {
        alarms(&bench) == [low(8), low(8)]
    });
    assert_eq!(texts(&bench, "limit=200").len(), 13);
}

#[test]
fn an_alarm_tells_that_the_state_directory_fills() {
    let nobody = support::free_address();
    let bench = Bench::start(&Setup {
        sections: format!(
            "config agent 'agent'\n\toption state_limit '65536'\n\
             config to_http 'host'\n\toption enabled '1'\n\toption url 'http://{nobody}/in'\n"
        ),
        ..Setup::default()
    });
    // Nothing goes out, so nothing is done with and may be forgotten.
    bench.control("registration 0");
    let text = "x".repeat(1000);
    let refused = wait_for(PATIENCE, "the alarm", || {
        let (status, _) = bench.api(
            "POST",
            "/messages",
            Some(&json!({"to": "+12025550155", "text": text})),
        );
        let alarms = alarms(&bench);
        (!alarms.is_empty()).then_some((status, alarms))
    });
    assert_eq!(refused.1.len(), 1, "{refused:?}");
    assert_eq!(refused.1[0]["location"], "state_dir");
}

#[test]
fn a_list_of_recipients_that_the_state_directory_has_no_room_for_is_refused_whole() {
    let bench = Bench::start(&Setup {
        sections: String::from("config agent 'agent'\n\toption state_limit '65536'\n"),
        ..Setup::default()
    });
    bench.control("registration 0");
    let all: Vec<String> = (0..64).map(|n| format!("+1202555{n:04}")).collect();
    let post = |to: &[String]| {
        let message = json!({"to": to, "text": "x".repeat(1000)});
        bench.api("POST", "/messages", Some(&message))
    };
    let (status, why) = post(&all);
    assert_eq!(status, 507, "{why}");
    assert!(texts(&bench, "box=sent&limit=200").is_empty());
    let (status, accepted) = post(&all[..5]);
    assert_eq!(status, 202, "{accepted}");
    assert_eq!(texts(&bench, "box=sent&limit=200").len(), 5);
}
