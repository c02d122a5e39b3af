//! Decider: checked sections into a [`Config`], and what options mean together. Never reads text that `check` has not
//! seen, and holds no default of its own.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use super::check::Checked;
use super::kind::{network, webhook_key};
use super::mail;
use super::problem::Notes;
use super::rules;
use super::{
    Agent, Api, CallAction, Config, FlashVia, Forwarding, LanHost, Limits, Listen, Method, Modem,
    PhoneGroup, Pop3, PostGet, Reply, Smpp, SmppAlphabet, ToHttp, ToSms, Who,
};
use crate::message::{EventKind, Memory, Number};

/// The configuration these sections make. Only good when `notes` holds no error afterwards.
pub fn build(sections: &[Checked], notes: &mut Notes) -> Config {
    let mut config = Config::default();
    for section in sections {
        if section.table.row("mode").is_some() {
            names_somebody(section, notes);
        }
        match section.table.kind {
            "agent" => config.agent = agent(section),
            "modem" => config.modem = modem(section),
            "api" => config.api = api(section, notes),
            "to_http" => config.to_http.push(to_http(section, notes)),
            "post_get" => config.post_get = post_get(section, notes),
            "phone" => config.groups.push(phone(section, notes)),
            "reply" => config.reply = reply(section, notes),
            "to_sms" => config.to_sms.push(to_sms(section, notes)),
            "to_smtp" => config.to_smtp.push(mail::to_smtp(section, notes)),
            "email" => config.emails.push(mail::email(section, notes)),
            "limits" => config.limits = limits(section),
            "sms_rule" if section.flag("enabled") => {
                config.sms_rules.push(rules::sms_rule(section, notes));
            }
            "call" => config.call = section.given("action").map(call_action),
            "call_rule" if section.flag("enabled") => {
                if section.given("key").is_some() {
                    let why = "call_rule.key: keys that a caller presses cannot be heard; without it the rule does for everybody whom it lets in";
                    notes.error(section.line_of("key"), String::from(why));
                }
                config.call_rules.push(rules::rule(section, notes));
            }
            "lan_host" => config.lan_hosts.extend(lan_host(section, notes)),
            "pop3" => config.pop3 = pop3(section, notes),
            "smpp" => config.smpp = smpp(section, notes),
            // A rule that is switched off.
            _ => {}
        }
    }
    one_door_each(&config, sections, notes);
    mail::used_accounts(&config, sections, notes);
    rules::doubles(&config, sections, notes);
    config
}

/// An address leads to the API or to Post/Get, not to both.
fn one_door_each(config: &Config, sections: &[Checked], notes: &mut Notes) {
    let mut both = config.post_get.listen.iter();
    let Some(at) = both.find(|at| config.api.listen.contains(at)) else {
        return;
    };
    let section = sections.iter().find(|one| one.table.kind == "post_get");
    if config.post_get.enabled
        && config.api.enabled
        && let Some(section) = section
    {
        notes.error(
            section.line_of("listen"),
            format!("post_get.listen {at} is the API's address already: name another port"),
        );
    }
}

fn call_action(action: &str) -> CallAction {
    match action {
        "answer" => CallAction::Answer,
        "ignore" => CallAction::Ignore,
        _ => CallAction::Reject,
    }
}

fn agent(section: &Checked) -> Agent {
    Agent {
        log_level: section
            .text("log_level")
            .parse()
            .unwrap_or(log::LevelFilter::Info),
        log_numbers: section.flag("log_numbers"),
        state_dir: PathBuf::from(section.text("state_dir")),
        state_limit: section.whole("state_limit"),
        name: section.given("name").map(String::from),
    }
}

fn modem(section: &Checked) -> Modem {
    Modem {
        tty: section
            .given("tty")
            .filter(|&tty| tty != "auto")
            .map(PathBuf::from),
        qmi: PathBuf::from(section.text("qmi")),
        uqmi: PathBuf::from(section.text("uqmi")),
        flash_via: match section.text("flash_via") {
            "uqmi" => FlashVia::Uqmi,
            "at" => FlashVia::At,
            _ => FlashVia::Auto,
        },
        pincode: section.given("pincode").map(String::from),
        storage: match section.text("msg_storage") {
            "me" => Memory::Modem,
            _ => Memory::Sim,
        },
        free: u16::try_from(section.whole("free")).unwrap_or(u16::MAX),
        poll: seconds(section, "poll"),
        exclusive: section.flag("exclusive"),
        allow_at: section.flag("allow_at"),
        part_timeout: seconds(section, "part_timeout"),
    }
}

