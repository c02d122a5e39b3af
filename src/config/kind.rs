//! Codec: the text of one option, into its value, by the option's kind. Never knows which option it reads.

use std::net::IpAddr;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};

use super::listen::Listen;
use super::model::Network;
use crate::message::{EventKind, Number};
use crate::url::{BadUrl, Url};

/// What an option's text may be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    /// 1 or 0, on/off, true/false, yes/no, enabled/disabled.
    Bool,
    /// A whole number in this range, ends included.
    Whole(u32, u32),
    /// Seconds in this range, ends included.
    Seconds(u32, u32),
    /// At most so many characters; line ends and tabs are the only control characters.
    Text(usize),
    /// One of these words.
    OneOf(&'static [&'static str]),
    /// A phone number one can send to.
    Phone,
    /// The beginning of phone numbers.
    Prefix,
    /// 4 to 8 digits.
    Pin,
    /// An absolute path.
    Path,
    /// `auto`, or a device that is not the vendor's.
    Tty,
    /// An address and a port.
    Listen,
    /// An IP address.
    Address,
    /// An address in CIDR form, or alone.
    Network,
    /// A host name or an IP address.
    Host,
    /// An http or https URL.
    Url,
    /// A mail address.
    Mail,
    /// A hardware address.
    Mac,
    /// RutOS's rule for Post/Get: 5 to so many characters that need no quoting anywhere.
    Login(usize),
    /// Visible ASCII characters, so that it fits a header.
    Token,
    /// `whsec_` and base64.
    Webhook,
    /// The name of an event.
    Event,
    /// The name of a section of this type.
    Section(&'static str),
}

impl Kind {
    /// The values in few words, for the reader of a table.
    pub fn describe(self) -> String {
        match self {
            Kind::Bool => String::from("0 or 1"),
            Kind::Whole(low, high) => format!("{low} to {high}"),
            Kind::Seconds(low, high) => format!("{low} to {high} s"),
            Kind::Text(most) => format!("text, up to {most} characters"),
            Kind::OneOf(words) => words.join(", "),
            Kind::Phone => String::from("phone number"),
            Kind::Prefix => String::from("first digits of phone numbers"),
            Kind::Pin => String::from("4 to 8 digits"),
            Kind::Path => String::from("absolute path"),
            Kind::Tty => String::from("auto or a device path"),
            Kind::Listen => String::from("address:port"),
            Kind::Address => String::from("IP address"),
            Kind::Network => String::from("network, such as 192.168.0.0/16"),
            Kind::Host => String::from("host name or IP address"),
            Kind::Url => String::from("http or https URL"),
            Kind::Mail => String::from("mail address"),
            Kind::Mac => String::from("MAC address"),
            Kind::Login(most) => {
                format!("5 to {most} letters, digits and {LOGIN_MARKS}")
            }
            Kind::Token => String::from("1 to 256 visible ASCII characters"),
            Kind::Webhook => String::from("whsec_ and base64"),
            Kind::Event => EventKind::ALL.map(EventKind::as_str).join(", "),
            Kind::Section(kind) => format!("name of a section {kind}"),
        }
    }

    /// Checks a text that is not empty.
    ///
    /// # Errors
    /// What the value must be, for the one who wrote it; never the value itself.
    pub fn check(self, text: &str) -> Result<(), String> {
        let right = match self {
            Kind::Bool => boolean(text).is_some(),
            Kind::Whole(low, high) | Kind::Seconds(low, high) => {
                whole(text).is_some_and(|value| (low..=high).contains(&value))
            }
            Kind::Text(most) => is_text(text, most),
            Kind::OneOf(words) => words.contains(&text),
            Kind::Phone => return Number::parse(text).map(drop).map_err(|why| why.to_string()),
            Kind::Prefix => is_prefix(text),
            Kind::Pin => matches!(text.len(), 4..=8) && is_digits(text),
            Kind::Path => is_path(text),
            Kind::Tty => return check_tty(text),
            Kind::Listen => text.parse::<Listen>().is_ok(),
            Kind::Address => text.parse::<IpAddr>().is_ok(),
            Kind::Network => network(text).is_some(),
            Kind::Host => is_host(text),
            Kind::Url => return check_url(text),
            Kind::Mail => is_mail(text),
            Kind::Mac => is_mac(text),
            Kind::Login(most) => is_login(text, most),
            Kind::Token => matches!(text.len(), 1..=256) && is_visible(text),
            Kind::Webhook => return webhook_key(text).map(drop),
            Kind::Event => EventKind::from_name(text).is_some(),
            // That the section exists is looked at when all are known.
            Kind::Section(_) => true,
        };
        if right {
            Ok(())
        } else {
            Err(format!("must be {}", self.wanted()))
        }
    }

