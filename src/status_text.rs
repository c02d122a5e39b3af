//! Codec: texts with %-parameters, as RutOS's status messages have them. Never asks anybody: the values come in, and one
//! that is not known reads `N/A`.
//!
//! `%rn` is a parameter, `%%` a percent sign, and a `%xx` that is no parameter stays as it is.

use crate::config::told;
use crate::signal::{ModemState, Registration, Signal, Technology, Tenths};
use crate::time::WallTime;
use crate::zone::Zone;

/// What is known at the moment.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// The router's name.
    pub router: Option<&'a str>,
    /// The firmware's version.
    pub firmware: Option<&'a str>,
    /// Now.
    pub at: WallTime,
    /// Whose time `%ts` is.
    pub zone: Zone,
    /// Modem, SIM, network, levels.
    pub signal: &'a Signal,
    /// What the router's programs said of parameters that nothing here knows, by name.
    pub asked: &'a [(&'static str, String)],
}

/// A parameter: its two characters, what it stands for, and where it comes from.
#[derive(Clone, Copy, Debug)]
pub struct Parameter {
    /// Without the percent sign.
    pub name: &'static str,
    /// What it stands for.
    pub help: &'static str,
    value: fn(&Facts<'_>) -> Option<String>,
}

/// What stands for a value that is not known.
const UNKNOWN: &str = "N/A";

fn db(level: Tenths) -> String {
    format!("{level} dB")
}

/// Every parameter RutOS has.
#[rustfmt::skip]
pub static PARAMETERS: &[Parameter] = &[
    known("nl", "new line", |_| Some(String::from("\n"))),
    known("ts", "local time, such as 2026-11-21 20:35:14", |facts| Some(blank_separated(facts))),
    known("it", "time, such as 2026-11-21T20:35:14Z", |facts| Some(facts.at.rfc3339())),
    known("ut", "time, seconds since 1970", |facts| Some(facts.at.unix_s().to_string())),
    known("rn", "router name", |facts| facts.router.map(String::from)),
    known("fc", "firmware version", |facts| facts.firmware.map(String::from)),
    known("on", "operator", |facts| facts.signal.network.operator.clone()),
    known("ns", "network state", |facts| Some(String::from(registration(facts)))),
    known("cs", "data connection state: Connected while registered", |facts| Some(String::from(connection(facts)))),
    known("ct", "network type", |facts| facts.signal.network.technology.map(|technology| String::from(generation(technology)))),
    known("ni", "operator's code, MCC and MNC", |facts| facts.signal.network.plmn.clone()),
    known("ci", "cell id", |facts| facts.signal.network.cell.clone()),
    known("st", "SIM state", |facts| facts.signal.sim.state.clone()),
    known("ic", "ICCID", |facts| facts.signal.sim.iccid.clone()),
    known("im", "IMSI", |facts| facts.signal.sim.imsi.clone()),
    known("md", "modem model", |facts| facts.signal.identity.model.clone()),
    known("ie", "IMEI", |facts| facts.signal.identity.imei.clone()),
    known("ss", "signal strength", |facts| facts.signal.levels.rssi_dbm.map(|level| format!("{level} dBm"))),
    known("rp", "RSRP", |facts| facts.signal.levels.rsrp_dbm.map(|level| format!("{level} dBm"))),
    known("rq", "RSRQ", |facts| facts.signal.levels.rsrq_db.map(db)),
    known("sr", "SINR", |facts| facts.signal.levels.sinr_db.map(db)),
    known("cp", "RSCP", |facts| facts.signal.levels.rscp_dbm.map(|level| format!("{level} dBm"))),
    known("ec", "Ec/Io", |facts| facts.signal.levels.ecio_db.map(db)),
    unknown("pc", "product code"),
    unknown("sn", "serial number"),
    unknown("wi", "WAN IPv4 address"),
    unknown("ws", "WAN IPv6 address"),
    unknown("wm", "WAN MAC address"),
    unknown("li", "LAN address"),
    unknown("lm", "LAN MAC address"),
    unknown("mi", "mobile address"),
    unknown("ms", "monitoring status"),
    unknown("er", "RMS error"),
    unknown("su", "SIM slot"),
    unknown("ps", "PIN state"),
    unknown("is", "modem serial number"),
    unknown("sv", "serving cell"),
    unknown("nb", "neighbour cells"),
    unknown("gs", "GPS"),
    unknown("in", "input's name"),
    unknown("si", "input's state"),
    unknown("fs", "firmware on the server"),
    unknown("g0", "input or output 0"),
    unknown("g1", "input or output 1"),
    unknown("g2", "input or output 2"),
    unknown("g3", "input or output 3"),
    unknown("g4", "input or output 4"),
    unknown("g5", "input or output 5"),
    unknown("g6", "input or output 6"),
    unknown("g7", "input or output 7"),
    unknown("g8", "input or output 8"),
    unknown("g9", "input or output 9"),
];

const fn known(
    name: &'static str,
    help: &'static str,
    value: fn(&Facts<'_>) -> Option<String>,
) -> Parameter {
    Parameter {
        name,
        help: told(help),
        value,
    }
}

/// The agent does not know it.
const fn unknown(name: &'static str, help: &'static str) -> Parameter {
    known(name, help, |_| None)
}

/// `text` with its parameters filled in.
pub fn render(text: &str, facts: &Facts<'_>) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('%') {
        out.push_str(before);
        rest = after;
        if let Some(after) = after.strip_prefix('%') {
            out.push('%');
            rest = after;
            continue;
        }
        let found = PARAMETERS
            .iter()
            .find_map(|one| Some((one, after.strip_prefix(one.name)?)));
        match found {
            Some((parameter, after)) => {
                let asked = facts.asked.iter().find(|(name, _)| *name == parameter.name);
                let value = (parameter.value)(facts).or_else(|| asked.map(|it| it.1.clone()));
                let value = value.filter(|value| !value.is_empty());
                out.push_str(value.as_deref().unwrap_or(UNKNOWN));
                rest = after;
            }
            None => out.push('%'),
        }
    }
    out.push_str(rest);
    out
}

fn blank_separated(facts: &Facts<'_>) -> String {
    let local = facts.zone.local(facts.at).unix_timestamp();
    let text = WallTime::from_unix_s(local).rfc3339();
    text.replace('T', " ").replace('Z', "")
}

fn registration(facts: &Facts<'_>) -> &'static str {
    match facts.signal.network.registration {
        Registration::NotRegistered => "not registered",
        Registration::Home => "registered, home",
        Registration::Searching => "searching",
        Registration::Denied => "denied",
        Registration::Unknown => UNKNOWN,
        Registration::Roaming => "registered, roaming",
    }
}

fn connection(facts: &Facts<'_>) -> &'static str {
    let registration = facts.signal.network.registration;
    let registered = matches!(registration, Registration::Home | Registration::Roaming);
    if registered && facts.signal.state == ModemState::Ready {
        "Connected"
    } else {
        "Disconnected"
    }
}

fn generation(technology: Technology) -> &'static str {
    match technology {
        Technology::Gsm => "2G",
        Technology::Umts => "3G",
        Technology::Lte => "4G",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::feed::Feed;

    fn shown(text: &str) -> String {
        let mut signal = Signal::new(Feed::new(0));
        signal.state = ModemState::Ready;
        signal.network.registration = Registration::Roaming;
        signal.network.operator = Some(String::from("Bitė"));
        signal.network.technology = Some(Technology::Lte);
        signal.network.cell = Some(String::from("01A2B3C"));
        signal.levels.rssi_dbm = Some(-67);
        signal.levels.rsrq_db = Some(Tenths(-105));
        signal.identity.imei = Some(String::from("490154203237518"));
        signal.sim.state = Some(String::from("ready"));
        let facts = Facts {
            router: Some("boat"),
            firmware: None,
            at: WallTime::from_unix_s(1_795_293_314),
            zone: Zone::of("CET-1"),
            signal: &signal,
            asked: &[("wi", String::from("10.0.0.2"))],
        };
        render(text, &facts)
    }

    #[test]
    fn rutos_default_message_is_filled_in() {
        assert_eq!(
            shown(
                "Router name - %rn; WAN IP - %wi; Data Connection state - %cs; Network type - %ct; Signal Strength - %ss; New FW available - %fs;"
            ),
            "Router name - boat; WAN IP - 10.0.0.2; Data Connection state - Connected; Network type - 4G; Signal Strength - -67 dBm; New FW available - N/A;"
        );
        assert_eq!(
            shown("%ts|%it|%ut%nl%on %st %ns %ci %rq %ie"),
            "2026-11-21 21:35:14|2026-11-21T20:35:14Z|1795293314\nBitė ready registered, roaming 01A2B3C -10.5 dB 490154203237518"
        );
        assert_eq!(
            shown("Input (3) - %g0, Output (4) - %g1"),
            "Input (3) - N/A, Output (4) - N/A"
        );
    }

    #[test]
    fn what_is_no_parameter_stays_and_a_percent_sign_can_be_said() {
        assert_eq!(shown("100% of %zz, 5 %"), "100% of %zz, 5 %");
        assert_eq!(shown("%%rn is %rn"), "%rn is boat");
        assert_eq!(shown("%RN %r %ž%"), "%RN %r %ž%");
        assert_eq!(shown(""), "");
    }

    #[test]
    fn no_parameter_stands_in_the_table_twice_and_each_has_two_letters() {
        for (index, one) in PARAMETERS.iter().enumerate() {
            assert!(one.name.len() == 2 && one.name.is_ascii() && !one.help.is_empty());
            assert!(
                PARAMETERS[..index]
                    .iter()
                    .all(|other| other.name != one.name)
            );
        }
    }
}
