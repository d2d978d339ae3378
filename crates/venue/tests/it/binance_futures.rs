//! The façade of Binance's USD-M futures: REST, WebSocket API, market streams.

use http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::shape::shape;
use crate::support::{Bench, Client};

/// The contract that is listed first: the perpetual.
async fn contract(client: &Client) -> String {
    client.get("/fapi/v1/exchangeInfo").await.1["symbols"][0]["symbol"].as_str().unwrap().to_owned()
}

/// The future that is delivered.
async fn delivered(client: &Client) -> String {
    client.get("/fapi/v1/exchangeInfo").await.1["symbols"][1]["symbol"].as_str().unwrap().to_owned()
}

async fn last_price(client: &Client, symbol: &str) -> f64 {
    let (_, price) = client.get(&format!("/fapi/v1/ticker/price?symbol={symbol}")).await;
    price["price"].as_str().unwrap().parse().unwrap()
}

async fn post(client: &Client, path: &str, query: &str) -> (StatusCode, Value) {
    client.send(Method::POST, &format!("{path}?{query}"), "").await
}

fn resting(symbol: &str, name: &str) -> String {
    format!("symbol={symbol}&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.01&price=50000&newClientOrderId={name}")
}

fn market(symbol: &str, side: &str, more: &str) -> String {
    format!("symbol={symbol}&side={side}&type=MARKET&quantity=0.02&newOrderRespType=RESULT{more}")
}

fn number(value: &Value) -> f64 {
    value.as_str().unwrap().parse().unwrap()
}

#[tokio::test]
async fn answers_have_the_shape_of_the_venue() {
    let bench = Bench::start().await;
    let alice = bench.alice();
    let symbol = contract(&alice).await;
    let mut shapes = serde_json::Map::new();
    shapes.insert("POST order".to_owned(), shape(&post(&alice, "/fapi/v1/order", &resting(&symbol, "c1")).await.1));
    shapes.insert("POST order MARKET".to_owned(), shape(&post(&alice, "/fapi/v1/order", &market(&symbol, "BUY", "")).await.1));
    for path in [
        "v1/aggTrades",
        "v1/allOrders",
        "v1/commissionRate",
        "v1/depth",
        "v1/exchangeInfo",
        "v1/fundingRate",
        "v1/leverageBracket",
        "v1/openOrders",
        "v1/positionSide/dual",
        "v1/premiumIndex",
        "v1/symbolConfig",
        "v1/ticker/24hr",
        "v1/ticker/bookTicker",
        "v1/ticker/price",
        "v1/time",
        "v1/trades",
        "v1/userTrades",
        "v2/account",
        "v2/balance",
        "v2/positionRisk",
        "v3/positionRisk",
    ] {
        let (status, body) = alice.get(&format!("/fapi/{path}?symbol={symbol}")).await;
        assert_eq!(status, StatusCode::OK, "{path}: {body}");
        shapes.insert(format!("GET {path}"), shape(&body));
    }
    insta::assert_json_snapshot!("binance_futures_shapes", Value::from(shapes));
}

