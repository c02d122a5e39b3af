//! Decider: sections made from RutOS's, held against the checks until these refuse nothing, and written down. Never lets one
//! do more than it did in RutOS: what is refused becomes a comment, and its section is switched off.

use super::check::{self, shortened};
use super::kind::{Kind, boolean};
use super::options;
use super::problem::{Notes, Problem};
use super::uci::{Entry, Section};
use super::{Authorization, Config, Who, build};

/// An option of ours, or one of theirs that is none.
pub(super) struct Line {
    pub(super) entry: Entry,
    pub(super) said: Vec<String>,
    pub(super) out: bool,
}

/// A section of ours, or one of theirs that is none.
pub(super) struct Part {
    pub(super) file: &'static str,
    pub(super) kind: String,
    pub(super) name: String,
    /// Tells it from all other parts and lines.
    pub(super) number: u32,
    pub(super) said: Vec<String>,
    pub(super) out: bool,
    /// The pass that switched it off; 0: none did.
    pub(super) off: u32,
    pub(super) lines: Vec<Line>,
}

/// A refusal can bring about another, such as that of a group whose name a rule says; more than a few in a row cannot be.
const PASSES: u32 = 16;

/// Takes back what the checks refuse until they refuse nothing, and writes down what they remark.
pub(super) fn settle(parts: &mut [Part], refused: Vec<(u32, String)>) {
    for (number, why) in refused {
        refuse(parts, number, &why, 1);
    }
    for pass in 2..PASSES {
        let mut notes = Notes::new("");
        let checked = check::check(sections(parts), &mut notes);
        let config = build::build(&checked, &mut notes);
        let problems = notes.into_problems();
        let errors = problems.iter().filter(|problem| problem.is_error());
        let mut fine = true;
        for error in errors {
            fine = false;
            refuse(parts, error.line, &error.text, pass);
        }
        if fine {
            problems
                .into_iter()
                .for_each(|problem| remark(parts, problem));
            return warn(parts, &config);
        }
    }
    parts.iter_mut().for_each(|part| part.out = true);
}

/// What is left, for the checks.
fn sections(parts: &[Part]) -> Vec<Section> {
    let parts = parts.iter().filter(|part| !part.out);
    let sections = parts.map(|part| Section {
        line: part.number,
        kind: part.kind.clone(),
        name: Some(part.name.clone()),
        entries: part.left().cloned().collect(),
    });
    sections.collect()
}

/// Takes back what has this number. What is left must never do more than RutOS did: see [`Part::refuse`].
fn refuse(parts: &mut [Part], number: u32, why: &str, pass: u32) {
    for part in parts.iter_mut().filter(|part| part.has(number)) {
        part.refuse(number, why, pass);
    }
}

fn remark(parts: &mut [Part], problem: Problem) {
    let Some(part) = parts.iter_mut().find(|part| part.has(problem.line)) else {
        return;
    };
    let mut lines = part.lines.iter_mut();
    match lines.find(|line| line.entry.line == problem.line) {
        Some(line) => line.said.push(problem.text),
        None => part.said.push(problem.text),
    }
}

/// RutOS ships with some thirty rules, all on, for everybody, with the router's own password.
fn warn(parts: &mut [Part], config: &Config) {
    let open = config.sms_rules.iter().filter(|rule| {
        let trigger = rule.trigger.as_ref();
        let by = trigger.map(|trigger| &trigger.authorization);
        by == Some(&Authorization::Password) && rule.who == Who::Everyone
    });
    let count = open.count();
    let first = parts.iter_mut().find(|part| part.kind == "sms_rule");
    if let Some(first) = first.filter(|_| count > 0) {
        first.said.insert(0, format!(
            "{count} of the rules below obey every phone that knows the router's own password, and that one crosses the network readable each time: RutOS comes so. Switch off what you do not need, name the phones (allowed_phone), or use authorization totp."
        ));
    }
}

/// As UCI text, with what was said.
pub(super) fn write(parts: &[Part], out: &mut String) {
    let mut file = "";
    for part in parts {
        if part.file != file {
            file = part.file;
            *out += &format!("\n# From {file}:\n");
        }
        out.push('\n');
        part.write(out);
    }
    if parts.is_empty() {
        *out += "# Nothing was found.\n";
    }
}

impl Part {
    fn has(&self, number: u32) -> bool {
        let mut lines = self.lines.iter();
        self.number == number || lines.any(|line| line.entry.line == number)
    }

    fn left(&self) -> impl Iterator<Item = &Entry> {
        let lines = self.lines.iter().filter(|line| !line.out);
        lines.map(|line| &line.entry)
    }

    /// A line becomes a comment. A section that can be switched off is, unless the line only named one person more; an
    /// account half known would speak in the open, and what has no action does nothing: they become comments as a whole.
    fn refuse(&mut self, number: u32, why: &str, pass: u32) {
        let table = options::section(&self.kind);
        let mut lines = self.lines.iter_mut();
        let line = lines.find(|line| line.entry.line == number && line.entry.name != "enabled");
        let Some(line) = line else {
            return self.switch_off(why, pass);
        };
        line.out = true;
        line.said.push(String::from(why));
        let row = table.and_then(|table| table.row(&line.entry.name));
        let person =
            row.is_some_and(|row| row.list && matches!(row.kind, Kind::Phone | Kind::Mail));
        let whole = line.entry.name == "action" || self.kind == "email";
        if whole && !person {
            self.out = true;
        } else if !person && self.left().any(is_on) {
            self.switch_off("look at what is refused in this section", pass);
        }
    }

    /// `enabled` becomes 0; where that is no help, or there is no such option, the whole section becomes a comment.
    fn switch_off(&mut self, why: &str, pass: u32) {
        let fresh = self.off == 0 || self.off == pass;
        let lines = self.lines.iter_mut();
        let mut switch = None;
        for line in lines.filter(|line| line.entry.name == "enabled" && !line.out) {
            line.entry.value = String::from("0");
            switch = Some(&mut line.said);
        }
        match switch.filter(|_| fresh) {
            Some(said) => said.push(format!("off here: {why}")),
            None => {
                self.out = true;
                self.said.push(String::from(why));
            }
        }
        self.off = pass;
    }

    fn write(&self, out: &mut String) {
        let mark = if self.out { "#" } else { "" };
        let said = self.said.iter().filter(|said| !said.is_empty());
        for said in said {
            *out += "# ";
            comment(out, said);
        }
        *out += &format!("{mark}config {} '{}'\n", self.kind, self.name);
        for line in &self.lines {
            let (entry, said) = (&line.entry, line.said.join("; "));
            let word = if entry.list { "list" } else { "option" };
            if line.out || self.out {
                let value = shortened(&entry.value);
                let colon = if said.is_empty() { "" } else { ": " };
                *out += "#\t";
                comment(
                    out,
                    &format!("{word} {} '{value}'{colon}{said}", entry.name),
                );
                continue;
            }
            if !said.is_empty() {
                *out += "\t# ";
                comment(out, &said);
            }
            let value = entry.value.replace('\'', r"'\''");
            *out += &format!("\t{word} {} '{value}'\n", entry.name);
        }
    }
}

fn is_on(entry: &Entry) -> bool {
    entry.name == "enabled" && boolean(&entry.value) != Some(false)
}

/// One line, whatever is said: a comment ends where the line ends.
fn comment(out: &mut String, said: &str) {
    out.extend(said.chars().map(|c| if c.is_control() { ' ' } else { c }));
    out.push('\n');
}
