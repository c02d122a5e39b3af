//! Room: the simulated modem — a pty that speaks AT as an EC25, an SLM750 or a barely conforming modem does, with faults,
//! for tests and `rut-agent demo`. Never in the router build, and never through `sms/`: it has a codec of its own.

mod alphabet;
mod command;
mod commands;
mod control;
mod deliver;
mod engine;
mod faults;
mod inbound;
mod models;
mod modem;
mod network;
mod orders;
mod pdu;
mod pty;
mod run;
mod store;
mod submit;
#[cfg(test)]
mod tests;
mod wait;

use std::ffi::OsString;
use std::io;
use std::path::PathBuf;

use lexopt::{Arg, Parser, ValueExt};

pub use models::{Model, UnknownModel};
pub use run::Simulator;

use crate::stop::Stop;

/// What is simulated, and where.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Which modem.
    pub model: Model,
    /// The link that points to the port while it is plugged.
    pub link: PathBuf,
    /// The control socket; `control.rs` says what it understands.
    pub control: Option<PathBuf>,
    /// A chat file: control lines done at the start.
    pub chat: Option<PathBuf>,
    /// The SIM asks for this PIN.
    pub pin: Option<String>,
}

/// How `rut-agent sim` is called.
pub const USAGE: &str = "rut-agent sim [--model ec25|slm750|minimal] --link PATH [--control SOCKET] [--chat FILE] [--pin PIN]";

impl Options {
    /// Reads what stands behind `rut-agent sim`.
    ///
    /// # Errors
    /// An option that does not exist, lacks its value, or `--link` missing.
    pub fn from_args(args: impl IntoIterator<Item = OsString>) -> Result<Options, lexopt::Error> {
        let mut parser = Parser::from_args(args);
        let mut options = Options::default();
        while let Some(arg) = parser.next()? {
            match arg {
                Arg::Long("model") => options.model = parser.value()?.parse()?,
                Arg::Long("link") => options.link = parser.value()?.into(),
                Arg::Long("control") => options.control = Some(parser.value()?.into()),
                Arg::Long("chat") => options.chat = Some(parser.value()?.into()),
                Arg::Long("pin") => options.pin = Some(parser.value()?.string()?),
                Arg::Long(_) | Arg::Short(_) | Arg::Value(_) => return Err(arg.unexpected()),
            }
        }
        if options.link.as_os_str().is_empty() {
            return Err(lexopt::Error::from(format!("--link is missing: {USAGE}")));
        }
        Ok(options)
    }
}

/// Runs a simulated modem until told to stop; inside a `LocalSet`.
///
/// # Errors
/// When the chat file fails, or no pseudo terminal, link or socket can be made.
pub async fn run(options: Options, stop: Stop) -> io::Result<()> {
    Simulator::new(&options)?
        .run(options.control.as_deref(), stop)
        .await
}
