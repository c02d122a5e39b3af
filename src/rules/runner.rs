//! Edge: does one order after the other, and answers. Never does an order twice: that it was taken is on flash before it
//! comes here, and what is found there after a restart is told of, not done. One answer an order, whatever is cut.

use std::cell::RefCell;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender};
use tokio::sync::watch;

use super::kept::Kept;
use super::pages::{self, Pages};
use super::reply::{Job, Reply, Stage};
use super::script::{Deed, Said, Script, Stop as End};
use super::{Rooms, raw, wake};
use crate::config::Config;
use crate::counters;
use crate::message::{Number, Submission};
use crate::outbox::{Refusal, same_party};
use crate::signal::ModemState;
use crate::status_text::{self, Facts};
use crate::stop::Stop;
use crate::system::{self, Failure};

/// An answer that no `more` could go on with has so many parts at most, as RutOS's messages.
const PARTS: u8 = 8;
/// After a reboot, the status waits so long for the network.
const NETWORK: Duration = Duration::from_secs(180);
/// Between two looks whether it is there.
const LOOK: Duration = Duration::from_millis(500);
/// To take back what was set and not committed.
const REVERT: Duration = Duration::from_secs(10);

/// What a program that was not run is taken to have printed.
const PRINTED: &str = "<what it prints>";

/// The words of every step of an order that is only tried out.
pub(super) type Steps = Vec<Vec<String>>;

/// Does orders as they come in.
#[derive(Clone, Debug)]
pub(super) struct Runner {
    pub(super) rooms: Rooms,
    pub(super) config: watch::Receiver<Rc<Config>>,
    pub(super) kept: Rc<RefCell<Kept>>,
    pub(super) jobs: UnboundedSender<Job>,
    pub(super) root: PathBuf,
    pub(super) pages: Rc<RefCell<Pages>>,
}

impl Runner {
    /// Until it is told to stop; an order under way is cut short then.
    pub(super) async fn run(self, mut jobs: UnboundedReceiver<Job>, mut stop: Stop) {
        let work = async {
            self.take_up();
            while let Some(job) = jobs.recv().await {
                self.perform(&job).await;
            }
        };
        tokio::select! {
            () = stop.wait() => {}
            () = work => {}
        }
    }

    /// What was under way when the agent ended.
    fn take_up(&self) {
        let config = Rc::clone(&self.config.borrow());
        let pending = self.kept.borrow().pending();
        for order in pending {
            let mut rules = config.sms_rules.iter().chain(&config.call_rules);
            let rule = rules.find(|rule| rule.name == order.rule);
            let id = order.id;
            match rule.and_then(|rule| Job::found(order, rule)) {
                Some(job) if job.stage == Stage::Booted => self.when_there_is_a_network(job),
                Some(job) => self.again(job, Duration::ZERO),
                None => self.kept.borrow_mut().done(id),
            }
        }
    }

    /// Puts `job` into the row after `pause`.
    fn again(&self, job: Job, pause: Duration) {
        let jobs = self.jobs.clone();
        tokio::task::spawn_local(async move {
            tokio::time::sleep(pause).await;
            // Nobody takes it when the agent ends: it is found again.
            let _taken = jobs.send(job);
        });
    }

    fn when_there_is_a_network(&self, job: Job) {
        let (rooms, jobs) = (self.rooms.clone(), self.jobs.clone());
        tokio::task::spawn_local(async move {
            let end = rooms.clock.now().tick + NETWORK;
            let ready = || rooms.signal.borrow().state == ModemState::Ready;
            while !ready() && rooms.clock.now().tick < end {
                tokio::time::sleep(LOOK).await;
            }
            let _taken = jobs.send(job);
        });
    }

