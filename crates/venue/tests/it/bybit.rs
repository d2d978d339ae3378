//! The Bybit v5 façade: REST, public, private and trade sockets.

use std::collections::BTreeMap;

use http::{Method, StatusCode};
use serde_json::{Map, Value, json};

use crate::shape::shape;
use crate::support::{ALL_SCOPES, Bench, Client};

fn resting(link: &str) -> Value {
    json!({"category": "spot", "symbol": "BTCUSDT", "side": "Buy", "orderType": "Limit", "qty": "0.01", "price": "50000", "orderLinkId": link})
}

async fn post(client: &Client, path: &str, body: &Value) -> Value {
    let (status, answer) = client.send(Method::POST, path, &body.to_string()).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    answer
}

async fn first_order(client: &Client, query: &str) -> Value {
    client.get(&format!("/v5/order/realtime?category=spot{query}")).await.1["result"]["list"][0].clone()
}

#[tokio::test]
async fn answers_have_the_shape_of_the_venue() {
    let bench = Bench::start().await;
    let alice = bench.alice();
    let mut shapes = Map::new();
    let rested = post(&alice, "/v5/order/create", &resting("mine")).await;
    shapes.insert("POST order/create".to_owned(), shape(&rested));
    let mut market = resting("taken");
    (market["orderType"], market["qty"]) = (json!("Market"), json!("1000"));
    post(&alice, "/v5/order/create", &market).await;
    for path in [
        "account/fee-rate?category=spot",
        "account/info",
        "account/wallet-balance?accountType=UNIFIED",
        "asset/coin/query-info",
        "execution/list?category=spot",
        "market/instruments-info?category=linear",
        "market/instruments-info?category=spot",
        "market/kline?category=spot&symbol=BTCUSDT&interval=1&limit=2",
        "market/orderbook?category=spot&symbol=BTCUSDT&limit=1",
        "market/recent-trade?category=spot&symbol=BTCUSDT",
        "market/tickers?category=spot&symbol=BTCUSDT",
        "market/time",
        "order/history?category=spot",
        "order/realtime?category=spot",
        "position/list?category=linear&settleCoin=USDT",
        "user/query-api",
    ] {
        let (status, body) = alice.get(&format!("/v5/{path}")).await;
        assert_eq!((status, &body["retCode"]), (StatusCode::OK, &json!(0)), "{path}: {body}");
        shapes.insert(format!("GET {path}"), shape(&body["result"]));
    }
    let canceled = post(&alice, "/v5/order/cancel", &json!({"category": "spot", "symbol": "BTCUSDT", "orderLinkId": "mine"})).await;
    shapes.insert("POST order/cancel".to_owned(), shape(&canceled["result"]));
    post(&alice, "/v5/order/create", &resting("again")).await;
    let all = post(&alice, "/v5/order/cancel-all", &json!({"category": "spot"})).await;
    shapes.insert("POST order/cancel-all".to_owned(), shape(&all["result"]));
    insta::assert_json_snapshot!("bybit_shapes", Value::from(shapes));
}

#[tokio::test]
async fn an_order_is_placed_found_and_cancelled() {
    let bench = Bench::start().await;
    let alice = bench.alice();
    let placed = post(&alice, "/v5/order/create", &resting("a1")).await;
    let order = first_order(&alice, "&symbol=BTCUSDT").await;
    assert_eq!((&order["orderId"], &order["orderLinkId"]), (&placed["result"]["orderId"], &json!("a1")));
    assert_eq!((&order["orderStatus"], &order["leavesQty"]), (&json!("New"), &json!("0.01")));
    let (_, wallet) = alice.get("/v5/account/wallet-balance?accountType=UNIFIED&coin=USDT").await;
    let coin = &wallet["result"]["list"][0]["coin"][0];
    assert_eq!(
        (&coin["walletBalance"], &coin["locked"], &coin["availableToWithdraw"]),
        (&json!("1000000"), &json!("500"), &json!("999500"))
    );
    let cancel = json!({"category": "spot", "symbol": "BTCUSDT", "orderId": placed["result"]["orderId"]});
    assert_eq!(post(&alice, "/v5/order/cancel", &cancel).await["retCode"], json!(0));
    assert_eq!(post(&alice, "/v5/order/cancel", &cancel).await["retCode"], json!(170_213));
    assert_eq!(first_order(&alice, "&orderLinkId=a1").await["orderStatus"], json!("Cancelled"));
    assert_eq!(first_order(&alice, "").await, Value::Null);
    assert_eq!(bench.venue.arrivals().orders_placed, 1);
}

