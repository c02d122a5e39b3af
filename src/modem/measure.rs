//! Edge: signal, registration and operator, asked and told to `signal`. Never decides when: the agenda does.

use super::cells;
use super::commands;
use super::conversation::Refused;
use super::levels;
use super::replies::{self, Registered, after};
use super::serving::Serving;
use super::session::Leave;
use super::tell;
use crate::signal::{ModemState, Radio, Registration};

fn is_good(registered: &Registered) -> bool {
    matches!(
        registered.registration,
        Registration::Home | Registration::Roaming
    )
}

impl Serving<'_> {
    /// Messages can leave: registered on either side, or the modem cannot tell.
    pub(super) fn is_registered(&self) -> bool {
        let sides = [&self.circuit, &self.lte];
        let known = sides.iter().any(|side| side.is_some());
        !known || sides.into_iter().flatten().any(is_good)
    }

    /// Counts the stored messages; with the signal on the same line when `with_signal`.
    pub(super) async fn count(&mut self, with_signal: bool) -> Result<(), Leave> {
        if !self.select(self.memory).await? {
            return Ok(());
        }
        let signal = self.quirks.signal.get(self.signal_question);
        let mut command = match signal.filter(|_| with_signal) {
            Some(question) => commands::memories().with(&question()),
            None => commands::memories(),
        };
        let with_calls = self.looks_for_calls();
        if with_calls {
            command = command.with(&commands::list_calls());
        }
        let answer = self.ask(command).await?;
        let now = self.now().tick;
        let lines = match answer {
            Ok(lines) => lines,
            Err(Refused::TimedOut) => return Ok(()),
            Err(_unknown) if with_calls => {
                log::debug!("modem: it does not list its calls");
                self.kept.calls.cannot_list();
                self.agenda.look_now(now);
                return Ok(());
            }
            Err(refused) if with_signal => {
                log::debug!("modem: it does not take two questions on a line ({refused})");
                self.agenda.keep_apart(now);
                return Ok(());
            }
            Err(refused) => {
                log::debug!("modem: it does not count its messages now ({refused})");
                return self.look_refused();
            }
        };
        self.note_signal(&lines);
        if with_calls {
            self.on_listed_calls(&lines);
        }
        if let Some(found) = replies::memories(&lines) {
            self.note_memories(&found).await?;
        }
        self.make_room().await
    }

    async fn note_memories(&mut self, found: &replies::Memories) -> Result<(), Leave> {
        let now = self.now().tick;
        let [reading, _, receiving] = found.names;
        let ours = Some(self.memory);
        if !found.named || (reading == ours && receiving.is_none_or(|other| Some(other) == ours)) {
            self.set_slots(Some(found.slots));
            self.agenda.counted(found.slots.used, now);
            return Ok(());
        }
        log::debug!("modem: another program chose another message memory; ours is chosen again");
        self.reading = reading;
        self.agenda.look_now(now);
        if let Some(other) = receiving.filter(|other| *other != self.memory) {
            self.reading = None;
            let _chosen = self.ask(commands::set_memories(self.memory)).await?;
            self.read_all(other).await?;
        }
        Ok(())
    }

    /// Reads the signal by the best question this modem answers.
    pub(super) async fn measure(&mut self) -> Result<(), Leave> {
        while let Some(question) = self.quirks.signal.get(self.signal_question) {
            match self.ask(question()).await? {
                Ok(lines) if self.note_signal(&lines) => return Ok(()),
                Ok(_nothing) => self.signal_question += 1,
                // Not known, not allowed, not supported.
                Err(Refused::Error | Refused::Cme(3 | 4 | 50 | 100)) => self.signal_question += 1,
                Err(Refused::Cme(_) | Refused::Cms(_) | Refused::TimedOut) => return Ok(()),
            }
        }
        Ok(())
    }

    /// True when the lines hold levels; some modems tell of the cell with them.
    fn note_signal(&self, lines: &[String]) -> bool {
        let levels = levels::parse(lines);
        let known = levels.is_some();
        if let Some(levels) = levels {
            tell::levels(self.rooms, levels);
            let _told = self.note_cells(lines);
        }
        known
    }

    fn note_cells(&self, lines: &[String]) -> bool {
        let radio = cells::parse(lines);
        let known = radio.is_some();
        if let Some(radio) = radio {
            self.rooms.signal.borrow_mut().network.radio = radio;
        }
        known
    }

    /// The cell is worth a question, if there is one to ask.
    pub(super) fn look_at_cells(&mut self) {
        let ask = self.quirks.cells.get(self.cells_question).is_some();
        let now = self.now().tick;
        self.agenda.set_cells(ask, now);
    }

    /// Reads the cell by the best question this modem answers.
    pub(super) async fn read_cells(&mut self) -> Result<(), Leave> {
        let Some(question) = self.quirks.cells.get(self.cells_question) else {
            return Ok(());
        };
        match self.ask(question()).await? {
            // Without a network there is nothing to tell.
            Ok(lines) => {
                let _told = self.note_cells(&lines);
            }
            Err(Refused::Error | Refused::Cme(3 | 4 | 50 | 100)) => {
                self.cells_question += 1;
                self.look_at_cells();
            }
            Err(Refused::Cme(_) | Refused::Cms(_) | Refused::TimedOut) => {}
        }
        Ok(())
    }

    /// `AT+CREG?`.
    pub(super) async fn read_circuit(&mut self) -> Result<(), Leave> {
        let answer = self.ask(commands::registration()).await?;
        let read = answer.ok().and_then(|lines| registered(&lines, "+CREG:"));
        self.note_registration(read, None);
        Ok(())
    }

    /// `AT+CEREG?`.
    pub(super) async fn read_lte(&mut self) -> Result<(), Leave> {
        let answer = self.ask(commands::lte_registration()).await?;
        let read = answer.ok().and_then(|lines| registered(&lines, "+CEREG:"));
        if read.is_none() && self.circuit.is_none() {
            return self.read_packet().await;
        }
        self.note_registration(None, read);
        Ok(())
    }

    /// `AT+CGREG?`, where nothing else tells. That data does not flow is no reason not to send.
    async fn read_packet(&mut self) -> Result<(), Leave> {
        let answer = self.ask(commands::packet_registration()).await?;
        let read = answer.ok().and_then(|lines| registered(&lines, "+CGREG:"));
        self.note_registration(None, read.filter(is_good));
        Ok(())
    }

    /// A side's registration, read or told.
    pub(super) fn note_registration(
        &mut self,
        circuit: Option<Registered>,
        lte: Option<Registered>,
    ) {
        self.circuit = circuit.or(self.circuit.take());
        self.lte = lte.or(self.lte.take());
        let sides = [&self.lte, &self.circuit];
        let good = sides.into_iter().flatten().find(|side| is_good(side));
        let Some(best) = good.or(self.lte.as_ref()).or(self.circuit.as_ref()) else {
            return;
        };
        let mut signal = self.rooms.signal.borrow_mut();
        let network = &mut signal.network;
        self.operator_due |= network.registration != best.registration;
        network.registration = best.registration;
        let moved = network.cell != best.cell;
        if moved {
            network.radio = Radio {
                temperature_c: network.radio.temperature_c,
                ..Radio::default()
            };
        }
        network.area.clone_from(&best.area);
        network.cell.clone_from(&best.cell);
        network.technology = best.technology;
        drop(signal);
        let registered = self.is_registered();
        let now = self.now().tick;
        self.agenda.set_registered(registered, now);
        if moved && registered {
            self.look_at_cells();
        }
        let state = if registered {
            ModemState::Ready
        } else {
            ModemState::Searching
        };
        tell::state(self.rooms, state);
    }

    /// The operator's name and number.
    pub(super) async fn read_operator(&mut self) -> Result<(), Leave> {
        self.operator_due = false;
        for command in commands::operator() {
            let Ok(lines) = self.ask(command).await? else {
                return Ok(());
            };
            let Some((format, operator, technology)) = replies::operator(&lines) else {
                continue;
            };
            let mut signal = self.rooms.signal.borrow_mut();
            let network = &mut signal.network;
            network.technology = technology.or(network.technology);
            if format == 2 {
                network.plmn = Some(operator);
            } else {
                network.operator = Some(operator);
            }
        }
        Ok(())
    }
}

fn registered(lines: &[String], prefix: &str) -> Option<Registered> {
    let rest = lines.iter().find_map(|line| after(line, prefix))?;
    replies::registration(rest, replies::is_registration_read(rest))
}
