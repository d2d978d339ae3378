//! Clients stop what is their own: a key, their account, a session. The proof is the one of every request: their key.
//!
//! ```text
//!   HTTP     POST /native/v1/halt     {"scope":"key|account|session","action":"cancel-only","text":"…"}
//!   session  {"op":"halt","id":…,"scope":…,"action":…,"text":…}
//! ```
//!
//! Any key that may trade may stop its account; nobody can stop somebody else's. Lifting is an operator's: a client that could lift
//! by the key that ran away would not be stopped.

use std::borrow::Cow;
use std::rc::Rc;
use std::sync::Arc;

use countersign_core::{Refusal, Reject, SessionId, VerifiedIdentity};
use countersign_dialects::HttpAnswer;
use countersign_halt::{Action, HaltScope, RaisedBy, Reason};
use http::Response;
use serde::Deserialize;
use serde_json::json;

use super::keeper::{HaltKeeper, KeeperError, NewHalt};
use super::report::HaltReport;
use crate::audit::{self, Subject};
use crate::body::ResponseBody;
use crate::body::budget::Held;
use crate::connection::Connection;
use crate::exchange::{Arrived, add_answer_headers, admit, view};
use crate::respond::{self, Words};
use crate::routes::Route;
use crate::worker::Worker;

/// Where clients stop what is their own.
pub const HALT_PATH: &str = "/native/v1/halt";
/// The same on a native session.
pub const HALT_OP: &str = "halt";
/// Longest request: a few words.
const REQUEST_BYTES_MAX: usize = 2_048;

/// A client's wish. On a session it stands beside `op` and `id`.
#[derive(Debug, Deserialize)]
pub(crate) struct Wish<'w> {
    #[serde(borrow)]
    scope: Cow<'w, str>,
    #[serde(borrow)]
    action: Option<Cow<'w, str>>,
    #[serde(borrow)]
    text: Option<Cow<'w, str>>,
}

impl<'w> Wish<'w> {
    /// Reads a request.
    ///
    /// # Errors
    /// [`Reject::MissingParameter`], naming what is not there or not one of the words.
    pub(crate) fn read(text: &'w [u8]) -> Result<Self, Refusal> {
        if text.len() > REQUEST_BYTES_MAX {
            return Err(Reject::TooLarge.into());
        }
        serde_json::from_slice(text).map_err(|_| missing("scope"))
    }

    fn into_halt(self, identity: &VerifiedIdentity, session: Option<SessionId>) -> Result<NewHalt, Refusal> {
        let scope = match &*self.scope {
            "account" => HaltScope::Account(identity.account().clone()),
            "key" => HaltScope::Key(identity.key_id().clone()),
            "session" => HaltScope::Session(session.ok_or_else(|| missing("session"))?),
            _ => return Err(missing("scope")),
        };
        let action = match self.action.as_deref() {
            None => Action::default(),
            Some(name) => Action::parse(name).ok_or_else(|| missing("action"))?,
        };
        let by = RaisedBy::Client { account: identity.account().clone(), key: identity.key_id().clone() };
        let text = self.text.map(Cow::into_owned).unwrap_or_default();
        Ok(NewHalt { scope, action, reason: Reason::ClientRequest, text, by, review_by: None })
    }
}

fn missing(name: &'static str) -> Refusal {
    Refusal::with(Reject::MissingParameter, countersign_core::Detail::Parameter(name))
}

/// Stops what a client asks for.
///
/// # Errors
/// The refusal. A store that cannot be written is none: the halt holds.
pub(crate) async fn halt(
    keeper: &HaltKeeper,
    wish: Wish<'_>,
    identity: &VerifiedIdentity,
    session: Option<SessionId>,
) -> Result<HaltReport, Refusal> {
    keeper.raise(wish.into_halt(identity, session)?).await.map_err(|error| match error {
        KeeperError::Full => Refusal::operator(Reject::RateLimited, error.to_string()),
        KeeperError::Asked(_) => missing("text"),
        KeeperError::Lift(_) | KeeperError::NoProposal | KeeperError::Store(_) | KeeperError::Unrecorded => {
            Refusal::operator(Reject::Internal, error.to_string())
        }
    })
}

/// What the client is told: not how long the gateway took, but whether the stop holds and is confirmed at all nodes.
pub(crate) fn told(report: &HaltReport) -> serde_json::Value {
    json!({ "halt": report.id, "epoch": report.epoch, "confirmed": report.confirmed_us.is_some() })
}

/// Answers `POST /native/v1/halt`.
///
/// # Errors
/// The refusal: of admission, or of the wish.
pub(crate) async fn answer(
    worker: &Rc<Worker>,
    connection: &Rc<Connection>,
    route: &Arc<Route>,
    request: Arrived,
    subject: &mut Subject,
    words: &mut Words,
) -> Result<Response<ResponseBody>, Refusal> {
    let Arrived { parts, body, authority, correlation, .. } = request;
    let held = Held::new(connection.bodies.clone(), worker.bodies.clone());
    let mut body = body.read(REQUEST_BYTES_MAX, worker.shared.settings.limits.body_deadline, held).await?;
    let whole = body.contiguous();
    let admitted = admit(worker, connection, route, &view(&parts, &authority, &whole), subject, words)?;
    audit::accepted(worker, connection, subject, &admitted, correlation)?;
    let login = admitted.login.ok_or(Reject::MissingCredentials)?;
    let session = login.session.as_ref().map(|session| session.sid);
    let report = halt(&worker.shared.halts, Wish::read(&whole)?, &login.identity, session).await?;
    let mut answer = respond::own(HttpAnswer::json(200, told(&report).to_string()), correlation);
    add_answer_headers(answer.headers_mut(), route, login, admitted.usage, words);
    Ok(answer)
}
