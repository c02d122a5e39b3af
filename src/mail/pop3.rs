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

/// Why a session did not go on as it should, in words for the log. All are tried again in a later round.
#[derive(Debug)]
pub(super) enum Failure {
    /// The server said no to one command; the session stands, the caller may go on with others.
    Refused(String),
    /// A reply was longer than [`MOST`] bytes; the line cannot be used any more, and asking again helps nothing.
    Endless(String),
    /// No connection, no login, no POP3, no answer, or a line that broke: the session is over.
    Broken(String),
}

impl fmt::Display for Failure {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Failure::Refused(why) | Failure::Endless(why) | Failure::Broken(why)) = self;
        out.write_str(why)
    }
}

impl From<net::Error> for Failure {
    fn from(error: net::Error) -> Failure {
        Failure::Broken(error.to_string())
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
        let stream = dialer.connect(&peer, CONNECT).await?;
        let mut session = Session { stream };
        session.ask("", None).await?;
        if !config.tls && session.is_offered_tls().await? {
            session.ask("STLS", None).await?;
            let secured = dialer.secure(session.stream, &config.host, &trust, CONNECT);
            let stream = secured.await?;
            session = Session { stream };
        }
        for command in [
            format!("USER {}", config.username),
            format!("PASS {}", config.password),
        ] {
            session.ask(&command, None).await?;
        }
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
            Err(Failure::Refused(_)) => Ok(false),
            Err(failure) => Err(failure),
        }
    }

    /// Sends a command (none: the greeting is awaited) and reads the reply; one of many lines goes into `sink`. In a box, so
    /// that its code is there once.
    pub(super) fn ask<'a>(&'a mut self, command: &'a str, sink: Option<Sink<'a>>) -> Asking<'a> {
        Box::pin(async move {
            let outcome = timeout(REPLY, self.exchange(command, sink)).await;
            // Not the rest: it may be the password.
            let word = match command.split(' ').next() {
                Some("") | None => "the greeting",
                Some(word) => word,
            };
            match outcome {
                Ok(Ok(Status::Ok)) => Ok(()),
                Ok(Ok(Status::Err(said))) => Err(Failure::Refused(format!(
                    "the server refuses {word} and says: {said}"
                ))),
                Ok(Err(Broken::Closed)) => Err(Failure::Broken(format!(
                    "the server closed the connection at {word}"
                ))),
                Ok(Err(Broken::NotPop3)) => Err(Failure::Broken(String::from(
                    "the server does not speak POP3 on this port",
                ))),
                Ok(Err(Broken::Endless)) => Err(Failure::Endless(format!(
                    "the answer to {word} is longer than 2 MB"
                ))),
                Err(_late) => Err(Failure::Broken(format!(
                    "no whole answer to {word} within {} s",
                    REPLY.as_secs()
                ))),
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
