#![allow(clippy::unwrap_used)]
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _};
use serde_json::{Value, json};

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use countersign_core::confirmation::Thumbprint;

use super::*;

const NOW: Timestamp = Timestamp::from_secs(1_790_000_000);
const TOKEN: &str = "a.b.c";

enum Signer {
    Ed25519(Box<Ed25519KeyPair>),
    P256(Box<EcdsaKeyPair>),
}

impl Signer {
    fn ed25519(seed: u8) -> Self {
        Self::Ed25519(Box::new(Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).unwrap()))
    }

    fn p256() -> Self {
        Self::P256(Box::new(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap()))
    }

    fn jwk(&self) -> Value {
        let text = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        match self {
            Self::Ed25519(key) => json!({ "kty": "OKP", "crv": "Ed25519", "x": text(key.public_key().as_ref()) }),
            Self::P256(key) => {
                let point = key.public_key().as_ref();
                json!({ "kty": "EC", "crv": "P-256", "x": text(&point[1..33]), "y": text(&point[33..]) })
            }
        }
    }

    fn alg(&self) -> &'static str {
        match self {
            Self::Ed25519(_) => "EdDSA",
            Self::P256(_) => "ES256",
        }
    }

    fn sign(&self, text: &str) -> Vec<u8> {
        match self {
            Self::Ed25519(key) => key.sign(text.as_bytes()).as_ref().to_vec(),
            Self::P256(key) => key.sign(&SystemRandom::new(), text.as_bytes()).unwrap().as_ref().to_vec(),
        }
    }

    fn jwt(&self, header: &Value, claims: &Value) -> String {
        let text = format!("{}.{}", URL_SAFE_NO_PAD.encode(header.to_string()), URL_SAFE_NO_PAD.encode(claims.to_string()));
        format!("{text}.{}", URL_SAFE_NO_PAD.encode(self.sign(&text)))
    }

    fn header(&self) -> Value {
        json!({ "typ": "dpop+jwt", "alg": self.alg(), "jwk": self.jwk() })
    }
}

fn ath() -> String {
    URL_SAFE_NO_PAD.encode(digest(&SHA256, TOKEN.as_bytes()))
}

fn claims() -> Value {
    json!({ "htm": "POST", "htu": "https://gw.example:8443/orders", "iat": NOW.as_secs(), "jti": "one", "ath": ath() })
}

fn target() -> Target<'static> {
    Target { method: "POST", authority: "gw.example:8443", path: "/orders", access_token: Some(TOKEN) }
}

fn with(name: &str, value: Value) -> Value {
    let mut claims = claims();
    claims[name] = value;
    claims
}

#[test]
fn a_proof_names_its_key_whatever_the_algorithm() {
    for signer in [Signer::ed25519(1), Signer::p256()] {
        let proof = verify(&signer.jwt(&signer.header(), &claims()), &target(), None, NOW).unwrap();
        assert_eq!(Some(proof.key), Thumbprint::of_jwk(&signer.jwk()));
        let other = verify(&signer.jwt(&signer.header(), &with("jti", "two".into())), &target(), None, NOW).unwrap();
        assert_ne!(proof.once, other.once, "another name is another proof");
    }
}

#[test]
fn refuses_a_proof_for_something_else() {
    let signer = Signer::ed25519(1);
    for (name, value, reject) in [
        ("htm", json!("GET"), Reject::WrongUri),
        ("htm", json!("post"), Reject::WrongUri),
        ("htu", json!("https://gw.example:8443/orders/1"), Reject::WrongUri),
        ("htu", json!("https://gw.example/orders"), Reject::WrongUri),
        ("htu", json!("http://gw.example:8443/orders"), Reject::WrongUri),
        ("htu", json!("https://evil.example/orders"), Reject::WrongUri),
        ("htu", json!("https://gw.example:8443@evil.example/orders"), Reject::WrongUri),
        ("htu", json!("https://é"), Reject::WrongUri),
        ("ath", json!("x"), Reject::WrongUri),
        ("ath", Value::Null, Reject::WrongUri),
        ("ath", json!(5), Reject::WrongUri),
        ("iat", json!(NOW.as_secs() - 61), Reject::TimestampStale),
        ("iat", json!(NOW.as_secs() + 6), Reject::TimestampAhead),
        ("iat", json!("now"), Reject::Malformed),
        ("iat", json!(u64::MAX), Reject::Malformed),
        ("exp", json!(NOW.as_secs()), Reject::TimestampStale),
        ("exp", json!("never"), Reject::Malformed),
        ("nbf", json!(NOW.as_secs() + 6), Reject::TimestampAhead),
        ("nbf", json!(-1), Reject::Malformed),
        ("jti", json!(""), Reject::Malformed),
        ("jti", json!("j".repeat(countersign_core::limits::DPOP_JTI_BYTES_MAX + 1)), Reject::Malformed),
    ] {
        let found = verify(&signer.jwt(&signer.header(), &with(name, value.clone())), &target(), None, NOW).map(|_| ());
        assert_eq!(found.unwrap_err().reject, reject, "{name}: {value}");
    }
}

