//! The Binance façade: REST, WebSocket API, market streams.

use http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::support::{ALL_SCOPES, Bench};

const RESTING: &str = "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.01&price=50000";

fn decimal(value: &Value) -> f64 {
    value.as_str().unwrap().parse().unwrap()
}

/// Replaces what changes from run to run by its kind, so that the shape can be compared.
fn shape(value: &Value) -> Value {
    match value {
        Value::Array(rows) => rows.first().map_or_else(|| json!([]), |row| json!([shape(row)])),
        Value::Bool(_) => json!("bool"),
        Value::Null => Value::Null,
        Value::Number(_) => json!("number"),
        Value::Object(fields) => fields.iter().map(|(name, value)| (name.clone(), shape(value))).collect(),
        Value::String(text) if text.split_once('.').is_some_and(|(_, places)| places.len() == 8) => json!("decimal"),
        Value::String(_) => json!("text"),
    }
}

#[tokio::test]
async fn answers_have_the_shape_of_the_venue() {
    let bench = Bench::start().await;
    let alice = bench.alice();
    let (_, resting) = alice.send(Method::POST, "/api/v3/order", RESTING).await;
    let (_, taken) = alice.send(Method::POST, "/api/v3/order?symbol=BTCUSDT&side=BUY&type=MARKET&quantity=0.01", "").await;
    let order = format!("symbol=BTCUSDT&orderId={}", resting["orderId"]);
    let mut shapes = serde_json::Map::new();
    shapes.insert("POST order resting".to_owned(), shape(&resting));
    shapes.insert("POST order filled".to_owned(), shape(&taken));
    for path in [
        "account",
        "aggTrades?symbol=BTCUSDT",
        "allOrders?symbol=BTCUSDT",
        "avgPrice?symbol=BTCUSDT",
        "depth?symbol=BTCUSDT&limit=5",
        "exchangeInfo",
        "klines?symbol=BTCUSDT&interval=1m&limit=2",
        "myTrades?symbol=BTCUSDT",
        "openOrders",
        "ping",
        "ticker/24hr?symbol=BTCUSDT",
        "ticker/bookTicker",
        "ticker/price?symbol=BTCUSDT",
        "time",
        "trades?symbol=BTCUSDT",
    ] {
        let (status, body) = alice.get(&format!("/api/v3/{path}")).await;
        assert_eq!(status, StatusCode::OK, "{path}: {body}");
        shapes.insert(format!("GET {path}"), shape(&body));
    }
    shapes.insert("GET order".to_owned(), shape(&alice.get(&format!("/api/v3/order?{order}")).await.1));
    shapes.insert("DELETE order".to_owned(), shape(&alice.send(Method::DELETE, "/api/v3/order", &order).await.1));
    shapes.insert("GET capital".to_owned(), shape(&alice.get("/sapi/v1/capital/config/getall").await.1));
    insta::assert_json_snapshot!("binance_shapes", Value::from(shapes));
}

#[tokio::test]
async fn an_order_is_placed_listed_and_cancelled_wherever_its_parameters_are() {
    let bench = Bench::start().await;
    let alice = bench.alice();
    let (status, placed) = alice.send(Method::POST, &format!("/api/v3/order?{RESTING}&newClientOrderId=a1"), "").await;
    assert_eq!((status, &placed["status"]), (StatusCode::OK, &json!("NEW")));
    let (_, account) = alice.get("/api/v3/account").await;
    assert_eq!(account["balances"][1], json!({"asset": "USDT", "free": "999500.00000000", "locked": "500.00000000"}));
    let (_, open) = alice.get("/api/v3/openOrders?symbol=BTCUSDT").await;
    assert_eq!(open[0]["orderId"], placed["orderId"]);
    let (status, canceled) = alice.send(Method::DELETE, "/api/v3/order?symbol=BTCUSDT", "origClientOrderId=a1").await;
    assert_eq!((status, &canceled["status"]), (StatusCode::OK, &json!("CANCELED")));
    let (_, again) = alice.send(Method::DELETE, "/api/v3/order", "symbol=BTCUSDT&origClientOrderId=a1").await;
    assert_eq!(again, json!({"code": -2011, "msg": "Unknown order sent."}));
    assert_eq!(bench.venue.arrivals().orders_placed, 1);
}

