//! Room: received messages — take over, assemble parts, list, mark, delete. Never says Ok before the thing is on flash,
//! and never talks to the modem: it tells which slots may be freed, the modem's worker frees them.

mod assemble;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
mod made;
mod stored;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::time::Duration;

use self::assemble::{Assembly, Group, Part, Verdict};
use self::made::{joined, unreadable, whole};
use self::stored::Holding;
use crate::counters;
use crate::feed::Feed;
use crate::message::{EventKind, MessageId, Number, Received, Slot, lowered};
use crate::sms::{self, Deliver, Direction, Tpdu};
use crate::store::{Change, Kind, Shared, WhyNot};
use crate::time::{Jump, Now, Tick, WallTime};

/// What the modem hands over: one PDU and where it lay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// The slot; `None` for direct delivery (`+CMT`).
    pub slot: Option<Slot>,
    /// The PDU, service centre first. One that no codec can read is kept as a message that shows its hexadecimal.
    pub pdu: Vec<u8>,
}

/// What became of an arrival. Whichever it is, the arrival is on flash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Accepted {
    /// It was, or completed, this message.
    Message(MessageId),
    /// A part; its siblings are waited for.
    Waiting,
    /// This slot's content was taken over before, or the part is here already.
    Known,
}

/// Which messages a listing wants.
#[derive(Clone, Debug, Default)]
pub struct Query {
    /// Only ids above this one.
    pub after: Option<MessageId>,
    /// At most so many; 0: all.
    pub limit: usize,
    /// Only this other party.
    pub number: Option<Number>,
    /// Only texts that hold this, case ignored.
    pub text: Option<String>,
}

impl Query {
    /// The lowest id wanted.
    pub fn first(&self) -> u64 {
        self.after.map_or(0, |after| after.0.saturating_add(1))
    }

    /// How many at most.
    pub fn most(&self) -> usize {
        match self.limit {
            0 => usize::MAX,
            limit => limit,
        }
    }

    /// True for a message with this other party and this text.
    pub fn wants(&self, party: &Number, text: &str) -> bool {
        let holds = |wanted: &String| lowered(text).contains(&lowered(wanted));
        self.number.as_ref().is_none_or(|number| number == party)
            && self.text.as_ref().is_none_or(holds)
    }
}

/// A stored message and what its owner did with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// The message.
    pub message: Received,
    /// It was read.
    pub read: bool,
    /// The rule that took it.
    pub rule: Option<String>,
}

/// The keeper of received messages.
#[derive(Debug)]
pub struct Inbox {
    store: Shared,
    feed: Feed,
    assembly: Assembly,
    recent: Recent,
    decode: Decode,
    judged: u64,
}

/// How a PDU becomes a DELIVER; `None` when nobody can read it.
type Decode = fn(&[u8]) -> Option<Deliver>;

/// How long the network may send a PDU again because our answer to it got lost.
const RETRANSMISSION: Duration = Duration::from_secs(600);
/// How many recent PDUs are remembered for that: as many as a modem has slots, whose twins may lie in any of them.
const REMEMBERED: usize = 256;
/// When handing on failed, the pause before the next try.
const PAUSE: Duration = Duration::from_secs(30);

/// Fingerprints of PDUs taken over lately, oldest first.
#[derive(Debug, Default)]
struct Recent(VecDeque<(u64, Tick)>);

impl Recent {
    fn remember(&mut self, fingerprint: u64, now: Tick) {
        self.0.retain(|(known, _)| *known != fingerprint);
        if self.0.len() == REMEMBERED {
            self.0.pop_front();
        }
        self.0.push_back((fingerprint, now));
    }

    fn holds(&self, fingerprint: u64, now: Tick) -> bool {
        let recent = |at: Tick| now.since(at) <= RETRANSMISSION;
        let mut all = self.0.iter();
        all.any(|(known, at)| *known == fingerprint && recent(*at))
    }
}

/// One arrival on its way in.
struct Coming<'a> {
    arrival: &'a Arrival,
    fingerprint: u64,
    now: Now,
}

