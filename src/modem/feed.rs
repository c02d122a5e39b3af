//! Codec: what a modem writes, cut into lines and prompts. Never reads the port and never knows what a line means.

/// The longest line kept, in bytes. The longest a modem has reason to send is a PDU: 176 octets, 352 digits.
const LONGEST: usize = 4096;

/// One thing the modem said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Item {
    /// A line without its end, white space and NULs around it; never empty.
    Line(String),
    /// `> `: it waits for a PDU (27.005 3.5.1).
    Prompt,
}

/// Bytes as they came, waiting to become items.
#[derive(Debug, Default)]
pub(super) struct Intake {
    bytes: Vec<u8>,
    /// Inside an overlong line: drop up to its end.
    overlong: bool,
}

/// A line ends at CR, LF or both, and at the Ctrl-Z or ESC that an echoing modem repeats.
fn ends_line(byte: u8) -> bool {
    matches!(byte, b'\r' | b'\n' | 0x1A | 0x1B)
}

fn is_padding(byte: u8) -> bool {
    byte == 0 || byte.is_ascii_whitespace() || ends_line(byte)
}

impl Intake {
    /// More bytes from the port.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// The next item, or `None` while it is not whole. With `prompt`, a `>` at the start of a line is one; without, it
    /// is an ordinary character.
    pub(super) fn next(&mut self, prompt: bool) -> Option<Item> {
        loop {
            if self.overlong {
                self.drop_overlong()?;
            }
            let start = self.bytes.iter().position(|byte| !is_padding(*byte));
            let Some(start) = start else {
                self.bytes.clear();
                return None;
            };
            self.bytes.drain(..start);
            if prompt && self.bytes.first() == Some(&b'>') {
                self.bytes.drain(..1);
                return Some(Item::Prompt);
            }
            let Some(end) = self.bytes.iter().position(|byte| ends_line(*byte)) else {
                self.overlong = self.bytes.len() > LONGEST;
                if self.overlong {
                    continue;
                }
                return None;
            };
            let line: Vec<u8> = self.bytes.drain(..=end).filter(|byte| *byte != 0).collect();
            if line.len() <= LONGEST {
                let line = String::from_utf8_lossy(&line);
                let padding = |c: char| c.is_whitespace() || c.is_control();
                return Some(Item::Line(line.trim_matches(padding).to_owned()));
            }
        }
    }

    /// Drops up to the end of the overlong line; `None` while that has not come.
    fn drop_overlong(&mut self) -> Option<()> {
        let end = self.bytes.iter().position(|byte| ends_line(*byte));
        let Some(end) = end else {
            self.bytes.clear();
            return None;
        };
        self.bytes.drain(..=end);
        self.overlong = false;
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(intake: &mut Intake, prompt: bool) -> Vec<Item> {
        std::iter::from_fn(|| intake.next(prompt)).collect()
    }

    fn line(text: &str) -> Item {
        Item::Line(text.to_owned())
    }

    #[test]
    fn every_kind_of_line_end_is_taken() {
        let mut intake = Intake::default();
        intake.push(b"AT+CSQ\r\r\n+CSQ: 20,99\r\n\r\nOK\nRING\r\0\0+CMTI: \"SM\",1\r\n");
        let expected = ["AT+CSQ", "+CSQ: 20,99", "OK", "RING", "+CMTI: \"SM\",1"].map(line);
        assert_eq!(all(&mut intake, false), expected);
    }

    #[test]
    fn a_reply_cut_at_every_byte_gives_the_same_items() {
        let whole = b"AT+CMGS=20\r\r\n> 0011\x1a\r\n+CMGS: 5\r\n\r\nOK\r\n";
        let expected = vec![
            line("AT+CMGS=20"),
            Item::Prompt,
            line("0011"),
            line("+CMGS: 5"),
            line("OK"),
        ];
        for cut in 0..=whole.len() {
            let mut intake = Intake::default();
            intake.push(&whole[..cut]);
            let mut items = all(&mut intake, true);
            intake.push(&whole[cut..]);
            items.extend(all(&mut intake, true));
            assert_eq!(items, expected, "cut at {cut}");
        }
    }

    #[test]
    fn a_prompt_is_one_only_where_it_is_waited_for() {
        let mut intake = Intake::default();
        intake.push(b"> hello\r\n");
        assert_eq!(all(&mut intake, false), [line("> hello")]);
        intake.push(b"\r\n>");
        assert_eq!(all(&mut intake, true), [Item::Prompt]);
        intake.push(b" \r\nOK\r\n");
        assert_eq!(all(&mut intake, false), [line("OK")]);
    }

    #[test]
    fn rubbish_is_dropped_and_bounded() {
        let mut intake = Intake::default();
        for _ in 0..100 {
            intake.push(&[0xFF; 1000]);
            assert_eq!(intake.next(true), None);
            assert!(intake.bytes.len() <= LONGEST + 1000);
        }
        intake.push(b"\r\nOK\r\n");
        assert_eq!(all(&mut intake, true), [line("OK")]);
        intake.push(b"\xC3\x28\r\n");
        assert_eq!(all(&mut intake, true), [line("\u{FFFD}(")]);
    }
}
