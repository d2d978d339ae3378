//! The KuCoin façade: REST and topics.

use http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::shape::shape;
use crate::support::{Bench, Client};

const RESTING: &str = r#"{"clientOid":"a1","side":"buy","symbol":"BTC-USDT","type":"limit","price":"50000","size":"0.01"}"#;

async fn post(client: &Client, body: &str) -> (StatusCode, Value) {
    client.send(Method::POST, "/api/v1/orders", body).await
}

#[tokio::test]
async fn answers_have_the_shape_of_the_venue() {
    let bench = Bench::start().await;
    let alice = bench.alice();
    let mut shapes = serde_json::Map::new();
    shapes.insert("POST orders".to_owned(), shape(&post(&alice, RESTING).await.1));
    let taking = r#"{"side":"buy","symbol":"BTC-USDT","type":"market","funds":"1000"}"#;
    shapes.insert("POST hf/orders".to_owned(), shape(&alice.send(Method::POST, "/api/v1/hf/orders", taking).await.1));
    for path in [
        "ua/v1/account/mode",
        "v1/accounts?type=trade",
        "v1/base-fee",
        "v1/contracts/active",
        "v1/currencies",
        "v1/deposits",
        "v1/fills",
        "v1/hf/accounts/opened",
        "v1/hf/fills?symbol=BTC-USDT",
        "v1/hf/orders/active?symbol=BTC-USDT",
        "v1/isolated/symbols",
        "v1/market/allTickers",
        "v1/market/candles?symbol=BTC-USDT&type=1min",
        "v1/market/histories?symbol=BTC-USDT",
        "v1/market/orderbook/level1?symbol=BTC-USDT",
        "v1/market/orderbook/level2_20?symbol=BTC-USDT",
        "v1/market/stats?symbol=BTC-USDT",
        "v1/order/client-order/a1",
        "v1/orders?status=active",
        "v1/orders?status=done&symbol=BTC-USDT",
        "v1/status",
        "v1/symbols",
        "v1/timestamp",
        "v1/trade-fees?symbols=BTC-USDT",
        "v1/user/api-key",
        "v1/withdrawals",
        "v2/currencies/BTC",
        "v2/symbols",
        "v2/user-info",
        "v3/currencies",
        "v3/currencies/USDT",
        "v3/margin/symbols",
        "v3/market/orderbook/level2?symbol=BTC-USDT",
    ] {
        let (status, body) = alice.get(&format!("/api/{path}")).await;
        assert_eq!((status, &body["code"]), (StatusCode::OK, &json!("200000")), "{path}: {body}");
        shapes.insert(format!("GET {path}"), shape(&body));
    }
    insta::assert_json_snapshot!("kucoin_shapes", Value::from(shapes));
}

#[tokio::test]
async fn the_newer_family_checks_cancels_and_tells_what_is_done() {
    let bench = Bench::start().await;
    let alice = bench.alice();
    let (status, _) = alice.send(Method::POST, "/api/v1/hf/orders/test", RESTING).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(bench.venue.arrivals().orders_placed, 0);
    let placed = alice.send(Method::POST, "/api/v1/hf/orders", RESTING).await.1;
    let (_, canceled) = alice.send(Method::DELETE, "/api/v1/hf/orders/cancelAll", "").await;
    assert_eq!(canceled["data"], json!({"succeedSymbols": ["BTC-USDT"], "failedSymbols": []}));
    let (_, nothing) = alice.send(Method::DELETE, "/api/v1/hf/orders?symbol=BTC-USDT", "").await;
    assert_eq!(nothing["data"], json!("success"));
    let (_, done) = alice.send(Method::GET, "/api/v1/hf/orders/done?symbol=BTC-USDT", "").await;
    assert_eq!(done["data"]["items"][0]["id"], placed["data"]["orderId"]);
    assert_eq!(done["data"]["items"][0]["stp"], Value::Null, "typed clients know four modes of it, and an empty text is none of them");
    let (status, none) = alice.send(Method::POST, "/api/v1/hf/orders/fly", "{}").await;
    assert_eq!((status, &none["code"]), (StatusCode::NOT_FOUND, &json!("404000")), "in the venue's words");
}

#[tokio::test]
async fn an_order_is_found_by_either_of_its_ids_and_cancelled_once() {
    let bench = Bench::start().await;
    let alice = bench.alice();
    let (_, placed) = post(&alice, RESTING).await;
    let id = placed["data"]["orderId"].as_str().unwrap().to_owned();
    let (_, accounts) = alice.get("/api/v1/accounts?currency=USDT&type=trade").await;
    assert_eq!((&accounts["data"][0]["available"], &accounts["data"][0]["holds"]), (&json!("999500"), &json!("500")));
    let (_, found) = alice.get("/api/v1/order/client-order/a1").await;
    assert_eq!((&found["data"]["id"], &found["data"]["isActive"]), (&json!(id), &json!(true)));
    let path = format!("/api/v1/orders/{id}");
    assert_eq!(alice.send(Method::DELETE, &path, "").await.1["data"], json!({"cancelledOrderIds": [id]}));
    let (_, canceled) = alice.get(&path).await;
    assert_eq!((&canceled["data"]["isActive"], &canceled["data"]["cancelExist"]), (&json!(false), &json!(true)));
    let (status, again) = alice.send(Method::DELETE, &path, "").await;
    assert_eq!((status, again), (StatusCode::BAD_REQUEST, json!({"code": "400100", "msg": "order_not_exist_or_not_allow_to_cancel"})));
}

