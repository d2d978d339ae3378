//! Orders of an account: place, change, query, cancel, list; its fills; its countdown.

use std::sync::Arc;

use serde_json::{Value, json};

use super::error::FuturesError;
use super::names::{self, is_contract, market_if_named, market_of};
use super::shapes;
use crate::exchange::Exchange;
use crate::exchange::account::AccountIndex;
use crate::exchange::amend::Amendment;
use crate::exchange::fixed::Fixed;
use crate::exchange::instrument::MarketIndex;
use crate::exchange::order::{Fill, Marks, Order, OrderKind, OrderRequest, OrderStatus, Side, Size, TimeInForce};
use crate::exchange::settle::apply_to_position;
use crate::facade::{FieldError, Fields};
use crate::limits::{BINANCE_FUTURES_COUNTDOWN_MS_MAX, ROWS_PER_ANSWER_MAX};
use crate::operations::Owner;

fn side(fields: &Fields) -> Result<Side, FuturesError> {
    match fields.need("side")? {
        "BUY" => Ok(Side::Buy),
        "SELL" => Ok(Side::Sell),
        _ => Err(FuturesError::bad_side()),
    }
}

/// Kind and time in force. `GTX` is the time in force of an order that only makes.
fn manner(fields: &Fields) -> Result<(OrderKind, TimeInForce), FuturesError> {
    match fields.need("type")? {
        "LIMIT" => match fields.need("timeInForce")? {
            "FOK" => Ok((OrderKind::Limit, TimeInForce::FillOrKill)),
            "GTC" => Ok((OrderKind::Limit, TimeInForce::GoodTillCanceled)),
            "GTX" => Ok((OrderKind::LimitMaker, TimeInForce::GoodTillCanceled)),
            "IOC" => Ok((OrderKind::Limit, TimeInForce::ImmediateOrCancel)),
            _ => Err(FuturesError::bad_time_in_force()),
        },
        "MARKET" => Ok((OrderKind::Market, TimeInForce::GoodTillCanceled)),
        "STOP" | "STOP_MARKET" | "TAKE_PROFIT" | "TAKE_PROFIT_MARKET" | "TRAILING_STOP_MARKET" => Err(FuturesError::is_algo_order()),
        _ => Err(FuturesError::bad_kind()),
    }
}

/// Positions are net: a request for one side of two is refused.
fn check_position_side(fields: &Fields) -> Result<(), FuturesError> {
    match fields.find("positionSide") {
        None | Some("BOTH") => Ok(()),
        Some(_) => Err(FuturesError::other_position_side()),
    }
}

fn read_order(exchange: &Exchange, owner: &Owner, fields: &Fields) -> Result<(OrderRequest, Marks), FuturesError> {
    let market = market_of(exchange, fields)?;
    let side = side(fields)?;
    let (kind, time_in_force) = manner(fields)?;
    check_position_side(fields)?;
    let wanted = fields.need_decimal("quantity")?;
    let price = if kind == OrderKind::Market { Fixed::ZERO } else { fields.need_decimal("price")? };
    if kind == OrderKind::Market && fields.find("price").is_some() {
        return Err(FuturesError::superfluous("price"));
    }
    let client_id = fields.find("newClientOrderId").map(str::to_owned);
    let reduce = fields.flag("reduceOnly")?;
    // An order that only reduces is cut to what there is to reduce, as at the vendor.
    let quantity = if reduce { wanted.min(exchange.reducible(owner.index, market, side)) } else { wanted };
    if reduce && !quantity.is_positive() {
        return Err(FuturesError::not_reducing());
    }
    let size = Size::Base(quantity);
    let request = OrderRequest { market, side, kind, time_in_force, size, price, client_id, key: Arc::clone(&owner.key) };
    Ok((request, Marks { reduce, ..Marks::default() }))
}

/// Places one order. `ACK` tells the order as it was taken, before it met anybody.
pub(super) fn place_one(exchange: &mut Exchange, owner: &Owner, fields: &Fields, now_ms: u64) -> Result<Value, FuturesError> {
    let acknowledged = match fields.find("newOrderRespType") {
        None | Some("ACK") => true,
        Some("RESULT") => false,
        Some(_) => return Err(FuturesError::invalid("newOrderRespType")),
    };
    let (request, marks) = read_order(exchange, owner, fields)?;
    let mut order = exchange.place_marked(owner.index, request, marks, now_ms)?.order;
    if acknowledged {
        (order.status, order.filled, order.filled_quote) = (OrderStatus::New, Fixed::ZERO, Fixed::ZERO);
    }
    Ok(shapes::order(exchange, &order))
}

