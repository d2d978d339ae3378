//! How a session ends: what the client is told, and what the record says.

use std::rc::Rc;

use countersign_core::{AlertCode, Refusal, Reject};
use countersign_session::Departure;
use countersign_store::shared::mirror::MirrorError;
use tokio_websockets::CloseCode;

use super::Session;
use super::agreed::error_frame;
use crate::connection::Connection;
use crate::native::carriage::{Carriage, CarriageError};
use crate::native::line::Line;
use crate::native::sessions::KilledBy;

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
    /// Nobody came back in time.
    GivenUp,
    /// The next process of this node, or another node, goes on with it.
    HandedOver,
    /// Somebody, or something, ended it that would have gone on.
    Killed(KilledBy),
    /// Another node serves it.
    Lease(MirrorError),
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
            Self::GivenUp => "not resumed in time",
            Self::HandedOver => "handed over",
            Self::Killed(by) => by.reason(),
            Self::Lease(_) => "served by another node",
            Self::Lost(CarriageError::Slow) => "slow consumer",
            Self::Lost(_) => "connection closed",
            Self::UpstreamLost(_) => "upstream lost",
        }
    }

    /// Whether somebody else goes on with it: nothing is cancelled, and what others know of it stays.
    pub(super) const fn goes_on_elsewhere(&self) -> bool {
        matches!(self, Self::HandedOver | Self::Lease(_))
    }

    /// How the session was left.
    pub(super) const fn departure(&self) -> Departure {
        match self {
            Self::Bye => Departure::Logout,
            Self::Dead | Self::Lost(_) => Departure::Lost,
            Self::Drained => Departure::Shutdown,
            Self::Fatal(_)
            | Self::GivenUp
            | Self::HandedOver
            | Self::Killed(_)
            | Self::Lease(_)
            | Self::Refused(_)
            | Self::UpstreamLost(_) => Departure::Ended,
        }
    }

    /// The code of the `bye`; `None` when there is nobody to say it to.
    const fn code(&self) -> Option<&'static str> {
        match self {
            Self::Bye => Some("done"),
            // Adopted, for we were silent: the client does not know, and comes back to wherever it is.
            Self::Lease(MirrorError::Adopted) | Self::Dead | Self::GivenUp | Self::Lost(_) => None,
            // HS-85: whoever was told of the drain comes back elsewhere.
            Self::HandedOver | Self::Lease(_) => Some(AlertCode::SessionTakenOver.as_str()),
            Self::Drained => Some(AlertCode::Drain.as_str()),
            Self::Fatal(refusal) | Self::Refused(refusal) => Some(refusal.reject.alert().as_str()),
            Self::Killed(_) => Some(AlertCode::SessionExpired.as_str()),
            Self::UpstreamLost(_) => Some(AlertCode::UpstreamUnavailable.as_str()),
        }
    }

    const fn close_code(&self) -> CloseCode {
        match self {
            Self::Bye => CloseCode::NORMAL_CLOSURE,
            Self::Dead | Self::Drained | Self::GivenUp | Self::HandedOver => CloseCode::GOING_AWAY,
            Self::Fatal(_) | Self::Killed(_) | Self::Lease(_) | Self::Lost(_) | Self::Refused(_) => CloseCode::POLICY_VIOLATION,
            Self::UpstreamLost(_) => CloseCode::SERVICE_RESTART,
        }
    }

    /// The refusal that is still to be recorded, and told if the client hears us.
    fn untold(&self) -> Option<Refusal> {
        match self {
            Self::Fatal(refusal) => Some(refusal.clone()),
            Self::Killed(by) => Some(Refusal::operator(Reject::SessionExpired, by.words())),
            Self::Lost(CarriageError::Slow) => Some(Reject::SlowConsumer.into()),
            Self::UpstreamLost(reject) => Some((*reject).into()),
            Self::Bye
            | Self::Dead
            | Self::Drained
            | Self::GivenUp
            | Self::HandedOver
            | Self::Lease(_)
            | Self::Lost(_)
            | Self::Refused(_) => None,
        }
    }
}

impl<C: Carriage + 'static> Session<C> {
    /// Tells the client, closes the upstream and the connection.
    pub(super) async fn end(mut self, ending: Ending) {
        let code = ending.code();
        if let Some(refusal) = ending.untold() {
            let correlation = self.note_refused(&refusal);
            if code.is_some() {
                let _ = self.line.feed(error_frame(&refusal, correlation, None, None)).await;
            }
        }
        if let Some(code) = code {
            let bye = self.machine.bye(code);
            let _ = self.line.feed(bye).await;
            let _ = self.line.flush().await;
        }
        let Self { line, mut links, connection, .. } = self;
        tokio::join!(line.close(Some(ending.close_code()), ending.reason()), links.close());
        drop(connection);
    }

    /// The connection is gone and the session waits: the one is closed, the other keeps its numbers and its links.
    pub(super) async fn step_away(&mut self, ending: &Ending) {
        if let Some(refusal) = ending.untold() {
            self.note_refused(&refusal);
        }
        self.machine.leave();
        // HS-99: what it may not have heard is said again.
        self.told_halt = self.known_halt;
        self.await_ready = None;
        let line = std::mem::replace(&mut self.line, Line::Away);
        // The connection gives its place back; what it was is still known.
        self.connection = Rc::new(Connection::of_facts(self.connection.facts()));
        let (code, reason) = (ending.close_code(), ending.reason());
        tokio::task::spawn_local(line.close(Some(code), reason));
    }
}