#[tokio::test]
async fn refusals_carry_the_code_of_the_venue() {
    let bench = Bench::start().await;
    let alice = bench.alice();
    for (body, code) in [
        ("{", "400000"),
        (r#"{"side":"buy"}"#, "400100"),
        (r#"{"symbol":"NO-PE","side":"buy","size":"1","price":"1"}"#, "400100"),
        (r#"{"symbol":"BTC-USDT","side":"buy","size":"0.000001","price":"50000"}"#, "600100"),
        (r#"{"symbol":"BTC-USDT","side":"buy","size":"0.01","price":"1"}"#, "600101"),
        (r#"{"symbol":"BTC-USDT","side":"buy","size":"0.01","price":"50000.001"}"#, "400760"),
        (r#"{"symbol":"BTC-USDT","side":"buy","size":"500","price":"90000"}"#, "200004"),
        (r#"{"symbol":"BTC-USDT","side":"buy","size":"0.1","price":"200000","postOnly":true}"#, "300000"),
        (r#"{"symbol":"BTC-USDT","side":"buy","size":"0.1","price":"50000","stop":"loss"}"#, "400100"),
    ] {
        assert_eq!(post(&alice, body).await.1["code"], json!(code), "{body}");
    }
    assert_eq!(alice.get("/api/v1/orders/7").await.1["msg"], json!("order_not_exist"));
    let (status, answer) = bench.stranger().get("/api/v1/accounts").await;
    assert_eq!((status, &answer["code"]), (StatusCode::UNAUTHORIZED, &json!("400003")));
    let reader = bench.client(Some(bench.signer.token("alice", "order:read")));
    let (status, answer) = post(&reader, RESTING).await;
    assert_eq!((status, &answer["code"]), (StatusCode::FORBIDDEN, &json!("400007")));
    assert_eq!(bench.venue.arrivals().orders_placed, 0);
}

#[tokio::test]
async fn topics_are_acknowledged_and_report_the_own_orders() {
    let bench = Bench::start().await;
    let alice = bench.alice();
    let mut socket = alice.connect("/kucoin/ws?connectId=c1").await.unwrap();
    assert_eq!(socket.next().await.unwrap(), json!({"id": "c1", "type": "welcome"}));
    assert_eq!(socket.ask("id", json!({"id": "p", "type": "ping"})).await["type"], json!("pong"));
    for topic in ["/spotMarket/tradeOrders", "/account/balance"] {
        let ack =
            socket.ask("id", json!({"id": topic, "type": "subscribe", "topic": topic, "privateChannel": true, "response": true})).await;
        assert_eq!(ack, json!({"id": topic, "type": "ack"}));
    }
    post(&alice, r#"{"clientOid":"m","side":"buy","symbol":"BTC-USDT","type":"market","size":"0.01"}"#).await;
    for kind in ["open", "match", "filled"] {
        let event = socket.until(|frame| frame["subject"] == "orderChange").await;
        assert_eq!((&event["data"]["type"], &event["data"]["clientOid"]), (&json!(kind), &json!("m")));
    }
    let balance = socket.until(|frame| frame["subject"] == "account.balance").await;
    assert_eq!(balance["data"]["currency"], json!("BTC"));
}

#[tokio::test]
async fn the_second_version_of_the_own_orders_tells_of_an_order_that_was_received() {
    let bench = Bench::start().await;
    let alice = bench.alice();
    let mut socket = alice.connect("/kucoin/ws").await.unwrap();
    let topic = "/spotMarket/tradeOrdersV2";
    let ack = socket.ask("id", json!({"id": "v2", "type": "subscribe", "topic": topic, "privateChannel": true, "response": true})).await;
    assert_eq!(ack["type"], json!("ack"));
    post(&alice, RESTING).await;
    for (kind, status) in [("received", "new"), ("open", "open")] {
        let event = socket.until(|frame| frame["subject"] == "orderChange").await;
        assert_eq!((&event["topic"], &event["data"]["type"], &event["data"]["status"]), (&json!(topic), &json!(kind), &json!(status)));
    }
}

#[tokio::test]
async fn market_topics_need_no_identity_and_own_topics_do() {
    let bench = Bench::start().await;
    let mut socket = bench.stranger().connect("/kucoin/ws").await.unwrap();
    for topic in [
        "market/ticker",
        "market/snapshot",
        "market/level2",
        "market/match",
        "spotMarket/level1",
        "spotMarket/level2Depth5",
        "spotMarket/level2Depth50",
    ] {
        let topic = format!("/{topic}:BTC-USDT");
        socket.send(json!({"id": topic, "type": "subscribe", "topic": topic, "response": true})).await;
        let message = socket.until(|frame| frame["topic"] == json!(topic)).await;
        assert!(message["data"].is_object(), "{message}");
    }
    for topic in ["/account/balance", "/market/ticker:NO-PE", "/nothing"] {
        let refusal = socket.ask("id", json!({"id": topic, "type": "subscribe", "topic": topic, "response": true})).await;
        assert_eq!(refusal["type"], json!("error"), "{refusal}");
    }
    assert_eq!(bench.venue.arrivals().refused, 3);
}
