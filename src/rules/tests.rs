//! Tests: the actions, one by one, on routers that are told what to answer. Never runs a program.

mod calls;

use super::kept::Pending;
use super::reply::{Job, Reply, Stage};
use super::script::play;
use crate::config::Rule;
use crate::message::Number;

const NETWORK: (&str, &str) = (
    "uci|-q|show|network",
    "network.lan=interface\nnetwork.lan.proto='static'\nnetwork.mob1s1a1=interface\nnetwork.mob1s1a1.proto='wwan'\nnetwork.mob1s1a1.sim='1'\n",
);
const SIMCARD: (&str, &str) = (
    "uci|-q|show|simcard",
    "simcard.@sim[0]=sim\nsimcard.@sim[0].position='1'\n",
);
const WIFI: (&str, &str) = (
    "uci|-q|show|wireless",
    "wireless.radio0=wifi-device\nwireless.default_radio0=wifi-iface\nwireless.default_radio0.disabled='1'\nwireless.@wifi-iface[1]=wifi-iface\n",
);
const FIREWALL: (&str, &str) = (
    "uci|-q|show|firewall",
    "firewall.@zone[0]=zone\nfirewall.4=rule\nfirewall.4.name='Enable_SSH_WAN'\nfirewall.5=rule\nfirewall.5.name='Enable_HTTP_WAN'\nfirewall.6=rule\nfirewall.6.name='Enable_HTTPS_WAN'\n",
);
const VPN: (&str, &str) = (
    "uci|-q|show|openvpn",
    "openvpn.home=openvpn\nopenvpn.home.enable='1'\nopenvpn.home.dev='tun_c_home'\nopenvpn.work=openvpn\nopenvpn.work.enable='1'\nopenvpn.work.dev='tun_c_work'\nopenvpn.old=openvpn\nopenvpn.old.enable='0'\n",
);
const PROFILES: (&str, &str) = (
    "uci|-q|show|profiles",
    "profiles.general=general\nprofiles.default=profile\nprofiles.default.name='default'\nprofiles.@profile[1]=profile\nprofiles.@profile[1].name='at sea'\n",
);
const RMS: (&str, &str) = (
    "uci|-q|show|rms_mqtt",
    "rms_mqtt.rms_connect_mqtt=rms_connect_mqtt\nrms_mqtt.rms_connect_mqtt.enable='2'\n",
);
const RMS_SAYS: (&str, &str) = (
    "ubus|call|rms|get_status",
    "{\"status\":\"connected\",\"error\":0,\"error_text\":\"no error\"}",
);
const PINS: (&str, &str) = (
    "ubus|list|ioman.*",
    "ioman.gpio\nioman.gpio.din1\nioman.gpio.dout1\n",
);
const BLOCKED: (&str, &str) = (
    "ubus|call|ip_block|show",
    "{\"ips\":[{\"ip\":\"192.168.1.2\",\"port\":22,\"destination_ip\":\"192.168.1.1\",\"counter\":\"10\"},{\"ip\":\"fd00::7\",\"port\":443}]}",
);

fn job(action: &str, options: &str, args: &str) -> Job {
    let mut rule = Rule {
        name: String::from("r"),
        action: String::from(action),
        ..Rule::default()
    };
    for option in options.split(' ').filter(|option| !option.is_empty()) {
        let (name, value) = option.split_once('=').unwrap();
        let name: &'static str = String::from(name).leak();
        rule.options.push((name, value.replace(',', "\n")));
    }
    let order = Pending {
        id: 7,
        from: Number::as_received("+12025550155"),
        rule: String::from("r"),
    };
    Job::new(order, &rule, args)
}

/// What ran, and what is answered.
fn ordered(job: &Job, router: &[(&str, &str)]) -> (Vec<String>, String) {
    let (ran, reply) = play(|script| job.steps(script), router);
    let reply = match reply {
        Ok(Reply::Nothing) => String::from("-"),
        Ok(Reply::Text(text)) => text,
        Ok(Reply::Template(text, facts)) => facts.iter().fold(text, |text, (name, value)| {
            text.replace(&format!("%{name}"), value)
        }),
        Ok(Reply::More) => String::from("MORE"),
        Ok(Reply::Later) => String::from("LATER"),
        Err(why) => format!("failed: {why}"),
    };
    (ran, reply)
}

type Row<'a> = (
    &'a str,
    &'a str,
    &'a str,
    &'a [(&'a str, &'a str)],
    &'a [&'a str],
    &'a str,
);

