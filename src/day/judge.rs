//! Tests: what is said of a day when it is over — nothing lost, nothing doubled. Never forgives more than a cut explains.

use super::world::{CANCELLED, CLIENT, DIRECT, Wish, World};
use crate::forward::day::{ADDRESSES, NUMBERS, REPLY};
use crate::inbox::{Inbox, Query};
use crate::message::{Outgoing, Status};
use crate::outbox::{Outbox, Removed};

/// A message that has to have gone out.
struct Expected<'a> {
    text: &'a str,
    to: &'a str,
    /// Or nobody knows of it.
    sure: bool,
}

impl World {
    /// What goes out: each once, parts in their order, whoever asked; `cuts` sends may have been cut between air and flash.
    pub(super) fn judge_air(&self, outbox: &Outbox, cuts: usize) {
        let here = outbox.list(&Query::default());
        let mails = Wish::all("mail", CLIENT, 1);
        let wished = self.clients.iter().chain(&self.smpp).chain(&mails);
        // Of what was cancelled and then deleted, a repeat knows nothing.
        let wished = wished.filter(|wish| wish.text != CANCELLED);
        let another = |wish: &&Wish| wish.repeated.as_ref().is_some_and(|ids| *ids != wish.ids);
        let another = wished.clone().find(another);
        assert!(another.is_none(), "another answer to a repeat: {another:?}");
        let wished = wished.map(|wish| Expected {
            text: &wish.text,
            to: wish.to,
            sure: wish.answered || wish.text.starts_with("mail"),
        });
        let all: Vec<Expected> = wished.chain(self.handed_on()).collect();
        let unconfirmed = all.iter().filter(|one| self.judge_one(&here, one));
        let unconfirmed = unconfirmed.count();
        assert!(unconfirmed <= cuts, "{unconfirmed} are unconfirmed");
        let cancelled = self.judge_cancelled(&here);
        let expected =
            |to: &str, text: &str| all.iter().any(|one| one.to == to && one.text == text);
        let strange = here.iter().map(|one| &one.submission);
        let strange = strange.filter(|one| !expected(one.to.as_str(), &one.text));
        assert_eq!(strange.count(), cancelled, "nobody asked for it");
        let sent = self.air.iter().filter(|(_, text, _)| text != CANCELLED);
        for (to, text, _) in sent {
            assert!(expected(to, text), "{text} went to {to}");
        }
    }

