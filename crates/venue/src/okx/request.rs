//! What requests have in common: payload, instrument, page.

use serde_json::Value;

use super::error::ApiError;
use crate::exchange::instrument::MarketIndex;
use crate::exchange::{Exchange, Market};
use crate::facade::Fields;
use crate::limits::{OKX_BATCH_MAX, OKX_ROWS_MAX};

/// The type this façade lists something of.
pub(super) const SPOT: &str = "SPOT";

/// What a request brings: one set of parameters, or a list of them.
#[derive(Clone, Debug)]
pub(super) enum Payload {
    Many(Vec<Fields>),
    One(Fields),
}

impl Payload {
    /// Reads a body that is a JSON object or an array of objects.
    pub(super) fn from_body(body: &[u8]) -> Result<Self, ApiError> {
        if body.is_empty() {
            return Ok(Self::One(Fields::default()));
        }
        match serde_json::from_slice(body).map_err(|_| ApiError::not_json())? {
            Value::Array(rows) => Self::from_rows(rows),
            Value::Object(fields) => Ok(Self::One(Fields::from_object(fields))),
            Value::Bool(_) | Value::Null | Value::Number(_) | Value::String(_) => Err(ApiError::not_json()),
        }
    }

    /// Reads a list of orders.
    pub(super) fn from_rows(rows: Vec<Value>) -> Result<Self, ApiError> {
        if rows.len() > OKX_BATCH_MAX {
            return Err(ApiError::too_many_in_batch());
        }
        let rows = rows.into_iter().map(Fields::from_value).collect::<Result<_, _>>()?;
        Ok(Self::Many(rows))
    }

    /// The parameters of a request that takes one set.
    pub(super) fn fields(&self) -> Result<&Fields, ApiError> {
        match self {
            Self::Many(_) => Err(ApiError::not_json()),
            Self::One(fields) => Ok(fields),
        }
    }

    /// The orders of a request that takes one or many, at least one.
    pub(super) fn orders(self) -> Result<Vec<Fields>, ApiError> {
        let orders = match self {
            Self::Many(orders) => orders,
            Self::One(fields) => vec![fields],
        };
        if orders.is_empty() { Err(ApiError::missing("orders")) } else { Ok(orders) }
    }
}

/// The instrument id of a market: `BTC-USDT`.
pub(super) fn id_of(market: &Market) -> String {
    format!("{}-{}", market.instrument.base, market.instrument.quote)
}

/// The number of an instrument that frames may name instead of its id.
pub(super) const fn code_of(index: MarketIndex) -> usize {
    index.0 + 1
}

/// The spot instrument of this id.
pub(super) fn find(exchange: &Exchange, id: &str) -> Option<MarketIndex> {
    exchange.find_spot_markets().into_iter().find(|index| id_of(exchange.market(*index)) == id)
}

/// The instrument a request names by `instId` or `instIdCode`.
pub(super) fn instrument(exchange: &Exchange, fields: &Fields) -> Result<MarketIndex, ApiError> {
    if let Some(id) = fields.find("instId") {
        return find(exchange, id).ok_or_else(ApiError::unknown_instrument);
    }
    let code = fields.find("instIdCode").ok_or_else(|| ApiError::missing("instId"))?;
    let named = |index: &MarketIndex| code.parse() == Ok(code_of(*index));
    exchange.find_spot_markets().into_iter().find(named).ok_or_else(ApiError::unknown_instrument)
}

/// The instrument a request names, if it names one.
pub(super) fn instrument_if_any(exchange: &Exchange, fields: &Fields) -> Result<Option<MarketIndex>, ApiError> {
    fields.find("instId").map(|_| instrument(exchange, fields)).transpose()
}

/// Whether a request is about spot, which it is unless it says otherwise; another type of the
/// venue is empty here.
pub(super) fn is_spot(fields: &Fields) -> Result<bool, ApiError> {
    match fields.find("instType") {
        None | Some("ANY" | SPOT) => Ok(true),
        Some("EVENTS" | "FUTURES" | "MARGIN" | "OPTION" | "SWAP") => Ok(false),
        Some(_) => Err(ApiError::parameter("instType")),
    }
}

/// A page of a list that runs from the newest to the oldest: `after` and `before` are numbers
/// of rows, `begin` and `end` times.
pub(super) struct Page {
    limit: usize,
    older_than: u64,
    newer_than: Option<u64>,
    begin: u64,
    end: u64,
}

impl Page {
    pub(super) fn read(fields: &Fields) -> Result<Self, ApiError> {
        Ok(Self {
            limit: fields.limit("limit", OKX_ROWS_MAX, OKX_ROWS_MAX)?,
            older_than: fields.integer("after")?.unwrap_or(u64::MAX),
            newer_than: fields.integer("before")?,
            begin: fields.integer("begin")?.unwrap_or(0),
            end: fields.integer("end")?.unwrap_or(u64::MAX),
        })
    }

    /// Whether a row of this number and time is on this page or a later one.
    pub(super) fn holds(&self, id: u64, at_ms: u64) -> bool {
        let newer = self.newer_than.is_none_or(|before| id > before);
        id < self.older_than && newer && (self.begin..=self.end).contains(&at_ms)
    }

    /// Cuts the rows, newest first, to the page. Rows of one number (both sides of a trade with
    /// oneself) are not parted, so none is skipped.
    pub(super) fn cut<T>(&self, rows: impl Iterator<Item = T>, id: impl Fn(&T) -> u64) -> Vec<T> {
        let mut page: Vec<T> = Vec::new();
        for row in rows {
            if page.len() >= self.limit && page.last().is_none_or(|last| id(last) != id(&row)) {
                break;
            }
            page.push(row);
        }
        page
    }
}
