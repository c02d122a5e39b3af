//! Keeper: the doorbell. Rings with the number of the newest event; never carries a message and never blocks.
//!
//! Each listener keeps its own place (in `store/`, if it must outlive a restart) and reads what came since from there.

use tokio::sync::watch;

/// Rings and hands out listeners. Copies are the same bell.
#[derive(Clone, Debug)]
pub struct Feed {
    newest: watch::Sender<u64>,
}

/// One who wants to know.
#[derive(Debug)]
pub struct Listener {
    newest: watch::Receiver<u64>,
}

impl Feed {
    /// A bell whose newest event is `newest`.
    pub fn new(newest: u64) -> Feed {
        Feed {
            newest: watch::Sender::new(newest),
        }
    }

    /// There is news up to and including event `seq`; an older number changes nothing.
    pub fn ring(&self, seq: u64) {
        self.newest.send_if_modified(|newest| {
            let later = seq > *newest;
            *newest = (*newest).max(seq);
            later
        });
    }

    /// Rings without news: what somebody waits for beside an event may have come.
    pub fn nudge(&self) {
        self.newest.send_modify(|_| {});
    }

    /// The newest event rung so far.
    pub fn newest(&self) -> u64 {
        *self.newest.borrow()
    }

    /// Somebody new to ring for; it has seen everything up to now.
    pub fn listen(&self) -> Listener {
        Listener {
            newest: self.newest.subscribe(),
        }
    }
}

impl Listener {
    /// Waits for a ring that this listener has not seen; `false` once the feed is gone.
    pub async fn changed(&mut self) -> bool {
        self.newest.changed().await.is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_listener_wakes_once_for_many_rings_and_misses_none() {
        let feed = Feed::new(7);
        let mut listener = feed.listen();
        feed.ring(8);
        feed.ring(9);
        feed.ring(3);
        assert!(listener.changed().await);
        assert_eq!(feed.newest(), 9);
        drop(feed);
        assert!(!listener.changed().await);
    }
}
