//! Table: the national language tables of 23.038 Annex A, locking (A.3) and single shift (A.2); never the default
//! alphabet, which stands in wherever these say nothing.
//!
//! The scripts of India lie in parallel blocks of Unicode, a letter at the same offset in each, and Annex A lays them out
//! alike. So one frame of shared characters with native places between serves them all, and a language is its block, the
//! offsets its block leaves empty, and its few own letters. Where the standard's print has slips (Kannada 0x24, Tamil
//! 0x24, Telugu 0x22 and 0x23) the digit or letter is meant that stands in line.

use super::alphabet::paired;

/// What sets a language's tables apart.
enum Language {
    /// Differences from the default tables, as pairs: the code as an ASCII character, and its meaning.
    Latin {
        locking: &'static str,
        single: &'static str,
    },
    /// A script of India.
    Indic(Indic),
    /// The native places of both frames, in order.
    Arabic {
        locking: &'static [u16],
        single: &'static [u16],
    },
}

struct Indic {
    /// Where its Unicode block begins; what follows are offsets into it.
    block: u16,
    /// Letters other scripts have and this one lacks: their places are blank.
    holes: &'static [u8],
    /// The last six native places of the locking table, codes 0x60 and 0x7B to 0x7F.
    tail: [u8; 6],
    /// Before the digits in the single shift table, codes 0x19 and 0x1A.
    lead: &'static str,
    /// After the digits in the single shift table.
    extra: &'static [u8],
}

/// A native place in the frames below.
const NATIVE: char = '·';

/// What the locking tables of Urdu and the scripts of India share.
const LOCKING: &str = "··········\n··\r·············\u{1b}···· !······)(··,·.·0123456789:;···?\
    ·································abcdefghijklmnopqrstuvwxyz·····";

/// What their single shift tables share, besides the default extension table.
const SINGLE: &str = "@£$¥¿\"¤%&'\u{c}*+\r-/<=>¡^¡_#*··\u{1b}············{}·····\\············[~]·\
    |ABCDEFGHIJKLMNOPQRSTUVWXYZ";

const DANDA: &str = "\u{964}\u{965}";

