//! Words: what is wrong with a configuration, and where. Never carries a secret or a phone number: it goes to the log.

use std::fmt;

/// How bad a problem is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// The file cannot be used.
    Error,
    /// The file can be used; its author should know this.
    Remark,
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The file's name, or `command line`.
    pub file: String,
    /// The line, from 1; 0 when it is no single line.
    pub line: u32,
    /// What is wrong and what would be right, in one sentence.
    pub text: String,
    /// How bad.
    pub severity: Severity,
}

impl Problem {
    /// True when the file cannot be used because of it.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = match self.severity {
            Severity::Error => "error",
            Severity::Remark => "remark",
        };
        match self.line {
            0 => write!(out, "{}: {severity}: {}", self.file, self.text),
            line => write!(out, "{}:{line}: {severity}: {}", self.file, self.text),
        }
    }
}

/// Collects the problems of one file.
#[derive(Debug)]
pub struct Notes {
    file: String,
    problems: Vec<Problem>,
}

impl Notes {
    /// No problem in `file` yet.
    pub fn new(file: &str) -> Notes {
        Notes {
            file: String::from(file),
            problems: Vec::new(),
        }
    }

    /// Line 0 stands for what the command line said.
    fn note(&mut self, line: u32, text: String, severity: Severity) {
        let file = match line {
            0 => String::from("command line"),
            _ => self.file.clone(),
        };
        self.problems.push(Problem {
            file,
            line,
            text,
            severity,
        });
    }

    /// Something that makes the file unusable.
    pub fn error(&mut self, line: u32, text: impl Into<String>) {
        self.note(line, text.into(), Severity::Error);
    }

    /// Something to know.
    pub fn remark(&mut self, line: u32, text: impl Into<String>) {
        self.note(line, text.into(), Severity::Remark);
    }

    /// All of them, by line.
    pub fn into_problems(mut self) -> Vec<Problem> {
        self.problems.sort_by_key(|problem| problem.line);
        self.problems
    }
}