#[tokio::test]
async fn a_position_appears_is_valued_and_goes() {
    let bench = Bench::start().await;
    let alice = bench.alice();
    let symbol = contract(&alice).await;
    let risk = format!("/fapi/v3/positionRisk?symbol={symbol}");
    assert_eq!(alice.get(&risk).await.1, json!([]));
    let (_, bought) = post(&alice, "/fapi/v1/order", &market(&symbol, "BUY", "")).await;
    assert_eq!((&bought["status"], &bought["executedQty"]), (&json!("FILLED"), &json!("0.02")));
    let (_, held) = alice.get(&risk).await;
    let position = &held[0];
    assert_eq!(position["positionAmt"], "0.02");
    assert!((number(&position["entryPrice"]) - number(&bought["avgPrice"])).abs() < 0.01, "{position}");
    let worth = 0.02 * (number(&position["markPrice"]) - number(&position["entryPrice"]));
    assert!((number(&position["unRealizedProfit"]) - worth).abs() < 0.01, "{position}");
    let (_, account) = alice.get("/fapi/v3/account").await;
    let total = number(&account["totalWalletBalance"]) + number(&account["totalUnrealizedProfit"]);
    assert!((number(&account["totalMarginBalance"]) - total).abs() < 0.001, "{account}");
    assert_eq!(account["totalPositionInitialMargin"], position["positionInitialMargin"]);
    // What reduces must be on the other side.
    let (status, refused) = post(&alice, "/fapi/v1/order", &market(&symbol, "BUY", "&reduceOnly=true")).await;
    assert_eq!((status, &refused["code"]), (StatusCode::BAD_REQUEST, &json!(-2022)));
    // A change adds no more than that to an order that reduces.
    let above = format!("symbol={symbol}&side=SELL&type=LIMIT&timeInForce=GTC&quantity=0.01&price=150000&reduceOnly=true");
    let (_, placed) = post(&alice, "/fapi/v1/order", &above).await;
    let change = format!("/fapi/v1/order?symbol={symbol}&orderId={}&side=SELL&quantity=5&price=149000", placed["orderId"]);
    assert_eq!(alice.send(Method::PUT, &change, "").await.1["origQty"], "0.02");
    alice.send(Method::DELETE, &format!("/fapi/v1/order?symbol={symbol}&orderId={}", placed["orderId"]), "").await;
    // What is more than is held is cut to it.
    let more = format!("symbol={symbol}&side=SELL&type=MARKET&quantity=5&newOrderRespType=RESULT&reduceOnly=true");
    let (_, sold) = post(&alice, "/fapi/v1/order", &more).await;
    assert_eq!((&sold["status"], &sold["reduceOnly"], &sold["origQty"]), (&json!("FILLED"), &json!(true), &json!("0.02")));
    assert_eq!(alice.get(&risk).await.1, json!([]));
    let (_, trades) = alice.get(&format!("/fapi/v1/userTrades?symbol={symbol}")).await;
    let (first, last) = (&trades[0], trades.as_array().unwrap().last().unwrap());
    assert_eq!((&first["realizedPnl"], &first["buyer"], &last["side"]), (&json!("0"), &json!(true), &json!("SELL")));
    let realised: f64 = trades.as_array().unwrap().iter().map(|trade| number(&trade["realizedPnl"])).sum();
    assert!((realised - (number(&sold["cumQuote"]) - number(&bought["cumQuote"]))).abs() < 0.001, "{trades}");
}

#[tokio::test]
async fn an_order_is_changed_found_and_cancelled() {
    let bench = Bench::start().await;
    let alice = bench.alice();
    let symbol = contract(&alice).await;
    let (_, placed) = post(&alice, "/fapi/v1/order", &resting(&symbol, "c1")).await;
    let named = format!("symbol={symbol}&origClientOrderId=c1");
    let change = format!("/fapi/v1/order?{named}&side=BUY&quantity=0.02&price=51000");
    let (_, changed) = alice.send(Method::PUT, &change, "").await;
    assert_eq!((&changed["orderId"], &changed["origQty"], &changed["price"]), (&placed["orderId"], &json!("0.02"), &json!("51000")));
    assert_eq!(alice.send(Method::PUT, &change, "").await.1["code"], -5027);
    let other_side = format!("/fapi/v1/order?{named}&side=SELL&quantity=0.01&price=51000");
    assert_eq!(alice.send(Method::PUT, &other_side, "").await.1["code"], -1117);
    assert_eq!(alice.get(&format!("/fapi/v1/openOrder?{named}")).await.1["status"], "NEW");
    let cancel = format!("/fapi/v1/order?{named}");
    assert_eq!(alice.send(Method::DELETE, &cancel, "").await.1["status"], "CANCELED");
    assert_eq!(alice.send(Method::DELETE, &cancel, "").await.1["code"], -2011);
    assert_eq!(alice.get(&format!("/fapi/v1/openOrder?{named}")).await.1["code"], -2013);
    assert_eq!(alice.get(&format!("/fapi/v1/order?{named}")).await.1["status"], "CANCELED");
    let (status, done) = alice.send(Method::DELETE, &format!("/fapi/v1/allOpenOrders?symbol={symbol}"), "").await;
    assert_eq!((status, &done["code"]), (StatusCode::OK, &json!(200)));
}

