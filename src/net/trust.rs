//! Edge: reads the certificates to trust and builds the TLS configuration that judges a server by them. Never sends a
//! byte.
#![allow(clippy::disallowed_types)]

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{Resumption, verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::crypto::WebPkiSupportedAlgorithms;
use rustls::crypto::{verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme,
};

use super::error::is_ca_as_server;
use super::provider::provider;
use super::{Error, Trust};

/// Where the system's authorities lie, on RutOS, OpenWrt and Debian alike (package `ca-bundle` or `ca-certificates`).
const SYSTEM: &str = "/etc/ssl/certs";
/// All of them in one file, where the system has it.
const BUNDLE: &str = "ca-certificates.crt";
/// Sessions remembered for resumption, over all targets of one trust: a handful of targets, 32-bit memory.
const SESSIONS: usize = 8;

/// The configuration for one trust.
pub(super) fn load(trust: &Trust) -> Result<Arc<ClientConfig>, Error> {
    let provider = provider();
    let verifier = Verifier {
        algorithms: provider.signature_verification_algorithms,
        judge: match trust {
            Trust::System => Judge::Roots(system_roots()?),
            Trust::File(path) => {
                let named = read_all(path)?;
                let mut roots = RootCertStore::empty();
                roots.add_parsable_certificates(named.iter().cloned());
                Judge::Named { roots, named }
            }
            Trust::Anyone => Judge::Anyone,
        },
    };
    let mut config = ClientConfig::builder_with_provider(Arc::new(provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| Error::Tls(error.to_string()))?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    config.resumption = Resumption::in_memory_sessions(SESSIONS);
    Ok(Arc::new(config))
}

/// Every certificate of a PEM file its owner named: one that cannot be read is worth an error.
fn read_all(path: &Path) -> Result<Vec<CertificateDer<'static>>, Error> {
    let cannot = |why: &dyn std::fmt::Display| {
        Error::Trust(format!("ca_file {} cannot be read: {why}", path.display()))
    };
    let mut named = Vec::new();
    each_certificate(path, &mut |certificate| named.push(certificate))
        .map_err(|why| cannot(&why))?;
    if named.is_empty() {
        return Err(cannot(&"it holds no certificate"));
    }
    Ok(named)
}

/// The system's authorities; what cannot be read among them is left out.
fn system_roots() -> Result<RootCertStore, Error> {
    let mut roots = RootCertStore::empty();
    add_file(&mut roots, &Path::new(SYSTEM).join(BUNDLE));
    if roots.is_empty() {
        for path in pem_files(Path::new(SYSTEM)) {
            add_file(&mut roots, &path);
        }
    }
    if roots.is_empty() {
        return Err(Error::Trust(format!(
            "there are no certificates in {SYSTEM}: install ca-bundle, or name a ca_file"
        )));
    }
    Ok(roots)
}

fn add_file(roots: &mut RootCertStore, path: &Path) {
    // What was read before a fault stays.
    let _fault = each_certificate(path, &mut |certificate| {
        roots.add_parsable_certificates([certificate]);
    });
}

/// Gives `take` each certificate of a PEM file (RFC 7468 clause 5); text between them is passed over.
fn each_certificate(
    path: &Path,
    take: &mut dyn FnMut(CertificateDer<'static>),
) -> Result<(), String> {
    let file = File::open(path).map_err(|error| error.to_string())?;
    let mut inside: Option<String> = None;
    for line in BufReader::new(file).split(b'\n') {
        let line = line.map_err(|error| error.to_string())?;
        match (line.trim_ascii(), &mut inside) {
            (b"-----BEGIN CERTIFICATE-----", _) => inside = Some(String::new()),
            (b"-----END CERTIFICATE-----", Some(text)) => {
                let der = STANDARD.decode(text.as_str());
                let der = der.map_err(|_| "a certificate in it is not base64")?;
                take(CertificateDer::from(der));
                inside = None;
            }
            (line, Some(text)) => text.push_str(&String::from_utf8_lossy(line)),
            (_between, None) => {}
        }
    }
    match inside {
        Some(_) => Err(String::from("a certificate in it has no end")),
        None => Ok(()),
    }
}

/// `*.crt` and `*.pem`: the `*.0` beside them are links to the same.
fn pem_files(directory: &Path) -> Vec<PathBuf> {
    std::fs::read_dir(directory)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "crt" || extension == "pem")
        })
        .collect()
}

/// Whom to believe.
#[derive(Debug)]
enum Judge {
    /// Whoever these authorities vouch for.
    Roots(RootCertStore),
    /// The same for a `ca_file`, and the certificates in it themselves. What `openssl req -x509` makes is a CA
    /// certificate, which no server may show by the book (RFC 5280 4.2.1.9); but when its owner named this very
    /// certificate, it is the one he meant.
    Named {
        roots: RootCertStore,
        named: Vec<CertificateDer<'static>>,
    },
    /// `verify_cert ignore`: any certificate, but the server must hold its key.
    Anyone,
}

/// Judges servers; has no revocation lists, which nobody would bring to the router.
#[derive(Debug)]
struct Verifier {
    judge: Judge,
    algorithms: WebPkiSupportedAlgorithms,
}

impl Verifier {
    /// A chain to one of `roots`, every link in its time.
    fn check_chain(
        &self,
        roots: &RootCertStore,
        shown: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<(), rustls::Error> {
        let shown = ParsedCertificate::try_from(shown)?;
        let algorithms = self.algorithms.all;
        verify_server_cert_signed_by_trust_anchor(&shown, roots, intermediates, now, algorithms)
    }
}

fn check_name(shown: &CertificateDer<'_>, host: &ServerName<'_>) -> Result<(), rustls::Error> {
    verify_server_name(&ParsedCertificate::try_from(shown)?, host)
}

/// Pardons a named certificate that the book refuses for its kind or its unknown issuer. Its dates are good: the book
/// checks them first. It must be for the host that was called, unless it names no host at all (only a CN).
fn pardon(
    named: &[CertificateDer<'static>],
    shown: &CertificateDer<'_>,
    host: &ServerName<'_>,
    refusal: rustls::Error,
) -> Result<(), rustls::Error> {
    let rustls::Error::InvalidCertificate(problem) = &refusal else {
        return Err(refusal);
    };
    let pardonable = *problem == CertificateError::UnknownIssuer
        || is_ca_as_server(problem)
        || names_no_host(problem);
    if !pardonable || !named.contains(shown) {
        return Err(refusal);
    }
    match check_name(shown, host) {
        Err(rustls::Error::InvalidCertificate(problem)) if names_no_host(&problem) => Ok(()),
        judged => judged,
    }
}

fn names_no_host(problem: &CertificateError) -> bool {
    matches!(
        problem,
        CertificateError::NotValidForNameContext { presented, .. } if presented.is_empty()
    )
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        shown: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        host: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let by_the_book = |roots| {
            self.check_chain(roots, shown, intermediates, now)
                .and_then(|()| check_name(shown, host))
        };
        match &self.judge {
            Judge::Roots(roots) => by_the_book(roots),
            Judge::Named { roots, named } => {
                by_the_book(roots).or_else(|refusal| pardon(named, shown, host, refusal))
            }
            Judge::Anyone => Ok(()),
        }
        .map(|()| ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, cert, dss, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, dss, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}
