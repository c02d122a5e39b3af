//! Edge: a trial push, so that an owner sees at once whether a target works. Never touches queue, cursor or health.

use std::cell::RefCell;
use std::time::Duration;

use super::http::{self, Way};
use super::{to_smtp, webhook};
use crate::config::{Config, ToHttp, ToSmtp};
use crate::mail;
use crate::message::{Encoding, Event, EventKind, MessageId, Number, Received};
use crate::net::Dialer;
use crate::signal::Signal;
use crate::status_text::Facts;
use crate::system;
use crate::time::WallTime;

/// The trial message's text.
const TEXT: &str = "rut-agent test";
/// How long a mail server may take over one reply while somebody waits.
const PATIENCE: Duration = Duration::from_secs(10);
/// What a mail server says to a mail that it takes (RFC 5321 4.2.3).
const OK: u16 = 250;

/// A target that can be tried.
#[derive(Clone, Copy, Debug)]
pub enum Trial<'a> {
    /// `to_http NAME`.
    Http(&'a ToHttp),
    /// `to_smtp NAME`.
    Smtp(&'a ToSmtp),
}

impl<'a> Trial<'a> {
    /// The target of that name, enabled or not.
    pub fn of(config: &'a Config, name: &str) -> Option<Trial<'a>> {
        let http = config.to_http.iter().find(|target| target.name == name);
        let smtp = config.to_smtp.iter().find(|target| target.name == name);
        http.map(Trial::Http).or(smtp.map(Trial::Smtp))
    }

    /// Pushes a message from `from` that says it is a test, as if it had come in at `now`; gives the receiver's 2xx. A web
    /// server has 16 s, a mail server 10 s for each reply. Certificates are read anew.
    ///
    /// # Errors
    /// What went wrong, in the words of [`super::Health::last_error`]; a mail must reach every recipient.
    pub async fn push(
        self,
        config: &Config,
        from: &str,
        now: WallTime,
        signal: &RefCell<Signal>,
    ) -> Result<u16, String> {
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
        let dialer = Dialer::default();
        match self {
            Trial::Http(target) => {
                let request = webhook::request(target, &event, Some(&message), now)
                    .map_err(|unfit| unfit.to_string())?;
                match http::send(&dialer, target, request, Way::default()).await {
                    Ok(taken) => Ok(taken.status),
                    Err(failure) => Err(failure.to_string()),
                }
            }
            Trial::Smtp(target) => {
                let account = config.email(&target.account);
                let account = account.ok_or("it has no email_name")?;
                let mail = {
                    let firmware = system::firmware();
                    let facts = Facts {
                        router: Some(from),
                        firmware: firmware.as_deref(),
                        at: now,
                        zone: system::time_zone(),
                        signal: &signal.borrow(),
                        asked: &[],
                    };
                    to_smtp::mail(target, account, (&event, &message), &facts)
                };
                let sent = mail::send(&dialer, account, from, &mail, PATIENCE).await;
                let verdicts = sent.map_err(|failure| failure.to_string())?;
                let outcome = to_smtp::judge(&mail.to, verdicts);
                outcome.refusals().map_or(Ok(OK), Err)
            }
        }
    }
}
