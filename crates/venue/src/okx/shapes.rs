//! Orders, fills and balances as the venue prints them, the same in REST and in channels.

use serde_json::{Value, json};

use super::request::{SPOT, id_of};
use crate::exchange::Exchange;
use crate::exchange::account::{AccountIndex, Balance};
use crate::exchange::fixed::Fixed;
use crate::exchange::order::{Fill, Order, OrderKind, OrderStatus, TimeInForce};

const fn type_word(order: &Order) -> &'static str {
    match (order.kind, order.time_in_force) {
        (OrderKind::LimitMaker, _) => "post_only",
        (OrderKind::Market, _) => "market",
        (OrderKind::Limit, TimeInForce::FillOrKill) => "fok",
        (OrderKind::Limit, TimeInForce::GoodTillCanceled) => "limit",
        (OrderKind::Limit, TimeInForce::ImmediateOrCancel) => "ioc",
    }
}

/// `live`, `partially_filled`, `filled` or `canceled`, in which the venue's own endings are.
pub(super) const fn state_word(status: OrderStatus) -> &'static str {
    match status {
        OrderStatus::Canceled | OrderStatus::Expired => "canceled",
        OrderStatus::Filled => "filled",
        OrderStatus::New => "live",
        OrderStatus::PartiallyFilled => "partially_filled",
    }
}

/// Whether an order has this `ordType`.
pub(super) fn has_type(order: &Order, name: &str) -> bool {
    name.split(',').any(|name| name == type_word(order))
}

/// Who ended an order: `1` its owner, `13` and `14` the venue because it could not be filled.
const fn cancel_source(order: &Order) -> &'static str {
    match (order.status, order.time_in_force) {
        (OrderStatus::Canceled, _) => "1",
        (OrderStatus::Expired, TimeInForce::FillOrKill) => "13",
        (OrderStatus::Expired, _) => "14",
        (OrderStatus::Filled | OrderStatus::New | OrderStatus::PartiallyFilled, _) => "",
    }
}

/// What was paid, which the venue prints below nought.
fn fee_text(commission: Fixed) -> String {
    (-commission).short()
}

/// One order with its last fill.
pub(super) fn order(exchange: &Exchange, order: &Order) -> Value {
    let fills = &exchange.account_state(order.owner).fills;
    report(exchange, order, fills.iter().rev().find(|fill| fill.order == order.id))
}

/// One order, and the fill that is reported with it.
pub(super) fn report(exchange: &Exchange, order: &Order, fill: Option<&Fill>) -> Value {
    let market = exchange.market(order.market);
    let fills = exchange.account_state(order.owner).fills.iter().filter(|fill| fill.order == order.id);
    let (mut commission, mut asset) = (Fixed::ZERO, None);
    for fill in fills {
        commission += fill.commission;
        asset = Some(&*fill.commission_asset);
    }
    let text = |of: fn(&Fill) -> String| fill.map_or_else(String::new, of);
    let quoted = order.quote_quantity.is_positive();
    json!({
        "instType": SPOT,
        "instId": id_of(market),
        "ordId": order.id.to_string(),
        "clOrdId": order.given_client_id(),
        "tag": &*order.tag,
        "side": order.side.lower(),
        "posSide": "net",
        "tdMode": "cash",
        "ccy": "",
        "ordType": type_word(order),
        "px": order.price.short_or_empty(),
        "sz": if quoted { order.quote_quantity.short() } else { order.quantity.short() },
        "tgtCcy": if order.kind == OrderKind::Market { if quoted { "quote_ccy" } else { "base_ccy" } } else { "" },
        "state": state_word(order.status),
        "accFillSz": order.filled.short(),
        "avgPx": order.filled_quote.div_down(order.filled).short_or_empty(),
        "fillPx": text(|fill| fill.price.short()),
        "fillSz": fill.map_or_else(|| "0".to_owned(), |fill| fill.quantity.short()),
        "fillTime": text(|fill| fill.at_ms.to_string()),
        "fillFee": fill.map_or_else(|| "0".to_owned(), |fill| fee_text(fill.commission)),
        "fillFeeCcy": text(|fill| fill.commission_asset.to_string()),
        "tradeId": text(|fill| fill.trade_id.to_string()),
        "execType": text(|fill| if fill.is_maker { "M" } else { "T" }.to_owned()),
        "fee": fee_text(commission),
        "feeCcy": asset.unwrap_or(""),
        "rebate": "0",
        "rebateCcy": "",
        "pnl": "0",
        "lever": "",
        "category": "normal",
        "source": "",
        "reduceOnly": "false",
        "cancelSource": cancel_source(order),
        "cancelSourceReason": "",
        "stpMode": "",
        "attachAlgoOrds": [],
        "amendResult": if order.amended { "0" } else { "" },
        "amendSource": if order.amended { "1" } else { "" },
        "cTime": order.created_ms.to_string(),
        "uTime": order.updated_ms.to_string(),
    })
}

