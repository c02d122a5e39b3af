//! Edge: messages from the modem's slots and past them into the inbox, and slots freed. Never deletes or acknowledges
//! what is not on flash: before a slot is deleted its content is read once more and recognised.

use std::time::Duration;

use super::commands;
use super::conversation::Refused;
use super::notify::Notification;
use super::replies::{self, StoredPdu};
use super::serving::Serving;
use super::session::Leave;
use super::tell;
use crate::inbox::Arrival;
use crate::message::{Memory, Slot};
use crate::signal::Slots;
use crate::sms::{self, Direction, Tpdu};
use crate::store::WhyNot;

/// What could not be kept is tried again after this.
const AGAIN: Duration = Duration::from_secs(10);

/// After so many looks refused the modem is started again.
const REFUSED: u8 = 3;

/// A slot the modem would not delete is let be for this long.
const STUBBORN: Duration = Duration::from_secs(600);

/// The modem stops delivering past its store when it is not acknowledged; it is started again after this.
const UNACKNOWLEDGED: Duration = Duration::from_secs(30);

/// Direct deliveries kept in memory while the flash refuses them.
const UNKEPT: usize = 64;

/// 27.005 3.2.5: invalid memory index.
const INVALID_INDEX: Option<u16> = Some(321);

/// Where a PDU has gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Taken {
    /// A message: on flash.
    Kept,
    /// A status report: taken in, of no further use in a slot.
    Report,
    /// Nowhere: the flash refused.
    NotYet,
}

/// Of the slots that shall stay free (`free`, a tenth at least) half are gone; and until all of them are there again.
fn is_low(slots: Slots, free: u16, was: bool) -> bool {
    let wanted = free.max(slots.total.div_ceil(10)).min(slots.total);
    let left = slots.total.saturating_sub(slots.used);
    let low = wanted / 2;
    slots.total > 0 && (left <= low.max(1) || (was && left < wanted))
}

