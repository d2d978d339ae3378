//! The instrument of a request, for halts of one: told only from the place where the venue itself reads it.
//!
//! | place | what names the instrument |
//! |---|---|
//! | [`InstrumentPlace::Parameter`] | a parameter of the query or of the form |
//! | [`InstrumentPlace::Member`] | a member of the body |
//! | [`InstrumentPlace::Params`] | a member of `params`; in a request without a body a parameter of the query |
//! | [`InstrumentPlace::Argument`] | a member of the one element of `args` |
//! | [`InstrumentPlace::RequestParam`] | a member of `payload.req_param`, where that is one order and no list |
//! | none | batches, amendments by an order's id, messages with lists; Gemini, whose payload is base64, and Hyperliquid, which has numbers: of every instrument |
//!
//! # Security
//! A member that a venue ignores may say anything: `{"symbol":"ETH","request":[{"symbol":"BTC"}]}` is an order for BTC where the
//! endpoint is a batch. A name that stands there a second time, in other letters or with brackets, may be the one that is read. So the table is of endpoints, and what is not in it is stopped by every halt of an instrument.

use countersign_core::Purpose;

use super::{SignedText, Target};
use crate::fields::{array, object, text};
use crate::raw_object::RawObject;

use InstrumentPlace::{Argument, Member, Parameter, Params, RequestParam};
use Purpose::{Binance, Bitfinex, Bitmex, Bybit, Coinbase, CoinbaseExchange, Deribit, Gate, Kraken, KrakenFutures, Kucoin, Native, Okx};
use Target::{Http, Message};

