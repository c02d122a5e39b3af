//! Codec: Server-Sent Events (WHATWG HTML 9.2) into events. Never keeps more than one event, and none without an end.

/// Longest event, bytes; what is longer is dropped up to its end.
const LONGEST: usize = 64 * 1024;

/// One event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Event {
    /// `event`; `message` when it is not given.
    pub kind: String,
    /// `data`, lines joined.
    pub data: String,
}

/// Takes bytes, gives events.
#[derive(Debug, Default)]
pub struct Stream {
    line: Vec<u8>,
    kind: String,
    data: String,
    /// This line, or a line of this event, was too long.
    dropped: bool,
}

impl Stream {
    /// The events that end within `bytes`.
    pub fn feed(&mut self, bytes: &[u8]) -> Vec<Event> {
        let mut events = Vec::new();
        for &byte in bytes {
            match byte {
                b'\n' => {
                    let line = std::mem::take(&mut self.line);
                    let line = String::from_utf8_lossy(&line);
                    events.extend(self.line(line.strip_suffix('\r').unwrap_or(&line)));
                }
                _ if self.line.len() >= LONGEST => self.dropped = true,
                other => self.line.push(other),
            }
        }
        events
    }

    fn line(&mut self, line: &str) -> Option<Event> {
        if line.is_empty() {
            let event = Event {
                kind: std::mem::take(&mut self.kind),
                data: std::mem::take(&mut self.data),
            };
            let dropped = std::mem::take(&mut self.dropped);
            return (!event.data.is_empty() && !dropped).then(|| Event {
                kind: match event.kind.as_str() {
                    "" => String::from("message"),
                    _ => event.kind,
                },
                data: event.data,
            });
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => self.kind = String::from(value),
            "data" if self.data.len() + value.len() > LONGEST => self.dropped = true,
            "data" => {
                if !self.data.is_empty() {
                    self.data.push('\n');
                }
                self.data.push_str(value);
            }
            // Comments keep the connection alive; `id` and `retry` serve those who come back.
            _ => {}
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(kind: &str, data: &str) -> Event {
        Event {
            kind: String::from(kind),
            data: String::from(data),
        }
    }

    #[test]
    fn events_are_read_however_the_stream_is_cut() {
        let text = b": hello\n\nid: 7\nevent: message.sent\ndata: {\"a\":1}\n\ndata:x\r\ndata: y\r\n\r\nevent: none\n\n";
        for cut in 0..text.len() {
            let mut stream = Stream::default();
            let mut events = stream.feed(&text[..cut]);
            events.extend(stream.feed(&text[cut..]));
            assert_eq!(
                events,
                [event("message.sent", "{\"a\":1}"), event("message", "x\ny")]
            );
        }
    }

    #[test]
    fn an_endless_event_is_dropped_and_the_next_one_is_read() {
        let mut stream = Stream::default();
        let long = [
            b"data: ".to_vec(),
            vec![b'a'; 2 * LONGEST],
            b"\n\n".to_vec(),
        ]
        .concat();
        assert_eq!(stream.feed(&long), []);
        for _ in 0..LONGEST {
            assert_eq!(stream.feed(b"data: abc\n"), []);
        }
        assert!(stream.data.len() <= LONGEST);
        assert_eq!(stream.feed(b"\ndata: b\n\n"), [event("message", "b")]);
    }
}
