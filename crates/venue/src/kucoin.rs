//! The KuCoin spot façade: REST under `/api/v1` to `/api/v3` and `/api/ua/v1`, WebSocket at
//! `/kucoin/ws`. Shapes and codes follow the vendor's public documents of the classic API.
//!
//! Only the spot pair is listed, as `BTC-USDT`; the lists of contracts and of margin pairs
//! are empty. The `KC-API-…` headers are for the gateway, and so are
//! `POST /api/v1/bullet-public` and `bullet-private`: the venue has no tokens of its own, and
//! its own socket's address takes none.

mod batch;
mod error;
mod market_data;
mod routes;
mod shapes;
mod socket;
mod streams;
mod switch;
mod trading;
mod user;

use std::sync::Arc;

use axum::Router;
use axum::routing::get;

use crate::operations;
use crate::shell::Shell;

pub(crate) use streams::{changes_event, own_events, state_event, trade_event};

/// All routes of the façade.
pub(crate) fn router() -> Router<Arc<Shell>> {
    operations::router(routes::ROUTES).route("/kucoin/ws", get(socket::handshake))
}
