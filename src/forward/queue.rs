//! Decider: which events wait for one target, in order, and how far it has come. Never reads the store.

use std::collections::VecDeque;

/// One target's waiting events, by number.
#[derive(Debug)]
pub(super) struct Queue {
    seen: u64,
    waiting: VecDeque<u64>,
}

impl Queue {
    /// Nothing waits; everything up to and including `done` is done.
    pub(super) fn new(done: u64) -> Queue {
        Queue {
            seen: done,
            waiting: VecDeque::new(),
        }
    }

    /// The next event of the sequence, and whether the target wants it.
    pub(super) fn see(&mut self, seq: u64, wanted: bool) {
        if seq > self.seen {
            self.seen = seq;
            if wanted {
                self.waiting.push_back(seq);
            }
        }
    }

    /// The newest event seen.
    pub(super) fn seen(&self) -> u64 {
        self.seen
    }

    /// The event whose turn it is.
    pub(super) fn front(&self) -> Option<u64> {
        self.waiting.front().copied()
    }

    /// The front is done.
    pub(super) fn done(&mut self) {
        self.waiting.pop_front();
    }

    /// Everything up to and including this one is done: the cursor.
    pub(super) fn cursor(&self) -> u64 {
        self.front()
            .map_or(self.seen, |front| front.saturating_sub(1))
    }

    /// How many wait.
    pub(super) fn len(&self) -> u64 {
        u64::try_from(self.waiting.len()).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cursor_stops_before_what_waits_and_passes_what_is_not_wanted() {
        let mut queue = Queue::new(7);
        assert_eq!((queue.cursor(), queue.front()), (7, None));
        queue.see(8, false);
        assert_eq!(queue.cursor(), 8);
        queue.see(10, true);
        queue.see(11, false);
        queue.see(12, true);
        queue.see(14, false);
        assert_eq!(
            (queue.cursor(), queue.front(), queue.len()),
            (9, Some(10), 2)
        );
        queue.done();
        assert_eq!((queue.cursor(), queue.front()), (11, Some(12)));
        queue.done();
        assert_eq!((queue.cursor(), queue.front(), queue.len()), (14, None, 0));
    }

    #[test]
    fn what_was_seen_is_not_taken_twice() {
        let mut queue = Queue::new(7);
        queue.see(7, true);
        queue.see(8, true);
        queue.see(8, true);
        assert_eq!((queue.len(), queue.seen()), (1, 8));
    }
}
