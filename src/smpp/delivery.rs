//! Keeper: what the client is still to be told — received messages, receipts — with its place on flash. Never sends: it
//! hands an item to one session and hears what became of it.
//!
//! The place is one record: the event up to which all is done, and the numbers of those beyond that are done too. So a
//! restart repeats only what was on its way.

use std::time::Duration;

use super::Rooms;
use super::pdu::{Status, put_parameter};
use super::receipt::{self, Note, USER_MESSAGE_REFERENCE};
use super::short::{Address, Deliver};
use super::text;
use crate::config::Smpp;
use crate::message::{Event, EventKind, MessageId, Number};
use crate::store::{Change, Keep, Key, Kind, WhyNot};
use crate::time::{Tick, WallTime};

/// The cursor's id: no hash of a name is looked for here, there is one SMPP server.
const KEY: Key = Key {
    kind: Kind::Cursor,
    id: u64::from_be_bytes(*b"smpp 3.4"),
};
/// Items looked at and not done.
const OPEN: usize = 128;
/// Events that are not for the client move the place in memory; flash follows when it lags behind by more than this.
const LAG: u64 = 50;
/// Refused so often, an item is given up: a received message is in the inbox still. Some eight hours.
const TRIES: u32 = 100;
/// The longest pause after a refusal; the first is a second, and each next twice as long.
const PAUSE: Duration = Duration::from_secs(300);

/// What a session is to send.
#[derive(Debug)]
pub(super) struct Item {
    /// The event's number.
    pub(super) ticket: u64,
    /// Bodies of deliver_sm.
    pub(super) bodies: Vec<Vec<u8>>,
}

#[derive(Debug)]
struct Open {
    seq: u64,
    kind: EventKind,
    message: MessageId,
    at: WallTime,
    /// `None`: a session has it.
    due: Option<Tick>,
    tries: u32,
    /// Answers still to come, and the worst so far.
    left: usize,
    refused: Option<Status>,
}

/// All of it.
#[derive(Debug)]
pub(super) struct Delivery {
    rooms: Rooms,
    on: bool,
    /// Not done, by number.
    open: Vec<Open>,
    /// Done beyond `floor`.
    done: Vec<u64>,
    floor: u64,
    scanned: u64,
    /// `floor` on flash.
    written: u64,
    dirty: bool,
}

impl Delivery {
    /// Nothing to tell yet.
    pub(super) fn new(rooms: Rooms) -> Delivery {
        Delivery {
            rooms,
            on: false,
            open: Vec::new(),
            done: Vec::new(),
            floor: 0,
            scanned: 0,
            written: 0,
            dirty: false,
        }
    }

    /// Begins or ends keeping things for the client. It begins where it was left, or after the newest event.
    ///
    /// # Errors
    /// [`WhyNot`]: a restart would find the place as it was.
    pub(super) fn follow(&mut self, config: &Smpp) -> Result<(), WhyNot> {
        let on = config.enabled && config.deliver;
        let begins = on && !self.on;
        self.on = on;
        if begins {
            let newest = self.rooms.store.borrow().newest();
            let found = self.rooms.store.borrow().get(KEY).map(read);
            (self.floor, self.done) = found.unwrap_or((newest, Vec::new()));
            self.floor = self.floor.min(newest);
            self.scanned = self.floor;
            self.open.clear();
            self.dirty = true;
            return self.keep();
        }
        let idle = on || self.rooms.store.borrow().get(KEY).is_none();
        match idle {
            true => Ok(()),
            false => {
                let gone = [Change::Delete { key: KEY }];
                self.rooms.store.borrow_mut().apply(&gone)
            }
        }
    }

    /// The next item that is due and has at most `room` bodies, or any number for an idle session.
    pub(super) fn take(
        &mut self,
        config: &Smpp,
        modern: bool,
        (room, idle): (usize, bool),
        now: Tick,
    ) -> Option<Item> {
        if !self.on || room == 0 {
            return None;
        }
        loop {
            let due = |open: &Open| open.due.is_some_and(|due| due <= now);
            let Some(place) = self.open.iter().position(due) else {
                if self.scan(now) {
                    continue;
                }
                return None;
            };
            let open = self.open.get_mut(place)?;
            let bodies = bodies(&self.rooms, open, config, modern);
            if bodies.is_empty() {
                let seq = open.seq;
                self.finish(seq);
                continue;
            }
            if bodies.len() > room && !idle {
                return None;
            }
            (open.due, open.left, open.refused) = (None, bodies.len(), None);
            return Some(Item {
                ticket: open.seq,
                bodies,
            });
        }
    }

    /// Looks at the next events; `false` when there are none, or too many wait.
    fn scan(&mut self, now: Tick) -> bool {
        let free = OPEN.saturating_sub(self.open.len());
        let store = self.rooms.store.borrow();
        let mut found = false;
        for event in store.events_after(self.scanned).take(free) {
            found = true;
            self.scanned = event.seq;
            if let Some(open) = Open::of(&event, now)
                && !self.done.contains(&event.seq)
            {
                self.open.push(open);
            }
        }
        drop(store);
        self.advance();
        found
    }

