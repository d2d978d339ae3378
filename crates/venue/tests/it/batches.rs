//! Several orders in one request, at every façade whose venue has that: each fares for itself.

use http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::support::{Bench, Client};

async fn post(client: &Client, path: &str, body: &Value) -> Value {
    client.send(Method::POST, path, &body.to_string()).await.1
}

/// How many orders are open, as the native façade tells it.
async fn open(client: &Client) -> usize {
    client.get("/native/v1/orders").await.1["orders"].as_array().unwrap().len()
}

#[tokio::test]
async fn bybit_tells_codes_beside_the_orders() {
    let bench = Bench::start().await;
    let alice = bench.alice();
    let order = |link: &str, price: &str| json!({"symbol": "BTCUSDT", "side": "Buy", "orderType": "Limit", "qty": "0.01", "price": price, "orderLinkId": link});
    let batch = json!({"category": "spot", "request": [order("y1", "50000"), order("y2", "50000.001"), order("y3", "40000")]});
    let placed = post(&alice, "/v5/order/create-batch", &batch).await;
    let codes: Vec<&Value> = placed["retExtInfo"]["list"].as_array().unwrap().iter().map(|row| &row["code"]).collect();
    assert_eq!(codes, [&json!(0), &json!(170_134), &json!(0)]);
    let rows = &placed["result"]["list"];
    assert_eq!((&rows[0]["category"], &rows[1]["orderId"], &rows[1]["orderLinkId"]), (&json!("spot"), &json!(""), &json!("y2")));
    let changes =
        json!([{"symbol": "BTCUSDT", "orderLinkId": "y1", "qty": "0.02"}, {"symbol": "BTCUSDT", "orderLinkId": "y2", "qty": "0.02"}]);
    let amended = post(&alice, "/v5/order/amend-batch", &json!({"category": "spot", "request": changes})).await;
    assert_eq!((&amended["retExtInfo"]["list"][0]["code"], &amended["retExtInfo"]["list"][1]["code"]), (&json!(0), &json!(170_213)));
    let many: Vec<Value> = (0..11).map(|number| order(&format!("m{number}"), "50000")).collect();
    assert_eq!(post(&alice, "/v5/order/create-batch", &json!({"category": "spot", "request": many})).await["retCode"], json!(10_001));
    let named = json!([{"symbol": "BTCUSDT", "orderId": rows[0]["orderId"]}, {"symbol": "BTCUSDT", "orderLinkId": "y3"}]);
    let mut socket = alice.connect("/v5/trade").await.unwrap();
    let frame = json!({"reqId": "r1", "op": "order.cancel-batch", "args": [{"category": "spot", "request": named}]});
    let canceled = socket.ask("reqId", json!({"id": "r1", "reqId": "r1", "op": frame["op"], "args": frame["args"]})).await;
    assert_eq!((&canceled["retCode"], &canceled["retExtInfo"]["list"][1]["code"]), (&json!(0), &json!(0)), "{canceled}");
    assert_eq!(open(&alice).await, 0);
}

#[tokio::test]
async fn okx_amends_several() {
    let bench = Bench::start().await;
    let alice = bench.alice();
    let order = |name: &str| json!({"instId": "BTC-USDT", "tdMode": "cash", "side": "buy", "ordType": "limit", "sz": "0.01", "px": "50000", "clOrdId": name});
    post(&alice, "/api/v5/trade/batch-orders", &json!([order("a1"), order("a2")])).await;
    let change = |name: &str| json!({"instId": "BTC-USDT", "clOrdId": name, "newPx": "40000"});
    let amended = post(&alice, "/api/v5/trade/amend-batch-orders", &json!([change("a1"), change("none")])).await;
    assert_eq!((&amended["code"], &amended["data"][1]["sCode"]), (&json!("2"), &json!("51503")));
    let mut socket = alice.connect("/ws/v5/private").await.unwrap();
    let answer = socket.ask("id", json!({"id": "1", "op": "batch-amend-orders", "args": [change("a2")]})).await;
    assert_eq!((&answer["code"], &answer["data"][0]["sCode"]), (&json!("0"), &json!("0")));
}

