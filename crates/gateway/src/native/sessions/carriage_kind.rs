//! The ways a session travels.

use crate::metrics::Carriage;

/// What a session travels on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CarriageKind {
    /// Messages of a FIX session.
    Fix,
    /// Requests with an access token.
    Http,
    /// One frame per line.
    RawTls,
    /// One frame per text message.
    WebSocket,
}

impl CarriageKind {
    /// The name shown to operators.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Fix => "fix",
            Self::Http => "http",
            Self::RawTls => "raw",
            Self::WebSocket => "websocket",
        }
    }

    /// The same for metrics.
    pub(in crate::native) const fn metric(self) -> Carriage {
        match self {
            Self::Fix => Carriage::Fix,
            Self::Http => Carriage::Http,
            Self::RawTls => Carriage::Raw,
            Self::WebSocket => Carriage::WebSocket,
        }
    }
}
