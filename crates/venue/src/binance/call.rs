//! Calls one operation for one caller: the access check, then the exchange.

use std::sync::Arc;

use super::error::ApiError;
use super::operation::Operation;
use super::params::Params;
use super::{amend, lists, market_data, trading};
use crate::clock::now_ms;
use crate::exchange::Exchange;
use crate::exchange::account::AccountIndex;
use crate::facade::admit;
use crate::shell::{Caller, Shell};

/// Answers one request with a JSON text.
pub(super) fn call(shell: &Shell, operation: Operation, caller: &Caller, params: &Params) -> Result<String, ApiError> {
    match admit(shell, operation.access(), caller).map_err(ApiError::from)? {
        None => public(shell, operation, params),
        Some(identity) => shell.with(|exchange, now_ms| {
            let owner = exchange.account(&identity.account)?;
            private(exchange, operation, owner, &identity.key, params, now_ms)
        }),
    }
}

fn public(shell: &Shell, operation: Operation, params: &Params) -> Result<String, ApiError> {
    match operation {
        Operation::AggTrades => shell.with(|exchange, _| market_data::agg_trades(exchange, params)),
        Operation::AvgPrice => shell.with(|exchange, _| market_data::avg_price(exchange, params)),
        Operation::Depth => shell.with(|exchange, _| market_data::depth(exchange, params)),
        Operation::EmptyContracts => Ok(lists::empty_contracts(now_ms())),
        Operation::EmptyList => Ok("[]".to_owned()),
        Operation::ExchangeInfo => shell.with(|exchange, now_ms| lists::exchange_info(exchange, params, now_ms)),
        Operation::Klines => shell.with(|exchange, _| market_data::klines(exchange, params)),
        Operation::Ping => Ok("{}".to_owned()),
        Operation::SystemStatus => Ok(r#"{"status":0,"msg":"normal"}"#.to_owned()),
        Operation::Ticker24h => shell.with(|exchange, _| market_data::ticker_24h(exchange, params)),
        Operation::TickerBook => shell.with(|exchange, _| market_data::ticker_book(exchange, params)),
        Operation::TickerPrice => shell.with(|exchange, _| market_data::ticker_price(exchange, params)),
        Operation::Time => Ok(format!(r#"{{"serverTime":{}}}"#, now_ms())),
        Operation::Trades => shell.with(|exchange, _| market_data::trades(exchange, params)),
        Operation::Account
        | Operation::AllOrders
        | Operation::AmendOrder
        | Operation::CancelOpenOrders
        | Operation::CancelOrder
        | Operation::CancelReplace
        | Operation::CapitalConfig
        | Operation::Commission
        | Operation::MyTrades
        | Operation::OpenOrders
        | Operation::OrderRateLimits
        | Operation::OrderStatus
        | Operation::PlaceOrder
        | Operation::TestOrder
        | Operation::TradeFee => Err(ApiError::unauthorized()),
    }
}

fn private(
    exchange: &mut Exchange,
    operation: Operation,
    owner: AccountIndex,
    key: &Arc<str>,
    params: &Params,
    now_ms: u64,
) -> Result<String, ApiError> {
    match operation {
        Operation::Account => Ok(trading::account(exchange, owner, params)),
        Operation::AllOrders => trading::all_orders(exchange, owner, params),
        Operation::AmendOrder => amend::amend(exchange, owner, params, now_ms),
        Operation::CancelOpenOrders => trading::cancel_open(exchange, owner, params, now_ms),
        Operation::CancelOrder => trading::cancel(exchange, owner, params, now_ms),
        Operation::CancelReplace => trading::cancel_replace(exchange, owner, key, params, now_ms),
        Operation::CapitalConfig => Ok(lists::capital_config(exchange, owner)),
        Operation::Commission => lists::commission(exchange, params),
        Operation::MyTrades => trading::my_trades(exchange, owner, params),
        Operation::OpenOrders => trading::open_orders(exchange, owner, params),
        Operation::OrderRateLimits => Ok(lists::order_rate_limits()),
        Operation::OrderStatus => trading::status(exchange, owner, params),
        Operation::PlaceOrder => trading::place(exchange, owner, key, params, now_ms),
        Operation::TestOrder => trading::test(exchange, owner, key, params),
        Operation::TradeFee => lists::trade_fee(exchange, params),
        Operation::AggTrades
        | Operation::AvgPrice
        | Operation::Depth
        | Operation::EmptyContracts
        | Operation::EmptyList
        | Operation::ExchangeInfo
        | Operation::Klines
        | Operation::Ping
        | Operation::SystemStatus
        | Operation::Ticker24h
        | Operation::TickerBook
        | Operation::TickerPrice
        | Operation::Time
        | Operation::Trades => Err(ApiError::not_found()),
    }
}
