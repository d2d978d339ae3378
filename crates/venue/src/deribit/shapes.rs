//! Orders, trades and tickers as the venue writes them.

use serde_json::{Value, json};

use super::names;
use crate::exchange::account::AccountIndex;
use crate::exchange::event::PublicTrade;
use crate::exchange::fixed::Fixed;
use crate::exchange::instrument::{Instrument, InstrumentKind, MarketIndex};
use crate::exchange::order::{Fill, Order, OrderKind, OrderStatus, Side, TimeInForce};
use crate::exchange::{Exchange, Market};
use crate::facade::number;

const fn order_state(status: OrderStatus) -> &'static str {
    match status {
        OrderStatus::Canceled | OrderStatus::Expired => "cancelled",
        OrderStatus::Filled => "filled",
        OrderStatus::New | OrderStatus::PartiallyFilled => "open",
    }
}

const fn time_in_force(order: &Order) -> &'static str {
    match order.time_in_force {
        TimeInForce::FillOrKill => "fill_or_kill",
        TimeInForce::GoodTillCanceled => "good_til_cancelled",
        TimeInForce::ImmediateOrCancel => "immediate_or_cancel",
    }
}

const fn order_type(kind: OrderKind) -> &'static str {
    match kind {
        OrderKind::Limit | OrderKind::LimitMaker => "limit",
        OrderKind::Market => "market",
    }
}

/// An order.
pub(super) fn order(exchange: &Exchange, order: &Order) -> Value {
    let terms = &exchange.market(order.market).instrument;
    let fills = exchange.account_state(order.owner).fills.iter().filter(|fill| fill.order == order.id);
    let commission: Fixed = fills.map(|fill| fill.commission).sum();
    let price = if order.kind == OrderKind::Market { json!("market_price") } else { number(order.price) };
    let reason = match order.status {
        OrderStatus::Canceled => Some("user_request"),
        OrderStatus::Expired => Some("unfilled"),
        OrderStatus::Filled | OrderStatus::New | OrderStatus::PartiallyFilled => None,
    };
    let mut shape = json!({
        "order_id": names::number_text(order.id), "instrument_name": names::instrument_name(terms), "direction": order.side.lower(),
        "order_type": order_type(order.kind), "order_state": order_state(order.status), "time_in_force": time_in_force(order),
        "price": price, "amount": number(order.quantity), "contracts": number(order.quantity),
        "filled_amount": number(order.filled), "average_price": number(order.filled_quote.div_down(order.filled)),
        "commission": number(commission), "max_show": number(order.quantity), "label": *order.tag,
        "post_only": order.kind == OrderKind::LimitMaker, "reduce_only": false, "is_liquidation": false, "api": true, "web": false,
        "replaced": order.amended, "mmp": false, "risk_reducing": false, "creation_timestamp": order.created_ms,
        "last_update_timestamp": order.updated_ms,
    });
    if let Some(reason) = reason {
        shape["cancel_reason"] = json!(reason);
    }
    shape
}

/// A trade of an account.
pub(super) fn user_trade(exchange: &Exchange, owner: AccountIndex, fill: &Fill) -> Value {
    let market = exchange.market(fill.market);
    let order = exchange.order(owner, fill.order);
    json!({
        "trade_id": names::number_text(fill.trade_id), "trade_seq": fill.trade_id, "order_id": names::number_text(fill.order),
        "instrument_name": names::instrument_name(&market.instrument), "direction": fill.side.lower(), "price": number(fill.price),
        "amount": number(fill.quantity), "contracts": number(fill.quantity), "fee": number(fill.commission),
        "fee_currency": *fill.commission_asset, "liquidity": if fill.is_maker { "M" } else { "T" },
        "order_type": order.map_or("limit", |order| order_type(order.kind)),
        "state": order.map_or("filled", |order| order_state(order.status)), "label": order.map_or("", |order| &*order.tag), "timestamp": fill.at_ms,
        "mark_price": number(market.tape.last_price()), "index_price": number(index(exchange)), "tick_direction": 0,
        "matching_id": null, "self_trade": false, "reduce_only": false, "api": true, "mmp": false, "risk_reducing": false,
        "post_only": order.is_some_and(|order| order.kind == OrderKind::LimitMaker), "profit_loss": 0,
    })
}

/// A public trade.
pub(super) fn trade(exchange: &Exchange, market: &Market, trade: &PublicTrade) -> Value {
    json!({
        "trade_id": names::number_text(trade.id), "trade_seq": trade.id,
        "instrument_name": names::instrument_name(&market.instrument), "direction": trade.taker().lower(), "price": number(trade.price),
        "amount": number(trade.quantity), "contracts": number(trade.quantity), "timestamp": trade.at_ms,
        "mark_price": number(market.tape.last_price()), "index_price": number(index(exchange)), "tick_direction": 0,
    })
}

/// The price of the underlying: the last one on the spot pair.
pub(super) fn index(exchange: &Exchange) -> Fixed {
    let spot = exchange.markets().iter().find(|market| matches!(market.instrument.kind, InstrumentKind::Spot));
    spot.map_or(Fixed::ZERO, |market| market.tape.last_price())
}

/// Best price and amount of one side.
pub(super) fn top(market: &Market, side: Side) -> (Value, Value) {
    let (ticks, lots) = market.book.top(side).map_or((0, 0), |level| (level.ticks, level.lots));
    (number(market.instrument.price_of(ticks)), number(market.instrument.quantity_of(lots)))
}

/// Contracts that are held, one side counted.
fn open_interest(exchange: &Exchange, index: MarketIndex) -> Fixed {
    exchange.accounts.iter().map(|account| account.position(index).quantity).filter(|quantity| quantity.is_positive()).sum()
}

const fn state(terms: &Instrument) -> &'static str {
    if terms.expired { "closed" } else { "open" }
}

/// A ticker, which is also the head of a book.
pub(super) fn ticker(exchange: &Exchange, market_index: MarketIndex, at_ms: u64) -> Value {
    let market = exchange.market(market_index);
    let (terms, day) = (&market.instrument, market.tape.day());
    let ((bid, bid_amount), (ask, ask_amount)) = (top(market, Side::Buy), top(market, Side::Sell));
    let last = number(day.day.close);
    let mut shape = json!({
        "instrument_name": names::instrument_name(terms), "timestamp": at_ms, "state": state(terms),
        "stats": {
            "volume": number(day.day.volume), "volume_usd": number(day.day.quote_volume), "volume_notional": number(day.day.quote_volume),
            "low": number(day.day.low), "high": number(day.day.high), "price_change": number(day.change_percent()),
        },
        "best_bid_price": bid, "best_bid_amount": bid_amount, "best_ask_price": ask, "best_ask_amount": ask_amount,
        "last_price": last, "mark_price": last, "index_price": number(index(exchange)), "min_price": number(terms.tick),
        "max_price": number(terms.price_max), "estimated_delivery_price": number(index(exchange)),
        "open_interest": number(open_interest(exchange, market_index)),
    });
    if let InstrumentKind::Option { .. } = terms.kind {
        shape["underlying_price"] = number(index(exchange));
        shape["underlying_index"] = json!("index_price");
        shape["interest_rate"] = json!(0);
    }
    shape
}
