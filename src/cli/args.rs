//! Codec: the command line into a [`Command`], by the table of verbs. Never acts on what it parsed.

use std::ffi::OsString;
use std::path::PathBuf;

use lexopt::Arg;

use super::verbs::{VERBS, help};
use super::{Ask, Client, Command, Doctor, Door, MessageBox, Run, Wrong};
#[cfg(feature = "sim")]
use super::{Demo, Sim};
use crate::config::Overrides;
use crate::url::Url;

/// The daemon's Unix socket when nobody names another.
pub const DEFAULT_SOCKET: &str = "/var/run/rut-agent.sock";

/// What stood on the command line after the verb, known to be what the verb takes.
pub struct Given {
    words: Vec<OsString>,
    flags: Vec<(&'static str, OsString)>,
    socket: Option<OsString>,
}

/// Reads the command line without the program's name; `socket` is what `RUT_AGENT_SOCKET` says.
///
/// # Errors
/// [`Wrong`] says what is wrong and how it is right: print it, exit 2.
pub fn parse(
    args: impl IntoIterator<Item = OsString>,
    socket: Option<OsString>,
) -> Result<Command, Wrong> {
    let mut parser = lexopt::Parser::from_args(args);
    let verb = match parser.next().map_err(|why| Wrong(why.to_string()))? {
        None => return Err(Wrong(format!("a verb is missing\n\n{}", help()))),
        Some(Arg::Short('h') | Arg::Long("help")) => return Ok(Command::Help(help())),
        Some(Arg::Short('V') | Arg::Long("version")) => return Ok(Command::Version),
        Some(Arg::Value(name)) => VERBS.iter().find(|verb| name == verb.name).ok_or_else(|| {
            let name = name.to_string_lossy();
            Wrong(format!(
                "there is no verb \"{name}\"; rut-agent --help lists them"
            ))
        })?,
        Some(other) => return Err(Wrong(format!("{}; a verb comes first", other.unexpected()))),
    };
    let wrong = |why: String| Wrong(format!("{why}\nusage: {}", verb.usage()));
    let mut given = Given {
        words: Vec::new(),
        flags: Vec::new(),
        socket: socket.filter(|socket| !socket.is_empty()),
    };
    while let Some(arg) = parser.next().map_err(|why| wrong(why.to_string()))? {
        let flag = match arg {
            Arg::Short('h') | Arg::Long("help") => return Ok(Command::Help(verb.help())),
            Arg::Value(word) => {
                given.words.push(word);
                continue;
            }
            Arg::Short(_) => None,
            Arg::Long(name) => verb.flags().find(|flag| flag.name == name),
        };
        let Some(flag) = flag else {
            return Err(wrong(arg.unexpected().to_string()));
        };
        let value = match flag.value {
            Some(_) => parser.value().map_err(|why| wrong(why.to_string()))?,
            None => OsString::new(),
        };
        given.flags.push((flag.name, value));
    }
    if given.words.len() != verb.words.len() {
        let (wanted, got) = (verb.words.len(), given.words.len());
        return Err(wrong(format!(
            "{} takes {wanted} words, not {got}; quote a text with blanks",
            verb.name
        )));
    }
    (verb.build)(given).map_err(|why| wrong(why.0))
}

impl Given {
    fn has(&self, name: &str) -> bool {
        self.flags.iter().any(|(flag, _)| *flag == name)
    }

    /// The flag's value; the last one counts.
    fn value(&self, name: &str) -> Option<&OsString> {
        let mut flags = self.flags.iter().rev();
        flags
            .find(|(flag, _)| *flag == name)
            .map(|(_, value)| value)
    }

    fn path(&self, name: &str) -> Option<PathBuf> {
        self.value(name).map(PathBuf::from)
    }

    fn text(&self, name: &str) -> Result<Option<String>, Wrong> {
        self.value(name).map(utf8).transpose()
    }

    fn texts(&self, name: &str) -> Result<Vec<String>, Wrong> {
        let values = self.flags.iter().filter(|(flag, _)| *flag == name);
        values.map(|(_, value)| utf8(value)).collect()
    }

