//! Codec: SMPP 3.4's PDUs — frame, header, strings, optional parameters (clauses 3.1, 3.2 and 5.1). Never reads a socket,
//! and knows no command's fields.

/// A command_id (5.1.2.1) without its response bit.
pub(super) type Command = u32;

/// bind_receiver.
pub(super) const BIND_RECEIVER: Command = 0x01;
/// bind_transmitter.
pub(super) const BIND_TRANSMITTER: Command = 0x02;
/// query_sm.
pub(super) const QUERY_SM: Command = 0x03;
/// submit_sm.
pub(super) const SUBMIT_SM: Command = 0x04;
/// deliver_sm.
pub(super) const DELIVER_SM: Command = 0x05;
/// unbind.
pub(super) const UNBIND: Command = 0x06;
/// replace_sm.
pub(super) const REPLACE_SM: Command = 0x07;
/// cancel_sm.
pub(super) const CANCEL_SM: Command = 0x08;
/// bind_transceiver.
pub(super) const BIND_TRANSCEIVER: Command = 0x09;
/// enquire_link.
pub(super) const ENQUIRE_LINK: Command = 0x15;
/// submit_multi.
pub(super) const SUBMIT_MULTI: Command = 0x21;
/// data_sm.
pub(super) const DATA_SM: Command = 0x103;
/// Set in the command_id of every response; alone it is generic_nack.
pub(super) const RESPONSE: u32 = 0x8000_0000;

/// A command_status (5.1.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Status(pub(super) u32);

impl Status {
    pub(super) const OK: Status = Status(0);
    /// ESME_RINVMSGLEN.
    pub(super) const MESSAGE_LENGTH: Status = Status(0x01);
    /// ESME_RINVCMDLEN.
    pub(super) const COMMAND_LENGTH: Status = Status(0x02);
    /// ESME_RINVCMDID.
    pub(super) const COMMAND_ID: Status = Status(0x03);
    /// ESME_RINVBNDSTS.
    pub(super) const BIND_STATUS: Status = Status(0x04);
    /// ESME_RALYBND.
    pub(super) const BOUND_ALREADY: Status = Status(0x05);
    /// ESME_RSYSERR.
    pub(super) const SYSTEM: Status = Status(0x08);
    /// ESME_RINVSRCADR.
    pub(super) const SOURCE: Status = Status(0x0A);
    /// ESME_RINVDSTADR.
    pub(super) const DESTINATION: Status = Status(0x0B);
    /// ESME_RINVMSGID.
    pub(super) const MESSAGE_ID: Status = Status(0x0C);
    /// ESME_RBINDFAIL.
    pub(super) const BIND_FAILED: Status = Status(0x0D);
    /// ESME_RCANCELFAIL.
    pub(super) const CANCEL_FAILED: Status = Status(0x11);
    /// ESME_RREPLACEFAIL.
    pub(super) const REPLACE_FAILED: Status = Status(0x13);
    /// ESME_RMSGQFUL.
    pub(super) const QUEUE_FULL: Status = Status(0x14);
    /// ESME_RINVSERTYP.
    pub(super) const SERVICE_TYPE: Status = Status(0x15);
    /// ESME_RINVNUMDESTS.
    pub(super) const DESTINATIONS: Status = Status(0x33);
    /// ESME_RINVDLNAME.
    pub(super) const LIST_NAME: Status = Status(0x34);
    /// ESME_RINVDESTFLAG.
    pub(super) const DESTINATION_FLAG: Status = Status(0x40);
    /// ESME_RINVESMCLASS.
    pub(super) const ESM_CLASS: Status = Status(0x43);
    /// ESME_RSUBMITFAIL.
    pub(super) const SUBMIT_FAILED: Status = Status(0x45);
    /// ESME_RTHROTTLED.
    pub(super) const THROTTLED: Status = Status(0x58);
    /// ESME_RINVSCHED.
    pub(super) const SCHEDULE: Status = Status(0x61);
    /// ESME_RINVEXPIRY.
    pub(super) const EXPIRY: Status = Status(0x62);
    /// ESME_RX_P_APPN.
    pub(super) const NEVER: Status = Status(0x65);
    /// ESME_RX_R_APPN.
    pub(super) const REJECTED: Status = Status(0x66);
    /// ESME_RINVOPTPARSTREAM.
    pub(super) const PARAMETERS: Status = Status(0xC0);
    /// ESME_ROPTPARNOTALLWD.
    pub(super) const PARAMETER_NOT_ALLOWED: Status = Status(0xC1);
    /// ESME_RINVDCS, of SMPP 5.0: 3.4 has no word for it.
    pub(super) const DATA_CODING: Status = Status(0x104);
}

