//! Decider: a PDU from the prompt to the air and back to an answer (27.005 3.5). Never decides what the agent should
//! have sent: the air log holds what came.

use super::engine::Failure;
use super::faults::UnplugAfter;
use super::modem::{Action, Mode, Modem};
use super::network::{Incoming, Kind, OnAir, Reports};
use super::pdu;
use super::store::{Stat, Stored};
use crate::time::Now;

/// What a PDU at the prompt is for, and how long it must be (27.005 `<length>`).
#[derive(Clone, Copy, Debug)]
pub(super) enum Job {
    /// `+CMGS`: send it.
    Send(usize),
    /// `+CMGW`: store it, with this status.
    Write(usize, Stat),
}

/// What became of a send.
#[derive(Debug)]
pub(super) struct Sent {
    /// The command that is answered.
    name: &'static str,
    /// TP-MR, or the error number.
    outcome: Result<u8, u16>,
    /// The status report that comes of it.
    report: Option<Incoming>,
}

/// 27.005 3.2.5: invalid PDU mode parameter.
const BAD_PDU: Failure = Failure::Cms(304);
const NO_SERVICE: u16 = 331;
const MEMORY_FULL: Failure = Failure::Cms(322);

impl Modem {
    /// Asks for the PDU.
    pub(super) fn prompt(&mut self, job: Job) {
        self.mode = Mode::Pdu(job, Vec::new());
        self.say("\r\n> ");
        if self.faults.unplugs(UnplugAfter::Prompt) {
            self.unplug();
        }
    }

    /// The PDU is complete.
    pub(super) fn on_pdu(&mut self, job: Job, held: &[u8], now: Now) {
        let text: String = held
            .iter()
            .map(|byte| char::from(*byte))
            .filter(|c| !c.is_whitespace())
            .collect();
        let read = pdu::unhex(&text);
        let outcome = match (job, read) {
            (Job::Send(length), Some(octets)) if pdu::tpdu_length(&octets) == length => {
                self.transmit("+CMGS", octets, now)
            }
            (Job::Write(length, stat), Some(octets)) if pdu::tpdu_length(&octets) == length => {
                self.write(octets, stat)
            }
            (Job::Send(_) | Job::Write(..), _) => Err(BAD_PDU),
        };
        if let Err(failure) = outcome {
            let text = self.failure_text(failure);
            self.finish(&[], &text);
        }
    }

    fn write(&mut self, pdu: Vec<u8>, stat: Stat) -> Result<(), Failure> {
        let [_, memory, _] = self.settings.memories;
        let index = self
            .stores
            .put(memory, Stored { stat, pdu })
            .ok_or(MEMORY_FULL)?;
        self.finish(&[format!("+CMGW: {index}")], "OK");
        Ok(())
    }

    /// Puts a PDU on the air, unless a fault or the network forbids; the answer comes after the network's delay.
    pub(super) fn transmit(
        &mut self,
        name: &'static str,
        octets: Vec<u8>,
        now: Now,
    ) -> Result<(), Failure> {
        let submit = pdu::submit(&octets).ok_or(BAD_PDU)?;
        let refusal = if self.network.registered() {
            self.faults.refusal(&submit.to)
        } else {
            Some(NO_SERVICE)
        };
        let (outcome, report) = match refusal {
            Some(code) => (Err(code), None),
            None => self.put_on_air(submit, octets, now),
        };
        let sent = Sent {
            name,
            outcome,
            report,
        };
        self.mode = Mode::Busy;
        match self.network.delay_ms {
            0 => self.finish_submit(sent, now),
            ms => self.later(now, ms, Action::FinishSubmit(sent)),
        }
        Ok(())
    }

    fn put_on_air(
        &mut self,
        submit: pdu::Submit,
        octets: Vec<u8>,
        now: Now,
    ) -> (Result<u8, u16>, Option<Incoming>) {
        let reference = self.network.reference;
        self.network.reference = reference.wrapping_add(1);
        let status = match self.network.reports {
            Reports::After(status) | Reports::Before(status) => Some(status),
            Reports::Off => None,
        };
        let status = status.filter(|_| submit.report);
        let report = status.map(|status| {
            let smsc = &self.network.smsc;
            pdu::status_report(smsc, reference, &submit.to, status, now.wall.unix_s())
        });
        let on_air = OnAir {
            at_ms: now.tick.0,
            reference,
            submit,
            pdu: octets,
            status,
            link_kept: self.settings.cmms > 0,
        };
        self.network.air.push(on_air);
        let report = report.map(|pdu| Incoming {
            kind: Kind::Report,
            pdu,
            silent: false,
        });
        (Ok(reference), report)
    }

    /// The network has answered.
    pub(super) fn finish_submit(&mut self, sent: Sent, now: Now) {
        self.network.queue.extend(sent.report);
        if matches!(self.network.reports, Reports::Before(_)) {
            self.pump(now);
        }
        self.mode = Mode::Line(String::new());
        match sent.outcome {
            Ok(_) if self.faults.unplugs(UnplugAfter::Pdu) => return self.unplug(),
            Ok(_) if self.faults.loses_answer() => {}
            Ok(reference) => self.finish(&[format!("{}: {reference}", sent.name)], "OK"),
            Err(code) => {
                let text = self.failure_text(Failure::Cms(code));
                self.finish(&[], &text);
            }
        }
        self.pump(now);
    }

    /// The modem vanished before it could answer; the report comes all the same, as soon as it can be delivered.
    pub(super) fn abandon(&mut self, sent: Sent) {
        self.network.queue.extend(sent.report);
    }
}
