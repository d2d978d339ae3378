//! The Bitfinex façade: REST under `/v2`. Shapes and words follow the vendor's public API v2 documents (read 2026-11): every answer is an
//! array whose places have meanings, and an amount is negative for a sale.
//!
//! Only the spot pair is listed, as `tBTCUST` (the vendor calls USDT `UST`). `bfx-apikey`, `bfx-nonce` and `bfx-signature` are for the
//! gateway: nobody here reads them. There is no WebSocket yet.

mod error;
mod market_data;
mod routes;
mod shapes;
mod trading;

use std::sync::Arc;

use axum::Router;

use crate::operations;
use crate::shell::Shell;

/// All routes of the façade.
pub(crate) fn router() -> Router<Arc<Shell>> {
    operations::router(routes::ROUTES)
}
