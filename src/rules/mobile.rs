//! Decider: actions about the mobile connection — on and off, its settings, its limits. Never runs anything itself.

use serde_json::Value;

use super::script::{Answer, Order, Script, Stop, absent, failed};
use super::ubus;
use super::uci::{self, Section};

const CONNECTION: &str = "mobile connection";

pub(super) fn switch(order: &Order<'_>, script: &mut Script<'_>) -> Result<Answer, Stop> {
    let interfaces = uci::mobile(order, script)?;
    if interfaces.is_empty() {
        return absent(CONNECTION);
    }
    let on = order.on();
    if order.rule.flag("write_mobile") {
        for interface in &interfaces {
            uci::switch(script, interface, "disabled", !on)?;
        }
        uci::commit(script, &["network"])?;
    } else if on && interfaces.iter().all(|one| one.is_on("disabled")) {
        return failed("it is off in the configuration; write_mobile would turn it on there");
    }
    for interface in &interfaces {
        script.must(&[if on { "ifup" } else { "ifdown" }, interface.name()])?;
    }
    Ok(Answer::Done)
}

pub(super) fn reset_conn(order: &Order<'_>, script: &mut Script<'_>) -> Result<Answer, Stop> {
    let modems = ubus::objects(script, "mobifd.modem*")?;
    for modem in &modems {
        ubus::call(script, modem, "reset_conn", &Value::Null)?;
    }
    if modems.is_empty() {
        let interfaces = uci::mobile(order, script)?;
        if interfaces.is_empty() {
            return absent(CONNECTION);
        }
        for interface in &interfaces {
            script.must(&["ifup", interface.name()])?;
        }
    }
    Ok(Answer::Done)
}

/// A parameter of `cellular`: its name, RutOS's option, and whether a value will do. It lies in `network`, but for the
/// service and roaming, which are the SIM's.
struct Setting {
    name: &'static str,
    option: &'static str,
    of_sim: bool,
    will_do: fn(&str) -> bool,
}

const fn setting(
    name: &'static str,
    option: &'static str,
    of_sim: bool,
    will_do: fn(&str) -> bool,
) -> Setting {
    Setting {
        name,
        option,
        of_sim,
        will_do,
    }
}

static SETTINGS: &[Setting] = &[
    setting("apn", "apn", false, |_| true),
    setting("auto_apn", "auto_apn", false, is_switch),
    setting("dialnumber", "dialnumber", false, |_| true),
    setting("auth_mode", "auth", false, is_auth),
    setting("auth_method", "auth", false, is_auth),
    setting("service", "service", true, is_service),
    setting("username", "username", false, |_| true),
    setting("password", "password", false, |_| true),
    setting("roaming", "deny_roaming", true, is_switch),
];

fn is_switch(value: &str) -> bool {
    matches!(value, "0" | "1")
}

fn is_auth(value: &str) -> bool {
    matches!(value, "none" | "pap" | "chap")
}

/// One mode, two of them joined, or RutOS's older names.
fn is_service(value: &str) -> bool {
    let mode = |mode| matches!(mode, "2g" | "3g" | "4g" | "lte");
    let older = ["auto", "2gonly", "3gonly", "4gonly", "3g_pref", "lte_pref"];
    older.contains(&value) || (value.split('_').count() <= 2 && value.split('_').all(mode))
}

/// What a message asks to be set; all is looked at before anything is changed.
fn wanted(args: &str) -> Result<Vec<(&'static Setting, String)>, Stop> {
    let mut wanted: Vec<(&Setting, String)> = Vec::new();
    for word in args.split_whitespace() {
        let (name, value) = word.split_once('=').unwrap_or((word, ""));
        let name = name.to_ascii_lowercase();
        let Some(setting) = SETTINGS.iter().find(|one| one.name == name) else {
            return failed(format!("there is no setting {name}"));
        };
        let value = match setting.of_sim {
            true => value.to_ascii_lowercase(),
            false => String::from(value),
        };
        if value.is_empty() || !(setting.will_do)(&value) || value.contains(char::is_control) {
            return failed(format!("{name} cannot be that"));
        }
        wanted.push((setting, value));
    }
    match wanted.is_empty() {
        true => failed("say what is to be set, such as apn=internet"),
        false => Ok(wanted),
    }
}

pub(super) fn cellular(order: &Order<'_>, script: &mut Script<'_>) -> Result<Answer, Stop> {
    let wanted = wanted(order.args)?;
    let interfaces = uci::mobile(order, script)?;
    let sims = match wanted.iter().any(|(setting, _)| setting.of_sim) {
        true => uci::sections(script, "simcard", "sim")?,
        false => Vec::new(),
    };
    let slot = order.rule.text("simcard");
    let own = |one: &&Section, option| one.get(option).is_none_or(|value| value == slot);
    let interface = interfaces.iter().find(|one| own(one, "sim"));
    let sim = sims.iter().find(|one| own(one, "position"));
    for (setting, value) in &wanted {
        let (section, what) = match setting.of_sim {
            true => (sim, "settings of a SIM card"),
            false => (interface, CONNECTION),
        };
        let Some(section) = section else {
            return absent(what);
        };
        match (setting.name, value.as_str()) {
            ("roaming", value) => uci::switch(script, section, setting.option, value == "0")?,
            (_, value) => uci::set(script, section, setting.option, value)?,
        }
    }
    let configs: &[&str] = match sims.is_empty() {
        true => &["network"],
        false => &["network", "simcard"],
    };
    uci::commit(script, configs)?;
    // RutOS's own daemon connects anew; where there is none, the interface does.
    if !ubus::has(script, "mobifd")? {
        if let Some(interface) = interface {
            script.must(&["ifup", interface.name()])?;
        }
    } else {
        ubus::call(script, "mobifd", "reload", &Value::Null)?;
    }
    let said = wanted.iter().map(|(setting, value)| match setting.name {
        "password" => String::from("password=***"),
        name => format!("{name}={value}"),
    });
    Ok(Answer::Text(format!(
        "set: {}",
        said.collect::<Vec<_>>().join(" ")
    )))
}

pub(super) fn data_limit(_: &Order<'_>, script: &mut Script<'_>) -> Result<Answer, Stop> {
    let limits = ubus::objects(script, "quota_limit.*")?;
    let mut said = Vec::new();
    for limit in limits {
        if let Some(status) = ubus::ask(script, limit, "status")? {
            let name = limit.trim_start_matches("quota_limit.");
            said.push(format!("{name}: {}", ubus::flat(&status)));
        }
    }
    if said.is_empty() {
        said.push(String::from("no data limit is set"));
    }
    Ok(Answer::Text(said.join("\n")))
}

/// The method's name differs between firmware versions.
pub(super) fn data_usage_reset(order: &Order<'_>, script: &mut Script<'_>) -> Result<Answer, Stop> {
    let pattern = match order.rule.text("interface") {
        "" => String::from("quota_limit.*"),
        name => format!("quota_limit.{name}"),
    };
    let limits = ubus::objects(script, &pattern)?;
    if limits.is_empty() {
        return absent("data limit there");
    }
    for limit in limits {
        let methods = script.must(&["ubus", "-v", "list", limit])?;
        let method = ["reset", "clear"]
            .into_iter()
            .find(|name| methods.contains(&format!("\"{name}\":")));
        match method {
            Some(method) => ubus::call(script, limit, method, &Value::Null)?,
            None => return absent("way to reset the data usage"),
        }
    }
    Ok(Answer::Done)
}
