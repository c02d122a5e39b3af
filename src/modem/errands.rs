//! Edge: what others ask of the modem besides messages, and what a call asks by itself — dial, answer, hang up, USSD, raw
//! AT. Never waits for another person or for the network: the modem's one worker goes on with messages meanwhile.

use std::collections::VecDeque;
use std::pin::Pin;
use std::time::Duration;

use tokio::sync::oneshot;

use super::calls::News;
use super::commands::{self, Command};
use super::conversation::{Answer, Refused};
use super::serving::Serving;
use super::session::Leave;
use super::ussd::{How, Said};
use super::{Done, Errand, NotDone, raw, replies, tell};
use crate::config::CallAction;
use crate::message::Number;
use crate::time::Tick;

/// The network has so long to answer a code, and the owner to answer the network.
const USSD: Duration = Duration::from_secs(60);

/// Errands that wait; more are refused.
const ROW: usize = 8;

/// Who waits for the end of an errand; nobody, when a call asked for it.
pub(super) type Asker = Option<oneshot::Sender<Result<Done, NotDone>>>;

/// Boxed, so that it is compiled once.
type Work<'w, T> = Pin<Box<dyn Future<Output = Result<T, Leave>> + 'w>>;

/// Errands, and the USSD session.
#[derive(Debug, Default)]
pub(super) struct Errands {
    waiting: VecDeque<(Errand, Asker)>,
    asker: Asker,
    /// A session goes on until then.
    until: Option<Tick>,
}

impl Errands {
    /// One more. Refused when too many wait.
    pub(super) fn push(&mut self, errand: Errand, asker: Asker) {
        if self.waiting.len() < ROW {
            self.waiting.push_back((errand, asker));
        }
    }

    /// When a session has lasted too long.
    pub(super) fn next_wake(&self) -> Option<Tick> {
        self.until
    }
}

fn tell_asker(asker: Asker, end: Result<Done, NotDone>) {
    if let Some(asker) = asker {
        // Whoever asked may have gone away.
        let _heard = asker.send(end);
    }
}

/// Words for the log and the API.
fn why(refused: Refused) -> NotDone {
    match refused {
        Refused::TimedOut => NotDone::Late,
        Refused::Error | Refused::Cms(_) | Refused::Cme(_) => NotDone::Refused(result(refused)),
    }
}

/// As the modem said it.
fn result(refused: Refused) -> String {
    match refused {
        Refused::Error | Refused::TimedOut => String::from("ERROR"),
        Refused::Cms(code) => format!("+CMS ERROR: {code}"),
        Refused::Cme(code) => format!("+CME ERROR: {code}"),
    }
}

