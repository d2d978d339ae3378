//! KuCoin: REST, bullet tokens, WebSocket. The signature rule is that of [`crate::header_family`].
//!
//! ```text
//!   POST /api/v1/bullet-private ──▶ answered here: a token of ours, and our own address in place of the venue's
//!   GET  /kucoin/ws?token=…&connectId=… ──▶ welcome ──▶ subscriptions under the token's key
//! ```
//!
//! Source: requests recorded from ccxt and kucoin-universal-sdk on 2026-11-21, the venue's documentation. See
//! `docs/dialects/kucoin.md`.

mod bullet;
mod routes;
mod socket;

use std::time::Duration;

use countersign_core::{Purpose, Refusal, Reject};

use crate::answer::{AnswerContext, HttpAnswer, quoted};
use crate::dialect::{Answer, Dialect, Headers, LocalRequest, RequestView, Security};
use crate::fields::millis;
use crate::header_family::Family;
use crate::kind::{Kind, exact, kind};
use crate::routes::{MessageRoute, RestRoute, SocketRoute};
use crate::socket::{DialectSocket, Opening};

/// How far a signed time may be from ours: the venue takes less than five seconds.
const WINDOW: Duration = Duration::from_secs(5);

const VERSION: &str = "kc-api-key-version";

const FAMILY: Family = Family {
    purpose: Purpose::Kucoin,
    key: "kc-api-key",
    sign: "kc-api-sign",
    timestamp: "kc-api-timestamp",
    passphrase: "kc-api-passphrase",
    version: Some(VERSION),
    read_time: millis,
    window: WINDOW,
    decodes_query: true,
    routes: routes::REST,
};

const PROOF: &[&str] = &[FAMILY.key, FAMILY.sign, FAMILY.timestamp, FAMILY.passphrase, VERSION];

/// The dialect of KuCoin.
#[derive(Clone, Copy, Debug, Default)]
pub struct Kucoin;

impl Dialect for Kucoin {
    fn purpose(&self) -> Purpose {
        Purpose::Kucoin
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
        let (status, code, text) = words(refusal);
        HttpAnswer::json(status, format!(r#"{{"code":"{code}","msg":{}}}"#, quoted(text)))
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
        (opening.path() == routes::SOCKET_PATH).then(|| socket::Connection::boxed(opening))
    }

    fn handshake_query(&self) -> Option<&'static [&'static str]> {
        Some(&["connectId"])
    }

    fn answer(&self, request: &RequestView<'_>, local: &mut LocalRequest<'_>) -> Result<HttpAnswer, Refusal> {
        bullet::answer(request, local)
    }
}

/// What is told exactly, to whoever has the secret.
const EXACT: &[(Reject, (u16, u32, &str))] = &[
    (Reject::AddressNotAllowed, (400, 400_006, "The requested ip address is not in the api whitelist")),
    (Reject::WrongPassphrase, (401, 400_004, "Invalid KC-API-PASSPHRASE")),
];

/// HTTP status, code and text of a refusal.
fn words(refusal: &Refusal) -> (u16, u32, &'static str) {
    exact(refusal, EXACT).unwrap_or_else(|| match kind(refusal) {
        Kind::Credential => (401, 400_005, "Invalid KC-API-SIGN"),
        Kind::Forbidden => (403, 400_007, "Access denied --> Require more permission"),
        Kind::Invalid => (400, 400_100, "Parameter Error"),
        Kind::Missing => {
            (401, 400_001, "Any of KC-API-KEY, KC-API-SIGN, KC-API-TIMESTAMP, KC-API-PASSPHRASE is missing in your request header")
        }
        Kind::Rate => (429, 429_000, "Too Many Requests"),
        Kind::Route => (404, 404_000, "Url Not Found"),
        Kind::Replay | Kind::Time => (400, 400_002, "Invalid KC-API-TIMESTAMP"),
        Kind::TooLarge => (413, 400_100, "Parameter Error"),
        Kind::Unavailable => (503, 500_000, "Internal Server Error"),
    })
}
