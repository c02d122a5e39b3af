//! Decider: what each control line does to the modem and its network. Never parses a line's first word: `control.rs`
//! does, and documents them all.

use serde_json::{Map, Value, json};

use super::control::Outcome;
use super::faults::UnplugAfter;
use super::modem::{Action, Call, Lock, Modem, Scripted};
use super::network::{Incoming, Kind, Levels, Reports};
use super::pdu;
use crate::message::Memory;
use crate::time::Now;

const DONE: Outcome = Ok(Value::Null);

fn number<T: std::str::FromStr>(text: &str) -> Result<T, String> {
    text.parse()
        .map_err(|_| format!("{text:?} is no number that fits here"))
}

fn unknown(text: &str) -> Outcome {
    Err(format!(
        "{text:?} is not understood; help shows how it is said"
    ))
}

/// `on` or `off`.
pub(super) fn switch(text: &str, on: &mut bool) -> Outcome {
    *on = match text {
        "on" => true,
        "off" => false,
        _ => return unknown(text),
    };
    DONE
}

pub(super) fn air(modem: &mut Modem, rest: &str, _: Now) -> Outcome {
    let first = if rest.is_empty() { 1 } else { number(rest)? };
    Ok(json!({"air": modem.network.air_json(first)}))
}

pub(super) fn at_log(modem: &mut Modem, rest: &str, _: Now) -> Outcome {
    let last = if rest.is_empty() {
        usize::MAX
    } else {
        number(rest)?
    };
    let count = modem.heard.len();
    let lines = (1_usize..)
        .zip(&modem.heard)
        .skip(count.saturating_sub(last));
    let lines: Vec<Value> = lines
        .map(|(number, heard)| json!({"n": number, "ms": heard.at_ms, "line": heard.line}))
        .collect();
    Ok(json!({"heard": lines, "count": count}))
}

pub(super) fn slots(modem: &mut Modem, _: &str, _: Now) -> Outcome {
    let mut both = Map::new();
    for memory in [Memory::Sim, Memory::Modem] {
        let listed = modem.stores.list(memory).into_iter();
        let used: Vec<Value> = listed
            .map(|(index, stored)| json!({"index": index, "stat": stored.stat as u8, "pdu": pdu::hex(&stored.pdu)}))
            .collect();
        let total = modem.stores.usage(memory).1;
        both.insert(
            String::from(memory.as_str()),
            json!({"total": total, "used": used}),
        );
    }
    Ok(Value::Object(both))
}

pub(super) fn state(modem: &mut Modem, _: &str, _: Now) -> Outcome {
    Ok(json!({
        "model": modem.profile.model, "plugged": modem.plug.plugged, "link": modem.plug.link,
        "registration": modem.network.registration, "queue": modem.network.queue.len(),
        "delivered": modem.network.delivered, "air": modem.network.air.len(), "heard": modem.heard.len(),
        "sim": modem.sim.present, "call": call_state(modem), "cnmi": modem.settings.cnmi,
        "number": modem.call.as_ref().map(|call| call.number.as_str()),
    }))
}

/// `none`, `ringing`, `dialling` or `active`.
pub(super) fn call_state(modem: &Modem) -> &'static str {
    match &modem.call {
        None => "none",
        Some(call) if call.active => "active",
        Some(call) if call.incoming => "ringing",
        Some(_) => "dialling",
    }
}

pub(super) fn fail(modem: &mut Modem, rest: &str, _: Now) -> Outcome {
    if rest == "off" {
        modem.faults.calm();
        return DONE;
    }
    let mut words = rest.split_whitespace();
    let count = number(words.next().unwrap_or(""))?;
    let code = number(words.next().unwrap_or(""))?;
    modem
        .faults
        .storm(count, code, words.next().map(String::from));
    DONE
}

pub(super) fn delay(modem: &mut Modem, rest: &str, _: Now) -> Outcome {
    modem.network.delay_ms = number(rest)?;
    DONE
}

