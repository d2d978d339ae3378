//! Bitfinex v2: REST and WebSocket login.
//!
//! ```text
//!   bfx-apikey, bfx-nonce, bfx-signature
//!   signed text = "/api" || path || nonce || body;   HMAC-SHA-384 in hex
//!   WebSocket: {"event":"auth","apiKey","authNonce","authPayload":"AUTH"+nonce,"authSig"}
//! ```
//!
//! REST and WebSocket share the nonces of a key. The signed text has no separators. It can be cut in one way only ([`is_one_cut`]):
//! a smaller nonce, which another cut makes, is no protection for a key whose nonces may overtake each other.
//!
//! Source: requests recorded from ccxt on 2026-11-21. See `docs/dialects/bitfinex.md`.

mod notice;
mod operations;
mod sequence;
mod socket;

use std::borrow::Cow;

use countersign_core::{Algorithm, Freshness, Once, Presented, Purpose, Refusal, Reject, Scope, SignedBytes};

use crate::answer::{AnswerContext, HttpAnswer, quoted, with_last_nonce};
use crate::dialect::{Answer, Dialect, Header, Headers, RequestView, Security};
use crate::effect;
use crate::fields::{decimal, header, hex_mac, key_id, malformed};
use crate::kind::{Kind, exact, kind};
use crate::login_socket::LoginSocket;
use crate::routes::{MessageRoute, RestRoute, SocketKind, SocketRoute, path_matches};
use crate::socket::{DialectSocket, Opening};

const KEY: &str = "bfx-apikey";
const NONCE: &str = "bfx-nonce";
const SIGNATURE: &str = "bfx-signature";

/// The highest nonce that the venue takes: the highest whole number of a double.
const NONCE_MAX: u64 = (1 << 53) - 1;

const ACCOUNT: &str = Scope::ACCOUNT_READ;
const ORDERS: &str = Scope::ORDER_READ;

const fn open(path: &'static str) -> RestRoute {
    RestRoute::public("GET", path)
}

const fn read(path: &'static str, scope: &'static str) -> RestRoute {
    RestRoute::signed("POST", path, scope)
}

const fn trade(path: &'static str, orders: u32) -> RestRoute {
    RestRoute::trade("POST", path, orders)
}

/// The endpoints.
const REST: &[RestRoute] = &[
    open("/v2/book/{symbol}/{precision}"),
    open("/v2/candles/{key}/{section}"),
    open("/v2/conf/{keys}"),
    open("/v2/platform/status"),
    open("/v2/liquidations/hist"),
    open("/v2/status/{kind}"),
    open("/v2/status/{kind}/{symbol}/hist"),
    open("/v2/ticker/{symbol}"),
    open("/v2/tickers"),
    open("/v2/trades/{symbol}/hist"),
    read("/v2/auth/r/info/margin/{key}", ACCOUNT),
    read("/v2/auth/r/info/user", ACCOUNT),
    read("/v2/auth/r/ledgers/hist", ACCOUNT),
    read("/v2/auth/r/ledgers/{currency}/hist", ACCOUNT),
    read("/v2/auth/r/order/{id}/trades", ORDERS),
    read("/v2/auth/r/orders", ORDERS),
    read("/v2/auth/r/orders/hist", ORDERS),
    read("/v2/auth/r/orders/{symbol}", ORDERS),
    read("/v2/auth/r/orders/{symbol}/hist", ORDERS),
    read("/v2/auth/r/positions", ACCOUNT),
    read("/v2/auth/r/summary", ACCOUNT),
    read("/v2/auth/r/trades/hist", ORDERS),
    read("/v2/auth/r/trades/{symbol}/hist", ORDERS),
    read("/v2/auth/r/wallets", ACCOUNT),
    trade("/v2/auth/w/order/cancel", 0),
    trade("/v2/auth/w/order/cancel/multi", 0),
    trade(operations::PATH, 75),
    // The collateral of a position: margin, as `setMargin` of ccxt moves it.
    trade("/v2/auth/w/deriv/collateral/set", 0),
    trade("/v2/auth/w/order/submit", 1),
    trade("/v2/auth/w/order/update", 1),
    read("/v2/auth/r/audit/hist", ACCOUNT),
    read("/v2/auth/r/movements/hist", ACCOUNT),
    read("/v2/auth/r/movements/{currency}/hist", ACCOUNT),
    read("/v2/auth/r/permissions", ACCOUNT),
    read("/v2/auth/r/positions/audit", ACCOUNT),
    read("/v2/auth/r/positions/hist", ACCOUNT),
    read("/v2/auth/w/deposit/address", ACCOUNT),
    read("/v2/auth/calc/order/avail", ACCOUNT),
    RestRoute::signed("POST", "/v2/auth/w/withdraw", Scope::FUNDS_WITHDRAW),
];

const fn socket(path: &'static str) -> SocketRoute {
    SocketRoute { path, kind: SocketKind::Dialect, yields: false }
}