impl Coming<'_> {
    /// The slot's record, if it lay in one.
    fn slot(&self, owner: MessageId) -> Option<Change> {
        let fingerprint = self.fingerprint;
        let holding = Holding { fingerprint, owner };
        self.arrival
            .slot
            .map(|slot| stored::put_slot(slot, holding))
    }

    fn direct(&self) -> Option<u64> {
        self.arrival.slot.is_none().then_some(self.fingerprint)
    }
}

fn fingerprints(parts: &[(u8, &Part)]) -> impl Iterator<Item = u64> {
    parts.iter().map(|(_, part)| stored::fingerprint(&part.pdu))
}

fn decode(pdu: &[u8]) -> Option<Deliver> {
    match sms::decode(pdu, Direction::FromNetwork) {
        Ok(Tpdu::Deliver(deliver)) => Some(deliver),
        Ok(Tpdu::StatusReport(_) | Tpdu::Submit(_)) => None,
        Err(why) => {
            log::warn!(
                "inbox: a PDU cannot be read ({why}); it is kept as a message that shows its bytes"
            );
            None
        }
    }
}

impl Inbox {
    /// An inbox over what the store holds. Parts are waited for `part_timeout`.
    pub fn new(store: Shared, feed: Feed, part_timeout: Duration, now: Now) -> Inbox {
        Inbox::with(store, feed, part_timeout, now, decode)
    }

    fn with(store: Shared, feed: Feed, part_timeout: Duration, now: Now, decode: Decode) -> Inbox {
        let mut inbox = Inbox {
            store,
            feed,
            assembly: Assembly::new(part_timeout),
            recent: Recent::default(),
            decode,
            judged: u64::MAX,
        };
        inbox.find_parts(now.tick);
        inbox.find_repeatable(now.tick);
        inbox
    }

    /// Waiting parts of before the restart, as if the last one came now: the wall clock may have jumped meanwhile.
    fn find_parts(&mut self, now: Tick) {
        for (id, value) in self.store.borrow().range(Kind::Part, 0) {
            let found = stored::read_part(value).and_then(|(pdu, received_at)| {
                let deliver = (self.decode)(&pdu)?;
                let (group, sequence) = Group::of(&deliver)?;
                let id = MessageId(id);
                let part = Part {
                    id,
                    deliver,
                    pdu,
                    received_at,
                };
                Some((group, sequence, part))
            });
            match found {
                Some((group, sequence, part)) => {
                    let fingerprint = stored::fingerprint(&part.pdu);
                    self.recent.remember(fingerprint, now);
                    self.assembly.add(group, sequence, part, now);
                }
                None => {
                    log::error!("inbox: the stored part {id} cannot be read; it stays on flash")
                }
            }
        }
    }

    /// What came before the restart and may come again: the answer to a direct delivery may have got lost in it, and the
    /// twin of a part may still lie in another slot.
    fn find_repeatable(&mut self, now: Tick) {
        let store = self.store.borrow();
        let latest: Vec<_> = store
            .range(Kind::Received, 0)
            .rev()
            .take(REMEMBERED)
            .collect();
        for (id, value) in latest.into_iter().rev() {
            let message = stored::read_message(id, value);
            for fingerprint in message.into_iter().flat_map(|(_, repeatable)| repeatable) {
                self.recent.remember(fingerprint, now);
            }
        }
    }

    /// Takes over one PDU from the modem (a DELIVER, or bytes nobody can read). Ok means it is on flash, the event is
    /// written and the bell was rung; only then may it be acknowledged or its slot freed.
    ///
    /// # Errors
    /// [`WhyNot`]: leave it where it is and offer it again later.
    pub fn accept(&mut self, arrival: &Arrival, now: Now) -> Result<Accepted, WhyNot> {
        let fingerprint = stored::fingerprint(&arrival.pdu);
        let coming = Coming {
            arrival,
            fingerprint,
            now,
        };
        let known = match arrival.slot {
            Some(slot) => self.knows(slot, &arrival.pdu),
            None => self.recent.holds(fingerprint, now.tick),
        };
        if known {
            return Ok(Accepted::Known);
        }
        let deliver = (self.decode)(&arrival.pdu);
        let accepted = match deliver {
            None => self.take_whole(&coming, unreadable(arrival, now)),
            Some(deliver) => match Group::of(&deliver) {
                None => self.take_whole(&coming, whole(&deliver, now)),
                Some((group, sequence)) => self.take_part(&coming, deliver, group, sequence),
            },
        }?;
        if arrival.slot.is_none() || accepted == Accepted::Waiting {
            self.recent.remember(fingerprint, now.tick);
        }
        Ok(accepted)
    }

