//! Tests: the configuration as a person writes it, and the table against the model, the help and the default file.

use std::fmt::Write;
use std::path::Path;
use std::time::Duration;

use super::options::{OPTIONS, Row, Section};
use super::*;
use crate::message::{EventKind, Memory, Number};

/// The problems of `text`, each without its file name.
fn problems(text: &str) -> Vec<String> {
    let (config, problems) = read(text, "f");
    let errors = problems.iter().any(Problem::is_error);
    assert_eq!(config.is_none(), errors);
    problems
        .iter()
        .map(|problem| problem.to_string().trim_start_matches("f:").to_owned())
        .collect()
}

#[track_caller]
pub(super) fn only_problem(text: &str, start: &str) {
    let problems = problems(text);
    assert!(
        matches!(problems.as_slice(), [one] if one.starts_with(start)),
        "{problems:#?}"
    );
}

pub(super) fn good(text: &str) -> Config {
    let (config, problems) = read(text, "f");
    assert_eq!(problems, []);
    config.unwrap()
}

/// The section with every option written out, with the table's default.
fn with_defaults(section: &Section, name: &str) -> String {
    let mut text = format!("config {} '{name}'\n", section.kind);
    for row in section.groups.iter().copied().flatten() {
        let word = if row.list { "list" } else { "option" };
        let values: Vec<&str> = match row.list {
            true => row.default.split_whitespace().collect(),
            false => vec![row.default],
        };
        for value in values {
            writeln!(text, "\t{word} {} '{value}'", row.name).unwrap();
        }
    }
    text
}

#[test]
fn an_empty_file_is_the_default() {
    assert_eq!(good(""), Config::default());
    assert_eq!(good("# nothing\n"), Config::default());
}

#[test]
fn every_default_of_the_table_passes_its_own_check() {
    for section in OPTIONS {
        for row in section.rows() {
            let texts = row.default.split(if row.list { ' ' } else { '\n' });
            for text in texts.filter(|text| !text.is_empty()) {
                assert_eq!(
                    row.kind.check(text),
                    Ok(()),
                    "{}.{}",
                    section.kind,
                    row.name
                );
            }
            assert!(
                !row.secret || row.default.is_empty(),
                "no secret has a default"
            );
            assert!(row.help.ends_with('.'), "{}.{}", section.kind, row.name);
        }
    }
}

#[test]
fn no_name_stands_in_the_table_twice() {
    for (index, section) in OPTIONS.iter().enumerate() {
        assert!(
            !OPTIONS[..index]
                .iter()
                .any(|other| other.kind == section.kind)
        );
        let names: Vec<&str> = section.rows().map(|row| row.name).collect();
        for (index, name) in names.iter().enumerate() {
            assert!(!names[..index].contains(name), "{}.{name}", section.kind);
        }
    }
}

#[test]
fn the_tables_defaults_are_the_models() {
    let text: String = OPTIONS
        .iter()
        .map(|section| with_defaults(section, if section.many { "x" } else { section.kind }))
        .collect::<String>()
        .replace("config phone 'x'", "config phone 'y'")
        .replace("config to_sms 'x'", "config to_sms 'z'")
        .replace("config to_smtp 'x'", "config to_smtp 'm'")
        .replace("config email 'x'", "config email 'e'")
        .replace("config lan_host 'x'", "config lan_host 'h'")
        .replace("config sms_rule 'x'", "config sms_rule 'w'")
        .replace("config call_rule 'x'", "config call_rule 'v'");
    let (config, _) = read(&text, "f");
    let expected = Config {
        to_http: vec![ToHttp {
            name: String::from("x"),
            ..ToHttp::default()
        }],
        groups: vec![PhoneGroup {
            name: String::from("y"),
            tel: Vec::new(),
        }],
        to_sms: vec![ToSms {
            name: String::from("z"),
            ..ToSms::default()
        }],
        to_smtp: vec![ToSmtp {
            name: String::from("m"),
            ..ToSmtp::default()
        }],
        emails: vec![Email {
            name: String::from("e"),
            ..Email::default()
        }],
        ..Config::default()
    };
    assert_eq!(config.unwrap(), expected);
    // And without being written out.
    let bare = good("config to_http 'x'\nconfig phone 'y'\n\tlist tel '112'\n");
    assert_eq!(bare.to_http, expected.to_http);
}

