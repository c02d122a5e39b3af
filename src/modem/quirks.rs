//! Table: what each brand does its own way. The only file that names a brand; never acts on it.
//!
//! Interface numbers are RutOS's own port table; `control` is where RutOS's gsmd talks, and is never opened.

use super::commands::{self, Command};

/// What is special about a modem.
#[derive(Debug)]
pub(super) struct Quirks {
    /// For the log.
    pub name: &'static str,
    /// USB vendor and product, as sysfs writes them.
    pub usb: &'static [(&'static str, &'static str)],
    /// USB interface of the control port.
    pub control: u8,
    /// USB interface of the spare AT port, ours.
    pub spare: u8,
    /// USB interface of the GPS receiver's port, where there is one.
    pub gps: Option<u8>,
    /// Signal questions, best first: the first that is answered is asked from then on.
    pub signal: &'static [fn() -> Command],
    /// Questions about the cell, best first, where the signal's answer does not tell.
    pub cells: &'static [fn() -> Command],
    /// ICCID questions, best first.
    pub iccid: &'static [fn() -> Command],
    /// How many tries the PIN has left.
    pub pin_tries: fn() -> Command,
}

/// Modems RutOS routers carry.
pub(super) const KNOWN: &[Quirks] = &[
    Quirks {
        name: "Quectel EC25, EG25 or EC21",
        usb: &[("2c7c", "0125"), ("2c7c", "0121")],
        control: 2,
        spare: 3,
        gps: Some(1),
        ..QUECTEL
    },
    Quirks {
        name: "Quectel EC200A",
        usb: &[("2c7c", "6005")],
        control: 3,
        spare: 4,
        ..QUECTEL
    },
    Quirks {
        name: "MeigLink SLM750 or SLM828",
        usb: &[("05c6", "f601"), ("2dee", "4d22")],
        control: 2,
        spare: 1,
        gps: Some(3),
        ..MEIG
    },
    Quirks {
        name: "MeigLink SLM770",
        usb: &[("2dee", "4d57"), ("2dee", "4d58")],
        control: 3,
        spare: 4,
        gps: Some(5),
        ..MEIG
    },
];

/// A modem that merely follows the standard; also one whose port was configured and whose brand is not known.
pub(super) const STANDARD: Quirks = Quirks {
    name: "a modem unknown here",
    usb: &[],
    control: 2,
    spare: 3,
    gps: None,
    signal: &[commands::extended_signal, commands::signal],
    cells: &[],
    iccid: &[commands::iccid],
    pin_tries: commands::pin_tries,
};

const QUECTEL: Quirks = Quirks {
    signal: &[
        commands::quectel_signal,
        commands::extended_signal,
        commands::signal,
    ],
    cells: &[commands::quectel_cells, commands::quectel_cell],
    iccid: &[commands::quectel_iccid, commands::iccid],
    pin_tries: commands::quectel_pin_tries,
    ..STANDARD
};

const MEIG: Quirks = Quirks {
    signal: &[
        commands::meig_signal,
        commands::huawei_signal,
        commands::extended_signal,
        commands::signal,
    ],
    iccid: &[commands::meig_iccid, commands::iccid],
    ..STANDARD
};

/// How new messages are to be told, best first (27.005 3.4.1 `mode,mt,bm,ds,bfr`). Beside a vendor daemon reports are
/// stored before they are told: a report told directly goes to the daemon's port alone.
pub(super) const NOTIFY_GUEST: &[&str] = &[
    "2,1,0,2,0",
    "2,1,0,1,0",
    "1,1,0,2,0",
    "1,1,0,1,0",
    // Cinterion's MC75i knows no other buffer.
    "2,1,0,2,1",
    "2,1,0,0,0",
    "1,1,0,0,0",
    "2,1",
];

/// The same for a modem that is ours alone; delivery past the store only where it can do nothing else.
pub(super) const NOTIFY_EXCLUSIVE: &[&str] = &[
    "2,1,0,1,0",
    "2,1,0,2,0",
    "1,1,0,1,0",
    "2,1,0,2,1",
    "2,1,0,0,0",
    "1,1,0,0,0",
    "2,1",
    "2,2,0,1,0",
    "1,2,0,1,0",
];

/// The quirks of a USB id.
pub(super) fn by_usb(vendor: &str, product: &str) -> Option<&'static Quirks> {
    KNOWN
        .iter()
        .find(|quirks| quirks.usb.contains(&(vendor, product)))
}

/// The quirks of a modem known only by what it says of itself.
pub(super) fn by_words(manufacturer: Option<&str>, model: Option<&str>) -> &'static Quirks {
    let says = |word: &str| {
        [manufacturer, model]
            .into_iter()
            .flatten()
            .any(|text| text.to_ascii_uppercase().contains(word))
    };
    if says("QUECTEL") {
        &QUECTEL
    } else if says("MEIG") || says("SLM7") || says("SLM8") {
        &MEIG
    } else {
        &STANDARD
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_usb_id_has_its_ports_and_its_signal_command() {
        let expected = [
            ("2c7c", "0125", 2, 3, "AT+QCSQ"),
            ("2c7c", "0121", 2, 3, "AT+QCSQ"),
            ("2c7c", "6005", 3, 4, "AT+QCSQ"),
            ("05c6", "f601", 2, 1, "AT+SGCELLINFO"),
            ("2dee", "4d22", 2, 1, "AT+SGCELLINFO"),
            ("2dee", "4d57", 3, 4, "AT+SGCELLINFO"),
            ("2dee", "4d58", 3, 4, "AT+SGCELLINFO"),
        ];
        for (vendor, product, control, spare, signal) in expected {
            let quirks = by_usb(vendor, product).unwrap();
            assert_eq!((quirks.control, quirks.spare), (control, spare));
            assert_eq!(quirks.signal[0]().text, signal);
        }
        assert!(by_usb("1d6b", "0002").is_none());
    }

    #[test]
    fn a_modem_behind_a_configured_port_is_known_by_its_words() {
        assert_eq!(by_words(Some("Quectel"), None).iccid[0]().text, "AT+QCCID");
        assert_eq!(by_words(None, Some("SLM750")).iccid[0]().text, "AT+ICCID");
        assert_eq!(by_words(Some("Acme"), None).signal[0]().text, "AT+CESQ");
    }

    #[test]
    fn a_guest_never_asks_for_direct_delivery() {
        for how in NOTIFY_GUEST {
            assert_eq!(how.split(',').nth(1), Some("1"), "{how}");
        }
    }
}
