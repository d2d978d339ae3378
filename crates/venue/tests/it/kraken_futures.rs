//! The Kraken Futures façade: REST and feeds.

use http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::shape::shape;
use crate::support::{Bench, Client};

const PREFIX: &str = "/derivatives/api/v3/";

/// The contract that is listed.
async fn contract(client: &Client) -> String {
    let (_, answer) = client.get(&format!("{PREFIX}instruments")).await;
    answer["instruments"][0]["symbol"].as_str().unwrap().to_owned()
}

async fn send(client: &Client, name: &str, query: &str) -> (StatusCode, Value) {
    // As clients do: parameters in the query, nothing in the body.
    client.send(Method::POST, &format!("{PREFIX}{name}?{query}"), "").await
}

fn resting(symbol: &str) -> String {
    format!("symbol={symbol}&side=buy&orderType=lmt&size=0.01&limitPrice=50000&cliOrdId=c1")
}

#[tokio::test]
async fn answers_have_the_shape_of_the_venue() {
    let bench = Bench::start().await;
    let alice = bench.alice();
    let symbol = contract(&alice).await;
    let mut shapes = serde_json::Map::new();
    shapes.insert("POST sendorder".to_owned(), shape(&send(&alice, "sendorder", &resting(&symbol)).await.1));
    let taking = format!("symbol={symbol}&side=buy&orderType=mkt&size=0.01");
    shapes.insert("POST sendorder mkt".to_owned(), shape(&send(&alice, "sendorder", &taking).await.1));
    for name in ["accounts", "fills", "history", "instruments", "openorders", "openpositions", "orderbook", "tickers", "tickers/"] {
        let path = match name {
            "history" | "orderbook" => format!("{name}?symbol={symbol}"),
            "tickers/" => format!("{name}{symbol}"),
            _ => name.to_owned(),
        };
        let (status, body) = alice.get(&format!("{PREFIX}{path}")).await;
        assert_eq!((status, &body["result"]), (StatusCode::OK, &json!("success")), "{path}: {body}");
        shapes.insert(format!("GET {name}"), shape(&body));
    }
    insta::assert_json_snapshot!("kraken_futures_shapes", Value::from(shapes));
}

#[tokio::test]
async fn an_order_is_found_by_either_of_its_ids_and_cancelled_once() {
    let bench = Bench::start().await;
    let alice = bench.alice();
    let symbol = contract(&alice).await;
    let (_, placed) = send(&alice, "sendorder", &resting(&symbol)).await;
    assert_eq!(placed["sendStatus"]["status"], "placed");
    let id = placed["sendStatus"]["order_id"].as_str().unwrap();
    let (_, open) = alice.get(&format!("{PREFIX}openorders")).await;
    assert_eq!((&open["openOrders"][0]["order_id"], &open["openOrders"][0]["cliOrdId"]), (&json!(id), &json!("c1")));
    let (_, canceled) = send(&alice, "cancelorder", "cliOrdId=c1").await;
    assert_eq!((&canceled["cancelStatus"]["status"], &canceled["cancelStatus"]["order_id"]), (&json!("cancelled"), &json!(id)));
    let (status, again) = send(&alice, "cancelorder", &format!("order_id={id}")).await;
    assert_eq!((status, &again["cancelStatus"]["status"]), (StatusCode::OK, &json!("notFound")));
    let (_, none) = send(&alice, "cancelallorders", "").await;
    assert_eq!(none["cancelStatus"]["status"], "noOrdersToCancel");
}

#[tokio::test]
async fn refusals_carry_the_word_of_the_venue() {
    let bench = Bench::start().await;
    let alice = bench.alice();
    let symbol = contract(&alice).await;
    for (query, word) in [
        (format!("symbol={symbol}&side=hold&orderType=lmt&size=1&limitPrice=1"), "invalidSide"),
        (format!("symbol={symbol}&side=buy&orderType=stp&size=1&limitPrice=1"), "invalidOrderType"),
        (format!("symbol={symbol}&side=buy&orderType=lmt&size=0&limitPrice=50000"), "invalidSize"),
        (format!("symbol={symbol}&side=buy&orderType=lmt&size=1&limitPrice=0.05"), "invalidPrice"),
        (format!("symbol={symbol}&side=buy&orderType=lmt&size=900&limitPrice=90000"), "insufficientAvailableFunds"),
        (format!("symbol={symbol}&side=buy&orderType=post&size=0.1&limitPrice=200000"), "postWouldExecute"),
    ] {
        let (status, answer) = send(&alice, "sendorder", &query).await;
        assert_eq!((status, &answer["sendStatus"]["status"]), (StatusCode::OK, &json!(word)), "{query}: {answer}");
    }
    for (query, word) in [("", "requiredArgumentMissing"), ("symbol=NO&side=buy", "invalidArgument: symbol")] {
        let (status, answer) = send(&alice, "sendorder", query).await;
        assert_eq!((status, &answer["error"]), (StatusCode::BAD_REQUEST, &json!(word)), "{query}: {answer}");
    }
    let (status, answer) = send(&bench.stranger(), "sendorder", &resting(&symbol)).await;
    assert_eq!((status, &answer["error"]), (StatusCode::UNAUTHORIZED, &json!("authenticationError")));
    let reader = bench.client(Some(bench.signer.token("alice", "order:read")));
    assert_eq!(send(&reader, "sendorder", &resting(&symbol)).await.0, StatusCode::FORBIDDEN);
    assert_eq!(bench.venue.arrivals().orders_placed, 0);
}

