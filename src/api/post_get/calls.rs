//! Edge: the calls themselves — list, read, send, total, delete — over the rooms. Never says `OK` before it is on flash,
//! and never logs a text.

use super::answers;
use super::form::Form;
use crate::api::desk::Desk;
use crate::api::messages::fits_the_state_directory;
use crate::api::problem::Problem;
use crate::api::query;
use crate::config::Config;
use crate::inbox::Query;
use crate::message::{MessageId, Number, Submission};
use crate::outbox::Refusal;
use crate::system;

/// Messages taken from the store at a time.
const BATCH: usize = 20;
/// `sms_list` ends after so many bytes: what a client with little memory can still take.
const MAX_LIST: usize = 2 * 1024 * 1024;

/// `sms_list`: oldest first; `state` is new, read or all.
pub fn list(desk: &Desk, form: &Form) -> Result<String, Problem> {
    let only = match form.text("state")? {
        None | Some("all") => None,
        Some("new") => Some(false),
        Some("read") => Some(true),
        Some(_) => return Ok(String::from(answers::UNKNOWN_STATE)),
    };
    let (mut out, zone) = (String::new(), system::time_zone());
    let mut query = Query {
        limit: BATCH,
        ..Query::default()
    };
    loop {
        let batch = desk.rooms.inbox.borrow().list(&query);
        let Some(last) = batch.last() else { break };
        query.after = Some(last.message.id);
        for stored in batch {
            if only.is_none_or(|read| read == stored.read) {
                answers::entry(&stored, zone, &mut out);
            }
        }
        if out.len() > MAX_LIST {
            log::warn!(
                "post_get: sms_list ends after {MAX_LIST} bytes, newer messages are not shown; delete old ones"
            );
            break;
        }
    }
    Ok(out)
}

/// `sms_read`. Shows how it stood and marks it read; should the flash refuse that, it is shown all the same.
pub fn read(desk: &Desk, form: &Form) -> Result<String, Problem> {
    let stored = index(form)?.and_then(|id| desk.rooms.inbox.borrow().get(id));
    let Some(stored) = stored else {
        return Ok(String::from(answers::OUT_OF_RANGE));
    };
    let id = stored.message.id;
    if !stored.read
        && let Err(why) = desk.rooms.inbox.borrow_mut().mark(id, true)
    {
        log::warn!("post_get: message {id} was read but cannot be marked so: {why}");
    }
    let mut out = String::new();
    answers::record(&stored, system::time_zone(), &mut out);
    Ok(out)
}

/// `sms_delete`: the message, and the modem's slots that hold it.
pub fn delete(desk: &Desk, form: &Form) -> Result<String, Problem> {
    let Some(id) = index(form)? else {
        return Ok(String::from(answers::WRONG_NUMBER));
    };
    match desk.rooms.inbox.borrow_mut().delete(id)? {
        Some(slots) => desk.rooms.modem.free_slots(slots),
        None => return Ok(String::from(answers::WRONG_NUMBER)),
    }
    Ok(String::from(answers::OK))
}

/// `sms_total`: the modem's store, as RutOS shows it.
pub fn total(desk: &Desk, _form: &Form) -> Result<String, Problem> {
    let slots = desk.rooms.signal.borrow().slots;
    Ok(slots.map_or_else(|| String::from(answers::TIMEOUT), answers::total))
}

/// `sms_send`: to `number`, or else to every number of `group`.
pub fn send(desk: &Desk, form: &Form) -> Result<String, Problem> {
    let config = desk.config();
    let recipients = match recipients(form, &config)? {
        Ok(recipients) => recipients,
        Err(words) => return Ok(String::from(words)),
    };
    let Some(text) = form.text("text")? else {
        return Ok(String::from(answers::NO_TEXT));
    };
    fits_the_state_directory(recipients.len(), text, &config)?;
    let submission = |to| Submission::plain(to, text, "post_get");
    let submissions = recipients.into_iter().map(submission).collect();
    let mut outbox = desk.rooms.outbox.borrow_mut();
    match outbox.submit(submissions, None, desk.now()) {
        Ok(_) => Ok(String::from(answers::OK)),
        Err(Refusal::Alphanumeric) => Ok(String::from(answers::WRONG_NUMBER)),
        Err(
            why @ (Refusal::Text(_)
            | Refusal::Store(_)
            | Refusal::KeyReused
            | Refusal::Denied(_)
            | Refusal::Budget(_)),
        ) => Err(why.into()),
    }
}

/// Who shall get it, nobody twice, or RutOS's words why not.
fn recipients(form: &Form, config: &Config) -> Result<Result<Vec<Number>, &'static str>, Problem> {
    if let Some(number) = form.text("number")? {
        // An unescaped + arrives as a blank.
        let number = match number.strip_prefix(' ') {
            Some(rest) => format!("+{rest}"),
            None => String::from(number),
        };
        let number = Number::parse(&number).map_err(|_| answers::WRONG_NUMBER);
        return Ok(number.map(|number| vec![number]));
    }
    let Some(group) = form.text("group")? else {
        return Ok(Err(answers::NO_RECIPIENT));
    };
    let Some(members) = config.group(group) else {
        return Ok(Err(answers::NO_GROUP));
    };
    let mut numbers: Vec<Number> = Vec::new();
    for member in members {
        if !numbers.contains(member) {
            numbers.push(member.clone());
        }
    }
    Ok(match numbers.is_empty() {
        true => Err(answers::EMPTY_GROUP),
        false => Ok(numbers),
    })
}

/// The `Index` of `sms_list`: the message's id, which stays what it is as long as the message is stored.
fn index(form: &Form) -> Result<Option<MessageId>, Problem> {
    let number = form.text("number")?;
    Ok(number.and_then(query::number).map(MessageId))
}
