//! The welcome is sent; the client has not confirmed the contract yet.

use countersign_core::{Monotonic, Now, Refusal, Reject};

use crate::limits;
use crate::transcript::ContractHash;

/// Waits for the contract hash: in `ready`, or as `ch` of the first application message.
#[derive(Debug)]
#[must_use]
pub struct AwaitReady {
    ch: ContractHash,
    pipe: bool,
    deadline: Option<Monotonic>,
}

/// The client accepted exactly this contract.
#[derive(Debug)]
#[must_use]
pub struct Open {
    ch: ContractHash,
}

impl Open {
    /// The contract hash.
    #[must_use]
    pub const fn ch(&self) -> &ContractHash {
        &self.ch
    }
}

impl AwaitReady {
    pub(super) fn new(ch: ContractHash, pipe: bool, now: Now) -> Self {
        // A client that pipelines has said what it insists on; its contract needs no confirmation in time.
        let deadline = (!pipe).then(|| now.mono.saturating_add(limits::READY_DEADLINE));
        Self { ch, pipe, deadline }
    }

    /// The client names the contract it accepted.
    ///
    /// # Errors
    /// [`Reject::UnexpectedMessage`] for another contract: somebody is between us, or the client is broken.
    pub fn ready(self, ch: &str) -> Result<Open, Refusal> {
        // HS-38
        if aws_lc_rs::constant_time::verify_slices_are_equal(self.ch.text().as_bytes(), ch.as_bytes()).is_ok() {
            return Ok(Open { ch: self.ch });
        }
        Err(Refusal::operator(Reject::UnexpectedMessage, "the client confirms another contract"))
    }

    /// An application message without a contract hash.
    ///
    /// # Errors
    /// [`Reject::UnexpectedMessage`] unless the signed hello announced it (`pipe`).
    pub fn application(&self) -> Result<(), Refusal> {
        // HS-39
        if self.pipe { Ok(()) } else { Err(Reject::UnexpectedMessage.into()) }
    }

    /// When to call [`Self::handle_timeout`].
    #[must_use]
    pub const fn poll_timeout(&self) -> Option<Monotonic> {
        self.deadline
    }

    /// Whether the confirmation took too long.
    ///
    /// # Errors
    /// [`Reject::AuthDeadline`].
    pub fn handle_timeout(&self, now: Now) -> Result<(), Refusal> {
        if self.deadline.is_some_and(|deadline| now.mono >= deadline) { Err(Reject::AuthDeadline.into()) } else { Ok(()) }
    }
}
