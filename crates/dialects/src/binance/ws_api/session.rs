//! One connection to the WebSocket API.
//!
//! The machine takes a frame and says what happens to it; the shell looks keys up, verifies, charges, authorizes and forwards.
//!
//! | frame | logged out | logged on |
//! |---|---|---|
//! | not a request, unknown method | `Reply` refused | `Reply` refused |
//! | `session.logon`, signed | `Verify` → result, **logged on** | `Verify` → result, **logged on** with the new key |
//! | `session.status` | `Reply`, key null | `Reply`, key |
//! | `session.logout` | `Reply`, key null | `Reply`, key null, **logged out** |
//! | public method | `Forward` without identity | `Forward` without identity |
//! | signed method with apiKey and signature | `Verify` → `Forward` under that key | the same; the session keeps its own key |
//! | signed method without them | `Reply` refused | `ForwardInSession` if the timestamp is in its window |
//! | `userDataStream.start`, `.ping`, `.stop` | `ListenKey` of the key that the frame names | the same; without one of the session's key |
//! | `userDataStream.subscribe` | `Reply` refused | `ForwardInSession`, needs no timestamp |
//!
//! Before a frame goes out under the session's identity the shell checks the key again ([`VerifiedIdentity::recheck`]); if it may no
//! longer be used, [`WsApiSession::revoke`] gives the venue's answer and the connection is logged out. A frame that is refused
//! changes nothing.

use countersign_core::verify::check_window;
use countersign_core::{Algorithm, ApiKeyId, Freshness, Presented, Refusal, Reject, Timestamp, VerifiedIdentity};

use super::frame::{Frame, RequestId};
use super::present::{freshness, present};
use super::reply::{Reply, ReplyBody, SessionResult};
use crate::binance::fault::Fault;
use crate::binance::listen_key::Action;
use crate::binance::routes::{WsHandling, WsMethod, ws_method};
use crate::dialect::{Answer, Security};

/// The state of one connection.
#[derive(Debug)]
pub struct WsApiSession {
    connected_since: Timestamp,
    user_data_stream: bool,
    state: State,
}

#[derive(Debug)]
enum State {
    LoggedOn { identity: VerifiedIdentity, since: Timestamp },
    LoggedOut,
}

/// What happens to a frame.
#[derive(Debug)]
#[must_use]
#[expect(clippy::large_enum_variant, reason = "made once per frame and taken apart at once; a box would cost an allocation")]
pub enum Step<'f> {
    /// Forward it without identity: the method is public.
    Forward(Frame<'f>, &'static WsMethod),
    /// Forward it under this identity, proved for this very frame.
    ForwardAs(Frame<'f>, &'static WsMethod, VerifiedIdentity),
    /// Forward it under the identity of the session, after checking that identity again.
    ForwardInSession(Frame<'f>, &'static WsMethod, VerifiedIdentity),
    /// Do this with the listen key of a key that is named, and answer with [`Reply::listen_key`]. Nothing was proved.
    ListenKey(RequestId<'f>, Action, ApiKeyId),
    /// Send this; nothing is forwarded.
    Reply(Reply<'f>),
    /// Look the key up, verify, and hand the result to [`WsApiSession::conclude`].
    Verify(Pending<'f>),
}

/// A frame that waits for verification.
#[derive(Debug)]
pub struct Pending<'f> {
    /// What to verify.
    pub presented: Presented<'f>,
    frame: Frame<'f>,
    method: &'static WsMethod,
}

impl Pending<'_> {
    /// The method of the frame: what to charge.
    #[must_use]
    pub const fn method(&self) -> &'static WsMethod {
        self.method
    }

    /// The window to check again just before forwarding.
    #[must_use]
    pub const fn freshness(&self) -> Freshness {
        self.presented.freshness
    }
}

impl WsApiSession {
    /// A connection just opened.
    #[must_use]
    pub const fn new(now: Timestamp) -> Self {
        Self { connected_since: now, user_data_stream: false, state: State::LoggedOut }
    }

    /// The identity logged on, if one is.
    #[must_use]
    pub const fn identity(&self) -> Option<&VerifiedIdentity> {
        match &self.state {
            State::LoggedOn { identity, .. } => Some(identity),
            State::LoggedOut => None,
        }
    }

    /// Whether a user data stream is subscribed to, as the venue behind the gateway answered: shown in `session.status`.
    pub const fn set_user_data_stream(&mut self, subscribed: bool) {
        self.user_data_stream = subscribed;
    }

