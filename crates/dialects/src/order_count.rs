//! Requests that carry several orders are charged as several.

use crate::dialect::{Dialect, RequestView};
use crate::{binance, hyperliquid, okx};

fn charged(dialect: &dyn Dialect, target: &str, body: &str) -> u32 {
    let path = target.split_once('?').map_or(target, |(path, _)| path);
    let route = dialect.rest_routes().iter().find(|route| route.matches("POST", path.as_bytes()));
    let headers: Vec<(&str, &str)> = Vec::new();
    let view = RequestView { method: "POST", target: target.as_bytes(), headers: &headers, body: body.as_bytes(), host: None };
    dialect.orders(&view, route.map_or(0, |route| route.orders))
}

#[test]
fn an_okx_batch_counts_each_of_its_orders() {
    for (target, body, orders) in [
        ("/api/v5/trade/batch-orders", r#"[{"instId":"BTC-USDT"}]"#, 1),
        ("/api/v5/trade/batch-orders", r#"[{},{},{}]"#, 3),
        ("/api/v5/trade/amend-batch-orders", r#"[{},{}]"#, 2),
        // What cannot be counted, and what is longer than the venue takes, is charged as the longest.
        ("/api/v5/trade/batch-orders", r#"{"orders":[]}"#, 20),
        ("/api/v5/trade/batch-orders", &format!("[{}0]", "0,".repeat(30)), 20),
        ("/api/v5/trade/order", r#"[{},{},{}]"#, 1),
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
        // What cannot be counted, and what is longer than the venue takes, is charged as the longest.
        ("/fapi/v1/batchOrders", "", 5),
        ("/fapi/v1/batchOrders?batchOrders=%5B%7B%7D%5D", "batchOrders=%5B%7B%7D%2C%7B%7D%5D", 5),
        ("/fapi/v1/batchOrders", "batchOrders=%7B%7D", 5),
        ("/fapi/v1/batchOrders", r#"{"batchOrders":[{}]}"#, 5),
        ("/fapi/v1/batchOrders?batchOrders=[1,2,3,4,5,6,7]", "", 5),
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
        (r#"{"action":{"type":"order"}}"#, 1),
        ("no json", 1),
    ] {
        assert_eq!(charged(&hyperliquid::Hyperliquid, "/exchange", body), orders, "{body}");
    }
}
