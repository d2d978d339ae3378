//! The WebSocket: subscriptions, and orders by `event` `api`.
//!
//! | frame | answer |
//! |---|---|
//! | `spot.ping` | `spot.pong` |
//! | `subscribe`, `unsubscribe` | the same event with `result` or `error` |
//! | `api` on `spot.order_…` | `{"request_id","ack":false,"header","data"}` |
//!
//! `spot.login` never arrives here; the gateway answers it. The `api` answer is the final
//! one at once: there is no acknowledgement before it.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use http::{Request, Response};
use serde::Deserialize;
use serde_json::{Value, json};

use super::error::GateError;
use super::market_data::{INTERVALS, named};
use super::{batch, trading};
use crate::clock::now_ms;
use crate::exchange::instrument::MarketIndex;
use crate::facade::Fields;
use crate::operations::{self, Channel, Dialect, Handler, OwnChannel, Subscriptions, candle_width};
use crate::shell::Shell;
use crate::websocket::Protocol;

#[derive(Deserialize)]
struct Frame {
    #[serde(default)]
    id: Value,
    channel: String,
    #[serde(default)]
    event: String,
    #[serde(default)]
    payload: Value,
}

#[derive(Deserialize)]
struct ApiPayload {
    #[serde(default)]
    req_id: Value,
    #[serde(default)]
    req_param: Value,
}

struct Session(Subscriptions);

pub(super) async fn handshake(State(shell): State<Arc<Shell>>, request: Request<Body>) -> Response<Body> {
    operations::handshake::<GateError, Session>(shell, request, Dialect::Gate, Session).await
}

/// What a subscription asks for.
enum Wanted {
    Market(MarketIndex, Channel),
    Own(OwnChannel),
}

impl Protocol for Session {
    fn on_text(&mut self, shell: &Shell, text: &str) -> Option<String> {
        let Ok(frame) = serde_json::from_str::<Frame>(text) else {
            shell.counters.count_refused();
            return Some(json!({"time": now_ms() / 1_000, "error": {"code": 1, "message": "invalid JSON"}, "result": null}).to_string());
        };
        Some(match frame.event.as_str() {
            "api" => self.api(shell, &frame),
            _ if frame.channel == "spot.ping" => {
                shell.counters.count_public();
                let now_ms = now_ms();
                json!({"time": now_ms / 1_000, "time_ms": now_ms, "channel": "spot.pong", "event": "", "result": null}).to_string()
            }
            _ => {
                let result = self.subscription(shell, &frame);
                status(&frame, result)
            }
        })
    }
}

fn status(frame: &Frame, result: Result<(), GateError>) -> String {
    let now_ms = now_ms();
    let mut answer = json!({
        "time": now_ms / 1_000, "time_ms": now_ms, "id": frame.id, "channel": frame.channel, "event": frame.event, "payload": frame.payload,
    });
    match result {
        Ok(()) => answer["result"] = json!({"status": "success"}),
        Err(error) => {
            answer["error"] = json!({"code": 2, "message": error.message});
            answer["result"] = json!({"status": "fail"});
        }
    }
    answer.to_string()
}

impl Session {
    fn subscription(&mut self, shell: &Shell, frame: &Frame) -> Result<(), GateError> {
        let wanted = shell.with(|exchange, _| wanted(exchange, &frame.channel, &frame.payload));
        let wanted = wanted.inspect_err(|_| shell.counters.count_refused())?;
        let subscribe = match frame.event.as_str() {
            "subscribe" => true,
            "unsubscribe" => false,
            _ => return Err(GateError::unknown_channel()),
        };
        for wanted in wanted {
            match wanted {
                Wanted::Market(market, channel) => {
                    shell.counters.count_public();
                    if subscribe {
                        self.0.subscribe(shell, market, channel).map_err(|_| GateError::too_many_streams())?;
                    } else {
                        self.0.unsubscribe(shell, market, channel);
                    }
                }
                Wanted::Own(channel) => {
                    let owner = operations::reader::<GateError>(shell, &self.0.caller)?;
                    if subscribe {
                        self.0.listen(shell, owner.index, channel);
                    } else {
                        self.0.unlisten(shell, channel);
                    }
                }
            }
        }
        Ok(())
    }

