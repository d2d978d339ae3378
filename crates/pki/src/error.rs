//! What can go wrong with credentials. Every text is a sentence that can be shown to the operator as it is.
//!
//! [`PkiError`] is for files and settings: somebody here has to act. [`ClientCertificateError`] is for a peer whose
//! certificate is refused; it compares, so that callers and tests can match on it.

use std::io;
use std::path::PathBuf;

use jiff::Timestamp;
use rustls::{CertificateError, Error as TlsError};

/// A failure of files, certificates or settings on our side.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PkiError {
    // Files.
    /// The operating system refused.
    #[error("cannot {action} {}: {source}", path.display())]
    File {
        /// What was attempted: `read`, `write`, `create`.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The answer of the operating system.
        source: io::Error,
    },
    /// The file is larger than anything that belongs there.
    #[error("{} is larger than {bytes_max} bytes", path.display())]
    FileTooLarge {
        /// The file.
        path: PathBuf,
        /// The bound.
        bytes_max: u64,
    },
    /// A private key that group or others may touch.
    #[error(
        "{path} holds a private key but has mode {mode:04o}: only its owner may have access (chmod 600 {path})",
        path = path.display()
    )]
    KeyFileExposed {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// `ca.pem` is there, its key is not.
    #[error(
        "{} has no key beside it ({} is missing): restore the key, or remove the certificate to start a new CA",
        certificate.display(), key.display()
    )]
    AuthorityKeyLost {
        /// The CA certificate that is there.
        certificate: PathBuf,
        /// The key file that is not.
        key: PathBuf,
    },

    // What the files hold.
    /// No `CERTIFICATE` section.
    #[error("{origin} holds no certificate in PEM form")]
    CertificateAbsent {
        /// The file, or what else the bytes came from.
        origin: String,
    },
    /// No private key section.
    #[error("{origin} holds no private key in PEM form")]
    KeyAbsent {
        /// The file, or what else the bytes came from.
        origin: String,
    },
    /// Not PEM.
    #[error("{origin} is not valid PEM: {reason}")]
    MalformedPem {
        /// The file, or what else the bytes came from.
        origin: String,
        /// The parser's reason.
        reason: String,
    },
    /// Not X.509, or X.509 with contents that nobody should rely on.
    #[error("the certificate in {origin} cannot be read: {reason}")]
    MalformedCertificate {
        /// The file, or what else the bytes came from.
        origin: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Not a certificate revocation list.
    #[error("the revocation list in {origin} cannot be read: {reason}")]
    MalformedRevocationList {
        /// The file, or what else the bytes came from.
        origin: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A key of a kind or form that cannot be used.
    #[error("the private key in {origin} cannot be used: {reason}")]
    UnusableKey {
        /// The file, or what else the bytes came from.
        origin: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A key that nobody can prove to have in a handshake.
    #[error("the key in the certificate of {origin} cannot log in: {reason}")]
    UnusableCertificateKey {
        /// The file, or what else the bytes came from.
        origin: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Certificate and key are from different pairs.
    #[error("the private key in {key} does not belong to the certificate in {chain}")]
    KeyMismatch {
        /// Where the certificate is.
        chain: String,
        /// Where the key is.
        key: String,
    },
    /// Past its validity.
    #[error("the certificate in {origin} expired on {}", date(*.not_after))]
    Expired {
        /// The file, or what else the bytes came from.
        origin: String,
        /// End of validity, Unix seconds.
        not_after: u64,
    },
    /// Before its validity.
    #[error("the certificate in {origin} is not valid before {}", date(*.not_before))]
    NotYetValid {
        /// The file, or what else the bytes came from.
        origin: String,
        /// Start of validity, Unix seconds.
        not_before: u64,
    },
    /// A server certificate without names.
    #[error("the certificate in {origin} names no host (no DNS name or IP address in subjectAltName), so clients refuse it")]
    NoServerName {
        /// The file, or what else the bytes came from.
        origin: String,
    },
    /// The extended key usage says otherwise.
    #[error("the certificate in {origin} is not made for {purpose} (extended key usage)")]
    WrongPurpose {
        /// The file, or what else the bytes came from.
        origin: String,
        /// `serverAuth` or `clientAuth`.
        purpose: &'static str,
    },
    /// An end-entity certificate where a CA is needed, or the reverse.
    #[error("the certificate in {origin} is {found}, but {wanted} is needed here")]
    WrongKind {
        /// The file, or what else the bytes came from.
        origin: String,
        /// What it is.
        found: &'static str,
        /// What is needed.
        wanted: &'static str,
    },
    /// More of something than is allowed.
    #[error("{origin} has more than {limit} {what}")]
    LimitExceeded {
        /// The file, the listener, or what else is too large.
        origin: String,
        /// What there is too much of.
        what: &'static str,
        /// The bound.
        limit: usize,
    },

    // Settings and requests.
    /// A name that cannot stand in a certificate.
    #[error("'{name}' cannot be put into a certificate: {reason}")]
    InvalidName {
        /// The name asked for.
        name: String,
        /// Why not.
        reason: String,
    },
    /// A validity that makes no certificate.
    #[error("a certificate cannot be valid for {seconds} seconds from {}", date(*.not_before))]
    InvalidValidity {
        /// Start of validity, Unix seconds.
        not_before: u64,
        /// Length asked for.
        seconds: u64,
    },
    /// A listener setting that cannot work.
    #[error("listener '{listener}': {reason}")]
    InvalidListener {
        /// The listener's name.
        listener: String,
        /// What is wrong.
        reason: String,
    },
    /// A client setting that cannot work.
    #[error("the TLS client cannot be configured: {reason}")]
    InvalidClient {
        /// What is wrong.
        reason: &'static str,
    },
    /// A ticket key that cannot be taken over.
    #[error("a ticket key cannot be taken over: {reason}")]
    InvalidTicketKey {
        /// What is wrong.
        reason: &'static str,
    },

    // Libraries.
    /// The system or the crypto library failed: no random bytes, no clock, or a broken build.
    #[error("the system could not {operation}")]
    Crypto {
        /// What was attempted.
        operation: &'static str,
    },
    /// rustls refused a configuration that we believed sound.
    #[error("TLS cannot be configured: {0}")]
    Tls(TlsError),
    /// Asked about a connection whose handshake has not finished.
    #[error("the TLS handshake has not finished")]
    HandshakeIncomplete,
}

impl PkiError {
    pub(crate) fn malformed_certificate(origin: &str, reason: impl Into<String>) -> Self {
        Self::MalformedCertificate { origin: origin.to_owned(), reason: reason.into() }
    }
}

/// Why a client certificate is not accepted now, although its handshake (or an earlier one) may have succeeded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ClientCertificateError {
    /// A signature in the chain is wrong.
    #[error("a signature in the client's certificate chain is wrong")]
    BadSignature,
    /// More certificates or bytes than this crate accepts.
    #[error("the client's certificate chain is too long")]
    ChainTooLong,
    /// Past its validity.
    #[error("the client certificate has expired")]
    Expired,
    /// Not X.509.
    #[error("the client certificate cannot be read")]
    Malformed,
    /// The listener requires one.
    #[error("a client certificate is required")]
    Missing,
    /// Before its validity.
    #[error("the client certificate is not valid yet")]
    NotYetValid,
    /// The CA's revocation list is past its next update.
    #[error("the revocation list of the client's CA has expired")]
    RevocationListExpired,
    /// On a revocation list.
    #[error("the client certificate is revoked")]
    Revoked,
    /// No list speaks about it, although lists are configured.
    #[error("no revocation list covers the client certificate")]
    RevocationUnknown,
    /// No trusted CA made it.
    #[error("the client certificate is not from a trusted CA")]
    UnknownIssuer,
    /// The extended key usage has no clientAuth.
    #[error("the client certificate is not made for clients")]
    WrongPurpose,
    /// Anything else, in the words of the verifier.
    #[error("the client certificate is refused: {0}")]
    Other(String),
}

impl From<TlsError> for ClientCertificateError {
    fn from(error: TlsError) -> Self {
        if let TlsError::InvalidCertificate(certificate) = &error {
            from_certificate_error(certificate).unwrap_or_else(|| Self::Other(error.to_string()))
        } else {
            Self::Other(error.to_string())
        }
    }
}

/// The cases that have a name of their own. Both the plain and the `…Context` forms of rustls count.
#[allow(clippy::wildcard_enum_match_arm)] // non-exhaustive in rustls; the rest is `Other`
fn from_certificate_error(error: &CertificateError) -> Option<ClientCertificateError> {
    Some(match error {
        CertificateError::BadEncoding => ClientCertificateError::Malformed,
        CertificateError::BadSignature => ClientCertificateError::BadSignature,
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => ClientCertificateError::Expired,
        CertificateError::ExpiredRevocationList | CertificateError::ExpiredRevocationListContext { .. } => {
            ClientCertificateError::RevocationListExpired
        }
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => ClientCertificateError::WrongPurpose,
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => ClientCertificateError::NotYetValid,
        CertificateError::Other(other) => other.0.downcast_ref::<ClientCertificateError>()?.clone(),
        CertificateError::Revoked => ClientCertificateError::Revoked,
        CertificateError::UnknownIssuer => ClientCertificateError::UnknownIssuer,
        CertificateError::UnknownRevocationStatus => ClientCertificateError::RevocationUnknown,
        _ => return None,
    })
}

/// Unix seconds as a date that people can read (RFC 3339).
fn date(seconds: u64) -> String {
    i64::try_from(seconds)
        .ok()
        .and_then(|seconds| Timestamp::from_second(seconds).ok())
        .map_or_else(|| format!("second {seconds}"), |timestamp| timestamp.to_string())
}
