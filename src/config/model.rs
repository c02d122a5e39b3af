//! Words: the checked configuration, one struct a section of `/etc/config/rut-agent`. Never holds an unchecked value:
//! `config/` builds it from UCI text through the OPTIONS table, and every default is written here or there, not both.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use super::listen::Listen;
use super::targets::{Email, Reply, ToHttp, ToSms, ToSmtp, Who};
use crate::message::{Memory, Number};

/// Everything the agent was told. `Default` is what runs without a configuration file.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Config {
    /// Section `agent`.
    pub agent: Agent,
    /// Section `modem`.
    pub modem: Modem,
    /// Section `api`.
    pub api: Api,
    /// Sections `to_http`, in file order.
    pub to_http: Vec<ToHttp>,
    /// Section `post_get`.
    pub post_get: PostGet,
    /// Sections `phone`: the phone groups.
    pub groups: Vec<PhoneGroup>,
    /// Section `reply`.
    pub reply: Reply,
    /// Sections `to_sms`, in file order.
    pub to_sms: Vec<ToSms>,
    /// Sections `to_smtp`, in file order.
    pub to_smtp: Vec<ToSmtp>,
    /// Sections `email`: the mail accounts.
    pub emails: Vec<Email>,
    /// Section `limits`.
    pub limits: Limits,
    /// Sections `sms_rule` that are switched on, in file order.
    pub sms_rules: Vec<Rule>,
    /// `call.action`, where it is set.
    pub call: Option<CallAction>,
    /// Sections `call_rule` that are switched on, in file order.
    pub call_rules: Vec<Rule>,
    /// Sections `lan_host` that have an `ip`, in file order.
    pub lan_hosts: Vec<LanHost>,
    /// Section `pop3`.
    pub pop3: Pop3,
    /// Section `smpp`.
    pub smpp: Smpp,
}

/// Section `agent 'agent'`.
#[derive(Clone, Debug, PartialEq)]
pub struct Agent {
    /// `log_level`.
    pub log_level: log::LevelFilter,
    /// `log_numbers`: senders' and recipients' numbers in full in the log.
    pub log_numbers: bool,
    /// `state_dir`: where the journal lies.
    pub state_dir: PathBuf,
    /// `state_limit`: bytes the state directory may hold, 65,536..=16,777,216.
    pub state_limit: u32,
    /// `name`: the router's name for %rn and EHLO; `None`: the system's host name.
    pub name: Option<String>,
}

impl Default for Agent {
    fn default() -> Agent {
        Agent {
            log_level: log::LevelFilter::Info,
            log_numbers: false,
            state_dir: PathBuf::from("/etc/rut-agent/state"),
            state_limit: 512 * 1024,
            name: None,
        }
    }
}

/// How class 0 messages leave (`flash_via`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FlashVia {
    /// uqmi for what it can say rightly, AT for the rest.
    #[default]
    Auto,
    /// uqmi always; what it cannot say is refused.
    Uqmi,
    /// AT always.
    At,
}

/// Section `modem 'modem'`.
#[derive(Clone, Debug, PartialEq)]
pub struct Modem {
    /// `tty`; `None` is `auto`.
    pub tty: Option<PathBuf>,
    /// `qmi`.
    pub qmi: PathBuf,
    /// `uqmi`.
    pub uqmi: PathBuf,
    /// `flash_via`.
    pub flash_via: FlashVia,
    /// `pincode`, 4 to 8 digits.
    pub pincode: Option<String>,
    /// `msg_storage`.
    pub storage: Memory,
    /// `free`: slots kept free.
    pub free: u16,
    /// `poll`: between look-ups when no notification comes.
    pub poll: Duration,
    /// `exclusive`: no vendor daemon beside us.
    pub exclusive: bool,
    /// `allow_at`: the API may send raw AT.
    pub allow_at: bool,
    /// `part_timeout`: how long parts of a long message are waited for.
    pub part_timeout: Duration,
}

impl Default for Modem {
    fn default() -> Modem {
        Modem {
            tty: None,
            qmi: PathBuf::from("/dev/cdc-wdm0"),
            uqmi: PathBuf::from("/sbin/uqmi"),
            flash_via: FlashVia::Auto,
            pincode: None,
            storage: Memory::Sim,
            free: 5,
            poll: Duration::from_secs(5),
            exclusive: false,
            allow_at: false,
            part_timeout: Duration::from_secs(3600),
        }
    }
}

/// A network in CIDR form, such as `192.168.0.0/16` or `fc00::/7`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    /// Its address.
    pub address: IpAddr,
    /// Leading bits that count.
    pub prefix: u8,
}

