//! Decider: actions about services — OpenVPN, profiles, RMS, waking machines. Never runs anything itself.

use serde_json::{Value, json};

use super::script::{Answer, Deed, Order, Said, Script, Stop, absent, failed};
use super::ubus;
use super::uci::{self, Section};

fn instances(script: &mut Script<'_>) -> Result<Vec<Section>, Stop> {
    uci::sections(script, "openvpn", "openvpn")
}

/// RutOS's name for the switch, else OpenWrt's.
fn enabled(instance: &Section) -> &'static str {
    match instance.get("enabled").is_some() && instance.get("enable").is_none() {
        true => "enabled",
        false => "enable",
    }
}

pub(super) fn vpn(order: &Order<'_>, script: &mut Script<'_>) -> Result<Answer, Stop> {
    let instances = instances(script)?;
    let found = match order.args {
        "" if instances.len() == 1 => instances.first(),
        name => instances.iter().find(|one| one.name() == name),
    };
    let Some(instance) = found else {
        let names: Vec<&str> = instances.iter().map(Section::name).collect();
        return match names.is_empty() {
            true => absent("OpenVPN instance"),
            false => failed(format!("name one of: {}", names.join(", "))),
        };
    };
    uci::switch(script, instance, enabled(instance), order.on())?;
    uci::commit(script, &["openvpn"])?;
    Ok(Answer::Done)
}

pub(super) fn vpnstatus(_: &Order<'_>, script: &mut Script<'_>) -> Result<Answer, Stop> {
    let mut said = Vec::new();
    for instance in instances(script)? {
        let state = if instance.is_on(enabled(&instance)) {
            // OpenVPN gives its device a carrier while it is connected.
            let device = instance.get("dev").unwrap_or("tun");
            let link = format!("/sys/class/net/{device}/carrier");
            match script.ask(&["cat", &link])?.map(str::trim) {
                Some("1") => "connected",
                _ => "disconnected",
            }
        } else {
            "disabled"
        };
        said.push(format!("{}: {state}", instance.name()));
    }
    if said.is_empty() {
        said.push(String::from("there is no OpenVPN instance"));
    }
    Ok(Answer::Text(said.join("\n")))
}

/// The profiles' names, and the one in use.
fn profiles(script: &mut Script<'_>) -> Result<(Vec<String>, String), Stop> {
    let all = uci::sections(script, "profiles", "profile")?;
    if all.is_empty() {
        return absent("profiles");
    }
    let used = script.ask(&["uci", "-q", "get", "profiles.general.profile"])?;
    let name = |one: &Section| String::from(one.get("name").unwrap_or(one.name()));
    let used = used.unwrap_or_default().trim();
    Ok((all.iter().map(name).collect(), String::from(used)))
}

pub(super) fn list_of_profile(_: &Order<'_>, script: &mut Script<'_>) -> Result<Answer, Stop> {
    let (names, used) = profiles(script)?;
    let star = |name: &String| match *name == used {
        true => format!("{name}*"),
        false => name.clone(),
    };
    Ok(Answer::Text(
        names.iter().map(star).collect::<Vec<_>>().join(", "),
    ))
}

pub(super) fn change_profile(order: &Order<'_>, script: &mut Script<'_>) -> Result<Answer, Stop> {
    let (names, _) = profiles(script)?;
    if !names.iter().any(|name| name == order.args) {
        return failed(format!("name one of: {}", names.join(", ")));
    }
    let object = "rpc-profile";
    if ubus::has(script, object)? {
        let methods = script.must_ask(&["ubus", "-v", "list", object])?;
        let key = first_argument(methods, "change").unwrap_or("name");
        ubus::call(script, object, "change", &json!({ key: order.args }))?;
    } else {
        script.must(&["profile.sh", "-c", order.args])?;
    }
    Ok(Answer::Text(format!("the profile is {}", order.args)))
}

/// The name of a method's first argument in what `ubus -v list` printed: `"change":{"name":"String"}`.
fn first_argument<'a>(methods: &'a str, method: &str) -> Option<&'a str> {
    let (_, rest) = methods.split_once(&format!("\"{method}\":{{\""))?;
    rest.split_once('"').map(|(key, _)| key)
}

fn rms_switch(script: &mut Script<'_>) -> Result<Section, Stop> {
    let all = uci::sections(script, "rms_mqtt", "rms_connect_mqtt")?;
    match all.into_iter().next() {
        Some(section) => Ok(section),
        None => absent("RMS"),
    }
}

fn rms_says(script: &mut Script<'_>) -> Result<String, Stop> {
    match ubus::ask(script, "rms", "get_status")? {
        Some(status) => Ok(ubus::flat(&status)),
        None => absent("RMS"),
    }
}

pub(super) fn rms_status(_: &Order<'_>, script: &mut Script<'_>) -> Result<Answer, Stop> {
    Ok(Answer::Text(format!("RMS: {}", rms_says(script)?)))
}

pub(super) fn monitoring_status(_: &Order<'_>, script: &mut Script<'_>) -> Result<Answer, Stop> {
    let kind = match rms_switch(script)?.get("enable") {
        Some("1") => "on",
        Some("2") => "standby",
        Some(_) | None => "off",
    };
    let state = rms_says(script)?;
    let mut own = |word| Ok(script.ask(&["mnf_info", word])?.unwrap_or("N/A").trim());
    let (serial, mac) = (own("--sn")?, own("--mac")?);
    let text = format!("RMS {kind}: {state}\nSerial number - {serial}; LAN MAC - {mac}");
    Ok(Answer::Text(text))
}

pub(super) fn rms_action(order: &Order<'_>, script: &mut Script<'_>) -> Result<Answer, Stop> {
    let section = rms_switch(script)?;
    uci::switch(script, &section, "enable", order.on())?;
    script.must(&["uci", "commit", "rms_mqtt"])?;
    rms_connect(order, script)
}

pub(super) fn rms_connect(_: &Order<'_>, script: &mut Script<'_>) -> Result<Answer, Stop> {
    script.must(&["/etc/init.d/rms_mqtt", "restart"])?;
    Ok(Answer::Done)
}

pub(super) fn wol(order: &Order<'_>, script: &mut Script<'_>) -> Result<Answer, Stop> {
    let text = order.rule.text("mac");
    let mut mac = [0; 6];
    let mut bytes = text.split([':', '-']);
    for byte in &mut mac {
        let next = bytes.next().unwrap_or_default();
        *byte = u8::from_str_radix(next, 16).or_else(|_| failed("mac is not a MAC address"))?;
    }
    match script.deed(Deed::Wake(mac))? {
        Said::Ended(..) => Ok(Answer::Text(format!("{text} is woken"))),
        Said::Missing | Said::Unknown => failed("the packet could not be sent"),
    }
}

/// What RMS says of its state or its error, for the parameters.
pub(super) fn rms_value(script: &mut Script<'_>, name: &str) -> Result<Option<String>, Stop> {
    let status: Option<Value> = ubus::ask(script, "rms", "get_status")?;
    Ok(status.and_then(|status| ubus::find(&status, name)))
}
