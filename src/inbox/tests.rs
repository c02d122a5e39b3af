//! Tests: the inbox as the modem's worker and the API use it, on a simulated flash and with PDUs in a toy coding, so that
//! no codec is needed. Never tests the codec.

use super::*;
use crate::message::Encoding;
use crate::sms::{Body, Concat};
use crate::store::sim::{Fault, SimFlash};
use crate::store::{Key, Store};

/// A toy PDU: `sender|text|reference|total|sequence|salt`; reference `w…` is the wide form, empty means no concatenation.
/// The last bytes are the text in UTF-16, as in a real one.
fn toy(pdu: &[u8]) -> Option<Deliver> {
    let end = pdu.iter().position(|byte| *byte == 0)?;
    let head = std::str::from_utf8(&pdu[..end]).ok()?;
    let fields: Vec<&str> = head.split('|').collect();
    let [from, reference, total, sequence, _salt] = fields[..] else {
        return None;
    };
    let units = pdu[end + 1..].chunks_exact(2);
    let units: Vec<u16> = units
        .map(|pair| u16::from_be_bytes([pair[0], pair[1]]))
        .collect();
    let bare = reference.trim_start_matches('w');
    Some(Deliver {
        smsc: None,
        from: Number::as_received(from),
        pid: 0,
        dcs: 8,
        encoding: Encoding::Ucs2,
        class: None,
        sent_at: Some(WallTime::from_unix_s(1_795_000_000)),
        concat: bare.parse().ok().map(|number| Concat {
            reference: number,
            wide: reference.starts_with('w'),
            total: total.parse().unwrap(),
            sequence: sequence.parse().unwrap(),
        }),
        ports: None,
        body: Body::Text(String::from_utf16_lossy(&units)),
    })
}

fn units(head: &str, units: &[u16]) -> Vec<u8> {
    let mut pdu = format!("{head}\0").into_bytes();
    pdu.extend(units.iter().flat_map(|unit| unit.to_be_bytes()));
    pdu
}

fn pdu(head: &str, text: &str) -> Vec<u8> {
    units(head, &text.encode_utf16().collect::<Vec<u16>>())
}

fn at(seconds: u64) -> Now {
    Now {
        tick: Tick(seconds * 1000),
        wall: WallTime::from_unix_s(1_795_293_314 + seconds as i64),
    }
}

fn sim(index: u16) -> Option<Slot> {
    Some(Slot {
        memory: crate::message::Memory::Sim,
        index,
    })
}

struct Room {
    flash: SimFlash,
    store: Shared,
    feed: Feed,
    inbox: Inbox,
}

fn room() -> Room {
    on(SimFlash::default())
}

fn on(flash: SimFlash) -> Room {
    let store = flash.shared();
    let feed = Feed::new(0);
    let hour = Duration::from_secs(3600);
    let inbox = Inbox::with(store.clone(), feed.clone(), hour, at(0), toy);
    Room {
        flash,
        store,
        feed,
        inbox,
    }
}

impl Room {
    fn comes(&mut self, slot: Option<Slot>, pdu: Vec<u8>, seconds: u64) -> Accepted {
        let arrival = Arrival { slot, pdu };
        self.inbox.accept(&arrival, at(seconds)).unwrap()
    }

    fn texts(&self) -> Vec<String> {
        let all = self.inbox.list(&Query::default());
        all.into_iter().map(|stored| stored.message.text).collect()
    }

    fn parts_on_flash(&self) -> usize {
        self.store.borrow().range(Kind::Part, 0).count()
    }
}

