//! Room: `doctor` — looks at this router and says what is well, what is not, and the exact commands against it. Never opens
//! the modem's ports, never writes, and needs no running agent; one that runs is asked for what only the modem knows.

mod checks;
mod finding;
mod look;
mod sockets;
#[cfg(test)]
mod tests;
mod vendor;

use std::io::Write;

use crate::cli::Doctor;

/// Looks, prints what it found.
///
/// # Errors
/// How many errors there are.
pub async fn run(asked: Doctor) -> Result<(), String> {
    let report = checks::examine(&look::look(&asked).await);
    let shown = match asked.json {
        true => report.json(),
        false => report.words(),
    };
    let _nobody_reads = std::io::stdout().write_all(shown.as_bytes());
    match report.errors() {
        0 => Ok(()),
        errors => Err(format!("doctor found errors: {errors}")),
    }
}