pub(super) fn lose_answer(modem: &mut Modem, rest: &str, _: Now) -> Outcome {
    modem.faults.lose_answers = number(rest)?;
    DONE
}

pub(super) fn unplug_after(modem: &mut Modem, rest: &str, _: Now) -> Outcome {
    modem.faults.unplug_after = match rest {
        "prompt" => Some(UnplugAfter::Prompt),
        "start" => Some(UnplugAfter::Start),
        "pdu" => Some(UnplugAfter::Pdu),
        "off" => None,
        _ => return unknown(rest),
    };
    DONE
}

pub(super) fn calm(modem: &mut Modem, _: &str, now: Now) -> Outcome {
    modem.faults.end();
    modem.network.delay_ms = 0;
    modem.network.reports = Reports::After(0);
    modem.forget(|action| matches!(action, Action::Order(_) | Action::Unhang));
    modem.sim.present = true;
    modem.network.registration = 1;
    modem.registration_changed();
    modem.replug(None, now);
    DONE
}

pub(super) fn unplug(modem: &mut Modem, _: &str, _: Now) -> Outcome {
    modem.unplug();
    DONE
}

pub(super) fn replug(modem: &mut Modem, rest: &str, now: Now) -> Outcome {
    modem.replug((!rest.is_empty()).then(|| rest.into()), now);
    DONE
}

pub(super) fn hang(modem: &mut Modem, rest: &str, now: Now) -> Outcome {
    match rest {
        "on" => modem.hang(true, now),
        "off" => modem.hang(false, now),
        _ => {
            let ms = number(rest)?;
            modem.hang(true, now);
            modem.later(now, ms, Action::Unhang);
        }
    }
    DONE
}

pub(super) fn garbage(modem: &mut Modem, rest: &str, _: Now) -> Outcome {
    let bytes: Vec<u8> = match rest.strip_prefix("random") {
        Some(count) => {
            let count: u32 = number(count.trim())?;
            (0..count).map(|_| modem.faults.random() as u8).collect()
        }
        None => pdu::unhex(rest).ok_or("garbage is hexadecimal")?,
    };
    modem.output.extend(bytes);
    DONE
}

pub(super) fn urc(modem: &mut Modem, rest: &str, _: Now) -> Outcome {
    modem.notify(rest);
    DONE
}

pub(super) fn signal(modem: &mut Modem, rest: &str, _: Now) -> Outcome {
    let given: Map<String, Value> = serde_json::from_str(rest).map_err(|why| why.to_string())?;
    let mut merged = serde_json::to_value(modem.network.levels).map_err(|why| why.to_string())?;
    if let Some(fields) = merged.as_object_mut() {
        fields.extend(given);
    }
    let levels: Levels = serde_json::from_value(merged).map_err(|why| why.to_string())?;
    let moved = levels.act != modem.network.levels.act;
    modem.network.levels = levels;
    if moved {
        modem.registration_changed();
    }
    DONE
}

pub(super) fn registration(modem: &mut Modem, rest: &str, now: Now) -> Outcome {
    modem.network.registration = number(rest)?;
    modem.registration_changed();
    modem.pump(now);
    DONE
}

pub(super) fn ring(modem: &mut Modem, rest: &str, now: Now) -> Outcome {
    if rest == "stop" {
        modem.call_ends("NO CARRIER");
        return DONE;
    }
    if modem.call.is_some() {
        return Err(String::from("the line is taken"));
    }
    let from: Value = serde_json::from_str(rest).unwrap_or_else(|_| json!({ "from": rest }));
    let from = from.get("from").and_then(Value::as_str).unwrap_or("");
    modem.call = Some(Call {
        number: String::from(if from == "withheld" { "" } else { from }),
        incoming: true,
        active: false,
    });
    modem.ring(now);
    DONE
}

pub(super) fn call(modem: &mut Modem, rest: &str, _: Now) -> Outcome {
    let Some(call) = &mut modem.call else {
        return Err(String::from("there is no call"));
    };
    match rest {
        "answer" if !call.incoming => call.active = true,
        "end" => modem.call_ends("NO CARRIER"),
        "busy" => modem.call_ends("BUSY"),
        "no-answer" => modem.call_ends("NO ANSWER"),
        _ => return unknown(rest),
    }
    DONE
}

