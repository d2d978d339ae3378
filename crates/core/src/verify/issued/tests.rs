//! Tokens and proofs made here, each wrong in one way, and the example of RFC 9449.
#![allow(clippy::unwrap_used, clippy::unwrap_in_result)]

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use std::time::Duration;

use super::*;
use crate::algorithm::Algorithm;
use crate::id::AccountId;
use crate::issuer::{AccountRule, Issuer};
use crate::jwks::KeySet;
use crate::nonce::MemoryNonceGuard;
use crate::reject::AlertCode;
use crate::replay::MemoryReplayGuard;
use crate::scope::Scopes;
use crate::time::{Monotonic, Now};

const NOW: u64 = 1_795_222_400;

fn pair(seed: u8) -> Ed25519KeyPair {
    Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).unwrap()
}

fn jwk(seed: u8) -> Value {
    json!({"kty": "OKP", "crv": "Ed25519", "x": URL_SAFE_NO_PAD.encode(pair(seed).public_key().as_ref())})
}

fn sign(seed: u8, header: &Value, claims: &Value) -> String {
    let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(header.to_string()), URL_SAFE_NO_PAD.encode(claims.to_string()));
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(pair(seed).sign(signed.as_bytes())))
}

fn with(mut value: Value, changes: &Value) -> Value {
    for (name, change) in changes.as_object().unwrap() {
        if change.is_null() {
            value.as_object_mut().unwrap().remove(name);
        } else {
            value[name] = change.clone();
        }
    }
    value
}

const ISSUER_KEY: u8 = 1;
const CLIENT_KEY: u8 = 2;

fn issuer() -> Issuer {
    Issuer {
        name: "idp".to_owned(),
        issuer: "https://idp.example".to_owned(),
        audiences: vec!["https://api.example.com".to_owned()],
        algorithms: vec![Algorithm::Ed25519],
        account: AccountRule::Claim("account".to_owned()),
        scope_claim: "scope".to_owned(),
        scopes: Scopes::parse("order:write order:read").unwrap(),
        lifetime_max: Duration::from_secs(3_600),
        bound: false,
    }
}

fn token(header: &Value, claims: &Value) -> String {
    let header = with(json!({"alg": "EdDSA", "typ": "at+jwt", "kid": "k1"}), header);
    let claims = with(
        json!({
            "iss": "https://idp.example", "aud": "https://api.example.com", "sub": "alice", "account": "desk", "jti": "t1",
            "iat": NOW, "exp": NOW + 600, "scope": "order:write openid funds:withdraw",
        }),
        claims,
    );
    sign(ISSUER_KEY, &header, &claims)
}

fn bound_token() -> String {
    token(&json!({}), &json!({"cnf": {"jkt": Thumbprint::of_jwk(&jwk(CLIENT_KEY)).unwrap().to_string()}}))
}

/// What surrounds a request.
struct Bench {
    replay: MemoryReplayGuard,
    nonces: DpopNonces,
    now: u64,
    certificate: Option<Thumbprint>,
    issuer: Issuer,
}

impl Bench {
    fn new() -> Self {
        Self { replay: MemoryReplayGuard::default(), nonces: DpopNonces::new(&[9; 32]), now: NOW, certificate: None, issuer: issuer() }
    }

    fn proof(&self, access_token: &str, header: &Value, claims: &Value) -> String {
        let header = with(json!({"alg": "EdDSA", "typ": "dpop+jwt", "jwk": jwk(CLIENT_KEY)}), header);
        let claims = with(
            json!({
                "htm": "POST", "htu": "https://api.example.com/orders", "iat": self.now, "jti": "j1",
                "ath": Thumbprint::of(access_token.as_bytes()).to_string(), "nonce": self.nonces.current(Timestamp::from_secs(self.now)),
            }),
            claims,
        );
        sign(CLIENT_KEY, &header, &claims)
    }

