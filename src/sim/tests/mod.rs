//! Tests: conversations with the simulated modem without a port; `port.rs` has those through the pty and the socket.

mod port;

use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Value, json};

use super::control::execute;
use super::modem::Modem;
use super::{Model, Options, Simulator};
use crate::time::{Now, Tick, WallTime};

/// Row ofono-simple-submit of the shared vectors; its TPDU has 23 octets and asks for no report.
const SUBMIT: &str = "0011000B916407281553F80000AA0AE8329BFD4697D9EC37";
/// The same, with TP-SRR.
const SUBMIT_REPORT: &str = "0031000B916407281553F80000AA0AE8329BFD4697D9EC37";

/// A modem without a port, and its clock.
struct Bench {
    modem: Modem,
    now: Now,
}

impl Bench {
    fn new(model: Model) -> Bench {
        let modem = Modem::new(model.profile(), PathBuf::from("/nowhere"), None);
        let wall = WallTime::parse_rfc3339("2026-11-21T20:35:14Z").unwrap();
        let mut bench = Bench {
            modem,
            now: Now {
                tick: Tick(0),
                wall,
            },
        };
        bench.heard();
        bench.say("ATE0");
        bench
    }

    /// What the modem has said since it was last asked.
    fn heard(&mut self) -> String {
        String::from_utf8(self.modem.take_output()).unwrap()
    }

    /// A command line, and all that comes back at once.
    fn say(&mut self, line: &str) -> String {
        self.modem.feed(format!("{line}\r").as_bytes(), self.now);
        self.heard()
    }

    /// A PDU at the prompt, and what comes back.
    fn send(&mut self, pdu: &str) -> String {
        let length = pdu.len() / 2 - 1;
        assert_eq!(self.say(&format!("AT+CMGS={length}")), "\r\n> ");
        self.modem.feed(format!("{pdu}\x1a").as_bytes(), self.now);
        self.heard()
    }

    fn order(&mut self, line: &str) -> Value {
        execute(&mut self.modem, line, self.now)
    }

    fn ordered(&mut self, line: &str) -> Value {
        let answer = self.order(line);
        assert_eq!(answer.get("ok"), Some(&json!(true)), "{line}: {answer}");
        answer
    }

    fn wait(&mut self, ms: u64) -> String {
        self.now.tick = self.now.tick + Duration::from_millis(ms);
        self.modem.on_time(self.now);
        self.heard()
    }

    fn air(&mut self) -> Vec<Value> {
        self.ordered("air")["air"].as_array().unwrap().clone()
    }
}

#[test]
fn it_echoes_until_told_not_to_and_repeats_a_line() {
    let mut bench = Bench::new(Model::Ec25);
    assert_eq!(bench.say("ATE1"), "\r\nOK\r\n");
    assert_eq!(bench.say("AT"), "AT\r\r\nOK\r\n");
    bench.say("ATE0");
    assert_eq!(bench.say("AT+CSQ"), "\r\n+CSQ: 24,99\r\n\r\nOK\r\n");
    bench.modem.feed(b"A/", bench.now);
    assert_eq!(bench.heard(), "\r\n+CSQ: 24,99\r\n\r\nOK\r\n");
}

#[test]
fn errors_are_said_as_cmee_wants_them() {
    let mut bench = Bench::new(Model::Ec25);
    assert_eq!(bench.say("AT+NOSUCH"), "\r\nERROR\r\n");
    assert_eq!(bench.say("AT+CMEE=1;+NOSUCH"), "\r\n+CME ERROR: 4\r\n");
    assert_eq!(
        bench.say("AT+CMEE=2;+NOSUCH"),
        "\r\n+CME ERROR: operation not supported\r\n"
    );
    assert_eq!(
        bench.say("AT+CMEE=3"),
        "\r\n+CME ERROR: Incorrect parameters\r\n"
    );
}

