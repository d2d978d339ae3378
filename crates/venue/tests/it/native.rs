//! The native façade: frames, events, HTTP.

use http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::support::{ALL_SCOPES, Bench};

#[tokio::test]
async fn four_instruments_are_listed() {
    let bench = Bench::start().await;
    let (status, body) = bench.stranger().get("/native/v1/markets").await;
    assert_eq!((status, &body["ok"]), (StatusCode::OK, &json!(true)));
    let kinds: Vec<&Value> = body["markets"].as_array().unwrap().iter().map(|market| &market["kind"]).collect();
    assert_eq!(kinds, ["spot", "future", "option", "perpetual"]);
}

#[tokio::test]
async fn an_order_in_the_first_http_request_fills() {
    let bench = Bench::start().await;
    let alice = bench.alice();
    let order = json!({"sym": "BTCUSDT", "side": "buy", "type": "limit", "qty": "0.01", "px": "110000", "cl": "h1"});
    let (status, placed) = alice.send(Method::POST, "/native/v1/orders", &order.to_string()).await;
    assert_eq!((status, &placed["order"]["state"]), (StatusCode::OK, &json!("filled")));
    assert_eq!(placed["fills"][0]["order"], placed["order"]["order"]);
    let (_, balance) = alice.get("/native/v1/balance").await;
    assert_eq!(balance["balances"][0]["total"], json!("10.00999"));
    let (status, refused) = alice.get("/native/v1/ticker?symbol=BTCUSDT").await;
    assert_eq!((status, &refused["err"]["code"]), (StatusCode::BAD_REQUEST, &json!("bad_request")), "no parameter is passed over");
    let (_, fills) = alice.get("/native/v1/fills?sym=BTCUSDT").await;
    assert_eq!(fills["fills"].as_array().unwrap().len(), placed["fills"].as_array().unwrap().len());
}

#[tokio::test]
async fn orders_are_read_and_cancelled_over_http() {
    let bench = Bench::start().await;
    let alice = bench.alice();
    let order = json!({"sym": "BTCUSDT", "side": "buy", "type": "limit", "qty": "0.01", "px": "50000", "tif": "post"});
    let (_, placed) = alice.send(Method::POST, "/native/v1/orders", &order.to_string()).await;
    let path = format!("/native/v1/orders/{}", placed["order"]["order"]);
    assert_eq!(alice.get(&path).await.1["order"]["state"], json!("open"));
    assert_eq!(alice.get("/native/v1/orders").await.1["orders"].as_array().unwrap().len(), 1);
    let bob = bench.client(Some(bench.signer.token("bob", ALL_SCOPES)));
    assert_eq!(bob.send(Method::DELETE, &path, "").await.0, StatusCode::NOT_FOUND);
    assert_eq!(alice.send(Method::DELETE, &path, "").await.1["order"]["state"], json!("canceled"));
    assert_eq!(alice.send(Method::DELETE, &path, "").await.1["err"]["code"], json!("unknown_order"));
}

#[tokio::test]
async fn frames_trade_every_kind_of_instrument() {
    let bench = Bench::start().await;
    let mut socket = bench.alice().connect("/native/v1").await.unwrap();
    let markets = socket.ask("re", json!({"op": "markets", "id": "m"})).await;
    for (number, market) in markets["markets"].as_array().unwrap().iter().enumerate() {
        let order = json!({"op": "order.place", "id": number, "sym": market["sym"], "side": "sell", "type": "market", "qty": "0.1"});
        let answer = socket.ask("re", order).await;
        assert_eq!((&answer["ok"], &answer["order"]["state"]), (&json!(true), &json!("filled")), "{answer}");
    }
    let balance = socket.ask("re", json!({"op": "balance", "id": "b"})).await;
    let positions = balance["positions"].as_array().unwrap();
    assert_eq!(positions.iter().map(|one| &one["qty"]).collect::<Vec<_>>(), ["-0.1", "-0.1", "-0.1"]);
}

#[tokio::test]
async fn a_live_client_order_id_is_refused_and_the_id_is_echoed_as_written() {
    let bench = Bench::start().await;
    let mut socket = bench.alice().connect("/native/v1").await.unwrap();
    let order = |id: Value| json!({"op": "order.place", "id": id, "sym": "BTCUSDT", "side": "buy", "type": "limit", "qty": "0.01", "px": "50000", "cl": "mine"});
    assert_eq!(socket.ask("re", order(json!("one"))).await["ok"], json!(true));
    let again = socket.ask("re", order(json!(2.50))).await;
    assert_eq!((&again["ok"], &again["err"]["code"]), (&json!(false), &json!("duplicate_cl")));
    assert_eq!(socket.ask("re", json!({"op": "order.cancel", "id": 3, "cl": "mine"})).await["order"]["state"], json!("canceled"));
    assert_eq!(socket.ask("re", order(json!(4))).await["ok"], json!(true));
    let list = socket.ask("re", json!({"op": "order.list", "id": 5})).await;
    assert_eq!(list["orders"].as_array().unwrap().len(), 1);
    let all = socket.ask("re", json!({"op": "order.cancel_all", "id": 6, "sym": "BTCUSDT"})).await;
    assert_eq!(all["canceled"], json!([list["orders"][0]["order"]]));
}

