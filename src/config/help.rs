//! Table: the OPTIONS table as Markdown, for the README. Never holds a fact of its own.

use std::fmt::Write;

use super::options::{OPTIONS, Row, Section};

/// A table of all sections and options; a test holds the README to it.
pub fn help() -> String {
    let mut out =
        String::from("| section | option | values | default | meaning |\n|---|---|---|---|---|\n");
    for (at, section) in OPTIONS.iter().enumerate() {
        let name = match section.many {
            true => format!("{} NAME", section.kind),
            false => format!("{0} '{0}'", section.kind),
        };
        // Writing to a String does not fail.
        let _ok = writeln!(out, "| **`{name}`** | | | | {} |", section.help);
        for group in section.groups {
            let has_it = |one: &&Section| one.groups.iter().any(|its| same(its, group));
            match OPTIONS.iter().take(at).find(has_it) {
                Some(before) => again(&mut out, group, before.kind),
                None => group.iter().for_each(|row| line(&mut out, row)),
            }
        }
    }
    out
}

fn same(one: &[Row], other: &[Row]) -> bool {
    let words = |row: &Row| (row.name, row.help);
    one.iter().map(words).eq(other.iter().map(words))
}

/// What stands above is not said twice.
fn again(out: &mut String, group: &[Row], section: &str) {
    let names: Vec<String> = group.iter().map(|row| format!("`{}`", row.name)).collect();
    let _ok = writeln!(out, "| | {} | | | as in `{section}` |", names.join(" "));
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
