//! Every request of the façade: where it is found, what it needs, who answers.

use http::Method;

use super::error::BitfinexError;
use super::{change, ledger, market_data, trading};
use crate::operations::Handler::{Public, Read, Write};
use crate::operations::Route;

/// REST: method, path, handler. What reads an account is a POST, too.
pub(super) const ROUTES: &[Route<BitfinexError>] = &[
    (Method::POST, "/v2/auth/r/info/margin/{key}", Read(ledger::margin)),
    (Method::POST, "/v2/auth/r/info/user", Read(trading::user)),
    (Method::POST, "/v2/auth/r/ledgers/hist", Read(ledger::ledgers)),
    (Method::POST, "/v2/auth/r/ledgers/{currency}/hist", Read(ledger::ledgers)),
    (Method::POST, "/v2/auth/r/order/{symbol_id}/trades", Read(trading::order_trades)),
    (Method::POST, "/v2/auth/r/orders", Read(trading::open_orders)),
    (Method::POST, "/v2/auth/r/orders/hist", Read(trading::past_orders)),
    (Method::POST, "/v2/auth/r/orders/{symbol}", Read(trading::open_orders)),
    (Method::POST, "/v2/auth/r/orders/{symbol}/hist", Read(trading::past_orders)),
    (Method::POST, "/v2/auth/r/positions", Read(trading::positions)),
    (Method::POST, "/v2/auth/r/summary", Read(trading::summary)),
    (Method::POST, "/v2/auth/r/trades/hist", Read(trading::trades)),
    (Method::POST, "/v2/auth/r/trades/{symbol}/hist", Read(trading::trades)),
    (Method::POST, "/v2/auth/r/wallets", Read(trading::wallets)),
    (Method::POST, "/v2/auth/w/order/cancel", Write(trading::cancel)),
    (Method::POST, "/v2/auth/w/order/cancel/multi", Write(trading::cancel_multi)),
    (Method::POST, "/v2/auth/w/order/multi", Write(change::multi)),
    (Method::POST, "/v2/auth/w/order/submit", Write(trading::submit)),
    (Method::POST, "/v2/auth/w/order/update", Write(change::update)),
    (Method::GET, "/v2/book/{symbol}/{precision}", Public(market_data::book)),
    (Method::GET, "/v2/candles/{key}/{section}", Public(market_data::candles)),
    (Method::GET, "/v2/conf/{keys}", Public(market_data::conf)),
    (Method::GET, "/v2/platform/status", Public(market_data::status)),
    (Method::GET, "/v2/ticker/{symbol}", Public(market_data::ticker)),
    (Method::GET, "/v2/tickers", Public(market_data::tickers)),
    (Method::GET, "/v2/trades/{symbol}/hist", Public(market_data::trades)),
];
