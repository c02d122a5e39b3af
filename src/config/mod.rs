//! Room: the configuration — OPTIONS table, UCI text codec, checked Config. Never guesses: an unknown option, a wrong
//! type or a value out of range is a problem with file and line.

mod build;
mod change;
mod check;
mod edit;
mod help;
mod kind;
mod load;
mod mail;
mod model;
mod options;
mod problem;
mod rules;
mod targets;
#[cfg(test)]
mod tests;
mod uci;

pub use change::Settings;
pub use help::help;
pub use load::load;
pub use model::{
    Agent, Api, Authorization, CallAction, Config, FlashVia, Limits, Modem, Network, PhoneGroup,
    Pop3, PostGet, Rule, Smpp, SmppAlphabet, Trigger,
};

pub use options::told;
pub use problem::{Problem, Severity};
pub use targets::{Email, Forwarding, Method, Reply, Security, ToHttp, ToSms, ToSmtp, Who};
pub use uci::{Entry, Section, parse as sections};

use problem::Notes;

/// Where the configuration lies on a router.
pub const DEFAULT_FILE: &str = "/etc/config/rut-agent";

/// What `run` was told on the command line: it stands above the file, and is judged by the same table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Overrides {
    /// `--tty`: `modem.tty`.
    pub tty: Option<String>,
    /// `--listen`, each: `api.listen`.
    pub listen: Vec<String>,
    /// `--token`: `api.token`.
    pub token: Option<String>,
}

impl Overrides {
    /// As sections that follow the file; line 0 is the command line.
    fn sections(&self) -> Vec<uci::Section> {
        let entry = |name: &str, list: bool, value: &String| uci::Entry {
            line: 0,
            name: String::from(name),
            list,
            value: value.clone(),
        };
        let section = |kind: &str, entries: Vec<uci::Entry>| uci::Section {
            line: 0,
            kind: String::from(kind),
            name: Some(String::from(kind)),
            entries,
        };
        let tty = self.tty.iter().map(|tty| entry("tty", false, tty));
        let token = self.token.iter().map(|token| entry("token", false, token));
        // The first replaces what the file says, the others add to it.
        let listen = self
            .listen
            .iter()
            .enumerate()
            .map(|(index, at)| entry("listen", index > 0, at));
        [
            section("modem", tty.collect()),
            section("api", token.chain(listen).collect()),
        ]
        .into_iter()
        .filter(|section| !section.entries.is_empty())
        .collect()
    }
}

/// Reads UCI text. The configuration is there when no problem is an error; all problems are told, not just the first.
pub fn read(text: &str, file_name: &str) -> (Option<Config>, Vec<Problem>) {
    read_with(text, file_name, &Overrides::default())
}

/// [`read`], with what the command line said on top. With an empty text: the configuration without a file.
pub fn read_with(
    text: &str,
    file_name: &str,
    overrides: &Overrides,
) -> (Option<Config>, Vec<Problem>) {
    let mut notes = Notes::new(file_name);
    let (mut sections, faults) = uci::parse(text);
    for (line, fault) in faults {
        notes.error(line, fault.to_string());
    }
    sections.extend(overrides.sections());
    let checked = check::check(sections, &mut notes);
    let config = build::build(&checked, &mut notes);
    let problems = notes.into_problems();
    let usable = !problems.iter().any(Problem::is_error);
    (usable.then_some(config), problems)
}
