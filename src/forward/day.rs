//! Tests: the real work of one target of each kind, for the day of `src/day`. Never sends anything: the day is the network.

use std::rc::Rc;
use std::task::{Context, Waker};

use super::cursor::Cursors;
use super::kinds::{Target, enabled};
use super::target::{Common, Work};
use super::to_smtp::judge;
use super::{Rooms, Targets, follow};
use crate::config::{Config, Email, Forwarding, Reply, ToHttp, ToSms, ToSmtp};
use crate::mail::Verdict;
use crate::message::Number;
use crate::net::Dialer;

/// Who is told by SMS, and by mail, of what no rule takes.
pub(crate) const NUMBERS: [&str; 2] = ["+12025550101", "+12025550102"];
pub(crate) const ADDRESSES: [&str; 2] = ["a@b", "c@d"];
/// What the automatic reply says.
pub(crate) const REPLY: &str = "away";

/// A target of each kind.
pub(crate) struct Pushes {
    http: Work,
    sms: Work,
    smtp: Work,
    reply: Work,
}

fn config() -> Config {
    let forwarding = |every_sms| Forwarding {
        enabled: true,
        every_sms,
        ..Forwarding::default()
    };
    let mut config = Config::default();
    config.agent.name = Some(String::from("boat"));
    config.to_http = vec![ToHttp {
        name: String::from("hook"),
        forwarding: forwarding(true),
        ..ToHttp::default()
    }];
    config.to_sms = vec![ToSms {
        name: String::from("boss"),
        forwarding: forwarding(false),
        to: NUMBERS.map(Number::as_received).to_vec(),
        ..ToSms::default()
    }];
    config.emails = vec![Email {
        name: String::from("account"),
        sender: String::from("r@lan"),
        ..Email::default()
    }];
    config.to_smtp = vec![ToSmtp {
        name: String::from("post"),
        forwarding: forwarding(true),
        account: String::from("account"),
        to: ADDRESSES.map(String::from).to_vec(),
        ..ToSmtp::default()
    }];
    config.reply = Reply {
        forwarding: forwarding(false),
        msg: String::from(REPLY),
    };
    config
}

impl Pushes {
    /// As at a start of the agent.
    pub(crate) fn open(rooms: Rooms) -> Pushes {
        let config = Rc::new(config());
        let common = Common {
            cursors: Rc::new(Cursors::new(rooms.store.clone()).into()),
            dialer: Dialer::default(),
            rooms,
            targets: Targets::default(),
        };
        follow(&config, &common);
        let names: Vec<&str> = enabled(&config).map(Target::name).collect();
        let work = |name| Work::new(name, config.clone(), common.clone()).unwrap();
        let [http, sms, smtp, reply] = names
            .try_into()
            .map(|names: [&str; 4]| names.map(work))
            .unwrap();
        Pushes {
            http,
            sms,
            smtp,
            reply,
        }
    }

    /// What is new is seen; a place that could not be written before is.
    pub(crate) fn look(&mut self) {
        for work in [
            &mut self.http,
            &mut self.sms,
            &mut self.smtp,
            &mut self.reply,
        ] {
            work.look();
            work.settle(0);
        }
    }

    /// The event whose push is due.
    pub(crate) fn http(&self) -> Option<u64> {
        self.http.queue.front()
    }

    /// The receiver said 200.
    pub(crate) fn http_worked(&mut self, seq: u64) {
        let event = self.http.event(seq).unwrap();
        self.http.worked(&event);
    }

    /// Hands the next message on by SMS, or answers it; false when nothing is due or it has to wait.
    pub(crate) fn submit(&mut self) -> bool {
        hand_over(&mut self.sms) || hand_over(&mut self.reply)
    }

    /// The event whose mail is due, and who does not have it.
    pub(crate) fn mail(&self) -> Option<(u64, Vec<String>)> {
        let Work {
            id, common, queue, ..
        } = &self.smtp;
        let cursors = common.cursors.borrow();
        let mut to = ADDRESSES.map(String::from).to_vec();
        to.retain(|to| !cursors.has_reached(id, to));
        Some((queue.front()?, to))
    }

    /// What the server said of them.
    pub(crate) fn mailed(&mut self, seq: u64, to: &[String], verdicts: Vec<Verdict>) {
        let event = self.smtp.event(seq).unwrap();
        let some_have_it = to.len() < ADDRESSES.len();
        self.smtp.mailed(&event, judge(to, verdicts), some_have_it);
    }

    /// Nothing waits that was seen.
    pub(crate) fn are_done(&self) -> bool {
        let all = [&self.http, &self.sms, &self.smtp, &self.reply];
        all.iter().all(|work| work.queue.front().is_none())
    }
}

/// One turn of a target whose receiver is the outbox: it lets others go first once, and waits for nothing else.
fn hand_over(work: &mut Work) -> bool {
    let Some(due) = work.queue.front() else {
        return false;
    };
    let mut bell = work.common.rooms.feed.listen();
    let mut turn = Box::pin(work.push(due, &mut bell));
    let mut context = Context::from_waker(Waker::noop());
    assert!((0..2).any(|_| turn.as_mut().poll(&mut context).is_ready()));
    drop(turn);
    work.queue.front() != Some(due)
}
