//! Orders of an account: place, cancel, list; and their fills. One request may bring several
//! orders; each fares for itself.

use std::sync::Arc;

use serde_json::{Value, json};

use super::call::Answer;
use super::error::ApiError;
use super::request::{Page, instrument, instrument_if_any, is_spot};
use super::shapes;
use crate::exchange::Exchange;
use crate::exchange::account::AccountIndex;
use crate::exchange::fixed::Fixed;
use crate::exchange::instrument::MarketIndex;
use crate::exchange::order::{Marks, Order, OrderId, OrderKind, OrderRequest, Side, Size, TimeInForce};
use crate::facade::Fields;
use crate::limits::{OKX_COUNTDOWN_SECONDS, OKX_TAG_BYTES_MAX};

fn read_order(exchange: &Exchange, fields: &Fields, key: &Arc<str>) -> Result<(OrderRequest, Arc<str>), ApiError> {
    let market = instrument(exchange, fields)?;
    if fields.need("tdMode")? != "cash" {
        return Err(ApiError::parameter("tdMode"));
    }
    let side = match fields.need("side")? {
        "buy" => Side::Buy,
        "sell" => Side::Sell,
        _ => return Err(ApiError::parameter("side")),
    };
    if fields.find("attachAlgoOrds").is_some_and(|orders| orders != "[]") {
        return Err(ApiError::parameter("attachAlgoOrds"));
    }
    let (kind, time_in_force) = match fields.need("ordType")? {
        "fok" => (OrderKind::Limit, TimeInForce::FillOrKill),
        "ioc" => (OrderKind::Limit, TimeInForce::ImmediateOrCancel),
        "limit" => (OrderKind::Limit, TimeInForce::GoodTillCanceled),
        "market" => (OrderKind::Market, TimeInForce::GoodTillCanceled),
        "post_only" => (OrderKind::LimitMaker, TimeInForce::GoodTillCanceled),
        _ => return Err(ApiError::parameter("ordType")),
    };
    let quantity = fields.need_decimal("sz")?;
    let (price, size) = match kind {
        OrderKind::Limit | OrderKind::LimitMaker => (fields.need_decimal("px")?, Size::Base(quantity)),
        OrderKind::Market => (Fixed::ZERO, market_size(fields, side, quantity)?),
    };
    let tag = fields.find("tag").unwrap_or("");
    if tag.len() > OKX_TAG_BYTES_MAX || !tag.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return Err(ApiError::parameter("tag"));
    }
    let client_id = fields.find("clOrdId").map(str::to_owned);
    let request = OrderRequest { market, side, kind, time_in_force, size, price, client_id, key: Arc::clone(key) };
    Ok((request, Arc::from(tag)))
}

/// The size of a market order is in base, but of a buy in quote unless `tgtCcy` says otherwise.
fn market_size(fields: &Fields, side: Side, quantity: Fixed) -> Result<Size, ApiError> {
    match (fields.find("tgtCcy"), side) {
        (Some("base_ccy"), _) | (None, Side::Sell) => Ok(Size::Base(quantity)),
        (Some("quote_ccy"), _) | (None, Side::Buy) => Ok(Size::Quote(quantity)),
        (Some(_), _) => Err(ApiError::parameter("tgtCcy")),
    }
}

/// The row for one order of a request.
fn outcome(fields: &Fields, result: Result<Order, ApiError>, now_ms: u64) -> Value {
    let (client_id, tag) = (fields.find("clOrdId").unwrap_or(""), fields.find("tag").unwrap_or(""));
    let ts = now_ms.to_string();
    let mut row = match result {
        Ok(order) => json!({
            "ordId": order.id.to_string(), "clOrdId": order.given_client_id(), "tag": &*order.tag,
            "ts": ts, "sCode": "0", "sMsg": "", "subCode": "",
        }),
        Err(error) => json!({
            "ordId": fields.find("ordId").unwrap_or(""), "clOrdId": client_id, "tag": tag,
            "ts": ts, "sCode": error.code.to_string(), "sMsg": error.text, "subCode": "",
        }),
    };
    if let Some(name) = fields.find("reqId") {
        row["reqId"] = json!(name);
    }
    row
}

/// Does something for each order, and says how they fared together.
pub(super) fn each(orders: &[Fields], now_ms: u64, mut work: impl FnMut(&Fields) -> Result<Order, ApiError>) -> Answer {
    let mut refused = 0;
    let row = |fields: &Fields| {
        let result = work(fields);
        refused += usize::from(result.is_err());
        outcome(fields, result, now_ms)
    };
    let data: Vec<Value> = orders.iter().map(row).collect();
    let code = match refused {
        0 => 0,
        some if some < orders.len() => 2,
        _ => 1,
    };
    Answer { code, data }
}

