//! Edge: builds the rooms, starts them, stops them, and is the only file that knows them all. Never does a room's work.
#![allow(clippy::disallowed_types, clippy::disallowed_methods)]

use std::cell::RefCell;
use std::fmt::Display;
use std::io::Write;
use std::path::PathBuf;
use std::pin::Pin;
use std::process::ExitCode;
use std::rc::Rc;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::task::{JoinHandle, LocalSet, spawn_local};

use rut_agent::cli::{self, Command, Run};
use rut_agent::clock::Clock;
use rut_agent::config::{self, Config, Settings};
use rut_agent::feed::Feed;
use rut_agent::inbox::Inbox;
use rut_agent::outbox::Outbox;
use rut_agent::rules::{self, Rules};
use rut_agent::signal::Signal;
use rut_agent::stop;
use rut_agent::store::{Shared, Store};
use rut_agent::{
    api, crash, doctor, forward, lan, logging, mail, message, modem, smpp, system, task,
};

#[cfg(feature = "sim")]
mod demo;

/// How long the edges may take to finish what they are at: one AT command's time.
const LAST_WORDS: Duration = Duration::from_secs(10);

fn main() -> ExitCode {
    crash::tell();
    let socket = std::env::var_os("RUT_AGENT_SOCKET");
    match cli::parse(std::env::args_os().skip(1), socket) {
        Ok(Command::Run(options)) => in_runtime(Box::pin(daemon(options))),
        #[cfg(feature = "sim")]
        Ok(Command::Demo(options)) => in_runtime(Box::pin(demo::demo(options))),
        #[cfg(feature = "sim")]
        Ok(Command::Sim(options)) => in_runtime(Box::pin(demo::modem_alone(options))),
        Ok(Command::Doctor(asked)) => in_runtime(Box::pin(doctor::run(asked))),
        Ok(Command::Check(file)) => cli::check(file.as_deref()).into(),
        Ok(Command::Import(from)) => {
            let own = || system::root().join("etc/config");
            cli::import(&from.unwrap_or_else(own)).into()
        }
        Ok(Command::Ask(client)) => cli::ask(&client).into(),
        Ok(Command::Help(text)) => say(text.trim_end()),
        Ok(Command::Version) => say(concat!("rut-agent ", env!("CARGO_PKG_VERSION"))),
        Err(wrong) => {
            eprintln!("rut-agent: {wrong}");
            cli::WRONG_USAGE.into()
        }
    }
}

/// Unlike `println!`, a reader that went away is no reason to panic.
fn say(text: &str) -> ExitCode {
    match writeln!(std::io::stdout(), "{text}") {
        Ok(()) => cli::DONE.into(),
        Err(_) => cli::FAILED.into(),
    }
}

/// One thread drives every edge; two more exist only while host names are looked up.
fn in_runtime(agent: Pin<Box<dyn Future<Output = Result<(), String>>>>) -> ExitCode {
    let outcome = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(2)
        .thread_stack_size(256 * 1024)
        .build()
        .map_err(|error| format!("the runtime cannot be started: {error}"))
        .and_then(|runtime| LocalSet::new().block_on(&runtime, agent));
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("rut-agent: {why}");
            cli::FAILED.into()
        }
    }
}

/// The daemon: until SIGTERM or SIGINT.
async fn daemon(options: Run) -> Result<(), String> {
    let clock = Clock::start();
    let (config, problems) = config::load(options.config.as_deref(), &options.overrides);
    let Some(config) = config else {
        problems.iter().for_each(|problem| eprintln!("{problem}"));
        return Err(String::from("this configuration cannot be used"));
    };
    logging::start(config.agent.log_level, clock);
    problems.iter().for_each(|problem| log::warn!("{problem}"));
    log::info!("rut-agent {} starts", env!("CARGO_PKG_VERSION"));

    let (live, watched) = watch::channel(Rc::new(config));
    let socket = options.socket.clone();
    let settings = Settings::of(options.config.as_deref());
    let reload = task::spawn(reload_on_hangup(options, live, settings.clone()));
    let result = agent(watched, clock, socket, settings).await;
    reload.abort();
    result
}

