//! The WebSocket: events, and inputs as `[0, "on", null, {…}]`.
//!
//! | frame | answer |
//! |---|---|
//! | `{"event":"subscribe","channel","symbol"}` | `{"event":"subscribed","chanId",…}` with the `subId` of the frame, the snapshot, the channel |
//! | `{"event":"unsubscribe","chanId"}` | `{"event":"unsubscribed","status":"OK",…}` |
//! | `{"event":"conf","flags"}` | `{"event":"conf","status":"OK","flags":0}`: no flag is served |
//! | `{"event":"auth"}` | nothing but the news of one's own: the gateway has answered the login |
//! | `[0,"on",null,{…}]`, `[0,"oc",null,{…}]` | `[0,"n",[…]]` |
//! | `{"method":"SUBSCRIBE","params","id"}`, no `event`, nothing subscribed | as a connection of Binance's streams, from then on: their clients number them, and one is `/ws/2` |
//! | anything else | `{"event":"error",…}` |

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use bytes::Bytes;
use http::{Request, Response};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::error::BitfinexError;
use super::market_data::candle_key;
use super::{change, shapes, streams, trading};
use crate::binance::Streams;
use crate::clock::now_ms;
use crate::exchange::instrument::MarketIndex;
use crate::facade::fields_of;
use crate::operations::{self, Channel, Dialect, Handler, OwnChannel, Subscriptions};
use crate::shell::Shell;
use crate::websocket::Protocol;

/// Vendor, "Websockets: general": unknown event, failed subscription, unknown channel.
const UNKNOWN_EVENT: u32 = 10_000;
const UNKNOWN_PAIR: u32 = 10_300;
const UNKNOWN_CHANNEL: u32 = 10_302;
const NOT_SUBSCRIBED: u32 = 10_400;

#[derive(Deserialize)]
#[serde(tag = "event", rename_all = "lowercase")]
enum Frame {
    Auth {},
    Conf {},
    Subscribe(Subscribe),
    Unsubscribe {
        #[serde(rename = "chanId")]
        channel: Number,
    },
}

#[derive(Deserialize)]
struct Subscribe {
    channel: String,
    #[serde(default)]
    key: String,
    #[serde(default)]
    symbol: String,
    #[serde(default)]
    prec: Option<String>,
    #[serde(default)]
    freq: Option<String>,
    #[serde(default)]
    len: Option<Value>,
    /// The client's own name of the subscription; the answer has it, too.
    #[serde(default, rename = "subId")]
    name: Option<Value>,
}

/// A number, as it is or as text: clients send both.
#[derive(Deserialize)]
#[serde(untagged)]
enum Number {
    Number(usize),
    Text(String),
}

impl Number {
    fn get(&self) -> Option<usize> {
        match self {
            Self::Number(number) => Some(*number),
            Self::Text(text) => text.parse().ok(),
        }
    }
}

struct Session(Subscriptions);

/// A connection at a path that is in use at two venues. The first frame that is one's own says whose client it is; who holds a
/// subscription of this venue has said it.
enum Numbered {
    Binance(Streams),
    Bitfinex(Session),
}

pub(super) async fn handshake(State(shell): State<Arc<Shell>>, request: Request<Body>) -> Response<Body> {
    let make = |subscriptions| Numbered::Bitfinex(Session(subscriptions));
    operations::handshake::<BitfinexError, Numbered>(shell, request, Dialect::Bitfinex, make).await
}

impl Protocol for Numbered {
    fn on_text(&mut self, shell: &Shell, text: &str) -> Option<String> {
        if let Self::Bitfinex(Session(subscriptions)) = self
            && subscriptions.is_empty()
            && Streams::are_asked_for(text)
        {
            let (connection, outbox) = subscriptions.connection();
            *self = Self::Binance(Streams::new(connection, outbox));
        }
        match self {
            Self::Binance(streams) => streams.on_text(shell, text),
            Self::Bitfinex(session) => session.on_text(shell, text),
        }
    }
}

impl Session {
    fn on_text(&mut self, shell: &Shell, text: &str) -> Option<String> {
        if text.trim_start().starts_with('[') {
            return Some(self.input(shell, text));
        }
        let done = match serde_json::from_str::<Frame>(text) {
            Ok(Frame::Auth {}) => self.own(shell),
            Ok(Frame::Conf {}) => {
                shell.counters.count_public();
                self.say(&json!({"event": "conf", "status": "OK", "flags": 0}));
                Ok(())
            }
            Ok(Frame::Subscribe(wanted)) => self.subscribe(shell, &wanted),
            Ok(Frame::Unsubscribe { channel }) => self.unsubscribe(shell, &channel),
            Err(_) => Err(BitfinexError::subscription(UNKNOWN_EVENT, "event: invalid")),
        };
        done.err().map(|error| {
            shell.counters.count_refused();
            json!({"event": "error", "msg": error.text(), "code": error.code()}).to_string()
        })
    }

    fn say(&self, message: &Value) {
        self.0.outbox.push_own(Bytes::from(message.to_string()));
    }