/// One, which many clients open with a slash at its end.
const SOCKETS: &[SocketRoute] = &[socket("/ws/2"), socket("/ws/2/")];

const PUBLIC: &str = "subscribe.public";
const LOGIN: &str = "auth";
/// A login whose connection cancels the account's orders when it ends.
const PROTECTION: &str = "auth.protection";
const ORDER: &str = "order";
const CANCEL: &str = "cancel";
const CALC: &str = "calc";
const MULTI: &str = "order.multi";

const MESSAGES: &[MessageRoute] = &[
    MessageRoute::public(PUBLIC),
    MessageRoute::scoped(CALC, ACCOUNT),
    MessageRoute::scoped(LOGIN, ORDERS),
    MessageRoute::trade(CANCEL, 0),
    MessageRoute::trade(ORDER, 1),
    MessageRoute::trade(MULTI, 75),
    MessageRoute::trade(PROTECTION, 0),
];

/// The dialect of Bitfinex.
#[derive(Clone, Copy, Debug, Default)]
pub struct Bitfinex;

impl Dialect for Bitfinex {
    fn purpose(&self) -> Purpose {
        Purpose::Bitfinex
    }

    fn proof_headers(&self) -> &'static [&'static str] {
        &[KEY, NONCE, SIGNATURE]
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

    fn refuse(&self, refusal: &Refusal, _: &AnswerContext) -> HttpAnswer {
        let (status, code, text) = words(refusal);
        HttpAnswer::json(status, format!(r#"["error",{code},{}]"#, quoted(&text)))
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
        let is_ours = SOCKETS.iter().any(|socket| socket.path == opening.path());
        is_ours.then(|| LoginSocket::boxed(socket::V2::default()))
    }
}

fn nonce(text: &str, name: &'static str) -> Result<Freshness, Refusal> {
    let nonce = decimal(text, name)?;
    if nonce > NONCE_MAX {
        return Err(malformed(name));
    }
    Ok(Freshness::Nonce { nonce, window_min: 0, clock: None })
}

/// Whether path, nonce and body can be told apart in their signed text. The nonce begins with no zero, so the digits between path and
/// body are the nonce, or a single zero and the nonce: symbols of derivatives end so (`tBTCF0:USTF0`). Before those digits a path has
/// none, and behind them a body has none. A body begins in no path: what is signed there would be a path of the other cut.
fn is_one_cut(path: &[u8], body: &[u8]) -> bool {
    let before = path.strip_suffix(b"0").unwrap_or(path);
    !path.contains(&b'{')
        && !path.contains(&b'[')
        && !before.last().is_some_and(u8::is_ascii_digit)
        && matches!(body.first(), None | Some(b'{' | b'['))
}

/// Nobody vouches for a query, and funding among operations is no trade.
fn check_places(request: &RequestView<'_>) -> Result<(), Refusal> {
    if !request.query().is_empty() {
        return Err(malformed("query"));
    }
    if path_matches(operations::PATH, request.path()) { operations::only_of_orders_in(request.body) } else { Ok(()) }
}

fn present<'m>(request: &RequestView<'m>) -> Result<Presented<'m>, Refusal> {
    let key = header(request.headers, KEY)?;
    let signature = header(request.headers, SIGNATURE)?;
    let counted = header(request.headers, NONCE)?;
    check_places(request)?;
    let mut signed = SignedBytes::from_piece(&b"/api"[..]);
    signed.push(request.path());
    signed.push(counted.as_bytes().to_vec());
    signed.push(request.body);
    Ok(Presented {
        purpose: Purpose::Bitfinex,
        key_id: key_id(key, KEY)?,
        signature: hex_mac(Algorithm::HmacSha384, signature).only_if(is_one_cut(request.path(), request.body)),
        signed,
        passphrase: None,
        freshness: nonce(counted, NONCE)?,
        once: Once::Freshness,
        effect: effect::of_request(Purpose::Bitfinex, REST, request.method, request.path()),
    })
}

/// What is told exactly, to whoever has the secret.
const EXACT: &[(Reject, (u16, u32, &str))] = &[(Reject::AddressNotAllowed, (500, 10100, "apikey: ip not allowed"))];

/// HTTP status, code and text of a refusal.
fn words(refusal: &Refusal) -> (u16, u32, Cow<'static, str>) {
    let (status, code, text) = exact(refusal, EXACT).unwrap_or_else(|| match kind(refusal) {
        Kind::Credential | Kind::Missing => (500, 10100, "apikey: invalid"),
        Kind::Forbidden => (500, 10001, "api_key: permission invalid"),
        Kind::Invalid | Kind::TooLarge => (500, 10020, "request: invalid"),
        Kind::Rate => (429, 11010, "ratelimit: error"),
        Kind::Replay | Kind::Time => (500, 10114, "nonce: small"),
        Kind::Route => (404, 10020, "path: invalid"),
        // Clients read the code of an answer with 500 alone: beside another status it is an error without a name.
        Kind::Unavailable => (500, 20060, "maintenance"),
    });
    (status, code, with_last_nonce(text, refusal))
}
