//! Edge: what others ask of the worker while it waits for the modem's answer or for something else. Never asks the modem.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use super::agenda::Agenda;
use super::errands::Errands;
use super::serving::Kept;
use super::{Request, tell};
use crate::clock::Clock;
use crate::time::Tick;

/// A modem that spoke so recently is alive although it is busy with a command.
const ALIVE: Duration = Duration::from_secs(10);

/// Who waits to hear whether the modem is alive.
pub(super) type Waiting = Vec<oneshot::Sender<bool>>;

/// What is served while something else is waited for.
pub(super) struct Aside<'a> {
    pub requests: &'a mut mpsc::Receiver<Request>,
    pub agenda: &'a mut Agenda,
    pub kept: &'a mut Kept,
    pub errands: &'a mut Errands,
    pub clock: Clock,
    /// When the modem spoke last.
    pub spoke: Rc<Cell<Option<Tick>>>,
}

impl Aside<'_> {
    /// What came of `work`, and who still waits to hear whether the modem is alive.
    pub(super) async fn until<T>(&mut self, work: impl Future<Output = T>) -> (T, Waiting) {
        let mut work = std::pin::pin!(work);
        let mut waiting = Waiting::new();
        loop {
            tokio::select! {
                biased;
                done = &mut work => return (done, waiting),
                Some(request) = self.requests.recv() => self.put(request, &mut waiting),
            }
            let (now, spoke) = (self.clock.now().tick, self.spoke.get());
            if spoke.is_some_and(|spoke| now.since(spoke) < ALIVE) {
                tell::alive(&mut waiting, true);
            }
        }
    }

    /// Notes what is asked; the modem is asked for it later.
    pub(super) fn put(&mut self, request: Request, waiting: &mut Waiting) {
        let now = self.clock.now().tick;
        match request {
            Request::Alive(asker) => {
                waiting.retain(|asker| !asker.is_closed());
                waiting.push(asker);
            }
            Request::Look => self.agenda.look_now(now),
            Request::Pin(pin) => self.kept.use_pin(pin),
            Request::Measure => self.agenda.measure_now(now),
            Request::FreeSlots(slots) => self.kept.remember_to_free(slots),
            Request::Errand(errand, asker) => self.errands.push(errand, Some(asker)),
        }
    }
}
