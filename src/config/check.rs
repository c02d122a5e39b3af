//! Decider: sections held against the OPTIONS table — unknown names, wrong kinds, lists, sections that must exist. Never
//! looks at what options mean together: `build` does.

use super::kind::{Kind, boolean, whole};
use super::options::{self, OPTIONS, Row};
use super::problem::Notes;
use super::uci::{Entry, Section};

/// A section whose options are known and, where nothing was noted, valid.
pub struct Checked {
    /// Its type.
    pub table: &'static options::Section,
    /// Its name.
    pub name: String,
    /// Line of its `config`.
    pub line: u32,
    set: Vec<Set>,
}

/// An option's entries as they count.
struct Set {
    row: &'static Row,
    line: u32,
    values: Vec<String>,
}

impl Checked {
    fn set(&self, name: &str) -> Option<&Set> {
        self.set.iter().find(|set| set.row.name == name)
    }

    /// The line that sets the option, or else the section's.
    pub fn line_of(&self, name: &str) -> u32 {
        self.set(name).map_or(self.line, |set| set.line)
    }

    /// The entries of a list, set or by default.
    pub fn texts(&self, name: &str) -> Vec<&str> {
        match (self.set(name), self.table.row(name)) {
            (Some(set), _) => set.values.iter().map(String::as_str).collect(),
            (None, Some(row)) => row.default.split_whitespace().collect(),
            (None, None) => Vec::new(),
        }
    }

    /// The text of an option, set or by default; empty when neither.
    pub fn text(&self, name: &str) -> &str {
        match (self.set(name), self.table.row(name)) {
            (Some(set), _) => set.values.first().map_or("", String::as_str),
            (None, Some(row)) => row.default,
            (None, None) => "",
        }
    }

    /// The text of an option, unless it is empty.
    pub fn given(&self, name: &str) -> Option<&str> {
        Some(self.text(name)).filter(|text| !text.is_empty())
    }

    /// A boolean option.
    pub fn flag(&self, name: &str) -> bool {
        boolean(self.text(name)) == Some(true)
    }

    /// A number.
    pub fn whole(&self, name: &str) -> u32 {
        whole(self.text(name)).unwrap_or_default()
    }

    fn add(&mut self, entry: Entry, notes: &mut Notes) {
        let place = format!("{}.{}", self.table.kind, entry.name);
        let Some(row) = self.table.row(&entry.name) else {
            let names = self.table.rows().map(|row| row.name);
            let hint = hint(&entry.name, names);
            notes.error(
                entry.line,
                format!("{place}: there is no such option{hint}"),
            );
            return;
        };
        if entry.list && !row.list {
            notes.error(
                entry.line,
                format!("{place} has one value: write option, not list"),
            );
            return;
        }
        // A wrong value is kept: that it is missing would be a second complaint about the same line.
        if !entry.value.is_empty()
            && let Err(why) = row.kind.check(&entry.value)
        {
            let shown = match row.kind.may_be_shown() && !row.secret {
                true => format!(" \"{}\"", shortened(&entry.value)),
                false => String::new(),
            };
            notes.error(entry.line, format!("{place}{shown} {why}"));
        }
        self.put(row, entry, notes);
    }

    /// As libuci: an `option` replaces what was there, a `list` adds to it, an empty option unsets.
    fn put(&mut self, row: &'static Row, entry: Entry, notes: &mut Notes) {
        let known = self.set.iter().position(|set| set.row.name == row.name);
        if let Some(known) = known.and_then(|known| self.set.get_mut(known))
            && entry.list
        {
            known
                .values
                .extend(Some(entry.value).filter(|value| !value.is_empty()));
            return;
        }
        if let Some(known) = known {
            if entry.line != 0 {
                let place = format!("{}.{}", self.table.kind, row.name);
                notes.remark(
                    entry.line,
                    format!("{place} is set twice; this line counts"),
                );
            }
            self.set.remove(known);
        }
        if !entry.value.is_empty() {
            self.set.push(Set {
                row,
                line: entry.line,
                values: vec![entry.value],
            });
        }
    }
}

