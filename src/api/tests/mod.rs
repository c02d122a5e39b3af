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
use tokio::sync::watch;
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
        let (modem, mut requests) = Handle::new();
        let rooms = Rooms {
            store,
            inbox: Rc::new(RefCell::new(inbox)),
            outbox: Rc::new(RefCell::new(outbox)),
            signal: Rc::new(RefCell::new(Signal::new(feed.clone()))),
            feed,
            targets: Rc::default(),
            smpp: crate::smpp::Handle::default(),
            modem,
            settings: crate::config::Settings::default(),
            clock,
        };
        let freed = Rc::new(RefCell::new(Vec::new()));
        let asked = Rc::clone(&freed);
        let alive = Rc::new(Cell::new(true));
        let answers = Rc::clone(&alive);
        tokio::task::spawn_local(async move {
            while let Some(request) = requests.recv().await {
                match request {
                    Request::FreeSlots(slots) => asked.borrow_mut().extend(slots),
                    Request::Alive(answer) => {
                        let _gone = answer.send(answers.get());
                    }
                    Request::Look | Request::Measure | Request::Pin(_) | Request::Errand(..) => {}
                }
            }
        });
        let address = free_address();
        let mut config = Config::default();
        config.api.listen = vec![address.into()];
        change(&mut config);
        let (config, seen) = watch::channel(Rc::new(config));
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
