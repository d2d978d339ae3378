//! Emergency shutdown: what is halted, who may lift it, and how a node stops itself.
//!
//! ```text
//!   raise (one operator, a client for its own, a file)          lift (k of n operators, ADR 0023)
//!        │ at once, on this node                                     │ proposal ─▶ signatures ─▶ Agreed
//!        ▼                                                           ▼ only if the epoch is still the one signed
//!   HaltSet ── join ──▶ HaltSet                                  store: epoch + 1 ──▶ every node reads it
//!        │ compile
//!        ▼
//!   HaltView ── decide(who, Risk) ──▶ pass | the halt that stops it          Lane: requests under way, for the barrier
//!        ▲
//!   HaltNode: unknown until read; unknown when the lease ran out; unknown while an epoch is missing
//! ```
//!
//! | action | stops reads | cancels | reductions | everything else |
//! |---|---|---|---|---|
//! | `cancel-only` (default) | | | | yes |
//! | `deny-new` | | | yes | yes |
//! | `freeze` | | yes | yes | yes |
//! | `disconnect` | yes | yes | yes | yes; logins too, and open connections are cut |
//!
//! A node that does not know the halts lets cancels pass and nothing else that writes (`deny-new`): trapping a trader in a
//! position is a risk of its own, and a halt it did not hear of may be one of reductions.
//!
//! # Invariants
//! 1. Stopping needs nobody's consent and no network; a halt never ends by itself.
//! 2. States merge by a join: in any order, any number of times, the result is the same (`tests/it/lattice.rs`).
//! 3. A halt gets weaker only by a lift that was committed under a higher epoch; only [`OperatorSet::agree`] makes the [`Agreed`]
//!    that a store takes.
//! 4. A node that heard nothing for [`limits::LEASE_LIFE`], counted from before it asked, passes no new orders.
//!
//! What is *not* here: sockets, clocks, threads, storage. Where to start: [`set`], then [`node`].

pub mod action;
pub mod error;
pub mod halt;
pub mod lane;
pub mod lease;
pub mod lift;
pub mod limits;
pub mod node;
pub mod notice;
pub mod operators;
pub mod roll;
pub mod scope;
pub mod set;
pub mod statistics;
pub mod view;
mod wire;
pub mod words;

pub use action::Action;
pub use error::{HaltError, LiftError};
pub use halt::{Halt, HaltClass, HaltId, RaisedBy, Reason};
pub use lane::{Generation, Lane, LaneHand};
pub use lease::Lease;
pub use lift::{Lift, LiftId, OperatorSignature};
pub use node::{HaltNode, Posture, Unknown};
pub use notice::{Change, HaltRecord, NoticeKey};
pub use operators::{Agreed, Operator, OperatorSet};
pub use roll::{NodeState, Progress, Roll, RollRow, Standing};
pub use scope::HaltScope;
pub use set::{Entry, HaltSet, Lowered};
pub use statistics::Spread;
pub use view::{HaltView, Hit, Subject};
