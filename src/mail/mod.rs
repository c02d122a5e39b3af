//! Room: mail, both ways — SMTP for what is forwarded, POP3 for what becomes a message. Never keeps a mail.

mod compose;
#[cfg(test)]
pub(crate) mod day;
mod fetch;
mod fetch_memory;
mod fetch_plan;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
mod mime;
mod mime_charset;
mod mime_coding;
mod mime_flow;
mod mime_html;
mod pop3;
mod pop3_reply;
mod smtp;
mod smtp_reply;
mod smtp_talk;
#[cfg(test)]
mod smtp_tests;
mod subject;

pub use compose::{Letter, compose, one_line};
pub use fetch::{Rooms, run as fetch};
pub use smtp::send;
pub use smtp_talk::{Failure, Mail, Verdict};
