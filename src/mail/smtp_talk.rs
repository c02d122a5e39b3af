//! Decider: one mail over SMTP (RFC 5321), reply by reply. Never reads or writes, never takes a refusal for success, and
//! never says a password on a line that was to be secured and is not.
//!
//! ```text
//!   greeting -> EHLO -> [STARTTLS -> (TLS) -> EHLO] -> [AUTH] -> MAIL -> RCPT … -> DATA -> content -> over
//!                 |                                               |        |        |        |
//!                HELO                                    the account's    each recipient's verdict
//! ```
//! What stands before RCPT concerns every mail of the account: it fails, and may be tried again. From RCPT on a reply is
//! about this mail, and becomes the verdict of the recipients it speaks of. Only 421 (the server goes away) fails always.
//!
//! The content is 7-bit and addresses are ASCII (`config` sees to it), so 8BITMIME and SMTPUTF8 are not asked for.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::compose::atoms;
use super::smtp_reply::Reply;
use crate::config::{Email, Security};
use crate::net;

/// What became of one recipient's mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The server has it.
    Taken,
    /// Not now, said so: the same mail may be tried again.
    Later(String),
    /// Never, said so: the same mail would be refused again.
    Never(String),
}

/// Why nothing is known of the recipients. All may pass, so all may be tried again.
#[derive(Debug)]
pub enum Failure {
    /// No connection, or no TLS on it.
    Net(net::Error),
    /// A connection, but no answer for so many seconds.
    Silent(u64),
    /// The server hung up in the middle.
    HungUp,
    /// What came is no SMTP, for this reason.
    NotSmtp(&'static str),
    /// The account wants STARTTLS, and the server has none: nothing was said that should be secret.
    NoStartTls,
    /// Something was sent behind the reply to STARTTLS, where nobody could tell who sent it (CVE-2011-0411).
    Injected,
    /// The account has a password, and the server offers no way to say it that we know.
    NoLogin,
    /// The server refused the account this step.
    Refused(&'static str, String),
}

/// A mail, ready to go.
#[derive(Clone, Debug)]
pub struct Mail {
    /// The recipients' addresses, at least one.
    pub to: Vec<String>,
    /// Head and body, each line ended by CRLF.
    pub content: Vec<u8>,
}

/// What to do next.
#[derive(Debug, PartialEq, Eq)]
pub enum Step {
    /// Say this and wait for the reply.
    Say(Vec<u8>),
    /// Secure the line, then go on with [`Talk::secured`].
    Secure,
    /// All that can be known is known.
    Over,
}

/// What the last reply will answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Greeting,
    Ehlo,
    Helo,
    StartTls,
    Login,
    Password,
    LoggedIn,
    Mail,
    Rcpt(usize),
    Data,
    Content,
}

/// What the server can do.
#[derive(Clone, Copy, Debug, Default)]
struct Offers {
    starttls: bool,
    plain: bool,
    login: bool,
    /// The longest mail in bytes; 0: not told.
    size: Option<usize>,
}

/// A conversation.
#[derive(Debug)]
pub struct Talk<'a> {
    account: &'a Email,
    hello: String,
    mail: &'a Mail,
    stage: Stage,
    secured: bool,
    offers: Offers,
    verdicts: Vec<Verdict>,
}

