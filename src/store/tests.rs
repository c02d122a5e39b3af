//! Tests: the store as its rooms use it, on a flash whose power goes at every byte. Never touches the real disk but once.

use std::collections::BTreeMap;

use super::sim::{Fault, Image, SimFlash, Step};
use super::*;

type Content = BTreeMap<Key, Vec<u8>>;

const LIMIT: usize = 8 * 1024;
const SEGMENT: usize = 1024;

fn key(kind: Kind, id: u64) -> Key {
    Key { kind, id }
}

fn put(kind: Kind, id: u64, value: &[u8], keep: Keep) -> Change {
    Change::Put {
        key: key(kind, id),
        value: value.to_vec(),
        keep,
    }
}

fn cursor(at: u64) -> Change {
    put(Kind::Cursor, 99, &at.to_be_bytes(), Keep::Always)
}

fn content(store: &Store) -> Content {
    let all = store.index.all();
    all.map(|(key, entry)| (key, entry.value.to_vec()))
        .collect()
}

/// A day on the router: messages come, are read, pushed and deleted; messages are sent and finish.
fn a_batch_of_the_day(store: &mut Store, turn: usize) -> Vec<Change> {
    let at = WallTime::from_unix_s(1_795_293_314);
    let text = vec![b'a' + (turn % 26) as u8; 20 + turn * 37 % 90];
    match turn % 6 {
        0 | 3 => {
            let id = store.next_id();
            let (_, event) =
                store.event(EventKind::MessageReceived, at, Some(id), text.len().into());
            vec![
                put(Kind::Received, id.0, &text, Keep::UntilRoom),
                put(Kind::Slot, turn as u64 % 10, b"hash", Keep::Always),
                event,
            ]
        }
        1 => {
            let id = store.next_id().0;
            vec![
                put(Kind::Outgoing, id, &text, Keep::Always),
                put(Kind::OutgoingState, id, b"queued", Keep::Always),
            ]
        }
        2 => {
            let Some((id, value)) = store.range(Kind::Outgoing, 0).next_back() else {
                return vec![cursor(store.newest())];
            };
            let value = value.to_vec();
            vec![
                put(Kind::Outgoing, id, &value, Keep::UntilRoom),
                put(Kind::OutgoingState, id, b"sent", Keep::UntilRoom),
            ]
        }
        4 => vec![cursor(store.newest())],
        _ => store
            .range(Kind::Received, 0)
            .nth(turn % 5)
            .map(|(id, _)| room::delete(key(Kind::Received, id)))
            .into_iter()
            .collect(),
    }
}

struct Day {
    flash: SimFlash,
    /// What the store held after so many batches, and the highest id used until then.
    contents: Vec<(Content, u64)>,
    batches: Vec<Vec<Change>>,
}

fn a_day(turns: usize) -> Day {
    let flash = SimFlash::default();
    let mut store = flash.store(LIMIT, SEGMENT);
    let mut contents = vec![(Content::new(), 0)];
    let mut batches = Vec::new();
    for turn in 0..turns {
        let batch = a_batch_of_the_day(&mut store, turn);
        store.apply(&batch).unwrap();
        contents.push((content(&store), store.newest()));
        batches.push(batch);
        flash.acknowledge(contents.len() - 1);
    }
    Day {
        flash,
        contents,
        batches,
    }
}

/// The contents that may be found when the power goes after `acknowledged` batches: all of them and the next one not at
/// all, or whole, or not yet but with what was finished already gone to make room for it.
fn may_be_found(day: &Day, acknowledged: usize) -> Vec<Content> {
    let before = day.contents[acknowledged].0.clone();
    let Some((after, _)) = day.contents.get(acknowledged + 1) else {
        return vec![before];
    };
    let named = |wanted: &Key| {
        day.batches[acknowledged].iter().any(|change| match change {
            Change::Put { key, .. } | Change::Delete { key } => key == wanted,
        })
    };
    let mut making_room = before.clone();
    making_room.retain(|key, _| after.contains_key(key) || named(key));
    vec![before, making_room, after.clone()]
}

