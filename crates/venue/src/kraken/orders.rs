//! Placing and cancelling, for REST and WebSocket alike.

use std::sync::Arc;

use serde_json::{Value, json};

use super::error::KrakenError;
use super::names;
use crate::exchange::Exchange;
use crate::exchange::account::AccountIndex;
use crate::exchange::fixed::Fixed;
use crate::exchange::order::{Order, OrderId, OrderKind, OrderRequest, Side, Size, TimeInForce};
use crate::facade::{Fields, iso};
use crate::limits::{KRAKEN_CANCEL_BATCH_MAX, KRAKEN_COUNTDOWN_SECONDS_MAX};

/// The names of one order's parameters: REST and WebSocket call the same things differently.
pub(super) struct Words {
    pub(super) pair: &'static str,
    pub(super) side: &'static str,
    pub(super) kind: &'static str,
    pub(super) volume: &'static str,
    pub(super) price: &'static str,
    pub(super) time_in_force: &'static str,
}

/// REST `AddOrder`.
pub(super) const REST: Words =
    Words { pair: "pair", side: "type", kind: "ordertype", volume: "volume", price: "price", time_in_force: "timeinforce" };
/// WebSocket `add_order`.
pub(super) const SOCKET: Words =
    Words { pair: "symbol", side: "side", kind: "order_type", volume: "order_qty", price: "limit_price", time_in_force: "time_in_force" };

/// Reads an order. `flags` are REST's `oflags`; the WebSocket has fields for them.
pub(super) fn read(exchange: &Exchange, fields: &Fields, words: &Words, key: &Arc<str>) -> Result<OrderRequest, KrakenError> {
    let market = names::find_pair(exchange, fields.need(words.pair)?).ok_or_else(KrakenError::unknown_pair)?;
    let side = match fields.need(words.side)? {
        "buy" => Side::Buy,
        "sell" => Side::Sell,
        _ => return Err(KrakenError::argument(words.side)),
    };
    let flag = |name: &str| fields.find("oflags").unwrap_or("").split(',').any(|one| one.trim() == name);
    let post_only = flag("post") || fields.find("post_only") == Some("true");
    let (kind, price) = match fields.need(words.kind)? {
        "limit" if post_only => (OrderKind::LimitMaker, fields.need_decimal(words.price)?),
        "limit" => (OrderKind::Limit, fields.need_decimal(words.price)?),
        "market" => (OrderKind::Market, Fixed::ZERO),
        _ => return Err(KrakenError::argument(words.kind)),
    };
    let time_in_force = match fields.find(words.time_in_force).unwrap_or("gtc") {
        "FOK" | "fok" => TimeInForce::FillOrKill,
        "GTC" | "gtc" => TimeInForce::GoodTillCanceled,
        "IOC" | "ioc" => TimeInForce::ImmediateOrCancel,
        _ => return Err(KrakenError::argument(words.time_in_force)),
    };
    let size = match fields.decimal("cash_order_qty")? {
        Some(amount) if kind == OrderKind::Market => Size::Quote(amount),
        Some(_) => return Err(KrakenError::argument("cash_order_qty")),
        None if flag("viqc") && kind == OrderKind::Market => Size::Quote(fields.need_decimal(words.volume)?),
        None => Size::Base(fields.need_decimal(words.volume)?),
    };
    let client_id = fields.find("cl_ord_id").map(str::to_owned);
    Ok(OrderRequest { market, side, kind, time_in_force, size, price, client_id, key: Arc::clone(key) })
}

/// Places an order, or only checks it when `validate` is set; `None` then.
pub(super) fn place(
    exchange: &mut Exchange,
    owner: AccountIndex,
    fields: &Fields,
    request: OrderRequest,
    now_ms: u64,
) -> Result<Option<Order>, KrakenError> {
    if fields.find("validate").is_some_and(|validate| validate.eq_ignore_ascii_case("true")) {
        exchange.check(owner, &request)?;
        return Ok(None);
    }
    Ok(Some(exchange.place(owner, request, now_ms)?.order))
}

