//! Codec: user data, TP-UDL and TP-UD (23.040 9.2.3.16 and .24), with or without its header; it never joins parts.

use crate::message::Encoding;

use super::alphabet::{Tables, encode};
use super::reader::Reader;
use super::septets::{filled_by, pack, unpack};
use super::udh::Header;
use super::{BadPdu, Body, Direction};

/// Reads TP-UDL and TP-UD, of a SUBMIT what is there of it; what lies behind it is nobody's. A modem shows of a DELIVER as
/// many octets as TP-UDL says: a shorter one lost some on its way to us, anywhere, and would read as something else.
///
/// # Errors
/// [`BadPdu::Truncated`] when TP-UDL, something of a DELIVER's TP-UD or the whole of a header that TP-UDHI promises is
/// missing.
pub(super) fn parse(
    from: &mut Reader,
    direction: Direction,
    udhi: bool,
    encoding: Encoding,
) -> Result<(Header, Body), BadPdu> {
    let tp_udl = usize::from(from.octet("TP-UDL")?);
    let count = match encoding {
        Encoding::Gsm7 => (tp_udl * 7).div_ceil(8),
        Encoding::Data | Encoding::Ucs2 => tp_udl,
    };
    let octets = match direction {
        Direction::FromNetwork => from.octets(count, "TP-UD")?,
        Direction::ToNetwork => from.up_to(count),
    };
    let (header, header_octets) = if udhi {
        Header::parse(octets)?
    } else {
        (Header::default(), 0)
    };
    let payload = octets.get(header_octets..).unwrap_or(&[]);
    let body = match encoding {
        Encoding::Gsm7 => {
            let before = filled_by(header_octets * 8);
            let septets = unpack(octets, before * 7, tp_udl.saturating_sub(before));
            Body::Text(header.tables.decode(&septets))
        }
        Encoding::Data => Body::Data(payload.to_vec()),
        Encoding::Ucs2 => Body::Text(utf16(payload)),
    };
    Ok((header, body))
}

// UCS-2 is UTF-16 in fact; half a unit at the end, which some senders leave, says nothing.
pub(super) fn utf16(octets: &[u8]) -> String {
    let (units, _) = octets.as_chunks::<2>();
    let units = units.iter().map(|unit| u16::from_be_bytes(*unit));
    char::decode_utf16(units)
        .map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER))
        .collect()
}

/// What a TPDU is to carry: one part's worth, for the caller splits (`split`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Payload<'a> {
    /// Text of the default alphabet and its extension; any other character goes out as `?`.
    Gsm7(&'a str),
    /// Any text.
    Ucs2(&'a str),
    /// 8-bit data.
    Data(&'a [u8]),
}

impl Payload<'_> {
    pub(super) fn encoding(&self) -> Encoding {
        match self {
            Payload::Gsm7(_) => Encoding::Gsm7,
            Payload::Ucs2(_) => Encoding::Ucs2,
            Payload::Data(_) => Encoding::Data,
        }
    }

    /// Appends TP-UDL and TP-UD with `header` in front, an empty one meaning none.
    pub(super) fn emit(&self, header: &[u8], out: &mut Vec<u8>) {
        let (tp_udl, octets) = match self {
            Payload::Gsm7(text) => {
                let septets = encode(text).unwrap_or_else(|| encode_marked(text));
                let header_bits = header.len() * 8;
                let before = filled_by(header_bits);
                (
                    before + septets.len(),
                    pack(&septets, before * 7 - header_bits),
                )
            }
            Payload::Ucs2(text) => {
                let octets: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
                (header.len() + octets.len(), octets)
            }
            Payload::Data(data) => (header.len() + data.len(), data.to_vec()),
        };
        out.push(u8::try_from(tp_udl).unwrap_or(u8::MAX));
        out.extend(header);
        out.extend(octets);
    }
}

fn encode_marked(text: &str) -> Vec<u8> {
    let known = |character| Tables::default().cost(character).is_some();
    let marked: String = (text.chars())
        .map(|character| if known(character) { character } else { '?' })
        .collect();
    encode(&marked).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(octets: &[u8], udhi: bool, encoding: Encoding) -> Body {
        let mut reader = Reader::new(octets);
        let read = parse(&mut reader, Direction::ToNetwork, udhi, encoding);
        read.unwrap().1
    }

    fn text(text: &str) -> Body {
        Body::Text(String::from(text))
    }

    #[test]
    fn short_user_data_of_a_submit_gives_what_is_there() {
        assert_eq!(
            read(&[10, 0xe8, 0x32, 0x9b], false, Encoding::Gsm7),
            text("hel")
        );
        assert_eq!(read(&[10, 0x04, 0x42], false, Encoding::Ucs2), text("т"));
        assert_eq!(read(&[9, 1], false, Encoding::Data), Body::Data(vec![1]));
        assert_eq!(read(&[200], false, Encoding::Gsm7), text(""));
    }

    #[test]
    fn of_a_deliver_all_user_data_is_there_or_it_is_none() {
        let whole = [4, 0x04, 0x42, 0x04, 0x42];
        for cut in 1..whole.len() {
            let mut reader = Reader::new(&whole[..cut]);
            let read = parse(&mut reader, Direction::FromNetwork, false, Encoding::Ucs2);
            assert_eq!(read.unwrap_err(), BadPdu::Truncated("TP-UD"), "{cut}");
        }
    }

    #[test]
    fn rubbish_behind_user_data_is_not_read() {
        assert_eq!(
            read(&[1, 0x41, 0xff, 0xff], false, Encoding::Gsm7),
            text("A")
        );
        assert_eq!(
            read(&[2, 0x04, 0x42, 0xff], false, Encoding::Ucs2),
            text("т")
        );
        assert_eq!(read(&[1, 7, 8], false, Encoding::Data), Body::Data(vec![7]));
    }

    #[test]
    fn odd_octets_and_lone_surrogates_do_no_harm() {
        assert_eq!(
            read(&[3, 0x04, 0x42, 0x04], false, Encoding::Ucs2),
            text("т")
        );
        assert_eq!(
            read(&[4, 0xd8, 0x3d, 0x00, 0x41], false, Encoding::Ucs2),
            text("\u{fffd}A")
        );
        assert_eq!(
            read(&[4, 0xd8, 0x3d, 0xde, 0x00], false, Encoding::Ucs2),
            text("😀")
        );
    }

    #[test]
    fn what_is_written_reads_back_behind_any_header() {
        for elements in 0..20 {
            let mut header = vec![elements + 2, 0x70, elements];
            header.resize(usize::from(elements) + 3, 0);
            for payload in [
                Payload::Gsm7("héllo {€}"),
                Payload::Ucs2("Жö😀"),
                Payload::Data(&[1, 2]),
            ] {
                let mut out = Vec::new();
                payload.emit(&header, &mut out);
                let wanted = match payload {
                    Payload::Gsm7(it) | Payload::Ucs2(it) => text(it),
                    Payload::Data(data) => Body::Data(data.to_vec()),
                };
                assert_eq!(read(&out, true, payload.encoding()), wanted);
            }
        }
    }

    #[test]
    fn a_character_the_alphabet_lacks_is_marked() {
        let mut out = Vec::new();
        Payload::Gsm7("aЖb").emit(&[], &mut out);
        assert_eq!(read(&out, false, Encoding::Gsm7), text("a?b"));
    }
}
