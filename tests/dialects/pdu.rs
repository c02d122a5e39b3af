//! Tests: the three PDUs the second modem needs, made by hand from 3GPP TS 23.040.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

/// 21 November 2026, 12:34:`second` UTC, semi-octets swapped.
fn stamp(second: u8) -> String {
    format!("6211122143{}{}00", second % 10, second / 10)
}

/// An SMS-DELIVER from +12025550155, in UCS-2.
pub fn deliver(text: &str, second: u8, centre: &str) -> String {
    let units: Vec<String> = text
        .encode_utf16()
        .map(|unit| format!("{unit:04X}"))
        .collect();
    let body = units.concat();
    let length = body.len() / 2;
    format!(
        "{centre}040B912120550551F50008{}{length:02X}{body}",
        stamp(second)
    )
}

/// The SMS-STATUS-REPORT "delivered" for an SMS-SUBMIT, if it asks for one.
pub fn report(submit: &str, reference: u8, centre: &str) -> Option<String> {
    let first = u8::from_str_radix(&submit[..2], 16).unwrap();
    let digits = usize::from_str_radix(&submit[4..6], 16).unwrap();
    let to = &submit[4..8 + digits.div_ceil(2) * 2];
    let stamps = stamp(30) + &stamp(31);
    (first & 0x20 != 0).then(|| format!("{centre}06{reference:02X}{to}{stamps}00"))
}
