//! The WebSockets but those of [`super::v1`]. What order events tell is said by who opened the connection; it takes no frames.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use bytes::Bytes;
use http::{Request, Response};
use serde::Deserialize;

use super::error::GeminiError;
use super::market_data::STREAMED;
use super::{shapes, streams};
use crate::facade::Access;
use crate::operations::{self, ApiError, Channel, Dialect, OwnChannel, Subscriptions, candle_width};
use crate::shell::Shell;
use crate::websocket::Protocol;

/// A connection that only tells: what it is subscribed to ends with it.
struct Listening;

impl Protocol for Listening {
    fn on_text(&mut self, shell: &Shell, _: &str) -> Option<String> {
        shell.counters.count_refused();
        None
    }
}

/// `/v1/order/events`
pub(super) async fn order_events(State(shell): State<Arc<Shell>>, request: Request<Body>) -> Response<Body> {
    let caller = match shell.identify(request.headers()).await {
        Ok(caller) => caller,
        Err(error) => return GeminiError::from(error).response(),
    };
    let admitted = operations::admitted::<GeminiError>(&shell, Access::Read, &caller);
    let owner = admitted.and_then(|identity| Ok(shell.with(|exchange, _| operations::owner(exchange, identity))?));
    let owner = match owner {
        Ok(owner) => owner,
        Err(error) => return error.response(),
    };
    let at = Arc::clone(&shell);
    operations::handshake::<GeminiError, Listening>(shell, request, Dialect::Gemini, move |mut subscriptions| {
        subscriptions.listen(&at, owner.index, OwnChannel::Orders);
        // Taken after the subscription: an order told twice is harmless, one missed is not.
        for first in at.with(|exchange, _| streams::first_events(exchange, owner.index, "orderevents-websocket")) {
            subscriptions.outbox.push_own(Bytes::from(first));
        }
        Listening
    })
    .await
}

#[derive(Deserialize)]
struct Frame {
    #[serde(rename = "type")]
    kind: Kind,
    subscriptions: Vec<Named>,
}

#[derive(Clone, Copy, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "lowercase")]
enum Kind {
    Subscribe,
    Unsubscribe,
}

#[derive(Deserialize)]
struct Named {
    name: String,
    symbols: Vec<String>,
}

/// `/v2/marketdata`: subscriptions to `l2` and `candles_1m`.
struct MarketData(Subscriptions);

pub(super) async fn market_data(State(shell): State<Arc<Shell>>, request: Request<Body>) -> Response<Body> {
    operations::handshake::<GeminiError, MarketData>(shell, request, Dialect::Gemini, MarketData).await
}

impl Protocol for MarketData {
    fn on_text(&mut self, shell: &Shell, text: &str) -> Option<String> {
        let done = match serde_json::from_str::<Frame>(text) {
            Ok(frame) => frame.subscriptions.iter().try_for_each(|named| self.one(shell, frame.kind, named)),
            Err(_) => Err(GeminiError::bad_body()),
        };
        done.err().map(|error| {
            shell.counters.count_refused();
            error.text()
        })
    }
}

impl MarketData {
    fn one(&mut self, shell: &Shell, kind: Kind, named: &Named) -> Result<(), GeminiError> {
        let width = named.name.strip_prefix("candles_").and_then(|name| candle_width(STREAMED, name));
        let channels = match (named.name.as_str(), width) {
            ("l2", _) => &[Channel::Changes, Channel::Trades][..],
            (_, Some(width)) => &[Channel::Candles(width)],
            (unknown, None) => return Err(GeminiError::option(unknown)),
        };
        for symbol in &named.symbols {
            let market = shell.with(|exchange, _| shapes::find(exchange, symbol)).ok_or_else(GeminiError::no_pairs)?;
            shell.counters.count_public();
            for channel in channels {
                match kind {
                    Kind::Subscribe => self.0.subscribe(shell, market, *channel).map_err(|_| GeminiError::no_pairs())?,
                    Kind::Unsubscribe => self.0.unsubscribe(shell, market, *channel),
                }
            }
            if kind == Kind::Subscribe {
                // Taken after the subscription: a change told twice is harmless, one missed is not.
                let first = shell.with(|exchange, _| match width {
                    Some(width) => streams::past_candles(exchange, market, width),
                    None => Some(streams::snapshot(exchange, market)),
                });
                first.into_iter().for_each(|first| self.0.outbox.push_own(Bytes::from(first)));
            }
        }
        Ok(())
    }
}
