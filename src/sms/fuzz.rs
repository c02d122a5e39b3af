//! Tests: the codec as fuzz targets. Never in the program.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use super::{Body, Direction, SubmitOptions, Tpdu, decode, from_hex, preview, submit, to_hex};
use crate::message::Number;

/// A PDU from the network, and from a store.
pub(crate) fn tpdu(data: &[u8]) {
    let _from_network = decode(data, Direction::FromNetwork);
    let _ours = decode(data, Direction::ToNetwork);
    assert_eq!(from_hex(&to_hex(data)).as_deref(), Ok(data));
    let _octets = from_hex(&String::from_utf8_lossy(data));
}

/// A text goes out and is read back: the first octet chooses what goes with it.
pub(crate) fn text(data: &[u8]) {
    let Some((options, text)) = data.split_first() else {
        return;
    };
    let text = String::from_utf8_lossy(text);
    let asked = SubmitOptions {
        to: Number::as_received("+12025550155"),
        flash: options & 1 != 0,
        report: options & 2 != 0,
        validity_s: (options & 4 != 0).then_some(u32::from(*options) * 1000),
        reference: *options,
    };
    let Ok(parts) = submit(&text, &asked) else {
        assert!(preview(&text).is_err());
        return;
    };
    assert_eq!(
        preview(&text).map(|told| usize::from(told.parts)),
        Ok(parts.len())
    );
    let mut joined = String::new();
    for part in &parts {
        // As a store holds it: the service centre goes first.
        let stored = [&[0], &part[..]].concat();
        let Ok(Tpdu::Submit(part)) = decode(&stored, Direction::ToNetwork) else {
            panic!("a part cannot be read back");
        };
        assert_eq!(part.concat.is_some(), parts.len() > 1);
        match part.body {
            Body::Text(text) => joined.push_str(&text),
            Body::Data(_) => panic!("a text became data"),
        }
    }
    assert_eq!(joined, text);
}
