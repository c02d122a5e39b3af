//! Decider: what a received message becomes when it is forwarded to phones, and when it is not. Never submits it.
//!
//! Loops end. Two agents that forward to each other, or a ring of them, would pass one message round for ever, so:
//! - a message never goes back to its sender;
//! - an **echo** goes nowhere: a text that this agent forwarded to that very number within the last hour, whatever
//!   `from:` lines were put below it on the way, and whatever stands around it when it has 20 characters or more;
//! - the same text is forwarded ten times an hour at most: a ring of three and more looks like one sender repeating itself.
//!
//! All three look at what the outbox holds, so they hold over a restart. What is not forwarded stays in the inbox.

use std::time::Duration;

use crate::config::ToSms;
use crate::message::{Number, Received, Submission};
use crate::outbox::{Asked, same_party};

/// A text with the sender's number below it may have so many characters, as with RutOS.
const MOST_WITH_SENDER: usize = 480;
/// How far back an echo is looked for.
pub(super) const ECHO: Duration = Duration::from_secs(3600);
/// A shorter text is an echo only when it comes back alone.
const TELLING: usize = 20;
/// The same text goes so many times in [`ECHO`].
const SAME: usize = 10;
/// In front of the sender's number.
const FROM: &str = "\nfrom: ";

/// What becomes of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Plan {
    /// These are submitted in one batch.
    Send(Vec<Submission>),
    /// Nothing is sent, for this reason.
    Pass(&'static str),
}

/// The plan for `message`. `recent`: what all `to_sms` asked for within the last [`ECHO`]; `allowed`: may be sent to.
pub(super) fn plan(
    target: &ToSms,
    message: &Received,
    recent: &[Asked],
    allowed: impl Fn(&Number) -> bool,
) -> Plan {
    let core = core(&message.text);
    let to_sender = |asked: &&Asked| same_party(&asked.to, &message.from);
    if recent
        .iter()
        .filter(to_sender)
        .any(|asked| echoes(core, asked))
    {
        return Plan::Pass("it is an echo of one that was forwarded to its sender");
    }
    let others: Vec<&Number> = target
        .to
        .iter()
        .filter(|to| !same_party(to, &message.from))
        .collect();
    if others.is_empty() {
        return Plan::Pass("it came from the only recipient");
    }
    let to: Vec<&Number> = others.into_iter().filter(|to| allowed(to)).collect();
    let Some(first) = to.first() else {
        return Plan::Pass("limits allow none of the recipients");
    };
    let same = recent
        .iter()
        .filter(|asked| asked.to == **first && self::core(&asked.text) == core);
    if same.count() >= SAME {
        return Plan::Pass("the same text was forwarded 10 times within the hour");
    }
    let text = text(target, message);
    let origin = format!("to_sms:{}", target.name);
    let submission = |to: &Number| Submission::plain(to.clone(), &text, &origin);
    Plan::Send(to.into_iter().map(submission).collect())
}

/// The text as it is sent.
fn text(target: &ToSms, message: &Received) -> String {
    let signed = format!("{}{FROM}{}", message.text, message.from);
    if target.sender_num && signed.chars().count() <= MOST_WITH_SENDER {
        signed
    } else {
        message.text.clone()
    }
}

fn echoes(core: &str, asked: &Asked) -> bool {
    let ours = self::core(&asked.text);
    core == ours || (ours.chars().count() >= TELLING && core.contains(ours))
}

/// A text without the `from:` lines that forwarders put below it.
fn core(text: &str) -> &str {
    let mut core = text;
    while let Some((above, below)) = core.rsplit_once(FROM) {
        if below.contains('\n') {
            break;
        }
        core = above;
    }
    core
}

#[cfg(test)]
mod tests {
    use super::*;

    const PHONE: &str = "+12025550100";
    const BOSS: &str = "+12025550155";
    const WIFE: &str = "+12025550177";

    fn target(to: &[&str], sender_num: bool) -> ToSms {
        ToSms {
            name: String::from("boss"),
            sender_num,
            to: to.iter().map(|to| Number::as_received(*to)).collect(),
            ..ToSms::default()
        }
    }

    fn asked(to: &str, text: &str) -> Asked {
        Asked {
            to: Number::as_received(to),
            text: String::from(text),
        }
    }

    /// Recipients and the text.
    fn sent(plan: Plan) -> (Vec<String>, String) {
        let Plan::Send(all) = plan else {
            panic!("{plan:?}");
        };
        let to = all.iter().map(|one| one.to.to_string()).collect();
        (to, all[0].text.clone())
    }

