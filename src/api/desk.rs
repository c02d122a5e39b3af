//! Edge: what every handler has at hand — the rooms, the configuration in force — and the answers that have to be waited
//! for. Never a socket.

use std::cell::Cell;
use std::fmt;
use std::net::IpAddr;
use std::rc::Rc;
use std::time::Duration;

use tokio::sync::{Mutex, MutexGuard, watch};

use super::Rooms;
use super::answer::Answer;
use super::ask::Ask;
use super::calls;
use super::json::{Healthy, PushTested};
use super::json_calls::{self, NewTrial};
use super::messages::read;
use super::problem::{Code, Problem};
use super::routes::Wish;
use crate::config::Config;
use crate::forward::Trial;
use crate::message::Number;
use crate::modem::NotDone;
use crate::time::{Now, Tick};

/// Streams and long polls open at once; more would leave too few seats for the rest.
const MAX_STREAMS: usize = 8;
/// How long the modem may take to answer `GET /healthz`.
const PULSE_LIMIT: Duration = Duration::from_secs(3);
/// How long an errand may take: the network has a minute for a USSD code.
const ERRAND_LIMIT: Duration = Duration::from_secs(75);
/// So long an answer of the modem counts for everybody who asks.
const PULSE_AGE: Duration = Duration::from_secs(1);

/// Which of the two doors a client came through.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Entrance {
    /// The JSON API's.
    Api,
    /// Post/Get's.
    PostGet,
}

impl fmt::Display for Entrance {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Entrance::Api => "api",
            Entrance::PostGet => "post_get",
        })
    }
}

/// The handlers' desk.
#[derive(Debug)]
pub struct Desk {
    /// The rooms.
    pub rooms: Rooms,
    /// The system's host name.
    pub host_name: Option<String>,
    config: watch::Receiver<Rc<Config>>,
    pulse: Mutex<Option<(Tick, bool)>>,
    streams: Rc<Cell<usize>>,
    /// Held while the router's programs change it: one change at a time.
    pub router: Mutex<()>,
    /// Held while something is tried out: one at a time.
    trial: Mutex<()>,
}

/// The right to keep one stream open, given back when dropped.
#[derive(Debug)]
pub struct StreamPermit(Rc<Cell<usize>>);

impl Drop for StreamPermit {
    fn drop(&mut self) {
        self.0.set(self.0.get().saturating_sub(1));
    }
}

impl Desk {
    /// A desk over these rooms.
    pub fn new(
        rooms: Rooms,
        config: watch::Receiver<Rc<Config>>,
        host_name: Option<String>,
    ) -> Desk {
        Desk {
            rooms,
            host_name,
            config,
            pulse: Mutex::new(None),
            streams: Rc::default(),
            router: Mutex::default(),
            trial: Mutex::default(),
        }
    }

    /// The configuration in force.
    pub fn config(&self) -> Rc<Config> {
        Rc::clone(&self.config.borrow())
    }

    /// An address that may ask here at all, token or not.
    pub fn lets_in(&self, entrance: Entrance, peer: IpAddr) -> bool {
        let config = self.config.borrow();
        let open = match entrance {
            Entrance::Api => config.api.enabled,
            Entrance::PostGet => config.post_get.enabled,
        };
        open && config.api.allow.iter().any(|net| net.contains(peer))
    }

    /// Resolves when the configuration says something else about the API: who was let in has to ask again.
    pub async fn api_changed(&self) {
        let mut config = self.config.clone();
        let before = Rc::clone(&config.borrow_and_update());
        while config.changed().await.is_ok() {
            if config.borrow().api != before.api {
                return;
            }
        }
        std::future::pending().await
    }

    /// Both clocks.
    pub fn now(&self) -> Now {
        self.rooms.clock.now()
    }

