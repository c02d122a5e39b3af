//! Table: every verb with its words and flags — the parser, `--help` and the README read it. Never acts on a verb.

use std::fmt::Write;

use super::args::{self, Given};
use super::{Ask, Command, Wrong};

/// One verb.
pub struct Verb {
    /// Its name.
    pub name: &'static str,
    /// What must follow it, in order.
    pub words: &'static [&'static str],
    flags: &'static [&'static [Flag]],
    help: &'static str,
    /// Makes the command of what was given.
    pub build: fn(Given) -> Result<Command, Wrong>,
}

/// One flag; with a `value`, something must follow it.
pub struct Flag {
    /// Its name, without the hyphens.
    pub name: &'static str,
    /// What its value is called.
    pub value: Option<&'static str>,
    help: &'static str,
}

const fn flag(name: &'static str, value: Option<&'static str>, help: &'static str) -> Flag {
    Flag { name, value, help }
}

#[rustfmt::skip]
const CONFIG: &[Flag] = &[
    flag("config", Some("FILE"), "the configuration, /etc/config/rut-agent unless named"),
];
#[rustfmt::skip]
const LISTEN: &[Flag] = &[
    flag("listen", Some("ADDR"), "serve the API on this address:port, once for each"),
    flag("socket", Some("PATH"), "serve the command line on this Unix socket"),
];
#[rustfmt::skip]
const PORT: &[Flag] = &[
    flag("tty", Some("DEV"), "the modem's port instead of the configured one"),
    flag("token", Some("TOKEN"), "the API's token"),
];
#[rustfmt::skip]
const CLIENT: &[Flag] = &[
    flag("socket", Some("PATH"), "the agent's Unix socket; RUT_AGENT_SOCKET names one, too"),
    flag("url", Some("URL"), "an agent elsewhere, such as http://192.168.1.1:8240"),
    flag("token", Some("TOKEN"), "its token"),
    flag("json", None, "print what the API answers"),
];
#[rustfmt::skip]
const DOCTOR: &[Flag] = &[
    flag("socket", Some("PATH"), "the Unix socket of an agent to ask, if one runs"),
    flag("json", None, "for programs"),
];
#[rustfmt::skip]
const SEND: &[Flag] = &[
    flag("flash", None, "shown at once, not stored by the phone"),
    flag("wait", None, "wait until it is sent or failed"),
];
#[rustfmt::skip]
const BOX: &[Flag] = &[
    flag("box", Some("BOX"), "inbox or sent; inbox unless named"),
];
#[rustfmt::skip]
const WATCH: &[Flag] = &[
    flag("watch", None, "a live line, until interrupted"),
];
#[cfg(feature = "sim")]
#[rustfmt::skip]
const SIM: &[Flag] = &[
    flag("model", Some("MODEL"), "ec25, slm750 or minimal; ec25 unless named"),
    flag("link", Some("PATH"), "make this name point to the modem's pty"),
    flag("control", Some("PATH"), "be controllable over this Unix socket"),
    flag("chat", Some("FILE"), "follow this script"),
    flag("pin", Some("PIN"), "the SIM asks for this PIN"),
];