impl Network {
    /// True when `peer` lies inside; an IPv4 peer seen through an IPv6 socket (`::ffff:a.b.c.d`) counts as IPv4.
    pub fn contains(&self, peer: IpAddr) -> bool {
        match (self.address, peer.to_canonical()) {
            (IpAddr::V4(net), IpAddr::V4(peer)) => {
                let mask = u32::MAX
                    .checked_shl(32 - u32::from(self.prefix.min(32)))
                    .unwrap_or(0);
                net.to_bits() & mask == peer.to_bits() & mask
            }
            (IpAddr::V6(net), IpAddr::V6(peer)) => {
                let mask = u128::MAX
                    .checked_shl(128 - u32::from(self.prefix.min(128)))
                    .unwrap_or(0);
                net.to_bits() & mask == peer.to_bits() & mask
            }
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
        }
    }
}

/// A section `lan_host`: the machine behind the bridge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LanHost {
    /// `ip`; never link-local: such an address needs no route.
    pub ip: IpAddr,
    /// `hostname`, without a dot at its end.
    pub hostname: Option<String>,
    /// `interface`: the name that the router's configuration has for it, or a device.
    pub interface: String,
}

/// Section `api 'api'`.
#[derive(Clone, Debug, PartialEq)]
pub struct Api {
    /// `enabled`.
    pub enabled: bool,
    /// `listen`.
    pub listen: Vec<Listen>,
    /// `token`; without one only the Unix socket is served (and loopback when there is no configuration file).
    pub token: Option<String>,
    /// `allow`.
    pub allow: Vec<Network>,
}

impl Default for Api {
    fn default() -> Api {
        let v4 = |a, b, c, d, prefix| Network {
            address: IpAddr::from([a, b, c, d]),
            prefix,
        };
        let v6 = |first: u16, prefix| Network {
            address: IpAddr::from([first, 0, 0, 0, 0, 0, 0, 0]),
            prefix,
        };
        Api {
            enabled: true,
            listen: vec![SocketAddr::from(([127, 0, 0, 1], 8240)).into()],
            token: None,
            allow: vec![
                v4(127, 0, 0, 0, 8),
                v4(10, 0, 0, 0, 8),
                v4(172, 16, 0, 0, 12),
                v4(192, 168, 0, 0, 16),
                v4(169, 254, 0, 0, 16),
                Network {
                    address: IpAddr::from([0, 0, 0, 0, 0, 0, 0, 1]),
                    prefix: 128,
                },
                v6(0xfc00, 7),
                v6(0xfe80, 10),
            ],
        }
    }
}

/// Section `post_get 'post_get'`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PostGet {
    /// `enabled`; then there are addresses, a user name and a password.
    pub enabled: bool,
    /// `listen`.
    pub listen: Vec<Listen>,
    /// `allow`: names of calls; empty: all.
    pub allow: Vec<String>,
    /// `username`.
    pub username: String,
    /// `password`.
    pub password: String,
}

/// What data_coding 0 means (`alphabet`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SmppAlphabet {
    /// `gsm`: a septet of GSM 7-bit in each octet.
    #[default]
    Gsm,
    /// `packed`: septets as on the air, eight in seven octets.
    Packed,
    /// `latin1`.
    Latin1,
}

/// Section `smpp 'smpp'`.
#[derive(Clone, Debug, PartialEq)]
pub struct Smpp {
    /// `enabled`; then there are addresses, a user name and a password.
    pub enabled: bool,
    /// `listen` with `port`.
    pub listen: Vec<SocketAddr>,
    /// `username`: the client's system_id.
    pub username: String,
    /// `password`.
    pub password: String,
    /// `allow`.
    pub allow: Vec<Network>,
    /// `alphabet`.
    pub alphabet: SmppAlphabet,
    /// `deliver`: messages and receipts are kept for the client.
    pub deliver: bool,
    /// `long` is `parts`: a long message is delivered as the network carried it, not whole.
    pub parts: bool,
    /// `window`: deliver_sm on their way to one session, 1..=100.
    pub window: u8,
    /// `number`: where delivered messages are said to go to.
    pub number: String,
}

impl Default for Smpp {
    fn default() -> Smpp {
        Smpp {
            enabled: false,
            listen: Vec::new(),
            username: String::new(),
            password: String::new(),
            allow: Api::default().allow,
            alphabet: SmppAlphabet::Gsm,
            deliver: true,
            parts: false,
            window: 10,
            number: String::new(),
        }
    }
}

impl Smpp {
    /// `number`, or else the user name: Kannel discards a message that goes to nobody.
    pub fn destination(&self) -> &str {
        match self.number.is_empty() {
            true => &self.username,
            false => &self.number,
        }
    }
}

/// Section `limits 'limits'`.
#[derive(Clone, Debug, PartialEq)]
pub struct Limits {
    /// `per_hour`: message parts in any 60 minutes; 0: no limit.
    pub per_hour: u32,
    /// `per_day`: message parts in any 24 hours; 0: no limit.
    pub per_day: u32,
    /// `deny`: beginnings of numbers, each as [`Number`] writes it.
    pub deny: Vec<String>,
    /// `only`: the same; empty: no limit.
    pub only: Vec<String>,
    /// `reply_interval`: between two automatic replies to one number.
    pub reply_interval: Duration,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            per_hour: 0,
            per_day: 0,
            deny: Vec::new(),
            only: Vec::new(),
            reply_interval: Duration::from_secs(3600),
        }
    }
}

