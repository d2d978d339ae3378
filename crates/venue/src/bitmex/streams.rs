//! Messages of the WebSocket: `{"table","action","data"}`, where `partial` is the whole table and comes first.
//!
//! | table | then |
//! |---|---|
//! | `instrument` | `update` with the whole row at every tick |
//! | `orderBookL2` | `delete`, `update`, `insert` of the levels that changed |
//! | `orderBookL2_25` | `partial` with the best 25 levels at every tick |
//! | `orderBook10` | `update` with the best 10 levels at every tick |
//! | `trade` | `insert` |
//! | `quote` | `insert` of the best bid and ask at every tick |
//! | `order` | `insert`, `update` |
//! | `execution` | `insert` |
//! | `margin` | `update` |

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{market_data, names, shapes, trading};
use crate::exchange::Exchange;
use crate::exchange::account::AccountIndex;
use crate::exchange::book::Level;
use crate::exchange::event::{Event, OrderChange, PublicTrade};
use crate::exchange::instrument::MarketIndex;
use crate::exchange::order::Side;
use crate::facade::{BookDifference, number};
use crate::limits::BOOK_LEVELS_PUBLISHED;
use crate::operations::{Channel, OwnChannel, levels};

/// Levels per side of `orderBook10`.
pub(super) const TEN: u16 = 10;
/// Levels per side of `orderBookL2_25`.
pub(super) const TWENTY_FIVE: u16 = 25;

fn message(table: &str, action: &str, data: &Value) -> String {
    json!({"table": table, "action": action, "data": data}).to_string()
}

/// What tells the rows of a table apart: a client finds by it what an `update` or a `delete` is about.
const fn keys(table: &str) -> &'static [&'static str] {
    match table.as_bytes() {
        b"execution" => &["execID"],
        b"instrument" | b"orderBook10" => &["symbol"],
        b"margin" => &["account", "currency"],
        b"order" => &["orderID"],
        b"orderBookL2" | b"orderBookL2_25" => &["symbol", "id", "side"],
        _ => &[],
    }
}

/// The whole table, for one symbol where it is of one.
fn partial(table: &str, symbol: Option<&str>, data: &Value) -> String {
    let filter = symbol.map_or_else(|| json!({}), |symbol| json!({"symbol": symbol}));
    json!({"table": table, "action": "partial", "keys": keys(table), "types": {}, "filter": filter, "data": data}).to_string()
}

/// `instrument`, `orderBook10`, `orderBookL2_25`
pub(crate) fn state_event(exchange: &Exchange, index: MarketIndex, channel: Channel, at_ms: u64) -> Option<String> {
    let market = exchange.market(index);
    match channel {
        Channel::Book(_) => Some(message("orderBook10", "update", &ten(exchange, index, at_ms))),
        Channel::Snapshot(_) => first(exchange, index, channel, at_ms),
        Channel::Ticker => Some(message("instrument", "update", &json!([shapes::instrument(exchange, market, at_ms)]))),
        Channel::Top => Some(message("quote", "insert", &json!([shapes::quote(market, at_ms)]))),
        Channel::Candles(_) | Channel::Changes | Channel::Mids | Channel::Trades => None,
    }
}

fn ten(exchange: &Exchange, index: MarketIndex, at_ms: u64) -> Value {
    let market = exchange.market(index);
    let base = &market.instrument.base;
    let side = |side| -> Value {
        levels(market, side, TEN.into()).into_iter().map(|(price, size)| json!([number(price), names::units(base, size)])).collect()
    };
    json!([{
        "symbol": names::symbol(&market.instrument), "bids": side(Side::Buy), "asks": side(Side::Sell), "timestamp": shapes::moment(at_ms),
    }])
}

