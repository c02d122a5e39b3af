//! Decider: what a received message becomes when it is forwarded by mail, and what the server's verdicts mean. Never sends
//! it.
//!
//! A refusal is what its code says. 4xx, and whatever concerns the account instead of the mail (no connection, a wrong
//! password, a sender that is not allowed): kept and tried again, only for those who do not have it yet. 5xx for a
//! recipient or for the mail: it would be refused again, so it is reported (log, `push.failed`, `last_error`) and the next
//! one's turn comes; the message stays in the inbox.

use crate::config::{Email, ToSmtp};
use crate::mail::{Letter, Mail, Verdict, compose, one_line};
use crate::message::{Event, Received};
use crate::status_text::{self, Facts};

/// In front of the sender's number, on a line of its own.
const FROM: &str = "\nfrom: ";
/// The subject where none is configured.
const SUBJECT: &str = "SMS";

/// The mail that carries `message` to these of the target's recipients. All name all of them, as letters do.
pub(super) fn mail(
    target: &ToSmtp,
    account: &Email,
    (event, message): (&Event, &Received),
    facts: &Facts<'_>,
) -> Mail {
    let subject = match target.subject.as_str() {
        "" => String::from(SUBJECT),
        template => status_text::render(template, facts),
    };
    let mut text = message.text.clone();
    if target.sender_num {
        text.push_str(FROM);
        text.push_str(&one_line(message.from.as_str()));
    }
    let id = format!(
        "{}.{}.{}.{}",
        event.seq,
        event.at.0,
        target.name,
        facts.router.unwrap_or_default()
    );
    let letter = Letter {
        from: &account.sender,
        to: &target.to,
        subject: &subject,
        text: &text,
        // A `Date` of 1970 looks like spam.
        at: match event.at.is_set() {
            true => event.at,
            false => facts.at,
        },
        id: &id,
    };
    Mail {
        to: target.to.clone(),
        content: compose(&letter),
    }
}

/// What became of a mail, all recipients taken together.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Outcome<'a> {
    /// Who has it now.
    pub(super) taken: Vec<&'a str>,
    /// Who was put off, and with what words.
    pub(super) later: String,
    /// Who will never have it, and with what words.
    pub(super) never: String,
}

impl Outcome<'_> {
    /// Everything that was not success; `None` when everybody has it.
    pub(super) fn refusals(self) -> Option<String> {
        let told = [self.never, self.later].into_iter();
        let told: Vec<String> = told.filter(|told| !told.is_empty()).collect();
        (!told.is_empty()).then(|| told.join("; "))
    }
}

/// The server's verdicts on these recipients.
pub(super) fn judge(to: &[String], verdicts: Vec<Verdict>) -> Outcome<'_> {
    let mut outcome = Outcome::default();
    for (to, verdict) in to.iter().zip(verdicts) {
        let (list, word, told) = match verdict {
            Verdict::Taken => {
                outcome.taken.push(to);
                continue;
            }
            Verdict::Later(told) => (&mut outcome.later, "put off", told),
            Verdict::Never(told) => (&mut outcome.never, "refused", told),
        };
        if !list.is_empty() {
            list.push_str("; ");
        }
        list.push_str(&format!("the mail server {word} the mail to {to}: {told}"));
    }
    outcome
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::feed::Feed;
    use crate::message::{Encoding, EventKind, MessageId, Number};
    use crate::signal::Signal;
    use crate::time::WallTime;

    const NOON: WallTime = WallTime(1_795_293_314_000);

    fn composed(target: &ToSmtp, from: &str, at: WallTime) -> String {
        let message = Received {
            id: MessageId(7),
            from: Number::as_received(from),
            text: String::from("hi"),
            sent_at: None,
            received_at: at,
            parts: 1,
            complete: true,
            class: None,
            encoding: Encoding::Gsm7,
            slots: Vec::new(),
        };
        let event = Event {
            seq: 7,
            at,
            kind: EventKind::MessageReceived,
            message: Some(message.id),
            facts: serde_json::Value::Null,
        };
        let account = Email {
            sender: String::from("r@lan"),
            ..Email::default()
        };
        let signal = Signal::new(Feed::new(0));
        let facts = Facts {
            router: Some("boat"),
            firmware: None,
            at: NOON,
            zone: Default::default(),
            signal: &signal,
            asked: &[],
        };
        let mail = mail(target, &account, (&event, &message), &facts);
        assert_eq!(mail.to, target.to);
        String::from_utf8(mail.content).unwrap()
    }

    #[test]
    fn subject_and_sender_are_filled_in_and_an_unset_clock_dates_no_mail() {
        let mut target = ToSmtp {
            name: String::from("boss"),
            to: vec![String::from("a@b")],
            ..ToSmtp::default()
        };
        let mail = composed(&target, "+12025550100", WallTime(0));
        assert!(
            mail.starts_with("Date: Sat, 21 Nov 2026 20:35:14 +0000\r\n"),
            "{mail}"
        );
        assert!(
            mail.contains("\r\nSubject: SMS\r\nMessage-ID: <7.0.boss.boat@lan>\r\n"),
            "{mail}"
        );
        assert!(mail.ends_with("\r\n\r\nhi\r\n"), "{mail}");
        target.subject = String::from("%rn:%nl%st");
        target.sender_num = true;
        let mail = composed(
            &target,
            "Ba\nnk",
            NOON.after(std::time::Duration::from_secs(1)),
        );
        assert!(
            mail.starts_with("Date: Sat, 21 Nov 2026 20:35:15 +0000\r\n"),
            "{mail}"
        );
        assert!(mail.contains("\r\nSubject: boat: N/A\r\n"), "{mail}");
        assert!(mail.ends_with("\r\n\r\nhi\r\nfrom: Ba nk\r\n"), "{mail}");
    }

    #[test]
    fn verdicts_are_told_with_the_address_they_are_about() {
        let to = ["a@b", "c@d", "e@f", "g@h"].map(String::from);
        let verdicts = vec![
            Verdict::Later(String::from("451 wait")),
            Verdict::Taken,
            Verdict::Never(String::from("550 no")),
            Verdict::Never(String::from("551 no")),
        ];
        let outcome = judge(&to, verdicts);
        assert_eq!(outcome.taken, ["c@d"]);
        assert_eq!(
            outcome.later,
            "the mail server put off the mail to a@b: 451 wait"
        );
        assert_eq!(
            outcome.never,
            "the mail server refused the mail to e@f: 550 no; the mail server refused the mail to g@h: 551 no"
        );
    }
}
