//! Table: every action that a message or a call can set off — name, usual text, arguments, what it does and answers. Never
//! holds a step: the functions it names do.

use super::script::{Answer, Order, Run, Script, Stop};
use super::{access, mobile, power, raw, services, signals};

/// An action.
#[derive(Debug)]
pub(super) struct Action {
    /// `action` in the rule.
    pub(super) name: &'static str,
    /// What may stand behind the rule's text; empty: nothing.
    pub(super) args: &'static str,
    /// Its steps.
    pub(super) run: Run,
    /// RutOS's text for it, and what it does and answers, for the README. Not on the router.
    #[cfg(feature = "sim")]
    help: (&'static str, &'static str),
}

const fn row(
    name: &'static str,
    _text: &'static str,
    args: &'static str,
    run: Run,
    _help: &'static str,
) -> Action {
    Action {
        name,
        args,
        run,
        #[cfg(feature = "sim")]
        help: (_text, _help),
    }
}

/// All of them.
#[rustfmt::skip]
pub(super) static ACTIONS: &[Action] = &[
    row("reboot", "reboot", "", power::reboot, "`reboot`; with `status_sms`, the status once the router is back"),
    row("send_status", "status", "", power::status, "the status text `message`, or RutOS's usual one"),
    row("iostatus", "iostatus", "", signals::iostatus, "the states of all inputs and outputs, or `message`"),
    row("io_set", "ioset", "", signals::io_set, "sets output `io` to `value` (`ubus call ioman.… update`), back after `seconds` with `timeout`; `write_config` keeps it"),
    row("wifi", "wifion, wifioff", "", access::wifi, "`wifi up` or `wifi down`; `write_wifi` keeps it: `disabled` in every `wifi-iface`"),
    row("mobile", "mobileon, mobileoff", "", mobile::switch, "`ifup` or `ifdown` of the mobile interfaces; `write_mobile` keeps it: their `disabled`"),
    row("change_mobile_settings", "cellular", "apn= auto_apn= dialnumber= auth_mode= service= username= password= roaming=", mobile::cellular, "sets them in `network` and `simcard`; answers what was set, without the password"),
    row("reset_conn", "reset_conn", "", mobile::reset_conn, "`ubus call mobifd.modem… reset_conn`, else `ifup` of the mobile interfaces"),
    row("data_limit", "", "", mobile::data_limit, "how much is left, for each interface with a limit (`ubus call quota_limit.… status`)"),
    row("data_usage_reset", "", "", mobile::data_usage_reset, "`ubus call mdcollect clean_db`, for `interface` or all mobile ones"),
    row("vpn", "vpnon, vpnoff", "INSTANCE", services::vpn, "switches an OpenVPN instance on or off, for good"),
    row("vpnstatus", "vpnstatus", "", services::vpnstatus, "each OpenVPN instance: connected, disconnected, disabled"),
    row("list_of_profile", "profdisp", "", services::list_of_profile, "the configuration profiles' names; a star marks the one in use"),
    row("change_profile", "pr", "PROFILE", services::change_profile, "`profile.sh -c PROFILE`, else `ubus call rpc-profile change`"),
    row("ssh_access", "sshon, sshoff", "", access::ssh, "SSH from the LAN and from outside, as `ssh_access_…` say"),
    row("web_access", "webon, weboff", "", access::web, "RutOS's web pages from the LAN and from outside, as `web…_access_…` say"),
    row("ip_unblock", "ip_unblock", "[ADDRESS]", access::ip_unblock, "unblocks all addresses, or one, that gave wrong passwords; how many"),
    row("firstboot", "restore", "", power::firstboot, "factory settings: `firstboot -y` or `ubus call rpc-sys-ext firstboot`, and a reboot; **this agent is gone then**"),
    row("userdefaults", "userdefaults", "", power::userdefaults, "the user's own defaults: `user_defaults` or `ubus call rpc-sys-ext userdefaults`, and a reboot"),
    row("fw_upgrade", "fw_upgrade", "", power::fw_upgrade, "`rut_fota -fk`: firmware from the vendor's server"),
    row("monitoring_status", "monitoring_status", "", services::monitoring_status, "RMS: switched on or not, what `ubus call rms get_status` says, serial number, LAN MAC"),
    row("rms_status", "rms_status", "", services::rms_status, "what `ubus call rms get_status` says"),
    row("rms_action", "rms_on, rms_off", "", services::rms_action, "switches RMS on or off, for good"),
    row("rms_connect", "rms_connect", "", services::rms_connect, "restarts the service `rms_mqtt`, which connects anew"),
    row("more", "more", "", more, "the next page of a long answer; an hour long, until the agent ends"),
    row("config_reload", "config_reload", "", power::config_reload, "`reload_config`"),
    row("exec", "", "…", raw::exec, "runs `script` with the arguments, `SMS_FROM` in its environment; its output, its exit code with `status_code`"),
    row("uci", "uci", "get, show, set, add_list, del_list, delete, commit", raw::uci, "`uci`, but for secrets, accounts and this agent's configuration; a change is committed and taken up at once"),
    row("api", "api", "get, post, put, delete PATH [JSON]", raw::api, "RutOS's `api`, as far as `methods` and `path` allow"),
    row("wol", "wakeup", "", services::wol, "a magic packet for `mac` into every network"),
];

/// Calls' names for setting an output.
const OUTPUTS: [&str; 2] = ["dout", "relay"];

/// The action of that name.
pub(super) fn named(name: &str) -> Option<&'static Action> {
    let name = if OUTPUTS.contains(&name) {
        "io_set"
    } else {
        name
    };
    ACTIONS.iter().find(|action| action.name == name)
}

fn more(_: &Order<'_>, _: &mut Script<'_>) -> Result<Answer, Stop> {
    Ok(Answer::More)
}

/// The table as Markdown; a test holds the README to it.
#[cfg(feature = "sim")]
pub fn help() -> String {
    let mut out = String::from(
        "| action | RutOS's text | arguments | what it does and answers |\n|---|---|---|---|\n",
    );
    for action in ACTIONS {
        let (text, help) = action.help;
        out.push_str(&format!(
            "| `{}` | {text} | {} | {help} |\n",
            action.name, action.args
        ));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_action_that_a_rule_may_name_is_there_once() {
        let options = crate::config::help();
        for (place, action) in ACTIONS.iter().enumerate() {
            assert!(
                ACTIONS[..place]
                    .iter()
                    .all(|other| other.name != action.name)
            );
        }
        let kinds: Vec<&str> = options
            .lines()
            .filter(|line| line.starts_with("| | `action` |"))
            .collect();
        for line in kinds.iter().filter(|line| line.contains("reboot")) {
            let names = line.split('|').nth(3).unwrap().split(", ");
            for name in names {
                assert!(named(name.trim()).is_some(), "{name}");
            }
        }
        assert_eq!(kinds.len(), 3, "sms_rule, call, call_rule");
    }
}
