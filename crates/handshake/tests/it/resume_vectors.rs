//! The cross-language vectors of a resume: made here, committed, and checked to be what is made here.
//!
//! `COUNTERSIGN_REWRITE_VECTORS=1 cargo test -p countersign-handshake vectors` writes the file anew. Tickets are opaque to clients; the
//! one in the file is as good as any text.

use std::path::PathBuf;
use std::sync::Arc;

use countersign_core::Binding;
use countersign_handshake::{
    ClientHandshake, ClientStep, Continuation, Gap, GapHow, Numbers, Resumption, Token, binding, encoding, label, resume, transcript,
};
use serde_json::{Value as Json, json};

use crate::pair::{Gateway, HOST, channel};
use crate::resumption::{AGAIN, goes_on, lasting, opened, resume as expect_resume};

fn path() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/vectors/resume.json")
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// One resume, each intermediate value shown.
fn case(bind: Binding) -> Json {
    let mut gateway = Gateway::new();
    let config = lasting(bind);
    let (_, established, left) = opened(&mut gateway, &config);
    let left = Resumption { numbers: Numbers { rx: 5, tx: 9 }, ..left };
    let mut theirs = gateway.accept(channel(AGAIN));
    let nonce = theirs.nonce(&mut gateway.entropy, gateway.now);
    let ours = ClientHandshake::new(Arc::new(config), channel(AGAIN), gateway.now).unwrap();
    let awaiting = ours.resume(&left, Some(&nonce), &mut gateway.entropy, gateway.now).unwrap();
    let frame: Json = serde_json::from_str(awaiting.first_frame().expose()).unwrap();
    let token = Token::parse(frame["resume"].as_str().unwrap()).unwrap();
    let start = binding::transcript_start(bind, &channel(AGAIN), HOST, Some(&nonce)).unwrap();
    let session = Continuation {
        seq: Numbers { rx: 8, tx: 7 },
        gap: Some(Gap { from: 5, count: 2, how: GapHow::Replay }),
        ..goes_on(&established, &left)
    };
    let received = expect_resume(theirs.receive_frame(awaiting.first_frame().expose().as_bytes(), gateway.now).unwrap());
    let established = gateway.judge_resume(received, session).unwrap();
    let welcome = Token::parse(&established.welcome).unwrap();
    let ClientStep::Open(again) = awaiting.receive_frame(established.welcome_frame().expose().as_bytes(), gateway.now).unwrap() else {
        panic!("open")
    };
    json!({
        "bind": bind.name(),
        "rk": encoding::encode(left.secret.expose()),
        "k_resume": hex(resume::proof_key(&left.secret).expose()),
        "nonce": (bind != Binding::Exp).then_some(nonce),
        "t0": hex(start.as_bytes()),
        "resume": {
            "payload": String::from_utf8(token.payload.clone()).unwrap(),
            "proof_input": hex(&start.proof_input(&label::RESUME, &token.payload)),
            "proof": hex(&token.proof),
            "token": token.text(),
        },
        "t1": hex(established.t1.as_bytes()),
        "welcome": {
            "payload": String::from_utf8(welcome.payload).unwrap(),
            "token": established.welcome,
            "sec": established.sec.expose(),
        },
        "ch": again.ch.text(),
    })
}

#[test]
fn the_committed_file_is_what_is_made_here() {
    // HS-15 HS-80 HS-81 HS-86 HS-87
    let made = json!({
        "about": "countersign/1 test vectors of a resume. Keys are those of handshake.json. Binary values are hex, except in tokens, rk and ch (base64url). Channel: exporter of 32 times 02.",
        "resumes": [case(Binding::Exp), case(Binding::Sep)],
    });
    if std::env::var_os("COUNTERSIGN_REWRITE_VECTORS").is_some() {
        std::fs::write(path(), serde_json::to_string_pretty(&made).unwrap() + "\n").unwrap();
        return;
    }
    let committed: Json = serde_json::from_str(&std::fs::read_to_string(path()).unwrap()).unwrap();
    assert!(committed == made, "tests/vectors/resume.json is not what this code makes; COUNTERSIGN_REWRITE_VECTORS=1 writes it anew");
}

#[test]
fn the_values_follow_from_the_formulas() {
    // HS-15 HS-81: by hand, without the crate's own chain.
    let committed: Json = serde_json::from_str(&std::fs::read_to_string(path()).unwrap()).unwrap();
    let mac = |key: &[u8], input: &[u8]| {
        let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, key);
        aws_lc_rs::hmac::sign(&key, input).as_ref().to_vec()
    };
    let padded = |name: &str| {
        let mut bytes = format!("countersign/1 {name}").into_bytes();
        bytes.resize(32, 0);
        bytes
    };
    for case in committed["resumes"].as_array().unwrap() {
        let key = mac(&encoding::decode(case["rk"].as_str().unwrap()).unwrap(), &padded("key resume"));
        assert_eq!(case["k_resume"], hex(&key));
        let payload = case["resume"]["payload"].as_str().unwrap();
        let t0: Vec<u8> = (0..32).map(|at| u8::from_str_radix(&case["t0"].as_str().unwrap()[at * 2..at * 2 + 2], 16).unwrap()).collect();
        let input = [padded("resume"), t0, transcript::sha256(&[payload.as_bytes()]).to_vec()].concat();
        assert_eq!(
            (case["resume"]["proof_input"].as_str().unwrap(), case["resume"]["proof"].as_str().unwrap()),
            (&*hex(&input), &*hex(&mac(&key, &input)))
        );
    }
}
