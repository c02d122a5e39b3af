//! Edge: one modem from its first answer to its last — start-up, then the loop: what it told, what others ask, what
//! shall leave, what is due. Never keeps a message, and writes flash only through the rooms that own it.

use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};

use super::agenda::{Agenda, Question, Task};
use super::aside::{Aside, Waiting};
use super::calls::Calls;
use super::commands::{self, Command};
use super::conversation::{Answer, Refused};
use super::errands::Errands;
use super::notify::Notification;
use super::quirks::{self, Quirks};
use super::replies::{self, Registered};
use super::session::{Leave, Session};
use super::startup::{Standing, Startup, Step};
use super::tell;
use super::{Request, Rooms};
use crate::clock::Alarm;
use crate::config::{self, Config};
use crate::message::{Memory, Slot};
use crate::signal::{ModemState, Registration, Slots};
use crate::stop::Stop;
use crate::time::{ClockWatch, Now, Tick};

/// While the SIM is missing or locked, it is asked for this often.
const SIM_PAUSE: Duration = Duration::from_secs(10);

/// So often start-up begins anew because the modem says that it has just started.
const RESTARTS: u8 = 5;

/// Slots others asked to free that are remembered; the `free` rule gets the rest.
const TO_FREE: usize = 255;

/// What outlives a port.
#[derive(Debug, Default)]
pub(super) struct Kept {
    /// The PIN that goes before the configured one.
    pub pin: Option<String>,
    /// No start-up has had it yet.
    pub pin_is_new: bool,
    /// The PIN a SIM refused.
    pub refused_pin: Option<String>,
    /// Slots others asked to free.
    pub to_free: VecDeque<Slot>,
    /// Direct deliveries that could not be kept and that nobody will deliver again.
    pub unkept: VecDeque<Notification>,
    /// Not before this are incomplete messages tried again that could not be written.
    pub inbox_at: Tick,
    /// The modem's store is nearly full, and told so.
    pub slots_low: bool,
    /// So is state_dir, which is looked at again then.
    pub store_low: bool,
    pub store_at: Tick,
    /// Watches the wall clock; ids above this were given out since.
    pub clock: ClockWatch,
    pub since: Option<u64>,
    /// The call there is: one that rings on while the modem is started again is the same one.
    pub calls: Calls,
    /// The complaint already in the log.
    pub complaint: Option<String>,
}

/// What the worker hears besides the modem.
#[derive(Debug)]
pub(super) struct Ears {
    /// The configuration in force.
    pub config: watch::Receiver<Rc<Config>>,
    /// What others ask.
    pub requests: mpsc::Receiver<Request>,
    /// Time to stop.
    pub stop: Stop,
}

/// One modem being served.
#[derive(Debug)]
pub(super) struct Serving<'a> {
    pub session: Session,
    pub rooms: &'a Rooms,
    pub kept: &'a mut Kept,
    pub ears: &'a mut Ears,
    /// The SIM can be read and deleted from.
    pub usable: bool,
    /// The options this start-up was made with; `free` and `poll` follow the configuration.
    pub options: config::Modem,
    pub quirks: &'static Quirks,
    pub agenda: Agenda,
    pub errands: Errands,
    /// Where messages are kept, and which memory is selected for reading just now.
    pub memory: Memory,
    pub reading: Option<Memory>,
    pub slots: Option<Slots>,
    /// Another memory with messages from before.
    pub elsewhere: Option<Memory>,
    /// Looks refused since one was answered; `None` before that.
    pub refused_looks: Option<u8>,
    /// Slots the modem would not delete, and until when they are let be.
    pub stubborn: Vec<(Slot, Tick)>,
    pub acknowledges: bool,
    /// Start the modem again then: an unacknowledged delivery has made it stop delivering.
    pub again_at: Option<Tick>,
    pub circuit: Option<Registered>,
    pub lte: Option<Registered>,
    pub operator_due: bool,
    pub signal_question: usize,
    pub cells_question: usize,
    pub link_kept: bool,
    pub keeps_link: bool,
    pub send_at: Tick,
    pub alarm: Alarm,
}

