//! What is accepted and what is not, by requests signed here.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use countersign_core::public_key::VerifyingKey;
use countersign_core::{
    AccountId, Algorithm, ApiKeyId, Credential, CredentialId, MemoryNonceGuard, MemoryReplayGuard, Monotonic, Now, Purpose, Refusal,
    Reject, Timestamp, Verifier, VerifyContext, verify,
};
use proptest::prelude::*;

use super::fields::Signed;
use super::{HttpSignature, base};
use crate::answer::AnswerContext;
use crate::dialect::{Answer, Dialect as _, RequestView, Security};

const NOW: u64 = 1_795_222_400;
const BODY: &str = r#"{"side":"buy"}"#;
const COMPONENTS: &str = r#""@method" "@authority" "@path" "@query" "content-digest""#;

#[derive(Clone, Debug)]
struct Sent {
    method: &'static str,
    target: String,
    host: String,
    body: String,
    headers: Vec<(String, String)>,
}

fn pair() -> Ed25519KeyPair {
    Ed25519KeyPair::from_seed_unchecked(&[5; 32]).unwrap()
}

fn digest(body: &str) -> String {
    format!("sha-256=:{}:", STANDARD.encode(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, body.as_bytes())))
}

fn parameters() -> String {
    format!(r#";created={NOW};keyid="key-1";alg="ed25519";nonce="n1""#)
}

impl Sent {
    fn view<T>(&self, look: impl FnOnce(&RequestView<'_>) -> T) -> T {
        let (target, body) = (self.target.as_bytes(), self.body.as_bytes());
        look(&RequestView { method: self.method, target, headers: &self.headers, body, host: Some(&self.host) })
    }

    fn unsigned(method: &'static str, target: &str, body: &str) -> Self {
        let mut headers = vec![("X-Other".to_owned(), "1".to_owned())];
        if !body.is_empty() {
            headers.push(("Content-Digest".to_owned(), digest(body)));
        }
        Self { method, target: target.to_owned(), host: "api.example.com".to_owned(), body: body.to_owned(), headers }
    }

    fn signed(mut self, components: &str, parameters: &str) -> Self {
        let input = format!("sig=({components}){parameters}");
        self.headers.push(("Signature-Input".to_owned(), input));
        self.headers.push(("Signature".to_owned(), "sig=:AAAA:".to_owned()));
        let signed = self.view(|request| base::of(&Signed::read(request.headers)?, request));
        let bytes = signed.map_or_else(|_| vec![0; 64], |base| pair().sign(&base).as_ref().to_vec());
        self.headers.last_mut().unwrap().1 = format!("sig=:{}:", STANDARD.encode(bytes));
        self
    }

    fn order() -> Self {
        Self::unsigned("POST", "/orders?dry=1", BODY).signed(COMPONENTS, &parameters())
    }

    fn verdict_with(&self, replay: &MemoryReplayGuard, now: u64) -> Result<(), Reject> {
        let now = Now { wall: Timestamp::from_secs(now), mono: Monotonic::from_micros(now) };
        self.view(|request| match HttpSignature.present(request, Security::Signed) {
            Answer::Presented(presented) => {
                let known = Some(credential()).filter(|known| known.key_id == presented.key_id);
                let context = VerifyContext { now, remote: None, replay, nonces: &MemoryNonceGuard::default() };
                verify(&presented, known.as_ref(), &context).map(drop).map_err(|refusal| refusal.reject)
            }
            Answer::Malformed(refusal) => Err(refusal.reject),
            Answer::NotMine | Answer::Token { .. } => panic!("a signed route never answers so"),
        })
    }

    fn verdict(&self) -> Result<(), Reject> {
        self.verdict_with(&MemoryReplayGuard::default(), NOW)
    }
}

fn credential() -> Arc<Credential> {
    Arc::new(Credential::new(
        CredentialId::parse("cred-1").unwrap(),
        AccountId::parse("desk").unwrap(),
        Purpose::HttpSignature,
        ApiKeyId::parse("key-1").unwrap(),
        Verifier::PublicKey(VerifyingKey::from_raw(Algorithm::Ed25519, pair().public_key().as_ref()).unwrap()),
    ))
}

#[test]
fn a_request_that_signs_what_it_does_is_accepted() {
    assert_eq!(Sent::order().verdict(), Ok(()));
    let read = Sent::unsigned("GET", "/orders", "").signed(r#""@method" "@target-uri""#, &parameters());
    assert_eq!(read.verdict(), Ok(()));
    let more =
        Sent::unsigned("GET", "/orders?a=1", "").signed(r#""@method" "@target-uri" "x-other" "@query-param";name="a""#, &parameters());
    assert_eq!(more.verdict(), Ok(()));
}

#[test]
fn nothing_that_is_signed_can_be_changed() {
    let changed = |change: fn(&mut Sent)| {
        let mut sent = Sent::order();
        change(&mut sent);
        sent.verdict()
    };
    assert_eq!(changed(|sent| sent.method = "PUT"), Err(Reject::BadSignature));
    assert_eq!(changed(|sent| sent.target = "/orders?dry=0".to_owned()), Err(Reject::BadSignature));
    assert_eq!(changed(|sent| sent.target = "/orders".to_owned()), Err(Reject::BadSignature));
    assert_eq!(changed(|sent| sent.target = "/order%73?dry=1".to_owned()), Err(Reject::BadSignature));
    assert_eq!(changed(|sent| sent.host = "api.example.org".to_owned()), Err(Reject::BadSignature));
    assert_eq!(changed(|sent| sent.body = BODY.replace("buy", "sell")), Err(Reject::Malformed));
    assert_eq!(changed(|sent| sent.body.clear()), Err(Reject::Malformed));
    let both = changed(|sent| {
        sent.body = BODY.replace("buy", "sell");
        sent.headers[1].1 = digest(&sent.body);
    });
    assert_eq!(both, Err(Reject::BadSignature));
    for (from, to) in [("n1", "n2"), (r#"keyid="key-1""#, r#"keyid="key-2""#), (r#" "@query""#, "")] {
        let mut sent = Sent::order();
        sent.headers[2].1 = sent.headers[2].1.replace(from, to);
        assert!(sent.verdict().is_err(), "{from}");
    }
}

#[test]
fn a_signature_that_leaves_something_open_is_refused() {
    for (components, lacking) in [
        (r#""@authority" "@path" "@query" "content-digest""#, "@method"),
        (r#""@method" "@path" "@query" "content-digest""#, "@authority"),
        (r#""@method" "@authority" "@query" "content-digest""#, "@path"),
        (r#""@method" "@authority" "@path" "content-digest""#, "@query"),
        (r#""@method" "@authority" "@path" "@query""#, "content-digest"),
        (r#""@method" "@target-uri""#, "content-digest"),
        (r#""@method" "@target-uri" "content-digest";bs"#, "content-digest"),
        (r#""@method" "@authority" "@path" "@query-param";name="dry" "content-digest""#, "@query"),
        ("", "@method"),
    ] {
        let sent = Sent::unsigned("POST", "/orders?dry=1", BODY).signed(components, &parameters());
        let refusal = sent.view(|request| match HttpSignature.present(request, Security::Signed) {
            Answer::Malformed(refusal) => refusal,
            Answer::NotMine | Answer::Presented(_) | Answer::Token { .. } => panic!("it was read: {components}"),
        });
        assert_eq!(refusal.to_string(), format!("missing_parameter: {lacking}"), "{components}");
    }
}

#[test]
fn parameters_are_read_strictly() {
    let with = |parameters: &str| Sent::unsigned("POST", "/orders", BODY).signed(COMPONENTS, parameters).verdict();
    let rest = r#";keyid="key-1";alg="ed25519""#;
    for (parameters, expected) in [
        (format!(r#";created={NOW}{rest};tag="app";other=1"#), Ok(())),
        (format!(r#";created={NOW}{rest};expires={}"#, NOW + 10), Ok(())),
        (rest.to_owned(), Err(Reject::MissingParameter)),
        (format!(r#";created={NOW};alg="ed25519""#), Err(Reject::MissingCredentials)),
        (format!(r#";created={NOW};keyid="key-1""#), Err(Reject::MissingParameter)),
        (format!(r#";created={NOW};keyid="key-1";alg="hmac-sha256""#), Err(Reject::WrongAlgorithm)),
        (format!(r#";created={NOW};keyid="key-1";alg="ecdsa-p384-sha384""#), Err(Reject::WrongAlgorithm)),
        (format!(r#";created={NOW};keyid="key-1";alg="none""#), Err(Reject::WrongAlgorithm)),
        (format!(r#";created={NOW};keyid="key-9";alg="ed25519""#), Err(Reject::UnknownKey)),
        (format!(r#";created="{NOW}"{rest}"#), Err(Reject::Malformed)),
        (format!(";created={NOW}.5{rest}"), Err(Reject::Malformed)),
        (format!(";created=-1{rest}"), Err(Reject::Malformed)),
        (format!(r#";created={NOW}{rest};nonce="""#), Err(Reject::Malformed)),
        (format!(r#";created={NOW}{rest};nonce=5"#), Err(Reject::Malformed)),
        (format!(r#";created={NOW}{rest};nonce="{}""#, "n".repeat(129)), Err(Reject::Malformed)),
        (format!(";created={NOW}{rest};expires={}", NOW - 1), Err(Reject::Malformed)),
        (format!(";created={}{rest}", NOW + 5), Ok(())),
        (format!(";created={}{rest}", NOW + 6), Err(Reject::TimestampAhead)),
        (format!(";created={}{rest}", NOW - 59), Ok(())),
        (format!(";created={}{rest}", NOW - 60), Err(Reject::TimestampStale)),
        (format!(";created={}{rest};expires={}", NOW - 60, NOW + 600), Err(Reject::TimestampStale)),
        (format!(";created={}{rest};expires={NOW}", NOW - 5), Err(Reject::TimestampStale)),
    ] {
        assert_eq!(with(&parameters), expected, "{parameters}");
    }
}

#[test]
fn there_is_one_signature_in_one_spelling() {
    let fields = |input: &str, signature: &str| {
        let mut sent = Sent::order();
        let (own_input, own) = (sent.headers[2].1.clone(), sent.headers[3].1.clone());
        sent.headers[2].1 = input.replace("INPUT", &own_input);
        sent.headers[3].1 = signature.replace("SIG", &own);
        sent.verdict()
    };
    assert_eq!(fields("INPUT", "SIG"), Ok(()));
    for (input, signature) in [
        ("INPUT, INPUT", "SIG"),
        ("INPUT, two=()", "SIG"),
        ("INPUT", "SIG, two=:AAAA:"),
        ("INPUT", "SIG, SIG"),
        (" INPUT ", "two=:AAAA:"),
        ("sig=1", "SIG"),
        ("sig", "SIG"),
        ("INPUT", "sig=1"),
        ("INPUT", "sig=(:AAAA:)"),
        ("INPUT", "SIG;alg=\"none\""),
        ("INPUT", "SIG;x"),
        ("INPUT;a=1.50", "SIG"),
        ("sig=( \"@method\" )", "SIG"),
        ("sig=(\"@method\" \"@method\")", "SIG"),
        ("sig=(\"a\";sf;key=\"x\" \"a\";key=\"x\";sf)", "SIG"),
        ("sig=(method)", "SIG"),
    ] {
        assert_eq!(fields(input, signature), Err(Reject::Malformed), "{input} | {signature}");
    }
    let mut twice = Sent::order();
    twice.headers.push(twice.headers[3].clone());
    assert_eq!(twice.verdict(), Err(Reject::Malformed));
    let bare = Sent::unsigned("GET", "/orders", "");
    assert_eq!(bare.verdict(), Err(Reject::MissingCredentials));
    let mut covered_twice = Sent::unsigned("GET", "/", "").signed(r#""@method" "@target-uri" "x-other""#, &parameters());
    covered_twice.headers.push(("x-other".to_owned(), "2".to_owned()));
    assert_eq!(covered_twice.verdict(), Err(Reject::Malformed));
}

#[test]
fn a_nonce_is_used_once_and_without_one_a_write_is() {
    let guard = MemoryReplayGuard::default();
    assert_eq!(Sent::order().verdict_with(&guard, NOW), Ok(()));
    assert_eq!(Sent::order().verdict_with(&guard, NOW), Err(Reject::Replayed));
    let other = Sent::unsigned("POST", "/cancel", BODY).signed(COMPONENTS, &parameters());
    assert_eq!(other.verdict_with(&guard, NOW), Err(Reject::Replayed), "another request with the same nonce");
    let bare = parameters().replace(r#";nonce="n1""#, "");
    let read = Sent::unsigned("GET", "/orders", "").signed(r#""@method" "@target-uri""#, &bare);
    let write = Sent::unsigned("POST", "/orders", "").signed(r#""@method" "@target-uri""#, &bare);
    assert_eq!((read.verdict_with(&guard, NOW), read.verdict_with(&guard, NOW)), (Ok(()), Ok(())));
    assert_eq!((write.verdict_with(&guard, NOW), write.verdict_with(&guard, NOW)), (Ok(()), Err(Reject::Replayed)));
}

#[test]
fn a_refusal_says_what_to_sign() {
    let words = |reject: Reject, echo: Option<&str>| {
        let context = AnswerContext { echo: echo.map(str::to_owned), ..AnswerContext::default() };
        HttpSignature.refuse(&Refusal::from(reject), &context)
    };
    let answer = words(Reject::MissingCredentials, Some("content-digest"));
    assert_eq!(answer.status, 401);
    assert_eq!(
        answer.headers[0],
        ("accept-signature", r#"sig=("@method" "@authority" "@path" "@query" "content-digest");created"#.to_owned())
    );
    assert!(answer.body.starts_with(r#"{"error":{"code":"auth.required","number":203,"#), "{}", answer.body);
    assert!(!words(Reject::BadSignature, None).headers[0].1.contains("digest"));
    assert!(words(Reject::StoreUnavailable, None).headers.is_empty());
}

proptest! {
    #[test]
    fn any_changed_bit_of_both_fields_is_refused(place: prop::sample::Index, bit in 0_u8..7, input: bool) {
        let mut sent = Sent::order();
        let header = if input { 2 } else { 3 };
        let mut bytes = sent.headers[header].1.clone().into_bytes();
        let place = place.index(bytes.len());
        bytes[place] ^= 1 << bit;
        let Ok(changed) = String::from_utf8(bytes) else { return Ok(()) };
        sent.headers[header].1 = changed;
        prop_assert!(sent.verdict().is_err());
    }

    #[test]
    fn any_fields_get_a_verdict(input in "[ -~]{0,80}", signature in "[ -~]{0,40}", components in "[a-z@\";= ()-]{0,40}") {
        for input in [input, format!("sig=({components}){}", parameters())] {
            let mut sent = Sent::unsigned("POST", "/a?b=c", BODY);
            sent.headers.push(("signature-input".to_owned(), input));
            sent.headers.push(("signature".to_owned(), signature.clone()));
            prop_assert!(sent.verdict().is_err());
        }
    }
}
