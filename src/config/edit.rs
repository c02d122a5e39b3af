//! Codec: one option's value changed in UCI text, all else as it was — comments, order, other sections. Never judges the
//! result: `read` does.

use super::uci;

/// `text` with `option name 'value'` in the section called `section`, whose type has the same name. Where the option
/// stands on a line of its own, that line changes; else the section is opened once more at the end, which for UCI is the
/// same section. `value`: without quotes and line ends.
pub(super) fn set(text: &str, section: &str, name: &str, value: &str) -> String {
    let option = format!("\toption {name} '{value}'");
    let (sections, _faults) = uci::parse(text);
    let here = sections.iter().filter(|known| known.kind == section);
    let last = here
        .flat_map(|known| known.entries.iter())
        .rfind(|entry| entry.name == name);
    let at = last.map_or(0, |entry| entry.line as usize);
    let mut lines: Vec<&str> = text.lines().collect();
    match lines.get_mut(at.wrapping_sub(1)) {
        Some(line) if stands_alone(line) => *line = &option,
        Some(_) | None => {
            let whole = text.trim_end_matches('\n');
            let gap = if whole.is_empty() { "" } else { "\n\n" };
            return format!("{whole}{gap}config {section} '{section}'\n{option}\n");
        }
    }
    lines.join("\n") + "\n"
}

/// True for a line that is one whole `option` and nothing else.
fn stands_alone(line: &str) -> bool {
    let (sections, faults) = uci::parse(&format!("config x 'x'\n{line}"));
    let entries = sections.first().map_or(0, |section| section.entries.len());
    sections.len() == 1 && entries == 1 && faults.is_empty() && !line.ends_with('\\')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn storage(text: &str) -> String {
        set(text, "modem", "msg_storage", "me")
    }

    #[test]
    fn the_options_own_line_changes_and_nothing_else() {
        let before = "# mine\nconfig modem 'modem'\n\toption free '3' # few\n\toption msg_storage sm\n\nconfig api 'api'\n";
        let after = before.replace("option msg_storage sm", "option msg_storage 'me'");
        assert_eq!(storage(before), after);
        assert_eq!(storage(&after), after);
    }

    #[test]
    fn what_is_not_there_or_not_on_a_line_of_its_own_is_set_at_the_end() {
        let added = "config modem 'modem'\n\toption msg_storage 'me'\n";
        assert_eq!(storage(""), added);
        for before in [
            "config api 'api'\n\toption enabled '1'",
            "config modem 'modem'; option msg_storage 'sm'\n",
            "config modem 'modem'\n\toption msg_storage \\\n'sm'\n",
            "config modem 'modem'\n\toption msg_storage 's\nm'\n",
        ] {
            let after = storage(before);
            assert_eq!(after, format!("{}\n\n{added}", before.trim_end()));
            // The second time it has its own line.
            assert_eq!(storage(&after), after);
        }
    }

    #[test]
    fn the_entry_that_counts_is_the_last_of_its_section() {
        let before = "config modem 'modem'\n\toption msg_storage 'sm'\n\toption msg_storage 'sm'\nconfig agent 'agent'\n\
                      \toption msg_storage 'sm'\n";
        let after = storage(before);
        assert_eq!(after.lines().nth(1), Some("\toption msg_storage 'sm'"));
        assert_eq!(after.lines().nth(2), Some("\toption msg_storage 'me'"));
        assert_eq!(after.lines().nth(4), Some("\toption msg_storage 'sm'"));
    }
}
