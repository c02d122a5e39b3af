//! Tests: the outbox as the modem's worker, the network and the API use it, on a simulated flash and with a toy codec of
//! four characters a part. Never tests the codec.

use super::*;
use crate::message::{Encoding, Event, EventKind, Number};
use crate::store::sim::{Fault, SimFlash};
use crate::time::WallTime;

const TOY: Codec = Codec {
    preview: |text| match text.len() {
        0 => Err(BadText::Empty),
        length => Ok(Preview {
            encoding: Encoding::Gsm7,
            parts: length.div_ceil(4) as u8,
            characters: length,
            left_in_part: 0,
        }),
    },
    submit: |text, options| {
        let parts = text.as_bytes().chunks(4);
        let head = |part: &[u8]| {
            let mut tpdu = vec![options.reference];
            tpdu.extend_from_slice(part);
            tpdu
        };
        Ok(parts.map(head).collect())
    },
};

fn at(seconds: u64) -> Now {
    Now {
        tick: Tick(seconds * 1000),
        wall: WallTime::from_unix_s(1_795_293_314 + seconds as i64),
    }
}

struct Room {
    flash: SimFlash,
    store: Shared,
    feed: Feed,
    outbox: Outbox,
}

fn room() -> Room {
    on(SimFlash::default(), at(0))
}

fn on(flash: SimFlash, now: Now) -> Room {
    let store = flash.shared();
    let feed = Feed::new(0);
    let outbox = Outbox::with(store.clone(), feed.clone(), now, TOY).unwrap();
    Room {
        flash,
        store,
        feed,
        outbox,
    }
}

fn asked(to: &str, text: &str) -> Submission {
    Submission {
        to: Number::as_received(to),
        text: text.into(),
        flash: false,
        report: true,
        validity_s: None,
        origin: "api".into(),
    }
}

fn report(reference: u8, to: &str, status: u8) -> StatusReport {
    StatusReport {
        reference,
        to: Number::as_received(to),
        sent_at: None,
        discharged_at: None,
        status,
    }
}

const ALICE: &str = "+12025550155";
const BOB: &str = "+12025550177";
const REFUSED: fn(u16) -> Outcome = |code| Outcome::Refused { code: Some(code) };

fn accepted(reference: u8) -> Outcome {
    Outcome::Accepted { reference }
}

impl Room {
    fn submit(&mut self, to: &str, text: &str, seconds: u64) -> MessageId {
        let messages = self.outbox.submit(vec![asked(to, text)], None, at(seconds));
        messages.unwrap()[0].id
    }

    /// The worker takes a part, hands it over and gets this answer.
    fn works(&mut self, outcome: Outcome, seconds: u64) -> Job {
        let job = self.outbox.next(at(seconds)).unwrap();
        self.outbox.begin(&job, at(seconds)).unwrap();
        self.outbox.finish(&job, outcome, at(seconds));
        job
    }

    fn status(&self, id: MessageId) -> Status {
        self.outbox.get(id).unwrap().status
    }

    fn events(&self) -> Vec<Event> {
        self.store.borrow().events_after(0).collect()
    }

    fn reopened(&self, now: Now) -> Room {
        on(self.flash.clone(), now)
    }
}

#[test]
fn a_message_goes_from_queued_to_delivered_with_its_events() {
    let mut room = room();
    let id = room.submit(ALICE, "hi", 0);
    assert_eq!(room.status(id), Status::Queued);
    let job = room.outbox.next(at(1)).unwrap();
    assert_eq!((job.id, job.part, job.more), (id, 0, false));
    assert_eq!(
        room.outbox.next(at(1)),
        Some(job.clone()),
        "asking marks nothing"
    );
    room.outbox.begin(&job, at(1)).unwrap();
    assert_eq!(room.status(id), Status::Sending);
    assert_eq!(room.outbox.next(at(1)), None, "it is at the modem");
    room.outbox.finish(&job, accepted(42), at(2));
    assert_eq!(room.status(id), Status::Sent);
    assert_eq!(room.outbox.get(id).unwrap().sent_at, Some(at(2).wall));
    assert!(
        room.outbox
            .report(&report(42, "2025550155", 0), at(9))
            .unwrap()
    );
    assert_eq!(room.status(id), Status::Delivered);
    assert_eq!(room.outbox.get(id).unwrap().delivered_at, Some(at(9).wall));
    assert!(
        !room.outbox.report(&report(42, ALICE, 0), at(10)).unwrap(),
        "only once"
    );

    let events = room.events();
    let kinds: Vec<EventKind> = events.iter().map(|event| event.kind).collect();
    assert_eq!(kinds, [EventKind::MessageSent, EventKind::MessageDelivered]);
    assert!(events.iter().all(|event| event.message == Some(id)));
    assert_eq!(
        events[1].facts,
        serde_json::json!({"to": ALICE, "status": "delivered"})
    );
    assert_eq!(room.feed.newest(), events[1].seq);
    let again = room.reopened(at(0));
    assert_eq!(again.status(id), Status::Delivered);
    assert_eq!(
        (again.outbox.waiting(), again.outbox.next_wake()),
        (0, None)
    );
}