    /// What `to_sms` and the automatic reply make of what no rule took.
    fn handed_on(&self) -> impl Iterator<Item = Expected<'_>> {
        let heard = || {
            self.texts
                .iter()
                .filter(|(text, _)| !text.starts_with("go "))
        };
        let sure = true;
        let forwarded =
            heard().flat_map(move |(text, _)| NUMBERS.map(|to| Expected { text, to, sure }));
        let mut senders: Vec<&str> = heard().map(|(_, from)| from.as_str()).collect();
        senders.dedup();
        let text = REPLY;
        let replied = senders
            .into_iter()
            .map(move |to| Expected { text, to, sure });
        forwarded.chain(replied)
    }

    /// True when it is unconfirmed.
    fn judge_one(&self, here: &[Outgoing], expected: &Expected) -> bool {
        let Expected { text, to, sure } = expected;
        let own = here
            .iter()
            .filter(|one| one.submission.text == *text && one.submission.to.as_str() == *to);
        let own: Vec<_> = own.collect();
        let times = own.len();
        assert!(times <= 1, "{text} is {times} times in the outbox");
        assert!(!sure || times == 1, "{text} to {to} is lost");
        let parts = self.parts_on_air(to, text);
        let count = u8::try_from(parts.len()).unwrap();
        assert!(
            parts.iter().copied().eq(0..count),
            "{text}: parts {parts:?} on the air"
        );
        let Some(one) = own.first() else {
            assert_eq!(count, 0, "{text} was sent, and nobody knows of it");
            return false;
        };
        if one.status == Status::Unconfirmed {
            return true;
        }
        let (status, parts) = match (one.submission.validity_s, one.submission.report) {
            (Some(_), _) => (Status::Expired, 0),
            (None, true) => (Status::Delivered, one.parts),
            (None, false) => (Status::Sent, one.parts),
        };
        assert_eq!(one.status, status, "{text} to {to}");
        assert_eq!(count, parts, "{text} to {to}");
        false
    }

    fn parts_on_air(&self, to: &str, text: &str) -> Vec<u8> {
        let own = self
            .air
            .iter()
            .filter(|(whom, what, _)| whom == to && what == text);
        own.map(|(.., part)| *part).collect()
    }

    /// How often the cancelled one is still in the outbox.
    fn judge_cancelled(&self, here: &[Outgoing]) -> usize {
        let own = here.iter().filter(|one| one.submission.text == CANCELLED);
        let own: Vec<Status> = own.map(|one| one.status).collect();
        let sent = self.parts_on_air(CLIENT, CANCELLED).len();
        match self.removed {
            Some(Removed::Cancelled) => {
                assert_eq!(own, [Status::Cancelled]);
                assert_eq!(sent, 0, "it was cancelled and went");
            }
            // The first answer was lost in a cut, and the second wish removed the record.
            Some(Removed::Deleted | Removed::Unknown) => {
                assert!(own.is_empty() && sent <= 1, "{own:?}, sent {sent} times");
            }
            Some(Removed::Busy) | None => panic!("it was never cancelled"),
        }
        own.len()
    }

    /// What came in: each once in the inbox, pushed, mailed and told in order under one number, and again only after a cut.
    pub(super) fn judge_inbox(&self, inbox: &Inbox, cuts: usize) {
        let here = inbox.list(&Query::default());
        let mut texts: Vec<&str> = here
            .iter()
            .map(|stored| stored.message.text.as_str())
            .collect();
        let all = self.texts.iter().map(|(text, _)| text.as_str());
        let mut expected: Vec<&str> = all
            .clone()
            .filter(|text| *text != self.deletion.text)
            .collect();
        texts.sort_unstable();
        expected.sort_unstable();
        assert_eq!(texts, expected);
        for stored in &here {
            let text = stored.message.text.as_str();
            let is_read = self.reads.iter().any(|act| act.text == text);
            assert_eq!(stored.read, is_read, "{text}: its mark");
            let class = (text == DIRECT).then_some(0);
            assert_eq!(stored.message.class, class, "{text}: its class");
            if text.starts_with("go ") {
                self.judge_order(stored.message.id.0);
            }
            let rule = text.starts_with("go ").then_some("r");
            assert_eq!(stored.rule.as_deref(), rule);
        }
        assert!(self.cut_short.len() <= cuts);
        for text in all {
            let told = self.told.iter().filter(|body| holds(body, text)).count();
            assert!(
                (1..=1 + cuts).contains(&told),
                "{text} was told {told} times"
            );
        }
        self.judge_pushes(cuts);
    }

    fn judge_order(&self, id: u64) {
        let done = self.done.iter().filter(|done| **done == id).count();
        assert!(done <= 1, "an order was done {done} times");
        let known = done == 1 || self.cut_short.contains(&id);
        assert!(known, "an order is lost");
    }

    fn judge_pushes(&self, cuts: usize) {
        let mut ids: Vec<u64> = self.pushed.iter().map(|(event, _)| *event).collect();
        assert!(ids.is_sorted(), "pushed out of order");
        let count = ids.len();
        ids.dedup();
        assert_eq!(
            ids.len(),
            self.texts.len(),
            "not pushed, or pushed for nothing"
        );
        assert!(count <= ids.len() + cuts, "pushed too often");
        for (text, _) in &self.texts {
            let pushed = self.pushed.iter().any(|(_, pushed)| pushed == text);
            assert!(pushed, "{text} was not pushed");
        }
        let mut mails = 0;
        for (id, to) in ids.iter().flat_map(|id| ADDRESSES.map(|to| (id, to))) {
            let own = self
                .mailed
                .iter()
                .filter(|(whom, of)| whom == to && of == id);
            let times = own.count();
            assert!(times > 0, "{id} was not mailed to {to}");
            mails += times;
        }
        assert_eq!(mails, self.mailed.len(), "mailed what never came");
        let once = ids.len() * ADDRESSES.len();
        assert!(mails <= once + 2 * cuts, "mailed too often: {mails}");
    }
}

/// True when a deliver_sm's body holds the text, which is ASCII.
fn holds(body: &[u8], text: &str) -> bool {
    body.windows(text.len())
        .any(|window| window == text.as_bytes())
}
