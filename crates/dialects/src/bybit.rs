//! Bybit v5: REST and WebSocket.
//!
//! ```text
//!   X-BAPI-API-KEY, X-BAPI-TIMESTAMP (ms), X-BAPI-RECV-WINDOW, X-BAPI-SIGN
//!   signed text = timestamp || key || window || query (GET) or body (everything else), as on the wire
//!   HMAC-SHA-256 in hex, or RSA PKCS #1 v1.5 with SHA-256 in base64
//! ```
//!
//! The signed text has no separators. It can be cut in one way only: time and window are numbers in their one form, and what follows
//! begins with no digit. What could be cut otherwise is taken as no signature: `5000` and `category=…` must not pass for `500` and
//! `0category=…`, which is another window without its first parameter.
//!
//! Neither method nor path is signed: the route table binds a request to its route, and the replay guard accepts each signed text
//! once for a write. The part that is not signed (the query of a POST, the body of a GET) must be empty: nobody vouches for it.
//!
//! Source: the venue's v5 documentation of 2026-07-24, and requests recorded from ccxt and pybit on 2026-11-21. See
//! `docs/dialects/bybit.md`.

mod reject_body;
mod routes;
mod socket;

use std::time::Duration;

use countersign_core::{Freshness, Once, Presented, Purpose, Refusal, SignedBytes, Timestamp};

use crate::answer::{AnswerContext, Charged, HttpAnswer, RateHeaders};
use crate::binance::signature;
use crate::dialect::{Answer, Dialect, Header, Headers, RequestView, Security};
use crate::effect;
use crate::fields::{decimal, header, key_id, malformed, optional_header};
use crate::limits;
use crate::login_socket::LoginSocket;
use crate::routes::{MessageRoute, RestRoute, SocketRoute};
use crate::socket::{DialectSocket, Opening};

const KEY: &str = "x-bapi-api-key";
const TIMESTAMP: &str = "x-bapi-timestamp";
const WINDOW: &str = "x-bapi-recv-window";
const SIGN: &str = "x-bapi-sign";

/// The dialect of Bybit.
#[derive(Clone, Copy, Debug, Default)]
pub struct Bybit;

impl Dialect for Bybit {
    fn purpose(&self) -> Purpose {
        Purpose::Bybit
    }

    fn proof_headers(&self) -> &'static [&'static str] {
        &[KEY, TIMESTAMP, WINDOW, SIGN]
    }

    fn recognizes(&self, headers: &dyn Headers) -> bool {
        headers.find(KEY) != Header::Absent
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
        reject_body::http(refusal, context)
    }

    fn rate_headers(&self, charged: &Charged, context: &AnswerContext) -> RateHeaders {
        // The venue counts requests of an endpoint in a second; ours are weights in a minute, told in the same headers.
        let Some(usage) = charged.weight else { return RateHeaders::new() };
        let minute = 60_000;
        let reset = context.now.as_millis() / minute * minute + minute;
        RateHeaders::from_iter([
            ("x-bapi-limit", usage.limit.to_string().into()),
            ("x-bapi-limit-status", usage.limit.saturating_sub(usage.used).to_string().into()),
            ("x-bapi-limit-reset-timestamp", reset.to_string().into()),
        ])
    }

    fn unrouted_paths(&self) -> &'static [&'static str] {
        routes::FORMER
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
        socket::Bybit::at(opening.path()).map(LoginSocket::boxed)
    }
}

/// The parameters of a GET are in its query, all others in the body.
fn check_places(request: &RequestView<'_>) -> Result<(), Refusal> {
    let (unsigned, name) = if request.method == "GET" { (request.body, "body") } else { (request.query(), "query") };
    if unsigned.is_empty() { Ok(()) } else { Err(malformed(name)) }
}

fn present<'m>(request: &RequestView<'m>) -> Result<Presented<'m>, Refusal> {
    let key = header(request.headers, KEY)?;
    let timestamp = header(request.headers, TIMESTAMP)?;
    let signature = header(request.headers, SIGN)?;
    let window = optional_header(request.headers, WINDOW)?;
    let recv_window = window.map(|window| decimal(window, WINDOW)).transpose()?.map_or(limits::RECV_WINDOW_DEFAULT, Duration::from_millis);
    check_places(request)?;
    let signed = if request.method == "GET" { request.query() } else { request.body };
    let plain = !signed.first().is_some_and(u8::is_ascii_digit);
    let timestamp_ms = decimal(timestamp, TIMESTAMP)?;
    let mut text = SignedBytes::new();
    for piece in [timestamp, key, window.unwrap_or_default()] {
        text.push(piece.as_bytes().to_vec());
    }
    text.push(signed);
    Ok(Presented {
        purpose: Purpose::Bybit,
        key_id: key_id(key, KEY)?,
        signature: signature::from_text(signature.as_bytes()).only_if(plain),
        signed: text,
        passphrase: None,
        freshness: Freshness::Window {
            timestamp: Timestamp::from_millis(timestamp_ms),
            recv_window,
            ahead_max: limits::TIMESTAMP_AHEAD_MAX,
        },
        once: Once::SignedBytes,
        effect: effect::of_request(Purpose::Bybit, routes::REST, request.method, request.path()),
    })
}
