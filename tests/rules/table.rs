//! Tests: every action of the manual's table (RUT241, Mobile Utilities, 2: SMS Utilities) by its own text, over the air — tried
//! out first, then done: what ran is what the trial told. Never tests each firmware: the actions have tests beside them.

use serde_json::{Value, json};

use crate::router::{Router, SETTLE};
use crate::{BOSS, own};

/// The manual's table, line by line: action and SMS text; empty where it gives none.
#[rustfmt::skip]
const MANUAL: &[(&str, &str)] = &[
    ("Change I/O state", "ioset"), ("Change mobile settings", "cellular"), ("Change profile", ""),
    ("Execute custom script", ""), ("Reset mobile connection", "reset_conn"), ("Reload config", "config_reload"),
    ("FW upgrade from server", "fw_upgrade"), ("Get list of profiles", "profdisp"), ("IP unblock", "ipunblock"),
    ("I/O status", "iostatus"), ("Manage OpenVPN", "vpnnon"), ("Manage OpenVPN", "vpnoff"),
    ("Mobile Data limit status", ""), ("Mobile Data usage reset", ""), ("Monitoring status", "monitoring_status"),
    ("More", "more"), ("OpenVPN status", "vpnstatus"), ("Reboot", "reboot"), ("Restore to default", "restore"),
    ("RMS action", "rms_on"), ("RMS action", "rms_off"), ("RMS connect", "rms_connect"), ("RMS status", "rms_status"),
    ("Send status", "status"), ("SSH access control", "sshon"), ("SSH access control", "sshoff"),
    ("Switch mobile data", "mobileon"), ("Switch mobile data", "mobileoff"), ("Switch WiFi", "wifion"),
    ("Switch WiFi", "wifioff"), ("UCI API", "uci"), ("Restore to user's defaults", "userdefaults"),
    ("Wake on LAN", "wakeup"), ("Web access control", "webon"), ("Web access control", "weboff"), ("API", "api"),
];

/// What a program says to these words.
type Says = (&'static str, &'static str);

/// The manual's name, the rule's text, our action, its options, what is said behind the text, what programs say from now on,
/// what runs, what is answered.
type Row = (
    &'static str,
    &'static str,
    &'static str,
    &'static str,
    &'static str,
    &'static [Says],
    &'static [&'static str],
    &'static str,
);

const NETWORK: Says = (
    "uci -q show network",
    "network.mob1s1a1=interface\nnetwork.mob1s1a1.proto='wwan'\nnetwork.mob1s1a1.sim='1'\n",
);
const PINS: Says = ("ubus list ioman.*", "ioman.gpio.din1\nioman.gpio.dout1\n");
const OPENVPN: Says = (
    "uci -q show openvpn",
    "openvpn.home=openvpn\nopenvpn.home.enable='1'\nopenvpn.home.dev='tun0'\n",
);
const FIREWALL: Says = (
    "uci -q show firewall",
    "firewall.4=rule\nfirewall.4.name='Enable_SSH_WAN'\nfirewall.5=rule\nfirewall.5.name='Enable_HTTPS_WAN'\n",
);
const WIRELESS: Says = (
    "uci show wireless",
    "wireless.radio0=wifi-device\nwireless.radio0.option1='value 1'\nwireless.radio0.option2='value 2'\nwireless.radio0.option3='value 3'\nwireless.radio0.option4='value 4'\nwireless.radio0.option5='value 5'\nwireless.radio0.option6='value 6'\nwireless.radio0.option7='value 7'\nwireless.radio0.option8='value 8'\n",
);