#[test]
fn a_message_is_on_flash_with_its_event_and_the_bell_was_rung() {
    let mut room = room();
    let accepted = room.comes(sim(3), pdu("+12025550155||||", "hello"), 7);
    let Accepted::Message(id) = accepted else {
        panic!("{accepted:?}");
    };
    assert_eq!(room.feed.newest(), id.0);
    let event = room.store.borrow().events_after(0).next().unwrap();
    assert_eq!((event.seq, event.message), (id.0, Some(id)));
    assert_eq!(event.kind, EventKind::MessageReceived);
    let facts = serde_json::json!({"from": "+12025550155", "parts": 1, "complete": true});
    assert_eq!(event.facts, facts);

    let again = on(room.flash.clone());
    let stored = again.inbox.get(id).unwrap();
    assert_eq!(stored.message.text, "hello");
    assert_eq!(stored.message.from.as_str(), "+12025550155");
    assert_eq!(stored.message.received_at, at(7).wall);
    assert_eq!(stored.message.slots, [sim(3).unwrap()]);
    assert_eq!(again.inbox.last_received_at(), Some(at(7).wall));
}

#[test]
fn the_same_content_of_a_slot_is_known_and_in_another_slot_it_is_a_repeat() {
    let mut room = room();
    let one = pdu("+1||||", "again");
    assert!(matches!(
        room.comes(sim(1), one.clone(), 0),
        Accepted::Message(_)
    ));
    assert_eq!(room.comes(sim(1), one.clone(), 1), Accepted::Known);
    assert!(room.inbox.knows(sim(1).unwrap(), &one));
    assert!(matches!(
        room.comes(sim(2), one.clone(), 2),
        Accepted::Message(_)
    ));
    room.inbox.slot_is_free(sim(1).unwrap()).unwrap();
    assert!(!room.inbox.knows(sim(1).unwrap(), &one));
    assert!(matches!(
        room.comes(sim(1), one.clone(), 3),
        Accepted::Message(_)
    ));
    let mut again = on(room.flash.clone());
    assert_eq!(again.comes(sim(1), one, 4), Accepted::Known);
    assert_eq!(again.texts().len(), 3);
}

#[test]
fn a_direct_delivery_that_the_network_repeats_is_known_even_after_a_restart() {
    let mut room = room();
    let one = pdu("+1||||", "direct");
    room.comes(None, one.clone(), 0);
    for place in [None, sim(1), sim(1)] {
        assert_eq!(room.comes(place, one.clone(), 500), Accepted::Known);
    }
    assert_eq!((room.texts().len(), room.inbox.removable().len()), (1, 1));
    assert!(matches!(
        room.comes(None, pdu("+1||||later", "direct"), 501),
        Accepted::Message(_)
    ));
    let mut again = on(room.flash.clone());
    assert_eq!(again.comes(None, one.clone(), 20), Accepted::Known);
    assert!(matches!(again.comes(None, one, 700), Accepted::Message(_)));
}

#[test]
fn a_late_twin_of_a_part_begins_no_new_message_even_after_a_restart() {
    let mut room = room();
    let part = |sequence: u16| pdu(&format!("+1|7|2|{sequence}|"), "x");
    room.comes(sim(1), part(1), 0);
    room.comes(sim(2), part(2), 1);
    // The slots were freed at once: only the message itself remembers its parts.
    for slot in [sim(1), sim(2)] {
        room.inbox.slot_is_free(slot.unwrap()).unwrap();
    }
    for index in 3..200 {
        room.comes(sim(index), pdu("+1||||", "between"), 2);
    }
    let mut again = on(room.flash.clone());
    for (index, sequence) in [(1, 2), (2, 1)] {
        assert_eq!(again.comes(sim(index), part(sequence), 20), Accepted::Known);
    }
    assert_eq!((again.texts().len(), again.parts_on_flash()), (198, 0));

    // A part that waits while more come than are remembered has a twin all the same, once its message is whole.
    let early = || pdu("+2|7|2|1|", "early ");
    again.comes(sim(3), early(), 21);
    for n in 0..300 {
        again.comes(None, pdu(&format!("+3||||{n}"), "direct"), 22);
    }
    again.comes(sim(4), pdu("+2|7|2|2|", "late"), 23);
    assert_eq!(again.comes(sim(5), early(), 24), Accepted::Known);
}

