//! Words: why a connection did not come about, said so that the owner of the router knows what to do. Never decides
//! whether to try again.

use std::fmt;
use std::io;

use rustls::pki_types::UnixTime;
use rustls::{CertificateError, OtherError};

use crate::time::WallTime;

/// How far a connection came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Asking for the name's addresses.
    LookUp,
    /// Waiting for an address to answer.
    Connect,
    /// In the TLS handshake.
    Handshake,
}

/// Why there is no connection. Every one may pass by itself, so every one may be tried again.
#[derive(Debug)]
pub enum Error {
    /// The name has no address, or nobody answers for it: the owner checks the name and the router's DNS.
    Dns(String),
    /// Nothing listens there.
    Refused,
    /// The network said no (no route, reset, …).
    Io(io::Error),
    /// The time was over at this stage.
    TimedOut(Stage),
    /// The certificates to trust cannot be read.
    Trust(String),
    /// The server's certificate is not accepted.
    Certificate(CertificateProblem),
    /// The two ends found no common TLS language, or it was no TLS at all.
    Tls(String),
}

/// What is wrong with the server's certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CertificateProblem {
    /// It ran out then.
    Expired(WallTime),
    /// It begins later than the router's clock says.
    NotYet {
        /// Its first moment.
        begins: WallTime,
        /// The router's clock.
        clock: WallTime,
    },
    /// The router's clock was never set, so no certificate can be judged.
    ClockNotSet(WallTime),
    /// It is for these names, not for the one that was called.
    WrongName(Vec<String>),
    /// Nobody who is trusted signed it.
    UnknownIssuer,
    /// It is a CA's own, as `openssl req -x509` makes it, and nobody named it.
    CaAsServer,
    /// Something rarer.
    Other(String),
}

impl Error {
    /// Reads what a failed handshake left behind.
    pub(super) fn from_handshake(error: &io::Error) -> Error {
        let inner = error
            .get_ref()
            .and_then(|inner| inner.downcast_ref::<rustls::Error>());
        if let Some(rustls::Error::InvalidCertificate(problem)) = inner {
            return Error::Certificate(CertificateProblem::from_rustls(problem));
        }
        if let Some(why) = inner.and_then(in_words) {
            return Error::Tls(why);
        }
        if error.kind() == io::ErrorKind::UnexpectedEof {
            return Error::Tls(String::from("the server closed the connection"));
        }
        Error::Tls(error.to_string())
    }
}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Error {
        if error.kind() == io::ErrorKind::ConnectionRefused {
            Error::Refused
        } else {
            Error::Io(error)
        }
    }
}

impl CertificateProblem {
    fn from_rustls(problem: &CertificateError) -> CertificateProblem {
        let wall = |at: &UnixTime| {
            WallTime::from_unix_s(i64::try_from(at.as_secs()).unwrap_or(i64::MAX / 1000))
        };
        if let CertificateError::ExpiredContext { not_after, .. } = problem {
            CertificateProblem::Expired(wall(not_after))
        } else if let CertificateError::NotValidYetContext { time, not_before } = problem {
            let clock = wall(time);
            if !clock.is_set() {
                return CertificateProblem::ClockNotSet(clock);
            }
            CertificateProblem::NotYet {
                begins: wall(not_before),
                clock,
            }
        } else if let CertificateError::NotValidForNameContext { presented, .. } = problem {
            CertificateProblem::WrongName(presented.clone())
        } else if matches!(
            problem,
            CertificateError::UnknownIssuer | CertificateError::BadSignature
        ) {
            CertificateProblem::UnknownIssuer
        } else if is_ca_as_server(problem) {
            CertificateProblem::CaAsServer
        } else {
            CertificateProblem::Other(String::from(certificate_in_words(problem)))
        }
    }
}

