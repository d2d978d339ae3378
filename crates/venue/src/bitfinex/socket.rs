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
use crate::exchange::account::AccountIndex;
use crate::exchange::instrument::MarketIndex;
use crate::facade::{Access, fields_of};
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
    Auth {
        #[serde(default)]
        dms: u32,
    },
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

/// `dms`: all orders of the account are cancelled when the connection ends (vendor, "Authenticated Channels").
const ALL_ORDERS: u32 = 4;

struct Session {
    subscriptions: Subscriptions,
    /// Whose orders end with the connection.
    protected: Option<AccountIndex>,
}

/// A connection at a path that is in use at two venues. The first frame that is one's own says whose client it is; who holds a
/// subscription of this venue has said it.
enum Numbered {
    Binance(Streams),
    Bitfinex(Session),
}

pub(super) async fn handshake(State(shell): State<Arc<Shell>>, request: Request<Body>) -> Response<Body> {
    let make = |subscriptions| Numbered::Bitfinex(Session { subscriptions, protected: None });
    operations::handshake::<BitfinexError, Numbered>(shell, request, Dialect::Bitfinex, make).await
}

impl Protocol for Numbered {
    fn on_text(&mut self, shell: &Shell, text: &str) -> Option<String> {
        if let Self::Bitfinex(Session { subscriptions, .. }) = self
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

    fn end(&mut self, shell: &Shell) {
        if let Self::Bitfinex(Session { protected: Some(owner), .. }) = self {
            shell.with(|exchange, now_ms| exchange.cancel_all(*owner, None, now_ms));
        }
    }
}

impl Session {
    fn on_text(&mut self, shell: &Shell, text: &str) -> Option<String> {
        if text.trim_start().starts_with('[') {
            return Some(self.input(shell, text));
        }
        let done = match serde_json::from_str::<Frame>(text) {
            Ok(Frame::Auth { dms }) => self.own(shell, dms == ALL_ORDERS),
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
        self.subscriptions.outbox.push_own(Bytes::from(message.to_string()));
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
        self.subscriptions.subscribe(shell, market, channel).map_err(|_| BitfinexError::subscription(UNKNOWN_PAIR, "subscribe: limit"))?;
        // Taken after the subscription: a change told twice is harmless, one missed is not.
        if let Some(first) = shell.with(|exchange, _| streams::snapshot(exchange, market, channel)) {
            self.subscriptions.outbox.push_own(Bytes::from(first));
        }
        Ok(())
    }

    fn unsubscribe(&mut self, shell: &Shell, channel: &Number) -> Result<(), BitfinexError> {
        let number = channel.get();
        let markets = shell.with(|exchange, _| exchange.markets().len());
        let listed = number.and_then(streams::channel_of).filter(|(MarketIndex(market), _)| *market < markets);
        let (market, channel) = listed.ok_or_else(|| BitfinexError::subscription(NOT_SUBSCRIBED, "unsubscribe: invalid"))?;
        shell.counters.count_public();
        self.subscriptions.unsubscribe(shell, market, channel);
        self.say(&json!({"event": "unsubscribed", "status": "OK", "chanId": number}));
        Ok(())
    }

    /// News of one's own, beginning with what there is.
    fn own(&mut self, shell: &Shell, protects: bool) -> Result<(), BitfinexError> {
        let owner = operations::reader::<BitfinexError>(shell, &self.subscriptions.caller)?;
        if protects {
            operations::admitted::<BitfinexError>(shell, Access::Write, &self.subscriptions.caller)?;
        }
        self.protected = protects.then_some(owner.index);
        for channel in [OwnChannel::Balances, OwnChannel::Orders, OwnChannel::Fills] {
            self.subscriptions.listen(shell, owner.index, channel);
        }
        for first in shell.with(|exchange, _| streams::own_snapshots(exchange, owner.index)) {
            self.subscriptions.outbox.push_own(Bytes::from(first));
        }
        Ok(())
    }

    /// An input; its notice says how it went.
    fn input(&self, shell: &Shell, text: &str) -> String {
        let invalid = || {
            shell.counters.count_refused();
            json!({"event": "error", "msg": "input: invalid", "code": UNKNOWN_EVENT}).to_string()
        };
        let Ok((0, kind, _, details)) = serde_json::from_str::<(u64, String, Value, Value)>(text) else { return invalid() };
        let details = match details {
            Value::Object(details) => details,
            // Over HTTP they have this name.
            operations @ Value::Array(_) if kind == "ox_multi" => Map::from_iter([("ops".to_owned(), operations)]),
            Value::Array(_) | Value::Bool(_) | Value::Null | Value::Number(_) | Value::String(_) => return invalid(),
        };
        let handler = match kind.as_str() {
            "oc" => Handler::Write(trading::cancel),
            "oc_multi" => Handler::Write(trading::cancel_multi),
            "on" => Handler::Write(trading::submit_input),
            "ou" => Handler::Write(change::update),
            "ox_multi" => Handler::Write(change::multi),
            _ => {
                shell.counters.count_refused();
                return json!({"event": "error", "msg": "input: unknown", "code": UNKNOWN_EVENT}).to_string();
            }
        };
        let (id, cid) = (details.get("id").cloned(), details.get("cid").cloned());
        match operations::call::<BitfinexError>(shell, handler, &self.subscriptions.caller, &fields_of(details)) {
            Ok(notice) => format!(r#"[0,"n",{notice}]"#),
            Err(error) => {
                // Clients read a whole order there, whatever the status is.
                let order = matches!(kind.as_str(), "oc" | "on" | "ou").then(|| shapes::order_named(id, cid));
                let notice = json!([now_ms(), format!("{kind}-req"), null, null, order, error.code(), "ERROR", error.text()]);
                json!([0, "n", notice]).to_string()
            }
        }
    }
}
