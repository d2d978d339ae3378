//! BitMEX: REST and WebSocket login.
//!
//! ```text
//!   api-key, api-expires (s, or ms from clients that write it so), api-signature
//!   signed text = VERB || path?query || expires || body;   HMAC-SHA-256 in hex
//!   WebSocket: {"op":"authKeyExpires","args":[key, expires, signature over "GET/realtime" || expires]}
//!              or the same proof in the headers of the handshake, and `?subscribe=a,b:c` in its target
//! ```
//!
//! Source: requests recorded from ccxt 4.4.100 on 2026-11-21 (newer ones dropped the venue). See `docs/dialects/bitmex.md`.

mod socket;

use countersign_core::{Algorithm, Freshness, Once, Presented, Purpose, Refusal, Reject, Scope, SignedBytes, Timestamp};

use crate::answer::{AnswerContext, HttpAnswer, quoted};
use crate::dialect::{Answer, Dialect, Header, Headers, RequestView, Security};
use crate::effect;
use crate::fields::{digits, header, hex_mac, key_id, malformed};
use crate::kind::{Kind, exact, kind};
use crate::limits;
use crate::login_socket::LoginSocket;
use crate::routes::{MessageRoute, RestRoute, SocketKind, SocketRoute};
use crate::socket::{DialectSocket, Opening};

const KEY: &str = "api-key";
const EXPIRES: &str = "api-expires";
const SIGNATURE: &str = "api-signature";

/// The dialect of BitMEX.
#[derive(Clone, Copy, Debug, Default)]
pub struct Bitmex;

const ACCOUNT: &str = Scope::ACCOUNT_READ;
const ORDERS: &str = Scope::ORDER_READ;

/// What a bulk request is charged as that cannot be counted.
const BULK_ORDERS: u32 = 100;

/// The endpoints. ccxt signs public ones, too, when it has a key.
const REST: &[RestRoute] = &[
    RestRoute::public("GET", "/api/v1/instrument"),
    RestRoute::public("GET", "/api/v1/instrument/active"),
    RestRoute::public("GET", "/api/v1/instrument/activeAndIndices"),
    RestRoute::public("GET", "/api/v1/instrument/indices"),
    RestRoute::public("GET", "/api/v1/orderBook/L2"),
    RestRoute::public("GET", "/api/v1/quote"),
    RestRoute::public("GET", "/api/v1/schema/websocketHelp"),
    RestRoute::public("GET", "/api/v1/trade"),
    RestRoute::public("GET", "/api/v1/trade/bucketed"),
    RestRoute::public("GET", "/api/v1/wallet/assets"),
    RestRoute::signed("GET", "/api/v1/execution/tradeHistory", ORDERS),
    RestRoute::signed("GET", "/api/v1/order", ORDERS),
    RestRoute::signed("GET", "/api/v1/position", ACCOUNT),
    RestRoute::signed("GET", "/api/v1/user", ACCOUNT),
    RestRoute::signed("GET", "/api/v1/user/margin", ACCOUNT),
    RestRoute::signed("GET", "/api/v1/user/wallet", ACCOUNT),
    RestRoute::signed("GET", "/api/v1/user/walletHistory", ACCOUNT),
    RestRoute::trade("DELETE", "/api/v1/order", 0),
    RestRoute::trade("DELETE", "/api/v1/order/all", 0),
    RestRoute::trade("POST", "/api/v1/order", 1),
    RestRoute::trade("POST", "/api/v1/order/cancelAllAfter", 0),
    RestRoute::trade("POST", "/api/v1/order/bulk", BULK_ORDERS),
    RestRoute::trade("PUT", "/api/v1/order", 1),
    RestRoute::trade("PUT", "/api/v1/order/bulk", BULK_ORDERS),
    RestRoute::public("GET", "/api/v1/funding"),
    RestRoute::public("GET", "/api/v1/insurance"),
    RestRoute::public("GET", "/api/v1/liquidation"),
    RestRoute::public("GET", "/api/v1/quote/bucketed"),
    RestRoute::public("GET", "/api/v1/settlement"),
    RestRoute::public("GET", "/api/v1/stats"),
    RestRoute::public("GET", "/api/v1/wallet/networks"),
    RestRoute::signed("GET", "/api/v1/execution", ORDERS),
    RestRoute::signed("GET", "/api/v1/user/commission", ACCOUNT),
    RestRoute::signed("GET", "/api/v1/user/depositAddress", ACCOUNT),
    RestRoute::signed("GET", "/api/v1/user/walletSummary", ACCOUNT),
    RestRoute::trade("POST", "/api/v1/position/isolate", 0),
    RestRoute::trade("POST", "/api/v1/position/leverage", 0),
    RestRoute::trade("POST", "/api/v1/position/riskLimit", 0),
    RestRoute::trade("POST", "/api/v1/position/transferMargin", 0),
    RestRoute::signed("POST", "/api/v1/user/requestWithdrawal", Scope::FUNDS_WITHDRAW),
];

const SOCKETS: &[SocketRoute] = &[SocketRoute { path: "/realtime", kind: SocketKind::Dialect, yields: false }];