#[test]
fn the_agents_modems_and_apis_options_reach_the_configuration() {
    let config = good(
        "config agent 'agent'\n option log_level 'debug'\n option log_numbers 'on'\n option state_dir '/tmp/s'\n \
         option state_limit '65536'\n option name 'shed'\n\
         config modem\n option tty '/dev/ttyUSB3'\n option pincode '0000'\n option msg_storage 'me'\n option free '0'\n \
         option poll '60'\n option exclusive 'yes'\n option part_timeout '10'\n\
         config api 'api'\n option enabled 'off'\n list listen '[fd00::2]:8240'\n list listen '127.0.0.1:1'\n \
         option token 'long-enough'\n list allow 'fd00::/8'\n",
    );
    assert_eq!(config.agent.log_level, log::LevelFilter::Debug);
    assert!(config.agent.log_numbers);
    assert_eq!(config.agent.state_dir, Path::new("/tmp/s"));
    assert_eq!(config.agent.state_limit, 65_536);
    assert_eq!(config.agent.name.as_deref(), Some("shed"));
    let modem = &config.modem;
    assert_eq!(modem.tty.as_deref(), Some(Path::new("/dev/ttyUSB3")));
    assert_eq!(modem.pincode.as_deref(), Some("0000"));
    assert_eq!((modem.storage, modem.free), (Memory::Modem, 0));
    assert!(modem.exclusive);
    assert_eq!(modem.poll, Duration::from_secs(60));
    assert_eq!(modem.part_timeout, Duration::from_secs(10));
    let api = &config.api;
    let listen: Vec<String> = api.listen.iter().map(ToString::to_string).collect();
    assert_eq!(listen, ["[fd00::2]:8240", "127.0.0.1:1"]);
    assert_eq!(
        (api.enabled, api.token.as_deref()),
        (false, Some("long-enough"))
    );
    assert_eq!(api.allow.len(), 1);
}

#[test]
fn a_targets_options_reach_the_configuration() {
    let config = good(
        "config phone 'family'\n option tel '+1 202 555 0155'\n list tel '112'\n\
         config to_http 'host'\n option enabled '1'\n option mode 'user_group'\n option group 'family'\n \
         option every_sms '1'\n option delete_sms '1'\n option method 'json'\n option url 'https://[fd00::1]/sms_in'\n \
         option sender_num '1'\n option number_name 'n'\n option message_name 'm'\n option message_encode_b64 '1'\n \
         option verify_cert 'verify'\n option ca_file '/etc/ca.pem'\n option extra_name1 'a'\n option extra_value1 'b'\n \
         option extra_name2 'c'\n option secret 'whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA'\n \
         list events 'message.delivered'\n list events 'modem.state'\n\
         config to_http 'other'\n option mode 'list_number'\n option tel '112'\n option verify_cert 'ignore'\n \
         option method 'post'\n",
    );
    // A single `option` is one entry, and `list` adds to it, as with libuci.
    assert_eq!(config.group("family").map(<[Number]>::len), Some(2));
    let pair = |name: &str, value: &str| (String::from(name), String::from(value));
    let host = ToHttp {
        name: String::from("host"),
        forwarding: Forwarding {
            enabled: true,
            who: Who::Group(String::from("family")),
            every_sms: true,
            delete_sms: true,
        },
        method: Method::Json,
        url: String::from("https://[fd00::1]/sms_in"),
        sender_num: true,
        number_name: String::from("n"),
        message_name: String::from("m"),
        base64: true,
        verify_cert: true,
        ca_file: Some("/etc/ca.pem".into()),
        extra: vec![pair("a", "b"), pair("c", "")],
        secret: Some(vec![0; 24]),
        events: vec![EventKind::MessageDelivered, EventKind::ModemState],
    };
    let other = ToHttp {
        name: String::from("other"),
        forwarding: Forwarding {
            who: Who::Listed(vec![Number::parse("112").unwrap()]),
            ..Forwarding::default()
        },
        method: Method::Post,
        verify_cert: false,
        ..ToHttp::default()
    };
    assert_eq!(config.to_http, [host, other]);
}

