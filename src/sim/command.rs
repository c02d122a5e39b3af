//! Codec: a command line into commands (V.250 5.2, 27.007 clause 4). Never knows what a command means.

/// How a command is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// `+CMD`
    Execute,
    /// `+CMD?`
    Read,
    /// `+CMD=?`
    Test,
    /// `+CMD=…`
    Set,
}

/// One command of a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Command {
    /// Upper case, with its `+`, `^`, `$` or `&`.
    pub(super) name: String,
    pub(super) form: Form,
    /// Parameters without quotes; an omitted one is empty.
    pub(super) args: Vec<String>,
}

impl Command {
    fn new(name: &str, form: Form, args: Vec<String>) -> Command {
        Command {
            name: name.to_ascii_uppercase(),
            form,
            args,
        }
    }

    /// The parameter as text; empty when it was omitted.
    pub(super) fn text(&self, at: usize) -> &str {
        self.args.get(at).map_or("", String::as_str)
    }

    /// The parameter as a number; `None` when it was omitted or is none.
    pub(super) fn number(&self, at: usize) -> Option<u16> {
        self.text(at).parse().ok()
    }
}

/// The commands of a line, without the `AT` in front.
pub(super) fn split(mut line: &str) -> Vec<Command> {
    let mut commands = Vec::new();
    loop {
        line = line.trim_start_matches([' ', ';']);
        let Some(first) = line.chars().next() else {
            return commands;
        };
        let (command, rest) = match first {
            '+' | '^' | '$' | '*' => extended(line),
            'D' | 'd' => (
                Command::new(
                    "D",
                    Form::Set,
                    vec![String::from(line.get(1..).unwrap_or(""))],
                ),
                "",
            ),
            _ => basic(line),
        };
        commands.push(command);
        line = rest;
    }
}

fn extended(line: &str) -> (Command, &str) {
    let mut quoted = false;
    let end = line.find(|c| {
        quoted ^= c == '"';
        c == ';' && !quoted
    });
    let (one, rest) = line.split_at(end.unwrap_or(line.len()));
    let one = one.trim_end();
    let command = match one.split_once('=') {
        Some((name, "?")) => Command::new(name, Form::Test, Vec::new()),
        Some((name, args)) => Command::new(name, Form::Set, parameters(args)),
        None => match one.strip_suffix('?') {
            Some(name) => Command::new(name, Form::Read, Vec::new()),
            None => Command::new(one, Form::Execute, Vec::new()),
        },
    };
    (command, rest)
}

fn basic(line: &str) -> (Command, &str) {
    let letters = if line.starts_with('&') { 2 } else { 1 };
    let end = line
        .char_indices()
        .nth(letters)
        .map_or(line.len(), |(at, _)| at);
    let (name, rest) = line.split_at(end);
    let end = rest.find(|c: char| !c.is_ascii_digit() && c != '=' && c != '?');
    let (value, rest) = rest.split_at(end.unwrap_or(rest.len()));
    (
        Command::new(name, Form::Execute, vec![String::from(value)]),
        rest,
    )
}

fn parameters(args: &str) -> Vec<String> {
    let mut quoted = false;
    args.split(|c| {
        quoted ^= c == '"';
        c == ',' && !quoted
    })
    .map(|arg| String::from(arg.trim().trim_matches('"')))
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(line: &str) -> Vec<(String, Form, Vec<String>)> {
        split(line)
            .into_iter()
            .map(|c| (c.name, c.form, c.args))
            .collect()
    }

    #[test]
    fn several_commands_stand_on_one_line() {
        let args = |list: &[&str]| {
            list.iter()
                .map(|arg| String::from(*arg))
                .collect::<Vec<_>>()
        };
        assert_eq!(
            shape("E0V1+CMEE=1;+CPIN?;+CSQ;+CNMI=?"),
            [
                (String::from("E"), Form::Execute, args(&["0"])),
                (String::from("V"), Form::Execute, args(&["1"])),
                (String::from("+CMEE"), Form::Set, args(&["1"])),
                (String::from("+CPIN"), Form::Read, args(&[])),
                (String::from("+CSQ"), Form::Execute, args(&[])),
                (String::from("+CNMI"), Form::Test, args(&[])),
            ]
        );
    }

    #[test]
    fn quotes_hide_commas_and_semicolons() {
        let line = split("+CUSD=1,\"a,b;c\",15;&F");
        assert_eq!(line.first().unwrap().args, ["1", "a,b;c", "15"]);
        assert_eq!(line.get(1).unwrap().name, "&F");
        assert_eq!(
            split("+cpms=\"SM\",,\"ME\"").first().unwrap().args,
            ["SM", "", "ME"]
        );
    }

    #[test]
    fn a_dial_string_takes_the_rest_of_the_line() {
        let line = split("D+4917;");
        assert_eq!(line.first().unwrap().text(0), "+4917;");
        assert_eq!(split("äÄ&").len(), 3);
        assert_eq!(split(""), []);
    }
}
