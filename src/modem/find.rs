//! Edge: finds the modem's spare AT port through sysfs, by USB id and interface number. Never opens it, and never hands
//! out the control port, whatever name it is given by.

use std::ffi::OsStr;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use super::quirks::{self, Quirks};

/// The port RutOS's gsmd uses where nothing tells otherwise.
const USUAL_CONTROL: &str = "ttyUSB2";

/// Where to look; tests make their own.
#[derive(Clone, Debug)]
pub(super) struct Roots {
    /// `/sys/bus/usb/devices`.
    pub usb: PathBuf,
    /// `/dev`.
    pub dev: PathBuf,
}

impl Default for Roots {
    fn default() -> Roots {
        Roots {
            usb: PathBuf::from("/sys/bus/usb/devices"),
            dev: PathBuf::from("/dev"),
        }
    }
}

/// A port that may be opened.
#[derive(Clone, Debug)]
pub(super) struct Found {
    /// The device itself, links resolved.
    pub path: PathBuf,
    /// Whose it is, where sysfs tells.
    pub quirks: Option<&'static Quirks>,
}

/// Why there is none. All but `Control` may pass by themselves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum NotFound {
    /// No modem known here is plugged in.
    NoModem,
    /// This modem is, but its spare port is not there (yet).
    NoPort(&'static str),
    /// The configured path does not exist (yet).
    Missing(PathBuf),
    /// The configured path is the control port.
    Control(PathBuf),
}

impl fmt::Display for NotFound {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NotFound::NoModem => out.write_str(
                "no modem known here is on the USB; option tty can name the port of another",
            ),
            NotFound::NoPort(name) => write!(out, "{name} is there, but not its spare AT port"),
            NotFound::Missing(path) => write!(out, "{} does not exist", path.display()),
            NotFound::Control(path) => write!(
                out,
                "{} is the modem's control port: RutOS's own daemon talks there, and resets the modem when it is \
                 disturbed. It is never opened; use option tty auto or the spare port",
                path.display()
            ),
        }
    }
}

/// What a port is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// RutOS's own daemon talks there; never opened.
    Control,
    /// The spare AT port, ours.
    Spare,
    /// The GPS receiver's.
    Gps,
    /// Diagnostics and the like.
    Other,
}

/// A modem on the bus.
#[derive(Clone, Debug)]
pub struct Plugged {
    /// Its make, for people.
    pub name: &'static str,
    /// Its place on the bus, such as `1-1`.
    pub place: String,
    /// Its ports in order of their interfaces, such as `ttyUSB2`.
    pub ports: Vec<(Part, String)>,
    quirks: &'static Quirks,
}

impl Plugged {
    fn port(&self, part: Part) -> Option<&str> {
        let mut ports = self.ports.iter();
        ports
            .find(|(own, _)| *own == part)
            .map(|(_, tty)| tty.as_str())
    }
}

/// The modems on the bus of a router whose files lie below `root`, and the port that the agent would open, or why none.
pub fn look(root: &Path, tty: Option<&Path>) -> (Vec<Plugged>, Result<PathBuf, String>) {
    let roots = Roots {
        usb: root.join("sys/bus/usb/devices"),
        dev: root.join("dev"),
    };
    let found = find(&roots, tty).map(|found| found.path);
    (plugged(&roots), found.map_err(|why| why.to_string()))
}

/// The port to open: the configured one, or the spare port of the first modem known.
///
/// # Errors
/// [`NotFound`].
pub(super) fn find(roots: &Roots, tty: Option<&Path>) -> Result<Found, NotFound> {
    let modems = plugged(roots);
    if let Some(path) = tty {
        return configured(&modems, path);
    }
    let modem = modems.first().ok_or(NotFound::NoModem)?;
    let quirks = modem.quirks;
    let spare = modem
        .port(Part::Spare)
        .ok_or(NotFound::NoPort(quirks.name))?;
    Ok(Found {
        path: roots.dev.join(spare),
        quirks: Some(quirks),
    })
}

