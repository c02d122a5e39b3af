//! Decider: what `wait-for` waits for. Never waits itself.

use serde::Deserialize;
use serde_json::{Value, json};

use super::modem::Modem;
use super::orders::call_state;

/// The fields of `wait-for`; all that are given must hold.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Condition {
    /// At least so many messages are on the air.
    air: usize,
    /// At least `count` command lines begin with this, upper or lower case, …
    at: Option<String>,
    count: usize,
    /// … not counting the first so many lines.
    since: usize,
    /// The modem took at least so many messages and reports.
    delivered: u64,
    /// At most so many wait in the network.
    queue: Option<usize>,
    /// `none`, `ringing`, `dialling`, `active`.
    call: Option<String>,
    pub(super) timeout_ms: u64,
}

impl Default for Condition {
    fn default() -> Condition {
        Condition {
            air: 0,
            at: None,
            count: 1,
            since: 0,
            delivered: 0,
            queue: None,
            call: None,
            timeout_ms: 5_000,
        }
    }
}

impl Condition {
    pub(super) fn holds(&self, modem: &Modem) -> bool {
        modem.network.air.len() >= self.air
            && modem.network.delivered >= self.delivered
            && self
                .queue
                .is_none_or(|most| modem.network.queue.len() <= most)
            && self
                .call
                .as_deref()
                .is_none_or(|wanted| wanted == call_state(modem))
            && self
                .at
                .as_deref()
                .is_none_or(|beginning| self.heard(modem, beginning))
    }

    fn heard(&self, modem: &Modem, beginning: &str) -> bool {
        let begins = |line: &str| {
            let head = line.get(..beginning.len());
            head.is_some_and(|head| head.eq_ignore_ascii_case(beginning))
        };
        let lines = modem.heard.iter().skip(self.since);
        lines.filter(|heard| begins(&heard.line)).count() >= self.count
    }

    /// What the waiting one is told.
    pub(super) fn answer(&self, modem: &Modem, held: bool) -> Value {
        let mut answer = json!({
            "ok": held, "air": modem.network.air.len(), "heard": modem.heard.len(),
            "delivered": modem.network.delivered, "queue": modem.network.queue.len(), "call": call_state(modem),
        });
        if let Some(fields) = answer.as_object_mut().filter(|_| !held) {
            let why = format!("it did not come true in {} ms: {self:?}", self.timeout_ms);
            fields.insert(String::from("error"), json!(why));
        }
        answer
    }
}
