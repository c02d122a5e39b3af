//! Tests: the whole API on real sockets — a rig with every room behind it, and clients good and bad.
#![allow(clippy::disallowed_types, clippy::disallowed_methods)]

mod attacks;
mod calls;
mod entrance;
mod events;
mod openapi;

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};
use tokio::sync::{mpsc, watch};
use tokio::task::{JoinHandle, LocalSet};
use tokio::time::timeout;

use super::answer::Answer;
use super::{Rooms, run};
use crate::clock::Clock;
use crate::config::Config;
use crate::feed::Feed;
use crate::inbox::{Accepted, Arrival, Inbox};
use crate::message::{Memory, Slot};
use crate::modem::{Handle, Request};
use crate::outbox::Outbox;
use crate::signal::Signal;
use crate::stop::{Stopper, pair};
use crate::store::Store;

/// The safety net of every wait.
const NET: Duration = Duration::from_secs(20);

/// A running API.
struct Rig {
    rooms: Rooms,
    config: watch::Sender<Rc<Config>>,
    stopper: Stopper,
    socket: PathBuf,
    address: SocketAddr,
    /// Slots that were asked to be freed.
    freed: Rc<RefCell<Vec<Slot>>>,
    /// What the modem says to `AT`.
    alive: Rc<Cell<bool>>,
    api: JoinHandle<std::io::Result<()>>,
}

/// Runs `test` against an API with the configuration that `change` makes of the default.
async fn with<F: Future<Output = ()>>(change: fn(&mut Config), test: impl FnOnce(Rig) -> F) {
    let local = LocalSet::new();
    let dir = tempfile::tempdir().unwrap();
    let done = local.run_until(async { test(Rig::start(change, dir.path()).await).await });
    timeout(NET * 3, done).await.expect("the test hangs");
}

/// Answers as a modem does, and keeps which slots were to be freed.
async fn be_the_modem(
    mut requests: mpsc::Receiver<Request>,
    freed: Rc<RefCell<Vec<Slot>>>,
    alive: Rc<Cell<bool>>,
) {
    while let Some(request) = requests.recv().await {
        match request {
            Request::FreeSlots(slots) => freed.borrow_mut().extend(slots),
            Request::Alive(answer) => {
                let _gone = answer.send(alive.get());
            }
            Request::Look | Request::Measure | Request::Pin(_) | Request::Errand(..) => {}
        }
    }
}

fn free_address() -> SocketAddr {
    std::net::TcpListener::bind("127.0.0.1:0")
        .and_then(|listener| listener.local_addr())
        .unwrap()
}

impl Rig {
    async fn start(change: fn(&mut Config), dir: &Path) -> Rig {
        let clock = Clock::start();
        let store = Rc::new(RefCell::new(
            Store::open(&dir.join("state"), 512 * 1024).unwrap(),
        ));
        let feed = Feed::new(0);
        let part_timeout = Duration::from_secs(3600);
        let inbox = Inbox::new(Rc::clone(&store), feed.clone(), part_timeout, clock.now());
        let outbox = Outbox::new(Rc::clone(&store), feed.clone(), clock.now()).unwrap();
        let (modem, requests) = Handle::new();
        let address = free_address();
        let mut config = Config::default();
        config.api.listen = vec![address.into()];
        change(&mut config);
        let (config, seen) = watch::channel(Rc::new(config));
        let for_rules = crate::rules::Rooms {
            store,
            inbox: Rc::new(RefCell::new(inbox)),
            outbox: Rc::new(RefCell::new(outbox)),
            signal: Rc::new(RefCell::new(Signal::new(feed.clone()))),
            feed,
            clock,
        };
        let rooms = super::fuzz::rooms(for_rules, modem, seen.clone());
        let freed = Rc::new(RefCell::new(Vec::new()));
        let alive = Rc::new(Cell::new(true));
        tokio::task::spawn_local(be_the_modem(requests, freed.clone(), alive.clone()));
        let (stopper, stop) = pair();
        let socket = dir.join("agent.sock");
        let api = tokio::task::spawn_local(run(seen, rooms.clone(), socket.clone(), stop));
        let rig = Rig {
            rooms,
            config,
            stopper,
            socket,
            address,
            freed,
            alive,
            api,
        };
        drop(rig.unix().await);
        drop(rig.tcp().await);
        rig
    }

    /// A connection to the Unix socket, as soon as it is there.
    async fn unix(&self) -> Client<UnixStream> {
        Client::new(until(|| UnixStream::connect(&self.socket)).await)
    }

