//! Decider: voice calls and USSD. Never speaks for the other party: the control socket does.

use serde_json::Value;

use super::super::command::{Command, Form};
use super::super::engine::{Answer, BAD_PARAMETERS, NOT_ALLOWED, Reply, line, ok};
use super::super::modem::{Action, Call, Modem};
use super::need_sim;
use crate::time::Now;

/// Between two RINGs.
const RING_MS: u64 = 3_000;

pub(super) fn run(modem: &mut Modem, command: &Command, now: Now) -> Option<Answer> {
    Some(match command.name.as_str() {
        "+CLIP" => clip(modem, command),
        "D" => dial(modem, command.text(0)),
        "A" => answer(modem),
        "H" | "+CHUP" => hang_up(modem),
        "+CLCC" => list(modem),
        "+CUSD" => ussd(modem, command, now),
        _ => return None,
    })
}

fn clip(modem: &mut Modem, command: &Command) -> Answer {
    match command.form {
        Form::Read => line(format!("+CLIP: {},1", u8::from(modem.settings.clip))),
        Form::Test => line("+CLIP: (0,1)"),
        Form::Execute | Form::Set => {
            modem.settings.clip = command.number(0) == Some(1);
            ok()
        }
    }
}

fn dial(modem: &mut Modem, number: &str) -> Answer {
    need_sim(modem)?;
    let Some(number) = number.strip_suffix(';') else {
        return Ok(Reply::Final("NO CARRIER"));
    };
    if modem.call.is_some() {
        return Err(NOT_ALLOWED);
    }
    if !modem.network.registered() {
        return Ok(Reply::Final("NO CARRIER"));
    }
    modem.call = Some(Call {
        number: String::from(number),
        incoming: false,
        active: false,
    });
    ok()
}

fn answer(modem: &mut Modem) -> Answer {
    match &mut modem.call {
        Some(call) if call.incoming && !call.active => {
            call.active = true;
            modem.forget(|action| matches!(action, Action::Ring));
            ok()
        }
        _ => Ok(Reply::Final("NO CARRIER")),
    }
}

fn hang_up(modem: &mut Modem) -> Answer {
    modem.call = None;
    modem.forget(|action| matches!(action, Action::Ring));
    ok()
}

/// 27.007 7.18: `<dir>`, `<stat>` 0 active, 3 alerting, 4 incoming.
fn list(modem: &Modem) -> Answer {
    let Some(call) = &modem.call else {
        return ok();
    };
    let stat = match (call.active, call.incoming) {
        (true, _) => 0,
        (false, false) => 3,
        (false, true) => 4,
    };
    let kind = kind_of(&call.number);
    line(format!(
        "+CLCC: 1,{},{stat},0,0,\"{}\",{kind}",
        u8::from(call.incoming),
        call.number
    ))
}

/// `<type>` of 24.008 10.5.4.7: 145 international, 128 not told, 129 anything else.
fn kind_of(number: &str) -> u8 {
    match number {
        "" => 128,
        _ if number.starts_with('+') => 145,
        _ => 129,
    }
}

/// `+CUSD` with this answer.
fn ussd_line(answer: &str) -> String {
    let given: Value = serde_json::from_str(answer).unwrap_or(Value::Null);
    let number =
        |name: &str, default: u64| given.get(name).and_then(Value::as_u64).unwrap_or(default);
    let text = given.get("text").and_then(Value::as_str).unwrap_or(answer);
    let (how, dcs) = (number("m", 0), number("dcs", 15));
    let text = match dcs & 0x4c {
        0x48 => text
            .encode_utf16()
            .map(|unit| format!("{unit:04X}"))
            .collect(),
        _ => text.replace('\n', "\r\n"),
    };
    format!("+CUSD: {how},\"{text}\",{dcs}")
}

impl Modem {
    /// The phone rings, and will again, while an incoming call is not answered.
    pub(in super::super) fn ring(&mut self, now: Now) {
        let Some(call) = self
            .call
            .clone()
            .filter(|call| call.incoming && !call.active)
        else {
            return;
        };
        self.notify("RING");
        if self.settings.clip {
            self.notify(&format!(
                "+CLIP: \"{}\",{},,,,{}",
                call.number,
                kind_of(&call.number),
                u8::from(call.number.is_empty())
            ));
        }
        self.later(now, RING_MS, Action::Ring);
    }

    /// The other party goes, and this is how the modem says it.
    pub(in super::super) fn call_ends(&mut self, how: &str) {
        self.forget(|action| matches!(action, Action::Ring));
        if self.call.take().is_some() {
            self.notify(how);
        }
    }
}

fn ussd(modem: &mut Modem, command: &Command, now: Now) -> Answer {
    need_sim(modem)?;
    match (command.form, command.number(0)) {
        (Form::Read, _) => line("+CUSD: 1"),
        (Form::Test, _) => line("+CUSD: (0-2)"),
        (_, Some(0 | 2)) => ok(),
        (_, Some(1)) if command.text(1).is_empty() => ok(),
        (_, Some(1)) => {
            let urc = match modem.network.ussd_answer(command.text(1)) {
                Some("none") => return ok(),
                Some(answer) => ussd_line(answer),
                None => String::from("+CUSD: 4"),
            };
            modem.later(now, modem.network.delay_ms, Action::Notify(urc));
            ok()
        }
        _ => Err(BAD_PARAMETERS),
    }
}
