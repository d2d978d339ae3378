//! Two algorithms of one ring: what is signed with which, and what is refused whatever it says.

use serde_json::json;

use super::super::named_key::P256_ORDER;
use super::*;

impl Fixture {
    /// The same deployment, started again with another algorithm.
    fn with(&self, algorithm: TokenAlgorithm) -> IdentityIssuer {
        IdentityIssuer::load_or_create(&self.path()).unwrap().signing_access_tokens_by(algorithm)
    }
}

fn claims() -> Value {
    json!({ "iss": "countersign", "aud": "venue", "sub": "desk-1", "jti": "name" })
}

fn header_of(token: &str) -> Header {
    jsonwebtoken::decode_header(token).unwrap()
}

/// Header and payload of a token, and its signature.
fn parts(token: &str) -> (String, Vec<u8>) {
    let (signed, signature) = token.rsplit_once('.').unwrap();
    (signed.to_owned(), URL_SAFE_NO_PAD.decode(signature).unwrap())
}

fn joined(signed: &str, signature: &[u8]) -> String {
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
}

/// The same payload under another header.
fn under(header: &Value, signed: &str) -> String {
    format!("{}.{}", URL_SAFE_NO_PAD.encode(header.to_string()), signed.split('.').nth(1).unwrap())
}

#[test]
fn tokens_of_both_algorithms_hold_before_and_after_a_change() {
    let fixture = Fixture::new();
    let issuers = TokenAlgorithm::ALL.map(|algorithm| fixture.with(algorithm));
    let tokens = issuers.each_ref().map(|issuer| issuer.sign_access_token(&claims()));
    assert_eq!(tokens.each_ref().map(|token| header_of(token).alg), [Algorithm::EdDSA, Algorithm::ES256]);
    assert_ne!(header_of(&tokens[0]).kid, header_of(&tokens[1]).kid, "a key is for one algorithm");
    for issuer in &issuers {
        for token in &tokens {
            assert_eq!(issuer.read_access_token::<Value>(token), Ok(claims()));
            assert!(issuer.names_our_key(token));
            let (_, read) = as_upstream(&issuer.jwks(), &with_expiry(issuer, token)).unwrap();
            assert_eq!(read["sub"], "desk-1", "and whoever knows the key set alone reads it, too");
        }
    }
}

/// A token by the same issuer that a strict reader takes: with an end.
fn with_expiry(issuer: &IdentityIssuer, token: &str) -> String {
    let mut claims = claims();
    claims["exp"] = (NOW.as_secs() + 60).into();
    let algorithm = TokenAlgorithm::ALL.into_iter().find(|algorithm| algorithm.jose() == header_of(token).alg).unwrap();
    issuer.ring.load().current().of(algorithm).sign(ACCESS_TYPE, &claims)
}

#[test]
fn what_only_the_gateway_and_its_upstreams_read_stays_as_it_is() {
    let fixture = Fixture::new();
    let issuer = fixture.with(TokenAlgorithm::Es256);
    let identity = issuer.mint(fixture.subject(), None, AT).value;
    let native = issuer.mint_access_token(&fixture.account, &fixture.key_id, fixture.sid, "dDE", &fixture.scopes, NOW, Duration::MAX);
    for token in [identity.to_str().unwrap(), &native] {
        assert_eq!(header_of(token).alg, Algorithm::EdDSA);
    }
    assert!(issuer.verify_access_token(&native, NOW).is_ok());
}