#[test]
fn a_proof_for_a_token_is_none_where_there_is_no_token() {
    let (signer, target) = (Signer::ed25519(1), Target { access_token: None, ..target() });
    for ath in [ath().into(), json!(5), Value::Null] {
        let found = verify(&signer.jwt(&signer.header(), &with("ath", ath.clone())), &target, None, NOW);
        assert_eq!(found.unwrap_err().reject, Reject::WrongUri, "{ath}");
    }
}

#[test]
fn query_case_and_default_port_are_no_difference() {
    let signer = Signer::ed25519(1);
    for (htu, authority) in [
        ("https://gw.example:8443/orders?symbol=BTC#x", "gw.example:8443"),
        ("HTTPS://GW.example:8443/orders", "gw.example:8443"),
        ("https://gw.example/orders", "gw.example:443"),
        ("https://gw.example:443/orders", "GW.example"),
    ] {
        verify(&signer.jwt(&signer.header(), &with("htu", htu.into())), &Target { authority, ..target() }, None, NOW).unwrap();
    }
}

#[test]
fn a_proof_is_good_until_its_own_end() {
    let signer = Signer::ed25519(1);
    for (name, value) in [("exp", json!(NOW.as_secs() + 1)), ("exp", json!(NOW.as_secs() + 86_400)), ("nbf", json!(NOW.as_secs() + 5))] {
        verify(&signer.jwt(&signer.header(), &with(name, value)), &target(), None, NOW).unwrap();
    }
}

#[test]
fn refuses_forged_headers() {
    let (signer, other) = (Signer::ed25519(1), Signer::ed25519(2));
    let header = |name: &str, value: Value| {
        let mut header = signer.header();
        header[name] = value;
        header
    };
    let mut private = signer.jwk();
    private["d"] = "AAAA".into();
    for (header, reject) in [
        (header("typ", "JWT".into()), Reject::Malformed),
        (header("typ", "at+jwt".into()), Reject::Malformed),
        (header("alg", "none".into()), Reject::WrongAlgorithm),
        (header("alg", "HS256".into()), Reject::WrongAlgorithm),
        (header("alg", "PS256".into()), Reject::WrongAlgorithm),
        (header("alg", "ES256".into()), Reject::WrongAlgorithm),
        (header("jwk", Value::Null), Reject::Malformed),
        (header("jwk", private), Reject::Malformed),
        (header("jwk", json!({ "kty": "oct", "k": "AAAA" })), Reject::Malformed),
        (header("jwk", other.jwk()), Reject::BadSignature),
        (header("jku", "http://127.0.0.1:9/".into()), Reject::Malformed),
    ] {
        assert_eq!(verify(&signer.jwt(&header, &claims()), &target(), None, NOW).unwrap_err().reject, reject, "{header}");
    }
    // A small-order point verifies signatures that nobody made.
    let low = json!({ "kty": "OKP", "crv": "Ed25519", "x": URL_SAFE_NO_PAD.encode([0_u8; 32]) });
    assert_eq!(verify(&signer.jwt(&header("jwk", low), &claims()), &target(), None, NOW).unwrap_err().reject, Reject::Malformed);
}

#[test]
fn no_changed_signature_passes() {
    for signer in [Signer::ed25519(1), Signer::p256()] {
        let text = signer.jwt(&signer.header(), &claims());
        let (signed, signature) = text.rsplit_once('.').unwrap();
        let bytes = URL_SAFE_NO_PAD.decode(signature).unwrap();
        for changed in [vec![0; 64], bytes[..63].to_vec(), [&bytes[..], &[0]].concat(), bytes.iter().map(|byte| byte ^ 1).collect()] {
            let forged = format!("{signed}.{}", URL_SAFE_NO_PAD.encode(changed));
            assert_eq!(verify(&forged, &target(), None, NOW).unwrap_err().reject, Reject::BadSignature);
        }
    }
}

#[test]
fn with_nonces_a_proof_needs_one_of_this_period_or_the_last() {
    let nonces = DpopNonces::new(&[5; 32]);
    let signer = Signer::ed25519(1);
    let shown = |nonce: Option<String>| {
        let claims = nonce.map_or_else(claims, |nonce| with("nonce", nonce.into()));
        verify(&signer.jwt(&signer.header(), &claims), &target(), Some(&nonces), NOW).map(drop).map_err(|refusal| refusal.reject)
    };
    let before = |seconds| NOW.saturating_sub(std::time::Duration::from_secs(seconds));
    let period = countersign_core::limits::DPOP_NONCE_PERIOD.as_secs();
    assert_eq!(shown(Some(nonces.current(NOW))), Ok(()));
    assert_eq!(shown(Some(nonces.current(before(period)))), Ok(()));
    assert_eq!(shown(Some(nonces.current(before(2 * period)))), Err(Reject::NonceInvalid));
    assert_eq!(shown(Some(DpopNonces::new(&[6; 32]).current(NOW))), Err(Reject::NonceInvalid), "of somebody else");
    assert_eq!(shown(None), Err(Reject::NonceInvalid));
}
