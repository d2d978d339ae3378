//! The Hyperliquid façade: questions, actions, subscriptions.

use http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::shape::shape;
use crate::support::{ALL_SCOPES, Bench, Client, Socket, claims};

const ADDRESS: &str = "0x19e7e376e7c213b7e7e7e46cc70a5dd086daff2a";

/// Alice, whose key is named by an address.
fn wallet(bench: &Bench) -> Client {
    let mut claims = claims("alice", ALL_SCOPES);
    claims["client_id"] = json!(ADDRESS);
    bench.client(Some(bench.signer.sign(&claims)))
}

async fn info(client: &Client, question: Value) -> Value {
    let (status, body) = client.send(Method::POST, "/info", &question.to_string()).await;
    assert_eq!(status, StatusCode::OK, "{question}: {body}");
    body
}

async fn balance_of(bench: &Bench, address: &str) -> Value {
    info(&bench.stranger(), json!({"type": "spotClearinghouseState", "user": address})).await
}

async fn act(client: &Client, action: Value) -> Value {
    let body = json!({"action": action, "nonce": 1, "signature": {"r": "0x0", "s": "0x0", "v": 27}, "vaultAddress": null});
    client.send(Method::POST, "/exchange", &body.to_string()).await.1
}

fn order(price: &str, size: &str, tif: &str) -> Value {
    let wire = json!({"a": 10_000, "b": true, "p": price, "s": size, "r": false, "t": {"limit": {"tif": tif}}});
    json!({"type": "order", "orders": [wire], "grouping": "na"})
}

#[tokio::test]
async fn answers_have_the_shape_of_the_venue() {
    let bench = Bench::start().await;
    let wallet = wallet(&bench);
    let mut shapes = serde_json::Map::new();
    let resting = act(&wallet, order("50000", "0.01", "Gtc")).await;
    shapes.insert("order resting".to_owned(), shape(&resting));
    shapes.insert("order filled".to_owned(), shape(&act(&wallet, order("200000", "0.01", "Ioc")).await));
    let oid = &resting["response"]["data"]["statuses"][0]["resting"]["oid"];
    for question in [
        json!({"type": "allMids"}),
        json!({"type": "candleSnapshot", "req": {"coin": "BTC/USDT", "interval": "1m", "startTime": 0}}),
        json!({"type": "l2Book", "coin": "BTC/USDT"}),
        json!({"type": "meta"}),
        json!({"type": "metaAndAssetCtxs"}),
        json!({"type": "perpDexs"}),
        json!({"type": "recentTrades", "coin": "@0"}),
        json!({"type": "spotMeta"}),
        json!({"type": "spotMetaAndAssetCtxs"}),
        json!({"type": "clearinghouseState", "user": ADDRESS}),
        json!({"type": "frontendOpenOrders", "user": ADDRESS}),
        json!({"type": "historicalOrders", "user": ADDRESS}),
        json!({"type": "orderStatus", "user": ADDRESS, "oid": oid}),
        json!({"type": "spotClearinghouseState", "user": ADDRESS}),
        json!({"type": "userAbstraction", "user": ADDRESS}),
        json!({"type": "userFees", "user": ADDRESS}),
        json!({"type": "userFills", "user": ADDRESS}),
        json!({"type": "userFunding", "user": ADDRESS}),
        json!({"type": "userNonFundingLedgerUpdates", "user": ADDRESS}),
    ] {
        let answer = info(&bench.stranger(), question.clone()).await;
        shapes.insert(question["type"].as_str().unwrap().to_owned(), shape(&answer));
    }
    insta::assert_json_snapshot!("hyperliquid_shapes", Value::from(shapes));
}

/// Clients read their balance before they act, and `/info` is asked by nobody in particular.
#[tokio::test]
async fn an_address_that_has_done_nothing_is_known_where_its_key_is_registered() {
    let bench = Bench::start().await;
    bench.venue.ask_owners_of(|address| (address == ADDRESS).then(|| "alice".to_owned()));
    let upper = format!("0x{}", ADDRESS[2..].to_ascii_uppercase());
    assert_eq!(balance_of(&bench, &upper).await["balances"][1]["total"], "1000000");
    assert_eq!(balance_of(&bench, "0x0000000000000000000000000000000000000001").await, json!({"balances": []}));
    // Not by the wallet: an address that has acted is known by that, whoever is registered.
    assert_eq!(act(&bench.alice(), order("50000", "0.01", "Gtc")).await["status"], "ok");
    assert_eq!(balance_of(&bench, ADDRESS).await["balances"][1]["hold"], "500", "it is the account of the registered key");
    assert_eq!(act(&wallet(&bench), order("50000", "0.01", "Gtc")).await["status"], "ok");
    assert_eq!(balance_of(&bench, ADDRESS).await["balances"][1]["hold"], "1000", "and the one that the key acts for");
}