#[tokio::test]
async fn refusals_carry_the_code_of_the_venue() {
    let bench = Bench::start().await;
    let alice = bench.alice();
    for (query, code) in [
        ("symbol=NOPE&side=BUY&type=MARKET&quantity=1", -1121),
        ("symbol=BTCUSDT_261225&side=BUY&type=MARKET&quantity=1", -1121),
        ("symbol=BTCUSDT&side=HOLD&type=MARKET&quantity=1", -1117),
        ("symbol=BTCUSDT&side=BUY&type=STOP&quantity=1", -1116),
        ("symbol=BTCUSDT&side=BUY&type=LIMIT&quantity=1&price=1&timeInForce=DAY", -1115),
        ("symbol=BTCUSDT&side=BUY&type=LIMIT&quantity=1&timeInForce=GTC", -1102),
        ("symbol=BTCUSDT&side=BUY&type=MARKET", -1102),
        ("symbol=BTCUSDT&side=BUY&type=MARKET&quantity=1&price=5", -1106),
        ("symbol=BTCUSDT&side=BUY&type=MARKET&quantity=x", -1100),
        ("symbol=BTCUSDT&side=BUY&type=MARKET&quantity=0.000000001", -1111),
        ("symbol=BTCUSDT&side=BUY&type=MARKET&quantity=0.000001", -1013),
        ("symbol=BTCUSDT&side=BUY&type=LIMIT&quantity=1&price=1.001&timeInForce=GTC", -1013),
        ("symbol=BTCUSDT&side=BUY&type=LIMIT&quantity=100&price=90000&timeInForce=GTC", -2010),
        ("symbol=BTCUSDT&side=BUY&type=LIMIT_MAKER&quantity=0.1&price=200000", -2010),
        ("symbol=BTCUSDT&symbol=BTCUSDT&side=BUY&type=MARKET&quantity=1", -1101),
    ] {
        let (status, body) = alice.send(Method::POST, "/api/v3/order", query).await;
        assert_eq!((status, &body["code"]), (StatusCode::BAD_REQUEST, &json!(code)), "{query}: {body}");
    }
    let (_, body) = alice.get("/api/v3/order?symbol=BTCUSDT&orderId=1").await;
    assert_eq!(body["code"], json!(-2013));
    assert_eq!(alice.get("/api/v3/nothing").await.0, StatusCode::NOT_FOUND);
    assert_eq!(bench.venue.arrivals().orders_placed, 0);
}

#[tokio::test]
async fn cancel_replace_says_which_half_failed() {
    let bench = Bench::start().await;
    let alice = bench.alice();
    let (_, placed) = alice.send(Method::POST, "/api/v3/order", RESTING).await;
    let replace = format!("/api/v3/order/cancelReplace?cancelReplaceMode=STOP_ON_FAILURE&cancelOrderId={}", placed["orderId"]);
    let (status, body) = alice.send(Method::POST, &replace, RESTING).await;
    assert_eq!((status, &body["cancelResult"], &body["newOrderResult"]), (StatusCode::OK, &json!("SUCCESS"), &json!("SUCCESS")));
    let (status, body) = alice.send(Method::POST, &replace, RESTING).await;
    assert_eq!((status, &body["code"], &body["data"]["newOrderResult"]), (StatusCode::BAD_REQUEST, &json!(-2022), &json!("NOT_ATTEMPTED")));
}

#[tokio::test]
async fn nobody_sees_or_cancels_anothers_orders() {
    let bench = Bench::start().await;
    let (_, placed) = bench.alice().send(Method::POST, "/api/v3/order", RESTING).await;
    let bob = bench.client(Some(bench.signer.token("bob", ALL_SCOPES)));
    let query = format!("/api/v3/order?symbol=BTCUSDT&orderId={}", placed["orderId"]);
    assert_eq!(bob.get(&query).await.1["code"], json!(-2013));
    assert_eq!(bob.send(Method::DELETE, &query, "").await.1["code"], json!(-2011));
    assert_eq!(bob.get("/api/v3/openOrders").await.1, json!([]));
}

#[tokio::test]
async fn the_websocket_api_trades_and_reports() {
    let bench = Bench::start().await;
    let mut socket = bench.alice().connect("/ws-api/v3").await.unwrap();
    let subscribed = socket.ask("id", json!({"id": "s", "method": "userDataStream.subscribe.signature", "params": {"apiKey": "x"}})).await;
    assert_eq!((&subscribed["status"], &subscribed["result"]), (&json!(200), &json!({"subscriptionId": 0})));
    let order = json!({"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.01", "price": "50000", "newClientOrderId": "w1"});
    socket.send(json!({"id": 2, "method": "order.place", "params": order})).await;
    let report = socket.until(|frame| frame["event"]["e"] == "executionReport").await;
    assert_eq!(report["subscriptionId"], json!(0));
    assert_eq!((&report["event"]["x"], &report["event"]["c"]), (&json!("NEW"), &json!("w1")));
    let position = socket.until(|frame| frame["event"]["e"] == "outboundAccountPosition").await;
    assert_eq!(position["event"]["B"][1], json!({"a": "USDT", "f": "999500.00000000", "l": "500.00000000"}));
    let placed = socket.until(|frame| frame["id"] == json!(2)).await;
    assert_eq!(placed["result"]["status"], json!("NEW"));
    assert!(placed["rateLimits"].is_array());
    let open = socket.ask("id", json!({"id": 3, "method": "openOrders.status"})).await;
    assert_eq!(open["result"][0]["clientOrderId"], json!("w1"));
    let canceled =
        socket.ask("id", json!({"id": 4, "method": "order.cancel", "params": {"symbol": "BTCUSDT", "origClientOrderId": "w1"}})).await;
    assert_eq!(canceled["result"]["status"], json!("CANCELED"));
    let ended = socket.ask("id", json!({"id": 5, "method": "userDataStream.unsubscribe"})).await;
    assert_eq!(ended["result"], json!({}));
}

