//! Words: the sections that pass messages on or answer them, checked. Never holds an unchecked value, as its neighbour
//! `model.rs`.

use std::path::PathBuf;

use crate::message::{EventKind, Number};

/// Whose messages a forwarder takes (`mode`, with `tel` and `group`).
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Who {
    /// `everyone`.
    #[default]
    Everyone,
    /// `list_number`: these.
    Listed(Vec<Number>),
    /// `user_group`: the members of this phone group.
    Group(String),
}

/// What all forwarders and the auto reply have in common (SPEC: "the same six").
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Forwarding {
    /// `enabled`.
    pub enabled: bool,
    /// `mode`, `tel`, `group`.
    pub who: Who,
    /// `every_sms`: also what a rule handled.
    pub every_sms: bool,
    /// `delete_sms`: do not keep the message once handed on.
    pub delete_sms: bool,
}

/// How a push is written (`method`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Method {
    /// GET with RutOS's query.
    #[default]
    Get,
    /// POST with RutOS's query as form body.
    Post,
    /// POST of JSON with Standard Webhooks headers.
    Json,
}

/// A section `to_http NAME`.
#[derive(Clone, Debug, PartialEq)]
pub struct ToHttp {
    /// The section's name.
    pub name: String,
    /// What all forwarders share.
    pub forwarding: Forwarding,
    /// `method`.
    pub method: Method,
    /// `url`: http or https.
    pub url: String,
    /// `sender_num`: say who sent it.
    pub sender_num: bool,
    /// `number_name`, the field that carries the sender.
    pub number_name: String,
    /// `message_name`, the field that carries the text.
    pub message_name: String,
    /// `message_encode_b64`.
    pub base64: bool,
    /// `verify_cert` is `verify`.
    pub verify_cert: bool,
    /// `ca_file`: roots to trust instead of the system's.
    pub ca_file: Option<PathBuf>,
    /// `extra_name1`/`extra_value1` and `extra_name2`/`extra_value2`, where the name is set.
    pub extra: Vec<(String, String)>,
    /// `secret`, decoded: the key that signs a json push.
    pub secret: Option<Vec<u8>>,
    /// `events`; empty means `message.received` alone.
    pub events: Vec<EventKind>,
}

impl Default for ToHttp {
    fn default() -> ToHttp {
        ToHttp {
            name: String::new(),
            forwarding: Forwarding::default(),
            method: Method::Get,
            url: String::new(),
            sender_num: false,
            number_name: String::from("sender"),
            message_name: String::from("message"),
            base64: false,
            verify_cert: true,
            ca_file: None,
            extra: Vec::new(),
            secret: None,
            events: vec![EventKind::MessageReceived],
        }
    }
}

/// Section `reply 'reply'`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reply {
    /// What all forwarders share.
    pub forwarding: Forwarding,
    /// `msg`, its %-parameters not filled in.
    pub msg: String,
}

/// A section `to_sms NAME`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ToSms {
    /// The section's name.
    pub name: String,
    /// What all forwarders share.
    pub forwarding: Forwarding,
    /// `sender_num`: say below the text who sent it.
    pub sender_num: bool,
    /// `fwd_number`: the recipients.
    pub to: Vec<Number>,
}

/// A section `to_smtp NAME`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ToSmtp {
    /// The section's name.
    pub name: String,
    /// What all forwarders share.
    pub forwarding: Forwarding,
    /// `sender_num`: say below the text who sent it.
    pub sender_num: bool,
    /// `subject`, its %-parameters not filled in.
    pub subject: String,
    /// `email_name`: the account's section, which is there when this one is enabled.
    pub account: String,
    /// `recipemail`: the recipients, each once.
    pub to: Vec<String>,
}

/// How a mail server is spoken to (`secure_conn`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Security {
    /// In the open.
    #[default]
    None,
    /// In the open until both agree on TLS; nothing is sent where they do not.
    StartTls,
    /// TLS from the first byte.
    Tls,
}

/// A section `email NAME`: a mail account.
#[derive(Clone, Debug, PartialEq)]
pub struct Email {
    /// The section's name.
    pub name: String,
    /// `smtp_ip`: a name or an address.
    pub host: String,
    /// `smtp_port`.
    pub port: u16,
    /// `secure_conn`.
    pub security: Security,
    /// `username` and `password`, where `credentials` is 1.
    pub login: Option<(String, String)>,
    /// `senderemail`.
    pub sender: String,
    /// `verify_cert` is `verify`.
    pub verify_cert: bool,
    /// `ca_file`: roots to trust instead of the system's.
    pub ca_file: Option<PathBuf>,
}

impl Default for Email {
    fn default() -> Email {
        Email {
            name: String::new(),
            host: String::new(),
            port: 25,
            security: Security::None,
            login: None,
            sender: String::new(),
            verify_cert: true,
            ca_file: None,
        }
    }
}
