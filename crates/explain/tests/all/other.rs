//! Any input gets an answer, and no answer holds a secret.

use countersign_core::Secret;
use countersign_explain::{Input, Mistake, Options, explain};
use proptest::prelude::*;

use crate::client::{KEY, SECRET, binance, binance_get, explained, options};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_text_gets_an_answer(text in "\\PC{0,200}", start in 0..6_usize) {
        let start = ["", "curl ", "{", "8=FIX.4.4|9=5|", "GET /", "POST /0/private/X HTTP/1.1\nAPI-Key: k\nAPI-Sign: s\n\n"][start];
        if let Ok(input) = Input::read(format!("{start}{text}").as_bytes()) {
            let _ = explain(&input, &Options { secret: None, ..options() });
        }
    }

    #[test]
    fn no_secret_is_in_a_report(secret in "[A-Za-z0-9]{16,40}", other in "[A-Za-z0-9]{16,40}") {
        let query = "symbol=BTCUSDT&timestamp=1795222400000";
        let right = binance().with_secret(secret.as_bytes()).sign(query);
        let request = binance_get(query, &binance().with_secret(other.as_bytes()).sign(query));
        let given = Options { secret: Some(Secret::new(secret.clone().into_bytes())), ..options() };
        let report = explain(&Input::read(request.as_bytes()).unwrap(), &given).unwrap();
        let json = serde_json::to_string(&report).unwrap();
        prop_assert!(!json.contains(&secret) && !json.contains(&right));
        prop_assert_eq!(report.faults(), [Mistake::WrongSecret]);
    }
}

#[test]
fn a_curl_command_is_explained_like_the_request_it_makes() {
    let query = "symbol=BTCUSDT&timestamp=1795222400000";
    let command = format!(
        "$ curl -s -H \"X-MBX-APIKEY: {KEY}\" \\\n  \"https://api.binance.com/api/v3/account?{query}&signature={}\" | jq .",
        binance().sign(query)
    );
    let report = explained(command);
    assert_eq!((report.input, report.faults().len(), report.gateway.as_deref()), ("curl command", 0, Some("accept")));
}

#[test]
fn what_is_nothing_is_refused_with_a_sentence() {
    for text in ["", "   ", "hello", "GET", "\u{1}"] {
        let error = Input::read(text.as_bytes()).unwrap_err().to_string();
        assert!(error.len() > 12, "{error}");
    }
    assert!(Input::read(&vec![b'a'; 2 << 20]).is_err());
}

#[test]
fn the_secret_of_another_dialect_is_refused_with_a_sentence() {
    let request = "GET /v2/accounts HTTP/1.1\nHost: h\nAuthorization: Bearer a.b.c\n\n";
    let error = explain(&Input::read(request.as_bytes()).unwrap(), &options()).unwrap_err().to_string();
    assert!(error.contains("CDP key") && !error.contains(SECRET), "{error}");
}
