//! Candles over the streams of five façades, each against what its REST API tells of the same minute.

use serde_json::{Value, json};

use crate::support::Bench;

/// When a candle began, whatever the venue counts in.
fn begin(value: &Value) -> u64 {
    let number = value.as_u64().or_else(|| value.as_str()?.parse().ok()).unwrap();
    if number < 100_000_000_000 { number * 1_000 } else { number }
}

fn is_minute(at_ms: u64) {
    assert!(at_ms > 0 && at_ms.is_multiple_of(60_000), "{at_ms}");
}

#[tokio::test]
async fn gate_streams_the_open_candle() {
    let bench = Bench::start().await;
    let stranger = bench.stranger();
    let mut socket = stranger.connect("/ws/v4/").await.unwrap();
    let wanted = json!({"id": 1, "channel": "spot.candlesticks", "event": "subscribe", "payload": ["1m", "BTC_USDT"]});
    assert_eq!(socket.ask("id", wanted).await["result"]["status"], "success");
    let update = socket.until(|frame| frame["event"] == "update").await;
    assert_eq!(update["result"]["n"], "1m_BTC_USDT");
    is_minute(begin(&update["result"]["t"]));
    let (_, rows) = stranger.get("/api/v4/spot/candlesticks?currency_pair=BTC_USDT&interval=1m&limit=2").await;
    assert!(begin(&rows[1][0]) >= begin(&update["result"]["t"]), "{rows}");
    let wrong = json!({"id": 2, "channel": "spot.candlesticks", "event": "subscribe", "payload": ["7m", "BTC_USDT"]});
    assert_eq!(socket.ask("id", wrong).await["result"]["status"], "fail");
}

#[tokio::test]
async fn kucoin_streams_the_open_candle() {
    let bench = Bench::start().await;
    let mut socket = bench.stranger().connect("/kucoin/ws").await.unwrap();
    let topic = "/market/candles:BTC-USDT_1min";
    socket.send(json!({"id": "1", "type": "subscribe", "topic": topic, "response": true})).await;
    let update = socket.until(|frame| frame["subject"] == "trade.candles.update").await;
    assert_eq!((&update["topic"], &update["data"]["symbol"]), (&json!(topic), &json!("BTC-USDT")));
    assert_eq!(update["data"]["candles"].as_array().unwrap().len(), 7);
    is_minute(begin(&update["data"]["candles"][0]));
    socket.send(json!({"id": "2", "type": "subscribe", "topic": "/market/candles:BTC-USDT", "response": true})).await;
    assert_eq!(socket.until(|frame| frame["id"] == "2").await["type"], "error", "candles have a width");
}

#[tokio::test]
async fn hyperliquid_streams_the_open_candle() {
    let bench = Bench::start().await;
    let mut socket = bench.stranger().connect("/hyperliquid/ws").await.unwrap();
    let wanted = json!({"type": "candle", "coin": "BTC/USDT", "interval": "1m"});
    socket.send(json!({"method": "subscribe", "subscription": wanted})).await;
    let update = socket.until(|frame| frame["channel"] == "candle").await;
    let (opens, closes) = (begin(&update["data"]["t"]), begin(&update["data"]["T"]));
    assert_eq!((closes - opens, &update["data"]["i"]), (59_999, &json!("1m")));
    is_minute(opens);
}

#[tokio::test]
async fn bitfinex_begins_with_the_past_and_ends_when_it_is_told() {
    let bench = Bench::start().await;
    let mut socket = bench.stranger().connect("/ws/2").await.unwrap();
    let key = "trade:1m:tBTCUST";
    socket.send(json!({"event": "subscribe", "channel": "candles", "key": key})).await;
    let subscribed = socket.until(|frame| frame["event"] == "subscribed").await;
    assert_eq!(subscribed["key"], key);
    let number = subscribed["chanId"].clone();
    let first = socket.until(|frame| frame[0] == number).await;
    let rows = first[1].as_array().unwrap();
    assert!(rows.len() == 100 && begin(&rows[0][0]) > begin(&rows[1][0]), "the newest comes first");
    let update = socket.until(|frame| frame[0] == number && frame[1][0].is_u64()).await;
    is_minute(begin(&update[1][0]));
    socket.send(json!({"event": "unsubscribe", "chanId": number})).await;
    assert_eq!(socket.until(|frame| frame["event"] == "unsubscribed").await["chanId"], number);
    socket.send(json!({"event": "subscribe", "channel": "candles", "key": "trade:7m:tBTCUST"})).await;
    assert_eq!(socket.until(|frame| frame["event"] == "error").await["code"], 10_300);
}

#[tokio::test]
async fn gemini_tells_the_past_and_then_the_open_candle_by_the_name_that_was_asked_for() {
    let bench = Bench::start().await;
    let mut socket = bench.stranger().connect("/v2/marketdata").await.unwrap();
    for name in ["candles_1m", "candles_1hr"] {
        let wanted = json!({"type": "subscribe", "subscriptions": [{"name": name, "symbols": ["BTCUSDT"]}]});
        socket.send(wanted).await;
        let kind = format!("{name}_updates");
        let first = socket.until(|frame| frame["type"] == kind.as_str()).await;
        let rows = first["changes"].as_array().unwrap();
        assert!(rows.len() > 1 && begin(&rows[0][0]) > begin(&rows[1][0]), "the newest comes first: {first}");
        let update = socket.until(|frame| frame["type"] == kind.as_str()).await;
        assert_eq!((update["changes"].as_array().unwrap().len(), &update["symbol"]), (1, &json!("BTCUSDT")));
    }
    socket.send(json!({"type": "subscribe", "subscriptions": [{"name": "candles_7m", "symbols": ["BTCUSDT"]}]})).await;
    socket.until(|frame| frame["result"] == "error").await;
}
