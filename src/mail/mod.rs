//! Room: mail, both ways — SMTP for what is forwarded, POP3 for what becomes a message. Never keeps a mail.

mod compose;
mod smtp;
mod smtp_reply;
mod smtp_talk;
#[cfg(test)]
mod smtp_tests;

pub use compose::{Letter, compose, one_line};
pub use smtp::send;
pub use smtp_talk::{Failure, Mail, Verdict};
