#![allow(clippy::unwrap_used)]
use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, ML_DSA_65_SIGNING, PqdsaKeyPair};
use curve25519_dalek::constants::{ED25519_BASEPOINT_POINT, EIGHT_TORSION};
use curve25519_dalek::edwards::CompressedEdwardsY;
use proptest::prelude::*;
use serde_json::Value;
use spki::der::asn1::{OctetStringRef, SequenceOf, UintRef};
use spki::der::{AnyRef, Decode as _, Encode as _};

use super::*;

/// Keys made by openssl and ssh-keygen, each written in many ways; `key_id` was computed by openssl and sha256sum.
const ACCEPTED: &str = include_str!("testdata/accepted.json");
/// Keys made by openssl that break a rule, and how the refusal begins.
const REFUSED: &str = include_str!("testdata/refused.json");

fn cases(json: &str) -> Vec<Value> {
    serde_json::from_str(json).unwrap()
}

fn input(case: &Value) -> Vec<u8> {
    match case["text"].as_str() {
        Some(text) => text.as_bytes().to_vec(),
        None => STANDARD.decode(case["base64"].as_str().unwrap()).unwrap(),
    }
}

fn refusal(bytes: &[u8]) -> String {
    PublicKey::parse(bytes).unwrap_err().to_string()
}

fn ml_dsa_65() -> Vec<u8> {
    PqdsaKeyPair::from_seed(&ML_DSA_65_SIGNING, &[9; 32]).unwrap().public_key().as_ref().to_vec()
}

#[test]
fn one_key_has_one_name_in_every_format() {
    for case in cases(ACCEPTED) {
        let shown = format!("{} as {}", case["key"], case["name"]);
        let key = PublicKey::parse(&input(&case)).unwrap_or_else(|error| panic!("{shown}: {error}"));
        assert_eq!(key.key_id().as_str(), case["key_id"], "{shown}");
        assert_eq!(key.key_type().to_string(), case["key"], "{shown}");
        assert_eq!(key.format().name(), case["format"], "{shown}");
        assert_eq!(PublicKey::from_spki_der(key.spki_der()).unwrap(), key, "{shown}");
        assert_eq!(PublicKey::parse(key.to_pem().as_bytes()).unwrap(), key, "{shown}");
        assert_eq!(key.key_id().as_str().len(), 43);
    }
}

#[test]
fn pem_is_written_as_openssl_writes_it() {
    for case in cases(ACCEPTED).iter().filter(|case| case["name"] == "openssl PEM") {
        assert_eq!(PublicKey::parse(&input(case)).unwrap().to_pem(), case["text"].as_str().unwrap());
    }
}

