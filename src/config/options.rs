//! Table: every section and option of `/etc/config/rut-agent` — kind, default, meaning. Never written down a second time: parser, `check`, the README's table and the default file read it here.

use super::kind::Kind::{self, *};

/// A type of section.
#[derive(Debug)]
pub struct Section {
    /// The word after `config`.
    pub kind: &'static str,
    /// Any number of them, each with a name of its own; else one, whose name is its type.
    pub many: bool,
    /// What it is for.
    pub help: &'static str,
    /// Its options, in groups that several sections share.
    pub groups: &'static [&'static [Row]],
}

impl Section {
    /// Its options in order.
    pub fn rows(&'static self) -> impl Iterator<Item = &'static Row> {
        self.groups.iter().copied().flatten()
    }

    /// The option of that name.
    pub fn row(&'static self, name: &str) -> Option<&'static Row> {
        self.rows().find(|row| row.name == name)
    }
}

/// An option.
#[derive(Debug)]
pub struct Row {
    /// Its name.
    pub name: &'static str,
    /// What its text may be; for a list, each entry's.
    pub kind: Kind,
    /// The text that holds when it is not set; a list's entries stand apart by blanks; empty: nothing.
    pub default: &'static str,
    /// What it does.
    pub help: &'static str,
    /// Written as `list`, once an entry.
    pub list: bool,
    /// Never shown.
    pub secret: bool,
}

/// A text of a table for README and default file, which tests make: the router's binary goes without it.
pub const fn told(help: &'static str) -> &'static str {
    if cfg!(feature = "sim") { help } else { "" }
}

const fn option(name: &'static str, kind: Kind, default: &'static str, help: &'static str) -> Row {
    Row {
        name,
        kind,
        default,
        help: told(help),
        list: false,
        secret: false,
    }
}

const fn list(name: &'static str, kind: Kind, default: &'static str, help: &'static str) -> Row {
    let mut row = option(name, kind, default, help);
    row.list = true;
    row
}

const fn secret(name: &'static str, kind: Kind, help: &'static str) -> Row {
    let mut row = option(name, kind, "", help);
    row.secret = true;
    row
}

const fn one(kind: &'static str, help: &'static str, groups: &'static [&'static [Row]]) -> Section {
    Section {
        kind,
        many: false,
        help: told(help),
        groups,
    }
}

const fn many(
    kind: &'static str,
    help: &'static str,
    groups: &'static [&'static [Row]],
) -> Section {
    let mut section = one(kind, help, groups);
    section.many = true;
    section
}

/// The type of section called `kind`.
pub fn section(kind: &str) -> Option<&'static Section> {
    OPTIONS.iter().find(|section| section.kind == kind)
}

/// Networks that `allow` holds when nothing else is said: loopback, private, link-local and ULA.
const AT_HOME: &str =
    "127.0.0.0/8 10.0.0.0/8 172.16.0.0/12 192.168.0.0/16 169.254.0.0/16 ::1/128 fc00::/7 fe80::/10";
const CERT: &[&str] = &["verify", "ignore"];
const ON_OFF: &[&str] = &["on", "off"];
const POST_GET: &[&str] = &[
    "mobile_data",
    "mobile_sim_pin",
    "sms_delete",
    "sms_list",
    "sms_read",
    "sms_send",
    "sms_total",
];
/// What a text message can set off, under RutOS's names.
const SMS_ACTIONS: &[&str] = &[
    "reboot",
    "send_status",
    "vpnstatus",
    "mobile",
    "change_mobile_settings",
    "reset_conn",
    "list_of_profile",
    "vpn",
    "change_profile",
    "ssh_access",
    "web_access",
    "ip_unblock",
    "firstboot",
    "userdefaults",
    "fw_upgrade",
    "monitoring_status",
    "uci",
    "rms_status",
    "rms_action",
    "rms_connect",
    "more",
    "iostatus",
    "io_set",
    "wol",
    "data_usage_reset",
    "data_limit",
    "wifi",
    "exec",
    "config_reload",
    "api",
];
/// What a call can set off, under RutOS's names.
const CALL_ACTIONS: &[&str] = &["reboot", "send_status", "mobile", "dout", "relay", "wifi"];