/// Holds `sections` against the table and notes every problem.
pub fn check(sections: Vec<Section>, notes: &mut Notes) -> Vec<Checked> {
    let mut checked: Vec<Checked> = Vec::new();
    for section in sections {
        let Some(table) = options::section(&section.kind) else {
            let hint = hint(&section.kind, OPTIONS.iter().map(|section| section.kind));
            let kind = shortened(&section.kind);
            notes.error(section.line, format!("there is no section {kind}{hint}"));
            continue;
        };
        let name = named(table, &section, notes);
        let place = checked
            .iter()
            .position(|known| known.table.kind == table.kind && known.name == name);
        let place = place.unwrap_or_else(|| {
            checked.push(Checked {
                table,
                name,
                line: section.line,
                set: Vec::new(),
            });
            checked.len() - 1
        });
        if let Some(target) = checked.get_mut(place) {
            for entry in section.entries {
                target.add(entry, notes);
            }
        }
    }
    references(&checked, notes);
    checked
}

/// The section's name; one that has none, or a wrong one, is noted.
fn named(table: &'static options::Section, section: &Section, notes: &mut Notes) -> String {
    let kind = table.kind;
    match (&section.name, table.many) {
        (Some(name), true) => name.clone(),
        (None, true) => {
            let text = format!("a section {kind} needs a name: config {kind} 'some_name'");
            notes.error(section.line, text);
            String::new()
        }
        (Some(name), false) if name != kind => {
            let text = format!("there is one section {kind}: write config {kind} '{kind}'");
            notes.error(section.line, text);
            String::from(kind)
        }
        (Some(_) | None, false) => String::from(kind),
    }
}

/// Options that name another section must name one that is there.
fn references(checked: &[Checked], notes: &mut Notes) {
    for section in checked {
        for set in &section.set {
            let Kind::Section(kind) = set.row.kind else {
                continue;
            };
            for value in &set.values {
                let found = checked
                    .iter()
                    .any(|other| other.table.kind == kind && other.name == *value);
                if !found {
                    let place = format!("{}.{}", section.table.kind, set.row.name);
                    let value = shortened(value);
                    notes.error(
                        set.line,
                        format!("{place}: there is no section {kind} named \"{value}\""),
                    );
                }
            }
        }
    }
}

/// Enough of a wrong value to recognise it.
pub(super) fn shortened(text: &str) -> String {
    const MOST: usize = 40;
    let mut shown = String::new();
    for (count, character) in text.chars().enumerate() {
        match character {
            _ if count == MOST => {
                shown.push('…');
                break;
            }
            _ if character.is_control() => shown.extend(character.escape_default()),
            _ => shown.push(character),
        }
    }
    shown
}

/// `; did you mean X?` when one of `names` is near.
fn hint(wrong: &str, names: impl Iterator<Item = &'static str>) -> String {
    if wrong.len() > 40 {
        return String::new();
    }
    names
        .map(|name| (distance(wrong, name), name))
        .min()
        .filter(|&(distance, name)| distance <= 2 && distance < name.len())
        .map_or(String::new(), |(_, name)| format!("; did you mean {name}?"))
}

/// How many bytes must be put in, taken out or changed (Levenshtein).
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (above, x) in a.bytes().enumerate() {
        let mut left = above + 1;
        let mut diagonal = above;
        for (y, cell) in b.bytes().zip(row.iter_mut().skip(1)) {
            let changed = diagonal + usize::from(x != y);
            diagonal = *cell;
            left = changed.min(left + 1).min(diagonal + 1);
            *cell = left;
        }
        if let Some(first) = row.first_mut() {
            *first = above + 1;
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_are_those_of_levenshtein() {
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("tokn", "token"), 1);
        assert_eq!(distance("abc", ""), 3);
        assert_eq!(
            hint("listne", ["listen", "token"].into_iter()),
            "; did you mean listen?"
        );
        assert_eq!(hint("xyz", ["listen", "ip"].into_iter()), "");
    }
}
