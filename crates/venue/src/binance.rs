//! The Binance spot façade: REST under `/api/v3` and `/sapi`, the WebSocket API, the market
//! streams. Shapes and codes follow the vendor's public `binance-spot-api-docs`.
//!
//! One table ([`operation`]) names every request; REST and WebSocket API are two ways to
//! call the same operations, so they cannot answer differently. Only the spot pair is
//! listed here; the future is listed by the façade of USD-M futures beside this one.
//!
//! Signatures, keys and timestamps in the parameters are for the gateway. They are read by
//! nobody here.

mod amend;
mod call;
mod error;
mod events;
mod frames;
mod lists;
mod market_data;
mod operation;
mod params;
mod rest;
mod shapes;
mod streams;
mod trading;
mod ws_api;

pub(crate) use error::ApiError;
pub(crate) use events::{combined, depth_event, own_event, state_event, trade_event};
pub(crate) use frames::MinuteWeight;
pub(crate) use lists::WEIGHT_PER_MINUTE;
pub(crate) use market_data::{INTERVALS, percent, write_candle, write_levels};
pub(crate) use rest::{not_found, router};
pub(crate) use streams::Streams;