/// Every section, in the order people meet them.
#[rustfmt::skip]
pub static OPTIONS: &[Section] = &[
    one("agent", "The agent itself.", &[AGENT]),
    one("modem", "The modem and how it is used.", &[MODEM]),
    one("api", "The JSON API over TCP. The Unix socket is always there.", &[API]),
    many("to_http", "Pushes received messages and other events to a web server.", &[FORWARDING, TO_HTTP]),
    many("phone", "A phone group: numbers under one name.", &[PHONE]),
    one("post_get", "RutOS's Post/Get interface, /cgi-bin/sms_send and its like.", &[POST_GET_ROWS]),
    one("reply", "Answers received messages by itself.", &[FORWARDING, REPLY]),
    many("to_sms", "Passes received messages on to phones.", &[FORWARDING, TO_SMS]),
    many("to_smtp", "Passes received messages on by mail.", &[FORWARDING, TO_SMTP]),
    many("email", "A mail account to send from.", &[EMAIL]),
    one("limits", "How much may be sent, and to whom.", &[LIMITS]),
    many("lan_host", "The machine behind the bridge: its route and its entry in /etc/hosts.", &[LAN_HOST]),
    one("pop3", "Fetches mails whose subject is a phone number and sends them as messages.", &[POP3]),
    one("smpp", "The SMPP 3.4 server.", &[SMPP]),
    many("sms_rule", "An action that a received message sets off. The first rule that fits wins.", &[SMS_RULE, WHO_MAY, ACTION]),
    one("call", "What happens to a call that comes in, once the rules for calls have seen it.", &[CALL]),
    many("call_rule", "An action that a call sets off. Every rule that lets the caller in is done, once for each call.", &[CALL_RULE, WHO_MAY, ACTION]),
];

#[rustfmt::skip]
const AGENT: &[Row] = &[
    option("log_level", OneOf(&["off", "error", "warn", "info", "debug", "trace"]), "info", "How much is logged."),
    option("log_numbers", Bool, "0", "1: the log shows phone numbers in full instead of their last three digits."),
    option("state_dir", Path, "/etc/rut-agent/state", "Where messages are kept, on storage that survives a reboot."),
    option("state_limit", Whole(65_536, 16_777_216), "524288", "Bytes state_dir may hold; the oldest finished messages go first."),
    option("name", Text(64), "", "The router's name in messages and mails; not set: the system's host name."),
];

#[rustfmt::skip]
const MODEM: &[Row] = &[
    option("tty", Tty, "auto", "The port to speak on. auto finds the spare one; /dev/ttyUSB2 belongs to the vendor's daemon and is refused."),
    option("qmi", Path, "/dev/cdc-wdm0", "The QMI device that uqmi is given."),
    option("uqmi", Path, "/sbin/uqmi", "The uqmi program."),
    option("flash_via", OneOf(&["auto", "uqmi", "at"]), "auto", "How flash messages leave. uqmi cannot ask for delivery reports, so auto takes it only for messages sent with report false that it can say rightly; uqmi: always, then nothing is known beyond sent, and what it cannot say fails; at: never uqmi."),
    secret("pincode", Pin, "The SIM's PIN, tried once."),
    option("msg_storage", OneOf(&["sm", "me"]), "sm", "Where the modem keeps messages: sm the SIM, me its own memory."),
    option("free", Whole(0, 255), "5", "Message slots kept free; only messages that are safe in state_dir are removed for it."),
    option("poll", Seconds(1, 3600), "5", "Between look-ups for messages when the modem notifies nobody here."),
    option("exclusive", Bool, "0", "1: no vendor daemon runs beside us, the modem's settings are ours alone."),
    option("allow_at", Bool, "0", "1: the API may send raw AT commands."),
    option("part_timeout", Seconds(10, 604_800), "3600", "How long the missing parts of a long message are waited for."),
];

