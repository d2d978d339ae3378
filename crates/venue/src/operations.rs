//! A façade as one table: method, path, and the function that answers.
//!
//! ```text
//!   (GET, "/api/v4/spot/accounts", Read(trading::accounts))
//!                                    │
//!   request ──▶ identify ──▶ Fields ─┴▶ admit: Public | Read | Write ──▶ Exchange
//! ```
//!
//! What a request needs is part of its entry: a [`Handler::Read`] or [`Handler::Write`] is
//! only called with an [`Owner`], and an owner is only made from an identity with the scope.
//! A frame of a WebSocket calls the same handlers, so both ways give the same answer.
//!
//! What is not here: shapes and error codes, which each façade has of its own.

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
use crate::facade::{self, Access, Denied, FieldError, Fields, Unreadable};
use crate::identity::{Identity, IdentityError};
use crate::shell::{Caller, Shell};

pub(crate) use streams::{Channel, Dialect, OwnChannel, Subscriptions, changed_rows, handshake};
pub(crate) use views::{
    average_price, candle_width, commission_of, counted_levels, find_pair, ledger, levels, open_candle, pair_name, places, spot_markets,
    top,
};

/// The account a request is about, and the key that asks.
pub(crate) struct Owner {
    pub(crate) index: AccountIndex,
    pub(crate) key: Arc<str>,
}

/// Reads the market; needs no identity.
type Public<E> = fn(&Exchange, &Fields, u64) -> Result<String, E>;
/// Reads an account.
type Read<E> = fn(&Exchange, &Owner, &Fields, u64) -> Result<String, E>;
/// Changes an account's orders.
type Write<E> = fn(&mut Exchange, &Owner, &Fields, u64) -> Result<String, E>;

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
pub(crate) trait ApiError: From<IdentityError> + From<OrderError> + From<FieldError> + Send + Sized + 'static {
    /// The identity lacks the scope.
    fn forbidden() -> Self;

    /// The body was too long, or was cut off.
    fn bad_body() -> Self;

    /// As an HTTP answer.
    fn response(&self) -> Response<Body>;
}

/// The owner whom a caller speaks for, if it may read.
pub(crate) fn reader<E: ApiError>(shell: &Shell, caller: &Caller) -> Result<Owner, E> {
    let identity = admitted::<E>(shell, Access::Read, caller)?;
    Ok(shell.with(|exchange, _| owner(exchange, identity))?)
}

/// The identity of a caller whom `access` lets through; counts the arrival. Without an
/// identity nobody is, not even to what is public.
pub(crate) fn admitted<'a, E: ApiError>(shell: &Shell, access: Access, caller: &'a Caller) -> Result<&'a Arc<Identity>, E> {
    let identity = facade::admit(shell, access, caller).map_err(|denied| match denied {
        Denied::NoIdentity => E::from(IdentityError::Refused),
        Denied::NoScope => E::forbidden(),
    });
    identity?.ok_or_else(|| E::from(IdentityError::Refused))
}

/// The owner an identity speaks for.
pub(crate) fn owner(exchange: &mut Exchange, identity: &Identity) -> Result<Owner, OrderError> {
    let index = exchange.account(&identity.account)?;
    Ok(Owner { index, key: Arc::clone(&identity.key) })
}

/// Answers one request with a JSON text.
pub(crate) fn call<E: ApiError>(shell: &Shell, handler: Handler<E>, caller: &Caller, fields: &Fields) -> Result<String, E> {
    match handler {
        Handler::Public(answer) => {
            shell.counters.count_public();
            shell.with(|exchange, now_ms| answer(exchange, fields, now_ms))
        }
        Handler::Read(answer) => {
            let identity = admitted::<E>(shell, Access::Read, caller)?;
            shell.with(|exchange, now_ms| {
                let owner = owner(exchange, identity)?;
                answer(exchange, &owner, fields, now_ms)
            })
        }
        Handler::Write(answer) => {
            let identity = admitted::<E>(shell, Access::Write, caller)?;
            shell.with(|exchange, now_ms| {
                let owner = owner(exchange, identity)?;
                answer(exchange, &owner, fields, now_ms)
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
    let received = match facade::receive(shell, request).await {
        Ok(received) => received,
        Err(Unreadable::Body) => return E::bad_body().response(),
        Err(Unreadable::Identity(error)) => return E::from(error).response(),
    };
    // A GET may carry a body; no operation reads one there.
    let body = if received.head.method == Method::GET { Bytes::new() } else { received.body.clone() };
    let fields = Fields::from_parts(segments, received.query(), &body).map_err(E::from);
    match fields.and_then(|fields| call(shell, handler, &received.caller, &fields)) {
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
