//! Room: what the commands do, one file a group. Never reads bytes and never writes the final result: `engine.rs` does.

mod calls;
mod general;
mod radio;
mod sms;

use super::command::Command;
use super::engine::{Answer, Failure, NOT_SUPPORTED};
use super::modem::{Lock, Modem};
use crate::time::Now;

/// Runs one command; an unknown one, and one this model lacks, is not supported (27.007 9.2: 4).
pub(super) fn run(modem: &mut Modem, command: &Command, now: Now) -> Answer {
    if modem.profile.lacks.contains(&command.name.as_str()) {
        return Err(NOT_SUPPORTED);
    }
    general::run(modem, command, now)
        .or_else(|| radio::run(modem, command))
        .or_else(|| sms::run(modem, command, now))
        .or_else(|| calls::run(modem, command, now))
        .unwrap_or(Err(NOT_SUPPORTED))
}

/// Fails unless the SIM is there and open, with 27.007's numbers.
fn need_sim(modem: &Modem) -> Result<(), Failure> {
    match modem.sim.lock {
        _ if !modem.sim.present => Err(Failure::Cme(10)),
        Lock::Open => Ok(()),
        Lock::Pin => Err(Failure::Cme(11)),
        Lock::Puk => Err(Failure::Cme(12)),
    }
}

/// Fails unless the SIM is there and open, with 27.005's numbers.
fn need_sim_for_sms(modem: &Modem) -> Result<(), Failure> {
    match modem.sim.lock {
        _ if !modem.sim.present => Err(Failure::Cms(310)),
        Lock::Open => Ok(()),
        Lock::Pin => Err(Failure::Cms(311)),
        Lock::Puk => Err(Failure::Cms(316)),
    }
}
