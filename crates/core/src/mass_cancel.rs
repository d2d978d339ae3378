//! What a halt that cancels may ask of a venue: that resting orders of one account go. Nothing else.
//!
//! Nobody logged in for it: the operator stops somebody who may be away, or whose key is in the wrong hands. So there is no
//! [`VerifiedIdentity`](crate::VerifiedIdentity) and no [`Permit`](crate::Permit), and the type is one of its own: what takes a
//! `CancelPermit` can send the one question, and what forwards requests does not take it.

use std::sync::Arc;

use crate::credential::Credential;
use crate::id::AccountId;
use crate::policy::{Access, Requirement};
use crate::reject::{Detail, Refusal, Reject};
use crate::scope::Scopes;

/// Permission to cancel the resting orders of one account.
#[derive(Debug)]
#[must_use]
pub struct CancelPermit {
    credential: Arc<Credential>,
    scopes: Scopes,
    route: Arc<str>,
    upstream: usize,
}

impl CancelPermit {
    /// Whose orders.
    #[must_use]
    pub fn account(&self) -> &AccountId {
        &self.credential.account
    }

    /// The key in whose name the venue is asked.
    #[must_use]
    pub fn credential(&self) -> &Credential {
        &self.credential
    }

    /// The scope of the route, and no other of the key.
    #[must_use]
    pub const fn scopes(&self) -> &Scopes {
        &self.scopes
    }

    /// The route of mass cancels.
    #[must_use]
    pub fn route(&self) -> &str {
        &self.route
    }

    /// Where it leads.
    #[must_use]
    pub const fn upstream(&self) -> usize {
        self.upstream
    }
}

/// Permits to cancel the orders of a credential's account. Its state does not matter: whoever was revoked keeps no orders for that.
///
/// # Errors
/// [`Reject::ScopeMissing`] when the key could not have placed an order: then it is not in its name that orders are cancelled;
/// [`Reject::Internal`] when the route is public, which no route of orders is.
pub fn authorize_mass_cancel(credential: &Arc<Credential>, requirement: &Requirement) -> Result<CancelPermit, Refusal> {
    let Access::Scoped(scope) = &requirement.access else {
        return Err(Refusal::operator(Reject::Internal, "the route of mass cancels is public"));
    };
    if !credential.scopes.contains(scope) {
        return Err(Refusal::with(Reject::ScopeMissing, Detail::Names(vec![scope.to_string()])));
    }
    let scopes = Scopes::collect([scope.as_str()]).map_err(|_| Reject::Internal)?;
    Ok(CancelPermit { credential: Arc::clone(credential), scopes, route: Arc::clone(&requirement.route), upstream: requirement.upstream })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::credential::CredentialState;
    use crate::id::{ApiKeyId, CredentialId};
    use crate::purpose::Purpose;
    use crate::scope::Scope;
    use crate::verifier::Verifier;

    fn credential(scopes: &str, state: CredentialState) -> Arc<Credential> {
        Arc::new(Credential {
            scopes: Scopes::parse(scopes).unwrap(),
            state,
            ..Credential::new(
                CredentialId::parse("cred-1").unwrap(),
                AccountId::parse("desk").unwrap(),
                Purpose::Deribit,
                ApiKeyId::parse("key-1").unwrap(),
                Verifier::hmac_sha256(b"secret"),
            )
        })
    }

    fn route(access: Access) -> Requirement {
        Requirement { route: "order.cancel_all".into(), access, upstream: 3 }
    }

    fn orders() -> Access {
        Access::Scoped(Scope::parse(Scope::ORDER_WRITE).unwrap())
    }

    #[test]
    fn a_key_that_may_trade_lends_its_account_and_one_scope_even_when_it_was_revoked() {
        for state in [CredentialState::Active, CredentialState::Revoked, CredentialState::Suspended] {
            let permit = authorize_mass_cancel(&credential("account:read order:write", state), &route(orders())).unwrap();
            assert_eq!((permit.account().as_str(), permit.scopes().to_string(), permit.upstream()), ("desk", "order:write".to_owned(), 3));
            assert_eq!((permit.route(), permit.credential().key_id.as_str()), ("order.cancel_all", "key-1"));
        }
    }

    #[test]
    fn a_key_that_only_reads_and_a_public_route_permit_nothing() {
        let reads = authorize_mass_cancel(&credential("account:read", CredentialState::Active), &route(orders()));
        assert_eq!(reads.unwrap_err().reject, Reject::ScopeMissing);
        let public = authorize_mass_cancel(&credential("order:write", CredentialState::Active), &route(Access::Public));
        assert_eq!(public.unwrap_err().reject, Reject::Internal);
    }
}