#[rustfmt::skip]
const ROWS: &[Row] = &[
    ("Change I/O state", "ioset", "io_set", " option io 'dout1'\n option value 'on'\n", "", &[PINS], &["ubus|list|ioman.*", "ubus|call|ioman.gpio.dout1|update|{\"value\":\"1\"}"], "io_set: done"),
    ("I/O status", "iostatus", "iostatus", "", "", &[("ubus call ioman.gpio.din1 status", "{\"value\":\"1\"}")], &["ubus|list|ioman.*", "ubus|list|ioman.*", "ubus|call|ioman.gpio.din1|status", "ubus|list|ioman.*", "ubus|call|ioman.gpio.dout1|status"], "din1 - 1, dout1 - N/A"),
    ("Change mobile settings", "cellular", "change_mobile_settings", " option simcard '1'\n", "apn=internet auth_mode=pap service=3g username=user password=pass roaming=0", &[NETWORK, ("uci -q show simcard", "simcard.@sim[0]=sim\nsimcard.@sim[0].position='1'\n")], &["uci|-q|show|network", "uci|-q|show|simcard", "uci|set|network.mob1s1a1.apn=internet", "uci|set|network.mob1s1a1.auth=pap", "uci|set|simcard.@sim[0].service=3g", "uci|set|network.mob1s1a1.username=user", "uci|set|network.mob1s1a1.password=pass", "uci|set|simcard.@sim[0].deny_roaming=1", "uci|commit|network", "uci|commit|simcard", "reload_config", "ubus|list|mobifd", "ifup|mob1s1a1"], "set: apn=internet auth_mode=pap service=3g username=user password=*** roaming=0"),
    ("Switch mobile data", "mobileon", "mobile", " option value 'on'\n", "", &[], &["uci|-q|show|network", "ifup|mob1s1a1"], "mobile: done"),
    ("Switch mobile data", "mobileoff", "mobile", " option value 'off'\n option write_mobile '1'\n", "", &[], &["uci|-q|show|network", "uci|set|network.mob1s1a1.disabled=1", "uci|commit|network", "reload_config", "ifdown|mob1s1a1"], "mobile: done"),
    ("Reset mobile connection", "reset_conn", "reset_conn", "", "", &[("ubus list mobifd.modem*", "mobifd.modem0\n")], &["ubus|list|mobifd.modem*", "ubus|call|mobifd.modem0|reset_conn"], "reset_conn: done"),
    ("Mobile Data limit status", "datalimit", "data_limit", "", "", &[("uci -q show quota_limit", "quota_limit.mob1s1a1=interface\nquota_limit.mob1s1a1.enabled='1'\nquota_limit.mob1s1a1.data_limit='2048'\n"), ("ubus call quota_limit.mob1s1a1 status", "{\"data_used\":805306368}")], &["uci|-q|show|quota_limit", "ubus|call|quota_limit.mob1s1a1|status"], "mob1s1a1: 1.25 GB of 2.00 GB left"),
    ("Mobile Data usage reset", "datareset", "data_usage_reset", "", "", &[("ubus list mdcollect", "mdcollect\n")], &["ubus|list|mdcollect", "uci|-q|show|network", "uci|-q|show|quota_limit", "ubus|call|mdcollect|clean_db|{\"iface_name\":\"mob1s1a1\",\"sim\":1}", "uci|set|quota_limit.mob1s1a1.wrn_time=0", "uci|commit|quota_limit", "ubus|call|quota_limit.mob1s1a1|reload"], "data_usage_reset: done"),
    ("Manage OpenVPN", "vpnnon", "vpn", " option value 'on'\n", "home", &[OPENVPN], &["uci|-q|show|openvpn", "uci|set|openvpn.home.enable=1", "uci|commit|openvpn", "reload_config"], "vpn: done"),
    ("Manage OpenVPN", "vpnoff", "vpn", " option value 'off'\n", "home", &[], &["uci|-q|show|openvpn", "uci|set|openvpn.home.enable=0", "uci|commit|openvpn", "reload_config"], "vpn: done"),
    ("OpenVPN status", "vpnstatus", "vpnstatus", "", "", &[("cat /sys/class/net/tun0/carrier", "1\n")], &["uci|-q|show|openvpn", "cat|/sys/class/net/tun0/carrier"], "home: connected"),
    ("Get list of profiles", "profdisp", "list_of_profile", "", "", &[("uci -q show profiles", "profiles.default=profile\nprofiles.sea=profile\n"), ("uci -q get profiles.general.profile", "sea\n")], &["uci|-q|show|profiles", "uci|-q|get|profiles.general.profile"], "default, sea*"),
    ("Change profile", "changeprof", "change_profile", "", "default", &[], &["uci|-q|show|profiles", "uci|-q|get|profiles.general.profile", "ubus|list|rpc-profile", "profile.sh|-c|default"], "the profile is default"),
    ("Switch WiFi", "wifion", "wifi", " option value 'on'\n", "", &[("uci -q show wireless", "wireless.w0=wifi-iface\n")], &["uci|-q|show|wireless", "wifi|up"], "wifi: done"),
    ("Switch WiFi", "wifioff", "wifi", " option value 'off'\n option write_wifi '1'\n", "", &[], &["uci|-q|show|wireless", "uci|set|wireless.w0.disabled=1", "uci|commit|wireless", "wifi|down"], "wifi: done"),
    ("SSH access control", "sshon", "ssh_access", " option ssh_access_enabled '1'\n option ssh_access_remote '1'\n", "", &[("uci -q show dropbear", "dropbear.@dropbear[0]=dropbear\n"), FIREWALL], &["uci|-q|show|dropbear", "uci|-q|show|firewall", "uci|set|firewall.4.enabled=1", "uci|set|dropbear.@dropbear[0].enable=1", "uci|set|dropbear.@dropbear[0]._sshWanAccess=1", "uci|commit|dropbear", "uci|commit|firewall", "reload_config"], "ssh_access: done"),
    ("SSH access control", "sshoff", "ssh_access", "", "", &[], &["uci|-q|show|dropbear", "uci|-q|show|firewall", "uci|set|firewall.4.enabled=0", "uci|set|dropbear.@dropbear[0].enable=0", "uci|set|dropbear.@dropbear[0]._sshWanAccess=0", "uci|commit|dropbear", "uci|commit|firewall", "reload_config"], "ssh_access: done"),
    ("Web access control", "webon", "web_access", " option web_access_enabled '1'\n option webs_access_enabled '1'\n option web_access_https '1'\n option redirect_https '1'\n", "", &[("uci -q show uhttpd", "uhttpd.main=uhttpd\nuhttpd.main.enable_http='1'\n")], &["uci|-q|show|uhttpd", "uci|-q|show|firewall", "uci|set|firewall.5.enabled=1", "uci|set|uhttpd.main.enable_http=1", "uci|set|uhttpd.main.enable_https=1", "uci|set|uhttpd.main.redirect_https=1", "uci|set|uhttpd.main._httpWanAccess=0", "uci|set|uhttpd.main._httpsWanAccess=1", "uci|commit|uhttpd", "uci|commit|firewall", "reload_config"], "web_access: done"),
    ("Web access control", "weboff", "web_access", "", "", &[], &["uci|-q|show|uhttpd", "uci|-q|show|firewall", "uci|set|firewall.5.enabled=0", "uci|set|uhttpd.main.enable_http=0", "uci|set|uhttpd.main.enable_https=0", "uci|set|uhttpd.main.redirect_https=0", "uci|set|uhttpd.main._httpWanAccess=0", "uci|set|uhttpd.main._httpsWanAccess=0", "uci|commit|uhttpd", "uci|commit|firewall", "reload_config"], "web_access: done"),
    ("IP unblock", "ipunblock", "ip_unblock", "", "192.168.1.2", &[("ubus call ip_block show", "{\"ips\":[{\"ip\":\"192.168.1.2\",\"port\":\"22\",\"destination_ip\":\"192.168.1.1\"}]}")], &["ubus|call|ip_block|show", "ubus|call|ip_block|unblock|{\"destination_ip\":\"192.168.1.1\",\"ip\":\"192.168.1.2\",\"port\":\"22\"}"], "192.168.1.2 is unblocked"),
    ("Restore to user's defaults", "userdefaults", "userdefaults", "", "", &[], &["ubus|list|rpc-sys-ext", "user_defaults", "reboot"], "userdefaults: done"),
    ("Restore to default", "restore", "firstboot", "", "", &[], &["ubus|list|rpc-sys-ext", "firstboot|-y", "reboot"], "firstboot: done"),
    ("FW upgrade from server", "fw_upgrade", "fw_upgrade", "", "", &[], &["rut_fota|-fk"], "fw_upgrade: done"),
    ("RMS status", "rms_status", "rms_status", "", "", &[("ubus call rms get_status", "{\"status\":\"connected\"}")], &["ubus|call|rms|get_status"], "RMS: status connected"),
    ("Monitoring status", "monitoring_status", "monitoring_status", "", "", &[("uci -q show rms_mqtt", "rms_mqtt.rms_connect_mqtt=rms_connect_mqtt\nrms_mqtt.rms_connect_mqtt.enable='1'\n"), ("mnf_info --sn", "1111111111"), ("mnf_info --mac", "001E42000000")], &["uci|-q|show|rms_mqtt", "ubus|call|rms|get_status", "mnf_info|--sn", "mnf_info|--mac"], "RMS on: status connected\nSerial number - 1111111111; LAN MAC - 001E42000000"),
    ("RMS action", "rms_on", "rms_action", " option value 'on'\n", "", &[], &["uci|-q|show|rms_mqtt", "uci|set|rms_mqtt.rms_connect_mqtt.enable=1", "uci|commit|rms_mqtt", "rms_mqtt|restart"], "rms_action: done"),
    ("RMS action", "rms_off", "rms_action", " option value 'off'\n", "", &[], &["uci|-q|show|rms_mqtt", "uci|set|rms_mqtt.rms_connect_mqtt.enable=0", "uci|commit|rms_mqtt", "rms_mqtt|restart"], "rms_action: done"),
    ("RMS connect", "rms_connect", "rms_connect", "", "", &[], &["rms_mqtt|restart"], "rms_connect: done"),
    ("Reload config", "config_reload", "config_reload", "", "", &[], &["reload_config"], "config_reload: done"),
    ("Execute custom script", "script", "exec", " option script 'SCRIPT'\n", "a $(reboot) ; b", &[], &["env|SMS_FROM=+12025550155|SCRIPT|a|$(reboot)|;|b"], "+12025550155:4:a $(reboot) ; b"),
    ("API", "api", "api", " list path '/auto_reboot'\n", "put /auto_reboot/periodic/config/1 {\"data\": { \"enable\": \"1\"}}", &[("api PUT /auto_reboot/periodic/config/1 {\"data\": { \"enable\": \"1\"}}", "{\"http_code\":200,\"http_body\":{\"success\":true}}")], &["api|PUT|/auto_reboot/periodic/config/1|{\"data\": { \"enable\": \"1\"}}"], "{\"success\":true}"),
    ("UCI API", "uci", "uci", "", "set network.mobile.apn=example", &[], &["uci|set|network.mobile.apn=example", "uci|commit|network", "reload_config"], "network.mobile.apn=example"),
    ("UCI API", "uci", "uci", "", "show wireless", &[WIRELESS], &["uci|show|wireless"], "wireless.radio0=wifi-device\nwireless.radio0.option1='value 1'\nwireless.radio0.option2='value 2'\nwireless.radio0.option3='value 3'\nwireless.radio0.option4='value"),
    ("More", "more", "more", "", "", &[], &[], " 4'\nwireless.radio0.option5='value 5'\nwireless.radio0.option6='value 6'\nwireless.radio0.option7='value 7'\nwireless.radio0.option8='value 8'"),
    ("Send status", "status", "send_status", " option message '%rn %wi %sn'\n", "", &[], &["mnf_info|--sn", "ubus|call|network.interface|dump"], "bench N/A 1111111111"),
    ("Wake on LAN", "wakeup", "wol", " option mac '00:1E:42:AA:BB:CC'\n", "", &[], &["magic packet"], "00:1E:42:AA:BB:CC is woken"),
    ("Reboot", "reboot", "reboot", " option message '%rn is back'\n", "", &[], &["reboot"], "bench is back"),
];

