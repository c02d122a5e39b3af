//! Codec: the order `deliver` into what the network has for the modem. Never decides when it arrives.

use serde::Deserialize;
use serde_json::{Value, json};

use super::alphabet::Alphabet;
use super::modem::Modem;
use super::network::{Incoming, Kind};
use super::pdu::{self, Downlink};
use crate::time::{Now, WallTime};

/// The fields of `deliver`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Order {
    /// The sender: a number, or a name.
    from: String,
    text: String,
    /// `gsm7`, `ucs2` or `8bit`; by the text when not given.
    alphabet: Option<String>,
    /// 0 to 3.
    class: Option<u8>,
    /// The service centre's time, RFC 3339; now when not given.
    at: Option<String>,
    /// Concatenation reference.
    concat_ref: u16,
    /// A 16-bit reference.
    wide: bool,
    /// The order in which parts come, counted from 1.
    parts: Option<Vec<usize>>,
    /// Parts that never come.
    drop: Vec<usize>,
    /// Parts that come twice.
    dup: Vec<usize>,
    /// Stored without a notification.
    store_only: bool,
    /// This PDU instead, service centre first, hexadecimal.
    pdu: Option<String>,
    /// The whole so many times.
    times: usize,
}

impl Default for Order {
    fn default() -> Order {
        Order {
            from: String::from("+491510000001"),
            text: String::new(),
            alphabet: None,
            class: None,
            at: None,
            concat_ref: 0,
            wide: false,
            parts: None,
            drop: Vec::new(),
            dup: Vec::new(),
            store_only: false,
            pdu: None,
            times: 1,
        }
    }
}

/// Puts the message into the network's queue and delivers what can be delivered.
pub(super) fn run(modem: &mut Modem, rest: &str, now: Now) -> Result<Value, String> {
    let order: Order = serde_json::from_str(rest).map_err(|why| why.to_string())?;
    let pdus = match &order.pdu {
        Some(raw) => vec![pdu::unhex(raw).ok_or("pdu is hexadecimal")?],
        None => pdu::deliver(&message(&order, now)?, &modem.network.smsc),
    };
    let sent = arrangement(&order, &pdus);
    for _ in 0..order.times {
        for pdu in &sent {
            modem.network.queue.push_back(Incoming {
                kind: Kind::Message(pdu::class_of_deliver(pdu)),
                pdu: pdu.clone(),
                silent: order.store_only,
            });
        }
    }
    modem.pump(now);
    let shown: Vec<String> = sent.iter().map(|pdu| pdu::hex(pdu)).collect();
    Ok(json!({"parts": pdus.len(), "pdus": shown, "queue": modem.network.queue.len()}))
}

fn message(order: &Order, now: Now) -> Result<Downlink, String> {
    let alphabet = match order.alphabet.as_deref() {
        None => None,
        Some("gsm7") => Some(Alphabet::Gsm7),
        Some("ucs2") => Some(Alphabet::Ucs2),
        Some("8bit") => Some(Alphabet::Data),
        Some(other) => {
            return Err(format!(
                "no alphabet {other:?}; there are gsm7, ucs2 and 8bit"
            ));
        }
    };
    let at = match &order.at {
        None => now.wall,
        Some(text) => WallTime::parse_rfc3339(text).ok_or("at is no RFC 3339 time")?,
    };
    Ok(Downlink {
        from: order.from.clone(),
        text: order.text.clone(),
        alphabet,
        class: order.class,
        reference: order.concat_ref,
        wide: order.wide,
        at_s: at.unix_s(),
    })
}

/// The parts as they come: in the order asked for, without the dropped ones, the doubled ones twice.
fn arrangement(order: &Order, pdus: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let straight: Vec<usize> = (1..=pdus.len()).collect();
    let mut sent = Vec::new();
    for part in order.parts.as_ref().unwrap_or(&straight) {
        let Some(pdu) = pdus
            .get(part.wrapping_sub(1))
            .filter(|_| !order.drop.contains(part))
        else {
            continue;
        };
        sent.push(pdu.clone());
        if order.dup.contains(part) {
            sent.push(pdu.clone());
        }
    }
    sent
}
