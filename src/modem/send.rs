//! Edge: one part from the outbox to the modem. Never sends what the outbox has not marked on flash first, and tells it
//! exactly once what became of each part.

use std::time::Duration;

use super::commands;
use super::conversation::Refused;
use super::flash::{self, Ended, Way};
use super::replies;
use super::serving::Serving;
use super::session::Leave;
use super::tell;
use super::uqmi;
use crate::config::FlashVia;
use crate::outbox::{Job, Outcome};
use crate::sms;
use crate::store::WhyNot;

/// After a part that could not be handed over.
const PAUSE: Duration = Duration::from_secs(5);

/// How far uqmi got with a part.
enum Tried {
    /// To an end.
    Done(Outcome),
    /// Nowhere: AT is next. `begun`: the part is marked on flash already.
    NotSent { begun: bool },
}

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
        log::debug!("modem: part {} of message {}: {outcome}", job.part, job.id);
        let now = self.now();
        self.rooms.outbox.borrow_mut().finish(&job, outcome, now);
        left.map_or(Ok(()), Err)
    }

    /// Up to the PDU an error means that nothing was sent; from the PDU on it means that nobody knows.
    async fn hand_over(&mut self, job: &Job) -> Result<Outcome, Leave> {
        let begun = match self.by_uqmi(job).await {
            Tried::Done(outcome) => return Ok(outcome),
            Tried::NotSent { begun } => begun,
        };
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
        if !begun && self.begin(job).is_err() {
            self.session.escape().await?;
            return Ok(Outcome::NotHandedOver);
        }
        let pdu = format!("00{}", sms::to_hex(&job.tpdu));
        Ok(match self.ask(commands::message_pdu(pdu)).await {
            Ok(Ok(lines)) => match replies::message_reference(&lines) {
                None => Outcome::Unknown,
                reference => Outcome::Accepted { reference },
            },
            Ok(Err(Refused::TimedOut)) | Err(_) => Outcome::Unknown,
            Ok(Err(refused)) => Outcome::Refused {
                code: refused.code(),
            },
        })
    }

    /// Marks a part on flash as being sent.
    fn begin(&mut self, job: &Job) -> Result<(), WhyNot> {
        let begun = self.rooms.outbox.borrow_mut().begin(job, self.now());
        begun.inspect_err(|why| {
            tell::complain(
                self.kept,
                format!("a message waits until it can be marked as being sent: {why}"),
            );
        })
    }

    /// Gives a flash message to uqmi when that is its way.
    async fn by_uqmi(&mut self, job: &Job) -> Tried {
        let (program, device) = (self.options.uqmi.clone(), self.options.qmi.clone());
        let only = match flash::way(self.options.flash_via, &job.submission) {
            Way::At => return Tried::NotSent { begun: false },
            Way::Nowhere(cause) => return Tried::Done(Outcome::Impossible { cause }),
            Way::Uqmi => self.options.flash_via == FlashVia::Uqmi,
        };
        if !uqmi::is_there(&program, &device) {
            let cause = "flash_via is uqmi, but the program or its device is not there";
            return match only {
                true => Tried::Done(Outcome::Impossible { cause }),
                false => Tried::NotSent { begun: false },
            };
        }
        if self.begin(job).is_err() {
            return Tried::Done(Outcome::NotHandedOver);
        }
        let (program, device) = (program.display().to_string(), device.display().to_string());
        let words = flash::words(&device, &job.submission, uqmi::ANSWER);
        let running = uqmi::run(&program, &words, uqmi::LIMIT);
        match self.meanwhile(running).await {
            Ended::Sent => Tried::Done(Outcome::Accepted { reference: None }),
            Ended::Unknown => Tried::Done(Outcome::Unknown),
            Ended::NotSent(why) if only => {
                log::warn!("modem: uqmi did not send message {}: {why}", job.id);
                Tried::Done(Outcome::Refused { code: None })
            }
            Ended::NotSent(why) => {
                log::warn!(
                    "modem: uqmi did not send message {}: {why}; it goes over AT",
                    job.id
                );
                Tried::NotSent { begun: true }
            }
        }
    }

    /// The last part of a long message is out.
    pub(super) async fn let_link_go(&mut self) -> Result<(), Leave> {
        self.link_kept = false;
        let _unimportant = self.ask(commands::let_link_go()).await?;
        Ok(())
    }
}
