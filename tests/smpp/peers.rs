//! Tests: real clients at the server — Debian's Kannel, PyPI's smpplib and aiosmpplib, npm's smpp. Their own words about
//! the protocol count here, not ours.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use super::support::process::Process;
use super::support::push::{PushReceiver, Request};
use super::support::{Bench, PATIENCE, free_address, http, wait_for, wait_until};
use super::{bench, deliver, sessions};

fn root(path: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join(path)
        .display()
        .to_string()
}

/// Runs a table of checks that prints `ok` lines; at `deliver` a message is sent to it.
fn checks(words: &[&str], message: &str) -> (Bench, usize) {
    let (bench, at) = bench("");
    let port = at.port().to_string();
    let mut child = Command::new(words[0])
        .args(&words[1..2])
        .arg(&port)
        .args(&words[2..])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap_or_else(|why| panic!("{}: {why}; scripts/test installs it", words[0]));
    let mut passed = 0;
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        let line = line.unwrap();
        match line.as_str() {
            "deliver" => deliver(&bench, "+12025550155", message),
            _ if line.starts_with("ok ") => {
                passed += 1;
                println!("{}: {line}", message.trim_start_matches("to "));
            }
            _ => panic!("{line}"),
        }
    }
    assert!(child.wait().unwrap().success(), "after {passed} checks");
    wait_until(PATIENCE, "the end of all sessions", || {
        sessions(&bench).is_empty()
    });
    (bench, passed)
}

fn texts(bench: &Bench, count: usize) -> Vec<String> {
    let air = bench.wait_air(count);
    let text = |sent: &serde_json::Value| String::from(sent["text"].as_str().unwrap());
    air.iter().map(text).collect()
}

#[test]
fn smpplib_binds_submits_in_every_way_and_is_delivered_to() {
    let python = root("target/tools/bin/python3");
    let script = root("tests/smpp/smpplib_checks.py");
    let (bench, passed) = checks(&[&python, &script], "to smpplib");
    assert_eq!(passed, 15);
    let texts = texts(&bench, 1 + 2 + 3 + 3 + 2 + 1 + 100);
    assert_eq!(texts[0], "smpplib short");
    assert_eq!(texts[1..3].concat(), "smpplib long ".repeat(20));
    assert_eq!(texts[3..6].concat(), "смпп ".repeat(40));
    assert_eq!(texts[6..9].concat(), "smpplib payload ".repeat(20));
    assert_eq!(texts[9..12], ["sar 1", "sar 2", "smpplib receipt"]);
    assert_eq!(texts[111], "window 99");
}

#[test]
fn nodes_smpp_binds_submits_in_every_way_and_is_delivered_to() {
    let script = root("tests/smpp/node_checks.js");
    let modules = root("target/tools-node");
    let (bench, passed) = checks(&["node", &script, &modules], "to node");
    assert_eq!(passed, 22);
    let texts = texts(&bench, 1 + 1 + 2 + 4 + 1 + 100);
    assert_eq!(texts[..2], ["node short", "узел"]);
    assert_eq!(texts[2..4].concat(), "node payload ".repeat(20));
}

#[test]
fn aiosmpplib_submits_and_is_delivered_to() {
    let python = root("target/tools/bin/python3");
    let script = root("tests/smpp/aiosmpplib_checks.py");
    let (bench, passed) = checks(&[&python, &script], "to aiosmpplib");
    assert_eq!(passed, 8);
    let texts = texts(&bench, 5);
    assert_eq!(texts[..2], ["aiosmpplib short", "aiosmpplib жук"]);
    assert_eq!(texts[2..].concat(), "aiosmpplib long ".repeat(20));
}

/// Kannel's configuration, as in the README but for the ports.
fn kannel(dir: &Path, at: SocketAddr, ports: [u16; 3], push: &PushReceiver) -> String {
    let [admin, boxes, sendsms] = ports;
    let url = push.url("/in?from=%p&text=%a");
    let text = format!(
        "group = core\nadmin-port = {admin}\nadmin-password = bench\nsmsbox-port = {boxes}\nbox-allow-ip = 127.0.0.1\n\
         log-level = 0\n\n\
         group = smsc\nsmsc = smpp\nsmsc-id = rut\nhost = 127.0.0.1\nport = {}\ntransceiver-mode = true\n\
         smsc-username = kannel\nsmsc-password = s3cret\nsystem-type = \"\"\n\n\
         group = smsbox\nbearerbox-host = 127.0.0.1\nglobal-sender = 12345\nsendsms-port = {sendsms}\nlog-level = 0\n\n\
         group = sendsms-user\nusername = bench\npassword = bench\nmax-messages = 10\nconcatenation = true\n\n\
         group = sms-service\nkeyword = default\ncatch-all = true\nmax-messages = 0\nget-url = \"{url}\"\n",
        at.port()
    );
    let file = dir.join("kannel.conf");
    std::fs::write(&file, text).unwrap();
    file.display().to_string()
}

