//! Edge: one client's visit, request after request, from the first byte to the close. Never serves what the gate has
//! not let in, and never logs more of a request than address, method and path.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use tokio::sync::Notify;

use super::answer::{Answer, Framing};
use super::ask::Ask;
use super::auth::{self, Gate};
use super::desk::{Desk, Entrance};
use super::events::{self, Wish};
use super::head::Head;
use super::post_get;
use super::problem::{Code, Problem};
use super::routes::{self, Serve};
use super::wire::{Ended, Line, Wire};
use crate::counters;
use crate::seats::{Peer, Seats, Taken};
use crate::stop::Stop;
use crate::task;

/// A new connection sends its first byte within this time.
const FIRST: Duration = Duration::from_secs(5);
/// One that was served may be silent for so long.
const IDLE: Duration = Duration::from_secs(30);

/// What all visits share.
pub struct House {
    /// Where requests are answered.
    pub desk: Rc<Desk>,
    /// Who is connected.
    pub seats: RefCell<Seats<Rc<Notify>>>,
    /// Who gave wrong tokens or passwords.
    pub gates: Gates,
    /// When to stop.
    pub stop: Stop,
}

/// Each entrance remembers for itself: who knows the one's secret must not be forgiven his tries at the other's.
#[derive(Default)]
pub struct Gates {
    api: RefCell<Gate>,
    post_get: RefCell<Gate>,
    /// Who knows the token must not find out the rules' passwords with it.
    rules: RefCell<Gate>,
}

impl Gates {
    fn of(&self, entrance: Entrance) -> &RefCell<Gate> {
        match entrance {
            Entrance::Api => &self.api,
            Entrance::PostGet => &self.post_get,
        }
    }
}

/// A taken seat, given back when dropped.
struct Seat {
    house: Rc<House>,
    id: u32,
}

impl Seat {
    fn waits(&self) {
        let now = self.house.desk.now().tick;
        self.house.seats.borrow_mut().mark(self.id, Some(now));
    }

    fn is_busy(&self) {
        self.house.seats.borrow_mut().mark(self.id, None);
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.house.seats.borrow_mut().leave(self.id);
    }
}

/// Seats a new connection and serves it until it ends, or until it has to make room for another.
pub fn welcome(house: &Rc<House>, line: Box<dyn Line>, peer: Peer, entrance: Entrance) {
    let bell = Rc::new(Notify::new());
    let now = house.desk.now().tick;
    let taken = house.seats.borrow_mut().take(peer, Rc::clone(&bell), now);
    let Taken::Seat(id, evicted) = taken else {
        log::debug!("{entrance}: {peer}: all seats are busy, the connection is closed");
        return;
    };
    if let Some(other) = evicted {
        other.notify_one();
    }
    let visit = Visit {
        seat: Seat {
            house: Rc::clone(house),
            id,
        },
        peer,
        entrance,
        stop: house.stop.clone(),
        wire: Wire::new(line),
    };
    task::spawn(async move {
        tokio::select! {
            biased;
            () = bell.notified() => log::debug!("{entrance}: {peer}: made room for another connection"),
            () = visit.run() => {}
        }
    });
}

struct Visit {
    seat: Seat,
    peer: Peer,
    entrance: Entrance,
    stop: Stop,
    wire: Wire,
}

impl Visit {
    async fn run(mut self) {
        let mut idle = FIRST;
        loop {
            self.seat.waits();
            let head = tokio::select! {
                head = self.wire.head(idle) => head,
                () = self.stop.wait() => return,
            };
            let keep = match head {
                Ok(_) if !self.is_welcome() => return,
                Ok(head) => self.serve(&head).await,
                Err(Ended::Gone | Ended::Idle) => return,
                Err(ended) => {
                    self.refuse(&problem(ended)).await;
                    false
                }
            };
            if !keep {
                break;
            }
            idle = IDLE;
            // Requests that came all at once take turns with those of others.
            tokio::task::yield_now().await;
        }
        self.seat.waits();
        self.wire.close().await;
    }

    /// Still: the configuration may have changed since the connection was accepted.
    fn is_welcome(&self) -> bool {
        match self.peer {
            Peer::Local => true,
            Peer::Ip(address) => self.seat.house.desk.lets_in(self.entrance, address),
        }
    }

