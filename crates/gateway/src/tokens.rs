//! The token endpoints, and the tokens as a way to log in.
//!
//! ```text
//!   POST /token ─────── who (assertion, or any login of this connection) ─▶ bound to what ─▶ grant ─▶ store ─▶ audit ─▶ tokens
//!   POST /introspect ── who ─▶ what a token is (RFC 7662)
//!   POST /revoke ────── who ─▶ store ─▶ epoch ─▶ open connections are cut (RFC 7009)
//!   GET /.well-known/oauth-authorization-server (RFC 8414)
//!
//!   Authorization: DPoP | Bearer ─▶ bearer: signature, claims, binding, revocation ─▶ core::verify_token ─▶ VerifiedIdentity
//! ```
//!
//! The rules are in `countersign-oauth`; here they meet sockets, keys, store and clock. Own endpoints go before routes: an upstream
//! behind a route for everything never sees an assertion.
//!
//! # Security
//! Every answer is `no-store`. A failure of ours is 503 and never a bad client. A token that is shown here is recorded by its names,
//! never by its text.

pub(crate) mod bearer;
mod client;
mod exchange_grant;
mod grant;
mod inspect;
mod metadata;
mod rates;
mod refresh_grant;
mod state;

use std::rc::Rc;

use countersign_core::{Refusal, Reject};
use countersign_dialects::{Header, Headers as _, HttpAnswer};
use countersign_oauth::form::FORM_TYPE;
use countersign_oauth::{Form, OAuthRefusal, Part};
use http::header::{ALLOW, CONTENT_ENCODING, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, Response};

use crate::audit::{self, Subject};
use crate::body::ResponseBody;
use crate::body::budget::Held;
use crate::connection::Connection;
use crate::exchange::{Arrived, view};
use crate::respond;
use crate::worker::Worker;

pub use state::{TokenState, revoke_and_end, sync_revocations};

use client::Asker;

/// Where tokens are given out.
pub const TOKEN_PATH: &str = "/token";
/// Where tokens are explained.
pub const INTROSPECT_PATH: &str = "/introspect";
/// Where tokens end.
pub const REVOKE_PATH: &str = "/revoke";
/// Where all this is described (RFC 8414, 3).
pub const METADATA_PATH: &str = "/.well-known/oauth-authorization-server";

/// What one of the endpoints is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Endpoint {
    Introspect,
    Metadata,
    Revoke,
    Token,
}

impl Endpoint {
    fn of(path: &str) -> Option<Self> {
        match path {
            INTROSPECT_PATH => Some(Self::Introspect),
            METADATA_PATH => Some(Self::Metadata),
            REVOKE_PATH => Some(Self::Revoke),
            TOKEN_PATH => Some(Self::Token),
            _ => None,
        }
    }

    const fn method(self) -> &'static str {
        match self {
            Self::Introspect | Self::Revoke | Self::Token => "POST",
            Self::Metadata => "GET",
        }
    }
}

/// Whether a path is one of ours.
pub(crate) fn is_own(worker: &Worker, path: &str) -> bool {
    worker.shared.settings.tokens.enabled && Endpoint::of(path).is_some()
}

/// The issuer's URL: as configured, or the authority that the request was made to.
pub(crate) fn issuer(worker: &Worker, authority: &str) -> String {
    let configured = worker.shared.settings.tokens.issuer.as_ref();
    configured.map_or_else(|| format!("https://{}", authority.to_ascii_lowercase()), Clone::clone)
}