    fn word(&self, index: usize) -> Result<String, Wrong> {
        self.words.get(index).map_or(Ok(String::new()), utf8)
    }

    fn id(&self) -> Result<u64, Wrong> {
        let word = self.word(0)?;
        word.parse()
            .map_err(|_why| Wrong(format!("\"{word}\" is not a message's id; list shows them")))
    }

    /// `--socket`, or what the environment says, or the default.
    fn socket(&self) -> PathBuf {
        self.value("socket")
            .or(self.socket.as_ref())
            .map_or_else(|| PathBuf::from(DEFAULT_SOCKET), PathBuf::from)
    }

    fn overrides(&self) -> Result<Overrides, Wrong> {
        Ok(Overrides {
            tty: self.text("tty")?,
            listen: self.texts("listen")?,
            token: self.text("token")?,
        })
    }

    /// A client verb with one word.
    pub fn asks(self, ask: fn(String) -> Ask) -> Result<Command, Wrong> {
        let word = self.word(0)?;
        self.client(ask(word))
    }

    /// A client verb.
    pub fn client(self, ask: Ask) -> Result<Command, Wrong> {
        let door = match self.text("url")? {
            Some(_) if self.has("socket") => {
                return Err(Wrong(String::from("--socket and --url exclude each other")));
            }
            Some(url) => tcp(&url)?,
            None => Door::Socket(self.socket()),
        };
        let token = self.text("token")?;
        // It goes into a header.
        if token
            .as_ref()
            .is_some_and(|token| !token.bytes().all(|byte| byte.is_ascii_graphic()))
        {
            return Err(Wrong(String::from(
                "a token holds visible ASCII characters only",
            )));
        }
        Ok(Command::Ask(Client {
            door,
            token,
            json: self.has("json"),
            ask,
        }))
    }
}

fn utf8(word: &OsString) -> Result<String, Wrong> {
    word.to_str()
        .map(String::from)
        .ok_or_else(|| Wrong(format!("\"{}\" is not UTF-8", word.to_string_lossy())))
}

fn tcp(url: &str) -> Result<Door, Wrong> {
    let wrong = || Wrong(format!("--url must be http://HOST:PORT, not \"{url}\""));
    let url = Url::parse(url).map_err(|_why| wrong())?;
    if url.tls || url.target != "/" || url.credentials.is_some() {
        return Err(wrong());
    }
    Ok(Door::Tcp {
        host: url.host,
        port: url.port,
        authority: url.host_header,
    })
}

/// `run`.
pub fn run(given: Given) -> Result<Command, Wrong> {
    Ok(Command::Run(Run {
        config: given.path("config"),
        overrides: given.overrides()?,
        socket: given.socket(),
    }))
}

/// `check`.
pub fn check(given: Given) -> Result<Command, Wrong> {
    Ok(Command::Check(given.path("config")))
}

/// `doctor`.
pub fn doctor(given: Given) -> Result<Command, Wrong> {
    Ok(Command::Doctor(Doctor {
        config: given.path("config"),
        socket: given.socket(),
        json: given.has("json"),
    }))
}

/// `demo`.
#[cfg(feature = "sim")]
pub fn demo(given: Given) -> Result<Command, Wrong> {
    Ok(Command::Demo(Demo {
        overrides: given.overrides()?,
        socket: given.socket(),
    }))
}

/// `sim`.
#[cfg(feature = "sim")]
pub fn sim(given: Given) -> Result<Command, Wrong> {
    let model = given.text("model")?.unwrap_or_else(|| String::from("ec25"));
    if !["ec25", "slm750", "minimal"].contains(&model.as_str()) {
        return Err(Wrong(format!(
            "there is no model \"{model}\": ec25, slm750 or minimal"
        )));
    }
    Ok(Command::Sim(Sim {
        model,
        link: given.path("link"),
        control: given.path("control"),
        chat: given.path("chat"),
        pin: given.text("pin")?,
    }))
}

/// `send`.
pub fn send(given: Given) -> Result<Command, Wrong> {
    let ask = Ask::Send {
        to: given.word(0)?,
        text: given.word(1)?,
        flash: given.has("flash"),
        wait: given.has("wait"),
    };
    given.client(ask)
}

/// `list`.
pub fn list(given: Given) -> Result<Command, Wrong> {
    let which = match given.text("box")?.as_deref() {
        None | Some("inbox") => MessageBox::Inbox,
        Some("sent") => MessageBox::Sent,
        Some(other) => return Err(Wrong(format!("--box is inbox or sent, not \"{other}\""))),
    };
    given.client(Ask::List(which))
}

/// `signal`.
pub fn signal(given: Given) -> Result<Command, Wrong> {
    let ask = if given.has("watch") {
        Ask::WatchSignal
    } else {
        Ask::Signal
    };
    given.client(ask)
}

/// `read`.
pub fn read(given: Given) -> Result<Command, Wrong> {
    let id = given.id()?;
    given.client(Ask::Read(id))
}

/// `delete`.
pub fn delete(given: Given) -> Result<Command, Wrong> {
    let id = given.id()?;
    given.client(Ask::Delete(id))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &[&str]) -> Result<Command, Wrong> {
        parse(line.iter().map(OsString::from), None)
    }

