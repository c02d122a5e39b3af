//! Edge: one POP3 session (RFC 1939, STLS by RFC 2595) — every command with a deadline, every reply with an end. Never
//! decides about a mail, and never goes on in clear text where TLS was offered.

use std::fmt;
use std::pin::Pin;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::timeout;

use super::pop3_reply::{self, Lines, NotPop3, Reply, Sink, Status};
use crate::config::Pop3;
use crate::net::{self, Dialer, Peer, Stream, Trust};

/// In which the connection must stand.
const CONNECT: Duration = Duration::from_secs(30);
/// From a command to the last byte of its reply.
const REPLY: Duration = Duration::from_secs(60);
/// The longest reply, in bytes, that is waited out.
const MOST: usize = 2 * 1024 * 1024;
const CHUNK: usize = 2048;

/// Why a session ended early. All are tried again in the next round.
#[derive(Debug)]
pub(super) enum Failure {
    /// No connection.
    Net(net::Error),
    /// The reply to this command did not come, or did not end.
    Late(String),
    /// The server hung up at this command, or the line broke.
    Closed(String),
    /// The server said no to this command, with these words.
    Refused(String, String),
    /// What came is no POP3.
    NotPop3,
    /// A reply of more than [`MOST`] bytes; the line cannot be used any more.
    Endless(String),
}

impl fmt::Display for Failure {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Net(error) => error.fmt(out),
            Failure::Late(command) => {
                write!(
                    out,
                    "no whole answer to {command} within {} s",
                    REPLY.as_secs()
                )
            }
            Failure::Closed(command) => {
                write!(out, "the server closed the connection at {command}")
            }
            Failure::Refused(command, words) => {
                write!(out, "the server refuses {command} and says: {words}")
            }
            Failure::NotPop3 => out.write_str("the server does not speak POP3 on this port"),
            Failure::Endless(command) => write!(out, "the answer to {command} is longer than 2 MB"),
        }
    }
}

/// An open session.
pub(super) struct Session {
    stream: Stream,
}

impl Session {
    /// Connects, secures the line as the configuration and the server have it, and logs in.
    pub(super) async fn open(dialer: &Dialer, config: &Pop3) -> Result<Session, Failure> {
        let trust = match (&config.ca_file, config.verify) {
            (_, false) => Trust::Anyone,
            (Some(file), true) => Trust::File(file.clone()),
            (None, true) => Trust::System,
        };
        let peer = Peer {
            host: config.host.clone(),
            port: config.port,
            tls: config.tls.then(|| trust.clone()),
        };
        let stream = dialer.connect(&peer, CONNECT).await.map_err(Failure::Net)?;
        let mut session = Session { stream };
        session.ask("", None).await?;
        if !config.tls && session.is_offered_tls().await? {
            session.ask("STLS", None).await?;
            let secured = dialer.secure(session.stream, &config.host, &trust, CONNECT);
            let stream = secured.await.map_err(Failure::Net)?;
            session = Session { stream };
        }
        session
            .ask(&format!("USER {}", config.username), None)
            .await?;
        session
            .ask(&format!("PASS {}", config.password), None)
            .await?;
        Ok(session)
    }

    /// A server without `CAPA` (RFC 2449) has no STLS either.
    async fn is_offered_tls(&mut self) -> Result<bool, Failure> {
        let mut lines = Lines::default();
        let mut offered = false;
        let mut sink = |byte| {
            let line = lines.take(byte);
            offered |= line.is_some_and(|line| pop3_reply::offers_stls(&line));
        };
        match self.ask("CAPA", Some(&mut sink)).await {
            Ok(()) => Ok(offered),
            Err(Failure::Refused(..)) => Ok(false),
            Err(failure) => Err(failure),
        }
    }

    /// Sends a command (none: the greeting is awaited) and reads the reply; one of many lines goes into `sink`. In a box, so
    /// that its code is there once.
    pub(super) fn ask<'a>(&'a mut self, command: &'a str, sink: Option<Sink<'a>>) -> Asking<'a> {
        Box::pin(async move {
            // Not the rest: it may be the password.
            let word = match command.split(' ').next() {
                Some("") | None => String::from("the greeting"),
                Some(word) => String::from(word),
            };
            match timeout(REPLY, self.exchange(command, sink)).await {
                Ok(Ok(Status::Ok)) => Ok(()),
                Ok(Ok(Status::Err(said))) => Err(Failure::Refused(word, said)),
                Ok(Err(Broken::Closed)) => Err(Failure::Closed(word)),
                Ok(Err(Broken::NotPop3)) => Err(Failure::NotPop3),
                Ok(Err(Broken::Endless)) => Err(Failure::Endless(word)),
                Err(_late) => Err(Failure::Late(word)),
            }
        })
    }

    async fn exchange(&mut self, command: &str, sink: Option<Sink<'_>>) -> Result<Status, Broken> {
        if !command.is_empty() {
            let line = format!("{command}\r\n");
            self.stream.write_all(line.as_bytes()).await?;
            self.stream.flush().await?;
        }
        let mut reply = Reply::new(sink);
        let mut chunk = Vec::with_capacity(CHUNK);
        let mut total = 0;
        while total < MOST {
            chunk.clear();
            if self.stream.read_buf(&mut chunk).await? == 0 {
                return Err(Broken::Closed);
            }
            total += chunk.len();
            // What stands behind the end nobody asked for (RFC 1939 has no pipelining): it is forgotten.
            if let Some(end) = chunk.iter().find_map(|byte| reply.take(*byte)) {
                return end.map_err(|NotPop3| Broken::NotPop3);
            }
        }
        Err(Broken::Endless)
    }
}

/// The reply that is awaited.
pub(super) type Asking<'a> = Pin<Box<dyn Future<Output = Result<(), Failure>> + 'a>>;

/// How an exchange broke off.
enum Broken {
    Closed,
    NotPop3,
    Endless,
}

impl From<std::io::Error> for Broken {
    fn from(_: std::io::Error) -> Broken {
        Broken::Closed
    }
}
