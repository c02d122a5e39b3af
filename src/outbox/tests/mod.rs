//! Tests: the outbox as the modem's worker, the network and the API use it, on a simulated flash and with a toy codec of
//! four characters a part. Never tests the codec.

use super::*;
use crate::message::{Encoding, Event, EventKind, Number};
use crate::store::sim::{Fault, SimFlash};
use crate::time::WallTime;

mod asking;
mod reports;
mod sending;

const TOY: Codec = Codec {
    preview: |text| match text.len() {
        0 => Err(BadText::Empty),
        length => Ok(Preview {
            encoding: Encoding::Gsm7,
            parts: length.div_ceil(4) as u8,
            characters: length,
            left_in_part: 0,
        }),
    },
    submit: |text, options| {
        let parts = text.as_bytes().chunks(4);
        let head = |part: &[u8]| {
            let mut tpdu = vec![options.reference];
            tpdu.extend_from_slice(part);
            tpdu
        };
        Ok(parts.map(head).collect())
    },
};

fn at(seconds: u64) -> Now {
    Now {
        tick: Tick(seconds * 1000),
        wall: WallTime::from_unix_s(1_795_293_314 + seconds as i64),
    }
}

struct Room {
    flash: SimFlash,
    store: Shared,
    feed: Feed,
    outbox: Outbox,
}

fn room() -> Room {
    on(SimFlash::default(), at(0))
}

fn on(flash: SimFlash, now: Now) -> Room {
    let store = flash.shared();
    let feed = Feed::new(0);
    let outbox = Outbox::with(store.clone(), feed.clone(), now, TOY).unwrap();
    Room {
        flash,
        store,
        feed,
        outbox,
    }
}

fn asked(to: &str, text: &str) -> Submission {
    Submission {
        to: Number::as_received(to),
        text: text.into(),
        flash: false,
        report: true,
        validity_s: None,
        origin: "api".into(),
    }
}

fn report(reference: u8, to: &str, status: u8) -> StatusReport {
    StatusReport {
        reference,
        to: Number::as_received(to),
        sent_at: None,
        discharged_at: None,
        status,
    }
}

const ALICE: &str = "+12025550155";
const BOB: &str = "+12025550177";
const REFUSED: fn(u16) -> Outcome = |code| Outcome::Refused { code: Some(code) };

fn accepted(reference: u8) -> Outcome {
    Outcome::Accepted {
        reference: Some(reference),
    }
}

impl Room {
    fn submit(&mut self, to: &str, text: &str, seconds: u64) -> MessageId {
        let messages = self.outbox.submit(vec![asked(to, text)], None, at(seconds));
        messages.unwrap()[0].id
    }

    /// The worker takes a part, hands it over and gets this answer.
    fn works(&mut self, outcome: Outcome, seconds: u64) -> Job {
        let job = self.outbox.next(at(seconds)).unwrap();
        self.outbox.begin(&job, at(seconds)).unwrap();
        self.outbox.finish(&job, outcome, at(seconds));
        job
    }

    fn status(&self, id: MessageId) -> Status {
        self.outbox.get(id).unwrap().status
    }

    fn events(&self) -> Vec<Event> {
        self.store.borrow().events_after(0).collect()
    }

    fn reopened(&self, now: Now) -> Room {
        on(self.flash.clone(), now)
    }
}
