//! Tests: a small modem on a real pseudo terminal, and a worker beside it. Knows just enough to hold a conversation; the
//! thorough one is `sim/`.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use tokio::io::unix::AsyncFd;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::super::find::Roots;
use super::super::serving::Ears;
use super::super::{Handle, OnCall, Rooms, worker};
use crate::clock::Clock;
use crate::config::Config;
use crate::feed::Feed;
use crate::inbox::{Inbox, Query};
use crate::message::{Event, MessageId, Number, Outgoing, Received, Submission};
use crate::outbox::Outbox;
use crate::signal::{Identity, Levels, ModemState, Network, Signal};
use crate::stop::{self, Stopper};
use crate::store::Store;

/// What the fake does with a PDU to send.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum OnPdu {
    /// `+CMGS: 7`, `OK`.
    #[default]
    Accept,
    /// `+CMTI` first, then as above.
    TellThenAccept,
    /// `+CMS ERROR: 38`.
    Refuse,
    /// Nothing: it has gone.
    Vanish,
}

/// What the fake holds and has heard.
#[derive(Debug, Default)]
pub(super) struct State {
    pub slots: BTreeMap<u16, String>,
    pub total: usize,
    pub heard: Vec<String>,
    pub sent: Vec<String>,
    pub on_pdu: OnPdu,
    pub vanish_at_prompt: bool,
    /// Said before the prompt.
    pub at_prompt: String,
    /// Said once, at the end of the start-up.
    pub at_start: Option<String>,
    pub mute: bool,
    pub service: u8,
    /// The SIM is another one, and wants its PIN.
    pub locked: bool,
    /// What lies in ME; and whether messages are kept there, until the memories are set; and whether it is read.
    pub apart: BTreeMap<u16, String>,
    pub kept_apart: bool,
    pub reads_apart: bool,
    /// So many lists are a mere `OK`, an earlier command's.
    pub empty_lists: u8,
    /// Comes in while the memories are set.
    pub comes: Option<String>,
}

impl State {
    /// What the selected memory holds.
    fn shelf(&mut self) -> &mut BTreeMap<u16, String> {
        match self.reads_apart {
            true => &mut self.apart,
            false => &mut self.slots,
        }
    }

    /// What `+CMGL` shows.
    fn list(&mut self) -> String {
        if let Some(less) = self.empty_lists.checked_sub(1) {
            self.empty_lists = less;
            return String::new();
        }
        let line = |(index, pdu): (&u16, &String)| {
            format!("+CMGL: {index},0,,{}\r\n{pdu}", pdu.len() / 2 - 8)
        };
        let lines: Vec<String> = self.shelf().iter().map(line).collect();
        lines.join("\r\n")
    }

    fn select(&mut self, memories: &str) {
        if memories.contains(',') {
            let comes = self.comes.take().map(|pdu| (0, pdu));
            self.apart.extend(comes.filter(|_| self.kept_apart));
            self.kept_apart = false;
        }
        self.reads_apart = memories.starts_with("\"ME\"");
    }
}

pub(super) type Shared = Rc<RefCell<State>>;

/// The fake while it is plugged.
pub(super) struct Plugged {
    task: JoinHandle<()>,
    master: OwnedFd,
}

impl Plugged {
    /// Says something unasked.
    pub(super) fn say(&self, text: &str) {
        nix::unistd::write(&self.master, text.as_bytes()).unwrap();
    }
}

/// Everything one test needs.
pub(super) struct Bench {
    _dir: tempfile::TempDir,
    link: PathBuf,
    pub modem: Shared,
    pub rooms: Rc<Rooms>,
    pub handle: Handle,
    pub config: watch::Sender<Rc<Config>>,
    stopper: Stopper,
    worker: JoinHandle<()>,
}

impl Bench {
    /// A worker looking for a modem that is not there yet.
    pub(super) fn new(change: impl FnOnce(&mut Config), limit: u32) -> Bench {
        let dir = tempfile::tempdir().unwrap();
        let link = dir.path().join("modem");
        let mut config = Config::default();
        config.modem.tty = Some(link.clone());
        change(&mut config);
        let clock = Clock::start();
        let feed = Feed::new(0);
        let store = Store::open(&dir.path().join("state"), limit).unwrap();
        let store = Rc::new(RefCell::new(store));
        let waits = config.modem.part_timeout;
        let inbox = Inbox::new(store.clone(), feed.clone(), waits, clock.now());
        let outbox = Outbox::new(store.clone(), feed.clone(), clock.now()).unwrap();
        let rooms = || Rooms {
            inbox: Rc::new(RefCell::new(inbox)),
            outbox: Rc::new(RefCell::new(outbox)),
            signal: Rc::new(RefCell::new(Signal::new(feed))),
            store,
            on_call: OnCall(Box::new(|_| {})),
            clock,
        };
        let rooms = Rc::new(rooms());
        let (config, seen) = watch::channel(Rc::new(config));
        let (handle, requests) = Handle::new();
        let (stopper, stop) = stop::pair();
        let roots = Roots {
            usb: dir.path().join("no-usb"),
            dev: PathBuf::from("/dev"),
        };
        let ears = Ears {
            config: seen,
            requests,
            stop,
        };
        let own = rooms.clone();
        let worker =
            tokio::task::spawn_local(async move { worker::work(&own, ears, &roots).await });
        let modem = State {
            total: 10,
            ..State::default()
        };
        Bench {
            _dir: dir,
            link,
            modem: Rc::new(RefCell::new(modem)),
            rooms,
            handle,
            config,
            stopper,
            worker,
        }
    }