    #[track_caller]
    fn wrong(line: &[&str], part: &str) {
        let why = parsed(line).expect_err("it should be wrong").0;
        assert!(why.contains(part), "{why}");
    }

    #[track_caller]
    fn client(line: &[&str]) -> Client {
        match parsed(line) {
            Ok(Command::Ask(client)) => client,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn run_takes_what_stands_above_the_file() {
        let expected = Run {
            config: Some("/tmp/c".into()),
            overrides: Overrides {
                tty: Some(String::from("/dev/ttyUSB3")),
                listen: vec![String::from("127.0.0.1:1"), String::from("[::1]:2")],
                token: Some(String::from("t")),
            },
            socket: "/tmp/s".into(),
        };
        let line = [
            "run",
            "--config",
            "/tmp/c",
            "--tty=/dev/ttyUSB3",
            "--listen",
            "127.0.0.1:1",
            "--listen",
            "[::1]:2",
            "--token",
            "t",
            "--socket",
            "/tmp/s",
        ];
        assert_eq!(parsed(&line), Ok(Command::Run(expected)));
        let bare = Run {
            config: None,
            overrides: Overrides::default(),
            socket: DEFAULT_SOCKET.into(),
        };
        assert_eq!(parsed(&["run"]), Ok(Command::Run(bare)));
        assert_eq!(
            parsed(&["check", "--config", "x"]),
            Ok(Command::Check(Some("x".into())))
        );
    }

    #[test]
    fn calls_codes_and_commands_are_one_word() {
        let ask = |line: &[&str]| client(line).ask;
        assert_eq!(ask(&["call", "112"]), Ask::Call(String::from("112")));
        assert_eq!(ask(&["hangup"]), Ask::HangUp);
        assert_eq!(ask(&["ussd", "*100#"]), Ask::Ussd(String::from("*100#")));
        assert_eq!(ask(&["at", "AT+CSQ"]), Ask::At(String::from("AT+CSQ")));
        wrong(&["call"], "call takes 1 words, not 0");
        wrong(&["hangup", "now"], "hangup takes 0 words");
    }

    #[cfg(feature = "sim")]
    #[test]
    fn the_simulated_modem_is_told_its_model_and_places() {
        let sim = |model: &str, link: Option<&str>| {
            Command::Sim(Sim {
                model: String::from(model),
                link: link.map(PathBuf::from),
                control: None,
                chat: None,
                pin: None,
            })
        };
        assert_eq!(parsed(&["sim"]), Ok(sim("ec25", None)));
        assert_eq!(
            parsed(&["sim", "--model", "minimal", "--link", "/tmp/tty"]),
            Ok(sim("minimal", Some("/tmp/tty")))
        );
        wrong(&["sim", "--model", "nokia"], "there is no model");
        let Ok(Command::Demo(demo)) = parsed(&["demo", "--listen", "127.0.0.1:0"]) else {
            panic!("demo is a verb");
        };
        assert_eq!(demo.overrides.listen, ["127.0.0.1:0"]);
    }

    #[test]
    fn client_verbs_take_their_words_and_flags_in_any_order() {
        let send = Ask::Send {
            to: String::from("@family"),
            text: String::from("-5 °C outside"),
            flash: true,
            wait: true,
        };
        let got = client(&[
            "send",
            "--flash",
            "@family",
            "--json",
            "--wait",
            "--",
            "-5 °C outside",
        ]);
        assert_eq!((got.ask, got.json), (send, true));
        assert_eq!(client(&["list"]).ask, Ask::List(MessageBox::Inbox));
        assert_eq!(
            client(&["list", "--box", "sent"]).ask,
            Ask::List(MessageBox::Sent)
        );
        assert_eq!(client(&["read", "7"]).ask, Ask::Read(7));
        assert_eq!(client(&["delete", "7"]).ask, Ask::Delete(7));
        assert_eq!(client(&["status"]).ask, Ask::Status);
        assert_eq!(client(&["signal"]).ask, Ask::Signal);
        assert_eq!(client(&["signal", "--watch"]).ask, Ask::WatchSignal);
        assert_eq!(client(&["events"]).ask, Ask::Events);
    }

    #[test]
    fn the_agent_is_found_by_flag_then_environment_then_default() {
        let door = |line: &[&str], env: Option<&str>| match parse(
            line.iter().map(OsString::from),
            env.map(OsString::from),
        ) {
            Ok(Command::Ask(client)) => client.door,
            other => panic!("{other:?}"),
        };
        let socket = |path: &str| Door::Socket(path.into());
        assert_eq!(door(&["status"], None), socket(DEFAULT_SOCKET));
        assert_eq!(door(&["status"], Some("")), socket(DEFAULT_SOCKET));
        assert_eq!(door(&["status"], Some("/env")), socket("/env"));
        assert_eq!(
            door(&["status", "--socket", "/flag"], Some("/env")),
            socket("/flag")
        );
        let tcp = |host: &str, port: u16, authority: &str| Door::Tcp {
            host: String::from(host),
            port,
            authority: String::from(authority),
        };
        let url = |url: &str| door(&["status", "--url", url], Some("/env"));
        assert_eq!(
            url("http://router:8240"),
            tcp("router", 8240, "router:8240")
        );
        assert_eq!(
            url("http://[fd00::2]:8240/"),
            tcp("fd00::2", 8240, "[fd00::2]:8240")
        );
        assert_eq!(url("http://10.0.0.1"), tcp("10.0.0.1", 80, "10.0.0.1"));
    }

    #[test]
    fn wrong_usage_is_told_with_the_right_one() {
        wrong(&[], "a verb is missing");
        wrong(&["docter"], "there is no verb \"docter\"");
        wrong(&["--json", "status"], "a verb comes first");
        wrong(&["status", "--jsn"], "usage: rut-agent status");
        wrong(&["status", "-x"], "usage: rut-agent status");
        wrong(&["status", "--json=1"], "unexpected argument");
        wrong(&["status", "--url"], "missing argument");
        wrong(&["send", "+12025550155"], "send takes 2 words, not 1");
        wrong(
            &["send", "+12025550155", "two", "words"],
            "send takes 2 words, not 3",
        );
        wrong(&["read", "first"], "is not a message's id");
        wrong(&["list", "--box", "trash"], "--box is inbox or sent");
        wrong(
            &["status", "--socket", "/s", "--url", "http://x"],
            "exclude each other",
        );
        wrong(&["status", "--token", "a\r\nb"], "visible ASCII");
        for url in [
            "https://router",
            "router:8240",
            "http://router/api",
            "http://me@router",
        ] {
            wrong(&["status", "--url", url], "--url must be http://HOST:PORT");
        }
    }

    #[test]
    fn help_shows_every_verb_and_its_flags() {
        assert_eq!(parsed(&["--version"]), Ok(Command::Version));
        assert_eq!(parsed(&["-h"]), Ok(Command::Help(help())));
        for verb in VERBS {
            assert!(help().contains(&format!("rut-agent {}", verb.name)));
            let Ok(Command::Help(own)) = parsed(&[verb.name, "--help"]) else {
                panic!("{} has help", verb.name);
            };
            for flag in verb.flags() {
                assert!(own.contains(&format!("--{} ", flag.name)), "{own}");
            }
        }
    }
}
