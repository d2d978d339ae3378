//! The Kraken façade: REST and WebSocket v2.

use http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::kinds::shape;
use crate::support::{ALL_SCOPES, Bench, Client, Socket};

const RESTING: &str = "pair=XBTUSDT&type=buy&ordertype=limit&volume=0.01&price=50000";

/// Calls a private method; the `result`, or the first error.
async fn call(client: &Client, name: &str, form: &str) -> Result<Value, String> {
    let (status, body) = client.send(Method::POST, &format!("/0/private/{name}"), form).await;
    assert_eq!(status, StatusCode::OK, "{body}");
    match body["error"][0].as_str() {
        Some(error) => Err(error.to_owned()),
        None => Ok(body["result"].clone()),
    }
}

/// Sends a frame and waits for its reply, passing over everything else.
async fn ask(socket: &mut Socket, frame: Value) -> Value {
    let id = frame["req_id"].clone();
    socket.send(frame).await;
    socket.until(|reply| reply["req_id"] == id).await
}

#[tokio::test]
async fn answers_have_the_shape_of_the_venue() {
    let bench = Bench::start().await;
    let alice = bench.alice();
    let mut shapes = serde_json::Map::new();
    let resting = call(&alice, "AddOrder", &format!("{RESTING}&cl_ord_id=k1")).await.unwrap();
    call(&alice, "AddOrder", "pair=XBTUSDT&type=buy&ordertype=market&volume=0.01").await.unwrap();
    for path in
        ["AssetPairs", "Assets", "Depth?pair=XBTUSDT&count=2", "OHLC?pair=XBTUSDT", "SystemStatus", "Ticker", "Time", "Trades?pair=XBTUSDT"]
    {
        let (_, body) = bench.stranger().get(&format!("/0/public/{path}")).await;
        assert_eq!(body["error"], json!([]), "{path}");
        shapes.insert(format!("GET {path}"), shape(&body["result"]));
    }
    let txid = resting["txid"][0].as_str().unwrap().to_owned();
    shapes.insert("AddOrder".to_owned(), shape(&resting));
    for (name, form) in [
        ("Balance", String::new()),
        ("BalanceEx", String::new()),
        ("ClosedOrders", "trades=true".to_owned()),
        ("OpenOrders", String::new()),
        ("QueryOrders", format!("txid={txid}")),
        ("TradeBalance", String::new()),
        ("TradeVolume", String::new()),
        ("TradesHistory", String::new()),
        ("CancelOrder", format!("txid={txid}")),
        ("CancelAll", String::new()),
    ] {
        shapes.insert(name.to_owned(), shape(&call(&alice, name, &form).await.unwrap()));
    }
    insta::assert_json_snapshot!("kraken_shapes", Value::from(shapes));
}

#[tokio::test]
async fn an_order_is_placed_listed_and_cancelled_by_either_name() {
    let bench = Bench::start().await;
    let alice = bench.alice();
    for name in ["txid", "cl_ord_id"] {
        let placed = call(&alice, "AddOrder", &format!("{RESTING}&cl_ord_id=k1&nonce=1")).await.unwrap();
        let txid = placed["txid"][0].as_str().unwrap().to_owned();
        assert_eq!(placed["descr"]["order"], json!("buy 0.01000000 XBTUSDT @ limit 50000.00"));
        let open = call(&alice, "OpenOrders", "").await.unwrap();
        assert_eq!(open["open"][&txid]["status"], json!("open"));
        assert_eq!(call(&alice, "BalanceEx", "").await.unwrap()["USDT"]["hold_trade"], json!("500.00000000"));
        let value = if name == "txid" { &txid } else { "k1" };
        assert_eq!(call(&alice, "CancelOrder", &format!("{name}={value}")).await.unwrap(), json!({"count": 1}));
        assert_eq!(call(&alice, "QueryOrders", &format!("txid={txid}")).await.unwrap()[&txid]["status"], json!("canceled"));
    }
    assert_eq!(bench.venue.arrivals().orders_placed, 2);
}