#[rustfmt::skip]
const API: &[Row] = &[
    option("enabled", Bool, "1", "0: only the Unix socket is served."),
    list("listen", Listen, "127.0.0.1:8240", "Addresses to serve, such as 192.168.1.1:8240, [fd00::2]:8240 or [fe80::1%br-lan]:8240; beyond loopback a token is needed."),
    secret("token", Token, "The bearer token, also the password for Basic authentication."),
    list("allow", Network, AT_HOME, "Networks that may connect at all, to Post/Get too."),
];

/// SPEC section 3's "the same six", and the switch.
#[rustfmt::skip]
const FORWARDING: &[Row] = &[
    option("enabled", Bool, "0", "1: switched on."),
    option("mode", OneOf(&["everyone", "list_number", "user_group"]), "everyone", "Whose messages: everyone's, those of tel, or those of group."),
    list("tel", Phone, "", "Numbers for mode list_number."),
    option("group", Section("phone"), "", "The phone group for mode user_group."),
    option("every_sms", Bool, "0", "1: also messages that a rule has taken."),
    option("delete_sms", Bool, "0", "1: do not keep the message once it is handed on."),
];

#[rustfmt::skip]
const TO_HTTP: &[Row] = &[
    option("method", OneOf(&["get", "post", "json"]), "get", "get and post write as RutOS does; json posts a Standard Webhooks body."),
    option("url", Url, "", "Where to, such as http://[fd00::1]/sms_in."),
    option("sender_num", Bool, "0", "1: say who sent it (get and post)."),
    option("number_name", Text(16), "sender", "The field that carries the sender."),
    option("message_name", Text(16), "message", "The field that carries the text."),
    option("message_encode_b64", Bool, "0", "1: the text is written in base64."),
    option("verify_cert", OneOf(CERT), "verify", "Whether an https server must prove who it is."),
    option("ca_file", Path, "", "PEM file with the certificates to trust; not set: the system's."),
    option("extra_name1", Text(64), "", "A further field."),
    secret("extra_value1", Text(64), "What it says."),
    option("extra_name2", Text(64), "", "A further field."),
    secret("extra_value2", Text(64), "What it says."),
    secret("secret", Webhook, "Signs a json push: whsec_ and 24 to 64 bytes in base64."),
    list("events", Event, "message.received", "The events that are pushed."),
];

#[rustfmt::skip]
const PHONE: &[Row] = &[
    list("tel", Phone, "", "A member's number."),
];

#[rustfmt::skip]
const POST_GET_ROWS: &[Row] = &[
    option("enabled", Bool, "0", "1: switched on."),
    list("listen", Listen, "", "Addresses to serve, such as 192.168.1.1:80; none of them may be the API's."),
    list("allow", OneOf(POST_GET), "", "The calls that are served; not set: all."),
    option("username", Login(64), "", "Who may call."),
    secret("password", Login(64), "The caller's password."),
];

#[rustfmt::skip]
const REPLY: &[Row] = &[
    option("msg", Text(1024), "", "The answer; %-parameters such as %rn are filled in."),
];

#[rustfmt::skip]
const TO_SMS: &[Row] = &[
    option("sender_num", Bool, "0", "1: say below the text who sent it."),
    list("fwd_number", Phone, "", "A number to send to."),
];

#[rustfmt::skip]
const TO_SMTP: &[Row] = &[
    option("sender_num", Bool, "0", "1: say below the text who sent it."),
    option("subject", Text(255), "", "The mail's subject; %-parameters such as %rn are filled in. Not set: SMS."),
    option("email_name", Section("email"), "", "The account to send from: the name of a section email."),
    list("recipemail", Mail, "", "An address to send to."),
];

