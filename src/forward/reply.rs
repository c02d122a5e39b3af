//! Decider: whether a received message is answered by itself, and with what. Never submits the answer.
//!
//! No answer goes to a name or a short code (services that answer in turn, or cost), none to a message that is more than
//! an hour old by either clock (the router was off, or limits held the answer back), and one number gets one in
//! `limits.reply_interval`: two machines that answer each other come to rest.

use std::time::Duration;

use super::to_sms::Plan;
use crate::config::Config;
use crate::message::{Number, Received, Submission};
use crate::outbox::{Asked, same_party};
use crate::status_text::{self, Facts};
use crate::time::WallTime;

/// An older message is not answered.
const TOO_OLD: Duration = Duration::from_secs(3600);
/// Fewer digits without `+` are a service's short code.
const SHORT: usize = 7;
/// [`Submission::origin`] of every answer.
pub(super) const ORIGIN: &str = "reply";

/// The plan for `message`. `recent`: what was answered within the interval.
pub(super) fn plan(config: &Config, message: &Received, recent: &[Asked], facts: &Facts) -> Plan {
    if !is_person(&message.from) {
        return Plan::Pass("its sender is a name or a short code");
    }
    if is_old(message, facts.at) {
        return Plan::Pass("it is more than an hour old");
    }
    if recent
        .iter()
        .any(|asked| same_party(&asked.to, &message.from))
    {
        return Plan::Pass("its sender was answered within reply_interval");
    }
    let text = status_text::render(&config.reply.msg, facts);
    Plan::Send(vec![Submission::plain(message.from.clone(), &text, ORIGIN)])
}

fn is_person(number: &Number) -> bool {
    let digits = number.as_str();
    let all = |digits: &str| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    match digits.strip_prefix('+') {
        Some(digits) => all(digits) && !number.is_alphanumeric(),
        None => all(digits) && digits.len() >= SHORT && !number.is_alphanumeric(),
    }
}

fn is_old(message: &Received, now: WallTime) -> bool {
    let times = [Some(message.received_at), message.sent_at];
    times
        .into_iter()
        .flatten()
        .any(|at| at.after(TOO_OLD) < now)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::feed::Feed;
    use crate::signal::Signal;

    const NOW: WallTime = WallTime(1_795_293_314_000);

    fn ago(seconds: i64) -> WallTime {
        WallTime(NOW.0 - seconds * 1000)
    }

    fn planned(
        from: &str,
        sent_at: Option<WallTime>,
        received_at: WallTime,
        recent: &[Asked],
    ) -> Plan {
        let mut config = Config::default();
        config.reply.msg = String::from("%rn is at sea");
        let message = Received {
            sent_at,
            received_at,
            ..Received::sample(from, "hi")
        };
        let signal = Signal::new(Feed::new(0));
        let facts = Facts {
            router: Some("boat"),
            firmware: None,
            at: NOW,
            zone: Default::default(),
            signal: &signal,
            asked: &[],
        };
        plan(&config, &message, recent, &facts)
    }

    #[test]
    fn a_person_gets_the_text_with_its_parameters_filled_in() {
        let Plan::Send(sent) = planned("+12025550155", Some(ago(5)), NOW, &[]) else {
            panic!("no answer");
        };
        assert_eq!(sent.len(), 1);
        assert_eq!(sent[0].to.as_str(), "+12025550155");
        assert_eq!(
            (sent[0].text.as_str(), sent[0].origin.as_str()),
            ("boat is at sea", "reply")
        );
    }

    #[test]
    fn names_and_short_codes_get_no_answer() {
        for (from, answered) in [
            ("Bank", false),
            ("", false),
            ("112", false),
            ("222333", false),
            ("2025550", true),
            ("+4915", true),
            ("*100#", false),
            ("12345678*", false),
        ] {
            let plan = planned(from, None, NOW, &[]);
            assert_eq!(matches!(plan, Plan::Send(_)), answered, "{from}");
        }
    }

    #[test]
    fn an_hour_old_by_either_clock_is_too_old() {
        let answered =
            |sent, received| matches!(planned("+12025550155", sent, received, &[]), Plan::Send(_));
        assert!(answered(Some(ago(3600)), ago(3600)));
        assert!(!answered(Some(ago(3601)), NOW));
        assert!(!answered(None, ago(3601)));
        assert!(
            answered(Some(ago(-100_000)), NOW),
            "a wrong clock is not an old message"
        );
    }

    #[test]
    fn who_was_answered_lately_waits_in_whatever_form_the_number_comes() {
        let recent = [Asked {
            to: Number::as_received("+12025550155"),
            text: String::new(),
        }];
        for (from, answered) in [
            ("+12025550155", false),
            ("2025550155", false),
            ("+12025550156", true),
        ] {
            let plan = planned(from, None, NOW, &recent);
            assert_eq!(matches!(plan, Plan::Send(_)), answered, "{from}");
        }
    }
}
