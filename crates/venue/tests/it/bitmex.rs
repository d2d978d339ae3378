//! The BitMEX façade: REST and realtime.

use http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::shape::shape;
use crate::support::{Bench, Client};

const RESTING: &str = r#"{"symbol":"XBT_USDT","side":"Buy","orderQty":1000000,"ordType":"Limit","price":50000,"clOrdID":"m-1"}"#;

async fn send(client: &Client, method: Method, path: &str, body: &str) -> (StatusCode, Value) {
    client.send(method, &format!("/api/v1/{path}"), body).await
}

#[tokio::test]
async fn answers_have_the_shape_of_the_venue() {
    let bench = Bench::start().await;
    let alice = bench.alice();
    let mut shapes = serde_json::Map::new();
    shapes.insert("POST order".to_owned(), shape(&send(&alice, Method::POST, "order", RESTING).await.1));
    let taking = r#"{"symbol":"XBT_USDT","side":"Sell","orderQty":1000000,"ordType":"Market"}"#;
    let (_, sold) = send(&alice, Method::POST, "order", taking).await;
    assert_eq!((&sold["ordStatus"], &sold["cumQty"], &sold["leavesQty"]), (&json!("Filled"), &json!(1_000_000), &json!(0)));
    for path in [
        "execution/tradeHistory?symbol=XBT_USDT",
        "instrument?symbol=XBT_USDT",
        "instrument/active",
        "instrument/indices",
        "schema/websocketHelp",
        "order",
        "orderBook/L2?symbol=XBT_USDT&depth=2",
        "position",
        "quote?symbol=XBT_USDT",
        "trade?symbol=XBT_USDT&count=2&reverse=true",
        "trade/bucketed?symbol=XBT_USDT&binSize=1m&count=2",
        "user",
        "user/margin?currency=all",
        "user/wallet",
        "wallet/assets",
    ] {
        let (status, answer) = alice.get(&format!("/api/v1/{path}")).await;
        assert_eq!(status, StatusCode::OK, "{path}: {answer}");
        shapes.insert(format!("GET {path}"), shape(&answer));
    }
    insta::assert_json_snapshot!("bitmex_shapes", Value::from(shapes));
}

