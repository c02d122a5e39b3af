//! Codec: HTTP/1.1 as a client needs it — one request out, one answer in, bodies by length, in chunks or up to the end.
//! Never reads a stream: bytes are fed to it.

use std::fmt;

/// Longest head of an answer, bytes.
pub const LONGEST_HEAD: usize = 16 * 1024;

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// `GET`, `POST`, `DELETE`.
    pub method: &'static str,
    /// Path and query.
    pub target: String,
    /// What answers are understood.
    pub accept: &'static str,
    /// A JSON body.
    pub body: Option<String>,
}

impl Request {
    /// A request for JSON without a body.
    pub fn new(method: &'static str, target: impl Into<String>) -> Request {
        Request {
            method,
            target: target.into(),
            accept: "application/json",
            body: None,
        }
    }

    /// The request's bytes for the host `authority`.
    pub fn emit(&self, authority: &str, token: Option<&str>) -> Vec<u8> {
        let (method, target, accept) = (self.method, &self.target, self.accept);
        let version = env!("CARGO_PKG_VERSION");
        let mut out = format!(
            "{method} {target} HTTP/1.1\r\nHost: {authority}\r\nUser-Agent: rut-agent/{version}\r\nAccept: {accept}\r\n\
             Connection: close\r\n"
        );
        if let Some(token) = token {
            out.push_str(&format!("Authorization: Bearer {token}\r\n"));
        }
        if let Some(body) = &self.body {
            let length = body.len();
            out.push_str(&format!(
                "Content-Type: application/json\r\nContent-Length: {length}\r\n"
            ));
        }
        out.push_str("\r\n");
        out.push_str(self.body.as_deref().unwrap_or_default());
        out.into_bytes()
    }
}

/// The bytes are not an HTTP answer; whoever sent them is no agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotHttp(&'static str);

impl fmt::Display for NotHttp {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "what answers there does not speak HTTP: {}", self.0)
    }
}

impl std::error::Error for NotHttp {}

/// An answer's first part.
#[derive(Debug, PartialEq, Eq)]
pub struct Head {
    /// The status code.
    pub status: u16,
    /// `Content-Type` without parameters, in lower case.
    pub content_type: String,
    /// How the body is cut off.
    pub body: Body,
}

/// Reads a head; `None` while it is not whole. Gives the bytes used, too.
///
/// # Errors
/// [`NotHttp`]: close.
pub fn parse_head(bytes: &[u8]) -> Result<Option<(Head, usize)>, NotHttp> {
    let mut headers = [httparse::EMPTY_HEADER; 64];
    let mut answer = httparse::Response::new(&mut headers);
    let used = match answer.parse(bytes) {
        Err(_why) => return Err(NotHttp("the head cannot be read")),
        Ok(httparse::Status::Partial) if bytes.len() > LONGEST_HEAD => {
            return Err(NotHttp("the head does not end"));
        }
        Ok(httparse::Status::Partial) => return Ok(None),
        Ok(httparse::Status::Complete(used)) => used,
    };
    let status = answer.code.unwrap_or_default();
    let header = |name: &str| {
        let mut headers = answer.headers.iter();
        headers
            .find(|header| header.name.eq_ignore_ascii_case(name))
            .map(|header| String::from_utf8_lossy(header.value).to_ascii_lowercase())
    };
    let content_type = header("content-type").unwrap_or_default();
    let chunked = header("transfer-encoding").is_some_and(|coding| coding.trim() == "chunked");
    let body = match (status, chunked, header("content-length")) {
        (204 | 304, _, _) => Body::Length(0),
        (_, true, _) => Body::Chunked(Chunk::Size(0, false)),
        (_, false, Some(length)) => Body::Length(
            length
                .trim()
                .parse()
                .map_err(|_why| NotHttp("Content-Length is no number"))?,
        ),
        (_, false, None) => Body::ToEnd,
    };
    let head = Head {
        status,
        content_type: String::from(content_type.split(';').next().unwrap_or_default().trim()),
        body,
    };
    Ok(Some((head, used)))
}

/// How a body is cut off, and how far it has come.
#[derive(Debug, PartialEq, Eq)]
pub enum Body {
    /// So many bytes are still to come.
    Length(u64),
    /// Chunks (RFC 9112 7.1).
    Chunked(Chunk),
    /// Until the connection ends.
    ToEnd,
}

/// The place within chunks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Chunk {
    /// In the size line: the size so far, and whether its digits are over.
    Size(u64, bool),
    /// In the data: bytes still to come.
    Data(u64),
    /// In the line end behind the data.
    AfterData,
    /// In the trailer: the length of its line so far.
    Trailer(usize),
    /// At the end.
    Done,
}

impl Body {
    /// True when nothing is to come.
    pub fn is_whole(&self) -> bool {
        match self {
            Body::Length(left) => *left == 0,
            Body::Chunked(chunk) => *chunk == Chunk::Done,
            Body::ToEnd => false,
        }
    }

    /// True when the connection may end here.
    pub fn may_end(&self) -> bool {
        match self {
            Body::ToEnd => true,
            Body::Length(_) | Body::Chunked(_) => self.is_whole(),
        }
    }

    /// Takes bytes from the connection and gives those of the body to `out`.
    ///
    /// # Errors
    /// [`NotHttp`]: close.
    pub fn feed(&mut self, mut bytes: &[u8], out: &mut Vec<u8>) -> Result<(), NotHttp> {
        match self {
            Body::ToEnd => out.extend_from_slice(bytes),
            Body::Length(left) => *left -= take(&mut bytes, *left, out),
            Body::Chunked(chunk) => {
                while !bytes.is_empty() && *chunk != Chunk::Done {
                    *chunk = chunk.step(&mut bytes, out)?;
                }
            }
        }
        Ok(())
    }
}

