//! Edge: mail to SMS, round after round — log in, list, look, submit, delete. Never deletes a mail before its messages are
//! on flash, never sends one twice, and never ends for a server's fault.
//!
//! ```text
//! UIDL --> known: sent --------------------------------------------------> DELE
//!     |--> known: stays, passed over --> nothing
//!     '--> new --> TOP n 0 --> not for us --> passed over, or with delete_other DELE
//!                        '--> TOP n 800 --> no text, denied --> stays (on flash)
//!                                       '--> submitted, and "sent", in one batch --> DELE
//! ```
//! The deletions count from QUIT on (RFC 1939 6); where that is lost, the next round finds the mail "sent".

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use tokio::sync::watch;

use super::fetch_memory::{Memory, Verdict, hash};
use super::fetch_plan::{Plan, plan};
use super::pop3::{Failure, Session};
use super::pop3_reply::{Lines, uidl};
use super::{mime, subject};
use crate::clock::Clock;
use crate::config::{Config, Pop3};
use crate::message::{Extra, Number, Outgoing, Submission};
use crate::net::Dialer;
use crate::outbox::{Outbox, Refusal};
use crate::stop::Stop;
use crate::store::{Shared, WhyNot};

/// What mail to SMS works with.
#[derive(Debug)]
pub struct Rooms {
    /// Where it is remembered which mails were sent.
    pub store: Shared,
    /// Where the messages go.
    pub outbox: Rc<RefCell<Outbox>>,
    /// The clocks.
    pub clock: Clock,
}

/// Lines of a mail that are asked for: about 60 KB. More text never fits into ten parts.
const LINES: u32 = 800;
/// Bytes of a mail that are kept.
const KEPT: usize = 64 * 1024;
/// At least so many mails of the server's list are looked at, the newest.
const LISTED: usize = 2000;
/// After so long a round begins no further mail: the server must hear QUIT some time.
const ROUND: Duration = Duration::from_secs(300);

/// Fetches mails until told to stop; follows configuration changes, each with a round at once. Asleep while disabled.
pub async fn run(mut config: watch::Receiver<Rc<Config>>, rooms: Rooms, mut stop: Stop) {
    let mut fetcher = Fetcher {
        memory: Memory::new(rooms.store),
        outbox: rooms.outbox,
        clock: rooms.clock,
        dialer: Dialer::default(),
        failed: String::new(),
    };
    loop {
        let pop3 = config.borrow_and_update().pop3.clone();
        fetcher.memory.look_again();
        // Who changed something wants to hear whether it helped.
        fetcher.failed.clear();
        fetcher.dialer.forget();
        tokio::select! {
            () = stop.wait() => return,
            changed = config.changed() => if changed.is_err() { return },
            () = fetcher.rounds(&pop3), if pop3.enabled => {}
        }
    }
}

struct Fetcher {
    memory: Memory,
    outbox: Rc<RefCell<Outbox>>,
    clock: Clock,
    dialer: Dialer,
    /// What the log says of the last round, if it failed.
    failed: String,
}

/// A mail of the server's list: its number in this session, and what it is remembered by.
#[derive(Clone, Copy)]
struct Listed {
    number: u32,
    mail: u64,
}

/// Whether the round goes on.
enum Then {
    Next,
    Enough,
}

impl Fetcher {
    async fn rounds(&mut self, config: &Pop3) {
        loop {
            let outcome = self.round(config).await;
            self.tell(outcome, config);
            tokio::time::sleep(config.interval).await;
        }
    }

    /// One line when it begins to fail, or fails otherwise, and one when it works again.
    fn tell(&mut self, outcome: Result<(), Failure>, config: &Pop3) {
        let failed = outcome
            .err()
            .map(|failure| failure.to_string())
            .unwrap_or_default();
        if failed == self.failed {
            return;
        }
        let host = &config.host;
        match failed.is_empty() {
            true => log::info!("mail: mails are fetched from {host} again"),
            false => {
                let minutes = config.interval.as_secs() / 60;
                log::warn!(
                    "mail: fetching from {host} failed, next try in {minutes} min: {failed}"
                );
            }
        }
        self.failed = failed;
    }

