//! Room: mail, both ways — SMTP for what is forwarded, POP3 for what becomes a message. Never keeps a mail.

mod fetch;
mod fetch_memory;
mod fetch_plan;
mod mime;
mod mime_charset;
mod mime_coding;
mod mime_flow;
mod mime_html;
mod pop3;
mod pop3_reply;
mod subject;

pub use fetch::{Rooms, run as fetch};