/// A CA certificate shown by a server. rustls hands this one on from webpki without a variant of its own.
pub(super) fn is_ca_as_server(problem: &CertificateError) -> bool {
    let CertificateError::Other(OtherError(other)) = problem else {
        return false;
    };
    matches!(other.downcast_ref(), Some(webpki::Error::CaUsedAsEndEntity))
}

/// What rustls itself says with the names of its variants, which the router's binary does not have.
fn in_words(error: &rustls::Error) -> Option<String> {
    if let rustls::Error::AlertReceived(alert) = error {
        return Some(alert_in_words(u8::from(*alert)));
    }
    let why = if matches!(error, rustls::Error::InvalidMessage(_)) {
        "the server does not speak TLS on this port"
    } else if matches!(error, rustls::Error::PeerIncompatible(_)) {
        "the server knows neither TLS 1.2 nor 1.3 with a cipher that we know"
    } else if matches!(error, rustls::Error::PeerMisbehaved(_)) {
        "the server breaks the rules of TLS"
    } else {
        return None;
    };
    Some(String::from(why))
}

/// An alert (RFC 8446 6.2), the frequent ones by name.
fn alert_in_words(number: u8) -> String {
    let name = match number {
        40 => " (handshake_failure: no cipher or certificate in common)",
        70 => " (protocol_version)",
        71 => " (insufficient_security)",
        80 => " (internal_error)",
        112 => " (unrecognized_name: it has no certificate for this name)",
        116 => " (certificate_required: it wants one of ours, and we have none)",
        _ => "",
    };
    format!("the server ended the handshake with alert {number}{name}")
}

fn certificate_in_words(problem: &CertificateError) -> &'static str {
    if *problem == CertificateError::BadEncoding {
        "it is malformed"
    } else if matches!(problem, CertificateError::InvalidPurposeContext { .. }) {
        "it is not made for servers"
    } else if *problem == CertificateError::UnhandledCriticalExtension {
        "it has a critical extension that is not known here"
    } else {
        "it, or one above it, breaks a rule of RFC 5280, or is signed in a way that is not known here"
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Stage::LookUp => "the name's address (DNS) did not come in time",
            Stage::Connect => "no answer to the connection: timed out",
            Stage::Handshake => "the TLS handshake timed out",
        })
    }
}

impl fmt::Display for Error {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Dns(why) => write!(out, "the name cannot be looked up (DNS): {why}"),
            Error::Refused => out.write_str("connection refused: nothing listens there"),
            Error::Io(error) => write!(out, "no connection: {error}"),
            Error::TimedOut(stage) => stage.fmt(out),
            Error::Trust(why) => write!(out, "TLS: {why}"),
            Error::Certificate(problem) => problem.fmt(out),
            Error::Tls(why) => write!(out, "TLS: {why}"),
        }
    }
}

impl fmt::Display for CertificateProblem {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CertificateProblem::Expired(at) => {
                write!(out, "the server's certificate expired at {at}")
            }
            CertificateProblem::NotYet { begins, clock } => write!(
                out,
                "the server's certificate is valid from {begins}, and the router's clock says {clock}"
            ),
            CertificateProblem::ClockNotSet(clock) => write!(
                out,
                "the router's clock is wrong ({clock}), so no certificate can be checked: it needs NTP or the right time"
            ),
            CertificateProblem::WrongName(names) if names.is_empty() => {
                out.write_str("the server's certificate names no host")
            }
            CertificateProblem::WrongName(names) => write!(
                out,
                "the server's certificate is for another name: {}",
                names.join(", ")
            ),
            CertificateProblem::UnknownIssuer => out.write_str(
                "the server's certificate is signed by nobody we know: name its CA, or itself, as ca_file",
            ),
            CertificateProblem::CaAsServer => out.write_str(
                "the server's certificate is self-signed, a CA's own: name it as ca_file to trust it",
            ),
            CertificateProblem::Other(why) => write!(out, "the server's certificate: {why}"),
        }
    }
}

impl std::error::Error for Error {}