    #[test]
    fn everybody_gets_it_but_the_sender_and_who_may_not_be_sent_to() {
        let target = target(&[BOSS, WIFE, "112"], false);
        let allowed = |to: &Number| to.as_str() != "112";
        let (to, text) = sent(plan(&target, &Received::sample(PHONE, "hi"), &[], allowed));
        assert_eq!((to, text.as_str()), (vec![BOSS.into(), WIFE.into()], "hi"));
        let (to, _) = sent(plan(&target, &Received::sample(BOSS, "hi"), &[], allowed));
        assert_eq!(to, [WIFE]);
        let (to, _) = sent(plan(
            &target,
            &Received::sample("2025550155", "hi"),
            &[],
            allowed,
        ));
        assert_eq!(to, [WIFE], "the network may give the national form");
        let none = plan(&target, &Received::sample(PHONE, "hi"), &[], |_| false);
        assert!(matches!(none, Plan::Pass(_)));
        let only = self::target(&[BOSS], false);
        assert!(matches!(
            plan(&only, &Received::sample(BOSS, "hi"), &[], |_| true),
            Plan::Pass(_)
        ));
    }

    #[test]
    fn the_senders_number_stands_below_as_long_as_the_whole_has_480_characters() {
        let target = target(&[BOSS], true);
        let tail = format!("\nfrom: {PHONE}");
        for (length, signed) in [
            (0, true),
            (480 - tail.len(), true),
            (481 - tail.len(), false),
        ] {
            let text = "é".repeat(length);
            let (_, sent) = sent(plan(&target, &Received::sample(PHONE, &text), &[], |_| {
                true
            }));
            let expected = if signed {
                format!("{text}{tail}")
            } else {
                text
            };
            assert_eq!(sent, expected, "{length}");
        }
        let (_, named) = sent(plan(&target, &Received::sample("Bank", "x"), &[], |_| true));
        assert_eq!(named, "x\nfrom: Bank");
    }

    #[test]
    fn an_echo_is_not_forwarded_however_it_was_signed_or_wrapped() {
        let to = target(&[WIFE], true);
        let recent = [
            asked(BOSS, "hi\nfrom: +12025550100"),
            asked(BOSS, "The pump in cellar 2 stands still"),
        ];
        let goes = |from, text| {
            matches!(
                plan(&to, &Received::sample(from, text), &recent, |_| true),
                Plan::Send(_)
            )
        };
        assert!(!goes(BOSS, "hi"));
        assert!(!goes(BOSS, "hi\nfrom: +12025550100\nfrom: +12025550111"));
        assert!(!goes(BOSS, "FWD: The pump in cellar 2 stands still!"));
        assert!(goes(BOSS, "hi yourself"));
        assert!(goes(PHONE, "hi"), "somebody else may say the same");
    }

    #[test]
    fn the_same_text_goes_ten_times_an_hour() {
        let to = target(&[BOSS], true);
        let mut recent = Vec::new();
        for _ in 0..10 {
            let Plan::Send(all) = plan(&to, &Received::sample(PHONE, "ALARM"), &recent, |_| true)
            else {
                panic!("only {} went", recent.len());
            };
            recent.push(asked(BOSS, &all[0].text));
        }
        assert!(matches!(
            plan(&to, &Received::sample(PHONE, "ALARM"), &recent, |_| true),
            Plan::Pass(_)
        ));
        assert!(matches!(
            plan(&to, &Received::sample(PHONE, "ALARM 2"), &recent, |_| true),
            Plan::Send(_)
        ));
    }

    /// Two agents that forward everything to each other, with every mix of `sender_num`.
    #[test]
    fn two_agents_that_forward_to_each_other_come_to_rest() {
        let (a, b) = ("+12025550101", "+12025550102");
        for (a_signs, b_signs) in [(false, false), (true, false), (false, true), (true, true)] {
            let (to_b, to_a) = (target(&[b], a_signs), target(&[a], b_signs));
            let (mut by_a, mut by_b) = (Vec::new(), Vec::new());
            let mut text = String::from("hello");
            let mut from = PHONE;
            for _hop in 0..3 {
                let plan_a = plan(&to_b, &Received::sample(from, &text), &by_a, |_| true);
                let Plan::Send(all) = plan_a else { break };
                text.clone_from(&all[0].text);
                by_a.push(asked(b, &text));
                let plan_b = plan(&to_a, &Received::sample(a, &text), &by_b, |_| true);
                let Plan::Send(all) = plan_b else { break };
                text.clone_from(&all[0].text);
                by_b.push(asked(a, &text));
                from = b;
            }
            assert!(by_a.len() + by_b.len() <= 1, "{by_a:?} {by_b:?}");
        }
    }
}
