//! The façade of Binance's USD-M futures: REST under `/fapi`, the WebSocket API at `/ws-fapi/v1`.
//! Shapes and codes follow the vendor's public documents of its derivatives API.
//!
//! The perpetual is listed as `BTCUSDT`, the future under the vendor's own kind of name
//! (`BTCUSDT_261225`, contract type `CURRENT_QUARTER`). A perpetual is kept at its index, so its
//! funding rate is nought. There is one wallet, in USDT; positions are net (`BOTH`) and margined
//! crosswise at the leverage that the contract's margin gives, and that is not changed. Errors,
//! candle widths and levels are those of [`crate::binance`], whose market streams also carry the
//! contracts'.
//!
//! The gateway hands listen keys out, where an operator allows that; the stream that one opens
//! comes with an identity, as everything does that tells of an account. Not here: conditional
//! orders (the vendor moved them to its algo endpoints).

mod account;
mod batch;
mod error;
mod events;
mod exchange_info;
mod market_data;
mod names;
mod routes;
mod settings;
mod shapes;
mod socket;
mod trading;

pub(crate) use events::own_events;
pub(crate) use market_data::mark_price_event;
pub(crate) use names::{contracts, find, symbol};

use std::sync::Arc;

use axum::Router;
use axum::routing::get;

use crate::operations;
use crate::shell::Shell;

/// All routes of the façade.
pub(crate) fn router() -> Router<Arc<Shell>> {
    operations::router(routes::ROUTES).merge(Router::new().route("/ws-fapi/v1", get(socket::handshake)))
}
