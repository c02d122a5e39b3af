//! Tests: what doctor says of routers that are hard to come by, and its reading of /proc.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use super::checks::{available_kb, examine};
use super::finding::{Level, Report};
use super::look::Facts;
use super::sockets::{Listener, collide, listeners};
use super::vendor;
use crate::config::{self, Config, FlashVia};
use crate::time::WallTime;

/// A router on which all is well, and nothing runs.
fn router() -> Facts {
    Facts {
        modems: Vec::new(),
        port: Ok("/dev/ttyUSB3".into()),
        open: Vec::new(),
        agents: Vec::new(),
        is_root: true,
        status: None,
        gsmctl: Some(String::from("Inserted")),
        vendor: Vec::new(),
        config: Config::default(),
        configured: false,
        problems: Vec::new(),
        listeners: Vec::new(),
        flash: Some((4 << 20, 0)),
        memory: String::from("MemTotal: 60000 kB\nMemAvailable:    21000 kB\n"),
        now: WallTime::from_unix_s(1_795_293_314),
        qmi: true,
        uqmi: true,
    }
}

/// The findings of one check: level, text and commands.
fn told(facts: &Facts, check: &str) -> Vec<(Level, String, String)> {
    let report = examine(facts);
    let own = report.findings.into_iter().filter(|one| one.check == check);
    own.map(|one| (one.level, one.text, one.todo.join("\n")))
        .collect()
}

#[track_caller]
fn one(facts: &Facts, check: &str, level: Level, part: &str) -> String {
    let told = told(facts, check);
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(told[0].0, level, "{told:?}");
    assert!(told[0].1.contains(part), "{told:?}");
    told[0].2.clone()
}

fn services(files: &[(&str, &str)]) -> Report {
    let mut report = Report::default();
    let text = |package| {
        let file = files.iter().find(|(name, _)| *name == package);
        config::sections(file.map_or("", |(_, text)| text)).0
    };
    let files: Vec<_> = vendor::packages().map(text).collect();
    vendor::examine(&files, &mut report);
    report
}

#[test]
fn a_router_on_which_all_is_well_has_no_error() {
    assert_eq!(examine(&router()).errors(), 0);
    assert!(
        examine(&router())
            .words()
            .ends_with("\nerrors: 0, warnings: 0\n")
    );
}

#[test]
fn flash_that_is_full_is_an_error_and_less_than_the_limit_a_warning() {
    let mut facts = router();
    facts.flash = Some((40 << 10, 100 << 10));
    let todo = one(
        &facts,
        "flash",
        Level::Error,
        "40 kB are free for /etc/rut-agent/state: messages cannot be kept",
    );
    assert!(todo.starts_with("df"));
    facts.flash = Some((200 << 10, 100 << 10));
    let todo = one(&facts, "flash", Level::Warning, "may grow to 512 kB");
    assert!(
        todo.contains("rut-agent.agent.state_limit=274432;"),
        "{todo}"
    );
    facts.flash = Some((412 << 10, 100 << 10));
    one(&facts, "flash", Level::Ok, "412 kB");
    facts.flash = None;
    one(&facts, "flash", Level::Warning, "not known");
}

#[test]
fn a_clock_of_1970_and_little_memory_are_warned_of() {
    let mut facts = router();
    facts.now = WallTime::from_unix_s(70);
    let todo = one(&facts, "clock", Level::Warning, "1970-01-01T00:01:10Z");
    assert!(todo.starts_with("date -u -s"));
    facts.memory = String::from("MemAvailable: 3000 kB\n");
    one(&facts, "memory", Level::Warning, "only 3000 kB");
    facts.memory = String::from("MemAvailable:");
    one(&facts, "memory", Level::Warning, "not known");
    assert_eq!(available_kb("MemFree: 5 kB\nMemAvailable:   7 kB"), Some(7));
}

#[test]
fn flash_messages_need_uqmi_only_where_it_was_asked_for() {
    let mut facts = router();
    one(&facts, "qmi", Level::Ok, "/dev/cdc-wdm0 by uqmi");
    facts.qmi = false;
    one(&facts, "qmi", Level::Ok, "over AT: no QMI device");
    facts.config.modem.flash_via = FlashVia::Uqmi;
    one(&facts, "qmi", Level::Error, "no QMI device");
    (facts.qmi, facts.uqmi) = (true, false);
    one(&facts, "qmi", Level::Error, "no program uqmi");
    facts.config.modem.flash_via = FlashVia::At;
    one(&facts, "qmi", Level::Ok, "as configured");
}

