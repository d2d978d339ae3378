//! How a WebSocket whose messages are read ends: what the client is told, and what goes on record.

use std::time::Duration;

use countersign_core::Reject;
use countersign_core::rate::WindowCounter;
use tokio_websockets::CloseCode;

use super::limits::REFUSALS_PER_MINUTE_MAX;
use super::socket::SocketError;
use crate::clock;

/// The close code, and its reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Farewell(pub(super) CloseCode, pub(super) &'static str);

impl Farewell {
    /// The dialect ended it in order: a logout.
    pub(super) const CLOSED: Self = Self(CloseCode::NORMAL_CLOSURE, "logged out");
    pub(super) const DRAINING: Self = Self(CloseCode::GOING_AWAY, "this node is leaving");
    pub(super) const GONE: Self = Self(CloseCode::GOING_AWAY, "");
    pub(super) const HALTED: Self = Self(CloseCode::POLICY_VIOLATION, "halted");
    pub(super) const LIFE_OVER: Self = Self(CloseCode::GOING_AWAY, "24 hours are over");
    pub(super) const NOT_TEXT: Self = Self(CloseCode::UNSUPPORTED_DATA, "text frames only");
    pub(super) const REFUSED_TOO_OFTEN: Self = Self(CloseCode::POLICY_VIOLATION, "too many refused messages");
    pub(super) const REVOKED: Self = Self(CloseCode::POLICY_VIOLATION, "the credential may no longer be used");
    pub(super) const SILENT: Self = Self(CloseCode::POLICY_VIOLATION, "no pong");
    pub(super) const SLOW: Self = Self(CloseCode::POLICY_VIOLATION, "slow consumer");
    pub(super) const STREAM_LOST: Self = Self(CloseCode::SERVICE_RESTART, "the user data stream is lost");
    pub(super) const UPSTREAM_LOST: Self = Self(CloseCode::SERVICE_RESTART, "the upstream is gone");

    /// The refusal that it is, where no message was refused before it.
    pub(super) fn reject(self) -> Option<Reject> {
        match self {
            Self::REFUSED_TOO_OFTEN => Some(Reject::RateLimited),
            Self::SLOW => Some(Reject::SlowConsumer),
            Self(..) => None,
        }
    }
}

impl From<SocketError> for Farewell {
    fn from(error: SocketError) -> Self {
        match error {
            SocketError::Slow => Self::SLOW,
            // After a breach the library's own close frame goes out first.
            SocketError::Lost | SocketError::Protocol | SocketError::TooLarge => Self::GONE,
        }
    }
}

/// What was refused on a connection lately.
#[derive(Debug)]
pub(super) struct Refusals(WindowCounter);

impl Default for Refusals {
    fn default() -> Self {
        Self(WindowCounter::new(Duration::from_secs(60)))
    }
}

impl Refusals {
    /// Counts one more.
    ///
    /// # Errors
    /// [`Farewell::REFUSED_TOO_OFTEN`] beyond [`REFUSALS_PER_MINUTE_MAX`].
    pub(super) fn charge(&self) -> Result<(), Farewell> {
        let charged = self.0.charge(1, REFUSALS_PER_MINUTE_MAX, clock::wall());
        charged.map(drop).map_err(|_| Farewell::REFUSED_TOO_OFTEN)
    }
}
