//! Decider: V.250's own commands, who the modem and its SIM are, the PIN, the clock, vendor switches. Never touches
//! messages.

use time::OffsetDateTime;

use super::super::command::{Command, Form};
use super::super::engine::{
    Answer, BAD_PARAMETERS, Failure, NOT_ALLOWED, NOT_SUPPORTED, Reply, line, ok,
};
use super::super::modem::{Action, Lock, Modem};
use super::need_sim;
use crate::time::Now;

const ICCID: &str = "89490200001234567890";
const IMSI: &str = "262011234567890";

pub(super) fn run(modem: &mut Modem, command: &Command, now: Now) -> Option<Answer> {
    let profile = modem.profile;
    let shown = |value: &str| {
        line(if profile.prefixed_identity {
            format!("{}: {value}", command.name)
        } else {
            String::from(value)
        })
    };
    Some(match command.name.as_str() {
        "E" | "V" | "Q" => switch(modem, command),
        "Z" | "&F" => {
            modem.set_back();
            ok()
        }
        "X" | "S" | "&W" | "&C" | "&D" => ok(),
        "I" => Ok(Reply::Lines(vec![
            String::from(profile.manufacturer),
            String::from(profile.model),
            format!("Revision: {}", profile.revision),
        ])),
        "+CMEE" => cmee(modem, command),
        "+CFUN" => cfun(modem, command, now),
        "+CGMI" | "+GMI" => shown(profile.manufacturer),
        "+CGMM" | "+GMM" => shown(profile.model),
        "+CGMR" | "+GMR" => shown(profile.revision),
        "+CGSN" | "+GSN" => line(profile.imei),
        "+CIMI" => need_sim(modem).and_then(|()| line(IMSI)),
        "+QCCID" | "+CCID" => {
            need_sim(modem).and_then(|()| line(format!("{}: {ICCID}", command.name)))
        }
        "+ICCID" => need_sim(modem).and_then(|()| line(format!("ICCID: {ICCID}"))),
        "+CPIN" => cpin(modem, command, now),
        "+QPINC" => line(format!("+QPINC: \"SC\",{},10", modem.sim.attempts)),
        "+CCLK" => clock(command, now),
        "+CSCS" => charset(modem, command),
        "+QURCCFG" => urc_port(modem, command),
        "+QCFG" => vendor_setting(command),
        "+QINDCFG" | "+CGATT" | "+CTZU" | "+CTZR" => ok(),
        _ => return None,
    })
}

fn switch(modem: &mut Modem, command: &Command) -> Answer {
    let on = match command.text(0) {
        "" | "0" => false,
        "1" => true,
        _ => return Err(BAD_PARAMETERS),
    };
    match command.name.as_str() {
        "E" => modem.settings.echo = on,
        "V" => modem.settings.verbose = on,
        _ => modem.settings.quiet = on,
    }
    ok()
}

fn cmee(modem: &mut Modem, command: &Command) -> Answer {
    match command.form {
        Form::Read => line(format!("+CMEE: {}", modem.settings.cmee)),
        Form::Test => line("+CMEE: (0-2)"),
        Form::Execute | Form::Set => {
            modem.settings.cmee = command
                .number(0)
                .filter(|level| *level <= 2)
                .ok_or(BAD_PARAMETERS)?;
            ok()
        }
    }
}

fn cfun(modem: &mut Modem, command: &Command, now: Now) -> Answer {
    match (command.form, command.number(0), command.number(1)) {
        (Form::Read, ..) => line("+CFUN: 1"),
        (Form::Test, ..) => line("+CFUN: (0,1,4),(0,1)"),
        (_, Some(1), Some(1)) => {
            modem.set_back();
            modem.later(now, 0, Action::Notify(String::from("RDY")));
            ok()
        }
        (_, Some(0 | 1 | 4), _) => ok(),
        _ => Err(BAD_PARAMETERS),
    }
}

fn cpin(modem: &mut Modem, command: &Command, now: Now) -> Answer {
    if !modem.sim.present {
        return Err(Failure::Cme(10));
    }
    match (command.form, modem.sim.lock) {
        (Form::Read, Lock::Open) => line("+CPIN: READY"),
        (Form::Read, Lock::Pin) => line("+CPIN: SIM PIN"),
        (Form::Read, Lock::Puk) => line("+CPIN: SIM PUK"),
        (Form::Test, _) => ok(),
        (Form::Execute | Form::Set, Lock::Open) => Err(NOT_ALLOWED),
        (Form::Execute | Form::Set, Lock::Puk) => Err(Failure::Cme(12)),
        (Form::Execute | Form::Set, Lock::Pin) => unlock(modem, command.text(0), now),
    }
}

fn unlock(modem: &mut Modem, pin: &str, now: Now) -> Answer {
    if pin == modem.sim.pin {
        modem.sim.lock = Lock::Open;
        modem.sim.attempts = 3;
        modem.later(now, 0, Action::Notify(String::from("+CPIN: READY")));
        modem.later(now, 0, Action::Retry);
        return ok();
    }
    modem.sim.attempts = modem.sim.attempts.saturating_sub(1);
    if modem.sim.attempts == 0 {
        modem.sim.lock = Lock::Puk;
    }
    Err(Failure::Cme(16))
}

/// `+CCLK` (27.007 8.15), in UTC.
fn clock(command: &Command, now: Now) -> Answer {
    if command.form != Form::Read {
        return ok();
    }
    let at = OffsetDateTime::from_unix_timestamp(now.wall.unix_s())
        .unwrap_or(OffsetDateTime::UNIX_EPOCH);
    line(format!(
        "+CCLK: \"{:02}/{:02}/{:02},{:02}:{:02}:{:02}+00\"",
        at.year().rem_euclid(100),
        u8::from(at.month()),
        at.day(),
        at.hour(),
        at.minute(),
        at.second()
    ))
}

fn charset(modem: &mut Modem, command: &Command) -> Answer {
    match command.form {
        Form::Read => line(format!("+CSCS: \"{}\"", modem.settings.charset)),
        Form::Test => line("+CSCS: (\"GSM\",\"IRA\",\"UCS2\")"),
        Form::Execute | Form::Set if matches!(command.text(0), "GSM" | "IRA" | "UCS2") => {
            modem.settings.charset = String::from(command.text(0));
            ok()
        }
        Form::Execute | Form::Set => Err(BAD_PARAMETERS),
    }
}

fn urc_port(modem: &mut Modem, command: &Command) -> Answer {
    match (command.form, command.text(0), command.text(1)) {
        (Form::Test, ..) => line("+QURCCFG: \"urcport\",(\"usbat\",\"usbmodem\",\"uart1\")"),
        (_, "urcport", "") => line(format!(
            "+QURCCFG: \"urcport\",\"{}\"",
            modem.settings.urc_port
        )),
        (_, "urcport", port @ ("usbat" | "usbmodem" | "uart1")) => {
            modem.settings.urc_port = String::from(port);
            ok()
        }
        _ => Err(BAD_PARAMETERS),
    }
}

fn vendor_setting(command: &Command) -> Answer {
    let value = match command.text(0) {
        "ltesms/format" => "1",
        "urc/cache" => "0",
        "nwscanmode" => "0",
        _ => return Err(NOT_SUPPORTED),
    };
    match command.text(1) {
        "" => line(format!("+QCFG: \"{}\",{value}", command.text(0))),
        _ => ok(),
    }
}
