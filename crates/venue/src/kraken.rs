//! The Kraken spot façade: REST under `/0/public` and `/0/private`, WebSocket v2 at `/v2`.
//! Names, shapes and errors follow the vendor's public API reference (docs.kraken.com, as of
//! November 2026).
//!
//! One table ([`operation`]) names every REST request; [`socket`] names the messages of the
//! WebSocket. Both place and cancel through [`orders`]. Only the spot pair is listed here,
//! under the vendor's old names: `XBTUSDT` on REST, `BTC/USDT` on the WebSocket.
//!
//! Keys, signatures, nonces and WebSocket tokens are for the gateway; `GetWebSocketsToken` is
//! answered by it, and the `token` of a message is read by nobody here.

mod account;
mod amend;
mod batch;
mod call;
mod channels;
mod error;
mod executions;
mod market_data;
mod names;
mod operation;
mod orders;
mod rest;
mod socket;
mod socket_orders;
mod v1;
mod v1_feed;
mod v1_shapes;

pub(crate) use rest::router;
pub(crate) use v1::Session as V1Session;
