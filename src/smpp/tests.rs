//! Tests: sessions as clients hold them, bytes in and bytes out; what is delivered over restarts. Never a socket.

use super::delivery::Delivery;
use super::pdu::{self, Framed, HEADER, Header, RESPONSE, Status};
use super::session::{Act, Session};
use super::*;
use crate::config::{Smpp, SmppAlphabet};
use crate::message::{Extra, Submission};
use crate::store::sim::SimFlash;
use crate::time::{Now, Tick};

const LOGIN: &[u8] = b"kannel\0secret\0\0\x34\0\0\0";

fn sent(command: u32, status: u32, sequence: u32, body: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let header = Header {
        command,
        status: Status(status),
        sequence,
    };
    pdu::emit(header, body, &mut out);
    out
}

/// The PDUs written so far: command, status, sequence.
fn said(session: &mut Session) -> Vec<(u32, u32, u32)> {
    let mut out = std::mem::take(&mut session.out);
    let mut said = Vec::new();
    while let Framed::Got(header, body) = pdu::frame(&out, 100_000) {
        said.push((header.command, header.status.0, header.sequence));
        out.drain(..HEADER + body.len());
    }
    assert!(out.is_empty(), "half a PDU was written");
    said
}

fn bound(command: u32) -> Session {
    let mut session = Session::new(Tick(0));
    session.hear(&sent(command, 0, 1, LOGIN), Tick(0));
    let Some(Act::Bind(bind)) = session.next() else {
        panic!("no bind");
    };
    assert_eq!(
        (&bind.system_id[..], &bind.password[..]),
        (&b"kannel"[..], &b"secret"[..])
    );
    session.admit(&bind, Tick(0));
    assert_eq!(said(&mut session), [(command | RESPONSE, 0, 1)]);
    session
}

/// All acts, a submit answered as good.
fn acts(session: &mut Session) -> Vec<&'static str> {
    let mut acts = Vec::new();
    while let Some(act) = session.next() {
        acts.push(match act {
            Act::Bind(_) => "bind",
            Act::Do(header, _) => {
                session.answer(header, Status::OK, b"17\0");
                "do"
            }
            Act::Answered(_, _) => "answered",
            Act::Close => "close",
        });
    }
    acts
}

#[test]
fn a_conversation_is_the_same_however_its_bytes_come() {
    let conversation = [
        sent(pdu::ENQUIRE_LINK, 0, 2, b""),
        sent(pdu::SUBMIT_SM, 0, 3, b"whatever"),
        sent(pdu::SUBMIT_SM, 0, 4, b""),
        sent(0x999, 0, 5, b"?"),
        sent(pdu::BIND_RECEIVER, 0, 6, LOGIN),
        sent(pdu::UNBIND, 0, 7, b""),
    ]
    .concat();
    let expected = [
        (pdu::ENQUIRE_LINK | RESPONSE, 0, 2),
        (pdu::SUBMIT_SM | RESPONSE, 0, 3),
        (pdu::SUBMIT_SM | RESPONSE, 0, 4),
        (RESPONSE, 3, 5),
        (pdu::BIND_RECEIVER | RESPONSE, 5, 6),
        (pdu::UNBIND | RESPONSE, 0, 7),
    ];
    for cut in 0..=conversation.len() {
        let mut session = bound(pdu::BIND_TRANSCEIVER);
        let mut done = Vec::new();
        for bytes in [&conversation[..cut], &conversation[cut..]] {
            session.hear(bytes, Tick(1));
            done.extend(acts(&mut session));
        }
        assert_eq!(done, ["do", "do", "close"], "cut at {cut}");
        assert_eq!(said(&mut session), expected);
    }
    let mut session = bound(pdu::BIND_TRANSCEIVER);
    let mut done = Vec::new();
    for byte in conversation {
        session.hear(&[byte], Tick(1));
        done.extend(acts(&mut session));
    }
    assert_eq!(done, ["do", "do", "close"]);
}

#[test]
fn a_length_that_cannot_be_is_answered_and_ends_the_session() {
    for length in [0u32, 7, 15, 40_000, 0x7FFF_FFFF] {
        let mut session = bound(pdu::BIND_TRANSMITTER);
        let mut pdu = sent(pdu::SUBMIT_SM, 0, 9, b"x");
        pdu[..4].copy_from_slice(&length.to_be_bytes());
        session.hear(&pdu, Tick(1));
        assert_eq!(acts(&mut session), ["close"]);
        assert_eq!(said(&mut session), [(RESPONSE, 2, 9)], "{length}");
    }
    // One that is not bound may not even make us wait for a large one.
    let mut session = Session::new(Tick(0));
    session.hear(&600u32.to_be_bytes(), Tick(0));
    assert_eq!(acts(&mut session), ["close"]);
}

