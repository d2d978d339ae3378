//! By what a node let a request through, told to the upstream: a request that a node passed before it stood still can arrive after a
//! halt that everybody else has obeyed. Nothing that the node asks itself can find that; whoever receives the request can.
//!
//! ```text
//!   node    name of the node in the cluster          run    the process: a node that starts again counts anew
//!   lease   counts up when a lease of this process begins; while it is renewed in time, it stays
//!   epoch   that of the halts in force at the node: grows for all nodes with each halt and each lift
//! ```
//!
//! What an upstream does with it is in `docs/halts.md`.

use countersign_core::Timestamp;
use serde::Serialize;

/// The claim `fence` of identity tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Fence<'f> {
    /// The node.
    pub node: &'f str,
    /// Its process.
    pub run: &'f str,
    /// The number of its lease.
    pub lease: u64,
    /// The epoch of its halts.
    pub epoch: u64,
}

/// For whom, when and by what a token is made.
#[derive(Clone, Copy, Debug)]
pub struct Occasion<'o> {
    /// The upstream.
    pub audience: &'o str,
    /// By what the request passes.
    pub fence: Fence<'o>,
    /// Now.
    pub now: Timestamp,
}
