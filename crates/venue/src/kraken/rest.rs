//! The façade's HTTP side: routes, bodies, answers.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::routing::{MethodFilter, get, on};
use http::{Request, Response, StatusCode, header};
use serde_json::{Map, Value, json};

use super::call::call;
use super::error::KrakenError;
use super::operation::{Operation, ROUTES};
use super::{socket, v1};
use crate::facade::{Fields, Received, fields_of, json_response, receive};
use crate::shell::Shell;

/// All routes of the façade.
pub(crate) fn router() -> Router<Arc<Shell>> {
    let mut router = Router::new().route("/v2", get(socket::handshake)).route("/kraken/ws", get(v1::handshake));
    for (method, path, operation) in ROUTES {
        let filter = MethodFilter::try_from(method.clone()).expect("the table names plain methods");
        let operation = *operation;
        let handler =
            move |State(shell): State<Arc<Shell>>, request: Request<Body>| async move { answer(&shell, operation, request).await };
        router = router.route(path, on(filter, handler));
    }
    router
}

async fn answer(shell: &Shell, operation: Operation, request: Request<Body>) -> Response<Body> {
    let received = match receive(shell, request).await {
        Ok(received) => received,
        Err(error) => return KrakenError::from(error).response(),
    };
    let result = fields(&received).and_then(|fields| call(shell, operation, &received.caller, &fields));
    match result {
        Ok(result) => json_response(StatusCode::OK, &json!({"error": [], "result": result})),
        Err(error) => error.response(),
    }
}

/// The parameters: a JSON or form body when there is one, the query otherwise.
fn fields(received: &Received) -> Result<Fields, KrakenError> {
    if received.body.is_empty() {
        return Ok(Fields::from_query(received.query())?);
    }
    let kind = received.head.headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    if kind.is_some_and(|kind| kind.starts_with("application/json")) {
        let object: Map<String, Value> = serde_json::from_slice(&received.body).map_err(|_| KrakenError::malformed())?;
        return Ok(fields_of(object));
    }
    let form = std::str::from_utf8(&received.body).map_err(|_| KrakenError::malformed())?;
    Ok(Fields::from_query(form)?)
}