/// True for what only says how things are.
fn looks(line: &str) -> bool {
    let looking = ["uci|-q|show|", "ubus|list|", "ubus|-v|list|"];
    looking.iter().any(|look| line.starts_with(look))
        || ["dump", "status", "get_status", "show", "get_info"]
            .iter()
            .any(|end| line.starts_with("ubus|") && line.ends_with(&format!("|{end}")))
}

/// Action, options, arguments, router; what changed something, what is answered. Looking (`show`, `list`, `status`) is left
/// out of the list.
fn check(rows: &[Row<'_>]) {
    for (action, options, args, router, expected, answer) in rows {
        let (mut ran, reply) = ordered(&job(action, options, args), router);
        ran.retain(|line| !looks(line));
        println!("{action:24} {options} {args:?}\n    ran {ran:?}\n    says {reply:?}");
        assert_eq!(ran, *expected, "{action} {options} {args}");
        assert_eq!(reply, *answer, "{action} {options} {args}");
    }
}

const NONE: &[(&str, &str)] = &[];

#[test]
fn the_router_as_a_whole() {
    check(THE_ROUTER_AS_A_WHOLE);
}

#[rustfmt::skip]
const GONE_ROUTER: &[(&str, &str)] = &[("firstboot", "MISSING"), ("user_defaults", "MISSING"), ("rut_fota", "MISSING"), ("reboot", "FAILED no")];
#[rustfmt::skip]
const BUS_ROUTER: &[(&str, &str)] = &[("ubus|list|rpc-sys-ext", "rpc-sys-ext\n")];
#[rustfmt::skip]
const WAN_ROUTER: &[(&str, &str)] = &[("ubus|call|network.interface|dump", "{\"interface\":[{\"interface\":\"lan\",\"ipv4-address\":[{\"address\":\"192.168.1.1\"}],\"route\":[]},{\"interface\":\"mob\",\"proto\":\"wwan\",\"ipv4-address\":[{\"address\":\"10.1.2.3\",\"mask\":32}],\"route\":[{\"target\":\"0.0.0.0\",\"mask\":0}]}]}"), ("ubus|call|rut_fota|get_info", "{\"fw\":\"RUT2M_R_00.07.08\"}"), ("mnf_info|--sn", "1111111111\n"), ("mnf_info|--name", "RUT241\n")];
#[rustfmt::skip]
const THE_ROUTER_AS_A_WHOLE: &[Row<'static>] = &[
    ("reboot", "status_sms=1", "", NONE, &["reboot"], "LATER"),
    ("reboot", "", "", GONE_ROUTER, &["reboot"], "failed: reboot failed: FAILED no"),
    ("send_status", "", "", WAN_ROUTER, &[], "Router name - %rn; WAN IP - 10.1.2.3; Data Connection state - %cs; Network type - %ct; Signal Strength - %ss; New FW available - RUT2M_R_00.07.08;"),
    ("send_status", "message=%li|%mi|%sn|%pc|%g0", "", WAN_ROUTER, &["mnf_info|--sn", "mnf_info|--name"], "192.168.1.1|10.1.2.3|1111111111|RUT241|%g0"),
    ("firstboot", "", "", NONE, &["firstboot|-y", "reboot"], "-"),
    ("firstboot", "", "", BUS_ROUTER, &["ubus|call|rpc-sys-ext|firstboot", "reboot"], "-"),
    ("firstboot", "", "", GONE_ROUTER, &["firstboot|-y"], "failed: this router has no firstboot"),
    ("userdefaults", "respond=1", "", NONE, &["user_defaults", "reboot"], "userdefaults: done"),
    ("userdefaults", "", "", BUS_ROUTER, &["ubus|call|rpc-sys-ext|userdefaults", "reboot"], "-"),
    ("userdefaults", "", "", GONE_ROUTER, &["user_defaults"], "failed: this router has no user_defaults"),
    ("fw_upgrade", "", "", NONE, &["rut_fota|-fk"], "-"),
    ("fw_upgrade", "", "", GONE_ROUTER, &["rut_fota|-fk"], "failed: this router has no rut_fota"),
    ("config_reload", "respond=1", "", NONE, &["reload_config"], "config_reload: done"),
    ("more", "", "", NONE, &[], "MORE"),
];

#[test]
fn inputs_and_outputs() {
    check(INPUTS_AND_OUTPUTS);
    let mut back = job("io_set", "io=dout1 timeout=1 status_sms=1", "");
    back.stage = Stage::Back;
    let (ran, reply) = ordered(&back, PINS_KNOWN);
    assert_eq!(
        ran.last().unwrap(),
        "ubus|call|ioman.gpio.dout1|update|{\"value\":\"0\"}"
    );
    assert_eq!(reply, "-");
}

#[rustfmt::skip]
const PINS_KNOWN: &[(&str, &str)] = &[PINS, ("ubus|call|ioman.gpio.din1|status", "{\"value\":\"0\"}"), ("ubus|call|ioman.gpio.dout1|status", "{\"value\":\"1\"}")];
#[rustfmt::skip]
const INPUTS_AND_OUTPUTS: &[Row<'static>] = &[
    ("iostatus", "", "", PINS_KNOWN, &[], "din1 - 0, dout1 - 1"),
    ("iostatus", "message=(3)%g0(4)%g1", "", PINS_KNOWN, &[], "(3)0(4)1"),
    ("iostatus", "", "", NONE, &[], "failed: this router has no inputs or outputs"),
    ("io_set", "io=dout1 value=on", "", PINS_KNOWN, &["ubus|call|ioman.gpio.dout1|update|{\"value\":\"1\"}"], "-"),
    ("io_set", "io=dout1 value=off write_config=1 status_sms=1", "", PINS_KNOWN, &["ubus|call|ioman.gpio.dout1|update|{\"value\":\"0\"}", "uci|set|ioman.dout1.value=0", "uci|commit|ioman"], "io_set: done"),
    ("dout", "pin=dout1", "", PINS_KNOWN, &["ubus|call|ioman.gpio.dout1|update|{\"value\":\"1\"}"], "-"),
    ("io_set", "io=dout9", "", PINS_KNOWN, &[], "failed: this router has no output dout9"),
];

#[test]
fn wifi_ssh_web_pages_and_blocked_addresses() {
    check(WIFI_SSH_WEB_PAGES_AND_BLOCKED_ADDRESSES);
}

#[rustfmt::skip]
const OFF_SSH: &str = "failed: WiFi is off in the configuration; write_wifi would turn it on there";
#[rustfmt::skip]
const ALL_OFF_SSH: &[(&str, &str)] = &[("uci|-q|show|wireless", "wireless.a=wifi-iface\nwireless.a.disabled='1'\n")];
#[rustfmt::skip]
const SSH_SSH: &[(&str, &str)] = &[FIREWALL, ("uci|-q|show|dropbear", "dropbear.@dropbear[0]=dropbear\n")];
#[rustfmt::skip]
const PLAIN_SSH: &[(&str, &str)] = &[("uci|-q|show|dropbear", "dropbear.@dropbear[0]=dropbear\n"), ("uci|-q|show|uhttpd", "uhttpd.main=uhttpd\n")];
#[rustfmt::skip]
const WEB_SSH: &[(&str, &str)] = &[FIREWALL, ("uci|-q|show|uhttpd", "uhttpd.main=uhttpd\nuhttpd.main.enable_http='1'\n")];
#[rustfmt::skip]
const WIFI_SSH_WEB_PAGES_AND_BLOCKED_ADDRESSES: &[Row<'static>] = &[
    ("wifi", "value=on", "", &[WIFI], &["wifi|up"], "-"),
    ("wifi", "value=off respond=1", "", &[WIFI], &["wifi|down"], "wifi: done"),
    ("wifi", "value=off write_wifi=1", "", &[WIFI], &["uci|set|wireless.default_radio0.disabled=1", "uci|set|wireless.@wifi-iface[1].disabled=1", "uci|commit|wireless", "wifi|down"], "-"),
    ("wifi", "value=on", "", ALL_OFF_SSH, &[], OFF_SSH),
    ("wifi", "", "", NONE, &[], "failed: this router has no WiFi"),
    ("ssh_access", "ssh_access_enabled=1 ssh_access_remote=1", "", SSH_SSH, &["uci|set|firewall.4.enabled=1", "uci|set|dropbear.@dropbear[0].enable=1", "uci|set|dropbear.@dropbear[0]._sshWanAccess=1", "uci|commit|dropbear", "uci|commit|firewall", "reload_config"], "-"),
    ("ssh_access", "", "", PLAIN_SSH, &["uci|set|dropbear.@dropbear[0].enable=0", "uci|commit|dropbear", "reload_config"], "-"),
    ("ssh_access", "ssh_access_remote=1", "", PLAIN_SSH, &[], "failed: this router has no firewall rule Enable_SSH_WAN"),
    ("ssh_access", "", "", NONE, &[], "failed: this router has no SSH server dropbear"),
    ("web_access", "web_access_enabled=1 webs_access_enabled=1 web_access_https=1 redirect_https=1", "", WEB_SSH, &["uci|set|firewall.5.enabled=0", "uci|set|firewall.6.enabled=1", "uci|set|uhttpd.main.enable_http=1", "uci|set|uhttpd.main.enable_https=1", "uci|set|uhttpd.main.redirect_https=1", "uci|set|uhttpd.main._httpWanAccess=0", "uci|set|uhttpd.main._httpsWanAccess=1", "uci|commit|uhttpd", "uci|commit|firewall", "reload_config"], "-"),
    ("web_access", "", "", PLAIN_SSH, &[], "failed: this router has no switch for its web pages"),
    ("ip_unblock", "", "", &[BLOCKED], &["ubus|call|ip_block|clear"], "2 of 2 addresses unblocked"),
    ("ip_unblock", "", "192.168.1.2", &[BLOCKED], &["ubus|call|ip_block|unblock|{\"destination_ip\":\"192.168.1.1\",\"ip\":\"192.168.1.2\",\"port\":\"22\"}"], "192.168.1.2 is unblocked"),
    ("ip_unblock", "", "192.168.1.3", &[BLOCKED], &[], "192.168.1.3 was not blocked"),
    ("ip_unblock", "", "$(reboot)", &[BLOCKED], &[], "failed: that is not an address"),
    ("ip_unblock", "", "", &[("ubus|call|ip_block", "FAILED")], &[], "failed: this router has no list of blocked addresses"),
];

#[test]
fn the_mobile_connection() {
    check(THE_MOBILE_CONNECTION);
}

#[rustfmt::skip]
const RUTOS_MOBILE: &[(&str, &str)] = &[NETWORK, SIMCARD, ("ubus|list|mobifd.modem*", "mobifd.modem0\n"), ("ubus|list|mobifd", "mobifd\n")];
#[rustfmt::skip]
const LIMITS_MOBILE: &[(&str, &str)] = &[NETWORK, ("uci|-q|show|quota_limit", "quota_limit.mob1s1a1=interface\nquota_limit.mob1s1a1.enabled='1'\nquota_limit.mob1s1a1.data_limit='2048'\nquota_limit.mob1s2a1=interface\nquota_limit.mob1s2a1.enabled='0'\n"), ("ubus|call|quota_limit.mob1s1a1|status", "{\"data_used\":805306368,\"reset_time\":\"1795293314\"}"), ("ubus|list|mdcollect", "mdcollect\n")];
#[rustfmt::skip]
const SMALL_MOBILE: &[(&str, &str)] = &[("uci|-q|show|quota_limit", "quota_limit.wan=interface\nquota_limit.wan.enabled='1'\nquota_limit.wan.data_limit='100'\n"), ("ubus|list|mdcollect", "mdcollect\n")];
#[rustfmt::skip]
const THE_MOBILE_CONNECTION: &[Row<'static>] = &[
    ("mobile", "value=off", "", &[NETWORK], &["ifdown|mob1s1a1"], "-"),
    ("mobile", "value=on write_mobile=1", "", &[NETWORK], &["uci|set|network.mob1s1a1.disabled=0", "uci|commit|network", "reload_config", "ifup|mob1s1a1"], "-"),
    ("mobile", "value=on interface=lan", "", &[NETWORK], &["ifup|lan"], "-"),
    ("mobile", "", "", NONE, &[], "failed: this router has no mobile connection"),
    ("reset_conn", "", "", RUTOS_MOBILE, &["ubus|call|mobifd.modem0|reset_conn"], "-"),
    ("reset_conn", "", "", &[NETWORK], &["ifup|mob1s1a1"], "-"),
    ("change_mobile_settings", "simcard=1", "apn=internet auth_mode=pap service=3G_LTE username=me password=pä$s roaming=0", RUTOS_MOBILE, &["uci|set|network.mob1s1a1.apn=internet", "uci|set|network.mob1s1a1.auth=pap", "uci|set|simcard.@sim[0].service=3g_lte", "uci|set|network.mob1s1a1.username=me", "uci|set|network.mob1s1a1.password=pä$s", "uci|set|simcard.@sim[0].deny_roaming=1", "uci|commit|network", "uci|commit|simcard", "reload_config", "ubus|call|mobifd|reload"], "set: apn=internet auth_mode=pap service=3g_lte username=me password=*** roaming=0"),
    ("change_mobile_settings", "simcard=1", "Auto_apn=1 dialnumber=*99***1# auth_method=chap", &[NETWORK], &["uci|set|network.mob1s1a1.auto_apn=1", "uci|set|network.mob1s1a1.dialnumber=*99***1#", "uci|set|network.mob1s1a1.auth=chap", "uci|commit|network", "reload_config", "ifup|mob1s1a1"], "set: auto_apn=1 dialnumber=*99***1# auth_method=chap"),
    ("change_mobile_settings", "", "service=5g", RUTOS_MOBILE, &[], "failed: service cannot be that"),
    ("change_mobile_settings", "", "apn=a pin=1", RUTOS_MOBILE, &[], "failed: there is no setting pin"),
    ("change_mobile_settings", "", "", RUTOS_MOBILE, &[], "failed: say what is to be set, such as apn=internet"),
    ("change_mobile_settings", "simcard=2", "apn=x", RUTOS_MOBILE, &[], "failed: this router has no mobile connection"),
    ("change_mobile_settings", "simcard=1", "roaming=1", &[NETWORK], &[], "failed: this router has no settings of a SIM card"),
    ("data_limit", "", "", LIMITS_MOBILE, &[], "mob1s1a1: 1.25 GB of 2.00 GB left"),
    ("data_limit", "", "", SMALL_MOBILE, &[], "wan: N/A of 100.00 MB left"),
    ("data_limit", "", "", NONE, &[], "no data limit is set"),
    ("data_usage_reset", "interface=mob1s1a1 respond=1", "", LIMITS_MOBILE, &["ubus|call|mdcollect|clean_db|{\"iface_name\":\"mob1s1a1\",\"sim\":1}", "uci|set|quota_limit.mob1s1a1.wrn_time=0", "uci|commit|quota_limit", "ubus|call|quota_limit.mob1s1a1|reload"], "data_usage_reset: done"),
    ("data_usage_reset", "", "", NONE, &[], "failed: this router has no count of mobile data"),
    ("data_usage_reset", "", "", SMALL_MOBILE, &[], "failed: this router has no mobile connection"),
];

#[test]
fn services_and_profiles() {
    check(SERVICES_AND_PROFILES);
}

#[rustfmt::skip]
const VPN_AND: &[(&str, &str)] = &[VPN, ("cat|/sys/class/net/tun_c_home", "1\n"), ("cat|/sys/class/net/tun_c_work", "FAILED")];
#[rustfmt::skip]
const NEW_AND: &[(&str, &str)] = &[PROFILES, ("ubus|list|rpc-profile", "rpc-profile\n"), ("ubus|-v|list|rpc-profile", "'rpc-profile' @7\n\t\"list\":{}\n\t\"change\":{\"profile\":\"String\"}\n")];
#[rustfmt::skip]
const OLD_AND: &[(&str, &str)] = &[PROFILES, ("uci|-q|get|profiles.general.profile", "default\n")];
#[rustfmt::skip]
const OPENWRT_AND: &[(&str, &str)] = &[("uci|-q|show|openvpn", "openvpn.one=openvpn\nopenvpn.one.enabled='0'\n")];
#[rustfmt::skip]
const RMS_AND: &[(&str, &str)] = &[RMS, RMS_SAYS, ("mnf_info|--sn", "1111111111\n"), ("mnf_info|--mac", "001E42000000\n")];
#[rustfmt::skip]
const SERVICES_AND_PROFILES: &[Row<'static>] = &[
    ("vpn", "value=on", "old", VPN_AND, &["uci|set|openvpn.old.enable=1", "uci|commit|openvpn", "reload_config"], "-"),
    ("vpn", "value=off respond=1", "home", VPN_AND, &["uci|set|openvpn.home.enable=0", "uci|commit|openvpn", "reload_config"], "vpn: done"),
    ("vpn", "value=on", "", OPENWRT_AND, &["uci|set|openvpn.one.enabled=1", "uci|commit|openvpn", "reload_config"], "-"),
    ("vpn", "value=on", "x;reboot", VPN_AND, &[], "failed: name one of: home, work, old"),
    ("vpn", "", "home", NONE, &[], "failed: this router has no OpenVPN instance"),
    ("vpnstatus", "", "", VPN_AND, &["cat|/sys/class/net/tun_c_home/carrier", "cat|/sys/class/net/tun_c_work/carrier"], "home: connected\nwork: disconnected\nold: disabled"),
    ("vpnstatus", "", "", NONE, &[], "there is no OpenVPN instance"),
    ("list_of_profile", "", "", OLD_AND, &["uci|-q|get|profiles.general.profile"], "default*, at sea"),
    ("list_of_profile", "", "", NONE, &[], "failed: this router has no profiles"),
    ("change_profile", "", "at sea", OLD_AND, &["uci|-q|get|profiles.general.profile", "profile.sh|-c|at sea"], "the profile is at sea"),
    ("change_profile", "", "at sea", NEW_AND, &["uci|-q|get|profiles.general.profile", "ubus|call|rpc-profile|change|{\"profile\":\"at sea\"}"], "the profile is at sea"),
    ("change_profile", "", "-c", OLD_AND, &["uci|-q|get|profiles.general.profile"], "failed: name one of: default, at sea"),
    ("monitoring_status", "", "", RMS_AND, &["mnf_info|--sn", "mnf_info|--mac"], "RMS standby: error 0, error_text no error, status connected\nSerial number - 1111111111; LAN MAC - 001E42000000"),
    ("rms_status", "", "", RMS_AND, &[], "RMS: error 0, error_text no error, status connected"),
    ("rms_status", "", "", &[("ubus|call|rms", "MISSING")], &[], "failed: this router has no RMS"),
    ("rms_action", "value=on", "", RMS_AND, &["uci|set|rms_mqtt.rms_connect_mqtt.enable=1", "uci|commit|rms_mqtt", "/etc/init.d/rms_mqtt|restart"], "-"),
    ("rms_action", "value=off", "", NONE, &[], "failed: this router has no RMS"),
    ("rms_connect", "", "", RMS_AND, &["/etc/init.d/rms_mqtt|restart"], "-"),
    ("rms_connect", "", "", &[("/etc/init.d/rms_mqtt", "MISSING")], &["/etc/init.d/rms_mqtt|restart"], "failed: this router has no /etc/init.d/rms_mqtt"),
    ("wol", "mac=00:1E:42:aa:bb:cc", "", NONE, &["wake [00, 1e, 42, aa, bb, cc]"], "00:1E:42:aa:bb:cc is woken"),
    ("wol", "mac=00:1E:42", "", NONE, &[], "failed: mac is not a MAC address"),
];

#[test]
fn a_persons_own_words() {
    check(A_PERSONS_OWN_WORDS);
}

#[rustfmt::skip]
const SCRIPT_PERSONS: &str = "script=/root/x.sh";
#[rustfmt::skip]
const ALLOWED_PERSONS: &str = "acl_mode=allowed path=/auto_reboot,/system/ methods=get,post";
#[rustfmt::skip]
const A_PERSONS_OWN_WORDS: &[Row<'static>] = &[
    ("exec", SCRIPT_PERSONS, "a  b\nc", &[("env", "hello\n")], &["env|SMS_FROM=+12025550155|/root/x.sh|a|b|c"], "hello"),
    ("exec", SCRIPT_PERSONS, "$(reboot) `id` ; rm -rf / ' \" --help && >", &[("env", "ok")], &["env|SMS_FROM=+12025550155|/root/x.sh|$(reboot)|`id`|;|rm|-rf|/|'|\"|--help|&&|>"], "ok"),
    ("exec", "script=/root/x.sh status_code=1", "", &[("env", "ok")], &["env|SMS_FROM=+12025550155|/root/x.sh"], "ok\nexit code 0"),
    ("exec", SCRIPT_PERSONS, "", &[("env", "FAILED no")], &["env|SMS_FROM=+12025550155|/root/x.sh"], "FAILED no\nexit code 1"),
    ("exec", SCRIPT_PERSONS, "", &[("env", "")], &["env|SMS_FROM=+12025550155|/root/x.sh"], "-"),
    ("exec", "script=/a=b", "", NONE, &[], "failed: this router has no such script"),
    ("exec", SCRIPT_PERSONS, "a\0b", NONE, &[], "failed: there is a character in it that no program can be given"),
    ("uci", "", "get network.wan.ipaddr", &[("uci|get", "10.0.0.1\n")], &["uci|get|network.wan.ipaddr"], "10.0.0.1"),
    ("uci", "", "Show openvpn", &[("uci|show", "openvpn.a=openvpn\nopenvpn.a.key='/etc/k'\nopenvpn.a.port='1'\nopenvpn.a.up='/x'\n")], &["uci|show|openvpn"], "openvpn.a=openvpn\nopenvpn.a.port='1'"),
    ("uci", "", "show openvpn", &[("uci|show", "openvpn.a=openvpn\nopenvpn.a.key='one\nt=wo\n'\nopenvpn.a.note='x\ny'\n")], &["uci|show|openvpn"], "openvpn.a=openvpn\nopenvpn.a.note='x\ny'"),
    ("uci", "", "set network.mobile.apn=my apn", NONE, &["uci|set|network.mobile.apn=my apn", "uci|commit|network", "reload_config"], "network.mobile.apn=my apn"),
    ("uci", "", "set network.x=interface", NONE, &["uci|set|network.x=interface", "uci|commit|network", "reload_config"], "network.x=interface"),
    ("uci", "", "add_list system.ntp.server=a", NONE, &["uci|add_list|system.ntp.server=a", "uci|commit|system", "reload_config"], "system.ntp.server=a"),
    ("uci", "", "del_list system.ntp.server=a", NONE, &["uci|del_list|system.ntp.server=a", "uci|commit|system", "reload_config"], "system.ntp.server=a"),
    ("uci", "", "delete firewall.@rule[3]", NONE, &["uci|delete|firewall.@rule[3]", "uci|commit|firewall", "reload_config"], "firewall.@rule[3] is deleted"),
    ("uci", "", "commit network", NONE, &["uci|commit|network", "reload_config"], "network is committed"),
    ("uci", "", "get wireless.a.key", NONE, &[], "failed: permission denied"),
    ("uci", "", "get network.mob.Password", NONE, &[], "failed: permission denied"),
    ("uci", "", "set openvpn.a.up=/tmp/x", NONE, &[], "failed: permission denied"),
    ("uci", "", "show rut-agent", NONE, &[], "failed: permission denied"),
    ("uci", "", "show rpcd.x", NONE, &[], "failed: permission denied"),
    ("uci", "", "delete network", NONE, &[], "failed: say config.section.option"),
    ("uci", "", "get -c", NONE, &[], "failed: say config.section.option"),
    ("uci", "", "get ../../etc/shadow.a", NONE, &[], "failed: say config.section.option"),
    ("uci", "", "set -q.a.b=c", NONE, &[], "failed: say config.section.option"),
    ("uci", "", "set network.a.b=c\nd", NONE, &[], "failed: a value is one line"),
    ("uci", "", "set network.a.b", NONE, &[], "failed: say config.section.option=value"),
    ("uci", "", "batch x", NONE, &[], "failed: say get, show, set, add_list, del_list, delete or commit"),
    ("uci", "", "", NONE, &[], "failed: say get, show, set, add_list, del_list, delete or commit"),
    ("api", ALLOWED_PERSONS, "get /auto_reboot/periodic/config", &[("api", "{\"http_code\":200,\"http_body\":{\"success\":true}}\n")], &["api|GET|/auto_reboot/periodic/config"], "{\"success\":true}"),
    ("api", ALLOWED_PERSONS, "POST /system/x {\"data\": {\"a\": \"$(id)\"}}", NONE, &["api|POST|/system/x|{\"data\": {\"a\": \"$(id)\"}}"], "(nothing)"),
    ("api", ALLOWED_PERSONS, "post /system/x not json", NONE, &[], "failed: what follows the path must be JSON"),
    ("api", ALLOWED_PERSONS, "put /system/x", NONE, &[], "failed: method not allowed"),
    ("api", ALLOWED_PERSONS, "get /systematic", NONE, &[], "failed: endpoint not allowed"),
    ("api", ALLOWED_PERSONS, "get /system/../users", NONE, &[], "failed: endpoint not allowed"),
    ("api", ALLOWED_PERSONS, "get --help", NONE, &[], "failed: endpoint not allowed"),
    ("api", "acl_mode=allowed", "get /system", NONE, &[], "failed: endpoint not allowed"),
    ("api", "acl_mode=denied path=/users", "get /users/config", NONE, &[], "failed: endpoint not allowed"),
    ("api", "acl_mode=denied path=/users", "get /system", &[("api", "MISSING")], &["api|GET|/system"], "failed: this router has no program api"),
];

/// Every action that takes a person's words: its options, and where in them hostile ones are put.
#[rustfmt::skip]
const WORDS: &[(&str, &str, &str)] = &[
    ("change_mobile_settings", "simcard=1", "apn=harmless"), ("change_mobile_settings", "simcard=1", "password=harmless roaming=1"),
    ("change_mobile_settings", "simcard=1", "service=harmless"), ("change_mobile_settings", "simcard=1", "harmless"),
    ("vpn", "value=on", "harmless"), ("change_profile", "", "harmless"), ("ip_unblock", "", "harmless"),
    ("exec", SCRIPT_PERSONS, "harmless"), ("exec", SCRIPT_PERSONS, "first harmless last"),
    ("uci", "", "harmless"), ("uci", "", "get harmless"), ("uci", "", "show harmless"), ("uci", "", "delete network.harmless"),
    ("uci", "", "commit harmless"), ("uci", "", "set network.a.b=harmless"), ("uci", "", "set harmless"),
    ("uci", "", "add_list network.a.b=harmless"), ("uci", "", "del_list harmless"),
    ("api", "acl_mode=denied", "harmless"), ("api", "acl_mode=denied", "get /harmless"),
    ("api", "acl_mode=denied", "post /x {\"a\":\"harmless\"}"), ("api", "acl_mode=denied", "put /x harmless"),
];

/// A word that no action has a use for, in whose place the hostile ones stand.
const HARMLESS: &str = "harmless";

#[test]
fn hostile_words_stay_in_the_one_place_that_a_harmless_word_has_or_nothing_is_done() {
    let many: Vec<String> = (0..400).map(|number| format!("-x{number}")).collect();
    let (many, long) = (many.join(" "), "x".repeat(20_000));
    let known = [RUTOS_MOBILE, VPN_AND, OLD_AND, &[BLOCKED]].concat();
    let (mut kept, mut refused) = (0, 0);
    for action in super::actions::ACTIONS {
        let listed = WORDS.iter().any(|(name, ..)| *name == action.name);
        assert_eq!(listed, !action.args.is_empty(), "{}", action.name);
    }
    for (action, options, harmless) in WORDS {
        let (usual, _) = ordered(&job(action, options, harmless), &known);
        #[rustfmt::skip]
        let hostile = [
            "'", "\"", "$(reboot)", "`reboot`", ";reboot", "; reboot", "&& reboot", "x\nreboot", "x\ry", "a\0b", "-rf", "--help", "-c", "--", "=",
            "a=b", "..", "../../etc/passwd", "/", "*", "~", "\\", "\u{1F600}", "\u{7f}", "{", "\"$(reboot)\"}", "-", "@[]", many.as_str(), long.as_str(),
        ];
        for words in hostile {
            let text = harmless.replace(HARMLESS, words);
            let (mut ran, reply) = ordered(&job(action, options, &text), &known);
            let in_place = match *action {
                "exec" => words.split_whitespace().collect::<Vec<_>>().join("|"),
                _ => String::from(words),
            };
            let same = usual.iter().map(|line| line.replace(HARMLESS, &in_place));
            if same.eq(ran.iter().cloned()) {
                kept += usize::from(ran.iter().any(|line| !looks(line)));
                continue;
            }
            refused += 1;
            ran.retain(|line| !looks(line) && !line.starts_with("uci|-q|"));
            assert!(ran.is_empty(), "{action} {text}: {ran:?}");
            assert!(reply.starts_with("failed: "), "{action} {text}: {reply}");
        }
    }
    assert!(kept > 100 && refused > 100, "{kept} {refused}");
}

#[test]
fn after_a_restart_an_order_is_told_of_and_not_done() {
    let found = |action: &str, options: &str| {
        let job = job(action, options, "");
        Job::found(job.order, &job.rule)
    };
    assert!(found("reboot", "").is_none());
    let (ran, reply) = ordered(&found("reboot", "status_sms=1 message=back").unwrap(), NONE);
    assert_eq!((ran.len(), reply.as_str()), (0, "back"));
    let (ran, reply) = ordered(&found("firstboot", "").unwrap(), NONE);
    assert_eq!(
        (ran.len(), reply.as_str()),
        (0, "failed: cut short by a restart, and not done again")
    );
    assert_eq!(found("io_set", "timeout=1").unwrap().stage, Stage::Back);
}
