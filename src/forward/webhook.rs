//! Codec: an event as the HTTP request that pushes it, in three dialects. Never sends it.
//!
//! * `get` and `post` are RutOS's to the byte: `URL?&message=…&sender=…&name=value`, each value escaped as curl does, the
//!   same string as form body for `post`. One difference: RutOS adds a second `?` to an URL that has a query already, which
//!   no receiver reads as a query; here the pairs are simply added to it.
//!   Events that RutOS does not know go as `&event=message.delivered&id=…&time=…` and one pair for each fact.
//! * `json` is SPEC section 6: `type`, `timestamp`, `data`, with the headers of the Standard Webhooks specification.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;
use serde_json::Value;

use super::sign::signature;
use crate::config::{Method, ToHttp};
use crate::message::{Event, EventKind, Number, Received};
use crate::time::WallTime;
use crate::url::{BadUrl, RAW, Url};

/// What curl's escape leaves alone (RFC 3986 2.3).
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');
/// What may not stand in a field's name; the rest stays as it was configured.
const IN_NAME: &AsciiSet = &RAW.add(b'&').add(b'=').add(b'#').add(b'+').add(b'%');
/// A longer request target is taken by no receiver.
const LONGEST_TARGET: usize = 65_534;
/// The text's field where none is configured.
const MESSAGE: &str = "message";
const USER_AGENT: &str = concat!("rut-agent/", env!("CARGO_PKG_VERSION"));

/// A request, ready for the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Request {
    /// Where to.
    pub(super) url: Url,
    /// All but the framing, as small receivers look for them: `Host`, not `host`.
    pub(super) headers: Vec<(&'static str, String)>,
    /// The body; empty for GET.
    pub(super) body: Vec<u8>,
}

/// Why an event makes no request for this target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unfit {
    /// The configuration must be corrected; the event waits.
    Url(BadUrl),
    /// This many bytes of URL: no receiver takes them. The event is passed over; its message stays in the inbox.
    TooLong(usize),
}

impl fmt::Display for Unfit {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unfit::Url(why) => why.fmt(out),
            Unfit::TooLong(bytes) => write!(
                out,
                "an URL of {bytes} bytes is too long for a GET: use method post or json"
            ),
        }
    }
}

/// The request that pushes `event` (and the message it speaks of, if it was received) to `target`, tried at `now`.
pub(super) fn request(
    target: &ToHttp,
    event: &Event,
    message: Option<&Received>,
    now: WallTime,
) -> Result<Request, Unfit> {
    let mut url = Url::parse(&target.url).map_err(Unfit::Url)?;
    let mut headers = vec![
        ("Host", url.host_header.clone()),
        ("User-Agent", String::from(USER_AGENT)),
        ("Accept", String::from("*/*")),
    ];
    if let Some(credentials) = &url.credentials {
        let encoded = STANDARD.encode(credentials);
        headers.push(("Authorization", format!("Basic {encoded}")));
    }
    let body = match target.method {
        Method::Get => {
            let query = if url.target.contains('?') { "" } else { "?" };
            url.target = format!("{}{query}{}", url.target, pairs(target, event, message));
            if url.target.len() > LONGEST_TARGET {
                return Err(Unfit::TooLong(url.target.len()));
            }
            Vec::new()
        }
        Method::Post => {
            let form = "application/x-www-form-urlencoded";
            headers.push(("Content-Type", String::from(form)));
            pairs(target, event, message).into_bytes()
        }
        Method::Json => {
            let body = json(event, message);
            headers.push(("Content-Type", String::from("application/json")));
            headers.extend(webhook_headers(target, event, now, &body));
            body
        }
    };
    Ok(Request { url, headers, body })
}

/// The id a receiver knows repeats by: the same on every try and after every restart. The event's time is in it because
/// a store that was wiped counts from one again.
fn webhook_id(event: &Event) -> String {
    format!("msg_{}_{}", event.seq, event.at.0)
}

