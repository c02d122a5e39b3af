//! Keeper: the modem's two message stores and their slots. Never notifies and never reads a PDU.

use crate::message::Memory;

/// `<stat>` of 27.005 3.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stat {
    Unread = 0,
    Read = 1,
    Unsent = 2,
    Sent = 3,
}

/// What lies in a slot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stored {
    pub(super) stat: Stat,
    /// Service centre first.
    pub(super) pdu: Vec<u8>,
}

/// Both stores. They outlive a replug, as a SIM and a flash chip do.
#[derive(Debug)]
pub(super) struct Stores {
    first_index: u16,
    stores: [Vec<Option<Stored>>; 2],
}

impl Stores {
    /// Empty stores of so many slots (SM, ME), the first slot having this index.
    pub(super) fn new(slots: [usize; 2], first_index: u16) -> Stores {
        Stores {
            first_index,
            stores: slots.map(|count| vec![None; count]),
        }
    }

    fn of(&self, memory: Memory) -> &Vec<Option<Stored>> {
        let [sim, modem] = &self.stores;
        match memory {
            Memory::Sim => sim,
            Memory::Modem => modem,
        }
    }

    fn of_mut(&mut self, memory: Memory) -> &mut Vec<Option<Stored>> {
        let [sim, modem] = &mut self.stores;
        match memory {
            Memory::Sim => sim,
            Memory::Modem => modem,
        }
    }

    /// Slots in use and in all.
    pub(super) fn usage(&self, memory: Memory) -> (usize, usize) {
        let store = self.of(memory);
        (store.iter().flatten().count(), store.len())
    }

    /// Makes a store larger or smaller; what lies behind its new end is gone.
    pub(super) fn resize(&mut self, memory: Memory, slots: usize) {
        self.of_mut(memory).resize(slots, None);
    }

    /// Puts it into the first free slot and says which; `None` when the store is full.
    pub(super) fn put(&mut self, memory: Memory, stored: Stored) -> Option<u16> {
        let first = self.first_index;
        let store = self.of_mut(memory);
        let free = store.iter().position(Option::is_none)?;
        *store.get_mut(free)? = Some(stored);
        u16::try_from(free).ok().map(|free| free + first)
    }

    /// The slot of that index: `None` when there is no such slot.
    pub(super) fn slot(&mut self, memory: Memory, index: u16) -> Option<&mut Option<Stored>> {
        let at = index.checked_sub(self.first_index)?;
        self.of_mut(memory).get_mut(usize::from(at))
    }

    /// All that is stored, with its index, in order.
    pub(super) fn list(&self, memory: Memory) -> Vec<(u16, &Stored)> {
        let indexed = (self.first_index..).zip(self.of(memory));
        indexed
            .filter_map(|(index, slot)| slot.as_ref().map(|stored| (index, stored)))
            .collect()
    }

    /// Marks received messages as read, as listing and reading do (27.005 3.4.2, 3.4.3).
    pub(super) fn mark_read(&mut self, memory: Memory, stat: Option<Stat>) {
        for stored in self.of_mut(memory).iter_mut().flatten() {
            if stored.stat == Stat::Unread && stat.is_none_or(|wanted| wanted == Stat::Unread) {
                stored.stat = Stat::Read;
            }
        }
    }

    /// Deletes everything `goes` says.
    pub(super) fn delete(&mut self, memory: Memory, goes: impl Fn(Stat) -> bool) {
        for slot in self.of_mut(memory) {
            if slot.as_ref().is_some_and(|stored| goes(stored.stat)) {
                *slot = None;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stored(stat: Stat) -> Stored {
        Stored { stat, pdu: vec![0] }
    }

    #[test]
    fn the_first_free_slot_is_used_and_a_full_store_says_so() {
        let mut stores = Stores::new([2, 0], 1);
        assert_eq!(stores.put(Memory::Sim, stored(Stat::Unread)), Some(1));
        assert_eq!(stores.put(Memory::Sim, stored(Stat::Unread)), Some(2));
        assert_eq!(stores.put(Memory::Sim, stored(Stat::Unread)), None);
        assert_eq!(stores.put(Memory::Modem, stored(Stat::Unread)), None);
        *stores.slot(Memory::Sim, 1).unwrap() = None;
        assert_eq!(stores.put(Memory::Sim, stored(Stat::Unread)), Some(1));
        assert_eq!(stores.slot(Memory::Sim, 0), None);
        assert_eq!(stores.slot(Memory::Sim, 3), None);
    }

    #[test]
    fn reading_marks_received_messages_only() {
        let mut stores = Stores::new([3, 0], 0);
        for stat in [Stat::Unread, Stat::Unsent] {
            stores.put(Memory::Sim, stored(stat)).unwrap();
        }
        stores.mark_read(Memory::Sim, Some(Stat::Sent));
        assert_eq!(
            stores.list(Memory::Sim).first().unwrap().1.stat,
            Stat::Unread
        );
        stores.mark_read(Memory::Sim, None);
        let stats: Vec<Stat> = stores
            .list(Memory::Sim)
            .iter()
            .map(|(_, stored)| stored.stat)
            .collect();
        assert_eq!(stats, [Stat::Read, Stat::Unsent]);
        stores.delete(Memory::Sim, |stat| stat == Stat::Read);
        assert_eq!(stores.usage(Memory::Sim), (1, 3));
    }
}
