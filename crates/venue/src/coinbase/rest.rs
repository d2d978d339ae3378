//! The façade's HTTP side: routes, bodies, answers.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{RawPathParams, State};
use axum::routing::{MethodFilter, get, on};
use http::{Method, Request, Response, StatusCode};
use serde_json::{Map, Value};

use super::call::{Input, call};
use super::error::CoinbaseError;
use super::operation::{Operation, ROUTES};
use super::socket;
use crate::facade::{Access, json_response, receive};
use crate::shell::Shell;

/// All routes of the façade.
pub(crate) fn router() -> Router<Arc<Shell>> {
    let mut router = Router::new().route("/", get(socket::handshake));
    for (method, path, operation, access) in ROUTES {
        let filter = MethodFilter::try_from(method.clone()).expect("the table names plain methods");
        let wanted = (*operation, *access);
        let handler = move |State(shell): State<Arc<Shell>>, path: RawPathParams, request: Request<Body>| async move {
            answer(&shell, wanted, &path, request).await
        };
        router = router.route(path, on(filter, handler));
    }
    router
}

async fn answer(shell: &Shell, wanted: (Operation, Access), path: &RawPathParams, request: Request<Body>) -> Response<Body> {
    let received = match receive(shell, request).await {
        Ok(received) => received,
        Err(error) => return CoinbaseError::from(error).response(),
    };
    // A GET may carry a body; one client sends `{}` with each. No operation reads one there.
    let body = if received.head.method == Method::GET || received.body.is_empty() {
        Ok(Map::new())
    } else {
        serde_json::from_slice::<Map<String, Value>>(&received.body).map_err(|_| CoinbaseError::argument("the body must be a JSON object"))
    };
    let (operation, access) = wanted;
    let id = path.iter().next().map(|(_, value)| value.to_owned());
    let input = body.map(|body| Input::new(id, received.query(), body));
    match input.and_then(|input| call(shell, operation, access, &received.caller, &input)) {
        Ok(body) => json_response(StatusCode::OK, &body),
        Err(error) => error.response(),
    }
}
