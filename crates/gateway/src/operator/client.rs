//! The client side of the Unix socket, for the command line.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use countersign_core::{CredentialId, SessionId};
use countersign_halt::LiftId;
use countersign_oauth::RevocationTarget;
use http::{Method, Request, StatusCode, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_util::rt::TokioIo;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::net::UnixStream;

use super::backend::{
    AuditQuery, ConfigLine, KillReport, ReloadReport, RevokeReport, SessionRecord, Status, TokenRecord, TokenRevokeReport,
};
use crate::halts::report::{DrillReport, DrillRequest, HaltReport, HaltRequest, HaltStatus, LiftReport, LiftRequest, SignatureRequest};

/// Largest answer read: a thousand audit records are about 1 MB.
const ANSWER_BYTES_MAX: usize = 16 << 20;
/// Time for a whole request: a reload reads the store and files.
const DEADLINE: Duration = Duration::from_secs(30);

/// Why there is no answer. Each is one clear sentence.
#[derive(Debug, thiserror::Error)]
pub enum OperatorClientError {
    /// Nobody answers, or we may not ask.
    #[error("no running gateway at {path}: {source}")]
    Connect {
        /// The socket.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The connection broke or took too long.
    #[error("the gateway did not answer: {0}")]
    Exchange(String),
    /// The gateway refused.
    #[error("{message}")]
    Refused {
        /// HTTP status.
        status: StatusCode,
        /// Its sentence.
        message: String,
    },
}

/// Asks a running gateway over its Unix socket.
#[derive(Clone, Debug)]
pub struct OperatorClient {
    path: PathBuf,
}

type Answer<T> = Result<T, OperatorClientError>;

impl OperatorClient {
    /// A client for the socket at this path. Connects anew for each request.
    #[must_use]
    pub fn new(path: impl AsRef<Path>) -> Self {
        Self { path: path.as_ref().to_owned() }
    }

    /// `GET /v1/status`
    ///
    /// # Errors
    /// [`OperatorClientError`]
    pub async fn status(&self) -> Answer<Status> {
        self.json(Method::GET, "/v1/status", "").await
    }

    /// `GET /readyz`
    ///
    /// # Errors
    /// [`OperatorClientError`]; [`OperatorClientError::Refused`] with the reason when it is not ready.
    pub async fn ready(&self) -> Answer<()> {
        self.exchange(Method::GET, "/readyz").await.map(|_| ())
    }

    /// `GET /metrics`
    ///
    /// # Errors
    /// [`OperatorClientError`]
    pub async fn metrics(&self) -> Answer<String> {
        let bytes = self.exchange(Method::GET, "/metrics").await?;
        String::from_utf8(bytes.into()).map_err(|_| OperatorClientError::Exchange("the metrics are not text".to_owned()))
    }

    /// `GET /v1/sessions`
    ///
    /// # Errors
    /// [`OperatorClientError`]
    pub async fn sessions(&self, limit: usize) -> Answer<Vec<SessionRecord>> {
        self.json(Method::GET, &format!("/v1/sessions?limit={limit}"), "sessions").await
    }

    /// `GET /v1/sessions/{sid}`
    ///
    /// # Errors
    /// [`OperatorClientError`]; [`OperatorClientError::Refused`] when there is none.
    pub async fn session(&self, sid: SessionId) -> Answer<SessionRecord> {
        self.json(Method::GET, &format!("/v1/sessions/{sid}"), "").await
    }

    /// `POST /v1/sessions/{sid}/kill`
    ///
    /// # Errors
    /// [`OperatorClientError`]
    pub async fn kill_session(&self, sid: SessionId) -> Answer<KillReport> {
        self.json(Method::POST, &format!("/v1/sessions/{sid}/kill"), "").await
    }

    /// `GET /v1/tokens`
    ///
    /// # Errors
    /// [`OperatorClientError`]
    pub async fn tokens(&self, limit: usize) -> Answer<Vec<TokenRecord>> {
        self.json(Method::GET, &format!("/v1/tokens?limit={limit}"), "tokens").await
    }

    /// `POST /v1/tokens/{target}/revoke`
    ///
    /// # Errors
    /// [`OperatorClientError`]
    pub async fn revoke_tokens(&self, target: &RevocationTarget) -> Answer<TokenRevokeReport> {
        self.json(Method::POST, &format!("/v1/tokens/{target}/revoke"), "").await
    }

    /// `GET /v1/connections`
    ///
    /// # Errors
    /// [`OperatorClientError`]
    pub async fn connections(&self, limit: usize) -> Answer<Vec<Value>> {
        self.json(Method::GET, &format!("/v1/connections?limit={limit}"), "connections").await
    }

    /// `GET /v1/audit`
    ///
    /// # Errors
    /// [`OperatorClientError`]
    pub async fn audit(&self, query: &AuditQuery) -> Answer<Vec<Value>> {
        let mut path = format!("/v1/audit?limit={}", query.limit);
        if let Some(correlation) = &query.correlation {
            path.push_str("&correlation=");
            path.extend(correlation.chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_')));
        }
        self.json(Method::GET, &path, "records").await
    }

    /// `GET /v1/config`
    ///
    /// # Errors
    /// [`OperatorClientError`]
    pub async fn config(&self) -> Answer<Vec<ConfigLine>> {
        self.json(Method::GET, "/v1/config", "config").await
    }

    /// `POST /v1/reload`
    ///
    /// # Errors
    /// [`OperatorClientError`]; nothing is reloaded then.
    pub async fn reload(&self) -> Answer<ReloadReport> {
        self.json(Method::POST, "/v1/reload", "").await
    }

    /// `POST /v1/keys/{id}/revoke`
    ///
    /// # Errors
    /// [`OperatorClientError`]
    pub async fn revoke_key(&self, id: &CredentialId) -> Answer<RevokeReport> {
        self.json(Method::POST, &format!("/v1/keys/{id}/revoke"), "").await
    }

    /// `GET /v1/halts`
    ///
    /// # Errors
    /// [`OperatorClientError`]
    pub async fn halts(&self) -> Answer<HaltStatus> {
        self.json(Method::GET, "/v1/halts", "").await
    }

    /// `POST /v1/halts`
    ///
    /// # Errors
    /// [`OperatorClientError`]
    pub async fn halt(&self, request: &HaltRequest) -> Answer<HaltReport> {
        self.post("/v1/halts", request).await
    }

    /// `POST /v1/lifts`
    ///
    /// # Errors
    /// [`OperatorClientError`]
    pub async fn propose_lift(&self, request: &LiftRequest) -> Answer<LiftReport> {
        self.post("/v1/lifts", request).await
    }

    /// `GET /v1/lifts/{id}`
    ///
    /// # Errors
    /// [`OperatorClientError`]
    pub async fn lift(&self, id: LiftId) -> Answer<LiftReport> {
        self.json(Method::GET, &format!("/v1/lifts/{id}"), "").await
    }

    /// `POST /v1/lifts/{id}/signatures`
    ///
    /// # Errors
    /// [`OperatorClientError`]
    pub async fn sign_lift(&self, id: LiftId, request: &SignatureRequest) -> Answer<LiftReport> {
        self.post(&format!("/v1/lifts/{id}/signatures"), request).await
    }

    /// `POST /v1/lifts/{id}/apply`
    ///
    /// # Errors
    /// [`OperatorClientError`]; nothing is lifted then.
    pub async fn apply_lift(&self, id: LiftId) -> Answer<LiftReport> {
        self.json(Method::POST, &format!("/v1/lifts/{id}/apply"), "").await
    }

    /// `POST /v1/drills`
    ///
    /// # Errors
    /// [`OperatorClientError`]
    pub async fn drill(&self, request: &DrillRequest) -> Answer<DrillReport> {
        self.post("/v1/drills", request).await
    }

    async fn post<T: DeserializeOwned>(&self, path: &str, request: &impl Serialize) -> Answer<T> {
        let broken = |error: serde_json::Error| OperatorClientError::Exchange(error.to_string());
        let body = serde_json::to_vec(request).map_err(broken)?;
        let answer = self.exchange_with(Method::POST, path, body.into()).await?;
        serde_json::from_slice(&answer).map_err(|error| OperatorClientError::Exchange(format!("unexpected answer: {error}")))
    }

    /// The member of the answer, or the whole answer when no member is named.
    async fn json<T: DeserializeOwned>(&self, method: Method, path: &str, member: &str) -> Answer<T> {
        let wrong = |error: serde_json::Error| OperatorClientError::Exchange(format!("unexpected answer: {error}"));
        let mut value: Value = serde_json::from_slice(&self.exchange(method, path).await?).map_err(wrong)?;
        if !member.is_empty() {
            value = value.get_mut(member).map(Value::take).unwrap_or_default();
        }
        serde_json::from_value(value).map_err(wrong)
    }

    async fn exchange(&self, method: Method, path: &str) -> Answer<Bytes> {
        self.exchange_with(method, path, Bytes::new()).await
    }

    async fn exchange_with(&self, method: Method, path: &str, body: Bytes) -> Answer<Bytes> {
        let stream = UnixStream::connect(&self.path).await;
        let stream = stream.map_err(|source| OperatorClientError::Connect { path: self.path.clone(), source })?;
        let answer = tokio::time::timeout(DEADLINE, send(stream, method, path, body)).await;
        let (status, body) = answer.map_err(|_| OperatorClientError::Exchange("it took too long".to_owned()))??;
        if status.is_success() {
            return Ok(body);
        }
        let said = serde_json::from_slice::<Value>(&body).ok().and_then(|value| Some(value["error"]["message"].as_str()?.to_owned()));
        Err(OperatorClientError::Refused { status, message: said.unwrap_or_else(|| format!("the gateway answered {status}")) })
    }
}

async fn send(stream: UnixStream, method: Method, path: &str, body: Bytes) -> Answer<(StatusCode, Bytes)> {
    let broken = |error: &dyn std::fmt::Display| OperatorClientError::Exchange(error.to_string());
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(|error| broken(&error))?;
    let mut request = Request::builder().method(method).uri(path).header(header::HOST, "localhost");
    if !body.is_empty() {
        request = request.header(header::CONTENT_TYPE, "application/json");
    }
    let request = request.body(Full::new(body));
    let request = request.map_err(|error| broken(&error))?;
    let exchange = async {
        let answer = sender.send_request(request).await.map_err(|error| broken(&error))?;
        let status = answer.status();
        let body = Limited::new(answer.into_body(), ANSWER_BYTES_MAX).collect().await.map_err(|error| broken(&error))?;
        Ok((status, body.to_bytes()))
    };
    // The connection is driven beside the exchange; when it ends first, the exchange notices on its own.
    let mut connection = std::pin::pin!(connection);
    let mut exchange = std::pin::pin!(exchange);
    tokio::select! {
        answer = exchange.as_mut() => answer,
        _ = connection.as_mut() => exchange.await,
    }
}
