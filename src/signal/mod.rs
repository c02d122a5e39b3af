//! Room: the last known state of modem, SIM, network and signal, its history, and when a change is worth an event.
//! Never asks the modem: the worker tells.

mod history;
mod threshold;

pub use history::{History, Row, Span};
pub use threshold::{Crossed, Threshold};

use std::fmt;

use serde::{Serialize, Serializer};

use crate::feed::Feed;
use crate::message::Number;
use crate::time::WallTime;

/// Where the modem stands (SPEC section 4, `modem.state`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ModemState {
    /// No port.
    #[default]
    Absent,
    /// A port; the start-up conversation runs.
    Starting,
    /// It says there is no SIM.
    SimAbsent,
    /// The SIM wants a PIN that is not configured, is wrong, or a PUK.
    SimPin,
    /// Not registered.
    Searching,
    /// Registered.
    Ready,
    /// A port that does not answer.
    Unresponsive,
}

/// How a network was reached (27.007 7.3 AcT).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Technology {
    /// GSM, EDGE.
    #[serde(rename = "2G")]
    Gsm,
    /// UMTS, HSPA.
    #[serde(rename = "3G")]
    Umts,
    /// E-UTRAN.
    #[serde(rename = "4G")]
    Lte,
}

/// Registration (27.007 7.2 `+CREG` stat).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Registration {
    /// 0: not searching.
    #[default]
    NotRegistered,
    /// 1.
    Home,
    /// 2.
    Searching,
    /// 3.
    Denied,
    /// 4.
    Unknown,
    /// 5.
    Roaming,
}

/// Who the modem is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identity {
    /// `+CGMI`.
    pub manufacturer: Option<String>,
    /// `+CGMM`.
    pub model: Option<String>,
    /// `+CGMR`.
    pub revision: Option<String>,
    /// `+CGSN`.
    pub imei: Option<String>,
}

/// Who the SIM is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sim {
    /// `+CPIN` code in lower case with hyphens: `ready`, `sim-pin`, `sim-puk`, …; `None` while unknown, `absent` without one.
    pub state: Option<String>,
    /// `+CCID`/`+QCCID`.
    pub iccid: Option<String>,
    /// `+CIMI`.
    pub imsi: Option<String>,
    /// `+CSCA`.
    pub smsc: Option<String>,
}

/// The network.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Network {
    /// `+CREG`/`+CEREG`.
    pub registration: Registration,
    /// `+COPS` long name.
    pub operator: Option<String>,
    /// `+COPS` numeric: MCC and MNC.
    pub plmn: Option<String>,
    /// Technology.
    pub technology: Option<Technology>,
    /// Location or tracking area code, hexadecimal as the modem gives it.
    pub area: Option<String>,
    /// Cell id, hexadecimal as the modem gives it.
    pub cell: Option<String>,
    /// What the modem tells of the cell besides.
    pub radio: Radio,
}

/// The serving cell's radio and its neighbours, where the modem tells.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Radio {
    /// Such as `B3` (36.101 5.5).
    pub band: Option<String>,
    /// EARFCN, UARFCN or ARFCN.
    pub channel: Option<u32>,
    /// Physical cell id (4G) or scrambling code (3G).
    pub pci: Option<u16>,
    /// 4G neighbours, at most [`Radio::NEIGHBOURS`].
    pub neighbours: Vec<Neighbour>,
    /// The modem's warmest sensor, degrees Celsius.
    pub temperature_c: Option<i16>,
}

impl Radio {
    /// Most neighbours that are remembered.
    pub const NEIGHBOURS: usize = 8;
}

/// A 4G cell that the modem hears besides its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Neighbour {
    /// EARFCN.
    pub channel: u32,
    /// Physical cell id.
    pub pci: Option<u16>,
    /// Reference signal power, dBm.
    pub rsrp_dbm: Option<i16>,
    /// Reference signal quality, dB.
    pub rsrq_db: Option<i16>,
}

/// Levels; `None` where the network or the modem does not tell (99 and 255 never become a level).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Levels {
    /// When they were measured; `None` before the first.
    pub at: Option<WallTime>,
    /// Technology they belong to.
    pub technology: Option<Technology>,
    /// Received power, dBm.
    pub rssi_dbm: Option<i16>,
    /// Reference signal power, dBm (4G).
    pub rsrp_dbm: Option<i16>,
    /// Reference signal quality, dB (4G).
    pub rsrq_db: Option<Tenths>,
    /// Signal to interference and noise, dB (4G).
    pub sinr_db: Option<Tenths>,
    /// Code power, dBm (3G).
    pub rscp_dbm: Option<i16>,
    /// Chip energy to interference, dB (3G).
    pub ecio_db: Option<Tenths>,
}

