//! Tests: a second, independent modem, written from 3GPP TS 27.005 and 27.007 and from what cheap simulators do, with a
//! switch for every way they differ. It lives on a pseudo terminal and in a thread of its own.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]
#![allow(clippy::disallowed_types, clippy::disallowed_methods)]

use std::collections::BTreeMap;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::termios::{SetArg, cfmakeraw, tcgetattr, tcsetattr};

use super::dialect::{Dialect, Echo, Errors, Reports, Tells};
use super::pdu;

/// Held while a child starts or a port is made: a port that a child inherits never hangs up.
pub static CHILDREN: Mutex<()> = Mutex::new(());

/// What the modem holds and has heard.
#[derive(Debug, Default)]
pub struct State {
    /// Index to status and PDU.
    pub slots: BTreeMap<u16, (u8, String)>,
    /// Reports in a memory of their own.
    pub reports: BTreeMap<u16, String>,
    pub heard: Vec<String>,
    /// TPDUs on the air.
    pub sent: Vec<String>,
    pub acknowledged: usize,
    pub pins: Vec<String>,
    pub faults: Vec<String>,
    pub reading: String,
    prompt_for: Option<usize>,
    numbers: bool,
    echo_off_at: Option<usize>,
    unlocked: bool,
    busy_asked: usize,
    first_byte: Option<Instant>,
    awake: bool,
    tried: usize,
}

/// A modem on its line. Dropping it hangs up.
#[derive(Debug)]
pub struct Modem {
    pub dialect: Dialect,
    state: Mutex<State>,
    master: OwnedFd,
    _slave: OwnedFd,
    gone: Mutex<bool>,
}

/// The thread's and the test's hold on it.
#[derive(Debug)]
pub struct Plugged {
    pub modem: Arc<Modem>,
    link: PathBuf,
    thread: Option<thread::JoinHandle<()>>,
}

impl Plugged {
    /// Plugs it in; `link` names its port from now on.
    pub fn new(dialect: Dialect, state: State, link: &Path) -> Plugged {
        let children = CHILDREN.lock().unwrap_or_else(PoisonError::into_inner);
        let pty = nix::pty::openpty(None, None).unwrap();
        for end in [&pty.master, &pty.slave] {
            fcntl(end, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC)).unwrap();
        }
        drop(children);
        let mut raw = tcgetattr(&pty.slave).unwrap();
        cfmakeraw(&mut raw);
        tcsetattr(&pty.slave, SetArg::TCSANOW, &raw).unwrap();
        let name = nix::unistd::ttyname(&pty.slave).unwrap();
        let _old = std::fs::remove_file(link);
        std::os::unix::fs::symlink(name, link).unwrap();
        let modem = Arc::new(Modem {
            dialect,
            state: Mutex::new(state),
            master: pty.master,
            _slave: pty.slave,
            gone: Mutex::new(false),
        });
        let own = modem.clone();
        let thread = thread::spawn(move || own.run());
        Plugged {
            modem,
            link: link.to_owned(),
            thread: Some(thread),
        }
    }

    /// Hangs up; what it held stays known.
    pub fn unplug(mut self) -> State {
        self.end();
        std::mem::take(&mut self.modem.state())
    }

    fn end(&mut self) {
        // The port's name may soon be another modem's.
        let _gone = std::fs::remove_file(&self.link);
        *self.modem.gone.lock().unwrap() = true;
        if let Some(thread) = self.thread.take() {
            let _ended = thread.join();
        }
    }
}

impl Drop for Plugged {
    fn drop(&mut self) {
        self.end();
    }
}