#[test]
fn parts_come_in_any_order_with_duplicates_and_make_one_message() {
    let orders = [
        [1, 2, 3],
        [1, 3, 2],
        [2, 1, 3],
        [2, 3, 1],
        [3, 1, 2],
        [3, 2, 1],
    ];
    for order in orders {
        let mut room = room();
        let part = |sequence: u16| {
            let text = ["one ", "two ", "three"][usize::from(sequence) - 1];
            pdu(&format!("+1|7|3|{sequence}|"), text)
        };
        for sequence in &order[..2] {
            assert_eq!(
                room.comes(sim(*sequence), part(*sequence), 0),
                Accepted::Waiting
            );
            assert_eq!(
                room.comes(sim(10 + sequence), part(*sequence), 1),
                Accepted::Known
            );
        }
        assert_eq!(room.parts_on_flash(), 2);
        let accepted = room.comes(sim(order[2]), part(order[2]), 2);
        assert!(matches!(accepted, Accepted::Message(_)));
        assert_eq!(room.parts_on_flash(), 0);
        assert_eq!(room.texts(), ["one two three"]);
        let stored = room.inbox.list(&Query::default()).remove(0);
        assert!(stored.message.complete && stored.message.parts == 3);
        assert_eq!(stored.message.slots.len(), 5, "duplicates' slots too");
        assert_eq!(
            room.comes(sim(20), part(order[0]), 3),
            Accepted::Known,
            "too late"
        );
        assert_eq!(room.store.borrow().events_after(0).count(), 1);
        assert_eq!(room.inbox.next_wake(), None);
    }
}

#[test]
fn references_of_eight_and_sixteen_bits_and_of_other_senders_are_apart() {
    let mut room = room();
    for head in [
        "+1|7|2|1|",
        "+1|w7|2|1|",
        "+2|7|2|1|",
        "+1|7|3|1|",
        "+1|8|2|1|",
    ] {
        assert_eq!(
            room.comes(None, pdu(head, "a"), 0),
            Accepted::Waiting,
            "{head}"
        );
    }
    assert_eq!(room.parts_on_flash(), 5);
}

#[test]
fn a_reference_used_again_hands_the_old_parts_on_and_begins_anew() {
    let mut room = room();
    room.comes(sim(1), pdu("+1|7|2|1|", "old"), 0);
    assert_eq!(
        room.comes(sim(2), pdu("+1|7|2|1|", "new"), 1),
        Accepted::Waiting
    );
    assert_eq!(room.texts(), [format!("old{}", assemble::GAP)]);
    room.comes(sim(3), pdu("+1|7|2|2|", " end"), 2);
    assert_eq!(room.texts()[1], "new end");
    let all = room.inbox.list(&Query::default());
    assert!(!all[0].message.complete && all[1].message.complete);
    assert_eq!(all[0].message.slots, [sim(1).unwrap()]);
}

#[test]
fn parts_whose_siblings_never_come_are_handed_on_with_gaps() {
    let mut room = room();
    for sequence in [2, 3, 5] {
        room.comes(None, pdu(&format!("+1|7|6|{sequence}|"), "x"), sequence);
    }
    assert_eq!(room.inbox.next_wake(), Some(at(3605).tick));
    room.inbox.hand_on_incomplete(at(3604)).unwrap();
    assert!(room.texts().is_empty());
    room.inbox.hand_on_incomplete(at(3605)).unwrap();
    assert_eq!(room.texts(), [" […] xx […] x […] "]);
    assert_eq!((room.parts_on_flash(), room.inbox.next_wake()), (0, None));
    let stored = room.inbox.list(&Query::default()).remove(0);
    assert_eq!((stored.message.parts, stored.message.complete), (6, false));
    assert_eq!(room.store.borrow().events_after(0).count(), 1);
}

#[test]
fn waiting_parts_survive_a_restart_and_their_time_begins_again() {
    let mut first = room();
    first.comes(sim(1), pdu("+1|7|2|1|", "one "), 3000);
    let mut second = on(first.flash.clone());
    assert_eq!(second.inbox.next_wake(), Some(at(3600).tick));
    assert_eq!(
        second.comes(sim(1), pdu("+1|7|2|1|", "one "), 1),
        Accepted::Known
    );
    second.comes(sim(2), pdu("+1|7|2|2|", "two"), 2);
    assert_eq!(second.texts(), ["one two"]);
    let stored = second.inbox.list(&Query::default()).remove(0);
    assert_eq!(stored.message.received_at, at(3000).wall);
}

