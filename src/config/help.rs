//! Table: the OPTIONS table as Markdown, for the README. Never holds a fact of its own.

use std::fmt::Write;

use super::options::{OPTIONS, Row};

/// A table of all sections and options; a test holds the README to it.
pub fn help() -> String {
    let mut out =
        String::from("| section | option | values | default | meaning |\n|---|---|---|---|---|\n");
    for section in OPTIONS {
        let name = match section.many {
            true => format!("{} NAME", section.kind),
            false => format!("{0} '{0}'", section.kind),
        };
        // Writing to a String does not fail.
        let _ok = writeln!(out, "| **`{name}`** | | | | {} |", section.help);
        for row in section.rows() {
            line(&mut out, row);
        }
    }
    out
}

fn line(out: &mut String, row: &Row) {
    let list = if row.list { "list " } else { "" };
    let default = match row.default {
        "" => String::new(),
        default => format!("`{default}`"),
    };
    let _ok = writeln!(
        out,
        "| | {list}`{}` | {} | {default} | {} |",
        row.name,
        row.kind.describe(),
        row.help
    );
}
