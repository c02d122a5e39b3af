//! Codec: the outbox's records on flash. Never reads or writes the store.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::json;
use crate::message::{
    Encoding, Extra, MessageId, Number, Outgoing, Ready, SendError, Status, Submission,
};
use crate::sms;
use crate::store::{Change, Keep, Key, Kind};
use crate::time::{Jump, WallTime};

/// What was asked. It may go for room from the start: the store lets the records of one message go only together, and
/// the state stays until it is final. So a text is written once.
#[derive(Serialize, Deserialize)]
pub(super) struct Content {
    #[serde(rename = "n")]
    pub(super) to: Number,
    #[serde(rename = "t")]
    pub(super) text: String,
    #[serde(rename = "f", default, skip_serializing_if = "is_false")]
    flash: bool,
    #[serde(rename = "r", default, skip_serializing_if = "is_false")]
    pub(super) report: bool,
    #[serde(rename = "v", default, skip_serializing_if = "Option::is_none")]
    pub(super) validity_s: Option<u32>,
    #[serde(rename = "o")]
    pub(super) origin: String,
    #[serde(rename = "e")]
    encoding: Encoding,
    #[serde(rename = "p")]
    pub(super) parts: u8,
    #[serde(rename = "c")]
    pub(super) created_at: WallTime,
    /// [`Ready`] in hexadecimal: TP-PID, TP-DCS, TP-UDHI, user data.
    #[serde(rename = "x", default, skip_serializing_if = "Option::is_none")]
    ready: Option<String>,
    #[serde(rename = "w", default, skip_serializing_if = "is_zero")]
    pub(super) wait_s: u32,
    #[serde(rename = "m", default, skip_serializing_if = "String::is_empty")]
    note: String,
}

fn is_zero(value: &u32) -> bool {
    *value == 0
}

fn is_false(value: &bool) -> bool {
    !value
}

/// A part the network took.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Taken {
    /// TP-MR, where it is known.
    #[serde(rename = "m", default, skip_serializing_if = "Option::is_none")]
    pub(super) reference: Option<u8>,
    /// When.
    #[serde(rename = "a")]
    pub(super) at: WallTime,
    /// TP-ST of its final report.
    #[serde(rename = "s", default, skip_serializing_if = "Option::is_none")]
    pub(super) report: Option<u8>,
}

/// Where a message stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct State {
    #[serde(rename = "s")]
    pub(super) status: Status,
    #[serde(rename = "e", default, skip_serializing_if = "Option::is_none")]
    pub(super) error: Option<SendError>,
    /// Temporary failures of the part that is next.
    #[serde(rename = "n", default)]
    pub(super) attempts: u32,
    /// The parts sent so far, in order.
    #[serde(rename = "p", default, skip_serializing_if = "Vec::is_empty")]
    pub(super) taken: Vec<Taken>,
    #[serde(rename = "t", default, skip_serializing_if = "Option::is_none")]
    pub(super) sent_at: Option<WallTime>,
    #[serde(rename = "d", default, skip_serializing_if = "Option::is_none")]
    pub(super) delivered_at: Option<WallTime>,
    /// Seconds of validity left when this was written: the wall clock may jump before it is read.
    #[serde(rename = "l")]
    pub(super) left_s: u32,
}

impl State {
    /// The clock was set: puts right what was noted before; true when there was something.
    pub(super) fn mend(&mut self, jump: &Jump) -> bool {
        let ends = self.sent_at.iter_mut().chain(&mut self.delivered_at);
        let times = ends.chain(self.taken.iter_mut().map(|part| &mut part.at));
        times.filter_map(|at| jump.mend(at).then_some(())).count() > 0
    }
}

/// What an `Idempotency-Key` was answered with.
#[derive(Serialize, Deserialize)]
pub(super) struct Answered {
    /// Of the request.
    #[serde(rename = "h")]
    pub(super) fingerprint: u64,
    #[serde(rename = "i")]
    pub(super) ids: Vec<MessageId>,
    #[serde(rename = "a")]
    pub(super) at: WallTime,
}

