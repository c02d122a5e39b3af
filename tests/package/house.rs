//! Tests: a played router — a root of its own (chroot, own processes, own network) with busybox, the scripts of
//! `tests/package/router` for what OpenWrt brings, and a simulated modem; and the packages that go into it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

use super::support::process::{Process, agent_command};
use super::support::{Bench, PATIENCE, Setup, wait_for, wait_until};

/// Whose `functions.sh` is played, and where opkg puts packages.
#[derive(Clone, Copy, Debug)]
pub struct Firmware {
    pub functions: &'static str,
    pub dest: &'static str,
}

/// OpenWrt, and RutOS up to 7.13.
pub const OLD: Firmware = Firmware {
    functions: "old",
    dest: "/",
};

/// RutOS from 7.14 on.
pub const NEW: Firmware = Firmware {
    functions: "new",
    dest: "/usr/local",
};

pub fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// What a program said on both its outputs, and its exit code.
pub fn said(output: &Output) -> (Option<i32>, String) {
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    (output.status.code(), text + &errors)
}

/// Runs a program that must succeed; what it said.
pub fn run(command: &mut Command) -> String {
    let (code, text) = said(
        &command
            .output()
            .expect("scripts/test installs what is missing"),
    );
    assert_eq!(code, Some(0), "{command:?}: {text}");
    text
}

/// The target whose package is tested: the MIPS one that `RUT_AGENT_BIN` names, else the first.
pub fn target() -> &'static str {
    match std::env::var("RUT_AGENT_BIN") {
        Ok(binary) if binary.contains("mipsel") => "mipsel-unknown-linux-musl",
        Ok(_) | Err(_) => "mips-unknown-linux-musl",
    }
}

pub fn architecture() -> &'static str {
    match target() {
        "mipsel-unknown-linux-musl" => "mipsel_24kc",
        _ => "mips_24kc",
    }
}

/// A folder in which the agent under test stands for the router's binary, and its packages.
#[derive(Debug)]
pub struct Workshop(TempDir);

impl Workshop {
    pub fn new() -> Workshop {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("cross").join(target());
        fs::create_dir_all(&folder).unwrap();
        let (binary, copy) = (agent_command().pop().unwrap(), folder.join("rut-agent"));
        // The symbols of a host's debug build would be most of the package. Another processor's binary has none.
        let strip = Command::new("strip")
            .arg("-o")
            .arg(&copy)
            .arg(&binary)
            .output();
        if !strip.is_ok_and(|done| done.status.success()) {
            fs::copy(binary, copy).unwrap();
        }
        Workshop(dir)
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// One of our scripts, at work in this folder. Packing is quick and bad.
    pub fn script(&self, name: &str) -> Command {
        let mut command = Command::new(repository().join("scripts").join(name));
        command
            .current_dir(repository())
            .env("RUT_CROSS", self.path("cross"))
            .env("RUT_PACKAGES", self.path("packages"))
            .env("RUT_PACK", "gzip -1nc");
        command
    }

    /// Makes the package of that release; where it is.
    pub fn package(&self, release: u32) -> PathBuf {
        let mut command = self.script("package");
        run(command
            .env("PKG_RELEASE", release.to_string())
            .arg(target()));
        let version = env!("CARGO_PKG_VERSION");
        self.path("packages").join(format!(
            "rut-agent_{version}-{release}_{}.ipk",
            architecture()
        ))
    }
}

/// A router, switched on. It runs nothing of ours until a package is installed.
#[derive(Debug)]
pub struct Router {
    /// Switched off before its root goes.
    _power: Process,
    root: TempDir,
    /// Only the simulated modem of it.
    pub modem: Bench,
    /// The first process in there, seen from outside.
    first: String,
}

/// Where RutOS 7.14 can be written to, and nowhere else.
const READ_ONLY: &str =
    "for folder in etc usr/local tmp; do mount --bind $1/$folder $1/$folder; done
mount -o remount,ro,bind $1\n";

impl Router {
    pub fn start(firmware: Firmware) -> Router {
        assert!(
            nix::unistd::geteuid().is_root(),
            "this test needs root, for unshare, mount and chroot"
        );
        let root = tempfile::tempdir().unwrap();
        furnish(root.path(), firmware);
        let modem = Bench::sim_only(&Setup::default());
        let tty = fs::read_link(modem.tty()).unwrap();
        std::os::unix::fs::symlink(tty, root.path().join("tmp/ttyUSB3")).unwrap();
        let read_only = if firmware.dest == "/" { "" } else { READ_ONLY };
        let script = format!(
            "set -e\nmount --bind $1 $1\n{read_only}mount --rbind /dev $1/dev\nmount -t proc proc $1/proc\n\
             exec chroot $1 /bin/sh -c 'ip link set lo up; reload_config; touch /tmp/up; exec tail -f /dev/null'"
        );
        let words = [
            "unshare",
            "-mnpf",
            "--kill-child",
            "sh",
            "-c",
            &script,
            "sh",
        ];
        let mut line: Vec<String> = words.map(String::from).into();
        line.push(root.path().display().to_string());
        let power = Process::start(&line, &root.path().join("tmp/boot.log"));
        let up = root.path().join("tmp/up");
        wait_until(PATIENCE, "the played router is up", || up.exists());
        let children = format!("/proc/{0}/task/{0}/children", power.pid());
        let first = fs::read_to_string(children).unwrap().trim().to_string();
        Router {
            modem,
            root,
            first,
            _power: power,
        }
    }

