//! The native façade: one JSON object per WebSocket text frame under `/native/v1`, and the
//! same requests as plain HTTP. `docs/venue.md` is its reference.
//!
//! ```text
//! → {"op":"order.place","id":7,"sym":"BTCUSDT","side":"buy","type":"limit","qty":"0.01","px":"99000","tif":"gtc"}
//! ← {"re":7,"ok":true,"order":{…},"fills":[]}
//! ← {"ev":"order","t":…,"change":"new","order":{…}}
//! ```
//! There is no envelope and there are no sequence numbers: those belong to the session, and
//! the session belongs to the gateway.

mod error;
mod request;
mod rest;
mod shapes;
mod socket;
mod work;

pub(crate) use rest::router;
pub(crate) use shapes::{book_event, own_event, ticker_event, trade_event};
