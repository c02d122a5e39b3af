//! Tests: what the integration tests stand on — the real agent on a simulated modem, in a directory of its own, with an
//! HTTP client and a push receiver. Never asserts what the agent should do: the tests do.
//!
//! Environment: `RUT_AGENT_BIN` is the agent under test (else the one cargo built), `RUT_AGENT_RUNNER` the words in
//! front of it (such as `qemu-mips-static -cpu 24Kc`), `RUT_AGENT_SIM_BIN` the binary that simulates.
#![allow(dead_code, unreachable_pub, missing_docs)]
#![allow(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    clippy::unwrap_used
)]
#![allow(clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

pub mod certificates;
pub mod clock;
pub mod http;
pub mod process;
pub mod push;

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use process::Process;

/// Nothing a test waits for takes longer, not even under qemu on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(60);
pub const TOKEN: &str = "a-token-for-the-bench";

/// Asks until the answer is something, and gives it; panics with `what` after `patience`. The only sleep there is.
pub fn wait_for<T>(patience: Duration, what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + patience;
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(Instant::now() < end, "waited {patience:?} in vain: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// The same for a plain condition.
pub fn wait_until(patience: Duration, what: &str, mut holds: impl FnMut() -> bool) {
    wait_for(patience, what, || holds().then_some(()));
}

/// An address nobody listens on just now, and nobody takes while an agent is away from it: each port is given once, and
/// all lie below those that Linux gives to whoever asks for any.
pub fn free_address() -> SocketAddr {
    const PORTS: std::ops::Range<u32> = 10_000..32_000;
    static GIVEN: AtomicU32 = AtomicU32::new(0);
    let first = std::process::id() * 97;
    let port = || {
        PORTS.start + (first + GIVEN.fetch_add(1, Ordering::Relaxed)) % (PORTS.end - PORTS.start)
    };
    std::iter::repeat_with(|| SocketAddr::from(([127, 0, 0, 1], port() as u16)))
        .find(|address| TcpListener::bind(address).is_ok())
        .unwrap()
}

/// What is to be started.
#[derive(Clone, Debug)]
pub struct Setup {
    /// `ec25`, `slm750` or `minimal`.
    pub model: &'static str,
    /// The SIM asks for this PIN.
    pub pin: Option<&'static str>,
    /// Control lines done before the agent starts.
    pub chat: String,
    /// More lines of the section `modem`, such as `option poll '1'`.
    pub modem: String,
    /// More sections, as UCI text.
    pub sections: String,
}

impl Default for Setup {
    fn default() -> Setup {
        Setup {
            model: "ec25",
            pin: None,
            chat: String::new(),
            modem: String::new(),
            sections: String::new(),
        }
    }
}

/// An agent on a simulated modem. Dropping it ends both; when the test failed, their logs are shown.
#[derive(Debug)]
pub struct Bench {
    agent: Option<Process>,
    sim: Option<Process>,
    /// Where the API listens.
    pub address: SocketAddr,
    /// Variables in the environment of the agents started from now on.
    pub env: Vec<(String, String)>,
    dir: TempDir,
}

impl Bench {
    /// Starts both and waits until the agent says that the modem is ready.
    pub fn start(setup: &Setup) -> Bench {
        let mut bench = Bench::sim_only(setup);
        bench.start_agent();
        bench.wait_ready();
        bench
    }

    /// Starts the simulator and writes the configuration; [`Bench::start_agent`] does the rest.
    pub fn sim_only(setup: &Setup) -> Bench {
        let dir = tempfile::tempdir().unwrap();
        let mut bench = Bench {
            agent: None,
            sim: None,
            address: free_address(),
            env: Vec::new(),
            dir,
        };
        bench.write_config(&setup.modem, &setup.sections);
        std::fs::write(bench.path("chat"), &setup.chat).unwrap();
        let mut line = vec![process::sim_binary(), String::from("sim")];
        let mut option = |name: &str, value: String| line.extend([String::from(name), value]);
        option("--model", String::from(setup.model));
        option("--link", bench.text("ttyUSB3"));
        option("--control", bench.text("control"));
        option("--chat", bench.text("chat"));
        if let Some(pin) = setup.pin {
            option("--pin", String::from(pin));
        }
        bench.sim = Some(Process::start(&line, &bench.path("sim.log")));
        wait_until(PATIENCE, "the simulated port", || {
            bench.tty().exists() && bench.path("control").exists()
        });
        bench
    }

    /// Writes the configuration anew; a running agent reads it at `SIGHUP` ([`Bench::reload`]).
    pub fn write_config(&self, modem: &str, sections: &str) {
        let text = format!(
            "config agent 'agent'\n\toption log_level 'debug'\n\toption name 'bench'\n\toption state_dir '{}'\n\n\
             config modem 'modem'\n\toption tty '{}'\n{modem}\n\n\
             config api 'api'\n\tlist listen '{}'\n\toption token '{TOKEN}'\n\n{sections}\n",
            self.text("state"),
            self.text("ttyUSB3"),
            self.address
        );
        std::fs::write(self.config(), text).unwrap();
    }

    /// Starts the agent, which must not be running.
    pub fn start_agent(&mut self) {
        assert!(self.agent.is_none(), "the agent runs already");
        let mut line = process::agent_command();
        let words = [
            "run",
            "--config",
            &self.text("config"),
            "--socket",
            &self.text("socket"),
        ];
        line.extend(words.map(String::from));
        let log = self.path("agent.log");
        self.agent = Some(Process::start_in(&line, &log, &self.env));
    }

    /// Waits until `/status` says that the modem is ready.
    pub fn wait_ready(&self) {
        self.wait_modem_state("ready");
    }

    /// Waits until `/status` gives the modem this state.
    pub fn wait_modem_state(&self, state: &str) {
        wait_until(PATIENCE, &format!("modem.state {state}"), || {
            let answer = self.try_api("GET", "/status", None);
            answer.is_ok_and(|(_, status)| status["modem"]["state"] == state)
        });
    }

    /// `kill -9`, as a power cut would.
    pub fn kill9(&mut self) {
        self.agent.take().expect("no agent runs").kill9();
    }

    /// Asks it to end (`SIGTERM`) and waits; gives its exit code.
    pub fn terminate(&mut self) -> Option<i32> {
        self.agent
            .take()
            .expect("no agent runs")
            .terminate(PATIENCE)
    }

    /// Kills it if it runs, starts it again and waits until the modem is ready.
    pub fn restart(&mut self) {
        if self.agent.is_some() {
            self.kill9();
        }
        self.start_agent();
        self.wait_ready();
    }

    /// `SIGHUP`.
    pub fn reload(&self) {
        self.agent().signal(nix::sys::signal::Signal::SIGHUP);
    }

    pub fn agent(&self) -> &Process {
        self.agent.as_ref().expect("no agent runs")
    }

    /// One control line of the simulator that must succeed; its answer.
    pub fn control(&self, line: &str) -> Value {
        let answer = self.try_control(line);
        assert_eq!(answer["ok"], true, "{line}: {answer}");
        answer
    }

    /// One control line of the simulator; its answer, good or bad.
    pub fn try_control(&self, line: &str) -> Value {
        let mut stream = UnixStream::connect(self.path("control")).unwrap();
        stream.set_read_timeout(Some(PATIENCE * 2)).unwrap();
        writeln!(stream, "{line}").unwrap();
        let mut answer = String::new();
        BufReader::new(stream).read_line(&mut answer).unwrap();
        serde_json::from_str(&answer).unwrap()
    }

    /// Waits in the simulator until so many messages are on the air; all of them.
    pub fn wait_air(&self, count: usize) -> Vec<Value> {
        let patience = PATIENCE.as_millis();
        self.control(&format!(
            "wait-for {{\"air\":{count},\"timeout_ms\":{patience}}}"
        ));
        self.air()
    }

    /// What is on the air so far.
    pub fn air(&self) -> Vec<Value> {
        self.control("air")["air"].as_array().unwrap().clone()
    }

    /// A call of the JSON API with the token, such as `("GET", "/status", None)`: status and body.
    pub fn api(&self, method: &str, path: &str, body: Option<&Value>) -> (u16, Value) {
        self.try_api(method, path, body).unwrap()
    }

    /// `POST /messages`, which must be accepted; the id of the first of its messages.
    pub fn submit(&self, message: &Value) -> String {
        let (status, answer) = self.api("POST", "/messages", Some(message));
        assert_eq!(status, 202, "{answer}");
        String::from(answer["messages"][0]["id"].as_str().unwrap())
    }

    /// The command line against this agent: exit code, standard output and error.
    pub fn cli(&self, words: &[&str]) -> (Option<i32>, String, String) {
        let mut line = process::agent_command();
        line.extend(words.iter().map(|word| String::from(*word)));
        let (program, args) = line.split_first().unwrap();
        let run = std::process::Command::new(program)
            .args(args)
            .env("RUT_AGENT_SOCKET", self.socket())
            .output()
            .unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (run.status.code(), text(run.stdout), text(run.stderr))
    }

    /// `GET /metrics`.
    pub fn metrics(&self) -> String {
        let bearer = format!("Bearer {TOKEN}");
        let fields = [("Authorization", bearer.as_str())];
        let answer = http::request(self.address, "GET", "/metrics", &fields, b"").unwrap();
        assert_eq!(answer.status, 200);
        assert_eq!(
            answer.header("content-type"),
            Some("text/plain; version=0.0.4; charset=utf-8")
        );
        String::from_utf8(answer.body).unwrap()
    }

    /// The same, when nobody may be listening.
    pub fn try_api(
        &self,
        method: &str,
        path: &str,
        body: Option<&Value>,
    ) -> std::io::Result<(u16, Value)> {
        let authorization = format!("Bearer {TOKEN}");
        let body = body.map(Value::to_string).unwrap_or_default();
        let headers = [
            ("Authorization", authorization.as_str()),
            ("Content-Type", "application/json"),
        ];
        let target = format!("/api/v1{path}");
        let answer = http::request(self.address, method, &target, &headers, body.as_bytes())?;
        Ok((answer.status, answer.json()))
    }

    /// `/push`'s line about this target.
    pub fn health(&self, name: &str) -> Value {
        let (status, push) = self.api("GET", "/push", None);
        assert_eq!(status, 200);
        let mut targets = push["targets"].as_array().unwrap().iter();
        let found = targets.find(|target| target["name"] == name);
        found.unwrap_or_else(|| panic!("{name} in {push}")).clone()
    }

    /// Waits until this target has failed; how.
    pub fn wait_last_error(&self, name: &str) -> String {
        wait_for(PATIENCE, &format!("last_error of {name}"), || {
            self.health(name)["last_error"].as_str().map(String::from)
        })
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn text(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }

    pub fn config(&self) -> PathBuf {
        self.path("config")
    }

    pub fn state_dir(&self) -> PathBuf {
        self.path("state")
    }

    /// The agent's Unix socket.
    pub fn socket(&self) -> PathBuf {
        self.path("socket")
    }

    /// The link to the simulated port.
    pub fn tty(&self) -> PathBuf {
        self.path("ttyUSB3")
    }

    /// What the agent logged, over all its lives.
    pub fn log(&self) -> String {
        read(&self.path("agent.log"))
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        // Dead before the directory goes.
        self.agent = None;
        self.sim = None;
        if std::thread::panicking() {
            eprintln!(
                "--- agent.log\n{}\n--- sim.log\n{}",
                self.log(),
                read(&self.path("sim.log"))
            );
        }
    }
}

fn read(path: &Path) -> String {
    std::fs::read(path)
        .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
        .unwrap_or_default()
}
