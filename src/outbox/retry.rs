//! Table: the causes for which a modem or network refuses a message — in words, and whether to try again (27.005 3.2.5,
//! 24.011 Annex E-2, 23.040 9.2.3.22). Never sends and never waits.

use std::time::Duration;

/// What a cause means for the message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    /// Trying again cannot help.
    Permanent,
    /// The network's trouble: again with growing pauses until the validity runs out.
    Temporary,
    /// Nobody knows: again with growing pauses, at most [`TRIES`] times.
    Unclear,
    /// The modem or its SIM is not ready: again later, no attempt spent.
    NotReady,
    /// The network may have taken it although the modem speaks of an error: never again by itself.
    Doubtful,
}

/// Tries for an unclear cause.
pub(super) const TRIES: u32 = 10;
/// Between tries while modem or SIM are not ready.
pub(super) const NOT_READY: Duration = Duration::from_secs(10);
/// After a part that was never handed over, so that a modem without a prompt is not asked in a busy loop.
pub(super) const NOT_HANDED_OVER: Duration = Duration::from_secs(1);

/// Seconds between attempts; the last one repeats.
const PAUSES_S: [u64; 6] = [5, 15, 60, 300, 900, 3600];

/// The pause before attempt `attempt` (1 = the first retry).
pub(super) fn pause(attempt: u32) -> Duration {
    let place = usize::try_from(attempt.saturating_sub(1)).unwrap_or(usize::MAX);
    let last = PAUSES_S.last();
    Duration::from_secs(PAUSES_S.get(place).or(last).copied().unwrap_or(3600))
}

