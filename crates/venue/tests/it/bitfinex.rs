//! The Bitfinex façade: REST and WebSocket.

use http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::shape::shape;
use crate::support::{Bench, Client};

const RESTING: &str = r#"{"symbol":"tBTCUST","type":"EXCHANGE LIMIT","amount":"0.01","price":"50000","cid":7}"#;

async fn post(client: &Client, path: &str, body: &str) -> (StatusCode, Value) {
    client.send(Method::POST, &format!("/v2/auth/{path}"), body).await
}

#[tokio::test]
async fn answers_have_the_shape_of_the_venue() {
    let bench = Bench::start().await;
    let alice = bench.alice();
    let mut shapes = serde_json::Map::new();
    shapes.insert("submit".to_owned(), shape(&post(&alice, "w/order/submit", RESTING).await.1));
    let taking = r#"{"symbol":"tBTCUST","type":"EXCHANGE MARKET","amount":"-0.01"}"#;
    let (_, sold) = post(&alice, "w/order/submit", taking).await;
    assert!(sold[4][0][13].as_str().unwrap().starts_with("EXECUTED @ "), "{sold}");
    assert_eq!(sold[4][0][7], json!(-0.01));
    let (_, user) = post(&alice, "r/info/user", "{}").await;
    assert_eq!(user.as_array().unwrap().len(), 55, "the vendor's typed client counts the fields");
    for path in [
        "r/info/margin/base",
        "r/info/margin/tBTCUST",
        "r/info/user",
        "r/ledgers/UST/hist",
        "r/orders",
        "r/orders/tBTCUST",
        "r/orders/tBTCUST/hist",
        "r/trades/tBTCUST/hist",
        "r/wallets",
    ] {
        let (status, body) = post(&alice, path, "{}").await;
        assert_eq!(status, StatusCode::OK, "{path}: {body}");
        shapes.insert(path.to_owned(), shape(&body));
    }
    for path in [
        "book/tBTCUST/P0?len=5",
        "book/tBTCUST/R0?len=5",
        "candles/trade:1m:tBTCUST/hist?limit=2",
        "candles/trade:1m:tBTCUST/last",
        "conf/pub:info:pair,pub:list:currency,pub:map:currency:sym",
        "platform/status",
        "ticker/tBTCUST",
        "tickers?symbols=ALL",
        "trades/tBTCUST/hist",
    ] {
        let (status, body) = alice.get(&format!("/v2/{path}")).await;
        assert_eq!(status, StatusCode::OK, "{path}: {body}");
        shapes.insert(path.to_owned(), shape(&body));
    }
    insta::assert_json_snapshot!("bitfinex_shapes", Value::from(shapes));
    let (_, fills) = post(&alice, "r/trades/tBTCUST/hist", "{}").await;
    assert_eq!(fills[0].as_array().unwrap().len(), 12, "typed clients name every place: {fills}");
}

