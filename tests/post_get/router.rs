//! Tests: Post/Get's calls that change the router — scripts stand in for RutOS's `uci`, `ubus`, `ifup` and `ifdown` and
//! write down the words they were given — and what Post/Get shows in the router's own time.

use std::os::unix::fs::PermissionsExt;

use super::{LOGIN, Old, PATIENCE, curl, wait_until};

/// RutOS's, as far as they are asked: `uci show network` prints a file, and each fails when a file says so.
const PROGRAM: &str = r#"#!/bin/sh
dir=$(dirname "$0") me=$(basename "$0")
{ printf %s "$me"; for word; do printf '|%s' "$word"; done; echo; } >> "$dir/calls"
[ "$me $*" = 'uci -q show network' ] && cat "$dir/network"
grep -qsx "$me|$1|$2\|$me" "$dir/broken" && exit 1
[ -e "$dir/hang" ] && exec sleep 600
exit 0
"#;

const NETWORK: &str = "network.lan.proto='static'\nnetwork.mob1s1a1=interface\nnetwork.mob1s1a1.proto='wwan'\n\
                       network.mob1s1a2.proto='wwan'\n";

fn router(pin: Option<&'static str>) -> Old {
    let mut old = Old::prepare("", pin);
    let dir = old.bench.path("bin");
    std::fs::create_dir(&dir).unwrap();
    for name in ["uci", "ubus", "ifup", "ifdown"] {
        std::fs::write(dir.join(name), PROGRAM).unwrap();
        let executable = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(dir.join(name), executable).unwrap();
    }
    std::fs::write(dir.join("network"), NETWORK).unwrap();
    let path = format!("{}:{}", dir.display(), std::env::var("PATH").unwrap());
    old.bench.env = vec![(String::from("PATH"), path)];
    old
}

impl Old {
    /// What the programs were told since the last time.
    fn told(&self) -> Vec<String> {
        let file = self.bench.path("bin").join("calls");
        let told = std::fs::read_to_string(&file).unwrap_or_default();
        let _none = std::fs::remove_file(file);
        told.lines().map(String::from).collect()
    }

    fn break_program(&self, which: &str) {
        std::fs::write(self.bench.path("bin").join("broken"), which).unwrap();
    }
}

#[test]
fn mobile_data_goes_off_and_on_through_the_routers_own_programs() {
    let old = router(None).go();
    let data = |more: &str| old.get("mobile_data", more);
    assert_eq!(data(""), "No 'value' given");
    assert_eq!(data("&value=1"), "Wrong value given, must be 'on' or 'off'");
    assert!(old.told().is_empty());
    let show = "uci|-q|show|network";
    assert_eq!(data("&value=off"), "OK");
    assert_eq!(old.told(), [show, "ifdown|mob1s1a1", "ifdown|mob1s1a2"]);
    assert_eq!(data("&value=on&interface=mob1s1a2&modem=1-1"), "OK");
    assert_eq!(old.told(), ["ifup|mob1s1a2"]);
    assert_eq!(data("&value=off&permanent=true&interface=wan_4"), "OK");
    let expected = [
        "uci|-q|set|network.wan_4.disabled=1",
        "uci|-q|commit|network",
        "ifdown|wan_4",
    ];
    assert_eq!(old.told(), expected);
    // A network that names no mobile interface has RutOS's usual one.
    std::fs::write(old.bench.path("bin").join("network"), "").unwrap();
    assert_eq!(data("&value=on"), "OK");
    assert_eq!(old.told(), [show, "ifup|mob1s1a1"]);
    // Nothing of a request is an option, a command or another package's setting.
    for bad in ["-a", "a;reboot", "$(reboot)", "../x", "a.b=c", "a%0Ab"] {
        let more = format!("&value=on&permanent=true&interface={bad}");
        assert_eq!(data(&more), "ERROR", "{bad}");
    }
    assert!(old.told().is_empty());
    old.break_program("ifup");
    assert_eq!(data("&value=on"), "ERROR");
    old.break_program("uci|-q|commit");
    assert_eq!(data("&value=on&permanent=true"), "UCI ERROR");
    let told = old.told();
    assert_eq!(told.last().unwrap(), "uci|-q|revert|network", "{told:?}");
}

#[test]
fn a_program_that_hangs_holds_up_nobody_else() {
    let old = router(None).go();
    std::fs::write(old.bench.path("bin").join("hang"), "").unwrap();
    std::thread::scope(|scope| {
        let data = scope.spawn(|| old.get("mobile_data", "&value=on&interface=wan"));
        wait_until(PATIENCE, "ifup", || !old.told().is_empty());
        assert_eq!(old.get("sms_total", ""), "Used: 0\nTotal: 50\n");
        assert_eq!(old.bench.api("GET", "/healthz", None).0, 200);
        assert!(!data.is_finished());
        assert_eq!(data.join().unwrap(), "ERROR");
    });
    assert!(old.bench.log().contains("ifup wan gave no answer within"));
}

