//! Words: what an action is asked, what it wants done, and the script of what was said so far. Never runs anything: an
//! action is a plain function that is read again from its beginning after each answer, until it needs no more.
//!
//! ```text
//! action(order, script) --- Need(deed) ---> runner does it, writes down what was said --+
//!      ^                                                                                |
//!      +------------------------------ from the beginning again ------------------------+
//! ```
//! So an action reads like a straight list of steps, holds no state over a wait, and a test needs no router.

use std::time::Duration;

use crate::config::Rule;
use crate::message::Number;

/// What somebody ordered.
#[derive(Clone, Copy, Debug)]
pub(super) struct Order<'a> {
    /// By which rule.
    pub(super) rule: &'a Rule,
    /// What stood behind the rule's text, blanks trimmed.
    pub(super) args: &'a str,
    /// Who.
    pub(super) from: &'a Number,
}

impl Order<'_> {
    /// `value` of the rule: switch on.
    pub(super) fn on(&self) -> bool {
        self.rule.text("value") != "off"
    }
}

/// What the runner is to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Deed {
    /// A program (a path, or a name looked for in `PATH`) and its arguments.
    Run(Vec<String>, Duration),
    /// The same of one that only says how things are: a trial runs it, too.
    Look(Vec<String>, Duration),
    /// A magic packet for this machine.
    Wake([u8; 6]),
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Said {
    /// It ended: exit code, what it printed, what it complained of.
    Ended(Option<i32>, String, String),
    /// There is no such program.
    Missing,
    /// Nobody knows how it ended.
    Unknown,
}

/// Why an action is not at its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// First this must be done.
    Need(Deed),
    /// It cannot be done; for the one who ordered it.
    Failed(String),
}

/// What an action answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// It is done.
    Done,
    /// This.
    Text(String),
    /// A status text, its parameters not filled in; the rule's own `message` stands above it.
    Status(String),
    /// The next page of a long answer.
    More,
}

/// An action.
pub(super) type Run = fn(&Order<'_>, &mut Script<'_>) -> Result<Answer, Stop>;

/// A program that answers nothing is killed after so long.
const LIMIT: Duration = Duration::from_secs(30);

/// What was said so far, read in order.
#[derive(Debug)]
pub(super) struct Script<'a> {
    said: std::slice::Iter<'a, Said>,
}

impl<'a> Script<'a> {
    /// From the beginning.
    pub(super) fn new(said: &'a [Said]) -> Script<'a> {
        Script { said: said.iter() }
    }

    /// Has `deed` done; what came of it.
    pub(super) fn deed(&mut self, deed: Deed) -> Result<&'a Said, Stop> {
        self.said.next().ok_or(Stop::Need(deed))
    }

    /// Runs a program with time to spare.
    pub(super) fn run(&mut self, words: &[&str], limit: Duration) -> Result<&'a Said, Stop> {
        let words = given(words)?;
        self.deed(Deed::Run(words, limit))
    }

    /// Runs one that changes nothing.
    fn looked(&mut self, words: &[&str]) -> Result<&'a Said, Stop> {
        let words = given(words)?;
        self.deed(Deed::Look(words, LIMIT))
    }

    /// What a program that changes nothing printed; nothing when it failed or is not there.
    pub(super) fn ask(&mut self, words: &[&str]) -> Result<Option<&'a str>, Stop> {
        Ok(match self.looked(words)? {
            Said::Ended(Some(0), out, _) => Some(out),
            Said::Ended(..) | Said::Missing | Said::Unknown => None,
        })
    }

    /// As [`Script::ask`], but without an answer the action has failed.
    pub(super) fn must_ask(&mut self, words: &[&str]) -> Result<&'a str, Stop> {
        good(words, self.looked(words)?)
    }

    /// A step without which the action has failed; what it printed.
    pub(super) fn must(&mut self, words: &[&str]) -> Result<&'a str, Stop> {
        self.must_within(words, LIMIT)
    }

    /// As [`Script::must`], for what takes longer.
    pub(super) fn must_within(&mut self, words: &[&str], limit: Duration) -> Result<&'a str, Stop> {
        good(words, self.run(words, limit)?)
    }
}