    fn take_whole(&mut self, coming: &Coming, mut message: Received) -> Result<Accepted, WhyNot> {
        if self.recent.holds(coming.fingerprint, coming.now.tick) {
            // It came directly, and the network never heard that it did.
            return self.take_twin(coming, MessageId(0));
        }
        let direct = coming.direct().into_iter().collect();
        let mut changes = self.bring(&mut message, direct, coming.now.wall);
        changes.extend(coming.slot(message.id));
        self.apply(&changes, message.id)?;
        log::info!(
            "inbox: message {} from {} is on flash",
            message.id,
            message.from.masked()
        );
        Ok(Accepted::Message(message.id))
    }

    fn take_part(
        &mut self,
        coming: &Coming,
        deliver: Deliver,
        group: Group,
        sequence: u8,
    ) -> Result<Accepted, WhyNot> {
        let again = self.recent.holds(coming.fingerprint, coming.now.tick);
        let mut verdict = self.assembly.judge(&group, sequence, &deliver.body);
        if again && !matches!(verdict, Verdict::Known(_)) {
            // A part that came again, in another slot, after its message was handed on: no new group begins.
            verdict = Verdict::Known(MessageId(0));
        }
        if let Verdict::Known(owner) = verdict {
            return self.take_twin(coming, owner);
        }
        let id = self.store.borrow_mut().next_id();
        let part = Part {
            id,
            deliver,
            pdu: coming.arrival.pdu.clone(),
            received_at: coming.now.wall,
        };
        if verdict == Verdict::Completes {
            return self.complete(coming, &group, (sequence, part));
        }
        let mut changes = Vec::new();
        let mut rung = MessageId(0);
        if verdict == Verdict::Replaces {
            let parts = self.assembly.parts(&group);
            (rung, changes) = self.hand_on(&parts, group.total(), coming.now.wall);
            log::info!(
                "inbox: a sender uses a reference again; its older message is handed on incomplete"
            );
        }
        changes.push(stored::put_part(id, &part.pdu, part.received_at));
        changes.extend(coming.slot(id));
        self.apply(&changes, rung)?;
        if verdict == Verdict::Replaces {
            self.assembly.forget(&group);
        }
        self.assembly.add(group, sequence, part, coming.now.tick);
        Ok(Accepted::Waiting)
    }

    /// What is on flash already lies in this slot too.
    fn take_twin(&mut self, coming: &Coming, owner: MessageId) -> Result<Accepted, WhyNot> {
        let slot: Vec<Change> = coming.slot(owner).into_iter().collect();
        self.store.borrow_mut().apply(&slot)?;
        Ok(Accepted::Known)
    }

    /// The last part came: message, event and the parts' end in one batch.
    fn complete(
        &mut self,
        coming: &Coming,
        group: &Group,
        (sequence, part): (u8, Part),
    ) -> Result<Accepted, WhyNot> {
        let mut parts = self.assembly.parts(group);
        let place = parts.partition_point(|(other, _)| *other < sequence);
        parts.insert(place, (sequence, &part));
        let fingerprints: Vec<u64> = fingerprints(&parts).collect();
        let (id, mut changes) = self.hand_on(&parts, group.total(), coming.now.wall);
        changes.extend(coming.slot(id));
        self.apply(&changes, id)?;
        log::info!(
            "inbox: all {} parts of message {id} are on flash",
            group.total()
        );
        self.assembly.forget(group);
        // So far the assembly knew the twins of those that waited, however many others came since.
        for fingerprint in fingerprints {
            self.recent.remember(fingerprint, coming.now.tick);
        }
        Ok(Accepted::Message(id))
    }