#[test]
fn one_that_is_not_bound_is_answered_a_few_times_only() {
    let mut session = Session::new(Tick(0));
    session.hear(&sent(pdu::ENQUIRE_LINK, 0, 1, b"").repeat(4096), Tick(0));
    assert_eq!(acts(&mut session), ["close"]);
    assert_eq!(said(&mut session).len(), 32);
}

#[test]
fn rubbish_and_mutated_conversations_do_no_harm() {
    let short = b"\0\x05\0Shop\0\x01\x01123\0\x40\0\0\0\0\x01\0\0\0\x0a\x05\0\x03\x07\x02\x01text\x02\x0c\0\x02\0\x07";
    let mut seed = 1u32;
    let mut random = move || {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        seed >> 8
    };
    for _ in 0..20_000 {
        let mut pdu = sent(random() % 12, 0, 9, short);
        for _ in 0..random() % 4 {
            let at = random() as usize % pdu.len();
            pdu[at] = random() as u8;
        }
        let mut session = bound(pdu::BIND_TRANSCEIVER);
        session.hear(&pdu, Tick(1));
        while let Some(act) = session.next() {
            if let Act::Do(header, body) = act
                && let Ok(short) = super::short::Short::parse(header.command, &body)
            {
                for alphabet in [
                    SmppAlphabet::Gsm,
                    SmppAlphabet::Packed,
                    SmppAlphabet::Latin1,
                ] {
                    let _read = super::text::content(&short, alphabet);
                }
            }
        }
    }
}

#[test]
fn a_session_does_only_what_its_bind_is_for() {
    let mut session = Session::new(Tick(0));
    session.hear(&sent(pdu::SUBMIT_SM, 0, 1, b""), Tick(0));
    session.hear(&sent(pdu::UNBIND, 0, 2, b""), Tick(0));
    assert_eq!(acts(&mut session), [""; 0]);
    let no = |command: u32, sequence| (command | RESPONSE, 4, sequence);
    assert_eq!(
        said(&mut session),
        [no(pdu::SUBMIT_SM, 1), no(pdu::UNBIND, 2)]
    );
    let mut receiver = bound(pdu::BIND_RECEIVER);
    receiver.hear(&sent(pdu::SUBMIT_SM, 0, 2, b""), Tick(0));
    assert_eq!(acts(&mut receiver), [""; 0]);
    assert_eq!(said(&mut receiver), [no(pdu::SUBMIT_SM, 2)]);
    assert_eq!(receiver.room(10), 10);
    assert_eq!(bound(pdu::BIND_TRANSMITTER).room(10), 0);
}

#[test]
fn an_old_client_is_told_no_version_and_a_cut_bind_is_refused() {
    for (version, told) in [(0x33, false), (0x34, true), (0x50, true), (0, false)] {
        let mut session = Session::new(Tick(0));
        let mut login = LOGIN.to_vec();
        login[15] = version;
        session.hear(&sent(pdu::BIND_TRANSCEIVER, 0, 1, &login), Tick(0));
        let Some(Act::Bind(bind)) = session.next() else {
            panic!("no bind");
        };
        session.admit(&bind, Tick(0));
        let parameter = [0x02, 0x10, 0, 1, 0x34];
        assert_eq!(session.out.ends_with(&parameter), told, "{version:#x}");
    }
    for cut in 0..16 {
        let mut session = Session::new(Tick(0));
        session.hear(&sent(pdu::BIND_TRANSCEIVER, 0, 1, &LOGIN[..cut]), Tick(0));
        assert_eq!(acts(&mut session), ["close"], "cut at {cut}");
        assert_eq!(said(&mut session).len(), 1);
    }
}

#[test]
fn patience_ends_for_those_who_do_not_bind_and_for_the_silent() {
    let mut session = Session::new(Tick(0));
    assert_eq!(session.on_time(Tick(9_999)), None);
    session.hear(b"\0", Tick(9_999));
    assert!(session.on_time(Tick(10_000)).is_some());

    let mut session = bound(pdu::BIND_TRANSCEIVER);
    assert_eq!(session.wake(), Tick(30_000));
    assert_eq!(session.on_time(Tick(30_000)), None);
    assert_eq!(said(&mut session), [(pdu::ENQUIRE_LINK, 0, 1)]);
    session.hear(&sent(pdu::ENQUIRE_LINK | RESPONSE, 0, 1, b""), Tick(31_000));
    assert_eq!(
        (acts(&mut session).len(), session.wake()),
        (0, Tick(61_000))
    );
    assert_eq!(session.on_time(Tick(61_000)), None);
    assert_eq!(session.wake(), Tick(91_000));
    assert!(session.on_time(Tick(91_000)).is_some());
}

