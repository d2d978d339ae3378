//! From identity to permission. Forwarding takes a [`Permit`], and only this module makes one.

use std::sync::Arc;

use crate::id::AccountId;
use crate::reject::{Detail, Refusal, Reject};
use crate::scope::{Scope, Scopes};
use crate::verify::VerifiedIdentity;

/// Who may use a route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Access {
    /// Anybody: the venue publishes it (exchange information, public market data). An explicit word in the configuration,
    /// never a default.
    Public,
    /// Whoever has the scope.
    Scoped(Scope),
}

/// What a route demands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Requirement {
    /// The route's name in the configuration, for audit and metrics.
    pub route: Arc<str>,
    /// Who may use it.
    pub access: Access,
    /// Where its requests go: an index into the shell's list of upstreams. It is here so that a permit names it too, and nothing
    /// that is permitted for one upstream can be sent to another.
    pub upstream: usize,
}

/// Permission to forward one request, or the messages of one kind on one session. It cannot be made elsewhere, copied or
/// stored with a session beyond the request it was made for.
#[derive(Debug)]
#[must_use]
pub struct Permit {
    identity: Option<VerifiedIdentity>,
    route: Arc<str>,
    upstream: usize,
}

impl Permit {
    fn of(identity: Option<VerifiedIdentity>, requirement: &Requirement) -> Self {
        Self { identity, route: Arc::clone(&requirement.route), upstream: requirement.upstream }
    }

    /// Who passes; `None` on a public route.
    #[must_use]
    pub const fn identity(&self) -> Option<&VerifiedIdentity> {
        self.identity.as_ref()
    }

    /// Whose orders and balances; `None` on a public route.
    #[must_use]
    pub fn account(&self) -> Option<&AccountId> {
        self.identity.as_ref().map(VerifiedIdentity::account)
    }

    /// The route it was made for.
    #[must_use]
    pub fn route(&self) -> &str {
        &self.route
    }

    /// The upstream of that route, as [`Requirement::upstream`] has it.
    #[must_use]
    pub const fn upstream(&self) -> usize {
        self.upstream
    }
}

/// Permits a verified identity to use a route. `granted` is what the session was granted, where there is a session contract;
/// a contract can only narrow what the credential has.
///
/// # Errors
/// [`Reject::ScopeMissing`], naming the scope: the identity is proved, so the answer is exact.
pub fn authorize(identity: &VerifiedIdentity, granted: Option<&Scopes>, requirement: &Requirement) -> Result<Permit, Refusal> {
    if let Access::Scoped(scope) = &requirement.access {
        let held = identity.scopes().contains(scope) && granted.is_none_or(|scopes| scopes.contains(scope));
        if !held {
            return Err(Refusal::with(Reject::ScopeMissing, Detail::Names(vec![scope.to_string()])));
        }
    }
    Ok(Permit::of(Some(identity.clone()), requirement))
}

/// Permits anybody to use a public route.
///
/// # Errors
/// [`Reject::MissingCredentials`] when the route is not public.
pub fn permit_public(requirement: &Requirement) -> Result<Permit, Refusal> {
    match requirement.access {
        Access::Public => Ok(Permit::of(None, requirement)),
        Access::Scoped(_) => Err(Reject::MissingCredentials.into()),
    }
}
