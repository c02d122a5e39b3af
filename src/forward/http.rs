//! Edge: one HTTP/1.1 request over one connection, and the receiver's verdict. Never tries twice, follows no redirect,
//! and reads no more of an answer than its head and a little of its body.

use std::fmt;
use std::future::{Future, pending};
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1::Builder;
use hyper::rt::ReadBufCursor;
use hyper::{Response, StatusCode};
use tokio::io::{AsyncRead as _, AsyncWrite as _, ReadBuf};
use tokio::time::timeout;

use super::webhook::Request;
use crate::config::{Method, ToHttp};
use crate::net::{self, Dialer, Peer, Trust};

/// From the look-up to the answer's head.
const LIMIT: Duration = Duration::from_secs(15);
/// The part of it in which the connection must stand.
const CONNECT: Duration = Duration::from_secs(12);
/// The longest answer head, in bytes: the least that hyper takes.
const HEAD: usize = 8192;
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
    NotHttp(String),
    /// The receiver said no.
    Status(StatusCode),
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
            Failure::Status(status) if status.is_redirection() => write!(
                out,
                "the receiver answered {status}: redirects are not followed, the url must name the last address"
            ),
            Failure::Status(status) => write!(out, "the receiver answered {status}"),
        }
    }
}

/// Sends `request` as `target` wants its connections; Ok means the receiver said 2xx.
pub(super) async fn send(
    dialer: &Dialer,
    target: &ToHttp,
    request: Request,
) -> Result<(), Failure> {
    match timeout(LIMIT, exchange(dialer, target, request)).await {
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

async fn exchange(dialer: &Dialer, target: &ToHttp, request: Request) -> Result<(), Failure> {
    let peer = Peer {
        host: request.url.host.clone(),
        port: request.url.port,
        tls: request.url.tls.then(|| trust(target)),
    };
    let stream = dialer.connect(&peer, CONNECT).await.map_err(Failure::Net)?;
    let request = written(request).map_err(|error| Failure::NotHttp(error.to_string()))?;
    let (mut sender, connection) = Builder::new()
        .max_buf_size(HEAD)
        // RutOS's dialects as curl writes them: small receivers look for `Host:`, not for `host:`.
        .title_case_headers(target.method != Method::Json)
        .handshake(Adapter(stream))
        .await
        .map_err(|error| failure(&error))?;
    // The connection does the work whenever it is polled; what it ends with reaches the sender too.
    let mut connection = pin!(async move {
        let _told_to_the_sender = connection.await;
        pending::<()>().await
    });
    let response = alongside(sender.send_request(request), connection.as_mut())
        .await
        .map_err(|error| failure(&error))?;
    let status = response.status();
    if status.is_success() {
        // The verdict stands: how the body ends changes nothing.
        let _finished = timeout(BODY_TIME, alongside(drain(response), connection)).await;
        Ok(())
    } else {
        Err(Failure::Status(status))
    }
}

async fn alongside<T>(work: impl Future<Output = T>, mut connection: Pin<&mut impl Future>) -> T {
    let mut work = pin!(work);
    std::future::poll_fn(|context| {
        let _never = connection.as_mut().poll(context).is_ready();
        work.as_mut().poll(context)
    })
    .await
}

async fn drain(mut response: Response<Incoming>) {
    let mut read = 0;
    while read < BODY
        && let Some(Ok(frame)) = response.frame().await
    {
        read += frame.data_ref().map_or(BODY, Bytes::len);
    }
}

fn written(request: Request) -> hyper::http::Result<hyper::Request<Full<Bytes>>> {
    let mut builder = hyper::Request::builder()
        .method(if request.post { "POST" } else { "GET" })
        .uri(request.url.target);
    for (name, value) in request.headers {
        builder = builder.header(name, value);
    }
    builder.body(Full::new(Bytes::from(request.body)))
}

fn failure(error: &hyper::Error) -> Failure {
    if error.is_incomplete_message() || error.is_closed() || error.is_canceled() {
        return Failure::HungUp;
    }
    match std::error::Error::source(error) {
        Some(cause) => Failure::NotHttp(format!("{error}: {cause}")),
        None => Failure::NotHttp(error.to_string()),
    }
}

/// A stream as hyper wants it.
struct Adapter(net::Stream);

impl hyper::rt::Read for Adapter {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        mut out: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        // One copy more than with `unsafe`, of an answer that is short.
        let mut space = [0; 1024];
        let room = out.remaining().min(space.len());
        let mut read = ReadBuf::new(space.get_mut(..room).unwrap_or_default());
        ready!(Pin::new(&mut self.0).poll_read(context, &mut read))?;
        out.put_slice(read.filled());
        Poll::Ready(Ok(()))
    }
}

impl hyper::rt::Write for Adapter {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}
