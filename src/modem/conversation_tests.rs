//! Tests: one command at a time — its answer among what is told, cut at every byte, late, doubled or never.

use super::super::feed::Intake;
use super::*;
use crate::message::Memory;

const NOW: Tick = Tick(1000);

/// Feeds `said` in two pieces, cut at `cut`; the answer and the notifications.
fn converse(command: Command, said: &[u8], cut: usize) -> (Option<Answer>, Vec<Notification>) {
    let mut talk = Conversation::default();
    talk.begin(command, NOW);
    let mut intake = Intake::default();
    let (mut answer, mut told) = (None, Vec::new());
    for piece in [&said[..cut], &said[cut..]] {
        intake.push(piece);
        while let Some(item) = intake.next(talk.awaits_prompt()) {
            match talk.on(item, NOW) {
                Heard::Answer(got) => answer = Some(got),
                Heard::Notification(notification) => told.push(notification),
                Heard::Nothing => {}
            }
        }
    }
    (answer, told)
}

fn lines(text: &[&str]) -> Answer {
    Ok(text.iter().map(|line| String::from(*line)).collect())
}

/// command, what the modem says, the answer, what is told beside it
fn chats() -> Vec<(Command, &'static str, Answer, Vec<Notification>)> {
    let stored = |index| Notification::Stored(Some(Memory::Sim), index);
    let [manufacturer, ..] = commands::identity();
    vec![
        (commands::attention(), "AT\r\r\nOK\r\n", lines(&[]), vec![]),
        (
            manufacturer,
            "AT+CGMI\r\r\nQuectel\r\n\r\nOK\r\n",
            lines(&["Quectel"]),
            vec![],
        ),
        (
            commands::list_messages(),
            "\r\n+CMGL: 1,1,,23\r\n0011\r\n+CMTI: \"SM\",4\r\n+CMGL: 2,1,,23\r\n\r\nRING\r\n0022\r\n\r\nOK\r\n",
            lines(&["+CMGL: 1,1,,23", "0011", "+CMGL: 2,1,,23", "0022"]),
            vec![stored(4), Notification::Ring],
        ),
        (
            commands::read_message(1),
            "\r\n+CMT: ,23\r\nRING\r\n00AA\r\n+CMGR: 1,,23\r\n00BB\r\n+CDS: 24\r\n00CC\r\nOK\r\n",
            lines(&["+CMGR: 1,,23", "00BB"]),
            vec![
                Notification::Ring,
                Notification::Message(String::from("00AA")),
                Notification::Report(String::from("00CC")),
            ],
        ),
        (
            commands::send_message(20),
            "\r\n+CMTI: \"SM\",9\r\n\r\n> ",
            lines(&[]),
            vec![stored(9)],
        ),
        (
            commands::send_message(20),
            "\r\n+CMS ERROR: 331\r\n",
            Err(Refused::Cms(331)),
            vec![],
        ),
        (
            commands::message_pdu(String::from("00AABB")),
            "00AABB\u{1A}\r\n+CMGS: 17\r\n\r\nOK\r\n",
            lines(&["+CMGS: 17"]),
            vec![],
        ),
        (
            commands::pin_state(),
            "\r\n+CME ERROR: SIM not inserted\r\n",
            Err(Refused::Cme(10)),
            vec![],
        ),
        (
            commands::signal(),
            "\r\nNO CARRIER\r\n\r\nERROR\r\n",
            Err(Refused::Error),
            vec![Notification::CallEnded("no carrier")],
        ),
    ]
}

#[test]
fn every_chat_cut_at_every_byte_comes_out_the_same() {
    for (command, said, answer, told) in chats() {
        for cut in 0..=said.len() {
            let got = converse(command.clone(), said.as_bytes(), cut);
            assert_eq!(
                got,
                (Some(answer.clone()), told.clone()),
                "{said:?} at {cut}"
            );
        }
    }
}

#[test]
fn a_registration_notification_during_its_own_read_is_not_the_reply() {
    let said =
        b"\r\n+CREG: 1,\"00C3\",\"01A2\",7\r\n\r\n+CREG: 2,5,\"00C3\",\"01A2\",7\r\n\r\nOK\r\n";
    let (answer, told) = converse(commands::registration(), said, 0);
    assert_eq!(answer, Some(lines(&["+CREG: 2,5,\"00C3\",\"01A2\",7"])));
    assert!(matches!(told[..], [Notification::Registration(_)]));
}

