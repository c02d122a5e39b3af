//! Edge: `GET /events` — a page, a page that waits, or a stream of Server-Sent Events. Never holds more than one batch:
//! a slow reader goes on from its own place in the store.

use std::time::Duration;

use super::answer::Answer;
use super::ask::Ask;
use super::desk::Desk;
use super::json::{EventJson, Events};
use super::problem::Problem;
use super::wire::Wire;
use crate::message::EventKind;
use crate::stop::Stop;

/// Events of a page, when nothing is said, and at most.
const LIMIT: (u64, u64) = (100, 200);
/// A batch ends after so many bytes of text.
const BATCH_BYTES: usize = 64 * 1024;
/// The longest `wait`, seconds.
const MAX_WAIT: u64 = 60;
/// A quiet stream says something so often, so that both ends learn when the other is gone.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// What a client is told to wait before it connects again, milliseconds.
const RETRY: &str = "retry: 3000\n\n";

/// What a client asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wish {
    after: u64,
    limit: usize,
    wait: Duration,
}

impl Wish {
    /// Reads the parameters. `Last-Event-ID` of a client that comes back goes before `after`. Without either a page
    /// begins with the oldest event, and a stream with the next one.
    ///
    /// # Errors
    /// [`super::problem::Code::BadParameter`].
    pub fn read(ask: &Ask, desk: &Desk) -> Result<Wish, Problem> {
        let mut params = ask.params()?;
        let after = params.number("after", u64::MAX)?;
        let limit = params.number("limit", LIMIT.1)?.unwrap_or(LIMIT.0).max(1);
        let wait = params.number("wait", MAX_WAIT)?.unwrap_or(0);
        params.done()?;
        let newest = desk.rooms.store.borrow().newest();
        let begin = if ask.wants_stream { newest } else { 0 };
        let after = ask.last_event.or(after).unwrap_or(begin);
        Ok(Wish {
            // A number that was never given out is from a state directory that is no more: begin anew.
            after: if after > newest { 0 } else { after },
            limit: usize::try_from(limit).unwrap_or(1),
            wait: Duration::from_secs(wait),
        })
    }
}

/// The events after `after`, as many as fit into a batch.
fn batch(desk: &Desk, after: u64, limit: usize) -> Vec<EventJson> {
    let store = desk.rooms.store.borrow();
    let inbox = desk.rooms.inbox.borrow();
    let mut batch = Vec::new();
    let mut bytes = 0;
    for event in store.events_after(after).take(limit) {
        let id = event
            .message
            .filter(|_| event.kind == EventKind::MessageReceived);
        let received = id.and_then(|id| inbox.get(id));
        bytes += received.as_ref().map_or(0, |one| one.message.text.len());
        batch.push(EventJson::new(event, received));
        if bytes >= BATCH_BYTES {
            break;
        }
    }
    batch
}

/// The page, at once or when there is something on it; a client that hangs up meanwhile gets what there is.
pub async fn page(desk: &Desk, wish: Wish, wire: &mut Wire, stop: &mut Stop) -> Answer {
    let mut listener = desk.rooms.feed.listen();
    let mut events = batch(desk, wish.after, wish.limit);
    if events.is_empty() && !wish.wait.is_zero() {
        let news = async {
            while listener.changed().await {
                let events = batch(desk, wish.after, wish.limit);
                if !events.is_empty() {
                    return events;
                }
            }
            Vec::new()
        };
        events = tokio::select! {
            events = news => events,
            () = tokio::time::sleep(wish.wait) => Vec::new(),
            () = wire.hung_up() => Vec::new(),
            () = stop.wait() => Vec::new(),
        };
    }
    let next = events.last().map_or(wish.after, |event| event.seq);
    Answer::json(200, &Events { events, next })
}

/// The stream, until the client hangs up, reads too slowly, or the agent stops. The connection ends with it.
pub async fn stream(desk: &Desk, wish: Wish, wire: &mut Wire, stop: &mut Stop) {
    let head = Answer {
        status: 200,
        content_type: String::from("text/event-stream"),
        ..Answer::default()
    };
    let mut out = head.emit_endless();
    out.extend_from_slice(RETRY.as_bytes());
    let mut listener = desk.rooms.feed.listen();
    let mut after = wish.after;
    loop {
        let events = batch(desk, after, wish.limit);
        for event in &events {
            out.extend_from_slice(&written(event));
            after = event.seq;
        }
        if wire.send(&out).await.is_err() {
            return;
        }
        out = Vec::new();
        if !events.is_empty() {
            continue;
        }
        tokio::select! {
            rung = listener.changed() => if !rung { return },
            () = tokio::time::sleep(KEEP_ALIVE) => out.extend_from_slice(b":\n\n"),
            () = wire.hung_up() => return,
            () = stop.wait() => return,
        }
    }
}

/// One event; JSON has no line ends of its own.
fn written(event: &EventJson) -> Vec<u8> {
    let mut out = format!("id: {}\nevent: {}\ndata: ", event.seq, event.kind()).into_bytes();
    out.extend(serde_json::to_vec(event).unwrap_or_default());
    out.extend_from_slice(b"\n\n");
    out
}