/// By national language identifier less one (23.038 6.2.1.2.4).
static LANGUAGES: [Language; 13] = [
    // Turkish
    Language::Latin {
        locking: "\u{4}€\u{7}ı\u{b}Ğ\u{c}ğ\u{1c}Ş\u{1d}ş@İ`ç",
        single: "GĞIİSŞcçgğiısş",
    },
    // Spanish
    Language::Latin {
        locking: "",
        single: "\tçAÁIÍOÓUÚaáiíoóuú",
    },
    // Portuguese
    Language::Latin {
        locking: "\u{4}ê\u{6}ú\u{7}í\u{8}ó\tç\u{b}Ô\u{c}ô\u{e}Á\u{f}á\u{12}ª\u{13}Ç\u{14}À\u{15}∞\u{16}^\u{17}\\\
            \u{18}€\u{19}Ó\u{1a}|\u{1c}Â\u{1d}â\u{1e}Ê$º@Í[Ã\\Õ]Ú`~{ã|õ}`",
        single: "\u{5}ê\tç\u{b}Ô\u{c}ô\u{e}Á\u{f}á\u{12}Φ\u{13}Γ\u{15}Ω\u{16}Π\u{17}Ψ\u{18}Σ\u{19}Θ\u{1f}Ê\
            AÀIÍOÓUÚ[Ã\\ÕaÂiíoóuú{ã|õ\u{7f}â",
    },
    // Bengali
    Language::Indic(Indic {
        block: 0x980,
        holes: &[
            0x0d, 0x0e, 0x11, 0x12, 0x29, 0x31, 0x33, 0x34, 0x35, 0x45, 0x46, 0x49, 0x4a,
        ],
        tail: [0x4e, 0x57, 0x5c, 0x5d, 0x70, 0x71],
        lead: "",
        extra: &[
            0x5f, 0x60, 0x61, 0x62, 0x63, 0x72, 0x73, 0x74, 0x75, 0x76, 0x77, 0x78, 0x79, 0x7a,
        ],
    }),
    // Gujarati
    Language::Indic(Indic {
        block: 0xa80,
        holes: &[0x0e, 0x12, 0x29, 0x31, 0x34, 0x46, 0x4a],
        tail: [0x50, 0x60, 0x61, 0x62, 0x63, 0x71],
        lead: DANDA,
        extra: &[],
    }),
    // Hindi
    Language::Indic(Indic {
        block: 0x900,
        holes: &[],
        tail: [0x50, 0x72, 0x7b, 0x7c, 0x7e, 0x7f],
        lead: DANDA,
        extra: &[
            0x51, 0x52, 0x53, 0x54, 0x58, 0x59, 0x5a, 0x5b, 0x5c, 0x5d, 0x5e, 0x5f, 0x60, 0x61,
            0x62, 0x63, 0x70, 0x71,
        ],
    }),
    // Kannada
    Language::Indic(Indic {
        block: 0xc80,
        holes: &[0x01, 0x0d, 0x11, 0x29, 0x34, 0x45, 0x49],
        tail: [0x55, 0x56, 0x60, 0x61, 0x62, 0x63],
        lead: DANDA,
        extra: &[0x5e, 0x71, 0x72],
    }),
    // Malayalam
    Language::Indic(Indic {
        block: 0xd00,
        holes: &[0x01, 0x0d, 0x11, 0x29, 0x3c, 0x45, 0x49],
        tail: [0x57, 0x60, 0x61, 0x62, 0x63, 0x79],
        lead: DANDA,
        extra: &[
            0x70, 0x71, 0x72, 0x73, 0x74, 0x75, 0x7a, 0x7b, 0x7c, 0x7d, 0x7e, 0x7f,
        ],
    }),
    // Oriya
    Language::Indic(Indic {
        block: 0xb00,
        holes: &[
            0x0d, 0x0e, 0x11, 0x12, 0x29, 0x31, 0x34, 0x45, 0x46, 0x49, 0x4a,
        ],
        tail: [0x56, 0x57, 0x60, 0x61, 0x62, 0x63],
        lead: DANDA,
        extra: &[0x5c, 0x5d, 0x5f, 0x70, 0x71],
    }),
    // Punjabi
    Language::Indic(Indic {
        block: 0xa00,
        holes: &[
            0x0b, 0x0c, 0x0d, 0x0e, 0x11, 0x12, 0x29, 0x31, 0x34, 0x37, 0x3d, 0x43, 0x44, 0x45,
            0x46, 0x49, 0x4a,
        ],
        tail: [0x51, 0x70, 0x71, 0x72, 0x73, 0x74],
        lead: DANDA,
        extra: &[0x59, 0x5a, 0x5b, 0x5c, 0x5e, 0x75],
    }),
    // Tamil
    Language::Indic(Indic {
        block: 0xb80,
        holes: &[
            0x01, 0x0b, 0x0c, 0x0d, 0x11, 0x16, 0x17, 0x18, 0x1b, 0x1d, 0x20, 0x21, 0x22, 0x25,
            0x26, 0x27, 0x2b, 0x2c, 0x2d, 0x3c, 0x3d, 0x43, 0x44, 0x45, 0x49,
        ],
        tail: [0x50, 0x57, 0x70, 0x71, 0x72, 0x79],
        lead: DANDA,
        extra: &[0x73, 0x74, 0x75, 0x76, 0x77, 0x78, 0x7a],
    }),
    // Telugu
    Language::Indic(Indic {
        block: 0xc00,
        holes: &[0x0d, 0x11, 0x29, 0x34, 0x3c, 0x45, 0x49],
        tail: [0x55, 0x56, 0x60, 0x61, 0x62, 0x63],
        lead: "  ",
        extra: &[0x58, 0x59, 0x78, 0x79, 0x7a, 0x7b, 0x7c, 0x7d, 0x7e, 0x7f],
    }),
    // Urdu
    Language::Arabic {
        locking: &[
            0x627, 0x622, 0x628, 0x67b, 0x680, 0x67e, 0x6a6, 0x62a, 0x6c2, 0x67f, 0x679, 0x67d,
            0x67a, 0x67c, 0x62b, 0x62c, 0x681, 0x684, 0x683, 0x685, 0x686, 0x687, 0x62d, 0x62e,
            0x62f, 0x68c, 0x688, 0x689, 0x68a, 0x68f, 0x68d, 0x630, 0x631, 0x691, 0x693, 0x699,
            0x632, 0x696, 0x698, 0x69a, 0x633, 0x634, 0x635, 0x636, 0x637, 0x638, 0x639, 0x641,
            0x642, 0x6a9, 0x6aa, 0x6ab, 0x6af, 0x6b3, 0x6b1, 0x644, 0x645, 0x646, 0x6ba, 0x6bb,
            0x6bc, 0x648, 0x6c4, 0x6d5, 0x6c1, 0x6be, 0x621, 0x6cc, 0x6d0, 0x6d2, 0x64d, 0x650,
            0x64f, 0x657, 0x654, 0x655, 0x651, 0x653, 0x656, 0x670,
        ],
        single: &[
            0x600, 0x601, 0x6f0, 0x6f1, 0x6f2, 0x6f3, 0x6f4, 0x6f5, 0x6f6, 0x6f7, 0x6f8, 0x6f9,
            0x60c, 0x60d, 0x60e, 0x60f, 0x610, 0x611, 0x612, 0x613, 0x614, 0x61b, 0x61f, 0x640,
            0x652, 0x658, 0x66b, 0x66c, 0x672, 0x673, 0x6cd, 0x6d4,
        ],
    },
];

