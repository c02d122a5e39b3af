//! Decider: registration, operator and levels, in 27.007's words and in the vendors'. Never changes the network.

use super::super::command::{Command, Form};
use super::super::engine::{Answer, BAD_PARAMETERS, Reply, line, ok};
use super::super::modem::Modem;

pub(super) fn run(modem: &mut Modem, command: &Command) -> Option<Answer> {
    let registered = modem.network.registered() && modem.sim.present;
    Some(match command.name.as_str() {
        "+CREG" => registration(modem, command, 0),
        "+CGREG" => registration(modem, command, 1),
        "+CEREG" => registration(modem, command, 2),
        "+COPS" => operator(modem, command, registered),
        _ if command.form == Form::Test && command.name == "+CSQ" => {
            line("+CSQ: (0-31,99),(0-7,99)")
        }
        "+CSQ" => line(format!("+CSQ: {},99", csq(modem))),
        "+CESQ" => line(cesq(modem)),
        "+QCSQ" => line(qcsq(modem, registered)),
        "+QNWINFO" => line(qnwinfo(modem, registered)),
        "+QENG" => qeng(modem, command, registered),
        "+QTEMP" => line("+QTEMP: 34,30,32"),
        "+SGCELLINFO" => Ok(Reply::Lines(sgcellinfo(modem))),
        _ => return None,
    })
}

const NAMES: [&str; 3] = ["+CREG", "+CGREG", "+CEREG"];

/// On 4G there is no circuit-switched cell of its own: EC25 fills `+CREG` all the same, so all three agree.
fn registration(modem: &mut Modem, command: &Command, which: usize) -> Answer {
    let level = modem.settings.registration.get(which).copied().unwrap_or(0);
    match command.form {
        Form::Read => line(format!("{}: {level},{}", command.name, place(modem, level))),
        Form::Test => line(format!("{}: (0-2)", command.name)),
        Form::Execute | Form::Set => {
            let wanted = command
                .number(0)
                .filter(|level| *level <= 2)
                .ok_or(BAD_PARAMETERS)?;
            if let Some(level) = modem.settings.registration.get_mut(which) {
                *level = wanted;
            }
            ok()
        }
    }
}

fn place(modem: &Modem, level: u16) -> String {
    let network = &modem.network;
    let stat = if modem.sim.present {
        network.registration
    } else {
        0
    };
    if level == 2 && matches!(stat, 1 | 5) {
        format!(
            "{stat},\"{}\",\"{}\",{}",
            network.area,
            network.cell,
            network.act()
        )
    } else {
        stat.to_string()
    }
}

impl Modem {
    /// Tells everybody who asked for it that registration has changed (27.007 7.2).
    pub(in super::super) fn registration_changed(&mut self) {
        for (name, level) in NAMES.into_iter().zip(self.settings.registration) {
            if level > 0 {
                self.notify(&format!("{name}: {}", place(self, level)));
            }
        }
    }
}

fn operator(modem: &mut Modem, command: &Command, registered: bool) -> Answer {
    match (command.form, command.number(0)) {
        (Form::Test, _) => line(format!(
            "+COPS: (2,\"{}\",\"Sim\",\"{}\",{}),,(0-4),(0-2)",
            modem.network.operator,
            modem.network.plmn,
            modem.network.act()
        )),
        (Form::Read, _) if !registered => line("+COPS: 0"),
        (Form::Read, _) => {
            let format = modem.settings.operator_format;
            let name = if format == 2 {
                &modem.network.plmn
            } else {
                &modem.network.operator
            };
            line(format!(
                "+COPS: 0,{format},\"{name}\",{}",
                modem.network.act()
            ))
        }
        (_, Some(3)) => {
            modem.settings.operator_format = command
                .number(1)
                .filter(|f| *f <= 2)
                .ok_or(BAD_PARAMETERS)?;
            ok()
        }
        (_, Some(0..=4)) => ok(),
        _ => Err(BAD_PARAMETERS),
    }
}

/// 27.007 8.5.
fn csq(modem: &Modem) -> i16 {
    modem
        .network
        .levels
        .rssi
        .map_or(99, |dbm| ((dbm + 113) / 2).clamp(0, 31))
}

/// 27.007 8.69; 99 and 255 stand for "not known".
fn cesq(modem: &Modem) -> String {
    let levels = modem.network.levels;
    let rsrq = levels
        .rsrq
        .map_or(255, |db| ((db + 20.0) * 2.0).clamp(0.0, 34.0) as i16);
    let rsrp = levels.rsrp.map_or(255, |dbm| (dbm + 141).clamp(0, 97));
    let rscp = levels.rscp.map_or(255, |dbm| (dbm + 121).clamp(0, 96));
    let ecno = levels
        .ecio
        .map_or(255, |db| ((db + 24.5) * 2.0).clamp(0.0, 49.0) as i16);
    let rxlev = match modem.network.act() {
        0 => levels.rssi.map_or(99, |dbm| (dbm + 111).clamp(0, 63)),
        _ => 99,
    };
    format!("+CESQ: {rxlev},99,{rscp},{ecno},{rsrq},{rsrp}")
}

