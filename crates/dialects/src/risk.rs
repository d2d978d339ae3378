//! What a request can do to a position, told from its route and, where a venue has the words for it, from its signed bytes.
//!
//! ```text
//!   route ──▶ Read      market data, own data
//!         ──▶ Cancel    the tables here: surely takes orders away and does nothing else
//!         ──▶ Reduce    closes a position
//!         ──▶ Increase  everything else that writes ── refine(signed bytes) ──▶ Cancel | Reduce | Increase
//! ```
//!
//! The tables name what halts let pass; what is not in them is stopped. So a new endpoint is stopped until somebody writes it down.
//!
//! # Security
//! A reduce-only mark counts only where the venue refuses an order that breaks it. OKX and Bybit ignore the mark on spot orders,
//! so there it counts for contracts only (Bybit) or not at all (OKX, BitMEX, Bitfinex); Binance spot, Coinbase, Gate, Gemini,
//! Kraken spot and KuCoin spot have none. What has two readings (a name twice, also in other letters or with brackets, an escape, a `;`,
//! query and body) is an increase.
//! A mark or name counts only where the venue reads it: members that a venue ignores may say anything.

mod instrument;
mod tables;

use countersign_core::{Purpose, Risk, Scope};

pub use instrument::{InstrumentPlace, instrument, instrument_place};
pub use tables::{CANCEL_MESSAGES, CANCELS, FIX_CANCELS};
use tables::{REDUCTIONS, REFINED, TIMERS};

use crate::fields::{array, object, string};
use crate::raw_object::{RawObject, is_alike};

/// Orders in one batch that is looked through; a longer one is an increase.
const BATCH_MAX: usize = 100;

/// What a route is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target<'t> {
    /// An HTTP request, its path as in the table.
    Http(&'t str, &'t str),
    /// A message by its name.
    Message(&'t str),
}

/// The risk of a route.
#[must_use]
pub fn of_route(purpose: Option<Purpose>, target: Target<'_>, scope: Option<&str>) -> Risk {
    if !scope.is_some_and(writes) {
        return Risk::Read;
    }
    let Some(purpose) = purpose else { return Risk::Increase };
    let name = match target {
        Target::Http(method, path) => {
            if CANCELS.contains(&(purpose, method, path)) {
                return Risk::Cancel;
            }
            path.strip_prefix("/api/v2/").filter(|_| purpose == Purpose::Deribit).unwrap_or(path)
        }
        Target::Message(name) => name,
    };
    let http_twin = matches!(target, Target::Message(_)) || purpose == Purpose::Deribit;
    if http_twin && CANCEL_MESSAGES.contains(&(purpose, name)) {
        Risk::Cancel
    } else if REDUCTIONS.contains(&(purpose, name)) {
        Risk::Reduce
    } else {
        Risk::Increase
    }
}

/// The risk of a FIX message by its MsgType. A cancel-replace is an increase: it is an order too.
#[must_use]
pub fn of_fix(msg_type: &str, scope: Option<&str>) -> Risk {
    match scope.is_some_and(writes) {
        false => Risk::Read,
        true if FIX_CANCELS.contains(&msg_type) => Risk::Cancel,
        true => Risk::Increase,
    }
}

/// Whether [`refine`] is to be asked about requests on a route.
#[must_use]
pub fn is_refined(purpose: Option<Purpose>, target: Target<'_>) -> bool {
    let name = match target {
        Target::Http(_, path) => path.strip_prefix("/api/v2/").filter(|_| purpose == Some(Purpose::Deribit)).unwrap_or(path),
        Target::Message(name) => name,
    };
    purpose.is_some_and(|purpose| REFINED.contains(&(purpose, name)))
}

/// Whether a request or message sets a timer that cancels later, or stops it.
#[must_use]
pub fn is_timer(purpose: Option<Purpose>, target: Target<'_>) -> bool {
    let (Target::Http(_, name) | Target::Message(name)) = target;
    purpose.is_some_and(|purpose| TIMERS.contains(&(purpose, name)))
}

/// Scopes of what changes something.
fn writes(scope: &str) -> bool {
    scope.ends_with(":write") || scope == Scope::FUNDS_WITHDRAW || !scope.ends_with(":read")
}

/// The signed bytes of a request or message.
#[derive(Clone, Copy, Debug, Default)]
pub struct SignedText<'m> {
    /// The query, without its question mark.
    pub query: &'m [u8],
    /// The body, or the whole text of a message.
    pub body: &'m [u8],
}

