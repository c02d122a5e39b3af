//! Codec: the numbers that a mail's subject names. Never guesses: a subject that is anything but numbers names none.

use crate::message::Number;

/// More recipients than this are a mistake.
const MOST: usize = 20;
/// Digits after `+` or `00`: E.164 has 15 at most, and no country's numbers are shorter than this with its code.
const DIGITS: std::ops::RangeInclusive<usize> = 5..=15;

/// The recipients, each once, where the subject is one number or more of the form `+CC…` or `00CC…`, parted by commas,
/// semicolons or blanks; `None` for a mail that is not for us.
pub(super) fn recipients(subject: &str) -> Option<Vec<Number>> {
    let mut numbers = Vec::new();
    let words = subject.split(|c: char| c.is_ascii_whitespace() || matches!(c, ',' | ';'));
    for word in words.filter(|word| !word.is_empty()) {
        let number = number(word)?;
        if !numbers.contains(&number) {
            numbers.push(number);
        }
    }
    (1..=MOST).contains(&numbers.len()).then_some(numbers)
}

fn number(word: &str) -> Option<Number> {
    let digits = word.strip_prefix('+').or_else(|| word.strip_prefix("00"))?;
    let right = DIGITS.contains(&digits.len())
        && !digits.starts_with('0')
        && digits.bytes().all(|byte| byte.is_ascii_digit());
    right.then(|| Number::parse(word).ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_of_numbers_names_its_recipients() {
        for (subject, wanted) in [
            ("+12025550155", "+12025550155"),
            ("  0012025550155 ", "+12025550155"),
            ("+12025550155,0037060000001", "+12025550155 +37060000001"),
            (
                "+12025550155; +37060000001\t+4915100000,",
                "+12025550155 +37060000001 +4915100000",
            ),
            ("+12025550155 0012025550155", "+12025550155"),
        ] {
            let found: Vec<String> = recipients(subject)
                .unwrap()
                .iter()
                .map(Number::to_string)
                .collect();
            assert_eq!(found.join(" "), wanted, "{subject:?}");
        }
    }

    #[test]
    fn what_is_almost_a_number_names_nobody() {
        for subject in [
            "",
            " , ;",
            "12025550155",
            "+1 202 555 0155",
            "+1-202-555-0155",
            "+12025550155x",
            "Re: +12025550155",
            "+12025550155 please",
            "++12025550155",
            "+0012025550155",
            "000112025550155",
            "+",
            "00",
            "+1202",
            "+1234567890123456",
            "+１２０２５５５０１５５",
            "+12025550155 12025550156",
            "*100#",
        ] {
            assert_eq!(recipients(subject), None, "{subject:?}");
        }
        let many: Vec<String> = (0..21).map(|n| format!("+120255501{n:02}")).collect();
        assert_eq!(recipients(&many.join(",")), None);
        assert_eq!(recipients(&many[..20].join(",")).unwrap().len(), 20);
    }
}
