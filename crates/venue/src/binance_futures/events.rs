//! The user data stream: what an account is told of its contracts (vendor, "User Data Streams").
//!
//! | event | when |
//! |---|---|
//! | `ACCOUNT_UPDATE` | a fill: the wallet and the position after it; before the order that was filled |
//! | `ORDER_TRADE_UPDATE` | an order was taken, filled, changed, cancelled or ended |
//!
//! The gateway tells `listenKeyExpired`: it is who knows.

use serde_json::{Value, json};

use super::account::MARGIN_ASSET;
use super::names::{self, is_contract};
use super::shapes::{kind, time_in_force};
use super::trading::realised;
use crate::exchange::Exchange;
use crate::exchange::event::{Event, OrderChange};
use crate::exchange::fixed::Fixed;
use crate::exchange::order::{Fill, Order, Side};
use crate::operations::average_price;

/// What the owner is told of an event; nothing of what is not about a contract.
pub(crate) fn own_events(exchange: &Exchange, event: &Event) -> Vec<String> {
    let Event::Order { change, order, fill, at_ms, .. } = event else { return Vec::new() };
    if !is_contract(exchange, order.market) {
        return Vec::new();
    }
    let account = fill.as_ref().map(|_| account_update(exchange, order, *at_ms));
    let order = order_trade_update(exchange, *change, order, fill.as_deref(), *at_ms);
    account.into_iter().chain([order]).map(|event| event.to_string()).collect()
}

fn account_update(exchange: &Exchange, order: &Order, at_ms: u64) -> Value {
    let account = exchange.account_state(order.owner);
    let market = exchange.market(order.market);
    let (wallet, held) = (account.balance(MARGIN_ASSET).total.short(), account.position(order.market));
    let entry = held.cost.div_down(held.quantity).short();
    json!({
        "e": "ACCOUNT_UPDATE", "E": at_ms, "T": at_ms,
        "a": {
            "m": "ORDER",
            "B": [{"a": MARGIN_ASSET, "wb": wallet, "cw": wallet, "bc": "0"}],
            "P": [{
                "s": names::symbol(&market.instrument), "pa": held.quantity.short(), "ep": entry, "bep": entry, "cr": "0",
                "up": super::account::unrealised(market, held).short(), "mt": "cross", "iw": "0", "ps": "BOTH",
            }],
        },
    })
}

fn order_trade_update(exchange: &Exchange, change: OrderChange, order: &Order, fill: Option<&Fill>, at_ms: u64) -> Value {
    let gain = fill.map_or(Fixed::ZERO, |fill| gain_of(exchange, order, fill));
    let of_fill = |value: fn(&Fill) -> Fixed| fill.map_or(Fixed::ZERO, value).short();
    let notional = |side: Side| if order.side == side { order.remaining().mul_down(order.price) } else { Fixed::ZERO }.short();
    let mut told = json!({
        "s": names::symbol(&exchange.market(order.market).instrument), "c": order.client_id, "S": order.side.upper(), "o": kind(order),
        "f": time_in_force(order), "q": order.quantity.short(), "p": order.price.short(), "ap": average_price(order).short(), "sp": "0",
        "x": execution(change), "X": order.status.upper(), "i": order.id, "l": of_fill(|fill| fill.quantity), "z": order.filled.short(),
        "L": of_fill(|fill| fill.price), "T": at_ms, "t": fill.map_or(0, |fill| fill.trade_id), "b": notional(Side::Buy),
        "a": notional(Side::Sell), "m": fill.is_some_and(|fill| fill.is_maker), "R": order.reduce, "wt": "CONTRACT_PRICE",
        "ot": kind(order), "ps": "BOTH", "cp": false, "rp": gain.short(), "pP": false, "si": 0, "ss": 0, "V": "NONE", "pm": "NONE",
        "gtd": 0,
    });
    if let Some(fill) = fill {
        told["N"] = json!(&*fill.commission_asset);
        told["n"] = json!(fill.commission.short());
    }
    json!({"e": "ORDER_TRADE_UPDATE", "E": at_ms, "T": at_ms, "o": told})
}

const fn execution(change: OrderChange) -> &'static str {
    match change {
        OrderChange::Amended => "AMENDMENT",
        OrderChange::Canceled => "CANCELED",
        OrderChange::Expired => "EXPIRED",
        OrderChange::New => "NEW",
        OrderChange::Trade => "TRADE",
    }
}

/// What a fill realised.
fn gain_of(exchange: &Exchange, order: &Order, fill: &Fill) -> Fixed {
    let fills = realised(exchange, order.owner, order.market);
    fills
        .into_iter()
        .rev()
        .find(|(each, _)| each.trade_id == fill.trade_id && each.order == fill.order)
        .map_or(Fixed::ZERO, |(_, gain)| gain)
}
