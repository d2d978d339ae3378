//! The façade's HTTP side: routes, bodies, answers.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::routing::{MethodFilter, get, on};
use bytes::Bytes;
use http::{HeaderValue, Request, Response, header};

use super::call::call;
use super::error::ApiError;
use super::operation::{Operation, ROUTES};
use super::params::Params;
use super::{streams, ws_api};
use crate::shell::Shell;

/// All routes of the façade.
pub(crate) fn router() -> Router<Arc<Shell>> {
    let mut router = Router::new().route("/ws-api/v3", get(ws_api::handshake));
    for group in streams::GROUPS {
        router = router
            .route(&format!("{group}/ws"), get(streams::handshake))
            .route(&format!("{group}/ws/{{*streams}}"), get(streams::handshake))
            .route(&format!("{group}/stream"), get(streams::handshake));
    }
    for (method, path, operation) in ROUTES {
        let filter = MethodFilter::try_from(method.clone()).expect("the table names plain methods");
        let operation = *operation;
        let handler =
            move |State(shell): State<Arc<Shell>>, request: Request<Body>| async move { answer(&shell, operation, request).await };
        router = router.route(path, on(filter, handler));
    }
    router.method_not_allowed_fallback(not_found)
}

/// A path nobody serves. It counts as refused: whatever it asked for, it did not get.
pub(crate) async fn not_found(State(shell): State<Arc<Shell>>) -> Response<Body> {
    shell.counters.count_refused();
    ApiError::not_found().response()
}

async fn answer(shell: &Shell, operation: Operation, request: Request<Body>) -> Response<Body> {
    let caller = match shell.identify(request.headers()).await {
        Ok(caller) => caller,
        Err(error) => {
            shell.counters.count_refused();
            return ApiError::from(error).response();
        }
    };
    let (head, body) = request.into_parts();
    // A GET may carry a body; no operation reads one there.
    let body =
        if head.method == http::Method::GET { Ok(Bytes::new()) } else { crate::body::read(body).await.map_err(|_| ApiError::bad_body()) };
    let params = body.and_then(|body| Params::from_http(head.uri.query().unwrap_or(""), &body));
    match params.and_then(|params| call(shell, operation, &caller, &params)) {
        Ok(text) => json(text),
        Err(error) => error.response(),
    }
}

fn json(text: String) -> Response<Body> {
    let mut response = Response::new(Body::from(text));
    let json = HeaderValue::from_static("application/json;charset=UTF-8");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    response
}
