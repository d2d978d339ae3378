//! The façade's HTTP side: `GET /api/v2/<method>?params`, either verb at `/api/v2/<method>` with
//! a JSON-RPC body, `POST /api/v2` with the method in the body alone, and the envelope every reply
//! has.
//!
//! Where the path names the method, the gateway let the request through by its path: a body that
//! names another one is refused.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::routing::{get, post};
use http::{Method as Verb, Request, Response, StatusCode};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::call::call;
use super::error::RpcError;
use super::method::{METHODS, find};
use super::socket;
use crate::clock::now_ms;
use crate::facade::{Fields, Received, fields_of, json_response, receive};
use crate::shell::Shell;

/// All routes of the façade.
pub(crate) fn router() -> Router<Arc<Shell>> {
    let mut router = Router::new().route("/ws/api/v2", get(socket::handshake)).route("/ws/api/v2/", get(socket::handshake));
    for (name, ..) in METHODS {
        let name: &'static str = name;
        let handler =
            move |State(shell): State<Arc<Shell>>, request: Request<Body>| async move { answer(&shell, Some(name), request).await };
        router = router.route(&format!("/api/v2/{name}"), get(handler).post(handler));
    }
    let in_body = |State(shell): State<Arc<Shell>>, request: Request<Body>| async move { answer(&shell, None, request).await };
    router.route("/api/v2", post(in_body))
}

#[derive(Default, Deserialize)]
struct RpcBody {
    #[serde(default)]
    id: Option<Value>,
    method: Option<String>,
    #[serde(default)]
    params: Map<String, Value>,
}

async fn answer(shell: &Shell, name: Option<&str>, request: Request<Body>) -> Response<Body> {
    let began = now_ms();
    let (id, result) = match receive(shell, request).await {
        Err(error) => (None, Err(error.into())),
        Ok(received) => run(shell, name, &received),
    };
    let status = if result.is_ok() { StatusCode::OK } else { StatusCode::BAD_REQUEST };
    json_response(status, &envelope(id.as_ref(), result, began))
}

/// What a request asks for.
struct Asked {
    id: Option<Value>,
    name: String,
    fields: Fields,
}

/// `name`: what the path names.
fn run(shell: &Shell, name: Option<&str>, received: &Received) -> (Option<Value>, Result<Value, RpcError>) {
    match read(name, received) {
        Err(error) => (None, Err(error)),
        Ok(asked) => {
            let found = find(&asked.name).ok_or_else(RpcError::unknown_method);
            (asked.id, found.and_then(|(method, access)| call(shell, method, access, &received.caller, &asked.fields)))
        }
    }
}

fn read(name: Option<&str>, received: &Received) -> Result<Asked, RpcError> {
    match name {
        Some(name) if received.head.method == Verb::GET && !names_method(&received.body) => {
            Ok(Asked { id: None, name: name.to_owned(), fields: Fields::from_query(received.query())? })
        }
        Some(_) | None => read_body(name, &received.body),
    }
}

/// Whether the body of a GET is a call: without a method it is what libraries send by themselves.
fn names_method(body: &[u8]) -> bool {
    serde_json::from_slice::<RpcBody>(body).is_ok_and(|body| body.method.is_some())
}

fn read_body(name: Option<&str>, body: &[u8]) -> Result<Asked, RpcError> {
    let body: RpcBody = serde_json::from_slice(body).map_err(|_| RpcError::malformed())?;
    let method = body.method.as_deref().map(|method| method.trim_start_matches('/'));
    if name.is_some_and(|name| method.is_some_and(|method| method != name)) {
        return Err(RpcError::invalid_request());
    }
    let name = name.or(method).ok_or_else(RpcError::invalid_request)?.to_owned();
    Ok(Asked { id: body.id, name, fields: fields_of(body.params) })
}

/// A reply with its times, in microseconds.
pub(super) fn envelope(id: Option<&Value>, result: Result<Value, RpcError>, began_ms: u64) -> Value {
    let ended_ms = now_ms();
    let mut envelope = json!({
        "jsonrpc": "2.0", "usIn": began_ms * 1_000, "usOut": ended_ms * 1_000, "usDiff": ended_ms.saturating_sub(began_ms) * 1_000,
        "testnet": false,
    });
    if let Some(id) = id {
        envelope["id"] = id.clone();
    }
    match result {
        Err(error) => envelope["error"] = error.json(),
        Ok(result) => envelope["result"] = result,
    }
    envelope
}
