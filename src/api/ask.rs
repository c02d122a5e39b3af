//! Words: one complete request, as handlers get it. Never holds a secret: tokens stay at the door.

use super::head::Head;
use super::problem::{Code, Problem};
use super::query::{self, Params};

/// The longest `Idempotency-Key`.
const MAX_KEY: usize = 128;

/// A request whose sender may ask.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ask {
    /// The method; HEAD arrives as GET.
    pub method: String,
    /// Path and query, ASCII.
    pub target: String,
    /// `Idempotency-Key`: visible ASCII.
    pub idempotency_key: Option<String>,
    /// It accepts `text/event-stream`.
    pub wants_stream: bool,
    /// `Last-Event-ID`, where it is a number.
    pub last_event: Option<u64>,
    /// The body.
    pub body: Vec<u8>,
}

impl Ask {
    /// From a head; the body is still to come.
    ///
    /// # Errors
    /// [`Code::BadParameter`] for an `Idempotency-Key` that is none.
    pub fn new(head: &Head) -> Result<Ask, Problem> {
        let key = head.field("idempotency-key");
        let is_key = |key: &str| {
            (1..=MAX_KEY).contains(&key.len()) && key.bytes().all(|b| b.is_ascii_graphic())
        };
        if !key.is_none_or(is_key) {
            return Err(Problem::new(
                Code::BadParameter,
                "an Idempotency-Key is 1 to 128 visible ASCII characters",
            ));
        }
        Ok(Ask {
            method: match head.method.as_str() {
                "HEAD" => String::from("GET"),
                other => String::from(other),
            },
            target: head.target.clone(),
            idempotency_key: key.map(String::from),
            wants_stream: head
                .all("accept")
                .any(|value| value.to_ascii_lowercase().contains("text/event-stream")),
            last_event: head.field("last-event-id").and_then(query::number),
            body: Vec::new(),
        })
    }

    /// The path.
    pub fn path(&self) -> &str {
        query::path(&self.target)
    }

    /// The parameters.
    ///
    /// # Errors
    /// As [`Params::parse`].
    pub fn params(&self) -> Result<Params, Problem> {
        Params::parse(&self.target)
    }

    /// The path's last segment: the `{id}` of a route that has one.
    pub fn last_segment(&self) -> &str {
        self.path().rsplit('/').next().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(text: &str) -> Result<Ask, Problem> {
        Ask::new(&Head::of(text))
    }

    #[test]
    fn a_request_carries_what_handlers_need() {
        let ask = ask("HEAD /api/v1/messages/12?x HTTP/1.1\r\nAccept: a/b, Text/Event-Stream\r\nLast-Event-ID: 7\r\nIdempotency-Key: k-1\r\n\r\n").unwrap();
        assert_eq!((ask.method.as_str(), ask.last_segment()), ("GET", "12"));
        assert!(ask.wants_stream);
        assert_eq!(ask.last_event, Some(7));
        assert_eq!(ask.idempotency_key.as_deref(), Some("k-1"));
    }

    #[test]
    fn a_key_that_is_none_is_refused() {
        for key in [String::new(), "a b".into(), "ü".into(), "k".repeat(129)] {
            let text = format!("GET / HTTP/1.1\r\nIdempotency-Key: {key}\r\n\r\n");
            assert_eq!(ask(&text).unwrap_err().code, Code::BadParameter, "{key}");
        }
    }
}
