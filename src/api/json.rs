//! Words: every JSON name of the API, requests and answers. Never a rule: what is allowed is decided by the handlers.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::forward::Health;
use crate::inbox::Stored;
use crate::message::{Encoding, Event, Outgoing, SendError, Status};
use crate::signal::{Levels, ModemState, Neighbour, Network, Registration, Technology, Tenths};
use crate::smpp;
use crate::sms::Preview;

/// `POST /messages`, and `POST /messages/preview`, where all but the text is ignored.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewMessage {
    /// A number, `@group`, or a list of them.
    #[serde(default)]
    pub to: Value,
    /// The text.
    pub text: String,
    /// Class 0. Default: false.
    #[serde(default)]
    pub flash: bool,
    /// Ask for a delivery report. Default: true, or no message would ever be `delivered`.
    #[serde(default = "yes")]
    pub report: bool,
    /// Seconds.
    #[serde(default)]
    pub validity_s: Option<u32>,
}

fn yes() -> bool {
    true
}

/// The answer to `POST /messages`.
#[derive(Debug, Serialize)]
pub struct Queued {
    /// One for each recipient, in their order.
    pub messages: Vec<QueuedMessage>,
}

/// One accepted message.
#[derive(Debug, Serialize)]
pub struct QueuedMessage {
    id: String,
    to: String,
    status: Status,
    encoding: Encoding,
    parts: u8,
}

impl From<&Outgoing> for QueuedMessage {
    fn from(message: &Outgoing) -> QueuedMessage {
        QueuedMessage {
            id: message.id.to_string(),
            to: message.submission.to.to_string(),
            status: message.status,
            encoding: message.encoding,
            parts: message.parts,
        }
    }
}

/// The answer to `POST /messages/preview`.
#[derive(Debug, Serialize)]
pub struct Cost {
    encoding: Encoding,
    parts: u8,
    characters: usize,
    left_in_part: usize,
}

impl From<Preview> for Cost {
    fn from(preview: Preview) -> Cost {
        Cost {
            encoding: preview.encoding,
            parts: preview.parts,
            characters: preview.characters,
            left_in_part: preview.left_in_part,
        }
    }
}

/// A message of either box.
#[derive(Debug, Serialize)]
#[serde(tag = "box", rename_all = "lowercase")]
pub enum Message {
    /// Received.
    Inbox(Received),
    /// To send, or sent.
    Sent(Sent),
}

/// A received message.
#[derive(Debug, Serialize)]
pub struct Received {
    id: String,
    from: String,
    text: String,
    sent_at: Option<String>,
    received_at: String,
    parts: u8,
    complete: bool,
    read: bool,
    class: Option<u8>,
}

impl From<Stored> for Received {
    fn from(stored: Stored) -> Received {
        let message = stored.message;
        Received {
            id: message.id.to_string(),
            from: message.from.to_string(),
            text: message.text,
            sent_at: message.sent_at.map(|at| at.rfc3339()),
            received_at: message.received_at.rfc3339(),
            parts: message.parts,
            complete: message.complete,
            read: stored.read,
            class: message.class,
        }
    }
}

/// A message to send, or sent.
#[derive(Debug, Serialize)]
pub struct Sent {
    id: String,
    to: String,
    text: String,
    status: Status,
    error: Option<SendError>,
    created_at: String,
    sent_at: Option<String>,
    delivered_at: Option<String>,
    parts: u8,
    encoding: Encoding,
    flash: bool,
}

impl From<Outgoing> for Sent {
    fn from(message: Outgoing) -> Sent {
        Sent {
            id: message.id.to_string(),
            to: message.submission.to.to_string(),
            text: message.submission.text,
            status: message.status,
            error: message.error,
            created_at: message.created_at.rfc3339(),
            sent_at: message.sent_at.map(|at| at.rfc3339()),
            delivered_at: message.delivered_at.map(|at| at.rfc3339()),
            parts: message.parts,
            encoding: message.encoding,
            flash: message.submission.flash,
        }
    }
}

impl Message {
    /// Its id, as the cursor of a listing.
    pub fn id(&self) -> &str {
        match self {
            Message::Inbox(message) => &message.id,
            Message::Sent(message) => &message.id,
        }
    }

    /// Bytes of its text, for the length of a page.
    pub fn weight(&self) -> usize {
        match self {
            Message::Inbox(message) => message.text.len(),
            Message::Sent(message) => message.text.len(),
        }
    }
}

/// The answer to `GET /messages`.
#[derive(Debug, Serialize)]
pub struct Messages {
    /// Oldest first.
    pub messages: Vec<Message>,
    /// `after` of the next page; null when this was the last.
    pub next: Option<String>,
}

/// One event.
#[derive(Debug, Serialize)]
pub struct EventJson {
    /// Its number, to go on from.
    pub seq: u64,
    r#type: &'static str,
    at: String,
    message: Option<String>,
    data: Value,
}

