//! The examples of the standard itself, component by component: RFC 9421, sections 2.1, 2.2, 4.3, appendices B.2 and B.3; RFC 9530,
//! appendix B. The whole requests, with their mutants, are in `tests/vectors/rfc9421.json`.
#![allow(clippy::unwrap_used, clippy::unwrap_in_result)]

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use countersign_core::{
    AccountId, Algorithm, ApiKeyId, Credential, CredentialId, Effect, Freshness, MemoryNonceGuard, MemoryReplayGuard, Now, Once, Presented,
    PresentedSignature, PublicKey, Purpose, Reject, SignatureForm, SignedBytes, Verifier, VerifyContext, verify,
};
use sfv::{FieldType as _, Item, Parser};
use smallvec::SmallVec;

use super::fields::Signed;
use super::{base, component, content_digest};
use crate::dialect::RequestView;

const BODY: &[u8] = br#"{"hello": "world"}"#;
const DIGEST: &str = "sha-512=:WZDPaVn/7XgHaAy8pmojAkGWoRx2UFChF41A2svX+TaPm+AbwAgBWnrIiYllu7BNNyealdVLvRwEmTHWXvJwew==:";
const SECRET: &str = "uzvJfB4u3N0Jy4T7NZ75MDVcr8zSTInedJtkgcu46YW4XByzNJjxBdtjUkdJPBtbmHhIDi6pcl8jsasjlTMtDQ==";
const ED25519: &str = "MCowBQYDK2VwAyEAJrQLj5P/89iXES9+vFgrIy29clF9CC/oPPsw3c5D0bs=";
const P256: &str =
    "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEqIVYZVLCrPZHGHjP17CTW0/+D9Lfw0EkjqF7xB4FivAxzic30tMM4GF+hR6Dxh71Z50VGGdldkkDXZCnTNnoXQ==";
const RSA_PSS: &str = "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAr4tmm3r20Wd/PbqvP1s2+QEtvpuRaV8Yq40gjUR8y2Rjxa6dpG2GXHbPfvMs8ct+Lh1GH45x28Rw3Ry53mm+oAXjyQ86OnDkZ5N8lYbggD4O3w6M6pAvLkhk95AndTrifbIFPNU8PPMO7OyrFAHqgDsznjPFmTOtCEcN2Z1FpWgchwuYLPL+Wokqltd11nqqzi+bJ9cvSKADYdUAAN5WUtzdpiy6LbTgSxP7ociU4Tn0g5I6aDZJ7A8Lzo0KSyZYoA485mqcO0GVAdVw9lq4aOT9v6d+nb4bnNkQVklLQ3fVAvJm+xdDOp9LCNCN48V2pnDOkFV6+U9nV5oyc6XI2wIDAQAB";

const CLIENT_CERT: &str = ":MIIBqDCCAU6gAwIBAgIBBzAKBggqhkjOPQQDAjA6MRswGQYDVQQKDBJMZXQncyBBdXRoZW50aWNhdGUxGzAZBgNVBAMMEkxBIEludGVybWVkaWF0ZSBDQTAeFw0yMDAxMTQyMjU1MzNaFw0yMTAxMjMyMjU1MzNaMA0xCzAJBgNVBAMMAkJDMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE8YnXXfaUgmnMtOXU/IncWalRhebrXmckC8vdgJ1p5Be5F/3YC8OthxM4+k1M6aEAEFcGzkJiNy6J84y7uzo9M6NyMHAwCQYDVR0TBAIwADAfBgNVHSMEGDAWgBRm3WjLa38lbEYCuiCPct0ZaSED2DAOBgNVHQ8BAf8EBAMCBsAwEwYDVR0lBAwwCgYIKwYBBQUHAwIwHQYDVR0RAQH/BBMwEYEPYmRjQGV4YW1wbGUuY29tMAoGCCqGSM49BAMCA0gAMEUCIBHda/r1vaL6G3VliL4/Di6YK0Q6bMjeSkC3dFCOOB8TAiEAx/kHSB4urmiZ0NX5r5XarmPk0wmuydBVoU4hBVZ1yhk=:";