impl<'m> SignedText<'m> {
    fn json(&self) -> Option<RawObject<'m>> {
        object(std::str::from_utf8(self.body).ok()?).ok()
    }

    /// The value of a parameter that stands once in the query or in the form, without escapes. Nothing where there are both: venues
    /// differ in which they read. Nothing in JSON: a string in it may look like a form. Nothing beside a `;`, which some take for `&`.
    fn parameter(&self, name: &str) -> Option<&'m str> {
        let ((text, b"") | (b"", text)) = (self.query, self.body) else { return None };
        if text.trim_ascii_start().starts_with(b"{") || text.trim_ascii_start().starts_with(b"[") || text.contains(&b';') {
            return None;
        }
        let mut found = None;
        for pair in text.split(|byte| *byte == b'&') {
            let (key, value) = parts(std::str::from_utf8(pair).ok()?);
            if key.contains(['%', '+']) {
                return None;
            }
            if is_alike(key, name) {
                if key != name || found.is_some() || value.contains(['%', '+']) {
                    return None;
                }
                found = Some(value);
            }
        }
        found
    }

    /// Whether the query has a parameter of this name, or of one that a reader may take for it.
    fn has_parameter_alike(&self, name: &str) -> bool {
        let like = |pair: &[u8]| std::str::from_utf8(pair).is_ok_and(|pair| is_alike(parts(pair).0, name));
        self.query.split(|byte| *byte == b'&').any(like)
    }
}

/// Name and value of a pair.
fn parts(pair: &str) -> (&str, &str) {
    pair.split_once('=').unwrap_or((pair, ""))
}

/// How the signed bytes came: venues look for an order in another place of each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Carriage {
    /// As a request.
    Http,
    /// As a message of a WebSocket.
    Message,
}

/// What the signed bytes make of a request that its route calls an increase, where [`is_refined`].
#[must_use]
pub fn refine(purpose: Purpose, carriage: Carriage, signed: SignedText<'_>) -> Risk {
    let told = match purpose {
        Purpose::Bybit => bybit(carriage, &signed),
        Purpose::Deribit => deribit(&signed),
        Purpose::Hyperliquid => hyperliquid(carriage, &signed),
        Purpose::KrakenFutures => (signed.parameter("reduceOnly") == Some("true")).then_some(Risk::Reduce),
        Purpose::Bearer
        | Purpose::Binance
        | Purpose::Bitfinex
        | Purpose::Bitmex
        | Purpose::ClientCertificate
        | Purpose::Coinbase
        | Purpose::CoinbaseExchange
        | Purpose::Gate
        | Purpose::Gemini
        | Purpose::HttpSignature
        | Purpose::Kraken
        | Purpose::Kucoin
        | Purpose::Native
        | Purpose::Okx => None,
    };
    told.unwrap_or(Risk::Increase)
}

fn is_true(object: &RawObject<'_>, name: &str) -> bool {
    object.only_member(name).is_some_and(|value| value.get() == "true")
}

/// The text of a member that is a string, where only one member can be meant.
fn word(object: &RawObject<'_>, name: &str) -> Option<String> {
    object.only_member(name).and_then(|_| string(object, name))
}

fn bybit(carriage: Carriage, signed: &SignedText<'_>) -> Option<Risk> {
    let whole = signed.json()?;
    let reduces = |order: &RawObject<'_>| {
        // The venue ignores the mark on spot orders.
        is_true(order, "reduceOnly") && matches!(word(order, "category").as_deref(), Some("linear" | "inverse"))
    };
    // An order in the place of the other carriage is one that the venue does not look at.
    if carriage == Carriage::Http {
        return reduces(&whole).then_some(Risk::Reduce);
    }
    let args = array(whole.only_member("args")?, BATCH_MAX, "args").ok()?;
    let all = !args.is_empty() && args.iter().all(|order| object(order.get()).is_ok_and(|order| reduces(&order)));
    all.then_some(Risk::Reduce)
}

