//! Codec: the router's own configuration as `uci` shows it, and the steps that change it. Never reads its files.

use super::script::{Order, Script, Stop};

/// A section of a configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Section {
    /// `config.section`, good for `uci set`; anonymous ones read `config.@type[0]`.
    pub(super) place: String,
    /// Its type.
    pub(super) kind: String,
    options: Vec<(String, String)>,
}

impl Section {
    /// The section's own name.
    pub(super) fn name(&self) -> &str {
        self.place.split_once('.').map_or("", |(_, name)| name)
    }

    /// An option's value, if it is set; a list's entries stand apart by blanks.
    pub(super) fn get(&self, option: &str) -> Option<&str> {
        let found = self.options.iter().find(|(known, _)| known == option);
        found.map(|(_, value)| value.as_str())
    }

    /// A boolean option that is on.
    pub(super) fn is_on(&self, option: &str) -> bool {
        self.get(option) == Some("1")
    }
}

/// What `uci show` printed.
fn read(shown: &str) -> Vec<Section> {
    let mut sections: Vec<Section> = Vec::new();
    for line in shown.lines() {
        let Some((place, value)) = line.split_once('=') else {
            continue;
        };
        let value = value
            .trim_matches('\'')
            .replace("' '", " ")
            .replace("'\\''", "'");
        match place.splitn(3, '.').nth(2) {
            None => sections.push(Section {
                place: String::from(place),
                kind: value,
                options: Vec::new(),
            }),
            Some(option) => {
                if let Some(section) = sections.last_mut() {
                    section.options.push((String::from(option), value));
                }
            }
        }
    }
    sections
}

/// The sections of that type; none when there is no such configuration.
pub(super) fn sections(
    script: &mut Script<'_>,
    config: &str,
    kind: &str,
) -> Result<Vec<Section>, Stop> {
    let shown = script
        .ask(&["uci", "-q", "show", config])?
        .unwrap_or_default();
    let mut sections = read(shown);
    sections.retain(|section| section.kind == kind);
    Ok(sections)
}

/// Sets an option.
pub(super) fn set(
    script: &mut Script<'_>,
    section: &Section,
    option: &str,
    value: &str,
) -> Result<(), Stop> {
    let words = format!("{}.{option}={value}", section.place);
    script.must(&["uci", "set", &words]).map(drop)
}

/// Sets a boolean option.
pub(super) fn switch(
    script: &mut Script<'_>,
    section: &Section,
    option: &str,
    on: bool,
) -> Result<(), Stop> {
    set(script, section, option, if on { "1" } else { "0" })
}

/// Writes what was set, and lets every service that it concerns take it up.
pub(super) fn commit(script: &mut Script<'_>, configs: &[&str]) -> Result<(), Stop> {
    for config in configs {
        script.must(&["uci", "commit", config])?;
    }
    script.must(&["reload_config"]).map(drop)
}

/// True for a protocol of a mobile interface.
pub(super) fn is_mobile(proto: &str) -> bool {
    ["wwan", "qmi", "mbim", "ncm", "3g", "modemmanager"].contains(&proto)
}

/// The mobile interfaces: the rule's own, else RutOS's and OpenWrt's kinds of them.
pub(super) fn mobile(order: &Order<'_>, script: &mut Script<'_>) -> Result<Vec<Section>, Stop> {
    let mut found = sections(script, "network", "interface")?;
    match order.rule.text("interface") {
        "" => found.retain(|one| one.get("proto").is_some_and(is_mobile)),
        name => found.retain(|one| one.name() == name),
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_uci_shows_is_read() {
        let shown = "network.lan=interface\nnetwork.lan.proto='static'\nnetwork.lan.dns='1.1.1.1' '8.8.8.8'\n\
                     firewall.@rule[0]=rule\nfirewall.@rule[0].name='It'\\''s'\nrubbish\nx.y=z=1\nx.y.a=b=c\n";
        let sections = read(shown);
        assert_eq!(sections.len(), 3);
        assert_eq!(
            (sections[0].name(), sections[0].kind.as_str()),
            ("lan", "interface")
        );
        assert_eq!(sections[0].get("dns"), Some("1.1.1.1 8.8.8.8"));
        assert_eq!(sections[1].place, "firewall.@rule[0]");
        assert_eq!(sections[1].get("name"), Some("It's"));
        assert_eq!(
            (sections[2].kind.as_str(), sections[2].get("a")),
            ("z=1", Some("b=c"))
        );
        for cut in 0..shown.len() {
            read(&shown[..cut]);
        }
    }
}
