//! Tests: what happened in a campaign, by kind. Never judges.

use std::collections::BTreeMap;

/// How often what happened.
pub type Counts = BTreeMap<String, u64>;

/// Counts in one line.
pub fn told(counts: &Counts) -> String {
    let each = counts.iter().map(|(what, count)| format!("{count} {what}"));
    each.collect::<Vec<_>>().join(", ")
}

/// The faults by the number thrown.
pub const FAULTS: [&str; 27] = [
    "unplug",
    "unplug in a send",
    "unplug in a send",
    "unplug in a send",
    "answer lost",
    "hang",
    "garbage",
    "replies cut",
    "notifications in replies",
    "notifications lost",
    "SIM removed",
    "kill or end",
    "kill or end",
    "kill or end",
    "three kills",
    "push target fails",
    "clock jump",
    "commands refused",
    "commands refused",
    "false notifications",
    "network",
    "network",
    "network",
    "network",
    "network",
    "network",
    "state directory full",
];
/// Those of the network.
pub const NETWORK_FAULTS: [&str; 6] = [
    "sends refused",
    "sends refused",
    "send refused for good",
    "network lost",
    "other reports",
    "slow network",
];