#[test]
fn both_keys_change_together_and_are_published_before_use_and_after() {
    let fixture = Fixture::new();
    let issuer = fixture.with(TokenAlgorithm::Es256);
    let sign = || issuer.sign_access_token(&claims());
    let published = |jwks: &str, token: &str| jwks.contains(&header_of(token).kid.unwrap());
    let (before, old) = (issuer.jwks(), sign());
    issuer.rotate().unwrap();
    let new = sign();
    assert_ne!(header_of(&old).kid, header_of(&new).kid);
    assert!(published(&before, &new) && published(&issuer.jwks(), &old));
    assert!(issuer.read_access_token::<Value>(&old).is_ok());
    issuer.rotate().unwrap();
    assert_eq!(issuer.read_access_token::<Value>(&old), Err(AccessTokenError::Signature));
    let set: Value = serde_json::from_str(&issuer.jwks()).unwrap();
    let kinds: Vec<_> = set["keys"].as_array().unwrap().iter().map(|key| key["alg"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["EdDSA", "EdDSA", "EdDSA", "ES256", "ES256", "ES256"]);
    assert!(!issuer.jwks().contains("\"d\""), "no private part is published");
}

#[test]
fn an_algorithm_under_the_key_of_another_is_refused() {
    let fixture = Fixture::new();
    let [eddsa, es256] = TokenAlgorithm::ALL.map(|algorithm| parts(&fixture.with(algorithm).sign_access_token(&claims())));
    let set: Value = serde_json::from_str(&fixture.issuer.jwks()).unwrap();
    let ring = fixture.issuer.ring.load();
    let kid = |algorithm| ring.current().of(algorithm).kid().to_owned();
    let header = |alg: &str, algorithm| json!({ "typ": "at+jwt", "alg": alg, "kid": kid(algorithm) });
    let (ed, ec) = (TokenAlgorithm::EdDsa, TokenAlgorithm::Es256);
    let public_of_ec = {
        let key = set["keys"].as_array().unwrap().iter().find(|key| key["kid"] == kid(ec).as_str()).unwrap();
        [vec![4], URL_SAFE_NO_PAD.decode(key["x"].as_str().unwrap()).unwrap(), URL_SAFE_NO_PAD.decode(key["y"].as_str().unwrap()).unwrap()]
            .concat()
    };
    let by_mac = |secret: &[u8]| {
        let signed = under(&header("HS256", ec), &es256.0);
        let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, secret);
        joined(&signed, aws_lc_rs::hmac::sign(&key, signed.as_bytes()).as_ref())
    };
    let by_ed25519 = |header: &Value| {
        // The signature is right for these very bytes, and by a key of ours: only name and algorithm do not go together.
        let signed = under(header, &eddsa.0);
        let pair = aws_lc_rs::signature::Ed25519KeyPair::from_pkcs8(ring.current().pkcs8().expose()).unwrap();
        joined(&signed, pair.sign(signed.as_bytes()).as_ref())
    };
    let right = by_ed25519(&header("EdDSA", ed));
    assert_eq!(fixture.issuer.read_access_token::<Value>(&right), Ok(claims()), "where they do, it is a token");
    for (name, forged) in [
        ("ES256 under the name of the Ed25519 key", joined(&under(&header("ES256", ed), &es256.0), &es256.1)),
        ("EdDSA under the name of the P-256 key", joined(&under(&header("EdDSA", ec), &eddsa.0), &eddsa.1)),
        ("EdDSA by the Ed25519 key, named as the P-256 key", by_ed25519(&header("EdDSA", ec))),
        ("EdDSA by the Ed25519 key, called ES256", by_ed25519(&header("ES256", ed))),
        ("a MAC under the public point", by_mac(&public_of_ec)),
        ("a MAC under its coordinates", by_mac(&public_of_ec[1..])),
        ("a MAC under the published key as text", by_mac(set["keys"][0].to_string().as_bytes())),
        ("ES384", joined(&under(&header("ES384", ec), &es256.0), &es256.1)),
        ("RS256", joined(&under(&header("RS256", ec), &es256.0), &es256.1)),
        ("no key named", joined(&under(&json!({ "typ": "at+jwt", "alg": "ES256" }), &es256.0), &es256.1)),
        (
            "an array as critical",
            joined(&under(&json!({ "typ": "at+jwt", "alg": "ES256", "kid": kid(ec), "crit": ["exp"] }), &es256.0), &es256.1),
        ),
    ] {
        assert_eq!(fixture.issuer.read_access_token::<Value>(&forged), Err(AccessTokenError::Type), "{name}");
    }
    let none = format!("{}.", under(&header("none", ec), &es256.0));
    assert_eq!(fixture.issuer.read_access_token::<Value>(&none), Err(AccessTokenError::Malformed));
}

