//! Decider: RutOS's own configuration into sections of ours, by the table of `vendor`. Never drops a thing without a remark,
//! and judges no value: `parts` has the checks do that.

use super::check::shortened;
use super::kind::boolean;
use super::options::{self, OPTIONS};
use super::parts::{self, Line, Part};
use super::problem::{Problem, Severity};
use super::uci::{self, Entry, Section};
use super::vendor::{Here, TURNS, Turn};

/// One of RutOS's files.
pub struct File {
    /// Its name in `/etc/config`.
    pub name: &'static str,
    /// Where it was read, for problems.
    pub path: String,
    /// What it says; U+FFFD for bytes that are not UTF-8.
    pub text: String,
}

const HEAD: &str = "# Made by rut-agent import from RutOS's own configuration. Passwords are in it: keep it for root alone (chmod 600).
# RutOS goes on by its own files: switch off there what is on here, or both act on each message.
";

/// Sections and options that are taken over: RutOS's own have some hundreds, and the checks look at each beside all others.
const MOST: u32 = 10_000;

/// The configuration of these files, with remarks, and which files could not be read. Empty where they are too much.
pub fn translate(files: &[File]) -> (String, Vec<Problem>) {
    let mut import = Import::default();
    let mut problems = Vec::new();
    let mut text = String::from(HEAD);
    for file in files {
        let (sections, faults) = uci::parse(&file.text);
        if !faults.is_empty() {
            // RutOS itself reads nothing of such a file.
            text += &format!(
                "# {}: it cannot be read, nothing is taken over\n",
                file.name
            );
        }
        problems.extend(faults.iter().map(|(line, fault)| Problem {
            file: file.path.clone(),
            line: *line,
            text: fault.to_string(),
            severity: Severity::Error,
        }));
        for section in sections.iter().filter(|_| faults.is_empty()) {
            import.section(file.name, section);
        }
        import.told.clear();
    }
    if import.last >= MOST {
        return (String::new(), problems);
    }
    parts::settle(&mut import.parts, import.refused);
    parts::write(&import.parts, &mut text);
    (text, problems)
}

#[derive(Default)]
struct Import {
    parts: Vec<Part>,
    /// What groups and accounts are called: type, RutOS's name, ours.
    known: Vec<(&'static str, String, String)>,
    /// What was refused before any check: where, and why.
    refused: Vec<(u32, String)>,
    /// What is not said again in this file.
    told: Vec<&'static str>,
    last: u32,
}

/// The last value of an option of RutOS's.
fn given<'s>(source: &'s Section, name: &str) -> &'s str {
    let mut entries = source.entries.iter().rev();
    let found = entries.find(|entry| entry.name == name);
    found.map_or("", |entry| &entry.value)
}

impl Import {
    fn section(&mut self, file: &'static str, source: &Section) {
        if self.last >= MOST {
            return;
        }
        let name = source.name.as_deref().unwrap_or_default();
        let mut found = false;
        for turn in TURNS {
            if turn.takes(file, &source.kind, name) {
                found = true;
                self.turn(file, turn, source);
            }
        }
        if !found {
            let mut part = self.part(file, &source.kind, String::from(name));
            part.out = true;
            part.said.push(String::from("nothing here is like it"));
            self.parts.push(part);
        }
    }

    fn part(&mut self, file: &'static str, kind: &str, name: String) -> Part {
        self.last += 1;
        Part {
            file,
            kind: String::from(kind),
            name,
            number: self.last,
            said: Vec::new(),
            out: false,
            off: 0,
            lines: Vec::new(),
        }
    }

    fn turn(&mut self, file: &'static str, turn: &Turn, source: &Section) {
        let Some(table) = options::section(turn.ours) else {
            return;
        };
        let name = self.name(table, source);
        let mut part = self.part(file, table.kind, name);
        for entry in &source.entries {
            let line = match entry.value.is_empty() || self.last >= MOST {
                true => None,
                false => self.line(turn, table, source, entry),
            };
            if let Some(line) = line {
                part.lines.push(line);
            }
        }
        if part.lines.is_empty() {
            return;
        }
        let theirs = given(source, "name");
        if !theirs.is_empty() && theirs != part.name {
            part.said.push(format!("RutOS: {}", shortened(theirs)));
        }
        let (option, why) = turn.lacking;
        if given(source, option).is_empty() {
            part.said.push(String::from(why));
        }
        part.said.push(String::from(turn.note));
        // A call has no switch of its own here.
        if table.row("enabled").is_none() && boolean(given(source, "enabled")) == Some(false) {
            part.out = true;
            part.said.push(String::from("RutOS has it switched off"));
        }
        let mut parts = self.parts.iter_mut();
        match parts.find(|known| known.kind == part.kind && known.name == part.name) {
            Some(known) if known.kind == "modem" => {
                known.said.extend(part.said);
                known.lines.extend(part.lines);
                return;
            }
            Some(_) => {
                part.out = true;
                part.said
                    .push(String::from("there is only one of these here"));
            }
            None => {}
        }
        self.parts.push(part);
    }

