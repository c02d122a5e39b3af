//! Edge: one part from the outbox to the modem. Never sends what the outbox has not marked on flash first, and tells it
//! exactly once what became of each part.

use std::time::Duration;

use super::commands;
use super::conversation::Refused;
use super::replies;
use super::serving::Serving;
use super::session::Leave;
use super::tell;
use crate::outbox::{Job, Outcome};
use crate::sms;

/// After a part that could not be handed over.
const PAUSE: Duration = Duration::from_secs(5);

impl Serving<'_> {
    /// Registered, and no pause is on.
    pub(super) fn may_send(&self) -> bool {
        self.is_registered() && self.now().tick >= self.send_at
    }

    /// The part to send now.
    pub(super) fn next_job(&self) -> Option<Job> {
        if !self.may_send() {
            return None;
        }
        self.rooms.outbox.borrow_mut().next(self.now())
    }

    /// Sends one part and reports its outcome.
    pub(super) async fn send(&mut self, job: Job) -> Result<(), Leave> {
        let (outcome, left) = match self.hand_over(&job).await {
            Ok(outcome) => (outcome, None),
            // The port or the modem went before the PDU was handed over.
            Err(leave) => (Outcome::NotHandedOver, Some(leave)),
        };
        if outcome == Outcome::NotHandedOver {
            self.send_at = self.now().tick + PAUSE;
        }
        log::debug!(
            "modem: part {} of message {}: {outcome:?}",
            job.part,
            job.id
        );
        let now = self.now();
        self.rooms.outbox.borrow_mut().finish(&job, outcome, now);
        left.map_or(Ok(()), Err)
    }

    /// Up to the PDU an error means that nothing was sent; from the PDU on it means that nobody knows.
    async fn hand_over(&mut self, job: &Job) -> Result<Outcome, Leave> {
        if job.more && !self.link_kept && self.keeps_link {
            self.keeps_link = self.ask(commands::keep_link()).await?.is_ok();
            self.link_kept = self.keeps_link;
        }
        match self.ask(commands::send_message(job.tpdu.len())).await? {
            Ok(_prompt) => {}
            Err(Refused::TimedOut) => {
                self.session.escape().await?;
                return Ok(Outcome::NotHandedOver);
            }
            Err(refused) => {
                return Ok(Outcome::Refused {
                    code: refused.code(),
                });
            }
        }
        let begun = self.rooms.outbox.borrow_mut().begin(job, self.now());
        if let Err(why) = begun {
            tell::complain(
                self.kept,
                format!("a message waits until it can be marked as being sent: {why}"),
            );
            self.session.escape().await?;
            return Ok(Outcome::NotHandedOver);
        }
        let pdu = format!("00{}", sms::to_hex(&job.tpdu));
        Ok(match self.ask(commands::message_pdu(pdu)).await {
            Ok(Ok(lines)) => match replies::message_reference(&lines) {
                Some(reference) => Outcome::Accepted { reference },
                None => Outcome::Unknown,
            },
            Ok(Err(Refused::TimedOut)) | Err(_) => Outcome::Unknown,
            Ok(Err(refused)) => Outcome::Refused {
                code: refused.code(),
            },
        })
    }

    /// The last part of a long message is out.
    pub(super) async fn let_link_go(&mut self) -> Result<(), Leave> {
        self.link_kept = false;
        let _unimportant = self.ask(commands::let_link_go()).await?;
        Ok(())
    }
}