#[tokio::test]
async fn feeds_tell_the_market_to_anybody_and_orders_to_their_owner() {
    let bench = Bench::start().await;
    let alice = bench.alice();
    let symbol = contract(&alice).await;
    let mut stranger = bench.stranger().connect("/ws/v1").await.unwrap();
    for (feed, told) in [("ticker", "ticker"), ("ticker_lite", "ticker_lite"), ("book", "book_snapshot"), ("trade", "trade")] {
        stranger.send(json!({"event": "subscribe", "feed": feed, "product_ids": [symbol]})).await;
        let message = stranger.until(|frame| frame["feed"] == told && frame["event"].is_null()).await;
        assert_eq!(message["product_id"], symbol);
    }
    for (feed, products) in [("open_orders", json!([])), ("nothing", json!([])), ("ticker", json!(["NO"]))] {
        stranger.send(json!({"event": "subscribe", "feed": feed, "product_ids": products})).await;
        stranger.until(|frame| frame["event"] == "alert").await;
    }
    let mut socket = alice.connect("/ws/v1").await.unwrap();
    socket.send(json!({"event": "subscribe", "feed": "open_orders"})).await;
    let first = socket.until(|frame| frame["feed"] == "open_orders_snapshot").await;
    assert_eq!(first["orders"], json!([]));
    socket.send(json!({"event": "subscribe", "feed": "balances"})).await;
    let first = socket.until(|frame| frame["feed"] == "balances_snapshot").await;
    assert_eq!((&first["holding"]["XBT"], &first["flex_futures"]["currencies"]["USD"]["quantity"]), (&json!(10), &json!(1_000_000)));
    let (_, placed) = send(&alice, "sendorder", &resting(&symbol)).await;
    let id = &placed["sendStatus"]["order_id"];
    let told = socket.until(|frame| frame["feed"] == "open_orders" && frame["event"].is_null()).await;
    assert_eq!((&told["order"]["order_id"], &told["is_cancel"], &told["order"]["direction"]), (id, &json!(false), &json!(0)));
    send(&alice, "cancelorder", "cliOrdId=c1").await;
    let gone = socket.until(|frame| frame["is_cancel"] == true).await;
    assert_eq!((&gone["order_id"], &gone["reason"]), (id, &json!("cancelled_by_user")));
}

#[tokio::test]
async fn a_position_is_told_at_first_and_with_each_fill() {
    let bench = Bench::start().await;
    let alice = bench.alice();
    let symbol = contract(&alice).await;
    let mut socket = alice.connect("/ws/v1").await.unwrap();
    socket.send(json!({"event": "subscribe", "feed": "open_positions"})).await;
    let first = socket.until(|frame| frame["positions"].is_array()).await;
    assert_eq!((&first["feed"], &first["positions"]), (&json!("open_positions"), &json!([])));
    send(&alice, "sendorder", &format!("symbol={symbol}&side=sell&orderType=mkt&size=0.01")).await;
    let told = socket.until(|frame| frame["positions"].is_array()).await;
    let (held, entry) = (&told["positions"][0], told["positions"][0]["entry_price"].as_f64().unwrap());
    assert_eq!((&held["instrument"], &held["balance"]), (&json!(symbol), &json!(-0.01)));
    assert!(entry > 0.0 && held["mark_price"].as_f64().unwrap() > 0.0 && held["effective_leverage"].as_f64().unwrap() >= 0.0, "{held}");
    let (_, listed) = alice.get("/derivatives/api/v3/openpositions").await;
    assert_eq!((&listed["openPositions"][0]["side"], &listed["openPositions"][0]["price"]), (&json!("short"), &json!(entry)));
}

#[tokio::test]
async fn what_became_of_orders_is_told() {
    let bench = Bench::start().await;
    let alice = bench.alice();
    let (_, listed) = alice.get("/derivatives/api/v3/instruments").await;
    let symbol = listed["instruments"][0]["symbol"].as_str().unwrap();
    let send =
        async |query: String| alice.send(Method::POST, &format!("/derivatives/api/v3/sendorder?symbol={symbol}&{query}"), "").await.1;
    send("side=buy&orderType=mkt&size=0.01".to_owned()).await;
    let rested = send("side=buy&orderType=lmt&size=0.01&limitPrice=50000&cliOrdId=h1".to_owned()).await;
    alice.send(Method::POST, "/derivatives/api/v3/cancelorder?cliOrdId=h1", "").await;
    let (_, orders) = alice.get("/api/history/v2/orders").await;
    let kinds: Vec<&String> =
        orders["elements"].as_array().unwrap().iter().flat_map(|row| row["event"].as_object().unwrap().keys()).collect();
    assert_eq!(kinds[0], "OrderCancelled", "the newest comes first");
    assert_eq!(kinds.iter().filter(|kind| **kind == "OrderPlaced").count(), 2);
    let newest = &orders["elements"][0]["event"]["OrderCancelled"]["order"];
    assert_eq!((&newest["uid"], &newest["clientId"], &newest["filled"]), (&rested["sendStatus"]["order_id"], &json!("h1"), &json!("0")));
    let updated = orders["elements"].as_array().unwrap().iter().find_map(|row| row["event"].get("OrderUpdated")).unwrap();
    assert_eq!((&updated["reason"], &updated["newOrder"]["filled"]), (&json!("full_fill"), &json!("0.01")));
    let (_, executions) = alice.get("/api/history/v3/executions?count=1").await;
    let execution = &executions["elements"][0]["event"]["Execution"]["execution"];
    assert_eq!((&executions["len"], &execution["takerOrder"]["tradeable"]), (&json!(1), &json!(symbol)));
    let (_, later) = alice.get(&format!("/api/history/v3/orders?since={}", u64::MAX)).await;
    assert_eq!(later["elements"], json!([]));
    assert!(bench.stranger().get("/api/history/v3/orders").await.1["elements"].is_null());
}