#[tokio::test]
async fn each_order_of_a_batch_fares_for_itself() {
    let bench = Bench::start().await;
    let alice = bench.alice();
    let symbol = contract(&alice).await;
    let order = |name: &str, price: &str| json!({"symbol": symbol, "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.01", "price": price, "newClientOrderId": name});
    let form = |name: &str, value: &Value| {
        form_urlencoded::Serializer::new(String::new()).append_pair("symbol", &symbol).append_pair(name, &value.to_string()).finish()
    };
    let orders = form("batchOrders", &json!([order("b1", "50000"), order("b2", "0.05"), order("b3", "40000")]));
    let (_, placed) = alice.send(Method::POST, "/fapi/v1/batchOrders", &orders).await;
    assert_eq!((&placed[0]["status"], &placed[1]["code"], &placed[2]["clientOrderId"]), (&json!("NEW"), &json!(-4014), &json!("b3")));
    let change = json!([{"symbol": symbol, "origClientOrderId": "b1", "side": "BUY", "quantity": "0.03", "price": "50000"}]);
    let (_, changed) = alice.send(Method::PUT, "/fapi/v1/batchOrders", &form("batchOrders", &change)).await;
    assert_eq!(changed[0]["origQty"], "0.03");
    let (_, six) = alice.send(Method::POST, "/fapi/v1/batchOrders", &form("batchOrders", &json!(vec![order("x", "1"); 6]))).await;
    assert_eq!(six["code"], -4082);
    let list = form("orderIdList", &json!([placed[0]["orderId"], 999_999_999]));
    let (_, canceled) = alice.send(Method::DELETE, &format!("/fapi/v1/batchOrders?{list}"), "").await;
    assert_eq!((&canceled[0]["status"], &canceled[1]["code"]), (&json!("CANCELED"), &json!(-2011)));
    let list = form("origclientorderidlist", &json!(["b3"]));
    let (_, canceled) = alice.send(Method::DELETE, &format!("/fapi/v1/batchOrders?{list}"), "").await;
    assert_eq!(canceled[0]["status"], "CANCELED");
    assert_eq!(alice.get("/fapi/v1/openOrders").await.1, json!([]));
}

#[tokio::test]
async fn refusals_carry_the_code_of_the_venue() {
    let bench = Bench::start().await;
    let alice = bench.alice();
    let symbol = contract(&alice).await;
    for (query, code) in [
        ("symbol=ETHUSDT&side=BUY&type=MARKET&quantity=1".to_owned(), -1121),
        ("symbol=BTCUSDT_PERP&side=BUY&type=MARKET&quantity=1".to_owned(), -1121),
        (format!("symbol={symbol}&side=HOLD&type=MARKET&quantity=1"), -1117),
        (format!("symbol={symbol}&side=BUY&type=ODD&quantity=1"), -1116),
        (format!("symbol={symbol}&side=BUY&type=STOP_MARKET&quantity=1"), -4120),
        (format!("symbol={symbol}&side=BUY&type=LIMIT&quantity=1&price=50000"), -1102),
        (format!("symbol={symbol}&side=BUY&type=LIMIT&timeInForce=DAY&quantity=1&price=50000"), -1115),
        (format!("symbol={symbol}&side=BUY&type=LIMIT&timeInForce=GTX&quantity=0.1&price=200000"), -5022),
        (format!("symbol={symbol}&side=BUY&type=LIMIT&timeInForce=GTC&quantity=900&price=90000"), -2019),
        (format!("symbol={symbol}&side=BUY&type=MARKET&quantity=0.02&positionSide=LONG"), -4061),
        (format!("symbol={symbol}&side=BUY&type=MARKET&quantity=0.02&price=1"), -1106),
    ] {
        let (status, answer) = post(&alice, "/fapi/v1/order", &query).await;
        assert_eq!((status, &answer["code"]), (StatusCode::BAD_REQUEST, &json!(code)), "{query}: {answer}");
    }
    for (path, query, code) in [
        ("/fapi/v1/leverage", "leverage=20", -4028),
        ("/fapi/v1/marginType", "marginType=CROSSED", -4046),
        ("/fapi/v1/positionSide/dual", "dualSidePosition=false", -4059),
        ("/fapi/v1/positionSide/dual", "dualSidePosition=true", -1130),
    ] {
        let (status, answer) = post(&alice, path, &format!("symbol={symbol}&{query}")).await;
        assert_eq!((status, &answer["code"]), (StatusCode::BAD_REQUEST, &json!(code)), "{path} {query}: {answer}");
    }
    assert_eq!(post(&alice, "/fapi/v1/leverage", &format!("symbol={symbol}&leverage=10")).await.1["leverage"], 10);
    let (status, answer) = post(&bench.stranger(), "/fapi/v1/order", &resting(&symbol, "s")).await;
    assert_eq!((status, &answer["code"]), (StatusCode::UNAUTHORIZED, &json!(-2015)));
    let reader = bench.client(Some(bench.signer.token("alice", "order:read")));
    assert_eq!(post(&reader, "/fapi/v1/order", &resting(&symbol, "r")).await.0, StatusCode::UNAUTHORIZED);
    assert_eq!(bench.venue.arrivals().orders_placed, 0);
}

