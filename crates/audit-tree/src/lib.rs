//! A log that cannot be edited unseen. No file, no clock: lines go in, verdicts and proofs come out.
//!
//! ```text
//!   line 0 ◀─prev─ line 1 ◀─prev─ line 2 ◀─prev─ line 3        chain: each line carries the hash of the one before
//!     │              │              │              │
//!   leaf hash      leaf hash      leaf hash      leaf hash      0x00 || line          (RFC 9162, section 2.1.1)
//!      └──── node ────┘              └──── node ────┘           0x01 || left || right
//!               └────────── root ──────────┘
//!                             │
//!                        TreeHead ──Ed25519──▶ SignedHead       the tree's size and root, and the time of its newest record
//! ```
//!
//! The hash that a line carries of the one before is that line's leaf hash: one hash per record serves chain and tree.
//! The canonical bytes of a record are its line as it stands in the file, without the line end.
//!
//! | part | in it |
//! |---|---|
//! | [`hash`] | leaf and node hashes |
//! | [`link`] | the members `n` and `prev` at the head of a line |
//! | [`frontier`] | the tree in logarithmic space |
//! | [`proof`] | inclusion and consistency: made in one pass over the leaves, verified offline |
//! | [`head`] | signed heads and their keys |
//! | [`tail`] | the records that no signed head covers yet |
//! | [`judge`] | reads lines in order and names what was changed, dropped, moved or cut off |
//! | [`evidence`] | the proof file: records, inclusion, a signed head, and what they say together |
//!
//! # Security
//! The chain alone stops nobody who rewrites the whole rest of a log: hashes have no key. Signed heads do. What lies behind the
//! newest signed head is protected by the chain only, so it is kept short ([`limits::UNSIGNED_MICROS_MAX`]), and a longer one is a fault.

pub mod evidence;
pub mod frontier;
pub mod hash;
pub mod head;
pub mod judge;
pub mod limits;
pub mod link;
pub mod proof;
pub mod tail;

pub use evidence::{Claim, Evidence, EvidenceError, Verdict};
pub use frontier::Frontier;
pub use hash::{Hash, leaf_hash, node_hash};
pub use head::{AuditKey, AuditKeyError, AuditPublicKey, SignedHead, TreeHead};
pub use judge::{Fault, Judge, Place, Report};
pub use link::Link;
pub use tail::Tail;
