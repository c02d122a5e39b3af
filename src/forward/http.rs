//! Edge: one HTTP/1.1 request, and the receiver's verdict. Never sends a request twice over a line of its own making,
//! follows no redirect, and reads no more of an answer than its head and a little of its body.

use std::fmt;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::timeout;

use super::webhook::Request;
use crate::config::{Method, ToHttp};
use crate::net::{self, Dialer, Peer, Stream, Trust};

/// From the look-up to the answer's head.
const LIMIT: Duration = Duration::from_secs(15);
/// The part of it in which the connection must stand.
const CONNECT: Duration = Duration::from_secs(12);
/// The longest answer head, in bytes, and the most fields in it.
const HEAD: usize = 8192;
const FIELDS: usize = 64;
/// So much of a body is read, for at most so long, so that a receiver can finish what it writes.
const BODY: usize = 4096;
const BODY_TIME: Duration = Duration::from_secs(1);

/// Why a push did not get through. All may pass, so all are tried again.
#[derive(Debug)]
pub(super) enum Failure {
    /// No connection.
    Net(net::Error),
    /// A connection, but no answer within the limit.
    NoAnswer,
    /// The receiver hung up before it answered.
    HungUp,
    /// What came is no HTTP, or its head is over the limit.
    NotHttp(&'static str),
    /// The receiver said no.
    Status(u16),
}

impl fmt::Display for Failure {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Net(error) => error.fmt(out),
            Failure::NoAnswer => write!(out, "no answer within {} s", LIMIT.as_secs()),
            Failure::HungUp => {
                out.write_str("the receiver closed the connection without an answer")
            }
            Failure::NotHttp(why) => write!(out, "the answer cannot be read: {why}"),
            Failure::Status(status @ 300..=399) => write!(
                out,
                "the receiver answered {status}: redirects are not followed, the url must name the last address"
            ),
            Failure::Status(status) => write!(out, "the receiver answered {status}"),
        }
    }
}

/// The receiver said 2xx.
pub(super) struct Taken {
    /// What it said.
    pub(super) status: u16,
    /// The line, when both sides keep it open for the next request.
    pub(super) line: Option<Stream>,
}

/// How a request travels.
#[derive(Default)]
pub(super) struct Way {
    /// The line that the last request left open.
    pub(super) line: Option<Stream>,
    /// Another request follows at once, so the line should stay open.
    pub(super) more: bool,
}

/// Sends `request` as `target` wants its connections.
pub(super) async fn send(
    dialer: &Dialer,
    target: &ToHttp,
    request: Request,
    way: Way,
) -> Result<Taken, Failure> {
    match timeout(LIMIT, exchange(dialer, target, request, way)).await {
        Ok(verdict) => verdict,
        Err(_late) => Err(Failure::NoAnswer),
    }
}

fn trust(target: &ToHttp) -> Trust {
    match (&target.ca_file, target.verify_cert) {
        (_, false) => Trust::Anyone,
        (Some(file), true) => Trust::File(file.clone()),
        (None, true) => Trust::System,
    }
}

async fn exchange(
    dialer: &Dialer,
    target: &ToHttp,
    request: Request,
    way: Way,
) -> Result<Taken, Failure> {
    let bytes = written(&request, target.method, way.more);
    let mut line = way.line;
    loop {
        let kept = line.is_some();
        let mut stream = match line.take() {
            Some(stream) => stream,
            None => {
                let peer = Peer {
                    host: request.url.host.clone(),
                    port: request.url.port,
                    tls: request.url.tls.then(|| trust(target)),
                };
                dialer.connect(&peer, CONNECT).await.map_err(Failure::Net)?
            }
        };
        // A receiver that cannot take it all may have said why.
        let _taken_or_told = put(&mut stream, &bytes).await;
        match verdict(&mut stream).await {
            // It may close an idle line whenever it likes (RFC 9112 9.3.1): that is no failure.
            Err(Failure::HungUp) if kept => {}
            Err(failure) => return Err(failure),
            Ok(answer) => {
                // The verdict stands: how the body ends changes nothing.
                let ended = timeout(BODY_TIME, end(stream, &answer, way.more)).await;
                return Ok(Taken {
                    status: answer.status,
                    line: ended.unwrap_or_default(),
                });
            }
        }
    }
}

async fn put(stream: &mut Stream, bytes: &[u8]) -> std::io::Result<()> {
    stream.write_all(bytes).await?;
    stream.flush().await
}