impl Chunk {
    fn step(self, bytes: &mut &[u8], out: &mut Vec<u8>) -> Result<Chunk, NotHttp> {
        if let Chunk::Data(left) = self {
            return Ok(match left - take(bytes, left, out) {
                0 => Chunk::AfterData,
                left => Chunk::Data(left),
            });
        }
        let Some((&byte, rest)) = bytes.split_first() else {
            return Ok(self);
        };
        *bytes = rest;
        Ok(match (self, byte) {
            (Chunk::Size(0, _), b'\n') => Chunk::Trailer(0),
            (Chunk::Size(size, _), b'\n') => Chunk::Data(size),
            // Behind the size: blanks, extensions, the carriage return.
            (Chunk::Size(size, true), _) => Chunk::Size(size, true),
            (Chunk::Size(size, false), digit) => match char::from(digit).to_digit(16) {
                Some(digit) => Chunk::Size(
                    size.checked_mul(16)
                        .ok_or(NotHttp("a chunk has no end"))?
                        .saturating_add(u64::from(digit)),
                    false,
                ),
                None if matches!(digit, b'\r' | b';' | b' ' | b'\t') => Chunk::Size(size, true),
                None => return Err(NotHttp("a chunk has no size")),
            },
            (Chunk::AfterData, b'\r') => Chunk::AfterData,
            (Chunk::AfterData, b'\n') => Chunk::Size(0, false),
            (Chunk::AfterData, _) => return Err(NotHttp("a chunk is longer than its size")),
            (Chunk::Trailer(0), b'\n') => Chunk::Done,
            (Chunk::Trailer(_), b'\n') => Chunk::Trailer(0),
            (Chunk::Trailer(length), b'\r') => Chunk::Trailer(length),
            (Chunk::Trailer(length), _) if length < LONGEST_HEAD => Chunk::Trailer(length + 1),
            (Chunk::Trailer(_), _) => return Err(NotHttp("the trailer does not end")),
            (Chunk::Data(_) | Chunk::Done, _) => self,
        })
    }
}

/// Moves up to `most` bytes to `out`; how many there were.
fn take(bytes: &mut &[u8], most: u64, out: &mut Vec<u8>) -> u64 {
    let count = usize::try_from(most).unwrap_or(usize::MAX).min(bytes.len());
    let (now, later) = bytes.split_at(count);
    out.extend_from_slice(now);
    *bytes = later;
    count as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The whole answer, fed in two pieces cut at `cut`.
    fn read(bytes: &[u8], cut: usize) -> Option<(u16, Vec<u8>)> {
        let (head, used) = parse_head(bytes).unwrap()?;
        let mut body = head.body;
        let mut out = Vec::new();
        let rest = &bytes[used..];
        let cut = cut.min(rest.len());
        body.feed(&rest[..cut], &mut out).unwrap();
        body.feed(&rest[cut..], &mut out).unwrap();
        body.may_end().then_some((head.status, out))
    }

    #[test]
    fn a_request_is_written_as_http_wants_it() {
        let mut request = Request::new("POST", "/api/v1/messages");
        request.body = Some(String::from("{}"));
        let text = String::from_utf8(request.emit("router:8240", Some("abc"))).unwrap();
        assert!(text.starts_with("POST /api/v1/messages HTTP/1.1\r\nHost: router:8240\r\n"));
        assert!(text.contains("\r\nAuthorization: Bearer abc\r\n"));
        assert!(text.ends_with("\r\nContent-Length: 2\r\n\r\n{}"));
        let text = String::from_utf8(Request::new("GET", "/").emit("x", None)).unwrap();
        assert!(!text.contains("Authorization") && !text.contains("Content-"));
    }

    #[test]
    fn bodies_are_read_by_length_in_chunks_and_to_the_end_however_they_are_cut() {
        let answers = [
            "HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\nhello world",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6;x=y\r\n world\r\n0\r\nT: x\r\n\r\n",
            "HTTP/1.0 200 OK\r\n\r\nhello world",
        ];
        for answer in answers {
            for cut in 0..answer.len() {
                assert_eq!(
                    read(answer.as_bytes(), cut),
                    Some((200, b"hello world".to_vec()))
                );
            }
        }
        assert_eq!(
            read(b"HTTP/1.1 204 No Content\r\n\r\n", 0),
            Some((204, Vec::new()))
        );
    }

    #[test]
    fn an_answer_cut_short_is_not_taken_for_whole() {
        let answer =
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n";
        for end in 0..answer.len() {
            assert_eq!(read(&answer[..end], 0), None, "{end}");
        }
        assert_eq!(
            read(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab", 0),
            None
        );
    }

    #[test]
    fn rubbish_is_refused() {
        assert!(parse_head(b"220 mail.example.org ESMTP\r\n").is_err());
        assert!(parse_head(b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n").is_err());
        let endless = [b"HTTP/1.1 200 OK\r\nX: ".to_vec(), vec![b'a'; LONGEST_HEAD]].concat();
        assert!(parse_head(&endless).is_err());
        for bad in ["x\r\n", "5\r\nhelloX", "fffffffffffffffff\r\n"] {
            let mut body = Body::Chunked(Chunk::Size(0, false));
            assert!(body.feed(bad.as_bytes(), &mut Vec::new()).is_err(), "{bad}");
        }
    }

    #[test]
    fn content_types_lose_their_parameters() {
        let answer = b"HTTP/1.1 200 OK\r\nContent-Type: Text/Event-Stream; charset=utf-8\r\n\r\n";
        let (head, used) = parse_head(answer).unwrap().unwrap();
        assert_eq!(
            (head.content_type.as_str(), used),
            ("text/event-stream", answer.len())
        );
        assert!(!head.body.is_whole() && head.body.may_end());
    }
}
