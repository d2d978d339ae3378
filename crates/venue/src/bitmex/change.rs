//! Orders that are changed, and the dead man's switch.

use serde_json::json;

use super::error::BitmexError;
use super::{names, shapes};
use crate::exchange::Exchange;
use crate::exchange::amend::Amendment;
use crate::exchange::order::OrderError;
use crate::facade::{FieldError, Fields, read_order_uuid};
use crate::limits::BITMEX_COUNTDOWN_MS_MAX;
use crate::operations::Owner;

/// Amends the order that `orderID` or `origClOrdID` names, which keeps its number. `orderQty` is that of the whole order, `leavesQty` what
/// is left of it; `clOrdID` is a new name.
pub(super) fn amend(exchange: &mut Exchange, owner: &Owner, fields: &Fields, now_ms: u64) -> Result<String, BitmexError> {
    let order = match (fields.find("orderID"), fields.find("origClOrdID")) {
        (Some(id), _) => read_order_uuid(id).and_then(|id| exchange.order(owner.index, id)),
        (None, Some(name)) => exchange.order_by_client_id(owner.index, None, name),
        (None, None) => return Err(FieldError::Missing("orderID").into()),
    };
    let order = order.ok_or(OrderError::UnknownOrder)?;
    if !order.status.is_open() {
        return Err(BitmexError::state());
    }
    let base = &exchange.market(order.market).instrument.base;
    let units = |name| Ok::<_, FieldError>(fields.integer(name)?.map(|units| names::amount(base, units)));
    let (whole, left) = (units("orderQty")?, units("leavesQty")?);
    let quantity = whole.or_else(|| left.map(|left| order.filled + left));
    let amendment = Amendment { price: fields.decimal("price")?, quantity, client_id: fields.find("clOrdID").map(str::to_owned) };
    if amendment.is_idle(order) {
        return Err(BitmexError::unchanged());
    }
    let id = order.id;
    let amended = exchange.amend(owner.index, id, &amendment, now_ms)?;
    Ok(shapes::order(exchange, &amended.order).to_string())
}

/// `timeout` milliseconds from now; nought takes the switch back.
pub(super) fn cancel_all_after(exchange: &mut Exchange, owner: &Owner, fields: &Fields, now_ms: u64) -> Result<String, BitmexError> {
    let after_ms = fields.integer("timeout")?.filter(|after_ms| *after_ms <= BITMEX_COUNTDOWN_MS_MAX);
    let after_ms = after_ms.ok_or(FieldError::Malformed("timeout"))?;
    let trigger = exchange.cancel_all_after(owner.index, None, after_ms, now_ms);
    let moment = trigger.map_or_else(|| json!(0), |at_ms| json!(shapes::moment(at_ms)));
    Ok(json!({"now": shapes::moment(now_ms), "cancelTime": moment}).to_string())
}
