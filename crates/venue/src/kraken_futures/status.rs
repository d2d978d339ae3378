//! What became of orders that are named.

use serde_json::{Value, json};

use super::error::FuturesError;
use super::{names, shapes};
use crate::exchange::Exchange;
use crate::exchange::order::{Order, OrderStatus};
use crate::facade::{Fields, read_order_uuid};
use crate::limits::KRAKEN_ROWS_MAX;
use crate::operations::Owner;

const fn word(order: &Order) -> &'static str {
    match order.status {
        OrderStatus::Canceled | OrderStatus::Expired => "CANCELLED",
        OrderStatus::Filled => "FULLY_EXECUTED",
        OrderStatus::New | OrderStatus::PartiallyFilled => "ENTERED_BOOK",
    }
}

/// A name, or a list of them; a form repeats the name or has a list as text.
fn listed(fields: &Fields, name: &'static str) -> Result<Vec<String>, FuturesError> {
    match fields.find(name) {
        Some(text) if text.starts_with('[') => Ok(fields.words(name)?),
        Some(text) => Ok(text.split(',').map(str::to_owned).collect()),
        None => Ok(Vec::new()),
    }
}

/// `orders/status`: those that are not the account's are left out; without a name, the newest ones.
pub(super) fn orders(exchange: &Exchange, owner: &Owner, fields: &Fields, now_ms: u64) -> Result<String, FuturesError> {
    let (ids, clients) = (listed(fields, "orderIds")?, listed(fields, "cliOrdIds")?);
    let mut found: Vec<&Order> = ids.iter().filter_map(|id| exchange.order(owner.index, read_order_uuid(id)?)).collect();
    found.extend(clients.iter().filter_map(|name| exchange.order_by_client_id(owner.index, None, name)));
    if ids.is_empty() && clients.is_empty() {
        found.extend(exchange.all_orders(owner.index).into_iter().rev());
    }
    let contract = |order: &&Order| names::contracts(exchange).any(|(index, _)| index == order.market);
    let rows =
        found.into_iter().filter(contract).take(KRAKEN_ROWS_MAX).map(
            |order| json!({"order": shapes::event_order(exchange, order), "status": word(order), "updateReason": null, "error": null}),
        );
    Ok(shapes::success("orders", rows.collect::<Value>(), now_ms))
}
