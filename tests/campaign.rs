//! Tests: a random campaign with one oracle — messages in and out through the real binary while everything that can
//! fail does; then the truth of inbox, air, events and pushes is compared.
//!
//! A fixed set of seeds runs always. `RUT_AGENT_SEEDS=N` runs N fresh seeds instead, `RUT_AGENT_SEED=S` the one seed S; the
//! moments at which faults strike are as random as the machine's load makes them, so a seed may need several runs.
//! `RUT_AGENT_MESSAGES=N` makes them longer: so many messages each way, at most 600. `RUT_AGENT_AT_ONCE=N` runs so many
//! fresh seeds side by side: a seed waits more than it computes. The last line counts seeds, messages and faults.
//!
//! The agent's wall clock is libfaketime's (`scripts/setup` installs it), so that it can jump.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_types,
    clippy::disallowed_methods
)]

mod oracle;
mod support;

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, Sender};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use oracle::counts::{Counts, FAULTS, NETWORK_FAULTS, told};
use oracle::dice::Dice;
use oracle::hand::{Order, all, listen, pushed, submit_all, waits};
use oracle::{Incoming, Outgoing, Picture, Sent};
use support::push::{Answer, PushReceiver};
use support::{Bench, Setup, clock, wait_for, wait_until};

/// Messages each way, where nobody says more.
const MESSAGES: usize = 60;
/// Seeds that always run; all at once.
const SEEDS: [u64; 7] = [1, 2, 3, 4, 5, 6, 7];
/// Fresh seeds that run at once, where nobody says otherwise.
const AT_ONCE: u64 = 4;
/// From the end of all faults until nothing moves any more; a pause of five minutes is in it where a message was refused
/// twice since the agent was started anew, and pauses of a minute where its last send got no answer.
const QUIET: Duration = Duration::from_secs(700);
/// Resident memory of the agent, in kilobytes; a debug build's code is half of it.
const MOST_MEMORY_KB: u64 = 40_000;
const NOBODY: &str = "+19999999999";
/// Where the agent's clock jumps to: seconds from the right time. At the first it is 1970, as on a router that has just
/// started; between the others lies less than the day for which a message is tried.
const JUMPS: [i64; 4] = [-1_795_000_000, -36_000, 0, 36_000];
/// Commands that a modem in trouble refuses, whoever asks.
const REFUSED: [&str; 8] = [
    "AT+CMGL", "AT+CMGR", "AT+CMGD", "AT+CMGS", "AT+CMGF", "AT+CPMS", "AT+CNMI", "AT+C",
];

/// Everything of one seed.
struct Campaign {
    dice: Dice,
    /// Messages each way.
    messages: usize,
    bench: Bench,
    receiver: PushReceiver,
    incoming: Vec<Incoming>,
    submitted: usize,
    /// To the submitter; `None` once everything was ordered.
    orders: Option<Sender<Order>>,
    /// One step in so many is a fault.
    calmness: u64,
    heard: u64,
    lives: u32,
    /// Sends failed so often that pauses became long.
    storms: bool,
    /// Journal bytes of lives that are over.
    written: u64,
    /// All there were so far.
    events: Vec<Value>,
    /// What happened, by kind.
    counts: Counts,
}

#[test]
fn whatever_fails_nothing_is_lost_doubled_or_told_wrongly() {
    if let Some(seed) = number("RUT_AGENT_SEED") {
        println!("{}", told(&run(seed)));
        return;
    }
    match number("RUT_AGENT_SEEDS") {
        None => run_all(&SEEDS, SEEDS.len()),
        Some(count) => {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
            let first = now.as_secs() * 1000;
            let seeds: Vec<u64> = (first..first + count).collect();
            run_all(
                &seeds,
                number("RUT_AGENT_AT_ONCE").unwrap_or(AT_ONCE) as usize,
            );
        }
    }
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().and_then(|text| text.parse().ok())
}

