#![allow(clippy::unwrap_used)]
use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde_json::Value;

use super::*;

mod algorithms;

const NOW: Timestamp = Timestamp::from_secs(1_790_000_000);
const FENCE: Fence<'_> = Fence { node: "east-1", run: "r", lease: 2, epoch: 17 };
const AT: Occasion<'_> = Occasion { audience: "venue", fence: FENCE, now: NOW };

struct Fixture {
    folder: tempfile::TempDir,
    issuer: IdentityIssuer,
    account: AccountId,
    key_id: ApiKeyId,
    scopes: Scopes,
    sid: SessionId,
}

impl Fixture {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self {
            issuer: IdentityIssuer::load_or_create(&folder.path().join("identity.pem")).unwrap(),
            folder,
            account: AccountId::parse("desk-1").unwrap(),
            key_id: ApiKeyId::parse("key-1").unwrap(),
            scopes: Scopes::parse("md:read order:write").unwrap(),
            sid: SessionId::from_bytes([7; 16]),
        }
    }

    fn path(&self) -> std::path::PathBuf {
        self.folder.path().join("identity.pem")
    }

    fn subject(&self) -> Subject<'_> {
        Subject { account: &self.account, key_id: &self.key_id, scopes: &self.scopes, purpose: Purpose::Native }
    }

    fn access_token(&self) -> String {
        self.issuer.mint_access_token(&self.account, &self.key_id, self.sid, "dDE", &self.scopes, NOW, Duration::from_secs(300))
    }
}

/// Reads a token as an upstream does: by a JWK set and nothing else.
fn as_upstream(jwks: &str, token: &str) -> Option<(Header, Value)> {
    let set: JwkSet = serde_json::from_str(jwks).ok()?;
    let header = jsonwebtoken::decode_header(token).ok()?;
    let key = DecodingKey::from_jwk(set.find(header.kid.as_deref()?)?).ok()?;
    let mut validation = Validation::new(header.alg);
    validation.validate_exp = false;
    validation.set_audience(&["venue"]);
    validation.set_issuer(&["countersign"]);
    let data = jsonwebtoken::decode::<Value>(token, &key, &validation).ok()?;
    Some((header, data.claims))
}

#[test]
fn an_upstream_verifies_a_token_with_the_published_keys() {
    let fixture = Fixture::new();
    let token = fixture.issuer.mint(fixture.subject(), Some((fixture.sid, &[9; 32])), AT);
    assert!(token.value.is_sensitive());
    assert_eq!(token.expires, Timestamp::from_secs(1_790_000_060));
    let (header, mut claims) = as_upstream(&fixture.issuer.jwks(), token.value.to_str().unwrap()).unwrap();
    assert_eq!(header.typ.as_deref(), Some("identity+jwt"));
    assert_eq!(header.kid.as_deref(), Some(fixture.issuer.kid().as_str()));
    assert_eq!(claims["jti"].take().as_str().unwrap().len(), 22);
    assert_eq!(
        claims,
        serde_json::json!({
            "iss": "countersign", "aud": "venue", "sub": "desk-1", "client_id": "key-1", "scope": "md:read order:write",
            "method": "native", "sid": fixture.sid.to_string(), "ch": URL_SAFE_NO_PAD.encode([9; 32]),
            "fence": {"node": "east-1", "run": "r", "lease": 2, "epoch": 17}, "iat": 1_790_000_000, "exp": 1_790_000_060, "jti": null,
        })
    );
}

#[test]
fn two_tokens_are_never_the_same() {
    let fixture = Fixture::new();
    let mint = || fixture.issuer.mint(fixture.subject(), None, AT).value;
    assert_ne!(mint(), mint());
}

