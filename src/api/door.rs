//! Edge: the listeners — one Unix socket for programs on the router, and every TCP address of the configuration. Never
//! ends for an accept error, and never lets a network in that is not allowed.
#![allow(clippy::disallowed_types)]

use std::fs::{self, DirBuilder, Permissions};
use std::io;
use std::net::{Ipv6Addr, SocketAddr};
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

use nix::net::if_::if_nametoindex;
use nix::sys::socket::{setsockopt, sockopt::TcpUserTimeout};
use tokio::net::{TcpListener, TcpSocket, UnixListener, UnixStream};
use tokio::sync::watch;
use tokio::task::AbortHandle;

use super::desk::Entrance;
use super::visit::{House, welcome};
use crate::config::{Config, Listen};
use crate::seats::{AT_ONCE, Peer};
use crate::task;
use crate::time::Tick;

/// Connections that may wait to be accepted: a flood must not make the kernel drop a good client.
const BACKLOG: u32 = 1024;
/// A client that acknowledges nothing for so long is gone, though it never said so; the stream it had is free again.
const VANISHED_MS: u32 = 30_000;
/// The pauses between tries to bind an address: first, and longest.
const RETRY: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30));
/// So often the interface of a link-local address is looked at.
const ZONE: Duration = Duration::from_secs(10);
/// The pause after an accept error when no idle connection can be closed.
const BREATH: Duration = Duration::from_millis(100);
/// Accept errors are logged so often at most.
const COMPLAIN: Duration = Duration::from_secs(60);

/// The Unix socket for programs on the router. It is made in a directory that nobody else can enter and moved out once
/// its mode is 0600, so that no moment is open to others. What a killed agent left is cleared away, and nothing else.
///
/// # Errors
/// `AddrInUse` when another agent runs; `AlreadyExists` when something that is not ours stands there; what the file
/// system says otherwise.
pub async fn private_socket(socket: &Path) -> io::Result<UnixListener> {
    vacant(socket).await?;
    let mut nest = socket.as_os_str().to_owned();
    nest.push(".d");
    let nest = PathBuf::from(nest);
    let path = nest.join("public");
    let clear = || {
        let _not_there = fs::remove_file(&path);
        let _not_there = fs::remove_dir(&nest);
    };
    clear();
    DirBuilder::new().mode(0o700).create(&nest)?;
    let made = UnixListener::bind(&path).and_then(|listener| {
        fs::set_permissions(&path, Permissions::from_mode(0o600))?;
        fs::rename(&path, socket)?;
        Ok(listener)
    });
    clear();
    made
}

/// Nothing is at `socket`, or the socket of an agent that is no more.
async fn vacant(socket: &Path) -> io::Result<()> {
    let is_socket = match fs::symlink_metadata(socket) {
        Ok(found) => found.file_type().is_socket(),
        Err(why) if why.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(why) => return Err(why),
    };
    let (kind, who) = match UnixStream::connect(socket).await {
        Err(why) if why.kind() == io::ErrorKind::ConnectionRefused && is_socket => return Ok(()),
        Ok(_) => (io::ErrorKind::AddrInUse, "another agent answers on"),
        Err(_) => (
            io::ErrorKind::AlreadyExists,
            "something that is not ours is at",
        ),
    };
    Err(io::Error::new(kind, format!("{who} {}", socket.display())))
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
    let mut breath = Breath::default();
    loop {
        match listener.accept().await {
            Ok((line, _)) => {
                welcome(house, Box::new(line), Peer::Local, Entrance::Api);
                breath.after_another().await;
            }
            Err(why) => breath.take(house, "the Unix socket", &why).await,
        }
    }
}

