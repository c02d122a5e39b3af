//! Codec: a text as a mail (RFC 5322, RFC 2045-2047). Never sends it, and lets nothing of subject, text or sender become a
//! header: control characters of a line are blanks, all else is encoded.
//!
//! Only 7-bit lines leave, so no server need know 8BITMIME: ASCII goes as it is, text with few other characters as
//! quoted-printable, the rest as base64.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use time::OffsetDateTime;

use crate::time::WallTime;

/// What a mail is made of.
#[derive(Clone, Copy, Debug)]
pub struct Letter<'a> {
    /// The sender's address.
    pub from: &'a str,
    /// The recipients' addresses.
    pub to: &'a [String],
    /// Any text; it becomes one line.
    pub subject: &'a str,
    /// Any text.
    pub text: &'a str,
    /// `Date`.
    pub at: WallTime,
    /// What makes the mail one of its kind: the same on every try. Letters, digits and dots stay, the rest becomes `-`.
    pub id: &'a str,
}

/// An ASCII line has at most this many characters (RFC 5322 2.1.1: must not, with CRLF 1000 bytes).
const LONGEST_LINE: usize = 998;
/// An encoded line has at most this many (RFC 2045 6.7, 6.8).
const ENCODED_LINE: usize = 76;
/// A longer subject is folded, as encoded words.
const PLAIN_SUBJECT: usize = 69;
/// So many bytes make an encoded word with which even the first line, `Subject: ` in front, keeps to 76 (RFC 2047 2).
const WORD: usize = 39;

/// The mail's bytes, every line ended by CRLF, dots not yet stuffed.
pub fn compose(letter: &Letter<'_>) -> Vec<u8> {
    let text = crlf(letter.text);
    let (encoding, body) = match encoding_for(&text) {
        Encoding::SevenBit => ("7bit", text),
        Encoding::QuotedPrintable => ("quoted-printable", quoted_printable(&text)),
        Encoding::Base64 => ("base64", base64(&text)),
    };
    let to: Vec<String> = letter.to.iter().map(|to| format!("<{to}>")).collect();
    let domain = letter.from.rsplit('@').next().unwrap_or_default();
    let head = format!(
        "Date: {}\r\nFrom: <{}>\r\nTo: {}\r\nSubject: {}\r\nMessage-ID: <{}@{domain}>\r\n\
         Auto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\n\
         Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n",
        date(letter.at),
        letter.from,
        to.join(",\r\n "),
        subject(letter.subject),
        atoms(letter.id),
    );
    (head + &body).into_bytes()
}

/// `text` on one line: every control character is a blank.
pub fn one_line(text: &str) -> String {
    text.replace(char::is_control, " ")
}

/// Letters, digits, dots and hyphens; anything else is `-`. Good for a Message-ID's left side and for EHLO.
pub(super) fn atoms(text: &str) -> String {
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '.';
    let mapped: String = text
        .chars()
        .map(|c| if fits(c) { c } else { '-' })
        .collect();
    // No atom is empty (RFC 5322 3.2.3), nor is a label of a host name.
    let parts = mapped.split('.').filter(|part| !part.is_empty());
    parts.collect::<Vec<&str>>().join(".")
}

/// `Sat, 21 Nov 2026 20:35:14 +0000` (RFC 5322 3.3).
fn date(at: WallTime) -> String {
    let at = OffsetDateTime::from_unix_timestamp(at.unix_s()).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    let (weekday, month) = (at.weekday().to_string(), at.month().to_string());
    format!(
        "{:.3}, {} {:.3} {} {:02}:{:02}:{:02} +0000",
        weekday,
        at.day(),
        month,
        at.year(),
        at.hour(),
        at.minute(),
        at.second()
    )
}

