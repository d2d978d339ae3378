//! Several orders in one request, each of which fares for itself: an answer in the list may be a refusal.

use serde_json::{Value, json};

use super::error::FuturesError;
use super::trading::{cancel_one, modify_one, place_one};
use crate::exchange::Exchange;
use crate::facade::{FieldError, Fields};
use crate::limits::{BINANCE_FUTURES_BATCH_MAX, BINANCE_FUTURES_CANCEL_BATCH_MAX};
use crate::operations::Owner;

/// What one row may do.
type One = fn(&mut Exchange, &Owner, &Fields, u64) -> Result<Value, FuturesError>;

fn each(exchange: &mut Exchange, owner: &Owner, rows: &[Fields], work: One, now_ms: u64) -> String {
    let row = |fields: &Fields| match work(exchange, owner, fields, now_ms) {
        Ok(row) => row,
        Err(error) => json!({"code": error.0.code, "msg": error.0.text}),
    };
    rows.iter().map(row).collect::<Value>().to_string()
}

fn rows(fields: &Fields) -> Result<Vec<Fields>, FuturesError> {
    fields.need("batchOrders")?;
    let rows = fields.list("batchOrders")?;
    if rows.is_empty() || rows.len() > BINANCE_FUTURES_BATCH_MAX {
        return Err(FuturesError::batch_too_long());
    }
    Ok(rows)
}

pub(super) fn place(exchange: &mut Exchange, owner: &Owner, fields: &Fields, now_ms: u64) -> Result<String, FuturesError> {
    Ok(each(exchange, owner, &rows(fields)?, place_one, now_ms))
}

pub(super) fn modify(exchange: &mut Exchange, owner: &Owner, fields: &Fields, now_ms: u64) -> Result<String, FuturesError> {
    Ok(each(exchange, owner, &rows(fields)?, modify_one, now_ms))
}

/// The lists of a batch that cancels. Two clients spell them in lower case, and the vendor takes that.
const IDS: [&str; 2] = ["orderIdList", "orderidlist"];
const NAMES: [&str; 2] = ["origClientOrderIdList", "origclientorderidlist"];

/// The first of these that is sent.
fn list(fields: &Fields, spelled: [&'static str; 2]) -> Result<Vec<String>, FuturesError> {
    let found = spelled.into_iter().find(|name| fields.find(name).is_some());
    Ok(found.map_or_else(|| Ok(Vec::new()), |name| fields.words(name))?)
}

/// `orderIdList` or `origClientOrderIdList` of one contract; some clients send the one that they do not use as an empty list.
pub(super) fn cancel(exchange: &mut Exchange, owner: &Owner, fields: &Fields, now_ms: u64) -> Result<String, FuturesError> {
    let symbol = fields.need("symbol")?;
    let (ids, names) = (list(fields, IDS)?, list(fields, NAMES)?);
    let (name, list) = if ids.is_empty() { ("origClientOrderId", names) } else { ("orderId", ids) };
    if list.is_empty() {
        return Err(FieldError::Missing("orderIdList").into());
    }
    if list.len() > BINANCE_FUTURES_CANCEL_BATCH_MAX {
        return Err(FuturesError::batch_too_long());
    }
    let rows: Vec<Fields> = list.iter().map(|value| Fields::default().or("symbol", symbol).or(name, value)).collect();
    Ok(each(exchange, owner, &rows, cancel_one, now_ms))
}