    /// The router as an `ssh` would reach it: this script in its shell.
    pub fn shell(&self) -> Vec<String> {
        let words = ["nsenter", "-t", &self.first, "-m", "-n", "-p", "-r", "-w"];
        let shell = ["/usr/bin/env", "-i", ROUTERS_PATH, "/bin/sh", "-c"];
        words
            .iter()
            .chain(&shell)
            .map(ToString::to_string)
            .collect()
    }

    /// Runs this in the router's shell; exit code, and all that was said.
    pub fn try_sh(&self, script: &str) -> (Option<i32>, String) {
        let line = self.shell();
        let mut command = Command::new(&line[0]);
        said(&command.args(&line[1..]).arg(script).output().unwrap())
    }

    /// The same, which must succeed.
    #[track_caller]
    pub fn sh(&self, script: &str) -> String {
        let (code, text) = self.try_sh(script);
        assert_eq!(code, Some(0), "{script}: {text}");
        text
    }

    /// A file in there.
    pub fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name.trim_start_matches('/'))
    }

    pub fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_default()
    }

    /// The system log.
    pub fn log(&self) -> String {
        self.read("/tmp/log/messages")
    }

    /// Copies a package there and installs it.
    pub fn install(&self, package: &Path, more: &str) -> (Option<i32>, String) {
        fs::copy(package, self.path("/tmp/new.ipk")).unwrap();
        self.try_sh(&format!("opkg install {more} /tmp/new.ipk"))
    }

    /// Installs it, points the agent at the simulated modem as its owner would, and waits until it is ready.
    pub fn furnish_with(&self, package: &Path) {
        let (code, text) = self.install(package, "");
        assert_eq!(code, Some(0), "{text}");
        self.sh("uci set rut-agent.modem.tty=/tmp/ttyUSB3; uci commit rut-agent; reload_config");
        self.wait_ready();
    }

    pub fn wait_ready(&self) {
        wait_until(PATIENCE, "the agent is ready", || {
            self.try_sh("rut-agent status --json")
                .1
                .contains(r#""state":"ready""#)
        });
    }

    /// The agent's process, once there is one.
    pub fn agent(&self) -> String {
        wait_for(PATIENCE, "the agent's process", || {
            let (code, pid) = self.try_sh(
                "cat /var/run/procd/rut-agent/pid && kill -0 $(cat /var/run/procd/rut-agent/pid)",
            );
            (code == Some(0)).then(|| pid.trim().to_string())
        })
    }
}

