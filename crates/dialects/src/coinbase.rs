//! Coinbase Advanced Trade with keys of the Coinbase Developer Platform: one short-lived JWT per request or per frame.
//!
//! ```text
//!   Authorization: Bearer base64url(header) . base64url(claims) . base64url(signature)
//!                         └─────────────── signed as sent ────┘
//!   header  alg ES256|EdDSA, kid = key, nonce = random       claims  sub = kid, nbf, exp = nbf + 120, uri|uris = METHOD host/path
//! ```
//!
//! | file | holds |
//! |---|---|
//! | [`jwt`] | a compact JWS, read strictly |
//! | [`rest`] | what a request says about itself |
//! | [`socket`] | the state of one WebSocket connection |
//! | [`reject_body`] | refusals as the venue writes them |
//! | [`routes`] | endpoints and channels |
//!
//! What is *not* here: the HMAC keys of Coinbase Exchange and of old ccxt releases, which are credentials of another purpose.

pub mod jwt;
pub mod reject_body;
pub mod rest;
pub mod routes;
pub mod socket;

#[cfg(test)]
mod tests;
