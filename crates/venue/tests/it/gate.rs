//! The Gate façade: REST, subscriptions, orders over the WebSocket.

use http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::shape::shape;
use crate::support::{Bench, Client};

const RESTING: &str = r#"{"currency_pair":"BTC_USDT","type":"limit","account":"spot","side":"buy","amount":"0.01","price":"50000","time_in_force":"gtc","text":"t-a1"}"#;

async fn post(client: &Client, body: &str) -> (StatusCode, Value) {
    client.send(Method::POST, "/api/v4/spot/orders", body).await
}

#[tokio::test]
async fn answers_have_the_shape_of_the_venue() {
    let bench = Bench::start().await;
    let alice = bench.alice();
    let mut shapes = serde_json::Map::new();
    shapes.insert("POST orders".to_owned(), shape(&post(&alice, RESTING).await.1));
    let taking = r#"{"currency_pair":"BTC_USDT","type":"market","side":"buy","amount":"1000","time_in_force":"ioc"}"#;
    shapes.insert("POST orders market".to_owned(), shape(&post(&alice, taking).await.1));
    for path in [
        "account/detail",
        "futures/btc/accounts",
        "futures/usdt/contracts",
        "spot/account_book?currency=USDT",
        "spot/accounts",
        "spot/candlesticks?currency_pair=BTC_USDT&interval=1m&limit=2",
        "spot/currencies",
        "spot/currency_pairs",
        "spot/fee",
        "spot/my_trades?currency_pair=BTC_USDT",
        "spot/open_orders",
        "spot/order_book?currency_pair=BTC_USDT&with_id=true",
        "spot/orders?currency_pair=BTC_USDT&status=finished",
        "spot/tickers?currency_pair=BTC_USDT",
        "spot/time",
        "spot/trades?currency_pair=BTC_USDT",
        "wallet/deposits",
        "wallet/fee",
        "wallet/total_balance",
        "wallet/withdrawals",
    ] {
        let (status, body) = alice.get(&format!("/api/v4/{path}")).await;
        assert_eq!(status, StatusCode::OK, "{path}: {body}");
        shapes.insert(format!("GET {path}"), shape(&body));
    }
    insta::assert_json_snapshot!("gate_shapes", Value::from(shapes));
}

#[tokio::test]
async fn an_order_is_found_by_either_of_its_ids_and_cancelled_once() {
    let bench = Bench::start().await;
    let alice = bench.alice();
    let (_, placed) = post(&alice, RESTING).await;
    let (_, accounts) = alice.get("/api/v4/spot/accounts?currency=USDT").await;
    assert_eq!((&accounts[0]["available"], &accounts[0]["locked"]), (&json!("999500.00000000"), &json!("500.00000000")));
    let (_, others) = post(&alice, &RESTING.replace("t-a1", "t-a2")).await;
    let (_, all) = alice.send(Method::DELETE, "/api/v4/spot/orders", "").await;
    assert_eq!((&all[0]["id"], &all[1]["id"], &all[1]["succeeded"]), (&placed["id"], &others["id"], &json!(true)), "of every pair");
    let (_, placed) = post(&alice, &RESTING.replace("t-a1", "t-a3")).await;
    let (_, total) = alice.get("/api/v4/wallet/total_balance").await;
    let amount: f64 = total["total"]["amount"].as_str().unwrap().parse().unwrap();
    assert!(amount > 1_000_000.0 && total["details"]["spot"] == json!({"currency": "USDT", "amount": total["total"]["amount"]}), "{total}");
    for wrong in ["wallet/total_balance?currency=EUR", "futures/eth/accounts"] {
        assert_eq!(alice.get(&format!("/api/v4/{wrong}")).await.0, StatusCode::BAD_REQUEST, "{wrong}");
    }
    let (_, open) = alice.get("/api/v4/spot/open_orders").await;
    assert_eq!(open[0]["orders"][0]["id"], placed["id"]);
    let (_, found) = alice.get("/api/v4/spot/orders/t-a3?currency_pair=BTC_USDT").await;
    assert_eq!(found["id"], placed["id"]);
    let path = format!("/api/v4/spot/orders/{}?currency_pair=BTC_USDT", placed["id"].as_str().unwrap());
    let (status, canceled) = alice.send(Method::DELETE, &path, "").await;
    assert_eq!((status, &canceled["status"], &canceled["finish_as"]), (StatusCode::OK, &json!("cancelled"), &json!("cancelled")));
    let (status, again) = alice.send(Method::DELETE, &path, "").await;
    assert_eq!((status, &again["label"]), (StatusCode::NOT_FOUND, &json!("ORDER_NOT_FOUND")));
}

