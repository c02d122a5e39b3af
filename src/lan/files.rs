//! Edge: the router's two files of host names. Never leaves one half written, and never writes what is there already.
#![allow(clippy::disallowed_types, clippy::disallowed_methods)]

use std::fs::{self, File, Permissions};
use std::io::{self, Write};
use std::net::IpAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::hosts::merged;

/// What is in a file; nothing when it cannot be read.
pub(super) fn read(path: &Path) -> Vec<u8> {
    fs::read(path).unwrap_or_default()
}

/// Writes these names, and no others of ours, to `/etc/hosts`, which the router's programs read, and where dnsmasq has
/// OpenWrt's directory of hosts files, to one of our own there: dnsmasq in a jail does not see another `/etc/hosts`
/// that takes the place of the old one. True when something changed.
///
/// # Errors
/// What the file system says; the file is as it was.
pub(super) fn write(root: &Path, names: &[(String, IpAddr)]) -> io::Result<bool> {
    let mut changed = false;
    let dir = root.join("tmp/hosts");
    if dir.is_dir() {
        changed = replace(&dir.join("rut-agent"), names)?;
    }
    Ok(replace(&root.join("etc/hosts"), names)? || changed)
}

/// The new file takes the old one's place in one step.
fn replace(path: &Path, names: &[(String, IpAddr)]) -> io::Result<bool> {
    // Where it is a link, the file behind it is meant.
    let path = fs::canonicalize(path).unwrap_or_else(|_new| path.to_owned());
    let before = match fs::read(&path) {
        Err(why) if why.kind() != io::ErrorKind::NotFound => return Err(why),
        read => read.unwrap_or_default(),
    };
    let after = merged(&before, names);
    if after == before {
        return Ok(false);
    }
    if after.is_empty() {
        fs::remove_file(&path)?;
        return Ok(true);
    }
    // dnsmasq reads no file whose name begins with a dot.
    let new = path.with_file_name(".hosts.rut-agent");
    let mut file = File::create(&new)?;
    file.set_permissions(Permissions::from_mode(0o644))?;
    file.write_all(&after)?;
    file.sync_all()?;
    fs::rename(&new, &path)?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> Vec<(String, IpAddr)> {
        vec![(String::from("sms.lan"), IpAddr::from([192, 168, 1, 2]))]
    }

    const OURS: &str = "192.168.1.2\tsms.lan # rut-agent\n";

    #[test]
    fn names_go_to_etc_hosts_and_where_dnsmasq_looks_and_leave_no_trace() {
        let root = tempfile::tempdir().unwrap();
        let (etc, tmp) = (root.path().join("etc"), root.path().join("tmp/hosts"));
        fs::create_dir_all(&etc).unwrap();
        fs::write(etc.join("hosts"), "127.0.0.1 localhost\n").unwrap();
        assert!(write(root.path(), &names()).unwrap());
        let all = fs::read_to_string(etc.join("hosts")).unwrap();
        assert_eq!(all, format!("127.0.0.1 localhost\n{OURS}"));
        assert!(!tmp.exists());
        fs::create_dir_all(&tmp).unwrap();
        assert!(write(root.path(), &names()).unwrap());
        assert_eq!(fs::read_to_string(tmp.join("rut-agent")).unwrap(), OURS);
        assert!(!write(root.path(), &names()).unwrap());
        assert!(write(root.path(), &[]).unwrap());
        assert_eq!(fs::read_dir(&tmp).unwrap().count(), 0);
        assert_eq!(fs::read_dir(&etc).unwrap().count(), 1);
        assert_eq!(read(&etc.join("hosts")), b"127.0.0.1 localhost\n");
    }

    #[test]
    fn a_link_stays_a_link_and_a_file_that_cannot_be_written_stays_as_it_is() {
        let root = tempfile::tempdir().unwrap();
        let etc = root.path().join("etc");
        fs::create_dir_all(&etc).unwrap();
        fs::write(root.path().join("real"), "::1 localhost\n").unwrap();
        std::os::unix::fs::symlink("../real", etc.join("hosts")).unwrap();
        assert!(write(root.path(), &names()).unwrap());
        let link = fs::symlink_metadata(etc.join("hosts")).unwrap();
        assert!(link.is_symlink());
        let all = fs::read_to_string(root.path().join("real")).unwrap();
        assert_eq!(all, format!("::1 localhost\n{OURS}"));
        fs::remove_dir_all(&etc).unwrap();
        assert!(write(root.path(), &names()).is_err());
        assert!(!write(root.path(), &[]).unwrap());
    }
}
