//! Codec: writes SMS-SUBMIT (23.040 9.2.2.2); it never reads one back, and never numbers it (the modem does).

use super::address::Address;
use super::dcs::Dcs;
use super::decode::{TP_MTI_SUBMIT, TP_UDHI, TP_VPF_ABSOLUTE, TP_VPF_RELATIVE};
use super::split::split;
use super::user_data::Payload;
use super::validity::relative_validity;
use super::{BadText, Concat, SubmitOptions};
use crate::message::Encoding;

const TP_RD: u8 = 0x04;
const TP_SRR: u8 = 0x20;

/// How long the service centre may try (TP-VPF and TP-VP, 23.040 9.2.3.12).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Validity {
    /// As long as it likes.
    Unsaid,
    /// From its receipt, as `relative_validity` gives it.
    Relative(u8),
    /// Until a moment, as `emit_scts` gives it.
    Absolute([u8; 7]),
}

/// One SMS-SUBMIT, field by field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubmitTpdu<'a> {
    /// TP-RD: the service centre is to refuse a copy of a message it still holds.
    pub reject_duplicates: bool,
    /// TP-SRR: a status report is wanted.
    pub report: bool,
    /// TP-MR; 0 lets the modem number it.
    pub reference: u8,
    /// TP-DA.
    pub to: Address,
    /// Class 0.
    pub flash: bool,
    /// TP-VP.
    pub validity: Validity,
    /// The place in a longer message.
    pub concat: Option<Concat>,
    /// TP-UD without its header.
    pub payload: Payload<'a>,
}

impl SubmitTpdu<'_> {
    /// Appends the TPDU.
    pub fn emit(&self, out: &mut Vec<u8>) {
        let header = self.concat.map(|concat| concat.header());
        let dcs = Dcs::general(self.payload.encoding(), self.flash);
        self.emit_front(header.is_some(), (0, dcs), out); // TP-PID 0: an ordinary message
        self.payload
            .emit(header.as_deref().unwrap_or_default(), out);
    }

    /// Appends all that stands before TP-UDL; with TP-PID and TP-DCS.
    pub(super) fn emit_front(&self, udhi: bool, (pid, dcs): (u8, u8), out: &mut Vec<u8>) {
        let flag = |set: bool, bit: u8| if set { bit } else { 0 };
        let (tp_vpf, tp_vp) = match &self.validity {
            Validity::Unsaid => (0, &[][..]),
            Validity::Relative(value) => (TP_VPF_RELATIVE, std::slice::from_ref(value)),
            Validity::Absolute(octets) => (TP_VPF_ABSOLUTE, &octets[..]),
        };
        out.push(
            TP_MTI_SUBMIT
                | tp_vpf
                | flag(self.reject_duplicates, TP_RD)
                | flag(self.report, TP_SRR)
                | flag(udhi, TP_UDHI),
        );
        out.push(self.reference);
        self.to.emit(out);
        out.push(pid);
        out.push(dcs);
        out.extend(tp_vp);
    }
}

impl SubmitOptions {
    pub(super) fn validity(&self) -> Validity {
        self.validity_s.map_or(Validity::Unsaid, |seconds| {
            Validity::Relative(relative_validity(seconds))
        })
    }
}

/// The SMS-SUBMIT TPDUs (without service centre; the PDU for `AT+CMGS` is `00` followed by one of these, and the
/// length it is told is the TPDU's) that carry `text`, in order. TP-MR is 0: the modem sets it.
///
/// # Errors
/// [`BadText`].
pub fn submit(text: &str, options: &SubmitOptions) -> Result<Vec<Vec<u8>>, BadText> {
    let split = split(text)?;
    let total = u8::try_from(split.parts.len()).unwrap_or(u8::MAX);
    let validity = options.validity();
    let tpdu = |(part, sequence): (&&str, u8)| {
        let mut out = Vec::new();
        SubmitTpdu {
            reject_duplicates: false,
            report: options.report,
            reference: 0,
            to: Address::from(&options.to),
            flash: options.flash,
            validity,
            concat: (total > 1).then_some(Concat {
                reference: u16::from(options.reference),
                wide: false,
                total,
                sequence,
            }),
            payload: match split.encoding {
                Encoding::Gsm7 => Payload::Gsm7(part),
                Encoding::Ucs2 | Encoding::Data => Payload::Ucs2(part),
            },
        }
        .emit(&mut out);
        out
    };
    Ok(split.parts.iter().zip(1..=total).map(tpdu).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::Number;
    use crate::sms::to_hex;

    fn options() -> SubmitOptions {
        SubmitOptions {
            to: Number::parse("+12025550155").unwrap(),
            flash: false,
            report: false,
            validity_s: None,
            reference: 0x2a,
        }
    }

    fn hex(text: &str, options: &SubmitOptions) -> Vec<String> {
        let tpdus = submit(text, options).unwrap();
        tpdus.iter().map(|tpdu| to_hex(tpdu)).collect()
    }

    #[test]
    fn a_plain_text_goes_out_as_gsm_7_bit() {
        assert_eq!(
            hex("Test", &options()),
            ["01000B912120550551F5000004D4F29C0E"]
        );
    }

    #[test]
    fn flash_report_and_validity_set_their_bits() {
        let all = SubmitOptions {
            flash: true,
            report: true,
            validity_s: Some(86_400),
            ..options()
        };
        assert_eq!(hex("Test", &all), ["31000B912120550551F50010A704D4F29C0E"]);
        assert_eq!(hex("т", &all), ["31000B912120550551F50018A7020442"]);
    }

    #[test]
    fn a_short_number_goes_out_with_type_unknown() {
        let short = SubmitOptions {
            to: Number::parse("112").unwrap(),
            ..options()
        };
        assert_eq!(hex("т", &short), ["0100038111F20008020442"]);
    }

    #[test]
    fn parts_carry_one_reference_and_count_up() {
        let parts = hex(&"т".repeat(140), &options());
        let heads: Vec<&str> = parts.iter().map(|part| &part[..42]).collect();
        assert_eq!(
            heads,
            [
                "41000B912120550551F500088C0500032A03010442",
                "41000B912120550551F500088C0500032A03020442",
                "41000B912120550551F50008120500032A03030442",
            ]
        );
    }

    #[test]
    fn no_tpdu_is_longer_than_user_data_may_be() {
        for text in ["a".repeat(4000), "€".repeat(2000), "😀".repeat(900)] {
            for tpdu in submit(&text, &options()).unwrap() {
                assert!(tpdu.len() <= 13 + 140, "{}", tpdu.len());
            }
        }
    }

    #[test]
    fn an_empty_or_endless_text_is_refused() {
        assert_eq!(submit("", &options()), Err(BadText::Empty));
        let endless = "a".repeat(153 * 300);
        assert_eq!(submit(&endless, &options()), Err(BadText::TooLong(300)));
    }
}
