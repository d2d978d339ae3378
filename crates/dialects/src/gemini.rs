//! Gemini: REST.
//!
//! ```text
//!   X-GEMINI-APIKEY, X-GEMINI-PAYLOAD = base64(JSON {"request": path, "nonce": n, …}), X-GEMINI-SIGNATURE
//!   signed text = the payload header as it stands;   HMAC-SHA-384 in hex
//! ```
//!
//! Parameters travel in the payload; nobody vouches for the body, so it is empty, or repeats members of the payload to the letter, as
//! some clients do; another one is refused. `request` must be the path of the request, with its query if there is one. The nonce is a number or text of one, in
//! whatever unit, and must be above all before it. The handshake of the order events is signed in the same way.
//!
//! Source: requests recorded from ccxt on 2026-11-21. See `docs/dialects/gemini.md`.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use countersign_core::{Algorithm, Freshness, Once, Presented, Purpose, Refusal, Reject, Scope, SignedBytes};

use crate::answer::{AnswerContext, HttpAnswer, quoted, with_last_nonce};
use crate::dialect::{Answer, Dialect, Header, Headers, RequestView, Security};
use crate::effect;
use crate::fields::{digits, header, hex_mac, key_id, malformed, object, string, text};
use crate::kind::{Kind, exact, kind};
use crate::limits;
use crate::raw_object::RawObject;
use crate::routes::{RestRoute, SocketKind, SocketRoute};

const KEY: &str = "x-gemini-apikey";
const PAYLOAD: &str = "x-gemini-payload";
const SIGNATURE: &str = "x-gemini-signature";

const ACCOUNT: &str = Scope::ACCOUNT_READ;
const ORDERS: &str = Scope::ORDER_READ;

const fn open(path: &'static str) -> RestRoute {
    RestRoute::public("GET", path)
}

const fn read(path: &'static str, scope: &'static str) -> RestRoute {
    RestRoute::signed("POST", path, scope)
}

/// The endpoints.
const REST: &[RestRoute] = &[
    open("/v1/book/{symbol}"),
    open("/v1/pricefeed"),
    open("/v1/pubticker/{symbol}"),
    open("/v1/riskstats/{symbol}"),
    open("/v1/symbols"),
    open("/v1/symbols/details/{symbol}"),
    open("/v1/trades/{symbol}"),
    open("/v2/candles/{symbol}/{interval}"),
    open("/v2/ticker/{symbol}"),
    read("/v1/account", ACCOUNT),
    read("/v1/balances", ACCOUNT),
    read("/v1/heartbeat", ORDERS),
    read("/v1/mytrades", ORDERS),
    read("/v1/notionalvolume", ACCOUNT),
    read("/v1/order/status", ORDERS),
    read("/v1/orders", ORDERS),
    read("/v1/orders/history", ORDERS),
    read("/v1/addresses/{network}", ACCOUNT),
    read("/v1/approvedAddresses/account/{network}", ACCOUNT),
    read("/v1/margin", ACCOUNT),
    read("/v1/positions", ACCOUNT),
    read("/v1/tradevolume", ACCOUNT),
    read("/v1/transfers", ACCOUNT),
    read("/v1/withdraw/{currency}", Scope::FUNDS_WITHDRAW),
    RestRoute::trade("POST", "/v1/order/cancel", 0),
    RestRoute::trade("POST", "/v1/order/cancel/all", 0),
    RestRoute::trade("POST", "/v1/order/cancel/session", 0),
    RestRoute::trade("POST", "/v1/order/new", 1),
];

const SOCKETS: &[SocketRoute] = &[
    SocketRoute { path: "/v1/marketdata/{symbol}", kind: SocketKind::Relay, yields: false },
    SocketRoute { path: "/v1/multimarketdata", kind: SocketKind::Relay, yields: false },
    SocketRoute { path: "/v1/order/events", kind: SocketKind::SignedRelay(ORDERS), yields: false },
    SocketRoute { path: "/v2/marketdata", kind: SocketKind::Relay, yields: false },
];

/// The dialect of Gemini.
#[derive(Clone, Copy, Debug, Default)]
pub struct Gemini;

impl Dialect for Gemini {
    fn purpose(&self) -> Purpose {
        Purpose::Gemini
    }

    fn proof_headers(&self) -> &'static [&'static str] {
        &[KEY, PAYLOAD, SIGNATURE]
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

    fn refuse(&self, refusal: &Refusal, _: &AnswerContext) -> HttpAnswer {
        let (status, reason, text) = words(refusal);
        HttpAnswer::json(status, format!(r#"{{"result":"error","reason":"{reason}","message":{}}}"#, quoted(&text)))
    }

    fn rest_routes(&self) -> &'static [RestRoute] {
        REST
    }

    fn socket_routes(&self) -> &'static [SocketRoute] {
        SOCKETS
    }
}