/// What `septet` means in a locking shift table; `None`: as in the default alphabet.
pub(super) fn locking(language: u8, septet: u8) -> Option<char> {
    match find(language)? {
        Language::Latin { locking, .. } => paired(locking, septet),
        Language::Indic(script) => framed(LOCKING, septet, &|place| script.locking(place)),
        Language::Arabic { locking, .. } => {
            framed(LOCKING, septet, &|place| letter(*locking.get(place)?))
        }
    }
}

/// What `septet` means in a single shift table, besides the default extension; `None`: nothing.
pub(super) fn single(language: u8, septet: u8) -> Option<char> {
    match find(language)? {
        Language::Latin { single, .. } => paired(single, septet),
        Language::Indic(script) => framed(SINGLE, septet, &|place| script.single(place)),
        Language::Arabic { single, .. } => {
            framed(SINGLE, septet, &|place| letter(*single.get(place)?))
        }
    }
}

fn find(language: u8) -> Option<&'static Language> {
    LANGUAGES.get(usize::from(language).checked_sub(1)?)
}

/// The frame's own character at `septet`, or the language's at the native place of that count.
fn framed(frame: &str, septet: u8, native: &dyn Fn(usize) -> Option<char>) -> Option<char> {
    let septet = usize::from(septet);
    match frame.chars().nth(septet)? {
        NATIVE => native(
            frame
                .chars()
                .take(septet)
                .filter(|cell| *cell == NATIVE)
                .count(),
        ),
        shared => Some(shared),
    }
}

fn letter(code: u16) -> Option<char> {
    char::from_u32(u32::from(code))
}

impl Indic {
    fn at(&self, offset: u8) -> Option<char> {
        letter(self.block + u16::from(offset))
    }

    fn locking(&self, place: usize) -> Option<char> {
        let offset = (0x01..=0x03)
            .chain(0x05..=0x39)
            .chain(0x3c..=0x4d)
            .chain(self.tail)
            .nth(place)?;
        if self.holes.contains(&offset) {
            Some(' ')
        } else {
            self.at(offset)
        }
    }