/// Every verb of this build.
#[rustfmt::skip]
pub const VERBS: &[Verb] = &[
    verb("run", &[], &[CONFIG, PORT, LISTEN], "the daemon, in the foreground", args::run),
    verb("check", &[], &[CONFIG], "read the configuration and print every problem", args::check),
    verb("doctor", &[], &[CONFIG, DOCTOR], "look at this router: what is wrong, and the commands against it", args::doctor),
    #[cfg(feature = "sim")]
    verb("demo", &[], &[LISTEN], "the whole agent on a simulated modem", args::demo),
    #[cfg(feature = "sim")]
    verb("sim", &[], &[SIM], "a simulated modem alone", args::sim),
    verb("send", &["NUMBER", "TEXT"], &[SEND, CLIENT], "send a message; @NAME is a phone group", args::send),
    verb("list", &[], &[BOX, CLIENT], "list messages", args::list),
    verb("read", &["ID"], &[CLIENT], "show one message", args::read),
    verb("delete", &["ID"], &[CLIENT], "delete a message, or cancel one that waits", args::delete),
    verb("status", &[], &[CLIENT], "modem, SIM, network, storage", |given| given.client(Ask::Status)),
    verb("signal", &[], &[WATCH, CLIENT], "signal levels", args::signal),
    verb("call", &["NUMBER"], &[CLIENT], "call a number; hangup ends it", |given| given.asks(Ask::Call)),
    verb("hangup", &[], &[CLIENT], "end the call, or reject it", |given| given.client(Ask::HangUp)),
    verb("ussd", &["CODE"], &[CLIENT], "send a code such as '*100#', or an answer to the network", |given| given.asks(Ask::Ussd)),
    verb("at", &["COMMAND"], &[CLIENT], "one AT command, where option allow_at is 1", |given| given.asks(Ask::At)),
    verb("completion", &[], &[], "print what completes this in bash: eval \"$(rut-agent completion)\"", |_| Ok(Command::Help(completion()))),
    verb("events", &[], &[CLIENT], "follow what happens", |given| given.client(Ask::Events)),
];

const fn verb(
    name: &'static str,
    words: &'static [&'static str],
    flags: &'static [&'static [Flag]],
    help: &'static str,
    build: fn(Given) -> Result<Command, Wrong>,
) -> Verb {
    Verb {
        name,
        words,
        flags,
        help,
        build,
    }
}

impl Verb {
    /// Its flags in order.
    pub fn flags(&self) -> impl Iterator<Item = &'static Flag> {
        self.flags.iter().copied().flatten()
    }

    /// One line: how it is written.
    pub fn usage(&self) -> String {
        let mut out = format!("rut-agent {}", self.name);
        for word in self.words {
            let _ok = write!(out, " {word}");
        }
        for flag in self.flags() {
            let value = flag
                .value
                .map_or(String::new(), |value| format!(" {value}"));
            let _ok = write!(out, " [--{}{value}]", flag.name);
        }
        out
    }

    /// What `VERB --help` prints.
    pub fn help(&self) -> String {
        let mut out = format!("{}\n{}\n\n", self.usage(), self.help);
        for flag in self.flags() {
            let left = format!("--{} {}", flag.name, flag.value.unwrap_or_default());
            let _ok = writeln!(out, "  {left:16} {}", flag.help);
        }
        out
    }
}

/// A bash function that completes verbs and flags. Busybox ash knows no completion of words.
fn completion() -> String {
    let mut out = String::from(
        "_rut_agent() { local w; case \"$COMP_CWORD:${COMP_WORDS[1]}\" in\n1:*) w='--help --version",
    );
    for verb in VERBS {
        let _ok = write!(out, " {}", verb.name);
    }
    out.push_str("';;\n");
    for verb in VERBS {
        let _ok = write!(out, "*:{}) w='--help", verb.name);
        for flag in verb.flags() {
            let _ok = write!(out, " --{}", flag.name);
        }
        out.push_str("';;\n");
    }
    out.push_str(
        "esac; COMPREPLY=($(compgen -W \"$w\" -- \"$2\")); }\ncomplete -o default -F _rut_agent rut-agent\n",
    );
    out
}

/// What `--help` prints.
pub fn help() -> String {
    let mut out = String::from("rut-agent: SMS, calls and signal of this router's modem\n\n");
    for verb in VERBS {
        let left = format!("{} {}", verb.name, verb.words.join(" "));
        let _ok = writeln!(out, "  rut-agent {left:18} {}", verb.help);
    }
    out.push_str(
        "\nrut-agent VERB --help tells a verb's flags. Exit codes: 0 done, 1 failed, 2 wrong usage, 3 no agent answers.\n",
    );
    out
}
