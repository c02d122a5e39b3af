//! Edge: the files of the state directory — list, read, append, sync, truncate, remove — behind a trait, so that tests
//! can cut the power at any byte. Never looks into what it writes.
#![allow(clippy::disallowed_types)]

use std::fmt;
use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// What lies in the state directory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Listing {
    /// The journal's segments, by growing number.
    pub(super) segments: Vec<u32>,
    /// Bytes of all other files.
    pub(super) other: u64,
}

/// The few things the journal asks of a file system. Nothing but `create`, `sync`, `truncate` and `remove` is on flash
/// when it returns.
pub(super) trait Flash: fmt::Debug {
    /// What is there.
    fn list(&mut self) -> io::Result<Listing>;
    /// A whole segment.
    fn read(&mut self, segment: u32) -> io::Result<Vec<u8>>;
    /// Makes a segment that begins with `header`; it and its name are on flash.
    fn create(&mut self, segment: u32, header: &[u8]) -> io::Result<()>;
    /// Writes at the end of a segment; after an error some of it may be there.
    fn append(&mut self, segment: u32, bytes: &[u8]) -> io::Result<()>;
    /// What was appended is on flash.
    fn sync(&mut self, segment: u32) -> io::Result<()>;
    /// Shortens a segment; it is short on flash.
    fn truncate(&mut self, segment: u32, length: u64) -> io::Result<()>;
    /// Removes a segment; its name is gone from flash.
    fn remove(&mut self, segment: u32) -> io::Result<()>;
}

/// The real directory, held by an advisory lock for as long as this lives.
#[derive(Debug)]
pub(super) struct Disk {
    path: PathBuf,
    directory: File,
    open: Option<(u32, File)>,
}

impl Disk {
    /// Opens or makes the directory (0700) and keeps a second agent out.
    pub(super) fn open(path: &Path) -> io::Result<Disk> {
        if !path.is_dir() {
            DirBuilder::new().recursive(true).mode(0o700).create(path)?;
            if let Some(Ok(parent)) = path.parent().map(File::open) {
                parent.sync_all()?;
            }
        }
        let directory = File::open(path)?;
        directory.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => io::Error::new(
                io::ErrorKind::AddrInUse,
                format!("another rut-agent works in {}", path.display()),
            ),
            TryLockError::Error(error) => error,
        })?;
        Ok(Disk {
            path: path.to_path_buf(),
            directory,
            open: None,
        })
    }

    fn name(&self, segment: u32) -> PathBuf {
        self.path.join(format!("journal.{segment:06}"))
    }

    fn file(&mut self, segment: u32) -> io::Result<&mut File> {
        let held = match self.open.take() {
            Some((number, file)) if number == segment => file,
            Some(_) | None => OpenOptions::new().append(true).open(self.name(segment))?,
        };
        Ok(&mut self.open.insert((segment, held)).1)
    }
}

impl Flash for Disk {
    fn list(&mut self) -> io::Result<Listing> {
        let mut listing = Listing::default();
        for entry in fs::read_dir(&self.path)? {
            let entry = entry?;
            let name = entry.file_name();
            let number = name
                .to_str()
                .and_then(|name| name.strip_prefix("journal."))
                .and_then(|number| number.parse().ok());
            match number {
                Some(number) => listing.segments.push(number),
                None => listing.other += entry.metadata().map_or(0, |data| data.len()),
            }
        }
        listing.segments.sort_unstable();
        Ok(listing)
    }

    fn read(&mut self, segment: u32) -> io::Result<Vec<u8>> {
        fs::read(self.name(segment))
    }

    fn create(&mut self, segment: u32, header: &[u8]) -> io::Result<()> {
        self.open = None;
        let mut file = OpenOptions::new()
            .append(true)
            .create_new(true)
            .mode(0o600)
            .open(self.name(segment))?;
        file.write_all(header)?;
        file.sync_all()?;
        self.directory.sync_all()?;
        self.open = Some((segment, file));
        Ok(())
    }

    fn append(&mut self, segment: u32, bytes: &[u8]) -> io::Result<()> {
        self.file(segment)?.write_all(bytes)
    }

    fn sync(&mut self, segment: u32) -> io::Result<()> {
        self.file(segment)?.sync_data()
    }

    fn truncate(&mut self, segment: u32, length: u64) -> io::Result<()> {
        let file = self.file(segment)?;
        file.set_len(length)?;
        file.sync_all()
    }

    fn remove(&mut self, segment: u32) -> io::Result<()> {
        self.open = None;
        fs::remove_file(self.name(segment))?;
        self.directory.sync_all()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn the_directory_and_its_files_are_the_owners_alone() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("a/state");
        let mut disk = Disk::open(&path).unwrap();
        disk.create(3, b"head").unwrap();
        disk.append(3, b"more").unwrap();
        disk.sync(3).unwrap();
        fs::write(path.join("foreign"), b"12345").unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&path), 0o700);
        assert_eq!(mode(&path.join("journal.000003")), 0o600);
        let listing = disk.list().unwrap();
        assert_eq!((listing.segments, listing.other), (vec![3], 5));
        disk.truncate(3, 6).unwrap();
        disk.append(3, b"!").unwrap();
        assert_eq!(disk.read(3).unwrap(), b"headmo!");
        disk.remove(3).unwrap();
        assert!(disk.list().unwrap().segments.is_empty());
    }

    #[test]
    fn a_second_agent_is_kept_out_until_the_first_is_gone() {
        let place = tempfile::tempdir().unwrap();
        let first = Disk::open(place.path()).unwrap();
        let refused = Disk::open(place.path()).unwrap_err();
        assert!(refused.to_string().contains("another rut-agent works in"));
        drop(first);
        Disk::open(place.path()).unwrap();
    }
}
