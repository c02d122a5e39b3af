//! Keeper: carries out what a client asks — submit, query, cancel, replace — and says how to answer. Never answers well
//! before the thing is on flash, and never touches a message that came another way.

use super::ORIGIN;
use super::Rooms;
use super::pdu::{self, Fields, Header, Status, put_string};
use super::receipt::{self, Note, USER_MESSAGE_REFERENCE};
use super::short::{self, Address, Short, To};
use super::text::{self, Content};
use super::when;
use crate::config::Config;
use crate::inbox::Query;
use crate::message::{self, Extra, MessageId, Number, Outgoing, Submission};
use crate::outbox::{Refusal, Removed};
use crate::store::WhyNot;
use crate::time::Now;

/// Messages that may wait in the outbox; a client that wants more is throttled.
const WAITING: usize = 2000;
/// Octets of a message_id, NUL counted in.
const MESSAGE_ID: usize = 65;

/// The rooms, the configuration in force and the time.
pub(super) struct Desk<'a> {
    pub(super) rooms: &'a Rooms,
    pub(super) config: &'a Config,
    pub(super) now: Now,
}

impl Desk<'_> {
    /// Does it; the body of the answer.
    pub(super) fn carry_out(&self, header: Header, body: &[u8]) -> Result<Vec<u8>, Status> {
        match header.command {
            pdu::QUERY_SM => self.query(body),
            pdu::CANCEL_SM => self.cancel(body),
            pdu::REPLACE_SM => self.replace(body),
            _ => self.submit(header, body),
        }
    }

    fn submit(&self, header: Header, body: &[u8]) -> Result<Vec<u8>, Status> {
        if self.rooms.outbox.borrow().waiting() >= WAITING {
            return Err(Status::THROTTLED);
        }
        let short = Short::parse(header.command, body)?;
        let content = text::content(&short, self.config.smpp.alphabet)?;
        let (wait_s, validity_s) = self.times(&short)?;
        let (good, bad) = self.recipients(&short)?;
        let submissions = (0..).zip(&good).map(|(place, to)| {
            let note = note(&short, place, short.data_coding);
            asked(to, &content, (wait_s, validity_s), &note)
        });
        let submissions = submissions.collect();
        let mut outbox = self.rooms.outbox.borrow_mut();
        let accepted = outbox.submit_with(submissions, None, Vec::new(), self.now);
        let accepted = accepted.map_err(|refusal| status(&refusal))?;
        let first = accepted.first().ok_or(Status::DESTINATION)?;
        let mut answer = Vec::new();
        put_string(first.id.to_string().as_bytes(), MESSAGE_ID, &mut answer);
        if header.command == pdu::SUBMIT_MULTI {
            answer.push(u8::try_from(bad.len()).unwrap_or(u8::MAX));
            for (address, status) in bad {
                address.emit(&mut answer);
                answer.extend_from_slice(&status.0.to_be_bytes());
            }
        }
        Ok(answer)
    }

    /// Seconds to wait, and seconds of validity.
    fn times(&self, short: &Short) -> Result<(u32, Option<u32>), Status> {
        let until = |time| when::seconds_until(time, self.now.wall);
        let wait_s = until(short.schedule).map_err(|_| Status::SCHEDULE)?;
        let validity_s = until(short.validity).map_err(|_| Status::EXPIRY)?;
        let wait_s = wait_s.unwrap_or(0);
        match validity_s {
            Some(validity_s) if validity_s <= wait_s => Err(Status::EXPIRY),
            Some(_) | None => Ok((wait_s, validity_s)),
        }
    }

    /// Who is to have it, and who cannot. A submit_multi goes to the good ones, if there is one.
    #[expect(clippy::type_complexity)]
    fn recipients<'a>(
        &self,
        short: &Short<'a>,
    ) -> Result<(Vec<Number>, Vec<(Address<'a>, Status)>), Status> {
        let (mut good, mut bad) = (Vec::new(), Vec::new());
        let outbox = self.rooms.outbox.borrow();
        for to in &short.to {
            match to {
                To::Address(address) => match number(address) {
                    Some(number) if outbox.may_send_to(&number) => good.push(number),
                    Some(_) | None => bad.push((*address, Status::DESTINATION)),
                },
                To::List(name) => {
                    let name = str::from_utf8(name).map_err(|_| Status::LIST_NAME)?;
                    let group = self.config.group(name).ok_or(Status::LIST_NAME)?;
                    let allowed = group.iter().filter(|number| outbox.may_send_to(number));
                    good.extend(allowed.cloned());
                }
            }
        }
        match good.is_empty() {
            true => Err(Status::DESTINATION),
            false => Ok((good, bad)),
        }
    }

    /// The messages that a client knows under this message_id: one, or all of a submit_multi.
    fn known(&self, id: &[u8]) -> Vec<(Outgoing, Note)> {
        let id = str::from_utf8(id).ok().and_then(|id| id.parse().ok());
        let Some(first) = id else {
            return Vec::new();
        };
        let outbox = self.rooms.outbox.borrow();
        let all = (0..=u64::from(u8::MAX)).map_while(|place| {
            let id = MessageId(first).0.checked_add(place)?;
            let message = outbox.get(MessageId(id))?;
            let note = Note::parse(&message.extra.note)?;
            let same = note.place == place && message.submission.origin == ORIGIN;
            same.then_some((message, note))
        });
        all.collect()
    }

    fn query(&self, body: &[u8]) -> Result<Vec<u8>, Status> {
        let mut from = Fields(body);
        let id = short::message_id(&mut from)?;
        Address::parse(&mut from, Status::SOURCE)?;
        let known = self.known(id);
        let (message, _) = known.first().ok_or(Status::MESSAGE_ID)?;
        let mut answer = Vec::new();
        put_string(id, MESSAGE_ID, &mut answer);
        let ended = receipt::ended(message).map(when::absolute);
        put_string(ended.unwrap_or_default().as_bytes(), 17, &mut answer);
        answer.push(receipt::state(message).0);
        let error = message.error.as_ref().and_then(|error| error.code);
        answer.push(error.map_or(0, |code| u8::try_from(code).unwrap_or(u8::MAX)));
        Ok(answer)
    }

    fn cancel(&self, body: &[u8]) -> Result<Vec<u8>, Status> {
        let mut from = Fields(body);
        short::service_type(&mut from)?;
        let id = short::message_id(&mut from)?;
        let source = Address::parse(&mut from, Status::SOURCE)?;
        let to = number(&Address::parse(&mut from, Status::DESTINATION)?);
        let mut found = self.known(id);
        if id.is_empty() {
            let number = to.clone().ok_or(Status::DESTINATION)?;
            let query = Query {
                number: Some(number),
                ..Query::default()
            };
            let listed = self.rooms.outbox.borrow().list(&query).into_iter();
            let ours = listed.filter(|message| message.submission.origin == ORIGIN);
            let ours = ours.filter_map(|message| {
                let note = Note::parse(&message.extra.note)?;
                (note.source == latin1(source.text)).then_some((message, note))
            });
            found = ours.collect();
        } else if found.is_empty() {
            return Err(Status::MESSAGE_ID);
        }
        let mut cancelled = false;
        for (message, _) in found {
            let meant = to.as_ref().is_none_or(|to| *to == message.submission.to);
            if meant && !message.status.is_final() {
                let removed = self.rooms.outbox.borrow_mut().remove(message.id, self.now);
                let removed = removed.map_err(|why| store(&why))?;
                cancelled |= removed == Removed::Cancelled;
            }
        }
        match cancelled {
            true => Ok(Vec::new()),
            false => Err(Status::CANCEL_FAILED),
        }
    }

    fn replace(&self, body: &[u8]) -> Result<Vec<u8>, Status> {
        let (id, mut short) = Short::parse_replace(body)?;
        let known = self.known(id);
        let [(message, before)] = known.as_slice() else {
            return Err(match known.is_empty() {
                true => Status::MESSAGE_ID,
                false => Status::REPLACE_FAILED,
            });
        };
        short.data_coding = before.data_coding;
        let content = text::content(&short, self.config.smpp.alphabet)?;
        let (mut wait_s, validity_s) = self.times(&short)?;
        if short.schedule.is_empty() {
            // What was said before holds on.
            let passed = self.now.wall.unix_s() - message.created_at.unix_s();
            let passed = u32::try_from(passed.max(0)).unwrap_or(u32::MAX);
            wait_s = message.extra.wait_s.saturating_sub(passed);
        }
        let validity_s = validity_s.or(message.submission.validity_s);
        let note = Note {
            registered: short.registered,
            ..before.clone()
        };
        let to = &message.submission.to;
        let asked = asked(to, &content, (wait_s, validity_s), &note);
        let mut outbox = self.rooms.outbox.borrow_mut();
        match outbox.replace(message.id, asked, self.now) {
            Ok(true) => Ok(Vec::new()),
            Ok(false) => Err(Status::REPLACE_FAILED),
            Err(refusal) => Err(status(&refusal)),
        }
    }
}