fn subject(text: &str) -> String {
    let line = one_line(text);
    let line = line.trim();
    if line.is_ascii() && line.len() <= PLAIN_SUBJECT && !line.contains("=?") {
        return String::from(line);
    }
    let word = |part: &str| format!("=?utf-8?B?{}?=", STANDARD.encode(part));
    let mut words = Vec::new();
    let mut part = String::new();
    for character in line.chars() {
        // A word holds whole characters (RFC 2047 5).
        if part.len() + character.len_utf8() > WORD {
            words.push(word(&part));
            part.clear();
        }
        part.push(character);
    }
    words.push(word(&part));
    words.join("\r\n ")
}

/// Every line end as CRLF, one at the end of all.
fn crlf(text: &str) -> String {
    let unix = text.replace("\r\n", "\n").replace('\r', "\n");
    let mut out = unix.trim_end_matches('\n').replace('\n', "\r\n");
    out.push_str("\r\n");
    out
}

/// RFC 2045 6.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Encoding {
    SevenBit,
    QuotedPrintable,
    Base64,
}

fn encoding_for(text: &str) -> Encoding {
    let special = |byte: &u8| !matches!(byte, b' '..=b'~' | b'\t' | b'\r' | b'\n');
    let specials = text.bytes().filter(special).count();
    let short = |line: &str| line.len() <= LONGEST_LINE;
    if specials == 0 && text.lines().all(short) {
        Encoding::SevenBit
    } else if specials * 6 <= text.len() {
        Encoding::QuotedPrintable
    } else {
        Encoding::Base64
    }
}

fn quoted_printable(text: &str) -> String {
    let mut out = String::with_capacity(text.len() * 2);
    for line in text.lines() {
        let mut column = 0;
        let bytes = line.as_bytes();
        for (at, byte) in bytes.iter().enumerate() {
            let last = at + 1 == bytes.len();
            let plain = match byte {
                b'=' => false,
                b'!'..=b'~' => true,
                // At a line's end a blank could get lost.
                b' ' | b'\t' => !last,
                _ => false,
            };
            let width = if plain { 1 } else { 3 };
            // The `=` of a soft break needs its place, too.
            if column + width >= ENCODED_LINE {
                out.push_str("=\r\n");
                column = 0;
            }
            if plain {
                out.push(char::from(*byte));
            } else {
                out.push_str(&format!("={byte:02X}"));
            }
            column += width;
        }
        out.push_str("\r\n");
    }
    out
}