    fn identity(&self, text: &str, proof: Option<&str>) -> Result<VerifiedIdentity, Refusal> {
        let keys = KeySet::parse(json!({"keys": [with(jwk(ISSUER_KEY), &json!({"kid": "k1"}))]}).to_string().as_bytes()).unwrap();
        let token = self.issuer.read(text)?;
        let proof = proof.map(DpopProof::read).transpose()?;
        let nonces = MemoryNonceGuard::default();
        let now = Now { wall: Timestamp::from_secs(self.now), mono: Monotonic::from_micros(1) };
        let context = VerifyContext { now, remote: None, replay: &self.replay, nonces: &nonces };
        let request = DpopExpectation { method: "POST", authority: "api.example.com", path: "/orders", access_token: None };
        let possession =
            Possession { proof: proof.as_ref(), request, nonces: &self.nonces, certificate: self.certificate, effect: Effect::Write };
        verify_issued(&token, keys.find(&token.kid, token.algorithm()), &possession, &context)
    }

    fn verdict(&self, text: &str, proof: Option<&str>) -> Result<(), Reject> {
        self.identity(text, proof).map(drop).map_err(|refusal| refusal.reject)
    }
}

#[test]
fn a_token_says_who_and_may_do_no_more_than_its_issuer_may_give() {
    let identity = Bench::new().identity(&token(&json!({}), &json!({})), None).unwrap();
    assert_eq!(identity.account(), &AccountId::parse("desk").unwrap());
    assert_eq!(identity.key_id().as_str(), "idp:alice");
    assert_eq!(identity.scopes().to_string(), "order:write");
    let listed = token(&json!({}), &json!({"scope": ["order:read", "md:read"], "aud": ["other", "https://api.example.com"], "sub": "a b"}));
    let identity = Bench::new().identity(&listed, None).unwrap();
    assert_eq!(identity.scopes().to_string(), "order:read");
    assert!(identity.key_id().as_str().starts_with("idp:sha256-"));
    let with_decimals = token(&json!({}), &json!({"exp": 1_795_223_000.5}));
    assert!(Bench::new().verdict(&with_decimals, None).is_ok(), "as RFC 7519 has it");
}

#[test]
fn a_wrong_token_is_an_invalid_token_whatever_is_wrong_with_it() {
    let none = json!({});
    let own = token(&none, &none);
    let unsigned = format!("{}.", own.rsplit_once('.').unwrap().0);
    let confused = {
        // The public key as the secret of a MAC (CVE-2016-10555).
        let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, pair(ISSUER_KEY).public_key().as_ref());
        let claims = own.split('.').nth(1).unwrap();
        let signed = format!("{}.{claims}", URL_SAFE_NO_PAD.encode(r#"{"alg":"HS256","typ":"at+jwt","kid":"k1"}"#));
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(aws_lc_rs::hmac::sign(&key, signed.as_bytes())))
    };
    let texts = [
        ("no signature", unsigned),
        ("a MAC", confused),
        ("a changed claim", own.replacen(".eyJ", ".eyK", 1)),
        ("padding", format!("{own}=")),
        ("alg none", token(&json!({"alg": "none"}), &none)),
        ("another alg", token(&json!({"alg": "ES256"}), &none)),
        ("an ID token", token(&json!({"typ": "JWT"}), &none)),
        ("no typ", token(&json!({"typ": null}), &none)),
        ("no kid", token(&json!({"kid": null}), &none)),
        ("an unknown kid", token(&json!({"kid": "k2"}), &none)),
        ("another issuer", token(&none, &json!({"iss": "https://idp.example/"}))),
        ("another audience", token(&none, &json!({"aud": "https://elsewhere.example"}))),
        ("no audience", token(&none, &json!({"aud": null}))),
        ("expired", token(&none, &json!({"exp": NOW}))),
        ("no end", token(&none, &json!({"exp": null}))),
        ("an end as text", token(&none, &json!({"exp": (NOW + 600).to_string()}))),
        ("an end with decimals that is over", token(&none, &json!({"exp": 1_795_222_000.5}))),
        ("a life too long", token(&none, &json!({"exp": NOW + 3_601}))),
        ("not yet", token(&none, &json!({"nbf": NOW + 6}))),
        ("made ahead", token(&none, &json!({"iat": NOW + 6}))),
        ("no time of making", token(&none, &json!({"iat": null}))),
        ("no subject", token(&none, &json!({"sub": null}))),
        ("no account", token(&none, &json!({"account": null}))),
        ("no name of an account", token(&none, &json!({"account": "a/b"}))),
        ("a binding that is not known", token(&none, &json!({"cnf": {"jwk": {}}}))),
    ];
    for (what, text) in texts {
        let reject = Bench::new().verdict(&text, None).unwrap_err();
        assert_eq!((reject.alert(), reject.http_status()), (AlertCode::AuthFailed, 401), "{what}: {reject}");
    }
    let forged =
        sign(CLIENT_KEY, &json!({"alg": "EdDSA", "typ": "at+jwt", "kid": "k1", "jwk": jwk(CLIENT_KEY), "jku": "https://127.0.0.1:9/"}), &{
            let claims = own.split('.').nth(1).unwrap();
            serde_json::from_slice::<Value>(&URL_SAFE_NO_PAD.decode(claims).unwrap()).unwrap()
        });
    assert_eq!(Bench::new().verdict(&forged, None), Err(Reject::BadSignature), "a key of its own inside");
}

