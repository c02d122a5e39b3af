//! Room: mail, both ways — SMTP for what is forwarded, POP3 for what becomes a message. Never keeps a mail.
