//! The Gate spot façade: REST under `/api/v4`, WebSocket at `/ws/v4`. Shapes and labels
//! follow the vendor's public API v4 documents.
//!
//! Only the spot pair is listed, as `BTC_USDT`; the lists of contracts are empty. `KEY`,
//! `SIGN`, `Timestamp`, the `auth` of a subscription and `spot.login` are for the gateway:
//! nobody here reads them.

mod batch;
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

pub(crate) use streams::{changes_event, own_events, state_event, trade_event};

/// All routes of the façade.
pub(crate) fn router() -> Router<Arc<Shell>> {
    let sockets = Router::new().route("/ws/v4", get(socket::handshake)).route("/ws/v4/", get(socket::handshake));
    operations::router(routes::ROUTES).merge(sockets)
}
