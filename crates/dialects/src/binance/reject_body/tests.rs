#![allow(clippy::unwrap_used)]

use std::fmt::Write as _;

use countersign_core::Blame;

use super::*;

fn line(name: &str, body: &RejectBody) -> String {
    let wait = body.http().retry_after_secs().map_or_else(String::new, |secs| format!(" Retry-After: {secs}"));
    format!("{name}: {} {}{wait}\n", body.status, body.json())
}

#[test]
fn every_refusal_has_its_answer() {
    let mut table = String::new();
    for reject in Reject::ALL {
        write!(table, "{}", line(reject.label(), &RejectBody::of(&(*reject).into(), &AnswerContext::default()))).unwrap();
    }
    let orders = AnswerContext { counter: Counter::Orders, ..AnswerContext::default() };
    let waiting = Refusal::with(Reject::RateLimited, Detail::RetryAfter(Duration::from_millis(1_200)));
    table += &line("rate_limited, orders, 1.2 s", &RejectBody::of(&waiting, &orders));
    let as_venue = AnswerContext { unknown_key: UnknownKeyAnswer::AsVenue, ..AnswerContext::default() };
    table += &line("unknown_key, as the venue", &RejectBody::of(&Reject::UnknownKey.into(), &as_venue));
    let parameter = Refusal::with(Reject::MissingParameter, Detail::Parameter("symbol"));
    table += &line("missing_parameter, named", &RejectBody::of(&parameter, &AnswerContext::default()));
    for fault in Fault::ALL {
        table += &line(&format!("{fault:?}"), &RejectBody::of(&(*fault).into(), &AnswerContext::default()));
    }
    insta::assert_snapshot!(table);
}

#[test]
fn before_proof_of_possession_all_answers_are_one() {
    let told = |reject: Reject, detail| RejectBody::of(&Refusal { reject, detail }, &AnswerContext::default());
    let bad_signature = told(Reject::BadSignature, Detail::None);
    for reject in [Reject::UnknownKey, Reject::WrongAlgorithm, Reject::BadSignature] {
        for detail in [Detail::None, Detail::Operator("a sentence for the operator".into())] {
            assert_eq!(told(reject, detail), bad_signature, "{reject}");
        }
    }
}

#[test]
fn a_failure_of_ours_is_never_called_a_bad_key() {
    for reject in Reject::ALL.iter().filter(|reject| reject.blame() == Blame::Infrastructure) {
        let body = RejectBody::of(&(*reject).into(), &AnswerContext::default());
        assert!(body.status >= 500 && [-1001, -1006, -1007, -1008].contains(&body.code), "{reject}: {body:?}");
    }
}

#[test]
fn no_word_for_the_operator_reaches_the_client() {
    for reject in Reject::ALL {
        let refusal = Refusal::operator(*reject, "the key is registered for HS256");
        let json = RejectBody::of(&refusal, &AnswerContext::default()).json();
        assert!(!json.contains("HS256"), "{json}");
    }
}

#[test]
fn limits_are_told_with_the_time_to_come_back() {
    let refusal = Refusal::with(Reject::RateLimited, Detail::RetryAfter(Duration::from_millis(2_500)));
    let body = RejectBody::of(&refusal, &AnswerContext::default());
    assert_eq!(body.http().retry_after_secs(), Some(3));
    let error = body.ws_error(Timestamp::from_millis(1_000));
    assert!(error.ends_with(r#","data":{"serverTime":1000,"retryAfter":3500}}"#), "{error}");
}