#[tokio::test]
async fn an_address_is_known_once_an_identity_has_used_it() {
    let bench = Bench::start().await;
    let question = json!({"type": "spotClearinghouseState", "user": ADDRESS});
    assert_eq!(info(&bench.stranger(), question.clone()).await, json!({"balances": []}));
    let resting = act(&wallet(&bench), order("50000", "0.01", "Gtc")).await;
    let known = info(&bench.stranger(), question).await;
    assert_eq!(known["balances"][1], json!({"coin": "USDT", "token": 0, "total": "1000000", "hold": "500"}));
    let oid = &resting["response"]["data"]["statuses"][0]["resting"]["oid"];
    let other = "0x0000000000000000000000000000000000000001";
    let status = info(&bench.stranger(), json!({"type": "orderStatus", "user": other, "oid": oid})).await;
    assert_eq!(status, json!({"status": "unknownOid"}));
}

#[tokio::test]
async fn each_order_of_an_action_stands_alone() {
    let bench = Bench::start().await;
    let wallet = wallet(&bench);
    let wire = |asset: u32, price: &str, size: &str, tif: &str| json!({"a": asset, "b": true, "p": price, "s": size, "r": false, "t": {"limit": {"tif": tif}}, "c": null});
    let orders = [
        (wire(10_000, "50000", "0.01", "Gtc"), None),
        (wire(10_001, "50000", "0.01", "Gtc"), Some("Unknown asset")),
        (wire(10_000, "50000", "0.0001", "Gtc"), Some("Order must have minimum value of $10")),
        (wire(10_000, "50000.001", "0.01", "Gtc"), Some("Price must be divisible by tick size.")),
        (wire(10_000, "90000", "500", "Gtc"), Some("Insufficient spot balance asset")),
        (wire(10_000, "200000", "0.01", "Alo"), Some("Post only order would have immediately matched,")),
        (wire(10_000, "50000", "0.01", "Ioc"), Some("Order could not immediately match against any resting orders.")),
        (wire(10_000, "50000", "0.01", "Day"), Some("Invalid tif")),
    ];
    let wires: Vec<&Value> = orders.iter().map(|(wire, _)| wire).collect();
    let answer = act(&wallet, json!({"type": "order", "orders": wires, "grouping": "na"})).await;
    for (number, (wire, error)) in orders.iter().enumerate() {
        let status = &answer["response"]["data"]["statuses"][number];
        match error {
            None => assert!(status["resting"]["oid"].is_u64(), "{wire}: {status}"),
            Some(error) => assert!(status["error"].as_str().unwrap().starts_with(error), "{wire}: {status}"),
        }
    }
    let oid = &answer["response"]["data"]["statuses"][0]["resting"]["oid"];
    let cancel = json!({"type": "cancel", "cancels": [{"a": 10_000, "o": oid}, {"a": 10_000, "o": oid}]});
    let canceled = act(&wallet, cancel).await;
    assert_eq!(canceled["response"]["data"]["statuses"][0], json!("success"));
    assert!(canceled["response"]["data"]["statuses"][1]["error"].is_string());
}

