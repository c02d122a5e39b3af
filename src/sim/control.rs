//! Table: the control lines — what the socket and a chat file may order. Never waits: `wait-for` is the socket's.
//!
//! One order a line, one JSON object back: `{"ok":true,…}` or `{"ok":false,"error":"…"}`. A chat file holds the same
//! lines; blank ones and those that begin with `#` say nothing.
//!
//! | order | what it does |
//! |---|---|
//! | `deliver {"from":"+49151…","text":"…"}` | the network sends a message; more fields in [`super::deliver::Order`] |
//! | `air [N]` | what the modem put on the air, from message N (1) on: `{"air":[{n,ms,mr,to,text,alphabet,class,report,validity_min,link_kept,concat,pdu}]}` |
//! | `at-log [N]` | the last N command lines heard, `{"heard":[{n,ms,line}],"count"}` |
//! | `slots` | both stores: `{"SM":{"total","used":[{index,stat,pdu}]},"ME":…}` |
//! | `state` | registration, queue, deliveries, call, port, counts |
//! | `wait-for {"air":3,"at":"AT+CMGS","count":1,"since":0,"delivered":2,"queue":0,"call":"active","timeout_ms":5000}` | answers when all that is named holds: messages on the air, lines heard with this beginning (after line `since`), messages taken by the modem, messages still waiting in the network, the call's state (`none`, `ringing`, `dialling`, `active`); or fails after the time |
//! | `fail N CODE [NUMBER]`, `fail off` | the next N sends (to NUMBER) get `+CMS ERROR: CODE` |
//! | `delay MS` | from PDU to answer; the message is on the air at once |
//! | `lose-answer N` | the next N messages go on the air and are never answered |
//! | `unplug-after prompt\|pdu\|off` | the modem vanishes in the next send: before the PDU, or after it is on the air |
//! | `unplug`, `replug [LINK]` | the port vanishes; a new one comes, at LINK if given |
//! | `hang on\|off\|MS` | hears and says nothing (for MS milliseconds) |
//! | `garbage HEX`, `garbage random N` | these bytes come out of the port now |
//! | `cut on\|off` | output in pieces of a few bytes |
//! | `mute on\|off` | no notification reaches the port |
//! | `interleave on\|off` | notifications come in the middle of the next reply |
//! | `urc TEXT` | any notification |
//! | `signal {"act":7,"rssi":-65,"rsrp":-95,"rsrq":-9,"sinr":14,"rscp":null,"ecio":null}` | dBm and dB; null is "not known", what is not named stays |
//! | `registration N` | `<stat>` of 27.007 7.2: 0 none, 1 home, 2 searching, 3 denied, 5 roaming |
//! | `ring NUMBER`, `ring stop` | somebody calls, and gives up |
//! | `call answer\|end\|busy` | what the other party of a call does |
//! | `report auto\|early\|off`, `report status N` | status reports after the answer, before it, never; with this TP-ST |
//! | `report {"mr":7,"to":"+49…","status":0}` | one status report now |
//! | `mr N` | the next TP-MR |
//! | `sim removed\|inserted` | |
//! | `size SM\|ME N` | slots of a store |
//! | `ussd CODE ANSWER` | what `+CUSD` gets |
//! | `on LINE -> REPLY \| REPLY` | a scripted answer, the last being the final result; LINE may end in `*`; no reply is silence |
//! | `forget LINE` | undoes `on` |
//! | `after MS ORDER` | the order, later |
//! | `help` | this list, shortly |

use serde_json::{Map, Value, json};

use super::deliver;
use super::faults::UnplugAfter;
use super::modem::{Action, Call, Lock, Modem, Scripted};
use super::network::{Incoming, Kind, Levels, Reports};
use super::pdu;
use crate::message::Memory;
use crate::time::Now;

type Outcome = Result<Value, String>;
type Run = fn(&mut Modem, &str, Now) -> Outcome;

const ORDERS: &[(&str, &str, Run)] = &[
    ("deliver", "{\"from\",\"text\",…}", deliver::run),
    ("air", "[N]", air),
    ("at-log", "[N]", at_log),
    ("slots", "", slots),
    ("state", "", state),
    ("fail", "N CODE [NUMBER] | off", fail),
    ("delay", "MS", delay),
    ("lose-answer", "N", lose_answer),
    ("unplug-after", "prompt|pdu|off", unplug_after),
    ("unplug", "", unplug),
    ("replug", "[LINK]", replug),
    ("hang", "on|off|MS", hang),
    ("garbage", "HEX | random N", garbage),
    ("cut", "on|off", |modem, rest, _| {
        switch(rest, &mut modem.faults.cut)
    }),
    ("mute", "on|off", |modem, rest, _| {
        switch(rest, &mut modem.faults.muted)
    }),
    ("interleave", "on|off", |modem, rest, _| {
        switch(rest, &mut modem.faults.interleave)
    }),
    ("urc", "TEXT", urc),
    ("signal", "{…}", signal),
    ("registration", "N", registration),
    ("ring", "NUMBER | stop", ring),
    ("call", "answer|end|busy", call),
    ("report", "auto|early|off | status N | {…}", report),
    ("mr", "N", reference),
    ("sim", "removed|inserted", sim),
    ("size", "SM|ME N", size),
    ("ussd", "CODE ANSWER", ussd),
    ("on", "LINE -> REPLY | REPLY", script),
    ("forget", "LINE", forget),
    ("after", "MS ORDER", after),
    ("help", "", help),
];