impl<'a> Talk<'a> {
    /// Before the server's greeting. `router` is what we call ourselves.
    pub fn new(account: &'a Email, router: &str, mail: &'a Mail) -> Talk<'a> {
        let hello = match atoms(router) {
            name if name.is_empty() => String::from("rut-agent"),
            name => name,
        };
        Talk {
            account,
            hello,
            mail,
            stage: Stage::Greeting,
            secured: account.security == Security::Tls,
            offers: Offers::default(),
            verdicts: Vec::new(),
        }
    }

    /// One for each recipient, in order, when it is over.
    pub fn verdicts(self) -> Vec<Verdict> {
        self.verdicts
    }

    /// True while the server works on the whole mail, which may take it long (RFC 5321 4.5.3.2.6).
    pub fn is_long(&self) -> bool {
        self.stage == Stage::Content
    }

    /// The server said this.
    ///
    /// # Errors
    /// [`Failure`]: the conversation ends here.
    pub fn on(&mut self, reply: &Reply) -> Result<Step, Failure> {
        if reply.code == 421 {
            return Err(self.refused(reply));
        }
        match self.stage {
            Stage::Greeting if reply.is_good() => Ok(self.say_hello()),
            Stage::Ehlo if reply.is_good() => {
                self.offers = Offers::read(&reply.lines);
                self.introduced()
            }
            Stage::Ehlo if reply.is_final() => {
                Ok(self.say(Stage::Helo, format!("HELO {}", self.hello)))
            }
            Stage::Helo if reply.is_good() => self.introduced(),
            Stage::StartTls if reply.is_good() => Ok(Step::Secure),
            Stage::Login if reply.code == 334 => {
                Ok(self.say_secret(Stage::Password, |(user, _)| user))
            }
            Stage::Password if reply.code == 334 => {
                Ok(self.say_secret(Stage::LoggedIn, |(_, password)| password))
            }
            Stage::LoggedIn if reply.is_good() => Ok(self.say_mail()),
            Stage::Mail if reply.is_good() => Ok(self.say_rcpt(0)),
            Stage::Mail if reply.code == 552 => Ok(self.settle(reply)),
            Stage::Greeting
            | Stage::Ehlo
            | Stage::Helo
            | Stage::StartTls
            | Stage::Login
            | Stage::Password
            | Stage::LoggedIn
            | Stage::Mail => Err(self.refused(reply)),
            Stage::Rcpt(at) => {
                self.verdicts.push(judged(reply, reply.is_good()));
                Ok(self.say_rcpt(at + 1))
            }
            Stage::Data if reply.code == 354 => {
                self.stage = Stage::Content;
                Ok(Step::Say(stuffed(&self.mail.content)))
            }
            Stage::Content if reply.is_good() => Ok(Step::Over),
            Stage::Data | Stage::Content => Ok(self.settle(reply)),
        }
    }

    /// The line is secured: what was said on it before counts no more (RFC 3207 4.2).
    pub fn secured(&mut self) -> Step {
        self.secured = true;
        self.offers = Offers::default();
        self.say_hello()
    }

    fn say(&mut self, stage: Stage, line: String) -> Step {
        self.stage = stage;
        Step::Say((line + "\r\n").into_bytes())
    }

    fn say_hello(&mut self) -> Step {
        self.say(Stage::Ehlo, format!("EHLO {}", self.hello))
    }

    /// The server knows our name.
    fn introduced(&mut self) -> Result<Step, Failure> {
        let wants_tls = self.account.security == Security::StartTls && !self.secured;
        match &self.account.login {
            _ if wants_tls && self.offers.starttls => {
                Ok(self.say(Stage::StartTls, String::from("STARTTLS")))
            }
            _ if wants_tls => Err(Failure::NoStartTls),
            None => Ok(self.say_mail()),
            Some((user, password)) if self.offers.plain => {
                // RFC 4616, with the initial response of RFC 4954 4.
                let response = STANDARD.encode(format!("\0{user}\0{password}"));
                Ok(self.say(Stage::LoggedIn, format!("AUTH PLAIN {response}")))
            }
            Some(_) if self.offers.login => Ok(self.say(Stage::Login, String::from("AUTH LOGIN"))),
            Some(_) => Err(Failure::NoLogin),
        }
    }

    fn say_secret(&mut self, next: Stage, which: fn(&(String, String)) -> &String) -> Step {
        let secret = self.account.login.as_ref().map(which);
        self.say(next, STANDARD.encode(secret.map_or("", String::as_str)))
    }

    fn say_mail(&mut self) -> Step {
        let (size, sender) = (self.mail.content.len(), &self.account.sender);
        match self.offers.size {
            // RFC 1870.
            Some(most @ 1..) if most < size => {
                let why = format!("the server takes mails of {most} bytes, this one has {size}");
                self.verdicts = vec![Verdict::Never(why); self.mail.to.len()];
                Step::Over
            }
            Some(_) => self.say(Stage::Mail, format!("MAIL FROM:<{sender}> SIZE={size}")),
            None => self.say(Stage::Mail, format!("MAIL FROM:<{sender}>")),
        }
    }

    /// The recipient of this place; after the last the content, if anybody is there to have it.
    fn say_rcpt(&mut self, at: usize) -> Step {
        match self.mail.to.get(at) {
            Some(to) => self.say(Stage::Rcpt(at), format!("RCPT TO:<{to}>")),
            None if self.verdicts.contains(&Verdict::Taken) => {
                self.say(Stage::Data, String::from("DATA"))
            }
            None => Step::Over,
        }
    }

    /// A reply to the whole mail is everybody's verdict who had none worse yet.
    fn settle(&mut self, reply: &Reply) -> Step {
        self.verdicts.resize(self.mail.to.len(), Verdict::Taken);
        for verdict in &mut self.verdicts {
            if *verdict == Verdict::Taken {
                *verdict = judged(reply, false);
            }
        }
        Step::Over
    }

    fn refused(&self, reply: &Reply) -> Failure {
        let step = match self.stage {
            Stage::Greeting => "the connection",
            Stage::Ehlo | Stage::Helo => "our name (EHLO)",
            Stage::StartTls => "STARTTLS",
            Stage::Login | Stage::Password | Stage::LoggedIn => "the user name or password",
            Stage::Mail => "the sender",
            Stage::Rcpt(_) => "a recipient",
            Stage::Data | Stage::Content => "the mail",
        };
        Failure::Refused(step, reply.told())
    }
}

