//! Tests: what the README's chapter Security promises, at the real binary — what runs and listens without a word of the
//! owner's, whose the files are, what wants a secret, and that no secret and no text leaks. Never the attacks themselves:
//! those are in `api/manners.rs`, `post_get.rs`, `smpp.rs`, `rules.rs` and `push/https.rs`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_types,
    clippy::disallowed_methods
)]

// Of the ends that other tests made, not all is needed here.
#[allow(dead_code)]
#[path = "smpp/client.rs"]
mod client;
#[path = "defaults/leaks.rs"]
mod leaks;
#[allow(dead_code)]
#[path = "mail_in/fake.rs"]
mod pop3;
#[allow(dead_code)]
#[path = "mail_out/fake.rs"]
mod smtp;
mod support;

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::{Value, json};

use support::http::{self, Response};
use support::process::{Process, agent_command};
use support::{Bench, PATIENCE, Setup, TOKEN, wait_until};

const PACKAGED: &str = include_str!("../openwrt/files/rut-agent.config");

/// Runs the agent with these words to its end.
fn run(words: &[&str], env: &[(&str, &str)]) -> Output {
    let mut line = agent_command();
    line.extend(words.iter().map(ToString::to_string));
    let mut command = Command::new(&line[0]);
    command.args(&line[1..]).envs(env.iter().copied());
    command.output().unwrap()
}

fn mode(path: &Path) -> u32 {
    let found = std::fs::symlink_metadata(path).unwrap();
    found.permissions().mode() & 0o777
}

/// What this process sees in the table of its network namespace: the second word of each line that `wanted` takes.
fn sockets(pid: u32, table: &str, wanted: impl Fn(&[&str]) -> bool) -> Vec<String> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/net/{table}")).unwrap();
    let lines = text.lines().skip(1);
    let words = lines.map(|line| line.split_whitespace().collect::<Vec<_>>());
    let found = words.filter(|words| wanted(words));
    found.map(|words| String::from(words[1])).collect()
}

/// The agent with the file that the package brings, only its places changed, in a network namespace of its own: what
/// listens there is its own. The umask takes nothing away, so that the modes are the agent's.
fn start_packaged(bench: &Bench) -> Process {
    let place = |option: &str, path: &Path| format!("\toption {option} '{}'", path.display());
    let text = PACKAGED
        .replace(
            "#\toption state_dir '/etc/rut-agent/state'",
            &place("state_dir", &bench.state_dir()),
        )
        .replace("#\toption tty 'auto'", &place("tty", &bench.tty()));
    let own = bench.path("").display().to_string();
    assert_eq!(text.matches(&own).count(), 2);
    std::fs::write(bench.config(), text).unwrap();
    let script = "ip link set lo up && umask 0 && exec \"$@\"";
    let mut line: Vec<String> = ["unshare", "-n", "sh", "-c", script, "sh"]
        .map(String::from)
        .to_vec();
    line.extend(agent_command());
    let (config, socket) = (bench.path("config"), bench.path("socket"));
    let (config, socket) = (config.display(), socket.display());
    line.extend([
        String::from("run"),
        format!("--config={config}"),
        format!("--socket={socket}"),
    ]);
    let agent = Process::start(&line, &bench.path("agent.log"));
    wait_until(PATIENCE, "the modem", || {
        let said = bench.cli(&["status", "--json"]).1;
        let status = serde_json::from_str::<Value>(&said);
        status.is_ok_and(|status| status["modem"]["state"] == "ready")
    });
    agent
}

