//! Edge: reads of this router what the checks want to know, and asks a running agent. Never writes, never opens a port of the
//! modem, and never judges what it read.
#![allow(clippy::disallowed_types, clippy::disallowed_methods)]

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;

use super::sockets::{self, Listener};
use super::vendor;
use crate::cli::{self, DEFAULT_SOCKET, Doctor};
use crate::clock::Clock;
use crate::config::{self, Config, DEFAULT_FILE, Overrides, Problem, Section};
use crate::modem::{self, Plugged};
use crate::system;
use crate::time::WallTime;

/// For RutOS's own answer about the SIM.
const GSMCTL: Duration = Duration::from_secs(5);

/// What was read.
pub(super) struct Facts {
    /// Modems on the bus.
    pub(super) modems: Vec<Plugged>,
    /// The port that the agent would open, or why none.
    pub(super) port: Result<PathBuf, String>,
    /// Programs, as `name (pid 1)`, and what each has open: the targets of their `/proc/PID/fd`.
    pub(super) open: Vec<(String, String)>,
    /// Other processes of this program.
    pub(super) agents: Vec<String>,
    /// We may look into other people's processes.
    pub(super) is_root: bool,
    /// A running agent's `GET /status`.
    pub(super) status: Option<Value>,
    /// What `gsmctl -z` says of the SIM, where no agent was there to ask.
    pub(super) gsmctl: Option<String>,
    /// RutOS's configurations in the order of [`vendor::packages`].
    pub(super) vendor: Vec<Vec<Section>>,
    /// Ours, or what holds without one.
    pub(super) config: Config,
    /// There is one.
    pub(super) configured: bool,
    /// What is wrong with it.
    pub(super) problems: Vec<Problem>,
    /// Who listens.
    pub(super) listeners: Vec<Listener>,
    /// Bytes free where the state directory lies, and bytes in it.
    pub(super) flash: Option<(u64, u64)>,
    /// `/proc/meminfo`.
    pub(super) memory: String,
    /// The router's clock.
    pub(super) now: WallTime,
    /// The QMI device and the program uqmi are there.
    pub(super) qmi: bool,
    pub(super) uqmi: bool,
}

/// A router whose files lie below a root; `/` but in tests.
struct Router(PathBuf);

impl Router {
    fn at(&self, path: &Path) -> PathBuf {
        self.0.join(path.strip_prefix("/").unwrap_or(path))
    }

    fn text(&self, path: &str) -> String {
        let bytes = fs::read(self.at(Path::new(path))).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

/// Looks at everything.
pub(super) async fn look(asked: &Doctor) -> Facts {
    let router = Router(system::root());
    let named = asked.config.clone();
    let file = named.unwrap_or_else(|| router.at(Path::new(DEFAULT_FILE)));
    let configured = asked.config.is_some() || file.exists();
    let (config, problems) = match configured {
        true => config::load(Some(&file), &Overrides::default()),
        false => (None, Vec::new()),
    };
    let config = config.unwrap_or_default();
    let tty = config.modem.tty.as_deref().map(|tty| router.at(tty));
    let (modems, port) = modem::look(&router.0, tty.as_deref());
    let socket = match asked.socket == Path::new(DEFAULT_SOCKET) {
        true => router.at(&asked.socket),
        false => asked.socket.clone(),
    };
    let status = cli::agent_status(&socket);
    let gsmctl = match &status {
        Some(_) => None,
        None => ask_gsmctl().await,
    };
    let (open, agents) = processes(&router);
    let tcp = ["/proc/net/tcp", "/proc/net/tcp6"].map(|file| router.text(file));
    let vendor = vendor::packages();
    let vendor = vendor.map(|package| {
        let text = router.text(&format!("/etc/config/{package}"));
        config::sections(&text).0
    });
    Facts {
        modems,
        port,
        open,
        agents,
        is_root: nix::unistd::geteuid().is_root(),
        status,
        gsmctl,
        vendor: vendor.collect(),
        configured,
        problems,
        listeners: tcp
            .iter()
            .flat_map(|text| sockets::listeners(text))
            .collect(),
        flash: flash(&router.at(&config.agent.state_dir)),
        memory: router.text("/proc/meminfo"),
        now: Clock::start().now().wall,
        qmi: router.at(&config.modem.qmi).exists(),
        uqmi: router.at(&config.modem.uqmi).exists(),
        config,
    }
}

async fn ask_gsmctl() -> Option<String> {
    let said = system::run("gsmctl", &["-z"], GSMCTL).await.ok()?;
    Some(String::from(said.stdout.trim())).filter(|text| said.is_good() && !text.is_empty())
}

/// What every process has open, and the other agents.
fn processes(router: &Router) -> (Vec<(String, String)>, Vec<String>) {
    let (mut open, mut agents) = (Vec::new(), Vec::new());
    let own = std::process::id();
    let pids = names(&router.at(Path::new("/proc"))).into_iter();
    for pid in pids.filter_map(|name| name.parse::<u32>().ok()) {
        let comm = router.text(&format!("/proc/{pid}/comm"));
        let who = format!("{} (pid {pid})", comm.trim());
        let fds = router.at(Path::new(&format!("/proc/{pid}/fd")));
        for fd in names(&fds) {
            let target = fs::read_link(fds.join(fd)).unwrap_or_default();
            open.push((who.clone(), target.display().to_string()));
        }
        // Who only asks, such as `signal --watch`, is no second agent.
        let words = router.text(&format!("/proc/{pid}/cmdline"));
        let serves = matches!(words.split('\0').nth(1), Some("run" | "demo"));
        if comm.trim() == "rut-agent" && serves && pid != own {
            agents.push(who);
        }
    }
    (open, agents)
}

fn names(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
    names.collect()
}

/// Bytes free for the state directory, which may not be there yet, and bytes in it.
fn flash(state: &Path) -> Option<(u64, u64)> {
    let there = state.ancestors().find(|path| path.exists())?;
    let stat = nix::sys::statvfs::statvfs(there).ok()?;
    let files = names(state).into_iter();
    let sizes = files.filter_map(|file| Some(fs::metadata(state.join(file)).ok()?.len()));
    #[allow(clippy::useless_conversion)]
    let free = u64::from(stat.blocks_available()).saturating_mul(u64::from(stat.fragment_size()));
    Some((free, sizes.sum()))
}
