//! The Deribit façade: JSON-RPC over HTTP and WebSocket.

use http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::kinds::shape;
use crate::support::{ALL_SCOPES, Bench, Client};

const RESTING: &str = "instrument_name=BTC_USDT&amount=0.01&type=limit&price=50000";

/// Calls a method by GET; the `result`, or the error's code.
async fn call(client: &Client, method: &str, query: &str) -> Result<Value, i64> {
    let (status, body) = client.get(&format!("/api/v2/{method}?{query}")).await;
    match body["error"]["code"].as_i64() {
        Some(code) => {
            assert_eq!(status, StatusCode::BAD_REQUEST);
            Err(code)
        }
        None => Ok(body["result"].clone()),
    }
}

/// The names of the spot pair, the future and the option.
async fn instruments(client: &Client) -> Vec<String> {
    let listed = call(client, "public/get_instruments", "currency=BTC").await.unwrap();
    listed.as_array().unwrap().iter().map(|one| one["instrument_name"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn answers_have_the_shape_of_the_venue() {
    let bench = Bench::start().await;
    let alice = bench.alice();
    let names = instruments(&alice).await;
    let future = &names[1];
    let mut shapes = serde_json::Map::new();
    let resting = call(&alice, "private/buy", &format!("{RESTING}&label=l1")).await.unwrap();
    let taken = call(&alice, "private/buy", &format!("instrument_name={future}&amount=0.01&type=market")).await.unwrap();
    shapes.insert("private/buy resting".to_owned(), shape(&resting));
    shapes.insert("private/buy filled".to_owned(), shape(&taken));
    let order = format!("order_id={}", resting["order"]["order_id"].as_str().unwrap());
    let one = format!("instrument_name={future}");
    for (method, query) in [
        ("private/get_account_summaries", ""),
        ("private/get_account_summary", "currency=BTC"),
        ("private/get_open_orders_by_currency", "currency=BTC"),
        ("private/get_order_history_by_instrument", one.as_str()),
        ("private/get_order_state", order.as_str()),
        ("private/get_positions", "currency=BTC"),
        ("private/get_user_trades_by_instrument", one.as_str()),
        ("public/get_book_summary_by_instrument", one.as_str()),
        ("public/get_currencies", ""),
        ("public/get_instruments", "kind=option"),
        ("public/get_instrument", one.as_str()),
        ("public/get_last_trades_by_instrument", one.as_str()),
        ("public/get_order_book", one.as_str()),
        ("public/get_time", ""),
        ("public/ticker", one.as_str()),
        ("private/cancel", order.as_str()),
        ("private/cancel_all", ""),
    ] {
        let result = call(&alice, method, query).await.unwrap();
        shapes.insert(format!("{method} {}", query.split('=').next().unwrap()), shape(&result));
    }
    insta::assert_json_snapshot!("deribit_shapes", Value::from(shapes));
}

#[tokio::test]
async fn all_four_instruments_are_traded() {
    let bench = Bench::start().await;
    let alice = bench.alice();
    let names = instruments(&alice).await;
    assert_eq!(names.len(), 4);
    for name in &names {
        let bought = call(&alice, "private/buy", &format!("instrument_name={name}&amount=0.1&type=market")).await.unwrap();
        assert_eq!((&bought["order"]["order_state"], &bought["order"]["filled_amount"]), (&json!("filled"), &json!(0.1)));
    }
    let positions = call(&alice, "private/get_positions", "currency=any").await.unwrap();
    assert_eq!(positions.as_array().unwrap().len(), 3);
    assert_eq!(bench.venue.arrivals().orders_placed, 4);
}

#[tokio::test]
async fn refusals_carry_the_code_of_the_venue() {
    let bench = Bench::start().await;
    let alice = bench.alice();
    for (query, code) in [
        ("instrument_name=NOPE&amount=1&type=market", 13_020),
        ("instrument_name=BTCUSDT&amount=1&type=market", 13_020),
        ("amount=1&type=market", -32_602),
        ("instrument_name=BTC_USDT&amount=1&type=stop_market", -32_602),
        ("instrument_name=BTC_USDT&amount=1&type=limit", -32_602),
        ("instrument_name=BTC_USDT&type=market", -32_602),
        ("instrument_name=BTC_USDT&amount=0.000001&type=market", 10_021),
        ("instrument_name=BTC_USDT&amount=1&type=limit&price=1.001", 10_043),
        ("instrument_name=BTC_USDT&amount=0.00001&type=limit&price=1", 10_032),
        ("instrument_name=BTC_USDT&amount=100&type=limit&price=90000", 10_009),
        ("instrument_name=BTC_USDT&amount=0.1&type=limit&price=200000&post_only=true", 11_054),
        ("instrument_name=BTC_USDT&amount=0.1&type=limit&price=1&post_only=true&reject_post_only=false", -32_602),
    ] {
        assert_eq!(call(&alice, "private/buy", query).await.unwrap_err(), code, "{query}");
    }
    assert_eq!(call(&alice, "private/cancel", "order_id=USDT-1").await.unwrap_err(), 10_004);
    let placed = call(&alice, "private/buy", RESTING).await.unwrap();
    let order = format!("order_id={}", placed["order"]["order_id"].as_str().unwrap());
    let bob = bench.client(Some(bench.signer.token("bob", ALL_SCOPES)));
    assert_eq!(call(&bob, "private/cancel", &order).await.unwrap_err(), 10_004);
    assert_eq!(call(&alice, "private/cancel", &order).await.unwrap()["order_state"], json!("cancelled"));
    assert_eq!(call(&alice, "private/cancel", &order).await.unwrap_err(), 11_044);
    assert_eq!(call(&bench.stranger(), "private/buy", RESTING).await.unwrap_err(), 10_000);
    let reader = bench.client(Some(bench.signer.token("alice", "account:read")));
    assert_eq!(call(&reader, "private/buy", RESTING).await.unwrap_err(), 13_021);
    assert_eq!(call(&alice, "public/subscribe", "channels=x").await.unwrap_err(), 10_030);
}

/// The gateway lets a request through by its path; the body must not name another method.
#[tokio::test]
async fn a_body_names_the_method_of_its_path_or_none() {
    let bench = Bench::start().await;
    let alice = bench.alice();
    let params = json!({"instrument_name": "BTC_USDT", "amount": 0.01, "type": "limit", "price": 50000});
    let body = |method: &str| json!({"jsonrpc": "2.0", "id": 7, "method": method, "params": params}).to_string();
    let (status, answer) = alice.send(Method::POST, "/api/v2/public/test", &body("private/buy")).await;
    assert_eq!((status, &answer["error"]["code"]), (StatusCode::BAD_REQUEST, &json!(-32_600)));
    assert_eq!(bench.venue.arrivals().orders_placed, 0);
    for verb in [Method::POST, Method::GET] {
        let (status, answer) = alice.send(verb, "/api/v2/private/buy", &body("private/buy")).await;
        assert_eq!((status, &answer["id"], &answer["result"]["order"]["order_state"]), (StatusCode::OK, &json!(7), &json!("open")));
    }
    let (_, answer) = alice.send(Method::GET, "/api/v2/private/get_open_orders?currency=USDT", "{}").await;
    assert_eq!(answer["result"].as_array().map(Vec::len), Some(2));
}

#[tokio::test]
async fn a_label_may_be_used_again_and_cancels_all_that_have_it() {
    let bench = Bench::start().await;
    let alice = bench.alice();
    for _ in 0..2 {
        call(&alice, "private/buy", &format!("{RESTING}&label=my+label")).await.unwrap();
    }
    call(&alice, "private/buy", RESTING).await.unwrap();
    assert_eq!(call(&alice, "private/cancel_by_label", "label=my+label").await.unwrap(), json!(2));
    assert_eq!(call(&alice, "private/get_open_orders", "").await.unwrap().as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn the_websocket_trades_and_reports() {
    let bench = Bench::start().await;
    let mut socket = bench.alice().connect("/ws/api/v2").await.unwrap();
    let channels = json!(["user.orders.any.any.raw", "user.trades.any.any.raw", "user.portfolio.usdt", "user.portfolio.eth"]);
    let subscribed =
        socket.ask("id", json!({"jsonrpc": "2.0", "id": 1, "method": "private/subscribe", "params": {"channels": channels}})).await;
    assert_eq!(subscribed["result"].as_array().unwrap().len(), 3, "there is no ETH here");
    let order = json!({"instrument_name": "BTC_USDT", "amount": 0.01, "type": "limit", "price": 50000});
    socket.send(json!({"jsonrpc": "2.0", "id": 2, "method": "private/buy", "params": order})).await;
    let told = socket.until(|frame| frame["params"]["channel"] == "user.orders.any.any.raw").await;
    assert_eq!(told["params"]["data"]["order_state"], json!("open"));
    let placed = socket.until(|frame| frame["id"] == 2).await;
    assert_eq!(placed["result"]["order"]["order_id"], told["params"]["data"]["order_id"]);
    let order = json!({"instrument_name": "BTC_USDT", "amount": 0.01, "type": "market"});
    socket.send(json!({"jsonrpc": "2.0", "id": 3, "method": "private/sell", "params": order})).await;
    let trades = socket.until(|frame| frame["params"]["channel"] == "user.trades.any.any.raw").await;
    assert_eq!(trades["params"]["data"][0]["liquidity"], json!("T"));
    let canceled = socket.ask("id", json!({"jsonrpc": "2.0", "id": 4, "method": "private/cancel_all"})).await;
    assert_eq!(canceled["result"], json!(1));
    for method in ["public/auth", "public/set_heartbeat", "private/logout"] {
        let reply = socket.ask("id", json!({"jsonrpc": "2.0", "id": method, "method": method, "params": {}})).await;
        assert_eq!(reply["error"]["code"], json!(-32_601), "{method} is the gateway's");
    }
}

#[tokio::test]
async fn a_stranger_hears_the_market_and_nothing_else() {
    let bench = Bench::start().await;
    let mut socket = bench.stranger().connect("/ws/api/v2").await.unwrap();
    let subscribe =
        |id: u64, method: &str, channel: &str| json!({"jsonrpc": "2.0", "id": id, "method": method, "params": {"channels": [channel]}});
    let mut shapes = serde_json::Map::new();
    for channel in [
        "book.BTC_USDT.100ms",
        "book.BTC_USDT.none.10.100ms",
        "chart.trades.BTC_USDT.1",
        "quote.BTC_USDT",
        "ticker.BTC_USDT.100ms",
        "trades.BTC_USDT.100ms",
    ] {
        assert_eq!(socket.ask("id", subscribe(1, "public/subscribe", channel)).await["result"], json!([channel]));
        let told = socket.until(|frame| frame["params"]["channel"] == channel).await;
        shapes.insert(channel.to_owned(), shape(&told));
    }
    insta::assert_json_snapshot!("deribit_channels", Value::from(shapes));
    let own = socket.ask("id", subscribe(2, "public/subscribe", "user.portfolio.btc")).await;
    assert_eq!(own["result"], json!([]));
    assert_eq!(socket.ask("id", subscribe(3, "private/subscribe", "user.portfolio.btc")).await["error"]["code"], json!(10_000));
    assert_eq!(socket.ask("id", subscribe(4, "public/subscribe", "ticker.BTC_USDT.raw")).await["error"]["code"], json!(13_778));
}

#[tokio::test]
async fn the_differences_of_a_book_follow_one_another() {
    let bench = Bench::start().await;
    let mut socket = bench.stranger().connect("/ws/api/v2").await.unwrap();
    socket.send(json!({"jsonrpc": "2.0", "id": 1, "method": "public/subscribe", "params": {"channels": ["book.BTC_USDT.100ms"]}})).await;
    let first = socket.until(|frame| frame["params"]["channel"] == "book.BTC_USDT.100ms").await;
    assert_eq!(first["params"]["data"]["type"], json!("snapshot"));
    let mut last = first["params"]["data"]["change_id"].clone();
    let mut known: Vec<Value> = first["params"]["data"]["bids"].as_array().unwrap().iter().map(|level| level[1].clone()).collect();
    for _ in 0..10 {
        let next = socket.until(|frame| frame["params"]["channel"] == "book.BTC_USDT.100ms").await;
        let data = &next["params"]["data"];
        assert_eq!((&data["type"], &data["prev_change_id"]), (&json!("change"), &last));
        for level in data["bids"].as_array().unwrap() {
            let held = known.contains(&level[1]);
            assert_eq!(held, level[0] != "new", "{level}");
            match level[0].as_str().unwrap() {
                "delete" => known.retain(|price| *price != level[1]),
                "new" => known.push(level[1].clone()),
                _ => {}
            }
        }
        last = data["change_id"].clone();
    }
}

#[tokio::test]
async fn trades_are_told_of_the_time_that_is_asked_for() {
    let bench = Bench::start().await;
    let stranger = bench.stranger();
    let whole = "instrument_name=BTC_USDT&start_timestamp=0&end_timestamp=9999999999999";
    let listed = |result: &Value| result["trades"].as_array().unwrap().len();
    let by_seq = call(&stranger, "public/get_last_trades_by_instrument", "instrument_name=BTC_USDT").await.unwrap();
    let all = call(&stranger, "public/get_last_trades_by_instrument_and_time", whole).await.unwrap();
    assert!(listed(&by_seq) > 0 && listed(&all) >= listed(&by_seq));
    let of_currency = whole.replace("instrument_name=BTC_USDT", "currency=BTC");
    assert!(listed(&call(&stranger, "public/get_last_trades_by_currency_and_time", &of_currency).await.unwrap()) > 0);
    let none =
        call(&stranger, "public/get_last_trades_by_instrument_and_time", "instrument_name=BTC_USDT&start_timestamp=1&end_timestamp=2");
    assert_eq!(listed(&none.await.unwrap()), 0);
}
