//! The OKX v5 façade: REST, public, business and private sockets.

use std::collections::BTreeMap;

use http::{Method, StatusCode};
use serde_json::{Map, Value, json};

use crate::shape::shape;
use crate::support::{ALL_SCOPES, Bench, Client};

fn resting(client_id: &str) -> Value {
    json!({"instId": "BTC-USDT", "tdMode": "cash", "side": "buy", "ordType": "limit", "sz": "0.01", "px": "50000", "clOrdId": client_id, "tag": "label1"})
}

async fn post(client: &Client, path: &str, body: &Value) -> Value {
    let (status, answer) = client.send(Method::POST, &format!("/api/v5/trade/{path}"), &body.to_string()).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    answer
}

#[tokio::test]
async fn answers_have_the_shape_of_the_venue() {
    let bench = Bench::start().await;
    let alice = bench.alice();
    let mut shapes = Map::new();
    shapes.insert("POST trade/order".to_owned(), shape(&post(&alice, "order", &resting("mine")).await));
    let mut market = resting("taken");
    (market["ordType"], market["sz"]) = (json!("market"), json!("1000"));
    post(&alice, "batch-orders", &json!([market])).await;
    for path in [
        "account/balance",
        "account/config",
        "account/instruments?instType=SPOT",
        "account/positions",
        "account/trade-fee?instType=SPOT&instId=BTC-USDT",
        "asset/balances",
        "asset/currencies",
        "market/books?instId=BTC-USDT&sz=1",
        "market/candles?instId=BTC-USDT&bar=1m&limit=2",
        "market/ticker?instId=BTC-USDT",
        "market/tickers?instType=SPOT",
        "market/trades?instId=BTC-USDT",
        "public/instruments?instType=FUTURES",
        "public/instruments?instType=SPOT",
        "public/time",
        "system/status",
        "trade/fills",
        "trade/order?instId=BTC-USDT&clOrdId=taken",
        "trade/orders-history?instType=SPOT",
        "trade/orders-pending",
    ] {
        let (status, body) = alice.get(&format!("/api/v5/{path}")).await;
        assert_eq!((status, &body["code"]), (StatusCode::OK, &json!("0")), "{path}: {body}");
        shapes.insert(format!("GET {path}"), shape(&body["data"]));
    }
    let canceled = post(&alice, "cancel-order", &json!({"instId": "BTC-USDT", "clOrdId": "mine"})).await;
    shapes.insert("POST trade/cancel-order".to_owned(), shape(&canceled["data"]));
    insta::assert_json_snapshot!("okx_shapes", Value::from(shapes));
}