fn sendsms(port: u16, query: &str) {
    let target = format!("/cgi-bin/sendsms?username=bench&password=bench&charset=utf-8&{query}");
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    let answer = wait_for(PATIENCE, "Kannel's smsbox", || {
        let answer = http::request(address, "GET", &target, &[], b"").ok()?;
        (answer.status == 202).then_some(answer)
    });
    assert!(answer.text().contains("Accepted"), "{}", answer.text());
}

fn start(program: &str, config: &str, log: &Path) -> Process {
    let found = ["/usr/sbin", "/usr/bin"].map(|dir| format!("{dir}/{program}"));
    let found = found.iter().find(|path| Path::new(path).exists());
    let path =
        found.unwrap_or_else(|| panic!("{program} is not there; scripts/test installs kannel"));
    Process::start(
        &[
            path.clone(),
            String::from("-v"),
            String::from("1"),
            String::from(config),
        ],
        log,
    )
}

/// Kannel, bound to a bench.
struct Kannel {
    bench: Bench,
    push: PushReceiver,
    /// smsbox's port for what is to be sent.
    sendsms: u16,
    _boxes: [Process; 2],
}

fn bound_kannel() -> Kannel {
    let (bench, at) = bench("");
    let push = PushReceiver::start();
    let ports = [(); 3].map(|()| free_address().port());
    let log = bench.path("kannel.log");
    let config = kannel(log.parent().unwrap(), at, ports, &push);
    let bearerbox = start("bearerbox", &config, &log);
    wait_until(PATIENCE, "Kannel to be bound", || {
        sessions(&bench)
            .iter()
            .any(|one| one["mode"] == "transceiver")
    });
    let boxes = SocketAddr::from(([127, 0, 0, 1], ports[1]));
    wait_until(PATIENCE, "the bearerbox", || {
        TcpStream::connect(boxes).is_ok()
    });
    let smsbox = start("smsbox", &config, &log);
    Kannel {
        bench,
        push,
        sendsms: ports[2],
        _boxes: [bearerbox, smsbox],
    }
}

#[test]
fn kannel_sends_twenty_four_of_every_sort_and_gets_their_reports() {
    let kannel = bound_kannel();
    let long = "kannel%20long%20".repeat(20);
    let report = kannel.push.url("/report?kind=%25d%26number=");
    let report = report.replace(':', "%3A").replace('/', "%2F");
    for number in 0..6 {
        for (text, more) in [
            (format!("gsm%20{number}%20%C3%BC"), ""),
            (format!("%D0%B6%20{number}"), "&coding=2"),
            (long.clone(), ""),
            (format!("flash%20{number}"), "&mclass=0"),
        ] {
            let to = "to=%2B12025550155&dlr-mask=3";
            let query = format!("{to}&dlr-url={report}{number}&text={text}{more}");
            sendsms(kannel.sendsms, &query);
        }
    }
    // Long ones leave in two parts, as Kannel cuts them.
    let parts = 2 * 6;
    let air = kannel.bench.wait_air(18 + parts);
    let count = |holds: &dyn Fn(&Value) -> bool| air.iter().filter(|sent| holds(sent)).count();
    let begins = |sent: &Value, start: &str| sent["text"].as_str().unwrap().starts_with(start);
    assert_eq!(count(&|sent| begins(sent, "gsm")), 6);
    assert_eq!(count(&|sent| begins(sent, "ж ")), 6);
    assert_eq!(
        count(&|sent| sent["class"] == 0 && begins(sent, "flash")),
        6
    );
    assert_eq!(count(&|sent| !sent["concat"].is_null()), parts);
    assert!(air.iter().any(|sent| sent["text"] == "gsm 3 ü"));
    wait_until(PATIENCE, "24 delivery reports", || {
        let reports = kannel.push.requests();
        let good = |one: &&Request| one.target().starts_with("/report?kind=1");
        reports.iter().filter(good).count() >= 24
    });
}

#[test]
fn kannel_receives_twenty_four_of_every_sort() {
    let kannel = bound_kannel();
    for number in 0..8 {
        deliver(&kannel.bench, "+12025550155", &format!("in {number} @"));
        deliver(&kannel.bench, "+12025550155", &format!("вход {number}"));
        let text = format!("{number} {}", "long in ".repeat(40));
        let long = json!({"from": "+12025550155", "text": text, "concat_ref": number});
        kannel.bench.control(&format!("deliver {long}"));
    }
    let came = wait_for(PATIENCE, "24 messages", || {
        let came = kannel.push.requests();
        let came = came.iter().filter(|one| one.target().starts_with("/in?"));
        let came: BTreeSet<String> = came.map(|one| String::from(one.target())).collect();
        (came.len() >= 24).then_some(came)
    });
    assert_eq!(came.len(), 24, "{came:?}");
    // Kannel hands UCS-2 on as it came.
    for text in ["in+3+%40", "%042%04E%04%3E%044%00+%005"] {
        let end = format!("text={text}");
        assert!(came.iter().any(|target| target.ends_with(&end)), "{came:?}");
    }
    let whole = |target: &&String| target.matches("long+in").count() == 40;
    assert_eq!(came.iter().filter(whole).count(), 8);
}