#[tokio::test]
async fn the_websocket_api_answers_as_rest_does() {
    let bench = Bench::start().await;
    let alice = bench.alice();
    let symbol = contract(&alice).await;
    let mut socket = alice.connect("/ws-fapi/v1").await.unwrap();
    let order = json!({"symbol": symbol, "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.01", "price": "50000", "newClientOrderId": "w1"});
    let placed = socket.ask("id", json!({"id": "1", "method": "order.place", "params": order})).await;
    assert_eq!((&placed["status"], &placed["result"]["clientOrderId"]), (&json!(200), &json!("w1")));
    let change = json!({"symbol": symbol, "origClientOrderId": "w1", "side": "BUY", "quantity": "0.02", "price": "50000"});
    let changed = socket.ask("id", json!({"id": "2", "method": "order.modify", "params": change})).await;
    assert_eq!(changed["result"]["origQty"], "0.02");
    let named = json!({"symbol": symbol, "origClientOrderId": "w1"});
    let canceled = socket.ask("id", json!({"id": "3", "method": "order.cancel", "params": named})).await;
    assert_eq!(canceled["result"]["status"], "CANCELED");
    let status = socket.ask("id", json!({"id": "4", "method": "order.status", "params": named})).await;
    assert_eq!(status["result"]["status"], "CANCELED");
    let account = socket.ask("id", json!({"id": "5", "method": "v2/account.status"})).await;
    assert_eq!(account["result"], alice.get("/fapi/v3/account").await.1);
    let unknown = socket.ask("id", json!({"id": "6", "method": "order.test"})).await;
    assert_eq!((&unknown["status"], &unknown["error"]["code"]), (&json!(400), &json!(-1000)));
    let mut stranger = bench.stranger().connect("/ws-fapi/v1").await.unwrap();
    let refused = stranger.ask("id", json!({"id": "7", "method": "order.place", "params": order})).await;
    assert_eq!((&refused["status"], &refused["error"]["code"]), (&json!(401), &json!(-2015)));
}

#[tokio::test]
async fn streams_of_the_future_have_the_futures_form() {
    let bench = Bench::start().await;
    let stranger = bench.stranger();
    let symbol = delivered(&stranger).await;
    let lower = symbol.to_lowercase();
    for (path, symbol) in
        [("", symbol.as_str()), ("/market", &symbol), ("/market", "BTCUSDT"), ("/private", "BTCUSDT"), ("/public", "BTCUSDT")]
    {
        let mut socket = stranger.connect(&format!("{path}/ws/{}@bookTicker", symbol.to_lowercase())).await.unwrap();
        let top = socket.until(|frame| frame["e"] == "bookTicker").await;
        assert_eq!(top["s"], symbol);
    }
    // The same name where all are is spot's, whose form has no `e`.
    let mut socket = stranger.connect("/ws/btcusdt@bookTicker").await.unwrap();
    assert_eq!(socket.until(|frame| frame["s"] == "BTCUSDT").await["e"], Value::Null);
    let mut socket = stranger.connect(&format!("/stream?streams={lower}@depth@100ms/{lower}@ticker/{lower}@depth5")).await.unwrap();
    let first = socket.until(|frame| frame["stream"] == format!("{lower}@depth@100ms")).await;
    let next = socket.until(|frame| frame["stream"] == format!("{lower}@depth@100ms")).await;
    assert_eq!(next["data"]["pu"], first["data"]["u"]);
    let ticker = socket.until(|frame| frame["stream"] == format!("{lower}@ticker")).await;
    assert!(ticker["data"]["b"].is_null() && number(&ticker["data"]["c"]) > 0.0, "{ticker}");
    let partial = socket.until(|frame| frame["stream"] == format!("{lower}@depth5")).await;
    assert_eq!(partial["data"]["b"].as_array().unwrap().len(), 5);
    assert!(last_price(&stranger, &symbol).await > 0.0);
}

