//! Changing orders, and the time at which all of them are cancelled.

use serde::Deserialize;
use serde_json::{Value, json};

use super::actions::{OrderWire, outcome, read, told};
use super::error::HyperliquidError;
use crate::exchange::Exchange;
use crate::exchange::order::Marks;
use crate::limits::HYPERLIQUID_SCHEDULE_MS_MIN;
use crate::operations::Owner;

/// An order by its number, or by the name its client gave it.
#[derive(Deserialize)]
#[serde(untagged)]
enum Named {
    Cloid(String),
    Oid(u64),
}

/// The order that goes, and the one that comes for it.
#[derive(Deserialize)]
pub(super) struct Modify {
    oid: Named,
    order: OrderWire,
}

/// The answer of an action that has nothing to tell.
pub(super) fn done() -> Value {
    json!({"status": "ok", "response": {"type": "default"}})
}

/// Replaces an order by one that is told whole, and has a number of its own.
pub(super) fn modify(exchange: &mut Exchange, owner: &Owner, modify: Modify, now_ms: u64) -> Result<Value, String> {
    let mut request = read(exchange, owner, modify.order)?;
    let order = match &modify.oid {
        Named::Cloid(cloid) => exchange.order_by_client_id(owner.index, Some(request.market), cloid),
        Named::Oid(oid) => exchange.order(owner.index, *oid),
    };
    let open = order.filter(|order| order.status.is_open() && order.market == request.market);
    let old = open.ok_or_else(|| "Cannot modify canceled or filled order".to_owned())?;
    let id = old.id;
    if request.client_id.is_none() {
        // The name goes on, as far as the client gave one.
        request.client_id = Some(old.given_client_id().to_owned()).filter(|name| !name.is_empty());
    }
    let cloid = request.client_id.clone();
    let placed = exchange.replace(owner.index, id, request, Marks::default(), now_ms).map_err(told)?;
    outcome(&placed.order, cloid.as_deref())
}

/// Cancels everything at a time, at least five seconds from now; without a time this is taken back.
pub(super) fn schedule_cancel(exchange: &mut Exchange, owner: &Owner, time: Option<u64>, now_ms: u64) -> Result<Value, HyperliquidError> {
    let after_ms = match time {
        None => 0,
        Some(time) if time >= now_ms.saturating_add(HYPERLIQUID_SCHEDULE_MS_MIN) => time - now_ms,
        Some(_) => {
            return Err(HyperliquidError::Action("Scheduled cancel time too early, must be at least 5 seconds from now.".to_owned()));
        }
    };
    exchange.cancel_all_after(owner.index, None, after_ms, now_ms);
    Ok(done())
}
