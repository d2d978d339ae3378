//! The Hyperliquid façade: `POST /info`, `POST /exchange`, WebSocket at `/hyperliquid/ws`, and at `/ws` for clients whose
//! first frame is this venue's.
//! Shapes follow the vendor's public API documents.
//!
//! Only the spot pair is listed, as `BTC/USDT`, asset 10000; the perpetual universe is empty.
//! Signature, nonce and `expiresAfter` of an action are for the gateway: an action belongs to
//! the account of the identity, whatever address its signature would recover.
//!
//! Questions about a user are public at this venue and name an address. Which account an
//! address means is known from identities: see [`address`].

mod actions;
mod address;
mod error;
mod info;
mod modify;
mod rest;
mod shapes;
mod socket;
mod streams;
mod user;

use std::sync::Arc;

use axum::Router;
use axum::routing::{get, post};

use crate::shell::Shell;

pub(crate) use address::{Address, Addresses};
pub(crate) use socket::Session as HyperliquidSession;
pub(crate) use streams::{own_events, state_event, trade_event};

/// All routes of the façade.
pub(crate) fn router() -> Router<Arc<Shell>> {
    Router::new().route("/exchange", post(rest::exchange)).route("/info", post(rest::info)).route("/hyperliquid/ws", get(socket::handshake))
}
