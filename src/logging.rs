//! Edge: log lines to standard error, for procd's syslog or for a terminal. Never decides what is logged.

use std::io::{IsTerminal, Write, stderr};

use crate::clock::Clock;

/// Starts logging at `level`. On a terminal each line carries the time; under procd the system log adds it.
pub fn start(level: log::LevelFilter, clock: Clock) {
    let at_terminal = stderr().is_terminal();
    let logger = env_logger::Builder::new()
        .filter(None, log::LevelFilter::Off)
        .filter(Some("rut_agent"), log::LevelFilter::Trace)
        .format(move |out, record| {
            if at_terminal {
                write!(out, "{} ", clock.now().wall)?;
            }
            // Senders' names and servers' words come from outside: none makes a line of its own, or moves a cursor.
            let line = record.args().to_string().replace(char::is_control, "?");
            writeln!(out, "{:<5} {line}", record.level())
        })
        .build();
    if log::set_boxed_logger(Box::new(logger)).is_ok() {
        log::set_max_level(level);
    }
}
