//! Codec: objects of the router's bus as the program `ubus` shows them. Never assumes that one is there.

use serde_json::Value;

use super::script::{Script, Stop};
use crate::json;

/// The names of the objects that fit `pattern`, such as `mobifd.modem*`.
pub(super) fn objects<'a>(script: &mut Script<'a>, pattern: &str) -> Result<Vec<&'a str>, Stop> {
    let shown = script.ask(&["ubus", "list", pattern])?.unwrap_or_default();
    Ok(shown
        .lines()
        .map(str::trim)
        .filter(|name| !name.is_empty())
        .collect())
}

/// True when there is such an object.
pub(super) fn has(script: &mut Script<'_>, object: &str) -> Result<bool, Stop> {
    Ok(!objects(script, object)?.is_empty())
}

/// What a method answers; nothing when it is not there or fails.
pub(super) fn ask(
    script: &mut Script<'_>,
    object: &str,
    method: &str,
) -> Result<Option<Value>, Stop> {
    let answer = script.ask(&["ubus", "call", object, method])?;
    Ok(answer.and_then(|answer| json::value(answer.as_bytes()).ok()))
}

/// Calls a method that must work.
pub(super) fn call(
    script: &mut Script<'_>,
    object: &str,
    method: &str,
    args: &Value,
) -> Result<(), Stop> {
    let args = args.to_string();
    let mut words = vec!["ubus", "call", object, method];
    if args != "null" {
        words.push(&args);
    }
    script.must(&words).map(drop)
}

/// The first member of that name, at any depth, as text.
pub(super) fn find(value: &Value, name: &str) -> Option<String> {
    match value {
        Value::Object(members) => {
            let own = members.get(name).and_then(plain);
            own.or_else(|| members.values().find_map(|inner| find(inner, name)))
        }
        Value::Array(items) => items.iter().find_map(|item| find(item, name)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
    }
}

/// A single value as text.
pub(super) fn plain(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(_) | Value::Bool(_) => Some(value.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// All of it in one line for a person: `name value, name value`.
pub(super) fn flat(value: &Value) -> String {
    let mut said = Vec::new();
    gather(value, "", &mut said);
    said.join(", ")
}

fn gather(value: &Value, name: &str, said: &mut Vec<String>) {
    match value {
        Value::Object(members) => members
            .iter()
            .for_each(|(name, one)| gather(one, name, said)),
        Value::Array(items) => items.iter().for_each(|one| gather(one, name, said)),
        Value::Null => {}
        Value::String(_) | Value::Number(_) | Value::Bool(_) => {
            let value = plain(value).unwrap_or_default();
            said.push(format!("{name} {value}").trim().replace('\n', " "));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_told_in_one_line() {
        let value = serde_json::json!({"a": 1, "b": {"c": "x\ny", "d": [true, null]}, "e": ""});
        assert_eq!(flat(&value), "a 1, c x y, d true, e");
        assert_eq!(find(&value, "c"), Some(String::from("x\ny")));
        assert_eq!(find(&value, "z"), None);
        assert_eq!(flat(&Value::Null), "");
    }
}
