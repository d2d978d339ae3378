#![allow(clippy::unwrap_used)]
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use countersign_core::{
    AccountId, Algorithm, Binding, Credential, CredentialId, MemoryNonceGuard, MemoryReplayGuard, Monotonic, Now, Scopes, Verifier,
    VerifyContext, VerifyingKey, verify,
};
use serde_json::{Value, json};

use super::*;

const NOW: Timestamp = Timestamp::from_secs(1_790_000_000);
const AUDIENCES: [&str; 2] = ["https://gw", "https://gw/token"];

fn pair(seed: u8) -> Ed25519KeyPair {
    Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).unwrap()
}

fn jwt(seed: u8, header: &Value, claims: &Value) -> String {
    let text = format!("{}.{}", URL_SAFE_NO_PAD.encode(header.to_string()), URL_SAFE_NO_PAD.encode(claims.to_string()));
    format!("{text}.{}", URL_SAFE_NO_PAD.encode(pair(seed).sign(text.as_bytes())))
}

fn claims() -> Value {
    json!({ "iss": "key", "sub": "key", "aud": "https://gw/token", "iat": NOW.as_secs(), "exp": NOW.as_secs() + 3_600, "jti": "one" })
}

fn with(name: &str, value: Value) -> Value {
    let mut claims = claims();
    claims[name] = value;
    claims
}

fn without(name: &str) -> Value {
    let mut claims = claims();
    claims.as_object_mut().unwrap().remove(name);
    claims
}

fn eddsa() -> Value {
    json!({ "alg": "EdDSA", "typ": "JWT" })
}

fn credential(purpose: Purpose) -> Arc<Credential> {
    Arc::new(Credential {
        scopes: Scopes::parse("md:read").unwrap(),
        min_bind: Binding::Sep,
        ..Credential::new(
            CredentialId::parse("cred-1").unwrap(),
            AccountId::parse("desk").unwrap(),
            purpose,
            ApiKeyId::parse("key").unwrap(),
            Verifier::PublicKey(VerifyingKey::from_raw(Algorithm::Ed25519, pair(1).public_key().as_ref()).unwrap()),
        )
    })
}

/// The whole path, as the gateway walks it.
struct Gate {
    replay: MemoryReplayGuard,
    nonces: MemoryNonceGuard,
    credential: Arc<Credential>,
}

impl Gate {
    fn new(purpose: Purpose) -> Self {
        Self { replay: MemoryReplayGuard::default(), nonces: MemoryNonceGuard::default(), credential: credential(purpose) }
    }

    fn verify(&self, text: &str, wall: Timestamp) -> Result<(), Reject> {
        let now = Now { wall, mono: Monotonic::from_micros(0) };
        let presented = present(text, &AUDIENCES, wall).map_err(|refusal| refusal.reject)?;
        let context = VerifyContext { now, remote: None, replay: &self.replay, nonces: &self.nonces };
        verify(&presented, Some(&self.credential), &context).map(|_| ()).map_err(|refusal| refusal.reject)
    }
}

#[test]
fn an_assertion_logs_its_key_in_once() {
    let gate = Gate::new(Purpose::Native);
    let text = jwt(1, &eddsa(), &claims());
    assert_eq!(gate.verify(&text, NOW), Ok(()));
    assert_eq!(gate.verify(&text, NOW), Err(Reject::Replayed));
    let same_name = jwt(1, &eddsa(), &with("exp", json!(NOW.as_secs() + 60)));
    assert_eq!(gate.verify(&same_name, NOW), Err(Reject::Replayed), "a name is used once, whatever else the assertion says");
    assert_eq!(gate.verify(&jwt(1, &eddsa(), &with("jti", "two".into())), NOW), Ok(()));
    let nameless = jwt(1, &eddsa(), &without("jti"));
    assert_eq!((gate.verify(&nameless, NOW), gate.verify(&nameless, NOW)), (Ok(()), Err(Reject::Replayed)));
}

#[test]
fn its_age_is_counted_from_its_making_and_not_from_its_end() {
    let text = jwt(1, &eddsa(), &claims());
    assert_eq!(Gate::new(Purpose::Native).verify(&text, NOW.saturating_add(Duration::from_secs(60))), Ok(()));
    assert_eq!(Gate::new(Purpose::Native).verify(&text, NOW.saturating_add(Duration::from_secs(61))), Err(Reject::TimestampStale));
    let undated = |exp: u64| {
        let mut claims = without("iat");
        claims["exp"] = json!(NOW.as_secs() + exp);
        jwt(1, &eddsa(), &claims)
    };
    assert_eq!(Gate::new(Purpose::Native).verify(&undated(120), NOW), Ok(()));
    assert_eq!(Gate::new(Purpose::Native).verify(&undated(121), NOW), Err(Reject::TimestampAhead));
}

