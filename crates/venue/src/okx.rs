//! The OKX v5 façade: REST under `/api/v5`, the public, private and business WebSockets.
//! Shapes and codes follow the vendor's public API guide of v5 as ccxt 4.5.90 and python-okx
//! 0.4.4 read and cite it; both trade here unmodified.
//!
//! One table ([`operation`]) names every request; REST and the `order` frames of the private
//! socket are two ways to call the same operations, so they cannot answer differently. Only
//! the spot pair is listed (`instType=SPOT`, `BTC-USDT`); the other types are served and empty.
//!
//! Keys, passphrases, signatures, timestamps and `login` frames are for the gateway and read by
//! nobody here.

mod account;
mod amend;
mod call;
mod error;
mod feed;
mod market_data;
mod operation;
mod own;
mod private_ws;
mod public_ws;
mod request;
mod rest;
mod shapes;
mod socket;
mod trading;

pub(crate) use rest::router;