#[tokio::test]
async fn refusals_carry_the_words_of_the_venue() {
    let bench = Bench::start().await;
    let alice = bench.alice();
    for (form, error) in [
        ("pair=NOPE&type=buy&ordertype=market&volume=1", "EQuery:Invalid asset pair"),
        ("pair=BTCUSDT_261225&type=buy&ordertype=market&volume=1", "EQuery:Invalid asset pair"),
        ("pair=XBTUSDT&type=hold&ordertype=market&volume=1", "EGeneral:Invalid arguments:type"),
        ("pair=XBTUSDT&type=buy&ordertype=stop-loss&volume=1", "EGeneral:Invalid arguments:ordertype"),
        ("pair=XBTUSDT&type=buy&ordertype=limit&volume=1", "EGeneral:Invalid arguments:price"),
        ("pair=XBTUSDT&type=buy&ordertype=limit&volume=1&price=1.001", "EGeneral:Invalid arguments:price"),
        ("pair=XBTUSDT&type=buy&ordertype=market&volume=0.000001", "EGeneral:Invalid arguments:volume"),
        ("pair=XBTUSDT&type=buy&ordertype=limit&volume=0.00001&price=1", "EOrder:Order minimum not met"),
        ("pair=XBTUSDT&type=buy&ordertype=limit&volume=100&price=90000", "EOrder:Insufficient funds"),
        ("pair=XBTUSDT&type=buy&ordertype=limit&volume=0.1&price=200000&oflags=post", "EOrder:Post only order"),
        ("pair=XBTUSDT&pair=XBTUSDT", "EGeneral:Invalid arguments:pair"),
    ] {
        assert_eq!(call(&alice, "AddOrder", form).await.unwrap_err(), error, "{form}");
    }
    assert_eq!(call(&alice, "CancelOrder", "txid=O00000-00000-000001").await.unwrap_err(), "EOrder:Unknown order");
    assert_eq!(call(&bench.stranger(), "Balance", "").await.unwrap_err(), "EAPI:Invalid key");
    let reader = bench.client(Some(bench.signer.token("alice", "account:read")));
    assert_eq!(call(&reader, "AddOrder", RESTING).await.unwrap_err(), "EGeneral:Permission denied");
    assert_eq!(bench.venue.arrivals().orders_placed, 0);
}

#[tokio::test]
async fn a_pair_is_answered_under_the_name_it_was_asked_for() {
    let bench = Bench::start().await;
    for (asked, answered) in [("XBTUSDT", "XBTUSDT"), ("BTC/USDT", "BTC/USDT"), ("XBT/USDT", "XBT/USDT")] {
        let (_, body) = bench.stranger().get(&format!("/0/public/AssetPairs?pair={asked}")).await;
        assert_eq!(body["result"][answered]["pair_decimals"], json!(2), "{asked}");
    }
}

#[tokio::test]
async fn nobody_sees_or_cancels_anothers_orders() {
    let bench = Bench::start().await;
    let placed = call(&bench.alice(), "AddOrder", RESTING).await.unwrap();
    let txid = placed["txid"][0].as_str().unwrap();
    let bob = bench.client(Some(bench.signer.token("bob", ALL_SCOPES)));
    assert_eq!(call(&bob, "QueryOrders", &format!("txid={txid}")).await.unwrap(), json!({}));
    assert_eq!(call(&bob, "OpenOrders", "").await.unwrap(), json!({"open": {}}));
    assert_eq!(call(&bob, "CancelOrder", &format!("txid={txid}")).await.unwrap_err(), "EOrder:Unknown order");
}