/// Builds the rooms, runs their edges, and stops them when told to or when one of them cannot go on.
async fn agent(
    config: watch::Receiver<Rc<Config>>,
    clock: Clock,
    socket: PathBuf,
    settings: Settings,
) -> Result<(), String> {
    let first = config.borrow().clone();
    message::log_numbers_in_full(first.agent.log_numbers);
    let rooms = Rooms::build(&first, clock)?;
    let (stopper, stop) = stop::pair();
    let (modem, requests) = modem::Handle::new();
    let targets = forward::Targets::default();

    let lan = Lan::start(config.clone());
    let (rules, orders) = Rules::new(config.clone(), rooms.for_rules());
    let ruling = task::spawn(rules.run(stop.clone()));
    let worker = task::spawn(modem::run(
        config.clone(),
        rooms.for_modem(orders.clone()),
        requests,
        stop.clone(),
    ));
    let pushes = task::spawn(forward::run(
        config.clone(),
        rooms.for_forward(&modem),
        targets.clone(),
        stop.clone(),
    ));
    let mails = task::spawn(mail::fetch(config.clone(), rooms.for_mail(), stop.clone()));
    let sessions = smpp::Handle::default();
    let smpp = task::spawn(smpp::run(
        config.clone(),
        rooms.for_smpp(),
        sessions.clone(),
        stop.clone(),
    ));
    let mut door = spawn_local(api::run(
        config,
        rooms.for_api((modem, orders), targets, settings, sessions),
        socket,
        stop,
    ));

    let result = tokio::select! {
        signal = told_to_stop() => signal.map(|name| log::info!("{name}: rut-agent stops")),
        ended = &mut door => match ended {
            Ok(Err(error)) => Err(format!("the command line's socket cannot be served: {error}")),
            Ok(Ok(())) | Err(_) => Err(String::from("the API ended by itself")),
        },
    };
    stopper.stop();
    last_words([smpp, worker, pushes, mails, ruling]).await;
    lan.stop().await;
    rooms
        .signal
        .borrow_mut()
        .history
        .save(&mut rooms.store.borrow_mut());
    if !door.is_finished() {
        let _closed = tokio::time::timeout(Duration::from_secs(1), door).await;
    }
    result
}

/// The way to the machine behind the bridge. It goes last: the others may still need it for what they are at.
struct Lan(stop::Stopper, JoinHandle<()>);

impl Lan {
    fn start(config: watch::Receiver<Rc<Config>>) -> Lan {
        let (stopper, stop) = stop::pair();
        Lan(stopper, task::spawn(lan::run(system::root(), config, stop)))
    }

    async fn stop(self) {
        self.0.stop();
        let _taken_away = tokio::time::timeout(LAST_WORDS, self.1).await;
    }
}

/// Waits until each edge has finished what it was at.
async fn last_words(edges: [JoinHandle<()>; 5]) {
    let all = async {
        for edge in edges {
            let _ended = edge.await;
        }
    };
    if tokio::time::timeout(LAST_WORDS, all).await.is_err() {
        log::warn!("the modem's last command is not finished; what it was doing is on flash");
    }
}

/// The keepers, shared by the edges.
struct Rooms {
    store: Shared,
    feed: Feed,
    inbox: Rc<RefCell<Inbox>>,
    outbox: Rc<RefCell<Outbox>>,
    signal: Rc<RefCell<Signal>>,
    clock: Clock,
}

impl Rooms {
    fn build(config: &Config, clock: Clock) -> Result<Rooms, String> {
        let dir = &config.agent.state_dir;
        let failed = |why: &dyn Display| {
            let dir = dir.display();
            format!("state_dir {dir}: {why}; option state_dir in section agent names another place")
        };
        let store = Store::open(dir, config.agent.state_limit).map_err(|error| failed(&error))?;
        let feed = Feed::new(store.newest());
        let store = Rc::new(RefCell::new(store));
        let now = clock.now();
        let inbox = Inbox::new(store.clone(), feed.clone(), config.modem.part_timeout, now);
        let outbox = Outbox::new(store.clone(), feed.clone(), now).map_err(|why| failed(&why))?;
        Ok(Rooms {
            inbox: Rc::new(RefCell::new(inbox)),
            outbox: Rc::new(RefCell::new(outbox)),
            signal: Rc::new(RefCell::new(Signal::new(feed.clone()))),
            store,
            feed,
            clock,
        })
    }

