//! Codec: reads SMS-DELIVER, SMS-STATUS-REPORT and a stored SMS-SUBMIT (23.040 9.2.2) as leniently as they make sense; it
//! never writes one.

use crate::message::Number;

use super::address::Address;
use super::dcs::Dcs;
use super::reader::Reader;
use super::scts::parse_scts;
use super::validity::validity_minutes;
use super::{BadPdu, Deliver, Direction, StatusReport, Submit, Tpdu, user_data};

// Bits of a TPDU's first octet (23.040 9.2.3.1, .3 and .23).
pub(super) const TP_MTI: u8 = 0x03;
pub(super) const TP_MTI_SUBMIT: u8 = 0x01;
pub(super) const TP_VPF: u8 = 0x18;
pub(super) const TP_VPF_RELATIVE: u8 = 0x10;
pub(super) const TP_VPF_ABSOLUTE: u8 = 0x18;
pub(super) const TP_UDHI: u8 = 0x40;

/// Reads a PDU as the modem gives it: service centre first (27.005 3.1), then the TPDU.
///
/// # Errors
/// [`BadPdu`] when not even a lenient reading makes sense.
pub fn decode(pdu: &[u8], direction: Direction) -> Result<Tpdu, BadPdu> {
    let mut reader = Reader::new(pdu);
    let smsc = Address::parse_smsc(&mut reader)?.map(|address| address.number);
    let first = reader.octet("TP-MTI")?;
    match (direction, first & TP_MTI) {
        (Direction::FromNetwork, 0) => deliver(smsc, first, &mut reader).map(Tpdu::Deliver),
        (Direction::FromNetwork, 2) => status_report(&mut reader).map(Tpdu::StatusReport),
        (Direction::ToNetwork, TP_MTI_SUBMIT) => submit(smsc, first, &mut reader).map(Tpdu::Submit),
        (Direction::FromNetwork | Direction::ToNetwork, _) => Err(BadPdu::Forbidden("TP-MTI")),
    }
}

fn deliver(smsc: Option<Number>, first: u8, reader: &mut Reader) -> Result<Deliver, BadPdu> {
    let from = Address::parse(reader, "TP-OA")?.number;
    let pid = reader.octet("TP-PID")?;
    let dcs = reader.octet("TP-DCS")?;
    let sent_at = parse_scts(reader.octets(7, "TP-SCTS")?);
    let coding = Dcs::parse(dcs);
    let udhi = first & TP_UDHI != 0;
    let (header, body) = user_data::parse(reader, Direction::FromNetwork, udhi, coding.encoding)?;
    Ok(Deliver {
        smsc,
        from,
        pid,
        dcs,
        encoding: coding.encoding,
        class: coding.class,
        sent_at,
        concat: header.concat,
        ports: header.ports,
        body,
    })
}

// What may follow TP-ST (TP-PI and the fields it announces) says nothing about the delivery.
fn status_report(reader: &mut Reader) -> Result<StatusReport, BadPdu> {
    Ok(StatusReport {
        reference: reader.octet("TP-MR")?,
        to: Address::parse(reader, "TP-RA")?.number,
        sent_at: parse_scts(reader.octets(7, "TP-SCTS")?),
        discharged_at: parse_scts(reader.octets(7, "TP-DT")?),
        status: reader.octet("TP-ST")?,
    })
}

fn submit(smsc: Option<Number>, first: u8, reader: &mut Reader) -> Result<Submit, BadPdu> {
    let reference = reader.octet("TP-MR")?;
    let to = Address::parse(reader, "TP-DA")?.number;
    reader.octet("TP-PID")?;
    let dcs = reader.octet("TP-DCS")?;
    let validity_minutes = match first & TP_VPF {
        0 => None,
        TP_VPF_RELATIVE => Some(validity_minutes(reader.octet("TP-VP")?)),
        // Absolute and enhanced: seven octets both.
        _ => reader.octets(7, "TP-VP").map(|_| None)?,
    };
    let encoding = Dcs::parse(dcs).encoding;
    let udhi = first & TP_UDHI != 0;
    let (header, body) = user_data::parse(reader, Direction::ToNetwork, udhi, encoding)?;
    Ok(Submit {
        smsc,
        reference,
        to,
        dcs,
        validity_minutes,
        concat: header.concat,
        body,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sms::{Body, from_hex};

    fn read(hex: &str, direction: Direction) -> Result<Tpdu, BadPdu> {
        decode(&from_hex(hex).unwrap(), direction)
    }

    #[test]
    fn a_message_type_that_does_not_travel_this_way_is_refused() {
        for (first, from_network, to_network) in [
            (0, true, false),
            (1, false, true),
            (2, true, false),
            (3, false, false),
        ] {
            let hex = format!("00{first:02X}");
            let refused = Err(BadPdu::Forbidden("TP-MTI"));
            assert_eq!(read(&hex, Direction::FromNetwork) != refused, from_network);
            assert_eq!(read(&hex, Direction::ToNetwork) != refused, to_network);
        }
    }

    #[test]
    fn a_message_without_a_date_is_still_a_message() {
        let deliver = read("0004038121F30000FFFFFFFFFFFFFF0141", Direction::FromNetwork);
        let Ok(Tpdu::Deliver(deliver)) = deliver else {
            panic!("{deliver:?}");
        };
        assert_eq!(deliver.sent_at, None);
        assert_eq!(deliver.from.as_str(), "123");
        assert_eq!(deliver.body, Body::Text(String::from("A")));
    }

    #[test]
    fn every_form_of_validity_is_passed_over_rightly() {
        for (first, tp_vp, minutes) in [
            ("01", "", None),
            ("11", "A7", Some(1440)),
            ("19", "51117200000000", None),
            ("09", "01020000000000", None),
        ] {
            let hex = format!("00{first}00038121F30000{tp_vp}0141");
            let Ok(Tpdu::Submit(submit)) = read(&hex, Direction::ToNetwork) else {
                panic!("{hex}");
            };
            assert_eq!(submit.validity_minutes, minutes);
            assert_eq!(submit.body, Body::Text(String::from("A")));
        }
    }

    #[test]
    fn a_pdu_that_ends_too_early_names_the_field() {
        for (hex, field) in [
            ("", "service centre"),
            ("0791", "service centre"),
            ("00", "TP-MTI"),
            ("0004", "TP-OA"),
            ("0004038121F3", "TP-PID"),
            ("0004038121F300", "TP-DCS"),
            ("0004038121F300005111", "TP-SCTS"),
            ("0004038121F3000051117200000000", "TP-UDL"),
            ("0004038121F300005111720000000001", "TP-UD"),
            ("0044038121F30000511172000000000105", "TP-UDH"),
        ] {
            assert_eq!(
                read(hex, Direction::FromNetwork),
                Err(BadPdu::Truncated(field))
            );
        }
    }

    /// Rubbish by itself, and behind the heads of TPDUs so that it gets further in.
    #[test]
    fn rubbish_does_not_panic() {
        let mut state = 0x9e37_79b9_u32;
        let mut random = move || {
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            state
        };
        let heads = ["", "0040038121F300", "00", "0051000381", "0006", "00440BD0"];
        let mut understood = 0;
        for head in heads.iter().cycle().take(100_000) {
            let mut octets = from_hex(head).unwrap();
            let length = random() % 96;
            octets.extend((0..length).map(|_| random() as u8));
            for direction in [Direction::FromNetwork, Direction::ToNetwork] {
                understood += usize::from(decode(&octets, direction).is_ok());
            }
        }
        assert!(understood > 5_000, "only {understood} got to the end");
    }
}