    /// Takes a text frame.
    pub fn handle_text<'f>(&mut self, text: &'f str, now: Timestamp) -> Step<'f> {
        let frame = match Frame::read(text) {
            Ok(frame) => frame,
            Err(error) => return refused(error.id, error.fault.into(), now),
        };
        let Some(method) = ws_method(&frame.method) else { return refused(frame.id, Reject::RouteUnknown.into(), now) };
        match method.handling {
            WsHandling::Forward | WsHandling::ForwardInSession | WsHandling::Logon => self.handle_request(frame, method, now),
            WsHandling::ListenKey => match self.listen_key(&frame) {
                Ok((action, key_id)) => Step::ListenKey(frame.id, action, key_id),
                Err(refusal) => refused(frame.id, refusal, now),
            },
            WsHandling::Logout => {
                self.state = State::LoggedOut;
                Step::Reply(self.status(frame.id, now))
            }
            WsHandling::Status => Step::Reply(self.status(frame.id, now)),
        }
    }

    /// What is asked of which listen key: that of the key in the frame, else of the key logged on.
    fn listen_key(&self, frame: &Frame<'_>) -> Result<(Action, ApiKeyId), Refusal> {
        let action = Action::of_method(frame.method.strip_prefix("v3/").unwrap_or(&frame.method)).ok_or(Reject::RouteUnknown)?;
        let key_id = match (frame.param("apiKey"), self.identity()) {
            (Some(text), _) => ApiKeyId::parse(&text).map_err(|_| Fault::ApiKeyMalformed)?,
            (None, Some(identity)) => identity.key_id().clone(),
            (None, None) => return Err(Fault::ApiKeyMissing.into()),
        };
        Ok((action, key_id))
    }

    fn handle_request<'f>(&self, frame: Frame<'f>, method: &'static WsMethod, now: Timestamp) -> Step<'f> {
        match present(&frame, method.security, method.effect()) {
            Answer::Malformed(refusal) => refused(frame.id, refusal, now),
            Answer::Token { .. } => refused(frame.id, Reject::Malformed.into(), now),
            Answer::NotMine if method.security == Security::None => Step::Forward(frame, method),
            Answer::NotMine => match self.in_session(&frame, method, now) {
                Ok(identity) => Step::ForwardInSession(frame, method, identity),
                Err(refusal) => refused(frame.id, refusal, now),
            },
            Answer::Presented(presented) => Step::Verify(Pending { presented, frame, method }),
        }
    }

    /// An unsigned frame of a signed method: only under an open session, and only in its window.
    fn in_session(&self, frame: &Frame<'_>, method: &WsMethod, now: Timestamp) -> Result<VerifiedIdentity, Refusal> {
        let identity = match method.handling {
            WsHandling::Forward => self.identity().ok_or(Fault::ApiKeyMissing)?,
            WsHandling::ForwardInSession => return self.identity().cloned().ok_or_else(|| Fault::NotLoggedOn.into()),
            WsHandling::ListenKey | WsHandling::Logon | WsHandling::Logout | WsHandling::Status => return Err(Fault::ApiKeyMissing.into()),
        };
        check_window(freshness(frame)?, now)?;
        Ok(identity.clone())
    }

    /// Takes the result of the verification that [`Step::Verify`] asked for.
    pub fn conclude<'f>(&mut self, pending: Pending<'f>, result: Result<VerifiedIdentity, Refusal>, now: Timestamp) -> Step<'f> {
        let Pending { frame, method, .. } = pending;
        let identity = match result {
            Ok(identity) => identity,
            Err(refusal) => return refused(frame.id, refusal, now),
        };
        if method.handling != WsHandling::Logon {
            return Step::ForwardAs(frame, method, identity);
        }
        if identity.credential().verifier.algorithm() != Some(Algorithm::Ed25519) {
            return refused(frame.id, Fault::LogonNeedsEd25519.into(), now);
        }
        self.state = State::LoggedOn { identity, since: now };
        Step::Reply(self.status(frame.id, now))
    }

    /// Ends the session because its key may no longer be used; the reply is the venue's.
    pub fn revoke(&mut self, refusal: Refusal, now: Timestamp) -> Reply<'static> {
        self.state = State::LoggedOut;
        Reply { id: RequestId::NULL, at: now, body: ReplyBody::Revoked(refusal) }
    }

    fn status<'f>(&self, id: RequestId<'f>, now: Timestamp) -> Reply<'f> {
        let (api_key, authorized_since) = match &self.state {
            State::LoggedOn { identity, since } => (Some(identity.key_id().to_string()), Some(*since)),
            State::LoggedOut => (None, None),
        };
        let result = SessionResult {
            api_key,
            authorized_since,
            connected_since: self.connected_since,
            server_time: now,
            user_data_stream: self.user_data_stream,
        };
        Reply { id, at: now, body: ReplyBody::Session(result) }
    }
}

fn refused(id: RequestId<'_>, refusal: Refusal, now: Timestamp) -> Step<'_> {
    Step::Reply(Reply::refused(id, refusal, now))
}

#[cfg(test)]
mod tests;