/// The first message of a table of one symbol.
pub(super) fn first(exchange: &Exchange, index: MarketIndex, channel: Channel, at_ms: u64) -> Option<String> {
    let market = exchange.market(index);
    let symbol = names::symbol(&market.instrument);
    let rows = |depth: usize| Value::from(market_data::rows(market, depth, at_ms));
    let (table, data) = match channel {
        Channel::Book(_) => ("orderBook10", ten(exchange, index, at_ms)),
        Channel::Changes => ("orderBookL2", rows(BOOK_LEVELS_PUBLISHED)),
        Channel::Snapshot(depth) => ("orderBookL2_25", rows(depth.into())),
        Channel::Ticker => ("instrument", json!([shapes::instrument(exchange, market, at_ms)])),
        Channel::Trades => {
            let newest = market.tape.last_trades(1).map(|trade| shapes::trade(&market.instrument, trade));
            ("trade", newest.collect())
        }
        Channel::Top => ("quote", json!([shapes::quote(market, at_ms)])),
        Channel::Candles(_) | Channel::Mids => return None,
    };
    Some(partial(table, Some(&symbol), &data))
}

/// `orderBookL2`: what is gone, what is another size, what is new.
pub(crate) fn changes_events(exchange: &Exchange, index: MarketIndex, difference: &BookDifference, at_ms: u64) -> Vec<String> {
    let terms = &exchange.market(index).instrument;
    let (mut gone, mut changed, mut new) = (Vec::new(), Vec::new(), Vec::new());
    let mut sort = |side, levels: &[Level], added: &BTreeSet<u128>| {
        for level in levels {
            let price = terms.price_of(level.ticks);
            let size = (level.lots > 0).then(|| terms.quantity_of(level.lots));
            let row = shapes::level(terms, side, price, size, at_ms);
            match size {
                None => gone.push(row),
                Some(_) if added.contains(&level.ticks) => new.push(row),
                Some(_) => changed.push(row),
            }
        }
    };
    sort(Side::Buy, &difference.bids, &difference.added[0]);
    sort(Side::Sell, &difference.asks, &difference.added[1]);
    let told = [("delete", gone), ("update", changed), ("insert", new)].into_iter().filter(|(_, rows)| !rows.is_empty());
    told.map(|(action, rows)| message("orderBookL2", action, &Value::from(rows))).collect()
}

/// `trade`
pub(crate) fn trade_event(exchange: &Exchange, market: MarketIndex, trade: &PublicTrade) -> String {
    message("trade", "insert", &json!([shapes::trade(&exchange.market(market).instrument, trade)]))
}

/// The first message of a table of one's own.
pub(super) fn own_first(exchange: &Exchange, owner: AccountIndex, channel: OwnChannel, at_ms: u64) -> String {
    match channel {
        OwnChannel::AddressBalances(_)
        | OwnChannel::AddressFills(_)
        | OwnChannel::Fills
        | OwnChannel::OrdersAnew
        | OwnChannel::Positions => partial("execution", None, &json!([])),
        OwnChannel::Balances => partial("margin", None, &Value::from(trading::margin_rows(exchange, owner, at_ms))),
        OwnChannel::Orders => partial("order", None, &Value::from(trading::open(exchange, owner))),
    }
}

/// `order`, `execution`, `margin`
pub(crate) fn own_events(exchange: &Exchange, channel: OwnChannel, event: &Event) -> Vec<String> {
    match (channel, event) {
        (OwnChannel::Balances, Event::Balances { owner, at_ms }) => {
            vec![message("margin", "update", &Value::from(trading::margin_rows(exchange, *owner, *at_ms)))]
        }
        (OwnChannel::Fills, Event::Order { fill: Some(fill), .. }) => {
            vec![message("execution", "insert", &json!([shapes::execution(exchange, fill)]))]
        }
        (OwnChannel::Orders, Event::Order { change, order, .. }) => {
            let action = match change {
                OrderChange::New => "insert",
                OrderChange::Amended | OrderChange::Canceled | OrderChange::Expired | OrderChange::Trade => "update",
            };
            vec![message("order", action, &json!([shapes::order(exchange, order)]))]
        }
        (
            OwnChannel::AddressBalances(_)
            | OwnChannel::AddressFills(_)
            | OwnChannel::Balances
            | OwnChannel::Fills
            | OwnChannel::Orders
            | OwnChannel::OrdersAnew
            | OwnChannel::Positions,
            _,
        ) => Vec::new(),
    }
}