const PUBLIC: &str = "subscribe.public";
const PRIVATE: &str = "subscribe.private";
const CANCEL_ALL_AFTER: &str = "cancelAllAfter";

const MESSAGES: &[MessageRoute] =
    &[MessageRoute::public(PUBLIC), MessageRoute::scoped(PRIVATE, ORDERS), MessageRoute::trade(CANCEL_ALL_AFTER, 0)];

impl Dialect for Bitmex {
    fn purpose(&self) -> Purpose {
        Purpose::Bitmex
    }

    fn proof_headers(&self) -> &'static [&'static str] {
        &[KEY, EXPIRES, SIGNATURE]
    }

    fn recognizes(&self, headers: &dyn Headers) -> bool {
        headers.find(EXPIRES) != Header::Absent
    }

    fn present<'m>(&self, request: &RequestView<'m>, security: Security) -> Answer<'m> {
        match security {
            Security::None => Answer::NotMine,
            Security::ApiKey | Security::Signed => present(request).into(),
        }
    }

    fn refuse(&self, refusal: &Refusal, _: &AnswerContext) -> HttpAnswer {
        let (status, text) = words(refusal);
        HttpAnswer::json(status, format!(r#"{{"error":{{"message":{},"name":"HTTPError"}}}}"#, quoted(text)))
    }

    fn rest_routes(&self) -> &'static [RestRoute] {
        REST
    }

    fn socket_routes(&self) -> &'static [SocketRoute] {
        SOCKETS
    }

    fn message_routes(&self) -> &'static [MessageRoute] {
        MESSAGES
    }

    fn open_socket(&self, opening: &Opening<'_>) -> Option<Box<dyn DialectSocket>> {
        self.open_socket_with(opening, &http::HeaderMap::new())
    }

    fn open_socket_with(&self, opening: &Opening<'_>, headers: &dyn Headers) -> Option<Box<dyn DialectSocket>> {
        (opening.path() == SOCKETS[0].path).then(|| LoginSocket::boxed(socket::Realtime::opened(opening, headers)))
    }

    fn handshake_headers(&self) -> &'static [&'static str] {
        self.proof_headers()
    }

    fn handshake_query(&self) -> Option<&'static [&'static str]> {
        Some(&[])
    }
}

/// As seconds, this is the year 5138; as milliseconds, 1973. What is above is no second.
const MILLISECONDS_FROM: u64 = 100_000_000_000;

/// When a request ends. pybotters writes the end in milliseconds; the venue reads an end that never comes. Here it is what it is.
fn end_of(expires: &str) -> Result<Timestamp, Refusal> {
    let number = digits(expires, EXPIRES)?;
    Ok(if number < MILLISECONDS_FROM { Timestamp::from_secs(number) } else { Timestamp::from_millis(number) })
}

fn present<'m>(request: &RequestView<'m>) -> Result<Presented<'m>, Refusal> {
    let key = header(request.headers, KEY)?;
    let signature = header(request.headers, SIGNATURE)?;
    let expires = header(request.headers, EXPIRES)?;
    if !request.method.bytes().all(|byte| byte.is_ascii_uppercase()) {
        return Err(malformed("method"));
    }
    // Between target and body stands only the time: were it to begin with zeros, a target could give its own to it; and were a body to
    // begin with digits, milliseconds could give it theirs.
    let plain = !expires.starts_with('0') && !request.body.first().is_some_and(u8::is_ascii_digit);
    let mut signed = SignedBytes::new();
    signed.push(request.method.as_bytes());
    signed.push(request.target);
    signed.push(expires.as_bytes().to_vec());
    signed.push(request.body);
    Ok(Presented {
        purpose: Purpose::Bitmex,
        key_id: key_id(key, KEY)?,
        signature: hex_mac(Algorithm::HmacSha256, signature).only_if(plain),
        signed,
        passphrase: None,
        freshness: Freshness::Validity {
            not_before: None,
            not_after: end_of(expires)?,
            leeway: limits::TIMESTAMP_AHEAD_MAX,
            lifetime_max: limits::LOGIN_LIFETIME_MAX,
        },
        once: Once::SignedBytes,
        effect: effect::of_request(Purpose::Bitmex, REST, request.method, request.path()),
    })
}

/// What is told exactly, to whoever has the secret.
const EXACT: &[(Reject, (u16, &str))] =
    &[(Reject::KeyRevoked, (403, "This key is disabled.")), (Reject::KeySuspended, (403, "This key is disabled."))];

/// HTTP status and text of a refusal.
fn words(refusal: &Refusal) -> (u16, &'static str) {
    exact(refusal, EXACT).unwrap_or_else(|| match kind(refusal) {
        Kind::Credential => (401, "Signature not valid."),
        Kind::Forbidden => (403, "Access Denied"),
        Kind::Invalid => (400, "Invalid request"),
        Kind::Missing => (401, "Missing API key."),
        Kind::Rate => (429, "Rate limit exceeded, retry in 1 seconds."),
        Kind::Route => (404, "Not Found"),
        Kind::Replay | Kind::Time => (401, "This request has expired - `expires` is in the past."),
        Kind::TooLarge => (413, "Request too large"),
        Kind::Unavailable => (503, "The system is currently overloaded. Please try again later."),
    })
}