/// One example: label, what is signed, the signature, the key.
struct Example {
    label: &'static str,
    input: &'static str,
    signature: &'static str,
    algorithm: Algorithm,
    key: &'static str,
    base: &'static str,
}

const EXAMPLES: [Example; 5] = [
    Example {
        label: "sig-b21",
        input: r#"();created=1618884473;keyid="test-key-rsa-pss";nonce="b3k2pp5k7z-50gnwp.yemd""#,
        signature: "d2pmTvmbncD3xQm8E9ZV2828BjQWGgiwAaw5bAkgibUopemLJcWDy/lkbbHAve4cRAtx31Iq786U7it++wgGxbtRxf8Udx7zFZsckzXaJMkA7ChG52eSkFxykJeNqsrWH5S+oxNFlD4dzVuwe8DhTSja8xxbR/Z2cOGdCbzR72rgFWhzx2VjBqJzsPLMIQKhO4DGezXehhWwE56YCE+O6c0mKZsfxVrogUvA4HELjVKWmAvtl6UnCh8jYzuVG5WSb/QEVPnP5TmcAnLH1g+s++v6d4s8m0gCw1fV5/SITLq9mhho8K3+7EPYTU8IU1bLhdxO5Nyt8C8ssinQ98Xw9Q==",
        algorithm: Algorithm::RsaPssSha512,
        key: RSA_PSS,
        base: "",
    },
    Example {
        label: "sig-b22",
        input: r#"("@authority" "content-digest" "@query-param";name="Pet");created=1618884473;keyid="test-key-rsa-pss";tag="header-example""#,
        signature: "LjbtqUbfmvjj5C5kr1Ugj4PmLYvx9wVjZvD9GsTT4F7GrcQEdJzgI9qHxICagShLRiLMlAJjtq6N4CDfKtjvuJyE5qH7KT8UCMkSowOB4+ECxCmT8rtAmj/0PIXxi0A0nxKyB09RNrCQibbUjsLS/2YyFYXEu4TRJQzRw1rLEuEfY17SARYhpTlaqwZVtR8NV7+4UKkjqpcAoFqWFQh62s7Cl+H2fjBSpqfZUJcsIk4N6wiKYd4je2U/lankenQ99PZfB4jY3I5rSV2DSBVkSFsURIjYErOs0tFTQosMTAoxk//0RoKUqiYY8Bh0aaUEb0rQl3/XaVe4bXTugEjHSw==",
        algorithm: Algorithm::RsaPssSha512,
        key: RSA_PSS,
        base: "\"@authority\": example.com\n\"content-digest\": DIGEST\n\"@query-param\";name=\"Pet\": dog\n",
    },
    Example {
        label: "sig-b23",
        input: r#"("date" "@method" "@path" "@query" "@authority" "content-type" "content-digest" "content-length");created=1618884473;keyid="test-key-rsa-pss""#,
        signature: "bbN8oArOxYoyylQQUU6QYwrTuaxLwjAC9fbY2F6SVWvh0yBiMIRGOnMYwZ/5MR6fb0Kh1rIRASVxFkeGt683+qRpRRU5p2voTp768ZrCUb38K0fUxN0O0iC59DzYx8DFll5GmydPxSmme9v6ULbMFkl+V5B1TP/yPViV7KsLNmvKiLJH1pFkh/aYA2HXXZzNBXmIkoQoLd7YfW91kE9o/CCoC1xMy7JA1ipwvKvfrs65ldmlu9bpG6A9BmzhuzF8Eim5f8ui9eH8LZH896+QIF61ka39VBrohr9iyMUJpvRX2Zbhl5ZJzSRxpJyoEZAFL2FUo5fTIztsDZKEgM4cUA==",
        algorithm: Algorithm::RsaPssSha512,
        key: RSA_PSS,
        base: "\"date\": Tue, 20 Apr 2021 02:07:55 GMT\n\"@method\": POST\n\"@path\": /foo\n\"@query\": ?param=Value&Pet=dog\n\"@authority\": example.com\n\"content-type\": application/json\n\"content-digest\": DIGEST\n\"content-length\": 18\n",
    },
    Example {
        label: "sig-b25",
        input: r#"("date" "@authority" "content-type");created=1618884473;keyid="test-shared-secret""#,
        signature: "pxcQw6G3AjtMBQjwo8XzkZf/bws5LelbaMk5rGIGtE8=",
        algorithm: Algorithm::HmacSha256,
        key: SECRET,
        base: "\"date\": Tue, 20 Apr 2021 02:07:55 GMT\n\"@authority\": example.com\n\"content-type\": application/json\n",
    },
    Example {
        label: "sig-b26",
        input: r#"("date" "@method" "@path" "@authority" "content-type" "content-length");created=1618884473;keyid="test-key-ed25519""#,
        signature: "wqcAqbmYJ2ji2glfAMaRy4gruYYnx2nEFN2HN6jrnDnQCK1u02Gb04v9EDgwUPiu4A0w6vuQv5lIp5WPpBKRCw==",
        algorithm: Algorithm::Ed25519,
        key: ED25519,
        base: "\"date\": Tue, 20 Apr 2021 02:07:55 GMT\n\"@method\": POST\n\"@path\": /foo\n\"@authority\": example.com\n\"content-type\": application/json\n\"content-length\": 18\n",
    },
];

