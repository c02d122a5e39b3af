//! Decider: what the network has for the modem — stored and indicated, or handed over directly, by CNMI, class and
//! room (27.005 3.4.1). Never loses what has no room: it waits in the network, in order.

use super::modem::{Action, Lock, Modem};
use super::network::{Incoming, Kind};
use super::pdu;
use super::store::{Stat, Stored};
use crate::message::Memory;
use crate::time::Now;

/// 27.005 3.4.4: a direct delivery not acknowledged in this time is undone and direct delivery ends.
const ACK_MS: u64 = 10_000;
const RETRY_MS: u64 = 1_000;

/// Where something goes.
enum Way {
    /// Straight to the port, under this name; the flag says whether `+CNMA` must follow.
    Direct(&'static str, bool),
    /// Into a store, indicated under this name if at all.
    Store(Memory, Option<&'static str>),
    /// Nowhere: nobody wants it.
    Drop,
}

impl Modem {
    /// Delivers what waits, in order, as far as it can.
    pub(super) fn pump(&mut self, now: Now) {
        while self.can_receive()
            && let Some(incoming) = self.network.queue.pop_front()
        {
            let taken = match self.way(&incoming) {
                Way::Drop => true,
                Way::Direct(name, must_acknowledge) => {
                    self.hand_over(name, must_acknowledge, &incoming, now);
                    true
                }
                Way::Store(memory, name) => self.keep(memory, name, &incoming),
            };
            if !taken {
                self.network.queue.push_front(incoming);
                return;
            }
            self.network.delivered += 1;
        }
    }

    fn can_receive(&self) -> bool {
        let sim = self.sim.present && self.sim.lock == Lock::Open;
        sim && self.plug.plugged
            && !self.faults.hung
            && self.network.registered()
            && self.unacknowledged.is_none()
    }

    fn way(&self, incoming: &Incoming) -> Way {
        let [_, mt, _, ds, _] = self.settings.cnmi;
        let [.., received] = self.settings.memories;
        let acknowledged = self.settings.csms == 1;
        match incoming.kind {
            _ if incoming.silent => Way::Store(received, None),
            Kind::Report => match ds {
                0 => Way::Drop,
                1 => Way::Direct("+CDS", acknowledged),
                _ => Way::Store(received, Some("+CDSI")),
            },
            Kind::Message(Some(0)) if self.profile.shows_flash => match mt {
                0 => Way::Drop,
                _ => Way::Direct("+CMT", false),
            },
            Kind::Message(Some(2)) => Way::Store(Memory::Sim, (mt > 0).then_some("+CMTI")),
            Kind::Message(class) if mt == 2 || mt == 3 && class == Some(3) => {
                Way::Direct("+CMT", acknowledged)
            }
            Kind::Message(_) => Way::Store(received, (mt > 0).then_some("+CMTI")),
        }
    }

    fn keep(&mut self, memory: Memory, name: Option<&str>, incoming: &Incoming) -> bool {
        let stored = Stored {
            stat: Stat::Unread,
            pdu: incoming.pdu.clone(),
        };
        let Some(index) = self.stores.put(memory, stored) else {
            return false;
        };
        if let Some(name) = name {
            self.indicate(format!("{name}: \"{}\",{index}", memory.as_str()));
        }
        true
    }

    fn hand_over(&mut self, name: &str, must_acknowledge: bool, incoming: &Incoming, now: Now) {
        let alpha = if name == "+CMT" { "," } else { "" };
        let length = pdu::tpdu_length(&incoming.pdu);
        self.indicate(format!(
            "{name}: {alpha}{length}\r\n{}",
            pdu::hex(&incoming.pdu)
        ));
        if must_acknowledge {
            self.deliveries += 1;
            self.unacknowledged = Some((self.deliveries, incoming.clone()));
            self.later(now, ACK_MS, Action::AckMissing(self.deliveries));
        }
    }

    /// A message indication: CNMI mode 0 keeps it in the modem.
    fn indicate(&mut self, line: String) {
        match self.settings.cnmi {
            [0, ..] => self.buffered.push(line),
            _ => self.notify(&line),
        }
    }

    /// The agent said `+CNMA`; false when there was nothing to acknowledge.
    pub(super) fn acknowledge(&mut self, good: bool, now: Now) -> bool {
        let Some((_, incoming)) = self.unacknowledged.take() else {
            return false;
        };
        self.forget(|action| matches!(action, Action::AckMissing(_)));
        if good {
            self.later(now, 0, Action::Retry);
        } else {
            self.undo(incoming, now);
        }
        true
    }

    /// Nobody said `+CNMA` in time: direct delivery is switched off (27.005 3.4.4).
    pub(super) fn ack_missing(&mut self, number: u32, now: Now) {
        if let Some((_, incoming)) = self
            .unacknowledged
            .take_if(|(waiting, _)| *waiting == number)
        {
            let [mode, _, bm, _, bfr] = self.settings.cnmi;
            self.settings.cnmi = [mode, 0, bm, 0, bfr];
            self.undo(incoming, now);
        }
    }

    fn undo(&mut self, incoming: Incoming, now: Now) {
        self.network.delivered = self.network.delivered.saturating_sub(1);
        self.network.queue.push_front(incoming);
        self.forget(|action| matches!(action, Action::Retry));
        self.later(now, RETRY_MS, Action::Retry);
    }
}