#[rustfmt::skip]
const EMAIL: &[Row] = &[
    option("smtp_ip", Host, "", "The mail server."),
    option("smtp_port", Whole(1, 65_535), "25", "Its port."),
    option("secure_conn", OneOf(&["none", "starttls", "tls"]), "none", "How the connection is protected: tls from the first byte (often port 465), starttls after a greeting (often 587), or not."),
    option("credentials", Bool, "0", "1: log in with username and password."),
    option("username", Text(128), "", "Who logs in."),
    secret("password", Text(128), "The password."),
    option("senderemail", Mail, "", "The sender's address."),
    option("verify_cert", OneOf(CERT), "verify", "Whether the server must prove who it is."),
    option("ca_file", Path, "", "PEM file with the certificates to trust; not set: the system's."),
];

#[rustfmt::skip]
const LIMITS: &[Row] = &[
    option("per_hour", Whole(0, 100_000), "0", "Message parts sent in an hour; 0: no limit."),
    option("per_day", Whole(0, 100_000), "0", "Message parts sent in a day; 0: no limit."),
    list("deny", Prefix, "", "Numbers that begin so are never sent to or called."),
    list("only", Prefix, "", "Only numbers that begin so are sent to or called; 112 and 911 may be called."),
    option("reply_interval", Seconds(0, 604_800), "3600", "One automatic reply per number in so many seconds."),
];

#[rustfmt::skip]
const LAN_HOST: &[Row] = &[
    option("ip", Address, "", "Its address, such as fd00::1."),
    option("hostname", Host, "", "Its name in /etc/hosts, and for pushes from here."),
    option("interface", Text(15), "lan", "The network interface it is behind, by the name that the router's configuration has for it."),
];

#[rustfmt::skip]
const POP3: &[Row] = &[
    option("enabled", Bool, "0", "1: switched on."),
    option("host", Host, "", "The mail server."),
    option("port", Whole(1, 65_535), "110", "Its port; usually 995 with ssl."),
    option("username", Text(128), "", "Who logs in."),
    secret("password", Text(128), "The password."),
    option("ssl", Bool, "0", "1: TLS from the first byte; 0: STLS where the server offers it, else clear text."),
    option("ssl_verify", Bool, "1", "0: do not look who the server is."),
    option("ca_file", Path, "", "PEM file with the certificates to trust; not set: the system's."),
    option("limit", Whole(1, 10), "5", "Message parts that one mail may become; a longer text is cut and ends in three dots."),
    option("interval", Whole(1, 60), "1", "How often mails are looked for, in interval_unit."),
    option("interval_unit", OneOf(&["min", "hour", "day"]), "min", "Minutes, hours or days."),
    option("delete_other", Bool, "0", "1: delete mails whose subject is no phone number, too, as RutOS's manual says of its own."),
];

#[rustfmt::skip]
const SMPP: &[Row] = &[
    option("enabled", Bool, "0", "1: switched on."),
    list("listen", Address, "", "Addresses to serve, such as 192.168.1.1."),
    option("port", Whole(1, 65_535), "2775", "The port to serve."),
    option("username", Text(15), "", "The client's system_id."),
    secret("password", Text(8), "Its password."),
    list("allow", Network, AT_HOME, "Networks that may connect at all."),
    option("alphabet", OneOf(&["gsm", "packed", "latin1"]), "gsm", "What data_coding 0 is: gsm a septet in each octet, packed as on the air, latin1."),
    option("deliver", Bool, "1", "1: received messages and delivery receipts are kept until a bound receiver has taken them; 0: the client only sends."),
    option("long", OneOf(&["whole", "parts"]), "whole", "How long messages are delivered: whole, in message_payload where they need it, or in parts with a user data header."),
    option("window", Whole(1, 100), "10", "deliver_sm that one session may leave unanswered."),
    option("number", Phone, "", "The SIM's own number, the destination of what is delivered; not set: username."),
];

