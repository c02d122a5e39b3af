//! Codec: what a short message says — data_coding, alphabets, user data headers — into what the outbox sends, and a
//! received text into the octets of deliver_sm (SMPP 3.4 5.2.19, 3GPP TS 23.038). Never splits a text that the outbox can
//! split.

use super::pdu::Status;
use super::short::Short;
use crate::config::SmppAlphabet as Alphabet;
use crate::message::{Encoding, Ready, Received};
use crate::sms::{self, Limits, Tables};

/// Optional parameters (5.3.2).
const DEST_ADDR_SUBUNIT: u16 = 0x0005;
const SOURCE_PORT: u16 = 0x020A;
const DESTINATION_PORT: u16 = 0x020B;
const SAR_MSG_REF_NUM: u16 = 0x020C;
const SAR_TOTAL_SEGMENTS: u16 = 0x020E;
const SAR_SEGMENT_SEQNUM: u16 = 0x020F;
/// message_payload.
pub(super) const MESSAGE_PAYLOAD: u16 = 0x0424;

/// esm_class bit 6: the text begins with a user data header.
pub(super) const UDHI: u8 = 0x40;
/// The most that short_message holds.
const SHORT: usize = 254;
/// The most 8-bit characters of a message, and of a part of one.
const OCTETS: Limits = Limits {
    whole: 140,
    part: 134,
};

/// What is to be sent.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Content {
    /// The text, or what a person can read of `ready`.
    pub(super) text: String,
    pub(super) flash: bool,
    pub(super) ready: Option<Ready>,
}

/// How the octets of a text are to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Coding {
    Septets,
    Packed,
    Latin1,
    Ucs2,
    Data,
}

impl From<Alphabet> for Coding {
    fn from(alphabet: Alphabet) -> Coding {
        match alphabet {
            Alphabet::Gsm => Coding::Septets,
            Alphabet::Packed => Coding::Packed,
            Alphabet::Latin1 => Coding::Latin1,
        }
    }
}

/// The coding and the message class that a data_coding names.
fn coding(data_coding: u8, default: Alphabet) -> Option<(Coding, Option<u8>)> {
    let class = Some(data_coding & 0x03);
    Some(match data_coding {
        0 => (default.into(), None),
        1 | 3 => (Coding::Latin1, None),
        2 | 4 => (Coding::Data, None),
        8 => (Coding::Ucs2, None),
        0x10..=0x13 | 0xF0..=0xF3 | 0xF8..=0xFB => (default.into(), class),
        0x14..=0x17 | 0xF4..=0xF7 | 0xFC..=0xFF => (Coding::Data, class),
        0x18..=0x1B => (Coding::Ucs2, class),
        _ => return None,
    })
}

/// What `short` asks to be sent. A text goes as text: the outbox chooses its alphabet and cuts it. What has a header, is
/// 8-bit data, or has a class or protocol_id of its own goes as it is.
pub(super) fn content(short: &Short, default: Alphabet) -> Result<Content, Status> {
    let payload = match short.parameters.get(MESSAGE_PAYLOAD) {
        Some(_) if !short.message.is_empty() => return Err(Status::PARAMETER_NOT_ALLOWED),
        Some(payload) => payload,
        None => short.message,
    };
    let (coding, class) = coding(short.data_coding, default).ok_or(Status::DATA_CODING)?;
    let class = match short.parameters.number(DEST_ADDR_SUBUNIT) {
        // 1: the display, 2: the phone, 3: the SIM, 4: what is connected to it
        Some(unit @ 1..=4) => u8::try_from(unit - 1).ok(),
        Some(_) | None => class,
    };
    let (header, body) = header(short, payload)?;
    let flash = class == Some(0);
    let text = match coding {
        Coding::Septets | Coding::Packed => {
            let septets = septets(coding, header.len(), body);
            Tables::default().decode(&septets)
        }
        Coding::Latin1 | Coding::Data => latin1(body),
        Coding::Ucs2 => ucs2(body),
    };
    let exact = !header.is_empty() || coding == Coding::Data;
    let plain = short.protocol_id == 0 && class.is_none_or(|class| class == 0);
    if !exact && plain && !text.is_empty() {
        let ready = None;
        return Ok(Content { text, flash, ready });
    }
    let (alphabet, body) = coded(coding, header.len(), body);
    let ready = Ready {
        pid: short.protocol_id,
        dcs: alphabet | class.map_or(0, |class| 0x10 | class),
        udhi: !header.is_empty(),
        user_data: [header, body].concat(),
    };
    match sms::read_ready(&ready) {
        Some((_, text)) => Ok(Content {
            text,
            flash,
            ready: Some(ready),
        }),
        // Longer than one part: what is only text can be cut, without its class.
        None if !exact => Ok(Content {
            text,
            flash,
            ready: None,
        }),
        None => Err(Status::MESSAGE_LENGTH),
    }
}

