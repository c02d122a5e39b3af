//! Edge: the pseudo terminal that stands for a USB port, and the link that names it. Never reads what passes through.

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{self, OFlag};
use nix::pty::{PtyMaster, grantpt, posix_openpt, ptsname_r, unlockpt};
use nix::sys::stat::Mode;
use nix::sys::termios::{SetArg, cfmakeraw, tcgetattr, tcsetattr};
use nix::unistd;
use tokio::io::unix::AsyncFd;

/// An open port. Dropping it is pulling the plug: whoever has it open gets a hang-up, and the link is gone.
#[derive(Debug)]
pub(super) struct Pty {
    master: AsyncFd<PtyMaster>,
    /// Held so that the port does not hang up while nobody has it open.
    _slave: OwnedFd,
    name: String,
    link: PathBuf,
}

impl Pty {
    /// A new port, linked at `link`; its name differs from `former`, as after a real replug.
    pub(super) fn open(link: &Path, former: Option<&str>) -> io::Result<Pty> {
        let first = Pty::unlinked(link)?;
        let port = if former == Some(first.name.as_str()) {
            Pty::unlinked(link)?
        } else {
            first
        };
        // Link and rename: no moment in which the link points nowhere.
        let fresh = link.with_extension("fresh");
        remove(&fresh);
        symlink(&port.name, &fresh)?;
        std::fs::rename(&fresh, link)?;
        Ok(port)
    }

    fn unlinked(link: &Path) -> io::Result<Pty> {
        let flags = OFlag::O_RDWR | OFlag::O_NOCTTY | OFlag::O_CLOEXEC | OFlag::O_NONBLOCK;
        let master = posix_openpt(flags)?;
        grantpt(&master)?;
        unlockpt(&master)?;
        let name = ptsname_r(&master)?;
        let slave = fcntl::open(name.as_str(), flags, Mode::empty())?;
        let mut raw = tcgetattr(&slave)?;
        cfmakeraw(&mut raw);
        tcsetattr(&slave, SetArg::TCSANOW, &raw)?;
        #[expect(
            deprecated,
            reason = "its successor is unsafe for types that change their descriptor; a PtyMaster keeps its own"
        )]
        let master = AsyncFd::new(master)?;
        Ok(Pty {
            master,
            _slave: slave,
            name,
            link: link.to_path_buf(),
        })
    }

    /// `/dev/pts/N`.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// What was written to the port, at least one byte.
    pub(super) async fn read(&self) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; 4096];
        loop {
            let mut ready = self.master.readable().await?;
            let read = ready
                .try_io(|master| unistd::read(master.get_ref(), &mut bytes).map_err(from_errno));
            if let Ok(outcome) = read {
                bytes.truncate(outcome?);
                return Ok(bytes);
            }
        }
    }

    /// Writes as much as fits now, at least one byte; says how much.
    pub(super) async fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        loop {
            let mut ready = self.master.writable().await?;
            if let Ok(outcome) =
                ready.try_io(|master| unistd::write(master.get_ref(), bytes).map_err(from_errno))
            {
                return outcome;
            }
        }
    }
}

impl Drop for Pty {
    fn drop(&mut self) {
        if std::fs::read_link(&self.link).is_ok_and(|target| target == Path::new(&self.name)) {
            remove(&self.link);
        }
    }
}

fn from_errno(errno: Errno) -> io::Error {
    io::Error::from_raw_os_error(errno as i32)
}

fn remove(path: &Path) {
    if let Err(why) = std::fs::remove_file(path)
        && why.kind() != io::ErrorKind::NotFound
    {
        log::warn!("sim: cannot remove {}: {why}", path.display());
    }
}
