//! Words: what is counted since the start, for `/metrics`. Never read to decide anything, and never kept over a restart.
//!
//! A new line is one static and its place in [`ALL`]; whoever does the thing says `counters::THING.add(1)`. Lines that
//! differ in their label only stand together and share name and help.

use std::sync::atomic::{AtomicU32, Ordering};

use crate::message::Status;

/// One counter. It wraps after four thousand million; Prometheus takes that for a restart.
#[derive(Debug)]
pub struct Counter {
    /// Its name after `rut_agent_`; ends in `_total`.
    pub name: &'static str,
    /// Its labels, such as `class="2xx"`, or nothing.
    pub labels: &'static str,
    /// What is counted.
    pub help: &'static str,
    count: AtomicU32,
}

const fn counter(name: &'static str, labels: &'static str, help: &'static str) -> Counter {
    Counter {
        name,
        labels,
        help,
        count: AtomicU32::new(0),
    }
}

impl Counter {
    /// So many more.
    pub fn add(&self, more: u32) {
        self.count.fetch_add(more, Ordering::Relaxed);
    }

    /// How many so far.
    pub fn get(&self) -> u32 {
        self.count.load(Ordering::Relaxed)
    }
}

macro_rules! counters {
    ($($id:ident $name:literal $labels:literal $help:literal)*) => {
        $(#[doc = $help] pub static $id: Counter = counter($name, $labels, $help);)*
        /// Every counter, in the order of `/metrics`.
        pub static ALL: &[&Counter] = &[$(&$id),*];
    };
}

#[rustfmt::skip]
counters! {
    RECEIVED "messages_received_total" "" "Messages that came in, long ones counted once."
    SENT "messages_total" "status=\"sent\"" "Messages to send by what became of them; a delivered one was sent before."
    DELIVERED "messages_total" "status=\"delivered\"" "Messages to send by what became of them; a delivered one was sent before."
    FAILED "messages_total" "status=\"failed\"" "Messages to send by what became of them; a delivered one was sent before."
    EXPIRED "messages_total" "status=\"expired\"" "Messages to send by what became of them; a delivered one was sent before."
    CANCELLED "messages_total" "status=\"cancelled\"" "Messages to send by what became of them; a delivered one was sent before."
    UNCONFIRMED "messages_total" "status=\"unconfirmed\"" "Messages to send by what became of them; a delivered one was sent before."
    PARTS_SENT "parts_sent_total" "" "Parts that the network took."
    PART_RETRIES "part_retries_total" "" "Tries of a part that are made again."
    MODEM_STARTS "modem_starts_total" "" "Times a modem was started: the first answer on its port."
    REQUESTS_2XX "api_requests_total" "class=\"2xx\"" "Requests answered, by class of the status code."
    REQUESTS_4XX "api_requests_total" "class=\"4xx\"" "Requests answered, by class of the status code."
    REQUESTS_5XX "api_requests_total" "class=\"5xx\"" "Requests answered, by class of the status code."
}

/// A message to send has come to this status.
pub fn message_became(status: Status) {
    match status {
        Status::Queued | Status::Sending => return,
        Status::Sent => &SENT,
        Status::Delivered => &DELIVERED,
        Status::Failed => &FAILED,
        Status::Expired => &EXPIRED,
        Status::Cancelled => &CANCELLED,
        Status::Unconfirmed => &UNCONFIRMED,
    }
    .add(1);
}

/// A request was answered so.
pub fn answered(status: u16) {
    match status {
        0..400 => &REQUESTS_2XX,
        400..500 => &REQUESTS_4XX,
        500.. => &REQUESTS_5XX,
    }
    .add(1);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_one_name_stand_together_and_are_named_as_prometheus_wants() {
        for (at, one) in ALL.iter().enumerate() {
            assert!(one.name.ends_with("_total") && one.help.ends_with('.'));
            let same: Vec<usize> = (0..ALL.len())
                .filter(|n| ALL[*n].name == one.name)
                .collect();
            assert_eq!(
                same.last().unwrap() - same[0] + 1,
                same.len(),
                "{}",
                one.name
            );
            let twin = |n: &usize| *n != at && ALL[*n].labels == one.labels;
            assert!(!same.iter().any(twin), "{} {}", one.name, one.labels);
        }
    }

    #[test]
    fn a_message_is_counted_by_what_became_of_it() {
        let before = UNCONFIRMED.get();
        message_became(Status::Unconfirmed);
        message_became(Status::Queued);
        assert!(UNCONFIRMED.get() > before);
    }
}
