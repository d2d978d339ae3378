//! What belongs to an account: balances, orders, trades, positions.

use serde_json::{Value, json};

use super::error::RpcError;
use super::market_data::{Group, count, market};
use super::{names, shapes};
use crate::exchange::Exchange;
use crate::exchange::account::{AccountIndex, Position};
use crate::exchange::fixed::Fixed;
use crate::exchange::instrument::{Instrument, MarketIndex};
use crate::exchange::order::{Fill, Order};
use crate::facade::{Fields, number};

/// One currency of an account. What is held, for orders and as margin, is both margins.
pub(super) fn portfolio(exchange: &Exchange, owner: AccountIndex, currency: &str) -> Value {
    let balance = exchange.account_state(owner).balance(currency);
    let (total, held, free) = (number(balance.total), number(balance.held), number(balance.free()));
    json!({
        "currency": currency, "balance": total, "equity": total, "margin_balance": total, "available_funds": free,
        "available_withdrawal_funds": free, "initial_margin": held, "maintenance_margin": held, "projected_initial_margin": held,
        "projected_maintenance_margin": held, "spot_reserve": 0, "additional_reserve": 0, "fee_balance": 0, "total_pl": 0,
        "session_upl": 0, "session_rpl": 0, "futures_pl": 0, "futures_session_upl": 0, "futures_session_rpl": 0, "options_pl": 0,
        "options_session_upl": 0, "options_session_rpl": 0, "options_value": 0, "options_delta": 0, "options_gamma": 0,
        "options_vega": 0, "options_theta": 0, "delta_total": 0, "portfolio_margining_enabled": false,
        "cross_collateral_enabled": false, "margin_model": "segregated_sm",
    })
}

/// `private/get_account_summaries`
pub(super) fn summaries(exchange: &Exchange, owner: AccountIndex) -> Value {
    let account = exchange.account_state(owner);
    let rows: Value = account.balances.keys().map(|currency| portfolio(exchange, owner, currency)).collect();
    json!({"id": owner.0, "username": *account.name, "system_name": *account.name, "type": "main", "email": "", "summaries": rows})
}

/// `private/get_account_summary`
pub(super) fn summary(exchange: &Exchange, owner: AccountIndex, fields: &Fields) -> Result<Value, RpcError> {
    let currency = fields.need("currency")?;
    if !exchange.markets().iter().any(|market| [&market.instrument.base, &market.instrument.quote].iter().any(|one| ***one == *currency)) {
        return Err(RpcError::parameter("currency", "wrong format"));
    }
    Ok(portfolio(exchange, owner, currency))
}

/// The account's order named by `order_id`.
pub(super) fn find_order<'a>(exchange: &'a Exchange, owner: AccountIndex, fields: &Fields) -> Result<&'a Order, RpcError> {
    let id = names::read_number(fields.need("order_id")?).ok_or_else(RpcError::unknown_order)?;
    exchange.order(owner, id).ok_or_else(RpcError::unknown_order)
}

/// `private/get_order_state`
pub(super) fn order_state(exchange: &Exchange, owner: AccountIndex, fields: &Fields) -> Result<Value, RpcError> {
    Ok(shapes::order(exchange, find_order(exchange, owner, fields)?))
}

/// Open orders, oldest first.
pub(super) fn open_orders(exchange: &Exchange, owner: AccountIndex, wanted: impl Fn(&Order) -> bool) -> Result<Value, RpcError> {
    Ok(exchange.open_orders(owner).filter(|order| wanted(order)).map(|order| shapes::order(exchange, order)).collect())
}

/// `private/get_open_orders_by_instrument`
pub(super) fn open_by_instrument(exchange: &Exchange, owner: AccountIndex, fields: &Fields) -> Result<Value, RpcError> {
    let market = market(exchange, fields)?;
    open_orders(exchange, owner, |order| order.market == market)
}

/// `private/get_open_orders_by_currency`
pub(super) fn open_by_currency(exchange: &Exchange, owner: AccountIndex, fields: &Fields) -> Result<Value, RpcError> {
    let group = Group::read(fields)?;
    open_orders(exchange, owner, |order| group.holds(terms(exchange, order.market)))
}

fn terms(exchange: &Exchange, market: MarketIndex) -> &Instrument {
    &exchange.market(market).instrument
}

fn history(exchange: &Exchange, owner: AccountIndex, fields: &Fields, wanted: impl Fn(&Order) -> bool) -> Result<Value, RpcError> {
    let count = fields.limit("count", 20, crate::limits::ROWS_PER_ANSWER_MAX)?;
    let offset = usize::try_from(fields.integer("offset")?.unwrap_or(0)).unwrap_or(usize::MAX);
    let orders = exchange.all_orders(owner);
    let ended = orders.into_iter().rev().filter(|order| !order.status.is_open() && wanted(order));
    Ok(ended.skip(offset).take(count).map(|order| shapes::order(exchange, order)).collect())
}

