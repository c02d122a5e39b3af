//! Codec: the simulated network's own reading and writing of TPDUs (23.040, 23.038). Never calls `sms/`: two codecs
//! written apart do not share a mistake.

use time::OffsetDateTime;

use super::alphabet::{Alphabet, characters, cut, pack, septets, unpack};

/// A message the network sends to the modem, before it is cut into parts.
#[derive(Clone, Debug)]
pub(super) struct Downlink {
    /// TP-OA: `+` and digits, digits, or a name.
    pub(super) from: String,
    /// The text; for 8-bit data its characters are bytes.
    pub(super) text: String,
    /// The alphabet; `None` lets the text decide.
    pub(super) alphabet: Option<Alphabet>,
    /// Message class.
    pub(super) class: Option<u8>,
    /// Concatenation reference, used when there are several parts.
    pub(super) reference: u16,
    /// 16-bit reference.
    pub(super) wide: bool,
    /// TP-SCTS: seconds since 1970, UTC.
    pub(super) at_s: i64,
}

/// What the network reads in an SMS-SUBMIT.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Submit {
    pub(super) to: String,
    pub(super) text: String,
    pub(super) alphabet: Alphabet,
    pub(super) class: Option<u8>,
    /// Reference, total, sequence.
    pub(super) concat: Option<(u16, u8, u8)>,
    /// TP-SRR.
    pub(super) report: bool,
    /// Relative TP-VP in minutes.
    pub(super) validity_min: Option<u32>,
}

/// The bytes of a hexadecimal text; `None` when it is none.
pub(super) fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> = text
        .chars()
        .map(|c| c.to_digit(16).map(|digit| digit as u8))
        .collect();
    let digits = digits?;
    (digits.len() % 2 == 0).then(|| {
        digits
            .chunks(2)
            .map(|pair| pair.iter().fold(0, |byte, digit| byte << 4 | digit))
            .collect()
    })
}

/// Upper-case hexadecimal.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02X}")).collect()
}

/// The length `AT+CMGS`, `+CMGL` and the rest speak of: octets without the service centre (27.005 3.1 `<length>`).
pub(super) fn tpdu_length(pdu: &[u8]) -> usize {
    let smsc = pdu.first().map_or(0, |len| usize::from(*len) + 1);
    pdu.len().saturating_sub(smsc)
}

/// The PDUs, service centre first, that carry `message` (SMS-DELIVER, 23.040 9.2.2.1).
pub(super) fn deliver(message: &Downlink, smsc: &str) -> Vec<Vec<u8>> {
    let alphabet = message
        .alphabet
        .unwrap_or(if septets(&message.text).is_some() {
            Alphabet::Gsm7
        } else {
            Alphabet::Ucs2
        });
    let pieces = cut(&message.text, alphabet, message.wide);
    let total = pieces.len() as u8;
    let mut pdus = Vec::new();
    for (number, piece) in (1..=total).zip(pieces) {
        let header = if total == 1 {
            Vec::new()
        } else if message.wide {
            let [high, low] = message.reference.to_be_bytes();
            vec![6, 8, 4, high, low, total, number]
        } else {
            vec![5, 0, 3, message.reference as u8, total, number]
        };
        let mut pdu = service_centre(smsc);
        pdu.push(if header.is_empty() { 0x04 } else { 0x44 });
        pdu.extend(address(&message.from));
        pdu.extend([0, alphabet.dcs(message.class)]);
        pdu.extend(time_stamp(message.at_s));
        pdu.extend(user_data(&header, &piece, alphabet));
        pdus.push(pdu);
    }
    pdus
}

/// An SMS-STATUS-REPORT (23.040 9.2.2.3), service centre first.
pub(super) fn status_report(smsc: &str, reference: u8, to: &str, status: u8, at_s: i64) -> Vec<u8> {
    let mut pdu = service_centre(smsc);
    pdu.extend([0x06, reference]);
    pdu.extend(address(to));
    pdu.extend(time_stamp(at_s));
    pdu.extend(time_stamp(at_s));
    pdu.push(status);
    pdu
}

/// The class of an SMS-DELIVER, where its data coding names one.
pub(super) fn class_of_deliver(pdu: &[u8]) -> Option<u8> {
    let mut rest = Rest(pdu);
    let smsc = rest.byte()?;
    rest.take(smsc.into())?;
    rest.byte()?;
    rest.address()?;
    rest.byte()?;
    Alphabet::of_dcs(rest.byte()?).1
}

