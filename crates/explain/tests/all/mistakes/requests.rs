//! The request as such: what is missing, twice, misspelt, in the wrong place.

use countersign_explain::{Mistake, Options, Verdict};

use crate::client::*;

const QUERY: &str = "symbol=BTCUSDT&timestamp=1795222400000";

fn right() -> String {
    binance_get(QUERY, &binance().sign(QUERY))
}

#[test]
pub(crate) fn headers() {
    named(Mistake::HeaderMissing, right().replace(&format!("X-MBX-APIKEY: {KEY}\r\n"), ""));
    named(
        Mistake::HeaderMissing,
        right().replace("timestamp=", "time=").replace(&binance().sign(QUERY), &binance().sign(QUERY.replace("timestamp", "time"))),
    );
    named(Mistake::HeaderMisspelt, right().replace("X-MBX-APIKEY", "X-MBX-API-KEY"));
    let twice = right().replace("X-MBX-APIKEY", &format!("X-MBX-APIKEY: {KEY}\r\nX-MBX-APIKEY"));
    named(Mistake::HeaderRepeated, twice);
    let query = "symbol=A&symbol=B&timestamp=1795222400000";
    named(Mistake::HeaderRepeated, binance_get(query, &binance().sign(query)));
    let okx_get = okx_request("GET", "/api/v5/a", "", &okx().sign(format!("{ISO}GET/api/v5/a")));
    named(Mistake::HeaderMisspelt, okx_get.replace("OK-ACCESS-SIGN", "OK-ACCESS-SIGNATUR").replace("SIGNATUR", "SIGNS"));
}

#[test]
pub(crate) fn a_secret_that_was_sent_is_shown_nowhere() {
    named(Mistake::SecretAsKey, right().replace(KEY, SECRET));
    let blank = explained(right().replace(KEY, &format!("{SECRET}\u{a0}")));
    assert!(blank.faults().contains(&Mistake::KeyHasBlanks), "{:?}", blank.faults());
    let query = format!("secret={SECRET}&{QUERY}");
    let report = explained(binance_get(&query, &binance().sign(&query)));
    assert!(report.faults().is_empty() && report.text.is_some_and(|text| text.text.contains("secret=***") && text.sha256.is_none()));
    explained(binance_get(&query, &binance().sign(QUERY)));
}

#[test]
pub(crate) fn what_is_no_request_is_told_apart() {
    let error = |text: &str| countersign_explain::Input::read(text.as_bytes()).unwrap_err().to_string();
    assert!(error("HTTP/1.1 401 Unauthorized\n\n{}").contains("answer"));
    let notes = |text: &str| explained_with(text, &Options { secret: None, ..options() }).notes.join("; ");
    assert!(notes("{'op':'login','args':[]}").contains("double quotes"));
    assert!(notes("https://api.binance.com/api/v3/account?timestamp=1").contains("a GET of it"));
    // Of nobody: a name that is nearly that of Bitfinex, which wants three.
    let report = explained("GET /foo HTTP/1.1\nHost: example.com\nX-API-Key: abc\n\n");
    assert_eq!(report.verdict, Verdict::Unrecognized);
    for frame in [
        r#"{"method":"subscribe","params":{"channel":"executions","token":"abc"}}"#,
        r#"{"event":"subscribe","subscription":{"name":"openOrders","token":"abc"}}"#,
    ] {
        let report = explained(frame);
        assert_eq!((report.dialect.as_ref().map(|dialect| dialect.name), report.faults()), (Some("kraken"), vec![]), "{frame}");
        assert!(report.notes.iter().any(|note| note.contains("token")), "{:?}", report.notes);
    }
}