    /// Serves one request; true when another may follow.
    async fn serve(&mut self, head: &Head) -> bool {
        let keep_alive = head.keeps_alive() && !self.stop.said();
        // Until the body was read, what follows the head is no request.
        let early = Framing {
            keep_alive: keep_alive && head.body == 0,
            head_only: head.method == "HEAD",
        };
        let mut ask = match self.admit(head).await.and_then(|()| Ask::new(head)) {
            Ok(ask) => ask,
            Err(problem) => return self.say(&self.worded(&problem), early).await,
        };
        if head.body > 0 {
            if head.expects_continue() && self.wire.send(CONTINUE).await.is_err() {
                return false;
            }
            match self.wire.body(head.body).await {
                Ok(body) => ask.body = body,
                Err(Ended::Gone) => return false,
                Err(ended) => {
                    self.refuse(&problem(ended)).await;
                    return false;
                }
            }
        }
        self.seat.is_busy();
        let framing = Framing {
            keep_alive,
            ..early
        };
        match self.entrance {
            Entrance::Api => self.answer(ask, framing).await,
            Entrance::PostGet => self.post_get(&ask, framing).await,
        }
    }

    /// Name and password stand among the parameters, so they are looked at when the request is whole.
    async fn post_get(&mut self, ask: &Ask, framing: Framing) -> bool {
        let house = Rc::clone(&self.seat.house);
        let request = post_get::Request::read(ask);
        let verdict = request.admit(&house.desk.config().post_get);
        // Whoever has to wait for having been wrong keeps nobody else from a seat.
        self.seat.waits();
        let answer = match self.weighed(verdict).await {
            Ok(()) => {
                self.seat.is_busy();
                request.answer(&house.desk).await
            }
            Err(problem) => self.worded(&problem),
        };
        let (peer, path, status) = (self.peer, ask.path(), answer.status);
        log::debug!("post_get: {peer}: {} {path} -> {status}", ask.method);
        self.say(&answer, framing).await
    }

    async fn answer(&mut self, ask: Ask, framing: Framing) -> bool {
        let house = Rc::clone(&self.seat.house);
        let desk = &house.desk;
        let serve = routes::find(&ask.method, ask.path()).map(|route| route.serve);
        let answer = match serve {
            Err(problem) => Err(problem),
            Ok(Serve::Now(handler)) => handler(desk, &ask),
            Ok(Serve::Healthz) => Ok(desk.healthz().await),
            Ok(Serve::PushTest) => desk.push_test(&ask).await,
            Ok(Serve::RuleTest) => self.rule_test(&ask).await,
            Ok(Serve::Errand(wish)) => desk.errand(wish, &ask).await,
            Ok(Serve::Events) => match self.events(&ask, framing).await {
                Ok(Some(answer)) => Ok(answer),
                Ok(None) => return false,
                Err(problem) => Err(problem),
            },
        };
        let answer = answer.unwrap_or_else(|problem| problem.answer());
        let (peer, path, status) = (self.peer, ask.path(), answer.status);
        log::debug!("api: {peer}: {} {path} -> {status}", ask.method);
        self.say(&answer, framing).await
    }

    /// Tries a message out. A wrong password in it counts here, though not among the rules.
    async fn rule_test(&self, ask: &Ask) -> Result<Answer, Problem> {
        let House { desk, gates, .. } = &*self.seat.house;
        let _turn = desk.turn()?;
        let now = desk.now().tick;
        if let Peer::Ip(address) = self.peer
            && let Some(left) = gates.rules.borrow().shut_out(address, now)
        {
            return Err(shut_out(left));
        }
        let (answer, wrong) = desk.rule_test(ask).await?;
        if let Peer::Ip(address) = self.peer
            && wrong
        {
            let penalty = gates.rules.borrow_mut().wrong(address, now);
            tokio::time::sleep(penalty.pause).await;
        }
        Ok(answer)
    }