/// `call.action`: what is done with a call that comes in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallAction {
    /// Hang up.
    Reject,
    /// Take it.
    Answer,
    /// Let it ring.
    Ignore,
}

/// A section `sms_rule NAME` or `call_rule NAME`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rule {
    /// The section's name.
    pub name: String,
    /// `action`.
    pub action: String,
    /// What sets it off, for a message.
    pub trigger: Option<Trigger>,
    /// `allowed_phone`, `tel`, `group`.
    pub who: Who,
    /// `to_number`, when `to_other_phone` says so.
    pub others: Vec<Number>,
    /// What else was set or holds by default, but nothing secret; the entries of a list stand on lines.
    pub options: Vec<(&'static str, String)>,
}

/// What a message must say (`smstext`), and what must stand before it.
#[derive(Clone, Debug, PartialEq)]
pub struct Trigger {
    /// `smstext`, with single blanks.
    pub text: String,
    /// `authorization`.
    pub authorization: Authorization,
}

/// Who may, by what stands before the text.
#[derive(Clone, Debug, PartialEq)]
pub enum Authorization {
    /// `no`: nothing.
    No,
    /// `serial`: the router's serial number.
    Serial,
    /// `password`: the router's own password.
    Password,
    /// `local`: this one, plain or hashed as `/etc/shadow` has it.
    Local(String),
    /// `totp`: a code made with this key.
    Totp(Vec<u8>),
}

impl Rule {
    /// An option's text; empty when it is not set.
    pub fn text(&self, name: &str) -> &str {
        let found = self.options.iter().find(|(known, _)| *known == name);
        found.map_or("", |(_, value)| value)
    }

    /// A boolean option.
    pub fn flag(&self, name: &str) -> bool {
        super::kind::boolean(self.text(name)) == Some(true)
    }
}

/// Section `pop3 'pop3'`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pop3 {
    /// `enabled`; then there are a host, a user name and a password.
    pub enabled: bool,
    /// `host`.
    pub host: String,
    /// `port`.
    pub port: u16,
    /// `username`.
    pub username: String,
    /// `password`.
    pub password: String,
    /// `ssl`: TLS from the first byte.
    pub tls: bool,
    /// `ssl_verify`.
    pub verify: bool,
    /// `ca_file`: roots to trust instead of the system's.
    pub ca_file: Option<PathBuf>,
    /// `limit`: parts that one mail may become, 1..=10.
    pub limit: u8,
    /// `interval` in `interval_unit`.
    pub interval: Duration,
    /// `delete_other`: mails that are not for us are deleted.
    pub delete_other: bool,
}

impl Default for Pop3 {
    fn default() -> Pop3 {
        Pop3 {
            enabled: false,
            host: String::new(),
            port: 110,
            username: String::new(),
            password: String::new(),
            tls: false,
            verify: true,
            ca_file: None,
            limit: 5,
            interval: Duration::from_secs(60),
            delete_other: false,
        }
    }
}

/// A section `phone NAME`: a phone group.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PhoneGroup {
    /// The section's name.
    pub name: String,
    /// `tel`.
    pub tel: Vec<Number>,
}

impl Config {
    /// What is done with a call that comes in. Who asked for nothing keeps the call.
    pub fn call_action(&self) -> CallAction {
        match self.call {
            Some(action) => action,
            None if self.call_rules.is_empty() => CallAction::Ignore,
            None => CallAction::Reject,
        }
    }

    /// The members of the phone group `name`; `None` when there is no such group.
    pub fn group(&self, name: &str) -> Option<&[Number]> {
        self.groups
            .iter()
            .find(|group| group.name == name)
            .map(|group| group.tel.as_slice())
    }

    /// The mail account `name`; `None` when there is no such section.
    pub fn email(&self, name: &str) -> Option<&Email> {
        self.emails.iter().find(|email| email.name == name)
    }

    /// True when `who` takes a message from `number`.
    pub fn takes(&self, who: &Who, number: &Number) -> bool {
        match who {
            Who::Everyone => true,
            Who::Listed(list) => list.contains(number),
            Who::Group(name) => self
                .group(name)
                .is_some_and(|members| members.contains(number)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_holds_its_own_and_nobody_else() {
        let lan = Network {
            address: IpAddr::from([192, 168, 0, 0]),
            prefix: 16,
        };
        assert!(lan.contains(IpAddr::from([192, 168, 7, 9])));
        assert!(lan.contains("::ffff:192.168.7.9".parse().unwrap()));
        assert!(!lan.contains(IpAddr::from([192, 169, 0, 1])));
        let all = Network {
            address: IpAddr::from([0, 0, 0, 0]),
            prefix: 0,
        };
        assert!(all.contains(IpAddr::from([8, 8, 8, 8])));
        assert!(!all.contains("::1".parse().unwrap()));
    }
}