#[test]
fn keys_are_published_before_use_and_after() {
    let fixture = Fixture::new();
    let before = fixture.issuer.jwks();
    let old = fixture.issuer.mint(fixture.subject(), None, AT);
    let old_access = fixture.access_token();
    fixture.issuer.rotate().unwrap();
    let new = fixture.issuer.mint(fixture.subject(), None, AT);
    assert!(as_upstream(&before, new.value.to_str().unwrap()).is_some(), "the new key was published before its use");
    assert!(as_upstream(&fixture.issuer.jwks(), old.value.to_str().unwrap()).is_some(), "the old key is still published");
    assert!(fixture.issuer.verify_access_token(&old_access, NOW).is_ok());
    fixture.issuer.rotate().unwrap();
    assert!(as_upstream(&fixture.issuer.jwks(), old.value.to_str().unwrap()).is_none(), "the oldest key is gone");
    assert_eq!(fixture.issuer.verify_access_token(&old_access, NOW), Err(AccessTokenError::Signature));
    assert_eq!(fixture.issuer.public_keys().len(), 3);
}

#[test]
fn a_restart_keeps_the_ring() {
    let fixture = Fixture::new();
    fixture.issuer.rotate().unwrap();
    let again = IdentityIssuer::load_or_create(&fixture.path()).unwrap();
    assert_eq!((again.kid(), again.jwks()), (fixture.issuer.kid(), fixture.issuer.jwks()));
    assert_eq!(std::fs::read_dir(fixture.folder.path()).unwrap().count(), 1, "no temporary file is left");
}

#[test]
fn the_key_file_is_for_its_owner_only() {
    let fixture = Fixture::new();
    let mode = |mode| std::fs::set_permissions(fixture.path(), std::fs::Permissions::from_mode(mode)).unwrap();
    assert_eq!(std::fs::metadata(fixture.path()).unwrap().permissions().mode() & 0o777, 0o600);
    mode(0o640);
    assert!(matches!(IdentityIssuer::load_or_create(&fixture.path()), Err(KeyFileError::Access { mode: 0o640, .. })));
    mode(0o400);
    assert!(IdentityIssuer::load_or_create(&fixture.path()).is_ok());
}

#[test]
fn a_key_of_the_operators_own_gets_a_successor() {
    let fixture = Fixture::new();
    let text = std::fs::read_to_string(fixture.path()).unwrap();
    let (first, _) = text.split_once("-----END PRIVATE KEY-----\n").unwrap();
    std::fs::write(fixture.path(), format!("{first}-----END PRIVATE KEY-----\n")).unwrap();
    let again = IdentityIssuer::load_or_create(&fixture.path()).unwrap();
    assert_eq!(again.kid(), fixture.issuer.kid());
    assert_eq!(again.public_keys().len(), 2);
}

#[test]
fn a_damaged_key_file_is_never_overwritten() {
    let fixture = Fixture::new();
    for content in ["", "text", "-----BEGIN PRIVATE KEY-----\n", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"] {
        std::fs::write(fixture.path(), content).unwrap();
        assert!(matches!(IdentityIssuer::load_or_create(&fixture.path()), Err(KeyFileError::Content { .. })), "{content}");
        assert_eq!(std::fs::read_to_string(fixture.path()).unwrap(), content);
    }
}

#[test]
fn an_access_token_comes_back_as_it_was_made() {
    let fixture = Fixture::new();
    let claims = fixture.issuer.verify_access_token(&fixture.access_token(), NOW).unwrap();
    assert_eq!((claims.account, claims.key_id, claims.sid), (fixture.account.clone(), fixture.key_id.clone(), fixture.sid));
    assert_eq!((claims.t1.as_str(), claims.scopes), ("dDE", fixture.scopes));
    assert_eq!((claims.issued, claims.expires), (NOW, Timestamp::from_secs(1_790_000_300)));
}

#[test]
fn an_access_token_ends() {
    let fixture = Fixture::new();
    let token = fixture.access_token();
    let at = |seconds: u64| fixture.issuer.verify_access_token(&token, Timestamp::from_secs(1_790_000_000 + seconds)).map(|_| ());
    assert_eq!(at(299), Ok(()));
    assert_eq!(at(300), Err(AccessTokenError::Expired));
    let long = fixture.issuer.mint_access_token(&fixture.account, &fixture.key_id, fixture.sid, "", &fixture.scopes, NOW, Duration::MAX);
    assert_eq!(fixture.issuer.verify_access_token(&long, NOW).unwrap().expires, Timestamp::from_secs(1_790_000_300));
}

