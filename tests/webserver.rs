//! Tests: a web server that is not ours — Debian's lighttpd with a CGI script — takes our pushes, and passes old Post/Get
//! calls on to us with the README's script. Never asserts the bytes of a push: `tests/push.rs` does.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_types,
    clippy::disallowed_methods
)]

mod support;

use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::json;

use support::process::Process;
use support::{Bench, PATIENCE, Setup, free_address, wait_until};

/// Keeps each request as one line: method, query, body, Content-Type, webhook-id.
const SMS_IN: &str = r#"#!/bin/sh
body=$(head -c "${CONTENT_LENGTH:-0}")
printf '%s %s [%s] %s %s\n' "$REQUEST_METHOD" "$QUERY_STRING" "$body" "$CONTENT_TYPE" "$HTTP_WEBHOOK_ID" >> "$(dirname "$0")/../in.log" &&
	printf 'Status: 204 No Content\r\n\r\n'
"#;

/// A lighttpd to be: its folder with `www/cgi-bin`, and its address.
struct Site {
    dir: tempfile::TempDir,
    address: SocketAddr,
}

impl Site {
    fn new() -> Site {
        let site = Site {
            dir: tempfile::tempdir().unwrap(),
            // Not where the tests' other listeners look for free ports.
            address: SocketAddr::from(([127, 0, 0, 3], free_address().port())),
        };
        std::fs::create_dir_all(site.path("www/cgi-bin")).unwrap();
        site
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn script(&self, name: &str, text: &str) {
        let path = self.path("www/cgi-bin").join(name);
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn url(&self, call: &str) -> String {
        format!("http://{}/cgi-bin/{call}", self.address)
    }

    /// Runs until dropped.
    fn start(&self) -> Process {
        let program = "/usr/sbin/lighttpd";
        assert!(
            Path::new(program).exists(),
            "this test needs lighttpd: apt-get install lighttpd"
        );
        let here = self.dir.path().display();
        let config = format!(
            "server.document-root = \"{here}/www\"\nserver.bind = \"{}\"\nserver.port = {}\n\
             server.errorlog = \"{here}/error.log\"\nserver.upload-dirs = ( \"{here}\" )\n\
             server.modules = ( \"mod_cgi\" )\ncgi.assign = ( \"\" => \"\" )\n\
             server.http-parseopts = ( \"url-ctrls-reject\" => \"disable\" )\n",
            self.address.ip(),
            self.address.port()
        );
        std::fs::write(self.path("conf"), config).unwrap();
        let conf = self.path("conf").display().to_string();
        let line = [program, "-D", "-f", &conf].map(String::from);
        let server = Process::start(&line, &self.path("lighttpd.log"));
        wait_until(PATIENCE, "lighttpd", || {
            TcpStream::connect(self.address).is_ok()
        });
        server
    }

    /// What `sms_in` kept.
    fn arrived(&self) -> Vec<String> {
        let log = std::fs::read_to_string(self.path("www/in.log")).unwrap_or_default();
        log.lines().map(String::from).collect()
    }
}

fn to_http(name: &str, site: &Site, options: &str) -> String {
    let url = site.url("sms_in");
    format!("config to_http '{name}'\n\toption enabled '1'\n\toption url '{url}'\n{options}\n")
}

fn deliver(bench: &Bench, text: &str) {
    let message = json!({"from": "+37060000001", "text": text});
    bench.control(&format!("deliver {message}"));
}

fn curl(arguments: &[&str]) -> String {
    let done = Command::new("curl")
        .args(["-s", "-g", "-m", "60", "-w", "|%{http_code}"])
        .args(arguments)
        .output()
        .expect("curl is installed");
    String::from_utf8(done.stdout).unwrap()
}

#[test]
fn pushes_of_every_method_arrive_at_lighttpd() {
    let site = Site::new();
    site.script("sms_in", SMS_IN);
    let _server = site.start();
    let bench = Bench::start(&Setup {
        sections: ["get", "post", "json"]
            .map(|method| {
                let options = format!("\toption method '{method}'\n\toption sender_num '1'\n");
                to_http(method, &site, &options)
            })
            .concat(),
        ..Setup::default()
    });
    let text = "Grüße, 💖 & +1";
    deliver(&bench, text);
    wait_until(PATIENCE, "three pushes", || site.arrived().len() == 3);
    let mut arrived = site.arrived();
    arrived.sort_unstable();
    let pairs = "&message=Gr%C3%BC%C3%9Fe%2C%20%F0%9F%92%96%20%26%20%2B1&sender=%2B37060000001";
    assert_eq!(arrived[0], format!("GET {pairs} []  "));
    let form = "application/x-www-form-urlencoded";
    let (post, hook) = match arrived[1].contains(form) {
        true => (&arrived[1], &arrived[2]),
        false => (&arrived[2], &arrived[1]),
    };
    assert_eq!(*post, format!("POST  [{pairs}] {form} "));
    let (_, rest) = hook.split_once('[').unwrap();
    let (body, rest) = rest.rsplit_once(']').unwrap();
    let body: serde_json::Value = serde_json::from_str(body).unwrap();
    assert_eq!(body["data"]["text"], text);
    let fields: Vec<&str> = rest.split_whitespace().collect();
    assert_eq!(fields.len(), 2, "{rest}");
    assert_eq!(fields[0], "application/json");
    println!("lighttpd: in {text:?} from +37060000001; arrived {arrived:?}");
    // What the receiver cannot keep it refuses, and is asked again.
    site.script(
        "sms_in",
        "#!/bin/sh\nprintf 'Status: 507 Full\\r\\n\\r\\n'\n",
    );
    let (status, problem) = bench.api("POST", "/push/get/test", None);
    assert_eq!(status, 502, "{problem}");
    assert!(
        problem["detail"].as_str().unwrap().contains("507"),
        "{problem}"
    );
}

#[test]
fn a_push_arrives_at_a_tiny_http_server() {
    let server = tiny_http::Server::http("127.0.0.3:0").unwrap();
    let url = format!("http://{}/in", server.server_addr());
    let bench = Bench::start(&Setup {
        sections: format!(
            "config to_http 'rust'\n\toption enabled '1'\n\toption url '{url}'\n\toption method 'json'\n"
        ),
        ..Setup::default()
    });
    deliver(&bench, "Grüße");
    let pushed = server.recv_timeout(PATIENCE).unwrap();
    let mut pushed = pushed.expect("a push in time");
    let body: serde_json::Value = serde_json::from_reader(pushed.as_reader()).unwrap();
    assert_eq!(body["data"]["text"], "Grüße");
    pushed.respond(tiny_http::Response::empty(204)).unwrap();
    wait_until(PATIENCE, "the push is done", || {
        bench.health("rust")["delivered"] == 1
    });
}

#[test]
fn a_sender_with_line_ends_in_his_name_puts_no_header_into_a_push() {
    let site = Site::new();
    site.script("sms_in", SMS_IN);
    let _server = site.start();
    let named = "\toption sender_num '1'\n";
    let bench = Bench::start(&Setup {
        sections: to_http("get", &site, named)
            + &to_http("post", &site, &format!("{named}\toption method 'post'\n")),
        ..Setup::default()
    });
    let message = json!({"from": "A\r\nWebhook", "text": "x HTTP/1.1\r\nWebhook-Id: 7"});
    bench.control(&format!("deliver {message}"));
    wait_until(PATIENCE, "two pushes", || site.arrived().len() == 2);
    let mut arrived = site.arrived();
    arrived.sort_unstable();
    let pairs = "&message=x%20HTTP%2F1.1%0D%0AWebhook-Id%3A%207&sender=A%0D%0AWebhook";
    let form = "application/x-www-form-urlencoded";
    assert_eq!(
        arrived,
        [
            format!("GET {pairs} []  "),
            format!("POST  [{pairs}] {form} ")
        ]
    );
}

#[test]
fn fifty_messages_wait_for_a_web_server_that_is_down_over_two_kills_and_come_once_and_in_order() {
    let site = Site::new();
    site.script("sms_in", SMS_IN);
    let mut bench = Bench::start(&Setup {
        sections: to_http("host", &site, ""),
        ..Setup::default()
    });
    let texts: Vec<String> = (0..50).map(|n| format!("number{n}")).collect();
    for (round, some) in texts.chunks(17).enumerate() {
        for text in some {
            deliver(&bench, text);
        }
        if round < 2 {
            bench.restart();
        }
    }
    wait_until(PATIENCE, "fifty that wait", || {
        let (_, push) = bench.api("GET", "/push", None);
        push["targets"][0]["queued"] == 50 && !push["targets"][0]["last_error"].is_null()
    });
    let _server = site.start();
    // Not to wait for the next try: a reload tries at once.
    bench.reload();
    wait_until(PATIENCE, "fifty pushes", || site.arrived().len() >= 50);
    wait_until(PATIENCE, "nothing that waits", || {
        bench.api("GET", "/push", None).1["targets"][0]["queued"] == 0
    });
    let expected: Vec<String> = texts
        .iter()
        .map(|text| format!("GET &message={text} []  "))
        .collect();
    assert_eq!(site.arrived(), expected);
}

/// The shell script below this line of the README.
fn readme_script(first: &str) -> String {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/README.md");
    let readme = std::fs::read_to_string(path).unwrap();
    let (_, rest) = readme
        .split_once(&format!("```sh\n#!/bin/sh\n{first}"))
        .unwrap();
    let (script, _) = rest.split_once("```").unwrap();
    format!("#!/bin/sh\n{first}{script}")
}

#[test]
fn the_readmes_script_lets_another_web_server_pass_old_calls_on() {
    let (site, address) = (
        Site::new(),
        SocketAddr::from(([127, 0, 0, 2], free_address().port())),
    );
    let here = format!("nc {} {}", address.ip(), address.port());
    let script = readme_script("# Passes a Post/Get call on").replace("nc 127.0.0.1 8081", &here);
    assert!(script.contains(&here), "{script}");
    site.script("sms_send", &script);
    for name in ["sms_list", "sms_total"] {
        symlink("sms_send", site.path("www/cgi-bin").join(name)).unwrap();
    }
    let _server = site.start();
    let bench = Bench::start(&Setup {
        sections: format!(
            "config post_get 'post_get'\n\toption enabled '1'\n\tlist listen '{address}'\n\
             \toption username 'user1'\n\toption password 'secret_7'\n"
        ),
        ..Setup::default()
    });
    wait_until(PATIENCE, "Post/Get", || TcpStream::connect(address).is_ok());
    let login = "username=user1&password=secret_7";
    let send = format!("sms_send?{login}&number=0012025550155&text=Gr%C3%BC%C3%9Fe%20%26%20so");
    assert_eq!(curl(&[&site.url(&send)]), "OK|200");
    let form = format!("{login}&number=0012025550155&text={}", "x".repeat(3000));
    assert_eq!(curl(&["-d", &form, &site.url("sms_send")]), "OK|200");
    assert_eq!(bench.wait_air(1)[0]["text"], "Grüße & so");
    assert_eq!(
        curl(&[&site.url(&format!("sms_total?{login}"))]),
        "Used: 0\nTotal: 50\n|200"
    );
    assert_eq!(curl(&[&site.url(&format!("sms_list?{login}"))]), "|200");
    assert_eq!(
        curl(&[&site.url("sms_list?username=user1")]),
        "Bad username or password|401"
    );
}
