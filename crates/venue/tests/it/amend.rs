//! An order that rests is changed through every façade, in the words of its venue, and refused in them.
//!
//! Each story places 0.01 BTC at 50,000, makes it 0.02 at 40,000 and looks at what the venue holds for it: 800 USDT.

use http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::support::{ALL_SCOPES, Bench, Client, claims};

/// Quote that is held for the open orders of a caller, as the native façade tells it.
async fn held(client: &Client) -> String {
    let (_, body) = client.get("/native/v1/balance").await;
    let rows = body["balances"].as_array().unwrap();
    rows.iter().find(|row| row["asset"] == "USDT").unwrap()["held"].as_str().unwrap().to_owned()
}

/// Numbers of the open orders, as the native façade tells them.
async fn open(client: &Client) -> Vec<u64> {
    let (_, body) = client.get("/native/v1/orders").await;
    body["orders"].as_array().unwrap().iter().map(|order| order["order"].as_u64().unwrap()).collect()
}

async fn post(client: &Client, path: &str, body: &Value) -> (StatusCode, Value) {
    client.send(Method::POST, path, &body.to_string()).await
}

#[tokio::test]
async fn binance_makes_an_order_smaller_and_nothing_else() {
    let bench = Bench::start().await;
    let alice = bench.alice();
    let order = "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.02&price=50000&newClientOrderId=b1";
    let (_, placed) = alice.send(Method::POST, "/api/v3/order", order).await;
    let path = "/api/v3/order/amend/keepPriority";
    let (status, amended) = alice.send(Method::PUT, path, "symbol=BTCUSDT&origClientOrderId=b1&newQty=0.01&newClientOrderId=b2").await;
    assert_eq!(status, StatusCode::OK, "{amended}");
    let told = &amended["amendedOrder"];
    assert_eq!((&told["orderId"], &told["qty"]), (&placed["orderId"], &json!("0.01000000")));
    assert_eq!((&told["origClientOrderId"], &told["clientOrderId"]), (&json!("b1"), &json!("b2")));
    assert_eq!(held(&alice).await, "500");
    for (query, code) in [
        ("symbol=BTCUSDT&origClientOrderId=b2&newQty=0.01", -2038),
        ("symbol=BTCUSDT&origClientOrderId=b2&newQty=0.03", -2038),
        ("symbol=BTCUSDT&origClientOrderId=b1&newQty=0.01", -2013),
        ("symbol=BTCUSDT&origClientOrderId=b2", -1102),
    ] {
        let (_, refused) = alice.send(Method::PUT, path, query).await;
        assert_eq!(refused["code"], json!(code), "{query}: {refused}");
    }
    let mut socket = alice.connect("/ws-api/v3").await.unwrap();
    let params = json!({"symbol": "BTCUSDT", "orderId": placed["orderId"], "newQty": "0.005"});
    let answer = socket.ask("id", json!({"id": 1, "method": "order.amend.keepPriority", "params": params})).await;
    assert_eq!((&answer["status"], &answer["result"]["amendedOrder"]["qty"]), (&json!(200), &json!("0.00500000")));
}

#[tokio::test]
async fn bybit_amends_price_and_quantity() {
    let bench = Bench::start().await;
    let alice = bench.alice();
    let order = json!({"category": "spot", "symbol": "BTCUSDT", "side": "Buy", "orderType": "Limit", "qty": "0.01", "price": "50000", "orderLinkId": "y1"});
    let (_, placed) = post(&alice, "/v5/order/create", &order).await;
    let change = json!({"category": "spot", "symbol": "BTCUSDT", "orderLinkId": "y1", "qty": "0.02", "price": "40000"});
    let (_, amended) = post(&alice, "/v5/order/amend", &change).await;
    assert_eq!((&amended["retCode"], &amended["result"]["orderId"]), (&json!(0), &placed["result"]["orderId"]));
    assert_eq!(held(&alice).await, "800");
    assert_eq!(post(&alice, "/v5/order/amend", &change).await.1["retCode"], json!(10_001), "the same again changes nothing");
    for (name, value, code) in
        [("orderLinkId", "none", 170_213), ("price", "40000.001", 170_134), ("qty", "90", 170_131), ("triggerPrice", "1", 10_001)]
    {
        let mut wrong = change.clone();
        wrong[name] = json!(value);
        assert_eq!(post(&alice, "/v5/order/amend", &wrong).await.1["retCode"], json!(code), "{name}");
    }
    let mut socket = alice.connect("/v5/trade").await.unwrap();
    let args = json!([{"category": "spot", "symbol": "BTCUSDT", "orderLinkId": "y1", "qty": "0.01"}]);
    let answer = socket.ask("reqId", json!({"id": "r1", "reqId": "r1", "op": "order.amend", "args": args})).await;
    assert_eq!(answer["retCode"], json!(0), "{answer}");
    assert_eq!(held(&alice).await, "400");
}

