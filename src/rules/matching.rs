//! Decider: does a message fit a rule, and may its sender. Never counts what failed and never computes a hash.
//!
//! A message is `[keyword] text [arguments]`. Phones write capitals at the beginning and blanks at the end: case and
//! runs of blanks in the rule's text are nothing, and a password may begin with the capital of its first letter.

use subtle::ConstantTimeEq;

use super::totp;
use crate::config::{Authorization, Trigger};
use crate::message::lowered;
use crate::time::WallTime;

/// What a message is to a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Claim<'a> {
    /// Nothing.
    None,
    /// Its text, behind a keyword that is wrong.
    Wrong,
    /// Its text, and its sender may; with these arguments.
    Granted(&'a str),
    /// The same, by the code of this time step.
    Code(u64, &'a str),
    /// The same, if this keyword gives this hash; no hash: one of the system's.
    Hash(&'a str, Option<&'a str>, &'a str),
}

/// What the router knows, to judge by.
#[derive(Clone, Copy, Debug)]
pub(super) struct Known<'a> {
    /// Its serial number.
    pub(super) serial: Option<&'a str>,
    /// Now.
    pub(super) now: WallTime,
    /// Last time step of which a code of this rule's key was used.
    pub(super) used: Option<u64>,
}

/// What `text` is to a rule with this trigger. `arguments`: its action takes some.
pub(super) fn weigh<'a>(
    text: &'a str,
    trigger: &'a Trigger,
    arguments: bool,
    known: Known<'_>,
) -> Claim<'a> {
    let text = text.trim();
    let (keyword, rest) = match trigger.authorization {
        Authorization::No => ("", text),
        Authorization::Serial
        | Authorization::Password
        | Authorization::Local(_)
        | Authorization::Totp(_) => text.split_once(char::is_whitespace).unwrap_or(("", "")),
    };
    let Some(args) = behind(rest, &trigger.text).filter(|args| arguments || args.is_empty()) else {
        return Claim::None;
    };
    let right = match &trigger.authorization {
        Authorization::No => true,
        Authorization::Serial => known.serial.is_some_and(|serial| same(keyword, serial)),
        Authorization::Password => return Claim::Hash(keyword, None, args),
        Authorization::Local(password) if password.starts_with('$') => {
            return Claim::Hash(keyword, Some(password), args);
        }
        Authorization::Local(password) => spellings(keyword).any(|word| same(&word, password)),
        // No code can be right by a clock that is not set: that is nobody's failure.
        Authorization::Totp(_) if !known.now.is_set() => return Claim::None,
        Authorization::Totp(key) => match totp::step_of(key, keyword, known.now, known.used) {
            Some(step) => return Claim::Code(step, args),
            None => false,
        },
    };
    if right {
        Claim::Granted(args)
    } else {
        Claim::Wrong
    }
}

/// As it was written, and with a small first letter where a phone may have made it a capital.
pub(super) fn spellings(word: &str) -> impl Iterator<Item = String> {
    let mut small = word.chars();
    let first = small.next().into_iter().flat_map(char::to_lowercase);
    let small = Some(first.chain(small).collect()).filter(|small| small != word);
    std::iter::once(String::from(word)).chain(small)
}

/// What stands behind `wanted` in `text`, if `text` begins with it.
fn behind<'a>(text: &'a str, wanted: &str) -> Option<&'a str> {
    let mut rest = text.trim();
    for word in wanted.split(' ') {
        let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
        let (found, after) = rest.split_at_checked(end)?;
        if word.is_empty() || lowered(found) != lowered(word) {
            return None;
        }
        rest = after.trim_start();
    }
    Some(rest)
}

fn same(one: &str, other: &str) -> bool {
    one.as_bytes().ct_eq(other.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn weighed(text: &str, wanted: &str, authorization: Authorization) -> String {
        let trigger = Trigger {
            text: String::from(wanted),
            authorization,
        };
        let known = Known {
            serial: Some("1111111111"),
            now: WallTime::from_unix_s(20_000_000_000),
            used: None,
        };
        format!("{:?}", weigh(text, &trigger, true, known))
    }

    #[test]
    fn a_text_is_known_as_a_phone_keyboard_writes_it() {
        for (text, expected) in [
            ("wifi on", "Granted(\"\")"),
            ("  Wifi  ON \n", "Granted(\"\")"),
            ("wifi on now  please ", "Granted(\"now  please\")"),
            ("WIFI\non x", "Granted(\"x\")"),
            ("wifi once", "None"),
            ("the wifi on", "None"),
            ("wifi", "None"),
            ("", "None"),
        ] {
            assert_eq!(
                weighed(text, "Wifi on", Authorization::No),
                expected,
                "{text:?}"
            );
        }
        assert_eq!(
            weighed("žalia", "ŽALIA", Authorization::No),
            "Granted(\"\")"
        );
    }

    #[test]
    fn an_action_without_arguments_leaves_a_text_with_more_alone() {
        let trigger = Trigger {
            text: String::from("status"),
            authorization: Authorization::No,
        };
        let known = Known {
            serial: None,
            now: WallTime(0),
            used: None,
        };
        let claim = |text| weigh(text, &trigger, false, known);
        assert_eq!(claim("Status"), Claim::Granted(""));
        assert_eq!(claim("status of my order"), Claim::None);
    }

    #[test]
    fn what_stands_before_the_text_decides() {
        let local = || Authorization::Local(String::from("customPw1"));
        for (text, authorization, expected) in [
            ("1111111111 reboot", Authorization::Serial, "Granted(\"\")"),
            ("1111111112 reboot", Authorization::Serial, "Wrong"),
            ("11111111111 reboot", Authorization::Serial, "Wrong"),
            ("reboot", Authorization::Serial, "None"),
            ("reboot reboot", Authorization::Serial, "Wrong"),
            ("customPw1 reboot now", local(), "Granted(\"now\")"),
            ("CustomPw1 reboot", local(), "Granted(\"\")"),
            ("CUSTOMPW1 reboot", local(), "Wrong"),
            ("a b reboot", local(), "None"),
            (
                "x reboot",
                Authorization::Password,
                "Hash(\"x\", None, \"\")",
            ),
            (
                "x reboot y",
                Authorization::Local(String::from("$6$a$b")),
                "Hash(\"x\", Some(\"$6$a$b\"), \"y\")",
            ),
            // RFC 6238 appendix B, its last six digits.
            (
                "353130 reboot",
                Authorization::Totp(b"12345678901234567890".to_vec()),
                "Code(666666666, \"\")",
            ),
            (
                "353131 reboot",
                Authorization::Totp(b"12345678901234567890".to_vec()),
                "Wrong",
            ),
        ] {
            assert_eq!(weighed(text, "reboot", authorization), expected, "{text}");
        }
        let no_clock = Known {
            serial: None,
            now: WallTime::from_unix_s(59),
            used: None,
        };
        let trigger = Trigger {
            text: String::from("reboot"),
            authorization: Authorization::Totp(b"12345678901234567890".to_vec()),
        };
        for text in ["287082 reboot", "000000 reboot"] {
            assert_eq!(weigh(text, &trigger, true, no_clock), Claim::None);
        }
        let spelt: Vec<String> = spellings("Émile").collect();
        assert_eq!(spelt, ["Émile", "émile"]);
        assert_eq!(spellings("x1").count(), 1);
    }
}
