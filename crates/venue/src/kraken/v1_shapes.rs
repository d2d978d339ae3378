//! What WebSocket v1 tells: arrays with the number of the channel, its data, its name and the pair.
//!
//! | channel | data |
//! |---|---|
//! | `ticker` | an object of lists, as REST's, with `o` a list too |
//! | `ohlc-N` | `[time, end, open, high, low, close, vwap, volume, count]` |
//! | `trade` | `[[price, volume, time, side, type, misc], …]` |
//! | `spread` | `[bid, ask, time, bid volume, ask volume]` |
//! | `book-N` | `{"as","bs"}` first, then `{"a"}`, `{"b"}` or both, the checksum `c` in the last |

use serde_json::{Map, Value, json};

use super::market_data::average;
use super::{account, channels, names};
use crate::exchange::Exchange;
use crate::exchange::account::AccountIndex;
use crate::exchange::book::Level;
use crate::exchange::event::{OrderChange, PublicTrade};
use crate::exchange::fixed::Fixed;
use crate::exchange::instrument::{Instrument, InstrumentKind, MarketIndex};
use crate::exchange::order::{Fill, Order, OrderStatus, Side};
use crate::exchange::tape::MINUTE_MS;
use crate::facade::{BookDifference, BookMirror};
use crate::limits::TRADES_FIRST_MAX;

const DAY_MS: u64 = 1_440 * MINUTE_MS;

/// Unix seconds as text, with six places.
fn time(at_ms: u64) -> String {
    format!("{}.{:03}000", at_ms / 1_000, at_ms % 1_000)
}

fn price(terms: &Instrument, value: Fixed) -> String {
    names::with_places(value, names::places(terms.tick))
}

/// The data of `ticker`: of today, and of the last 24 hours.
pub(super) fn ticker(exchange: &Exchange, index: MarketIndex) -> Value {
    let market = exchange.market(index);
    let (terms, day) = (&market.instrument, market.tape.day());
    let today = market.tape.candles(DAY_MS, 0, u64::MAX, 1).pop().unwrap_or(day.day);
    let price = |value| price(terms, value);
    let top = |side: Side| {
        let (ticks, lots) = market.book.top(side).map_or((0, 0), |level| (level.ticks, level.lots));
        let volume = terms.quantity_of(lots);
        let whole: u64 = volume.floor_to(Fixed::whole(1)).short().parse().unwrap_or(0);
        json!([price(terms.price_of(ticks)), whole, volume])
    };
    json!({
        "a": top(Side::Sell), "b": top(Side::Buy), "c": [price(day.day.close), day.last_quantity],
        "v": [today.volume, day.day.volume], "p": [price(average(&today)), price(average(&day.day))],
        "t": [today.trades, day.day.trades], "l": [price(today.low), price(day.day.low)],
        "h": [price(today.high), price(day.day.high)], "o": [price(today.open), price(day.day.open)],
    })
}

/// The data of `ohlc`: the candle that is open.
pub(super) fn candle(exchange: &Exchange, index: MarketIndex, minutes: u64, at_ms: u64) -> Option<Value> {
    let market = exchange.market(index);
    let candle = market.tape.candles(minutes * MINUTE_MS, 0, u64::MAX, 1).pop()?;
    let price = |value| price(&market.instrument, value);
    let end = time(candle.open_ms + minutes * MINUTE_MS);
    let (open, high, low, close) = (price(candle.open), price(candle.high), price(candle.low), price(candle.close));
    Some(json!([time(at_ms), end, open, high, low, close, price(average(&candle)), candle.volume, candle.trades]))
}

/// One row of `trade`. Of a trade it is not known here how its taker's order was priced.
pub(super) fn trade(terms: &Instrument, trade: &PublicTrade) -> Value {
    let side = if trade.taker() == Side::Buy { "b" } else { "s" };
    json!([price(terms, trade.price), trade.quantity, time(trade.at_ms), side, "m", ""])
}

/// The first data of `trade`.
pub(super) fn last_trades(exchange: &Exchange, index: MarketIndex) -> Value {
    let market = exchange.market(index);
    market.tape.last_trades(TRADES_FIRST_MAX).map(|one| trade(&market.instrument, one)).collect()
}

/// The data of `spread`.
pub(super) fn spread(exchange: &Exchange, index: MarketIndex, at_ms: u64) -> Value {
    let market = exchange.market(index);
    let terms = &market.instrument;
    let top = |side: Side| {
        let (ticks, lots) = market.book.top(side).map_or((0, 0), |level| (level.ticks, level.lots));
        (price(terms, terms.price_of(ticks)), terms.quantity_of(lots))
    };
    let ((bid, bid_volume), (ask, ask_volume)) = (top(Side::Buy), top(Side::Sell));
    json!([bid, ask, time(at_ms), bid_volume, ask_volume])
}

fn levels(terms: &Instrument, levels: &[Level], at_ms: u64) -> Value {
    let row = |level: &Level| json!([price(terms, terms.price_of(level.ticks)), terms.quantity_of(level.lots), time(at_ms)]);
    levels.iter().map(row).collect()
}