#[test]
fn an_identity_token_is_never_an_access_token() {
    let fixture = Fixture::new();
    let token = fixture.issuer.mint(fixture.subject(), Some((fixture.sid, &[0; 32])), Occasion { audience: ISSUER, ..AT });
    assert_eq!(fixture.issuer.verify_access_token(token.value.to_str().unwrap(), NOW), Err(AccessTokenError::Type));
}

#[test]
fn no_other_algorithm_type_or_key_is_believed() {
    let fixture = Fixture::new();
    let token = fixture.access_token();
    let (head, rest) = token.split_once('.').unwrap();
    let (claims, signature) = rest.split_once('.').unwrap();
    let encode = |json: String| URL_SAFE_NO_PAD.encode(json);
    let kid = fixture.issuer.kid();
    let public = fixture.issuer.public_keys()[0].1;
    let with_hmac = {
        let mut header = Header::new(Algorithm::HS256);
        (header.typ, header.kid) = (Some("at+jwt".to_owned()), Some(kid.clone()));
        let claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).unwrap()).unwrap();
        jsonwebtoken::encode(&header, &claims, &EncodingKey::from_secret(&public)).unwrap()
    };
    for (forged, error) in [
        (with_hmac, AccessTokenError::Type),
        (format!("{}.{claims}.", encode(format!(r#"{{"typ":"at+jwt","alg":"none","kid":"{kid}"}}"#))), AccessTokenError::Malformed),
        (format!("{}.{claims}.{signature}", encode(format!(r#"{{"typ":"JWT","alg":"EdDSA","kid":"{kid}"}}"#))), AccessTokenError::Type),
        (format!("{}.{claims}.{signature}", encode(r#"{"typ":"at+jwt","alg":"EdDSA"}"#.to_owned())), AccessTokenError::Type),
        (
            format!("{}.{claims}.{signature}", encode(r#"{"typ":"at+jwt","alg":"EdDSA","kid":"other"}"#.to_owned())),
            AccessTokenError::Signature,
        ),
        (format!("{head}.{claims}."), AccessTokenError::Signature),
        (format!("{head}.{}.{signature}", &claims[..claims.len() - 4]), AccessTokenError::Signature),
        (format!("{head}.{claims}"), AccessTokenError::Malformed),
        (String::new(), AccessTokenError::Malformed),
        ("a".repeat(5_000), AccessTokenError::Malformed),
    ] {
        assert_eq!(fixture.issuer.verify_access_token(&forged, NOW), Err(error), "{forged}");
    }
}

#[test]
fn another_gateways_token_is_not_ours() {
    let token = Fixture::new().access_token();
    assert_eq!(Fixture::new().issuer.verify_access_token(&token, NOW), Err(AccessTokenError::Signature));
}

#[test]
fn nothing_secret_is_printed() {
    let fixture = Fixture::new();
    let shown = format!("{:?} {:?}", fixture.issuer, fixture.issuer.mint(fixture.subject(), None, AT));
    assert!(shown.contains(&fixture.issuer.kid()) && shown.contains("Sensitive") && !shown.contains("eyJ"), "{shown}");
}

/// An identity with a certificate, as verification makes it.
fn verified(scopes: &str) -> VerifiedIdentity {
    use countersign_core::{Binding, CertificateClaim, Credential, CredentialId, Verifier};
    let credential = Credential {
        scopes: Scopes::parse(scopes).unwrap(),
        min_bind: Binding::Sep,
        ..Credential::new(
            CredentialId::parse("cred-1").unwrap(),
            AccountId::parse("desk-1").unwrap(),
            Purpose::ClientCertificate,
            ApiKeyId::parse("key-1").unwrap(),
            Verifier::Certificate,
        )
    };
    let claim = CertificateClaim { key_id: credential.key_id.clone() };
    countersign_core::verify_certificate(&claim, Some(&std::sync::Arc::new(credential)), None, NOW).unwrap()
}

#[test]
fn a_cached_token_is_reused_for_half_its_life() {
    let fixture = Fixture::new();
    let identity = verified("md:read");
    let mut cached = CachedIdentity::default();
    let mut at = |seconds: u64| {
        cached.value(&fixture.issuer, &identity, None, Occasion { now: Timestamp::from_secs(1_790_000_000 + seconds), ..AT })
    };
    let first = at(0);
    assert_eq!(at(29), first);
    let second = at(30);
    assert_ne!(second, first);
    assert_ne!(at(10), second, "after a step back of the clock it is signed again");
}

#[test]
fn a_cached_token_is_for_one_key_session_scope_upstream_lease_and_epoch() {
    let fixture = Fixture::new();
    let (identity, reloaded) = (verified("md:read order:write"), verified("md:read"));
    let narrow = Scopes::parse("md:read").unwrap();
    let mut cached = CachedIdentity::default();
    let issuer = &fixture.issuer;
    let mut seen = vec![cached.value(issuer, &identity, None, AT)];
    seen.push(cached.value(issuer, &reloaded, None, AT));
    seen.push(cached.value_granted(issuer, &identity, Some(&narrow), None, AT));
    seen.push(cached.value(issuer, &identity, Some((fixture.sid, &[1; 32])), AT));
    seen.push(cached.value(issuer, &identity, Some((fixture.sid, &[2; 32])), AT));
    seen.push(cached.value(issuer, &identity, Some((fixture.sid, &[2; 32])), Occasion { audience: "other", ..AT }));
    let fenced = |lease, epoch| Occasion { audience: "other", fence: Fence { lease, epoch, ..FENCE }, ..AT };
    seen.push(cached.value(issuer, &identity, Some((fixture.sid, &[2; 32])), fenced(2, 18)));
    seen.push(cached.value(issuer, &identity, Some((fixture.sid, &[2; 32])), fenced(3, 18)));
    let distinct: std::collections::HashSet<_> = seen.iter().collect();
    assert_eq!(distinct.len(), seen.len(), "each is signed anew");
    assert_eq!(cached.value(issuer, &identity, Some((fixture.sid, &[2; 32])), fenced(3, 18)), seen[7], "and no more than once");
    let (_, claims) = as_upstream(&issuer.jwks(), seen[2].to_str().unwrap()).unwrap();
    assert_eq!(claims["scope"], "md:read", "a contract that grants less is what the upstream sees");
}

#[test]
fn nodes_that_share_a_secret_read_one_anothers_tokens_on_every_day() {
    let fixture = Fixture::new();
    let shared = |now| IdentityIssuer::shared(countersign_core::Secret::new(vec![5; 32]), now).unwrap();
    let mint = |issuer: &IdentityIssuer, now| {
        issuer.mint_access_token(&fixture.account, &fixture.key_id, fixture.sid, "dDE", &fixture.scopes, now, Duration::from_secs(300))
    };
    let (one, other) = (shared(NOW), shared(NOW));
    assert_eq!(one.jwks(), other.jwks());
    assert!(!one.is_rotated_by_timer());
    one.rotate().unwrap();
    assert_eq!(one.jwks(), other.jwks(), "no timer of one node changes the keys of all");
    let midnight = |days: u64| Timestamp::from_secs((NOW.as_secs() / 86_400 + days) * 86_400);
    for day in 1..=3 {
        let (before, at) = (Timestamp::from_secs(midnight(day).as_secs() - 1), midnight(day));
        assert!(!other.follow(before).unwrap());
        let published = other.jwks();
        assert!(one.follow(at).unwrap() && !one.follow(at).unwrap());
        // The clock of one node is ahead: the other one takes its tokens already, and upstreams know the key.
        let early = mint(&one, at);
        assert!(other.verify_access_token(&early, at).is_ok(), "day {day}");
        let kid = jsonwebtoken::decode_header(&early).unwrap().kid.unwrap();
        assert!(published.contains(&kid), "published before it is used");
        let late = mint(&other, before);
        assert!(one.verify_access_token(&late, at).is_ok(), "day {day}");
        assert!(other.follow(at).unwrap());
        assert_eq!(one.jwks(), other.jwks());
    }
    let stranger = IdentityIssuer::shared(countersign_core::Secret::new(vec![6; 32]), midnight(3)).unwrap();
    assert!(one.verify_access_token(&mint(&stranger, midnight(3)), midnight(3)).is_err());
}
