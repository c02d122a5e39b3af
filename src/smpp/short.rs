//! Codec: the fields of submit_sm, submit_multi, data_sm and replace_sm in, of deliver_sm out (SMPP 3.4 clause 4). Never
//! judges a number or a text.

use super::pdu::{self, Command, Fields, Parameters, Status};

/// Octets of an address, NUL counted in; of data_sm's.
const ADDRESS: usize = 21;
const LONG_ADDRESS: usize = 65;
/// Of a message_id.
const MESSAGE_ID: usize = 65;
/// Of a time.
const TIME: usize = 17;
/// Of a service_type.
const SERVICE_TYPE: usize = 6;

/// An address with its type of number and numbering plan (5.2.5, 5.2.6).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Address<'a> {
    pub(super) ton: u8,
    pub(super) npi: u8,
    pub(super) text: &'a [u8],
}

impl<'a> Address<'a> {
    /// Reads one.
    pub(super) fn parse(from: &mut Fields<'a>, status: Status) -> Result<Address<'a>, Status> {
        Address::up_to(ADDRESS, from, status)
    }

    fn up_to(most: usize, from: &mut Fields<'a>, status: Status) -> Result<Address<'a>, Status> {
        Ok(Address {
            ton: from.octet()?,
            npi: from.octet()?,
            text: from.string(most, status)?,
        })
    }

    /// Appends it.
    pub(super) fn emit(self, out: &mut Vec<u8>) {
        out.push(self.ton);
        out.push(self.npi);
        pdu::put_string(self.text, ADDRESS, out);
    }
}

/// One who is to have a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum To<'a> {
    /// A phone.
    Address(Address<'a>),
    /// A distribution list: here a phone group.
    List(&'a [u8]),
}

/// A short message as a client hands it over.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Short<'a> {
    pub(super) source: Address<'a>,
    pub(super) to: Vec<To<'a>>,
    pub(super) esm_class: u8,
    pub(super) protocol_id: u8,
    pub(super) schedule: &'a [u8],
    pub(super) validity: &'a [u8],
    pub(super) registered: u8,
    pub(super) data_coding: u8,
    pub(super) message: &'a [u8],
    pub(super) parameters: Parameters<'a>,
}

impl<'a> Short<'a> {
    /// Reads the body of submit_sm, submit_multi or data_sm.
    pub(super) fn parse(command: Command, body: &'a [u8]) -> Result<Short<'a>, Status> {
        let mut from = Fields(body);
        from.string(SERVICE_TYPE, Status::SERVICE_TYPE)?;
        if command == pdu::DATA_SM {
            let source = Address::up_to(LONG_ADDRESS, &mut from, Status::SOURCE)?;
            let to = Address::up_to(LONG_ADDRESS, &mut from, Status::DESTINATION)?;
            return Ok(Short {
                source,
                to: vec![To::Address(to)],
                esm_class: from.octet()?,
                registered: from.octet()?,
                data_coding: from.octet()?,
                parameters: from.parameters()?,
                ..Short::default()
            });
        }
        let source = Address::parse(&mut from, Status::SOURCE)?;
        let to = if command == pdu::SUBMIT_MULTI {
            destinations(&mut from)?
        } else {
            vec![To::Address(Address::parse(&mut from, Status::DESTINATION)?)]
        };
        let esm_class = from.octet()?;
        let protocol_id = from.octet()?;
        from.octet()?; // priority_flag: the network has none for us
        let schedule = from.string(TIME, Status::SCHEDULE)?;
        let validity = from.string(TIME, Status::EXPIRY)?;
        let registered = from.octet()?;
        from.octet()?; // replace_if_present_flag
        let data_coding = from.octet()?;
        let (message, parameters) = text(&mut from)?;
        Ok(Short {
            source,
            to,
            esm_class,
            protocol_id,
            schedule,
            validity,
            registered,
            data_coding,
            message,
            parameters,
        })
    }

    /// Reads the body of replace_sm: the message_id, and what replaces it.
    pub(super) fn parse_replace(body: &'a [u8]) -> Result<(&'a [u8], Short<'a>), Status> {
        let mut from = Fields(body);
        let id = message_id(&mut from)?;
        let mut short = Short {
            source: Address::parse(&mut from, Status::SOURCE)?,
            schedule: from.string(TIME, Status::SCHEDULE)?,
            validity: from.string(TIME, Status::EXPIRY)?,
            registered: from.octet()?,
            ..Short::default()
        };
        (short.message, short.parameters) = text(&mut from)?;
        Ok((id, short))
    }
}

/// A message_id.
pub(super) fn message_id<'a>(from: &mut Fields<'a>) -> Result<&'a [u8], Status> {
    from.string(MESSAGE_ID, Status::MESSAGE_ID)
}

/// A service_type, which means nothing here.
pub(super) fn service_type(from: &mut Fields) -> Result<(), Status> {
    from.string(SERVICE_TYPE, Status::SERVICE_TYPE).map(drop)
}

/// sm_default_msg_id, sm_length and short_message, and the optional parameters behind them.
fn text<'a>(from: &mut Fields<'a>) -> Result<(&'a [u8], Parameters<'a>), Status> {
    from.octet()?;
    let length = usize::from(from.octet()?);
    if length > 254 {
        return Err(Status::MESSAGE_LENGTH);
    }
    Ok((from.octets(length)?, from.parameters()?))
}