    fn api(&self, shell: &Shell, frame: &Frame) -> String {
        let payload = serde_json::from_value::<ApiPayload>(frame.payload.clone()).ok();
        let named = payload.as_ref().map(|payload| &payload.req_id).filter(|id| !id.is_null());
        let request_id = named.unwrap_or(&frame.id).clone();
        let result = match (payload, handler(&frame.channel)) {
            (Some(payload), Some(handler)) => Fields::from_param(payload.req_param)
                .map_err(GateError::from)
                .and_then(|fields| operations::call(shell, handler, &self.0.caller, &fields)),
            (None, _) | (_, None) => {
                shell.counters.count_refused();
                Err(GateError::unknown_channel())
            }
        };
        let (status, name, data) = match result {
            Ok(text) => ("200".to_owned(), "result", text),
            Err(error) => (error.status.as_u16().to_string(), "errs", error.json()),
        };
        let header =
            json!({"response_time": now_ms().to_string(), "status": status, "channel": frame.channel, "event": "api", "client_id": ""});
        format!(r#"{{"request_id":{request_id},"ack":false,"header":{header},"data":{{"{name}":{data}}}}}"#)
    }
}

/// The handler behind an `api` channel: the same as over HTTP.
fn handler(channel: &str) -> Option<Handler<GateError>> {
    match channel {
        "spot.order_amend" => Some(Handler::Write(trading::amend)),
        "spot.order_cancel" => Some(Handler::Write(trading::cancel)),
        "spot.order_cancel_cp" => Some(Handler::Write(trading::cancel_all)),
        "spot.order_cancel_ids" => Some(Handler::Write(batch::cancel)),
        "spot.order_place" => Some(Handler::Write(batch::place_any)),
        "spot.order_status" => Some(Handler::Read(trading::status)),
        _ => None,
    }
}

/// Reads channel and payload of a subscription.
fn wanted(exchange: &crate::exchange::Exchange, channel: &str, payload: &Value) -> Result<Vec<Wanted>, GateError> {
    let words: Vec<&str> = payload.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let one = |channel| Ok(vec![Wanted::Market(named(exchange, words.first().copied().unwrap_or(""))?, channel)]);
    let each = |channel: Channel| words.iter().map(|name| Ok(Wanted::Market(named(exchange, name)?, channel))).collect();
    match channel {
        "spot.balances" => Ok(vec![Wanted::Own(OwnChannel::Balances)]),
        "spot.book_ticker" => each(Channel::Top),
        "spot.candlesticks" => {
            let index = words.first().and_then(|interval| candle_width(INTERVALS, interval)).ok_or_else(GateError::unknown_channel)?;
            Ok(vec![Wanted::Market(named(exchange, words.get(1).copied().unwrap_or(""))?, Channel::Candles(index))])
        }
        "spot.obu" => words.iter().map(|name| ultra(exchange, name)).collect(),
        "spot.order_book" => one(Channel::Snapshot(depth(words.get(1).copied())?)),
        "spot.order_book_update" => one(Channel::Changes),
        "spot.orders" | "spot.usertrades" => {
            for name in words.iter().filter(|name| **name != "!all") {
                named(exchange, name)?;
            }
            Ok(vec![Wanted::Own(if channel == "spot.orders" { OwnChannel::Orders } else { OwnChannel::Fills })])
        }
        "spot.tickers" => each(Channel::Ticker),
        "spot.trades" => each(Channel::Trades),
        _ => Err(GateError::unknown_channel()),
    }
}

/// Levels of `spot.order_book`.
fn depth(word: Option<&str>) -> Result<u16, GateError> {
    match word {
        Some("5") => Ok(5),
        Some("10") => Ok(10),
        Some("20") => Ok(20),
        Some("50") => Ok(50),
        Some("100") => Ok(100),
        Some(_) | None => Err(GateError::unknown_channel()),
    }
}

/// `ob.BTC_USDT.50`: 50 or 400 levels.
fn ultra(exchange: &crate::exchange::Exchange, name: &str) -> Result<Wanted, GateError> {
    let (pair, depth) = name.strip_prefix("ob.").and_then(|rest| rest.rsplit_once('.')).ok_or_else(GateError::unknown_channel)?;
    let depth = match depth {
        "50" => 50,
        "400" => 400,
        _ => return Err(GateError::unknown_channel()),
    };
    Ok(Wanted::Market(named(exchange, pair)?, Channel::Book(depth)))
}
