//! Room: the router around us — its programs run as child processes, and what its system says of itself. Never starts
//! a shell, never waits longer than it was told, and never logs what a program was given or printed.

mod facts;
mod mobile;
mod run;

pub use facts::{firmware, host_name, root, time_zone};
pub use mobile::{Refused, mobile_data, sim_pin};
pub use run::{Failure, Output, is_there, run};
