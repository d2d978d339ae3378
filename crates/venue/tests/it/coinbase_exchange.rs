//! The Coinbase Exchange façade: REST and the feed.

use http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::shape::shape;
use crate::support::{Bench, Client};

const RESTING: &str = r#"{"type":"limit","side":"buy","product_id":"BTC-USDT","price":"50000","size":"0.01","client_oid":"a1"}"#;

async fn post(client: &Client, body: &str) -> (StatusCode, Value) {
    client.send(Method::POST, "/orders", body).await
}

#[tokio::test]
async fn answers_have_the_shape_of_the_venue() {
    let bench = Bench::start().await;
    let alice = bench.alice();
    let mut shapes = serde_json::Map::new();
    shapes.insert("POST orders".to_owned(), shape(&post(&alice, RESTING).await.1));
    let taking = r#"{"type":"market","side":"buy","product_id":"BTC-USDT","funds":"1000"}"#;
    shapes.insert("POST orders market".to_owned(), shape(&post(&alice, taking).await.1));
    for path in [
        "accounts",
        "accounts/1-USDT/transfers",
        "currencies",
        "currencies/BTC",
        "fees",
        "fills?product_id=BTC-USDT",
        "orders",
        "orders/client:a1",
        "products",
        "products/BTC-USDT",
        "products/BTC-USDT/book?level=2",
        "products/BTC-USDT/candles?granularity=60",
        "products/BTC-USDT/stats",
        "products/BTC-USDT/ticker",
        "products/BTC-USDT/trades",
        "time",
        "transfers",
    ] {
        let (status, body) = alice.get(&format!("/{path}")).await;
        assert_eq!(status, StatusCode::OK, "{path}: {body}");
        shapes.insert(format!("GET {path}"), shape(&body));
    }
    insta::assert_json_snapshot!("coinbase_exchange_shapes", Value::from(shapes));
}

#[tokio::test]
async fn an_order_is_found_by_either_of_its_ids_and_cancelled_once() {
    let bench = Bench::start().await;
    let alice = bench.alice();
    let (_, placed) = post(&alice, RESTING).await;
    let (_, accounts) = alice.get("/accounts").await;
    assert_eq!((&accounts[1]["available"], &accounts[1]["hold"]), (&json!("999500"), &json!("500")));
    assert_eq!(alice.get("/orders?product_id=BTC-USDT").await.1[0]["id"], placed["id"]);
    let (_, canceled) = alice.send(Method::DELETE, "/orders/client:a1", "").await;
    assert_eq!(canceled, placed["id"]);
    let (_, order) = alice.get(&format!("/orders/{}", placed["id"].as_str().unwrap())).await;
    assert_eq!((&order["status"], &order["done_reason"]), (&json!("done"), &json!("canceled")));
    let (status, again) = alice.send(Method::DELETE, "/orders/client:a1", "").await;
    assert_eq!((status, again), (StatusCode::NOT_FOUND, json!({"message": "order not found"})));
}

#[tokio::test]
async fn refusals_carry_the_words_of_the_venue() {
    let bench = Bench::start().await;
    let alice = bench.alice();
    for (body, message) in [
        ("{", "Malformed JSON"),
        (r#"{"side":"buy"}"#, "product_id is required"),
        (r#"{"product_id":"NO-PE","side":"buy","size":"1","price":"1"}"#, "Product not found"),
        (r#"{"product_id":"BTC-USDT","side":"hold","size":"1","price":"1"}"#, "Invalid side"),
        (r#"{"product_id":"BTC-USDT","side":"buy","size":"0.000001","price":"50000"}"#, "size is too small"),
        (r#"{"product_id":"BTC-USDT","side":"buy","size":"0.01","price":"50000.001"}"#, "price too precise"),
        (r#"{"product_id":"BTC-USDT","side":"buy","size":"500","price":"90000"}"#, "Insufficient funds"),
        (r#"{"product_id":"BTC-USDT","side":"buy","size":"1","price":"200000","post_only":true}"#, "Post only"),
        (r#"{"product_id":"BTC-USDT","side":"buy","size":"1","price":"1","stop":"loss"}"#, "Invalid stop"),
    ] {
        let (status, answer) = post(&alice, body).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{body}");
        assert!(answer["message"].as_str().unwrap().starts_with(message), "{body}: {answer}");
    }
    assert_eq!(alice.get("/orders/7").await, (StatusCode::NOT_FOUND, json!({"message": "NotFound"})));
    assert_eq!(alice.get("/products/NO-PE/ticker").await.0, StatusCode::NOT_FOUND);
    assert_eq!(bench.stranger().get("/accounts").await, (StatusCode::UNAUTHORIZED, json!({"message": "Invalid API Key"})));
    let reader = bench.client(Some(bench.signer.token("alice", "order:read")));
    assert_eq!(post(&reader, RESTING).await.0, StatusCode::FORBIDDEN);
    assert_eq!(bench.venue.arrivals().orders_placed, 0);
}

#[tokio::test]
async fn the_user_channel_tells_the_life_of_an_order() {
    // The vendor's feed is at the root, where two other venues are, too: the first frame decides.
    for path in ["/coinbase-exchange/ws", "/"] {
        tells_the_life_of_an_order(path).await;
    }
}

async fn tells_the_life_of_an_order(path: &str) {
    let bench = Bench::start().await;
    let alice = bench.alice();
    let mut socket = alice.connect(path).await.unwrap();
    socket.send(json!({"type": "subscribe", "product_ids": ["BTC-USDT"], "channels": ["user"], "signature": "x"})).await;
    let listed = socket.next().await.unwrap();
    let channels = json!([{"name": "user", "product_ids": ["BTC-USDT"], "account_ids": null}]);
    assert_eq!((&listed["type"], &listed["channels"]), (&json!("subscriptions"), &channels));
    post(&alice, RESTING).await;
    alice.send(Method::DELETE, "/orders/client:a1", "").await;
    post(&alice, r#"{"type":"market","side":"buy","product_id":"BTC-USDT","size":"0.01"}"#).await;
    for kind in ["received", "open", "done", "received", "match", "done"] {
        let message = socket.next().await.unwrap();
        assert_eq!(message["type"], json!(kind), "{message}");
    }
}

#[tokio::test]
async fn market_channels_need_no_identity_and_the_user_channel_does() {
    let bench = Bench::start().await;
    let mut socket = bench.stranger().connect("/coinbase-exchange/ws").await.unwrap();
    let channels = json!(["ticker", "heartbeat", "matches", {"name": "level2", "product_ids": ["BTC-USDT"]}]);
    socket.send(json!({"type": "subscribe", "product_ids": ["BTC-USDT"], "channels": channels})).await;
    for kind in ["snapshot", "l2update"] {
        let book = socket.until(|frame| frame["type"] == kind).await;
        assert_eq!(book["product_id"], json!("BTC-USDT"));
    }
    for kind in ["ticker", "heartbeat", "match"] {
        socket.until(|frame| frame["type"] == kind).await;
    }
    for (product, channel) in [("BTC-USDT", "user"), ("NO-PE", "ticker"), ("BTC-USDT", "nothing")] {
        socket.send(json!({"type": "subscribe", "product_ids": [product], "channels": [channel]})).await;
        socket.until(|frame| frame["type"] == "error").await;
    }
    assert_eq!(bench.venue.arrivals().refused, 3);
}
