//! Calls one operation for one caller: the access check, then the exchange.

use std::sync::Arc;

use serde_json::{Value, json};

use super::error::ApiError;
use super::operation::Operation;
use super::{account, market_data, trading};
use crate::clock::now_ms;
use crate::exchange::Exchange;
use crate::exchange::account::AccountIndex;
use crate::facade::{Fields, admit};
use crate::identity::Identity;
use crate::shell::{Caller, Shell};

/// Answers one request with the `result` of its envelope.
pub(super) fn call(shell: &Shell, operation: Operation, caller: &Caller, fields: &Fields) -> Result<Value, ApiError> {
    match admit(shell, operation.access(), caller)? {
        None => shell.with(|exchange, now_ms| public(exchange, operation, fields, now_ms)),
        Some(identity) => shell.with(|exchange, now_ms| {
            let owner = exchange.account(&identity.account)?;
            private(exchange, operation, owner, identity, fields, now_ms)
        }),
    }
}

fn public(exchange: &Exchange, operation: Operation, fields: &Fields, now_ms: u64) -> Result<Value, ApiError> {
    match operation {
        Operation::Instruments => market_data::instruments(exchange, fields),
        Operation::Kline => market_data::kline(exchange, fields),
        Operation::OrderBook => market_data::order_book(exchange, fields, now_ms),
        Operation::RecentTrades => market_data::recent_trades(exchange, fields),
        Operation::ServerTime => Ok(json!({"timeSecond": (now_ms / 1_000).to_string(), "timeNano": format!("{now_ms}000000")})),
        Operation::Tickers => market_data::tickers(exchange, fields),
        Operation::AccountInfo
        | Operation::ApiKeyInfo
        | Operation::CancelAll
        | Operation::CancelOrder
        | Operation::CoinInfo
        | Operation::CreateOrder
        | Operation::Executions
        | Operation::FeeRate
        | Operation::OrderHistory
        | Operation::Orders
        | Operation::Positions
        | Operation::WalletBalance => Err(ApiError::unauthorized()),
    }
}

fn private(
    exchange: &mut Exchange,
    operation: Operation,
    owner: AccountIndex,
    identity: &Arc<Identity>,
    fields: &Fields,
    now_ms: u64,
) -> Result<Value, ApiError> {
    match operation {
        Operation::AccountInfo => Ok(account::info(exchange, owner)),
        Operation::ApiKeyInfo => Ok(account::api_key(identity, owner)),
        Operation::CancelAll => trading::cancel_all(exchange, owner, fields, now_ms),
        Operation::CancelOrder => trading::cancel(exchange, owner, fields, now_ms),
        Operation::CoinInfo => account::coins(exchange, fields),
        Operation::CreateOrder => trading::create(exchange, owner, &identity.key, fields, now_ms),
        Operation::Executions => trading::executions(exchange, owner, fields),
        Operation::FeeRate => account::fee_rate(exchange, fields),
        Operation::OrderHistory => trading::history(exchange, owner, fields),
        Operation::Orders => trading::orders(exchange, owner, fields),
        Operation::Positions => trading::positions(fields),
        Operation::WalletBalance => account::wallet_balance(exchange, owner, fields),
        Operation::Instruments
        | Operation::Kline
        | Operation::OrderBook
        | Operation::RecentTrades
        | Operation::ServerTime
        | Operation::Tickers => Err(ApiError::not_found()),
    }
}

/// The envelope of a REST answer.
pub(super) fn envelope(result: Result<Value, &ApiError>) -> Value {
    let (code, text, result) = match result {
        Ok(result) => (0, "OK", result),
        Err(error) => (error.code, &*error.text, json!({})),
    };
    json!({"retCode": code, "retMsg": text, "result": result, "retExtInfo": {}, "time": now_ms()})
}
