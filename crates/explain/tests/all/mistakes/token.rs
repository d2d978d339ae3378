//! Tokens of CDP keys.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, EcdsaSigningAlgorithm};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use countersign_core::{Secret, Timestamp};
use countersign_explain::{Mistake, Options};

use crate::client::*;

/// A throw-away key.
fn der() -> Vec<u8> {
    let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
    pair.to_pkcs8v1().unwrap().as_ref().to_vec()
}

const HEADER: &str = r#"{"alg":"ES256","kid":"KID","nonce":"n","typ":"JWT"}"#;

fn claims(uri: &str) -> String {
    format!(r#"{{"sub":"KID","iss":"cdp","nbf":1795222400,"exp":1795222520,"uri":"{uri}"}}"#)
}

const RECORDED_KEY: &str = "-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEYN5OPgeohdHnjCPS+ZoOVd7I1f9M
v5ZoaonCHxLQaC9T8WCszyYDV4RCiOxFSmtKi8jbNfN/ih4NcuPc16sykg==
-----END PUBLIC KEY-----
";

/// r and s over the token of these tests, with SHA-384, SHA-512 and SHA-1.
const RECORDED_SIGNATURES: [&str; 3] = [
    "TZVrnUxNbQ48YYv4eXpG3J9DkfisC8HyWByUGL9gVyALFxAliU4MfB3WhE5VZKeE6hcm-BJbTmFNsBvxhfnfUA",
    "U6i-0Iu9Df84-7k5g8Nr8uXwjhZ0hKxO8y_vHCynZ6GUAyWg1YSRz2lL1WGmOJiGP1t_R-uCH5aHmoQil2x9gQ",
    "DLcORuiZ0lHO1OP4pqEzzNd84O7_esysiR0w3ImLC9CcvgH5LGuXENKE1yGs75B1eezm7hUd1WcMSg2W1uqpIQ",
];

struct Client {
    der: Vec<u8>,
    options: Options,
}

impl Client {
    fn new() -> Self {
        let der = der();
        let pem = format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", STANDARD.encode(&der));
        let options = Options {
            secret: Some(Secret::new(pem.into_bytes())),
            api_key: Some("KID".to_owned()),
            at: Some(Timestamp::from_millis(NOW_MS)),
            ..Options::default()
        };
        Self { der, options }
    }

    fn token(&self, header: &str, claims: &str, algorithm: &'static EcdsaSigningAlgorithm) -> String {
        let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
        let pair = EcdsaKeyPair::from_pkcs8(algorithm, &self.der).unwrap();
        let signature = pair.sign(&SystemRandom::new(), signed.as_bytes()).unwrap();
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    fn request(&self, header: &str, claims: &str) -> String {
        request(&self.token(header, claims, &ECDSA_P256_SHA256_FIXED_SIGNING))
    }

    #[track_caller]
    fn named(&self, mistake: Mistake, request: &str) {
        named_with(mistake, request, &self.options);
    }
}

fn request(token: &str) -> String {
    let value = format!("Bearer {token}");
    raw("GET", "/v2/accounts?limit=250", &[("Host", "api.coinbase.com"), ("Authorization", &value)], "")
}

const URI: &str = "GET api.coinbase.com/v2/accounts";

#[test]
pub(crate) fn claims_against_the_request() {
    let client = Client::new();
    let right = client.request(HEADER, &claims(URI));
    assert!(explained_with(&right, &client.options).faults().is_empty());
    for (mistake, uri) in [
        (Mistake::JwtWrongHost, "GET api.example.com/v2/accounts"),
        (Mistake::JwtWrongHost, "GET https://api.coinbase.com/v2/accounts"),
        (Mistake::JwtWrongMethod, "POST api.coinbase.com/v2/accounts"),
        (Mistake::JwtWrongPath, "GET api.coinbase.com/v2/accounts?limit=250"),
        (Mistake::JwtWrongPath, "GET api.coinbase.com/v2/other"),
    ] {
        client.named(mistake, &client.request(HEADER, &claims(uri)));
    }
}

#[test]
pub(crate) fn times() {
    let client = Client::new();
    let right = client.request(HEADER, &claims(URI));
    let at = |ms| Options { at: Some(Timestamp::from_millis(ms)), ..client.options.clone() };
    named_with(Mistake::JwtExpired, &right, &at(NOW_MS + 130_000));
    named_with(Mistake::JwtNotYetValid, &right, &at(NOW_MS - 30_000));
    client.named(Mistake::ExpiresTooFar, &client.request(HEADER, &claims(URI).replace("1795222520", "1795226000")));
    let millis = claims(URI).replace("1795222400", "1795222400000").replace("1795222520", "1795222520000");
    let faults = explained_with(client.request(HEADER, &millis), &client.options).faults();
    assert!(faults.contains(&Mistake::TimestampInMillis), "{faults:?}");
}

#[test]
pub(crate) fn names_and_algorithms() {
    let client = Client::new();
    client.named(Mistake::JwtSubject, &client.request(HEADER, &claims(URI).replace("KID", "other")));
    let other = client.request(&HEADER.replace("KID", "other"), &claims(URI).replace("KID", "other"));
    client.named(Mistake::JwtOtherKey, &other);
    client.named(Mistake::JwtAlgorithm, &client.request(&HEADER.replace("ES256", "none"), &claims(URI)));
    client.named(Mistake::JwtMalformed, &request("a.b"));
}

#[test]
pub(crate) fn audiences() {
    let client = Client::new();
    let with = |audience: &str, uri: &str| format!(r#"{{"aud":["{audience}"],{}"#, &claims(uri)[1..]);
    for audience in ["cdp_service", "retail_rest_api_proxy"] {
        assert!(explained_with(client.request(HEADER, &with(audience, URI)), &client.options).faults().is_empty(), "{audience}");
    }
    client.named(Mistake::JwtAudience, &client.request(HEADER, &with("elsewhere", URI)));
    client.named(Mistake::JwtAudience, &client.request(HEADER, &with("public_websocket_api", URI)));
    let frame = |audience: &str| {
        let claims = with(audience, URI).replace(&format!(r#","uri":"{URI}""#), "");
        let token = client.token(HEADER, &claims, &ECDSA_P256_SHA256_FIXED_SIGNING);
        format!(r#"{{"type":"subscribe","channel":"user","product_ids":["BTC-USD"],"jwt":"{token}"}}"#)
    };
    assert!(explained_with(frame("public_websocket_api"), &client.options).faults().is_empty());
    client.named(Mistake::JwtAudience, &frame("elsewhere"));
}

#[test]
pub(crate) fn signatures() {
    let client = Client::new();
    client.named(Mistake::SignatureDer, &request(&client.token(HEADER, &claims(URI), &ECDSA_P256_SHA256_ASN1_SIGNING)));
    let token = client.token(HEADER, &claims(URI), &ECDSA_P256_SHA256_FIXED_SIGNING);
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let bytes = URL_SAFE_NO_PAD.decode(signature).unwrap();
    client.named(Mistake::SignatureStandardBase64, &request(&format!("{signed}.{}", STANDARD.encode(&bytes))));
    let pem = client.options.secret.as_ref().unwrap().expose().to_vec();
    let keyed = mac(aws_lc_rs::hmac::HMAC_SHA256, &pem, signed.as_bytes());
    client.named(Mistake::KeyTypeHmac, &request(&format!("{signed}.{}", URL_SAFE_NO_PAD.encode(keyed))));
    let with = |bytes: &[u8]| request(&format!("{signed}.{}", URL_SAFE_NO_PAD.encode(bytes)));
    client.named(Mistake::SignatureDigits, &with(&[&bytes[32..], &bytes[..32]].concat()));
    // Made by Python's `cryptography`: the library of these tests signs with SHA-256 alone on this curve.
    let options = Options { secret: Some(Secret::new(RECORDED_KEY.as_bytes().to_vec())), ..client.options };
    for recorded in RECORDED_SIGNATURES {
        named_with(Mistake::WrongHash, request(&format!("{signed}.{recorded}")), &options);
    }
    let other = Client::new();
    other.named(Mistake::WrongSecret, &request(&token));
}
