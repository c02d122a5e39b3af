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
    let mut went = socket.set_broadcast(true).is_ok();
    let packet = packet(mac);
    let mut sent = 0;
    for network in networks {
        let to = SocketAddr::from(SocketAddrV4::new(network, PORT));
        match socket.send_to(&packet, to).await {
            Ok(_) => sent += 1,
            Err(why) => log::debug!("rules: a magic packet to {network}: {why}"),
        }
    }
    went &= sent > 0;
    went
}

fn networks() -> Vec<Ipv4Addr> {
    let all = nix::ifaddrs::getifaddrs().into_iter().flatten();
    let broadcasts = all.filter_map(|one| one.broadcast?.as_sockaddr_in().map(|it| it.ip()));
    broadcasts.filter(|ip| !ip.is_unspecified()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

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
