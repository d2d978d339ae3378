//! Why a proof is refused: the text that should have been signed, and the mistake that explains the one that was.
//!
//! ```text
//!   input ──▶ request, frame or FIX message ──▶ dialect: who, which text, which window
//!                │                                   │
//!                ├─ checks: headers, units, framing  ├─ clock against the time of arrival
//!                └─ draft: the text in its parts ────┴─ search: which known mistake makes this signature ──▶ Report
//! ```
//!
//! The text that should be signed is the dialect's own (`Presented::signed`), and the verdict is that of `countersign_core::verify`: what
//! explains a request has no other opinion than what refuses it. Without a key the report says what is expected; with one (a shared
//! secret, a public key, an address) it recomputes the proof under every mistake of the [catalogue](Mistake) and names the one whose
//! result is the signature presented. Such a hit is proof, not a guess.
//!
//! What is *not* here: files, clocks, standard input: the shell brings the bytes and the time. No report holds a secret or a MAC that
//! would be right.
//!
//! Where to start reading: [`explain`], then `search`, then [`catalogue`].

pub mod catalogue;
mod check;
mod draft;
mod explain;
mod gateway;
mod hyperliquid;
pub mod input;
mod jwt;
mod kept;
mod keys;
pub mod limits;
mod moment;
mod recognize;
pub mod report;
mod request;
mod search;
mod signature;
mod text;
mod vary;

pub use catalogue::{Group, Mistake, Scope};
pub use explain::{Options, explain};
pub use input::{Input, InputError};
pub use kept::{Kept, Page, Told};
pub use report::{Finding, Report, Verdict, Weight};
pub use request::Request;
pub use text::text;