    /// `GET /healthz`: many may ask, the modem is asked once a second.
    pub async fn healthz(&self) -> Answer {
        let mut pulse = self.pulse.lock().await;
        let fresh = pulse.filter(|(at, _)| self.now().tick.since(*at) < PULSE_AGE);
        let alive = match fresh {
            Some((_, alive)) => alive,
            None => {
                let asked = tokio::time::timeout(PULSE_LIMIT, self.rooms.modem.alive());
                let alive = asked.await.unwrap_or(false);
                *pulse = Some((self.now().tick, alive));
                alive
            }
        };
        let modem = self.rooms.signal.borrow().state;
        if alive {
            return Answer::json(
                200,
                &Healthy {
                    status: "ok",
                    modem,
                },
            );
        }
        Problem::new(Code::ModemSilent, "the modem does not answer AT")
            .with("Retry-After", 5)
            .answer()
    }

    /// `POST /push/NAME/test`: waits for the target, enabled or not, while others are answered.
    ///
    /// # Errors
    /// [`Code::PushFailed`] with what went wrong; [`Code::NotFound`]; [`Code::Unavailable`] while another one waits.
    pub async fn push_test(&self, ask: &Ask) -> Result<Answer, Problem> {
        ask.params()?.done()?;
        let name = ask.path().rsplit('/').nth(1).unwrap_or_default();
        let config = self.config();
        let target = Trial::of(&config, name);
        let target = target
            .ok_or_else(|| Problem::new(Code::NotFound, "no to_http or to_smtp of that name"))?;
        let _turn = self.turn()?;
        let from = self.agent_name();
        let from = from.as_deref().unwrap_or("rut-agent");
        let (now, signal) = (self.now().wall, &self.rooms.signal);
        let status = target.push(&config, from, now, signal).await;
        let status = status.map_err(|why| Problem::new(Code::PushFailed, why))?;
        Ok(Answer::json(
            200,
            &PushTested {
                delivered: true,
                status,
            },
        ))
    }

    /// The right to try something out.
    ///
    /// # Errors
    /// [`Code::Unavailable`] while somebody else does.
    pub fn turn(&self) -> Result<MutexGuard<'_, ()>, Problem> {
        self.trial.try_lock().map_err(|_another_has_it| {
            Problem::new(Code::Unavailable, "something else is tried out just now")
                .with("Retry-After", 5)
        })
    }

    /// `POST /rules/test`: what a message would set off, while others are answered. True when a secret in it is wrong.
    ///
    /// # Errors
    /// [`Code::BadShape`] and its like, [`Code::BadNumber`].
    pub async fn rule_test(&self, ask: &Ask) -> Result<(Answer, bool), Problem> {
        ask.params()?.done()?;
        let NewTrial { from, text } = read(ask)?;
        let from = Number::parse(&from)?;
        let trial = self.rooms.rules.try_out(&from, &text).await;
        Ok((Answer::json(200, &json_calls::trial(&trial)), trial.wrong))
    }

    /// Has the modem do what is asked, while others are answered.
    ///
    /// # Errors
    /// As `wish` says, and as [`NotDone`] does.
    pub async fn errand(&self, wish: Wish, ask: &Ask) -> Result<Answer, Problem> {
        ask.params()?.done()?;
        let errand = wish(self, ask)?;
        let run = self.rooms.modem.run(errand.clone());
        let done = tokio::time::timeout(ERRAND_LIMIT, run).await;
        let done = done.unwrap_or(Err(NotDone::Late))?;
        Ok(calls::answered(self, &errand, done))
    }

    /// What the router is called: as configured, else as its system says.
    pub fn agent_name(&self) -> Option<String> {
        let named = self.config().agent.name.clone();
        named.or_else(|| self.host_name.clone())
    }

    /// The right to keep one more stream open.
    ///
    /// # Errors
    /// [`Code::TooManyStreams`].
    pub fn stream(&self) -> Result<StreamPermit, Problem> {
        if self.streams.get() >= MAX_STREAMS {
            return Err(
                Problem::new(Code::TooManyStreams, "close one of the others first")
                    .with("Retry-After", 5),
            );
        }
        self.streams.set(self.streams.get() + 1);
        Ok(StreamPermit(Rc::clone(&self.streams)))
    }
}
