//! Tests: a small blocking HTTP/1.1 client, one connection a request.

use std::io::{BufRead, BufReader, Error, ErrorKind, Read, Result, Write};
use std::net::{SocketAddr, TcpStream};

use serde_json::Value;

use super::PATIENCE;

/// An answer, whole.
#[derive(Clone, Debug)]
pub struct Response {
    pub status: u16,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Response {
    /// The first header of that (lower-case) name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON; null when it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }
}

/// One request with a body (which may be empty) and these headers beside `Host`, `Connection` and `Content-Length`.
pub fn request(
    to: SocketAddr,
    method: &str,
    target: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Result<Response> {
    let mut head = format!("{method} {target} HTTP/1.1\r\nHost: {to}\r\nConnection: close\r\n");
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    if !body.is_empty() || method != "GET" {
        head.push_str(&format!("Content-Length: {}\r\n", body.len()));
    }
    raw(to, &[head.as_bytes(), b"\r\n", body].concat())
}

/// These bytes as they are, and the answer to them.
pub fn raw(to: SocketAddr, bytes: &[u8]) -> Result<Response> {
    let mut stream = TcpStream::connect(to)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(bytes)?;
    read_response(&mut BufReader::new(stream))
}

/// Reads one response.
pub fn read_response(from: &mut impl BufRead) -> Result<Response> {
    let mut line = String::new();
    from.read_line(&mut line)?;
    let status = line
        .split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok())
        .ok_or_else(|| bad(&line))?;
    let headers = read_headers(from)?;
    let mut response = Response {
        status,
        headers,
        body: Vec::new(),
    };
    if response.header("transfer-encoding") == Some("chunked") {
        read_chunks(from, &mut response.body)?;
    } else if let Some(length) = response.header("content-length") {
        let length: usize = length.parse().map_err(|_| bad(length))?;
        response.body.resize(length, 0);
        from.read_exact(&mut response.body)?;
    } else {
        from.read_to_end(&mut response.body)?;
    }
    Ok(response)
}

/// Reads header lines up to the empty one; names in lower case. A head that ends before it is none.
pub fn read_headers(from: &mut impl BufRead) -> Result<Vec<(String, String)>> {
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        from.read_line(&mut line)?;
        if !line.ends_with('\n') {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        match line.trim_end().split_once(':') {
            Some((name, value)) => {
                headers.push((name.to_ascii_lowercase(), String::from(value.trim())))
            }
            None if line.trim_end().is_empty() => return Ok(headers),
            None => return Err(bad(&line)),
        }
    }
}

fn read_chunks(from: &mut impl BufRead, body: &mut Vec<u8>) -> Result<()> {
    loop {
        let mut line = String::new();
        from.read_line(&mut line)?;
        let length = u64::from_str_radix(line.trim(), 16).map_err(|_| bad(&line))?;
        from.take(length).read_to_end(body)?;
        from.read_line(&mut line)?;
        if length == 0 {
            return Ok(());
        }
    }
}

fn bad(line: &str) -> Error {
    Error::new(ErrorKind::InvalidData, format!("not HTTP: {line:?}"))
}
