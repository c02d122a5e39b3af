//! Tests: a journal that holds anything at all, as a fuzz target. Never in the program.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use super::sim::{Image, SimFlash, Step};
use super::{Change, Keep, Key, Kind, record};

/// Segments, parted by `0xFE 0xFE`; those whose first octet is odd get a right header before them.
pub(crate) fn journal(data: &[u8]) {
    let mut image = Image::default();
    let mut rest = data;
    for number in 0..4 {
        let end = rest.windows(2).position(|two| two == [0xFE, 0xFE]);
        let (segment, others) = rest.split_at(end.unwrap_or(rest.len()));
        let mut bytes = Vec::new();
        if segment.first().is_some_and(|first| first % 2 == 1) {
            bytes = record::header(7);
        }
        bytes.extend_from_slice(segment.get(1..).unwrap_or_default());
        image.step(&Step::Create(number), 0);
        image.step(&Step::Append(number, bytes), usize::MAX);
        rest = others.get(2..).unwrap_or_default();
    }
    let flash = SimFlash::holding(image);
    let mut store = flash.store(8 * 1024, 1024);
    let found = store.range(Kind::Received, 0).count();
    let change = Change::Put {
        key: Key {
            kind: Kind::Cursor,
            id: 1,
        },
        value: vec![1; 8],
        keep: Keep::Always,
    };
    let kept = store.apply(&[change]).is_ok();
    drop(store);
    let again = flash.store(8 * 1024, 1024);
    let cursor = again
        .range(Kind::Cursor, 1)
        .any(|(id, value)| id == 1 && value == [1; 8]);
    assert!(!kept || cursor, "a change that was kept is gone");
    assert!(again.range(Kind::Received, 0).count() <= found);
}