#[test]
fn replies_forwarding_and_limits_reach_the_configuration() {
    let config = good(
        "config reply 'reply'\n option enabled '1'\n option msg 'At sea. %rn'\n option delete_sms '1'\n\
         config to_sms 'boss'\n option enabled '1'\n option sender_num '1'\n list fwd_number '0012025550155'\n \
         list fwd_number '112'\n list fwd_number '+12025550155'\n\
         config limits 'limits'\n option per_hour '10'\n option per_day '50'\n list deny '00882'\n list deny '0900'\n \
         list only '+1'\n option reply_interval '60'\n",
    );
    assert!(config.reply.forwarding.enabled && config.reply.forwarding.delete_sms);
    assert_eq!(config.reply.msg, "At sea. %rn");
    let number = |text| Number::parse(text).unwrap();
    let boss = &config.to_sms[0];
    assert!(boss.forwarding.enabled && boss.sender_num);
    assert_eq!(boss.to, [number("+12025550155"), number("112")]);
    let limits = Limits {
        per_hour: 10,
        per_day: 50,
        deny: vec![String::from("+882"), String::from("0900")],
        only: vec![String::from("+1")],
        reply_interval: Duration::from_secs(60),
    };
    assert_eq!(config.limits, limits);
    only_problem(
        "config reply 'reply'\n option enabled '1'\n",
        "2: error: reply is enabled and has no msg",
    );
    only_problem(
        "config to_sms 'x'\n option enabled '1'\n",
        "2: error: to_sms 'x' is enabled and has no list fwd_number",
    );
}

#[test]
fn all_problems_are_told_each_with_its_line() {
    let text = "config agent 'agent'\n\toption log_level 'loud'\n\toption nmae 'x'\n\tlist name 'x'\nconfig modem 'modem'\n\
                \toption poll '0'\n\toption free 'many'\nconfig apis 'api'\n\toption token 'x'\nconfig to_http\n\
                config api 'main'\n\tlist allow 'lan'\n\toption open 'x\n";
    let expected = [
        "2: error: agent.log_level \"loud\" must be one of: off, error, warn, info, debug, trace",
        "3: error: agent.nmae: there is no such option; did you mean name?",
        "4: error: agent.name has one value: write option, not list",
        "6: error: modem.poll \"0\" must be a whole number, 1 to 3600 s",
        "7: error: modem.free \"many\" must be a whole number, 0 to 255",
        "8: error: there is no section apis; did you mean api?",
        "10: error: a section to_http needs a name: config to_http 'some_name'",
        "11: error: there is one section api: write config api 'api'",
        "12: error: api.allow \"lan\" must be a network, such as 192.168.0.0/16 or fd00::/8",
        "13: error: the quote that opens here is never closed",
    ];
    assert_eq!(problems(text), expected);
}

#[test]
fn what_an_enabled_target_needs_must_be_there() {
    let target = |options: &str| format!("config to_http 'h'\n option enabled '1'\n{options}");
    only_problem(
        &target(""),
        "2: error: to_http 'h' is enabled and has no url",
    );
    let url = " option url 'http://[fd00::1]/x'\n";
    assert_eq!(problems(&target(url)), [""; 0]);
    only_problem(
        &target(" option url 'ftp://host/'\n"),
        "3: error: to_http.url must begin with http:// or https://",
    );
    only_problem(
        &target(&format!("{url} option mode 'list_number'\n")),
        "4: error: to_http.mode list_number needs",
    );
    only_problem(
        &target(&format!("{url} option mode 'user_group'\n")),
        "4: error: to_http.mode user_group needs",
    );
    only_problem(
        &target(&format!(
            "{url} option mode 'user_group'\n option group 'nobody'\n"
        )),
        "5: error: to_http.group: there is no section phone named \"nobody\"",
    );
    only_problem(
        "config phone 'empty'\n",
        "1: remark: phone group 'empty' has no list tel",
    );
}

#[test]
fn options_that_say_nothing_are_remarked() {
    let text = "config to_http 'h'\n option secret 'whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA'\n option ca_file '/x'\n \
                option verify_cert 'ignore'\n option extra_value2 'x'\n option method 'get'\n option method 'post'\n";
    let expected = [
        "2: remark: to_http 'h': secret signs pushes of method json only",
        "3: remark: to_http 'h': ca_file is not read while verify_cert is ignore",
        "5: remark: to_http 'h': extra_value2 is not pushed without extra_name2",
        "7: remark: to_http.method is set twice; this line counts",
    ];
    assert_eq!(problems(text), expected);
}

#[test]
fn the_vendors_port_is_an_error_that_says_why() {
    let text = "config modem 'modem'\n option tty '/dev/ttyUSB2'\n";
    only_problem(
        text,
        "2: error: modem.tty \"/dev/ttyUSB2\" is the control port",
    );
}

#[test]
fn an_address_beyond_loopback_needs_a_token() {
    let api = |listen: &str, rest: &str| {
        format!("config api 'api'\n list listen '127.0.0.1:1'\n list listen '{listen}'\n{rest}")
    };
    for open in [
        "192.168.1.1:8240",
        "0.0.0.0:8240",
        "[::]:1",
        "[fd00::2]:8240",
    ] {
        only_problem(&api(open, ""), "2: error: api.listen");
        good(&api(open, " option token 'long-enough'\n"));
        good(&api(open, " option enabled '0'\n"));
    }
    good(&api("[::1]:1", ""));
    good(&api("[::ffff:127.0.0.1]:1", ""));
}

