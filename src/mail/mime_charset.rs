//! Table: the character sets of mails. Never fails: what a set cannot say becomes U+FFFD, and an unknown set is read as
//! UTF-8, of which ASCII is a part.

/// The text of `bytes` in the character set of this name (RFC 2046 4.1.2): only its letters and digits count, in any case.
pub(super) fn decode(name: &str, bytes: &[u8]) -> String {
    let sign = |character: char| !character.is_ascii_alphanumeric();
    let name = name.replace(sign, "").to_ascii_lowercase();
    let known = NAMES
        .iter()
        .find(|(names, _)| names.contains(&name.as_str()));
    match known.map(|(_, set)| set) {
        Some(Set::Above(first, table)) => single(bytes, *first, table),
        Some(Set::Latin9) => bytes.iter().map(|byte| latin9(*byte)).collect(),
        Some(Set::Utf16(order)) => utf16(bytes, *order),
        None => {
            let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
            String::from_utf8_lossy(bytes).into_owned()
        }
    }
}

/// How a set is read.
#[derive(Clone, Copy)]
enum Set {
    /// From this byte on as the table says; below it Latin-1.
    Above(u8, &'static str),
    Latin9,
    /// Big-endian unless its name or its byte order mark says otherwise (RFC 2781 4.3).
    Utf16(Order),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Order {
    Big,
    Little,
}

/// Names as mails use them. Latin-1 is read as windows-1252, as all browsers do: many say the one and write the other.
static NAMES: &[(&[&str], Set)] = &[
    (
        &["iso88591", "latin1", "windows1252", "cp1252"],
        Set::Above(0x80, CP1252),
    ),
    (&["iso885915", "latin9"], Set::Latin9),
    (&["iso88592", "latin2"], Set::Above(0xA0, LATIN_2)),
    (&["windows1250", "cp1250"], Set::Above(0x80, CP1250)),
    (&["windows1251", "cp1251"], Set::Above(0x80, CP1251)),
    (&["windows1257", "cp1257"], Set::Above(0x80, CP1257)),
    (&["koi8r"], Set::Above(0x80, KOI8_R)),
    (&["utf16", "utf16be"], Set::Utf16(Order::Big)),
    (&["utf16le"], Set::Utf16(Order::Little)),
];

fn single(bytes: &[u8], first: u8, table: &str) -> String {
    let character = |byte: &u8| match byte.checked_sub(first) {
        Some(place) => table
            .chars()
            .nth(usize::from(place))
            .unwrap_or(char::from(*byte)),
        None => char::from(*byte),
    };
    bytes.iter().map(character).collect()
}

/// ISO-8859-15: Latin-1 but for eight.
fn latin9(byte: u8) -> char {
    match byte {
        0xA4 => '€',
        0xA6 => 'Š',
        0xA8 => 'š',
        0xB4 => 'Ž',
        0xB8 => 'ž',
        0xBC => 'Œ',
        0xBD => 'œ',
        0xBE => 'Ÿ',
        other => char::from(other),
    }
}

fn utf16(bytes: &[u8], order: Order) -> String {
    let (order, bytes) = match bytes.split_first_chunk() {
        Some((b"\xFF\xFE", rest)) => (Order::Little, rest),
        Some((b"\xFE\xFF", rest)) => (Order::Big, rest),
        Some(_) | None => (order, bytes),
    };
    let (pairs, odd) = bytes.as_chunks();
    let units = pairs.iter().map(|pair| match order {
        Order::Big => u16::from_be_bytes(*pair),
        Order::Little => u16::from_le_bytes(*pair),
    });
    let lost = odd.iter().map(|_| char::REPLACEMENT_CHARACTER);
    char::decode_utf16(units)
        .map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER))
        .chain(lost)
        .collect()
}

/// windows-1250, 80 to FF.
const CP1250: &str = "\
    €\u{fffd}‚\u{fffd}„…†‡\u{fffd}‰Š‹ŚŤŽŹ\u{fffd}‘’“”•–—\u{fffd}™š›śťžź\
    \u{a0}ˇ˘Ł¤Ą¦§¨©Ş«¬\u{ad}®Ż°±˛ł´µ¶·¸ąş»Ľ˝ľż\
    ŔÁÂĂÄĹĆÇČÉĘËĚÍÎĎĐŃŇÓÔŐÖ×ŘŮÚŰÜÝŢß\
    ŕáâăäĺćçčéęëěíîďđńňóôőö÷řůúűüýţ˙";

/// windows-1251, 80 to FF.
const CP1251: &str = "\
    ЂЃ‚ѓ„…†‡€‰Љ‹ЊЌЋЏђ‘’“”•–—\u{fffd}™љ›њќћџ\
    \u{a0}ЎўЈ¤Ґ¦§Ё©Є«¬\u{ad}®Ї°±Ііґµ¶·ё№є»јЅѕї\
    АБВГДЕЖЗИЙКЛМНОПРСТУФХЦЧШЩЪЫЬЭЮЯ\
    абвгдежзийклмнопрстуфхцчшщъыьэюя";

