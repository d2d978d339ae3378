//! Who it is, and what they may do: the decisions of the gateway, without its sockets.
//!
//! Every way to log in, native handshake or exchange dialect, ends in the same three steps, and each step is a type that only
//! the step before can make:
//!
//! ```text
//!   bytes ──dialect/handshake──▶ Presented ──verify──▶ VerifiedIdentity ──policy──▶ Permit ──▶ forwarder
//!           (says who, finds the            (signature, window,            (scope, route,
//!            signature and the               replay, state, IP)             nothing else forwards)
//!            signed bytes)
//! ```
//!
//! What is *not* here: sockets, files, clocks, randomness, logging set-up. Time comes in as [`Timestamp`] and [`Monotonic`],
//! randomness through [`Entropy`]. The build checks it (`cargo xtask arch`).
//!
//! Where to start reading: [`verify()`] (the one verification path), then [`reject`] (the one list of refusals).

pub mod address;
pub mod algorithm;
pub mod civil;
pub mod confirmation;
pub mod credential;
pub mod dpop;
pub mod entropy;
pub mod ethereum;
pub mod id;
pub mod issuer;
pub mod jwks;
pub mod jwt;
pub mod limits;
pub mod mass_cancel;
pub mod nonce;
pub mod policy;
pub mod presented;
pub mod public_key;
pub mod purpose;
pub mod rate;
pub mod redeem;
pub mod reject;
pub mod replay;
pub mod risk;
pub mod scope;
pub mod secret;
pub mod time;
pub mod token;
pub mod verifier;
pub mod verify;

pub use address::IpAllowList;
pub use algorithm::Algorithm;
pub use confirmation::{Confirmation, Thumbprint};
pub use credential::{Binding, Credential, CredentialState, KeyRate};
pub use dpop::{DpopExpectation, DpopNonces, DpopProof, DpopShown};
pub use entropy::Entropy;
pub use ethereum::Address;
pub use id::{AccountId, ApiKeyId, CorrelationId, CredentialId, SessionId};
pub use issuer::{AccountRule, IssuedToken, Issuer};
pub use jwks::KeySet;
pub use jwt::Jwt;
pub use mass_cancel::{CancelPermit, authorize_mass_cancel};
pub use nonce::{MemoryNonceGuard, NonceGuard, NoncePolicy, NonceWindow};
pub use policy::{Access, Permit, Requirement, authorize, authorize_needing, permit_public};
pub use presented::{Effect, Freshness, NonceClock, Once, Presented, PresentedPassphrase, PresentedSignature, SignatureForm, SignedBytes};
pub use public_key::{KeyFormat, KeyType, PublicKey, PublicKeyError, VerifyingKey};
pub use purpose::{Purpose, SecretEncoding};
pub use redeem::redeem_token;
pub use reject::{AlertCode, Blame, Detail, Refusal, Reject};
pub use replay::{MemoryReplayGuard, ReplayGuard, ReplayId};
pub use risk::Risk;
pub use scope::{Scope, Scopes};
pub use secret::Secret;
pub use time::{Monotonic, Now, Timestamp};
pub use token::{Token, TokenKind, TokenSealer};
pub use verifier::{MacKey, Verifier};
pub use verify::{
    CertificateClaim, NamedKey, Possession, PresentedResumption, VerifiedIdentity, VerifyContext, inherit, name_key, verify,
    verify_certificate, verify_issued, verify_listener, verify_resumption, verify_token,
};