#[test]
fn parts_go_in_order_and_the_message_is_delivered_when_all_are() {
    let mut room = room();
    let id = room.submit(ALICE, "aaaabbbbcc", 0);
    for (part, text, more) in [(0, "aaaa", true), (1, "bbbb", true), (2, "cc", false)] {
        let job = room.works(accepted(part), 1);
        assert_eq!(
            (job.part, &job.tpdu[1..], job.more),
            (part, text.as_bytes(), more)
        );
        assert_eq!(job.tpdu[0], id.0 as u8, "one reference for all");
    }
    assert_eq!(room.status(id), Status::Sent);
    for (reference, status) in [(2, Status::Sent), (0, Status::Sent), (1, Status::Delivered)] {
        room.outbox
            .report(&report(reference, ALICE, 0), at(2))
            .unwrap();
        assert_eq!(room.status(id), status);
    }
}

#[test]
fn a_permanent_cause_fails_at_once_and_the_next_message_goes_on() {
    let mut room = room();
    let bad = room.submit(ALICE, "hi", 0);
    let good = room.submit(BOB, "hi", 0);
    room.works(REFUSED(1), 1);
    room.works(accepted(1), 1);
    assert_eq!(
        (room.status(bad), room.status(good)),
        (Status::Failed, Status::Sent)
    );
    let error = room.outbox.get(bad).unwrap().error.unwrap();
    assert_eq!(error.code, Some(1));
    let facts = &room.events()[0].facts;
    assert_eq!(facts["error"]["code"], 1);
    assert_eq!(facts["status"], "failed");
}

#[test]
fn a_temporary_cause_waits_with_growing_pauses_and_lets_the_others_pass() {
    let mut room = room();
    let slow = room.submit(ALICE, "hi", 0);
    room.works(REFUSED(42), 0);
    assert_eq!(room.status(slow), Status::Queued);
    let other = room.submit(BOB, "hi", 1);
    assert_eq!(room.works(accepted(1), 1).id, other);
    assert_eq!(room.outbox.next(at(4)), None);
    let mut now = 0;
    for pause in [5, 15, 60, 300, 900, 3600, 3600] {
        now += pause;
        assert_eq!(room.outbox.next_wake(), Some(at(now).tick));
        assert_eq!(room.outbox.next(at(now - 1)), None);
        room.works(REFUSED(42), now);
    }
    assert_eq!(room.outbox.next(at(24 * 3600)), None);
    let message = room.outbox.get(slow).unwrap();
    assert_eq!(message.status, Status::Expired);
    assert_eq!(message.error.unwrap().code, Some(42));
    assert_eq!(room.events()[1].kind, EventKind::MessageFailed);
    assert_eq!(room.events()[1].facts["status"], "expired");
}

#[test]
fn a_part_that_was_refused_for_a_while_is_taken_up_where_it_stopped() {
    let mut room = room();
    let id = room.submit(ALICE, "aaaabbbb", 0);
    room.works(accepted(1), 0);
    room.works(REFUSED(38), 0);
    let other = room.submit(BOB, "hi", 1);
    assert_eq!(room.works(accepted(9), 1).id, other);
    let mut again = room.reopened(at(2));
    let job = again.works(accepted(2), 2);
    assert_eq!(
        (job.id, job.part, &job.tpdu[1..]),
        (id, 1, b"bbbb".as_slice())
    );
    assert_eq!(again.status(id), Status::Sent);
    assert!(again.outbox.get(id).unwrap().error.is_none());
}

#[test]
fn an_error_without_a_cause_is_tried_ten_times() {
    let mut room = room();
    let id = room.submit(ALICE, "hi", 0);
    for attempt in 1..=10 {
        assert_eq!(room.status(id), Status::Queued, "attempt {attempt}");
        room.works(Outcome::Refused { code: None }, attempt * 3600);
    }
    assert_eq!(room.status(id), Status::Failed);
}