#[test]
fn on_a_port_just_opened_an_earlier_answer_may_still_come() {
    assert!(Conversation::default().is_late());
}

#[test]
fn a_registration_without_n_is_the_reply_when_no_other_comes() {
    let (answer, told) = converse(commands::registration(), b"\r\n+CREG: 5\r\nOK\r\n", 0);
    assert_eq!(answer, Some(lines(&["+CREG: 5"])));
    assert_eq!(told.len(), 1);
}

#[test]
fn an_ok_too_many_is_neither_prompt_nor_reference() {
    let said = b"\r\nOK\r\n\r\n> ";
    let (answer, _) = converse(commands::send_message(20), said, 0);
    assert_eq!(answer, Some(lines(&[])));
    let said = b"\r\nOK\r\n\r\n+CMGS: 4\r\nOK\r\n";
    let pdu = commands::message_pdu(String::from("00"));
    assert_eq!(converse(pdu, said, 0).0, Some(lines(&["+CMGS: 4"])));
}

#[test]
fn a_mere_ok_is_doubted_until_the_modem_repeats_it_and_for_ever_after_a_stray_one() {
    let mut talk = Conversation::default();
    assert!(talk.doubts(&commands::registration()) && talk.doubts(&commands::list_messages()));
    assert!(!talk.doubts(&commands::pdu_mode()));
    talk.is_laconic();
    assert!(!talk.doubts(&commands::registration()));
    talk.on(Item::Line(String::from("OK")), NOW);
    assert!(talk.doubts(&commands::registration()));
}

#[test]
fn refusals_to_send_come_in_the_numbers_of_the_message_service() {
    for (said, code) in [
        ("+CME ERROR: 30", Some(331)),
        ("+CME ERROR: 14", Some(314)),
        ("+CME ERROR: SIM not inserted", Some(310)),
        ("+CMS ERROR: SIM busy", Some(314)),
        ("+CMS ERROR: Network timeout", Some(332)),
        ("+CMS ERROR: 38", Some(38)),
        ("+CME ERROR: 38", Some(500)),
        ("+CMS ERROR: gremlins", None),
        ("ERROR", None),
    ] {
        let heard = format!("{said}\r\n");
        let (answer, _) = converse(commands::send_message(20), heard.as_bytes(), 0);
        assert_eq!(answer.unwrap().unwrap_err().code(), code, "{said}");
    }
}

#[test]
fn a_reply_without_end_is_bounded_in_bytes_and_in_time() {
    let mut talk = Conversation::default();
    talk.begin(commands::list_messages(), NOW);
    let line = format!("+CMGL: {}", "9".repeat(1000));
    let mut now = NOW;
    for _ in 0..1000 {
        now = now + Duration::from_secs(1);
        talk.on(Item::Line(line.clone()), now);
    }
    assert!(talk.waiting.as_ref().unwrap().kept <= LONGEST_REPLY);
    assert_eq!(talk.on_time(now), Some(Err(Refused::TimedOut)));
}

#[test]
fn silence_is_noticed_and_a_late_answer_answers_nothing() {
    let mut talk = Conversation::default();
    talk.begin(commands::signal(), NOW);
    let deadline = talk.next_wake().unwrap();
    assert_eq!(talk.on_time(NOW), None);
    assert_eq!(talk.on_time(deadline), Some(Err(Refused::TimedOut)));
    assert_eq!((talk.is_late(), talk.silences()), (true, 1));
    for late in ["+CSQ: 20,99", "OK"] {
        let heard = talk.on(Item::Line(String::from(late)), deadline);
        assert!(!matches!(heard, Heard::Answer(_)), "{late}");
    }
    assert_eq!(talk.silences(), 0);
    talk.flushed();
    assert!(!talk.is_late());
}

#[test]
fn a_reference_without_its_ok_still_counts_as_sent() {
    let mut talk = Conversation::default();
    talk.begin(commands::message_pdu(String::from("00")), NOW);
    talk.on(Item::Line(String::from("+CMGS: 9")), NOW);
    let deadline = talk.next_wake().unwrap();
    assert_eq!(talk.on_time(deadline), Some(lines(&["+CMGS: 9"])));
}