#[test]
fn the_table_of_the_manual_has_every_action_and_each_has_its_row() {
    let named = |(name, text): &(&str, &str)| {
        let same = |row: &&Row| row.0 == *name && (row.1 == *text || text.is_empty());
        assert!(ROWS.iter().any(|row| same(&row)), "{name}, {text}");
    };
    MANUAL.iter().for_each(named);
    let help = rut_agent::rules::help();
    let ours = help
        .lines()
        .skip(2)
        .map(|line| line.split('`').nth(1).unwrap());
    let ours: Vec<&str> = ours.collect();
    for action in &ours {
        assert!(
            ROWS.iter().any(|row| row.2 == *action),
            "{action} has no row"
        );
    }
    assert_eq!((MANUAL.len(), ours.len()), (36, 30));
}

/// A program's words in a trial, as the recording program writes them.
fn line(words: &Value) -> String {
    let words = words
        .as_array()
        .unwrap()
        .iter()
        .map(|word| word.as_str().unwrap());
    let line = words.collect::<Vec<_>>().join("|");
    line.replace("/etc/init.d/", "")
}

/// True for what says how things are.
fn looks(line: &str) -> bool {
    let beginnings = [
        "uci|-q|show|",
        "uci|-q|get|",
        "uci|show|",
        "ubus|list|",
        "mnf_info|",
        "cat|",
    ];
    let ends = ["|status", "|show", "|dump", "|get_status"];
    beginnings.iter().any(|one| line.starts_with(one)) || ends.iter().any(|one| line.ends_with(one))
}