    /// The batch that makes a message of parts.
    fn hand_on(&self, parts: &[(u8, &Part)], total: u8, now: WallTime) -> (MessageId, Vec<Change>) {
        let mut message = joined(parts, total);
        let repeatable = fingerprints(parts).collect();
        let mut changes = self.bring(&mut message, repeatable, now);
        let owners: Vec<MessageId> = parts.iter().map(|(_, part)| part.id).collect();
        for (slot, holding) in self.holdings() {
            if owners.contains(&holding.owner) {
                let owner = message.id;
                changes.push(stored::put_slot(slot, Holding { owner, ..holding }));
            }
        }
        changes.extend(owners.into_iter().map(|id| Change::Delete {
            key: stored::part_key(id),
        }));
        (message.id, changes)
    }

    /// A new message's record and event; it gets its id here.
    fn bring(&self, message: &mut Received, repeatable: Vec<u64>, now: WallTime) -> Vec<Change> {
        let mut store = self.store.borrow_mut();
        message.id = store.next_id();
        let facts = serde_json::json!({
            "from": message.from,
            "parts": message.parts,
            "complete": message.complete,
        });
        let kind = EventKind::MessageReceived;
        let (_, event) = store.event(kind, now, Some(message.id), facts);
        vec![stored::put_message(message, repeatable), event]
    }

    fn apply(&self, changes: &[Change], ring: MessageId) -> Result<(), WhyNot> {
        self.store.borrow_mut().apply(changes)?;
        let is_message = |change: &&Change| matches!(change, Change::Put { key, .. } if key.kind == Kind::Received);
        let news = changes.iter().filter(is_message).count();
        counters::RECEIVED.add(u32::try_from(news).unwrap_or(0));
        self.feed.ring(ring.0);
        Ok(())
    }

    fn holdings(&self) -> Vec<(Slot, Holding)> {
        let store = self.store.borrow();
        let slots = store.range(Kind::Slot, 0);
        slots
            .filter_map(|(id, value)| Some((stored::slot_of(id)?, stored::read_slot(value)?)))
            .collect()
    }

    /// True when this slot's very content was taken over before.
    pub fn knows(&self, slot: Slot, pdu: &[u8]) -> bool {
        let store = self.store.borrow();
        let holding = store
            .get(stored::slot_key(slot))
            .and_then(stored::read_slot);
        holding.is_some_and(|holding| holding.fingerprint == stored::fingerprint(pdu))
    }

    /// Hands on what waited too long for its siblings, marked incomplete; the slots of its parts, which nothing will
    /// complete any more and the modem's worker should now free.
    ///
    /// # Errors
    /// [`WhyNot`]: nothing was handed on; it is tried again at the next wake.
    pub fn hand_on_incomplete(&mut self, now: Now) -> Result<Vec<Slot>, WhyNot> {
        let mut freed = Vec::new();
        for group in self.assembly.overdue(now.tick) {
            let (id, changes) = self.hand_on(&self.assembly.parts(&group), group.total(), now.wall);
            if let Err(why) = self.apply(&changes, id) {
                self.assembly.postpone(now.tick + PAUSE);
                return Err(why);
            }
            log::info!("inbox: parts of message {id} never came; it is handed on incomplete");
            self.assembly.forget(&group);
            freed.extend(self.slots_of(id));
        }
        Ok(freed)
    }

    fn slots_of(&self, id: MessageId) -> impl Iterator<Item = Slot> + use<> {
        let holdings = self.holdings().into_iter();
        let own = holdings.filter(move |(_, holding)| holding.owner == id);
        own.map(|(slot, _)| slot)
    }

    /// The clock was set: the changes that put right when messages and parts with ids above `since` came.
    pub fn mend(&mut self, jump: &Jump, since: u64) -> Vec<Change> {
        let mut changes = Vec::new();
        for (id, value) in self.store.borrow().range(Kind::Received, since + 1) {
            if let Some((mut message, repeatable)) = stored::read_message(id, value)
                && jump.mend(&mut message.received_at)
            {
                changes.push(stored::put_message(&message, repeatable));
            }
        }
        for part in self.assembly.all().filter(|part| part.id.0 > since) {
            if jump.mend(&mut part.received_at) {
                changes.push(stored::put_part(part.id, &part.pdu, part.received_at));
            }
        }
        changes
    }

    /// When [`Inbox::hand_on_incomplete`] has something to do.
    pub fn next_wake(&self) -> Option<Tick> {
        self.assembly.next_wake()
    }