fn verifies(algorithm: Algorithm, key: &str, base: Vec<u8>, signature: &[u8]) -> Result<(), Reject> {
    let bytes = STANDARD.decode(key).unwrap();
    let verifier = if algorithm.is_mac() {
        Verifier::mac(algorithm, &bytes).unwrap()
    } else {
        Verifier::PublicKey(PublicKey::parse(&bytes).unwrap().verifying_key(algorithm).unwrap())
    };
    let key_id = ApiKeyId::parse("test-key").unwrap();
    let credential = Arc::new(Credential::new(
        CredentialId::parse("cred-1").unwrap(),
        AccountId::parse("desk").unwrap(),
        Purpose::HttpSignature,
        key_id.clone(),
        verifier,
    ));
    let presented = Presented {
        purpose: Purpose::HttpSignature,
        key_id,
        signature: PresentedSignature { form: SignatureForm::Explicit(algorithm), bytes: Some(SmallVec::from_slice(signature)) },
        signed: SignedBytes::from_piece(base),
        passphrase: None,
        freshness: Freshness::Unbound,
        once: Once::Freshness,
        effect: Effect::Read,
    };
    let (replay, nonces) = (MemoryReplayGuard::default(), MemoryNonceGuard::default());
    let context = VerifyContext { now: Now::default(), remote: None, replay: &replay, nonces: &nonces };
    verify(&presented, Some(&credential), &context).map(drop).map_err(|refusal| refusal.reject)
}