#[test]
fn a_pin_goes_into_the_routers_configuration_and_to_the_sim_that_waits_for_it() {
    let mut old = router(Some("4321"));
    old.bench.start_agent();
    old.bench.wait_modem_state("sim-pin");
    wait_until(PATIENCE, "Post/Get", || old.listens());
    let pin = |more: &str| old.get("mobile_sim_pin", more);
    for bad in [
        "",
        "&value=",
        "&value=123",
        "&pincode=123456789",
        "&pin=12a4",
        "&value=12%0A34",
    ] {
        assert_eq!(
            pin(bad),
            "PIN is not specified or it's format is incorrect",
            "{bad}"
        );
    }
    assert!(old.told().is_empty());
    old.break_program("uci");
    assert_eq!(pin("&value=4321"), "Failed to set PIN in config file");
    old.break_program("ubus");
    assert_eq!(pin("&value=4321"), "Failed to reload mobile connection");
    old.break_program("");
    old.told();
    assert_eq!(pin("&pincode=4321"), "Set SIM PIN successfully");
    let expected = [
        "uci|-q|set|simcard.@sim[0].pincode=4321",
        "uci|-q|commit|simcard",
        "ubus|call|mobifd|reload",
    ];
    assert_eq!(old.told(), expected);
    old.bench.wait_ready();
    assert!(!old.bench.log().contains("4321"), "the PIN is in the log");
}

#[test]
fn a_wrong_pin_is_entered_once_and_a_missing_sim_is_told() {
    let mut old = router(Some("4321"));
    old.bench.start_agent();
    old.bench.wait_modem_state("sim-pin");
    wait_until(PATIENCE, "Post/Get", || old.listens());
    for _ in 0..2 {
        assert_eq!(
            old.get("mobile_sim_pin", "&value=1111"),
            "Set SIM PIN successfully"
        );
    }
    wait_until(PATIENCE, "the refusal", || {
        old.bench
            .log()
            .contains("the SIM refused the configured PIN")
    });
    old.bench.control("sim removed");
    wait_until(PATIENCE, "no SIM", || {
        old.get("mobile_sim_pin", "&value=1111") == "Could not get SIM PIN state"
    });
    let heard = old.bench.control("at-log 200").to_string();
    assert_eq!(heard.matches("AT+CPIN=").count(), 1, "{heard}");
}

#[test]
fn without_the_routers_programs_each_call_says_so() {
    let mut old = Old::prepare("", None);
    // The agent is started by its path; nothing else is found.
    old.bench.env = vec![(String::from("PATH"), String::from("/nonexistent"))];
    let old = old.go();
    assert_eq!(old.get("mobile_data", "&value=on"), "ERROR");
    assert_eq!(
        old.get("mobile_sim_pin", "&value=4321"),
        "Failed to set PIN in config file"
    );
}

#[test]
fn dates_are_in_the_routers_own_time() {
    let mut old = Old::prepare("", None);
    let zone = "<+0545>-5:45";
    old.bench.env = vec![(String::from("TZ"), String::from(zone))];
    let old = old.go();
    old.receive("+12025550155", "when?");
    let sent = String::from(old.inbox()[0]["sent_at"].as_str().unwrap());
    let date = std::process::Command::new("date")
        .args(["-d", &sent, "+Date: %a %b %e %H:%M:%S %Y"])
        .env("LC_ALL", "C")
        .env("TZ", zone)
        .output()
        .unwrap();
    let date = String::from_utf8(date.stdout).unwrap();
    let list = old.get("sms_list", "");
    assert!(list.contains(&date), "{list} {date}");
}

#[test]
fn a_posted_multipart_form_is_told_what_is_understood() {
    let old = Old::start("");
    let (status, said) = curl(&[
        "-F",
        "username=user1",
        "-F",
        "password=secret_7",
        &old.url("sms_list"),
    ]);
    assert_eq!(status, 415, "{said}");
    assert!(said.contains("application/x-www-form-urlencoded"), "{said}");
    // In the address name and password are found, whatever the body is said to be.
    let url = old.url(&format!("sms_total?{LOGIN}"));
    let (status, said) = curl(&["-F", "a=b", &url]);
    assert_eq!(status, 415, "{said}");
    let (status, said) = curl(&["-H", "Content-Type: text/plain", "-d", "", &url]);
    assert_eq!((status, said.as_str()), (200, "Used: 0\nTotal: 50\n"));
}
