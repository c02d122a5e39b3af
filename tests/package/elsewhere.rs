//! Tests: the ways a package takes to a router — a signed feed, OpenWrt's own build, `scripts/deploy`.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::house::{OLD, Router, Workshop, architecture, repository, run, said, target};
use super::{PATIENCE, first, tar, wait_until};

/// usign's and signify's files: a line of comment, then in base64 algorithm, key number and key or signature.
fn blob(file: &Path) -> Vec<u8> {
    let text = fs::read_to_string(file).unwrap();
    let (comment, rest) = text.split_once('\n').unwrap();
    assert!(comment.starts_with("untrusted comment: "), "{comment}");
    let decoded = Command::new("sh")
        .args(["-c", &format!("printf %s {} | base64 -d", rest.trim())])
        .output();
    decoded.unwrap().stdout
}

/// As opkg's usign does, but by OpenSSL: the key numbers agree, and the signature is the key's of this file.
fn verified(dir: &Path, signed: &Path) -> bool {
    let (key, signature) = (
        blob(&dir.join("feed.pub")),
        blob(&dir.join("feed/Packages.sig")),
    );
    assert_eq!((key.len(), signature.len()), (42, 74));
    assert_eq!(
        (&key[..2], &signature[..2]),
        (b"Ed".as_slice(), b"Ed".as_slice())
    );
    assert_eq!(key[2..10], signature[2..10]);
    // RFC 8410 4: what stands before a raw Ed25519 key in a SubjectPublicKeyInfo.
    let head = b"\x30\x2a\x30\x05\x06\x03\x2b\x65\x70\x03\x21\x00";
    fs::write(dir.join("key.der"), [head.as_slice(), &key[10..]].concat()).unwrap();
    fs::write(dir.join("raw.sig"), &signature[10..]).unwrap();
    let mut openssl = Command::new("openssl");
    openssl
        .current_dir(dir)
        .args(["pkeyutl", "-verify", "-rawin", "-pubin", "-keyform", "DER"]);
    openssl
        .args(["-inkey", "key.der", "-sigfile", "raw.sig", "-in"])
        .arg(signed);
    openssl.output().unwrap().status.success()
}

#[test]
fn a_feed_has_the_index_that_opkg_reads_signed_as_it_wants() {
    let workshop = Workshop::new();
    let [dir, feed] = ["", "feed"].map(|name| workshop.path(name));
    let mut keys = Command::new("signify-openbsd");
    run(keys
        .current_dir(&dir)
        .args(["-G", "-n", "-p", "feed.pub", "-s", "feed.sec"]));
    let make = |more: &[&str]| {
        let mut command = workshop.script("package");
        // Paths as the caller means them.
        run(command
            .current_dir(&dir)
            .args(["--feed", "feed"])
            .args(more)
            .arg(target()))
    };
    make(&[]);
    assert!(!feed.join("Packages.sig").exists());
    make(&["--key", "feed.sec"]);

    let index = fs::read_to_string(feed.join("Packages")).unwrap();
    let entry = |name: &str| {
        let mut lines = index
            .lines()
            .filter_map(|line| line.strip_prefix(&format!("{name}: ")));
        let (value, more) = (lines.next().map(String::from), lines.next());
        assert_eq!(more, None, "{index}");
        value.unwrap_or_else(|| panic!("{name} in {index}"))
    };
    let package = feed.join(entry("Filename"));
    assert_eq!(entry("Architecture"), architecture());
    assert_eq!(
        entry("Size"),
        fs::metadata(&package).unwrap().len().to_string()
    );
    let sum = run(Command::new("sha256sum").arg(&package));
    assert!(sum.starts_with(&entry("SHA256sum")), "{index}");
    assert!(
        index.ends_with("Post/Get URLs.\n\n") && index.starts_with("Package: rut-agent\n"),
        "{index}"
    );
    assert_eq!(
        run(Command::new("gzip")
            .arg("-dc")
            .arg(feed.join("Packages.gz"))),
        index
    );

    assert!(verified(&dir, &feed.join("Packages")));
    fs::write(feed.join("Packages"), index.replace("Size: ", "Size: 9")).unwrap();
    assert!(!verified(&dir, &feed.join("Packages")));
}

