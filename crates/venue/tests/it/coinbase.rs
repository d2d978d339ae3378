//! The Coinbase Advanced façade: REST and WebSocket.

use http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::kinds::shape;
use crate::support::{ALL_SCOPES, Bench, Client};

const API: &str = "/api/v3/brokerage";

fn limit(client_order_id: &str, size: &str, price: &str) -> Value {
    let configuration = json!({"limit_limit_gtc": {"base_size": size, "limit_price": price, "post_only": false}});
    json!({"client_order_id": client_order_id, "product_id": "BTC-USDT", "side": "BUY", "order_configuration": configuration})
}

async fn place(client: &Client, order: &Value) -> Value {
    let (status, body) = client.send(Method::POST, &format!("{API}/orders"), &order.to_string()).await;
    assert_eq!(status, StatusCode::OK, "{body}");
    body
}

async fn cancel(client: &Client, id: &Value) -> Value {
    let (status, body) = client.send(Method::POST, &format!("{API}/orders/batch_cancel"), &json!({"order_ids": [id]}).to_string()).await;
    assert_eq!(status, StatusCode::OK, "{body}");
    body["results"][0].clone()
}

#[tokio::test]
async fn answers_have_the_shape_of_the_venue() {
    let bench = Bench::start().await;
    let alice = bench.alice();
    let resting = place(&alice, &limit("c1", "0.01", "50000")).await;
    let market = json!({"client_order_id": "c2", "product_id": "BTC-USDT", "side": "BUY", "order_configuration": {"market_market_ioc": {"quote_size": "1000"}}});
    let mut shapes = serde_json::Map::new();
    shapes.insert("POST orders resting".to_owned(), shape(&resting));
    shapes.insert("POST orders filled".to_owned(), shape(&place(&alice, &market).await));
    shapes.insert("POST orders refused".to_owned(), shape(&place(&alice, &limit("c3", "100", "90000")).await));
    let id = resting["order_id"].as_str().unwrap();
    for path in [
        "accounts",
        "best_bid_ask?product_ids=BTC-USDT",
        "key_permissions",
        "market/product_book?product_id=BTC-USDT&limit=2",
        "market/products",
        "market/products/BTC-USDT/candles?granularity=ONE_HOUR",
        "market/products/BTC-USDT/ticker?limit=1",
        "orders/historical/batch?order_status=OPEN",
        "orders/historical/fills",
        "time",
        "transaction_summary",
    ] {
        let (status, body) = alice.get(&format!("{API}/{path}")).await;
        assert_eq!(status, StatusCode::OK, "{path}: {body}");
        shapes.insert(format!("GET {path}"), shape(&body));
    }
    for path in ["/v2/accounts", "/v2/currencies", "/v2/currencies/crypto", "/v2/exchange-rates", "/v2/time"] {
        shapes.insert(format!("GET {path}"), shape(&alice.get(path).await.1));
    }
    shapes.insert("GET order".to_owned(), shape(&alice.get(&format!("{API}/orders/historical/{id}")).await.1));
    let preview = alice.send(Method::POST, &format!("{API}/orders/preview"), &market.to_string()).await.1;
    shapes.insert("POST orders/preview".to_owned(), shape(&preview));
    shapes.insert("POST orders/batch_cancel".to_owned(), shape(&cancel(&alice, &resting["order_id"]).await));
    insta::assert_json_snapshot!("coinbase_shapes", Value::from(shapes));
}

#[tokio::test]
async fn an_order_is_placed_listed_and_cancelled() {
    let bench = Bench::start().await;
    let alice = bench.alice();
    let placed = place(&alice, &limit("c1", "0.01", "50000")).await;
    assert_eq!(placed["success"], json!(true));
    let (_, accounts) = alice.get(&format!("{API}/accounts")).await;
    assert_eq!(accounts["accounts"][1]["hold"], json!({"value": "500", "currency": "USDT"}));
    let (_, open) = alice.get(&format!("{API}/orders/historical/batch?order_status=OPEN&product_id=BTC-USDT")).await;
    assert_eq!(open["orders"][0]["order_id"], placed["order_id"]);
    assert_eq!(cancel(&alice, &placed["order_id"]).await["success"], json!(true));
    assert_eq!(cancel(&alice, &placed["order_id"]).await["failure_reason"], json!("UNKNOWN_CANCEL_ORDER"));
    let (_, order) = alice.get(&format!("{API}/orders/historical/{}", placed["order_id"].as_str().unwrap())).await;
    assert_eq!(order["order"]["status"], json!("CANCELLED"));
}