/// Answers a request to one of our paths.
pub(crate) async fn answer(worker: &Rc<Worker>, connection: &Rc<Connection>, request: Arrived) -> Response<ResponseBody> {
    let Some(endpoint) = Endpoint::of(request.parts.uri.path()) else {
        return respond::refuse(&Reject::RouteUnknown.into(), &respond::Words::plain(), request.correlation);
    };
    if request.parts.method.as_str() != endpoint.method() {
        let mut answer = respond::method_not_allowed(&[endpoint.method()], &respond::Words::plain(), request.correlation);
        answer.headers_mut().insert(ALLOW, HeaderValue::from_static(endpoint.method()));
        return answer;
    }
    let correlation = request.correlation;
    let mut subject = Subject::request(&request.parts, None);
    let mut answer = match ask(worker, connection, endpoint, request, &mut subject).await {
        Ok(answer) => respond::own(answer, correlation),
        Err(told) => {
            audit::refused(worker, connection, &subject, &told.refusal, correlation);
            refused(&told, correlation)
        }
    };
    if endpoint == Endpoint::Token && worker.shared.settings.tokens.dpop_nonce {
        // RFC 9449, 8.2: with every answer, so that the next proof needs no second attempt.
        crate::bearer::add_nonce(worker, answer.headers_mut());
    }
    answer
}

async fn ask(
    worker: &Rc<Worker>,
    connection: &Rc<Connection>,
    endpoint: Endpoint,
    request: Arrived,
    subject: &mut Subject,
) -> Result<HttpAnswer, OAuthRefusal> {
    let of_client = |refusal: Refusal| OAuthRefusal::of(refusal, Part::Client);
    let Arrived { parts, body, authority, correlation, .. } = request;
    let authority = authority.to_str().map_err(|_| OAuthRefusal::request("an authority that is no text"))?.to_owned();
    if endpoint == Endpoint::Metadata {
        return Ok(metadata::answer(worker, &authority));
    }
    worker.shared.oauth.rates().charge(connection.remote.ip(), crate::clock::wall()).map_err(of_client)?;
    check_content_type(&parts.headers)?;
    let limits = &worker.shared.settings.limits;
    let held = Held::new(connection.bodies.clone(), worker.bodies.clone());
    // A little more than is read as a form: whoever sends it all gets an answer, and not a connection that closes on it.
    let bytes_max = limits.unauthenticated_bytes_max.max(countersign_oauth::limits::FORM_BYTES_MAX);
    let mut body = body.read(bytes_max, limits.body_deadline, held).await.map_err(of_client)?;
    let whole = body.contiguous();
    let form = Form::read(&whole)?;
    let host = HeaderValue::from_str(&authority).map_err(|_| OAuthRefusal::request("an authority that is no text"))?;
    let view = view(&parts, &host, &whole);
    let asker = Asker {
        worker,
        connection,
        view: &view,
        form: &form,
        authority: &authority,
        issuer: issuer(worker, &authority),
        correlation,
        epoch: worker.shared.oauth.epoch(),
    };
    match endpoint {
        Endpoint::Introspect => inspect::introspect(&asker, subject).await,
        Endpoint::Metadata => Ok(metadata::answer(worker, &authority)),
        Endpoint::Revoke => inspect::revoke(&asker, subject).await,
        Endpoint::Token => grant::token(&asker, subject).await,
    }
}

/// RFC 6749, 3.2: parameters come in the body, in this form and no other, and not packed: what is in front of us would read them in
/// another way than we do.
fn check_content_type(headers: &http::HeaderMap) -> Result<(), OAuthRefusal> {
    if headers.contains_key(CONTENT_ENCODING) {
        return Err(OAuthRefusal::request("a form with a Content-Encoding"));
    }
    let Header::Once(value) = headers.find(CONTENT_TYPE.as_str()) else {
        return Err(OAuthRefusal::request("no Content-Type, or two"));
    };
    let media = value.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
    if media.eq_ignore_ascii_case(FORM_TYPE.as_bytes()) { Ok(()) } else { Err(OAuthRefusal::request("a body that is no form")) }
}

fn refused(told: &OAuthRefusal, correlation: countersign_core::CorrelationId) -> Response<ResponseBody> {
    let status = told.status();
    let mut answer = respond::own(HttpAnswer::json(status, told.body()), correlation);
    let headers = answer.headers_mut();
    if status == 401 {
        // RFC 9110, 15.5.2: every 401 says how to do better.
        headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static(bearer::CHALLENGE));
    }
    if let Some(wait) = told.retry_after() {
        headers.insert(RETRY_AFTER, HeaderValue::from(wait.as_secs() + u64::from(wait.subsec_nanos() > 0)));
    }
    answer
}

#[cfg(test)]
mod tests;
