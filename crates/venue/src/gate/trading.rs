//! Orders and balances of an account.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::error::GateError;
use super::market_data::{market_of, name_of, named};
use super::shapes;
use crate::exchange::Exchange;
use crate::exchange::amend::Amendment;
use crate::exchange::fixed::Fixed;
use crate::exchange::order::{Order, OrderError, OrderKind, OrderRequest, Side, Size, TimeInForce};
use crate::facade::{FieldError, Fields};
use crate::limits::ROWS_PER_ANSWER_MAX;
use crate::operations::Owner;

pub(super) fn account_detail(_: &Exchange, owner: &Owner, _: &Fields, _: u64) -> Result<String, GateError> {
    Ok(json!({"user_id": owner.index.0, "ip_whitelist": [], "currency_pairs": [], "tier": 0, "key": {"mode": 1}}).to_string())
}

pub(super) fn accounts(exchange: &Exchange, owner: &Owner, fields: &Fields, _: u64) -> Result<String, GateError> {
    let account = exchange.account_state(owner.index);
    let wanted = fields.find("currency");
    let rows = account.balances.iter().filter(|(asset, _)| wanted.is_none_or(|wanted| &***asset == wanted));
    let row = |(asset, balance): (&Arc<str>, &crate::exchange::account::Balance)| json!({"currency": **asset, "available": balance.free(), "locked": balance.held, "update_id": account.updated_ms});
    Ok(rows.map(row).collect::<Value>().to_string())
}

/// No contract is listed at this façade.
pub(super) fn no_positions(_: &Exchange, _: &Owner, _: &Fields, _: u64) -> Result<String, GateError> {
    Ok("[]".to_owned())
}

/// All that an account has, at last prices.
pub(super) fn total_balance(exchange: &Exchange, owner: &Owner, fields: &Fields, _: u64) -> Result<String, GateError> {
    const CURRENCY: &str = "USDT";
    let currency = fields.find("currency").unwrap_or(CURRENCY);
    if currency != CURRENCY {
        return Err(GateError::unknown_currency(currency));
    }
    let price = |asset: &str| {
        let mut markets = crate::operations::spot_markets(exchange).map(|(_, market)| market);
        let market = markets.find(|market| &*market.instrument.base == asset && &*market.instrument.quote == CURRENCY);
        if asset == CURRENCY { Fixed::whole(1) } else { market.map_or(Fixed::ZERO, |market| market.tape.last_price()) }
    };
    let balances = exchange.account_state(owner.index).balances.iter();
    let total = balances.fold(Fixed::ZERO, |sum, (asset, balance)| sum + balance.total.mul_down(price(asset))).short();
    let amount = |amount: &str| json!({"currency": CURRENCY, "amount": amount});
    let mut details: Map<String, Value> = ["cross_margin", "delivery", "finance", "futures", "margin", "options", "quant"]
        .map(|kind| (kind.to_owned(), amount("0")))
        .into_iter()
        .collect();
    details.insert("spot".to_owned(), amount(&total));
    Ok(json!({"total": {"currency": CURRENCY, "amount": total, "unrealised_pnl": "0", "borrowed": "0"}, "details": details}).to_string())
}

/// No contract is listed at this façade, and nothing is kept for any.
pub(super) fn futures_account(_: &Exchange, owner: &Owner, fields: &Fields, _: u64) -> Result<String, GateError> {
    let settle = fields.need("settle")?;
    if !["btc", "usdt"].contains(&settle) {
        return Err(FieldError::Malformed("settle").into());
    }
    let nought = "0";
    let history =
        ["bonus_dnw", "bonus_offset", "cross_settle", "dnw", "fee", "fund", "pnl", "point_dnw", "point_fee", "point_refr", "refr"];
    let history: Map<String, Value> = history.map(|name| (name.to_owned(), json!(nought))).into_iter().collect();
    let account = json!({
        "user": owner.index.0, "currency": settle.to_uppercase(), "total": nought, "unrealised_pnl": nought, "position_margin": nought,
        "order_margin": nought, "available": nought, "point": nought, "bonus": nought, "in_dual_mode": false, "enable_credit": false,
        "position_initial_margin": nought, "maintenance_margin": nought, "enable_evolved_classic": false, "cross_order_margin": nought,
        "cross_initial_margin": nought, "cross_maintenance_margin": nought, "cross_unrealised_pnl": nought, "cross_available": nought,
        "isolated_position_margin": nought, "enable_new_dual_mode": false, "margin_mode": 0, "history": history,
    });
    Ok(account.to_string())
}

fn fee_shape(exchange: &Exchange, owner: &Owner) -> Value {
    let rate = Fixed::whole(1).basis_points(exchange.commission_points).short();
    let none = "0";
    json!({
        "user_id": owner.index.0, "taker_fee": rate, "maker_fee": rate, "gt_discount": false, "gt_taker_fee": none, "gt_maker_fee": none,
        "loan_fee": none, "point_type": none, "futures_taker_fee": rate, "futures_maker_fee": rate,
    })
}