/// Runs seeds side by side; names every one that failed.
fn run_all(seeds: &[u64], at_once: usize) {
    let (next, failed) = (AtomicU64::new(0), mpsc::channel());
    let sum = Mutex::new(Counts::new());
    std::thread::scope(|scope| {
        for _ in 0..at_once.min(seeds.len()) {
            let (next, sum, failed) = (&next, &sum, failed.0.clone());
            scope.spawn(move || {
                while let Some(seed) = seeds.get(next.fetch_add(1, Ordering::Relaxed) as usize) {
                    let Ok(counts) = std::panic::catch_unwind(|| run(*seed)) else {
                        println!("FAILED: RUT_AGENT_SEED={seed}");
                        failed.send(*seed).unwrap();
                        continue;
                    };
                    let mut sum = sum.lock().unwrap();
                    for (what, count) in counts {
                        *sum.entry(what).or_default() += count;
                    }
                }
            });
        }
    });
    drop(failed.0);
    let failed: Vec<u64> = failed.1.iter().collect();
    println!("all together: {}", told(&sum.into_inner().unwrap()));
    assert!(failed.is_empty(), "failing seeds: {failed:?}");
}

/// One seed; what happened in it, all of it well.
fn run(seed: u64) -> Counts {
    let mut dice = Dice::of(seed);
    let receiver = PushReceiver::start();
    let chat = format!(
        "size SM {}\nmr {}\nfail 100000 1 {NOBODY}\n",
        2 + dice.throw(30),
        dice.throw(256)
    );
    let mut bench = Bench::sim_only(&Setup {
        model: dice.pick(&["ec25", "ec25", "slm750", "minimal"]),
        chat,
        modem: format!("\toption exclusive '{}'\n", dice.throw(2)),
        sections: format!(
            "config to_http 'host'\n\toption enabled '1'\n\toption method 'json'\n\toption url '{}'\n",
            receiver.url("/in")
        ),
        ..Setup::default()
    });
    let clock = clock::in_file(&bench.path("clock"));
    bench.env.extend(clock);
    jump(&bench, dice.pick(&JUMPS));
    bench.start_agent();
    bench.wait_ready();
    let (orders, to_submit) = mpsc::channel();
    let address = bench.address;
    let submitter = std::thread::spawn(move || submit_all(seed, address, &to_submit));
    let mut campaign = Campaign {
        calmness: dice.pick(&[3, 6, 9, 20]),
        dice,
        messages: number("RUT_AGENT_MESSAGES").map_or(MESSAGES, |count| count.min(600) as usize),
        bench,
        receiver,
        incoming: Vec::new(),
        submitted: 0,
        orders: Some(orders),
        heard: 0,
        lives: 1,
        storms: false,
        written: 0,
        events: Vec::new(),
        counts: Counts::new(),
    };
    campaign.strike();
    campaign.finish(seed, submitter)
}

/// Sets the agent's wall clock.
fn jump(bench: &Bench, seconds: i64) {
    let (new, clock) = (bench.path("clock.new"), bench.path("clock"));
    std::fs::write(&new, format!("{seconds:+}\n")).unwrap();
    std::fs::rename(new, clock).unwrap();
}

impl Campaign {
    /// Messages and faults, in random order, at random moments.
    fn strike(&mut self) {
        while self.incoming.len() < self.messages || self.submitted < self.messages {
            if self.dice.one_in(self.calmness) {
                self.fault();
            } else if self.dice.one_in(2) && self.incoming.len() < self.messages {
                self.deliver();
            } else if self.submitted < self.messages {
                self.submit();
            }
            self.moment();
            if self.dice.one_in(20) {
                listen(&self.bench, &mut self.events);
            }
        }
    }

    /// Until the agent said a few more command lines to the modem, or soon.
    fn moment(&mut self) {
        let lines = self.dice.throw(12);
        if lines == 0 {
            return;
        }
        let timeout = 5 + self.dice.throw(120);
        let told = self.bench.try_control(&format!(
            "wait-for {{\"at\":\"\",\"since\":{},\"count\":{lines},\"timeout_ms\":{timeout}}}",
            self.heard
        ));
        self.heard = told["heard"].as_u64().unwrap();
    }

