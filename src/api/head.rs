//! Codec: the head of an HTTP/1 request, read strictly (RFC 9112). Never reads a socket and never guesses where a body
//! ends: one Content-Length or none, everything else is refused.

/// A head may have so many bytes.
pub const MAX_HEAD: usize = 8 * 1024;
/// A body may have so many bytes.
pub const MAX_BODY: u32 = 64 * 1024;
/// A head may have so many fields.
const MAX_FIELDS: usize = 64;

/// What reading gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Parsed {
    /// A whole head, and how many bytes it took.
    Got(Head, usize),
    /// More bytes are needed.
    NotYet,
    /// It will never be a request that is served: answer and close.
    Bad(Bad),
}

/// Why a head is refused. After each of these nobody knows where the next request would begin, so the connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bad {
    /// Not a request line (9112 3).
    RequestLine,
    /// HTTP/0.9, 2 or something newer.
    Version,
    /// Not a field line, or one with a character that may not be there (9112 5).
    Field,
    /// A field continued on a second line (9112 5.2).
    Folded,
    /// Two Content-Length, or one that is not a plain number (9112 6.3).
    Length,
    /// Transfer-Encoding: bodies are taken with Content-Length only.
    LengthRequired,
    /// The body would be longer than [`MAX_BODY`].
    BodyTooLong,
    /// The head is longer than [`MAX_HEAD`] or has too many fields.
    HeadTooLong,
    /// An Expect that is not 100-continue (9110 10.1.1).
    Expectation,
}

/// A request's head.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Head {
    /// The method as sent.
    pub method: String,
    /// Path and query; raw blanks and bytes above 7F are percent-encoded, an absolute form is cut to its path.
    pub target: String,
    /// True for HTTP/1.0.
    pub http10: bool,
    /// Field names in lower case and values without blanks around them, in order.
    pub fields: Vec<(String, String)>,
    /// Bytes of body that follow.
    pub body: u32,
}

impl Head {
    /// Reads a head from the start of `bytes`.
    pub fn parse(bytes: &[u8]) -> Parsed {
        match read(bytes) {
            Ok(Some((head, used))) => Parsed::Got(head, used),
            Ok(None) if bytes.len() >= MAX_HEAD => Parsed::Bad(Bad::HeadTooLong),
            Ok(None) => Parsed::NotYet,
            Err(bad) => Parsed::Bad(bad),
        }
    }

    /// The first field of that (lower-case) name.
    pub fn field(&self, name: &str) -> Option<&str> {
        let mut fields = self.fields.iter();
        let (_, value) = fields.find(|(field, _)| field == name)?;
        Some(value)
    }

    /// Every field of that (lower-case) name.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.fields
            .iter()
            .filter(move |(field, _)| field == name)
            .map(|(_, value)| value.as_str())
    }

    /// The head of a request that is one.
    #[cfg(test)]
    pub fn of(text: &str) -> Head {
        match Head::parse(text.as_bytes()) {
            Parsed::Got(head, _) => head,
            why @ (Parsed::NotYet | Parsed::Bad(_)) => panic!("{why:?}: {text:?}"),
        }
    }

    /// True when the client may send another request here (9112 9.3).
    pub fn keeps_alive(&self) -> bool {
        let says = |word: &str| {
            self.all("connection")
                .flat_map(|value| value.split(','))
                .any(|token| token.trim().eq_ignore_ascii_case(word))
        };
        !says("close") && (!self.http10 || says("keep-alive"))
    }

    /// True when the client waits for `100 Continue` before it sends the body.
    pub fn expects_continue(&self) -> bool {
        !self.http10 && self.field("expect").is_some()
    }
}