fn present<'m>(request: &RequestView<'m>) -> Result<Presented<'m>, Refusal> {
    let key = header(request.headers, KEY)?;
    let payload = header(request.headers, PAYLOAD)?;
    let signature = header(request.headers, SIGNATURE)?;
    if payload.len() > limits::BODY_BYTES_MAX {
        return Err(Reject::TooLarge.into());
    }
    let json = STANDARD.decode(payload).ok().and_then(|json| String::from_utf8(json).ok()).ok_or_else(|| malformed(PAYLOAD))?;
    let members = object(&json)?;
    check_body(request.body, &members)?;
    let nonce = text(&members, "nonce").ok_or_else(|| malformed("nonce"))?;
    // Some clients count with decimals; the whole part orders them.
    let nonce = digits(nonce.split('.').next().unwrap_or_default(), "nonce")?;
    let path = string(&members, "request").ok_or_else(|| malformed("request"))?;
    let names = if is_covered(request) { request.path() } else { request.target };
    if path.as_bytes() != names && path.as_bytes() != request.target {
        return Err(Refusal::operator(Reject::WrongUri, "the payload names another path"));
    }
    Ok(Presented {
        purpose: Purpose::Gemini,
        key_id: key_id(key, KEY)?,
        signature: hex_mac(Algorithm::HmacSha384, signature),
        signed: SignedBytes::from_piece(payload.as_bytes().to_vec()),
        passphrase: None,
        freshness: Freshness::Nonce { nonce, window_min: 0, clock: None },
        once: Once::Freshness,
        effect: effect::of_request(Purpose::Gemini, REST, request.method, request.path()),
    })
}

/// Whether a payload that names the path alone vouches for the request: nobody signs a query, and a reader may take parameters from it.
/// The handshake of the order events has one all the same, as at the venue: it filters what is told.
fn is_covered(request: &RequestView<'_>) -> bool {
    request.query().is_empty() || request.method == "GET"
}

/// A body may say again what the payload says, and nothing else: no reader can act on what is not signed.
fn check_body(body: &[u8], payload: &RawObject<'_>) -> Result<(), Refusal> {
    if body.is_empty() {
        return Ok(());
    }
    if body.len() > limits::BODY_BYTES_MAX {
        return Err(Reject::TooLarge.into());
    }
    let body = str::from_utf8(body).map_err(|_| malformed("body"))?;
    let said = object(body).map_err(|_| malformed("body"))?;
    let signed = |name: &str, value: &str| payload.member(name).is_some_and(|signed| signed.get() == value);
    if said.members().all(|(name, value)| signed(name, value.get())) { Ok(()) } else { Err(malformed("body")) }
}

/// What is told exactly, to whoever has the secret.
const EXACT: &[(Reject, (u16, &str, &str))] = &[(Reject::AddressNotAllowed, (403, "MissingRole", "The address is not on the key's list"))];

/// HTTP status, reason and text of a refusal.
fn words(refusal: &Refusal) -> (u16, &'static str, Cow<'static, str>) {
    let (status, reason, text) = exact(refusal, EXACT).unwrap_or_else(|| match kind(refusal) {
        Kind::Credential => (400, "InvalidSignature", "InvalidSignature"),
        Kind::Forbidden => (
            403,
            "MissingRole",
            "To access this endpoint, you need to log in to the website and go to the settings page to assign one of these roles",
        ),
        Kind::Invalid | Kind::TooLarge => (400, "InvalidJson", "The payload is malformed"),
        Kind::Missing => (400, "MissingApikeyHeader", "Must provide 'X-GEMINI-APIKEY' header"),
        Kind::Rate => (429, "RateLimit", "Requests were made too frequently"),
        Kind::Replay | Kind::Time => (400, "InvalidNonce", "Nonce has not increased since your last call to the Gemini API."),
        Kind::Route => (404, "EndpointNotFound", "API entry point not found"),
        // What the venue's 503 is, by its reference. Clients take its "System" for a fault of the request.
        Kind::Unavailable => (503, "Maintenance", "The system is down for maintenance"),
    });
    (status, reason, with_last_nonce(text, refusal))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_body_may_repeat_the_payload_and_say_nothing_else() {
        let payload = object(r#"{"request":"/v1/order/new","nonce":"7","amount":"0.01","options":["maker-or-cancel"]}"#).unwrap();
        for (body, fine) in [
            ("", true),
            ("{}", true),
            (r#"{"amount":"0.01"}"#, true),
            (r#"{"amount":"0.01","options":["maker-or-cancel"]}"#, true),
            (r#"{"amount":"0.02"}"#, false),
            (r#"{"amount":0.01}"#, false),
            (r#"{"amount":"0.01","price":"1"}"#, false),
            (r#"{"amount":"0.01","amount":"9"}"#, false),
            ("x=1", false),
            ("[]", false),
        ] {
            assert_eq!(check_body(body.as_bytes(), &payload).is_ok(), fine, "{body}");
        }
    }

    #[test]
    fn a_query_that_nobody_signed_is_no_part_of_a_request() {
        let verdict = |method: &str, target: &str, named: &str| {
            let payload = STANDARD.encode(format!(r#"{{"request":"{named}","nonce":"7","amount":"0.01"}}"#));
            let headers = [("x-gemini-apikey", "account-k"), ("x-gemini-signature", "00"), ("x-gemini-payload", payload.as_str())];
            let headers: Vec<(String, String)> = headers.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
            let request = RequestView { method, target: target.as_bytes(), headers: &headers, body: b"", host: None };
            present(&request).map(drop).map_err(|refusal| refusal.reject)
        };
        assert_eq!(verdict("POST", "/v1/order/new", "/v1/order/new"), Ok(()));
        assert_eq!(verdict("POST", "/v1/order/new?amount=9", "/v1/order/new"), Err(Reject::WrongUri));
        assert_eq!(verdict("POST", "/v1/order/new?amount=9", "/v1/order/new?amount=9"), Ok(()));
        assert_eq!(verdict("GET", "/v1/order/events?heartbeat=true", "/v1/order/events"), Ok(()), "a filter, as at the venue");
    }
}