#[test]
fn a_power_cut_at_any_byte_loses_nothing_acknowledged_and_leaves_no_half_batch() {
    let day = a_day(150);
    let mut image = Image::default();
    let mut acknowledged = 0;
    let mut cuts = 0;
    for step in day.flash.steps() {
        if let Step::Acknowledged(count) = step {
            acknowledged = count;
            continue;
        }
        let bytes = if let Step::Append(_, data) = &step {
            data.len()
        } else {
            0
        };
        let allowed = may_be_found(&day, acknowledged);
        for cut in 0..=bytes {
            let mut torn = image.clone();
            torn.step(&step, cut);
            for left in [torn.without_unsynced(), torn] {
                let store = SimFlash::holding(left).store(LIMIT, SEGMENT);
                let found = content(&store);
                assert!(
                    allowed.contains(&found),
                    "{acknowledged} batches, {cut} bytes into {step:?}"
                );
                assert!(store.newest() >= day.contents[acknowledged].1);
                cuts += 1;
            }
        }
        image.step(&step, usize::MAX);
    }
    assert_eq!(acknowledged, 150);
    assert!(cuts > 20_000, "{cuts}");
    assert!(day.flash.most() <= LIMIT, "{}", day.flash.most());
}

#[test]
fn after_a_power_cut_the_store_goes_on_working_and_can_be_cut_again() {
    let day = a_day(40);
    let mut image = Image::default();
    for step in day.flash.steps() {
        let mut torn = image.clone();
        torn.step(&step, 5);
        let flash = SimFlash::holding(torn);
        let mut store = flash.store(LIMIT, SEGMENT);
        let id = store.next_id().0;
        let batch = [put(Kind::Outgoing, id, b"after the cut", Keep::Always)];
        store.apply(&batch).unwrap();
        let held = content(&store);
        assert_eq!(content(&flash.twin().store(LIMIT, SEGMENT)), held);
        image.step(&step, usize::MAX);
    }
}

#[test]
fn a_flipped_byte_anywhere_never_panics_and_costs_at_most_its_own_record() {
    let flash = SimFlash::default();
    let mut store = flash.store(LIMIT, SEGMENT);
    for id in 1..=30 {
        let batch = [put(
            Kind::Received,
            id,
            b"a text of some length",
            Keep::Always,
        )];
        store.apply(&batch).unwrap();
    }
    let whole = content(&store);
    for (segment, length) in flash.byte_count() {
        for byte in 0..length {
            for mask in [0x01, 0x80, 0xFF] {
                let hurt = flash.twin();
                hurt.flip(segment, byte, mask);
                let found = content(&hurt.store(LIMIT, SEGMENT));
                assert!(found.len() + 1 >= whole.len(), "{segment} {byte}");
                assert!(
                    found
                        .iter()
                        .all(|(key, value)| whole.get(key) == Some(value))
                );
            }
        }
    }
}

#[test]
fn a_hundred_thousand_changes_stay_inside_the_limit() {
    let flash = SimFlash::default();
    let mut store = flash.store(LIMIT, SEGMENT);
    for turn in 0..100_000u64 {
        let id = store.next_id().0;
        let keep = if turn % 3 == 0 {
            Keep::Always
        } else {
            Keep::UntilRoom
        };
        let text = vec![b'x'; (turn % 100) as usize];
        let mut batch = vec![put(Kind::Received, id, &text, keep)];
        if turn >= 20 {
            batch.push(room::delete(key(Kind::Received, id - 20)));
        }
        store.apply(&batch).unwrap();
        flash.forget_steps();
    }
    assert!(flash.most() <= LIMIT, "{}", flash.most());
    assert!(store.written() < 40_000_000, "{}", store.written());
    assert_eq!(content(&flash.store(LIMIT, SEGMENT)), content(&store));
}

#[test]
fn when_nothing_finished_can_go_a_new_message_is_refused_and_the_store_is_as_before() {
    let flash = SimFlash::default();
    let mut store = flash.store(LIMIT, SEGMENT);
    let mut last = 0;
    let why = loop {
        let id = store.next_id().0;
        match store.apply(&[put(Kind::Received, id, &[b'x'; 100], Keep::Always)]) {
            Ok(()) => last = id,
            Err(why) => break why,
        }
    };
    assert!(matches!(why, WhyNot::Full));
    assert!(last > 20, "only {last} messages fitted");
    let before = content(&store);
    assert_eq!(before.len() as u64, last);
    assert_eq!(content(&flash.twin().store(LIMIT, SEGMENT)), before);

    let state = put(Kind::OutgoingState, 1, b"sending", Keep::Always);
    store.apply(&[state]).unwrap();
    store
        .apply(&[room::delete(key(Kind::Received, 1))])
        .unwrap();
    store
        .apply(&[room::delete(key(Kind::Received, 2))])
        .unwrap();
    let id = store.next_id().0;
    store
        .apply(&[put(Kind::Received, id, &[b'y'; 100], Keep::Always)])
        .unwrap();
    assert!(flash.most() <= LIMIT);
}

