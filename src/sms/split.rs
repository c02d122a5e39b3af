//! Codec: cuts a text into the parts of a message and counts what it costs; it never cuts what a reader would see as one
//! character where that can be helped, and never writes a PDU.

use crate::message::Encoding;

use super::alphabet::Tables;
use super::septets::filled_by;
use super::{BadText, Preview};

/// Septets and octets of a TPDU's user data (23.040 9.2.3.24).
const SEPTETS: usize = 160;
const OCTETS: usize = 140;
/// UDHL, and the 8-bit concatenation element.
const UDHL_OCTETS: usize = 1;
const CONCAT_OCTETS: usize = 5;
/// What the element's octet can count to.
const MOST_PARTS: usize = 255;

/// How much goes into one TPDU: septets, or UTF-16 units.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Into a message of one part.
    pub whole: usize,
    /// Into each part of a longer one.
    pub part: usize,
}

impl Limits {
    /// For septets beside information elements of so many octets, 0 for none.
    pub fn septets(elements: usize) -> Limits {
        let beside = |octets: usize| match octets {
            0 => SEPTETS,
            octets => SEPTETS.saturating_sub(filled_by((UDHL_OCTETS + octets) * 8)),
        };
        Limits {
            whole: beside(elements),
            part: beside(elements + CONCAT_OCTETS),
        }
    }

    /// For UTF-16 units.
    pub fn ucs2() -> Limits {
        Limits {
            whole: OCTETS / 2,
            part: (OCTETS - UDHL_OCTETS - CONCAT_OCTETS) / 2,
        }
    }
}

/// A text in parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Split<'a> {
    /// The alphabet the text needs.
    pub encoding: Encoding,
    /// The parts in order, 1..=255 of them; together they are the text.
    pub parts: Vec<&'a str>,
    /// Units still free in the last part.
    pub left: usize,
}

/// Chooses the alphabet of `text` and cuts it into parts.
///
/// # Errors
/// [`BadText`].
pub fn split(text: &str) -> Result<Split<'_>, BadText> {
    if text.is_empty() {
        return Err(BadText::Empty);
    }
    let septets = |character| Tables::default().cost(character);
    let (encoding, (parts, left)) = if text.chars().all(|character| septets(character).is_some()) {
        let cost = |character| septets(character).unwrap_or(1);
        (Encoding::Gsm7, cut(text, Limits::septets(0), &cost))
    } else {
        (Encoding::Ucs2, cut(text, Limits::ucs2(), &char::len_utf16))
    };
    if parts.len() > MOST_PARTS {
        return Err(BadText::TooLong(parts.len()));
    }
    Ok(Split {
        encoding,
        parts,
        left,
    })
}

/// What `text` would cost.
///
/// # Errors
/// [`BadText`].
pub fn preview(text: &str) -> Result<Preview, BadText> {
    let split = split(text)?;
    Ok(Preview {
        encoding: split.encoding,
        parts: u8::try_from(split.parts.len()).map_err(|_| BadText::TooLong(split.parts.len()))?,
        characters: text.chars().count(),
        left_in_part: split.left,
    })
}

/// Fills part after part within `limits`, a character taking `cost` units: the parts, and the units left in the last.
pub fn cut<'a>(
    text: &'a str,
    limits: Limits,
    cost: &dyn Fn(char) -> usize,
) -> (Vec<&'a str>, usize) {
    let total: usize = text.chars().map(cost).sum();
    if let Some(left) = limits.whole.checked_sub(total) {
        return (vec![text], left);
    }
    let mut parts = Vec::new();
    let (mut start, mut end, mut used) = (0, 0, 0);
    while let Some((octets, units)) = atom(text.get(end..).unwrap_or(""), limits.part, cost) {
        if used + units > limits.part {
            parts.extend(text.get(start..end));
            (start, used) = (end, 0);
        }
        end += octets;
        used += units;
    }
    parts.extend(text.get(start..end));
    (parts, limits.part.saturating_sub(used))
}

/// What at the front of `rest` is to stay together, its octets and units: a character and all that modifies it, as much
/// of that as fills a part.
fn atom(rest: &str, most: usize, cost: &dyn Fn(char) -> usize) -> Option<(usize, usize)> {
    let mut characters = rest.chars();
    let first = characters.next()?;
    let (mut octets, mut units) = (first.len_utf8(), cost(first));
    let mut last = first;
    let mut flag_open = is_regional_indicator(first);
    for next in characters {
        let second_letter = flag_open && is_regional_indicator(next);
        let belongs = extends(next) || last == JOINER || second_letter;
        if !belongs || units + cost(next) > most {
            break;
        }
        octets += next.len_utf8();
        units += cost(next);
        flag_open = false;
        last = next;
    }
    Some((octets, units))
}

/// U+200D makes one sign of the signs on either side.
const JOINER: char = '\u{200d}';

/// Two of these are a flag.
fn is_regional_indicator(character: char) -> bool {
    ('\u{1f1e6}'..='\u{1f1ff}').contains(&character)
}

