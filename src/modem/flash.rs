//! Decider: which way a flash message leaves, and what the end of uqmi means for it. Never runs anything.
//!
//! uqmi writes the bytes of the text as septets, asks for no delivery report, and has one validity, the longest. It
//! reads its words with getopt_long, which takes the word after `--send-message` for the text whatever it begins with.

use std::time::Duration;

use crate::config::FlashVia;
use crate::message::Submission;
use crate::sms;

/// Septets of one part.
const ONE_PART: usize = 160;
/// uqmi refuses longer numbers, `+` included.
const LONGEST_NUMBER: usize = 16;

/// A way out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// A PDU with class 0.
    At,
    /// uqmi.
    Uqmi,
    /// None: only uqmi is allowed, and it cannot say this.
    Nowhere(&'static str),
}

/// What became of a message given to uqmi.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// The network has it.
    Sent,
    /// It did not reach the modem; why.
    NotSent(&'static str),
    /// It may be on the air.
    Unknown,
}

/// The way of a message.
pub(super) fn way(via: FlashVia, asked: &Submission) -> Way {
    if !asked.flash {
        return Way::At;
    }
    match (via, obstacle(asked)) {
        (FlashVia::At, _) | (FlashVia::Auto, Some(_)) => Way::At,
        (FlashVia::Auto, None) if asked.report || is_padded(&asked.text) => Way::At,
        (FlashVia::Uqmi, Some(why)) => Way::Nowhere(why),
        (FlashVia::Auto | FlashVia::Uqmi, None) => Way::Uqmi,
    }
}

/// Why uqmi cannot say this, in words for the message's `error`.
fn obstacle(asked: &Submission) -> Option<&'static str> {
    let number = asked.to.as_str();
    let digits = number.strip_prefix('+').unwrap_or(number);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        Some("flash_via is uqmi, which sends to plain numbers only")
    } else if number.len() > LONGEST_NUMBER {
        Some("flash_via is uqmi, which takes numbers of 16 characters at most")
    } else if asked.validity_s.is_some() {
        Some("flash_via is uqmi, which cannot set a validity")
    } else if sms::encode_septets(&asked.text).as_deref() != Some(asked.text.as_bytes()) {
        Some("flash_via is uqmi, which cannot write one of the characters")
    } else if asked.text.len() > ONE_PART {
        Some("flash_via is uqmi, which sends one part of 160 characters at most")
    } else {
        None
    }
}

/// Where septets fill their octets, uqmi adds an empty octet behind the text. Its length field is right, but a network
/// may be strict, and AT writes such texts rightly.
fn is_padded(text: &str) -> bool {
    text.len().is_multiple_of(8)
}

/// uqmi's words. `limit`: when it gives up waiting for the modem.
pub(super) fn words(qmi: &str, asked: &Submission, limit: Duration) -> [String; 9] {
    [
        "-t",
        &limit.as_millis().to_string(),
        "-d",
        qmi,
        "--send-message",
        &asked.text,
        "--send-message-target",
        asked.to.as_str(),
        "--send-message-flash",
    ]
    .map(String::from)
}

