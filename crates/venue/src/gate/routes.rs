//! Every request of the façade: where it is found, what it needs, who answers.

use http::Method;

use super::error::GateError;
use super::{batch, ledger, market_data, trading};
use crate::operations::Handler::{Public, Read, Write};
use crate::operations::Route;

/// REST: method, path, handler.
pub(super) const ROUTES: &[Route<GateError>] = &[
    (Method::GET, "/api/v4/account/detail", Read(trading::account_detail)),
    (Method::GET, "/api/v4/delivery/{settle}/contracts", Public(market_data::no_contracts)),
    (Method::GET, "/api/v4/futures/{settle}/accounts", Read(trading::futures_account)),
    (Method::GET, "/api/v4/futures/{settle}/contracts", Public(market_data::no_contracts)),
    (Method::GET, "/api/v4/futures/{settle}/positions", Read(trading::no_positions)),
    (Method::GET, "/api/v4/margin/currency_pairs", Public(market_data::no_contracts)),
    (Method::GET, "/api/v4/options/underlyings", Public(market_data::no_contracts)),
    (Method::GET, "/api/v4/spot/account_book", Read(ledger::account_book)),
    (Method::GET, "/api/v4/spot/accounts", Read(trading::accounts)),
    (Method::POST, "/api/v4/spot/amend_batch_orders", Write(batch::amend)),
    (Method::GET, "/api/v4/spot/batch_fee", Read(trading::batch_fee)),
    (Method::POST, "/api/v4/spot/batch_orders", Write(batch::place)),
    (Method::POST, "/api/v4/spot/cancel_batch_orders", Write(batch::cancel)),
    (Method::GET, "/api/v4/spot/candlesticks", Public(market_data::candlesticks)),
    (Method::POST, "/api/v4/spot/countdown_cancel_all", Write(batch::countdown)),
    (Method::GET, "/api/v4/spot/currencies", Public(market_data::currencies)),
    (Method::GET, "/api/v4/spot/currencies/{currency}", Public(market_data::currency)),
    (Method::GET, "/api/v4/spot/currency_pairs", Public(market_data::pairs)),
    (Method::GET, "/api/v4/spot/currency_pairs/{currency_pair}", Public(market_data::pair)),
    (Method::GET, "/api/v4/spot/fee", Read(trading::fee)),
    (Method::GET, "/api/v4/spot/my_trades", Read(trading::my_trades)),
    (Method::GET, "/api/v4/spot/open_orders", Read(trading::open_orders)),
    (Method::GET, "/api/v4/spot/order_book", Public(market_data::order_book)),
    (Method::DELETE, "/api/v4/spot/orders", Write(trading::cancel_all)),
    (Method::GET, "/api/v4/spot/orders", Read(trading::orders)),
    (Method::POST, "/api/v4/spot/orders", Write(trading::place)),
    (Method::DELETE, "/api/v4/spot/orders/{order_id}", Write(trading::cancel)),
    (Method::PATCH, "/api/v4/spot/orders/{order_id}", Write(trading::amend)),
    (Method::GET, "/api/v4/spot/orders/{order_id}", Read(trading::status)),
    (Method::GET, "/api/v4/spot/tickers", Public(market_data::tickers)),
    (Method::GET, "/api/v4/spot/time", Public(market_data::time)),
    (Method::GET, "/api/v4/spot/trades", Public(market_data::trades)),
    (Method::GET, "/api/v4/wallet/deposits", Read(trading::no_payments)),
    (Method::GET, "/api/v4/wallet/fee", Read(trading::fee)),
    (Method::GET, "/api/v4/wallet/total_balance", Read(trading::total_balance)),
    (Method::GET, "/api/v4/wallet/withdrawals", Read(trading::no_payments)),
];
