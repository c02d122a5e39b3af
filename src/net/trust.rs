//! Edge: reads the certificates to trust and builds the TLS configuration that judges a server by them. Never sends a
//! byte.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{Resumption, WebPkiServerVerifier, verify_server_name};
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms};
use rustls::crypto::{verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme,
};

use super::error::is_ca_as_server;
use super::{Error, Trust};

/// Where the system's authorities lie, on RutOS, OpenWrt and Debian alike (package `ca-bundle` or `ca-certificates`).
const SYSTEM: &str = "/etc/ssl/certs";
/// All of them in one file, where the system has it.
const BUNDLE: &str = "ca-certificates.crt";
/// Sessions remembered for resumption, over all targets of one trust: a handful of targets, 32-bit memory.
const SESSIONS: usize = 8;

/// The configuration for one trust.
pub(super) fn load(trust: &Trust) -> Result<Arc<ClientConfig>, Error> {
    // Named, not the process default: rustls must never look for another provider.
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier: Arc<dyn ServerCertVerifier> = match trust {
        Trust::System => judge(system_roots()?, &provider)?,
        Trust::File(path) => {
            let named = read_all(path)?;
            let mut roots = RootCertStore::empty();
            roots.add_parsable_certificates(named.iter().cloned());
            Arc::new(Named {
                judge: judge(roots, &provider)?,
                named,
            })
        }
        Trust::Anyone => Arc::new(Anyone {
            algorithms: provider.signature_verification_algorithms,
        }),
    };
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| Error::Tls(error.to_string()))?
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth();
    config.resumption = Resumption::in_memory_sessions(SESSIONS);
    Ok(Arc::new(config))
}

fn judge(
    roots: RootCertStore,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<WebPkiServerVerifier>, Error> {
    WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider))
        .build()
        .map_err(|error| Error::Trust(error.to_string()))
}

/// Every certificate of a PEM file its owner named: one that cannot be read is worth an error.
fn read_all(path: &Path) -> Result<Vec<CertificateDer<'static>>, Error> {
    let cannot = |why: &dyn std::fmt::Display| {
        Error::Trust(format!("ca_file {} cannot be read: {why}", path.display()))
    };
    let named = CertificateDer::pem_file_iter(path)
        .map_err(|error| cannot(&error))?
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| cannot(&error))?;
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
    if let Ok(certificates) = CertificateDer::pem_file_iter(path) {
        roots.add_parsable_certificates(certificates.flatten());
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

/// Judges by a `ca_file`. What `openssl req -x509` makes is a CA certificate, which no server may show by the book
/// (RFC 5280 4.2.1.9); but when its owner named this very certificate, it is the one he meant.
#[derive(Debug)]
struct Named {
    judge: Arc<WebPkiServerVerifier>,
    named: Vec<CertificateDer<'static>>,
}

impl Named {
    /// Accepts a named certificate that the book refuses for its kind or its unknown issuer. Its dates are good: the book
    /// checks them first. It must be for the host that was called, unless it names no host at all (only a CN).
    fn accept_named(
        &self,
        shown: &CertificateDer<'_>,
        host: &ServerName<'_>,
        refusal: rustls::Error,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let rustls::Error::InvalidCertificate(problem) = &refusal else {
            return Err(refusal);
        };
        let pardonable = *problem == CertificateError::UnknownIssuer
            || is_ca_as_server(problem)
            || names_no_host(problem);
        if !pardonable || !self.named.contains(shown) {
            return Err(refusal);
        }
        match verify_server_name(&ParsedCertificate::try_from(shown)?, host) {
            Ok(()) => Ok(ServerCertVerified::assertion()),
            Err(rustls::Error::InvalidCertificate(problem)) if names_no_host(&problem) => {
                Ok(ServerCertVerified::assertion())
            }
            Err(error) => Err(error),
        }
    }
}

fn names_no_host(problem: &CertificateError) -> bool {
    matches!(
        problem,
        CertificateError::NotValidForNameContext { presented, .. } if presented.is_empty()
    )
}

impl ServerCertVerifier for Named {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        self.judge
            .verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
            .or_else(|refusal| self.accept_named(end_entity, server_name, refusal))
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.judge.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.judge.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.judge.supported_verify_schemes()
    }
}

/// `verify_cert ignore`: any certificate, but the server must hold its key.
#[derive(Debug)]
struct Anyone {
    algorithms: WebPkiSupportedAlgorithms,
}

impl ServerCertVerifier for Anyone {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
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