#[tokio::test]
async fn an_order_is_placed_found_and_cancelled() {
    let bench = Bench::start().await;
    let alice = bench.alice();
    let placed = post(&alice, "batch-orders", &json!([resting("a1")])).await;
    let id = placed["data"][0]["ordId"].as_str().unwrap();
    let (_, pending) = alice.get("/api/v5/trade/orders-pending?instType=SPOT&instId=BTC-USDT").await;
    let order = &pending["data"][0];
    assert_eq!((&order["ordId"], &order["clOrdId"], &order["tag"]), (&json!(id), &json!("a1"), &json!("label1")));
    assert_eq!((&order["state"], &order["sz"], &order["px"]), (&json!("live"), &json!("0.01"), &json!("50000")));
    let (_, balance) = alice.get("/api/v5/account/balance?ccy=USDT").await;
    let detail = &balance["data"][0]["details"][0];
    assert_eq!((&detail["eq"], &detail["availBal"], &detail["frozenBal"]), (&json!("1000000"), &json!("999500"), &json!("500")));
    let cancel = json!({"instId": "BTC-USDT", "ordId": id});
    assert_eq!(post(&alice, "cancel-order", &cancel).await["code"], json!("0"));
    let again = post(&alice, "cancel-order", &cancel).await;
    assert_eq!((&again["code"], &again["data"][0]["sCode"]), (&json!("1"), &json!("51400")));
    let (_, order) = alice.get(&format!("/api/v5/trade/order?instId=BTC-USDT&ordId={id}")).await;
    assert_eq!((&order["data"][0]["state"], &order["data"][0]["cancelSource"]), (&json!("canceled"), &json!("1")));
    let (_, history) = alice.get("/api/v5/trade/orders-history?instType=SPOT&state=canceled").await;
    assert_eq!(history["data"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn each_order_of_a_batch_fares_for_itself() {
    let bench = Bench::start().await;
    let alice = bench.alice();
    let mut wrong = resting("b2");
    wrong["instId"] = json!("NO-PE");
    let mixed = post(&alice, "batch-orders", &json!([resting("b1"), wrong])).await;
    assert_eq!((&mixed["code"], &mixed["data"][0]["sCode"], &mixed["data"][1]["sCode"]), (&json!("2"), &json!("0"), &json!("51001")));
    let canceled =
        post(&alice, "cancel-batch-orders", &json!([{"instId": "BTC-USDT", "clOrdId": "b1"}, {"instId": "BTC-USDT", "clOrdId": "b2"}]))
            .await;
    assert_eq!((&canceled["code"], &canceled["data"][1]["sCode"]), (&json!("2"), &json!("51400")));
    let many: Vec<Value> = (0..21).map(|number| resting(&format!("m{number}"))).collect();
    assert_eq!(post(&alice, "batch-orders", &json!(many)).await["code"], json!("51111"));
    assert_eq!(bench.venue.arrivals().orders_placed, 1);
}

#[tokio::test]
async fn refusals_carry_the_code_of_the_venue() {
    let bench = Bench::start().await;
    let alice = bench.alice();
    for (changes, code) in [
        (json!({"instId": "NO-PE"}), "51001"),
        (json!({"instId": null, "instIdCode": 77}), "51001"),
        (json!({"instId": null}), "50014"),
        (json!({"tdMode": "cross"}), "51000"),
        (json!({"side": "hold"}), "51000"),
        (json!({"ordType": "trigger"}), "51000"),
        (json!({"attachAlgoOrds": [{}]}), "51000"),
        (json!({"sz": "x"}), "51000"),
        (json!({"sz": ""}), "50014"),
        (json!({"px": ""}), "50014"),
        (json!({"px": "50000.001"}), "51006"),
        (json!({"px": "2000000"}), "51006"),
        (json!({"sz": "0.0100001"}), "51121"),
        (json!({"sz": "0.000000001"}), "51121"),
        (json!({"sz": "0.000001"}), "51020"),
        (json!({"sz": "0.00001"}), "51020"),
        (json!({"sz": "10000"}), "51203"),
        (json!({"sz": "100", "px": "90000"}), "51008"),
        (json!({"ordType": "post_only", "px": "200000"}), "51006"),
        (json!({"clOrdId": "with blank"}), "51000"),
        (json!({"tag": "a-b"}), "51000"),
    ] {
        let mut order = resting("refused");
        order.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        let answer = post(&alice, "order", &order).await;
        assert_eq!((&answer["code"], &answer["data"][0]["sCode"]), (&json!("1"), &json!(code)), "{changes}: {answer}");
    }
    for (path, code) in [
        ("market/ticker?instId=NO-PE", "51001"),
        ("market/ticker", "50014"),
        ("market/candles?instId=BTC-USDT&bar=1W", "51000"),
        ("public/instruments?instType=STOCK", "51000"),
        ("trade/order?instId=BTC-USDT", "51003"),
        ("trade/order?instId=BTC-USDT&ordId=1", "51603"),
        ("nothing", "404"),
    ] {
        assert_eq!(alice.get(&format!("/api/v5/{path}")).await.1["code"], json!(code), "{path}");
    }
    assert_eq!(alice.send(Method::POST, "/api/v5/trade/order", "{").await.1["code"], json!("50002"));
    assert_eq!(bench.venue.arrivals().orders_placed, 0);
}

#[tokio::test]
async fn only_an_identity_with_the_scope_gets_through() {
    let bench = Bench::start().await;
    let (stranger, reader) = (bench.stranger(), bench.client(Some(bench.signer.token("alice", "order:read"))));
    assert_eq!(stranger.get("/api/v5/public/time").await.0, StatusCode::OK);
    for path in ["account/balance", "asset/currencies", "trade/orders-pending"] {
        let (status, body) = stranger.get(&format!("/api/v5/{path}")).await;
        assert_eq!((status, &body["code"]), (StatusCode::UNAUTHORIZED, &json!("50111")), "{path}");
    }
    let (status, body) = reader.send(Method::POST, "/api/v5/trade/order", &resting("no").to_string()).await;
    assert_eq!((status, &body["code"]), (StatusCode::UNAUTHORIZED, &json!("50114")));
    assert!(stranger.connect("/ws/v5/private").await.is_err());
    let mut socket = reader.connect("/ws/v5/private").await.unwrap();
    let refused = socket.ask("id", json!({"id": "1", "op": "order", "args": [resting("no")]})).await;
    assert_eq!(refused["code"], json!("50114"));
    let mut writer = bench.client(Some(bench.signer.token("alice", "order:write"))).connect("/ws/v5/private").await.unwrap();
    let refused = writer.ask("id", json!({"id": "2", "op": "subscribe", "args": [{"channel": "orders", "instType": "ANY"}]})).await;
    assert_eq!((&refused["event"], &refused["code"]), (&json!("error"), &json!("60029")));
    assert_eq!(bench.venue.arrivals().orders_placed, 0);
}

#[tokio::test]
async fn nobody_sees_or_cancels_anothers_orders() {
    let bench = Bench::start().await;
    let placed = post(&bench.alice(), "order", &resting("hers")).await;
    let bob = bench.client(Some(bench.signer.token("bob", ALL_SCOPES)));
    let id = placed["data"][0]["ordId"].as_str().unwrap();
    assert_eq!(bob.get(&format!("/api/v5/trade/order?instId=BTC-USDT&ordId={id}")).await.1["code"], json!("51603"));
    assert_eq!(post(&bob, "cancel-order", &json!({"instId": "BTC-USDT", "ordId": id})).await["data"][0]["sCode"], json!("51400"));
}

#[tokio::test]
async fn the_private_socket_trades_and_reports() {
    let bench = Bench::start().await;
    let mut socket = bench.alice().connect("/ws/v5/private").await.unwrap();
    let orders = json!({"channel": "orders", "instType": "ANY"});
    let held = socket.ask("id", json!({"id": "s", "op": "subscribe", "args": [orders, {"channel": "account"}]})).await;
    assert_eq!((&held["event"], &held["arg"]), (&json!("subscribe"), &orders));
    let balance = socket.until(|frame| frame["arg"]["channel"] == "account" && frame["data"].is_array()).await;
    assert_eq!(balance["data"][0]["details"][1]["availBal"], json!("1000000"));
    let mut order = resting("w1");
    order.as_object_mut().unwrap().remove("instId");
    order["instIdCode"] = json!(1);
    socket.send(json!({"id": "1", "op": "order", "args": [order]})).await;
    let report = socket.until(|frame| frame["arg"]["channel"] == "orders" && frame["data"].is_array()).await;
    assert_eq!(
        (&report["data"][0]["state"], &report["data"][0]["tag"], &report["data"][0]["tradeId"]),
        (&json!("live"), &json!("label1"), &json!(""))
    );
    let placed = socket.until(|frame| frame["id"] == "1").await;
    assert_eq!((&placed["op"], &placed["code"], &placed["data"][0]["clOrdId"]), (&json!("order"), &json!("0"), &json!("w1")));
    let canceled = socket.ask("id", json!({"id": "2", "op": "cancel-order", "args": [{"instIdCode": 1, "clOrdId": "w1"}]})).await;
    assert_eq!(canceled["code"], json!("0"));
    let market = json!({"instId": "BTC-USDT", "tdMode": "cash", "side": "sell", "ordType": "market", "sz": "0.01"});
    socket.send(json!({"id": "3", "op": "batch-orders", "args": [market]})).await;
    let filled = socket.until(|frame| frame["data"][0]["state"] == "filled").await;
    assert_eq!((&filled["data"][0]["execType"], &filled["data"][0]["feeCcy"]), (&json!("T"), &json!("USDT")));
    socket.until(|frame| frame["id"] == "3").await;
    let unknown = socket.ask("id", json!({"id": "4", "op": "subscribe", "args": [{"channel": "nothing"}]})).await;
    assert_eq!((&unknown["event"], &unknown["code"]), (&json!("error"), &json!("60018")));
    let unknown = socket.ask("id", json!({"id": "5", "op": "fly-order", "args": [{}]})).await;
    assert_eq!(unknown["code"], json!("60012"));
}

#[tokio::test]
async fn a_book_kept_from_snapshot_and_updates_is_the_venues_book() {
    let bench = Bench::start().await;
    let mut socket = bench.stranger().connect("/ws/v5/public").await.unwrap();
    let arg = |channel: &str| json!({"channel": channel, "instId": "BTC-USDT"});
    socket.send(json!({"op": "subscribe", "args": [arg("books"), arg("tickers"), arg("books5"), arg("bbo-tbt"), arg("trades")]})).await;
    assert_eq!(socket.next().await.unwrap()["event"], json!("subscribe"));
    let mut bids: BTreeMap<String, String> = BTreeMap::new();
    let (mut updates, mut last) = (0, json!(-1));
    while updates < 20 {
        let frame = socket.until(|frame| frame["arg"]["channel"] == "books" && frame["data"].is_array()).await;
        let row = &frame["data"][0];
        assert_eq!(row["prevSeqId"], last, "no update is missing");
        last = row["seqId"].clone();
        updates += usize::from(frame["action"] == "update");
        for level in row["bids"].as_array().unwrap() {
            let (price, quantity) = (level[0].as_str().unwrap().to_owned(), level[1].as_str().unwrap().to_owned());
            if quantity == "0" {
                assert!(bids.remove(&price).is_some(), "only a level that was told is removed");
            } else {
                bids.insert(price, quantity);
            }
        }
        assert_eq!(bids.len(), 20);
    }
    for (channel, levels) in [("books5", 5), ("bbo-tbt", 1)] {
        let frame = socket.until(|frame| frame["arg"]["channel"] == channel && frame["data"].is_array()).await;
        assert_eq!(frame["data"][0]["asks"].as_array().unwrap().len(), levels);
    }
    socket.until(|frame| frame["arg"]["channel"] == "tickers" && frame["data"].is_array()).await;
    socket.until(|frame| frame["arg"]["channel"] == "trades" && frame["data"].is_array()).await;
    let mut business = bench.stranger().connect("/ws/v5/business").await.unwrap();
    business.send(json!({"op": "subscribe", "args": [arg("candle1m"), arg("books")]})).await;
    assert_eq!(business.next().await.unwrap()["event"], json!("subscribe"));
    business.until(|frame| frame["event"] == "error").await;
    business.until(|frame| frame["arg"]["channel"] == "candle1m" && frame["data"].is_array()).await;
}
