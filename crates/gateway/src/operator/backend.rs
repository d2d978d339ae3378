//! What operators can ask for, and the form of the answers.

use std::future::Future;
use std::net::IpAddr;

use countersign_core::{CredentialId, SessionId};
use countersign_oauth::RevocationTarget;
use countersign_pki::NegotiatedParameters;
use http::StatusCode;
use serde::{Deserialize, Serialize};

use super::OperatorIdentity;
use crate::halts::report::{DrillReport, DrillRequest, HaltReport, HaltRequest, HaltStatus, LiftReport, LiftRequest, SignatureRequest};

/// The gateway behind the operator interface. Requests that change something are told who asked, and record it.
pub trait OperatorBackend: Send + Sync + 'static {
    /// All metrics as OpenMetrics text.
    fn metrics(&self) -> String;

    /// Whether requests can be served now; else why not, in words for an operator.
    ///
    /// # Errors
    /// The reason.
    fn ready(&self) -> Result<(), String>;

    /// What does not work while requests are served, in words for an operator.
    fn degraded(&self) -> Vec<String>;

    /// Version, uptime, counts.
    fn status(&self) -> Status;

    /// Open sessions, of other nodes too, at most `limit`.
    fn sessions(&self, limit: usize) -> impl Future<Output = Vec<SessionRecord>> + Send;

    /// One open session, at whichever node.
    fn session(&self, sid: SessionId) -> impl Future<Output = Result<Option<SessionRecord>, BackendError>> + Send;

    /// Ends a session and revokes what was given out to it.
    fn kill_session(&self, by: &OperatorIdentity, sid: SessionId) -> impl Future<Output = Result<KillReport, BackendError>> + Send;

    /// Families of refresh tokens, the latest used first, at most `limit`.
    fn tokens(&self, limit: usize) -> impl Future<Output = Result<Vec<TokenRecord>, BackendError>> + Send;

    /// Revokes a token, a session with its tokens, or all tokens of a key so far, and cuts what they opened.
    fn revoke_tokens(
        &self,
        by: &OperatorIdentity,
        target: &RevocationTarget,
    ) -> impl Future<Output = Result<TokenRevokeReport, BackendError>> + Send;

    /// Open connections, latest first, at most `limit`.
    fn connections(&self, limit: usize) -> Vec<ConnectionRecord>;

    /// The effective configuration.
    fn config(&self) -> Vec<ConfigLine>;

    /// Audit records as they are in the log, latest last.
    fn audit(&self, query: AuditQuery) -> impl Future<Output = Result<Vec<serde_json::Value>, BackendError>> + Send;

    /// Reads credentials, certificates and routes anew. All or nothing: with an error in one of them the old ones stay.
    fn reload(&self, by: &OperatorIdentity) -> impl Future<Output = Result<ReloadReport, BackendError>> + Send;

    /// What is halted.
    fn halts(&self) -> HaltStatus;

    /// Halts.
    fn halt(&self, by: &OperatorIdentity, request: HaltRequest) -> impl Future<Output = Result<HaltReport, BackendError>> + Send;

    /// Proposes a lift.
    fn propose_lift(&self, by: &OperatorIdentity, request: LiftRequest) -> impl Future<Output = Result<LiftReport, BackendError>> + Send;

    /// A proposal as it stands.
    fn lift(&self, id: &str) -> impl Future<Output = Result<LiftReport, BackendError>> + Send;

    /// Adds a signature under a proposal.
    fn sign_lift(&self, id: &str, request: SignatureRequest) -> impl Future<Output = Result<LiftReport, BackendError>> + Send;

    /// Applies a proposal that has its signatures.
    fn apply_lift(&self, by: &OperatorIdentity, id: &str) -> impl Future<Output = Result<LiftReport, BackendError>> + Send;

    /// Rehearses a halt.
    fn drill(&self, by: &OperatorIdentity, request: DrillRequest) -> impl Future<Output = Result<DrillReport, BackendError>> + Send;

    /// Ends a credential for ever and cuts its sessions.
    fn revoke_key(&self, by: &OperatorIdentity, id: &CredentialId) -> impl Future<Output = Result<RevokeReport, BackendError>> + Send;
}

/// Why a request was not carried out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BackendError {
    /// What was asked for cannot be done as things are.
    #[error("{0}")]
    Conflict(String),
    /// A store, a file or a lock failed.
    #[error("{0}")]
    Failed(String),
    /// What was asked for is not right in itself.
    #[error("{0}")]
    Invalid(String),
    /// There is no such thing.
    #[error("{0}")]
    NotFound(String),
}

impl BackendError {
    /// The HTTP status of the answer.
    #[must_use]
    pub const fn status(&self) -> StatusCode {
        match self {
            Self::Conflict(_) => StatusCode::CONFLICT,
            Self::Failed(_) => StatusCode::INTERNAL_SERVER_ERROR,
            Self::Invalid(_) => StatusCode::BAD_REQUEST,
            Self::NotFound(_) => StatusCode::NOT_FOUND,
        }
    }

    /// The code in the answer.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Conflict(_) => "conflict",
            Self::Failed(_) => "failed",
            Self::Invalid(_) => "invalid",
            Self::NotFound(_) => "not_found",
        }
    }
}