/// Reads an SMS-SUBMIT (23.040 9.2.2.2), service centre first; `None` when it is none.
pub(super) fn submit(pdu: &[u8]) -> Option<Submit> {
    let mut rest = Rest(pdu);
    let smsc = rest.byte()?;
    rest.take(smsc.into())?;
    let first = rest.byte()?;
    if first & 3 != 1 {
        return None;
    }
    rest.byte()?;
    let to = rest.address()?;
    rest.byte()?;
    let (alphabet, class) = Alphabet::of_dcs(rest.byte()?);
    let validity_min = match (first >> 3) & 3 {
        0 => None,
        2 => Some(minutes(rest.byte()?)),
        _ => rest.take(7).map(|_| None)?,
    };
    let length = usize::from(rest.byte()?);
    let (concat, text) = read_user_data(rest.0, length, alphabet, first & 0x40 != 0)?;
    Some(Submit {
        to,
        text,
        alphabet,
        class,
        concat,
        report: first & 0x20 != 0,
        validity_min,
    })
}

/// Minutes of a relative TP-VP (23.040 9.2.3.12.1).
fn minutes(vp: u8) -> u32 {
    let vp = u32::from(vp);
    match vp {
        0..=143 => (vp + 1) * 5,
        144..=167 => 720 + (vp - 143) * 30,
        168..=196 => (vp - 166) * 1440,
        _ => (vp - 192) * 10_080,
    }
}

type Concat = Option<(u16, u8, u8)>;

fn read_user_data(
    bytes: &[u8],
    length: usize,
    alphabet: Alphabet,
    udhi: bool,
) -> Option<(Concat, String)> {
    let header_len = if udhi {
        usize::from(*bytes.first()?) + 1
    } else {
        0
    };
    let header = bytes.get(..header_len)?;
    let text = match alphabet {
        Alphabet::Gsm7 => {
            let skipped = (header_len * 8).div_ceil(7);
            if bytes.len() * 8 < length * 7 {
                return None;
            }
            characters(unpack(bytes).take(length).skip(skipped))
        }
        Alphabet::Data => bytes
            .get(header_len..length)?
            .iter()
            .map(|byte| char::from(*byte))
            .collect(),
        Alphabet::Ucs2 => {
            let units = bytes.get(header_len..length)?.chunks_exact(2);
            let units: Vec<u16> = units
                .map(|pair| {
                    pair.iter()
                        .fold(0, |unit, byte| unit << 8 | u16::from(*byte))
                })
                .collect();
            String::from_utf16_lossy(&units)
        }
    };
    Some((concat_of(header), text))
}

fn concat_of(header: &[u8]) -> Concat {
    let mut rest = Rest(header);
    rest.byte()?;
    loop {
        let element = rest.byte()?;
        let length = rest.byte()?;
        match (element, rest.take(length.into())?) {
            (0, [reference, total, sequence]) => {
                return Some(((*reference).into(), *total, *sequence));
            }
            (8, [high, low, total, sequence]) => {
                return Some((u16::from_be_bytes([*high, *low]), *total, *sequence));
            }
            _ => {}
        }
    }
}

fn user_data(header: &[u8], piece: &[u8], alphabet: Alphabet) -> Vec<u8> {
    let mut octets = header.to_vec();
    if alphabet != Alphabet::Gsm7 {
        octets.extend(piece);
        octets.insert(0, octets.len() as u8);
        return octets;
    }
    let skipped = (header.len() * 8).div_ceil(7);
    let fill = skipped * 7 - header.len() * 8;
    octets.extend(pack(piece, fill));
    octets.insert(0, (skipped + piece.len()) as u8);
    octets
}

fn semi_octets(digits: &str) -> Vec<u8> {
    let nibbles: Vec<u8> = digits
        .chars()
        .map(|c| match c {
            '*' => 10,
            '#' => 11,
            _ => c.to_digit(10).unwrap_or(15) as u8,
        })
        .collect();
    nibbles
        .chunks(2)
        .map(|pair| pair.first().unwrap_or(&15) | pair.get(1).unwrap_or(&15) << 4)
        .collect()
}