    /// The slots whose content is on flash here, oldest first: what the `free` rule may remove from the modem.
    pub fn removable(&self) -> Vec<Slot> {
        let mut holdings = self.holdings();
        // Ids grow as messages come, whatever the wall clock says.
        holdings.sort_by_key(|(slot, holding)| (holding.owner, *slot));
        holdings.into_iter().map(|(slot, _)| slot).collect()
    }

    /// The slot was freed or found empty.
    ///
    /// # Errors
    /// [`WhyNot`].
    pub fn slot_is_free(&mut self, slot: Slot) -> Result<(), WhyNot> {
        let key = stored::slot_key(slot);
        let mut store = self.store.borrow_mut();
        if store.get(key).is_none() {
            return Ok(());
        }
        store.apply(&[Change::Delete { key }])
    }

    /// Messages by growing id.
    pub fn list(&self, query: &Query) -> Vec<Stored> {
        let holdings = self.holdings();
        let store = self.store.borrow();
        let messages = store.range(Kind::Received, query.first());
        messages
            .filter_map(|(id, value)| stored::read_message(id, value))
            .map(|(message, _)| message)
            .filter(|message| query.wants(&message.from, &message.text))
            .take(query.most())
            .map(|message| self.with_slots(message, &holdings))
            .collect()
    }

    fn with_slots(&self, mut message: Received, holdings: &[(Slot, Holding)]) -> Stored {
        let own = holdings.iter().filter(|(_, held)| held.owner == message.id);
        message.slots = own.map(|(slot, _)| *slot).collect();
        let (read, rule) = stored::read_mark(&self.store.borrow(), message.id);
        Stored {
            message,
            read,
            rule,
        }
    }

    /// Up to this message the rules have said which are theirs; whoever hands messages on waits for that.
    pub fn judged(&self) -> u64 {
        self.judged
    }

    /// The rules have looked at everything up to `id`; `u64::MAX`: nobody need wait for them.
    pub fn set_judged(&mut self, id: u64) {
        self.judged = id;
    }

    /// That `rule` has taken a message, for the batch of the one who says so.
    pub fn taken(&self, id: MessageId, rule: &str) -> Change {
        let (read, _) = stored::read_mark(&self.store.borrow(), id);
        stored::put_mark(id, read, Some(rule))
    }

    /// One message.
    pub fn get(&self, id: MessageId) -> Option<Stored> {
        let store = self.store.borrow();
        let value = store.get(stored::message_key(id))?;
        let (message, _) = stored::read_message(id.0, value)?;
        Some(self.with_slots(message, &self.holdings()))
    }

    fn has(&self, id: MessageId) -> bool {
        self.store.borrow().get(stored::message_key(id)).is_some()
    }

    /// Marks as read or not; `false` when there is no such message.
    ///
    /// # Errors
    /// [`WhyNot`].
    pub fn mark(&mut self, id: MessageId, read: bool) -> Result<bool, WhyNot> {
        if !self.has(id) {
            return Ok(false);
        }
        let mut store = self.store.borrow_mut();
        let (before, rule) = stored::read_mark(&store, id);
        if read != before {
            store.apply(&[stored::put_mark(id, read, rule.as_deref())])?;
        }
        Ok(true)
    }

    /// Deletes; the slots that the modem's worker should now free, or `None` when there is no such message.
    ///
    /// # Errors
    /// [`WhyNot`].
    pub fn delete(&mut self, id: MessageId) -> Result<Option<Vec<Slot>>, WhyNot> {
        if !self.has(id) {
            return Ok(None);
        }
        let keys = [stored::message_key(id), stored::mark_key(id)];
        let changes = keys.map(|key| Change::Delete { key });
        self.store.borrow_mut().apply(&changes)?;
        // What the slots held stays known until they are free, or it would come in again.
        Ok(Some(self.slots_of(id).collect()))
    }

    /// When the newest message came; for `/status`.
    pub fn last_received_at(&self) -> Option<WallTime> {
        let store = self.store.borrow();
        let (id, value) = store.range(Kind::Received, 0).next_back()?;
        stored::read_message(id, value).map(|(message, _)| message.received_at)
    }
}