impl Serving<'_> {
    /// Slots in use, for the plan and for everybody.
    pub(super) fn set_slots(&mut self, slots: Option<Slots>) {
        self.slots = slots;
        self.rooms.signal.borrow_mut().slots = slots;
    }

    /// `+CMTI`, `+CDSI`: read that slot at once.
    pub(super) async fn on_stored(
        &mut self,
        memory: Option<Memory>,
        index: u16,
    ) -> Result<(), Leave> {
        let now = self.now().tick;
        let Some(memory) = memory else {
            self.agenda.look_now(now);
            return Ok(());
        };
        let slot = Slot { memory, index };
        match self.read_slot(slot).await? {
            Ok(Some(stored)) => {
                if memory == self.memory && !self.knows(slot, &stored) {
                    self.agenda.took();
                }
                self.take(slot, &stored).await?;
                if self.is_nearly_full() {
                    self.count(false).await?;
                }
                Ok(())
            }
            // Somebody else was faster, or the index is of another memory: the list tells.
            Ok(None) | Err(_) => {
                self.agenda.look_now(now);
                Ok(())
            }
        }
    }

    /// `+CMT`, `+CDS`: acknowledged once it is on flash.
    pub(super) async fn on_direct(&mut self, told: Notification) -> Result<(), Leave> {
        let (Notification::Message(pdu) | Notification::Report(pdu)) = &told else {
            return Ok(());
        };
        let taken = self.keep(None, pdu);
        let now = self.now().tick;
        match (taken, self.acknowledges) {
            (Taken::Kept | Taken::Report, true) => {
                if let Err(refused) = self.ask(commands::acknowledge()).await? {
                    log::warn!("modem: a direct delivery could not be acknowledged ({refused})");
                }
            }
            (Taken::Kept | Taken::Report, false) => {}
            // The network will deliver it again.
            (Taken::NotYet, true) => self.again_at = Some(now + UNACKNOWLEDGED),
            (Taken::NotYet, false) => self.remember_unkept(told),
        }
        Ok(())
    }

    fn remember_unkept(&mut self, told: Notification) {
        if self.kept.unkept.len() < UNKEPT {
            self.kept.unkept.push_back(told);
        } else {
            log::error!(
                "modem: a message is lost: it was delivered past the store, and neither flash nor memory has room"
            );
        }
    }

    /// What was delivered past the store before the port went: nobody may deliver it again.
    pub(super) fn keep_last_words(&mut self) {
        while let Some(told) = self.session.take_told() {
            if let Notification::Message(pdu) | Notification::Report(pdu) = &told
                && self.keep(None, pdu) == Taken::NotYet
                && !self.acknowledges
            {
                self.remember_unkept(told);
            }
        }
    }

    /// `+CDSI` from a memory of reports alone: read there, and freed once it is taken in.
    pub(super) async fn on_report_apart(&mut self, memory: &str, index: u16) -> Result<(), Leave> {
        self.reading = None;
        if self
            .ask(commands::set_reading_memory(memory))
            .await?
            .is_ok()
        {
            let answer = self.ask(commands::read_message(index)).await?;
            let stored = answer.ok().and_then(|lines| replies::read(&lines));
            if let Some(stored) = stored
                && self.keep(None, &stored.pdu) != Taken::NotYet
            {
                let deleted = self.ask(commands::delete_message(index)).await?.is_ok();
                log::debug!("modem: a report in {memory} is taken in (deleted: {deleted})");
            }
        }
        self.select(self.memory).await.map(|_| ())
    }

    /// Hands a PDU to the room it belongs to.
    fn keep(&mut self, slot: Option<Slot>, hex: &str) -> Taken {
        let even = hex.get(..hex.len() & !1).unwrap_or_default();
        let pdu = sms::from_hex(even).unwrap_or_default();
        let now = self.now();
        let (kept, taken) = match sms::decode(&pdu, Direction::FromNetwork) {
            Ok(Tpdu::StatusReport(report)) => {
                let matched = self.rooms.outbox.borrow_mut().report(&report, now);
                (matched.map(|_known| ()), Taken::Report)
            }
            Ok(Tpdu::Deliver(_) | Tpdu::Submit(_)) | Err(_) => {
                let arrival = Arrival { slot, pdu };
                let accepted = self.rooms.inbox.borrow_mut().accept(&arrival, now);
                (accepted.map(|_| ()), Taken::Kept)
            }
        };
        match kept {
            Ok(()) => {
                self.kept.complaint = None;
                taken
            }
            Err(why) => {
                self.cannot_keep(&why);
                Taken::NotYet
            }
        }
    }

    fn cannot_keep(&mut self, why: &WhyNot) {
        let now = self.now().tick;
        self.agenda.look_again(AGAIN, now);
        tell::complain(
            self.kept,
            format!("a received message stays where it is until it can be kept: {why}"),
        );
    }

    /// Takes over what lies in a slot, unless it was taken over before.
    async fn take(&mut self, slot: Slot, stored: &StoredPdu) -> Result<Taken, Leave> {
        if !stored.is_received() {
            return Ok(Taken::Kept);
        }
        let taken = if self.knows(slot, stored) {
            Taken::Kept
        } else {
            self.keep(Some(slot), &stored.pdu)
        };
        match taken {
            Taken::Kept | Taken::Report if self.options.exclusive => self.delete(slot).await?,
            Taken::Report => self.delete_again(slot, &stored.pdu).await?,
            Taken::Kept | Taken::NotYet => {}
        }
        Ok(taken)
    }

    /// Deletes what was read, unless the daemon beside us was faster and something else lies there now.
    async fn delete_again(&mut self, slot: Slot, pdu: &str) -> Result<(), Leave> {
        match self.read_slot(slot).await? {
            Ok(Some(stored)) if stored.pdu == pdu => self.delete(slot).await,
            Ok(_) | Err(_) => {
                self.agenda.look_again(AGAIN, self.now().tick);
                Ok(())
            }
        }
    }

    fn knows(&self, slot: Slot, stored: &StoredPdu) -> bool {
        let pdu = sms::from_hex(&stored.pdu).unwrap_or_default();
        self.rooms.inbox.borrow().knows(slot, &pdu)
    }

    /// Makes `memory` the one that is read and deleted from; `false` when the modem will not.
    pub(super) async fn select(&mut self, memory: Memory) -> Result<bool, Leave> {
        if self.reading == Some(memory) {
            return Ok(true);
        }
        let set = self
            .ask(commands::set_reading_memory(memory.as_str()))
            .await?;
        if set.is_ok() {
            self.reading = Some(memory);
        }
        Ok(set.is_ok())
    }

    /// What lies in a slot; `None`: nothing.
    async fn read_slot(&mut self, slot: Slot) -> Result<Result<Option<StoredPdu>, Refused>, Leave> {
        if !self.select(slot.memory).await? {
            return Ok(Err(Refused::Error));
        }
        let answer = self.ask(commands::read_message(slot.index)).await?;
        Ok(match answer {
            Ok(lines) => Ok(replies::read(&lines)),
            Err(refused) if refused.code() == INVALID_INDEX => Ok(None),
            Err(refused) => Err(refused),
        })
    }

    /// Reads all slots of the memory in use, and frees what may be freed.
    pub(super) async fn look(&mut self) -> Result<(), Leave> {
        for told in std::mem::take(&mut self.kept.unkept) {
            self.on_direct(told).await?;
        }
        if self.read_all(self.memory).await? {
            self.free_requested().await?;
            self.make_room().await?;
        }
        Ok(())
    }

    /// Takes over what lies in a memory; `false` when something had to stay behind.
    pub(super) async fn read_all(&mut self, memory: Memory) -> Result<bool, Leave> {
        if !self.select(memory).await? {
            return Ok(false);
        }
        let Some(mut lines) = self.list().await? else {
            return Ok(false);
        };
        let mut listed = replies::listed_slots(&lines);
        if !self.missing(memory, &listed).is_empty() {
            // Somebody freed a slot, or this is the answer to something else: what a second list shows is there.
            let Some(again) = self.list().await? else {
                return Ok(false);
            };
            lines = again;
            listed.extend(replies::listed_slots(&lines));
            listed.sort_unstable();
            listed.dedup();
        }
        self.note_list(memory, &listed);
        for stored in replies::listed(&lines) {
            let index = stored.index;
            if self.take(Slot { memory, index }, &stored).await? == Taken::NotYet {
                return Ok(false);
            }
            // Whoever listens for messages gets to run between two of them.
            tokio::task::yield_now().await;
        }
        Ok(true)
    }

    /// The list of messages; `None` when it was refused.
    async fn list(&mut self) -> Result<Option<Vec<String>>, Leave> {
        match self.ask(commands::list_messages()).await? {
            Ok(lines) => {
                self.refused_looks = Some(0);
                Ok(Some(lines))
            }
            Err(refused) => {
                let now = self.now().tick;
                log::debug!("modem: no list of messages ({refused}); it is asked again");
                self.agenda.look_again(AGAIN, now);
                self.look_refused().map(|()| None)
            }
        }
    }

    /// Slots of this memory that held something and are not listed.
    fn missing(&self, memory: Memory, listed: &[u16]) -> Vec<Slot> {
        let mut known = self.rooms.inbox.borrow().removable();
        known.retain(|slot| slot.memory == memory && !listed.contains(&slot.index));
        known
    }

    /// A modem that answered and answers no more has another SIM, or none, or was set to something else: it is started
    /// again.
    pub(super) fn look_refused(&mut self) -> Result<(), Leave> {
        let Some(refused) = &mut self.refused_looks else {
            return Ok(());
        };
        *refused += 1;
        match *refused >= REFUSED {
            true => Err(Leave::Again),
            false => Ok(()),
        }
    }

    /// Slots that held something and are not listed are free.
    fn note_list(&mut self, memory: Memory, listed: &[u16]) {
        if memory == self.memory {
            let used = u16::try_from(listed.len()).unwrap_or(u16::MAX);
            self.set_slots(self.slots.map(|slots| Slots { used, ..slots }));
            self.agenda.listed(used);
        }
        for slot in self.missing(memory, listed) {
            self.found_empty(slot);
        }
    }

    fn found_empty(&mut self, slot: Slot) {
        let noted = self.rooms.inbox.borrow_mut().slot_is_free(slot);
        if let Err(why) = noted {
            tell::complain(self.kept, format!("a freed slot could not be noted: {why}"));
        }
    }

    /// Frees the slots others asked for.
    pub(super) async fn free_requested(&mut self) -> Result<(), Leave> {
        while let Some(slot) = self.kept.to_free.pop_front() {
            self.free(slot).await?;
        }
        self.select(self.memory).await.map(|_| ())
    }

    /// Time for the `free` rule, as far as can be known without asking.
    fn is_nearly_full(&self) -> bool {
        self.slots
            .is_some_and(|slots| slots.total.saturating_sub(self.agenda.most()) < self.options.free)
    }

    /// The `free` rule: oldest first, only what is on flash.
    pub(super) async fn make_room(&mut self) -> Result<(), Leave> {
        let now = self.now().tick;
        self.stubborn.retain(|(_, until)| *until > now);
        while let Some(slots) = self.slots
            && slots.total.saturating_sub(slots.used) < self.options.free.min(slots.total)
        {
            let removable = self.rooms.inbox.borrow().removable();
            let next = removable.into_iter().find(|slot| {
                let stubborn = self.stubborn.iter().any(|(stubborn, _)| stubborn == slot);
                slot.memory == self.memory && !stubborn
            });
            match next {
                Some(slot) => self.free(slot).await?,
                None => break,
            }
        }
        if let Some(slots) = self.slots {
            let was = self.kept.slots_low;
            self.kept.slots_low = is_low(slots, self.options.free, was);
            if self.kept.slots_low && !was {
                tell::store_low(self.rooms, self.memory, slots);
            }
        }
        Ok(())
    }

    /// Deletes what a slot holds if it is what the inbox took over; anything newer is taken over instead.
    async fn free(&mut self, slot: Slot) -> Result<(), Leave> {
        match self.read_slot(slot).await? {
            Ok(None) => self.found_empty(slot),
            Ok(Some(stored)) if stored.is_received() && !self.knows(slot, &stored) => {
                if self.take(slot, &stored).await? == Taken::NotYet {
                    self.let_be(slot);
                }
            }
            Ok(Some(_)) => self.delete(slot).await?,
            Err(refused) => {
                log::debug!("modem: slot {} cannot be read ({refused})", slot.index);
                self.let_be(slot);
            }
        }
        Ok(())
    }

    async fn delete(&mut self, slot: Slot) -> Result<(), Leave> {
        match self.ask(commands::delete_message(slot.index)).await? {
            Err(refused) if refused.code() != INVALID_INDEX => {
                log::warn!(
                    "modem: it would not delete slot {} of {} ({refused}); tried again in ten minutes",
                    slot.index,
                    slot.memory.as_str()
                );
                self.let_be(slot);
            }
            Ok(_) | Err(_) => {
                self.found_empty(slot);
                if slot.memory == self.memory {
                    self.agenda.freed();
                    self.slots
                        .iter_mut()
                        .for_each(|slots| slots.used = slots.used.saturating_sub(1));
                    self.set_slots(self.slots);
                }
            }
        }
        Ok(())
    }

    fn let_be(&mut self, slot: Slot) {
        let now = self.now().tick;
        let until = now + STUBBORN;
        self.stubborn
            .retain(|(other, until)| *other != slot && *until > now);
        self.stubborn.push((slot, until));
    }
}
