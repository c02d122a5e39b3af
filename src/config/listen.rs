//! Words: an address to listen on, perhaps of one link alone. Never looks up which interface that is.

use std::fmt;
use std::net::SocketAddr;
use std::str::FromStr;

/// An address and port, such as `192.168.1.1:8240`, `[fd00::2]:8240` or `[fe80::1%br-lan]:8240`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Listen {
    /// Where, but for the zone.
    pub at: SocketAddr,
    /// The interface of a link-local address (RFC 4007 11.2): its name, since its index changes when it is made anew.
    pub zone: Option<String>,
}

impl FromStr for Listen {
    type Err = ();

    fn from_str(text: &str) -> Result<Listen, ()> {
        let plain = |text: &str| text.parse::<SocketAddr>().map_err(drop);
        let Some((before, rest)) = text.split_once('%') else {
            return plain(text).map(Listen::from);
        };
        let (zone, port) = rest.split_once(']').ok_or(())?;
        let at = plain(&format!("{before}]{port}"))?;
        // IFNAMSIZ is 16 with the end.
        let fits = matches!(zone.len(), 1..=15) && zone.bytes().all(|byte| byte.is_ascii_graphic());
        let zone = Some(String::from(zone)).filter(|_| fits).ok_or(())?;
        Ok(Listen {
            at,
            zone: Some(zone),
        })
    }
}

impl From<SocketAddr> for Listen {
    fn from(at: SocketAddr) -> Listen {
        Listen { at, zone: None }
    }
}

impl fmt::Display for Listen {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.zone {
            Some(zone) => write!(out, "[{}%{zone}]:{}", self.at.ip(), self.at.port()),
            None => self.at.fmt(out),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_with_its_zone_is_read_and_shown() {
        for text in ["[fe80::1%br-lan]:8240", "[fd00::2]:80", "127.0.0.1:1"] {
            assert_eq!(text.parse::<Listen>().unwrap().to_string(), text);
        }
        let whole = "[fe80::1%br-lan]:8240";
        for end in 0..whole.len() - 4 {
            assert_eq!(whole[..end].parse::<Listen>(), Err(()), "{end}");
        }
        for wrong in [
            "",
            "[fe80::1%]:1",
            "[fe80::1%a b]:1",
            "[fe80::1%0123456789abcdef]:1",
            "127.0.0.1%br-lan]:1",
            "fe80::1%br-lan:1",
            "[fe80::1%br-lan]",
        ] {
            assert_eq!(wrong.parse::<Listen>(), Err(()), "{wrong}");
        }
    }
}
