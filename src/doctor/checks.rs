//! Table: what is looked at, and what is said of it. Never reads anything: the edge has.

use std::net::SocketAddr;
use std::path::Path;

use serde_json::Value;

use super::finding::{Level, Report};
use super::look::Facts;
use super::sockets;
use super::vendor;
use crate::config::FlashVia;
use crate::modem::{Part, Plugged};

/// Less free memory than this, kB, and the kernel soon ends programs.
const FEW_KB: u32 = 4096;
/// Less free flash than this, bytes, and nothing more is kept.
const FULL: u64 = 64 * 1024;

type Check = fn(&Facts, &mut Report);

/// All of them, in the order in which they are told.
const CHECKS: &[(&str, Check)] = &[
    ("config", config),
    ("agent", agent),
    ("modem", modem),
    ("ports", ports),
    ("sim", sim),
    ("rutos", |facts, report| {
        vendor::examine(&facts.vendor, report)
    }),
    ("listen", listen),
    ("flash", flash),
    ("memory", memory),
    ("clock", clock),
    ("qmi", qmi),
];

/// Does all checks.
pub(super) fn examine(facts: &Facts) -> Report {
    let mut report = Report::default();
    for (name, check) in CHECKS {
        report.check = name;
        check(facts, &mut report);
    }
    report
}

fn config(facts: &Facts, report: &mut Report) {
    if !facts.configured {
        report.say(
            Level::Note,
            "there is no /etc/config/rut-agent: the defaults hold",
        );
        return;
    }
    for problem in &facts.problems {
        let level = match problem.is_error() {
            true => Level::Error,
            false => Level::Note,
        };
        report.say(level, problem.to_string());
    }
    if facts.problems.is_empty() {
        report.say(Level::Ok, "the configuration can be used");
    }
}

fn agent(facts: &Facts, report: &mut Report) {
    let agents = facts.agents.join(", ");
    match (&facts.status, facts.agents.len()) {
        (Some(status), 0 | 1) => {
            let version = text(status, "/agent/version");
            report.say(Level::Ok, format!("rut-agent {version} runs and answers"));
        }
        (None, 0) => {
            report.say(Level::Note, "rut-agent does not run");
            report.todo("/etc/init.d/rut-agent enable; /etc/init.d/rut-agent start");
        }
        (None, 1) => {
            let why = "runs, but does not answer at its socket (--socket names another)";
            report.say(Level::Warning, format!("{agents} {why}"));
            report.todo("logread -e rut-agent | tail; /etc/init.d/rut-agent restart");
        }
        (_, _) => {
            report.say(Level::Error, format!("more than one runs: {agents}"));
            report.todo("killall rut-agent; /etc/init.d/rut-agent restart");
        }
    }
}

fn modem(facts: &Facts, report: &mut Report) {
    for modem in &facts.modems {
        let text = format!("{} at USB {}", modem.name, modem.place);
        report.say(Level::Ok, text);
    }
    if let Err(why) = &facts.port {
        report.say(Level::Error, why);
        report.todo("cat /sys/bus/usb/devices/*/product; logread | grep -i usb");
    }
    let Some(status) = &facts.status else { return };
    match text(status, "/modem/state") {
        "ready" => report.say(Level::Ok, "the agent says that it is ready"),
        state => {
            let level = Level::Warning;
            report.say(level, format!("the agent says that it is {state}"));
            report.todo("rut-agent status; logread -e rut-agent | tail");
        }
    }
}

/// A text in the agent's answer.
fn text<'a>(status: &'a Value, pointer: &str) -> &'a str {
    let text = status.pointer(pointer).and_then(Value::as_str);
    text.unwrap_or("unknown")
}

fn ports(facts: &Facts, report: &mut Report) {
    if !facts.is_root {
        report.say(Level::Note, "only root sees which programs hold a port");
    }
    let ours = facts.port.as_deref().ok().and_then(Path::file_name);
    for (part, tty) in facts.modems.iter().flat_map(|modem: &Plugged| &modem.ports) {
        let is_ours = ours.is_some_and(|ours| ours == tty.as_str());
        port(facts, (*part, tty, is_ours), report);
    }
}

