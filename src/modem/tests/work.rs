//! Tests: the worker on a real pseudo terminal — messages in and out, ports that vanish, modems that fall silent.

use std::time::Duration;

use tokio::task::LocalSet;

use super::super::{Errand, NotDone};
use super::fake::{Bench, OnPdu, REPORT, deliver};
use crate::message::{EventKind, Status};
use crate::signal::ModemState;

const ROOM: u32 = 512 * 1024;

fn guest() -> Bench {
    Bench::new(|_| {}, ROOM)
}

#[tokio::test]
async fn a_message_that_is_told_is_kept_and_stays_on_the_sim_of_a_guest() {
    let scene = async {
        let bench = guest();
        let plugged = bench.plug();
        bench.until_at_rest().await;
        bench.modem.borrow_mut().slots.insert(3, deliver(0));
        plugged.say("\r\n+CMTI: \"SM\",3\r\n");
        bench
            .until("the message", |bench| bench.received().len() == 1)
            .await;
        assert_eq!(bench.received()[0].text, "How are you?");
        assert_eq!(bench.heard("AT+CMGR=3"), 1);
        assert_eq!(bench.heard("AT+CMGD"), 0);
        // Told again, it is still one message.
        plugged.say("\r\n+CMTI: \"SM\",3\r\n");
        bench
            .until("the second look", |bench| bench.heard("AT+CMGR=3") == 2)
            .await;
        assert!(bench.handle.alive().await);
        assert_eq!(bench.received().len(), 1);
        bench.handle.free_slots(bench.received()[0].slots.clone());
        bench
            .until("the slot's end", |bench| {
                bench.modem.borrow().slots.is_empty()
            })
            .await;
        bench.stop().await;
    };
    LocalSet::new().run_until(scene).await;
}

#[tokio::test]
async fn an_exclusive_modem_is_emptied_at_once() {
    let scene = async {
        let bench = Bench::new(|config| config.modem.exclusive = true, ROOM);
        let plugged = bench.plug();
        bench.until_at_rest().await;
        bench.modem.borrow_mut().slots.insert(0, deliver(1));
        plugged.say("\r\n+CMTI: \"SM\",0\r\n");
        bench
            .until("the slot's end", |bench| {
                bench.modem.borrow().slots.is_empty()
            })
            .await;
        assert_eq!(bench.received().len(), 1);
        bench.stop().await;
    };
    LocalSet::new().run_until(scene).await;
}

#[tokio::test]
async fn a_full_sim_is_read_at_the_start_and_drained_down_to_the_free_slots() {
    let scene = async {
        let bench = guest();
        let messages = (0..10).map(|n| (u16::from(n), deliver(n)));
        bench.modem.borrow_mut().slots.extend(messages);
        let _plugged = bench.plug();
        bench
            .until("ten messages", |bench| bench.received().len() == 10)
            .await;
        bench
            .until("five free slots", |bench| {
                bench.modem.borrow().slots.len() == 5
            })
            .await;
        let left: Vec<u16> = bench.modem.borrow().slots.keys().copied().collect();
        assert_eq!(left, [5, 6, 7, 8, 9]);
        assert!(bench.handle.alive().await);
        assert_eq!(bench.modem.borrow().slots.len(), 5);
        assert_eq!(bench.received().len(), 10);
        bench.stop().await;
    };
    LocalSet::new().run_until(scene).await;
}

#[tokio::test]
async fn what_the_flash_cannot_keep_is_neither_deleted_nor_acknowledged() {
    let scene = async {
        let bench = Bench::new(|config| config.modem.exclusive = true, 1);
        bench.modem.borrow_mut().service = 1;
        let plugged = bench.plug();
        bench.until_at_rest().await;
        bench.modem.borrow_mut().slots.insert(0, deliver(1));
        plugged.say("\r\n+CMTI: \"SM\",0\r\n");
        bench
            .until("the look", |bench| bench.heard("AT+CMGR=0") == 1)
            .await;
        plugged.say(&format!("\r\n+CMT: ,30\r\n{}\r\n", deliver(2)));
        assert!(bench.handle.alive().await);
        assert!(bench.received().is_empty());
        assert_eq!((bench.heard("AT+CMGD"), bench.heard("AT+CNMA")), (0, 0));
        bench.stop().await;
    };
    LocalSet::new().run_until(scene).await;
}