#[test]
fn the_window_fills_and_answers_in_any_order_free_it() {
    let mut session = bound(pdu::BIND_RECEIVER);
    for ticket in [100, 200, 300] {
        session.deliver(ticket, b"body", Tick(5));
    }
    assert_eq!((session.room(3), session.room(10)), (0, 7));
    assert_eq!(said(&mut session).len(), 3);
    let answer = |status, sequence| sent(pdu::DELIVER_SM | RESPONSE, status, sequence, b"\0");
    session.hear(&answer(0, 3), Tick(6));
    session.hear(&answer(0x58, 1), Tick(6));
    session.hear(&answer(0, 77), Tick(6));
    assert_eq!(session.next(), Some(Act::Answered(300, Status::OK)));
    assert_eq!(session.next(), Some(Act::Answered(100, Status(0x58))));
    assert_eq!(session.next(), None);
    session.hear(&sent(RESPONSE, 3, 2, b""), Tick(7));
    assert_eq!(session.next(), Some(Act::Answered(200, Status(3))));
    session.deliver(400, b"body", Tick(10));
    session.hear(&sent(pdu::ENQUIRE_LINK, 0, 1, b""), Tick(60_000));
    assert_eq!(acts(&mut session).len(), 0);
    let why = session.on_time(Tick(60_010));
    assert!(why.unwrap().contains("deliver_sm"), "{why:?}");
    assert_eq!(session.in_flight().collect::<Vec<_>>(), [400]);
}

#[test]
fn we_say_goodbye_and_wait_a_little_for_the_answer() {
    let mut session = bound(pdu::BIND_TRANSCEIVER);
    session.leave(Tick(5));
    session.leave(Tick(6));
    assert_eq!(said(&mut session), [(pdu::UNBIND, 0, 1)]);
    session.hear(&sent(pdu::SUBMIT_SM, 0, 8, b""), Tick(7));
    session.hear(&sent(pdu::UNBIND | RESPONSE, 0, 1, b""), Tick(7));
    assert_eq!(acts(&mut session), ["close"]);
    assert_eq!(said(&mut session), [(pdu::SUBMIT_SM | RESPONSE, 4, 8)]);
    let mut silent = bound(pdu::BIND_TRANSCEIVER);
    silent.leave(Tick(5));
    assert!(silent.on_time(Tick(2_005)).is_some() && silent.is_closed());
}

struct Room {
    flash: SimFlash,
    rooms: Rooms,
    delivery: Delivery,
}

fn on(flash: SimFlash) -> Room {
    let store = flash.shared();
    let feed = Feed::new(0);
    let now = Now::default();
    let inbox = Inbox::new(store.clone(), feed.clone(), std::time::Duration::ZERO, now);
    let outbox = Outbox::new(store.clone(), feed.clone(), now).unwrap();
    let rooms = Rooms {
        store,
        inbox: Rc::new(RefCell::new(inbox)),
        outbox: Rc::new(RefCell::new(outbox)),
        feed,
        clock: Clock::start(),
    };
    let mut delivery = Delivery::new(rooms.clone());
    delivery.follow(&smpp()).unwrap();
    Room {
        flash,
        rooms,
        delivery,
    }
}

fn smpp() -> Smpp {
    Smpp {
        enabled: true,
        deliver: true,
        window: 10,
        ..Smpp::default()
    }
}

impl Room {
    fn receive(&self, number: u8) {
        // SMS-DELIVER from 12345678, one letter, and a time that differs
        let pdu = crate::sms::from_hex(&format!(
            "00040881214365870000621112{number:02}000000{:02}",
            0
        ));
        let mut pdu = pdu.unwrap();
        *pdu.last_mut().unwrap() = 1;
        pdu.push(b'a');
        let arrival = crate::inbox::Arrival { slot: None, pdu };
        let mut inbox = self.rooms.inbox.borrow_mut();
        inbox.accept(&arrival, Now::default()).unwrap();
    }

    /// The tickets that a session of this room gets.
    fn take(&mut self, room: usize) -> Vec<u64> {
        let mut tickets = Vec::new();
        while let Some(item) =
            self.delivery
                .take(&smpp(), true, (room - tickets.len(), true), Tick(0))
        {
            assert_eq!(item.bodies.len(), 1);
            tickets.push(item.ticket);
            if tickets.len() == room {
                break;
            }
        }
        self.delivery.keep().unwrap();
        tickets
    }

    fn restarted(self) -> Room {
        on(self.flash.clone())
    }
}