/// What the event `message.received` says of its message besides the facts.
#[derive(Debug, Serialize)]
struct ReceivedData {
    from: String,
    text: String,
    sent_at: Option<String>,
    received_at: String,
    parts: u8,
    complete: bool,
    class: Option<u8>,
}

impl EventJson {
    /// An event, with the received message it speaks of if that is still there.
    pub fn new(event: Event, received: Option<Stored>) -> EventJson {
        let mut data = match event.facts {
            Value::Object(facts) => facts,
            Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::String(_)
            | Value::Array(_) => serde_json::Map::new(),
        };
        if let Some(message) = received.map(|stored| stored.message) {
            let facts = serde_json::to_value(ReceivedData {
                from: message.from.to_string(),
                text: message.text,
                sent_at: message.sent_at.map(|at| at.rfc3339()),
                received_at: message.received_at.rfc3339(),
                parts: message.parts,
                complete: message.complete,
                class: message.class,
            });
            if let Ok(Value::Object(facts)) = facts {
                data.extend(facts);
            }
        }
        EventJson {
            seq: event.seq,
            r#type: event.kind.as_str(),
            at: event.at.rfc3339(),
            message: event.message.map(|id| id.to_string()),
            data: Value::Object(data),
        }
    }

    /// The type, as Server-Sent Events name it.
    pub fn kind(&self) -> &'static str {
        self.r#type
    }
}

/// The answer to `GET /events` without a stream.
#[derive(Debug, Serialize)]
pub struct Events {
    /// Oldest first.
    pub events: Vec<EventJson>,
    /// `after` of the next page.
    pub next: u64,
}

/// The answer to `GET /status`.
#[derive(Debug, Serialize)]
pub struct StatusJson {
    /// This program.
    pub agent: Agent,
    /// The modem.
    pub modem: Modem,
    /// The SIM.
    pub sim: Sim,
    /// The network.
    pub network: NetworkJson,
    /// The levels.
    pub signal: SignalJson,
    /// The modem's message store.
    pub storage: Storage,
    /// What waits.
    pub queues: Queues,
    /// The SMPP server.
    pub smpp: SmppCounts,
    /// What came.
    pub inbox: Inbox,
}

/// `smpp` of the status.
#[derive(Debug, Serialize)]
pub struct SmppCounts {
    sessions: usize,
    submitted: u64,
    delivered: u64,
    failed: u64,
    refused: u64,
}

impl From<smpp::Counts> for SmppCounts {
    fn from(counts: smpp::Counts) -> SmppCounts {
        SmppCounts {
            sessions: counts.sessions,
            submitted: counts.submitted,
            delivered: counts.delivered,
            failed: counts.failed,
            refused: counts.refused,
        }
    }
}

/// The answer to `GET /smpp`.
#[derive(Debug, Serialize)]
pub struct SmppJson {
    listening: Vec<String>,
    sessions: Vec<SmppSession>,
}

/// A bound session.
#[derive(Debug, Serialize)]
struct SmppSession {
    peer: String,
    mode: &'static str,
    version: String,
    since: String,
    submitted: u64,
    delivered: u64,
    in_flight: usize,
}

impl From<&smpp::Handle> for SmppJson {
    fn from(smpp: &smpp::Handle) -> SmppJson {
        let session = |session: smpp::Session| SmppSession {
            peer: session.peer.to_string(),
            mode: session.mode,
            version: format!("{}.{}", session.version >> 4, session.version & 0x0f),
            since: session.since.rfc3339(),
            submitted: session.submitted,
            delivered: session.delivered,
            in_flight: session.in_flight,
        };
        SmppJson {
            listening: smpp.listening().iter().map(ToString::to_string).collect(),
            sessions: smpp.sessions().into_iter().map(session).collect(),
        }
    }
}

/// `agent` of the status.
#[derive(Debug, Serialize)]
pub struct Agent {
    /// Of the program.
    pub version: &'static str,
    /// Since the start.
    pub uptime_s: u64,
    /// The router's name.
    pub name: Option<String>,
    /// By the router's clock as it stands now.
    pub started_at: String,
    /// Bytes of the state directory.
    pub state_bytes: u32,
    /// What they may become.
    pub state_limit: u32,
    /// Bytes written to flash since the start.
    pub flash_written: u64,
}

/// `modem` of the status.
#[derive(Debug, Serialize)]
pub struct Modem {
    /// Where it stands.
    pub state: ModemState,
    /// The port in use.
    pub tty: Option<String>,
    /// Who made it.
    pub manufacturer: Option<String>,
    /// Its model.
    pub model: Option<String>,
    /// Its firmware.
    pub revision: Option<String>,
    /// Its number.
    pub imei: Option<String>,
    /// Its warmest sensor, degrees Celsius.
    pub temperature_c: Option<i16>,
}

