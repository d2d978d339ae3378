//! Whose an address is, for the embedded venue: at Hyperliquid users are public, and named by an address.

use countersign_core::{ApiKeyId, CredentialState, Purpose, Timestamp};
use countersign_gateway::shared::CredentialTable;

/// The account of the key in use that is named by an address.
///
/// # Security
/// Whoever asks is told all of the account. A key that was revoked, suspended or has ended must not go on telling it.
pub(super) fn owner_of(table: &CredentialTable, address: &str, now: Timestamp) -> Option<String> {
    let key = ApiKeyId::parse(address).ok()?;
    let credential = &table.find(Purpose::Hyperliquid, &key)?.credential;
    let in_use = credential.state == CredentialState::Active && credential.not_after.is_none_or(|end| now < end);
    in_use.then(|| credential.account.as_str().to_owned())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use countersign_core::{AccountId, Binding, Credential, CredentialId, Scopes, Verifier};

    use super::*;

    const ADDRESS: &str = "0x19e7e376e7c213b7e7e7e46cc70a5dd086daff2a";

    fn owner(state: CredentialState, not_after: Option<u64>, now: u64) -> Option<String> {
        let credential = Credential {
            scopes: Scopes::parse("order:read").unwrap(),
            min_bind: Binding::Sep,
            not_after: not_after.map(Timestamp::from_secs),
            state,
            ..Credential::new(
                CredentialId::parse("wallet").unwrap(),
                AccountId::parse("desk").unwrap(),
                Purpose::Hyperliquid,
                ApiKeyId::parse(ADDRESS).unwrap(),
                Verifier::hmac_sha256(b"any"),
            )
        };
        let table = CredentialTable::new([credential], &CredentialTable::default());
        owner_of(&table, ADDRESS, Timestamp::from_secs(now))
    }

    #[test]
    fn only_a_key_in_use_tells_whose_an_address_is() {
        let desk = Some("desk".to_owned());
        assert_eq!(owner(CredentialState::Active, None, 100), desk);
        assert_eq!(owner(CredentialState::Active, Some(101), 100), desk);
        assert_eq!(owner(CredentialState::Active, Some(100), 100), None, "ended");
        assert_eq!(owner(CredentialState::Revoked, None, 100), None);
        assert_eq!(owner(CredentialState::Suspended, None, 100), None);
    }

    #[test]
    fn what_is_no_key_is_nobodys() {
        assert_eq!(owner_of(&CredentialTable::default(), ADDRESS, Timestamp::from_secs(1)), None);
    }
}
