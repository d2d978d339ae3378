//! The venue over its sockets: what it serves, whom it refuses, what it counts.
#![allow(clippy::unwrap_used)]

#[path = "it/amend.rs"]
mod amend;
#[path = "it/batches.rs"]
mod batches;
#[path = "it/binance.rs"]
mod binance;
#[path = "it/binance_futures.rs"]
mod binance_futures;
#[path = "it/bitfinex.rs"]
mod bitfinex;
#[path = "it/bitmex.rs"]
mod bitmex;
#[path = "it/bybit.rs"]
mod bybit;
#[path = "it/candles.rs"]
mod candles;
#[path = "it/coinbase.rs"]
mod coinbase;
#[path = "it/coinbase_exchange.rs"]
mod coinbase_exchange;
#[path = "it/countdowns.rs"]
mod countdowns;
#[path = "it/deribit.rs"]
mod deribit;
#[path = "it/gate.rs"]
mod gate;
#[path = "it/gemini.rs"]
mod gemini;
#[path = "it/hyperliquid.rs"]
mod hyperliquid;
#[path = "it/identity.rs"]
mod identity;
#[path = "it/kinds.rs"]
mod kinds;
#[path = "it/kraken.rs"]
mod kraken;
#[path = "it/kraken_futures.rs"]
mod kraken_futures;
#[path = "it/kucoin.rs"]
mod kucoin;
#[path = "it/native.rs"]
mod native;
#[path = "it/okx.rs"]
mod okx;
#[path = "it/shape.rs"]
mod shape;
#[path = "it/support.rs"]
mod support;
