//! What can go wrong, by who has to act.

use countersign_handshake::{CredentialFileError, HandshakeError};
use countersign_pki::PkiError;

/// Why a session was not opened, or ended.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The connection is lost and the session is being resumed.
    #[error("the connection is lost; the session is being resumed")]
    Away,
    /// The gateway ended the session.
    #[error("the gateway ended the session: {0}")]
    Bye(String),
    /// The stream ended without a word.
    #[error("the connection was closed by the other side")]
    Closed,
    /// The credential file.
    #[error("credential file: {0}")]
    Credential(CredentialFileError),
    /// The other side was silent for two heartbeat intervals.
    #[error("the gateway was silent for two heartbeat intervals")]
    Dead,
    /// A step took too long.
    #[error("{0}: no answer in time")]
    Deadline(&'static str),
    /// The contract's life is over.
    #[error("the session reached the end of its life")]
    Expired,
    /// A check of the native handshake failed, or the gateway refused.
    #[error("handshake: {0}")]
    Handshake(HandshakeError),
    /// HTTP.
    #[error("HTTP: {0}")]
    Http(String),
    /// The network.
    #[error("{what}: {error}")]
    Io {
        /// What was being done.
        what: &'static str,
        /// What happened.
        error: std::io::Error,
    },
    /// The session could not be resumed; a new one may be opened.
    #[error("the session was not resumed after {attempts} attempts: {reason}")]
    NotResumed {
        /// The last answer or failure.
        reason: String,
        /// Connections tried.
        attempts: u32,
    },
    /// The gateway broke the protocol on an open session.
    #[error("the gateway broke the protocol: {0}")]
    Protocol(String),
    /// Certificates.
    #[error(transparent)]
    Pki(#[from] PkiError),
    /// The stream of frames failed.
    #[error("the connection failed: {0}")]
    Transport(String),
    /// The URL.
    #[error("not an https:// or wss:// URL, nor HOST:PORT: {0}")]
    Url(String),
}

// By hand: their texts are part of ours, so they are no further cause to be told a second time.
impl From<CredentialFileError> for ClientError {
    fn from(error: CredentialFileError) -> Self {
        Self::Credential(error)
    }
}

impl From<HandshakeError> for ClientError {
    fn from(error: HandshakeError) -> Self {
        Self::Handshake(error)
    }
}

impl ClientError {
    /// Whether only the connection is gone: the session may be resumed.
    pub(crate) const fn is_loss(&self) -> bool {
        matches!(self, Self::Closed | Self::Dead | Self::Io { .. } | Self::Transport(_))
    }

    pub(crate) fn io(what: &'static str) -> impl FnOnce(std::io::Error) -> Self {
        move |error| Self::Io { what, error }
    }
}
