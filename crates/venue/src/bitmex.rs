//! The BitMEX façade: REST under `/api/v1`, WebSocket at `/realtime`. Shapes and words follow the vendor's public documents (read 2026-11).
//!
//! Only the spot pair is listed, as `XBT_USDT`. Amounts are whole numbers of the smallest unit that the vendor counts in: `XBt`, a
//! hundred-millionth of a bitcoin, and `USDt`, a millionth of a tether. `api-key`, `api-expires`, `api-signature` and logins on the
//! WebSocket are for the gateway: nobody here reads them.

mod change;
mod error;
mod market_data;
mod names;
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
    operations::router(routes::ROUTES).route("/realtime", get(socket::handshake))
}
