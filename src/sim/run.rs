//! Edge: joins the modem, its port, its clock and the control socket. Never knows what an order or a command means.
#![allow(clippy::disallowed_types)]

use std::cell::RefCell;
use std::io;
use std::path::Path;
use std::rc::Rc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::watch;

use super::Options;
use super::control;
use super::modem::Modem;
use super::pty::Pty;
use super::wait::Condition;
use crate::clock::Clock;
use crate::stop::Stop;
use crate::time::Now;

/// A running simulator. Copies reach the same modem.
#[derive(Clone, Debug)]
pub struct Simulator {
    modem: Rc<RefCell<Modem>>,
    /// Rings whenever something may have changed.
    news: Rc<watch::Sender<()>>,
    clock: Clock,
}

impl Simulator {
    /// A modem at power-on, the orders of its chat file done; it has no port before [`Simulator::run`].
    ///
    /// # Errors
    /// When the chat file cannot be read or holds an order that fails; the message names the line.
    pub fn new(options: &Options) -> io::Result<Simulator> {
        let modem = Modem::new(
            options.model.profile(),
            options.link.clone(),
            options.pin.clone(),
        );
        let simulator = Simulator {
            modem: Rc::new(RefCell::new(modem)),
            news: Rc::new(watch::Sender::new(())),
            clock: Clock::start(),
        };
        if let Some(chat) = &options.chat {
            simulator.play(chat)?;
        }
        Ok(simulator)
    }

    fn play(&self, chat: &Path) -> io::Result<()> {
        for (number, line) in (1..).zip(std::fs::read_to_string(chat)?.lines()) {
            let answer = self.order(line);
            if let Some(why) = answer.get("error") {
                return Err(io::Error::other(format!(
                    "{}:{number}: {why}",
                    chat.display()
                )));
            }
        }
        Ok(())
    }

    /// Does one control line that does not wait.
    pub fn order(&self, line: &str) -> Value {
        let answer = control::execute(&mut self.modem.borrow_mut(), line, self.clock.now());
        self.news.send_replace(());
        answer
    }

    /// Does one control line; `wait-for` too.
    pub async fn command(&self, line: &str) -> Value {
        let Some(wanted) = line.trim().strip_prefix("wait-for") else {
            return self.order(line);
        };
        match serde_json::from_str::<Condition>(wanted) {
            Ok(condition) => self.wait_for(&condition).await,
            Err(why) => json!({"ok": false, "error": why.to_string()}),
        }
    }

    async fn wait_for(&self, condition: &Condition) -> Value {
        let mut news = self.news.subscribe();
        let until_it_holds = async {
            while !condition.holds(&self.modem.borrow()) {
                // The sender lives in `self`, so this cannot fail.
                if news.changed().await.is_err() {
                    return;
                }
            }
        };
        let patience = Duration::from_millis(condition.timeout_ms);
        let held = tokio::time::timeout(patience, until_it_holds).await.is_ok();
        condition.answer(&self.modem.borrow(), held)
    }

    /// Drives the port, and the control socket if there is one, until told to stop. Runs inside a `LocalSet`.
    ///
    /// # Errors
    /// When no pseudo terminal, link or socket can be made.
    pub async fn run(&self, control: Option<&Path>, mut stop: Stop) -> io::Result<()> {
        let listener = control.map(listen).transpose()?;
        tokio::select! {
            () = stop.wait() => {}
            outcome = self.drive() => outcome?,
            () = self.serve(listener.as_ref()) => {}
        }
        if let Some(path) = control {
            std::fs::remove_file(path)?;
        }
        Ok(())
    }

    async fn drive(&self) -> io::Result<()> {
        let mut port: Option<Pty> = None;
        let (mut former, mut generation) = (None, None);
        let mut news = self.news.subscribe();
        let mut pending: Vec<u8> = Vec::new();
        loop {
            let (plugged, wanted, link) = {
                let plug = &self.modem.borrow().plug;
                (plug.plugged, plug.generation, plug.link.clone())
            };
            if !plugged || generation != Some(wanted) {
                port = None;
                pending.clear();
            }
            if plugged && port.is_none() {
                let opened = Pty::open(&link, former.as_deref())?;
                log::info!(
                    "sim: the modem is at {} ({})",
                    link.display(),
                    opened.name()
                );
                former = Some(String::from(opened.name()));
                generation = Some(wanted);
                port = Some(opened);
            }
            if pending.is_empty() {
                pending = self.modem.borrow_mut().take_output();
            }
            let wake = self.modem.borrow().next_wake();
            tokio::select! {
                _ = news.changed() => {}
                () = self.clock.sleep_until(wake) => self.change(|modem, now| modem.on_time(now)),
                heard = read(port.as_ref()) => {
                    let heard = heard?;
                    self.change(|modem, now| modem.feed(&heard, now));
                }
                written = write(port.as_ref(), &pending), if !pending.is_empty() => {
                    pending.drain(..written?);
                    self.pace().await;
                }
            }
        }
    }

    /// Leaves the reader time to see each piece by itself while output is cut.
    async fn pace(&self) {
        let cut = self.modem.borrow().faults.cut;
        if cut {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    fn change(&self, act: impl FnOnce(&mut Modem, Now)) {
        act(&mut self.modem.borrow_mut(), self.clock.now());
        self.news.send_replace(());
    }

    async fn serve(&self, listener: Option<&UnixListener>) {
        let Some(listener) = listener else {
            return std::future::pending().await;
        };
        loop {
            match listener.accept().await {
                Ok((stream, _)) => {
                    let simulator = self.clone();
                    tokio::task::spawn_local(async move {
                        if let Err(why) = simulator.talk(stream).await {
                            log::debug!("sim: control: {why}");
                        }
                    });
                }
                Err(why) => {
                    log::warn!("sim: the control socket takes nobody just now: {why}");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
        }
    }

    async fn talk(&self, mut stream: UnixStream) -> io::Result<()> {
        let (reader, mut writer) = stream.split();
        let mut lines = BufReader::new(reader).lines();
        while let Some(line) = lines.next_line().await? {
            let answer = self.command(&line).await;
            writer.write_all(format!("{answer}\n").as_bytes()).await?;
        }
        Ok(())
    }
}

fn listen(path: &Path) -> io::Result<UnixListener> {
    match std::fs::remove_file(path) {
        Err(why) if why.kind() != io::ErrorKind::NotFound => Err(why),
        _ => UnixListener::bind(path),
    }
}

async fn read(port: Option<&Pty>) -> io::Result<Vec<u8>> {
    match port {
        Some(port) => port.read().await,
        None => std::future::pending().await,
    }
}

async fn write(port: Option<&Pty>, bytes: &[u8]) -> io::Result<usize> {
    match port {
        Some(port) => port.write(bytes).await,
        None => Ok(bytes.len()),
    }
}
