//! Edge: the listeners — one Unix socket for programs on the router, and every TCP address of the configuration. Never
//! ends for an accept error, and never lets a network in that is not allowed.
#![allow(clippy::disallowed_types)]

use std::collections::BTreeMap;
use std::fs::{self, DirBuilder, Permissions};
use std::io;
use std::net::{Ipv6Addr, SocketAddr};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpSocket, UnixListener, UnixStream};
use tokio::sync::watch;
use tokio::task::AbortHandle;

use super::seats::Peer;
use super::visit::{House, welcome};
use crate::config::Config;

/// Pending connections a listener keeps.
const BACKLOG: u32 = 128;
/// The pauses between tries to bind an address: first, and longest.
const RETRY: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30));
/// The pause after an accept error, most likely for want of files.
const BREATH: Duration = Duration::from_millis(100);

/// The directory beside the public socket where sockets are made that nobody else shall reach.
#[derive(Debug)]
pub struct Nest {
    dir: PathBuf,
    socket: PathBuf,
}

impl Nest {
    /// Makes it (mode 0700), after a look whether another agent answers on `socket`. What a killed agent left is
    /// cleared away.
    ///
    /// # Errors
    /// `AddrInUse` when another agent runs; what the file system says otherwise.
    pub async fn make(socket: &Path) -> io::Result<Nest> {
        if UnixStream::connect(socket).await.is_ok() {
            return Err(io::Error::new(
                io::ErrorKind::AddrInUse,
                format!("another agent answers on {}", socket.display()),
            ));
        }
        let mut dir = socket.as_os_str().to_owned();
        dir.push(".d");
        let nest = Nest {
            dir: PathBuf::from(dir),
            socket: socket.to_owned(),
        };
        let _nothing_there = fs::remove_dir_all(&nest.dir);
        DirBuilder::new().mode(0o700).create(&nest.dir)?;
        Ok(nest)
    }

    /// Where tiny_http listens.
    pub fn inner(&self) -> PathBuf {
        self.dir.join("http")
    }

    /// The public socket: made inside and moved out once its mode is 0600, so that no moment is open to others.
    ///
    /// # Errors
    /// What the file system says.
    pub fn public(&self) -> io::Result<UnixListener> {
        let path = self.dir.join("public");
        let listener = UnixListener::bind(&path)?;
        fs::set_permissions(&path, Permissions::from_mode(0o600))?;
        fs::rename(&path, &self.socket)?;
        Ok(listener)
    }
}

impl Drop for Nest {
    fn drop(&mut self) {
        let _gone_before = fs::remove_dir_all(&self.dir);
    }
}

/// Takes the public socket away, so that a client learns at once that nobody is here.
pub fn take_away(socket: &Path) {
    if let Err(why) = fs::remove_file(socket) {
        log::debug!("api: {}: {why}", socket.display());
    }
}

/// The system's host name.
pub fn host_name() -> Option<String> {
    let name = fs::read_to_string("/proc/sys/kernel/hostname").ok()?;
    Some(name.trim().to_owned()).filter(|name| !name.is_empty())
}

/// Serves the public Unix socket, for ever.
pub async fn serve_unix(house: &Rc<House>, listener: UnixListener) {
    loop {
        match listener.accept().await {
            Ok((line, _)) => welcome(house, Box::new(line), Peer::Local),
            Err(why) => breathe(house, "the Unix socket", &why).await,
        }
        tokio::task::yield_now().await;
    }
}

/// Serves the configured addresses, for ever; follows the configuration.
pub async fn serve_tcp(house: &Rc<House>, mut config: watch::Receiver<Rc<Config>>) {
    let mut open: BTreeMap<SocketAddr, Listening> = BTreeMap::new();
    loop {
        let now = Rc::clone(&config.borrow_and_update());
        open.retain(|address, _| wanted(&now, *address));
        for address in now.api.listen.iter().filter(|at| wanted(&now, **at)) {
            open.entry(*address).or_insert_with(|| {
                let task = tokio::task::spawn_local(listen(Rc::clone(house), *address));
                Listening(task.abort_handle())
            });
        }
        if config.changed().await.is_err() {
            return std::future::pending().await;
        }
    }
}

/// A listener's task; it ends when this is dropped.
struct Listening(AbortHandle);

impl Drop for Listening {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn listen(house: Rc<House>, address: SocketAddr) {
    let listener = bound(address).await;
    log::info!("api: listening on {address}");
    loop {
        match listener.accept().await {
            Ok((line, from)) => {
                let peer = from.ip().to_canonical();
                let config = house.desk.config();
                if config.api.allow.iter().any(|net| net.contains(peer)) {
                    let _slower = line.set_nodelay(true);
                    welcome(&house, Box::new(line), Peer::Ip(peer));
                } else {
                    log::debug!("api: {peer} is in no allowed network, the connection is closed");
                }
            }
            Err(why) => breathe(&house, &address.to_string(), &why).await,
        }
        // The newcomer is heard before the next one is let in.
        tokio::task::yield_now().await;
    }
}

async fn bound(address: SocketAddr) -> TcpListener {
    let (mut pause, longest) = RETRY;
    loop {
        match bind(address) {
            Ok(listener) => return listener,
            Err(why) => log::warn!(
                "api: cannot listen on {address}: {why}; the other addresses are served, this one is tried again in {} s",
                pause.as_secs()
            ),
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(longest);
    }
}

fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() {
        TcpSocket::new_v4()?
    } else {
        TcpSocket::new_v6()?
    };
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// `[::]` takes IPv4 too, so `0.0.0.0` beside it on the same port is served already.
fn wanted(config: &Config, address: SocketAddr) -> bool {
    let all = SocketAddr::from((Ipv6Addr::UNSPECIFIED, address.port()));
    let covered =
        address.is_ipv4() && address.ip().is_unspecified() && config.api.listen.contains(&all);
    config.api.enabled && config.api.listen.contains(&address) && !covered
}

/// After an accept error: makes room and tries again.
async fn breathe(house: &Rc<House>, place: &str, why: &io::Error) {
    let left = house.seats.borrow_mut().evict(None);
    if let Some(bell) = left {
        bell.notify_one();
        log::warn!(
            "api: no connection can be accepted on {place} ({why}); an idle one was closed to make room"
        );
    }
    tokio::time::sleep(BREATH).await;
}