pub(super) fn place(exchange: &mut Exchange, owner: &Owner, fields: &Fields, now_ms: u64) -> Result<String, FuturesError> {
    Ok(place_one(exchange, owner, fields, now_ms)?.to_string())
}

/// Checks an order as `place` would, without placing it.
pub(super) fn test(exchange: &mut Exchange, owner: &Owner, fields: &Fields, _: u64) -> Result<String, FuturesError> {
    let (request, _) = read_order(exchange, owner, fields)?;
    exchange.check(owner.index, &request)?;
    Ok("{}".to_owned())
}

/// The order of `symbol` that `orderId` or `origClientOrderId` means; `orderId` counts where both are sent.
fn find<'a>(exchange: &'a Exchange, owner: &Owner, fields: &Fields) -> Result<Option<&'a Order>, FuturesError> {
    let market = market_of(exchange, fields)?;
    let order = match (fields.integer("orderId")?, fields.find("origClientOrderId")) {
        (Some(id), _) => exchange.order(owner.index, id),
        (None, Some(name)) => exchange.order_by_client_id(owner.index, Some(market), name),
        (None, None) => return Err(FuturesError::mandatory_either("origClientOrderId", "orderId")),
    };
    Ok(order.filter(|order| order.market == market))
}

/// Changes price and quantity of an open order; both must be sent, and `side` must be the order's (vendor, "Modify Order"). One that only
/// reduces grows to what there is to reduce.
pub(super) fn modify_one(exchange: &mut Exchange, owner: &Owner, fields: &Fields, now_ms: u64) -> Result<Value, FuturesError> {
    let order = find(exchange, owner, fields)?.filter(|order| order.status.is_open()).ok_or_else(FuturesError::no_such_order)?;
    if side(fields)? != order.side {
        return Err(FuturesError::bad_side());
    }
    check_position_side(fields)?;
    let (price, wanted) = (fields.need_decimal("price")?, fields.need_decimal("quantity")?);
    let most = order.quantity + exchange.reducible(owner.index, order.market, order.side);
    let quantity = if order.reduce { wanted.min(most) } else { wanted };
    let amendment = Amendment { price: Some(price), quantity: Some(quantity), client_id: None };
    if amendment.is_idle(order) {
        return Err(FuturesError::nothing_to_modify());
    }
    let id = order.id;
    let amended = exchange.amend(owner.index, id, &amendment, now_ms)?.order;
    Ok(shapes::order(exchange, &amended))
}

pub(super) fn modify(exchange: &mut Exchange, owner: &Owner, fields: &Fields, now_ms: u64) -> Result<String, FuturesError> {
    Ok(modify_one(exchange, owner, fields, now_ms)?.to_string())
}

pub(super) fn cancel_one(exchange: &mut Exchange, owner: &Owner, fields: &Fields, now_ms: u64) -> Result<Value, FuturesError> {
    let found = find(exchange, owner, fields)?.map(|order| order.id);
    let id = found.ok_or(crate::exchange::order::OrderError::UnknownOrder)?;
    let order = exchange.cancel(owner.index, id, now_ms)?;
    Ok(shapes::order(exchange, &order))
}

pub(super) fn cancel(exchange: &mut Exchange, owner: &Owner, fields: &Fields, now_ms: u64) -> Result<String, FuturesError> {
    Ok(cancel_one(exchange, owner, fields, now_ms)?.to_string())
}

/// Succeeds whether there was something to cancel or not.
pub(super) fn cancel_open(exchange: &mut Exchange, owner: &Owner, fields: &Fields, now_ms: u64) -> Result<String, FuturesError> {
    let market = market_of(exchange, fields)?;
    exchange.cancel_all(owner.index, Some(market), now_ms);
    Ok(json!({"code": 200, "msg": "The operation of cancel all open order is done."}).to_string())
}

/// Everything of a contract is cancelled in so many milliseconds; nought takes that back.
pub(super) fn countdown(exchange: &mut Exchange, owner: &Owner, fields: &Fields, now_ms: u64) -> Result<String, FuturesError> {
    let market = market_of(exchange, fields)?;
    let after = fields.integer("countdownTime")?.ok_or(FieldError::Missing("countdownTime"))?;
    if after > BINANCE_FUTURES_COUNTDOWN_MS_MAX {
        return Err(FuturesError::invalid("countdownTime"));
    }
    exchange.cancel_all_after(owner.index, Some(market), after, now_ms);
    Ok(json!({"symbol": names::symbol(&exchange.market(market).instrument), "countdownTime": after.to_string()}).to_string())
}

