//! Decider: the calls about voice calls, USSD and raw AT — what the modem shall do, and what is answered when it has done
//! it. Never asks the modem itself, and lets nobody dial a code.

use super::answer::Answer;
use super::ask::Ask;
use super::desk::Desk;
use super::json_calls::{AtJson, CallJson, Calls, NewAt, NewCall, NewUssd, UssdJson};
use super::messages::read;
use super::problem::{Code, Problem};
use crate::message::Number;
use crate::modem::{Done, Errand};

/// The longest USSD string, characters of GSM 7-bit (23.038 clause 5 with 24.090's 160 octets).
const LONGEST_CODE: usize = 182;

/// `GET /calls`.
pub fn list(desk: &Desk, ask: &Ask) -> Result<Answer, Problem> {
    ask.params()?.done()?;
    Ok(Answer::json(200, &calls(desk)))
}

fn calls(desk: &Desk) -> Calls {
    let radio = desk.rooms.signal.borrow();
    Calls {
        calls: radio.call.iter().map(CallJson::from).collect(),
    }
}

/// `POST /calls`: whom the owner's limits let nobody text, nobody calls. Emergency numbers (22.101 10.1.1) always.
pub fn dial(desk: &Desk, ask: &Ask) -> Result<Errand, Problem> {
    let call: NewCall = read(ask)?;
    let number = Number::parse(&call.to)?;
    if number.as_str().contains(['*', '#']) {
        let why = "only numbers are called; a code goes to /ussd";
        return Err(Problem::new(Code::BadNumber, why));
    }
    let emergency = matches!(number.as_str(), "112" | "911");
    if !emergency && !desk.rooms.outbox.borrow().may_send_to(&number) {
        let why = "option deny or only of section limits says so";
        return Err(Problem::new(Code::NumberDenied, why));
    }
    Ok(Errand::Dial(number))
}

/// `DELETE /calls/current`.
pub fn hang_up(_desk: &Desk, _ask: &Ask) -> Result<Errand, Problem> {
    Ok(Errand::HangUp)
}

/// `POST /calls/current/answer`.
pub fn answer(_desk: &Desk, _ask: &Ask) -> Result<Errand, Problem> {
    Ok(Errand::Answer)
}

/// `POST /ussd`.
pub fn ussd(_desk: &Desk, ask: &Ask) -> Result<Errand, Problem> {
    let NewUssd { code } = read(ask)?;
    let is_code = |byte: u8| (0x20..0x7f).contains(&byte) && byte != b'"';
    if !(1..=LONGEST_CODE).contains(&code.len()) || !code.bytes().all(is_code) {
        let why = "a code is 1 to 182 visible ASCII characters without a quote";
        return Err(Problem::new(Code::BadCommand, why));
    }
    Ok(Errand::Ussd(code))
}

/// `POST /at`.
pub fn at(desk: &Desk, ask: &Ask) -> Result<Errand, Problem> {
    if !desk.config().modem.allow_at {
        let why = "set option allow_at of section modem to 1";
        return Err(Problem::new(Code::AtNotAllowed, why));
    }
    let NewAt { command } = read(ask)?;
    Ok(Errand::Raw(command))
}

/// The answer when it is done.
pub fn answered(desk: &Desk, errand: &Errand, done: Done) -> Answer {
    match done {
        Done::Ussd { text, more } => Answer::json(200, &UssdJson { text, more }),
        Done::Raw { lines, result } => Answer::json(200, &AtJson { lines, result }),
        Done::Nothing => match errand {
            Errand::Dial(_) => Answer::json(202, &calls(desk)),
            Errand::Answer => Answer::json(200, &calls(desk)),
            Errand::HangUp | Errand::Ussd(_) | Errand::Raw(_) => Answer::no_content(),
        },
    }
}
