//! Table: the control lines — what the socket and a chat file may order. Never waits: `wait-for` is the socket's.
//!
//! One order a line, one JSON object back: `{"ok":true,…}` or `{"ok":false,"error":"…"}`. A chat file holds the same
//! lines; blank ones and those that begin with `#` say nothing.
//!
//! | order | what it does |
//! |---|---|
//! | `deliver {"from":"+49151…","text":"…"}` | the network sends a message; more fields in [`super::deliver::Order`] |
//! | `air [N]` | what the modem put on the air, from message N (1) on: `{"air":[{n,ms,mr,to,text,alphabet,class,report,status,validity_min,link_kept,concat,pdu}]}` |
//! | `at-log [N]` | the last N command lines heard, `{"heard":[{n,ms,line}],"count"}` |
//! | `slots` | both stores: `{"SM":{"total","used":[{index,stat,pdu}]},"ME":…}` |
//! | `state` | registration, queue, deliveries, call, port, counts |
//! | `wait-for {"air":3,"at":"AT+CMGS","count":1,"since":0,"delivered":2,"queue":0,"call":"active","timeout_ms":5000}` | answers when all that is named holds: messages on the air, lines heard with this beginning (after line `since`), messages taken by the modem, messages still waiting in the network, the call's state (`none`, `ringing`, `dialling`, `active`); or fails after the time |
//! | `fail N CODE [NUMBER]`, `fail off` | the next N sends (to NUMBER) get `+CMS ERROR: CODE` |
//! | `delay MS` | from PDU to answer; the message is on the air at once |
//! | `lose-answer N` | the next N messages go on the air and are never answered |
//! | `unplug-after prompt\|start\|pdu\|off` | the modem vanishes in the next send: with the prompt; with the PDU's first byte, nothing on the air; or once it is on the air |
//! | `unplug`, `replug [LINK]` | the port vanishes; a new one comes, at LINK if given |
//! | `hang on\|off\|MS` | hears and says nothing (for MS milliseconds) |
//! | `garbage HEX`, `garbage random N` | these bytes come out of the port now |
//! | `cut on\|off` | output in pieces of a few bytes |
//! | `mute on\|off` | no notification reaches the port |
//! | `interleave on\|off` | notifications come in the middle of the next reply |
//! | `calm` | ends every fault above but those of one NUMBER, and forgets what `after` still holds: SIM in, registered, no delay, reports `auto`, and the modem freshly replugged |
//! | `urc TEXT` | any notification |
//! | `signal {"act":7,"rssi":-65,"rsrp":-95,"rsrq":-9,"sinr":14,"rscp":null,"ecio":null}` | dBm and dB; null is "not known", what is not named stays |
//! | `registration N` | `<stat>` of 27.007 7.2: 0 none, 1 home, 2 searching, 3 denied, 5 roaming |
//! | `ring NUMBER`, `ring withheld`, `ring {"from":"+49…"}`, `ring stop` | somebody calls, and gives up; a withheld number is not told |
//! | `call answer\|end\|busy\|no-answer` | what the other party of a call does |
//! | `report auto\|early\|off`, `report status N` | status reports after the answer, before it, never; with this TP-ST |
//! | `report {"mr":7,"to":"+49…","status":0}` | one status report now |
//! | `mr N` | the next TP-MR |
//! | `sim removed\|inserted` | |
//! | `size SM\|ME N` | slots of a store |
//! | `ussd CODE ANSWER`, `ussd CODE {"m":1,"text":"…","dcs":72}`, `ussd CODE none` | what `+CUSD` gets: a text, with `<m>` and `<dcs>` of 27.007 7.15 (0, 15) where they are given, UCS-2 written in hexadecimal; or nothing ever |
//! | `on LINE -> REPLY \| REPLY` | a scripted answer, the last being the final result; LINE may end in `*`; no reply is silence |
//! | `forget LINE` | undoes `on` |
//! | `after MS ORDER` | the order, later |
//! | `help` | this list, shortly |

use serde_json::{Value, json};

use super::deliver;
use super::modem::Modem;
use super::orders;
use crate::time::Now;

/// What an order answers: the fields beside `ok`, or why it was not done.
pub(super) type Outcome = Result<Value, String>;
type Run = fn(&mut Modem, &str, Now) -> Outcome;

const ORDERS: &[(&str, &str, Run)] = &[
    ("deliver", "{\"from\",\"text\",…}", deliver::run),
    ("air", "[N]", orders::air),
    ("at-log", "[N]", orders::at_log),
    ("slots", "", orders::slots),
    ("state", "", orders::state),
    ("fail", "N CODE [NUMBER] | off", orders::fail),
    ("delay", "MS", orders::delay),
    ("lose-answer", "N", orders::lose_answer),
    ("unplug-after", "prompt|start|pdu|off", orders::unplug_after),
    ("unplug", "", orders::unplug),
    ("replug", "[LINK]", orders::replug),
    ("hang", "on|off|MS", orders::hang),
    ("garbage", "HEX | random N", orders::garbage),
    ("cut", "on|off", |modem, rest, _| {
        orders::switch(rest, &mut modem.faults.cut)
    }),
    ("mute", "on|off", |modem, rest, _| {
        orders::switch(rest, &mut modem.faults.muted)
    }),
    ("interleave", "on|off", |modem, rest, _| {
        orders::switch(rest, &mut modem.faults.interleave)
    }),
    ("calm", "", orders::calm),
    ("urc", "TEXT", orders::urc),
    ("signal", "{…}", orders::signal),
    ("registration", "N", orders::registration),
    ("ring", "NUMBER | withheld | {…} | stop", orders::ring),
    ("call", "answer|end|busy|no-answer", orders::call),
    ("report", "auto|early|off | status N | {…}", orders::report),
    ("mr", "N", orders::reference),
    ("sim", "removed|inserted", orders::sim),
    ("size", "SM|ME N", orders::size),
    ("ussd", "CODE ANSWER | {…} | none", orders::ussd),
    ("on", "LINE -> REPLY | REPLY", orders::script),
    ("forget", "LINE", orders::forget),
    ("after", "MS ORDER", orders::after),
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

fn help(_: &mut Modem, _: &str, _: Now) -> Outcome {
    let mut usage: Vec<String> = ORDERS
        .iter()
        .map(|(name, args, _)| format!("{name} {args}"))
        .collect();
    usage.push(String::from("wait-for {…}"));
    Ok(json!({"orders": usage}))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_above_and_the_orders_agree() {
        let rows: Vec<&str> = include_str!("control.rs")
            .lines()
            .filter_map(|line| line.strip_prefix("//! | `"))
            .collect();
        let table = rows.concat();
        for (name, ..) in ORDERS {
            let told = |end: &str| table.contains(&format!("{name}{end}"));
            assert!(told(" ") || told("`"), "{name} is not documented");
        }
        for row in rows {
            let name = row.split([' ', '`']).next().unwrap();
            let known = ORDERS.iter().any(|(order, ..)| *order == name);
            assert!(
                known || name == "wait-for",
                "{name} is documented and unknown"
            );
        }
    }
}
