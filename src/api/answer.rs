//! Codec: an answer, as the handlers make it and as the client reads it. Never decides what to say and never touches a
//! socket.

use serde::Serialize;

/// What a client gets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// Content-Type; empty when there is no body.
    pub content_type: String,
    /// Further fields.
    pub fields: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

/// How an answer is framed for one client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Framing {
    /// The connection stays open after it.
    pub keep_alive: bool,
    /// The request was HEAD: everything but the body.
    pub head_only: bool,
}

impl Answer {
    /// A JSON answer.
    pub fn json(status: u16, body: &impl Serialize) -> Answer {
        // Our own structs with string keys cannot fail to serialize.
        let body = serde_json::to_vec(body).unwrap_or_default();
        Answer {
            status,
            content_type: String::from("application/json"),
            fields: Vec::new(),
            body,
        }
    }

    /// `204 No Content`.
    pub fn no_content() -> Answer {
        Answer {
            status: 204,
            ..Answer::default()
        }
    }

    /// The bytes for the client.
    pub fn emit(&self, framing: Framing) -> Vec<u8> {
        let mut out = self.head();
        if self.status != 204 {
            out.push_str(&format!("Content-Length: {}\r\n", self.body.len()));
        }
        out.push_str(if framing.keep_alive {
            "Connection: keep-alive\r\n\r\n"
        } else {
            "Connection: close\r\n\r\n"
        });
        let mut out = out.into_bytes();
        if !framing.head_only {
            out.extend_from_slice(&self.body);
        }
        out
    }

    /// The head of an answer whose body goes on until the connection ends.
    pub fn emit_endless(&self) -> Vec<u8> {
        let mut out = self.head();
        out.push_str("Connection: close\r\n\r\n");
        out.into_bytes()
    }

    fn head(&self) -> String {
        let mut out = format!(
            "HTTP/1.1 {} {}\r\nCache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n",
            self.status,
            reason(self.status)
        );
        if !self.content_type.is_empty() {
            out.push_str(&format!("Content-Type: {}\r\n", self.content_type));
        }
        for (name, value) in &self.fields {
            out.push_str(&format!("{name}: {value}\r\n"));
        }
        out
    }
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        202 => "Accepted",
        204 => "No Content",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        409 => "Conflict",
        411 => "Length Required",
        413 => "Content Too Large",
        415 => "Unsupported Media Type",
        417 => "Expectation Failed",
        422 => "Unprocessable Content",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        505 => "HTTP Version Not Supported",
        507 => "Insufficient Storage",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::problem::Code;

    #[test]
    fn an_answer_is_framed_for_its_client() {
        let mut answer = Answer::json(200, &[1, 2]);
        answer
            .fields
            .push((String::from("Allow"), String::from("GET")));
        let keep = Framing {
            keep_alive: true,
            head_only: false,
        };
        let text = String::from_utf8(answer.emit(keep)).unwrap();
        assert!(text.starts_with("HTTP/1.1 200 OK\r\n"));
        assert!(text.contains("\r\nAllow: GET\r\nContent-Length: 5\r\nConnection: keep-alive\r\n"));
        assert!(text.ends_with("\r\n\r\n[1,2]"));
        let head = Framing {
            keep_alive: false,
            head_only: true,
        };
        let text = String::from_utf8(answer.emit(head)).unwrap();
        assert!(text.contains("Content-Length: 5\r\nConnection: close\r\n"));
        assert!(text.ends_with("\r\n\r\n"));
        let none = String::from_utf8(Answer::no_content().emit(keep)).unwrap();
        assert!(!none.contains("\r\nContent-Length") && !none.contains("\r\nContent-Type"));
    }

    #[test]
    fn every_status_has_its_reason() {
        for code in Code::ALL {
            assert!(!reason(code.row().0).is_empty(), "{code:?}");
        }
    }
}
