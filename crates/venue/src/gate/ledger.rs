//! What an account's funds did.

use serde_json::{Value, json};

use super::error::GateError;
use crate::exchange::Exchange;
use crate::exchange::account::{LedgerEntry, Movement};
use crate::facade::Fields;
use crate::limits::ROWS_PER_ANSWER_MAX;
use crate::operations::{self, Owner};

/// The venue's word and number for a movement of spot funds (vendor, "Account book type"); what its documents have no word for has
/// that of other movements.
const fn kind(movement: Movement) -> (&'static str, &'static str) {
    match movement {
        Movement::Cover | Movement::Settlement => ("unknown", "0"),
        Movement::Fee => ("trade_fee", "4"),
        Movement::Trade => ("trade", "3"),
    }
}

/// `GET /spot/account_book`: newest first, by pages; times are seconds in the request and milliseconds in the answer.
pub(super) fn account_book(exchange: &Exchange, owner: &Owner, fields: &Fields, _: u64) -> Result<String, GateError> {
    let seconds = |name, default: u64| fields.integer(name).map(|at| at.map_or(default, |at| at.saturating_mul(1_000)));
    // The last second counts whole.
    let until_ms = seconds("to", u64::MAX - 999)?.saturating_add(999);
    let entries = operations::ledger(exchange, owner.index, fields.find("currency"), (seconds("from", 0)?, until_ms));
    let limit = fields.limit("limit", 100, ROWS_PER_ANSWER_MAX)?;
    let page = usize::try_from(fields.integer("page")?.unwrap_or(1).max(1) - 1).unwrap_or(usize::MAX);
    let wanted = fields.find("type");
    let of_type = entries.filter(|entry| wanted.is_none_or(|wanted| kind(entry.movement).0 == wanted));
    let row = |entry: &LedgerEntry| {
        let (name, code) = kind(entry.movement);
        json!({
            "id": entry.id.to_string(), "time": entry.at_ms, "currency": *entry.asset, "change": entry.amount, "balance": entry.balance,
            "type": name, "code": code, "text": "",
        })
    };
    Ok(of_type.skip(page.saturating_mul(limit)).take(limit).map(row).collect::<Value>().to_string())
}
