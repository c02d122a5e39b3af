//! Edge: reads the configuration file. Never judges it: `read` does.
#![allow(clippy::disallowed_types)]

use std::io::Read;
use std::path::Path;

use super::model::Config;
use super::problem::{Problem, Severity};
use super::{DEFAULT_FILE, Overrides, read_with};

/// A configuration is some kilobytes; what is longer is something else.
const LONGEST: u64 = 256 * 1024;

/// Reads `path`, or where none was named the router's own file, and what the command line said on top of it. A file that
/// cannot be read is an error like any other; only the router's own may be missing.
pub fn load(path: Option<&Path>, overrides: &Overrides) -> (Option<Config>, Vec<Problem>) {
    let own = Path::new(DEFAULT_FILE);
    let name = path.unwrap_or(own).display().to_string();
    let text = match path {
        None if !own.exists() => Ok(String::new()),
        None => text_of(own),
        Some(path) => text_of(path),
    };
    match text {
        Ok(text) => read_with(&text, &name, overrides),
        Err((line, text)) => (
            None,
            vec![Problem {
                file: name,
                line,
                text,
                severity: Severity::Error,
            }],
        ),
    }
}

/// The file's text, or the line and the reason why there is none.
fn text_of(path: &Path) -> Result<String, (u32, String)> {
    let unreadable = |why: std::io::Error| (0, format!("cannot be read: {why}"));
    let mut bytes = Vec::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(LONGEST + 1).read_to_end(&mut bytes))
        .map_err(unreadable)?;
    if bytes.len() as u64 > LONGEST {
        return Err((0, String::from("is longer than 256 KiB")));
    }
    String::from_utf8(bytes).map_err(|why| {
        let good = why.as_bytes().get(..why.utf8_error().valid_up_to());
        let lines = good
            .unwrap_or_default()
            .iter()
            .filter(|&&byte| byte == b'\n')
            .count();
        let line = u32::try_from(lines + 1).unwrap_or(u32::MAX);
        (line, String::from("this line is not UTF-8"))
    })
}
