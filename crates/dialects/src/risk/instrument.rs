//! The instrument of a request, for halts of one: told only from the place where the venue itself reads it.
//!
//! | place | what names the instrument |
//! |---|---|
//! | [`InstrumentPlace::Parameter`] | a parameter of the query or of the form |
//! | [`InstrumentPlace::Member`] | a member of the body |
//! | [`InstrumentPlace::Params`] | a member of `params`; in a request without a body a parameter of the query |
//! | none | batches, amendments by an order's id, messages with lists: of every instrument |
//!
//! # Security
//! A member that a venue ignores may say anything: `{"symbol":"ETH","request":[{"symbol":"BTC"}]}` is an order for BTC where the
//! endpoint is a batch. So the table is of endpoints, and what is not in it is stopped by every halt of an instrument.

use countersign_core::Purpose;

use super::{SignedText, Target};
use crate::fields::{object, text};

use InstrumentPlace::{Member, Parameter, Params};
use Purpose::{Binance, Bybit, Coinbase, CoinbaseExchange, Deribit, Gate, Kraken, KrakenFutures, Kucoin, Native, Okx};
use Target::{Http, Message};

/// Where the instrument of an endpoint stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InstrumentPlace {
    /// The member of the body.
    Member(&'static str),
    /// The parameter of query or form.
    Parameter(&'static str),
    /// The member of `params`, or the parameter of the query.
    Params(&'static str),
}

/// Endpoints that are about one instrument, which the venue demands there.
#[rustfmt::skip]
const PLACES: &[(Purpose, Target<'static>, InstrumentPlace)] = &[
    (Bybit, Http("POST", "/v5/order/amend"), Member("symbol")),
    (Bybit, Http("POST", "/v5/order/cancel"), Member("symbol")),
    (Bybit, Http("POST", "/v5/order/create"), Member("symbol")),
    (Bybit, Http("POST", "/v5/position/set-leverage"), Member("symbol")),
    (Bybit, Http("POST", "/v5/position/trading-stop"), Member("symbol")),
    (Coinbase, Http("POST", "/api/v3/brokerage/orders"), Member("product_id")),
    (Coinbase, Http("POST", "/api/v3/brokerage/orders/close_position"), Member("product_id")),
    (Coinbase, Http("POST", "/api/v3/brokerage/orders/preview"), Member("product_id")),
    (CoinbaseExchange, Http("DELETE", "/orders"), Parameter("product_id")),
    (CoinbaseExchange, Http("POST", "/orders"), Member("product_id")),
    (Gate, Http("DELETE", "/api/v4/spot/orders"), Parameter("currency_pair")),
    (Gate, Http("DELETE", "/api/v4/spot/orders/{id}"), Parameter("currency_pair")),
    (Gate, Http("POST", "/api/v4/spot/orders"), Member("currency_pair")),
    (Kraken, Http("POST", "/0/private/AddOrder"), Parameter("pair")),
    (KrakenFutures, Http("POST", "/derivatives/api/v3/cancelallorders"), Parameter("symbol")),
    (KrakenFutures, Http("POST", "/derivatives/api/v3/sendorder"), Parameter("symbol")),
    (Kucoin, Http("DELETE", "/api/v1/hf/orders"), Parameter("symbol")),
    (Kucoin, Http("DELETE", "/api/v1/orders"), Parameter("symbol")),
    (Kucoin, Http("POST", "/api/v1/hf/orders"), Member("symbol")),
    (Kucoin, Http("POST", "/api/v1/hf/orders/test"), Member("symbol")),
    (Kucoin, Http("POST", "/api/v1/orders"), Member("symbol")),
    (Kucoin, Http("POST", "/api/v1/orders/test"), Member("symbol")),
    (Native, Http("POST", "/native/v1/orders"), Member("sym")),
    (Native, Message("order.place"), Member("sym")),
    (Okx, Http("POST", "/api/v5/trade/amend-order"), Member("instId")),
    (Okx, Http("POST", "/api/v5/trade/cancel-order"), Member("instId")),
    (Okx, Http("POST", "/api/v5/trade/close-position"), Member("instId")),
    (Okx, Http("POST", "/api/v5/trade/order"), Member("instId")),
];

/// Methods of Deribit that name their instrument; over HTTP and WebSocket.
const DERIBIT: [&str; 4] = ["private/buy", "private/cancel_all_by_instrument", "private/close_position", "private/sell"];

/// Where the instrument of an endpoint stands; `None` where it cannot be told.
#[must_use]
pub fn instrument_place(purpose: Option<Purpose>, target: Target<'_>) -> Option<InstrumentPlace> {
    match (purpose?, target) {
        // Whatever trades at Binance demands `symbol`.
        (Binance, Http(_, path)) => path.starts_with("/api/v3/").then_some(Parameter("symbol")),
        (Binance, Message(_)) => Some(Params("symbol")),
        (Deribit, Http(_, name) | Message(name)) => {
            let name = name.strip_prefix("/api/v2/").unwrap_or(name);
            DERIBIT.contains(&name).then_some(Params("instrument_name"))
        }
        (purpose, target) => PLACES.iter().find(|(of, at, _)| *of == purpose && *at == target).map(|(.., place)| *place),
    }
}

/// The instrument that stands in its place, if there is one and nothing else could be meant.
///
/// # Security
/// `None` means "may be any": a halt of an instrument stops it.
#[must_use]
pub fn instrument(place: InstrumentPlace, signed: SignedText<'_>) -> Option<String> {
    match place {
        Member(name) => signed.json().filter(|_| signed.query.is_empty()).and_then(|whole| text(&whole, name)),
        Parameter(name) => signed.parameter(name).map(str::to_owned),
        Params(name) if signed.body.is_empty() => signed.parameter(name).map(str::to_owned),
        Params(name) => {
            let whole = signed.json().filter(|_| signed.query.is_empty())?;
            text(&object(whole.member("params")?.get()).ok()?, name)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::ALL;

    fn body(text: &str) -> SignedText<'_> {
        SignedText { query: b"", body: text.as_bytes() }
    }

    fn query(text: &str) -> SignedText<'_> {
        SignedText { query: text.as_bytes(), body: b"" }
    }

    fn told(purpose: Purpose, target: Target<'_>, signed: SignedText<'_>) -> Option<String> {
        instrument(instrument_place(Some(purpose), target)?, signed)
    }

    #[test]
    fn every_row_is_an_endpoint() {
        for (purpose, target, _) in PLACES.iter().filter(|(purpose, ..)| *purpose != Native) {
            let dialect = ALL.iter().find(|dialect| dialect.purpose() == *purpose);
            let Http(method, path) = target else { panic!("{target:?}") };
            let rows = dialect.map_or(&[][..], |dialect| dialect.rest_routes());
            assert!(rows.iter().any(|row| row.method == *method && row.path == *path), "{purpose} {method} {path}");
        }
    }

    #[test]
    fn an_instrument_is_told_only_when_there_is_one_reading() {
        let order = Http("POST", "/api/v3/order");
        let create = Http("POST", "/v5/order/create");
        let buy = Http("POST", "/api/v2/private/buy");
        let cases = [
            (Binance, order, query("symbol=BTCUSDT&side=BUY"), Some("BTCUSDT")),
            (Binance, order, SignedText { query: b"symbol=BTCUSDT", body: b"symbol=ETHUSDT" }, None),
            (Binance, order, query("side=BUY"), None),
            (Binance, order, query("symbol=BTC%55SDT"), None),
            (Binance, Message("order.place"), body(r#"{"params":{"symbol":"BTCUSDT"}}"#), Some("BTCUSDT")),
            (Bybit, create, body(r#"{"symbol":"BTCUSDT"}"#), Some("BTCUSDT")),
            (Bybit, create, body(r#"{"symbol":"BTCUSDT","symbol":"ETHUSDT"}"#), None),
            (Deribit, buy, body(r#"{"params":{"instrument_name":"BTC-PERPETUAL"}}"#), Some("BTC-PERPETUAL")),
            (Deribit, buy, query("instrument_name=BTC-PERPETUAL"), Some("BTC-PERPETUAL")),
            (Native, Message("order.place"), body(r#"{"op":"order.place","sym":"BTC-USDT"}"#), Some("BTC-USDT")),
            (Okx, Message("order"), body(r#"{"op":"order","args":[{"instId":"BTC-USDT"}]}"#), None),
        ];
        for (purpose, target, signed, expected) in cases {
            assert_eq!(told(purpose, target, signed).as_deref(), expected, "{purpose} {}", String::from_utf8_lossy(signed.body));
        }
    }

    /// Each of these named ETH to a halt, and BTC to the venue.
    #[test]
    fn a_name_where_the_venue_does_not_look_is_none() {
        let cases = [
            (Bybit, Http("POST", "/v5/order/create-batch"), body(r#"{"symbol":"ETH","request":[{"symbol":"BTC"}]}"#)),
            (Bybit, Message("order.create"), body(r#"{"op":"order.create","symbol":"ETH","args":[{"symbol":"BTC"}]}"#)),
            (Okx, Message("order"), body(r#"{"op":"order","instId":"ETH","args":[{"instId":"BTC"}]}"#)),
            (Okx, Http("POST", "/api/v5/trade/batch-orders"), body(r#"[{"instId":"BTC","clOrdId":"&instId=ETH&"}]"#)),
            (Okx, Http("POST", "/api/v5/trade/order"), body(r#"[{"instId":"BTC","clOrdId":"&instId=ETH&"}]"#)),
            (Gate, Message("spot.order_place"), body(r#"{"payload":{"currency_pair":"ETH","req_param":{"currency_pair":"BTC"}}}"#)),
            (Kraken, Message("add_order"), body(r#"{"method":"add_order","params":{"symbol":"BTC/USD","pair":"ETHUSD"}}"#)),
            (Kraken, Http("POST", "/0/private/AddOrder"), body(r#"{"pair":"XBTUSD","cl_ord_id":"&pair=ETHUSD&"}"#)),
            (KrakenFutures, Http("POST", "/derivatives/api/v3/batchorder"), body("symbol=ETH&json=BTC")),
            (Kucoin, Http("POST", "/api/v1/hf/orders/multi"), body(r#"{"symbol":"ETH","orderList":[{"symbol":"BTC"}]}"#)),
            (Coinbase, Http("POST", "/api/v3/brokerage/orders/edit"), body(r#"{"order_id":"of-btc","product_id":"ETH"}"#)),
            (Deribit, Http("GET", "/api/v2/private/edit"), query("order_id=of-btc&instrument_name=ETH")),
            (Native, Http("POST", "/native/v1/orders"), query("sym=ETH")),
            (Native, Message("order.place"), body(r#"{"op":"order.place","params":{"sym":"ETH"}}"#)),
        ];
        for (purpose, target, signed) in cases {
            assert_eq!(told(purpose, target, signed), None, "{purpose} {target:?}");
        }
    }
}
