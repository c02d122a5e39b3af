//! Tests: the world around the agent, which goes on when the agent's power fails — the SIM, the air, clients, servers. What
//! it saw is what the day is judged by. Never asks the agent.

use crate::forward::day::ADDRESSES;
use crate::mail::Verdict;
use crate::message::{MessageId, Slot};
use crate::outbox::{Job, Outcome, Removed};
use crate::sms::{StatusReport, emit_scts};
use crate::time::WallTime;

/// Messages that come in, and that go out in each of the ways there are.
pub(super) const MESSAGES: usize = 6;
/// Slots of the SIM.
const SLOTS: usize = 4;
/// Where messages go.
pub(super) const CLIENT: &str = "+12025550199";
const SMPP: &str = "+12025550177";
/// One that its owner cancels before it goes.
pub(super) const CANCELLED: &str = "cancelled";
/// One that its owner deletes when everybody was told of it.
const DELETED: &str = "in5.";
/// A flash message.
pub(super) const DIRECT: &str = "direct.";

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
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Wish {
    pub(super) text: String,
    pub(super) to: &'static str,
    pub(super) flash: bool,
    /// The network does not take it before this is over.
    pub(super) validity_s: Option<u32>,
    /// It was asked for; it may be there.
    pub(super) asked: bool,
    /// The answer came: it must be there.
    pub(super) answered: bool,
    /// What the first answer named, and the last one to the same request.
    pub(super) ids: Vec<MessageId>,
    pub(super) repeated: Option<Vec<MessageId>>,
}

impl Wish {
    fn new(text: String, to: &'static str) -> Wish {
        Wish {
            text,
            to,
            flash: false,
            validity_s: None,
            asked: false,
            answered: false,
            ids: Vec::new(),
            repeated: None,
        }
    }

    pub(super) fn all(who: &str, to: &'static str, length: usize) -> Vec<Wish> {
        let text = |number: usize| {
            format!("{who}{number}. ").repeat(if number % 3 == 2 { length } else { 1 })
        };
        let wish = |number| Wish::new(text(number), to);
        (0..MESSAGES).map(wish).collect()
    }

    /// The API's own, and one as a flash, one that expires and one that is cancelled.
    fn clients() -> Vec<Wish> {
        let flash = Wish {
            flash: true,
            ..Wish::new(String::from("flash"), CLIENT)
        };
        let expires = Wish {
            validity_s: Some(120),
            ..Wish::new(String::from("expires"), "+12025550188")
        };
        let cancelled = Wish::new(String::from(CANCELLED), CLIENT);
        let mut all = Wish::all("client", CLIENT, 30);
        all.splice(1..1, [flash, expires, cancelled]);
        all
    }
}

/// A received text that its owner marks as read or deletes.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Act {
    pub(super) text: &'static str,
    pub(super) asked: bool,
    pub(super) answered: bool,
}

impl Act {
    fn on(text: &'static str) -> Act {
        Act {
            text,
            asked: false,
            answered: false,
        }
    }
}

/// Everything outside.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct World {
    /// PDUs the network still has, and those on the SIM.
    pub(super) network: Vec<Vec<u8>>,
    pub(super) sim: Vec<Option<Vec<u8>>>,
    /// A PDU that the network delivers directly until it is acknowledged.
    pub(super) direct: Option<Vec<u8>>,
    /// Texts that came in, and from whom.
    pub(super) texts: Vec<(String, String)>,
    pub(super) clients: Vec<Wish>,
    pub(super) smpp: Vec<Wish>,
    /// On the server, by unique-id.
    pub(super) mails: Vec<(u64, Wish)>,
    pub(super) reads: Vec<Act>,
    pub(super) deletion: Act,
    /// What the owner heard when he cancelled.
    pub(super) removed: Option<Removed>,
    /// Recipient, text and part of each PDU on the air.
    pub(super) air: Vec<(String, String, u8)>,
    pub(super) reports: Vec<StatusReport>,
    /// Event and text.
    pub(super) pushed: Vec<(u64, String)>,
    /// Address and event of each mail taken, and events of which the server put the second recipient off once.
    pub(super) mailed: Vec<(String, u64)>,
    pub(super) put_off: Vec<u64>,
    /// Bodies of deliver_sm.
    pub(super) told: Vec<Vec<u8>>,
    /// Orders done, and those of which a restart said that they were cut short.
    pub(super) done: Vec<u64>,
    pub(super) cut_short: Vec<u64>,
    pub(super) round: usize,
}

