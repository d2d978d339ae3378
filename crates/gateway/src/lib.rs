//! The shell: everything that touches a socket, a clock or the operating system.
//!
//! ```text
//!   accept ─▶ TLS ─▶ detect ─▶ authenticate ─▶ admit ─▶ forward ─▶ respond
//!   caps      record  ALPN or   dialect or      scope,   identity   in the caller's
//!             of what first     handshake, then rate,    assertion, dialect, with the
//!             was     bytes     core::verify    window   pooled     correlation id
//!             agreed                            again    upstream
//! ```
//!
//! One current-thread runtime per core, each with its own listener (`SO_REUSEPORT`), its own upstream connections and no lock
//! shared on the hot path; what is shared ([`shared::Shared`]) is read through atomics or swapped whole.
//!
//! What is *not* here: any decision about who may do what. Those are in `countersign-core`, and forwarding takes the
//! [`Permit`](countersign_core::Permit) that only core can make.

pub mod accept;
pub mod audit;
pub mod authenticate;
mod authz;
mod bearer;
pub mod body;
mod cancelled;
pub mod clock;
pub mod cluster;
pub mod config;
pub mod connection;
pub mod control;
pub mod desk;
pub mod detect;
pub mod drain;
pub mod entropy;
pub mod exchange;
pub mod explanations;
pub mod fix;
pub mod forward;
pub mod halts;
pub mod handover;
pub mod head_guard;
mod held;
pub mod http_server;
pub mod identity;
pub mod issuers;
pub mod lean;
pub mod listen_keys;
mod local;
pub mod metrics;
pub mod native;
pub mod operator;
pub mod proxy_protocol;
pub mod public_rates;
pub mod respond;
pub mod rewind;
pub mod routes;
pub mod shared;
pub mod start;
#[cfg(test)]
pub(crate) mod testing;
pub mod tokens;
pub mod upstream;
pub mod websocket;
pub mod worker;
