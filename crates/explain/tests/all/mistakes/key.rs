//! The secret or key used in another form than it should be, or another one.

use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256, RSA_PKCS1_SHA512, RSA_PSS_SHA256, RsaKeyPair};
use countersign_core::{PublicKey, Secret};
use countersign_explain::{Mistake, Options};

use crate::client::*;

const QUERY: &str = "symbol=BTCUSDT&timestamp=1795222400000";

fn okx_with(secret: impl Into<Vec<u8>>) -> String {
    okx_request("GET", "/api/v5/a", "", &okx().with_secret(secret).sign(format!("{ISO}GET/api/v5/a")))
}

#[test]
pub(crate) fn forms_of_a_text_secret() {
    for (mistake, secret) in [
        (Mistake::SecretNewline, format!("{SECRET}\n").into_bytes()),
        (Mistake::SecretNewline, format!(" {SECRET}").into_bytes()),
        (Mistake::SecretQuoted, format!("\"{SECRET}\"").into_bytes()),
        (Mistake::SecretDecoded, decoded()),
        (Mistake::SecretHexDecoded, hex::decode(SECRET).unwrap()),
        (Mistake::SecretEncoded, base64_text(SECRET.as_bytes()).into_bytes()),
        (Mistake::SecretLetters, SECRET.to_uppercase().into_bytes()),
        (Mistake::SecretIsPassphrase, PASSPHRASE.as_bytes().to_vec()),
        (Mistake::SecretIsKey, KEY.as_bytes().to_vec()),
        (Mistake::SecretEmpty, Vec::new()),
        (Mistake::WrongSecret, b"another".to_vec()),
    ] {
        named(mistake, okx_with(secret.clone()));
        if mistake != Mistake::SecretIsPassphrase {
            named(mistake, binance_get(QUERY, &binance().with_secret(secret).sign(QUERY)));
        }
    }
}

#[test]
pub(crate) fn a_base64_secret_used_as_text() {
    let send = |secret: &[u8]| {
        let signed = [b"/0/private/Balance".to_vec(), sha256(b"5nonce=5")].concat();
        kraken_request("/0/private/Balance", "nonce=5", &kraken().with_secret(secret).sign(signed))
    };
    named(Mistake::SecretNotDecoded, send(SECRET.as_bytes()));
    named(Mistake::SecretHexDecoded, send(&hex::decode(SECRET).unwrap()));
    let headers = |secret: &[u8]| {
        let signature = coinbase_exchange().with_secret(secret).sign("1795222400GET/orders");
        let headers = [
            ("CB-ACCESS-KEY", KEY),
            ("CB-ACCESS-SIGN", signature.as_str()),
            ("CB-ACCESS-TIMESTAMP", "1795222400"),
            ("CB-ACCESS-PASSPHRASE", PASSPHRASE),
        ];
        raw("GET", "/orders", &headers, "")
    };
    assert!(faults(headers(&decoded())).is_empty());
    named(Mistake::SecretNotDecoded, headers(SECRET.as_bytes()));
}

#[test]
pub(crate) fn hash_functions() {
    for (hash, mistake) in [(hmac::HMAC_SHA512, Mistake::WrongHash), (hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, Mistake::WrongHash)] {
        let signer = Signer { hash, ..binance() };
        named(mistake, binance_get(QUERY, &signer.sign(QUERY)));
    }
    let signer = Signer { hash: hmac::HMAC_SHA256, ..gate() };
    let signed = format!("GET\n/api/v4/spot/accounts\n\n{}\n1795222400", sha512_hex(b""));
    named(Mistake::WrongHash, gate_request("GET", "/api/v4/spot/accounts", "", &signer.sign(signed)));
    named(Mistake::PlainHash, binance_get(QUERY, &hex::encode(sha256(format!("{QUERY}{SECRET}").as_bytes()))));
    named(Mistake::PlainHash, binance_get(QUERY, &hex::encode(sha256(format!("{SECRET}{QUERY}").as_bytes()))));
    named(Mistake::PlainHash, binance_get(QUERY, &hex::encode(sha256(QUERY.as_bytes()))));
    let right = binance().sign(QUERY);
    named(Mistake::ProofTwice, binance_get(QUERY, &binance().sign(&right)));
    named(Mistake::ProofTwice, binance_get(QUERY, &hex::encode(sha256(right.as_bytes()))));
    let report = explained(binance_get(QUERY, &right[..32].chars().rev().collect::<String>()));
    assert!(report.faults() == [Mistake::WrongHash] && report.findings[0].saw.contains("MD5"), "{:?}", report.findings);
}

fn with_key(pem: &str) -> Options {
    Options { secret: Some(Secret::new(pem.as_bytes().to_vec())), ..options() }
}

fn pem(der: &[u8]) -> String {
    format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", base64_text(der))
}

fn encoded(bytes: &[u8]) -> String {
    base64_text(bytes).replace('+', "%2B").replace('/', "%2F").replace('=', "%3D")
}

#[test]
pub(crate) fn ed25519_keys() {
    let pair = Ed25519KeyPair::from_seed_unchecked(&[7; 32]).unwrap();
    let private = pem(pair.to_pkcs8v1().unwrap().as_ref());
    let public = PublicKey::parse(pair.public_key().as_ref()).unwrap().to_pem();
    let request = |text: &str| binance_get(QUERY, &encoded(pair.sign(text.as_bytes()).as_ref()));
    for key in [&private, &public] {
        assert!(explained_with(request(QUERY), &with_key(key)).faults().is_empty());
        named_with(Mistake::ParametersReordered, request("timestamp=1795222400000&symbol=BTCUSDT"), &with_key(key));
        let hex = binance_get(QUERY, &hex::encode(pair.sign(QUERY.as_bytes())));
        named_with(Mistake::SignatureHex, hex, &with_key(key));
    }
    let keyed = binance_get(QUERY, &binance().with_secret(private.as_bytes()).sign(QUERY));
    named_with(Mistake::KeyTypeHmac, keyed, &with_key(&private));
    named_with(Mistake::KeyTypeHmac, binance_get(QUERY, &binance().sign(QUERY)), &with_key(&public));
    named(Mistake::KeyTypeSignature, request(QUERY));
}

#[test]
pub(crate) fn rsa_keys() {
    let pair = RsaKeyPair::generate(aws_lc_rs::rsa::KeySize::Rsa2048).unwrap();
    let der = aws_lc_rs::encoding::AsDer::<aws_lc_rs::encoding::Pkcs8V1Der<'_>>::as_der(&pair).unwrap();
    let key = with_key(&pem(der.as_ref()));
    let sign = |padding: &'static dyn aws_lc_rs::signature::RsaEncoding| {
        let mut bytes = vec![0; pair.public_modulus_len()];
        pair.sign(padding, &SystemRandom::new(), QUERY.as_bytes(), &mut bytes).unwrap();
        binance_get(QUERY, &encoded(&bytes))
    };
    assert!(explained_with(sign(&RSA_PKCS1_SHA256), &key).faults().is_empty());
    named_with(Mistake::RsaPss, sign(&RSA_PSS_SHA256), &key);
    named_with(Mistake::WrongHash, sign(&RSA_PKCS1_SHA512), &key);
}

#[test]
pub(crate) fn the_secret_of_another_key() {
    let other = Options { api_key: Some("another-key".to_owned()), ..options() };
    named_with(Mistake::KeyOther, binance_get(QUERY, &binance().sign(QUERY)), &other);
}
