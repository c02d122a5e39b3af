//! Codec: the user data header (23.040 9.2.3.24); it never acts on what it finds, and passes over what it does not know.

use super::alphabet::Tables;
use super::{BadPdu, Concat};

// Information element identifiers.
const CONCAT_8: u8 = 0x00;
const PORTS_8: u8 = 0x04;
const PORTS_16: u8 = 0x05;
const CONCAT_16: u8 = 0x08;
const SINGLE_SHIFT: u8 = 0x24;
const LOCKING_SHIFT: u8 = 0x25;

/// What the header's elements say; of an element that comes twice the last counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) concat: Option<Concat>,
    /// Destination, originator.
    pub(super) ports: Option<(u16, u16)>,
    pub(super) tables: Tables,
}

impl Header {
    /// The header at the front of `user_data`, and its length in octets with UDHL. A header that claims more than there
    /// is still counts as far as its elements are whole.
    ///
    /// # Errors
    /// [`BadPdu::Truncated`] when nothing of it is there.
    pub(super) fn parse(user_data: &[u8]) -> Result<(Header, usize), BadPdu> {
        let truncated = BadPdu::Truncated("TP-UDH");
        let (udhl, rest) = user_data.split_first().ok_or(truncated)?;
        let length = usize::from(*udhl);
        let mut left = rest.get(..length).unwrap_or(rest);
        let mut header = Header::default();
        let mut whole = left.len() == length;
        while let Some((identifier, data, after)) = element(left) {
            header.take(identifier, data);
            left = after;
            whole = true;
        }
        if whole {
            Ok((header, length.min(rest.len()) + 1))
        } else {
            Err(truncated)
        }
    }

    fn take(&mut self, identifier: u8, data: &[u8]) {
        match (identifier, data) {
            (CONCAT_8, &[reference, total, sequence]) => {
                let found = concat(u16::from(reference), false, total, sequence);
                self.concat = found.or(self.concat);
            }
            (CONCAT_16, &[high, low, total, sequence]) => {
                let found = concat(u16::from_be_bytes([high, low]), true, total, sequence);
                self.concat = found.or(self.concat);
            }
            (PORTS_8, &[to, from]) => self.ports = Some((u16::from(to), u16::from(from))),
            (PORTS_16, &[to_high, to_low, from_high, from_low]) => {
                self.ports = Some((
                    u16::from_be_bytes([to_high, to_low]),
                    u16::from_be_bytes([from_high, from_low]),
                ));
            }
            (SINGLE_SHIFT, &[language]) => self.tables.single = language,
            (LOCKING_SHIFT, &[language]) => self.tables.locking = language,
            _ => {}
        }
    }
}

/// The first element's identifier and data, and what follows it; `None` at the end and where it is not whole.
fn element(left: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&[identifier, length], rest) = left.split_first_chunk::<2>()?;
    let (data, after) = rest.split_at_checked(usize::from(length))?;
    Some((identifier, data, after))
}

// Part 0, a part beyond the last and a total of 0 mean that the element is to be ignored (9.2.3.24.1).
fn concat(reference: u16, wide: bool, total: u8, sequence: u8) -> Option<Concat> {
    (1..=total).contains(&sequence).then_some(Concat {
        reference,
        wide,
        total,
        sequence,
    })
}

impl Concat {
    /// The header, UDHL and all, that says this and nothing else.
    pub(super) fn header(&self) -> Vec<u8> {
        let [high, low] = self.reference.to_be_bytes();
        if self.wide {
            vec![6, CONCAT_16, 4, high, low, self.total, self.sequence]
        } else {
            vec![5, CONCAT_8, 3, low, self.total, self.sequence]
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(octets: &[u8]) -> Header {
        Header::parse(octets).unwrap().0
    }

    #[test]
    fn both_forms_of_concatenation_read_back() {
        for wide in [false, true] {
            let concat = Concat {
                reference: if wide { 0x1234 } else { 0x34 },
                wide,
                total: 3,
                sequence: 2,
            };
            let octets = concat.header();
            let (header, length) = Header::parse(&octets).unwrap();
            assert_eq!(header.concat, Some(concat));
            assert_eq!(length, octets.len());
        }
    }

    #[test]
    fn impossible_part_numbers_are_ignored() {
        for (total, sequence) in [(2, 0), (2, 3), (0, 0), (0, 1)] {
            assert_eq!(parsed(&[5, 0, 3, 7, total, sequence]).concat, None);
            assert_eq!(parsed(&[6, 8, 4, 7, 7, total, sequence]).concat, None);
        }
        assert!(parsed(&[5, 0, 3, 7, 1, 1]).concat.is_some());
    }

    #[test]
    fn unknown_and_misshapen_elements_are_passed_over() {
        let octets = [
            15, 0x0a, 3, 0, 7, 0x23, 0x00, 2, 1, 1, 0x70, 0, 0x05, 4, 0x0b, 0x84,
        ];
        let header = parsed(&[&octets[..], &[0x23, 0xf0]].concat());
        assert_eq!(header, Header::default());
        let header = parsed(&[9, 0x70, 1, 9, 0x05, 4, 0x0b, 0x84, 0x23, 0xf0]);
        assert_eq!(header.ports, Some((2948, 9200)));
        assert_eq!(parsed(&[4, 0x04, 2, 1, 2]).ports, Some((1, 2)));
    }

    #[test]
    fn the_last_of_two_elements_counts() {
        let octets = [10, 0, 3, 1, 2, 1, 0, 3, 9, 3, 3];
        assert_eq!(parsed(&octets).concat.unwrap().reference, 9);
        let header = parsed(&[6, 0x24, 1, 1, 0x25, 1, 3]);
        assert_eq!((header.tables.single, header.tables.locking), (1, 3));
    }

    #[test]
    fn a_header_longer_than_its_data_counts_as_far_as_it_goes() {
        let (header, length) = Header::parse(&[40, 0, 3, 7, 2, 1, 0x41]).unwrap();
        assert!(header.concat.is_some());
        assert_eq!(length, 7);
        for octets in [&[][..], &[5], &[5, 0], &[5, 0, 3, 7]] {
            assert_eq!(
                Header::parse(octets),
                Err(BadPdu::Truncated("TP-UDH")),
                "{octets:?}"
            );
        }
        assert_eq!(Header::parse(&[0]), Ok((Header::default(), 1)));
    }
}
