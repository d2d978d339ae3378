//! Objects of the native façade. Decimals are strings without surplus noughts, times Unix
//! milliseconds.

use serde_json::{Value, json};

use crate::exchange::account::{Account, Settlement};
use crate::exchange::event::{Event, OrderChange, PublicTrade};
use crate::exchange::fixed::Fixed;
use crate::exchange::instrument::{InstrumentKind, MarketIndex};
use crate::exchange::order::{Fill, Order, Side};
use crate::exchange::{Exchange, Market};

/// Levels per side in a `book` event.
const BOOK_EVENT_LEVELS: usize = 20;

pub(super) fn market(market: &Market) -> Value {
    let terms = &market.instrument;
    let mut shape = json!({
        "sym": terms.symbol, "kind": terms.kind.word(), "base": &*terms.base, "quote": &*terms.quote,
        "tick": terms.tick.short(), "lot": terms.lot.short(), "qty_max": terms.quantity_max.short(),
        "px_max": terms.price_max.short(), "notional_min": terms.notional_min.short(),
        "state": if terms.expired { "expired" } else { "trading" },
    });
    if let Some(expiry) = terms.kind.expiry_ms() {
        shape["expiry"] = json!(expiry);
    }
    if terms.kind != InstrumentKind::Spot {
        shape["margin_bp"] = json!(terms.margin_points);
    }
    if let InstrumentKind::Option { strike, .. } = terms.kind {
        shape["strike"] = json!(strike.short());
        shape["right"] = json!("call");
    }
    shape
}

pub(super) fn ticker(market: &Market) -> Value {
    let day = market.tape.day();
    let best = |side| {
        market
            .book
            .top(side)
            .map(|level| [market.instrument.price_of(level.ticks).short(), market.instrument.quantity_of(level.lots).short()])
    };
    json!({
        "sym": market.instrument.symbol, "bid": best(Side::Buy), "ask": best(Side::Sell),
        "last": day.day.close.short(), "open": day.day.open.short(), "high": day.day.high.short(),
        "low": day.day.low.short(), "vol": day.day.volume.short(), "quote_vol": day.day.quote_volume.short(),
    })
}

pub(super) fn book(market: &Market, depth: usize) -> Value {
    let side = |side| {
        let levels = market.book.levels(side).take(depth);
        let rows = levels.map(|level| [market.instrument.price_of(level.ticks).short(), market.instrument.quantity_of(level.lots).short()]);
        rows.collect::<Vec<_>>()
    };
    json!({
        "sym": market.instrument.symbol, "upd": market.book.update_id(),
        "bids": side(Side::Buy), "asks": side(Side::Sell),
    })
}

pub(super) fn order(exchange: &Exchange, order: &Order) -> Value {
    json!({
        "order": order.id, "cl": order.client_id, "sym": exchange.market(order.market).instrument.symbol,
        "side": order.side.lower(), "type": order.kind.upper().to_ascii_lowercase(),
        "tif": if order.day { "day".to_owned() } else { order.time_in_force.upper().to_ascii_lowercase() }, "reduce": order.reduce, "state": order.status.lower(),
        "px": order.price.short(), "qty": order.quantity.short(), "filled": order.filled.short(),
        "filled_quote": order.filled_quote.short(), "created": order.created_ms, "updated": order.updated_ms,
    })
}

pub(super) fn fill(exchange: &Exchange, fill: &Fill) -> Value {
    json!({
        "trade": fill.trade_id, "order": fill.order, "sym": exchange.market(fill.market).instrument.symbol,
        "side": fill.side.lower(), "px": fill.price.short(), "qty": fill.quantity.short(),
        "quote": fill.quote.short(), "fee": fill.commission.short(), "fee_asset": &*fill.commission_asset,
        "maker": fill.is_maker, "t": fill.at_ms,
    })
}

pub(super) fn balances(account: &Account) -> Value {
    let rows = account.balances.iter().map(|(asset, balance)| {
        json!({"asset": &**asset, "total": balance.total.short(), "free": balance.free().short(), "held": balance.held.short()})
    });
    Value::from(rows.collect::<Vec<_>>())
}

pub(super) fn positions(exchange: &Exchange, account: &Account) -> Value {
    let open = account.positions.iter().filter(|(_, position)| !position.quantity.is_zero());
    let rows = open.map(|(index, position)| {
        json!({
            "sym": exchange.market(*index).instrument.symbol, "qty": position.quantity.short(),
            "cost": position.cost.short(), "margin": position.margin.short(),
        })
    });
    Value::from(rows.collect::<Vec<_>>())
}

/// A settlement statement: what a tax record needs, to the last unit and the millisecond.
pub(super) fn settlement(exchange: &Exchange, account: &Account, one: &Settlement) -> Value {
    let terms = &exchange.market(one.market).instrument;
    let tax = if one.gain < Fixed::ZERO { "loss" } else { "gain" };
    json!({
        "statement": one.id, "account": &*account.name, "key": &*one.key, "sym": terms.symbol,
        "kind": terms.kind.word(), "expiry": one.expiry_ms, "settled": one.settled_ms,
        "settlement_px": one.price.short(), "qty": one.quantity.short(), "cost": one.cost.short(),
        "value": one.value.short(), "realised": one.gain.short(), "asset": &*terms.quote,
        "tax": {"event": "derivative_expiration", "category": tax, "amount": one.gain.abs().short()},
    })
}

/// `{"ev":"trade",…}`
pub(crate) fn trade_event(exchange: &Exchange, market: MarketIndex, trade: &PublicTrade) -> String {
    json!({
        "ev": "trade", "t": trade.at_ms, "sym": exchange.market(market).instrument.symbol,
        "trade": trade.id, "px": trade.price.short(), "qty": trade.quantity.short(), "taker": trade.taker().lower(),
    })
    .to_string()
}

fn event(mut body: Value, name: &str, at_ms: u64) -> String {
    body["ev"] = json!(name);
    body["t"] = json!(at_ms);
    body.to_string()
}

/// `{"ev":"book",…}`
pub(crate) fn book_event(exchange: &Exchange, market: MarketIndex, at_ms: u64) -> String {
    event(book(exchange.market(market), BOOK_EVENT_LEVELS), "book", at_ms)
}

/// `{"ev":"ticker",…}`
pub(crate) fn ticker_event(exchange: &Exchange, market: MarketIndex, at_ms: u64) -> String {
    event(ticker(exchange.market(market)), "ticker", at_ms)
}

/// The messages of one event of an account: an order that traded is two, order and fill.
pub(crate) fn own_event(exchange: &Exchange, happened: &Event) -> Vec<String> {
    match happened {
        Event::Balances { owner, at_ms } => {
            let account = exchange.account_state(*owner);
            let body = json!({"balances": balances(account), "positions": positions(exchange, account)});
            vec![event(body, "balance", *at_ms)]
        }
        Event::Order { change, order: changed, fill: filled, at_ms, .. } => {
            let change = match change {
                OrderChange::Amended => "amended",
                OrderChange::Canceled => "canceled",
                OrderChange::Expired => "expired",
                OrderChange::New => "new",
                OrderChange::Trade => "trade",
            };
            let body = json!({"change": change, "order": order(exchange, changed)});
            let mut messages = vec![event(body, "order", *at_ms)];
            if let Some(filled) = filled {
                messages.push(event(json!({"fill": fill(exchange, filled)}), "fill", *at_ms));
            }
            messages
        }
        Event::Ticked { .. } | Event::Trade { .. } => Vec::new(),
    }
}