fn configured(modems: &[Plugged], path: &Path) -> Result<Found, NotFound> {
    let real = fs::canonicalize(path).ok();
    let names = [Some(path), real.as_deref()]
        .map(|path| path.and_then(Path::file_name).and_then(OsStr::to_str));
    let is = |tty: &str| names.contains(&Some(tty));
    let controls: Vec<&str> = modems
        .iter()
        .filter_map(|modem| modem.port(Part::Control))
        .collect();
    let control = if controls.is_empty() {
        is(USUAL_CONTROL)
    } else {
        controls.into_iter().any(is)
    };
    if control {
        return Err(NotFound::Control(path.to_owned()));
    }
    let owner = modems
        .iter()
        .find(|modem| modem.port(Part::Spare).is_some_and(is));
    let quirks = owner.map(|modem| modem.quirks);
    let path = real.ok_or_else(|| NotFound::Missing(path.to_owned()))?;
    Ok(Found { path, quirks })
}

/// The modems on the bus, in the bus's order.
fn plugged(roots: &Roots) -> Vec<Plugged> {
    let mut names: Vec<String> = entries(&roots.usb);
    names.sort();
    let devices = names.iter().filter(|name| !name.contains(':'));
    devices
        .filter_map(|device| {
            let id = |file: &str| {
                let text = fs::read_to_string(roots.usb.join(device).join(file)).ok()?;
                Some(text.trim().to_ascii_lowercase())
            };
            let quirks = quirks::by_usb(&id("idVendor")?, &id("idProduct")?)?;
            let start = format!("{device}:");
            let own = names.iter().filter(|name| name.starts_with(&start));
            let port = |name: &String| {
                let interface = name.rsplit_once('.')?.1.parse().ok()?;
                let part = match interface {
                    own if own == quirks.control => Part::Control,
                    own if own == quirks.spare => Part::Spare,
                    own if Some(own) == quirks.gps => Part::Gps,
                    _ => Part::Other,
                };
                Some((part, tty_of(&roots.usb.join(name))?))
            };
            Some(Plugged {
                name: quirks.name,
                place: device.clone(),
                ports: own.filter_map(port).collect(),
                quirks,
            })
        })
        .collect()
}

/// The tty of a USB interface: `ttyUSB3` for a serial driver's port, `tty/ttyACM0` for a CDC one.
fn tty_of(interface: &Path) -> Option<String> {
    let is_port = |name: &String| name.starts_with("tty") && name != "tty";
    entries(interface)
        .into_iter()
        .find(is_port)
        .or_else(|| entries(&interface.join("tty")).into_iter().find(is_port))
}

fn entries(directory: &Path) -> Vec<String> {
    let Ok(read) = fs::read_dir(directory) else {
        return Vec::new();
    };
    read.flatten()
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect()
}

/// Serial ports there are, for the line that says why none is used.
pub(super) fn serial_ports() -> String {
    let ports = serialport::available_ports().unwrap_or_default();
    let names: Vec<String> = ports.into_iter().map(|port| port.port_name).collect();
    if names.is_empty() {
        String::from("none")
    } else {
        names.join(", ")
    }
}