impl Drop for Router {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("--- the router's log\n{}", self.log());
        }
    }
}

const ROUTERS_PATH: &str =
    "PATH=/cpu:/usr/local/usr/sbin:/usr/local/usr/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Runs the installed binary, whatever processor it is for.
const CPU: &str =
    "#!/bin/sh\nPATH=${PATH#/cpu:}\nexec $(cat /etc/runner) \"$(command -v rut-agent)\" \"$@\"\n";

fn furnish(root: &Path, firmware: Firmware) {
    let folders = "bin sbin lib proc dev tmp/run/procd tmp/log tmp/lock cpu usr/bin usr/sbin usr/lib usr/local/usr/lib \
                   etc/init.d etc/rc.d etc/config";
    for folder in folders.split_whitespace() {
        fs::create_dir_all(root.join(folder)).unwrap();
    }
    let played = repository().join("tests/package/router");
    run(Command::new("cp").arg("-r").arg(played.join(".")).arg(root));
    let link = |to: &str, at: &str| std::os::unix::fs::symlink(to, root.join(at)).unwrap();
    link("/tmp", "var");
    if firmware.dest != "/" {
        link("/etc", "usr/local/etc");
        link("/usr/local/usr/lib", "usr/local/lib");
    }
    install_busybox(root);
    let Firmware { functions, dest } = firmware;
    let architecture = architecture();
    let conf = format!("dest root {dest}\ndest ram /tmp\narch all 1\narch {architecture} 10\n");
    for (file, text) in [
        ("etc/opkg.conf", conf.as_str()),
        ("etc/played", functions),
        (
            "etc/config/system",
            "config system\n\toption hostname 'router'\n",
        ),
        ("cpu/rut-agent", CPU),
        ("etc/runner", &install_runner(root)),
    ] {
        fs::write(root.join(file), text).unwrap();
    }
    run(Command::new("chmod")
        .arg("+x")
        .arg(root.join("cpu/rut-agent")));
}

/// Copies a program and the libraries it is linked with.
fn install_program(program: &str, root: &Path, at: &str) {
    fs::copy(program, root.join(at)).unwrap();
    let libraries = Command::new("ldd").arg(program).output().unwrap();
    let text = String::from_utf8_lossy(&libraries.stdout).into_owned();
    for library in text.split_whitespace().filter(|word| word.starts_with('/')) {
        let copy = root.join(library.trim_start_matches('/'));
        fs::create_dir_all(copy.parent().unwrap()).unwrap();
        fs::copy(library, copy).unwrap();
    }
}

/// busybox and its applets, where nothing of ours plays them.
fn install_busybox(root: &Path) {
    let busybox = ["/bin/busybox", "/usr/bin/busybox"];
    let busybox = busybox.into_iter().find(|file| Path::new(file).exists());
    install_program(
        busybox.expect("this test needs busybox"),
        root,
        "usr/bin/applets",
    );
    for applet in run(Command::new("busybox").arg("--list")).lines() {
        let (bin, sbin) = (
            root.join("bin").join(applet),
            root.join("sbin").join(applet),
        );
        if !bin.exists() && !sbin.exists() {
            std::os::unix::fs::symlink("/usr/bin/applets", bin).unwrap();
        }
    }
    std::os::unix::fs::symlink("/bin/env", root.join("usr/bin/env")).unwrap();
}

/// The words that run a binary in there; what they need is copied.
fn install_runner(root: &Path) -> String {
    let command = agent_command();
    let (binary, runner) = command.split_last().unwrap();
    let Some((emulator, options)) = runner.split_first() else {
        install_program(binary, root, "tmp/for-its-libraries");
        return String::new();
    };
    let path = run(Command::new("sh").args(["-c", &format!("command -v {emulator}")]));
    fs::copy(path.trim(), root.join("usr/bin/emulator")).unwrap();
    format!("/usr/bin/emulator {}", options.join(" "))
}
