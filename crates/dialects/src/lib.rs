//! How clients of real exchanges log in: finds identity, signature and signed bytes; never verifies.
//!
//! A dialect looks at a message and gives one of three answers ([`Answer`]):
//!
//! ```text
//!                      ┌─ NotMine    nothing of this dialect in it; the route decides whether it may pass without identity
//!   message ──present──┼─ Presented  who, which signature, over which bytes ──▶ core::verify ──▶ VerifiedIdentity
//!                      └─ Malformed  refused at once; no other dialect is tried
//! ```
//!
//! Once a dialect says "mine", no other is tried. Signed bytes are the bytes on the wire: nothing is parsed and written again
//! before verification. What the venue accepts is accepted, except where two readings of one message are possible.
//!
//! WebSockets have a machine per connection ([`socket`]). What a client is told is in the venue's own words ([`answer`]), and what the
//! venue offers is in a table ([`routes`]).
//!
//! What is *not* here: key look-up, verification, replay guard (all in `countersign-core`), sockets, clocks. The one place that
//! calls `core::verify` is [`vectors`], the runner of recorded requests: it stands in for the gateway's shell.
//!
//! Where to start reading: [`dialect`] (the trait), then [`binance::rest`].

pub mod answer;
pub mod binance;
pub mod bitfinex;
pub mod bitmex;
pub mod body_form;
pub mod bybit;
pub mod coinbase;
pub mod coinbase_exchange;
pub mod deribit;
pub mod dialect;
pub mod effect;
#[cfg(test)]
mod every_dialect;
mod fields;
pub mod gate;
pub mod gemini;
pub mod head_fields;
mod header_family;
pub mod http_signature;
pub mod hyperliquid;
mod kind;
pub mod kraken;
pub mod kraken_futures;
pub mod kucoin;
pub mod limits;
mod login_socket;
pub mod method_override;
pub mod okx;
#[cfg(test)]
mod one_cut;
pub mod order_count;
#[cfg(test)]
mod pages;
pub mod raw_object;
pub mod registry;
pub mod risk;
pub mod routes;
pub mod socket;
#[cfg(test)]
mod test_support;
#[cfg(test)]
mod twin_names;
pub mod vectors;
pub mod weight;

pub use answer::{AnswerContext, HttpAnswer};
pub use dialect::{Answer, Dialect, Header, Headers, LocalRequest, RequestView, Security};
pub use registry::{by_name, of_purpose};
pub use socket::{Desk, DialectSocket};
