//! Calls one method for one caller: the access check, then the exchange.

use std::sync::Arc;

use serde_json::{Value, json};

use super::error::RpcError;
use super::method::Method;
use super::{account, edit, market_data, orders};
use crate::exchange::Exchange;
use crate::exchange::account::AccountIndex;
use crate::exchange::order::Side;
use crate::facade::{Access, Denied, Fields, admit};
use crate::shell::{Caller, Shell};

/// Answers one request with its `result`.
pub(super) fn call(shell: &Shell, method: Method, access: Access, caller: &Caller, fields: &Fields) -> Result<Value, RpcError> {
    match admit(shell, access, caller)? {
        None => shell.with(|exchange, now_ms| public(exchange, method, fields, now_ms)),
        Some(identity) => shell.with(|exchange, now_ms| {
            let owner = exchange.account(&identity.account)?;
            private(exchange, method, owner, &identity.key, fields, now_ms)
        }),
    }
}

fn public(exchange: &Exchange, method: Method, fields: &Fields, now_ms: u64) -> Result<Value, RpcError> {
    match method {
        Method::BookSummaryByCurrency => market_data::book_summaries(exchange, fields, now_ms),
        Method::BookSummaryByInstrument => market_data::book_summary(exchange, fields, now_ms),
        Method::ChartData => market_data::chart(exchange, fields),
        Method::Currencies => Ok(market_data::currencies(exchange)),
        Method::IndexPrice => market_data::index_price(exchange, fields),
        Method::Instrument => market_data::instrument(exchange, fields),
        Method::Instruments => market_data::instruments(exchange, fields),
        Method::LastTradesByCurrency => market_data::trades_by_currency(exchange, fields),
        Method::LastTradesByInstrument => market_data::trades_by_instrument(exchange, fields),
        Method::OrderBook => market_data::order_book(exchange, fields, now_ms),
        Method::Status => Ok(json!({"locked": "false"})),
        Method::Test => Ok(json!({"version": "1.2.26"})),
        Method::Ticker => market_data::ticker(exchange, fields, now_ms),
        Method::Time => Ok(json!(now_ms)),
        Method::PublicSubscribe | Method::PublicUnsubscribe | Method::PublicUnsubscribeAll => Err(RpcError::only_on_websocket()),
        Method::AccountSummaries
        | Method::AccountSummary
        | Method::Buy
        | Method::Cancel
        | Method::CancelAll
        | Method::CancelAllByCurrency
        | Method::CancelAllByInstrument
        | Method::CancelByLabel
        | Method::Edit
        | Method::EditByLabel
        | Method::OpenOrders
        | Method::OpenOrdersByCurrency
        | Method::OpenOrdersByInstrument
        | Method::OrderHistoryByCurrency
        | Method::OrderHistoryByInstrument
        | Method::OrderState
        | Method::Position
        | Method::Positions
        | Method::PrivateSubscribe
        | Method::PrivateUnsubscribe
        | Method::PrivateUnsubscribeAll
        | Method::Sell
        | Method::UserTradesByCurrency
        | Method::UserTradesByInstrument
        | Method::UserTradesByOrder => Err(Denied::NoIdentity.into()),
    }
}

fn private(
    exchange: &mut Exchange,
    method: Method,
    owner: AccountIndex,
    key: &Arc<str>,
    fields: &Fields,
    now_ms: u64,
) -> Result<Value, RpcError> {
    match method {
        Method::AccountSummaries => Ok(account::summaries(exchange, owner)),
        Method::AccountSummary => account::summary(exchange, owner, fields),
        Method::Buy => orders::place(exchange, owner, key, Side::Buy, fields, now_ms),
        Method::Cancel => orders::cancel(exchange, owner, fields, now_ms),
        Method::CancelAll => Ok(json!(exchange.cancel_all(owner, None, now_ms).len())),
        Method::CancelAllByCurrency => orders::cancel_by_currency(exchange, owner, fields, now_ms),
        Method::CancelAllByInstrument => orders::cancel_by_instrument(exchange, owner, fields, now_ms),
        Method::CancelByLabel => orders::cancel_by_label(exchange, owner, fields, now_ms),
        Method::Edit => edit::edit(exchange, owner, fields, now_ms),
        Method::EditByLabel => edit::edit_by_label(exchange, owner, fields, now_ms),
        Method::OpenOrders => account::open_orders(exchange, owner, |_| true),
        Method::OpenOrdersByCurrency => account::open_by_currency(exchange, owner, fields),
        Method::OpenOrdersByInstrument => account::open_by_instrument(exchange, owner, fields),
        Method::OrderHistoryByCurrency => account::history_by_currency(exchange, owner, fields),
        Method::OrderHistoryByInstrument => account::history_by_instrument(exchange, owner, fields),
        Method::OrderState => account::order_state(exchange, owner, fields),
        Method::Position => account::position(exchange, owner, fields),
        Method::Positions => account::positions(exchange, owner, fields),
        Method::Sell => orders::place(exchange, owner, key, Side::Sell, fields, now_ms),
        Method::UserTradesByCurrency => account::trades_by_currency(exchange, owner, fields),
        Method::UserTradesByInstrument => account::trades_by_instrument(exchange, owner, fields),
        Method::UserTradesByOrder => account::trades_by_order(exchange, owner, fields),
        Method::PrivateSubscribe | Method::PrivateUnsubscribe | Method::PrivateUnsubscribeAll => Err(RpcError::only_on_websocket()),
        Method::BookSummaryByCurrency
        | Method::BookSummaryByInstrument
        | Method::ChartData
        | Method::Currencies
        | Method::IndexPrice
        | Method::Instrument
        | Method::Instruments
        | Method::LastTradesByCurrency
        | Method::LastTradesByInstrument
        | Method::OrderBook
        | Method::PublicSubscribe
        | Method::PublicUnsubscribe
        | Method::PublicUnsubscribeAll
        | Method::Status
        | Method::Test
        | Method::Ticker
        | Method::Time => Err(RpcError::unknown_method()),
    }
}