#[tokio::test]
async fn a_direct_delivery_is_kept_and_then_acknowledged() {
    let scene = async {
        let bench = guest();
        bench.modem.borrow_mut().service = 1;
        let plugged = bench.plug();
        bench.until_at_rest().await;
        plugged.say(&format!("\r\n+CMT: ,30\r\n{}\r\n", deliver(2)));
        bench
            .until("the acknowledgement", |bench| bench.heard("AT+CNMA") == 1)
            .await;
        assert_eq!(bench.received().len(), 1);
        bench.stop().await;
    };
    LocalSet::new().run_until(scene).await;
}

#[tokio::test]
async fn a_message_is_sent_and_its_report_makes_it_delivered() {
    let scene = async {
        let bench = guest();
        bench.modem.borrow_mut().on_pdu = OnPdu::TellThenAccept;
        bench.modem.borrow_mut().slots.insert(4, deliver(4));
        let plugged = bench.plug();
        let id = bench.submit("Hello");
        bench
            .until("sent", |bench| bench.outgoing(id).status == Status::Sent)
            .await;
        assert_eq!(bench.modem.borrow().sent.len(), 1);
        assert!(bench.modem.borrow().sent[0].starts_with("00"));
        bench
            .until("the message told meanwhile", |bench| {
                bench.received().len() == 1
            })
            .await;
        plugged.say(&format!("\r\n+CDS: 25\r\n{REPORT}\r\n"));
        bench
            .until("delivered", |bench| {
                bench.outgoing(id).status == Status::Delivered
            })
            .await;
        bench.stop().await;
    };
    LocalSet::new().run_until(scene).await;
}

#[tokio::test]
async fn a_list_that_lacks_what_lies_there_brings_nothing_in_twice() {
    let scene = async {
        let bench = guest();
        let plugged = bench.plug();
        let comes = |index, pdu| bench.modem.borrow_mut().slots.insert(index, pdu);
        comes(1, deliver(1));
        plugged.say("\r\n+CMTI: \"SM\",1\r\n");
        bench
            .until("the first", |bench| bench.received().len() == 1)
            .await;
        bench.modem.borrow_mut().empty_lists = 1;
        comes(2, deliver(2));
        // Nothing lies in slot 9: the list tells.
        plugged.say("\r\n+CMTI: \"SM\",9\r\n");
        bench
            .until("the second", |bench| bench.received().len() > 1)
            .await;
        assert_eq!(bench.received().len(), 2);
        assert_eq!(bench.modem.borrow().empty_lists, 0);
        bench.stop().await;
    };
    LocalSet::new().run_until(scene).await;
}

#[tokio::test]
async fn a_report_found_in_a_slot_is_taken_and_its_slot_freed() {
    let scene = async {
        let bench = guest();
        let plugged = bench.plug();
        let id = bench.submit("Hello");
        bench
            .until("sent", |bench| bench.outgoing(id).status == Status::Sent)
            .await;
        bench
            .modem
            .borrow_mut()
            .slots
            .insert(2, String::from(REPORT));
        plugged.say("\r\n+CDSI: \"SM\",2\r\n");
        bench
            .until("delivered", |bench| {
                bench.outgoing(id).status == Status::Delivered
            })
            .await;
        bench
            .until("the slot's end", |bench| {
                bench.modem.borrow().slots.is_empty()
            })
            .await;
        assert!(bench.received().is_empty());
        bench.stop().await;
    };
    LocalSet::new().run_until(scene).await;
}

#[tokio::test]
async fn a_modem_that_vanishes_with_the_pdu_leaves_the_message_unconfirmed_and_sends_the_next() {
    let scene = async {
        let bench = guest();
        bench.modem.borrow_mut().on_pdu = OnPdu::Vanish;
        let plugged = bench.plug();
        let id = bench.submit("Hello");
        bench
            .until("the PDU", |bench| !bench.modem.borrow().sent.is_empty())
            .await;
        bench.unplug(plugged).await;
        bench.until_state(ModemState::Absent).await;
        assert_eq!(bench.outgoing(id).status, Status::Unconfirmed);
        bench.modem.borrow_mut().on_pdu = OnPdu::Accept;
        let next = bench.submit("Again");
        let _plugged = bench.plug();
        bench
            .until("sent", |bench| bench.outgoing(next).status == Status::Sent)
            .await;
        assert_eq!(bench.modem.borrow().sent.len(), 2);
        assert_eq!(bench.outgoing(id).status, Status::Unconfirmed);
        bench.stop().await;
    };
    LocalSet::new().run_until(scene).await;
}

