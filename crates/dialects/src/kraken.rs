//! Kraken spot: REST, WebSocket tokens, WebSocket v2 and v1.
//!
//! ```text
//!   API-Key, API-Sign;   body = form or JSON with a nonce that each request raises
//!   signed bytes = path || SHA-256(nonce || body);   HMAC-SHA-512 in base64, the secret is base64
//!   POST /0/private/GetWebSocketsToken ──▶ answered here: a token of ours, which private WebSocket messages carry
//! ```
//!
//! The nonce is taken from the body as it was read, the body is hashed as it was sent. No time is signed: what keeps a request from
//! being used again is the nonce alone, and the nonces of a key are remembered for ever.
//!
//! Source: requests recorded from ccxt, krakenex and python-kraken-sdk on 2026-11-21, the venue's documentation. See
//! `docs/dialects/kraken.md`.

mod routes;
mod socket;
mod socket_v1;
mod token;

use std::borrow::Cow;

use aws_lc_rs::digest;
use countersign_core::{Algorithm, Freshness, Once, Presented, Purpose, Refusal, Reject, SignedBytes};

use crate::answer::{AnswerContext, HttpAnswer, quoted, with_last_nonce};
use crate::dialect::{Answer, Dialect, Header, Headers, LocalRequest, RequestView, Security};
use crate::effect;
use crate::fields::{base64_mac, digits, header, key_id, malformed, object, text};
use crate::kind::{Kind, exact, kind};
use crate::limits;
use crate::login_socket::LoginSocket;
use crate::routes::{MessageRoute, RestRoute, SocketRoute};
use crate::socket::{DialectSocket, Opening};

const KEY: &str = "api-key";
const SIGN: &str = "api-sign";

/// The dialect of Kraken.
#[derive(Clone, Copy, Debug, Default)]
pub struct Kraken;

impl Dialect for Kraken {
    fn purpose(&self) -> Purpose {
        Purpose::Kraken
    }

    fn proof_headers(&self) -> &'static [&'static str] {
        &[KEY, SIGN]
    }

    fn recognizes(&self, headers: &dyn Headers) -> bool {
        headers.find(SIGN) != Header::Absent
    }

    fn present<'m>(&self, request: &RequestView<'m>, security: Security) -> Answer<'m> {
        match security {
            Security::None => Answer::NotMine,
            Security::ApiKey | Security::Signed => present(request).into(),
        }
    }

    fn check_places(&self, request: &RequestView<'_>) -> Result<(), Refusal> {
        check_places(request)
    }

    fn refuse(&self, refusal: &Refusal, _: &AnswerContext) -> HttpAnswer {
        // The venue answers 200 to whatever reached its API; a failure of ours did not.
        let status = match kind(refusal) {
            Kind::Route => 404,
            Kind::Unavailable => 503,
            Kind::Credential
            | Kind::Forbidden
            | Kind::Invalid
            | Kind::Missing
            | Kind::Rate
            | Kind::Replay
            | Kind::Time
            | Kind::TooLarge => 200,
        };
        HttpAnswer::json(status, format!(r#"{{"error":[{}]}}"#, quoted(&sentence(refusal))))
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
        match opening.path() {
            routes::V2_PATH => Some(LoginSocket::boxed(socket::V2::default())),
            path if routes::SOCKETS.iter().any(|route| route.path == path) => Some(LoginSocket::boxed(socket_v1::V1::default())),
            _ => None,
        }
    }

    fn answer(&self, _: &RequestView<'_>, local: &mut LocalRequest<'_>) -> Result<HttpAnswer, Refusal> {
        token::answer(local)
    }
}

/// Parameters are in the body: for a query nobody vouches.
fn check_places(request: &RequestView<'_>) -> Result<(), Refusal> {
    if request.query().is_empty() { Ok(()) } else { Err(malformed("query")) }
}

fn present<'m>(request: &RequestView<'m>) -> Result<Presented<'m>, Refusal> {
    let key = header(request.headers, KEY)?;
    let signature = header(request.headers, SIGN)?;
    check_places(request)?;
    let nonce = nonce(request.body)?;
    let mut hash = digest::Context::new(&digest::SHA256);
    hash.update(nonce.as_bytes());
    hash.update(request.body);
    let mut signed = SignedBytes::from_piece(request.path());
    signed.push(hash.finish().as_ref().to_vec());
    Ok(Presented {
        purpose: Purpose::Kraken,
        key_id: key_id(key, KEY)?,
        signature: base64_mac(Algorithm::HmacSha512, signature),
        signed,
        passphrase: None,
        freshness: Freshness::Nonce { nonce: digits(&nonce, "nonce")?, window_min: 0, clock: None },
        once: Once::Freshness,
        effect: effect::of_request(Purpose::Kraken, routes::REST, request.method, request.path()),
    })
}

/// The nonce of a body, as text: a form, or a JSON object.
fn nonce(body: &[u8]) -> Result<String, Refusal> {
    if body.len() > limits::BODY_BYTES_MAX {
        return Err(Reject::TooLarge.into());
    }
    let body = str::from_utf8(body).map_err(|_| malformed("body"))?;
    if body.trim_start().starts_with('{') {
        return text(&object(body)?, "nonce").ok_or_else(|| malformed("nonce"));
    }
    let mut found = body.split('&').filter_map(|pair| pair.strip_prefix("nonce="));
    match (found.next(), found.next()) {
        (Some(nonce), None) => Ok(nonce.to_owned()),
        (None, _) | (Some(_), Some(_)) => Err(malformed("nonce")),
    }
}

/// What is told exactly, to whoever has the secret.
const EXACT: &[(Reject, &str)] =
    &[(Reject::AddressNotAllowed, "EAPI:Invalid key:IP address not allowed"), (Reject::KeySuspended, "EGeneral:Temporary lockout")];

/// The venue's error text.
fn sentence(refusal: &Refusal) -> Cow<'static, str> {
    let text = exact(refusal, EXACT).unwrap_or_else(|| match kind(refusal) {
        Kind::Credential => "EAPI:Invalid key",
        Kind::Forbidden => "EGeneral:Permission denied",
        Kind::Invalid | Kind::TooLarge => "EGeneral:Invalid arguments",
        Kind::Missing => "EAPI:Invalid key",
        Kind::Rate => "EAPI:Rate limit exceeded",
        Kind::Replay | Kind::Time => "EAPI:Invalid nonce",
        Kind::Route => "EGeneral:Unknown method",
        Kind::Unavailable => "EService:Unavailable",
    });
    with_last_nonce(text, refusal)
}
