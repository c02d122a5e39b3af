//! Decider: the message commands of 27.005, PDU mode. Never knows text mode: what needs it is refused.

use super::super::command::{Command, Form};
use super::super::engine::{Answer, BAD_PARAMETERS, Failure, NOT_SUPPORTED, Reply, line, ok};
use super::super::modem::{Action, Modem};
use super::super::pdu;
use super::super::store::{Stat, Stored};
use super::super::submit::Job;
use super::need_sim_for_sms;
use crate::message::Memory;
use crate::time::Now;

/// 27.005 3.2.5.
const OPERATION_NOT_SUPPORTED: Failure = Failure::Cms(303);
const INVALID_INDEX: Failure = Failure::Cms(321);
const NO_CNMA_EXPECTED: Failure = Failure::Cms(340);
/// The longest TPDU (23.040): 164 octets are more than any SUBMIT needs.
const LONGEST: u16 = 176;

pub(super) fn run(modem: &mut Modem, command: &Command, now: Now) -> Option<Answer> {
    let gate = need_sim_for_sms(modem);
    Some(match command.name.as_str() {
        "+CSMS" => services(modem, command),
        "+CMGF" => format(modem, command),
        "+CSMP" | "+CSDH" | "+CSCB" => ok(),
        "+CMMS" => keep_link(modem, command),
        "+CNMI" => indications(modem, command, now),
        "+CSCA" => gate.and_then(|()| centre(modem, command)),
        "+CPMS" => gate.and_then(|()| memories(modem, command)),
        "+CMGL" => gate.and_then(|()| list(modem, command)),
        "+CMGR" => gate.and_then(|()| read(modem, command)),
        "+CMGD" => gate.and_then(|()| delete(modem, command, now)),
        "+CMGS" | "+CMGW" => gate.and_then(|()| prompt(modem, command)),
        "+CMSS" => gate.and_then(|()| send_stored(modem, command, now)),
        "+CNMA" => acknowledge(modem, command, now),
        _ => return None,
    })
}

fn services(modem: &mut Modem, command: &Command) -> Answer {
    let most = modem.profile.csms;
    match (command.form, command.number(0)) {
        (Form::Read, _) => line(format!("+CSMS: {},1,1,1", modem.settings.csms)),
        (Form::Test, _) if most == 0 => line("+CSMS: (0)"),
        (Form::Test, _) => line("+CSMS: (0,1)"),
        (Form::Execute | Form::Set, Some(service)) if service <= u16::from(most) => {
            modem.settings.csms = service as u8;
            line("+CSMS: 1,1,1")
        }
        (Form::Execute | Form::Set, _) => Err(OPERATION_NOT_SUPPORTED),
    }
}

fn format(modem: &mut Modem, command: &Command) -> Answer {
    match (command.form, command.number(0)) {
        (Form::Read, _) => line(format!("+CMGF: {}", modem.settings.cmgf)),
        (Form::Test, _) => line("+CMGF: (0,1)"),
        (Form::Execute, _) | (Form::Set, Some(0)) => {
            modem.settings.cmgf = 0;
            ok()
        }
        (Form::Set, Some(1)) => {
            modem.settings.cmgf = 1;
            ok()
        }
        (Form::Set, _) => Err(BAD_PARAMETERS),
    }
}

fn keep_link(modem: &mut Modem, command: &Command) -> Answer {
    match command.form {
        Form::Read => line(format!("+CMMS: {}", modem.settings.cmms)),
        Form::Test => line("+CMMS: (0-2)"),
        Form::Execute | Form::Set => {
            modem.settings.cmms = command
                .number(0)
                .filter(|mode| *mode <= 2)
                .ok_or(BAD_PARAMETERS)?;
            ok()
        }
    }
}