/// A cause: its number, what to do, its words.
struct Cause(u16, Effect, &'static str);

use Effect::{Doubtful, NotReady, Permanent, Temporary, Unclear};

const CAUSES: &[Cause] = &[
    // 24.011 Annex E-2: what the network says to a message on its way out.
    Cause(1, Permanent, "the number is not assigned to anybody"),
    Cause(8, Permanent, "the operator has barred sending"),
    Cause(10, Permanent, "messages to this number are barred"),
    Cause(17, Temporary, "network failure"),
    Cause(21, Permanent, "the network rejected the message"),
    Cause(22, Temporary, "the network is congested"),
    Cause(27, Temporary, "the destination is out of order"),
    Cause(28, Permanent, "the network does not know this subscriber"),
    Cause(29, Permanent, "the network does not offer this service"),
    Cause(
        30,
        Permanent,
        "the home network does not know this subscriber",
    ),
    Cause(38, Temporary, "the network is out of order"),
    Cause(41, Temporary, "temporary failure of the network"),
    Cause(42, Temporary, "the network is congested"),
    Cause(47, Temporary, "the network has no resources free"),
    Cause(50, Permanent, "the subscription does not include messages"),
    Cause(
        69,
        Permanent,
        "the network has not implemented this service",
    ),
    Cause(81, Permanent, "invalid message transfer reference"),
    Cause(95, Permanent, "the network finds the message invalid"),
    Cause(96, Permanent, "a mandatory field is invalid"),
    Cause(97, Permanent, "the network does not know this message type"),
    Cause(
        98,
        Permanent,
        "the message does not fit the protocol's state",
    ),
    Cause(
        99,
        Permanent,
        "the network does not know a field of the message",
    ),
    Cause(111, Unclear, "protocol error"),
    Cause(
        127,
        Unclear,
        "the next network failed without giving a cause",
    ),
    // 23.040 9.2.3.22: what the service centre says.
    Cause(128, Permanent, "telematic interworking is not supported"),
    Cause(129, Permanent, "short message type 0 is not supported"),
    Cause(130, Permanent, "the message cannot be replaced"),
    Cause(143, Permanent, "the protocol identifier is not supported"),
    Cause(144, Permanent, "the alphabet is not supported"),
    Cause(145, Permanent, "the message class is not supported"),
    Cause(159, Permanent, "the data coding is not supported"),
    Cause(160, Permanent, "the command cannot be carried out"),
    Cause(161, Permanent, "the command is not supported"),
    Cause(175, Permanent, "the command failed"),
    Cause(176, Permanent, "the kind of message is not supported"),
    Cause(192, Temporary, "the service centre is busy"),
    Cause(193, Permanent, "no subscription with the service centre"),
    Cause(194, Temporary, "the service centre has failed"),
    Cause(
        195,
        Permanent,
        "the service centre finds the number invalid",
    ),
    Cause(196, Permanent, "the recipient is barred"),
    Cause(
        197,
        Permanent,
        "the service centre has this message already",
    ),
    Cause(
        198,
        Permanent,
        "the form of the validity period is not supported",
    ),
    Cause(199, Permanent, "the validity period is not supported"),
    Cause(208, Temporary, "the SIM's message store is full"),
    Cause(209, Permanent, "the SIM cannot store messages"),
    Cause(210, Unclear, "error in the modem"),
    Cause(211, Temporary, "the modem's memory is full"),
    Cause(212, NotReady, "the SIM's toolkit is busy"),
    Cause(213, Unclear, "the SIM could not take data"),
    Cause(255, Unclear, "the service centre gave no cause"),
    // 27.005 3.2.5: what the modem itself says.
    Cause(300, Unclear, "the modem has failed"),
    Cause(301, Temporary, "the modem's message service is reserved"),
    Cause(302, Permanent, "the modem does not allow this"),
    Cause(303, Permanent, "the modem does not support this"),
    Cause(304, Permanent, "the modem finds the PDU invalid"),
    Cause(
        305,
        Permanent,
        "the modem finds a text mode parameter invalid",
    ),
    Cause(310, NotReady, "no SIM is inserted"),
    Cause(311, NotReady, "the SIM wants its PIN"),
    Cause(312, NotReady, "the modem wants its own PIN"),
    Cause(313, NotReady, "the SIM has failed"),
    Cause(314, NotReady, "the SIM is busy"),
    Cause(315, NotReady, "the SIM is the wrong one"),
    Cause(316, NotReady, "the SIM wants its PUK"),
    Cause(317, NotReady, "the SIM wants its PIN2"),
    Cause(318, NotReady, "the SIM wants its PUK2"),
    Cause(320, Unclear, "the modem's memory has failed"),
    Cause(321, Permanent, "invalid place in the modem's memory"),
    Cause(322, Unclear, "the modem's memory is full"),
    Cause(330, Temporary, "the service centre's number is not known"),
    Cause(331, Temporary, "no network service"),
    // No more than a name in 27.005. It comes when TR1M (24.011 10) runs out: RP-DATA went to the network and neither RP-ACK
    // nor RP-ERROR came back, so that the service centre may well have the message.
    Cause(
        332,
        Doubtful,
        "the network did not answer in time: it may have been sent",
    ),
    Cause(340, Unclear, "the modem awaited no acknowledgement"),
    Cause(500, Unclear, "the modem gave no cause"),
];

/// What to do about `+CMS ERROR: code`, and its words; `None` is a bare `ERROR`.
pub(super) fn cause(code: Option<u16>) -> (Effect, &'static str) {
    let Some(code) = code else {
        return (Unclear, "the modem gave no cause");
    };
    let known = CAUSES.iter().find(|Cause(number, ..)| *number == code);
    match (known, code) {
        (Some(Cause(_, effect, words)), _) => (*effect, words),
        (None, 0..=127) => (Unclear, "the network gave a cause unknown to the standard"),
        (None, 128..=255) => (
            Unclear,
            "the service centre gave a cause unknown to the standard",
        ),
        (None, 256..) => (Unclear, "the modem gave a cause of its maker's own"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cause_is_listed_once_in_order_and_has_its_own_words() {
        assert!(CAUSES.is_sorted_by(|one, next| one.0 < next.0));
        assert!(CAUSES.iter().all(|cause| !cause.2.is_empty()));
    }

    #[test]
    fn causes_that_cannot_heal_are_permanent_and_the_networks_troubles_are_not() {
        for code in [
            1, 8, 10, 21, 28, 29, 30, 50, 69, 81, 95, 96, 99, 193, 195, 302, 305,
        ] {
            assert_eq!(cause(Some(code)).0, Permanent, "{code}");
        }
        for code in [27, 38, 41, 42, 47, 192, 194, 331] {
            assert_eq!(cause(Some(code)).0, Temporary, "{code}");
        }
        for code in [310, 311, 313, 314, 315, 316, 317] {
            assert_eq!(cause(Some(code)).0, NotReady, "{code}");
        }
        assert_eq!(cause(Some(332)).0, Doubtful);
        for code in [None, Some(500), Some(512), Some(77), Some(u16::MAX)] {
            assert_eq!(cause(code).0, Unclear, "{code:?}");
        }
    }

    #[test]
    fn pauses_grow_and_then_stay() {
        let pauses: Vec<u64> = (0..9).map(|attempt| pause(attempt).as_secs()).collect();
        assert_eq!(pauses, [5, 5, 15, 60, 300, 900, 3600, 3600, 3600]);
    }
}
