//! Codec: a request target taken apart — path, parameters, numbers. Never ignores a parameter it does not know: a
//! mistyped name would silently answer another question.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

use super::problem::{Code, Problem};

/// The path of a target, as sent.
pub fn path(target: &str) -> &str {
    target.split_once('?').map_or(target, |(path, _)| path)
}

/// The parameters of a target. Each is taken once; [`Params::done`] refuses what nobody took.
#[derive(Debug)]
pub struct Params {
    pairs: Vec<(String, String)>,
}

impl Params {
    /// Reads what stands after `?`. Empty pairs (`?&a=b`) are skipped, `+` is a blank.
    ///
    /// # Errors
    /// [`Code::BadParameter`] when a name comes twice or something is not UTF-8.
    pub fn parse(target: &str) -> Result<Params, Problem> {
        let query = target.split_once('?').map_or("", |(_, query)| query);
        let mut pairs: Vec<(String, String)> = Vec::new();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let name = decoded(name)?;
            if pairs.iter().any(|(before, _)| *before == name) {
                return Err(bad(&name, "is given twice"));
            }
            pairs.push((name, decoded(value)?));
        }
        Ok(Params { pairs })
    }

    /// Takes a parameter.
    pub fn take(&mut self, name: &str) -> Option<String> {
        let at = self.pairs.iter().position(|(known, _)| known == name)?;
        Some(self.pairs.swap_remove(at).1)
    }

    /// Takes a whole number of at most `most`.
    ///
    /// # Errors
    /// [`Code::BadParameter`].
    pub fn number(&mut self, name: &str, most: u64) -> Result<Option<u64>, Problem> {
        let Some(text) = self.take(name) else {
            return Ok(None);
        };
        number(&text)
            .filter(|number| *number <= most)
            .map(Some)
            .ok_or_else(|| bad(name, &format!("is a whole number of at most {most}")))
    }

    /// All parameters that have a meaning were taken.
    ///
    /// # Errors
    /// [`Code::BadParameter`] names one that was not.
    pub fn done(self) -> Result<(), Problem> {
        match self.pairs.first() {
            Some((name, _)) => Err(bad(name, "is not known here")),
            None => Ok(()),
        }
    }
}

/// A number of digits only, as an id or a cursor is written.
pub fn number(text: &str) -> Option<u64> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        text.parse().ok()
    } else {
        None
    }
}

/// The problem with the parameter `name`.
pub fn bad(name: &str, why: &str) -> Problem {
    Problem::new(Code::BadParameter, format!("parameter {name} {why}"))
}

fn decoded(text: &str) -> Result<String, Problem> {
    let blanks = text.replace('+', " ");
    percent_decode_str(&blanks)
        .decode_utf8()
        .map(Cow::into_owned)
        .map_err(|_| Problem::new(Code::NotUtf8, "the query is not UTF-8"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_decoded_and_each_is_taken_once() {
        let mut params = Params::parse("/a?&q=gr%C3%BC%C3%9F+dich&limit=20&flag").unwrap();
        assert_eq!(params.take("q").as_deref(), Some("grüß dich"));
        assert_eq!(params.number("limit", 200), Ok(Some(20)));
        assert_eq!(params.number("after", 9), Ok(None));
        assert_eq!(params.take("flag").as_deref(), Some(""));
        assert!(params.done().is_ok());
    }

    #[test]
    fn what_is_wrong_is_named() {
        let detail = |result: Result<(), Problem>| result.unwrap_err().detail;
        let params = Params::parse("/a?lmit=1").unwrap();
        assert_eq!(detail(params.done()), "parameter lmit is not known here");
        let twice = Params::parse("/a?x=1&x=2").map(|_| ());
        assert_eq!(detail(twice), "parameter x is given twice");
        for value in ["-1", "+1", "1e3", "", "201", "99999999999999999999"] {
            let mut params = Params::parse(&format!("/a?n={value}")).unwrap();
            assert!(params.number("n", 200).is_err(), "{value}");
        }
        assert_eq!(Params::parse("/a?x=%FF").unwrap_err().code, Code::NotUtf8);
        assert_eq!(path("/a/b?c"), "/a/b");
    }
}
