//! Requests that carry several orders are charged as several.
#![allow(clippy::unwrap_in_result)]

use countersign_core::Purpose::{Bitfinex, Bitmex, Bybit, Deribit, Gate, Hyperliquid, Kraken, KrakenFutures, Kucoin, Native, Okx};

use super::*;
use crate::dialect::Dialect;
use crate::registry::ALL;
use crate::{binance, gate, hyperliquid, okx};

fn charged(dialect: &dyn Dialect, target: &str, body: &str) -> u32 {
    let path = target.split_once('?').map_or(target, |(path, _)| path);
    let route = dialect.rest_routes().iter().find(|route| route.matches("POST", path.as_bytes()));
    let headers: Vec<(&str, &str)> = Vec::new();
    let view = RequestView { method: "POST", target: target.as_bytes(), headers: &headers, body: body.as_bytes(), host: None };
    of_request(dialect.purpose(), &view, route.map_or(0, |route| route.orders))
}

fn charged_of(purpose: Purpose, target: &str, body: &str) -> u32 {
    charged(ALL.iter().copied().find(|dialect| dialect.purpose() == purpose).expect("a dialect"), target, body)
}

/// What a message is charged as.
fn charged_message(purpose: Purpose, name: &str, text: &str) -> u32 {
    let dialect = ALL.iter().find(|dialect| dialect.purpose() == purpose).expect("a dialect");
    let row = dialect.message_routes().iter().find(|row| row.name == name).expect("a message");
    of_message(purpose, name, text.as_bytes(), row.orders)
}

