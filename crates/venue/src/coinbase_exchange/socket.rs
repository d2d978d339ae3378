//! The feed: `subscribe` and `unsubscribe` with product ids and channels.
//!
//! The answer, `subscriptions`, lists what the frame named. A `signature` in the frame is for
//! the gateway; the `user` channel belongs to the identity that opened the connection.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use bytes::Bytes;
use http::{Request, Response};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::error::CoinbaseError;
use super::market_data::named;
use super::streams::snapshot;
use crate::exchange::instrument::MarketIndex;
use crate::operations::{self, Channel, Dialect, OwnChannel, Subscriptions};
use crate::outbox::Outbox;
use crate::shell::{Caller, Shell};
use crate::websocket::Protocol;

#[derive(Deserialize)]
struct Frame {
    #[serde(rename = "type")]
    kind: Kind,
    #[serde(default)]
    product_ids: Vec<String>,
    #[serde(default)]
    channels: Vec<Named>,
}

#[derive(Clone, Copy, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "lowercase")]
enum Kind {
    Subscribe,
    Unsubscribe,
}

/// A channel by its name, with the frame's products or its own.
#[derive(Deserialize)]
#[serde(untagged)]
enum Named {
    Plain(String),
    With {
        name: String,
        #[serde(default)]
        product_ids: Vec<String>,
    },
}

pub(crate) struct Session(Subscriptions);

pub(super) async fn handshake(State(shell): State<Arc<Shell>>, request: Request<Body>) -> Response<Body> {
    operations::handshake::<CoinbaseError, Session>(shell, request, Dialect::CoinbaseExchange, Session).await
}

impl Protocol for Session {
    fn on_text(&mut self, shell: &Shell, text: &str) -> Option<String> {
        let answer = match serde_json::from_str::<Frame>(text) {
            Ok(frame) => self.answer(shell, &frame),
            Err(_) => {
                shell.counters.count_refused();
                Err(CoinbaseError::malformed_frame())
            }
        };
        Some(answer.unwrap_or_else(|error| json!({"type": "error", "message": "Failed to subscribe", "reason": error.message}).to_string()))
    }
}

impl Session {
    /// Takes a connection over.
    pub(crate) const fn open(caller: Caller, connection: u64, outbox: Arc<Outbox>) -> Self {
        Self(Subscriptions::new(Dialect::CoinbaseExchange, caller, connection, outbox))
    }

    /// Whether a text is what clients of this feed send: at the root, which two other venues have, too. The channels of a frame are a
    /// list; that of Coinbase Advanced is one.
    pub(crate) fn is_asked_for(text: &str) -> bool {
        let is_others = |frame: &Map<String, Value>| frame.contains_key("channel") || frame.contains_key("event");
        serde_json::from_str::<Map<String, Value>>(text).is_ok_and(|frame| frame.contains_key("channels") && !is_others(&frame))
    }

    fn answer(&mut self, shell: &Shell, frame: &Frame) -> Result<String, CoinbaseError> {
        let mut listed: Vec<Value> = Vec::new();
        for channel in &frame.channels {
            let (name, products) = match channel {
                Named::Plain(name) => (name, &frame.product_ids),
                Named::With { name, product_ids } if product_ids.is_empty() => (name, &frame.product_ids),
                Named::With { name, product_ids } => (name, product_ids),
            };
            let known = products.iter().map(|product| {
                let index = shell.with(|exchange, _| named(exchange, product));
                index.ok_or_else(CoinbaseError::unknown_product)
            });
            let markets = known.collect::<Result<Vec<MarketIndex>, _>>().inspect_err(|_| shell.counters.count_refused())?;
            self.one(shell, name, &markets, frame.kind == Kind::Subscribe)?;
            listed.push(json!({"name": name, "product_ids": products, "account_ids": null}));
        }
        Ok(json!({"type": "subscriptions", "channels": listed}).to_string())
    }

    fn one(&mut self, shell: &Shell, name: &str, markets: &[MarketIndex], subscribe: bool) -> Result<(), CoinbaseError> {
        let channel = match name {
            "heartbeat" => Channel::Top,
            "level2" | "level2_batch" => Channel::Changes,
            "matches" => Channel::Trades,
            "ticker" | "ticker_batch" => Channel::Ticker,
            "user" => return self.user(shell, subscribe),
            _ => {
                shell.counters.count_refused();
                return Err(CoinbaseError::unknown_channel(name));
            }
        };
        shell.counters.count_public();
        for market in markets {
            if !subscribe {
                self.0.unsubscribe(shell, *market, channel);
                continue;
            }
            self.0.subscribe(shell, *market, channel).map_err(|_| CoinbaseError::too_many_streams())?;
            if channel == Channel::Changes {
                // Taken after the subscription: a change told twice is harmless, one missed is not.
                let book = shell.with(|exchange, now_ms| snapshot(exchange, *market, now_ms));
                self.0.outbox.push_own(Bytes::from(book));
            }
        }
        Ok(())
    }

    fn user(&mut self, shell: &Shell, subscribe: bool) -> Result<(), CoinbaseError> {
        let owner = operations::reader::<CoinbaseError>(shell, &self.0.caller)?;
        if subscribe {
            self.0.listen(shell, owner.index, OwnChannel::Orders);
        } else {
            self.0.unlisten(shell, OwnChannel::Orders);
        }
        Ok(())
    }
}