    async fn perform(&self, job: &Job) {
        let (id, action) = (job.order.id, &job.rule.action);
        if !self.kept.borrow().is_pending(id) {
            return;
        }
        let who = job.order.from.masked();
        log::info!(
            "rules: order {id}, {action} by rule '{}' for {who}",
            job.rule.name
        );
        let played = self.play(job, &mut None).await;
        match &played {
            Err(why) => {
                log::warn!("rules: order {id} was not done: {why}");
                counters::ORDERS_FAILED.add(1);
            }
            Ok(_) if job.stage == Stage::Do => counters::ORDERS_DONE.add(1),
            Ok(_) => {}
        }
        let reply = job.worded(played);
        if reply == Reply::Later {
            return log::info!("rules: the router reboots; what is owed is sent afterwards");
        }
        let turns_back = job.turns_back(&reply);
        if let Some(text) = self.text(job, reply, &mut self.pages.borrow_mut()) {
            self.answer(job, &text);
        }
        if turns_back {
            let seconds = job.rule.text("seconds").parse().unwrap_or(0);
            self.kept.borrow_mut().stands_for_all(&job.rule.name, id);
            let mut back = job.clone();
            back.stage = Stage::Back;
            return self.again(back, Duration::from_secs(seconds));
        }
        self.kept.borrow_mut().done(id);
    }

    /// What an order would run, looks included, and what would be said to whom. Changes nothing, and uses nothing up.
    pub(super) async fn rehearse<'a>(
        &self,
        job: &'a Job,
    ) -> (Steps, Option<String>, Vec<&'a Number>) {
        let mut steps = Some(Steps::new());
        let mut reply = job.worded(self.play(job, &mut steps).await);
        let reboots = reply == Reply::Later;
        let later = Job::found(job.order.clone(), &job.rule);
        if let Some(later) = later.filter(|_| reboots || job.turns_back(&reply)) {
            let said = self.play(&later, &mut steps).await;
            if reboots {
                reply = later.worded(said);
            }
        }
        let mut pages = self.pages.borrow().clone();
        let text = self.text(job, reply, &mut pages);
        let to = text.as_ref().map_or(Vec::new(), |_| recipients(job));
        (steps.unwrap_or_default(), text, to)
    }

    /// From step to step; with `trial`, they are written down there.
    async fn play(&self, job: &Job, trial: &mut Option<Steps>) -> Result<Reply, String> {
        let (mut said, mut set) = (Vec::new(), Vec::new());
        let why = loop {
            let deed = match job.steps(&mut Script::new(&said)) {
                Ok(reply) => return Ok(reply),
                Err(End::Failed(why)) => break why,
                Err(End::Need(deed)) => deed,
            };
            if let Deed::Run(words, _) = &deed {
                remember(words, &mut set);
            }
            said.push(self.step(&deed, trial).await);
        };
        for config in set {
            let words = ["uci", "-q", "revert", config.as_str()].map(String::from);
            self.step(&Deed::Run(words.to_vec(), REVERT), trial).await;
        }
        Err(why)
    }

    /// Does it; on trial only what changes nothing, and the rest is taken to go well.
    async fn step(&self, deed: &Deed, trial: &mut Option<Steps>) -> Said {
        if let Some(steps) = trial {
            steps.push(shown(deed));
            let words = match deed {
                Deed::Run(words, _) => Some(words),
                Deed::Look(..) => None,
                Deed::Wake(_) => Some(&Vec::new()),
            };
            if let Some(words) = words {
                let program = words.first().map(|program| self.place(program));
                return match program.is_none_or(|program| system::is_there(&program)) {
                    true => Said::Ended(Some(0), String::from(PRINTED), String::new()),
                    false => Said::Missing,
                };
            }
        }
        self.deed(deed).await
    }

    /// The system's own scripts lie where the system does; all other programs are looked for in PATH.
    fn place(&self, program: &str) -> String {
        let script = program.strip_prefix('/').map(|path| self.root.join(path));
        let script = script.and_then(|path| path.into_os_string().into_string().ok());
        script.unwrap_or_else(|| String::from(program))
    }

    async fn deed(&self, deed: &Deed) -> Said {
        let (words, limit) = match deed {
            Deed::Run(words, limit) | Deed::Look(words, limit) => (words, *limit),
            Deed::Wake(mac) => {
                return match wake::wake(*mac).await {
                    true => Said::Ended(Some(0), String::new(), String::new()),
                    false => Said::Unknown,
                };
            }
        };
        let mut words = words.iter().map(String::as_str);
        let program = self.place(words.next().unwrap_or_default());
        let args: Vec<&str> = words.collect();
        match system::run(&program, &args, limit).await {
            Ok(output) => Said::Ended(output.code, output.stdout, output.stderr),
            Err(Failure::NotRun(why)) if why.kind() == std::io::ErrorKind::NotFound => {
                Said::Missing
            }
            Err(Failure::NotRun(why)) => Said::Ended(None, String::new(), why.to_string()),
            Err(why @ (Failure::Late(_) | Failure::Lost(_))) => {
                log::warn!("rules: {program} {why}");
                Said::Unknown
            }
        }
    }

    /// What is sent.
    fn text(&self, job: &Job, reply: Reply, pages: &mut Pages) -> Option<String> {
        let now = self.rooms.clock.now();
        let config = self.config.borrow();
        let from = &job.order.from;
        let text = match reply {
            Reply::Nothing | Reply::Later => return None,
            Reply::More => {
                let next = pages.next(from, now.tick);
                return Some(next.unwrap_or_else(|| String::from("there is no more")));
            }
            Reply::Text(text) if config.sms_rules.iter().any(|rule| rule.action == "more") => {
                return Some(pages.first(from, &text, now.tick));
            }
            Reply::Text(text) => text,
            Reply::Template(template, asked) => {
                let named = config.agent.name.clone();
                let (router, firmware) = (named.or_else(system::host_name), system::firmware());
                let facts = Facts {
                    zone: system::time_zone(),
                    router: router.as_deref(),
                    firmware: firmware.as_deref(),
                    at: now.wall,
                    signal: &self.rooms.signal.borrow(),
                    asked: &asked,
                };
                status_text::render(&template, &facts)
            }
        };
        Some(String::from(pages::cut(&text, PARTS).0))
    }

    fn answer(&self, job: &Job, text: &str) {
        let now = self.rooms.clock.now();
        for (place, to) in recipients(job).into_iter().enumerate() {
            let submission = Submission {
                to: to.clone(),
                text: String::from(text),
                flash: false,
                report: false,
                validity_s: None,
                origin: format!("rule:{}", job.rule.name),
            };
            // Behind a control character that no HTTP header can carry: nobody else may use the key up.
            let key = format!("\u{1}rule:{}:{place}", job.order.id);
            let submitted =
                self.rooms
                    .outbox
                    .borrow_mut()
                    .submit(vec![submission], Some(&key), now);
            match submitted {
                // Answered before a cut, in other words.
                Ok(_) | Err(Refusal::KeyReused) => {}
                Err(why) => log::warn!("rules: the answer to {} is not sent: {why}", to.masked()),
            }
        }
    }
}