#[test]
fn a_line_of_several_commands_ends_at_the_first_that_fails() {
    let mut bench = Bench::new(Model::Ec25);
    assert_eq!(
        bench.say("AT+CMEE=1;+CSQ;+CIMI;+NOSUCH;+CGMI"),
        "\r\n+CSQ: 24,99\r\n262011234567890\r\n\r\n+CME ERROR: 4\r\n"
    );
}

#[test]
fn a_sent_message_is_on_the_air_and_its_report_comes_back() {
    let mut bench = Bench::new(Model::Ec25);
    bench.say("AT+CNMI=2,1,0,1,0");
    assert_eq!(bench.send(SUBMIT), "\r\n+CMGS: 0\r\n\r\nOK\r\n");
    let heard = bench.send(SUBMIT_REPORT);
    assert!(
        heard.starts_with("\r\n+CMGS: 1\r\n\r\nOK\r\n\r\n+CDS: 25\r\n079194710167000006010B91"),
        "{heard}"
    );
    let air = bench.air();
    assert_eq!(air.len(), 2);
    assert_eq!(air[1]["to"], "+46708251358");
    assert_eq!(air[1]["text"], "hellohello");
    assert_eq!(air[1]["report"], true);
}

#[test]
fn a_report_is_stored_and_indicated_where_ds_is_2() {
    let mut bench = Bench::new(Model::Ec25);
    bench.say("AT+CNMI=2,1,0,2,0");
    assert!(
        bench
            .send(SUBMIT_REPORT)
            .ends_with("OK\r\n\r\n+CDSI: \"ME\",0\r\n")
    );
    bench.ordered("report off");
    assert!(bench.send(SUBMIT_REPORT).ends_with("OK\r\n"));
    assert_eq!(bench.ordered("state")["delivered"], 1);
}

#[test]
fn the_network_takes_its_time_and_the_next_command_waits() {
    let mut bench = Bench::new(Model::Ec25);
    bench.ordered("delay 500");
    assert_eq!(bench.send(SUBMIT), "");
    assert_eq!(bench.air().len(), 1);
    assert_eq!(bench.say("AT"), "");
    bench.ordered("deliver {\"text\":\"meanwhile\"}");
    assert_eq!(bench.heard(), "\r\n+CMTI: \"ME\",0\r\n");
    assert_eq!(bench.wait(499), "");
    assert_eq!(bench.wait(1), "\r\n+CMGS: 0\r\n\r\nOK\r\n\r\nOK\r\n");
}

#[test]
fn a_bad_pdu_and_an_escape_send_nothing() {
    let mut bench = Bench::new(Model::Ec25);
    bench.say("AT+CMGS=24");
    bench
        .modem
        .feed(format!("{SUBMIT}\x1a").as_bytes(), bench.now);
    assert_eq!(bench.heard(), "\r\n+CMS ERROR: 304\r\n");
    bench.say("AT+CMGS=23");
    bench.modem.feed(b"00\x1b", bench.now);
    assert_eq!(bench.heard(), "\r\nOK\r\n");
    assert!(bench.air().is_empty());
}

#[test]
fn an_incoming_message_is_stored_listed_read_and_deleted() {
    let mut bench = Bench::new(Model::Ec25);
    assert_eq!(
        bench.say("AT+CPMS=\"SM\",\"SM\",\"SM\""),
        "\r\n+CPMS: 0,50,0,50,0,50\r\n\r\nOK\r\n"
    );
    let pdu = bench.ordered(
        "deliver {\"from\":\"+4915100001\",\"text\":\"Hi\",\"at\":\"2026-11-21T20:35:14Z\"}",
    );
    let pdu = String::from(pdu["pdus"][0].as_str().unwrap());
    assert_eq!(
        pdu,
        "0791947101670000040A91945101001000006211120253410002C834"
    );
    assert_eq!(bench.heard(), "\r\n+CMTI: \"SM\",0\r\n");
    assert_eq!(
        bench.say("AT+CMGL=4"),
        format!("\r\n+CMGL: 0,0,,20\r\n{pdu}\r\n\r\nOK\r\n")
    );
    assert_eq!(
        bench.say("AT+CMGR=0"),
        format!("\r\n+CMGR: 1,,20\r\n{pdu}\r\n\r\nOK\r\n")
    );
    assert_eq!(bench.say("AT+CMGL=0"), "\r\nOK\r\n");
    assert_eq!(bench.say("AT+CMGD=0"), "\r\nOK\r\n");
    assert_eq!(bench.say("AT+CMGR=0"), "\r\n+CMS ERROR: 321\r\n");
}

