//! Decider: sections `sms_rule` and `call_rule` into [`Rule`]s, and what would make one useless or dangerous. Never
//! knows what an action does.

use super::build::parsed;
use super::check::Checked;
use super::problem::Notes;
use super::{Authorization, Config, Rule, Trigger, Who};
use crate::message::lowered;

/// Actions that hand over the router, or take it apart.
const DANGEROUS: &[&str] = &[
    "api",
    "exec",
    "firstboot",
    "fw_upgrade",
    "uci",
    "userdefaults",
];
/// Actions, and an option without which they can do nothing.
const NEEDED: &[(&str, &str)] = &[("exec", "script"), ("io_set", "io"), ("wol", "mac")];
/// A shorter TOTP key can be guessed (RFC 4226 4 R6 asks for 16 bytes; phones are given 10).
const KEY: usize = 10;

/// A rule for messages that is switched on.
pub(super) fn sms_rule(section: &Checked, notes: &mut Notes) -> Rule {
    let mut rule = rule(section, notes);
    let text = words(section.text("smstext"));
    if text.is_empty() {
        wrong(section, "enabled", "is enabled and has no smstext", notes);
    }
    let authorization = authorization(section, notes);
    if authorization == Authorization::No {
        if DANGEROUS.contains(&rule.action.as_str()) {
            let text = "needs an authorization other than no: whoever fakes a number could use it";
            wrong(section, "authorization", text, notes);
        } else {
            let text = "authorization is no: whoever fakes a number can use it";
            remark(section, "authorization", text, notes);
        }
    }
    rule.trigger = Some(Trigger {
        text,
        authorization,
    });
    rule
}

/// What rules for messages and calls have in common.
pub(super) fn rule(section: &Checked, notes: &mut Notes) -> Rule {
    let (who, missing) = match section.text("allowed_phone") {
        "group" => (Who::Group(String::from(section.text("group"))), "group"),
        "single" => (Who::Listed(parsed(section, "tel")), "tel"),
        _ => (Who::Everyone, ""),
    };
    if !missing.is_empty() && section.given(missing).is_none() {
        let text = format!("allowed_phone needs option {missing}");
        wrong(section, "allowed_phone", &text, notes);
    }
    let action = section.text("action");
    if action.is_empty() {
        wrong(section, "enabled", "is enabled and has no action", notes);
    }
    for (_, needed) in NEEDED.iter().filter(|(name, _)| *name == action) {
        if section.given(needed).is_none() {
            let text = format!("action {action} needs option {needed}");
            wrong(section, "action", &text, notes);
        }
    }
    let mut others = Vec::new();
    if section.flag("to_other_phone") {
        others = parsed(section, "to_number");
    }
    let rows = section.table.rows().filter(|row| !row.secret);
    let options = rows.map(|row| (row.name, section.texts(row.name).join("\n")));
    Rule {
        name: section.name.clone(),
        action: String::from(action),
        trigger: None,
        who,
        others,
        options: options.filter(|(_, value)| !value.is_empty()).collect(),
    }
}

fn authorization(section: &Checked, notes: &mut Notes) -> Authorization {
    match section.text("authorization") {
        "no" => Authorization::No,
        "serial" => Authorization::Serial,
        "local" => {
            let password = section.text("password");
            if !password.starts_with('$') && !is_strong(password) {
                let text = "password must have 8 to 80 characters without blanks, a small and a capital letter and a digit among them";
                wrong(section, "password", text, notes);
            }
            Authorization::Local(String::from(password))
        }
        "totp" => {
            let key = base32(section.text("secret")).filter(|key| key.len() >= KEY);
            if key.is_none() {
                let text =
                    "secret must be a key of at least 10 bytes in base32 (letters and 2 to 7)";
                wrong(section, "secret", text, notes);
            }
            Authorization::Totp(key.unwrap_or_default())
        }
        _ => Authorization::Password,
    }
}