/// Serves the configured addresses, for ever; follows the configuration.
pub async fn serve_tcp(house: &Rc<House>, mut config: watch::Receiver<Rc<Config>>) {
    let mut open: Vec<(Place, Listening)> = Vec::new();
    loop {
        let now = Rc::clone(&config.borrow_and_update());
        let places = places(&now);
        open.retain(|(place, _)| places.contains(place));
        for place in places {
            if open.iter().all(|(other, _)| *other != place) {
                let task = task::spawn(listen(Rc::clone(house), place.clone()));
                open.push((place, Listening(task.abort_handle())));
            }
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

async fn listen(house: Rc<House>, (entrance, address): Place) {
    loop {
        let (listener, at) = bound(entrance, &address).await;
        log::info!("{entrance}: listening on {address}");
        tokio::select! {
            () = let_in(&house, entrance, &listener, &address) => {}
            () = made_anew(&address, at) => {}
        }
    }
}

/// Lets clients in, for ever.
async fn let_in(house: &Rc<House>, entrance: Entrance, listener: &TcpListener, address: &Listen) {
    let mut breath = Breath::default();
    loop {
        match listener.accept().await {
            Ok((line, from)) => {
                let peer = from.ip().to_canonical();
                if house.desk.lets_in(entrance, peer) {
                    let _slower = line.set_nodelay(true);
                    let _later = setsockopt(&line, TcpUserTimeout, &VANISHED_MS);
                    welcome(house, Box::new(line), Peer::Ip(peer), entrance);
                    breath.after_another().await;
                } else {
                    log::debug!(
                        "{entrance}: {peer} is in no allowed network, the connection is closed"
                    );
                }
            }
            Err(why) => breath.take(house, &address.to_string(), &why).await,
        }
    }
}

async fn bound(entrance: Entrance, address: &Listen) -> (TcpListener, SocketAddr) {
    let (mut pause, longest) = RETRY;
    let mut level = log::Level::Warn;
    loop {
        match in_its_zone(address).and_then(|at| Ok((bind(at)?, at))) {
            Ok(bound) => return bound,
            Err(why) => log::log!(
                level,
                "{entrance}: cannot listen on {address}: {why}; the others are served, this one is tried again and again"
            ),
        }
        level = log::Level::Debug;
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(longest);
    }
}

/// The address with the index that its interface has just now.
fn in_its_zone(address: &Listen) -> io::Result<SocketAddr> {
    let mut at = address.at;
    if let (Some(zone), SocketAddr::V6(v6)) = (&address.zone, &mut at) {
        v6.set_scope_id(if_nametoindex(zone.as_str())?);
    }
    Ok(at)
}

/// Ends when the interface of a link-local address was made anew: who listens on the old one hears nothing any more. An
/// address that comes back without that needs nothing.
async fn made_anew(address: &Listen, bound: SocketAddr) {
    if address.zone.is_none() {
        return std::future::pending().await;
    }
    while in_its_zone(address).is_ok_and(|at| at == bound) {
        tokio::time::sleep(ZONE).await;
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

/// A listener's address, and where it leads.
type Place = (Entrance, Listen);

/// Where the configuration wants listeners.
fn places(config: &Config) -> Vec<Place> {
    let (api, post_get) = (&config.api, &config.post_get);
    let mut places = Vec::new();
    for (entrance, enabled, listen) in [
        (Entrance::Api, api.enabled, &api.listen),
        (Entrance::PostGet, post_get.enabled, &post_get.listen),
    ] {
        // `[::]` takes IPv4 too, so `0.0.0.0` beside it on the same port is served already.
        let covered = |at: &SocketAddr| {
            let all = SocketAddr::from((Ipv6Addr::UNSPECIFIED, at.port()));
            at.is_ipv4() && at.ip().is_unspecified() && listen.iter().any(|one| one.at == all)
        };
        let wanted = listen.iter().filter(|one| enabled && !covered(&one.at));
        places.extend(wanted.map(|one| (entrance, one.clone())));
    }
    places
}

/// When those inside have their turn; and what to do when no connection can be accepted, most likely for want of files.
#[derive(Debug, Default)]
struct Breath {
    let_in: usize,
    complained: Option<Tick>,
}

impl Breath {
    /// Newcomers are heard before the next ones are let in.
    async fn after_another(&mut self) {
        self.let_in = self.let_in.wrapping_add(1);
        if self.let_in.is_multiple_of(AT_ONCE) {
            tokio::task::yield_now().await;
        }
    }

    /// Makes room by closing the connection that is idle for longest, or waits where there is none; says so now and
    /// then.
    async fn take(&mut self, house: &Rc<House>, place: &str, why: &io::Error) {
        let now = house.desk.now().tick;
        let lately = |at: Tick| now.since(at) < COMPLAIN;
        if !self.complained.is_some_and(lately) {
            self.complained = Some(now);
            log::warn!(
                "api: {place} cannot accept a connection ({why}); idle ones are closed to make room"
            );
        }
        let idle = house.seats.borrow_mut().make_room();
        match idle {
            Some(bell) => {
                bell.notify_one();
                tokio::task::yield_now().await;
            }
            None => tokio::time::sleep(BREATH).await,
        }
    }
}