/// The key of what was asked.
pub(super) fn content_key(id: MessageId) -> Key {
    Key {
        kind: Kind::Outgoing,
        id: id.0,
    }
}

/// The key of where it stands.
pub(super) fn state_key(id: MessageId) -> Key {
    Key {
        kind: Kind::OutgoingState,
        id: id.0,
    }
}

/// The key of an `Idempotency-Key`.
pub(super) fn answered_key(key: &str) -> Key {
    Key {
        kind: Kind::Idempotency,
        id: fingerprint(key.as_bytes()),
    }
}

/// Eight bytes that tell texts apart.
pub(super) fn fingerprint(bytes: &[u8]) -> u64 {
    let digest = Sha256::digest(bytes);
    let first = digest.first_chunk();
    first.map_or(0, |bytes| u64::from_be_bytes(*bytes))
}

/// Eight bytes that tell requests apart.
pub(super) fn request(submissions: &[&Submission]) -> u64 {
    fingerprint(&serde_json::to_vec(submissions).unwrap_or_default())
}

fn put(key: Key, value: &impl Serialize, keep: Keep) -> Change {
    Change::Put {
        key,
        value: serde_json::to_vec(value).unwrap_or_default(),
        keep,
    }
}

/// Sets what was asked.
pub(super) fn put_content(message: &Outgoing) -> Change {
    let asked = &message.submission;
    let content = Content {
        to: asked.to.clone(),
        text: asked.text.clone(),
        flash: asked.flash,
        report: asked.report,
        validity_s: asked.validity_s,
        origin: asked.origin.clone(),
        encoding: message.encoding,
        parts: message.parts,
        created_at: message.created_at,
        ready: message.extra.ready.as_ref().map(ready_to_hex),
        wait_s: message.extra.wait_s,
        note: message.extra.note.clone(),
    };
    put_asked(message.id, &content)
}

/// Sets what was asked, as it was read.
pub(super) fn put_asked(id: MessageId, content: &Content) -> Change {
    put(content_key(id), content, Keep::UntilRoom)
}

/// Sets where it stands.
pub(super) fn put_state(id: MessageId, state: &State) -> Change {
    let keep = if state.status.is_final() {
        Keep::UntilRoom
    } else {
        Keep::Always
    };
    put(state_key(id), state, keep)
}

/// Sets an answer.
pub(super) fn put_answered(key: Key, answered: &Answered) -> Change {
    put(key, answered, Keep::Always)
}

/// Reads any of the above.
pub(super) fn read<T: DeserializeOwned>(value: &[u8]) -> Option<T> {
    json::read(value).ok()
}

fn ready_to_hex(ready: &Ready) -> String {
    let mut octets = vec![ready.pid, ready.dcs, u8::from(ready.udhi)];
    octets.extend_from_slice(&ready.user_data);
    sms::to_hex(&octets)
}

fn ready_from_hex(text: &str) -> Option<Ready> {
    let octets = sms::from_hex(text).ok()?;
    let (&[pid, dcs, udhi], user_data) = octets.split_first_chunk()?;
    Some(Ready {
        pid,
        dcs,
        udhi: udhi != 0,
        user_data: user_data.to_vec(),
    })
}

/// The whole message.
pub(super) fn outgoing(id: MessageId, content: Content, state: &State) -> Outgoing {
    Outgoing {
        id,
        submission: Submission {
            to: content.to,
            text: content.text,
            flash: content.flash,
            report: content.report,
            validity_s: content.validity_s,
            origin: content.origin,
        },
        extra: Extra {
            ready: content.ready.as_deref().and_then(ready_from_hex),
            wait_s: content.wait_s,
            note: content.note,
        },
        encoding: content.encoding,
        parts: content.parts,
        created_at: content.created_at,
        status: state.status,
        error: state.error.clone(),
        sent_at: state.sent_at,
        delivered_at: state.delivered_at,
    }
}
