//! Tests: the world around the agent, which goes on when the agent's power fails — the SIM, the air, clients, servers. Its
//! last words are what the day is judged by. Never asks the agent before the end.

use crate::inbox::{Inbox, Query};
use crate::message::{Number, Slot, Status};
use crate::outbox::Outbox;
use crate::sms::{StatusReport, emit_scts};
use crate::time::WallTime;

/// Messages that come in, and that go out in each of the ways there are.
pub(super) const MESSAGES: usize = 6;
/// Slots of the SIM.
const SLOTS: usize = 4;

/// An SMS-DELIVER in UCS-2, as the network hands it over (23.040 9.2.2.1); `concat`: reference, total, part.
pub(crate) fn deliver(text: &str, concat: Option<[u8; 3]>, minute: u8) -> Vec<u8> {
    let header = concat.map_or(Vec::new(), |concat| [&[5, 0, 3], &concat[..]].concat());
    let units: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
    let at = WallTime::from_unix_s(1_795_293_300 + i64::from(minute) * 60);
    let first = if header.is_empty() { 0x04 } else { 0x44 };
    let mut pdu = vec![0, first, 12, 0x91, 0x21, 0x20, 0x55, 0x50, 0x51, 0xF5, 0, 8];
    pdu.extend(emit_scts(at, 0).unwrap());
    pdu.push(u8::try_from(header.len() + units.len()).unwrap());
    [pdu, header, units].concat()
}

/// What somebody wants to be sent.
#[derive(Clone, Debug)]
pub(super) struct Wish {
    pub(super) text: String,
    /// It was asked for; it may be there.
    pub(super) asked: bool,
    /// The answer came: it must be there.
    pub(super) answered: bool,
}

impl Wish {
    fn all(who: &str, length: usize) -> Vec<Wish> {
        let wish = |number: usize| Wish {
            text: format!("{who}{number}. ").repeat(if number % 3 == 2 { length } else { 1 }),
            asked: false,
            answered: false,
        };
        (0..MESSAGES).map(wish).collect()
    }
}

/// Everything outside.
#[derive(Clone, Debug)]
pub(super) struct World {
    /// PDUs the network still has, and those on the SIM.
    pub(super) network: Vec<Vec<u8>>,
    pub(super) sim: Vec<Option<Vec<u8>>>,
    /// Texts that came in.
    pub(super) texts: Vec<String>,
    pub(super) clients: Vec<Wish>,
    pub(super) smpp: Vec<Wish>,
    /// On the server, by unique-id.
    pub(super) mails: Vec<(u64, Wish)>,
    /// Text and part of each PDU on the air.
    pub(super) air: Vec<(String, u8)>,
    pub(super) reports: Vec<StatusReport>,
    /// Event and text.
    pub(super) pushed: Vec<(u64, String)>,
    /// Bodies of deliver_sm.
    pub(super) told: Vec<Vec<u8>>,
    /// Orders done, and those of which a restart said that they were cut short.
    pub(super) done: Vec<u64>,
    pub(super) cut_short: Vec<u64>,
    pub(super) round: usize,
}

impl World {
    pub(super) fn new() -> World {
        let (mut network, mut texts) = (Vec::new(), Vec::new());
        for number in 0..MESSAGES {
            let minute = u8::try_from(number).unwrap();
            if number % 3 == 1 {
                for part in [2, 1, 2] {
                    let text = format!("in{number} part {part}. ");
                    network.push(deliver(&text, Some([minute, 2, part]), minute));
                }
                texts.push(format!("in{number} part 1. in{number} part 2. "));
                continue;
            }
            let text = format!("{}in{number}.", if number % 2 == 0 { "go " } else { "" });
            network.push(deliver(&text, None, minute));
            texts.push(text);
        }
        let mails = Wish::all("mail", 1);
        World {
            network,
            sim: vec![None; SLOTS],
            texts,
            clients: Wish::all("client", 30),
            smpp: Wish::all("smpp", 1),
            mails: (1..).zip(mails).collect(),
            air: Vec::new(),
            reports: Vec::new(),
            pushed: Vec::new(),
            told: Vec::new(),
            done: Vec::new(),
            cut_short: Vec::new(),
            round: 0,
        }
    }

    /// The network fills free slots.
    pub(super) fn fill_sim(&mut self) {
        for slot in self.sim.iter_mut().filter(|slot| slot.is_none()) {
            if !self.network.is_empty() {
                *slot = Some(self.network.remove(0));
            }
        }
    }

