//! Tests: start-up conversations as data, one table a modem: what is asked, what is answered. Each answer is cut at
//! every byte.

use super::super::commands::Command;
use super::super::conversation::{Answer, Conversation, Heard, Refused};
use super::super::feed::Intake;
use super::super::quirks;
use super::super::startup::{Facts, Standing, Startup, Step};
use crate::config;
use crate::message::Memory;
use crate::signal::Slots;
use crate::time::Tick;

/// What is asked, and what the modem says to it.
type Chat = &'static [(&'static str, &'static str)];

const OK: &str = "\r\nOK\r\n";
const ERROR: &str = "\r\nERROR\r\n";

/// An EC25 as RutOS leaves it: messages in ME, no reports.
const EC25: Chat = &[
    ("ATE0", "ATE0\r\r\nOK\r\n"),
    ("AT+CMEE=1", OK),
    ("AT+CGMI", "\r\nQuectel\r\n\r\nOK\r\n"),
    ("AT+CGMM", "\r\nEC25\r\n\r\nOK\r\n"),
    ("AT+CGMR", "\r\nEC25EFAR06A06M4G\r\n\r\nOK\r\n"),
    ("AT+CGSN", "\r\n861107030000017\r\n\r\nOK\r\n"),
    ("AT+CPIN?", "\r\n+CPIN: READY\r\n\r\nOK\r\n"),
    ("AT+CIMI", "\r\n001010000000001\r\n\r\nOK\r\n"),
    ("AT+QCCID", "\r\n+QCCID: 89490200001234567890\r\n\r\nOK\r\n"),
    ("AT+CMGF=0", OK),
    ("AT+CSCA?", "\r\n+CSCA: \"+12025550100\",145\r\n\r\nOK\r\n"),
    (
        "AT+CSMS?",
        "\r\n+CSMS: 0,1,1,1\r\n\r\n+CMTI: \"ME\",4\r\n\r\nOK\r\n",
    ),
    (
        "AT+CPMS?",
        "\r\n+CPMS: \"ME\",5,255,\"ME\",5,255,\"ME\",5,255\r\n\r\nOK\r\n",
    ),
    (
        "AT+CPMS=\"SM\",\"SM\",\"SM\"",
        "\r\n+CPMS: 3,50,3,50,3,50\r\n\r\nOK\r\n",
    ),
    (
        "AT+CPMS?",
        "\r\n+CPMS: \"SM\",3,50,\"SM\",3,50,\"SM\",3,50\r\n\r\nOK\r\n",
    ),
    ("AT+CNMI?", "\r\n+CNMI: 2,1,0,0,0\r\n\r\nOK\r\n"),
    ("AT+CNMI=2,1,0,2,0", OK),
    ("AT+CREG=2", OK),
    ("AT+CEREG=2", OK),
    ("AT+CLIP=1", OK),
];

/// An SLM750: prefixed identity, no vendor ICCID prefix, no stored reports.
const SLM750: Chat = &[
    ("ATE0", "ATE0\r\r\nOK\r\n"),
    ("AT+CMEE=1", OK),
    ("AT+CGMI", "\r\n+CGMI: \"MEIG INCORPORATED\"\r\n\r\nOK\r\n"),
    ("AT+CGMM", "\r\n+CGMM: \"SLM750\"\r\n\r\nOK\r\n"),
    ("AT+CGMR", "\r\n+CGMR: \"SLM750_4.0.6_EQ101\"\r\n\r\nOK\r\n"),
    ("AT+CGSN", "\r\n863958040000025\r\n\r\nOK\r\n"),
    ("AT+CPIN?", "\r\n+CPIN: READY\r\n\r\nOK\r\n"),
    ("AT+CIMI", "\r\n001010000000001\r\n\r\nOK\r\n"),
    ("AT+ICCID", "\r\nICCID: 89490200001234567890\r\n\r\nOK\r\n"),
    ("AT+CMGF=0", OK),
    ("AT+CSCA?", "\r\n+CSCA: \"+12025550100\",145\r\n\r\nOK\r\n"),
    ("AT+CSMS?", "\r\n+CSMS: 1,1,1,1\r\n\r\nOK\r\n"),
    (
        "AT+CPMS?",
        "\r\n+CPMS: \"SM\",0,40,\"SM\",0,40,\"SM\",0,40\r\n\r\nOK\r\n",
    ),
    ("AT+CNMI?", "\r\n+CNMI: 0,0,0,0,0\r\n\r\nOK\r\n"),
    ("AT+CNMI=2,1,0,2,0", "\r\n+CMS ERROR: 303\r\n"),
    ("AT+CNMI=2,1,0,1,0", OK),
    ("AT+CREG=2", OK),
    ("AT+CEREG=2", OK),
    ("AT+CLIP=1", OK),
];

