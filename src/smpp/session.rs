//! Decider: one client's session — what a PDU means in which state, what is owed to whom, and when patience ends. Never
//! reads a socket or a password, and never touches a message.
//!
//! ```text
//! open --bind, let in--> bound --unbind of either side--> leaving --> closed
//!   '--refused, 10 s--> closed   '--silence: enquire_link, then--> closed
//! ```
//! [`Session::hear`] takes bytes, [`Session::next`] gives one thing to do after the other until there is none.

use std::time::Duration;

use super::pdu::{self, Command, Fields, Framed, HEADER, Header, RESPONSE, Status};
use crate::time::Tick;

/// A connection binds within this time.
const BIND: Duration = Duration::from_secs(10);
/// After so much silence the client is asked whether it is there, and has as long to answer.
const SILENCE: Duration = Duration::from_secs(30);
/// A deliver_sm is answered within this time.
const ANSWER: Duration = Duration::from_secs(60);
/// An unbind is answered within this time.
const LEAVE: Duration = Duration::from_secs(2);
/// All that one may say who is not bound: a bind, and a little before it.
const STRANGER: usize = 512;
/// The longest PDU of one that is bound: a text of 255 parts of UCS-2.
const LONGEST: usize = 36 * 1024;
/// sc_interface_version, and what is said there.
const SC_INTERFACE_VERSION: u16 = 0x0210;
const VERSION: u8 = 0x34;

/// What a bind asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Bind {
    header: Header,
    pub(super) system_id: Vec<u8>,
    pub(super) password: Vec<u8>,
    version: u8,
}

/// What is to be done.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Act {
    /// Look whether this one may; then [`Session::admit`] or [`Session::refuse`].
    Bind(Bind),
    /// Carry this out and answer it with [`Session::answer`].
    Do(Header, Vec<u8>),
    /// A deliver_sm with this ticket was answered.
    Answered(u64, Status),
    /// Write what is to be written, then close.
    Close,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Open,
    Bound,
    Leaving,
    Closed,
}

/// A deliver_sm on its way.
#[derive(Debug)]
struct Owed {
    sequence: u32,
    ticket: u64,
    since: Tick,
}

/// A session.
#[derive(Debug)]
pub(super) struct Session {
    state: State,
    bind: Command,
    version: u8,
    heard: Vec<u8>,
    /// Bytes that were understood before the bind.
    strange: usize,
    /// To be written.
    pub(super) out: Vec<u8>,
    sequence: u32,
    owed: Vec<Owed>,
    /// When bytes came last; for one that is not bound, when it began; for one that leaves, when it said so.
    since: Tick,
    /// enquire_link was sent and nothing came since.
    asked: bool,
}

impl Session {
    /// A connection that begins now.
    pub(super) fn new(now: Tick) -> Session {
        Session {
            state: State::Open,
            bind: 0,
            version: VERSION,
            heard: Vec::new(),
            strange: 0,
            out: Vec::new(),
            sequence: 0,
            owed: Vec::new(),
            since: now,
            asked: false,
        }
    }

    /// Bytes came.
    pub(super) fn hear(&mut self, bytes: &[u8], now: Tick) {
        self.heard.extend_from_slice(bytes);
        if self.state == State::Bound {
            self.since = now;
            self.asked = false;
        }
    }

    /// The next thing to do about what was heard, if there is one.
    pub(super) fn next(&mut self) -> Option<Act> {
        loop {
            let most = match self.state {
                State::Open => STRANGER,
                State::Bound | State::Leaving => LONGEST,
                State::Closed => return None,
            };
            let (header, body) = match pdu::frame(&self.heard, most) {
                Framed::NotYet => return None,
                Framed::Got(header, body) => (header, body.to_vec()),
                Framed::Bad(sequence) => {
                    let header = Header {
                        command: 0,
                        status: Status::OK,
                        sequence,
                    };
                    self.answer(header, Status::COMMAND_LENGTH, &[]);
                    return Some(self.close());
                }
            };
            self.heard.drain(..HEADER + body.len());
            if self.state == State::Open {
                self.strange += HEADER + body.len();
                if self.strange > STRANGER {
                    return Some(self.close());
                }
            }
            if let Some(act) = self.take(header, body) {
                return Some(act);
            }
        }
    }

    fn take(&mut self, header: Header, body: Vec<u8>) -> Option<Act> {
        if header.command & RESPONSE != 0 {
            return self.response(header);
        }
        match header.command {
            pdu::BIND_RECEIVER | pdu::BIND_TRANSMITTER | pdu::BIND_TRANSCEIVER => {
                if self.state != State::Open {
                    self.answer(header, Status::BOUND_ALREADY, &[]);
                    return None;
                }
                match bind(header, &body) {
                    Ok(bind) => return Some(Act::Bind(bind)),
                    Err(status) => self.answer(header, status, &[]),
                }
                return Some(self.close());
            }
            pdu::ENQUIRE_LINK => self.answer(header, Status::OK, &[]),
            pdu::UNBIND if self.state == State::Open => {
                self.answer(header, Status::BIND_STATUS, &[]);
            }
            pdu::UNBIND => {
                self.answer(header, Status::OK, &[]);
                return Some(self.close());
            }
            pdu::SUBMIT_SM
            | pdu::SUBMIT_MULTI
            | pdu::DATA_SM
            | pdu::QUERY_SM
            | pdu::CANCEL_SM
            | pdu::REPLACE_SM => {
                if self.state == State::Bound && self.bind != pdu::BIND_RECEIVER {
                    return Some(Act::Do(header, body));
                }
                self.answer(header, Status::BIND_STATUS, &[]);
            }
            _ => {
                let unknown = Header {
                    command: 0,
                    ..header
                };
                self.answer(unknown, Status::COMMAND_ID, &[]);
            }
        }
        None
    }

