//! Edge: magic packets into every network this router is in. Never waits for an answer: there is none.
#![allow(clippy::disallowed_types, clippy::disallowed_methods)]

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};

use tokio::net::UdpSocket;

/// The port of the discard service, which those packets go to.
const PORT: u16 = 9;

/// Six bytes FF, then the address sixteen times.
fn packet(mac: [u8; 6]) -> Vec<u8> {
    [vec![0xFF; 6], mac.repeat(16)].concat()
}

/// Sends to the broadcast address of each network; false when it went nowhere.
pub(super) async fn wake(mac: [u8; 6]) -> bool {
    let Ok(socket) = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).await else {
        return false;
    };
    let mut networks = networks();
    if networks.is_empty() {
        networks.push(Ipv4Addr::BROADCAST);
    }
    let packet = packet(mac);
    let mut went = false;
    if let Err(why) = socket.set_broadcast(true) {
        log::debug!("rules: magic packets: {why}");
    }
    for network in networks {
        let to = SocketAddr::from(SocketAddrV4::new(network, PORT));
        match socket.send_to(&packet, to).await {
            Ok(_) => went = true,
            Err(why) => log::debug!("rules: a magic packet to {network}: {why}"),
        }
    }
    went
}

/// The broadcast addresses of the networks at this router's own interfaces. By file: asking the kernel can block.
fn networks() -> Vec<Ipv4Addr> {
    let routes = std::fs::read_to_string("/proc/net/route").unwrap_or_default();
    routes.lines().filter_map(broadcast).collect()
}

/// A line of `/proc/net/route`: interface, destination, gateway, flags, …, mask as the eighth; addresses as the processor
/// would read the four bytes.
fn broadcast(line: &str) -> Option<Ipv4Addr> {
    let fields: Vec<&str> = line.split_whitespace().collect();
    let field = |place: usize| u32::from_str_radix(fields.get(place)?, 16).ok();
    let (network, gateway, mask) = (field(1)?, field(2)?, field(7)?);
    let wide = mask != 0 && mask != u32::MAX && gateway == 0;
    wide.then(|| Ipv4Addr::from((network | !mask).to_ne_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_are_read_from_the_kernels_table_and_other_routes_are_none() {
        let hex = |bytes: [u8; 4]| format!("{:08X}", u32::from_ne_bytes(bytes));
        let line = |network, gateway, mask| {
            let (network, gateway, mask) = (hex(network), hex(gateway), hex(mask));
            format!("br-lan\t{network}\t{gateway}\t0001\t0\t0\t0\t{mask}\t0\t0\t0")
        };
        let lan = line([192, 168, 1, 0], [0; 4], [255, 255, 255, 0]);
        assert_eq!(broadcast(&lan), Some(Ipv4Addr::new(192, 168, 1, 255)));
        for other in [
            line([0; 4], [10, 0, 0, 1], [0; 4]),
            line([10, 9, 0, 0], [10, 0, 0, 1], [255, 255, 0, 0]),
            line([10, 0, 0, 2], [0; 4], [255; 4]),
            String::from("Iface Destination Gateway Flags RefCnt Use Metric Mask"),
            String::new(),
        ] {
            assert_eq!(broadcast(&other), None, "{other}");
        }
    }

    #[test]
    fn a_magic_packet_has_the_address_sixteen_times() {
        let packet = packet([1, 2, 3, 4, 5, 6]);
        assert_eq!(packet.len(), 102);
        assert!(packet.starts_with(&[0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 1, 2]));
        assert_eq!(
            packet[6..]
                .chunks(6)
                .filter(|mac| **mac == [1, 2, 3, 4, 5, 6])
                .count(),
            16
        );
    }
}