#[tokio::test]
async fn okx_amends_and_may_cancel_what_cannot_be_amended() {
    let bench = Bench::start().await;
    let alice = bench.alice();
    let order =
        json!({"instId": "BTC-USDT", "tdMode": "cash", "side": "buy", "ordType": "limit", "sz": "0.01", "px": "50000", "clOrdId": "o1"});
    post(&alice, "/api/v5/trade/order", &order).await;
    let change = json!({"instId": "BTC-USDT", "clOrdId": "o1", "newSz": "0.02", "newPx": "40000", "reqId": "q1"});
    let (_, amended) = post(&alice, "/api/v5/trade/amend-order", &change).await;
    assert_eq!((&amended["data"][0]["sCode"], &amended["data"][0]["reqId"]), (&json!("0"), &json!("q1")));
    assert_eq!(held(&alice).await, "800");
    let (_, told) = alice.get("/api/v5/trade/order?instId=BTC-USDT&clOrdId=o1").await;
    assert_eq!((&told["data"][0]["px"], &told["data"][0]["amendResult"]), (&json!("40000"), &json!("0")));
    for (wrong, code) in [
        (json!({"instId": "BTC-USDT", "clOrdId": "none", "newSz": "1"}), "51503"),
        (json!({"instId": "BTC-USDT", "clOrdId": "o1"}), "51500"),
        (json!({"instId": "BTC-USDT", "clOrdId": "o1", "newPx": "40000.001"}), "51006"),
        (json!({"instId": "BTC-USDT", "clOrdId": "o1", "newSz": "90", "cxlOnFail": true}), "51008"),
    ] {
        assert_eq!(post(&alice, "/api/v5/trade/amend-order", &wrong).await.1["data"][0]["sCode"], json!(code), "{wrong}");
    }
    assert!(open(&alice).await.is_empty(), "the last one asked for that");
}

#[tokio::test]
async fn kraken_amends_an_order_and_edits_it_into_another() {
    let bench = Bench::start().await;
    let alice = bench.alice();
    let form = |name: &'static str, form: String| {
        let alice = &alice;
        async move { alice.send(Method::POST, &format!("/0/private/{name}"), &form).await.1 }
    };
    let placed = form("AddOrder", "pair=XBTUSDT&type=buy&ordertype=limit&volume=0.01&price=50000&cl_ord_id=k1".to_owned()).await;
    let txid = placed["result"]["txid"][0].as_str().unwrap().to_owned();
    let amended = form("AmendOrder", "cl_ord_id=k1&order_qty=0.02&limit_price=40000".to_owned()).await;
    assert!(amended["result"]["amend_id"].is_string(), "{amended}");
    assert_eq!(held(&alice).await, "800");
    let edited = form("EditOrder", format!("txid={txid}&pair=XBTUSDT&volume=0.03&price=30000")).await;
    assert_eq!((&edited["result"]["status"], &edited["result"]["originaltxid"]), (&json!("ok"), &json!(txid)));
    assert_ne!(edited["result"]["txid"], json!(txid));
    assert_eq!(held(&alice).await, "900");
    for (name, wrong, error) in [
        ("AmendOrder", "cl_ord_id=k1&order_qty=1", "EOrder:Unknown order"),
        ("AmendOrder", "txid=none", "EOrder:Unknown order"),
        ("EditOrder", "volume=1", "EGeneral:Invalid arguments:txid"),
    ] {
        assert_eq!(form(name, wrong.to_owned()).await["error"][0], json!(error), "{name} {wrong}");
    }
    let mut socket = alice.connect("/v2").await.unwrap();
    let id = edited["result"]["txid"].clone();
    socket.send(json!({"method": "subscribe", "params": {"channel": "executions"}, "req_id": 1})).await;
    socket.until(|frame| frame["req_id"] == 1).await;
    socket.send(json!({"method": "amend_order", "params": {"order_id": id, "order_qty": 0.01}, "req_id": 2})).await;
    let told = socket.until(|frame| frame["data"][0]["exec_type"] == "amended").await;
    assert_eq!(told["data"][0]["order_qty"], json!(0.01));
    socket.send(json!({"method": "edit_order", "params": {"order_id": id, "symbol": "BTC/USDT", "order_qty": 0.02}, "req_id": 3})).await;
    let reply = socket.until(|frame| frame["req_id"] == 3).await;
    assert_eq!((&reply["success"], &reply["result"]["original_order_id"]), (&json!(true), &id));
}

