//! Room: mail, both ways — SMTP for what is forwarded, POP3 for what becomes a message. Never keeps a mail.

mod mime;
mod mime_charset;
mod mime_coding;
mod mime_flow;
mod mime_html;
mod subject;
