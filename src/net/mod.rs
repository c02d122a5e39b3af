//! Room: the only way out — look up, connect, TLS, deadline. Never retries and never reads a protocol: callers do.

mod dial;
mod error;
mod provider;
#[cfg(test)]
mod tests;
mod trust;

use std::cell::{Cell, RefCell};
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::Semaphore;

pub use error::{CertificateProblem, Error, Stage};

/// Bytes both ways, with or without TLS below.
pub trait Wire: AsyncRead + AsyncWrite + Unpin {}

impl<T: AsyncRead + AsyncWrite + Unpin> Wire for T {}

/// An open connection; dropping it closes it. One type for all, so that a protocol is compiled once.
pub type Stream = Box<dyn Wire>;

/// Whose certificates are good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trust {
    /// Those of the system's authorities, `/etc/ssl/certs`.
    System,
    /// Those signed by a certificate in this PEM file, and the file's certificates themselves.
    File(PathBuf),
    /// Anybody's: the line is secret, the peer is not known.
    Anyone,
}

/// Where to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// A name, an IPv4 address, or an IPv6 address without brackets (a zone may follow: `fe80::1%br-lan`).
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// TLS from the first byte, with this trust.
    pub tls: Option<Trust>,
}

thread_local! {
    static KNOWN: RefCell<Vec<(String, IpAddr)>> = const { RefCell::new(Vec::new()) };
}

/// From now on these names have these addresses, and no others are asked for: the machine behind the bridge is found
/// without DNS. It counts for all that is opened on this thread, which is the only one.
pub fn know(names: Vec<(String, IpAddr)>) {
    KNOWN.set(names);
}

fn known(host: &str, port: u16) -> Vec<SocketAddr> {
    let host = host.trim_end_matches('.');
    KNOWN.with_borrow(|names| {
        let fits = names
            .iter()
            .filter(|(name, _)| name.eq_ignore_ascii_case(host));
        fits.map(|(_, ip)| SocketAddr::new(*ip, port)).collect()
    })
}

type Loaded = (Trust, Arc<ClientConfig>);

/// Look-ups at a time: one name that nobody answers for does not hold up the others.
const LOOKUPS: usize = 2;

/// Opens connections. Copies share what was loaded: one TLS configuration a [`Trust`] (so that sessions resume), read at
/// its first use, so that who pushes without TLS pays nothing for it.
#[derive(Clone)]
pub struct Dialer {
    lookups: Arc<Semaphore>,
    loaded: Rc<RefCell<Vec<Loaded>>>,
}

impl Default for Dialer {
    fn default() -> Dialer {
        Dialer {
            lookups: Arc::new(Semaphore::new(LOOKUPS)),
            loaded: Rc::default(),
        }
    }
}

impl Dialer {
    /// Certificates and sessions are forgotten: the next connection reads the files anew.
    pub fn forget(&self) {
        self.loaded.borrow_mut().clear();
    }

    /// Looks the name up, connects to the first of its addresses that answers, and secures the line, all within `limit`.
    ///
    /// # Errors
    /// [`Error`] says how far it came; all may be tried again later.
    pub async fn connect(&self, peer: &Peer, limit: Duration) -> Result<Stream, Error> {
        let stage = Cell::new(Stage::LookUp);
        match tokio::time::timeout(limit, self.reach(peer, &stage)).await {
            Ok(reached) => reached,
            Err(_late) => Err(Error::TimedOut(stage.get())),
        }
    }

    async fn reach(&self, peer: &Peer, stage: &Cell<Stage>) -> Result<Stream, Error> {
        let mut addresses = known(&peer.host, peer.port);
        if addresses.is_empty() {
            addresses = dial::look_up(&peer.host, peer.port, &self.lookups).await?;
        }
        stage.set(Stage::Connect);
        let stream: Stream = Box::new(dial::first_that_answers(addresses).await?);
        match &peer.tls {
            None => Ok(stream),
            Some(trust) => {
                stage.set(Stage::Handshake);
                self.handshake(stream, &peer.host, trust).await
            }
        }
    }

    /// Secures a line that is already open: STARTTLS (RFC 3207), STLS (RFC 2595). `host` is the name that its
    /// certificate must bear.
    ///
    /// # Errors
    /// As [`Dialer::connect`].
    pub async fn secure(
        &self,
        stream: Stream,
        host: &str,
        trust: &Trust,
        limit: Duration,
    ) -> Result<Stream, Error> {
        match tokio::time::timeout(limit, self.handshake(stream, host, trust)).await {
            Ok(secured) => secured,
            Err(_late) => Err(Error::TimedOut(Stage::Handshake)),
        }
    }

    async fn handshake(&self, stream: Stream, host: &str, trust: &Trust) -> Result<Stream, Error> {
        let secured = dial::secure(stream, host, self.config(trust)?).await;
        if let Err(Error::Certificate(_)) = secured {
            // The owner may replace the file meanwhile.
            self.loaded.borrow_mut().retain(|(of, _)| of != trust);
        }
        secured
    }

    fn config(&self, trust: &Trust) -> Result<Arc<ClientConfig>, Error> {
        let known = self
            .loaded
            .borrow()
            .iter()
            .find(|(of, _)| of == trust)
            .map(|(_, config)| Arc::clone(config));
        if let Some(config) = known {
            return Ok(config);
        }
        let config = trust::load(trust)?;
        self.loaded
            .borrow_mut()
            .push((trust.clone(), Arc::clone(&config)));
        Ok(config)
    }
}
