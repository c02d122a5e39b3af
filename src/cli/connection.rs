//! Edge: the client's one connection — a request out, an answer in, with time limits. Never knows what is asked.
#![allow(clippy::disallowed_types)]

use std::io::{ErrorKind, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use serde_json::Value;

use super::http::{Head, Request, parse_head};
use super::{Client, Door, show};
use crate::json;

/// For a connection to stand.
const CONNECT: Duration = Duration::from_secs(5);
/// For the agent to say the next byte; a USSD code's answer may take the network a minute.
pub const ANSWER: Duration = Duration::from_secs(80);
/// Longest body, bytes: a page of a listing is far below.
const LONGEST_BODY: usize = 8 * 1024 * 1024;

/// Why there is no answer to print.
pub enum Trouble {
    /// Nobody answers, or nobody who speaks HTTP: exit 3.
    NoAgent(String),
    /// The agent said no, or what it said cannot be printed: exit 1.
    Refused(String),
    /// The agent said no, to somebody who reads JSON: exit 1.
    Problem(Value),
    /// Nobody reads what is printed (`| head`): be silent.
    NoReader,
}

impl From<std::io::Error> for Trouble {
    /// Only printing uses `?` on an I/O error; connections name their door.
    fn from(why: std::io::Error) -> Trouble {
        match why.kind() == ErrorKind::BrokenPipe {
            true => Trouble::NoReader,
            false => Trouble::Refused(format!("the answer cannot be printed: {why}")),
        }
    }
}

trait Stream: Read + Write {
    fn set_timeouts(&self) -> std::io::Result<()>;
    fn wait_for_ever(&self);
}

impl Stream for UnixStream {
    fn set_timeouts(&self) -> std::io::Result<()> {
        self.set_write_timeout(Some(ANSWER))?;
        self.set_read_timeout(Some(ANSWER))
    }

    fn wait_for_ever(&self) {
        let _shorter = self.set_read_timeout(None);
    }
}

impl Stream for TcpStream {
    fn set_timeouts(&self) -> std::io::Result<()> {
        self.set_write_timeout(Some(ANSWER))?;
        self.set_read_timeout(Some(ANSWER))
    }

    fn wait_for_ever(&self) {
        let _shorter = self.set_read_timeout(None);
    }
}

/// An answer whose head was read.
pub struct Connection {
    stream: Box<dyn Stream>,
    /// For complaints.
    door: String,
    /// Whoever asked reads JSON.
    json: bool,
    /// What was read of the answer.
    pub head: Head,
    /// Bytes of the body that came with the head.
    early: Vec<u8>,
}

impl Connection {
    /// The agent may be silent as long as it likes from here on.
    pub fn wait_for_ever(&self) {
        self.stream.wait_for_ever();
    }

    /// Asks and reads the answer's head.
    ///
    /// # Errors
    /// [`Trouble::NoAgent`].
    pub fn open(client: &Client, request: &Request) -> Result<Connection, Trouble> {
        let (door, authority) = match &client.door {
            Door::Socket(path) => (path.display().to_string(), "localhost"),
            Door::Tcp { authority, .. } => (authority.clone(), authority.as_str()),
        };
        let silent = |why: std::io::Error| no_agent(&door, &why);
        let mut stream = connect(&client.door).map_err(silent)?;
        stream.set_timeouts().map_err(silent)?;
        let bytes = request.emit(authority, client.token.as_deref());
        // An agent that refuses early closes early; its answer is still there to be read.
        let written = stream.write_all(&bytes).and_then(|()| stream.flush());
        let mut early = Vec::new();
        loop {
            match parse_head(&early).map_err(|why| Trouble::NoAgent(why.to_string()))? {
                Some((head, used)) => {
                    early.drain(..used);
                    return Ok(Connection {
                        stream,
                        door,
                        json: client.json,
                        head,
                        early,
                    });
                }
                None if receive(&mut *stream, &mut early).map_err(silent)? == 0 => {
                    written.map_err(silent)?;
                    let why = format!("{door} closed the connection without an answer");
                    return Err(Trouble::NoAgent(why));
                }
                None => {}
            }
        }
    }

    /// Waits for more of the body; `false` when it is whole.
    ///
    /// # Errors
    /// [`Trouble::NoAgent`].
    pub fn more(&mut self, out: &mut Vec<u8>) -> Result<bool, Trouble> {
        if self.head.body.is_whole() && self.early.is_empty() {
            return Ok(false);
        }
        let mut bytes = std::mem::take(&mut self.early);
        if bytes.is_empty() {
            let count = receive(&mut *self.stream, &mut bytes);
            if count.map_err(|why| no_agent(&self.door, &why))? == 0 {
                let cut = format!(
                    "{} closed the connection in the middle of its answer",
                    self.door
                );
                return match self.head.body.may_end() {
                    true => Ok(false),
                    false => Err(Trouble::NoAgent(cut)),
                };
            }
        }
        let fed = self.head.body.feed(&bytes, out);
        fed.map_err(|why| Trouble::NoAgent(why.to_string()))?;
        Ok(true)
    }

    /// The whole answer as JSON; null when it has no body.
    ///
    /// # Errors
    /// [`Trouble`], with the agent's words when it said no.
    pub fn json(mut self) -> Result<Value, Trouble> {
        let mut body = Vec::new();
        while self.more(&mut body)? {
            if body.len() > LONGEST_BODY {
                return Err(Trouble::NoAgent(format!(
                    "the answer of {} does not end",
                    self.door
                )));
            }
        }
        let status = self.head.status;
        if !(200..300).contains(&status) {
            return Err(match json::value(&body) {
                Ok(problem) if self.json => Trouble::Problem(problem),
                Ok(_) | Err(_) => Trouble::Refused(show::problem(status, &body)),
            });
        }
        if body.is_empty() {
            return Ok(Value::Null);
        }
        json::value(&body)
            .map_err(|_why| Trouble::NoAgent(format!("{} does not answer in JSON", self.door)))
    }
}

fn connect(door: &Door) -> std::io::Result<Box<dyn Stream>> {
    let (host, port) = match door {
        Door::Socket(path) => return Ok(Box::new(UnixStream::connect(path)?)),
        Door::Tcp { host, port, .. } => (host.as_str(), *port),
    };
    let mut last = std::io::Error::from(ErrorKind::NotFound);
    for address in (host, port).to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, CONNECT) {
            Ok(stream) => return Ok(Box::new(stream)),
            Err(why) => last = why,
        }
    }
    Err(last)
}

/// Appends what the stream gives next; 0 at its end.
fn receive(stream: &mut dyn Stream, bytes: &mut Vec<u8>) -> std::io::Result<usize> {
    let mut buffer = [0; 4096];
    loop {
        match stream.read(&mut buffer) {
            Ok(count) => {
                bytes.extend_from_slice(buffer.get(..count).unwrap_or_default());
                return Ok(count);
            }
            Err(why) if why.kind() == ErrorKind::Interrupted => {}
            // The agent refused and closed while we still wrote.
            Err(why) if why.kind() == ErrorKind::ConnectionReset => return Ok(0),
            Err(why) => return Err(why),
        }
    }
}

fn no_agent(door: &str, why: &std::io::Error) -> Trouble {
    // The kinds of error are std's, and open.
    #[allow(clippy::wildcard_enum_match_arm)]
    let hint = match why.kind() {
        ErrorKind::NotFound | ErrorKind::ConnectionRefused => "; is rut-agent running?",
        ErrorKind::PermissionDenied => "; the socket is root's",
        ErrorKind::WouldBlock | ErrorKind::TimedOut => "; it says nothing",
        _ => "",
    };
    Trouble::NoAgent(format!("no agent answers at {door}: {why}{hint}"))
}
