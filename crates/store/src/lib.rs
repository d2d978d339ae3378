//! What must last, and what must be found again after a crash.
//!
//! ```text
//!   StateDir ── lock        one gateway per folder
//!      ├─ Store             SQLite or PostgreSQL: accounts, credentials (secrets sealed), their history, sessions, refresh families, revocations
//!      ├─ HaltStore         the same database: halts, their epoch and log, lifts; connections of its own
//!      ├─ AuditLog          chained JSON lines, one writer thread, bounded queue; fails closed
//!      ├─ JournaledMessageStore  sequence numbers and messages of one FIX session; a number is on the disk before it is on the wire
//!      └─ JournaledReplayGuard   the replay guard of memory, and a journal of accepted writes for the next process
//! ```
//!
//! [`SharedReplayGuard`] and [`SharedNonceGuard`] are the guards of several nodes, over Redis or Valkey ([`shared`]).
//!
//! What is *not* here: decisions. This crate keeps what `countersign-core` decides with, and says plainly when it cannot:
//! a [`StoreError`] is a sentence for the operator, and towards a client always [`Reject::StoreUnavailable`] or
//! [`Reject::AuditUnavailable`], never a bad key.
//!
//! [`Reject::StoreUnavailable`]: countersign_core::Reject::StoreUnavailable
//! [`Reject::AuditUnavailable`]: countersign_core::Reject::AuditUnavailable

pub mod audit;
mod db;
pub mod error;
pub mod files;
pub mod fix;
pub mod halts;
pub mod journal;
pub mod limits;
pub mod migrate;
pub mod nonces;
pub mod notices;
pub mod record;
mod schema;
pub mod sealing;
pub mod shared;
pub mod state_dir;
pub mod store;

pub use countersign_audit_tree::AuditKey;

pub use audit::{
    AuditEntry, AuditEvent, AuditFilter, AuditHealth, AuditLog, AuditRecord, AuditTags, AuditText, AuditUnavailable, ChannelParameters,
};
pub use db::address::DatabaseAddress;
pub use error::StoreError;
pub use fix::bridge::BridgeJournals;
pub use fix::pair::{CommitError, Side as FixSide, Touch};
pub use fix::records::FixRecords;
pub use fix::wills::LostWill;
pub use fix::{JournaledMessageStore, KeptEnd, Left as FixLeft, OpenError, SharedMessageStore};
pub use halts::{HaltRead, HaltStore, Nodes as HaltNodes, StoredLift};
pub use journal::JournaledReplayGuard;
pub use nonces::{JournaledNonceGuard, Key as NonceKey, LocalNonces};
pub use notices::{Notice, Notices};
pub use record::{
    AccountRecord, Change, CredentialRecord, HeldSession, KeyChange, KeyChangeKind, Material, NewCredential, PolicyUpdate, SessionRecord,
};
pub use sealing::SealingKey;
pub use shared::mirror::SessionMirror;
pub use shared::{SharedMemory, SharedNonceGuard, SharedRates, SharedReplayGuard, SharedServer};
pub use state_dir::{StateDir, StateLock};
pub use store::{
    CallName, CancelAnswer, CancelCall, CancelCalls, CommonIdentity, DrillAnswer, NewCancel, Presented, Store, StoredDrill, UnreadableCall,
    generate_secret,
};