impl<'a> Serving<'a> {
    /// A modem on a port just opened.
    pub(super) fn new(
        session: Session,
        quirks: Option<&'static Quirks>,
        rooms: &'a Rooms,
        kept: &'a mut Kept,
        ears: &'a mut Ears,
    ) -> Serving<'a> {
        let options = ears.config.borrow_and_update().modem.clone();
        let now = rooms.clock.now().tick;
        Serving {
            session,
            rooms,
            kept,
            ears,
            usable: false,
            quirks: quirks.unwrap_or(&quirks::STANDARD),
            agenda: Agenda::new(options.poll, true, now),
            errands: Errands::default(),
            memory: options.storage,
            reading: None,
            slots: None,
            elsewhere: None,
            refused_looks: None,
            stubborn: Vec::new(),
            acknowledges: false,
            again_at: None,
            circuit: None,
            lte: None,
            operator_due: true,
            signal_question: 0,
            cells_question: 0,
            link_kept: false,
            keeps_link: true,
            send_at: now,
            alarm: Alarm::new(rooms.clock),
            options,
        }
    }

    pub(super) fn now(&self) -> Now {
        self.rooms.clock.now()
    }

    /// Asks, and serves meanwhile what needs no answer of the modem. A modem that spoke a moment ago is alive; whether
    /// one that did not is, the answer says.
    pub(super) async fn ask(&mut self, command: Command) -> Result<Answer, Leave> {
        let (session, mut aside) = self.aside();
        let (answer, mut waiting) = aside.until(session.ask(command)).await;
        let answered = answer
            .as_ref()
            .is_ok_and(|answer| *answer != Err(Refused::TimedOut));
        tell::alive(&mut waiting, answered);
        answer
    }

    /// Waits for something that is not the modem, and says meanwhile whether the modem is alive if that is known.
    pub(super) async fn meanwhile<T>(&mut self, work: impl Future<Output = T>) -> T {
        let (done, waiting) = self.aside().1.until(work).await;
        // Why the modem was left shows at the next question.
        let _left = self.tell_alive(waiting).await;
        done
    }

    /// Whoever waits to hear whether the modem is alive hears what a question to it shows.
    async fn tell_alive(&mut self, mut waiting: Waiting) -> Result<(), Leave> {
        if waiting.is_empty() {
            return Ok(());
        }
        let alive = self.ask(commands::attention()).await;
        tell::alive(&mut waiting, alive.as_ref().is_ok_and(Result::is_ok));
        alive.map(|_| ())
    }

    fn aside(&mut self) -> (&mut Session, Aside<'_>) {
        let aside = Aside {
            spoke: self.session.spoke(),
            requests: &mut self.ears.requests,
            agenda: &mut self.agenda,
            kept: self.kept,
            errands: &mut self.errands,
            clock: self.rooms.clock,
        };
        (&mut self.session, aside)
    }

    /// Serves until something ends it; why.
    pub(super) async fn run(&mut self, usb: Option<&'static Quirks>) -> Leave {
        loop {
            match self.once(usb).await {
                Err(Leave::Again) | Ok(()) => {}
                Err(leave) => {
                    self.keep_last_words();
                    return leave;
                }
            }
        }
    }

    async fn once(&mut self, usb: Option<&'static Quirks>) -> Result<(), Leave> {
        let standing = self.start(usb).await?;
        match standing {
            Standing::Ready => self.work().await,
            Standing::SimAbsent => self.await_sim(ModemState::SimAbsent).await,
            Standing::SimPin => self.await_sim(ModemState::SimPin).await,
        }
    }

    /// The start-up conversation.
    async fn start(&mut self, usb: Option<&'static Quirks>) -> Result<Standing, Leave> {
        // The state changes with the first answer only: a port that opens and stays silent is no progress.
        // Some speak only once their echo is off.
        while self.ask(commands::echo_off()).await? == Err(Refused::TimedOut) {}
        tell::state(self.rooms, ModemState::Starting);
        let (startup, standing) = self.converse(usb).await?;
        let facts = startup.facts().clone();
        tell::identity(self.rooms, &facts, standing);
        self.quirks = startup.quirks();
        self.memory = facts.memory.unwrap_or(self.options.storage);
        self.reading = facts.reading;
        self.elsewhere = facts.elsewhere.filter(|other| *other != self.memory);
        self.refused_looks = None;
        self.kept.calls.may_list();
        self.acknowledges = facts.acknowledges;
        self.again_at = None;
        self.usable = standing == Standing::Ready;
        (self.circuit, self.lte, self.operator_due) = (None, None, true);
        (self.link_kept, self.signal_question, self.cells_question) = (false, 0, 0);
        self.agenda = Agenda::new(self.options.poll, facts.counts, self.now().tick);
        self.set_slots(facts.slots);
        self.session.forget_settled();
        tell::started(&facts, standing, self.quirks);
        Ok(standing)
    }

    /// The start-up's options, and the PIN that goes before theirs.
    fn startup_options(&mut self) -> config::Modem {
        self.kept.pin_is_new = false;
        let mut options = self.options.clone();
        if self.kept.pin.is_some() {
            options.pincode.clone_from(&self.kept.pin);
        }
        options
    }

    /// Holds it to its end; begins anew when the modem tells that it has just started, as long as that seems to help.
    async fn converse(
        &mut self,
        usb: Option<&'static Quirks>,
    ) -> Result<(Startup, Standing), Leave> {
        let pin = self.kept.refused_pin.clone();
        let mut startup = Startup::new(self.startup_options(), usb, pin);
        let mut restarts = 0;
        loop {
            let step = startup.next();
            self.kept.refused_pin = startup.refused_pin().cloned();
            match step {
                Step::Ask(command) => {
                    let of_the_sim = command == commands::pin_state();
                    let answer = self.ask(command).await?;
                    if of_the_sim {
                        self.session.forget_sim();
                    }
                    startup.hear(answer);
                }
                Step::Pause(pause) => {
                    self.check_changes()?;
                    tokio::time::sleep(pause).await;
                }
                Step::Done(standing) => return Ok((startup, standing)),
            }
            if self.session.take_restarted() && restarts < RESTARTS {
                restarts += 1;
                let pin = startup.refused_pin().cloned();
                startup = Startup::new(self.startup_options(), usb, pin);
            }
        }
    }

    /// Without a usable SIM nothing can be done but asking for it.
    async fn await_sim(&mut self, state: ModemState) -> Result<(), Leave> {
        tell::state(self.rooms, state);
        let before = self.rooms.signal.borrow().sim.state.clone();
        loop {
            let wake = self.now().tick + SIM_PAUSE;
            while self.now().tick < wake {
                self.check_changes()?;
                self.serve_requests().await?;
                self.run_errands().await?;
                if state == ModemState::SimPin && self.kept.pin_is_new {
                    return Err(Leave::Again);
                }
                self.tend();
                if let Some(Notification::Pin(_) | Notification::Restarted) =
                    self.session.take_told()
                {
                    return Err(Leave::Again);
                }
                self.sleep(Some(wake)).await?;
            }
            let now = match self.ask(commands::pin_state()).await? {
                Ok(lines) => replies::pin_code(&lines).map(|code| replies::pin_word(&code)),
                Err(Refused::Cme(10)) => Some(String::from("absent")),
                Err(_) => None,
            };
            if now.is_some() && now != before {
                return Err(Leave::Again);
            }
        }
    }

    /// The loop of DESIGN section 1: notifications, requests, one part to send, what is due; then sleep.
    async fn work(&mut self) -> Result<(), Leave> {
        self.read_circuit().await?;
        self.read_lte().await?;
        if self.circuit.is_none() && self.lte.is_none() {
            self.rooms.signal.borrow_mut().network.registration = Registration::Unknown;
            tell::state(self.rooms, ModemState::Ready);
        }
        // What waits in the slots comes before anything that can wait.
        self.do_due().await?;
        if let Some(elsewhere) = self.elsewhere.take() {
            self.read_all(elsewhere).await?;
        }
        self.measure().await?;
        self.look_at_cells();
        loop {
            self.check_changes()?;
            self.tend();
            if !self.turn().await? {
                let wake = self.next_wake();
                self.sleep(Some(wake)).await?;
            }
        }
    }

    /// One thing, the most urgent; `false` when there is nothing to do.
    async fn turn(&mut self) -> Result<bool, Leave> {
        if let Some(told) = self.session.take_told() {
            self.on_told(told).await?;
            return Ok(true);
        }
        if self.serve_requests().await? {
            return Ok(true);
        }
        if self.run_errands().await? {
            return Ok(true);
        }
        if !self.kept.to_free.is_empty() {
            self.free_requested().await?;
            return Ok(true);
        }
        if self.agenda.is_overdue(self.now().tick) && self.do_due().await? {
            return Ok(true);
        }
        if let Some(job) = self.next_job() {
            self.send(job).await?;
        } else if self.link_kept {
            self.let_link_go().await?;
        } else if self.operator_due && self.is_registered() {
            self.read_operator().await?;
        } else {
            return self.do_due().await;
        }
        Ok(true)
    }

    /// Does what the agenda says; `false` when it says nothing.
    async fn do_due(&mut self) -> Result<bool, Leave> {
        let now = self.now().tick;
        let Some(task) = self.agenda.next(now) else {
            return Ok(false);
        };
        match task {
            Task::List => self.look().await?,
            Task::Count(with_signal) => self.count(with_signal).await?,
            Task::Ask(Question::Signal) => self.measure().await?,
            Task::Ask(Question::Registration) => self.read_circuit().await?,
            Task::Ask(Question::LteRegistration) => self.read_lte().await?,
            Task::Ask(Question::Cells) => self.read_cells().await?,
        }
        Ok(true)
    }

    fn next_wake(&self) -> Tick {
        let now = self.now().tick;
        // Never less than a moment: what is due and cannot be done is no reason to spin.
        let moment = now + Duration::from_secs(1);
        let later = |wake: Tick| if wake <= now { moment } else { wake };
        let outbox = self.rooms.outbox.borrow().next_wake();
        let outbox = outbox.filter(|_| self.may_send()).map(later);
        let resume = Some(self.send_at).filter(|at| *at > now);
        let inbox = self.rooms.inbox.borrow().next_wake();
        let inbox = inbox.map(|wake| later(wake.max(self.kept.inbox_at)));
        let errands = [self.kept.calls.next_wake(), self.errands.next_wake()];
        [outbox, resume, inbox, self.again_at]
            .into_iter()
            .chain(errands)
            .flatten()
            .fold(self.agenda.next_wake(), Tick::min)
    }

    /// Sleeps until `wake`, or until something is told, asked, submitted, changed or stopped.
    async fn sleep(&mut self, wake: Option<Tick>) -> Result<(), Leave> {
        let bell = self.rooms.outbox.borrow().bell();
        tokio::select! {
            biased;
            () = self.ears.stop.wait() => {}
            left = self.session.listen() => left?,
            Some(request) = self.ears.requests.recv() => self.serve_request(request).await?,
            () = bell.notified() => {}
            changed = changed(&mut self.ears.config) => if changed { self.ears.config.mark_changed(); },
            () = self.alarm.sleep_until(wake) => {}
        }
        Ok(())
    }

    /// Stop, reload, restart: the safe points are between commands.
    fn check_changes(&mut self) -> Result<(), Leave> {
        if self.ears.stop.said() {
            return Err(Leave::Stopped);
        }
        let now = self.now().tick;
        if self.again_at.is_some_and(|at| at <= now) {
            return Err(Leave::Again);
        }
        if self.ears.config.has_changed().unwrap_or(false) {
            let new = self.ears.config.borrow_and_update().modem.clone();
            let old = std::mem::replace(&mut self.options, new);
            let new = &self.options;
            if (&old.tty, &old.pincode, old.storage, old.exclusive)
                != (&new.tty, &new.pincode, new.storage, new.exclusive)
            {
                log::info!("modem: its options changed; it is started again");
                return Err(Leave::Changed);
            }
            self.agenda.set_poll(new.poll, now);
        }
        Ok(())
    }

    /// What is due in the other rooms whatever the modem does.
    fn tend(&mut self) {
        tell::tend_clock(self.rooms, self.kept);
        tell::tend_inbox(self.rooms, self.kept);
        tell::tend_store(self.rooms, self.kept);
        if !self.usable || !self.may_send() {
            tell::expire(self.rooms);
        }
    }

    /// Serves one request, if there is one.
    async fn serve_requests(&mut self) -> Result<bool, Leave> {
        match self.ears.requests.try_recv() {
            Ok(request) => {
                self.serve_request(request).await?;
                Ok(true)
            }
            Err(_none) => Ok(false),
        }
    }

    async fn serve_request(&mut self, request: Request) -> Result<(), Leave> {
        let mut waiting = Waiting::new();
        self.aside().1.put(request, &mut waiting);
        self.tell_alive(waiting).await
    }

    async fn on_told(&mut self, told: Notification) -> Result<(), Leave> {
        let now = self.now();
        match told {
            Notification::ReportApart(memory, index) => {
                self.on_report_apart(&memory, index).await?;
            }
            Notification::Stored(memory, index) => self.on_stored(memory, index).await?,
            Notification::Message(_) | Notification::Report(_) => self.on_direct(told).await?,
            Notification::Registration(told) => self.note_registration(Some(told), None),
            Notification::LteRegistration(told) => self.note_registration(None, Some(told)),
            Notification::Ring => {
                let news = self.kept.calls.on_ring(now);
                self.tell_calls(news);
            }
            Notification::Caller(number) => {
                let news = self.kept.calls.on_caller(number, now);
                self.tell_calls(news);
            }
            Notification::CallEnded(why) => {
                let news = self.kept.calls.on_end(why);
                self.tell_calls(news);
            }
            Notification::Ussd(said) => self.on_ussd(said),
            Notification::Failed(refused) => self.on_ussd_failed(refused),
            Notification::Pin(state) if state == "READY" => {}
            Notification::Pin(_) | Notification::Restarted => return Err(Leave::Again),
            Notification::StoreFull => self.agenda.look_now(now.tick),
            Notification::Noise => {}
        }
        Ok(())
    }
}

/// Resolves when the configuration changed; never once nobody can change it any more.
async fn changed(config: &mut watch::Receiver<Rc<Config>>) -> bool {
    if config.changed().await.is_err() {
        std::future::pending::<()>().await;
    }
    true
}

impl Kept {
    /// A PIN that the next start-up shall use.
    pub(super) fn use_pin(&mut self, pin: String) {
        (self.pin, self.pin_is_new) = (Some(pin), true);
    }

    /// Slots to free when the modem can.
    pub(super) fn remember_to_free(&mut self, slots: Vec<Slot>) {
        for slot in slots {
            if self.to_free.len() < TO_FREE && !self.to_free.contains(&slot) {
                self.to_free.push_back(slot);
            }
        }
    }
}
