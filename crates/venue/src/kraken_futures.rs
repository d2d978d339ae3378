//! The Kraken Futures façade: REST under `/derivatives/api/v3`, WebSocket at `/ws/v1`. Shapes and words follow the vendor's public
//! documents (read 2026-11).
//!
//! Only the dated future is listed, as `FF_XBTUSD_<yymmdd>`: the vendor quotes in USD, so USDT is told as USD here and BTC as XBT.
//! `APIKey`, `Authent`, `Nonce` and the challenge of a subscription are for the gateway: nobody here reads them.

mod change;
mod charts;
mod error;
mod fees;
mod history;
mod market_data;
mod names;
mod routes;
mod shapes;
mod socket;
mod status;
mod streams;
mod trading;

use std::sync::Arc;

use axum::Router;
use axum::routing::get;

use crate::operations;
use crate::shell::Shell;

pub(crate) use streams::{own_events, state_event, trade_event};

/// All routes of the façade.
pub(crate) fn router() -> Router<Arc<Shell>> {
    operations::router(routes::ROUTES).merge(Router::new().route("/ws/v1", get(socket::handshake)))
}