    fn for_modem(&self, calls: rules::Handle) -> modem::Rooms {
        modem::Rooms {
            inbox: self.inbox.clone(),
            outbox: self.outbox.clone(),
            signal: self.signal.clone(),
            store: self.store.clone(),
            on_call: modem::OnCall(Box::new(move |caller| calls.on_call(caller))),
            clock: self.clock,
        }
    }

    fn for_rules(&self) -> rules::Rooms {
        rules::Rooms {
            store: self.store.clone(),
            inbox: self.inbox.clone(),
            outbox: self.outbox.clone(),
            signal: self.signal.clone(),
            feed: self.feed.clone(),
            clock: self.clock,
        }
    }

    fn for_forward(&self, modem: &modem::Handle) -> forward::Rooms {
        forward::Rooms {
            store: self.store.clone(),
            inbox: self.inbox.clone(),
            outbox: self.outbox.clone(),
            signal: self.signal.clone(),
            feed: self.feed.clone(),
            modem: modem.clone(),
            clock: self.clock,
        }
    }

    fn for_mail(&self) -> mail::Rooms {
        mail::Rooms {
            store: self.store.clone(),
            outbox: self.outbox.clone(),
            clock: self.clock,
        }
    }

    fn for_smpp(&self) -> smpp::Rooms {
        smpp::Rooms {
            store: self.store.clone(),
            inbox: self.inbox.clone(),
            outbox: self.outbox.clone(),
            feed: self.feed.clone(),
            clock: self.clock,
        }
    }

    fn for_api(
        &self,
        (modem, rules): (modem::Handle, rules::Handle),
        targets: forward::Targets,
        settings: Settings,
        smpp: smpp::Handle,
    ) -> api::Rooms {
        api::Rooms {
            smpp,
            rules,
            store: self.store.clone(),
            inbox: self.inbox.clone(),
            outbox: self.outbox.clone(),
            signal: self.signal.clone(),
            feed: self.feed.clone(),
            targets,
            modem,
            settings,
            clock: self.clock,
        }
    }
}

/// SIGHUP, or a change by the API: reads the configuration again. A bad one is refused and the old one stays in force.
async fn reload_on_hangup(options: Run, live: watch::Sender<Rc<Config>>, settings: Settings) {
    let Ok(mut hangup) = signal(SignalKind::hangup()) else {
        return log::error!("SIGHUP cannot be heard: a changed configuration needs a restart");
    };
    loop {
        tokio::select! {
            heard = hangup.recv() => if heard.is_none() { return },
            () = settings.changed() => {}
        }
        let (config, problems) = config::load(options.config.as_deref(), &options.overrides);
        problems.iter().for_each(|problem| log::warn!("{problem}"));
        match config {
            Some(config) => {
                log::set_max_level(config.agent.log_level);
                message::log_numbers_in_full(config.agent.log_numbers);
                let place =
                    |config: &Config| (config.agent.state_dir.clone(), config.agent.state_limit);
                let new = place(&config);
                if place(&live.send_replace(Rc::new(config))) != new {
                    log::warn!("another state_dir or state_limit counts from the next start");
                }
                log::info!("the configuration was read again and is in force");
            }
            None => log::error!("the configuration has errors: the old one stays in force"),
        }
    }
}

async fn told_to_stop() -> Result<&'static str, String> {
    let hear = |kind| signal(kind).map_err(|error| format!("signals cannot be heard: {error}"));
    let (mut term, mut int) = (
        hear(SignalKind::terminate())?,
        hear(SignalKind::interrupt())?,
    );
    tokio::select! {
        _ = term.recv() => Ok("SIGTERM"),
        _ = int.recv() => Ok("SIGINT"),
    }
}