/// `sim` of the status.
#[derive(Debug, Serialize)]
pub struct Sim {
    /// `ready`, `sim-pin`, `absent`, …
    pub state: Option<String>,
    /// The card's number.
    pub iccid: Option<String>,
    /// The subscriber's number.
    pub imsi: Option<String>,
    /// The service centre.
    pub smsc: Option<String>,
}

/// `network` of the status.
#[derive(Debug, Serialize)]
pub struct NetworkJson {
    registration: Registration,
    operator: Option<String>,
    plmn: Option<String>,
    technology: Option<Technology>,
    area: Option<String>,
    cell: Option<String>,
    band: Option<String>,
    channel: Option<u32>,
    pci: Option<u16>,
    neighbours: Vec<Neighbour>,
}

impl From<&Network> for NetworkJson {
    fn from(network: &Network) -> NetworkJson {
        NetworkJson {
            registration: network.registration,
            operator: network.operator.clone(),
            plmn: network.plmn.clone(),
            technology: network.technology,
            area: network.area.clone(),
            cell: network.cell.clone(),
            band: network.radio.band.clone(),
            channel: network.radio.channel,
            pci: network.radio.pci,
            neighbours: network.radio.neighbours.clone(),
        }
    }
}

/// The answer to `GET /signal`.
#[derive(Debug, Serialize)]
pub struct SignalJson {
    at: Option<String>,
    technology: Option<Technology>,
    rssi_dbm: Option<i16>,
    rsrp_dbm: Option<i16>,
    rsrq_db: Option<Tenths>,
    sinr_db: Option<Tenths>,
    rscp_dbm: Option<i16>,
    ecio_db: Option<Tenths>,
    bars: Option<u8>,
}

impl From<&Levels> for SignalJson {
    fn from(levels: &Levels) -> SignalJson {
        SignalJson {
            at: levels.at.map(|at| at.rfc3339()),
            technology: levels.technology,
            rssi_dbm: levels.rssi_dbm,
            rsrp_dbm: levels.rsrp_dbm,
            rsrq_db: levels.rsrq_db,
            sinr_db: levels.sinr_db,
            rscp_dbm: levels.rscp_dbm,
            ecio_db: levels.ecio_db,
            bars: levels.bars(),
        }
    }
}

/// `PATCH /messages/ID`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mark {
    /// As its owner has it.
    pub read: bool,
}

/// `PUT /storage`: what is not named stays.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewStorage {
    /// `sm` or `me`.
    #[serde(default)]
    pub location: Option<Location>,
    /// Slots the agent keeps free.
    #[serde(default)]
    pub leave_free: Option<u8>,
}

/// Where the modem keeps messages, as option `msg_storage` has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Location {
    /// The SIM.
    Sm,
    /// The modem's own.
    Me,
}

impl Location {
    /// The option's value.
    pub fn as_str(self) -> &'static str {
        match self {
            Location::Sm => "sm",
            Location::Me => "me",
        }
    }
}

/// The answer to `GET /storage`: slots of the modem's message store.
#[derive(Debug, Serialize)]
pub struct Storage {
    /// As option `msg_storage` has it.
    pub location: Location,
    /// Slots used; null while unknown.
    pub used: Option<u16>,
    /// Slots in all; null while unknown.
    pub total: Option<u16>,
    /// Slots the agent keeps free (option `free`).
    pub leave_free: u16,
}

/// `queues` of the status.
#[derive(Debug, Serialize)]
pub struct Queues {
    /// Messages not finished.
    pub outbox: usize,
    /// Events that wait for a push target.
    pub push: u64,
}

/// `inbox` of the status.
#[derive(Debug, Serialize)]
pub struct Inbox {
    /// When the newest message came.
    pub last_received_at: Option<String>,
}

/// The answer to `GET /push`.
#[derive(Debug, Serialize)]
pub struct Push {
    /// In the order of the configuration.
    pub targets: Vec<Target>,
}

/// One push target.
#[derive(Debug, Serialize)]
pub struct Target {
    name: String,
    queued: u64,
    delivered: u64,
    failed: u64,
    last_error: Option<String>,
}

impl From<&Health> for Target {
    fn from(health: &Health) -> Target {
        Target {
            name: health.name.clone(),
            queued: health.queued,
            delivered: health.delivered,
            failed: health.failed,
            last_error: health.last_error.clone(),
        }
    }
}

/// The answer to `POST /push/NAME/test`.
#[derive(Debug, Serialize)]
pub struct PushTested {
    /// Always true; anything else is a problem.
    pub delivered: bool,
    /// The receiver's status code.
    pub status: u16,
}

/// The answer to `GET /healthz`.
#[derive(Debug, Serialize)]
pub struct Healthy {
    /// Always `ok`; anything else is a problem.
    pub status: &'static str,
    /// Where the modem stands.
    pub modem: ModemState,
}