#[tokio::test]
async fn the_websocket_trades_and_reports() {
    let bench = Bench::start().await;
    let mut socket = bench.alice().connect("/v2").await.unwrap();
    let subscribe = json!({"method": "subscribe", "params": {"channel": "executions", "token": "x"}, "req_id": 1});
    assert_eq!(ask(&mut socket, subscribe).await["success"], json!(true));
    let snapshot = socket.until(|frame| frame["channel"] == "executions").await;
    assert_eq!((&snapshot["type"], &snapshot["data"], &snapshot["sequence"]), (&json!("snapshot"), &json!([]), &json!(1)));
    // A number as small as Python writes with an exponent.
    socket
        .send_text(r#"{"method":"add_order","params":{"order_type":"limit","side":"buy","order_qty":2e-04,"limit_price":50000,"symbol":"BTC/USDT","cl_ord_id":"w1"},"req_id":2}"#)
        .await;
    let mut kinds = Vec::new();
    let placed = socket
        .until(|frame| {
            kinds.extend(frame["data"][0]["exec_type"].as_str().map(str::to_owned));
            frame["req_id"] == 2
        })
        .await;
    assert_eq!(kinds, ["pending_new", "new"]);
    assert_eq!(placed["result"]["cl_ord_id"], json!("w1"));
    let id = placed["result"]["order_id"].clone();
    let cancel = json!({"method": "cancel_order", "params": {"order_id": [id]}, "req_id": 3});
    assert_eq!(ask(&mut socket, cancel.clone()).await["result"]["order_id"], id);
    let again = ask(&mut socket, cancel).await;
    assert_eq!((&again["success"], &again["error"]), (&json!(false), &json!("EOrder:Unknown order")));
    let order = json!({"order_type": "market", "side": "sell", "order_qty": 0.01, "symbol": "BTC/USDT"});
    socket.send(json!({"method": "add_order", "params": order, "req_id": 4})).await;
    let trade = socket.until(|frame| frame["data"][0]["exec_type"] == "trade").await;
    assert_eq!(trade["data"][0]["liquidity_ind"], json!("t"));
    let filled = socket.until(|frame| frame["data"][0]["exec_type"] == "filled").await;
    assert_eq!(filled["data"][0]["order_status"], json!("filled"));
}

#[tokio::test]
async fn a_stranger_hears_the_market_and_nothing_else() {
    let bench = Bench::start().await;
    let mut socket = bench.stranger().connect("/v2").await.unwrap();
    let mut shapes = serde_json::Map::new();
    for channel in ["book", "instrument", "ohlc", "ticker", "trade"] {
        let params = json!({"channel": channel, "symbol": ["BTC/USDT"], "snapshot": true});
        socket.send(json!({"method": "subscribe", "params": params, "req_id": 1})).await;
        let frame = socket.until(|frame| frame["channel"] == channel && frame["data"] != json!([])).await;
        shapes.insert(channel.to_owned(), shape(&frame));
    }
    insta::assert_json_snapshot!("kraken_channels", Value::from(shapes));
    for (id, params) in [(2, json!({"channel": "executions"})), (3, json!({"channel": "nothing"}))] {
        let reply = ask(&mut socket, json!({"method": "subscribe", "params": params, "req_id": id})).await;
        assert_eq!(reply["success"], json!(false));
    }
    let order = json!({"order_type": "market", "side": "sell", "order_qty": 0.01, "symbol": "BTC/USDT"});
    let refused = ask(&mut socket, json!({"method": "add_order", "params": order, "req_id": 4})).await;
    assert_eq!(refused["error"], json!("EAPI:Invalid key"));
    let pong = ask(&mut socket, json!({"method": "ping", "req_id": 5})).await;
    assert_eq!(pong["method"], json!("pong"));
}

/// Applies the differences of a `book` channel and compares with what REST says of itself:
/// bids below asks, and as many levels as asked for.
#[tokio::test]
async fn differences_keep_a_book_of_the_depth_asked_for() {
    let bench = Bench::start().await;
    let mut socket = bench.stranger().connect("/v2").await.unwrap();
    socket.send(json!({"method": "subscribe", "params": {"channel": "book", "symbol": ["BTC/USDT"]}})).await;
    let mut sides = [std::collections::BTreeMap::new(), std::collections::BTreeMap::new()];
    for _ in 0..20 {
        let frame = socket.until(|frame| frame["channel"] == "book").await;
        for (side, name) in ["bids", "asks"].into_iter().enumerate() {
            for level in frame["data"][0][name].as_array().unwrap() {
                let price = level["price"].to_string();
                match level["qty"].as_f64().unwrap() {
                    0.0 => sides[side].remove(&price),
                    quantity => sides[side].insert(price, quantity),
                };
            }
        }
        assert_eq!((sides[0].len(), sides[1].len()), (10, 10));
        let price = |text: &String| text.parse::<f64>().unwrap();
        let bid = sides[0].keys().map(price).fold(0.0, f64::max);
        let ask = sides[1].keys().map(price).fold(f64::INFINITY, f64::min);
        assert!(bid < ask);
    }
}
