//! Codec: a message that its sender coded, into its SMS-SUBMIT and into what a person may read; it never codes it anew.

use super::SubmitOptions;
use super::address::Address;
use super::dcs::Dcs;
use super::septets::{filled_by, pack};
use super::submit::SubmitTpdu;
use super::udh::Header;
use super::user_data::{Payload, utf16};
use crate::message::{Encoding, Ready};

/// Octets of TP-UD (23.040 9.2.3.24).
const OCTETS: usize = 140;

/// The SMS-SUBMIT TPDU that carries `ready`, TP-MR 0; its flash and reference of `options` are not looked at. `None`: it
/// is too long for one part, or its header longer than all of it.
pub fn submit_ready(ready: &Ready, options: &SubmitOptions) -> Option<Vec<u8>> {
    let (header, body) = split(ready)?;
    let (tp_udl, octets) = match Dcs::parse(ready.dcs).encoding {
        Encoding::Gsm7 => {
            let before = filled_by(header.len() * 8);
            let fill = before * 7 - header.len() * 8;
            (before + body.len(), pack(body, fill))
        }
        Encoding::Data | Encoding::Ucs2 => (ready.user_data.len(), body.to_vec()),
    };
    let mut out = Vec::new();
    let front = SubmitTpdu {
        reject_duplicates: false,
        report: options.report,
        reference: 0,
        to: Address::from(&options.to),
        flash: false,
        validity: options.validity(),
        concat: None,
        payload: Payload::Data(body),
    };
    front.emit_front(ready.udhi, (ready.pid, ready.dcs), &mut out);
    out.push(u8::try_from(tp_udl).ok()?);
    out.extend_from_slice(header);
    out.extend(octets);
    Some(out)
}

/// Alphabet and text of `ready`, for people; 8-bit data as Latin-1 characters. `None` as for [`submit_ready`].
pub fn read_ready(ready: &Ready) -> Option<(Encoding, String)> {
    let encoding = Dcs::parse(ready.dcs).encoding;
    let (header, body) = split(ready)?;
    let text = match encoding {
        Encoding::Gsm7 => {
            let header = Header::parse(header).map(|(header, _)| header);
            header.unwrap_or_default().tables.decode(body)
        }
        Encoding::Ucs2 => utf16(body),
        Encoding::Data => body.iter().copied().map(char::from).collect(),
    };
    Some((encoding, text))
}

/// Header, with its UDHL, and text, where both fit one part.
fn split(ready: &Ready) -> Option<(&[u8], &[u8])> {
    let octets = match ready.udhi {
        true => usize::from(*ready.user_data.first()?) + 1,
        false => 0,
    };
    let (header, body) = ready.user_data.split_at_checked(octets)?;
    let units = match Dcs::parse(ready.dcs).encoding {
        Encoding::Gsm7 => body.len() * 7,
        Encoding::Data | Encoding::Ucs2 => body.len() * 8,
    };
    (header.len() * 8 + units <= OCTETS * 8).then_some((header, body))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::Number;
    use crate::sms::{SubmitOptions, submit, to_hex};

    fn options() -> SubmitOptions {
        SubmitOptions {
            to: Number::parse("+12025550155").unwrap(),
            flash: false,
            report: true,
            validity_s: Some(86_400),
            reference: 0x2a,
        }
    }

    fn ready(dcs: u8, udhi: bool, user_data: &[u8]) -> Ready {
        Ready {
            pid: 0,
            dcs,
            udhi,
            user_data: user_data.to_vec(),
        }
    }

    #[test]
    fn a_part_that_the_sender_cut_goes_out_as_if_we_had_cut_it() {
        let text = "a".repeat(200);
        let ours = submit(&text, &options()).unwrap();
        for (place, ours) in ours.iter().enumerate() {
            let length = [153, 47][place];
            let mut user_data = vec![5, 0, 3, 0x2a, 2, place as u8 + 1];
            user_data.extend("a".repeat(length).bytes());
            let part = ready(0, true, &user_data);
            assert_eq!(submit_ready(&part, &options()).as_ref(), Some(ours));
            assert_eq!(
                read_ready(&part),
                Some((Encoding::Gsm7, "a".repeat(length)))
            );
        }
    }

    #[test]
    fn data_and_ucs2_are_kept_to_the_octet() {
        let port = [6, 5, 4, 0x0b, 0x84, 0x23, 0xf0, 0xde, 0xad];
        let tpdu = submit_ready(&ready(0xf5, true, &port), &options()).unwrap();
        assert_eq!(
            to_hex(&tpdu),
            "71000B912120550551F500F5A709060504".to_owned() + "0B8423F0DEAD"
        );
        let half = ready(8, false, &[0xd8, 0x3d]);
        let tpdu = submit_ready(&half, &options()).unwrap();
        assert!(tpdu.ends_with(&[8, 0xa7, 2, 0xd8, 0x3d]));
        assert_eq!(read_ready(&half).unwrap().1, "\u{fffd}");
    }

    #[test]
    fn what_fills_more_than_one_part_or_lies_about_its_header_is_refused() {
        let fits = |dcs: u8, udhi: bool, user_data: &[u8]| {
            submit_ready(&ready(dcs, udhi, user_data), &options()).is_some()
        };
        assert!(fits(0, false, &[0x41; 160]) && !fits(0, false, &[0x41; 161]));
        assert!(fits(4, false, &[0; 140]) && !fits(4, false, &[0; 141]));
        assert!(fits(0, false, &[]) && !fits(0, true, &[]));
        assert!(!fits(4, true, &[9, 0, 3]));
        assert_eq!(read_ready(&ready(4, true, &[9, 0, 3])), None);
    }
}
