//! Codec: addresses, as TP-OA, TP-DA and TP-RA have them (23.040 9.1.2.5) and as the service centre's precedes a TPDU
//! (27.005 3.1); it never judges whether anybody can be reached there.

use crate::message::Number;

use super::BadPdu;
use super::alphabet::{Tables, encode};
use super::reader::Reader;
use super::septets::{pack, unpack};

/// The semi-octets 0 to 14 (23.040 9.1.2.3); 15 fills up the last octet.
const DIGITS: &str = "0123456789*#abc";

const UNKNOWN: u8 = 0x81;
const INTERNATIONAL: u8 = 0x91;
const ALPHANUMERIC: u8 = 0xd0;

/// A number with its type-of-address octet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// Type of number in bits 6 to 4, numbering plan in bits 3 to 0.
    pub type_of_address: u8,
    /// `+` and digits when international, bare digits otherwise, or a name.
    pub number: Number,
}

impl From<&Number> for Address {
    /// Numbers without `+` go out with type unknown: the network knows its own short and national numbers.
    fn from(number: &Number) -> Address {
        let type_of_address = if number.is_alphanumeric() {
            ALPHANUMERIC
        } else if number.as_str().starts_with('+') {
            INTERNATIONAL
        } else {
            UNKNOWN
        };
        Address {
            type_of_address,
            number: number.clone(),
        }
    }
}

impl Address {
    /// Reads an address of a TPDU: how many semi-octets, type, value.
    ///
    /// # Errors
    /// [`BadPdu::Truncated`] with `field`.
    pub(super) fn parse(from: &mut Reader, field: &'static str) -> Result<Address, BadPdu> {
        let semi_octets = usize::from(from.octet(field)?);
        let type_of_address = from.octet(field)?;
        let value = from.octets(semi_octets.div_ceil(2), field)?;
        Ok(Address::read(type_of_address, value, semi_octets))
    }

    /// Reads the service centre before a TPDU: how many octets, type, value; `None` where the modem left it out.
    ///
    /// # Errors
    /// [`BadPdu::Truncated`].
    pub(super) fn parse_smsc(from: &mut Reader) -> Result<Option<Address>, BadPdu> {
        let count = usize::from(from.octet("service centre")?);
        let octets = from.octets(count, "service centre")?;
        Ok(octets
            .split_first()
            .filter(|(_, value)| !value.is_empty())
            .map(|(kind, value)| Address::read(*kind, value, value.len() * 2)))
    }

    fn read(type_of_address: u8, value: &[u8], semi_octets: usize) -> Address {
        let text = match type_of_address & 0x70 {
            0x50 => {
                let septets = unpack(value, 0, semi_octets * 4 / 7);
                Tables::default().decode(&septets)
            }
            kind => {
                let plus = if kind == 0x10 { "+" } else { "" };
                let digits = value.iter().flat_map(|octet| [octet & 0x0f, octet >> 4]);
                let digits = digits
                    .take(semi_octets)
                    .filter_map(|digit| DIGITS.chars().nth(usize::from(digit)));
                plus.chars().chain(digits).collect()
            }
        };
        Address {
            type_of_address,
            number: Number::as_received(text),
        }
    }

    /// Appends it as an address of a TPDU, cut to its 20 semi-octets or 11 letters.
    pub fn emit(&self, out: &mut Vec<u8>) {
        let (semi_octets, value) = self.value();
        out.push(semi_octets);
        out.push(self.type_of_address);
        out.extend(value);
    }

    /// Appends it as the service centre before a TPDU, or the zero that leaves the choice to the modem.
    pub fn emit_smsc(smsc: Option<&Address>, out: &mut Vec<u8>) {
        let Some(address) = smsc else {
            out.push(0);
            return;
        };
        let (semi_octets, value) = address.value();
        out.push(semi_octets.div_ceil(2) + 1);
        out.push(address.type_of_address);
        out.extend(value);
    }

    /// How many semi-octets, and the octets that hold them.
    fn value(&self) -> (u8, Vec<u8>) {
        let (semi_octets, octets) = if self.type_of_address & 0x70 == 0x50 {
            let mut septets = encode(self.number.as_str()).unwrap_or_default();
            septets.truncate(11);
            ((septets.len() * 7).div_ceil(4), pack(&septets, 0))
        } else {
            let mut digits: Vec<u8> = (self.number.as_str().chars())
                .filter_map(|digit| DIGITS.chars().position(|known| known == digit))
                .filter_map(|digit| u8::try_from(digit).ok())
                .collect();
            digits.truncate(20);
            let swap = |pair: &[u8]| match pair {
                [low, high] => high << 4 | low,
                _ => pair.iter().fold(0xf0, |filler, low| filler | low),
            };
            (digits.len(), digits.chunks(2).map(swap).collect())
        };
        (u8::try_from(semi_octets).unwrap_or(0), octets)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(octets: &[u8]) -> String {
        let address = Address::parse(&mut Reader::new(octets), "TP-OA").unwrap();
        String::from(address.number.as_str())
    }

    fn written(number: &str) -> Vec<u8> {
        let mut out = Vec::new();
        Address::from(&Number::as_received(number)).emit(&mut out);
        out
    }

    #[test]
    fn the_type_of_number_decides_about_the_plus() {
        for (kind, number) in [
            (0x91, "+123"),
            (0x90, "+123"),
            (0x81, "123"),
            (0xa1, "123"),
            (0xb1, "123"),
            (0xc9, "123"),
        ] {
            assert_eq!(read(&[0x03, kind, 0x21, 0xf3]), number, "{kind:#x}");
        }
    }

    #[test]
    fn semi_octets_beyond_nine_are_the_signs_of_23_040() {
        assert_eq!(read(&[0x06, 0x81, 0xba, 0xdc, 0xfe]), "*#abc");
        assert_eq!(written("*100#"), [0x05, 0x81, 0x1a, 0x00, 0xfb]);
    }

    #[test]
    fn odd_even_and_empty_numbers_read_back() {
        for number in ["+12025550155", "112", "1", "12", "Teltonika", "a[]{}€"] {
            assert_eq!(read(&written(number)), number);
        }
        assert_eq!(read(&[0x00, 0x80]), "");
    }

    #[test]
    fn an_address_is_cut_to_what_its_field_holds() {
        let long = "1".repeat(300);
        assert_eq!(written(&long).len(), 2 + 10);
        assert_eq!(written(&"a".repeat(300)).len(), 2 + 10);
    }

    #[test]
    fn an_address_that_ends_too_early_names_its_field() {
        for octets in [&[][..], &[0x03], &[0x03, 0x91], &[0x03, 0x91, 0x21]] {
            let read = Address::parse(&mut Reader::new(octets), "TP-OA");
            assert_eq!(read, Err(BadPdu::Truncated("TP-OA")));
        }
    }
}
