//! Tests: what the outside asks of the outbox — submit, keys, cancel, validity, listing. Never tests the modem's side.

use super::*;

#[test]
fn the_same_key_gives_the_first_answer_and_another_request_under_it_is_refused() {
    let mut room = room();
    let request = || vec![asked(ALICE, "hi"), asked(BOB, "hi")];
    let first = room.outbox.submit(request(), Some("k1"), at(0)).unwrap();
    room.works(accepted(1), 1);
    let mut again = room.reopened(at(2));
    let second = again.outbox.submit(request(), Some("k1"), at(2)).unwrap();
    let ids = |messages: &[Outgoing]| {
        messages
            .iter()
            .map(|message| message.id)
            .collect::<Vec<_>>()
    };
    assert_eq!(ids(&first), ids(&second));
    assert_eq!(second[0].status, Status::Sent, "as it stands now");
    let other = again
        .outbox
        .submit(vec![asked(ALICE, "ho")], Some("k1"), at(3));
    assert!(matches!(other, Err(Refusal::KeyReused)));
    let day = 24 * 3600 + 1;
    let later = again.outbox.submit(request(), Some("k1"), at(day)).unwrap();
    assert_ne!(ids(&first), ids(&later));
}

#[test]
fn keys_are_bounded_in_number_and_old_ones_go_first() {
    let mut room = room();
    for turn in 0..300 {
        let key = format!("key {turn}");
        room.outbox
            .submit(vec![asked(ALICE, "hi")], Some(&key), at(0))
            .unwrap();
    }
    let store = room.store.borrow();
    assert_eq!(store.range(Kind::Idempotency, 0).count(), KEYS);
    assert!(store.get(stored::answered_key("key 299")).is_some());
    assert!(store.get(stored::answered_key("key 0")).is_none());
}

#[test]
fn what_cannot_be_sent_is_refused_whole() {
    let mut room = room();
    let name = room
        .outbox
        .submit(vec![asked(ALICE, "hi"), asked("Bank", "hi")], None, at(0));
    assert!(matches!(name, Err(Refusal::Alphanumeric)));
    let empty = room
        .outbox
        .submit(vec![asked(ALICE, "hi"), asked(BOB, "")], None, at(0));
    assert!(matches!(empty, Err(Refusal::Text(BadText::Empty))));
    assert_eq!((room.outbox.waiting(), room.outbox.next(at(1))), (0, None));
}

#[test]
fn one_text_to_a_hundred_is_measured_once() {
    thread_local!(static MEASURED: std::cell::Cell<u32> = const { std::cell::Cell::new(0) });
    let mut room = room();
    room.outbox.codec.preview = |text| {
        MEASURED.set(MEASURED.get() + 1);
        (TOY.preview)(text)
    };
    let number = |last: u32| format!("+12025550{last:03}");
    let mut asked_for: Vec<Submission> = (0..100).map(|n| asked(&number(n), "12345")).collect();
    asked_for.push(asked(ALICE, "123"));
    let messages = room.outbox.submit(asked_for, None, at(0)).unwrap();
    assert_eq!(MEASURED.get(), 2);
    let parts: Vec<u8> = messages.iter().map(|message| message.parts).collect();
    assert_eq!((parts[0], parts[99], parts[100]), (2, 2, 1));
}

#[test]
fn a_waiting_message_is_cancelled_one_at_the_modem_is_busy_and_a_finished_one_is_deleted() {
    let mut room = room();
    let waits = room.submit(ALICE, "hi", 0);
    let job = room.outbox.next(at(0)).unwrap();
    assert_eq!(
        room.outbox.remove(waits, at(0)).unwrap(),
        Removed::Cancelled
    );
    assert!(
        room.outbox.begin(&job, at(0)).is_err(),
        "cancelled at the prompt"
    );
    room.outbox.finish(&job, Outcome::NotHandedOver, at(0));
    assert_eq!(room.status(waits), Status::Cancelled);
    assert_eq!(room.outbox.next(at(9)), None);

    let busy = room.submit(ALICE, "hi", 1);
    let job = room.outbox.next(at(1)).unwrap();
    room.outbox.begin(&job, at(1)).unwrap();
    assert_eq!(room.outbox.remove(busy, at(1)).unwrap(), Removed::Busy);
    room.outbox.finish(&job, accepted(1), at(2));
    assert_eq!(room.outbox.remove(busy, at(2)).unwrap(), Removed::Deleted);
    assert_eq!(room.outbox.remove(busy, at(2)).unwrap(), Removed::Unknown);
    assert!(room.outbox.get(busy).is_none());
}

