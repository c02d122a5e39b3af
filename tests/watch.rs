//! Tests: watching the real agent — the signal and its history over a restart, thresholds, cells, metrics read by
//! Prometheus' own promtool and parser, openapi.json by schemathesis, events over disconnects and a power cut. Never tests what the page makes of it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_types,
    clippy::disallowed_methods
)]

mod support;

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};

use support::{Bench, PATIENCE, Setup, TOKEN, http, wait_for, wait_until};

/// Other people's checkers, where `scripts/setup` puts them.
const TOOLS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/target/tools/bin");

fn of(bench: &Bench, path: &str) -> Value {
    let (status, body) = bench.api("GET", path, None);
    assert_eq!(status, 200, "{body}");
    body
}

fn model(model: &'static str) -> Bench {
    Bench::start(&Setup {
        model,
        ..Setup::default()
    })
}

/// Waits until a fresh measurement shows this RSRP.
fn measured(bench: &Bench, rsrp: i64) -> Value {
    wait_for(PATIENCE, "a measurement", || {
        let signal = of(bench, "/signal?live=1");
        (signal["rsrp_dbm"] == rsrp).then_some(signal)
    })
}

/// The value of a column in the last sample.
fn last(history: &Value, field: &str) -> Value {
    let fields = history["fields"].as_array().unwrap();
    let at = fields.iter().position(|name| name == field).unwrap();
    history["samples"].as_array().unwrap().last().unwrap()[at].clone()
}

#[test]
fn the_history_has_each_step_and_its_hours_outlive_a_restart() {
    let mut bench = model("ec25");
    measured(&bench, -95);
    let minutes = of(&bench, "/signal/history");
    assert_eq!(minutes["step_s"], 60);
    assert_eq!(minutes["samples"].as_array().unwrap().len(), 1);
    assert_eq!(
        [last(&minutes, "technology"), last(&minutes, "bars")],
        [json!("4G"), json!(3)]
    );
    assert_eq!(
        [
            last(&minutes, "rsrp_dbm"),
            last(&minutes, "rsrq_db"),
            last(&minutes, "rscp_dbm")
        ],
        [json!(-95), json!(-9), Value::Null]
    );
    bench.control("signal {\"rsrp\":-105}");
    measured(&bench, -105);
    assert_eq!(bench.terminate(), Some(0));
    bench.start_agent();
    bench.wait_ready();
    let hours = of(&bench, "/signal/history?step_s=86400");
    assert_eq!(hours["step_s"], 86_400);
    assert_eq!(
        [last(&hours, "rsrp_dbm_min"), last(&hours, "rsrp_dbm_max")],
        [json!(-105), json!(-95)]
    );
    let (_, later) = bench.api("GET", "/signal/history?since=2099-01-01T00:00:00Z", None);
    assert_eq!(later["samples"], json!([]));
    for wrong in ["since=yesterday", "step_s=2592001", "step=60"] {
        let (status, problem) = bench.api("GET", &format!("/signal/history?{wrong}"), None);
        assert_eq!((status, &problem["code"]), (400, &json!("bad_parameter")));
    }
}

#[test]
fn a_threshold_that_is_crossed_is_an_event_and_a_wavering_level_is_none() {
    let bench = model("ec25");
    measured(&bench, -95);
    for rsrp in [-96, -95, -97] {
        bench.control(&format!("signal {{\"rsrp\":{rsrp}}}"));
        measured(&bench, rsrp);
    }
    bench.control("signal {\"rsrp\":-109}");
    measured(&bench, -109);
    let events = of(&bench, "/events");
    let changes: Vec<&Value> = events["events"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|event| event["type"] == "signal.changed")
        .map(|event| &event["data"])
        .collect();
    assert_eq!(
        changes,
        [
            &json!({"bars": 1, "bars_before": 3, "technology": "4G", "rsrp_dbm": -109, "rssi_dbm": -65})
        ]
    );
}