/// `make GOAL` of the feed's Makefile in a played OpenWrt tree, whose build folder is `work`.
fn feed_make(work: &Path, goal: &[&str]) -> String {
    let mut make = Command::new("make");
    make.arg("--no-print-directory")
        .arg("-C")
        .arg(repository().join("openwrt"));
    let tree = repository().join("tests/package/sdk");
    make.arg(format!("TOPDIR={}", tree.display()))
        .arg(format!("WORK={}", work.display()));
    run(make.args(goal))
}

/// Every file below, with its mode.
fn modes(folder: &Path) -> Vec<String> {
    let mut find = Command::new("find");
    find.current_dir(folder)
        .args([".", "-type", "f", "-printf", "%P %m\\n"]);
    let mut lines: Vec<String> = run(&mut find).lines().map(String::from).collect();
    lines.sort();
    lines
}

#[test]
fn the_feeds_makefile_installs_what_the_package_holds() {
    let workshop = Workshop::new();
    let work = workshop.path("work");
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(
        feed_make(&work, &["fields"]),
        format!("rut-agent {version}-1 net Network @(mips||mipsel) /etc/config/rut-agent\n")
    );
    feed_make(&work, &["prepare"]);
    for part in ["Cargo.toml", "Cargo.lock", "LICENSE", "src/main.rs"] {
        assert!(work.join("build").join(part).exists(), "{part}");
    }
    let compile = feed_make(&work, &["-n", "compile"]);
    for word in ["cargo install", "--no-default-features", "--locked"] {
        assert!(compile.contains(word), "{compile}");
    }

    fs::create_dir_all(work.join("installed/bin")).unwrap();
    let binary = workshop.path("cross").join(target()).join("rut-agent");
    fs::copy(binary, work.join("installed/bin/rut-agent")).unwrap();
    feed_make(&work, &["install"]);
    let [outer, data] = ["outer", "data"].map(|name| workshop.path(name));
    for (archive, to) in [
        (workshop.package(1), &outer),
        (outer.join("data.tar.gz"), &data),
    ] {
        fs::create_dir_all(to).unwrap();
        tar("-xzf", &archive, &["-C", to.to_str().unwrap()]);
    }
    let root = work.join("root");
    run(Command::new("diff").arg("-r").args([&root, &data]));
    assert_eq!(modes(&root), modes(&data));
}

/// `ssh` and `scp` to a played router: the programs `scripts/deploy` finds in this folder.
fn ways_to(router: &Router, dir: PathBuf) -> PathBuf {
    fs::create_dir_all(&dir).unwrap();
    let shell: Vec<String> = router
        .shell()
        .iter()
        .map(|word| format!("'{word}'"))
        .collect();
    let shell = shell.join(" ");
    let root = router.path("/");
    let options = "while :; do case $1 in -o) shift 2 ;; -O) [ \"$2\" != exit ] || exit 0; shift ;; -*) shift ;; *) break ;; esac; done";
    let ssh = format!(
        "#!/bin/sh\n{options}\n[ \"$1\" = root@router ] || exit 255\nshift\necho \"$*\" >>'{}/asked'\nexec {shell} \"$*\"\n",
        dir.display()
    );
    // Without the file `no-scp` it is dropbear's, which has scp and no sftp.
    let scp = format!(
        "#!/bin/sh\ncase \" $* \" in *' -O '*) ;; *) echo 'sftp-server: not found' >&2; exit 1 ;; esac\n\
         {options}\n[ ! -e '{}/no-scp' ] || exit 1\nexec cp \"$1\" '{}'\"${{2#root@router:}}\"\n",
        dir.display(),
        root.display()
    );
    for (name, text) in [("ssh", ssh), ("scp", scp)] {
        fs::write(dir.join(name), text).unwrap();
        fs::set_permissions(dir.join(name), fs::Permissions::from_mode(0o755)).unwrap();
    }
    dir
}

