//! Every request of the façade: where it is found, what it needs, who answers.

use http::Method;

use super::error::GeminiError;
use super::{market_data, trading};
use crate::operations::Handler::{Public, Read, Write};
use crate::operations::Route;

/// REST: method, path, handler. What reads an account is a POST, too.
pub(super) const ROUTES: &[Route<GeminiError>] = &[
    (Method::POST, "/v1/account", Read(trading::account)),
    (Method::POST, "/v1/balances", Read(trading::balances)),
    (Method::GET, "/v1/book/{symbol}", Public(market_data::book)),
    (Method::POST, "/v1/heartbeat", Read(trading::heartbeat)),
    (Method::POST, "/v1/mytrades", Read(trading::fills)),
    (Method::POST, "/v1/notionalvolume", Read(trading::fees)),
    (Method::POST, "/v1/order/cancel", Write(trading::cancel)),
    (Method::POST, "/v1/order/cancel/all", Write(trading::cancel_all)),
    (Method::POST, "/v1/order/new", Write(trading::place)),
    (Method::POST, "/v1/order/status", Read(trading::status)),
    (Method::POST, "/v1/orders", Read(trading::open_orders)),
    (Method::POST, "/v1/orders/history", Read(trading::past_orders)),
    (Method::GET, "/v1/pricefeed", Public(market_data::price_feed)),
    (Method::GET, "/v1/pubticker/{symbol}", Public(market_data::pub_ticker)),
    (Method::GET, "/v1/symbols", Public(market_data::symbols)),
    (Method::GET, "/v1/symbols/details/{symbol}", Public(market_data::details)),
    (Method::GET, "/v1/trades/{symbol}", Public(market_data::trades)),
];
