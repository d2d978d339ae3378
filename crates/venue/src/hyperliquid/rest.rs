//! The two addresses that everything is posted to.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use http::{Request, Response, StatusCode};
use serde_json::Value;

use super::error::HyperliquidError;
use super::{actions, info};
use crate::operations::{self, ApiError};
use crate::shell::{Caller, Shell};

pub(super) async fn exchange(State(shell): State<Arc<Shell>>, request: Request<Body>) -> Response<Body> {
    answer(&shell, request, actions::perform).await
}

pub(super) async fn info(State(shell): State<Arc<Shell>>, request: Request<Body>) -> Response<Body> {
    answer(&shell, request, info::ask).await
}

async fn answer(
    shell: &Shell,
    request: Request<Body>,
    work: fn(&Shell, &Caller, &Value) -> Result<Value, HyperliquidError>,
) -> Response<Body> {
    let caller = match shell.identify(request.headers()).await {
        Ok(caller) => caller,
        Err(error) => {
            shell.counters.count_refused();
            return HyperliquidError::from(error).response();
        }
    };
    let body = crate::body::read(request.into_body()).await.ok();
    let body = body.and_then(|body| serde_json::from_slice(&body).ok()).ok_or(HyperliquidError::Malformed);
    match body.and_then(|body| work(shell, &caller, &body)) {
        Ok(value) => operations::json(StatusCode::OK, value.to_string()),
        Err(error) => error.response(),
    }
}