/// The first data of `book`.
pub(super) fn book(terms: &Instrument, mirror: &BookMirror, at_ms: u64) -> Value {
    let side = |side: Side| levels(terms, &mirror.levels(side), at_ms);
    json!({"as": side(Side::Sell), "bs": side(Side::Buy)})
}

/// Later data of `book`: one object for each side that changed. The mirror has caught up already; levels that are gone come first, for a
/// reader that cuts its book after each.
pub(super) fn book_change(terms: &Instrument, mirror: &BookMirror, change: &BookDifference, at_ms: u64) -> Vec<Value> {
    let gone_first = |changed: &[Level]| {
        let (gone, left): (Vec<Level>, Vec<Level>) = changed.iter().partition(|level| level.lots == 0);
        levels(terms, &[gone, left].concat(), at_ms)
    };
    let sides = [("a", &change.asks), ("b", &change.bids)].into_iter().filter(|(_, changed)| !changed.is_empty());
    let mut told: Vec<Value> = sides.map(|(name, changed)| json!({name: gone_first(changed)})).collect();
    if let Some(last) = told.last_mut() {
        last["c"] = json!(channels::checksum(terms, mirror).to_string());
    }
    told
}

fn is_spot(exchange: &Exchange, market: MarketIndex) -> bool {
    matches!(exchange.market(market).instrument.kind, InstrumentKind::Spot)
}

/// An order whole: as REST tells it, but for the name of its pair, the times, which are text, and the average price.
fn order(exchange: &Exchange, order: &Order) -> Value {
    let mut shape = account::order_shape(exchange, order.owner, order, false);
    let terms = &exchange.market(order.market).instrument;
    let pair = names::old_ws_name(terms);
    let text = shape["descr"]["order"].as_str().unwrap_or_default().replace(&names::pair(terms), &pair);
    shape["descr"]["pair"] = json!(pair);
    shape["descr"]["order"] = json!(text);
    for name in ["close", "leverage"] {
        shape["descr"][name] = Value::Null;
    }
    for name in ["expiretm", "starttm"] {
        shape[name] = Value::Null;
    }
    shape["opentm"] = json!(time(order.created_ms));
    shape["avg_price"] = shape["price"].take();
    shape["timeinforce"] = json!(order.time_in_force.upper());
    shape["userref"] = json!(0);
    if let Some(whole) = shape.as_object_mut() {
        whole.remove("price");
    }
    shape
}

fn named(id: u64, what: Value) -> Value {
    json!({names::order_text(id): what})
}

/// The first data of `openOrders`.
pub(super) fn open_orders(exchange: &Exchange, owner: AccountIndex) -> Vec<Value> {
    let open = exchange.open_orders(owner).filter(|one| is_spot(exchange, one.market));
    open.map(|one| named(one.id, order(exchange, one))).collect()
}

/// What `openOrders` tells of one change: a new order whole, and of others what is another.
pub(super) fn changed(exchange: &Exchange, change: OrderChange, of: &Order) -> Vec<Value> {
    if !is_spot(exchange, of.market) {
        return Vec::new();
    }
    let whole = order(exchange, of);
    let parts = |names: &[&str]| -> Map<String, Value> {
        let known = names.iter().map(|name| ((*name).to_owned(), whole[*name].clone()));
        known.chain([("lastupdated".to_owned(), json!(time(of.updated_ms)))]).collect()
    };
    let filled = ["vol_exec", "cost", "fee", "avg_price", "userref"];
    let told = match change {
        OrderChange::New => {
            let mut pending = whole.clone();
            pending["status"] = json!("pending");
            return vec![named(of.id, pending), named(of.id, json!({"status": "open", "userref": 0}))];
        }
        OrderChange::Amended => whole,
        OrderChange::Trade if of.status != OrderStatus::Filled => parts(&filled).into(),
        OrderChange::Canceled | OrderChange::Expired | OrderChange::Trade => {
            let mut ended = parts(&filled);
            ended.insert("status".to_owned(), whole["status"].clone());
            if change == OrderChange::Canceled {
                ended.insert("cancel_reason".to_owned(), json!("User requested"));
            }
            ended.into()
        }
    };
    vec![named(of.id, told)]
}

/// One fill as `ownTrades` tells it; nothing of contracts.
pub(super) fn own_trade(exchange: &Exchange, owner: AccountIndex, fill: &Fill) -> Option<Value> {
    if !is_spot(exchange, fill.market) {
        return None;
    }
    let mut shape = account::trade_shape(exchange, owner, fill);
    shape["pair"] = json!(names::old_ws_name(&exchange.market(fill.market).instrument));
    shape["time"] = json!(time(fill.at_ms));
    Some(json!({names::trade_text(fill.trade_id): shape}))
}

/// The first data of `ownTrades`: the last ones, newest first.
pub(super) fn own_trades(exchange: &Exchange, owner: AccountIndex) -> Vec<Value> {
    let fills = exchange.account_state(owner).fills.iter().rev();
    fills.filter_map(|fill| own_trade(exchange, owner, fill)).take(TRADES_FIRST_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_seconds_with_six_places() {
        assert_eq!(time(1_542_057_314_048), "1542057314.048000");
    }
}
