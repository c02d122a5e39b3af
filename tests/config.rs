//! Tests: the configuration through the real binary — `check`, `run` with and without a file, what the command line
//! overrides, reload by SIGHUP — and that the README's table of options is the one the program has.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]
#![allow(clippy::disallowed_types, clippy::disallowed_methods)]

mod support;

use std::io::{BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::json;

use support::http::{self, Response};
use support::process::Process;
use support::push::{Answer, PushReceiver};
use support::{Bench, PATIENCE, Setup, TOKEN, free_address, process, wait_for, wait_until};

/// Runs the agent with these words to its end.
fn run(words: &[&str]) -> Output {
    let mut line = process::agent_command();
    line.extend(words.iter().map(ToString::to_string));
    let (program, words) = line.split_first().unwrap();
    Command::new(program).args(words).output().unwrap()
}

/// `check` on this text: the exit code, and what it said without the file's name.
fn check(text: impl AsRef<[u8]>) -> (Option<i32>, String) {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("rut-agent");
    std::fs::write(&file, text).unwrap();
    let file = file.display().to_string();
    let output = run(&["check", "--config", &file]);
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    let said = String::from_utf8_lossy(&output.stdout).replace(&file, "FILE");
    (output.status.code(), said)
}

#[rustfmt::skip]
const BAD: &[(&str, &str)] = &[
    ("config agent 'agent'\n\n\toption lgo_level 'info'\n", "FILE:3: error: agent.lgo_level: there is no such option; did you mean log_level?"),
    ("config modme 'modem'\n", "FILE:1: error: there is no section modme; did you mean modem?"),
    ("config modem 'modem'\n\toption poll 'often'\n", "FILE:2: error: modem.poll \"often\""),
    ("config modem 'modem'\n\toption free '99999'\n", "FILE:2: error: modem.free \"99999\""),
    ("config modem 'modem'\n\toption tty '/dev/ttyUSB2'\n", "FILE:2: error: modem.tty \"/dev/ttyUSB2\" is the control port of the vendor's daemon"),
    ("config modem 'modem'\n\tlist tty 'auto'\n", "FILE:2: error: modem.tty has one value: write option, not list"),
    ("config api 'api'\n\tlist listen '0.0.0.0:8240'\n", "FILE:2: error: api.listen 0.0.0.0:8240 reaches beyond this router and api.token is not set"),
    ("config api 'api'\n\tlist allow '10.0.0.0/99'\n", "FILE:2: error: api.allow"),
    ("config to_http 'x'\n\toption enabled '1'\n", "FILE:2: error: to_http 'x' is enabled and has no url"),
    ("config to_http 'x'\n\toption url 'ftp://a/b'\n", "FILE:2: error: to_http.url"),
    ("config to_http 'x'\n\toption mode 'user_group'\n\toption group 'us'\n", "FILE:3: error: to_http.group: there is no section phone named \"us\""),
    ("config phone\n\tlist tel '+1'\n", "FILE:1: error: a section phone needs a name"),
    ("option poll '5'\n", "FILE:1: error:"),
    ("config modem 'modem'\n\toption tty 'auto\n", "FILE:2: error:"),
    ("hello\n", "FILE:1: error:"),
];

#[test]
fn check_names_file_and_line_of_all_that_is_wrong_and_exits_1() {
    for (text, expected) in BAD {
        let (exit, said) = check(text);
        assert_eq!(exit, Some(1), "{text}");
        assert!(said.starts_with(expected), "{text}{said}");
    }
    let all: Vec<&str> = BAD.iter().map(|(text, _)| *text).take(4).collect();
    assert_eq!(check(all.concat()).1.lines().count(), 4);
    assert!(
        check(b"config agent 'agent'\n\xff\n")
            .1
            .starts_with("FILE:2: error: this line is not UTF-8")
    );
    assert!(
        check("#".repeat(300_000))
            .1
            .starts_with("FILE: error: is longer")
    );
    let missing = run(&["check", "--config", "/nonexistent/rut-agent"]);
    assert_eq!(missing.status.code(), Some(1));
    let said = String::from_utf8_lossy(&missing.stdout).into_owned();
    assert!(
        said.starts_with("/nonexistent/rut-agent: error: cannot be read"),
        "{said}"
    );
    let secret = "config api 'api'\n\toption token 'gr\u{fc}\u{df} s3cret'\n";
    let (exit, said) = check(secret);
    assert!(exit == Some(1) && !said.contains("s3cret"), "{said}");
}

#[test]
fn check_is_content_with_what_can_be_used_and_says_what_has_no_effect() {
    assert_eq!(check(""), (Some(0), String::new()));
    if !Path::new("/etc/config/rut-agent").exists() {
        let said = String::from_utf8(run(&["check"]).stdout).unwrap();
        assert_eq!(
            said,
            "there is no /etc/config/rut-agent: the defaults hold\n"
        );
    }
    let (exit, said) = check("config lan_host 'host'\n\toption hostname 'sms.lan'\n");
    assert_eq!(exit, Some(0), "{said}");
    assert!(
        said.starts_with("FILE:1: remark: lan_host 'host' has no ip: it has no effect"),
        "{said}"
    );
    let packaged = Path::new(env!("CARGO_MANIFEST_DIR")).join("openwrt/files/rut-agent.config");
    if let Ok(text) = std::fs::read_to_string(packaged) {
        assert_eq!(check(&text), (Some(0), String::new()));
    }
    assert_eq!(run(&["check", "--config"]).status.code(), Some(2));
    assert_eq!(run(&["check", "file"]).status.code(), Some(2));
}

#[test]
fn run_refuses_the_vendors_port_and_a_bad_file_and_says_why() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).display().to_string();
    let state = format!(
        "config agent 'agent'\n\toption state_dir '{}'\n",
        path("state")
    );
    std::fs::write(path("good"), &state).unwrap();
    std::fs::write(
        path("bad"),
        format!("{state}config modem 'modem'\n\toption tty '/dev/ttyUSB2'\n"),
    )
    .unwrap();
    for (file, tty, place) in [
        ("bad", "auto", ":4: error"),
        ("good", "/dev//ttyUSB2", "command line: error"),
    ] {
        // The command line stands above the file: its `auto` must not hide what the file says wrong.
        let output = run(&[
            "run",
            "--config",
            &path(file),
            "--socket",
            &path("socket"),
            "--tty",
            tty,
        ]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(
            said.contains(place) && said.contains("it resets the modem"),
            "{said}"
        );
        assert!(said.contains("this configuration cannot be used"), "{said}");
    }
    assert!(!dir.path().join("state").exists(), "nothing is begun");
    assert_eq!(run(&["run", "--tty"]).status.code(), Some(2));
    assert_eq!(run(&["run", "now"]).status.code(), Some(2));
}