#[test]
fn validity_counts_by_the_monotonic_clock_and_survives_a_restart_and_a_jump() {
    let mut room = room();
    let mut short = asked(ALICE, "hi");
    short.validity_s = Some(600);
    let id = room.outbox.submit(vec![short], None, at(0)).unwrap()[0].id;
    room.works(REFUSED(331), 100);

    let jumped = Now {
        tick: Tick(0),
        wall: WallTime::from_unix_s(60),
    };
    let again = room.reopened(jumped);
    assert_eq!(again.status(id), Status::Queued);
    let left = again.outbox.queue.get(id).unwrap().times.deadline;
    assert_eq!(left, Tick(500_000), "as last written");

    let hour_later = Now {
        tick: Tick(0),
        wall: at(3600).wall,
    };
    let mut again = room.reopened(hour_later);
    assert_eq!(again.outbox.next(hour_later), None);
    assert_eq!(again.status(id), Status::Expired);
}

#[test]
fn finished_messages_may_go_for_room_and_waiting_ones_never() {
    let mut room = room();
    let waits = room.submit(ALICE, &"w".repeat(300), 0);
    let first = room.works(REFUSED(38), 0).id;
    assert_eq!(first, waits);
    let mut ids = Vec::new();
    for turn in 0..2000 {
        ids.push(room.submit(BOB, &"x".repeat(300), 1));
        let job = room.outbox.next(at(1)).unwrap();
        room.outbox.begin(&job, at(1)).unwrap();
        room.outbox.finish(&job, REFUSED(1), at(1));
        assert_eq!(room.outbox.waiting(), 1, "turn {turn}");
    }
    assert!(room.outbox.get(ids[0]).is_none());
    assert_eq!(room.status(waits), Status::Queued);
    assert!(room.outbox.list(&Query::default()).len() > 300);
}

#[test]
fn a_listing_pages_and_filters() {
    let mut room = room();
    for (to, text) in [(ALICE, "Alph"), (BOB, "beta"), (ALICE, "ALPH")] {
        room.submit(to, text, 0);
    }
    let list = |query: Query| -> Vec<String> {
        let found = room.outbox.list(&query).into_iter();
        found.map(|message| message.submission.text).collect()
    };
    let one = Query {
        limit: 1,
        ..Query::default()
    };
    assert_eq!(list(one), ["Alph"]);
    let found = Query {
        number: Some(Number::as_received(ALICE)),
        text: Some("alph".into()),
        after: Some(MessageId(1)),
        ..Query::default()
    };
    assert_eq!(list(found), ["ALPH"]);
}

#[tokio::test]
async fn the_bell_rings_when_something_was_submitted() {
    let mut room = room();
    let bell = room.outbox.bell();
    room.submit(ALICE, "hi", 0);
    bell.notified().await;
    assert!(room.outbox.next(at(0)).is_some());
}

#[test]
fn with_the_real_codec_the_parts_say_what_was_asked() {
    let store = SimFlash::default().shared();
    let mut outbox = Outbox::new(store, Feed::new(0), at(0)).unwrap();
    let text = "Grüße aus dem Büro. ".repeat(20);
    let message = outbox
        .submit(vec![asked(ALICE, &text)], None, at(0))
        .unwrap()
        .remove(0);
    let mut read = String::new();
    for part in 0..message.parts {
        let job = outbox.next(at(1)).unwrap();
        assert_eq!((job.part, job.more), (part, part + 1 < message.parts));
        let pdu = [vec![0], job.tpdu.clone()].concat();
        let Ok(sms::Tpdu::Submit(submit)) = sms::decode(&pdu, sms::Direction::ToNetwork) else {
            panic!("part {part} cannot be read");
        };
        assert_eq!(submit.to.as_str(), ALICE);
        let sms::Body::Text(text) = submit.body else {
            panic!("part {part} is no text");
        };
        read.push_str(&text);
        outbox.begin(&job, at(1)).unwrap();
        outbox.finish(&job, accepted(part), at(1));
    }
    assert_eq!(read, text);
    assert_eq!(outbox.get(message.id).unwrap().status, Status::Sent);
    assert!(message.parts > 1);
}

#[test]
fn what_the_caller_must_remember_is_there_exactly_when_the_messages_are() {
    let mut room = room();
    let key = |id| Key {
        kind: Kind::Mail,
        id,
    };
    let note = |id| {
        vec![Change::Put {
            key: key(id),
            value: b"s".to_vec(),
            keep: crate::store::Keep::Always,
        }]
    };
    let plain = |submission| (submission, Extra::default());
    let refused = room
        .outbox
        .submit_with(vec![plain(asked("Bank", "x"))], None, note(1), at(0));
    assert!(refused.is_err());
    let both = vec![plain(asked("+1", "x")), plain(asked("+2", "x"))];
    let ids = room.outbox.submit_with(both, None, note(2), at(0)).unwrap();
    let room = room.reopened(at(1));
    assert!(ids.iter().all(|one| room.outbox.get(one.id).is_some()));
    let there = |id| room.store.borrow().get(key(id)).is_some();
    assert_eq!((there(1), there(2)), (false, true));
}