#[tokio::test]
async fn refusals_carry_the_label_of_the_venue() {
    let bench = Bench::start().await;
    let alice = bench.alice();
    for (body, label) in [
        ("{", "INVALID_REQUEST_BODY"),
        (r#"{"side":"buy"}"#, "MISSING_REQUIRED_PARAM"),
        (r#"{"currency_pair":"NO_PE","side":"buy","amount":"1","price":"1"}"#, "INVALID_CURRENCY_PAIR"),
        (r#"{"currency_pair":"BTC_USDT","side":"hold","amount":"1","price":"1"}"#, "INVALID_PARAM_VALUE"),
        (r#"{"currency_pair":"BTC_USDT","side":"buy","amount":"1","price":"1","text":"x"}"#, "INVALID_PARAM_VALUE"),
        (r#"{"currency_pair":"BTC_USDT","side":"buy","amount":"0.000000001","price":"1"}"#, "INVALID_PRECISION"),
        (r#"{"currency_pair":"BTC_USDT","side":"buy","amount":"0.01","price":"1"}"#, "AMOUNT_TOO_LITTLE"),
        (r#"{"currency_pair":"BTC_USDT","side":"buy","amount":"500","price":"90000"}"#, "BALANCE_NOT_ENOUGH"),
        (r#"{"currency_pair":"BTC_USDT","side":"buy","amount":"0.1","price":"200000","time_in_force":"poc"}"#, "POC_FILL_IMMEDIATELY"),
    ] {
        let (status, answer) = post(&alice, body).await;
        assert_eq!((status, &answer["label"]), (StatusCode::BAD_REQUEST, &json!(label)), "{body}: {answer}");
    }
    let (status, answer) = post(&bench.stranger(), RESTING).await;
    assert_eq!((status, &answer["label"]), (StatusCode::UNAUTHORIZED, &json!("INVALID_KEY")));
    let reader = bench.client(Some(bench.signer.token("alice", "order:read")));
    let (status, answer) = post(&reader, RESTING).await;
    assert_eq!((status, &answer["label"]), (StatusCode::FORBIDDEN, &json!("FORBIDDEN")));
    assert_eq!((bench.venue.arrivals().orders_placed, bench.venue.arrivals().refused), (0, 2));
}

#[tokio::test]
async fn the_websocket_trades_and_reports() {
    let bench = Bench::start().await;
    let mut socket = bench.alice().connect("/ws/v4").await.unwrap();
    for (id, channel, payload) in
        [(1, "spot.orders", json!(["!all"])), (2, "spot.balances", Value::Null), (3, "spot.usertrades", json!(["BTC_USDT"]))]
    {
        let answer = socket.ask("id", json!({"id": id, "time": 1, "channel": channel, "event": "subscribe", "payload": payload})).await;
        assert_eq!(answer["result"], json!({"status": "success"}), "{answer}");
    }
    let order: Value = serde_json::from_str(RESTING).unwrap();
    socket.send(json!({"id": "9", "channel": "spot.order_place", "event": "api", "payload": {"req_id": "r1", "req_param": order}})).await;
    let put = socket.until(|frame| frame["channel"] == "spot.orders" && frame["event"] == "update").await;
    assert_eq!((&put["result"][0]["event"], &put["result"][0]["text"]), (&json!("put"), &json!("t-a1")));
    let balances = socket.until(|frame| frame["channel"] == "spot.balances").await;
    assert_eq!(balances["result"][1]["freeze"], json!("500.00000000"));
    let placed = socket.until(|frame| frame["request_id"] == "r1").await;
    assert_eq!((&placed["header"]["status"], &placed["ack"]), (&json!("200"), &json!(false)));
    let cancel = json!({"order_id": placed["data"]["result"]["id"], "currency_pair": "BTC_USDT"});
    for (request, label) in [("r2", Value::Null), ("r3", json!("ORDER_NOT_FOUND"))] {
        socket.send(json!({"channel": "spot.order_cancel", "event": "api", "payload": {"req_id": request, "req_param": cancel}})).await;
        let answer = socket.until(|frame| frame["request_id"] == request).await;
        assert_eq!(answer["data"]["errs"]["label"], label);
    }
}

#[tokio::test]
async fn the_websocket_places_a_list_as_the_batch_endpoint_does() {
    let bench = Bench::start().await;
    let mut socket = bench.alice().connect("/ws/v4/").await.unwrap();
    let order: Value = serde_json::from_str(RESTING).unwrap();
    let (mut second, mut wrong) = (order.clone(), order.clone());
    second["text"] = json!("t-a2");
    (wrong["text"], wrong["amount"]) = (json!("t-a3"), json!("0.000000001"));
    let param = json!([order, second, wrong]);
    socket.send(json!({"channel": "spot.order_place", "event": "api", "payload": {"req_id": "r1", "req_param": param}})).await;
    let placed = socket.until(|frame| frame["request_id"] == "r1").await;
    let rows = placed["data"]["result"].as_array().unwrap();
    let told: Vec<(&Value, &Value)> = rows.iter().map(|row| (&row["text"], &row["succeeded"])).collect();
    let expected = [("t-a1", true), ("t-a2", true), ("t-a3", false)].map(|(text, done)| (json!(text), json!(done)));
    assert_eq!(told, expected.iter().map(|(text, done)| (text, done)).collect::<Vec<_>>());
    assert_eq!(bench.venue.arrivals().orders_placed, 2);
}

#[tokio::test]
async fn market_streams_need_no_identity_and_own_channels_do() {
    let bench = Bench::start().await;
    let mut socket = bench.stranger().connect("/ws/v4/").await.unwrap();
    for (id, channel, payload) in [
        (1, "spot.tickers", json!(["BTC_USDT"])),
        (2, "spot.obu", json!(["ob.BTC_USDT.50"])),
        (3, "spot.order_book", json!(["BTC_USDT", "5", "100ms"])),
        (4, "spot.order_book_update", json!(["BTC_USDT", "100ms"])),
        (5, "spot.book_ticker", json!(["BTC_USDT"])),
        (6, "spot.trades", json!(["BTC_USDT"])),
    ] {
        socket.send(json!({"id": id, "channel": channel, "event": "subscribe", "payload": payload})).await;
        let update = socket.until(|frame| frame["channel"] == channel && frame["event"] == "update").await;
        assert!(update["result"].is_object(), "{update}");
    }
    for (id, channel, payload) in
        [(7, "spot.orders", json!(["!all"])), (8, "spot.tickers", json!(["NO_PE"])), (9, "spot.nothing", json!([]))]
    {
        let answer = socket.ask("id", json!({"id": id, "channel": channel, "event": "subscribe", "payload": payload})).await;
        assert_eq!(answer["result"], json!({"status": "fail"}), "{answer}");
    }
    assert_eq!(bench.venue.arrivals().refused, 3);
}