    fn deliver(&mut self) {
        let number = self.incoming.len();
        let from = self.dice.pick(&["+12025550155", "+12025550177", "InfoSMS"]);
        let repeated = self.dice.one_in(6).then(|| self.incoming.last()).flatten();
        let text = match (repeated, self.dice.throw(8)) {
            (Some(before), _) => before.text.clone(),
            (None, 0..4) => format!("in{number:03}."),
            (None, 4) => format!("in{number:03}. Ünïcode žluťoučký 漢字 🚀"),
            (None, 5) => format!("in{number:03}. € ").repeat(30),
            (None, 6) => format!("in{number:03} 漢字🚀. ").repeat(14),
            (None, _) => format!("in{number:03}. ").repeat(45),
        };
        // A time of its own for each: only a real repeat has another one.
        let (hour, minute) = (5 + number / 60, number % 60);
        let mut order = json!({
            "from": from, "text": text, "at": format!("2026-03-04T{hour:02}:{minute:02}:06Z"),
            "concat_ref": number, "wide": self.dice.one_in(3), "store_only": self.dice.one_in(10),
        });
        if text.len() > 160 {
            let mut parts: Vec<u64> = (1..=10).collect();
            parts.sort_by_key(|_| self.dice.throw(1000));
            order["parts"] = json!(parts);
            if self.dice.one_in(2) {
                order["dup"] = json!([1 + self.dice.throw(3), 2]);
                self.count("long in with parts twice");
            }
            self.count("long in, parts out of order");
        }
        let answer = self.bench.control(&format!("deliver {order}"));
        let parts = answer["parts"].as_u64().unwrap();
        if answer["queue"] != 0 {
            self.count(match self.sim_is_full() {
                true => "in while the SIM is full",
                false => "in while the modem is away",
            });
        }
        self.incoming.push(Incoming { from, text, parts });
    }

    fn count(&mut self, what: &str) {
        *self.counts.entry(String::from(what)).or_default() += 1;
    }

    fn sim_is_full(&self) -> bool {
        let slots = self.bench.control("slots");
        let used = slots["SM"]["used"].as_array().unwrap().len() as u64;
        slots["SM"]["total"] == used
    }

    fn submit(&mut self) {
        let number = self.submitted;
        let text = match self.dice.throw(9) {
            0..4 => format!("out{number:03}."),
            4 => format!("out{number:03}. Grüße 漢字 🚀"),
            5 => format!("out{number:03}. ").repeat(30),
            6 => format!("out{number:03} 漢字🚀. ").repeat(12),
            _ => String::from("the same again"),
        };
        let to = self
            .dice
            .pick(&["+12025550155", "+12025550177", "+12025550199"]);
        let to = if self.dice.one_in(15) { NOBODY } else { to };
        let report = !self.dice.one_in(4);
        let remove = self.dice.one_in(12);
        let orders = self.orders.as_ref().unwrap();
        orders
            .send(Order {
                to,
                text,
                report,
                remove,
            })
            .unwrap();
        self.submitted += 1;
    }

    /// One fault, which ends by itself.
    fn fault(&mut self) {
        let soon = 50 + self.dice.throw(1500);
        let fault = self.dice.throw(27);
        self.count(FAULTS[fault as usize]);
        match fault {
            0 => self.control(&["unplug", &format!("after {soon} replug")]),
            1..4 => {
                let when = self.dice.pick(&["prompt", "start", "pdu"]);
                let replug = format!("after {} replug", soon + 300);
                self.control(&[&format!("unplug-after {when}"), &replug]);
            }
            4 => {
                // The agent waits two minutes for that answer unless the modem goes.
                self.control(&["lose-answer 1", &format!("after {soon} unplug")]);
                self.control(&[&format!("after {} replug", soon + 200)]);
            }
            5 => self.control(&[&format!("hang {soon}")]),
            6 => {
                let bytes = 1 + self.dice.throw(200);
                self.control(&[&format!("garbage random {bytes}")]);
            }
            7 => self.for_a_while("cut", soon),
            8 => self.for_a_while("interleave", soon),
            9 => self.for_a_while("mute", soon),
            10 => self.control(&["sim removed", &format!("after {soon} sim inserted")]),
            11..14 => self.die(),
            14 => {
                // Again while it starts.
                for _ in 0..3 {
                    self.die();
                    self.moment();
                }
            }
            15 => {
                let how = [
                    Answer::Status(500),
                    Answer::HangUp,
                    Answer::Status(404),
                    Answer::Silence,
                ];
                let how = self.dice.pick(&how);
                self.receiver.answer_next(&[how, Answer::Status(503)]);
            }
            16 => jump(&self.bench, self.dice.pick(&JUMPS)),
            17..19 => self.refuse(soon),
            19 => self.storm_of_notifications(),
            26 => self.flash_full(),
            _ => self.network_fault(soon),
        }
    }

