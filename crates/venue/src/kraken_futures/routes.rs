//! Every request of the façade: where it is found, what it needs, who answers.

use http::Method;

use super::error::FuturesError;
use super::{market_data, trading};
use crate::operations::Handler::{Public, Read, Write};
use crate::operations::Route;

/// REST: method, path, handler.
pub(super) const ROUTES: &[Route<FuturesError>] = &[
    (Method::GET, "/derivatives/api/v3/accounts", Read(trading::accounts)),
    (Method::POST, "/derivatives/api/v3/cancelallorders", Write(trading::cancel_all)),
    (Method::POST, "/derivatives/api/v3/cancelorder", Write(trading::cancel)),
    (Method::GET, "/derivatives/api/v3/fills", Read(trading::fills)),
    (Method::GET, "/derivatives/api/v3/history", Public(market_data::history)),
    (Method::GET, "/derivatives/api/v3/instruments", Public(market_data::instruments)),
    (Method::GET, "/derivatives/api/v3/openorders", Read(trading::open_orders)),
    (Method::GET, "/derivatives/api/v3/openpositions", Read(trading::positions)),
    (Method::GET, "/derivatives/api/v3/orderbook", Public(market_data::order_book)),
    (Method::POST, "/derivatives/api/v3/sendorder", Write(trading::place)),
    (Method::GET, "/derivatives/api/v3/tickers", Public(market_data::tickers)),
    (Method::GET, "/derivatives/api/v3/tickers/{symbol}", Public(market_data::ticker)),
];
