//! Calls one operation for one caller: the access check, then the exchange.

use std::sync::Arc;

use serde_json::{Value, json};

use super::error::KrakenError;
use super::operation::Operation;
use super::{account, amend, batch, market_data, orders};
use crate::clock::now_ms;
use crate::exchange::Exchange;
use crate::exchange::account::AccountIndex;
use crate::facade::{Denied, Fields, admit, iso};
use crate::shell::{Caller, Shell};

/// Answers one request with its `result`.
pub(super) fn call(shell: &Shell, operation: Operation, caller: &Caller, fields: &Fields) -> Result<Value, KrakenError> {
    match admit(shell, operation.access(), caller)? {
        None => shell.with(|exchange, now_ms| public(exchange, operation, fields, now_ms)),
        Some(identity) => shell.with(|exchange, now_ms| {
            let owner = exchange.account(&identity.account)?;
            private(exchange, operation, owner, &identity.key, fields, now_ms)
        }),
    }
}

fn public(exchange: &Exchange, operation: Operation, fields: &Fields, at_ms: u64) -> Result<Value, KrakenError> {
    match operation {
        Operation::AssetPairs => market_data::asset_pairs(exchange, fields),
        Operation::Assets => market_data::assets(exchange, fields),
        Operation::Depth => market_data::depth(exchange, fields, at_ms),
        Operation::Ohlc => market_data::ohlc(exchange, fields),
        Operation::SystemStatus => Ok(json!({"status": "online", "timestamp": iso(now_ms())})),
        Operation::Ticker => market_data::ticker(exchange, fields),
        Operation::Time => Ok(json!({"unixtime": at_ms / 1_000, "rfc1123": market_data::rfc1123(at_ms)})),
        Operation::Trades => market_data::trades(exchange, fields),
        Operation::AddOrder
        | Operation::AddOrderBatch
        | Operation::AmendOrder
        | Operation::Balance
        | Operation::BalanceEx
        | Operation::CancelAll
        | Operation::CancelAllOrdersAfter
        | Operation::CancelOrder
        | Operation::CancelOrderBatch
        | Operation::ClosedOrders
        | Operation::EditOrder
        | Operation::OpenOrders
        | Operation::OpenPositions
        | Operation::QueryOrders
        | Operation::QueryTrades
        | Operation::TradeBalance
        | Operation::TradeVolume
        | Operation::TradesHistory => Err(Denied::NoIdentity.into()),
    }
}

fn private(
    exchange: &mut Exchange,
    operation: Operation,
    owner: AccountIndex,
    key: &Arc<str>,
    fields: &Fields,
    now_ms: u64,
) -> Result<Value, KrakenError> {
    match operation {
        Operation::AddOrder => orders::add(exchange, owner, key, fields, now_ms),
        Operation::AddOrderBatch => batch::add(exchange, owner, key, fields, now_ms),
        Operation::AmendOrder => amend::amend(exchange, owner, fields, now_ms),
        Operation::Balance => Ok(account::balance(exchange, owner)),
        Operation::BalanceEx => Ok(account::balance_ex(exchange, owner)),
        Operation::CancelAll => Ok(json!({"count": exchange.cancel_all(owner, None, now_ms).len()})),
        Operation::CancelAllOrdersAfter => orders::cancel_all_after(exchange, owner, fields, now_ms),
        Operation::CancelOrder => orders::cancel(exchange, owner, fields, now_ms),
        Operation::CancelOrderBatch => orders::cancel_batch(exchange, owner, fields, now_ms),
        Operation::ClosedOrders => account::closed_orders(exchange, owner, fields),
        Operation::EditOrder => amend::edit(exchange, owner, key, fields, now_ms),
        Operation::OpenOrders => account::open_orders(exchange, owner, fields),
        // There is no margin here.
        Operation::OpenPositions if fields.find("consolidation").is_some() => Ok(json!([])),
        Operation::OpenPositions => Ok(json!({})),
        Operation::QueryOrders => account::query_orders(exchange, owner, fields),
        Operation::QueryTrades => account::query_trades(exchange, owner, fields),
        Operation::TradeBalance => Ok(account::trade_balance(exchange, owner)),
        Operation::TradeVolume => Ok(account::trade_volume(exchange, owner)),
        Operation::TradesHistory => account::trades_history(exchange, owner, fields),
        Operation::AssetPairs
        | Operation::Assets
        | Operation::Depth
        | Operation::Ohlc
        | Operation::SystemStatus
        | Operation::Ticker
        | Operation::Time
        | Operation::Trades => Err(KrakenError::malformed()),
    }
}
