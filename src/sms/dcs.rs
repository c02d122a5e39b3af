//! Codec: the data coding scheme TP-DCS (23.038 clause 4); it never touches the data it describes.

use crate::message::Encoding;

/// What a TP-DCS says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Dcs {
    pub(super) encoding: Encoding,
    /// Message class 0..=3.
    pub(super) class: Option<u8>,
}

impl Dcs {
    /// Reserved codings read as GSM 7-bit, as clause 4 wants. Compressed text (23.042) is nobody's any more: its octets
    /// are handed on as data.
    pub(super) fn parse(octet: u8) -> Dcs {
        let class = Some(octet & 0x03);
        match octet >> 4 {
            // General data coding, and the same marked for automatic deletion; bit 5: compressed, bit 4: has a class.
            group @ 0x0..=0x7 => Dcs {
                encoding: match (octet >> 2) & 0x03 {
                    _ if group & 0x2 != 0 => Encoding::Data,
                    1 => Encoding::Data,
                    2 => Encoding::Ucs2,
                    _ => Encoding::Gsm7,
                },
                class: class.filter(|_| group & 0x1 != 0),
            },
            // Message waiting, stored as UCS-2.
            0xe => Dcs {
                encoding: Encoding::Ucs2,
                class: None,
            },
            // Data coding and message class.
            0xf => Dcs {
                encoding: if octet & 0x04 == 0 {
                    Encoding::Gsm7
                } else {
                    Encoding::Data
                },
                class,
            },
            // Message waiting (0xC, 0xD) and reserved groups.
            _ => Dcs {
                encoding: Encoding::Gsm7,
                class: None,
            },
        }
    }

    /// The TP-DCS of the general group; class 0 is flash.
    pub(super) fn general(encoding: Encoding, flash: bool) -> u8 {
        let alphabet = match encoding {
            Encoding::Gsm7 => 0x00,
            Encoding::Data => 0x04,
            Encoding::Ucs2 => 0x08,
        };
        alphabet | if flash { 0x10 } else { 0x00 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_group_of_clause_4_is_read() {
        use Encoding::{Data, Gsm7, Ucs2};
        for (octet, encoding, class) in [
            (0x00, Gsm7, None),
            (0x04, Data, None),
            (0x08, Ucs2, None),
            (0x0c, Gsm7, None),
            (0x10, Gsm7, Some(0)),
            (0x18, Ucs2, Some(0)),
            (0x19, Ucs2, Some(1)),
            (0x20, Data, None),
            (0x28, Data, None),
            (0x32, Data, Some(2)),
            (0x48, Ucs2, None),
            (0x53, Gsm7, Some(3)),
            (0x80, Gsm7, None),
            (0xb4, Gsm7, None),
            (0xc8, Gsm7, None),
            (0xd0, Gsm7, None),
            (0xe0, Ucs2, None),
            (0xf0, Gsm7, Some(0)),
            (0xf5, Data, Some(1)),
        ] {
            assert_eq!(Dcs::parse(octet), Dcs { encoding, class }, "{octet:#04x}");
        }
    }

    #[test]
    fn what_is_written_reads_back() {
        for encoding in [Encoding::Gsm7, Encoding::Data, Encoding::Ucs2] {
            for flash in [false, true] {
                let class = flash.then_some(0);
                let octet = Dcs::general(encoding, flash);
                assert_eq!(Dcs::parse(octet), Dcs { encoding, class });
            }
        }
    }
}