#[test]
fn a_full_store_can_be_emptied_record_by_record() {
    let flash = SimFlash::default();
    let mut store = flash.store(LIMIT, SEGMENT);
    let mut id = 0;
    while store
        .apply(&[put(Kind::OutgoingState, id, &[b's'; 60], Keep::Always)])
        .is_ok()
    {
        id += 1;
    }
    for id in 0..id {
        store
            .apply(&[room::delete(key(Kind::OutgoingState, id))])
            .unwrap();
    }
    assert!(content(&store).is_empty());
    assert!(flash.most() <= LIMIT, "{}", flash.most());
}

#[test]
fn finished_messages_go_oldest_first_whole_and_only_behind_every_cursor() {
    let mut store = SimFlash::default().store(LIMIT, SEGMENT);
    let big = [b'x'; 150];
    store
        .apply(&[
            put(Kind::Received, 1, &big, Keep::Always),
            put(Kind::Received, 2, &big, Keep::UntilRoom),
            put(Kind::ReceivedMark, 2, b"read", Keep::UntilRoom),
            put(Kind::Outgoing, 3, &big, Keep::UntilRoom),
            put(Kind::OutgoingState, 3, b"waits", Keep::Always),
            put(Kind::Received, 4, &big, Keep::UntilRoom),
            put(Kind::Cursor, 1, &6u64.to_be_bytes(), Keep::Always),
            put(Kind::Cursor, 2, &4u64.to_be_bytes(), Keep::Always),
            put(Kind::Received, 5, &big, Keep::UntilRoom),
        ])
        .unwrap();
    for id in 6.. {
        if store
            .apply(&[put(Kind::Received, id, &big, Keep::UntilRoom)])
            .is_err()
        {
            break;
        }
    }
    let has = |kind, id| store.get(key(kind, id)).is_some();
    assert!(has(Kind::Received, 1), "its owner keeps it");
    assert!(!has(Kind::Received, 2) && !has(Kind::ReceivedMark, 2));
    assert!(has(Kind::Outgoing, 3), "half of it is not finished");
    assert!(!has(Kind::Received, 4), "both cursors passed it");
    assert!(has(Kind::Received, 5), "one cursor has it still before it");

    store
        .apply(&[put(Kind::Cursor, 2, &6u64.to_be_bytes(), Keep::Always)])
        .unwrap();
    store
        .apply(&[put(Kind::Received, 1000, &big, Keep::UntilRoom)])
        .unwrap();
    assert!(store.get(key(Kind::Received, 5)).is_none());
}

#[test]
fn a_deleted_record_stays_deleted_although_its_put_is_older_than_many_cleanings() {
    let flash = SimFlash::default();
    let mut store = flash.store(LIMIT, SEGMENT);
    for round in 0..400u64 {
        store
            .apply(&[put(Kind::Part, round, &[b'p'; 50], Keep::Always)])
            .unwrap();
        if round >= 3 {
            store
                .apply(&[room::delete(key(Kind::Part, round - 3))])
                .unwrap();
        }
        let again = flash.twin().store(LIMIT, SEGMENT);
        assert_eq!(content(&again), content(&store), "round {round}");
        flash.forget_steps();
    }
}

#[test]
fn an_id_is_never_given_twice_even_when_its_record_was_deleted_and_cleaned_away() {
    let flash = SimFlash::default();
    let mut store = flash.store(LIMIT, SEGMENT);
    let id = store.next_id().0;
    store
        .apply(&[put(Kind::Part, id, b"p", Keep::Always)])
        .unwrap();
    store.apply(&[room::delete(key(Kind::Part, id))]).unwrap();
    for turn in 0..1000u64 {
        store.apply(&[cursor(turn)]).unwrap();
    }
    assert_eq!(flash.store(LIMIT, SEGMENT).next_id().0, id + 1);
}

#[test]
fn a_disk_that_fills_at_any_byte_of_a_write_leaves_the_store_as_before_and_recovers() {
    for fault in [Fault::Full as fn(usize) -> Fault, Fault::Broken] {
        for left in 0..60 {
            let flash = SimFlash::default();
            let mut store = flash.store(LIMIT, SEGMENT);
            store
                .apply(&[put(Kind::Received, 1, b"first", Keep::Always)])
                .unwrap();
            let before = content(&store);
            let second = [put(Kind::Received, 2, &[b'2'; 50], Keep::Always)];
            flash.fail(fault(left));
            assert!(matches!(store.apply(&second), Err(WhyNot::Io(_))));
            assert!(matches!(store.apply(&second), Err(WhyNot::Io(_))));
            assert_eq!(content(&store), before);
            assert_eq!(content(&flash.twin().store(LIMIT, SEGMENT)), before);
            flash.fail(Fault::None);
            store.apply(&second).unwrap();
            store
                .apply(&[put(Kind::Received, 3, b"third", Keep::Always)])
                .unwrap();
            assert_eq!(content(&store).len(), 3);
            assert_eq!(content(&flash.store(LIMIT, SEGMENT)), content(&store));
        }
    }
}