#[test]
fn a_character_cut_between_two_parts_is_mended() {
    let mut room = room();
    let mut face = [0u16; 2];
    '😀'.encode_utf16(&mut face);
    let head = |sequence| format!("+1|7|3|{sequence}|");
    room.comes(None, units(&head(1), &[0x41, face[0]]), 0);
    room.comes(None, units(&head(2), &[face[1], 0x42, face[0]]), 0);
    room.comes(None, units(&head(3), &[0x43]), 0);
    assert_eq!(room.texts(), ["A😀B\u{FFFD}C"]);
}

#[test]
fn bytes_nobody_can_read_are_kept_as_a_message_that_shows_them() {
    let mut room = room();
    room.comes(sim(1), vec![0xFF, 0x00, 0x1A], 0);
    let stored = room.inbox.list(&Query::default()).remove(0);
    assert_eq!(
        (stored.message.from.as_str(), stored.message.text.as_str()),
        ("unknown", "FF001A")
    );
    assert_eq!(
        room.comes(sim(1), vec![0xFF, 0x00, 0x1A], 1),
        Accepted::Known
    );
}

#[test]
fn when_the_flash_refuses_nothing_is_kept_and_the_next_offer_is_taken() {
    let mut room = room();
    room.comes(sim(1), pdu("+1|7|2|1|", "one "), 0);
    room.flash.fail(Fault::Full(0));
    let arrival = Arrival {
        slot: sim(2),
        pdu: pdu("+1|7|2|2|", "two"),
    };
    assert!(room.inbox.accept(&arrival, at(1)).is_err());
    assert!(room.inbox.hand_on_incomplete(at(4000)).is_err());
    assert_eq!(room.inbox.next_wake(), Some(at(4030).tick), "no busy loop");
    assert!(room.texts().is_empty());
    assert_eq!(room.feed.newest(), 0);
    room.flash.fail(Fault::None);
    assert!(matches!(
        room.inbox.accept(&arrival, at(2)).unwrap(),
        Accepted::Message(_)
    ));
    assert_eq!(room.texts(), ["one two"]);
}

#[test]
fn a_power_cut_anywhere_neither_loses_nor_doubles_what_lies_on_the_sim() {
    let mut first = room();
    let offers = [
        (sim(1), pdu("+1|7|3|2|", "two ")),
        (sim(2), pdu("+2||||", "alone")),
        (sim(3), pdu("+1|7|3|3|", "three")),
        (sim(4), pdu("+1|7|3|1|", "one ")),
    ];
    for (slot, pdu) in &offers {
        first.comes(*slot, pdu.clone(), 0);
    }
    let cuts = first.flash.at_every_cut();
    assert!(cuts.len() > 50, "{}", cuts.len());
    for cut in cuts {
        let mut again = on(cut);
        for (slot, pdu) in &offers {
            again.comes(*slot, pdu.clone(), 1);
        }
        let mut texts = again.texts();
        texts.sort();
        assert_eq!(texts, ["alone", "one two three"]);
        assert_eq!(again.store.borrow().events_after(0).count(), 2);
        assert_eq!(again.parts_on_flash(), 0);
    }
}

#[test]
fn slots_may_go_oldest_first_and_a_deleted_message_names_only_its_own() {
    let mut room = room();
    room.comes(sim(9), pdu("+1||||", "first"), 0);
    room.comes(sim(4), pdu("+1||||", "second"), 1);
    room.comes(sim(7), pdu("+1|7|2|1|", "part"), 2);
    let index = |slots: Vec<Slot>| slots.iter().map(|slot| slot.index).collect::<Vec<u16>>();
    assert_eq!(index(room.inbox.removable()), [9, 4, 7]);

    // Somebody else frees slot 9 and the network fills it again.
    room.comes(sim(9), pdu("+1||||", "third"), 3);
    let ids: Vec<MessageId> = room
        .inbox
        .list(&Query::default())
        .iter()
        .map(|stored| stored.message.id)
        .collect();
    assert_eq!(room.inbox.delete(ids[0]).unwrap(), Some(vec![]));
    assert_eq!(room.inbox.delete(ids[2]).unwrap().map(index), Some(vec![9]));
    assert_eq!(room.inbox.delete(ids[2]).unwrap(), None);
    assert_eq!(
        room.comes(sim(9), pdu("+1||||", "third"), 4),
        Accepted::Known,
        "not freed yet"
    );
    assert_eq!(room.texts(), ["second"]);
}