/// What `uname -m` and the header of /bin/busybox tell.
fn pretend(router: &Router, machine: &str, order: u8) {
    let file = |name: &str| {
        let path = router.path(name);
        let _old = fs::remove_file(&path);
        path
    };
    fs::write(
        file("/bin/busybox"),
        [0x7f, b'E', b'L', b'F', 1, order, 1, 0],
    )
    .unwrap();
    let uname = file("/bin/uname");
    fs::write(&uname, format!("#!/bin/sh\necho {machine}\n")).unwrap();
    fs::set_permissions(&uname, fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn deploy_looks_at_the_router_and_brings_what_fits() {
    let workshop = Workshop::new();
    let router = Router::start(OLD);
    let ways = ways_to(&router, workshop.path("ways"));
    let path = format!("{}:{}", ways.display(), std::env::var("PATH").unwrap());
    let deploy = |words: &[&str]| {
        let mut command = workshop.script("deploy");
        said(&command.args(words).env("PATH", &path).output().unwrap())
    };
    let (right, wrong) = if target().starts_with("mipsel") {
        (1, 2)
    } else {
        (2, 1)
    };

    pretend(&router, "armv7l", 1);
    let (code, text) = deploy(&["router"]);
    assert!(code == Some(1) && text.contains("is a armv7l"), "{text}");
    pretend(&router, "mips", wrong);
    let (code, text) = deploy(&["router", "--install"]);
    assert!(
        code == Some(1) && text.contains("but its opkg takes"),
        "{text}"
    );
    let (code, text) = deploy(&["nowhere"]);
    assert!(
        code == Some(1) && text.contains("does not answer"),
        "{text}"
    );
    assert!(!router.path("/tmp/rut-agent").exists());

    pretend(&router, "mips", right);
    let package = first(&workshop);
    let place = workshop.path("packages");
    fs::create_dir_all(&place).unwrap();
    let name = package.file_name().unwrap();
    if !place.join(name).exists() {
        fs::copy(&package, place.join(name)).unwrap();
    }
    let (code, text) = deploy(&["router", "--install"]);
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains(&format!("is {}", architecture())), "{text}");
    let pid = router.agent();
    assert!(!router.path("/tmp/rut-agent.ipk").exists());
    let (code, text) = deploy(&["router"]);
    assert!(
        code == Some(1) && text.contains("runs the installed agent"),
        "{text}"
    );
    router.sh("/etc/init.d/rut-agent stop");
    assert_ne!(router.try_sh(&format!("kill -0 {pid}")).0, Some(0));

    // Without scp; the router is another processor, so what stands in for the agent is a script.
    fs::write(ways.join("no-scp"), "").unwrap();
    let binary = workshop.path("cross").join(target()).join("rut-agent");
    fs::write(&binary, "#!/bin/sh\necho \"the agent is told to $*\"\n").unwrap();
    let (code, text) = deploy(&["router"]);
    assert!(
        code == Some(0) && text.contains("the agent is told to run"),
        "{text}"
    );
    let copied = fs::metadata(router.path("/tmp/rut-agent")).unwrap();
    assert_eq!(copied.permissions().mode() & 0o777, 0o755);
    let asked = fs::read_to_string(ways.join("asked")).unwrap();
    assert!(asked.contains("cat >/tmp/rut-agent.part"), "{asked}");
}

#[test]
fn copied_to_tmp_it_runs_without_any_configuration() {
    let workshop = Workshop::new();
    let router = Router::start(OLD);
    let binary = workshop.path("cross").join(target()).join("rut-agent");
    fs::copy(binary, router.path("/tmp/rut-agent")).unwrap();
    router.sh("setsid $(cat /etc/runner) /tmp/rut-agent run --tty /tmp/ttyUSB3 </dev/null >/tmp/log/messages 2>&1 &");
    let client = |words: &str| router.try_sh(&format!("$(cat /etc/runner) /tmp/rut-agent {words}"));
    wait_until(PATIENCE, "ready", || {
        client("status --json").1.contains(r#""state":"ready""#)
    });
    let (code, text) = client("send +12025550155 'from /tmp' --wait");
    assert_eq!(code, Some(0), "{text}");
    assert_eq!(router.modem.air()[0]["text"], "from /tmp");
    assert!(
        router.log().contains("listening on 127.0.0.1:8240"),
        "{}",
        router.log()
    );
}