fn address(number: &str) -> Vec<u8> {
    let digits = number.trim_start_matches('+');
    if digits
        .chars()
        .all(|c| c.is_ascii_digit() || c == '*' || c == '#')
    {
        let kind = if number.starts_with('+') { 0x91 } else { 0x81 };
        let mut octets = vec![digits.len() as u8, kind];
        octets.extend(semi_octets(digits));
        return octets;
    }
    let name = septets(number).unwrap_or_default();
    let mut octets = vec![(name.len() * 7).div_ceil(4) as u8, 0xd0];
    octets.extend(pack(&name, 0));
    octets
}

fn service_centre(number: &str) -> Vec<u8> {
    let digits = semi_octets(number.trim_start_matches('+'));
    let mut octets = vec![digits.len() as u8 + 1, 0x91];
    octets.extend(digits);
    octets
}

/// TP-SCTS in UTC (23.040 9.2.3.11).
fn time_stamp(at_s: i64) -> Vec<u8> {
    let at = OffsetDateTime::from_unix_timestamp(at_s).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    let year = at.year().rem_euclid(100) as u8;
    let fields = [
        year,
        at.month().into(),
        at.day(),
        at.hour(),
        at.minute(),
        at.second(),
        0,
    ];
    fields
        .iter()
        .map(|field| (field / 10) | ((field % 10) << 4))
        .collect()
}

/// What of a PDU is still to be read.
struct Rest<'a>(&'a [u8]);

