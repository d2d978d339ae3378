//! The façade of Binance's USD-M futures: REST under `/fapi`, the WebSocket API at `/ws-fapi/v1`.
//! Shapes and codes follow the vendor's public documents of its derivatives API.
//!
//! The future is listed under the vendor's own kind of name (`BTCUSDT_261225`, contract type
//! `CURRENT_QUARTER`); a contract without an expiry is not traded here. There is one wallet, in
//! USDT; positions are net (`BOTH`) and margined crosswise at the leverage that the contract's
//! margin gives, and that is not changed. Errors, candle widths and levels are those of
//! [`crate::binance`], whose market streams also carry the future's.
//!
//! Not here: conditional orders (the vendor moved them to its algo endpoints) and `listenKey`,
//! which the vendor hands to whoever names a key, without a signature.

mod account;
mod batch;
mod error;
mod exchange_info;
mod market_data;
mod names;
mod routes;
mod settings;
mod shapes;
mod socket;
mod trading;

use std::sync::Arc;

use axum::Router;
use axum::routing::get;

use crate::operations;
use crate::shell::Shell;

/// All routes of the façade.
pub(crate) fn router() -> Router<Arc<Shell>> {
    operations::router(routes::ROUTES).merge(Router::new().route("/ws-fapi/v1", get(socket::handshake)))
}