#[test]
fn a_listing_pages_filters_and_shows_what_was_read() {
    let mut room = room();
    for (from, text) in [
        ("+1", "Alpha"),
        ("+2", "beta"),
        ("+1", "ALPHABET"),
        ("+1", "gamma"),
    ] {
        room.comes(None, pdu(&format!("{from}||||"), text), 0);
    }
    let list = |query: Query| -> Vec<String> {
        let found = room.inbox.list(&query).into_iter();
        found.map(|stored| stored.message.text).collect()
    };
    let two = Query {
        limit: 2,
        ..Query::default()
    };
    assert_eq!(list(two.clone()), ["Alpha", "beta"]);
    let second = room.inbox.list(&two)[1].message.id;
    let rest = Query {
        after: Some(second),
        ..Query::default()
    };
    assert_eq!(list(rest), ["ALPHABET", "gamma"]);
    let found = Query {
        number: Some(Number::as_received("+1")),
        text: Some("alpha".into()),
        ..Query::default()
    };
    assert_eq!(list(found), ["Alpha", "ALPHABET"]);

    assert!(room.inbox.mark(second, true).unwrap());
    assert!(!room.inbox.mark(MessageId(999), true).unwrap());
    let read: Vec<bool> = room
        .inbox
        .list(&Query::default())
        .iter()
        .map(|stored| stored.read)
        .collect();
    assert_eq!(read, [false, true, false, false]);
}

#[test]
fn a_received_message_may_go_for_room_once_it_was_pushed() {
    let mut room = room();
    room.comes(None, pdu("+1||||", "old"), 0);
    for turn in 0..3000 {
        let long = "x".repeat(300);
        let arrival = Arrival {
            slot: None,
            pdu: pdu(&format!("+1||||{turn}"), &long),
        };
        room.inbox.accept(&arrival, at(turn)).unwrap();
    }
    let first = Key {
        kind: Kind::Received,
        id: 1,
    };
    let store: &Store = &room.store.borrow();
    assert!(store.get(first).is_none());
    assert!(store.range(Kind::Received, 0).count() > 500);
}

/// A DELIVER from +12025550155 with a concatenation header, as a phone that cuts anywhere makes it.
fn ucs2_part(sequence: u8, units: &[u16]) -> Vec<u8> {
    let mut pdu = sms::from_hex("00440B912120550551F5000862802041436548").unwrap();
    pdu.push(6 + 2 * u8::try_from(units.len()).unwrap());
    pdu.extend([5, 0, 3, 77, 2, sequence]);
    pdu.extend(units.iter().flat_map(|unit| unit.to_be_bytes()));
    pdu
}

#[test]
fn real_pdus_are_joined_and_a_character_cut_between_them_is_mended() {
    let store = SimFlash::default().shared();
    let mut inbox = Inbox::new(store, Feed::new(0), Duration::from_secs(60), at(0));
    let mut face = [0u16; 2];
    '😀'.encode_utf16(&mut face);
    for (sequence, units) in [(2, [face[1], 0x42]), (1, [0x41, face[0]])] {
        let arrival = Arrival {
            slot: None,
            pdu: ucs2_part(sequence, &units),
        };
        inbox.accept(&arrival, at(1)).unwrap();
    }
    let stored = inbox.list(&Query::default()).remove(0);
    assert_eq!(stored.message.text, "A😀B");
    assert_eq!(stored.message.from.as_str(), "+12025550155");
    assert!(stored.message.complete);
}