#[tokio::test]
async fn a_market_buy_is_sized_in_quote_unless_it_says_otherwise() {
    let bench = Bench::start().await;
    let alice = bench.alice();
    for (unit, quantity, wanted) in
        [(json!(null), "1000", "quoteCoin"), (json!("quoteCoin"), "1000", "quoteCoin"), (json!("baseCoin"), "0.01", "baseCoin")]
    {
        let body =
            json!({"category": "spot", "symbol": "BTCUSDT", "side": "Buy", "orderType": "Market", "qty": quantity, "marketUnit": unit});
        let placed = post(&alice, "/v5/order/create", &body).await;
        let order = first_order(&alice, &format!("&orderId={}", placed["result"]["orderId"].as_str().unwrap())).await;
        assert_eq!((&order["marketUnit"], &order["qty"], &order["orderStatus"]), (&json!(wanted), &json!(quantity), &json!("Filled")));
    }
}

#[tokio::test]
async fn refusals_carry_the_code_of_the_venue() {
    let bench = Bench::start().await;
    let alice = bench.alice();
    for (changes, code) in [
        (json!({"symbol": "NOPE"}), 170_121),
        (json!({"category": "linear"}), 170_121),
        (json!({"category": "futures"}), 10_001),
        (json!({"symbol": null}), 10_001),
        (json!({"side": "Hold"}), 170_117),
        (json!({"orderType": "Stop"}), 170_116),
        (json!({"timeInForce": "DAY"}), 170_115),
        (json!({"orderFilter": "StopOrder"}), 170_202),
        (json!({"triggerPrice": "60000"}), 10_001),
        (json!({"isLeverage": 1}), 10_001),
        (json!({"qty": "x"}), 10_001),
        (json!({"qty": null}), 10_001),
        (json!({"price": null}), 10_001),
        (json!({"price": "50000.001"}), 170_134),
        (json!({"price": "50000.0000000001"}), 170_134),
        (json!({"price": "2000000"}), 170_132),
        (json!({"price": "0"}), 170_133),
        (json!({"qty": "0.0100001"}), 170_137),
        (json!({"qty": "0.000001"}), 170_136),
        (json!({"qty": "10000"}), 170_135),
        (json!({"qty": "0.00001"}), 170_140),
        (json!({"qty": "100", "price": "90000"}), 170_131),
        (json!({"price": "200000", "timeInForce": "PostOnly"}), 170_218),
        (json!({"orderLinkId": "with blank"}), 170_130),
    ] {
        let mut order = resting("refused");
        order.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        assert_eq!(post(&alice, "/v5/order/create", &order).await["retCode"], json!(code), "{changes}");
    }
    assert_eq!(alice.get("/v5/market/tickers?category=spot&symbol=NOPE").await.1["retCode"], json!(10_001));
    assert_eq!(alice.send(Method::POST, "/v5/order/create", "[]").await.1["retCode"], json!(10_001));
    assert_eq!(alice.send(Method::POST, "/v5/market/time", "").await.0, StatusCode::NOT_FOUND);
    let (status, body) = alice.get("/v5/nothing").await;
    assert_eq!((status, &body["retCode"]), (StatusCode::NOT_FOUND, &json!(10_017)));
    assert_eq!(bench.venue.arrivals().orders_placed, 0);
}

#[tokio::test]
async fn only_an_identity_with_the_scope_gets_through() {
    let bench = Bench::start().await;
    let (stranger, reader) = (bench.stranger(), bench.client(Some(bench.signer.token("alice", "order:read"))));
    assert_eq!(stranger.get("/v5/market/time").await.0, StatusCode::OK);
    for path in ["/v5/account/wallet-balance?accountType=UNIFIED", "/v5/order/realtime?category=spot", "/v5/user/query-api"] {
        let (status, body) = stranger.get(path).await;
        assert_eq!((status, &body["retCode"]), (StatusCode::UNAUTHORIZED, &json!(10_003)), "{path}");
    }
    assert_eq!(post(&reader, "/v5/order/create", &resting("no")).await["retCode"], json!(10_005));
    assert_eq!(reader.get("/v5/user/query-api").await.1["result"]["readOnly"], json!(1));
    assert!(stranger.connect("/v5/private").await.is_err());
    assert!(stranger.connect("/v5/trade").await.is_err());
    assert!(bench.client(Some(bench.signer.token("alice", "order:write"))).connect("/v5/private").await.is_err());
    let mut trade = reader.connect("/v5/trade").await.unwrap();
    trade.send(json!({"op": "order.create", "reqId": "r", "args": [resting("no")]})).await;
    assert_eq!(trade.next().await.unwrap()["retCode"], json!(10_005));
    assert_eq!(bench.venue.arrivals().orders_placed, 0);
}