fn api(section: &Checked, notes: &mut Notes) -> Api {
    let api = Api {
        enabled: section.flag("enabled"),
        listen: parsed(section, "listen"),
        token: section.given("token").map(String::from),
        allow: section
            .texts("allow")
            .into_iter()
            .filter_map(network)
            .collect(),
    };
    let beyond = |at: &&Listen| !at.at.ip().to_canonical().is_loopback();
    if api.enabled
        && api.token.is_none()
        && let Some(at) = api.listen.iter().find(beyond)
    {
        notes.error(
            section.line_of("listen"),
            format!("api.listen {at} reaches beyond this router and api.token is not set: set one, or listen on 127.0.0.1"),
        );
    }
    api
}

fn post_get(section: &Checked, notes: &mut Notes) -> PostGet {
    let texts = section.texts("allow").into_iter().map(String::from);
    let post_get = PostGet {
        enabled: section.flag("enabled"),
        listen: parsed(section, "listen"),
        allow: texts.collect(),
        username: String::from(section.text("username")),
        password: String::from(section.text("password")),
    };
    needs_login(section, notes);
    // What RutOS ships with is what the whole Internet tries first.
    if post_get.password == "user_pass" {
        let text = "post_get.password is RutOS's well-known one: choose another";
        notes.remark(section.line_of("password"), String::from(text));
    }
    post_get
}

/// A server that is switched on has an address, a user name and a password: none of them has a default.
fn needs_login(section: &Checked, notes: &mut Notes) {
    let needed = ["listen", "username", "password"];
    let missing = |name: &&str| section.texts(name).concat().is_empty();
    for name in needed.iter().filter(|name| missing(name)) {
        if section.flag("enabled") {
            let kind = section.table.kind;
            let text = format!("{kind} is enabled and has no {name}");
            notes.error(section.line_of("enabled"), text);
        }
    }
}

fn smpp(section: &Checked, notes: &mut Notes) -> Smpp {
    needs_login(section, notes);
    let port = u16::try_from(section.whole("port")).unwrap_or_default();
    let listen: Vec<IpAddr> = parsed(section, "listen");
    let texts = section.texts("allow").into_iter();
    Smpp {
        enabled: section.flag("enabled"),
        listen: listen
            .iter()
            .map(|ip| SocketAddr::from((*ip, port)))
            .collect(),
        username: String::from(section.text("username")),
        password: String::from(section.text("password")),
        allow: texts.filter_map(network).collect(),
        alphabet: match section.text("alphabet") {
            "packed" => SmppAlphabet::Packed,
            "latin1" => SmppAlphabet::Latin1,
            _ => SmppAlphabet::Gsm,
        },
        deliver: section.flag("deliver"),
        parts: section.text("long") == "parts",
        window: u8::try_from(section.whole("window")).unwrap_or(1),
        number: String::from(section.text("number")),
    }
}

fn to_http(section: &Checked, notes: &mut Notes) -> ToHttp {
    let target = ToHttp {
        name: section.name.clone(),
        forwarding: forwarding(section),
        method: match section.text("method") {
            "post" => Method::Post,
            "json" => Method::Json,
            _ => Method::Get,
        },
        url: String::from(section.text("url")),
        sender_num: section.flag("sender_num"),
        number_name: String::from(section.text("number_name")),
        message_name: String::from(section.text("message_name")),
        base64: section.flag("message_encode_b64"),
        verify_cert: section.text("verify_cert") == "verify",
        ca_file: section.given("ca_file").map(PathBuf::from),
        extra: [
            ("extra_name1", "extra_value1"),
            ("extra_name2", "extra_value2"),
        ]
        .into_iter()
        .filter_map(|(name, value)| {
            let name = section.given(name)?;
            Some((String::from(name), String::from(section.text(value))))
        })
        .collect(),
        secret: section
            .given("secret")
            .and_then(|secret| webhook_key(secret).ok()),
        events: section
            .texts("events")
            .into_iter()
            .filter_map(EventKind::from_name)
            .collect(),
    };
    doubts_about(&target, section, notes);
    target
}

/// What is missing, and what was said in vain.
fn doubts_about(target: &ToHttp, section: &Checked, notes: &mut Notes) {
    let name = &target.name;
    if target.forwarding.enabled && target.url.is_empty() {
        let text = format!("to_http '{name}' is enabled and has no url");
        notes.error(section.line_of("enabled"), text);
    }
    let mut remark = |option: &str, text: &str| {
        notes.remark(section.line_of(option), format!("to_http '{name}': {text}"));
    };
    if target.secret.is_some() && target.method != Method::Json {
        remark("secret", "secret signs pushes of method json only");
    }
    if target.ca_file.is_some() && !target.verify_cert {
        remark("ca_file", "ca_file is not read while verify_cert is ignore");
    }
    for (value, key) in [
        ("extra_value1", "extra_name1"),
        ("extra_value2", "extra_name2"),
    ] {
        if section.given(value).is_some() && section.given(key).is_none() {
            remark(value, &format!("{value} is not pushed without {key}"));
        }
    }
}

