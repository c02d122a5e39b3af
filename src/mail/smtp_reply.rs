//! Codec: a server's replies (RFC 5321 4.2), cut from what came so far. Never reads, and keeps no more than its limits.

use super::compose::one_line;

/// A whole reply, of however many lines, fits into this many bytes (a line has 512 at most, RFC 5321 4.5.3.1.5).
const LONGEST: usize = 8192;
/// So much of a reply's text is told to people.
const TOLD: usize = 200;

/// A reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// 200 to 599.
    pub code: u16,
    /// The text of its lines.
    pub lines: Vec<String>,
}

/// What can be said of bytes that may be a reply.
#[derive(Debug, PartialEq, Eq)]
pub enum Parsed {
    /// A reply of so many bytes.
    Got(Reply, usize),
    /// More bytes are needed.
    NotYet,
    /// It is no reply, for this reason; the connection is of no use any more.
    Bad(&'static str),
}

/// Looks for a reply at the beginning of `bytes`.
pub fn parse(bytes: &[u8]) -> Parsed {
    let mut code = None;
    let mut lines = Vec::new();
    let mut used = 0;
    while let Some(rest) = bytes.get(used..) {
        let Some(end) = rest.iter().position(|byte| *byte == b'\n') else {
            break;
        };
        used += end + 1;
        if used > LONGEST {
            break;
        }
        let line = rest.get(..end).unwrap_or_default();
        let Some((number, more, text)) = read_line(line) else {
            return Parsed::Bad("it is no SMTP");
        };
        if *code.get_or_insert(number) != number {
            return Parsed::Bad("its lines have different codes");
        }
        lines.push(text);
        if !more {
            let code = number;
            return Parsed::Got(Reply { code, lines }, used);
        }
    }
    if bytes.len() > LONGEST {
        return Parsed::Bad("it is too long");
    }
    Parsed::NotYet
}

/// `250-SIZE 1000`: the code, whether another line follows, and the text.
fn read_line(line: &[u8]) -> Option<(u16, bool, String)> {
    let line = String::from_utf8_lossy(line);
    let line = line.trim_end_matches('\r');
    let (digits, rest) = line.split_at_checked(3)?;
    let digits = digits
        .bytes()
        .all(|byte| byte.is_ascii_digit())
        .then_some(digits);
    let code = digits?
        .parse()
        .ok()
        .filter(|code| (200..600).contains(code))?;
    let text = rest.get(1..).unwrap_or_default();
    match rest.as_bytes().first() {
        None | Some(b' ') => Some((code, false, String::from(text))),
        Some(b'-') => Some((code, true, String::from(text))),
        Some(_) => None,
    }
}

impl Reply {
    /// 2xx.
    pub fn is_good(&self) -> bool {
        self.code < 300
    }

    /// 5xx: the same again would be refused again (RFC 5321 4.2.1).
    pub fn is_final(&self) -> bool {
        self.code >= 500
    }

    /// For people: code and text on one line, not too long.
    pub fn told(&self) -> String {
        let text = one_line(&self.lines.join(" "));
        let text: String = text.chars().take(TOLD).collect();
        format!("{} {text}", self.code)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn got(text: &str) -> (u16, Vec<String>, usize) {
        match parse(text.as_bytes()) {
            Parsed::Got(reply, used) => (reply.code, reply.lines, used),
            other @ (Parsed::NotYet | Parsed::Bad(_)) => panic!("{text:?}: {other:?}"),
        }
    }

    #[test]
    fn replies_are_read_wherever_they_are_cut() {
        for text in [
            "220 mail.example.org ESMTP\r\n",
            "250-mail\r\n250-SIZE 1000\r\n250 STARTTLS\r\n",
            "354\r\n",
            "250 bare line feed\n",
            "550 \u{fc} caf\u{e9}\r\n",
        ] {
            let (code, lines, used) = got(text);
            assert_eq!(used, text.len());
            assert_eq!(lines.len(), text.matches('\n').count());
            assert_eq!(code.to_string(), text[..3]);
            for cut in 0..text.len() {
                let some = parse(&text.as_bytes()[..cut]);
                assert_eq!(some, Parsed::NotYet, "{cut} of {text:?}");
            }
            let two = format!("{text}221 Bye\r\n");
            assert_eq!(got(&two).2, text.len(), "what follows is left");
        }
        assert_eq!(got("250-a\r\n250-\r\n250 c\r\n").1, ["a", "", "c"]);
    }

    #[test]
    fn what_is_no_reply_is_said_to_be_none() {
        let digits = "250-a\r\n251 b\r\n";
        for (text, why) in [
            ("HTTP/1.1 400 Bad Request\r\n", "it is no SMTP"),
            ("+OK POP3\r\n", "it is no SMTP"),
            ("\r\n", "it is no SMTP"),
            ("25\r\n", "it is no SMTP"),
            ("150 early\r\n", "it is no SMTP"),
            ("600 late\r\n", "it is no SMTP"),
            ("2500 x\r\n", "it is no SMTP"),
            ("+25 x\r\n", "it is no SMTP"),
            ("2\u{fc} x\r\n", "it is no SMTP"),
            (digits, "its lines have different codes"),
        ] {
            assert_eq!(parse(text.as_bytes()), Parsed::Bad(why), "{text:?}");
        }
    }

    #[test]
    fn a_giant_reply_is_given_up_in_one_line_and_in_many() {
        assert_eq!(parse(&[b'2'; LONGEST]), Parsed::NotYet);
        assert_eq!(parse(&[b'2'; LONGEST + 1]), Parsed::Bad("it is too long"));
        let many = "250-x\r\n".repeat(LONGEST);
        assert_eq!(parse(many.as_bytes()), Parsed::Bad("it is too long"));
    }

    #[test]
    fn rubbish_never_panics() {
        let mut seed = 7_u32;
        for _ in 0..20_000 {
            let mut bytes = Vec::new();
            for _ in 0..12 {
                seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                let [high, ..] = seed.to_be_bytes();
                bytes.push(b"250-5 \r\n\xc3\xfcx"[usize::from(high) % 11]);
            }
            let _whatever_it_is = parse(&bytes);
        }
    }

    #[test]
    fn people_are_told_one_line() {
        let reply = Reply {
            code: 550,
            lines: vec![String::from("no\u{7}such"), "x".repeat(500)],
        };
        assert!(reply.told().starts_with("550 no such xxx"));
        assert_eq!(reply.told().len(), 4 + TOLD);
    }
}