fn webhook_headers(
    target: &ToHttp,
    event: &Event,
    now: WallTime,
    body: &[u8],
) -> Vec<(&'static str, String)> {
    let (id, seconds) = (webhook_id(event), now.unix_s());
    let signed = target
        .secret
        .as_deref()
        .and_then(|secret| signature(secret, &id, seconds, body));
    let mut headers = vec![
        ("webhook-id", id),
        ("webhook-timestamp", seconds.to_string()),
    ];
    headers.extend(signed.map(|signed| ("webhook-signature", signed)));
    headers
}

/// `&name=value…`, as RutOS writes it: the text, the sender, then the extra pairs.
fn pairs(target: &ToHttp, event: &Event, message: Option<&Received>) -> String {
    let mut out = String::new();
    match message {
        Some(message) => {
            let field = match target.message_name.as_str() {
                "" => MESSAGE,
                name => name,
            };
            if target.base64 {
                add(&mut out, field, &STANDARD.encode(&message.text));
            } else {
                add(&mut out, field, &message.text);
            }
            if target.sender_num && !target.number_name.is_empty() {
                add(&mut out, &target.number_name, message.from.as_str());
            }
        }
        None => facts(&mut out, event),
    }
    for (name, value) in &target.extra {
        add(&mut out, name, value);
    }
    out
}

fn facts(out: &mut String, event: &Event) {
    add(out, "event", event.kind.as_str());
    if let Some(id) = event.message {
        add(out, "id", &id.to_string());
    }
    add(out, "time", &event.at.rfc3339());
    for (name, value) in event.facts.as_object().into_iter().flatten() {
        match value {
            Value::Null => {}
            Value::String(text) => add(out, name, text),
            Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
                add(out, name, &value.to_string());
            }
        }
    }
}

fn add(out: &mut String, name: &str, value: &str) {
    out.push('&');
    out.extend(utf8_percent_encode(name, IN_NAME));
    out.push('=');
    out.extend(utf8_percent_encode(value, UNRESERVED));
}

#[derive(Serialize)]
struct Push<D> {
    #[serde(rename = "type")]
    kind: EventKind,
    timestamp: String,
    data: D,
}

#[derive(Serialize)]
struct MessageData<'a> {
    id: String,
    from: &'a Number,
    /// Our own number: the SIM seldom knows it.
    to: Option<&'a Number>,
    text: &'a str,
    sent_at: Option<String>,
    received_at: String,
    parts: u8,
    complete: bool,
}

fn json(event: &Event, message: Option<&Received>) -> Vec<u8> {
    let timestamp = event.at.rfc3339();
    let written = match message {
        Some(message) => serde_json::to_vec(&Push {
            kind: event.kind,
            timestamp,
            data: MessageData {
                id: message.id.to_string(),
                from: &message.from,
                to: None,
                text: &message.text,
                sent_at: message.sent_at.map(WallTime::rfc3339),
                received_at: message.received_at.rfc3339(),
                parts: message.parts,
                complete: message.complete,
            },
        }),
        None => serde_json::to_vec(&Push {
            kind: event.kind,
            timestamp,
            data: event_data(event),
        }),
    };
    // Strings, numbers and maps with string keys: there is nothing serde_json could refuse.
    written.unwrap_or_default()
}

