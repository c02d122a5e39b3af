//! Edge: what a message would set off, tried out on the real rules and the real script of the action. Never counts, keeps or
//! changes anything: of the programs only those run that say how things are.

use super::Handle;
use super::kept::Pending;
use super::reply::Job;
use crate::message::Number;

/// What a message would do.
#[derive(Debug, Default)]
pub struct Trial {
    /// The rule that would take it, and its action.
    pub rule: Option<(String, String)>,
    /// Why none would.
    pub why: Option<&'static str>,
    /// A password or code in it is wrong.
    pub wrong: bool,
    /// The rules that were looked at before, each with why it does not take it.
    pub passed: Vec<(String, &'static str)>,
    /// The words of every program that would run, in order, without secrets that they set.
    pub programs: Vec<Vec<String>>,
    /// What would be answered; `<what it prints>` stands for what only the program knows.
    pub reply: Option<String>,
    /// To whom.
    pub to: Vec<Number>,
}

impl Handle {
    /// What a message with this text from this number would do now. Takes as long as the router's programs and a hash do.
    pub async fn try_out(&self, from: &Number, text: &str) -> Trial {
        let mut judge = self.judge.clone();
        let config = judge.config.borrow().clone();
        let verdict = judge.weigh(&config, from, text).await;
        let passed = verdict.passed.iter();
        let mut trial = Trial {
            wrong: verdict.wrong,
            passed: passed
                .map(|(rule, why)| (String::from(*rule), *why))
                .collect(),
            ..Trial::default()
        };
        let Some((rule, args, _code)) = verdict.taken else {
            trial.why = Some(match (verdict.deaf, trial.passed.is_empty()) {
                (true, _) => {
                    "ten wrong passwords or codes came from this number; it is not heard for an hour"
                }
                (false, true) => "there is no rule for messages",
                (false, false) => "no rule takes it",
            });
            return trial;
        };
        let order = Pending {
            id: 0,
            from: from.clone(),
            rule: rule.name.clone(),
        };
        let job = Job::new(order, rule, &args);
        let (programs, reply, to) = self.runner.rehearse(&job).await;
        trial.rule = Some((rule.name.clone(), rule.action.clone()));
        trial.programs = programs;
        trial.reply = reply;
        trial.to = to.into_iter().cloned().collect();
        trial
    }
}