/// A connection that stays.
struct Kept(BufReader<TcpStream>);

impl Kept {
    fn to(address: SocketAddr) -> Kept {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Kept(BufReader::new(stream))
    }

    fn get(&mut self, path: &str, fields: &str) -> std::io::Result<Response> {
        let request =
            format!("GET /api/v1{path} HTTP/1.1\r\nAuthorization: Bearer {TOKEN}\r\n{fields}\r\n");
        self.0.get_mut().write_all(request.as_bytes())?;
        http::read_response(&mut self.0)
    }
}

/// What the Unix socket says of the agent.
fn local_status(bench: &Bench) -> u16 {
    let mut stream = UnixStream::connect(bench.socket()).unwrap();
    stream
        .write_all(b"GET /api/v1/status HTTP/1.0\r\n\r\n")
        .unwrap();
    http::read_response(&mut BufReader::new(stream))
        .unwrap()
        .status
}

/// Writes these sections, reloads, and waits for what the log says of it.
fn reload(bench: &Bench, sections: &str, verdict: &str) {
    let before = bench.log().matches(verdict).count();
    bench.write_config("", sections);
    bench.reload();
    wait_until(PATIENCE, verdict, || {
        bench.log().matches(verdict).count() > before
    });
}

const TAKEN: &str = "the configuration was read again and is in force";
const REFUSED: &str = "the configuration has errors: the old one stays in force";

fn status_of(address: SocketAddr, token: &str) -> std::io::Result<u16> {
    let bearer = format!("Bearer {token}");
    let fields = [("Authorization", bearer.as_str())];
    http::request(address, "GET", "/api/v1/signal", &fields, b"").map(|answer| answer.status)
}

