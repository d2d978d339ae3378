//! Books, orders and fills as the venue prints them. Left out are fields that have no meaning
//! here: hashes and addresses of trades, entry values, closed profit.

use serde_json::{Value, json};

use crate::exchange::event::PublicTrade;
use crate::exchange::fixed::Fixed;
use crate::exchange::instrument::MarketIndex;
use crate::exchange::order::{Fill, Order, OrderKind, OrderStatus, Side, TimeInForce};
use crate::exchange::tape::Candle;
use crate::exchange::{Exchange, Market};
use crate::operations::{counted_levels, pair_name, spot_markets, top};

pub(super) fn coin_of(market: &Market) -> String {
    pair_name(&market.instrument, '/')
}

/// A candle.
pub(super) fn candle(market: &Market, interval: &str, width: u64, candle: &Candle) -> Value {
    json!({
        "t": candle.open_ms, "T": candle.open_ms + width - 1, "s": coin_of(market), "i": interval, "o": candle.open.short(),
        "c": candle.close.short(), "h": candle.high.short(), "l": candle.low.short(), "v": candle.volume.short(), "n": candle.trades,
    })
}

/// `B` bids, `A` asks.
const fn letter(side: Side) -> &'static str {
    match side {
        Side::Buy => "B",
        Side::Sell => "A",
    }
}

fn middle(market: &Market) -> Fixed {
    let ((bid, _), (ask, _)) = (top(market, Side::Buy), top(market, Side::Sell));
    if bid.is_zero() || ask.is_zero() {
        return market.tape.last_price();
    }
    (bid + ask).div_down(Fixed::whole(2))
}

pub(super) fn mids(exchange: &Exchange) -> Value {
    let mids = spot_markets(exchange).map(|(_, market)| (coin_of(market), json!(middle(market).short())));
    Value::Object(mids.collect())
}

/// Rows of one side: price, size, number of orders.
fn side_rows(exchange: &Exchange, index: MarketIndex, side: Side, count: usize) -> Vec<Value> {
    let rows = counted_levels(exchange, index, side, count).into_iter();
    rows.map(|(price, size, orders)| json!({"px": price.short(), "sz": size.short(), "n": orders})).collect()
}

pub(super) fn book(exchange: &Exchange, index: MarketIndex, count: usize, at_ms: u64) -> Value {
    let sides = [Side::Buy, Side::Sell].map(|side| side_rows(exchange, index, side, count));
    json!({"coin": coin_of(exchange.market(index)), "time": at_ms, "levels": sides})
}

/// `bbo`: the best level per side.
pub(super) fn best(exchange: &Exchange, index: MarketIndex, at_ms: u64) -> Value {
    let sides = [Side::Buy, Side::Sell].map(|side| side_rows(exchange, index, side, 1).pop());
    json!({"coin": coin_of(exchange.market(index)), "time": at_ms, "bbo": sides})
}

/// The day of a pair.
pub(super) fn context(market: &Market) -> Value {
    let day = market.tape.day().day;
    json!({
        "coin": coin_of(market), "prevDayPx": day.open.short(), "dayNtlVlm": day.quote_volume.short(), "dayBaseVlm": day.volume.short(),
        "markPx": day.close.short(), "midPx": middle(market).short(),
    })
}

pub(super) fn trade(market: &Market, trade: &PublicTrade) -> Value {
    json!({
        "coin": coin_of(market), "side": letter(trade.taker()), "px": trade.price.short(), "sz": trade.quantity.short(), "time": trade.at_ms,
        "tid": trade.id,
    })
}

const fn time_in_force(order: &Order) -> &'static str {
    match (order.kind, order.time_in_force) {
        (OrderKind::LimitMaker, _) => "Alo",
        (OrderKind::Market, _) => "FrontendMarket",
        (OrderKind::Limit, TimeInForce::GoodTillCanceled) => "Gtc",
        (OrderKind::Limit, TimeInForce::FillOrKill | TimeInForce::ImmediateOrCancel) => "Ioc",
    }
}

/// An order; `cloid` is only what a client may have chosen here, 16 bytes in hex.
pub(super) fn order(exchange: &Exchange, order: &Order) -> Value {
    let cloid = Some(order.client_id.as_str()).filter(|id| id.len() == 34 && id.starts_with("0x"));
    json!({
        "coin": coin_of(exchange.market(order.market)), "side": letter(order.side), "limitPx": order.price.short(),
        "sz": order.remaining().short(), "oid": order.id, "timestamp": order.created_ms, "origSz": order.quantity.short(),
        "triggerCondition": "N/A", "isTrigger": false, "triggerPx": "0.0", "children": [], "isPositionTpsl": false, "reduceOnly": false,
        "orderType": if order.kind == OrderKind::Market { "Market" } else { "Limit" }, "tif": time_in_force(order), "cloid": cloid,
    })
}

/// An order with where it is in its life.
pub(super) fn told_order(exchange: &Exchange, one: &Order) -> Value {
    let status = match one.status {
        OrderStatus::Canceled => "canceled",
        OrderStatus::Expired if one.filled.is_zero() => "iocCancelRejected",
        OrderStatus::Expired => "canceled",
        OrderStatus::Filled => "filled",
        OrderStatus::New | OrderStatus::PartiallyFilled => "open",
    };
    json!({"order": order(exchange, one), "status": status, "statusTimestamp": one.updated_ms})
}

pub(super) fn fill(exchange: &Exchange, fill: &Fill) -> Value {
    json!({
        "coin": coin_of(exchange.market(fill.market)), "px": fill.price.short(), "sz": fill.quantity.short(), "side": letter(fill.side),
        "time": fill.at_ms, "dir": fill.side.capital(), "oid": fill.order, "crossed": !fill.is_maker, "fee": fill.commission.short(),
        "tid": fill.trade_id, "feeToken": *fill.commission_asset,
    })
}