/// The user data header: the client's own, or what sar_* and the ports say (5.3.2.20 to .24); and the text behind it.
fn header<'a>(short: &Short, payload: &'a [u8]) -> Result<(Vec<u8>, &'a [u8]), Status> {
    if short.esm_class & UDHI != 0 {
        let octets = payload.first().map_or(1, |udhl| usize::from(*udhl) + 1);
        let split = payload.split_at_checked(octets);
        let (header, body) = split.ok_or(Status::ESM_CLASS)?;
        return Ok((header.to_vec(), body));
    }
    let number = |tag| short.parameters.number(tag);
    let mut elements = Vec::new();
    if let (Some(reference), Some(total), Some(sequence)) = (
        number(SAR_MSG_REF_NUM),
        number(SAR_TOTAL_SEGMENTS),
        number(SAR_SEGMENT_SEQNUM),
    ) && total > 1
    {
        // The 8-bit form: clients fill their segments up to what it leaves free.
        let [_, reference] = reference.to_be_bytes();
        let octet = |number| u8::try_from(number).map_err(|_| Status::MESSAGE_LENGTH);
        elements.extend_from_slice(&[0, 3, reference, octet(total)?, octet(sequence)?]);
    }
    if let Some(to) = number(DESTINATION_PORT) {
        elements.extend_from_slice(&[5, 4]);
        elements.extend_from_slice(&to.to_be_bytes());
        elements.extend_from_slice(&number(SOURCE_PORT).unwrap_or(0).to_be_bytes());
    }
    if !elements.is_empty() {
        elements.insert(0, u8::try_from(elements.len()).unwrap_or(0));
    }
    Ok((elements, payload))
}

/// The septets of a text of the default alphabet behind so many octets of header.
fn septets(coding: Coding, header: usize, body: &[u8]) -> Vec<u8> {
    if coding != Coding::Packed {
        return body.iter().map(|octet| octet & 0x7f).collect();
    }
    let fill = (7 - header * 8 % 7) % 7;
    let mut septets = sms::unpack_septets(body, fill, usize::MAX);
    // Seven bits are left where the text is one septet shorter: they are filled with zeros or a CR (23.038 6.1.2.3.1).
    let shorter = (fill + septets.len().saturating_sub(1) * 7).div_ceil(8);
    if shorter == body.len() && matches!(septets.last(), Some(0 | 0x0d)) {
        septets.pop();
    }
    septets
}

/// The alphabet's bits of TP-DCS, and the text as [`Ready`] has it.
fn coded(coding: Coding, header: usize, body: &[u8]) -> (u8, Vec<u8>) {
    match coding {
        Coding::Septets | Coding::Packed => (0, septets(coding, header, body)),
        Coding::Latin1 => match sms::encode_septets(&latin1(body)) {
            Some(septets) => (0, septets),
            None => (8, body.iter().flat_map(|octet| [0, *octet]).collect()),
        },
        Coding::Ucs2 => (8, body.to_vec()),
        Coding::Data => (4, body.to_vec()),
    }
}

fn latin1(octets: &[u8]) -> String {
    octets.iter().copied().map(char::from).collect()
}

fn ucs2(octets: &[u8]) -> String {
    let (units, _) = octets.as_chunks::<2>();
    let units = units.iter().map(|unit| u16::from_be_bytes(*unit));
    char::decode_utf16(units)
        .map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER))
        .collect()
}

/// The body of one deliver_sm.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Piece {
    pub(super) esm_class: u8,
    pub(super) data_coding: u8,
    pub(super) message: Vec<u8>,
    /// It goes into message_payload.
    pub(super) payload: bool,
}

/// A received message: whole, or in `parts` as the network carries them. The reference of the parts is the id's last octet.
pub(super) fn pieces(message: &Received, default: Alphabet, parts: bool) -> Vec<Piece> {
    let text = &message.text;
    let (data_coding, coding) = coding_for(text, message.encoding, default);
    let whole = written(coding, text, 0);
    if !parts {
        return vec![Piece {
            esm_class: 0,
            data_coding,
            payload: whole.len() > SHORT,
            message: whole,
        }];
    }
    let septets = |character| Tables::default().cost(character).unwrap_or(1);
    let cut = match coding {
        Coding::Septets | Coding::Packed => sms::cut(text, Limits::septets(0), &septets).0,
        Coding::Ucs2 => sms::cut(text, Limits::ucs2(), &char::len_utf16).0,
        Coding::Latin1 | Coding::Data => sms::cut(text, OCTETS, &|_| 1).0,
    };
    let total = u8::try_from(cut.len()).unwrap_or(u8::MAX);
    let [reference, ..] = message.id.0.to_le_bytes();
    let piece = |(text, sequence): (&&str, u8)| {
        let header: &[u8] = match total {
            1 => &[],
            _ => &[5, 0, 3, reference, total, sequence],
        };
        Piece {
            esm_class: if total > 1 { UDHI } else { 0 },
            data_coding,
            message: [header.to_vec(), written(coding, text, header.len())].concat(),
            payload: false,
        }
    };
    cut.iter().zip(1..=total).map(piece).collect()
}