/// DER of two numbers (RFC 3279, 2.2.3): what ECDSA is outside of JOSE.
fn der(r: &[u8], s: &[u8]) -> Vec<u8> {
    let integer = |number: &[u8]| {
        let lead = if number[0] & 0x80 == 0 { vec![] } else { vec![0] };
        [vec![2, u8::try_from(lead.len() + number.len()).unwrap()], lead, number.to_vec()].concat()
    };
    let body = [integer(r), integer(s)].concat();
    [vec![0x30, u8::try_from(body.len()).unwrap()], body].concat()
}

#[test]
fn a_signature_has_one_form_and_numbers_of_the_group() {
    let fixture = Fixture::new();
    let token = fixture.with(TokenAlgorithm::Es256).sign_access_token(&claims());
    let (signed, signature) = parts(&token);
    assert_eq!(signature.len(), 64);
    let (r, s) = signature.split_at(32);
    let mut beyond = P256_ORDER;
    beyond[31] += 1;
    let (zero, order, beyond): (&[u8], &[u8], &[u8]) = (&[0; 32], &P256_ORDER, &beyond);
    for (name, forged) in [
        ("DER", der(r, s)),
        ("r is zero", [zero, s].concat()),
        ("s is zero", [r, zero].concat()),
        ("both are zero", [zero, zero].concat()),
        ("r is the order", [order, s].concat()),
        ("s is the order", [r, order].concat()),
        ("r is one, and written beyond the order", [beyond, s].concat()),
        ("s is one, and written beyond the order", [r, beyond].concat()),
        ("all ones", vec![0xff; 64]),
        ("swapped", [s, r].concat()),
        ("cut", signature[..63].to_vec()),
        ("longer", [&signature[..], &[0]].concat()),
        ("numbers of 33 bytes", [&[0][..], r, &[0], s].concat()),
        ("empty", Vec::new()),
    ] {
        assert_eq!(fixture.issuer.read_access_token::<Value>(&joined(&signed, &forged)), Err(AccessTokenError::Signature), "{name}");
    }
    for bit in 0..signature.len() * 8 {
        let mut other = signature.clone();
        other[bit / 8] ^= 1 << (bit % 8);
        assert!(fixture.issuer.read_access_token::<Value>(&joined(&signed, &other)).is_err(), "bit {bit}");
    }
    assert!(fixture.issuer.read_access_token::<Value>(&format!("{token}==")).is_err(), "padding");
    assert!(fixture.issuer.read_access_token::<Value>(&token).is_ok());
}

#[test]
fn an_ed25519_signature_is_canonical_and_its_point_is_not_small() {
    /// The order of the group, little endian (RFC 8032, 5.1).
    const ORDER: [u8; 32] = [
        0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
        0, 0, 0, 0x10,
    ];
    let fixture = Fixture::new();
    let (signed, signature) = parts(&fixture.with(TokenAlgorithm::EdDsa).sign_access_token(&claims()));
    let (point, s) = signature.split_at(32);
    let mut carry = 0;
    let beyond: Vec<u8> = s
        .iter()
        .zip(ORDER)
        .map(|(a, b)| {
            let sum = u16::from(*a) + u16::from(b) + carry;
            carry = sum >> 8;
            u8::try_from(sum & 0xff).unwrap()
        })
        .collect();
    let (mut identity, zero) = ([0; 32], [0; 32]);
    identity[0] = 1;
    for (name, forged) in [
        ("s and the order", [point, &beyond].concat()),
        ("the identity and zero", [identity, zero].concat()),
        ("a point of order four and zero", [zero, zero].concat()),
        ("the identity and s", [&identity[..], s].concat()),
    ] {
        assert_eq!(fixture.issuer.read_access_token::<Value>(&joined(&signed, &forged)), Err(AccessTokenError::Signature), "{name}");
    }
}