#[test]
fn a_bound_token_needs_its_key() {
    let bench = Bench::new();
    let text = bound_token();
    let proof = bench.proof(&text, &json!({}), &json!({}));
    assert_eq!(bench.verdict(&text, None), Err(Reject::TokenInvalid), "stolen, without a proof");
    assert_eq!(bench.verdict(&text, Some(&proof)), Ok(()));
    assert_eq!(bench.verdict(&text, Some(&proof)), Err(Reject::Replayed), "the proof again");
    let stranger = token(&json!({}), &json!({"cnf": {"jkt": Thumbprint::of_jwk(&jwk(3)).unwrap().to_string()}}));
    let proof = bench.proof(&stranger, &json!({}), &json!({"jti": "j2"}));
    assert_eq!(bench.verdict(&stranger, Some(&proof)), Err(Reject::TokenInvalid), "a proof with another key");
    let bearer = token(&json!({}), &json!({}));
    let proof = bench.proof(&bearer, &json!({}), &json!({"jti": "j3"}));
    assert_eq!(bench.verdict(&bearer, Some(&proof)), Err(Reject::TokenInvalid), "a proof beside a token that is not bound");
    let mut strict = Bench::new();
    strict.issuer.bound = true;
    assert_eq!(strict.verdict(&bearer, None), Err(Reject::TokenInvalid));
}

#[test]
fn a_proof_is_for_one_request_made_now() {
    let text = bound_token();
    let bench = Bench::new();
    let refused = |header: Value, claims: Value| bench.verdict(&text, Some(&bench.proof(&text, &header, &claims)));
    let claims = |claims: Value| refused(json!({}), claims);
    for (changes, reject) in [
        (json!({"htm": "GET"}), Reject::WrongUri),
        (json!({"htm": "post"}), Reject::WrongUri),
        (json!({"htm": null}), Reject::WrongUri),
        (json!({"htu": "https://other.example/orders"}), Reject::WrongUri),
        (json!({"htu": "http://api.example.com/orders"}), Reject::WrongUri),
        (json!({"htu": "https://api.example.com/order"}), Reject::WrongUri),
        (json!({"htu": "https://api.example.com:8443/orders"}), Reject::WrongUri),
        (json!({"htu": "/orders"}), Reject::WrongUri),
        (json!({"ath": null}), Reject::WrongUri),
        (json!({"ath": Thumbprint::of(b"another").to_string()}), Reject::WrongUri),
        (json!({"iat": NOW - 61}), Reject::TimestampStale),
        (json!({"iat": NOW + 6}), Reject::TimestampAhead),
        (json!({"iat": null}), Reject::Malformed),
        (json!({"jti": null}), Reject::Malformed),
        (json!({"jti": "j".repeat(129)}), Reject::Malformed),
        (json!({"nonce": null}), Reject::NonceInvalid),
        (json!({"nonce": "made-up"}), Reject::NonceInvalid),
        (json!({"nonce": bench.nonces.current(Timestamp::from_secs(NOW - 120))}), Reject::NonceInvalid),
    ] {
        assert_eq!(claims(changes.clone()), Err(reject), "{changes}");
    }
    for (changes, reject) in [
        (json!({"typ": "JWT"}), Reject::Malformed),
        (json!({"jwk": null}), Reject::Malformed),
        (json!({"jwk": with(jwk(CLIENT_KEY), &json!({"d": "AAAA"}))}), Reject::Malformed),
        (json!({"alg": "none"}), Reject::WrongAlgorithm),
        (json!({"alg": "ES256"}), Reject::WrongAlgorithm),
        (json!({"jwk": jwk(3)}), Reject::TokenInvalid),
    ] {
        assert_eq!(refused(changes.clone(), json!({})), Err(reject), "{changes}");
    }
    for (number, htu) in ["HTTPS://API.example.com:443/orders?x=1#y", "https://api.example.com/orders"].iter().enumerate() {
        assert_eq!(claims(json!({"htu": htu, "jti": format!("ok{number}")})), Ok(()), "{htu}");
    }
    let previous = bench.nonces.current(Timestamp::from_secs(NOW - 60));
    assert_eq!(claims(json!({"nonce": previous, "jti": "ok-previous"})), Ok(()), "the nonce of the minute before");
    let mut changed = bench.proof(&text, &json!({}), &json!({"jti": "j9"}));
    let last = changed.pop().unwrap();
    changed.push(if last == 'A' { 'Q' } else { 'A' });
    assert_eq!(bench.verdict(&text, Some(&changed)), Err(Reject::BadSignature));
}

