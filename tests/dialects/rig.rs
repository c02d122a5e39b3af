//! Tests: the real agent beside a modem of [`super::modem`], in a directory of its own.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::dialect::Dialect;
use super::modem::{CHILDREN, Modem, Plugged, State};
use super::support::process::{self, Process};
use super::support::{TOKEN, http, wait_for};

/// More than any dialect takes beside all others.
pub const PATIENCE: Duration = Duration::from_secs(25);

/// An address no other rig has: with so many at once a port that was free a moment ago is somebody else's.
fn own_address() -> SocketAddr {
    static RIGS: AtomicU8 = AtomicU8::new(1);
    let [low, high, ..] = std::process::id().to_le_bytes();
    let rig = RIGS.fetch_add(1, Ordering::Relaxed);
    SocketAddr::from(([127, high | 1, low, rig], 8240))
}

/// An agent and its modem.
pub struct Rig {
    pub plugged: Option<Plugged>,
    agent: Option<Process>,
    address: SocketAddr,
    dir: TempDir,
}

impl Rig {
    /// Plugs the modem in and starts the agent on it.
    pub fn start(dialect: &Dialect) -> Rig {
        let mut state = State::default();
        Modem::holds(&mut state, dialect, "before");
        let mut rig = Rig {
            plugged: None,
            agent: None,
            address: own_address(),
            dir: tempfile::tempdir().unwrap(),
        };
        rig.plug(dialect.clone(), state);
        rig.start_agent(dialect);
        rig
    }

    /// Plugs a modem in at the link the agent knows.
    pub fn plug(&mut self, dialect: Dialect, state: State) {
        self.plugged = Some(Plugged::new(dialect, state, &self.path("modem")));
    }

    /// Starts the agent anew, or for the first time.
    pub fn start_agent(&mut self, dialect: &Dialect) {
        self.agent = None;
        let text = format!(
            "config agent 'agent'\n\toption log_level 'debug'\n\toption state_dir '{}'\n\n\
             config modem 'modem'\n\toption tty '{}'\n{}\n\n\
             config api 'api'\n\tlist listen '{}'\n\toption token '{TOKEN}'\n",
            self.path("state").display(),
            self.path("modem").display(),
            dialect.config,
            self.address
        );
        std::fs::write(self.path("config"), text).unwrap();
        let mut line = process::agent_command();
        let words = ["run", "--config", "config", "--socket", "socket"];
        line.extend(words.iter().enumerate().map(|(at, word)| match at {
            2 | 4 => self.path(word).display().to_string(),
            _word => String::from(*word),
        }));
        let _alone = CHILDREN.lock().unwrap_or_else(PoisonError::into_inner);
        self.agent = Some(Process::start(&line, &self.path("log")));
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn modem(&self) -> &Modem {
        &self.plugged.as_ref().unwrap().modem
    }

    pub fn log(&self) -> String {
        std::fs::read_to_string(self.path("log")).unwrap_or_default()
    }

    /// A call of the API: its status and body; nothing while nobody answers.
    pub fn api(&self, method: &str, path: &str, body: &str) -> Option<(u16, Value)> {
        let authorization = format!("Bearer {TOKEN}");
        let headers = [
            ("Authorization", authorization.as_str()),
            ("Content-Type", "application/json"),
        ];
        let answer = http::request(self.address, method, path, &headers, body.as_bytes()).ok()?;
        Some((answer.status, answer.json()))
    }

    pub fn wait_state(&self, state: &str) -> Value {
        wait_for(PATIENCE, &format!("modem.state {state}"), || {
            let (_, status) = self.api("GET", "/api/v1/status", "")?;
            (status["modem"]["state"] == state).then_some(status)
        })
    }

    /// The inbox's texts.
    pub fn inbox(&self) -> Vec<String> {
        let Some((_, page)) = self.api("GET", "/api/v1/messages?box=inbox", "") else {
            return Vec::new();
        };
        let messages = page["messages"].as_array().cloned().unwrap_or_default();
        messages
            .iter()
            .map(|message| String::from(message["text"].as_str().unwrap_or_default()))
            .collect()
    }

    pub fn wait_inbox(&self, texts: &[&str]) {
        wait_for(PATIENCE, &format!("{texts:?} in the inbox"), || {
            let inbox = self.inbox();
            texts
                .iter()
                .all(|text| inbox.iter().any(|got| got == text))
                .then_some(())
        });
    }

    /// Submits a message; its path.
    pub fn submit(&self, text: &str) -> String {
        let order = json!({"to": "+12025550155", "text": text, "report": true}).to_string();
        let (status, answer) = self.api("POST", "/api/v1/messages", &order).unwrap();
        assert_eq!(status, 202, "{answer}");
        let id = answer["messages"][0]["id"].as_str().unwrap();
        format!("/api/v1/messages/{id}")
    }

    pub fn wait_sent(&self, path: &str, status: &str) -> Value {
        wait_for(PATIENCE, &format!("{path} {status}"), || {
            let (_, message) = self.api("GET", path, "")?;
            (message["status"] == status).then_some(message)
        })
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        self.agent = None;
        if std::thread::panicking() {
            let heard = self
                .plugged
                .as_ref()
                .map(|plugged| plugged.modem.state().heard.clone());
            eprintln!("--- heard {heard:?}\n--- log\n{}", self.log());
        }
    }
}