fn judged(reply: &Reply, good: bool) -> Verdict {
    if good {
        Verdict::Taken
    } else if reply.is_final() {
        Verdict::Never(reply.told())
    } else {
        Verdict::Later(reply.told())
    }
}

/// Dots at the beginning of lines doubled, and the dot that ends it (RFC 5321 4.5.2).
fn stuffed(content: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(content.len() + 64);
    for line in content.split_inclusive(|byte| *byte == b'\n') {
        if line.starts_with(b".") {
            out.push(b'.');
        }
        out.extend_from_slice(line);
    }
    out.extend_from_slice(b".\r\n");
    out
}

impl Offers {
    /// The lines of a reply to EHLO; the first is the server's name.
    fn read(lines: &[String]) -> Offers {
        let mut offers = Offers::default();
        for line in lines.iter().skip(1) {
            // Old servers say `AUTH=PLAIN`.
            let line = line.to_ascii_uppercase().replace('=', " ");
            let mut words = line.split_ascii_whitespace();
            match words.next() {
                Some("STARTTLS") => offers.starttls = true,
                Some("SIZE") => {
                    offers.size =
                        Some(words.next().and_then(|most| most.parse().ok()).unwrap_or(0));
                }
                Some("AUTH") => {
                    for word in words {
                        offers.plain |= word == "PLAIN";
                        offers.login |= word == "LOGIN";
                    }
                }
                Some(_) | None => {}
            }
        }
        offers
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Net(error) => error.fmt(out),
            Failure::Silent(seconds) => write!(out, "no answer within {seconds} s"),
            Failure::HungUp => out.write_str("the mail server closed the connection in the middle"),
            Failure::NotSmtp(why) => write!(out, "the mail server's reply cannot be read: {why}"),
            Failure::NoStartTls => out.write_str(
                "the mail server offers no STARTTLS: nothing is sent in the open while secure_conn is starttls",
            ),
            Failure::Injected => out.write_str(
                "something came in the open behind the reply to STARTTLS: somebody may sit on the line",
            ),
            Failure::NoLogin => out.write_str(
                "the mail server offers no login by PLAIN or LOGIN; many do so over TLS only (secure_conn)",
            ),
            Failure::Refused(step, told) => write!(out, "the mail server refused {step}: {told}"),
        }
    }
}