    /// One deliver_sm of an item was answered; `true` when the client has all of it.
    pub(super) fn answered(&mut self, ticket: u64, status: Status, now: Tick) -> bool {
        let Some(open) = self.open.iter_mut().find(|open| open.seq == ticket) else {
            return false;
        };
        open.left = open.left.saturating_sub(1);
        if status != Status::OK {
            open.refused = Some(status);
        }
        if open.left > 0 {
            return false;
        }
        let Some(refused) = open.refused else {
            self.finish(ticket);
            self.dirty = true;
            return true;
        };
        let pause = Duration::from_secs(1 << open.tries.min(9)).min(PAUSE);
        (open.due, open.tries) = (Some(now + pause), open.tries + 1);
        let for_good = matches!(refused, Status::NEVER | Status::REJECTED);
        let (id, code) = (open.message, refused.0);
        if for_good || open.tries >= TRIES {
            log::warn!("smpp: the client refuses message {id} for good (status {code:#x})");
            self.finish(ticket);
            self.dirty = true;
        } else {
            log::info!(
                "smpp: the client refuses message {id} (status {code:#x}), it is offered again"
            );
        }
        false
    }

    /// The session that had the item is gone.
    pub(super) fn lost(&mut self, ticket: u64, now: Tick) {
        if let Some(open) = self.open.iter_mut().find(|open| open.seq == ticket) {
            open.due = Some(now);
        }
    }

    /// When an item that was refused is due again.
    pub(super) fn next_due(&self) -> Option<Tick> {
        self.open.iter().filter_map(|open| open.due).min()
    }

    fn finish(&mut self, seq: u64) {
        self.open.retain(|open| open.seq != seq);
        self.done.push(seq);
        self.advance();
    }

    fn advance(&mut self) {
        let first = self.open.first().map(|open| open.seq.saturating_sub(1));
        self.floor = first.unwrap_or(self.scanned).max(self.floor);
        let floor = self.floor;
        self.done.retain(|done| *done > floor);
    }

    /// Writes the place if something would be told twice without it.
    ///
    /// # Errors
    /// [`WhyNot`]: a later call writes it.
    pub(super) fn keep(&mut self) -> Result<(), WhyNot> {
        if !self.on || !(self.dirty || self.floor - self.written.min(self.floor) > LAG) {
            return Ok(());
        }
        let numbers = std::iter::once(&self.floor).chain(&self.done);
        let change = Change::Put {
            key: KEY,
            value: numbers.flat_map(|number| number.to_be_bytes()).collect(),
            keep: Keep::Always,
        };
        self.rooms.store.borrow_mut().apply(&[change])?;
        (self.written, self.dirty) = (self.floor, false);
        Ok(())
    }
}

impl Open {
    fn of(event: &Event, now: Tick) -> Option<Open> {
        let message = event.message?;
        match event.kind {
            EventKind::MessageReceived | EventKind::MessageDelivered | EventKind::MessageFailed => {
                Some(Open {
                    seq: event.seq,
                    kind: event.kind,
                    message,
                    at: event.at,
                    due: Some(now),
                    tries: 0,
                    left: 0,
                    refused: None,
                })
            }
            EventKind::MessageSent
            | EventKind::CallIncoming
            | EventKind::SignalChanged
            | EventKind::ModemState
            | EventKind::StorageLow
            | EventKind::PushFailed
            | EventKind::SmppSession
            | EventKind::RuleLocked
            | EventKind::CallAnswered
            | EventKind::CallEnded
            | EventKind::LimitReached => None,
        }
    }
}

/// The deliver_sm that tell of this; none when there is nothing to tell.
fn bodies(rooms: &Rooms, open: &Open, config: &Smpp, modern: bool) -> Vec<Vec<u8>> {
    if open.kind != EventKind::MessageReceived {
        let message = rooms.outbox.borrow().get(open.message);
        let Some(message) = message.filter(|message| message.submission.origin == super::ORIGIN)
        else {
            return Vec::new();
        };
        let mut note = Note::parse(&message.extra.note).unwrap_or_default();
        if note.source.is_empty() {
            note.source = String::from(config.destination());
        }
        return match note.wants(message.status) {
            true => vec![receipt::receipt(&message, &note, open.at, modern)],
            false => Vec::new(),
        };
    }
    let Some(stored) = rooms.inbox.borrow().get(open.message) else {
        return Vec::new();
    };
    let message = stored.message;
    let source = receipt::octets(message.from.as_str());
    let source = Address {
        text: source.strip_prefix(b"+").unwrap_or(&source),
        ..receipt::address(&message.from)
    };
    let number = Number::as_received(config.destination());
    let to = receipt::address(&number);
    let pieces = text::pieces(&message, config.alphabet, config.parts || !modern);
    let body = |piece: &text::Piece| {
        let mut body = Deliver {
            source,
            to,
            esm_class: piece.esm_class,
            data_coding: piece.data_coding,
            message: if piece.payload { &[] } else { &piece.message },
        }
        .emit();
        if piece.payload {
            put_parameter(text::MESSAGE_PAYLOAD, &piece.message, &mut body);
        }
        if modern {
            // The same again when it is delivered again.
            let [low, high, ..] = message.id.0.to_le_bytes();
            put_parameter(USER_MESSAGE_REFERENCE, &[high, low], &mut body);
        }
        body
    };
    pieces.iter().map(body).collect()
}

/// Reads the place: the floor, and what is done beyond it.
fn read(value: &[u8]) -> (u64, Vec<u64>) {
    let (numbers, _) = value.as_chunks::<8>();
    let mut numbers = numbers.iter().map(|number| u64::from_be_bytes(*number));
    (numbers.next().unwrap_or(0), numbers.collect())
}