pub(super) fn status(exchange: &Exchange, owner: &Owner, fields: &Fields, _: u64) -> Result<String, FuturesError> {
    let order = find(exchange, owner, fields)?.ok_or_else(FuturesError::no_such_order)?;
    Ok(shapes::order(exchange, order).to_string())
}

/// An order that is open still.
pub(super) fn open_order(exchange: &Exchange, owner: &Owner, fields: &Fields, _: u64) -> Result<String, FuturesError> {
    let order = find(exchange, owner, fields)?.filter(|order| order.status.is_open()).ok_or_else(FuturesError::no_such_order)?;
    Ok(shapes::order(exchange, order).to_string())
}

pub(super) fn open_orders(exchange: &Exchange, owner: &Owner, fields: &Fields, _: u64) -> Result<String, FuturesError> {
    let named = market_if_named(exchange, fields)?;
    let listed = |order: &&Order| named.map_or_else(|| is_contract(exchange, order.market), |named| order.market == named);
    let rows = exchange.open_orders(owner.index).filter(listed).map(|order| shapes::order(exchange, order));
    Ok(rows.collect::<Value>().to_string())
}

/// Bounds of a list: `startTime`, `endTime`, `limit`, and the number to start from.
struct Window {
    from_id: Option<u64>,
    start: Option<u64>,
    end: u64,
    limit: usize,
}

impl Window {
    fn read(fields: &Fields, id_name: &'static str) -> Result<Self, FuturesError> {
        Ok(Self {
            from_id: fields.integer(id_name)?,
            start: fields.integer("startTime")?,
            end: fields.integer("endTime")?.unwrap_or(u64::MAX),
            limit: fields.limit("limit", 500, ROWS_PER_ANSWER_MAX)?,
        })
    }

    fn holds(&self, id: u64, at_ms: u64) -> bool {
        self.from_id.is_none_or(|from| id >= from) && (self.start.unwrap_or(0)..=self.end).contains(&at_ms)
    }

    /// The first rows when a start was named, otherwise the newest.
    fn cut(&self, mut rows: Vec<Value>) -> String {
        if self.from_id.is_some() || self.start.is_some() {
            rows.truncate(self.limit);
        } else {
            rows.drain(..rows.len().saturating_sub(self.limit));
        }
        Value::from(rows).to_string()
    }
}

pub(super) fn all_orders(exchange: &Exchange, owner: &Owner, fields: &Fields, _: u64) -> Result<String, FuturesError> {
    let market = market_of(exchange, fields)?;
    let window = Window::read(fields, "orderId")?;
    let orders = exchange.all_orders(owner.index).into_iter();
    let wanted = orders.filter(|order| order.market == market && window.holds(order.id, order.created_ms));
    Ok(window.cut(wanted.map(|order| shapes::order(exchange, order)).collect()))
}

pub(super) fn user_trades(exchange: &Exchange, owner: &Owner, fields: &Fields, _: u64) -> Result<String, FuturesError> {
    let market = market_of(exchange, fields)?;
    let window = Window::read(fields, "fromId")?;
    let order = fields.integer("orderId")?;
    let wanted = realised(exchange, owner.index, market)
        .into_iter()
        .filter(|(fill, _)| order.is_none_or(|order| fill.order == order) && window.holds(fill.trade_id, fill.at_ms));
    Ok(window.cut(wanted.map(|(fill, realised)| shapes::fill(exchange, fill, realised)).collect()))
}

/// The fills of a contract, oldest first, each with what it realised. It is found by going through them again, so what was
/// opened by fills that are forgotten realises nothing.
pub(super) fn realised(exchange: &Exchange, owner: AccountIndex, market: MarketIndex) -> Vec<(&Fill, Fixed)> {
    let (mut held, mut paid) = (Fixed::ZERO, Fixed::ZERO);
    let fills = exchange.account_state(owner).fills.iter().filter(|fill| fill.market == market);
    fills
        .map(|fill| {
            let signed = |value: Fixed| if fill.side == Side::Buy { value } else { -value };
            let gain = apply_to_position(&mut held, &mut paid, signed(fill.quantity), signed(fill.quote));
            (fill, gain)
        })
        .collect()
}