/// What to look for in the audit log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditQuery {
    /// Only records of this decision: the correlation id that the client was told.
    pub correlation: Option<String>,
    /// At most so many, the latest.
    pub limit: usize,
}

/// How the gateway is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// Version of the program.
    pub version: String,
    /// Seconds since the start.
    pub uptime_s: u64,
    /// Open connections.
    pub connections: u64,
    /// Open native sessions.
    pub sessions: u64,
    /// Credentials in use.
    pub credentials: u64,
    /// Routes in use.
    pub routes: u64,
    /// Whether it is shutting down.
    pub draining: bool,
}

/// An open session, native or FIX. One of another node is shown as it was when it opened.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionRecord {
    /// Session id.
    pub sid: String,
    /// Whose.
    pub account: String,
    /// The key that opened it.
    pub key_id: String,
    /// What it was granted, separated by spaces.
    pub scopes: String,
    /// Channel binding as on the wire; for a FIX session that is not native, whose proof was in its Logon.
    pub bind: String,
    /// From where.
    pub remote: String,
    /// Since when, Unix milliseconds.
    pub since_ms: u64,
    /// Until when at the latest, Unix milliseconds; none where only the key ends it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until_ms: Option<u64>,
    /// What it travels on: `fix`, `http`, `raw` or `websocket`.
    pub carriage: String,
    /// The node that has it.
    #[serde(default)]
    pub node: String,
    /// Whether nobody is connected to it and it waits for its client.
    #[serde(default)]
    pub away: bool,
    /// What a FIX session is besides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fix: Option<FixRecord>,
}

/// The FIX side of a session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FixRecord {
    /// BeginString.
    pub version: String,
    /// The client's CompID.
    pub sender: String,
    /// Ours.
    pub target: String,
    /// The number expected from the client next.
    pub expects: u64,
    /// The number that it is sent next.
    pub sends: u64,
    /// Whose orders go when the session is lost: `account`, `session` or `none`.
    pub cancel_on_disconnect: String,
    /// The session with the venue behind it.
    pub upstream: FixUpstreamRecord,
}

/// The session with the venue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FixUpstreamRecord {
    /// The upstream's name in the configuration.
    pub name: String,
    /// Our CompID there.
    pub sender: String,
    /// Its CompID.
    pub target: String,
    /// `open`, `leaving` or `lost`.
    pub state: String,
    /// The number expected from it next.
    pub expects: u64,
    /// The number that it is sent next.
    pub sends: u64,
}

/// A family of refresh tokens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenRecord {
    /// Its session id.
    pub sid: String,
    /// Whose.
    pub account: String,
    /// The key that opened it.
    pub key_id: String,
    /// Our record of that key.
    pub credential: String,
    /// What its tokens may do, separated by spaces.
    pub scopes: String,
    /// Whom they are for.
    pub audience: String,
    /// What they are bound to: `key`, `certificate`, `connection`, separated by spaces.
    pub bound_to: String,
    /// How often it was refreshed.
    pub generation: u32,
    /// Since when, Unix milliseconds.
    pub since_ms: u64,
    /// Last refresh, Unix milliseconds.
    pub refreshed_ms: u64,
    /// Until when at the latest, Unix milliseconds.
    pub until_ms: u64,
    /// Why it was revoked, if it was.
    #[serde(default)]
    pub revoked: Option<String>,
}

/// What ending a session did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct KillReport {
    /// The session.
    pub sid: String,
    /// Whether a session of this name was open.
    pub was_open: bool,
    /// The number of the revocation of its tokens.
    pub epoch: u64,
    /// The node that has it and ends it, where that is another one than was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
}

/// What revoking tokens did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenRevokeReport {
    /// What was revoked: `sid:...`, `key:...` or `jti:...`.
    pub target: String,
    /// The number of the revocation.
    pub epoch: u64,
    /// Whether nobody has a session or refresh tokens of that name, as far as is on record. It is revoked all the same: access tokens
    /// without a refresh token are on no record.
    #[serde(default)]
    pub nobody: bool,
}

/// An open connection.
#[derive(Clone, Debug, Serialize)]
pub struct ConnectionRecord {
    /// Its id in audit records.
    pub id: String,
    /// From where.
    pub remote: String,
    /// The load balancer that said so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proxy: Option<IpAddr>,
    /// Since when, Unix milliseconds.
    pub since_ms: u64,
    /// What TLS agreed on.
    pub tls: NegotiatedParameters,
}

/// One key of the effective configuration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConfigLine {
    /// The key.
    pub key: String,
    /// Its value as text.
    pub value: String,
    /// Who set it.
    pub origin: String,
}

/// What a reload brought.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReloadReport {
    /// Credentials in use now.
    pub credentials: u64,
    /// Routes in use now.
    pub routes: u64,
    /// Whether certificates were replaced.
    pub certificates_replaced: bool,
}

/// What a revocation did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RevokeReport {
    /// The credential.
    pub id: String,
    /// Whether it was in use until now.
    pub was_active: bool,
    /// Sessions that were cut.
    pub sessions_closed: u64,
}