#[tokio::test]
async fn an_action_without_identity_or_of_an_unserved_kind_is_refused() {
    let bench = Bench::start().await;
    let refused = act(&bench.stranger(), order("50000", "0.01", "Gtc")).await;
    assert_eq!(refused, json!({"status": "err", "response": "User or API Wallet does not exist."}));
    let unserved = act(&wallet(&bench), json!({"type": "usdSend", "amount": "1"})).await;
    assert_eq!(unserved, json!({"status": "err", "response": "This action is not served."}));
    let treasurer = bench.client(Some(bench.signer.token("alice", "funds:withdraw")));
    assert_eq!(act(&treasurer, json!({"type": "withdraw3", "amount": "1"})).await, unserved, "who may not trade is told the same");
    assert_ne!(act(&treasurer, order("50000", "0.01", "Gtc")).await["status"], json!("ok"));
    for (path, body) in [("/info", "{"), ("/info", r#"{"type":"nothing","user":"0x"}"#), ("/exchange", "{}")] {
        let (status, _) = wallet(&bench).send(Method::POST, path, body).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{path} {body}");
    }
    assert_eq!(bench.venue.arrivals().orders_placed, 0);
}

#[tokio::test]
async fn the_websocket_trades_and_reports() {
    // The vendor's path is Binance's, too: the first frame decides.
    for path in ["/hyperliquid/ws", "/ws"] {
        trades_and_reports(path).await;
    }
}

async fn trades_and_reports(path: &str) {
    let bench = Bench::start().await;
    let mut socket = wallet(&bench).connect(path).await.unwrap();
    let kinds = [
        ("orderUpdates", "subscriptionResponse"),
        ("userEvents", "subscriptionResponse"),
        ("userFills", "userFills"),
        ("spotState", "spotState"),
    ];
    for (kind, channel) in kinds {
        socket.send(json!({"method": "subscribe", "subscription": {"type": kind, "user": ADDRESS}})).await;
        socket.until(|frame| frame["channel"] == channel).await;
    }
    let action = json!({"action": order("200000", "0.01", "Ioc"), "nonce": 1, "signature": {}});
    socket.send(json!({"method": "post", "id": 7, "request": {"type": "action", "payload": action}})).await;
    let update = socket.until(|frame| frame["channel"] == "orderUpdates").await;
    assert_eq!(update["data"][0]["status"], json!("open"));
    let fills = socket.until(|frame| frame["channel"] == "userFills").await;
    assert_eq!((&fills["data"]["user"], &fills["data"]["fills"][0]["side"]), (&json!(ADDRESS), &json!("B")));
    let state = socket.until(|frame| frame["channel"] == "spotState").await;
    let bought = json!({"coin": "BTC", "token": 1, "total": "10.00999", "hold": "0"});
    assert_eq!((&state["data"]["user"], &state["data"]["spotState"]["balances"][0]), (&json!(ADDRESS), &bought));
    let answer = socket.until(|frame| frame["channel"] == "post").await;
    assert_eq!(answer["data"]["id"], json!(7));
    assert!(answer["data"]["response"]["payload"]["response"]["data"]["statuses"][0]["filled"].is_object(), "{answer}");
}

#[tokio::test]
async fn market_streams_need_no_identity() {
    let bench = Bench::start().await;
    for path in ["/hyperliquid/ws", "/ws"] {
        hears_the_market(bench.stranger().connect(path).await.unwrap()).await;
    }
}

async fn hears_the_market(mut socket: Socket) {
    for (kind, channel) in
        [("allMids", "allMids"), ("l2Book", "l2Book"), ("trades", "trades"), ("bbo", "bbo"), ("activeAssetCtx", "activeSpotAssetCtx")]
    {
        socket.send(json!({"method": "subscribe", "subscription": {"type": kind, "coin": "BTC/USDT"}})).await;
        let message = socket.until(|frame| frame["channel"] == channel).await;
        assert!(!message["data"].is_null(), "{message}");
    }
    socket.send(json!({"method": "ping"})).await;
    socket.until(|frame| frame["channel"] == "pong").await;
    socket.send(json!({"method": "subscribe", "subscription": {"type": "l2Book", "coin": "NO/PE"}})).await;
    socket.until(|frame| frame["channel"] == "error").await;
}

#[tokio::test]
async fn who_holds_a_stream_of_binance_is_no_client_of_this_venue() {
    let bench = Bench::start().await;
    let mut socket = bench.stranger().connect("/ws").await.unwrap();
    socket.send(json!({"method": "SUBSCRIBE", "params": ["btcusdt@ticker"], "id": 1})).await;
    socket.until(|frame| frame["id"] == 1).await;
    socket.send(json!({"method": "subscribe", "subscription": {"type": "allMids"}, "id": 2})).await;
    let answer = socket.until(|frame| frame["id"] == 2).await;
    assert_eq!(answer["error"]["code"], json!(2), "{answer}");
}

#[tokio::test]
async fn a_nonce_is_used_up_by_an_action_that_does_nothing() {
    let bench = Bench::start().await;
    let done = json!({"status": "ok", "response": {"type": "default"}});
    assert_eq!(act(&wallet(&bench), json!({"type": "noop"})).await, done);
    let refused = act(&bench.stranger(), json!({"type": "noop"})).await;
    assert_eq!(refused["status"], json!("err"));
}