fn indications(modem: &mut Modem, command: &Command, now: Now) -> Answer {
    match command.form {
        Form::Read => line(format!("+CNMI: {}", joined(&modem.settings.cnmi))),
        Form::Test => {
            let lists: Vec<String> = modem
                .profile
                .cnmi_allowed
                .iter()
                .map(|allowed| format!("({})", joined(allowed)))
                .collect();
            line(format!("+CNMI: {}", lists.join(",")))
        }
        Form::Execute | Form::Set => {
            let mut wanted = modem.settings.cnmi;
            for (at, (value, allowed)) in wanted
                .iter_mut()
                .zip(modem.profile.cnmi_allowed)
                .enumerate()
            {
                if !command.text(at).is_empty() {
                    let given = command
                        .number(at)
                        .and_then(|given| u8::try_from(given).ok());
                    *value = given
                        .filter(|given| allowed.contains(given))
                        .ok_or(OPERATION_NOT_SUPPORTED)?;
                }
            }
            modem.settings.cnmi = wanted;
            flush_buffered(modem, wanted, now);
            ok()
        }
    }
}

/// `<bfr>` 0: what mode 0 kept back comes out when another mode begins; 1: it is thrown away (27.005 3.4.1).
fn flush_buffered(modem: &mut Modem, [mode, _, _, _, bfr]: [u8; 5], now: Now) {
    if mode == 0 {
        return;
    }
    for urc in std::mem::take(&mut modem.buffered) {
        if bfr == 0 {
            modem.later(now, 0, Action::Notify(urc));
        }
    }
}

fn joined(values: &[u8]) -> String {
    values
        .iter()
        .map(u8::to_string)
        .collect::<Vec<_>>()
        .join(",")
}

fn centre(modem: &mut Modem, command: &Command) -> Answer {
    match command.form {
        Form::Read => line(format!("+CSCA: \"{}\",145", modem.network.smsc)),
        Form::Set if command.text(0).starts_with('+') => {
            modem.network.smsc = String::from(command.text(0));
            ok()
        }
        Form::Test => ok(),
        Form::Execute | Form::Set => Err(BAD_PARAMETERS),
    }
}

fn memory(modem: &Modem, name: &str) -> Option<Memory> {
    let memory = match name {
        "SM" => Memory::Sim,
        "ME" => Memory::Modem,
        _ => return None,
    };
    (modem.stores.usage(memory).1 > 0).then_some(memory)
}

fn memories(modem: &mut Modem, command: &Command) -> Answer {
    let usage = |modem: &Modem, named: bool| {
        let one = |memory: Memory| {
            let (used, total) = modem.stores.usage(memory);
            if named {
                format!("\"{}\",{used},{total}", memory.as_str())
            } else {
                format!("{used},{total}")
            }
        };
        format!("+CPMS: {}", modem.settings.memories.map(one).join(","))
    };
    match command.form {
        Form::Read => line(usage(modem, true)),
        Form::Test => {
            let known = if memory(modem, "ME").is_some() {
                "(\"ME\",\"SM\")"
            } else {
                "(\"SM\")"
            };
            line(format!("+CPMS: {known},{known},{known}"))
        }
        Form::Execute | Form::Set => {
            let mut wanted = modem.settings.memories;
            for (at, slot) in wanted.iter_mut().enumerate().take(command.args.len()) {
                *slot = memory(modem, command.text(at)).ok_or(Failure::Cms(302))?;
            }
            modem.settings.memories = wanted;
            line(usage(modem, false))
        }
    }
}

fn entry(head: &str, stored: &Stored) -> String {
    format!(
        "{head}{},,{}\r\n{}",
        stored.stat as u8,
        pdu::tpdu_length(&stored.pdu),
        pdu::hex(&stored.pdu)
    )
}

fn list(modem: &mut Modem, command: &Command) -> Answer {
    if command.form == Form::Test {
        return line("+CMGL: (0-4)");
    }
    if modem.settings.cmgf == 1 {
        return Err(OPERATION_NOT_SUPPORTED);
    }
    let wanted = match command.number(0).unwrap_or(0) {
        0 => Some(Stat::Unread),
        1 => Some(Stat::Read),
        2 => Some(Stat::Unsent),
        3 => Some(Stat::Sent),
        4 => None,
        _ => return Err(Failure::Cms(304)),
    };
    let [memory, ..] = modem.settings.memories;
    let listed = modem.stores.list(memory);
    let chosen = listed
        .iter()
        .filter(|(_, stored)| wanted.is_none_or(|stat| stat == stored.stat));
    let lines = chosen
        .map(|(index, stored)| entry(&format!("+CMGL: {index},"), stored))
        .collect();
    modem.stores.mark_read(memory, wanted);
    Ok(Reply::Lines(lines))
}

