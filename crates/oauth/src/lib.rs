//! The rules of tokens, without a socket, a clock or a store: what a request to the token endpoint says, what proves that it comes
//! from the owner of a key, what a token is bound to, and when a refresh token may be used again.
//!
//! ```text
//!   body ──Form──▶ TokenRequest ──assertion::present──▶ Presented ──core::verify──▶ VerifiedIdentity
//!   DPoP header ──dpop::verify──▶ thumbprint ─┐
//!   client certificate, TLS exporter ─────────┴─▶ Held ──▶ Confirmation (`cnf`) ──▶ AccessClaims, Family
//!   refresh token ──RefreshKey::read──▶ RefreshTicket ──Family::present──▶ Rotate | Repeat | Reuse | Over
//! ```
//!
//! | module | standard |
//! |---|---|
//! | [`request`], [`form`], [`error`] | RFC 6749, 7523, 8693, 8707 |
//! | [`assertion`] | RFC 7521, 7523 |
//! | [`dpop`] | RFC 9449 |
//! | [`confirmation`] | RFC 7800, 8705, 9449 |
//! | [`claims`] | RFC 9068 |
//! | [`family`], [`refresh`] | RFC 9700, 4.14 |
//! | [`revocation`] | RFC 7009 |
//!
//! What is *not* here: signing and verifying access tokens (the gateway has the keys), and the decision who somebody is: an
//! assertion is presented to `core::verify` as every other proof is.

pub mod assertion;
pub mod claims;
pub mod confirmation;
pub mod dpop;
pub mod error;
pub mod family;
pub mod form;
pub mod limits;
pub mod refresh;
pub mod request;
pub mod revocation;

pub use claims::AccessClaims;
pub use confirmation::{Confirmation, Held, Thumbprint};
pub use dpop::DpopProof;
pub use error::{OAuthError, OAuthRefusal, Part};
pub use family::{Family, Verdict};
pub use form::Form;
pub use refresh::{RefreshKey, RefreshTicket};
pub use request::{Grant, TokenRequest};
pub use revocation::{BY_OPERATOR, Revocation, RevocationTarget, Revocations};
