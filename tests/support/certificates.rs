//! Tests: certificates that the `openssl` command makes — good ones, and each kind of bad one.

use std::path::Path;
use std::process::Command;

/// `ca`, and of it `signed` for 127.0.0.1 and `other` for another host; `own`, self-signed; `old`, which ran out.
pub fn certificates() -> tempfile::TempDir {
    let made = tempfile::tempdir().unwrap();
    let dir = made.path();
    certificate(dir, "ca", "DNS:ca", "");
    let leaf = "-CA ca.crt -CAkey ca.key -addext basicConstraints=critical,CA:FALSE";
    certificate(dir, "signed", "IP:127.0.0.1", leaf);
    certificate(dir, "own", "IP:127.0.0.1", "");
    certificate(dir, "other", "DNS:example.org", leaf);
    expired(dir);
    made
}

/// Runs `openssl` in `dir` with these words.
fn openssl(dir: &Path, words: &[&str]) {
    let words = words.iter().flat_map(|words| words.split(' '));
    let ran = Command::new("openssl")
        .args(words)
        .current_dir(dir)
        .output()
        .expect("this test needs openssl");
    let said = String::from_utf8_lossy(&ran.stderr);
    assert!(ran.status.success(), "{said}");
}

/// `NAME.key` and a self-signed `NAME.crt` as `openssl req -x509` makes it, or with more words.
fn certificate(dir: &Path, name: &str, alternative: &str, more: &str) {
    let new = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30";
    let files = format!("-keyout {name}.key -out {name}.crt -subj /CN={name}");
    let alternative = format!("-addext subjectAltName={alternative}");
    let words = [new, &files, &alternative, more];
    let words: Vec<&str> = words
        .into_iter()
        .filter(|words| !words.is_empty())
        .collect();
    openssl(dir, &words);
}

/// `old.key` and `old.crt` for 127.0.0.1, which ran out in 2020.
fn expired(dir: &Path) {
    let config = "[ca]\ndefault_ca=d\n[d]\ndatabase=index\nserial=serial\nnew_certs_dir=.\ndefault_md=sha256\npolicy=p\ncopy_extensions=copy\n[p]\ncommonName=supplied\n";
    for (name, content) in [("ca.cnf", config), ("index", ""), ("serial", "01\n")] {
        std::fs::write(dir.join(name), content).unwrap();
    }
    let request = "req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout old.key -out old.csr -subj /CN=old -addext subjectAltName=IP:127.0.0.1";
    openssl(dir, &[request]);
    let sign = "ca -batch -config ca.cnf -selfsign -keyfile old.key -in old.csr -out old.crt -notext -startdate 20200101000000Z -enddate 20200201000000Z";
    openssl(dir, &[sign]);
}