#[test]
fn a_lan_host_is_read_and_one_that_can_have_no_route_is_refused() {
    let host = |rest: &str| format!("config lan_host 'h'\n{rest}");
    let text = host(" option ip 'fd00::1'\n option hostname 'sms.lan.'\n");
    let expected = LanHost {
        ip: "fd00::1".parse().unwrap(),
        hostname: Some(String::from("sms.lan")),
        interface: String::from("lan"),
    };
    assert_eq!(good(&text).lan_hosts, [expected]);
    only_problem(&host(""), "1: remark: lan_host 'h' has no ip");
    for ip in ["fe80::1", "ff02::1", "127.0.0.1", "::", "224.0.0.1"] {
        let text = host(&format!(" option ip '{ip}'\n"));
        only_problem(&text, "2: error: lan_host.ip");
    }
    let text = host(" option ip '10.0.0.1'\n option hostname '10.0.0.1'\n");
    only_problem(&text, "3: error: lan_host.hostname is an address");
}

#[test]
fn wrong_values_are_errors_in_sections_that_are_off_too() {
    let text = "config smpp 'smpp'\n option port '0'\nconfig sms_rule 'r'\n option action 'dance'\n option group 'x'\n";
    let errors: Vec<String> = problems(text)
        .into_iter()
        .filter(|problem| problem.contains(" error: "))
        .collect();
    assert_eq!(errors.len(), 3, "{errors:#?}");
}

#[test]
fn no_secret_and_no_number_is_ever_shown() {
    for section in OPTIONS {
        let shy = |row: &&Row| row.secret || !row.kind.may_be_shown();
        for row in section.rows().filter(shy) {
            let word = if row.list { "list" } else { "option" };
            for wrong in ["hunter2\u{1}", "+4hunter2", "http://me:hunter2@host/"] {
                let wrong = wrong.repeat(20);
                let text = format!(
                    "config {} 'x'\n {word} {} '{wrong}'\n",
                    section.kind, row.name
                );
                let (config, problems) = read(&text, "f");
                // Only free text could be long enough for the others.
                let bad = wrong.contains('\u{1}');
                assert!(config.is_none() || !bad, "{}.{}", section.kind, row.name);
                assert!(
                    problems
                        .iter()
                        .all(|problem| !problem.to_string().contains("hunter2"))
                );
            }
        }
    }
    // Nor when quoting went wrong around one.
    let text = "config api 'api'\n option token hunter2 hunter2\nhunter2\n option token 'hunter2";
    assert!(
        problems(text)
            .iter()
            .all(|problem| !problem.contains("hunter2"))
    );
}

#[test]
fn the_command_line_stands_above_the_file_and_is_judged_alike() {
    let overrides = Overrides {
        tty: Some(String::from("/dev/ttyUSB2")),
        listen: vec![String::from("10.0.0.1:1"), String::from("127.0.0.1:2")],
        token: None,
    };
    let file = "config api 'api'\n list listen '127.0.0.1:8240'\n";
    let (config, problems) = read_with(file, "f", &overrides);
    let texts: Vec<String> = problems.iter().map(ToString::to_string).collect();
    assert!(config.is_none());
    assert!(
        texts[0].starts_with("command line: error: modem.tty"),
        "{texts:?}"
    );
    assert!(
        texts[1].starts_with("command line: error: api.listen 10.0.0.1:1"),
        "{texts:?}"
    );
    let overrides = Overrides {
        tty: Some(String::from("/dev/pts/9")),
        token: Some(String::from("long-enough")),
        ..overrides
    };
    let (config, problems) = read_with(file, "f", &overrides);
    assert_eq!(problems, []);
    let config = config.unwrap();
    assert_eq!(
        config.api.listen,
        [
            "10.0.0.1:1".parse().unwrap(),
            "127.0.0.1:2".parse().unwrap()
        ]
    );
    assert_eq!(config.api.token.as_deref(), Some("long-enough"));
    assert_eq!(config.modem.tty.as_deref(), Some(Path::new("/dev/pts/9")));
}

