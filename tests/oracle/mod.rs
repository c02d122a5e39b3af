//! Tests: the campaign's oracle — what must be true of inbox, air, events and pushes once all is quiet, whatever failed
//! before. Never waits and never asks the agent.

pub mod counts;
pub mod dice;
pub mod hand;

use std::collections::BTreeMap;
use std::path::PathBuf;

use rut_agent::store::{Kind, Store};
use serde_json::Value;

use super::support::push::Request;

/// TP-ST of the reports that say a message was lost.
const LOST: u64 = 65;

/// A message the network had for the modem.
#[derive(Debug)]
pub struct Incoming {
    pub from: &'static str,
    pub text: String,
    pub parts: u64,
}

/// A message the agent accepted.
#[derive(Debug)]
pub struct Outgoing {
    pub id: String,
    pub to: &'static str,
    pub text: String,
    /// Its owner cancelled or deleted it.
    pub removed: bool,
}

/// The same as the API shows it at the end.
#[derive(Debug)]
pub struct Sent(pub Value);

impl Sent {
    fn text(&self) -> &str {
        text(&self.0, "text")
    }

    fn status(&self) -> &str {
        text(&self.0, "status")
    }

    fn code(&self) -> Option<u64> {
        self.0["error"]["code"].as_u64()
    }

    fn parts(&self) -> u64 {
        self.0["parts"].as_u64().unwrap()
    }

    /// The network has every part.
    fn went_out(&self) -> bool {
        matches!(self.status(), "sent" | "delivered")
    }
}

/// Everything there is to know at the end.
#[derive(Debug)]
pub struct Picture {
    pub incoming: Vec<Incoming>,
    pub outgoing: Vec<Outgoing>,
    pub inbox: Vec<Value>,
    pub sent: Vec<Sent>,
    pub air: Vec<Value>,
    pub events: Vec<Value>,
    pub pushes: Vec<Request>,
    pub state_dir: PathBuf,
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name]
        .as_str()
        .unwrap_or_else(|| panic!("no {name} in {value}"))
}

/// `flash_written` of `/status`.
pub fn flash_written(status: &Value) -> u64 {
    status["agent"]["flash_written"].as_u64().unwrap_or(0)
}

impl Picture {
    /// Judges everything: returns when all is well.
    pub fn check(&self) {
        self.everything_came_in_once();
        self.nothing_waits_for_a_sibling();
        self.everything_accepted_is_there_once();
        self.the_air_agrees();
        self.delivered_is_what_was_reported();
        self.received_events_are_the_inbox();
        for sent in &self.sent {
            self.events_of(sent);
        }
        self.pushes_follow_the_inbox();
    }

