//! Tests: the package, on a played router — what opkg takes, installed, configured, upgraded, removed; the feed, the feed's
//! Makefile, `scripts/deploy`, the rpcd reader. `scripts/test` runs it again with the MIPS packages under qemu.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_types,
    clippy::disallowed_methods
)]

mod support;

#[path = "package/elsewhere.rs"]
mod elsewhere;
#[path = "package/house.rs"]
mod house;
#[path = "package/service.rs"]
mod service;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use house::{Firmware, NEW, OLD, Router, Workshop, architecture, repository, run};
use support::{PATIENCE, wait_until};

/// The package under test: the one that `scripts/package` has made for the router, or one made here.
fn first(workshop: &Workshop) -> PathBuf {
    std::env::var_os("RUT_AGENT_PACKAGE").map_or_else(|| workshop.package(1), PathBuf::from)
}

fn tar(options: &str, file: &Path, more: &[&str]) -> String {
    run(Command::new("tar").arg(options).arg(file).args(more))
}

/// The names in a tar of names, owners and modes.
fn names(listing: &str) -> Vec<String> {
    let field = |line: &str, at: usize| String::from(line.split_whitespace().nth(at).unwrap());
    let lines = listing.lines();
    lines
        .map(|line| format!("{} {} {}", field(line, 0), field(line, 1), field(line, 5)))
        .collect()
}

#[test]
fn the_package_is_what_opkg_takes() {
    let workshop = Workshop::new();
    let package = first(&workshop);
    let outer = workshop.path("outer");
    fs::create_dir(&outer).unwrap();
    assert_eq!(
        names(&tar("-tvzf", &package, &["--numeric-owner"])),
        [
            "-rw-r--r-- 0/0 ./debian-binary",
            "-rw-r--r-- 0/0 ./data.tar.gz",
            "-rw-r--r-- 0/0 ./control.tar.gz"
        ]
    );
    tar("-xzf", &package, &["-C", outer.to_str().unwrap()]);
    assert_eq!(
        fs::read_to_string(outer.join("debian-binary")).unwrap(),
        "2.0\n"
    );
    assert_eq!(
        names(&tar(
            "-tvzf",
            &outer.join("data.tar.gz"),
            &["--numeric-owner"]
        )),
        [
            "drwxr-xr-x 0/0 ./",
            "drwxr-xr-x 0/0 ./etc/",
            "drwxr-xr-x 0/0 ./etc/config/",
            "-rw------- 0/0 ./etc/config/rut-agent",
            "drwxr-xr-x 0/0 ./etc/init.d/",
            "-rwxr-xr-x 0/0 ./etc/init.d/rut-agent",
            "drwxr-xr-x 0/0 ./lib/",
            "drwxr-xr-x 0/0 ./lib/upgrade/",
            "drwxr-xr-x 0/0 ./lib/upgrade/keep.d/",
            "-rw-r--r-- 0/0 ./lib/upgrade/keep.d/rut-agent",
            "drwxr-xr-x 0/0 ./usr/",
            "drwxr-xr-x 0/0 ./usr/sbin/",
            "-rwxr-xr-x 0/0 ./usr/sbin/rut-agent"
        ]
    );
    let control = outer.join("control.tar.gz");
    let modes = names(&tar("-tvzf", &control, &["--numeric-owner"]));
    assert!(modes.contains(&String::from("-rwxr-xr-x 0/0 ./postinst")));
    assert!(modes.contains(&String::from("-rwxr-xr-x 0/0 ./prerm")));
    assert_eq!(
        tar("-xzOf", &control, &["./conffiles"]),
        "/etc/config/rut-agent\n"
    );
    let fields = tar("-xzOf", &control, &["./control"]);
    let order: Vec<&str> = fields
        .lines()
        .filter_map(|line| line.split_once(": "))
        .map(|(name, _)| name)
        .collect();
    // The order of OpenWrt's include/package-ipkg.mk.
    let expected = "Package Version SourceName License Section SourceDateEpoch Maintainer Architecture Installed-Size Description";
    assert_eq!(order, expected.split(' ').collect::<Vec<_>>());
    let arch = architecture();
    assert!(
        fields.contains(&format!("Architecture: {arch}\n")),
        "{fields}"
    );
}

#[test]
fn the_same_input_gives_the_same_bytes() {
    let workshop = Workshop::new();
    let package = workshop.package(1);
    let before = fs::read(&package).unwrap();
    // Another umask, time zone, language and time of making.
    let binary = workshop
        .path("cross")
        .join(house::target())
        .join("rut-agent");
    run(Command::new("touch").args(["-d", "1999-01-01"]).arg(binary));
    let make = workshop.script("package");
    let again = format!(
        "umask 077; exec {} {}",
        make.get_program().display(),
        house::target()
    );
    let mut shell = Command::new("sh");
    for (name, value) in make.get_envs() {
        shell.env(name, value.unwrap());
    }
    run(shell
        .args(["-c", &again])
        .env("TZ", "Asia/Tokyo")
        .env("LC_ALL", "C.UTF-8")
        .current_dir(repository()));
    assert_eq!(fs::read(&package).unwrap(), before);
}

fn messages(router: &Router) -> String {
    router.sh("rut-agent list; rut-agent list --box sent")
}

