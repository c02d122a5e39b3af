//! Edge: DNS, TCP and the TLS handshake, one step each. Never sets a deadline (the room does) and never tries twice.
#![allow(clippy::disallowed_types)]

use std::future::poll_fn;
use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs as _};
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio_rustls::TlsConnector;

use super::{Error, Stream};

/// More addresses of one name than this are not tried.
const ADDRESSES: usize = 8;
/// A silent address keeps its chance, but the next is called beside it after this (RFC 8305 section 5, slower: 2G).
const HEAD_START: Duration = Duration::from_secs(2);

/// The addresses of `host`, in the resolver's order.
pub(super) async fn look_up(
    host: &str,
    port: u16,
    lookups: &Arc<Semaphore>,
) -> Result<Vec<SocketAddr>, Error> {
    if let Ok(address) = host.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(address, port)]);
    }
    let stopped = || Error::Dns(String::from("the look-up was stopped"));
    let turn = Arc::clone(lookups)
        .acquire_owned()
        .await
        .map_err(|_closed| stopped())?;
    let name = String::from(host);
    // A look-up sits in a thread and cannot be called back. So it keeps its turn to its end: when the caller's time is
    // over, it still counts, and never are there more such threads than turns.
    let looking = tokio::task::spawn_blocking(move || {
        let _turn = turn;
        let found = (name.as_str(), port).to_socket_addrs()?;
        Ok(found.take(ADDRESSES).collect())
    });
    let found: io::Result<Vec<SocketAddr>> = looking.await.map_err(|_stopped| stopped())?;
    match found {
        Ok(found) if found.is_empty() => Err(Error::Dns(String::from("it has no address"))),
        Ok(found) => Ok(found),
        Err(error) => Err(Error::Dns(error.to_string())),
    }
}

/// Calls the addresses one after the other, the next when one fails or stays silent; the first to answer wins.
pub(super) async fn first_that_answers(addresses: Vec<SocketAddr>) -> Result<TcpStream, Error> {
    let mut waiting = addresses.into_iter();
    let mut calls: Vec<Call> = Vec::new();
    let mut failure = Error::Dns(String::from("it has no address"));
    loop {
        if let Some(address) = waiting.next() {
            calls.push(Box::pin(TcpStream::connect(address)));
        } else if calls.is_empty() {
            return Err(failure);
        }
        tokio::select! {
            ended = first_to_end(&mut calls) => match ended {
                Ok(stream) => {
                    // Without it a request of two writes waits for the first one's acknowledgement.
                    stream.set_nodelay(true)?;
                    return Ok(stream);
                }
                Err(error) => failure = Error::from(error),
            },
            () = tokio::time::sleep(HEAD_START), if waiting.len() > 0 => {}
        }
    }
}

type Call = Pin<Box<dyn Future<Output = io::Result<TcpStream>>>>;

/// What the first of these calls to end gave; it leaves the list.
async fn first_to_end(calls: &mut Vec<Call>) -> io::Result<TcpStream> {
    poll_fn(|context| {
        for at in 0..calls.len() {
            if let Some(Poll::Ready(ended)) =
                calls.get_mut(at).map(|call| call.as_mut().poll(context))
            {
                drop(calls.swap_remove(at));
                return Poll::Ready(ended);
            }
        }
        Poll::Pending
    })
    .await
}

/// The TLS handshake on an open line.
pub(super) async fn secure(
    stream: Stream,
    host: &str,
    config: Arc<ClientConfig>,
) -> Result<Stream, Error> {
    // A zone (`fe80::1%br-lan`) is ours alone: no certificate carries it.
    let bare = host.split('%').next().unwrap_or(host);
    let name = ServerName::try_from(String::from(bare)).map_err(|_bad| {
        Error::Tls(String::from(
            "the host is neither a name nor an address that a certificate can carry",
        ))
    })?;
    match TlsConnector::from(config).connect(name, stream).await {
        Ok(secured) => Ok(Box::new(secured)),
        Err(error) => Err(Error::from_handshake(&error)),
    }
}
