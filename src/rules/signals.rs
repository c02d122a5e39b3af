//! Decider: inputs and outputs, and the %-parameters that only the router's programs know. Never runs anything itself.

use serde_json::{Value, json};

use super::script::{Answer, Order, Script, Stop, absent};
use super::{services, ubus, uci};

/// RutOS's inputs and outputs, such as `ioman.gpio.din1`.
fn pins<'a>(script: &mut Script<'a>) -> Result<Vec<&'a str>, Stop> {
    let mut pins = ubus::objects(script, "ioman.*")?;
    pins.retain(|pin| pin.split('.').count() == 3);
    Ok(pins)
}

fn name(pin: &str) -> &str {
    pin.rsplit('.').next().unwrap_or(pin)
}

pub(super) fn iostatus(_: &Order<'_>, script: &mut Script<'_>) -> Result<Answer, Stop> {
    let pins = pins(script)?;
    if pins.is_empty() {
        return absent("inputs or outputs");
    }
    let one = |(place, pin): (usize, &&str)| format!("{} - %g{place}", name(pin));
    let all: Vec<String> = pins.iter().take(10).enumerate().map(one).collect();
    Ok(Answer::Status(all.join(", ")))
}

/// Sets the output to what the rule says.
pub(super) fn io_set(order: &Order<'_>, script: &mut Script<'_>) -> Result<Answer, Stop> {
    io_to(order, script, order.on())
}

/// Sets the output back after its time.
pub(super) fn io_back(order: &Order<'_>, script: &mut Script<'_>) -> Result<Answer, Stop> {
    io_to(order, script, !order.on())
}

fn io_to(order: &Order<'_>, script: &mut Script<'_>, on: bool) -> Result<Answer, Stop> {
    let wanted = match order.rule.text("io") {
        "" => order.rule.text("pin"),
        io => io,
    };
    let value = if on { "1" } else { "0" };
    let pins = pins(script)?;
    let Some(pin) = pins.iter().find(|pin| name(pin) == wanted) else {
        return absent(&format!("output {wanted}"));
    };
    ubus::call(script, pin, "update", &json!({ "value": value }))?;
    if order.rule.flag("write_config") {
        let place = format!("ioman.{wanted}.value={value}");
        script.must(&["uci", "set", &place])?;
        script.must(&["uci", "commit", "ioman"])?;
    }
    Ok(Answer::Done)
}

/// A parameter with the function that asks for it.
type Asked = (
    &'static str,
    fn(&mut Script<'_>) -> Result<Option<String>, Stop>,
);

static ASKED: &[Asked] = &[
    ("sn", |script| own(script, "--sn")),
    ("pc", |script| own(script, "--name")),
    ("lm", |script| own(script, "--mac")),
    ("wi", |script| address(script, is_wan, "ipv4-address")),
    ("ws", |script| address(script, is_wan, "ipv6-address")),
    ("mi", |script| address(script, is_mobile, "ipv4-address")),
    ("li", |script| address(script, is_lan, "ipv4-address")),
    ("fs", |script| {
        Ok(ubus::ask(script, "rut_fota", "get_info")?.map(|info| firmware(&info)))
    }),
    ("ms", |script| services::rms_value(script, "status")),
    ("er", |script| services::rms_value(script, "error")),
    ("g0", |script| pin(script, 0)),
    ("g1", |script| pin(script, 1)),
    ("g2", |script| pin(script, 2)),
    ("g3", |script| pin(script, 3)),
    ("g4", |script| pin(script, 4)),
    ("g5", |script| pin(script, 5)),
    ("g6", |script| pin(script, 6)),
    ("g7", |script| pin(script, 7)),
    ("g8", |script| pin(script, 8)),
    ("g9", |script| pin(script, 9)),
];

/// What the router's programs say of the parameters that stand in `template`.
pub(super) fn facts(
    template: &str,
    script: &mut Script<'_>,
) -> Result<Vec<(&'static str, String)>, Stop> {
    let mut facts = Vec::new();
    for (name, ask) in ASKED {
        if template.contains(&format!("%{name}"))
            && let Some(value) = ask(script)?
        {
            facts.push((*name, value));
        }
    }
    Ok(facts)
}

fn own(script: &mut Script<'_>, word: &str) -> Result<Option<String>, Stop> {
    let said = script.ask(&["mnf_info", word])?;
    Ok(said.map(|said| String::from(said.trim())))
}

fn pin(script: &mut Script<'_>, place: usize) -> Result<Option<String>, Stop> {
    let Some(pin) = pins(script)?.get(place).copied() else {
        return Ok(None);
    };
    let status = ubus::ask(script, pin, "status")?;
    Ok(status.and_then(|status| ubus::find(&status, "value")))
}

/// The interface whose route leads everywhere.
fn is_wan(interface: &Value) -> bool {
    let routes = interface.get("route").and_then(Value::as_array);
    let anywhere = |route: &Value| {
        let target = route.get("target").and_then(Value::as_str);
        matches!(target, Some("0.0.0.0" | "::"))
            && route.get("mask").and_then(Value::as_u64) == Some(0)
    };
    routes.is_some_and(|routes| routes.iter().any(anywhere))
}

fn is_lan(interface: &Value) -> bool {
    interface.get("interface").and_then(Value::as_str) == Some("lan")
}

fn is_mobile(interface: &Value) -> bool {
    let proto = interface.get("proto").and_then(Value::as_str);
    proto.is_some_and(uci::is_mobile)
}

fn address(
    script: &mut Script<'_>,
    which: fn(&Value) -> bool,
    family: &str,
) -> Result<Option<String>, Stop> {
    let all = ubus::ask(script, "network.interface", "dump")?.unwrap_or_default();
    let all = all.get("interface").and_then(Value::as_array);
    let mut right = all.into_iter().flatten().filter(|one| which(one));
    Ok(right.find_map(|one| ubus::find(one.get(family)?, "address")))
}

/// The version on the vendor's server, where there is a newer one.
fn firmware(info: &Value) -> String {
    let names = ["fw", "firmware", "version"];
    let found = names.into_iter().find_map(|name| ubus::find(info, name));
    found.unwrap_or_else(|| String::from("No"))
}