fn read(bytes: &[u8]) -> Result<Option<(Head, usize)>, Bad> {
    let mut lines = Lines { bytes, used: 0 };
    let mut head = Head::default();
    loop {
        match lines.next() {
            // 9112 2.2: an empty line before the request line is skipped.
            Some([]) if lines.used <= 4 => {}
            Some(line) => {
                request_line(&mut head, line)?;
                break;
            }
            None => return begins_well(lines.rest()).map(|()| None),
        }
    }
    loop {
        match lines.next() {
            Some([]) => break,
            Some(_) if head.fields.len() >= MAX_FIELDS => return Err(Bad::HeadTooLong),
            Some(line) => head.fields.push(field(line)?),
            None => return Ok(None),
        }
    }
    if lines.used > MAX_HEAD {
        return Err(Bad::HeadTooLong);
    }
    head.body = framing(&head)?;
    Ok(Some((head, lines.used)))
}

/// Lines that end in CRLF or a bare LF (9112 2.2).
struct Lines<'a> {
    bytes: &'a [u8],
    used: usize,
}

impl<'a> Lines<'a> {
    fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.used..).unwrap_or_default()
    }

    fn next(&mut self) -> Option<&'a [u8]> {
        let rest = self.rest();
        let end = rest.iter().position(|byte| *byte == b'\n')?;
        self.used += end + 1;
        let line = rest.get(..end)?;
        Some(line.strip_suffix(b"\r").unwrap_or(line))
    }
}

/// A TLS hello or other rubbish is refused at its first byte, not after five seconds.
fn begins_well(bytes: &[u8]) -> Result<(), Bad> {
    match bytes.first() {
        Some(first) if !is_token(*first) && !matches!(first, b'\r' | b'\n') => {
            Err(Bad::RequestLine)
        }
        Some(_) | None => Ok(()),
    }
}

/// 9110 5.6.2.
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

fn request_line(head: &mut Head, line: &[u8]) -> Result<(), Bad> {
    let first = line.iter().position(|byte| *byte == b' ');
    let last = line.iter().rposition(|byte| *byte == b' ');
    let (Some(first), Some(last)) = (first, last) else {
        return Err(Bad::RequestLine);
    };
    let (Some(method), Some(target), Some(version)) = (
        line.get(..first),
        line.get(first + 1..last),
        line.get(last + 1..),
    ) else {
        return Err(Bad::RequestLine);
    };
    if method.is_empty() || method.len() > 32 || !method.iter().all(|byte| is_token(*byte)) {
        return Err(Bad::RequestLine);
    }
    head.http10 = match version {
        b"HTTP/1.1" => false,
        b"HTTP/1.0" => true,
        other if other.starts_with(b"HTTP/") => return Err(Bad::Version),
        _ => return Err(Bad::RequestLine),
    };
    head.method = method.iter().map(|byte| char::from(*byte)).collect();
    head.target = origin_form(&percent_encoded(target)?)?;
    Ok(())
}

/// BSD `ftp` sends blanks and UTF-8 raw; both become what they should have been.
fn percent_encoded(target: &[u8]) -> Result<String, Bad> {
    let mut out = String::with_capacity(target.len());
    for byte in target {
        match byte {
            b'!'..=b'~' => out.push(char::from(*byte)),
            b' ' | 0x80..=0xff => {
                let nibble =
                    |n: u8| char::from_digit(u32::from(n), 16).map(|c| c.to_ascii_uppercase());
                out.push('%');
                out.extend(nibble(byte >> 4));
                out.extend(nibble(byte & 15));
            }
            _ => return Err(Bad::RequestLine),
        }
    }
    Ok(out)
}

/// 9112 3.2: `http://host/path` is served as `/path`; `*` stays and is found nowhere.
fn origin_form(target: &str) -> Result<String, Bad> {
    let after_scheme = target
        .split_once("://")
        .filter(|(scheme, _)| matches!(*scheme, "http" | "https"));
    match after_scheme {
        Some((_, rest)) => Ok(rest
            .find(['/', '?'])
            .and_then(|at| rest.get(at..))
            .map_or_else(
                || String::from("/"),
                |path| {
                    if path.starts_with('/') {
                        String::from(path)
                    } else {
                        format!("/{path}")
                    }
                },
            )),
        None if target.starts_with('/') || target == "*" => Ok(String::from(target)),
        None => Err(Bad::RequestLine),
    }
}

