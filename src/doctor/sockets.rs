//! Codec: `/proc/net/tcp` and `/proc/net/tcp6`, the sockets that listen. Never looks who holds one.

use std::net::{IpAddr, SocketAddr};

/// A socket that listens.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Listener {
    /// Where.
    pub(super) at: SocketAddr,
    /// Its inode, which `/proc/PID/fd` names.
    pub(super) inode: String,
}

/// The listeners of such a file; lines that say something else are passed over.
pub(super) fn listeners(text: &str) -> Vec<Listener> {
    text.lines().filter_map(listener).collect()
}

/// `0: 0100007F:2030 00000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0 4711 …`; 0A is LISTEN.
fn listener(line: &str) -> Option<Listener> {
    let mut words = line.split_whitespace().skip(1);
    let (address, port) = words.next()?.split_once(':')?;
    words.next().filter(|_| words.next() == Some("0A"))?;
    let port = u16::from_str_radix(port, 16).ok()?;
    // The kernel prints an address word by word, each as a number of this machine.
    let digits = (0..address.len() / 8).filter_map(|at| address.get(at * 8..at * 8 + 8));
    let numbers = digits.filter_map(|word| u32::from_str_radix(word, 16).ok());
    let bytes: Vec<u8> = numbers.flat_map(u32::to_ne_bytes).collect();
    let v4 = <[u8; 4]>::try_from(bytes.as_slice()).map(IpAddr::from);
    let v6 = || <[u8; 16]>::try_from(bytes.as_slice()).map(IpAddr::from);
    let ip = v4.or_else(|_longer| v6()).ok()?.to_canonical();
    Some(Listener {
        at: SocketAddr::new(ip, port),
        inode: String::from(words.nth(5)?),
    })
}

/// True when whoever listens at `one` keeps another from listening at `other`.
pub(super) fn collide(one: SocketAddr, other: SocketAddr) -> bool {
    let any = one.ip().is_unspecified() || other.ip().is_unspecified();
    one.port() == other.port() && (any || one.ip() == other.ip())
}
