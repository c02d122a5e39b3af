//! Tests: what libFuzzer calls; the name of the binary is that of its target. Never knows what a target does: src/fuzz.rs.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| rut_agent::fuzz::run(env!("CARGO_BIN_NAME"), data));