#[test]
fn each_modem_tells_of_its_cell_what_it_can_and_the_rest_is_null() {
    let cell = |bench: &Bench, what: &str| {
        wait_for(PATIENCE, what, || {
            let status = of(bench, "/status");
            (!status["network"]["band"].is_null()).then_some(status)
        })
    };
    let status = cell(&model("ec25"), "EC25's cell");
    let network = &status["network"];
    assert_eq!(
        [&network["band"], &network["channel"], &network["pci"]],
        [&json!("B3"), &json!(1300), &json!(317)]
    );
    assert_eq!(
        network["neighbours"][1],
        json!({"channel": 6300, "pci": 44, "rsrp_dbm": -107, "rsrq_db": -13})
    );
    assert_eq!(status["modem"]["temperature_c"], 34);
    let status = cell(&model("slm750"), "SLM750's cell");
    assert_eq!(
        [
            &status["network"]["band"],
            &status["network"]["channel"],
            &status["modem"]["temperature_c"]
        ],
        [&json!("B3"), &json!(1300), &Value::Null]
    );
    let minimal = model("minimal");
    let status = wait_for(PATIENCE, "a level", || {
        let status = of(&minimal, "/status");
        (status["signal"]["rssi_dbm"] == -65).then_some(status)
    });
    assert_eq!(
        [
            &status["network"]["band"],
            &status["signal"]["rsrp_dbm"],
            &status["network"]["neighbours"]
        ],
        [&Value::Null, &Value::Null, &json!([])]
    );
}

/// Reads the text with `prometheus_client`'s strict parser and holds it to Prometheus' naming rules.
const CHECK: &str = r#"
import sys
from prometheus_client.parser import text_string_to_metric_families
text = sys.stdin.read()
seen = set()
for family in text_string_to_metric_families(text):
    assert family.name.startswith("rut_agent_"), family
    assert family.documentation and family.type in ("gauge", "counter"), family
    assert family.name not in seen, "in two places: " + family.name
    seen.add(family.name)
    for sample in family.samples:
        assert sample.name.endswith("_total") == (family.type == "counter"), sample
        print(sample.name, sorted(sample.labels.items()), float(sample.value))
assert text.endswith("\n")
"#;

/// What a program of `target/tools` says to the metrics. It must not complain.
fn checked(program: &str, arguments: &[&str], text: &str) -> String {
    let mut check = Command::new(format!("{TOOLS}/{program}"))
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|why| panic!("target/tools/{program}, which ./scripts/test makes: {why}"));
    check
        .stdin
        .take()
        .unwrap()
        .write_all(text.as_bytes())
        .unwrap();
    let done = check.wait_with_output().unwrap();
    let complaint = String::from_utf8_lossy(&done.stderr);
    assert!(
        done.status.success() && complaint.is_empty(),
        "{program}: {complaint}\n{text}"
    );
    String::from_utf8(done.stdout).unwrap()
}

#[test]
fn prometheus_reads_the_metrics_and_they_count_what_happened() {
    let bench = Bench::start(&Setup {
        sections: String::from(
            "config to_http 'a_target'\n\toption enabled '1'\n\toption url 'http://127.0.0.1:9/'\n\toption method 'json'\n",
        ),
        ..Setup::default()
    });
    let message = json!({"to": "+12025550155", "text": "x".repeat(200)});
    assert_eq!(bench.api("POST", "/messages", Some(&message)).0, 202);
    bench.control("deliver {\"from\":\"+12025550155\",\"text\":\"in\"}");
    wait_until(PATIENCE, "sent, delivered, received and counted", || {
        let text = bench.metrics();
        let wanted = [
            "rut_agent_messages_total{status=\"delivered\"} 1\n",
            "rut_agent_messages_received_total 1\n",
            "rut_agent_push_queued_events{target=\"a_target\"} 1\n",
            "rut_agent_push_up{target=\"a_target\"} 0\n",
        ];
        let never_failed = "rut_agent_push_failures_total{target=\"a_target\"} 0\n";
        wanted.iter().all(|line| text.contains(line)) && !text.contains(never_failed)
    });
    let text = bench.metrics();
    checked("promtool", &["check", "metrics"], &text);
    let read = checked("python", &["-c", CHECK], &text);
    for line in [
        "rut_agent_parts_sent_total [] 2.0",
        "rut_agent_messages_total [('status', 'sent')] 1.0",
        "rut_agent_modem_state [('state', 'ready')] 1.0",
        "rut_agent_modem_state [('state', 'absent')] 0.0",
        "rut_agent_signal_rsrp_dbm [] -95.0",
        "rut_agent_modem_starts_total [] 1.0",
    ] {
        assert!(read.contains(line), "{line}\n{read}");
    }
    let naked = http::request(bench.address, "GET", "/metrics", &[], b"").unwrap();
    assert_eq!(naked.status, 401, "metrics want the token");
}