/// What the trial of a message says that `own` rules take; only looks ran for it.
fn tried(router: &Router, text: &str) -> (Vec<String>, Value) {
    let asked = json!({"from": BOSS, "text": text});
    let (status, trial) = router.bench.api("POST", "/rules/test", Some(&asked));
    assert_eq!(status, 200, "{text}: {trial}");
    let programs: Vec<String> = trial["programs"]
        .as_array()
        .unwrap()
        .iter()
        .map(line)
        .collect();
    let looked: Vec<String> = programs
        .iter()
        .filter(|line| looks(line))
        .cloned()
        .collect();
    assert_eq!(
        router.ran(),
        looked,
        "{text}: a trial looks, and does nothing"
    );
    assert_eq!(trial["recipients"], json!([BOSS]), "{text}");
    (programs, trial["reply"].clone())
}

#[test]
fn the_table_of_the_manual_is_tried_out_and_done_row_by_row() {
    let mut router = Router::start("");
    let script = router.script("echo \"$SMS_FROM:$#:$*\"");
    let mut sections = String::from(SETTLE);
    for (place, (_, text, action, more, ..)) in ROWS.iter().enumerate() {
        let more = more.replace("SCRIPT", &script);
        sections += &own(&format!("row{place}"), action, text, &more);
    }
    router.bench.write_config("", &sections);
    router.bench.restart();
    let _start = router.ran();
    println!("| manual | text | what ran | reply |\n|---|---|---|---|");
    for (name, text, action, _, args, says, runs, answer) in ROWS {
        for (words, text) in *says {
            router.says(words, text);
        }
        let message = format!("Xyzzy123 {text} {args}");
        let (programs, reply) = tried(&router, &message);
        let said = match *action {
            "reboot" => reboot(&mut router, &message),
            _ => router.ask(BOSS, &message),
        };
        let mut ran = router.ran();
        // What is no program of the recording kind: env and its script, and the agent's own packet.
        if matches!(*action, "exec" | "wol") {
            ran.clone_from(&programs);
        }
        println!(
            "| {name} | {} | {} | {} |",
            format!("{text} {args}").trim(),
            ran.join("<br>").replace('|', " "),
            said.replace('\n', "<br>")
        );
        let runs: Vec<String> = runs
            .iter()
            .map(|line| line.replace("SCRIPT", &script))
            .collect();
        assert_eq!(ran, runs, "{name}");
        assert_eq!(said, *answer, "{name}");
        let hidden = |line: &String| line.replace("password=pass", "password=***");
        let hidden: Vec<String> = runs.iter().map(hidden).collect();
        assert_eq!(
            programs, hidden,
            "{name}: the trial tells what runs, but no password"
        );
        match *action {
            "exec" | "api" => assert_eq!(reply, "<what it prints>", "{name}"),
            _ => assert_eq!(reply, *answer, "{name}"),
        }
    }
}

/// The router reboots: the agent starts again, and what it owes is the next message on the air.
fn reboot(router: &mut Router, message: &str) -> String {
    let before = router.told().len();
    router.deliver(BOSS, message);
    router.wait_ran("reboot");
    router.cut();
    router.bench.wait_air(before + 1);
    router.settle();
    let told = router.told();
    assert_eq!(told.len(), before + 2, "one status, and what settles");
    told[before].1.clone()
}

/// `RUT_AGENT_BLESS=1` writes it.
#[test]
fn the_readme_has_the_table_of_actions() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/README.md");
    let readme = std::fs::read_to_string(path).unwrap();
    let begin = readme.find("<!-- actions: made by ").unwrap();
    let begin = begin + readme[begin..].find('\n').unwrap() + 1;
    let end = readme.find("<!-- /actions -->").unwrap();
    let table = format!("\n{}\n", rut_agent::rules::help());
    if std::env::var_os("RUT_AGENT_BLESS").is_some() {
        std::fs::write(path, [&readme[..begin], &table, &readme[end..]].concat()).unwrap();
    } else {
        assert!(
            readme[begin..end] == table,
            "RUT_AGENT_BLESS=1 cargo test --test rules writes it"
        );
    }
}
