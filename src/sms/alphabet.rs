//! Codec: characters to septets and back by the GSM 7-bit default alphabet, its extension table and the national tables
//! (23.038 6.2.1 and Annex A); it never packs bits and never chooses between alphabets.

use std::sync::LazyLock;

use super::tables;

/// The escape to the extension or national single shift table.
const ESC: u8 = 0x1b;

/// 23.038 6.2.1, in the order of the code.
const DEFAULT: &str = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ\u{1b}ÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?\
    ¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà";

/// 23.038 6.2.1.1 as pairs: the code after the escape, written as the ASCII character of that number, and what it means.
/// All national single shift tables have these too.
const EXTENSION: &str = "\n\u{c}\u{14}^({)}/\\<[=~>]@|e€";

/// The tables a text is written in, by national language identifier (23.038 Annex A; 0: the default). An identifier
/// without a table means the default one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tables {
    /// Instead of the default alphabet (information element 0x25).
    pub locking: u8,
    /// After the escape (information element 0x24).
    pub single: u8,
}

impl Tables {
    /// The text these septets mean. Never fails: what no table assigns reads as a space.
    pub fn decode(self, septets: &[u8]) -> String {
        let main = self.main();
        let plain = |septet: u8| main.get(usize::from(septet)).copied().unwrap_or(' ');
        let mut septets = septets.iter().copied();
        let mut text = String::with_capacity(septets.len());
        while let Some(septet) = septets.next() {
            text.push(match septet {
                // A code the shift table lacks shows the main table's character, a second or a last escape a space.
                ESC => match septets.next() {
                    None | Some(ESC) => ' ',
                    Some(shifted) => self.shifted(shifted).unwrap_or_else(|| plain(shifted)),
                },
                _ => plain(septet),
            });
        }
        text
    }

    /// Septets `character` takes, 1 or 2; `None` when these tables do not have it.
    pub fn cost(self, character: char) -> Option<usize> {
        if self == Tables::default() {
            return septets_of(character).map(|(escape, _)| 1 + usize::from(escape));
        }
        if character == char::from(ESC) {
            None
        } else if self.main().contains(&character) {
            Some(1)
        } else {
            (0..0x80)
                .any(|septet| self.shifted(septet) == Some(character))
                .then_some(2)
        }
    }

    /// The table in force outside escapes, in the order of the code.
    fn main(self) -> Vec<char> {
        (0..)
            .zip(DEFAULT.chars())
            .map(|(septet, default)| tables::locking(self.locking, septet).unwrap_or(default))
            .collect()
    }

    fn shifted(self, septet: u8) -> Option<char> {
        paired(EXTENSION, septet).or_else(|| tables::single(self.single, septet))
    }
}

/// The septets of `text` by the default alphabet and its extension; `None` when a character is in neither.
pub fn encode(text: &str) -> Option<Vec<u8>> {
    let mut septets = Vec::with_capacity(text.len());
    for character in text.chars() {
        let (escape, septet) = septets_of(character)?;
        septets.extend(escape.then_some(ESC));
        septets.push(septet);
    }
    Some(septets)
}

/// Whether it stands behind an escape, and its code.
fn septets_of(character: char) -> Option<(bool, u8)> {
    match character {
        // Where the alphabet is ASCII, and most of most texts.
        ' '..='#' | '%'..='?' | 'A'..='Z' | 'a'..='z' => {
            u8::try_from(character).ok().map(|code| (false, code))
        }
        _ => {
            let at = SEPTETS.binary_search_by_key(&character, |(here, _)| *here);
            SEPTETS.get(at.ok()?).map(|(_, septets)| *septets)
        }
    }
}

/// In order of the characters.
static SEPTETS: LazyLock<Vec<(char, (bool, u8))>> = LazyLock::new(|| {
    let plain = (0..).zip(DEFAULT.chars());
    let plain = plain.map(|(code, character)| (character, (false, code)));
    let shifted = pairs(EXTENSION)
        .filter_map(|(code, character)| Some((character, (true, u8::try_from(code).ok()?))));
    let no_escape = |(character, _): &(char, (bool, u8))| *character != char::from(ESC);
    let mut all: Vec<_> = plain.chain(shifted).filter(no_escape).collect();
    all.sort_unstable();
    all
});

/// The character that `table`, a string of pairs, has for `septet`.
pub(super) fn paired(table: &str, septet: u8) -> Option<char> {
    pairs(table)
        .find(|(code, _)| *code == char::from(septet))
        .map(|(_, character)| character)
}

fn pairs(table: &str) -> impl Iterator<Item = (char, char)> {
    let codes = table.chars().step_by(2);
    codes.zip(table.chars().skip(1).step_by(2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_of_the_default_alphabet_reads_back() {
        assert_eq!(DEFAULT.chars().count(), 128);
        for septet in (0..0x80).filter(|septet| *septet != ESC) {
            let text = Tables::default().decode(&[septet]);
            assert_eq!(encode(&text), Some(vec![septet]), "{text}");
        }
        for (code, character) in pairs(EXTENSION) {
            let septets = vec![ESC, u8::try_from(code).unwrap()];
            assert_eq!(encode(&character.to_string()), Some(septets.clone()));
            assert_eq!(Tables::default().decode(&septets), character.to_string());
        }
    }

    #[test]
    fn an_escape_that_leads_nowhere_shows_the_plain_character_or_a_space() {
        let decode = |septets: &[u8]| Tables::default().decode(septets);
        assert_eq!(decode(&[ESC, 0x41]), "A");
        assert_eq!(decode(&[ESC, ESC, 0x41]), " A");
        assert_eq!(decode(&[0x41, ESC]), "A ");
    }

    #[test]
    fn what_the_alphabet_lacks_is_not_encoded() {
        for text in ["ç", "`", "\0", "\u{1b}", "Ж", "e\u{301}", "😀"] {
            assert_eq!(encode(text), None, "{text:?}");
        }
    }

    #[test]
    fn characters_cost_one_septet_or_two() {
        let plain = Tables::default();
        assert_eq!(plain.cost('a'), Some(1));
        assert_eq!(plain.cost('€'), Some(2));
        assert_eq!(plain.cost('ğ'), None);
        let turkish = Tables {
            locking: 0,
            single: 1,
        };
        assert_eq!(turkish.cost('ğ'), Some(2));
        assert_eq!(turkish.cost('a'), Some(1));
        let locked = Tables {
            locking: 1,
            single: 0,
        };
        assert_eq!(locked.cost('ğ'), Some(1));
        assert_eq!(locked.cost('€'), Some(1));
    }
}
