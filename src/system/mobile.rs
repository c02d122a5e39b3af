//! Edge: the router's mobile connection through its own programs — up, down, and the SIM's PIN in its configuration. Never
//! starts a shell, and never logs a PIN.

use std::time::Duration;

use super::run::{Failure, Output, run};

/// Time for one program; netifd may wait for the modem.
const LIMIT: Duration = Duration::from_secs(15);

/// RutOS's mobile interface where its configuration names none.
const USUAL: &str = "mob1s1a1";

/// Why a change was not made. Nothing is undone: ask again, or look at the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// That is no name of an interface.
    Interface,
    /// `uci` would not write the configuration, or is not there.
    Config,
    /// `ifup`, `ifdown` or `ubus` would not make it so, or is not there.
    Connection,
}

/// Runs it; its output when it ended well.
async fn good(program: &str, args: &[&str]) -> Option<String> {
    let ended: Result<Output, Failure> = run(program, args, LIMIT).await;
    let first = args.first().copied().unwrap_or_default();
    match ended {
        Ok(output) if output.is_good() => return Some(output.stdout),
        Ok(output) => log::warn!("system: {program} {first} failed ({})", output.ending()),
        Err(why) => log::warn!("system: {program} {first} {why}"),
    }
    None
}

/// A name that means nothing else to any of the programs.
fn is_name(text: &str) -> bool {
    (1..=15).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// The mobile interfaces in what `uci show network` printed: those of protocol `wwan`.
fn mobile_interfaces(shown: &str) -> Vec<&str> {
    let names = shown.lines().filter_map(|line| {
        let (option, value) = line.split_once('=')?;
        let name = option.strip_prefix("network.")?.strip_suffix(".proto")?;
        (value.trim_matches('\'') == "wwan" && is_name(name)).then_some(name)
    });
    names.collect()
}

/// Switches mobile data on or off: `interface`, else every mobile one of the router's. `permanent`: over a restart too.
///
/// # Errors
/// [`Refused`].
pub async fn mobile_data(
    on: bool,
    interface: Option<&str>,
    permanent: bool,
) -> Result<(), Refused> {
    let shown = match interface {
        Some(name) if is_name(name) => String::new(),
        Some(_) => return Err(Refused::Interface),
        None => good("uci", &["-q", "show", "network"])
            .await
            .unwrap_or_default(),
    };
    let mut names: Vec<&str> = interface.into_iter().collect();
    names.extend(mobile_interfaces(&shown));
    if names.is_empty() {
        names.push(USUAL);
    }
    if permanent {
        let mut changes = Vec::new();
        for name in &names {
            changes.push(format!("network.{name}.disabled={}", u8::from(!on)));
        }
        write("network", &changes).await?;
    }
    let program = if on { "ifup" } else { "ifdown" };
    for name in &names {
        good(program, &[name]).await.ok_or(Refused::Connection)?;
    }
    let state = if on { "on" } else { "off" };
    log::info!(
        "system: mobile data is switched {state} ({})",
        names.join(" ")
    );
    Ok(())
}

/// Writes the PIN of the SIM in slot `slot` (from 1) into RutOS's configuration and lets its modem daemon take it up.
/// `pin`: digits only; the caller has looked.
///
/// # Errors
/// [`Refused`].
pub async fn sim_pin(slot: u8, pin: &str) -> Result<(), Refused> {
    let change = format!("simcard.@sim[{}].pincode={pin}", slot.saturating_sub(1));
    write("simcard", &[change]).await?;
    let reload = ["call", "mobifd", "reload"];
    good("ubus", &reload).await.ok_or(Refused::Connection)?;
    log::info!("system: the SIM's PIN is set in the router's configuration");
    Ok(())
}

/// Sets, and commits; what was set before one failed is taken back.
async fn write(package: &str, changes: &[String]) -> Result<(), Refused> {
    let mut written = true;
    for change in changes {
        written = written && good("uci", &["-q", "set", change]).await.is_some();
    }
    if written && good("uci", &["-q", "commit", package]).await.is_some() {
        return Ok(());
    }
    let _reverted = good("uci", &["-q", "revert", package]).await;
    Err(Refused::Config)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mobile_interfaces_are_those_of_protocol_wwan() {
        let shown = "network.lan=interface\nnetwork.lan.proto='static'\nnetwork.mob1s1a1.proto='wwan'\n\
                     network.mob1s1a2.proto=wwan\nnetwork.a b.proto='wwan'\nnetwork.@x[0].proto='wwan'\nrubbish\n=\n";
        assert_eq!(mobile_interfaces(shown), ["mob1s1a1", "mob1s1a2"]);
        assert!(mobile_interfaces("").is_empty());
    }

    #[test]
    fn no_name_is_an_option_or_a_path_of_its_own() {
        for good in ["wwan0", "mob1s1a1", "a_b"] {
            assert!(is_name(good), "{good}");
        }
        for bad in [
            "",
            "-a",
            "a.b",
            "a=b",
            "a b",
            "../x",
            "x;y",
            "sixteen_letters_",
        ] {
            assert!(!is_name(bad), "{bad}");
        }
    }
}
