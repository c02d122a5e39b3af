//! Decider: what the worker asks the modem when nothing else is to do — looks for messages, signal, registration —
//! within one command a slot, so that an idle modem hears no more than one every five seconds. Never asks itself.

use std::time::Duration;

use crate::time::Tick;

/// The least time between two idle commands, unless `poll` is shorter.
const SLOT: Duration = Duration::from_secs(5);

/// Between two readings of the signal.
const SIGNAL: Duration = Duration::from_secs(60);

/// Between two readings of the registration while it is good: it tells its changes itself.
const REGISTERED: Duration = Duration::from_secs(300);

/// And while it is not.
const SEARCHING: Duration = Duration::from_secs(10);

/// Between two readings of the cell and its neighbours.
const CELLS: Duration = Duration::from_secs(300);

/// A full list is read this often although the count did not change: a vendor daemon may have deleted one message while
/// another came.
const RELIST: Duration = Duration::from_secs(300);

/// A question that is not about messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Question {
    /// Levels.
    Signal,
    /// `AT+CREG?`.
    Registration,
    /// `AT+CEREG?`.
    LteRegistration,
    /// The cell, its neighbours, the temperature.
    Cells,
}

/// What to do now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Task {
    /// Count the stored messages, and ask for the signal on the same line if `true`.
    Count(bool),
    /// Read them all.
    List,
    /// Ask this.
    Ask(Question),
}

/// The plan.
#[derive(Debug)]
pub(super) struct Agenda {
    poll: Duration,
    look_at: Tick,
    list_at: Option<Tick>,
    relist_at: Tick,
    used: Option<u16>,
    /// Messages taken over one by one since the last count, which may or may not have counted them.
    fresh: u16,
    counts: bool,
    signal_at: Tick,
    registration_at: Tick,
    /// Only while the modem is known to answer.
    cells_at: Option<Tick>,
    lte_next: bool,
    registered: bool,
    /// The modem takes two questions on one line.
    joins: bool,
    asked_last: bool,
    last_slot: Tick,
}

impl Agenda {
    /// For a modem that has just started: everything is due now. `counts`: it answers `AT+CPMS?`.
    pub(super) fn new(poll: Duration, counts: bool, now: Tick) -> Agenda {
        Agenda {
            poll,
            look_at: now + poll,
            list_at: Some(now),
            relist_at: now,
            used: None,
            fresh: 0,
            counts,
            signal_at: now + SIGNAL,
            registration_at: now + SEARCHING,
            cells_at: None,
            lte_next: false,
            registered: false,
            joins: true,
            asked_last: false,
            last_slot: now,
        }
    }

    /// When [`Agenda::next`] has something.
    pub(super) fn next_wake(&self) -> Tick {
        let question = self.signal_at.min(self.registration_at);
        let question = self.cells_at.map_or(question, |at| at.min(question));
        let idle = self.look_at.min(question.max(self.last_slot + SLOT));
        self.list_at.map_or(idle, |list| idle.min(list))
    }

    /// A look is so late that it goes before sending.
    pub(super) fn is_overdue(&self, now: Tick) -> bool {
        now >= self.look_at + self.poll || self.list_at.is_some_and(|at| now >= at + self.poll)
    }

    /// What to do now, if anything; it counts as done.
    pub(super) fn next(&mut self, now: Tick) -> Option<Task> {
        if self.list_at.is_some_and(|at| at <= now) {
            return Some(self.list(now));
        }
        if now < self.look_at {
            let free = now >= self.last_slot + SLOT;
            return self
                .question(now)
                .filter(|_| free)
                .map(|question| self.ask(question, now));
        }
        let question = self.question(now);
        if let Some(question) = question.filter(|question| self.goes_alone(*question)) {
            self.look_at = now + self.poll;
            return Some(self.ask(question, now));
        }
        if !self.counts || now >= self.relist_at {
            return Some(self.list(now));
        }
        let rides = self.joins && question == Some(Question::Signal);
        if rides {
            self.signal_at = now + SIGNAL;
        }
        self.slot(now, false);
        self.look_at = now + self.poll;
        Some(Task::Count(rides))
    }

