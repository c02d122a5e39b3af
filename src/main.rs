//! Edge: builds the rooms and is the only file that knows them all. Never does a room's work.
fn main() {}
