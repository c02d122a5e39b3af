//! Decider: one order from its first step to what is said about it. Never runs a step and never sends an answer.

use super::actions;
use super::kept::Pending;
use super::power;
use super::script::{Answer, Order, Script, Stop, failed};
use super::signals;
use crate::config::Rule;

/// An order on its way.
#[derive(Clone, Debug)]
pub(super) struct Job {
    /// Who gave it, and its number.
    pub(super) order: Pending,
    /// The rule that took it.
    pub(super) rule: Rule,
    /// What stood behind the rule's text.
    pub(super) args: String,
    /// How far it is.
    pub(super) stage: Stage,
}

/// How far an order is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// To be done.
    Do,
    /// Done; an output is to be set back.
    Back,
    /// Done; the router is back, and the status is owed.
    Booted,
    /// It was under way when the agent ended, and nobody knows how far.
    Cut,
}

/// What is to be said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Reply {
    /// Nothing.
    Nothing,
    /// What the router's programs said.
    Text(String),
    /// A text with %-parameters, and those that its programs know.
    Template(String, Vec<(&'static str, String)>),
    /// The next page of what was said before.
    More,
    /// The status, once the router is back.
    Later,
}

impl Job {
    /// The order of a message or a call.
    pub(super) fn new(order: Pending, rule: &Rule, args: &str) -> Job {
        Job {
            order,
            rule: rule.clone(),
            args: String::from(args),
            stage: Stage::Do,
        }
    }

    /// An order that was under way when the agent ended; none when there is nothing left of it.
    pub(super) fn found(order: Pending, rule: &Rule) -> Option<Job> {
        let mut job = Job::new(order, rule, "");
        job.stage = match rule.action.as_str() {
            "reboot" if told(rule) => Stage::Booted,
            "reboot" => return None,
            _ if turns_back(rule) => Stage::Back,
            _ => Stage::Cut,
        };
        Some(job)
    }

    /// What is said when it was done, or why it could not be.
    pub(super) fn worded(&self, played: Result<Reply, String>) -> Reply {
        played.unwrap_or_else(|why| Reply::Text(format!("{}: {why}", self.rule.action)))
    }

    /// It has set an output that is to be set back.
    pub(super) fn turns_back(&self, reply: &Reply) -> bool {
        let good = matches!(reply, Reply::Nothing | Reply::Template(..));
        good && self.stage == Stage::Do && turns_back(&self.rule)
    }

    /// Its steps, up to what is said.
    pub(super) fn steps(&self, script: &mut Script<'_>) -> Result<Reply, Stop> {
        let rule = &self.rule;
        let order = Order {
            rule,
            args: &self.args,
            from: &self.order.from,
        };
        let Some(action) = actions::named(&rule.action) else {
            return failed("there is no such action");
        };
        let answer = match self.stage {
            Stage::Do => (action.run)(&order, script)?,
            Stage::Back => return signals::io_back(&order, script).map(|_| Reply::Nothing),
            Stage::Booted => Answer::Status(String::from(power::STATUS)),
            Stage::Cut => return failed("cut short by a restart, and not done again"),
        };
        let template = match answer {
            Answer::More => return Ok(Reply::More),
            // No message can be empty.
            Answer::Text(text) if text.trim().is_empty() => {
                return Ok(Reply::Text(String::from("(nothing)")));
            }
            Answer::Text(text) => return Ok(Reply::Text(text)),
            Answer::Done if rule.action == "reboot" => return Ok(Reply::Later),
            Answer::Done if !told(rule) => return Ok(Reply::Nothing),
            Answer::Done => format!("{}: done", rule.action),
            Answer::Status(usual) => usual,
        };
        let template = match rule.text("message") {
            "" => template,
            own => String::from(own),
        };
        let facts = signals::facts(&template, script)?;
        Ok(Reply::Template(template, facts))
    }
}

/// Somebody wants to hear of it.
fn told(rule: &Rule) -> bool {
    rule.flag("status_sms") || rule.flag("respond")
}

/// It sets an output for a time only.
fn turns_back(rule: &Rule) -> bool {
    actions::named(&rule.action).is_some_and(|action| action.name == "io_set")
        && rule.flag("timeout")
}
