//! Signed REST requests.
//!
//! ```text
//!   GET /v2/accounts?limit=250        uri = GET api.coinbase.com/v2/accounts
//!   Host: api.coinbase.com            └ method ┘└──── Host ────┘└── path ──┘ without query
//! ```
//!
//! A token binds method, authority and path. Neither the query nor the body is covered: the replay guard lets a token through
//! once where it writes. The authority of the token must be the request's own `Host`; that this is one of ours is asked by the
//! gateway before any dialect is.

use countersign_core::{Detail, Presented, Purpose, Refusal, Reject};

use super::jwt::Jwt;
use super::{reject_body, routes, socket};
use crate::answer::{AnswerContext, HttpAnswer};
use crate::dialect::{Answer, Dialect, Header, Headers, RequestView, Security};
use crate::effect;
use crate::routes::{MessageRoute, RestRoute, SocketRoute};
use crate::socket::{DialectSocket, Opening};

const AUTHORIZATION: &str = "authorization";
/// What a legacy key is known by.
const LEGACY_KEY: &str = "cb-access-key";
const LEGACY_PASSPHRASE: &str = "cb-access-passphrase";

/// The dialect of CDP keys.
#[derive(Clone, Copy, Debug, Default)]
pub struct Coinbase;

impl Dialect for Coinbase {
    fn purpose(&self) -> Purpose {
        Purpose::Coinbase
    }

    fn proof_headers(&self) -> &'static [&'static str] {
        &[AUTHORIZATION, LEGACY_KEY, LEGACY_PASSPHRASE]
    }

    fn recognizes(&self, headers: &dyn Headers) -> bool {
        // Tokens of other dialects have no dots.
        matches!(bearer(headers), Ok(token) if token.split('.').count() == 3)
    }

    fn present<'m>(&self, request: &RequestView<'m>, security: Security) -> Answer<'m> {
        match security {
            Security::None => Answer::NotMine,
            Security::ApiKey | Security::Signed => present(request).into(),
        }
    }

    fn refuse(&self, refusal: &Refusal, _: &AnswerContext) -> HttpAnswer {
        reject_body::http(refusal)
    }

    fn rest_routes(&self) -> &'static [RestRoute] {
        routes::REST
    }

    fn socket_routes(&self) -> &'static [SocketRoute] {
        routes::SOCKETS
    }

    fn message_routes(&self) -> &'static [MessageRoute] {
        routes::MESSAGES
    }

    fn open_socket(&self, opening: &Opening<'_>) -> Option<Box<dyn DialectSocket>> {
        (opening.path() == routes::SOCKET_PATH).then(|| Box::new(socket::CoinbaseSocket::default()) as Box<dyn DialectSocket>)
    }
}

fn missing() -> Refusal {
    Refusal::with(Reject::MissingCredentials, Detail::Parameter(AUTHORIZATION))
}

/// The refusal of a legacy API key: Advanced Trade took HMAC keys, too, before there were keys of the Developer Platform. The headers
/// are those of Coinbase Exchange without the passphrase, by which the two are told apart.
fn legacy(headers: &dyn Headers) -> Option<Refusal> {
    let is_legacy = headers.find(LEGACY_KEY) != Header::Absent && headers.find(LEGACY_PASSPHRASE) == Header::Absent;
    is_legacy
        .then(|| Refusal::operator(Reject::WrongAlgorithm, "a legacy API key (CB-ACCESS-SIGN); only keys of the Developer Platform log in"))
}

/// The token of `Authorization: Bearer`, the scheme in any case (RFC 9110, 11.1).
fn bearer(headers: &dyn Headers) -> Result<&str, Refusal> {
    let value = match headers.find(AUTHORIZATION) {
        Header::Absent | Header::Once([]) => return Err(missing()),
        Header::Once(value) => value,
        Header::Repeated => return Err(Refusal::with(Reject::Malformed, Detail::Parameter(AUTHORIZATION))),
    };
    let malformed = || Refusal::with(Reject::Malformed, Detail::Parameter(AUTHORIZATION));
    let (scheme, token) = str::from_utf8(value).ok().and_then(|text| text.split_once(' ')).ok_or_else(malformed)?;
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(missing());
    }
    Ok(token.trim_matches(' '))
}

fn present<'m>(request: &RequestView<'m>) -> Result<Presented<'m>, Refusal> {
    let jwt = Jwt::read(bearer(request.headers).map_err(|refusal| legacy(request.headers).unwrap_or(refusal))?)?;
    if !jwt.uris().iter().any(|uri| names(uri, request)) {
        return Err(Refusal::operator(Reject::WrongUri, "the token names another method, host or path"));
    }
    let effect = effect::of_request(Purpose::Coinbase, routes::REST, request.method, request.path());
    Ok(jwt.present(effect))
}

/// Whether `METHOD host[:port]/path` is this request. The host may be spelled in any case and with the port of HTTPS.
fn names(uri: &str, request: &RequestView<'_>) -> bool {
    let Some(host) = request.host else { return false };
    let Some((method, rest)) = uri.split_once(' ') else { return false };
    let Some(slash) = rest.find('/') else { return false };
    let (authority, path) = rest.split_at(slash);
    method == request.method && without_port(authority).eq_ignore_ascii_case(without_port(host)) && path.as_bytes() == request.path()
}

/// An authority without the port that HTTPS has anyway.
fn without_port(authority: &str) -> &str {
    authority.strip_suffix(":443").unwrap_or(authority)
}
