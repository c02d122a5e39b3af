//! Codec: septets packed into octets, least significant bit first (23.038 6.1.2.1.1); it never knows which character a
//! septet is.

/// Septets that `bits` bits begin or fill: how many a user data header takes of the text (23.040 9.2.3.16).
pub(super) fn filled_by(bits: usize) -> usize {
    bits.div_ceil(7)
}

/// The octets of `septets`, the first one beginning at bit `fill` (0..=6, the fill bits after a user data header).
pub fn pack(septets: &[u8], fill: usize) -> Vec<u8> {
    let mut octets = vec![0u8; (fill + septets.len() * 7).div_ceil(8)];
    for (index, septet) in septets.iter().enumerate() {
        let bit = fill + index * 7;
        let spread = u16::from(septet & 0x7f) << (bit % 8);
        for (octet, value) in octets.iter_mut().skip(bit / 8).zip(spread.to_le_bytes()) {
            *octet |= value;
        }
    }
    octets
}

/// The septets in `octets`, the first one beginning at bit `start`: at most `count`, fewer where the octets end.
pub fn unpack(octets: &[u8], start: usize, count: usize) -> Vec<u8> {
    let whole = (octets.len() * 8).saturating_sub(start) / 7;
    let octet = |index: usize| octets.get(index).copied().unwrap_or(0);
    (0..count.min(whole))
        .map(|index| {
            let bit = start + index * 7;
            let pair = u16::from_le_bytes([octet(bit / 8), octet(bit / 8 + 1)]);
            let [septet, _] = (pair >> (bit % 8)).to_le_bytes();
            septet & 0x7f
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_count_and_fill_reads_back() {
        let septets: Vec<u8> = (0..170u16).map(|n| (n % 128) as u8).collect();
        for fill in 0..7 {
            for count in 0..septets.len() {
                let octets = pack(&septets[..count], fill);
                assert_eq!(unpack(&octets, fill, count), &septets[..count]);
            }
        }
    }

    #[test]
    fn too_few_octets_give_the_septets_that_are_whole() {
        assert_eq!(unpack(&[0xff, 0xff], 0, 160), [0x7f, 0x7f]);
        assert!(unpack(&[0xff], 2, 160).is_empty());
        assert!(unpack(&[], 49, 160).is_empty());
    }
}
