//! Tests: the targets' tasks over a real store and inbox, told as stories.
#![allow(clippy::disallowed_types)]

use super::*;
use crate::message::{MessageId, Number};
use crate::time::WallTime;

/// The rooms that a target works with, over a store in a directory of its own.
pub(super) struct House {
    pub(super) rooms: Rooms,
    pub(super) targets: Targets,
    freed: mpsc::Receiver<crate::modem::Request>,
}

impl House {
    fn open(directory: &std::path::Path) -> House {
        House::over(crate::store::Store::open(directory, 512 * 1024).unwrap())
    }

    pub(super) fn over(store: crate::store::Store) -> House {
        let clock = Clock::start();
        let feed = Feed::new(store.newest());
        let store = Rc::new(RefCell::new(store));
        let inbox = Inbox::new(Rc::clone(&store), feed.clone(), SAFETY, clock.now());
        let outbox = Outbox::new(Rc::clone(&store), feed.clone(), clock.now()).unwrap();
        let (modem, freed) = Handle::new();
        House {
            rooms: Rooms {
                store,
                inbox: Rc::new(RefCell::new(inbox)),
                outbox: Rc::new(RefCell::new(outbox)),
                signal: Rc::new(RefCell::new(Signal::new(feed.clone()))),
                feed,
                modem,
                clock,
            },
            targets: Targets::default(),
            freed,
        }
    }

    /// A message comes in: from +3706000000N, with a text of its own.
    fn message(&self, from: u8, slot: u16) -> u64 {
        let mut pdu = vec![0x00, 0x04, 0x0b, 0x91, 0x73, 0x60, 0x00, 0x00, 0x00];
        pdu.extend([
            0xf0 | from,
            0x00,
            0x08,
            0x62,
            0x11,
            0x12,
            0x02,
            0x53,
            0x41,
            0x00,
        ]);
        let text: Vec<u8> = format!("m{slot}")
            .encode_utf16()
            .flat_map(u16::to_be_bytes)
            .collect();
        pdu.push(u8::try_from(text.len()).unwrap());
        pdu.extend(text);
        let slot = Some(crate::message::Slot {
            memory: crate::message::Memory::Sim,
            index: slot,
        });
        let arrival = crate::inbox::Arrival { slot, pdu };
        let now = self.rooms.clock.now();
        let accepted = self.rooms.inbox.borrow_mut().accept(&arrival, now).unwrap();
        let crate::inbox::Accepted::Message(id) = accepted else {
            panic!("{accepted:?}");
        };
        id.0
    }

    fn event(&self, kind: EventKind) -> u64 {
        let mut store = self.rooms.store.borrow_mut();
        let (event, change) = store.event(kind, WallTime(0), None, serde_json::json!({}));
        store.apply(&[change]).unwrap();
        self.rooms.feed.ring(event.seq);
        event.seq
    }

    fn kinds(&self) -> Vec<EventKind> {
        let store = self.rooms.store.borrow();
        store.events_after(0).map(|event| event.kind).collect()
    }

    /// The cursors as they are on flash.
    fn cursors(&self) -> Vec<u64> {
        let store = self.rooms.store.borrow();
        let values = store.range(crate::store::Kind::Cursor, 0);
        values
            .map(|(_, value)| u64::from_be_bytes(*value.first_chunk().unwrap()))
            .collect()
    }

    /// Runs the forwarders under `config` beside `story`.
    pub(super) async fn live<T>(
        &self,
        config: watch::Receiver<Rc<Config>>,
        story: impl Future<Output = T>,
    ) -> T {
        let (_stopper, stop) = crate::stop::pair();
        let (rooms, targets) = (self.rooms.clone(), Rc::clone(&self.targets));
        let local = tokio::task::LocalSet::new();
        let told = local.run_until(async move {
            let running = tokio::task::spawn_local(run(config, rooms, targets, stop));
            // New targets begin at the newest event: the story shall come after their beginning.
            tokio::task::yield_now().await;
            let told = tokio::time::timeout(SAFETY, story).await.unwrap();
            running.abort();
            told
        });
        told.await
    }
}

