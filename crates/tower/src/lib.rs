#![doc = include_str!("../README.md")]
//!
//! # Inside
//!
//! ```text
//!   request ─▶ Rules ─▶ body, bounded ─▶ dialect ─▶ core::verify ─▶ core::authorize ─▶ rate ─▶ Verified ─▶ inner service
//!                │ no rule                  │                                                    │ a refusal
//!                └──────────────────────────┴───────────── in the venue's words ◀────────────────┘
//! ```
//!
//! Where to start reading: [`Gate`] (the decision, without tower), then [`CountersignLayer`].
//!
//! What is *not* here: TLS, audit log, tokens and WebSocket logins of venues, the native handshake. They need a connection or a
//! disk; `countersign-gateway` has both.

mod clock;
mod credentials;
mod gate;
mod layer;
mod limits;
mod rules;
mod verified;

pub use clock::{Clock, SystemClock};
pub use credentials::{Credentials, MemoryCredentials, Registered};
pub use gate::{Gate, GateBuilder, Refused};
pub use layer::{Countersign, CountersignLayer};
pub use limits::BODY_BYTES_MAX;
pub use rules::{Rule, Rules, RulesError};
pub use verified::{ClientAddress, Verified};

pub use countersign_core as core;
pub use countersign_dialects as dialects;
