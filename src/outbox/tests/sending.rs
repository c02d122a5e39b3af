//! Tests: parts at the modem — their order, refusals and pauses, crashes and a flash that refuses. Never tests reports.

use super::*;

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
fn a_network_that_did_not_answer_in_time_may_have_the_message_and_is_not_asked_again() {
    let mut room = room();
    let id = room.submit(ALICE, "hi", 0);
    let job = room.outbox.next(at(0)).unwrap();
    room.outbox.finish(&job, REFUSED(332), at(0));
    assert_eq!(room.status(id), Status::Queued, "refused at the prompt");
    room.works(REFUSED(332), 10);
    let message = room.outbox.get(id).unwrap();
    assert_eq!(message.status, Status::Unconfirmed);
    assert_eq!(message.error.unwrap().code, Some(332));
    assert_eq!(room.outbox.next(at(9999)), None);
    assert_eq!(room.events().len(), 1);
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
fn what_nothing_here_can_send_fails_with_its_cause() {
    let mut room = room();
    let id = room.submit(ALICE, "hi", 0);
    let cause = "no way out";
    let job = room.outbox.next(at(0)).unwrap();
    room.outbox
        .finish(&job, Outcome::Impossible { cause }, at(0));
    assert_eq!(room.status(id), Status::Failed);
    assert_eq!(room.outbox.get(id).unwrap().error.unwrap().cause, cause);
    assert_eq!(room.events().len(), 1);
    assert!(room.outbox.next(at(3600)).is_none());
}

#[test]
fn messages_to_a_number_the_network_does_not_take_keep_their_order_and_others_pass() {
    let mut room = room();
    let texts = ["a1", "a2", "b1", "a3"];
    let ids: Vec<MessageId> = texts
        .iter()
        .map(|text| room.submit(if text.starts_with('a') { ALICE } else { BOB }, text, 0))
        .collect();
    assert_eq!(room.works(REFUSED(38), 1).id, ids[0]);
    // The other number's goes; Alice's wait, and so does the worker.
    assert_eq!(room.works(accepted(1), 1).id, ids[2]);
    assert_eq!(room.outbox.next(at(2)), None);
    assert_eq!(room.outbox.next_wake(), Some(at(6).tick));
    assert_eq!(room.works(REFUSED(38), 6).id, ids[0]);
    assert_eq!(room.outbox.next(at(20)), None);
    // A restart makes all of them due, and keeps their order.
    let mut again = room.reopened(at(0));
    let rest = [ids[0], ids[1], ids[3]].map(|_| again.works(accepted(2), 1).id);
    assert_eq!(rest, [ids[0], ids[1], ids[3]]);
    // So does the network's return.
    let rest = [ids[0], ids[1], ids[3]].map(|_| room.works(accepted(2), 21).id);
    assert_eq!(rest, [ids[0], ids[1], ids[3]]);
}

#[test]
fn a_message_refused_for_a_cause_of_its_own_holds_up_nobody() {
    let mut room = room();
    let odd = room.submit(ALICE, "a1", 0);
    let next = room.submit(ALICE, "a2", 0);
    assert_eq!(room.works(REFUSED(111), 1).id, odd);
    assert_eq!(room.works(accepted(1), 1).id, next);
}
