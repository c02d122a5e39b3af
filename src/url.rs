//! Codec: an http or https URL taken apart into what a connection and a request line need. Never looks a name up.

use std::fmt;
use std::net::Ipv6Addr;

use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, utf8_percent_encode};

/// What may not stand raw in a request line; a `%` may, so that an URL that is encoded already stays as it is.
pub const RAW: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'<')
    .add(b'>')
    .add(b'\\')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');

/// An http or https URL (RFC 3986), as far as a request needs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Url {
    /// https.
    pub tls: bool,
    /// Name or address, without brackets; an IPv6 zone stays (RFC 6874).
    pub host: String,
    /// Port, the scheme's own where none is written.
    pub port: u16,
    /// What `Host:` says: brackets round IPv6, no zone, the port where it is not the scheme's own.
    pub host_header: String,
    /// Path and query, at least `/`.
    pub target: String,
    /// `user:password`, decoded.
    pub credentials: Option<String>,
}

/// Why a text is no URL to push to. The owner corrects the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadUrl {
    /// Neither `http://` nor `https://`.
    Scheme,
    /// No host, or characters that no host has.
    Host,
    /// Brackets round something else than an IPv6 address.
    Ipv6,
    /// No number of 1..=65535.
    Port,
}

impl fmt::Display for BadUrl {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            BadUrl::Scheme => "the url begins with neither http:// nor https://",
            BadUrl::Host => "the url's host is missing or not a host name",
            BadUrl::Ipv6 => "the url's brackets hold no IPv6 address",
            BadUrl::Port => "the url's port is no number from 1 to 65535",
        })
    }
}

impl Url {
    /// Reads one; a fragment is dropped, and what may not stand in a request line is percent-encoded.
    pub fn parse(text: &str) -> Result<Url, BadUrl> {
        let (tls, rest) = scheme(text.trim())?;
        let rest = rest.split('#').next().unwrap_or(rest);
        let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        let (credentials, place) = match authority.rsplit_once('@') {
            Some((user, place)) => (Some(percent_decode_str(user)), place),
            None => (None, authority),
        };
        let (host, in_header, port) = place_of(place)?;
        let own = if tls { 443 } else { 80 };
        let port = port.unwrap_or(own);
        let slash = if path.starts_with('/') { "" } else { "/" };
        Ok(Url {
            tls,
            host,
            port,
            host_header: if port == own {
                in_header
            } else {
                format!("{in_header}:{port}")
            },
            target: format!("{slash}{}", utf8_percent_encode(path, RAW)),
            credentials: credentials.map(|user| user.decode_utf8_lossy().into_owned()),
        })
    }
}

fn scheme(text: &str) -> Result<(bool, &str), BadUrl> {
    let (name, rest) = text.split_once("://").ok_or(BadUrl::Scheme)?;
    if name.eq_ignore_ascii_case("http") {
        Ok((false, rest))
    } else if name.eq_ignore_ascii_case("https") {
        Ok((true, rest))
    } else {
        Err(BadUrl::Scheme)
    }
}

/// Host to connect to, host as `Host:` shows it, port if written.
fn place_of(place: &str) -> Result<(String, String, Option<u16>), BadUrl> {
    let Some(inner) = place.strip_prefix('[') else {
        let (host, port) = match place.split_once(':') {
            Some((host, port)) => (host, port),
            None => (place, ""),
        };
        let letters = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_');
        if host.is_empty() || !host.bytes().all(letters) {
            return Err(BadUrl::Host);
        }
        return Ok((String::from(host), String::from(host), port_of(port)?));
    };
    let (literal, after) = inner.split_once(']').ok_or(BadUrl::Ipv6)?;
    let (address, zone) = match literal.split_once('%') {
        Some((address, zone)) => (address, Some(zone.strip_prefix("25").unwrap_or(zone))),
        None => (literal, None),
    };
    address.parse::<Ipv6Addr>().map_err(|_bad| BadUrl::Ipv6)?;
    let host = match zone {
        Some(zone) => format!("{address}%{zone}"),
        None => String::from(address),
    };
    let port = match after.strip_prefix(':') {
        Some(port) => port_of(port)?,
        None if after.is_empty() => None,
        None => return Err(BadUrl::Host),
    };
    Ok((host, format!("[{address}]"), port))
}

