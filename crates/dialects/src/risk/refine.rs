//! What the signed bytes make of a request that its route calls an increase.
//!
//! # Security
//! A reduce-only mark counts only where the venue refuses an order that breaks it. OKX and Bybit ignore the mark on spot orders,
//! so there it counts for contracts only (Bybit, Hyperliquid) or not at all (OKX, BitMEX, Bitfinex); Binance spot, Coinbase, Gate, Gemini,
//! Kraken spot and KuCoin spot have none. What has two readings (a name twice, also in other letters or with brackets, an escape, a `;`,
//! query and body) is an increase.
//! A mark or name counts only where the venue reads it: members that a venue ignores may say anything.

use countersign_core::{Purpose, Risk};

use super::SignedText;
use crate::fields::{array, object, string};
use crate::raw_object::RawObject;

/// Orders in one batch that is looked through; a longer one is an increase.
const BATCH_MAX: usize = 100;

/// How the signed bytes came: venues look for an order in another place of each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Carriage {
    /// As a request.
    Http,
    /// As a message of a WebSocket.
    Message,
}

/// What the signed bytes make of a request that its route calls an increase, where [`is_refined`](super::is_refined).
#[must_use]
pub fn refine(purpose: Purpose, carriage: Carriage, signed: SignedText<'_>) -> Risk {
    if !signed.query.is_empty() && !signed.body.is_empty() {
        return Risk::Increase;
    }
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

fn bybit(carriage: Carriage, signed: &SignedText<'_>) -> Option<Risk> {
    let whole = signed.json()?;
    let reduces = |order: &RawObject<'_>| {
        // The venue ignores the mark on spot orders.
        is_true(order, "reduceOnly") && matches!(string(order, "category").as_deref(), Some("linear" | "inverse"))
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
    let params = match &whole {
        Some(whole) => whole.optional_member("params").ok()?,
        None => None,
    };
    let params = match params {
        Some(params) => Some(object(params.get()).ok()?),
        None => None,
    };
    // Orders that come with others: what those do is theirs to say.
    const COMPANIONS: [&str; 2] = ["linked_order_type", "otoco_config"];
    let (reduces, instrument, alone) = match &params {
        Some(params) => {
            let alone = !COMPANIONS.iter().any(|name| params.has_alike(name));
            (is_true(params, "reduce_only"), string(params, "instrument_name"), alone)
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
    match string(&action, "type")?.as_str() {
        "cancel" | "cancelByCloid" | "noop" | "scheduleCancel" | "twapCancel" => Some(Risk::Cancel),
        "order" => {
            let orders = array(action.only_member("orders")?, BATCH_MAX, "orders").ok()?;
            let reduces =
                |order: &RawObject<'_>| is_true(order, "r") && order.only_member("a").is_some_and(|asset| is_perpetual(asset.get()));
            let all = !orders.is_empty() && orders.iter().all(|order| object(order.get()).is_ok_and(|order| reduces(&order)));
            all.then_some(Risk::Reduce)
        }
        _ => None,
    }
}

/// Whether an asset of Hyperliquid has positions: perpetuals have the numbers below 10,000, those that builders deployed 100,000 and up.
/// Spot pairs (10,000 and up) and outcomes (100,000,000 and up) ignore the mark (vendor, "Asset IDs").
fn is_perpetual(asset: &str) -> bool {
    let plain = asset.bytes().all(|byte| byte.is_ascii_digit());
    plain && asset.parse().is_ok_and(|asset: u32| matches!(asset, 0..10_000 | 100_000..100_000_000))
}

#[cfg(test)]
mod tests {
    use super::*;
    use Carriage::{Http, Message};
    use Purpose::{Bybit, Deribit, KrakenFutures, Okx};

    fn body(text: &str) -> SignedText<'_> {
        SignedText { query: b"", body: text.as_bytes() }
    }

    fn query(text: &str) -> SignedText<'_> {
        SignedText { query: text.as_bytes(), body: b"" }
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
                Http,
                body(r#"{"action":{"type":"order","orders":[{"a":9999,"r":true},{"a":110000,"r":true}]}}"#),
                Risk::Reduce,
            ),
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
            (Bybit, Http, SignedText { query: b"reduceOnly=false", body: br#"{"category":"linear","reduceOnly":true}"# }),
            (Purpose::Hyperliquid, Http, SignedText { query: b"action=order", body: br#"{"action":{"type":"cancel"}}"# }),
            (Purpose::Hyperliquid, Http, body(r#"{"action":{"type":"order","orders":[{"r":true}]}}"#)),
            (Purpose::Hyperliquid, Http, body(r#"{"action":{"type":"order","orders":[{"a":10000,"r":true}]}}"#)),
            (Purpose::Hyperliquid, Http, body(r#"{"action":{"type":"order","orders":[{"a":99999,"r":true}]}}"#)),
            (Purpose::Hyperliquid, Http, body(r#"{"action":{"type":"order","orders":[{"a":100000010,"r":true}]}}"#)),
            (Purpose::Hyperliquid, Http, body(r#"{"action":{"type":"order","orders":[{"a":"0","r":true}]}}"#)),
            (Purpose::Hyperliquid, Http, body(r#"{"action":{"type":"order","orders":[{"a":0,"A":10000,"r":true}]}}"#)),
            (Purpose::Hyperliquid, Http, body(r#"{"action":{"type":"order","orders":[{"a":0,"r":true},{"a":10000,"r":true}]}}"#)),
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
}
