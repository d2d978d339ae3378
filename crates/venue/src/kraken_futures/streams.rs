//! Messages of the feeds. The book is told whole at every tick, as `book_snapshot`: what the vendor sends first, clients take at any time.

use serde_json::{Map, Value, json};

use super::{names, shapes};
use crate::exchange::account::{AccountIndex, Position};
use crate::exchange::event::{Event, OrderChange, PublicTrade};
use crate::exchange::fixed::Fixed;
use crate::exchange::instrument::MarketIndex;
use crate::exchange::order::Side;
use crate::exchange::{Exchange, Market};
use crate::facade::number;
use crate::operations::{Channel, OwnChannel, levels, top};

/// `ticker`, `ticker_lite` and `book`.
pub(crate) fn state_event(exchange: &Exchange, index: MarketIndex, channel: Channel, at_ms: u64) -> Option<String> {
    let market = exchange.market(index);
    let name = names::symbol(&market.instrument);
    let message = match channel {
        Channel::Book(depth) => json!({
            "feed": "book_snapshot", "product_id": name, "timestamp": at_ms, "seq": market.book.update_id(), "tickSize": null,
            "bids": rows(market, Side::Buy, depth), "asks": rows(market, Side::Sell, depth),
        }),
        Channel::Ticker => ticker(market, &name, at_ms),
        Channel::Top => {
            let ((bid, _), (ask, _)) = (top(market, Side::Buy), top(market, Side::Sell));
            let (day, pair) = (market.tape.day(), "XBT:USD");
            json!({
                "feed": "ticker_lite", "product_id": name, "bid": number(bid), "ask": number(ask), "change": number(day.change_percent()),
                "premium": 0, "volume": number(day.day.volume), "tag": "quarter", "pair": pair, "dtm": 0, "maturityTime": market.instrument.kind.expiry_ms(),
                "volumeQuote": number(day.day.quote_volume),
            })
        }
        Channel::Candles(_) | Channel::Changes | Channel::Mids | Channel::Snapshot(_) | Channel::Trades => return None,
    };
    Some(message.to_string())
}

fn rows(market: &Market, side: Side, depth: u16) -> Value {
    levels(market, side, depth.into())
        .into_iter()
        .map(|(price, quantity)| json!({"price": number(price), "qty": number(quantity)}))
        .collect()
}

fn ticker(market: &Market, name: &str, at_ms: u64) -> Value {
    let mut message = shapes::ticker(market);
    let ((_, bid_size), (_, ask_size)) = (top(market, Side::Buy), top(market, Side::Sell));
    let more = json!({
        "feed": "ticker", "time": at_ms, "product_id": name, "bid_size": number(bid_size), "ask_size": number(ask_size),
        "volume": message["vol24h"], "index": message["indexPrice"], "change": message["change24h"],
        "maturityTime": market.instrument.kind.expiry_ms(),
    });
    if let (Value::Object(message), Value::Object(more)) = (&mut message, more) {
        message.extend(more);
    }
    message
}

/// `trade`
pub(crate) fn trade_event(exchange: &Exchange, market: MarketIndex, trade: &PublicTrade) -> String {
    json!({
        "feed": "trade", "product_id": names::symbol(&exchange.market(market).instrument), "uid": trade.id.to_string(),
        "side": trade.taker().lower(), "type": "fill", "seq": trade.id, "time": trade.at_ms, "qty": number(trade.quantity),
        "price": number(trade.price),
    })
    .to_string()
}

/// What a subscriber of `open_orders` is told first.
pub(super) fn orders_snapshot(exchange: &Exchange, owner: AccountIndex) -> String {
    let orders: Value = super::trading::open(exchange, owner).into_iter().map(|order| shapes::streamed_order(exchange, order)).collect();
    json!({"feed": "open_orders_snapshot", "account": owner.0.to_string(), "orders": orders}).to_string()
}