#[test]
fn an_agent_that_is_silent_or_not_alone_is_told() {
    let mut facts = router();
    one(&facts, "agent", Level::Note, "does not run");
    facts.agents = vec![String::from("rut-agent (pid 7)")];
    one(
        &facts,
        "agent",
        Level::Warning,
        "rut-agent (pid 7) runs, but does not answer",
    );
    facts.agents.push(String::from("rut-agent (pid 8)"));
    one(
        &facts,
        "agent",
        Level::Error,
        "rut-agent (pid 7), rut-agent (pid 8)",
    );
    facts.agents.clear();
    facts.status =
        Some(serde_json::json!({"agent": {"version": "1.2"}, "modem": {"state": "searching"}}));
    one(&facts, "agent", Level::Ok, "rut-agent 1.2 runs and answers");
    one(&facts, "modem", Level::Warning, "searching");
    one(&facts, "sim", Level::Warning, "the agent says: unknown");
}

#[test]
fn the_sim_is_known_by_who_could_be_asked() {
    let mut facts = router();
    one(&facts, "sim", Level::Ok, "gsmctl -z says: Inserted");
    facts.gsmctl = Some(String::from("Not inserted"));
    one(&facts, "sim", Level::Warning, "Not inserted");
    facts.gsmctl = None;
    one(&facts, "sim", Level::Note, "not asked");
    facts.status = Some(serde_json::json!({"sim": {"state": "sim-pin"}}));
    assert!(one(&facts, "sim", Level::Warning, "sim-pin").contains("pincode"));
}

#[test]
fn who_listens_where_we_want_to_is_an_error_and_elsewhere_a_note() {
    let mut facts = router();
    let at = |text: &str, inode: &str| Listener {
        at: text.parse().unwrap(),
        inode: String::from(inode),
    };
    one(
        &facts,
        "listen",
        Level::Ok,
        "127.0.0.1:8240 is free for the API",
    );
    facts.listeners = vec![
        at("0.0.0.0:80", "1"),
        at("[::]:80", "2"),
        at("10.0.0.1:8240", "3"),
    ];
    let socket = |who: &str, inode: &str| (String::from(who), format!("socket:[{inode}]"));
    facts.open = vec![socket("uhttpd (pid 9)", "1"), socket("uhttpd (pid 9)", "2")];
    let found = told(&facts, "listen");
    assert_eq!((found[0].0, found[1].0), (Level::Ok, Level::Note));
    assert!(
        found[1].1.contains("port 80 is used by uhttpd (pid 9)"),
        "{found:?}"
    );

    facts.config.post_get.enabled = true;
    facts.config.post_get.listen = vec!["192.168.1.1:80".parse().unwrap()];
    facts.config.api.listen = vec!["[::]:8240".parse().unwrap()];
    let found = told(&facts, "listen");
    assert_eq!(
        (found[0].0, found[1].0, found.len()),
        (Level::Error, Level::Error, 2)
    );
    assert!(found[0].1.contains("an unknown program"));
    assert!(found[1].2.contains("uci set uhttpd.main.enable_http=0"));

    facts.open = vec![socket("rut-agent (pid 5)", "3")];
    facts.config.post_get.enabled = false;
    one_of(&facts, "rut-agent (pid 5) serves the API at [::]:8240");
}

#[track_caller]
fn one_of(facts: &Facts, part: &str) {
    let report = examine(facts).words();
    assert!(report.contains(part), "{report}");
}

#[test]
fn services_that_are_off_or_harmless_are_passed_over() {
    let off = [
        (
            "sms_utils",
            "config rule\n\toption enabled '0'\n\toption action 'reboot'\n",
        ),
        (
            "call_utils",
            "config call 'call'\n\toption enabled '1'\n\toption action 'ignore'\n",
        ),
        ("post_get", "config post_get 'io'\n\toption enabled '1'\n"),
        (
            "sms_gateway",
            "config other 'x'\n\toption enabled '1'\n\toption open 'never",
        ),
    ];
    let report = services(&off);
    assert_eq!(report.findings.len(), 1);
    assert_eq!(report.findings[0].level, Level::Ok);
}

