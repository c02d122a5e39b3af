//! Tests: connections to loopback servers, good and bad, with certificates that the `openssl` command makes.
#![allow(clippy::disallowed_types)]

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{HandshakeKind, ServerConfig};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;

use super::*;
use crate::time::WallTime;

const SAFETY: Duration = Duration::from_secs(20);
const SELF_SIGNED: &str = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout server.key -out server.crt -days 30 -subj /CN=localhost";
const SAN: &str = "-addext subjectAltName=DNS:localhost,IP:127.0.0.1";

/// A directory where `openssl` was run with each of these arguments.
fn openssl(runs: &[&str]) -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    for arguments in runs {
        let ran = Command::new("openssl")
            .args(arguments.split(' '))
            .current_dir(directory.path())
            .output()
            .expect("these tests need the openssl command");
        let said = String::from_utf8_lossy(&ran.stderr);
        assert!(ran.status.success(), "openssl {arguments}: {said}");
    }
    directory
}

/// `server.crt`, self-signed, valid between these two moments.
fn dated(from: &str, to: &str) -> TempDir {
    let request = "req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout server.key -out server.csr -subj /CN=localhost";
    let directory = openssl(&[&format!("{request} {SAN}")]);
    let ca = "[ca]\ndefault_ca=d\n[d]\ndatabase=index\nserial=serial\nnew_certs_dir=.\ndefault_md=sha256\npolicy=p\ncopy_extensions=copy\nx509_extensions=x\n[p]\ncommonName=supplied\n[x]\nbasicConstraints=CA:TRUE\n";
    for (name, content) in [("ca.cnf", ca), ("index", ""), ("serial", "01\n")] {
        std::fs::write(directory.path().join(name), content).unwrap();
    }
    let ran = Command::new("openssl")
        .args("ca -batch -config ca.cnf -selfsign -keyfile server.key -in server.csr -out server.crt -notext".split(' '))
        .args(["-startdate", from, "-enddate", to])
        .current_dir(directory.path())
        .output()
        .unwrap();
    assert!(
        ran.status.success(),
        "{}",
        String::from_utf8_lossy(&ran.stderr)
    );
    directory
}

/// A TLS server that shows `server.crt` and greets; it tells how each handshake went.
async fn tls_server(
    directory: &Path,
) -> (u16, mpsc::UnboundedReceiver<Result<HandshakeKind, String>>) {
    let certificates = CertificateDer::pem_file_iter(directory.join("server.crt"))
        .unwrap()
        .collect::<Result<Vec<_>, _>>()
        .unwrap();
    let key = PrivateKeyDer::from_pem_file(directory.join("server.key")).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(certificates, key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (tell, told) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let ended = match acceptor.accept(stream).await {
                Ok(mut secured) => {
                    let kind = secured.get_ref().1.handshake_kind().unwrap();
                    let _client_may_be_gone = secured.write_all(b"hello").await;
                    let _client_may_be_gone = secured.shutdown().await;
                    Ok(kind)
                }
                Err(error) => Err(error.to_string()),
            };
            let _test_may_be_over = tell.send(ended);
        }
    });
    (port, told)
}

fn peer(host: &str, port: u16, tls: Option<Trust>) -> Peer {
    Peer {
        host: String::from(host),
        port,
        tls,
    }
}

fn ca(directory: &TempDir, file: &str) -> Option<Trust> {
    Some(Trust::File(directory.path().join(file)))
}

async fn greeting(dialer: &Dialer, peer: &Peer) -> Result<String, Error> {
    let mut stream = dialer.connect(peer, SAFETY).await?;
    let mut said = String::new();
    stream.read_to_string(&mut said).await.unwrap();
    Ok(said)
}

