//! Room: the command line — verbs, `check`, and the client that asks a running agent. Never touches the modem or the
//! store: whatever a client verb does, the agent does for it.

use std::fmt;
use std::path::PathBuf;

use crate::config::Overrides;

mod args;
mod client;
mod connection;
mod http;
mod live;
mod show;
mod sse;
mod verbs;

pub use args::{DEFAULT_SOCKET, parse};
pub use client::{agent_status, ask, check};
pub use verbs::help;

/// Exit code: it was done.
pub const DONE: u8 = 0;
/// Exit code: the agent, or the configuration, said no.
pub const FAILED: u8 = 1;
/// Exit code: the command line is wrong.
pub const WRONG_USAGE: u8 = 2;
/// Exit code: no agent answers.
pub const NO_AGENT: u8 = 3;

/// What the command line asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Be the daemon.
    Run(Run),
    /// Read this configuration, or the router's own, and tell the problems: [`check`].
    Check(Option<PathBuf>),
    /// Look at this router.
    Doctor(Doctor),
    /// Be the daemon on a simulated modem.
    #[cfg(feature = "sim")]
    Demo(Demo),
    /// Be a simulated modem.
    #[cfg(feature = "sim")]
    Sim(Sim),
    /// Ask a running agent: [`ask`].
    Ask(Client),
    /// Print this.
    Help(String),
    /// Print the version.
    Version,
}

/// `run`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// `--config`; `None`: the router's own file, which may be missing.
    pub config: Option<PathBuf>,
    /// `--tty`, `--listen`, `--token`.
    pub overrides: Overrides,
    /// `--socket`, `RUT_AGENT_SOCKET`, or [`DEFAULT_SOCKET`].
    pub socket: PathBuf,
}

/// `doctor`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Doctor {
    /// `--config`; `None`: the router's own file, which may be missing.
    pub config: Option<PathBuf>,
    /// As in [`Run`].
    pub socket: PathBuf,
    /// `--json`: for programs.
    pub json: bool,
}

/// `demo`.
#[cfg(feature = "sim")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Demo {
    /// `--listen`.
    pub overrides: Overrides,
    /// As in [`Run`].
    pub socket: PathBuf,
}

/// `sim`.
#[cfg(feature = "sim")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sim {
    /// `--model`: `ec25`, `slm750` or `minimal`.
    pub model: String,
    /// `--link`.
    pub link: Option<PathBuf>,
    /// `--control`.
    pub control: Option<PathBuf>,
    /// `--chat`.
    pub chat: Option<PathBuf>,
    /// `--pin`.
    pub pin: Option<String>,
}

/// A client verb and where its agent is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Client {
    /// Where the agent is.
    pub door: Door,
    /// `--token`.
    pub token: Option<String>,
    /// `--json`: print the API's answer instead of words.
    pub json: bool,
    /// What is asked.
    pub ask: Ask,
}

/// Where an agent answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Door {
    /// Its Unix socket.
    Socket(PathBuf),
    /// `--url`.
    Tcp {
        /// Name or address, without brackets.
        host: String,
        /// Port.
        port: u16,
        /// Both as the URL had them, for the `Host` header.
        authority: String,
    },
}

/// What a client verb asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ask {
    /// `send`.
    Send {
        /// A number, or a group's name after `@`.
        to: String,
        /// The text.
        text: String,
        /// `--flash`.
        flash: bool,
        /// `--wait`: until it is final.
        wait: bool,
    },
    /// `list`.
    List(MessageBox),
    /// `read`.
    Read(u64),
    /// `delete`.
    Delete(u64),
    /// `status`.
    Status,
    /// `signal`.
    Signal,
    /// `signal --watch`: until interrupted.
    WatchSignal,
    /// `call`: this number.
    Call(String),
    /// `hangup`.
    HangUp,
    /// `ussd`: this code.
    Ussd(String),
    /// `at`: this command.
    At(String),
    /// `events`.
    Events,
}

/// Which messages are listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MessageBox {
    /// Received.
    Inbox,
    /// To send, and sent.
    Sent,
}

impl MessageBox {
    /// The API's word.
    fn as_str(self) -> &'static str {
        match self {
            MessageBox::Inbox => "inbox",
            MessageBox::Sent => "sent",
        }
    }
}

/// What is wrong with a command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wrong(pub String);

impl fmt::Display for Wrong {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

impl std::error::Error for Wrong {}
