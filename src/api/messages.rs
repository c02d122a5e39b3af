//! Edge: the calls about messages — send, preview, list, read, delete. Never says 202 before the message is on flash,
//! and never logs a text.

use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_json::error::Category;

use super::answer::Answer;
use super::ask::Ask;
use super::desk::Desk;
use super::json::{Cost, Mark, Message, Messages, NewMessage, Queued, QueuedMessage};
use super::problem::{Code, Problem};
use super::query::{bad, number};
use crate::config::Config;
use crate::inbox::Query;
use crate::message::{MessageId, Number, Submission};
use crate::outbox::Removed;
use crate::sms;

/// Recipients of one request.
const MAX_RECIPIENTS: usize = 100;
/// What a relative TP-VP can say (23.040 9.2.3.12.1): five minutes to 63 weeks.
const VALIDITY: std::ops::RangeInclusive<u32> = 300..=63 * 7 * 86_400;
/// Messages of a page, when nothing is said, and at most.
const LIMIT: (u64, u64) = (50, 200);
/// A page ends after so many bytes of text, so that an answer stays small whatever was received.
const PAGE_BYTES: usize = 64 * 1024;

/// `POST /messages`.
pub fn send(desk: &Desk, ask: &Ask) -> Result<Answer, Problem> {
    ask.params()?.done()?;
    let send: NewMessage = read(ask)?;
    if let Some(seconds) = send.validity_s
        && !VALIDITY.contains(&seconds)
    {
        return Err(Problem::new(
            Code::BadValidity,
            format!(
                "validity_s is {} to {} seconds",
                VALIDITY.start(),
                VALIDITY.end()
            ),
        ));
    }
    let config = desk.config();
    let recipients = recipients(&send.to, &config)?;
    fits_the_state_directory(recipients.len(), &send.text, &config)?;
    let submissions: Vec<Submission> = recipients
        .into_iter()
        .map(|to| Submission {
            to,
            text: send.text.clone(),
            flash: send.flash,
            report: send.report,
            validity_s: send.validity_s,
            origin: String::from("api"),
        })
        .collect();
    let key = ask.idempotency_key.as_deref();
    let accepted = desk
        .rooms
        .outbox
        .borrow_mut()
        .submit(submissions, key, desk.now())?;
    let queued = Queued {
        messages: accepted.iter().map(QueuedMessage::from).collect(),
    };
    Ok(Answer::json(202, &queued))
}

/// Each message is kept whole: a text would only be copied a hundred times to be found too large.
///
/// # Errors
/// [`Code::BadRecipients`].
pub fn fits_the_state_directory(
    recipients: usize,
    text: &str,
    config: &Config,
) -> Result<(), Problem> {
    if recipients.saturating_mul(text.len()) > config.agent.state_limit as usize {
        return Err(Problem::new(
            Code::BadRecipients,
            "so long a text to so many is more than the state directory may hold: ask several times",
        ));
    }
    Ok(())
}

/// `POST /messages/preview`.
pub fn preview(_desk: &Desk, ask: &Ask) -> Result<Answer, Problem> {
    ask.params()?.done()?;
    let asked: NewMessage = read(ask)?;
    let cost = Cost::from(sms::preview(&asked.text)?);
    Ok(Answer::json(200, &cost))
}

/// Whatever Content-Type the client gave: `curl -d` says it is a form. Web pages are kept out by their Origin.
///
/// # Errors
/// [`Code::NotUtf8`], [`Code::MalformedJson`], [`Code::BadShape`].
pub fn read<T: DeserializeOwned>(ask: &Ask) -> Result<T, Problem> {
    let text = std::str::from_utf8(&ask.body).map_err(|why| {
        Problem::new(
            Code::NotUtf8,
            format!("byte {} of the body is not UTF-8", why.valid_up_to()),
        )
    })?;
    // serde would read an array as the members in order.
    if text.trim_start().starts_with('[') {
        return Err(Problem::new(Code::BadShape, "the body is a JSON object"));
    }
    // Not by way of a Value, in which a member that comes twice goes unnoticed.
    serde_json::from_slice(text.as_bytes()).map_err(|why| {
        let code = match why.classify() {
            Category::Data => Code::BadShape,
            Category::Io | Category::Syntax | Category::Eof => Code::MalformedJson,
        };
        // serde shows a wrong value with Debug, of which the router's binary has nothing but the type.
        let why = why.to_string().replace(" ,", ",");
        Problem::new(code, format!("the body is not the JSON asked for: {why}"))
    })
}

/// Numbers in the order given, groups opened, nobody twice.
fn recipients(to: &Value, config: &Config) -> Result<Vec<Number>, Problem> {
    let one = std::slice::from_ref(to);
    let list = match to {
        Value::Array(list) => list.as_slice(),
        Value::String(_) => one,
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => {
            return Err(Problem::new(
                Code::BadRecipients,
                "to is a number in quotes, \"@group\", or a list of them",
            ));
        }
    };
    let mut numbers: Vec<Number> = Vec::new();
    for (at, entry) in list.iter().enumerate() {
        for number in opened(entry, at, config)? {
            if !numbers.contains(&number) {
                numbers.push(number);
            }
        }
        if numbers.len() > MAX_RECIPIENTS {
            break;
        }
    }
    if (1..=MAX_RECIPIENTS).contains(&numbers.len()) {
        return Ok(numbers);
    }
    Err(Problem::new(
        Code::BadRecipients,
        format!("a request has 1 to {MAX_RECIPIENTS} recipients"),
    ))
}