/// Marks, selectors and modifiers that belong to the character before them, by the ranges that matter in messages.
const EXTENDERS: &[(u32, u32)] = &[
    (0x0300, 0x036f),
    (0x0483, 0x0489),
    (0x0591, 0x05bd),
    (0x05bf, 0x05c7),
    (0x0610, 0x061a),
    (0x064b, 0x065f),
    (0x0670, 0x0670),
    (0x06d6, 0x06dc),
    (0x06df, 0x06e4),
    (0x06e7, 0x06e8),
    (0x06ea, 0x06ed),
    (0x0dca, 0x0ddf),
    (0x0e31, 0x0e31),
    (0x0e34, 0x0e3a),
    (0x0e47, 0x0e4e),
    (0x0eb1, 0x0eb1),
    (0x0eb4, 0x0ebc),
    (0x0ec8, 0x0ece),
    (0x0f71, 0x0f84),
    (0x102b, 0x103e),
    (0x1160, 0x11ff),
    (0x17b4, 0x17d3),
    (0x1ab0, 0x1aff),
    (0x1dc0, 0x1dff),
    (0x200c, 0x200d),
    (0x20d0, 0x20f0),
    (0x302a, 0x302f),
    (0x3099, 0x309a),
    (0xfe00, 0xfe0f),
    (0xfe20, 0xfe2f),
    (0x1f3fb, 0x1f3ff),
    (0xe0020, 0xe007f),
    (0xe0100, 0xe01ef),
];

fn extends(character: char) -> bool {
    let code = u32::from(character);
    // The parallel blocks of the scripts of India have their signs at the same offsets.
    let indic = (0x0900..0x0d80).contains(&code)
        && matches!(code & 0x7f, 0x00..=0x03 | 0x3c | 0x3e..=0x4d | 0x51..=0x57 | 0x62..=0x63);
    // The last range that begins at or before it.
    let near = EXTENDERS.partition_point(|(first, _)| *first <= code);
    let near = near.checked_sub(1).and_then(|at| EXTENDERS.get(at));
    indic || near.is_some_and(|(_, last)| code <= *last)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sizes(text: &str) -> Vec<usize> {
        let parts = split(text).unwrap().parts;
        assert_eq!(parts.concat(), text);
        parts.iter().map(|part| part.chars().count()).collect()
    }

    #[test]
    fn one_part_holds_more_than_a_part_of_two() {
        assert_eq!(
            Limits::septets(0),
            Limits {
                whole: 160,
                part: 153
            }
        );
        assert_eq!(
            Limits::ucs2(),
            Limits {
                whole: 70,
                part: 67
            }
        );
        assert_eq!(
            Limits::septets(3),
            Limits {
                whole: 155,
                part: 149
            }
        );
        assert_eq!(sizes(&"a".repeat(160)), [160]);
        assert_eq!(sizes(&"a".repeat(161)), [153, 8]);
        assert_eq!(sizes(&"Ж".repeat(70)), [70]);
        assert_eq!(sizes(&"Ж".repeat(71)), [67, 4]);
    }

    #[test]
    fn an_escape_pair_is_not_cut() {
        assert_eq!(sizes(&"€".repeat(80)), [80]);
        assert_eq!(sizes(&"€".repeat(81)), [76, 5]);
        assert_eq!(sizes(&format!("a{}", "€".repeat(80))), [77, 4]);
    }

    #[test]
    fn a_surrogate_pair_is_not_cut() {
        assert_eq!(sizes(&"😀".repeat(35)), [35]);
        assert_eq!(sizes(&"😀".repeat(36)), [33, 3]);
    }

    #[test]
    fn what_is_seen_as_one_character_stays_together() {
        for (cluster, units) in [
            ("e\u{301}", 2),
            ("❤\u{fe0f}", 2),
            ("👍🏽", 4),
            ("🇱🇹", 4),
            ("👩\u{200d}👩\u{200d}👧", 8),
            ("क\u{94d}\u{937}", 2),
            ("กำ\u{e49}", 1),
        ] {
            for fill in 60..68 {
                let text = format!("{}{cluster}{}", "Ж".repeat(fill), "Ж".repeat(20));
                let parts = split(&text).unwrap().parts;
                let first_units = parts[0].encode_utf16().count();
                assert!(first_units <= 67);
                if fill < 67 && fill + units > 67 {
                    assert_eq!(first_units, fill, "{cluster} after {fill}");
                }
                assert_eq!(parts.concat(), text);
            }
        }
    }

    #[test]
    fn flags_are_kept_two_by_two() {
        let text = "🇱🇹".repeat(30);
        for part in split(&text).unwrap().parts {
            assert_eq!(part.chars().count() % 2, 0);
        }
    }

    #[test]
    fn a_heap_of_marks_larger_than_a_part_is_cut_all_the_same() {
        let text = format!("a{}", "\u{301}".repeat(1000));
        let parts = split(&text).unwrap().parts;
        assert!(parts.iter().all(|part| part.encode_utf16().count() <= 67));
        assert_eq!(parts.concat(), text);
        assert_eq!(parts.len(), 15);
    }

    #[test]
    fn the_limit_is_255_parts() {
        let most = "a".repeat(255 * 153);
        assert_eq!(preview(&most).unwrap().parts, 255);
        assert_eq!(preview(&most).unwrap().left_in_part, 0);
        let more = format!("{most}a");
        assert_eq!(preview(&more), Err(BadText::TooLong(256)));
        assert_eq!(preview(&"Ж".repeat(67 * 300)), Err(BadText::TooLong(300)));
        assert_eq!(preview(""), Err(BadText::Empty));
    }

    #[test]
    fn a_preview_counts_characters_and_what_is_left() {
        let wanted = Preview {
            encoding: Encoding::Gsm7,
            parts: 1,
            characters: 6,
            left_in_part: 149,
        };
        assert_eq!(preview("a[]{}€"), Ok(wanted));
        let wanted = Preview {
            encoding: Encoding::Ucs2,
            parts: 2,
            characters: 36,
            left_in_part: 61,
        };
        assert_eq!(preview(&"😀".repeat(36)), Ok(wanted));
        assert_eq!(preview("\0").unwrap().encoding, Encoding::Ucs2);
        assert_eq!(preview("a\r\nb").unwrap().left_in_part, 156);
    }
}
