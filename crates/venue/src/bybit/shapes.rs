//! Orders, executions and balances as the venue prints them, the same in REST and in topics.

use serde_json::{Map, Value, json};

use super::request::SPOT;
use crate::exchange::Exchange;
use crate::exchange::account::{Account, AccountIndex, Balance};
use crate::exchange::book::Level;
use crate::exchange::fixed::Fixed;
use crate::exchange::instrument::Instrument;
use crate::exchange::order::{Fill, Order, OrderKind, OrderStatus, TimeInForce};

/// `[["price","quantity"],…]`; nought as quantity removes the level.
pub(super) fn levels(terms: &Instrument, levels: impl Iterator<Item = Level>) -> Vec<[String; 2]> {
    levels.map(|level| [terms.price_of(level.ticks).short(), terms.quantity_of(level.lots).short()]).collect()
}

fn status_word(order: &Order) -> &'static str {
    match order.status {
        OrderStatus::Canceled | OrderStatus::Expired if order.filled.is_positive() => "PartiallyFilledCanceled",
        OrderStatus::Canceled | OrderStatus::Expired => "Cancelled",
        OrderStatus::Filled => "Filled",
        OrderStatus::New => "New",
        OrderStatus::PartiallyFilled => "PartiallyFilled",
    }
}

/// Whether an order's status has this name.
pub(super) fn has_status(order: &Order, name: &str) -> bool {
    status_word(order) == name
}

const fn type_word(kind: OrderKind) -> &'static str {
    match kind {
        OrderKind::Limit | OrderKind::LimitMaker => "Limit",
        OrderKind::Market => "Market",
    }
}

const fn time_in_force_word(order: &Order) -> &'static str {
    match (order.kind, order.time_in_force) {
        (OrderKind::LimitMaker, _) => "PostOnly",
        (OrderKind::Market, _) | (OrderKind::Limit, TimeInForce::ImmediateOrCancel) => "IOC",
        (OrderKind::Limit, TimeInForce::FillOrKill) => "FOK",
        (OrderKind::Limit, TimeInForce::GoodTillCanceled) => "GTC",
    }
}

const fn reject_reason(order: &Order) -> &'static str {
    match order.status {
        OrderStatus::Canceled => "EC_PerCancelRequest",
        OrderStatus::Expired => "EC_NoImmediateQtyToFill",
        OrderStatus::Filled | OrderStatus::New | OrderStatus::PartiallyFilled => "EC_NoError",
    }
}

/// How the quantity of a market order was meant; empty for limit orders.
fn market_unit(order: &Order) -> &'static str {
    match order.kind {
        OrderKind::Limit | OrderKind::LimitMaker => "",
        OrderKind::Market if order.quote_quantity.is_positive() => "quoteCoin",
        OrderKind::Market => "baseCoin",
    }
}

fn ordered(order: &Order) -> Fixed {
    if order.quote_quantity.is_positive() { order.quote_quantity } else { order.quantity }
}

/// What the account paid for the fills of one order, by asset.
fn fees(account: &Account, order: &Order) -> (Fixed, Map<String, Value>) {
    let fills = account.fills.iter().filter(|fill| fill.order == order.id);
    let (mut total, mut asset) = (Fixed::ZERO, None);
    for fill in fills {
        total += fill.commission;
        asset = Some(&fill.commission_asset);
    }
    let detail = asset.map(|asset| (asset.to_string(), Value::from(total.short())));
    (total, detail.into_iter().collect())
}

/// Members of an order that say nothing of a plain one. Clients with types for the whole row want them all the same.
const OF_OTHER_ORDERS: &[&str] = &[
    "blockTradeId",
    "feeCurrency",
    "lastPriceOnCreated",
    "orderIv",
    "placeType",
    "slLimitPrice",
    "slTriggerBy",
    "smpOrderId",
    "stopLoss",
    "takeProfit",
    "tpLimitPrice",
    "tpTriggerBy",
    "tpslMode",
    "triggerBy",
];

