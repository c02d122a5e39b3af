//! Decider: actions about who gets in — WiFi, SSH, web pages, blocked addresses. Never runs anything itself.

use std::net::IpAddr;

use serde_json::Value;

use super::script::{Answer, Order, Script, Stop, absent, failed};
use super::{ubus, uci};

pub(super) fn wifi(order: &Order<'_>, script: &mut Script<'_>) -> Result<Answer, Stop> {
    let networks = uci::sections(script, "wireless", "wifi-iface")?;
    if networks.is_empty() {
        return absent("WiFi");
    }
    let on = order.on();
    if order.rule.flag("write_wifi") {
        for network in &networks {
            uci::switch(script, network, "disabled", !on)?;
        }
        script.must(&["uci", "commit", "wireless"])?;
    } else if on && networks.iter().all(|network| network.is_on("disabled")) {
        return failed("WiFi is off in the configuration; write_wifi would turn it on there");
    }
    script.must(&["wifi", if on { "up" } else { "down" }])?;
    Ok(Answer::Done)
}

/// Sets the firewall's rules for access from outside; true when there are any. RutOS gives them names of their own.
fn from_outside(script: &mut Script<'_>, wanted: &[(&str, bool)]) -> Result<bool, Stop> {
    let rules = uci::sections(script, "firewall", "rule")?;
    let mut found = false;
    for (name, on) in wanted {
        match rules.iter().find(|rule| rule.get("name") == Some(name)) {
            Some(rule) => {
                uci::switch(script, rule, "enabled", *on)?;
                found = true;
            }
            None if *on => return absent(&format!("firewall rule {name}")),
            None => {}
        }
    }
    Ok(found)
}

pub(super) fn ssh(order: &Order<'_>, script: &mut Script<'_>) -> Result<Answer, Stop> {
    let rule = order.rule;
    let servers = uci::sections(script, "dropbear", "dropbear")?;
    if servers.is_empty() {
        return absent("SSH server dropbear");
    }
    let outside = rule.flag("ssh_access_remote");
    let firewall = from_outside(script, &[("Enable_SSH_WAN", outside)])?;
    for server in &servers {
        uci::switch(script, server, "enable", rule.flag("ssh_access_enabled"))?;
        if firewall {
            uci::switch(script, server, "_sshWanAccess", outside)?;
        }
    }
    uci::commit(script, both("dropbear", firewall))?;
    Ok(Answer::Done)
}

pub(super) fn web(order: &Order<'_>, script: &mut Script<'_>) -> Result<Answer, Stop> {
    let rule = order.rule;
    let servers = uci::sections(script, "uhttpd", "uhttpd")?;
    // Plain OpenWrt's uhttpd has no such switch.
    let main = servers.iter().find(|one| one.get("enable_http").is_some());
    let Some(main) = main else {
        return absent("switch for its web pages");
    };
    let (http, https) = (rule.flag("web_access_http"), rule.flag("web_access_https"));
    let wanted = [("Enable_HTTP_WAN", http), ("Enable_HTTPS_WAN", https)];
    let firewall = from_outside(script, &wanted)?;
    for (option, on) in [
        ("enable_http", rule.flag("web_access_enabled")),
        ("enable_https", rule.flag("webs_access_enabled")),
        ("redirect_https", rule.flag("redirect_https")),
        ("_httpWanAccess", http),
        ("_httpsWanAccess", https),
    ] {
        uci::switch(script, main, option, on)?;
    }
    uci::commit(script, both("uhttpd", firewall))?;
    Ok(Answer::Done)
}

/// What is to be committed.
fn both(own: &'static str, firewall: bool) -> &'static [&'static str] {
    match (own, firewall) {
        ("dropbear", false) => &["dropbear"],
        ("dropbear", true) => &["dropbear", "firewall"],
        (_, false) => &["uhttpd"],
        (_, true) => &["uhttpd", "firewall"],
    }
}

const BLOCKED: &str = "ip_block";

pub(super) fn ip_unblock(order: &Order<'_>, script: &mut Script<'_>) -> Result<Answer, Stop> {
    let Some(shown) = ubus::ask(script, BLOCKED, "show")? else {
        return absent("list of blocked addresses");
    };
    let mut entries = Vec::new();
    blocked(&shown, &mut entries);
    if order.args.is_empty() {
        let count = entries.len();
        if count > 0 {
            ubus::call(script, BLOCKED, "clear", &Value::Null)?;
        }
        return Ok(Answer::Text(format!(
            "{count} of {count} addresses unblocked"
        )));
    }
    let Ok(address) = order.args.parse::<IpAddr>() else {
        return failed("that is not an address");
    };
    entries.retain(|entry| address_of(entry) == Some(address));
    if entries.is_empty() {
        return Ok(Answer::Text(format!("{address} was not blocked")));
    }
    for entry in entries {
        let mut args = serde_json::Map::new();
        for name in ["ip", "destination_ip", "port"] {
            // It wants texts, the port too.
            if let Some(value) = entry.get(name).and_then(ubus::plain) {
                args.insert(String::from(name), value.into());
            }
        }
        ubus::call(script, BLOCKED, "unblock", &Value::Object(args))?;
    }
    Ok(Answer::Text(format!("{address} is unblocked")))
}

fn address_of(entry: &Value) -> Option<IpAddr> {
    entry.get("ip")?.as_str()?.parse().ok()
}

/// The entries with an address, wherever a firmware puts them.
fn blocked<'a>(shown: &'a Value, entries: &mut Vec<&'a Value>) {
    if address_of(shown).is_some() {
        return entries.push(shown);
    }
    match shown {
        Value::Object(members) => members.values().for_each(|one| blocked(one, entries)),
        Value::Array(items) => items.iter().for_each(|one| blocked(one, entries)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
