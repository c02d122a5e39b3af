//! Words: the sections that hand events on, under one face. Never does what they say: the files of their names do.

use crate::config::{Config, Forwarding, Reply, ToHttp, ToSms, ToSmtp};
use crate::inbox::Stored;
use crate::message::{Event, EventKind};

/// A section that hands events on.
#[derive(Clone, Copy, Debug)]
pub(super) enum Target<'a> {
    /// `to_http NAME`.
    Http(&'a ToHttp),
    /// `to_sms NAME`.
    Sms(&'a ToSms),
    /// `to_smtp NAME`.
    Smtp(&'a ToSmtp),
    /// `reply 'reply'`.
    Reply(&'a Reply),
}

/// In front of the names of ours in [`Target::id`].
pub(super) const KINDS: [&str; 4] = ["to_http:", "to_sms:", "to_smtp:", "reply:"];

impl<'a> Target<'a> {
    /// The section's name. UCI lets no two sections share one.
    pub(super) fn name(self) -> &'a str {
        match self {
            Target::Http(target) => &target.name,
            Target::Sms(target) => &target.name,
            Target::Smtp(target) => &target.name,
            Target::Reply(_) => "reply",
        }
    }

    /// Kind and name, such as `to_sms:boss`: whose cursor, and who asks the outbox.
    pub(super) fn id(self) -> String {
        let [http, sms, smtp, reply] = KINDS;
        let kind = match self {
            Target::Http(_) => http,
            Target::Sms(_) => sms,
            Target::Smtp(_) => smtp,
            Target::Reply(_) => reply,
        };
        format!("{kind}{}", self.name())
    }

    /// What all of them share.
    pub(super) fn forwarding(self) -> &'a Forwarding {
        match self {
            Target::Http(target) => &target.forwarding,
            Target::Sms(target) => &target.forwarding,
            Target::Smtp(target) => &target.forwarding,
            Target::Reply(target) => &target.forwarding,
        }
    }

    fn subscribes(self, kind: EventKind) -> bool {
        match self {
            Target::Http(target) if !target.events.is_empty() => target.events.contains(&kind),
            Target::Http(_) | Target::Sms(_) | Target::Smtp(_) | Target::Reply(_) => {
                kind == EventKind::MessageReceived
            }
        }
    }

    /// True when `event` is for it; `message` gives the received message that it announces. What a rule took is nobody's,
    /// but for `every_sms`.
    pub(super) fn wants(
        self,
        config: &Config,
        event: &Event,
        message: impl FnOnce() -> Option<Stored>,
    ) -> bool {
        let forwarding = self.forwarding();
        let for_us = |stored: Stored| {
            (stored.rule.is_none() || forwarding.every_sms)
                && config.takes(&forwarding.who, &stored.message.from)
        };
        self.subscribes(event.kind)
            && (event.kind != EventKind::MessageReceived || message().is_some_and(for_us))
    }
}

/// Every section that is switched on.
pub(super) fn enabled(config: &Config) -> impl Iterator<Item = Target<'_>> {
    let http = config.to_http.iter().map(Target::Http);
    let sms = config.to_sms.iter().map(Target::Sms);
    let smtp = config.to_smtp.iter().map(Target::Smtp);
    let reply = Target::Reply(&config.reply);
    let all = http.chain(sms).chain(smtp).chain([reply]);
    all.filter(|target| target.forwarding().enabled)
}

/// The one of that name, if it is switched on.
pub(super) fn named<'a>(config: &'a Config, name: &str) -> Option<Target<'a>> {
    enabled(config).find(|target| target.name() == name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::{MessageId, Received};
    use crate::time::WallTime;

    #[test]
    fn what_a_rule_took_is_for_those_with_every_sms_alone() {
        let taken = Stored {
            message: Received::sample("+12025550155", "reboot"),
            read: false,
            rule: Some(String::from("reboot")),
        };
        let event = Event {
            seq: 1,
            at: WallTime(0),
            kind: EventKind::MessageReceived,
            message: Some(MessageId(1)),
            facts: serde_json::Value::Null,
        };
        for every_sms in [false, true] {
            let forwarding = Forwarding {
                enabled: true,
                every_sms,
                ..Forwarding::default()
            };
            let config = Config {
                to_http: vec![ToHttp {
                    forwarding: forwarding.clone(),
                    ..ToHttp::default()
                }],
                to_sms: vec![ToSms {
                    forwarding: forwarding.clone(),
                    ..ToSms::default()
                }],
                to_smtp: vec![ToSmtp {
                    forwarding: forwarding.clone(),
                    ..ToSmtp::default()
                }],
                reply: Reply {
                    forwarding,
                    ..Reply::default()
                },
                ..Config::default()
            };
            let wants = |target: Target<'_>| target.wants(&config, &event, || Some(taken.clone()));
            let verdicts: Vec<bool> = enabled(&config).map(wants).collect();
            assert_eq!(verdicts, [every_sms; 4]);
        }
    }
}
