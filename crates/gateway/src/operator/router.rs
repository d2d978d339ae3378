//! The requests, as axum routes.

use std::sync::Arc;

use axum::extract::rejection::QueryRejection;
use axum::extract::{FromRequestParts, Path, Query, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use countersign_core::{CredentialId, SessionId};
use countersign_oauth::RevocationTarget;
use http::request::Parts;
use http::{HeaderName, HeaderValue, StatusCode, header};
use serde::Deserialize;
use serde_json::json;

use super::backend::{AuditQuery, BackendError, OperatorBackend};
use super::{OperatorIdentity, OperatorVia};

/// Records in one answer unless asked for otherwise.
const LIMIT_DEFAULT: usize = 100;
/// Most records in one answer: about 1 MB.
const LIMIT_MAX: usize = 1_000;
/// Longest correlation id asked for: ours have 22 characters.
const CORRELATION_BYTES_MAX: usize = 64;
/// The media type of the OpenMetrics text format.
const METRICS_TYPE: HeaderValue = HeaderValue::from_static("application/openmetrics-text; version=1.0.0; charset=utf-8");

/// All routes. Each request must carry an [`OperatorIdentity`] as an extension; without one it is refused.
pub(super) fn router<B: OperatorBackend>(backend: Arc<B>) -> Router {
    Router::new()
        .route("/metrics", get(metrics::<B>))
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz::<B>))
        .route("/v1/status", get(status::<B>))
        .route("/v1/sessions", get(sessions::<B>))
        .route("/v1/sessions/{sid}", get(session::<B>))
        .route("/v1/sessions/{sid}/kill", post(kill_session::<B>))
        .route("/v1/tokens", get(tokens::<B>))
        .route("/v1/tokens/{target}/revoke", post(revoke_tokens::<B>))
        .route("/v1/connections", get(connections::<B>))
        .route("/v1/audit", get(audit::<B>))
        .route("/v1/config", get(config::<B>))
        .route("/v1/reload", post(reload::<B>))
        .route("/v1/keys/{id}/revoke", post(revoke_key::<B>))
        .merge(super::halts::routes::<B>())
        .fallback(|| async { Refused::new(StatusCode::NOT_FOUND, "not_found", "there is no such endpoint") })
        .method_not_allowed_fallback(|| async { Refused::new(StatusCode::METHOD_NOT_ALLOWED, "method", "not with this method") })
        .layer(axum::middleware::from_fn(require_operator))
        .with_state(backend)
}

/// A refusal: status, code, sentence.
pub(super) struct Refused(StatusCode, &'static str, String);

impl Refused {
    pub(super) fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self(status, code, message.into())
    }

    /// The body of the answer.
    pub(super) fn to_json(&self) -> serde_json::Value {
        json!({ "error": { "code": self.1, "message": self.2 } })
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        (self.0, Json(self.to_json())).into_response()
    }
}

impl From<BackendError> for Refused {
    fn from(error: BackendError) -> Self {
        Self::new(error.status(), error.code(), error.to_string())
    }
}

impl From<QueryRejection> for Refused {
    fn from(_: QueryRejection) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "query", "expected limit=NUMBER and, for the audit log, correlation=ID")
    }
}

/// What a browser says of the page that asks: `Origin`, and `Sec-Fetch-Site` also where there is no origin to tell. There are no pages
/// of ours.
const PAGE_FIELDS: [HeaderName; 2] = [header::ORIGIN, HeaderName::from_static("sec-fetch-site")];

/// Whether a page in an operator's browser asks. What its user typed in is no page's, and reads.
fn is_of_a_page(request: &axum::extract::Request) -> bool {
    let typed_in = |name: &HeaderName, value: &HeaderValue| *name != header::ORIGIN && value == "none" && request.method().is_safe();
    PAGE_FIELDS.iter().any(|name| request.headers().get_all(name).iter().any(|value| !typed_in(name, value)))
}

/// Nothing is answered to somebody who is not an operator, not even 404; and nothing to a page in an operator's browser.
async fn require_operator(request: axum::extract::Request, next: axum::middleware::Next) -> Response {
    if request.extensions().get::<OperatorIdentity>().is_none() {
        return Refused::new(StatusCode::FORBIDDEN, "not_an_operator", "the client certificate is not an operator's").into_response();
    }
    if is_of_a_page(&request) {
        return Refused::new(StatusCode::FORBIDDEN, "origin", "web pages are not answered here").into_response();
    }
    next.run(request).await
}

/// An operator who may change something.
pub(super) struct Changing(pub(super) OperatorIdentity);