/// `RUT_AGENT_BLESS=1` writes it.
#[test]
fn the_readme_has_the_table_of_calls() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/README.md");
    let readme = std::fs::read_to_string(path).unwrap();
    let begin = readme.find("<!-- calls: made by ").unwrap();
    let begin = begin + readme[begin..].find('\n').unwrap() + 1;
    let end = readme.find("<!-- /calls -->").unwrap();
    let rows: String = rut_agent::api::ROUTES
        .iter()
        .map(|route| {
            format!(
                "| `{} {}` | {} |\n",
                route.method, route.path, route.summary
            )
        })
        .collect();
    let table = format!("\n| call | |\n|---|---|\n{rows}\n");
    if std::env::var_os("RUT_AGENT_BLESS").is_some() {
        std::fs::write(path, [&readme[..begin], &table, &readme[end..]].concat()).unwrap();
    } else {
        assert!(
            readme[begin..end] == table,
            "RUT_AGENT_BLESS=1 cargo test --test watch writes it"
        );
    }
}

/// Lets pass what this API does on purpose: it says no to a number that cannot be called (422), and what a push's receiver
/// or the network refuses is told as 502.
#[test]
fn schemathesis_finds_no_answer_that_openapi_json_does_not_describe() {
    let bench = model("ec25");
    bench.control("deliver {\"from\":\"+12025550155\",\"text\":\"in\"}");
    let message = json!({"to": "+12025550155", "text": "out"});
    assert_eq!(bench.api("POST", "/messages", Some(&message)).0, 202);
    let program = format!("{TOOLS}/schemathesis");
    let dir = tempfile::tempdir().unwrap();
    let expected =
        "[checks]\nnot_a_server_error.expected-statuses = [\"2xx\", \"3xx\", \"4xx\", \"502\"]\n";
    std::fs::write(dir.path().join("schemathesis.toml"), expected).unwrap();
    let ran = Command::new(program)
        .current_dir(dir.path())
        .args(["run", &format!("http://{}/openapi.json", bench.address)])
        .args(["--header", &format!("Authorization: Bearer {TOKEN}")])
        .args(["--exclude-checks", "positive_data_acceptance"])
        .args(["--max-examples", "25", "--seed", "7", "--no-color"])
        .args(["--exclude-path", "/api/v1/events"])
        .output()
        .expect("schemathesis is missing: ./scripts/test installs it into target/tools");
    assert!(
        ran.status.success(),
        "{}",
        String::from_utf8_lossy(&ran.stdout)
    );
}

/// Follows the stream from event `after` on until `most` messages came or it ends; the new place.
fn follow(bench: &Bench, after: u64, most: usize, texts: &mut Vec<String>) -> u64 {
    let Ok(mut stream) = TcpStream::connect(bench.address) else {
        return after;
    };
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let head = format!(
        "GET /api/v1/events HTTP/1.1\r\nAuthorization: Bearer {TOKEN}\r\nAccept: text/event-stream\r\nLast-Event-ID: {after}\r\n\r\n"
    );
    let (mut seq, mut left) = (after, most);
    if stream.write_all(head.as_bytes()).is_err() {
        return seq;
    }
    for line in BufReader::new(stream).lines().map_while(Result::ok) {
        let Some(data) = line.strip_prefix("data: ") else {
            continue;
        };
        // A power cut may tear the last line.
        let Ok(event) = serde_json::from_str::<Value>(data) else {
            break;
        };
        assert!(event["seq"].as_u64().unwrap() > seq, "{event} after {seq}");
        seq = event["seq"].as_u64().unwrap();
        if event["type"] == "message.received" {
            texts.push(String::from(event["data"]["text"].as_str().unwrap()));
            left -= 1;
        }
        if left == 0 {
            break;
        }
    }
    seq
}

#[test]
fn five_hundred_messages_over_fifty_disconnects_and_a_power_cut_come_in_order_and_once() {
    const COUNT: usize = 500;
    let mut bench = model("ec25");
    let expected: Vec<String> = (0..COUNT).map(|n| format!("number {n}")).collect();
    let (mut texts, mut after, mut visits) = (Vec::new(), 0, 0);
    for half in expected.chunks(COUNT / 2) {
        let upto = texts.len() + half.len();
        let gone = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let bench = &bench;
            scope.spawn(|| {
                for text in half {
                    let order = json!({"from": "+12025550155", "text": text});
                    bench.control(&format!("deliver {order}"));
                }
                gone.store(true, Ordering::Relaxed);
            });
            while texts.len() < upto {
                let most = (visits % 13 + 1).min(upto - texts.len());
                after = follow(bench, after, most, &mut texts);
                visits += 1;
            }
        });
        assert!(gone.load(Ordering::Relaxed));
        bench.restart();
    }
    assert_eq!(texts, expected);
    assert!(visits >= 50, "{visits}");
}
