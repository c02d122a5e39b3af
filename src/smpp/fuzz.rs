//! Tests: what an SMPP client may send, as a fuzz target. Never in the program.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use super::desk::Desk;
use super::pdu::{self, Framed, HEADER, Header, Status};
use super::receipt::Note;
use super::session::{Act, Session};
use super::{Rooms, text};
use crate::clock::Clock;
use crate::config::{Config, SmppAlphabet};
use crate::feed::Feed;
use crate::inbox::Inbox;
use crate::message::Received;
use crate::outbox::Outbox;
use crate::store::sim::SimFlash;
use crate::time::{Now, Tick, WallTime};

const COMMANDS: [u32; 8] = [
    pdu::SUBMIT_SM,
    pdu::DATA_SM,
    pdu::SUBMIT_MULTI,
    pdu::QUERY_SM,
    pdu::CANCEL_SM,
    pdu::REPLACE_SM,
    pdu::ENQUIRE_LINK,
    pdu::BIND_TRANSCEIVER,
];

const NOW: Now = Now {
    tick: Tick(1000),
    wall: WallTime(1_795_293_314_000),
};

/// The rooms behind a session.
fn rooms() -> Rooms {
    let store = SimFlash::default().shared();
    let feed = Feed::new(0);
    let hour = Duration::from_secs(3600);
    let inbox = Inbox::new(Rc::clone(&store), feed.clone(), hour, NOW);
    let outbox = Outbox::new(Rc::clone(&store), feed.clone(), NOW);
    Rooms {
        inbox: Rc::new(RefCell::new(inbox)),
        outbox: Rc::new(RefCell::new(outbox.unwrap_or_else(|why| panic!("{why}")))),
        store,
        feed,
        clock: Clock::start(),
    }
}

/// The bytes as they are, or (odd first octet) the bodies of PDUs: command, length, body.
fn wire(data: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut put = |command, sequence, body: &[u8]| {
        let header = Header {
            command,
            status: Status::OK,
            sequence,
        };
        pdu::emit(header, body, &mut out);
    };
    put(pdu::BIND_TRANSCEIVER, 1, b"kannel\0secret\0\0\x34\0\0\0");
    match data.split_first() {
        Some((kind, mut rest)) if kind % 2 == 1 => {
            let mut sequence = 2;
            while let [command, length, bodies @ ..] = rest {
                let (body, others) = bodies.split_at(usize::from(*length).min(bodies.len()));
                put(COMMANDS[usize::from(command % 8)], sequence, body);
                (rest, sequence) = (others, sequence + 1);
            }
        }
        Some((0, rest)) => out = rest.to_vec(),
        Some((_, rest)) => out.extend_from_slice(rest),
        None => {}
    }
    out
}

/// A session over real rooms; everything it says is whole.
pub(crate) fn session(data: &[u8]) {
    let (rooms, config) = (rooms(), Config::default());
    let mut session = Session::new(Tick(0));
    let cut = data.first().map_or(1, |first| usize::from(*first).max(1));
    'heard: for piece in wire(data).chunks(cut * 8) {
        session.hear(piece, NOW.tick);
        while let Some(act) = session.next() {
            match act {
                Act::Bind(bind) => session.admit(&bind, NOW.tick),
                Act::Do(header, body) => {
                    let desk = Desk {
                        rooms: &rooms,
                        config: &config,
                        now: NOW,
                    };
                    match desk.carry_out(header, &body) {
                        Ok(body) => session.answer(header, Status::OK, &body),
                        Err(status) => session.answer(header, status, &[]),
                    }
                }
                Act::Answered(..) => {}
                Act::Close => break 'heard,
            }
        }
    }
    let mut said = session.out.as_slice();
    while let Framed::Got(_, body) = pdu::frame(said, 100_000) {
        said = &said[HEADER + body.len()..];
    }
    assert!(said.is_empty(), "half a PDU was written");
    told(&String::from_utf8_lossy(data));
}

/// Any text can be told, and what the outbox keeps read.
fn told(words: &str) {
    if let Some(note) = Note::parse(words) {
        assert_eq!(Note::parse(&note.to_text()), Some(note));
    }
    let message = Received::sample("+12025550155", words);
    for alphabet in [SmppAlphabet::Gsm, SmppAlphabet::Latin1] {
        for parts in [true, false] {
            let pieces = text::pieces(&message, alphabet, parts);
            assert!(!pieces.is_empty());
            assert!(
                pieces
                    .iter()
                    .all(|piece| piece.payload || piece.message.len() <= 254)
            );
        }
    }
}