#[test]
fn after_a_failed_sync_nothing_more_goes_to_that_file() {
    let flash = SimFlash::default();
    let mut store = flash.store(LIMIT, SEGMENT);
    store
        .apply(&[put(Kind::Received, 1, b"first", Keep::Always)])
        .unwrap();
    flash.fail(Fault::NoSync);
    assert!(
        store
            .apply(&[put(Kind::Received, 2, b"second", Keep::Always)])
            .is_err()
    );
    flash.fail(Fault::None);
    assert_eq!(content(&flash.twin().store(LIMIT, SEGMENT)).len(), 1);
    store
        .apply(&[put(Kind::Received, 3, b"third", Keep::Always)])
        .unwrap();
    assert_eq!(flash.byte_count().len(), 2);
    assert_eq!(content(&flash.store(LIMIT, SEGMENT)), content(&store));
}

#[test]
fn what_a_killed_agent_left_unsynced_is_on_flash_before_anybody_relies_on_it() {
    let mut image = Image::default();
    for step in a_day(30).flash.steps() {
        image.step(&step, usize::MAX);
        let flash = SimFlash::holding(image.clone());
        let found = content(&flash.store(LIMIT, SEGMENT));
        assert_eq!(content(&flash.cut_now().store(LIMIT, SEGMENT)), found);
    }
}

#[test]
fn a_read_only_flash_can_be_read_and_refuses_changes() {
    let day = a_day(20);
    let flash = day.flash.twin();
    flash.fail(Fault::ReadOnly);
    let mut store = flash.store(LIMIT, SEGMENT);
    assert_eq!(content(&store), day.contents[20].0);
    assert!(matches!(store.apply(&[cursor(1)]), Err(WhyNot::Io(_))));
    assert_eq!(content(&store), day.contents[20].0);
}

#[test]
fn a_disk_that_fails_while_the_oldest_segment_is_cleaned_loses_nothing() {
    let day = a_day(200);
    for left in (0..1500).step_by(7) {
        let flash = day.flash.twin();
        let mut store = flash.store(LIMIT, SEGMENT);
        flash.fail(Fault::Full(left));
        let mut before = content(&store);
        for turn in 0..60 {
            let batch = a_batch_of_the_day(&mut store, turn);
            match store.apply(&batch) {
                Ok(()) => before = content(&store),
                Err(_) => break,
            }
        }
        assert!(
            content(&store)
                .iter()
                .all(|(key, value)| before.get(key) == Some(value))
        );
        assert_eq!(
            content(&flash.twin().store(LIMIT, SEGMENT)),
            content(&store)
        );
        flash.fail(Fault::None);
        store.apply(&[cursor(7)]).unwrap();
        assert_eq!(content(&flash.store(LIMIT, SEGMENT)), content(&store));
    }
}

#[test]
fn a_record_larger_than_a_segment_is_kept_and_one_that_can_never_fit_is_refused() {
    let flash = SimFlash::default();
    let mut store = flash.store(LIMIT, SEGMENT);
    let large = put(Kind::Received, 1, &[b'L'; 2500], Keep::Always);
    store.apply(&[large]).unwrap();
    let huge = put(Kind::Received, 2, &[b'H'; 4000], Keep::Always);
    assert!(matches!(store.apply(&[huge]), Err(WhyNot::Full)));
    for turn in 0..500 {
        store.apply(&[cursor(turn)]).unwrap();
    }
    assert!(flash.most() <= LIMIT, "{}", flash.most());
    assert_eq!(content(&flash.store(LIMIT, SEGMENT)), content(&store));
}