    fn question(&self, now: Tick) -> Option<Question> {
        if now >= self.signal_at {
            return Some(Question::Signal);
        }
        let which = if self.lte_next {
            Question::LteRegistration
        } else {
            Question::Registration
        };
        let cells = || self.cells_at.filter(|at| *at <= now);
        (now >= self.registration_at)
            .then_some(which)
            .or_else(|| cells().map(|_| Question::Cells))
    }

    /// True for what cannot share a line with the look; but never twice running, lest looks wait.
    fn goes_alone(&self, question: Question) -> bool {
        let joins = self.joins && self.counts && question == Question::Signal;
        !joins && !self.asked_last
    }

    fn slot(&mut self, now: Tick, asked: bool) {
        self.last_slot = now;
        self.asked_last = asked;
    }

    fn list(&mut self, now: Tick) -> Task {
        self.list_at = None;
        self.relist_at = now + RELIST;
        self.look_at = now + self.poll;
        self.slot(now, false);
        Task::List
    }

    fn ask(&mut self, question: Question, now: Tick) -> Task {
        match question {
            Question::Signal => self.signal_at = now + SIGNAL,
            Question::Cells => self.cells_at = Some(now + CELLS),
            Question::Registration | Question::LteRegistration => {
                self.lte_next = question == Question::Registration;
                let pause = if self.registered {
                    REGISTERED
                } else {
                    SEARCHING
                };
                self.registration_at = now + pause;
            }
        }
        self.slot(now, true);
        Task::Ask(question)
    }

    /// Measure the signal at the next look.
    pub(super) fn measure_now(&mut self, now: Tick) {
        self.signal_at = self.signal_at.min(now);
    }

    /// The cell is to be read now, and every five minutes from then on; or no more.
    pub(super) fn set_cells(&mut self, wanted: bool, now: Tick) {
        self.cells_at = wanted.then_some(now);
    }

    /// The owner changed `poll`.
    pub(super) fn set_poll(&mut self, poll: Duration, now: Tick) {
        if poll != self.poll {
            self.poll = poll;
            self.look_at = now + poll;
        }
    }

    /// The line with two questions failed: they are asked apart from now on, the signal at once.
    pub(super) fn keep_apart(&mut self, now: Tick) {
        self.joins = false;
        self.signal_at = now;
        self.look_at = now;
    }

    /// Registration is good, or not.
    pub(super) fn set_registered(&mut self, registered: bool, now: Tick) {
        if registered != self.registered {
            self.registered = registered;
            let pause = if registered { REGISTERED } else { SEARCHING };
            self.registration_at = now + pause;
        }
    }

    /// Look at all messages now.
    pub(super) fn look_now(&mut self, now: Tick) {
        self.list_at = Some(now);
    }

    /// Something could not be kept: look again after `pause`.
    pub(super) fn look_again(&mut self, pause: Duration, now: Tick) {
        self.list_at = Some(now + pause);
    }

    /// The modem counted its messages. A count that what was taken over meanwhile does not explain means that there is
    /// something to read.
    pub(super) fn counted(&mut self, used: u16, now: Tick) {
        let explained = self
            .used
            .is_some_and(|before| (before..=before.saturating_add(self.fresh)).contains(&used));
        if !explained && used > 0 {
            self.list_at = Some(self.list_at.unwrap_or(now));
        }
        if used == 0 {
            self.relist_at = now + RELIST;
        }
        self.listed(used);
    }

    /// So many messages are stored, all of them read.
    pub(super) fn listed(&mut self, used: u16) {
        self.used = Some(used);
        self.fresh = 0;
    }

    /// One was read by its own notification.
    pub(super) fn took(&mut self) {
        self.fresh = self.fresh.saturating_add(1);
    }

    /// One was deleted.
    pub(super) fn freed(&mut self) {
        if self.fresh > 0 {
            self.fresh -= 1;
        } else {
            self.used = self.used.map(|used| used.saturating_sub(1));
        }
    }

