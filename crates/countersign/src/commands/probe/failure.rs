//! What a handshake that failed says of the server, and no more: a version is called absent only by a server that said so.
//!
//! | what came back | said |
//! |---|---|
//! | alert protocol_version, or a hello of another version | not offered |
//! | alert handshake_failure or insufficient_security | not offered, or without a suite or group of ours |
//! | a certificate whose signatures cannot be checked | offered, with a certificate this program cannot verify |
//! | anything after a certificate was asked of us | offered, not without a client certificate |
//! | alert unrecognized_name | the name is not known there |
//! | no TLS | no TLS |
//! | all else: silence, a reset, another alert | not known |

use rustls::{AlertDescription, CertificateError, Error, InvalidMessage, PeerIncompatible};

use super::certificate;
use super::target::Target;
use super::tls::why;

/// Why a handshake of one version failed.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Failure {
    /// The server's certificate, or what it signed with it.
    Certificate(CertificateError),
    /// A client certificate was asked for, and there is none.
    ClientCertificate,
    /// No suite, group or signature algorithm in common, or not this version: the alert is the same.
    NothingInCommon,
    /// What came back is no TLS.
    NoTls,
    /// The server does not have this version.
    NotOffered,
    /// The server does not know the name.
    UnknownName,
    /// It does not follow from this failure whether the version is there.
    Unknown,
}

impl Failure {
    /// By what the TLS library said; `asked`: whether the server wanted a client certificate before.
    pub(super) fn of(error: &anyhow::Error, asked: bool) -> Self {
        let said = error.chain().filter_map(|cause| cause.downcast_ref::<std::io::Error>()).filter_map(std::io::Error::get_ref);
        said.filter_map(|cause| cause.downcast_ref::<Error>())
            .map(|cause| Self::by(cause, asked))
            .next()
            .unwrap_or_else(|| Self::unknown(asked))
    }

    fn by(error: &Error, asked: bool) -> Self {
        use AlertDescription as Alert;
        use PeerIncompatible as Peer;
        let other_version = matches!(
            error,
            Error::AlertReceived(Alert::ProtocolVersion)
                | Error::PeerIncompatible(Peer::ServerDoesNotSupportTls12Or13 | Peer::ServerTlsVersionIsDisabledByOurConfig)
        );
        if let Error::InvalidCertificate(reason) = error {
            Self::Certificate(reason.clone())
        } else if other_version {
            Self::NotOffered
        } else if matches!(error, Error::InvalidMessage(InvalidMessage::InvalidContentType)) {
            Self::NoTls
        } else if matches!(error, Error::AlertReceived(Alert::UnrecognisedName)) {
            Self::UnknownName
        } else if matches!(error, Error::AlertReceived(Alert::HandshakeFailure | Alert::InsufficientSecurity)) && !asked {
            Self::NothingInCommon
        } else {
            Self::unknown(asked)
        }
    }

    const fn unknown(asked: bool) -> Self {
        if asked { Self::ClientCertificate } else { Self::Unknown }
    }

    /// For people.
    pub(super) fn said(&self, target: &Target, error: &anyhow::Error) -> String {
        let why = why(error);
        match self {
            Self::Certificate(reason) => {
                let reason = certificate::refusal(&Error::InvalidCertificate(reason.clone()));
                format!("offered, with a certificate this program cannot verify: {reason}")
            }
            Self::ClientCertificate => format!("offered, but not without a client certificate: {why}"),
            Self::NothingInCommon => {
                format!("not offered, or not with a cipher suite, group or signature algorithm that this program has: {why}")
            }
            Self::NoTls => format!("no TLS came back: {why}"),
            Self::NotOffered => format!("not offered: {why}"),
            Self::UnknownName => format!(
                "the server does not know the name {:?} that was asked for (SNI); --server-name asks for another, one of its certificate: {why}",
                target.server_name.to_str()
            ),
            Self::Unknown => format!("not known, the handshake broke off: {why}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(error: Error, asked: bool) -> Failure {
        Failure::of(&anyhow::Error::new(std::io::Error::other(error)).context("TLS"), asked)
    }

    #[test]
    fn only_a_server_that_says_so_does_not_offer_a_version() {
        let alert = |description| failure(Error::AlertReceived(description), false);
        assert_eq!(alert(AlertDescription::ProtocolVersion), Failure::NotOffered);
        assert_eq!(failure(PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig.into(), false), Failure::NotOffered);
        assert_eq!(alert(AlertDescription::HandshakeFailure), Failure::NothingInCommon);
        assert_eq!(alert(AlertDescription::InternalError), Failure::Unknown);
        assert_eq!(failure(CertificateError::BadEncoding.into(), true), Failure::Certificate(CertificateError::BadEncoding));
        assert_eq!(failure(Error::AlertReceived(AlertDescription::HandshakeFailure), true), Failure::ClientCertificate);
        let reset = anyhow::Error::new(std::io::Error::from(std::io::ErrorKind::ConnectionReset));
        assert_eq!(Failure::of(&reset, false), Failure::Unknown);
    }
}
