//! Tests: the calls about messages and state, as a client sees them.

use super::*;
use crate::config::PhoneGroup;
use crate::forward::Health;
use crate::message::{Memory, Number};
use crate::signal::{ModemState, Slots, Tenths};

const MESSAGES: &str = "/api/v1/messages";

fn groups(config: &mut Config) {
    let group = |name: &str, tel: &[&str]| PhoneGroup {
        name: String::from(name),
        tel: tel.iter().map(|one| Number::parse(one).unwrap()).collect(),
    };
    config.groups = vec![
        group("family", &["+12025550101", "+12025550102"]),
        group("nobody", &[]),
    ];
}

#[tokio::test]
async fn a_message_is_queued_shown_cancelled_and_deleted() {
    with(
        |_| {},
        |rig| async move {
            let sent = rig
                .call(
                    "POST",
                    MESSAGES,
                    r#"{"to":"00 1 (202) 555-0155","text":"grüß dich €","flash":true}"#,
                )
                .await;
            assert_eq!(sent.status, 202, "{}", sent.value());
            let queued = &sent.value()["messages"][0];
            assert_eq!(queued["to"], "+12025550155");
            assert_eq!(queued["status"], "queued");
            assert_eq!(
                (&queued["encoding"], &queued["parts"]),
                (&"gsm7".into(), &1.into())
            );
            let id = queued["id"].as_str().unwrap();
            let path = format!("{MESSAGES}/{id}");
            let shown = rig.get(&path).await.value();
            assert_eq!(
                (&shown["box"], &shown["text"]),
                (&"sent".into(), &"grüß dich €".into())
            );
            assert_eq!(
                (&shown["flash"], &shown["error"]),
                (&true.into(), &Value::Null)
            );
            let names: Vec<&str> = shown
                .as_object()
                .unwrap()
                .keys()
                .map(String::as_str)
                .collect();
            assert_eq!(names.len(), 12, "{names:?}");
            let listed = rig.get(&format!("{MESSAGES}?box=sent")).await.value();
            assert_eq!(listed["messages"][0], shown);
            assert_eq!(listed["next"], Value::Null);
            assert_eq!(
                rig.get("/api/v1/status").await.value()["queues"]["outbox"],
                1
            );
            let cancelled = rig.call("DELETE", &path, "").await;
            assert_eq!(
                (cancelled.status, &cancelled.value()["status"]),
                (200, &"cancelled".into())
            );
            assert_eq!(rig.call("DELETE", &path, "").await.status, 204);
            assert_eq!(rig.get(&path).await.code(), "no_such_message");
            assert_eq!(
                rig.call("DELETE", &path, "").await.code(),
                "no_such_message"
            );
        },
    )
    .await;
}

