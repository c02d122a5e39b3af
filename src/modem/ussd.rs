//! Codec: `+CUSD` (27.007 7.15) into text, by its data coding scheme (23.038 clause 5) and by what modems really write.
//! Never starts a session.

use crate::sms::{Tables, from_hex, unpack_septets};

/// A text goes on for so many bytes at most; the network sends 182.
const LONGEST: usize = 1024;

/// What the network, or the modem, said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Said {
    /// `<m>`.
    pub how: How,
    /// Decoded; empty when there was none.
    pub text: String,
}

/// `<m>` of 27.007 7.15.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum How {
    /// 0: that was all.
    Done,
    /// 1: the network waits for an answer.
    More,
    /// 2: the network ended the session.
    Ended,
    /// 3 and 4: somebody else answered, or the network does not know the code.
    Refused,
    /// 5.
    TimedOut,
}

/// True for a `+CUSD` whose text is not at its end: menus have lines.
pub(super) fn goes_on(line: &str) -> bool {
    line.starts_with("+CUSD:") && line.matches('"').count() == 1 && line.len() < LONGEST
}

/// What stands behind `+CUSD:`: `<m>[,"<str>"[,<dcs>]]`. A quote inside the text ends nothing.
pub(super) fn parse(rest: &str) -> Option<Said> {
    let (how, rest) = rest.split_once(',').unwrap_or((rest, ""));
    let how = match how.trim() {
        "0" => How::Done,
        "1" => How::More,
        "2" => How::Ended,
        "3" | "4" => How::Refused,
        "5" => How::TimedOut,
        _other => return None,
    };
    let (text, dcs) = match rest.rsplit_once("\",") {
        Some((text, dcs)) if dcs.trim().is_empty() => (text, 15),
        Some((text, dcs)) => (text, dcs.trim().parse().ok()?),
        None => (rest.trim().strip_suffix('"').unwrap_or(rest), 15),
    };
    let text = text.trim_start();
    let text = decode(text.strip_prefix('"').unwrap_or(text), dcs);
    Some(Said { how, text })
}

fn decode(text: &str, dcs: u8) -> String {
    let octets = from_hex(text).ok().filter(|octets| !octets.is_empty());
    let Some(octets) = octets else {
        return plain(text);
    };
    let wide = |octets: &[u8]| {
        let (pairs, odd) = octets.as_chunks::<2>();
        let units: Vec<u16> = pairs.iter().map(|pair| u16::from_be_bytes(*pair)).collect();
        odd.is_empty().then(|| String::from_utf16_lossy(&units))
    };
    let (pairs, odd) = octets.as_chunks::<2>();
    let decoded = match dcs {
        // A language of two letters stands before it.
        0x11 => wide(octets.get(2..).unwrap_or_default()),
        0x40..=0x7f | 0x90..=0x9f if dcs & 0x0c == 0x08 => wide(&octets),
        0x40..=0x7f | 0x90..=0x9f if dcs & 0x0c == 0x04 => None,
        // GSM 7-bit as modems write it whose character set is UCS2 …
        _gsm if odd.is_empty() && pairs.iter().all(|[high, _]| *high == 0) => wide(&octets),
        // … and packed, as those that follow Huawei do. Without a letter it may well be a number to call.
        _gsm if octets.len() > 3 && text.bytes().any(|byte| byte.is_ascii_uppercase()) => {
            let septets = unpack_septets(&octets, 0, octets.len() * 8 / 7);
            let text = Tables::default().decode(&septets);
            // Seven spare bits are a carriage return (23.038 6.1.2.3.1).
            Some(String::from(text.trim_end_matches('\r')))
        }
        _gsm => None,
    };
    decoded.unwrap_or_else(|| plain(text))
}

/// Characters of the default alphabet that a modem has passed on by their numbers.
fn plain(text: &str) -> String {
    let gsm = |c: char| match u8::try_from(c) {
        Ok(code @ 0..0x20) if !matches!(c, '\n' | '\r') => Tables::default().decode(&[code]),
        Ok(_) | Err(_) => String::from(c),
    };
    text.chars().map(gsm).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_way_a_modem_writes_it_is_read() {
        let rows = [
            (
                "0,\"Your balance is 12.34 EUR.\",15",
                How::Done,
                "Your balance is 12.34 EUR.",
            ),
            (
                "1,\"1 Data, 2 \"Voice\"\",15",
                How::More,
                "1 Data, 2 \"Voice\"",
            ),
            ("0, \"042D0442043E\", 72", How::Done, "Это"),
            ("0,\"656E00480069\",17", How::Done, "Hi"),
            ("0,\"004800690021\",15", How::Done, "Hi!"),
            ("0,\"C8329BFD06\",15", How::Done, "Hello"),
            ("0,\"12345678\",15", How::Done, "12345678"),
            ("0,\"Это\",72", How::Done, "Это"),
            ("0,\"5\u{2}\",0", How::Done, "5$"),
            ("0,\"Hi\"", How::Done, "Hi"),
            ("0,\"Hi\", ", How::Done, "Hi"),
            ("2", How::Ended, ""),
            ("4", How::Refused, ""),
            ("5", How::TimedOut, ""),
        ];
        for (said, how, text) in rows {
            let text = String::from(text);
            assert_eq!(parse(said), Some(Said { how, text }), "{said}");
        }
    }

    #[test]
    fn rubbish_says_nothing_and_nothing_breaks() {
        for rubbish in ["", ",", "9,\"x\",15", "x", "1,\"x\",999", "\"", "0,\"x\",-"] {
            assert_eq!(parse(rubbish), None, "{rubbish}");
        }
        let whole = "1,\"D83D00610062\",72";
        for cut in 1..whole.len() {
            let said = parse(&whole[..cut]);
            assert!(said.is_none_or(|said| said.how == How::More));
        }
        assert!(goes_on("+CUSD: 1,\"Menu") && !goes_on("+CUSD: 1,\"Menu\""));
        assert!(!goes_on("+CUSD: 4"));
        assert!(!goes_on(&format!("+CUSD: 1,\"{}", "x".repeat(LONGEST))));
    }
}
