//! Edge: the two calls that change the router — mobile data and the SIM's PIN. Never starts a shell, never tries a PIN a
//! second time, and never logs one.

use super::answers;
use super::form::Form;
use crate::api::desk::Desk;
use crate::api::problem::Problem;
use crate::system::{self, Refused};

/// The names clients have for the PIN: RutOS's own is not established.
const PIN_NAMES: &[&str] = &["pincode", "pin", "value"];

/// `mobile_data`: `value` on or off; `interface`: that one alone; `permanent=true`: over a restart too.
pub async fn mobile_data(desk: &Desk, form: &Form) -> Result<String, Problem> {
    let on = match form.text("value")? {
        Some("on") => true,
        Some("off") => false,
        Some(_) => return Ok(String::from(answers::WRONG_VALUE)),
        None => return Ok(String::from(answers::NO_VALUE)),
    };
    let permanent = matches!(form.text("permanent")?, Some("true" | "1"));
    let interface = form.text("interface")?;
    let _turn = desk.router.lock().await;
    let done = system::mobile_data(on, interface, permanent).await;
    Ok(String::from(match done {
        Ok(()) => answers::OK,
        Err(Refused::Config) => answers::UCI_ERROR,
        Err(Refused::Interface | Refused::Connection) => answers::ERROR,
    }))
}

/// `mobile_sim_pin`: into RutOS's configuration, and to a SIM that waits for it.
pub async fn sim_pin(desk: &Desk, form: &Form) -> Result<String, Problem> {
    let mut pin = None;
    for name in PIN_NAMES {
        pin = pin.or(form.text(name)?);
    }
    let is_pin = |pin: &&str| {
        (4..=8).contains(&pin.len()) && pin.bytes().all(|digit| digit.is_ascii_digit())
    };
    let Some(pin) = pin.filter(is_pin) else {
        return Ok(String::from(answers::PIN_WRONG));
    };
    let slot = match form.text("sim")? {
        Some("2") => 2,
        Some(_) | None => 1,
    };
    let state = desk.rooms.signal.borrow().sim.state.clone();
    let waits = match state.as_deref() {
        None | Some("absent") => return Ok(String::from(answers::PIN_STATE)),
        Some(state) => state == "sim-pin",
    };
    let _turn = desk.router.lock().await;
    Ok(String::from(match system::sim_pin(slot, pin).await {
        Ok(()) => {
            // A SIM that is open was opened with its PIN: a wrong one must not cost a try when it starts again.
            if waits {
                desk.rooms.modem.use_pin(String::from(pin));
            }
            answers::PIN_SET
        }
        Err(Refused::Config | Refused::Interface) => answers::PIN_CONFIG,
        Err(Refused::Connection) => answers::PIN_RELOAD,
    }))
}