fn opened(entry: &Value, at: usize, config: &Config) -> Result<Vec<Number>, Problem> {
    let Some(text) = entry.as_str() else {
        return Err(Problem::new(
            Code::BadRecipients,
            format!("recipient {} is not a text", at + 1),
        ));
    };
    match text.strip_prefix('@') {
        Some(name) => match config.group(name) {
            Some(members) if !members.is_empty() => Ok(members.to_vec()),
            Some(_) => Err(Problem::new(
                Code::UnknownGroup,
                format!("the phone group {name} has no number"),
            )),
            None => Err(Problem::new(
                Code::UnknownGroup,
                format!("there is no phone group {name}"),
            )),
        },
        None => match Number::parse(text) {
            Ok(number) => Ok(vec![number]),
            Err(why) => Err(Problem::new(
                Code::BadNumber,
                format!("recipient {}: {why}", at + 1),
            )),
        },
    }
}

/// `GET /messages`.
pub fn list(desk: &Desk, ask: &Ask) -> Result<Answer, Problem> {
    let mut params = ask.params()?;
    let which = params.take("box");
    let after = params.number("after", u64::MAX)?.map(MessageId);
    let limit = params.number("limit", LIMIT.1)?.unwrap_or(LIMIT.0).max(1);
    let from = params.take("from");
    let text = params.take("q").filter(|text| !text.is_empty());
    params.done()?;
    let limit = usize::try_from(limit).unwrap_or(1);
    let query = Query {
        after,
        // One more tells whether there is a next page.
        limit: limit + 1,
        number: from.as_deref().map(party),
        text,
    };
    let found: Vec<Message> = match which.as_deref() {
        None | Some("inbox") => {
            let stored = desk.rooms.inbox.borrow().list(&query);
            stored
                .into_iter()
                .map(|one| Message::Inbox(one.into()))
                .collect()
        }
        Some("sent") => {
            let stored = desk.rooms.outbox.borrow().list(&query);
            stored
                .into_iter()
                .map(|one| Message::Sent(one.into()))
                .collect()
        }
        Some(_) => return Err(bad("box", "is inbox or sent")),
    };
    Ok(Answer::json(200, &page(found, limit)))
}

/// The other party as a person types it into an address line, where an unescaped `+` arrives as a blank.
fn party(text: &str) -> Number {
    let text = match text.strip_prefix(' ') {
        Some(rest) => format!("+{rest}"),
        None => String::from(text),
    };
    Number::parse(&text).unwrap_or_else(|_| Number::as_received(text))
}

fn page(mut found: Vec<Message>, limit: usize) -> Messages {
    let mut bytes = 0;
    let fit = found
        .iter()
        .take(limit)
        .take_while(|message| {
            let fits = bytes < PAGE_BYTES;
            bytes += message.weight();
            fits
        })
        .count();
    let more = found.len() > fit;
    found.truncate(fit);
    let last = found.last().map(|message| String::from(message.id()));
    Messages {
        messages: found,
        next: last.filter(|_| more),
    }
}

/// `GET /messages/ID`. A received message is marked read; should the flash refuse that, it is shown all the same.
pub fn get(desk: &Desk, ask: &Ask) -> Result<Answer, Problem> {
    ask.params()?.done()?;
    let id = id(ask)?;
    let unread = desk
        .rooms
        .inbox
        .borrow()
        .get(id)
        .is_some_and(|one| !one.read);
    if unread && let Err(why) = desk.rooms.inbox.borrow_mut().mark(id, true) {
        log::warn!("api: message {id} was read but cannot be marked so: {why}");
    }
    let received = desk.rooms.inbox.borrow().get(id);
    let sent = || desk.rooms.outbox.borrow().get(id);
    let message = match received {
        Some(stored) => Message::Inbox(stored.into()),
        None => Message::Sent(sent().ok_or_else(unknown)?.into()),
    };
    Ok(Answer::json(200, &message))
}

/// `PATCH /messages/ID`: the message as it then stands.
pub fn mark(desk: &Desk, ask: &Ask) -> Result<Answer, Problem> {
    ask.params()?.done()?;
    let (id, mark): (MessageId, Mark) = (id(ask)?, read(ask)?);
    let mut inbox = desk.rooms.inbox.borrow_mut();
    let known = inbox.mark(id, mark.read)?;
    let stored = inbox.get(id).filter(|_| known).ok_or_else(unknown)?;
    Ok(Answer::json(200, &Message::Inbox(stored.into())))
}

/// `DELETE /messages/ID`: 204 when it is gone, 200 with the message when it waited and is cancelled.
pub fn delete(desk: &Desk, ask: &Ask) -> Result<Answer, Problem> {
    ask.params()?.done()?;
    let id = id(ask)?;
    if let Some(slots) = desk.rooms.inbox.borrow_mut().delete(id)? {
        desk.rooms.modem.free_slots(slots);
        return Ok(Answer::no_content());
    }
    let removed = desk.rooms.outbox.borrow_mut().remove(id, desk.now())?;
    match removed {
        Removed::Deleted => Ok(Answer::no_content()),
        Removed::Cancelled => get(desk, ask),
        Removed::Busy => Err(Problem::new(
            Code::BeingSent,
            "a part of it is at the modem just now; ask again when that is over",
        )
        .with("Retry-After", 5)),
        Removed::Unknown => Err(unknown()),
    }
}

fn id(ask: &Ask) -> Result<MessageId, Problem> {
    number(ask.last_segment())
        .map(MessageId)
        .ok_or_else(unknown)
}

fn unknown() -> Problem {
    Problem::new(Code::NoSuchMessage, "there is no message of this id")
}
