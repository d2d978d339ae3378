//! Calls one operation for one caller: the access check, then the exchange.

use std::sync::Arc;

use serde_json::{Value, json};

use super::error::ApiError;
use super::operation::Operation;
use super::{account, amend, batch, market_data, trading};
use crate::clock::now_ms;
use crate::exchange::Exchange;
use crate::exchange::account::AccountIndex;
use crate::facade::{Fields, admit};
use crate::identity::Identity;
use crate::shell::{Caller, Shell};

/// The `result` of an envelope and, for a batch, how each of its orders fared.
pub(super) struct Answer {
    pub(super) result: Value,
    pub(super) more: Value,
}

impl From<Value> for Answer {
    fn from(result: Value) -> Self {
        Self { result, more: json!({}) }
    }
}

/// Answers one request.
pub(super) fn call(shell: &Shell, operation: Operation, caller: &Caller, fields: &Fields) -> Result<Answer, ApiError> {
    match admit(shell, operation.access(), caller)? {
        None => shell.with(|exchange, now_ms| public(exchange, operation, fields, now_ms)).map(Answer::from),
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
        // Announcements of maintenance: there are none.
        Operation::SystemStatus => Ok(json!({"list": []})),
        Operation::Tickers => market_data::tickers(exchange, fields),
        Operation::AccountInfo
        | Operation::AmendBatch
        | Operation::AmendOrder
        | Operation::ApiKeyInfo
        | Operation::CancelAll
        | Operation::CancelBatch
        | Operation::CancelOrder
        | Operation::CoinInfo
        | Operation::CreateBatch
        | Operation::CreateOrder
        | Operation::DisconnectWindows
        | Operation::Executions
        | Operation::FeeRate
        | Operation::OrderHistory
        | Operation::Orders
        | Operation::Positions
        | Operation::SetDisconnectWindow
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
) -> Result<Answer, ApiError> {
    let result = match operation {
        Operation::AmendBatch => {
            return batch::each(exchange, fields, |exchange, fields| amend::amend(exchange, owner, &identity.key, fields, now_ms));
        }
        Operation::CancelBatch => {
            return batch::each(exchange, fields, |exchange, fields| trading::cancel(exchange, owner, fields, now_ms));
        }
        Operation::CreateBatch => {
            return batch::each(exchange, fields, |exchange, fields| {
                let mut made = trading::create(exchange, owner, &identity.key, fields, now_ms)?;
                made["createAt"] = json!(now_ms.to_string());
                Ok(made)
            });
        }
        Operation::AmendOrder => amend::amend(exchange, owner, &identity.key, fields, now_ms),
        Operation::AccountInfo => Ok(account::info(exchange, owner)),
        Operation::ApiKeyInfo => Ok(account::api_key(identity, owner)),
        Operation::CancelAll => trading::cancel_all(exchange, owner, fields, now_ms),
        Operation::CancelOrder => trading::cancel(exchange, owner, fields, now_ms),
        Operation::CoinInfo => account::coins(exchange, fields),
        Operation::CreateOrder => trading::create(exchange, owner, &identity.key, fields, now_ms),
        Operation::DisconnectWindows => Ok(account::disconnect_windows(exchange, owner)),
        Operation::Executions => trading::executions(exchange, owner, fields),
        Operation::FeeRate => account::fee_rate(exchange, fields),
        Operation::OrderHistory => trading::history(exchange, owner, fields),
        Operation::Orders => trading::orders(exchange, owner, fields),
        Operation::Positions => trading::positions(fields),
        Operation::SetDisconnectWindow => account::set_disconnect_window(exchange, owner, fields),
        Operation::WalletBalance => account::wallet_balance(exchange, owner, fields),
        Operation::Instruments
        | Operation::Kline
        | Operation::OrderBook
        | Operation::RecentTrades
        | Operation::ServerTime
        | Operation::SystemStatus
        | Operation::Tickers => Err(ApiError::not_found()),
    };
    result.map(Answer::from)
}

/// The envelope of a REST answer.
pub(super) fn envelope(result: Result<Answer, &ApiError>) -> Value {
    let (code, text, answer) = match result {
        Ok(answer) => (0, "OK", answer),
        Err(error) => (error.code, &*error.text, Answer::from(json!({}))),
    };
    json!({"retCode": code, "retMsg": text, "result": answer.result, "retExtInfo": answer.more, "time": now_ms()})
}
