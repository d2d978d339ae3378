//! The Gemini façade: REST under `/v1`, order events at `/v1/order/events`, market data at `/v2/marketdata`, `/v1/marketdata/SYMBOL` and
//! `/v1/multimarketdata`.
//! Shapes and words follow the vendor's public documents (read 2026-11).
//!
//! Only the spot pair is listed, as `btcusdt`. A private request has its parameters in `X-GEMINI-PAYLOAD`, which is read here as if it
//! were the body; `request` and `nonce` in it, the key and the signature are for the gateway.
//!
//! `/v2/ticker/{symbol}` and `/v2/candles/{symbol}/{width}` are paths of Bitfinex, too: its façade has them, and asks here.

mod error;
mod market_data;
mod payload;
mod routes;
mod shapes;
mod socket;
mod streams;
mod trading;
pub(crate) mod v1;

use std::sync::Arc;

use axum::Router;
use axum::middleware::map_request;
use axum::routing::get;

use crate::operations;
use crate::shell::Shell;

pub(crate) use market_data::{candles, ticker};
pub(crate) use streams::{changes_event, own_events, state_event, trade_event};

/// All routes of the façade.
pub(crate) fn router() -> Router<Arc<Shell>> {
    operations::router(routes::ROUTES)
        .layer(map_request(payload::as_body))
        .route("/v1/marketdata/{symbol}", get(v1::market_data))
        .route("/v1/multimarketdata", get(v1::multi_market_data))
        .route("/v1/order/events", get(socket::order_events))
        .route("/v2/marketdata", get(socket::market_data))
}