pub(super) fn forwarding(section: &Checked) -> Forwarding {
    Forwarding {
        enabled: section.flag("enabled"),
        who: who(section),
        every_sms: section.flag("every_sms"),
        delete_sms: section.flag("delete_sms"),
    }
}

fn reply(section: &Checked, notes: &mut Notes) -> Reply {
    let reply = Reply {
        forwarding: forwarding(section),
        msg: String::from(section.text("msg")),
    };
    if reply.forwarding.enabled && reply.msg.is_empty() {
        let text = "reply is enabled and has no msg";
        notes.error(section.line_of("enabled"), text);
    }
    reply
}

fn to_sms(section: &Checked, notes: &mut Notes) -> ToSms {
    let mut to: Vec<Number> = Vec::new();
    for number in parsed(section, "fwd_number") {
        if !to.contains(&number) {
            to.push(number);
        }
    }
    let target = ToSms {
        name: section.name.clone(),
        forwarding: forwarding(section),
        sender_num: section.flag("sender_num"),
        to,
    };
    if target.forwarding.enabled && target.to.is_empty() {
        let name = &target.name;
        let text = format!("to_sms '{name}' is enabled and has no list fwd_number");
        notes.error(section.line_of("enabled"), text);
    }
    target
}

fn limits(section: &Checked) -> Limits {
    Limits {
        per_hour: section.whole("per_hour"),
        per_day: section.whole("per_day"),
        deny: prefixes(section, "deny"),
        only: prefixes(section, "only"),
        reply_interval: seconds(section, "reply_interval"),
    }
}

fn lan_host(section: &Checked, notes: &mut Notes) -> Option<LanHost> {
    let name = &section.name;
    let Some(ip) = parsed::<IpAddr>(section, "ip").into_iter().next() else {
        let text = format!("lan_host '{name}' has no ip: it has no effect");
        notes.remark(section.line, text);
        return None;
    };
    let link_local = matches!(ip, IpAddr::V6(ip) if ip.is_unicast_link_local());
    if link_local || ip.is_multicast() || ip.is_loopback() || ip.is_unspecified() {
        let text = format!(
            "lan_host.ip {ip} can have no route; a link-local address needs none: push to http://[fe80::1%br-lan]/"
        );
        notes.error(section.line_of("ip"), text);
    }
    let hostname = section.given("hostname");
    if hostname.is_some_and(|name| name.parse::<IpAddr>().is_ok()) {
        let text = "lan_host.hostname is an address: write a name";
        notes.error(section.line_of("hostname"), text);
    }
    Some(LanHost {
        ip,
        hostname: hostname.map(|name| String::from(name.trim_end_matches('.'))),
        interface: String::from(section.text("interface")),
    })
}

fn pop3(section: &Checked, notes: &mut Notes) -> Pop3 {
    let unit_s = match section.text("interval_unit") {
        "day" => 86_400,
        "hour" => 3_600,
        _ => 60,
    };
    let pop3 = Pop3 {
        enabled: section.flag("enabled"),
        host: String::from(section.text("host")),
        port: u16::try_from(section.whole("port")).unwrap_or_default(),
        username: String::from(section.text("username")),
        password: String::from(section.text("password")),
        tls: section.flag("ssl"),
        verify: section.flag("ssl_verify"),
        ca_file: section.given("ca_file").map(PathBuf::from),
        limit: u8::try_from(section.whole("limit")).unwrap_or(u8::MAX),
        interval: Duration::from_secs(u64::from(section.whole("interval")) * unit_s),
        delete_other: section.flag("delete_other"),
    };
    for name in ["host", "username", "password"] {
        if pop3.enabled && section.given(name).is_none() {
            let text = format!("pop3 is enabled and has no {name}");
            notes.error(section.line_of("enabled"), text);
        }
        // A line end would end the command that carries it.
        if section.text(name).contains('\n') {
            let text = format!("pop3.{name} must be one line");
            notes.error(section.line_of(name), text);
        }
    }
    if pop3.enabled && matches!((pop3.tls, pop3.port), (true, 110) | (false, 995)) {
        let text = "pop3: ssl goes with port 995 on most servers, and port 110 without it";
        notes.remark(section.line_of("ssl"), String::from(text));
    }
    if pop3.ca_file.is_some() && !pop3.verify {
        let text = "pop3.ca_file is not read while ssl_verify is 0";
        notes.remark(section.line_of("ca_file"), String::from(text));
    }
    pop3
}

