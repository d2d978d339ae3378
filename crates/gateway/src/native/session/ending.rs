//! How a session ends: what the client is told, and what the record says.

use countersign_core::{AlertCode, Refusal, Reject};
use tokio_websockets::CloseCode;

use super::{Session, error_frame};
use crate::native::carriage::{Carriage, CarriageError};

/// Why a session ends.
#[derive(Debug)]
pub(super) enum Ending {
    /// The client said `bye`.
    Bye,
    /// Two heartbeats were missed.
    Dead,
    /// The node leaves.
    Drained,
    /// Refused; the client is still to be told.
    Fatal(Refusal),
    /// An operator ended it.
    Killed,
    /// The transport ended, or the client does not read.
    Lost(CarriageError),
    /// Refused with a fatal code; the client was told.
    Refused(Refusal),
    /// The upstream is gone, and with it answers and events.
    UpstreamLost(Reject),
}

impl From<CarriageError> for Ending {
    fn from(error: CarriageError) -> Self {
        match error {
            CarriageError::Ended | CarriageError::Slow => Self::Lost(error),
            CarriageError::Malformed => Self::Fatal(Reject::Malformed.into()),
            CarriageError::TooLarge => Self::Fatal(Reject::TooLarge.into()),
        }
    }
}

impl Ending {
    /// The words of the record.
    pub(super) const fn reason(&self) -> &'static str {
        match self {
            Self::Bye => "bye",
            Self::Dead => "no heartbeat",
            Self::Drained => "drain",
            Self::Fatal(refusal) | Self::Refused(refusal) => refusal.reject.label(),
            Self::Killed => "ended by an operator",
            Self::Lost(CarriageError::Slow) => "slow consumer",
            Self::Lost(_) => "connection closed",
            Self::UpstreamLost(_) => "upstream lost",
        }
    }

    /// The code of the `bye`; `None` when there is nobody to say it to.
    const fn code(&self) -> Option<&'static str> {
        match self {
            Self::Bye => Some("done"),
            Self::Dead | Self::Lost(_) => None,
            Self::Drained => Some(AlertCode::Drain.as_str()),
            Self::Fatal(refusal) | Self::Refused(refusal) => Some(refusal.reject.alert().as_str()),
            Self::Killed => Some(AlertCode::SessionExpired.as_str()),
            Self::UpstreamLost(_) => Some(AlertCode::UpstreamUnavailable.as_str()),
        }
    }

    const fn close_code(&self) -> CloseCode {
        match self {
            Self::Bye => CloseCode::NORMAL_CLOSURE,
            Self::Dead | Self::Drained => CloseCode::GOING_AWAY,
            Self::Fatal(_) | Self::Killed | Self::Lost(_) | Self::Refused(_) => CloseCode::POLICY_VIOLATION,
            Self::UpstreamLost(_) => CloseCode::SERVICE_RESTART,
        }
    }

    /// The refusal that is still to be recorded, and told if the client hears us.
    fn untold(&self) -> Option<Refusal> {
        match self {
            Self::Fatal(refusal) => Some(refusal.clone()),
            Self::Killed => Some(Refusal::operator(Reject::SessionExpired, "an operator ended the session")),
            Self::Lost(CarriageError::Slow) => Some(Reject::SlowConsumer.into()),
            Self::UpstreamLost(reject) => Some((*reject).into()),
            Self::Bye | Self::Dead | Self::Drained | Self::Lost(_) | Self::Refused(_) => None,
        }
    }
}

impl<C: Carriage> Session<'_, C> {
    /// Tells the client, closes the upstream and the carriage.
    pub(super) async fn end(mut self, ending: Ending) {
        let code = ending.code();
        if let Some(refusal) = ending.untold() {
            let correlation = self.note_refused(&refusal);
            if code.is_some() {
                let _ = self.carriage.feed(error_frame(&refusal, correlation, None, None)).await;
            }
        }
        if let Some(code) = code {
            let bye = self.machine.bye(code);
            let _ = self.carriage.feed(bye).await;
            let _ = self.carriage.flush().await;
        }
        tokio::join!(self.carriage.close(Some(ending.close_code()), ending.reason()), self.links.close());
    }
}