    /// As many messages may be stored, going by the last count and what was taken over since.
    pub(super) fn most(&self) -> u16 {
        self.used.unwrap_or(0).saturating_add(self.fresh)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Tick {
        Tick(seconds * 1000)
    }

    /// Runs an idle modem from 0 to `seconds`; every task with its second.
    fn idle(agenda: &mut Agenda, seconds: u64) -> Vec<(u64, Task)> {
        let mut done = Vec::new();
        let mut now = at(0);
        while now <= at(seconds) {
            while let Some(task) = agenda.next(now) {
                done.push((now.0 / 1000, task));
                match task {
                    Task::Count(_) => agenda.counted(0, now),
                    Task::List => agenda.listed(0),
                    Task::Ask(_) => {}
                }
            }
            let wake = agenda.next_wake();
            assert!(wake > now, "no rest at {now:?}");
            now = wake;
        }
        done
    }

    #[test]
    fn an_idle_modem_hears_one_command_every_five_seconds_and_is_looked_at_every_five() {
        let mut agenda = Agenda::new(Duration::from_secs(5), true, at(0));
        agenda.set_registered(true, at(0));
        agenda.set_cells(true, at(0));
        let done = idle(&mut agenda, 3600);
        assert!(done.len() <= 721, "{}", done.len());
        let cells = |task: &Task| *task == Task::Ask(Question::Cells);
        assert_eq!(done.iter().filter(|(_, task)| cells(task)).count(), 12);
        let signal = done
            .iter()
            .filter(|(_, task)| *task == Task::Count(true))
            .count();
        assert!((59..=60).contains(&signal), "{signal}");
        let looks: Vec<u64> = done
            .iter()
            .filter(|(_, task)| !matches!(task, Task::Ask(_)))
            .map(|(second, _)| *second)
            .collect();
        let longest = looks.windows(2).map(|pair| pair[1] - pair[0]).max();
        assert_eq!(longest, Some(10));
        assert!(
            looks
                .windows(2)
                .filter(|pair| pair[1] - pair[0] > 5)
                .count()
                <= 24
        );
    }

    #[test]
    fn a_modem_that_takes_one_question_a_line_stays_within_the_budget_too() {
        let mut agenda = Agenda::new(Duration::from_secs(5), true, at(0));
        agenda.set_registered(true, at(0));
        agenda.joins = false;
        let done = idle(&mut agenda, 3600);
        assert!(done.len() <= 721, "{}", done.len());
        assert!(
            done.iter()
                .any(|(_, task)| *task == Task::Ask(Question::Signal))
        );
    }

    #[test]
    fn a_long_poll_does_not_hold_up_the_signal() {
        let mut agenda = Agenda::new(Duration::from_secs(600), true, at(0));
        agenda.set_registered(true, at(0));
        let done = idle(&mut agenda, 1200);
        let signal = |task: &Task| matches!(task, Task::Ask(Question::Signal) | Task::Count(true));
        assert!(done.iter().filter(|(_, task)| signal(task)).count() >= 18);
    }

    #[test]
    fn a_new_count_is_followed_by_a_list_and_an_old_one_is_not() {
        let mut agenda = Agenda::new(Duration::from_secs(5), true, at(0));
        assert_eq!(agenda.next(at(0)), Some(Task::List));
        agenda.listed(2);
        assert_eq!(agenda.next(at(5)), Some(Task::Count(false)));
        agenda.counted(2, at(5));
        assert_eq!(agenda.next(at(5)), None);
        assert_eq!(agenda.next(at(10)), Some(Task::Ask(Question::Registration)));
        assert_eq!(agenda.next(at(15)), Some(Task::Count(false)));
        agenda.counted(3, at(15));
        assert_eq!(agenda.next(at(15)), Some(Task::List));
    }

    #[test]
    fn a_count_that_told_messages_explain_needs_no_list() {
        let mut agenda = Agenda::new(Duration::from_secs(5), true, at(0));
        assert_eq!(agenda.next(at(0)), Some(Task::List));
        agenda.listed(2);
        agenda.took();
        agenda.took();
        agenda.freed();
        assert_eq!(agenda.most(), 3);
        agenda.counted(3, at(5));
        assert_eq!(agenda.list_at, None);
        agenda.counted(2, at(10));
        assert_eq!(agenda.next(at(10)), Some(Task::List));
    }

    #[test]
    fn what_could_not_be_kept_is_looked_for_again_after_the_pause() {
        let mut agenda = Agenda::new(Duration::from_secs(5), true, at(0));
        assert_eq!(agenda.next(at(0)), Some(Task::List));
        agenda.look_again(Duration::from_secs(10), at(0));
        assert_eq!(agenda.next(at(1)), None);
        assert_eq!(agenda.next(at(10)), Some(Task::List));
    }
}