/// windows-1257, 80 to FF.
const CP1257: &str = "\
    €\u{fffd}‚\u{fffd}„…†‡\u{fffd}‰\u{fffd}‹\u{fffd}¨ˇ¸\u{fffd}‘’“”•–—\u{fffd}™\u{fffd}›\u{fffd}¯˛\u{fffd}\
    \u{a0}\u{fffd}¢£¤\u{fffd}¦§Ø©Ŗ«¬\u{ad}®Æ°±²³´µ¶·ø¹ŗ»¼½¾æ\
    ĄĮĀĆÄÅĘĒČÉŹĖĢĶĪĻŠŃŅÓŌÕÖ×ŲŁŚŪÜŻŽß\
    ąįāćäåęēčéźėģķīļšńņóōõö÷ųłśūüżž˙";

/// KOI8-R, 80 to FF (RFC 1489).
const KOI8_R: &str = "\
    ─│┌┐└┘├┤┬┴┼▀▄█▌▐░▒▓⌠■∙√≈≤≥\u{a0}⌡°²·÷\
    ═║╒ё╓╔╕╖╗╘╙╚╛╜╝╞╟╠╡Ё╢╣╤╥╦╧╨╩╪╫╬©\
    юабцдефгхийклмнопярстужвьызшэщчъ\
    ЮАБЦДЕФГХИЙКЛМНОПЯРСТУЖВЬЫЗШЭЩЧЪ";

/// ISO-8859-2, A0 to FF.
const LATIN_2: &str = "\
    \u{a0}Ą˘Ł¤ĽŚ§¨ŠŞŤŹ\u{ad}ŽŻ°ą˛ł´ľśˇ¸šşťź˝žż\
    ŔÁÂĂÄĹĆÇČÉĘËĚÍÎĎĐŃŇÓÔŐÖ×ŘŮÚŰÜÝŢß\
    ŕáâăäĺćçčéęëěíîďđńňóôőö÷řůúűüýţ˙";

/// windows-1252, 80 to 9F; above it is Latin-1.
const CP1252: &str = "\
    €\u{fffd}‚ƒ„…†‡ˆ‰Š‹Œ\u{fffd}Ž\u{fffd}\u{fffd}‘’“”•–—˜™š›œ\u{fffd}žŸ";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_table_has_a_character_for_every_byte() {
        for (names, set) in NAMES {
            if let Set::Above(first, table) = set {
                let wanted = match names[0] {
                    "iso88591" => 32,
                    _ => 256 - usize::from(*first),
                };
                assert_eq!(table.chars().count(), wanted, "{names:?}");
            }
        }
    }

    #[test]
    fn the_same_words_in_every_set() {
        for (name, bytes, text) in [
            ("utf-8", "žluťoučký 💖".as_bytes(), "žluťoučký 💖"),
            ("UTF-8", b"\xEF\xBB\xBFa", "a"),
            ("us-ascii", b"a\xE9", "a\u{fffd}"),
            ("ISO-8859-1", b"caf\xE9 \x80", "café €"),
            ("Latin1", b"\xA4\xFF", "¤ÿ"),
            ("latin-1", b"\xE9", "é"),
            ("'ISO_8859-1'", b"\xE9", "é"),
            ("iso-8859-15", b"caf\xE9 \xA4", "café €"),
            (
                "ISO-8859-2",
                b"p\xF8\xEDli\xB9 \xBElu\xBBou\xE8k\xFD",
                "příliš žluťoučký",
            ),
            (
                "windows-1250",
                b"p\xF8\xEDli\x9A \x9Elu\x9Dou\xE8k\xFD",
                "příliš žluťoučký",
            ),
            ("windows-1251", b"\xCF\xF0\xE8\xE2\xE5\xF2", "Привет"),
            (
                "windows-1257",
                b"\xE0\xE8\xE6\xEB\xE1\xF0\xF8\xFB\xFE",
                "ąčęėįšųūž",
            ),
            ("koi8-r", b"\xF0\xD2\xC9\xD7\xC5\xD4", "Привет"),
            ("utf-16", b"\xFF\xFEa\0\x3D\xD8\x96\xDC", "a💖"),
            ("utf-16be", b"\0a\xD8\x3D\xDC\x96", "a💖"),
            ("utf-16le", b"a\0\x3D\xD8b\0c", "a\u{fffd}b\u{fffd}"),
            ("x-unheard-of", b"abc\xFF", "abc\u{fffd}"),
            ("", b"", ""),
        ] {
            assert_eq!(decode(name, bytes), text, "{name}");
        }
    }
}