#[test]
fn each_message_goes_to_one_session_and_comes_back_when_that_is_lost() {
    let mut room = on(SimFlash::default());
    (0..5).for_each(|number| room.receive(number));
    let first = room.take(3);
    assert_eq!(first.len(), 3);
    assert_eq!(room.take(3).len(), 2, "each message once");
    assert!(room.take(3).is_empty());
    room.delivery.lost(first[1], Tick(0));
    assert_eq!(room.take(3), [first[1]]);
    assert!(room.delivery.answered(first[0], Status::OK, Tick(0)));
    assert!(
        !room.delivery.answered(first[0], Status::OK, Tick(0)),
        "once"
    );
}

#[test]
fn a_restart_repeats_what_was_on_its_way_and_nothing_else() {
    let mut room = on(SimFlash::default());
    (0..6).for_each(|number| room.receive(number));
    let all = room.take(10);
    assert_eq!(all.len(), 6);
    for done in [1, 3, 4] {
        room.delivery.answered(all[done], Status::OK, Tick(0));
    }
    room.delivery.keep().unwrap();
    let mut room = room.restarted();
    assert_eq!(room.take(10), [all[0], all[2], all[5]]);
    for done in [0, 2, 5] {
        room.delivery.answered(all[done], Status::OK, Tick(0));
    }
    room.delivery.keep().unwrap();
    let mut room = room.restarted();
    assert!(room.take(10).is_empty());
    room.receive(9);
    assert_eq!(room.take(10).len(), 1);
}

#[test]
fn a_refused_message_is_offered_again_later_and_one_refused_for_good_is_not() {
    let mut room = on(SimFlash::default());
    (0..2).for_each(|number| room.receive(number));
    let all = room.take(10);
    room.delivery.answered(all[0], Status::QUEUE_FULL, Tick(0));
    room.delivery.answered(all[1], Status::REJECTED, Tick(0));
    assert_eq!(room.delivery.next_due(), Some(Tick(1000)));
    assert!(room.take(10).is_empty());
    let again = room.delivery.take(&smpp(), true, (1, true), Tick(1000));
    assert_eq!(again.unwrap().ticket, all[0]);
    room.delivery
        .answered(all[0], Status::THROTTLED, Tick(1000));
    assert_eq!(room.delivery.next_due(), Some(Tick(3000)));
}

#[test]
fn a_client_that_only_sends_holds_nothing_back() {
    let mut room = on(SimFlash::default());
    room.receive(1);
    let silent = Smpp {
        deliver: false,
        ..smpp()
    };
    room.delivery.follow(&silent).unwrap();
    assert!(
        room.delivery
            .take(&silent, true, (10, true), Tick(0))
            .is_none()
    );
    assert_eq!(
        room.rooms
            .store
            .borrow()
            .range(crate::store::Kind::Cursor, 0)
            .count(),
        0
    );
    room.delivery.follow(&smpp()).unwrap();
    assert!(room.take(10).is_empty(), "what came before is not told");
}

#[test]
fn a_message_that_is_scheduled_waits_and_can_be_replaced() {
    let room = on(SimFlash::default());
    let submission = |text: &str| Submission {
        to: crate::message::Number::parse("+12025550155").unwrap(),
        text: String::from(text),
        flash: false,
        report: false,
        validity_s: None,
        origin: String::from(ORIGIN),
    };
    let later = |wait_s| Extra {
        wait_s,
        ..Extra::default()
    };
    let at = |seconds: u64| Now {
        tick: Tick(seconds * 1000),
        wall: WallTime::from_unix_s(1_795_293_314 + i64::try_from(seconds).unwrap()),
    };
    let mut outbox = room.rooms.outbox.borrow_mut();
    let asked = vec![(submission("one"), later(3600))];
    let id = outbox.submit_with(asked, None, Vec::new(), at(0)).unwrap()[0].id;
    assert_eq!(outbox.next(at(3599)), None);
    drop(outbox);
    // A restart in the meantime does not make it early.
    let store = room.flash.shared();
    let mut outbox = Outbox::new(store, Feed::new(0), at(1000)).unwrap();
    assert_eq!(outbox.next(at(3599)), None);
    let job = outbox.next(at(3600)).unwrap();
    assert!(
        outbox
            .replace(id, (submission("two"), later(0)), at(3600))
            .unwrap()
    );
    assert!(
        outbox.begin(&job, at(3600)).is_err(),
        "the old text may not go"
    );
    let job = outbox.next(at(3600)).unwrap();
    assert_eq!((job.id, job.submission.text.as_str()), (id, "two"));
    outbox.begin(&job, at(3600)).unwrap();
    assert!(
        !outbox
            .replace(id, (submission("three"), later(0)), at(3600))
            .unwrap()
    );
}