pub(super) fn place(
    exchange: &mut Exchange,
    owner: AccountIndex,
    key: &Arc<str>,
    orders: Vec<Fields>,
    now_ms: u64,
) -> Result<Answer, ApiError> {
    Ok(each(&orders, now_ms, |fields| {
        let (request, tag) = read_order(exchange, fields, key)?;
        let placed = exchange.place_marked(owner, request.clone(), Marks::tag(tag), now_ms);
        let placed = placed.map_err(|error| ApiError::of_order(error, &request, &exchange.market(request.market).instrument))?;
        Ok(placed.order)
    }))
}

/// Finds the order that `ordId` or `clOrdId` means.
pub(super) fn find<'a>(
    exchange: &'a Exchange,
    owner: AccountIndex,
    market: MarketIndex,
    fields: &Fields,
) -> Result<Option<&'a Order>, ApiError> {
    let order = match (fields.find("ordId"), fields.find("clOrdId")) {
        (None, None) => return Err(ApiError::id_required()),
        (Some(id), _) => id.parse::<OrderId>().ok().and_then(|id| exchange.order(owner, id)),
        (None, Some(client_id)) => exchange.order_by_client_id(owner, Some(market), client_id),
    };
    Ok(order.filter(|order| order.market == market))
}

pub(super) fn cancel(exchange: &mut Exchange, owner: AccountIndex, orders: Vec<Fields>, now_ms: u64) -> Result<Answer, ApiError> {
    Ok(each(&orders, now_ms, |fields| {
        let market = instrument(exchange, fields)?;
        let open = find(exchange, owner, market, fields)?.filter(|order| order.status.is_open());
        let id = open.ok_or_else(ApiError::unknown_order)?.id;
        Ok(exchange.cancel(owner, id, now_ms)?)
    }))
}

/// Everything is cancelled in `timeOut` seconds, 10 to 120; nought takes that back.
pub(super) fn cancel_all_after(exchange: &mut Exchange, owner: AccountIndex, fields: &Fields, now_ms: u64) -> Result<Answer, ApiError> {
    let seconds = fields.integer("timeOut")?.filter(|seconds| *seconds == 0 || OKX_COUNTDOWN_SECONDS.contains(seconds));
    let seconds = seconds.ok_or_else(|| ApiError::parameter("timeOut"))?;
    let trigger = exchange.cancel_all_after(owner, None, seconds * 1_000, now_ms).unwrap_or(0);
    Ok(Answer::row(json!({"triggerTime": trigger.to_string(), "tag": "", "ts": now_ms.to_string()})))
}

pub(super) fn order(exchange: &Exchange, owner: AccountIndex, fields: &Fields) -> Result<Answer, ApiError> {
    let market = instrument(exchange, fields)?;
    let order = find(exchange, owner, market, fields)?.ok_or_else(ApiError::no_such_order)?;
    Ok(Answer::row(shapes::order(exchange, order)))
}

/// Orders a list request is about, newest first.
fn list(exchange: &Exchange, owner: AccountIndex, fields: &Fields, open: bool) -> Result<Answer, ApiError> {
    let spot = is_spot(fields)?;
    let market = instrument_if_any(exchange, fields)?;
    let page = Page::read(fields)?;
    let (state, kind) = (fields.find("state"), fields.find("ordType"));
    let orders = exchange.all_orders(owner).into_iter().rev().filter(|order| {
        let listed = exchange.market(order.market).instrument.kind.is_spot();
        spot && listed
            && order.status.is_open() == open
            && market.is_none_or(|market| order.market == market)
            && state.is_none_or(|state| shapes::state_word(order.status) == state)
            && kind.is_none_or(|kind| shapes::has_type(order, kind))
            && page.holds(order.id, order.created_ms)
    });
    Ok(Answer::rows(page.cut(orders, |order| order.id).into_iter().map(|order| shapes::order(exchange, order)).collect()))
}

pub(super) fn pending(exchange: &Exchange, owner: AccountIndex, fields: &Fields) -> Result<Answer, ApiError> {
    list(exchange, owner, fields, true)
}

pub(super) fn history(exchange: &Exchange, owner: AccountIndex, fields: &Fields) -> Result<Answer, ApiError> {
    fields.need("instType")?;
    list(exchange, owner, fields, false)
}

pub(super) fn fills(exchange: &Exchange, owner: AccountIndex, fields: &Fields) -> Result<Answer, ApiError> {
    let spot = is_spot(fields)?;
    let market = instrument_if_any(exchange, fields)?;
    let page = Page::read(fields)?;
    let order = fields.find("ordId");
    let fills = exchange.account_state(owner).fills.iter().rev().filter(|fill| {
        let listed = exchange.market(fill.market).instrument.kind.is_spot();
        spot && listed
            && market.is_none_or(|market| fill.market == market)
            && order.is_none_or(|order| order.parse() == Ok(fill.order))
            && page.holds(fill.trade_id, fill.at_ms)
    });
    Ok(Answer::rows(page.cut(fills, |fill| fill.trade_id).into_iter().map(|fill| shapes::fill(exchange, owner, fill)).collect()))
}