fn asked(
    to: &Number,
    content: &Content,
    (wait_s, validity_s): (u32, Option<u32>),
    note: &Note,
) -> (Submission, Extra) {
    let submission = Submission {
        to: to.clone(),
        text: content.text.clone(),
        flash: content.flash,
        report: note.registered & 0x03 != 0,
        validity_s,
        origin: String::from(ORIGIN),
    };
    let extra = Extra {
        ready: content.ready.clone(),
        wait_s,
        note: note.to_text(),
    };
    (submission, extra)
}

fn note(short: &Short, place: u64, data_coding: u8) -> Note {
    Note {
        place,
        registered: short.registered,
        data_coding,
        reference: short.parameters.number(USER_MESSAGE_REFERENCE),
        ton: short.source.ton,
        npi: short.source.npi,
        source: latin1(short.source.text),
    }
}

fn latin1(octets: &[u8]) -> String {
    octets.iter().copied().map(char::from).collect()
}

/// The number of an address: with `+` where its type says international.
fn number(address: &Address) -> Option<Number> {
    let text = str::from_utf8(address.text).ok()?;
    let bare = text.strip_prefix('+').or_else(|| text.strip_prefix("00"));
    match (address.ton, bare) {
        (1, bare) => message::Number::parse(&format!("+{}", bare.unwrap_or(text))).ok(),
        (5, _) => None,
        (_, _) => message::Number::parse(text).ok(),
    }
}

fn status(refusal: &Refusal) -> Status {
    match refusal {
        Refusal::Text(_) => Status::MESSAGE_LENGTH,
        Refusal::Alphanumeric | Refusal::Denied(_) => Status::DESTINATION,
        Refusal::Store(why) => store(why),
        Refusal::KeyReused => Status::SUBMIT_FAILED,
        Refusal::Budget(budget) if budget.never_fits() => Status::SUBMIT_FAILED,
        Refusal::Budget(_) => Status::THROTTLED,
    }
}

fn store(why: &WhyNot) -> Status {
    match why {
        WhyNot::Full => Status::QUEUE_FULL,
        WhyNot::Io(_) => Status::SYSTEM,
    }
}
