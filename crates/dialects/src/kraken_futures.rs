//! Kraken Futures: REST and WebSocket challenges.
//!
//! ```text
//!   APIKey, Authent, optional Nonce
//!   signed bytes = SHA-256(query or body || Nonce || path without "/derivatives");   HMAC-SHA-512 in base64, the secret is base64
//! ```
//!
//! The method is not signed. Without a `Nonce`, which no common client sends, nothing in the signed bytes says when they were signed:
//! the venue takes such a request any number of times, and so do we, because two orders that look alike are two orders
//! ([`Freshness::Unbound`](countersign_core::Freshness::Unbound); a known gap, see `docs/dialects/kraken-futures.md`).
//!
//! Source: requests recorded from ccxt on 2026-11-21, the venue's documentation.

mod routes;
mod socket;

use aws_lc_rs::digest;
use countersign_core::{Algorithm, Freshness, Once, Presented, Purpose, Refusal, Reject, SignedBytes, civil};

use crate::answer::{AnswerContext, HttpAnswer};
use crate::dialect::{Answer, Dialect, Header, Headers, RequestView, Security};
use crate::effect;
use crate::fields::{base64_mac, digits, header, key_id, malformed, optional_header};
use crate::kind::{Kind, exact, kind};
use crate::login_socket::LoginSocket;
use crate::routes::{MessageRoute, RestRoute, SocketRoute};
use crate::socket::{DialectSocket, Opening};

const KEY: &str = "apikey";
const AUTHENT: &str = "authent";
const NONCE: &str = "nonce";

/// Requests under way may overtake each other by so many (venue: nonces may be slightly out of order).
const NONCE_WINDOW: u16 = 100;

/// The dialect of Kraken Futures.
#[derive(Clone, Copy, Debug, Default)]
pub struct KrakenFutures;

impl Dialect for KrakenFutures {
    fn purpose(&self) -> Purpose {
        Purpose::KrakenFutures
    }

    fn proof_headers(&self) -> &'static [&'static str] {
        &[KEY, AUTHENT, NONCE]
    }

    fn recognizes(&self, headers: &dyn Headers) -> bool {
        headers.find(AUTHENT) != Header::Absent
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

    fn refuse(&self, refusal: &Refusal, context: &AnswerContext) -> HttpAnswer {
        let (status, error) = words(refusal);
        let time = civil::iso(context.now);
        HttpAnswer::json(status, format!(r#"{{"result":"error","error":"{error}","serverTime":"{time}"}}"#)).telling_last_nonce(refusal)
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
        let known = routes::SOCKETS.iter().any(|route| route.path == opening.path());
        known.then(|| LoginSocket::boxed(socket::Feeds::new(opening.issued_challenge)))
    }
}

/// Parameters are in the query or in the body: joined without a separator, both could be cut in two ways.
fn check_places(request: &RequestView<'_>) -> Result<(), Refusal> {
    if request.query().is_empty() || request.body.is_empty() { Ok(()) } else { Err(malformed("body")) }
}

fn present<'m>(request: &RequestView<'m>) -> Result<Presented<'m>, Refusal> {
    let key = header(request.headers, KEY)?;
    let signature = header(request.headers, AUTHENT)?;
    let nonce = optional_header(request.headers, NONCE)?;
    check_places(request)?;
    if nonce.is_some_and(|nonce| nonce.starts_with('0')) {
        // The zeros could be the end of a body: `size=10` and `size=1` with another nonce are one text. For other digits the nonce
        // of the second reading is larger, and that gap is the venue's rule: see the page.
        return Err(malformed(NONCE));
    }
    let path = request.path().strip_prefix(b"/derivatives").unwrap_or_else(|| request.path());
    let mut hash = digest::Context::new(&digest::SHA256);
    for piece in [request.query(), request.body, nonce.unwrap_or_default().as_bytes(), path] {
        hash.update(piece);
    }
    let freshness = match nonce {
        Some(nonce) => Freshness::Nonce { nonce: digits(nonce, NONCE)?, window_min: NONCE_WINDOW, clock: None },
        None => Freshness::Unbound,
    };
    Ok(Presented {
        purpose: Purpose::KrakenFutures,
        key_id: key_id(key, KEY)?,
        signature: base64_mac(Algorithm::HmacSha512, signature),
        signed: SignedBytes::from_piece(hash.finish().as_ref().to_vec()),
        passphrase: None,
        freshness,
        once: Once::Freshness,
        effect: effect::of_request(Purpose::KrakenFutures, routes::REST, request.method, request.path()),
    })
}

/// What is told exactly, to whoever has the secret.
const EXACT: &[(Reject, (u16, &str))] = &[(Reject::AddressNotAllowed, (401, "authenticationError"))];

/// HTTP status and error word of a refusal.
fn words(refusal: &Refusal) -> (u16, &'static str) {
    exact(refusal, EXACT).unwrap_or_else(|| match kind(refusal) {
        Kind::Credential | Kind::Missing => (401, "authenticationError"),
        Kind::Forbidden => (403, "authenticationError"),
        Kind::Invalid | Kind::TooLarge => (400, "invalidArgument"),
        Kind::Rate => (429, "apiLimitExceeded"),
        Kind::Replay | Kind::Time => (200, "nonceDuplicate"),
        Kind::Route => (404, "notFound"),
        Kind::Unavailable => (503, "Unavailable"),
    })
}
