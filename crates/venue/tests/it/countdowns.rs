//! The dead man's switch, in the words of the venues that have one.

use http::Method;
use serde_json::{Value, json};

use crate::support::{Bench, Client};

async fn form(client: &Client, path: &str, form: &str) -> Value {
    client.send(Method::POST, path, form).await.1
}

#[tokio::test]
async fn it_is_set_and_taken_back_in_the_words_of_each_venue() {
    let bench = Bench::start().await;
    let alice = bench.alice();
    let set = form(&alice, "/0/private/CancelAllOrdersAfter", "timeout=60").await;
    assert!(set["result"]["triggerTime"].as_str().unwrap() > set["result"]["currentTime"].as_str().unwrap(), "{set}");
    assert_eq!(form(&alice, "/0/private/CancelAllOrdersAfter", "timeout=0").await["result"]["triggerTime"], json!("0"));
    assert_eq!(
        form(&alice, "/0/private/CancelAllOrdersAfter", "timeout=86401").await["error"][0],
        json!("EGeneral:Invalid arguments:timeout")
    );
    let set = form(&alice, "/api/v5/trade/cancel-all-after", r#"{"timeOut":"60"}"#).await;
    assert!(set["data"][0]["triggerTime"].as_str().unwrap().parse::<u64>().unwrap() > 0, "{set}");
    assert_eq!(form(&alice, "/api/v5/trade/cancel-all-after", r#"{"timeOut":"0"}"#).await["data"][0]["triggerTime"], json!("0"));
    assert_eq!(form(&alice, "/api/v5/trade/cancel-all-after", r#"{"timeOut":"5"}"#).await["code"], json!("51000"));
    let set = form(&alice, "/derivatives/api/v3/cancelallordersafter?timeout=60", "").await;
    assert!(set["status"]["triggerTime"].is_string(), "{set}");
    assert_eq!(form(&alice, "/derivatives/api/v3/cancelallordersafter?timeout=0", "").await["status"]["triggerTime"], json!("0"));
    let set = form(&alice, "/api/v1/order/cancelAllAfter", r#"{"timeout":60000}"#).await;
    assert!(set["cancelTime"].is_string(), "{set}");
    assert_eq!(form(&alice, "/api/v1/order/cancelAllAfter", r#"{"timeout":0}"#).await["cancelTime"], json!(0));
    let set = form(&alice, "/api/v4/spot/countdown_cancel_all", r#"{"timeout":60,"currency_pair":"BTC_USDT"}"#).await;
    assert_ne!(set["triggerTime"], json!("0"), "{set}");
    let back = form(&alice, "/api/v4/spot/countdown_cancel_all", r#"{"timeout":0,"currency_pair":"BTC_USDT"}"#).await;
    assert_eq!(back["triggerTime"], json!("0"));
    let set = form(&alice, "/api/v1/hf/orders/dead-cancel-all", r#"{"timeout":60}"#).await;
    let (_, told) = alice.get("/api/v1/hf/orders/dead-cancel-all/query").await;
    assert_eq!(told["data"]["triggerTime"], set["data"]["triggerTime"]);
    form(&alice, "/api/v1/hf/orders/dead-cancel-all", r#"{"timeout":-1}"#).await;
    assert_eq!(alice.get("/api/v1/hf/orders/dead-cancel-all/query").await.1["data"], Value::Null);
}

#[tokio::test]
async fn what_is_open_goes_when_nobody_sets_it_anew() {
    let bench = Bench::start().await;
    let alice = bench.alice();
    let mut socket = alice.connect("/native/v1").await.unwrap();
    socket.ask("re", json!({"op": "subscribe", "id": 1, "feeds": ["orders"]})).await;
    let placed = form(&alice, "/0/private/AddOrder", "pair=XBTUSDT&type=buy&ordertype=limit&volume=0.01&price=50000").await;
    assert_eq!(placed["error"], json!([]));
    // BitMEX counts in milliseconds: the next tick of the market is later than this.
    form(&alice, "/api/v1/order/cancelAllAfter", r#"{"timeout":1}"#).await;
    let told = socket.until(|frame| frame["ev"] == "order" && frame["change"] == "canceled").await;
    assert_eq!(told["order"]["qty"], json!("0.01"));
}
