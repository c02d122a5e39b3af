//! Tests: every parser of bytes from outside as a target of `scripts/fuzz`, in one table. The kept inputs of
//! `tests/fuzz/corpus` and those that once fell run through the same functions in `cargo test`. Never in the program:
//! only there with `cfg(test)` and cargo-fuzz's `cfg(fuzzing)`.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use crate::feed::Feed;
use crate::message::Number;
use crate::signal::Signal;
use crate::status_text;
use crate::url::Url;
use crate::zone::Zone;
use crate::{api, config, forward, inbox, mail, modem, rules, smpp, sms, store};

/// What is done with an input; it must come back.
pub type Target = fn(&[u8]);

/// Every target and its name; the name is that of its folder in `tests/fuzz/corpus`.
pub const TARGETS: &[(&str, Target)] = &[
    ("api", api::fuzz::requests),
    ("at", modem::fuzz::port),
    ("door", api::fuzz::head),
    ("form", api::fuzz::form),
    ("http_answer", forward::fuzz::answer),
    ("inbox", inbox::fuzz::arrivals),
    ("journal", store::fuzz::journal),
    ("mime", mail::fuzz::mime),
    ("pop3", mail::fuzz::pop3),
    ("query", api::fuzz::query),
    ("rules", rules::fuzz::orders),
    ("smpp", smpp::fuzz::session),
    ("smtp", mail::fuzz::smtp),
    ("text", sms::fuzz::text),
    ("tpdu", sms::fuzz::tpdu),
    ("uci", config::fuzz::file),
    ("url", words),
    ("ussd", modem::fuzz::ussd),
];

/// Runs one input.
///
/// # Panics
/// When there is no such target, or when the input brings it down.
pub fn run(name: &str, data: &[u8]) {
    let target = TARGETS.iter().find(|(known, _)| *known == name);
    let Some((_, target)) = target else {
        panic!("there is no target {name}");
    };
    target(data);
}

/// URLs, numbers, time zones and texts with %-parameters: what options and people give.
fn words(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    if let Ok(url) = Url::parse(&text) {
        assert!(!url.host.is_empty());
        assert!(url.target.starts_with('/') && url.target.is_ascii());
    }
    if let Ok(number) = Number::parse(&text) {
        let again = Number::parse(number.as_str());
        assert_eq!(again.as_ref(), Ok(&number));
    }
    let at = crate::time::WallTime(i64::from(data.len() as u32) * 86_400_000);
    let _local = Zone::of(&text).local(at);
    let _number = Number::as_received(text.clone()).masked();
    let signal = Signal::new(Feed::new(0));
    let facts = status_text::Facts {
        router: Some(&text),
        firmware: None,
        at,
        zone: Zone::of(&text),
        signal: &signal,
        asked: &[],
    };
    let _told = status_text::render(&text, &facts);
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    /// Every kept input of one target.
    fn kept(name: &str) -> Vec<(String, Vec<u8>)> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("tests/fuzz/corpus")
            .join(name);
        let files =
            std::fs::read_dir(&folder).unwrap_or_else(|why| panic!("{}: {why}", folder.display()));
        files
            .map(|file| {
                let path = file.unwrap().path();
                (path.display().to_string(), std::fs::read(path).unwrap())
            })
            .collect()
    }

    #[test]
    fn every_kept_input_and_every_beginning_of_a_short_one_is_survived() {
        for (name, target) in TARGETS {
            let inputs = kept(name);
            assert!(!inputs.is_empty(), "no inputs for {name}");
            for (path, data) in inputs {
                println!("{path}");
                target(&data);
                for cut in 0..data.len().min(32) {
                    target(&data[..cut]);
                }
            }
        }
    }
}
