//! The WebSocket: subscriptions to tables, as `table` or `table:symbol`.
//!
//! | frame | answer |
//! |---|---|
//! | `{"op":"subscribe","args":[…]}` | for each `{"success":true,"subscribe":…}`, then its `partial` |
//! | `{"op":"unsubscribe","args":[…]}` | for each `{"success":true,"unsubscribe":…}` |
//! | anything else | `{"status":400,"error":…}` |
//!
//! Logins and pings never arrive here; the gateway answers them.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use bytes::Bytes;
use http::{Request, Response};
use serde::Deserialize;
use serde_json::{Value, json};

use super::error::BitmexError;
use super::{names, streams};
use crate::exchange::instrument::MarketIndex;
use crate::operations::{self, Channel, Dialect, OwnChannel, Subscriptions, spot_markets};
use crate::shell::Shell;
use crate::websocket::Protocol;

#[derive(Deserialize)]
struct Frame {
    op: Op,
    args: Args,
}

#[derive(Clone, Copy, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "lowercase")]
enum Op {
    Subscribe,
    Unsubscribe,
}

/// One topic, or a list of them.
#[derive(Deserialize)]
#[serde(untagged)]
enum Args {
    Many(Vec<String>),
    One(String),
}

impl Args {
    fn topics(&self) -> &[String] {
        match self {
            Self::Many(topics) => topics,
            Self::One(topic) => std::slice::from_ref(topic),
        }
    }
}

/// What a table is.
enum Table {
    Market(Channel),
    /// Nothing ever happens in it.
    Nothing,
    Own(OwnChannel),
}

impl Table {
    fn read(name: &str) -> Result<Self, BitmexError> {
        match name {
            "execution" => Ok(Self::Own(OwnChannel::Fills)),
            "instrument" => Ok(Self::Market(Channel::Ticker)),
            "margin" => Ok(Self::Own(OwnChannel::Balances)),
            "order" => Ok(Self::Own(OwnChannel::Orders)),
            "orderBook10" => Ok(Self::Market(Channel::Book(streams::TEN))),
            "orderBookL2" => Ok(Self::Market(Channel::Changes)),
            "orderBookL2_25" => Ok(Self::Market(Channel::Snapshot(streams::TWENTY_FIVE))),
            "position" => Ok(Self::Nothing),
            "quote" => Ok(Self::Market(Channel::Top)),
            "trade" => Ok(Self::Market(Channel::Trades)),
            _ => Err(BitmexError::topic(name)),
        }
    }
}

struct Session(Subscriptions);

pub(super) async fn handshake(State(shell): State<Arc<Shell>>, request: Request<Body>) -> Response<Body> {
    operations::handshake::<BitmexError, Session>(shell, request, Dialect::Bitmex, Session).await
}

fn refusal(error: &BitmexError, request: &Value) -> String {
    json!({"status": error.status.as_u16(), "error": error.message, "meta": {}, "request": request}).to_string()
}

impl Protocol for Session {
    fn on_text(&mut self, shell: &Shell, text: &str) -> Option<String> {
        let Ok(frame) = serde_json::from_str::<Frame>(text) else {
            shell.counters.count_refused();
            return Some(refusal(&BitmexError::frame(), &json!({})));
        };
        let word = if frame.op == Op::Subscribe { "subscribe" } else { "unsubscribe" };
        let request = json!({"op": word, "args": frame.args.topics()});
        for topic in frame.args.topics() {
            if let Err(error) = self.topic(shell, frame.op, topic, &json!({"success": true, word: topic, "request": request})) {
                self.0.outbox.push_own(Bytes::from(refusal(&error, &request)));
            }
        }
        None
    }
}

impl Session {
    fn say(&self, text: String) {
        self.0.outbox.push_own(Bytes::from(text));
    }

    fn topic(&mut self, shell: &Shell, op: Op, topic: &str, answer: &Value) -> Result<(), BitmexError> {
        let (name, symbol) = topic.split_once(':').map_or((topic, None), |(name, symbol)| (name, Some(symbol)));
        let table = Table::read(name).inspect_err(|_| shell.counters.count_refused())?;
        match table {
            Table::Market(channel) => {
                let markets = markets(shell, symbol).inspect_err(|_| shell.counters.count_refused())?;
                shell.counters.count_public();
                self.say(answer.to_string());
                for market in markets {
                    self.market(shell, op, market, channel)?;
                }
            }
            Table::Nothing => {
                operations::reader::<BitmexError>(shell, &self.0.caller)?;
                self.say(answer.to_string());
                if op == Op::Subscribe {
                    self.say(json!({"table": name, "action": "partial", "keys": [], "filter": {}, "data": []}).to_string());
                }
            }
            Table::Own(channel) => self.own(shell, op, channel, answer)?,
        }
        Ok(())
    }

    fn market(&mut self, shell: &Shell, op: Op, market: MarketIndex, channel: Channel) -> Result<(), BitmexError> {
        if op == Op::Unsubscribe {
            self.0.unsubscribe(shell, market, channel);
            return Ok(());
        }
        self.0.subscribe(shell, market, channel).map_err(|_| BitmexError::too_many_streams())?;
        // Taken after the subscription: a change told twice is harmless, one missed is not.
        if let Some(first) = shell.with(|exchange, now_ms| streams::first(exchange, market, channel, now_ms)) {
            self.say(first);
        }
        Ok(())
    }

    fn own(&mut self, shell: &Shell, op: Op, channel: OwnChannel, answer: &Value) -> Result<(), BitmexError> {
        let owner = operations::reader::<BitmexError>(shell, &self.0.caller)?;
        self.say(answer.to_string());
        if op == Op::Unsubscribe {
            self.0.unlisten(shell, channel);
            return Ok(());
        }
        self.0.listen(shell, owner.index, channel);
        self.say(shell.with(|exchange, now_ms| streams::own_first(exchange, owner.index, channel, now_ms)));
        Ok(())
    }
}

/// The pair that a topic names, or all of them.
fn markets(shell: &Shell, symbol: Option<&str>) -> Result<Vec<MarketIndex>, BitmexError> {
    shell.with(|exchange, _| match symbol {
        Some(name) => names::find(exchange, name).map(|market| vec![market]).ok_or_else(BitmexError::symbol),
        None => Ok(spot_markets(exchange).map(|(index, _)| index).collect()),
    })
}