#[tokio::test]
async fn deribit_edits_by_number_and_by_label() {
    let bench = Bench::start().await;
    let alice = bench.alice();
    let call = |method: &'static str, query: String| {
        let alice = &alice;
        async move { alice.get(&format!("/api/v2/private/{method}?{query}")).await.1 }
    };
    let placed = call("buy", "instrument_name=BTC_USDT&amount=0.01&type=limit&price=50000&label=l1".to_owned()).await;
    let id = placed["result"]["order"]["order_id"].as_str().unwrap().to_owned();
    let edited = call("edit", format!("order_id={id}&amount=0.02&price=40000")).await;
    let order = &edited["result"]["order"];
    assert_eq!((&order["order_id"], &order["replaced"], &edited["result"]["trades"]), (&json!(id), &json!(true), &json!([])));
    assert_eq!(held(&alice).await, "800");
    let edited = call("edit_by_label", "instrument_name=BTC_USDT&label=l1&amount=0.01&price=40000".to_owned()).await;
    assert_eq!(edited["result"]["order"]["amount"], json!(0.01), "{edited}");
    call("buy", "instrument_name=BTC_USDT&amount=0.01&type=limit&price=50000&label=l1".to_owned()).await;
    for (method, query, code) in [
        ("edit_by_label", "instrument_name=BTC_USDT&label=l1&amount=0.01", -32_602),
        ("edit_by_label", "instrument_name=BTC_USDT&label=none&amount=0.01", 10_004),
        ("edit", "order_id=USDT-99999999&amount=1", 10_004),
    ] {
        assert_eq!(call(method, query.to_owned()).await["error"]["code"], json!(code), "{method} {query}");
    }
    call("cancel_all", String::new()).await;
    assert_eq!(call("edit", format!("order_id={id}&amount=1")).await["error"]["code"], json!(11_044));
}

#[tokio::test]
async fn coinbase_previews_an_edit_and_makes_it() {
    let bench = Bench::start().await;
    let alice = bench.alice();
    let terms = json!({"limit_limit_gtc": {"base_size": "0.01", "limit_price": "50000"}});
    let order = json!({"client_order_id": "c1", "product_id": "BTC-USDT", "side": "BUY", "order_configuration": terms});
    let (_, placed) = post(&alice, "/api/v3/brokerage/orders", &order).await;
    let change = json!({"order_id": placed["order_id"], "size": "0.02", "price": "40000"});
    let (_, preview) = post(&alice, "/api/v3/brokerage/orders/edit_preview", &change).await;
    assert_eq!((&preview["errors"], &preview["order_total"]), (&json!([]), &json!("800")));
    assert_eq!(held(&alice).await, "500", "a preview changes nothing");
    let (_, edited) = post(&alice, "/api/v3/brokerage/orders/edit", &change).await;
    assert_eq!(edited, json!({"success": true, "errors": []}));
    assert_eq!(held(&alice).await, "800");
    for (name, value, reason) in [
        ("order_id", "none", "ORDER_NOT_FOUND"),
        ("size", "0", "INVALID_EDITED_SIZE"),
        ("price", "1.001", "INVALID_EDITED_PRICE"),
        ("size", "90", "COMMANDER_REJECTED_EDIT_ORDER"),
    ] {
        let mut wrong = change.clone();
        wrong[name] = json!(value);
        let (_, refused) = post(&alice, "/api/v3/brokerage/orders/edit", &wrong).await;
        assert_eq!((&refused["success"], &refused["errors"][0]["edit_failure_reason"]), (&json!(false), &json!(reason)));
    }
}

