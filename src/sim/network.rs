//! Keeper: the simulated network — registration, levels, what waits for the modem and what the modem put on the air.
//! Never speaks AT.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::pdu::{Submit, hex};

/// Something the network has for the modem.
#[derive(Clone, Debug)]
pub(super) struct Incoming {
    pub(super) kind: Kind,
    /// Service centre first.
    pub(super) pdu: Vec<u8>,
    /// Stored without any notification.
    pub(super) silent: bool,
}

/// What it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// An SMS-DELIVER of this class.
    Message(Option<u8>),
    /// An SMS-STATUS-REPORT.
    Report,
}

/// An SMS-SUBMIT the network took.
#[derive(Clone, Debug)]
pub(super) struct OnAir {
    /// Milliseconds since the simulator started.
    pub(super) at_ms: u64,
    /// TP-MR.
    pub(super) reference: u8,
    pub(super) submit: Submit,
    pub(super) pdu: Vec<u8>,
    /// TP-ST of the status report that follows, if one does.
    pub(super) status: Option<u8>,
    /// `+CMMS` kept the link for it.
    pub(super) link_kept: bool,
}

impl OnAir {
    fn json(&self, number: usize) -> Value {
        let submit = &self.submit;
        json!({
            "n": number, "ms": self.at_ms, "mr": self.reference, "to": submit.to, "text": submit.text,
            "alphabet": submit.alphabet.name(), "class": submit.class, "report": submit.report,
            "status": self.status,
            "validity_min": submit.validity_min, "link_kept": self.link_kept, "pdu": hex(&self.pdu),
            "concat": submit.concat.map(|(reference, total, seq)| json!({"ref": reference, "total": total, "seq": seq})),
        })
    }
}

/// Which status reports come back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reports {
    /// For every message that asked, with this TP-ST, after the answer.
    After(u8),
    /// The same, but before the answer: networks do that.
    Before(u8),
    /// None.
    Off,
}

/// Levels as the radio measures them; what is missing is not known.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Levels {
    /// 27.007 AcT: 0 GSM, 2 UTRAN, 7 E-UTRAN.
    pub(super) act: Option<u8>,
    pub(super) rssi: Option<i16>,
    pub(super) rsrp: Option<i16>,
    pub(super) rsrq: Option<f32>,
    pub(super) sinr: Option<f32>,
    pub(super) rscp: Option<i16>,
    pub(super) ecio: Option<f32>,
}

/// The network.
#[derive(Debug)]
pub(super) struct Network {
    /// `<stat>` of 27.007 7.2.
    pub(super) registration: u8,
    pub(super) operator: String,
    pub(super) plmn: String,
    pub(super) area: String,
    pub(super) cell: String,
    pub(super) levels: Levels,
    /// The service centre.
    pub(super) smsc: String,
    /// What was accepted, in order.
    pub(super) air: Vec<OnAir>,
    /// What waits for the modem, in order.
    pub(super) queue: VecDeque<Incoming>,
    /// How many the modem took.
    pub(super) delivered: u64,
    pub(super) reports: Reports,
    /// The next TP-MR.
    pub(super) reference: u8,
    /// From PDU to answer, milliseconds.
    pub(super) delay_ms: u64,
    /// USSD codes and their answers.
    pub(super) ussd: Vec<(String, String)>,
}

impl Network {
    /// A home network with good 4G.
    pub(super) fn new() -> Network {
        Network {
            registration: 1,
            operator: String::from("Sim Mobile"),
            plmn: String::from("26201"),
            area: String::from("5A1C"),
            cell: String::from("01A2D003"),
            levels: Levels {
                act: Some(7),
                rssi: Some(-65),
                rsrp: Some(-95),
                rsrq: Some(-9.0),
                sinr: Some(14.0),
                rscp: None,
                ecio: None,
            },
            smsc: String::from("+491710760000"),
            air: Vec::new(),
            queue: VecDeque::new(),
            delivered: 0,
            reports: Reports::After(0),
            reference: 0,
            delay_ms: 0,
            ussd: vec![(
                String::from("*100#"),
                String::from("Your balance is 12.34 EUR."),
            )],
        }
    }

    /// At home or roaming.
    pub(super) fn registered(&self) -> bool {
        matches!(self.registration, 1 | 5)
    }

    /// Access technology; 4G unless somebody set another.
    pub(super) fn act(&self) -> u8 {
        self.levels.act.unwrap_or(7)
    }

    /// The air log from message `first` (counted from 1) on.
    pub(super) fn air_json(&self, first: usize) -> Value {
        let numbered = (1..).zip(&self.air).skip(first.saturating_sub(1));
        numbered
            .map(|(number, on_air)| on_air.json(number))
            .collect()
    }

    /// The answer to a USSD code.
    pub(super) fn ussd_answer(&self, code: &str) -> Option<&str> {
        self.ussd
            .iter()
            .rev()
            .find(|(known, _)| known == code)
            .map(|(_, answer)| answer.as_str())
    }
}