#[tokio::test]
async fn orders_are_withdrawn_by_class() {
    let bench = Bench::start().await;
    let mut socket = bench.alice().connect("/native/v1").await.unwrap();
    let markets = socket.ask("re", json!({"op": "markets", "id": "m"})).await;
    let future = markets["markets"].as_array().unwrap().iter().find(|market| market["kind"] == "future").unwrap()["sym"].clone();
    let order = |sym: &Value, side: &str, qty: &str, px: &str, more: Value| {
        let mut order = json!({"op": "order.place", "id": 1, "sym": sym, "side": side, "type": "limit", "qty": qty, "px": px});
        order.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        order
    };
    let spot = json!("BTCUSDT");
    let reducing = order(&future, "sell", "0.1", "900000", json!({"reduce": true}));
    assert_eq!(socket.ask("re", reducing.clone()).await["err"]["code"], json!("not_reducing"), "nothing is held");
    let bought = json!({"op": "order.place", "id": 2, "sym": future, "side": "buy", "type": "market", "qty": "0.1"});
    assert_eq!(socket.ask("re", bought).await["order"]["state"], json!("filled"));
    let reduces = socket.ask("re", reducing.clone()).await["order"].clone();
    assert_eq!((&reduces["state"], &reduces["reduce"]), (&json!("open"), &json!(true)));
    assert_eq!(socket.ask("re", reducing).await["err"]["code"], json!("not_reducing"), "what rests counts");
    let day = socket.ask("re", order(&spot, "buy", "0.01", "50000", json!({"tif": "day"}))).await["order"].clone();
    let lasting = socket.ask("re", order(&spot, "buy", "0.01", "50000", json!({"tif": "gtc"}))).await["order"].clone();
    assert_eq!((&day["tif"], &lasting["tif"]), (&json!("day"), &json!("gtc")));
    let mut cancel = async |class: &str| socket.ask("re", json!({"op": "order.cancel_all", "id": 3, "class": class})).await;
    assert_eq!(cancel("night").await["err"]["code"], json!("bad_request"));
    assert_eq!(cancel("day").await["canceled"], json!([day["order"]]));
    assert_eq!(cancel("opening").await["canceled"], json!([lasting["order"]]), "what reduces stays");
    assert_eq!(cancel("all").await["canceled"], json!([reduces["order"]]));
}

#[tokio::test]
async fn events_follow_subscriptions() {
    let bench = Bench::start().await;
    let mut socket = bench.alice().connect("/native/v1").await.unwrap();
    let feeds = json!(["ticker", "book", "trade", "orders"]);
    let answer = socket.ask("re", json!({"op": "subscribe", "id": 1, "sym": "BTCUSDT", "feeds": feeds})).await;
    assert_eq!(answer["ok"], json!(true));
    for event in ["ticker", "book", "trade"] {
        let seen = socket.until(|frame| frame["ev"] == event).await;
        assert_eq!(seen["sym"], json!("BTCUSDT"));
    }
    socket.send(json!({"op": "order.place", "id": 2, "sym": "BTCUSDT", "side": "buy", "type": "market", "quote": "500"})).await;
    let mut own = Vec::new();
    while own.last() != Some(&"balance".to_owned()) {
        let frame = socket.until(|frame| matches!(frame["ev"].as_str(), Some("order" | "fill" | "balance"))).await;
        own.push(frame["ev"].as_str().unwrap().to_owned());
    }
    assert_eq!(own, ["order", "order", "fill", "balance"]);
}

#[tokio::test]
async fn a_stranger_may_watch_but_not_touch() {
    let bench = Bench::start().await;
    let mut socket = bench.stranger().connect("/native/v1").await.unwrap();
    assert_eq!(
        socket.ask("re", json!({"op": "book", "id": 1, "sym": "BTCUSDT", "depth": 3})).await["book"]["bids"].as_array().unwrap().len(),
        3
    );
    for (id, op) in ["balance", "order.place", "order.cancel", "order.cancel_all", "order.status", "order.list", "fills", "settlements"]
        .iter()
        .enumerate()
    {
        let answer = socket.ask("re", json!({"op": op, "id": id + 10, "sym": "BTCUSDT"})).await;
        assert_eq!(answer["err"]["code"], json!("unauthorized"), "{op}");
    }
    let own = socket.ask("re", json!({"op": "subscribe", "id": 2, "feeds": ["orders"]})).await;
    assert_eq!(own["err"]["code"], json!("unauthorized"));
    assert_eq!(bench.venue.arrivals().private, 0);
}

#[tokio::test]
async fn closing_the_venue_says_goodbye() {
    let bench = Bench::start().await;
    let mut socket = bench.alice().connect("/native/v1").await.unwrap();
    socket.ask("re", json!({"op": "markets", "id": 1})).await;
    bench.venue.shutdown().await;
    assert_eq!(socket.next().await, None);
}
