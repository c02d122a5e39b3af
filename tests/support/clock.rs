//! Tests: another wall clock for a program of this machine, by Debian's libfaketime; the monotonic clock stays as it is.

use std::path::Path;

/// The environment in which the wall clock begins at `when` (UTC) and goes on.
pub fn at(when: &str) -> Vec<(String, String)> {
    with(("FAKETIME", &format!("@{when}")))
}

/// The environment in which the wall clock is what `file` says at each look: `@1970-01-01 00:01:10`, or `+0` for the true one.
pub fn in_file(file: &Path) -> Vec<(String, String)> {
    with(("FAKETIME_TIMESTAMP_FILE", &file.display().to_string()))
}

fn with(clock: (&str, &str)) -> Vec<(String, String)> {
    let machine = std::env::consts::ARCH;
    let library = format!("/usr/lib/{machine}-linux-gnu/faketime/libfaketimeMT.so.1");
    assert!(
        Path::new(&library).exists(),
        "{library} is missing: apt-get install faketime (scripts/test does)"
    );
    let pairs = [
        ("LD_PRELOAD", library.as_str()),
        ("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
        ("FAKETIME_NO_CACHE", "1"),
        ("TZ", "UTC"),
        clock,
    ];
    pairs
        .map(|(name, value)| (String::from(name), String::from(value)))
        .to_vec()
}
