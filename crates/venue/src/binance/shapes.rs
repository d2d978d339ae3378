//! Orders, fills and accounts as the venue prints them. Field order follows its documents.

use serde::Serialize;

use crate::exchange::Exchange;
use crate::exchange::account::Account;
use crate::exchange::fixed::Fixed;
use crate::exchange::order::{Fill, Order};

pub(super) const NO_LIST: i64 = -1;
/// Accounts trade with themselves freely: self-trade prevention is `NONE`.
pub(super) const STP: &str = "NONE";

pub(super) fn to_json<T: Serialize>(value: &T) -> String {
    serde_json::to_string(value).expect("the façade's shapes are always JSON")
}

/// Answer of `GET order`, `openOrders`, `allOrders`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct OrderShape<'a> {
    symbol: &'a str,
    order_id: u64,
    order_list_id: i64,
    client_order_id: &'a str,
    price: Fixed,
    orig_qty: Fixed,
    executed_qty: Fixed,
    cummulative_quote_qty: Fixed,
    status: &'static str,
    time_in_force: &'static str,
    #[serde(rename = "type")]
    kind: &'static str,
    side: &'static str,
    stop_price: Fixed,
    iceberg_qty: Fixed,
    time: u64,
    update_time: u64,
    is_working: bool,
    working_time: u64,
    orig_quote_order_qty: Fixed,
    self_trade_prevention_mode: &'static str,
}

impl<'a> OrderShape<'a> {
    pub(super) fn of(exchange: &'a Exchange, order: &'a Order) -> Self {
        Self {
            symbol: &exchange.market(order.market).instrument.symbol,
            order_id: order.id,
            order_list_id: NO_LIST,
            client_order_id: &order.client_id,
            price: order.price,
            orig_qty: order.quantity,
            executed_qty: order.filled,
            cummulative_quote_qty: order.filled_quote,
            status: order.status.upper(),
            time_in_force: order.time_in_force.upper(),
            kind: order.kind.upper(),
            side: order.side.upper(),
            stop_price: Fixed::ZERO,
            iceberg_qty: Fixed::ZERO,
            time: order.created_ms,
            update_time: order.updated_ms,
            is_working: true,
            working_time: order.created_ms,
            orig_quote_order_qty: order.quote_quantity,
            self_trade_prevention_mode: STP,
        }
    }
}

/// `newOrderRespType=ACK`
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct AckShape<'a> {
    symbol: &'a str,
    order_id: u64,
    order_list_id: i64,
    client_order_id: &'a str,
    transact_time: u64,
}

/// `newOrderRespType=RESULT`, with `fills` for `FULL`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ResultShape<'a> {
    #[serde(flatten)]
    ack: AckShape<'a>,
    price: Fixed,
    orig_qty: Fixed,
    executed_qty: Fixed,
    orig_quote_order_qty: Fixed,
    cummulative_quote_qty: Fixed,
    status: &'static str,
    time_in_force: &'static str,
    #[serde(rename = "type")]
    kind: &'static str,
    side: &'static str,
    working_time: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    fills: Option<Vec<FillShape<'a>>>,
    self_trade_prevention_mode: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct FillShape<'a> {
    price: Fixed,
    qty: Fixed,
    commission: Fixed,
    commission_asset: &'a str,
    trade_id: u64,
}

impl<'a> AckShape<'a> {
    pub(super) fn of(exchange: &'a Exchange, order: &'a Order) -> Self {
        Self {
            symbol: &exchange.market(order.market).instrument.symbol,
            order_id: order.id,
            order_list_id: NO_LIST,
            client_order_id: &order.client_id,
            transact_time: order.updated_ms,
        }
    }
}

impl<'a> ResultShape<'a> {
    pub(super) fn of(exchange: &'a Exchange, order: &'a Order, fills: Option<&'a [Fill]>) -> Self {
        let fill = |fill: &'a Fill| FillShape {
            price: fill.price,
            qty: fill.quantity,
            commission: fill.commission,
            commission_asset: &fill.commission_asset,
            trade_id: fill.trade_id,
        };
        Self {
            ack: AckShape::of(exchange, order),
            price: order.price,
            orig_qty: order.quantity,
            executed_qty: order.filled,
            orig_quote_order_qty: order.quote_quantity,
            cummulative_quote_qty: order.filled_quote,
            status: order.status.upper(),
            time_in_force: order.time_in_force.upper(),
            kind: order.kind.upper(),
            side: order.side.upper(),
            working_time: order.created_ms,
            fills: fills.map(|fills| fills.iter().map(fill).collect()),
            self_trade_prevention_mode: STP,
        }
    }
}

