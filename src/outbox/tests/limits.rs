//! Tests: the limits as those who submit and those who listen meet them, over restarts. Never tests the counting itself.

use super::*;
use crate::config;

fn limited(per_hour: u32) -> config::Limits {
    config::Limits {
        per_hour,
        deny: vec![String::from("+1900")],
        ..config::Limits::default()
    }
}

fn refused(room: &mut Room, to: &str, text: &str, seconds: u64) -> Refusal {
    let asked = room.outbox.submit(vec![asked(to, text)], None, at(seconds));
    asked.unwrap_err()
}

#[test]
fn a_denied_number_refuses_the_whole_batch_and_costs_nothing() {
    let mut room = room();
    room.outbox.obey(&limited(0), at(0));
    let both = vec![asked(ALICE, "hi"), asked("+19005550155", "hi")];
    let why = room.outbox.submit(both, None, at(0)).unwrap_err();
    assert!(matches!(&why, Refusal::Denied(to) if to.as_str() == "+19005550155"));
    assert_eq!(why.to_string(), "limits let nothing be sent to ***155");
    assert_eq!(room.outbox.waiting(), 0);
    room.submit(ALICE, "hi", 0);
}

#[test]
fn a_full_budget_refuses_until_the_hour_is_over_even_after_a_restart() {
    let mut room = room();
    room.outbox.obey(&limited(5), at(0));
    room.submit(ALICE, "12345678", 0); // two parts
    room.works(accepted(1), 1);
    room.works(accepted(2), 1);
    room.submit(BOB, "1234", 2);
    assert!(matches!(
        refused(&mut room, BOB, "123456789", 3),
        Refusal::Budget(_)
    ));
    room.submit(BOB, "12345678", 3);
    assert!(matches!(
        refused(&mut room, BOB, "1", 3),
        Refusal::Budget(_)
    ));
    let mut again = room.reopened(at(10));
    again.outbox.obey(&limited(5), at(10));
    let Refusal::Budget(budget) = refused(&mut again, BOB, "1", 11) else {
        panic!("not the budget");
    };
    assert_eq!((budget.limit, budget.used, budget.asked), (5, 5, 1));
    for part in 0..3 {
        again.works(accepted(3 + part), 12);
    }
    assert!(matches!(
        refused(&mut again, BOB, "1", 3600),
        Refusal::Budget(_)
    ));
    again.submit(BOB, "1", 3720);
}

#[test]
fn a_cancelled_message_gives_its_parts_back() {
    let mut room = room();
    room.outbox.obey(&limited(1), at(0));
    let id = room.submit(ALICE, "hi", 0);
    assert!(matches!(
        refused(&mut room, BOB, "hi", 0),
        Refusal::Budget(_)
    ));
    room.outbox.remove(id, at(1)).unwrap();
    room.submit(BOB, "hi", 1);
}

#[test]
fn listeners_hear_of_eighty_and_a_hundred_percent_once() {
    let mut room = room();
    room.outbox.obey(&limited(5), at(0));
    for _ in 0..5 {
        room.submit(ALICE, "hi", 0);
    }
    for _ in 0..3 {
        refused(&mut room, ALICE, "hi", 1);
    }
    let mut again = room.reopened(at(2));
    again.outbox.obey(&limited(5), at(2));
    refused(&mut again, ALICE, "hi", 2);
    let told: Vec<serde_json::Value> = again
        .events()
        .into_iter()
        .filter(|event| event.kind == EventKind::LimitReached)
        .map(|event| event.facts)
        .collect();
    let facts = |percent, used| serde_json::json!({"limit": "per_hour", "percent": percent, "used": used, "of": 5});
    assert_eq!(told, [facts(80, 4), facts(100, 5)]);
}

#[test]
fn what_was_asked_lately_is_found_by_origin_and_age() {
    let mut room = room();
    let by = |origin: &str, text: &str| Submission {
        origin: origin.into(),
        ..asked(ALICE, text)
    };
    for (origin, text, seconds) in [
        ("to_sms:a", "old", 0),
        ("reply", "r", 4000),
        ("to_sms:b", "new", 4000),
    ] {
        room.outbox
            .submit(vec![by(origin, text)], Some(text), at(seconds))
            .unwrap();
    }
    let hour = Duration::from_secs(3600);
    let again = room.reopened(at(4001));
    let texts = |origin, now: Now| -> Vec<String> {
        let recent = again.outbox.recent(origin, hour, now.wall);
        recent.into_iter().map(|asked| asked.text).collect()
    };
    assert_eq!(texts("to_sms:", at(4001)), ["new"]);
    assert_eq!(texts("reply", at(4001)), ["r"]);
    assert_eq!(
        texts("to_sms:", at(0)),
        ["new", "old"],
        "a clock that went back"
    );
    assert!(again.outbox.has_answered("r") && !again.outbox.has_answered("x"));
}

#[test]
fn when_the_clock_is_set_times_are_put_right_so_budgets_and_echoes_survive_a_restart_after_it() {
    let early = |seconds: u64| Now {
        tick: Tick(seconds * 1000),
        wall: WallTime::from_unix_s(20 + seconds as i64),
    };
    let mut room = room();
    let mut watch = crate::time::ClockWatch::default();
    watch.look(early(0));
    let since = room.store.borrow().newest();
    let ask = |room: &mut Room, text| {
        let asked = room
            .outbox
            .submit(vec![asked(ALICE, text)], None, early(10));
        asked.unwrap()[0].id
    };
    let (sent, waits) = (ask(&mut room, "one"), ask(&mut room, "two"));
    let job = room.outbox.next(early(11)).unwrap();
    room.outbox.begin(&job, early(11)).unwrap();
    room.outbox.finish(&job, accepted(1), early(12));

    let jump = watch.look(at(20)).unwrap();
    let changes = room.outbox.mend(&jump, since);
    room.store.borrow_mut().apply(&changes).unwrap();
    let limits = config::Limits {
        per_hour: 3,
        ..config::Limits::default()
    };
    let mut reopened = room.reopened(at(30));
    for room in [&mut room, &mut reopened] {
        let message = room.outbox.get(sent).unwrap();
        assert_eq!(
            (message.created_at, message.sent_at),
            (at(10).wall, Some(at(12).wall))
        );
        let message = room.outbox.get(waits).unwrap();
        assert_eq!(
            (message.created_at, message.status),
            (at(10).wall, Status::Queued)
        );
        let recent = room
            .outbox
            .recent("api", Duration::from_secs(60), at(50).wall);
        assert_eq!(recent.len(), 2, "both were asked for lately");
        room.outbox.obey(&limits, at(30));
        let fits = room.outbox.submit(vec![asked(BOB, "4444")], None, at(30));
        assert!(fits.is_ok(), "{fits:?}");
        let over = room.outbox.submit(vec![asked(BOB, "4444")], None, at(30));
        assert!(matches!(over, Err(Refusal::Budget(_))), "{over:?}");
    }
}
