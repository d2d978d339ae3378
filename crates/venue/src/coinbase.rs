//! The Coinbase Advanced façade: REST under `/api/v3/brokerage` and the parts of `/v2` that
//! its clients ask for, WebSocket at `/`. Names, shapes and errors follow the vendor's public
//! API reference (docs.cdp.coinbase.com, as of November 2026).
//!
//! One table ([`operation`]) names every REST request; [`socket`] serves the channels. Only
//! the spot pair is listed, as `BTC-USDT`. Orders are placed by REST alone, as at the vendor.
//!
//! Bearer tokens and the `jwt` of a frame are for the gateway; they are read by nobody here.

mod account;
mod call;
mod channels;
mod edit;
mod error;
mod market_data;
mod names;
mod operation;
mod orders;
mod rest;
mod shapes;
mod socket;

pub(crate) use rest::router;