#[test]
fn a_full_store_keeps_messages_in_the_network_in_order() {
    let mut bench = Bench::new(Model::Minimal);
    bench.say("AT+CMGF=0;+CNMI=1,1");
    bench.ordered("size SM 1");
    bench.ordered("deliver {\"text\":\"one\"}");
    assert_eq!(bench.heard(), "\r\n+CMTI: \"SM\",1\r\n");
    assert_eq!(
        bench.ordered("deliver {\"text\":\"two\",\"times\":2}")["queue"],
        2
    );
    assert_eq!(bench.heard(), "");
    assert_eq!(bench.say("AT+CMGD=1"), "\r\nOK\r\n\r\n+CMTI: \"SM\",1\r\n");
    assert_eq!(bench.ordered("state")["queue"], 1);
}

#[test]
fn direct_delivery_waits_for_its_acknowledgement() {
    let mut bench = Bench::new(Model::Ec25);
    bench.say("AT+CSMS=1;+CNMI=2,2,0,1,0");
    bench.ordered("deliver {\"text\":\"a\",\"times\":2}");
    let first = bench.heard();
    assert!(first.starts_with("\r\n+CMT: ,"), "{first}");
    assert_eq!(first.matches("+CMT").count(), 1);
    assert!(bench.say("AT+CNMA").starts_with("\r\nOK\r\n\r\n+CMT: ,"));
    assert_eq!(bench.say("AT+CNMA"), "\r\nOK\r\n");
    assert_eq!(bench.say("AT+CNMA"), "\r\n+CMS ERROR: 340\r\n");
}

