//! Tests: what a message may say to the rules, and the router's programs to their actions, as a fuzz target. Never in
//! the program, and never runs one.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use super::actions::ACTIONS;
use super::kept::Pending;
use super::matching::{Claim, Known, weigh};
use super::reply::Job;
use super::script::{Deed, Said, Script, Stop};
use crate::config::{Authorization, Rule, Trigger};
use crate::message::Number;
use crate::time::WallTime;

/// Options whose text an action reads, in the order in which the input gives them.
const OPTIONS: [&str; 8] = [
    "value",
    "message",
    "interface",
    "path",
    "methods",
    "script",
    "io",
    "mac",
];

/// `ACTION AUTHORIZATION`, one octet each, then parted by NULs: the message, eight options, what programs print.
pub(crate) fn orders(data: &[u8]) {
    let [action, authorization, rest @ ..] = data else {
        return;
    };
    let text = String::from_utf8_lossy(rest);
    let mut pieces = text.split('\0');
    let message = pieces.next().unwrap_or_default();
    let action = &ACTIONS[usize::from(*action) % ACTIONS.len()];
    let trigger = Trigger {
        text: String::from("go"),
        authorization: match authorization % 4 {
            0 => Authorization::No,
            1 => Authorization::Serial,
            2 => Authorization::Local(String::from("word")),
            _ => Authorization::Totp(b"12345678901234567890".to_vec()),
        },
    };
    let known = Known {
        serial: Some("1100000001"),
        now: WallTime(1_795_293_314_000),
        used: None,
    };
    let args = match weigh(message, &trigger, !action.args.is_empty(), known) {
        Claim::Granted(args) | Claim::Code(_, args) | Claim::Hash(_, _, args) => args,
        Claim::None | Claim::Wrong => message,
    };
    let options = OPTIONS.iter().zip(pieces.by_ref());
    let rule = Rule {
        name: String::from("r"),
        action: String::from(action.name),
        options: options
            .map(|(name, value)| (*name, String::from(value)))
            .collect(),
        ..Rule::default()
    };
    let order = Pending {
        id: 7,
        from: Number::as_received("+12025550155"),
        rule: String::from("r"),
    };
    let mut said: Vec<Said> = Vec::new();
    // No action has more steps than that, whatever it is told.
    for _step in 0..200 {
        match Job::new(order.clone(), &rule, args).steps(&mut Script::new(&said)) {
            Err(Stop::Need(deed)) => {
                if let Deed::Run(words, _) = &deed {
                    assert!(!words.is_empty() && words.iter().all(|word| !word.contains('\0')));
                }
                said.push(match pieces.next() {
                    Some("") | None => Said::Ended(Some(0), String::new(), String::new()),
                    Some("-") => Said::Missing,
                    Some("?") => Said::Unknown,
                    Some(failed) if failed.starts_with('!') => {
                        Said::Ended(Some(1), String::new(), String::from(failed))
                    }
                    Some(out) => Said::Ended(Some(0), String::from(out), String::new()),
                });
            }
            Ok(_) | Err(Stop::Failed(_)) => return,
        }
    }
}
