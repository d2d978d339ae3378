//! Several orders in one request. All of them are read before the first is placed: one that cannot be read stops the batch,
//! one that the book refuses stands for itself.

use std::sync::Arc;

use serde_json::{Value, json};

use super::error::KrakenError;
use super::names;
use super::orders::{REST, Words, describe, place, read};
use crate::exchange::Exchange;
use crate::exchange::account::AccountIndex;
use crate::exchange::order::{Order, OrderRequest};
use crate::facade::Fields;
use crate::limits::KRAKEN_ADD_BATCH_MAX;

/// One order of a batch: how it reads, and what became of it; no order when it was only checked.
pub(super) type Placed = (String, Result<Option<Order>, KrakenError>);

/// Places the `orders` of one pair.
pub(super) fn place_each(
    exchange: &mut Exchange,
    owner: AccountIndex,
    key: &Arc<str>,
    fields: &Fields,
    words: &Words,
    now_ms: u64,
) -> Result<Vec<Placed>, KrakenError> {
    let pair = fields.need(words.pair)?;
    let orders = fields.list("orders")?;
    if orders.is_empty() || orders.len() > KRAKEN_ADD_BATCH_MAX {
        return Err(KrakenError::argument("orders"));
    }
    let mut requests: Vec<OrderRequest> = Vec::new();
    for order in orders {
        requests.push(read(exchange, &order.or(words.pair, pair), words, key)?);
    }
    let mut placed = Vec::new();
    for request in requests {
        let description = describe(exchange, &request);
        placed.push((description, place(exchange, owner, fields, request, now_ms)));
    }
    Ok(placed)
}

/// `AddOrderBatch`
pub(super) fn add(
    exchange: &mut Exchange,
    owner: AccountIndex,
    key: &Arc<str>,
    fields: &Fields,
    now_ms: u64,
) -> Result<Value, KrakenError> {
    let placed = place_each(exchange, owner, key, fields, &REST, now_ms)?;
    let row = |(order, result): Placed| match result {
        Err(error) => json!({"descr": {"order": order}, "error": error.text()}),
        Ok(None) => json!({"descr": {"order": order}}),
        Ok(Some(placed)) => json!({"descr": {"order": order}, "txid": names::order_text(placed.id)}),
    };
    Ok(json!({"orders": placed.into_iter().map(row).collect::<Value>()}))
}
