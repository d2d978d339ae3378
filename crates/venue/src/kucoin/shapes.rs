//! Orders, fills and tickers as the venue prints them. Decimals have no trailing noughts.

use serde_json::{Value, json};

use super::market_data::{best, name_of};
use crate::exchange::fixed::Fixed;
use crate::exchange::order::{Fill, Order, OrderKind, OrderStatus, TimeInForce};
use crate::exchange::{Exchange, Market};
use crate::operations::{average_price, commission_of};

/// The envelope of every good answer.
pub(super) fn data(data: &Value) -> String {
    json!({"code": "200000", "data": data}).to_string()
}

/// The book's version, which the venue prints as text.
pub(super) fn sequence(market: &Market) -> String {
    market.book.update_id().to_string()
}

/// `[price, size]` rows.
pub(super) fn rows(levels: &[(Fixed, Fixed)]) -> Vec<[String; 2]> {
    levels.iter().map(|(price, size)| [price.short(), size.short()]).collect()
}

/// The last day, as in `stats` and `allTickers`.
pub(super) fn stats(exchange: &Exchange, market: &Market) -> Value {
    let day = market.tape.day();
    let [(bid, bids), (ask, asks)] = best(market);
    let rate = Fixed::whole(1).basis_points(exchange.commission_points).short();
    let ratio = day.change().div_down(day.day.open).short();
    let name = name_of(market);
    json!({
        "symbol": name, "symbolName": name, "buy": bid.short(), "bestBidSize": bids.short(), "sell": ask.short(),
        "bestAskSize": asks.short(), "changeRate": ratio, "changePrice": day.change().short(), "high": day.day.high.short(),
        "low": day.day.low.short(), "vol": day.day.volume.short(), "volValue": day.day.quote_volume.short(),
        "last": day.day.close.short(), "averagePrice": day.weighted_price().short(), "takerFeeRate": rate, "makerFeeRate": rate,
        "takerCoefficient": "1", "makerCoefficient": "1",
    })
}

/// Best levels and last trade.
pub(super) fn level1(market: &Market, at_ms: u64) -> Value {
    let day = market.tape.day();
    let [(bid, bids), (ask, asks)] = best(market);
    json!({
        "sequence": sequence(market), "price": day.day.close.short(), "size": day.last_quantity.short(), "bestBid": bid.short(),
        "bestBidSize": bids.short(), "bestAsk": ask.short(), "bestAskSize": asks.short(), "time": at_ms,
    })
}

/// `snapshot` of the ticker stream: what the venue calls the trading board.
pub(super) fn board(market: &Market, at_ms: u64) -> Value {
    let day = market.tape.day();
    let terms = &market.instrument;
    let [(bid, bids), (ask, asks)] = best(market);
    json!({
        "symbol": name_of(market), "symbolCode": name_of(market), "baseCurrency": *terms.base, "quoteCurrency": *terms.quote,
        "market": *terms.quote, "markets": [*terms.quote], "board": 0, "mark": 0, "trading": true, "datetime": at_ms,
        "averagePrice": day.weighted_price(), "buy": bid, "bidSize": bids, "sell": ask, "askSize": asks,
        "changePrice": day.change(), "changeRate": day.change().div_down(day.day.open), "open": day.day.open, "close": day.day.close,
        "high": day.day.high, "low": day.day.low, "lastTradedPrice": day.day.close, "vol": day.day.volume,
        "volValue": day.day.quote_volume, "sort": 100,
    })
}

const fn time_in_force(time_in_force: TimeInForce) -> &'static str {
    time_in_force.upper()
}

pub(super) const fn kind(order: &Order) -> &'static str {
    match order.kind {
        OrderKind::Limit | OrderKind::LimitMaker => "limit",
        OrderKind::Market => "market",
    }
}

pub(super) fn order(exchange: &Exchange, order: &Order) -> Value {
    let market = exchange.market(order.market);
    let (fee, _) = commission_of(exchange, order);
    let ended = match order.status {
        OrderStatus::Canceled | OrderStatus::Expired => true,
        OrderStatus::Filled | OrderStatus::New | OrderStatus::PartiallyFilled => false,
    };
    let active = order.status.is_open();
    json!({
        "id": order.id.to_string(), "symbol": name_of(market), "opType": "DEAL", "type": kind(order), "side": order.side.lower(),
        "price": order.price.short(), "size": order.quantity.short(), "funds": order.quote_quantity.short(),
        "dealFunds": order.filled_quote.short(), "dealSize": order.filled.short(), "avgDealPrice": average_price(order).short(),
        "fee": fee.short(), "feeCurrency": commission_of(exchange, order).1, "stp": null, "stop": "", "stopTriggered": false,
        "stopPrice": "0", "timeInForce": time_in_force(order.time_in_force), "postOnly": order.kind == OrderKind::LimitMaker,
        "hidden": false, "iceberg": false, "visibleSize": "0", "cancelAfter": 0, "channel": "API", "clientOid": order.client_id,
        "remark": null, "tags": null, "isActive": active, "active": active, "inOrderBook": active, "cancelExist": ended,
        "createdAt": order.created_ms, "lastUpdatedAt": order.updated_ms, "tradeType": "TRADE",
        "cancelledSize": if ended { order.remaining().short() } else { "0".to_owned() },
        "remainSize": if active { order.remaining().short() } else { "0".to_owned() },
    })
}

pub(super) fn fill(exchange: &Exchange, fill: &Fill) -> Value {
    let rate = Fixed::whole(1).basis_points(exchange.commission_points).short();
    let kind = exchange.orders.get(&fill.order).map_or("limit", kind);
    json!({
        "symbol": name_of(exchange.market(fill.market)), "tradeId": fill.trade_id.to_string(), "orderId": fill.order.to_string(),
        "counterOrderId": "", "side": fill.side.lower(), "liquidity": if fill.is_maker { "maker" } else { "taker" },
        "forceTaker": false, "price": fill.price.short(), "size": fill.quantity.short(), "funds": fill.quote.short(),
        "fee": fill.commission.short(), "feeRate": rate, "feeCurrency": *fill.commission_asset, "stop": "", "type": kind,
        "createdAt": fill.at_ms, "tradeType": "TRADE",
    })
}
