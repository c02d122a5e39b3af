//! Room: what people and programs ask — ROUTES table, JSON, events, authentication, and the guarded doors in front of
//! them. Never acts on its own: it asks the rooms and writes down what they say.
//!
//! ```text
//! door  listeners, allowed networks      crate::seats  who is connected, who makes room
//!   |                                    auth          token, origin; crate::gate: wrong tries
//! visit --- head, ask (request in) ---+
//!   |                                 +--> desk --> routes --> messages, status, page
//!   |                                 +--> events, healthz: the door waits for these itself
//!   |                                 +--> post_get: RutOS's old calls, through a door of their own
//! wire  bytes with deadlines          answer, problem, json (answer out)
//! ```

mod answer;
mod ask;
mod auth;
mod calls;
mod desk;
mod door;
mod events;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
mod head;
mod history;
mod json;
mod json_calls;
mod messages;
mod metrics;
mod openapi;
mod page;
mod post_get;
mod problem;
mod query;
mod routes;
mod status;
mod visit;
mod wire;

#[cfg(test)]
mod tests;

pub use problem::Code;
pub use routes::{ROUTES, Route, Serve};

use std::cell::RefCell;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use tokio::sync::watch;

use crate::clock::Clock;
use crate::config::{Config, Settings};
use crate::feed::Feed;
use crate::forward::Targets;
use crate::inbox::Inbox;
use crate::modem::Handle;
use crate::outbox::Outbox;
use crate::rules;
use crate::seats::Seats;
use crate::signal::Signal;
use crate::smpp;
use crate::stop::Stop;
use crate::store::Shared;

use desk::Desk;
use visit::{Gates, House};

/// When told to stop, answers that are being given may take so long.
const FAREWELL: Duration = Duration::from_secs(2);

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
    /// The SMPP server.
    pub smpp: smpp::Handle,
    /// The modem's worker.
    pub modem: Handle,
    /// What messages set off.
    pub rules: rules::Handle,
    /// The configuration file, for the options that may be changed here.
    pub settings: Settings,
    /// The clocks.
    pub clock: Clock,
}

/// Serves the Unix socket `socket` (mode 0600, trusted) and every `listen` address until told to stop; follows
/// configuration changes. An address that cannot be bound is logged and tried again; the others are served.
/// Runs inside a `LocalSet`.
///
/// # Errors
/// When the Unix socket cannot be made: another agent runs, or the directory is missing.
pub async fn run(
    config: watch::Receiver<Rc<Config>>,
    rooms: Rooms,
    socket: PathBuf,
    mut stop: Stop,
) -> std::io::Result<()> {
    let unix = door::private_socket(&socket).await?;
    let house = Rc::new(House {
        desk: Rc::new(Desk::new(rooms, config.clone(), door::host_name())),
        seats: RefCell::new(Seats::new()),
        gates: Gates::default(),
        stop: stop.clone(),
    });
    tokio::select! {
        () = door::serve_unix(&house, unix) => {}
        () = door::serve_tcp(&house, config) => {}
        () = stop.wait() => {}
    }
    door::take_away(&socket);
    let gone = async {
        while Rc::strong_count(&house) > 1 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let _all_served = tokio::time::timeout(FAREWELL, gone).await;
    Ok(())
}
