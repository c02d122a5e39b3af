//! Edge: the SMPP listeners and one task for each connection — read, ask the session, do, write. Never reads on while an
//! answer waits to be written, so a client's haste costs no memory.
#![allow(clippy::disallowed_types)]

use std::cell::RefCell;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, watch};
use tokio::task::AbortHandle;

use super::delivery::Delivery;
use super::desk::Desk;
use super::pdu::Status;
use super::session::{Act, Bind, Session};
use super::{Handle, Rooms};
use crate::config::Config;
use crate::gate::{Gate, same};
use crate::message::EventKind;
use crate::seats::{AT_ONCE, Peer, Seats, Taken};
use crate::stop::Stop;
use crate::task;
use crate::time::Tick;

/// The pause before an address that cannot be bound is tried again, and after an accept error.
const AGAIN: Duration = Duration::from_secs(5);
const BREATH: Duration = Duration::from_millis(100);
/// A client takes what is written within this time.
const WRITE: Duration = Duration::from_secs(30);
/// So long the sessions may take to say goodbye.
const FAREWELL: Duration = Duration::from_millis(2500);

/// What all connections share.
struct House {
    rooms: Rooms,
    handle: Handle,
    config: watch::Receiver<Rc<Config>>,
    delivery: RefCell<Delivery>,
    gate: RefCell<Gate>,
    seats: RefCell<Seats<Rc<Notify>>>,
    /// An item is free again, the configuration changed, or it is time to stop: each looks for itself.
    stir: Notify,
    stop: Stop,
}

