//! The Bitfinex façade: REST under `/v2`, WebSocket at `/ws/2`. Shapes and words follow the vendor's public API v2 documents (read 2026-11): every answer is an
//! array whose places have meanings, and an amount is negative for a sale.
//!
//! Only the spot pair is listed, as `tBTCUST` (the vendor calls USDT `UST`). `bfx-apikey`, `bfx-nonce` and `bfx-signature` are for the
//! gateway: nobody here reads them. On the WebSocket `auth` bears no proof: the gateway took it, and the identity is the connection's.

mod change;
mod error;
mod ledger;
mod market_data;
mod routes;
mod shapes;
mod socket;
mod streams;
mod trading;

use std::sync::Arc;

use axum::Router;
use axum::routing::get;

use crate::operations;
use crate::shell::Shell;

pub(crate) use streams::{changes_events, own_events, state_event, trade_event};

/// All routes of the façade.
pub(crate) fn router() -> Router<Arc<Shell>> {
    operations::router(routes::ROUTES).route("/ws/2", get(socket::handshake)).route("/ws/2/", get(socket::handshake))
}
