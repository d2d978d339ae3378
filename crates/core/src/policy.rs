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
    authorize_needing(identity, granted, requirement, None)
}

/// The same of a request that says itself what it needs: that scope in place of [`Scope::ORDER_WRITE`], and beside any other that the
/// route demands. So what trades does not move funds on an endpoint that takes both, and an operator's own scope stays in force.
///
/// # Errors
/// As [`authorize`].
pub fn authorize_needing(
    identity: &VerifiedIdentity,
    granted: Option<&Scopes>,
    requirement: &Requirement,
    needed: Option<&str>,
) -> Result<Permit, Refusal> {
    let of_route = match &requirement.access {
        Access::Public => None,
        Access::Scoped(scope) => Some(scope.as_str()).filter(|scope| needed.is_none() || *scope != Scope::ORDER_WRITE),
    };
    for scope in of_route.into_iter().chain(needed) {
        let has = |scopes: &Scopes| scopes.iter().any(|held| held.as_str() == scope);
        if !(has(identity.scopes()) && granted.is_none_or(has)) {
            return Err(Refusal::with(Reject::ScopeMissing, Detail::Names(vec![scope.to_owned()])));
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::credential::Credential;
    use crate::id::{ApiKeyId, CredentialId};
    use crate::purpose::Purpose;
    use crate::time::Timestamp;
    use crate::verifier::Verifier;
    use crate::verify::{CertificateClaim, verify_certificate};

    fn identity(scopes: &str) -> VerifiedIdentity {
        let key_id = ApiKeyId::parse("cn").unwrap();
        let credential = Arc::new(Credential {
            scopes: Scopes::parse(scopes).unwrap(),
            ..Credential::new(
                CredentialId::parse("cred-1").unwrap(),
                AccountId::parse("desk").unwrap(),
                Purpose::ClientCertificate,
                key_id.clone(),
                Verifier::Certificate,
            )
        });
        verify_certificate(&CertificateClaim { key_id }, Some(&credential), None, Timestamp::from_secs(1)).unwrap()
    }

    fn lacks(scopes: &str, granted: Option<&str>, of_route: &str, needed: Option<&str>) -> Option<String> {
        let access = Access::Scoped(Scope::parse(of_route).unwrap());
        let requirement = Requirement { route: "POST /exchange".into(), access, upstream: 0 };
        let granted = granted.map(|granted| Scopes::parse(granted).unwrap());
        let refusal = authorize_needing(&identity(scopes), granted.as_ref(), &requirement, needed).err()?;
        let Detail::Names(names) = refusal.detail else { panic!("{refusal:?}") };
        Some(names.join(" "))
    }

    #[test]
    fn what_a_request_needs_itself_is_in_place_of_trading_and_beside_anything_else() {
        let withdraw = Some(Scope::FUNDS_WITHDRAW);
        let lacking = |scope: &str| Some(scope.to_owned());
        assert_eq!(lacks("order:write", None, "order:write", None), None);
        assert_eq!(lacks("order:write", None, "order:write", withdraw), lacking("funds:withdraw"), "who trades moves no funds");
        assert_eq!(lacks("funds:withdraw", None, "order:write", withdraw), None);
        assert_eq!(lacks("funds:withdraw", None, "order:write", None), lacking("order:write"), "and the reverse");
        assert_eq!(lacks("funds:withdraw", None, "house:rules", withdraw), lacking("house:rules"));
        assert_eq!(lacks("funds:withdraw house:rules", None, "house:rules", withdraw), None);
        assert_eq!(lacks("funds:withdraw", Some("order:write"), "order:write", withdraw), lacking("funds:withdraw"), "a contract narrows");
    }
}