/// The data_coding for a text, and how it is written.
fn coding_for(text: &str, encoding: Encoding, default: Alphabet) -> (u8, Coding) {
    let latin1 = || text.chars().all(|character| u32::from(character) < 0x100);
    let fits = match default {
        Alphabet::Gsm | Alphabet::Packed => sms::encode_septets(text).is_some(),
        Alphabet::Latin1 => latin1(),
    };
    match encoding {
        Encoding::Data if latin1() => (4, Coding::Data),
        Encoding::Data | Encoding::Gsm7 | Encoding::Ucs2 if fits => (0, default.into()),
        Encoding::Data | Encoding::Gsm7 | Encoding::Ucs2 => (8, Coding::Ucs2),
    }
}

fn written(coding: Coding, text: &str, header: usize) -> Vec<u8> {
    let septets = || sms::encode_septets(text).unwrap_or_default();
    match coding {
        Coding::Septets => septets(),
        Coding::Packed => sms::pack_septets(&septets(), (7 - header * 8 % 7) % 7),
        Coding::Latin1 | Coding::Data => {
            let octets = text
                .chars()
                .map(|character| u8::try_from(character).unwrap_or(b'?'));
            octets.collect()
        }
        Coding::Ucs2 => text.encode_utf16().flat_map(u16::to_be_bytes).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::{MessageId, Number};
    use crate::smpp::pdu::{Fields, put_parameter};
    use crate::time::WallTime;

    fn short(data_coding: u8, message: &[u8]) -> Short<'_> {
        Short {
            data_coding,
            message,
            ..Short::default()
        }
    }

    fn text(data_coding: u8, message: &[u8], default: Alphabet) -> (String, bool) {
        let content = content(&short(data_coding, message), default).unwrap();
        assert_eq!(content.ready, None);
        (content.text, content.flash)
    }

    #[test]
    fn every_alphabet_is_read() {
        let plain = |text: &str| (String::from(text), false);
        assert_eq!(text(0, b"\x00\x1be\x02", Alphabet::Gsm), plain("@€$"));
        let packed = sms::pack_septets(&sms::encode_septets("hello {€}").unwrap(), 0);
        assert_eq!(text(0, &packed, Alphabet::Packed), plain("hello {€}"));
        assert_eq!(text(0, b"gr\xfc\xdf", Alphabet::Latin1), plain("grüß"));
        assert_eq!(text(1, b"a@b", Alphabet::Gsm), plain("a@b"));
        assert_eq!(text(3, b"\xe9", Alphabet::Gsm), plain("é"));
        assert_eq!(
            text(8, &[0x04, 0x42, 0xd8, 0x3d, 0xde, 0x00], Alphabet::Gsm),
            plain("т😀")
        );
        for (data_coding, message) in [(0xF0, &b"a"[..]), (0x10, b"a"), (0x18, b"\0a")] {
            assert_eq!(
                text(data_coding, message, Alphabet::Gsm),
                (String::from("a"), true)
            );
        }
        for data_coding in [5, 6, 7, 9, 10, 13, 14, 0xC0, 0xE0] {
            let refused = content(&short(data_coding, b"a"), Alphabet::Gsm);
            assert_eq!(refused, Err(Status::DATA_CODING), "{data_coding:#x}");
        }
    }

    #[test]
    fn packed_texts_of_every_length_read_back() {
        for length in 1..60 {
            let written = "a".repeat(length);
            let packed = sms::pack_septets(written.as_bytes(), 0);
            assert_eq!(text(0, &packed, Alphabet::Packed).0, written);
            for header in [[5, 0, 3, 1, 2, 1].as_slice(), &[6, 8, 4, 0, 1, 2, 1]] {
                let fill = (7 - header.len() * 8 % 7) % 7;
                let body = sms::pack_septets(written.as_bytes(), fill);
                let message = [header, &body].concat();
                let mut short = short(0, &message);
                short.esm_class = UDHI;
                let content = content(&short, Alphabet::Packed).unwrap();
                assert_eq!(content.text, written);
                assert_eq!(
                    content.ready.unwrap().user_data.len(),
                    header.len() + length
                );
            }
        }
    }

    #[test]
    fn headers_data_and_classes_go_out_as_they_are() {
        let message = b"\x05\0\x03\x07\x02\x01\xd8\x3d";
        let mut with_header = short(8, message);
        with_header.esm_class = UDHI;
        let ready = content(&with_header, Alphabet::Gsm).unwrap().ready.unwrap();
        assert_eq!((ready.dcs, ready.udhi), (8, true));
        assert_eq!(ready.user_data, message);
        let data = content(&short(4, &[1, 0xff]), Alphabet::Gsm).unwrap();
        assert_eq!(data.ready.unwrap().user_data, [1, 0xff]);
        assert_eq!(data.text, "\u{1}ÿ");
        let class_2 = content(&short(0xF2, b"\x00b"), Alphabet::Gsm).unwrap();
        assert_eq!(
            (class_2.ready.unwrap().dcs, class_2.text.as_str()),
            (0x12, "@b")
        );
        let empty = content(&short(0, b""), Alphabet::Gsm).unwrap();
        assert_eq!(empty.ready.unwrap().user_data, b"");
        for (udhi, data_coding, message) in [
            (true, 0, &b"\x09\0"[..]),
            (true, 0, b""),
            (false, 4, &[0; 141]),
        ] {
            let mut short = short(data_coding, message);
            short.esm_class = if udhi { UDHI } else { 0 };
            assert!(content(&short, Alphabet::Gsm).is_err());
        }
        let long = content(&short(0xF1, &[0x61; 200]), Alphabet::Gsm).unwrap();
        assert_eq!((long.ready, long.text.len()), (None, 200));
    }

    fn with_parameters(parameters: &[(u16, &[u8])], message: &[u8]) -> Result<Content, Status> {
        let mut bytes = Vec::new();
        for (tag, value) in parameters {
            put_parameter(*tag, value, &mut bytes);
        }
        let mut short = short(0, message);
        short.parameters = Fields(&bytes).parameters().unwrap();
        content(&short, Alphabet::Gsm)
    }

    #[test]
    fn parameters_make_headers_flash_and_long_texts() {
        let sar: &[(u16, &[u8])] = &[(0x020C, &[0x12, 0x34]), (0x020E, &[3]), (0x020F, &[2])];
        let ready = with_parameters(sar, b"abc").unwrap().ready.unwrap();
        assert_eq!(ready.user_data, b"\x05\0\x03\x34\x03\x02abc");
        let ports: &[(u16, &[u8])] = &[(0x020A, &[0x23, 0xf0]), (0x020B, &[0x0b, 0x84])];
        let ready = with_parameters(ports, b"abc").unwrap().ready.unwrap();
        assert_eq!(ready.user_data, b"\x06\x05\x04\x0b\x84\x23\xf0abc");
        let flash = with_parameters(&[(0x0005, &[1])], b"abc").unwrap();
        assert_eq!((flash.flash, flash.ready), (true, None));
        let long = with_parameters(&[(MESSAGE_PAYLOAD, &[0x61; 1000])], b"").unwrap();
        assert_eq!((long.text.len(), long.ready), (1000, None));
        let both = with_parameters(&[(MESSAGE_PAYLOAD, b"x")], b"y");
        assert_eq!(both, Err(Status::PARAMETER_NOT_ALLOWED));
    }

    fn received(text: &str, encoding: Encoding) -> Received {
        Received {
            id: MessageId(0x1234),
            from: Number::as_received("+123"),
            text: String::from(text),
            sent_at: None,
            received_at: WallTime(0),
            parts: 1,
            complete: true,
            class: None,
            encoding,
            slots: Vec::new(),
        }
    }

    /// What a client makes of the pieces.
    fn read(pieces: &[Piece], default: Alphabet) -> String {
        let read = |piece: &Piece| {
            let mut short = short(piece.data_coding, &piece.message);
            short.esm_class = piece.esm_class;
            content(&short, default).unwrap().text
        };
        pieces.iter().map(read).collect()
    }

    #[test]
    fn received_texts_read_back_whole_and_in_parts() {
        for default in [Alphabet::Gsm, Alphabet::Packed, Alphabet::Latin1] {
            for text in ["hi", "grüß {€}", "Жук", "😀"] {
                for times in [1, 60] {
                    let text = text.repeat(times);
                    let message = received(&text, Encoding::Gsm7);
                    let whole = pieces(&message, default, false);
                    assert_eq!(whole[0].payload, whole[0].message.len() > 254);
                    assert_eq!(read(&whole, default), text);
                    let parts = pieces(&message, default, true);
                    assert_eq!(read(&parts, default), text, "{default:?}");
                    assert!(parts.iter().all(|part| part.message.len() <= 160));
                }
            }
        }
        let data = pieces(&received("\u{1}ÿ", Encoding::Data), Alphabet::Gsm, false);
        assert_eq!(
            (data[0].data_coding, &data[0].message[..]),
            (4, &[1, 0xff][..])
        );
    }
}
