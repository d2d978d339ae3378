//! The façade's HTTP side: routes, bodies, answers.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::routing::{MethodFilter, any, get, on};
use http::{Method, Request, Response, StatusCode};

use super::call::{call, envelope};
use super::error::ApiError;
use super::operation::{Operation, ROUTES};
use super::{private_ws, public_ws, trade_ws};
use crate::facade::{Fields, json_response};
use crate::shell::Shell;

/// All routes of the façade.
pub(crate) fn router() -> Router<Arc<Shell>> {
    let mut router = Router::new()
        .route("/v5/private", get(private_ws::handshake))
        .route("/v5/public/inverse", get(public_ws::handshake))
        .route("/v5/public/linear", get(public_ws::handshake))
        .route("/v5/public/option", get(public_ws::handshake))
        .route("/v5/public/spot", get(public_ws::handshake))
        .route("/v5/trade", get(trade_ws::handshake))
        .route("/v5/{*path}", any(not_found));
    for (method, path, operation) in ROUTES {
        let filter = if *method == Method::POST { MethodFilter::POST } else { MethodFilter::GET };
        let handler = async move |State(shell): State<Arc<Shell>>, request: Request<Body>| answer(&shell, *operation, request).await;
        router = router.route(path, on(filter, handler));
    }
    router.method_not_allowed_fallback(not_found)
}

async fn not_found(State(shell): State<Arc<Shell>>) -> Response<Body> {
    shell.counters.count_refused();
    refusal(&ApiError::not_found())
}

async fn answer(shell: &Shell, operation: Operation, request: Request<Body>) -> Response<Body> {
    let caller = match shell.identify(request.headers()).await {
        Ok(caller) => caller,
        Err(error) => {
            shell.counters.count_refused();
            return refusal(&ApiError::from(error));
        }
    };
    let (head, body) = request.into_parts();
    let fields = if head.method == Method::GET {
        Fields::from_query(head.uri.query().unwrap_or("")).map_err(ApiError::from)
    } else {
        let body = crate::body::read(body).await.map_err(|_| ApiError::bad_body());
        body.and_then(|body| Fields::from_body(&body).map_err(ApiError::from))
    };
    match fields.and_then(|fields| call(shell, operation, &caller, &fields)) {
        Ok(result) => json_response(StatusCode::OK, &envelope(Ok(result))),
        Err(error) => refusal(&error),
    }
}

/// An error as an HTTP answer.
pub(super) fn refusal(error: &ApiError) -> Response<Body> {
    json_response(error.status, &envelope(Err(error)))
}
