//! Keeper: what became of the mails that lie on the server — on flash what must never be sent again, in memory what need
//! not be looked at again. Never keeps a mail or its id: a hash tells them apart.

use sha2::{Digest as _, Sha256};

use crate::store::{Change, Keep, Key, Kind, Shared, WhyNot};

/// So many mails are remembered on flash; the server's owner deletes what stays for good.
const MOST: usize = 1000;
/// A mail at which sessions break is tried in every second round, then every fourth, at last every 64th: between them the
/// others come through, and their deletions.
const RAREST: u8 = 6;
const PASSED_OVER: u8 = u8::MAX;

/// What became of a mail, on flash for as long as the server lists it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Its messages are in the outbox: it can be deleted.
    Sent,
    /// It is for us and cannot be sent: it stays.
    Stays,
}

/// The mails of one account.
#[derive(Debug)]
pub(super) struct Memory {
    store: Shared,
    /// How many sessions broke at a mail, or [`PASSED_OVER`].
    strikes: Vec<(u64, u8)>,
    round: u32,
}

/// Eight bytes that tell mails apart. An account is its server and user name.
pub(super) fn hash(account: [&str; 2], uid: &[u8]) -> u64 {
    let mut hash = Sha256::new();
    for word in account {
        hash.update(word);
        hash.update([0]);
    }
    hash.update(uid);
    let first = hash.finalize().first_chunk().copied();
    first.map_or(0, u64::from_be_bytes)
}

impl Memory {
    pub(super) fn new(store: Shared) -> Memory {
        Memory {
            store,
            strikes: Vec::new(),
            round: 0,
        }
    }

    /// What is on flash about a mail.
    pub(super) fn verdict(&self, mail: u64) -> Option<Verdict> {
        match self.store.borrow().get(key(mail))? {
            b"s" => Some(Verdict::Sent),
            _ => Some(Verdict::Stays),
        }
    }

    /// The change that writes a verdict.
    pub(super) fn put(mail: u64, verdict: Verdict) -> Change {
        let value: &[u8] = match verdict {
            Verdict::Sent => b"s",
            Verdict::Stays => b"n",
        };
        Change::Put {
            key: key(mail),
            value: value.to_vec(),
            keep: Keep::Always,
        }
    }

    /// The mail stays for good; told to flash.
    ///
    /// # Errors
    /// [`WhyNot`]: the next round finds it anew.
    pub(super) fn stays(&self, mail: u64) -> Result<(), WhyNot> {
        let change = Memory::put(mail, Verdict::Stays);
        self.store.borrow_mut().apply(&[change])
    }

    /// True when no more can be remembered, and so none may be sent.
    pub(super) fn is_full(&self) -> bool {
        self.store.borrow().range(Kind::Mail, 0).count() >= MOST
    }

    /// Forgets what the server lists no more. `listed` is the whole list.
    ///
    /// # Errors
    /// [`WhyNot`]: a later round forgets it.
    pub(super) fn forget_all_but(&mut self, listed: &[u64]) -> Result<(), WhyNot> {
        let gone = |mail: &u64| !listed.contains(mail);
        self.strikes.retain(|(mail, _)| !gone(mail));
        let changes: Vec<Change> = {
            let store = self.store.borrow();
            let mails = store.range(Kind::Mail, 0).map(|(mail, _)| mail);
            mails
                .filter(gone)
                .map(|mail| Change::Delete { key: key(mail) })
                .collect()
        };
        self.store.borrow_mut().apply(&changes)
    }

    /// A round begins.
    pub(super) fn next_round(&mut self) {
        self.round = self.round.wrapping_add(1);
    }

    /// The mail need not be looked at again until the agent starts or reads its configuration anew.
    pub(super) fn pass_over(&mut self, mail: u64) {
        self.set(mail, PASSED_OVER);
    }

    /// A session broke at this mail.
    pub(super) fn strike(&mut self, mail: u64) {
        let strikes = self.strikes(mail).saturating_add(1).min(RAREST);
        self.set(mail, strikes);
    }

    fn set(&mut self, mail: u64, strikes: u8) {
        self.strikes.retain(|(known, _)| *known != mail);
        self.strikes.push((mail, strikes));
    }

    fn strikes(&self, mail: u64) -> u8 {
        let known = self.strikes.iter().find(|(known, _)| *known == mail);
        known.map_or(0, |(_, strikes)| *strikes)
    }

    /// True for a mail that is not to be touched in this round.
    pub(super) fn passes_over(&self, mail: u64) -> bool {
        match self.strikes(mail) {
            PASSED_OVER => true,
            strikes => self.round & ((1 << strikes) - 1) != 0,
        }
    }

    /// Everything that is only in memory is looked at anew.
    pub(super) fn look_again(&mut self) {
        self.strikes.clear();
    }
}

fn key(mail: u64) -> Key {
    Key {
        kind: Kind::Mail,
        id: mail,
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::rc::Rc;

    use super::*;
    use crate::store::Store;

    fn memory(dir: &std::path::Path) -> Memory {
        Memory::new(Rc::new(RefCell::new(Store::open(dir, 1 << 17).unwrap())))
    }

    #[test]
    fn verdicts_outlive_a_restart_and_go_with_their_mails() {
        let dir = tempfile::tempdir().unwrap();
        {
            let memory = memory(dir.path());
            let sent = Memory::put(7, Verdict::Sent);
            memory.store.borrow_mut().apply(&[sent]).unwrap();
            memory.stays(8).unwrap();
        }
        let mut memory = memory(dir.path());
        let verdicts = |memory: &Memory| [7, 8, 9].map(|mail| memory.verdict(mail));
        assert_eq!(
            verdicts(&memory),
            [Some(Verdict::Sent), Some(Verdict::Stays), None]
        );
        memory.forget_all_but(&[8, 9]).unwrap();
        assert_eq!(verdicts(&memory), [None, Some(Verdict::Stays), None]);
    }

    #[test]
    fn the_memory_is_full_at_a_thousand() {
        let dir = tempfile::tempdir().unwrap();
        let memory = memory(dir.path());
        let all: Vec<Change> = (0..999)
            .map(|mail| Memory::put(mail, Verdict::Sent))
            .collect();
        memory.store.borrow_mut().apply(&all).unwrap();
        assert!(!memory.is_full());
        memory.stays(5000).unwrap();
        assert!(memory.is_full());
    }

    #[test]
    fn a_mail_that_breaks_sessions_is_tried_ever_more_rarely_and_never_given_up() {
        let dir = tempfile::tempdir().unwrap();
        let mut memory = memory(dir.path());
        let mut tried = Vec::new();
        for round in 1..=300 {
            memory.next_round();
            if !memory.passes_over(3) {
                tried.push(round);
                memory.strike(3);
            }
        }
        assert_eq!(tried, [1, 2, 4, 8, 16, 32, 64, 128, 192, 256]);
        memory.pass_over(4);
        assert!(memory.passes_over(4) && !memory.passes_over(5));
        memory.look_again();
        assert!(!memory.passes_over(4) && !memory.passes_over(3));
    }

    #[test]
    fn mails_of_two_accounts_are_never_taken_for_each_other() {
        let one = hash(["pop.example", "joe"], b"1");
        for other in [
            ["pop.example", "jo"],
            ["pop.exampl", "ejoe"],
            ["joe", "pop.example"],
        ] {
            assert_ne!(hash(other, b"1"), one);
        }
        assert_ne!(hash(["pop.example", "joe"], b"2"), one);
    }
}
