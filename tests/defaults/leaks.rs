//! Tests: an agent with every service on and a secret of its own in each, that sends, receives, pushes, mails, obeys and is
//! lied to. Nothing it tells anybody holds a secret, and its log no text and no number. Never looks at what the messages
//! themselves tell: whoever may read them may read them.

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;

use serde_json::json;

use super::client::Client;
use super::pop3::Fake;
use super::run;
use super::smtp::FakeServer;
use super::support::push::{Answer, PushReceiver};
use super::support::{Bench, PATIENCE, Setup, TOKEN, free_address, http, wait_until};

/// Where a secret stands in the configuration, and what it is.
const CONFIGURED: &[(&str, &str)] = &[
    ("token", TOKEN),
    ("pincode", "73914286"),
    ("extra_value1", "Zebra-extra-1"),
    ("url", "Zebra-url-2"),
    ("secret", "whsec_WmVicmEtd2ViaG9vay1rZXktemVicmEtMw=="),
    ("password", "Zebra-postget-4"),
    ("password", "Zebra-smtp-5"),
    ("password", "Zebra-pop3-6"),
    ("password", "ZebSmpp7"),
    ("password", "Zebra8Rule"),
    ("secret", "MRXXIYLSNFZWCZLCOJQTSYLCMNSGK3DM"),
];
/// What was tried and is wrong, and the same secrets as they cross the wire.
const TRIED: &[&str] = &[
    "Okapi-token",
    "eDpPa2FwaS1iYXNpYw==",
    "Okapi-basic",
    "Okapi-postget",
    "OkapiSmp",
    // Base64 of NUL, mailer, NUL and the account's password.
    "AG1haWxlcgBaZWJyYS1zbXRwLTU=",
];
/// In the text of a message, where nothing else may tell of it.
const KEYWORDS: &[&str] = &["Okapi1Rule", "Zebra8Rule"];
const TEXTS: &[&str] = &[
    "Walrus-in",
    "Walrus-out",
    "Walrus-mail",
    "Walrus-smpp",
    "Walrus-old",
];
const PHONE: &str = "+12025550155";

/// The ends of what the agent talks to.
struct World {
    push: PushReceiver,
    smtp: FakeServer,
    pop3: Fake,
    old: SocketAddr,
    smpp: u16,
}

impl World {
    fn new() -> World {
        let smtp = FakeServer::start();
        smtp.always("EHLO", "250-fake\r\n250 AUTH PLAIN");
        smtp.always("AUTH", "235 ok");
        let world = World {
            push: PushReceiver::start(),
            smtp,
            pop3: Fake::start(),
            old: SocketAddr::from(([127, 0, 0, 2], free_address().port())),
            smpp: free_address().port(),
        };
        // A failure of each, told in its last error.
        world.push.answer_next(&[Answer::Status(500)]);
        world.smtp.once("RCPT", "451 come again, Walrus");
        world
    }

    fn sections(&self, script: &str) -> String {
        let secret = |at: usize| format!("option {} '{}'\n", CONFIGURED[at].0, CONFIGURED[at].1);
        let url = format!("{}?key={}", self.push.url("/in"), CONFIGURED[3].1);
        let (old, smpp) = (self.old, self.smpp);
        let (smtp, pop3) = (self.smtp.port, self.pop3.port);
        [
            format!("config agent 'agent'\noption log_level 'trace'\nconfig to_http 'get'\noption enabled '1'\noption url '{url}'\noption extra_name1 'key'\n"),
            secret(2),
            format!("config to_http 'hook'\noption enabled '1'\noption method 'json'\noption url '{}'\n", self.push.url("/hook")),
            secret(4),
            format!("config post_get 'post_get'\noption enabled '1'\nlist listen '{old}'\noption username 'user1'\n"),
            secret(5),
            format!("config to_smtp 'mail'\noption enabled '1'\noption email_name 'isp'\nlist recipemail 'a@b.org'\n\
                     config email 'isp'\noption smtp_ip '127.0.0.1'\noption smtp_port '{smtp}'\noption senderemail 'r@b.org'\n\
                     option credentials '1'\noption username 'mailer'\n"),
            secret(6),
            format!("config pop3 'pop3'\noption enabled '1'\noption host '127.0.0.1'\noption port '{pop3}'\noption username 'fetcher'\n"),
            secret(7),
            format!("config smpp 'smpp'\noption enabled '1'\nlist listen '127.0.0.1'\noption port '{smpp}'\noption username 'kannel'\n"),
            secret(8),
            format!("config sms_rule 'run'\noption enabled '1'\noption action 'exec'\noption smstext 'go'\noption script '{script}'\n\
                     option authorization 'local'\noption respond '1'\n"),
            secret(9),
            String::from("config sms_rule 'code'\noption enabled '1'\noption action 'more'\noption smstext 'next'\noption authorization 'totp'\n"),
            secret(10),
        ]
        .concat()
    }
}

