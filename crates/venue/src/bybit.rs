//! The Bybit v5 façade: REST under `/v5`, the public, private and trade WebSockets. Shapes and
//! codes follow the vendor's public documentation of v5 as ccxt 4.5.90 and pybit 5.17.0 read
//! and cite it; both trade here unmodified.
//!
//! One table ([`operation`]) names every request; REST and the trade socket are two ways to
//! call the same operations, so they cannot answer differently. Only the spot pair is listed
//! (`category=spot`); the other categories are served and empty.
//!
//! Keys, signatures, timestamps and `auth` frames are for the gateway and read by nobody here.

mod account;
mod amend;
mod batch;
mod call;
mod error;
mod feed;
mod frames;
mod market_data;
mod operation;
mod own;
mod private_ws;
mod public_ws;
mod request;
mod rest;
mod shapes;
mod trade_ws;
mod trading;

pub(crate) use rest::router;
