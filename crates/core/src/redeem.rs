//! Showing a token of ours: once only where it is for getting new tokens.
//!
//! A refresh token that may be used twice gives a thief of it as long a life as its owner. Of the tokens of one key, the spent ones
//! are remembered for ever by the time they were made at, as nonces are ([`crate::nonce`]): the [`NONCE_WINDOW_MAX`] latest one by
//! one, and all before those count as spent.
//!
//! What is *not* here: tokens for requests, which may be shown any number of times ([`verify_token`]).

use std::sync::Arc;

use crate::credential::Credential;
use crate::limits::NONCE_WINDOW_MAX;
use crate::nonce::NoncePolicy;
use crate::presented::Effect;
use crate::reject::Refusal;
use crate::token::{Token, TokenKind};
use crate::verify::{VerifiedIdentity, VerifyContext, verify_token};

/// Refresh tokens are counted apart from the nonces of signed requests, whose epochs count up from zero.
const REFRESH_EPOCH: u32 = u32::MAX;

/// Turns a token of ours into an identity, and spends it if it is a refresh token. `channel` is the binding value of the connection
/// it came on.
///
/// # Errors
/// As [`verify_token`]; [`Reject::Replayed`](crate::Reject::Replayed) for a refresh token that was used before, or that is older than
/// the last [`NONCE_WINDOW_MAX`] used ones of its key.
pub fn redeem_token(
    token: &Token,
    credential: Option<&Arc<Credential>>,
    channel: Option<&[u8; 32]>,
    context: &VerifyContext<'_>,
) -> Result<VerifiedIdentity, Refusal> {
    let identity = verify_token(token, credential, channel, context.remote, context.now.wall)?;
    match token.kind {
        TokenKind::Access | TokenKind::Connect => {}
        TokenKind::Refresh => {
            let policy = NoncePolicy { window: NONCE_WINDOW_MAX, epoch: REFRESH_EPOCH, floor: 0 };
            context.nonces.spend(&identity.credential().id, policy, token.issued.as_millis(), Effect::Write)?;
        }
    }
    Ok(identity)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::id::{AccountId, ApiKeyId, CredentialId};
    use crate::nonce::MemoryNonceGuard;
    use crate::purpose::Purpose;
    use crate::reject::Reject;
    use crate::replay::MemoryReplayGuard;
    use crate::scope::Scopes;
    use crate::time::{Monotonic, Now, Timestamp};
    use crate::verifier::Verifier;

    fn credential() -> Arc<Credential> {
        Arc::new(Credential {
            scopes: Scopes::parse("account:read order:write").unwrap(),
            ..Credential::new(
                CredentialId::parse("cred-1").unwrap(),
                AccountId::parse("desk").unwrap(),
                Purpose::Deribit,
                ApiKeyId::parse("key-1").unwrap(),
                Verifier::hmac_sha256(b"secret"),
            )
        })
    }

    fn token(kind: TokenKind, issued_ms: u64) -> Token {
        Token {
            kind,
            purpose: Purpose::Deribit,
            credential: CredentialId::parse("cred-1").unwrap(),
            key_id: ApiKeyId::parse("key-1").unwrap(),
            issued: Timestamp::from_millis(issued_ms),
            expires: Timestamp::from_secs(1_700_000_900),
            scopes: Some(Scopes::parse("order:read order:write").unwrap()),
            channel: None,
            session: None,
            id: [3; 16],
        }
    }

    #[test]
    fn a_refresh_token_is_used_once_and_an_access_token_again_and_again() {
        let (replay, nonces) = (MemoryReplayGuard::default(), MemoryNonceGuard::default());
        let now = Now { wall: Timestamp::from_secs(1_700_000_000), mono: Monotonic::from_micros(1) };
        let context = VerifyContext { now, remote: None, replay: &replay, nonces: &nonces };
        let credential = credential();
        let redeem = |token: &Token| redeem_token(token, Some(&credential), None, &context).map_err(|refusal| refusal.reject);
        for _ in 0..2 {
            redeem(&token(TokenKind::Access, 5)).unwrap();
        }
        redeem(&token(TokenKind::Refresh, 9)).unwrap();
        assert_eq!(redeem(&token(TokenKind::Refresh, 9)).unwrap_err(), Reject::Replayed);
        redeem(&token(TokenKind::Refresh, 8)).unwrap();
        assert_eq!(redeem(&token(TokenKind::Refresh, 8)).unwrap_err(), Reject::Replayed);
    }

    #[test]
    fn a_token_gives_no_more_than_both_it_and_its_credential_may() {
        let (replay, nonces) = (MemoryReplayGuard::default(), MemoryNonceGuard::default());
        let context = VerifyContext { now: Now::default(), remote: None, replay: &replay, nonces: &nonces };
        let identity = redeem_token(&token(TokenKind::Access, 5), Some(&credential()), None, &context).unwrap();
        assert_eq!(identity.scopes().to_string(), "order:write");
        let again = identity.recheck(Some(&credential()), None, Timestamp::default()).unwrap();
        assert_eq!(again.scopes().to_string(), "order:write", "a second look gives nothing back");
        let wider = Scopes::parse("account:read order:write").unwrap();
        assert_eq!(identity.narrowed_to(&wider).scopes().to_string(), "order:write");
    }
}
