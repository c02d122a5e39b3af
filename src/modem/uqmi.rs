//! Edge: uqmi as a child process. Never waits longer than its limit, and never logs what it was given.
#![allow(clippy::disallowed_methods)]

use std::path::Path;
use std::time::Duration;

use super::flash::{self, Ended};
use crate::system::{self, Failure};

/// uqmi's own time for the modem's answer (`-t`).
pub(super) const ANSWER: Duration = Duration::from_secs(12);
/// Then it is killed: `-t` does not help while it opens or closes the device.
pub(super) const LIMIT: Duration = Duration::from_secs(15);

/// True when there is something to run and something to run it on.
pub(super) fn is_there(program: &Path, device: &Path) -> bool {
    program.is_file() && device.exists()
}

/// Runs `program` with `words` and kills it after `limit`.
pub(super) async fn run(program: &str, words: &[String], limit: Duration) -> Ended {
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match system::run(program, &words, limit).await {
        Ok(output) => {
            let said = format!("{}{}", output.stdout, output.stderr);
            let ended = flash::ended(output.code, &said);
            if ended == Ended::Unknown {
                log::warn!(
                    "modem: uqmi ended ({}) without saying what became of a message",
                    output.ending()
                );
            }
            ended
        }
        Err(why @ Failure::NotRun(_)) => {
            log::warn!("modem: {program} {why}");
            Ended::NotSent("it could not be run")
        }
        Err(why @ (Failure::Late(_) | Failure::Lost(_))) => {
            log::warn!("modem: {program} {why}: nobody knows what became of a message");
            Ended::Unknown
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Duration = Duration::from_secs(60);

    async fn run_shell(script: &str, limit: Duration) -> Ended {
        let words = ["-c", script].map(String::from);
        run("/bin/sh", &words, limit).await
    }

    #[tokio::test]
    async fn a_program_that_hangs_leaves_its_message_unconfirmed() {
        let ended = run_shell("exec sleep 600", Duration::from_millis(50)).await;
        assert_eq!(ended, Ended::Unknown);
    }

    #[tokio::test]
    async fn exit_codes_and_words_of_both_outputs_are_heard() {
        assert_eq!(run_shell("exit 0", PATIENCE).await, Ended::Sent);
        for script in [
            "exit 2",
            "echo Failed to connect to service; exit 255",
            "echo Failed to connect to service >&2; exit 255",
        ] {
            let ended = run_shell(script, PATIENCE).await;
            assert!(matches!(ended, Ended::NotSent(_)), "{script}");
        }
        assert_eq!(run_shell("exit 255", PATIENCE).await, Ended::Unknown);
        assert_eq!(run_shell("kill -9 $$", PATIENCE).await, Ended::Unknown);
    }

    #[tokio::test]
    async fn a_program_that_is_not_there_sends_nothing() {
        let ended = run("/nonexistent/uqmi", &[], PATIENCE).await;
        assert!(matches!(ended, Ended::NotSent(_)));
    }
}