#[tokio::test]
async fn nobody_sees_or_cancels_anothers_orders() {
    let bench = Bench::start().await;
    let placed = post(&bench.alice(), "/v5/order/create", &resting("hers")).await;
    let bob = bench.client(Some(bench.signer.token("bob", ALL_SCOPES)));
    let id = placed["result"]["orderId"].as_str().unwrap();
    assert_eq!(first_order(&bob, &format!("&orderId={id}")).await, Value::Null);
    let cancel = json!({"category": "spot", "symbol": "BTCUSDT", "orderId": id});
    assert_eq!(post(&bob, "/v5/order/cancel", &cancel).await["retCode"], json!(170_213));
}

#[tokio::test]
async fn lists_are_paged_from_the_newest_on() {
    let bench = Bench::start().await;
    let alice = bench.alice();
    for link in ["p1", "p2", "p3"] {
        post(&alice, "/v5/order/create", &resting(link)).await;
    }
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let (_, page) = alice.get(&format!("/v5/order/realtime?category=spot&limit=2&cursor={cursor}")).await;
        seen.extend(page["result"]["list"].as_array().unwrap().iter().map(|order| order["orderLinkId"].as_str().unwrap().to_owned()));
        cursor = page["result"]["nextPageCursor"].as_str().unwrap().to_owned();
        if cursor.is_empty() {
            break;
        }
    }
    assert_eq!(seen, ["p3", "p2", "p1"]);
}

#[tokio::test]
async fn the_trade_socket_trades_and_the_private_one_reports() {
    let bench = Bench::start().await;
    let alice = bench.alice();
    let mut private = alice.connect("/v5/private").await.unwrap();
    let held = private.ask("req_id", json!({"op": "ping", "req_id": 5, "id": 5})).await;
    assert_eq!(held["op"], json!("pong"));
    private.send(json!({"op": "subscribe", "req_id": "s", "args": ["order", "execution", "wallet"]})).await;
    let held = private.until(|frame| frame["req_id"] == "s").await;
    assert_eq!((&held["success"], &held["op"]), (&json!(true), &json!("subscribe")));
    let mut trade = alice.connect("/v5/trade").await.unwrap();
    trade.send(json!({"op": "order.create", "reqId": "1", "header": {"X-BAPI-TIMESTAMP": 1}, "args": [resting("w1")]})).await;
    let placed = trade.until(|frame| frame["reqId"] == "1").await;
    assert_eq!((&placed["retCode"], &placed["op"], &placed["data"]["orderLinkId"]), (&json!(0), &json!("order.create"), &json!("w1")));
    let report = private.until(|frame| frame["topic"] == "order").await;
    assert_eq!((&report["data"][0]["orderId"], &report["data"][0]["orderStatus"]), (&placed["data"]["orderId"], &json!("New")));
    let wallet = private.until(|frame| frame["topic"] == "wallet").await;
    assert_eq!(wallet["data"][0]["coin"][1]["locked"], json!("500"));
    trade.send(json!({"op": "order.cancel", "reqId": "2", "args": [{"category": "spot", "symbol": "BTCUSDT", "orderLinkId": "w1"}]})).await;
    assert_eq!(trade.until(|frame| frame["reqId"] == "2").await["retCode"], json!(0));
    private.until(|frame| frame["topic"] == "order" && frame["data"][0]["orderStatus"] == "Cancelled").await;
    let market = json!({"category": "spot", "symbol": "BTCUSDT", "side": "Sell", "orderType": "Market", "qty": "0.01"});
    trade.send(json!({"op": "order.create", "reqId": "3", "args": [market]})).await;
    let execution = private.until(|frame| frame["topic"] == "execution").await;
    assert_eq!((&execution["data"][0]["side"], &execution["data"][0]["isMaker"]), (&json!("Sell"), &json!(false)));
    trade.until(|frame| frame["reqId"] == "3").await;
    for frame in [json!({"op": "order.amend", "reqId": "4", "args": [{}]}), json!({"op": "order.create", "reqId": "5", "args": []})] {
        trade.send(frame.clone()).await;
        assert_ne!(trade.until(|answer| answer["reqId"] == frame["reqId"]).await["retCode"], json!(0), "{frame}");
    }
    private.send(json!({"op": "subscribe", "req_id": "x", "args": ["order", "nothing"]})).await;
    assert_eq!(private.until(|frame| frame["req_id"] == "x").await["success"], json!(false));
}