/// The manual's rule for a custom password. It is one word of the message, so there is no blank in it.
fn is_strong(password: &str) -> bool {
    let any = |kind: fn(char) -> bool| password.chars().any(kind);
    (8..=80).contains(&password.chars().count())
        && any(|c| c.is_ascii_lowercase())
        && any(|c| c.is_ascii_uppercase())
        && any(|c| c.is_ascii_digit())
        && !any(char::is_whitespace)
}

/// RFC 4648 6, as authenticator apps show it: blanks, case and padding are nothing.
fn base32(text: &str) -> Option<Vec<u8>> {
    let (mut bytes, mut bits, mut held) = (Vec::new(), 0u32, 0u32);
    for c in text.trim_end_matches('=').chars().filter(|c| *c != ' ') {
        let value = match c.to_ascii_uppercase() {
            c @ 'A'..='Z' => c as u32 - 'A' as u32,
            c @ '2'..='7' => c as u32 - '2' as u32 + 26,
            _ => return None,
        };
        held = (held << 5 | value) & 0xFFF;
        bits += 5;
        if bits >= 8 {
            bits -= 8;
            bytes.push(u8::try_from(held >> bits & 0xFF).unwrap_or_default());
        }
    }
    Some(bytes)
}

/// With single blanks, and none around.
fn words(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Of two rules with one text only the first is ever used, unless different people may.
pub(super) fn doubles(config: &Config, sections: &[Checked], notes: &mut Notes) {
    let text = |rule: &Rule| rule.trigger.as_ref().map(|it| lowered(&it.text));
    for (place, rule) in config.sms_rules.iter().enumerate() {
        let mut before = config.sms_rules.iter().take(place);
        let same = before.find(|other| text(other) == text(rule) && other.who == rule.who);
        let section = sections
            .iter()
            .find(|one| one.table.kind == "sms_rule" && one.name == rule.name);
        if let (Some(same), Some(section)) = (same, section) {
            let text = format!("smstext is that of '{}', which comes first", same.name);
            remark(section, "smstext", &text, notes);
        }
    }
}

fn wrong(section: &Checked, option: &str, text: &str, notes: &mut Notes) {
    notes.error(section.line_of(option), named(section, text));
}

fn remark(section: &Checked, option: &str, text: &str, notes: &mut Notes) {
    notes.remark(section.line_of(option), named(section, text));
}

fn named(section: &Checked, text: &str) -> String {
    format!("{} '{}': {text}", section.table.kind, section.name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{CallAction, read};

    fn problems(options: &str) -> Vec<String> {
        let text = format!("config sms_rule 'r'\n option enabled '1'\n{options}");
        let (_, problems) = read(&text, "f");
        problems.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_rule_is_what_its_section_says() {
        let text = "config phone 'crew'\n list tel '+12025550155'\n\
            config sms_rule 'lights'\n option enabled '1'\n option action 'io_set'\n option smstext ' lights  on '\n\
            option authorization 'totp'\n option secret 'gezd gnbv gy3t qojq gezdgnbvgy3tqojq'\n option io 'dout1'\n\
            option allowed_phone 'group'\n option group 'crew'\n option to_other_phone '1'\n list to_number '0049151'\n\
            config sms_rule 'off'\n option action 'reboot'\n";
        let (config, problems) = read(text, "f");
        assert!(problems.is_empty(), "{problems:?}");
        let rules = config.unwrap().sms_rules;
        assert_eq!(rules.len(), 1, "one that is off is none");
        let rule = &rules[0];
        let trigger = rule.trigger.as_ref().unwrap();
        assert_eq!(
            (rule.action.as_str(), trigger.text.as_str()),
            ("io_set", "lights on")
        );
        let key = Authorization::Totp(b"12345678901234567890".to_vec());
        assert_eq!(trigger.authorization, key);
        assert_eq!(rule.who, Who::Group(String::from("crew")));
        assert_eq!(rule.others[0].as_str(), "+49151");
        assert_eq!(
            (rule.text("io"), rule.text("value"), rule.text("mac")),
            ("dout1", "on", "")
        );
        assert!(!rule.flag("timeout") && rule.flag("enabled"));
    }

    #[test]
    fn check_says_what_makes_a_rule_useless_or_dangerous() {
        for (options, expected) in [
            ("", "2: error: sms_rule 'r': is enabled and has no action"),
            (
                " option action 'exec'\n option smstext 'x'\n",
                "3: error: sms_rule 'r': action exec needs option script",
            ),
            (
                " option action 'reboot'\n",
                "2: error: sms_rule 'r': is enabled and has no smstext",
            ),
            (
                " option action 'reboot'\n option smstext 'x'\n option authorization 'no'\n",
                "5: remark: sms_rule 'r': authorization is no",
            ),
            (
                " option action 'uci'\n option smstext 'x'\n option authorization 'no'\n",
                "5: error: sms_rule 'r': needs an authorization",
            ),
            (
                " option action 'reboot'\n option smstext 'x'\n option authorization 'local'\n option password 'Short1'\n",
                "6: error: sms_rule 'r': password must have 8 to 80",
            ),
            (
                " option action 'reboot'\n option smstext 'x'\n option authorization 'local'\n",
                "1: error: sms_rule 'r': password must have",
            ),
            (
                " option action 'reboot'\n option smstext 'x'\n option authorization 'totp'\n option secret 'ABC1'\n",
                "6: error: sms_rule 'r': secret must be",
            ),
            (
                " option action 'reboot'\n option smstext 'x'\n option allowed_phone 'single'\n",
                "5: error: sms_rule 'r': allowed_phone needs option tel",
            ),
        ] {
            let problems = problems(options);
            let found = problems
                .iter()
                .any(|text| text.starts_with(&format!("f:{expected}")));
            assert!(found, "{expected}: {problems:#?}");
        }
        assert_eq!(
            problems(
                " option action 'reboot'\n option smstext 'x'\n option authorization 'local'\n option password '$6$salt$hash'\n"
            ),
            [""; 0]
        );
        let twice = problems(
            " option action 'more'\n option smstext 'More'\nconfig sms_rule 's'\n option enabled '1'\n option action 'more'\n option smstext 'more'\n",
        );
        assert_eq!(
            twice,
            ["f:8: remark: sms_rule 's': smstext is that of 'r', which comes first"]
        );
    }

    #[test]
    fn what_is_done_with_a_call_follows_from_action_and_from_rules() {
        let rule = "config call_rule 'r'\n option enabled '1'\n option action 'wifi'\n";
        let call = |action: &str| format!("config call 'call'\n option action '{action}'\n");
        let action = |text: &str| read(text, "f").0.unwrap().call_action();
        for (text, expected) in [
            (String::new(), CallAction::Ignore),
            (String::from("config call 'call'\n"), CallAction::Ignore),
            (String::from(rule), CallAction::Reject),
            (call("reject"), CallAction::Reject),
            (call("answer") + rule, CallAction::Answer),
            (call("ignore") + rule, CallAction::Ignore),
        ] {
            assert_eq!(action(&text), expected, "{text}");
        }
        let (config, problems) = read(&format!("{rule} option key '1'\n"), "f");
        assert!(config.is_none());
        assert!(
            problems[0]
                .to_string()
                .starts_with("f:4: error: call_rule.key")
        );
    }

    #[test]
    fn base32_is_read_as_apps_write_it() {
        assert_eq!(base32("MZXW6YTBOI======").unwrap(), b"foobar");
        assert_eq!(base32("mzxw 6ytb oi").unwrap(), b"foobar");
        assert_eq!(base32("").unwrap(), b"");
        assert_eq!(base32("MZXW1"), None);
        assert_eq!(base32("é"), None);
    }
}