#[test]
pub(crate) fn what_is_missing_says_what_is_there() {
    let bearer = "GET /api/v3/account HTTP/1.1\nHost: api.binance.com\nAuthorization: Bearer abc\n\n";
    assert!(explained(bearer).findings[0].saw.contains("Authorization"));
    let old = "GET /api/v3/brokerage/accounts HTTP/1.1\nHost: api.coinbase.com\nCB-ACCESS-KEY: k\nCB-ACCESS-SIGN: aa\nCB-ACCESS-TIMESTAMP: 1795222400\n\n";
    assert_eq!(explained(old).faults(), [Mistake::OldVersion]);
    let millis = format!(
        r#"{{"op":"login","args":[{{"apiKey":"k","passphrase":"{PASSPHRASE}","timestamp":"{NOW_MS}","sign":"{}"}}]}}"#,
        okx().sign(format!("{NOW_MS}GET/users/self/verify"))
    );
    let report = explained(millis);
    assert_eq!((report.faults(), report.clock.is_none()), (vec![Mistake::TimestampInMillis], true));
    let shown = r#"{"method":"public/auth","params":{"grant_type":"client_credentials","client_id":"k","client_secret":"other"}}"#;
    named(Mistake::SecretOther, shown);
}

#[test]
pub(crate) fn keys() {
    named(Mistake::KeyHasBlanks, right().replace(KEY, &format!("\"{KEY}\"")));
    named(Mistake::KeyHasBlanks, right().replace(KEY, &format!("{KEY}\u{a0}")));
    named(Mistake::Placeholder, right().replace(KEY, "YOUR_API_KEY"));
    let curl =
        format!("curl 'https://api.binance.com/api/v3/account?{QUERY}&signature={}' -H 'X-MBX-APIKEY: $API_KEY'", binance().sign(QUERY));
    named(Mistake::Placeholder, curl);
}

#[test]
pub(crate) fn places_and_methods() {
    let body = r#"{"category":"linear"}"#;
    let signature = binance().sign(format!("{NOW_MS}{KEY}5000{body}"));
    let request = bybit("POST", "/v5/order/create?category=linear", &NOW_MS.to_string(), Some("5000"), body, &signature);
    named(Mistake::QueryAndBody, request);
    let signed = [b"/0/private/Balance".to_vec(), sha256(b"5nonce=5")].concat();
    named(Mistake::QueryAndBody, kraken_request("/0/private/Balance?asset=X", "nonce=5", &kraken().sign(signed)));
    let okx_post = okx_request("post", "/api/v5/a", "{}", &okx().sign(format!("{ISO}POST/api/v5/a{{}}")));
    named(Mistake::MethodSentLowerCase, okx_post);
    let query = "symbol&timestamp=1795222400000";
    named(Mistake::BodyIsNoForm, binance_get(query, &binance().sign(query)));
}

#[test]
pub(crate) fn what_the_dialect_refuses_for_its_ambiguity_is_said() {
    // The signature is right, and text could be cut elsewhere.
    let request = okx_request("POST", "/api/v5/a", "x=1", &okx().sign(format!("{ISO}POST/api/v5/ax=1")));
    named(Mistake::Refused, &request);
    let report = explained(request);
    assert!(report.findings[0].saw.contains("two ways"));
}

#[test]
pub(crate) fn without_a_key_the_expected_text_is_told() {
    let report = explained_with(right(), &Options { secret: None, passphrase: None, ..options() });
    assert_eq!((report.verdict, report.faults().len()), (Verdict::Unchecked, 0));
    let text = report.text.unwrap();
    assert_eq!((text.text.as_str(), text.bytes), (QUERY, QUERY.len()));
    assert_eq!(text.sha256.unwrap(), hex::encode(sha256(QUERY.as_bytes())));
    assert!(report.dialect.unwrap().why.contains("x-mbx-apikey"));
    assert!(report.gateway.is_none());
}

#[test]
pub(crate) fn nothing_that_is_known_is_said() {
    let report = explained(raw("GET", "/index.html", &[("Host", "example.com")], ""));
    assert_eq!(report.verdict, Verdict::Unrecognized);
}