#[test]
fn a_direct_delivery_that_lost_its_pdu_takes_no_other_s() {
    let said = b"\r\n+CMT: ,23\r\n\r\n+CMGR: 1,,23\r\n00BB\r\n\r\nOK\r\n";
    let (answer, told) = converse(commands::read_message(1), said, 0);
    assert_eq!(
        (answer, told),
        (Some(lines(&["+CMGR: 1,,23", "00BB"])), vec![])
    );
}

#[test]
fn a_call_that_comes_to_nothing_ends_its_command_and_no_other() {
    for (said, lines) in [
        ("OK", vec![]),
        ("NO CARRIER", vec!["NO CARRIER"]),
        ("BUSY", vec!["BUSY"]),
    ] {
        let heard = format!("\r\n{said}\r\n");
        let (answer, told) = converse(commands::answer(), heard.as_bytes(), 0);
        let expected: Vec<String> = lines.into_iter().map(String::from).collect();
        assert_eq!((answer, told), (Some(Ok(expected)), vec![]), "{said}");
    }
    let (answer, told) = converse(commands::signal(), b"\r\nBUSY\r\n", 0);
    assert_eq!(
        (answer, told),
        (None, vec![Notification::CallEnded("busy")])
    );
}

#[test]
fn a_raw_answer_is_all_that_is_no_notification() {
    let said = b"\r\n+CREG: 2,1\r\nRING\r\n+CMTI: \"SM\",1\r\nplain\r\n\r\nOK\r\n";
    for cut in 0..said.len() {
        let (answer, told) = converse(commands::raw(String::from("at+creg?")), said, cut);
        assert_eq!(answer, Some(lines(&["+CREG: 2,1", "plain"])));
        assert_eq!(told.len(), 2);
    }
    let said = b"\r\n+CMGR: 1,,20\r\n0011AABB\r\n\r\nOK\r\n";
    let (answer, _) = converse(commands::raw(String::from("AT+CMGR=1")), said, 0);
    assert_eq!(answer, Some(lines(&["+CMGR: 1,,20", "0011AABB"])));
}

#[test]
fn a_menu_has_lines_and_an_unclosed_one_swallows_no_answer() {
    let said = b"\r\n+CUSD: 1,\"Menu\r\n1 Balance\r\n\r\n2 Data\",15\r\n\r\nOK\r\n";
    for cut in 0..said.len() {
        let (answer, told) = converse(commands::pdu_mode(), said, cut);
        assert_eq!(answer, Some(lines(&[])));
        let [Notification::Ussd(said)] = &told[..] else {
            panic!("{told:?}")
        };
        assert_eq!(said.text, "Menu\n1 Balance\n2 Data");
    }
    let said = b"\r\n+CUSD: 1,\"Menu\r\n+12025550155\r\nRING\r\n+CSQ: 20,99\r\nOK\r\n";
    let (answer, told) = converse(commands::signal(), said, 0);
    assert_eq!(answer, Some(lines(&["+CSQ: 20,99"])));
    assert_eq!(told, [Notification::Ring]);
}

#[test]
fn what_a_modem_tells_of_its_own_is_not_its_name() {
    let [_, model, ..] = commands::identity();
    let said = b"+ZUSIMR:2\r\n#QSS: 1\r\nDST: 0\r\n+CGMM: \"MF190\"\r\nOK\r\n";
    let (answer, _) = converse(model, said, 0);
    assert_eq!(answer, Some(lines(&["+CGMM: \"MF190\""])));
}

#[test]
fn a_question_whose_ok_never_comes_is_answered_by_its_lines() {
    let mut talk = Conversation::default();
    talk.begin(commands::pin_state(), NOW);
    talk.on(Item::Line(String::from("+CPIN: READY")), NOW);
    let late = NOW + Duration::from_secs(5);
    assert_eq!(talk.on_time(late), Some(lines(&["+CPIN: READY"])));
    assert!(talk.is_late());
    // Half a list is none.
    talk.begin(commands::list_messages(), NOW);
    talk.on(Item::Line(String::from("+CMGL: 1,1,,23")), NOW);
    let late = NOW + Duration::from_secs(20);
    assert_eq!(talk.on_time(late), Some(Err(Refused::TimedOut)));
}

#[test]
fn rubbish_ends_nothing() {
    let rubbish = [
        &b"\xFF\xFE\0\0\r\n"[..],
        b"\r\n\r\n+\r\nO\r\nK\r\n",
        &[b'A'; 9000],
    ]
    .concat();
    let (answer, told) = converse(commands::signal(), &rubbish, 3);
    assert_eq!((answer, told), (None, vec![]));
}