#[test]
fn a_gate_batch_counts_each_of_its_orders() {
    for (target, body, orders) in [
        ("/api/v4/spot/batch_orders", r#"[{"currency_pair":"BTC_USDT"}]"#, 1),
        ("/api/v4/spot/batch_orders", r#"[{},{},{}]"#, 3),
        ("/api/v4/futures/usdt/batch_orders", r#"[{},{}]"#, 2),
        ("/api/v4/futures/usdt/batch_amend_orders", r#"[{},{}]"#, 2),
        ("/api/v4/spot/amend_batch_orders", r#"[{},{}]"#, 2),
        // What cannot be counted is charged as the longest, and as no less than it may hold.
        ("/api/v4/spot/batch_orders", r#"{"orders":[]}"#, 10),
        ("/api/v4/spot/amend_batch_orders", "", 5),
        ("/api/v4/spot/batch_orders", &format!("[{}0]", "0,".repeat(30)), 31),
        ("/api/v4/spot/orders", r#"[{},{},{}]"#, 3),
        ("/api/v4/spot/cancel_batch_orders", r#"[{},{}]"#, 0),
    ] {
        assert_eq!(charged(&gate::Gate, target, body), orders, "{target} {body}");
    }
}

#[test]
fn orders_that_are_attached_to_one_of_okx_count() {
    for (target, body, orders) in [
        ("/api/v5/trade/order", r#"{"instId":"BTC-USDT","sz":"1"}"#, 1),
        ("/api/v5/trade/order", r#"{"instId":"BTC-USDT","attachAlgoOrds":[]}"#, 1),
        ("/api/v5/trade/order", r#"{"instId":"BTC-USDT","attachAlgoOrds":[{"tpTriggerPx":"1"},{"slTriggerPx":"2"}]}"#, 3),
        ("/api/v5/trade/amend-order", r#"{"ordId":"1","attachAlgoOrds":[{"newTpTriggerPx":"1"}]}"#, 2),
        ("/api/v5/trade/batch-orders", r#"[{"attachAlgoOrds":[{},{}]},{}]"#, 4),
        // What cannot be counted is at least what it may hold.
        ("/api/v5/trade/order", r#"{"attachAlgoOrds":{"0":{},"1":{}}}"#, 4),
        ("/api/v5/trade/order", r#"[{},{"attachAlgoOrds":[{}]}]"#, 3),
    ] {
        assert_eq!(charged(&okx::Okx, target, body), orders, "{target} {body}");
    }
}

#[test]
fn a_list_on_a_websocket_counts_each_of_its_orders() {
    let gate = |payload: &str| format!(r#"{{"time":1,"channel":"spot.order_place","event":"api","payload":{payload}}}"#);
    for (payload, orders) in [
        (r#"{"req_id":"2","req_param":{"currency_pair":"BTC_USDT"}}"#, 1),
        (r#"{"req_id":"2","req_param":[{"currency_pair":"BTC_USDT"}]}"#, 1),
        (r#"{"req_id":"2","req_param":[{},{},{}]}"#, 3),
        (&format!(r#"{{"req_param":[{}{{}}]}}"#, "{},".repeat(30)), 31),
        // What cannot be counted is at least what it may hold.
        (r#"{"req_id":"2","req_param":"[{},{}]"}"#, 5),
        (r#"{"req_id":"2"}"#, 2),
        ("[{},{}]", 4),
    ] {
        assert_eq!(charged_message(Gate, "spot.order_place", &gate(payload)), orders, "{payload}");
    }
    let many = "{},".repeat(99) + "{}";
    for (purpose, name, text, orders) in [
        (Okx, "batch-orders", r#"{"id":"1","op":"batch-orders","args":[{},{},{}]}"#.to_owned(), 3),
        (Okx, "batch-amend-orders", r#"{"id":"1","op":"batch-amend-orders","args":[{}]}"#.to_owned(), 1),
        (Okx, "batch-orders", r#"{"id":"1","op":"batch-orders","args":{}}"#.to_owned(), 20),
        (Okx, "batch-orders", r#"{"id":"1","op":"batch-orders"}"#.to_owned(), 20),
        (Okx, "batch-orders", format!(r#"{{"op":"batch-orders","args":[{many}]}}"#), 100),
        (Okx, "order", r#"{"id":"1","op":"order","args":[{}]}"#.to_owned(), 1),
        (Okx, "order", r#"{"id":"1","op":"order","args":[{},{}]}"#.to_owned(), 2),
        (Okx, "batch-cancel-orders", r#"{"id":"1","op":"batch-cancel-orders","args":[{},{}]}"#.to_owned(), 0),
        (Bybit, "order.create", r#"{"op":"order.create","args":[{}]}"#.to_owned(), 1),
        (Bybit, "order.create-batch", r#"{"op":"order.create-batch","args":[{"category":"linear","request":[{},{}]}]}"#.to_owned(), 2),
        (Bybit, "order.create-batch", r#"{"op":"order.create-batch","args":[{"request":[{},{}]},{"request":[{}]}]}"#.to_owned(), 3),
        (Bybit, "order.create-batch", format!(r#"{{"args":[{{"request":[{many}]}}]}}"#), 100),
        (Bybit, "order.create-batch", r#"{"args":[{"request":[{}],"Request":[{},{}]}]}"#.to_owned(), 20),
        (Okx, "order", r#"{"op":"order","args":[{"sz":"1","attachAlgoOrds":[{},{}]}]}"#.to_owned(), 3),
        (Okx, "batch-orders", r#"{"op":"batch-orders","args":[{"attachAlgoOrds":[{}]},{}]}"#.to_owned(), 3),
        (Okx, "batch-orders", r#"{"op":"batch-orders","args":[{"attachAlgoOrds":[],"AttachAlgoOrds":[{}]}]}"#.to_owned(), 20),
        // A frame that is an array is no list of orders.
        (Bitfinex, "order", r#"[0,"on",null,{"symbol":"tBTCUST"}]"#.to_owned(), 1),
        (Bitfinex, "order", r#"[0,"ou",null,[{},{}]]"#.to_owned(), 2),
        (Bitfinex, "order", r#"[0,"on",null,{},{}]"#.to_owned(), 3),
        (Bitfinex, "order.multi", r#"[0,"ox_multi",null,[["on",{}],["ou",{}],["oc",{}]]]"#.to_owned(), 3),
        (Bitfinex, "order.multi", r#"[0,"ox_multi",null,{"ops":[]}]"#.to_owned(), 75),
        (Bitfinex, "order.multi", format!(r#"[0,"ox_multi",null,[{many}]]"#), 100),
        (Kraken, "batch_add", r#"{"method":"batch_add","params":{"orders":[{},{}],"symbol":"BTC/USD"}}"#.to_owned(), 2),
        (Kraken, "batch_add", format!(r#"{{"params":{{"orders":[{many}]}}}}"#), 100),
        (Hyperliquid, "post.action", r#"{"request":{"payload":{"action":{"type":"order","orders":[{},{}]}}}}"#.to_owned(), 2),
        (Hyperliquid, "post.action", r#"{"request":{"payload":{"action":{"type":"cancel","cancels":[{}]}}}}"#.to_owned(), 0),
    ] {
        assert_eq!(charged_message(purpose, name, &text), orders, "{text}");
    }
}

/// Each of these was charged as its row, whatever it held.
#[test]
fn a_list_is_charged_as_long_as_it_is() {
    let many = "{},".repeat(499) + "{}";
    for (purpose, target, before, after) in [
        (Bitfinex, "/v2/auth/w/order/multi", r#"{"ops":["#, "]}"),
        (Bitmex, "/api/v1/order/bulk", r#"{"orders":["#, "]}"),
        (Bitmex, "/api/v1/order/bulk", "orders=[", "]"),
        (Bybit, "/v5/order/create-batch", r#"{"category":"linear","request":["#, "]}"),
        (Gate, "/api/v4/spot/batch_orders", "[", "]"),
        (Kraken, "/0/private/AddOrderBatch", r#"{"nonce":1,"orders":["#, "]}"),
        (Kraken, "/0/private/AddOrderBatch", "nonce=1&orders=[", "]"),
        (KrakenFutures, "/derivatives/api/v3/batchorder", r#"json={"batchOrder":["#, "]}"),
        (Kucoin, "/api/v1/hf/orders/multi", r#"{"orderList":["#, "]}"),
        (Kucoin, "/api/v1/hf/orders/multi/sync", r#"{"orderList":["#, "]}"),
        (Kucoin, "/api/v1/orders/multi", r#"{"symbol":"BTC-USDT","orderList":["#, "]}"),
        (Okx, "/api/v5/trade/batch-orders", "[", "]"),
    ] {
        assert_eq!(charged_of(purpose, target, &format!("{before}{{}},{{}}{after}")), 2, "{target}");
        assert_eq!(charged_of(purpose, target, &format!("{before}{many}{after}")), 500, "{target}");
        let broken = format!("{before}{many},{after}");
        assert!(charged_of(purpose, target, &broken) >= 500, "a list that some readers take all the same: {target}");
    }
    assert_eq!(charged_of(Bybit, "/v5/order/create", r#"[{},{},{}]"#), 3, "a list where one order is asked for");
}

/// They were charged as one, with however many in their train.
#[test]
fn orders_that_follow_an_order_are_charged_with_it() {
    let call = |params: &str| format!(r#"{{"jsonrpc":"2.0","id":1,"method":"private/buy","params":{params}}}"#);
    let many = "{},".repeat(99) + "{}";
    for (params, orders) in [
        (r#"{"instrument_name":"BTC-PERPETUAL","amount":10}"#.to_owned(), 1),
        (r#"{"otoco_config":[]}"#.to_owned(), 1),
        (r#"{"otoco_config":[{},{}]}"#.to_owned(), 3),
        (format!(r#"{{"otoco_config":[{many}]}}"#), 101),
        (r#"{"otoco_config":[{}],"Otoco_Config":[{},{}]}"#.to_owned(), 7),
        (r#"{"otoco_config":"[{},{}]"}"#.to_owned(), 5),
    ] {
        let call = call(&params);
        assert_eq!(charged_message(Deribit, "private/buy", &call), orders, "{call}");
        assert_eq!(charged_of(Deribit, "/api/v2/private/buy", &call), orders, "{call}");
        let headers: Vec<(&str, &str)> = Vec::new();
        let named = RequestView { method: "POST", target: b"/api/v2", headers: &headers, body: call.as_bytes(), host: None };
        assert_eq!(of_request(Deribit, &named, 1), orders, "the method is in the body alone: {call}");
    }
    assert_eq!(charged_of(Deribit, "/api/v2/private/sell?instrument_name=BTC-PERPETUAL", ""), 1);
    assert_eq!(charged_of(Deribit, "/api/v2/private/sell?otoco_config=%5B%7B%7D%2C%7B%7D%5D", ""), 3);
    assert!(charged_of(Deribit, "/api/v2/private/buy?otoco_config=%5B%7B%7D%2C%7B%7D%5D", &call("{}")) >= 3);
}

/// Which of the two a venue takes is not known here.
#[test]
fn what_stands_beside_a_list_may_be_the_list() {
    let encoded = "%5B".to_owned() + &"%7B%7D%2C".repeat(39) + "%7B%7D%5D";
    let target = |separator: &str, name: &str| format!("/api/v1/order/bulk?{separator}{name}={encoded}");
    assert_eq!(charged_of(Bitmex, &target("", "orders"), ""), 40, "in the query alone");
    for (target, body) in [
        (target("", "orders"), r#"{"orders":[{}]}"#),
        (target("", "orders"), r#"{"orders":[]}"#),
        (target("", "orders"), "orders=[{}]"),
        (target("", "Orders"), r#"{"orders":[{}]}"#),
        (target("", "orders[]"), r#"{"orders":[{}]}"#),
        (target("a=1;", "orders"), r#"{"orders":[{}]}"#),
        (target("", "orders") + "&orders=[]", ""),
        ("/api/v1/order/bulk".to_owned(), r#"{"orders":[{}],"orders":[{},{}]}"#),
        ("/api/v1/order/bulk".to_owned(), r#"{"orders":[{}],"Orders":[{},{}]}"#),
        ("/api/v1/order/bulk".to_owned(), ""),
    ] {
        assert!(charged_of(Bitmex, &target, body) >= 100, "{target} {body}");
    }
    assert_eq!(charged_of(Bitmex, "/api/v1/order/bulk?a=orders", r#"{"orders":[{}]}"#), 1);
}

/// Whoever adds an endpoint that charges several orders says here where they stand.
#[test]
fn what_charges_several_has_a_list_or_a_number_that_is_fixed() {
    let mut without = Vec::new();
    for dialect in ALL {
        let purpose = dialect.purpose();
        let rows = dialect.rest_routes().iter().filter(|row| row.orders > 1);
        without.extend(
            rows.filter(|row| {
                let here = |target: Target<'_>| matches!(target, Http(_, path) if path == row.path);
                list_of(purpose, here).is_none()
            })
            .map(|row| row.path),
        );
        let messages = dialect.message_routes().iter().filter(|row| row.orders > 1);
        without.extend(messages.filter(|row| list_of(purpose, |target| target == Message(row.name)).is_none()).map(|row| row.name));
    }
    let fixed = [
        "/api/v3/order/oco",
        "/api/v3/orderList/oco",
        "/api/v3/orderList/opo",
        "/api/v3/orderList/opoco",
        "/api/v3/orderList/oto",
        "/api/v3/orderList/otoco",
        "/sapi/v1/margin/order/oco",
        "/sapi/v1/margin/order/oto",
        "/sapi/v1/margin/order/otoco",
        // An order that is taken with profit or stopped, and one of two that cancels the other.
        "/api/v1/st-orders",
        "/api/v3/oco/order",
    ];
    assert_eq!(without, fixed);
    for (purpose, target, _) in LISTS {
        let dialect = ALL.iter().find(|dialect| dialect.purpose() == *purpose).expect("a dialect");
        let known = match target {
            // Stands for endpoints that bodies name.
            Http(_, "/api/v2") => true,
            Http(_, path) => dialect.rest_routes().iter().any(|row| row.path == *path && row.orders > 0),
            Message(name) => dialect.message_routes().iter().any(|row| row.name == *name && row.orders > 0),
        };
        assert!(known, "{purpose} {target:?}");
    }
    assert_eq!(of_message(Native, "order.place", b"{}", 1), 1);
}

#[test]
fn an_order_of_kucoins_unified_account_counts_with_those_beside_it() {
    for target in ["/api/ua/v1/classic/order/place", "/api/ua/v1/unified/order/place", "/api/ua/v2/unified/order/place"] {
        for (body, orders) in [
            (r#"{"symbol":"XBTUSDTM","size":"1"}"#, 1),
            (r#"{"symbol":"XBTUSDTM","tpTriggerPrice":"9"}"#, 2),
            (r#"{"symbol":"XBTUSDTM","tpTriggerPrice":"9","slTriggerPrice":"1"}"#, 3),
            (r#"{"symbol":"XBTUSDTM","TPTRIGGERPRICE":"9"}"#, 2),
            // What cannot be counted is at least what it may hold.
            (r#"[{},{}]"#, 3),
        ] {
            assert_eq!(charged(&crate::kucoin::Kucoin, target, body), orders, "{target} {body}");
        }
    }
}

#[test]
fn an_okx_batch_counts_each_of_its_orders() {
    for (target, body, orders) in [
        ("/api/v5/trade/batch-orders", r#"[{"instId":"BTC-USDT"}]"#, 1),
        ("/api/v5/trade/batch-orders", r#"[{},{},{}]"#, 3),
        ("/api/v5/trade/amend-batch-orders", r#"[{},{}]"#, 2),
        // What cannot be counted is charged as the longest, and as no less than it may hold.
        ("/api/v5/trade/batch-orders", r#"{"orders":[]}"#, 20),
        ("/api/v5/trade/batch-orders", &format!("[{}0]", "0,".repeat(30)), 31),
        ("/api/v5/trade/order", r#"[{},{},{}]"#, 3),
        ("/api/v5/trade/cancel-batch-orders", r#"[{},{}]"#, 0),
    ] {
        assert_eq!(charged(&okx::Okx, target, body), orders, "{target} {body}");
    }
}

#[test]
fn a_batch_of_futures_counts_each_of_its_orders() {
    let rest = &binance::rest::BinanceRest;
    for (target, body, orders) in [
        ("/fapi/v1/batchOrders", "batchOrders=%5B%7B%7D%5D&timestamp=1", 1),
        ("/fapi/v1/batchOrders?batchOrders=%5B%7B%7D%2C%7B%7D%2C%7B%7D%5D", "", 3),
        // What cannot be counted is charged as the longest, and as no less than it may hold.
        ("/fapi/v1/batchOrders", "", 5),
        ("/fapi/v1/batchOrders?batchOrders=%5B%7B%7D%5D", "batchOrders=%5B%7B%7D%2C%7B%7D%5D", 11),
        ("/fapi/v1/batchOrders", "batchOrders=%7B%7D", 5),
        ("/fapi/v1/batchOrders", r#"{"batchOrders":[{}]}"#, 1),
        ("/fapi/v1/batchOrders?batchOrders=[1,2,3,4,5,6,7]", "", 7),
        ("/fapi/v1/order", "batchOrders=%5B1%2C2%5D", 1),
    ] {
        assert_eq!(charged(rest, target, body), orders, "{target} {body}");
    }
}

#[test]
fn a_hyperliquid_action_counts_each_of_its_orders() {
    for (body, orders) in [
        (r#"{"action":{"type":"order","orders":[{},{},{}]}}"#, 3),
        (r#"{"action":{"type":"batchModify","modifies":[{},{}]}}"#, 2),
        (r#"{"action":{"type":"modify","oid":1}}"#, 1),
        (r#"{"action":{"type":"cancel","cancels":[{},{}]}}"#, 0),
        (r#"{"action":{"type":"order"}}"#, 2),
        ("no json", 1),
    ] {
        assert_eq!(charged(&hyperliquid::Hyperliquid, "/exchange", body), orders, "{body}");
    }
}

#[test]
fn quotes_of_deribit_are_counted_wherever_the_call_stands() {
    let body = |quotes: &str| format!(r#"{{"id":1,"method":"private/mass_quote","params":{{"quotes":{quotes}}}}}"#);
    let path = "/api/v2/private/mass_quote";
    for (quotes, orders) in [("[{},{},{}]", 3), ("[]", 1)] {
        assert_eq!(charged_of(Deribit, path, &body(quotes)), orders);
        assert_eq!(charged_message(Deribit, "private/mass_quote", &body(quotes)), orders);
        let headers: Vec<(&str, &str)> = Vec::new();
        let at_endpoint = body(quotes);
        let view = RequestView { method: "POST", target: b"/api/v2", headers: &headers, body: at_endpoint.as_bytes(), host: None };
        assert_eq!(of_request(Deribit, &view, 1), orders, "the method is in the body alone");
    }
    assert_eq!(charged_of(Deribit, &format!("{path}?quotes=[%7B%7D,%7B%7D]"), ""), 2);
    assert!(charged_of(Deribit, &format!("{path}?quotes=[%7B%7D,%7B%7D]"), &body("[{},{},{}]")) >= 3, "in two places");
    assert!(charged_of(Deribit, path, r#"{"params":{"quotes":[{},{}],"Quotes":[{},{},{}]}}"#) >= 5);
}
