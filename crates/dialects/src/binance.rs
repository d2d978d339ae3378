//! Binance spot: REST and WebSocket API.
//!
//! | file | holds |
//! |---|---|
//! | [`rest`] | signed HTTP requests: where key and signature are, what is signed |
//! | [`ws_api`] | signed frames, `session.logon`, the state of one connection |
//! | [`listen_key`] | what opens the stream of an account's futures, where an operator allows that |
//! | [`routes`] | every REST path and WebSocket method with security, scope and weight |
//! | [`sockets`] | where WebSockets open |
//! | [`reject_body`] | our refusals as the venue writes them |
//! | [`rate`] | the venue's rate headers and `rateLimits` array |
//! | [`fault`] | what can be wrong with a message, with the venue's code and text |
//!
//! Source for all of it: the venue's public documentation of the spot API as of 2026-07-21 (`rest-api.md`, `web-socket-api.md`,
//! `errors.md`), and requests recorded from unmodified clients on 2026-11-21. See `docs/dialects/binance.md`.

pub mod fault;
pub mod listen_key;
pub mod rate;
pub mod reject_body;
pub mod rest;
pub mod routes;
pub(crate) mod signature;
pub mod sockets;
mod window;
pub mod ws_api;

/// Name of the dialect in the configuration.
pub const NAME: &str = "binance";
