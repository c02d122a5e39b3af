//! Keeper: long answers a page at a time — `more` sends the next one. Never outlives the agent.

use std::time::Duration;

use crate::message::Number;
use crate::sms;
use crate::time::Tick;

/// The rest of an answer waits so long.
const WAITS: Duration = Duration::from_secs(3600);
/// So many numbers have one.
const NUMBERS: usize = 8;

/// What is left of long answers.
#[derive(Clone, Debug, Default)]
pub(super) struct Pages(Vec<(Number, String, Tick)>);

impl Pages {
    /// The first page of `text`; the rest waits for `number`, instead of what waited before.
    pub(super) fn first(&mut self, number: &Number, text: &str, now: Tick) -> String {
        self.0
            .retain(|(known, _, at)| known != number && now.since(*at) < WAITS);
        let (page, rest) = cut(text, 1);
        if !rest.is_empty() {
            if self.0.len() >= NUMBERS {
                self.0.remove(0);
            }
            self.0.push((number.clone(), String::from(rest), now));
        }
        String::from(page)
    }

    /// The next page, if one waits.
    pub(super) fn next(&mut self, number: &Number, now: Tick) -> Option<String> {
        let place = self.0.iter().position(|(known, _, _)| known == number)?;
        let (_, rest, at) = self.0.remove(place);
        (now.since(at) < WAITS).then(|| self.first(number, &rest, now))
    }
}

/// As much of `text` as goes into so many parts, and the rest.
pub(super) fn cut(text: &str, parts: u8) -> (&str, &str) {
    let fits = |text: &str| sms::preview(text).is_ok_and(|preview| preview.parts <= parts);
    let most = usize::from(parts) * 160;
    let mut end = text
        .char_indices()
        .nth(most)
        .map_or(text.len(), |(at, _)| at);
    while let Some((head, rest)) = text.split_at_checked(end) {
        let Some((before, _)) = head.char_indices().next_back() else {
            break;
        };
        if fits(head) {
            return (head, rest);
        }
        end = before;
    }
    ("", "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_comes_page_by_page_and_expires() {
        let mut pages = Pages::default();
        let (one, other) = (Number::as_received("+1"), Number::as_received("+2"));
        let text: String = ('a'..='z').cycle().take(400).collect();
        let now = Tick(0);
        let mut all = pages.first(&one, &text, now);
        assert_eq!(all.len(), 160);
        assert_eq!(pages.next(&other, now), None);
        all += &pages.next(&one, now).unwrap();
        all += &pages.next(&one, now).unwrap();
        assert_eq!(all, text);
        assert_eq!(pages.next(&one, now), None);
        pages.first(&one, &text, now);
        assert_eq!(pages.next(&one, now + WAITS), None);
        pages.first(&one, &text, now);
        assert_eq!(pages.first(&one, "short", now), "short");
        assert_eq!(pages.next(&one, now), None, "a new answer ends the old one");
        for number in 0..20 {
            pages.first(&Number::as_received(format!("+{number}")), &text, now);
        }
        assert_eq!(pages.0.len(), NUMBERS);
    }

    #[test]
    fn a_page_is_one_message_in_either_alphabet() {
        assert_eq!(cut(&"ž".repeat(100), 1).0.chars().count(), 70);
        assert_eq!(cut(&"€".repeat(100), 1).0.chars().count(), 80);
        assert_eq!(cut(&"x".repeat(2000), 8).0.len(), 8 * 153);
        assert_eq!(cut("", 1), ("", ""));
    }
}
