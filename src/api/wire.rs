//! Edge: one client's connection as bytes with deadlines. Never waits without a limit and never holds more than a head
//! or a body.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;

use super::head::{Bad, Head, MAX_HEAD, Parsed};

/// From the first byte of a head to its last.
const HEAD_LIMIT: Duration = Duration::from_secs(5);
/// For a whole body.
const BODY_LIMIT: Duration = Duration::from_secs(10);
/// For writing a whole answer, or a batch of events.
const WRITE_LIMIT: Duration = Duration::from_secs(15);
/// How long bytes that nobody reads are taken after an answer that ends the connection, so that the answer arrives.
const LINGER: Duration = Duration::from_secs(1);
/// And how many of them.
const LINGER_BYTES: usize = 256 * 1024;

/// TCP or Unix, all the same.
pub trait Line: AsyncRead + AsyncWrite + Unpin {}
impl<T: AsyncRead + AsyncWrite + Unpin> Line for T {}

/// Why no request came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// The client left, or the connection broke: nobody to answer.
    Gone,
    /// Nothing came in time: close without a word.
    Idle,
    /// It began and did not come to an end in time.
    TooSlow,
    /// It cannot be served.
    Bad(Bad),
}

/// A connection.
pub struct Wire {
    line: Box<dyn Line>,
    buffer: Vec<u8>,
}

impl Wire {
    /// Over this line.
    pub fn new(line: Box<dyn Line>) -> Wire {
        Wire {
            line,
            buffer: Vec::new(),
        }
    }

    /// The next head. Its first byte may take `idle`, the rest five seconds.
    ///
    /// # Errors
    /// [`Ended`].
    pub async fn head(&mut self, idle: Duration) -> Result<Head, Ended> {
        if self.buffer.is_empty() {
            match timeout(idle, self.more()).await {
                Ok(more) => more?,
                Err(_) => return Err(Ended::Idle),
            }
        }
        let read = async {
            let mut seen = 0;
            loop {
                let fresh = self.buffer.get(seen..).unwrap_or_default();
                // Nothing but the end of a line or too many bytes changes the verdict: a head that drips costs little.
                if seen == 0 || fresh.contains(&b'\n') || self.buffer.len() >= MAX_HEAD {
                    match Head::parse(&self.buffer) {
                        Parsed::Got(head, used) => {
                            self.buffer.drain(..used);
                            return Ok(head);
                        }
                        Parsed::Bad(bad) => return Err(Ended::Bad(bad)),
                        Parsed::NotYet => {}
                    }
                }
                seen = self.buffer.len();
                self.more().await?;
            }
        };
        timeout(HEAD_LIMIT, read)
            .await
            .unwrap_or(Err(Ended::TooSlow))
    }

    /// The body of `length` bytes.
    ///
    /// # Errors
    /// [`Ended`].
    pub async fn body(&mut self, length: u32) -> Result<Vec<u8>, Ended> {
        let length = usize::try_from(length).map_err(|_| Ended::Bad(Bad::BodyTooLong))?;
        let read = async {
            while self.buffer.len() < length {
                self.more().await?;
            }
            Ok(())
        };
        timeout(BODY_LIMIT, read)
            .await
            .unwrap_or(Err(Ended::TooSlow))?;
        let rest = self.buffer.split_off(length);
        Ok(std::mem::replace(&mut self.buffer, rest))
    }

    async fn more(&mut self) -> Result<(), Ended> {
        self.buffer.reserve(1024);
        match self.line.read_buf(&mut self.buffer).await {
            Ok(0) | Err(_) => Err(Ended::Gone),
            Ok(_) => Ok(()),
        }
    }

    /// Writes all of it.
    ///
    /// # Errors
    /// When the connection broke, or the client did not read in time.
    pub async fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        let write = async {
            self.line.write_all(bytes).await?;
            self.line.flush().await
        };
        timeout(WRITE_LIMIT, write)
            .await
            .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
    }

    /// Resolves when the client has hung up. What it sends meanwhile is kept for later, as much as a head may have.
    pub async fn hung_up(&mut self) {
        while self.buffer.len() < MAX_HEAD {
            if self.more().await.is_err() {
                return;
            }
        }
        std::future::pending().await
    }

    /// Closes so that the last answer arrives: a close with unread bytes would make the kernel throw it away.
    pub async fn close(mut self) {
        let farewell = async {
            let mut left = LINGER_BYTES;
            if self.line.shutdown().await.is_err() {
                return;
            }
            while left > 0 {
                self.buffer.clear();
                if self.more().await.is_err() {
                    return;
                }
                left = left.saturating_sub(self.buffer.len());
            }
        };
        let _closed_anyway = timeout(LINGER, farewell).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair() -> (tokio::io::DuplexStream, Wire) {
        let (client, server) = tokio::io::duplex(64);
        (client, Wire::new(Box::new(server)))
    }

    #[tokio::test]
    async fn two_requests_in_one_write_are_read_one_after_the_other() {
        let (mut client, mut wire) = pair();
        client
            .write_all(b"POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nabcGET /")
            .await
            .unwrap();
        let head = wire.head(HEAD_LIMIT).await.unwrap();
        assert_eq!(wire.body(head.body).await.unwrap(), b"abc");
        client.write_all(b"2 HTTP/1.1\r\n\r\n").await.unwrap();
        assert_eq!(wire.head(HEAD_LIMIT).await.unwrap().target, "/2");
        drop(client);
        assert_eq!(wire.head(HEAD_LIMIT).await, Err(Ended::Gone));
    }

    #[tokio::test]
    async fn silence_and_half_a_request_end_differently() {
        let (mut client, mut wire) = pair();
        let soon = Duration::from_millis(1);
        assert_eq!(wire.head(soon).await, Err(Ended::Idle));
        client.write_all(b"\x16\x03").await.unwrap();
        assert_eq!(wire.head(soon).await, Err(Ended::Bad(Bad::RequestLine)));
        let (mut client, mut wire) = pair();
        client.write_all(b"GET / HT").await.unwrap();
        drop(client);
        assert_eq!(wire.head(HEAD_LIMIT).await, Err(Ended::Gone));
    }
}