#[tokio::test]
async fn kraken_reads_all_before_it_places_one() {
    let bench = Bench::start().await;
    let alice = bench.alice();
    let place = |orders: Value| {
        let alice = &alice;
        let form: String = form_urlencoded::Serializer::new(String::new())
            .append_pair("pair", "XBTUSDT")
            .append_pair("orders", &orders.to_string())
            .finish();
        async move { alice.send(Method::POST, "/0/private/AddOrderBatch", &form).await.1 }
    };
    let order = |volume: &str, price: &str| json!({"type": "buy", "ordertype": "limit", "volume": volume, "price": price});
    let refused = place(json!([order("0.01", "50000"), {"type": "buy", "ordertype": "stop"}])).await;
    assert_eq!((&refused["error"][0], open(&alice).await), (&json!("EGeneral:Invalid arguments:ordertype"), 0));
    let placed = place(json!([order("0.01", "50000"), order("90", "50000"), order("0.01", "40000")])).await;
    let rows = &placed["result"]["orders"];
    assert!(rows[0]["txid"].is_string() && rows[2]["txid"].is_string(), "{placed}");
    assert_eq!((&rows[1]["error"], open(&alice).await), (&json!("EOrder:Insufficient funds"), 2));
    let mut socket = alice.connect("/v2").await.unwrap();
    let orders = json!([{"side": "buy", "order_type": "limit", "order_qty": 0.01, "limit_price": 30_000}]);
    socket.send(json!({"method": "batch_add", "params": {"symbol": "BTC/USDT", "orders": orders}, "req_id": 1})).await;
    let added = socket.until(|frame| frame["req_id"] == 1).await;
    let named = json!([added["result"][0]["order_id"], rows[0]["txid"], "none"]);
    socket.send(json!({"method": "batch_cancel", "params": {"orders": named}, "req_id": 2})).await;
    let canceled = socket.until(|frame| frame["req_id"] == 2).await;
    assert_eq!((&canceled["success"], &canceled["orders_cancelled"], open(&alice).await), (&json!(true), &json!(2), 1));
}

#[tokio::test]
async fn gate_marks_each_row() {
    let bench = Bench::start().await;
    let alice = bench.alice();
    let order =
        |text: &str, price: &str| json!({"currency_pair": "BTC_USDT", "side": "buy", "amount": "0.01", "price": price, "text": text});
    let placed = post(&alice, "/api/v4/spot/batch_orders", &json!([order("t-1", "50000"), order("t-2", "1"), order("t-3", "40000")])).await;
    let told: Vec<(&Value, &Value)> = placed.as_array().unwrap().iter().map(|row| (&row["succeeded"], &row["label"])).collect();
    assert_eq!(told, [(&json!(true), &json!("")), (&json!(false), &json!("AMOUNT_TOO_LITTLE")), (&json!(true), &json!(""))]);
    let change = json!([{"currency_pair": "BTC_USDT", "order_id": placed[0]["id"], "price": "45000"}]);
    let amended = post(&alice, "/api/v4/spot/amend_batch_orders", &change).await;
    assert_eq!((&amended[0]["succeeded"], &amended[0]["price"]), (&json!(true), &json!("45000.00000000")));
    let named = json!([{"currency_pair": "BTC_USDT", "id": placed[0]["id"]}, {"currency_pair": "BTC_USDT", "id": "t-9"}]);
    let canceled = post(&alice, "/api/v4/spot/cancel_batch_orders", &named).await;
    assert_eq!((&canceled[0]["succeeded"], &canceled[1]["succeeded"], &canceled[1]["id"]), (&json!(true), &json!(false), &json!("t-9")));
    let mut socket = alice.connect("/ws/v4").await.unwrap();
    let param = json!([{"currency_pair": "BTC_USDT", "id": placed[2]["id"]}]);
    socket.send(json!({"channel": "spot.order_cancel_ids", "event": "api", "payload": {"req_id": "r1", "req_param": param}})).await;
    let answer = socket.until(|frame| frame["request_id"] == "r1").await;
    assert_eq!((&answer["data"]["result"][0]["succeeded"], open(&alice).await), (&json!(true), 0), "{answer}");
    let many: Vec<Value> = (0..11).map(|number| order(&format!("t-m{number}"), "50000")).collect();
    assert_eq!(post(&alice, "/api/v4/spot/batch_orders", &json!(many)).await["label"], json!("INVALID_PARAM_VALUE"));
}

