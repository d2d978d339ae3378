//! The Gemini façade: REST, order events, market data.

use http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::shape::shape;
use crate::support::{Bench, Client};

const RESTING: &str =
    r#"{"symbol":"btcusdt","amount":"0.01","price":"50000","side":"buy","type":"exchange limit","client_order_id":"g-1"}"#;

async fn post(client: &Client, path: &str, body: &str) -> (StatusCode, Value) {
    client.send(Method::POST, &format!("/v1/{path}"), body).await
}

#[tokio::test]
async fn answers_have_the_shape_of_the_venue() {
    let bench = Bench::start().await;
    let alice = bench.alice();
    let mut shapes = serde_json::Map::new();
    shapes.insert("order/new".to_owned(), shape(&post(&alice, "order/new", RESTING).await.1));
    let taking =
        r#"{"symbol":"BTCUSDT","amount":"0.01","price":"200000","side":"buy","type":"exchange limit","options":["immediate-or-cancel"]}"#;
    let (_, bought) = post(&alice, "order/new", taking).await;
    assert_eq!((&bought["is_live"], &bought["is_cancelled"], &bought["executed_amount"]), (&json!(false), &json!(false), &json!("0.01")));
    for (path, body) in [
        ("account", "{}"),
        ("balances", "{}"),
        ("heartbeat", "{}"),
        ("mytrades", r#"{"symbol":"btcusdt"}"#),
        ("notionalvolume", "{}"),
        ("orders", "{}"),
        ("orders/history", "{}"),
        ("order/status", r#"{"client_order_id":"g-1"}"#),
    ] {
        let (status, answer) = post(&alice, path, body).await;
        assert_eq!(status, StatusCode::OK, "{path}: {answer}");
        shapes.insert(path.to_owned(), shape(&answer));
    }
    for path in [
        "v1/symbols",
        "v1/symbols/details/btcusdt",
        "v1/pubticker/btcusdt",
        "v1/pricefeed",
        "v1/book/btcusdt?limit_bids=2&limit_asks=2",
        "v1/trades/btcusdt?limit_trades=2",
        "v2/ticker/btcusdt",
        "v2/candles/btcusdt/1m",
    ] {
        let (status, answer) = alice.get(&format!("/{path}")).await;
        assert_eq!(status, StatusCode::OK, "{path}: {answer}");
        shapes.insert(path.to_owned(), shape(&answer));
    }
    insta::assert_json_snapshot!("gemini_shapes", Value::from(shapes));
}

#[tokio::test]
async fn an_order_is_found_by_either_of_its_ids_and_cancelled_once() {
    let bench = Bench::start().await;
    let alice = bench.alice();
    let (_, placed) = post(&alice, "order/new", RESTING).await;
    let (_, open) = post(&alice, "orders", "{}").await;
    assert_eq!((&open[0]["order_id"], &open[0]["client_order_id"]), (&placed["order_id"], &json!("g-1")));
    let by_id = json!({"order_id": placed["order_id"]}).to_string();
    let (_, canceled) = post(&alice, "order/cancel", &by_id).await;
    assert_eq!((&canceled["is_cancelled"], &canceled["is_live"], &canceled["reason"]), (&json!(true), &json!(false), &json!("Requested")));
    let (status, again) = post(&alice, "order/cancel", &by_id).await;
    assert_eq!((status, &again["reason"]), (StatusCode::NOT_FOUND, &json!("OrderNotFound")));
    post(&alice, "order/new", RESTING).await;
    let (_, all) = post(&alice, "order/cancel/all", "{}").await;
    assert_eq!(all["details"]["cancelledOrders"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn refusals_carry_the_word_of_the_venue() {
    let bench = Bench::start().await;
    let alice = bench.alice();
    let order = |change: Value| {
        let mut order: Value = serde_json::from_str(RESTING).unwrap();
        order.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        order.to_string()
    };
    for (body, status, reason) in [
        (order(json!({"side": "hold"})), 400, "InvalidSide"),
        (order(json!({"type": "exchange stop limit"})), 400, "InvalidOrderType"),
        (order(json!({"amount": "0"})), 400, "InvalidQuantity"),
        (order(json!({"price": "0.001"})), 400, "InvalidPrice"),
        (order(json!({"symbol": "ethusd"})), 400, "InvalidSymbol"),
        (order(json!({"options": ["auction-only"]})), 400, "UnsupportedOption"),
        (order(json!({"amount": "900", "price": "90000"})), 406, "InsufficientFunds"),
        (order(json!({"price": "200000", "options": ["maker-or-cancel"]})), 400, "MakerOrCancelWouldTake"),
        ("{".to_owned(), 400, "InvalidJson"),
    ] {
        let (answered, answer) = post(&alice, "order/new", &body).await;
        assert_eq!(
            (answered.as_u16(), &answer["reason"], &answer["result"]),
            (status, &json!(reason), &json!("error")),
            "{body}: {answer}"
        );
    }
    assert_eq!(post(&bench.stranger(), "order/new", RESTING).await.1["reason"], "InvalidSignature");
    let reader = bench.client(Some(bench.signer.token("alice", "order:read")));
    let (status, answer) = post(&reader, "order/new", RESTING).await;
    assert_eq!((status, &answer["reason"]), (StatusCode::FORBIDDEN, &json!("MissingRole")));
    assert_eq!(bench.venue.arrivals().orders_placed, 0);
}

#[tokio::test]
async fn sockets_tell_the_market_to_anybody_and_orders_to_their_owner() {
    let bench = Bench::start().await;
    let alice = bench.alice();
    let mut market = bench.stranger().connect("/v2/marketdata").await.unwrap();
    market.send(json!({"type": "subscribe", "subscriptions": [{"name": "l2", "symbols": ["BTCUSDT"]}]})).await;
    let first = market.until(|frame| frame["type"] == "l2_updates").await;
    assert!(first["auction_events"].is_array() && first["trades"].is_array() && !first["changes"].as_array().unwrap().is_empty());
    let next = market.until(|frame| frame["type"] == "l2_updates").await;
    assert!(next["trades"].is_null() && !next["changes"].as_array().unwrap().is_empty());
    market.until(|frame| frame["type"] == "trade").await;
    market.send(json!({"type": "subscribe", "subscriptions": [{"name": "l2", "symbols": ["NO"]}]})).await;
    market.until(|frame| frame["reason"] == "NoValidTradingPairs").await;
    let mut top = bench
        .stranger()
        .connect("/v1/multimarketdata?symbols=btcusdt&heartbeat=true&trades=false&bids=true&offers=true&top_of_book=true")
        .await
        .unwrap();
    let update = top.until(|frame| frame["type"] == "update").await;
    assert_eq!((&update["events"][0]["side"], &update["events"][1]["side"]), (&json!("bid"), &json!("ask")));
    assert!(bench.stranger().connect("/v1/order/events").await.is_err(), "nobody has orders");
    let mut events = alice.connect("/v1/order/events").await.unwrap();
    events.until(|frame| frame["type"] == "subscription_ack").await;
    let (_, placed) = post(&alice, "order/new", RESTING).await;
    let told = events.until(|frame| frame[0]["type"] == "accepted").await;
    assert_eq!((&told[0]["order_id"], &told[1]["type"]), (&placed["order_id"], &json!("booked")));
    post(&alice, "order/cancel", r#"{"client_order_id":"g-1"}"#).await;
    let gone = events.until(|frame| frame[0]["type"] == "cancelled").await;
    assert_eq!((&gone[0]["order_id"], &gone[0]["is_live"]), (&placed["order_id"], &json!(false)));
    let taking = r#"{"symbol":"btcusdt","amount":"0.01","price":"200000","side":"buy","type":"exchange limit"}"#;
    post(&alice, "order/new", taking).await;
    let filled = events.until(|frame| frame[0]["type"] == "fill" && frame[1]["type"] == "closed").await;
    assert_eq!(filled[0]["fill"]["liquidity"], "Taker");
}

/// The first API: the whole book, what changes in it, trades; each connection counts what it is told.
#[tokio::test]
async fn the_first_market_data_api_tells_the_book_and_trades_in_updates_that_are_numbered() {
    let bench = Bench::start().await;
    let stranger = bench.stranger();
    for path in ["/v1/marketdata/btcusdt", "/v1/multimarketdata?symbols=btcusdt&heartbeat=true&trades=true&bids=true&offers=true"] {
        let mut socket = stranger.connect(path).await.unwrap();
        let (mut reasons, mut traded) = (std::collections::BTreeSet::new(), false);
        for number in 0_u64.. {
            let frame = socket.until(|_| true).await;
            assert_eq!((&frame["type"], &frame["socket_sequence"]), (&json!("update"), &json!(number)), "{path}");
            assert!(frame["eventId"].is_u64() && frame["timestampms"].is_u64(), "{frame}");
            for event in frame["events"].as_array().unwrap() {
                assert_eq!(event["symbol"], "BTCUSDT");
                match event["type"].as_str().unwrap() {
                    "change" => {
                        let reason = event["reason"].as_str().unwrap();
                        assert_eq!(reason == "initial", number == 0, "{event}");
                        assert_eq!(reason == "cancel", event["remaining"] == "0", "{event}");
                        assert!(event["side"] == "bid" || event["side"] == "ask", "{event}");
                        reasons.insert(reason.to_owned());
                    }
                    _ => traded |= event["makerSide"] == "bid" || event["makerSide"] == "ask",
                }
            }
            if traded && reasons.len() == 3 {
                break;
            }
        }
    }
    let mut trades = stranger.connect("/v1/marketdata/btcusdt?trades=true").await.unwrap();
    for _ in 0..3 {
        assert_eq!(trades.until(|_| true).await["events"][0]["type"], "trade", "what is not asked for is not told");
    }
    for wrong in ["/v1/marketdata/nope", "/v1/multimarketdata", "/v1/marketdata/btcusdt?bids=true", "/v1/marketdata/btcusdt?offers=maybe"] {
        assert!(stranger.connect(wrong).await.is_err(), "{wrong}");
    }
}