fn base64(text: &str) -> String {
    let mut out = String::with_capacity(text.len() * 3 / 2);
    for line in text.as_bytes().chunks(ENCODED_LINE / 4 * 3) {
        STANDARD.encode_string(line, &mut out);
        out.push_str("\r\n");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: WallTime = WallTime(1_795_293_314_000);

    fn composed(subject: &str, text: &str) -> String {
        let letter = Letter {
            from: "admin@router.lan",
            to: &[String::from("a@example.org"), String::from("b@example.org")],
            subject,
            text,
            at: NOON,
            id: "17.1795293314000.boss.my router",
        };
        String::from_utf8(compose(&letter)).unwrap()
    }

    fn body(text: &str) -> (String, String) {
        let mail = composed("x", text);
        let (head, body) = mail.split_once("\r\n\r\n").unwrap();
        let encoding = head.rsplit(": ").next().unwrap();
        (String::from(encoding), String::from(body))
    }

    fn subject_of(subject: &str) -> String {
        let mail = composed(subject, "x");
        let (_, rest) = mail.split_once("Subject: ").unwrap();
        let (subject, _) = rest.split_once("\r\nMessage-ID").unwrap();
        String::from(subject)
    }

    /// What a reader makes of an encoded subject.
    fn read_subject(subject: &str) -> String {
        let words = subject.split("\r\n ");
        let text = words.map(|word| {
            let coded = word.strip_prefix("=?utf-8?B?").unwrap();
            let bytes = STANDARD.decode(coded.strip_suffix("?=").unwrap()).unwrap();
            String::from_utf8(bytes).unwrap()
        });
        text.collect()
    }

    /// What a reader makes of quoted-printable.
    fn read_quoted(body: &str) -> String {
        let joined = body.replace("=\r\n", "");
        let mut bytes = Vec::new();
        let mut rest = joined.as_bytes();
        while let Some((first, after)) = rest.split_first() {
            rest = after;
            if *first == b'=' {
                let hex = std::str::from_utf8(&after[..2]).unwrap();
                bytes.push(u8::from_str_radix(hex, 16).unwrap());
                rest = &after[2..];
            } else {
                bytes.push(*first);
            }
        }
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn a_plain_text_goes_as_it_is_under_all_its_headers() {
        assert_eq!(
            composed("Pump", "it stands\nfrom: +12025550100"),
            "Date: Sat, 21 Nov 2026 20:35:14 +0000\r\nFrom: <admin@router.lan>\r\nTo: <a@example.org>,\r\n \
             <b@example.org>\r\nSubject: Pump\r\nMessage-ID: <17.1795293314000.boss.my-router@router.lan>\r\n\
             Auto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\
             Content-Transfer-Encoding: 7bit\r\n\r\nit stands\r\nfrom: +12025550100\r\n"
        );
    }

    #[test]
    fn the_encoding_follows_the_text_and_every_text_comes_back() {
        let long = "x".repeat(999);
        let german = "Die Pumpe im Keller läuft wieder, bitte nicht stören. = ist kein Zeichen ";
        for (text, encoding) in [
            ("", "7bit"),
            ("a\rb\r\nc\n", "7bit"),
            (&long[1..], "7bit"),
            (&long, "quoted-printable"),
            (german, "quoted-printable"),
            ("nul \0 in a long text of ASCII", "quoted-printable"),
            ("Grüße", "base64"),
            (
                "Насос остановился, перезвоните мне, пожалуйста, сегодня",
                "base64",
            ),
            ("💖", "base64"),
        ] {
            let (used, body) = body(text);
            assert_eq!(used, encoding, "{text}");
            assert!(body.is_ascii() && body.ends_with("\r\n"), "{body}");
            let read = match encoding {
                "7bit" => body.clone(),
                "base64" => {
                    String::from_utf8(STANDARD.decode(body.replace("\r\n", "")).unwrap()).unwrap()
                }
                _ => read_quoted(&body),
            };
            assert_eq!(read, crlf(text));
            if encoding != "7bit" {
                assert!(body.lines().all(|line| line.len() <= 76), "{body}");
                assert!(body.lines().all(|line| !line.ends_with(' ')), "{body}");
            }
        }
        // Every break of a soft line, with a sequence of three at every place.
        for before in 60..90 {
            let text = format!("{}ä{}", "b".repeat(before), "c ".repeat(40));
            let body = quoted_printable(&crlf(&text));
            assert!(body.lines().all(|line| line.len() <= 76), "{body}");
            assert_eq!(read_quoted(&body), crlf(&text));
        }
    }

    #[test]
    fn a_subject_is_one_line_whatever_was_in_it() {
        assert_eq!(subject_of("boat: -67 dBm"), "boat: -67 dBm");
        assert_eq!(
            subject_of("x\r\nBcc: everybody@example.org\n\nbody"),
            "x  Bcc: everybody@example.org  body"
        );
        assert_eq!(subject_of("Grüße"), "=?utf-8?B?R3LDvMOfZQ==?=");
        assert_eq!(read_subject(&subject_of("=?utf-8?Q?x?=")), "=?utf-8?Q?x?=");
        let long = "Ein langer Betreff mit 💖 und ß, ".repeat(12);
        let folded = subject_of(&long);
        assert_eq!(read_subject(&folded), long.trim());
        for line in format!("Subject: {folded}").split("\r\n") {
            assert!(line.len() <= 76 && line.is_ascii(), "{line}");
        }
        assert_eq!(read_subject(&subject_of(&"a".repeat(70))), "a".repeat(70));
    }

    #[test]
    fn atoms_hold_nothing_that_a_header_or_ehlo_could_trip_over() {
        assert_eq!(atoms("my router.lan"), "my-router.lan");
        assert_eq!(atoms("..a..b."), "a.b");
        assert_eq!(atoms("Bö\r\n<x>"), "B----x-");
        assert_eq!(atoms(""), "");
    }
}
