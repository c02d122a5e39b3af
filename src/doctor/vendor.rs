//! Decider: which of RutOS's own services do with messages and calls what this agent does, or worse. Never changes their
//! configuration: it says how.

use super::finding::{Level, Report};
use crate::config::Section;

/// A kind of section in one of RutOS's configurations.
struct Vendor {
    package: &'static str,
    kind: &'static str,
    level: Level,
    does: &'static str,
}

/// What RutOS has; sections of these kinds that have `enabled 1` count.
#[rustfmt::skip]
const VENDOR: &[Vendor] = &[
    Vendor { package: "sms_utils", kind: "rule", level: Level::Warning, does: "obeys text messages: an order that both know is done twice" },
    Vendor { package: "sms_gateway", kind: "fwd", level: Level::Warning, does: "answers or forwards messages: what both do is done twice" },
    Vendor { package: "call_utils", kind: "call", level: Level::Warning, does: "answers or rejects calls before this agent does" },
    Vendor { package: "call_utils", kind: "rule", level: Level::Warning, does: "obeys calls: what both do is done twice" },
    Vendor { package: "post_get", kind: "post_get", level: Level::Warning, does: "lets its clients delete messages" },
    Vendor { package: "email_to_sms", kind: "pop3", level: Level::Note, does: "makes messages of mails that this agent knows nothing of" },
    Vendor { package: "smpp", kind: "smpp", level: Level::Note, does: "sends messages that this agent knows nothing of" },
];

/// The packages whose configuration is to be read.
pub(super) fn packages() -> impl Iterator<Item = &'static str> {
    VENDOR.iter().map(|vendor| vendor.package)
}

/// Looks at one configuration file for each row of the table, in its order.
pub(super) fn examine(files: &[Vec<Section>], report: &mut Report) {
    let before = report.findings.len();
    for (vendor, sections) in VENDOR.iter().zip(files) {
        vendor.examine(sections, report);
    }
    if report.findings.len() == before {
        report.say(Level::Ok, "no service of RutOS touches messages or calls");
    }
}

impl Vendor {
    fn examine(&self, sections: &[Section], report: &mut Report) {
        let own = sections.iter().filter(|section| section.kind == self.kind);
        let on: Vec<(usize, &Section)> = own.enumerate().filter(|(_, one)| is_on(one)).collect();
        if on.is_empty() {
            return;
        }
        let mut names: Vec<&str> = on.iter().map(|(_, one)| name(one)).collect();
        names.dedup();
        let (package, kind) = (self.package, self.kind);
        let text = format!("{package} ({}) {}", names.join(", "), self.does);
        report.say(self.level, text);
        let places = on.iter().map(|(place, one)| match &one.name {
            Some(name) => format!("{package}.{name}"),
            None => format!("{package}.@{kind}[{place}]"),
        });
        let places: Vec<String> = places.collect();
        switch(&places, "enabled", report);
        let deletes = on.iter().zip(&places);
        let deletes: Vec<String> = deletes
            .filter(|((_, one), _)| option(one, "delete_sms") == "1")
            .map(|(_, place)| place.clone())
            .collect();
        if !deletes.is_empty() {
            let text = format!(
                "{package} deletes messages (delete_sms), perhaps before this agent has seen them"
            );
            report.say(Level::Error, text);
            switch(&deletes, "delete_sms", report);
        }
    }
}

/// The command that sets `option` of all these sections of one package to 0.
fn switch(places: &[String], option: &str, report: &mut Report) {
    let package = places.first().and_then(|place| place.split_once('.'));
    let package = package.map_or("", |(package, _)| package);
    let set = match places {
        [one] => format!("uci set '{one}.{option}=0'"),
        many => {
            let list = many.join("' '");
            format!("for s in '{list}'; do uci set \"$s.{option}=0\"; done")
        }
    };
    report.todo(format!("{set}; uci commit {package}; reload_config"));
}

/// Switched on, and touching calls or messages: not a `call 'call'` that ignores them, nor Post/Get for inputs and outputs.
fn is_on(section: &Section) -> bool {
    let harmless = option(section, "action") == "ignore"
        || (section.kind == "post_get" && section.name.as_deref() == Some("io"));
    option(section, "enabled") == "1" && !harmless
}

/// What people know a section by: what it does, else its name.
fn name(section: &Section) -> &str {
    let action = option(section, "action");
    let name = section.name.as_deref();
    match action.is_empty() {
        true => name.unwrap_or(&section.kind),
        false => action,
    }
}

/// An option's value; empty when it is not set. The last line counts.
fn option<'a>(section: &'a Section, name: &str) -> &'a str {
    let mut entries = section.entries.iter().rev();
    entries
        .find(|entry| entry.name == name)
        .map_or("", |entry| &entry.value)
}
