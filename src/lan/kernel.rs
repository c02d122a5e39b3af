//! Edge: the kernel's routes over rtnetlink, and the news of them. Never waits for an answer: the kernel gives it at once.

use std::io;
use std::net::IpAddr;
use std::os::fd::{AsRawFd, OwnedFd};

use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, NetlinkAddr, SockFlag, SockProtocol, SockType, bind, socket,
};
use tokio::io::unix::AsyncFd;

use super::route;

/// `RTMGRP_LINK`, `RTMGRP_IPV4_ROUTE` and `RTMGRP_IPV6_ROUTE`.
const NEWS: u32 = 0x1 | 0x40 | 0x400;

fn open() -> nix::Result<OwnedFd> {
    socket(
        AddressFamily::Netlink,
        SockType::Raw,
        SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK,
        SockProtocol::NetlinkRoute,
    )
}

/// The index of the interface with this name, if there is one.
pub(super) fn index_of(device: &str) -> Option<u32> {
    nix::net::if_::if_nametoindex(device).ok()
}

/// Makes the route to `ip`.
///
/// # Errors
/// `AlreadyExists`: there is one, ours or another's. Else what the kernel says: try again when the interface changes.
pub(super) fn add_route(ip: IpAddr, through: u32) -> io::Result<()> {
    ask(&route::add(ip, through))
}

/// Deletes our route to `ip`, if it is there.
pub(super) fn delete_route(ip: IpAddr) {
    let _not_there = ask(&route::delete(ip));
}

fn ask(message: &[u8]) -> io::Result<()> {
    let line = open()?;
    nix::unistd::write(&line, message)?;
    let mut bytes = [0; 256];
    let count = nix::unistd::read(&line, &mut bytes)?;
    match bytes.get(..count).and_then(route::answer) {
        Some(0) => Ok(()),
        Some(error) => Err(io::Error::from_raw_os_error(error)),
        None => Err(io::ErrorKind::InvalidData.into()),
    }
}

/// Hears of every change of links and routes.
#[derive(Debug)]
pub(super) struct Ear(AsyncFd<OwnedFd>);

impl Ear {
    /// Listens from now on.
    ///
    /// # Errors
    /// What the system says: then somebody has to look now and then.
    pub(super) fn open() -> io::Result<Ear> {
        let line = open()?;
        bind(line.as_raw_fd(), &NetlinkAddr::new(0, NEWS))?;
        #[expect(
            deprecated,
            reason = "unsound only for types whose descriptor may change; an OwnedFd's never does, and the new way is unsafe"
        )]
        Ok(Ear(AsyncFd::new(line)?))
    }

    /// Waits for news, and reads all there is: what it says is looked up anyway.
    pub(super) async fn news(&self) {
        let mut heard = false;
        while !heard {
            let Ok(mut ready) = self.0.readable().await else {
                return std::future::pending().await;
            };
            let mut bytes = [0; 1024];
            // ENOBUFS: more came than there was room for, which is news, too.
            while let Ok(_) | Err(Errno::ENOBUFS) = nix::unistd::read(self.0.get_ref(), &mut bytes)
            {
                heard = true;
            }
            ready.clear_ready();
        }
    }
}
