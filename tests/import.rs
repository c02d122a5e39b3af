//! Tests: `import` through the real binary — RutOS's files of each kind into a configuration that `check` takes and the agent
//! works by, and files that are broken, huge, of no known text or not there. Never looks at each option: its table has tests.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_types,
    clippy::disallowed_methods
)]

#[allow(dead_code)]
#[path = "rules/router.rs"]
mod router;
mod support;

use std::path::Path;
use std::process::Command;

use router::{Router, SETTLE};
use support::push::PushReceiver;
use support::{PATIENCE, process};

const RUTOS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/import/rutos");

/// Exit code, standard output, standard error.
fn run(words: &[&str], root: &Path) -> (Option<i32>, String, String) {
    let mut line = process::agent_command();
    line.extend(words.iter().map(ToString::to_string));
    let (program, words) = line.split_first().unwrap();
    let mut command = Command::new(program);
    let output = command
        .args(words)
        .env("RUT_AGENT_ROOT", root)
        .output()
        .unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (
        output.status.code(),
        text(output.stdout),
        text(output.stderr),
    )
}

/// `import --from` there, then `check` on what it printed, which is content whatever it is.
fn import(from: &Path) -> (Option<i32>, String, String) {
    let (code, text, said) = run(&["import", "--from", &from.display().to_string()], from);
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), &text).unwrap();
    let name = file.path().display().to_string();
    let (checked, problems, _) = run(&["check", "--config", &name], from);
    assert_eq!(checked, Some(0), "{problems}\n{text}");
    let name = from.display().to_string();
    (code, text, said.replace(&name, "DIR"))
}

/// A directory with these files.
fn directory(files: &[(&str, &[u8])]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (name, bytes) in files {
        std::fs::write(dir.path().join(name), bytes).unwrap();
    }
    dir
}

/// The lines of the section that begins so.
fn section<'t>(text: &'t str, begin: &str) -> &'t str {
    let at = text
        .find(begin)
        .unwrap_or_else(|| panic!("{begin}\n{text}"));
    text[at..].split("\n\n").next().unwrap()
}

/// What a line is about, its section, and what stands there.
#[rustfmt::skip]
const PARTS: &[(&str, &str, &str)] = &[
    ("local secret", "config email 'isp'", r"option password 'it'\''s a secret'"),
    ("TLS", "config email 'isp'", "option secure_conn 'tls'"),
    ("limit", "config limits 'limits'", "option per_day '50'"),
    ("PIN", "config modem 'modem'", "option pincode '1234'"),
    ("slots", "config modem 'modem'", "option free '7'"),
    ("hash", "config post_get 'post_get'", "RutOS kept only this hash"),
    ("no address", "config smpp 'smpp'", "# off here: smpp is enabled and has no listen\n\toption enabled '0'"),
    ("interval", "config pop3 'pop3'", "option interval_unit 'hour'"),
    ("fake numbers", "config sms_rule 'wakeup'", "# sms_rule 'wakeup': authorization is no"),
    ("dangerous", "config sms_rule 'backup'", "option enabled '0'"),
    ("no action", "#config sms_rule 'gps'", "this agent has no such action"),
    ("keys", "config call_rule 'call_reboot'", "option enabled '0'"),
    ("modems", "config reply 'reply'", "#\toption send_modem_id '1-1': this agent has one modem"),
];

#[test]
fn a_file_of_each_kind_becomes_a_configuration_that_check_takes() {
    let (code, text, said) = import(Path::new(RUTOS));
    assert_eq!((code, said.as_str()), (Some(0), ""), "{text}");
    assert!(text.lines().next().unwrap().contains("chmod 600"));
    for file in std::fs::read_dir(RUTOS).unwrap() {
        let name = file.unwrap().file_name().into_string().unwrap();
        assert!(text.contains(&format!("\n# From {name}:\n")), "{name}");
    }
    // Thirty rules that RutOS comes with, and five that its owner made.
    assert_eq!(text.matches("config sms_rule '").count(), 35);
    assert!(text.contains("\n# 30 of the rules below obey every phone"));
    let mine = "config sms_rule 'mine'\n\toption enabled '1'\n\toption action 'reboot'\n\toption smstext 'mine'\n\
        \toption authorization 'local'\n\toption password '$5$saltsalt$zrcTxQnavwgGlbRpBYrNG9l0tTqr8mdUSlUgcFKsPx.'\n\
        \toption allowed_phone 'group'\n\t# RutOS: The crew\n\toption group 'The_crew'\n\toption message 'It'\\''s going'\n\
        \toption status_sms '0'";
    assert_eq!(section(&text, "config sms_rule 'mine'"), mine);
    for (name, begin, part) in PARTS {
        let found = section(&text, begin);
        assert!(found.contains(part), "{name}: {found}");
    }
    // What is there already stays as it is, token and all.
    let own = "config api 'api'\n\toption token 'mine'\n\tlist listen '0.0.0.0:8240'\n\n";
    let dir = directory(&[("both", format!("{own}{text}").as_bytes())]);
    let both = dir.path().join("both").display().to_string();
    assert_eq!(run(&["check", "--config", &both], dir.path()).0, Some(0));
}

