//! Tests: the room as a whole — start-up by transcripts, the worker on a real pseudo terminal.

mod chats;
mod fake;
mod work;