    /// What goes into "must be …".
    fn wanted(self) -> String {
        match self {
            Kind::Bool => {
                String::from("1 or 0 (on, true, yes, enabled and their opposites do too)")
            }
            Kind::OneOf(_) | Kind::Event => format!("one of: {}", self.describe()),
            Kind::Whole(..) | Kind::Seconds(..) => format!("a whole number, {}", self.describe()),
            Kind::Listen => String::from(
                "address:port, such as 192.168.1.1:8240, [fd00::2]:8240 or [fe80::1%br-lan]:8240",
            ),
            Kind::Network => String::from("a network, such as 192.168.0.0/16 or fd00::/8"),
            Kind::Prefix
            | Kind::Pin
            | Kind::Login(_)
            | Kind::Token
            | Kind::Webhook
            | Kind::Section(_)
            | Kind::Text(_) => self.describe(),
            Kind::Phone
            | Kind::Path
            | Kind::Tty
            | Kind::Address
            | Kind::Host
            | Kind::Url
            | Kind::Mail
            | Kind::Mac => format!("a valid {}", self.describe()),
        }
    }

    /// True when a wrong value may be shown: it names no person and opens nothing.
    pub fn may_be_shown(self) -> bool {
        match self {
            Kind::Bool
            | Kind::Whole(..)
            | Kind::Seconds(..)
            | Kind::OneOf(_)
            | Kind::Path
            | Kind::Tty
            | Kind::Listen
            | Kind::Address
            | Kind::Network
            | Kind::Host
            | Kind::Mac
            | Kind::Event
            | Kind::Section(_) => true,
            // A URL may carry a password or a key.
            Kind::Text(_)
            | Kind::Phone
            | Kind::Prefix
            | Kind::Pin
            | Kind::Url
            | Kind::Mail
            | Kind::Login(_)
            | Kind::Token
            | Kind::Webhook => false,
        }
    }
}

/// What a user name or password of Post/Get may hold beside letters and digits.
const LOGIN_MARKS: &str = "!@#%&*+-/=?^_{}~.";

fn is_login(text: &str, most: usize) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || LOGIN_MARKS.as_bytes().contains(&byte);
    (5..=most).contains(&text.len()) && text.bytes().all(fits)
}

/// UCI's booleans, as OpenWrt's `config_get_bool` takes them.
pub fn boolean(text: &str) -> Option<bool> {
    match text {
        "1" | "on" | "true" | "yes" | "enabled" => Some(true),
        "0" | "off" | "false" | "no" | "disabled" => Some(false),
        _ => None,
    }
}

/// A whole number without a sign.
pub fn whole(text: &str) -> Option<u32> {
    is_digits(text).then(|| text.parse().ok()).flatten()
}

/// `address/prefix`, or an address alone for that one host.
pub fn network(text: &str) -> Option<Network> {
    let (address, prefix) = text
        .split_once('/')
        .map_or((text, None), |(address, prefix)| (address, Some(prefix)));
    let address: IpAddr = address.parse().ok()?;
    let most = if address.is_ipv4() { 32 } else { 128 };
    let prefix = match prefix {
        None => most,
        Some(prefix) => whole(prefix).filter(|&prefix| prefix <= most)?,
    };
    Some(Network {
        address,
        prefix: u8::try_from(prefix).ok()?,
    })
}

/// The key behind `whsec_…` (Standard Webhooks: 24 to 64 bytes).
///
/// # Errors
/// Which rule it breaks.
pub fn webhook_key(text: &str) -> Result<Vec<u8>, String> {
    let coded = text
        .strip_prefix("whsec_")
        .ok_or("must begin with whsec_ and go on in base64")?;
    let key = STANDARD
        .decode(coded)
        .or_else(|_padded| STANDARD_NO_PAD.decode(coded))
        .map_err(|_why| "what follows whsec_ must be base64")?;
    match key.len() {
        24..=64 => Ok(key),
        bytes => Err(format!(
            "must hold a key of 24 to 64 bytes, this one has {bytes}"
        )),
    }
}