    /// The page to answer with; `None` when a stream was written and is over.
    async fn events(&mut self, ask: &Ask, framing: Framing) -> Result<Option<Answer>, Problem> {
        let house = Rc::clone(&self.seat.house);
        let wish = Wish::read(ask, &house.desk)?;
        if ask.wants_stream && framing.head_only {
            return Ok(Some(Answer {
                status: 200,
                content_type: String::from("text/event-stream"),
                ..Answer::default()
            }));
        }
        let _permit = house.desk.stream()?;
        if ask.wants_stream {
            let let_in_no_more = async {
                match self.peer {
                    Peer::Local => std::future::pending().await,
                    Peer::Ip(_) => house.desk.api_changed().await,
                }
            };
            tokio::select! {
                () = events::stream(&house.desk, wish, &mut self.wire, &mut self.stop) => {}
                () = let_in_no_more => {}
            }
            return Ok(None);
        }
        let page = events::page(&house.desk, wish, &mut self.wire, &mut self.stop).await;
        Ok(Some(page))
    }

    /// Lets the request in, or says why not — after a pause, if the token was wrong.
    async fn admit(&mut self, head: &Head) -> Result<(), Problem> {
        let Peer::Ip(address) = self.peer else {
            return Ok(());
        };
        // The page holds nothing and asks for the token itself.
        if self.entrance == Entrance::Api && head.target == "/" {
            return Ok(());
        }
        let house = Rc::clone(&self.seat.house);
        let now = house.desk.now().tick;
        let gate = house.gates.of(self.entrance);
        if let Some(left) = gate.borrow().shut_out(address, now) {
            return Err(shut_out(left));
        }
        match self.entrance {
            Entrance::Api => {
                let config = house.desk.config();
                let verdict = auth::admit(head, address, config.api.token.as_deref());
                self.weighed(verdict).await
            }
            Entrance::PostGet => post_get::head_fits(head),
        }
    }

    /// Tells the gate, and lets a wrong secret wait.
    async fn weighed(&mut self, verdict: Result<(), Problem>) -> Result<(), Problem> {
        let Peer::Ip(address) = self.peer else {
            return verdict;
        };
        let house = Rc::clone(&self.seat.house);
        let (entrance, gate) = (self.entrance, house.gates.of(self.entrance));
        let now = house.desk.now().tick;
        // While this request came in, others may have been the ten.
        if let Some(left) = gate.borrow().shut_out(address, now) {
            return Err(shut_out(left));
        }
        match &verdict {
            Ok(()) => gate.borrow_mut().right(address),
            Err(problem) if problem.code == Code::TokenWrong => {
                let secret = match entrance {
                    Entrance::Api => "token",
                    Entrance::PostGet => "password",
                };
                let penalty = gate.borrow_mut().wrong(address, now);
                if penalty.shut_out {
                    log::warn!(
                        "{entrance}: {address} gave ten wrong {secret}s and is shut out for ten minutes"
                    );
                } else {
                    log::info!("{entrance}: {address} gave a wrong {secret}");
                }
                tokio::time::sleep(penalty.pause).await;
            }
            Err(_) => {}
        }
        verdict
    }

    /// A no, in the words of this entrance.
    fn worded(&self, problem: &Problem) -> Answer {
        match self.entrance {
            Entrance::Api => problem.answer(),
            Entrance::PostGet => post_get::refused(problem),
        }
    }

    async fn refuse(&mut self, problem: &Problem) {
        log::debug!("{}: {}: {}", self.entrance, self.peer, problem.detail);
        let framing = Framing {
            keep_alive: false,
            head_only: false,
        };
        self.say(&self.worded(problem), framing).await;
    }

    async fn say(&mut self, answer: &Answer, framing: Framing) -> bool {
        counters::answered(answer.status);
        // One that does not read its answer makes room for others, as one that does not finish its request.
        self.seat.waits();
        let sent = self.wire.send(&answer.emit(framing)).await;
        sent.is_ok() && framing.keep_alive
    }
}

fn shut_out(left: Duration) -> Problem {
    Problem::new(
        Code::ShutOut,
        "too many wrong tokens or passwords came from this address",
    )
    .with("Retry-After", left.as_secs().max(1))
}

const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

fn problem(ended: Ended) -> Problem {
    match ended {
        Ended::Bad(bad) => bad.into(),
        Ended::Gone | Ended::Idle | Ended::TooSlow => {
            Problem::new(Code::Timeout, "the request did not come to its end in time")
        }
    }
}
