//! Gate v4: REST and WebSocket.
//!
//! ```text
//!   KEY, Timestamp (s, decimals allowed), SIGN
//!   signed text = METHOD \n path \n query (before percent-encoding) \n hex SHA-512(body) \n Timestamp
//!   HMAC-SHA-512 in hex
//! ```
//!
//! Source: requests recorded from ccxt and gate-api on 2026-11-21. See `docs/dialects/gate.md`.

mod routes;
mod socket;

use std::time::Duration;

use aws_lc_rs::digest;
use countersign_core::{Algorithm, Freshness, Once, Presented, Purpose, Refusal, Reject, SignedBytes, Timestamp};

use crate::answer::{AnswerContext, HttpAnswer, quoted};
use crate::dialect::{Answer, Dialect, Header, Headers, RequestView, Security};
use crate::effect;
use crate::fields::{decimal_seconds, header, hex_mac, key_id, malformed, percent_decoded};
use crate::kind::{Kind, exact, kind};
use crate::login_socket::LoginSocket;
use crate::routes::{MessageRoute, RestRoute, SocketRoute};
use crate::socket::{DialectSocket, Opening};

const KEY: &str = "key";
const SIGN: &str = "sign";
const TIMESTAMP: &str = "timestamp";

/// How far a signed time may be from ours.
const WINDOW: Duration = Duration::from_secs(60);

/// The dialect of Gate.
#[derive(Clone, Copy, Debug, Default)]
pub struct Gate;

impl Dialect for Gate {
    fn purpose(&self) -> Purpose {
        Purpose::Gate
    }

    fn proof_headers(&self) -> &'static [&'static str] {
        &[KEY, SIGN, TIMESTAMP]
    }

    fn recognizes(&self, headers: &dyn Headers) -> bool {
        self.proof_headers().iter().all(|name| headers.find(name) != Header::Absent)
    }

    fn present<'m>(&self, request: &RequestView<'m>, security: Security) -> Answer<'m> {
        match security {
            Security::None => Answer::NotMine,
            Security::ApiKey | Security::Signed => present(request).into(),
        }
    }

    fn refuse(&self, refusal: &Refusal, _: &AnswerContext) -> HttpAnswer {
        let (status, label, text) = words(refusal);
        HttpAnswer::json(status, format!(r#"{{"label":"{label}","message":{}}}"#, quoted(text)))
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
        routes::SOCKETS.iter().any(|route| route.path == opening.path()).then(|| LoginSocket::boxed(socket::Gate::default()))
    }
}

fn fresh(timestamp: Timestamp) -> Freshness {
    Freshness::Window { timestamp, recv_window: WINDOW, ahead_max: WINDOW }
}

fn present<'m>(request: &RequestView<'m>) -> Result<Presented<'m>, Refusal> {
    let key = header(request.headers, KEY)?;
    let signature = header(request.headers, SIGN)?;
    let timestamp = header(request.headers, TIMESTAMP)?;
    if !request.method.bytes().all(|byte| byte.is_ascii_uppercase()) {
        return Err(malformed("method"));
    }
    let mut signed = SignedBytes::new();
    signed.push(request.method.as_bytes());
    signed.push(&b"\n"[..]);
    signed.push(request.path());
    signed.push(&b"\n"[..]);
    let query = percent_decoded(request.query());
    let plain = query.is_some();
    signed.push(query.unwrap_or_default());
    let body = hex::encode(digest::digest(&digest::SHA512, request.body));
    signed.push(format!("\n{body}\n{timestamp}").into_bytes());
    Ok(Presented {
        purpose: Purpose::Gate,
        key_id: key_id(key, KEY)?,
        signature: hex_mac(Algorithm::HmacSha512, signature).only_if(plain),
        signed,
        passphrase: None,
        freshness: fresh(decimal_seconds(timestamp, TIMESTAMP)?),
        once: Once::SignedBytes,
        effect: effect::of_request(Purpose::Gate, routes::REST, request.method, request.path()),
    })
}

/// What is told exactly, to whoever has the secret.
const EXACT: &[(Reject, (u16, &str, &str))] = &[
    (Reject::AddressNotAllowed, (403, "IP_FORBIDDEN", "IP not in whitelist")),
    (Reject::KeyRevoked, (401, "INVALID_KEY", "Invalid key provided")),
];

/// HTTP status, label and text of a refusal.
fn words(refusal: &Refusal) -> (u16, &'static str, &'static str) {
    exact(refusal, EXACT).unwrap_or_else(|| match kind(refusal) {
        Kind::Credential => (401, "INVALID_SIGNATURE", "Signature mismatch"),
        Kind::Forbidden => (403, "FORBIDDEN", "Request forbidden: the key lacks the permission"),
        Kind::Invalid => (400, "INVALID_PARAM_VALUE", "Invalid request"),
        Kind::Missing => (401, "MISSING_REQUIRED_HEADER", "Missing required header: KEY, SIGN or Timestamp"),
        Kind::Rate => (429, "TOO_MANY_REQUESTS", "Request Rate limit Exceeded"),
        Kind::Route => (404, "NOT_FOUND", "Not found"),
        // Clients sign whole seconds, so two equal orders in one are the same text: that is no matter of clocks or keys.
        Kind::Replay => (400, "REPEATED_CREATION", "The same request was signed in this second already"),
        Kind::Time => (403, "REQUEST_EXPIRED", "gap between request Timestamp and server time exceeds 60"),
        Kind::TooLarge => (413, "INVALID_REQUEST_BODY", "Request body too large"),
        Kind::Unavailable => (503, "SERVER_ERROR", "Service temporarily unavailable"),
    })
}