/// A modem that knows little and says no to the rest.
const MINIMAL: Chat = &[
    ("ATE0", OK),
    ("AT+CMEE=1", ERROR),
    ("AT+CGMI", "\r\nAcme\r\n\r\nOK\r\n"),
    ("AT+CGMM", ERROR),
    ("AT+CGMR", ERROR),
    ("AT+CGSN", "\r\n350000000000006\r\n\r\nOK\r\n"),
    ("AT+CPIN?", ERROR),
    ("AT+CIMI", ERROR),
    ("AT+CCID", ERROR),
    ("AT+CMGF=0", OK),
    ("AT+CSCA?", ERROR),
    ("AT+CSMS?", ERROR),
    ("AT+CPMS?", "\r\n+CPMS: \"SM\",1,10\r\n\r\nOK\r\n"),
    ("AT+CPMS=\"SM\",\"SM\",\"SM\"", ERROR),
    ("AT+CPMS=\"SM\"", OK),
    ("AT+CPMS?", "\r\n+CPMS: \"SM\",1,10\r\n\r\nOK\r\n"),
    ("AT+CNMI?", ERROR),
    ("AT+CNMI=2,1,0,2,0", ERROR),
    ("AT+CNMI=2,1,0,1,0", ERROR),
    ("AT+CNMI=1,1,0,2,0", ERROR),
    ("AT+CNMI=1,1,0,1,0", ERROR),
    ("AT+CNMI=2,1,0,2,1", ERROR),
    ("AT+CNMI=2,1,0,0,0", ERROR),
    ("AT+CNMI=1,1,0,0,0", OK),
    ("AT+CREG=2", OK),
    ("AT+CEREG=2", ERROR),
    ("AT+CLIP=1", OK),
];

/// One that has a single memory and does not say so, boots while it is asked, and answers without line ends of its own.
const ONE_MEMORY: Chat = &[
    ("ATE0", "ATE0\rOK\r"),
    ("AT+CMEE=1", "ERROR\n"),
    ("AT+CGMI", "Call Ready\nAcme\nOK\n"),
    ("AT+CGMM", "SMS Ready\nOne\nOK\n"),
    ("AT+CGMR", ERROR),
    ("AT+CGSN", ERROR),
    ("AT+CPIN?", "+CPIN: READY\nOK\n"),
    ("AT+CIMI", ERROR),
    ("AT+CCID", "89490200001234567890\nOK\n"),
    ("AT+CMGF=0", OK),
    ("AT+CSCA?", ERROR),
    ("AT+CSMS?", ERROR),
    ("AT+CPMS?", "+CPMS: 1,20,1,20\nOK\n"),
    ("AT+CPMS=\"SM\",\"SM\",\"SM\"", ERROR),
    ("AT+CPMS=\"SM\"", ERROR),
    ("AT+CPMS?", "+CPMS: 1,20,1,20\nOK\n"),
    ("AT+CNMI?", "+CNMI: 2,1,0,2,0\nOK\n"),
    ("AT+CREG=2", OK),
    ("AT+CEREG=2", ERROR),
    ("AT+CLIP=1", OK),
];

#[test]
fn a_modem_that_does_not_name_its_memory_has_the_configured_one() {
    let facts = facts(ONE_MEMORY, &modem());
    assert_eq!(facts.identity.manufacturer.as_deref(), Some("Acme"));
    assert_eq!(facts.identity.model.as_deref(), Some("One"));
    assert_eq!(facts.sim.iccid.as_deref(), Some("89490200001234567890"));
    assert_eq!(facts.slots, Some(Slots { used: 1, total: 20 }));
    assert_eq!(
        (facts.memory, facts.reading),
        (Some(Memory::Sim), Some(Memory::Sim))
    );
    assert!(facts.counts && facts.elsewhere.is_none());
}

/// The answer to `command` when the modem says `said`, cut at `cut`.
fn answer(command: Command, said: &str, cut: usize) -> Answer {
    let mut talk = Conversation::default();
    talk.begin(command, Tick(0));
    let mut intake = Intake::default();
    let mut answer = None;
    for piece in [&said.as_bytes()[..cut], &said.as_bytes()[cut..]] {
        intake.push(piece);
        while let Some(item) = intake.next(talk.awaits_prompt()) {
            if let Heard::Answer(got) = talk.on(item, Tick(0)) {
                answer = Some(got);
            }
        }
    }
    answer.unwrap_or_else(|| panic!("no answer in {said:?}"))
}