/// A number with one decimal, in tenths: reckoning with floating point numbers, and writing them, is code without which the
/// router's binary is 20 KB smaller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Tenths(pub i64);

impl Tenths {
    /// A whole number.
    pub fn whole(number: impl Into<i64>) -> Tenths {
        Tenths(number.into().saturating_mul(10))
    }
}

impl Serialize for Tenths {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match i32::try_from(self.0) {
            Ok(tenths) if tenths % 10 != 0 => serializer.serialize_f64(f64::from(tenths) / 10.0),
            Ok(_) | Err(_) => serializer.serialize_i64(self.0 / 10),
        }
    }
}

impl fmt::Display for Tenths {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let size = self.0.unsigned_abs();
        let sign = if self.0 < 0 { "-" } else { "" };
        write!(out, "{sign}{}", size / 10)?;
        match size % 10 {
            0 => Ok(()),
            tenths => write!(out, ".{tenths}"),
        }
    }
}

impl Levels {
    /// 0 to 5, as a phone shows it; `None` while nothing is known. By RSRP on 4G (-115, -105, -95, -85, -75), else by RSSI
    /// (-107, -97, -87, -77, -67).
    pub fn bars(&self) -> Option<u8> {
        self.bars_with(0)
    }

    /// The same as if the level were so many dB better.
    fn bars_with(&self, better: i16) -> Option<u8> {
        let (level, floor) = match (self.rsrp_dbm, self.rssi_dbm) {
            (Some(rsrp), _) => (rsrp, -115),
            (None, Some(rssi)) => (rssi, -107),
            (None, None) => return None,
        };
        let above = (i32::from(level) + i32::from(better) - floor).div_euclid(10) + 1;
        u8::try_from(above.clamp(0, 5)).ok()
    }
}

/// The modem's message store that is in use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Slots {
    /// Used.
    pub used: u16,
    /// In all.
    pub total: u16,
}

/// How far a voice call has come (27.007 7.18 `<stat>`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum CallState {
    /// 4: somebody calls.
    Ringing,
    /// 2: the network looks for the other party.
    Dialling,
    /// 3: it rings there.
    Alerting,
    /// 0: they can talk.
    Active,
    /// 1.
    Held,
    /// 5: somebody calls while another call is up.
    Waiting,
}

/// The voice call there is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// The other party called.
    pub incoming: bool,
    /// The other party; `None` when withheld, or not told yet.
    pub number: Option<Number>,
    /// How far it has come.
    pub state: CallState,
    /// When it was noticed, or dialled.
    pub started_at: WallTime,
}

impl Call {
    /// `incoming` or `outgoing`, for events and the API.
    pub fn direction(&self) -> &'static str {
        match self.incoming {
            true => "incoming",
            false => "outgoing",
        }
    }
}

/// The last known radio state. The modem's worker writes it, everybody reads it.
#[derive(Debug)]
pub struct Signal {
    /// Modem state.
    pub state: ModemState,
    /// The port in use.
    pub tty: Option<String>,
    /// Modem identity.
    pub identity: Identity,
    /// SIM.
    pub sim: Sim,
    /// Network.
    pub network: Network,
    /// Levels.
    pub levels: Levels,
    /// Message store in use.
    pub slots: Option<Slots>,
    /// How the levels went.
    pub history: History,
    /// What was told of them last.
    pub threshold: Threshold,
    /// The call there is.
    pub call: Option<Call>,
    feed: Feed,
}

impl Signal {
    /// Nothing known yet.
    pub fn new(feed: Feed) -> Signal {
        Signal {
            state: ModemState::Absent,
            tty: None,
            identity: Identity::default(),
            sim: Sim::default(),
            network: Network::default(),
            levels: Levels::default(),
            slots: None,
            history: History::default(),
            threshold: Threshold::default(),
            call: None,
            feed,
        }
    }

    /// The bell that rings for state changes too.
    pub fn feed(&self) -> &Feed {
        &self.feed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_shows_the_decimal_it_has() {
        for (tenths, shown) in [(-105, "-10.5"), (-2, "-0.2"), (120, "12"), (0, "0")] {
            assert_eq!(Tenths(tenths).to_string(), shown);
            assert_eq!(serde_json::to_string(&Tenths(tenths)).unwrap(), shown);
        }
    }

    #[test]
    fn bars_rise_with_the_level_and_are_unknown_without_one() {
        let rsrp = |level| {
            Levels {
                rsrp_dbm: Some(level),
                ..Levels::default()
            }
            .bars()
        };
        assert_eq!(rsrp(-120), Some(0));
        assert_eq!(rsrp(-115), Some(1));
        assert_eq!(rsrp(-90), Some(3));
        assert_eq!(rsrp(-60), Some(5));
        assert_eq!(Levels::default().bars(), None);
    }
}