fn port(facts: &Facts, (part, tty, is_ours): (Part, &str, bool), report: &mut Report) {
    let target = format!("/dev/{tty}");
    let holders: Vec<&str> = holders(facts, &target);
    let (what, friends, harm): (_, &[&str], _) = match part {
        _ if is_ours => (
            "the port this agent speaks on",
            &["rut-agent ("],
            "two programs on one port take each other's answers",
        ),
        Part::Control => (
            "the control port, never ours",
            &["gsmd (", "ModemManager ("],
            "RutOS resets a modem whose control port is disturbed",
        ),
        Part::Spare => ("the spare AT port", &[""], ""),
        Part::Gps => ("the GPS receiver's", &[""], ""),
        Part::Other => ("for diagnostics", &[""], ""),
    };
    let who = match holders.is_empty() {
        true => String::from("nobody holds it"),
        false => format!("held by {}", holders.join(", ")),
    };
    let text = format!("{target} is {what}; {who}");
    let is_stranger = |who: &&&str| !friends.iter().any(|friend| who.starts_with(friend));
    let strangers: Vec<&&str> = holders.iter().filter(is_stranger).collect();
    if strangers.is_empty() {
        return report.say(Level::Ok, text);
    }
    report.say(Level::Error, format!("{text}: {harm}"));
    for (_, pid) in strangers.iter().filter_map(|who| who.split_once("(pid ")) {
        let pid = pid.trim_end_matches(')');
        report.todo(format!("cat /proc/{pid}/cmdline; kill {pid}"));
    }
}

fn holders<'a>(facts: &'a Facts, target: &str) -> Vec<&'a str> {
    let open = facts.open.iter().filter(|(_, what)| what == target);
    let mut holders: Vec<&str> = open.map(|(who, _)| who.as_str()).collect();
    holders.dedup();
    holders
}

fn sim(facts: &Facts, report: &mut Report) {
    let (state, who) = match (&facts.status, &facts.gsmctl) {
        (Some(status), _) => (text(status, "/sim/state"), "the agent"),
        (None, Some(said)) => (said.as_str(), "gsmctl -z"),
        (None, None) => {
            let why =
                "not asked: neither an agent nor gsmctl answers, and the ports are left alone";
            return report.say(Level::Note, why);
        }
    };
    let good = ["READY", "INSERTED"].contains(&state.to_ascii_uppercase().as_str());
    let level = if good { Level::Ok } else { Level::Warning };
    report.say(level, format!("{who} says: {state}"));
    if state.to_ascii_uppercase().contains("PIN") {
        report.todo(
            "uci set rut-agent.modem=modem; uci set rut-agent.modem.pincode=NNNN; uci commit rut-agent; reload_config",
        );
    }
}

/// Where this agent is to listen, and the ports that clients usually ask.
fn listen(facts: &Facts, report: &mut Report) {
    let (api, post_get, smpp) = (
        &facts.config.api,
        &facts.config.post_get,
        &facts.config.smpp,
    );
    let wanted = [
        (api.enabled, &api.listen, "the API"),
        (post_get.enabled, &post_get.listen, "Post/Get"),
        (smpp.enabled, &smpp.listen, "SMPP"),
    ];
    let mut ports = Vec::new();
    for (_, addresses, what) in wanted.into_iter().filter(|(enabled, _, _)| *enabled) {
        for at in addresses {
            ports.push(at.port());
            door(facts, *at, what, report);
        }
    }
    for (port, what) in [(80, "Post/Get"), (2775, "SMPP")] {
        let at = SocketAddr::from(([0, 0, 0, 0], port));
        let who = listening(facts, at);
        if !ports.contains(&port) && !who.is_empty() {
            let who = who.join(", ");
            let text = format!("port {port} is used by {who}: {what} would need another");
            report.say(Level::Note, text);
        }
    }
}

fn door(facts: &Facts, at: SocketAddr, what: &str, report: &mut Report) {
    let who = listening(facts, at);
    let foreign = who.iter().find(|who| !who.starts_with("rut-agent ("));
    match foreign {
        None if who.is_empty() => report.say(Level::Ok, format!("{at} is free for {what}")),
        None => report.say(
            Level::Ok,
            format!("{} serves {what} at {at}", who.join(", ")),
        ),
        Some(who) => {
            let text = format!("{at} is used by {who}: {what} cannot listen there");
            report.say(Level::Error, text);
            if who.starts_with("uhttpd (") {
                report.todo("uci set uhttpd.main.enable_http=0; uci commit uhttpd; /etc/init.d/uhttpd restart  # RutOS's pages then by https only");
            } else {
                report.todo("vi /etc/config/rut-agent; reload_config");
            }
        }
    }
}