/// Other programs that have this port open, as `name (pid)`.
pub(super) fn holders(path: &Path) -> Vec<String> {
    let own = std::process::id().to_string();
    let proc = Path::new("/proc");
    let is_pid = |name: &String| name != &own && name.bytes().all(|byte| byte.is_ascii_digit());
    let pids = entries(proc).into_iter().filter(is_pid);
    let holds = |pid: &String| {
        let fds = proc.join(pid).join("fd");
        let to = |fd: &String| fs::read_link(fds.join(fd)).is_ok_and(|target| target == path);
        entries(&fds).iter().any(to)
    };
    pids.filter(holds)
        .map(|pid| {
            let name = fs::read_to_string(proc.join(&pid).join("comm")).unwrap_or_default();
            format!("{} (pid {pid})", name.trim())
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A bus with one modem: its ports by interface, as ttyUSB numbers.
    fn bus(vendor: &str, product: &str, ports: &[(u8, u8)]) -> (tempfile::TempDir, Roots) {
        let root = tempfile::tempdir().unwrap();
        let usb = root.path().join("usb");
        let dev = root.path().join("dev");
        fs::create_dir_all(usb.join("usb1")).unwrap();
        fs::create_dir_all(&dev).unwrap();
        let modem = usb.join("1-1");
        fs::create_dir_all(&modem).unwrap();
        fs::write(modem.join("idVendor"), format!("{vendor}\n")).unwrap();
        fs::write(modem.join("idProduct"), format!("{product}\n")).unwrap();
        for (interface, port) in ports {
            let name = format!("ttyUSB{port}");
            fs::create_dir_all(usb.join(format!("1-1:1.{interface}")).join(&name)).unwrap();
            fs::write(dev.join(&name), "").unwrap();
        }
        let roots = Roots { usb, dev };
        (root, roots)
    }

    fn name(found: &Found) -> &str {
        found.path.file_name().unwrap().to_str().unwrap()
    }

    const FOUR: &[(u8, u8)] = &[(0, 0), (1, 1), (2, 2), (3, 3)];

    #[test]
    fn each_modem_s_spare_port_is_found_by_its_interface() {
        let shifted = &[(0, 4), (1, 5), (2, 6), (3, 7)];
        let three = &[(2, 0), (3, 1), (4, 2)];
        let cases = [
            ("2c7c", "0125", FOUR, "ttyUSB3"),
            ("2c7c", "0125", shifted, "ttyUSB7"),
            ("05c6", "f601", FOUR, "ttyUSB1"),
            ("2c7c", "6005", three, "ttyUSB2"),
        ];
        for (vendor, product, ports, expected) in cases {
            let (_root, roots) = bus(vendor, product, ports);
            let found = find(&roots, None).unwrap();
            assert_eq!(name(&found), expected, "{vendor}:{product}");
            assert!(found.quirks.unwrap().usb.contains(&(vendor, product)));
        }
    }

    #[test]
    fn without_a_known_modem_auto_waits() {
        let (_root, roots) = bus("1d6b", "0002", FOUR);
        assert_eq!(find(&roots, None).unwrap_err(), NotFound::NoModem);
        let (_root, roots) = bus("2c7c", "0125", &[(2, 2)]);
        assert!(matches!(find(&roots, None), Err(NotFound::NoPort(_))));
    }

    #[test]
    fn the_control_port_is_refused_by_name_and_through_a_link() {
        let (root, roots) = bus("2c7c", "6005", &[(3, 1), (4, 2)]);
        let control = roots.dev.join("ttyUSB1");
        let link = root.path().join("modem");
        std::os::unix::fs::symlink(&control, &link).unwrap();
        for path in [&control, &link] {
            let refused = find(&roots, Some(path)).unwrap_err();
            assert_eq!(refused, NotFound::Control(path.clone()));
            assert!(refused.to_string().contains("never opened"));
        }
        let spare = roots.dev.join("ttyUSB2");
        let found = find(&roots, Some(&spare)).unwrap();
        assert!(found.quirks.is_some());
    }

    #[test]
    fn where_nothing_tells_otherwise_ttyusb2_is_the_control_port() {
        let (root, roots) = bus("1d6b", "0002", FOUR);
        let refused = find(&roots, Some(Path::new("/dev/ttyUSB2"))).unwrap_err();
        assert!(matches!(refused, NotFound::Control(_)));
        let link = root.path().join("modem");
        std::os::unix::fs::symlink(roots.dev.join("ttyUSB2"), &link).unwrap();
        assert!(matches!(
            find(&roots, Some(&link)),
            Err(NotFound::Control(_))
        ));
        let other = roots.dev.join("ttyUSB3");
        assert_eq!(name(&find(&roots, Some(&other)).unwrap()), "ttyUSB3");
        let gone = roots.dev.join("ttyUSB9");
        assert_eq!(
            find(&roots, Some(&gone)).unwrap_err(),
            NotFound::Missing(gone)
        );
    }
}