    pub(super) fn free(&mut self, slot: Slot) {
        self.sim[usize::from(slot.index)] = None;
    }

    /// A part goes out; the network will report it delivered.
    pub(super) fn send(&mut self, text: &str, part: u8, to: &Number) -> u8 {
        let reference = u8::try_from(self.air.len() % 256).unwrap();
        self.air.push((String::from(text), part));
        self.reports.push(StatusReport {
            reference,
            to: to.clone(),
            sent_at: None,
            discharged_at: None,
            status: 0,
        });
        reference
    }

    /// Nothing is left to do out here.
    pub(super) fn is_quiet(&self) -> bool {
        self.network.is_empty()
            && self.sim.iter().all(Option::is_none)
            && self.clients.iter().all(|wish| wish.answered)
            && self.smpp.iter().all(|wish| wish.asked)
            && self.mails.is_empty()
    }

    /// What goes out: each once, parts in their order, whoever asked; `cuts` sends may have been cut between air and flash.
    pub(super) fn judge_air(&self, outbox: &Outbox, cuts: usize) {
        let here = outbox.list(&Query::default());
        let mut unconfirmed = 0;
        let mails = Wish::all("mail", 1);
        for wish in self.clients.iter().chain(&self.smpp).chain(&mails) {
            let text = &wish.text;
            let own: Vec<_> = here
                .iter()
                .filter(|one| one.submission.text == *text)
                .collect();
            let sure = wish.answered || text.starts_with("mail");
            assert!(
                own.len() <= 1,
                "{text} is {} times in the outbox",
                own.len()
            );
            assert!(!sure || own.len() == 1, "{text} is lost");
            let mut parts: Vec<u8> = self
                .air
                .iter()
                .filter(|(sent, _)| sent == text)
                .map(|(_, part)| *part)
                .collect();
            let count = parts.len();
            parts.dedup();
            assert!(
                parts.is_sorted() && parts.len() == count,
                "{text}: parts {parts:?} on the air"
            );
            let Some(one) = own.first() else {
                assert_eq!(count, 0, "{text} was sent, and nobody knows of it");
                continue;
            };
            if one.status == Status::Unconfirmed {
                unconfirmed += 1;
                continue;
            }
            assert_eq!(one.status, Status::Delivered, "{text}");
            assert_eq!(count, usize::from(one.parts), "{text}");
        }
        assert!(unconfirmed <= cuts, "{unconfirmed} are unconfirmed");
    }

    /// What came in: each once in the inbox, pushed and told in order under one number, and again only after a cut.
    pub(super) fn judge_inbox(&self, inbox: &Inbox, cuts: usize) {
        let here = inbox.list(&Query::default());
        let mut texts: Vec<&str> = here
            .iter()
            .map(|stored| stored.message.text.as_str())
            .collect();
        let first_pushed = |id: u64| self.pushed.iter().any(|(event, _)| *event == id);
        assert!(
            here.iter().all(|stored| first_pushed(stored.message.id.0)),
            "not pushed"
        );
        assert!(self.pushed.len() <= here.len() + cuts, "pushed too often");
        assert!(
            self.pushed.is_sorted_by_key(|(event, _)| *event),
            "pushed out of order"
        );
        for stored in here
            .iter()
            .filter(|stored| stored.message.text.starts_with("go "))
        {
            let id = stored.message.id.0;
            let done = self.done.iter().filter(|done| **done == id).count();
            assert!(done <= 1, "an order was done {done} times");
            assert!(
                done == 1 || self.cut_short.contains(&id),
                "an order is lost"
            );
            assert_eq!(stored.rule.as_deref(), Some("r"));
        }
        assert!(self.cut_short.len() <= cuts);
        for text in &texts {
            let told = self.told.iter().filter(|body| holds(body, text)).count();
            assert!(
                (1..=1 + cuts).contains(&told),
                "{text} was told {told} times"
            );
        }
        let mut expected: Vec<&str> = self.texts.iter().map(String::as_str).collect();
        texts.sort_unstable();
        expected.sort_unstable();
        assert_eq!(texts, expected);
    }
}

/// True when a deliver_sm's body holds the text, which is ASCII.
fn holds(body: &[u8], text: &str) -> bool {
    body.windows(text.len())
        .any(|window| window == text.as_bytes())
}