/// The port that RutOS's own daemon holds is refused under any path.
fn check_tty(text: &str) -> Result<(), String> {
    if text == "auto" {
        return Ok(());
    }
    if text.rsplit('/').next() == Some("ttyUSB2") {
        return Err(String::from(
            "is the control port of the vendor's daemon (gsmd): it resets the modem when somebody else holds that \
             port; say auto, or name the spare port (often /dev/ttyUSB3)",
        ));
    }
    if is_path(text) {
        Ok(())
    } else {
        Err(String::from("must be auto or an absolute device path"))
    }
}

fn check_url(text: &str) -> Result<(), String> {
    let wrong = |why: &str| Err(String::from(why));
    if text.contains(|c: char| c <= ' ') {
        return wrong("is not a URL; blanks must be written %20");
    }
    let url = match Url::parse(text) {
        Ok(url) => url,
        Err(BadUrl::Scheme) => return wrong("must begin with http:// or https://"),
        Err(BadUrl::Host | BadUrl::Ipv6 | BadUrl::Port) => return wrong(NO_HOST),
    };
    if url.credentials.is_some() {
        return wrong("must not hold a user name or password");
    }
    // What is no name but has a colon was an address in brackets.
    if url.host.contains(':') || is_host(&url.host) {
        Ok(())
    } else {
        wrong(NO_HOST)
    }
}

const NO_HOST: &str =
    "has no valid host: a name, an IPv4 address or an IPv6 address in brackets, and perhaps :port";

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_visible(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_graphic())
}

fn is_text(text: &str, most: usize) -> bool {
    let hidden = |c: char| c.is_control() && c != '\n' && c != '\t';
    text.chars().count() <= most && !text.contains(hidden)
}

fn is_prefix(text: &str) -> bool {
    let digits = text.strip_prefix('+').unwrap_or(text);
    digits.len() <= 20 && (is_digits(digits) || text == "+")
}

fn is_path(text: &str) -> bool {
    text.starts_with('/') && is_text(text, 255) && !text.contains(['\n', '\t'])
}