    fn subscribe(&mut self, shell: &Shell, wanted: &Subscribe) -> Result<(), BitfinexError> {
        if wanted.channel == "candles" {
            return self.subscribe_candles(shell, wanted);
        }
        let channel = match wanted.channel.as_str() {
            "book" if wanted.prec.as_deref().is_none_or(|precision| precision == "P0") => Channel::Changes,
            "ticker" => Channel::Ticker,
            "trades" => Channel::Trades,
            _ => return Err(BitfinexError::subscription(UNKNOWN_CHANNEL, "channel: unknown")),
        };
        let found = shell.with(|exchange, _| shapes::find(exchange, &wanted.symbol));
        let market = found.ok_or_else(|| BitfinexError::subscription(UNKNOWN_PAIR, "symbol: invalid"))?;
        shell.counters.count_public();
        let mut answer = json!({
            "event": "subscribed", "channel": wanted.channel, "chanId": streams::number_of(market, channel), "symbol": wanted.symbol,
            "pair": wanted.symbol.trim_start_matches('t'),
        });
        if channel == Channel::Changes {
            answer["prec"] = json!("P0");
            answer["freq"] = json!(wanted.freq.as_deref().unwrap_or("F0"));
            answer["len"] = wanted.len.clone().unwrap_or_else(|| json!("25"));
        }
        self.open(shell, market, channel, wanted, answer)
    }

    /// Candles are named by a key in place of a symbol.
    fn subscribe_candles(&mut self, shell: &Shell, wanted: &Subscribe) -> Result<(), BitfinexError> {
        let key = &wanted.key;
        let found = shell.with(|exchange, _| candle_key(exchange, key));
        let (market, width) = found.map_err(|_| BitfinexError::subscription(UNKNOWN_PAIR, "key: invalid"))?;
        shell.counters.count_public();
        let channel = Channel::Candles(width);
        let number = streams::number_of(market, channel);
        let answer = json!({"event": "subscribed", "channel": "candles", "chanId": number, "key": key});
        self.open(shell, market, channel, wanted, answer)
    }

    fn open(
        &mut self,
        shell: &Shell,
        market: MarketIndex,
        channel: Channel,
        wanted: &Subscribe,
        mut answer: Value,
    ) -> Result<(), BitfinexError> {
        if let Some(name) = &wanted.name {
            answer["subId"] = name.clone();
        }
        // A client knows a channel by its answer, so that comes first.
        self.say(&answer);
        self.0.subscribe(shell, market, channel).map_err(|_| BitfinexError::subscription(UNKNOWN_PAIR, "subscribe: limit"))?;
        // Taken after the subscription: a change told twice is harmless, one missed is not.
        if let Some(first) = shell.with(|exchange, _| streams::snapshot(exchange, market, channel)) {
            self.0.outbox.push_own(Bytes::from(first));
        }
        Ok(())
    }

    fn unsubscribe(&mut self, shell: &Shell, channel: &Number) -> Result<(), BitfinexError> {
        let number = channel.get();
        let markets = shell.with(|exchange, _| exchange.markets().len());
        let listed = number.and_then(streams::channel_of).filter(|(MarketIndex(market), _)| *market < markets);
        let (market, channel) = listed.ok_or_else(|| BitfinexError::subscription(NOT_SUBSCRIBED, "unsubscribe: invalid"))?;
        shell.counters.count_public();
        self.0.unsubscribe(shell, market, channel);
        self.say(&json!({"event": "unsubscribed", "status": "OK", "chanId": number}));
        Ok(())
    }

    /// News of one's own, beginning with what there is.
    fn own(&mut self, shell: &Shell) -> Result<(), BitfinexError> {
        let owner = operations::reader::<BitfinexError>(shell, &self.0.caller)?;
        for channel in [OwnChannel::Balances, OwnChannel::Orders, OwnChannel::Fills] {
            self.0.listen(shell, owner.index, channel);
        }
        for first in shell.with(|exchange, _| streams::own_snapshots(exchange, owner.index)) {
            self.0.outbox.push_own(Bytes::from(first));
        }
        Ok(())
    }

    /// An input; its notice says how it went.
    fn input(&self, shell: &Shell, text: &str) -> String {
        let Ok((0, kind, _, details)) = serde_json::from_str::<(u64, String, Value, Map<String, Value>)>(text) else {
            shell.counters.count_refused();
            return json!({"event": "error", "msg": "input: invalid", "code": UNKNOWN_EVENT}).to_string();
        };
        let handler = match kind.as_str() {
            "oc" => Handler::Write(trading::cancel),
            "oc_multi" => Handler::Write(trading::cancel_multi),
            "on" => Handler::Write(trading::submit_input),
            "ou" => Handler::Write(change::update),
            _ => {
                shell.counters.count_refused();
                return json!({"event": "error", "msg": "input: unknown", "code": UNKNOWN_EVENT}).to_string();
            }
        };
        let (id, cid) = (details.get("id").cloned(), details.get("cid").cloned());
        match operations::call::<BitfinexError>(shell, handler, &self.0.caller, &fields_of(details)) {
            Ok(notice) => format!(r#"[0,"n",{notice}]"#),
            Err(error) => {
                let notice = json!([now_ms(), format!("{kind}-req"), null, null, [id, null, cid], error.code(), "ERROR", error.text()]);
                json!([0, "n", notice]).to_string()
            }
        }
    }
}