#[test]
fn a_missing_sim_spends_no_attempt() {
    let mut room = room();
    let id = room.submit(ALICE, "hi", 0);
    for turn in 0..50 {
        room.works(REFUSED(310), turn * 10);
        assert_eq!(room.outbox.next(at(turn * 10 + 9)), None);
    }
    room.works(REFUSED(42), 500);
    assert_eq!(
        room.outbox.next_wake(),
        Some(at(505).tick),
        "the first pause"
    );
    assert_eq!(room.status(id), Status::Queued);
}

#[test]
fn what_was_never_handed_over_is_tried_again_after_a_breath() {
    let mut room = room();
    let id = room.submit(ALICE, "hi", 0);
    let before = room.store.borrow().written();
    let job = room.outbox.next(at(0)).unwrap();
    room.outbox.finish(&job, Outcome::NotHandedOver, at(0));
    assert_eq!(
        room.store.borrow().written(),
        before,
        "no flash for a missing prompt"
    );
    assert_eq!(room.outbox.next(at(0)), None);
    room.works(Outcome::NotHandedOver, 1);
    assert_eq!(room.reopened(at(2)).status(id), Status::Queued);
    room.works(accepted(1), 2);
    assert_eq!(room.status(id), Status::Sent);
}

#[test]
fn no_answer_means_unconfirmed_and_the_remaining_parts_are_not_sent() {
    let mut room = room();
    let id = room.submit(ALICE, "aaaabbbbcccc", 0);
    room.works(accepted(1), 0);
    room.works(Outcome::Unknown, 1);
    assert_eq!(room.status(id), Status::Unconfirmed);
    assert_eq!(room.outbox.next(at(100_000)), None);
    assert_eq!(room.events()[0].facts["status"], "unconfirmed");
    assert_eq!(room.outbox.waiting(), 0);
}

#[test]
fn a_crash_between_hand_over_and_answer_is_unconfirmed_and_never_sent_again() {
    let mut room = room();
    let id = room.submit(ALICE, "hi", 0);
    let waits = room.submit(BOB, "hi", 0);
    let job = room.outbox.next(at(1)).unwrap();
    room.outbox.begin(&job, at(1)).unwrap();
    let mut again = room.reopened(at(0));
    assert_eq!(again.status(id), Status::Unconfirmed);
    let event = again.events().remove(0);
    assert_eq!(
        (event.kind, event.message),
        (EventKind::MessageFailed, Some(id))
    );
    assert_eq!(
        (&event.facts["to"], &event.facts["status"]),
        (&ALICE.into(), &"unconfirmed".into())
    );
    assert_eq!(again.feed.newest(), event.seq);
    assert_eq!(again.works(accepted(1), 1).id, waits);
    assert_eq!(again.outbox.next(at(50_000)), None);
    assert_eq!(again.reopened(at(0)).events().len(), 2, "told once");
}

#[test]
fn a_power_cut_anywhere_never_sends_a_part_twice() {
    let mut first = room();
    let id = first.submit(ALICE, "aaaabbbb", 0);
    first.works(accepted(1), 0);
    first.works(REFUSED(42), 0);
    first.works(accepted(2), 5);
    for cut in first.flash.at_every_cut() {
        let mut again = on(cut, at(6));
        let Some(found) = again.outbox.get(id) else {
            assert_eq!(again.outbox.waiting(), 0, "not accepted, not there");
            continue;
        };
        let sent = again
            .outbox
            .queue
            .get(id)
            .map(|waiting| waiting.state.taken.len());
        let next = again.outbox.next(at(6)).map(|job| usize::from(job.part));
        assert_eq!(next, sent, "goes on behind what was accepted");
        let goes_on = found.status == Status::Queued;
        assert_eq!(next.is_some(), goes_on);
        assert!(goes_on || matches!(found.status, Status::Unconfirmed | Status::Sent));
    }
}

