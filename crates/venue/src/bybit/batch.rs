//! Batches: a list of orders in `request`, each of which fares for itself.

use serde_json::{Value, json};

use super::call::Answer;
use super::error::ApiError;
use crate::exchange::Exchange;
use crate::facade::Fields;
use crate::limits::BYBIT_BATCH_MAX;

/// Does something for each order. `result` names them all, those that were refused without a number; how each fared stands beside it.
pub(super) fn each(
    exchange: &mut Exchange,
    fields: &Fields,
    mut work: impl FnMut(&mut Exchange, &Fields) -> Result<Value, ApiError>,
) -> Result<Answer, ApiError> {
    let category = fields.need("category")?;
    let orders = fields.list("request")?;
    if orders.is_empty() {
        return Err(ApiError::params("params error: request is required"));
    }
    if orders.len() > BYBIT_BATCH_MAX {
        return Err(ApiError::params("params error: the number of orders in one batch exceeds the limit"));
    }
    let (mut rows, mut codes) = (Vec::new(), Vec::new());
    for order in orders {
        let order = order.or("category", category);
        let (mut row, code, text) = match work(exchange, &order) {
            Ok(row) => (row, 0, "OK".into()),
            Err(error) => (json!({"orderId": "", "orderLinkId": order.find("orderLinkId").unwrap_or("")}), error.code, error.text),
        };
        row["category"] = json!(category);
        row["symbol"] = json!(order.find("symbol"));
        rows.push(row);
        codes.push(json!({"code": code, "msg": text}));
    }
    Ok(Answer { result: json!({"list": rows}), more: json!({"list": codes}) })
}