/// What is held: as cash, and as margin for all contracts.
pub(super) fn balances(exchange: &Exchange, owner: AccountIndex, feed: &str, at_ms: u64) -> String {
    let (mut holding, mut flex) = (Map::new(), Map::new());
    for (asset, balance) in &exchange.account_state(owner).balances {
        let (name, total) = (names::currency(asset), number(balance.total));
        let margin = json!({"quantity": total, "value": total, "collateral_value": total, "available": number(balance.free())});
        holding.insert(name.to_owned(), total);
        flex.insert(name.to_owned(), margin);
    }
    json!({
        "feed": feed, "account": owner.0.to_string(), "holding": holding, "futures": {}, "flex_futures": {"currencies": flex},
        "timestamp": at_ms, "seq": at_ms,
    })
    .to_string()
}

/// `open_positions`: what is held of every contract, at its last price.
pub(super) fn positions(exchange: &Exchange, owner: AccountIndex, at_ms: u64) -> String {
    let account = exchange.account_state(owner);
    let held = names::contracts(exchange).map(|(index, market)| (market, account.position(index)));
    let rows: Value = held.filter(|(_, held)| !held.quantity.is_zero()).map(|(market, held)| position(market, held)).collect();
    json!({"feed": "open_positions", "account": owner.0.to_string(), "positions": rows, "seq": at_ms, "timestamp": at_ms}).to_string()
}

fn position(market: &Market, held: Position) -> Value {
    let mark = market.tape.last_price();
    let worth = held.quantity.mul_down(mark);
    let gain = worth - held.cost;
    let size = if worth < Fixed::ZERO { Fixed::ZERO - worth } else { worth };
    let (margin, price) = (number(held.margin), number(mark));
    json!({
        "instrument": names::symbol(&market.instrument), "balance": number(held.quantity), "pnl": number(gain),
        "entry_price": number(held.cost.div_down(held.quantity)), "mark_price": price, "index_price": price, "liquidation_threshold": 0,
        "effective_leverage": number(size.div_down(held.margin)), "return_on_equity": number(gain.div_down(held.margin)),
        "unrealized_funding": 0, "initial_margin": margin, "initial_margin_with_orders": margin, "maintenance_margin": margin,
        "pnl_currency": names::currency(&market.instrument.quote),
    })
}

/// `open_orders`, `open_positions`, `fills` and `balances`
pub(crate) fn own_events(exchange: &Exchange, channel: OwnChannel, event: &Event) -> Vec<String> {
    if let (OwnChannel::Balances, Event::Balances { owner, at_ms }) = (channel, event) {
        return vec![balances(exchange, *owner, "balances", *at_ms)];
    }
    let Event::Order { change, order, fill, at_ms, .. } = event else {
        return Vec::new();
    };
    match channel {
        OwnChannel::Fills => {
            let row = fill.iter().map(|fill| {
                json!({
                    "instrument": names::symbol(&exchange.market(fill.market).instrument), "time": fill.at_ms, "price": number(fill.price),
                    "seq": fill.trade_id, "buy": fill.side == Side::Buy, "qty": number(fill.quantity),
                    "order_id": crate::facade::order_uuid(fill.order), "fill_id": fill.trade_id.to_string(),
                    "fill_type": if fill.is_maker { "maker" } else { "taker" },
                })
            });
            row.map(|row| json!({"feed": "fills", "username": order.owner.0.to_string(), "fills": [row]}).to_string()).collect()
        }
        OwnChannel::Orders => {
            let reason = match change {
                OrderChange::Amended => "edited_by_user",
                OrderChange::Canceled => "cancelled_by_user",
                OrderChange::Expired => "market_inactive",
                OrderChange::New => "new_placed_order_by_user",
                OrderChange::Trade if order.status.is_open() => "partial_fill",
                OrderChange::Trade => "full_fill",
            };
            let ended = !order.status.is_open();
            let mut message = json!({"feed": "open_orders", "is_cancel": ended, "reason": reason});
            if ended {
                message["order_id"] = json!(crate::facade::order_uuid(order.id));
                message["cli_ord_id"] = json!(order.given_client_id());
            } else {
                message["order"] = shapes::streamed_order(exchange, order);
            }
            vec![message.to_string()]
        }
        OwnChannel::Positions => fill.iter().map(|_| positions(exchange, order.owner, *at_ms)).collect(),
        OwnChannel::AddressBalances(_) | OwnChannel::AddressFills(_) | OwnChannel::Balances | OwnChannel::OrdersAnew => Vec::new(),
    }
}
