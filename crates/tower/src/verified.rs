//! What the service behind finds in a request that passed.

use std::net::IpAddr;
use std::sync::Arc;

use countersign_core::{AccountId, Permit, VerifiedIdentity};

/// Proof that a request may pass: an extension of it. Only [`Gate::judge`](crate::Gate::judge) makes one, so a handler that has one needs
/// no check, and a client cannot bring one.
///
/// ```compile_fail
/// # fn of(permit: countersign_tower::core::Permit) -> countersign_tower::Verified {
/// countersign_tower::Verified(std::sync::Arc::new(permit))
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Verified(Arc<Permit>);

impl Verified {
    pub(crate) fn new(permit: Permit) -> Self {
        Self(Arc::new(permit))
    }

    /// Who; `None` on a public endpoint.
    #[must_use]
    pub fn identity(&self) -> Option<&VerifiedIdentity> {
        self.0.identity()
    }

    /// Whose orders and balances; `None` on a public endpoint.
    #[must_use]
    pub fn account(&self) -> Option<&AccountId> {
        self.0.account()
    }

    /// The permit: for this request and no other.
    pub fn permit(&self) -> &Permit {
        &self.0
    }
}

/// Where a request came from: an extension of it, put there by whoever accepted the connection. Allow-lists of keys need it, so without
/// it nothing that is signed passes.
///
/// # Security
/// The address of the connection, or what a proxy that you trust says of it. Never a header that a client can send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientAddress(pub IpAddr);