    /// Seeds, messages and what became of them, by name.
    pub fn numbers(&self) -> [(&'static str, usize); 9] {
        let count = |status: &str| self.sent.iter().filter(|s| s.status() == status).count();
        [
            ("seeds", 1),
            ("in", self.inbox.len()),
            ("out", self.outgoing.len()),
            ("sent", count("sent")),
            ("delivered", count("delivered")),
            ("unconfirmed", count("unconfirmed")),
            ("failed", count("failed")),
            ("cancelled", count("cancelled")),
            ("parts on the air", self.air.len()),
        ]
    }

    /// Every message in is in the inbox exactly once, whole; a real repeat as often as it came.
    fn everything_came_in_once(&self) {
        let mut here: BTreeMap<(&str, &str, u64), i64> = BTreeMap::new();
        for one in &self.incoming {
            *here.entry((one.from, &one.text, one.parts)).or_default() += 1;
        }
        for one in &self.inbox {
            assert_eq!(one["complete"], true, "{one}");
            let key = (
                text(one, "from"),
                text(one, "text"),
                one["parts"].as_u64().unwrap(),
            );
            *here.entry(key).or_default() -= 1;
        }
        here.retain(|_, count| *count != 0);
        assert!(here.is_empty(), "lost (> 0) or doubled (< 0): {here:?}");
    }

    fn nothing_waits_for_a_sibling(&self) {
        let store = wait_open(&self.state_dir);
        let parts = store.range(Kind::Part, 0).count();
        assert_eq!(parts, 0, "parts wait although every message is whole");
    }

    fn everything_accepted_is_there_once(&self) {
        let listed = |one: &&Outgoing| self.sent.iter().any(|Sent(here)| here["id"] == *one.id);
        let mut accepted: Vec<(&str, &str, &str)> = self
            .outgoing
            .iter()
            .filter(|one| !one.removed || listed(one))
            .map(|one| (one.id.as_str(), one.to, one.text.as_str()))
            .collect();
        accepted.sort_by_key(|(id, ..)| id.parse::<u64>().unwrap());
        let listed: Vec<(&str, &str, &str)> = self
            .sent
            .iter()
            .map(|Sent(one)| (text(one, "id"), text(one, "to"), text(one, "text")))
            .collect();
        assert_eq!(listed, accepted, "accepted and listed differ");
    }

    /// The parts on the air that belong to messages with this recipient and this text.
    fn on_air(&self, to: &str, whole: &str) -> Vec<&Value> {
        let token = whole.get(..6).filter(|token| token.starts_with("out"));
        let own = |part: &&Value| match token {
            Some(token) => text(part, "text").contains(token),
            None => text(part, "text") == whole,
        };
        let air = self.air.iter().filter(|part| part["to"] == to);
        air.filter(own).collect()
    }

    /// Each part is on the air once for each message that says so, and never more often than messages could have sent it.
    fn the_air_agrees(&self) {
        let mut groups: BTreeMap<(&str, &str), Vec<&Sent>> = BTreeMap::new();
        for one in &self.outgoing {
            let group = groups.entry((one.to, &one.text)).or_default();
            group.extend(self.sent.iter().find(|sent| sent.0["id"] == *one.id));
        }
        let mut known = 0;
        for ((to, whole), messages) in groups {
            let air = self.on_air(to, whole);
            known += air.len();
            let own = |one: &&Outgoing| (one.to, one.text.as_str()) == (to, whole);
            let gone = self.outgoing.iter().filter(own).count() - messages.len();
            self.group_agrees(whole, (&messages, gone), &air);
        }
        assert_eq!(known, self.air.len(), "somebody else's parts on the air");
    }

    /// `gone` messages with this text were deleted: they may have gone out before.
    fn group_agrees(&self, whole: &str, (messages, gone): (&[&Sent], usize), air: &[&Value]) {
        let total = |part: &&Value| part["concat"]["total"].as_u64().unwrap_or(1);
        let parts = messages.first().map(|sent| sent.parts());
        let parts = parts.or(air.first().map(total)).unwrap_or(0);
        let place = |part: &Value| part["concat"]["seq"].as_u64().unwrap_or(1);
        let mut out = messages.iter().filter(|sent| sent.went_out()).count();
        let mut perhaps = gone;
        for sent in messages {
            self.reason_is_true(sent, air);
            let lost_on_the_way = sent.status() == "failed" && sent.code() == Some(LOST);
            match sent.status() {
                "unconfirmed" => perhaps += 1,
                "cancelled" if parts > 1 => perhaps += 1,
                // A report about an early part may end a message before its last part goes out.
                "failed" if lost_on_the_way && parts == 1 => out += 1,
                "failed" if lost_on_the_way => perhaps += 1,
                "failed" if parts > 1 => perhaps += 1,
                _ => {}
            }
        }
        let mut before = usize::MAX;
        for seq in 1..=parts {
            let copies = air.iter().filter(|part| place(part) == seq).count();
            let fine = (out..=out + perhaps).contains(&copies) && copies <= before;
            assert!(
                fine,
                "{copies} copies of part {seq} on the air: {messages:?}"
            );
            before = copies;
        }
        if out > 0 {
            let mut air = air.to_vec();
            air.sort_by_key(|part| place(part));
            air.dedup_by_key(|part| place(part));
            let joined: String = air.iter().map(|part| text(part, "text")).collect();
            assert_eq!(joined, whole, "what is on the air is not the text");
        }
    }

    /// What a message says about itself fits its status.
    fn reason_is_true(&self, sent: &Sent, air: &[&Value]) {
        let bad_number = text(&sent.0, "to") == super::NOBODY;
        match sent.status() {
            "sent" | "delivered" => assert_eq!(sent.0["error"], Value::Null, "{sent:?}"),
            "failed" if bad_number => assert_eq!(sent.code(), Some(1), "{sent:?}"),
            "failed" if sent.code() == Some(LOST) => {
                let lost = |part: &&Value| self.may_be_reported(part, LOST);
                assert!(air.iter().any(lost), "{sent:?}");
            }
            "failed" => {
                assert!(matches!(sent.code(), Some(8 | 21 | 28)), "{sent:?}");
                assert!(
                    (air.len() as u64) < sent.parts() || sent.text().starts_with("the"),
                    "{sent:?}"
                );
            }
            "unconfirmed" => assert!(matches!(sent.code(), None | Some(332)), "{sent:?}"),
            "cancelled" => {
                let own = self.outgoing.iter().find(|one| sent.0["id"] == *one.id);
                assert!(own.is_some_and(|own| own.removed), "{sent:?}");
            }
            other => panic!("{other}, after so short a time: {sent:?}"),
        }
        if matches!(sent.status(), "failed" | "unconfirmed") {
            assert!(!text(&sent.0["error"], "cause").is_empty(), "{sent:?}");
        }
        assert!(!bad_number || !sent.went_out(), "{sent:?}");
        let told_lost = sent.status() == "failed" && sent.code() == Some(LOST);
        assert!(
            told_lost || sent.0["sent_at"].is_string() == sent.went_out(),
            "{sent:?}"
        );
        assert!(!bad_number || air.is_empty(), "{sent:?}");
    }

    /// A report with this status can be about this part: it names one number of 256 and the recipient, which two parts
    /// can share.
    fn may_be_reported(&self, part: &Value, status: u64) -> bool {
        let same = |other: &&Value| other["mr"] == part["mr"] && other["to"] == part["to"];
        let mut all = self.air.iter().filter(same);
        all.any(|other| other["status"] == status)
    }

    /// Delivered is only what the network reported as delivered, part by part.
    fn delivered_is_what_was_reported(&self) {
        let mut groups: BTreeMap<(&str, &str), usize> = BTreeMap::new();
        for sent in self.sent.iter().filter(|sent| sent.status() == "delivered") {
            *groups
                .entry((text(&sent.0, "to"), sent.text()))
                .or_default() += 1;
            assert!(sent.0["delivered_at"].is_string(), "{sent:?}");
        }
        for ((to, whole), delivered) in groups {
            let air = self.on_air(to, whole);
            let reported = |part: &&&Value| self.may_be_reported(part, 0);
            let reported = air.iter().filter(reported).count();
            let parts = self
                .sent
                .iter()
                .find(|sent| sent.text() == whole)
                .unwrap()
                .parts();
            assert!(
                reported as u64 >= delivered as u64 * parts,
                "{delivered} of {whole:?} delivered, {reported} parts reported"
            );
        }
    }

    /// One `message.received` for each message, in the inbox's order, with the message's own number.
    fn received_events_are_the_inbox(&self) {
        assert!(
            self.events
                .is_sorted_by(|one, next| one["seq"].as_u64() < next["seq"].as_u64()),
            "events out of order"
        );
        let received = self
            .events
            .iter()
            .filter(|event| event["type"] == "message.received");
        let told: Vec<(&str, &str)> = received
            .map(|event| (text(event, "message"), text(&event["data"], "text")))
            .collect();
        let inbox: Vec<(&str, &str)> = self
            .inbox
            .iter()
            .map(|one| (text(one, "id"), text(one, "text")))
            .collect();
        assert_eq!(told, inbox, "events and inbox differ");
    }

    /// A sent message's events lead to its status by the way DESIGN draws.
    fn events_of(&self, sent: &Sent) {
        let id = text(&sent.0, "id");
        let own = self.events.iter().filter(|event| event["message"] == id);
        let told: Vec<&str> = own.map(|event| text(event, "type")).collect();
        let fine = match sent.status() {
            "sent" => told == ["message.sent"],
            "delivered" => told == ["message.sent", "message.delivered"],
            "cancelled" => told.is_empty(),
            "failed" if sent.code() == Some(LOST) => {
                told == ["message.failed"] || told == ["message.sent", "message.failed"]
            }
            _ => told == ["message.failed"],
        };
        assert!(fine, "{told:?} of {sent:?}");
    }

    /// Every message was pushed with its whole text, first times in the inbox's order, repeats under the same id.
    fn pushes_follow_the_inbox(&self) {
        let mut first: Vec<(u64, String)> = Vec::new();
        let mut ids: BTreeMap<String, u64> = BTreeMap::new();
        for push in &self.pushes {
            let hook = push.header("webhook-id").unwrap();
            let data = &push.json()["data"];
            let id = text(data, "id").parse().unwrap();
            if *ids.entry(String::from(hook)).or_insert(id) != id {
                panic!("{hook} names two messages");
            }
            if !first.iter().any(|(known, _)| *known == id) {
                first.push((id, String::from(text(data, "text"))));
            }
        }
        assert_eq!(ids.len(), first.len(), "a message was pushed under two ids");
        let inbox: Vec<(u64, String)> = self
            .inbox
            .iter()
            .map(|one| {
                (
                    text(one, "id").parse().unwrap(),
                    String::from(text(one, "text")),
                )
            })
            .collect();
        assert_eq!(first, inbox, "pushes and inbox differ");
    }
}

fn wait_open(state_dir: &std::path::Path) -> Store {
    Store::open(state_dir, 1 << 20).unwrap()
}
