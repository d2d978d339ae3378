//! Deribit: JSON-RPC over HTTP and WebSocket, with signed requests and with tokens of the gateway's own.
//!
//! ```text
//!   HTTP       Authorization: deri-hmac-sha256 id=…,ts=…,sig=…,nonce=…    each request signed
//!              Authorization: Bearer <access_token>                      a token of ours
//!   both       public/auth (secret, signature, refresh token) ──▶ access_token, refresh_token
//!   WebSocket  after public/auth nothing more, or access_token in the parameters
//! ```
//!
//! | file | holds |
//! |---|---|
//! | [`authorization`] | the header of a request |
//! | [`grant`] | what `public/auth` asks for and proves |
//! | [`scope`] | the venue's scopes and ours |
//! | [`tokens`] | the tokens that answer it |
//! | [`rpc`] | a call, read from a frame or a request |
//! | [`reply`] | results and errors |
//! | [`methods`] | every method with what it needs |
//! | [`http`] | the dialect |
//! | [`socket`] | the state of one WebSocket connection |
//! | [`orders`] | the open orders of a connection, for cancel on disconnect |
//!
//! What is *not* here: FIX, which has a codec of its own.

pub mod authorization;
pub mod grant;
pub mod http;
pub mod methods;
pub mod orders;
pub mod reply;
pub mod rpc;
pub mod scope;
pub mod socket;
pub mod tokens;

#[cfg(test)]
mod tests;