async fn refusal(directory: &TempDir, host: &str, trust: Option<Trust>) -> CertificateProblem {
    let (port, _told) = tls_server(directory.path()).await;
    match greeting(&Dialer::default(), &peer(host, port, trust)).await {
        Err(Error::Certificate(problem)) => problem,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_self_signed_ca_certificate_is_good_where_ca_file_names_it() {
    let made = openssl(&[&format!("{SELF_SIGNED} {SAN}")]);
    let (port, _told) = tls_server(made.path()).await;
    for host in ["localhost", "127.0.0.1"] {
        let named = peer(host, port, ca(&made, "server.crt"));
        assert_eq!(
            greeting(&Dialer::default(), &named).await.unwrap(),
            "hello",
            "{host}"
        );
    }
}

#[tokio::test]
async fn a_named_certificate_without_any_host_is_good_for_its_owner() {
    let made = openssl(&[SELF_SIGNED]);
    let (port, _told) = tls_server(made.path()).await;
    let named = peer("localhost", port, ca(&made, "server.crt"));
    assert_eq!(greeting(&Dialer::default(), &named).await.unwrap(), "hello");
}

#[tokio::test]
async fn a_named_certificate_is_no_good_for_another_host() {
    let made = openssl(&[&format!(
        "{SELF_SIGNED} -addext subjectAltName=DNS:example.org"
    )]);
    let problem = refusal(&made, "localhost", ca(&made, "server.crt")).await;
    let CertificateProblem::WrongName(names) = &problem else {
        panic!("{problem:?}");
    };
    assert!(names.iter().any(|name| name.contains("example.org")));
    assert!(problem.to_string().contains("for another name"));
}

#[tokio::test]
async fn a_certificate_signed_by_the_named_ca_is_good_and_its_name_is_checked() {
    let made = openssl(&[
        "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ca.key -out ca.crt -days 30 -subj /CN=Test-CA",
        &format!(
            "{SELF_SIGNED} -addext subjectAltName=DNS:localhost -CA ca.crt -CAkey ca.key -addext basicConstraints=critical,CA:FALSE"
        ),
    ]);
    let (port, _told) = tls_server(made.path()).await;
    let good = peer("localhost", port, ca(&made, "ca.crt"));
    assert_eq!(greeting(&Dialer::default(), &good).await.unwrap(), "hello");
    let leaf = peer("localhost", port, ca(&made, "server.crt"));
    assert_eq!(greeting(&Dialer::default(), &leaf).await.unwrap(), "hello");
    let problem = refusal(&made, "127.0.0.1", ca(&made, "ca.crt")).await;
    assert!(
        matches!(problem, CertificateProblem::WrongName(_)),
        "{problem:?}"
    );
}

#[tokio::test]
async fn a_stranger_is_refused_even_with_the_same_name() {
    let (made, other) = (
        openssl(&[&format!("{SELF_SIGNED} {SAN}")]),
        openssl(&[&format!("{SELF_SIGNED} {SAN}")]),
    );
    let problem = refusal(&made, "localhost", ca(&other, "server.crt")).await;
    assert_eq!(problem, CertificateProblem::CaAsServer);
    let leaf = openssl(&[&format!(
        "{SELF_SIGNED} {SAN} -addext basicConstraints=critical,CA:FALSE"
    )]);
    // The same name and issuer as the named one's, but signed with another key.
    let problem = refusal(&leaf, "localhost", ca(&other, "server.crt")).await;
    assert_eq!(
        problem.to_string(),
        CertificateProblem::UnknownIssuer.to_string()
    );
}

#[tokio::test]
async fn an_expired_and_an_early_certificate_say_when_even_if_they_are_named() {
    let old = dated("20200101000000Z", "20200201000000Z");
    let problem = refusal(&old, "localhost", ca(&old, "server.crt")).await;
    assert_eq!(
        problem,
        CertificateProblem::Expired(WallTime::from_unix_s(1_580_515_200))
    );
    assert_eq!(
        problem.to_string(),
        "the server's certificate expired at 2020-02-01T00:00:00Z"
    );
    let early = dated("20990101000000Z", "20990201000000Z");
    let problem = refusal(&early, "localhost", ca(&early, "server.crt")).await;
    assert!(
        matches!(problem, CertificateProblem::NotYet { .. }),
        "{problem:?}"
    );
}

#[tokio::test]
async fn ignore_takes_any_certificate() {
    let old = dated("20200101000000Z", "20200201000000Z");
    let (port, _told) = tls_server(old.path()).await;
    let any = peer("localhost", port, Some(Trust::Anyone));
    assert_eq!(greeting(&Dialer::default(), &any).await.unwrap(), "hello");
}

#[tokio::test]
async fn sessions_resume_until_the_certificates_are_forgotten() {
    let made = openssl(&[&format!("{SELF_SIGNED} {SAN}")]);
    let (port, mut told) = tls_server(made.path()).await;
    let (dialer, named) = (
        Dialer::default(),
        peer("localhost", port, ca(&made, "server.crt")),
    );
    for expected in [HandshakeKind::Full, HandshakeKind::Resumed] {
        greeting(&dialer, &named).await.unwrap();
        assert_eq!(told.recv().await, Some(Ok(expected)));
    }
    dialer.forget();
    greeting(&dialer, &named).await.unwrap();
    assert_eq!(told.recv().await, Some(Ok(HandshakeKind::Full)));
}

#[tokio::test]
async fn a_ca_file_that_was_put_right_heals_the_next_try() {
    let (made, other) = (
        openssl(&[&format!("{SELF_SIGNED} {SAN}")]),
        openssl(&[&format!("{SELF_SIGNED} {SAN}")]),
    );
    let (port, _told) = tls_server(made.path()).await;
    let (dialer, named) = (
        Dialer::default(),
        peer("localhost", port, ca(&other, "server.crt")),
    );
    assert!(greeting(&dialer, &named).await.is_err());
    let (right, wrong) = (made.path(), other.path());
    std::fs::copy(right.join("server.crt"), wrong.join("server.crt")).unwrap();
    assert_eq!(greeting(&dialer, &named).await.unwrap(), "hello");
}

#[tokio::test]
async fn a_ca_file_that_cannot_be_used_is_named() {
    let made = openssl(&[&format!("{SELF_SIGNED} {SAN}")]);
    let (port, _told) = tls_server(made.path()).await;
    std::fs::write(made.path().join("empty.pem"), "nothing\n").unwrap();
    for file in ["missing.pem", "empty.pem"] {
        let bad = peer("localhost", port, ca(&made, file));
        let error = greeting(&Dialer::default(), &bad).await.unwrap_err();
        assert!(error.to_string().contains(file), "{error}");
    }
}

#[tokio::test]
async fn a_server_without_tls_is_called_so() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream
            .write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            .await
            .unwrap();
        let _until_it_hangs_up = stream.read_to_end(&mut Vec::new()).await;
    });
    let any = peer("localhost", port, Some(Trust::Anyone));
    let error = greeting(&Dialer::default(), &any).await.unwrap_err();
    assert!(error.to_string().contains("does not speak TLS"), "{error}");
}

