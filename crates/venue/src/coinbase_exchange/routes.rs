//! Every request of the façade: where it is found, what it needs, who answers.

use http::Method;

use super::error::CoinbaseError;
use super::{market_data, trading};
use crate::operations::Handler::{Public, Read, Write};
use crate::operations::Route;

/// REST: method, path, handler. An order's id may also be `client:` and the client's name for it.
pub(super) const ROUTES: &[Route<CoinbaseError>] = &[
    (Method::GET, "/accounts", Read(trading::accounts)),
    (Method::GET, "/accounts/", Read(trading::accounts)),
    (Method::GET, "/accounts/{account_id}", Read(trading::account)),
    (Method::GET, "/accounts/{account_id}/transfers", Read(trading::transfers)),
    (Method::GET, "/currencies", Public(market_data::currencies)),
    (Method::GET, "/currencies/{currency_id}", Public(market_data::currency)),
    (Method::GET, "/fees", Read(trading::fees)),
    (Method::GET, "/fills", Read(trading::fills)),
    (Method::DELETE, "/orders", Write(trading::cancel_all)),
    (Method::GET, "/orders", Read(trading::orders)),
    (Method::POST, "/orders", Write(trading::place)),
    (Method::DELETE, "/orders/{order_id}", Write(trading::cancel)),
    (Method::GET, "/orders/{order_id}", Read(trading::status)),
    (Method::GET, "/products", Public(market_data::products)),
    (Method::GET, "/products/spark-lines", Public(market_data::spark_lines)),
    (Method::GET, "/products/{product_id}", Public(market_data::product)),
    (Method::GET, "/products/{product_id}/book", Public(market_data::book)),
    (Method::GET, "/products/{product_id}/candles", Public(market_data::candles)),
    (Method::GET, "/products/{product_id}/stats", Public(market_data::stats)),
    (Method::GET, "/products/{product_id}/ticker", Public(market_data::ticker)),
    (Method::GET, "/products/{product_id}/trades", Public(market_data::trades)),
    (Method::GET, "/time", Public(market_data::time)),
    (Method::GET, "/transfers", Read(trading::transfers)),
];