#[test]
fn when_the_flash_refuses_nothing_is_handed_over_and_an_outcome_is_kept_until_it_can_be_written() {
    let mut room = room();
    let id = room.submit(ALICE, "hi", 0);
    let job = room.outbox.next(at(0)).unwrap();
    room.flash.fail(Fault::Full(0));
    assert!(matches!(
        room.outbox.submit(vec![asked(BOB, "hi")], None, at(0)),
        Err(Refusal::Store(_))
    ));
    assert!(room.outbox.begin(&job, at(0)).is_err());
    room.flash.fail(Fault::None);
    room.outbox.begin(&job, at(0)).unwrap();
    room.flash.fail(Fault::Full(0));
    room.outbox.finish(&job, accepted(7), at(1));
    assert_eq!(room.status(id), Status::Sent);
    assert!(room.outbox.report(&report(7, ALICE, 0), at(2)).is_err());
    assert!(room.events().is_empty());
    room.flash.fail(Fault::None);
    assert!(room.outbox.next_wake().is_some());
    assert_eq!(room.outbox.next(at(60)), None);
    assert!(room.outbox.report(&report(7, ALICE, 0), at(61)).unwrap());
    let kinds: Vec<EventKind> = room.events().iter().map(|event| event.kind).collect();
    assert_eq!(kinds, [EventKind::MessageSent, EventKind::MessageDelivered]);
    assert_eq!(room.reopened(at(0)).status(id), Status::Delivered);
}

#[test]
fn a_report_that_overtakes_the_modems_answer_still_counts() {
    let mut room = room();
    let id = room.submit(ALICE, "hi", 0);
    let job = room.outbox.next(at(0)).unwrap();
    room.outbox.begin(&job, at(0)).unwrap();
    assert!(!room.outbox.report(&report(5, BOB, 0), at(0)).unwrap());
    assert!(room.outbox.report(&report(5, ALICE, 0), at(0)).unwrap());
    room.outbox.finish(&job, accepted(5), at(1));
    assert_eq!(room.status(id), Status::Delivered);
    assert_eq!(room.events().len(), 2);
    assert_eq!(room.reopened(at(0)).status(id), Status::Delivered);
}

#[test]
fn a_report_belongs_to_the_newest_part_with_its_reference_and_recipient() {
    let mut room = room();
    let old = room.submit(ALICE, "hi", 0);
    room.works(accepted(5), 0);
    let other = room.submit(BOB, "hi", 1);
    room.works(accepted(5), 1);
    let new = room.submit(ALICE, "hi", 2);
    room.works(accepted(5), 2);
    room.outbox
        .report(&report(5, "02025550155", 0), at(3))
        .unwrap();
    assert_eq!(room.status(new), Status::Delivered);
    assert_eq!(
        (room.status(old), room.status(other)),
        (Status::Sent, Status::Sent)
    );
    assert!(!room.outbox.report(&report(6, ALICE, 0), at(3)).unwrap());
    let four_days = 4 * 24 * 3600;
    assert!(
        !room
            .outbox
            .report(&report(5, ALICE, 0), at(four_days))
            .unwrap()
    );
    assert_eq!(room.status(old), Status::Sent);
}

#[test]
fn reports_of_trying_failing_and_expiring_say_so() {
    let mut room = room();
    let expected = [
        (0x30, Status::Sent),
        (0x41, Status::Failed),
        (0x46, Status::Expired),
    ];
    for (turn, (status, then)) in expected.into_iter().enumerate() {
        let id = room.submit(ALICE, "hi", 0);
        room.works(accepted(turn as u8), 0);
        room.outbox
            .report(&report(turn as u8, ALICE, status), at(1))
            .unwrap();
        let message = room.outbox.get(id).unwrap();
        assert_eq!(message.status, then);
        let code = message.error.map(|error| error.code);
        assert_eq!(
            code,
            (then != Status::Sent).then_some(Some(u16::from(status)))
        );
    }
    room.outbox.report(&report(0, ALICE, 0), at(2)).unwrap();
    let delivered = |event: &&Event| event.kind == EventKind::MessageDelivered;
    assert_eq!(room.events().iter().filter(delivered).count(), 1);
}

#[test]
fn a_part_lost_on_its_way_fails_the_message_before_the_rest_is_sent() {
    let mut room = room();
    let id = room.submit(ALICE, "aaaabbbbcccc", 0);
    room.works(accepted(1), 0);
    let job = room.outbox.next(at(1)).unwrap();
    room.outbox.begin(&job, at(1)).unwrap();
    assert!(room.outbox.report(&report(1, ALICE, 0x41), at(1)).unwrap());
    assert_eq!(room.status(id), Status::Sending);
    room.outbox.finish(&job, accepted(2), at(2));
    assert_eq!(room.status(id), Status::Failed);
    assert_eq!(room.outbox.next(at(9)), None);
    assert_eq!(room.events().len(), 1);
}

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
