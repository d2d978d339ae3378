//! Every request of the façade: where it is found, what it needs, who answers.

use http::Method;

use super::error::BitmexError;
use super::{change, market_data, trading};
use crate::operations::Handler::{Public, Read, Write};
use crate::operations::Route;

/// REST: method, path, handler.
pub(super) const ROUTES: &[Route<BitmexError>] = &[
    (Method::GET, "/api/v1/execution/tradeHistory", Read(trading::fills)),
    (Method::GET, "/api/v1/instrument", Public(market_data::instruments)),
    (Method::GET, "/api/v1/instrument/active", Public(market_data::instruments)),
    (Method::GET, "/api/v1/instrument/activeAndIndices", Public(market_data::instruments)),
    (Method::GET, "/api/v1/instrument/indices", Public(market_data::nothing)),
    (Method::GET, "/api/v1/order", Read(trading::orders)),
    (Method::POST, "/api/v1/order", Write(trading::place)),
    (Method::PUT, "/api/v1/order", Write(change::amend)),
    (Method::DELETE, "/api/v1/order", Write(trading::cancel)),
    (Method::DELETE, "/api/v1/order/all", Write(trading::cancel_all)),
    (Method::POST, "/api/v1/order/bulk", Write(change::place_bulk)),
    (Method::PUT, "/api/v1/order/bulk", Write(change::amend_bulk)),
    (Method::POST, "/api/v1/order/cancelAllAfter", Write(change::cancel_all_after)),
    (Method::GET, "/api/v1/orderBook/L2", Public(market_data::book)),
    (Method::GET, "/api/v1/position", Read(trading::positions)),
    (Method::GET, "/api/v1/quote", Public(market_data::quote)),
    (Method::GET, "/api/v1/schema/websocketHelp", Public(market_data::topics)),
    (Method::GET, "/api/v1/trade", Public(market_data::trades)),
    (Method::GET, "/api/v1/trade/bucketed", Public(market_data::candles)),
    (Method::GET, "/api/v1/user", Read(trading::user)),
    (Method::GET, "/api/v1/user/margin", Read(trading::margin)),
    (Method::GET, "/api/v1/user/wallet", Read(trading::wallet)),
    (Method::GET, "/api/v1/wallet/assets", Public(market_data::assets)),
];
