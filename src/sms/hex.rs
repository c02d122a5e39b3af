//! Codec: PDUs as the hexadecimal text of `+CMGL`, `+CMT`, `+CDS` and `AT+CMGS`; it never looks at what they mean.

use super::BadPdu;

/// The bytes of a hexadecimal text (either case), as `+CMGL`, `+CMT` and `+CDS` give it.
///
/// # Errors
/// [`BadPdu::NotHex`].
pub fn from_hex(text: &str) -> Result<Vec<u8>, BadPdu> {
    let (pairs, odd) = text.as_bytes().as_chunks::<2>();
    if !odd.is_empty() {
        return Err(BadPdu::NotHex);
    }
    pairs
        .iter()
        .map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?))
        .collect::<Option<Vec<u8>>>()
        .ok_or(BadPdu::NotHex)
}

fn digit(character: u8) -> Option<u8> {
    let value = char::from(character).to_digit(16)?;
    u8::try_from(value).ok()
}

/// Upper-case hexadecimal.
pub fn to_hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 0x0f])
        .filter_map(|nibble| char::from_digit(u32::from(nibble), 16))
        .map(|digit| digit.to_ascii_uppercase())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hexadecimal_reads_back_in_either_case() {
        assert_eq!(from_hex("00fFa5"), Ok(vec![0x00, 0xff, 0xa5]));
        assert_eq!(to_hex(&[0x00, 0xff, 0xa5]), "00FFA5");
        assert_eq!(from_hex(""), Ok(vec![]));
    }

    #[test]
    fn half_an_octet_and_strange_characters_are_refused() {
        for text in ["0", "0G", "00 11", "+1", "é", "00\r\n"] {
            assert_eq!(from_hex(text), Err(BadPdu::NotHex), "{text}");
        }
    }
}
