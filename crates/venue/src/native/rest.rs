//! The native façade over HTTP: the same ops, for clients whose first request is an order.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::routing::get;
use http::{HeaderValue, Request as HttpRequest, Response, StatusCode, header};
use serde_json::{Value, json};

use super::error::NativeError;
use super::request::Request;
use super::socket;
use super::work;
use crate::body;
use crate::identity::IdentityError;
use crate::shell::Shell;

type Http = HttpRequest<Body>;

/// All routes of the façade.
pub(crate) fn router() -> Router<Arc<Shell>> {
    let plain =
        |op: &'static str| get(move |State(shell): State<Arc<Shell>>, request: Http| async move { query(&shell, op, None, request).await });
    Router::new()
        .route("/native/v1", get(socket::handshake))
        .route("/native/v1/balance", plain("balance"))
        .route("/native/v1/book", plain("book"))
        .route("/native/v1/fills", plain("fills"))
        .route("/native/v1/markets", plain("markets"))
        .route("/native/v1/settlements", plain("settlements"))
        .route("/native/v1/ticker", plain("ticker"))
        .route("/native/v1/orders", plain("order.list").post(place).delete(cancel_all))
        .route("/native/v1/orders/{order}", get(status).delete(cancel))
}

async fn place(State(shell): State<Arc<Shell>>, request: Http) -> Response<Body> {
    let caller = match shell.identify(request.headers()).await {
        Ok(caller) => caller,
        Err(error) => return refused(&shell, error),
    };
    let result = match body::read(request.into_body()).await {
        Err(_) => Err(NativeError::bad("body too large or cut off")),
        Ok(body) => match serde_json::from_slice::<Request>(&body) {
            Err(_) => Err(NativeError::bad("body is not an order in JSON")),
            Ok(order) => work::answer(&shell, &caller, &order.named("order.place")),
        },
    };
    respond(result)
}

async fn cancel_all(State(shell): State<Arc<Shell>>, request: Http) -> Response<Body> {
    query(&shell, "order.cancel_all", None, request).await
}

async fn status(State(shell): State<Arc<Shell>>, Path(order): Path<String>, request: Http) -> Response<Body> {
    query(&shell, "order.status", Some(order), request).await
}

async fn cancel(State(shell): State<Arc<Shell>>, Path(order): Path<String>, request: Http) -> Response<Body> {
    query(&shell, "order.cancel", Some(order), request).await
}

async fn query(shell: &Shell, op: &str, order: Option<String>, request: Http) -> Response<Body> {
    let caller = match shell.identify(request.headers()).await {
        Ok(caller) => caller,
        Err(error) => return refused(shell, error),
    };
    let parsed = Request::from_query(op, request.uri().query().unwrap_or(""));
    let parsed = parsed.map(|parsed| match &order {
        None => parsed,
        Some(order) => parsed.about(order),
    });
    respond(parsed.and_then(|request| work::answer(shell, &caller, &request)))
}

fn refused(shell: &Shell, error: IdentityError) -> Response<Body> {
    shell.counters.count_refused();
    respond(Err(error.into()))
}

pub(super) fn respond(result: Result<Value, NativeError>) -> Response<Body> {
    let (status, text) = match result {
        Ok(mut body) => {
            body["ok"] = json!(true);
            (StatusCode::OK, body.to_string())
        }
        Err(error) => (error.status, format!(r#"{{"ok":false,"err":{}}}"#, error.json())),
    };
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    response
}
