//! Tickers, orders and trades as arrays, and the vendor's names.

use serde_json::{Value, json};

use crate::exchange::fixed::Fixed;
use crate::exchange::instrument::{Instrument, MarketIndex};
use crate::exchange::order::{Fill, Order, OrderKind, OrderStatus, Side, TimeInForce};
use crate::exchange::tape::Candle;
use crate::exchange::{Exchange, Market};
use crate::facade::number;
use crate::operations::{average_price, spot_markets, top};

/// The bit in an order's flags that says it only makes (vendor document "Flag values").
pub(super) const POST_ONLY: u64 = 4_096;

/// A currency.
pub(super) fn currency(asset: &str) -> &str {
    if asset == "USDT" { "UST" } else { asset }
}

/// A pair, without the `t` before it.
pub(super) fn pair(terms: &Instrument) -> String {
    format!("{}{}", currency(&terms.base), currency(&terms.quote))
}

/// A pair with the `t` that says it is traded.
pub(super) fn symbol(terms: &Instrument) -> String {
    format!("t{}", pair(terms))
}

/// Finds a pair.
pub(super) fn find(exchange: &Exchange, name: &str) -> Option<MarketIndex> {
    spot_markets(exchange).find(|(_, market)| symbol(&market.instrument) == name).map(|(index, _)| index)
}

/// An amount: negative for a sale.
pub(super) fn signed(side: Side, amount: Fixed) -> Value {
    match side {
        Side::Buy => number(amount),
        Side::Sell => number(Fixed::ZERO - amount),
    }
}

/// `[BID, BID_SIZE, ASK, ASK_SIZE, DAILY_CHANGE, DAILY_CHANGE_RELATIVE, LAST_PRICE, VOLUME, HIGH, LOW]`
pub(super) fn ticker(market: &Market) -> Vec<Value> {
    let day = market.tape.day();
    let ((bid, bid_size), (ask, ask_size)) = (top(market, Side::Buy), top(market, Side::Sell));
    let relative = day.change().div_down(day.day.open);
    let places = [bid, bid_size, ask, ask_size, day.change(), relative, day.day.close, day.day.volume, day.day.high, day.day.low];
    places.into_iter().map(number).collect()
}

/// The name of an order's type.
const fn kind(order: &Order) -> &'static str {
    match (order.kind, order.time_in_force) {
        (OrderKind::Limit, TimeInForce::FillOrKill) => "EXCHANGE FOK",
        (OrderKind::Limit, TimeInForce::ImmediateOrCancel) => "EXCHANGE IOC",
        (OrderKind::Limit, TimeInForce::GoodTillCanceled) | (OrderKind::LimitMaker, _) => "EXCHANGE LIMIT",
        (OrderKind::Market, _) => "EXCHANGE MARKET",
    }
}

fn status(order: &Order) -> String {
    let filled = || format!("{}({})", average_price(order).short(), order.filled.short());
    match order.status {
        OrderStatus::Canceled | OrderStatus::Expired => "CANCELED".to_owned(),
        OrderStatus::Filled => format!("EXECUTED @ {}", filled()),
        OrderStatus::New => "ACTIVE".to_owned(),
        OrderStatus::PartiallyFilled => format!("PARTIALLY FILLED @ {}", filled()),
    }
}

/// The client's own number of an order: nothing where it gave none.
fn client_number(order: &Order) -> Value {
    order.client_id.parse::<u64>().map_or(Value::Null, Value::from)
}

/// An order in its 32 places (vendor document "Orders").
pub(super) fn order(exchange: &Exchange, order: &Order) -> Value {
    let flags = if order.kind == OrderKind::LimitMaker { POST_ONLY } else { 0 };
    json!([
        order.id,
        null,
        client_number(order),
        symbol(&exchange.market(order.market).instrument),
        order.created_ms,
        order.updated_ms,
        signed(order.side, order.remaining()),
        signed(order.side, order.quantity),
        kind(order),
        null,
        null,
        null,
        flags,
        status(order),
        null,
        null,
        number(order.price),
        number(average_price(order)),
        0,
        0,
        null,
        null,
        null,
        0,
        0,
        null,
        null,
        null,
        "API>BFX",
        null,
        null,
        null,
    ])
}

/// An order of which no more is known than the names its client gave it.
pub(super) fn order_named(id: Option<Value>, cid: Option<Value>) -> Value {
    let mut elements = vec![Value::Null; 32];
    elements[0] = id.unwrap_or_default();
    elements[2] = cid.unwrap_or_default();
    Value::Array(elements)
}

/// `[ID, SYMBOL, MTS, ORDER_ID, EXEC_AMOUNT, EXEC_PRICE, ORDER_TYPE, ORDER_PRICE, MAKER, FEE, FEE_CURRENCY, CID]`
pub(super) fn fill(exchange: &Exchange, fill: &Fill) -> Value {
    let order = exchange.orders.get(&fill.order);
    json!([
        fill.trade_id,
        symbol(&exchange.market(fill.market).instrument),
        fill.at_ms,
        fill.order,
        signed(fill.side, fill.quantity),
        number(fill.price),
        order.map(kind),
        order.map(|order| number(order.price)),
        if fill.is_maker { 1 } else { -1 },
        number(Fixed::ZERO - fill.commission),
        currency(&fill.commission_asset),
        order.map(client_number),
    ])
}

/// `[MTS, OPEN, CLOSE, HIGH, LOW, VOLUME]`
pub(super) fn candle(candle: &Candle) -> Value {
    let places = [candle.open, candle.close, candle.high, candle.low, candle.volume].map(number);
    std::iter::once(json!(candle.open_ms)).chain(places).collect()
}