pub(super) fn fee(exchange: &Exchange, owner: &Owner, _: &Fields, _: u64) -> Result<String, GateError> {
    Ok(fee_shape(exchange, owner).to_string())
}

/// Fees of the pairs that are named.
pub(super) fn batch_fee(exchange: &Exchange, owner: &Owner, fields: &Fields, _: u64) -> Result<String, GateError> {
    let names: Vec<&str> = fields.need("currency_pairs")?.split(',').collect();
    let fee = fee_shape(exchange, owner);
    let rows = names.into_iter().map(|name| named(exchange, name).map(|_| (name.to_owned(), fee.clone())));
    Ok(Value::Object(rows.collect::<Result<_, _>>()?).to_string())
}

/// Kind and time in force: a market order is `ioc` unless it says `fok`.
fn manner(fields: &Fields) -> Result<(OrderKind, TimeInForce), GateError> {
    let wrong = || GateError::from(FieldError::Malformed("time_in_force"));
    let time_in_force = fields.find("time_in_force");
    match fields.find("type").unwrap_or("limit") {
        "limit" => match time_in_force.unwrap_or("gtc") {
            "fok" => Ok((OrderKind::Limit, TimeInForce::FillOrKill)),
            "gtc" => Ok((OrderKind::Limit, TimeInForce::GoodTillCanceled)),
            "ioc" => Ok((OrderKind::Limit, TimeInForce::ImmediateOrCancel)),
            "poc" => Ok((OrderKind::LimitMaker, TimeInForce::GoodTillCanceled)),
            _ => Err(wrong()),
        },
        "market" => match time_in_force.unwrap_or("ioc") {
            "fok" => Ok((OrderKind::Market, TimeInForce::FillOrKill)),
            "ioc" => Ok((OrderKind::Market, TimeInForce::GoodTillCanceled)),
            _ => Err(wrong()),
        },
        _ => Err(FieldError::Malformed("type").into()),
    }
}

/// Reads an order. A market buy is sized in quote, everything else in base.
fn read_order(exchange: &Exchange, owner: &Owner, fields: &Fields) -> Result<OrderRequest, GateError> {
    let market = market_of(exchange, fields)?;
    let side = match fields.need("side")? {
        "buy" => Side::Buy,
        "sell" => Side::Sell,
        _ => return Err(FieldError::Malformed("side").into()),
    };
    let (kind, time_in_force) = manner(fields)?;
    let amount = fields.need_decimal("amount")?;
    let size = if kind == OrderKind::Market && side == Side::Buy { Size::Quote(amount) } else { Size::Base(amount) };
    let price = if kind == OrderKind::Market { Fixed::ZERO } else { fields.need_decimal("price")? };
    let client_id = fields.find("text").map(str::to_owned);
    if client_id.as_ref().is_some_and(|text| !text.starts_with("t-")) {
        return Err(FieldError::Malformed("text").into());
    }
    Ok(OrderRequest { market, side, kind, time_in_force, size, price, client_id, key: Arc::clone(&owner.key) })
}

/// Places one order, and tells it.
pub(super) fn place_one(exchange: &mut Exchange, owner: &Owner, fields: &Fields, now_ms: u64) -> Result<Value, GateError> {
    let request = read_order(exchange, owner, fields)?;
    let placed = exchange.place(owner.index, request, now_ms)?;
    Ok(shapes::order(exchange, &placed.order))
}

pub(super) fn place(exchange: &mut Exchange, owner: &Owner, fields: &Fields, now_ms: u64) -> Result<String, GateError> {
    Ok(place_one(exchange, owner, fields, now_ms)?.to_string())
}

/// Amends one order, whose `amount` is that of the whole order; its number stays.
pub(super) fn amend_one(exchange: &mut Exchange, owner: &Owner, fields: &Fields, now_ms: u64) -> Result<Value, GateError> {
    let id = find(exchange, owner, fields)?.id;
    let amendment = Amendment { price: fields.decimal("price")?, quantity: fields.decimal("amount")?, client_id: None };
    if amendment.price.is_none() && amendment.quantity.is_none() {
        return Err(FieldError::Missing("amount or price").into());
    }
    let amended = exchange.amend(owner.index, id, &amendment, now_ms)?;
    let mut shape = shapes::order(exchange, &amended.order);
    if let Some(text) = fields.find("amend_text") {
        shape["amend_text"] = json!(text);
    }
    Ok(shape)
}

pub(super) fn amend(exchange: &mut Exchange, owner: &Owner, fields: &Fields, now_ms: u64) -> Result<String, GateError> {
    Ok(amend_one(exchange, owner, fields, now_ms)?.to_string())
}