/// Holds the conversation; every command asked must be the table's next. Pauses are skipped.
fn hold(chat: Chat, mut startup: Startup, cut: usize) -> (Standing, Startup) {
    let mut chat = chat.iter();
    loop {
        match startup.next() {
            Step::Ask(command) => {
                let (expected, said) = chat.next().unwrap_or(&("nothing", ERROR));
                assert_eq!(command.text, *expected);
                startup.hear(answer(command, said, cut.min(said.len())));
            }
            Step::Pause(_) => {}
            Step::Done(standing) => {
                assert_eq!(chat.next(), None, "left over");
                return (standing, startup);
            }
        }
    }
}

fn modem() -> config::Modem {
    config::Modem::default()
}

/// Holds it cut at every byte; the facts, which must always be the same.
fn facts(chat: Chat, modem: &config::Modem) -> Facts {
    let mut all: Vec<Facts> = (0..90)
        .map(|cut| {
            let (standing, startup) = hold(chat, Startup::new(modem.clone(), None, None), cut);
            assert_eq!(standing, Standing::Ready);
            startup.facts().clone()
        })
        .collect();
    all.dedup();
    assert_eq!(all.len(), 1);
    all.remove(0)
}

#[test]
fn an_ec25_is_started() {
    let facts = facts(EC25, &modem());
    assert_eq!(facts.identity.model.as_deref(), Some("EC25"));
    assert_eq!(facts.sim.iccid.as_deref(), Some("89490200001234567890"));
    assert_eq!(facts.sim.smsc.as_deref(), Some("+12025550100"));
    assert_eq!(facts.sim.state.as_deref(), Some("ready"));
    assert_eq!(facts.slots, Some(Slots { used: 3, total: 50 }));
    assert_eq!(facts.memory, Some(Memory::Sim));
    assert_eq!(facts.elsewhere, Some(Memory::Modem));
    assert!(facts.notifies && !facts.acknowledges);
}

#[test]
fn where_messages_were_kept_is_looked_at_even_when_nothing_lay_there_yet() {
    let all = [
        "\r\n+CPMS: \"ME\",0,255,\"ME\",0,255,\"ME\",0,255\r\n\r\nOK\r\n",
        "\r\n+CPMS: \"SM\",0,50,\"ME\",2,255,\"ME\",2,255\r\n\r\nOK\r\n",
    ];
    for said in all {
        let mut chat = EC25.to_vec();
        let asked = chat.iter_mut().find(|(asked, _)| *asked == "AT+CPMS?");
        asked.unwrap().1 = said;
        let facts = facts(chat.leak(), &modem());
        assert_eq!(facts.elsewhere, Some(Memory::Modem), "{said}");
    }
}

#[test]
fn an_slm750_is_started_and_left_as_it_is_where_that_will_do() {
    let facts = facts(SLM750, &modem());
    assert_eq!(
        facts.identity.manufacturer.as_deref(),
        Some("MEIG INCORPORATED")
    );
    assert_eq!(facts.sim.iccid.as_deref(), Some("89490200001234567890"));
    assert!(facts.notifies && facts.acknowledges);
}

#[test]
fn a_minimal_modem_s_refusals_stop_nothing() {
    let facts = facts(MINIMAL, &modem());
    assert_eq!(facts.slots, Some(Slots { used: 1, total: 10 }));
    assert_eq!(facts.memory, Some(Memory::Sim));
    assert!(facts.counts && facts.notifies && !facts.acknowledges);
}

/// The head every chat shares, up to the PIN.
macro_rules! locked {
    ($($line:expr),* $(,)?) => {
        &[
            ("ATE0", OK),
            ("AT+CMEE=1", OK),
            ("AT+CGMI", "\r\nQuectel\r\n\r\nOK\r\n"),
            ("AT+CGMM", "\r\nEC25\r\n\r\nOK\r\n"),
            ("AT+CGMR", ERROR),
            ("AT+CGSN", ERROR),
            ("AT+CPIN?", "\r\n+CPIN: SIM PIN\r\n\r\nOK\r\n"),
            $($line),*
        ]
    };
}

const WRONG_PIN: Chat = locked![
    ("AT+QPINC=\"SC\"", "\r\n+QPINC: \"SC\",3,10\r\n\r\nOK\r\n"),
    ("AT+CPIN=\"1234\"", "\r\n+CME ERROR: 16\r\n"),
];
const NOT_TRIED: Chat = locked![];
const TRY_SPENT: Chat = locked![("AT+QPINC=\"SC\"", "\r\n+QPINC: \"SC\",2,10\r\n\r\nOK\r\n")];

fn with_pin(pin: &str) -> config::Modem {
    config::Modem {
        pincode: Some(String::from(pin)),
        ..modem()
    }
}

