//! Room: what people and programs ask — ROUTES table, JSON, events, authentication, and the guarded doors in front of
//! tiny_http. Never acts on its own: it asks the rooms and writes down what they say.

use std::cell::RefCell;
use std::path::PathBuf;
use std::rc::Rc;

use tokio::sync::watch;

use crate::clock::Clock;
use crate::config::Config;
use crate::feed::Feed;
use crate::forward::Targets;
use crate::inbox::Inbox;
use crate::modem::Handle;
use crate::outbox::Outbox;
use crate::signal::Signal;
use crate::stop::Stop;
use crate::store::Shared;

/// What the handlers ask.
#[derive(Clone, Debug)]
pub struct Rooms {
    /// Events, usage.
    pub store: Shared,
    /// Received messages.
    pub inbox: Rc<RefCell<Inbox>>,
    /// Messages to send.
    pub outbox: Rc<RefCell<Outbox>>,
    /// Radio state.
    pub signal: Rc<RefCell<Signal>>,
    /// The bell.
    pub feed: Feed,
    /// The forwarders' health.
    pub targets: Targets,
    /// The modem's worker.
    pub modem: Handle,
    /// The clocks.
    pub clock: Clock,
}

/// Serves the Unix socket `socket` (mode 0600, trusted) and every `listen` address until told to stop; follows
/// configuration changes. An address that cannot be bound is logged and tried again; the others are served.
///
/// # Errors
/// When the Unix socket cannot be made: another agent runs, or the directory is missing.
#[expect(
    unused_variables,
    clippy::unused_async,
    reason = "the API's helper fills this in"
)]
pub async fn run(
    config: watch::Receiver<Rc<Config>>,
    rooms: Rooms,
    socket: PathBuf,
    stop: Stop,
) -> std::io::Result<()> {
    Ok(())
}