#[tokio::test]
async fn a_client_order_id_used_again_means_the_same_order() {
    let bench = Bench::start().await;
    let alice = bench.alice();
    // As long as the longest a known client sends.
    let id = "ccxt-00000000-0000-0000-0000-000000000000";
    let first = place(&alice, &limit(id, "0.01", "50000")).await;
    let again = place(&alice, &limit(id, "0.02", "40000")).await;
    assert_eq!(again["order_id"], first["order_id"]);
    assert_eq!(again["success_response"]["client_order_id"], json!(id));
    assert_eq!(bench.venue.arrivals().orders_placed, 1);
    let (status, _) = alice.send(Method::POST, &format!("{API}/orders"), &limit("", "0.01", "50000").to_string()).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn lists_come_in_pages() {
    let bench = Bench::start().await;
    let alice = bench.alice();
    for number in 0..3 {
        place(&alice, &limit(&format!("c{number}"), "0.01", "50000")).await;
    }
    let (_, first) = alice.get(&format!("{API}/orders/historical/batch?limit=2")).await;
    assert_eq!((first["orders"].as_array().unwrap().len(), &first["has_next"], &first["cursor"]), (2, &json!(true), &json!("2")));
    let (_, second) = alice.get(&format!("{API}/orders/historical/batch?limit=2&cursor=2")).await;
    assert_eq!((second["orders"].as_array().unwrap().len(), &second["has_next"], &second["cursor"]), (1, &json!(false), &json!("")));
}

#[tokio::test]
async fn refusals_carry_the_words_of_the_venue() {
    let bench = Bench::start().await;
    let alice = bench.alice();
    let stop = json!({"client_order_id": "s", "product_id": "BTC-USDT", "side": "BUY", "order_configuration": {"stop_limit_stop_limit_gtc": {"base_size": "1", "limit_price": "1", "stop_price": "1"}}});
    let mut elsewhere = limit("e", "0.01", "50000");
    elsewhere["product_id"] = json!("BTCUSDT_261225");
    let post = json!({"client_order_id": "p", "product_id": "BTC-USDT", "side": "BUY", "order_configuration": {"limit_limit_gtc": {"base_size": "0.1", "limit_price": "200000", "post_only": true}}});
    for (order, reason) in [
        (limit("a", "100", "90000"), "PREVIEW_INSUFFICIENT_FUND"),
        (limit("b", "0.000001", "90000"), "PREVIEW_INVALID_SIZE_PRECISION"),
        (limit("c", "0.01", "50000.001"), "PREVIEW_INVALID_PRICE_PRECISION"),
        (limit("d", "0.00001", "1"), "PREVIEW_INVALID_QUOTE_SIZE_TOO_SMALL"),
        (elsewhere, "PREVIEW_INVALID_PRODUCT_ID"),
        (post, "PREVIEW_INVALID_LIMIT_PRICE_POST_ONLY"),
        (stop, "UNSUPPORTED_ORDER_CONFIGURATION"),
    ] {
        let refused = place(&alice, &order).await;
        assert_eq!((&refused["success"], &refused["error_response"]["preview_failure_reason"]), (&json!(false), &json!(reason)), "{order}");
    }
    assert_eq!(bench.venue.arrivals().orders_placed, 0);
    let unknown = "orders/historical/00000000-0000-4000-8000-000000000001";
    assert_eq!(alice.get(&format!("{API}/{unknown}")).await.0, StatusCode::NOT_FOUND);
    assert_eq!(alice.get(&format!("{API}/market/products/NOPE")).await.0, StatusCode::NOT_FOUND);
    assert_eq!(bench.stranger().get(&format!("{API}/accounts")).await.0, StatusCode::UNAUTHORIZED);
    let reader = bench.client(Some(bench.signer.token("alice", "account:read")));
    let order = limit("r", "0.01", "50000").to_string();
    assert_eq!(reader.send(Method::POST, &format!("{API}/orders"), &order).await.0, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn nobody_sees_or_cancels_anothers_orders() {
    let bench = Bench::start().await;
    let placed = place(&bench.alice(), &limit("c1", "0.01", "50000")).await;
    let bob = bench.client(Some(bench.signer.token("bob", ALL_SCOPES)));
    assert_eq!(cancel(&bob, &placed["order_id"]).await["success"], json!(false));
    assert_eq!(bob.get(&format!("{API}/orders/historical/batch")).await.1["orders"], json!([]));
    let id = placed["order_id"].as_str().unwrap();
    assert_eq!(bob.get(&format!("{API}/orders/historical/{id}")).await.0, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn the_user_channel_tells_of_own_orders() {
    let bench = Bench::start().await;
    let alice = bench.alice();
    let mut socket = alice.connect("/").await.unwrap();
    socket.send(json!({"type": "subscribe", "channel": "user", "product_ids": ["BTC-USDT"], "jwt": "x"})).await;
    let snapshot = socket.until(|frame| frame["channel"] == "user").await;
    assert_eq!((&snapshot["events"][0]["type"], &snapshot["events"][0]["orders"]), (&json!("snapshot"), &json!([])));
    let subscriptions = socket.until(|frame| frame["channel"] == "subscriptions").await;
    assert_eq!(subscriptions["events"][0]["subscriptions"]["user"], json!(["alice"]));
    let placed = place(&alice, &limit("c1", "0.01", "50000")).await;
    let opened = socket.until(|frame| frame["channel"] == "user").await;
    assert_eq!((&opened["events"][0]["orders"][0]["status"], &opened["sequence_num"]), (&json!("OPEN"), &json!(2)));
    cancel(&alice, &placed["order_id"]).await;
    let ended = socket.until(|frame| frame["channel"] == "user").await;
    assert_eq!(ended["events"][0]["orders"][0]["status"], json!("CANCELLED"));
}

#[tokio::test]
async fn a_stranger_hears_the_market_and_nothing_else() {
    let bench = Bench::start().await;
    let mut socket = bench.stranger().connect("/").await.unwrap();
    let mut shapes = serde_json::Map::new();
    for (channel, sent) in [
        ("candles", "candles"),
        ("heartbeats", "heartbeats"),
        ("level2", "l2_data"),
        ("market_trades", "market_trades"),
        ("status", "status"),
        ("ticker", "ticker"),
        ("ticker_batch", "ticker_batch"),
    ] {
        socket.send(json!({"type": "subscribe", "channel": channel, "product_ids": ["BTC-USDT"]})).await;
        let has_rows = |frame: &Value| frame["events"][0]["trades"] != json!([]);
        let frame = socket.until(|frame| frame["channel"] == sent && has_rows(frame)).await;
        shapes.insert(channel.to_owned(), shape(&frame));
    }
    insta::assert_json_snapshot!("coinbase_channels", Value::from(shapes));
    let mut last = socket.next().await.unwrap()["sequence_num"].as_u64().unwrap();
    for _ in 0..50 {
        let next = socket.next().await.unwrap()["sequence_num"].as_u64().unwrap();
        assert_eq!(next, last + 1);
        last = next;
    }
    socket.send(json!({"type": "unsubscribe", "channel": "ticker", "product_ids": []})).await;
    let left = socket
        .until(|frame| {
            frame["channel"] == "subscriptions"
                && frame["events"][0]["subscriptions"].get("ticker_batch").is_some()
                && frame["events"][0]["subscriptions"].get("ticker").is_none()
        })
        .await;
    assert_eq!(left["events"][0]["subscriptions"]["level2"], json!(["BTC-USDT"]));
    for frame in [
        json!({"type": "subscribe", "channel": "user"}),
        json!({"type": "subscribe", "channel": "nothing"}),
        json!({"type": "subscribe", "channel": "ticker", "product_ids": ["NOPE"]}),
    ] {
        socket.send(frame).await;
        socket.until(|frame| frame["type"] == "error").await;
    }
}
