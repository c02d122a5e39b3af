//! Codec: a cursor over a PDU's octets; it never runs past the end, it says in which field the PDU stopped.

use super::BadPdu;

/// What is left to read.
pub(super) struct Reader<'a> {
    left: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(super) fn new(octets: &'a [u8]) -> Self {
        Reader { left: octets }
    }

    pub(super) fn octet(&mut self, field: &'static str) -> Result<u8, BadPdu> {
        let (first, left) = self.left.split_first().ok_or(BadPdu::Truncated(field))?;
        self.left = left;
        Ok(*first)
    }

    pub(super) fn octets(&mut self, count: usize, field: &'static str) -> Result<&'a [u8], BadPdu> {
        let (taken, left) = self
            .left
            .split_at_checked(count)
            .ok_or(BadPdu::Truncated(field))?;
        self.left = left;
        Ok(taken)
    }

    /// At most `count` octets, fewer where the PDU is short.
    pub(super) fn up_to(&mut self, count: usize) -> &'a [u8] {
        let (taken, left) = self
            .left
            .split_at_checked(count)
            .unwrap_or((self.left, &[]));
        self.left = left;
        taken
    }
}