impl Serving<'_> {
    /// One errand, or what a call or a session needs now; `false` when there is nothing.
    pub(super) fn run_errands(&mut self) -> Work<'_, bool> {
        Box::pin(async move {
            let now = self.now();
            if let Some((errand, asker)) = self.errands.waiting.pop_front() {
                if asker.as_ref().is_none_or(|asker| !asker.is_closed()) {
                    self.do_errand(errand, asker).await?;
                }
            } else if self.errands.until.is_some_and(|until| until <= now.tick) {
                self.errands.until = None;
                tell_asker(self.errands.asker.take(), Err(NotDone::Late));
                let _ended = self.ask(commands::end_ussd()).await?;
            } else if self.kept.calls.is_due(now.tick) {
                match self.ask(commands::list_calls()).await? {
                    Ok(lines) => self.on_listed_calls(&lines),
                    Err(Refused::TimedOut) => {}
                    Err(_unknown) => self.kept.calls.cannot_list(),
                }
            } else {
                let news = self.kept.calls.on_time(now.tick);
                let any = !news.is_empty();
                self.tell_calls(news);
                return Ok(any);
            }
            Ok(true)
        })
    }

    async fn do_errand(&mut self, errand: Errand, asker: Asker) -> Result<(), Leave> {
        let there = self.kept.calls.current().is_some();
        let command = match &errand {
            Errand::Dial(_) if there => return self.end(asker, Err(NotDone::Busy)),
            Errand::Answer | Errand::HangUp if !there => {
                return self.end(asker, Err(NotDone::NoCall));
            }
            Errand::Ussd(_) if self.errands.asker.is_some() => {
                return self.end(asker, Err(NotDone::Busy));
            }
            Errand::Dial(number) => commands::dial(number.as_str()),
            Errand::Answer => commands::answer(),
            Errand::HangUp => {
                let [hang_up, _] = commands::hang_up();
                hang_up
            }
            Errand::Ussd(code) => commands::ussd(code),
            Errand::Raw(line) => match raw::checked(line) {
                Ok(line) => commands::raw(line),
                Err(why) => return self.end(asker, Err(NotDone::NotAllowed(why))),
            },
        };
        let mut answer = self.ask(command).await?;
        if errand == Errand::HangUp && answer.is_err() {
            let [_, hang_up]: [Command; 2] = commands::hang_up();
            answer = self.ask(hang_up).await?;
        }
        let done = match errand {
            Errand::Dial(number) => self.dialled(number, answer),
            Errand::Answer => self.answered(answer),
            Errand::HangUp => self.hung_up(answer),
            Errand::Raw(_) => self.asked_raw(answer),
            Errand::Ussd(_) => match answer {
                Ok(_) => {
                    self.errands.asker = asker;
                    self.errands.until = Some(self.now().tick + USSD);
                    return Ok(());
                }
                Err(refused) => Err(why(refused)),
            },
        };
        self.end(asker, done)
    }

    fn end(&mut self, asker: Asker, done: Result<Done, NotDone>) -> Result<(), Leave> {
        if let (None, Err(why @ (NotDone::Refused(_) | NotDone::Late))) = (&asker, &done) {
            log::warn!("modem: the call is neither taken nor rejected: {why}");
        }
        tell_asker(asker, done);
        Ok(())
    }

    fn dialled(&mut self, number: Number, answer: Answer) -> Result<Done, NotDone> {
        let lines = answer.map_err(why)?;
        if let Some(word) = lines.into_iter().find(|word| word != "CONNECT") {
            return Err(NotDone::Refused(word));
        }
        log::info!("modem: {} is called", number.masked());
        let now = self.now();
        self.kept.calls.dialled(number, now);
        self.tell_calls(Vec::new());
        Ok(Done::Nothing)
    }

    fn answered(&mut self, answer: Answer) -> Result<Done, NotDone> {
        let lines = answer.map_err(why)?;
        match lines.into_iter().find(|word| word != "CONNECT") {
            Some(word) => {
                let news = self.kept.calls.on_end("no carrier");
                self.tell_calls(news);
                Err(NotDone::Refused(word))
            }
            None => {
                let news = self.kept.calls.answered();
                self.tell_calls(news);
                Ok(Done::Nothing)
            }
        }
    }

    fn hung_up(&mut self, answer: Answer) -> Result<Done, NotDone> {
        answer.map_err(why)?;
        // What it told of the call before its OK is of the call that is over.
        self.session.forget_calls();
        let now = self.now();
        let news = self.kept.calls.hung_up(now.tick);
        self.tell_calls(news);
        Ok(Done::Nothing)
    }

    fn asked_raw(&mut self, answer: Answer) -> Result<Done, NotDone> {
        let (lines, result) = match answer {
            Ok(lines) => (lines, String::from("OK")),
            Err(Refused::TimedOut) => return Err(NotDone::Late),
            Err(refused) => (Vec::new(), result(refused)),
        };
        Ok(Done::Raw { lines, result })
    }

    /// The owner wants something done with calls, and nobody may tell of them.
    pub(super) fn looks_for_calls(&self) -> bool {
        let config = self.ears.config.borrow();
        let wanted = config.call_action() != CallAction::Ignore || !config.call_rules.is_empty();
        wanted && self.kept.calls.may_miss()
    }

    /// `+CLCC`.
    pub(super) fn on_listed_calls(&mut self, lines: &[String]) {
        let now = self.now();
        let news = self.kept.calls.on_list(&replies::calls(lines), now);
        self.tell_calls(news);
    }

    /// `+CUSD`.
    pub(super) fn on_ussd(&mut self, said: Said) {
        let Some(asker) = self.errands.asker.take() else {
            self.errands.until = None;
            return log::info!(
                "modem: the network sends USSD that nobody asked for; it is dropped"
            );
        };
        let more = said.how == How::More;
        self.errands.until = more.then(|| self.now().tick + USSD);
        let done = match said.how {
            How::Ended if said.text.is_empty() => Err("the network ended it"),
            How::Done | How::More | How::Ended => Ok(Done::Ussd {
                text: said.text,
                more,
            }),
            How::Refused => Err("the network does not know this code"),
            How::TimedOut => Err("the network took too long"),
        };
        let done = done.map_err(|why| NotDone::Refused(String::from(why)));
        tell_asker(Some(asker), done);
    }

    /// `+CME ERROR` out of turn: nothing else is answered so.
    pub(super) fn on_ussd_failed(&mut self, refused: Refused) {
        if let Some(asker) = self.errands.asker.take() {
            self.errands.until = None;
            tell_asker(Some(asker), Err(why(refused)));
        }
    }

    /// Tells everybody, and does what the owner wants of a call that comes in.
    pub(super) fn tell_calls(&mut self, news: Vec<News>) {
        self.rooms.signal.borrow_mut().call = self.kept.calls.current().cloned();
        for one in news {
            tell::call(self.rooms, &one);
            let News::Incoming(caller) = one else {
                continue;
            };
            if let Some(caller) = caller {
                (self.rooms.on_call.0)(&caller);
            }
            let errand = match self.ears.config.borrow().call_action() {
                CallAction::Reject => Errand::HangUp,
                CallAction::Answer => Errand::Answer,
                CallAction::Ignore => continue,
            };
            // It may be over already.
            if self.kept.calls.current().is_some() {
                self.errands.waiting.push_front((errand, None));
            }
        }
    }
}