    async fn round(&mut self, config: &Pop3) -> Result<(), Failure> {
        self.memory.next_round();
        let mut session = Session::open(&self.dialer, config).await?;
        let end = self.clock.now().tick + ROUND;
        let mut refused = Ok(());
        for listed in self.list(&mut session, config).await? {
            match self.handle(&mut session, config, listed).await {
                Ok(Then::Next) if self.clock.now().tick < end => {}
                Ok(Then::Next | Then::Enough) => break,
                Err(failure) => {
                    if matches!(failure, Failure::Endless(_)) {
                        self.memory.pass_over(listed.mail);
                    } else {
                        self.memory.strike(listed.mail);
                    }
                    // This one mail cannot be had; the session goes on.
                    if !matches!(failure, Failure::Refused(_)) {
                        return Err(failure);
                    }
                    refused = Err(failure);
                }
            }
        }
        session.ask("QUIT", None).await.and(refused)
    }

    /// What the server holds, oldest first.
    async fn list(&mut self, session: &mut Session, config: &Pop3) -> Result<Vec<Listed>, Failure> {
        let mut lines = Lines::default();
        let mut list = Vec::new();
        let mut whole = true;
        let mut sink = |byte| {
            let line = lines.take(byte);
            let Some((number, uid)) = line.as_deref().and_then(uidl) else {
                return;
            };
            if list.len() >= 2 * LISTED {
                list.drain(..LISTED);
                whole = false;
            }
            let mail = hash([&config.host, &config.username], uid);
            list.push(Listed { number, mail });
        };
        session.ask("UIDL", Some(&mut sink)).await?;
        if whole {
            let mails: Vec<u64> = list.iter().map(|listed: &Listed| listed.mail).collect();
            if let Err(why) = self.memory.forget_all_but(&mails) {
                log::debug!("mail: what is no longer on the server is forgotten later: {why}");
            }
        }
        Ok(list)
    }

    async fn handle(
        &mut self,
        session: &mut Session,
        config: &Pop3,
        listed: Listed,
    ) -> Result<Then, Failure> {
        let delete = match self.memory.verdict(listed.mail) {
            Some(Verdict::Sent) => !self.memory.passes_over(listed.mail),
            Some(Verdict::Stays) => false,
            None if self.memory.passes_over(listed.mail) => false,
            None => {
                let head = top(session, listed.number, 0).await?;
                let to = mime::subject(&head)
                    .as_deref()
                    .and_then(subject::recipients);
                match to {
                    None => self.not_for_us(config, listed.mail),
                    Some(to) => {
                        let mail = top(session, listed.number, LINES).await?;
                        match self.send(config, listed.mail, &mail, to) {
                            Some(delete) => delete,
                            None => return Ok(Then::Enough),
                        }
                    }
                }
            }
        };
        if delete {
            let command = format!("DELE {}", listed.number);
            match session.ask(&command, None).await {
                Err(Failure::Refused(why)) => {
                    log::debug!("mail: a mail is not deleted, it is tried again: {why}");
                }
                outcome => outcome?,
            }
        }
        Ok(Then::Next)
    }

    /// True when it is to be deleted.
    fn not_for_us(&mut self, config: &Pop3, mail: u64) -> bool {
        if config.delete_other {
            log::info!("mail: a mail whose subject is no phone number is deleted");
        } else {
            log::info!("mail: a mail whose subject is no phone number stays on the server");
            self.memory.pass_over(mail);
        }
        config.delete_other
    }

    /// Submits what a mail becomes: true when it can be deleted, `None` when nothing more can be submitted now.
    fn send(&mut self, config: &Pop3, mail: u64, bytes: &[u8], to: Vec<Number>) -> Option<bool> {
        let planned = plan(bytes, to, config.limit, |to| {
            self.outbox.borrow().may_send_to(to)
        });
        let why = match planned {
            Plan::Stay(why) => String::from(why),
            Plan::Send(_) if self.memory.is_full() => {
                log::warn!(
                    "mail: 1000 mails that were sent or cannot be sent lie on the server: delete them there"
                );
                return None;
            }
            Plan::Send(submissions) => match (submissions.len(), self.submit(mail, submissions)) {
                (_, Ok(messages)) => {
                    tell_of(&messages);
                    return Some(true);
                }
                // Smaller ones may fit meanwhile, and so many messages perhaps never.
                (2.., Err(Refusal::Store(why @ WhyNot::Full))) => {
                    log::warn!("mail: a mail to several phone numbers waits on the server: {why}");
                    return Some(false);
                }
                (_, Err(Refusal::Store(_))) => return None,
                (_, Err(Refusal::Budget(budget))) if !budget.never_fits() => return None,
                (_, Err(why)) => why.to_string(),
            },
        };
        log::warn!("mail: a mail to a phone number is not sent and stays on the server: {why}");
        if let Err(why) = self.memory.stays(mail) {
            log::debug!("mail: the next round finds it again: {why}");
        }
        Some(false)
    }