/// Answer of a cancel.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct CanceledShape<'a> {
    symbol: &'a str,
    orig_client_order_id: &'a str,
    order_id: u64,
    order_list_id: i64,
    client_order_id: String,
    transact_time: u64,
    price: Fixed,
    orig_qty: Fixed,
    executed_qty: Fixed,
    orig_quote_order_qty: Fixed,
    cummulative_quote_qty: Fixed,
    status: &'static str,
    time_in_force: &'static str,
    #[serde(rename = "type")]
    kind: &'static str,
    side: &'static str,
    self_trade_prevention_mode: &'static str,
}

impl<'a> CanceledShape<'a> {
    /// `cancel_id` is the client's name for the cancel itself.
    pub(super) fn of(exchange: &'a Exchange, order: &'a Order, cancel_id: Option<&str>) -> Self {
        Self {
            symbol: &exchange.market(order.market).instrument.symbol,
            orig_client_order_id: &order.client_id,
            order_id: order.id,
            order_list_id: NO_LIST,
            client_order_id: cancel_id.map_or_else(|| format!("cancel-{}", order.id), str::to_owned),
            transact_time: order.updated_ms,
            price: order.price,
            orig_qty: order.quantity,
            executed_qty: order.filled,
            orig_quote_order_qty: order.quote_quantity,
            cummulative_quote_qty: order.filled_quote,
            status: order.status.upper(),
            time_in_force: order.time_in_force.upper(),
            kind: order.kind.upper(),
            side: order.side.upper(),
            self_trade_prevention_mode: STP,
        }
    }
}

/// A row of `myTrades`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct MyTradeShape<'a> {
    symbol: &'a str,
    id: u64,
    order_id: u64,
    order_list_id: i64,
    price: Fixed,
    qty: Fixed,
    quote_qty: Fixed,
    commission: Fixed,
    commission_asset: &'a str,
    time: u64,
    is_buyer: bool,
    is_maker: bool,
    is_best_match: bool,
}

impl<'a> MyTradeShape<'a> {
    pub(super) fn of(exchange: &'a Exchange, fill: &'a Fill) -> Self {
        Self {
            symbol: &exchange.market(fill.market).instrument.symbol,
            id: fill.trade_id,
            order_id: fill.order,
            order_list_id: NO_LIST,
            price: fill.price,
            qty: fill.quantity,
            quote_qty: fill.quote,
            commission: fill.commission,
            commission_asset: &fill.commission_asset,
            time: fill.at_ms,
            is_buyer: fill.side == crate::exchange::order::Side::Buy,
            is_maker: fill.is_maker,
            is_best_match: true,
        }
    }
}

#[derive(Serialize)]
struct BalanceShape<'a> {
    asset: &'a str,
    free: Fixed,
    locked: Fixed,
}

#[derive(Serialize)]
struct RatesShape {
    maker: Fixed,
    taker: Fixed,
    buyer: Fixed,
    seller: Fixed,
}

/// Answer of `GET account`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct AccountShape<'a> {
    maker_commission: u32,
    taker_commission: u32,
    buyer_commission: u32,
    seller_commission: u32,
    commission_rates: RatesShape,
    can_trade: bool,
    can_withdraw: bool,
    can_deposit: bool,
    brokered: bool,
    require_self_trade_prevention: bool,
    prevent_sor: bool,
    update_time: u64,
    account_type: &'static str,
    balances: Vec<BalanceShape<'a>>,
    permissions: [&'static str; 1],
    uid: usize,
}

impl<'a> AccountShape<'a> {
    pub(super) fn of(account: &'a Account, uid: usize, points: u32, omit_zero: bool) -> Self {
        let balances = account.balances.iter().map(|(asset, balance)| BalanceShape { asset, free: balance.free(), locked: balance.held });
        let rate = Fixed::whole(1).basis_points(points);
        Self {
            maker_commission: points,
            taker_commission: points,
            buyer_commission: 0,
            seller_commission: 0,
            commission_rates: RatesShape { maker: rate, taker: rate, buyer: Fixed::ZERO, seller: Fixed::ZERO },
            can_trade: true,
            can_withdraw: false,
            can_deposit: false,
            brokered: false,
            require_self_trade_prevention: false,
            prevent_sor: false,
            update_time: account.updated_ms,
            account_type: "SPOT",
            balances: balances.filter(|one| !omit_zero || !(one.free + one.locked).is_zero()).collect(),
            permissions: ["SPOT"],
            uid,
        }
    }
}