#[tokio::test]
async fn gate_amends_over_http_and_over_the_websocket() {
    let bench = Bench::start().await;
    let alice = bench.alice();
    let order = json!({"currency_pair": "BTC_USDT", "side": "buy", "amount": "0.01", "price": "50000", "text": "t-g1"});
    let (_, placed) = post(&alice, "/api/v4/spot/orders", &order).await;
    let path = format!("/api/v4/spot/orders/{}?currency_pair=BTC_USDT", placed["id"].as_str().unwrap());
    let (status, amended) = alice.send(Method::PATCH, &path, r#"{"amount":"0.02","price":"40000","amend_text":"why"}"#).await;
    assert_eq!((status, &amended["id"], &amended["amend_text"]), (StatusCode::OK, &placed["id"], &json!("why")));
    assert_eq!(held(&alice).await, "800");
    for (body, label) in
        [("{}", "MISSING_REQUIRED_PARAM"), (r#"{"price":"40000.001"}"#, "INVALID_PRECISION"), (r#"{"amount":"90"}"#, "BALANCE_NOT_ENOUGH")]
    {
        assert_eq!(alice.send(Method::PATCH, &path, body).await.1["label"], json!(label), "{body}");
    }
    let mut socket = alice.connect("/ws/v4").await.unwrap();
    let param = json!({"order_id": placed["id"], "currency_pair": "BTC_USDT", "amount": "0.01"});
    socket.send(json!({"channel": "spot.order_amend", "event": "api", "payload": {"req_id": "r1", "req_param": param}})).await;
    let answer = socket.until(|frame| frame["request_id"] == "r1").await;
    assert_eq!(answer["data"]["result"]["amount"], json!("0.01000000"), "{answer}");
}

#[tokio::test]
async fn kucoin_alters_an_order_into_a_new_one_and_cancels_a_part() {
    let bench = Bench::start().await;
    let alice = bench.alice();
    let order = json!({"symbol": "BTC-USDT", "side": "buy", "type": "limit", "size": "0.01", "price": "50000", "clientOid": "u1"});
    let (_, placed) = post(&alice, "/api/v1/hf/orders", &order).await;
    let change = json!({"symbol": "BTC-USDT", "clientOid": "u1", "newSize": "0.02", "newPrice": "40000"});
    let (_, altered) = post(&alice, "/api/v1/hf/orders/alter", &change).await;
    let id = altered["data"]["newOrderId"].as_str().unwrap().to_owned();
    assert_ne!(placed["data"]["orderId"], json!(id));
    assert_eq!((&altered["data"]["clientOid"], held(&alice).await.as_str()), (&json!("u1"), "800"));
    let path = format!("/api/v1/hf/orders/cancel/{id}?symbol=BTC-USDT&cancelSize=0.01");
    let (_, smaller) = alice.send(Method::DELETE, &path, "").await;
    assert_eq!((&smaller["data"]["cancelSize"], held(&alice).await.as_str()), (&json!("0.01"), "400"));
    for (wrong, code) in [
        (json!({"symbol": "BTC-USDT", "clientOid": "none", "newSize": "1"}), "400100"),
        (json!({"symbol": "BTC-USDT", "clientOid": "u1"}), "400100"),
        (json!({"symbol": "BTC-USDT", "clientOid": "u1", "newSize": "90"}), "200004"),
    ] {
        assert_eq!(post(&alice, "/api/v1/hf/orders/alter", &wrong).await.1["code"], json!(code), "{wrong}");
    }
    assert_eq!(open(&alice).await, [id.parse::<u64>().unwrap()]);
}

#[tokio::test]
async fn bitfinex_updates_what_is_left_with_the_sign_of_the_side() {
    let bench = Bench::start().await;
    let alice = bench.alice();
    let order = json!({"symbol": "tBTCUST", "type": "EXCHANGE LIMIT", "amount": "-0.01", "price": "150000"});
    let (_, placed) = post(&alice, "/v2/auth/w/order/submit", &order).await;
    let id = placed[4][0][0].clone();
    let (_, updated) = post(&alice, "/v2/auth/w/order/update", &json!({"id": id, "amount": "-0.02", "price": "160000"})).await;
    assert_eq!((&updated[1], &updated[4][0], &updated[4][6], &updated[4][16]), (&json!("ou-req"), &id, &json!(-0.02), &json!(160_000)));
    let (_, updated) = post(&alice, "/v2/auth/w/order/update", &json!({"id": id, "delta": "-0.01"})).await;
    assert_eq!(updated[4][6], json!(-0.03));
    for wrong in [json!({"id": 1, "amount": "-1"}), json!({"id": id, "amount": "1"}), json!({"id": id, "amount": "-90"})] {
        let (status, refused) = post(&alice, "/v2/auth/w/order/update", &wrong).await;
        assert_eq!((status, &refused[0]), (StatusCode::INTERNAL_SERVER_ERROR, &json!("error")), "{wrong}");
    }
}

#[tokio::test]
async fn bitmex_amends_by_either_name() {
    let bench = Bench::start().await;
    let alice = bench.alice();
    let order = json!({"symbol": "XBT_USDT", "side": "Buy", "orderQty": 1_000_000, "price": 50_000, "clOrdID": "x1"});
    let (_, placed) = post(&alice, "/api/v1/order", &order).await;
    let change = json!({"origClOrdID": "x1", "clOrdID": "x2", "orderQty": 2_000_000, "price": 40_000});
    let (status, amended) = alice.send(Method::PUT, "/api/v1/order", &change.to_string()).await;
    assert_eq!((status, &amended["orderID"], &amended["clOrdID"]), (StatusCode::OK, &placed["orderID"], &json!("x2")));
    assert_eq!(held(&alice).await, "800");
    for (wrong, status, message) in [
        (json!({"origClOrdID": "x1", "price": 1}), StatusCode::NOT_FOUND, "Not Found"),
        (
            json!({"origClOrdID": "x2", "price": 40_000}),
            StatusCode::BAD_REQUEST,
            "Invalid amend: orderQty, leavesQty, price, stopPx, pegOffsetValue unchanged",
        ),
        (json!({"orderID": placed["orderID"], "price": 40_000.001}), StatusCode::BAD_REQUEST, "Invalid price"),
    ] {
        let (got, refused) = alice.send(Method::PUT, "/api/v1/order", &wrong.to_string()).await;
        assert_eq!((got, &refused["error"]["message"]), (status, &json!(message)), "{wrong}");
    }
}

#[tokio::test]
async fn hyperliquid_modifies_one_and_many() {
    let bench = Bench::start().await;
    let mut who = claims("alice", ALL_SCOPES);
    who["client_id"] = json!("0x19e7e376e7c213b7e7e7e46cc70a5dd086daff2a");
    let wallet = bench.client(Some(bench.signer.sign(&who)));
    let wire = |price: &str, size: &str| json!({"a": 10_000, "b": true, "p": price, "s": size, "r": false, "t": {"limit": {"tif": "Gtc"}}});
    let act = |action: Value| {
        let wallet = &wallet;
        async move { post(wallet, "/exchange", &json!({"action": action, "nonce": 1, "signature": {}})).await.1 }
    };
    let placed = act(json!({"type": "order", "orders": [wire("50000", "0.01")], "grouping": "na"})).await;
    let oid = placed["response"]["data"]["statuses"][0]["resting"]["oid"].clone();
    let modified = act(json!({"type": "modify", "oid": oid, "order": wire("40000", "0.02")})).await;
    assert_eq!(modified, json!({"status": "ok", "response": {"type": "default"}}));
    let now = open(&wallet).await;
    assert_eq!((now.len(), held(&wallet).await.as_str()), (1, "800"));
    let modifies = json!([{"oid": now[0], "order": wire("30000", "0.02")}, {"oid": oid, "order": wire("30000", "0.02")}]);
    let modified = act(json!({"type": "batchModify", "modifies": modifies})).await;
    let statuses = &modified["response"]["data"]["statuses"];
    assert!(statuses[0]["resting"]["oid"].is_u64(), "{modified}");
    assert_eq!((&statuses[1]["error"], held(&wallet).await.as_str()), (&json!("Cannot modify canceled or filled order"), "600"));
    assert_eq!(act(json!({"type": "modify", "oid": oid, "order": wire("30000", "0.02")})).await["status"], json!("err"));
}

#[tokio::test]
async fn kraken_futures_edits_and_says_when_it_finds_nothing() {
    let bench = Bench::start().await;
    let alice = bench.alice();
    let send = |name: &'static str, query: String| {
        let alice = &alice;
        async move { alice.send(Method::POST, &format!("/derivatives/api/v3/{name}?{query}"), "").await.1 }
    };
    let (_, listed) = alice.get("/derivatives/api/v3/instruments").await;
    let symbol = listed["instruments"][0]["symbol"].as_str().unwrap();
    send("sendorder", format!("symbol={symbol}&side=buy&orderType=lmt&size=0.01&limitPrice=50000&cliOrdId=f1")).await;
    let edited = send("editorder", "cliOrdId=f1&size=0.02&limitPrice=40000".to_owned()).await;
    let event = &edited["editStatus"]["orderEvents"][0];
    assert_eq!((&edited["editStatus"]["status"], &event["type"]), (&json!("edited"), &json!("EDIT")));
    assert_eq!((&event["old"]["quantity"], &event["new"]["quantity"]), (&json!(0.01), &json!(0.02)));
    let none = send("editorder", "cliOrdId=none&size=0.02".to_owned()).await;
    assert_eq!((&none["result"], &none["editStatus"]["status"]), (&json!("success"), &json!("orderForEditNotFound")));
    let (_, told) = alice.get("/derivatives/api/v3/orders/status?cliOrdIds=f1").await;
    assert_eq!((&told["orders"][0]["status"], &told["orders"][0]["order"]["quantity"]), (&json!("ENTERED_BOOK"), &json!(0.02)));
}

#[tokio::test]
async fn nobody_amends_without_the_scope() {
    let bench = Bench::start().await;
    let reader = bench.client(Some(bench.signer.token("alice", "order:read")));
    for (method, path) in [
        (Method::PUT, "/api/v3/order/amend/keepPriority?symbol=BTCUSDT&orderId=1&newQty=1"),
        (Method::POST, "/v5/order/amend"),
        (Method::POST, "/v5/order/create-batch"),
        (Method::POST, "/api/v5/trade/amend-order"),
        (Method::POST, "/0/private/AmendOrder"),
        (Method::POST, "/0/private/EditOrder"),
        (Method::POST, "/0/private/AddOrderBatch"),
        (Method::GET, "/api/v2/private/edit?order_id=USDT-1&amount=1"),
        (Method::POST, "/api/v3/brokerage/orders/edit"),
        (Method::PATCH, "/api/v4/spot/orders/1"),
        (Method::POST, "/api/v4/spot/batch_orders"),
        (Method::POST, "/api/v1/hf/orders/alter"),
        (Method::POST, "/api/v1/hf/orders/multi"),
        (Method::POST, "/v2/auth/w/order/update"),
        (Method::POST, "/v2/auth/w/order/multi"),
        (Method::PUT, "/api/v1/order"),
        (Method::POST, "/derivatives/api/v3/editorder"),
        (Method::POST, "/derivatives/api/v3/batchorder"),
    ] {
        let before = bench.venue.arrivals().refused;
        let (_, answer) = reader.send(method, path, "{}").await;
        assert_eq!(bench.venue.arrivals().refused, before + 1, "{path}: {answer}");
    }
    assert_eq!(bench.venue.arrivals().orders_placed, 0);
}
