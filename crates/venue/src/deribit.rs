//! The Deribit façade: JSON-RPC 2.0 over HTTP (`/api/v2/<method>`) and over WebSocket
//! (`/ws/api/v2`). Names, shapes and codes follow the vendor's public API reference
//! (docs.deribit.com, as of November 2026).
//!
//! One table ([`method`]) names every method; HTTP and WebSocket are two ways to call it, so
//! they cannot answer differently. All four instruments are listed: the spot pair, the
//! perpetual, the future and the option, the contracts as linear ones, counted in the base asset.
//!
//! Everything about sessions is the gateway's: `public/auth`, `public/exchange_token`,
//! `public/fork_token`, `public/set_heartbeat`, `private/logout`,
//! `private/enable_cancel_on_disconnect` and its kin are unknown methods here.

mod account;
mod call;
mod channels;
mod edit;
mod error;
mod market_data;
mod method;
mod names;
mod orders;
mod rest;
mod shapes;
mod socket;

pub(crate) use rest::router;