/// The whole life of a package on one firmware.
fn a_life(firmware: Firmware) {
    let workshop = Workshop::new();
    let (one, two) = (first(&workshop), workshop.package(2));
    let router = Router::start(firmware);
    let (code, text) = router.install(&one, "");
    assert_eq!(code, Some(0), "{text}");
    let pid = router.agent();
    assert_eq!(
        router.sh("for link in /etc/rc.d/*; do readlink $link; done"),
        "../init.d/rut-agent\n../init.d/rut-agent\n"
    );

    // A token of its own, in a file that kept its comments, its mode and its place.
    let config = router.read("/etc/config/rut-agent");
    let shipped = fs::read_to_string(repository().join("openwrt/files/rut-agent.config")).unwrap();
    let token = router.sh("uci get rut-agent.api.token");
    assert!(token.trim().len() == 40 && token.trim().bytes().all(|byte| byte.is_ascii_hexdigit()));
    assert_eq!(
        config,
        shipped.replace(
            "#\toption token ''",
            &format!("\toption token '{}'", token.trim())
        )
    );
    assert_eq!(router.sh("stat -c %a /etc/config/rut-agent"), "600\n");
    wait_until(PATIENCE, "the listener", || {
        !router
            .sh("netstat -ltn")
            .lines()
            .filter(|line| line.contains("LISTEN"))
            .collect::<String>()
            .is_empty()
    });
    let listening = router.sh("netstat -ltun");
    let addresses: Vec<&str> = listening
        .lines()
        .skip(2)
        .filter_map(|line| line.split_whitespace().nth(3))
        .collect();
    assert_eq!(addresses, ["127.0.0.1:8240"]);
    let asked = |how: &str| {
        router
            .try_sh(&format!(
                "wget -q -O - {how} http://127.0.0.1:8240/api/v1/status"
            ))
            .0
    };
    let header = format!("--header 'Authorization: Bearer {}'", token.trim());
    assert_eq!((asked(""), asked(&header)), (Some(1), Some(0)));

    // Its owner configures it; it is the same process, and a message comes and one goes.
    router.sh("uci set rut-agent.modem.tty=/tmp/ttyUSB3; uci commit rut-agent; reload_config");
    router.wait_ready();
    assert_eq!(router.agent(), pid);
    router.sh("rut-agent send +12025550155 'a message out' --wait");
    assert_eq!(router.modem.air()[0]["text"], "a message out");
    router
        .modem
        .control(r#"deliver {"from":"+12025550155","text":"a message in"}"#);
    wait_until(PATIENCE, "the message", || {
        messages(&router).contains("a message in")
    });

    // It is restarted when it dies.
    router.sh(&format!("kill -9 {pid}"));
    wait_until(PATIENCE, "another process", || router.agent() != pid);
    router.wait_ready();
    upgraded_and_removed(&router, firmware, [&one, &two]);
}

fn upgraded_and_removed(router: &Router, firmware: Firmware, [one, two]: [&Path; 2]) {
    let config = router.read("/etc/config/rut-agent");
    let kept = messages(router);
    assert!(
        kept.contains("a message in") && kept.contains("a message out"),
        "{kept}"
    );
    let same = |what: &str| {
        assert_eq!(router.read("/etc/config/rut-agent"), config, "{what}");
        router.wait_ready();
        assert_eq!(messages(router), kept, "{what}");
        assert!(
            !router.log().contains("was killed"),
            "{what}: {}",
            router.log()
        );
        assert!(
            !router.log().contains("another rut-agent"),
            "{what}: {}",
            router.log()
        );
    };
    let before = router.agent();
    let (code, text) = router.install(two, "");
    assert_eq!(code, Some(0), "{text}");
    assert!(
        text.contains("Existing conffile") && router.path("/etc/config/rut-agent-opkg").exists(),
        "{text}"
    );
    same("upgraded");
    assert_ne!(router.agent(), before);

    // Who switched it off finds it off after an upgrade; a downgrade wants a word.
    router.sh("/etc/init.d/rut-agent disable");
    let (code, text) = router.install(one, "");
    assert!(
        code != Some(0) && text.contains("Not downgrading"),
        "{text}"
    );
    let (code, text) = router.install(one, "--force-downgrade");
    assert_eq!(code, Some(0), "{text}");
    same("downgraded");
    assert!(!router.path("/etc/rc.d/S90rut-agent").exists());

    // sysupgrade takes what keep.d names: the configuration and the messages.
    let keep = format!(
        "{}/lib/upgrade/keep.d/*",
        firmware.dest.trim_end_matches('/')
    );
    let taken = router.sh(&format!("find $(cat {keep}) -type f 2>/dev/null; true"));
    assert!(
        taken.contains("/etc/config/rut-agent\n")
            && taken.contains("/etc/rut-agent/state/journal."),
        "{taken}"
    );

    let pid = router.agent();
    assert_eq!(router.try_sh("opkg remove rut-agent").0, Some(0));
    assert_ne!(router.try_sh(&format!("kill -0 {pid}")).0, Some(0));
    let left = router.sh("find /etc /usr /lib /sbin /bin -name 'rut-agent*' | sort");
    assert_eq!(
        left.lines().collect::<Vec<_>>(),
        [
            "/etc/config/rut-agent",
            "/etc/config/rut-agent-opkg",
            "/etc/rut-agent"
        ]
    );
    // After a new firmware, which kept these, it is installed again.
    assert_eq!(router.install(one, "").0, Some(0));
    same("installed again");
}

#[test]
fn it_lives_on_a_firmware_that_installs_into_the_root() {
    a_life(OLD);
}

#[test]
fn it_lives_on_a_firmware_that_installs_below_usr_local() {
    a_life(NEW);
}

#[test]
fn it_lives_where_default_postinst_does_not_find_its_files() {
    a_life(Firmware {
        functions: "old",
        ..NEW
    });
}