#[test]
fn the_commands_name_exactly_the_sections_that_are_on() {
    let rule = |action: &str, on: u8| {
        format!("config rule\n\toption enabled '{on}'\n\toption action '{action}'\n")
    };
    let utils = [rule("reboot", 1), rule("wifi", 0), rule("wifi", 1)].concat();
    let gateway = "config fwd 'to_http'\n\toption enabled '1'\n\toption delete_sms '1'\nconfig fwd 'reply'\n\toption enabled '0'\n\
                   \toption delete_sms '1'\n";
    let report = services(&[("sms_utils", &utils), ("sms_gateway", gateway)]);
    let found: Vec<(Level, &str)> = report
        .findings
        .iter()
        .map(|one| (one.level, one.todo[0].as_str()))
        .collect();
    assert_eq!(
        found,
        [
            (
                Level::Warning,
                "for s in 'sms_utils.@rule[0]' 'sms_utils.@rule[2]'; do uci set \"$s.enabled=0\"; done; uci commit sms_utils; reload_config"
            ),
            (
                Level::Warning,
                "uci set 'sms_gateway.to_http.enabled=0'; uci commit sms_gateway; reload_config"
            ),
            (
                Level::Error,
                "uci set 'sms_gateway.to_http.delete_sms=0'; uci commit sms_gateway; reload_config"
            ),
        ]
    );
    assert!(
        report.findings[0]
            .text
            .starts_with("sms_utils (reboot, wifi) obeys")
    );
}

/// As a machine of this byte order prints it.
fn hex(bytes: &[u8]) -> String {
    let words = bytes
        .chunks(4)
        .map(|word| u32::from_ne_bytes(word.try_into().unwrap()));
    words.map(|word| format!("{word:08X}")).collect()
}

#[test]
fn sockets_that_listen_are_read_in_both_families_and_rubbish_is_passed_over() {
    let rest = "00000000:00000000 00:00000000 00000000     0        0 4711 1 c0ffee 100 0 0 10 0";
    let line = |address: &[u8], state: &str| {
        format!(
            "   0: {}:2030 {}:0000 {state} {rest}\n",
            hex(address),
            hex(&vec![0; address.len()])
        )
    };
    let v6 = std::net::Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 1);
    let text = [
        "  sl  local_address rem_address   st tx_queue rx_queue\n",
        &line(&[192, 168, 1, 1], "0A"),
        &line(&[10, 0, 0, 1], "01"),
        &line(&v6.octets(), "0A"),
        &line(
            &std::net::Ipv4Addr::LOCALHOST.to_ipv6_mapped().octets(),
            "0A",
        ),
    ]
    .concat();
    let found: Vec<String> = listeners(&text)
        .iter()
        .map(|one| one.at.to_string())
        .collect();
    assert_eq!(
        found,
        ["192.168.1.1:8240", "[fd00::1]:8240", "127.0.0.1:8240"]
    );
    assert!(listeners(&text).iter().all(|one| one.inode == "4711"));
    for end in 0..text.len() {
        assert!(listeners(&text[..end]).len() <= 3);
    }
    assert!(listeners("0: ž123:0050 0 0A 0 0 0 0 0 1\n").is_empty());
}

#[test]
fn addresses_collide_when_one_is_any_or_both_are_the_same() {
    let hit = |one: &str, other: &str| collide(one.parse().unwrap(), other.parse().unwrap());
    assert!(hit("0.0.0.0:80", "192.168.1.1:80"));
    assert!(hit("[::]:80", "192.168.1.1:80"));
    assert!(hit("10.0.0.1:80", "10.0.0.1:80"));
    assert!(!hit("10.0.0.1:80", "10.0.0.2:80"));
    assert!(!hit("0.0.0.0:80", "0.0.0.0:8080"));
}

#[test]
fn reports_are_one_line_of_json_for_programs() {
    let mut facts = router();
    facts.flash = Some((0, 0));
    let report: serde_json::Value = serde_json::from_str(&examine(&facts).json()).unwrap();
    assert_eq!(report["errors"], 1);
    let flash = report["findings"]
        .as_array()
        .unwrap()
        .iter()
        .find(|one| one["check"] == "flash");
    assert_eq!(flash.unwrap()["level"], "error");
    assert!(
        flash.unwrap()["commands"][0]
            .as_str()
            .unwrap()
            .starts_with("df")
    );
}