#[tokio::test]
async fn each_way_to_fail_has_its_words() {
    let dialer = Dialer::default();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let silent = listener.local_addr().unwrap().port();
    let mute = peer("127.0.0.1", silent, Some(Trust::Anyone));
    let late = dialer.connect(&mute, Duration::from_millis(100)).await;
    assert!(matches!(late, Err(Error::TimedOut(Stage::Handshake))));
    drop(listener);
    let dead = peer("127.0.0.1", silent, None);
    let refused = dialer.connect(&dead, SAFETY).await;
    assert!(matches!(refused, Err(Error::Refused)));
    let nobody = peer(&"a".repeat(300), 80, None);
    let unknown = dialer.connect(&nobody, SAFETY).await;
    assert!(matches!(unknown, Err(Error::Dns(_))));
}

#[tokio::test]
async fn the_next_address_is_called_when_one_is_dead_or_silent() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let good = listener.local_addr().unwrap();
    let dead = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let refused = dead.local_addr().unwrap();
    drop(dead);
    // 192.0.2.0/24 (RFC 5737) is nobody's: unreachable here, or silent.
    let silent = "192.0.2.1:9".parse().unwrap();
    let stream = dial::first_that_answers(vec![refused, silent, good])
        .await
        .unwrap();
    assert_eq!(stream.peer_addr().unwrap(), good);
    let none = dial::first_that_answers(vec![refused, refused]).await;
    assert!(matches!(none, Err(Error::Refused)));
}

#[tokio::test]
async fn a_look_up_that_was_given_up_keeps_its_turn_to_its_end() {
    let dialer = Dialer::default();
    let all = u32::try_from(LOOKUPS).unwrap();
    let turns = Arc::clone(&dialer.lookups).acquire_many_owned(all).await;
    let turns = turns.unwrap();
    let waiting = dialer
        .connect(&peer("localhost", 9, None), Duration::from_millis(50))
        .await;
    assert!(matches!(waiting, Err(Error::TimedOut(Stage::LookUp))));
    drop(turns);
    let after = dialer.connect(&peer("localhost", 9, None), SAFETY).await;
    assert!(!matches!(after, Err(Error::TimedOut(_))));
    assert_eq!(dialer.lookups.available_permits(), LOOKUPS);
}

#[test]
fn a_clock_that_was_never_set_is_blamed_instead_of_the_certificate() {
    let at = |seconds| rustls::pki_types::UnixTime::since_unix_epoch(Duration::from_secs(seconds));
    let early = rustls::CertificateError::NotValidYetContext {
        time: at(60),
        not_before: at(1_700_000_000),
    };
    let told = std::io::Error::other(rustls::Error::InvalidCertificate(early));
    let error = Error::from_handshake(&told);
    assert!(
        error.to_string().contains("the router's clock is wrong"),
        "{error}"
    );
}

#[test]
fn the_systems_certificates_are_read_where_there_are_any() {
    match trust::load(&Trust::System) {
        Ok(_) => assert!(Path::new("/etc/ssl/certs").is_dir()),
        Err(error) => assert!(error.to_string().contains("/etc/ssl/certs"), "{error}"),
    }
}

#[tokio::test]
async fn a_known_name_needs_no_dns_and_every_address_of_it_is_called() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let peer = Peer {
        host: String::from("SMS.invalid."),
        port: listener.local_addr().unwrap().port(),
        tls: None,
    };
    let dialer = Dialer::default();
    assert!(matches!(
        dialer.connect(&peer, SAFETY).await,
        Err(Error::Dns(_))
    ));
    let name = || String::from("sms.invalid");
    // Nobody listens on ::1.
    know(vec![
        (name(), "::1".parse().unwrap()),
        (String::from("other.invalid"), "127.0.0.9".parse().unwrap()),
        (name(), "127.0.0.1".parse().unwrap()),
    ]);
    assert!(dialer.connect(&peer, SAFETY).await.is_ok());
    know(Vec::new());
    assert!(dialer.connect(&peer, SAFETY).await.is_err());
}
