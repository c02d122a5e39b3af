//! Tests: the README's files for the machine behind the router, held against the programs that read them. Never a copy of
//! theirs: they are taken from the README itself.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::link::Lan;
use super::support::process::Process;
use super::support::{PATIENCE, wait_until};
use super::{HOSTS, Router, to_http};

/// The block of the README that begins so, after its fence.
fn block(first: &str) -> String {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/README.md");
    let readme = fs::read_to_string(path).unwrap();
    let begin = ["```\n", "```sh\n", "```sh\n#!/bin/sh\n"]
        .into_iter()
        .find_map(|fence| {
            let at = readme.find(&format!("{fence}{first}"))?;
            Some(at + fence.find('\n').unwrap() + 1)
        });
    let rest = &readme[begin.unwrap_or_else(|| panic!("the README has a block {first}"))..];
    String::from(rest.split_once("```").unwrap().0)
}

/// It, with one thing put for another that must be in it.
fn changed(block: &str, changes: &[(&str, &str)]) -> String {
    let mut text = String::from(block);
    for (from, to) in changes {
        assert!(text.contains(from), "{from} in {text}");
        text = text.replace(from, to);
    }
    text
}

/// Runs a program that must be there and content; what it says.
fn run(words: &[&str], package: &str) -> String {
    let ran = Command::new(words[0]).args(&words[1..]).output();
    let ran = ran.unwrap_or_else(|why| {
        panic!(
            "this test needs {}: apt-get install {package}: {why}",
            words[0]
        )
    });
    let said =
        String::from_utf8_lossy(&ran.stdout).into_owned() + &String::from_utf8_lossy(&ran.stderr);
    assert!(ran.status.success(), "{words:?}: {said}");
    said
}

/// Puts the README's script there, writing to `log`, run by `shell`.
fn script(path: &Path, shell: &str, log: &Path) {
    let text = block("# sms_in: keeps each push");
    let log = log.display().to_string();
    let text = changed(
        &text,
        &[
            ("#!/bin/sh\n", &format!("#!{shell}\n")),
            ("/sms/in.log", &log),
        ],
    );
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

/// Messages go through a web server of the machine's into the script's file, and what it cannot keep comes again.
fn pushes_arrive(lan: &Lan, url: &str, log: &Path) {
    let folder = log.parent().unwrap();
    lan.router.within(|| {
        let router = Router::start(&(String::from(HOSTS) + &to_http("host", url)));
        router.deliver("ahoy, machine");
        let kept = || fs::read_to_string(log).unwrap_or_default();
        wait_until(PATIENCE, "the first line", || {
            kept() == "&message=ahoy%2C%20machine\n"
        });
        fs::rename(folder, folder.with_extension("away")).unwrap();
        router.deliver("again");
        let why = router.bench.wait_last_error("to_host");
        assert!(why.contains("500"), "{why}");
        fs::rename(folder.with_extension("away"), folder).unwrap();
        // A reload tries at once.
        router.bench.reload();
        wait_until(PATIENCE, "the second line", || {
            kept() == "&message=ahoy%2C%20machine\n&message=again\n"
        });
    });
}

/// A folder, with one inside for the script's file.
fn folder() -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("sms/in.log");
    fs::create_dir(log.parent().unwrap()).unwrap();
    (dir, log)
}

#[test]
fn lighttpd_with_the_readmes_files_takes_pushes_and_nftables_lets_nothing_else_through() {
    let (dir, log) = folder();
    let path = |name: &str| dir.path().join(name).display().to_string();
    script(&dir.path().join("sms_in"), "/bin/sh", &log);
    let site = block("# /etc/lighttpd/conf-enabled/50-sms.conf");
    let site = changed(&site, &[("/usr/local/lib/sms/sms_in", &path("sms_in"))]);
    // What Debian's own lighttpd.conf says before it.
    let text = format!(
        "server.document-root = \"{}\"\nserver.port = 8099\nserver.modules = ()\n{site}",
        path("sms")
    );
    fs::write(path("lighttpd.conf"), text).unwrap();
    let nft = changed(&block("# /etc/nftables.d/sms.nft"), &[("eth1", "if0")]);
    fs::write(path("sms.nft"), nft).unwrap();
    let lan = Lan::new();
    let server = lan.machine.within(|| {
        run(
            &["/usr/sbin/lighttpd", "-tt", "-f", &path("lighttpd.conf")],
            "lighttpd",
        );
        run(&["/usr/sbin/nft", "-c", "-f", &path("sms.nft")], "nftables");
        run(&["/usr/sbin/nft", "-f", &path("sms.nft")], "nftables");
        let line = ["/usr/sbin/lighttpd", "-D", "-f", &path("lighttpd.conf")].map(String::from);
        Process::start(&line, &dir.path().join("lighttpd.log"))
    });
    pushes_arrive(&lan, "http://sms.lan/sms_in", &log);
    // The rule lets nothing else in: lighttpd's other port is shut at that address, and open at the other one.
    lan.router.within(|| {
        let open = |at: &str| {
            let at = at.parse().unwrap();
            std::net::TcpStream::connect_timeout(&at, std::time::Duration::from_secs(1)).is_ok()
        };
        lan.router.ip("-6 route replace fd00::1/128 dev br-lan");
        lan.router.ip("route replace 10.77.0.2/32 dev br-lan");
        assert!(open("[fd00::1]:80"));
        assert!(open("10.77.0.2:8099"));
        assert!(!open("[fd00::1]:8099"));
    });
    drop(server);
}

#[test]
fn busybox_httpd_with_the_readmes_script_takes_pushes() {
    let (dir, log) = folder();
    fs::create_dir(dir.path().join("cgi-bin")).unwrap();
    script(&dir.path().join("cgi-bin/sms_in"), "/bin/busybox ash", &log);
    let home = dir.path().display().to_string();
    let line = changed(&block("busybox httpd"), &[("'", ""), ("/srv/sms", &home)]);
    let line: Vec<String> = line.split_whitespace().map(String::from).collect();
    run(&["busybox", "true"], "busybox");
    let lan = Lan::new();
    let _server = lan
        .machine
        .within(|| Process::start(&line, &dir.path().join("httpd.log")));
    pushes_arrive(&lan, "http://sms.lan/cgi-bin/sms_in", &log);
}

#[test]
fn the_readmes_smtpd_conf_is_good_to_smtpd_and_its_lan_host_to_check() {
    let (dir, _) = folder();
    let path = |name: &str| dir.path().join(name).display().to_string();
    fs::write(path("smtpd.conf"), block("# /etc/mail/smtpd.conf")).unwrap();
    let said = run(
        &["/usr/sbin/smtpd", "-n", "-f", &path("smtpd.conf")],
        "opensmtpd",
    );
    assert!(said.contains("configuration OK"), "{said}");
    fs::write(path("config"), block("config lan_host 'machine'")).unwrap();
    let agent = env!("CARGO_BIN_EXE_rut-agent");
    assert_eq!(run(&[agent, "check", "--config", &path("config")], ""), "");
}
