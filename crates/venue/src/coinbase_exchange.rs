//! The Coinbase Exchange façade: REST at the root, WebSocket feed at `/coinbase-exchange/ws`, and at
//! the root for clients whose first frame is this venue's.
//! Shapes and messages follow the vendor's public Exchange API documents.
//!
//! Only the spot pair is listed, as `BTC-USDT`. The `CB-ACCESS-…` headers and the signature in
//! a subscription are for the gateway: nobody here reads them. The vendor's feed has a host of
//! its own and no path.

mod error;
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

pub(crate) use socket::Session as CoinbaseExchangeSession;
pub(crate) use streams::{changes_event, own_events, state_event, trade_event};

/// All routes of the façade.
pub(crate) fn router() -> Router<Arc<Shell>> {
    operations::router(routes::ROUTES).route("/coinbase-exchange/ws", get(socket::handshake))
}