/// `0049` and `+49` begin the same numbers.
fn prefixes(section: &Checked, name: &str) -> Vec<String> {
    let texts = section.texts(name).into_iter();
    texts
        .map(|text| match text.strip_prefix("00") {
            Some(rest) => format!("+{rest}"),
            None => String::from(text),
        })
        .collect()
}

fn who(section: &Checked) -> Who {
    match section.text("mode") {
        "list_number" => Who::Listed(parsed(section, "tel")),
        "user_group" => Who::Group(String::from(section.text("group"))),
        _ => Who::Everyone,
    }
}

/// A mode that needs names must have them.
fn names_somebody(section: &Checked, notes: &mut Notes) {
    let kind = section.table.kind;
    let missing = match section.text("mode") {
        "list_number" if section.texts("tel").is_empty() => {
            "list_number needs at least one list tel"
        }
        "user_group" if section.given("group").is_none() => "user_group needs option group",
        _ => return,
    };
    notes.error(section.line_of("mode"), format!("{kind}.mode {missing}"));
}

fn phone(section: &Checked, notes: &mut Notes) -> PhoneGroup {
    let tel: Vec<Number> = parsed(section, "tel");
    let name = section.name.clone();
    if tel.is_empty() {
        notes.remark(
            section.line,
            format!("phone group '{name}' has no list tel"),
        );
    }
    PhoneGroup { name, tel }
}

fn seconds(section: &Checked, name: &str) -> Duration {
    Duration::from_secs(u64::from(section.whole(name)))
}

pub(super) fn parsed<T: std::str::FromStr>(section: &Checked, name: &str) -> Vec<T> {
    section
        .texts(name)
        .into_iter()
        .filter_map(|text| text.parse().ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    /// The configuration, and the problems without their file name.
    fn read(options: &[&str]) -> (Option<super::Config>, Vec<String>) {
        let lines = options.iter().map(|option| format!("\toption {option}\n"));
        let text = format!("config pop3 'pop3'\n{}", lines.collect::<String>());
        let (config, problems) = super::super::read(&text, "f");
        let problems = problems.iter().map(ToString::to_string);
        (config, problems.collect())
    }

    const NEEDED: [&str; 4] = [
        "enabled 1",
        "host pop.example",
        "username joe",
        "password secret",
    ];

    #[test]
    fn mail_to_sms_gets_its_account_and_its_interval() {
        for (unit, seconds) in [("min", 120), ("hour", 7200), ("day", 172_800)] {
            let unit = format!("interval_unit {unit}");
            let more = [
                unit.as_str(),
                "interval 2",
                "ssl 1",
                "port 995",
                "ssl_verify 0",
                "limit 3",
            ];
            let (config, problems) = read(&[&NEEDED[..], &more].concat());
            assert_eq!(problems, [""; 0]);
            let pop3 = config.unwrap().pop3;
            assert_eq!(pop3.interval, Duration::from_secs(seconds));
            assert_eq!(
                (pop3.host.as_str(), pop3.port, pop3.limit),
                ("pop.example", 995, 3)
            );
            assert!(pop3.enabled && pop3.tls && !pop3.verify && !pop3.delete_other);
        }
    }

    #[test]
    fn mail_to_sms_without_an_account_is_an_error_and_an_odd_port_a_remark() {
        for (missing, gone) in NEEDED.iter().enumerate().skip(1) {
            let given = NEEDED.into_iter().enumerate();
            let given = given
                .filter(|(at, _)| *at != missing)
                .map(|(_, option)| option);
            let (config, problems) = read(&given.collect::<Vec<_>>());
            let name = gone.split(' ').next().unwrap();
            let why = format!("f:2: error: pop3 is enabled and has no {name}");
            assert_eq!((config, problems), (None, vec![why]));
        }
        let two_lines = ["password 'two\nlines'"];
        assert!(read(&two_lines).1[0].ends_with("pop3.password must be one line"));
        for (options, remark) in [
            (["ssl 1", "port 110"], "ssl goes with port 995"),
            (["ssl 0", "port 995"], "ssl goes with port 995"),
            (
                ["ca_file /etc/ca.pem", "ssl_verify 0"],
                "ca_file is not read",
            ),
        ] {
            let (config, problems) = read(&[&NEEDED[..], &options].concat());
            assert!(
                config.is_some() && problems.len() == 1 && problems[0].contains(remark),
                "{problems:?}"
            );
        }
    }
}