#[tokio::test]
async fn what_was_delivered_past_the_store_before_the_port_went_is_kept() {
    let scene = async {
        let bench = guest();
        bench.modem.borrow_mut().at_prompt = format!("\r\n+CMT: ,30\r\n{}\r\n", deliver(8));
        bench.modem.borrow_mut().on_pdu = OnPdu::Vanish;
        let plugged = bench.plug();
        bench.submit("Hello");
        bench
            .until("the PDU", |bench| !bench.modem.borrow().sent.is_empty())
            .await;
        bench.unplug(plugged).await;
        bench
            .until("the message", |bench| bench.received().len() == 1)
            .await;
        bench.stop().await;
    };
    LocalSet::new().run_until(scene).await;
}

#[tokio::test]
async fn without_a_modem_messages_expire_all_the_same() {
    let scene = async {
        let bench = guest();
        let id = bench.submit_for("Too late", Some(1));
        bench
            .until("expired", |bench| {
                bench.outgoing(id).status == Status::Expired
            })
            .await;
        bench.stop().await;
    };
    LocalSet::new().run_until(scene).await;
}

#[tokio::test]
async fn a_report_in_a_memory_of_its_own_is_fetched_from_there() {
    let scene = async {
        let bench = guest();
        let plugged = bench.plug();
        let id = bench.submit("Hello");
        bench
            .until("sent", |bench| bench.outgoing(id).status == Status::Sent)
            .await;
        bench
            .modem
            .borrow_mut()
            .slots
            .insert(5, String::from(REPORT));
        plugged.say("\r\n+CDSI: \"SR\",5\r\n");
        bench
            .until("delivered", |bench| {
                bench.outgoing(id).status == Status::Delivered
            })
            .await;
        assert_eq!(bench.heard("AT+CPMS=\"SR\""), 1);
        bench
            .until("the way back", |bench| bench.heard("AT+CPMS=\"SM\"") > 0)
            .await;
        assert!(bench.modem.borrow().slots.is_empty());
        bench.stop().await;
    };
    LocalSet::new().run_until(scene).await;
}

#[tokio::test]
async fn what_comes_while_another_memory_is_in_use_is_found_where_it_lies() {
    let scene = async {
        let bench = Bench::new(|config| config.modem.poll = Duration::from_secs(1), ROOM);
        bench.modem.borrow_mut().kept_apart = true;
        bench.modem.borrow_mut().comes = Some(deliver(1));
        let _plugged = bench.plug();
        bench
            .until("what came during the change", |bench| {
                bench.received().len() == 1
            })
            .await;
        bench.until_at_rest().await;
        // Another program chooses.
        bench.modem.borrow_mut().kept_apart = true;
        bench.modem.borrow_mut().apart.insert(4, deliver(2));
        bench
            .until("what came since", |bench| bench.received().len() == 2)
            .await;
        assert!(!bench.modem.borrow().kept_apart);
        bench.stop().await;
    };
    LocalSet::new().run_until(scene).await;
}

#[tokio::test]
async fn a_sim_that_was_changed_without_a_word_is_asked_for_its_state() {
    let scene = async {
        let bench = Bench::new(|config| config.modem.poll = Duration::from_secs(1), ROOM);
        let _plugged = bench.plug();
        bench.until_at_rest().await;
        bench.modem.borrow_mut().locked = true;
        bench.until_state(ModemState::SimPin).await;
        bench.stop().await;
    };
    LocalSet::new().run_until(scene).await;
}

#[tokio::test]
async fn a_sim_that_leaves_while_the_modem_is_started_is_asked_for_its_state() {
    let scene = async {
        let bench = guest();
        bench.modem.borrow_mut().at_start = Some(String::from("+CPIN: NOT READY"));
        let _plugged = bench.plug();
        bench.until_at_rest().await;
        assert_eq!(bench.heard("AT+CPIN?"), 2);
        bench.stop().await;
    };
    LocalSet::new().run_until(scene).await;
}

#[tokio::test]
async fn a_modem_that_vanishes_before_the_pdu_sends_the_message_once_when_it_is_back() {
    let scene = async {
        let bench = guest();
        bench.modem.borrow_mut().vanish_at_prompt = true;
        let plugged = bench.plug();
        let id = bench.submit("Hello");
        bench
            .until("the command", |bench| bench.heard("AT+CMGS") == 1)
            .await;
        bench.unplug(plugged).await;
        bench.until_state(ModemState::Absent).await;
        bench.modem.borrow_mut().vanish_at_prompt = false;
        let _plugged = bench.plug();
        bench
            .until("sent", |bench| bench.outgoing(id).status == Status::Sent)
            .await;
        assert_eq!(bench.modem.borrow().sent.len(), 1);
        bench.stop().await;
    };
    LocalSet::new().run_until(scene).await;
}