/// The recorded PDUs whose name begins so, and their texts.
fn recorded(name: &str) -> Vec<(Vec<u8>, String)> {
    let rows = include_str!("../../tests/vectors/decode.jsonl").lines();
    rows.map(|row| serde_json::from_str::<serde_json::Value>(row).unwrap())
        .filter(|row| row["id"].as_str().unwrap().starts_with(name))
        .map(|row| {
            let pdu = sms::from_hex(row["pdu"].as_str().unwrap()).unwrap();
            (pdu, row["text"].as_str().unwrap_or_default().to_string())
        })
        .collect()
}

#[test]
fn recorded_parts_are_joined_although_the_agent_restarts_between_them() {
    let flash = SimFlash::default();
    let parts = recorded("aosp-multi");
    let again = || Inbox::new(flash.shared(), Feed::new(0), Duration::from_secs(60), at(0));
    for (pdu, _) in parts.iter().rev() {
        let pdu = pdu.clone();
        again().accept(&Arrival { slot: None, pdu }, at(1)).unwrap();
    }
    let wanted: String = parts.iter().map(|(_, text)| text.as_str()).collect();
    assert_eq!(again().list(&Query::default())[0].message.text, wanted);
    assert_eq!((parts.len(), again().next_wake()), (2, None));
}

#[test]
fn two_recorded_parts_of_three_are_handed_on_incomplete_after_a_restart() {
    let flash = SimFlash::default();
    let again = || Inbox::new(flash.shared(), Feed::new(0), Duration::from_secs(60), at(0));
    for (pdu, _) in recorded("ofono-assembly") {
        again().accept(&Arrival { slot: None, pdu }, at(1)).unwrap();
    }
    let mut inbox = again();
    inbox.hand_on_incomplete(at(60)).unwrap();
    let message = inbox.list(&Query::default()).remove(0).message;
    assert_eq!((message.parts, message.complete), (3, false));
    assert_eq!(
        message.text.chars().count(),
        2 * 67 + assemble::GAP.chars().count()
    );
    assert!(message.text.ends_with(assemble::GAP));
}

#[test]
fn when_the_clock_is_set_what_came_before_is_put_right_on_flash_and_in_memory() {
    let early = |seconds: u64| Now {
        tick: Tick(seconds * 1000),
        wall: WallTime::from_unix_s(20 + seconds as i64),
    };
    let mut room = room();
    let slotless = |pdu: Vec<u8>| Arrival { pdu, slot: None };
    let old = room
        .inbox
        .accept(&slotless(pdu("A||||1", "last boot")), early(30));
    let Ok(Accepted::Message(old)) = old else {
        panic!("{old:?}")
    };
    let mut watch = crate::time::ClockWatch::default();
    watch.look(early(0));
    let since = room.store.borrow().newest();
    let new = room.inbox.accept(&slotless(pdu("A||||2", "hi")), early(30));
    let Ok(Accepted::Message(new)) = new else {
        panic!("{new:?}")
    };
    let part = room
        .inbox
        .accept(&slotless(pdu("B|7|2|1|", "one ")), early(31));
    assert!(matches!(part, Ok(Accepted::Waiting)), "{part:?}");

    let jump = watch.look(at(40)).unwrap();
    let changes = room.inbox.mend(&jump, since);
    room.store.borrow_mut().apply(&changes).unwrap();
    let last = room.inbox.accept(&slotless(pdu("B|7|2|2|", "two")), at(41));
    let Ok(Accepted::Message(joined)) = last else {
        panic!("{last:?}")
    };
    let mut reopened = on(room.flash.clone());
    for room in [&mut room, &mut reopened] {
        let came = |id| room.inbox.get(id).unwrap().message.received_at;
        assert_eq!(
            came(old),
            early(30).wall,
            "of another boot: nobody knows when"
        );
        assert_eq!(came(new), at(30).wall);
        assert_eq!(came(joined), at(31).wall);
    }
    assert!(room.inbox.mend(&jump, since).is_empty());
}
