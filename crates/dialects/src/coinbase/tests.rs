#![allow(clippy::unwrap_used)]
use std::fmt::Write as _;
use std::sync::Arc;

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use countersign_core::public_key::VerifyingKey;
use countersign_core::{
    AccountId, Algorithm, ApiKeyId, Credential, CredentialId, MemoryNonceGuard, MemoryReplayGuard, Monotonic, Now, Presented, Purpose,
    Refusal, Reject, Scopes, Timestamp, Token, TokenKind, VerifiedIdentity, Verifier, VerifyContext, verify,
};
use proptest::prelude::*;

use super::rest::Coinbase;
use super::socket::CoinbaseSocket;
use super::{reject_body, routes};
use crate::dialect::{Answer, Dialect as _, RequestView, Security};
use crate::socket::{Desk, DialectSocket as _, Step};

const RECORDED: &str = include_str!("../../../../tests/vectors/coinbase.json");
const NOW: u64 = 1_795_222_325;
const KEY: &str = "key-1";

fn pair() -> Ed25519KeyPair {
    Ed25519KeyPair::from_seed_unchecked(&[7; 32]).unwrap()
}

fn token(header: &str, claims: &str) -> String {
    let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
    let signature = URL_SAFE_NO_PAD.encode(pair().sign(signed.as_bytes()));
    format!("{signed}.{signature}")
}

const HEADER: &str = r#"{"alg":"EdDSA","kid":"key-1","nonce":"aa11","typ":"JWT"}"#;

