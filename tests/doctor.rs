//! Tests: `rut-agent doctor` on routers made of files — three modems and none, busy ports, RutOS's services, a full disk, a
//! clock of 1970. `cargo test --test doctor -- --nocapture --test-threads 1` shows what it says.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]
#![allow(clippy::disallowed_types, clippy::disallowed_methods)]

mod support;

use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;

use support::{Bench, Setup, process};

/// A router's files below a directory of their own.
struct Router(tempfile::TempDir);

/// What doctor said.
struct Said {
    exit: Option<i32>,
    out: String,
    err: String,
}

impl Router {
    /// Well in every respect, without a modem.
    fn new() -> Router {
        let router = Router(tempfile::tempdir().unwrap());
        router.write(
            "/proc/meminfo",
            "MemTotal:   59000 kB\nMemAvailable:  21344 kB\n",
        );
        router.write("/proc/net/tcp", "  sl  local_address rem_address   st\n");
        std::fs::create_dir_all(router.path("/etc/rut-agent")).unwrap();
        router.program("gsmctl", "#!/bin/sh\n[ \"$1\" = -z ] && echo Inserted\n");
        router
    }

    /// With this modem: its ports by USB interface, as ttyUSB numbers.
    fn with_modem(vendor: &str, product: &str, ports: &[(u8, u8)]) -> Router {
        let router = Router::new();
        let usb = "/sys/bus/usb/devices/1-1";
        router.write(&format!("{usb}/idVendor"), &format!("{vendor}\n"));
        router.write(&format!("{usb}/idProduct"), &format!("{product}\n"));
        for (interface, port) in ports {
            router.write(
                &format!("{usb}:1.{interface}/ttyUSB{port}/port_number"),
                "0\n",
            );
            router.write(&format!("/dev/ttyUSB{port}"), "");
        }
        router
    }