    fn response(&mut self, header: Header) -> Option<Act> {
        if header.command == pdu::UNBIND | RESPONSE && self.state == State::Leaving {
            return Some(self.close());
        }
        // A generic_nack answers a deliver_sm, too.
        let place = self.owed.iter().position(|owed| {
            owed.sequence == header.sequence
                && matches!(header.command & !RESPONSE, 0 | pdu::DELIVER_SM)
        })?;
        let owed = self.owed.remove(place);
        let status = match header.command {
            RESPONSE if header.status == Status::OK => Status::SYSTEM,
            _ => header.status,
        };
        Some(Act::Answered(owed.ticket, status))
    }

    /// Answers a request; `command` 0 makes it a generic_nack.
    pub(super) fn answer(&mut self, request: Header, status: Status, body: &[u8]) {
        let header = Header {
            command: request.command | RESPONSE,
            status,
            ..request
        };
        pdu::emit(header, body, &mut self.out);
    }

    fn ask(&mut self, command: Command, body: &[u8]) -> u32 {
        self.sequence = self.sequence % 0x7FFF_FFFF + 1;
        let header = Header {
            command,
            status: Status::OK,
            sequence: self.sequence,
        };
        pdu::emit(header, body, &mut self.out);
        self.sequence
    }

    /// The bind is good.
    pub(super) fn admit(&mut self, bind: &Bind, now: Tick) {
        (self.bind, self.version) = (bind.header.command, bind.version);
        (self.state, self.since) = (State::Bound, now);
        let mut body = b"rut-agent\0".to_vec();
        if self.is_modern() {
            pdu::put_parameter(SC_INTERFACE_VERSION, &[VERSION], &mut body);
        }
        self.answer(bind.header, Status::OK, &body);
    }

    /// The bind is not.
    pub(super) fn refuse(&mut self, bind: &Bind) {
        self.answer(bind.header, Status::BIND_FAILED, &[]);
        self.state = State::Closed;
    }

    fn close(&mut self) -> Act {
        self.state = State::Closed;
        Act::Close
    }

    /// We go: unbind, if there is one to tell.
    pub(super) fn leave(&mut self, now: Tick) {
        match self.state {
            State::Bound => {
                self.ask(pdu::UNBIND, &[]);
                (self.state, self.since) = (State::Leaving, now);
            }
            State::Open => self.state = State::Closed,
            State::Leaving | State::Closed => {}
        }
    }

    /// Sends a deliver_sm.
    pub(super) fn deliver(&mut self, ticket: u64, body: &[u8], now: Tick) {
        let sequence = self.ask(pdu::DELIVER_SM, body);
        self.owed.push(Owed {
            sequence,
            ticket,
            since: now,
        });
    }

    /// How many deliver_sm may go now, of a window of so many.
    pub(super) fn room(&self, window: usize) -> usize {
        match self.state {
            State::Bound if self.receives() => window.saturating_sub(self.owed.len()),
            State::Bound | State::Open | State::Leaving | State::Closed => 0,
        }
    }

    /// Bound as receiver or transceiver.
    fn receives(&self) -> bool {
        self.bind != pdu::BIND_TRANSMITTER
    }

    /// The word for how it is bound.
    pub(super) fn mode(&self) -> &'static str {
        match self.bind {
            pdu::BIND_RECEIVER => "receiver",
            pdu::BIND_TRANSMITTER => "transmitter",
            _ => "transceiver",
        }
    }

    /// interface_version, as the client gave it.
    pub(super) fn version(&self) -> u8 {
        self.version
    }

    /// The client knows optional parameters (3.4 and later).
    pub(super) fn is_modern(&self) -> bool {
        self.version >= VERSION
    }

    /// Nothing more comes or goes.
    pub(super) fn is_closed(&self) -> bool {
        self.state == State::Closed
    }

    /// The tickets of deliver_sm without an answer.
    pub(super) fn in_flight(&self) -> impl Iterator<Item = u64> {
        self.owed.iter().map(|owed| owed.ticket)
    }

    /// When [`Session::on_time`] has something to do.
    pub(super) fn wake(&self) -> Tick {
        let limit = match self.state {
            State::Open => BIND,
            State::Bound if self.asked => SILENCE * 2,
            State::Bound => SILENCE,
            State::Leaving | State::Closed => LEAVE,
        };
        let oldest = self.owed.first().map(|owed| owed.since + ANSWER);
        let wake = self.since + limit;
        oldest.map_or(wake, |oldest| oldest.min(wake))
    }

    /// Time has passed: why the session ends now, if it does.
    pub(super) fn on_time(&mut self, now: Tick) -> Option<&'static str> {
        if now < self.wake() {
            return None;
        }
        let why = match self.state {
            State::Open => "it did not bind in time",
            State::Bound if self.since + SILENCE > now => "a deliver_sm was not answered in time",
            State::Bound if self.asked => "it does not answer enquire_link",
            State::Bound => {
                self.ask(pdu::ENQUIRE_LINK, &[]);
                self.asked = true;
                return None;
            }
            State::Leaving | State::Closed => "it did not answer unbind in time",
        };
        self.state = State::Closed;
        Some(why)
    }
}

fn bind(header: Header, body: &[u8]) -> Result<Bind, Status> {
    let mut from = Fields(body);
    let system_id = from.string(16, Status::BIND_FAILED)?.to_vec();
    let password = from.string(9, Status::BIND_FAILED)?.to_vec();
    from.string(13, Status::BIND_FAILED)?; // system_type
    let version = from.octet()?;
    // addr_ton, addr_npi, address_range: all is delivered, whatever they say. Old clients leave them out.
    Ok(Bind {
        header,
        system_id,
        password,
        version,
    })
}