type Pdu = Vec<u8>;

/// What comes in: PDUs over the SIM, a flash message handed over directly, and texts with their senders.
fn incoming() -> (Vec<Pdu>, Pdu, Vec<(String, String)>) {
    let (mut network, mut texts) = (Vec::new(), Vec::new());
    // The last two of those that are answered have one sender.
    let sender = |number: u8| number.min(4);
    let from = |number: u8| format!("+1202550515{}", sender(number));
    let pdu = |text: &str, concat, number: u8| {
        let mut pdu = deliver(text, concat, number);
        pdu[9] = 0xF0 | sender(number);
        pdu
    };
    for number in 0..u8::try_from(MESSAGES).unwrap() {
        if number % 3 == 1 {
            for part in [2, 1, 2] {
                let text = format!("in{number} part {part}. ");
                network.push(pdu(&text, Some([number, 2, part]), number));
            }
            let text = format!("in{number} part 1. in{number} part 2. ");
            texts.push((text, from(number)));
            continue;
        }
        let text = format!("{}in{number}.", if number % 2 == 0 { "go " } else { "" });
        network.push(pdu(&text, None, number));
        texts.push((text, from(number)));
    }
    let mut direct = pdu(DIRECT, None, 7);
    // 23.038 4: UCS2, class 0.
    direct[11] = 0x18;
    texts.push((String::from(DIRECT), from(7)));
    (network, direct, texts)
}

impl World {
    pub(super) fn new() -> World {
        let (network, direct, texts) = incoming();
        let mails = Wish::all("mail", CLIENT, 1);
        World {
            network,
            sim: vec![None; SLOTS],
            direct: Some(direct),
            texts,
            clients: Wish::clients(),
            smpp: Wish::all("smpp", SMPP, 1),
            mails: (1..).zip(mails).collect(),
            reads: vec![Act::on("go in2."), Act::on(DIRECT)],
            deletion: Act::on(DELETED),
            removed: None,
            air: Vec::new(),
            reports: Vec::new(),
            pushed: Vec::new(),
            mailed: Vec::new(),
            put_off: Vec::new(),
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

    /// True for a PDU that the modem's worker is late to free: its owner deletes the message first.
    pub(super) fn lingers(&self, pdu: &[u8]) -> bool {
        let units: Vec<u8> = DELETED.encode_utf16().flat_map(u16::to_be_bytes).collect();
        pdu.ends_with(&units) && !self.deletion.answered
    }

    /// A part goes out, or the network refuses it.
    pub(super) fn send(&mut self, job: &Job) -> Outcome {
        let asked = &job.submission;
        if asked.validity_s.is_some() {
            // 24.011 E-2: congestion.
            return Outcome::Refused { code: Some(42) };
        }
        assert_eq!(asked.flash, asked.text == "flash", "{}", asked.text);
        let reference = u8::try_from(self.air.len() % 256).unwrap();
        let to = asked.to.to_string();
        self.air.push((to, asked.text.clone(), job.part));
        if asked.report {
            self.reports.push(StatusReport {
                reference,
                to: asked.to.clone(),
                sent_at: None,
                discharged_at: None,
                status: 0,
            });
        }
        Outcome::Accepted {
            reference: Some(reference),
        }
    }

    /// The mail server: it takes a mail for the first recipient at once, for the second when it is offered again.
    pub(super) fn mail(&mut self, event: u64, to: &[String]) -> Vec<Verdict> {
        let known = self.put_off.contains(&event);
        self.put_off.push(event);
        let verdict = |to: &String| {
            if to == ADDRESSES[1] && !known {
                return Verdict::Later(String::from("450 greylisted"));
            }
            self.mailed.push((to.clone(), event));
            Verdict::Taken
        };
        to.iter().map(verdict).collect()
    }

    /// Nothing is left to do out here.
    pub(super) fn is_quiet(&self) -> bool {
        self.network.is_empty()
            && self.sim.iter().all(Option::is_none)
            && self.direct.is_none()
            && self.clients.iter().all(|wish| wish.answered)
            && self.smpp.iter().all(|wish| wish.asked)
            && self.mails.is_empty()
            && self.reads.iter().all(|act| act.answered)
            && self.deletion.answered
            && self.removed.is_some()
            && self.reports.is_empty()
    }
}