    /// Other files take the whole state directory, which the agent sees when it starts; a few messages later they go.
    fn flash_full(&mut self) {
        let ballast = self.bench.state_dir().join("ballast");
        std::fs::File::create(&ballast)
            .unwrap()
            .set_len(1 << 24)
            .unwrap();
        self.die();
        for _ in 0..5 {
            if self.incoming.len() < self.messages {
                self.deliver();
            }
            if self.submitted < self.messages {
                self.submit();
            }
            self.moment();
        }
        std::fs::remove_file(ballast).unwrap();
        self.die();
    }

    /// For a while the modem refuses whatever begins so.
    fn refuse(&mut self, soon: u64) {
        let line = self.dice.pick(&REFUSED);
        // What a modem says while its card starts; of a bare ERROR it may mean that it does not know the command.
        let errors = [
            "+CMS ERROR: 500",
            "+CME ERROR: 100",
            "+CME ERROR: 14",
            "ERROR",
        ];
        let about_memories = "AT+CPMS".starts_with(line);
        let error = self
            .dice
            .pick(&errors[..if about_memories { 3 } else { 4 }]);
        let forget = format!("after {soon} forget {line}");
        self.control(&[&format!("on {line}* -> {error}"), &forget]);
    }

    /// The modem tells of things that are not there, again and again.
    fn storm_of_notifications(&mut self) {
        for _ in 0..50 {
            let slot = self.dice.throw(40);
            let line = match self.dice.throw(6) {
                0 => format!("+CMTI: \"SM\",{slot}"),
                1 => format!("+CMTI: \"ME\",{slot}"),
                2 => format!("+CDSI: \"SM\",{slot}"),
                3 => format!("+CREG: {}", slot % 6),
                4 => String::from("NO CARRIER"),
                _ => String::from("RING"),
            };
            self.control(&[&format!("urc {line}")]);
        }
    }

    /// What the network does to a router.
    fn network_fault(&mut self, soon: u64) {
        let fault = self.dice.throw(6);
        self.count(NETWORK_FAULTS[fault as usize]);
        match fault {
            0 | 1 => {
                let code = self.dice.pick(&[38, 41, 42, 331, 500, 310, 17]);
                // Seldom a storm: then pauses grow, and only a new start ends them in time.
                let storm = self.dice.one_in(5);
                self.storms |= storm;
                let count = 1 + self.dice.throw(if storm { 15 } else { 2 });
                self.control(&[&format!("fail {count} {code}")]);
            }
            2 => {
                let code = self.dice.pick(&[8, 21, 28, 332]);
                self.control(&[&format!("fail 1 {code}")]);
            }
            3 => {
                let lost = self.dice.pick(&[0, 2, 3]);
                let registered = format!("after {soon} registration 1");
                self.control(&[&format!("registration {lost}"), &registered]);
            }
            4 => {
                let reports = self.dice.pick(&["auto", "early", "off", "status 65"]);
                self.control(&[&format!("report {reports}")]);
            }
            _ => {
                let delay = self.dice.pick(&[0, 1, 20, 200]);
                self.control(&[&format!("delay {delay}")]);
            }
        }
    }

    fn control(&self, lines: &[&str]) {
        for line in lines {
            self.bench.control(line);
        }
    }

    fn for_a_while(&self, fault: &str, ms: u64) {
        self.control(&[&format!("{fault} on"), &format!("after {ms} {fault} off")]);
    }

