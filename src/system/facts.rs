//! Edge: what the router's system knows of itself. Never fails: what cannot be read is not known.
#![allow(clippy::disallowed_types, clippy::disallowed_methods)]

use std::path::PathBuf;

use crate::zone::Zone;

/// Where the router's files lie: `/`, and elsewhere where a test says so in `RUT_AGENT_ROOT`.
pub fn root() -> PathBuf {
    std::env::var_os("RUT_AGENT_ROOT").map_or_else(|| PathBuf::from("/"), PathBuf::from)
}

/// The system's host name.
pub fn host_name() -> Option<String> {
    first_line("/proc/sys/kernel/hostname")
}

/// RutOS's firmware version, such as `RUT2M_R_00.07.07.1`.
pub fn firmware() -> Option<String> {
    first_line("/etc/version")
}

/// The local time zone: from `TZ`, else from OpenWrt's `/tmp/TZ` or `/etc/TZ`. To be asked each time: its owner may
/// change it.
pub fn time_zone() -> Zone {
    let named = std::env::var("TZ").ok().filter(|text| !text.is_empty());
    let told = named
        .or_else(|| first_line("/tmp/TZ"))
        .or_else(|| first_line("/etc/TZ"));
    Zone::of(&told.unwrap_or_default())
}

fn first_line(path: &str) -> Option<String> {
    let text = std::fs::read_to_string(path).ok()?;
    let line = text.lines().next()?.trim();
    (!line.is_empty()).then(|| String::from(line))
}