fn read(modem: &mut Modem, command: &Command) -> Answer {
    if modem.settings.cmgf == 1 {
        return Err(OPERATION_NOT_SUPPORTED);
    }
    let [memory, ..] = modem.settings.memories;
    let empty_is_ok = modem.profile.empty_slot_is_ok;
    let index = command.number(0).ok_or(INVALID_INDEX)?;
    match modem.stores.slot(memory, index).ok_or(INVALID_INDEX)? {
        None if empty_is_ok => ok(),
        None => Err(INVALID_INDEX),
        Some(stored) => {
            let shown = entry("+CMGR: ", stored);
            if stored.stat == Stat::Unread {
                stored.stat = Stat::Read;
            }
            line(shown)
        }
    }
}

fn delete(modem: &mut Modem, command: &Command, now: Now) -> Answer {
    let [memory, ..] = modem.settings.memories;
    let flag = command.number(1).unwrap_or(0);
    if command.form == Form::Test {
        return line("+CMGD: (0-254),(0-4)");
    }
    if flag > 4 || flag > 0 && !modem.profile.delete_flags {
        return Err(OPERATION_NOT_SUPPORTED);
    }
    match flag {
        0 => {
            let empty_is_ok = modem.profile.empty_slot_is_ok;
            let index = command.number(0).ok_or(INVALID_INDEX)?;
            let slot = modem.stores.slot(memory, index).ok_or(INVALID_INDEX)?;
            if slot.take().is_none() && !empty_is_ok {
                return Err(INVALID_INDEX);
            }
        }
        1 => modem.stores.delete(memory, |stat| stat == Stat::Read),
        2 => modem
            .stores
            .delete(memory, |stat| matches!(stat, Stat::Read | Stat::Sent)),
        3 => modem.stores.delete(memory, |stat| stat != Stat::Unread),
        _ => modem.stores.delete(memory, |_| true),
    }
    modem.later(now, 0, Action::Retry);
    ok()
}

fn prompt(modem: &mut Modem, command: &Command) -> Answer {
    if command.form == Form::Test {
        return ok();
    }
    if modem.settings.cmgf == 1 {
        return Err(OPERATION_NOT_SUPPORTED);
    }
    let length = command
        .number(0)
        .filter(|length| (1..=LONGEST).contains(length))
        .ok_or(Failure::Cms(304))?;
    let length = usize::from(length);
    Ok(Reply::Prompt(
        match (command.name.as_str(), command.number(1)) {
            ("+CMGS", _) => Job::Send(length),
            (_, Some(0)) => Job::Write(length, Stat::Unread),
            (_, Some(1)) => Job::Write(length, Stat::Read),
            (_, Some(3)) => Job::Write(length, Stat::Sent),
            _ => Job::Write(length, Stat::Unsent),
        },
    ))
}

fn send_stored(modem: &mut Modem, command: &Command, now: Now) -> Answer {
    let [_, memory, _] = modem.settings.memories;
    let index = command.number(0).ok_or(INVALID_INDEX)?;
    let slot = modem.stores.slot(memory, index).ok_or(INVALID_INDEX)?;
    let stored = slot.as_mut().ok_or(INVALID_INDEX)?;
    stored.stat = Stat::Sent;
    let octets = stored.pdu.clone();
    modem.transmit("+CMSS", octets, now)?;
    Ok(Reply::Later)
}

fn acknowledge(modem: &mut Modem, command: &Command, now: Now) -> Answer {
    if modem.settings.csms == 0 {
        return Err(NOT_SUPPORTED);
    }
    match (command.form, command.number(0).unwrap_or(0)) {
        (Form::Test, _) => line("+CNMA: (0-2)"),
        (_, how @ 0..=2) if modem.acknowledge(how < 2, now) => ok(),
        _ => Err(NO_CNMA_EXPECTED),
    }
}