/// One fill of an account's order.
pub(super) fn fill(exchange: &Exchange, owner: AccountIndex, fill: &Fill) -> Value {
    let order = exchange.order(owner, fill.order);
    let rate = Fixed::whole(1).basis_points(exchange.commission_points);
    json!({
        "instType": SPOT,
        "instId": id_of(exchange.market(fill.market)),
        "tradeId": fill.trade_id.to_string(),
        "billId": fill.trade_id.to_string(),
        "ordId": fill.order.to_string(),
        "clOrdId": order.map_or("", Order::given_client_id),
        "tag": order.map_or("", |order| &*order.tag),
        "subType": if fill.side == crate::exchange::order::Side::Buy { "1" } else { "2" },
        "side": fill.side.lower(),
        "posSide": "net",
        "fillPx": fill.price.short(),
        "fillSz": fill.quantity.short(),
        "execType": if fill.is_maker { "M" } else { "T" },
        "fee": fee_text(fill.commission),
        "feeCcy": &*fill.commission_asset,
        "feeRate": fee_text(rate),
        "fillTime": fill.at_ms.to_string(),
        "ts": fill.at_ms.to_string(),
    })
}

/// Members of a currency that say nothing in the spot mode. Clients with types for the whole row want them all the same.
const OF_OTHER_MODES: &[&str] = &[
    "accAvgPx",
    "borrowFroz",
    "clSpotInUseAmt",
    "crossLiab",
    "fixedBal",
    "imr",
    "interest",
    "isoEq",
    "isoLiab",
    "isoUpl",
    "liab",
    "maxLoan",
    "maxSpotInUse",
    "mgnRatio",
    "mmr",
    "notionalLever",
    "openAvgPx",
    "rewardBal",
    "smtSyncEq",
    "spotCopyTradingEq",
    "spotInUseAmt",
    "spotIsoBal",
    "spotUpl",
    "spotUplRatio",
    "stgyEq",
    "totalPnl",
    "totalPnlRatio",
    "twap",
    "uplLiab",
];

fn detail(asset: &str, balance: Balance, usd: Fixed, at_ms: u64) -> Value {
    let (total, free, held) = (balance.total.short(), balance.free().short(), balance.held.short());
    let mut row = json!({
        "ccy": asset,
        "eq": total,
        "spotBal": total,
        "cashBal": total,
        "availEq": free,
        "availBal": free,
        "frozenBal": held,
        "ordFrozen": held,
        "eqUsd": usd.short(),
        "disEq": usd.short(),
        "upl": "0",
        "uTime": at_ms.to_string(),
    });
    OF_OTHER_MODES.iter().for_each(|name| row[*name] = Value::from(""));
    row
}

/// The trading account: the row of `balance`, and of the `account` channel. `only` names the
/// currencies that are wanted.
pub(super) fn balance(exchange: &Exchange, owner: AccountIndex, only: Option<&str>) -> Value {
    let account = exchange.account_state(owner);
    let mut total = Fixed::ZERO;
    let mut details = Vec::new();
    for (asset, balance) in &account.balances {
        let usd = balance.total.mul_down(exchange.usd_price(asset));
        total += usd;
        if only.is_none_or(|names| names.split(',').any(|name| name == &**asset)) {
            details.push(detail(asset, *balance, usd, account.updated_ms));
        }
    }
    json!({
        "totalEq": total.short(),
        "isoEq": "",
        "adjEq": "",
        "availEq": "",
        "borrowFroz": "",
        "ordFroz": "",
        "imr": "",
        "mmr": "",
        "mgnRatio": "",
        "notionalUsd": "",
        "notionalUsdForBorrow": "",
        "notionalUsdForFutures": "",
        "notionalUsdForOption": "",
        "notionalUsdForSwap": "",
        "upl": "",
        "details": details,
        "uTime": account.updated_ms.to_string(),
    })
}