/// A level as Quectel prints it; what is not known is a hyphen.
fn shown(level: Option<impl Into<f32>>) -> String {
    level.map_or_else(|| String::from("-"), |level| format!("{:.0}", level.into()))
}

/// SINR in fifths of a decibel above -20, as `+QCSQ` has it.
fn fifths(sinr: Option<f32>) -> String {
    shown(sinr.map(|db| ((db + 20.0) * 5.0).clamp(0.0, 250.0)))
}

fn qcsq(modem: &Modem, registered: bool) -> String {
    let levels = modem.network.levels;
    let rssi = shown(levels.rssi);
    match modem.network.act() {
        _ if !registered => String::from("+QCSQ: \"NOSERVICE\""),
        0 => format!("+QCSQ: \"GSM\",{rssi}"),
        2 => format!(
            "+QCSQ: \"WCDMA\",{rssi},{},{}",
            shown(levels.rscp),
            shown(levels.ecio)
        ),
        _ => format!(
            "+QCSQ: \"LTE\",{rssi},{},{},{}",
            shown(levels.rsrp),
            fifths(levels.sinr),
            shown(levels.rsrq)
        ),
    }
}

fn qnwinfo(modem: &Modem, registered: bool) -> String {
    let plmn = &modem.network.plmn;
    match modem.network.act() {
        _ if !registered => String::from("+QNWINFO: No Service"),
        0 => format!("+QNWINFO: \"EDGE\",\"{plmn}\",\"GSM 900\",62"),
        2 => format!("+QNWINFO: \"HSPA+\",\"{plmn}\",\"WCDMA 2100\",10564"),
        _ => format!("+QNWINFO: \"FDD LTE\",\"{plmn}\",\"LTE BAND 3\",1300"),
    }
}

/// The manual gives the SINR here in fifths too, but the devices print decibels.
fn qeng(modem: &Modem, command: &Command, registered: bool) -> Answer {
    match command.text(0) {
        "servingcell" => {}
        "neighbourcell" => return Ok(Reply::Lines(neighbours(modem, registered))),
        _ => return Err(BAD_PARAMETERS),
    }
    let (network, levels) = (&modem.network, modem.network.levels);
    let (mcc, mnc) = network.plmn.split_at_checked(3).unwrap_or(("", ""));
    let (cell, area, rssi) = (
        network.cell.trim_start_matches('0'),
        &network.area,
        shown(levels.rssi),
    );
    let head = "+QENG: \"servingcell\"";
    line(match network.act() {
        _ if !registered => format!("{head},\"SEARCH\""),
        0 => format!("{head},\"NOCONN\",\"GSM\",{mcc},{mnc},{area},{cell},32,62,0,{rssi},0,0,0,0"),
        2 => format!(
            "{head},\"NOCONN\",\"WCDMA\",{mcc},{mnc},{area},{cell},10564,210,0,{},{},-,-,-,-,-",
            shown(levels.rscp),
            shown(levels.ecio)
        ),
        _ => format!(
            "{head},\"NOCONN\",\"LTE\",\"FDD\",{mcc},{mnc},{cell},317,1300,3,5,5,{area},{},{},{rssi},{},32",
            shown(levels.rsrp),
            shown(levels.rsrq),
            shown(levels.sinr)
        ),
    })
}

/// On 4G: earfcn, pcid, rsrq, rsrp, rssi, sinr, then what cell reselection goes by.
fn neighbours(modem: &Modem, registered: bool) -> Vec<String> {
    let Some(rsrp) = modem
        .network
        .levels
        .rsrp
        .filter(|_| registered && modem.network.act() == 7)
    else {
        return Vec::new();
    };
    vec![
        format!(
            "+QENG: \"neighbourcell intra\",\"LTE\",1300,317,-9,{rsrp},{},-,-,-,-,-,-",
            rsrp + 30
        ),
        format!(
            "+QENG: \"neighbourcell inter\",\"LTE\",6300,44,-13,{},{},-,-,-,-,-",
            rsrp - 12,
            rsrp + 18
        ),
    ]
}

/// MeigLink: one value a line, each under its name.
fn sgcellinfo(modem: &Modem) -> Vec<String> {
    let (network, levels) = (&modem.network, modem.network.levels);
    let (mcc, mnc) = network.plmn.split_at_checked(3).unwrap_or(("", ""));
    let mode = match network.act() {
        0 => "GSM",
        2 => "WCDMA",
        _ => "FDD-LTE",
    };
    let mut lines = vec![
        format!("CURR_MODE:{mode}"),
        format!("MCC:{mcc},MNC:{mnc}"),
        format!("CELL_ID:{}", network.cell),
        format!("LAC_ID:{}", network.area),
        format!("RSSI:{}", shown(levels.rssi)),
    ];
    if network.act() == 7 {
        lines.push(format!("RSRP:{}", shown(levels.rsrp)));
        lines.push(format!("RSRQ:{}", shown(levels.rsrq)));
        lines.push(format!("SINR:{}", shown(levels.sinr)));
        // QMI's number of band 3.
        lines.extend([String::from("BAND:122"), String::from("CHANNEL:1300")]);
    }
    lines
}
