//! The paper exchange: a small venue to put behind the gateway.
//!
//! It trades four instruments (a spot pair, a perpetual, a dated future, an option) against a seeded
//! market maker, and speaks several façades: those of known venues, so that unmodified
//! clients work, and a native one for `countersign/1` sessions. `docs/venue.md` describes them.
//!
//! ```text
//!   gateway ──HTTP/1.1, WebSocket──▶ server ──▶ identity ──▶ binance | bybit | … | native
//!                                                                │
//!                 hub ◀── events ── exchange (pure: orders, now_ms → answers, events)
//! ```
//!
//! Beside HTTP it accepts FIX sessions of the gateway (`fix`).
//!
//! What it is not: a place for real money, or a second gateway. It believes one thing about
//! a caller, the signed [`identity`] token, and does no rate limiting of its own.
//!
//! Start reading at [`exchange`] for trading, at [`server`](Venue) for the sockets.

mod arrivals;
mod binance;
mod binance_futures;
mod bitfinex;
mod bitmex;
mod body;
mod bybit;
mod clock;
mod coinbase;
mod coinbase_exchange;
mod config;
mod deribit;
pub mod exchange;
mod facade;
mod fix;
mod gate;
mod gemini;
mod hub;
mod hyperliquid;
mod identity;
mod kraken;
mod kraken_futures;
mod kucoin;
pub mod limits;
mod native;
mod nowhere;
mod okx;
mod operations;
mod outbox;
mod server;
mod shell;
mod websocket;

pub use arrivals::Arrivals;
pub use config::VenueConfig;
pub use exchange::fixed::Fixed;
pub use identity::{IDENTITY_HEADER, Identity, IdentityError, IdentityKeys, IdentityVerifier, KeySetError, Scopes};
pub use server::{Venue, VenueHandle};