/// The request's bytes.
fn written(request: &Request, method: Method, more: bool) -> Vec<u8> {
    let verb = match method {
        Method::Get => "GET",
        Method::Post | Method::Json => "POST",
    };
    let mut out = format!("{verb} {} HTTP/1.1\r\n", request.url.target);
    let mut field = |name: &str, value: &str| {
        for piece in [name, ": ", value, "\r\n"] {
            out.push_str(piece);
        }
    };
    for (name, value) in &request.headers {
        field(name, value);
    }
    if verb == "POST" {
        field("Content-Length", &request.body.len().to_string());
    }
    if !more {
        field("Connection", "close");
    }
    out.push_str("\r\n");
    let mut out = out.into_bytes();
    out.extend_from_slice(&request.body);
    out
}

/// What is known of a good answer.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) status: u16,
    /// Bytes of body still to come, where the receiver told and keeps the line open after them.
    left: Option<usize>,
}

/// Reads up to the final answer's head.
async fn verdict(stream: &mut Stream) -> Result<Answer, Failure> {
    let mut buffer = Vec::with_capacity(512);
    loop {
        match read(&mut buffer)? {
            Some(answer) if (200..300).contains(&answer.status) => return Ok(answer),
            Some(refusal) => return Err(Failure::Status(refusal.status)),
            None if buffer.len() >= HEAD => return Err(Failure::NotHttp("its head is too long")),
            None => {}
        }
        if !matches!(stream.read_buf(&mut buffer).await, Ok(1..)) {
            return Err(Failure::HungUp);
        }
    }
}

/// Reads a head; `None` while it is not whole. Answers before the answer (100 to 199) are passed over.
pub(super) fn read(buffer: &mut Vec<u8>) -> Result<Option<Answer>, Failure> {
    loop {
        let mut fields = [httparse::EMPTY_HEADER; FIELDS];
        let mut head = httparse::Response::new(&mut fields);
        let used = match head.parse(buffer) {
            Ok(httparse::Status::Complete(used)) => used,
            Ok(httparse::Status::Partial) => return Ok(None),
            Err(httparse::Error::TooManyHeaders) => {
                return Err(Failure::NotHttp("its head has too many fields"));
            }
            Err(_) => return Err(Failure::NotHttp("it is no HTTP")),
        };
        let status = head.code.unwrap_or_default();
        if !(100..200).contains(&status) {
            let left = length(&head).and_then(|length| length.checked_sub(buffer.len() - used));
            return Ok(Some(Answer { status, left }));
        }
        buffer.drain(..used);
    }
}

/// The body's length, where the line can be used again after it (RFC 9112 6.3, 9.3).
fn length(head: &httparse::Response<'_, '_>) -> Option<usize> {
    let mut length = match head.code {
        Some(204) => Some(0),
        _ => None,
    };
    for field in head.headers.iter() {
        let is = |name: &str| field.name.eq_ignore_ascii_case(name);
        if is("connection") || is("transfer-encoding") {
            return None;
        }
        if is("content-length") {
            length = str::from_utf8(field.value).ok()?.parse().ok();
        }
    }
    length.filter(|_| head.version == Some(1))
}

/// Lets the receiver finish; gives the line back if it can be used again.
async fn end(mut stream: Stream, answer: &Answer, more: bool) -> Option<Stream> {
    let mut left = answer.left.unwrap_or(BODY);
    let whole = answer.left.is_some() && left <= BODY;
    left = left.min(BODY);
    let mut scrap = [0; 512];
    while left > 0 {
        let room = left.min(scrap.len());
        match stream.read(scrap.get_mut(..room)?).await {
            Ok(read @ 1..) => left -= read,
            Ok(0) | Err(_) => return None,
        }
    }
    if whole && more {
        return Some(stream);
    }
    // A TLS receiver hears that we are done, not that we were cut off.
    let _it_may_be_gone = stream.shutdown().await;
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_used_again_only_where_the_receiver_says_how() {
        for (head, left) in [
            ("HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\nabc", Some(4)),
            ("HTTP/1.1 204 No Content\r\n\r\n", Some(0)),
            (
                "HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n",
                Some(0),
            ),
            ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nabc", None),
            ("HTTP/1.1 200 OK\r\nContent-Length: -2\r\n\r\n", None),
            ("HTTP/1.1 200 OK\r\n\r\n", None),
            ("HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", None),
            (
                "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
                None,
            ),
            (
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
                None,
            ),
        ] {
            let whole = read(&mut Vec::from(head)).unwrap().unwrap();
            assert_eq!(whole.left, left, "{head:?}");
            let end = head.rfind("\r\n\r\n").unwrap();
            for cut in 0..=end {
                let some = read(&mut Vec::from(&head[..cut])).unwrap();
                assert!(
                    some.is_none() || head.contains("chunked"),
                    "{cut} of {head:?}"
                );
            }
        }
    }
}
