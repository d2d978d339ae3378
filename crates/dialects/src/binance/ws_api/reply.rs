//! What the gateway itself answers on a connection: refusals, and the results of `session.*`.

use std::fmt::Write as _;

use countersign_core::{Refusal, Timestamp};

use super::frame::RequestId;
use crate::answer::AnswerContext;
use crate::binance::listen_key::{self, ListenKey};
use crate::binance::rate::RateLimitView;
use crate::binance::reject_body::RejectBody;

/// What `session.logon`, `session.status` and `session.logout` tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionResult {
    /// The key logged on, if one is.
    pub api_key: Option<String>,
    /// Since when.
    pub authorized_since: Option<Timestamp>,
    /// Since when the connection is open.
    pub connected_since: Timestamp,
    /// Now.
    pub server_time: Timestamp,
    /// Whether a user data stream is subscribed to.
    pub user_data_stream: bool,
}

/// A reply to one frame; rate limits are added when it is written, because they are known only then.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct Reply<'f> {
    /// The id of the frame.
    pub id: RequestId<'f>,
    /// When it was decided, for `serverTime`.
    pub at: Timestamp,
    /// What is said.
    pub body: ReplyBody,
}

/// What a reply says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReplyBody {
    /// What became of a listen key: the key, where it goes on.
    ListenKey(Option<ListenKey>),
    /// The frame is refused.
    Refused(Refusal),
    /// The session was revoked under the client: told with `"id":null` and no limits, as at the venue.
    Revoked(Refusal),
    /// The state of the session.
    Session(SessionResult),
}

impl<'f> Reply<'f> {
    /// A refusal, for instance by the shell: scope, rate, upstream.
    pub const fn refused(id: RequestId<'f>, refusal: Refusal, at: Timestamp) -> Self {
        Self { id, at, body: ReplyBody::Refused(refusal) }
    }

    /// What became of a listen key.
    pub const fn listen_key(id: RequestId<'f>, key: Option<ListenKey>, at: Timestamp) -> Self {
        Self { id, at, body: ReplyBody::ListenKey(key) }
    }

    /// Why, if it is a refusal: for audit and metrics.
    #[must_use]
    pub const fn refusal(&self) -> Option<&Refusal> {
        match &self.body {
            ReplyBody::Refused(refusal) | ReplyBody::Revoked(refusal) => Some(refusal),
            ReplyBody::ListenKey(_) | ReplyBody::Session(_) => None,
        }
    }

    /// The text frame to send.
    #[must_use]
    pub fn text(&self, context: &AnswerContext, limits: &RateLimitView) -> String {
        let id = self.id.as_json();
        let mut json = match &self.body {
            ReplyBody::ListenKey(key) => format!(r#"{{"id":{id},"status":200,"result":{}"#, listen_key::result(*key)),
            ReplyBody::Refused(refusal) => {
                let body = RejectBody::of(refusal, context);
                format!(r#"{{"id":{id},"status":{},"error":{}"#, body.status, body.ws_error(self.at))
            }
            ReplyBody::Revoked(refusal) => {
                let body = RejectBody::of(refusal, context);
                return format!(r#"{{"id":null,"status":{},"error":{}}}"#, body.status, body.ws_error(self.at));
            }
            ReplyBody::Session(result) => format!(r#"{{"id":{id},"status":200,"result":{}"#, result.json()),
        };
        json.push_str(r#","rateLimits":"#);
        limits.write_array(&mut json);
        json.push('}');
        json
    }
}

impl SessionResult {
    fn json(&self) -> String {
        let mut json = String::from("{");
        let expectation = "a String takes any text";
        match &self.api_key {
            // A key id is visible ASCII; quotes and backslashes in it must still be escaped.
            Some(key) => write!(json, r#""apiKey":{}"#, serde_json::Value::from(key.as_str())).expect(expectation),
            None => json.push_str(r#""apiKey":null"#),
        }
        match self.authorized_since {
            Some(since) => write!(json, r#","authorizedSince":{}"#, since.as_millis()).expect(expectation),
            None => json.push_str(r#","authorizedSince":null"#),
        }
        let (connected, server) = (self.connected_since.as_millis(), self.server_time.as_millis());
        write!(
            json,
            r#","connectedSince":{connected},"returnRateLimits":true,"serverTime":{server},"userDataStream":{}}}"#,
            self.user_data_stream
        )
        .expect(expectation);
        json
    }
}