/// The agent with all of that. Its script writes down what it was started with.
fn start(world: &World) -> Bench {
    let mut bench = Bench::sim_only(&Setup {
        pin: Some(CONFIGURED[1].1),
        ..Setup::default()
    });
    let script = bench.path("script.sh");
    let text = "#!/bin/sh\n{ echo \"$0 $*\"; env; tr '\\0' ' ' < /proc/$PPID/cmdline; ls -l /proc/$$/fd; } > \"$0.told\"\n";
    fs::write(&script, text).unwrap();
    fs::set_permissions(&script, PermissionsExt::from_mode(0o755)).unwrap();
    let pin = format!("\toption pincode '{}'", CONFIGURED[1].1);
    bench.write_config(&pin, &world.sections(&script.display().to_string()));
    bench.start_agent();
    bench.wait_ready();
    bench
}

fn deliver(bench: &Bench, text: &str) {
    bench.control(&format!("deliver {}", json!({"from": PHONE, "text": text})));
}

/// Messages in and out over everything there is.
fn messages(bench: &Bench, world: &World) {
    deliver(bench, "Walrus-in");
    bench.submit(&json!({"to": PHONE, "text": "Walrus-out"}));
    let mail = format!("Subject: {PHONE}\n\nWalrus-mail\n");
    world.pop3.set(&[("one", &mail)], &[]);
    bench.reload();
    let login = format!("username=user1&password={}", CONFIGURED[5].1);
    let old = format!("/cgi-bin/sms_send?{login}&number={PHONE}&text=Walrus-old");
    wait_until(PATIENCE, "Post/Get", || {
        http::request(world.old, "GET", &old.replace('+', "%2B"), &[], b"")
            .is_ok_and(|answer| answer.status == 200)
    });
    let mut smpp = Client::new(SocketAddr::from(([127, 0, 0, 1], world.smpp)));
    assert_eq!(smpp.bind(2, "kannel", CONFIGURED[8].1).status, 0);
    let body = super::client::submit(PHONE.trim_start_matches('+'), 0, 0, 0, b"Walrus-smpp");
    assert_eq!(smpp.ask(4, &body).status, 0);
    deliver(bench, "Okapi1Rule go");
    deliver(bench, "000000 next");
    deliver(bench, "Zebra8Rule go");
    let air = |bench: &Bench| {
        bench
            .air()
            .iter()
            .map(|one| one["text"].to_string())
            .collect::<String>()
    };
    wait_until(PATIENCE, "all on the air", || {
        let air = air(bench);
        TEXTS[1..].iter().all(|text| air.contains(text)) && air.contains("done")
    });
    // The three that no rule took.
    for name in ["get", "hook", "mail"] {
        // What failed is tried at once after a reload.
        bench.reload();
        wait_until(PATIENCE, &format!("the pushes of {name}"), || {
            bench.health(name)["delivered"] == 3
        });
    }
}

/// A wrong secret at each door; what was answered.
fn strangers(bench: &Bench, world: &World) -> String {
    let mut told = String::new();
    for (path, authorization) in [
        ("/api/v1/status", "Bearer Okapi-token"),
        ("/metrics", "Basic eDpPa2FwaS1iYXNpYw=="),
    ] {
        let fields = [("Authorization", authorization)];
        let answer = http::request(bench.address, "GET", path, &fields, b"").unwrap();
        assert_eq!(answer.status, 401);
        told += &format!("{answer:?}{}", answer.text());
    }
    let form = b"username=user1&password=Okapi-postget&number=1&text=Walrus-old";
    let answer = http::request(world.old, "POST", "/cgi-bin/sms_send", &[], form).unwrap();
    assert_eq!(answer.status, 401);
    told += &answer.text();
    let mut smpp = Client::new(SocketAddr::from(([127, 0, 0, 1], world.smpp)));
    let refused = smpp.bind(9, "kannel", "OkapiSmp");
    assert_ne!(refused.status, 0);
    told += &String::from_utf8_lossy(&refused.body);
    let trial = json!({"from": PHONE, "text": "Okapi1Rule go"});
    let (status, answer) = bench.api("POST", "/rules/test", Some(&trial));
    assert_eq!(status, 200, "{answer}");
    told + &answer.to_string()
}

/// What every reader of the API is told, messages and their events left out.
fn asked(bench: &Bench) -> String {
    let bearer = format!("Bearer {TOKEN}");
    let mut told = String::new();
    for path in [
        "/",
        "/openapi.json",
        "/metrics",
        "/api/v1/status",
        "/api/v1/push",
        "/api/v1/smpp",
        "/api/v1/storage",
        "/nowhere",
    ] {
        let fields = [("Authorization", bearer.as_str())];
        told += &http::request(bench.address, "GET", path, &fields, b"")
            .unwrap()
            .text();
    }
    told
}

fn holds_none(what: &str, text: &str, of: &[&str]) {
    assert!(!text.is_empty(), "{what} is empty");
    for secret in of {
        if let Some(at) = text.find(secret) {
            let from = text[..at].rfind('\n').map_or(0, |line| line + 1);
            let line = text[from..].lines().next().unwrap_or_default();
            panic!("{secret} is in {what}: {line}");
        }
    }
}

