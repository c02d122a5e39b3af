//! Tests: a child process that dies with its owner, its output in a file.

use std::fs::File;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// The binary that has `sim`.
pub fn sim_binary() -> String {
    std::env::var("RUT_AGENT_SIM_BIN")
        .unwrap_or_else(|_| String::from(env!("CARGO_BIN_EXE_rut-agent")))
}

/// The words that start the agent under test, without its arguments.
pub fn agent_command() -> Vec<String> {
    let runner = std::env::var("RUT_AGENT_RUNNER").unwrap_or_default();
    let binary = std::env::var("RUT_AGENT_BIN");
    let binary = binary.unwrap_or_else(|_| String::from(env!("CARGO_BIN_EXE_rut-agent")));
    runner
        .split_whitespace()
        .map(String::from)
        .chain([binary])
        .collect()
}

/// A running child.
#[derive(Debug)]
pub struct Process(Child);

impl Process {
    /// Starts `line` (program and arguments); what it says is appended to `log`.
    pub fn start(line: &[String], log: &Path) -> Process {
        Process::start_in(line, log, &[])
    }

    /// The same, with these variables in its environment.
    pub fn start_in(line: &[String], log: &Path, env: &[(String, String)]) -> Process {
        let log = File::options().create(true).append(true).open(log).unwrap();
        let (program, args) = line.split_first().unwrap();
        let mut command = Command::new(program);
        command
            .args(args)
            .envs(env.iter().cloned())
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log);
        Process(
            command
                .spawn()
                .unwrap_or_else(|why| panic!("cannot start {program}: {why}")),
        )
    }

    pub fn pid(&self) -> u32 {
        self.0.id()
    }

    pub fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(i32::try_from(self.pid()).unwrap()), signal).unwrap();
    }

    /// True while it lives.
    pub fn runs(&mut self) -> bool {
        self.0.try_wait().unwrap().is_none()
    }

    /// `SIGKILL`, and waits until it is gone.
    pub fn kill9(mut self) {
        self.end();
    }

    /// `SIGTERM`, and waits; its exit code, if it had one.
    pub fn terminate(mut self, patience: Duration) -> Option<i32> {
        self.signal(Signal::SIGTERM);
        self.wait(patience)
    }

    /// Waits until it ends by itself; its exit code, if it had one.
    pub fn wait(&mut self, patience: Duration) -> Option<i32> {
        super::wait_for(patience, "the end of a process", || {
            self.0.try_wait().unwrap()
        })
        .code()
    }

    fn end(&mut self) {
        // It may be gone already; either way it is reaped.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.end();
    }
}