    fn submit(
        &mut self,
        mail: u64,
        submissions: Vec<Submission>,
    ) -> Result<Vec<Outgoing>, Refusal> {
        let sent = vec![Memory::put(mail, Verdict::Sent)];
        let now = self.clock.now();
        let plain = |submission| (submission, Extra::default());
        let submissions = submissions.into_iter().map(plain).collect();
        self.outbox
            .borrow_mut()
            .submit_with(submissions, None, sent, now)
    }
}

fn tell_of(messages: &[Outgoing]) {
    for message in messages {
        let (id, parts) = (message.id, message.parts);
        let to = message.submission.to.masked();
        log::info!("mail: a mail is message {id} to {to}, {parts} part(s)");
    }
}

/// The beginning of a mail: its header and so many lines. A server without `TOP` sends it whole, and the rest is dropped.
async fn top(session: &mut Session, number: u32, lines: u32) -> Result<Vec<u8>, Failure> {
    let mut command = format!("TOP {number} {lines}");
    loop {
        let mut kept = Vec::new();
        let mut sink = |byte| {
            if kept.len() < KEPT {
                kept.push(byte);
            }
        };
        match session.ask(&command, Some(&mut sink)).await {
            Ok(()) => return Ok(kept),
            Err(Failure::Refused(_)) if command.starts_with("TOP") => {
                command = format!("RETR {number}");
            }
            Err(failure) => return Err(failure),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::feed::Feed;
    use crate::inbox::Query;
    use crate::outbox::Outcome;
    use crate::store::sim::SimFlash;

    /// The smallest `state_limit`.
    const LIMIT: usize = 65_536;

    fn fetcher() -> (Fetcher, Shared) {
        let store = SimFlash::default().store(LIMIT, LIMIT / 8);
        let store: Shared = Rc::new(RefCell::new(store));
        let clock = Clock::start();
        let outbox = Outbox::new(store.clone(), Feed::new(0), clock.now()).unwrap();
        let fetcher = Fetcher {
            memory: Memory::new(store.clone()),
            outbox: Rc::new(RefCell::new(outbox)),
            clock,
            dialer: Dialer::default(),
            failed: String::new(),
        };
        (fetcher, store)
    }

    fn fetched(fetcher: &mut Fetcher, mail: u64, recipients: usize, length: usize) -> Option<bool> {
        let config = Pop3 {
            limit: 10,
            ..Pop3::default()
        };
        let number = |number| Number::parse(&format!("+1202555{number:04}")).unwrap();
        let bytes = format!("Subject: x\n\n{}\n", "x".repeat(length));
        let to = (0..recipients).map(number).collect();
        fetcher.send(&config, mail, bytes.as_bytes(), to)
    }

    #[test]
    fn a_mail_to_many_that_does_not_fit_now_waits_and_holds_up_no_other() {
        let (mut fetcher, store) = fetcher();
        let mut filled = 0;
        while store.borrow().has_room(16) {
            assert_eq!(fetched(&mut fetcher, 1000 + filled, 1, 1400), Some(true));
            filled += 1;
        }
        assert!(filled > 10, "{filled}");
        assert_eq!(fetched(&mut fetcher, 1, 20, 150), Some(false), "it waits");
        assert_eq!(fetcher.memory.verdict(1), None, "it is not given up");
        assert_eq!(fetched(&mut fetcher, 2, 1, 150), Some(true));
        let outbox = fetcher.outbox.clone();
        let now = fetcher.clock.now();
        loop {
            let Some(job) = outbox.borrow_mut().next(now) else {
                break;
            };
            outbox.borrow_mut().begin(&job, now).unwrap();
            let reference = None;
            let accepted = Outcome::Accepted { reference };
            outbox.borrow_mut().finish(&job, accepted, now);
        }
        assert_eq!(fetched(&mut fetcher, 1, 20, 150), Some(true));
        let here = outbox.borrow().list(&Query::default());
        let own = here.iter().filter(|one| one.submission.text.len() == 150);
        assert!(own.count() >= 20);
    }
}
