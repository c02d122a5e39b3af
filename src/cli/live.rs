//! Edge: what follows the terminal — its width, whether it shows colours, and the one line of `signal --watch` that is
//! written again and again. Never words a level: `show` does.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

use std::io::{IsTerminal, Write};
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use super::connection::{Connection, Trouble};
use super::http::Request;
use super::{Client, show};

/// The agent's idle budget lets the modem measure so often.
const PAUSE: Duration = Duration::from_secs(5);
/// When nobody says how wide the terminal is.
const WIDTH: usize = 80;

/// How many columns there are; `None` when nobody looks and nothing has to be cut.
pub fn width() -> Option<usize> {
    if !std::io::stdout().is_terminal() {
        return None;
    }
    let said = std::env::var("COLUMNS").ok();
    // The one way without an ioctl of our own: `stty size` says "rows columns" of its standard input.
    let asked = || {
        let mut stty = Command::new("stty");
        let answer = stty.arg("size").stdin(Stdio::inherit()).output().ok()?;
        let answer = String::from_utf8(answer.stdout).ok()?;
        answer.split_whitespace().nth(1).map(String::from)
    };
    let width = said.or_else(asked).and_then(|text| text.parse().ok());
    Some(width.filter(|width| *width >= 20).unwrap_or(WIDTH))
}

/// Colours only for people, and not for those who said no (no-color.org).
fn colours() -> bool {
    let says_no = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
    std::io::stdout().is_terminal() && !says_no("NO_COLOR") && !dumb
}

/// The signal as it changes: one line that lives on a terminal, else a line for each measurement. Ends with the agent.
pub fn watch(client: &Client, out: &mut dyn Write) -> Result<u8, Trouble> {
    let (width, colours) = (width().filter(|_| !client.json), colours());
    let mut before = Value::Null;
    loop {
        let request = Request::new("GET", "/api/v1/signal?live=1");
        let answer = Connection::open(client, &request).and_then(Connection::json);
        let signal = match answer {
            Ok(signal) => signal,
            Err(trouble) => {
                if width.is_some() {
                    writeln!(out)?;
                }
                return Err(trouble);
            }
        };
        let at = signal.get("at").cloned().unwrap_or_default();
        let new = at != before;
        match width {
            Some(width) => write!(out, "\r{}\x1b[K", show::gauge(&signal, width, colours))?,
            None if new && client.json => writeln!(out, "{signal}")?,
            None if new => writeln!(out, "{}", show::gauge(&signal, usize::MAX, false))?,
            None => {}
        }
        before = at;
        out.flush()?;
        std::thread::sleep(PAUSE);
    }
}
