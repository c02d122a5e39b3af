//! Codec: quoted-printable, base64 and encoded-words, read as broken as they come. Never fails: what does not fit the code
//! is passed on or passed over, so that a damaged mail is still read.

use super::mime_charset;

/// Quoted-printable (RFC 2045 6.7). A `=` that begins no code stays.
pub(super) fn quoted_printable(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((byte, after)) = rest.split_first() {
        rest = after;
        if *byte != b'=' {
            out.push(*byte);
            continue;
        }
        if let Some((two, after)) = after.split_first_chunk()
            && let Some(coded) = hex(*two)
        {
            out.push(coded);
            rest = after;
        } else if let Some(after) = after_soft_break(after) {
            rest = after;
        } else {
            out.push(b'=');
        }
    }
    out
}

fn hex(two: [u8; 2]) -> Option<u8> {
    let [high, low] = two.map(|digit| char::from(digit).to_digit(16));
    u8::try_from(high? * 16 + low?).ok()
}

/// The next line, when nothing but blanks stands before it.
fn after_soft_break(rest: &[u8]) -> Option<&[u8]> {
    let blanks = rest.iter().take_while(|byte| matches!(byte, b' ' | b'\t'));
    let rest = rest.get(blanks.count()..)?;
    let rest = rest.strip_prefix(b"\r").unwrap_or(rest);
    rest.strip_prefix(b"\n").or(rest.is_empty().then_some(rest))
}

/// Base64 (RFC 2045 6.8): line ends and all else that is no digit are passed over; `=` ends a group, and the text where
/// something else follows: some list servers append their lines as they are.
pub(super) fn base64(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len() / 4 * 3);
    let (mut group, mut bits, mut padded) = (0u32, 0u32, false);
    for byte in text {
        let Some(digit) = digit(*byte) else {
            match byte {
                b'=' => (bits, padded) = (0, true),
                b'\r' | b'\n' => {}
                _ if padded => break,
                _ => {}
            }
            continue;
        };
        group = group << 6 | digit;
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            out.push((group >> bits & 0xFF) as u8);
        }
    }
    out
}

fn digit(byte: u8) -> Option<u32> {
    let value = match byte {
        b'A'..=b'Z' => byte - b'A',
        b'a'..=b'z' => byte - b'a' + 26,
        b'0'..=b'9' => byte - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    };
    Some(u32::from(value))
}

/// A header's text with its encoded-words (RFC 2047) read.
pub(super) fn words(raw: &[u8]) -> String {
    let mut out = String::new();
    let mut open: Option<(String, Vec<u8>)> = None;
    let mut rest = raw;
    while !rest.is_empty() {
        if let Some((charset, bytes, after)) = encoded_word(rest) {
            // A character may lie across two words, wrong as that is.
            match &mut open {
                Some((before, sofar)) if *before == charset => sofar.extend(bytes),
                Some(_) | None => {
                    close(&mut open, &mut out);
                    open = Some((charset, bytes));
                }
            }
            rest = after;
            // Blanks between two words are none (RFC 2047 6.2).
            let next = rest.trim_ascii_start();
            if encoded_word(next).is_some() {
                rest = next;
            }
            continue;
        }
        close(&mut open, &mut out);
        let upto = rest.iter().skip(1).position(|byte| *byte == b'=');
        let (plain, after) = rest.split_at(upto.map_or(rest.len(), |place| place + 1));
        out.push_str(&String::from_utf8_lossy(plain));
        rest = after;
    }
    close(&mut open, &mut out);
    out
}

fn close(open: &mut Option<(String, Vec<u8>)>, out: &mut String) {
    if let Some((charset, bytes)) = open.take() {
        out.push_str(&mime_charset::decode(&charset, &bytes));
    }
}

/// `=?charset?B?text?=` at the front: the set, the bytes, and what follows.
fn encoded_word(from: &[u8]) -> Option<(String, Vec<u8>, &[u8])> {
    let inside = from.strip_prefix(b"=?")?;
    let mut pieces = inside.splitn(4, |byte| *byte == b'?');
    let (charset, coding, text, end) = (
        pieces.next()?,
        pieces.next()?,
        pieces.next()?,
        pieces.next()?,
    );
    let after = end.strip_prefix(b"=")?;
    let bytes = match coding {
        b"B" | b"b" => base64(text),
        b"Q" | b"q" => {
            let blanks = |byte: &u8| if *byte == b'_' { b' ' } else { *byte };
            quoted_printable(&text.iter().map(blanks).collect::<Vec<u8>>())
        }
        _ => return None,
    };
    // A language may follow the set (RFC 2231 5).
    let charset = charset.split(|byte| *byte == b'*').next()?;
    Some((String::from_utf8_lossy(charset).into_owned(), bytes, after))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quoted_printable_is_read_even_where_it_is_broken() {
        for (coded, text) in [
            ("p=C5=99=C3=ADli=c5=a1", "příliš"),
            ("one=\r\n two= \t\nthree", "one twothree"),
            ("1=1 =G0 =", "1=1 =G0 "),
            ("a=3D\r\n", "a=\r\n"),
        ] {
            assert_eq!(
                String::from_utf8_lossy(&quoted_printable(coded.as_bytes())),
                text
            );
        }
    }

    #[test]
    fn base64_is_read_through_line_ends_and_rubbish() {
        for (coded, text) in [
            ("", ""),
            ("YQ==", "a"),
            ("YWJj\r\nZGVm\r\n", "abcdef"),
            ("YW Jj!", "abc"),
            ("YQ==Yg", "ab"),
            ("YQ==\r\n\r\n-- \r\nhow to unsubscribe", "a"),
            ("Y", ""),
        ] {
            assert_eq!(base64(coded.as_bytes()), text.as_bytes(), "{coded}");
        }
    }

    #[test]
    fn encoded_words_are_read_and_what_only_looks_like_one_stays() {
        for (raw, text) in [
            ("plain", "plain"),
            ("=?UTF-8?B?KzEyMDI1NTUwMTU1?=", "+12025550155"),
            ("=?utf-8?q?+1202555_0155?= tail", "+1202555 0155 tail"),
            (
                "=?iso-8859-2*cs?Q?p=F8?=  =?ISO-8859-1?q?=E9?=",
                "pøé".replace('ø', "ř").as_str(),
            ),
            ("=?UTF-8?B?xb4=?= =?UTF-8?Q?=C5?= =?UTF-8?Q?=BE?=", "žž"),
            ("a =?UTF-8?X?b?= c=d =?", "a =?UTF-8?X?b?= c=d =?"),
            ("ž=?q?=", "ž=?q?="),
        ] {
            assert_eq!(words(raw.as_bytes()), text, "{raw}");
            for cut in 0..raw.len() {
                words(&raw.as_bytes()[..cut]);
                words(&raw.as_bytes()[cut..]);
            }
        }
    }
}
