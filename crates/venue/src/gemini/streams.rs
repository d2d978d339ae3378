//! Messages of the WebSockets.
//!
//! | path | messages |
//! |---|---|
//! | `/v2/marketdata` | `l2_updates`: first the whole book with trades, then what changed; `trade`; `candles_1m_updates`: first the past, then the open one |
//! | `/v1/marketdata/SYMBOL`, `/v1/multimarketdata` | `update`: see [`super::v1`] |
//! | `/v1/order/events` | a list of events: `initial`, `accepted`, `booked`, `fill`, `closed`, `cancelled` |

use serde_json::{Value, json};

use super::market_data::{STREAMED, candle_row};
use super::shapes;
use crate::exchange::account::AccountIndex;
use crate::exchange::event::{Event, OrderChange, PublicTrade};
use crate::exchange::fixed::Fixed;
use crate::exchange::instrument::MarketIndex;
use crate::exchange::order::{Fill, Order, Side};
use crate::exchange::tape::Candle;
use crate::exchange::{Exchange, Market};
use crate::facade::BookDifference;
use crate::limits::{BOOK_LEVELS_PUBLISHED, CANDLES_FIRST_MAX, TRADES_FIRST_MAX};
use crate::operations::{Channel, OwnChannel, average_price, changed_rows, levels, open_candle, spot_markets};

fn name(exchange: &Exchange, market: MarketIndex) -> &str {
    &exchange.market(market).instrument.symbol
}

/// The candle that is open.
pub(crate) fn state_event(exchange: &Exchange, index: MarketIndex, channel: Channel) -> Option<String> {
    let Channel::Candles(width) = channel else { return None };
    let market = exchange.market(index);
    let (interval, _, candle) = open_candle(market, STREAMED, width)?;
    Some(candles(market, interval, &[candle]))
}

fn row(side: &'static str) -> impl Fn((Fixed, Fixed)) -> Value {
    move |(price, size)| json!([side, price.short(), size.short()])
}

/// The first `l2_updates`: all levels, and the newest trades.
pub(super) fn snapshot(exchange: &Exchange, index: MarketIndex) -> String {
    let market = exchange.market(index);
    let side = |side, name| levels(market, side, BOOK_LEVELS_PUBLISHED).into_iter().map(row(name));
    let changes: Vec<Value> = side(Side::Buy, "buy").chain(side(Side::Sell, "sell")).collect();
    let trades: Vec<Value> = market.tape.last_trades(TRADES_FIRST_MAX).rev().map(|trade| trade_shape(exchange, index, trade)).collect();
    json!({"type": "l2_updates", "symbol": name(exchange, index), "changes": changes, "trades": trades, "auction_events": []}).to_string()
}

/// The first message about candles: the newest first.
pub(super) fn past_candles(exchange: &Exchange, index: MarketIndex, width: u8) -> Option<String> {
    let (interval, width) = *STREAMED.get(usize::from(width))?;
    let market = exchange.market(index);
    Some(candles(market, interval, &market.tape.candles(width, 0, u64::MAX, CANDLES_FIRST_MAX)))
}

fn candles(market: &Market, interval: &str, candles: &[Candle]) -> String {
    let changes: Vec<Value> = candles.iter().rev().map(candle_row).collect();
    json!({"type": format!("candles_{interval}_updates"), "symbol": market.instrument.symbol, "changes": changes}).to_string()
}

/// `l2_updates`; none when nothing changed.
pub(crate) fn changes_event(exchange: &Exchange, market: MarketIndex, difference: &BookDifference) -> Option<String> {
    let rows = |changed, name| changed_rows(exchange, market, changed).into_iter().map(row(name));
    let changes: Vec<Value> = rows(&difference.bids, "buy").chain(rows(&difference.asks, "sell")).collect();
    let message = json!({"type": "l2_updates", "symbol": name(exchange, market), "changes": changes});
    (!changes.is_empty()).then(|| message.to_string())
}

fn trade_shape(exchange: &Exchange, market: MarketIndex, trade: &PublicTrade) -> Value {
    json!({
        "type": "trade", "symbol": name(exchange, market), "event_id": trade.id, "timestamp": trade.at_ms, "price": trade.price.short(),
        "quantity": trade.quantity.short(), "side": trade.taker().lower(),
    })
}

/// `trade`
pub(crate) fn trade_event(exchange: &Exchange, market: MarketIndex, trade: &PublicTrade) -> String {
    trade_shape(exchange, market, trade).to_string()
}

/// What somebody who listens is told first: that it is heard, and what is open.
pub(super) fn first_events(exchange: &Exchange, owner: AccountIndex, connection: &str) -> [String; 2] {
    let acknowledged = json!({
        "type": "subscription_ack", "accountId": owner.0, "subscriptionId": connection, "symbolFilter": [], "apiSessionFilter": [],
        "eventTypeFilter": [],
    });
    let listed = |order: &&Order| spot_markets(exchange).any(|(index, _)| index == order.market);
    let open: Value =
        exchange.open_orders(owner).filter(listed).map(|order| event(exchange, "initial", order, 0, order.updated_ms)).collect();
    [acknowledged.to_string(), open.to_string()]
}

fn event(exchange: &Exchange, kind: &str, order: &Order, execution: u64, at_ms: u64) -> Value {
    let mut event = json!({
        "type": kind, "order_id": order.id.to_string(), "event_id": execution.to_string(), "account_name": "primary",
        "client_order_id": order.given_client_id(), "api_session": *order.key, "symbol": shapes::symbol(&exchange.market(order.market).instrument),
        "side": order.side.lower(), "order_type": shapes::kind(order), "timestamp": (at_ms / 1_000).to_string(), "timestampms": at_ms,
        "is_live": order.status.is_open(), "is_cancelled": kind == "cancelled", "is_hidden": false,
        "avg_execution_price": average_price(order).short(), "executed_amount": order.filled.short(),
        "remaining_amount": order.remaining().short(), "original_amount": order.quantity.short(), "price": order.price.short(),
        "socket_sequence": execution,
    });
    if let Some(option) = shapes::option(order) {
        event["behavior"] = json!(option);
    }
    event
}

fn fill_shape(fill: &Fill) -> Value {
    json!({
        "trade_id": fill.trade_id.to_string(), "liquidity": if fill.is_maker { "Maker" } else { "Taker" }, "price": fill.price.short(),
        "amount": fill.quantity.short(), "fee": fill.commission.short(), "fee_currency": *fill.commission_asset,
    })
}

/// Order events, in one list.
pub(crate) fn own_events(exchange: &Exchange, channel: OwnChannel, event_of: &Event) -> Vec<String> {
    let (OwnChannel::Orders, Event::Order { change, order, fill, execution, at_ms }) = (channel, event_of) else {
        return Vec::new();
    };
    let one = |kind| event(exchange, kind, order, *execution, *at_ms);
    let events = match change {
        // This API cannot amend; what another one amended is told as it rests now.
        OrderChange::Amended => vec![one("booked")],
        OrderChange::Canceled | OrderChange::Expired => vec![one("cancelled")],
        OrderChange::New => {
            // News is told when the placing is over, so the order's rest is known by now.
            let rests = exchange.order(order.owner, order.id).is_some_and(|order| order.status.is_open());
            std::iter::once(one("accepted")).chain(rests.then(|| one("booked"))).collect()
        }
        OrderChange::Trade => {
            let mut filled = one("fill");
            filled["fill"] = fill.as_deref().map(fill_shape).unwrap_or_default();
            std::iter::once(filled).chain((!order.status.is_open()).then(|| one("closed"))).collect()
        }
    };
    vec![Value::from(events).to_string()]
}