#[test]
fn a_token_bound_to_a_certificate_passes_on_its_connections_only() {
    let print = Thumbprint::of(b"certificate in DER");
    let text = token(&json!({}), &json!({"cnf": {"x5t#S256": print.to_string()}}));
    let mut bench = Bench::new();
    assert_eq!(bench.verdict(&text, None), Err(Reject::TokenInvalid));
    bench.certificate = Some(Thumbprint::of(b"another certificate"));
    assert_eq!(bench.verdict(&text, None), Err(Reject::TokenInvalid));
    bench.certificate = Some(print);
    bench.issuer.bound = true;
    assert_eq!(bench.verdict(&text, None), Ok(()));
}

/// RFC 9449, 4.1: the example holds up to the nonce, which it has not.
#[test]
fn the_example_of_the_standard_is_signed_for_its_request() {
    let text = "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklDUkRZOXpDa0RscEJoRjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JEQSIsImNydiI6IlAtMjU2In19.eyJqdGkiOiItQndDM0VTYzZhY2MybFRjIiwiaHRtIjoiUE9TVCIsImh0dSI6Imh0dHBzOi8vc2VydmVyLmV4YW1wbGUuY29tL3Rva2VuIiwiaWF0IjoxNTYyMjYyNjE2fQ.2-GxA6T8lP4vfrg8v-FdWP0A0zdrj8igiMLvqRMUvwnQg4PtFLbdLXiOSsX0x7NVY-FNyJK70nfbV37xRZT3Lg";
    let proof = DpopProof::read(text).unwrap();
    assert_eq!(proof.thumbprint().to_string(), "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I", "RFC 9449, 6.1");
    let request = DpopExpectation { method: "POST", authority: "server.example.com", path: "/token", access_token: None };
    let now = Now { wall: Timestamp::from_secs(1_562_262_616), mono: Monotonic::from_micros(1) };
    let verdict = |proof: &DpopProof<'_>, request: DpopExpectation<'_>| {
        proof.verify(&request, &DpopNonces::new(&[9; 32]), &MemoryReplayGuard::default(), Effect::Write, now).unwrap_err().reject
    };
    assert_eq!(verdict(&proof, request), Reject::NonceInvalid);
    assert_eq!(verdict(&proof, DpopExpectation { path: "/other", ..request }), Reject::WrongUri);
    let changed = text.replace("_FNyJK", "_FNyJL").replace("-FNyJK", "-FNyJL");
    assert_eq!(verdict(&DpopProof::read(&changed).unwrap(), request), Reject::BadSignature);
}
