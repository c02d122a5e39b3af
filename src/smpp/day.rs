//! Tests: one SMPP client, for the day of `src/day`. Never opens a socket.

use super::Rooms;
use super::delivery::Delivery;
use super::desk::Desk;
use super::pdu::{self, Header, Status};
use crate::config::{Config, Smpp};
use crate::store::WhyNot;
use crate::time::Now;

/// A client that submits and is told.
pub(crate) struct Client {
    delivery: Delivery,
    rooms: Rooms,
    config: Config,
}

impl Client {
    pub(crate) fn open(rooms: &Rooms) -> Result<Client, WhyNot> {
        let smpp = Smpp {
            enabled: true,
            deliver: true,
            ..Smpp::default()
        };
        let config = Config {
            smpp,
            ..Config::default()
        };
        let mut delivery = Delivery::new(rooms.clone());
        delivery.follow(&config.smpp)?;
        let rooms = rooms.clone();
        Ok(Client {
            delivery,
            rooms,
            config,
        })
    }

    /// `submit_sm`; `false` when it was refused.
    pub(crate) fn submit(&self, text: &str, now: Now) -> bool {
        let header = Header {
            command: pdu::SUBMIT_SM,
            status: Status::OK,
            sequence: 1,
        };
        let mut body = b"\0\0\0\0\x01\x0112025550177\0\0\0\0\0\0\x01\0\0\0".to_vec();
        body.push(u8::try_from(text.len()).unwrap());
        body.extend_from_slice(text.as_bytes());
        let (rooms, config) = (&self.rooms, &self.config);
        Desk { rooms, config, now }.carry_out(header, &body).is_ok()
    }

    /// The next `deliver_sm`s: ticket and bodies.
    pub(crate) fn next(&mut self, now: Now) -> Option<(u64, Vec<Vec<u8>>)> {
        let item = self
            .delivery
            .take(&self.config.smpp, true, (10, true), now.tick)?;
        Some((item.ticket, item.bodies))
    }

    /// The client took them.
    pub(crate) fn done(&mut self, ticket: u64, bodies: usize, now: Now) -> Result<(), WhyNot> {
        for _ in 0..bodies {
            self.delivery.answered(ticket, Status::OK, now.tick);
        }
        self.delivery.keep()
    }
}
