//! Tests: what a modem may write, as fuzz targets. Never in the program.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use super::conversation::{Conversation, Heard};
use super::feed::Intake;
use super::{cells, commands, levels, raw, replies, ussd as codes};
use crate::time::Tick;

/// The first octet chooses the command that waits, the second how the rest is cut.
pub(crate) fn port(data: &[u8]) {
    let [command, cut, bytes @ ..] = data else {
        return;
    };
    let waiting = match command % 8 {
        0 => commands::attention(),
        1 => commands::list_messages(),
        2 => commands::send_message(20),
        3 => commands::message_pdu(String::from("0011")),
        4 => commands::registration(),
        5 => commands::read_message(1),
        6 => commands::list_calls(),
        _ => commands::raw(String::from("AT+X")),
    };
    let mut intake = Intake::default();
    let mut conversation = Conversation::default();
    conversation.begin(waiting.clone(), Tick(0));
    let mut now = 0;
    for piece in bytes.chunks(usize::from(*cut).max(1)) {
        now += 1;
        intake.push(piece);
        while let Some(item) = intake.next(conversation.awaits_prompt()) {
            match conversation.on(item, Tick(now)) {
                Heard::Answer(answer) => {
                    understand(&answer.unwrap_or_default());
                    conversation.begin(waiting.clone(), Tick(now));
                }
                Heard::Notification(_) | Heard::Nothing => {}
            }
        }
    }
    if let Some(Ok(lines)) = conversation.on_time(Tick(10_000_000)) {
        understand(&lines);
    }
}

/// Every reader of replies.
fn understand(lines: &[String]) {
    let _all = (
        replies::calls(lines),
        replies::memories(lines),
        replies::listed_slots(lines),
        replies::listed(lines),
        replies::read(lines),
        replies::notifying(lines),
        replies::acknowledges(lines),
        replies::pin_code(lines).map(|code| replies::pin_word(&code)),
        replies::tries_left(lines),
        replies::operator(lines),
        (replies::words(lines), replies::first_field(lines)),
        replies::message_reference(lines),
    );
    let _radio = (levels::parse(lines), cells::parse(lines));
    for line in lines {
        let rest = line.split_once(':').map_or("", |(_, rest)| rest);
        let _registered = [true, false].map(|read| replies::registration(rest, read));
    }
}

/// An answer to a code, and a line that the owner wants to send.
pub(crate) fn ussd(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let _more = codes::goes_on(&text);
    let _said = codes::parse(&text);
    if let Ok(line) = raw::checked(&text) {
        assert!(!line.contains(['\r', '\n', '\u{1a}', '\u{1b}']));
    }
}