#[test]
fn a_wrong_pin_is_entered_once_and_never_again() {
    let startup = Startup::new(with_pin("1234"), None, None);
    let (standing, startup) = hold(WRONG_PIN, startup, 0);
    assert_eq!(standing, Standing::SimPin);
    let refused = startup.refused_pin().cloned();
    assert_eq!(refused.as_deref(), Some("1234"));
    let again = Startup::new(with_pin("1234"), None, refused);
    let (standing, startup) = hold(NOT_TRIED, again, 0);
    assert_eq!(standing, Standing::SimPin);
    // Another PIN is another matter.
    let mut startup = Startup::new(with_pin("4321"), None, startup.refused_pin().cloned());
    for (_, said) in NOT_TRIED {
        let Step::Ask(command) = startup.next() else {
            panic!("a question")
        };
        startup.hear(answer(command, said, 0));
    }
    assert!(matches!(startup.next(), Step::Ask(command) if command.text == "AT+QPINC=\"SC\""));
    // It counts as refused from the moment it is sent until the SIM is seen to be ready.
    startup.hear(Err(Refused::Error));
    assert!(matches!(startup.next(), Step::Ask(command) if command.text == "AT+CPIN=\"4321\""));
    assert_eq!(startup.refused_pin().map(String::as_str), Some("4321"));
    startup.hear(Ok(Vec::new()));
    assert!(matches!(startup.next(), Step::Pause(_)));
    let Step::Ask(command) = startup.next() else {
        panic!("a question")
    };
    startup.hear(answer(command, "+CPIN: READY\r\nOK\r\n", 0));
    assert_eq!(startup.refused_pin(), None);
}

#[test]
fn a_pin_is_not_entered_on_a_sim_that_has_spent_a_try() {
    let (standing, _) = hold(TRY_SPENT, Startup::new(with_pin("1234"), None, None), 0);
    assert_eq!(standing, Standing::SimPin);
    let (standing, _) = hold(NOT_TRIED, Startup::new(modem(), None, None), 0);
    assert_eq!(standing, Standing::SimPin);
}

const NO_SIM: Chat = &[
    ("ATE0", OK),
    ("AT+CMEE=1", OK),
    ("AT+CGMI", ERROR),
    ("AT+CGMM", ERROR),
    ("AT+CGMR", ERROR),
    ("AT+CGSN", ERROR),
    ("AT+CPIN?", "\r\n+CME ERROR: 14\r\n"),
    ("AT+CPIN?", "\r\n+CME ERROR: 10\r\n"),
];

#[test]
fn a_busy_sim_is_asked_again_and_a_missing_one_is_told() {
    let quirks = quirks::by_usb("2c7c", "0125");
    let (standing, startup) = hold(NO_SIM, Startup::new(modem(), quirks, None), 0);
    assert_eq!(standing, Standing::SimAbsent);
    assert_eq!(startup.facts().sim.state.as_deref(), Some("absent"));
    assert_eq!(startup.quirks().control, 2);
}

#[test]
fn a_modem_that_still_starts_is_asked_for_pdu_mode_and_its_memory_until_it_answers() {
    const BUSY: &str = "\r\n+CMS ERROR: 314\r\n";
    let mut chat = EC25.to_vec();
    for command in ["AT+CMGF=0", "AT+CPMS?"] {
        let first = chat
            .iter()
            .position(|(asked, _)| *asked == command)
            .unwrap();
        chat.splice(first..first, [(command, BUSY); 3]);
    }
    let last = chat
        .iter()
        .rposition(|(asked, _)| *asked == "AT+CPMS?")
        .unwrap();
    chat.insert(last, ("AT+CPMS?", "\r\n+CME ERROR: 100\r\n"));
    assert_eq!(facts(chat.leak(), &modem()), facts(EC25, &modem()));
}

#[test]
fn a_sim_that_leaves_while_the_modem_is_started_is_missed() {
    let set = EC25
        .iter()
        .position(|(asked, _)| asked.starts_with("AT+CPMS="))
        .unwrap();
    for at in [set - 1, set, set + 1] {
        for refusal in ["\r\n+CMS ERROR: 310\r\n", "\r\n+CME ERROR: 11\r\n"] {
            let mut chat = EC25[..=at].to_vec();
            chat[at].1 = refusal;
            let startup = Startup::new(modem(), quirks::by_usb("2c7c", "0125"), None);
            let (standing, startup) = hold(chat.leak(), startup, 0);
            assert_eq!(standing, Standing::SimAbsent, "{at} {refusal}");
            assert_eq!(startup.facts().sim.state.as_deref(), Some("absent"));
        }
    }
}