impl<S: Sync> FromRequestParts<S> for Changing {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refused> {
        let identity = parts.extensions.get::<OperatorIdentity>().cloned();
        let identity = identity.ok_or_else(|| Refused::new(StatusCode::FORBIDDEN, "not_an_operator", "who are you?"))?;
        Ok(Self(identity))
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Limit {
    limit: Option<usize>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AuditParameters {
    correlation: Option<String>,
    limit: Option<usize>,
}

fn bounded(limit: Option<usize>) -> usize {
    limit.unwrap_or(LIMIT_DEFAULT).min(LIMIT_MAX)
}

async fn metrics<B: OperatorBackend>(State(backend): State<Arc<B>>) -> Response {
    ([(header::CONTENT_TYPE, METRICS_TYPE)], backend.metrics()).into_response()
}

async fn healthz() -> Json<serde_json::Value> {
    Json(json!({ "healthy": true }))
}

async fn readyz<B: OperatorBackend>(State(backend): State<Arc<B>>) -> Result<Json<serde_json::Value>, Refused> {
    backend.ready().map_err(|reason| Refused::new(StatusCode::SERVICE_UNAVAILABLE, "not_ready", reason))?;
    let degraded = backend.degraded();
    Ok(Json(if degraded.is_empty() { json!({ "ready": true }) } else { json!({ "ready": true, "degraded": degraded }) }))
}

async fn status<B: OperatorBackend>(State(backend): State<Arc<B>>) -> Response {
    Json(backend.status()).into_response()
}

async fn sessions<B: OperatorBackend>(
    State(backend): State<Arc<B>>,
    query: Result<Query<Limit>, QueryRejection>,
) -> Result<Response, Refused> {
    let sessions = backend.sessions(bounded(query?.limit)).await;
    Ok(Json(json!({ "sessions": sessions })).into_response())
}

fn session_id(text: &str) -> Result<SessionId, Refused> {
    SessionId::parse(text).ok_or_else(|| Refused::new(StatusCode::BAD_REQUEST, "id", "not a session id"))
}

async fn session<B: OperatorBackend>(State(backend): State<Arc<B>>, Path(sid): Path<String>) -> Result<Response, Refused> {
    let found = backend.session(session_id(&sid)?).await?;
    let found = found.ok_or_else(|| Refused::new(StatusCode::NOT_FOUND, "not_found", format!("there is no open session {sid}")))?;
    Ok(Json(found).into_response())
}

async fn kill_session<B: OperatorBackend>(
    State(backend): State<Arc<B>>,
    Changing(by): Changing,
    Path(sid): Path<String>,
) -> Result<Response, Refused> {
    let report = backend.kill_session(&by, session_id(&sid)?).await?;
    log_change(&by, "session kill");
    Ok(Json(report).into_response())
}

async fn tokens<B: OperatorBackend>(
    State(backend): State<Arc<B>>,
    query: Result<Query<Limit>, QueryRejection>,
) -> Result<Response, Refused> {
    let tokens = backend.tokens(bounded(query?.limit)).await?;
    Ok(Json(json!({ "tokens": tokens })).into_response())
}

async fn revoke_tokens<B: OperatorBackend>(
    State(backend): State<Arc<B>>,
    Changing(by): Changing,
    Path(target): Path<String>,
) -> Result<Response, Refused> {
    let target = RevocationTarget::parse(&target)
        .ok_or_else(|| Refused::new(StatusCode::BAD_REQUEST, "target", "expected sid:SESSION, key:CREDENTIAL or jti:TOKEN"))?;
    let report = backend.revoke_tokens(&by, &target).await?;
    log_change(&by, "token revoke");
    Ok(Json(report).into_response())
}

async fn connections<B: OperatorBackend>(
    State(backend): State<Arc<B>>,
    query: Result<Query<Limit>, QueryRejection>,
) -> Result<Response, Refused> {
    let connections = backend.connections(bounded(query?.limit));
    Ok(Json(json!({ "connections": connections })).into_response())
}

async fn audit<B: OperatorBackend>(
    State(backend): State<Arc<B>>,
    query: Result<Query<AuditParameters>, QueryRejection>,
) -> Result<Response, Refused> {
    let Query(AuditParameters { correlation, limit }) = query?;
    if correlation.as_ref().is_some_and(|id| id.is_empty() || id.len() > CORRELATION_BYTES_MAX) {
        return Err(Refused::new(StatusCode::BAD_REQUEST, "query", "that is not a correlation id"));
    }
    let records = backend.audit(AuditQuery { correlation, limit: bounded(limit) }).await?;
    Ok(Json(json!({ "records": records })).into_response())
}

async fn config<B: OperatorBackend>(State(backend): State<Arc<B>>) -> Response {
    Json(json!({ "config": backend.config() })).into_response()
}

async fn reload<B: OperatorBackend>(State(backend): State<Arc<B>>, Changing(by): Changing) -> Result<Response, Refused> {
    let report = backend.reload(&by).await?;
    log_change(&by, "reload");
    Ok(Json(report).into_response())
}

async fn revoke_key<B: OperatorBackend>(
    State(backend): State<Arc<B>>,
    Changing(by): Changing,
    Path(id): Path<String>,
) -> Result<Response, Refused> {
    let id =
        CredentialId::parse(&id).map_err(|error| Refused::new(StatusCode::BAD_REQUEST, "id", format!("not a credential id: {error}")))?;
    let report = backend.revoke_key(&by, &id).await?;
    log_change(&by, "revoke");
    Ok(Json(report).into_response())
}

pub(super) fn log_change(by: &OperatorIdentity, action: &'static str) {
    let via = match by.via() {
        OperatorVia::Certificate => "certificate",
        OperatorVia::Socket => "socket",
    };
    tracing::info!(operator = by.name(), via, action, "operator changed something");
}