#[tokio::test]
async fn orders_of_a_protected_connection_end_with_it() {
    let bench = Bench::start().await;
    let alice = bench.alice();
    let path = "/v5/order/disconnected-cancel-all";
    for wrong in [json!({"timeWindow": 10}), json!({"timeWindow": 2, "product": "SPOT"}), json!({"product": "SPOT"})] {
        assert_eq!(post(&alice, path, &wrong).await["retCode"], json!(10001), "{wrong}");
    }
    assert_eq!(post(&alice, path, &json!({"timeWindow": 3, "product": "SPOT"})).await["retCode"], json!(0));
    let (_, told) = alice.get("/v5/account/query-dcp-info").await;
    assert_eq!(told["result"]["dcpInfos"], json!([{"product": "SPOT", "dcpStatus": "ON", "timeWindow": "3"}]));
    let subscribe = json!({"op": "subscribe", "req_id": "p", "args": ["dcp.spot", "order"]});
    let reader = bench.client(Some(bench.signer.token("alice", "order:read")));
    let mut refused = reader.connect("/v5/private").await.unwrap();
    refused.send(subscribe.clone()).await;
    assert_eq!(refused.until(|frame| frame["req_id"] == "p").await["success"], json!(false), "who may not cancel protects nothing");
    let mut listening = alice.connect("/v5/private").await.unwrap();
    listening.send(json!({"op": "subscribe", "req_id": "l", "args": ["order"]})).await;
    listening.until(|frame| frame["req_id"] == "l").await;
    let mut protected = alice.connect("/v5/private").await.unwrap();
    protected.send(subscribe).await;
    assert_eq!(protected.until(|frame| frame["req_id"] == "p").await["success"], json!(true));
    post(&alice, "/v5/order/create", &resting("p1")).await;
    drop(protected);
    listening.until(|frame| frame["topic"] == "order" && frame["data"][0]["orderStatus"] == "Cancelled").await;
}

#[tokio::test]
async fn a_book_kept_from_snapshot_and_deltas_is_the_venues_book() {
    let bench = Bench::start().await;
    let mut socket = bench.stranger().connect("/v5/public/spot").await.unwrap();
    socket.send(json!({"op": "subscribe", "req_id": "1", "args": ["orderbook.50.BTCUSDT", "tickers.BTCUSDT", "publicTrade.BTCUSDT", "kline.1.BTCUSDT"]})).await;
    assert_eq!(socket.next().await.unwrap()["success"], json!(true));
    let mut bids: BTreeMap<String, String> = BTreeMap::new();
    let mut deltas = 0;
    while deltas < 20 {
        let frame = socket.until(|frame| frame["topic"] == "orderbook.50.BTCUSDT").await;
        if frame["type"] == "snapshot" {
            bids.clear();
        } else {
            deltas += 1;
        }
        for row in frame["data"]["b"].as_array().unwrap() {
            let (price, quantity) = (row[0].as_str().unwrap().to_owned(), row[1].as_str().unwrap().to_owned());
            if quantity == "0" {
                assert!(bids.remove(&price).is_some(), "only a level that was told is removed");
            } else {
                bids.insert(price, quantity);
            }
        }
        assert_eq!(bids.len(), 20);
    }
    let ticker = socket.until(|frame| frame["topic"] == "tickers.BTCUSDT").await;
    assert!(ticker["data"]["usdIndexPrice"].is_string());
    socket.until(|frame| frame["topic"] == "publicTrade.BTCUSDT").await;
    socket.until(|frame| frame["topic"] == "kline.1.BTCUSDT").await;
    let mut linear = bench.stranger().connect("/v5/public/linear").await.unwrap();
    linear.send(json!({"op": "subscribe", "args": ["tickers.BTCUSDT"]})).await;
    assert_eq!(linear.next().await.unwrap()["success"], json!(false));
}
