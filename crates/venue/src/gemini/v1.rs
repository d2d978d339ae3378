//! The first market data API: what a connection tells is said by its address, and it takes no frames.
//!
//! ```text
//!   {"type":"update","socket_sequence":n,"eventId":…,"timestampms":…,"events":[…]}
//!     change   a level: `remaining` in the book; `reason` is initial, place, cancel, or top-of-book
//!     trade    `makerSide` says who had waited
//! ```
//!
//! Without any of `bids`, `offers`, `trades` in the query all of them are told, as at the venue; one side of the book alone is not
//! served. There are no auctions here, and no heartbeats: the connection is kept up by pings.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, State};
use bytes::Bytes;
use http::{Request, Response};
use serde_json::{Value, json};

use super::error::GeminiError;
use super::shapes;
use crate::exchange::event::PublicTrade;
use crate::exchange::fixed::Fixed;
use crate::exchange::instrument::MarketIndex;
use crate::exchange::order::Side;
use crate::exchange::{Exchange, Market};
use crate::facade::{BookDifference, Fields};
use crate::limits::BOOK_LEVELS_PUBLISHED;
use crate::operations::{self, ApiError, Channel, Dialect, Subscriptions, changed_rows, levels, top};
use crate::shell::Shell;
use crate::websocket::Protocol;

fn update(event_id: u64, at_ms: u64, events: &[Value]) -> String {
    json!({"type": "update", "eventId": event_id, "timestamp": at_ms / 1_000, "timestampms": at_ms, "events": events}).to_string()
}

fn change(market: &Market, side: &str, (price, remaining): (Fixed, Fixed), reason: &str) -> Value {
    json!({
        "type": "change", "reason": reason, "side": side, "price": price.short(), "remaining": remaining.short(),
        "symbol": market.instrument.symbol,
    })
}

/// The top of the book, as two changes.
pub(crate) fn state_event(exchange: &Exchange, index: MarketIndex, channel: Channel, at_ms: u64) -> Option<String> {
    let Channel::Top = channel else { return None };
    let market = exchange.market(index);
    let event = |side, name| change(market, name, top(market, side), "top-of-book");
    Some(update(market.book.update_id(), at_ms, &[event(Side::Buy, "bid"), event(Side::Sell, "ask")]))
}

/// What changed in the book; none when nothing did.
pub(crate) fn changes_event(exchange: &Exchange, index: MarketIndex, difference: &BookDifference, at_ms: u64) -> Option<String> {
    let market = exchange.market(index);
    let rows = |changed, name| {
        let reason = |left: Fixed| if left.is_zero() { "cancel" } else { "place" };
        changed_rows(exchange, index, changed).into_iter().map(move |row| change(market, name, row, reason(row.1)))
    };
    let events: Vec<Value> = rows(&difference.bids, "bid").chain(rows(&difference.asks, "ask")).collect();
    (!events.is_empty()).then(|| update(difference.last_id, at_ms, &events))
}

/// The book as it is when a connection begins.
fn initial(exchange: &Exchange, index: MarketIndex, at_ms: u64) -> String {
    let market = exchange.market(index);
    let rows = |side, name| {
        let level = move |row: (Fixed, Fixed)| {
            let mut event = change(market, name, row, "initial");
            event["delta"] = event["remaining"].clone();
            event
        };
        levels(market, side, BOOK_LEVELS_PUBLISHED).into_iter().map(level)
    };
    let events: Vec<Value> = rows(Side::Buy, "bid").chain(rows(Side::Sell, "ask")).collect();
    update(market.book.update_id(), at_ms, &events)
}

/// One trade.
pub(crate) fn trade_event(exchange: &Exchange, index: MarketIndex, trade: &PublicTrade) -> String {
    let maker = if trade.taker() == Side::Buy { "ask" } else { "bid" };
    let event = json!({
        "type": "trade", "tid": trade.id, "price": trade.price.short(), "amount": trade.quantity.short(), "makerSide": maker,
        "symbol": exchange.market(index).instrument.symbol,
    });
    update(trade.id, trade.at_ms, &[event])
}

/// A connection that only tells, and numbers what it tells.
struct Numbered {
    _subscriptions: Subscriptions,
    next: u64,
}

impl Protocol for Numbered {
    fn on_text(&mut self, shell: &Shell, _: &str) -> Option<String> {
        shell.counters.count_refused();
        None
    }

    fn outgoing(&mut self, message: Bytes) -> Bytes {
        let Some(rest) = message.strip_prefix(b"{") else { return message };
        let mut numbered = format!(r#"{{"socket_sequence":{},"#, self.next).into_bytes();
        self.next += 1;
        numbered.extend_from_slice(rest);
        numbered.into()
    }
}

/// What is told of a market.
fn channels(fields: &Fields) -> Result<Vec<Channel>, GeminiError> {
    let chosen = ["auctions", "bids", "offers", "trades"].into_iter().any(|name| fields.find(name).is_some());
    let wants = |name| if chosen { fields.flag(name) } else { Ok(true) };
    let (bids, offers, trades) = (wants("bids")?, wants("offers")?, wants("trades")?);
    if bids != offers {
        return Err(GeminiError::option(if bids { "offers=false" } else { "bids=false" }));
    }
    let book = if fields.flag("top_of_book")? { Channel::Top } else { Channel::Changes };
    Ok(bids.then_some(book).into_iter().chain(trades.then_some(Channel::Trades)).collect())
}

/// `/v1/marketdata/btcusdt`
pub(super) async fn market_data(State(shell): State<Arc<Shell>>, Path(symbol): Path<String>, request: Request<Body>) -> Response<Body> {
    listen(shell, request, |_| Ok(symbol)).await
}

/// `/v1/multimarketdata?symbols=btcusdt`
pub(super) async fn multi_market_data(State(shell): State<Arc<Shell>>, request: Request<Body>) -> Response<Body> {
    listen(shell, request, |fields| Ok(fields.need("symbols")?.to_owned())).await
}

async fn listen(shell: Arc<Shell>, request: Request<Body>, symbols: impl FnOnce(&Fields) -> Result<String, GeminiError>) -> Response<Body> {
    let asked = Fields::from_query(request.uri().query().unwrap_or("")).map_err(GeminiError::from);
    let asked = asked.and_then(|fields| Ok((markets(&shell, &symbols(&fields)?)?, channels(&fields)?)));
    let (markets, channels) = match asked {
        Ok(asked) => asked,
        Err(error) => {
            shell.counters.count_refused();
            return error.response();
        }
    };
    let at = Arc::clone(&shell);
    operations::handshake::<GeminiError, Numbered>(shell, request, Dialect::GeminiV1, move |mut subscriptions| {
        for market in markets {
            for channel in &channels {
                // One connection, at most two topics for each market there is.
                let _within_the_limit = subscriptions.subscribe(&at, market, *channel);
                // Taken after the subscription: a change told twice is harmless, one missed is not.
                if *channel == Channel::Changes {
                    let first = at.with(|exchange, now_ms| initial(exchange, market, now_ms));
                    subscriptions.outbox.push_own(Bytes::from(first));
                }
            }
        }
        Numbered { _subscriptions: subscriptions, next: 0 }
    })
    .await
}

fn markets(shell: &Shell, symbols: &str) -> Result<Vec<MarketIndex>, GeminiError> {
    shell.with(|exchange, _| {
        let found = symbols.split(',').map(|name| shapes::find(exchange, name).ok_or_else(GeminiError::no_pairs));
        let mut markets = found.collect::<Result<Vec<_>, _>>()?;
        markets.sort_unstable();
        markets.dedup();
        Ok(markets)
    })
}
