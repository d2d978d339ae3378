//! Orders of an account: place, test, query, cancel, replace, list.

use std::sync::Arc;

use super::error::ApiError;
use super::params::Params;
use super::shapes::{AccountShape, AckShape, CanceledShape, MyTradeShape, OrderShape, ResultShape, to_json};
use crate::exchange::Exchange;
use crate::exchange::account::AccountIndex;
use crate::exchange::fixed::Fixed;
use crate::exchange::order::{Order, OrderId, OrderKind, OrderRequest, Size, TimeInForce};
use crate::exchange::place::PlacedOrder;
use crate::limits::ROWS_PER_ANSWER_MAX;

/// How much an answer to a new order tells.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum ResponseType {
    Ack,
    Full,
    Result,
}

impl ResponseType {
    /// `FULL` unless asked otherwise, for maker-only orders `ACK`, as the venue does.
    fn read(params: &Params, kind: OrderKind) -> Result<Self, ApiError> {
        match params.find("newOrderRespType") {
            Some("ACK") => Ok(Self::Ack),
            Some("FULL") => Ok(Self::Full),
            Some("RESULT") => Ok(Self::Result),
            Some(_) => Err(ApiError::invalid("newOrderRespType")),
            None if kind == OrderKind::LimitMaker => Ok(Self::Ack),
            None => Ok(Self::Full),
        }
    }

    fn body(self, exchange: &Exchange, placed: &PlacedOrder) -> String {
        match self {
            Self::Ack => to_json(&AckShape::of(exchange, &placed.order)),
            Self::Full => to_json(&ResultShape::of(exchange, &placed.order, Some(&placed.fills))),
            Self::Result => to_json(&ResultShape::of(exchange, &placed.order, None)),
        }
    }
}

/// Reads an order from parameters; which are needed depends on its type (vendor's table).
fn read_order(exchange: &Exchange, params: &Params, key: &Arc<str>) -> Result<OrderRequest, ApiError> {
    let market = params.symbol(exchange)?;
    let side = params.side()?;
    let kind = match params.need("type")? {
        "LIMIT" => OrderKind::Limit,
        "LIMIT_MAKER" => OrderKind::LimitMaker,
        "MARKET" => OrderKind::Market,
        _ => return Err(ApiError::bad_kind()),
    };
    for stop in ["stopPrice", "trailingDelta", "icebergQty"] {
        params.refuse(stop)?;
    }
    let (time_in_force, price, size) = match kind {
        OrderKind::Limit => {
            let time_in_force = params.time_in_force()?;
            let quantity = params.need_decimal("quantity")?;
            (time_in_force, params.need_decimal("price")?, Size::Base(quantity))
        }
        OrderKind::LimitMaker => {
            params.refuse("timeInForce")?;
            let quantity = params.need_decimal("quantity")?;
            (TimeInForce::GoodTillCanceled, params.need_decimal("price")?, Size::Base(quantity))
        }
        OrderKind::Market => {
            params.refuse("timeInForce")?;
            params.refuse("price")?;
            (TimeInForce::GoodTillCanceled, Fixed::ZERO, market_size(params)?)
        }
    };
    let client_id = params.find("newClientOrderId").map(str::to_owned);
    Ok(OrderRequest { market, side, kind, time_in_force, size, price, client_id, key: Arc::clone(key) })
}

fn market_size(params: &Params) -> Result<Size, ApiError> {
    match (params.decimal("quantity")?, params.decimal("quoteOrderQty")?) {
        (Some(quantity), None) => Ok(Size::Base(quantity)),
        (None, Some(amount)) => Ok(Size::Quote(amount)),
        (None, None) => Err(ApiError::mandatory_either("quantity", "quoteOrderQty")),
        (Some(_), Some(_)) => Err(ApiError::superfluous("quoteOrderQty")),
    }
}

pub(super) fn place(
    exchange: &mut Exchange,
    owner: AccountIndex,
    key: &Arc<str>,
    params: &Params,
    now_ms: u64,
) -> Result<String, ApiError> {
    let request = read_order(exchange, params, key)?;
    let response = ResponseType::read(params, request.kind)?;
    let placed = exchange.place(owner, request, now_ms)?;
    Ok(response.body(exchange, &placed))
}