fn deribit(signed: &SignedText<'_>) -> Option<Risk> {
    let whole = signed.json();
    if whole.is_some() && !signed.query.is_empty() {
        return None;
    }
    let params = whole.as_ref().filter(|whole| whole.has_alike("params")).map(|whole| whole.only_member("params"));
    let params = match params {
        Some(None) => return None,
        Some(Some(params)) => Some(object(params.get()).ok()?),
        None => None,
    };
    // Orders that come with others: what those do is theirs to say.
    const COMPANIONS: [&str; 2] = ["linked_order_type", "otoco_config"];
    let (reduces, instrument, alone) = match &params {
        Some(params) => {
            let alone = !COMPANIONS.iter().any(|name| params.has_alike(name));
            (is_true(params, "reduce_only"), word(params, "instrument_name"), alone)
        }
        None => (
            signed.parameter("reduce_only") == Some("true"),
            signed.parameter("instrument_name").map(str::to_owned),
            !COMPANIONS.iter().any(|name| signed.has_parameter_alike(name)),
        ),
    };
    // Contracts have a hyphen in their names (BTC-PERPETUAL); spot pairs (BTC_USDC) have no position to reduce.
    (reduces && alone && instrument.is_some_and(|name| name.contains('-'))).then_some(Risk::Reduce)
}

