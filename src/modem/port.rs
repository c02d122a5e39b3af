//! Edge: the opened tty. Never interprets a byte; a port that hangs up, ends or fails is gone, and says so once.

use std::fmt;
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg, OFlag};
use nix::sys::stat::Mode;
use nix::sys::termios::{
    BaudRate, ControlFlags, FlushArg, SetArg, SpecialCharacterIndices, cfmakeraw, cfsetspeed,
    tcflush, tcgetattr, tcsetattr,
};
use tokio::io::unix::AsyncFd;

use super::find::holders;

/// Why a port cannot be opened.
#[derive(Debug)]
pub(super) enum Closed {
    /// Another program holds the lock: a second agent, as a rule.
    Locked(Vec<String>),
    /// The system says why.
    Io(Errno),
}

impl fmt::Display for Closed {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Closed::Locked(by) if by.is_empty() => {
                out.write_str("it is locked by another program; is a second agent running?")
            }
            Closed::Locked(by) => write!(out, "it is locked; it is held by {}", by.join(", ")),
            Closed::Io(error) => io::Error::from(*error).fmt(out),
        }
    }
}

impl From<Errno> for Closed {
    fn from(error: Errno) -> Closed {
        Closed::Io(error)
    }
}

/// An open tty, raw, ours alone among agents.
#[derive(Debug)]
pub(super) struct Port {
    fd: AsyncFd<OwnedFd>,
    /// Lives as long as the port; both share one open file.
    _lock: Flock<OwnedFd>,
}

impl Port {
    /// Opens and locks it: 115200, raw, no controlling terminal.
    ///
    /// # Errors
    /// [`Closed`].
    pub(super) fn open(path: &Path) -> Result<Port, Closed> {
        let flags = OFlag::O_RDWR | OFlag::O_NOCTTY | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC;
        let fd = nix::fcntl::open(path, flags, Mode::empty())?;
        let lock = match Flock::lock(fd, FlockArg::LockExclusiveNonblock) {
            Ok(lock) => lock,
            Err((_fd, Errno::EWOULDBLOCK)) => return Err(Closed::Locked(holders(path))),
            Err((_fd, error)) => return Err(Closed::Io(error)),
        };
        make_raw(&lock)?;
        let to_errno = |error: io::Error| Errno::from_raw(error.raw_os_error().unwrap_or(0));
        let fd = lock.try_clone().map_err(to_errno)?;
        #[expect(
            deprecated,
            reason = "unsound only for types whose descriptor may change; an OwnedFd's never does, and the new way is unsafe"
        )]
        let fd = AsyncFd::new(fd).map_err(to_errno)?;
        Ok(Port { fd, _lock: lock })
    }

    /// Some bytes, at least one.
    ///
    /// # Errors
    /// The port is gone.
    pub(super) async fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        // A modem that never stops talking takes turns with everybody else.
        tokio::task::consume_budget().await;
        loop {
            let mut ready = self.fd.readable().await?;
            let read = ready.try_io(|fd| Ok(nix::unistd::read(fd.get_ref(), buffer)?));
            match read {
                Ok(Ok(0)) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(read) => return read,
                Err(_would_block) => {}
            }
        }
    }

    /// The bytes that lie there; none is no reason to wait.
    ///
    /// # Errors
    /// The port is gone.
    pub(super) fn read_now(&self, buffer: &mut [u8]) -> io::Result<usize> {
        match nix::unistd::read(self.fd.get_ref(), buffer) {
            Ok(0) => Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(read) => Ok(read),
            Err(Errno::EAGAIN | Errno::EINTR) => Ok(0),
            Err(error) => Err(error.into()),
        }
    }

    /// Writes all of it.
    ///
    /// # Errors
    /// The port is gone.
    pub(super) async fn write_all(&self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let mut ready = self.fd.writable().await?;
            let written = ready.try_io(|fd| Ok(nix::unistd::write(fd.get_ref(), bytes)?));
            if let Ok(written) = written {
                bytes = bytes.get(written?..).unwrap_or_default();
            }
        }
        Ok(())
    }
}

fn make_raw(fd: &OwnedFd) -> Result<(), Errno> {
    let mut settings = tcgetattr(fd)?;
    cfmakeraw(&mut settings);
    settings.control_flags |= ControlFlags::CREAD | ControlFlags::CLOCAL;
    // With VMIN 0 an idle port would read as an ended one.
    for (index, value) in [
        (SpecialCharacterIndices::VMIN, 1),
        (SpecialCharacterIndices::VTIME, 0),
    ] {
        if let Some(character) = settings.control_chars.get_mut(index as usize) {
            *character = value;
        }
    }
    cfsetspeed(&mut settings, BaudRate::B115200)?;
    tcsetattr(fd, SetArg::TCSANOW, &settings)?;
    tcflush(fd, FlushArg::TCIOFLUSH)
}

#[cfg(test)]
mod tests {
    use nix::fcntl::FcntlArg;

    use super::*;

    #[tokio::test]
    async fn a_port_reads_writes_locks_and_notices_its_end() {
        let pty = nix::pty::openpty(None, None).unwrap();
        let path = nix::unistd::ttyname(&pty.slave).unwrap();
        let port = Port::open(&path).unwrap();
        assert!(matches!(Port::open(&path), Err(Closed::Locked(_))));
        port.write_all(b"AT\r").await.unwrap();
        let mut buffer = [0; 16];
        assert_eq!(nix::unistd::read(&pty.master, &mut buffer).unwrap(), 3);
        nix::unistd::write(&pty.master, b"OK\r\n").unwrap();
        assert_eq!(port.read(&mut buffer).await.unwrap(), 4);
        drop(pty);
        assert!(port.read(&mut buffer).await.is_err());
        drop(port);
        let missing = Port::open(Path::new("/dev/no-such-port"));
        assert!(matches!(missing, Err(Closed::Io(Errno::ENOENT))));
    }

    #[tokio::test]
    async fn a_port_that_never_falls_silent_lets_others_have_their_turn() {
        let (ours, modem) = nix::unistd::pipe2(OFlag::O_NONBLOCK).unwrap();
        nix::fcntl::fcntl(&modem, FcntlArg::F_SETPIPE_SZ(1 << 20)).unwrap();
        let said = vec![b'x'; 1 << 20];
        assert_eq!(nix::unistd::write(&modem, &said).unwrap(), said.len());
        let lock = Flock::lock(ours, FlockArg::LockExclusiveNonblock).unwrap();
        #[expect(deprecated, reason = "as above")]
        let fd = AsyncFd::new(lock.try_clone().unwrap()).unwrap();
        let port = Port { fd, _lock: lock };
        let mut buffer = [0; 1024];
        // From here on there is always something to read.
        let mut read = port.read(&mut buffer).await.unwrap();
        let another = tokio::spawn(async {});
        while !another.is_finished() {
            read += port.read(&mut buffer).await.unwrap();
            assert!(read < said.len(), "all of it was read first");
        }
    }
}