#[test]
fn refuses_what_is_not_by_this_key_for_this_server_now() {
    for (header, claims, reject) in [
        (eddsa(), with("aud", "https://other/token".into()), Reject::WrongGateway),
        (eddsa(), with("aud", json!(["https://gw", "https://other"])), Reject::Malformed),
        (eddsa(), with("sub", "other".into()), Reject::Malformed),
        (eddsa(), with("exp", json!(NOW.as_secs())), Reject::TimestampStale),
        (eddsa(), with("nbf", json!(NOW.as_secs() + 6)), Reject::TimestampAhead),
        (eddsa(), with("iat", json!(NOW.as_secs() + 6)), Reject::TimestampAhead),
        (eddsa(), with("exp", json!(1.5)), Reject::TimestampStale),
        (eddsa(), with("exp", json!(-1.5)), Reject::Malformed),
        (eddsa(), with("jti", json!("j".repeat(JTI_BYTES_MAX + 1))), Reject::Malformed),
        (eddsa(), with("exp", json!("1790000300")), Reject::Malformed),
        (eddsa(), with("nbf", Value::Null), Reject::Malformed),
        (eddsa(), with("jti", Value::Null), Reject::Malformed),
        (eddsa(), with("aud", json!([])), Reject::Malformed),
        (eddsa(), without("aud"), Reject::Malformed),
        (eddsa(), without("exp"), Reject::Malformed),
        (eddsa(), without("iss"), Reject::Malformed),
        (eddsa(), without("sub"), Reject::Malformed),
        (json!({ "alg": "ES256" }), claims(), Reject::WrongAlgorithm),
        (json!({ "alg": "RS256" }), claims(), Reject::WrongAlgorithm),
        (json!({ "alg": "PS512" }), claims(), Reject::WrongAlgorithm),
        (json!({ "alg": "none" }), claims(), Reject::WrongAlgorithm),
        (json!({ "alg": "HS256" }), claims(), Reject::WrongAlgorithm),
        (json!({ "alg": "EdDSA", "typ": "at+jwt" }), claims(), Reject::Malformed),
        (json!({ "alg": "EdDSA", "typ": "dpop+jwt" }), claims(), Reject::Malformed),
        (json!({ "alg": "EdDSA", "typ": 1 }), claims(), Reject::Malformed),
        (json!({ "alg": "EdDSA", "kid": 5 }), claims(), Reject::Malformed),
        (json!({ "alg": "EdDSA", "cty": 5 }), claims(), Reject::Malformed),
        (eddsa(), with("iat", json!("1790000000")), Reject::Malformed),
        (json!({ "alg": "EdDSA", "typ": "application/application/jwt" }), claims(), Reject::Malformed),
        (json!({ "alg": "EdDSA", "jwk": { "kty": "OKP" } }), claims(), Reject::Malformed),
        (json!({ "alg": "EdDSA", "jku": "http://127.0.0.1:9/keys" }), claims(), Reject::Malformed),
        (json!({ "alg": "EdDSA", "x5u": "http://127.0.0.1:9/cert" }), claims(), Reject::Malformed),
        (json!({ "alg": "EdDSA", "x5c": [] }), claims(), Reject::Malformed),
        (json!({ "alg": "EdDSA", "crit": ["exp"] }), claims(), Reject::Malformed),
        (json!({ "alg": "EdDSA", "b64": false }), claims(), Reject::Malformed),
        (json!({ "alg": "EdDSA", "zip": "DEF" }), claims(), Reject::Malformed),
        (json!({ "alg": "EdDSA", "enc": "A256GCM" }), claims(), Reject::Malformed),
    ] {
        assert_eq!(Gate::new(Purpose::Native).verify(&jwt(1, &header, &claims), NOW), Err(reject), "{header} {claims}");
    }
    assert_eq!(Gate::new(Purpose::Native).verify(&jwt(2, &eddsa(), &claims()), NOW), Err(Reject::BadSignature));
    assert_eq!(Gate::new(Purpose::Binance).verify(&jwt(1, &eddsa(), &claims()), NOW), Err(Reject::UnknownKey), "one key, one purpose");
}

#[test]
fn a_list_of_one_is_one_audience_and_kid_chooses_nothing() {
    let header = json!({ "alg": "EdDSA", "kid": "'; DROP TABLE keys; --" });
    assert_eq!(Gate::new(Purpose::Native).verify(&jwt(1, &header, &with("aud", json!(["https://gw"]))), NOW), Ok(()));
}