#[tokio::test]
async fn an_order_is_found_by_either_of_its_ids_and_cancelled_once() {
    let bench = Bench::start().await;
    let alice = bench.alice();
    let (_, placed) = send(&alice, Method::POST, "order", RESTING).await;
    let (_, open) = alice.get("/api/v1/order?symbol=XBT_USDT&filter=%7B%22open%22%3A%20true%7D").await;
    assert_eq!((&open[0]["orderID"], &open[0]["clOrdID"], &open[0]["orderQty"]), (&placed["orderID"], &json!("m-1"), &json!(1_000_000)));
    let (_, canceled) = send(&alice, Method::DELETE, "order", r#"{"clOrdID":"m-1"}"#).await;
    assert_eq!((&canceled[0]["orderID"], &canceled[0]["ordStatus"]), (&placed["orderID"], &json!("Canceled")));
    let (_, none) = alice.get("/api/v1/order?filter=%7B%22open%22%3A%20true%7D").await;
    assert_eq!(none, json!([]));
    let by_id = json!({"orderID": placed["orderID"]}).to_string();
    let (status, again) = send(&alice, Method::DELETE, "order", &by_id).await;
    assert_eq!(status, StatusCode::OK);
    assert!(again[0]["error"].as_str().unwrap().starts_with("Unable to cancel order due to existing state"), "{again}");
    let (status, unknown) = send(&alice, Method::DELETE, "order", r#"{"orderID":"nothing"}"#).await;
    assert_eq!((status, &unknown["error"]["message"]), (StatusCode::NOT_FOUND, &json!("Not Found")));
    send(&alice, Method::POST, "order", RESTING).await;
    let (_, all) = send(&alice, Method::DELETE, "order/all", "{}").await;
    assert_eq!((all.as_array().unwrap().len(), &all[0]["ordStatus"]), (1, &json!("Canceled")));
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
    for (body, message) in [
        (order(json!({"side": "Hold"})), "side is invalid"),
        (order(json!({"ordType": "Stop"})), "ordType is invalid"),
        (order(json!({"orderQty": 0})), "orderQty is invalid"),
        (order(json!({"price": 0.001})), "Invalid price"),
        (order(json!({"symbol": "XBTUSD"})), "symbol is invalid"),
        (order(json!({"orderQty": 90_000_000_000_u64, "price": 90_000})), "Account has insufficient Available Balance"),
        (order(json!({"price": 200_000, "execInst": "ParticipateDoNotInitiate"})), "Order had execInst of ParticipateDoNotInitiate"),
    ] {
        let (status, answer) = send(&alice, Method::POST, "order", &body).await;
        assert_eq!((status, &answer["error"]["message"]), (StatusCode::BAD_REQUEST, &json!(message)), "{body}: {answer}");
    }
    let (status, answer) = send(&bench.stranger(), Method::POST, "order", RESTING).await;
    assert_eq!((status, &answer["error"]["message"]), (StatusCode::UNAUTHORIZED, &json!("Invalid API Key.")));
    let reader = bench.client(Some(bench.signer.token("alice", "order:read")));
    let (status, answer) = send(&reader, Method::POST, "order", RESTING).await;
    assert_eq!((status, &answer["error"]["message"]), (StatusCode::FORBIDDEN, &json!("Access Denied")));
    assert_eq!(bench.venue.arrivals().orders_placed, 0);
}

#[tokio::test]
async fn tables_tell_the_market_to_anybody_and_orders_to_their_owner() {
    let bench = Bench::start().await;
    let alice = bench.alice();
    let mut stranger = bench.stranger().connect("/realtime").await.unwrap();
    for table in ["instrument", "orderBook10", "orderBookL2", "orderBookL2_25", "trade"] {
        let topic = format!("{table}:XBT_USDT");
        stranger.send(json!({"op": "subscribe", "args": [topic]})).await;
        stranger.until(|frame| frame["subscribe"] == topic.as_str()).await;
        let first = stranger.until(|frame| frame["table"] == table).await;
        assert_eq!((&first["action"], &first["filter"]["symbol"]), (&json!("partial"), &json!("XBT_USDT")));
        let action = if table == "orderBookL2_25" { "partial" } else { "insert" };
        stranger.until(|frame| frame["table"] == table && (frame["action"] == "update" || frame["action"] == action)).await;
    }
    for topic in ["order", "nothing", "trade:NO"] {
        stranger.send(json!({"op": "subscribe", "args": topic})).await;
        let refused = stranger.until(|frame| !frame["error"].is_null()).await;
        assert_eq!(refused["request"]["args"], json!([topic]));
    }
    let mut own = alice.connect("/realtime").await.unwrap();
    own.send(json!({"op": "subscribe", "args": ["order", "execution", "margin", "position"]})).await;
    for table in ["order", "execution", "margin", "position"] {
        own.until(|frame| frame["table"] == table && frame["action"] == "partial").await;
    }
    let (_, placed) = send(&alice, Method::POST, "order", RESTING).await;
    let told = own.until(|frame| frame["table"] == "order" && frame["action"] == "insert").await;
    assert_eq!((&told["data"][0]["orderID"], &told["data"][0]["ordStatus"]), (&placed["orderID"], &json!("New")));
    send(&alice, Method::DELETE, "order", r#"{"clOrdID":"m-1"}"#).await;
    own.until(|frame| frame["table"] == "order" && frame["data"][0]["ordStatus"] == "Canceled").await;
    send(&alice, Method::POST, "order", r#"{"symbol":"XBT_USDT","orderQty":1000000,"ordType":"Market"}"#).await;
    own.until(|frame| frame["table"] == "execution" && frame["data"][0]["lastQty"] == 1_000_000).await;
    own.send(json!({"op": "unsubscribe", "args": ["order"]})).await;
    own.until(|frame| frame["unsubscribe"] == "order").await;
}

#[tokio::test]
async fn a_list_is_placed_and_amended_row_by_row() {
    let bench = Bench::start().await;
    let alice = bench.alice();
    let order = |name: &str, price: u32| json!({"symbol": "XBT_USDT", "orderQty": 1_000_000, "price": price, "clOrdID": name});
    let list = json!({"orders": [order("b-1", 50_000), order("b-2", 49_000), {"symbol": "NOPE", "orderQty": 1, "clOrdID": "b-3"}]});
    let (_, placed) = alice.send(Method::POST, "/api/v1/order/bulk", &list.to_string()).await;
    let told: Vec<(&Value, &Value)> = placed.as_array().unwrap().iter().map(|row| (&row["clOrdID"], &row["ordStatus"])).collect();
    let expected = [("b-1", "New"), ("b-2", "New"), ("b-3", "Rejected")].map(|(name, status)| (json!(name), json!(status)));
    assert_eq!(told, expected.iter().map(|(name, status)| (name, status)).collect::<Vec<_>>());
    let change = json!({"orders": [{"origClOrdID": "b-1", "price": 48_000}, {"origClOrdID": "nothing", "price": 1}]});
    let (_, changed) = alice.send(Method::PUT, "/api/v1/order/bulk", &change.to_string()).await;
    assert_eq!((&changed[0]["price"], &changed[1]["ordStatus"]), (&json!(48_000), &json!("Rejected")));
    let (_, canceled) = alice.send(Method::DELETE, "/api/v1/order", r#"{"clOrdID":["b-1","b-2"]}"#).await;
    assert_eq!(canceled.as_array().unwrap().iter().filter(|row| row["ordStatus"] == "Canceled").count(), 2);
    let (_, none) = alice.send(Method::POST, "/api/v1/order/bulk", r#"{"orders":[]}"#).await;
    assert_eq!(none["error"]["message"], "orders is invalid");
}
