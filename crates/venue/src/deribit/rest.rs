//! The façade's HTTP side: `GET /api/v2/<method>?params`, either verb at `/api/v2/<method>` with
//! a JSON-RPC body, and the envelope every reply has.
//!
//! The path names the method, because the gateway let the request through by its path: a body
//! that names another one is refused.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::routing::get;
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
        let handler = move |State(shell): State<Arc<Shell>>, request: Request<Body>| async move { answer(&shell, name, request).await };
        router = router.route(&format!("/api/v2/{name}"), get(handler).post(handler));
    }
    router
}

#[derive(Default, Deserialize)]
struct RpcBody {
    #[serde(default)]
    id: Option<Value>,
    method: Option<String>,
    #[serde(default)]
    params: Map<String, Value>,
}

async fn answer(shell: &Shell, name: &str, request: Request<Body>) -> Response<Body> {
    let began = now_ms();
    let (id, result) = match receive(shell, request).await {
        Err(error) => (None, Err(error.into())),
        Ok(received) => run(shell, name, &received),
    };
    let status = if result.is_ok() { StatusCode::OK } else { StatusCode::BAD_REQUEST };
    json_response(status, &envelope(id.as_ref(), result, began))
}

fn run(shell: &Shell, name: &str, received: &Received) -> (Option<Value>, Result<Value, RpcError>) {
    let Some((method, access)) = find(name) else {
        return (None, Err(RpcError::unknown_method()));
    };
    let read = if received.head.method == Verb::GET && !names_method(&received.body) {
        Fields::from_query(received.query()).map(|fields| (None, fields)).map_err(RpcError::from)
    } else {
        read_body(name, &received.body)
    };
    match read {
        Err(error) => (None, Err(error)),
        Ok((id, fields)) => (id, call(shell, method, access, &received.caller, &fields)),
    }
}

/// Whether the body of a GET is a call: without a method it is what libraries send by themselves.
fn names_method(body: &[u8]) -> bool {
    serde_json::from_slice::<RpcBody>(body).is_ok_and(|body| body.method.is_some())
}

fn read_body(name: &str, body: &[u8]) -> Result<(Option<Value>, Fields), RpcError> {
    let body: RpcBody = serde_json::from_slice(body).map_err(|_| RpcError::malformed())?;
    if body.method.is_some_and(|method| method.trim_start_matches('/') != name) {
        return Err(RpcError::invalid_request());
    }
    Ok((body.id, fields_of(body.params)))
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