#[tokio::test]
async fn a_countdown_cancels_what_is_open_in_one_contract() {
    let bench = Bench::start().await;
    let alice = bench.alice();
    let symbol = contract(&alice).await;
    post(&alice, "/fapi/v1/order", &resting(&symbol, "t1")).await;
    let (_, set) = post(&alice, "/fapi/v1/countdownCancelAll", &format!("symbol={symbol}&countdownTime=1")).await;
    assert_eq!(set, json!({"symbol": symbol, "countdownTime": "1"}));
    let mut socket = bench.stranger().connect(&format!("/ws/{}@ticker", symbol.to_lowercase())).await.unwrap();
    // It fires with a tick of the market.
    while alice.get("/fapi/v1/openOrders").await.1 != json!([]) {
        socket.until(|frame| frame["e"] == "24hrTicker").await;
    }
    let (status, _) = post(&alice, "/fapi/v1/countdownCancelAll", &format!("symbol={symbol}&countdownTime=86400001")).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn perpetual_and_future_are_apart() {
    let bench = Bench::start().await;
    let alice = bench.alice();
    let (perpetual, future) = (contract(&alice).await, delivered(&alice).await);
    let (_, info) = alice.get("/fapi/v1/exchangeInfo").await;
    let kinds: Vec<(&Value, &Value)> =
        info["symbols"].as_array().unwrap().iter().map(|symbol| (&symbol["symbol"], &symbol["contractType"])).collect();
    assert_eq!(kinds, [(&json!("BTCUSDT"), &json!("PERPETUAL")), (&json!(future), &json!("CURRENT_QUARTER"))]);
    post(&alice, "/fapi/v1/order", &market(&perpetual, "BUY", "")).await;
    let (_, held) = alice.get("/fapi/v3/positionRisk").await;
    assert_eq!((held.as_array().unwrap().len(), &held[0]["symbol"]), (1, &json!("BTCUSDT")));
    assert_eq!(alice.get(&format!("/fapi/v1/userTrades?symbol={future}")).await.1, json!([]));
    // It is no order of spot's.
    assert_eq!(alice.get("/api/v3/allOrders?symbol=BTCUSDT").await.1, json!([]));
    let (_, index) = alice.get("/fapi/v1/premiumIndex").await;
    let funded: Vec<bool> = index.as_array().unwrap().iter().map(|row| row["nextFundingTime"] != 0).collect();
    assert_eq!(funded, [true, false]);
    let (_, rates) = alice.get("/fapi/v1/fundingRate?symbol=BTCUSDT").await;
    let times: Vec<u64> = rates.as_array().unwrap().iter().map(|row| row["fundingTime"].as_u64().unwrap()).collect();
    assert!(times.len() >= 3 && times.iter().all(|time| time % (8 * 3_600_000) == 0), "{rates}");
    assert_eq!(alice.get(&format!("/fapi/v1/fundingRate?symbol={future}")).await.1, json!([]));
}

#[tokio::test]
async fn marks_are_streamed() {
    let bench = Bench::start().await;
    let mut socket = bench.stranger().connect("/market/stream?streams=btcusdt@markPrice/!markPrice@arr@1s").await.unwrap();
    let mark = socket.until(|frame| frame["stream"] == "btcusdt@markPrice").await;
    assert_eq!((&mark["data"]["e"], &mark["data"]["s"]), (&json!("markPriceUpdate"), &json!("BTCUSDT")));
    assert!(number(&mark["data"]["p"]) > 0.0 && mark["data"]["T"].as_u64().unwrap() > mark["data"]["E"].as_u64().unwrap(), "{mark}");
    let all = socket.until(|frame| frame["stream"] == "!markPrice@arr@1s").await;
    assert_eq!((all["data"].as_array().unwrap().len(), &all["data"][1]["r"]), (2, &json!("")));
}

#[tokio::test]
async fn an_account_hears_of_its_contracts_and_of_nothing_else() {
    let bench = Bench::start().await;
    let alice = bench.alice();
    let symbol = contract(&alice).await;
    let reader = bench.client(Some(bench.signer.token("alice", "account:read order:read")));
    let mut socket = reader.connect(&format!("/private/ws?listenKey={}", "a".repeat(64))).await.unwrap();
    alice.send(Method::POST, "/api/v3/order?symbol=BTCUSDT&side=BUY&type=MARKET&quantity=0.01", "").await;
    let bob = bench.client(Some(bench.signer.token("bob", crate::support::ALL_SCOPES)));
    post(&bob, "/fapi/v1/order", &market(&symbol, "BUY", "")).await;
    let (_, placed) = post(&alice, "/fapi/v1/order", &resting(&symbol, "u1")).await;
    let told = socket.until(|_| true).await;
    assert_eq!((&told["e"], &told["o"]["x"], &told["o"]["X"]), (&json!("ORDER_TRADE_UPDATE"), &json!("NEW"), &json!("NEW")));
    assert_eq!((&told["o"]["i"], &told["o"]["c"], &told["o"]["N"]), (&placed["orderId"], &json!("u1"), &Value::Null));
    let (_, bought) = post(&alice, "/fapi/v1/order", &market(&symbol, "BUY", "")).await;
    let wallet = socket.until(|frame| frame["e"] == "ACCOUNT_UPDATE").await;
    assert_eq!((&wallet["a"]["P"][0]["s"], &wallet["a"]["P"][0]["pa"]), (&json!(symbol), &json!("0.02")));
    let fill = socket.until(|frame| frame["o"]["x"] == "TRADE").await;
    assert_eq!((&fill["o"]["i"], &fill["o"]["N"], &fill["o"]["rp"]), (&bought["orderId"], &json!("USDT"), &json!("0")));
    let sell = market(&symbol, "SELL", "&reduceOnly=true");
    let (_, sold) = post(&alice, "/fapi/v1/order", &sell).await;
    let closed = socket.until(|frame| frame["o"]["i"] == sold["orderId"] && frame["o"]["X"] == "FILLED").await;
    assert_eq!((&closed["o"]["R"], number(&closed["o"]["z"])), (&json!(true), 0.02));
    let empty = alice.get("/fapi/v3/account").await.1;
    let last = format!("/fapi/v1/order?symbol={symbol}&origClientOrderId=u1");
    alice.send(Method::DELETE, &last, "").await;
    let canceled = socket.until(|frame| frame["o"]["X"] == "CANCELED").await;
    assert_eq!((&canceled["o"]["c"], number(&empty["totalPositionInitialMargin"])), (&json!("u1"), 0.0));
}

#[tokio::test]
async fn places_of_spot_have_nothing_of_contracts() {
    let bench = Bench::start().await;
    let alice = bench.alice();
    let symbol = contract(&alice).await;
    post(&alice, "/fapi/v1/order", &resting(&symbol, "c1")).await;
    for (path, rows) in [
        ("/api/v3/exchangeInfo", "/symbols"),
        ("/api/v3/ticker/price", ""),
        ("/v5/market/instruments-info?category=spot", "/result/list"),
        ("/v5/market/tickers?category=spot", "/result/list"),
        ("/api/v5/public/instruments?instType=SPOT", "/data"),
        ("/api/v5/market/tickers?instType=SPOT", "/data"),
    ] {
        let (_, answer) = alice.get(path).await;
        assert_eq!(answer.pointer(rows).unwrap().as_array().unwrap().len(), 1, "{path}: {answer}");
    }
    for (path, rows) in [
        ("/api/v3/openOrders", ""),
        ("/v5/order/realtime?category=spot", "/result/list"),
        ("/api/v5/trade/orders-pending?instType=SPOT", "/data"),
    ] {
        let (_, answer) = alice.get(path).await;
        assert_eq!(answer.pointer(rows), Some(&json!([])), "{path}: {answer}");
    }
}
