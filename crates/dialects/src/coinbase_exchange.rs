//! Coinbase Exchange: REST and WebSocket feed. The signature rule is that of [`crate::header_family`].
//!
//! Source: requests recorded from ccxt on 2026-11-21. See `docs/dialects/coinbase-exchange.md`.

mod routes;
mod socket;

use std::time::Duration;

use countersign_core::{Purpose, Refusal, Reject};

use crate::answer::{AnswerContext, HttpAnswer, quoted};
use crate::dialect::{Answer, Dialect, Headers, RequestView, Security};
use crate::fields::decimal_seconds;
use crate::header_family::Family;
use crate::kind::{Kind, exact, kind};
use crate::login_socket::LoginSocket;
use crate::routes::{MessageRoute, RestRoute, SocketRoute};
use crate::socket::{DialectSocket, Opening};

/// How far a signed time may be from ours.
const WINDOW: Duration = Duration::from_secs(30);

const FAMILY: Family = Family {
    purpose: Purpose::CoinbaseExchange,
    key: "cb-access-key",
    sign: "cb-access-sign",
    timestamp: "cb-access-timestamp",
    passphrase: "cb-access-passphrase",
    version: None,
    read_time: decimal_seconds,
    window: WINDOW,
    decodes_query: false,
    routes: routes::REST,
};

const PROOF: &[&str] = &FAMILY.headers();

/// The dialect of Coinbase Exchange.
#[derive(Clone, Copy, Debug, Default)]
pub struct CoinbaseExchange;

impl Dialect for CoinbaseExchange {
    fn purpose(&self) -> Purpose {
        Purpose::CoinbaseExchange
    }

    fn proof_headers(&self) -> &'static [&'static str] {
        PROOF
    }

    fn recognizes(&self, headers: &dyn Headers) -> bool {
        FAMILY.recognizes(headers)
    }

    fn present<'m>(&self, request: &RequestView<'m>, security: Security) -> Answer<'m> {
        match security {
            Security::None => Answer::NotMine,
            Security::ApiKey | Security::Signed => FAMILY.present(request).into(),
        }
    }

    fn refuse(&self, refusal: &Refusal, _: &AnswerContext) -> HttpAnswer {
        let (status, text) = words(refusal);
        HttpAnswer::json(status, format!(r#"{{"message":{}}}"#, quoted(text)))
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
        routes::SOCKETS.iter().any(|route| route.path == opening.path()).then(|| LoginSocket::boxed(socket::Feed))
    }
}

/// What is told exactly, to whoever has the secret.
const EXACT: &[(Reject, (u16, &str))] =
    &[(Reject::AddressNotAllowed, (403, "IP does not match IP allowlist")), (Reject::WrongPassphrase, (401, "Invalid Passphrase"))];

/// HTTP status and text of a refusal.
fn words(refusal: &Refusal) -> (u16, &'static str) {
    exact(refusal, EXACT).unwrap_or_else(|| match kind(refusal) {
        Kind::Credential => (401, "invalid signature"),
        Kind::Forbidden => (403, "Forbidden"),
        Kind::Invalid => (400, "Bad Request"),
        Kind::Missing => (401, "CB-ACCESS-KEY, CB-ACCESS-SIGN, CB-ACCESS-TIMESTAMP and CB-ACCESS-PASSPHRASE headers are required"),
        Kind::Rate => (429, "Private rate limit exceeded"),
        Kind::Route => (404, "NotFound"),
        // Clients sign whole seconds, so two equal orders in one are the same text: that is no matter of clocks or keys.
        Kind::Replay => (400, "Duplicate request: the same was signed in this second already"),
        Kind::Time => (401, "request timestamp expired"),
        Kind::TooLarge => (413, "Payload Too Large"),
        Kind::Unavailable => (503, "Service Unavailable"),
    })
}