#[test]
fn with_the_packaged_file_it_listens_on_its_own_socket_and_on_loopback_and_nowhere_else() {
    if !nix::unistd::geteuid().is_root() {
        return println!("skipped: only root makes network namespaces");
    }
    let bench = Bench::sim_only(&Setup::default());
    let agent = start_packaged(&bench);
    let pid = agent.pid();
    wait_until(PATIENCE, "127.0.0.1:8240", || {
        sockets(pid, "tcp", |words| words[3] == "0A") == ["0100007F:2030"]
    });
    for table in ["tcp6", "udp", "udp6", "raw", "raw6"] {
        let open = sockets(pid, table, |words| table != "tcp6" || words[3] == "0A");
        assert_eq!(open, [""; 0], "{table}");
    }
    // Its name there is that of the folder it was made in, which nobody else could enter, and which is gone.
    let text = std::fs::read_to_string(format!("/proc/{pid}/net/unix")).unwrap();
    let listening = text.lines().filter(|line| line.contains(" 00010000 "));
    let nest = format!("{}.d", bench.socket().display());
    let names: Vec<&str> = listening
        .filter_map(|line| line.split(' ').next_back())
        .collect();
    assert_eq!(names, [format!("{nest}/public")]);
    assert!(!Path::new(&nest).exists());

    assert_eq!(mode(&bench.socket()), 0o600);
    assert_eq!(mode(&bench.state_dir()), 0o700);
    let files = std::fs::read_dir(bench.state_dir()).unwrap();
    let modes: Vec<u32> = files.map(|file| mode(&file.unwrap().path())).collect();
    assert!(!modes.is_empty() && modes.iter().all(|mode| *mode == 0o600));

    bench.control(r#"deliver {"from":"+12025550155","text":"reboot"}"#);
    wait_until(PATIENCE, "the message", || {
        bench.cli(&["list"]).1.contains("reboot")
    });
    let (code, _, why) = bench.cli(&["at", "AT+CSQ"]);
    assert!(code == Some(1) && why.contains("allow_at"), "{why}");
    assert_eq!(bench.air().len(), 0, "nothing is answered or passed on");
    let log = bench.log();
    assert!(
        log.contains("***155") && !log.contains("2025550155"),
        "{log}"
    );
    assert!(!log.contains("DEBUG"), "{log}");
}

#[test]
fn the_packaged_file_switches_nothing_on_and_names_no_secret() {
    let stated = |line: &&str| !line.trim_start().starts_with('#') && !line.trim().is_empty();
    let sections = ["agent", "modem", "api"].map(|kind| format!("config {kind} '{kind}'"));
    for line in PACKAGED.lines().filter(stated) {
        let own = line
            .strip_prefix("config ")
            .and_then(|line| line.split(' ').next());
        assert!(
            own.is_some_and(|own| line == format!("config {own} '{own}'")),
            "{line}"
        );
    }
    assert!(sections.iter().all(|line| PACKAGED.contains(line)));
    for (option, default) in [
        ("enabled", "0"),
        ("exclusive", "0"),
        ("allow_at", "0"),
        ("log_numbers", "0"),
        ("verify_cert", "verify"),
        ("ssl_verify", "1"),
        ("authorization", "password"),
        ("token", ""),
        ("password", ""),
        ("secret", ""),
        ("pincode", ""),
        ("username", ""),
    ] {
        let lines = PACKAGED
            .lines()
            .filter_map(|line| line.strip_prefix("#\toption "));
        let values = lines.filter_map(|line| line.strip_prefix(option)?.strip_prefix(" '"));
        let values: Vec<&str> = values.map(|value| value.trim_end_matches('\'')).collect();
        assert!(!values.is_empty(), "{option}");
        // The API is the one service that is on.
        let other = values.iter().filter(|value| **value != default).count();
        assert_eq!(
            other,
            usize::from(option == "enabled"),
            "{option}: {values:?}"
        );
    }
}

#[rustfmt::skip]
const WANTS_A_SECRET: &[(&str, &str)] = &[
    ("config api 'api'\n list listen '192.168.1.1:8240'\n", "api.token is not set"),
    ("config post_get 'post_get'\n option enabled '1'\n list listen '127.0.0.1:8081'\n option username 'user1'\n", "post_get is enabled and has no password"),
    ("config smpp 'smpp'\n option enabled '1'\n list listen '127.0.0.1'\n option username 'u'\n", "smpp is enabled and has no password"),
    ("config pop3 'pop3'\n option enabled '1'\n option host 'h'\n option username 'u'\n", "pop3 is enabled and has no password"),
    ("config to_smtp 't'\n option enabled '1'\n option email_name 'e'\n list recipemail 'a@b.org'\nconfig email 'e'\n option smtp_ip 'h'\n \
      option senderemail 'a@b.org'\n option credentials '1'\n option username 'u'\n", "email 'e' has no password"),
    ("config sms_rule 'r'\n option enabled '1'\n option action 'reboot'\n option smstext 'x'\n option authorization 'local'\n", "password must have 8 to 80"),
    ("config sms_rule 'r'\n option enabled '1'\n option action 'reboot'\n option smstext 'x'\n option authorization 'totp'\n", "secret must be a key"),
    ("config sms_rule 'r'\n option enabled '1'\n option action 'uci'\n option smstext 'x'\n option authorization 'no'\n", "needs an authorization other than no"),
];

#[test]
fn what_needs_a_secret_does_not_start_without_one_and_says_why() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).display().to_string();
    for (text, why) in WANTS_A_SECRET {
        let state = format!(
            "config agent 'agent'\n option state_dir '{}'\n",
            path("state")
        );
        std::fs::write(path("config"), state + text).unwrap();
        let said = run(
            &[
                "run",
                "--config",
                &path("config"),
                "--socket",
                &path("socket"),
            ],
            &[],
        );
        let err = String::from_utf8(said.stderr).unwrap();
        assert_eq!(said.status.code(), Some(1), "{text}{err}");
        assert!(err.contains(why), "{text}{err}");
    }
    assert!(!Path::new(&path("socket")).exists());
}

/// The headers that keep a browser from making more of an answer than it is.
fn is_kept_tight(answer: &Response) {
    assert_eq!(
        answer.header("x-content-type-options"),
        Some("nosniff"),
        "{answer:?}"
    );
    assert_eq!(
        answer.header("cache-control"),
        Some("no-store"),
        "{answer:?}"
    );
    assert_eq!(
        answer.header("access-control-allow-origin"),
        None,
        "{answer:?}"
    );
    assert_eq!(answer.header("server"), None, "{answer:?}");
}

