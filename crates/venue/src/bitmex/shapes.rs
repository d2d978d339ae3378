//! Instruments, book rows, trades, orders and fills as the venue prints them: amounts in whole units, times ISO 8601 with milliseconds.

use serde_json::{Value, json};

use super::names;
use crate::exchange::account::Balance;
use crate::exchange::event::PublicTrade;
use crate::exchange::fixed::Fixed;
use crate::exchange::instrument::{Instrument, InstrumentKind};
use crate::exchange::order::{Fill, Order, OrderKind, OrderStatus, Side, TimeInForce};
use crate::exchange::{Exchange, Market};
use crate::facade::{number, order_uuid};
use crate::operations::{average_price, top};

/// RFC 3339 in UTC with milliseconds.
pub(super) fn moment(at_ms: u64) -> String {
    let millis = i64::try_from(at_ms).unwrap_or(i64::MAX);
    format!("{:.3}", jiff::Timestamp::from_millisecond(millis).unwrap_or(jiff::Timestamp::MAX))
}

/// An instrument with its ticker, which is one row here.
pub(super) fn instrument(exchange: &Exchange, market: &Market, at_ms: u64) -> Value {
    let (terms, day) = (&market.instrument, market.tape.day());
    let ((bid, _), (ask, _)) = (top(market, Side::Buy), top(market, Side::Sell));
    let fee = f64::from(exchange.commission_points) / 10_000.0;
    let last = number(day.day.close);
    json!({
        "symbol": names::symbol(terms), "rootSymbol": names::asset(&terms.base), "state": "Open", "typ": "IFXXXP", "listing": moment(0),
        "front": moment(0), "expiry": null, "settle": null, "positionCurrency": "", "underlying": names::asset(&terms.base),
        "quoteCurrency": names::asset(&terms.quote), "underlyingSymbol": format!("{}=", names::symbol(terms)), "reference": "BMEX",
        "maxOrderQty": names::units(&terms.base, terms.quantity_max), "maxPrice": number(terms.price_max),
        "lotSize": names::units(&terms.base, terms.lot), "tickSize": number(terms.tick), "multiplier": 1, "settlCurrency": "",
        "underlyingToPositionMultiplier": 1, "isQuanto": false, "isInverse": false, "instantPnl": false, "makerFee": fee, "takerFee": fee,
        "prevPrice24h": number(day.day.open), "highPrice": number(day.day.high), "lowPrice": number(day.day.low), "lastPrice": last,
        "lastChangePcnt": number(day.change().div_down(day.day.open)), "vwap": number(day.weighted_price()), "bidPrice": number(bid),
        "midPrice": number((bid + ask).div_down(Fixed::whole(2))), "askPrice": number(ask), "markPrice": last,
        "volume24h": names::units(&terms.base, day.day.volume), "homeNotional24h": number(day.day.volume),
        "foreignNotional24h": number(day.day.quote_volume), "timestamp": moment(at_ms),
    })
}

/// The best bid and ask.
pub(super) fn quote(market: &Market, at_ms: u64) -> Value {
    let terms = &market.instrument;
    let [(bid, bids), (ask, asks)] = [Side::Buy, Side::Sell].map(|side| top(market, side));
    json!({
        "timestamp": moment(at_ms), "symbol": names::symbol(terms), "bidSize": names::units(&terms.base, bids), "bidPrice": number(bid),
        "askPrice": number(ask), "askSize": names::units(&terms.base, asks),
    })
}

/// One level of the book, named by its side and its price.
pub(super) fn level(terms: &Instrument, of_side: Side, price: Fixed, size: Option<Fixed>, at_ms: u64) -> Value {
    // Buys are even and sells odd, so that a price which changes sides is another row.
    let id = terms.ticks(price) * 2 + u128::from(of_side == Side::Sell);
    let mut row = json!({
        "symbol": names::symbol(terms), "id": u64::try_from(id).unwrap_or(u64::MAX), "side": of_side.capital(), "price": number(price),
        "timestamp": moment(at_ms),
    });
    if let Some(size) = size {
        row["size"] = json!(names::units(&terms.base, size));
    }
    row
}

pub(super) fn trade(terms: &Instrument, trade: &PublicTrade) -> Value {
    json!({
        "timestamp": moment(trade.at_ms), "symbol": names::symbol(terms), "side": trade.taker().capital(),
        "size": names::units(&terms.base, trade.quantity), "price": number(trade.price), "tickDirection": "ZeroPlusTick",
        "trdMatchID": order_uuid(trade.id), "grossValue": null, "homeNotional": number(trade.quantity),
        "foreignNotional": number(trade.quote), "trdType": "Regular",
    })
}

