//! Decider: actions about the mobile connection — on and off, its settings, its limits. Never runs anything itself.

use serde_json::{Value, json};

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

const LIMITS: &str = "quota_limit";

pub(super) fn data_limit(_: &Order<'_>, script: &mut Script<'_>) -> Result<Answer, Stop> {
    let mut limits = uci::sections(script, LIMITS, "interface")?;
    limits.retain(|limit| limit.is_on("enabled"));
    let mut said = Vec::new();
    for limit in &limits {
        let object = format!("{LIMITS}.{}", limit.name());
        let status = ubus::ask(script, &object, "status")?.unwrap_or_default();
        let used = ubus::find(&status, "data_used");
        let used = used.and_then(|used| used.parse::<u64>().ok());
        let megabytes = limit.get("data_limit").and_then(|text| text.parse().ok());
        let total = megabytes.map_or(0, |many: u64| many.saturating_mul(1 << 20));
        let left = used.map(|used| amount(total.saturating_sub(used)));
        let left = left.unwrap_or_else(|| String::from("N/A"));
        said.push(format!(
            "{}: {left} of {} left",
            limit.name(),
            amount(total)
        ));
    }
    if said.is_empty() {
        said.push(String::from("no data limit is set"));
    }
    Ok(Answer::Text(said.join("\n")))
}

/// Bytes, for a person.
fn amount(bytes: u64) -> String {
    let (unit, shift) = if bytes >> 30 == 0 {
        ("MB", 20)
    } else {
        ("GB", 30)
    };
    let hundredths = bytes.saturating_mul(100) >> shift;
    format!("{}.{:02} {unit}", hundredths / 100, hundredths % 100)
}

/// As RutOS's web page does it.
pub(super) fn data_usage_reset(order: &Order<'_>, script: &mut Script<'_>) -> Result<Answer, Stop> {
    let collector = "mdcollect";
    if !ubus::has(script, collector)? {
        return absent("count of mobile data");
    }
    let interfaces = uci::mobile(order, script)?;
    if interfaces.is_empty() {
        return absent(CONNECTION);
    }
    let limits = uci::sections(script, LIMITS, "interface")?;
    for interface in &interfaces {
        let sim = interface.get("sim").and_then(|sim| sim.parse().ok());
        let counted = json!({"iface_name": interface.name(), "sim": sim.unwrap_or(1_u8)});
        ubus::call(script, collector, "clean_db", &counted)?;
        if let Some(limit) = limits.iter().find(|one| one.name() == interface.name()) {
            // The warning that was sent may be sent again.
            uci::set(script, limit, "wrn_time", "0")?;
            script.must(&["uci", "commit", LIMITS])?;
            let object = format!("{LIMITS}.{}", limit.name());
            ubus::call(script, &object, "reload", &Value::Null)?;
        }
    }
    Ok(Answer::Done)
}