#[test]
fn a_file_that_cannot_be_read_is_a_problem_too() {
    let dir = tempfile::tempdir().unwrap();
    let told = |path: &Path| {
        let (config, problems) = load(Some(path), &Overrides::default());
        assert!(config.is_none() && problems.len() == 1);
        problems[0].to_string()
    };
    let path = dir.path().join("rut-agent");
    assert!(told(&path).contains("cannot be read"));
    std::fs::write(&path, b"# fine\n\xff\n").unwrap();
    assert!(told(&path).ends_with(":2: error: this line is not UTF-8"));
    std::fs::write(&path, "#".repeat(300_000)).unwrap();
    assert!(told(&path).ends_with("is longer than 256 KiB"));
    std::fs::write(&path, "config agent 'agent'\r\n\toption name 'x'\r\n").unwrap();
    let (config, problems) = load(Some(&path), &Overrides::default());
    assert_eq!(problems, []);
    assert_eq!(config.unwrap().agent.name.as_deref(), Some("x"));
}

#[test]
fn the_help_shows_every_option_in_a_whole_row() {
    let help = help();
    for section in OPTIONS {
        for row in section.rows() {
            assert!(help.contains(&format!("`{}` | ", row.name)), "{}", row.name);
        }
    }
    for line in help.lines() {
        assert_eq!(line.matches('|').count(), 6, "{line}");
    }
}

/// The default file as the table makes it: sections that work now stand there empty, all else is commented out.
fn default_file() -> String {
    let mut out = String::from(
        "# rut-agent: every section and option. What is commented out shows its default, or nothing where there is none.\n\
         # After a change: rut-agent check && /etc/init.d/rut-agent reload\n",
    );
    for section in OPTIONS {
        let name = if section.many {
            "example"
        } else {
            section.kind
        };
        let off = if section.many { "#" } else { "" };
        let any = if section.many {
            " Any number of them, each with its own name."
        } else {
            ""
        };
        write!(
            out,
            "\n# {}{any}\n{off}config {} '{name}'\n",
            section.help, section.kind
        )
        .unwrap();
        for row in section.rows() {
            writeln!(out, "\t# {} ({})", row.help, row.kind.describe()).unwrap();
            let word = if row.list { "list" } else { "option" };
            let values: Vec<&str> = match row.list && !row.default.is_empty() {
                true => row.default.split_whitespace().collect(),
                false => vec![row.default],
            };
            for value in values {
                writeln!(out, "#\t{word} {} '{value}'", row.name).unwrap();
            }
        }
    }
    out
}

/// `RUT_AGENT_BLESS=1 cargo test` writes the file anew after a change of the table.
#[test]
fn the_default_file_is_the_table_and_has_no_problem() {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/openwrt/files/rut-agent.config"
    );
    if std::env::var_os("RUT_AGENT_BLESS").is_some() {
        std::fs::write(path, default_file()).unwrap();
    }
    let text = std::fs::read_to_string(path).unwrap();
    assert_eq!(text, default_file());
    assert_eq!(good(&text), Config::default());
    // With every comment sign in front of a statement taken away it is still right.
    let mut all = text
        .replace("\n#\t", "\n\t")
        .replace("\n#config", "\nconfig");
    // Names are unique in UCI.
    for number in 0..all.matches("'example'").count() {
        all = all.replacen("'example'", &format!("'n{number}'"), 1);
    }
    let (config, problems) = read(&all, "f");
    assert!(config.is_some(), "{problems:#?}");
}

#[test]
fn post_get_wants_an_address_a_name_and_a_password_and_gets_them() {
    let text = "config post_get 'post_get'\n option enabled '1'\n list listen '192.168.1.1:80'\n \
                list allow 'sms_send'\n option username 'user1'\n option password 'Pa%ss'\n";
    let post_get = good(text).post_get;
    let expected = PostGet {
        enabled: true,
        listen: vec!["192.168.1.1:80".parse().unwrap()],
        allow: vec![String::from("sms_send")],
        username: String::from("user1"),
        password: String::from("Pa%ss"),
    };
    assert_eq!(post_get, expected);
    for option in ["list listen", "option username", "option password"] {
        let without: Vec<&str> = text.lines().filter(|line| !line.contains(option)).collect();
        let name = option.split(' ').nth(1).unwrap();
        only_problem(
            &without.join("\n"),
            &format!("2: error: post_get is enabled and has no {name}"),
        );
    }
    only_problem(
        &text.replace("192.168.1.1:80", "127.0.0.1:8240"),
        "3: error: post_get.listen 127.0.0.1:8240 is the API's address",
    );
    only_problem(
        &text.replace("Pa%ss", "Pa$ss"),
        "6: error: post_get.password must be 5 to 64",
    );
    only_problem(
        &text.replace("Pa%ss", "user_pass"),
        "6: remark: post_get.password is RutOS's well-known one",
    );
}
