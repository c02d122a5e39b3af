//! Room: pushing events to targets — cursors on flash, retry with growing pauses, order per target, HTTP in three
//! methods. Never loses an event: a cursor moves only after the receiver said 2xx, and one slow target holds up no other.

use std::cell::RefCell;
use std::rc::Rc;

use tokio::sync::watch;

use crate::clock::Clock;
use crate::config::Config;
use crate::feed::Feed;
use crate::inbox::Inbox;
use crate::stop::Stop;
use crate::store::Shared;

/// What the forwarders work with.
#[derive(Debug, Clone)]
pub struct Rooms {
    /// Events and cursors.
    pub store: Shared,
    /// The messages that events speak of.
    pub inbox: Rc<RefCell<Inbox>>,
    /// The bell.
    pub feed: Feed,
    /// The clocks.
    pub clock: Clock,
}

/// How a target fares, for `GET /push` and `/status`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Health {
    /// The section's name.
    pub name: String,
    /// Events that wait for it.
    pub queued: u64,
    /// Delivered since the agent started.
    pub delivered: u64,
    /// What went wrong last, if the last try did.
    pub last_error: Option<String>,
}

/// How all targets fare, shared with the API.
pub type Targets = Rc<RefCell<Vec<Health>>>;

/// Runs every configured target until told to stop; follows configuration changes. Never ends for a target's fault.
#[expect(
    unused_variables,
    clippy::unused_async,
    reason = "the forwarders' helper fills this in"
)]
pub async fn run(config: watch::Receiver<Rc<Config>>, rooms: Rooms, targets: Targets, stop: Stop) {}