#[rustfmt::skip]
const SMS_RULE: &[Row] = &[
    option("enabled", Bool, "0", "1: switched on."),
    option("action", OneOf(SMS_ACTIONS), "", "What is done."),
    option("smstext", Text(160), "", "The text that sets it off; what follows it are the action's arguments."),
    option("authorization", OneOf(&["no", "serial", "password", "local", "totp"]), "password", "What stands before the text: nothing, the serial number, the router's or this rule's password, or a code that changes."),
    secret("password", Text(128), "The password for authorization local: 8 to 80 characters with a small and a capital letter and a digit, or its hash as /etc/shadow has it."),
    secret("secret", Text(128), "The base32 key for authorization totp (RFC 6238: SHA-1, six digits, 30 s)."),
];

#[rustfmt::skip]
const CALL: &[Row] = &[
    option("action", OneOf(&["reject", "answer", "ignore"]), "", "What is done. Not set: reject where there are rules for calls; where there are none, it rings on."),
];

#[rustfmt::skip]
const CALL_RULE: &[Row] = &[
    option("enabled", Bool, "0", "1: switched on."),
    option("action", OneOf(CALL_ACTIONS), "", "What is done."),
    option("pin", Text(32), "", "The output that actions dout and relay set."),
    option("key", Text(8), "", "RutOS: the keys that the caller must press. They cannot be heard here: a rule that has some is an error."),
];

#[rustfmt::skip]
const WHO_MAY: &[Row] = &[
    option("allowed_phone", OneOf(&["all", "group", "single"]), "all", "Who may: everybody, the members of group, or tel."),
    option("tel", Phone, "", "The number for allowed_phone single."),
    option("group", Section("phone"), "", "The phone group for allowed_phone group."),
    option("status_sms", Bool, "0", "1: the sender is told what came of it; after a reboot, the status."),
    option("to_other_phone", Bool, "0", "1: those of to_number are told, too."),
    list("to_number", Phone, "", "A number for to_other_phone."),
    option("message", Text(1024), "", "The text of that answer; %-parameters are filled in."),
];

/// The actions' own options, under RutOS's names.
#[rustfmt::skip]
const ACTION: &[Row] = &[
    option("respond", Bool, "0", "1: say whether the action was done, where it has no answer of its own."),
    option("value", OneOf(ON_OFF), "on", "mobile, wifi, vpn, rms_action, io_set: switch on or off."),
    option("write_config", Bool, "0", "io_set: 1 keeps the state over a reboot."),
    option("write_wifi", Bool, "0", "wifi: 1 keeps the state over a reboot."),
    option("write_mobile", Bool, "0", "mobile: 1 keeps the state over a reboot."),
    option("io", Text(32), "", "io_set: the output, such as dout1."),
    option("timeout", Bool, "0", "io_set: 1 turns it back after so many seconds."),
    option("seconds", Seconds(1, 999_999), "5", "io_set: how many."),
    option("simcard", Whole(1, 2), "1", "change_mobile_settings: the SIM slot."),
    option("interface", Text(32), "", "mobile, change_mobile_settings, data_usage_reset: the network interface; not set: the mobile ones."),
    option("ssh_access_enabled", Bool, "0", "ssh_access: from the LAN."),
    option("ssh_access_remote", Bool, "0", "ssh_access: from outside."),
    option("web_access_enabled", Bool, "0", "web_access: HTTP from the LAN."),
    option("webs_access_enabled", Bool, "0", "web_access: HTTPS from the LAN."),
    option("web_access_http", Bool, "0", "web_access: HTTP from outside."),
    option("web_access_https", Bool, "0", "web_access: HTTPS from outside."),
    option("redirect_https", Bool, "0", "web_access: 1 sends HTTP on to HTTPS."),
    option("mac", Mac, "", "wol: the machine to wake."),
    option("script", Path, "", "exec: the program to run."),
    option("status_code", Bool, "0", "exec: 1 adds the program's exit code to the answer."),
    list("methods", OneOf(&["get", "post", "put", "delete"]), "", "api: the methods that are allowed; not set: all."),
    option("acl_mode", OneOf(&["allowed", "denied"]), "allowed", "api: whether path lists what is allowed or what is denied."),
    list("path", Text(128), "", "api: an endpoint such as /auto_reboot, with all below it."),
];