/// Serves until told to stop; follows configuration changes. Runs inside a `LocalSet`.
pub async fn run(
    config: watch::Receiver<Rc<Config>>,
    rooms: Rooms,
    handle: Handle,
    mut stop: Stop,
) {
    let house = Rc::new(House {
        delivery: RefCell::new(Delivery::new(rooms.clone())),
        rooms,
        handle,
        config: config.clone(),
        gate: RefCell::default(),
        seats: RefCell::new(Seats::new()),
        stir: Notify::new(),
        stop: stop.clone(),
    });
    tokio::select! {
        () = listeners(&house, config) => {}
        () = stop.wait() => {}
    }
    house.stir.notify_waiters();
    let gone = async {
        while Rc::strong_count(&house) > 1 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let _all_said = tokio::time::timeout(FAREWELL, gone).await;
}

/// A listener's task; it ends when this is dropped.
struct Listening(SocketAddr, AbortHandle);

impl Drop for Listening {
    fn drop(&mut self) {
        self.1.abort();
    }
}

async fn listeners(house: &Rc<House>, mut config: watch::Receiver<Rc<Config>>) {
    let mut open: Vec<Listening> = Vec::new();
    loop {
        let now = Rc::clone(&config.borrow_and_update());
        if let Err(why) = house.delivery.borrow_mut().follow(&now.smpp) {
            log::warn!("smpp: a restart would not know where the client is: {why}");
        }
        let wanted = |at: &SocketAddr| now.smpp.enabled && now.smpp.listen.contains(at);
        open.retain(|listening| wanted(&listening.0));
        let seen = &house.handle.0;
        seen.borrow_mut().listening.retain(wanted);
        for at in now.smpp.listen.iter().filter(|at| wanted(at)) {
            if !open.iter().any(|listening| listening.0 == *at) {
                let task = task::spawn(listen(Rc::clone(house), *at));
                open.push(Listening(*at, task.abort_handle()));
            }
        }
        house.stir.notify_waiters();
        if config.changed().await.is_err() {
            return std::future::pending().await;
        }
    }
}

async fn listen(house: Rc<House>, at: SocketAddr) {
    let mut level = log::Level::Warn;
    let listener = loop {
        match TcpListener::bind(at).await {
            Ok(listener) => break listener,
            Err(why) => log::log!(
                level,
                "smpp: cannot listen on {at}: {why}; it is tried again and again"
            ),
        }
        level = log::Level::Debug;
        tokio::time::sleep(AGAIN).await;
    };
    log::info!("smpp: listening on {at}");
    house.handle.0.borrow_mut().listening.push(at);
    let mut let_in: usize = 0;
    loop {
        let_in = let_in.wrapping_add(1);
        match listener.accept().await {
            Ok((line, from)) => {
                let peer = from.ip().to_canonical();
                let config = Rc::clone(&house.config.borrow());
                if config.smpp.allow.iter().any(|net| net.contains(peer)) {
                    let _slower = line.set_nodelay(true);
                    welcome(&house, config, line, peer);
                } else {
                    log::debug!("smpp: {peer} is in no allowed network, the connection is closed");
                }
            }
            Err(why) => {
                log::debug!("smpp: {at} cannot accept a connection: {why}");
                let idle = house.seats.borrow_mut().make_room();
                match idle {
                    Some(bell) => {
                        bell.notify_one();
                        tokio::task::yield_now().await;
                    }
                    None => tokio::time::sleep(BREATH).await,
                }
            }
        }
        // Newcomers are heard before the next ones are let in.
        if let_in.is_multiple_of(AT_ONCE) {
            tokio::task::yield_now().await;
        }
    }
}

/// Seats a connection; one that is not bound makes room for another.
fn welcome(house: &Rc<House>, config: Rc<Config>, line: TcpStream, peer: IpAddr) {
    let bell = Rc::new(Notify::new());
    let now = house.rooms.clock.now().tick;
    let taken = house
        .seats
        .borrow_mut()
        .take(Peer::Ip(peer), Rc::clone(&bell), now);
    let Taken::Seat(id, evicted) = taken else {
        log::debug!("smpp: {peer}: all seats are taken, the connection is closed");
        return;
    };
    if let Some(evicted) = evicted {
        evicted.notify_one();
    }
    let mut visit = Visit {
        house: Rc::clone(house),
        config,
        id,
        peer,
        session: Session::new(now),
    };
    task::spawn(async move {
        // Whatever it waits for: one that does not read, or has to wait for having been wrong, goes at once too.
        let why = tokio::select! {
            biased;
            () = bell.notified() => "another needs its place",
            why = visit.serve(line) => why,
        };
        log::debug!("smpp: {peer}: {why}");
        visit.goodbye(why);
    });
}

/// One client's connection.
struct Visit {
    house: Rc<House>,
    /// In force when it came: another one ends it.
    config: Rc<Config>,
    id: u32,
    peer: IpAddr,
    session: Session,
}

impl Visit {
    fn now(&self) -> Tick {
        self.house.rooms.clock.now().tick
    }

    /// To its end, and why that came.
    async fn serve(&mut self, mut line: TcpStream) -> &'static str {
        let house = Rc::clone(&self.house);
        let mut news = house.rooms.feed.listen();
        let mut buffer = vec![0; 4096];
        loop {
            self.work().await;
            if house.stop.said() || house.config.borrow().smpp != self.config.smpp {
                self.session.leave(self.now());
            }
            let out = std::mem::take(&mut self.session.out);
            let written = tokio::time::timeout(WRITE, line.write_all(&out)).await;
            if !matches!(written, Ok(Ok(()))) {
                return "it does not take what it is sent";
            }
            if self.session.is_closed() {
                return "unbound";
            }
            let receives = self.session.room(self.window()) > 0;
            let due = house.delivery.borrow().next_due().filter(|_| receives);
            let wake = due.into_iter().chain([self.session.wake()]).min();
            tokio::select! {
                read = line.read(&mut buffer) => match read {
                    Ok(count @ 1..) => {
                        let now = self.now();
                        self.session.hear(buffer.get(..count).unwrap_or_default(), now);
                        // A client that never stops talking takes turns with the others.
                        tokio::task::yield_now().await;
                    }
                    Ok(_) | Err(_) => return "the connection ended",
                },
                () = house.rooms.clock.sleep_until(wake) => {
                    if let Some(why) = self.session.on_time(self.now()) {
                        return why;
                    }
                }
                _ = news.changed(), if receives => {}
                () = house.stir.notified() => {}
            }
        }
    }

    fn window(&self) -> usize {
        usize::from(self.config.smpp.window)
    }

    /// All there is to do now.
    async fn work(&mut self) {
        while let Some(act) = self.session.next() {
            match act {
                Act::Bind(bind) => self.bind(&bind).await,
                Act::Do(header, body) => {
                    let desk = Desk {
                        rooms: &self.house.rooms,
                        config: &self.house.config.borrow(),
                        now: self.house.rooms.clock.now(),
                    };
                    let done = desk.carry_out(header, &body);
                    let (status, body) = match done {
                        Ok(body) => (Status::OK, body),
                        Err(status) => (status, Vec::new()),
                    };
                    self.count(header.command, status);
                    self.session.answer(header, status, &body);
                    // Writing to flash takes its time: others have their turn.
                    tokio::task::yield_now().await;
                }
                Act::Answered(ticket, status) => {
                    let now = self.now();
                    let mut delivery = self.house.delivery.borrow_mut();
                    if delivery.answered(ticket, status, now) {
                        let mut seen = self.house.handle.0.borrow_mut();
                        seen.counts.delivered += 1;
                        if let Some(session) = seen.session(self.id) {
                            session.delivered += 1;
                        }
                    }
                }
                Act::Close => break,
            }
        }
        self.deliver();
    }

    /// As much as the window lets through.
    fn deliver(&mut self) {
        let (now, window) = (self.now(), self.window());
        let mut delivery = self.house.delivery.borrow_mut();
        loop {
            let room = self.session.room(window);
            let modern = self.session.is_modern();
            let item = delivery.take(&self.config.smpp, modern, (room, room == window), now);
            let Some(item) = item else { break };
            for body in item.bodies {
                self.session.deliver(item.ticket, &body, now);
            }
        }
        if let Err(why) = delivery.keep() {
            log::debug!("smpp: the client's place is kept in memory until flash takes it: {why}");
        }
        if let Some(seen) = self.house.handle.0.borrow_mut().session(self.id) {
            seen.in_flight = self.session.in_flight().count();
        }
    }

    async fn bind(&mut self, bind: &Bind) {
        let house = Rc::clone(&self.house);
        let now = self.now();
        if house.gate.borrow().shut_out(self.peer, now).is_some() {
            house.handle.0.borrow_mut().counts.refused += 1;
            return self.session.refuse(bind);
        }
        let smpp = &self.config.smpp;
        // Both are compared, whatever the first says.
        let good = same(&bind.system_id, smpp.username.as_bytes())
            & same(&bind.password, smpp.password.as_bytes());
        if bool::from(good) && smpp.enabled {
            house.gate.borrow_mut().right(self.peer);
            house.seats.borrow_mut().mark(self.id, None);
            self.session.admit(bind, now);
            return self.tell("bound");
        }
        house.handle.0.borrow_mut().counts.refused += 1;
        let penalty = house.gate.borrow_mut().wrong(self.peer, now);
        let peer = self.peer;
        if penalty.shut_out {
            log::warn!("smpp: {peer} gave ten wrong passwords and is shut out for ten minutes");
        } else {
            log::info!("smpp: {peer} gave a wrong system_id or password");
        }
        tokio::time::sleep(penalty.pause).await;
        self.session.refuse(bind);
    }

    fn count(&self, command: u32, status: Status) {
        let mut seen = self.house.handle.0.borrow_mut();
        if status != Status::OK {
            log::debug!(
                "smpp: {}: request {command:#x} is answered with status {:#x}",
                self.peer,
                status.0
            );
            seen.counts.failed += 1;
        } else if super::submits(command) {
            seen.counts.submitted += 1;
            if let Some(session) = seen.session(self.id) {
                session.submitted += 1;
            }
        }
    }

    /// In the list, in the log and as an event.
    fn tell(&self, state: &'static str) {
        let (mode, peer) = (self.session.mode(), self.peer);
        log::info!("smpp: {peer}: {mode} {state}");
        let wall = self.house.rooms.clock.now().wall;
        if state == "bound" {
            let session = super::Session {
                id: self.id,
                peer,
                mode,
                version: self.session.version(),
                since: wall,
                submitted: 0,
                delivered: 0,
                in_flight: 0,
            };
            self.house.handle.0.borrow_mut().sessions.push(session);
        }
        let facts = serde_json::json!({"peer": peer.to_string(), "mode": mode, "state": state});
        let mut store = self.house.rooms.store.borrow_mut();
        let (event, change) = store.event(EventKind::SmppSession, wall, None, facts);
        if store.apply(&[change]).is_ok() {
            self.house.rooms.feed.ring(event.seq);
        }
    }

    fn goodbye(&self, why: &str) {
        let now = self.now();
        let mut delivery = self.house.delivery.borrow_mut();
        for ticket in self.session.in_flight() {
            delivery.lost(ticket, now);
        }
        drop(delivery);
        self.house.stir.notify_waiters();
        self.house.seats.borrow_mut().leave(self.id);
        let mut seen = self.house.handle.0.borrow_mut();
        let before = seen.sessions.len();
        seen.sessions.retain(|session| session.id != self.id);
        let was_bound = seen.sessions.len() < before;
        drop(seen);
        if was_bound {
            log::info!("smpp: {}: {why}", self.peer);
            self.tell("closed");
        }
    }
}