impl<'a> Rest<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (head, tail) = self.0.split_at_checked(count)?;
        self.0 = tail;
        Some(head)
    }

    fn byte(&mut self) -> Option<u8> {
        self.take(1)?.first().copied()
    }

    fn address(&mut self) -> Option<String> {
        let count = usize::from(self.byte()?);
        let kind = self.byte()?;
        let octets = self.take(count.div_ceil(2))?;
        if kind & 0x70 == 0x50 {
            return Some(characters(unpack(octets).take(count * 4 / 7)));
        }
        let digits = octets
            .iter()
            .flat_map(|octet| [octet & 15, octet >> 4])
            .take(count);
        let digits: String = digits
            .filter_map(|nibble| "0123456789*#abc".chars().nth(nibble.into()))
            .collect();
        Some(if kind & 0x70 == 0x10 {
            format!("+{digits}")
        } else {
            digits
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(rfc3339: &str) -> i64 {
        crate::time::WallTime::parse_rfc3339(rfc3339)
            .unwrap()
            .unix_s()
    }

    fn message(text: &str) -> Downlink {
        Downlink {
            from: String::from("+16505551111"),
            text: String::from(text),
            alphabet: None,
            class: None,
            reference: 0,
            wide: false,
            at_s: seconds("2006-06-06T15:03:03Z"),
        }
    }

    /// Rows ofono-simple-submit, mm-24, mm-25, pygsm-enc-2 and pygsm-dec-06 of the shared vectors.
    #[test]
    fn submits_of_other_people_are_read() {
        let rows = [
            (
                "0011000B916407281553F80000AA0AE8329BFD4697D9EC37",
                "+46708251358",
                "hellohello",
                Some(5760),
            ),
            (
                "0011000B915155551532F40008003A041404300020043704340440043004320441044204320443043504420020043A043E0440043E043B044C002C0020043404350442043A04300021",
                "+15555551234",
                "Да здравствует король, детка!",
                Some(5),
            ),
            (
                "07919130079229F011000B915155551532F400000036C834888E2ECBCB2E978B5A2F8362373A1AA40CBB4132584C0682D57433982B8603C1DB20D4B1495DC552200804028100",
                "+15555551234",
                "Hi there...Tue 17th Jan 2012 05:30.18 pm (GMT+1) ΔΔΔΔΔ",
                Some(5),
            ),
            (
                "07914400000000F01100099121436587F90008F40A4E16754C60A8597DFF01",
                "+123456789",
                "世界您好！",
                Some(524_160),
            ),
            (
                "07914346466554F601000B914316565811F9000806304253F68449",
                "+34616585119",
                "あ叶葉",
                None,
            ),
        ];
        for (pdu, to, text, validity) in rows {
            let read = submit(&unhex(pdu).unwrap()).unwrap();
            assert_eq!(
                (read.to.as_str(), read.text.as_str(), read.validity_min),
                (to, text, validity)
            );
        }
    }

    /// Row pygsm-enc-concat-0, its last part.
    #[test]
    fn the_part_of_a_long_submit_is_read_behind_its_header() {
        let read = submit(&unhex("0045000B915121551532F400008C050003000303EA2073FD9C0ED341EE3A9B1D06C1C3F274985E97BB8AF871194E2FD7E5A079DA4D07BDC7E370791CA683C675789A1CA687E920F7DB0D82CBDF6972D94D6781E675371D947683C675363C0C8AD7D3A0B7D99C1EA7C32072795E96D7DD7450FBCD66A7E9A0B03BDD06A5C9A0F29C0E6287C56F79BD0D").unwrap()).unwrap();
        assert_eq!(read.concat, Some((0, 3, 3)));
        assert!(
            read.text.starts_with("u fugiat nulla") || read.text.contains("fugiat nulla pariatur")
        );
        assert!(read.text.ends_with("id est laborum"));
    }

    /// Row aosp-ext without its service centre and time stamp, row osmo-concatenated_part2, rows pygsm-gsm7-5 and -8.
    #[test]
    fn text_is_packed_as_other_people_pack_it() {
        let packed = |text: &str| hex(&pack(&septets(text).unwrap(), 0));
        assert_eq!(packed("[{abc}]~"), "1BDE0615168F37A98D6FD303");
        assert_eq!(packed("a[]{}€"), "E10D6FE3DBA036A94D19");
        assert_eq!(packed("Hello World!"), "C8329BFD065DDF72363904");
        let part = septets(" this is a second testmessage. end here.").unwrap();
        assert_eq!(
            hex(&user_data(&[5, 0, 3, 0x6f, 2, 2], &part, Alphabet::Gsm7)),
            "2F0500036F02024074747A0E4ACF4161D0BC3C7EBBC9207A794E6F97E7F3F0B9EC0295DD6410BA2C2FBB00"
        );
    }

    /// Rows aosp-addr1 (its time zone apart), mm-22-unknown, pygsm-addr-6, pygsm-scts-0.
    #[test]
    fn a_deliver_is_written_as_the_network_writes_it() {
        let pdus = deliver(&message("Test"), "+14155551212");
        assert_eq!(
            hex(pdus.first().unwrap()),
            "07914151551512F2040B916105551511F100006060605130300004D4F29C0E"
        );
        assert_eq!(hex(&address("9037029920")), "0A810973209902");
        assert_eq!(hex(&address("FRANCOIS")), "0ED04669D0397C26A7");
        assert_eq!(hex(&time_stamp(1_448_582_400)), "51117200000000");
    }

    /// Row ofono-sr-1; its time zone apart, and discharged in the same second.
    #[test]
    fn a_status_report_names_the_message_and_its_fate() {
        let pdu = status_report(
            "+491710760000",
            4,
            "+4915259911630",
            0,
            seconds("2010-06-21T14:03:43Z"),
        );
        assert_eq!(
            hex(pdu.get(8..).unwrap()),
            "06040D91945152991136F0016012413034000160124130340000"
        );
    }

    #[test]
    fn long_texts_are_cut_between_characters() {
        let mut long = message(&"€".repeat(100));
        let lengths =
            |pdus: Vec<Vec<u8>>| pdus.iter().map(|pdu| tpdu_length(pdu)).collect::<Vec<_>>();
        assert_eq!(
            cut(&long.text, Alphabet::Gsm7, false)
                .iter()
                .map(Vec::len)
                .collect::<Vec<_>>(),
            [152, 48]
        );
        assert_eq!(lengths(deliver(&long, "+4917")).len(), 2);
        long.text = "😀".repeat(34);
        long.wide = true;
        assert_eq!(lengths(deliver(&long, "+4917")).len(), 1);
        long.text.push('😀');
        long.text.push('😀');
        assert_eq!(
            cut(&long.text, Alphabet::Ucs2, true)
                .iter()
                .map(Vec::len)
                .collect::<Vec<_>>(),
            [132, 12]
        );
    }

    #[test]
    fn the_class_of_a_deliver_is_found() {
        let mut flash = message("now");
        assert_eq!(
            class_of_deliver(deliver(&flash, "+4917").first().unwrap()),
            None
        );
        flash.class = Some(0);
        assert_eq!(
            class_of_deliver(deliver(&flash, "+4917").first().unwrap()),
            Some(0)
        );
    }

    #[test]
    fn rubbish_and_cut_submits_are_refused_quietly() {
        let whole = unhex("0011000B916407281553F80000AA0AE8329BFD4697D9EC37").unwrap();
        for end in 0..whole.len() {
            assert_eq!(submit(whole.get(..end).unwrap()), None, "cut at {end}");
        }
        assert_eq!(unhex("0G"), None);
        assert_eq!(unhex("000"), None);
    }
}
