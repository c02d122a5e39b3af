//! Tests: pushes over TLS, with certificates that the `openssl` command makes — good ones, and each kind of bad one.

use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::support::certificates::certificates;
use super::*;

/// A TLS server on 127.0.0.1 that shows `NAME.crt` and passes on to `receiver`; its URL.
fn tls_before(receiver: &PushReceiver, dir: &Path, name: &str) -> String {
    let shown = CertificateDer::pem_file_iter(dir.join(format!("{name}.crt"))).unwrap();
    let key = PrivateKeyDer::from_pem_file(dir.join(format!("{name}.key"))).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(shown.map(Result::unwrap).collect(), key)
        .unwrap();
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://{}/in", listener.local_addr().unwrap());
    let to = receiver.address;
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let secured = rustls::ServerConnection::new(Arc::clone(&config)).unwrap();
            // A client that does not like the certificate hangs up here.
            let _its_choice = pass_on(rustls::StreamOwned::new(secured, stream), to);
        }
    });
    url
}

/// One request to the receiver, and its answer back.
fn pass_on(mut from: impl Read + Write, to: std::net::SocketAddr) -> std::io::Result<()> {
    let mut reader = BufReader::new(&mut from);
    let mut line = String::new();
    std::io::BufRead::read_line(&mut reader, &mut line)?;
    if line.is_empty() {
        return Ok(());
    }
    http::read_headers(&mut reader)?;
    let target = line.split(' ').nth(1).unwrap();
    let answer = http::request(to, "GET", target, &[], b"")?;
    write!(
        from,
        "HTTP/1.1 {} Told\r\nContent-Length: 0\r\n\r\n",
        answer.status
    )?;
    from.flush()
}

/// Targets that work, each with its receiver, and then some that do not.
fn https_targets(dir: &Path, good: &[(&str, PushReceiver); 3]) -> Vec<String> {
    let nobody = PushReceiver::start();
    let ca_file = |file: &str| format!("ca_file {}", dir.join(file).display());
    let no_tls = endless("HTTP/1.1 400 Bad Request\r\n\r\n", b"").replace("http", "https");
    let good = |at: usize, shown: &str, options: &str| {
        to_http(good[at].0, &tls_before(&good[at].1, dir, shown), options)
    };
    let bad = |name: &str, shown: &str, options: &str| {
        to_http(name, &tls_before(&nobody, dir, shown), options)
    };
    vec![
        good(0, "signed", &ca_file("ca.crt")),
        good(1, "own", &ca_file("own.crt")),
        good(2, "old", "verify_cert ignore"),
        bad("name", "other", &ca_file("ca.crt")),
        bad("old", "old", &ca_file("old.crt")),
        bad("stranger", "own", &ca_file("ca.crt")),
        to_http(
            "plain",
            &format!("{no_tls}?token=hush"),
            "verify_cert ignore",
        ),
        to_http("dns", "http://nobody.invalid/in?token=hush", ""),
    ]
}

#[test]
fn https_is_judged_by_the_ca_file_and_last_error_says_what_is_wrong() {
    let dir = certificates();
    let good = ["signed", "own", "any"].map(|name| (name, PushReceiver::start()));
    let bench = bench(&https_targets(dir.path(), &good));
    deliver(&bench, "+37060000001", "sealed");
    for (name, receiver) in &good {
        let pushed = receiver.wait(1, PATIENCE);
        assert_eq!(pushed[0].target(), "/in?&message=sealed", "{name}");
    }
    for (name, why) in [
        ("name", "for another name: "),
        ("old", "expired at 2020-02-01T00:00:00Z"),
        ("stranger", "self-signed"),
        ("plain", "does not speak TLS"),
        ("dns", "DNS"),
    ] {
        let error = bench.wait_last_error(name);
        assert!(error.contains(why), "{name}: {error}");
        // The trial push tells the same truth, and leaves the queue as it was.
        let (status, problem) = bench.api("POST", &format!("/push/{name}/test"), None);
        assert_eq!((status, &problem["code"]), (502, &json!("push_failed")));
        assert_eq!(problem["detail"], json!(error), "{name}");
        assert_eq!(bench.health(name)["queued"], 1);
    }
    let (status, answer) = bench.api("POST", "/push/signed/test", None);
    assert_eq!(
        (status, answer),
        (200, json!({"delivered": true, "status": 200}))
    );
    assert!(
        !bench.log().contains("hush"),
        "a secret of an URL is in the log"
    );
}