pub(super) fn test(exchange: &Exchange, owner: AccountIndex, key: &Arc<str>, params: &Params) -> Result<String, ApiError> {
    let request = read_order(exchange, params, key)?;
    exchange.check(owner, &request)?;
    if params.find("computeCommissionRates") != Some("true") {
        return Ok("{}".to_owned());
    }
    let rate = Fixed::whole(1).basis_points(exchange.commission_points);
    let zero = Fixed::ZERO;
    Ok(format!(
        r#"{{"standardCommissionForOrder":{{"maker":"{rate}","taker":"{rate}"}},"specialCommissionForOrder":{{"maker":"{zero}","taker":"{zero}"}},"taxCommissionForOrder":{{"maker":"{zero}","taker":"{zero}"}},"discount":{{"enabledForAccount":false,"enabledForSymbol":false,"discountAsset":"BNB","discount":"{zero}"}}}}"#
    ))
}

/// Finds the order that `orderId` or `origClientOrderId` (here under any two names) means.
pub(super) fn find<'a>(
    exchange: &'a Exchange,
    owner: AccountIndex,
    params: &Params,
    names: [&str; 2],
) -> Result<Option<&'a Order>, ApiError> {
    let market = params.symbol(exchange)?;
    let id = params.integer(names[0])?;
    let client_id = params.find(names[1]);
    let order = match (id, client_id) {
        (None, None) => return Err(ApiError::mandatory_either(names[1], names[0])),
        (Some(id), _) => exchange.order(owner, id),
        (None, Some(client_id)) => exchange.order_by_client_id(owner, Some(market), client_id),
    };
    let matches = |order: &&Order| order.market == market && client_id.is_none_or(|client_id| order.client_id == client_id);
    Ok(order.filter(matches))
}

pub(super) const BY_ID: [&str; 2] = ["orderId", "origClientOrderId"];
const REPLACED_BY_ID: [&str; 2] = ["cancelOrderId", "cancelOrigClientOrderId"];

pub(super) fn status(exchange: &Exchange, owner: AccountIndex, params: &Params) -> Result<String, ApiError> {
    let order = find(exchange, owner, params, BY_ID)?.ok_or_else(ApiError::no_such_order)?;
    Ok(to_json(&OrderShape::of(exchange, order)))
}

fn cancel_one(exchange: &mut Exchange, owner: AccountIndex, params: &Params, names: [&str; 2], now_ms: u64) -> Result<String, ApiError> {
    let found = find(exchange, owner, params, names)?.filter(|order| order.status.is_open());
    let restricted = match params.find("cancelRestrictions") {
        None => true,
        Some("ONLY_NEW") => found.is_none_or(|order| order.filled.is_zero()),
        Some("ONLY_PARTIALLY_FILLED") => found.is_none_or(|order| order.filled.is_positive()),
        Some(_) => return Err(ApiError::invalid("cancelRestrictions")),
    };
    let id: OrderId = found.filter(|_| restricted).ok_or_else(ApiError::unknown_order)?.id;
    let order = exchange.cancel(owner, id, now_ms)?;
    let cancel_id = if names == BY_ID { params.find("newClientOrderId") } else { params.find("cancelNewClientOrderId") };
    Ok(to_json(&CanceledShape::of(exchange, &order, cancel_id)))
}

pub(super) fn cancel(exchange: &mut Exchange, owner: AccountIndex, params: &Params, now_ms: u64) -> Result<String, ApiError> {
    cancel_one(exchange, owner, params, BY_ID, now_ms)
}

pub(super) fn cancel_open(exchange: &mut Exchange, owner: AccountIndex, params: &Params, now_ms: u64) -> Result<String, ApiError> {
    let market = params.symbol(exchange)?;
    let orders = exchange.cancel_all(owner, Some(market), now_ms);
    if orders.is_empty() {
        return Err(ApiError::unknown_order());
    }
    let rows: Vec<CanceledShape> = orders.iter().map(|order| CanceledShape::of(exchange, order, None)).collect();
    Ok(to_json(&rows))
}

