//! Decider: actions about the router as a whole — reboot, factory settings, firmware, status. Never runs anything itself.

use std::time::Duration;

use serde_json::Value;

use super::script::{Answer, Order, Script, Stop};
use super::ubus;

/// RutOS's own status text.
pub(super) const STATUS: &str = "Router name - %rn; WAN IP - %wi; Data Connection state - %cs; Network type - %ct; Signal Strength - %ss; New FW available - %fs;";
/// A firmware is fetched over a slow radio.
const FETCH: Duration = Duration::from_secs(900);
/// RutOS 7.1x and later: what the programs were is an object of the bus.
const SYSTEM: &str = "rpc-sys-ext";

pub(super) fn reboot(_: &Order<'_>, script: &mut Script<'_>) -> Result<Answer, Stop> {
    script.must(&["reboot"])?;
    Ok(Answer::Done)
}

pub(super) fn status(_: &Order<'_>, _: &mut Script<'_>) -> Result<Answer, Stop> {
    Ok(Answer::Status(String::from(STATUS)))
}

pub(super) fn firstboot(_: &Order<'_>, script: &mut Script<'_>) -> Result<Answer, Stop> {
    if ubus::has(script, SYSTEM)? {
        ubus::call(script, SYSTEM, "firstboot", &Value::Null)?;
    } else {
        script.must(&["firstboot", "-y"])?;
    }
    script.must(&["reboot"])?;
    Ok(Answer::Done)
}

pub(super) fn userdefaults(_: &Order<'_>, script: &mut Script<'_>) -> Result<Answer, Stop> {
    if ubus::has(script, SYSTEM)? {
        ubus::call(script, SYSTEM, "userdefaults", &Value::Null)?;
    } else {
        script.must(&["user_defaults"])?;
    }
    script.must(&["reboot"])?;
    Ok(Answer::Done)
}

pub(super) fn fw_upgrade(_: &Order<'_>, script: &mut Script<'_>) -> Result<Answer, Stop> {
    script.must_within(&["rut_fota", "-fk"], FETCH)?;
    Ok(Answer::Done)
}

pub(super) fn config_reload(_: &Order<'_>, script: &mut Script<'_>) -> Result<Answer, Stop> {
    script.must(&["reload_config"])?;
    Ok(Answer::Done)
}
