//! Tests: the house rules that no compiler holds — who may import whom, what a file opens with, how long it may be.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use std::fs;
use std::path::{Path, PathBuf};

/// The import table of DESIGN section 2: a room and the rooms it may name. Everybody may name the words of `message`,
/// `time`, `zone`, `stop` and `url`, and its own section of `config`; `clock` is for edges.
const MAY_IMPORT: &[(&str, &[&str])] = &[
    (
        "api",
        &[
            "store", "inbox", "outbox", "signal", "feed", "forward", "modem", "sms", "system",
            "gate", "seats", "smpp", "rules",
        ],
    ),
    ("cli", &["api"]),
    ("clock", &[]),
    ("config", &[]),
    ("counters", &[]),
    ("crash", &[]),
    ("doctor", &["cli", "modem", "system"]),
    ("feed", &[]),
    (
        "forward",
        &[
            "store",
            "inbox",
            "outbox",
            "feed",
            "mail",
            "net",
            "modem",
            "signal",
            "status_text",
            "system",
        ],
    ),
    ("gate", &[]),
    ("inbox", &["sms", "store", "feed"]),
    ("json", &[]),
    ("lan", &["net", "system"]),
    ("logging", &[]),
    ("mail", &["store", "inbox", "outbox", "feed", "net", "sms"]),
    ("message", &[]),
    (
        "modem",
        &[
            "sms", "store", "inbox", "outbox", "signal", "feed", "system",
        ],
    ),
    ("net", &[]),
    ("outbox", &["sms", "store", "feed", "inbox"]),
    (
        "rules",
        &[
            "sms",
            "store",
            "inbox",
            "outbox",
            "signal",
            "feed",
            "status_text",
            "system",
        ],
    ),
    ("seats", &["gate"]),
    ("signal", &["feed", "store"]),
    ("sim", &[]),
    (
        "smpp",
        &["sms", "store", "inbox", "outbox", "feed", "gate", "seats"],
    ),
    ("sms", &[]),
    ("sorted", &[]),
    ("status_text", &["signal"]),
    ("stop", &[]),
    ("task", &[]),
    ("store", &[]),
    ("system", &[]),
    ("time", &[]),
    ("url", &[]),
    ("zone", &[]),
];

const WORDS: &[&str] = &[
    "message", "time", "stop", "task", "url", "config", "clock", "counters", "zone", "sorted",
    "json",
];

const KINDS: &[&str] = &[
    "Words", "Codec", "Decider", "Keeper", "Edge", "Table", "Room", "Tests",
];

const TOP_LEVEL: &[&str] = &[
    "Cargo.toml",
    "Cargo.lock",
    ".cargo",
    ".ci",
    "src",
    "openwrt",
    "scripts",
    "tests",
    "README.md",
    "LICENSE",
    ".gitignore",
    ".git",
    "target",
];

fn rust_files(below: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join(below)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                found.push(path);
            }
        }
    }
    assert!(!found.is_empty(), "no Rust files below {below}");
    found
}

fn room_of(path: &Path) -> String {
    let inside = path
        .strip_prefix(Path::new(env!("CARGO_MANIFEST_DIR")).join("src"))
        .unwrap();
    let first = inside
        .components()
        .next()
        .unwrap()
        .as_os_str()
        .to_str()
        .unwrap();
    first.trim_end_matches(".rs").to_owned()
}

/// The lines of a file that are not its unit tests.
fn code_lines(text: &str) -> impl Iterator<Item = &str> {
    text.lines().take_while(|line| *line != "#[cfg(test)]")
}

/// Every room named by `crate::room` in a line.
fn rooms_named(line: &str) -> Vec<&str> {
    line.split("crate::")
        .skip(1)
        .map(|rest| {
            rest.split(|c: char| !c.is_alphanumeric() && c != '_')
                .next()
                .unwrap_or("")
        })
        .filter(|name| !name.is_empty())
        .collect()
}

