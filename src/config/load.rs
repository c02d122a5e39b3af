//! Edge: reads the configuration file, or RutOS's own ones. Never judges them: `read` and `import` do.
#![allow(clippy::disallowed_types)]

use std::io::Read;
use std::path::Path;

use super::model::Config;
use super::problem::{Problem, Severity};
use super::{DEFAULT_FILE, Overrides, read_with, translate, vendor};

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
        Err((line, text)) => {
            let mut problem = problem(Path::new(&name), Severity::Error, &text);
            problem.line = line;
            (None, vec![problem])
        }
    }
}

/// RutOS's own files in `dir` as a configuration of ours, and what of them could not be read. That one is not there is no
/// problem.
pub fn import(dir: &Path) -> (String, Vec<Problem>) {
    let (mut files, mut problems) = (Vec::new(), Vec::new());
    if !dir.is_dir() {
        problems.push(problem(dir, Severity::Error, "is no directory"));
    }
    for name in vendor::FILES {
        let path = dir.join(name);
        match bytes_of(&path) {
            Ok(bytes) => files.push(translate::File {
                name,
                path: path.display().to_string(),
                text: String::from_utf8_lossy(&bytes).into_owned(),
            }),
            Err(_) if !path.exists() => {}
            Err(why) => problems.push(problem(&path, Severity::Error, &why)),
        }
    }
    if files.is_empty() && problems.is_empty() {
        problems.push(problem(dir, Severity::Remark, "nothing of RutOS's is here"));
    }
    let (mut text, faults) = translate::translate(&files);
    problems.extend(faults);
    if text.is_empty() || text.len() as u64 > LONGEST {
        text.clear();
        problems.push(problem(
            dir,
            Severity::Error,
            "this is too much to take over",
        ));
    }
    (text, problems)
}

fn problem(file: &Path, severity: Severity, text: &str) -> Problem {
    Problem {
        file: file.display().to_string(),
        line: 0,
        text: String::from(text),
        severity,
    }
}

/// The file's text, or the line and the reason why there is none.
fn text_of(path: &Path) -> Result<String, (u32, String)> {
    let bytes = bytes_of(path).map_err(|why| (0, why))?;
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

/// What the file holds, or the reason why it cannot be had.
fn bytes_of(path: &Path) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(LONGEST + 1).read_to_end(&mut bytes))
        .map_err(|why| format!("cannot be read: {why}"))?;
    if bytes.len() as u64 > LONGEST {
        return Err(String::from("is longer than 256 KiB"));
    }
    Ok(bytes)
}
