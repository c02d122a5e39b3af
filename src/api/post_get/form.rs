//! Codec: `application/x-www-form-urlencoded`, as it stands in an address or in a body. Never complains about a name it
//! does not know: RutOS's clients send more than is needed.

use percent_encoding::percent_decode;

use crate::api::problem::{Code, Problem};

/// Pairs in their order; where a name comes twice, the first one counts.
#[derive(Debug, Default)]
pub struct Form {
    pairs: Vec<(Vec<u8>, Vec<u8>)>,
}

impl Form {
    /// Adds the pairs of `text`. A `+` is a blank; a `%` that begins no escape stands for itself.
    pub fn add(&mut self, text: &[u8]) {
        let text = text.strip_suffix(b"\n").unwrap_or(text);
        let text = text.strip_suffix(b"\r").unwrap_or(text);
        let pairs = text.split(|byte| *byte == b'&');
        for pair in pairs.filter(|pair| !pair.is_empty()) {
            let mut halves = pair.splitn(2, |byte| *byte == b'=');
            let mut half = || decoded(halves.next().unwrap_or_default());
            self.pairs.push((half(), half()));
        }
    }

    /// A value as bytes.
    pub fn bytes(&self, name: &str) -> Option<&[u8]> {
        let mut pairs = self.pairs.iter();
        let (_, value) = pairs.find(|(known, _)| known == name.as_bytes())?;
        Some(value)
    }

    /// A value that is not empty.
    ///
    /// # Errors
    /// [`Code::NotUtf8`].
    pub fn text(&self, name: &str) -> Result<Option<&str>, Problem> {
        let Some(value) = self.bytes(name).filter(|value| !value.is_empty()) else {
            return Ok(None);
        };
        std::str::from_utf8(value)
            .map(Some)
            .map_err(|_| Problem::new(Code::NotUtf8, format!("parameter {name} is not UTF-8")))
    }
}

fn decoded(text: &[u8]) -> Vec<u8> {
    let blanks: Vec<u8> = text
        .iter()
        .map(|byte| if *byte == b'+' { b' ' } else { *byte })
        .collect();
    percent_decode(&blanks).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(text: &[u8]) -> Form {
        let mut form = Form::default();
        form.add(text);
        form
    }

    #[test]
    fn pairs_are_decoded_and_the_first_of_a_name_counts() {
        let form = form("&a=b+c%20d&a=x&text=100% grüß%F0%9F%92%96=&flag&=&empty=\r\n".as_bytes());
        assert_eq!(form.text("a"), Ok(Some("b c d")));
        assert_eq!(form.text("text"), Ok(Some("100% grüß💖=")));
        assert_eq!(form.bytes("flag"), Some(b"".as_slice()));
        assert_eq!(form.text("empty"), Ok(None));
        assert_eq!(form.text("none"), Ok(None));
    }

    #[test]
    fn what_is_not_utf8_is_named() {
        let form = form(b"text=gr%FC%DF&raw=\xff");
        for name in ["text", "raw"] {
            let problem = form.text(name).unwrap_err();
            assert_eq!(problem.code, Code::NotUtf8);
            assert_eq!(problem.detail, format!("parameter {name} is not UTF-8"));
        }
        assert_eq!(form.bytes("raw"), Some(b"\xff".as_slice()));
    }

    #[test]
    fn rubbish_cut_at_every_byte_never_panics() {
        let text = b"a=%4&%=%%&==&&b=%zz%4";
        for cut in 0..=text.len() {
            let form = form(&text[..cut]);
            assert!(form.pairs.len() <= 5 && form.bytes("username").is_none());
        }
    }
}