    /// What it is called here: one of a kind by its type, a group as it was, a rule by its text. No two have the same.
    fn name(&mut self, table: &options::Section, source: &Section) -> String {
        if !table.many {
            return String::from(table.kind);
        }
        let theirs = [
            given(source, "name"),
            source.name.as_deref().unwrap_or_default(),
        ];
        let group = matches!(table.kind, "phone" | "email");
        let mut wishes = [given(source, "smstext"), given(source, "action"), theirs[1]];
        if group {
            wishes = [theirs[0], theirs[1], ""];
        }
        let wish = wishes.into_iter().find(|wish| !wish.is_empty());
        let fits = |c: char| if c.is_ascii_alphanumeric() { c } else { '_' };
        let call = if table.kind == "call_rule" {
            "call_"
        } else {
            ""
        };
        let wish = call.chars().chain(wish.unwrap_or(table.kind).chars());
        let wish: String = wish.take(24).map(fits).collect();
        let taken = |name: &str| {
            OPTIONS
                .iter()
                .any(|section| section.kind == name && !section.many)
                || self.parts.iter().any(|part| part.name == name)
        };
        let mut name = wish.clone();
        let same = self.parts.iter();
        let mut count = same.filter(|part| part.name.starts_with(&wish)).count();
        while taken(&name) {
            count += 1;
            name = format!("{wish}_{count}");
        }
        for theirs in theirs.into_iter().filter(|name| group && !name.is_empty()) {
            self.known
                .push((table.kind, String::from(theirs), name.clone()));
        }
        name
    }

    fn line(
        &mut self,
        turn: &Turn,
        table: &'static options::Section,
        source: &Section,
        theirs: &Entry,
    ) -> Option<Line> {
        self.last += 1;
        let mut line = Line {
            entry: theirs.clone(),
            said: Vec::new(),
            out: false,
        };
        let entry = &mut line.entry;
        entry.line = self.last;
        match turn.here(&theirs.name) {
            Here::Nothing => return None,
            Here::Gone(why) if self.told.contains(&why) => return None,
            Here::Gone(why) => {
                self.told.push(why);
                line.said.push(String::from(why));
                line.out = true;
            }
            Here::Unsafe(_) if boolean(&theirs.value) == Some(false) => return None,
            Here::Unsafe(why) => self.refused.push((entry.line, String::from(why))),
            Here::As(name, words) => {
                if !name.is_empty() {
                    entry.name = String::from(name);
                }
                if let Some((_, ours)) = words.iter().find(|(word, _)| *word == theirs.value) {
                    entry.value = String::from(*ours);
                }
                let Some(row) = table.row(&entry.name) else {
                    line.said.push(String::from("nothing here is like it"));
                    line.out = true;
                    // What RutOS's sections are switched on and off with needs no word where it is on.
                    return Some(line).filter(|line| line.entry.name != "enabled");
                };
                entry.list = row.list;
                match self.value(turn, source, theirs, entry) {
                    Ok(true) if entry.name == "action" && row.kind.check(&entry.value).is_err() => {
                        let why = String::from("this agent has no such action");
                        self.refused.push((entry.line, why));
                    }
                    Ok(true) => {}
                    Ok(false) => return None,
                    Err(why) => self.refused.push((entry.line, String::from(why))),
                }
                if entry.value != theirs.value && !row.secret {
                    line.said
                        .push(format!("RutOS: {}", shortened(&theirs.value)));
                }
            }
        }
        Some(line)
    }

    /// Makes the value ours; false: this option does not count.
    fn value(
        &self,
        turn: &Turn,
        source: &Section,
        theirs: &Entry,
        entry: &mut Entry,
    ) -> Result<bool, &'static str> {
        let value = &mut entry.value;
        if value.contains('\u{fffd}') {
            return Err("this is not UTF-8");
        }
        match (turn.ours, entry.name.as_str()) {
            (_, "group") => *value = self.reference("phone", value)?,
            (_, "email_name") => *value = self.reference("email", value)?,
            ("to_http", "url") if !value.contains("://") => value.insert_str(0, "http://"),
            ("email", "secure_conn")
                if value == "starttls" && given(source, "smtp_port") == "465" =>
            {
                *value = String::from("tls");
            }
            ("pop3", "interval") => {
                let unit = given(source, "time");
                return Ok(theirs.name == if unit.is_empty() { "min" } else { unit });
            }
            ("limits", _) if boolean(given(source, "enable_sms_limit")) != Some(true) => {
                return Ok(false);
            }
            ("limits", _) if !matches!(given(source, "sms_limit"), "" | "day") => {
                return Err(
                    "RutOS counts a week or a month; per_day is the longest here, choose one",
                );
            }
            ("post_get", "password") if value.starts_with('$') => {
                return Err("RutOS kept only this hash: write the password itself");
            }
            ("sms_rule", "password")
                if value.starts_with('$') && !HASHES.iter().any(|form| value.starts_with(form)) =>
            {
                return Err("a hash of this form is not known here");
            }
            _ => {}
        }
        Ok(true)
    }

    /// What the group or account of that name is called here.
    fn reference(&self, kind: &str, theirs: &str) -> Result<String, &'static str> {
        let mut found: Vec<&String> = Vec::new();
        for (other, name, ours) in &self.known {
            if *other == kind && name == theirs && !found.contains(&ours) {
                found.push(ours);
            }
        }
        match found.as_slice() {
            [ours] => Ok(String::from(*ours)),
            [] => Err("RutOS's user_groups has none of that name"),
            [..] => Err("RutOS's user_groups has two of that name"),
        }
    }
}

/// The forms of hashes that rules know.
const HASHES: &[&str] = &["$1$", "$5$", "$6$"];
