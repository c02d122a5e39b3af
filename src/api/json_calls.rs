//! Words: the JSON names of calls, codes, raw AT and the trial of a message, beside those of `json.rs`. Never a rule: the handlers decide.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::message::Number;
use crate::rules::Trial;
use crate::signal::{Call, CallState};

/// `POST /calls`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewCall {
    /// A number; no code and no group.
    pub to: String,
}

/// `POST /ussd`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewUssd {
    /// Such as `*100#`, or the answer to what the network asks.
    pub code: String,
}

/// `POST /at`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewAt {
    /// One line.
    pub command: String,
}

/// `POST /rules/test`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewTrial {
    /// A number.
    pub from: String,
    /// The text.
    pub text: String,
}

/// The answer to `POST /rules/test`.
pub fn trial(trial: &Trial) -> Value {
    let rule = trial.rule.as_ref();
    let passed = trial.passed.iter();
    let passed: Vec<Value> = passed
        .map(|(rule, why)| json!({"rule": rule, "why": why}))
        .collect();
    json!({
        "rule": rule.map(|(name, _)| name),
        "action": rule.map(|(_, action)| action),
        "why": trial.why,
        "passed_over": passed,
        "programs": trial.programs,
        "reply": trial.reply,
        "recipients": trial.to,
    })
}

/// The answer to `GET /calls`.
#[derive(Debug, Serialize)]
pub struct Calls {
    /// None or one.
    pub calls: Vec<CallJson>,
}

/// A voice call.
#[derive(Debug, Serialize)]
pub struct CallJson {
    direction: &'static str,
    number: Option<String>,
    state: CallState,
    started_at: String,
}

impl From<&Call> for CallJson {
    fn from(call: &Call) -> CallJson {
        CallJson {
            direction: call.direction(),
            number: call.number.as_ref().map(Number::to_string),
            state: call.state,
            started_at: call.started_at.rfc3339(),
        }
    }
}

/// The answer to `POST /ussd`.
#[derive(Debug, Serialize)]
pub struct UssdJson {
    /// What the network says.
    pub text: String,
    /// It waits for an answer: send it as the next code within a minute.
    pub more: bool,
}

/// The answer to `POST /at`.
#[derive(Debug, Serialize)]
pub struct AtJson {
    /// Before the result.
    pub lines: Vec<String>,
    /// `OK`, or how the modem refuses.
    pub result: String,
}
