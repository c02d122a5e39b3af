//! Edge: a trial push, so that an owner sees at once whether a target works. Never touches queue, cursor or health.

use super::http::{self, Way};
use super::webhook;
use crate::config::ToHttp;
use crate::message::{Encoding, Event, EventKind, MessageId, Number, Received};
use crate::net::Dialer;
use crate::time::WallTime;

/// The trial message's text.
const TEXT: &str = "rut-agent test";

/// Pushes a message from `from` to `target` that says it is a test, as if it had come in at `now`; gives the receiver's
/// 2xx, within 16 s. Certificates are read anew.
///
/// # Errors
/// What went wrong, in the words of [`super::Health::last_error`].
pub async fn trial(target: &ToHttp, from: &str, now: WallTime) -> Result<u16, String> {
    let message = Received {
        id: MessageId(0),
        from: Number::as_received(from),
        text: String::from(TEXT),
        sent_at: Some(now),
        received_at: now,
        parts: 1,
        complete: true,
        class: None,
        encoding: Encoding::Gsm7,
        slots: Vec::new(),
    };
    let event = Event {
        seq: 0,
        at: now,
        kind: EventKind::MessageReceived,
        message: Some(message.id),
        facts: serde_json::Value::Null,
    };
    let request =
        webhook::request(target, &event, Some(&message), now).map_err(|unfit| unfit.to_string())?;
    let dialer = Dialer::default();
    match http::send(&dialer, target, request, Way::default()).await {
        Ok(taken) => Ok(taken.status),
        Err(failure) => Err(failure.to_string()),
    }
}