/// `AddOrder`
pub(super) fn add(
    exchange: &mut Exchange,
    owner: AccountIndex,
    key: &Arc<str>,
    fields: &Fields,
    now_ms: u64,
) -> Result<Value, KrakenError> {
    let request = read(exchange, fields, &REST, key)?;
    let order = describe(exchange, &request);
    match place(exchange, owner, fields, request, now_ms)? {
        None => Ok(json!({"descr": {"order": order}})),
        Some(placed) => Ok(json!({"descr": {"order": order}, "txid": [names::order_text(placed.id)]})),
    }
}

pub(super) fn describe(exchange: &Exchange, request: &OrderRequest) -> String {
    let (Size::Base(volume) | Size::Quote(volume)) = request.size;
    let terms = &exchange.market(request.market).instrument;
    let how = how_priced(request.kind, request.price, names::places(terms.tick));
    format!("{} {volume} {} @ {how}", request.side.lower(), names::pair(terms))
}

/// `market`, or `limit` and the price.
pub(super) fn how_priced(kind: OrderKind, price: Fixed, places: usize) -> String {
    match kind {
        OrderKind::Limit | OrderKind::LimitMaker => format!("limit {}", names::with_places(price, places)),
        OrderKind::Market => "market".to_owned(),
    }
}

/// The open order that a `txid` or a client order id means.
pub(super) fn find_open(exchange: &Exchange, owner: AccountIndex, name: &str) -> Result<OrderId, KrakenError> {
    let by_number = names::read_order(name).and_then(|id| exchange.order(owner, id));
    let order = by_number.or_else(|| exchange.order_by_client_id(owner, None, name));
    order.filter(|order| order.status.is_open()).map(|order| order.id).ok_or_else(KrakenError::unknown_order)
}

/// The order a request names, by the client's name or the venue's.
pub(super) fn named<'a>(fields: &'a Fields, number: &'static str) -> Result<&'a str, KrakenError> {
    match fields.find("cl_ord_id") {
        Some(name) => Ok(name),
        None => Ok(fields.need(number)?),
    }
}

/// `CancelOrder`
pub(super) fn cancel(exchange: &mut Exchange, owner: AccountIndex, fields: &Fields, now_ms: u64) -> Result<Value, KrakenError> {
    let id = find_open(exchange, owner, named(fields, "txid")?)?;
    exchange.cancel(owner, id, now_ms)?;
    Ok(json!({"count": 1}))
}

/// `CancelAllOrdersAfter`: in so many seconds; nought takes it back.
pub(super) fn cancel_all_after(exchange: &mut Exchange, owner: AccountIndex, fields: &Fields, now_ms: u64) -> Result<Value, KrakenError> {
    let seconds = fields.integer("timeout")?.filter(|seconds| *seconds <= KRAKEN_COUNTDOWN_SECONDS_MAX);
    let seconds = seconds.ok_or_else(|| KrakenError::argument("timeout"))?;
    let trigger = exchange.cancel_all_after(owner, None, seconds * 1_000, now_ms);
    Ok(json!({"currentTime": iso(now_ms), "triggerTime": trigger.map_or_else(|| "0".to_owned(), iso)}))
}

/// `CancelOrderBatch`: unknown orders are passed over, and the count says so.
pub(super) fn cancel_batch(exchange: &mut Exchange, owner: AccountIndex, fields: &Fields, now_ms: u64) -> Result<Value, KrakenError> {
    let mut names = fields.words("orders")?;
    for list in ["cl_ord_ids", "cl_ord_id"] {
        names.extend(fields.words(list)?);
    }
    if names.is_empty() || names.len() > KRAKEN_CANCEL_BATCH_MAX {
        return Err(KrakenError::argument("orders"));
    }
    let mut count = 0;
    for name in names {
        if let Ok(id) = find_open(exchange, owner, &name) {
            exchange.cancel(owner, id, now_ms)?;
            count += 1;
        }
    }
    Ok(json!({"count": count}))
}
