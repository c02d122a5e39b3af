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

use std::io;
use std::path::PathBuf;

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

/// Runs a simulated modem until told to stop; inside a `LocalSet`.
///
/// # Errors
/// When the chat file fails, or no pseudo terminal, link or socket can be made.
pub async fn run(options: Options, stop: Stop) -> io::Result<()> {
    Simulator::new(&options)?
        .run(options.control.as_deref(), stop)
        .await
}
