//! Reading one HTTP request and writing one JSON answer.

use axum::body::Body;
use bytes::Bytes;
use http::request::Parts;
use http::{HeaderValue, Request, Response, StatusCode, header};
use serde_json::Value;

use crate::identity::IdentityError;
use crate::shell::{Caller, Shell};

/// A request that was read.
pub(crate) struct Received {
    pub(crate) head: Parts,
    pub(crate) body: Bytes,
    pub(crate) caller: Caller,
}

/// Why a request could not be read. It has been counted as refused.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Unreadable {
    /// The body is too large, was cut off or took too long.
    Body,
    /// The identity is refused, or cannot be judged.
    Identity(IdentityError),
}

impl Received {
    /// The query as it was sent, without the question mark.
    pub(crate) fn query(&self) -> &str {
        self.head.uri.query().unwrap_or("")
    }
}

/// Reads identity and body.
pub(crate) async fn receive(shell: &Shell, request: Request<Body>) -> Result<Received, Unreadable> {
    let caller = shell.identify(request.headers()).await.map_err(Unreadable::Identity);
    let (head, body) = request.into_parts();
    let read = match caller {
        Ok(caller) => crate::body::read(body).await.map(|body| Received { head, body, caller }).map_err(|_| Unreadable::Body),
        Err(refused) => Err(refused),
    };
    if read.is_err() {
        shell.counters.count_refused();
    }
    read
}

/// A JSON answer.
pub(crate) fn json_response(status: StatusCode, body: &Value) -> Response<Body> {
    let mut response = Response::new(Body::from(body.to_string()));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json; charset=utf-8"));
    response
}
