//! Decider: what a mail becomes — messages, or nothing and why. Never submits them.

use crate::message::{Number, Submission};
use crate::sms;

use super::mime;

/// Characters of one part at most.
const PART: usize = 160;
/// Where a text was cut.
const CUT: &str = "...";

/// What becomes of a mail that is for us.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Plan {
    /// These are submitted in one batch.
    Send(Vec<Submission>),
    /// Nothing can ever be sent, for this reason.
    Stay(&'static str),
}

/// The plan for a mail to these numbers. `limit`: parts it may become; `allowed`: may be sent to.
pub(super) fn plan(
    mail: &[u8],
    to: Vec<Number>,
    limit: u8,
    allowed: impl Fn(&Number) -> bool,
) -> Plan {
    let Some(text) = mime::text(mail) else {
        return Plan::Stay("it has no text");
    };
    let text = cut(&text, limit);
    let submission = |to: Number| Submission {
        to,
        text: text.clone(),
        flash: false,
        report: false,
        validity_s: None,
        origin: String::from("pop3"),
    };
    let all: Vec<Submission> = to.into_iter().filter(&allowed).map(submission).collect();
    match all.is_empty() {
        true => Plan::Stay("limits allow none of its recipients"),
        false => Plan::Send(all),
    }
}

/// As much of the text as `limit` parts hold, and then the mark.
fn cut(text: &str, limit: u8) -> String {
    let fits = |text: &str| sms::preview(text).is_ok_and(|preview| preview.parts <= limit);
    // More characters never fit, however cheap they are: nothing beyond is measured.
    let most = usize::from(limit) * PART;
    if text.chars().nth(most).is_none() && fits(text) {
        return String::from(text);
    }
    let marked = |count: usize| {
        let mut front: String = text.chars().take(count).collect();
        front.truncate(front.trim_end().len());
        front + CUT
    };
    // The longest that fits lies between what is known to fit and what is known not to.
    let (mut low, mut high) = (0, most + 1);
    while high - low > 1 {
        let middle = (low + high) / 2;
        match fits(&marked(middle)) {
            true => low = middle,
            false => high = middle,
        }
    }
    marked(low)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::Encoding;

    fn numbers(numbers: &[&str]) -> Vec<Number> {
        numbers
            .iter()
            .map(|number| Number::parse(number).unwrap())
            .collect()
    }

    #[test]
    fn every_allowed_recipient_gets_the_text() {
        let to = numbers(&["+12025550155", "+12025550177"]);
        let mail = b"Subject: x\n\nThe pump stands still\n-- \nPump 2\n";
        let Plan::Send(all) = plan(mail, to.clone(), 5, |_| true) else {
            panic!("it goes")
        };
        let told: Vec<_> = all
            .iter()
            .map(|one| (one.to.as_str(), one.text.as_str()))
            .collect();
        let text = "The pump stands still";
        assert_eq!(told, [("+12025550155", text), ("+12025550177", text)]);
        assert!(all.iter().all(|one| one.origin == "pop3" && !one.flash));
        let Plan::Send(one) = plan(mail, to.clone(), 5, |to| to.as_str().ends_with('7')) else {
            panic!("one of them is allowed")
        };
        assert_eq!(one.len(), 1);
        assert!(
            matches!(plan(mail, to.clone(), 5, |_| false), Plan::Stay(why) if why.contains("limits"))
        );
        assert!(
            matches!(plan(b"Subject: x\n\n\n", to, 5, |_| true), Plan::Stay(why) if why.contains("no text"))
        );
    }

    #[test]
    fn a_text_that_is_too_long_fills_its_parts_and_says_that_it_goes_on() {
        for (text, limit, characters, encoding) in [
            ("a".repeat(160), 1, 160, Encoding::Gsm7),
            ("a".repeat(161), 1, 160, Encoding::Gsm7),
            ("a".repeat(306), 2, 306, Encoding::Gsm7),
            ("a".repeat(5000), 5, 765, Encoding::Gsm7),
            ("ž".repeat(5000), 5, 335, Encoding::Ucs2),
            ("{".repeat(100), 1, 80 + 1, Encoding::Gsm7),
            (format!("{}ž", "a".repeat(2000)), 10, 1530, Encoding::Gsm7),
        ] {
            let short = cut(&text, limit);
            let preview = sms::preview(&short).unwrap();
            assert_eq!(preview.parts, limit, "{limit}");
            assert_eq!(preview.encoding, encoding);
            assert_eq!(short.chars().count(), characters, "{short}");
            assert_eq!(short.ends_with(CUT), short != text);
        }
        let words = format!("{} {}", "a".repeat(156), "b".repeat(50));
        assert_eq!(
            cut(&words, 1),
            format!("{}...", "a".repeat(156)),
            "no blank before the mark"
        );
    }
}