#[test]
fn over_tcp_every_call_but_the_empty_page_wants_the_token() {
    let bench = Bench::start(&Setup::default());
    let bearer = format!("Bearer {TOKEN}");
    let with = [("Authorization", bearer.as_str())];
    let openapi = http::request(bench.address, "GET", "/openapi.json", &with, b"").unwrap();
    let paths = openapi.json()["paths"].as_object().unwrap().clone();
    let mut asked = 0;
    for (path, calls) in &paths {
        let target = path.replace("{id}", "1").replace("{name}", "host");
        for method in calls.as_object().unwrap().keys() {
            let method = method.to_uppercase();
            let answer = http::request(bench.address, &method, &target, &[], b"").unwrap();
            is_kept_tight(&answer);
            if path == "/" {
                continue;
            }
            asked += 1;
            assert_eq!(answer.status, 401, "{method} {path}");
            assert_eq!(answer.json()["code"], "token_missing", "{method} {path}");
        }
    }
    assert!(asked >= 26, "{asked} calls");
    // What is not there is not told either.
    let nowhere = http::request(bench.address, "GET", "/nowhere", &[], b"").unwrap();
    assert_eq!(nowhere.status, 401);

    let page = http::request(bench.address, "GET", "/", &[], b"").unwrap();
    let policy = page.header("content-security-policy").unwrap();
    for rule in [
        "default-src 'none'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
        "form-action 'none'",
        "connect-src 'self'",
    ] {
        assert!(
            policy.split("; ").any(|one| one == rule),
            "{rule}: {policy}"
        );
    }
    assert!(!policy.contains("unsafe"), "{policy}");
    assert_eq!(page.header("referrer-policy"), Some("no-referrer"));
    assert!(!page.text().contains(TOKEN));
}

/// A web page cannot have its reader's browser send another site's fields, but a body of its own and what the browser
/// remembers of Basic authentication; the browser then says whose page it is.
#[test]
fn what_a_browser_sends_for_a_foreign_page_changes_nothing_and_tells_nothing() {
    let bench = Bench::start(&Setup::default());
    let ask = |method: &str, path: &str, origin: Option<&str>| {
        // Base64 of x:TOKEN.
        let basic = ("Authorization", "Basic eDphLXRva2VuLWZvci10aGUtYmVuY2g=");
        let mut fields = vec![basic, ("Content-Type", "text/plain")];
        fields.extend(origin.map(|origin| ("Origin", origin)));
        let order = json!({"to": "+12025550155", "text": "csrf", "code": "*100#", "command": "AT", "from": "+1"});
        let target = format!("/api/v1{path}");
        let answer = http::request(
            bench.address,
            method,
            &target,
            &fields,
            order.to_string().as_bytes(),
        );
        answer.unwrap()
    };
    for (method, path) in [
        ("POST", "/messages"),
        ("POST", "/calls"),
        ("POST", "/calls/current/answer"),
        ("POST", "/ussd"),
        ("POST", "/at"),
        ("POST", "/rules/test"),
        ("POST", "/push/host/test"),
        ("PUT", "/storage"),
        ("DELETE", "/messages/1"),
        ("PATCH", "/messages/1"),
    ] {
        let answer = ask(method, path, Some("http://evil.example"));
        assert_eq!(
            (answer.status, &answer.json()["code"]),
            (403, &json!("foreign_origin")),
            "{method} {path}"
        );
    }
    // No preflight is ever answered with leave.
    let preflight = http::request(
        bench.address,
        "OPTIONS",
        "/api/v1/messages",
        &[
            ("Origin", "http://evil.example"),
            ("Access-Control-Request-Method", "POST"),
        ],
        b"",
    );
    let preflight = preflight.unwrap();
    assert_eq!(preflight.status, 403);
    is_kept_tight(&preflight);
    // What is no browser names no site.
    let order = json!({"to": "+12025550155", "text": "not csrf"});
    assert_eq!(bench.api("POST", "/messages", Some(&order)).0, 202);
    assert_eq!(bench.wait_air(1)[0]["text"], "not csrf");
}

#[test]
fn the_configuration_keeps_its_mode_when_the_api_writes_it() {
    let bench = Bench::start(&Setup::default());
    for (number, wanted) in [0o600, 0o640, 0o600].into_iter().enumerate() {
        std::fs::set_permissions(bench.config(), PermissionsExt::from_mode(wanted)).unwrap();
        let change = json!({"location": "sm", "leave_free": number + 7});
        assert_eq!(bench.api("PUT", "/storage", Some(&change)).0, 200);
        let text = std::fs::read_to_string(bench.config()).unwrap();
        assert!(text.contains(&format!("option free '{}'", number + 7)));
        assert_eq!(mode(&bench.config()), wanted);
    }
    assert!(!bench.path(".config.new").exists());
}
