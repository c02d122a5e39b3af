//! Tests: what clients of the API may send, as fuzz targets. Never in the program.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use std::cell::RefCell;
use std::net::{IpAddr, Ipv4Addr};
use std::rc::Rc;
use std::time::Duration;

use tokio::sync::watch;

use super::Rooms;
use super::answer::Framing;
use super::ask::Ask;
use super::auth;
use super::desk::Desk;
use super::head::{Head, MAX_BODY, MAX_HEAD, Parsed};
use super::post_get::{self, Request};
use super::query::Params;
use super::routes::{self, Serve};
use crate::clock::Clock;
use crate::config::Config;
use crate::feed::Feed;
use crate::inbox::{Arrival, Inbox};
use crate::modem::Handle;
use crate::outbox::Outbox;
use crate::rules;
use crate::signal::Signal;
use crate::store::sim::SimFlash;

/// The head of a request, whole or not.
pub(crate) fn head(data: &[u8]) {
    let Parsed::Got(head, used) = Head::parse(data) else {
        return;
    };
    assert!(used <= data.len().min(MAX_HEAD) && head.body <= MAX_BODY);
    assert!(head.target.is_ascii() && head.target.bytes().all(|byte| byte > b' '));
    // More bytes behind it change nothing, and one less is not enough.
    assert_eq!(Head::parse(&data[..used]), Parsed::Got(head.clone(), used));
    assert_eq!(Head::parse(&data[..used - 1]), Parsed::NotYet);
    let _kept = (head.keeps_alive(), head.expects_continue());
    let peer = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let _admitted = auth::admit(&head, peer, Some("a token"));
    let _fits = post_get::head_fits(&head);
    if let Ok(ask) = Ask::new(&head) {
        let _route = routes::find(&ask.method, ask.path());
        let _params = ask.params();
    }
}

/// A target's parameters.
pub(crate) fn query(data: &[u8]) {
    let target = String::from_utf8_lossy(data);
    if let Ok(mut params) = Params::parse(&target) {
        let _number = params.number("limit", 1000);
        let _text = params.take("text");
        let _rest = params.done();
    }
}

/// The rooms that requests are about: a message in, one out.
fn desk() -> Desk {
    let clock = Clock::start();
    let store = SimFlash::default().shared();
    let feed = Feed::new(0);
    let hour = Duration::from_secs(3600);
    let mut inbox = Inbox::new(Rc::clone(&store), feed.clone(), hour, clock.now());
    let pdu = crate::sms::from_hex(
        "0791447758100650040C91440000000000000862803071441200060041004200430000",
    );
    if let Ok(pdu) = pdu {
        let _kept = inbox.accept(&Arrival { slot: None, pdu }, clock.now());
    }
    let outbox = Outbox::new(Rc::clone(&store), feed.clone(), clock.now());
    let (_config, seen) = watch::channel(Rc::new(Config::default()));
    let for_rules = rules::Rooms {
        inbox: Rc::new(RefCell::new(inbox)),
        outbox: Rc::new(RefCell::new(outbox.unwrap_or_else(|why| panic!("{why}")))),
        signal: Rc::new(RefCell::new(Signal::new(feed.clone()))),
        store,
        feed,
        clock,
    };
    let rooms = rooms(for_rules, Handle::new().0, seen.clone());
    Desk::new(rooms, seen, None)
}

/// What handlers ask, around these rooms and this modem; nothing is forwarded, and no SMPP is served.
pub(super) fn rooms(
    rooms: rules::Rooms,
    modem: Handle,
    config: watch::Receiver<Rc<Config>>,
) -> Rooms {
    Rooms {
        store: rooms.store.clone(),
        inbox: rooms.inbox.clone(),
        outbox: rooms.outbox.clone(),
        signal: rooms.signal.clone(),
        feed: rooms.feed.clone(),
        targets: Rc::default(),
        smpp: crate::smpp::Handle::default(),
        modem,
        clock: rooms.clock,
        rules: rules::Rules::new(config, rooms).1,
        settings: crate::config::Settings::default(),
    }
}

/// `METHOD TARGET`, a line end, and the body: up to four such requests, parted by a NUL.
pub(crate) fn requests(data: &[u8]) {
    let desk = desk();
    for request in data.split(|byte| *byte == 0).take(4) {
        let line = request
            .split(|byte| *byte == b'\n')
            .next()
            .unwrap_or_default();
        let body = request.get(line.len() + 1..).unwrap_or_default();
        let line = [line, b" HTTP/1.1\r\nIdempotency-Key: k\r\n\r\n"].concat();
        let Parsed::Got(head, _) = Head::parse(&line) else {
            continue;
        };
        let Ok(mut ask) = Ask::new(&head) else {
            continue;
        };
        ask.body = body.to_vec();
        let answer = match routes::find(&ask.method, ask.path()).map(|route| route.serve) {
            Ok(Serve::Now(handler)) => handler(&desk, &ask),
            Ok(Serve::Errand(wish)) => {
                let _errand = wish(&desk, &ask);
                continue;
            }
            Ok(Serve::Healthz | Serve::PushTest | Serve::RuleTest | Serve::Events) => continue,
            Err(problem) => Err(problem),
        };
        let answer = answer.unwrap_or_else(|problem| problem.answer());
        assert_ne!(answer.status, 500);
        let _bytes = answer.emit(Framing {
            keep_alive: true,
            head_only: false,
        });
    }
}

/// A call of Post/Get: the target, a line end, and the form.
pub(crate) fn form(data: &[u8]) {
    let desk = desk();
    let target = data.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let ask = Ask {
        method: String::from("POST"),
        target: String::from_utf8_lossy(target).into_owned(),
        body: data.get(target.len() + 1..).unwrap_or_default().to_vec(),
        ..Ask::default()
    };
    let request = Request::read(&ask);
    let _admitted = request.admit(&desk.config().post_get);
    if let Some(Ok(text)) = request.at_once(&desk) {
        assert!(text.len() < 1_000_000);
    }
}
