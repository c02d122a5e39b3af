//! Edge: uqmi as a child process — its words as a list, its output cut, its time limited. Never starts a shell, never
//! waits longer than its limit, and never logs what it was given.
#![allow(clippy::disallowed_types, clippy::disallowed_methods)]

use std::io;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{Child, Command};

use super::flash::{self, Ended};

/// uqmi's own time for the modem's answer (`-t`).
pub(super) const ANSWER: Duration = Duration::from_secs(12);
/// Then it is killed: `-t` does not help while it opens or closes the device.
pub(super) const LIMIT: Duration = Duration::from_secs(15);

/// Bytes of its output that are looked at.
const SAID: usize = 1024;

/// True when there is something to run and something to run it on.
pub(super) fn is_there(program: &Path, device: &Path) -> bool {
    program.is_file() && device.exists()
}

/// Runs `program` with `words` and kills it after `limit`.
pub(super) async fn run(program: &Path, words: &[String], limit: Duration) -> Ended {
    let child = Command::new(program)
        .args(words)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn();
    let mut child = match child {
        Ok(child) => child,
        Err(why) => {
            log::warn!("modem: {} cannot be run: {why}", program.display());
            return Ended::NotSent("it could not be run");
        }
    };
    match tokio::time::timeout(limit, to_its_end(&mut child)).await {
        Ok(Ok((code, said))) => {
            let ended = flash::ended(code, &said);
            if ended == Ended::Unknown {
                log::warn!(
                    "modem: uqmi ended with {code:?} and without saying what became of a message"
                );
            }
            ended
        }
        Ok(Err(why)) => {
            log::warn!("modem: nobody knows how uqmi ended: {why}");
            Ended::Unknown
        }
        Err(_late) => {
            log::warn!("modem: uqmi gave no answer within {limit:?} and is killed");
            // What remains of it is reaped by tokio: a process stuck in the kernel is not waited for.
            if let Err(why) = child.start_kill() {
                log::debug!("modem: killing uqmi: {why}");
            }
            Ended::Unknown
        }
    }
}

/// Its exit code and the beginning of what it printed.
async fn to_its_end(child: &mut Child) -> io::Result<(Option<i32>, String)> {
    let (mut out, mut err) = (child.stdout.take(), child.stderr.take());
    let (mut said, mut complained) = (Vec::new(), Vec::new());
    let (status, (), ()) = tokio::join!(
        child.wait(),
        hear(out.as_mut().map(|pipe| pipe as _), &mut said),
        hear(err.as_mut().map(|pipe| pipe as _), &mut complained),
    );
    said.append(&mut complained);
    Ok((status?.code(), String::from_utf8_lossy(&said).into_owned()))
}

/// Reads a pipe to its end and keeps the beginning.
async fn hear(pipe: Option<&mut (dyn AsyncRead + Unpin)>, kept: &mut Vec<u8>) {
    let Some(pipe) = pipe else { return };
    let mut chunk = [0; 256];
    while let Ok(count) = pipe.read(&mut chunk).await
        && count > 0
    {
        let room = SAID.saturating_sub(kept.len()).min(count);
        kept.extend_from_slice(chunk.get(..room).unwrap_or_default());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Duration = Duration::from_secs(60);

    async fn run_shell(script: &str, limit: Duration) -> Ended {
        let words = ["-c", script].map(String::from);
        run(Path::new("/bin/sh"), &words, limit).await
    }

    #[tokio::test]
    async fn a_program_that_hangs_is_killed_and_the_message_unconfirmed() {
        let began = std::time::Instant::now();
        let ended = run_shell("exec sleep 600", Duration::from_millis(50)).await;
        assert_eq!(ended, Ended::Unknown);
        assert!(began.elapsed() < PATIENCE);
    }

    #[tokio::test]
    async fn a_program_that_was_killed_does_not_live_on() {
        let dir = tempfile::tempdir().unwrap();
        let pid = dir.path().join("pid");
        let script = format!(
            "echo $$ > {0}.new; mv {0}.new {0}; exec sleep 600",
            pid.display()
        );
        assert_eq!(
            run_shell(&script, Duration::from_secs(1)).await,
            Ended::Unknown
        );
        let pid = std::fs::read_to_string(pid).unwrap();
        let proc_entry = std::path::PathBuf::from(format!("/proc/{}/cmdline", pid.trim()));
        let began = std::time::Instant::now();
        // A process that is dead but not reaped has no command line.
        while std::fs::read(&proc_entry).is_ok_and(|line| !line.is_empty()) {
            assert!(began.elapsed() < PATIENCE, "{pid} still runs");
            std::thread::yield_now();
        }
    }

    #[tokio::test]
    async fn a_flood_of_output_neither_blocks_nor_is_kept() {
        let flood = "head -c 300000 /dev/zero; head -c 300000 /dev/zero >&2";
        assert_eq!(run_shell(flood, PATIENCE).await, Ended::Sent);
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
        let ended = run(Path::new("/nonexistent/uqmi"), &[], PATIENCE).await;
        assert!(matches!(ended, Ended::NotSent(_)));
    }
}
