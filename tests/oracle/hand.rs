//! Tests: the campaign's hand at the API — submits, and reads boxes and events to their end. Never judges.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::mpsc::Receiver;

use serde_json::{Value, json};

use super::Outgoing;
use crate::support::push::PushReceiver;
use crate::support::{Bench, PATIENCE, TOKEN, http, wait_for};

/// What the submitter is to ask for.
#[derive(Debug)]
pub struct Order {
    pub to: &'static str,
    pub text: String,
    pub report: bool,
    /// Once accepted it is to go again, at whatever stage it is.
    pub remove: bool,
}

/// Submits what it is told to; each request again, under its own key, until it was accepted.
pub fn submit_all(seed: u64, agent: SocketAddr, orders: &Receiver<Order>) -> Vec<Outgoing> {
    let mut accepted = Vec::new();
    for (number, order) in orders.iter().enumerate() {
        let key = format!("{seed}-{number}");
        let authorization = format!("Bearer {TOKEN}");
        let headers = [
            ("Authorization", authorization.as_str()),
            ("Content-Type", "application/json"),
            ("Idempotency-Key", key.as_str()),
        ];
        let body = json!({"to": order.to, "text": order.text, "report": order.report}).to_string();
        let answer = wait_for(PATIENCE, "a message to be accepted", || {
            let path = "/api/v1/messages";
            let answer = http::request(agent, "POST", path, &headers, body.as_bytes()).ok()?;
            (answer.status == 202).then(|| answer.json())
        });
        let id = String::from(answer["messages"][0]["id"].as_str().unwrap());
        accepted.push(Outgoing {
            removed: order.remove && removed(agent, &id),
            id,
            to: order.to,
            text: order.text,
        });
    }
    accepted
}

/// Cancels or deletes a message; `false` when it was at the modem just then.
fn removed(agent: SocketAddr, id: &str) -> bool {
    let authorization = format!("Bearer {TOKEN}");
    let headers = [("Authorization", authorization.as_str())];
    let path = format!("/api/v1/messages/{id}");
    wait_for(PATIENCE, "an answer to DELETE", || {
        let answer = http::request(agent, "DELETE", &path, &headers, b"").ok()?;
        match answer.status {
            200 | 204 | 404 => Some(true),
            409 => Some(false),
            _ => None,
        }
    })
}

/// It is not finished.
pub fn waits(message: &Value) -> bool {
    message["status"] == "queued" || message["status"] == "sending"
}

/// The webhook ids that came.
pub fn pushed(receiver: &PushReceiver) -> BTreeSet<String> {
    let requests = receiver.requests();
    let ids = requests.iter().filter_map(|push| push.header("webhook-id"));
    ids.map(String::from).collect()
}

/// Every message of a box, page by page.
pub fn all(bench: &Bench, which: &str) -> Vec<Value> {
    let mut messages = Vec::new();
    let mut after = String::new();
    loop {
        let path = format!("/messages?box={which}&limit=50{after}");
        let (status, page) = bench.api("GET", &path, None);
        assert_eq!(status, 200, "{page}");
        messages.extend(page["messages"].as_array().unwrap().iter().cloned());
        match page["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => return messages,
        }
    }
}

/// Adds the events since the last one, page by page, as far as the agent answers. It keeps five hundred: whoever wants all
/// asks now and then.
pub fn listen(bench: &Bench, events: &mut Vec<Value>) {
    loop {
        let last = events.last().map(|event| event["seq"].as_u64().unwrap());
        let path = format!("/events?after={}&limit=37", last.unwrap_or(0));
        let Ok((200, page)) = bench.try_api("GET", &path, None) else {
            return;
        };
        let page = page["events"].as_array().unwrap();
        if page.is_empty() {
            return;
        }
        events.extend(page.iter().cloned());
    }
}
