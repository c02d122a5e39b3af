//! Tests: delivery reports and what they make of a message. Never tests how it got on the air.

use super::*;

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
fn a_report_is_never_about_a_message_that_asked_for_none() {
    let mut room = room();
    let asked_for = room.submit(ALICE, "hi", 0);
    room.works(accepted(5), 0);
    // 256 parts later the modem's counter is there again.
    let silent = Submission {
        report: false,
        ..asked(ALICE, "hi")
    };
    let silent = room.outbox.submit(vec![silent], None, at(1)).unwrap()[0].id;
    room.works(accepted(5), 1);
    assert!(room.outbox.report(&report(5, ALICE, 0), at(2)).unwrap());
    assert_eq!(room.status(asked_for), Status::Delivered);
    assert_eq!(room.status(silent), Status::Sent);
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
fn no_report_is_about_a_part_whose_reference_nobody_told() {
    let mut room = room();
    let id = room.submit(ALICE, "hi", 0);
    room.works(Outcome::Accepted { reference: None }, 0);
    for reference in 0..=255 {
        let about = room.outbox.report(&report(reference, ALICE, 0), at(1));
        assert!(!about.unwrap(), "{reference}");
    }
    assert_eq!(room.status(id), Status::Sent);
    assert_eq!(room.reopened(at(2)).status(id), Status::Sent);
}
