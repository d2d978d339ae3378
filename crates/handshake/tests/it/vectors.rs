//! The cross-language vectors: made here, committed, and checked to be what is made here.
//!
//! `COUNTERSIGN_REWRITE_VECTORS=1 cargo test -p countersign-handshake vectors` writes the file anew. Signatures that are
//! randomised (ES256, PS256, ML-DSA-65) are taken from the committed file as long as they verify.

use std::path::PathBuf;
use std::sync::Arc;

use countersign_core::public_key::VerifyingKey;
use countersign_core::{Algorithm, Binding};
use countersign_handshake::{
    ClientHandshake, Delegation, Hello, Kind, Signer as _, SigningKey, Token, Transcript, binding, encoding, label, strict_json, transcript,
};
use serde_json::{Value as Json, json};

use crate::pair::{ALGORITHMS, Gateway, HOST, channel, client, client_key, gateway_key, root_key};

const REWRITE: &str = "COUNTERSIGN_REWRITE_VECTORS";

fn path() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/vectors/handshake.json")
}

fn committed() -> Json {
    std::fs::read_to_string(path()).map_or(Json::Null, |text| serde_json::from_str(&text).unwrap())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn key_json(key: &SigningKey, private: Json) -> Json {
    json!({ "alg": key.algorithm().name(), "private": private, "spki": encoding::encode(key.spki_der()), "kid": key.kid().as_str() })
}

fn private(algorithm: Algorithm) -> Json {
    match algorithm {
        Algorithm::EcdsaP256Sha256 => json!({ "pkcs8_pem": include_str!("../data/throwaway_es256.pem") }),
        Algorithm::RsaPssSha256 => json!({ "pkcs8_pem": include_str!("../data/throwaway_ps256.pem") }),
        Algorithm::Ed25519 => json!({ "seed": hex(&[0xc1; 32]) }),
        Algorithm::MlDsa65 => json!({ "seed": hex(&[0xc2; 32]) }),
        Algorithm::EcdsaSecp256k1Recoverable
        | Algorithm::HmacSha256
        | Algorithm::HmacSha384
        | Algorithm::HmacSha512
        | Algorithm::RsaPkcs1Sha256
        | Algorithm::RsaPssSha512 => panic!("not native"),
    }
}

/// A proof: the committed one if it is randomised and still verifies, else a fresh one.
fn proof(key: &SigningKey, input: &[u8], name: &str, committed: &Json) -> Vec<u8> {
    let cases = committed["handshakes"].as_array().map_or(&[][..], Vec::as_slice);
    let old = cases.iter().find(|case| case["name"] == name).and_then(|case| case["hello"]["token"].as_str());
    let old = old.and_then(|token| Token::parse(token).ok()).map(|token| token.proof);
    let verifier = VerifyingKey::from_raw(key.algorithm(), key.spki_der()).unwrap();
    old.filter(|proof| verifier.verify(input, proof)).unwrap_or_else(|| key.sign(input).unwrap())
}

/// One whole handshake, each intermediate value shown.
fn handshake(algorithm: Algorithm, bind: Binding, committed: &Json) -> Json {
    let name = format!("{} {bind}", algorithm.name());
    let key = client_key(algorithm);
    let mut gateway = Gateway::new();
    let mut theirs = gateway.accept(channel(1));
    let nonce = theirs.nonce(&mut gateway.entropy, gateway.now);
    let ours = ClientHandshake::new(Arc::new(client(algorithm, bind)), channel(1), gateway.now).unwrap();
    let drafted = ours.hello(Some(&nonce), &mut gateway.entropy, gateway.now).unwrap();
    let payload = Token::parse(drafted.hello_token()).unwrap().payload;
    let start = binding::transcript_start(bind, &channel(1), HOST, Some(&nonce)).unwrap();
    let input = start.proof_input(&label::HELLO, &payload);
    let token = Token::write(Kind::Hello, &payload, &proof(&key, &input, &name, committed));
    let received = theirs.receive_hello(&token, gateway.now).unwrap();
    let established = gateway.judge(received).unwrap();
    let welcome = Token::parse(&established.welcome).unwrap();
    let session = drafted.receive_welcome(&established.welcome, &established.sec, gateway.now).unwrap();
    let derived = established.session_secret.as_ref().map(|secret| {
        json!({
            "rk": encoding::encode(secret.expose()),
            "k_request": hex(transcript::derive_key(secret, &label::KEY_REQUEST).expose()),
            "k_resume": hex(transcript::derive_key(secret, &label::KEY_RESUME).expose()),
        })
    });
    json!({
        "name": name,
        "key": algorithm.name(),
        "bind": bind.name(),
        "nonce": (bind != Binding::Exp).then_some(nonce),
        "t0": hex(start.as_bytes()),
        "hello": { "payload": String::from_utf8(payload).unwrap(), "proof_input": hex(&input), "token": token },
        "t1": hex(established.t1.as_bytes()),
        "welcome": {
            "payload": String::from_utf8(welcome.payload.clone()).unwrap(),
            "proof_input": hex(&established.t1.proof_input(&label::WELCOME, &welcome.payload)),
            "token": established.welcome,
            "sec": established.sec.expose(),
        },
        "derived": derived,
        "ch": session.ch.text(),
    })
}

fn refused_tokens() -> Json {
    let good = "cs1h.e30.AAAA";
    assert!(Token::parse(good).is_ok());
    let cases = [
        ("two parts", "cs1h.e30"),
        ("four parts", "cs1h.e30.AAAA.AAAA"),
        ("unknown letter", "cs1z.e30.AAAA"),
        ("capital letter", "cs1H.e30.AAAA"),
        ("another version", "cs2h.e30.AAAA"),
        ("padding", "cs1h.e30=.AAAA"),
        ("trailing bits", "cs1h.e31.AAAA"),
        ("standard alphabet", "cs1h.e30.AA+A"),
        ("impossible length", "cs1h.e30.AAAAA"),
        ("empty payload", "cs1h..AAAA"),
        ("empty proof", "cs1h.e30."),
        ("white space", "cs1h.e30.AAAA\n"),
    ];
    cases
        .iter()
        .map(|(why, token)| json!({ "why": why, "token": token, "error": format!("{:?}", Token::parse(token).unwrap_err()) }))
        .collect()
}

fn refused_payloads() -> Json {
    let cases = [
        ("a member twice", r#"{"v":1,"v":1}"#),
        ("a member twice, one escaped", r#"{"v":1,"\u0076":2}"#),
        ("a member twice inside", r#"{"want":{"hb_ms":1,"hb_ms":2}}"#),
        ("five levels", r#"{"a":{"b":{"c":{"d":{}}}}}"#),
        ("a fraction", r#"{"v":1.0}"#),
        ("an exponent", r#"{"v":1e0}"#),
        ("two to the 53rd", r#"{"v":9007199254740992}"#),
        ("minus zero", r#"{"v":-0}"#),
        ("a list", "[1]"),
        ("something behind", "{} {}"),
        ("a byte order mark", "\u{feff}{}"),
        ("half a surrogate pair", r#"{"a":"\ud800"}"#),
    ];
    cases
        .iter()
        .map(|(why, text)| json!({ "why": why, "payload": text, "error": format!("{:?}", strict_json::Object::parse(text.as_bytes()).unwrap_err()) }))
        .collect()
}

/// Hellos that parse, with proofs that do not hold: each over the channel of `Ed25519 exp`.
fn refused_proofs() -> Json {
    let key = client_key(Algorithm::Ed25519);
    let mut gateway = Gateway::new();
    let ours = ClientHandshake::new(Arc::new(client(Algorithm::Ed25519, Binding::Exp)), channel(1), gateway.now).unwrap();
    let awaiting = ours.hello(None, &mut gateway.entropy, gateway.now).unwrap();
    let good = Token::parse(awaiting.hello_token()).unwrap();
    let t0 = Transcript::of_channel([1; 32]);
    let sign = |input: &[u8]| Token { proof: key.sign(input).unwrap(), ..good.clone() };
    let mut tampered = good.clone();
    let at = tampered.payload.windows(7).position(|window| window == b"md:read").unwrap();
    tampered.payload[at] = b'n';
    let mut swapped = good.clone();
    swapped.proof.swap(0, 32);
    let cases = [
        ("made for another channel", sign(&Transcript::of_channel([2; 32]).proof_input(&label::HELLO, &good.payload))),
        ("made under the label of a welcome", sign(&t0.proof_input(&label::WELCOME, &good.payload))),
        ("made over the payload itself", sign(&good.payload)),
        ("made without the channel", sign(&[&label::HELLO[..], &transcript::sha256(&[&good.payload])].concat())),
        ("payload changed afterwards", tampered),
        ("proof bytes swapped", swapped),
    ];
    cases
        .into_iter()
        .map(|(why, token)| {
            let received = gateway.accept(channel(1)).receive_hello(&token.text(), gateway.now).unwrap();
            assert_eq!(gateway.judge(received).unwrap_err().reject, countersign_core::Reject::BadSignature, "{why}");
            json!({ "why": why, "key": "Ed25519", "t0": hex(t0.as_bytes()), "token": token.text() })
        })
        .collect()
}

fn vectors(committed: &Json) -> Json {
    let labels = [
        ("cb chl", label::CB_CHL),
        ("cb sep", label::CB_SEP),
        ("delegation", label::DELEGATION),
        ("hello", label::HELLO),
        ("key request", label::KEY_REQUEST),
        ("key resume", label::KEY_RESUME),
        ("nonce", label::NONCE),
        ("welcome", label::WELCOME),
    ];
    let labels: serde_json::Map<String, Json> = labels.into_iter().map(|(name, label)| (name.to_owned(), json!(hex(&label)))).collect();
    let keys: serde_json::Map<String, Json> =
        ALGORITHMS.iter().map(|algorithm| (algorithm.name().to_owned(), key_json(&client_key(*algorithm), private(*algorithm)))).collect();
    let gateway = Gateway::new();
    let delegation = gateway.config.gateway.delegation_by(root_key().kid().as_str()).unwrap().to_owned();
    let payload = Token::parse(&delegation).unwrap().payload;
    let input = Transcript::of_channel(transcript::sha256(&[root_key().spki_der()])).proof_input(&label::DELEGATION, &payload);
    assert!(Delegation::verify(&delegation).is_ok());
    let handshakes: Vec<Json> =
        ALGORITHMS.iter().flat_map(|algorithm| Binding::ALL.map(|bind| handshake(*algorithm, bind, committed))).collect();
    json!({
        "about": "countersign/1 test vectors. Keys are throwaway. Binary values are hex, except in tokens, kid, spki, rk and ch (base64url).",
        "labels": labels,
        "keys": { "root": key_json(&root_key(), json!({ "seed": hex(&[0xa1; 32]) })), "gateway": key_json(&gateway_key(), json!({ "seed": hex(&[0xa2; 32]) })), "clients": keys },
        "channel": { "exporter": hex(&[1; 32]), "server_certificate_sha256": hex(&[0xce; 32]), "host": HOST },
        "delegation": { "payload": String::from_utf8(payload).unwrap(), "proof_input": hex(&input), "token": delegation },
        "handshakes": handshakes,
        "refused_tokens": refused_tokens(),
        "refused_payloads": refused_payloads(),
        "refused_proofs": refused_proofs(),
    })
}

#[test]
fn the_committed_file_is_what_is_made_here() {
    // HS-2 HS-5 HS-12 HS-13 HS-14 HS-15 HS-20 HS-21 HS-22 HS-25
    let committed = committed();
    let made = vectors(&committed);
    if std::env::var_os(REWRITE).is_some() {
        std::fs::create_dir_all(path().parent().unwrap()).unwrap();
        std::fs::write(path(), serde_json::to_string_pretty(&made).unwrap() + "\n").unwrap();
        return;
    }
    assert!(committed == made, "tests/vectors/handshake.json is not what this code makes; {REWRITE}=1 writes it anew");
}

#[test]
fn the_derived_values_follow_from_the_formulas() {
    // HS-13 HS-14 HS-15: by hand, without the crate's own chain.
    let vectors = committed();
    let sha = |parts: &[&[u8]]| transcript::sha256(parts).to_vec();
    let bytes = |value: &Json| {
        let text = value.as_str().unwrap();
        (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect::<Vec<u8>>()
    };
    for case in vectors["handshakes"].as_array().unwrap() {
        let (hello, welcome) = (case["hello"]["payload"].as_str().unwrap(), case["welcome"]["payload"].as_str().unwrap());
        let t0 = bytes(&case["t0"]);
        let t1 = sha(&[&t0, &sha(&[hello.as_bytes()])]);
        assert_eq!(bytes(&case["t1"]), t1);
        assert_eq!(case["ch"].as_str().unwrap(), encoding::encode(&sha(&[&t1, &sha(&[welcome.as_bytes()])])));
        assert_eq!(bytes(&case["hello"]["proof_input"]).len(), 96);
        assert!(Hello::read(hello.as_bytes()).is_ok());
    }
}