    /// A connection to the TCP address, as soon as it is there.
    async fn tcp(&self) -> Client<TcpStream> {
        Client::new(until(|| TcpStream::connect(self.address)).await)
    }

    /// The modem hands over a message that lies in this slot of the SIM; its id.
    fn receive(&self, text: &str, index: u16) -> u64 {
        let units: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
        // No service centre; SMS-DELIVER from +31641600986, UCS-2, 2026-11-21.
        let mut pdu = vec![0, 4, 11, 0x91, 0x13, 0x46, 0x61, 0, 0x89, 0xf6, 0, 8];
        pdu.extend([0x62, 0x11, 0x12, 0x02, 0x53, 0x41, 0]);
        pdu.push(u8::try_from(units.len()).unwrap());
        pdu.extend(units);
        let arrival = Arrival {
            slot: Some(Slot {
                memory: Memory::Sim,
                index,
            }),
            pdu,
        };
        let accepted = self
            .rooms
            .inbox
            .borrow_mut()
            .accept(&arrival, self.rooms.clock.now());
        match accepted.unwrap() {
            Accepted::Message(id) => id.0,
            other @ (Accepted::Waiting | Accepted::Known) => panic!("{other:?}"),
        }
    }

    /// One call through the Unix socket.
    async fn call(&self, method: &str, target: &str, body: &str) -> Answer {
        self.unix().await.call(method, target, body).await
    }

    async fn get(&self, target: &str) -> Answer {
        self.call("GET", target, "").await
    }
}

async fn until<T, F: Future<Output = std::io::Result<T>>>(connect: impl Fn() -> F) -> T {
    for _ in 0..2000 {
        if let Ok(line) = connect().await {
            return line;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("nobody listens");
}

/// A client that reads answers.
struct Client<S> {
    line: S,
    buffer: Vec<u8>,
}

impl<S: AsyncReadExt + AsyncWriteExt + Unpin> Client<S> {
    fn new(line: S) -> Client<S> {
        Client {
            line,
            buffer: Vec::new(),
        }
    }

    async fn send(&mut self, text: &str) {
        let sent = timeout(NET, self.line.write_all(text.as_bytes())).await;
        let _closed_before = sent.expect("the server does not read");
    }

    async fn call(&mut self, method: &str, target: &str, body: &str) -> Answer {
        self.send(&format!(
            "{method} {target} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        ))
        .await;
        self.answer().await
    }

    /// The next answer.
    async fn answer(&mut self) -> Answer {
        loop {
            if let Some((mut answer, length, used)) = Answer::parse_head(&self.buffer)
                && self.buffer.len() >= used + length
            {
                self.buffer.drain(..used);
                let rest = self.buffer.split_off(length);
                answer.body = std::mem::replace(&mut self.buffer, rest);
                return answer;
            }
            assert!(self.more().await, "closed: {:?}", self.text());
        }
    }

    /// Waits until the server has said `text`.
    async fn hears(&mut self, text: &str) {
        while !self.text().contains(text) {
            assert!(self.more().await, "closed: {:?}", self.text());
        }
    }

    /// Everything until the server closes.
    async fn rest(&mut self) -> String {
        while self.more().await {}
        self.text()
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.buffer).into_owned()
    }

    async fn more(&mut self) -> bool {
        let read = timeout(NET, self.line.read_buf(&mut self.buffer)).await;
        matches!(read.expect("the server is silent"), Ok(n) if n > 0)
    }
}

impl Answer {
    /// The answer still without its body, the body's length, and the bytes used; `None` when it is not complete yet.
    fn parse_head(bytes: &[u8]) -> Option<(Answer, usize, usize)> {
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
        let mut lines = std::str::from_utf8(&bytes[..end]).unwrap().split("\r\n");
        let mut answer = Answer {
            status: lines.next()?.split(' ').nth(1)?.parse().unwrap(),
            ..Answer::default()
        };
        let mut length = 0;
        for (name, value) in lines.map(|line| line.split_once(": ").unwrap()) {
            match name {
                "Content-Length" => length = value.parse().unwrap(),
                "Content-Type" => answer.content_type = String::from(value),
                _ => answer.fields.push((name.into(), value.into())),
            }
        }
        Some((answer, length, end + 4))
    }

    fn value(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    fn code(&self) -> String {
        let value = self.value();
        assert_eq!(self.content_type, "application/problem+json", "{value}");
        assert_eq!(value["status"], self.status);
        value["code"].as_str().unwrap_or_default().to_owned()
    }

    fn field(&self, name: &str) -> Option<&str> {
        let field = self.fields.iter().find(|(field, _)| field == name);
        field.map(|(_, value)| value.as_str())
    }
}