fn configured(to_http: Vec<ToHttp>) -> Rc<Config> {
    Rc::new(Config {
        to_http,
        ..Config::default()
    })
}

fn named(name: &str, port: u16) -> ToHttp {
    ToHttp {
        name: String::from(name),
        ..target(Method::Get, port)
    }
}

fn line(request: &str) -> &str {
    request.lines().next().unwrap()
}

/// Waits for something that the forwarders do without telling.
async fn until(done: impl Fn() -> bool) {
    while !done() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

const NO: &str = "HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n";

#[tokio::test]
async fn messages_are_pushed_in_order_and_tried_until_taken() {
    let directory = tempfile::tempdir().unwrap();
    let house = House::open(directory.path());
    let (port, mut told) = receiver(&[NO, OK]).await;
    let (_keep, config) = watch::channel(configured(vec![named("alarm", port)]));
    house
        .live(config, async {
            house.message(1, 1);
            house.event(EventKind::SignalChanged);
            house.message(1, 2);
            for expected in ["m1", "m1", "m2"] {
                let request = told.recv().await.unwrap();
                assert!(
                    line(&request).ends_with(&format!("={expected} HTTP/1.1")),
                    "{request}"
                );
            }
            until(|| house.targets.borrow()[0].delivered == 2).await;
        })
        .await;
    let health = house.targets.borrow()[0].clone();
    assert_eq!((health.queued, health.last_error), (0, None));
    let failures = house
        .kinds()
        .into_iter()
        .filter(|kind| *kind == EventKind::PushFailed);
    assert_eq!(failures.count(), 1);
}

#[tokio::test]
async fn what_was_not_taken_is_pushed_after_a_restart_and_what_was_is_not() {
    let directory = tempfile::tempdir().unwrap();
    let (port, mut told) = receiver(&[OK, NO, OK]).await;
    let (_keep, config) = watch::channel(configured(vec![named("alarm", port)]));
    let house = House::open(directory.path());
    house
        .live(config.clone(), async {
            house.message(1, 1);
            house.message(1, 2);
            told.recv().await.unwrap();
            told.recv().await.unwrap();
            until(|| house.targets.borrow()[0].last_error.is_some()).await;
        })
        .await;
    assert_eq!(house.targets.borrow()[0].queued, 1);
    drop(house);
    let house = House::open(directory.path());
    house
        .live(config, async {
            let request = told.recv().await.unwrap();
            assert!(line(&request).ends_with("=m2 HTTP/1.1"), "{request}");
            until(|| house.targets.borrow()[0].delivered == 1).await;
        })
        .await;
}

#[tokio::test]
async fn a_dead_target_holds_up_no_other() {
    let directory = tempfile::tempdir().unwrap();
    let house = House::open(directory.path());
    let (port, mut told) = receiver(&[OK]).await;
    // It accepts and never answers.
    let mute = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let dead = named("dead", mute.local_addr().unwrap().port());
    let (_keep, config) = watch::channel(configured(vec![dead, named("alarm", port)]));
    house
        .live(config, async {
            for slot in 1..=5 {
                house.message(1, slot);
                told.recv().await.unwrap();
            }
            until(|| house.targets.borrow()[0].queued == 5).await;
        })
        .await;
}

#[tokio::test]
async fn only_what_a_target_wants_is_pushed_and_the_rest_costs_no_flash() {
    let directory = tempfile::tempdir().unwrap();
    let house = House::open(directory.path());
    let (port, mut told) = receiver(&[OK]).await;
    let mut picky = named("alarm", port);
    picky.forwarding.who = crate::config::Who::Listed(vec![Number::as_received("+37060000002")]);
    picky.events = vec![EventKind::MessageReceived, EventKind::ModemState];
    let (_keep, config) = watch::channel(configured(vec![picky]));
    house
        .live(config, async {
            house.message(1, 1);
            house.message(2, 2);
            assert!(line(&told.recv().await.unwrap()).contains("=m2 "));
            house.event(EventKind::ModemState);
            assert!(line(&told.recv().await.unwrap()).contains("?&event=modem.state&time="));
            until(|| house.targets.borrow()[0].delivered == 2).await;
            let taken = house.cursors();
            for _ in 0..45 {
                house.event(EventKind::SignalChanged);
            }
            house.message(1, 3);
            tokio::task::yield_now().await;
            assert_eq!(house.cursors(), taken);
            // Further behind, it would keep the store from letting old records go.
            for _ in 0..10 {
                house.event(EventKind::SignalChanged);
            }
            until(|| house.cursors() != taken).await;
        })
        .await;
}

#[tokio::test]
async fn a_message_goes_when_every_target_has_passed_it_and_one_says_delete() {
    let directory = tempfile::tempdir().unwrap();
    let mut house = House::open(directory.path());
    let (fast, mut fast_told) = receiver(&[OK]).await;
    let (slow, mut slow_told) = receiver(&[NO, OK]).await;
    let mut deleting = named("deleting", fast);
    deleting.forwarding.delete_sms = true;
    deleting.forwarding.who = crate::config::Who::Listed(vec![Number::as_received("+37060000001")]);
    let (_keep, config) = watch::channel(configured(vec![deleting, named("slow", slow)]));
    let kept = house
        .live(config, async {
            let first = MessageId(house.message(1, 7));
            fast_told.recv().await.unwrap();
            slow_told.recv().await.unwrap();
            until(|| {
                house
                    .targets
                    .borrow()
                    .iter()
                    .any(|one| one.last_error.is_some())
            })
            .await;
            until(|| house.targets.borrow()[0].delivered == 1).await;
            assert!(house.rooms.inbox.borrow().get(first).is_some());
            slow_told.recv().await.unwrap();
            until(|| house.rooms.inbox.borrow().get(first).is_none()).await;
            let kept = MessageId(house.message(2, 8));
            slow_told.recv().await.unwrap();
            until(|| house.targets.borrow()[1].delivered == 2).await;
            kept
        })
        .await;
    assert!(house.rooms.inbox.borrow().get(kept).is_some());
    let asked = house.freed.try_recv().unwrap();
    let crate::modem::Request::FreeSlots(slots) = asked else {
        panic!("{asked:?}");
    };
    assert_eq!(slots[0].index, 7);
}

#[tokio::test]
async fn a_message_that_its_owner_deleted_first_is_passed_over() {
    let directory = tempfile::tempdir().unwrap();
    let house = House::open(directory.path());
    let (port, mut told) = receiver(&[NO, OK]).await;
    let (_keep, config) = watch::channel(configured(vec![named("alarm", port)]));
    house
        .live(config, async {
            let first = house.message(1, 1);
            house.message(1, 2);
            told.recv().await.unwrap();
            house
                .rooms
                .inbox
                .borrow_mut()
                .delete(MessageId(first))
                .unwrap();
            assert!(line(&told.recv().await.unwrap()).contains("=m2 "));
        })
        .await;
}

#[tokio::test]
async fn a_new_target_begins_now_and_a_removed_ones_cursor_goes() {
    let directory = tempfile::tempdir().unwrap();
    let house = House::open(directory.path());
    house.message(1, 1);
    let (one, mut one_told) = receiver(&[OK]).await;
    let (two, mut two_told) = receiver(&[OK]).await;
    let (change, config) = watch::channel(configured(vec![named("one", one)]));
    house
        .live(config, async {
            house.message(1, 2);
            assert!(line(&one_told.recv().await.unwrap()).contains("=m2 "));
            change.send_replace(configured(vec![named("two", two)]));
            until(|| house.targets.borrow()[0].name == "two").await;
            assert_eq!(house.cursors().len(), 1);
            house.message(1, 3);
            assert!(line(&two_told.recv().await.unwrap()).contains("=m3 "));
            change.send_replace(configured(Vec::new()));
            until(|| house.targets.borrow().is_empty()).await;
            assert!(house.cursors().is_empty());
        })
        .await;
    assert!(one_told.try_recv().is_err());
}

#[tokio::test]
async fn a_corrected_configuration_ends_the_pause() {
    let directory = tempfile::tempdir().unwrap();
    let house = House::open(directory.path());
    let (port, mut told) = receiver(&[OK]).await;
    let mut wrong = named("alarm", port);
    wrong.url = String::from("sms.example.org/in");
    let (change, config) = watch::channel(configured(vec![wrong]));
    house
        .live(config, async {
            house.message(1, 1);
            until(|| house.targets.borrow()[0].last_error.is_some()).await;
            change.send_replace(configured(vec![named("alarm", port)]));
            assert!(line(&told.recv().await.unwrap()).contains("=m1 "));
            until(|| house.targets.borrow()[0].last_error.is_none()).await;
        })
        .await;
}

#[tokio::test]
async fn pushing_a_push_failed_raises_no_other() {
    let directory = tempfile::tempdir().unwrap();
    let house = House::open(directory.path());
    let (port, mut told) = receiver(&[NO, OK, NO, OK]).await;
    let mut curious = named("alarm", port);
    curious.events = vec![EventKind::MessageReceived, EventKind::PushFailed];
    let (_keep, config) = watch::channel(configured(vec![curious]));
    house
        .live(config, async {
            house.message(1, 1);
            for expected in ["=m1 ", "=m1 ", "event=push.failed", "event=push.failed"] {
                let request = told.recv().await.unwrap();
                assert!(line(&request).contains(expected), "{request}");
            }
            until(|| house.targets.borrow()[0].delivered == 2).await;
        })
        .await;
    assert_eq!(
        house.kinds(),
        [EventKind::MessageReceived, EventKind::PushFailed]
    );
}

#[tokio::test]
async fn a_text_too_long_for_any_url_is_passed_over_and_never_deleted() {
    let directory = tempfile::tempdir().unwrap();
    let house = House::open(directory.path());
    let (port, mut told) = receiver(&[OK]).await;
    let mut long = named("alarm", port);
    long.forwarding.delete_sms = true;
    long.extra = vec![(String::from("x"), "y".repeat(66_000))];
    let (change, config) = watch::channel(configured(vec![long.clone()]));
    house
        .live(config, async {
            let passed = MessageId(house.message(1, 1));
            until(|| house.kinds().contains(&EventKind::PushFailed)).await;
            until(|| house.targets.borrow()[0].queued == 0).await;
            long.extra.clear();
            change.send_replace(configured(vec![long]));
            let taken = MessageId(house.message(1, 2));
            assert!(line(&told.recv().await.unwrap()).contains("=m2 "));
            until(|| house.rooms.inbox.borrow().get(taken).is_none()).await;
            assert!(house.rooms.inbox.borrow().get(passed).is_some());
        })
        .await;
}

#[tokio::test]
async fn a_new_deleting_target_leaves_what_came_before_it() {
    let directory = tempfile::tempdir().unwrap();
    let house = House::open(directory.path());
    let (dead, mut dead_told) = receiver(&[NO]).await;
    let (port, mut told) = receiver(&[OK]).await;
    let (change, config) = watch::channel(configured(vec![named("dead", dead)]));
    house
        .live(config, async {
            let before = MessageId(house.message(1, 1));
            dead_told.recv().await.unwrap();
            let mut deleting = named("deleting", port);
            deleting.forwarding.delete_sms = true;
            change.send_replace(configured(vec![deleting]));
            until(|| house.targets.borrow()[0].name == "deleting").await;
            let after = MessageId(house.message(1, 2));
            assert!(line(&told.recv().await.unwrap()).contains("=m2 "));
            until(|| house.rooms.inbox.borrow().get(after).is_none()).await;
            assert!(house.rooms.inbox.borrow().get(before).is_some());
        })
        .await;
}

/// `to_sms 'boss'`, enabled.
pub(super) fn to_boss() -> crate::config::ToSms {
    crate::config::ToSms {
        name: String::from("boss"),
        forwarding: crate::config::Forwarding {
            enabled: true,
            ..Default::default()
        },
        sender_num: false,
        to: vec![Number::parse("+12025550155").unwrap()],
    }
}

pub(super) fn to_sms(target: crate::config::ToSms) -> Config {
    Config {
        to_sms: vec![target],
        ..Config::default()
    }
}

impl House {
    /// What is to be sent: recipient and text.
    fn outgoing(&self) -> Vec<(String, String)> {
        let outbox = self.rooms.outbox.borrow();
        let all = outbox.list(&crate::inbox::Query::default()).into_iter();
        all.map(|message| {
            let asked = message.submission;
            (asked.to.to_string(), asked.text)
        })
        .collect()
    }

    async fn until_delivered(&self, target: usize, count: u64) {
        until(|| self.targets.borrow()[target].delivered == count).await;
    }
}

#[tokio::test]
async fn a_cut_between_submission_and_cursor_doubles_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let house = House::open(directory.path());
    let config = to_sms(to_boss());
    let (_keep, config) = watch::channel(Rc::new(config));
    house
        .live(config, async {
            let seq = house.message(1, 1);
            // As the forwarder did before the cut.
            let submission = crate::message::Submission {
                to: Number::parse("+12025550155").unwrap(),
                text: String::from("m1"),
                flash: false,
                report: false,
                validity_s: None,
                origin: String::from("to_sms:boss"),
            };
            let key = format!("\u{1}to_sms:boss:{seq}");
            let now = house.rooms.clock.now();
            let first = vec![submission];
            let submitted = house
                .rooms
                .outbox
                .borrow_mut()
                .submit(first, Some(&key), now);
            submitted.unwrap();
            house.message(1, 2);
            house.until_delivered(0, 2).await;
        })
        .await;
    let expected = ["m1", "m2"].map(|text| (String::from("+12025550155"), String::from(text)));
    assert_eq!(house.outgoing(), expected);
}

