//! The WebSocket: subscriptions to feeds.
//!
//! | frame | answer |
//! |---|---|
//! | `{"event":"subscribe","feed","product_ids"}` | `{"event":"subscribed",…}`, then the feed |
//! | `{"event":"unsubscribe",…}` | `{"event":"unsubscribed",…}` |
//! | anything else | `{"event":"alert","message"}` |
//!
//! Challenges and pings never arrive here; the gateway answers them, and takes the proof out of private subscriptions.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use bytes::Bytes;
use http::{Request, Response};
use serde::Deserialize;
use serde_json::json;

use super::error::FuturesError;
use super::{names, streams};
use crate::limits::KRAKEN_FUTURES_BOOK_LEVELS;
use crate::operations::{self, Channel, Dialect, OwnChannel, Subscriptions};
use crate::shell::Shell;
use crate::websocket::Protocol;

#[derive(Deserialize)]
struct Frame {
    event: Event,
    feed: String,
    #[serde(default)]
    product_ids: Vec<String>,
}

#[derive(Clone, Copy, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "lowercase")]
enum Event {
    Subscribe,
    Unsubscribe,
}

struct Session(Subscriptions);

pub(super) async fn handshake(State(shell): State<Arc<Shell>>, request: Request<Body>) -> Response<Body> {
    operations::handshake::<FuturesError, Session>(shell, request, Dialect::KrakenFutures, Session).await
}

/// What a feed is.
enum Feed {
    Market(Channel),
    Own(OwnChannel),
}

impl Feed {
    fn read(name: &str) -> Result<Self, FuturesError> {
        match name {
            "balances" => Ok(Self::Own(OwnChannel::Balances)),
            "book" => Ok(Self::Market(Channel::Book(KRAKEN_FUTURES_BOOK_LEVELS))),
            "fills" => Ok(Self::Own(OwnChannel::Fills)),
            "open_orders" | "open_orders_verbose" => Ok(Self::Own(OwnChannel::Orders)),
            "open_positions" => Ok(Self::Own(OwnChannel::Positions)),
            "ticker" => Ok(Self::Market(Channel::Ticker)),
            "ticker_lite" => Ok(Self::Market(Channel::Top)),
            "trade" => Ok(Self::Market(Channel::Trades)),
            _ => Err(FuturesError::unknown_feed()),
        }
    }
}

impl Protocol for Session {
    fn on_text(&mut self, shell: &Shell, text: &str) -> Option<String> {
        let answer = match serde_json::from_str::<Frame>(text) {
            Ok(frame) => self.answer(shell, &frame),
            Err(_) => {
                shell.counters.count_refused();
                Err(FuturesError::unknown_feed())
            }
        };
        Some(answer.unwrap_or_else(|error| json!({"event": "alert", "message": error.word()}).to_string()))
    }
}

impl Session {
    fn answer(&mut self, shell: &Shell, frame: &Frame) -> Result<String, FuturesError> {
        let subscribe = frame.event == Event::Subscribe;
        match Feed::read(&frame.feed).inspect_err(|_| shell.counters.count_refused())? {
            Feed::Market(channel) => {
                for name in &frame.product_ids {
                    let found = shell.with(|exchange, _| names::find(exchange, name));
                    let market = found.ok_or_else(FuturesError::unknown_product).inspect_err(|_| shell.counters.count_refused())?;
                    shell.counters.count_public();
                    if subscribe {
                        self.0.subscribe(shell, market, channel).map_err(|_| FuturesError::too_many_streams())?;
                    } else {
                        self.0.unsubscribe(shell, market, channel);
                    }
                }
            }
            Feed::Own(channel) => self.own(shell, channel, subscribe)?,
        }
        let event = if subscribe { "subscribed" } else { "unsubscribed" };
        Ok(json!({"event": event, "feed": frame.feed, "product_ids": frame.product_ids}).to_string())
    }

    fn own(&mut self, shell: &Shell, channel: OwnChannel, subscribe: bool) -> Result<(), FuturesError> {
        let owner = operations::reader::<FuturesError>(shell, &self.0.caller)?;
        if !subscribe {
            self.0.unlisten(shell, channel);
            return Ok(());
        }
        self.0.listen(shell, owner.index, channel);
        // Taken after the subscription: what is told twice is harmless, what is missed is not.
        let first = shell.with(|exchange, now_ms| match channel {
            OwnChannel::Balances => Some(streams::balances(exchange, owner.index, "balances_snapshot", now_ms)),
            OwnChannel::Orders => Some(streams::orders_snapshot(exchange, owner.index)),
            OwnChannel::Positions => Some(streams::positions(exchange, owner.index, now_ms)),
            OwnChannel::AddressBalances(_) | OwnChannel::AddressFills(_) | OwnChannel::Fills | OwnChannel::OrdersAnew => None,
        });
        if let Some(first) = first {
            self.0.outbox.push_own(Bytes::from(first));
        }
        Ok(())
    }
}
