//! The WebSocket: `welcome`, then `ping`, `subscribe` and `unsubscribe` by topic.
//!
//! The address takes no token: whoever may open it has been asked by the gateway. Its
//! `connectId`, when there is one, names the connection in the welcome, as the venue does.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use bytes::Bytes;
use http::{Request, Response};
use serde::Deserialize;
use serde_json::{Value, json};

use super::error::KucoinError;
use super::market_data::{INTERVALS, named};
use super::streams;
use crate::clock::now_ms;
use crate::exchange::Exchange;
use crate::exchange::instrument::MarketIndex;
use crate::operations::{self, Channel, Dialect, OwnChannel, Subscriptions, candle_width};
use crate::shell::Shell;
use crate::websocket::Protocol;

#[derive(Deserialize)]
struct Frame {
    #[serde(default)]
    id: Value,
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    topic: String,
    #[serde(default)]
    response: bool,
}

struct Session(Subscriptions);

pub(super) async fn handshake(State(shell): State<Arc<Shell>>, request: Request<Body>) -> Response<Body> {
    let query = form_urlencoded::parse(request.uri().query().unwrap_or("").as_bytes());
    let id = query.into_owned().find(|(name, _)| name == "connectId").map(|(_, value)| value);
    operations::handshake::<KucoinError, Session>(shell, request, Dialect::Kucoin, |subscriptions| {
        let welcome = json!({"id": id.unwrap_or_default(), "type": "welcome"});
        subscriptions.outbox.push_own(Bytes::from(welcome.to_string()));
        Session(subscriptions)
    })
    .await
}

/// What a topic means.
enum Wanted {
    Market(Vec<MarketIndex>, Channel),
    Own(OwnChannel),
}

impl Protocol for Session {
    fn on_text(&mut self, shell: &Shell, text: &str) -> Option<String> {
        let Ok(frame) = serde_json::from_str::<Frame>(text) else {
            shell.counters.count_refused();
            return Some(refusal(&Value::Null, &KucoinError::malformed_frame()));
        };
        let result = match frame.kind.as_str() {
            "ping" => {
                shell.counters.count_public();
                return Some(json!({"id": frame.id, "type": "pong", "timestamp": now_ms().saturating_mul(1_000)}).to_string());
            }
            "subscribe" => self.subscription(shell, &frame.topic, true),
            "unsubscribe" => self.subscription(shell, &frame.topic, false),
            _ => {
                shell.counters.count_refused();
                Err(KucoinError::malformed_frame())
            }
        };
        match result {
            Ok(()) => frame.response.then(|| json!({"id": frame.id, "type": "ack"}).to_string()),
            Err(error) => Some(refusal(&frame.id, &error)),
        }
    }
}

fn refusal(id: &Value, error: &KucoinError) -> String {
    json!({"id": id, "type": "error", "code": error.code, "data": error.message}).to_string()
}

impl Session {
    fn subscription(&mut self, shell: &Shell, topic: &str, subscribe: bool) -> Result<(), KucoinError> {
        let wanted = shell.with(|exchange, _| wanted(exchange, topic));
        match wanted.inspect_err(|_| shell.counters.count_refused())? {
            Wanted::Market(markets, channel) => {
                shell.counters.count_public();
                for market in markets {
                    if subscribe {
                        self.0.subscribe(shell, market, channel).map_err(|_| KucoinError::too_many_streams())?;
                    } else {
                        self.0.unsubscribe(shell, market, channel);
                    }
                }
            }
            Wanted::Own(channel) => {
                let owner = operations::reader::<KucoinError>(shell, &self.0.caller)?;
                if subscribe {
                    self.0.listen(shell, owner.index, channel);
                } else {
                    self.0.unlisten(shell, channel);
                }
            }
        }
        Ok(())
    }
}

fn wanted(exchange: &Exchange, topic: &str) -> Result<Wanted, KucoinError> {
    match topic {
        "/account/balance" => return Ok(Wanted::Own(OwnChannel::Balances)),
        streams::ORDERS => return Ok(Wanted::Own(OwnChannel::Orders)),
        streams::ORDERS_V2 => return Ok(Wanted::Own(OwnChannel::OrdersAnew)),
        _ => {}
    }
    let unknown = || KucoinError::unknown_topic(topic);
    let (name, symbols) = topic.split_once(':').ok_or_else(unknown)?;
    // A width stands behind the symbols of candles.
    let (symbols, width) = match symbols.rsplit_once('_').filter(|_| name == "/market/candles") {
        Some((symbols, width)) => (symbols, candle_width(INTERVALS, width)),
        None => (symbols, None),
    };
    let channel = match name {
        "/market/candles" => Channel::Candles(width.ok_or_else(unknown)?),
        "/market/level2" => Channel::Changes,
        "/market/match" => Channel::Trades,
        "/market/snapshot" => Channel::Ticker,
        "/market/ticker" => Channel::Top,
        "/spotMarket/level1" => Channel::Snapshot(1),
        "/spotMarket/level2Depth5" => Channel::Book(5),
        "/spotMarket/level2Depth50" => Channel::Book(50),
        _ => return Err(unknown()),
    };
    let markets = symbols.split(',').map(|symbol| named(exchange, symbol).map_err(|_| unknown()));
    Ok(Wanted::Market(markets.collect::<Result<_, _>>()?, channel))
}