    /// Plugs the modem in, under whatever name the system gives.
    pub(super) fn plug(&self) -> Plugged {
        let pty = nix::pty::openpty(None, None).unwrap();
        let name = nix::unistd::ttyname(&pty.slave).unwrap();
        let raw = fcntl(pty.master.as_fd(), FcntlArg::F_GETFL).unwrap();
        let flags = OFlag::from_bits_truncate(raw) | OFlag::O_NONBLOCK;
        fcntl(pty.master.as_fd(), FcntlArg::F_SETFL(flags)).unwrap();
        let _old = std::fs::remove_file(&self.link);
        std::os::unix::fs::symlink(name, &self.link).unwrap();
        let master = pty.master.try_clone().unwrap();
        let task = tokio::task::spawn_local(run(self.modem.clone(), pty.master, pty.slave));
        Plugged { task, master }
    }

    /// Pulls it out.
    pub(super) async fn unplug(&self, plugged: Plugged) {
        let _old = std::fs::remove_file(&self.link);
        plugged.task.abort();
        let _aborted = plugged.task.await;
    }

    /// Waits for something to become true; fails after 15 seconds.
    pub(super) async fn until(&self, what: &str, mut done: impl FnMut(&Bench) -> bool) {
        let wait = async {
            while !done(self) {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        if tokio::time::timeout(Duration::from_secs(15), wait)
            .await
            .is_err()
        {
            panic!(
                "{what} did not happen; heard {:?}",
                self.modem.borrow().heard
            );
        }
    }

    pub(super) async fn until_state(&self, state: ModemState) {
        let is = |bench: &Bench| bench.rooms.signal.borrow().state == state;
        self.until(&format!("{state:?}"), is).await;
    }

    /// Waits until the modem is ready and what it held at the start was looked at.
    pub(super) async fn until_at_rest(&self) {
        self.until_state(ModemState::Ready).await;
        // The first thing asked after that look.
        self.until("the signal", |bench| bench.heard("AT+QCSQ") > 0)
            .await;
        assert!(self.handle.alive().await);
    }

    pub(super) fn received(&self) -> Vec<Received> {
        let all = Query {
            limit: 1000,
            ..Query::default()
        };
        let listed = self.rooms.inbox.borrow().list(&all);
        listed.into_iter().map(|stored| stored.message).collect()
    }

    pub(super) fn submit(&self, text: &str) -> MessageId {
        self.submit_for(text, None)
    }

    pub(super) fn submit_for(&self, text: &str, validity_s: Option<u32>) -> MessageId {
        let submission = Submission {
            to: Number::parse("+12025550155").unwrap(),
            text: String::from(text),
            flash: false,
            report: true,
            validity_s,
            origin: String::from("test"),
        };
        let now = self.rooms.clock.now();
        let mut outbox = self.rooms.outbox.borrow_mut();
        outbox.submit(vec![submission], None, now).unwrap()[0].id
    }

    pub(super) fn outgoing(&self, id: MessageId) -> Outgoing {
        self.rooms.outbox.borrow().get(id).unwrap()
    }

    pub(super) fn events(&self) -> Vec<Event> {
        self.rooms.store.borrow().events_after(0).collect()
    }

    pub(super) fn radio(&self) -> (Levels, Network, Identity) {
        let signal = self.rooms.signal.borrow();
        (
            signal.levels,
            signal.network.clone(),
            signal.identity.clone(),
        )
    }

    pub(super) fn heard(&self, command: &str) -> usize {
        let modem = self.modem.borrow();
        modem
            .heard
            .iter()
            .filter(|heard| heard.starts_with(command))
            .count()
    }

    /// Stops the worker and waits for its end.
    pub(super) async fn stop(self) {
        self.stopper.stop();
        tokio::time::timeout(Duration::from_secs(15), self.worker)
            .await
            .expect("the worker stops")
            .expect("the worker ends well");
    }
}

/// Reads commands, answers them, until the port is closed or the fake vanishes.
async fn run(modem: Shared, master: OwnedFd, _slave: OwnedFd) {
    #[expect(deprecated, reason = "as in port.rs")]
    let master = AsyncFd::new(master).unwrap();
    let mut pending = Vec::new();
    loop {
        let mut ready = master.readable().await.unwrap();
        let mut buffer = [0; 1024];
        let read = ready.try_io(|fd| Ok(nix::unistd::read(fd.get_ref(), &mut buffer)?));
        let Ok(read) = read else { continue };
        let Ok(read) = read else { return };
        pending.extend_from_slice(&buffer[..read]);
        while let Some(end) = pending
            .iter()
            .position(|byte| matches!(byte, b'\r' | 0x1A | 0x1B))
        {
            let line: Vec<u8> = pending.drain(..=end).collect();
            let text = String::from_utf8_lossy(&line[..line.len() - 1]).into_owned();
            let Some(answer) = reply(&mut modem.borrow_mut(), text, line[line.len() - 1]) else {
                return;
            };
            if !answer.is_empty() {
                nix::unistd::write(master.get_ref(), answer.as_bytes()).unwrap();
            }
        }
    }
}

/// What the fake says to a line; `None` when it vanishes.
fn reply(modem: &mut State, line: String, end: u8) -> Option<String> {
    if modem.mute {
        return Some(String::new());
    }
    let said = |lines: &str| Some(format!("\r\n{lines}\r\n\r\nOK\r\n"));
    let ok = Some(String::from("\r\nOK\r\n"));
    if end == 0x1A {
        modem.sent.push(line);
        return match modem.on_pdu {
            OnPdu::Accept => said("+CMGS: 7"),
            OnPdu::TellThenAccept => said("+CMTI: \"SM\",4\r\n+CMGS: 7"),
            OnPdu::Refuse => Some(String::from("\r\n+CMS ERROR: 38\r\n")),
            OnPdu::Vanish => None,
        };
    }
    modem.heard.push(line.clone());
    if let Some(memories) = line.strip_prefix("AT+CPMS=") {
        modem.select(memories);
    }
    let (used, total) = (modem.shelf().len(), modem.total);
    let index = || {
        line.split_once('=')
            .and_then(|(_, index)| index.parse().ok())
    };
    let name = line.split(['=', '?']).next().unwrap_or_default();
    let memory = if modem.kept_apart { "ME" } else { "SM" };
    let one = format!("\"{memory}\",{used},{total}");
    if modem.locked && (name.starts_with("AT+CMG") || name == "AT+CPMS") {
        return Some(String::from("\r\n+CMS ERROR: 311\r\n"));
    }
    match name {
        "AT+CGMI" => said("Quectel"),
        "AT+CPIN" if modem.locked => said("+CPIN: SIM PIN"),
        "AT+CPIN" => said("+CPIN: READY"),
        "AT+CSMS" => said(&format!("+CSMS: {},1,1,1", modem.service)),
        "AT+CPMS" if line.ends_with('?') => said(&format!("+CPMS: {one},{one},{one}")),
        "AT+CPMS" | "AT+CPMS?;+QCSQ" => said(&format!("+CPMS: {used},{total}")),
        "AT+CLIP" => said(&modem.at_start.take().unwrap_or_default()),
        "AT+CREG" if line.ends_with('?') => said("+CREG: 2,1,\"00C3\",\"01A2\",7"),
        "AT+CEREG" if line.ends_with('?') => said("+CEREG: 2,1,\"00C3\",\"01A2\",7"),
        "AT+COPS" if line.ends_with('?') => said("+COPS: 0,2,\"00101\",7"),
        "AT+QCSQ" => said("+QCSQ: \"LTE\",-69,-102,150,-12"),
        "AT+CMGL" => said(&modem.list()),
        "AT+CMGR" => match index().and_then(|index: u16| modem.shelf().get(&index)) {
            Some(pdu) => said(&format!("+CMGR: 0,,{}\r\n{pdu}", pdu.len() / 2 - 8)),
            None => ok,
        },
        "AT+CMGD" => {
            let index = index()?;
            modem.shelf().remove(&index);
            ok
        }
        "AT+CMGS" if modem.vanish_at_prompt => None,
        "AT+CMGS" => Some(format!("{}\r\n> ", modem.at_prompt)),
        _any => ok,
    }
}

/// A message "How are you?" sent in this second (0 to 59).
pub(super) fn deliver(second: u8) -> String {
    let (tens, ones) = (second / 10, second % 10);
    format!(
        "07911326040000F0040B911346610089F600002080629173{ones}{tens}080CC8F71D14969741F977FD07"
    )
}

/// A report that message 7 to +12025550155 has arrived.
pub(super) const REPORT: &str =
    "07911326040000F006070B912120550551F5208062917314082080629173240800";
