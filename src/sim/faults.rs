//! Keeper: what is made to go wrong. Never acts: the engine asks it at the places where a real modem fails.

/// Where a send is interrupted by the modem vanishing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum UnplugAfter {
    /// With the prompt: the agent had no time to hand over anything.
    Prompt,
    /// With the PDU's first byte: handed over, as the agent sees it, and never on the air.
    Start,
    /// The PDU is on the air, the answer was not given.
    Pdu,
}

/// Sends that are refused.
#[derive(Clone, Debug)]
struct Storm {
    left: u32,
    /// `+CMS ERROR`.
    code: u16,
    /// To this number only.
    number: Option<String>,
}

/// All that is wrong just now.
#[derive(Debug)]
pub(super) struct Faults {
    /// Swallows every byte and says nothing.
    pub(super) hung: bool,
    /// Output comes in pieces of a few bytes.
    pub(super) cut: bool,
    /// No notification reaches the port.
    pub(super) muted: bool,
    /// Notifications wait for the next reply and come in its middle.
    pub(super) interleave: bool,
    /// So many messages are put on the air and never answered.
    pub(super) lose_answers: u32,
    pub(super) unplug_after: Option<UnplugAfter>,
    storms: Vec<Storm>,
    random: u32,
}

impl Default for Faults {
    fn default() -> Faults {
        Faults {
            hung: false,
            cut: false,
            muted: false,
            interleave: false,
            lose_answers: 0,
            unplug_after: None,
            storms: Vec::new(),
            random: 0x2545_f491,
        }
    }
}

impl Faults {
    /// The next `count` sends (to `number`, if one is named) are refused with `code`.
    pub(super) fn storm(&mut self, count: u32, code: u16, number: Option<String>) {
        self.storms.push(Storm {
            left: count,
            code,
            number,
        });
    }

    /// All is well again; numbers that were told to refuse go on refusing.
    pub(super) fn end(&mut self) {
        let mut storms = std::mem::take(&mut self.storms);
        storms.retain(|storm| storm.number.is_some());
        *self = Faults {
            storms,
            random: self.random,
            ..Faults::default()
        };
    }

    /// No more refusals.
    pub(super) fn calm(&mut self) {
        self.storms.clear();
    }

    /// The error a send to `to` meets, if any; it is counted.
    pub(super) fn refusal(&mut self, to: &str) -> Option<u16> {
        let meets = |storm: &&mut Storm| storm.number.as_deref().is_none_or(|number| number == to);
        let storm = self.storms.iter_mut().find(meets)?;
        storm.left = storm.left.saturating_sub(1);
        let code = storm.code;
        self.storms.retain(|storm| storm.left > 0);
        Some(code)
    }

    /// True once when the point of `after` is reached and an unplug was ordered for it.
    pub(super) fn unplugs(&mut self, after: UnplugAfter) -> bool {
        let now = self.unplug_after == Some(after);
        if now {
            self.unplug_after = None;
        }
        now
    }

    /// True when this answer gets lost; it is counted.
    pub(super) fn loses_answer(&mut self) -> bool {
        let lost = self.lose_answers > 0;
        self.lose_answers = self.lose_answers.saturating_sub(1);
        lost
    }

    /// A number that looks random and is the same in every run (xorshift).
    pub(super) fn random(&mut self) -> u32 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 17;
        self.random ^= self.random << 5;
        self.random
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_storm_for_one_number_spares_the_others_and_ends() {
        let mut faults = Faults::default();
        faults.storm(2, 38, Some(String::from("+491")));
        assert_eq!(faults.refusal("+492"), None);
        assert_eq!(faults.refusal("+491"), Some(38));
        assert_eq!(faults.refusal("+491"), Some(38));
        assert_eq!(faults.refusal("+491"), None);
    }

    #[test]
    fn when_all_faults_end_a_bad_number_stays_bad() {
        let mut faults = Faults {
            cut: true,
            ..Faults::default()
        };
        faults.storm(9, 38, None);
        faults.storm(9, 1, Some(String::from("+491")));
        faults.end();
        assert!(!faults.cut);
        assert_eq!(faults.refusal("+491"), Some(1));
        assert_eq!(faults.refusal("+492"), None);
    }

    #[test]
    fn an_unplug_happens_once_and_at_its_point() {
        let mut faults = Faults {
            unplug_after: Some(UnplugAfter::Pdu),
            ..Faults::default()
        };
        assert!(!faults.unplugs(UnplugAfter::Prompt));
        assert!(faults.unplugs(UnplugAfter::Pdu));
        assert!(!faults.unplugs(UnplugAfter::Pdu));
    }
}