pub(super) fn report(modem: &mut Modem, rest: &str, now: Now) -> Outcome {
    modem.network.reports = match rest.split_whitespace().collect::<Vec<_>>().as_slice() {
        ["auto"] => Reports::After(0),
        ["early"] => Reports::Before(0),
        ["off"] => Reports::Off,
        ["status", status] => Reports::After(number(status)?),
        _ => return report_now(modem, rest, now),
    };
    DONE
}

fn report_now(modem: &mut Modem, rest: &str, now: Now) -> Outcome {
    let fields: Value = serde_json::from_str(rest).map_err(|why| why.to_string())?;
    let octet = |name: &str| {
        fields
            .get(name)
            .and_then(Value::as_u64)
            .and_then(|value| u8::try_from(value).ok())
    };
    let reference = octet("mr").ok_or("report needs \"mr\"")?;
    let to = fields
        .get("to")
        .and_then(Value::as_str)
        .ok_or("report needs \"to\"")?;
    let status = octet("status").unwrap_or(0);
    let pdu = pdu::status_report(
        &modem.network.smsc,
        reference,
        to,
        status,
        now.wall.unix_s(),
    );
    modem.network.queue.push_back(Incoming {
        kind: Kind::Report,
        pdu,
        silent: false,
    });
    modem.pump(now);
    DONE
}

pub(super) fn reference(modem: &mut Modem, rest: &str, _: Now) -> Outcome {
    modem.network.reference = number(rest)?;
    DONE
}

pub(super) fn sim(modem: &mut Modem, rest: &str, now: Now) -> Outcome {
    let urc = match rest {
        "removed" => "+CPIN: NOT READY",
        "inserted" => "+CPIN: READY",
        _ => return unknown(rest),
    };
    modem.sim.present = rest == "inserted";
    if modem.sim.present && !modem.sim.pin.is_empty() {
        modem.sim.lock = Lock::Pin;
    } else {
        modem.notify(urc);
    }
    modem.registration_changed();
    modem.pump(now);
    DONE
}

pub(super) fn size(modem: &mut Modem, rest: &str, now: Now) -> Outcome {
    let (memory, slots) = match rest.split_once(char::is_whitespace) {
        Some(("SM", slots)) => (Memory::Sim, slots),
        Some(("ME", slots)) => (Memory::Modem, slots),
        _ => return unknown(rest),
    };
    modem
        .stores
        .resize(memory, number::<u8>(slots.trim())?.into());
    modem.pump(now);
    DONE
}

pub(super) fn ussd(modem: &mut Modem, rest: &str, _: Now) -> Outcome {
    let (code, answer) = rest
        .split_once(' ')
        .ok_or("ussd needs a code and an answer")?;
    modem
        .network
        .ussd
        .push((String::from(code), String::from(answer)));
    DONE
}

pub(super) fn script(modem: &mut Modem, rest: &str, _: Now) -> Outcome {
    let (line, reply) = rest.split_once("->").ok_or("on needs LINE -> REPLY")?;
    let line = line.trim();
    let reply = reply
        .split('|')
        .map(|part| String::from(part.trim()))
        .filter(|part| !part.is_empty());
    modem.scripts.push(Scripted {
        line: String::from(line.trim_end_matches('*')),
        beginning: line.ends_with('*'),
        reply: reply.collect(),
    });
    DONE
}

pub(super) fn forget(modem: &mut Modem, rest: &str, _: Now) -> Outcome {
    let line = rest.trim_end_matches('*');
    modem.scripts.retain(|script| script.line != line);
    DONE
}

pub(super) fn after(modem: &mut Modem, rest: &str, now: Now) -> Outcome {
    let (ms, order) = rest.split_once(' ').ok_or("after needs MS and an order")?;
    modem.later(now, number(ms)?, Action::Order(String::from(order)));
    DONE
}