#[test]
fn no_secret_is_told_to_anybody_and_the_log_holds_no_text_and_no_number() {
    let world = World::new();
    let bench = start(&world);
    messages(&bench, &world);
    let mut secrets: Vec<&str> = CONFIGURED.iter().map(|(_, secret)| *secret).collect();
    secrets.extend(TRIED);
    let answers = strangers(&bench, &world);
    let mut hidden = secrets.clone();
    hidden.extend(KEYWORDS);
    hidden.extend(TEXTS);
    holds_none("an answer to a stranger", &answers, &secrets);
    holds_none("an answer to a stranger", &answers, KEYWORDS);
    let log = bench.log();
    assert!(log.contains("TRACE modem: > AT+CPIN=(hidden)"), "{log}");
    for said in [
        "gave a wrong token",
        "gave a wrong password",
        "gave a wrong system_id",
        "order ",
    ] {
        assert!(log.contains(said), "{said}: {log}");
    }
    holds_none("the log", &log, &hidden);
    holds_none("the log", &log, &["2025550155", "mailer", "fetcher"]);
    holds_none("the API", &asked(&bench), &hidden);
    // A rule's password came in a message: that is told, the other secrets are not.
    let kept: Vec<&str> = secrets
        .iter()
        .copied()
        .filter(|one| !KEYWORDS.contains(one))
        .collect();
    let (_, events) = bench.api("GET", "/events?after=0&limit=500", None);
    holds_none("the events", &events.to_string(), &kept);
    let (_, inbox) = bench.api("GET", "/messages?limit=200", None);
    holds_none("the inbox", &inbox.to_string(), &kept);
    for file in fs::read_dir(bench.state_dir()).unwrap() {
        let bytes = fs::read(file.unwrap().path()).unwrap();
        holds_none(
            "the state directory",
            &String::from_utf8_lossy(&bytes),
            &kept,
        );
    }
    let line = fs::read_to_string(format!("/proc/{}/cmdline", bench.agent().pid())).unwrap();
    holds_none("the arguments", &line, &hidden);
    let script = fs::read_to_string(bench.path("script.sh.told")).unwrap();
    holds_none("what a script is given", &script, &hidden);
    // Nor does it inherit a file, a line or the modem's port.
    assert!(script.contains(" -> pipe:["), "{script}");
    holds_none(
        "what a script is given",
        &script,
        &["socket:", "journal", "/pts/"],
    );
}

#[test]
fn check_and_doctor_name_the_line_of_a_wrong_secret_and_not_the_secret() {
    let world = World::new();
    let bench = Bench::sim_only(&Setup {
        modem: format!("\toption pincode '{}'", CONFIGURED[1].1),
        sections: world.sections("/bin/true"),
        ..Setup::default()
    });
    let good = fs::read_to_string(bench.config()).unwrap();
    let secrets: Vec<&str> = CONFIGURED.iter().map(|(_, secret)| *secret).collect();
    let root = bench.path("root");
    fs::create_dir_all(root.join("etc/config")).unwrap();
    let (root_text, config) = (
        root.display().to_string(),
        bench.config().display().to_string(),
    );
    let told = |text: &str| {
        fs::write(&config, text).unwrap();
        fs::write(root.join("etc/config/rut-agent"), text).unwrap();
        let env = [("RUT_AGENT_ROOT", root_text.as_str())];
        let mut told = String::new();
        for words in [
            &["check", "--config", &config][..],
            &["doctor"],
            &["doctor", "--json"],
        ] {
            let said = run(words, &env);
            told += &String::from_utf8(said.stdout).unwrap();
            told += &String::from_utf8(said.stderr).unwrap();
        }
        told
    };
    holds_none("what is said of a good file", &told(&good), &secrets);
    for (option, secret) in CONFIGURED {
        let line = good.lines().find(|line| line.contains(secret)).unwrap();
        let wrong = [
            line.replace(secret, &format!("{secret} \u{1b}")),
            line.trim_end().trim_end_matches('\'').to_string(),
            line.replace(option, &format!("x{option}")),
            line.replace("option ", "list "),
            line.replace("option ", "opiton "),
            line.replace("option ", "config "),
            line.replace(secret, &secret.repeat(40)),
        ];
        for wrong in wrong {
            let said = told(&good.replace(line, &wrong));
            assert!(said.contains("error"), "{wrong}: {said}");
            holds_none(&format!("what is said of {wrong:?}"), &said, &secrets);
        }
    }
}

#[test]
fn a_senders_name_makes_no_line_of_its_own_in_the_log() {
    let bench = Bench::start(&Setup {
        sections: String::from("config agent 'agent'\noption log_numbers '1'\n"),
        ..Setup::default()
    });
    let message = json!({"from": "x\nERROR no", "text": "y"});
    bench.control(&format!("deliver {message}"));
    wait_until(PATIENCE, "the message", || {
        bench.log().contains("is on flash")
    });
    let log = bench.log();
    assert!(log.contains("from x?ERROR no is on flash"), "{log}");
}