fn port_of(text: &str) -> Result<Option<u16>, BadUrl> {
    if text.is_empty() {
        return Ok(None);
    }
    match text.parse() {
        Ok(0) | Err(_) => Err(BadUrl::Port),
        Ok(port) => Ok(Some(port)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_url_is_taken_apart() {
        let url = Url::parse("HTTPS://user:p%40ss@example.org:8443/sms in?x=1#top").unwrap();
        assert!(url.tls);
        assert_eq!((url.host.as_str(), url.port), ("example.org", 8443));
        assert_eq!(url.host_header, "example.org:8443");
        assert_eq!(url.target, "/sms%20in?x=1");
        assert_eq!(url.credentials.as_deref(), Some("user:p@ss"));
    }

    #[test]
    fn the_schemes_own_port_is_not_repeated_and_a_missing_path_is_a_slash() {
        let plain = Url::parse("http://example.org:80").unwrap();
        assert_eq!(plain.host_header, "example.org");
        assert_eq!((plain.port, plain.target.as_str()), (80, "/"));
        let query = Url::parse("https://example.org?k=v").unwrap();
        assert_eq!((query.port, query.target.as_str()), (443, "/?k=v"));
    }

    #[test]
    fn a_literal_ipv6_host_keeps_its_brackets_in_the_header_only() {
        let url = Url::parse("http://[fd00::1]/sms_in").unwrap();
        assert_eq!(url.host, "fd00::1");
        assert_eq!(url.host_header, "[fd00::1]");
        let port = Url::parse("http://[fd00::1]:8080/sms_in").unwrap();
        assert_eq!(
            (port.port, port.host_header.as_str()),
            (8080, "[fd00::1]:8080")
        );
        let zone = Url::parse("http://[fe80::1%25br-lan]/sms_in").unwrap();
        assert_eq!(
            (zone.host.as_str(), zone.host_header.as_str()),
            ("fe80::1%br-lan", "[fe80::1]")
        );
    }

    #[test]
    fn what_is_no_url_says_why() {
        for (text, why) in [
            ("", BadUrl::Scheme),
            ("example.org/in", BadUrl::Scheme),
            ("ftp://example.org/", BadUrl::Scheme),
            ("http://", BadUrl::Host),
            ("http:///path", BadUrl::Host),
            ("http://a b/", BadUrl::Host),
            ("http://a\r\nX: y/", BadUrl::Host),
            ("http://h:0/", BadUrl::Port),
            ("http://h:65536/", BadUrl::Port),
            ("http://h:8o/", BadUrl::Port),
            ("http://fd00::1/", BadUrl::Port),
            ("http://[fd00::1/", BadUrl::Ipv6),
            ("http://[example.org]/", BadUrl::Ipv6),
            ("http://[::1]x/", BadUrl::Host),
        ] {
            assert_eq!(Url::parse(text), Err(why), "{text:?}");
        }
    }

    #[test]
    fn no_cut_of_an_url_and_no_rubbish_panics_or_breaks_the_request_line() {
        let whole = "https://ü:p%40ss@[fe80::1%25br]:8443/ä b?x={\u{7f}}#top";
        for (end, _) in whole.char_indices() {
            let _any = Url::parse(&whole[..end]);
        }
        let url = Url::parse("http://h/a\r\nb\tc\u{0}ü?q=\"<>\\").unwrap();
        assert!(url.target.bytes().all(|b| (0x21..0x7f).contains(&b)));
    }
}