#[test]
fn an_unacknowledged_delivery_comes_again_and_ends_direct_delivery() {
    let mut bench = Bench::new(Model::Ec25);
    bench.say("AT+CSMS=1;+CNMI=2,2,0,1,0");
    bench.ordered("deliver {\"text\":\"a\"}");
    bench.heard();
    assert_eq!(bench.wait(10_000), "");
    assert_eq!(bench.say("AT+CNMI?"), "\r\n+CNMI: 2,0,0,0,0\r\n\r\nOK\r\n");
    assert_eq!(bench.wait(1_000), "");
    assert_eq!(
        bench.ordered("slots")["ME"]["used"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
}

#[test]
fn a_flash_message_is_shown_and_never_stored_but_on_the_minimal_modem() {
    let mut bench = Bench::new(Model::Ec25);
    bench.ordered("deliver {\"text\":\"now\",\"class\":0}");
    assert!(bench.heard().starts_with("\r\n+CMT: ,"));
    let mut bench = Bench::new(Model::Minimal);
    bench.say("AT+CNMI=1,1");
    bench.ordered("deliver {\"text\":\"now\",\"class\":0}");
    assert_eq!(bench.heard(), "\r\n+CMTI: \"SM\",1\r\n");
}

#[test]
fn parts_come_in_any_order_twice_or_not_at_all() {
    let mut bench = Bench::new(Model::Ec25);
    let text = "x".repeat(400);
    let order = json!({"text": text, "parts": [3, 1, 2], "drop": [2], "dup": [1], "concat_ref": 7});
    let answer = bench.ordered(&format!("deliver {order}"));
    assert_eq!(answer["parts"], 3);
    let pdus = answer["pdus"].as_array().unwrap();
    assert_eq!(pdus.len(), 3);
    assert!(pdus[0].as_str().unwrap().contains("050003070303"));
    assert_eq!(pdus[1], pdus[2]);
}

#[test]
fn an_error_storm_meets_one_number_only() {
    let mut bench = Bench::new(Model::Ec25);
    bench.ordered("fail 1 38 +46708251358");
    assert_eq!(bench.send(SUBMIT), "\r\n+CMS ERROR: 38\r\n");
    assert_eq!(bench.send(SUBMIT), "\r\n+CMGS: 0\r\n\r\nOK\r\n");
    bench.ordered("registration 2");
    assert_eq!(bench.send(SUBMIT), "\r\n+CMS ERROR: 331\r\n");
}

#[test]
fn a_lost_answer_leaves_the_message_on_the_air() {
    let mut bench = Bench::new(Model::Ec25);
    bench.ordered("lose-answer 1");
    assert_eq!(bench.send(SUBMIT), "");
    assert_eq!(bench.air().len(), 1);
    assert_eq!(bench.say("AT"), "\r\nOK\r\n");
}

#[test]
fn it_vanishes_in_a_send_at_the_point_ordered() {
    for (point, on_air) in [("prompt", 0), ("start", 0), ("pdu", 1)] {
        let mut bench = Bench::new(Model::Ec25);
        bench.ordered(&format!("unplug-after {point}"));
        let prompted = bench.say("AT+CMGS=23");
        assert_eq!(prompted.is_empty(), point == "prompt", "{point}");
        bench
            .modem
            .feed(format!("{SUBMIT}\x1a").as_bytes(), bench.now);
        assert_eq!(bench.heard(), "", "{point}");
        assert_eq!(bench.air().len(), on_air, "{point}");
        assert_eq!(bench.ordered("state")["plugged"], false, "{point}");
    }
}

#[test]
fn unplugged_before_the_answer_the_message_is_on_the_air_and_its_report_comes_later() {
    let mut bench = Bench::new(Model::Ec25);
    bench.ordered("delay 500");
    assert_eq!(bench.send(SUBMIT_REPORT), "");
    bench.ordered("unplug");
    assert_eq!(bench.wait(1_000), "");
    assert_eq!(bench.air().len(), 1);
    assert_eq!(bench.ordered("state")["queue"], 1);
    assert_eq!(bench.say("AT"), "");
    bench.ordered("replug");
    assert!(bench.heard().contains("RDY"));
    assert_eq!(bench.say("ATE0"), "ATE0\r\r\nOK\r\n");
}

#[test]
fn notifications_come_in_the_middle_of_a_reply_when_told_to() {
    let mut bench = Bench::new(Model::Ec25);
    bench.ordered("interleave on");
    bench.ordered("urc RING");
    assert_eq!(
        bench.say("AT+CGMI;+CGMM"),
        "\r\nQuectel\r\n\r\nRING\r\nEC25\r\n\r\nOK\r\n"
    );
}

#[test]
fn a_hung_modem_swallows_what_it_is_told() {
    let mut bench = Bench::new(Model::Ec25);
    bench.ordered("hang 50");
    bench.ordered("deliver {\"text\":\"late\"}");
    assert_eq!(bench.say("AT"), "");
    assert_eq!(bench.wait(50), "\r\n+CMTI: \"ME\",0\r\n");
    assert_eq!(bench.say("AT"), "\r\nOK\r\n");
}

#[test]
fn a_wrong_pin_costs_an_attempt_and_the_right_one_opens() {
    let mut bench = Bench::new(Model::Ec25);
    bench.modem = Modem::new(
        Model::Ec25.profile(),
        PathBuf::new(),
        Some(String::from("1234")),
    );
    bench.say("ATE0;+CMEE=1");
    assert_eq!(bench.say("AT+CPIN?"), "\r\n+CPIN: SIM PIN\r\n\r\nOK\r\n");
    assert_eq!(bench.say("AT+CMGL=4"), "\r\n+CMS ERROR: 311\r\n");
    assert_eq!(bench.say("AT+CPIN=\"0000\""), "\r\n+CME ERROR: 16\r\n");
    assert_eq!(
        bench.say("AT+QPINC=\"SC\""),
        "\r\n+QPINC: \"SC\",2,10\r\n\r\nOK\r\n"
    );
    assert_eq!(
        bench.say("AT+CPIN=\"1234\""),
        "\r\nOK\r\n\r\n+CPIN: READY\r\n"
    );
}

#[test]
fn registration_and_signal_are_told_in_every_dialect() {
    let mut bench = Bench::new(Model::Ec25);
    bench.say("AT+CREG=2;+CEREG=1");
    assert_eq!(
        bench.say("AT+CREG?"),
        "\r\n+CREG: 2,1,\"5A1C\",\"01A2D003\",7\r\n\r\nOK\r\n"
    );
    bench.ordered("registration 2");
    assert_eq!(bench.heard(), "\r\n+CREG: 2\r\n\r\n+CEREG: 2\r\n");
    bench.ordered("registration 5");
    bench.heard();
    bench.ordered("signal {\"rsrp\":-110,\"sinr\":null}");
    assert!(
        bench
            .say("AT+QCSQ")
            .contains("+QCSQ: \"LTE\",-65,-110,-,-9")
    );
    assert!(bench.say("AT+CESQ").contains("+CESQ: 99,99,255,255,22,31"));
    assert!(
        bench
            .say("AT+QENG=\"servingcell\"")
            .contains("\"LTE\",\"FDD\",262,01,1A2D003,317,1300,3,5,5,5A1C,-110,-9,-65,-,32")
    );
    assert_eq!(
        bench.say("AT+COPS=3,2;+COPS?"),
        "\r\n+COPS: 0,2,\"26201\",7\r\n\r\nOK\r\n"
    );
    assert!(
        Bench::new(Model::Slm750)
            .say("AT+SGCELLINFO")
            .contains("\r\nRSRP:-95\r\n")
    );
}

#[test]
fn a_caller_rings_until_answered() {
    let mut bench = Bench::new(Model::Ec25);
    bench.say("AT+CLIP=1");
    bench.ordered("ring +4915100001");
    assert_eq!(
        bench.heard(),
        "\r\nRING\r\n\r\n+CLIP: \"+4915100001\",145,,,,0\r\n"
    );
    assert!(bench.wait(3_000).starts_with("\r\nRING\r\n"));
    assert_eq!(bench.say("ATA"), "\r\nOK\r\n");
    assert_eq!(bench.wait(3_000), "");
    bench.ordered("ring stop");
    assert_eq!(bench.heard(), "\r\nNO CARRIER\r\n");
    assert_eq!(bench.say("ATD+4915100001;"), "\r\nOK\r\n");
    assert_eq!(bench.ordered("state")["call"], "dialling");
    assert_eq!(bench.say("ATH"), "\r\nOK\r\n");
    assert_eq!(bench.say("ATD+4915100001;"), "\r\nOK\r\n");
    bench.ordered("call no-answer");
    assert_eq!(bench.heard(), "\r\nNO ANSWER\r\n");
    bench.ordered("ring withheld");
    assert_eq!(bench.heard(), "\r\nRING\r\n\r\n+CLIP: \"\",128,,,,1\r\n");
}

#[test]
fn a_ussd_code_is_answered() {
    let mut bench = Bench::new(Model::Ec25);
    bench.ordered("ussd *101# Two euros");
    assert_eq!(
        bench.say("AT+CUSD=1,\"*101#\",15"),
        "\r\nOK\r\n\r\n+CUSD: 0,\"Two euros\",15\r\n"
    );
    bench.ordered("ussd *102# {\"m\":1,\"text\":\"€?\",\"dcs\":72}");
    assert_eq!(
        bench.say("AT+CUSD=1,\"*102#\",15"),
        "\r\nOK\r\n\r\n+CUSD: 1,\"20AC003F\",72\r\n"
    );
    bench.ordered("ussd *103# none");
    assert_eq!(bench.say("AT+CUSD=1,\"*103#\",15"), "\r\nOK\r\n");
}

#[test]
fn the_minimal_modem_refuses_what_it_can() {
    let mut bench = Bench::new(Model::Minimal);
    for line in [
        "AT+CNMI=2,1,0,1,0",
        "AT+CMGL=4",
        "AT+CPMS=\"ME\"",
        "AT+CESQ",
        "AT+CSMS=1",
        "AT+CMGD=1,4",
    ] {
        assert_eq!(bench.say(line), "\r\nERROR\r\n", "{line}");
    }
    assert_eq!(
        bench.say("AT+CPMS=?"),
        "\r\n+CPMS: (\"SM\"),(\"SM\"),(\"SM\")\r\n\r\nOK\r\n"
    );
}

#[test]
fn scripted_answers_stand_in_front_of_the_modems_own() {
    let mut bench = Bench::new(Model::Ec25);
    bench.ordered("on AT+CSQ -> +CSQ: 99,99 | OK");
    bench.ordered("on AT+COPS* ->");
    assert_eq!(bench.say("at+csq"), "\r\n+CSQ: 99,99\r\n\r\nOK\r\n");
    assert_eq!(bench.say("AT+COPS?"), "");
    bench.ordered("forget AT+CSQ");
    assert_eq!(bench.say("AT+CSQ"), "\r\n+CSQ: 24,99\r\n\r\nOK\r\n");
    bench.ordered("after 10 urc LATER");
    assert_eq!(bench.wait(10), "\r\nLATER\r\n");
}

#[test]
fn a_wrong_order_is_refused_with_words() {
    let mut bench = Bench::new(Model::Ec25);
    for line in [
        "nonsense",
        "deliver {",
        "deliver {\"txt\":\"a\"}",
        "fail x",
        "signal {\"foo\":1}",
        "cut maybe",
        "size XX 1",
        "garbage 0",
    ] {
        let answer = bench.order(line);
        assert_eq!(answer["ok"], false, "{line}");
        assert!(
            answer["error"].as_str().is_some_and(|why| !why.is_empty()),
            "{line}"
        );
    }
    assert_eq!(bench.order("# nothing")["ok"], true);
}

#[test]
fn rubbish_at_every_length_does_not_stop_it() {
    let mut bench = Bench::new(Model::Ec25);
    let rubbish: Vec<u8> = (0..=255)
        .chain(b"AT+CMGS=\"\",,\rAT+CPMS=,\rATD\r&&==??;;".iter().copied())
        .collect();
    for end in 0..rubbish.len() {
        bench.modem.feed(rubbish.get(..end).unwrap(), bench.now);
        bench.modem.feed(b"\x1b\r", bench.now);
        bench.modem.feed(b"ATE0Q0V1\r", bench.now);
        bench.modem.take_output();
        assert_eq!(bench.say("AT"), "\r\nOK\r\n", "cut at {end}");
    }
}

#[test]
fn a_chat_file_is_played_and_its_mistake_named_by_line() {
    let dir = tempfile::tempdir().unwrap();
    let chat = dir.path().join("chat");
    std::fs::write(
        &chat,
        "# a demo\n\ndeliver {\"text\":\"hello\"}\non AT+X -> OK\n",
    )
    .unwrap();
    let options = Options {
        chat: Some(chat.clone()),
        link: dir.path().join("tty"),
        ..Options::default()
    };
    let simulator = Simulator::new(&options).unwrap();
    assert_eq!(simulator.order("state")["delivered"], 1);
    std::fs::write(&chat, "delay 5\nnonsense\n").unwrap();
    assert!(
        Simulator::new(&options)
            .unwrap_err()
            .to_string()
            .contains("chat:2: ")
    );
}
