//! Codec: requests of rtnetlink for the route to one host, and the kernel's answer. Never sends one.
//!
//! Fields are in the machine's own byte order, as netlink (RFC 3549) has them.

use std::net::IpAddr;

/// `RTM_NEWROUTE`: make it, and fail when one with this destination and metric is there already.
const NEW: (u16, u16) = (24, REQUEST | ACK | EXCL | CREATE);
/// `RTM_DELROUTE`.
const DELETE: (u16, u16) = (25, REQUEST | ACK);
const REQUEST: u16 = 0x1;
const ACK: u16 = 0x4;
const EXCL: u16 = 0x200;
const CREATE: u16 = 0x400;

/// The mark of our routes (`proto 82`): the kernel deletes none that somebody else made when it is told this, and what a
/// killed agent left is known by it.
const PROTOCOL: u8 = 82;
const MAIN_TABLE: u8 = 254;
const UNICAST: u8 = 1;
/// Straight on the link, and "whichever" for deleting (IPv4 only).
const LINK: u8 = 253;
const NOWHERE: u8 = 255;
/// Attributes: `RTA_DST` and `RTA_OIF`.
const TO: u16 = 1;
const THROUGH: u16 = 4;

/// Makes the route to `ip` through the interface with this index.
pub(super) fn add(ip: IpAddr, through: u32) -> Vec<u8> {
    let mut message = begin(NEW, ip, LINK);
    attribute(&mut message, THROUGH, &through.to_ne_bytes());
    finish(message)
}

/// Deletes our route to `ip`, whichever way it goes.
pub(super) fn delete(ip: IpAddr) -> Vec<u8> {
    finish(begin(DELETE, ip, NOWHERE))
}

fn begin((kind, flags): (u16, u16), ip: IpAddr, scope: u8) -> Vec<u8> {
    let v4 = ip.is_ipv4();
    // struct nlmsghdr; its length follows at the end, number and port may be zero.
    let mut message = vec![0; 16];
    put(&mut message, 4, &kind.to_ne_bytes());
    put(&mut message, 6, &flags.to_ne_bytes());
    // struct rtmsg: family (AF_INET, AF_INET6), destination's bits, ..., and four bytes of flags.
    let (family, bits) = if v4 { (2, 32) } else { (10, 128) };
    message.extend_from_slice(&[family, bits, 0, 0]);
    message.extend_from_slice(&[MAIN_TABLE, PROTOCOL, scope, UNICAST, 0, 0, 0, 0]);
    match ip {
        IpAddr::V4(ip) => attribute(&mut message, TO, &ip.octets()),
        IpAddr::V6(ip) => attribute(&mut message, TO, &ip.octets()),
    }
    message
}

/// All of ours are multiples of four: no padding.
fn attribute(message: &mut Vec<u8>, kind: u16, value: &[u8]) {
    let length = u16::try_from(4 + value.len()).unwrap_or_default();
    message.extend_from_slice(&length.to_ne_bytes());
    message.extend_from_slice(&kind.to_ne_bytes());
    message.extend_from_slice(value);
}

fn finish(mut message: Vec<u8>) -> Vec<u8> {
    let length = u32::try_from(message.len()).unwrap_or_default();
    put(&mut message, 0, &length.to_ne_bytes());
    message
}

fn put(message: &mut [u8], at: usize, bytes: &[u8]) {
    for (to, from) in message.iter_mut().skip(at).zip(bytes) {
        *to = *from;
    }
}

/// The kernel's answer (`NLMSG_ERROR`): 0 when it is done, else the error's number; nothing when it is no answer.
pub(super) fn answer(bytes: &[u8]) -> Option<i32> {
    const ERROR: [u8; 2] = 2u16.to_ne_bytes();
    let error = bytes.get(16..20)?.try_into().ok()?;
    (bytes.get(4..6)? == ERROR).then(|| i32::from_ne_bytes(error).saturating_neg())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_route_is_asked_for_as_rtnetlink_has_it() {
        let ip: IpAddr = "10.1.2.3".parse().unwrap();
        let mut expected = 44u32.to_ne_bytes().to_vec();
        expected.extend(24u16.to_ne_bytes());
        expected.extend(0x605u16.to_ne_bytes());
        expected.extend([0; 8]);
        expected.extend([2, 32, 0, 0, 254, 82, 253, 1, 0, 0, 0, 0]);
        expected.extend([8u16.to_ne_bytes(), 1u16.to_ne_bytes()].concat());
        expected.extend([10, 1, 2, 3]);
        expected.extend([8u16.to_ne_bytes(), 4u16.to_ne_bytes()].concat());
        expected.extend(7u32.to_ne_bytes());
        assert_eq!(add(ip, 7), expected);
    }

    #[test]
    fn a_route_is_deleted_by_its_destination_and_our_mark_alone() {
        let ip: IpAddr = "fd00::1".parse().unwrap();
        let message = delete(ip);
        assert_eq!(message.len(), 48);
        assert_eq!(message[0..4], 48u32.to_ne_bytes());
        assert_eq!(
            message[4..8],
            [25u16.to_ne_bytes(), 5u16.to_ne_bytes()].concat()
        );
        assert_eq!(message[16..24], [10, 128, 0, 0, 254, 82, 255, 1]);
        assert_eq!(message[32..34], [0xfd, 0]);
        assert_eq!(message[47], 1);
    }

    #[test]
    fn the_answer_is_read_and_no_cut_of_it_is_one() {
        let mut bytes = vec![0; 36];
        bytes[4..6].copy_from_slice(&2u16.to_ne_bytes());
        assert_eq!(answer(&bytes), Some(0));
        bytes[16..20].copy_from_slice(&(-17i32).to_ne_bytes());
        assert_eq!(answer(&bytes), Some(17));
        for end in 0..20 {
            assert_eq!(answer(&bytes[..end]), None, "{end}");
        }
        bytes[4] ^= 1;
        assert_eq!(answer(&bytes), None);
        assert_eq!(answer(&[0xff; 64]), None);
    }
}