#[tokio::test]
async fn kucoin_places_several_in_three_ways() {
    let bench = Bench::start().await;
    let alice = bench.alice();
    let order = |name: &str, price: &str| json!({"symbol": "BTC-USDT", "side": "buy", "type": "limit", "size": "0.01", "price": price, "clientOid": name});
    let list = |prefix: &str| json!({"symbol": "BTC-USDT", "orderList": [order(&format!("{prefix}1"), "50000"), order(&format!("{prefix}2"), "1")]});
    let placed = post(&alice, "/api/v1/hf/orders/multi", &list("a")).await;
    assert_eq!((&placed["data"][0]["success"], &placed["data"][1]["success"]), (&json!(true), &json!(false)));
    let placed = post(&alice, "/api/v1/hf/orders/multi/sync", &list("b")).await;
    assert_eq!((&placed["data"][0]["status"], &placed["data"][0]["remainSize"]), (&json!("open"), &json!("0.01")));
    let placed = post(&alice, "/api/v1/orders/multi", &list("c")).await;
    assert_eq!((&placed["data"]["data"][0]["status"], &placed["data"]["data"][1]["status"]), (&json!("success"), &json!("fail")));
    let one = post(&alice, "/api/v1/hf/orders/sync", &order("d1", "50000")).await;
    let path = format!("/api/v1/hf/orders/sync/{}?symbol=BTC-USDT", one["data"]["orderId"].as_str().unwrap());
    let (_, canceled) = alice.send(Method::DELETE, &path, "").await;
    assert_eq!((&canceled["data"]["status"], &canceled["data"]["canceledSize"]), (&json!("done"), &json!("0.01")));
    let (_, page) = alice.get("/api/v1/hf/orders/active/page?symbol=BTC-USDT&pageNum=1&pageSize=2").await;
    assert_eq!((&page["data"]["totalNum"], page["data"]["items"].as_array().unwrap().len()), (&json!(3), 2));
    assert_eq!(alice.get("/api/v1/hf/orders/active/symbols").await.1["data"]["symbols"], json!(["BTC-USDT"]));
}

#[tokio::test]
async fn bitfinex_performs_operations_in_their_order() {
    let bench = Bench::start().await;
    let alice = bench.alice();
    let order =
        |cid: u64, price: &str| json!({"cid": cid, "symbol": "tBTCUST", "type": "EXCHANGE LIMIT", "amount": "0.01", "price": price});
    let operations = json!([["on", order(7, "50000")], ["on", order(8, "1")], ["on", order(9, "40000")], ["oc", {"cid": 9, "cid_date": "2026-01-01"}], ["xx", {}]]);
    let done = post(&alice, "/v2/auth/w/order/multi", &json!({"ops": operations})).await;
    let words: Vec<(&Value, &Value)> = done[4].as_array().unwrap().iter().map(|notice| (&notice[1], &notice[6])).collect();
    let told = [("on-req", "SUCCESS"), ("on-req", "ERROR"), ("on-req", "SUCCESS"), ("oc-req", "SUCCESS"), ("xx-req", "ERROR")];
    assert_eq!(words, told.map(|(kind, how)| (json!(kind), json!(how))).iter().map(|(kind, how)| (kind, how)).collect::<Vec<_>>());
    assert_eq!(open(&alice).await, 1);
}

#[tokio::test]
async fn kraken_futures_sends_edits_and_cancels_in_one_request() {
    let bench = Bench::start().await;
    let alice = bench.alice();
    let (_, listed) = alice.get("/derivatives/api/v3/instruments").await;
    let symbol = listed["instruments"][0]["symbol"].clone();
    let order = |tag: &str, name: &str| json!({"order": "send", "order_tag": tag, "orderType": "lmt", "symbol": symbol, "side": "buy", "size": 0.01, "limitPrice": 50_000, "cliOrdId": name});
    let batch = json!({"batchOrder": [order("1", "f1"), order("2", "f2"), {"order": "edit", "cliOrdId": "f1", "size": 0.02}, {"order": "cancel", "cliOrdId": "f2"}]});
    let form: String = form_urlencoded::Serializer::new(String::new()).append_pair("json", &batch.to_string()).finish();
    let (status, done) = alice.send(Method::POST, "/derivatives/api/v3/batchorder", &form).await;
    assert_eq!(status, StatusCode::OK, "{done}");
    let words: Vec<&Value> = done["batchStatus"].as_array().unwrap().iter().map(|row| &row["status"]).collect();
    assert_eq!(words, [&json!("placed"), &json!("placed"), &json!("edited"), &json!("cancelled")]);
    assert_eq!((&done["batchStatus"][0]["order_tag"], open(&alice).await), (&json!("1"), 1));
}
