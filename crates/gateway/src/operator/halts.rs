//! The requests about halts.

use std::sync::Arc;

use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use http::StatusCode;

use super::backend::OperatorBackend;
use super::router::{Changing, Refused, log_change};
use crate::halts::report::{DrillRequest, HaltRequest, LiftRequest, SignatureRequest};

type Body<T> = Result<Json<T>, JsonRejection>;

/// The routes.
pub(super) fn routes<B: OperatorBackend>() -> Router<Arc<B>> {
    Router::new()
        .route("/v1/halts", get(status::<B>).post(halt::<B>))
        .route("/v1/lifts", post(propose::<B>))
        .route("/v1/lifts/{id}", get(lift::<B>))
        .route("/v1/lifts/{id}/signatures", post(sign::<B>))
        .route("/v1/lifts/{id}/apply", post(apply::<B>))
        .route("/v1/drills", post(drill::<B>))
}

fn read<T>(body: Body<T>) -> Result<T, Refused> {
    body.map(|Json(value)| value).map_err(|error| Refused::new(StatusCode::BAD_REQUEST, "body", error.body_text()))
}

async fn status<B: OperatorBackend>(State(backend): State<Arc<B>>) -> Response {
    Json(backend.halts()).into_response()
}

async fn halt<B: OperatorBackend>(
    State(backend): State<Arc<B>>,
    Changing(by): Changing,
    body: Body<HaltRequest>,
) -> Result<Response, Refused> {
    let report = backend.halt(&by, read(body)?).await?;
    log_change(&by, "halt");
    Ok(Json(report).into_response())
}

async fn propose<B: OperatorBackend>(
    State(backend): State<Arc<B>>,
    Changing(by): Changing,
    body: Body<LiftRequest>,
) -> Result<Response, Refused> {
    Ok(Json(backend.propose_lift(&by, read(body)?).await?).into_response())
}

async fn lift<B: OperatorBackend>(State(backend): State<Arc<B>>, Path(id): Path<String>) -> Result<Response, Refused> {
    Ok(Json(backend.lift(&id).await?).into_response())
}

async fn sign<B: OperatorBackend>(
    State(backend): State<Arc<B>>,
    Changing(_): Changing,
    Path(id): Path<String>,
    body: Body<SignatureRequest>,
) -> Result<Response, Refused> {
    Ok(Json(backend.sign_lift(&id, read(body)?).await?).into_response())
}

async fn apply<B: OperatorBackend>(
    State(backend): State<Arc<B>>,
    Changing(by): Changing,
    Path(id): Path<String>,
) -> Result<Response, Refused> {
    let report = backend.apply_lift(&by, &id).await?;
    log_change(&by, "lift");
    Ok(Json(report).into_response())
}

async fn drill<B: OperatorBackend>(
    State(backend): State<Arc<B>>,
    Changing(by): Changing,
    body: Body<DrillRequest>,
) -> Result<Response, Refused> {
    Ok(Json(backend.drill(&by, read(body)?).await?).into_response())
}