    fn path(&self, path: &str) -> PathBuf {
        self.0.path().join(path.trim_start_matches('/'))
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.path(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    fn program(&self, name: &str, text: &str) {
        self.write(&format!("/bin/{name}"), text);
        let mode = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(self.path(&format!("/bin/{name}")), mode).unwrap();
    }

    /// A process that has these open.
    fn process(&self, pid: u32, name: &str, open: &[&str]) {
        self.write(&format!("/proc/{pid}/comm"), &format!("{name}\n"));
        std::fs::create_dir_all(self.path(&format!("/proc/{pid}/fd"))).unwrap();
        for (fd, target) in open.iter().enumerate() {
            symlink(target, self.path(&format!("/proc/{pid}/fd/{fd}"))).unwrap();
        }
    }

    /// QMI as RutOS has it.
    fn with_qmi(self) -> Router {
        self.write("/dev/cdc-wdm0", "");
        self.write("/sbin/uqmi", "");
        self
    }

    fn doctor(&self, words: &[&str]) -> Said {
        self.doctor_in(words, &[])
    }

    fn doctor_in(&self, words: &[&str], env: &[(&str, &str)]) -> Said {
        let mut line = process::agent_command();
        line.push(String::from("doctor"));
        line.extend(words.iter().map(ToString::to_string));
        let path = std::env::var("PATH").unwrap();
        let output = Command::new(&line[0])
            .args(&line[1..])
            .env("RUT_AGENT_ROOT", self.0.path())
            .env("PATH", format!("{}:{path}", self.path("/bin").display()))
            .envs(env.iter().copied())
            .output()
            .unwrap();
        let text = |bytes: &[u8]| {
            let text = String::from_utf8_lossy(bytes).into_owned();
            text.replace(&self.0.path().display().to_string(), "")
        };
        let said = Said {
            exit: output.status.code(),
            out: text(&output.stdout),
            err: text(&output.stderr),
        };
        println!(
            "# rut-agent doctor {}\n{}{}",
            words.join(" "),
            said.out,
            said.err
        );
        said
    }
}

impl Said {
    /// The line that has this, with the level it begins with.
    #[track_caller]
    fn has(&self, level: &str, part: &str) {
        let mut lines = self.out.lines();
        let line = lines.find(|line| line.contains(part));
        assert!(
            line.is_some_and(|line| line.starts_with(level)),
            "{level}: {part}\n{}",
            self.out
        );
    }
}

const FOUR: &[(u8, u8)] = &[(0, 0), (1, 1), (2, 2), (3, 3)];

#[test]
fn a_good_ec25_beside_rutos() {
    let router = Router::with_modem("2c7c", "0125", FOUR).with_qmi();
    router.process(812, "gsmd", &["/dev/null", "/dev/ttyUSB2"]);
    let said = router.doctor(&[]);
    said.has("ok ", "Quectel EC25, EG25 or EC21 at USB 1-1");
    said.has("ok ", "/dev/ttyUSB1 is the GPS receiver's; nobody holds it");
    said.has(
        "ok ",
        "/dev/ttyUSB2 is the control port, never ours; held by gsmd (pid 812)",
    );
    said.has(
        "ok ",
        "/dev/ttyUSB3 is the port this agent speaks on; nobody holds it",
    );
    said.has("ok ", "gsmctl -z says: Inserted");
    said.has("ok ", "no service of RutOS touches");
    said.has("note ", "rut-agent does not run");
    assert_eq!((said.exit, said.err.as_str()), (Some(0), ""));
    assert!(said.out.ends_with("errors: 0, warnings: 0\n"));
}

#[test]
fn an_slm750_speaks_on_ttyusb1_and_an_ec200a_has_no_qmi() {
    let router = Router::with_modem("05c6", "f601", FOUR).with_qmi();
    let said = router.doctor(&[]);
    said.has("ok ", "MeigLink SLM750 or SLM828 at USB 1-1");
    said.has("ok ", "/dev/ttyUSB1 is the port this agent speaks on");
    said.has("ok ", "/dev/ttyUSB3 is the GPS receiver's");

    let router = Router::with_modem("2c7c", "6005", &[(2, 0), (3, 1), (4, 2)]);
    let said = router.doctor(&[]);
    said.has("ok ", "Quectel EC200A at USB 1-1");
    said.has("ok ", "/dev/ttyUSB1 is the control port");
    said.has("ok ", "/dev/ttyUSB2 is the port this agent speaks on");
    said.has("ok ", "flash messages go over AT: no QMI device");
    assert_eq!(said.exit, Some(0));
}

#[test]
fn without_a_modem_there_is_one_error_and_exit_code_1() {
    let router = Router::new();
    std::fs::remove_file(router.path("/bin/gsmctl")).unwrap();
    let said = router.doctor(&[]);
    said.has("error ", "no modem known here is on the USB");
    said.has("note ", "neither an agent nor gsmctl answers");
    assert_eq!(said.exit, Some(1));
    assert_eq!(said.err, "rut-agent: doctor found errors: 1\n");
}

#[test]
fn strangers_on_the_ports_rutos_s_services_and_a_busy_port_80_are_told_with_commands() {
    let router = Router::with_modem("2c7c", "0125", FOUR).with_qmi();
    router.process(812, "gsmd", &["/dev/ttyUSB2"]);
    router.process(900, "microcom", &["/dev/ttyUSB2"]);
    router.process(901, "smsd", &["/dev/ttyUSB3"]);
    // Only asks another agent: it is none itself.
    router.process(902, "rut-agent", &[]);
    router.write("/proc/902/cmdline", "rut-agent\0signal\0--watch\0");
    router.process(77, "uhttpd", &["socket:[4242]"]);
    let any = "00000000:0050 00000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0 4242 1";
    router.write("/proc/net/tcp", &format!("  sl\n   0: {any}\n"));
    router.write(
        "/etc/config/rut-agent",
        "config post_get 'post_get'\n\toption enabled '1'\n\tlist listen '192.168.1.1:80'\n\toption username 'user1'\n\
         \toption password 'not-to-be-shown'\n",
    );
    router.write(
        "/etc/config/sms_utils",
        "config rule\n\toption enabled '1'\n\toption action 'reboot'\n\nconfig rule\n\toption enabled '1'\n\toption action 'send_status'\n",
    );
    router.write(
        "/etc/config/sms_gateway",
        "config fwd 'to_http'\n\toption enabled '1'\n\toption delete_sms '1'\n",
    );
    let said = router.doctor(&[]);
    said.has(
        "error ",
        "/dev/ttyUSB2 is the control port, never ours; held by gsmd (pid 812), microcom (pid 900)",
    );
    said.has(
        "error ",
        "/dev/ttyUSB3 is the port this agent speaks on; held by smsd (pid 901)",
    );
    said.has(
        "error ",
        "192.168.1.1:80 is used by uhttpd (pid 77): Post/Get cannot listen there",
    );
    said.has(
        "warning ",
        "sms_utils (reboot, send_status) obeys text messages",
    );
    said.has("error ", "sms_gateway deletes messages");
    for command in [
        "uci set uhttpd.main.enable_http=0; uci commit uhttpd; /etc/init.d/uhttpd restart",
        "for s in 'sms_utils.@rule[0]' 'sms_utils.@rule[1]'; do uci set \"$s.enabled=0\"; done; uci commit sms_utils; reload_config",
        "cat /proc/901/cmdline; kill 901",
    ] {
        assert!(said.out.contains(command), "{command}");
    }
    assert!(!said.out.contains("not-to-be-shown"));
    assert_eq!(said.exit, Some(1));

    let json: Value = serde_json::from_str(&router.doctor(&["--json"]).out).unwrap();
    assert_eq!(json["errors"], 4);
    let ports = json["findings"].as_array().unwrap().iter();
    let ports: Vec<&Value> = ports.filter(|one| one["check"] == "ports").collect();
    assert_eq!(ports.len(), 4);
    assert_eq!(ports[2]["commands"].as_array().unwrap().len(), 1);
}

#[test]
fn a_configuration_with_errors_is_told_as_check_does() {
    let router = Router::with_modem("2c7c", "0125", FOUR).with_qmi();
    router.write(
        "/etc/config/rut-agent",
        "config modem 'modem'\n\toption poll 'often'\n",
    );
    let said = router.doctor(&[]);
    said.has(
        "error ",
        "/etc/config/rut-agent:2: error: modem.poll \"often\"",
    );
    router.write(
        "/etc/other",
        "config modem 'modem'\n\toption tty '/dev/ttyUSB0'\n",
    );
    let other = router.path("/etc/other").display().to_string();
    let said = router.doctor(&["--config", &other]);
    said.has("ok ", "the configuration can be used");
    said.has("ok ", "/dev/ttyUSB0 is the port this agent speaks on");
}

#[test]
fn a_running_agent_is_asked_over_its_socket() {
    let bench = Bench::start(&Setup::default());
    let router = Router::with_modem("2c7c", "0125", FOUR).with_qmi();
    let socket = bench.socket().display().to_string();
    let said = router.doctor(&["--socket", &socket]);
    said.has(
        "ok ",
        concat!("rut-agent ", env!("CARGO_PKG_VERSION"), " runs and answers"),
    );
    said.has("ok ", "the agent says that it is ready");
    said.has("ok ", "the agent says: ready");
    assert_eq!(said.exit, Some(0));
}

#[test]
fn a_full_disk_is_an_error() {
    let router = Router::with_modem("2c7c", "0125", FOUR).with_qmi();
    let dir = router.path("/etc/rut-agent");
    let mount = Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=32k", "none"])
        .arg(&dir)
        .status();
    if !mount.is_ok_and(|status| status.success()) {
        return println!("skipped: only root can mount a small disk");
    }
    let said = router.doctor(&[]);
    let unmounted = Command::new("umount").arg("-l").arg(&dir).status();
    assert!(unmounted.unwrap().success());
    said.has(
        "error ",
        "32 kB are free for /etc/rut-agent/state: messages cannot be kept",
    );
    assert_eq!(said.exit, Some(1));
}

#[test]
fn a_clock_of_1970_is_a_warning() {
    if std::env::var_os("RUT_AGENT_RUNNER").is_some() {
        return println!("skipped: libfaketime cannot reach into another processor's program");
    }
    let router = Router::with_modem("2c7c", "0125", FOUR).with_qmi();
    let env = support::clock::at("1970-01-01 00:01:10");
    let env: Vec<(&str, &str)> = env
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    let said = router.doctor_in(&[], &env);
    said.has("warning ", "the clock says 1970-01-01T00:01:1");
    assert_eq!(said.exit, Some(0));
}