    /// The agent ends, one way or another, and is started again.
    fn die(&mut self) {
        self.written += self.written_now();
        if self.dice.one_in(3) {
            let code = self.bench.terminate();
            // A signal that comes before the agent listens for it ends it as any program.
            assert!(matches!(code, Some(0) | None), "{code:?} after SIGTERM");
        } else {
            self.bench.kill9();
            self.count("kill -9");
        }
        self.bench.start_agent();
        self.lives += 1;
    }

    /// Journal bytes of this life so far.
    fn written_now(&self) -> u64 {
        let answer = self.bench.try_api("GET", "/status", None);
        answer.map_or(0, |(_, status)| oracle::flash_written(&status))
    }

    /// All faults end; when nothing moves any more the oracle speaks.
    fn finish(mut self, seed: u64, submitter: std::thread::JoinHandle<Vec<Outgoing>>) -> Counts {
        self.receiver.clear();
        self.control(&["calm"]);
        for line in REFUSED {
            self.control(&[&format!("forget {line}")]);
        }
        if self.storms || !self.dice.one_in(5) {
            self.die();
        }
        self.orders = None;
        let outgoing = submitter.join().unwrap();
        self.bench.wait_ready();
        let bench = &self.bench;
        let mut last = String::new();
        let mut events = std::mem::take(&mut self.events);
        let quiet = || {
            listen(bench, &mut events);
            let inbox = all(bench, "inbox").len();
            let waiting = all(bench, "sent").iter().filter(|m| waits(m)).count();
            let queue = bench.control("state")["queue"].as_u64().unwrap();
            let pushed = pushed(&self.receiver).len();
            last = format!(
                "{inbox} in the inbox, {pushed} pushed, {waiting} waiting to go out, {queue} in the network"
            );
            inbox >= self.incoming.len() && pushed >= inbox && waiting == 0 && queue == 0
        };
        let quiet = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            wait_until(QUIET, "quiet", quiet);
        }));
        let slots = bench.control("slots");
        assert!(quiet.is_ok(), "never quiet: {last}; {slots}");
        let written = self.written + self.written_now();
        let memory = memory_kb(bench.agent().pid());
        self.look_once_more();
        // A delivery report may still come: what is told and what is listed are of one moment.
        let sent = wait_for(QUIET, "standstill", || {
            let before = all(&self.bench, "sent");
            listen(&self.bench, &mut events);
            (all(&self.bench, "sent") == before).then_some(before)
        });
        let picture = Picture {
            incoming: std::mem::take(&mut self.incoming),
            outgoing,
            inbox: all(&self.bench, "inbox"),
            sent: sent.into_iter().map(Sent).collect(),
            air: self.bench.air(),
            events,
            pushes: self.receiver.requests(),
            state_dir: self.bench.state_dir(),
        };
        self.bench.kill9();
        picture.check();
        self.sum_up(&picture);
        let each = written / (2 * self.messages as u64);
        println!(
            "seed {seed}: {}; {} lives, {written} B of journal ({each} B a message), {memory} kB resident",
            told(&self.counts),
            self.lives
        );
        assert!(memory < MOST_MEMORY_KB, "{memory} kB resident");
        self.counts
    }

    /// What else there is to count.
    fn sum_up(&mut self, picture: &Picture) {
        let log = self.bench.log();
        let full = log.matches("directory's limit is reached").count() as u64;
        self.counts
            .insert(String::from("complaints of a full flash"), full);
        for (what, count) in picture.numbers() {
            self.counts.insert(String::from(what), count as u64);
        }
    }

    /// Another start and another look at every slot: nothing may come twice out of them.
    fn look_once_more(&mut self) {
        assert_eq!(self.bench.terminate(), Some(0));
        let heard = self.bench.control("state")["heard"].as_u64().unwrap();
        self.bench.start_agent();
        self.bench.wait_ready();
        // The command after the list says that the list was dealt with.
        let mut heard = heard;
        for line in ["AT+CMGL", ""] {
            let told = self.bench.control(&format!(
                "wait-for {{\"at\":\"{line}\",\"since\":{heard},\"timeout_ms\":20000}}"
            ));
            heard = told["heard"].as_u64().unwrap();
        }
    }
}

/// Resident memory (proc(5), `VmRSS`).
fn memory_kb(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmRSS:"))
        .unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}
