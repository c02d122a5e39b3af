//! Tests: what is remembered of mails, for the day of `src/day`. Never fetches one.

use super::fetch_memory::{Memory, Verdict};
use crate::store::{Change, Shared};

/// True when the messages of this mail are in the outbox: it can be deleted.
pub(crate) fn is_sent(store: &Shared, mail: u64) -> bool {
    Memory::new(store.clone()).verdict(mail) == Some(Verdict::Sent)
}

/// For the batch that submits its messages.
pub(crate) fn sent(mail: u64) -> Change {
    Memory::put(mail, Verdict::Sent)
}

/// The server lists these and no others.
pub(crate) fn forget_all_but(store: &Shared, listed: &[u64]) {
    // A round in which it cannot be written is followed by another.
    let _later = Memory::new(store.clone()).forget_all_but(listed);
}