    fn single(&self, place: usize) -> Option<char> {
        let offsets = (0x66..=0x6f).chain(self.extra.iter().copied());
        self.lead
            .chars()
            .chain(offsets.filter_map(|offset| self.at(offset)))
            .nth(place)
            .filter(|character| *character != ' ')
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(table: fn(u8, u8) -> Option<char>, language: u8) -> Vec<char> {
        (0..0x80)
            .map(|septet| table(language, septet).unwrap_or(' '))
            .collect()
    }

    #[test]
    fn the_frames_have_a_place_for_every_letter() {
        assert_eq!(LOCKING.chars().count(), 128);
        assert_eq!(LOCKING.chars().filter(|cell| *cell == NATIVE).count(), 80);
        assert_eq!(SINGLE.chars().count(), 0x5b);
        assert_eq!(SINGLE.chars().filter(|cell| *cell == NATIVE).count(), 32);
        for (code, mark) in [
            (0x0a, '\n'),
            (0x1b, '\u{1b}'),
            (0x30, '0'),
            (0x3f, '?'),
            (0x61, 'a'),
        ] {
            assert_eq!(LOCKING.chars().nth(code), Some(mark));
        }
        for (code, mark) in [
            (0x0a, '\u{c}'),
            (0x14, '^'),
            (0x2f, '\\'),
            (0x3d, '~'),
            (0x41, 'A'),
        ] {
            assert_eq!(SINGLE.chars().nth(code), Some(mark));
        }
    }

    #[test]
    fn no_letter_stands_twice_in_a_locking_table() {
        for language in 4..=13 {
            let mut letters = whole(locking, language);
            letters.retain(|letter| *letter != ' ');
            let count = letters.len();
            letters.sort_unstable();
            letters.dedup();
            assert_eq!(letters.len(), count, "language {language}");
        }
    }

    /// Language, code and code point, in hexadecimal.
    const LOCKED: &str = "4 60 9ce, 4 3d 9aa, 5 57 ac5, 5 7f af1, 6 00 901, 6 03 905, 6 0c 90d, 6 1a 91a, 6 1c 91b, \
        6 22 91f, 6 2a 925, 6 2d 927, 6 2f 928, 6 3c 929, 6 40 92c, 6 4e 93c, 6 5f 94d, 6 7b 972, 7 24 ca1, 8 7f d79, \
        9 60 b56, a 4e a3c, b 1d b9c, c 5f c4d, d 00 627, d 1c 68c, d 2f 698, d 40 635, d 50 6ba, d 5f 657, d 7f 670, 1 04 20ac, 3 24 ba, \
        3 7d 60, 3 15 221e";
    const SHIFTED: &str = "4 19 9e6, 4 34 9fa, 5 25 aef, 6 19 964, 6 26 951, 6 3a 971, 7 2a cf2, 8 34 d7f, 9 2c b71, \
        a 2d a75, b 24 bee, b 2e bfa, c 1c c66, c 32 c7f, d 3b 6cd, d 3f 6d4, 1 49 130, 2 61 e1, 3 19 398, 3 7f e2";

    #[test]
    fn letters_stand_where_annex_a_prints_them() {
        for (table, facts) in [(locking as fn(u8, u8) -> _, LOCKED), (single, SHIFTED)] {
            for fact in facts.split(", ") {
                let mut numbers = fact
                    .split_whitespace()
                    .map(|number| u32::from_str_radix(number, 16).unwrap());
                let [language, septet] = [(); 2].map(|()| numbers.next().unwrap() as u8);
                let letter = numbers.next().and_then(char::from_u32);
                assert_eq!(table(language, septet), letter, "{fact}");
            }
        }
    }

    #[test]
    fn empty_places_are_blank_in_locking_and_nothing_in_single_shift() {
        assert_eq!(locking(11, 0x00), Some(' '));
        assert_eq!(locking(4, 0x0c), Some(' '));
        assert_eq!(single(12, 0x19), None);
        assert_eq!(single(5, 0x26), None);
        assert_eq!(single(6, 0x7f), None);
    }

    #[test]
    fn a_language_without_a_table_says_nothing() {
        for language in [0, 14, 255] {
            assert!(whole(locking, language).iter().all(|letter| *letter == ' '));
            assert!(whole(single, language).iter().all(|letter| *letter == ' '));
        }
        assert_eq!(locking(2, 0x41), None);
    }
}