const fn status(order: &Order) -> &'static str {
    match order.status {
        OrderStatus::Canceled | OrderStatus::Expired => "Canceled",
        OrderStatus::Filled => "Filled",
        OrderStatus::New => "New",
        OrderStatus::PartiallyFilled => "PartiallyFilled",
    }
}

const fn time_in_force(order: &Order) -> &'static str {
    match order.time_in_force {
        TimeInForce::FillOrKill => "FillOrKill",
        TimeInForce::GoodTillCanceled => "GoodTillCancel",
        TimeInForce::ImmediateOrCancel => "ImmediateOrCancel",
    }
}

pub(super) fn order(exchange: &Exchange, order: &Order) -> Value {
    let terms = &exchange.market(order.market).instrument;
    let of_base = |amount| names::units(&terms.base, amount);
    let market = order.kind == OrderKind::Market;
    let average = if order.filled.is_zero() { Value::Null } else { number(average_price(order)) };
    let leaves = if order.status.is_open() { order.remaining() } else { Fixed::ZERO };
    json!({
        "orderID": order_uuid(order.id), "clOrdID": order.given_client_id(), "clOrdLinkID": "", "account": order.owner.0,
        "symbol": names::symbol(terms), "side": order.side.capital(), "orderQty": of_base(order.quantity),
        "price": if market { Value::Null } else { number(order.price) }, "displayQty": null, "stopPx": null, "pegOffsetValue": null,
        "pegPriceType": "", "currency": names::asset(&terms.quote), "settlCurrency": "", "ordType": if market { "Market" } else { "Limit" },
        "timeInForce": time_in_force(order),
        "execInst": if order.kind == OrderKind::LimitMaker { "ParticipateDoNotInitiate" } else { "" }, "contingencyType": "",
        "ordStatus": status(order), "triggered": "", "workingIndicator": order.status.is_open(), "ordRejReason": "",
        "leavesQty": of_base(leaves), "cumQty": of_base(order.filled), "avgPx": average, "text": "Submitted via API.",
        "transactTime": moment(order.updated_ms), "timestamp": moment(order.updated_ms),
    })
}

/// A fill as an execution. The fee is told in quote, as the venue tells what it takes of a spot trade.
pub(super) fn execution(exchange: &Exchange, fill: &Fill) -> Value {
    let terms = &exchange.market(fill.market).instrument;
    let commission = match (terms.kind, fill.side) {
        (InstrumentKind::Spot, Side::Buy) => fill.commission.mul_down(fill.price),
        (InstrumentKind::Spot, Side::Sell)
        | (InstrumentKind::Future { .. } | InstrumentKind::Option { .. } | InstrumentKind::Perpetual, _) => fill.commission,
    };
    let placed = exchange.orders.get(&fill.order);
    json!({
        "execID": order_uuid(fill.trade_id), "orderID": order_uuid(fill.order), "clOrdID": placed.map(Order::given_client_id),
        "account": placed.map(|order| order.owner.0), "symbol": names::symbol(terms), "side": fill.side.capital(),
        "lastQty": names::units(&terms.base, fill.quantity), "lastPx": number(fill.price), "price": number(fill.price),
        "currency": names::asset(&terms.quote), "settlCurrency": names::unit(&terms.quote), "execType": "Trade",
        "ordType": if placed.is_some_and(|order| order.kind == OrderKind::Market) { "Market" } else { "Limit" },
        "timeInForce": placed.map(time_in_force), "execInst": "", "contingencyType": "", "triggered": "", "ordRejReason": "",
        "orderQty": placed.map(|order| names::units(&terms.base, order.quantity)),
        "cumQty": placed.map(|order| names::units(&terms.base, order.filled)),
        "leavesQty": placed.map(|order| names::units(&terms.base, order.remaining())),
        "ordStatus": placed.map(status), "lastLiquidityInd": if fill.is_maker { "AddedLiquidity" } else { "RemovedLiquidity" },
        "commission": f64::from(exchange.commission_points) / 10_000.0, "trdMatchID": order_uuid(fill.trade_id),
        "execCost": names::units(&terms.quote, fill.quote), "execComm": names::units(&terms.quote, commission),
        "homeNotional": number(fill.quantity), "foreignNotional": number(fill.quote), "transactTime": moment(fill.at_ms),
        "timestamp": moment(fill.at_ms),
    })
}

/// What one asset of an account is, as a margin of its own.
pub(super) fn margin(owner: usize, asset: &str, balance: Balance, at_ms: u64) -> Value {
    let (total, free) = (names::units(asset, balance.total), names::units(asset, balance.free()));
    json!({
        "account": owner, "currency": names::unit(asset), "amount": total, "walletBalance": total, "marginBalance": total,
        "availableMargin": free, "withdrawableMargin": free, "excessMargin": free, "realisedPnl": 0, "unrealisedPnl": 0, "riskValue": 0,
        "timestamp": moment(at_ms),
    })
}