/// One order.
pub(super) fn order(exchange: &Exchange, order: &Order) -> Value {
    let terms = &exchange.market(order.market).instrument;
    let (fee, fee_detail) = fees(exchange.account_state(order.owner), order);
    let leaves = if order.status.is_open() { order.remaining() } else { Fixed::ZERO };
    let mut row = json!({
        "category": SPOT,
        "orderId": order.id.to_string(),
        "orderLinkId": order.given_client_id(),
        "symbol": terms.symbol,
        "price": order.price.short(),
        "qty": ordered(order).short(),
        "side": order.side.capital(),
        "isLeverage": "0",
        "positionIdx": 0,
        "orderStatus": status_word(order),
        "cancelType": if order.status == OrderStatus::Canceled { "CancelByUser" } else { "UNKNOWN" },
        "rejectReason": reject_reason(order),
        "avgPrice": order.filled_quote.div_down(order.filled).short_or_empty(),
        "leavesQty": leaves.short(),
        "leavesValue": leaves.mul_down(order.price).short(),
        "cumExecQty": order.filled.short(),
        "cumExecValue": order.filled_quote.short(),
        "cumExecFee": fee.short(),
        "cumFeeDetail": fee_detail,
        "timeInForce": time_in_force_word(order),
        "orderType": type_word(order.kind),
        "stopOrderType": "",
        "marketUnit": market_unit(order),
        "triggerPrice": "0",
        "triggerDirection": 0,
        "reduceOnly": false,
        "closeOnTrigger": false,
        "createType": "CreateByUser",
        "smpType": "None",
        "smpGroup": 0,
        "createdTime": order.created_ms.to_string(),
        "updatedTime": order.updated_ms.to_string(),
    });
    OF_OTHER_ORDERS.iter().for_each(|name| row[*name] = Value::from(""));
    row
}

/// One execution of an account's order.
pub(super) fn execution(exchange: &Exchange, owner: AccountIndex, fill: &Fill) -> Value {
    let rate = Fixed::whole(1).basis_points(exchange.commission_points);
    let order = exchange.order(owner, fill.order);
    json!({
        "category": SPOT,
        "symbol": exchange.market(fill.market).instrument.symbol,
        "orderId": fill.order.to_string(),
        "orderLinkId": order.map_or("", Order::given_client_id),
        "side": fill.side.capital(),
        "orderPrice": order.map_or_else(String::new, |order| order.price.short()),
        "orderQty": order.map_or_else(String::new, |order| ordered(order).short()),
        "leavesQty": order.map_or_else(String::new, |order| order.remaining().short()),
        "orderType": order.map_or("UNKNOWN", |order| type_word(order.kind)),
        "stopOrderType": "",
        "execFee": fill.commission.short(),
        "feeCurrency": &*fill.commission_asset,
        "execId": fill.trade_id.to_string(),
        "execPrice": fill.price.short(),
        "execQty": fill.quantity.short(),
        "execType": "Trade",
        "execValue": fill.quote.short(),
        "execTime": fill.at_ms.to_string(),
        "isMaker": fill.is_maker,
        "isLeverage": "0",
        "feeRate": rate.short(),
        "tradeIv": "",
        "markIv": "",
        "markPrice": "",
        "indexPrice": "",
        "underlyingPrice": "",
        "blockTradeId": "",
        "closedSize": "",
        "seq": fill.trade_id,
    })
}

fn coin(asset: &str, balance: Balance, usd: Fixed) -> Value {
    json!({
        "coin": asset,
        "equity": balance.total.short(),
        "usdValue": usd.short(),
        "walletBalance": balance.total.short(),
        "locked": balance.held.short(),
        "availableToWithdraw": balance.free().short(),
        "availableToBorrow": "",
        "borrowAmount": "0",
        "accruedInterest": "0",
        "totalOrderIM": "0",
        "totalPositionIM": "0",
        "totalPositionMM": "0",
        "unrealisedPnl": "0",
        "cumRealisedPnl": "0",
        "bonus": "0",
        "marginCollateral": false,
        "collateralSwitch": false,
        "spotHedgingQty": "0",
        "spotBorrow": "0",
    })
}

/// The unified account: one row of `wallet-balance`, and of the `wallet` topic. `only` names
/// the coins that are wanted.
pub(super) fn wallet(exchange: &Exchange, owner: AccountIndex, only: Option<&str>) -> Value {
    let account = exchange.account_state(owner);
    let wanted = |asset: &str| only.is_none_or(|names| names.split(',').any(|name| name == asset));
    let (mut total, mut free) = (Fixed::ZERO, Fixed::ZERO);
    let mut coins = Vec::new();
    for (asset, balance) in &account.balances {
        let price = exchange.usd_price(asset);
        total += balance.total.mul_down(price);
        free += balance.free().mul_down(price);
        if wanted(asset) {
            coins.push(coin(asset, *balance, balance.total.mul_down(price)));
        }
    }
    json!({
        "accountType": "UNIFIED",
        "totalEquity": total.short(),
        "totalWalletBalance": total.short(),
        "totalMarginBalance": total.short(),
        "totalAvailableBalance": free.short(),
        "totalPerpUPL": "0",
        "totalInitialMargin": "0",
        "totalMaintenanceMargin": "0",
        "accountIMRate": "0",
        "accountMMRate": "0",
        "accountLTV": "0",
        "coin": coins,
    })
}
