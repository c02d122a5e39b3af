//! Tests: a configuration file as a fuzz target. Never in the program.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use super::{edit, read, uci};

/// Reads a file; one option of it set anew is read back.
pub(crate) fn file(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let (_config, problems) = read(&text, "file");
    for problem in problems {
        let _told = problem.to_string();
    }
    let (before, faults) = uci::parse(&text);
    if !faults.is_empty() {
        return;
    }
    // `read` refuses a section that has this type or this name alone, and only what it took is changed.
    let refused = |section: &uci::Section| {
        let name = section.name.as_deref();
        name.is_some_and(|name| (name == "agent") != (section.kind == "agent"))
    };
    if before.iter().any(refused) {
        return;
    }
    let value = format!("a \"word\" of {}", data.len());
    let (after, faults) = uci::parse(&edit::set(&text, "agent", "name", &value));
    assert!(faults.is_empty());
    let own = after.iter().filter(|section| section.kind == "agent");
    let last = own
        .flat_map(|section| &section.entries)
        .rfind(|entry| entry.name == "name");
    assert_eq!(last.map(|entry| &entry.value), Some(&value));
}
