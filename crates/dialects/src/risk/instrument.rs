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
    (Bitfinex, Http("POST", "/v2/auth/w/order/submit"), Member("symbol")),
    (Bitmex, Http("POST", "/api/v1/order"), Member("symbol")),
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
    (Gate, Http("DELETE", "/api/v4/futures/{settle}/orders"), Parameter("contract")),
    (Gate, Http("DELETE", "/api/v4/spot/orders"), Parameter("currency_pair")),
    (Gate, Http("DELETE", "/api/v4/spot/orders/{id}"), Parameter("currency_pair")),
    (Gate, Http("POST", "/api/v4/futures/{settle}/orders"), Member("contract")),
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
    (Native, Http("POST", "/native/v1/orders"), Member("sym")),
    (Native, Message("order.place"), Member("sym")),
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
mod tests {
    use countersign_core::Scope;

    use super::*;
    use crate::registry::ALL;
    use crate::routes::RestRoute;

    fn body(text: &str) -> SignedText<'_> {
        SignedText { query: b"", body: text.as_bytes() }
    }

    fn query(text: &str) -> SignedText<'_> {
        SignedText { query: text.as_bytes(), body: b"" }
    }

    fn told(purpose: Purpose, target: Target<'_>, signed: SignedText<'_>) -> Option<String> {
        instrument(instrument_place(Some(purpose), target)?, signed)
    }

    fn rest(purpose: Purpose) -> &'static [RestRoute] {
        ALL.iter().find(|dialect| dialect.purpose() == purpose).map_or(&[][..], |dialect| dialect.rest_routes())
    }

    /// Names and scopes of a dialect's messages.
    fn messages(purpose: Purpose) -> Vec<(&'static str, Option<&'static str>)> {
        let dialect = ALL.iter().find(|dialect| dialect.purpose() == purpose);
        let own = dialect.map_or(&[][..], |dialect| dialect.message_routes()).iter().map(|row| (row.name, row.scope));
        let of_binance = crate::binance::routes::WS.iter().filter(|_| purpose == Binance).map(|row| (row.name, row.scope));
        own.chain(of_binance).collect()
    }

    /// Whoever adds an endpoint that trades decides here whether a halt of one instrument lets it pass for another.
    #[test]
    fn what_trades_names_its_instrument_or_is_of_every_one() {
        let mut table = String::new();
        let mut row = |dialect: &str, target: Target<'_>, name: String, purpose| {
            let place = instrument_place(Some(purpose), target).map_or_else(|| "-".to_owned(), |place| format!("{place:?}"));
            table += &format!("{dialect} | {name} | {place}\n");
        };
        for dialect in ALL {
            let purpose = dialect.purpose();
            for route in rest(purpose).iter().filter(|route| route.scope == Some(Scope::ORDER_WRITE)) {
                row(dialect.name(), Http(route.method, route.path), format!("{} {}", route.method, route.path), purpose);
            }
            for (name, _) in messages(purpose).into_iter().filter(|(_, scope)| *scope == Some(Scope::ORDER_WRITE)) {
                row(dialect.name(), Message(name), name.to_owned(), purpose);
            }
        }
        insta::assert_snapshot!(table);
    }

    #[test]
    fn every_row_is_an_endpoint() {
        for (purpose, target, _) in PLACES.iter().filter(|(purpose, ..)| *purpose != Native) {
            let known = match target {
                Http(method, path) => rest(*purpose).iter().any(|row| row.method == *method && row.path == *path),
                Message(name) => messages(*purpose).iter().any(|(known, _)| known == name),
            };
            assert!(known, "{purpose} {target:?}");
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
            (Okx, Message("order"), body(r#"{"op":"order","args":[{"instId":"BTC-USDT"}]}"#), Some("BTC-USDT")),
            (Okx, Message("order"), body(r#"{"op":"order","args":[{"instId":"BTC-USDT"},{"instId":"BTC-USDT"}]}"#), None),
            (Okx, Message("batch-orders"), body(r#"{"op":"batch-orders","args":[{"instId":"BTC-USDT"}]}"#), None),
            (Bybit, Message("order.create"), body(r#"{"op":"order.create","args":[{"symbol":"BTCUSDT"}]}"#), Some("BTCUSDT")),
            (Binance, Http("POST", "/fapi/v1/order"), query("symbol=BTCUSDT&side=BUY"), Some("BTCUSDT")),
            (Binance, Http("POST", "/fapi/v1/order"), body("symbol=BTCUSDT&side=BUY"), Some("BTCUSDT")),
            (Binance, Http("POST", "/fapi/v1/batchOrders"), query("symbol=BTCUSDT&batchOrders=%5B%5D"), None),
            (Bitfinex, Http("POST", "/v2/auth/w/order/submit"), body(r#"{"symbol":"tBTCUST","type":"LIMIT"}"#), Some("tBTCUST")),
            (Bitmex, Http("POST", "/api/v1/order"), body(r#"{"symbol":"XBT_USDT"}"#), Some("XBT_USDT")),
            (Bitmex, Http("POST", "/api/v1/order"), SignedText { query: b"symbol=ETH", body: br#"{"symbol":"XBT"}"# }, None),
            (Deribit, Http("GET", "/api/v2/private/edit_by_label"), query("label=x&instrument_name=BTC-PERPETUAL"), Some("BTC-PERPETUAL")),
            (
                Gate,
                Message("spot.order_place"),
                body(r#"{"event":"api","payload":{"req_id":"1","req_param":{"currency_pair":"BTC_USDT"}}}"#),
                Some("BTC_USDT"),
            ),
            (Gate, Message("spot.order_place"), body(r#"{"payload":{"req_param":[{"currency_pair":"BTC_USDT"}]}}"#), None),
            (Gate, Http("POST", "/api/v4/futures/{settle}/orders"), body(r#"{"contract":"BTC_USDT"}"#), Some("BTC_USDT")),
            (Kraken, Message("add_order"), body(r#"{"method":"add_order","params":{"symbol":"BTC/USD"}}"#), Some("BTC/USD")),
            (Kraken, Message("addOrder"), body(r#"{"event":"addOrder","pair":"XBT/USD"}"#), Some("XBT/USD")),
            (Kraken, Message("batch_add"), body(r#"{"params":{"symbol":"BTC/USD","orders":[{},{}]}}"#), Some("BTC/USD")),
        ];
        for (purpose, target, signed, expected) in cases {
            assert_eq!(told(purpose, target, signed).as_deref(), expected, "{purpose} {}", String::from_utf8_lossy(signed.body));
        }
    }

    /// Each of these may be of BTC to the venue.
    #[test]
    fn a_name_with_a_twin_or_with_marks_around_it_is_none() {
        let binance = Http("POST", "/api/v3/order");
        let (bybit, kraken) = (Http("POST", "/v5/order/create"), Http("POST", "/0/private/AddOrder"));
        let cases = [
            (Bybit, bybit, body(r#"{"symbol":"ETHUSDT","Symbol":"BTCUSDT"}"#)),
            (Bybit, bybit, body(r#"{"symbol":"ETHUSDT","symbol[]":"BTCUSDT"}"#)),
            (Bybit, bybit, body("{\"symbol\":\"ETHUSDT\",\"\u{17f}ymbol\":\"BTCUSDT\"}")),
            (Bybit, bybit, body(r#"{"symbol":" BTCUSDT"}"#)),
            (Bybit, bybit, body(r#"{"symbol":"BTCUSDT\t"}"#)),
            (Bybit, bybit, body(r#"{"symbol":"BTCUSDT\u0000"}"#)),
            (Bybit, bybit, body(r#"{"symbol":"BTCUSDT\u00a0"}"#)),
            (Okx, Http("POST", "/api/v5/trade/order"), body(r#"{"instId":"ETH-USDT","InstIdCode":1}"#)),
            (Binance, binance, query("symbol=ETHUSDT&SYMBOL=BTCUSDT")),
            (Binance, binance, query("symbol=ETHUSDT&symbol[]=BTCUSDT")),
            (Binance, binance, query("symbol=ETHUSDT&symbol[0]=BTCUSDT")),
            (Binance, binance, query("symbol=ETHUSDT&symbol.=BTCUSDT")),
            (Binance, Message("order.place"), body(r#"{"params":{"symbol":"ETHUSDT"},"Params":{"symbol":"BTCUSDT"}}"#)),
            (Kraken, kraken, body("nonce=1&pair=ETHUSD;pair=XBTUSD")),
            (Kraken, kraken, body("nonce=1;pair=XBTUSD&pair=ETHUSD")),
            (Kraken, kraken, body("nonce=1&pair= XBTUSD")),
            (Kraken, kraken, body("nonce=1&pair=XBTUSD\0")),
        ];
        for (purpose, target, signed) in cases {
            let shown = String::from_utf8_lossy(signed.body).into_owned() + &String::from_utf8_lossy(signed.query);
            assert_eq!(told(purpose, target, signed), None, "{purpose} {shown}");
        }
    }

    /// Each of these named ETH to a halt, and BTC to the venue.
    #[test]
    fn a_name_where_the_venue_does_not_look_is_none() {
        let cases = [
            (Bybit, Http("POST", "/v5/order/create-batch"), body(r#"{"symbol":"ETH","request":[{"symbol":"BTC"}]}"#)),
            (Bybit, Message("order.create"), body(r#"{"op":"order.create","symbol":"ETH","args":[{"symbol":"ETH"},{"symbol":"BTC"}]}"#)),
            (Okx, Message("order"), body(r#"{"op":"order","instId":"ETH","args":[{"instId":"ETH"},{"instId":"BTC"}]}"#)),
            (Okx, Message("order"), body(r#"{"op":"order","args":[{"instId":"ETH","instIdCode":1}]}"#)),
            (Okx, Message("cancel-order"), body(r#"{"op":"cancel-order","args":[{"instIdCode":"1","instId":"ETH","ordId":"of-btc"}]}"#)),
            (Okx, Http("POST", "/api/v5/trade/order"), body(r#"{"instId":"ETH","instIdCode":null}"#)),
            (Okx, Http("POST", "/api/v5/trade/batch-orders"), body(r#"[{"instId":"BTC","clOrdId":"&instId=ETH&"}]"#)),
            (Okx, Http("POST", "/api/v5/trade/order"), body(r#"[{"instId":"BTC","clOrdId":"&instId=ETH&"}]"#)),
            (Gate, Message("spot.order_place"), body(r#"{"payload":{"currency_pair":"ETH","req_param":[{"currency_pair":"BTC"}]}}"#)),
            (Kraken, Message("amend_order"), body(r#"{"method":"amend_order","params":{"order_id":"of-btc","symbol":"ETH/USD"}}"#)),
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
