//! Codec: a mail's plain text into the text of a message — flowed lines joined, the signature and empty ends left off.
//! Never cuts what somebody wrote.

/// How a text part's lines are to be read (RFC 3676).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Flow {
    /// `format=flowed`: a line that ends with a blank goes on in the next.
    pub(super) flowed: bool,
    /// `delsp=yes`: that blank is none of the text's.
    pub(super) delsp: bool,
}

/// Above the signature (RFC 3676 4.3).
const SIGNATURE: &str = "-- ";

/// The text without its signature, its line ends `\n`, no blanks at the ends of lines, no empty lines around it.
pub(super) fn message(text: &str, flow: Flow) -> String {
    let mut out = String::with_capacity(text.len());
    // The quote depth of the line that goes on.
    let mut open: Option<usize> = None;
    for line in text.lines() {
        let quotes = if flow.flowed { depth(line) } else { 0 };
        let content = line.get(quotes..).unwrap_or_default();
        let content = match flow.flowed {
            true => content.strip_prefix(' ').unwrap_or(content),
            false => content,
        };
        if content == SIGNATURE && quotes == 0 {
            break;
        }
        let joined = open == Some(quotes);
        if !joined {
            new_line(&mut out, line.get(..quotes).unwrap_or_default());
        }
        open = (flow.flowed && content.ends_with(' ') && content != SIGNATURE).then_some(quotes);
        let content = match open {
            Some(_) if flow.delsp => content.strip_suffix(' ').unwrap_or(content),
            Some(_) | None => content,
        };
        out.extend(content.chars().filter(|c| !c.is_control() || *c == '\t'));
    }
    String::from(out.trim_end().trim_start_matches('\n'))
}

/// `>` for each time that a line is quoted.
fn depth(line: &str) -> usize {
    line.bytes().take_while(|byte| *byte == b'>').count()
}

fn new_line(out: &mut String, quotes: &str) {
    out.truncate(out.trim_end_matches([' ', '\t']).len());
    out.push('\n');
    out.push_str(quotes);
    if !quotes.is_empty() {
        out.push(' ');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIXED: Flow = Flow {
        flowed: false,
        delsp: false,
    };

    #[test]
    fn ends_are_trimmed_and_the_signature_is_left_off() {
        for (mail, text) in [
            ("hello\r\n", "hello"),
            ("\r\n\r\n  hello  \r\nyou\r\n\r\n\r\n", "  hello\nyou"),
            ("a\n\nb\n-- \nJoe\n+1 202", "a\n\nb"),
            ("a\n--\nb\n> -- \nc", "a\n--\nb\n> --\nc"),
            ("-- \nonly a signature", ""),
            ("bell\u{7} and\0 tab\t.", "bell and tab\t."),
            (" \r\n\t\r\n", ""),
            ("", ""),
        ] {
            assert_eq!(message(mail, FIXED), text, "{mail:?}");
        }
    }

    #[test]
    fn flowed_lines_are_joined_as_they_were_typed() {
        let flowed = |delsp| Flow {
            flowed: true,
            delsp,
        };
        for (mail, delsp, text) in [
            (
                "one \r\ntwo \r\nthree\r\nfour\r\n",
                false,
                "one two three\nfour",
            ),
            ("žlu \nťou\n", true, "žluťou"),
            (
                " From here \n >not quoted\n",
                false,
                "From here >not quoted",
            ),
            ("> a \n> b\nc", false, "> a b\nc"),
            (">> a \n> b", false, ">> a\n> b"),
            ("text \n-- \nJoe", false, "text"),
        ] {
            assert_eq!(message(mail, flowed(delsp)), text, "{mail:?}");
        }
    }
}