/// The one who ordered it, unless that is a name, and those of `to_number`.
fn recipients(job: &Job) -> Vec<&Number> {
    let mut to: Vec<&Number> = Vec::new();
    for number in std::iter::once(&job.order.from).chain(&job.rule.others) {
        if !number.is_alphanumeric() && !to.iter().any(|known| same_party(known, number)) {
            to.push(number);
        }
    }
    to
}

/// A step for a person: its words, without the secrets that it sets.
fn shown(deed: &Deed) -> Vec<String> {
    let words = match deed {
        Deed::Run(words, _) | Deed::Look(words, _) => words,
        Deed::Wake(_) => return vec![String::from("magic packet")],
    };
    let bare = |word: &String| match word.split_once('=') {
        Some((place, _)) if raw::is_secret(place.splitn(3, '.').nth(2).unwrap_or_default()) => {
            format!("{place}=***")
        }
        Some(_) | None => word.clone(),
    };
    words.iter().map(bare).collect()
}

/// Which of the router's configurations hold something that is set and not committed.
fn remember(words: &[String], set: &mut Vec<String>) {
    let mut words = words.iter().map(String::as_str);
    let (program, verb, place) = (words.next(), words.next(), words.next().unwrap_or_default());
    let config = place.split('.').next().unwrap_or_default();
    match (program, verb) {
        (Some("uci"), Some("set" | "add_list" | "del_list" | "delete")) => {
            set.push(String::from(config));
        }
        (Some("uci"), Some("commit")) => set.retain(|known| known != config),
        _ => {}
    }
}
