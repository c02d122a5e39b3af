//! Tests: what the receiver of a push may answer, as a fuzz target. Never in the program.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use super::http;

/// An answer in pieces: the first octet says how long they are.
pub(crate) fn answer(data: &[u8]) {
    let Some((cut, bytes)) = data.split_first() else {
        return;
    };
    let mut buffer = Vec::new();
    for piece in bytes.chunks(usize::from(*cut).max(1)) {
        buffer.extend_from_slice(piece);
        match http::read(&mut buffer) {
            Ok(None) => {}
            Ok(Some(answer)) => {
                assert!(!(100..200).contains(&answer.status));
                return;
            }
            Err(failure) => {
                let _told = failure.to_string();
                return;
            }
        }
    }
}
