//! Every request of the façade: where it is found, what it needs, who answers.

use http::Method;

use super::error::FuturesError;
use super::{change, charts, fees, history, market_data, status, trading};
use crate::operations::Handler::{Public, Read, Write};
use crate::operations::Route;

/// REST: method, path, handler.
pub(super) const ROUTES: &[Route<FuturesError>] = &[
    (Method::GET, "/api/charts/v1/{tick}/{symbol}/{interval}", Public(charts::candles)),
    // Clients ask for the older version, which is told in the same words.
    (Method::GET, "/api/history/v2/executions", Read(history::executions)),
    (Method::GET, "/api/history/v2/orders", Read(history::orders)),
    (Method::GET, "/api/history/v3/executions", Read(history::executions)),
    (Method::GET, "/api/history/v3/market/{symbol}/executions", Public(charts::executions)),
    (Method::GET, "/api/history/v3/orders", Read(history::orders)),
    (Method::GET, "/derivatives/api/v3/accounts", Read(trading::accounts)),
    (Method::POST, "/derivatives/api/v3/batchorder", Write(change::batch)),
    (Method::POST, "/derivatives/api/v3/cancelallorders", Write(trading::cancel_all)),
    (Method::POST, "/derivatives/api/v3/cancelallordersafter", Write(change::cancel_all_after)),
    (Method::POST, "/derivatives/api/v3/cancelorder", Write(trading::cancel)),
    (Method::POST, "/derivatives/api/v3/editorder", Write(change::edit)),
    (Method::GET, "/derivatives/api/v3/feeschedules", Public(fees::schedules)),
    (Method::GET, "/derivatives/api/v3/feeschedules/volumes", Read(fees::volumes)),
    (Method::GET, "/derivatives/api/v3/fills", Read(trading::fills)),
    (Method::GET, "/derivatives/api/v3/history", Public(market_data::history)),
    (Method::GET, "/derivatives/api/v3/instruments", Public(market_data::instruments)),
    (Method::GET, "/derivatives/api/v3/openorders", Read(trading::open_orders)),
    (Method::GET, "/derivatives/api/v3/openpositions", Read(trading::positions)),
    (Method::GET, "/derivatives/api/v3/orderbook", Public(market_data::order_book)),
    (Method::GET, "/derivatives/api/v3/orders/status", Read(status::orders)),
    (Method::POST, "/derivatives/api/v3/orders/status", Read(status::orders)),
    (Method::POST, "/derivatives/api/v3/sendorder", Write(trading::place)),
    (Method::GET, "/derivatives/api/v3/tickers", Public(market_data::tickers)),
    (Method::GET, "/derivatives/api/v3/tickers/{symbol}", Public(market_data::ticker)),
];