fn field(line: &[u8]) -> Result<(String, String), Bad> {
    if matches!(line.first(), Some(b' ' | b'\t')) {
        return Err(Bad::Folded);
    }
    let colon = line.iter().position(|byte| *byte == b':');
    let (name, value) = match colon.and_then(|at| Some((line.get(..at)?, line.get(at + 1..)?))) {
        Some((name, value)) if !name.is_empty() => (name, value),
        Some(_) | None => return Err(Bad::Field),
    };
    let value_is_clean = value
        .iter()
        .all(|byte| matches!(byte, b'\t' | b' '..=b'~' | 0x80..=0xff));
    if !value_is_clean || !name.iter().all(|byte| is_token(*byte)) {
        return Err(Bad::Field);
    }
    let name = String::from_utf8_lossy(name).to_ascii_lowercase();
    let value = String::from_utf8_lossy(value).trim().to_owned();
    Ok((name, value))
}

/// Where the body ends (9112 6.3), refusing all that two readers could read in two ways.
fn framing(head: &Head) -> Result<u32, Bad> {
    let lengths: Vec<&str> = head.all("content-length").collect();
    if head.field("transfer-encoding").is_some() {
        return Err(if lengths.is_empty() {
            Bad::LengthRequired
        } else {
            Bad::Length
        });
    }
    if head
        .all("expect")
        .any(|value| !value.eq_ignore_ascii_case("100-continue"))
    {
        return Err(Bad::Expectation);
    }
    match lengths.as_slice() {
        [] => Ok(0),
        [digits] if !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) => {
            match digits.parse::<u32>() {
                Ok(length) if length <= MAX_BODY => Ok(length),
                Ok(_) | Err(_) => Err(Bad::BodyTooLong),
            }
        }
        [_] | [_, _, ..] => Err(Bad::Length),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bad(text: &str) -> Bad {
        match Head::parse(text.as_bytes()) {
            Parsed::Bad(bad) => bad,
            Parsed::Got(..) | Parsed::NotYet => panic!("taken: {text:?}"),
        }
    }

    fn good(text: &str) -> Head {
        Head::of(text)
    }

    #[test]
    fn a_plain_request_is_read_whole_and_cut_at_every_byte_it_waits() {
        let text =
            b"POST /api/v1/messages?x=1 HTTP/1.1\r\nHost: rut\r\nContent-Length: 12\r\nX:\r\n\r\n";
        let Parsed::Got(head, used) = Head::parse(text) else {
            panic!("not taken");
        };
        assert_eq!(
            (head.method.as_str(), head.body, used),
            ("POST", 12, text.len())
        );
        assert_eq!(head.target, "/api/v1/messages?x=1");
        assert_eq!(head.field("host"), Some("rut"));
        assert_eq!(head.field("x"), Some(""));
        assert!(head.keeps_alive());
        for cut in 0..text.len() {
            assert_eq!(Head::parse(&text[..cut]), Parsed::NotYet, "cut at {cut}");
        }
    }

    #[test]
    fn bsd_ftp_may_send_blanks_and_utf8_raw() {
        let head = good("GET /cgi-bin/sms_send?text=grüß dich HTTP/1.0\n\n");
        assert_eq!(head.target, "/cgi-bin/sms_send?text=gr%C3%BC%C3%9F%20dich");
        assert!(head.http10 && !head.keeps_alive());
        assert!(good("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n").keeps_alive());
        assert!(!good("GET / HTTP/1.1\r\nConnection: foo, Close\r\n\r\n").keeps_alive());
    }

    #[test]
    fn an_absolute_form_is_served_as_its_path() {
        assert_eq!(good("GET http://a:1/b?c HTTP/1.1\r\n\r\n").target, "/b?c");
        assert_eq!(good("GET http://a HTTP/1.1\r\n\r\n").target, "/");
        assert_eq!(good("GET http://a?b HTTP/1.1\r\n\r\n").target, "/?b");
        assert_eq!(good("OPTIONS * HTTP/1.1\r\n\r\n").target, "*");
        assert_eq!(bad("CONNECT a:1 HTTP/1.1\r\n\r\n"), Bad::RequestLine);
    }

    #[test]
    fn whatever_two_readers_could_read_in_two_ways_is_refused() {
        let with = |fields: &str| bad(&format!("POST / HTTP/1.1\r\n{fields}\r\n\r\n"));
        assert_eq!(with("Content-Length: 1\r\nContent-Length: 1"), Bad::Length);
        assert_eq!(with("Content-Length: 1, 1"), Bad::Length);
        assert_eq!(with("Content-Length: +1"), Bad::Length);
        assert_eq!(with("Content-Length: -1"), Bad::Length);
        assert_eq!(with("Content-Length: 0x10"), Bad::Length);
        assert_eq!(with("Content-Length:"), Bad::Length);
        assert_eq!(with("Content-Length: 3000000000"), Bad::BodyTooLong);
        assert_eq!(
            with("Content-Length: 18446744073709551615"),
            Bad::BodyTooLong
        );
        assert_eq!(with("Transfer-Encoding: chunked"), Bad::LengthRequired);
        assert_eq!(
            with("Transfer-Encoding: x\r\nContent-Length: 1"),
            Bad::Length
        );
        assert_eq!(with("Content-Length : 1"), Bad::Field);
        assert_eq!(with(" Content-Length: 1"), Bad::Folded);
        assert_eq!(with("A: b\r\n\tc"), Bad::Folded);
        assert_eq!(with("A: b\rContent-Length: 1"), Bad::Field);
        assert_eq!(with("A: b\0"), Bad::Field);
        assert_eq!(with("no colon"), Bad::Field);
        assert_eq!(with("Expect: miracles"), Bad::Expectation);
    }

    #[test]
    fn what_is_no_request_line_is_refused_as_soon_as_it_shows() {
        assert_eq!(bad("GET /\r\n"), Bad::RequestLine);
        assert_eq!(bad("GET / HTTP/2.0\r\n"), Bad::Version);
        assert_eq!(bad("G@T / HTTP/1.1\r\n"), Bad::RequestLine);
        assert_eq!(bad("GET /a\tb HTTP/1.1\r\n"), Bad::RequestLine);
        assert_eq!(bad("GET  HTTP/1.1\r\n"), Bad::RequestLine);
        assert_eq!(Head::parse(b"\x16\x03\x01"), Parsed::Bad(Bad::RequestLine));
        assert_eq!(bad("\r\n\r\n\r\n\r\n"), Bad::RequestLine);
        assert_eq!(good("\r\nGET / HTTP/1.1\r\n\r\n").method, "GET");
    }

    #[test]
    fn a_head_without_end_is_refused_at_its_limit() {
        let mut text = b"GET / HTTP/1.1\r\nX: ".to_vec();
        text.resize(MAX_HEAD - 1, b'a');
        assert_eq!(Head::parse(&text), Parsed::NotYet);
        text.push(b'a');
        assert_eq!(Head::parse(&text), Parsed::Bad(Bad::HeadTooLong));
        let many = format!("GET / HTTP/1.1\r\n{}\r\n", "A:\r\n".repeat(65));
        assert_eq!(bad(&many), Bad::HeadTooLong);
    }

    #[test]
    fn rubbish_never_panics() {
        let mut seed = 7u32;
        for _ in 0..20_000 {
            let mut bytes = b"POST /a b HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n".to_vec();
            for _ in 0..3 {
                seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                let at = usize::try_from(seed >> 8).unwrap() % bytes.len();
                bytes[at] = (seed & 0xff) as u8;
            }
            if let Parsed::Got(head, used) = Head::parse(&bytes) {
                assert!(used <= bytes.len() && head.body <= MAX_BODY && head.target.is_ascii());
            }
        }
    }
}