#[test]
fn a_reload_brings_token_address_and_target_into_force_and_a_bad_file_changes_nothing() {
    let (first, second) = (PushReceiver::start(), PushReceiver::start());
    first.answer(Answer::Status(503));
    let target = |receiver: &PushReceiver| {
        let url = receiver.url("/in");
        format!("config to_http 'host'\n\toption enabled '1'\n\toption url '{url}'\n")
    };
    let bench = Bench::start(&Setup {
        sections: target(&first),
        ..Setup::default()
    });
    let another = free_address();
    bench.control(r#"deliver {"from":"+12025550155","text":"before"}"#);
    first.wait(1, PATIENCE);
    bench.control("delay 100");
    let order = json!({"to": "+12025550155", "text": "on its way"});
    assert_eq!(bench.api("POST", "/messages", Some(&order)).0, 202);

    let api = format!("config api 'api'\n\tlist listen '{another}'\n");
    reload(
        &bench,
        &format!("{api}\toption token 'bad\n{}", target(&second)),
        REFUSED,
    );
    assert!(
        bench.log().contains("/config:"),
        "file and line are in the log"
    );
    assert_eq!(status_of(bench.address, TOKEN).unwrap(), 200);
    assert!(status_of(another, TOKEN).is_err());
    assert!(second.requests().is_empty());

    let token = "\toption token 'the-new-one'\n";
    reload(&bench, &format!("{api}{token}{}", target(&second)), TAKEN);
    wait_until(PATIENCE, "the new address", || {
        status_of(another, "the-new-one").is_ok_and(|status| status == 200)
    });
    assert_eq!(status_of(bench.address, "the-new-one").unwrap(), 200);
    assert_eq!(status_of(bench.address, TOKEN).unwrap(), 401);
    // What waited for the old target goes to the new one of the same name, and the send went on.
    assert!(
        second.wait(1, PATIENCE)[0]
            .target()
            .contains("message=before")
    );
    bench.control(r#"deliver {"from":"+12025550155","text":"after"}"#);
    assert!(
        second.wait(2, PATIENCE)[1]
            .target()
            .contains("message=after")
    );
    assert_eq!(bench.wait_air(1)[0]["text"], "on its way");
    assert!(!bench.log().contains("the-new-one"));

    std::fs::remove_file(bench.config()).unwrap();
    bench.reload();
    wait_until(PATIENCE, REFUSED, || {
        bench.log().matches(REFUSED).count() == 2
    });
    assert_eq!(status_of(another, "the-new-one").unwrap(), 200);
    assert_eq!(bench.air().len(), 1);
}

#[test]
fn what_a_reload_cannot_change_is_said() {
    let bench = Bench::start(&Setup::default());
    let later = "counts from the next start";
    reload(&bench, "", TAKEN);
    assert!(!bench.log().contains(later));
    let agent = "config agent 'agent'\n\toption state_limit '65536'\n";
    reload(&bench, agent, TAKEN);
    assert!(bench.log().contains(later));
}

#[test]
fn open_connections_are_judged_anew_after_a_reload() {
    let bench = Bench::start(&Setup::default());
    let streaming = || {
        let mut stream = Kept::to(bench.address);
        let request = format!(
            "GET /api/v1/events HTTP/1.1\r\nAuthorization: Bearer {TOKEN}\r\nAccept: text/event-stream\r\n\r\n"
        );
        stream.0.get_mut().write_all(request.as_bytes()).unwrap();
        let mut begun = [0; 12];
        stream.0.read_exact(&mut begun).unwrap();
        assert_eq!(&begun, b"HTTP/1.1 200");
        stream
    };
    for sections in [
        "config api 'api'\n\tlist allow '10.0.0.0/8'\n",
        "config api 'api'\n\toption enabled '0'\n",
    ] {
        let (mut kept, mut stream) = (Kept::to(bench.address), streaming());
        assert_eq!(kept.get("/signal", "").unwrap().status, 200);
        reload(&bench, sections, TAKEN);
        assert!(kept.get("/signal", "").is_err(), "{sections}");
        let mut rest = String::new();
        stream.0.read_to_string(&mut rest).unwrap();
        assert!(status_of(bench.address, TOKEN).is_err(), "{sections}");
        assert_eq!(local_status(&bench), 200);
        reload(&bench, "", TAKEN);
        wait_until(PATIENCE, "served again", || {
            status_of(bench.address, TOKEN).is_ok()
        });
    }
    // A new token ends streams that the old one opened; what says nothing of the API leaves them alone.
    let (mut kept, mut stream) = (Kept::to(bench.address), streaming());
    assert_eq!(kept.get("/signal", "").unwrap().status, 200);
    reload(
        &bench,
        "config agent 'agent'\n\toption name 'other'\n",
        TAKEN,
    );
    assert_eq!(kept.get("/signal", "").unwrap().status, 200);
    bench.control(r#"deliver {"from":"+12025550155","text":"still heard"}"#);
    let mut heard = Vec::new();
    wait_for(PATIENCE, "the event", || {
        let mut some = [0; 512];
        let length = stream.0.read(&mut some).unwrap();
        assert!(length > 0, "the stream ended");
        heard.extend_from_slice(&some[..length]);
        String::from_utf8_lossy(&heard)
            .contains("still heard")
            .then_some(())
    });
    reload(
        &bench,
        "config api 'api'\n\toption token 'another'\n",
        TAKEN,
    );
    stream.0.read_to_end(&mut heard).unwrap();
    assert_eq!(kept.get("/signal", "").unwrap().status, 401);
}

#[test]
fn the_command_line_stands_above_the_file() {
    let bench = Bench::sim_only(&Setup {
        modem: String::from("\toption tty '/dev/ttyUSB9'"),
        ..Setup::default()
    });
    let path = |name: &str| bench.path(name).display().to_string();
    let (one, two) = (free_address(), free_address());
    let listen = [one.to_string(), two.to_string()];
    let tty = path("ttyUSB3");
    let (config, socket) = (path("config"), path("socket"));
    let mut line = process::agent_command();
    let words = [
        "run", "--config", &config, "--socket", &socket, "--tty", &tty, "--token", "given",
        "--listen", &listen[0], "--listen", &listen[1],
    ];
    line.extend(words.map(String::from));
    let mut agent = Process::start(&line, &bench.path("agent.log"));
    for address in [one, two] {
        wait_until(PATIENCE, "the API", || {
            status_of(address, "given").is_ok_and(|status| status == 200)
        });
        assert_eq!(status_of(address, TOKEN).unwrap(), 401);
    }
    assert!(status_of(bench.address, "given").is_err());
    let ready = || run(&["status", "--json", "--socket", &socket]).stdout;
    wait_until(PATIENCE, "the modem", || {
        String::from_utf8_lossy(&ready()).contains(r#""state":"ready""#)
    });
    // They outlive a reload.
    agent.signal(nix::sys::signal::Signal::SIGHUP);
    wait_until(PATIENCE, TAKEN, || bench.log().contains(TAKEN));
    assert_eq!(status_of(two, "given").unwrap(), 200);
    assert!(!bench.log().contains("given"));
    assert!(agent.runs());
    assert_eq!(agent.terminate(PATIENCE), Some(0));
}

#[test]
fn without_a_file_the_agent_serves_loopback_and_says_when_its_state_cannot_be_kept() {
    // An empty /etc of its own, writable or not: nothing of this machine is read or touched.
    let probe = Command::new("unshare")
        .args(["-m", "mount", "-t", "tmpfs", "none", "/etc"])
        .output();
    if !probe.is_ok_and(|output| output.status.success()) {
        return println!("skipped: only root can give the agent an /etc of its own");
    }
    let bench = Bench::sim_only(&Setup::default());
    let line = |options: &str| -> Vec<String> {
        let agent = process::agent_command().join(" ");
        let (socket, tty) = (bench.socket(), bench.tty());
        let script = format!(
            "mount -t tmpfs -o {options} none /etc && exec {agent} run --socket {} --tty {} --listen {}",
            socket.display(),
            tty.display(),
            bench.address
        );
        ["unshare", "-m", "sh", "-c", &script]
            .map(String::from)
            .to_vec()
    };
    let log = bench.path("readonly.log");
    assert_eq!(Process::start(&line("ro"), &log).wait(PATIENCE), Some(1));
    let said = std::fs::read_to_string(&log).unwrap();
    assert!(said.contains("state_dir /etc/rut-agent/state"), "{said}");
    assert!(
        said.contains("Read-only file system") && said.contains("option state_dir"),
        "{said}"
    );

    let _agent = Process::start(&line("rw"), &bench.path("agent.log"));
    wait_until(
        PATIENCE,
        "loopback, which needs no token as there is none",
        || {
            let answer = http::request(bench.address, "GET", "/api/v1/status", &[], b"");
            answer.is_ok_and(|answer| answer.json()["modem"]["state"] == "ready")
        },
    );
    assert_eq!(local_status(&bench), 200);
    let host = http::raw(
        bench.address,
        b"GET /api/v1/status HTTP/1.0\r\nHost: evil.example\r\n\r\n",
    );
    assert_eq!(host.unwrap().json()["code"], "foreign_origin");
}

/// `RUT_AGENT_BLESS=1` writes it.
#[test]
fn the_readme_has_the_table_of_options() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let readme = std::fs::read_to_string(&path).unwrap();
    let begin = readme.find("<!-- options: made by ").unwrap();
    let begin = begin + readme[begin..].find('\n').unwrap() + 1;
    let end = readme.find("<!-- /options -->").unwrap();
    let table = format!("\n{}\n", rut_agent::config::help());
    if std::env::var_os("RUT_AGENT_BLESS").is_some() {
        std::fs::write(&path, [&readme[..begin], &table, &readme[end..]].concat()).unwrap();
    } else {
        assert!(
            readme[begin..end] == table,
            "RUT_AGENT_BLESS=1 cargo test --test config writes it"
        );
    }
}
