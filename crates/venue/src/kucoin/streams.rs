//! Messages of the streams: `{"type":"message","topic","subject","data"}`.

use serde_json::{Value, json};

use super::market_data::{INTERVALS, name_of};
use super::shapes::{self, rows};
use crate::exchange::Exchange;
use crate::exchange::event::{Event, OrderChange, PublicTrade};
use crate::exchange::fixed::Fixed;
use crate::exchange::instrument::MarketIndex;
use crate::exchange::order::{Fill, Order, Side};
use crate::facade::BookDifference;
use crate::operations::{Channel, OwnChannel, changed_rows, levels, open_candle};

fn message(topic: &str, subject: &str, data: &Value) -> String {
    json!({"type": "message", "topic": topic, "subject": subject, "data": data}).to_string()
}

fn own_message(topic: &str, subject: &str, data: &Value) -> String {
    json!({"type": "message", "topic": topic, "subject": subject, "channelType": "private", "data": data}).to_string()
}

/// Tickers and whole books.
pub(crate) fn state_event(exchange: &Exchange, index: MarketIndex, channel: Channel, at_ms: u64) -> Option<String> {
    let market = exchange.market(index);
    let name = name_of(market);
    match channel {
        Channel::Book(depth) => {
            let side = |side| rows(&levels(market, side, depth.into()));
            let data = json!({"asks": side(Side::Sell), "bids": side(Side::Buy), "timestamp": at_ms});
            Some(message(&format!("/spotMarket/level2Depth{depth}:{name}"), "level2", &data))
        }
        Channel::Candles(index) => {
            let (interval, _, candle) = open_candle(market, INTERVALS, index)?;
            let begin = (candle.open_ms / 1_000).to_string();
            let prices =
                [candle.open, candle.close, candle.high, candle.low, candle.volume, candle.quote_volume].map(|value| value.short());
            let row: Vec<String> = std::iter::once(begin).chain(prices).collect();
            let data = json!({"symbol": name, "candles": row, "time": at_ms.saturating_mul(1_000_000)});
            Some(message(&format!("/market/candles:{name}_{interval}"), "trade.candles.update", &data))
        }
        Channel::Snapshot(_) => {
            let side = |side| rows(&levels(market, side, 1)).pop();
            let data = json!({"asks": side(Side::Sell), "bids": side(Side::Buy), "timestamp": at_ms});
            Some(message(&format!("/spotMarket/level1:{name}"), "level1", &data))
        }
        Channel::Ticker => {
            let data = json!({"sequence": shapes::sequence(market), "data": shapes::board(market, at_ms)});
            Some(message(&format!("/market/snapshot:{name}"), "trade.snapshot", &data))
        }
        Channel::Top => Some(message(&format!("/market/ticker:{name}"), "trade.ticker", &shapes::level1(market, at_ms))),
        Channel::Changes | Channel::Mids | Channel::Trades => None,
    }
}

/// `/market/level2`: every row carries the last sequence of the batch.
pub(crate) fn changes_event(exchange: &Exchange, market: MarketIndex, difference: &BookDifference, at_ms: u64) -> String {
    let name = name_of(exchange.market(market));
    let sequence = difference.last_id.to_string();
    let row = |(price, size): (Fixed, Fixed)| [price.short(), size.short(), sequence.clone()];
    let side = |changed| changed_rows(exchange, market, changed).into_iter().map(row).collect::<Vec<_>>();
    let data = json!({
        "changes": {"asks": side(&difference.asks), "bids": side(&difference.bids)},
        "sequenceStart": difference.first_id, "sequenceEnd": difference.last_id, "symbol": name, "time": at_ms,
    });
    message(&format!("/market/level2:{name}"), "trade.l2update", &data)
}

/// `/market/match`
pub(crate) fn trade_event(exchange: &Exchange, market: MarketIndex, trade: &PublicTrade) -> String {
    let name = name_of(exchange.market(market));
    let data = json!({
        "makerOrderId": "", "takerOrderId": "", "price": trade.price.short(), "size": trade.quantity.short(),
        "side": trade.taker().lower(), "sequence": trade.id.to_string(), "tradeId": trade.id.to_string(), "symbol": name,
        "time": nanoseconds(trade.at_ms).to_string(), "type": "match",
    });
    message(&format!("/market/match:{name}"), "trade.l3match", &data)
}