/// Does one order.
pub(super) fn execute(modem: &mut Modem, line: &str, now: Now) -> Value {
    let line = line.trim();
    if line.is_empty() || line.starts_with('#') {
        return json!({"ok": true});
    }
    let (name, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
    let known = ORDERS.iter().find(|(known, ..)| *known == name);
    let outcome = match known {
        Some((_, _, run)) => run(modem, rest.trim(), now),
        None => Err(format!("no order {name:?}; help lists them")),
    };
    match outcome {
        Ok(Value::Object(mut fields)) => {
            fields.insert(String::from("ok"), json!(true));
            Value::Object(fields)
        }
        Ok(_) => json!({"ok": true}),
        Err(why) => json!({"ok": false, "error": why}),
    }
}

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

fn switch(text: &str, on: &mut bool) -> Outcome {
    *on = match text {
        "on" => true,
        "off" => false,
        _ => return unknown(text),
    };
    DONE
}

fn help(_: &mut Modem, _: &str, _: Now) -> Outcome {
    let usage: Vec<String> = ORDERS
        .iter()
        .map(|(name, args, _)| format!("{name} {args}"))
        .collect();
    Ok(json!({"orders": usage}))
}

fn air(modem: &mut Modem, rest: &str, _: Now) -> Outcome {
    let first = if rest.is_empty() { 1 } else { number(rest)? };
    Ok(json!({"air": modem.network.air_json(first)}))
}

fn at_log(modem: &mut Modem, rest: &str, _: Now) -> Outcome {
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

fn slots(modem: &mut Modem, _: &str, _: Now) -> Outcome {
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

fn state(modem: &mut Modem, _: &str, _: Now) -> Outcome {
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

fn fail(modem: &mut Modem, rest: &str, _: Now) -> Outcome {
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

fn delay(modem: &mut Modem, rest: &str, _: Now) -> Outcome {
    modem.network.delay_ms = number(rest)?;
    DONE
}

fn lose_answer(modem: &mut Modem, rest: &str, _: Now) -> Outcome {
    modem.faults.lose_answers = number(rest)?;
    DONE
}

fn unplug_after(modem: &mut Modem, rest: &str, _: Now) -> Outcome {
    modem.faults.unplug_after = match rest {
        "prompt" => Some(UnplugAfter::Prompt),
        "pdu" => Some(UnplugAfter::Pdu),
        "off" => None,
        _ => return unknown(rest),
    };
    DONE
}

fn unplug(modem: &mut Modem, _: &str, _: Now) -> Outcome {
    modem.unplug();
    DONE
}

fn replug(modem: &mut Modem, rest: &str, now: Now) -> Outcome {
    modem.replug((!rest.is_empty()).then(|| rest.into()), now);
    DONE
}

fn hang(modem: &mut Modem, rest: &str, now: Now) -> Outcome {
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

fn garbage(modem: &mut Modem, rest: &str, _: Now) -> Outcome {
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

fn urc(modem: &mut Modem, rest: &str, _: Now) -> Outcome {
    modem.notify(rest);
    DONE
}

fn signal(modem: &mut Modem, rest: &str, _: Now) -> Outcome {
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

fn registration(modem: &mut Modem, rest: &str, now: Now) -> Outcome {
    modem.network.registration = number(rest)?;
    modem.registration_changed();
    modem.pump(now);
    DONE
}

fn ring(modem: &mut Modem, rest: &str, now: Now) -> Outcome {
    if rest == "stop" {
        modem.call_ends("NO CARRIER");
        return DONE;
    }
    if modem.call.is_some() {
        return Err(String::from("the line is taken"));
    }
    modem.call = Some(Call {
        number: String::from(rest),
        incoming: true,
        active: false,
    });
    modem.ring(now);
    DONE
}

fn call(modem: &mut Modem, rest: &str, _: Now) -> Outcome {
    let Some(call) = &mut modem.call else {
        return Err(String::from("there is no call"));
    };
    match rest {
        "answer" if !call.incoming => call.active = true,
        "end" => modem.call_ends("NO CARRIER"),
        "busy" => modem.call_ends("BUSY"),
        _ => return unknown(rest),
    }
    DONE
}

fn report(modem: &mut Modem, rest: &str, now: Now) -> Outcome {
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

fn reference(modem: &mut Modem, rest: &str, _: Now) -> Outcome {
    modem.network.reference = number(rest)?;
    DONE
}

fn sim(modem: &mut Modem, rest: &str, now: Now) -> Outcome {
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

fn size(modem: &mut Modem, rest: &str, now: Now) -> Outcome {
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

fn ussd(modem: &mut Modem, rest: &str, _: Now) -> Outcome {
    let (code, answer) = rest
        .split_once(' ')
        .ok_or("ussd needs a code and an answer")?;
    modem
        .network
        .ussd
        .push((String::from(code), String::from(answer)));
    DONE
}

fn script(modem: &mut Modem, rest: &str, _: Now) -> Outcome {
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

fn forget(modem: &mut Modem, rest: &str, _: Now) -> Outcome {
    let line = rest.trim_end_matches('*');
    modem.scripts.retain(|script| script.line != line);
    DONE
}

fn after(modem: &mut Modem, rest: &str, now: Now) -> Outcome {
    let (ms, order) = rest.split_once(' ').ok_or("after needs MS and an order")?;
    modem.later(now, number(ms)?, Action::Order(String::from(order)));
    DONE
}
