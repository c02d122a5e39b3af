//! Tests: whatever a modem hands over, taken in and found again, as a fuzz target. Never in the program.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use std::time::Duration;

use super::{Accepted, Arrival, Inbox, Query};
use crate::feed::Feed;
use crate::message::{Memory, Slot};
use crate::store::sim::SimFlash;
use crate::time::{Now, Tick, WallTime};

/// PDUs one after another, each behind its length; some lie in slots. Then the agent is started again.
pub(crate) fn arrivals(data: &[u8]) {
    let flash = SimFlash::default();
    let now = Now {
        tick: Tick(1000),
        wall: WallTime(1_795_293_314_000),
    };
    let open = || {
        let hour = Duration::from_secs(3600);
        Inbox::new(flash.shared(), Feed::new(0), hour, now)
    };
    let mut inbox = open();
    let (mut rest, mut taken, mut index) = (data, 0, 0);
    while let [length, pdus @ ..] = rest {
        let (pdu, others) = pdus.split_at(usize::from(*length).min(pdus.len()));
        let slot = (length % 2 == 1).then_some(Slot {
            memory: Memory::Sim,
            index,
        });
        let pdu = pdu.to_vec();
        let accepted = inbox.accept(&Arrival { slot, pdu }, now);
        taken += usize::from(matches!(accepted, Ok(Accepted::Message(_))));
        (rest, index) = (others, index + 1);
    }
    let found = inbox.list(&Query::default());
    // A part that does not fit hands on what its siblings had come to.
    assert!((taken..=usize::from(index)).contains(&found.len()));
    drop(inbox);
    let mut again = open();
    assert_eq!(again.list(&Query::default()), found);
    let later = Now {
        tick: Tick(7_200_000),
        ..now
    };
    let _freed = again.hand_on_incomplete(later);
    let _removable = again.removable();
}
