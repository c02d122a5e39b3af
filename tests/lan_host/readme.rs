//! Tests: placeholder; never.
