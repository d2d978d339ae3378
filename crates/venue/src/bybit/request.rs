//! What requests have in common: category, symbol, page.

use super::error::ApiError;
use crate::exchange::Exchange;
use crate::exchange::instrument::MarketIndex;
use crate::facade::Fields;

/// The category this façade lists something in.
pub(super) const SPOT: &str = "spot";

/// Whether a request is about the spot category; another category of the venue is empty here.
pub(super) fn is_spot(fields: &Fields) -> Result<bool, ApiError> {
    match fields.need("category")? {
        SPOT => Ok(true),
        "inverse" | "linear" | "option" => Ok(false),
        _ => Err(ApiError::params("Illegal category")),
    }
}

/// The instrument a market-data request names.
pub(super) fn symbol(exchange: &Exchange, fields: &Fields) -> Result<MarketIndex, ApiError> {
    let name = fields.need("symbol")?;
    let found = if is_spot(fields)? { exchange.find_spot(name) } else { None };
    found.ok_or_else(ApiError::unknown_symbol)
}

/// The spot instrument a request names, if it names one.
pub(super) fn symbol_if_any(exchange: &Exchange, fields: &Fields) -> Result<Option<MarketIndex>, ApiError> {
    let name = fields.find("symbol");
    name.map(|name| exchange.find_spot(name).ok_or_else(ApiError::unknown_symbol)).transpose()
}

/// The instrument an order names.
pub(super) fn order_symbol(exchange: &Exchange, fields: &Fields) -> Result<MarketIndex, ApiError> {
    let name = fields.need("symbol")?;
    let found = if is_spot(fields)? { exchange.find_spot(name) } else { None };
    found.ok_or_else(ApiError::invalid_symbol)
}

/// A page of a list that runs from the newest to the oldest. The cursor is the number of the
/// last row of the page before.
pub(super) struct Page {
    limit: usize,
    before: u64,
    start: u64,
    end: u64,
}

impl Page {
    pub(super) fn read(fields: &Fields, default: usize, max: usize) -> Result<Self, ApiError> {
        Ok(Self {
            limit: fields.limit("limit", default, max)?,
            before: fields.integer("cursor")?.unwrap_or(u64::MAX),
            start: fields.integer("startTime")?.unwrap_or(0),
            end: fields.integer("endTime")?.unwrap_or(u64::MAX),
        })
    }

    /// Whether a row of this number and time is on this page or a later one.
    pub(super) fn holds(&self, id: u64, at_ms: u64) -> bool {
        id < self.before && (self.start..=self.end).contains(&at_ms)
    }

    /// Cuts the rows, newest first, to the page; and the cursor of the next one. Rows of one
    /// number (both sides of a trade with oneself) are not parted, so none is skipped.
    pub(super) fn cut<T>(&self, mut rows: Vec<T>, id: impl Fn(&T) -> u64) -> (Vec<T>, String) {
        let mut end = self.limit.min(rows.len());
        while end > 0 && end < rows.len() && id(&rows[end]) == id(&rows[end - 1]) {
            end += 1;
        }
        let more = rows.len() > end;
        rows.truncate(end);
        let cursor = rows.last().filter(|_| more).map_or_else(String::new, |row| id(row).to_string());
        (rows, cursor)
    }
}
