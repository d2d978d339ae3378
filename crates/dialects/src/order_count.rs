//! Requests that carry several orders are charged as several.
#![allow(clippy::unwrap_in_result)]

use countersign_core::{MemoryReplayGuard, Now, VerifiedIdentity};

use crate::dialect::{Dialect, RequestView};
use crate::every_dialect::TestDesk;
use crate::socket::{Opening, Step};
use crate::test_support::{Sent, hmac_hex, now};
use crate::{binance, gate, hyperliquid, okx};

fn charged(dialect: &dyn Dialect, target: &str, body: &str) -> u32 {
    let path = target.split_once('?').map_or(target, |(path, _)| path);
    let route = dialect.rest_routes().iter().find(|route| route.matches("POST", path.as_bytes()));
    let headers: Vec<(&str, &str)> = Vec::new();
    let view = RequestView { method: "POST", target: target.as_bytes(), headers: &headers, body: body.as_bytes(), host: None };
    dialect.orders(&view, route.map_or(0, |route| route.orders))
}

/// What a message is charged as once somebody is logged in; `None`: as its route says.
fn charged_message(dialect: &dyn Dialect, path: &str, login: &str, message: &str) -> Option<u32> {
    let opening = Opening { target: path, now: Now::default(), issued_challenge: None };
    let mut socket = dialect.open_socket(&opening).expect("a socket at this path");
    let mut desk = TestDesk::new();
    assert!(matches!(socket.handle_text(login, now(), &mut desk), Step::Verify(_)), "{login}");
    let _ = socket.conclude(Ok(identity()), now(), &mut desk);
    let step = socket.handle_text(message, now(), &mut desk);
    let Step::Forward(forward) = step else { panic!("{message}: {step:?}") };
    forward.orders
}

fn identity() -> VerifiedIdentity {
    let query = format!("timestamp={}", now().as_millis());
    let target = format!("/api/v3/account?{query}&signature={}", hmac_hex(query.as_bytes()));
    Sent::new("GET", &target, "").verdict(&MemoryReplayGuard::default()).expect("a good signature")
}

#[test]
fn a_gate_batch_counts_each_of_its_orders() {
    for (target, body, orders) in [
        ("/api/v4/spot/batch_orders", r#"[{"currency_pair":"BTC_USDT"}]"#, 1),
        ("/api/v4/spot/batch_orders", r#"[{},{},{}]"#, 3),
        ("/api/v4/futures/usdt/batch_orders", r#"[{},{}]"#, 2),
        ("/api/v4/futures/usdt/batch_amend_orders", r#"[{},{}]"#, 2),
        ("/api/v4/spot/amend_batch_orders", r#"[{},{}]"#, 2),
        // What cannot be counted, and what is longer than the venue takes, is charged as the longest.
        ("/api/v4/spot/batch_orders", r#"{"orders":[]}"#, 10),
        ("/api/v4/spot/amend_batch_orders", "", 5),
        ("/api/v4/spot/batch_orders", &format!("[{}0]", "0,".repeat(30)), 10),
        ("/api/v4/spot/orders", r#"[{},{},{}]"#, 1),
        ("/api/v4/spot/cancel_batch_orders", r#"[{},{}]"#, 0),
    ] {
        assert_eq!(charged(&gate::Gate, target, body), orders, "{target} {body}");
    }
}

#[test]
fn a_list_on_a_websocket_counts_each_of_its_orders() {
    let gate = |payload: &str| {
        let login = r#"{"time":1,"channel":"spot.login","event":"api","payload":{"req_id":"1","api_key":"key-of-gate","timestamp":"1","signature":"00"}}"#;
        let message = format!(r#"{{"time":1,"channel":"spot.order_place","event":"api","payload":{payload}}}"#);
        charged_message(&gate::Gate, "/ws/v4/", login, &message)
    };
    for (payload, orders) in [
        (r#"{"req_id":"2","req_param":{"currency_pair":"BTC_USDT"}}"#, 1),
        (r#"{"req_id":"2","req_param":[{"currency_pair":"BTC_USDT"}]}"#, 1),
        (r#"{"req_id":"2","req_param":[{},{},{}]}"#, 3),
        // What cannot be counted, and what is longer than the venue takes, is charged as the longest.
        (r#"{"req_id":"2","req_param":"[{},{}]"}"#, 10),
        (r#"{"req_id":"2"}"#, 10),
        ("[{},{}]", 10),
        (&format!(r#"{{"req_param":[{}0]}}"#, "0,".repeat(30)), 10),
    ] {
        assert_eq!(gate(payload), Some(orders), "{payload}");
    }
    let okx = |message: &str| {
        let login = r#"{"op":"login","args":[{"apiKey":"key-of-okx","passphrase":"p","timestamp":"1","sign":"AA=="}]}"#;
        charged_message(&okx::Okx, "/ws/v5/private", login, message)
    };
    for (message, orders) in [
        (r#"{"id":"1","op":"batch-orders","args":[{},{},{}]}"#, Some(3)),
        (r#"{"id":"1","op":"batch-amend-orders","args":[{}]}"#, Some(1)),
        (r#"{"id":"1","op":"batch-orders","args":{}}"#, Some(20)),
        (r#"{"id":"1","op":"batch-orders"}"#, Some(20)),
        (r#"{"id":"1","op":"order","args":[{}]}"#, None),
        (r#"{"id":"1","op":"batch-cancel-orders","args":[{},{}]}"#, None),
    ] {
        assert_eq!(okx(message), orders, "{message}");
    }
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
