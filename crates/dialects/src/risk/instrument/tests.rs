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
