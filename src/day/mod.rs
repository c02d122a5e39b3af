//! Tests: a scripted day over the real keepers on a simulated flash — messages in and out, parts, reports, pushes, rules,
//! mail, SMPP — with the power cut at every single step, or the flash full, broken or read-only for a while. What the
//! world outside saw is counted at the end: nothing lost, nothing doubled. Never touches a disk.

mod agent;
mod cuts;
mod judge;
mod owner;
mod world;

pub(crate) use world::deliver;
