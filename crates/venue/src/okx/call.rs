//! Calls one operation for one caller: the access check, then the exchange.

use std::sync::Arc;

use serde_json::{Value, json};

use super::error::ApiError;
use super::operation::Operation;
use super::request::Payload;
use super::{account, amend, market_data, trading};
use crate::exchange::Exchange;
use crate::exchange::account::AccountIndex;
use crate::facade::admit;
use crate::identity::Identity;
use crate::shell::{Caller, Shell};

/// What an operation answers: the rows, and for orders how they fared together.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Answer {
    /// `0` all well, `1` all refused, `2` some refused.
    pub(super) code: u8,
    pub(super) data: Vec<Value>,
}

impl Answer {
    pub(super) const fn rows(data: Vec<Value>) -> Self {
        Self { code: 0, data }
    }

    pub(super) fn row(row: Value) -> Self {
        Self::rows(vec![row])
    }
}

/// Answers one request.
pub(super) fn call(shell: &Shell, operation: Operation, caller: &Caller, payload: Payload) -> Result<Answer, ApiError> {
    match admit(shell, operation.access(), caller)? {
        None => shell.with(|exchange, now_ms| public(exchange, operation, &payload, now_ms)),
        Some(identity) => shell.with(|exchange, now_ms| {
            let owner = exchange.account(&identity.account)?;
            private(exchange, operation, owner, identity, payload, now_ms)
        }),
    }
}

fn public(exchange: &Exchange, operation: Operation, payload: &Payload, now_ms: u64) -> Result<Answer, ApiError> {
    let fields = payload.fields()?;
    match operation {
        Operation::Books => market_data::books(exchange, fields, now_ms),
        Operation::Candles => market_data::candles(exchange, fields, now_ms),
        Operation::Instruments => market_data::instruments(exchange, fields),
        Operation::ServerTime => Ok(Answer::row(json!({"ts": now_ms.to_string()}))),
        Operation::SystemStatus => Ok(Answer::rows(Vec::new())),
        Operation::Ticker => market_data::ticker(exchange, fields, now_ms),
        Operation::Tickers => market_data::tickers(exchange, fields, now_ms),
        Operation::Trades => market_data::trades(exchange, fields),
        Operation::AccountConfig
        | Operation::AccountInstruments
        | Operation::AmendBatch
        | Operation::AmendOrder
        | Operation::Balance
        | Operation::CancelAllAfter
        | Operation::CancelBatch
        | Operation::CancelOrder
        | Operation::Currencies
        | Operation::Fills
        | Operation::FundingBalances
        | Operation::Order
        | Operation::OrdersHistory
        | Operation::OrdersPending
        | Operation::PlaceBatch
        | Operation::PlaceOrder
        | Operation::Positions
        | Operation::TradeFee => Err(ApiError::unauthorized()),
    }
}

fn private(
    exchange: &mut Exchange,
    operation: Operation,
    owner: AccountIndex,
    identity: &Arc<Identity>,
    payload: Payload,
    now_ms: u64,
) -> Result<Answer, ApiError> {
    match operation {
        Operation::AccountConfig => Ok(account::config(identity, owner)),
        Operation::AccountInstruments => market_data::instruments(exchange, payload.fields()?),
        Operation::AmendBatch | Operation::AmendOrder => amend::amend(exchange, owner, &identity.key, payload.orders()?, now_ms),
        Operation::Balance => Ok(account::balance(exchange, owner, payload.fields()?)),
        Operation::CancelAllAfter => trading::cancel_all_after(exchange, owner, payload.fields()?, now_ms),
        Operation::CancelBatch | Operation::CancelOrder => trading::cancel(exchange, owner, payload.orders()?, now_ms),
        Operation::Currencies => Ok(account::currencies(exchange, payload.fields()?)),
        Operation::Fills => trading::fills(exchange, owner, payload.fields()?),
        Operation::FundingBalances => Ok(Answer::rows(Vec::new())),
        Operation::Order => trading::order(exchange, owner, payload.fields()?),
        Operation::OrdersHistory => trading::history(exchange, owner, payload.fields()?),
        Operation::OrdersPending => trading::pending(exchange, owner, payload.fields()?),
        Operation::PlaceBatch | Operation::PlaceOrder => trading::place(exchange, owner, &identity.key, payload.orders()?, now_ms),
        Operation::Positions => Ok(Answer::rows(Vec::new())),
        Operation::TradeFee => account::trade_fee(exchange, payload.fields()?, now_ms),
        Operation::Books
        | Operation::Candles
        | Operation::Instruments
        | Operation::ServerTime
        | Operation::SystemStatus
        | Operation::Ticker
        | Operation::Tickers
        | Operation::Trades => Err(ApiError::not_found()),
    }
}