/// Octets of a header.
pub(super) const HEADER: usize = 16;

/// A PDU's header, less its length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) command: u32,
    pub(super) status: Status,
    pub(super) sequence: u32,
}

/// What stands at the front of a stream.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Framed<'a> {
    /// A PDU: its header and body.
    Got(Header, &'a [u8]),
    /// More bytes are needed.
    NotYet,
    /// No PDU can be so long or so short; where the next one begins nobody knows. The sequence_number, if it is there.
    Bad(u32),
}

/// The PDU at the front of `bytes`, at most `most` octets long.
pub(super) fn frame(bytes: &[u8], most: usize) -> Framed<'_> {
    let word = |at: usize| {
        let octets = bytes.get(at..)?.first_chunk()?;
        Some(u32::from_be_bytes(*octets))
    };
    let Some(length) = word(0) else {
        return Framed::NotYet;
    };
    let length = usize::try_from(length).unwrap_or(usize::MAX);
    if !(HEADER..=most).contains(&length) {
        return Framed::Bad(word(12).unwrap_or(0));
    }
    let (Some(pdu), Some(command), Some(status), Some(sequence)) =
        (bytes.get(..length), word(4), word(8), word(12))
    else {
        return Framed::NotYet;
    };
    let header = Header {
        command,
        status: Status(status),
        sequence,
    };
    Framed::Got(header, pdu.get(HEADER..).unwrap_or_default())
}

/// Appends a PDU.
pub(super) fn emit(header: Header, body: &[u8], out: &mut Vec<u8>) {
    let length = u32::try_from(HEADER + body.len()).unwrap_or(u32::MAX);
    for word in [length, header.command, header.status.0, header.sequence] {
        out.extend_from_slice(&word.to_be_bytes());
    }
    out.extend_from_slice(body);
}

/// A body's fields, one after the other.
pub(super) struct Fields<'a>(pub(super) &'a [u8]);

impl<'a> Fields<'a> {
    /// An integer of one octet.
    pub(super) fn octet(&mut self) -> Result<u8, Status> {
        self.octets(1)
            .map(|octets| octets.first().copied().unwrap_or(0))
    }

    /// An Octet String.
    pub(super) fn octets(&mut self, count: usize) -> Result<&'a [u8], Status> {
        let (taken, rest) = self
            .0
            .split_at_checked(count)
            .ok_or(Status::COMMAND_LENGTH)?;
        self.0 = rest;
        Ok(taken)
    }

    /// A C-Octet String of at most `most` octets, its NUL counted in; a longer one is answered with `too_long`.
    pub(super) fn string(&mut self, most: usize, too_long: Status) -> Result<&'a [u8], Status> {
        let end = self.0.iter().take(most).position(|octet| *octet == 0);
        let Some(end) = end else {
            let cut = self.0.len() < most;
            return Err(if cut {
                Status::COMMAND_LENGTH
            } else {
                too_long
            });
        };
        let text = self.octets(end)?;
        self.octets(1)?;
        Ok(text)
    }

    /// What is left: the optional parameters, whole.
    pub(super) fn parameters(&self) -> Result<Parameters<'a>, Status> {
        let mut rest = self.0;
        while !rest.is_empty() {
            (_, rest) = first(rest).ok_or(Status::PARAMETERS)?;
        }
        Ok(Parameters(self.0))
    }
}

/// Tag and value.
type Parameter<'a> = (u16, &'a [u8]);

/// The first optional parameter, and what follows it.
fn first(bytes: &[u8]) -> Option<(Parameter<'_>, &[u8])> {
    let (&[a, b, c, d], rest) = bytes.split_first_chunk()?;
    let (value, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes([c, d])))?;
    Some(((u16::from_be_bytes([a, b]), value), rest))
}

/// Optional parameters (5.3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Parameters<'a>(&'a [u8]);