#[tokio::test]
async fn a_full_budget_holds_forwarding_back_and_room_for_it_lets_it_go_on_in_order() {
    let directory = tempfile::tempdir().unwrap();
    let house = House::open(directory.path());
    let mut tight = to_sms(to_boss());
    tight.limits.per_hour = 1;
    let mut wide = tight.clone();
    wide.limits.per_hour = 10;
    let (change, config) = watch::channel(Rc::new(tight));
    house
        .live(config, async {
            for slot in 1..=3 {
                house.message(1, slot);
            }
            until(|| house.targets.borrow()[0].last_error.is_some()).await;
            assert_eq!(house.outgoing().len(), 1);
            change.send_replace(Rc::new(wide));
            house.until_delivered(0, 3).await;
        })
        .await;
    let texts: Vec<String> = house.outgoing().into_iter().map(|(_, text)| text).collect();
    assert_eq!(texts, ["m1", "m2", "m3"]);
}

#[tokio::test]
async fn delete_sms_deletes_what_was_forwarded_and_keeps_what_was_passed_over() {
    let directory = tempfile::tempdir().unwrap();
    let house = House::open(directory.path());
    let mut boss = to_boss();
    boss.forwarding.delete_sms = true;
    boss.to = vec![Number::parse("+37060000002").unwrap()];
    let config = to_sms(boss);
    let (_keep, config) = watch::channel(Rc::new(config));
    house
        .live(config, async {
            let kept = MessageId(house.message(2, 1));
            let gone = MessageId(house.message(1, 2));
            until(|| house.rooms.inbox.borrow().get(gone).is_none()).await;
            assert!(house.rooms.inbox.borrow().get(kept).is_some());
        })
        .await;
    assert_eq!(
        house.outgoing(),
        [(String::from("+37060000002"), String::from("m2"))]
    );
}