fn hyperliquid(carriage: Carriage, signed: &SignedText<'_>) -> Option<Risk> {
    let whole = signed.json()?;
    let inner = match carriage {
        Carriage::Http => whole,
        Carriage::Message => object(object(whole.only_member("request")?.get()).ok()?.only_member("payload")?.get()).ok()?,
    };
    let action = object(inner.only_member("action")?.get()).ok()?;
    match word(&action, "type")?.as_str() {
        "cancel" | "cancelByCloid" | "noop" | "scheduleCancel" | "twapCancel" => Some(Risk::Cancel),
        "order" => {
            let orders = array(action.only_member("orders")?, BATCH_MAX, "orders").ok()?;
            let all = !orders.is_empty() && orders.iter().all(|order| object(order.get()).is_ok_and(|order| is_true(&order, "r")));
            all.then_some(Risk::Reduce)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::registry::ALL;
    use Carriage::{Http, Message};
    use Purpose::{Binance, Bybit, Deribit, KrakenFutures, Native, Okx};

    fn body(text: &str) -> SignedText<'_> {
        SignedText { query: b"", body: text.as_bytes() }
    }

    fn query(text: &str) -> SignedText<'_> {
        SignedText { query: text.as_bytes(), body: b"" }
    }

    #[test]
    fn every_row_is_a_route_that_trades() {
        for (purpose, method, path) in CANCELS.iter().filter(|(purpose, ..)| *purpose != Native) {
            let dialect = ALL.iter().find(|dialect| dialect.purpose() == *purpose);
            let rows =
                if *purpose == Binance { crate::binance::routes::REST } else { dialect.map_or(&[][..], |dialect| dialect.rest_routes()) };
            let row = rows.iter().find(|row| row.method == *method && row.path == *path);
            assert!(row.is_some_and(|row| row.scope == Some(Scope::ORDER_WRITE) && row.orders == 0), "{purpose} {method} {path}");
        }
        for (purpose, name) in CANCEL_MESSAGES.iter().filter(|(purpose, _)| *purpose != Native) {
            let known = if *purpose == Binance {
                crate::binance::routes::ws_method(name).is_some_and(|row| row.writes && row.orders == 0)
            } else {
                let dialect = ALL.iter().find(|dialect| dialect.purpose() == *purpose);
                let rows = dialect.map_or(&[][..], |dialect| dialect.message_routes());
                rows.iter().any(|row| row.name == *name && row.orders_or_cancels() && row.orders == 0)
            };
            assert!(known, "{purpose} {name}");
        }
    }

    /// Whoever adds an endpoint that counts no order decides here whether halts let it pass.
    #[test]
    fn what_counts_no_order_and_is_no_cancel_is_known_by_name() {
        let mut others = BTreeSet::new();
        for dialect in ALL {
            let rows = if dialect.purpose() == Binance { crate::binance::routes::REST } else { dialect.rest_routes() };
            for row in rows.iter().filter(|row| row.scope == Some(Scope::ORDER_WRITE) && row.orders == 0) {
                if of_route(Some(dialect.purpose()), Target::Http(row.method, row.path), row.scope) == Risk::Increase {
                    others.insert(format!("{} {} {}", dialect.name(), row.method, row.path));
                }
            }
        }
        insta::assert_debug_snapshot!(others);
    }

    #[test]
    fn a_message_is_not_mistaken_for_an_endpoint() {
        assert_eq!(of_route(Some(Okx), Target::Http("POST", "cancel-order"), Some("order:write")), Risk::Increase);
        assert_eq!(of_route(Some(Okx), Target::Message("cancel-order"), Some("order:write")), Risk::Cancel);
        assert_eq!(of_route(Some(Bybit), Target::Message("cancel-order"), Some("order:write")), Risk::Increase, "of another venue");
        assert_eq!(of_route(Some(Purpose::Deribit), Target::Http("GET", "/api/v2/private/cancel"), Some("order:write")), Risk::Cancel);
        assert_eq!(of_route(Some(Purpose::Deribit), Target::Http("GET", "/api/v2/private/buy"), Some("order:write")), Risk::Increase);
        assert_eq!(of_route(None, Target::Message("anything"), Some("order:write")), Risk::Increase);
        assert_eq!(of_route(Some(Native), Target::Message("withdraw"), Some(Scope::FUNDS_WITHDRAW)), Risk::Increase);
        assert_eq!(of_route(Some(Native), Target::Message("balance"), Some("account:read")), Risk::Read);
        assert_eq!(of_route(Some(Native), Target::Message("x"), Some("house:rules")), Risk::Increase, "a scope nobody knows may write");
    }

    #[test]
    fn reduce_only_counts_where_the_venue_enforces_it() {
        let cases = [
            (Bybit, Http, body(r#"{"category":"linear","symbol":"BTCUSDT","reduceOnly":true}"#), Risk::Reduce),
            (Bybit, Http, body(r#"{"category":"spot","symbol":"BTCUSDT","reduceOnly":true}"#), Risk::Increase),
            (Bybit, Http, body(r#"{"category":"linear","reduceOnly":"true"}"#), Risk::Increase),
            (Bybit, Http, body(r#"{"category":"linear","reduceOnly":true,"reduceOnly":false}"#), Risk::Increase),
            (Bybit, Message, body(r#"{"op":"order.create","args":[{"category":"linear","reduceOnly":true}]}"#), Risk::Reduce),
            (
                Bybit,
                Message,
                body(r#"{"op":"order.create","args":[{"category":"linear","reduceOnly":true},{"category":"linear"}]}"#),
                Risk::Increase,
            ),
            (Bybit, Message, body(r#"{"op":"order.create","args":[],"category":"linear","reduceOnly":true}"#), Risk::Increase),
            (Deribit, Http, query("instrument_name=BTC-PERPETUAL&reduce_only=true"), Risk::Reduce),
            (Deribit, Http, query("instrument_name=BTC_USDC&reduce_only=true"), Risk::Increase),
            (Deribit, Http, query("instrument_name=BTC-PERPETUAL&reduce_only=true&reduce_only=false"), Risk::Increase),
            (Deribit, Http, query("instrument_name=BTC-PERPETUAL&reduce%5Fonly=false&reduce_only=true"), Risk::Increase),
            (
                Deribit,
                Http,
                body(r#"{"method":"private/buy","params":{"instrument_name":"BTC-PERPETUAL","reduce_only":true}}"#),
                Risk::Reduce,
            ),
            (
                Deribit,
                Message,
                body(r#"{"params":{"instrument_name":"BTC-PERPETUAL","reduce_only":true,"otoco_config":[]}}"#),
                Risk::Increase,
            ),
            (Deribit, Http, query("instrument_name=BTC-PERPETUAL&reduce_only=true&otoco_config=x"), Risk::Increase),
            (KrakenFutures, Http, body("orderType=lmt&reduceOnly=true"), Risk::Reduce),
            (KrakenFutures, Http, SignedText { query: b"reduceOnly=true", body: b"reduceOnly=false" }, Risk::Increase),
            (Purpose::Hyperliquid, Http, body(r#"{"action":{"type":"cancel","cancels":[]}}"#), Risk::Cancel),
            (Purpose::Hyperliquid, Http, body(r#"{"action":{"type":"order","orders":[{"a":0,"r":true}]}}"#), Risk::Reduce),
            (
                Purpose::Hyperliquid,
                Http,
                body(r#"{"action":{"type":"order","orders":[{"a":0,"r":true},{"a":1,"r":false}]}}"#),
                Risk::Increase,
            ),
            (Purpose::Hyperliquid, Http, body(r#"{"action":{"type":"modify"}}"#), Risk::Increase),
            (
                Purpose::Hyperliquid,
                Message,
                body(r#"{"method":"post","request":{"type":"action","payload":{"action":{"type":"cancelByCloid"}}}}"#),
                Risk::Cancel,
            ),
            (Okx, Http, body(r#"{"instId":"BTC-USDT","reduceOnly":true}"#), Risk::Increase),
        ];
        for (purpose, carriage, signed, risk) in cases {
            let shown = String::from_utf8_lossy(signed.body).into_owned() + &String::from_utf8_lossy(signed.query);
            assert_eq!(refine(purpose, carriage, signed), risk, "{purpose} {shown}");
        }
    }

    /// Each of these was an order to the venue and a cancel or reduction to a halt.
    #[test]
    fn a_mark_where_the_venue_does_not_look_is_none() {
        let cancel = r#"{"type":"cancel","cancels":[]}"#;
        let order = r#"{"type":"order","orders":[{"a":0,"r":false}]}"#;
        let hidden = |outer: &str, inner: &str| format!(r#"{{"action":{outer},"request":{{"payload":{{"action":{inner}}}}}}}"#);
        let (http, message) = (hidden(order, cancel), hidden(cancel, order));
        let cases = [
            (Purpose::Hyperliquid, Http, body(&http)),
            (Purpose::Hyperliquid, Message, body(&message)),
            (Bybit, Http, body(r#"{"category":"linear","side":"Buy","qty":"9","args":[{"category":"linear","reduceOnly":true}]}"#)),
            (Bybit, Message, body(r#"{"op":"order.create","category":"linear","reduceOnly":true}"#)),
            (Deribit, Http, SignedText { query: b"instrument_name=BTC-PERPETUAL&amount=10", body: b"&reduce_only=true" }),
            (KrakenFutures, Http, SignedText { query: b"reduceOnly=true", body: b"orderType=lmt&side=buy&size=9" }),
        ];
        for (purpose, carriage, signed) in cases {
            assert_eq!(refine(purpose, carriage, signed), Risk::Increase, "{purpose} {}", String::from_utf8_lossy(signed.body));
        }
    }

    /// A venue may read the second of the two.
    #[test]
    fn a_mark_with_a_twin_is_none() {
        let bybit = r#"{"category":"linear","reduceOnly":true"#;
        for twin in [
            "ReduceOnly\":false",
            "reduce_only\":false",
            "reduceOnly[]\":false",
            " reduceOnly\":false",
            "Category\":\"spot\"",
            "\u{17f}\":0",
        ] {
            assert_eq!(refine(Bybit, Http, body(&format!("{bybit},\"{twin}}}"))), Risk::Increase, "{twin}");
        }
        let cases = [
            (Bybit, Message, body(r#"{"args":[{"category":"linear","reduceOnly":true}],"Args":[{"category":"linear"}]}"#)),
            (Deribit, Http, query("instrument_name=BTC-PERPETUAL&reduce_only=true&Reduce_Only=false")),
            (Deribit, Http, query("instrument_name=BTC-PERPETUAL&reduce_only=true&a=b;reduce_only=false")),
            (Deribit, Http, query("instrument_name=BTC-PERPETUAL&reduce_only=true&Otoco_Config=x")),
            (Deribit, Message, body(r#"{"params":{"instrument_name":"BTC-PERPETUAL","reduce_only":true,"OTOCO_config":[]}}"#)),
            (KrakenFutures, Http, body("orderType=lmt&reduceOnly=true&reduceonly=false")),
            (KrakenFutures, Http, body("orderType=lmt&reduceOnly=true&reduceOnly[]=false")),
            (KrakenFutures, Http, body("orderType=lmt&reduceOnly=true;reduceOnly=false")),
            (Purpose::Hyperliquid, Http, body(r#"{"action":{"type":"order","orders":[{"a":0,"r":true,"R":false}]}}"#)),
            (Purpose::Hyperliquid, Http, body(r#"{"action":{"type":"cancel","Type":"order","orders":[{"a":0}]}}"#)),
        ];
        for (purpose, carriage, signed) in cases {
            let shown = String::from_utf8_lossy(signed.body).into_owned() + &String::from_utf8_lossy(signed.query);
            assert_eq!(refine(purpose, carriage, signed), Risk::Increase, "{purpose} {shown}");
        }
    }

    #[test]
    fn only_plain_new_orders_are_looked_into() {
        assert!(is_refined(Some(Bybit), Target::Http("POST", "/v5/order/create")));
        assert!(is_refined(Some(Purpose::Deribit), Target::Http("GET", "/api/v2/private/buy")));
        for path in ["/v5/order/amend", "/v5/order/create-batch", "/v5/position/trading-stop"] {
            assert!(!is_refined(Some(Bybit), Target::Http("POST", path)), "{path}");
        }
        assert!(!is_refined(Some(Purpose::Deribit), Target::Message("private/edit")));
        assert!(!is_refined(Some(KrakenFutures), Target::Http("POST", "/derivatives/api/v3/batchorder")));
    }
}