fn check(faults: &[String]) {
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

#[test]
fn every_room_imports_only_what_the_table_allows() {
    let mut faults = Vec::new();
    for path in rust_files("src") {
        let room = room_of(&path);
        // The binary's own two files, and tests of all rooms together: they know all rooms.
        if ["main", "demo", "lib", "day", "fuzz"].contains(&room.as_str()) {
            continue;
        }
        let Some((_, allowed)) = MAY_IMPORT.iter().find(|(name, _)| *name == room) else {
            faults.push(format!(
                "{}: room {room} is not in the import table",
                path.display()
            ));
            continue;
        };
        let text = fs::read_to_string(&path).unwrap();
        for line in code_lines(&text) {
            for named in rooms_named(line) {
                let fine = named == room || WORDS.contains(&named) || allowed.contains(&named);
                if !fine && MAY_IMPORT.iter().any(|(name, _)| *name == named) {
                    faults.push(format!("{}: {room} may not import {named}", path.display()));
                }
            }
        }
    }
    check(&faults);
}

#[test]
fn every_file_opens_with_its_kind_and_what_it_never_does() {
    let mut faults = Vec::new();
    for path in rust_files("src").into_iter().chain(rust_files("tests")) {
        let text = fs::read_to_string(&path).unwrap();
        let opening: String = text
            .lines()
            .take_while(|line| line.starts_with("//!"))
            .collect::<Vec<_>>()
            .join(" ");
        if path.ends_with("src/lib.rs") {
            assert!(
                text.contains("```text"),
                "src/lib.rs opens with the picture"
            );
            continue;
        }
        let kind = opening
            .trim_start_matches("//! ")
            .split(':')
            .next()
            .unwrap_or("");
        if !KINDS.contains(&kind) {
            faults.push(format!("{}: opens with no kind of file", path.display()));
        }
        if kind != "Tests" && !opening.to_lowercase().contains("never") {
            faults.push(format!(
                "{}: does not say what it never does",
                path.display()
            ));
        }
    }
    check(&faults);
}

#[test]
fn only_edges_lift_the_fences_around_clocks_files_sockets_and_programs() {
    let mut faults = Vec::new();
    for path in rust_files("src") {
        let text = fs::read_to_string(&path).unwrap();
        let fenced = code_lines(&text).all(|line| !line.contains("clippy::disallowed_"));
        if !fenced && !text.starts_with("//! Edge:") && !text.starts_with("//! Tests:") {
            faults.push(format!("{}: lifts a fence but is no edge", path.display()));
        }
    }
    check(&faults);
}

#[test]
fn no_file_is_longer_than_six_hundred_lines() {
    let mut faults = Vec::new();
    for path in rust_files("src").into_iter().chain(rust_files("tests")) {
        let lines = fs::read_to_string(&path).unwrap().lines().count();
        if lines > 600 {
            faults.push(format!("{}: {lines} lines", path.display()));
        }
    }
    check(&faults);
}

#[test]
fn nothing_is_left_unfinished_or_switched_off() {
    let marks = [
        "todo!(",
        "unimplemented!(",
        "FIXME",
        "#[ignore",
        "assert!(true)",
    ];
    let mut faults = Vec::new();
    for path in rust_files("src").into_iter().chain(rust_files("tests")) {
        if path.ends_with("tests/tidy.rs") {
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        for mark in marks.iter().filter(|mark| text.contains(**mark)) {
            faults.push(format!("{}: {mark}", path.display()));
        }
    }
    check(&faults);
}

#[test]
fn the_top_level_holds_what_the_design_fixes() {
    let mut faults = Vec::new();
    for entry in fs::read_dir(env!("CARGO_MANIFEST_DIR")).unwrap() {
        let name = entry.unwrap().file_name();
        if !TOP_LEVEL.contains(&name.to_str().unwrap()) {
            faults.push(format!(
                "{} does not belong at the top level",
                name.display()
            ));
        }
    }
    check(&faults);
}

#[test]
fn nothing_that_people_read_is_made_with_debug() {
    // The router's binary is built with fmt-debug=none, where `{:?}` is nothing.
    let mut faults = Vec::new();
    for path in rust_files("src") {
        let name = path.to_string_lossy().into_owned();
        let text = fs::read_to_string(&path).unwrap();
        if text.starts_with("//! Tests:") || name.contains("/src/sim/") {
            continue;
        }
        for (at, line) in code_lines(&text).enumerate() {
            if line.contains(":?}") && !line.contains("panic!(") {
                faults.push(format!("{name}:{}: {}", at + 1, line.trim()));
            }
        }
    }
    check(&faults);
}