impl<'a> Parameters<'a> {
    /// The value of the first parameter with this tag.
    pub(super) fn get(self, tag: u16) -> Option<&'a [u8]> {
        let mut rest = self.0;
        while let Some(((found, value), after)) = first(rest) {
            if found == tag {
                return Some(value);
            }
            rest = after;
        }
        None
    }

    /// The same as an integer of one or two octets.
    pub(super) fn number(self, tag: u16) -> Option<u16> {
        match *self.get(tag)? {
            [low] => Some(u16::from(low)),
            [high, low] => Some(u16::from_be_bytes([high, low])),
            _ => None,
        }
    }
}

/// Appends a C-Octet String; what does not fit into `most` octets, NUL counted in, is cut.
pub(super) fn put_string(text: &[u8], most: usize, out: &mut Vec<u8>) {
    let fits = text.iter().take_while(|octet| **octet != 0);
    out.extend(fits.take(most.saturating_sub(1)));
    out.push(0);
}

/// Appends an optional parameter.
pub(super) fn put_parameter(tag: u16, value: &[u8], out: &mut Vec<u8>) {
    let length = u16::try_from(value.len()).unwrap_or(u16::MAX);
    out.extend_from_slice(&tag.to_be_bytes());
    out.extend_from_slice(&length.to_be_bytes());
    out.extend(value.iter().take(usize::from(length)));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pdu() -> Vec<u8> {
        let mut out = Vec::new();
        let header = Header {
            command: SUBMIT_SM,
            status: Status::OK,
            sequence: 7,
        };
        emit(header, b"body", &mut out);
        out
    }

    #[test]
    fn a_pdu_reads_back_and_is_not_there_before_its_last_byte() {
        let pdu = pdu();
        assert_eq!(pdu.len(), 20);
        for cut in 0..pdu.len() {
            assert_eq!(frame(&pdu[..cut], 100), Framed::NotYet, "cut at {cut}");
        }
        let two = [pdu.clone(), pdu].concat();
        let Framed::Got(header, body) = frame(&two, 100) else {
            panic!("no PDU");
        };
        assert_eq!((header.sequence, body), (7, &b"body"[..]));
    }

    #[test]
    fn impossible_lengths_are_told_as_soon_as_they_are_there() {
        for length in [0, 7, 15, 101, 0x7FFF_FFFF, u32::MAX] {
            let mut pdu = pdu();
            pdu[..4].copy_from_slice(&length.to_be_bytes());
            assert_eq!(frame(&pdu, 100), Framed::Bad(7), "{length}");
            assert_eq!(frame(&pdu[..4], 100), Framed::Bad(0));
        }
    }

    #[test]
    fn strings_end_with_nul_and_fit_their_field() {
        let read = |bytes: &[u8], most| {
            let mut fields = Fields(bytes);
            let text = fields.string(most, Status::SOURCE);
            text.map(|text| (text.to_vec(), fields.0.len()))
        };
        assert_eq!(read(b"ab\0c", 3), Ok((b"ab".to_vec(), 1)));
        assert_eq!(read(b"\0", 1), Ok((Vec::new(), 0)));
        assert_eq!(read(b"abc\0", 3), Err(Status::SOURCE));
        assert_eq!(read(b"ab", 3), Err(Status::COMMAND_LENGTH));
        assert_eq!(read(b"", 3), Err(Status::COMMAND_LENGTH));
    }

    #[test]
    fn parameters_are_found_and_a_cut_one_is_refused() {
        let mut bytes = Vec::new();
        put_parameter(0x0204, &[1, 2], &mut bytes);
        put_parameter(0x0005, &[1], &mut bytes);
        put_parameter(0x0424, b"text", &mut bytes);
        let whole = Fields(&bytes).parameters().unwrap();
        assert_eq!(whole.get(0x0424), Some(&b"text"[..]));
        assert_eq!(whole.number(0x0204), Some(0x0102));
        assert_eq!(whole.number(0x0005), Some(1));
        assert_eq!(whole.get(0x0210), None);
        for cut in 0..bytes.len() {
            let there = Fields(&bytes[..cut]).parameters();
            assert_eq!(there.is_ok(), [0, 6, 11].contains(&cut), "cut at {cut}");
        }
    }
}