fn claims(uri: &str) -> String {
    format!(r#"{{"sub":"key-1","iss":"cdp","nbf":{NOW},"exp":{}{uri}}}"#, NOW + 120)
}

fn credential() -> Arc<Credential> {
    Arc::new(Credential {
        scopes: Scopes::parse("order:read").unwrap(),
        ..Credential::new(
            CredentialId::parse(KEY).unwrap(),
            AccountId::parse("desk").unwrap(),
            Purpose::Coinbase,
            ApiKeyId::parse(KEY).unwrap(),
            Verifier::PublicKey(VerifyingKey::from_raw(Algorithm::Ed25519, pair().public_key().as_ref()).unwrap()),
        )
    })
}

fn verified(presented: &Presented<'_>, replay: &MemoryReplayGuard) -> Result<VerifiedIdentity, Refusal> {
    let now = Now { wall: Timestamp::from_secs(NOW + 1), mono: Monotonic::from_micros(1) };
    let known = Some(credential()).filter(|known| known.key_id == presented.key_id);
    verify(presented, known.as_ref(), &VerifyContext { now, remote: None, replay, nonces: &MemoryNonceGuard::default() })
}

fn verdict_with(method: &str, target: &str, host: &str, jwt: &str, replay: &MemoryReplayGuard) -> Result<(), Reject> {
    let headers = vec![("Authorization", format!("Bearer {jwt}"))];
    let request = RequestView { method, target: target.as_bytes(), headers: &headers, body: b"", host: Some(host) };
    match Coinbase.present(&request, Security::Signed) {
        Answer::Malformed(refusal) => Err(refusal.reject),
        Answer::NotMine | Answer::Token { .. } => panic!("a signed route never answers so"),
        Answer::Presented(presented) => verified(&presented, replay).map(drop).map_err(|refusal| refusal.reject),
    }
}

fn verdict(method: &str, target: &str, jwt: &str) -> Result<(), Reject> {
    verdict_with(method, target, "api.test", jwt, &MemoryReplayGuard::default())
}

#[test]
fn all_recorded_requests_get_their_verdict() {
    let report = crate::vectors::run(RECORDED, None).unwrap();
    assert_eq!(report.failed, []);
    assert!(report.passed >= 90 && report.skipped.is_empty(), "{}", report.passed);
}

#[test]
fn a_token_is_for_one_method_host_and_path() {
    let jwt = token(HEADER, &claims(r#","uri":"GET api.test/v2/accounts""#));
    assert_eq!(verdict("GET", "/v2/accounts?limit=1", &jwt), Ok(()));
    for (method, target) in [("POST", "/v2/accounts"), ("GET", "/v2/accounts/"), ("GET", "/v2/account"), ("get", "/v2/accounts")] {
        assert_eq!(verdict(method, target, &jwt), Err(Reject::WrongUri), "{method} {target}");
    }
    let guard = MemoryReplayGuard::default();
    for (host, fine) in [("API.test", true), ("api.test:443", true), ("api.test:8443", false), ("api.test.evil", false), ("", false)] {
        assert_eq!(verdict_with("GET", "/v2/accounts", host, &jwt, &guard).is_ok(), fine, "{host}");
    }
    let listed = token(HEADER, &claims(r#","uris":["GET api.test/v2/user","GET api.test/v2/accounts"]"#));
    assert_eq!(verdict("GET", "/v2/accounts", &listed), Ok(()));
    for uri in ["", r#","uri":"""#, r#","uri":"GET /v2/accounts""#, r#","uri":"GET api.test""#] {
        assert_eq!(verdict("GET", "/v2/accounts", &token(HEADER, &claims(uri))), Err(Reject::WrongUri), "{uri}");
    }
    for uri in [r#","uris":[]"#, r#","uris":"GET api.test/v2/accounts""#, r#","uri":1"#, r#","uri":"a","uris":["a"]"#] {
        assert_eq!(verdict("GET", "/v2/accounts", &token(HEADER, &claims(uri))), Err(Reject::Malformed), "{uri}");
    }
}

#[test]
fn a_legacy_key_is_a_wrong_login_and_no_unknown_path() {
    let reject = |headers: &[(&str, &str)]| {
        let headers = headers.to_vec();
        let request = RequestView { method: "GET", target: b"/v2/accounts", headers: &headers, body: b"", host: Some("api.test") };
        match Coinbase.present(&request, Security::Signed) {
            Answer::Malformed(refusal) => refusal.reject,
            Answer::NotMine | Answer::Presented(_) | Answer::Token { .. } => panic!("nothing of this proves anything"),
        }
    };
    let legacy = [("CB-ACCESS-KEY", "k"), ("CB-ACCESS-SIGN", "s"), ("CB-ACCESS-TIMESTAMP", "1795222400")];
    assert_eq!(reject(&legacy), Reject::WrongAlgorithm);
    let of_exchange = [legacy[0], legacy[1], legacy[2], ("CB-ACCESS-PASSPHRASE", "p")];
    assert_eq!(reject(&of_exchange), Reject::MissingCredentials, "a key of Coinbase Exchange at the path of another venue");
    assert_eq!(reject(&[]), Reject::MissingCredentials);
}

#[test]
fn a_token_writes_once_and_reads_again_and_again() {
    let guard = MemoryReplayGuard::default();
    let read = token(HEADER, &claims(r#","uri":"GET api.test/v2/accounts""#));
    let write = token(HEADER, &claims(r#","uri":"POST api.test/api/v3/brokerage/orders""#));
    let again = token(HEADER, &claims(r#","uri":"POST api.test/api/v3/brokerage/orders","iat":1"#));
    let send = |method, target, jwt: &str| verdict_with(method, target, "api.test", jwt, &guard);
    assert_eq!(send("GET", "/v2/accounts", &read), Ok(()));
    assert_eq!(send("GET", "/v2/accounts", &read), Ok(()));
    assert_eq!(send("POST", "/api/v3/brokerage/orders", &write), Ok(()));
    assert_eq!(send("POST", "/api/v3/brokerage/orders", &write), Err(Reject::Replayed));
    assert_eq!(send("POST", "/api/v3/brokerage/orders", &again), Err(Reject::Replayed), "another token with the same nonce");
}

#[test]
fn headers_are_read_strictly() {
    let with = |header: &str| verdict("GET", "/v2/accounts", &token(header, &claims(r#","uri":"GET api.test/v2/accounts""#)));
    for header in [HEADER, r#"{"alg":"EdDSA","kid":"key-1"}"#, r#"{"alg":"Ed25519","kid":"key-1","jku":"https://evil/","jwk":{}}"#] {
        assert_eq!(with(header), Ok(()), "{header}");
    }
    for (header, reject) in [
        (r#"{"alg":"none","kid":"key-1"}"#, Reject::WrongAlgorithm),
        (r#"{"alg":"HS256","kid":"key-1"}"#, Reject::WrongAlgorithm),
        (r#"{"alg":"eddsa","kid":"key-1"}"#, Reject::WrongAlgorithm),
        (r#"{"alg":"ES256","kid":"key-1"}"#, Reject::WrongAlgorithm),
        (r#"{"kid":"key-1"}"#, Reject::WrongAlgorithm),
        (r#"{"alg":"EdDSA"}"#, Reject::MissingCredentials),
        (r#"{"alg":"EdDSA","kid":"key-2"}"#, Reject::UnknownKey),
        (r#"{"alg":"EdDSA","kid":"key-1","crit":["exp"]}"#, Reject::Malformed),
        (r#"{"alg":"EdDSA","kid":"key-1","b64":false}"#, Reject::Malformed),
        (r#"{"alg":"EdDSA","kid":"key-1","kid":"key-1"}"#, Reject::Malformed),
        (r#"{"alg":"EdDSA","kid":"key-1","typ":"dpop+jwt"}"#, Reject::Malformed),
        (r#"{"alg":"EdDSA","kid":"key-1","nonce":7}"#, Reject::Malformed),
        (r#"{"alg":"EdDSA","kid":"key-1","nonce":""}"#, Reject::Malformed),
        (r#"{"alg":"EdDSA","kid":"key-1"} x"#, Reject::Malformed),
    ] {
        assert_eq!(with(header), Err(reject), "{header}");
    }
}

#[test]
fn claims_are_read_strictly() {
    let uri = r#""uri":"GET api.test/v2/accounts""#;
    let with = |claims: &str| verdict("GET", "/v2/accounts", &token(HEADER, claims));
    let (soon, end) = (NOW + 6, NOW + 120);
    for (claims, expected) in [
        (format!(r#"{{"sub":"key-1","nbf":{soon},"exp":{},{uri}}}"#, soon + 120), Ok(())),
        (format!(r#"{{"sub":"key-1","nbf":{},"exp":{},{uri}}}"#, soon + 1, soon + 121), Err(Reject::TimestampAhead)),
        (format!(r#"{{"sub":"key-1","nbf":{},"exp":{end},{uri}}}"#, NOW - 1), Err(Reject::TimestampAhead)),
        (format!(r#"{{"sub":"key-1","nbf":{},"exp":{},{uri}}}"#, NOW - 100, NOW + 1), Err(Reject::TimestampStale)),
        (format!(r#"{{"sub":"key-1","nbf":{end},"exp":{NOW},{uri}}}"#), Err(Reject::Malformed)),
        (format!(r#"{{"sub":"key-1","nbf":{NOW},{uri}}}"#), Err(Reject::Malformed)),
        (format!(r#"{{"sub":"key-1","exp":{end},{uri}}}"#), Err(Reject::Malformed)),
        (format!(r#"{{"sub":"key-1","nbf":{NOW},"exp":"{end}",{uri}}}"#), Err(Reject::Malformed)),
        (format!(r#"{{"sub":"key-1","nbf":{NOW},"exp":{end},"exp":{end},{uri}}}"#), Err(Reject::Malformed)),
        (format!(r#"{{"sub":"key-2","nbf":{NOW},"exp":{end},{uri}}}"#), Err(Reject::UnknownKey)),
        (format!(r#"{{"nbf":{NOW},"exp":{end},{uri}}}"#), Err(Reject::Malformed)),
        (format!(r#"{{"sub":"key-1","aud":["cdp_service"],"nbf":{NOW},"exp":{end},{uri}}}"#), Ok(())),
        (format!(r#"{{"sub":"key-1","aud":"retail_rest_api_proxy","nbf":{NOW},"exp":{end},{uri}}}"#), Ok(())),
        (format!(r#"{{"sub":"key-1","aud":["elsewhere"],"nbf":{NOW},"exp":{end},{uri}}}"#), Err(Reject::WrongUri)),
    ] {
        assert_eq!(with(&claims), expected, "{claims}");
    }
}

#[test]
fn the_header_field_names_one_bearer_token() {
    let jwt = token(HEADER, &claims(r#","uri":"GET api.test/v2/accounts""#));
    let verdict = |headers: &Vec<(&str, String)>| {
        let request = RequestView { method: "GET", target: b"/v2/accounts", headers, body: b"{}", host: Some("api.test") };
        match Coinbase.present(&request, Security::Signed) {
            Answer::Malformed(refusal) => Some(refusal.reject),
            Answer::NotMine | Answer::Presented(_) | Answer::Token { .. } => None,
        }
    };
    assert_eq!(verdict(&vec![("authorization", format!("bearer {jwt}"))]), None);
    assert_eq!(verdict(&vec![]), Some(Reject::MissingCredentials));
    assert_eq!(verdict(&vec![("authorization", format!("Basic {jwt}"))]), Some(Reject::MissingCredentials));
    assert_eq!(verdict(&vec![("authorization", jwt.clone())]), Some(Reject::Malformed));
    let twice = format!("Bearer {jwt}");
    assert_eq!(verdict(&vec![("authorization", twice.clone()), ("Authorization", twice)]), Some(Reject::Malformed));
    assert_eq!(verdict(&vec![("authorization", format!("Bearer {}", "a".repeat(5_000)))]), Some(Reject::TooLarge));
}

struct NoDesk;

impl Desk for NoDesk {
    fn seal(&mut self, _: &Token) -> String {
        panic!("no token of ours is made here")
    }

    fn open(&self, _: &str, _: TokenKind, _: Purpose, _: Timestamp) -> Result<Token, Refusal> {
        panic!("no token of ours is read here")
    }

    fn random(&mut self) -> [u8; 16] {
        [0; 16]
    }

    fn authority(&self) -> &'static str {
        "api.test"
    }

    fn channel(&self) -> Option<[u8; 32]> {
        None
    }
}

fn shown(step: Step<'_>) -> String {
    match step {
        Step::Close { code, reason, .. } => format!("close {code} {reason}"),
        Step::Forward(forward) => {
            let who = forward.identity.map_or_else(|| "nobody".to_owned(), |identity| identity.key_id().to_string());
            format!("forward {} as {who}: {}", forward.message, forward.text.unwrap_or_default())
        }
        Step::Refuse { refusal, reply, close } => format!("refuse {} close={close}: {reply}", refusal.reject),
        Step::Reply(replies) => format!("reply {replies:?}"),
        Step::Verify(presented) => format!("verify {}", presented.key_id),
        Step::VerifyToken(_) => "verify token".to_owned(),
    }
}

fn feed(socket: &mut CoinbaseSocket, frame: &str, guard: &MemoryReplayGuard) -> String {
    let now = Timestamp::from_secs(NOW + 1);
    match socket.handle_text(frame, now, &mut NoDesk) {
        Step::Verify(presented) => {
            let result = verified(&presented, guard);
            shown(socket.conclude(result, now, &mut NoDesk))
        }
        step @ (Step::Close { .. } | Step::Forward(_) | Step::Refuse { .. } | Step::Reply(_) | Step::VerifyToken(_)) => shown(step),
    }
}

#[test]
fn every_state_has_an_answer_to_every_frame() {
    let (jwt, rest) = (token(HEADER, &claims("")), token(HEADER, &claims(r#","uri":"GET api.test/""#)));
    let stranger = token(r#"{"alg":"EdDSA","kid":"key-2"}"#, &claims("").replace("key-1", "key-2"));
    let frames = [
        ("user, no token", r#"{"type":"subscribe","channel":"user"}"#.to_owned()),
        ("ticker, no token", r#"{"type":"subscribe","product_ids":["BTC-USD"],"channel":"ticker"}"#.to_owned()),
        ("leave user, no token", r#"{"type":"unsubscribe","channel":"user"}"#.to_owned()),
        ("user, token", format!(r#"{{"type":"subscribe","channel":"user","jwt":"{jwt}"}}"#)),
        ("balance, token", format!(r#"{{"type":"subscribe","channel":"futures_balance_summary","jwt":"{jwt}"}}"#)),
        ("heartbeats, token", format!(r#"{{"jwt":"{jwt}","type":"subscribe","channel":"heartbeats"}}"#)),
        ("user, token of a request", format!(r#"{{"type":"subscribe","channel":"user","jwt":"{rest}"}}"#)),
        ("user, token of a stranger", format!(r#"{{"type":"subscribe","channel":"user","jwt":"{stranger}"}}"#)),
        ("user, empty token", r#"{"type":"subscribe","channel":"user","jwt":""}"#.to_owned()),
        ("no channel", r#"{"type":"subscribe"}"#.to_owned()),
        ("another channel", r#"{"type":"subscribe","channel":"full"}"#.to_owned()),
        ("another type", r#"{"type":"order","channel":"user"}"#.to_owned()),
        ("channel twice", r#"{"type":"subscribe","channel":"ticker","channel":"user"}"#.to_owned()),
        ("no JSON", "hello".to_owned()),
    ];
    let mut table = String::new();
    for (name, frame) in &frames {
        writeln!(table, "{name}\n  NoKey: {}", feed(&mut CoinbaseSocket::default(), frame, &MemoryReplayGuard::default())).unwrap();
        let (mut keyed, guard) = (CoinbaseSocket::default(), MemoryReplayGuard::default());
        assert!(feed(&mut keyed, &frames[3].1, &guard).starts_with("forward"));
        writeln!(table, "  Key:   {}", feed(&mut keyed, frame, &guard)).unwrap();
    }
    insta::assert_snapshot!(table);
}

#[test]
fn every_refusal_has_its_answer() {
    let mut table = String::new();
    for reject in Reject::ALL {
        let refusal = Refusal::from(*reject);
        let answer = reject_body::http(&refusal);
        writeln!(table, "{reject}: {} {} {}", answer.status, answer.body, reject_body::frame(&refusal)).unwrap();
    }
    insta::assert_snapshot!(table);
}

#[test]
fn no_refusal_before_proof_tells_which_keys_exist() {
    let before = [Reject::UnknownKey, Reject::BadSignature, Reject::WrongAlgorithm, Reject::WrongUri];
    let answers: Vec<_> = before.iter().map(|reject| reject_body::http(&(*reject).into())).collect();
    assert!(answers.windows(2).all(|pair| pair[0] == pair[1]));
}

#[test]
fn orders_write_and_everything_else_signed_has_a_scope() {
    for route in routes::REST {
        assert_eq!(route.scope.is_some(), route.security == Security::Signed, "{}", route.path);
        assert_eq!(route.method == "POST", route.scope == Some("order:write"), "{}", route.path);
    }
}

proptest! {
    #[test]
    fn any_changed_bit_is_refused(place: prop::sample::Index, bit in 0_u8..7) {
        let jwt = token(HEADER, &claims(r#","uri":"GET api.test/v2/accounts""#));
        let mut bytes = jwt.into_bytes();
        let place = place.index(bytes.len());
        bytes[place] ^= 1 << bit;
        let Ok(changed) = String::from_utf8(bytes) else { return Ok(()) };
        // A blank at either end belongs to the header field, not to the token.
        prop_assume!(!changed.starts_with(' ') && !changed.ends_with(' '));
        prop_assert!(verdict("GET", "/v2/accounts", &changed).is_err());
    }

    #[test]
    fn any_text_is_judged_without_panic(text in "\\PC{0,80}", header in "\\PC{0,40}", claims in "\\PC{0,40}") {
        prop_assert!(verdict("GET", "/v2/accounts", &text).is_err());
        prop_assert!(verdict("GET", "/v2/accounts", &token(&header, &claims)).is_err());
        let answer = feed(&mut CoinbaseSocket::default(), &text, &MemoryReplayGuard::default());
        prop_assert!(answer.starts_with("refuse"), "{}", answer);
    }
}