#[test]
fn the_readme_shows_what_is_printed() {
    let text = import(Path::new(RUTOS)).1;
    let readme =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).unwrap();
    let example = readme
        .split("`tests/import/rutos`:\n\n```\n")
        .nth(1)
        .unwrap();
    for part in example.split("\n```").next().unwrap().split("\n\n") {
        assert!(text.contains(part), "the README shows {part}");
    }
}

#[test]
fn broken_huge_and_foreign_files_are_told_and_the_others_are_taken() {
    let rule =
        "config rule\n\toption enabled '1'\n\toption action 'more'\n\toption smstext 'more'\n";
    let crew = b"config phone 'crew'\n\tlist tel '+37060000001'\n".as_slice();
    let huge = rule.repeat(12_000);
    assert!(huge.len() > 900_000);
    for (bytes, code, said) in [
        (rule.as_bytes(), 0, ""),
        (
            b"config rule\n\toption smstext 'x\n",
            1,
            "DIR/sms_utils:2: error: the quote",
        ),
        (
            b"<?xml version='1.0'?>\n",
            1,
            "DIR/sms_utils:1: error: a line starts with",
        ),
        (
            huge.as_bytes(),
            1,
            "DIR/sms_utils: error: is longer than 256 KiB",
        ),
        (
            b"config rule\n\toption smstext 'gr\xfc\xdfe'\n\toption colour 'x'\n",
            0,
            "",
        ),
        (
            b"\xff\xfe\x00c\x00o",
            1,
            "DIR/sms_utils:1: error: a line starts with",
        ),
        (b"", 0, ""),
    ] {
        let dir = directory(&[
            ("sms_utils", bytes),
            ("user_groups", crew),
            ("network", b"?"),
        ]);
        let (got, text, told) = import(dir.path());
        assert_eq!(got, Some(code), "{told}{text}");
        assert!(
            told.starts_with(said) && told.is_empty() == said.is_empty(),
            "{told}"
        );
        assert!(
            text.contains("config phone 'crew'\n\tlist tel '+37060000001'\n"),
            "{text}"
        );
    }
    let most = rule.repeat(3400);
    let dir = directory(&[("sms_utils", most.as_bytes()), ("user_groups", crew)]);
    let (code, text, told) = import(dir.path());
    assert_eq!((code, text.as_str()), (Some(1), ""), "never half of a rule");
    assert_eq!(told, "DIR: error: this is too much to take over\n");
}

#[test]
fn without_vendor_files_there_is_a_word_and_without_a_directory_an_error() {
    let dir = directory(&[]);
    let (code, text, told) = import(dir.path());
    assert_eq!(
        (code, told.as_str()),
        (Some(0), "DIR: remark: nothing of RutOS's is here\n")
    );
    assert!(text.ends_with("# Nothing was found.\n"), "{text}");
    let (code, _, told) = import(&dir.path().join("none"));
    assert_eq!(
        (code, told.as_str()),
        (Some(1), "DIR: error: is no directory\n")
    );
    // Where no directory is named, it is the router's own.
    let etc = dir.path().join("etc/config");
    std::fs::create_dir_all(&etc).unwrap();
    std::fs::copy(
        Path::new(RUTOS).join("user_groups"),
        etc.join("user_groups"),
    )
    .unwrap();
    let (code, text, told) = run(&["import"], dir.path());
    assert_eq!((code, told.as_str()), (Some(0), ""));
    assert!(text.contains("config phone 'The_crew'"), "{text}");
    assert_eq!(run(&["import", "here"], dir.path()).0, Some(2));
}

#[test]
fn rules_and_forwarders_work_as_they_were_taken_over() {
    let host = PushReceiver::start();
    let (_, text, _) = import(Path::new(RUTOS));
    let text = text.replace("http://127.0.0.1:8000/sms_in", &host.url("/sms_in"));
    // Mail servers and addresses of the other services are not on this machine, and the test's own PIN is none.
    let away = [
        "pop3 'pop3'",
        "to_smtp 'to_smtp'",
        "reply 'reply'",
        "to_sms 'to_sms'",
        "modem 'modem'",
    ];
    let sections = text.split("\n\n");
    let kept = sections.filter(|one| {
        !away
            .iter()
            .any(|name| one.contains(&format!("config {name}")))
    });
    let router = Router::start(&(kept.collect::<Vec<_>>().join("\n\n") + "\n\n" + SETTLE));
    // The owner's own rule: its hash is that of admin01, and its group may.
    let (crew, thief) = ("+37060000001", "+12025550666");
    router.deliver(thief, "admin02 status");
    router.deliver(thief, "admin01 mine");
    assert_eq!(
        host.wait(2, PATIENCE)[1].target(),
        "/sms_in?&message=admin01%20mine&sender=%2B12025550666&key=a%26b"
    );
    let _start = router.ran();
    router.deliver(crew, "admin01 mine");
    router.wait_ran("reboot");
    // A rule of RutOS's own, with the router's password.
    assert_eq!(router.ask(thief, "admin01 more"), "there is no more");
    router.deliver(crew, "hello");
    assert_eq!(
        host.wait(3, PATIENCE)[2].target(),
        "/sms_in?&message=hello&sender=%2B37060000001&key=a%26b"
    );
}