/// Who listens where `at` wants to.
fn listening(facts: &Facts, at: SocketAddr) -> Vec<&str> {
    let there = facts.listeners.iter();
    let there = there.filter(|own| sockets::collide(own.at, at));
    let mut who: Vec<&str> = Vec::new();
    for listener in there {
        let socket = format!("socket:[{}]", listener.inode);
        let found = holders(facts, &socket);
        who.extend(if found.is_empty() {
            vec!["an unknown program"]
        } else {
            found
        });
    }
    who.sort_unstable();
    who.dedup();
    who
}

fn flash(facts: &Facts, report: &mut Report) {
    let Some((free, used)) = facts.flash else {
        return report.say(Level::Warning, "how much is free is not known");
    };
    let agent = &facts.config.agent;
    let dir = agent.state_dir.display();
    let (kb, limit) = (free / 1024, u64::from(agent.state_limit));
    let text = format!("{kb} kB are free for {dir}");
    if free < FULL {
        report.say(Level::Error, format!("{text}: messages cannot be kept"));
        report.todo("df; du -k /overlay /usr/local /etc | sort -n | tail");
    } else if free.saturating_add(used) < limit {
        let text = format!(
            "{text}, but it may grow to {} kB (state_limit)",
            limit / 1024
        );
        report.say(Level::Warning, text);
        let fits = (free.saturating_add(used) - FULL / 2).max(65_536);
        report.todo(format!(
            "uci set rut-agent.agent=agent; uci set rut-agent.agent.state_limit={fits}; uci commit rut-agent; /etc/init.d/rut-agent restart"
        ));
    } else {
        report.say(Level::Ok, text);
    }
}

fn memory(facts: &Facts, report: &mut Report) {
    let Some(kb) = available_kb(&facts.memory) else {
        return report.say(Level::Warning, "how much is free is not known");
    };
    if kb < FEW_KB {
        let text = format!("only {kb} kB are free: the kernel may end programs");
        report.say(Level::Warning, text);
        report.todo("top -b -n 1 | head -n 15");
    } else {
        report.say(Level::Ok, format!("{kb} kB are free"));
    }
}

/// `MemAvailable` of `/proc/meminfo`.
pub(super) fn available_kb(meminfo: &str) -> Option<u32> {
    let mut lines = meminfo.lines();
    let line = lines.find_map(|line| line.strip_prefix("MemAvailable:"))?;
    line.split_whitespace().next()?.parse().ok()
}

fn clock(facts: &Facts, report: &mut Report) {
    let now = facts.now;
    if now.is_set() {
        return report.say(Level::Ok, format!("it is {now}"));
    }
    let text = format!("the clock says {now}: until it is set, TLS and one-time codes fail");
    report.say(Level::Warning, text);
    report.todo("date -u -s 'YYYY-MM-DD hh:mm:ss'; uci show system.ntp");
}

fn qmi(facts: &Facts, report: &mut Report) {
    let modem = &facts.config.modem;
    let missing = match (facts.qmi, facts.uqmi) {
        (true, true) => "",
        (false, _) => "no QMI device",
        (true, false) => "no program uqmi",
    };
    match (modem.flash_via, missing) {
        (FlashVia::At, _) => report.say(Level::Ok, "flash messages go over AT, as configured"),
        (FlashVia::Auto | FlashVia::Uqmi, "") => {
            let device = modem.qmi.display();
            report.say(
                Level::Ok,
                format!("flash messages may go over {device} by uqmi"),
            );
        }
        (FlashVia::Auto, missing) => {
            report.say(Level::Ok, format!("flash messages go over AT: {missing}"));
        }
        (FlashVia::Uqmi, missing) => {
            let text = format!("flash_via is uqmi, but there is {missing}: flash messages fail");
            report.say(Level::Error, text);
            report.todo(
                "uci set rut-agent.modem.flash_via=auto; uci commit rut-agent; reload_config",
            );
        }
    }
}