/// The order that `order_id` means: the venue's number, or the client's text.
fn find<'a>(exchange: &'a Exchange, owner: &Owner, fields: &Fields) -> Result<&'a Order, GateError> {
    let id = fields.need("order_id")?;
    let market = fields.find("currency_pair").map(|name| named(exchange, name)).transpose()?;
    let order = match id.parse() {
        Ok(number) => exchange.order(owner.index, number),
        Err(_) => exchange.order_by_client_id(owner.index, market, id),
    };
    let order = order.filter(|order| market.is_none_or(|market| order.market == market));
    order.ok_or_else(|| OrderError::UnknownOrder.into())
}

pub(super) fn status(exchange: &Exchange, owner: &Owner, fields: &Fields, _: u64) -> Result<String, GateError> {
    Ok(shapes::order(exchange, find(exchange, owner, fields)?).to_string())
}

/// Cancels one order.
pub(super) fn cancel_one(exchange: &mut Exchange, owner: &Owner, fields: &Fields, now_ms: u64) -> Result<Value, GateError> {
    let id = find(exchange, owner, fields)?.id;
    let canceled = exchange.cancel(owner.index, id, now_ms)?;
    Ok(shapes::order(exchange, &canceled))
}

pub(super) fn cancel(exchange: &mut Exchange, owner: &Owner, fields: &Fields, now_ms: u64) -> Result<String, GateError> {
    Ok(cancel_one(exchange, owner, fields, now_ms)?.to_string())
}

/// Cancels what is open in the pair that is named, or in all of them.
pub(super) fn cancel_all(exchange: &mut Exchange, owner: &Owner, fields: &Fields, now_ms: u64) -> Result<String, GateError> {
    let markets = match fields.find("currency_pair") {
        Some(name) => vec![named(exchange, name)?],
        None => crate::operations::spot_markets(exchange).map(|(index, _)| index).collect(),
    };
    let canceled: Vec<Order> = markets.into_iter().flat_map(|market| exchange.cancel_all(owner.index, Some(market), now_ms)).collect();
    let row = |order: &Order| {
        let mut row = shapes::order(exchange, order);
        row["succeeded"] = json!(true);
        row
    };
    Ok(canceled.iter().map(row).collect::<Value>().to_string())
}

/// Nothing was ever paid in or out.
pub(super) fn no_payments(_: &Exchange, _: &Owner, _: &Fields, _: u64) -> Result<String, GateError> {
    Ok("[]".to_owned())
}

/// Open orders, grouped by pair.
pub(super) fn open_orders(exchange: &Exchange, owner: &Owner, _: &Fields, _: u64) -> Result<String, GateError> {
    let groups = crate::operations::spot_markets(exchange).filter_map(|(index, market)| {
        let orders: Vec<Value> =
            exchange.open_orders(owner.index).filter(|order| order.market == index).map(|order| shapes::order(exchange, order)).collect();
        let total = orders.len();
        (total > 0).then(|| json!({"currency_pair": name_of(market), "total": total, "orders": orders}))
    });
    Ok(groups.collect::<Value>().to_string())
}

/// Orders by `status`: `open` or `finished`, newest first.
pub(super) fn orders(exchange: &Exchange, owner: &Owner, fields: &Fields, _: u64) -> Result<String, GateError> {
    let market = market_of(exchange, fields)?;
    let open = match fields.need("status")? {
        "finished" => false,
        "open" => true,
        _ => return Err(FieldError::Malformed("status").into()),
    };
    let limit = fields.limit("limit", 100, ROWS_PER_ANSWER_MAX)?;
    let orders = exchange.all_orders(owner.index).into_iter().rev();
    let wanted = orders.filter(|order| order.market == market && order.status.is_open() == open);
    Ok(wanted.take(limit).map(|order| shapes::order(exchange, order)).collect::<Value>().to_string())
}

pub(super) fn my_trades(exchange: &Exchange, owner: &Owner, fields: &Fields, _: u64) -> Result<String, GateError> {
    let market = fields.find("currency_pair").map(|name| named(exchange, name)).transpose()?;
    let limit = fields.limit("limit", 100, ROWS_PER_ANSWER_MAX)?;
    let order = fields.integer("order_id")?;
    let fills = exchange.account_state(owner.index).fills.iter().rev();
    let spot = |market| crate::operations::spot_markets(exchange).any(|(index, _)| index == market);
    let wanted = fills
        .filter(|fill| market.map_or_else(|| spot(fill.market), |market| fill.market == market))
        .filter(|fill| order.is_none_or(|order| fill.order == order));
    Ok(wanted.take(limit).map(|fill| shapes::fill(exchange, fill)).collect::<Value>().to_string())
}