/// The event's facts, and `id` where it speaks of a message.
fn event_data(event: &Event) -> Value {
    let mut data = event.facts.as_object().cloned().unwrap_or_default();
    if let Some(id) = event.message {
        data.insert(String::from("id"), Value::from(id.to_string()));
    }
    Value::Object(data)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::Encoding;
    use crate::message::MessageId;
    use serde_json::json;

    const NOW: WallTime = WallTime(1_795_293_400_500);

    fn received(text: &str) -> (Event, Received) {
        let at = WallTime(1_795_293_314_000);
        let event = Event {
            seq: 12,
            at,
            kind: EventKind::MessageReceived,
            message: Some(MessageId(12)),
            facts: Value::Null,
        };
        let message = Received {
            id: MessageId(12),
            from: Number::as_received("+37060000001"),
            text: String::from(text),
            sent_at: Some(WallTime(1_795_293_310_000)),
            received_at: at,
            parts: 1,
            complete: true,
            class: None,
            encoding: Encoding::Gsm7,
            slots: Vec::new(),
        };
        (event, message)
    }

    fn target(method: Method, url: &str) -> ToHttp {
        ToHttp {
            name: String::from("alarm"),
            method,
            url: String::from(url),
            message_name: String::from("message"),
            ..ToHttp::default()
        }
    }

    fn push(target: &ToHttp, text: &str) -> Request {
        let (event, message) = received(text);
        request(target, &event, Some(&message), NOW).unwrap()
    }

    fn header<'a>(request: &'a Request, name: &str) -> Option<&'a str> {
        request
            .headers
            .iter()
            .find(|(key, _)| *key == name)
            .map(|(_, value)| value.as_str())
    }

    #[test]
    fn a_get_is_rutos_to_the_byte() {
        let get = push(
            &target(Method::Get, "http://[fd00::1]/sms_in"),
            "Test message",
        );
        assert_eq!(get.url.target, "/sms_in?&message=Test%20message");
        assert_eq!(header(&get, "Host"), Some("[fd00::1]"));
        assert_eq!(header(&get, "User-Agent"), Some(USER_AGENT));
        assert!(get.body.is_empty());
    }

    #[test]
    fn a_get_names_the_sender_and_the_extra_pairs_in_order() {
        let mut with = target(Method::Get, "http://h/in");
        with.sender_num = true;
        with.number_name = String::from("sender");
        with.extra = vec![
            (String::from("key"), String::from("a&b=c")),
            (String::from("n"), String::new()),
        ];
        assert_eq!(
            push(&with, "Hi").url.target,
            "/in?&message=Hi&sender=%2B37060000001&key=a%26b%3Dc&n="
        );
        with.number_name.clear();
        assert_eq!(
            push(&with, "Hi").url.target,
            "/in?&message=Hi&key=a%26b%3Dc&n="
        );
        with.number_name = String::from("sender");
        with.sender_num = false;
        assert_eq!(
            push(&with, "Hi").url.target,
            "/in?&message=Hi&key=a%26b%3Dc&n="
        );
    }

    #[test]
    fn a_fields_name_stays_as_configured_but_never_breaks_out() {
        let mut named = target(Method::Get, "http://h/in");
        named.message_name = String::from("sms[text]");
        named.extra = vec![(String::from("a b&c=d#\r\n"), String::from("v"))];
        assert_eq!(
            push(&named, "Hi").url.target,
            "/in?&sms[text]=Hi&a%20b%26c%3Dd%23%0D%0A=v"
        );
    }

    #[test]
    fn values_are_escaped_as_curl_does() {
        let get = push(
            &target(Method::Get, "http://h/"),
            "aZ09-._~ !*'()+/?#[]@€\n\u{1F600}",
        );
        assert_eq!(
            get.url.target,
            "/?&message=aZ09-._~%20%21%2A%27%28%29%2B%2F%3F%23%5B%5D%40%E2%82%AC%0A%F0%9F%98%80"
        );
    }

    #[test]
    fn an_url_with_a_query_gets_no_second_question_mark() {
        let get = push(&target(Method::Get, "http://h/in?token=1"), "Hi");
        assert_eq!(get.url.target, "/in?token=1&message=Hi");
        let bare = push(&target(Method::Get, "http://h/in?"), "Hi");
        assert_eq!(bare.url.target, "/in?&message=Hi");
    }

    #[test]
    fn the_text_never_goes_under_an_empty_name() {
        let mut nameless = target(Method::Get, "http://h/in");
        nameless.message_name.clear();
        assert_eq!(push(&nameless, "Hi").url.target, "/in?&message=Hi");
    }

    #[test]
    fn base64_is_encoded_first_and_escaped_then() {
        let mut encoded = target(Method::Get, "http://h/in");
        encoded.base64 = true;
        assert_eq!(
            push(&encoded, "Grüße>").url.target,
            "/in?&message=R3LDvMOfZT4%3D"
        );
    }

    #[test]
    fn a_post_carries_the_same_pairs_as_a_form() {
        let post = push(
            &target(Method::Post, "https://u:p@h:8443/in?x=1"),
            "Test message",
        );
        assert!(post.url.tls);
        assert_eq!(post.url.target, "/in?x=1");
        assert_eq!(post.body, b"&message=Test%20message");
        assert_eq!(
            header(&post, "Content-Type"),
            Some("application/x-www-form-urlencoded")
        );
        assert_eq!(header(&post, "Host"), Some("h:8443"));
        assert_eq!(header(&post, "Authorization"), Some("Basic dTpw"));
    }

    #[test]
    fn json_is_the_specifications_to_the_byte() {
        let mut signed = target(Method::Json, "http://h/hook");
        signed.secret = Some(b"key".to_vec());
        let hook = push(&signed, "Say \"hi\" €");
        assert_eq!(
            String::from_utf8(hook.body.clone()).unwrap(),
            concat!(
                r#"{"type":"message.received","timestamp":"2026-11-21T20:35:14Z","data":{"id":"12","#,
                r#""from":"+37060000001","to":null,"text":"Say \"hi\" €","sent_at":"2026-11-21T20:35:10Z","#,
                r#""received_at":"2026-11-21T20:35:14Z","parts":1,"complete":true}}"#
            )
        );
        assert_eq!(header(&hook, "Content-Type"), Some("application/json"));
        assert_eq!(header(&hook, "webhook-id"), Some("msg_12_1795293314000"));
        assert_eq!(header(&hook, "webhook-timestamp"), Some("1795293400"));
        assert_eq!(
            header(&hook, "webhook-signature").map(String::from),
            signature(b"key", "msg_12_1795293314000", 1_795_293_400, &hook.body)
        );
    }

    #[test]
    fn a_retry_has_the_same_id_and_a_new_timestamp() {
        let (event, message) = received("Hi");
        let hook = target(Method::Json, "http://h/hook");
        let first = request(&hook, &event, Some(&message), NOW).unwrap();
        let later = request(&hook, &event, Some(&message), WallTime(NOW.0 + 60_000)).unwrap();
        assert_eq!(header(&first, "webhook-id"), header(&later, "webhook-id"));
        assert_ne!(
            header(&first, "webhook-timestamp"),
            header(&later, "webhook-timestamp")
        );
        assert_eq!(header(&first, "webhook-signature"), None);
    }

    #[test]
    fn other_events_carry_their_facts() {
        let event = Event {
            seq: 20,
            at: WallTime(1_795_293_314_000),
            kind: EventKind::MessageFailed,
            message: Some(MessageId(7)),
            facts: json!({"to": "+1202", "code": 38, "gone": null}),
        };
        let get = request(&target(Method::Get, "http://h/in"), &event, None, NOW).unwrap();
        assert_eq!(
            get.url.target,
            "/in?&event=message.failed&id=7&time=2026-11-21T20%3A35%3A14Z&code=38&to=%2B1202"
        );
        let hook = request(&target(Method::Json, "http://h/in"), &event, None, NOW).unwrap();
        assert_eq!(
            serde_json::from_slice::<Value>(&hook.body).unwrap(),
            json!({"type": "message.failed", "timestamp": "2026-11-21T20:35:14Z",
                   "data": {"to": "+1202", "code": 38, "gone": null, "id": "7"}})
        );
    }

    #[test]
    fn what_makes_no_request_says_why() {
        let (event, mut message) = received("x");
        let bad = request(&target(Method::Get, "h/in"), &event, Some(&message), NOW);
        assert_eq!(bad, Err(Unfit::Url(BadUrl::Scheme)));
        message.text = "漢".repeat(17_085);
        let long = target(Method::Get, "http://h/in");
        assert_eq!(
            request(&long, &event, Some(&message), NOW),
            Err(Unfit::TooLong(153_778))
        );
        let post = target(Method::Post, "http://h/in");
        assert!(request(&post, &event, Some(&message), NOW).is_ok());
    }
}