/// The message `test-request` of appendix B.2.
fn with_request<T>(more: Vec<(&str, String)>, look: impl FnOnce(&RequestView<'_>) -> T) -> T {
    let mut headers = vec![
        ("Host", "example.com".to_owned()),
        ("Date", "Tue, 20 Apr 2021 02:07:55 GMT".to_owned()),
        ("Content-Type", "application/json".to_owned()),
        ("Content-Digest", DIGEST.to_owned()),
        ("Content-Length", "18".to_owned()),
    ];
    headers.extend(more);
    look(&RequestView { method: "POST", target: b"/foo?param=Value&Pet=dog", headers: &headers, body: BODY, host: Some("example.com") })
}

#[test]
fn the_signatures_of_the_standard_verify_and_no_other_bytes_do() {
    for example in EXAMPLES {
        let Example { label, input, signature, algorithm, key, base: expected } = example;
        let more = vec![("Signature-Input", format!("{label}={input}")), ("Signature", format!("{label}=:{signature}:"))];
        let (signed, base) = with_request(more, |request| {
            let signed = Signed::read(request.headers).unwrap();
            let base = base::of(&signed, request).unwrap();
            (signed, base)
        });
        let expected = format!("{}\"@signature-params\": {input}", expected.replace("DIGEST", DIGEST));
        assert_eq!(String::from_utf8(base.clone()).unwrap(), expected, "{label}");
        assert_eq!(verifies(algorithm, key, base.clone(), &signed.signature), Ok(()), "{label}");
        let mut other = base;
        *other.last_mut().unwrap() ^= 1;
        assert_eq!(verifies(algorithm, key, other, &signed.signature), Err(Reject::BadSignature), "{label}");
    }
}

/// 4.3 and B.3 sign requests with ECDSA; B.2.4 signs a response, and responses are not read here.
#[test]
fn the_ecdsa_signatures_of_the_standard_verify() {
    let first = (
        "example.com",
        r#"("@method" "@authority" "@path" "content-digest" "content-type" "content-length");created=1618884475;keyid="test-key-ecc-p256""#,
        "X5spyd6CFnAG5QnDyHfqoSNICd+BUP4LYMz2Q0JXlb//4Ijpzp+kve2w4NIyqeAuM7jTDX+sNalzA8ESSaHD3A==",
    );
    let proxy = (
        "service.internal.example",
        r#"("@path" "@query" "@method" "@authority" "client-cert");created=1618884473;keyid="test-key-ecc-p256""#,
        "xVMHVpawaAC/0SbHrKRs9i8I3eOs5RtTMGCWXm/9nvZzoHsIg6Mce9315T6xoklyy0yzhD9ah4JHRwMLOgmizw==",
    );
    for (host, input, signature) in [first, proxy] {
        let headers = vec![
            ("Content-Type", "application/json".to_owned()),
            ("Content-Digest", DIGEST.to_owned()),
            ("Content-Length", "18".to_owned()),
            ("Client-Cert", CLIENT_CERT.to_owned()),
            ("Signature-Input", format!("sig1={input}")),
            ("Signature", format!("sig1=:{signature}:")),
        ];
        let request = RequestView { method: "POST", target: b"/foo?param=Value&Pet=dog", headers: &headers, body: BODY, host: Some(host) };
        let signed = Signed::read(request.headers).unwrap();
        let base = base::of(&signed, &request).unwrap();
        assert_eq!(verifies(Algorithm::EcdsaP256Sha256, P256, base, &signed.signature), Ok(()), "{host}");
        let elsewhere = base::of(&signed, &RequestView { host: Some("example.org"), ..request }).unwrap();
        assert_eq!(verifies(Algorithm::EcdsaP256Sha256, P256, elsewhere, &signed.signature), Err(Reject::BadSignature), "{host}");
    }
}

fn value(identifier: &str, target: &str, headers: &Vec<(&str, &str)>) -> Result<String, Reject> {
    let item: Item = Parser::new(identifier).parse().unwrap();
    let request = RequestView { method: "POST", target: target.as_bytes(), headers, body: b"", host: Some("www.Example.com:443") };
    component::value(&item, &request).map(|value| String::from_utf8(value).unwrap()).map_err(|refusal| refusal.reject)
}

#[test]
fn components_have_the_values_of_section_two() {
    let headers = vec![
        ("example-dict", "  a=1,    b=2;x=1;y=2,   c=(a   b   c), d"),
        ("example-header", "value, with, lots"),
        ("example-list", "1,  two;b , (3  4)"),
        ("example-item", "  7;a "),
        ("empty", ""),
        ("twice", "1"),
        ("Twice", "1"),
        ("again", "a=1, a=2"),
    ];
    let target = "/path?param=value&foo=bar&baz=batman&qux=&p%C3%A4r=a%20b%2bc+d&baz2=1&two=1&two=2";
    for (identifier, expected) in [
        (r#""@method""#, "POST"),
        (r#""@authority""#, "www.example.com"),
        (r#""@scheme""#, "https"),
        (r#""@path""#, "/path"),
        (r#""@query-param";name="baz""#, "batman"),
        (r#""@query-param";name="qux""#, ""),
        (r#""@query-param";name="param""#, "value"),
        (r#""@query-param";name="p%C3%A4r""#, "a%20b%2Bc%20d"),
        (r#""example-dict";key="a""#, "1"),
        (r#""example-dict";key="b""#, "2;x=1;y=2"),
        (r#""example-dict";key="c""#, "(a b c)"),
        (r#""example-dict";key="d""#, "?1"),
        (r#""example-dict";sf"#, "a=1, b=2;x=1;y=2, c=(a b c), d"),
        (r#""example-list";sf"#, "1, two;b, (3 4)"),
        (r#""example-item";sf"#, "7;a"),
        (r#""example-header";bs"#, ":dmFsdWUsIHdpdGgsIGxvdHM=:"),
        (r#""example-dict""#, "a=1,    b=2;x=1;y=2,   c=(a   b   c), d"),
        (r#""empty""#, ""),
    ] {
        assert_eq!(value(identifier, target, &headers), Ok(expected.to_owned()), "{identifier}");
    }
    assert_eq!(value(r#""@target-uri""#, "/a?b", &headers), Ok("https://www.example.com/a?b".to_owned()));
    assert_eq!(value(r#""@request-target""#, "/a?b", &headers), Ok("/a?b".to_owned()));
    assert_eq!(value(r#""@query""#, "/path?queryString", &headers), Ok("?queryString".to_owned()));
    assert_eq!(value(r#""@query""#, "/path", &headers), Ok("?".to_owned()));
    for (identifier, reject) in [
        (r#""@status""#, Reject::Malformed),
        (r#""@method";req"#, Reject::Malformed),
        (r#""@nothing""#, Reject::Malformed),
        (r#""@query-param""#, Reject::Malformed),
        (r#""@query-param";name="two""#, Reject::Malformed),
        (r#""@query-param";name="none""#, Reject::MissingParameter),
        (r#""Example-Header""#, Reject::Malformed),
        (r#""example-header";req"#, Reject::Malformed),
        (r#""example-header";tr"#, Reject::Malformed),
        (r#""example-header";sf;bs"#, Reject::Malformed),
        (r#""example-header";bs=?0"#, Reject::Malformed),
        (r#""example-dict";key="e""#, Reject::MissingParameter),
        (r#""again";sf"#, Reject::MissingParameter),
        (r#""again";key="a""#, Reject::MissingParameter),
        (r#""twice""#, Reject::Malformed),
        (r#""absent""#, Reject::MissingParameter),
    ] {
        assert_eq!(value(identifier, target, &headers), Err(reject), "{identifier}");
    }
}

#[test]
fn digests_are_those_of_the_body() {
    let checked = |digest: &str| {
        let headers = vec![("content-digest", digest)];
        content_digest::check(&RequestView { method: "POST", target: b"/", headers: &headers, body: BODY, host: None })
    };
    // RFC 9530, B: the SHA-256 of this body is in its examples, too.
    let sha256 = "sha-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=:";
    for digest in [sha256, DIGEST, &format!("{sha256}, {DIGEST}"), &format!("md5=:AAAA:, {sha256}")] {
        assert_eq!(checked(digest), Ok(()), "{digest}");
    }
    for digest in [
        "",
        "sha-256=:AAAA:",
        "md5=:Sd/dVLAcvNLSq16eXua5uQ==:",
        "sha-256=X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=",
        &format!("{sha256}, sha-512=:AAAA:"),
        &format!("sha-256=:AAAA:, {sha256}"),
        &sha256.replace('X', "Y"),
        &sha256.replace("sha-256", "sha-512"),
    ] {
        assert!(checked(digest).is_err(), "{digest}");
    }
    let item: Item = Parser::new("a").parse().unwrap();
    assert_eq!(item.serialize(), "a");
}