/// What an exit code (`None`: ended by a signal) and what uqmi printed mean. Once it has the device, only words that
/// prove the contrary keep a message from being unconfirmed: the end of `-t` may come after the modem has sent it.
pub(super) fn ended(code: Option<i32>, said: &str) -> Ended {
    match code {
        Some(0) => Ended::Sent,
        Some(1) => Ended::NotSent("it does not know the command"),
        Some(2) => Ended::NotSent("it could not open the device"),
        // Not run at all: what a wrapper's shell says.
        Some(126 | 127) => Ended::NotSent("it could not be run"),
        Some(_) if said.contains("Failed to connect to service") => {
            Ended::NotSent("the modem's message service did not answer it")
        }
        Some(_) | None => Ended::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::Number;

    fn asked(to: &str, text: &str) -> Submission {
        Submission {
            to: Number::parse(to).unwrap(),
            text: String::from(text),
            flash: true,
            report: false,
            validity_s: None,
            origin: String::from("api"),
        }
    }

    fn auto(text: &str) -> Way {
        way(FlashVia::Auto, &asked("+12025550155", text))
    }

    #[test]
    fn the_characters_whose_code_is_the_same_in_both_alphabets_go_by_uqmi() {
        let good = "\n\r !\"#%&'()*+,-./0123456789:;<=>?ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
        for code in 0..=0x7f_u8 {
            let character = char::from(code);
            let expected = if good.contains(character) {
                Way::Uqmi
            } else {
                Way::At
            };
            assert_eq!(auto(&format!("a{character}b")), expected, "{character:?}");
        }
        for other in ["é", "£", "€", "ä", "Δ", "😀", "\u{80}", "\u{a0}"] {
            assert_eq!(auto(&format!("a{other}")), Way::At, "{other}");
        }
    }

    #[test]
    fn one_part_goes_by_uqmi_and_a_text_that_uqmi_pads_only_when_it_must() {
        let must = |length: usize| way(FlashVia::Uqmi, &asked("+12025550155", &"x".repeat(length)));
        for length in 1..=170 {
            let text = "x".repeat(length);
            let padded = length % 8 == 0;
            let expected = if length > 160 || padded {
                Way::At
            } else {
                Way::Uqmi
            };
            assert_eq!(auto(&text), expected, "{length}");
            assert_eq!(must(length) == Way::Uqmi, length <= 160, "{length}");
        }
    }

    #[test]
    fn a_report_is_worth_more_than_the_way_unless_the_owner_fixed_the_way() {
        let mut reported = asked("+12025550155", "hello");
        reported.report = true;
        assert_eq!(way(FlashVia::Auto, &reported), Way::At);
        assert_eq!(way(FlashVia::Uqmi, &reported), Way::Uqmi);
        assert_eq!(way(FlashVia::At, &reported), Way::At);
    }

    #[test]
    fn a_message_that_is_not_flash_goes_over_at_whatever_the_option_says() {
        let mut plain = asked("+12025550155", "€");
        plain.flash = false;
        for via in [FlashVia::Auto, FlashVia::Uqmi, FlashVia::At] {
            assert_eq!(way(via, &plain), Way::At);
        }
    }

    #[test]
    fn what_uqmi_cannot_say_is_refused_when_nothing_else_is_allowed() {
        let mut limited = asked("+12025550155", "hello");
        limited.validity_s = Some(60);
        for impossible in [
            limited,
            asked("+12025550155", "5 €"),
            asked("*100#", "hello"),
            asked("+1234567890123456", "hello"),
        ] {
            let way_out = way(FlashVia::Uqmi, &impossible);
            assert!(matches!(way_out, Way::Nowhere(_)), "{impossible:?}");
            assert_eq!(way(FlashVia::Auto, &impossible), Way::At);
        }
        let longest = asked("+123456789012345", "hello");
        assert_eq!(way(FlashVia::Auto, &longest), Way::Uqmi);
    }

    #[test]
    fn text_and_number_are_one_word_each_in_their_own_place() {
        let asked = asked("+12025550155", "--help; $(reboot) 'x' \"y\"\n-d");
        let words = words("/dev/cdc-wdm0", &asked, Duration::from_secs(12));
        assert_eq!(words[..4], ["-t", "12000", "-d", "/dev/cdc-wdm0"]);
        assert_eq!(words[4..6], ["--send-message", asked.text.as_str()]);
        assert_eq!(words[6..8], ["--send-message-target", "+12025550155"]);
        assert_eq!(words[8], "--send-message-flash");
    }

    #[test]
    fn only_proof_that_nothing_left_lets_a_message_go_again() {
        assert_eq!(ended(Some(0), ""), Ended::Sent);
        for code in [1, 2, 126, 127] {
            assert!(matches!(ended(Some(code), ""), Ended::NotSent(_)), "{code}");
        }
        let refused = ended(Some(255), "\"Failed to connect to service\"\n");
        assert!(matches!(refused, Ended::NotSent(_)));
        for said in [
            "",
            "Request timed out\n\"Request cancelled\"",
            "\"Internal\"",
        ] {
            assert_eq!(ended(Some(255), said), Ended::Unknown, "{said}");
        }
        assert_eq!(ended(None, "Failed to connect to service"), Ended::Unknown);
    }
}
