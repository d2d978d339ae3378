//! `countersign/1`: the native handshake, without its sockets.
//!
//! One idea: the session is a contract, and both sides sign the same contract over the same TLS channel.
//!
//! ```text
//!   client                                                    gateway
//!     │ ◀──────────── nonce cs1n (modes sep and chl) ─────────── │   volunteered, costs no round trip
//!     │ ──── hello cs1h: key, wishes, hard limits ─────────────▶ │   signed over label ‖ T0 ‖ H(hello), T0 = channel
//!     │ ──── (first messages, if `pipe`) ──────────────────────▶ │   held until the proof is judged
//!     │ ◀──── welcome cs1w: the whole contract; sec beside it ── │   signed over label ‖ T1 ‖ H(welcome), T1 = H(T0 ‖ H(hello))
//!     │ ──── ready: ch = H(T1 ‖ H(welcome)) ───────────────────▶ │   both know that both hold the same contract
//!     ╳                     connection lost                      ╳
//!     │ ──── resume cs1r: ticket, where I stand ───────────────▶ │   MAC under the session secret over label ‖ T0' ‖ H(resume)
//!     │ ◀──── welcome cs1w: the same contract; sec anew ──────── │   and, unasked, what the client missed
//! ```
//!
//! What is here: tokens, transcript, channel binding, nonces, the gateway's delegated key, negotiation, and one state machine
//! for each side. What is not: sockets, clocks, randomness, the look-up of keys, the verification of proofs
//! ([`countersign_core::verify`]), access tokens, and the life of the open session (crate `countersign-session`).
//!
//! The specification is `docs/spec/handshake.md`; `HS-<n>` in comments and tests are its requirements.
//! Where to start reading: [`server`] and [`client`], then [`transcript`].

pub mod binding;
pub mod client;
pub mod contract;
pub mod credential_file;
pub mod delegation;
pub mod encoding;
pub mod error;
pub mod frame;
pub mod hello;
pub mod label;
pub mod limits;
pub mod need;
pub mod negotiate;
pub mod nonce;
pub mod renewal;
pub mod resume;
mod secret_text;
mod secrets;
pub mod server;
pub mod signing_key;
pub mod strict_json;
pub mod ticket;
pub mod token;
pub mod transcript;
pub mod welcome;

pub use binding::Channel;
pub use client::{AwaitRegrant, AwaitWelcome, ClientConfig, ClientHandshake, ClientSession, ClientStep, Resumption};
pub use contract::{Choice, Contract, Quantity};
pub use credential_file::{CredentialFile, CredentialFileError};
pub use delegation::{Delegation, DelegationError, GatewayIdentity};
pub use error::HandshakeError;
pub use frame::{ClientFrame, ErrorContext, ServerError, ServerFrame};
pub use hello::Hello;
pub use need::{Need, Offer, Want};
pub use negotiate::{Entitlements, HostPolicy, NeedUnmet, negotiate, renew};
pub use nonce::NonceKeys;
pub use renewal::{Reauth, Regrant};
pub use resume::Resume;
pub use secret_text::SecretText;
pub use secrets::SessionSecrets;
pub use server::{
    Authorities, AwaitReady, AwaitRenewal, AwaitResumption, AwaitVerification, Continuation, Declined, Established, FirstToken, Open,
    Renewable, Renewed, ServerConfig, ServerHandshake, Terms, TokenContext,
};
pub use signing_key::{ClientKey, KeyError, Signer, SigningKey};
pub use ticket::{Ticket, TicketKeys};
pub use token::{Kind, Token, TokenError};
pub use transcript::{ContractHash, Transcript};
pub use welcome::{Gap, GapHow, Numbers, Welcome};

/// The ALPN protocol name of raw TLS connections.
pub const ALPN: &[u8] = b"countersign/1";

/// The HTTP authentication scheme that carries a hello.
pub const HTTP_SCHEME: &str = "Countersign";

/// The HTTP authentication scheme that carries an access token on a connection already proven.
pub const HTTP_TOKEN_SCHEME: &str = "Countersign-Token";