#[tokio::test]
async fn the_ledger_tells_what_each_trade_moved_and_what_was_left() {
    let bench = Bench::start().await;
    let alice = bench.alice();
    post(&alice, "w/order/submit", r#"{"symbol":"tBTCUST","type":"EXCHANGE MARKET","amount":"-0.01"}"#).await;
    let (_, all) = post(&alice, "r/ledgers/hist", "{}").await;
    let wallets = post(&alice, "r/wallets", "{}").await.1;
    let wallet = |name: &str| wallets.as_array().unwrap().iter().find(|row| row[1] == json!(name)).unwrap()[2].clone();
    let newest = |name: &str| all.as_array().unwrap().iter().find(|row| row[1] == json!(name)).unwrap()[6].clone();
    assert_eq!((newest("UST"), newest("BTC")), (wallet("UST"), wallet("BTC")), "{all}");
    let (_, dollars) = post(&alice, "r/ledgers/UST/hist", r#"{"limit":1}"#).await;
    assert_eq!((dollars.as_array().unwrap().len(), &dollars[0][1]), (1, &json!("UST")));
    let (_, fees) = post(&alice, "r/ledgers/hist", r#"{"category":201}"#).await;
    assert!(fees[0][5].as_f64().unwrap() < 0.0, "{fees}");
    assert_eq!(post(&alice, "r/ledgers/hist", r#"{"end":1}"#).await.1, json!([]));
    assert_eq!(post(&alice, "r/info/margin/sym_all", "{}").await.1, json!([["sym", "tBTCUST", [0, 0, 0, 0]]]));
}

#[tokio::test]
async fn an_order_is_found_by_either_of_its_ids_and_cancelled_once() {
    let bench = Bench::start().await;
    let alice = bench.alice();
    let (_, placed) = post(&alice, "w/order/submit", RESTING).await;
    assert_eq!((&placed[1], &placed[6], &placed[4][0][13]), (&json!("on-req"), &json!("SUCCESS"), &json!("ACTIVE")));
    let (_, open) = post(&alice, "r/orders/tBTCUST", "{}").await;
    assert_eq!((&open[0][0], &open[0][2]), (&placed[4][0][0], &json!(7)));
    let (_, canceled) = post(&alice, "w/order/cancel", r#"{"cid":7,"cid_date":"2026-11-28"}"#).await;
    assert_eq!((&canceled[4][0], &canceled[4][13]), (&placed[4][0][0], &json!("CANCELED")));
    let (status, again) = post(&alice, "w/order/cancel", &json!({"id": placed[4][0][0]}).to_string()).await;
    assert_eq!((status, again), (StatusCode::INTERNAL_SERVER_ERROR, json!(["error", 10001, "Order not found."])));
}

#[tokio::test]
async fn several_orders_are_cancelled_at_once_and_the_past_is_told_of_all_pairs() {
    let bench = Bench::start().await;
    let alice = bench.alice();
    let (_, first) = post(&alice, "w/order/submit", RESTING).await;
    let (_, second) = post(&alice, "w/order/submit", &RESTING.replace("\"cid\":7", "\"cid\":8")).await;
    let (_, third) = post(&alice, "w/order/submit", &RESTING.replace("\"cid\":7", "\"cid\":9")).await;
    let ids = |answer: &Value| -> Vec<Value> { answer[4].as_array().unwrap().iter().map(|order| order[0].clone()).collect() };
    let (_, by_id) = post(&alice, "w/order/cancel/multi", &json!({"id": [first[4][0][0], 1]}).to_string()).await;
    assert_eq!((&by_id[1], &by_id[6], ids(&by_id)), (&json!("oc_multi-req"), &json!("SUCCESS"), ids(&first)));
    let (_, by_cid) = post(&alice, "w/order/cancel/multi", r#"{"cid":[[8,"2026-11-28"]]}"#).await;
    assert_eq!(ids(&by_cid), ids(&second));
    let (_, all) = post(&alice, "w/order/cancel/multi", r#"{"all":1}"#).await;
    assert_eq!(ids(&all), ids(&third));
    assert_eq!(post(&alice, "w/order/cancel/multi", "{}").await.1[1], 10020);
    let (status, past) = post(&alice, "r/orders/hist", "{}").await;
    assert_eq!((status, past.as_array().unwrap().len()), (StatusCode::OK, 3));
    assert_eq!(post(&alice, "r/trades/hist", "{}").await, (StatusCode::OK, json!([])));
}

#[tokio::test]
async fn refusals_carry_the_code_of_the_venue() {
    let bench = Bench::start().await;
    let alice = bench.alice();
    for (body, code) in [
        ("{", 10020),
        ("{}", 10020),
        (r#"{"symbol":"tNOPE","type":"EXCHANGE LIMIT","amount":"1","price":"1"}"#, 10020),
        (r#"{"symbol":"tBTCUST","type":"LIMIT","amount":"1","price":"1"}"#, 10020),
        (r#"{"symbol":"tBTCUST","type":"EXCHANGE LIMIT","amount":"--1","price":"1"}"#, 10020),
        (r#"{"symbol":"tBTCUST","type":"EXCHANGE LIMIT","amount":"500","price":"90000"}"#, 10001),
        (r#"{"symbol":"tBTCUST","type":"EXCHANGE LIMIT","amount":"0.1","price":"200000","flags":4096}"#, 10001),
    ] {
        let (status, answer) = post(&alice, "w/order/submit", body).await;
        assert_eq!((status, &answer[1]), (StatusCode::INTERNAL_SERVER_ERROR, &json!(code)), "{body}: {answer}");
    }
    assert_eq!(post(&bench.stranger(), "w/order/submit", RESTING).await.1[1], 10100);
    let reader = bench.client(Some(bench.signer.token("alice", "order:read")));
    assert_eq!(post(&reader, "w/order/submit", RESTING).await.1, json!(["error", 10001, "api_key: permission invalid"]));
    assert_eq!(bench.venue.arrivals().orders_placed, 0);
}

#[tokio::test]
async fn channels_tell_the_market_to_anybody_and_orders_to_their_owner() {
    let bench = Bench::start().await;
    let alice = bench.alice();
    let mut stranger = bench.stranger().connect("/ws/2").await.unwrap();
    for channel in ["ticker", "book", "trades"] {
        stranger.send(json!({"event": "subscribe", "channel": channel, "symbol": "tBTCUST", "subId": channel})).await;
        let answer = stranger.until(|frame| frame["event"] == "subscribed").await;
        assert_eq!((&answer["channel"], &answer["pair"]), (&json!(channel), &json!("BTCUST")));
        assert_eq!(answer["subId"], channel, "the client knows its subscription by it");
        let number = answer["chanId"].clone();
        let first = stranger.until(|frame| frame[0] == number).await;
        match channel {
            "ticker" => assert_eq!(first[1].as_array().unwrap().len(), 10),
            "book" => {
                assert!(first[1].as_array().unwrap().iter().all(|level| level.as_array().unwrap().len() == 3));
                let change = stranger.until(|frame| frame[0] == number).await;
                assert_eq!(change[1].as_array().unwrap().len(), 3);
                assert!(change[1][0].is_number());
            }
            _ => {
                let trade = stranger.until(|frame| frame[0] == number && frame[1] == "te").await;
                assert_eq!(trade[2].as_array().unwrap().len(), 4);
            }
        }
        stranger.send(json!({"event": "unsubscribe", "chanId": number})).await;
        stranger.until(|frame| frame["event"] == "unsubscribed" && frame["chanId"] == number).await;
    }
    for (frame, code) in [
        (json!({"event": "subscribe", "channel": "ticker", "symbol": "tNO"}), 10_300),
        (json!({"event": "subscribe", "channel": "status", "symbol": "tBTCUST"}), 10_302),
        (json!({"event": "unsubscribe", "chanId": 7}), 10_400),
        (json!({"event": "auth"}), 10_100),
        (json!({"event": "dance"}), 10_000),
    ] {
        stranger.send(frame.clone()).await;
        let refused = stranger.until(|answer| answer["event"] == "error").await;
        assert_eq!(refused["code"], json!(code), "{frame}");
    }
    stranger.send(json!([0, "on", null, {"symbol": "tBTCUST"}])).await;
    let refused = stranger.until(|frame| frame[1] == "n").await;
    assert_eq!((&refused[2][1], &refused[2][6]), (&json!("on-req"), &json!("ERROR")));

    let mut own = alice.connect("/ws/2").await.unwrap();
    own.send(json!({"event": "auth"})).await;
    own.until(|frame| frame[0] == 0 && frame[1] == "ws").await;
    assert_eq!(own.until(|frame| frame[1] == "os").await, json!([0, "os", []]));
    own.send(json!([0, "on", null, {"symbol": "tBTCUST", "type": "EXCHANGE LIMIT", "amount": "0.01", "price": "50000", "cid": 7}])).await;
    let told = own.until(|frame| frame[1] == "on").await;
    let notice = own.until(|frame| frame[1] == "n").await;
    assert_eq!((&notice[2][6], &notice[2][4][0]), (&json!("SUCCESS"), &told[2][0]));
    own.send(json!([0, "oc", null, {"id": told[2][0]}])).await;
    let gone = own.until(|frame| frame[1] == "oc").await;
    assert_eq!((&gone[2][0], &gone[2][13]), (&told[2][0], &json!("CANCELED")));
    let operations = json!([["on", {"symbol": "tBTCUST", "type": "EXCHANGE LIMIT", "amount": "0.01", "price": "50000", "cid": 8}], ["oc_multi", {"all": 1}]]);
    own.send(json!([0, "ox_multi", null, operations])).await;
    let notice = own.until(|frame| frame[1] == "n" && frame[2][1] == "ox_multi-req").await;
    assert_eq!(notice[2][4].as_array().unwrap().len(), 2);
    post(&alice, "w/order/submit", r#"{"symbol":"tBTCUST","type":"EXCHANGE MARKET","amount":"0.01"}"#).await;
    for kind in ["te", "tu", "wu"] {
        own.until(|frame| frame[0] == 0 && frame[1] == kind).await;
    }
}

#[tokio::test]
async fn orders_end_with_the_connection_that_asked_for_it() {
    let bench = Bench::start().await;
    let alice = bench.alice();
    for (login, open) in [(json!({"event": "auth"}), 1), (json!({"event": "auth", "dms": 4}), 0)] {
        let mut own = alice.connect("/ws/2").await.unwrap();
        own.send(login.clone()).await;
        own.send(json!([0, "on", null, {"symbol": "tBTCUST", "type": "EXCHANGE LIMIT", "amount": "0.01", "price": "50000"}])).await;
        own.until(|frame| frame[1] == "n").await;
        drop(own);
        let mut other = alice.connect("/ws/2").await.unwrap();
        other.send(json!({"event": "auth"})).await;
        let told = other.until(|frame| frame[1] == "os").await;
        if told[2].as_array().unwrap().len() != open {
            other.until(|frame| frame[1] == "oc").await;
        }
    }
}

/// ccxt numbers its connections for Binance's streams, and where both venues have one address the third one opens this path.
#[tokio::test]
async fn a_client_of_binance_that_numbers_its_connections_gets_its_streams_here() {
    let bench = Bench::start().await;
    let mut socket = bench.stranger().connect("/ws/2").await.unwrap();
    socket.send(json!({"method": "SUBSCRIBE", "params": ["btcusdt@depth@100ms"], "id": 3})).await;
    assert_eq!(socket.until(|frame| frame["id"] == 3).await["result"], Value::Null);
    assert_eq!(socket.until(|frame| frame["e"] == "depthUpdate").await["s"], "BTCUSDT");
    socket.send(json!({"method": "UNSUBSCRIBE", "params": ["btcusdt@depth@100ms"], "id": 4})).await;
    assert_eq!(socket.until(|frame| frame["id"] == 4).await["result"], Value::Null);
    let mut own = bench.stranger().connect("/ws/2").await.unwrap();
    own.send(json!({"event": "subscribe", "channel": "ticker", "symbol": "tBTCUST"})).await;
    let number = own.until(|frame| frame["event"] == "subscribed").await["chanId"].clone();
    own.send(json!({"method": "SUBSCRIBE", "params": ["btcusdt@depth@100ms"], "id": 5})).await;
    assert_eq!(own.until(|frame| frame["event"] == "error").await["code"], 10_000, "who has subscribed here is a client of this venue");
    own.send(json!({"event": "unsubscribe", "chanId": number})).await;
    own.until(|frame| frame["event"] == "unsubscribed").await;
    let mut asks = bench.stranger().connect("/ws/2").await.unwrap();
    asks.send(json!({"method": "dance", "id": 6})).await;
    assert_eq!(asks.until(|frame| frame["event"] == "error").await["code"], 10_000, "no method of these streams");
    asks.send(json!({"method": "GET_PROPERTY", "params": ["combined"], "id": 7})).await;
    assert_eq!(asks.until(|frame| frame["id"] == 7).await["result"], false);
}