/// Where the instrument of an endpoint stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InstrumentPlace {
    /// The member of the only element of `args`: of a message with several it may be any.
    Argument(&'static str),
    /// The member of the body.
    Member(&'static str),
    /// The parameter of query or form.
    Parameter(&'static str),
    /// The member of `params`, or the parameter of the query.
    Params(&'static str),
    /// The member of `payload.req_param`.
    RequestParam(&'static str),
}

/// Endpoints that are about one instrument, which the venue demands there.
#[rustfmt::skip]
const PLACES: &[(Purpose, Target<'static>, InstrumentPlace)] = &[
    (Binance, Http("DELETE", "/fapi/v1/algoOpenOrders"), Parameter("symbol")),
    (Binance, Http("DELETE", "/fapi/v1/allOpenOrders"), Parameter("symbol")),
    (Binance, Http("DELETE", "/fapi/v1/batchOrders"), Parameter("symbol")),
    (Binance, Http("DELETE", "/fapi/v1/order"), Parameter("symbol")),
    (Binance, Http("POST", "/fapi/v1/algoOrder"), Parameter("symbol")),
    (Binance, Http("POST", "/fapi/v1/countdownCancelAll"), Parameter("symbol")),
    (Binance, Http("POST", "/fapi/v1/leverage"), Parameter("symbol")),
    (Binance, Http("POST", "/fapi/v1/marginType"), Parameter("symbol")),
    (Binance, Http("POST", "/fapi/v1/order"), Parameter("symbol")),
    (Binance, Http("POST", "/fapi/v1/order/test"), Parameter("symbol")),
    (Binance, Http("POST", "/fapi/v1/positionMargin"), Parameter("symbol")),
    (Binance, Http("PUT", "/fapi/v1/order"), Parameter("symbol")),
    (Binance, Http("DELETE", "/sapi/v1/margin/openOrders"), Parameter("symbol")),
    (Binance, Http("DELETE", "/sapi/v1/margin/order"), Parameter("symbol")),
    (Binance, Http("DELETE", "/sapi/v1/margin/orderList"), Parameter("symbol")),
    (Binance, Http("POST", "/sapi/v1/margin/order"), Parameter("symbol")),
    (Binance, Http("POST", "/sapi/v1/margin/order/oco"), Parameter("symbol")),
    (Binance, Http("POST", "/sapi/v1/margin/order/oto"), Parameter("symbol")),
    (Binance, Http("POST", "/sapi/v1/margin/order/otoco"), Parameter("symbol")),
    (Bitfinex, Http("POST", "/v2/auth/w/order/submit"), Member("symbol")),
    (Bitmex, Http("POST", "/api/v1/order"), Member("symbol")),
    (Bitmex, Http("POST", "/api/v1/position/isolate"), Member("symbol")),
    (Bitmex, Http("POST", "/api/v1/position/leverage"), Member("symbol")),
    (Bitmex, Http("POST", "/api/v1/position/riskLimit"), Member("symbol")),
    (Bitmex, Http("POST", "/api/v1/position/transferMargin"), Member("symbol")),
    (Bybit, Http("POST", "/v5/order/amend"), Member("symbol")),
    (Bybit, Http("POST", "/v5/order/cancel"), Member("symbol")),
    (Bybit, Http("POST", "/v5/order/create"), Member("symbol")),
    (Bybit, Http("POST", "/v5/position/add-margin"), Member("symbol")),
    (Bybit, Http("POST", "/v5/position/set-auto-add-margin"), Member("symbol")),
    (Bybit, Http("POST", "/v5/position/set-leverage"), Member("symbol")),
    (Bybit, Http("POST", "/v5/position/set-risk-limit"), Member("symbol")),
    (Bybit, Http("POST", "/v5/position/switch-isolated"), Member("symbol")),
    (Bybit, Http("POST", "/v5/position/trading-stop"), Member("symbol")),
    (Bybit, Message("order.amend"), Argument("symbol")),
    (Bybit, Message("order.cancel"), Argument("symbol")),
    (Bybit, Message("order.create"), Argument("symbol")),
    (Coinbase, Http("POST", "/api/v3/brokerage/orders"), Member("product_id")),
    (Coinbase, Http("POST", "/api/v3/brokerage/orders/close_position"), Member("product_id")),
    (Coinbase, Http("POST", "/api/v3/brokerage/orders/preview"), Member("product_id")),
    (CoinbaseExchange, Http("DELETE", "/orders"), Parameter("product_id")),
    (CoinbaseExchange, Http("POST", "/orders"), Member("product_id")),
    (Gate, Http("DELETE", "/api/v4/delivery/{settle}/orders"), Parameter("contract")),
    (Gate, Http("DELETE", "/api/v4/futures/{settle}/orders"), Parameter("contract")),
    (Gate, Http("DELETE", "/api/v4/spot/orders"), Parameter("currency_pair")),
    (Gate, Http("DELETE", "/api/v4/spot/orders/{id}"), Parameter("currency_pair")),
    (Gate, Http("POST", "/api/v4/delivery/{settle}/orders"), Member("contract")),
    (Gate, Http("POST", "/api/v4/futures/{settle}/orders"), Member("contract")),
    (Gate, Http("POST", "/api/v4/options/orders"), Member("contract")),
    (Gate, Http("POST", "/api/v4/spot/cross_liquidate_orders"), Member("currency_pair")),
    (Gate, Http("POST", "/api/v4/spot/orders"), Member("currency_pair")),
    (Gate, Http("POST", "/api/v4/spot/price_orders"), Member("market")),
    (Gate, Message("spot.order_amend"), RequestParam("currency_pair")),
    (Gate, Message("spot.order_cancel"), RequestParam("currency_pair")),
    (Gate, Message("spot.order_cancel_cp"), RequestParam("currency_pair")),
    (Gate, Message("spot.order_place"), RequestParam("currency_pair")),
    (Kraken, Http("POST", "/0/private/AddOrder"), Parameter("pair")),
    (Kraken, Http("POST", "/0/private/AddOrderBatch"), Member("pair")),
    (Kraken, Http("POST", "/0/private/EditOrder"), Parameter("pair")),
    (Kraken, Message("addOrder"), Member("pair")),
    (Kraken, Message("add_order"), Params("symbol")),
    (Kraken, Message("batch_add"), Params("symbol")),
    (Kraken, Message("editOrder"), Member("pair")),
    (Kraken, Message("edit_order"), Params("symbol")),
    (KrakenFutures, Http("POST", "/derivatives/api/v3/cancelallorders"), Parameter("symbol")),
    (KrakenFutures, Http("POST", "/derivatives/api/v3/sendorder"), Parameter("symbol")),
    (Kucoin, Http("DELETE", "/api/v1/hf/orders"), Parameter("symbol")),
    (Kucoin, Http("DELETE", "/api/v1/hf/orders/cancel/{id}"), Parameter("symbol")),
    (Kucoin, Http("DELETE", "/api/v1/hf/orders/client-order/{oid}"), Parameter("symbol")),
    (Kucoin, Http("DELETE", "/api/v1/hf/orders/sync/client-order/{oid}"), Parameter("symbol")),
    (Kucoin, Http("DELETE", "/api/v1/hf/orders/sync/{id}"), Parameter("symbol")),
    (Kucoin, Http("DELETE", "/api/v1/hf/orders/{id}"), Parameter("symbol")),
    (Kucoin, Http("DELETE", "/api/v1/orders"), Parameter("symbol")),
    (Kucoin, Http("POST", "/api/v1/hf/orders"), Member("symbol")),
    (Kucoin, Http("POST", "/api/v1/hf/orders/alter"), Member("symbol")),
    (Kucoin, Http("POST", "/api/v1/hf/orders/sync"), Member("symbol")),
    (Kucoin, Http("POST", "/api/v1/hf/orders/test"), Member("symbol")),
    (Kucoin, Http("POST", "/api/v1/orders"), Member("symbol")),
    (Kucoin, Http("POST", "/api/v1/orders/test"), Member("symbol")),
    (Kucoin, Http("POST", "/api/v1/stop-order"), Member("symbol")),
    (Kucoin, Http("DELETE", "/api/v3/hf/margin/orders"), Parameter("symbol")),
    (Kucoin, Http("DELETE", "/api/v3/hf/margin/orders/client-order/{oid}"), Parameter("symbol")),
    (Kucoin, Http("DELETE", "/api/v3/hf/margin/orders/{id}"), Parameter("symbol")),
    (Kucoin, Http("POST", "/api/ua/v1/{mode}/order/place"), Member("symbol")),
    (Kucoin, Http("POST", "/api/ua/v2/unified/order/place"), Member("symbol")),
    (Kucoin, Http("POST", "/api/v1/position/margin/auto-deposit-status"), Member("symbol")),
    (Kucoin, Http("POST", "/api/v1/position/margin/deposit-margin"), Member("symbol")),
    (Kucoin, Http("POST", "/api/v1/position/risk-limit-level/change"), Member("symbol")),
    (Kucoin, Http("POST", "/api/v1/st-orders"), Member("symbol")),
    (Kucoin, Http("POST", "/api/v2/changeCrossUserLeverage"), Member("symbol")),
    (Kucoin, Http("POST", "/api/v2/position/changeMarginMode"), Member("symbol")),
    (Kucoin, Http("POST", "/api/v3/hf/margin/order"), Member("symbol")),
    (Kucoin, Http("POST", "/api/v3/hf/margin/order/test"), Member("symbol")),
    (Kucoin, Http("POST", "/api/v3/oco/order"), Member("symbol")),
    (Native, Http("POST", "/native/v1/orders"), Member("sym")),
    (Native, Message("order.place"), Member("sym")),
    (Okx, Http("POST", "/api/v5/account/position/margin-balance"), Member("instId")),
    (Okx, Http("POST", "/api/v5/trade/amend-algos"), Member("instId")),
    (Okx, Http("POST", "/api/v5/trade/amend-order"), Member("instId")),
    (Okx, Http("POST", "/api/v5/trade/cancel-order"), Member("instId")),
    (Okx, Http("POST", "/api/v5/trade/close-position"), Member("instId")),
    (Okx, Http("POST", "/api/v5/trade/order"), Member("instId")),
    (Okx, Http("POST", "/api/v5/trade/order-algo"), Member("instId")),
    (Okx, Http("POST", "/api/v5/trade/order-precheck"), Member("instId")),
    (Okx, Message("amend-order"), Argument("instId")),
    (Okx, Message("cancel-order"), Argument("instId")),
    (Okx, Message("order"), Argument("instId")),
];

/// Methods of Deribit that name their instrument; over HTTP and WebSocket.
const DERIBIT: [&str; 5] =
    ["private/buy", "private/cancel_all_by_instrument", "private/close_position", "private/edit_by_label", "private/sell"];

/// Where the instrument of an endpoint stands; `None` where it cannot be told.
#[must_use]
pub fn instrument_place(purpose: Option<Purpose>, target: Target<'_>) -> Option<InstrumentPlace> {
    match (purpose?, target) {
        // Whatever trades at Binance's spot, and every method of its WebSocket APIs that trades, demands `symbol`.
        (Binance, Http(_, path)) if path.starts_with("/api/v3/") => Some(Parameter("symbol")),
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
        Member(name) => signed.json().filter(|_| signed.query.is_empty()).and_then(|whole| named(&whole, name)),
        Parameter(name) => signed.parameter(name).and_then(plain),
        Params(name) if signed.body.is_empty() => signed.parameter(name).and_then(plain),
        Argument(name) => {
            let whole = signed.json().filter(|_| signed.query.is_empty())?;
            let arguments = array(whole.only_member("args")?, 1, "args").ok()?;
            named(&object(arguments.first()?.get()).ok()?, name)
        }
        Params(name) => {
            let whole = signed.json().filter(|_| signed.query.is_empty())?;
            one(&object(whole.only_member("params")?.get()).ok()?, name)
        }
        RequestParam(name) => {
            let whole = signed.json().filter(|_| signed.query.is_empty())?;
            let payload = object(whole.only_member("payload")?.get()).ok()?;
            one(&object(payload.only_member("req_param")?.get()).ok()?, name)
        }
    }
}

/// OKX takes the number of an instrument in place of its name, and where both stand the number counts.
fn named(object: &RawObject<'_>, name: &str) -> Option<String> {
    let is_numbered = name == "instId" && object.has_alike("instIdCode");
    if is_numbered { None } else { one(object, name) }
}

/// The name in a member that is the only one that can be meant.
fn one(object: &RawObject<'_>, name: &str) -> Option<String> {
    plain(&text(object, name)?)
}

/// A name without blanks, controls and letters beyond ASCII: a venue that trims or folds them (`ſ` to `s`) reads another name than
/// stands there.
fn plain(name: &str) -> Option<String> {
    name.bytes().all(|byte| byte.is_ascii_graphic()).then(|| name.to_owned())
}

#[cfg(test)]
mod tests;