/// submit_multi's dest_address(es) (4.5.1.1).
fn destinations<'a>(from: &mut Fields<'a>) -> Result<Vec<To<'a>>, Status> {
    let count = from.octet()?;
    if count == 0 {
        return Err(Status::DESTINATIONS);
    }
    (0..count)
        .map(|_| match from.octet()? {
            1 => Address::parse(from, Status::DESTINATION).map(To::Address),
            2 => from.string(ADDRESS, Status::LIST_NAME).map(To::List),
            _ => Err(Status::DESTINATION_FLAG),
        })
        .collect()
}

/// A deliver_sm.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Deliver<'a> {
    pub(super) source: Address<'a>,
    pub(super) to: Address<'a>,
    pub(super) esm_class: u8,
    pub(super) data_coding: u8,
    /// At most 254 octets.
    pub(super) message: &'a [u8],
}

impl Deliver<'_> {
    /// Its body, to which optional parameters may be appended.
    pub(super) fn emit(&self) -> Vec<u8> {
        let mut out = vec![0]; // service_type
        self.source.emit(&mut out);
        self.to.emit(&mut out);
        // protocol_id, priority_flag; schedule_delivery_time, validity_period; registered_delivery, replace_if_present_flag
        out.extend_from_slice(&[self.esm_class, 0, 0, 0, 0, 0, 0, self.data_coding, 0]);
        let length = u8::try_from(self.message.len()).unwrap_or(254).min(254);
        out.push(length);
        out.extend(self.message.iter().take(usize::from(length)));
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SUBMIT: &[u8] = b"CMT\0\x01\x01123\0\x01\x0112025550155\0\x40\x3f\x01\0\
        000000010000000R\0\x01\0\x08\0\x04text\x02\x04\0\x02\x12\x34";

    #[test]
    fn every_field_of_a_submit_sm_is_read() {
        let short = Short::parse(pdu::SUBMIT_SM, SUBMIT).unwrap();
        let to = Address {
            ton: 1,
            npi: 1,
            text: b"12025550155",
        };
        assert_eq!(short.to, [To::Address(to)]);
        assert_eq!((short.source.text, short.esm_class), (&b"123"[..], 0x40));
        assert_eq!((short.protocol_id, short.data_coding), (0x3f, 8));
        assert_eq!((short.schedule, short.registered), (&b""[..], 1));
        assert_eq!(short.validity, b"000000010000000R");
        assert_eq!(short.message, b"text");
        assert_eq!(short.parameters.number(0x0204), Some(0x1234));
    }

    #[test]
    fn a_body_cut_at_any_byte_is_refused_except_before_its_parameters() {
        for cut in 0..SUBMIT.len() {
            let read = Short::parse(pdu::SUBMIT_SM, &SUBMIT[..cut]);
            let whole = cut == SUBMIT.len() - 6;
            assert_eq!(read.is_ok(), whole, "cut at {cut}: {read:?}");
        }
    }

    #[test]
    fn submit_multi_names_phones_and_lists() {
        let body = b"\0\0\0\0\x02\x01\x01\x01123\0\x02friends\0\0\0\0\0\0\0\0\0\0\x01x";
        let short = Short::parse(pdu::SUBMIT_MULTI, body).unwrap();
        assert_eq!(short.to.len(), 2);
        assert_eq!(short.to[1], To::List(b"friends"));
        for cut in 0..body.len() {
            assert!(Short::parse(pdu::SUBMIT_MULTI, &body[..cut]).is_err());
        }
        let none = b"\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01x";
        let read = Short::parse(pdu::SUBMIT_MULTI, none);
        assert_eq!(read, Err(Status::DESTINATIONS));
        let flag = b"\0\0\0\0\x01\x03";
        let read = Short::parse(pdu::SUBMIT_MULTI, flag);
        assert_eq!(read, Err(Status::DESTINATION_FLAG));
    }

    #[test]
    fn data_sm_has_its_text_in_a_parameter_and_replace_sm_no_destination() {
        let data = b"\0\0\0me\0\x01\x01123\0\0\x01\x04\x04\x24\0\x02hi";
        let short = Short::parse(pdu::DATA_SM, data).unwrap();
        assert_eq!(short.parameters.get(0x0424), Some(&b"hi"[..]));
        assert_eq!((short.registered, short.data_coding), (1, 4));
        let replace = b"17\0\0\0me\0\0\0\x01\0\x02ho";
        let (id, short) = Short::parse_replace(replace).unwrap();
        assert_eq!(
            (id, short.message, short.registered),
            (&b"17"[..], &b"ho"[..], 1)
        );
    }

    #[test]
    fn rubbish_never_panics() {
        let mut seed = 7u32;
        for _ in 0..20_000 {
            let mut body = SUBMIT.to_vec();
            for _ in 0..3 {
                seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                let at = (seed >> 8) as usize % body.len();
                body[at] = (seed >> 24) as u8;
            }
            for command in [pdu::SUBMIT_SM, pdu::SUBMIT_MULTI, pdu::DATA_SM] {
                let _read = Short::parse(command, &body);
            }
            let _read = Short::parse_replace(&body);
        }
    }

    #[test]
    fn what_is_delivered_reads_back_as_it_would_be_submitted() {
        let source = Address {
            ton: 5,
            npi: 0,
            text: b"Bank",
        };
        let body = Deliver {
            source,
            esm_class: 4,
            data_coding: 8,
            message: b"text",
            ..Deliver::default()
        }
        .emit();
        let short = Short::parse(pdu::SUBMIT_SM, &body).unwrap();
        assert_eq!((short.source, short.message), (source, &b"text"[..]));
        assert_eq!((short.esm_class, short.data_coding), (4, 8));
    }
}
