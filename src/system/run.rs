//! Edge: a program as a child process — its words as a list, its output cut, its time limited. Never starts a shell, never
//! waits longer than its limit, and never logs what it was given or printed.
#![allow(clippy::disallowed_types, clippy::disallowed_methods)]

use std::fmt;
use std::io;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{Child, Command};

/// Bytes of each output that are kept; the rest is read and dropped.
const KEPT: usize = 64 * 1024;

/// How a program ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Output {
    /// Its exit code; none when a signal ended it.
    pub code: Option<i32>,
    /// The beginning of what it printed, 64 KB at most.
    pub stdout: String,
    /// The beginning of what it complained of, 64 KB at most.
    pub stderr: String,
}

impl Output {
    /// It ended by itself, with code 0.
    pub fn is_good(&self) -> bool {
        self.code == Some(0)
    }

    /// How it ended, for the log.
    pub fn ending(&self) -> String {
        match self.code {
            Some(code) => format!("exit code {code}"),
            None => String::from("by a signal"),
        }
    }
}

/// Why there is no end to tell of.
#[derive(Debug)]
pub enum Failure {
    /// It could not be started: it is not there, or may not be run. Nothing happened; do without it.
    NotRun(io::Error),
    /// It gave no end within the limit and was killed. Nobody knows what it did; look before you do it again.
    Late(Duration),
    /// Its end could not be heard. Nobody knows what it did.
    Lost(io::Error),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::NotRun(why) => write!(f, "cannot be run: {why}"),
            Failure::Late(limit) => write!(
                f,
                "gave no answer within {} s and is killed",
                limit.as_secs()
            ),
            Failure::Lost(why) => write!(f, "ended unheard: {why}"),
        }
    }
}

/// Runs `program` (a path, or a name looked for in `PATH`) with `args`, each one word of its own, without input, and kills
/// it after `limit`. Dropping the future kills it too.
pub async fn run(program: &str, args: &[&str], limit: Duration) -> Result<Output, Failure> {
    let mut child = Command::new(program)
        .args(args)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(Failure::NotRun)?;
    match tokio::time::timeout(limit, to_its_end(&mut child)).await {
        Ok(ended) => ended.map_err(Failure::Lost),
        Err(_late) => {
            // What remains of it is reaped by tokio: a process stuck in the kernel is not waited for.
            if let Err(why) = child.start_kill() {
                log::debug!("system: killing {program}: {why}");
            }
            Err(Failure::Late(limit))
        }
    }
}

/// True when [`run`] would find this program.
pub fn is_there(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut dirs = std::env::split_paths(&path);
    match program.contains('/') {
        true => Path::new(program).is_file(),
        false => dirs.any(|dir| dir.join(program).is_file()),
    }
}

async fn to_its_end(child: &mut Child) -> io::Result<Output> {
    let (mut out, mut err) = (child.stdout.take(), child.stderr.take());
    let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
    let (status, (), ()) = tokio::join!(
        child.wait(),
        hear(out.as_mut().map(|pipe| pipe as _), &mut stdout),
        hear(err.as_mut().map(|pipe| pipe as _), &mut stderr),
    );
    Ok(Output {
        code: status?.code(),
        stdout: String::from_utf8_lossy(&stdout).into_owned(),
        stderr: String::from_utf8_lossy(&stderr).into_owned(),
    })
}

/// Reads a pipe to its end and keeps the beginning.
async fn hear(pipe: Option<&mut (dyn AsyncRead + Unpin)>, kept: &mut Vec<u8>) {
    let Some(pipe) = pipe else { return };
    let mut chunk = [0; 256];
    while let Ok(count) = pipe.read(&mut chunk).await
        && count > 0
    {
        let room = KEPT.saturating_sub(kept.len()).min(count);
        kept.extend_from_slice(chunk.get(..room).unwrap_or_default());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Duration = Duration::from_secs(60);

    async fn run_shell(script: &str, limit: Duration) -> Result<Output, Failure> {
        run("/bin/sh", &["-c", script], limit).await
    }

    #[tokio::test]
    async fn a_program_that_hangs_is_killed() {
        let began = std::time::Instant::now();
        let ended = run_shell("exec sleep 600", Duration::from_millis(50)).await;
        assert!(matches!(ended, Err(Failure::Late(_))));
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
        let ended = run_shell(&script, Duration::from_secs(1)).await;
        assert!(matches!(ended, Err(Failure::Late(_))));
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
        let ended = run_shell(flood, PATIENCE).await.unwrap();
        assert!(ended.is_good());
        assert_eq!((ended.stdout.len(), ended.stderr.len()), (KEPT, KEPT));
    }

    #[tokio::test]
    async fn both_outputs_and_the_end_are_told_apart() {
        let ended = run_shell("echo good; echo bad >&2; exit 3", PATIENCE).await;
        let expected = Output {
            code: Some(3),
            stdout: String::from("good\n"),
            stderr: String::from("bad\n"),
        };
        assert_eq!(ended.unwrap(), expected);
        assert_eq!(run_shell("kill -9 $$", PATIENCE).await.unwrap().code, None);
    }

    #[tokio::test]
    async fn words_arrive_as_they_are_whatever_they_hold() {
        let words = ["-n", "%s|", "$(reboot)", "a b", "`id`;", "'", ""];
        let ended = run("printf", &words[1..], PATIENCE).await.unwrap();
        assert_eq!(ended.stdout, "$(reboot)|a b|`id`;|'||");
    }

    #[tokio::test]
    async fn a_program_that_is_not_there_is_not_run() {
        let ended = run("/nonexistent/uci", &[], PATIENCE).await;
        assert!(matches!(ended, Err(Failure::NotRun(_))));
        for (program, there) in [
            ("/nonexistent/uci", false),
            ("nonexistent-uci", false),
            ("/bin", false),
            ("/bin/sh", true),
            ("sh", true),
        ] {
            assert_eq!(is_there(program), there, "{program}");
        }
    }
}