/// Cancels, then places. The venue answers -2021 when one half failed, -2022 when both did;
/// `STOP_ON_FAILURE` does not try the second half when the first failed.
pub(super) fn cancel_replace(
    exchange: &mut Exchange,
    owner: AccountIndex,
    key: &Arc<str>,
    params: &Params,
    now_ms: u64,
) -> Result<String, ApiError> {
    let stops = match params.need("cancelReplaceMode")? {
        "ALLOW_FAILURE" => false,
        "STOP_ON_FAILURE" => true,
        _ => return Err(ApiError::invalid("cancelReplaceMode")),
    };
    read_order(exchange, params, key)?;
    let canceled = cancel_one(exchange, owner, params, REPLACED_BY_ID, now_ms);
    let placed = if stops && canceled.is_err() { None } else { Some(place(exchange, owner, key, params, now_ms)) };
    let word = |result: Option<&Result<String, ApiError>>| match result {
        None => "NOT_ATTEMPTED",
        Some(Err(_)) => "FAILURE",
        Some(Ok(_)) => "SUCCESS",
    };
    let part = |result: Option<&Result<String, ApiError>>| match result {
        None => "null".to_owned(),
        Some(Err(error)) => error.json(),
        Some(Ok(body)) => body.clone(),
    };
    let (cancel, new) = (Some(&canceled), placed.as_ref());
    let data = format!(
        r#"{{"cancelResult":"{}","newOrderResult":"{}","cancelResponse":{},"newOrderResponse":{}}}"#,
        word(cancel),
        word(new),
        part(cancel),
        part(new),
    );
    match (&canceled, &placed) {
        (Ok(_), Some(Ok(_))) => Ok(data),
        (Ok(_), _) | (Err(_), Some(Ok(_))) => Err(ApiError::half_replaced(data)),
        (Err(_), _) => Err(ApiError::not_replaced(data)),
    }
}

pub(super) fn open_orders(exchange: &Exchange, owner: AccountIndex, params: &Params) -> Result<String, ApiError> {
    let market = params.find("symbol").map(|_| params.symbol(exchange)).transpose()?;
    let listed = |order: &&Order| match market {
        Some(index) => order.market == index,
        None => exchange.market(order.market).instrument.kind.is_spot(),
    };
    let rows: Vec<OrderShape> = exchange.open_orders(owner).filter(listed).map(|order| OrderShape::of(exchange, order)).collect();
    Ok(to_json(&rows))
}

/// Bounds of a list: `startTime`, `endTime`, `limit`, and the id to start from.
struct Window {
    from_id: Option<u64>,
    start: u64,
    end: u64,
    limit: usize,
}

impl Window {
    fn read(params: &Params, id_name: &str) -> Result<Self, ApiError> {
        Ok(Self {
            from_id: params.integer(id_name)?,
            start: params.integer("startTime")?.unwrap_or(0),
            end: params.integer("endTime")?.unwrap_or(u64::MAX),
            limit: params.limit(500, ROWS_PER_ANSWER_MAX)?,
        })
    }

    fn holds(&self, id: u64, at_ms: u64) -> bool {
        self.from_id.is_none_or(|from| id >= from) && (self.start..=self.end).contains(&at_ms)
    }

    /// The first rows when a start was named, otherwise the newest.
    fn cut<T>(&self, mut rows: Vec<T>) -> Vec<T> {
        if self.from_id.is_some() || self.start > 0 {
            rows.truncate(self.limit);
        } else {
            rows.drain(..rows.len().saturating_sub(self.limit));
        }
        rows
    }
}

pub(super) fn all_orders(exchange: &Exchange, owner: AccountIndex, params: &Params) -> Result<String, ApiError> {
    let market = params.symbol(exchange)?;
    let window = Window::read(params, "orderId")?;
    let mut orders = exchange.all_orders(owner);
    orders.retain(|order| order.market == market && window.holds(order.id, order.created_ms));
    let rows: Vec<OrderShape> = window.cut(orders).into_iter().map(|order| OrderShape::of(exchange, order)).collect();
    Ok(to_json(&rows))
}

pub(super) fn my_trades(exchange: &Exchange, owner: AccountIndex, params: &Params) -> Result<String, ApiError> {
    let market = params.symbol(exchange)?;
    let window = Window::read(params, "fromId")?;
    let order = params.integer("orderId")?;
    let fills = exchange.account_state(owner).fills.iter();
    let wanted = fills
        .filter(|fill| fill.market == market && order.is_none_or(|order| fill.order == order) && window.holds(fill.trade_id, fill.at_ms));
    let rows = window.cut(wanted.map(|fill| MyTradeShape::of(exchange, fill)).collect());
    Ok(to_json(&rows))
}

pub(super) fn account(exchange: &Exchange, owner: AccountIndex, params: &Params) -> String {
    let omit_zero = params.find("omitZeroBalances") == Some("true");
    let account = exchange.account_state(owner);
    to_json(&AccountShape::of(account, owner.0, exchange.commission_points, omit_zero))
}
