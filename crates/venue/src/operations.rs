//! A façade as one table: method, path, and the function that answers.
//!
//! ```text
//!   (GET, "/api/v4/spot/accounts", Read(trading::accounts))
//!                                    │
//!   request ──▶ identify ──▶ Params ─┴▶ admit: Public | Read | Write ──▶ Exchange
//! ```
//!
//! What a request needs is part of its entry: a [`Handler::Read`] or [`Handler::Write`] is
//! only called with an [`Owner`], and an owner is only made from an identity with the scope.
//! A frame of a WebSocket calls the same handlers, so both ways give the same answer.
//!
//! What is not here: shapes and error codes, which each façade has of its own.

mod params;
mod streams;
mod views;

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{RawPathParams, State};
use axum::routing::{MethodFilter, on};
use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};

use crate::exchange::Exchange;
use crate::exchange::account::AccountIndex;
use crate::exchange::order::OrderError;
use crate::identity::{Identity, IdentityError};
use crate::shell::{Caller, Shell};

pub(crate) use params::{ParamError, Params, Problem};
pub(crate) use streams::{Channel, Dialect, OwnChannel, Subscriptions, changed_rows, handshake};
pub(crate) use views::{average_price, commission_of, counted_levels, find_pair, levels, pair_name, places, spot_markets, top};

/// The account a request is about, and the key that asks.
pub(crate) struct Owner {
    pub(crate) index: AccountIndex,
    pub(crate) key: Arc<str>,
}

/// Reads the market; needs no identity.
type Public<E> = fn(&Exchange, &Params, u64) -> Result<String, E>;
/// Reads an account.
type Read<E> = fn(&Exchange, &Owner, &Params, u64) -> Result<String, E>;
/// Changes an account's orders.
type Write<E> = fn(&mut Exchange, &Owner, &Params, u64) -> Result<String, E>;

/// The function behind a request, and with it what the request needs. The last argument is
/// the present time in Unix milliseconds.
pub(crate) enum Handler<E> {
    Public(Public<E>),
    Read(Read<E>),
    Write(Write<E>),
}

impl<E> Clone for Handler<E> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<E> Copy for Handler<E> {}

/// One line of a façade's table.
pub(crate) type Route<E> = (Method, &'static str, Handler<E>);

/// A façade's refusals.
pub(crate) trait ApiError: From<IdentityError> + From<OrderError> + From<ParamError> + Send + Sized + 'static {
    /// The identity lacks the scope.
    fn forbidden() -> Self;

    /// The body was too long, or was cut off.
    fn bad_body() -> Self;

    /// As an HTTP answer.
    fn response(&self) -> Response<Body>;
}

/// Lets a caller through who may read (or, with `write`, write), and counts the arrival.
pub(crate) fn admit<'a, E: ApiError>(shell: &Shell, caller: &'a Caller, write: bool) -> Result<&'a Arc<Identity>, E> {
    let admitted = match caller {
        None => Err(E::from(IdentityError::Refused)),
        Some(identity) if write && !identity.scopes.order_write => Err(E::forbidden()),
        Some(identity) if !write && !identity.scopes.reads() => Err(E::forbidden()),
        Some(identity) => Ok(identity),
    };
    if admitted.is_ok() {
        shell.counters.count_private();
    } else {
        shell.counters.count_refused();
    }
    admitted
}

/// The owner an identity speaks for.
pub(crate) fn owner(exchange: &mut Exchange, identity: &Identity) -> Result<Owner, OrderError> {
    let index = exchange.account(&identity.account)?;
    Ok(Owner { index, key: Arc::clone(&identity.key) })
}

/// Answers one request with a JSON text.
pub(crate) fn call<E: ApiError>(shell: &Shell, handler: Handler<E>, caller: &Caller, params: &Params) -> Result<String, E> {
    match handler {
        Handler::Public(answer) => {
            shell.counters.count_public();
            shell.with(|exchange, now_ms| answer(exchange, params, now_ms))
        }
        Handler::Read(answer) => {
            let identity = admit::<E>(shell, caller, false)?;
            shell.with(|exchange, now_ms| {
                let owner = owner(exchange, identity)?;
                answer(exchange, &owner, params, now_ms)
            })
        }
        Handler::Write(answer) => {
            let identity = admit::<E>(shell, caller, true)?;
            shell.with(|exchange, now_ms| {
                let owner = owner(exchange, identity)?;
                answer(exchange, &owner, params, now_ms)
            })
        }
    }
}

/// The HTTP routes of a table.
pub(crate) fn router<E: ApiError>(routes: &'static [Route<E>]) -> Router<Arc<Shell>> {
    let mut router = Router::new();
    for (method, path, handler) in routes {
        let filter = MethodFilter::try_from(method.clone()).expect("the tables name plain methods");
        let handler = *handler;
        let answer = move |State(shell): State<Arc<Shell>>, segments: RawPathParams, request: Request<Body>| async move {
            let segments = segments.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
            answer(&shell, handler, segments, request).await
        };
        router = router.route(path, on(filter, answer));
    }
    router
}

async fn answer<E: ApiError>(
    shell: &Shell,
    handler: Handler<E>,
    segments: Vec<(String, String)>,
    request: Request<Body>,
) -> Response<Body> {
    let caller = match shell.identify(request.headers()).await {
        Ok(caller) => caller,
        Err(error) => {
            shell.counters.count_refused();
            return E::from(error).response();
        }
    };
    let (head, body) = request.into_parts();
    // A GET may carry a body; no operation reads one there.
    let body = if head.method == Method::GET { Ok(Bytes::new()) } else { crate::body::read(body).await.map_err(|_| E::bad_body()) };
    let params = body.and_then(|body| Params::from_http(segments, head.uri.query().unwrap_or(""), &body).map_err(E::from));
    match params.and_then(|params| call(shell, handler, &caller, &params)) {
        Ok(text) => json(StatusCode::OK, text),
        Err(error) => error.response(),
    }
}

/// A JSON answer.
pub(crate) fn json(status: StatusCode, text: String) -> Response<Body> {
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
