//! Tests: conversations through the pty and the control socket.
#![allow(clippy::disallowed_types)]

use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::fcntl::{OFlag, open};
use nix::sys::stat::Mode;
use serde_json::{Value, json};
use tokio::io::unix::AsyncFd;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};

use super::SUBMIT;
use crate::sim::{Model, Options, Simulator};
use crate::stop;

/// The other end of the pty.
struct Terminal {
    port: AsyncFd<std::os::fd::OwnedFd>,
    heard: String,
}

impl Terminal {
    fn open(link: &Path) -> Terminal {
        let flags = OFlag::O_RDWR | OFlag::O_NOCTTY | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC;
        #[expect(deprecated, reason = "as in pty.rs: an OwnedFd keeps its descriptor")]
        let port = AsyncFd::new(open(link, flags, Mode::empty()).unwrap()).unwrap();
        Terminal {
            port,
            heard: String::new(),
        }
    }

    async fn say(&self, text: &str) {
        let mut ready = self.port.writable().await.unwrap();
        let written = ready.try_io(|port| Ok(nix::unistd::write(port.get_ref(), text.as_bytes())?));
        assert_eq!(written.unwrap().unwrap(), text.len());
    }

    /// Reads on until it has heard `end`; what came before and `end` itself. `None` when the port hung up.
    async fn until(&mut self, end: &str) -> Option<String> {
        loop {
            if let Some(at) = self.heard.find(end) {
                let rest = self.heard.split_off(at + end.len());
                return Some(std::mem::replace(&mut self.heard, rest));
            }
            let mut bytes = [0; 4096];
            let mut ready = self.port.readable().await.unwrap();
            match ready.try_io(|port| Ok(nix::unistd::read(port.get_ref(), &mut bytes)?)) {
                Ok(Ok(0) | Err(_)) => return None,
                Ok(Ok(count)) => self
                    .heard
                    .push_str(&String::from_utf8_lossy(&bytes[..count])),
                Err(_) => {}
            }
        }
    }
}

/// Runs `conversation` against a simulator on a real pty, with a safety net of 20 s.
fn on_a_pty<F: Future<Output = ()>>(
    model: Model,
    conversation: impl FnOnce(Simulator, PathBuf) -> F,
) {
    let dir = tempfile::tempdir().unwrap();
    let link = dir.path().join("ttyUSB3");
    let options = Options {
        model,
        link: link.clone(),
        ..Options::default()
    };
    let simulator = Simulator::new(&options).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let (stopper, stop) = stop::pair();
    runtime.block_on(tokio::task::LocalSet::new().run_until(async {
        let socket = dir.path().join("control");
        let running = simulator.clone();
        let run = tokio::task::spawn_local(async move { running.run(Some(&socket), stop).await });
        while !link.exists() {
            tokio::task::yield_now().await;
        }
        tokio::time::timeout(Duration::from_secs(20), conversation(simulator, link))
            .await
            .unwrap();
        stopper.stop();
        run.await.unwrap().unwrap();
    }));
}

#[test]
fn it_speaks_at_over_a_pty_and_greets_who_comes_late() {
    on_a_pty(Model::Ec25, |simulator, link| async move {
        let mut terminal = Terminal::open(&link);
        terminal.until("RDY\r\n").await.unwrap();
        simulator.order("cut on");
        terminal.say("ATE0\r").await;
        terminal.until("ATE0\r\r\nOK\r\n").await.unwrap();
        terminal.say("AT+CGMI;+CGMM\r").await;
        assert_eq!(
            terminal.until("OK\r\n").await.unwrap(),
            "\r\nQuectel\r\nEC25\r\n\r\nOK\r\n"
        );
        simulator.order("garbage 00FF41");
        terminal.until("A").await.unwrap();
    });
}

#[test]
fn unplugged_it_hangs_up_and_replugged_it_has_another_name_and_the_same_store() {
    on_a_pty(Model::Ec25, |simulator, link| async move {
        let former = std::fs::read_link(&link).unwrap();
        let mut terminal = Terminal::open(&link);
        terminal.say("ATE0\r").await;
        terminal.until("OK\r\n").await.unwrap();
        simulator.order("deliver {\"text\":\"kept\"}");
        simulator.order("unplug-after prompt");
        terminal.say("AT+CMGS=23\r").await;
        assert_eq!(terminal.until("never").await, None);
        assert!(!link.exists());
        drop(terminal);
        let elsewhere = link.with_file_name("ttyUSB7");
        simulator.order(&format!("replug {}", elsewhere.display()));
        while !elsewhere.exists() {
            tokio::task::yield_now().await;
        }
        assert_ne!(std::fs::read_link(&elsewhere).unwrap(), former);
        let mut terminal = Terminal::open(&elsewhere);
        terminal.say("AT+CMGL=4\r").await;
        terminal.until("+CMGL: 0,0,,").await.unwrap();
        assert_eq!(simulator.order("air")["air"], json!([]));
    });
}

#[test]
fn thousands_of_messages_a_minute_go_through() {
    on_a_pty(Model::Ec25, |simulator, link| async move {
        let mut terminal = Terminal::open(&link);
        terminal.say("ATE0\r").await;
        terminal.until("OK\r\n").await.unwrap();
        for sent in 0..1_000 {
            terminal.say("AT+CMGS=23\r").await;
            terminal.until("> ").await.unwrap();
            terminal.say(&format!("{SUBMIT}\x1a")).await;
            terminal
                .until(&format!("+CMGS: {}\r\n\r\nOK\r\n", sent % 256))
                .await
                .unwrap();
        }
        let held = simulator
            .command("wait-for {\"air\":1000,\"at\":\"at+cmgs\",\"count\":1000}")
            .await;
        assert_eq!(held["ok"], true);
    });
}

#[test]
fn the_control_socket_answers_line_by_line_and_waits_for_events() {
    on_a_pty(Model::Ec25, |simulator, link| async move {
        let connect = || tokio::net::UnixStream::connect(link.with_file_name("control"));
        let (mut waiting, mut acting) = (connect().await.unwrap(), connect().await.unwrap());
        waiting
            .write_all(b"wait-for {\"call\":\"ringing\",\"timeout_ms\":15000}\n")
            .await
            .unwrap();
        acting
            .write_all(b"wait-for {\"air\":1,\"timeout_ms\":1}\nnonsense\nring +491\n")
            .await
            .unwrap();
        let mut answers = BufReader::new(&mut acting).lines();
        for expected in [false, false, true] {
            let answer: Value =
                serde_json::from_str(&answers.next_line().await.unwrap().unwrap()).unwrap();
            assert_eq!(answer["ok"], expected, "{answer}");
        }
        let answer = BufReader::new(&mut waiting)
            .lines()
            .next_line()
            .await
            .unwrap()
            .unwrap();
        assert!(answer.contains("\"ok\":true"), "{answer}");
        assert_eq!(simulator.order("state")["number"], "+491");
    });
}
