//! The native protocol in a FIX Logon.
//!
//! ```text
//!   Logon  553 = key id, 95/96 = cs1h token, 108 = the heartbeat that the token asks for, in seconds
//!   Logon  95/96 = cs1w token, 20002 = the secrets beside it, base64url
//! ```
//!
//! Sequence numbers are those of the FIX session; scopes and end are those of the contract.

use countersign_core::{Freshness, Monotonic, Refusal, Reject, SessionId, Timestamp};
use countersign_fix::message::number;
use countersign_fix::{Message, tag};
use countersign_handshake::contract::Quantity;
use countersign_handshake::frame;
use countersign_session::CancelPolicy;
use tokio::sync::watch;

use super::grant::Granted;
use super::session::cancel_policy;
use super::sessions::{CarriageKind, KilledBy, SessionGuard};
use crate::authenticate::Login;
use crate::clock;
use crate::connection::Connection;
use crate::worker::Worker;

/// Carries the secrets of a welcome; user-defined range.
pub(crate) const SECRET_TAG: tag::Tag = 20_002;

/// A native session on a FIX connection.
pub(crate) struct FixSession {
    guard: SessionGuard,
    killed: watch::Receiver<Option<KilledBy>>,
    ends: Monotonic,
    policy: CancelPolicy,
}

impl FixSession {
    /// Whether it may go on.
    ///
    /// # Errors
    /// [`Reject::SessionExpired`].
    pub(crate) fn check_open(&self) -> Result<(), Refusal> {
        if let Some(by) = self.guard.session().killed_by() {
            return Err(Refusal::operator(Reject::SessionExpired, by.words()));
        }
        if clock::mono() >= self.ends { Err(Reject::SessionExpired.into()) } else { Ok(()) }
    }

    /// Its name.
    pub(crate) fn sid(&self) -> SessionId {
        self.guard.session().sid
    }

    /// The end of its life.
    pub(crate) fn until(&self) -> Timestamp {
        self.guard.session().until()
    }

    /// Cancel on disconnect, as the contract has it.
    pub(crate) const fn policy(&self) -> CancelPolicy {
        self.policy
    }

    /// Waits until it is over.
    pub(crate) async fn over(&mut self) {
        let end = tokio::time::sleep(self.ends.saturating_since(clock::mono()));
        tokio::select! {
            _ = self.killed.wait_for(Option::is_some) => {}
            () = end => {}
        }
    }
}

/// What a native Logon comes to: who, the fields of the answer, the session.
pub(crate) type OpenedByFix = (Login, Vec<(tag::Tag, Vec<u8>)>, FixSession);

/// Opens a session by the token in a Logon.
///
/// # Errors
/// As every native handshake; [`Reject::Malformed`] when the Logon says something else than its token.
pub(crate) fn open_fix(worker: &Worker, connection: &Connection, token: &[u8], logon: &Message<'_>) -> Result<OpenedByFix, Refusal> {
    super::check_offered(worker, connection)?;
    let token = std::str::from_utf8(token).map_err(|_| Reject::Malformed)?;
    let granted = connection.native.open(worker, connection, token, CarriageKind::Fix)?;
    let session = granted.session_ref();
    // A FIX session is taken up again by its own Logon, not by a ticket.
    let Granted { established, guard, counters, returns: _ } = granted;
    if let Ok(Some(named)) = logon.unique(tag::USERNAME)
        && named != established.identity.key_id().as_str().as_bytes()
    {
        return Err(Refusal::operator(Reject::Malformed, "Username is not the key of the token"));
    }
    // HS-98: FIX has its own words for what the token says.
    let seconds = logon.first(tag::HEART_BT_INT).and_then(number).unwrap_or(0);
    if seconds.saturating_mul(1_000) != established.contract.quantity(Quantity::HbMs) {
        return Err(Refusal::operator(Reject::Malformed, "HeartBtInt is not the heartbeat of the contract"));
    }
    let welcome = established.welcome.as_bytes().to_vec();
    let secret = frame::secret_header(&established.sec).expose().as_bytes().to_vec();
    let fields = vec![(tag::RAW_DATA_LENGTH, welcome.len().to_string().into_bytes()), (tag::RAW_DATA, welcome), (SECRET_TAG, secret)];
    let ends = clock::mono().saturating_add(established.contract.life());
    let (killed, policy) = (guard.session().killed(), cancel_policy(&established.contract));
    let login = Login { session: Some(session), ..Login::new(established.identity, Freshness::Channel, counters) };
    Ok((login, fields, FixSession { guard, killed, ends, policy }))
}
