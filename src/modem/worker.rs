//! Edge: the worker from start to stop — finds the port, opens it, serves the modem, and begins again whenever port or
//! modem is lost. Never gives up and never resets the modem: beside RutOS's daemon that is not ours to do.
//!
//! ```text
//!            found, opened              hung up: absent
//!   Finding ---------------> Serving -----------------------> Finding, at once and then ever slower, up to a second
//!      ^                        | answers nothing: unresponsive
//!      +------------------------+
//! ```

use std::path::PathBuf;
use std::time::Duration;

use super::find::{self, NotFound, Roots};
use super::port::Port;
use super::serving::{Ears, Kept, Serving};
use super::session::{Leave, Session};
use super::tell;
use super::{Request, Rooms};
use crate::signal::ModemState;

/// The first pause before looking for the port again, and the longest.
const FIRST: Duration = Duration::from_millis(200);
const LONGEST: Duration = Duration::from_secs(1);

/// Works until told to stop.
pub(super) async fn work(rooms: &Rooms, mut ears: Ears, roots: &Roots) {
    let mut kept = Kept::default();
    tell::tend_clock(rooms, &mut kept);
    let mut pause = FIRST;
    while !ears.stop.said() {
        let tty = ears.config.borrow_and_update().modem.tty.clone();
        let quiet = rooms.signal.borrow().state == ModemState::Unresponsive;
        match open(roots, tty, quiet) {
            Ok((port, found)) => {
                kept.complaint = None;
                rooms.signal.borrow_mut().tty = Some(found.path.display().to_string());
                let session = Session::new(port, rooms.clock);
                let usb = found.quirks;
                let mut serving = Serving::new(session, usb, rooms, &mut kept, &mut ears);
                let leave = serving.run(usb).await;
                if serving.session.answered() {
                    pause = FIRST;
                }
                after(rooms, leave);
                if matches!(leave, Leave::Gone | Leave::Silent) {
                    let over = std::mem::take(&mut kept.calls).on_end("modem lost");
                    over.iter().for_each(|news| tell::call(rooms, news));
                }
            }
            Err(why) => {
                tell::complain(&mut kept, why);
                if rooms.signal.borrow().state != ModemState::Absent {
                    tell::lost(rooms, ModemState::Absent);
                }
            }
        }
        wait(rooms, &mut ears, &mut kept, pause).await;
        pause = (pause * 2).min(LONGEST);
    }
}

/// Finds and opens the port; or the words for why not. `quiet`: it is opened again and again, and the log knows.
fn open(roots: &Roots, tty: Option<PathBuf>, quiet: bool) -> Result<(Port, find::Found), String> {
    let found = find::find(roots, tty.as_deref()).map_err(|why| match why {
        NotFound::NoModem => format!("{why}. Serial ports here: {}", find::serial_ports()),
        NotFound::NoPort(_) | NotFound::Missing(_) | NotFound::Control(_) => why.to_string(),
    })?;
    let path = found.path.display();
    let port = Port::open(&found.path).map_err(|why| format!("{path} cannot be opened: {why}"))?;
    // A pseudo terminal always has its other end in another program.
    if quiet || found.path.starts_with("/dev/pts") {
        return Ok((port, found));
    }
    log::info!("modem: {path} is open");
    let others = find::holders(&found.path);
    if !others.is_empty() {
        log::warn!(
            "modem: {path} is also held open by {}; two programs on one port take each other's answers",
            others.join(", ")
        );
    }
    Ok((port, found))
}

fn after(rooms: &Rooms, leave: Leave) {
    match leave {
        Leave::Gone => {
            log::warn!("modem: the port is gone; it is looked for again");
            tell::lost(rooms, ModemState::Absent);
        }
        Leave::Silent => {
            if rooms.signal.borrow().state != ModemState::Unresponsive {
                log::warn!("modem: it answers nothing; the port is opened again until it does");
            }
            tell::lost(rooms, ModemState::Unresponsive);
        }
        Leave::Again | Leave::Changed | Leave::Stopped => {}
    }
}

/// Waits, and answers meanwhile for the modem that is not there.
async fn wait(rooms: &Rooms, ears: &mut Ears, kept: &mut Kept, pause: Duration) {
    let until = rooms.clock.now().tick + pause;
    while rooms.clock.now().tick < until && !ears.stop.said() {
        tell::tend_clock(rooms, kept);
        tell::tend_inbox(rooms, kept);
        tell::tend_store(rooms, kept);
        tell::expire(rooms);
        tokio::select! {
            biased;
            () = ears.stop.wait() => {}
            request = ears.requests.recv() => match request {
                Some(Request::Alive(answer)) => {
                    // Whoever asked may have gone away.
                    let _heard = answer.send(false);
                }
                Some(Request::FreeSlots(slots)) => kept.remember_to_free(slots),
                Some(Request::Pin(pin)) => kept.use_pin(pin),
                // Dropping it says that there is no modem.
                Some(Request::Look | Request::Measure | Request::Errand(..)) => {}
                None => rooms.clock.sleep_until(Some(until)).await,
            },
            () = rooms.clock.sleep_until(Some(until)) => {}
        }
    }
}