#[test]
fn says_what_was_found_and_what_is_wrong() {
    for case in cases(REFUSED) {
        let text = refusal(&input(&case));
        assert!(text.starts_with(case["error"].as_str().unwrap()), "{}: {text}", case["name"]);
    }
    for (text, begins) in [
        ("", "not a public key"),
        ("hello world", "not a public key"),
        ("deadbee", "raw key bytes: an odd number of hex digits"),
        ("not;a;key", "not a public key"),
        ("MCowBQYDK2VwAyEA", "DER: cut off"),
        ("AAAAAAAAAAAAAAAA", "raw key bytes: raw keys have 32 bytes"),
        ("MCowBQYDK2VwAyEAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "raw key bytes: the base64 is garbled or cut off"),
        ("-----BEGIN PUBLIC KEY-----\nMCowBQ", "PEM: the END line is missing"),
        ("-----BEGIN PUBLIC KEY-----\n!\n-----END PUBLIC KEY-----", "PEM: the base64 is garbled"),
        ("-----BEGIN PUBLIC KEY-----\n\n-----END PUBLIC KEY-----", "PEM: the block is empty"),
        ("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END CERTIFICATE-----", "PEM: the BEGIN and END lines do not match"),
        ("-----BEGIN PGP PUBLIC KEY BLOCK-----\nAAAA\n-----END PGP PUBLIC KEY BLOCK-----", "PEM: the label is neither"),
        ("---- BEGIN SSH2 PUBLIC KEY ----\nAAAA\n---- END SSH2 PUBLIC KEY ----", "PEM: the SSH2 file format"),
        ("ssh-ed25519", "OpenSSH: the base64 is garbled"),
        ("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIL", "OpenSSH: the base64 is garbled"),
        ("ssh-dss AAAA", "OpenSSH: DSA is not accepted"),
        ("sk-ssh-ed25519@openssh.com AAAA", "OpenSSH: a key of a security token"),
        ("ssh-x AAAA", "OpenSSH: this key type is not accepted"),
        ("{\"kty\":\"EC\",\"crv\":\"P-384\",\"x\":\"\",\"y\":\"\"}", "JWK: the curve P-384 is not accepted"),
        ("{\"kty\":\"OKP\",\"crv\":\"X25519\",\"x\":\"\"}", "JWK: a key-agreement key is not accepted"),
        ("{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"AAAA\"}", "JWK: x is not 32 bytes"),
        ("{\"kty\":\"OKP\",\"crv\":\"Ed25519\"}", "JWK: x is missing"),
        ("{\"kty\":\"AKP\",\"alg\":\"ML-DSA-44\",\"pub\":\"\"}", "JWK: this alg of an AKP key"),
        ("{\"keys\":[]}", "JWK: this is a key set"),
        ("{\"crv\":\"P-256\"}", "JWK: kty is missing"),
        ("{\"kty\":\"OKP\"", "JWK: not one JSON object"),
        ("[1]", "JWK: not one JSON object"),
    ] {
        let shown = refusal(text.as_bytes());
        assert!(shown.starts_with(begins), "{text}: {shown}");
    }
    assert_eq!(PublicKey::parse(&[b' '; limits::PUBLIC_KEY_TEXT_BYTES_MAX + 1]), Err(PublicKeyError::TooLong));
}

#[test]
fn refuses_private_keys_of_every_kind_and_says_so() {
    let pem = |label: &str, der: &[u8]| format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", STANDARD.encode(der)).into_bytes();
    let ed25519 = Ed25519KeyPair::generate().unwrap().to_pkcs8().unwrap();
    let p256 = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap().to_pkcs8v1().unwrap();
    let rsa = aws_lc_rs::rsa::KeyPair::generate(aws_lc_rs::rsa::KeySize::Rsa2048).unwrap().as_der().unwrap();
    let inner = |pkcs8: &[u8]| {
        let fields = AnyRef::from_der(pkcs8).unwrap();
        let start = fields.value().windows(2).rposition(|window| window[0] == 0x04 && window[1] == 0x6d).unwrap_or(0);
        OctetStringRef::from_der(&fields.value()[start..]).map(|octets| octets.as_bytes().to_vec()).unwrap_or_default()
    };
    let d = r#","d":"AAAA"}"#;
    let inputs = [
        pem("PRIVATE KEY", ed25519.as_ref()),
        pem("EC PRIVATE KEY", p256.as_ref()),
        pem("RSA PRIVATE KEY", rsa.as_ref()),
        pem("ENCRYPTED PRIVATE KEY", b"x"),
        pem("OPENSSH PRIVATE KEY", b"openssh-key-v1"),
        b"PuTTY-User-Key-File-3: ssh-ed25519".to_vec(),
        // A public block before a private one is no excuse.
        [pem("PUBLIC KEY", b"x"), pem("PRIVATE KEY", ed25519.as_ref())].concat(),
        ed25519.as_ref().to_vec(),
        p256.as_ref().to_vec(),
        rsa.as_ref().to_vec(),
        inner(p256.as_ref()),
        STANDARD.encode(p256.as_ref()).into_bytes(),
        hex::encode(rsa.as_ref()).into_bytes(),
        format!(r#"{{"kty":"OKP","crv":"Ed25519","x":"AAAA"{d}"#).into_bytes(),
        format!(r#"{{"kty":"RSA","n":"AAAA","e":"AQAB"{d}"#).into_bytes(),
        br#"{"kty":"oct","k":"AAAA"}"#.to_vec(),
        br#"{"kty":"AKP","alg":"ML-DSA-65","pub":"AAAA","priv":"AAAA"}"#.to_vec(),
    ];
    for bytes in &inputs {
        let error = PublicKey::parse(bytes).unwrap_err();
        assert!(matches!(error, PublicKeyError::PrivateKey { .. }), "{error}: {}", String::from_utf8_lossy(bytes));
        assert!(error.to_string().contains("send the public half"), "{error}");
    }
}

#[test]
fn refuses_ed25519_keys_of_small_order_mixed_order_or_odd_encoding() {
    let parse = |point: CompressedEdwardsY| PublicKey::parse(&point.0).map(|key| key.key_type());
    for torsion in EIGHT_TORSION {
        let error = parse(torsion.compress()).unwrap_err().to_string();
        assert!(error.contains("small order"), "{error}");
    }
    let point = ED25519_BASEPOINT_POINT + ED25519_BASEPOINT_POINT;
    assert_eq!(parse(point.compress()), Ok(KeyType::Ed25519));
    for torsion in &EIGHT_TORSION[1..] {
        let error = parse((point + torsion).compress()).unwrap_err().to_string();
        assert!(error.contains("prime-order group"), "{error}");
    }
    let mut decodable = 0;
    // All encodings with y at or above p = 2^255 - 19, with both signs.
    for low in 0xed..=0xff_u8 {
        for high in [0x7f, 0xff] {
            let mut bytes = [0xff; 32];
            (bytes[0], bytes[31]) = (low, high);
            decodable += usize::from(CompressedEdwardsY(bytes).decompress().is_some());
            assert!(PublicKey::parse(&bytes).is_err(), "{low:x} {high:x}");
        }
    }
    assert!(decodable > 4, "the library itself would have taken them");
    let mut negative_zero = [0; 32];
    (negative_zero[0], negative_zero[31]) = (1, 0x80);
    assert!(PublicKey::parse(&negative_zero).is_err());
}

#[test]
fn refuses_points_off_the_curve() {
    let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
    let point = pair.public_key().as_ref();
    assert_eq!(PublicKey::parse(point).unwrap().key_type(), KeyType::EcP256);
    let mut off = point.to_vec();
    off[64] ^= 1;
    assert_eq!(refusal(&off), "raw key bytes: the point is not on the curve P-256");
    off[0] = 6;
    assert!(refusal(&off).contains("do not start with 04"));
    let zeros = [&[4][..], &[0; 64]].concat();
    assert!(refusal(&zeros).contains("not on the curve"));
    assert!(refusal(&[2; 33]).contains("compressed point"));
    assert!(refusal(&point[1..]).contains("without its 04"));
}

fn rsa_der(modulus: &[u8], exponent: &[u8]) -> Vec<u8> {
    let mut numbers = SequenceOf::<UintRef<'_>, 2>::new();
    numbers.add(UintRef::new(modulus).unwrap()).unwrap();
    numbers.add(UintRef::new(exponent).unwrap()).unwrap();
    numbers.to_der().unwrap()
}

#[test]
fn refuses_rsa_keys_outside_the_rules() {
    let modulus = |bytes: usize| [&[0xc3][..], &vec![0x5a; bytes - 2], &[1]].concat();
    let f4 = [1, 0, 1];
    for (der, why) in [
        (rsa_der(&modulus(64), &f4), "shorter than 2048"),
        (rsa_der(&modulus(255), &f4), "shorter than 2048"),
        (rsa_der(&modulus(513), &f4), "longer than 4096"),
        (rsa_der(&modulus(2_048), &f4), "longer than 4096"),
        (rsa_der(&modulus(256), &[1]), "below 65537"),
        (rsa_der(&modulus(256), &[3]), "below 65537"),
        (rsa_der(&modulus(256), &[0xff, 0xff]), "below 65537"),
        (rsa_der(&modulus(256), &[1, 0, 2]), "even"),
        (rsa_der(&modulus(256), &[1, 0, 0, 0, 1]), "longer than 32 bits"),
        (rsa_der(&[&[0xc3][..], &[0x5a; 255]].concat(), &f4), "modulus is even"),
    ] {
        let error = refusal(&der);
        assert!(error.contains(why), "{why}: {error}");
    }
    for bytes in [256, 257, 384, 512] {
        let key = PublicKey::parse(&rsa_der(&modulus(bytes), &f4)).unwrap();
        assert_eq!(key.key_type(), KeyType::Rsa { bits: bytes * 8 });
        assert!(key.verifying_key(Algorithm::RsaPssSha256).is_ok() && key.verifying_key(Algorithm::RsaPkcs1Sha256).is_ok());
    }
}

#[test]
fn refuses_moduli_of_the_roca_form() {
    // 65537^k is a power of 65537 modulo every prime: the form itself, at a length that passes the other rules.
    let mut modulus = vec![1_u8];
    while modulus.len() < 256 {
        modulus = times_65537(&modulus);
    }
    assert!(refusal(&rsa_der(&modulus, &[1, 0, 1])).contains("ROCA"));
}

fn times_65537(number: &[u8]) -> Vec<u8> {
    let shifted = [number, &[0, 0]].concat();
    let padded = [&[0, 0], number].concat();
    let mut carry = 0;
    let mut sum: Vec<u8> = shifted
        .iter()
        .zip(&padded)
        .rev()
        .map(|(one, other)| {
            let digit = u16::from(*one) + u16::from(*other) + carry;
            carry = digit >> 8;
            u8::try_from(digit & 0xff).unwrap()
        })
        .collect();
    if carry > 0 {
        sum.push(1);
    }
    sum.reverse();
    sum
}

#[test]
fn reads_ml_dsa_65_raw_as_jwk_and_as_spki() {
    let raw = ml_dsa_65();
    let key = PublicKey::parse(&raw).unwrap();
    assert_eq!(key.key_type(), KeyType::MlDsa65);
    let jwk = format!(r#"{{"kty":"AKP","alg":"ML-DSA-65","pub":"{}"}}"#, URL_SAFE_NO_PAD.encode(&raw));
    assert_eq!(PublicKey::parse(jwk.as_bytes()).unwrap(), key);
    assert_eq!(PublicKey::parse(key.spki_der()).unwrap(), key);
    // What the library itself writes (RFC 9881).
    let written = PqdsaKeyPair::from_seed(&ML_DSA_65_SIGNING, &[9; 32]).unwrap().public_key().as_der().unwrap();
    assert_eq!(key.spki_der(), written.as_ref());
}

#[test]
fn a_key_verifies_only_under_algorithms_of_its_type() {
    for case in cases(ACCEPTED) {
        let key = PublicKey::parse(&input(&case)).unwrap();
        for algorithm in Algorithm::ALL {
            let outcome = key.verifying_key(algorithm);
            assert_eq!(outcome.is_ok(), key.key_type().signs(algorithm), "{} {algorithm}", case["key"]);
            assert_eq!(VerifyingKey::from_raw(algorithm, key.spki_der()).is_ok(), key.key_type().signs(algorithm));
            assert_eq!(VerifyingKey::from_raw(algorithm, &key.raw).is_ok(), key.key_type().signs(algorithm));
        }
    }
}

#[test]
fn text_that_lost_its_end_is_another_key_never() {
    for case in cases(ACCEPTED).iter().filter(|case| case["text"].is_string() && case["format"] != "raw key bytes") {
        let text = input(case);
        let whole = PublicKey::parse(&text).unwrap();
        for end in 0..text.len() {
            if let Ok(key) = PublicKey::parse(&text[..end]) {
                assert_eq!(key, whole, "{} as {} cut at {end}", case["key"], case["name"]);
            }
        }
    }
}

proptest! {
    #[test]
    fn any_bytes_are_a_key_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = PublicKey::parse(&bytes);
    }

    #[test]
    fn any_text_is_a_key_or_an_error(text in "[ -~\n]{0,200}") {
        let _ = PublicKey::parse(text.as_bytes());
    }

    #[test]
    fn a_damaged_key_is_an_error_or_a_key_that_holds_the_rules(index in 0..41_usize, at in any::<proptest::sample::Index>(), bit in 0..8_u8) {
        let mut bytes = input(&cases(ACCEPTED)[index]);
        let at = at.index(bytes.len());
        bytes[at] ^= 1_u8 << bit;
        if let Ok(key) = PublicKey::parse(&bytes) {
            prop_assert_eq!(PublicKey::from_spki_der(key.spki_der()).unwrap(), key);
        }
    }
}
