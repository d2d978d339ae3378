#![allow(clippy::unwrap_used)]

use countersign_core::{Purpose, Secret, Timestamp};

use super::*;
use crate::catalogue::Mistake;
use crate::explain::{Options, explain_within};
use crate::input::Input;
use crate::limits::VARIATIONS_MAX;
use crate::request::Request;

/// A GET at Bybit with a query of 15 KiB, which a gateway keeps: how many texts it is worth, and what is said.
fn worth(signature: &str) -> (usize, Vec<Mistake>) {
    let target = format!("/v5/order/realtime?{}", vec!["a=1"; 3_800].join("&")).into_bytes();
    let named =
        [("x-bapi-api-key", "k"), ("x-bapi-timestamp", "1795222400000"), ("x-bapi-recv-window", "5000"), ("x-bapi-sign", signature)];
    let headers = named.map(|(name, value)| (name.to_owned(), value.as_bytes().to_vec())).to_vec();
    let request = Request { method: "GET".to_owned(), target, headers, ..Request::default() };
    let now = Timestamp::from_millis(1_795_222_400_000);
    let secret = Some(Secret::new(b"the secret of a key".to_vec()));
    let options = Options { dialect: Some(Purpose::Bybit), secret, at: Some(now), now, ..Options::default() };
    let budget = Budget::whole();
    let report = explain_within(&Input::Http(request, false), &options, &budget).unwrap();
    (budget.texts_made(), report.findings.iter().map(|finding| finding.mistake).collect())
}

#[test]
fn a_signature_that_nothing_makes_is_not_searched_for() {
    assert_eq!(worth("zz"), (0, vec![Mistake::SignatureLength]));
    assert_eq!(worth(&"5a".repeat(33)).0, 0);
}

#[test]
fn thousands_of_parameters_cost_what_a_few_do() {
    let (texts, found) = worth(&"5a".repeat(32));
    assert_eq!(found, [Mistake::WrongSecret]);
    assert!((1_000..VARIATIONS_MAX).contains(&texts), "{texts}");
}

#[test]
fn nothing_is_tried_with_a_budget_of_nothing() {
    let budget = Budget::nothing();
    budget.second_stage();
    assert!(budget.is_spent());
}
