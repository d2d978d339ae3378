#![allow(clippy::unwrap_used)]

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::*;

const SECRET: &[u8] = b"the secret of a sandbox key, of forty-two bytes";
const ISO: &str = "2026-11-21T00:53:20.000Z";
const AT: Timestamp = Timestamp::from_millis(1_795_222_400_000);

fn told() -> Told {
    Told { arrived: AT, expires: AT.saturating_add(std::time::Duration::from_secs(600)), refused: "bad_signature", last_nonce: None }
}

fn okx(signed: &str, passphrase: &str) -> Option<Kept> {
    let signature = STANDARD.encode(hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, SECRET), signed.as_bytes()));
    let headers = vec![
        ("OK-ACCESS-KEY", "k"),
        ("OK-ACCESS-SIGN", signature.as_str()),
        ("OK-ACCESS-TIMESTAMP", ISO),
        ("OK-ACCESS-PASSPHRASE", passphrase),
        ("Cookie", "session=of-somebody"),
    ];
    let view = RequestView { method: "GET", target: b"/api/v5/a?b=c", headers: &headers, body: b"", host: Some("www.okx.com") };
    Kept::of_request(Purpose::Okx, &view)
}

fn faults(kept: &Kept) -> Vec<String> {
    let page = kept.explain(&Secret::new(SECRET.to_vec()), Some(&Secret::new(b"right phrase".to_vec())), told()).unwrap();
    for hidden in [str::from_utf8(SECRET).unwrap(), "right phrase", "of-somebody"] {
        assert!(!page.json.contains(hidden) && !page.text.contains(hidden), "{}", page.text);
    }
    let json: serde_json::Value = serde_json::from_str(&page.json).unwrap();
    assert_eq!((json["refused"].as_str(), json["arrived"].as_str()), (Some("bad_signature"), Some("2026-11-21T00:53:20.000Z")));
    let findings = json["report"]["findings"].as_array().unwrap();
    findings.iter().map(|finding| finding["id"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_kept_request_is_explained_as_the_tool_does() {
    let kept = okx(&format!("{ISO}GET/api/v5/a"), "right phrase").unwrap();
    assert_eq!((kept.key(), faults(&kept)), ("k", vec!["query-left-out".to_owned()]));
}

#[test]
fn a_passphrase_is_only_judged_where_the_signature_is_right() {
    let right = format!("{ISO}GET/api/v5/a?b=c");
    assert_eq!(faults(&okx(&right, "guess").unwrap()), ["passphrase-wrong"]);
    assert_eq!(faults(&okx(&right, "right phrase").unwrap()), Vec::<String>::new());
    for wrong in [format!("{ISO}GET/api/v5/a"), "something else".to_owned()] {
        let (guess, right) = (faults(&okx(&wrong, "guess").unwrap()), faults(&okx(&wrong, "right phrase").unwrap()));
        assert_eq!(guess, right, "a page tells passphrases apart before the proof");
        assert!(!guess.contains(&"passphrase-wrong".to_owned()), "{guess:?}");
    }
    // Neither as the key of a MAC.
    let signature = STANDARD.encode(hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, b"right phrase"), right.as_bytes()));
    let headers =
        vec![("OK-ACCESS-KEY", "k"), ("OK-ACCESS-SIGN", signature.as_str()), ("OK-ACCESS-TIMESTAMP", ISO), ("OK-ACCESS-PASSPHRASE", "p")];
    let view = RequestView { method: "GET", target: b"/api/v5/a?b=c", headers: &headers, body: b"", host: None };
    assert_eq!(faults(&Kept::of_request(Purpose::Okx, &view).unwrap()), ["wrong-secret"]);
}

/// Stars for what must not be shown would tell whoever sends guesses which of them is right.
#[test]
fn a_guess_in_a_request_is_told_as_it_was_sent() {
    let secret = Secret::new(SECRET.to_vec());
    let page = |guess: &str| {
        let target = format!("/api/v5/a?b={guess}");
        let headers = vec![
            ("OK-ACCESS-KEY", "k"),
            ("OK-ACCESS-SIGN", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="),
            ("OK-ACCESS-TIMESTAMP", ISO),
            ("OK-ACCESS-PASSPHRASE", "p"),
        ];
        let view = RequestView { method: "GET", target: target.as_bytes(), headers: &headers, body: b"", host: None };
        let kept = Kept::of_request(Purpose::Okx, &view).unwrap();
        kept.explain(&secret, Some(&Secret::new(b"right-phrase".to_vec())), told()).unwrap().json
    };
    for guess in ["right-phrase", "wrong-phrase"] {
        assert!(page(guess).contains(guess) && !page(guess).contains("****"), "{guess}");
    }
}

#[test]
fn what_is_long_or_names_no_key_or_shows_a_secret_is_not_kept() {
    let none: Vec<(&str, &str)> = Vec::new();
    let with_key = vec![("x-mbx-apikey", "k")];
    let body = vec![b'a'; KEPT_BYTES_MAX + 1];
    let view = RequestView { method: "POST", target: b"/api/v3/order", headers: &with_key, body: &body, host: None };
    assert!(Kept::of_request(Purpose::Binance, &view).is_none(), "too long");
    assert!(Kept::of_request(Purpose::Binance, &RequestView { body: b"", ..view }).is_some());
    assert!(Kept::of_request(Purpose::Binance, &RequestView { body: b"", headers: &none, ..view }).is_none(), "no key");
    let login = |grant: &str| {
        format!(
            r#"{{"id":1,"method":"public/auth","params":{{"grant_type":"{grant}","client_id":"k","client_secret":"s","signature":"x"}}}}"#
        )
    };
    assert!(Kept::of_frame(Purpose::Deribit, &login("client_credentials")).is_none(), "it shows its secret");
    assert_eq!(Kept::of_frame(Purpose::Deribit, &login("client_signature")).unwrap().key(), "k");
    assert!(Kept::of_frame(Purpose::Deribit, "no JSON").is_none());
    assert!(Kept::of_logon(Purpose::Okx, b"8=FIX.4.4\x019=5\x0135=A\x0110=000\x01").is_none(), "no venue's Logon");
}