#[test]
fn a_large_message_takes_the_place_of_its_parts_in_a_store_full_of_them() {
    let flash = SimFlash::default();
    let mut store = flash.store(LIMIT, SEGMENT);
    let mut parts = 0;
    while store
        .apply(&[put(Kind::Part, parts, &[b'p'; 300], Keep::Always)])
        .is_ok()
    {
        parts += 1;
    }
    let mut batch = vec![put(Kind::Received, parts, &[b'm'; 1800], Keep::UntilRoom)];
    batch.extend((0..parts).map(|id| room::delete(key(Kind::Part, id))));
    store.apply(&batch).unwrap();
    for turn in 0..500 {
        store.apply(&[cursor(turn)]).unwrap();
    }
    assert!(flash.most() <= LIMIT, "{}", flash.most());
    assert_eq!(content(&flash.store(LIMIT, SEGMENT)), content(&store));
}

#[test]
fn a_lowered_limit_is_reached_by_dropping_what_is_finished() {
    let flash = SimFlash::default();
    let mut store = flash.store(4 * LIMIT, 4 * SEGMENT);
    for id in 1..=150 {
        let keep = if id % 5 == 0 {
            Keep::Always
        } else {
            Keep::UntilRoom
        };
        store
            .apply(&[put(Kind::Received, id, &[b'x'; 100], keep)])
            .unwrap();
    }
    let mut store = flash.store(LIMIT, SEGMENT);
    for turn in 0..10 {
        store
            .apply(&[put(Kind::Received, 1000 + turn, b"new", Keep::UntilRoom)])
            .unwrap();
    }
    let (used, limit) = store.usage();
    assert!(used <= limit, "{used} of {limit}");
    let kept = store.range(Kind::Received, 0);
    assert_eq!(kept.filter(|(id, _)| id % 5 == 0 && *id < 151).count(), 30);
}

#[test]
fn events_read_back_in_order_and_the_oldest_go_once_every_listener_passed_them() {
    let mut store = SimFlash::default().store(512 * 1024, 64 * 1024);
    let at = WallTime::from_unix_s(1_795_293_314);
    store.apply(&[cursor(100)]).unwrap();
    for _ in 0..700 {
        let facts = serde_json::json!({"state": "ready"});
        let (event, change) = store.event(EventKind::ModemState, at, None, facts);
        store.apply(&[change]).unwrap();
        let newest = store.events_after(event.seq - 1).next();
        assert_eq!(newest, Some(event));
    }
    assert_eq!(store.events_after(0).next().unwrap().seq, 101);
    assert_eq!(store.events_after(0).count(), 600);
    store.apply(&[cursor(700)]).unwrap();
    for _ in 0..20 {
        let (_, change) = store.event(EventKind::ModemState, at, None, serde_json::Value::Null);
        store.apply(&[change]).unwrap();
    }
    assert_eq!(store.events_after(0).count(), room::EVENTS);

    let id = store.next_id();
    let (event, _) = store.event(
        EventKind::MessageReceived,
        at,
        Some(id),
        serde_json::Value::Null,
    );
    assert_eq!(event.seq, id.0);
}

#[test]
fn a_flapping_modem_does_not_fill_the_store_while_a_listener_is_stuck() {
    let mut store = SimFlash::default().store(512 * 1024, 64 * 1024);
    let at = WallTime::default();
    store.apply(&[cursor(0)]).unwrap();
    let mut kept = 0;
    for _ in 0..3000 {
        let (_, change) = store.event(EventKind::ModemState, at, None, "gone".into());
        kept += usize::from(store.apply(&[change]).is_ok());
    }
    assert_eq!(kept, 2 * room::EVENTS);
    let id = store.next_id();
    let (_, event) = store.event(EventKind::MessageReceived, at, Some(id), "news".into());
    let message = put(Kind::Received, id.0, b"text", Keep::UntilRoom);
    store.apply(&[message, event]).unwrap();
}

#[test]
fn the_store_opens_on_a_real_directory_and_finds_everything_again() {
    let place = tempfile::tempdir().unwrap();
    let dir = place.path().join("state");
    let mut store = Store::open(&dir, 65_536).unwrap();
    for id in 1..=2000 {
        store
            .apply(&[put(Kind::Received, id, &[b'x'; 100], Keep::UntilRoom)])
            .unwrap();
    }
    let (used, limit) = store.usage();
    let on_disk: u64 = std::fs::read_dir(&dir)
        .unwrap()
        .map(|entry| entry.unwrap().metadata().unwrap().len())
        .sum();
    assert_eq!((u64::from(used), limit), (on_disk, 65_536));
    assert!(used <= limit);
    assert!(
        Store::open(&dir, 65_536).is_err(),
        "a second one is kept out"
    );
    let held = content(&store);
    drop(store);
    assert_eq!(content(&Store::open(&dir, 65_536).unwrap()), held);
}