#[tokio::test]
async fn a_refusal_is_reported_with_the_network_s_number() {
    let scene = async {
        let bench = guest();
        bench.modem.borrow_mut().on_pdu = OnPdu::Refuse;
        let _plugged = bench.plug();
        let id = bench.submit("Hello");
        let refused = |bench: &Bench| bench.outgoing(id).error.is_some_and(|e| e.code == Some(38));
        bench.until("the refusal", refused).await;
        bench.stop().await;
    };
    LocalSet::new().run_until(scene).await;
}

#[tokio::test]
async fn a_silent_modem_is_unresponsive_until_it_speaks() {
    let scene = async {
        let bench = guest();
        bench.modem.borrow_mut().mute = true;
        let _plugged = bench.plug();
        bench.until_state(ModemState::Unresponsive).await;
        assert!(!bench.handle.alive().await);
        bench.modem.borrow_mut().mute = false;
        bench.until_state(ModemState::Ready).await;
        let states: Vec<String> = bench
            .events()
            .into_iter()
            .filter(|event| event.kind == EventKind::ModemState)
            .map(|event| event.facts["state"].as_str().unwrap().to_owned())
            .collect();
        assert_eq!(states, ["unresponsive", "starting", "ready"]);
        bench.stop().await;
    };
    LocalSet::new().run_until(scene).await;
}

#[tokio::test]
async fn a_call_is_one_event_and_the_radio_is_known() {
    let scene = async {
        let bench = guest();
        let plugged = bench.plug();
        bench.until_at_rest().await;
        for _ in 0..3 {
            plugged.say("\r\nRING\r\n\r\n+CLIP: \"+12025550155\",145,,,,0\r\n");
        }
        plugged.say("\r\nNO CARRIER\r\n");
        let calls = |bench: &Bench| {
            let events = bench.events().into_iter();
            events
                .filter(|event| event.kind == EventKind::CallIncoming)
                .collect::<Vec<_>>()
        };
        bench
            .until("the call", |bench| calls(bench).len() == 1)
            .await;
        assert!(bench.handle.alive().await);
        assert_eq!(calls(&bench).len(), 1);
        assert_eq!(calls(&bench)[0].facts["from"], "+12025550155");
        let (levels, network, identity) = bench.radio();
        assert_eq!(levels.rsrp_dbm, Some(-102));
        assert_eq!(network.plmn.as_deref(), Some("00101"));
        assert_eq!(identity.manufacturer.as_deref(), Some("Quectel"));
        bench.stop().await;
    };
    LocalSet::new().run_until(scene).await;
}

#[tokio::test]
async fn an_error_out_of_turn_is_the_network_s_answer_to_a_code() {
    let scene = async {
        let bench = guest();
        let plugged = bench.plug();
        bench.until_at_rest().await;
        let handle = bench.handle.clone();
        let code = Errand::Ussd(String::from("*100#"));
        let asked = tokio::task::spawn_local(async move { handle.run(code).await });
        bench
            .until("the code", |bench| bench.heard("AT+CUSD=1") == 1)
            .await;
        // Told after the code's own OK, by a modem that heard another command since.
        assert!(bench.handle.alive().await);
        plugged.say("\r\n+CME ERROR: 258\r\n");
        let refused = NotDone::Refused(String::from("+CME ERROR: 258"));
        assert_eq!(asked.await.unwrap(), Err(refused));
        bench.stop().await;
    };
    LocalSet::new().run_until(scene).await;
}

#[tokio::test]
async fn a_change_of_the_options_starts_the_modem_again() {
    let scene = async {
        let bench = guest();
        let _plugged = bench.plug();
        bench.until_at_rest().await;
        let starts = bench.heard("ATE0");
        bench.config.send_modify(|config| {
            let mut changed = (**config).clone();
            changed.modem.free = 3;
            *config = changed.into();
        });
        assert!(bench.handle.alive().await);
        assert_eq!(bench.heard("ATE0"), starts);
        bench.config.send_modify(|config| {
            let mut changed = (**config).clone();
            changed.modem.exclusive = true;
            *config = changed.into();
        });
        bench
            .until("a new start", |bench| bench.heard("ATE0") > starts)
            .await;
        bench.stop().await;
    };
    LocalSet::new().run_until(scene).await;
}
