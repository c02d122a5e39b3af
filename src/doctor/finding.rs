//! Words: a finding, and a report of findings as people and programs read it. Never holds a secret, a text or a number: reports are
//! mailed around.

use std::fmt::Write;

use serde_json::{Value, json};

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Level {
    /// As it should be.
    Ok,
    /// Good to know.
    Note,
    /// It works, but not as its owner will expect.
    Warning,
    /// It does not work, or messages get lost.
    Error,
}

impl Level {
    fn as_str(self) -> &'static str {
        match self {
            Level::Ok => "ok",
            Level::Note => "note",
            Level::Warning => "warning",
            Level::Error => "error",
        }
    }
}

/// One thing that was looked at.
#[derive(Debug)]
pub(super) struct Finding {
    /// The check's name.
    pub(super) check: &'static str,
    /// How bad.
    pub(super) level: Level,
    /// What is so, in one line.
    pub(super) text: String,
    /// Commands that mend it, a line each.
    pub(super) todo: Vec<String>,
}

/// All of them, in order.
#[derive(Debug, Default)]
pub(super) struct Report {
    /// The check that speaks.
    pub(super) check: &'static str,
    /// What was said so far.
    pub(super) findings: Vec<Finding>,
}

impl Report {
    /// Adds a finding.
    pub(super) fn say(&mut self, level: Level, text: impl Into<String>) {
        self.findings.push(Finding {
            check: self.check,
            level,
            text: text.into(),
            todo: Vec::new(),
        });
    }

    /// Adds a command to the last finding.
    pub(super) fn todo(&mut self, command: impl Into<String>) {
        if let Some(last) = self.findings.last_mut() {
            last.todo.push(command.into());
        }
    }

    fn count(&self, level: Level) -> usize {
        let findings = self.findings.iter();
        findings.filter(|finding| finding.level == level).count()
    }

    /// How many errors.
    pub(super) fn errors(&self) -> usize {
        self.count(Level::Error)
    }

    /// For people: a line each, commands below.
    pub(super) fn words(&self) -> String {
        let mut out = String::new();
        for finding in &self.findings {
            let level = finding.level.as_str();
            let _ok = writeln!(out, "{level:8} {:8} {}", finding.check, finding.text);
            for command in &finding.todo {
                let _ok = writeln!(out, "{:20}{command}", "");
            }
        }
        let (errors, warnings) = (self.errors(), self.count(Level::Warning));
        let _ok = writeln!(out, "errors: {errors}, warnings: {warnings}");
        out
    }

    /// For programs: one line.
    pub(super) fn json(&self) -> String {
        let finding = |finding: &Finding| {
            json!({
                "check": finding.check,
                "level": finding.level.as_str(),
                "text": finding.text,
                "commands": finding.todo,
            })
        };
        let findings: Vec<Value> = self.findings.iter().map(finding).collect();
        let report = json!({
            "findings": findings,
            "errors": self.errors(),
            "warnings": self.count(Level::Warning),
        });
        format!("{report}\n")
    }
}
