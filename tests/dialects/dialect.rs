//! Tests: what may differ from one modem to the next, as switches.

use std::time::Duration;

/// When the modem repeats what it hears.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Echo {
    /// Until `ATE0`.
    Obeys,
    /// Until so many lines came after `ATE0`.
    Lingers(usize),
    /// Always.
    Always,
    /// Never.
    Never,
}

/// How errors are worded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Errors {
    /// By number once `AT+CMEE=1` was said.
    Numbers,
    /// In words, whatever was said.
    Words,
    /// `ERROR`, always.
    Plain,
}

/// How delivery reports come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reports {
    /// Not at all.
    Never,
    /// `+CDS`.
    Direct,
    /// In a slot of this memory, told by `+CDSI`.
    Stored(&'static str),
}

/// How new messages are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tells {
    /// By this line, `#` being the index.
    Stored(&'static str),
    /// Delivered past the store behind this header.
    Direct(&'static str),
    /// Not at all: `AT+CNMI` is refused.
    Never,
}

/// One way to be a modem.
#[derive(Clone, Debug)]
pub struct Dialect {
    pub name: &'static str,
    /// More lines of the agent's section `modem`.
    pub config: &'static str,
    /// Fixed replies by the beginning of the command: lines, the last of which may be a final result; `...` stands for
    /// one that never comes.
    pub replies: Vec<(&'static str, &'static str)>,
    pub line_end: &'static str,
    /// What stands before a reply.
    pub head: &'static str,
    pub echo: Echo,
    pub errors: Errors,
    pub prompt: &'static str,
    /// `+CMGS` with `#` for the reference.
    pub sent: &'static str,
    /// Answers to the first PDUs instead of accepting them.
    pub refusals: Vec<&'static str>,
    pub reports: Reports,
    pub tells: Tells,
    /// Direct deliveries must be acknowledged (27.005 3.2.1).
    pub acknowledge: bool,
    pub first_index: u16,
    /// What stands between status and length in `+CMGL` and `+CMGR`.
    pub alpha: &'static str,
    pub lower_case: bool,
    /// The service centre in PDUs.
    pub centre: &'static str,
    /// Questions on one line are refused.
    pub one_a_line: bool,
    pub ok_twice: bool,
    /// Notifications between header and PDU of a list.
    pub torn_lists: bool,
    /// Told before every answer.
    pub chatter: &'static str,
    /// Each answer comes so much later, in single bytes.
    pub slow: Option<Duration>,
    /// The network takes so long to take a message.
    pub network: Duration,
    /// Hears nothing for so long after the first byte.
    pub deaf: Duration,
    /// Answers nothing before this was said.
    pub waits_for: &'static str,
    /// Said before the answer to command number n.
    pub boot: Vec<(usize, &'static str)>,
    /// So many times the SIM is busy.
    pub sim_busy: usize,
    pub pin: Option<&'static str>,
}

impl Dialect {
    /// A modem as the standards have it.
    pub fn plain(name: &'static str) -> Dialect {
        Dialect {
            name,
            config: "",
            replies: Vec::new(),
            line_end: "\r\n",
            head: "\r\n",
            echo: Echo::Obeys,
            errors: Errors::Numbers,
            prompt: "\r\n> ",
            sent: "+CMGS: #",
            refusals: Vec::new(),
            reports: Reports::Direct,
            tells: Tells::Stored("+CMTI: \"SM\",#"),
            acknowledge: false,
            first_index: 1,
            alpha: ",,",
            lower_case: false,
            centre: "07912160130300F4",
            one_a_line: false,
            ok_twice: false,
            torn_lists: false,
            chatter: "",
            slow: None,
            network: Duration::ZERO,
            deaf: Duration::ZERO,
            waits_for: "",
            boot: Vec::new(),
            sim_busy: 0,
            pin: None,
        }
    }
}