/// A host name by its letters (RFC 1123 2.1, with `_` as LANs have it), or an IP address without brackets.
fn is_host(text: &str) -> bool {
    if text.parse::<IpAddr>().is_ok() {
        return true;
    }
    let label = |label: &str| {
        matches!(label.len(), 1..=63)
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    let name = text.strip_suffix('.').unwrap_or(text);
    // A name whose last label is a number would be an IPv4 address, and it is not one.
    let numeric = name.rsplit('.').next().is_some_and(is_digits);
    name.len() <= 253 && !numeric && name.split('.').all(label)
}

fn is_mail(text: &str) -> bool {
    let host = |host: &str| is_host(host) || (host.starts_with('[') && host.ends_with(']'));
    let parts = text.rsplit_once('@');
    text.len() <= 254
        && is_visible(text)
        && !text.contains(['<', '>', ',', ';', '"'])
        && parts.is_some_and(|(user, at)| !user.is_empty() && !user.contains('@') && host(at))
}

fn is_mac(text: &str) -> bool {
    let pair = |pair: &str| pair.len() == 2 && pair.bytes().all(|byte| byte.is_ascii_hexdigit());
    text.split(':').count() == 6 && text.split(':').all(pair)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn takes(kind: Kind, right: &[&str], wrong: &[&str]) {
        for text in right {
            assert_eq!(kind.check(text), Ok(()), "{kind:?} {text}");
        }
        for text in wrong {
            let why = kind.check(text).expect_err(text);
            assert!(
                why.starts_with("must ") || why.contains(' '),
                "{kind:?} {text}: {why}"
            );
        }
    }

    #[test]
    fn plain_values_are_told_from_wrong_ones() {
        takes(
            Kind::Bool,
            &["1", "0", "on", "disabled"],
            &["2", "ON", "ja"],
        );
        takes(
            Kind::Whole(1, 300),
            &["1", "300", "007"],
            &["0", "301", "-1", "+5", "1.5", "5s", "99999999999"],
        );
        takes(Kind::Text(3), &["žlu", "a\nb"], &["abcd", "a\u{1b}"]);
        takes(Kind::OneOf(&["sm", "me"]), &["sm"], &["SM", "s"]);
        takes(
            Kind::Phone,
            &["+12025550155", "0012025550155", "112"],
            &["+", "mum", "1+2"],
        );
        takes(Kind::Prefix, &["+", "+3", "0900"], &["a", "+-"]);
        takes(
            Kind::Pin,
            &["1234", "12345678"],
            &["123", "123456789", "12a4"],
        );
        takes(Kind::Path, &["/etc/x"], &["etc/x", "/a\nb"]);
        takes(
            Kind::Mail,
            &["me@example.org", "me@[192.168.1.1]"],
            &["me", "@x", "a b@x", "<a@x>"],
        );
        takes(
            Kind::Mac,
            &["00:1e:42:Ab:cd:ef"],
            &["001e42abcdef", "00:1e:42:ab:cd:eg"],
        );
        takes(
            Kind::Token,
            &["correct-horse"],
            &["", "with blank", "žžžžžžžž"],
        );
        takes(
            Kind::Login(64),
            &["user1", "Aa0!@#%&*+-/=?^_{}~."],
            &["user", "with blank", "quoted'", "$1$salt", "žžžžž"],
        );
        takes(Kind::Event, &["message.received"], &["message", "*"]);
    }

    #[test]
    fn addresses_hosts_and_networks_are_told_from_wrong_ones() {
        takes(
            Kind::Listen,
            &[
                "127.0.0.1:8240",
                "[::1]:80",
                "0.0.0.0:0",
                "[fe80::1%br-lan]:80",
            ],
            &[
                "8240",
                ":8240",
                "localhost:80",
                "::1:80",
                "127.0.0.1",
                "127.0.0.1:70000",
            ],
        );
        takes(
            Kind::Network,
            &["10.0.0.0/8", "fc00::/7", "192.168.1.7", "::1", "0.0.0.0/0"],
            &[
                "10.0.0.0/33",
                "::/129",
                "10/8",
                "lan",
                "10.0.0.0/",
                "10.0.0.0/-1",
            ],
        );
        takes(
            Kind::Host,
            &[
                "localhost",
                "mail.example.org",
                "sms_gw",
                "fd00::1",
                "192.168.1.1",
                "a.",
            ],
            &["", "a b", "-a", "a..b", "300.1.1.1", "1.2.3", "a/b"],
        );
    }

    #[test]
    fn a_url_needs_a_scheme_and_a_host_that_can_exist() {
        takes(
            Kind::Url,
            &[
                "http://[fd00::1]/sms_in",
                "http://[fd00::1]:8080/sms_in?x=1",
                "https://example.org",
                "http://192.168.1.2:8000/a%20b",
                "http://sms.lan/sms_in",
            ],
            &[
                "example.org/sms_in",
                "/sms_in",
                "ftp://example.org/",
                "http://",
                "http:///x",
                "http://[fd00::g]/",
                "http://[fd00::1/",
                "http://fd00::1/",
                "http://300.1.1.1/",
                "http://host:99999/",
                "http://host:0/",
                "http://a b/",
                "http://me:pw@host/",
            ],
        );
    }

    #[test]
    fn the_vendors_port_is_refused_with_the_reason() {
        takes(
            Kind::Tty,
            &["auto", "/dev/ttyUSB3", "/dev/pts/4"],
            &["ttyUSB3", "/dev/ttyUSB2"],
        );
        for path in ["/dev/ttyUSB2", "/dev//ttyUSB2", "ttyUSB2"] {
            let why = Kind::Tty.check(path).unwrap_err();
            assert!(why.contains("gsmd") && why.contains("resets"), "{why}");
        }
    }

    #[test]
    fn a_webhook_secret_is_decoded_with_and_without_padding() {
        let key: Vec<u8> = (0..25).collect();
        let coded = STANDARD.encode(&key);
        assert_eq!(webhook_key(&format!("whsec_{coded}")), Ok(key.clone()));
        let bare = coded.trim_end_matches('=');
        assert_eq!(webhook_key(&format!("whsec_{bare}")), Ok(key));
        for wrong in [coded.as_str(), "whsec_", "whsec_!!!!", "whsec_AAAA"] {
            let why = webhook_key(wrong).unwrap_err();
            assert!(!why.contains(wrong.trim_start_matches("whsec_")) || wrong == "whsec_");
        }
    }
}
