//! Decider: actions that carry a person's own words to a program — a script, `uci`, RutOS's `api`. Never lets a word
//! become an option, another argument or a shell's business, and never shows or changes what opens the router.

use std::time::Duration;

use serde_json::Value;

use super::script::{Answer, Order, Said, Script, Stop, absent, failed};
use crate::json;

/// A script or a call of the API may take so long.
const LIMIT: Duration = Duration::from_secs(120);

pub(super) fn exec(order: &Order<'_>, script: &mut Script<'_>) -> Result<Answer, Stop> {
    let program = order.rule.text("script");
    // `env` would take it for another variable.
    if !program.starts_with('/') || program.contains('=') {
        return absent("such script");
    }
    let from = format!("SMS_FROM={}", order.from);
    let mut words = vec!["env", from.as_str(), program];
    words.extend(order.args.split_whitespace());
    let (code, said) = match script.run(&words, LIMIT)? {
        Said::Ended(code, out, err) if out.trim().is_empty() => (code, err),
        Said::Ended(code, out, _) => (code, out),
        Said::Missing => return absent("such script"),
        Said::Unknown => return failed("the script gave no answer in time"),
    };
    let said = said.trim_end();
    if order.rule.flag("status_code") || *code != Some(0) {
        let code = code.map_or(String::from("none"), |code| code.to_string());
        let text = format!("{said}\nexit code {code}");
        return Ok(Answer::Text(String::from(text.trim_start())));
    }
    match said {
        "" => Ok(Answer::Done),
        said => Ok(Answer::Text(String::from(said))),
    }
}

/// Configurations nobody reaches by SMS: accounts, certificates, mounts, and who may send what here.
const CLOSED: &[&str] = &[
    "rut-agent",
    "rpcd",
    "users",
    "certificates",
    "fstab",
    "sms_utils",
    "call_utils",
    "sms_gateway",
    "post_get",
];
/// Options whose names hold one of these: secrets, and programs that would be run.
const SECRET: &[&str] = &[
    "pass",
    "psk",
    "secret",
    "token",
    "key",
    "pin",
    "puk",
    "cert",
    "script",
    "command",
    "exec",
    "program",
    "community",
    "credential",
];
/// The same, when they are the whole name: a VPN's programs.
const HOOKS: &[&str] = &[
    "up",
    "down",
    "route_up",
    "plugin",
    "ipchange",
    "tls_verify",
    "client_connect",
];

/// `config.section.option` in the letters that UCI has, so that it can be no option of the program; and which it is.
fn place(text: &str) -> Result<(&str, usize), Stop> {
    let depth = text.split('.').count();
    let fits = |c: char| c.is_ascii_alphanumeric() || "_-@[]".contains(c);
    let parts = text
        .split('.')
        .all(|part| !part.is_empty() && part.chars().all(fits));
    let config = text.split('.').next().unwrap_or_default();
    if !parts || text.starts_with('-') || depth > 3 {
        return failed("say config.section.option");
    }
    let option = text.split('.').nth(2).unwrap_or_default();
    if CLOSED.contains(&config) || is_secret(option) {
        return failed("permission denied");
    }
    Ok((config, depth))
}

pub(super) fn is_secret(option: &str) -> bool {
    let option = option.to_ascii_lowercase();
    SECRET.iter().any(|word| option.contains(word)) || HOOKS.contains(&option.as_str())
}

pub(super) fn uci(order: &Order<'_>, script: &mut Script<'_>) -> Result<Answer, Stop> {
    let (verb, what) = order
        .args
        .split_once(char::is_whitespace)
        .unwrap_or((order.args, ""));
    let (verb, what) = (verb.to_ascii_lowercase(), what.trim());
    let said = |text: &str| Ok(Answer::Text(String::from(text)));
    let (target, value) = what.split_once('=').unwrap_or((what, ""));
    let (config, depth) = match verb.as_str() {
        "get" | "show" | "delete" | "commit" => place(what)?,
        "set" | "add_list" | "del_list" if what.contains('=') => place(target)?,
        "set" | "add_list" | "del_list" => return failed("say config.section.option=value"),
        _ => return failed("say get, show, set, add_list, del_list, delete or commit"),
    };
    let depths = match verb.as_str() {
        "get" | "set" => 2..=3,
        "show" => 1..=3,
        "delete" => 2..=3,
        "commit" => 1..=1,
        _ => 3..=3,
    };
    if !depths.contains(&depth) {
        return failed("say config.section.option");
    }
    if value.contains(char::is_control) {
        return failed("a value is one line");
    }
    match verb.as_str() {
        "get" => return said(script.must_ask(&["uci", "get", what])?.trim_end()),
        "show" => {
            let shown = script.must_ask(&["uci", "show", what])?;
            // A value of several lines goes on until the next place.
            let mut secret = false;
            let fine = |line: &&str| {
                let begins = line
                    .strip_prefix(config)
                    .is_some_and(|rest| rest.starts_with('.'));
                if let Some((place, _)) = line.split_once('=').filter(|_| begins) {
                    secret = is_secret(place.splitn(3, '.').nth(2).unwrap_or_default());
                }
                !secret
            };
            return said(&shown.lines().filter(fine).collect::<Vec<_>>().join("\n"));
        }
        "commit" => {}
        verb => drop(script.must(&["uci", verb, what])?),
    }
    super::uci::commit(script, &[config])?;
    match verb.as_str() {
        "commit" => said(&format!("{config} is committed")),
        "delete" => said(&format!("{what} is deleted")),
        _ => said(what),
    }
}

pub(super) fn api(order: &Order<'_>, script: &mut Script<'_>) -> Result<Answer, Stop> {
    let mut words = order.args.splitn(3, char::is_whitespace);
    let verb = words.next().unwrap_or_default().to_ascii_lowercase();
    let (path, data) = (
        words.next().unwrap_or_default(),
        words.next().unwrap_or_default().trim(),
    );
    let methods = order.rule.text("methods");
    let known = ["get", "post", "put", "delete"].contains(&verb.as_str());
    if !known || !(methods.is_empty() || methods.lines().any(|method| method == verb)) {
        return failed("method not allowed");
    }
    let fits = |c: char| c.is_ascii_alphanumeric() || "_-./".contains(c);
    let plain = path.starts_with('/')
        && path.chars().all(fits)
        && !path.contains("..")
        && !path.contains("//");
    let listed = order.rule.text("path").lines().any(|one| {
        let one = one.trim_end_matches('/');
        path == one
            || path
                .strip_prefix(one)
                .is_some_and(|rest| rest.starts_with('/'))
    });
    if !plain || listed != (order.rule.text("acl_mode") == "allowed") {
        return failed("endpoint not allowed");
    }
    if !data.is_empty() && json::value(data.as_bytes()).is_err() {
        return failed("what follows the path must be JSON");
    }
    // RutOS's own scripts write it large.
    let verb = verb.to_ascii_uppercase();
    let mut words = vec!["api", verb.as_str(), path];
    words.extend(Some(data).filter(|data| !data.is_empty()));
    match script.run(&words, LIMIT)? {
        Said::Ended(_, out, err) => {
            let said = if out.trim().is_empty() { err } else { out };
            // It wraps the answer: {"http_code":200,"http_body":{…}}.
            let answer: Value = json::value(said.as_bytes()).unwrap_or_default();
            let body = answer.get("http_body").map(Value::to_string);
            let said = body.unwrap_or_else(|| String::from(said.trim()));
            Ok(Answer::Text(said))
        }
        Said::Missing => absent("program api"),
        Said::Unknown => failed("api gave no answer"),
    }
}