/// The words for a program.
fn given(words: &[&str]) -> Result<Vec<String>, Stop> {
    if words.iter().any(|word| word.contains('\0')) {
        return failed("there is a character in it that no program can be given");
    }
    Ok(words.iter().copied().map(String::from).collect())
}

/// What a program printed that ended well; else in its own words why not.
fn good<'a>(words: &[&str], said: &'a Said) -> Result<&'a str, Stop> {
    let program = words.first().copied().unwrap_or_default();
    match said {
        Said::Ended(Some(0), out, _) => Ok(out),
        Said::Ended(_, out, err) => {
            let lines = err.lines().chain(out.lines()).map(str::trim);
            let first = lines.into_iter().find(|line| !line.is_empty());
            failed(format!(
                "{program} failed: {}",
                first.unwrap_or("it says nothing")
            ))
        }
        Said::Missing => absent(program),
        Said::Unknown => failed(format!("{program} gave no answer")),
    }
}

/// It cannot be done, for this reason.
pub(super) fn failed<T>(why: impl Into<String>) -> Result<T, Stop> {
    Err(Stop::Failed(why.into()))
}

/// It cannot be done because this router has no such thing.
pub(super) fn absent<T>(what: &str) -> Result<T, Stop> {
    failed(format!("this router has no {what}"))
}

/// Plays `steps` on a router that knows these answers: the words of every program that ran, and how it ended.
#[cfg(test)]
pub(super) fn play<T>(
    steps: impl Fn(&mut Script<'_>) -> Result<T, Stop>,
    router: &[(&str, &str)],
) -> (Vec<String>, Result<T, String>) {
    let (mut said, mut ran) = (Vec::new(), Vec::new());
    loop {
        match steps(&mut Script::new(&said)) {
            Ok(answer) => return (ran, Ok(answer)),
            Err(Stop::Failed(why)) => return (ran, Err(why)),
            Err(Stop::Need(Deed::Wake(mac))) => {
                ran.push(format!("wake {mac:02x?}"));
                said.push(Said::Ended(Some(0), String::new(), String::new()));
            }
            Err(Stop::Need(Deed::Run(words, _) | Deed::Look(words, _))) => {
                let line = words.join("|");
                let known = router.iter().find(|(known, _)| line.starts_with(known));
                said.push(match known {
                    Some((_, "MISSING")) => Said::Missing,
                    Some((_, "LATE")) => Said::Unknown,
                    Some((_, out)) if out.starts_with("FAILED") => {
                        Said::Ended(Some(1), String::new(), String::from(*out))
                    }
                    Some((_, out)) => Said::Ended(Some(0), String::from(*out), String::new()),
                    None => Said::Ended(Some(0), String::new(), String::new()),
                });
                ran.push(line);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn two_steps(order: &Order<'_>, script: &mut Script<'_>) -> Result<Answer, Stop> {
        let first = script.ask(&["first"])?.unwrap_or("nothing");
        let second = script.must(&["second", order.args, first])?;
        Ok(Answer::Text(format!("{first} {second}")))
    }

    fn played(args: &str, router: &[(&str, &str)]) -> (Vec<String>, Result<Answer, String>) {
        let order = Order {
            rule: &Rule::default(),
            args,
            from: &Number::as_received("+1"),
        };
        play(|script| two_steps(&order, script), router)
    }

    #[test]
    fn an_action_goes_on_where_it_needed_something() {
        let (ran, answer) = played("x; y", &[("first", "1"), ("second", "2")]);
        assert_eq!(ran, ["first", "second|x; y|1"]);
        assert_eq!(answer, Ok(Answer::Text(String::from("1 2"))));
    }

    #[test]
    fn a_step_that_fails_is_told_in_its_own_words() {
        for (router, expected) in [
            ("MISSING", "this router has no second"),
            ("LATE", "second gave no answer"),
            ("FAILED\nmore", "second failed: FAILED"),
        ] {
            let (ran, answer) = played("", &[("first", "MISSING"), ("second", router)]);
            assert_eq!(ran, ["first", "second||nothing"]);
            assert_eq!(answer, Err(String::from(expected)));
        }
        let (ran, answer) = played("a\0b", &[]);
        assert_eq!(ran, ["first"]);
        assert!(answer.unwrap_err().contains("no program can be given"));
    }
}