impl Modem {
    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self) {
        let mut pending: Vec<u8> = Vec::new();
        while !*self.gone.lock().unwrap() {
            let mut fds = [PollFd::new(self.master.as_fd(), PollFlags::POLLIN)];
            poll(&mut fds, PollTimeout::from(20u8)).unwrap();
            if !fds[0].any().unwrap_or(false) {
                continue;
            }
            let mut buffer = [0; 512];
            let read = match nix::unistd::read(&self.master, &mut buffer) {
                Ok(read) => read,
                Err(Errno::EIO) => return,
                Err(error) => panic!("{error}"),
            };
            if self.is_deaf() {
                continue;
            }
            pending.extend_from_slice(&buffer[..read]);
            while let Some(end) = pending.iter().position(|b| matches!(b, b'\r' | 26 | 27)) {
                let line: Vec<u8> = pending.drain(..=end).collect();
                let text = String::from_utf8_lossy(&line[..end]).into_owned();
                self.hear(&text, line[end]);
            }
        }
    }

    fn is_deaf(&self) -> bool {
        let first = *self.state().first_byte.get_or_insert_with(Instant::now);
        first.elapsed() < self.dialect.deaf
    }

    fn hear(&self, line: &str, end: u8) {
        let mut state = self.state();
        let number = state.heard.len();
        state
            .heard
            .push(format!("{line}{}", if end == b'\r' { "" } else { "^" }));
        state.awake |= line.starts_with(self.dialect.waits_for);
        if !state.awake {
            return;
        }
        let mut out = String::new();
        if self.echoes(&state, number) {
            out.push_str(line);
            out.push(char::from(end));
        }
        for (at, said) in &self.dialect.boot {
            if *at == number {
                out.push_str(&self.line(said));
            }
        }
        if end == 26 && !self.dialect.network.is_zero() {
            drop(state);
            thread::sleep(self.dialect.network);
            state = self.state();
        }
        let (answer, later) = self.answer(&mut state, line, end);
        out.push_str(&answer);
        self.write(&out);
        if !later.is_empty() {
            self.write(&later);
        }
    }

    fn echoes(&self, state: &State, number: usize) -> bool {
        match self.dialect.echo {
            Echo::Always => true,
            Echo::Never => false,
            Echo::Obeys => state.echo_off_at.is_none(),
            Echo::Lingers(lines) => state.echo_off_at.is_none_or(|at| number < at + lines),
        }
    }

    fn line(&self, text: &str) -> String {
        format!("{}{text}{}", self.dialect.head, self.dialect.line_end)
    }

    fn write(&self, text: &str) {
        let mut bytes = text.as_bytes();
        if let Some(pause) = self.dialect.slow {
            thread::sleep(pause);
            for byte in bytes {
                nix::unistd::write(&self.master, &[*byte]).unwrap();
                thread::sleep(Duration::from_micros(200));
            }
            return;
        }
        while !bytes.is_empty() {
            let written = nix::unistd::write(&self.master, bytes).unwrap();
            bytes = &bytes[written..];
        }
    }

    fn fail(&self, state: &State, prefix: &str, number: u16, words: &str) -> String {
        match self.dialect.errors {
            Errors::Words => self.line(&format!("+{prefix} ERROR: {words}")),
            Errors::Numbers if state.numbers => self.line(&format!("+{prefix} ERROR: {number}")),
            Errors::Numbers | Errors::Plain => self.line("ERROR"),
        }
    }

    /// Lines and the final result.
    fn ok(&self, lines: &[String]) -> String {
        let mut out: String = lines.iter().map(|line| self.line(line)).collect();
        out.push_str(&self.line("OK"));
        out
    }

    /// The answer to a line, and what comes in a write of its own after it.
    fn answer(&self, state: &mut State, line: &str, end: u8) -> (String, String) {
        if state.prompt_for.is_some() && end == 26 {
            return self.submit(state, line);
        }
        if end == 27 {
            state.prompt_for = None;
            return (self.ok(&[]), String::new());
        }
        if state.prompt_for.take().is_some() {
            state
                .faults
                .push(format!("a command at the prompt: {line}"));
        }
        let answer = self
            .fixed(line)
            .unwrap_or_else(|| self.command(state, line));
        let chatter = self.dialect.chatter.lines();
        let answer = chatter.map(|said| self.line(said)).collect::<String>() + &answer;
        let twice = self.dialect.ok_twice && answer.ends_with(&self.line("OK"));
        let again = if twice {
            self.line("OK")
        } else {
            String::new()
        };
        (answer, again)
    }

    fn fixed(&self, line: &str) -> Option<String> {
        let found = |(start, _): &&(&str, &str)| line.starts_with(start);
        let (_, said) = self.dialect.replies.iter().find(found)?;
        if let Some(open) = said.strip_suffix("...") {
            return Some(self.line(open));
        }
        if said.contains("ERROR") {
            return Some(self.line(said));
        }
        let lines: Vec<String> = said.lines().map(String::from).collect();
        Some(self.ok(&lines))
    }

    fn command(&self, state: &mut State, line: &str) -> String {
        if self.dialect.one_a_line && line.contains(';') {
            return self.line("ERROR");
        }
        if let Some((first, second)) = line.split_once(';') {
            let head = self.command(state, first);
            let tail = self.command(state, &format!("AT{second}"));
            return match head.strip_suffix(&self.line("OK")) {
                Some(head) => format!("{head}{tail}"),
                None => head,
            };
        }
        let (name, value) = match line.split_once('=') {
            Some((name, value)) => (name, value),
            None => (line, ""),
        };
        match name {
            "AT" => self.ok(&[]),
            "ATE0" => {
                let number = state.heard.len();
                state.echo_off_at.get_or_insert(number);
                self.ok(&[])
            }
            "AT+CMEE" => {
                state.numbers = value == "1";
                self.ok(&[])
            }
            "AT+CGMI" => self.ok(&[String::from("Stranger Inc.")]),
            "AT+CGMM" => self.ok(&[String::from(self.dialect.name)]),
            "AT+CIMI" => self.ok(&[String::from("001010123456789")]),
            "AT+CMGF" | "AT+CLIP" | "AT+CREG" | "AT+CEREG" | "AT+COPS" => self.ok(&[]),
            "AT+CREG?" => self.ok(&[String::from("+CREG: 2,1,\"00C3\",\"01A2\",7")]),
            "AT+CEREG?" => self.ok(&[String::from("+CEREG: 2,1,\"00C3\",\"01A2\",7")]),
            "AT+COPS?" => self.ok(&[String::from("+COPS: 0,2,\"00101\",7")]),
            "AT+CSQ" => self.ok(&[String::from("+CSQ: 20,99")]),
            "AT+CSCA?" => self.ok(&[String::from("+CSCA: \"+12063130004\",145")]),
            "AT+CPIN?" | "AT+CPIN" => self.pin(state, name.ends_with('?'), value),
            _sms => self.messages(state, name, value),
        }
    }

    fn pin(&self, state: &mut State, asks: bool, value: &str) -> String {
        if !asks {
            let pin = value.trim_matches('"');
            state.pins.push(String::from(pin));
            state.unlocked = self.dialect.pin == Some(pin);
            return match state.unlocked {
                true => self.ok(&[]),
                false => self.fail(state, "CME", 16, "incorrect password"),
            };
        }
        state.busy_asked += 1;
        if state.busy_asked <= self.dialect.sim_busy {
            return self.fail(state, "CME", 14, "SIM busy");
        }
        let locked = self.dialect.pin.is_some() && !state.unlocked;
        let code = if locked { "SIM PIN" } else { "READY" };
        self.ok(&[format!("+CPIN: {code}")])
    }

    fn messages(&self, state: &mut State, name: &str, value: &str) -> String {
        let used = state.slots.len();
        match name {
            "AT+CPMS?" => {
                let one = format!("\"SM\",{used},20");
                self.ok(&[format!("+CPMS: {one},{one},{one}")])
            }
            "AT+CPMS" => {
                if !value
                    .split(',')
                    .all(|name| ["\"SM\"", "\"SR\""].contains(&name))
                {
                    return self.fail(state, "CMS", 302, "operation not allowed");
                }
                state.reading = String::from(&value[1..3]);
                self.ok(&[format!("+CPMS: {used},20,{used},20,{used},20")])
            }
            "AT+CSMS?" | "AT+CSMS" => {
                let service = u8::from(self.dialect.acknowledge);
                self.ok(&[format!("+CSMS: {service},1,1,1")])
            }
            "AT+CNMI?" => self.ok(&[String::from("+CNMI: 0,0,0,0,0")]),
            "AT+CNMI" => self.notify(state, value),
            "AT+CNMA" => {
                state.acknowledged += 1;
                self.ok(&[])
            }
            "AT+CMGL" => self.list(state),
            "AT+CMGR" => self.read(state, value),
            "AT+CMGD" => {
                let index = value.split(',').next().unwrap().parse().unwrap();
                match state.reading.as_str() {
                    "SR" => state.reports.remove(&index).is_some(),
                    _sm => state.slots.remove(&index).is_some(),
                };
                self.ok(&[])
            }
            "AT+CMGS" => {
                state.prompt_for = value.parse().ok();
                String::from(self.dialect.prompt)
            }
            _unknown => self.fail(state, "CME", 100, "unknown"),
        }
    }

    fn notify(&self, state: &State, value: &str) -> String {
        let fields: Vec<&str> = value.split(',').collect();
        let mt = match self.dialect.tells {
            Tells::Stored(_) => Some(&"1"),
            Tells::Direct(_) => Some(&"2"),
            Tells::Never => None,
        };
        let ds = match self.dialect.reports {
            Reports::Never => "0",
            Reports::Direct => "1",
            Reports::Stored(_) => "2",
        };
        if mt.is_some() && fields.get(1) == mt && [ds, "0"].contains(fields.get(3).unwrap_or(&"0"))
        {
            return self.ok(&[]);
        }
        self.fail(state, "CMS", 303, "operation not supported")
    }

    fn shown(&self, status: u8, pdu: &str, head: &str) -> [String; 2] {
        let centre = usize::from(u8::from_str_radix(&pdu[..2], 16).unwrap());
        let octets = pdu.len() / 2 - 1 - centre;
        let alpha = self.dialect.alpha;
        let pdu = if self.dialect.lower_case {
            pdu.to_lowercase()
        } else {
            String::from(pdu)
        };
        [format!("{head}{status}{alpha}{octets}"), pdu]
    }

    fn list(&self, state: &mut State) -> String {
        let torn = self.dialect.torn_lists;
        let mut lines = Vec::new();
        for (index, (status, pdu)) in &mut state.slots {
            let [header, pdu] = self.shown(*status, pdu, &format!("+CMGL: {index},"));
            lines.push(header);
            if torn {
                lines.extend(["RING", "+CREG: 1,\"00C3\",\"01A2\"", "^RSSI: 20"].map(String::from));
            }
            lines.push(pdu);
            *status = 1;
        }
        self.ok(&lines)
    }

    fn read(&self, state: &mut State, value: &str) -> String {
        let index = value.parse().unwrap();
        let report = state.reports.get(&index).map(|pdu| (0, pdu.clone()));
        let found = match state.reading.as_str() {
            "SR" => report,
            _sm => state.slots.get(&index).cloned(),
        };
        match found {
            Some((status, pdu)) => self.ok(&self.shown(status, &pdu, "+CMGR: ")),
            None => self.fail(state, "CMS", 321, "invalid memory index"),
        }
    }

    fn submit(&self, state: &mut State, line: &str) -> (String, String) {
        let octets = state.prompt_for.take().unwrap();
        let Some(tpdu) = line
            .strip_prefix("00")
            .filter(|tpdu| tpdu.len() == 2 * octets)
        else {
            state
                .faults
                .push(format!("not a PDU of {octets} octets: {line}"));
            return (self.line("ERROR"), String::new());
        };
        state.tried += 1;
        if let Some(refusal) = self.dialect.refusals.get(state.tried - 1) {
            return (self.line(refusal), String::new());
        }
        state.sent.push(String::from(tpdu));
        let reference = u8::try_from(16 + state.sent.len()).unwrap();
        let accepted = self.ok(&[self.dialect.sent.replace('#', &reference.to_string())]);
        let report = pdu::report(tpdu, reference, self.dialect.centre);
        let told = match (report, self.dialect.reports) {
            (None, _) | (_, Reports::Never) => String::new(),
            (Some(report), Reports::Direct) => {
                let [header, pdu] = self.shown(0, &report, "");
                let octets = header.rsplit(',').next().unwrap();
                format!(
                    "{}{pdu}{}",
                    self.line(&format!("+CDS: {octets}")),
                    self.dialect.line_end
                )
            }
            (Some(report), Reports::Stored("SM")) => {
                state.slots.insert(9, (0, report));
                self.line("+CDSI: \"SM\",9")
            }
            (Some(report), Reports::Stored(memory)) => {
                state.reports.insert(4, report);
                self.line(&format!("+CDSI: \"{memory}\",4"))
            }
        };
        (accepted, told)
    }

    /// A message comes in and is told.
    pub fn deliver(&self, text: &str, second: u8) {
        let mut state = self.state();
        let pdu = pdu::deliver(text, second, self.dialect.centre);
        let told = match self.dialect.tells {
            Tells::Direct(header) => {
                let [_, pdu] = self.shown(0, &pdu, "");
                format!("{}{pdu}{}", self.line(header), self.dialect.line_end)
            }
            Tells::Stored(line) => {
                let index = self.store(&mut state, pdu);
                self.line(&line.replace('#', &index.to_string()))
            }
            Tells::Never => {
                self.store(&mut state, pdu);
                return;
            }
        };
        self.write(&told);
    }

    fn store(&self, state: &mut State, pdu: String) -> u16 {
        let free = (self.dialect.first_index..).find(|index| !state.slots.contains_key(index));
        state.slots.insert(free.unwrap(), (0, pdu));
        free.unwrap()
    }

    /// A message that lies there already.
    pub fn holds(state: &mut State, dialect: &Dialect, text: &str) {
        let pdu = pdu::deliver(text, 1, dialect.centre);
        state.slots.insert(dialect.first_index, (1, pdu));
    }

    /// Says something unasked.
    pub fn say(&self, text: &str) {
        let _one_writer = self.state();
        self.write(&self.line(text));
    }
}