const fn nanoseconds(at_ms: u64) -> u64 {
    at_ms.saturating_mul(1_000_000)
}

/// The topic of one's own orders, and its second version.
pub(super) const ORDERS: &str = "/spotMarket/tradeOrders";
pub(super) const ORDERS_V2: &str = "/spotMarket/tradeOrdersV2";

/// `/spotMarket/tradeOrders`, its second version, and `/account/balance`
pub(crate) fn own_events(exchange: &Exchange, channel: OwnChannel, event: &Event) -> Vec<String> {
    match (channel, event) {
        (OwnChannel::Balances, Event::Balances { owner, at_ms }) => {
            let balances = exchange.account_state(*owner).balances.iter();
            let messages = balances.map(|(asset, balance)| {
                let data = json!({
                    "accountId": owner.0.to_string(), "currency": **asset, "total": balance.total.short(), "available": balance.free().short(),
                    "hold": balance.held.short(), "relationEvent": "trade.setted", "time": at_ms.to_string(),
                });
                own_message("/account/balance", "account.balance", &data)
            });
            messages.collect()
        }
        (OwnChannel::Orders, Event::Order { change, order, fill, at_ms, .. }) => {
            order_events(exchange, ORDERS, *change, order, fill.as_deref(), *at_ms)
        }
        (OwnChannel::OrdersAnew, Event::Order { change, order, fill, at_ms, .. }) => {
            order_events(exchange, ORDERS_V2, *change, order, fill.as_deref(), *at_ms)
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

/// A trade that fills the order is told twice, as `match` and as `filled`: so does the venue. Its second version tells of an order that
/// was received, too, before it is open or matched (vendor, "Get Order (V2)").
fn order_events(exchange: &Exchange, topic: &str, change: OrderChange, order: &Order, fill: Option<&Fill>, at_ms: u64) -> Vec<String> {
    let open = order.status.is_open();
    let kinds: &[(&str, &str)] = match change {
        OrderChange::Amended => &[("update", "open")],
        OrderChange::Canceled | OrderChange::Expired => &[("canceled", "done")],
        OrderChange::New if topic == ORDERS_V2 => &[("received", "new"), ("open", "open")],
        OrderChange::New => &[("open", "open")],
        OrderChange::Trade if open => &[("match", "match")],
        OrderChange::Trade => &[("match", "match"), ("filled", "done")],
    };
    let told = kinds.iter().map(|(kind, status)| order_data(exchange, order, kind, status, fill.filter(|_| *kind == "match"), at_ms));
    told.map(|data| own_message(topic, "orderChange", &data)).collect()
}

fn order_data(exchange: &Exchange, order: &Order, kind: &str, status: &str, fill: Option<&Fill>, at_ms: u64) -> Value {
    let mut data = json!({
        "symbol": name_of(exchange.market(order.market)), "orderType": shapes::kind(order), "side": order.side.lower(),
        "orderId": order.id.to_string(), "clientOid": order.client_id, "type": kind, "status": status, "orderTime": order.created_ms,
        "ts": nanoseconds(at_ms), "price": order.price.short(), "size": order.quantity.short(), "originSize": order.quantity.short(),
        "filledSize": order.filled.short(), "remainSize": order.remaining().short(), "canceledSize": "0", "feeType": "takerFee",
    });
    if kind == "canceled" {
        data["canceledSize"] = json!(order.remaining().short());
        data["remainSize"] = json!("0");
    }
    if let Some(fill) = fill {
        data["tradeId"] = json!(fill.trade_id.to_string());
        data["matchPrice"] = json!(fill.price.short());
        data["matchSize"] = json!(fill.quantity.short());
        data["liquidity"] = json!(if fill.is_maker { "maker" } else { "taker" });
        data["feeType"] = json!(if fill.is_maker { "makerFee" } else { "takerFee" });
    }
    data
}