#[tokio::test]
async fn every_websocket_reply_has_rate_limits() {
    let bench = Bench::start().await;
    let mut socket = bench.stranger().connect("/ws-api/v3").await.unwrap();
    for (method, status) in [
        ("ping", 200),
        ("time", 200),
        ("v3/time", 200),
        ("session.logon", 400),
        ("nothing", 400),
        ("v3/v3/time", 400),
        ("account.status", 401),
        ("v3/account.status", 401),
        ("userDataStream.subscribe", 401),
    ] {
        let reply = socket.ask("id", json!({"id": method, "method": method})).await;
        assert_eq!(reply["status"], json!(status), "{method}");
        assert!(reply["rateLimits"][0]["count"].is_number(), "{method}");
    }
    socket.send_text("rubbish").await;
    let reply = socket.next().await.unwrap();
    assert_eq!((&reply["id"], &reply["error"]["code"]), (&Value::Null, &json!(-1135)));
    assert_eq!(bench.venue.arrivals().private, 0);
}

#[tokio::test]
async fn streams_are_live_and_wrapped_as_asked() {
    let bench = Bench::start().await;
    let stranger = bench.stranger();
    let mut plain = stranger.connect("/ws/btcusdt@ticker").await.unwrap();
    assert_eq!(plain.next().await.unwrap()["e"], json!("24hrTicker"));
    let mut combined = stranger.connect("/stream?streams=btcusdt@bookTicker/btcusdt@depth5").await.unwrap();
    for stream in ["btcusdt@bookTicker", "btcusdt@depth5"] {
        let frame = combined.until(|frame| frame["stream"] == stream).await;
        assert!(frame["data"].is_object());
    }
    let mut socket = stranger.connect("/ws/0").await.unwrap();
    let ack = socket.ask("id", json!({"id": 1, "method": "SUBSCRIBE", "params": ["btcusdt@trade", "btcusdt@kline_1m"]})).await;
    assert_eq!(ack, json!({"result": null, "id": 1}));
    socket.until(|frame| frame["e"] == "kline").await;
    socket.until(|frame| frame["e"] == "trade").await;
    let list = socket.ask("id", json!({"id": 2, "method": "LIST_SUBSCRIPTIONS"})).await;
    assert_eq!(list["result"], json!(["btcusdt@kline_1m", "btcusdt@trade"]));
    let wrong = socket.ask("id", json!({"id": 3, "method": "SUBSCRIBE", "params": ["nope@ticker"]})).await;
    assert_eq!(wrong["error"]["code"], json!(2));
}

#[tokio::test]
async fn a_book_kept_from_snapshot_and_differences_is_the_venues_book() {
    let bench = Bench::start().await;
    let stranger = bench.stranger();
    let mut socket = stranger.connect("/ws/btcusdt@depth").await.unwrap();
    let first = socket.next().await.unwrap();
    let (_, snapshot) = stranger.get("/api/v3/depth?symbol=BTCUSDT&limit=5000").await;
    let taken = snapshot["lastUpdateId"].as_u64().unwrap();
    let mut bids: std::collections::BTreeMap<String, String> = std::collections::BTreeMap::new();
    let apply = |bids: &mut std::collections::BTreeMap<String, String>, rows: &Value| {
        for row in rows.as_array().unwrap() {
            let (price, quantity) = (row[0].as_str().unwrap().to_owned(), row[1].as_str().unwrap().to_owned());
            if quantity == "0.00000000" {
                bids.remove(&price)
            } else {
                bids.insert(price, quantity)
            };
        }
    };
    apply(&mut bids, &snapshot["bids"]);
    let mut last = first["u"].as_u64().unwrap();
    for _ in 0..20 {
        let update = socket.next().await.unwrap();
        assert_eq!(update["U"].as_u64().unwrap(), last + 1);
        last = update["u"].as_u64().unwrap();
        if last > taken {
            apply(&mut bids, &update["b"]);
            assert_eq!(bids.len(), 20);
        }
    }
    assert!(bids.values().all(|quantity| decimal(&json!(quantity)) > 0.0));
}