/// `private/get_order_history_by_instrument`: ended orders, newest first.
pub(super) fn history_by_instrument(exchange: &Exchange, owner: AccountIndex, fields: &Fields) -> Result<Value, RpcError> {
    let market = market(exchange, fields)?;
    history(exchange, owner, fields, |order| order.market == market)
}

/// `private/get_order_history_by_currency`
pub(super) fn history_by_currency(exchange: &Exchange, owner: AccountIndex, fields: &Fields) -> Result<Value, RpcError> {
    let group = Group::read(fields)?;
    history(exchange, owner, fields, |order| group.holds(terms(exchange, order.market)))
}

fn trades(exchange: &Exchange, owner: AccountIndex, fields: &Fields, wanted: impl Fn(&Fill) -> bool) -> Result<Value, RpcError> {
    let count = count(fields)?;
    let from = fields.integer("start_timestamp")?.unwrap_or(0);
    let until = fields.integer("end_timestamp")?.unwrap_or(u64::MAX);
    let fills = exchange.account_state(owner).fills.iter().rev();
    let rows: Vec<&Fill> = fills.filter(|fill| (from..=until).contains(&fill.at_ms) && wanted(fill)).collect();
    let shown: Value = rows.iter().take(count).map(|fill| shapes::user_trade(exchange, owner, fill)).collect();
    Ok(json!({"trades": shown, "has_more": rows.len() > count}))
}

/// `private/get_user_trades_by_instrument`, also `_and_time`: newest first.
pub(super) fn trades_by_instrument(exchange: &Exchange, owner: AccountIndex, fields: &Fields) -> Result<Value, RpcError> {
    let market = market(exchange, fields)?;
    trades(exchange, owner, fields, |fill| fill.market == market)
}

/// `private/get_user_trades_by_currency`, also `_and_time`
pub(super) fn trades_by_currency(exchange: &Exchange, owner: AccountIndex, fields: &Fields) -> Result<Value, RpcError> {
    let group = Group::read(fields)?;
    trades(exchange, owner, fields, |fill| group.holds(terms(exchange, fill.market)))
}

/// `private/get_user_trades_by_order`
pub(super) fn trades_by_order(exchange: &Exchange, owner: AccountIndex, fields: &Fields) -> Result<Value, RpcError> {
    let id = find_order(exchange, owner, fields)?.id;
    let fills = exchange.account_state(owner).fills.iter().filter(|fill| fill.order == id);
    Ok(fills.map(|fill| shapes::user_trade(exchange, owner, fill)).collect())
}

fn position_shape(exchange: &Exchange, market: MarketIndex, position: &Position) -> Value {
    let market = exchange.market(market);
    let mark = market.tape.last_price();
    let size = position.quantity;
    let value = mark.mul_down(size);
    let direction = match size.units() {
        0 => "zero",
        1.. => "buy",
        _ => "sell",
    };
    let gain = number(value - position.cost);
    json!({
        "instrument_name": names::instrument_name(&market.instrument), "kind": names::kind(&market.instrument),
        "direction": direction, "size": number(size), "size_currency": number(size), "delta": number(size),
        "average_price": number(position.cost.div_down(size)), "mark_price": number(mark), "index_price": number(shapes::index(exchange)),
        "settlement_price": number(mark), "floating_profit_loss": gain, "total_profit_loss": gain,
        "realized_profit_loss": 0, "initial_margin": number(position.margin), "maintenance_margin": number(position.margin),
        "open_orders_margin": 0, "leverage": 10_000 / market.instrument.margin_points.max(1), "estimated_liquidation_price": null,
    })
}

/// `private/get_position`
pub(super) fn position(exchange: &Exchange, owner: AccountIndex, fields: &Fields) -> Result<Value, RpcError> {
    let market = market(exchange, fields)?;
    Ok(position_shape(exchange, market, &exchange.account_state(owner).position(market)))
}

/// `private/get_positions`: those that are not empty.
pub(super) fn positions(exchange: &Exchange, owner: AccountIndex, fields: &Fields) -> Result<Value, RpcError> {
    let group = Group::read(fields)?;
    let positions = exchange.account_state(owner).positions.iter();
    let wanted = positions.filter(|(market, position)| position.quantity != Fixed::ZERO && group.holds(terms(exchange, **market)));
    Ok(wanted.map(|(market, position)| position_shape(exchange, *market, position)).collect())
}