#[tokio::test]
async fn a_list_and_a_group_are_opened_and_nobody_gets_it_twice() {
    with(groups, |rig| async move {
        let body = r#"{"to":["+12025550102","@family","911"],"text":"x"}"#;
        let sent = rig.call("POST", MESSAGES, body).await.value();
        let to: Vec<&Value> = sent["messages"]
            .as_array()
            .unwrap()
            .iter()
            .map(|message| &message["to"])
            .collect();
        assert_eq!(to, ["+12025550102", "+12025550101", "911"]);
        let group = rig
            .call("POST", MESSAGES, r#"{"to":"@family","text":"x"}"#)
            .await;
        assert_eq!(group.value()["messages"].as_array().unwrap().len(), 2);
    })
    .await;
}

#[tokio::test]
async fn what_cannot_be_sent_is_refused_with_its_own_code() {
    with(groups, |rig| async move {
        let many: Vec<String> = (0..101).map(|n| format!("\"+1202555{n:04}\"")).collect();
        let many = format!(r#"{{"to":[{}],"text":"x"}}"#, many.join(","));
        let long = format!(r#"{{"to":"1","text":"{}"}}"#, "a".repeat(256 * 153));
        let cases = [
            ("", 400, "malformed_json"),
            ("{", 400, "malformed_json"),
            (r#"{"to":"1","text":"x"}}"#, 400, "malformed_json"),
            (r#"{"to":"1","text":"\ud83d"}"#, 400, "malformed_json"),
            (r#"["1","x"]"#, 422, "bad_shape"),
            (r#"{"to":"1"}"#, 422, "bad_shape"),
            (r#"{"to":"1","text":"x","txt":"y"}"#, 422, "bad_shape"),
            (r#"{"to":"1","text":"x","flash":"no"}"#, 422, "bad_shape"),
            (r#"{"to":"1","text":"x","validity_s":-1}"#, 422, "bad_shape"),
            (
                r#"{"to":"1","text":"x","validity_s":299}"#,
                422,
                "bad_validity",
            ),
            (
                r#"{"to":"1","text":"x","validity_s":38102401}"#,
                422,
                "bad_validity",
            ),
            (r#"{"to":"1","text":""}"#, 422, "empty_text"),
            (&long, 422, "text_too_long"),
            (r#"{"text":"x"}"#, 422, "bad_recipients"),
            (r#"{"to":12025550155,"text":"x"}"#, 422, "bad_recipients"),
            (r#"{"to":[],"text":"x"}"#, 422, "bad_recipients"),
            (r#"{"to":["1",2],"text":"x"}"#, 422, "bad_recipients"),
            (&many, 422, "bad_recipients"),
            (r#"{"to":"","text":"x"}"#, 422, "bad_number"),
            (r#"{"to":"Alice","text":"x"}"#, 422, "bad_number"),
            (r#"{"to":"@friends","text":"x"}"#, 422, "unknown_group"),
            (r#"{"to":"@nobody","text":"x"}"#, 422, "unknown_group"),
        ];
        for (body, status, code) in cases {
            let answer = rig.call("POST", MESSAGES, body).await;
            assert_eq!(
                (answer.status, answer.code().as_str()),
                (status, code),
                "{body:.99}"
            );
        }
        let named = rig
            .call("POST", MESSAGES, r#"{"to":"1","text":"x","txt":"y"}"#)
            .await;
        assert!(named.value()["detail"].as_str().unwrap().contains("`txt`"));
        let placed = rig.call("POST", MESSAGES, "{\n  \"to\" 1}").await;
        assert!(
            placed.value()["detail"]
                .as_str()
                .unwrap()
                .contains("line 2 column 8")
        );
        let listed = rig.get(&format!("{MESSAGES}?box=sent")).await.value();
        assert_eq!(listed["messages"], Value::Array(Vec::new()));
    })
    .await;
}

#[tokio::test]
async fn json_is_taken_whatever_it_is_called_a_form_and_half_a_character_are_none() {
    with(|_| {}, |rig| async move {
        let mut client = rig.unix().await;
        client
            .send("POST /api/v1/messages HTTP/1.1\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 4\r\n\r\nto=1")
            .await;
        assert_eq!(client.answer().await.code(), "malformed_json");
        client
            .send("POST /api/v1/messages/preview HTTP/1.1\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 12\r\n\r\n{\"text\":\"g\"}")
            .await;
        assert_eq!(client.answer().await.value()["parts"], 1);
        client
            .send("POST /api/v1/messages HTTP/1.1\r\nContent-Length: 12\r\n\r\n{\"text\":\"g\"")
            .await;
        client.line.write_all(b"\xc3").await.unwrap();
        let answer = client.answer().await;
        assert_eq!(answer.code(), "not_utf8");
        assert_eq!(answer.value()["detail"], "byte 11 of the body is not UTF-8");
    })
    .await;
}

#[tokio::test]
async fn a_repeated_key_gives_the_first_answer_and_another_body_is_refused() {
    with(|_| {}, |rig| async move {
        let mut client = rig.unix().await;
        let mut ask = async |body: &str, key: &str| {
            client
                .send(&format!(
                    "POST {MESSAGES} HTTP/1.1\r\nIdempotency-Key: {key}\r\nContent-Length: {}\r\n\r\n{body}",
                    body.len()
                ))
                .await;
            client.answer().await
        };
        let body = r#"{"to":"1","text":"once"}"#;
        let first = ask(body, "key-1").await;
        let again = ask(body, "key-1").await;
        assert_eq!((again.status, again.value()), (202, first.value()));
        assert_eq!(ask(r#"{"to":"1","text":"twice"}"#, "key-1").await.code(), "key_reused");
        assert_eq!(ask(body, "k e y").await.code(), "bad_parameter");
    })
    .await;
}

#[tokio::test]
async fn received_messages_are_listed_in_pages_read_and_deleted() {
    with(
        |_| {},
        |rig| async move {
            let ids: Vec<String> = ["one", "two Grüße", "three"]
                .into_iter()
                .zip(1..)
                .map(|(text, index)| rig.receive(text, index).to_string())
                .collect();
            let page = rig.get(&format!("{MESSAGES}?limit=2")).await.value();
            assert_eq!(page["messages"][0]["text"], "one");
            assert_eq!(page["messages"][0]["read"], false);
            assert_eq!(page["messages"][0]["from"], "+31641600986");
            assert_eq!(page["messages"][1]["id"], ids[1].as_str());
            assert_eq!(page["next"], ids[1].as_str());
            let rest = rig
                .get(&format!("{MESSAGES}?box=inbox&after={}", ids[1]))
                .await
                .value();
            assert_eq!(rest["messages"][0]["text"], "three");
            assert_eq!(rest["next"], Value::Null);
            let found = async |query: &str| {
                let page = rig.get(&format!("{MESSAGES}?{query}")).await.value();
                page["messages"].as_array().unwrap().len()
            };
            assert_eq!(found("q=gr%C3%BC%C3%9Fe").await, 1);
            assert_eq!(found("from=+31641600986").await, 3);
            assert_eq!(found("from=%2B31641600986&q=zzz").await, 0);
            let path = format!("{MESSAGES}/{}", ids[0]);
            let read = rig.get(&path).await.value();
            assert_eq!(
                (&read["box"], &read["read"], &read["class"]),
                (&"inbox".into(), &true.into(), &Value::Null)
            );
            assert_eq!(read.as_object().unwrap().len(), 10, "{read}");
            assert_eq!(rig.call("DELETE", &path, "").await.status, 204);
            assert_eq!(rig.get(&path).await.code(), "no_such_message");
            assert_eq!(
                *rig.freed.borrow(),
                [Slot {
                    memory: Memory::Sim,
                    index: 1
                }]
            );
            let status = rig.get("/api/v1/status").await.value();
            assert!(
                status["inbox"]["last_received_at"]
                    .as_str()
                    .is_some_and(|at| at.ends_with('Z'))
            );
        },
    )
    .await;
}

#[tokio::test]
async fn a_parameter_that_is_unknown_or_out_of_range_is_named() {
    with(
        |_| {},
        |rig| async move {
            for query in [
                "box=outbox",
                "limit=201",
                "limit=x",
                "after=-1",
                "lmit=1",
                "q=1&q=2",
                "q=%FF",
            ] {
                let answer = rig.get(&format!("{MESSAGES}?{query}")).await;
                assert_eq!(answer.status, 400, "{query}");
            }
            let answer = rig.get("/api/v1/status?verbose").await;
            assert_eq!(
                answer.value()["detail"],
                "parameter verbose is not known here"
            );
            for id in ["0x1", "-1", "99999999999999999999", "1", "%31"] {
                assert_eq!(
                    rig.get(&format!("{MESSAGES}/{id}")).await.code(),
                    "no_such_message"
                );
            }
        },
    )
    .await;
}

#[tokio::test]
async fn a_preview_costs_nothing() {
    with(
        |_| {},
        |rig| async move {
            let preview = async |text: &str| {
                let body = serde_json::json!({ "text": text }).to_string();
                rig.call("POST", "/api/v1/messages/preview", &body).await
            };
            let cost = preview("hello").await.value();
            assert_eq!(
                cost,
                serde_json::json!({"encoding":"gsm7","parts":1,"characters":5,"left_in_part":155})
            );
            assert_eq!(preview("зима").await.value()["encoding"], "ucs2");
            assert_eq!(preview("").await.code(), "empty_text");
            let listed = rig.get(&format!("{MESSAGES}?box=sent")).await.value();
            assert_eq!(listed["messages"], Value::Array(Vec::new()));
        },
    )
    .await;
}

#[tokio::test]
async fn state_is_told_as_the_worker_told_it() {
    with(
        |config| config.agent.name = Some(String::from("barn")),
        |rig| async move {
            {
                let mut radio = rig.rooms.signal.borrow_mut();
                radio.state = ModemState::SimPin;
                radio.levels.rsrp_dbm = Some(-90);
                radio.levels.rsrq_db = Some(Tenths(-105));
                radio.slots = Some(Slots { used: 3, total: 50 });
                radio.network.plmn = Some(String::from("24602"));
            }
            rig.rooms.targets.borrow_mut().push(Health {
                name: String::from("web"),
                queued: 4,
                delivered: 2,
                failed: 0,
                last_error: Some(String::from("refused")),
            });
            let status = rig.get("/api/v1/status").await.value();
            assert_eq!(status["modem"]["state"], "sim-pin");
            assert_eq!(status["agent"]["name"], "barn");
            assert_eq!(status["agent"]["version"], env!("CARGO_PKG_VERSION"));
            assert_eq!(status["network"]["plmn"], "24602");
            assert_eq!(status["queues"], serde_json::json!({"outbox":0,"push":4}));
            let signal = rig.get("/api/v1/signal").await.value();
            assert_eq!(status["signal"], signal);
            assert_eq!(
                (&signal["rsrq_db"], &signal["bars"], &signal["at"]),
                (&(-10.5).into(), &3.into(), &Value::Null)
            );
            let storage = rig.get("/api/v1/storage").await.value();
            assert_eq!(
                storage,
                serde_json::json!({"location":"sm","used":3,"total":50,"leave_free":5})
            );
            let push = rig.get("/api/v1/push").await.value();
            assert_eq!(push["targets"][0]["last_error"], "refused");
        },
    )
    .await;
}

#[tokio::test]
async fn health_is_the_modems_answer_and_asked_once_a_second() {
    with(
        |_| {},
        |rig| async move {
            rig.alive.set(false);
            let silent = rig.get("/healthz").await;
            assert_eq!(
                (silent.status, silent.code().as_str()),
                (503, "modem_silent")
            );
            rig.alive.set(true);
            let healthy = || async {
                match rig.get("/api/v1/healthz").await.status {
                    200 => Ok(()),
                    _ => Err(std::io::ErrorKind::Other.into()),
                }
            };
            until(healthy).await;
            rig.alive.set(false);
            assert_eq!(rig.get("/healthz").await.status, 200);
        },
    )
    .await;
}

#[tokio::test]
async fn a_full_state_directory_says_so_and_keeps_answering() {
    with(
        |_| {},
        |rig| async move {
            let body = format!(r#"{{"to":"1","text":"{}"}}"#, "ж".repeat(17_000));
            let mut answers = Vec::new();
            for _ in 0..20 {
                answers.push(rig.call("POST", MESSAGES, &body).await);
            }
            let last = answers.last().unwrap();
            assert_eq!((last.status, last.code().as_str()), (507, "store_full"));
            assert!(last.field("Retry-After").is_some());
            let page = rig.get(&format!("{MESSAGES}?box=sent")).await.value();
            assert!(page["next"].is_string(), "pages are cut by their size too");
        },
    )
    .await;
}
